"""The run store: specifications, events, weights and predictions, in a folder for each run.

The folder lies where ``CVCORE_RUNS`` says: a path, or anything else that
fsspec knows (``s3://…``). What is written last is written after what it
speaks of (an epoch's event after its weights), so a process that is killed in
the middle leaves a run that can be read up to there.
"""

import contextlib
import io
import os
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import fsspec
import numpy as np

from cvcore import history
from cvcore.arrays import AnyArray, ByteArray, FloatArray, IntArray
from cvcore.errors import N_, EngineError, SettingError
from cvcore.history import Batch, Event, History, Snapshot
from cvcore.spec import RunSpec, is_digest

DEFAULT_LIMIT_MB = 1_000
SHOWN_PICTURES = 100


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


@dataclass(frozen=True, eq=False)
class RunSummary:
    """A line in a list of runs."""

    digest: str
    spec: RunSpec
    snapshot: Snapshot


def location() -> str:
    """Return where the runs lie: ``CVCORE_RUNS``, else ``.cvcore/runs`` beside the program."""
    return os.environ.get("CVCORE_RUNS") or str(Path(__file__).parents[1] / ".cvcore" / "runs")


def limit_bytes() -> int:
    """Return how large the store may grow: ``CVCORE_RUNS_LIMIT`` megabytes, else 1,000."""
    try:
        megabytes = float(os.environ.get("CVCORE_RUNS_LIMIT", DEFAULT_LIMIT_MB))
    except ValueError:
        megabytes = DEFAULT_LIMIT_MB
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

    def begin(self, spec: RunSpec) -> None:
        """Make a run's folder with its specification, and forget the events of an earlier try."""
        files, digest = self._place[0], spec.digest()
        with _explained():
            files.makedirs(self._path(digest), exist_ok=True)
            files.pipe_file(self._path(digest, "events.jsonl"), b"")
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

    def save_weights(self, digest: str, epoch: int, weights: Mapping[str, AnyArray]) -> None:
        """Keep a network's weights as they were after an epoch; before the epoch's event."""
        self._save_arrays(digest, f"weights-{epoch:04d}.npz", weights)

    def weights(self, digest: str, epoch: int) -> dict[str, AnyArray] | None:
        """Return the weights after an epoch by their names, or None."""
        return self._arrays(digest, f"weights-{epoch:04d}.npz")

    def save_predictions(self, digest: str, predictions: Predictions) -> None:
        """Keep what the finished network said of the test pictures; before the last event."""
        self._save_arrays(digest, "predictions.npz", vars(predictions))

    def predictions(self, digest: str) -> Predictions | None:
        """Return what the finished network said of the test pictures, or None."""
        arrays = self._arrays(digest, "predictions.npz")
        try:
            return None if arrays is None else Predictions(**arrays)
        except TypeError:
            return None

    def recent(self, count: int = 20) -> tuple[RunSummary, ...]:
        """Return the runs that were written to last, the newest first."""
        newest = sorted(self._ages().items(), key=lambda item: item[1], reverse=True)[:count]
        told = ((digest, self.replay(digest)) for digest, _ in newest)
        return tuple(
            RunSummary(digest, past.spec, past.snapshot()) for digest, past in told if past
        )

    def delete(self, digest: str) -> None:
        """Remove a run and all that belongs to it."""
        with contextlib.suppress(FileNotFoundError):
            self._place[0].rm(self._path(digest), recursive=True)

    def make_room(self, *, keep: str) -> None:
        """Delete the oldest runs until the rest fits into the limit.

        Parameters
        ----------
        keep : str
            The run that is being written; it stays.
        """
        files = self._place[0]
        sizes = {digest: files.du(self._path(digest)) for digest in self._ages()}
        for digest, _ in sorted(self._ages().items(), key=lambda item: item[1]):
            if sum(sizes.values()) <= limit_bytes():
                return
            if digest != keep:
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
        with _explained():
            self._place[0].pipe_file(self._path(digest, name), buffer.getvalue())

    def _arrays(self, digest: str, name: str) -> dict[str, AnyArray] | None:
        data = self._read(digest, name)
        if data is None:
            return None
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                return dict(archive)
        except (OSError, EOFError, ValueError, zipfile.BadZipFile):
            return None  # cut off while it was written


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
