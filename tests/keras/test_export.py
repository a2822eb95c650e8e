"""The exported script and file, run in a process of their own, against the run itself."""

import json
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cvcore import export, inference, training
from cvcore.arrays import AnyArray
from cvcore.datasets import DATASETS
from cvcore.networks import (
    ActivationLayer,
    BatchNormalisation,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling,
    Network,
    Pooling,
)
from cvcore.runs import RunStore, TrainingState
from cvcore.spec import Augmentation, RunSpec

# Keras' own way of turning a variable into an array, when it writes a file.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

NETWORK: Network = (
    Convolution(filters=4, size=3, padding="same"),
    BatchNormalisation(),
    ActivationLayer(activation="relu"),
    Pooling(size=2, how="average"),
    Convolution(filters=6, size=3, stride=2, activation="tanh"),
    Dropout(rate=0.25),
    Flatten(),
    Dense(units=10, activation="softmax"),
)
SPEC = RunSpec(
    dataset="digits", network=NETWORK, training_size=300, batch_size=48, epochs=3, seed=7
)
DENSE: Network = (Flatten(), Dense(units=10, activation="softmax"))
LINEAR = replace(SPEC, network=DENSE)
AUGMENTED = replace(
    SPEC,
    augmentation=Augmentation(
        rotation=20.0, width_shift=0.1, height_shift=0.1, shear=0.1, zoom=0.1, flip=True
    ),
)
SPECS = {
    "momentum, one cycle, one-hot, shuffled, standardised": replace(
        SPEC,
        schedule="one_cycle",
        network=(
            Convolution(filters=4),
            GlobalAveragePooling(),
            Dense(units=10, activation="softmax"),
        ),
        optimiser="sgd",
        momentum=0.5,
        learning_rate=0.05,
        labels="one_hot",
        shuffle_pixels=True,
        scaling="standardise",
    ),
    "early stop, no validation": replace(
        LINEAR, early_stop=0.2, validation_split=0.0, scaling="minmax", epochs=9
    ),
    "patience": replace(LINEAR, patience=1, learning_rate=0.5, epochs=9),
}


def trained(spec: RunSpec, start: training.Start | None = None) -> tuple[list[list[float]], Any]:
    """Train a run; return its history, a row an epoch, and what is kept after each."""
    rows: list[list[float]] = []
    kept: dict[float, tuple[Any, TrainingState | None]] = {}

    def emit(kind: type, **values: Any) -> None:
        if kind.__name__ == "Epoch":
            names = ("accuracy", "loss", "val_accuracy", "val_loss")
            rows.append([values[name] for name in names if values[name] is not None])

    training.train(
        spec,
        emit=emit,
        keep=lambda moment, weights, state: kept.update({moment: (weights, state)}),
        start=start,
    )
    return rows, kept


def run_script(text: str, folder: Path) -> list[list[float]]:
    """Run Python in a process of its own; return the numbers of its lines but the last."""
    script = folder / "run.py"
    script.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=True, cwd=folder
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("epoch")]
    return [[float(it) for it in re.findall(r"\d+\.\d+", line)] for line in lines]


def branched() -> tuple[tuple[RunSpec, RunSpec], list[list[float]]]:
    """Train a run on augmented pictures, and a branch of it with less dropout, another rate."""
    parent = AUGMENTED
    told, kept = trained(parent)
    weights, state = kept[1.0]
    assert state is not None
    network = tuple(Dropout(rate=0.1) if isinstance(it, Dropout) else it for it in parent.network)
    branch = replace(
        parent, network=network, learning_rate=0.01, parent=parent.digest(), from_epoch=1
    )
    start = training.Start(
        epoch=1, weights=tuple(weights.values()), state=state, optimiser="adam", own=False
    )
    return (parent, branch), told[:1] + trained(branch, start)[0]


def test_the_script_of_a_run_gives_the_runs_history(tmp_path: Path) -> None:
    # One process for all of them: TensorFlow takes seconds to start.
    cases: list[tuple[tuple[RunSpec, ...], list[list[float]]]]
    cases = [((spec,), trained(spec)[0]) for spec in SPECS.values()]
    cases.append(branched())
    scripts = [export.keras_code(lineage) for lineage, _ in cases]
    told = run_script("\n".join(scripts), tmp_path)
    expected = [row for _, rows in cases for row in rows]
    assert len(told) == len(expected)
    for mine, theirs in zip(told, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=2e-6)


@pytest.mark.parametrize("name", DATASETS)
def test_every_data_set_and_network_makes_python(name: str) -> None:
    units = len(DATASETS[name].classes)
    spec = RunSpec(
        dataset=name,
        network=(Flatten(), Dense(units=units, activation="softmax")),
        seconds=5.0,
    )
    compile(export.keras_code((spec,)), "script", "exec")


OPEN = """
import json, sys, zipfile
import keras, numpy as np
model = keras.models.load_model(sys.argv[1])
labels = json.loads(zipfile.ZipFile(sys.argv[1]).read("labels.json"))["labels"]
np.save(sys.argv[3], model.predict(np.load(sys.argv[2]), verbose=0))
print(labels[3])
"""


def test_the_file_names_raw_pictures_with_keras_alone(tmp_path: Path) -> None:
    store = RunStore(str(tmp_path / "runs"))
    spec = replace(SPECS["momentum, one cycle, one-hot, shuffled, standardised"], epochs=1)
    store.begin(spec)
    _, kept = trained(spec)
    store.save_weights(spec.digest(), 1.0, kept[1.0][0])
    data = export.keras_file(store.url, spec.digest(), 1.0)
    (tmp_path / "network.keras").write_bytes(data)
    model, _ = inference.model_at(store, spec.digest(), 1.0)
    pictures = inference.load(spec)
    expected = inference.predict(model, spec, pictures).probabilities
    np.save(tmp_path / "in.npy", pictures.test_images.astype(np.float32))
    (tmp_path / "open.py").write_text(OPEN, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "open.py", "network.keras", "in.npy", "out.npy"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), expected, rtol=0, atol=1e-6)
    assert done.stdout.strip() == "3"
    with zipfile.ZipFile(tmp_path / "network.keras") as archive:
        said = json.loads(archive.read(export.LABELS_FILE))
    assert said["labels"] == [str(digit) for digit in range(10)]


def test_the_file_binarises_as_the_run_did(tmp_path: Path) -> None:
    import keras

    store = RunStore(str(tmp_path / "runs"))
    spec = RunSpec(dataset="binarized_mnist", network=DENSE, threshold=100, scaling="none")
    store.begin(spec)
    weights: dict[str, AnyArray] = {
        "dense_2/kernel": np.eye(784, 10, dtype=np.float32) / 255,
        "dense_2/bias": np.zeros(10, np.float32),
    }
    store.save_weights(spec.digest(), 1.0, weights)
    path = tmp_path / "network.keras"
    path.write_bytes(export.keras_file(store.url, spec.digest(), 1.0))
    picture = np.zeros((1, 28, 28, 1), np.float32)
    picture[0, 0, :3, 0] = 99, 100, 255  # dark, bright, bright
    (said,) = keras.models.load_model(path).predict(picture, verbose=0)
    e = np.exp(1.0)
    np.testing.assert_allclose(said[:4], np.array([1, e, e, 1]) / (8 + 2 * e), rtol=1e-6)
