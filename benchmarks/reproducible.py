"""Whether a run repeats itself, value for value.

A convolutional network with batch normalisation and dropout learns augmented pictures, with
Adam and a learning rate that rises and falls, then with momentum. Each is trained five times, each
time by a fresh engine with a fresh worker: twice from beginning to end, once paused in the
middle, once with its worker killed there and taken up by the next engine, and once beside another
run, in turns. Then a branch with nothing changed goes on from its second epoch. The figure is the
largest difference between any two numbers of their histories, test results included.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import psutil

from benchmarks.measure import report
from cvcore.datasets import DATASETS
from cvcore.downloads import keras_home
from cvcore.engine import Engine
from cvcore.history import Preparing, Snapshot
from cvcore.networks import (
    ActivationLayer,
    BatchNormalisation,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    Pooling,
)
from cvcore.runs import RunStore
from cvcore.spec import Augmentation, RunSpec

NETWORK = (
    Convolution(filters=16, padding="same"),
    BatchNormalisation(),
    ActivationLayer(activation="relu"),
    Pooling(),
    Dropout(rate=0.25),
    Flatten(),
    Dense(units=64, activation="relu"),
    Dropout(rate=0.5),
    Dense(units=10, activation="softmax"),
)
EPOCHS, BRANCH = 6, 2
SERIES = ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")
PATIENCE = 600.0  # seconds


def recipes() -> dict[str, RunSpec]:
    """Return what is trained, with Fashion-MNIST where it is on disk, else with the digits."""
    files = DATASETS["fashion_mnist"].files
    there = all((keras_home() / file.path).is_file() for file in files)
    adam = RunSpec(
        dataset="fashion_mnist" if there else "digits",
        network=NETWORK,
        training_size=4_000 if there else None,
        validation_split=0.05 if there else 0.25,
        epochs=EPOCHS,
        batch_size=16,
        schedule="one_cycle",
        augmentation=Augmentation(
            rotation=20, width_shift=0.1, height_shift=0.1, shear=0.1, zoom=0.1, flip=True
        ),
    )
    momentum = replace(adam, optimiser="sgd", momentum=0.9, learning_rate=0.01, schedule="constant")
    return {"adam": adam, "momentum": momentum}


@contextmanager
def fresh(folder: str) -> Iterator[Engine]:
    """Yield an engine whose process and worker nobody has used; end them."""
    engine = Engine(RunStore(folder))
    try:
        yield engine
    finally:
        engine.close()


def known(engine: Engine, digest: str) -> Snapshot:
    """Return what is known of a run that there is."""
    snapshot = engine.snapshot(digest)
    if snapshot is None:
        raise RuntimeError(f"There is no run {digest}.")
    return snapshot


def wait(true: Callable[[], bool]) -> None:
    """Return when something has come true."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.02)


def finish(engine: Engine, spec: RunSpec, *beside: RunSpec) -> Snapshot:
    """Train a run to its end, or go on with it."""
    digest, *_ = engine.submit_together([spec, *beside])
    wait(lambda: known(engine, digest).ended)
    end = known(engine, digest)
    if end.state != "finished":
        raise RuntimeError(f"{end.state}: {end.error}")
    return end


def whole(spec: RunSpec) -> Snapshot:
    """Train from beginning to end."""
    with tempfile.TemporaryDirectory() as folder, fresh(folder) as engine:
        return finish(engine, spec)


def paused(spec: RunSpec) -> Snapshot:
    """Pause in the middle of the third epoch or later, then go on elsewhere."""
    return interrupted(spec, lambda engine, _, digest: engine.pause(digest))


def killed(spec: RunSpec) -> Snapshot:
    """Kill the worker in the middle of the third epoch or later, then go on elsewhere."""

    def kill(_: Engine, folder: str, digest: str) -> None:
        worker = next(it for it in RunStore(folder).events(digest) if isinstance(it, Preparing))
        psutil.Process(worker.process).kill()

    return interrupted(spec, kill)


def interrupted(spec: RunSpec, interrupt: Callable[[Engine, str, str], None]) -> Snapshot:
    """Train with an engine, interrupt it, and go on with another."""
    with tempfile.TemporaryDirectory() as folder:
        with fresh(folder) as engine:
            digest = engine.submit(spec)
            wait(lambda: known(engine, digest).moment > BRANCH + 0.1)
            interrupt(engine, folder, digest)
            wait(lambda: known(engine, digest).ended)
            if not known(engine, digest).can_resume:
                raise RuntimeError("The run was over before it was interrupted.")
        with fresh(folder) as engine:
            return finish(engine, spec)


def beside(spec: RunSpec) -> Snapshot:
    """Train in turns with another run."""
    with tempfile.TemporaryDirectory() as folder, fresh(folder) as engine:
        return finish(engine, spec, replace(spec, seed=spec.seed + 1))


def branched(spec: RunSpec) -> Snapshot:
    """Branch off and change nothing."""
    with tempfile.TemporaryDirectory() as folder:
        with fresh(folder) as engine:
            finish(engine, spec)
        with fresh(folder) as engine:
            return finish(engine, replace(spec, parent=spec.digest(), from_epoch=BRANCH))


WAYS = {"again": whole, "paused": paused, "killed": killed, "in turns": beside, "branch": branched}


def difference(one: Snapshot, other: Snapshot) -> float:
    """Return the largest difference between two histories, over the epochs of the other."""
    first = len(one.epoch) - len(other.epoch)
    np.testing.assert_array_equal(one.epoch[first:], other.epoch)
    series = [np.abs(getattr(one, name)[first:] - getattr(other, name)).max() for name in SERIES]
    tests = [
        abs((getattr(one, name) or 0.0) - (getattr(other, name) or 0.0))
        for name in ("test_loss", "test_accuracy")
    ]
    return float(max(*series, *tests))


def main() -> int:
    """Train all, print the differences and return the exit status."""
    os.environ.pop("CVCORE_SCHEDULER", None)
    worst = 0.0
    for name, spec in recipes().items():
        first = whole(spec)
        print(
            f"{name}: {spec.dataset}, {spec.sizes()[0]:,} pictures, {EPOCHS} epochs; validation "
            f"loss {first.val_loss[0]:.9f} … {first.val_loss[-1]:.9f}"
        )
        for way, train in WAYS.items():
            found = difference(first, train(spec))
            worst = max(worst, found)
            print(f"{name:>10} {way:>9}: largest difference {found:g}", flush=True)
    return report("reproducible", f"{worst:g}", "0", met=worst == 0)


if __name__ == "__main__":
    sys.exit(main())
