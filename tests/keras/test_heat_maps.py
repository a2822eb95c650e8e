"""Heat maps against numbers by hand, loops, slopes and class activation mapping."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import spearmanr

from cvcore import evaluation, heat_maps, models, opened
from cvcore.arrays import AnyArray, ByteArray, FloatArray
from cvcore.datasets import pixel_order
from cvcore.errors import SettingError
from cvcore.heat_maps import Way
from cvcore.networks import (
    Convolution,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling,
    Network,
    Pooling,
)
from cvcore.opened import Opened, softmax
from cvcore.runs import RunStore
from cvcore.spec import RunSpec
from cvcore.subjects import Picture, Subject, hide
from tests.keras.weights import keep_weights

END = Dense(units=10, activation="softmax")
# One filter of one weight, then a sum of each quarter of the picture for each class.
TINY: Network = (Convolution(filters=2, size=1), Flatten(), END)
MIXED: Network = (
    Convolution(filters=4, padding="same", activation="relu"),
    Pooling(),
    Convolution(filters=3, size=2),
    Flatten(),
    END,
)
POOLED: Network = (
    Convolution(filters=5, padding="same", activation="relu"),
    Pooling(),
    Convolution(filters=6, padding="same", activation="relu"),
    GlobalAveragePooling(),
    END,
)
DENSE: Network = (Flatten(), Dense(units=6, activation="relu"), END)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("runs"))


def keep(url: str, network: Network, **weights: AnyArray) -> Subject:
    named = {name.replace("__", "/"): value for name, value in weights.items()}
    spec = RunSpec(dataset="digits", network=network)
    return keep_weights(RunStore(url), spec, weights=named)


@pytest.fixture(scope="module")
def mixed(url: str) -> Subject:
    return keep(url, MIXED)


@pytest.fixture(scope="module")
def network(url: str, mixed: Subject) -> Opened:
    return opened.open_alone(url, mixed)


def own(image: ByteArray) -> Picture:
    return Picture(pixels=image.tobytes())


# -- Grad-CAM


def test_grad_cam_is_that_of_a_network_done_by_hand(url: str) -> None:
    """Filter 1 doubles a pixel, filter 2 makes it negative; class 0 likes both in places.

    A picture of 8 × 8 whose first pixel is white: the maps are 2 and -1 there, else 0, but for
    the biases 0 and 3. Class 0 has the weight 64 at the first filter's first place, -128 at
    the second's last: the means of its gradient are 1 and -2.
    """
    dense = np.zeros((128, 10), np.float32)
    dense[0, 0], dense[127, 0] = 64, -128
    subject = keep(
        url,
        TINY,
        convolution_1__kernel=np.array([[[[2, -1]]]], np.float32),
        convolution_1__bias=np.array([0, 3], np.float32),
        dense_3__kernel=dense,
        dense_3__bias=np.zeros(10, np.float32),
    )
    image = np.zeros((8, 8, 1), np.uint8)
    image[0, 0] = 255
    heat = heat_maps.heat_map(url, subject, own(image), 0, Way(layer=1))
    expected = np.full((8, 8), 1 * 0 - 2 * 3, np.float32)
    expected[0, 0] = 1 * 2 - 2 * (3 - 1)
    assert_array_equal(heat.cells, expected)
    assert_array_equal(heat.signed, expected)
    assert_array_equal(heat.values, np.zeros((8, 8)))  # negative everywhere
    assert heat.score == 2 * 64 - 3 * 128
    # HiResCAM keeps the places: the first counts 64 × 2, the last -128 × 3, together the score.
    high = heat_maps.heat_map(url, subject, own(image), 0, Way(method="hires_cam", layer=1))
    by_hand = np.zeros((8, 8), np.float32)
    by_hand[0, 0], by_hand[7, 7] = 128, -384
    assert_array_equal(high.cells, by_hand)
    assert_array_equal(high.values, np.maximum(by_hand, 0))


def test_before_global_average_pooling_it_is_class_activation_mapping(url: str) -> None:
    subject = keep(url, POOLED)
    alone = opened.open_alone(url, subject)
    image = alone.image(Picture(number=3))
    maps = np.asarray(alone.through(alone.see(image[np.newaxis])).outputs[2])[0]
    for label in (0, 7):
        weights = models.weights(alone.model)["dense_5/kernel"][:, label]
        cam = maps @ weights
        heat = heat_maps.explain(alone, image, label, Way(layer=3))
        assert np.corrcoef(heat.cells.ravel(), cam.ravel())[0, 1] >= 0.999
        assert_allclose(heat.cells * cam.size, cam, atol=1e-5)  # a mean over 4 × 4 places
        high = heat_maps.explain(alone, image, label, Way(method="hires_cam", layer=3))
        assert_allclose(high.cells, heat.cells, atol=1e-6)


def test_the_shared_networks_weights_stay(url: str, network: Opened) -> None:
    before = models.weights(network.model)
    for method in heat_maps.METHODS:
        heat_maps.explain(network, network.image(Picture()), 4, Way(method=method, layer=1))
    for name, value in models.weights(network.model).items():
        assert_array_equal(value, before[name], err_msg=name)


def test_every_layer_with_maps_has_one_and_the_others_say_so(url: str, mixed: Subject) -> None:
    for layer, side in ((1, 8), (2, 4), (3, 3)):
        heat = heat_maps.heat_map(url, mixed, Picture(), 4, Way(layer=layer))
        assert heat.cells.shape == (side, side)
        assert heat.values.shape == (8, 8)
        assert heat.values.min() >= 0
    with pytest.raises(SettingError, match=r"Layer 4 gives no feature maps.* layers 1, 2, 3\."):
        heat_maps.heat_map(url, mixed, Picture(), 4, Way(layer=4))
    with pytest.raises(SettingError, match="There are 10 classes; number 11"):
        heat_maps.heat_map(url, mixed, Picture(), 10, Way(layer=1))


def test_the_likeliest_class_need_not_be_named(url: str, mixed: Subject) -> None:
    said = int(evaluation.scores(url, mixed, Picture()).scores.argmax())
    for method in ("grad_cam", "gradient"):
        way = Way(method=method, layer=1 if method == "grad_cam" else 0)
        named = heat_maps.heat_map(url, mixed, Picture(), said, way)
        unnamed = heat_maps.heat_map(url, mixed, Picture(), None, way)
        assert_array_equal(unnamed.signed, named.signed)
        assert unnamed.score == named.score


def test_a_dense_network_has_no_grad_cam_but_the_other_maps(url: str) -> None:
    subject = keep(url, DENSE)
    for method in heat_maps.OF_A_LAYER:
        with pytest.raises(SettingError, match="no feature maps that Grad-CAM could weigh"):
            heat_maps.heat_map(url, subject, Picture(), 4, Way(method=method, layer=1))
    for method in ("occlusion", "gradient", "gradient_input"):
        heat = heat_maps.heat_map(url, subject, Picture(), 4, Way(method=method))
        assert heat.values.any()
    assert heat_maps.usual_layer(RunSpec(dataset="digits", network=DENSE)) == 0


def test_a_position_is_put_where_it_looks() -> None:
    layers = (Convolution(filters=1, size=3), Pooling(), Dropout())
    assert_array_equal(heat_maps.centres(layers, 8), [1.5, 3.5, 5.5])
    wide = (Convolution(filters=1, size=4, stride=2, padding="same"),)
    assert_array_equal(heat_maps.centres(wide, 8), [0.5, 2.5, 4.5, 6.5])
    # Between the middles it is linear; beyond them it stays.
    row = heat_maps.spread(np.array([[0, 4, 8]] * 3, np.float32), layers, 8, 8)
    assert_allclose(row[5], [0, 0, 1, 3, 5, 7, 8, 8], atol=1e-6)


def test_the_score_and_the_probability_are_the_networks(network: Opened) -> None:
    image = network.image(Picture(number=2))
    raw = network.scores(image[np.newaxis])[0]
    for method in heat_maps.METHODS:
        heat = heat_maps.explain(network, image, 6, Way(method=method, layer=1))
        assert_allclose(heat.score, raw[6], rtol=1e-5)
        assert_allclose(heat.probability, softmax(raw)[6], rtol=1e-5)


# -- occlusion


@pytest.mark.parametrize("fill", ["mean", "black", "blur"])
def test_occlusion_is_a_loop_over_the_places_of_the_square(network: Opened, fill: str) -> None:
    image = network.image(Picture(number=5))
    heat = heat_maps.explain(
        network,
        image,
        2,
        Way(method="occlusion", patch=3, stride=2, fill=fill),  # type: ignore[arg-type]  # a word of the parameters
    )
    starts = (0, 2, 4, 5)
    whole = network.scores(image[np.newaxis])[0, 2]
    total, visits = np.zeros((8, 8)), np.zeros((8, 8))
    for row, top in enumerate(starts):
        for column, left in enumerate(starts):
            square = np.zeros((8, 8), bool)
            square[top : top + 3, left : left + 3] = True
            hidden = hide(image, square, fill)  # type: ignore[arg-type]  # as above
            drop = whole - network.scores(hidden[np.newaxis])[0, 2]
            assert_allclose(heat.cells[row, column], drop, atol=1e-5)
            total += drop * square
            visits += square
    assert_allclose(heat.values, total / visits, atol=1e-5)


def test_a_square_must_fit_and_visit_every_pixel(network: Opened) -> None:
    image = network.image(Picture())
    with pytest.raises(SettingError, match="from 1 to 8 pixels a side; it has 9"):
        heat_maps.explain(network, image, 0, Way(method="occlusion", patch=9))
    with pytest.raises(SettingError, match="step of 4 a square of 3 pixels"):
        heat_maps.explain(network, image, 0, Way(method="occlusion", patch=3, stride=4))


# -- the gradient


def test_the_gradient_is_the_slope_of_the_score_at_each_pixel(network: Opened) -> None:
    image = network.image(Picture(number=1))
    heat = heat_maps.explain(network, image, 8, Way(method="gradient"))
    seen = np.asarray(network.see(image[np.newaxis]))
    step = 1e-2
    for row, column in ((0, 0), (3, 4), (6, 2), (7, 7)):
        nudge = np.zeros_like(seen)
        nudge[0, row, column] = step
        up = network.through(seen + nudge).sums[-1][0, 8]
        down = network.through(seen - nudge).sums[-1][0, 8]
        slope = (float(up) - float(down)) / (2 * step)
        assert_allclose(heat.signed[row, column], slope, atol=2e-3)
    assert_array_equal(heat.values, np.abs(heat.signed))
    product = heat_maps.explain(network, image, 8, Way(method="gradient_input"))
    assert_allclose(product.values, heat.signed * seen[0, ..., 0], atol=1e-6)


def test_of_several_channels_the_steepest_counts() -> None:
    slope = np.array([[[1, -5, 2], [0.5, 0.2, 0.1]]], np.float32)
    assert_array_equal(heat_maps.gradient(slope), np.array([[-5, 0.5]], np.float32))


def test_shuffled_pixels_are_put_back_where_they_are_in_the_picture(url: str) -> None:
    """A dense network with shuffled pixels is one whose first weights stand in another order."""
    spec = RunSpec(dataset="digits", network=(Flatten(), END))
    weights: dict[str, AnyArray] = {
        "dense_2/kernel": np.random.default_rng(3).normal(size=(64, 10)).astype(np.float32)
    }
    plain = keep_weights(RunStore(url), spec, weights=weights)
    order = pixel_order(8, 8)
    moved = {"dense_2/kernel": weights["dense_2/kernel"][order]}
    shuffled = keep_weights(RunStore(url), replace(spec, shuffle_pixels=True), weights=moved)
    for method in ("gradient", "gradient_input", "occlusion"):
        one = heat_maps.heat_map(url, plain, Picture(), 1, Way(method=method))
        other = heat_maps.heat_map(url, shuffled, Picture(), 1, Way(method=method))
        assert_allclose(other.signed, one.signed, atol=1e-5, err_msg=method)


# -- alike or not


def test_the_rank_correlation_is_scipys() -> None:
    rng = np.random.default_rng(0)
    one: FloatArray = rng.integers(0, 6, (7, 5)).astype(np.float32)  # with ties
    other: FloatArray = one + rng.normal(0, 2, (7, 5)).astype(np.float32)
    expected = spearmanr(one.ravel(), other.ravel()).statistic
    assert_allclose(heat_maps.rank_correlation(one, other), expected, rtol=1e-9)
    assert heat_maps.rank_correlation(one, -one) == -1
    assert np.isnan(heat_maps.rank_correlation(one, np.zeros_like(one)))


def test_a_map_is_laid_over_the_picture_as_strongly_as_is_asked() -> None:
    image = np.full((1, 2, 1), 100, np.uint8)
    colours = heat_maps.paint(np.array([[0, 2]], np.float32), signed=True)
    assert_array_equal(colours, [[[255, 255, 255], [184, 22, 42]]])
    assert_array_equal(heat_maps.lay_over(image, colours, 1.0), colours)
    assert_array_equal(heat_maps.lay_over(image, colours, 0.0), np.full((1, 2, 3), 100))
    assert_array_equal(heat_maps.lay_over(image, colours, 0.5)[0, 1], [142, 61, 71])
