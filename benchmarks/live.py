"""What watching a training costs: a run as the worker does it, against bare `model.fit`.

Ours is all of a run: shuffled by its seed, events told and written to a run
store, weights and the state of the optimiser kept after each epoch, and the
test pictures predicted at the end. The peer is what a notebook has: arrays
already scaled, `compile`, `fit(…, verbose=0)` and nothing else. Same network,
pictures, batches and validation pictures; processor time of the whole process; bare against bare
beside it shows the noise. Without Fashion-MNIST in KERAS_HOME, random
pictures of its shape take its place.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from unittest.mock import patch

import numpy as np

from benchmarks.measure import ratio, report
from cvcore import datasets, downloads, models, training
from cvcore.datasets import DATASETS, Dataset
from cvcore.jobs import Reporter, keep
from cvcore.networks import NETWORKS
from cvcore.runs import RunStore
from cvcore.spec import RunSpec

GOAL = 1.03
ROUNDS = 5
EPOCHS = 3
SIZES = {"dense": 30_000, "cnn": 12_000}  # training pictures


def pictures() -> tuple[str, Dataset]:
    """Return Fashion-MNIST, or noise of its shape where it is not on disk."""
    entry = DATASETS["fashion_mnist"]
    if all((downloads.keras_home() / file.path).is_file() for file in entry.files):
        return "Fashion-MNIST", datasets.load("fashion_mnist")
    rng = np.random.default_rng(0)
    return "random pictures", Dataset(
        rng.integers(0, 256, (entry.training, *entry.shape), np.uint8),
        rng.integers(0, 10, entry.training),
        rng.integers(0, 256, (entry.test, *entry.shape), np.uint8),
        rng.integers(0, 10, entry.test),
    )


def run_ours(spec: RunSpec, folder: str, told: list[str]) -> None:
    """Train as the worker does, from the network's first weights to the predictions."""
    store, digest = RunStore(folder), spec.digest()
    reporter = Reporter(store, digest, 1, told.append)
    store.begin(spec)
    outcome = training.train(
        spec,
        emit=reporter.emit,
        keep=partial(keep, store, digest),
    )
    if outcome.predictions is not None:
        store.save_predictions(digest, outcome.predictions)


def run_bare(spec: RunSpec, data: Dataset) -> Callable[[], None]:
    """Return what trains the same with Keras alone."""
    training_size, validation_size, _ = spec.sizes()
    scaled = (data.training_images / 255.0).astype(np.float32)
    pictures, labels = scaled[:training_size], data.training_labels[:training_size]
    validation = scaled[-validation_size:], data.training_labels[-validation_size:]

    def run() -> None:
        model = models.build(spec)
        models.compile(model, spec)
        model.fit(
            pictures,
            labels,
            batch_size=spec.batch_size,
            epochs=spec.epochs,
            validation_data=validation,
            verbose=0,
        )

    return run


def main() -> int:
    """Measure both networks of the lecture and return the exit status."""
    source, data = pictures()
    print(f"{source}, {EPOCHS} epochs, {ROUNDS} rounds, validation on 3,000 pictures")
    print(f"{'network':>8} {'':>6} {'processor s':>12} {'ratio':>6} {'wall s':>7} {'ratio':>6}")
    ratios = {}
    for name, size in SIZES.items():
        spec = RunSpec(
            dataset="fashion_mnist",
            network=NETWORKS[name].layers,
            training_size=size,
            validation_split=0.05,
            epochs=EPOCHS,
        )
        ratios[name] = measure(name, spec, data)
    worst = max(ratios.values())
    return report("live", f"{worst:.3f}", f"<= {GOAL}", met=worst <= GOAL)


def measure(name: str, spec: RunSpec, data: Dataset) -> float:
    """Print one network's lines and return the ratio of processor times."""
    told: list[str] = []
    bare = run_bare(spec, data)
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.object(training, "load", lambda _: data),
    ):
        candidates = {"bare": bare, "ours": lambda: run_ours(spec, folder, told), "again": bare}
        seconds: dict[str, list[tuple[float, float]]] = {who: [] for who in candidates}
        for turn in range(ROUNDS + 1):  # the first warms up
            for who in candidates if turn % 2 else reversed(candidates):
                start = time.process_time(), time.perf_counter()
                candidates[who]()
                if turn:
                    seconds[who].append(
                        (time.process_time() - start[0], time.perf_counter() - start[1])
                    )
    processor = {who: [it[0] for it in seconds[who]] for who in candidates}
    wall = {who: [it[1] for it in seconds[who]] for who in candidates}
    for who in candidates:
        print(
            f"{name:>8} {who:>6} {statistics.median(processor[who]):12.2f} "
            f"{ratio(processor[who], processor['bare']):6.3f} "
            f"{statistics.median(wall[who]):7.2f} {ratio(wall[who], wall['bare']):6.3f}",
            flush=True,
        )
    batches = sum('"batch"' in line for line in told)
    print(f"{name:>8} told {len(told)} events, {batches} of them within epochs")
    return ratio(processor["ours"], processor["bare"])


if __name__ == "__main__":
    sys.exit(main())
