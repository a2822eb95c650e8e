"""Pooling against values worked by hand, SciPy and its own laws."""

import doctest
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.lib.stride_tricks import sliding_window_view
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from cvcore import pooling
from cvcore.arithmetic import output_size
from cvcore.arrays import FloatArray
from cvcore.errors import SettingError
from cvcore.pooling import pool

IMAGE = np.array([[1, 2, 5, 0], [3, 4, 1, 2], [9, 8, 0, 0], [7, 6, 0, 4]], np.float32)
images = arrays(
    np.float32,
    st.tuples(st.integers(5, 9), st.integers(5, 9), st.integers(1, 3)),
    elements=st.integers(-9, 9),
)


def test_the_examples_in_the_docstrings_run() -> None:
    assert doctest.testmod(pooling).failed == 0


def test_windows_of_two_keep_the_largest_or_the_mean() -> None:
    assert_array_equal(pool(IMAGE), np.array([[4, 5], [9, 4]], np.float32))
    assert_array_equal(pool(IMAGE, kind="average"), np.array([[2.5, 2], [7.5, 1]], np.float32))


def test_windows_overlap_at_a_stride_of_one() -> None:
    assert_array_equal(
        pool(IMAGE, stride=1), np.array([[4, 5, 5], [9, 8, 2], [9, 8, 4]], np.float32)
    )


def test_pixels_that_fill_no_window_are_left_out() -> None:
    assert_array_equal(pool(IMAGE, size=3), np.array([[9]], np.float32))


def test_the_largest_of_negative_numbers_is_negative() -> None:
    assert_array_equal(pool(-IMAGE), np.array([[-1, 0], [-6, 0]], np.float32))


@given(images, st.integers(1, 5), st.integers(1, 7))
def test_each_answer_is_its_windows_maximum_or_mean(
    image: FloatArray, size: int, stride: int
) -> None:
    windows = sliding_window_view(image, (size, size), axis=(0, 1))[::stride, ::stride]
    assert_array_equal(pool(image, size=size, stride=stride), windows.max(axis=(3, 4)))
    assert_allclose(
        pool(image, size=size, stride=stride, kind="average"),
        windows.mean(axis=(3, 4)),
        atol=1e-5,
    )
    sides = [output_size(n, size, stride=stride) for n in image.shape[:2]]
    assert windows.shape[:2] == tuple(sides)


def test_maximum_pooling_is_scipys_maximum_filter_at_every_stop() -> None:
    image = np.random.default_rng(0).standard_normal((12, 15), np.float32)
    everywhere = ndimage.maximum_filter(image, size=3)[1:-1, 1:-1]
    assert_array_equal(pool(image, size=3, stride=2), everywhere[::2, ::2])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"size": 5}, "5 × 5 pixels, but the picture only 4 × 4"),
        ({"size": 0}, "was 0"),
        ({"size": 1.5}, "was 1.5"),
        ({"stride": 0}, "was 0"),
        ({"kind": "min"}, "asked for min"),
    ],
)
def test_a_setting_without_meaning_is_named(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingError, match=words):
        pool(IMAGE, **settings)
