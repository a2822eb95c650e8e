"""What a worker can be asked; TensorFlow is imported when it is.

Each job's first argument is where the run store lies, so that a worker of
another machine's cluster writes to the same one.
"""

import contextlib
import os
import platform
import threading
import time
from collections.abc import Callable
from typing import Any

from cvcore.errors import N_, CvCoreError, EngineError
from cvcore.history import (
    Done,
    Event,
    Failed,
    Preparing,
    Stopped,
    to_json,
)
from cvcore.runs import Predictions, RunStore
from cvcore.spec import RunSpec

TOPIC = "cvcore"
"""Under which a worker tells dask of events, for every run."""

_to_stop: set[str] = set()


def train(url: str, spec: RunSpec, attempt: int, name: str) -> None:
    """Train a run and tell what happens.

    Parameters
    ----------
    url : str
        The run store.
    spec : RunSpec
    attempt : int
        How often this run was begun, with this time.
    name : str
        What `stop` calls it.
    """
    from distributed import get_worker

    store, digest, worker = RunStore(url), spec.digest(), get_worker()
    reporter = Reporter(
        store, digest, attempt, lambda line: worker.log_event(TOPIC, {"run": digest, "event": line})
    )
    try:
        store.begin(spec)
        reporter.emit(Preparing, host=platform.node(), process=os.getpid())
        _train(store, spec, reporter, name)
    except CvCoreError as error:
        reporter.fail(error)
    except MemoryError:
        reporter.fail(_out_of_memory())
    except Exception as error:
        reporter.fail(unforeseen(error))
    finally:
        _to_stop.discard(name)


def _train(store: RunStore, spec: RunSpec, reporter: "Reporter", name: str) -> None:
    from cvcore import inference, training

    digest = spec.digest()
    try:
        store.make_room(keep=digest)
        outcome = training.train(
            spec,
            emit=reporter.emit,
            stopped=lambda: name in _to_stop,
            keep=lambda epoch, weights: store.save_weights(digest, epoch, weights),
        )
        store.save_predictions(digest, outcome.predictions)
    except training.StopAsked:
        reporter.emit(Stopped)
        return
    loss, accuracy = inference.score(outcome.predictions)
    reporter.emit(Done, test_loss=loss, test_accuracy=accuracy, early=outcome.early)


def stop(name: str) -> None:
    """Let a training end within a moment."""
    _to_stop.add(name)


def warm_up(url: str) -> None:  # noqa: ARG001 - every job has it
    """Import TensorFlow before the first training waits for it."""
    from cvcore import training  # noqa: F401


def test_predictions(url: str, digest: str, epoch: int) -> Predictions:
    """Return what a run's network says of the test pictures, as it was after an epoch.

    Raises
    ------
    EngineError
        If the weights of that epoch are not in the store.
    """
    from cvcore import inference

    store = RunStore(url)
    spec, weights = store.spec(digest), store.weights(digest, epoch)
    if spec is None or weights is None:
        raise EngineError(
            N_(
                "The weights after epoch {epoch} are not in the run store any more. "
                "Press Train to train this network again."
            ),
            epoch=epoch,
        )
    return inference.predict_again(spec, weights)


class Reporter:
    """Numbers a run's events, writes them to the store and tells whoever listens.

    Parameters
    ----------
    store : RunStore
    digest : str
    attempt : int
    tell : callable
        Takes each event as JSON.
    """

    def __init__(
        self, store: RunStore, digest: str, attempt: int, tell: Callable[[str], object]
    ) -> None:
        self._store, self._digest, self._attempt, self._tell = store, digest, attempt, tell
        self._number = 0
        self._unwritten: list[Event] = []
        self._lock = threading.Lock()

    def emit(self, kind: type[Event], **values: Any) -> None:
        """Give an event its number and time, and send it on both ways."""
        with self._lock:
            event = kind(attempt=self._attempt, number=self._number, at=time.time(), **values)
            self._number += 1
            self._unwritten.append(event)
            try:
                # First, so that what a page has heard of is there for whoever comes later.
                if self._store.writes_at_once(event):
                    self._store.append(self._digest, *self._unwritten)
                    self._unwritten.clear()
            finally:
                self._tell(to_json(event))

    def fail(self, error: CvCoreError) -> None:
        """Tell of an error as the run's last event."""
        # Where the store cannot be written, that is what failed, and it was told.
        with contextlib.suppress(EngineError):
            self.emit(
                Failed, error=type(error).__name__, sentence=error.sentence, values=error.values
            )


def _out_of_memory() -> EngineError:
    return EngineError(
        N_(
            "This machine's memory is too small for the training. Choose a smaller batch size, "
            "fewer filters or fewer units, and press Train."
        )
    )


def unforeseen(error: BaseException) -> EngineError:
    """Make a sentence of an error that is nobody's wrong setting."""
    if type(error).__name__ == "ResourceExhaustedError":  # TensorFlow's name for it
        return _out_of_memory()
    return EngineError(
        N_(
            "The training broke off for a reason that nobody foresaw ({reason}). "
            "Press Train to try once more, or change a setting."
        ),
        reason=f"{type(error).__name__}: {error}"[:200],
    )
