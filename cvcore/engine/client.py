"""The web process's side of the engine: one client, the queue, and a history for each run."""

import contextlib
import itertools
import logging
import os
import pickle
import platform
import queue
import subprocess
import sys
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

from cvcore import history, jobs, pace, runs
from cvcore.errors import N_, CvCoreError, EngineError
from cvcore.history import End, Event, Failed, History, Paused, Snapshot, Stopped
from cvcore.runs import Predictions, RunStore, RunSummary
from cvcore.spec import RunSpec, is_digest

START_SECONDS = 60.0
GRACE_SECONDS = 15.0
SILENT_SECONDS = 120.0
RECYCLE_BYTES = 3 * 2**30
RETRY_SECONDS = 5.0
REMEMBERED_RUNS = 64
REMEMBERED_ANSWERS = 128
REMEMBERED_BYTES = 64 * 2**20

Slot: TypeAlias = Literal["question", "training", "download"]

_LOG = logging.getLogger(__name__)
_ROOT = Path(__file__).parents[2]
_LOOPBACK = frozenset(("127.0.0.1", "localhost", "::1"))


class Answer:
    """What became of a question; a page looks at it each time it is drawn."""

    def __init__(self) -> None:
        self._state: Literal["pending", "ready", "failed"] = "pending"
        self._value: Any = None
        self._error: CvCoreError | None = None
        self._failed_at = 0.0
        self._settled = threading.Event()
        self._share = self._begun_at = 0.0
        self._found: Any = None
        self._size = 0
        self.name = uuid.uuid4().hex

    @property
    def state(self) -> Literal["pending", "ready", "failed"]:
        """Whether the answer is there."""
        return self._state

    @property
    def value(self) -> Any:
        """The answer, once it is ready."""
        return self._value

    @property
    def error(self) -> CvCoreError | None:
        """Why there is none, once it has failed."""
        return self._error

    @property
    def size(self) -> int:
        """The bytes that the answer takes, nearly; 0 until it is ready."""
        return self._size

    @property
    def share(self) -> float:
        """How much of what takes long is done, from 0 to 1."""
        return self._share

    @property
    def seconds_left(self) -> float | None:
        """How long it will still take if it goes on like this; None until that can be told."""
        if self._state != "pending" or not self._share:
            return None
        return (time.monotonic() - self._begun_at) * (1 / self._share - 1)

    @property
    def has_begun(self) -> bool:
        """Whether the worker that takes long over it has begun."""
        return self._begun_at > 0

    @property
    def may_be_asked_anew(self) -> bool:
        """Whether it failed, and long enough ago for a page to have shown why."""
        return self._state == "failed" and time.monotonic() - self._failed_at > RETRY_SECONDS

    @property
    def found(self) -> Any:
        """What is known of what takes long while it is under way; None at first."""
        return self._found

    def come_to(self, share: float, found: Any = None) -> None:
        """Take note how much is done, and what is known by now; for the engine."""
        self._share, self._found = share, found if found is not None else self._found
        self._begun_at = self._begun_at or time.monotonic()

    def give(self, value: Any) -> None:
        """Set the answer; for the engine."""
        if self._settled.is_set():  # cancelled meanwhile
            return
        self._value, self._size, self._state = value, _size(value), "ready"
        self._settled.set()

    def fail(self, error: CvCoreError) -> None:
        """Say why there is none; for the engine."""
        if self._settled.is_set():
            return
        self._error, self._failed_at, self._state = error, time.monotonic(), "failed"
        self._settled.set()

    def wait(self, seconds: float) -> None:
        """Wait a moment for it to be ready or to have failed."""
        self._settled.wait(seconds)


class Answers(Answer):
    """The answers to several questions, which come together."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        super().__init__()
        self._answers = answers

    def give(self, value: Any) -> None:
        """Set each answer, or say why there is none; for the engine."""
        for answer, (found, error) in zip(self._answers, value, strict=True):
            if error is None:
                answer.give(found)
            else:
                answer.fail(error)

    def fail(self, error: CvCoreError) -> None:
        """Say of each why there is none; for the engine."""
        for answer in self._answers:
            answer.fail(error)


@dataclass(eq=False)
class _Task:
    """Trainings that a worker does as one job: the attempt of each run, by the run's name."""

    attempts: Mapping[str, int]
    future: Any
    forced: bool = False  # ended because one of them did not hear


