"""What is read from each depth of a large network: against scikit-learn on all its values."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge

from cvcore import backbone_models, large, large_depth, pretrained, transfer, work_store
from cvcore.errors import SettingError
from cvcore.feature_maps import COMPONENTS, Depth
from cvcore.large import Large
from cvcore.surgery import Operation
from cvcore.transfer_spec import Head, TransferSpec
from tests.collections_of import lecture

pytestmark = pytest.mark.usefixtures("keras_home")

SMALL = Large(backbone="MobileNet-0.25")
SHOWN = TransferSpec(work="digits", size=224, count=150, held_out=1 / 3)


@pytest.fixture(scope="module")
def found(keras_home: Path) -> Depth:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(large_depth, "PICTURES", SHOWN.count)
        return large_depth.depth("", SMALL, "digits")


def test_the_layers_are_those_of_the_rows_and_what_follows_them(found: Depth) -> None:
    rows = pretrained.rows("", SMALL)
    names = [rows[it - 1].name if it else "pixels" for it in found.positions.tolist()]
    assert names == ["pixels", *(it.name for it in large.along(rows))]
    assert found.values[0] == 224 * 224 * 3
    assert found.values[-1] == 1000
    assert (found.learned, found.tested) == (100, 50)


def test_a_projection_is_read_nearly_as_all_values_are(found: Depth) -> None:
    pictures = transfer.load(SHOWN)
    whole = backbone_models.build("MobileNet-0.25", size=224, top=True)
    rows = pretrained.rows("", SMALL)
    shown, tested = ~pictures.held, pictures.held
    small = keras.layers.Resizing(32, 32, interpolation="bilinear", antialias=True)
    target = np.round(np.asarray(small(pictures.images.astype(np.float32)))).reshape(150, -1) / 255
    for place in (5, len(found.positions) - 1):
        position = int(found.positions[place])
        part = keras.Model(whole.input, whole.get_layer(rows[position - 1].name).output)
        images = pictures.images.astype(np.float32)
        given = part.predict(images, verbose=0).reshape(150, -1)
        seen = PCA(COMPONENTS, random_state=1).fit(given[shown]).transform(given)
        seen /= seen[shown].std()
        reader = LogisticRegression(max_iter=200).fit(seen[shown], pictures.labels[shown])
        told = reader.score(seen[tested], pictures.labels[tested])
        said = Ridge().fit(seen[shown], target[shown]).predict(seen[tested])
        variance = np.square(target[tested] - target[tested].mean(axis=0)).sum()
        detail = 1 - np.square(target[tested] - said).sum() / variance
        # Distances change by some 1/sqrt(512) of their length.
        assert found.told_apart[place] == pytest.approx(told, abs=0.06)
        assert found.detail[place] == pytest.approx(detail, abs=0.06)


def test_what_an_operation_takes_away_is_missing_from_there_on_and_nothing_before(
    found: Depth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large_depth, "PICTURES", SHOWN.count)
    rows = pretrained.rows("", SMALL)
    place = next(at for at, it in enumerate(rows, start=1) if it.name == "conv1")
    off = tuple(Operation(layer=place, filter=it, deed="off") for it in range(8))
    blind = large_depth.depth("", replace(SMALL, operations=off), "digits")
    before = found.positions < place
    # What lies before it is asked the same question again, and gives the same answer.
    assert_array_equal(blind.told_apart[before], found.told_apart[before])
    assert_allclose(blind.detail[before], found.detail[before], atol=1e-6)
    assert_array_equal(blind.detail[found.positions > place + 2], 0)
    assert blind.told_apart[-1] == pytest.approx(blind.chance, abs=0.1)


def test_what_was_learned_is_asked_of_the_pictures_that_it_learned(
    lecture_pictures: Path,
) -> None:
    token = lecture(lecture_pictures)
    spec = TransferSpec(
        work=token, content=work_store.load(token).digest(), backbone="MobileNet-0.25",
        size=64, epochs=1, held_out=1 / 3, head=Head(output="sigmoid"),
    )  # fmt: skip
    transfer.learn("", spec)
    found = large_depth.depth("", Large(backbone=spec.backbone, spec=spec, classes=2), "")
    assert (found.learned, found.tested, found.chance) == (20, 10, 0.5)
    assert found.told_apart.max() >= 0.7 > found.told_apart[0] == 0.5
    assert found.values[[0, -2, -1]].tolist() == [64 * 64 * 3, 256, 1]


def test_a_data_set_that_there_is_not_is_refused() -> None:
    with pytest.raises(SettingError, match="nothing"):
        large_depth.depth("", SMALL, "nothing")
