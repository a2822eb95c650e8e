"""What is taken away predicts the same elsewhere, and says so when it does not."""

import io
import json
import os
import runpy
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image, ImageOps

from cvcore import images, transfer, transfer_export, work_store
from cvcore.transfer_spec import Head, TransferSpec
from tests.collections_of import lecture

# Keras asks TensorFlow's variables for arrays in a way that numpy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def spec(keras_home: Path, lecture_pictures: Path) -> TransferSpec:
    token = lecture(lecture_pictures)
    work_store.rename(token, 0, "얼굴 <b>")
    spec = TransferSpec(
        work=token, content=work_store.load(token).digest(), backbone="MobileNet-0.25",
        # So many epochs that it is sure: then probabilities alone would hide a wrong scaling.
        size=96, epochs=80, head=Head(units=(16,), dropout=0.2), learning_rate=0.01,
    )  # fmt: skip
    transfer.learn("", spec)
    return spec


@pytest.fixture(scope="module")
def packed(spec: TransferSpec) -> bytes:
    return transfer_export.pack("", spec, 2)


@pytest.fixture
def unpacked(packed: bytes, tmp_path: Path) -> Path:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        archive.extractall(tmp_path)
    return tmp_path


def test_in_a_process_of_its_own_it_gives_the_pages_scores(
    unpacked: Path, spec: TransferSpec
) -> None:
    environment = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    environment["PYTHONUTF8"] = "1"
    ran = subprocess.run(
        [sys.executable, "-I", "classify.py"],
        cwd=unpacked, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    scores = json.loads((unpacked / "scores.json").read_text(encoding="utf-8"))
    assert list(scores) == ["plain.jpg", "turned.jpg", "transparent.png"]
    for name in scores:
        assert name in ran.stdout
    assert "얼굴 <b>" in ran.stdout
    # The scores are those that the page has shown for the same file.
    learned = transfer.recall(spec)
    assert learned is not None
    assert_allclose(scores["plain.jpg"]["probabilities"], learned.probabilities[0], atol=1e-4)


def script(folder: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    """Run the script in this process; return what it exits with."""
    monkeypatch.setattr(sys, "argv", ["classify.py", *arguments])
    try:
        runpy.run_path(str(folder / "classify.py"), run_name="__main__")
    except SystemExit as ended:
        return ended.code
    return 0


def in_config(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text, old
        return text.replace(old, new)

    return change


@pytest.mark.parametrize(
    "change",
    [
        in_config('"scale": 0.00784313725490196', f'"scale": {1 / 127}'),
        in_config('"crop_to_aspect_ratio": true', '"crop_to_aspect_ratio": false'),
        in_config('"interpolation": "bilinear"', '"interpolation": "nearest"'),
        in_config('"antialias": true', '"antialias": false'),
    ],
    ids=["scaling", "crop", "filter", "antialias"],
)
def test_another_scaling_crop_or_filter_is_said_with_the_picture(
    change: Callable[[str], str], unpacked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = unpacked / "network.keras"
    with zipfile.ZipFile(path) as archive:
        members = {it: archive.read(it) for it in archive.namelist()}
    members["config.json"] = change(members["config.json"].decode()).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    said = script(unpacked, monkeypatch)
    assert isinstance(said, str)
    assert "predicts differently" in said
    assert any(name in said for name in ("plain.jpg", "turned.jpg", "transparent.png"))


def test_it_names_a_picture_of_ones_own(
    unpacked: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    lecture_pictures: Path,
) -> None:
    own = sorted((lecture_pictures / "faces").glob("*.jpg"))[3]
    assert script(unpacked, monkeypatch, str(own)) == 0
    assert own.name in capsys.readouterr().out


def test_three_files_are_a_plain_a_turned_and_a_transparent_one(spec: TransferSpec) -> None:
    files = transfer_export.three_files(spec)
    kept = work_store.load(spec.work).classes[0].pictures[0]
    original = work_store.file_of(work_store.place(spec.work) / "pictures", kept.name)
    assert files["plain.jpg"] == original  # byte for byte what the visitor brought
    turned = Image.open(io.BytesIO(files["turned.jpg"]))
    assert turned.getexif()[0x0112] == 6
    upright = ImageOps.exif_transpose(turned)
    assert upright.size == turned.size[::-1]
    assert_array_equal(images.decode(files["turned.jpg"]), np.asarray(upright))
    transparent = Image.open(io.BytesIO(files["transparent.png"]))
    assert transparent.mode == "RGBA"
    low, high = transparent.getchannel("A").getextrema()
    assert (low, high) == (0, 255)


def test_a_sigmoid_and_a_squeezed_picture_are_taken_along(spec: TransferSpec) -> None:
    spec = replace(spec, framing="squeeze", head=Head(output="sigmoid"), loss="mse", scaling="unit")
    learned = transfer.learn("", spec)
    whole = transfer_export.in_one(spec, transfer.restore(spec, 2).network, learned.names)
    pictures = [it.name for _, it in work_store.load(spec.work).pictures()]
    for place in (0, 17, 29):
        image = work_store.original(spec.work, pictures[place])
        assert_allclose(
            transfer_export.said(whole, image)["probabilities"],
            learned.probabilities[place],
            atol=1e-4,
        )


def test_nothing_is_left_that_predicts_at_random(spec: TransferSpec) -> None:
    import keras

    whole = transfer_export.in_one(spec, transfer.restore(spec, 2).network, ("a", "b"))

    def layers(model: keras.Model) -> list[keras.Layer]:
        inner = [layers(it) for it in model.layers if isinstance(it, keras.Model)]
        return [*model.layers, *(it for some in inner for it in some)]

    assert not any(isinstance(it, keras.layers.Dropout) for it in layers(whole))
