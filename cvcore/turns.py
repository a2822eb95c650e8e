"""Trainings that take turns on one processor, so that none is favoured and each is timed fairly."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

TURN_SECONDS = 0.5  # of processor time: a neighbour on the machine meets all alike


class Turn:
    """One training's place among those that take turns, and the processor time it has used.

    `Turns.join` makes it. The training computes inside a ``with`` of it, and
    offers its turn often.
    """

    def __init__(self, turns: "Turns", hurries: Callable[[], object]) -> None:
        self._turns, self.hurries = turns, hurries
        self._spent = 0.0
        self._begun: float | None = None
        self._since = 0.0

    @property
    def seconds(self) -> float:
        """Processor time of this process while it was this training's turn and it was counted."""
        now = time.process_time()
        return self._spent + (now - self._begun if self._begun is not None else 0.0)

    @contextmanager
    def uncounted(self) -> Iterator[None]:
        """Do something in one's turn that is not part of the training, such as writing a file."""
        counted = self._begun is not None
        self._pause()
        try:
            yield
        finally:
            if counted:
                self.count()

    def count(self, *, earlier: float = 0.0) -> None:
        """Count from here on, and add what was used before this process."""
        self._spent += earlier
        self._begun = time.process_time()

    def offer(self) -> None:
        """Let the next one go on, if this turn was long enough; return when it is back."""
        if self._turns.alone or time.process_time() - self._since < TURN_SECONDS:
            return
        counted = self._begun is not None
        self._pause()
        self._turns.hand_over(self)
        self._since = time.process_time()
        if counted:
            self.count()

    def _pause(self) -> None:
        self._spent, self._begun = self.seconds, None

    def __enter__(self) -> "Turn":
        self._turns.wait(self)
        self._since = time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self._pause()
        self._turns.leave(self)


class Turns:
    """Whose turn it is."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._order: list[Turn] = []

    def join(self, hurries: Callable[[], object]) -> Turn:
        """Give a training its place, before any of them begins.

        Parameters
        ----------
        hurries : callable
            Says whether this training was asked to end: then it goes before the others.
        """
        turn = Turn(self, hurries)
        self._order.append(turn)
        return turn

    @property
    def alone(self) -> bool:
        """Whether there is nobody to take turns with."""
        return len(self._order) < 2

    def wait(self, turn: Turn) -> None:
        """Return when it is a training's turn."""
        with self._changed:
            while self._order[0] is not turn:
                self._changed.wait()

    def hand_over(self, turn: Turn) -> None:
        """Let the next one go on, and return when it is this one's turn again."""
        with self._changed:
            self._order.append(self._order.pop(0))
            self._advance()
        self.wait(turn)

    def leave(self, turn: Turn) -> None:
        """Take no turns any more."""
        with self._changed:
            self._order.remove(turn)
            self._advance()

    def _advance(self) -> None:
        # Stable: whoever was asked to end comes first, then everybody in turn.
        self._order.sort(key=lambda turn: not turn.hurries())
        self._changed.notify_all()
