"""Convolution against values worked by hand, SciPy and its own laws."""

import doctest
import subprocess
import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.lib.stride_tricks import sliding_window_view
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage
from scipy.signal import correlate2d, fftconvolve

from cvcore import convolution
from cvcore.arrays import FloatArray
from cvcore.convolution import convolve, convolve_layer, pad, padding_amounts
from cvcore.errors import SettingError

whole = st.integers(-9, 9)  # small whole numbers are exact in float32
images = arrays(np.float32, (7, 9), elements=whole)
kernels = arrays(np.float32, (3, 2), elements=whole)
lengths = st.integers(1, 9)
any_image = arrays(np.float32, st.tuples(lengths, lengths), elements=whole)
any_kernel = arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=whole)
MODES = {"edge": "nearest", "reflect": "mirror", 0.0: "constant", 2.5: "constant"}  # SciPy's names


def random(*shape: int) -> FloatArray:
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def layer_by_definition(
    image: FloatArray, weights: FloatArray, stride: int, padding: Any
) -> npt.NDArray[np.float64]:
    """Sum over a window's rows, columns and channels in double precision."""
    padded = pad(image, weights.shape[:2], stride=stride, padding=padding)
    windows = sliding_window_view(padded, weights.shape[:2], axis=(0, 1))[::stride, ::stride]
    answer: npt.NDArray[np.float64] = np.einsum(
        "rckij,ijkf->rcf", windows.astype(np.float64), weights.astype(np.float64)
    )
    return answer


def test_the_examples_in_the_docstrings_run() -> None:
    assert doctest.testmod(convolution).failed == 0


def test_a_corner_difference_on_a_ramp_is_minus_five_everywhere() -> None:
    ramp = np.arange(16, dtype=np.float32).reshape(4, 4)  # one step down and right adds 4 + 1
    kernel = np.array([[1, 0], [0, -1]], np.float32)  # flipped, it would answer +5
    assert_array_equal(convolve(ramp, kernel), np.full((3, 3), -5, np.float32))


def test_same_padding_surrounds_the_picture_with_zeros() -> None:
    answer = convolve(np.ones((3, 3)), np.ones((3, 3)), padding="same")
    assert_array_equal(answer, np.array([[4, 6, 4], [6, 9, 6], [4, 6, 4]], np.float32))


def test_an_even_kernel_gets_its_odd_zero_at_the_end() -> None:
    answer = convolve([[1, 2, 3, 4]], [[1, 1]], padding="same")
    assert_array_equal(answer, np.array([[3, 5, 7, 4]], np.float32))


def test_same_padding_with_a_stride_starts_where_keras_starts() -> None:
    # Six pixels at a stride of 2 need one zero in all; it goes after: windows 0-2, 2-4, 4-6.
    answer = convolve([[1, 2, 3, 4, 5, 6]], [[1, 1, 1]], stride=2, padding="same")
    assert_array_equal(answer, np.array([[6, 12, 11]], np.float32))


def test_a_number_of_pixels_is_added_on_every_side() -> None:
    answer = convolve([[5]], [[1, 2], [3, 4]], padding=1)
    assert_array_equal(answer, np.array([[20, 15], [10, 5]], np.float32))


@pytest.mark.parametrize(
    ("pad_value", "ends"), [(0.0, (2, 5)), (1, (3, 6)), ("edge", (3, 8)), ("reflect", (4, 10))]
)
def test_the_added_pixels_hold_what_was_asked_for(pad_value: Any, ends: tuple[int, int]) -> None:
    neighbours = convolve([[1, 2, 5, 3]], [[1, 0, 1]], padding="same", pad_value=pad_value)
    assert_array_equal(neighbours, np.array([[ends[0], 6, 5, ends[1]]], np.float32))


@given(images, kernels)
def test_valid_stride_one_is_scipys_correlation(image: FloatArray, kernel: FloatArray) -> None:
    assert_array_equal(convolve(image, kernel), correlate2d(image, kernel, mode="valid"))


