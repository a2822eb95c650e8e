"""The run store: specifications, events, weights, states, predictions; a folder for each run.

The folder lies where ``CVCORE_RUNS`` says: a path, or anything else that
fsspec knows (``s3://…``). What is written last is written after what it
speaks of (an epoch's event after its weights), so a process that is killed in
the middle leaves a run that can be read up to there.
"""

import contextlib
import io
import math
import os
import re
import zipfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import fsspec
import numpy as np

from cvcore import history
from cvcore.arrays import AnyArray, ByteArray, FloatArray, IntArray
from cvcore.datasets import DATASETS
from cvcore.errors import N_, EngineError, SettingError
from cvcore.history import Batch, Event, History, Snapshot
from cvcore.networks import Dropout, Network
from cvcore.spec import RunSpec, is_digest

DEFAULT_LIMIT_MB = 1_000
DEFAULT_RUN_LIMIT_MB = 250
SHOWN_PICTURES = 100


# Earlier versions named whole epochs alone, without decimals.
_KEPT_NAME = re.compile(r"(?P<what>weights|state)-(?P<moment>\d{4}(\.\d{3})?)\.npz")


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a network said of the test pictures.

    Parameters
    ----------
    images : ndarray of uint8, shape (k, height, width, channels)
        The first test pictures, to show.
    labels : ndarray of int64, shape (n,)
        The true classes of all of them, n >= k.
    probabilities : ndarray of float32, shape (n, classes)
    """

    images: ByteArray
    labels: IntArray
    probabilities: FloatArray


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainingState:
    """What a training needs beside its weights to go on as if it had never ended.

    The order of the pictures and how they are augmented follow from seed and
    epoch alone, and need not be kept.

    Parameters
    ----------
    optimiser : tuple of ndarray
        The optimiser's variables but for its learning rate, in Keras' order: the number of
        steps so far, momentums, …
    seeds : tuple of ndarray
        Where the random numbers of each dropout layer stand.
    accuracy : float
        Training accuracy of the epoch.
    lowest : float
        The lowest validation loss so far; infinite before the first.
    waited : int
        Epochs in a row since then.
    processor_seconds : float
        Spent on this run so far.
    """

    optimiser: tuple[AnyArray, ...]
    seeds: tuple[AnyArray, ...]
    accuracy: float = 0.0
    lowest: float = math.inf
    waited: int = 0
    processor_seconds: float = 0.0


@dataclass(frozen=True, eq=False)
class RunSummary:
    """A line in a list of runs.

    Parameters
    ----------
    digest : str
    spec : RunSpec
    snapshot : Snapshot
    pinned : bool
        Whether somebody wants it kept; runs that are not pinned make room first.
    megabytes : float
        What it takes in the store.
    """

    digest: str
    spec: RunSpec
    snapshot: Snapshot
    pinned: bool
    megabytes: float


def location() -> str:
    """Return where the runs lie: ``CVCORE_RUNS``, else ``.cvcore/runs`` beside the program."""
    return os.environ.get("CVCORE_RUNS") or str(Path(__file__).parents[1] / ".cvcore" / "runs")


def limit_bytes() -> int:
    """Return how large the store may grow: ``CVCORE_RUNS_LIMIT`` megabytes, else 1,000."""
    return _megabytes("CVCORE_RUNS_LIMIT", DEFAULT_LIMIT_MB)


def run_limit_bytes() -> int:
    """Return how large one run's weights and states may grow, for a page to say.

    ``CVCORE_RUN_LIMIT`` megabytes, else 250. Beyond it every second epoch's
    are let go, then three of four…; the first and the last ones stay.
    """
    return _megabytes("CVCORE_RUN_LIMIT", DEFAULT_RUN_LIMIT_MB)


def _megabytes(variable: str, usual: float) -> int:
    try:
        megabytes = float(os.environ.get(variable, usual))
    except ValueError:
        megabytes = usual
    return int(megabytes * 1e6)


@dataclass(frozen=True)
class RunStore:
    """The runs in one place.

    Parameters
    ----------
    url : str
        A path, or what fsspec takes for one.
    """

    url: str

    @cached_property
    def _place(self) -> tuple[Any, str]:
        # A listing that is remembered would miss what other processes write.
        files, root = fsspec.core.url_to_fs(self.url, use_listings_cache=False)
        return files, root.rstrip("/")

    def _path(self, digest: str, name: str = "") -> str:
        # Nothing else that a visitor names becomes a path.
        if not is_digest(digest):
            raise SettingError(
                N_("A run's name has 16 characters from 0–9 and a–f; this one was {name}."),
                name=digest[:40],
            )
        return "/".join((self._place[1], digest, name)).rstrip("/")

    def begin(self, spec: RunSpec, *, resumes: int = 0) -> None:
        """Make a run's folder with its specification, or make it ready to go on.

        Parameters
        ----------
        spec : RunSpec
        resumes : int, optional
            The epoch after which an earlier try is taken up; all that is kept of later ones
            is forgotten. 0: all of it.
        """
        files, digest = self._place[0], spec.digest()
        with _explained():
            files.makedirs(self._path(digest), exist_ok=True)
            if not resumes:
                files.pipe_file(self._path(digest, "events.jsonl"), b"")
            for name in self._sizes(digest):
                kept = _KEPT_NAME.fullmatch(name)
                if kept and (not resumes or float(kept["moment"]) > resumes):
                    self._remove(digest, name)
            self._remove(digest, "predictions.npz")
            files.pipe_file(self._path(digest, "spec.json"), spec.to_json().encode())

    def append(self, digest: str, *events: Event) -> None:
        """Write events behind those that are there.

        Raises
        ------
        EngineError
            If the store cannot be written; a full disk, for example.
        """
        lines = "".join(history.to_json(event) + "\n" for event in events)
        with _explained(), self._place[0].open(self._path(digest, "events.jsonl"), "ab") as file:
            file.write(lines.encode())

    def writes_at_once(self, event: Event) -> bool:
        """Say whether to write an event as it comes, or together with the next that is no batch.

        An object store writes the whole file anew for each line that is added.
        """
        return "file" in self._place[0].protocol or not isinstance(event, Batch)

    def spec(self, digest: str) -> RunSpec | None:
        """Return what a run was asked to do; None if there is no such run, or nothing readable."""
        data = self._read(digest, "spec.json")
        try:
            return None if data is None else RunSpec.from_json(data)
        except SettingError:
            return None

    def replay(self, digest: str) -> History | None:
        """Return a run's history as far as it was written; None if there is no such run."""
        spec = self.spec(digest)
        if spec is None:
            return None
        told = History(spec)
        for event in self.events(digest):
            told.add(event)
        return told

    def events(self, digest: str) -> tuple[Event, ...]:
        """Return what happened in a run, as far as it was written."""
        events = []
        for line in (self._read(digest, "events.jsonl") or b"").splitlines():
            # A line is torn where a process was killed while it wrote.
            with contextlib.suppress(ValueError):
                events.append(history.from_json(line))
        return tuple(events)

    def save_weights(self, digest: str, moment: float, weights: Mapping[str, AnyArray]) -> None:
        """Keep a network's weights as they were at a moment; before the epoch's event.

        Parameters
        ----------
        digest : str
        moment : float
            In epochs, in thousandths: 0.25 is a quarter into the first one.
        weights : mapping of str to ndarray
        """
        self._save_arrays(digest, f"weights-{moment:08.3f}.npz", weights)

    def weights(self, digest: str, moment: float) -> dict[str, AnyArray] | None:
        """Return the weights of a moment, one of `moments`, by their names; or None."""
        weights = self._arrays(digest, f"weights-{moment:08.3f}.npz")
        if weights is None and moment == int(moment):  # as earlier versions called it
            weights = self._arrays(digest, f"weights-{int(moment):04d}.npz")
        return weights

    def moments(self, digest: str) -> tuple[float, ...]:
        """Return when weights of a run were kept, in epochs; in order."""
        return self._kept(digest, "weights")

    def save_state(self, digest: str, epoch: int, state: TrainingState) -> None:
        """Keep what a training needs beside its weights; before these."""
        facts = [state.accuracy, state.lowest, state.waited, state.processor_seconds]
        arrays: dict[str, AnyArray] = {"facts": np.array(facts, np.float64)}
        arrays |= {f"optimiser_{place:03d}": it for place, it in enumerate(state.optimiser)}
        arrays |= {f"seed_{place:03d}": it for place, it in enumerate(state.seeds)}
        self._save_arrays(digest, f"state-{epoch:08.3f}.npz", arrays)

    def state(self, digest: str, epoch: int) -> TrainingState | None:
        """Return the state of a training after an epoch, or None."""
        arrays = self._arrays(digest, f"state-{epoch:08.3f}.npz")
        if arrays is None:
            return None
        accuracy, lowest, waited, seconds = arrays["facts"].tolist()
        return TrainingState(
            optimiser=tuple(arrays[name] for name in arrays if name.startswith("optimiser")),
            seeds=tuple(arrays[name] for name in arrays if name.startswith("seed")),
            accuracy=accuracy,
            lowest=lowest,
            waited=int(waited),
            processor_seconds=seconds,
        )

    def branchable(self, digest: str) -> tuple[int, ...]:
        """Return the epochs after which a run's weights and its state are kept; in order."""
        both = set(self._kept(digest, "weights")) & set(self._kept(digest, "state"))
        return tuple(sorted(int(epoch) for epoch in both))

    def check_branch(self, spec: RunSpec) -> None:
        """Refuse a branch whose beginning is gone, or does not fit.

        Raises
        ------
        EngineError
            If the run that it branches off from, or its state of then, is not in the store.
        SettingError
            If the networks differ in more than dropout.
        """
        parent = self.spec(spec.parent)
        if parent is None:
            raise EngineError(
                N_(
                    "The run from which this one branches off, {name}, is not in the run store "
                    "any more. Train that one again, or begin a run of its own."
                ),
                name=spec.parent,
            )
        if spec.from_epoch not in self.branchable(spec.parent):
            raise EngineError(
                N_(
                    "Of the run from which this one branches off, {name}, the state after epoch "
                    "{epoch} is not kept. Branch off after another epoch, or train that run again."
                ),
                name=spec.parent,
                epoch=spec.from_epoch,
            )
        if _without_dropout(spec) != _without_dropout(parent):
            raise SettingError(
                N_(
                    "A branch goes on with the weights of the run {name}, so its network may "
                    "differ from that one's in dropout alone, and its pictures must have the same "
                    "shape. Keep the other layers and the data set, or begin a run of its own."
                ),
                name=spec.parent,
            )

    def thin_out(self, digest: str) -> None:
        """Let go of a run's older states, then of its older weights, until it is small enough.

        First all but every second epoch's go, then all but every fourth's… The
        first weights, the last ones and the last state stay. The limit is
        `run_limit_bytes`.
        """
        sizes = {name: size for name, size in self._sizes(digest).items() if _KEPT_NAME.match(name)}
        total = sum(sizes.values())
        resumed = self._kept(digest, "state")[-1:]  # from here a run goes on
        for what in ("state", "weights"):
            first = 1 if what == "weights" else 0  # the untrained network's are always kept
            candidates = self._kept(digest, what)[first:-1]
            for power in range(1, 9):
                if total <= run_limit_bytes():
                    return
                for moment in candidates:
                    name = f"{what}-{moment:08.3f}.npz"
                    if moment % 2**power and moment not in resumed and name in sizes:
                        self._remove(digest, name)
                        total -= sizes.pop(name)

    def save_predictions(self, digest: str, predictions: Predictions) -> None:
        """Keep what the network said of the test pictures; before the last event."""
        self._save_arrays(digest, "predictions.npz", vars(predictions))

    def predictions(self, digest: str) -> Predictions | None:
        """Return what the network, finished or stopped, said of the test pictures, or None."""
        arrays = self._arrays(digest, "predictions.npz")
        try:
            return None if arrays is None else Predictions(**arrays)
        except TypeError:
            return None

    def recent(self, count: int = 20) -> tuple[RunSummary, ...]:
        """Return the runs that were written to last, the newest first."""
        newest = sorted(self._ages().items(), key=lambda item: item[1], reverse=True)[:count]
        summaries = (self.summary(digest, self.replay(digest)) for digest, _ in newest)
        return tuple(summary for summary in summaries if summary)

    def summary(self, digest: str, past: History | None) -> RunSummary | None:
        """Return a run's line in a list, with what is known of it; None if there is no such run."""
        if past is None:
            return None
        sizes = self._sizes(digest)
        return RunSummary(
            digest, past.spec, past.snapshot(), "pinned" in sizes, sum(sizes.values()) / 1e6
        )

    def pin(self, digest: str, pinned: bool) -> None:
        """Keep a run when others make room, or no longer."""
        with _explained():
            if not pinned:
                self._remove(digest, "pinned")
            elif self._read(digest, "spec.json") is not None:
                self._place[0].pipe_file(self._path(digest, "pinned"), b"")

    def pinned(self, digest: str) -> bool:
        """Say whether a run is kept when others make room."""
        return self._read(digest, "pinned") is not None

    def delete(self, digest: str) -> None:
        """Remove a run and all that belongs to it."""
        with contextlib.suppress(FileNotFoundError):
            self._place[0].rm(self._path(digest), recursive=True)

    def make_room(self, *, keep: Collection[str]) -> None:
        """Delete the oldest runs until the rest fits into the limit, pinned ones last.

        Parameters
        ----------
        keep : collection of str
            The runs that are being written; they stay.
        """
        ages = self._ages()
        sizes = {digest: sum(self._sizes(digest).values()) for digest in ages}
        for digest in sorted(ages, key=lambda it: (self.pinned(it), ages[it])):
            if sum(sizes.values()) <= limit_bytes():
                return
            if digest not in keep:
                self.delete(digest)
                sizes.pop(digest, None)

    def _ages(self) -> dict[str, float]:
        """Return when each run was last written to, in seconds since 1970."""
        files, root = self._place
        ages = {}
        with contextlib.suppress(FileNotFoundError):
            for path in files.ls(root, detail=False):
                digest = path.rstrip("/").rpartition("/")[2]
                if is_digest(digest):
                    # Another process may just be deleting it.
                    with contextlib.suppress(FileNotFoundError):
                        ages[digest] = files.modified(
                            self._path(digest, "events.jsonl")
                        ).timestamp()
        return ages

    def _sizes(self, digest: str) -> dict[str, int]:
        """Return the files of a run, with their bytes."""
        try:
            listing = self._place[0].ls(self._path(digest), detail=True)
        except FileNotFoundError:
            return {}
        return {it["name"].rpartition("/")[2]: it["size"] or 0 for it in listing}

    def _kept(self, digest: str, what: str) -> tuple[float, ...]:
        names = (_KEPT_NAME.fullmatch(name) for name in self._sizes(digest))
        return tuple(sorted({float(it["moment"]) for it in names if it and it["what"] == what}))

    def _remove(self, digest: str, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._place[0].rm_file(self._path(digest, name))

    def _read(self, digest: str, name: str) -> bytes | None:
        try:
            data: bytes = self._place[0].cat_file(self._path(digest, name))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise EngineError(
                N_("The run store cannot be read ({reason}). Look at CVCORE_RUNS."),
                reason=error.strerror or type(error).__name__,
            ) from error
        return data

    def _save_arrays(self, digest: str, name: str, arrays: Mapping[str, AnyArray]) -> None:
        buffer = io.BytesIO()
        np.savez(buffer, **cast(dict[str, Any], arrays))
        files, path = self._place[0], self._path(digest, name)
        with _explained():
            if "file" not in files.protocol:
                files.pipe_file(path, buffer.getvalue())
                return
            # Under another name first, so that a process that is killed leaves no half of it.
            files.pipe_file(path + ".part", buffer.getvalue())
            files.mv(path + ".part", path)

    def _arrays(self, digest: str, name: str) -> dict[str, AnyArray] | None:
        data = self._read(digest, name)
        if data is None:
            return None
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                return dict(archive)
        except (OSError, EOFError, ValueError, zipfile.BadZipFile):
            return None  # cut off while it was written


def _without_dropout(spec: RunSpec) -> tuple[tuple[int, ...], Network]:
    """Return what decides how a network's weights are shaped."""
    layers = tuple(layer for layer in spec.network if not isinstance(layer, Dropout))
    return DATASETS[spec.dataset].shape, layers


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EngineError(
            N_(
                "The run could not be written to the run store ({reason}). Make room there, or "
                "set CVCORE_RUNS to another folder."
            ),
            reason=error.strerror or type(error).__name__,
        ) from error
