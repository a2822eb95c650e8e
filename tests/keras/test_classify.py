"""A network trained on ImageNet names scikit-image's photos; Grad-CAM is what it should be."""

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cvcore import backbones, classify, photos, shelf
from cvcore.backbones import BACKBONES
from cvcore.display import encode_png
from cvcore.errors import AssetError, PictureError, SettingError
from cvcore.large import Photo

pytestmark = pytest.mark.usefixtures("keras_home")


@pytest.mark.parametrize(
    ("photo", "name", "at_least"),
    [("chelsea", "Egyptian cat", 0.4), ("coffee", "espresso", 0.7), ("rocket", "missile", 0.5)],
)
def test_the_usual_network_names_known_photos(photo: str, name: str, at_least: float) -> None:
    found = classify.classify("", "MobileNetV2", Photo(source=photo))
    assert found.names[0] == name
    assert found.probabilities[found.labels[0]] >= at_least
    assert found.seen.shape == (224, 224, 3)
    assert found.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert (np.diff(found.probabilities[found.labels]) <= 0).all()
    powers = np.exp(found.scores.astype(float))
    assert_allclose(found.probabilities, powers / powers.sum(), rtol=1e-4)
    assert 0 < found.seconds < 60


def test_it_says_what_keras_own_network_says() -> None:
    import keras

    found = classify.classify("", "MobileNet-0.25", Photo(source="chelsea", framing="squeeze"))
    reference = keras.applications.MobileNet(
        alpha=0.25, weights=BACKBONES["MobileNet-0.25"].file(top=True).place
    )
    seen = keras.applications.mobilenet.preprocess_input(found.seen[np.newaxis].astype("float32"))
    assert_allclose(found.probabilities, np.asarray(reference(seen))[0], atol=1e-4)


def test_an_own_photo_is_named_and_no_longer_kept_when_it_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CVCORE_PICTURES", str(tmp_path))
    image = photos.load("coffee")
    token = shelf.keep(encode_png(image))
    own = classify.classify("", "MobileNetV2", Photo(source=token))
    ready = classify.classify("", "MobileNetV2", Photo(source="coffee"))
    assert_array_equal(own.probabilities, ready.probabilities)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            path.unlink()
    photos.load.cache_clear()
    with pytest.raises(PictureError):
        classify.classify("", "MobileNetV2", Photo(source=token))


def test_a_backbone_that_is_not_here_or_not_allowed_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(AssetError, match="not on this computer"):
        classify.classify("", "ResNet50", Photo(source="coffee"))
    monkeypatch.setenv("CVCORE_BACKBONES", "MobileNetV2")
    with pytest.raises(SettingError, match="not offered"):
        classify.classify("", "ResNet50", Photo(source="coffee"))


def test_names_come_in_the_order_of_keras_decode_predictions() -> None:
    import keras

    assert os.environ["KERAS_HOME"]
    one_hot = np.zeros((1, 1000), np.float32)
    one_hot[0, 285] = 1
    decoded = keras.applications.mobilenet_v2.decode_predictions(one_hot, top=1)[0][0][1]
    assert backbones.class_names()[285] == decoded.replace("_", " ")
