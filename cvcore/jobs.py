"""What a worker can be asked; TensorFlow is imported when it is.

Each job's first argument is where the run store lies, so that a worker of
another machine's cluster writes to the same one.
"""

import contextlib
import os
import platform
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from cvcore import pace
from cvcore.arrays import AnyArray
from cvcore.errors import N_, CvCoreError, EngineError
from cvcore.history import (
    Done,
    End,
    Event,
    Failed,
    Paused,
    Preparing,
    Stopped,
    to_json,
)
from cvcore.runs import Predictions, RunStore, TrainingState
from cvcore.spec import RunSpec
from cvcore.waking import import_tensorflow

if TYPE_CHECKING:
    from cvcore.turns import Turn

TOPIC = "cvcore"
"""Under which a worker tells dask of events, for every run."""

_to_end: dict[str, End] = {}


def name_of(digest: str, attempt: int) -> str:
    """Return what `end` calls a training."""
    return f"{digest}-{attempt}"


def train(url: str, specs: tuple[RunSpec, ...], attempts: tuple[int, ...]) -> None:
    """Train runs, several in turns, and tell what happens.

    Parameters
    ----------
    url : str
        The run store.
    specs : tuple of RunSpec
    attempts : tuple of int
        For each, how often it was begun or taken up, with this time.
    """
    from distributed import get_worker

    from cvcore.turns import Turns

    worker, store, turns = get_worker(), RunStore(url), Turns()

    def tell(digest: str, line: str) -> None:
        worker.log_event(TOPIC, {"run": digest, "event": line})

    threads = []
    for spec, attempt in zip(specs, attempts, strict=True):
        digest = spec.digest()
        reporter = Reporter(store, digest, attempt, partial(tell, digest))
        asked = partial(_to_end.get, name_of(digest, attempt))
        arguments = (store, spec, reporter, asked, turns.join(asked))
        threads.append(threading.Thread(target=_train, args=arguments, name=digest))
    with contextlib.suppress(CvCoreError):  # a run says itself what it cannot write
        store.make_room(keep=[spec.digest() for spec in specs])
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        for spec, attempt in zip(specs, attempts, strict=True):
            _to_end.pop(name_of(spec.digest(), attempt), None)


def _train(
    store: RunStore,
    spec: RunSpec,
    reporter: "Reporter",
    asked: Callable[[], End | None],
    turn: "Turn",
) -> None:
    """Train one run and tell of all that can happen to it."""
    with turn:
        try:
            _train_or_raise(store, spec, reporter, asked, turn)
        except CvCoreError as error:
            reporter.fail(error)
        except MemoryError:
            reporter.fail(_out_of_memory())
        except Exception as error:
            reporter.fail(unforeseen(error))


def _train_or_raise(
    store: RunStore,
    spec: RunSpec,
    reporter: "Reporter",
    asked: Callable[[], End | None],
    turn: "Turn",
) -> None:
    digest = spec.digest()
    # Weights of epochs that the run's own story does not tell of are no start.
    past = store.replay(digest)
    told = past.snapshot().epoch.tolist() if past is not None else []
    kept = [epoch for epoch in store.branchable(digest) if epoch in told and epoch <= spec.epochs]
    resumes = max(kept, default=0)
    store.begin(spec, resumes=resumes)
    reporter.emit(Preparing, host=platform.node(), process=os.getpid(), resumes=resumes)
    import_tensorflow()
    from cvcore import inference, training

    start = None
    if resumes:
        start = training.Start.kept(store, digest, resumes, own=True)
    elif spec.parent:
        store.check_branch(spec)
        start = training.Start.kept(store, spec.parent, spec.from_epoch, own=False)
    outcome = training.train(
        spec,
        emit=reporter.emit,
        keep=partial(keep, store, digest),
        asked=asked,
        start=start,
        turn=turn,
    )
    if outcome.ended_by == "pause":
        reporter.emit(Paused)
        return
    loss = accuracy = None
    if outcome.predictions is not None:
        store.save_predictions(digest, outcome.predictions)
        loss, accuracy = inference.score(outcome.predictions)
    if outcome.ended_by == "stop":
        reporter.emit(Stopped, moment=outcome.moment, test_loss=loss, test_accuracy=accuracy)
    else:
        reporter.emit(
            Done,
            test_loss=loss,
            test_accuracy=accuracy,
            early=outcome.ended_by != "",
            ended_by=outcome.ended_by,
        )


def keep(
    store: RunStore,
    digest: str,
    moment: float,
    weights: Mapping[str, AnyArray],
    state: TrainingState | None,
) -> None:
    """Write the weights of a moment, with what going on from there needs."""
    if state is not None:
        store.save_state(digest, int(moment), state)
    store.save_weights(digest, moment, weights)
    store.thin_out(digest)


def end(name: str, how: End) -> None:
    """Let a training, or what `compute` does, end within a moment.

    Parameters
    ----------
    name : str
        As `name_of` makes it; or what `compute` was given.
    how : {'stop', 'pause'}
        A run that is stopped is asked for the test pictures before it ends.
    """
    _to_end[name] = how


def warm_up(url: str) -> None:  # noqa: ARG001 - every job has it
    """Import TensorFlow before the first training waits for it."""
    import_tensorflow()
    from cvcore import training  # noqa: F401


def several(
    url: str, questions: tuple[tuple[Any, ...], ...]
) -> list[tuple[Any, CvCoreError | None]]:
    """Answer several questions, each with its answer or with the reason why there is none.

    Parameters
    ----------
    url : str
    questions : tuple of tuple
        A job, and what follows its first argument.
    """
    answers: list[tuple[Any, CvCoreError | None]] = []
    for job, *arguments in questions:
        try:
            answers.append((job(url, *arguments), None))
        except CvCoreError as error:
            answers.append((None, error))
        except Exception as error:
            answers.append((None, unforeseen(error)))
    return answers


def compute(url: str, name: str, job: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Do what takes long, tell how far it is, and end when `end` is called with its name.

    Parameters
    ----------
    url : str
    name : str
        Tells this job from all others.
    job : callable
        It says with `cvcore.pace.reach` how far it is.
    arguments : tuple
        What follows the job's first argument.
    """
    from distributed import get_worker

    worker = get_worker()

    def tell(share: float, found: Any) -> None:
        worker.log_event(TOPIC, {"job": name, "share": share, "found": found})

    try:
        with pace.watched(tell, partial(_to_end.get, name)):
            pace.reach(0.0)
            return job(url, *arguments)
    finally:
        _to_end.pop(name, None)


def test_predictions(url: str, digest: str, moment: float) -> Predictions:
    """Return what a run's network says of the test pictures, as it was at a moment.

    Raises
    ------
    EngineError
        If the weights of that moment are not in the store.
    """
    import_tensorflow()
    from cvcore import inference

    model, spec = inference.model_at(RunStore(url), digest, moment)
    return inference.predict(model, spec, inference.load(spec))


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
