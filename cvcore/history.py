"""What happens in a run, as events; and what is known so far, as snapshots."""

import dataclasses
import json
import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from cvcore.arrays import IntArray
from cvcore.errors import AssetError, CvCoreError, EngineError, PictureError, SettingError
from cvcore.spec import RunSpec

Series: TypeAlias = npt.NDArray[np.float64]

State: TypeAlias = Literal[
    "queued",
    "starting",
    "preparing",
    "running",
    "stopping",
    "finished",
    "stopped",
    "paused",
    "failed",
    "interrupted",
]
UNFINISHED: frozenset[State] = frozenset(("stopped", "paused", "failed", "interrupted"))
ENDED: frozenset[State] = UNFINISHED | {"finished"}

EndedBy: TypeAlias = Literal["", "accuracy", "patience", "seconds"]
"""What ended a finished run before its last epoch: one of its own rules, or nothing did."""

End: TypeAlias = Literal["stop", "pause"]
"""How a visitor ends a run: the network that is stopped is asked for the test pictures."""

MAX_BATCH_POINTS = 1_000

_ERRORS: Mapping[str, type[CvCoreError]] = MappingProxyType(
    {kind.__name__: kind for kind in (PictureError, SettingError, AssetError, EngineError)}
)


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened in a run.

    Parameters
    ----------
    attempt : int
        From 1: how often the run was begun or taken up again.
    number : int
        From 0 in each attempt, so that an event that arrives twice counts once.
    at : float
        Seconds since 1970, by the clock of the worker.
    """

    kind: ClassVar[str]
    attempt: int
    number: int
    at: float


@dataclass(frozen=True, kw_only=True)
class Preparing(Event):
    """A worker took the run: TensorFlow, data set and network come next.

    Parameters
    ----------
    host : str
    process : int
        The worker's process on that host, to tell later whether it is still there.
    resumes : int, optional
        The epoch after which it takes the run up; what came later is forgotten. 0: all of it.
    """

    kind: ClassVar[str] = "preparing"
    host: str
    process: int
    resumes: int = 0


@dataclass(frozen=True, kw_only=True)
class Started(Event):
    """The network is built and the pictures are loaded.

    Parameters
    ----------
    epochs, steps : int
        Epochs, and batches in each.
    training_pictures, validation_pictures, test_pictures, parameters : int
    """

    kind: ClassVar[str] = "started"
    epochs: int
    steps: int
    training_pictures: int
    validation_pictures: int
    test_pictures: int
    parameters: int


@dataclass(frozen=True, kw_only=True)
class Batch(Event):
    """A moment inside an epoch, at most five a second.

    Parameters
    ----------
    epoch : int
        From 1.
    step : int
        Batches done in this epoch, from 1.
    loss, accuracy : float
        Of this epoch's pictures so far.
    images_per_second : float
        Since the last such event.
    processor_seconds : float or None, optional
        As in `Epoch`.
    """

    kind: ClassVar[str] = "batch"
    epoch: int
    step: int
    loss: float
    accuracy: float
    images_per_second: float
    processor_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Epoch(Event):
    """The end of an epoch; its weights are in the run store.

    Parameters
    ----------
    epoch : int
        From 1.
    loss, accuracy : float
        Mean over the epoch's training pictures, each before the step that learned from it.
    val_loss, val_accuracy : float or None
        After the epoch; None without validation pictures.
    images_per_second : float
        Training pictures, over the epoch without its validation.
    learning_rate : float or None, optional
        At the epoch's last step.
    processor_seconds : float or None, optional
        The run's processor time from its first step to here: of its steps, with building
        the graph, and of its validation. A pause, and the turns of others, do not count.
    """

    kind: ClassVar[str] = "epoch"
    epoch: int
    loss: float
    accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    images_per_second: float
    learning_rate: float | None = None
    processor_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Partial(Event):
    """The end of a run inside an epoch; its weights are in the run store.

    Parameters
    ----------
    moment : float
        In epochs: 2.25 is a quarter into the third one.
    loss, accuracy : float
        Mean over the pictures of this epoch that were seen, each before the step that
        learned from it.
    val_loss, val_accuracy : float or None
        At that moment; None without validation pictures.
    learning_rate : float
        At the last step.
    processor_seconds : float
        As in `Epoch`.
    """

    kind: ClassVar[str] = "partial"
    moment: float
    loss: float
    accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    learning_rate: float
    processor_seconds: float


@dataclass(frozen=True, kw_only=True)
class Done(Event):
    """The run ended as it should.

    Parameters
    ----------
    test_loss, test_accuracy : float
    early : bool
        Whether one of its rules ended it before the last epoch.
    ended_by : {'', 'accuracy', 'patience', 'seconds'}, optional
        Which one: the training accuracy to stop at, the validation loss that was not beaten
        for so many epochs, or the processor time.
    """

    kind: ClassVar[str] = "done"
    test_loss: float
    test_accuracy: float
    early: bool
    ended_by: EndedBy = ""


@dataclass(frozen=True, kw_only=True)
class Stopped(Event):
    """A visitor ended the run.

    Parameters
    ----------
    moment : float or None, optional
        Where it stood, in epochs; its weights of then are in the run store.
    test_loss, test_accuracy : float or None, optional
        With those weights. None where nothing had begun, or there was no time for it.
    """

    kind: ClassVar[str] = "stopped"
    moment: float | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None


@dataclass(frozen=True, kw_only=True)
class Paused(Event):
    """A visitor ended the run for the time being."""

    kind: ClassVar[str] = "paused"


@dataclass(frozen=True, kw_only=True)
class Failed(Event):
    """The run broke off: a `CvCoreError`, taken apart.

    Parameters
    ----------
    error : str
        The name of its kind.
    sentence : str
    values : dict of str to str, int or float
    """

    kind: ClassVar[str] = "failed"
    error: str
    sentence: str
    values: dict[str, Any]

    def rebuild(self) -> CvCoreError:
        """Return the error as it was raised."""
        return _ERRORS.get(self.error, EngineError)(self.sentence, **self.values)


EVENTS: Mapping[str, type[Event]] = MappingProxyType(
    {
        kind.kind: kind
        for kind in (Preparing, Started, Batch, Epoch, Partial, Done, Stopped, Paused, Failed)
    }
)


def to_json(event: Event) -> str:
    """Return an event as one line of JSON, for the run store and for the wire."""
    return json.dumps({"kind": event.kind, **dataclasses.asdict(event)}, separators=(",", ":"))


def from_json(line: str | bytes) -> Event:
    """Read what `to_json` wrote.

    Raises
    ------
    ValueError
        If the line is torn, or not an event.
    """
    data = json.loads(line)
    try:
        return EVENTS[data.pop("kind")](**data)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(line) from error


@dataclass(frozen=True, eq=False, kw_only=True)
class Snapshot:
    """What is known of a run at one moment.

    Parameters
    ----------
    spec : RunSpec
    state : str
        'queued', 'starting' (the engine), 'preparing' (data and network), 'running',
        'stopping' (or pausing); then 'finished', 'stopped', 'paused', 'failed' or
        'interrupted'.
    ahead : int
        Runs that are trained before this one, while it is queued.
    error : CvCoreError or None
        Why it failed or was interrupted.
    epoch : ndarray of int64, shape (k,)
        The finished epochs: 1, 2, …; those of a branch begin after the epoch it branched from.
    loss, accuracy, val_loss, val_accuracy : ndarray of float64, shape (k,)
        NaN where there is no validation.
    learning_rate : ndarray of float64, shape (k,)
        At the last step of each epoch; NaN where it was not told.
    processor_seconds : ndarray of float64, shape (k,)
        From the run's first step to the end of each epoch, as `Epoch` counts them; NaN where
        they were not told.
    batch_epoch : ndarray of float64, shape (m,)
        Moments inside epochs, m <= 1,000: 0.25 is a quarter into the first one.
    batch_loss, batch_accuracy : ndarray of float64, shape (m,)
        Of the epoch's pictures up to that moment.
    batch_seconds : ndarray of float64, shape (m,)
        Processor time from the run's first step up to that moment; NaN where it was not told.
    epochs, training_pictures, validation_pictures, test_pictures, parameters : int
        0, except for the epochs, until the network is built.
    progress : float
        From 0 to 1: of its epochs, or of its processor time if that is used up sooner.
    seconds : float
        From taking the run up to the last event, without its pauses.
    seconds_left : float or None
        None until it can be told.
    images_per_second : float or None
    test_loss, test_accuracy : float or None
        Of a finished run, or of one that was stopped.
    early : bool
        Whether one of its own rules ended it before the last epoch.
    ended_by : {'', 'accuracy', 'patience', 'seconds'}
        Which one.
    partial : Partial or None
        Where it ended, if that was inside an epoch because its processor time was used up.
    moment : float
        Where it stands, in epochs.
    """

    spec: RunSpec
    state: State
    ahead: int
    error: CvCoreError | None
    epoch: IntArray
    loss: Series
    accuracy: Series
    val_loss: Series
    val_accuracy: Series
    learning_rate: Series
    processor_seconds: Series
    batch_epoch: Series
    batch_loss: Series
    batch_accuracy: Series
    batch_seconds: Series
    epochs: int
    training_pictures: int
    validation_pictures: int
    test_pictures: int
    parameters: int
    progress: float
    seconds: float
    seconds_left: float | None
    images_per_second: float | None
    test_loss: float | None
    test_accuracy: float | None
    early: bool
    ended_by: EndedBy
    partial: Partial | None
    moment: float

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen, unless it is asked for."""
        return self.state in ENDED

    @property
    def can_resume(self) -> bool:
        """Whether it ended before it was finished, with an epoch from which to go on."""
        return self.state in UNFINISHED and self.epoch.size > 0


