"""Large networks from the inside: against Keras' own, by hand, and what is refused."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import spearmanr

from cvcore import (
    backbone_models,
    classify,
    large,
    pretrained,
    transfer,
    transfer_views,
    work_store,
)
from cvcore.convolution import convolve_layer
from cvcore.errors import AssetError, PictureError, SettingError
from cvcore.heat_maps import grad_cam
from cvcore.large import Large, Photo
from cvcore.transfer_spec import Head, TransferSpec
from tests.collections_of import lecture

pytestmark = pytest.mark.usefixtures("keras_home")

SMALL = Large(backbone="MobileNet-0.25")
CAT = Photo(source="chelsea")


@pytest.fixture(scope="module")
def reference(keras_home: Path) -> keras.Model:
    return backbone_models.build("MobileNet-0.25", size=224, top=True)


def test_the_layers_are_keras_own_with_all_parameters(reference: keras.Model) -> None:
    rows = pretrained.rows("", SMALL)
    assert sum(it.parameters for it in rows) == reference.count_params() == 475_544
    assert [it.kind for it in rows] == [type(it).__name__ for it in reference.layers]
    by_name = {it.name: it for it in rows}
    assert by_name["conv1"].kernel == (3, 3)
    assert by_name["conv_dw_1"].kernel == (3, 3)
    assert by_name["conv_pw_13_relu"].shape == (7, 7, 256)
    assert not by_name["picture"].has_maps


def test_layers_with_equally_large_maps_are_a_stage() -> None:
    rows = pretrained.rows("", SMALL)
    parts = large.stages(rows)
    sides = [(it[-1].shape[0], it[-1].shape[-1]) for it in parts]
    # The classes come from a convolution on one cell.
    assert sides == [(112, 16), (56, 32), (28, 64), (14, 128), (7, 256), (1, 1000)]
    assert sum(it.parameters for part in parts for it in part) == 475_544
    # What pads for a stride belongs to the convolution with that stride.
    assert [it.name for it in parts[1]][:2] == ["conv_pad_2", "conv_dw_2"]


def test_maps_are_keras_own_and_what_the_convolution_page_computes(
    reference: keras.Model,
) -> None:
    seen, maps = pretrained.maps("", SMALL, CAT, "conv1")
    picture = seen[np.newaxis].astype(np.float32)
    own = keras.Model(reference.input, reference.get_layer("conv1").output)
    assert_allclose(maps.maps, np.asarray(own(picture, training=False))[0], atol=1e-5)
    # Stride 2, 'same': one pixel of zeros below and to the right.
    kernel = np.asarray(reference.get_layer("conv1").kernel)
    scaled = seen.astype(np.float32) / 127.5 - 1
    by_hand = convolve_layer(scaled, kernel, stride=2, padding="same")
    assert_allclose(maps.maps, by_hand, atol=1e-4)
    assert maps.total == 8
    assert maps.zero == float((maps.maps == 0).mean())


def test_an_overview_goes_from_the_first_layer_to_the_last() -> None:
    found = pretrained.overview("", SMALL, CAT, 5)
    names = [name for name, _ in found]
    assert names[-1] == "conv_preds"
    assert len(names) == 12
    positions = [maps.position for _, maps in found]
    assert positions == sorted(positions)
    assert all(maps.maps.shape[2] <= 5 for _, maps in found)


def test_kernels_are_seen_by_a_channel_and_depthwise_ones_by_their_own(
    reference: keras.Model,
) -> None:
    first = pretrained.kernels("", SMALL, "conv1", 2)
    weights = np.asarray(reference.get_layer("conv1").kernel)
    assert_array_equal(first.weights, weights[:, :, 2])
    assert first.colours is not None
    assert_array_equal(first.colours, weights)
    deep = pretrained.kernels("", SMALL, "conv_dw_3", 99)
    own = np.asarray(reference.get_layer("conv_dw_3").kernel)
    assert_array_equal(deep.weights, own[..., 0])
    assert (deep.channels, deep.colours) == (1, None)
    assert deep.found is not None
    assert deep.found.correlations.shape[0] == deep.weights.shape[2]
    assert pretrained.kernels("", SMALL, "conv_pw_3", 0).found is None  # 1 × 1


def test_grad_cam_is_class_activation_mapping_where_a_network_ends_in_means() -> None:
    # MobileNetV2 ends in the mean of each map and one dense layer: the map of a class is there
    # the sum of the feature maps, weighed by the class's weights (Zhou et al. 2016).
    label = 285
    large = Large(backbone="MobileNetV2")
    said = classify.classify("", "MobileNetV2", CAT)
    assert said.layer == "out_relu"
    found = pretrained.heat("", large, CAT, said.layer, label, "grad_cam")
    model = backbone_models.build("MobileNetV2", size=224, top=True)
    last = model.get_layer("out_relu")
    seen = found.image[np.newaxis].astype(np.float32)
    maps = np.asarray(keras.Model(model.input, last.output)(seen, training=False))[0]
    weights = np.asarray(model.layers[-1].kernel)[:, label]
    cam = maps @ weights
    assert np.corrcoef(cam.ravel(), found.cells.ravel())[0, 1] >= 0.999
    assert found.score == pytest.approx(
        float(cam.mean() + np.asarray(model.layers[-1].bias)[label]), abs=1e-3
    )
    assert_allclose(
        found.cells, grad_cam(maps, np.broadcast_to(weights / 49, maps.shape)), atol=1e-5
    )
    assert found.score == pytest.approx(float(said.scores[label]), abs=1e-3)
    assert found.probability == pytest.approx(float(said.probabilities[label]), abs=1e-4)
    # Where only means follow, both ways of weighing are the same.
    other = pretrained.heat("", large, CAT, "out_relu", label, "hires_cam")
    assert_allclose(other.cells, found.cells, atol=1e-4)


def test_the_gradient_says_what_a_small_change_does() -> None:
    found = pretrained.heat("", SMALL, CAT, "", 285, "gradient")
    row, column = np.unravel_index(found.values.argmax(), found.values.shape)
    model = backbone_models.build("MobileNet-0.25", size=224, top=True)
    picture = found.image[np.newaxis].astype(np.float32)
    rises = []
    for channel in range(3):
        nudged = picture.copy()
        nudged[0, row, column, channel] += 0.5
        lowered = picture.copy()
        lowered[0, row, column, channel] -= 0.5
        both = [float(np.asarray(model(it, training=False))[0, 285]) for it in (nudged, lowered)]
        rises.append(both[0] - both[1])
    steepest = rises[int(np.abs(rises).argmax())]
    assert found.signed[row, column] == pytest.approx(steepest, rel=0.1)


def test_hiding_a_square_costs_what_it_costs() -> None:
    found = pretrained.heat("", SMALL, CAT, "", 285, "occlusion")
    assert found.cells.shape == (12, 12)
    image = found.image.copy()
    mean = image.mean(axis=(0, 1)).round().astype(np.uint8)
    top, left = 5 * 18, 3 * 18
    image[top : top + 37, left : left + 37] = mean
    model = backbone_models.build("MobileNet-0.25", size=224, top=True)
    score = float(np.asarray(model(image[np.newaxis].astype(np.float32), training=False))[0, 285])
    assert found.cells[5, 3] == pytest.approx(found.score - score, abs=1e-3)


def test_curves_begin_with_the_whole_picture_and_end_with_none_of_it() -> None:
    found = pretrained.curves("", SMALL, CAT, "conv_pw_13_relu", 285, "grad_cam", "mean")
    falls = found.probability
    assert falls.share[0] == 0
    assert falls.share[-1] == 1
    assert falls.first[0] == pytest.approx(found.heat.probability, abs=1e-4)
    assert falls.first[-1] == pytest.approx(float(falls.last[-1]), abs=1e-6)
    assert_allclose(falls.random[:, -1], falls.first[-1], atol=1e-6)
    assert falls.random.shape == (3, 11)


def test_with_shuffled_weights_another_map_is_made_and_the_network_stays() -> None:
    before = pretrained.heat("", SMALL, CAT, "conv_pw_13_relu", 285, "grad_cam")
    pair = pretrained.shuffled("", SMALL, CAT, "conv_pw_13_relu", 285, "grad_cam", 0)
    assert_array_equal(pair.learned.cells, before.cells)
    assert pair.shuffled.score != pytest.approx(before.score, abs=1e-3)
    ranks = spearmanr(pair.learned.signed.ravel(), pair.shuffled.signed.ravel()).statistic
    assert pair.correlation == pytest.approx(ranks, abs=1e-6)
    again = pretrained.shuffled("", SMALL, CAT, "conv_pw_13_relu", 285, "grad_cam", 0)
    assert_array_equal(again.shuffled.cells, pair.shuffled.cells)
    other = pretrained.shuffled("", SMALL, CAT, "conv_pw_13_relu", 285, "grad_cam", 1)
    assert (other.shuffled.cells != pair.shuffled.cells).any()
    after = pretrained.heat("", SMALL, CAT, "conv_pw_13_relu", 285, "grad_cam")
    assert_array_equal(after.cells, before.cells)


@pytest.mark.parametrize("layer", ["conv1_relu", "conv_dw_2", "conv_pw_5_relu"])
def test_an_ascent_raises_what_it_follows_and_comes_again(layer: str) -> None:
    filters = {"conv1_relu": 0, "conv_dw_2": 2, "conv_pw_5_relu": 3}
    number = filters[layer]
    one = pretrained.ascend("", SMALL, layer, number, 0)
    values = one.values[0]
    assert values.max() > values[0] + 0.1
    assert one.stages.shape == (1, 6, 224, 224, 3)
    # The last picture is the best: shown to the network, it gives the highest value.
    model = backbone_models.build("MobileNet-0.25", size=224, top=True)
    place = backbone_models.names_of(model).index(layer)
    chosen = model.layers[place]
    tensor = chosen.input if layer.endswith("relu") else chosen.output
    shown = one.stages[0, -1][np.newaxis].astype(np.float32)
    value = np.asarray(keras.Model(model.input, tensor)(shown, training=False))[..., number].mean()
    assert value == pytest.approx(values.max(), rel=0.05)
    assert_array_equal(pretrained.ascend("", SMALL, layer, number, 0).values, one.values)


def test_a_filter_that_died_in_training_is_not_raised_by_anything(
    reference: keras.Model,
) -> None:
    number = int(np.abs(np.asarray(reference.get_layer("conv1").kernel)).max((0, 1, 2)).argmin())
    values = pretrained.ascend("", SMALL, "conv1_relu", number, 0).values[0]
    assert np.ptp(values) < 1e-6


def test_the_ascent_of_a_convolution_with_its_relu_inside_looks_at_the_sums_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As VGG's layers are, whose weights are not at hand.
    picture = keras.Input((224, 224, 3))
    convolution = keras.layers.Conv2D(3, 3, activation="relu", name="block1_conv1")
    means = keras.layers.GlobalAveragePooling2D()(convolution(picture))
    model = keras.Model(picture, keras.layers.Dense(1000)(means))
    kernel = np.zeros((3, 3, 3, 3), np.float32)
    kernel[..., 1] = 1 / (27 * 255)
    convolution.set_weights([kernel, np.array([-2, -5, 4], np.float32)])
    monkeypatch.setattr(backbone_models, "build", lambda *_, **__: model)
    large._open_backbone.cache_clear()
    try:
        silent, rising, constant = (
            pretrained.ascend("", Large(backbone="VGG16"), "block1_conv1", it, 0).values[0]
            for it in range(3)
        )
    finally:
        large._open_backbone.cache_clear()
    assert_array_equal(silent, -2)
    assert_array_equal(constant, 4)
    assert rising[0] == pytest.approx(-4.5, abs=0.01)
    assert rising.max() == pytest.approx(-4, abs=0.02)


@pytest.mark.parametrize(
    ("layer", "label", "error"),
    [("mixed7", 3, SettingError), ("picture", 3, SettingError), ("conv_pw_1", 1000, SettingError)],
)
def test_what_there_is_not_is_named(layer: str, label: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        pretrained.heat("", SMALL, CAT, layer, label, "grad_cam")


def test_a_filter_a_photo_and_weights_that_there_are_not_are_named() -> None:
    with pytest.raises(SettingError, match="filters"):
        pretrained.ascend("", SMALL, "conv1", 8, 0)
    with pytest.raises(SettingError, match="no layer"):
        pretrained.kernels("", SMALL, "conv1_relu", 0)
    with pytest.raises(PictureError):
        pretrained.maps("", SMALL, Photo(source="0" * 32), "conv1")
    with pytest.raises(AssetError, match="Download"):
        pretrained.rows("", Large(backbone="VGG16"))


def test_what_was_learned_is_looked_into_as_the_result_shows_it(lecture_pictures: Path) -> None:
    token = lecture(lecture_pictures, 8)
    spec = TransferSpec(
        work=token, content=work_store.load(token).digest(), backbone="MobileNet-0.25",
        size=64, epochs=3, learning_rate=0.01, head=Head(output="sigmoid"),
    )  # fmt: skip
    transfer.learn("", spec)
    network = Large(backbone=spec.backbone, spec=spec, classes=2)
    name = work_store.load(token).classes[0].pictures[0].name
    photo = Photo(source=name, work=token)
    shown = transfer_views.recognise("", spec, 2, name, True, 0)
    for label in (0, 1):
        found = pretrained.heat("", network, photo, "conv_pw_13_relu", label, "grad_cam")
        assert_array_equal(found.image, shown.seen)
        assert found.probability == pytest.approx(float(shown.probabilities[label]), abs=1e-5)
        assert_allclose(found.cells, shown.cells * (1 if label == 0 else -1), atol=1e-6)
    rows = pretrained.rows("", network)
    assert rows[-1].name == "scores"
    with pytest.raises(Exception, match="Press Train"):
        pretrained.rows("", replace(network, spec=replace(spec, seed=9)))
