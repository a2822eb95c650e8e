"""The table of kernels: what their weights mean, and what can be done to them."""

import doctest
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage, signal

from cvcore import kernels
from cvcore.arrays import FloatArray
from cvcore.convolution import convolve
from cvcore.errors import SettingError
from cvcore.kernels import KERNELS, flip, from_text, gaussian, normalise, resize, to_text

ROW = np.arange(7, dtype=np.float32) * np.ones((7, 1), np.float32)  # grows to the right
weights = st.floats(-100, 100, width=32)
tables = arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=weights)


def table(rows: list[list[float]]) -> FloatArray:
    return np.array(rows, np.float32)


def test_the_examples_in_the_docstrings_run() -> None:
    assert doctest.testmod(kernels).failed == 0


def test_the_table_offers_the_lectures_kernels_in_order() -> None:
    assert list(KERNELS) == [
        "identity", "box", "gaussian", "laplacian", "laplacian_diagonal", "laplacian_8",
        "sobel_x", "sobel_y", "prewitt_x", "prewitt_y", "scharr_x", "scharr_y",
        "sharpen", "emboss", "motion_blur", "random_normal",
    ]  # fmt: skip


@pytest.mark.parametrize("name", KERNELS)
def test_every_kernel_is_finite_float32_in_a_table(name: str) -> None:
    kernel = np.asarray(KERNELS[name])
    assert kernel.dtype == np.float32
    assert kernel.ndim == 2
    assert np.isfinite(kernel).all()
    assert_array_equal(kernel, KERNELS[name].weights)
    assert_array_equal(kernel, KERNELS[name]())


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_changed_by_its_user_stays_whole_in_the_table(name: str) -> None:
    before = KERNELS[name].weights.copy()
    KERNELS[name].weights[...] = 7
    np.asarray(KERNELS[name])[...] = 7
    assert_array_equal(KERNELS[name].weights, before)


@pytest.mark.parametrize("name", ["sobel", "prewitt", "scharr"])
def test_a_gradient_kernel_answers_to_brightness_growing_along_its_axis(name: str) -> None:
    across, down = KERNELS[f"{name}_x"].weights, KERNELS[f"{name}_y"].weights
    slope = {"sobel": 8, "prewitt": 6, "scharr": 32}[name]  # 2 pixels apart, times the smoothing
    assert_array_equal(convolve(ROW, across), np.full((5, 5), slope, np.float32))
    assert_array_equal(convolve(ROW, down), np.zeros((5, 5), np.float32))
    assert_array_equal(convolve(ROW.T, down), np.full((5, 5), slope, np.float32))


@pytest.mark.parametrize(
    ("name", "reference"), [("sobel", ndimage.sobel), ("prewitt", ndimage.prewitt)]
)
def test_a_gradient_kernel_is_scipys(name: str, reference: Any) -> None:
    image = np.random.default_rng(0).integers(-9, 9, (6, 8)).astype(np.float32)
    for axis, letter in ((1, "x"), (0, "y")):
        ours = convolve(
            image, KERNELS[f"{name}_{letter}"].weights, padding="same", pad_value="edge"
        )
        assert_array_equal(ours, reference(image, axis=axis, mode="nearest"))


@pytest.mark.parametrize(
    ("name", "curvature"), [("laplacian", 4), ("laplacian_diagonal", 8), ("laplacian_8", 12)]
)
def test_a_laplacian_is_blind_to_slopes_and_sees_a_bowl(name: str, curvature: int) -> None:
    bowl = ROW**2 + (ROW**2).T  # its second derivatives are 2 and 2 everywhere
    assert_array_equal(convolve(ROW, KERNELS[name].weights), np.zeros((5, 5), np.float32))
    assert_array_equal(
        convolve(bowl, KERNELS[name].weights), np.full((5, 5), curvature, np.float32)
    )


def test_the_laplacian_is_scipys() -> None:
    image = np.random.default_rng(0).integers(-9, 9, (6, 8)).astype(np.float32)
    ours = convolve(image, KERNELS["laplacian"].weights, padding="same", pad_value="edge")
    assert_array_equal(ours, ndimage.laplace(image, mode="nearest"))


def test_the_two_lecture_laplacians_are_the_published_tables() -> None:
    assert_array_equal(KERNELS["laplacian"].weights, table([[0, 1, 0], [1, -4, 1], [0, 1, 0]]))
    assert_array_equal(
        KERNELS["laplacian_diagonal"].weights, table([[1, 0, 1], [0, -4, 0], [1, 0, 1]])
    )


@pytest.mark.parametrize(
    "name", ["identity", "box", "gaussian", "sharpen", "emboss", "motion_blur"]
)
def test_a_kernel_that_keeps_brightness_sums_to_one(name: str) -> None:
    assert_allclose(KERNELS[name].weights.sum(), 1, rtol=1e-6)


def test_the_identity_changes_nothing() -> None:
    image = np.random.default_rng(0).standard_normal((5, 6), np.float32)
    assert_array_equal(convolve(image, KERNELS["identity"].weights, padding="same"), image)


def test_sharpening_adds_what_the_laplacian_takes() -> None:
    assert_array_equal(KERNELS["sharpen"].weights, table([[0, -1, 0], [-1, 5, -1], [0, -1, 0]]))