@given(
    any_image,
    any_kernel,
    st.integers(1, 4),
    st.integers(2, 12) | st.just("same"),  # from 2 on, a kernel of 5 fits into any picture
    st.sampled_from([0.0, 3.0, "edge", "reflect"]),
)
def test_any_stride_and_padding_is_scipys_correlation_of_numpys_padding(
    image: FloatArray, kernel: FloatArray, stride: int, padding: Any, pad_value: Any
) -> None:
    widths = [
        padding_amounts(n, f, stride=stride, padding=padding)
        for n, f in zip(image.shape, kernel.shape, strict=True)
    ]
    how: dict[str, Any] = (
        {"mode": pad_value} if isinstance(pad_value, str) else {"constant_values": pad_value}
    )
    expected = correlate2d(np.pad(image, widths, **how), kernel, mode="valid")[::stride, ::stride]
    answer = convolve(image, kernel, stride=stride, padding=padding, pad_value=pad_value)
    assert_array_equal(answer, expected)


@given(arrays(np.float32, (5, 8), elements=whole), st.sampled_from(list(MODES)))
def test_same_padding_is_scipys_border_of_the_same_meaning(
    image: FloatArray, pad_value: Any
) -> None:
    kernel = np.arange(15, dtype=np.float32).reshape(3, 5)
    cval = 0.0 if isinstance(pad_value, str) else pad_value
    assert_array_equal(
        convolve(image, kernel, padding="same", pad_value=pad_value),
        ndimage.correlate(image, kernel, mode=MODES[pad_value], cval=cval),
    )