class History:
    """One run's events so far, safe to use from several threads.

    Parameters
    ----------
    spec : RunSpec
    state : str, optional
        Where it stands before the first event.
    """

    def __init__(self, spec: RunSpec, *, state: State = "queued") -> None:
        self.spec = spec
        self._lock = threading.Lock()
        self._attempt, self._last_number = 0, -1
        self._state: State = state
        self._error: CvCoreError | None = None
        self._preparing: Preparing | None = None
        self._started: Started | None = None
        self._epochs: list[Epoch] = []
        self._batches: list[Batch] = []
        self._batch_stride, self._batches_seen = 1, 0
        self._first_batch: Batch | None = None  # of this attempt
        self._last_batch: Batch | None = None
        self._partial: Partial | None = None
        self._end: Done | Stopped | None = None
        self._last_at = self._worked_until = 0.0
        self._earlier_seconds = 0.0  # of attempts that this one goes on from
        self._images_per_second: float | None = None
        self._spent = 0.0  # processor time

    @property
    def state(self) -> State:
        """As in `Snapshot`."""
        with self._lock:
            return self._state

    @property
    def attempt(self) -> int:
        """The attempt of the last event; 0 before the first one."""
        with self._lock:
            return self._attempt

    @property
    def next_number(self) -> int:
        """The number of the event that would come next."""
        with self._lock:
            return self._last_number + 1

    @property
    def worker(self) -> Preparing | None:
        """Who took the run, and when; None while nobody has."""
        with self._lock:
            return self._preparing

    @property
    def last_at(self) -> float:
        """When the last event happened, in seconds since 1970; 0 before the first one."""
        with self._lock:
            return self._last_at

    def add(self, event: Event) -> None:
        """Take in an event; one that was seen before, or of an older attempt, changes nothing."""
        with self._lock:
            if event.attempt > self._attempt:
                self._try_again(event.attempt, "queued")
            old = event.attempt < self._attempt or event.number <= self._last_number
            # A worker that was killed for it can still be heard after a run was called stopped.
            if old or self._state in ENDED:
                return
            self._last_number, self._last_at = event.number, event.at
            self._take(event)
            # What ends a queued run is told by nobody who has worked at it.
            if self._preparing is not None and self._preparing.attempt == event.attempt:
                self._worked_until = event.at

    def queue_again(self, attempt: int, state: State) -> None:
        """Take note that a run that has ended is to go on; what is known of it stays until then.

        Parameters
        ----------
        attempt : int
            Whose events are heard from now on.
        state : {'queued', 'starting'}
        """
        with self._lock:
            self._try_again(attempt, state)

    def _try_again(self, attempt: int, state: State) -> None:
        self._attempt, self._last_number = attempt, -1
        self._state, self._error = state, None

    def _resume(self, event: Preparing) -> None:
        """Forget what came after the epoch from which a worker goes on."""
        if event.resumes and self._preparing is not None:
            self._earlier_seconds += max(self._worked_until - self._preparing.at, 0.0)
        else:
            self._earlier_seconds = 0.0
            self._started = None
        self._epochs = [it for it in self._epochs if it.epoch <= event.resumes]
        self._batches = [it for it in self._batches if it.epoch <= event.resumes]
        if not self._batches:
            self._batch_stride, self._batches_seen = 1, 0
        self._first_batch = self._last_batch = None
        self._partial = self._end = None
        self._images_per_second = None
        self._spent = (self._epochs[-1].processor_seconds or 0.0) if self._epochs else 0.0
        self._preparing, self._state = event, "preparing"

    def mark(self, state: State, error: CvCoreError | None = None) -> None:
        """Set a state that no worker reports; a run that has ended stays as it is."""
        with self._lock:
            if self._state not in ENDED:
                self._state, self._error = state, error

    def _take(self, event: Event) -> None:
        if isinstance(event, (Batch, Epoch, Partial)):
            self._spent = event.processor_seconds or self._spent
        match event:
            case Preparing():
                self._resume(event)
            case Started():
                self._started = event
                self._run()
            case Batch():
                self._run()
                self._images_per_second = event.images_per_second
                self._first_batch = self._first_batch or event
                self._last_batch = event
                self._keep_batch(event)
            case Epoch():
                self._run()
                self._images_per_second = event.images_per_second
                self._epochs.append(event)
            case Partial():
                self._run()
                self._partial = event
            case Done():
                self._end, self._state = event, "finished"
            case Stopped():
                self._state = "stopped"
                if event.moment is not None:  # None while it was queued: what was known stays
                    self._end = event
            case Paused():
                self._state = "paused"
            case Failed():
                self._state, self._error = "failed", event.rebuild()

    def _run(self) -> None:
        if self._state != "stopping":  # a worker goes on until it hears of it
            self._state = "running"

    def _keep_batch(self, event: Batch) -> None:
        """Keep every event, then every second one, every fourth…, so that a chart stays quick."""
        if self._batches_seen % self._batch_stride == 0:
            self._batches.append(event)
            if len(self._batches) > MAX_BATCH_POINTS:
                del self._batches[1::2]
                self._batch_stride *= 2
        self._batches_seen += 1

    def snapshot(self, *, ahead: int = 0) -> Snapshot:
        """Return what is known so far.

        Parameters
        ----------
        ahead : int, optional
            Runs before this one, which the engine knows.
        """
        with self._lock:
            started, end = self._started, self._end
            done = end if isinstance(end, Done) else None
            steps = started.steps if started else 1
            position, first = self._position(steps), self.spec.from_epoch
            asked = started.epochs if started else self.spec.epochs
            progress = min((position - first) / (asked - first), 1.0)
            if self.spec.seconds is not None:
                progress = max(progress, min(self._spent / self.spec.seconds, 1.0))
            moments = [(batch.epoch - 1) + batch.step / steps for batch in self._batches]
            return Snapshot(
                spec=self.spec,
                state=self._state,
                ahead=ahead,
                error=self._error,
                epoch=np.array([event.epoch for event in self._epochs], np.int64),
                loss=_series([event.loss for event in self._epochs]),
                accuracy=_series([event.accuracy for event in self._epochs]),
                val_loss=_series([event.val_loss for event in self._epochs]),
                val_accuracy=_series([event.val_accuracy for event in self._epochs]),
                learning_rate=_series([event.learning_rate for event in self._epochs]),
                processor_seconds=_series([event.processor_seconds for event in self._epochs]),
                batch_epoch=_series(moments),
                batch_loss=_series([batch.loss for batch in self._batches]),
                batch_accuracy=_series([batch.accuracy for batch in self._batches]),
                batch_seconds=_series([batch.processor_seconds for batch in self._batches]),
                epochs=asked,
                training_pictures=started.training_pictures if started else 0,
                validation_pictures=started.validation_pictures if started else 0,
                test_pictures=started.test_pictures if started else 0,
                parameters=started.parameters if started else 0,
                progress=1.0 if done else progress,
                seconds=self._earlier_seconds
                + (max(self._worked_until - self._preparing.at, 0.0) if self._preparing else 0.0),
                seconds_left=self._seconds_left(position, asked, steps),
                images_per_second=self._images_per_second,
                test_loss=end.test_loss if end else None,
                test_accuracy=end.test_accuracy if end else None,
                early=done.early if done else False,
                ended_by=done.ended_by if done else "",
                partial=self._partial,
                moment=position,
            )

    def _position(self, steps: int) -> float:
        """Return how many epochs are done, with the part of the one that runs."""
        whole = float(self._epochs[-1].epoch if self._epochs else self.spec.from_epoch)
        last, partial = self._last_batch, self._partial
        if isinstance(self._end, Stopped) and self._end.moment is not None:
            return self._end.moment
        if partial is not None:
            return partial.moment
        return max(whole, (last.epoch - 1) + last.step / steps) if last else whole

    def _seconds_left(self, position: float, asked: int, steps: int) -> float | None:
        # Counted from the first moment inside an epoch: before it, the graph was built.
        first = self._first_batch
        if self._state not in ("running", "stopping") or first is None:
            return None
        begun = (first.epoch - 1) + first.step / steps
        if position <= begun:
            return None
        parts = (asked - position) / (position - begun)
        budget, spent = self.spec.seconds, self._spent - (first.processor_seconds or 0.0)
        if budget is not None and spent > 0:
            parts = min(parts, (budget - self._spent) / spent)
        return max((self._last_at - first.at) * parts, 0.0)


def _series(values: list[float] | list[float | None]) -> Series:
    return np.array([math.nan if value is None else value for value in values], np.float64)