@pytest.mark.parametrize(("size", "sigma"), [(1, 1.0), (5, 1.0), (6, 0.8), (15, 10), (4, 0.01)])
def test_a_gaussian_is_scipys_window_squared(size: int, sigma: float) -> None:
    bell = signal.windows.gaussian(size, sigma)
    if not bell.sum():  # SciPy's underflows where ours keeps the middle
        bell = np.array([0, 1, 1, 0])
    assert_allclose(gaussian(size, sigma), np.outer(bell, bell) / bell.sum() ** 2, rtol=1e-5)


def test_the_narrowest_gaussian_is_the_identity() -> None:
    assert_array_equal(gaussian(3, 1e-200), KERNELS["identity"].weights)


def test_motion_blur_is_the_mean_of_a_row() -> None:
    assert_array_equal(
        kernels.motion_blur(4),
        table([[0, 0, 0, 0], [0.25] * 4, [0, 0, 0, 0], [0, 0, 0, 0]]),
    )


def test_a_seed_draws_the_same_weights_again_and_another_seed_others() -> None:
    random_normal = KERNELS["random_normal"]
    assert_array_equal(random_normal(size=5, seed=3), random_normal(size=5, seed=3))
    assert np.abs(random_normal(size=5, seed=3) - random_normal(size=5, seed=4)).max() > 0.1


def test_random_weights_have_mean_zero_and_deviation_one() -> None:
    drawn = kernels.random_normal(100, seed=0)
    assert_allclose([drawn.mean(), drawn.std()], [0, 1], atol=0.03)


@given(tables)
def test_normalised_weights_sum_to_one_or_their_sizes_do(kernel: FloatArray) -> None:
    size = np.abs(kernel.astype(np.float64)).sum()
    if size == 0:
        with pytest.raises(SettingError, match="no sum to divide by"):
            normalise(kernel)
        return
    total = kernel.astype(np.float64).sum()
    divided = normalise(kernel).astype(np.float64)
    if abs(total) < 1e-6 * size:
        assert_allclose(np.abs(divided).sum(), 1, rtol=1e-5)
    else:  # weights that nearly cancel are large, and so is the rounding of their sum
        assert_allclose(divided.sum(), 1, atol=1e-6 * size / abs(total))


def test_an_edge_detector_is_normalised_by_its_sizes() -> None:
    assert_array_equal(
        normalise(KERNELS["sobel_x"]), table([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
    )


@given(tables)
def test_flipping_twice_gives_the_kernel_back(kernel: FloatArray) -> None:
    assert_array_equal(flip(flip(kernel)), kernel)


def test_correlating_with_the_flipped_kernel_is_signal_processings_convolution() -> None:
    image = np.random.default_rng(0).integers(-9, 9, (6, 8)).astype(np.float32)
    kernel = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert_array_equal(
        convolve(image, flip(kernel)), signal.convolve2d(image, kernel, mode="valid")
    )


@given(tables)
def test_a_kernel_survives_its_text(kernel: FloatArray) -> None:
    assert_array_equal(from_text(to_text(kernel)), kernel)


@pytest.mark.parametrize("value", [1 / 3, 1e-30, -3.4e38, 123456789, 0.1])
def test_every_float32_survives_its_text(value: float) -> None:
    kernel = table([[value]])
    assert_array_equal(from_text(to_text(kernel)), kernel)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "'' in row 1, column 1"),
        ("1,2;3,x", "'x' in row 2, column 2"),
        ("nan", "'nan' in row 1"),
        ("1e39", "'1e39' in row 1"),
        ("1/0", "'1/0' in row 1"),
        ("1,2;3", "rows of one length"),
        (",".join("1" * 16), "at most 15 rows and 15 columns"),
        (";".join("1" * 16), "at most 15 rows and 15 columns"),
    ],
)
def test_a_text_that_is_no_kernel_is_explained(text: str, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        from_text(text)


@pytest.mark.parametrize(
    ("text", "value"), [("−2", -2), (" 0.5 ", 0.5), ("1/9", 1 / 9), ("-1/4", -0.25), ("1e-3", 1e-3)]
)
def test_a_cell_may_be_written_as_people_write_numbers(text: str, value: float) -> None:
    assert math.isclose(kernels.parse_weight(text, row=0, column=0), value)


@given(tables, st.integers(0, 3), st.integers(0, 3))
def test_a_kernel_grown_and_shrunk_again_is_the_same(
    kernel: FloatArray, rows: int, columns: int
) -> None:
    height, width = kernel.shape
    grown = resize(kernel, height + 2 * rows, width + 2 * columns)
    assert_array_equal(grown, np.pad(kernel, ((rows, rows), (columns, columns))))
    assert_array_equal(resize(grown, height, width), kernel)


@pytest.mark.parametrize(
    ("name", "parameters", "words"),
    [
        ("box", {"size": 0}, "it was 0"),
        ("gaussian", {"size": 2.5}, "it was 2.5"),
        ("gaussian", {"sigma": 0}, "it was 0"),
        ("gaussian", {"sigma": math.inf}, "it was inf"),
        ("motion_blur", {"size": -3}, "it was -3"),
        ("random_normal", {"seed": -1}, "it was -1"),
        ("random_normal", {"size": 0}, "it was 0"),
        ("sobel_x", {"size": 5}, "no setting called 'size'"),
        ("box", {"sigma": 1}, "it has: size"),
    ],
)
def test_a_parameter_out_of_range_is_named(
    name: str, parameters: dict[str, Any], words: str
) -> None:
    with pytest.raises(SettingError, match=words):
        KERNELS[name](**parameters)