@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 12))
def test_same_padding_leaves_a_stop_for_every_stride_begun(n: int, f: int, stride: int) -> None:
    answer = convolve(np.ones((1, n)), np.ones((1, f)), stride=stride, padding="same")
    assert answer.shape == (1, -(-n // stride))


@given(images, images, kernels)
def test_filtering_a_sum_is_the_sum_of_the_filtered(
    one: FloatArray, other: FloatArray, kernel: FloatArray
) -> None:
    assert_array_equal(
        convolve(one + other, kernel), convolve(one, kernel) + convolve(other, kernel)
    )


@given(images, kernels, st.integers(0, 3), st.integers(0, 3))
def test_filtering_a_shifted_picture_shifts_the_answer(
    image: FloatArray, kernel: FloatArray, down: int, right: int
) -> None:
    shifted = convolve(np.pad(image, ((down, 0), (right, 0))), kernel)
    assert_array_equal(shifted[down:, right:], convolve(image, kernel))


@pytest.mark.parametrize(
    "shape",
    [(12, 12), (13, 13), (16, 20), (31, 31), (1, 200), (150, 2)],
    ids=lambda shape: "x".join(map(str, shape)),
)
@pytest.mark.parametrize("padding", ["valid", "same", 3])
def test_a_large_kernel_errs_by_rounding_alone(shape: tuple[int, int], padding: Any) -> None:
    image, kernel = random(421, 807, 2), random(*shape)
    padded = pad(image, shape, padding=padding).astype(np.float64)
    expected = fftconvolve(padded, kernel[::-1, ::-1, np.newaxis], mode="valid", axes=(0, 1))
    bound = 1e-6 * np.abs(image).max() * np.abs(kernel).sum()
    assert_allclose(convolve(image, kernel, padding=padding), expected, rtol=0, atol=bound)


def test_a_large_kernel_is_summed_right_where_tiles_meet() -> None:
    # Larger than a tile either way; whole numbers, so that half a unit tells right from wrong.
    image = np.random.default_rng(0).integers(-9, 10, (400, 390)).astype(np.float32)
    kernel = np.random.default_rng(1).integers(-9, 10, (13, 12)).astype(np.float32)
    expected = correlate2d(image, kernel, mode="valid")
    assert_array_equal(np.rint(convolve(image, kernel)), expected)


@pytest.mark.parametrize("size", [3, 13])
def test_each_channel_is_filtered_as_if_it_were_alone(size: int) -> None:
    image, kernel = random(40, 50, 3), random(size, size)
    answer = convolve(image, kernel, padding="same")
    for channel in range(3):
        alone = convolve(image[:, :, channel], kernel, padding="same")
        assert_allclose(answer[:, :, channel], alone, atol=1e-4)


@pytest.mark.parametrize("channels", [1, 2, 4, 5, 128, 129, 600])
def test_any_number_of_channels_is_kept(channels: int) -> None:
    image = np.arange(4 * 5 * channels, dtype=np.float32).reshape(4, 5, channels) % 17
    answer = convolve(image, np.ones((2, 2), np.float32))
    assert_array_equal(answer, image[:-1, :-1] + image[:-1, 1:] + image[1:, :-1] + image[1:, 1:])


def test_a_picture_of_bytes_may_become_negative() -> None:
    image = np.array([[200, 100]], np.uint8)
    assert_array_equal(convolve(image, [[-2, 1]]), np.array([[-300]], np.float32))


@pytest.mark.parametrize("size", [3, 13])
def test_a_view_turned_round_is_filtered_as_its_copy(size: int) -> None:
    image, kernel = random(30, 40, 3), random(size, size)
    for view in (image[::-1, ::-1], image.transpose(1, 0, 2), image[::2, :, ::2]):
        turned = kernel.T[::-1]
        assert_array_equal(convolve(view, turned), convolve(view.copy(), turned.copy()))


@pytest.mark.parametrize("size", [1, 3, 13])
def test_the_picture_itself_stays_as_it_was(size: int) -> None:
    image = random(20, 20)
    before = image.copy()
    convolve(image, random(size, size), padding="same")
    assert_array_equal(image, before)


@pytest.mark.parametrize(
    ("pad_value", "answer"), [(0.0, 10), (1, 50), ("edge", 90), ("reflect", 90)]
)
def test_a_single_pixel_can_be_padded_and_filtered(pad_value: Any, answer: float) -> None:
    kernel = np.arange(1, 10).reshape(3, 3)  # 45 in all, 5 in the middle
    filtered = convolve([[2]], kernel, padding="same", pad_value=pad_value)
    assert_array_equal(filtered, np.array([[answer]], np.float32))


def test_a_stride_larger_than_the_picture_leaves_one_stop() -> None:
    answer = convolve(np.ones((4, 4)), np.ones((3, 3)), stride=9)
    assert_array_equal(answer, np.array([[9]], np.float32))


def test_a_filter_sums_over_channels_and_adds_its_bias() -> None:
    image = np.array([[[1, 10]]], np.float32)  # one pixel of two channels
    weights = np.array([[[[1, 2], [3, 4]]]], np.float32)  # 1 · 1 + 10 · 3 and 1 · 2 + 10 · 4
    assert_array_equal(
        convolve_layer(image, weights, [0.5, -0.5]), np.array([[[31.5, 41.5]]], np.float32)
    )


@pytest.mark.parametrize("filters", [1, 4, 40])  # by planes when fewer than a kernel's cells
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (5, 4)])
@pytest.mark.parametrize(("stride", "padding"), [(1, "valid"), (2, "same"), (3, 1), (1, 2)])
def test_a_layer_is_its_definition_in_double_precision(
    filters: int, shape: tuple[int, int], stride: int, padding: Any
) -> None:
    image, weights = random(13, 11, 3), random(*shape, 3, filters)
    assert_allclose(
        convolve_layer(image, weights, stride=stride, padding=padding),
        layer_by_definition(image, weights, stride, padding),
        atol=1e-4,
    )


def test_a_layer_with_large_kernels_is_its_definition() -> None:
    image, weights = random(40, 30, 3), random(15, 15, 3, 2)
    assert_allclose(
        convolve_layer(image, weights, padding="same"),
        layer_by_definition(image, weights, 1, "same"),
        atol=1e-3,
    )


