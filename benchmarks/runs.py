"""What the benchmarks that train share: a run as the worker does it, with its clocks read."""

import tempfile
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

from cvcore import training
from cvcore.history import Epoch, Event
from cvcore.inference import score
from cvcore.jobs import Reporter, keep
from cvcore.runs import RunStore
from cvcore.spec import RunSpec


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A run and how long it took.

    Parameters
    ----------
    epochs : tuple of Epoch
    wall, processor : tuple of float
        Seconds from the moment before the network is built to the end of each epoch with its
        validation, by the wall clock and by the process's.
    test_accuracy : float
    """

    epochs: tuple[Epoch, ...]
    wall: tuple[float, ...]
    processor: tuple[float, ...]
    test_accuracy: float


def trained(spec: RunSpec) -> Trained:
    """Train a run as the worker does: events and weights are written to a run store."""
    epochs: list[Epoch] = []
    wall: list[float] = []
    processor: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        store, digest = RunStore(folder), spec.digest()
        reporter = Reporter(store, digest, 1, lambda _: None)

        def emit(kind: type[Event], **values: Any) -> None:
            reporter.emit(kind, **values)
            if kind is Epoch:
                epochs.append(Epoch(attempt=1, number=0, at=0.0, **values))
                wall.append(time.perf_counter() - begun)
                processor.append(time.process_time() - processed)

        begun, processed = time.perf_counter(), time.process_time()
        store.begin(spec)
        outcome = training.train(spec, emit=emit, keep=partial(keep, store, digest))
    if outcome.predictions is None:
        raise RuntimeError("The run ended without its test pictures.")
    return Trained(
        epochs=tuple(epochs),
        wall=tuple(wall),
        processor=tuple(processor),
        test_accuracy=score(outcome.predictions)[1],
    )
