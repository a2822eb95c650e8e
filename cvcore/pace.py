"""How far a long job has come, for whoever waits for it; and its end, when somebody asks for it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from cvcore.errors import N_, CvCoreError

TELL_SECONDS = 0.2


class CancelledError(CvCoreError):
    """Somebody ended a job that took long."""


class _Waiting(threading.local):
    """To whom this thread's job tells how far it is, and who asks it to end."""

    tell: Callable[[float, Any], object] | None = None
    asked: Callable[[], object] | None = None
    told_at = 0.0


_waiting = _Waiting()


def reach(share: float) -> None:
    """Say how much of this thread's job is done; where nobody waits for it, nothing happens.

    Parameters
    ----------
    share : float
        From 0 to 1.

    Raises
    ------
    CancelledError
        If the job is to end here.
    """
    if is_over():
        raise cancelled()
    tell(share)


def tell(share: float, found: Any = None) -> None:
    """Say how much is done, and what is known by now; the job goes on.

    Parameters
    ----------
    share : float
    found : optional
        What JSON can say; a page draws it while the job goes on.
    """
    now = time.monotonic()
    if _waiting.tell is not None and now - _waiting.told_at >= TELL_SECONDS:
        _waiting.told_at = now
        _waiting.tell(share, found)


def is_over() -> bool:
    """Say whether somebody asked this thread's job to end."""
    return _waiting.asked is not None and bool(_waiting.asked())


def cancelled() -> CancelledError:
    """Return the sentence for a job that was ended on somebody's word."""
    return CancelledError(N_("This was stopped before it was done. Its button begins it anew."))


@contextmanager
def watched(tell: Callable[[float, Any], object], asked: Callable[[], object]) -> Iterator[None]:
    """Let what this thread does inside tell how far it is, five times a second at most.

    Parameters
    ----------
    tell : callable
        Takes the share that is done, and what is known by now.
    asked : callable
        Returns something true once the job is to end.
    """
    _waiting.tell, _waiting.asked, _waiting.told_at = tell, asked, 0.0
    try:
        yield
    finally:
        _waiting.tell = _waiting.asked = None
