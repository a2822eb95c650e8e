"""What learned kernels resemble and how far they moved, on kernels worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal

from cvcore import learned_kernels
from cvcore.arrays import FloatArray
from cvcore.errors import EngineError, SettingError
from cvcore.kernels import KERNELS, resize
from cvcore.learned_kernels import chance, hand_made, layers_with_kernels, resemblance, seen_by
from cvcore.networks import Convolution, Dense, Flatten, Pooling, preset
from cvcore.runs import RunStore
from cvcore.spec import RunSpec
from cvcore.subjects import Subject
from cvcore.surgery import Operation

END = Dense(units=10, activation="softmax")
SPEC = RunSpec(
    dataset="digits",
    network=(Convolution(filters=2), Pooling(), Convolution(filters=1, size=2), Flatten(), END),
)


def stack(*kernels: FloatArray) -> FloatArray:
    return np.stack(kernels, axis=-1).astype(np.float32)


@given(
    st.sampled_from(sorted(hand_made(3))),
    st.floats(0.125, 8, width=32),
    st.integers(-4, 4),
    st.sampled_from([1, -1]),
)
def test_a_scaled_kernel_with_anything_added_is_itself_and_its_negative_is_its_inverse(
    name: str, scale: float, added: int, sign: int
) -> None:
    found = resemblance(
        stack(
            sign * scale * KERNELS[name](**({"size": 3} if KERNELS[name].parameters else {}))
            + added
        )
    )
    place = found.names.index(name)
    assert_allclose(found.correlations[0, place], sign, atol=1e-5)


def test_a_sobel_is_a_sobel_and_its_negative_the_inverse_of_one() -> None:
    sobel = KERNELS["sobel_x"].weights
    found = resemblance(stack(sobel, -0.5 * sobel, sobel.T))
    assert [found.best(place)[0] for place in range(3)] == [
        ("sobel_x", 1.0),
        ("sobel_x", -1.0),
        ("sobel_y", 1.0),
    ]
    assert_allclose(found.strength, 1)


def test_the_correlation_of_prewitt_and_sobel_worked_by_hand() -> None:
    found = resemblance(stack(KERNELS["prewitt_x"].weights))
    # (1·1 + 1·2 + 1·1) twice is 8; the lengths are √6 and √12.
    assert_allclose(dict(found.best(0))["sobel_x"], 8 / np.sqrt(72), atol=1e-6)
    assert_allclose(dict(found.best(0))["sobel_y"], 0, atol=1e-12)


@given(arrays(np.float32, (3, 3, 2), elements=st.integers(-9, 9)))
def test_it_is_numpys_correlation(weights: FloatArray) -> None:
    found = resemblance(weights)
    for index in range(2):
        mine = weights[..., index].ravel()
        if np.ptp(mine) == 0:
            assert_array_equal(found.correlations[index], 0)
            continue
        for name, number in zip(found.names, found.correlations[index], strict=True):
            theirs = hand_made(3)[name].ravel()
            assert_allclose(number, np.corrcoef(mine, theirs)[0, 1], atol=1e-5)


def test_a_kernel_that_is_the_same_everywhere_resembles_none() -> None:
    found = resemblance(np.full((3, 3, 1), 0.1, np.float32))
    assert_array_equal(found.correlations, 0)


def test_smaller_hand_made_kernels_get_zeros_about_them() -> None:
    made = hand_made(5)
    assert_array_equal(made["laplacian"], resize(KERNELS["laplacian"].weights, 5, 5))
    assert_array_equal(made["gaussian"], KERNELS["gaussian"](size=5))
    assert not {"box", "random_normal"} & set(made)
    assert not hand_made(2)


def test_among_random_kernels_one_in_twenty_is_above_chance() -> None:
    drawn = np.random.default_rng(5).standard_normal((3, 3, 4_000), np.float32)
    share = (resemblance(drawn).strength > chance(3)).mean()
    assert 0.035 < share < 0.065
    assert chance(5) < chance(3) < 1  # more weights, more ways to be like none


def test_kernels_that_are_too_small_or_no_squares_are_said() -> None:
    for shape in ((2, 2, 1), (1, 1, 1), (3, 4, 1)):
        with pytest.raises(SettingError, match="like none of the hand-made"):
            resemblance(np.ones(shape, np.float32))


def test_a_dense_layer_has_kernels_only_where_no_convolution_has() -> None:
    assert layers_with_kernels(SPEC.network) == (1, 3)
    assert layers_with_kernels((Flatten(), Dense(units=4), END)) == (2,)
    assert seen_by(SPEC, 3) == (2, 2, 2)
    dense = replace(SPEC, network=preset("dense", 10))
    assert seen_by(dense, 2) == (8, 8, 1)
    assert seen_by(dense, 3) == (1, 128, 1)
    assert seen_by(replace(dense, dataset="cifar10"), 2) == (32, 32, 3)
    with pytest.raises(SettingError, match="Layer 2 of this network has no kernels"):
        seen_by(SPEC, 2)
    with pytest.raises(SettingError, match="Layer 9 of this network has no kernels"):
        seen_by(SPEC, 9)


@pytest.fixture
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with a run whose kernels are at 0, then (3, 4) away, then back at a third."""
    store = RunStore(str(tmp_path_factory.mktemp("runs")))
    store.begin(SPEC)
    for moment, step in ((0.0, 0.0), (1.0, 1.0), (2.0, 1 / 3)):
        kernel = np.zeros((3, 3, 1, 2), np.float32)
        kernel[0, 0, 0, 0], kernel[1, 2, 0, 0] = 3 * step, 4 * step
        deep = np.zeros((2, 2, 2, 1), np.float32)
        deep[..., 0, 0], deep[..., 1, 0] = 1, 3
        store.save_weights(
            SPEC.digest(),
            moment,
            {
                "convolution_1/kernel": kernel,
                "convolution_1/bias": np.ones(2, np.float32),
                "convolution_3/kernel": deep,
                "convolution_3/bias": np.ones(1, np.float32),
                "dense_5/kernel": np.ones((4, 10), np.float32),
                "dense_5/bias": np.ones(10, np.float32),
            },
        )
    return store.url