def test_a_layer_is_the_same_when_its_windows_come_in_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image, weights = random(13, 11, 3), random(2, 2, 3, 5)
    at_once = convolve_layer(image, weights)
    monkeypatch.setattr(convolution, "_BLOCK", 300)
    assert_allclose(convolve_layer(image, weights), at_once, rtol=1e-5, atol=1e-5)


def test_a_grey_picture_needs_no_channel_axis_for_a_layer() -> None:
    image = random(6, 7)
    weights = random(3, 3, 1, 2)
    assert_array_equal(
        convolve_layer(image, weights), convolve_layer(image[:, :, np.newaxis], weights)
    )


@pytest.mark.parametrize(
    ("settings_", "words"),
    [
        ({"stride": 0}, "it was 0"),
        ({"stride": 1.5}, "it was 1.5"),
        ({"stride": True}, "it was True"),
        ({"padding": "full"}, "it was full"),
        ({"padding": -1}, "it was -1"),
        ({"padding": 0.5}, "it was 0.5"),
        ({"pad_value": "wrap"}, "it was wrap"),
        ({"pad_value": float("nan")}, "it was nan"),
        ({"pad_value": None}, "it was None"),
    ],
)
def test_a_setting_without_meaning_is_named(settings_: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingError, match=words):
        convolve(np.ones((4, 4)), np.ones((3, 3)), **settings_)


@pytest.mark.parametrize(
    ("kernel", "words"),
    [
        ([[1, 2], [float("nan"), 4]], "row 2, column 1"),
        ([[1, None]], "row 1, column 2"),
        ([[1e39]], "row 1, column 1"),
        ([["a"]], "table of numbers"),
        ([[1, 2], [3]], "table of numbers"),
        ([1, 2, 3], r"shape \(3,\)"),
        (np.ones((2, 2, 1)), r"shape \(2, 2, 1\)"),
        (np.ones((0, 3)), "at least one row"),
        (np.ones((5, 1)), "5 pixels long, but the picture with its padding only 4"),
    ],
)
def test_a_kernel_that_cannot_filter_is_explained(kernel: Any, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        convolve(np.ones((4, 4)), kernel)


@pytest.mark.parametrize("shape", [(4,), (0, 4), (4, 4, 0), (1, 4, 4, 1)])
def test_an_array_that_is_no_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(SettingError, match="this array has the shape"):
        convolve(np.ones(shape), np.ones((1, 1)))


def test_kernels_of_another_depth_than_the_picture_are_refused() -> None:
    with pytest.raises(SettingError, match="depth of 2, but the picture one of 3"):
        convolve_layer(np.ones((4, 4, 3)), np.ones((3, 3, 2, 1)))


def test_a_bias_needs_one_number_for_each_filter() -> None:
    with pytest.raises(SettingError, match="There are 2 filters"):
        convolve_layer(np.ones((4, 4)), np.ones((3, 3, 1, 2)), [1.0])


def test_a_layers_kernels_have_four_sizes() -> None:
    with pytest.raises(SettingError, match="a height, a width, channels and filters"):
        convolve_layer(np.ones((4, 4)), np.ones((3, 3)))


def test_weights_near_the_largest_float_raise_no_warning() -> None:
    convolve(np.full((20, 20), 255, np.float32), np.full((15, 15), 3e38, np.float32))


def test_scipy_is_imported_only_for_large_kernels() -> None:
    probe = (
        "import sys, numpy as np; from cvcore.convolution import convolve;"
        "convolve(np.ones((20, 20)), np.ones((11, 11))); print('scipy' in sys.modules);"
        "convolve(np.ones((20, 20)), np.ones((12, 12))); print('scipy' in sys.modules)"
    )
    printed = subprocess.check_output([sys.executable, "-c", probe], text=True)
    assert printed.split() == ["False", "True"]