class Engine:
    """Trains runs and answers questions in another process; no method waits for it.

    Whatever takes longer is done one after the other by a thread of the
    engine's own; methods look and leave, so a page can call them each time it
    is drawn.

    Parameters
    ----------
    store : RunStore
        Where runs are kept.
    """

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._lock = threading.Lock()  # never held while something is waited for
        self._histories: OrderedDict[str, History] = OrderedDict()
        # The queue: what is trained together, with each run's attempt.
        self._waiting: list[dict[str, int]] = []
        self._active: dict[str, _Task] = {}
        self._unwanted: set[str] = set()  # deleted while a worker was at them
        self._answers: OrderedDict[tuple[Any, ...], Answer] = OrderedDict()
        self._computed: OrderedDict[tuple[Any, ...], Answer] = OrderedDict()
        self._process: subprocess.Popen[str] | None = None
        self._client: Any = None
        self._orders: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="cvcore-engine", daemon=True).start()

    # -- what pages call

    def submit(self, spec: RunSpec) -> str:
        """Train a run, or join it where it is.

        A run that is queued, running or finished is not trained twice; one
        that was paused or stopped, failed or was interrupted goes on from the
        last epoch whose state is kept, or begins anew where there is none.

        Parameters
        ----------
        spec : RunSpec

        Returns
        -------
        str
            The run's name, for the address and for the other methods.

        Raises
        ------
        SettingError
            If the specification cannot be trained.
        EngineError
            If the run that it branches off from is not in the store any more.
        """
        return self.submit_together((spec,))[0]

    def submit_together(self, specs: Sequence[RunSpec]) -> tuple[str, ...]:
        """Train runs in turns of half a second of processor time, as one job.

        So a neighbour on the machine favours none of them. Each learns what it
        learns alone, value for value.

        Parameters
        ----------
        specs : sequence of RunSpec
            Those that are queued, running or finished stay as they are.

        Returns
        -------
        tuple of str
            The runs' names, in the order of the specifications.

        Raises
        ------
        SettingError, EngineError
            As `submit`; then none of them is trained.
        """
        wanted = {spec.digest(): spec for spec in specs}
        for digest, spec in wanted.items():
            spec.validate()
            if spec.parent and not self._store.branchable(digest):
                self._store.check_branch(spec)
        pasts = {digest: self._recall(digest) for digest in wanted}
        with self._lock:
            state: history.State = "queued" if self._client is not None else "starting"
            order: dict[str, int] = {}
            for digest, spec in wanted.items():
                past = self._histories.get(digest, pasts[digest])
                if past is None:
                    past = self._remember(digest, History(spec, state=state))
                elif past.state not in history.UNFINISHED:
                    continue
                # One that is just ending, or was deleted at work, may still be heard.
                ending = self._active.get(digest)
                begun = max(past.attempt, ending.attempts[digest] if ending else 0)
                order[digest] = begun + 1
                past.queue_again(begun + 1, state)
                self._remember(digest, past)
            if order:
                self._waiting.append(order)
        self._orders.put(self._begin_next)
        return tuple(spec.digest() for spec in specs)

    def stop(self, digest: str) -> None:
        """Ask a run to end; it does within a moment, and says what it knows of the test pictures.

        What it has learned stays, and `submit` goes on with it.
        """
        self._ask_to_end(digest, "stop")

    def pause(self, digest: str) -> None:
        """Ask a run to end for the time being; `submit` goes on with it."""
        self._ask_to_end(digest, "pause")

    def delete(self, digest: str) -> None:
        """Remove a run and all that is kept of it; one that is trained is ended first."""
        if not is_digest(digest):
            return
        self._ask_to_end(digest, "pause")
        with self._lock:
            self._histories.pop(digest, None)
            if digest in self._active:
                self._unwanted.add(digest)  # the worker still writes
        self._store.delete(digest)

    def pin(self, digest: str, pinned: bool) -> None:
        """Keep a run when others make room, or no longer."""
        self._store.pin(digest, pinned)

    def _ask_to_end(self, digest: str, how: End) -> None:
        with self._lock:
            attempt = self._leave_queue(digest)
            task = self._active.get(digest)
            past = self._histories.get(digest)
        if past is None:
            return
        if attempt is not None:
            kind = Paused if how == "pause" else Stopped
            past.add(kind(attempt=attempt, number=0, at=time.time()))
        elif task is not None and past.state not in history.ENDED:
            past.mark("stopping")
            self._orders.put(partial(self._tell_to_end, digest, task, how))
            insist = threading.Timer(
                GRACE_SECONDS, self._orders.put, [partial(self._insist, digest, task, how)]
            )
            insist.daemon = True
            insist.start()

    def _leave_queue(self, digest: str) -> int | None:
        for order in self._waiting:
            if digest in order:
                attempt = order.pop(digest)
                self._waiting = [it for it in self._waiting if it]
                return attempt
        return None

    def snapshot(self, digest: str) -> Snapshot | None:
        """Return what is known of a run, from memory or else from the store.

        Parameters
        ----------
        digest : str
            May come from an address: whatever it holds.

        Returns
        -------
        Snapshot or None
            None if there is no such run.
        """
        past = self._recall(digest)
        if past is None:
            return None
        with self._lock:
            queued = [place for place, order in enumerate(self._waiting) if digest in order]
            before = [*self._active, *itertools.chain(*self._waiting[: queued[0] if queued else 0])]
            ahead = len(before) if queued else 0
        return past.snapshot(ahead=ahead)

    def spec(self, digest: str) -> RunSpec | None:
        """Return what a run was asked to do; None if there is no such run."""
        past = self._recall(digest)
        return past.spec if past is not None else None

    def predictions(self, digest: str) -> Predictions | None:
        """Return what a finished or stopped run's network says of the test pictures, or None."""
        past = self._recall(digest)
        if past is None or past.state not in ("finished", "stopped"):
            return None
        return self._store.predictions(digest)

    def moments(self, digest: str) -> tuple[float, ...]:
        """Return when a run's weights were kept, in epochs.

        Returns
        -------
        tuple of float
            0.0, the first weights; some moments inside the first epoch; 1.0, 2.0, …; and
            where it ended inside an epoch, there too. Those of a branch begin with the epoch
            from which it branched.
        """
        return self._store.moments(digest) if is_digest(digest) else ()

    def branchable(self, digest: str) -> tuple[int, ...]:
        """Return the epochs of a run after which all is kept that going on from there needs."""
        return self._store.branchable(digest) if is_digest(digest) else ()

    def recent(self, count: int = 20) -> tuple[RunSummary, ...]:
        """Return the runs of the store that were written to last, the newest first."""
        return self._store.recent(count)

    def summary(self, digest: str) -> RunSummary | None:
        """Return a run's line in a list; None if there is no such run."""
        past = self._recall(digest)
        return self._store.summary(digest, past) if past is not None else None

    def ask(self, job: Callable[..., Any], *arguments: Any) -> Answer:
        """Ask a worker something that is quick; it need not wait for a training.

        Parameters
        ----------
        job : callable
            A function of `cvcore.jobs`.
        *arguments : hashable
            What follows its first argument, the run store.

        Returns
        -------
        Answer
            The same one for the same question; one that failed is asked anew after a while.
        """
        return self.ask_together((job, *arguments))[0]

    def ask_together(self, *questions: tuple[Any, ...]) -> list[Answer]:
        """Ask a worker several things on one way there and back.

        Parameters
        ----------
        *questions : tuple
            A job and what follows its first argument, as for `ask`. The slowest of those that
            are new decides when they all are answered.

        Returns
        -------
        list of Answer
            One for each, as `ask` returns it.
        """
        answers, new = [], []
        with self._lock:
            for question in questions:
                answer = self._answers.get(question)
                if answer is None or answer.may_be_asked_anew:
                    answer = self._answers[question] = Answer()
                    new.append((question, answer))
                self._answers.move_to_end(question)
                answers.append(answer)
        if len(new) == 1:
            ((job, *arguments), answer) = new[0]
            self._orders.put(partial(self._put_question, job, tuple(arguments), answer))
        elif new:
            asked = tuple(question for question, _ in new)
            all_of_them = Answers([answer for _, answer in new])
            self._orders.put(partial(self._put_question, jobs.several, (asked,), all_of_them))
        return answers

    def compute(self, job: Callable[..., Any], *arguments: Any, slot: Slot = "training") -> Answer:
        """Ask a worker something that takes long: trainings and it wait for each other.

        Parameters
        ----------
        job : callable
            A function that a worker can import; it keeps what it finds, if that is to last.
        *arguments : hashable
            What follows its first argument, the run store.
        slot : {'training', 'download'}, optional
            What waits for a network is in nobody's way but other downloads'.

        Returns
        -------
        Answer
            The same one while it is under way; one that has failed is asked anew at once.
        """
        question = (job, *arguments)
        with self._lock:
            answer = self._computed.get(question)
            if answer is not None and answer.state != "failed":
                return answer
            answer = self._computed[question] = Answer()
        asked = (answer.name, job, arguments)
        self._orders.put(partial(self._put_question, jobs.compute, asked, answer, slot=slot))
        return answer

    def forget(self, job: Callable[..., Any], *arguments: Any) -> None:
        """Let `compute` do the same once more, unless it is at it."""
        with self._lock:
            answer = self._computed.get((job, *arguments))
            if answer is not None and answer.state != "pending":
                del self._computed[(job, *arguments)]

    def end(self, job: Callable[..., Any], *arguments: Any) -> None:
        """Ask what `compute` began to end with what it has; where it has nothing, as `cancel`."""
        answer = self.computed(job, *arguments)
        if answer is not None and answer.state == "pending":
            self._orders.put(partial(self._tell_all_to_end, answer.name))

    def cancel(self, job: Callable[..., Any], *arguments: Any) -> None:
        """End what `compute` began; whoever waits for it hears so, and it can be begun anew."""
        answer = self.computed(job, *arguments)
        if answer is not None and answer.state == "pending":
            answer.fail(pace.cancelled())
            self._orders.put(partial(self._tell_all_to_end, answer.name))

    def computed(self, job: Callable[..., Any], *arguments: Any) -> Answer | None:
        """Return what `compute` returned for the same, while this process remembers it; or None."""
        question = (job, *arguments)
        with self._lock:
            if question in self._computed:
                self._computed.move_to_end(question)
            return self._computed.get(question)

    def warm_up(self) -> None:
        """Start the engine and let its worker import TensorFlow, before it is needed."""
        self.ask(jobs.warm_up)

    def close(self) -> None:
        """End the engine's process and forget what runs; for the end of the web process."""
        self._orders.put(None)
        process, self._process = self._process, None
        client, self._client = self._client, None
        if client is not None:
            _close(client)
        if process is not None:
            _close_input(process)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=5)

    # -- memory and store

    def _recall(self, digest: str) -> History | None:
        if not is_digest(digest):
            return None
        with self._lock:
            if digest in self._histories:
                self._histories.move_to_end(digest)
                return self._histories[digest]
        past = self._store.replay(digest)
        if past is None or (past.state not in history.ENDED and _is_trained_elsewhere(past)):
            return past
        past.mark(
            "interrupted",
            EngineError(
                N_(
                    "This run was interrupted when the server ended. Press Train to go on from "
                    "its last finished epoch."
                )
            ),
        )
        with self._lock:
            return self._histories.get(digest) or self._remember(digest, past)

    def _remember(self, digest: str, past: History) -> History:
        self._histories[digest] = past
        self._histories.move_to_end(digest)
        ended = [name for name, it in self._histories.items() if it.state in history.ENDED]
        for name in ended[: max(len(self._histories) - REMEMBERED_RUNS, 0)]:
            del self._histories[name]
        return past

    def _fail(self, digest: str, attempt: int, error: CvCoreError) -> None:
        """End a run that no worker can speak for."""
        self._end(
            digest,
            attempt,
            Failed,
            error=type(error).__name__,
            sentence=error.sentence,
            values=error.values,
        )

    def _end(self, digest: str, attempt: int, kind: type[Event], **values: Any) -> None:
        with self._lock:
            past = self._histories.get(digest)
        if past is None:  # deleted
            return
        number = past.next_number if past.attempt == attempt else 0
        event = kind(attempt=attempt, number=number, at=time.time(), **values)
        past.add(event)
        with contextlib.suppress(EngineError):  # the page has it from memory
            if self._store.spec(digest) is None:
                self._store.begin(past.spec)
            self._store.append(digest, event)

    # -- the engine's thread

    def _work(self) -> None:
        while (order := self._orders.get()) is not None:
            try:
                order()
            except Exception:
                _LOG.exception("The engine's thread met an error and goes on")

    def _begin_next(self) -> None:
        """Hand what waits to a worker, as far as one is free."""
        with self._lock:
            if not self._waiting:
                return
        try:
            client = self._connect()
        except EngineError as error:
            with self._lock:
                waiting, self._waiting = self._waiting, []
            for order in waiting:
                for digest, attempt in order.items():
                    self._fail(digest, attempt, error)
            return
        with self._lock:
            idle = not self._active and all(it.state != "pending" for it in self._computed.values())
        if idle:
            self._recycle(client)
        # Not under the lock: dask's thread, which answers this, may be waiting for it in `_hear`.
        slots = _slots(client)
        with self._lock:
            for digest in itertools.chain(*self._waiting):
                self._histories[digest].mark("queued")
            free = max(slots - len(set(self._active.values())), 0)
            # A run that is just being ended is not begun a second time beside itself.
            ready = [it for it in self._waiting if it.keys().isdisjoint(self._active)][:free]
            self._waiting = [it for it in self._waiting if it not in ready]
            begun = [self._hand_over(client, order) for order in ready]
        for task in begun:
            task.future.add_done_callback(partial(self._later, partial(self._settle, task)))

    def _hand_over(self, client: Any, order: dict[str, int]) -> _Task:
        # The attempt keeps a new try apart from one that is just ending. Two web processes
        # on one cluster that ask for the same try share it.
        future = client.submit(
            jobs.train,
            self._store.url,
            tuple(self._histories[digest].spec for digest in order),
            tuple(order.values()),
            key="+".join(jobs.name_of(*it) for it in order.items()),
            resources={"training": 1},
            pure=False,
        )
        task = _Task(order, future)
        self._active |= dict.fromkeys(order, task)
        return task

    def _later(self, order: Callable[[], None], _: Any) -> None:
        self._orders.put(order)

    def _settle(self, task: _Task) -> None:
        """Take note that a worker is done with its runs, or will never be."""
        with self._lock:
            mine = [digest for digest, it in self._active.items() if it is task]
            unwanted = self._unwanted.intersection(mine)
            self._unwanted -= unwanted
            for digest in mine:
                del self._active[digest]
        for digest in mine:
            if digest in unwanted:
                self._store.delete(digest)
            else:
                self._take_leave(digest, task)
        # dask does again what somebody still holds, when the worker dies that has it.
        task.future.release()
        self._begin_next()

    def _take_leave(self, digest: str, task: _Task) -> None:
        """Learn how a run ended that no worker is at any more."""
        with self._lock:
            past = self._histories[digest]
        attempt = task.attempts[digest]
        if past.attempt != attempt or past.state in history.ENDED:
            return
        if task.future.status == "finished":
            for event in self._store.events(digest):
                past.add(event)
        if past.state not in history.ENDED:
            self._fail(digest, attempt, _reason(task.future) if not task.forced else _forced())

    def _tell_to_end(self, digest: str, task: _Task, how: End) -> None:
        if self._client is not None:
            name = jobs.name_of(digest, task.attempts[digest])
            self._client.run(jobs.end, name, how, on_error="ignore")

    def _tell_all_to_end(self, name: str) -> None:
        if self._client is not None:
            self._client.run(jobs.end, name, "stop", on_error="ignore")

    def _insist(self, digest: str, task: _Task, how: End) -> None:
        """End a training that did not hear: its worker starts anew."""
        with self._lock:
            past = self._histories.get(digest)
            if self._active.get(digest) is not task:
                return
        # In a job of several, one run has ended while the others go on.
        if past is not None and past.state in history.ENDED:
            return
        if past is not None:
            self._end(digest, task.attempts[digest], Paused if how == "pause" else Stopped)
        task.forced = True
        if past is None or past.worker is None or past.worker.attempt != task.attempts[digest]:
            task.future.cancel()  # still waiting, behind something that is no training
            return
        key = task.future.key
        busy = [worker for worker, names in self._client.processing().items() if key in names]
        task.future.cancel()  # before, so that nobody tries it again
        self._client.restart_workers(busy, timeout=30)

    def _put_question(
        self,
        job: Callable[..., Any],
        arguments: tuple[Any, ...],
        answer: Answer,
        slot: Slot = "question",
    ) -> None:
        try:
            client = self._connect()
        except EngineError as error:
            answer.fail(error)
            return
        future = client.submit(
            job,
            self._store.url,
            *arguments,
            key=f"{job.__name__}-{uuid.uuid4().hex}",
            resources={slot: 1},
            pure=False,
        )
        future.add_done_callback(partial(self._later, partial(self._settle_answer, answer, future)))

    def _settle_answer(self, answer: Answer, future: Any) -> None:
        """Take in what a worker answered; forget what has not been looked at for longest."""
        if future.status == "finished":
            answer.give(future.result())
        else:
            answer.fail(_reason(future))
        future.release()
        with self._lock:
            for answers in (self._answers, self._computed):
                forget_oldest(answers)

    def _hear(self, message: tuple[float, dict[str, Any]]) -> None:
        """Take in an event from a worker; called by dask's thread."""
        _, said = message
        with self._lock:
            if "job" in said:
                for answer in self._computed.values():
                    if answer.name == said["job"]:
                        answer.come_to(said["share"], said["found"])
                return
            past = self._histories.get(said["run"])
        if past is not None:
            past.add(history.from_json(said["event"]))

    def _connect(self) -> Any:
        """Return a client that works; start the engine's process where there is none."""
        own = self._process
        if self._client is not None:
            if self._client.status == "running" and (own is None or own.poll() is None):
                return self._client
            self._drop_client()
        import dask

        # What it would write when the engine dies, the page says.
        dask.config.set({"distributed.logging": {"distributed": "critical"}})
        from distributed import Client  # 22 MB, for those who train

        address = os.environ.get("CVCORE_SCHEDULER")
        if address:
            _check_encryption(address)
        else:
            address = self._start_process()
        try:
            client = Client(address, set_as_default=False, timeout=START_SECONDS, name="cvcore")
        except (OSError, ValueError, TypeError) as error:
            raise _unreachable(str(error)) from error
        client.subscribe_topic(jobs.TOPIC, self._hear)
        self._client = client
        return client

    def _start_process(self) -> str:
        process = subprocess.Popen(
            [sys.executable, "-m", "cvcore.engine"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=_ROOT,
            text=True,
            # Control-C in the terminal is for the web process, whose end ends this one.
            start_new_session=True,
        )
        impatience = threading.Timer(START_SECONDS, process.kill)
        impatience.daemon = True
        impatience.start()
        with process.stdout or contextlib.nullcontext() as said:
            address = said.readline().strip() if said else ""
        impatience.cancel()
        if not address:
            process.kill()
            _close_input(process)
            raise _unreachable(f"exit status {process.wait()}")
        self._process = process
        threading.Thread(target=self._watch, args=(process,), daemon=True).start()
        return address

    def _watch(self, process: subprocess.Popen[str]) -> None:
        process.wait()
        self._orders.put(partial(self._lose, process))

    def _lose(self, process: subprocess.Popen[str]) -> None:
        """Take note that the engine's process has ended, though nobody asked it to."""
        if self._process is not process:
            return
        self._process = None
        _close_input(process)
        self._drop_client()
        with self._lock:
            active = set(self._active.values())
        for task in active:
            self._settle(task)
        self._begin_next()

    def _drop_client(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            # It would try to reach the scheduler for some seconds more.
            threading.Thread(target=partial(_close, client), daemon=True).start()

    def _recycle(self, client: Any) -> None:
        """Give the memory back that earlier trainings left in TensorFlow."""
        if self._process is None:  # another's cluster
            return
        workers = client.scheduler_info()["workers"]
        grown = [name for name, it in workers.items() if it["metrics"]["memory"] > RECYCLE_BYTES]
        if grown:
            client.restart_workers(grown, timeout=30)


def forget_oldest(answers: OrderedDict[tuple[Any, ...], Answer]) -> None:
    """Keep as many answers as a small server's web process can hold.

    Parameters
    ----------
    answers : OrderedDict
        By question; the one that was looked at last, last. Of those that are settled, the first
        are left out until at most `REMEMBERED_ANSWERS` of `REMEMBERED_BYTES` remain, or one.
    """
    settled = [question for question, it in answers.items() if it.state != "pending"]
    held = sum(answers[question].size for question in settled)
    for place, question in enumerate(settled[:-1]):
        if len(settled) - place <= REMEMBERED_ANSWERS and held <= REMEMBERED_BYTES:
            return
        held -= answers.pop(question).size


def _size(value: Any) -> int:
    """Return the bytes of a value; arrays are not copied for it."""
    arrays: list[pickle.PickleBuffer] = []
    rest = pickle.dumps(value, protocol=5, buffer_callback=arrays.append)
    return len(rest) + sum(it.raw().nbytes for it in arrays)


def _reason(future: Any) -> CvCoreError:
    """Say for a visitor why a worker has not done its job."""
    error = future.exception() if future.status == "error" else None
    if isinstance(error, CvCoreError):
        return error
    if error is None:
        return EngineError(
            N_("The engine that trains has ended. Press Train, and it starts again.")
        )
    if type(error).__name__ == "KilledWorker":
        return EngineError(
            N_(
                "The process that trains was killed, perhaps because the machine's memory ran "
                "out. Its finished epochs are kept; press Train to go on from the last of them."
            )
        )
    return jobs.unforeseen(error)


def _forced() -> EngineError:
    return EngineError(
        N_(
            "A run that was trained in turns with this one did not end when it was asked to, "
            "so the process that trains was started anew. Press Train to go on."
        )
    )


def _is_trained_elsewhere(past: History) -> bool:
    """Say whether the worker that took a run is still at it, for another web process."""
    worker = past.worker
    if worker is None:
        return False
    if worker.host != platform.node():
        return time.time() - past.last_at < SILENT_SECONDS
    import psutil

    try:
        # A process that began later has only inherited the number.
        return bool(psutil.Process(worker.process).create_time() < worker.at)
    except psutil.Error:
        return False


def _slots(client: Any) -> int:
    """Return how many trainings the workers take at a time; 1 while none has come up yet."""
    workers = client.scheduler_info()["workers"].values()
    return max(int(sum(it["resources"].get("training", 0) for it in workers)), 1)


def _check_encryption(address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme != "tls" and parts.hostname not in _LOOPBACK:
        raise EngineError(
            N_(
                "CVCORE_SCHEDULER names another machine without encryption ({address}). "
                "Use an address that begins with tls://, and dask's settings for TLS."
            ),
            address=address,
        )


def _unreachable(reason: str) -> EngineError:
    return EngineError(
        N_(
            "The engine that trains could not be started or reached ({reason}). "
            "Look at the server's log, then press Train again."
        ),
        reason=reason[:200],
    )


def _close_input(process: subprocess.Popen[str]) -> None:
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()


def _close(client: Any) -> None:
    with contextlib.suppress(Exception):
        client.close(timeout=2)


_ENGINE: Engine | None = None
_ENGINE_LOCK = threading.Lock()


def engine() -> Engine:
    """Return this process's engine, made at the first call; a process is not started by it.

    It belongs to the process and not to Streamlit's caches, which any visitor
    can clear.
    """
    global _ENGINE
    with _ENGINE_LOCK:
        if _ENGINE is None:
            _ENGINE = Engine(RunStore(runs.location()))
        return _ENGINE
