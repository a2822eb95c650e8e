"""The Keras script of a training learns what the training learned."""

import io
import re
import runpy
import sys
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from cvcore import transfer, transfer_code, transfer_views, work_store
from cvcore.spec import Augmentation
from cvcore.transfer_spec import Head, TransferSpec
from tests.collections_of import lecture

EPOCH = re.compile(
    r"epoch (\d+): loss ([\d.]+), accuracy ([\d.]+); held out: loss ([\d.]+), accuracy ([\d.]+)"
)


@pytest.fixture(scope="module")
def spec(keras_home: Path, lecture_pictures: Path) -> TransferSpec:
    token = lecture(lecture_pictures)
    work_store.rename(token, 1, 'ani"mals\\')
    return TransferSpec(
        work=token, content=work_store.load(token).digest(), backbone="MobileNet-0.25",
        size=128, epochs=3, held_out=1 / 3, learning_rate=0.01, head=Head(dropout=0.0),
    )  # fmt: skip


def run(
    code: str, token: str, folder: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Any:  # fmt: skip
    """Run a script as its first lines say; return the numbers of its epochs."""
    with zipfile.ZipFile(io.BytesIO(work_store.save(token))) as archive:
        archive.extractall(folder / "classes")
    (folder / "train.py").write_text(code, encoding="utf-8")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["train.py", "classes"])
    with warnings.catch_warnings():
        # MobileNet says that it takes the weights for 224 × 224 pixels: as the laboratory does.
        warnings.filterwarnings("ignore", "`input_shape` is undefined", UserWarning)
        runpy.run_path("train.py", run_name="__main__")
    rows = EPOCH.findall(capsys.readouterr().out)
    return np.array([[float(it) for it in row[1:]] for row in rows])


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"way": "scratch", "size": 48},
        {"cut": "conv_pw_8_relu", "framing": "squeeze", "scaling": "unit", "loss": "mse",
         "head": Head(pooled=False, units=(16, 8), dropout=0.0, output="sigmoid")},
        {"way": "fine_tune", "thawed": 2, "fine_epochs": 2, "fine_rate": 1e-3,
         "optimiser": "rmsprop"},
    ],
    ids=["features", "scratch", "lecture", "fine_tune"],
)  # fmt: skip
def test_a_script_gives_the_history_of_the_training(
    change: dict[str, Any], spec: TransferSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    spec = replace(spec, **change)
    kept = transfer.learn("", spec)
    after = ""
    if spec.way == "fine_tune":
        after = transfer_views.shape("", spec, 2).stops[spec.thawed].name
    code = transfer_code.script(spec, kept.names, np.flatnonzero(kept.held).tolist(), after)
    rows = run(code, spec.work, tmp_path, monkeypatch, capsys)
    wanted = np.stack([kept.loss, kept.accuracy, kept.val_loss, kept.val_accuracy], axis=1)
    assert_allclose(rows, wanted, atol=2e-3)


def test_augmentation_and_digits_are_written_down(spec: TransferSpec) -> None:
    how = Augmentation(rotation=18, zoom=0.2, flip=True)
    code = transfer_code.script(replace(spec, way="augmented", augmentation=how), ("a", "b"), [1])
    compile(code, "train.py", "exec")
    assert "RandomRotation(0.05" in code
    assert "augment=lambda it: augment(it, training=True)" in code
    code = transfer_code.script(replace(spec, work="mnist", count=50), tuple("0123456789"), [1])
    compile(code, "train.py", "exec")
    assert "keras.datasets.mnist.load_data()" in code
    assert "digits[:50]" in code