def test_a_kernel_that_goes_away_and_comes_back_walks_further_than_it_gets(url: str) -> None:
    moved = learned_kernels.movement(url, SPEC.digest(), 1, 2.0)
    assert moved.moments.tolist() == [0, 1, 2]
    assert_allclose(moved.distance[:, 0], [0, 5, 5 / 3], rtol=1e-6)
    assert_allclose(moved.path[:, 0], [0, 5, 5 + 10 / 3], rtol=1e-6)
    assert_array_equal(moved.path[:, 1], 0)
    assert_allclose(moved.size, moved.distance)
    assert learned_kernels.movement(url, SPEC.digest(), 1, 1.0).moments.tolist() == [0, 1]


def test_the_film_shows_one_kernel_at_every_moment(url: str) -> None:
    pictures = learned_kernels.film(url, SPEC.digest(), 1, 1, 0, 2.0)
    assert_allclose(pictures[:, 1, 2], [0, 4, 4 / 3], rtol=1e-6)
    with pytest.raises(SettingError, match="has 2 filters; number 3"):
        learned_kernels.film(url, SPEC.digest(), 1, 1, 2, 2.0)


def test_a_layers_kernels_are_seen_by_one_channel_or_the_mean_of_all(url: str) -> None:
    subject = Subject(run=SPEC.digest(), moment=1.0)
    for channel, value in ((0, 2), (1, 1), (2, 3)):
        found = learned_kernels.learned(url, subject, 3, channel)
        assert (found.channels, found.limit) == (2, value)
        assert_array_equal(found.weights, np.full((2, 2, 1), value))
    with pytest.raises(SettingError, match="sees 2 channels; number 3"):
        learned_kernels.learned(url, subject, 3, 3)
    operated = replace(subject, operations=(Operation(layer=3, filter=0, deed="off"),))
    assert learned_kernels.learned(url, operated, 3, 0).limit == 1  # of no weights but zeros
    assert not learned_kernels.learned(url, operated, 3, 0).weights.any()


def test_what_is_gone_is_said(url: str) -> None:
    subject = Subject(run=SPEC.digest(), moment=7.0)
    with pytest.raises(EngineError, match="after epoch 7 are not"):
        learned_kernels.learned(url, subject, 1, 0)
    with pytest.raises(EngineError, match="000000 is not in the run store"):
        learned_kernels.movement(url, "0" * 16, 1, 2.0)
    with pytest.raises(EngineError, match="after epoch -1 are not"):
        learned_kernels.movement(url, SPEC.digest(), 1, -1.0)
