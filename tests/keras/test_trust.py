"""Whether a map can be trusted: the curves' ends, an order known by hand, shuffled weights."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import spearmanr

from cvcore import models, opened, trust
from cvcore.arrays import AnyArray, ByteArray, FloatArray
from cvcore.errors import SettingError
from cvcore.heat_maps import HeatMap, Way
from cvcore.networks import BatchNormalisation, Convolution, Dense, Flatten, Network, Pooling
from cvcore.opened import softmax
from cvcore.runs import RunStore
from cvcore.spec import RunSpec
from cvcore.subjects import Picture, Subject, hide
from tests.keras.weights import keep_weights

END = Dense(units=10, activation="softmax")
CNN: Network = (
    Convolution(filters=4, padding="same", activation="relu"),
    BatchNormalisation(),
    Pooling(),
    Flatten(),
    END,
)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def subject(url: str) -> Subject:
    return keep_weights(RunStore(url), RunSpec(dataset="digits", network=CNN))


def test_the_curves_go_from_the_whole_picture_to_the_hidden_one(url: str, subject: Subject) -> None:
    found = trust.curves(url, subject, Picture(number=6), 3, Way(layer=1), "mean")
    with opened.opened(url, subject) as network:
        image = network.image(Picture(number=6))
        nothing = hide(image, np.ones((8, 8), bool), "mean")
        ends = network.scores(np.stack([image, nothing]))
        # Half of the pixels, the most important ones.
        half = hide(image, trust.most_important(found.order, 0.5, 8, 8), "mean")
        middle = network.scores(half[np.newaxis])[0]
    for falls, values in ((found.score, ends), (found.probability, softmax(ends))):
        assert falls.share.shape == (51,)
        assert (falls.share[0], falls.share[25], falls.share[-1]) == (0, 0.5, 1)
        for curve in (falls.first, falls.last, *falls.random):
            assert_allclose(curve[[0, -1]], values[:, 3], rtol=1e-4, atol=1e-6)
    assert_allclose(found.score.first[25], middle[3], rtol=1e-4)
    assert found.falls("score") is found.score
    assert found.falls("probability") is found.probability


def test_a_linear_networks_best_order_is_that_of_gradient_times_input(url: str) -> None:
    """Each pixel adds its weight times its value: hiding the largest first falls fastest."""
    kernel = np.random.default_rng(1).normal(size=(64, 10)).astype(np.float32)
    weights: dict[str, AnyArray] = {"dense_2/kernel": kernel}
    linear = keep_weights(
        RunStore(url), RunSpec(dataset="digits", network=(Flatten(), END)), weights=weights
    )
    found = trust.curves(url, linear, Picture(), 5, Way(method="gradient_input"), "black")
    added = kernel[:, 5] * found.heat.image.ravel() / 255
    assert_allclose(added[found.order], np.sort(added)[::-1], atol=1e-6)
    hidden = np.rint(64 * found.score.share).astype(int)
    lost = np.concatenate([[0], np.cumsum(np.sort(added)[::-1])])[hidden]
    assert_allclose(found.score.first[0] - found.score.first, lost, atol=1e-4)
    # No order can do better at any step, nor does the opposite one anywhere.
    assert (found.score.first <= found.score.random + 1e-4).all()
    assert (found.score.last >= found.score.random - 1e-4).all()
    assert found.score.deletion < found.score.by_chance < found.score.insertion


def test_every_order_hides_its_first_pixels_first() -> None:
    def brightness(images: ByteArray) -> FloatArray:
        sums: FloatArray = images.sum(axis=(1, 2), dtype=np.float32)
        return sums

    image = np.array([[1, 2], [4, 8]], np.uint8)[..., np.newaxis]
    orders = np.array([[3, 2, 1, 0], [0, 2, 1, 3]])
    share, scores = trust.hide_in_orders(brightness, image, orders, "black")
    assert_array_equal(share, [0, 0.25, 0.5, 0.75, 1])
    assert_array_equal(scores[..., 0], [[15, 7, 3, 1, 0], [15, 14, 10, 8, 0]])
    share, scores = trust.hide_in_orders(brightness, image, orders[:1], "black", steps=2)
    assert_array_equal(share, [0, 0.5, 1])
    assert_array_equal(scores[..., 0], [[15, 3, 0]])


def test_equal_pixels_stand_in_the_order_before_relu_and_then_of_chance() -> None:
    values = np.array([[0, 2], [0, 0]], np.float32)
    signed = np.array([[-1, 2], [-3, -1]], np.float32)
    image = np.zeros((2, 2, 1), np.uint8)
    heat = HeatMap(image=image, values=values, signed=signed, cells=signed, score=0, probability=0)
    orders = {tuple(trust.ranked(heat, seed=seed).tolist()) for seed in range(20)}
    assert orders == {(1, 0, 3, 2), (1, 3, 0, 2)}


def test_the_area_is_that_of_the_trapezoids() -> None:
    share, curve = np.array([0, 0.25, 1], np.float32), np.array([1, 0.5, 0.25], np.float32)
    assert_allclose(trust.area(share, curve), 0.25 * 0.75 + 0.75 * 0.375)


def test_shuffled_weights_keep_each_arrays_values_and_the_network_gets_its_own_back(
    url: str, subject: Subject
) -> None:
    with opened.opened(url, subject) as network:
        before = models.weights(network.model)
    pair = trust.shuffled(url, subject, Picture(), 3, Way(layer=1), 7)
    with opened.opened(url, subject) as network:
        after = models.weights(network.model)
        scores = network.scores(network.image(Picture())[np.newaxis])[0]
    moved = trust.shuffle_weights(before, 7)
    for name, values in before.items():
        assert_array_equal(after[name], values, err_msg=name)
        assert moved[name].shape == values.shape
        assert_array_equal(np.sort(moved[name], axis=None), np.sort(values, axis=None))
    assert np.abs(moved["dense_5/kernel"] - before["dense_5/kernel"]).max() > 0
    assert_allclose(pair.learned.score, scores[3], rtol=1e-4)
    assert pair.shuffled.score != pair.learned.score
    # Before ReLU, which would make many pixels equal.
    assert pair.learned.signed.min() < 0
    expected = spearmanr(pair.learned.signed.ravel(), pair.shuffled.signed.ravel()).statistic
    assert_allclose(pair.correlation, expected, rtol=1e-6)
    again = trust.shuffled(url, subject, Picture(), 3, Way(layer=1), 7)
    assert_array_equal(again.shuffled.cells, pair.shuffled.cells)


def test_a_failed_map_gives_the_weights_back_too(url: str, subject: Subject) -> None:
    with opened.opened(url, subject) as network:
        before = models.weights(network.model)
        with pytest.raises(SettingError), trust._shuffled_weights(network, 1):
            raise SettingError("Broken off.")
        for name, values in models.weights(network.model).items():
            assert_array_equal(values, before[name], err_msg=name)
