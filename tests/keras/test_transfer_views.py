"""What pages ask about networks that learn one's own classes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cvcore import transfer, transfer_views, work_store
from cvcore.display import encode_png
from cvcore.errors import EngineError, PictureError, SettingError
from cvcore.transfer_spec import Head, TransferSpec
from tests.collections_of import lecture


@pytest.fixture(scope="module")
def spec(keras_home: Path, lecture_pictures: Path) -> TransferSpec:
    """What has learned faces and animals."""
    token = lecture(lecture_pictures)
    spec = TransferSpec(
        work=token, content=work_store.load(token).digest(), backbone="MobileNet-0.25",
        size=96, epochs=12, held_out=1 / 3, learning_rate=0.01,
    )  # fmt: skip
    transfer.learn("", spec)
    return spec


def test_a_networks_shape_needs_no_weights_and_names_its_stops() -> None:
    spec = TransferSpec(work="mnist", backbone="ResNet50", size=64)
    shape = transfer_views.shape("", spec, 3)
    assert shape.maps == (2, 2, 2048)
    assert shape.features == 2048
    assert shape.trainable == 2048 * 3 + 3
    assert shape.stops[0].name == "conv5_block3_out"
    assert [it.trainable for it in shape.stops] == sorted(it.trainable for it in shape.stops)
    assert {it.trainable + it.frozen for it in shape.stops} == {23_587_712 + 2048 * 3 + 3}
    scratch = transfer_views.shape("", replace(spec, way="scratch"), 3)
    assert (scratch.frozen, scratch.stops) == (0, ())
    # What does not change it is not asked anew.
    other = replace(spec, epochs=7, learning_rate=0.5, seed=3, held_out=0.4)
    assert transfer_views.of_shape(other) == transfer_views.of_shape(spec)
    assert transfer_views.shape("", transfer_views.of_shape(spec), 3) == shape


def test_the_places_where_a_backbone_can_be_cut_are_named_as_in_a_fresh_process() -> None:
    found = transfer_views.places("", "InceptionV3")
    assert set(found.ends) <= set(found.layers)
    assert found.ends[-4:] == ("mixed7", "mixed8", "mixed9", "mixed10")
    assert "conv2d_93" in found.layers
    assert "scaling" not in found.layers


def test_a_picture_of_the_collection_gets_the_scores_of_its_training(spec: TransferSpec) -> None:
    learned = transfer.recall(spec)
    assert learned is not None
    pictures = [it.name for _, it in work_store.load(spec.work).pictures()]
    for place in (0, 20):
        found = transfer_views.recognise("", spec, 2, pictures[place], True, -1)
        assert_allclose(found.probabilities, learned.probabilities[place], atol=1e-5)
        assert_allclose(found.features, learned.features[place], rtol=1e-4, atol=1e-5)
        assert_array_equal(found.seen, transfer.load(spec).images[place])
        assert found.cells.shape == (3, 3)


def test_the_heat_of_one_class_is_the_others_turned_round_for_a_sigmoid(
    spec: TransferSpec,
) -> None:
    # One score: what speaks for the first class speaks against the second.
    spec = replace(spec, head=Head(output="sigmoid"))
    transfer.learn("", spec)
    one = transfer_views.recognise("", spec, 2, "astronaut", False, 0)
    other = transfer_views.recognise("", spec, 2, "astronaut", False, 1)
    assert_allclose(one.cells, -other.cells, atol=1e-6)
    assert one.probabilities.sum() == pytest.approx(1)


def test_a_photo_that_is_not_there_and_a_network_that_never_learned_are_named(
    spec: TransferSpec,
) -> None:
    with pytest.raises(PictureError):
        transfer_views.recognise("", spec, 2, "0" * 32, True, -1)
    with pytest.raises(EngineError, match="Press Train"):
        transfer_views.recognise("", replace(spec, seed=7), 2, "astronaut", False, -1)


def test_a_sweep_reads_every_depth_on_the_same_splits(spec: TransferSpec) -> None:
    found = transfer_views.sweep("", spec)
    assert found.right.shape == (len(found.layers), transfer_views.SWEEP_SPLITS)
    assert_array_equal(found.of, [10] * 5)
    assert found.lengths[-1] == 256
    assert (found.right <= found.of).all()
    assert found.layers[-1] == "conv_pw_13_relu"
    assert_array_equal(transfer_views.sweep("", spec).right, found.right)
    # Faces and animals are told apart far better than by chance, half of them.
    assert found.right.sum(axis=1).max() >= 40


def planted(count: int, seed: int, *, scale: int) -> str:
    """Keep noise whose labels only the colour of a 6 × 6 corner tells."""
    rng = np.random.default_rng(seed)
    token = work_store.create()
    for label, name in enumerate(("one", "other")):
        work_store.add_class(token, name)
        files = []
        for number in range(count):
            image = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            image[:6, 26:] = 230 if label else 25
            files.append((f"{number}", encode_png(image.repeat(scale, 0).repeat(scale, 1))))
        work_store.add(token, label, files)
    return token


@pytest.mark.parametrize("scale", [1, 4])
def test_a_backbone_that_learned_a_planted_corner_is_found_out(
    scale: int, keras_home: Path
) -> None:
    token = planted(40, scale, scale=scale)
    spec = TransferSpec(
        work=token, content=work_store.load(token).digest(), backbone="MobileNet-0.25",
        size=128, epochs=40, held_out=0.5, learning_rate=0.01, head=Head(pooled=False),
    )  # fmt: skip
    learned = transfer.learn("", spec)
    assert learned.val_accuracy[-1] >= 0.9
    suspicion = transfer_views.find_shortcuts("", spec, 2)
    found = suspicion.found
    assert found.pictures == 40
    assert found.accused is not None
    top, left, _, width = found.accused.where
    assert (top, left + width) == (0, 128)
    assert abs(found.accused.left - found.chance) <= 0.1
    assert suspicion.image.shape == suspicion.mean.shape == (128, 128, 3)


def test_a_cut_that_there_is_not_is_named_by_the_dial_too() -> None:
    with pytest.raises(SettingError, match="no layer called"):
        transfer_views.shape("", TransferSpec(work="mnist", cut="mixed7"), 2)
