"""A photo on its way to a data set's form: each step worked by hand, and what nothing breaks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cvcore import samples
from cvcore.arrays import ByteArray
from cvcore.datasets import DATASETS
from cvcore.own_picture import find_thing, place, prepare


def bar(background: int, ink: int) -> ByteArray:
    """A bar of 20 × 10 pixels on a sheet of 60 × 60, not in the middle."""
    image = np.full((60, 60, 1), background, np.uint8)
    image[30:50, 5:15] = ink
    return image


def test_dark_on_bright_is_inverted_and_bright_on_dark_is_not() -> None:
    dark, bright = prepare(bar(250, 20), "mnist"), prepare(bar(5, 235), "mnist")
    assert [step.name for step in dark] == ["grey", "invert", "clear", "crop", "scale"]
    assert [step.name for step in bright] == ["grey", "clear", "crop", "scale"]
    np.testing.assert_array_equal(dark[-1].image, bright[-1].image)


def test_a_bar_fills_20_of_28_pixels_and_stands_in_the_middle_as_in_mnist() -> None:
    (*_, last) = prepare(bar(250, 20), "mnist")
    expected = np.zeros((28, 28, 1), np.uint8)
    expected[4:24, 9:19] = 255
    np.testing.assert_array_equal(last.image, expected)


def test_clothes_fill_the_whole_side() -> None:
    (*_, last) = prepare(bar(250, 20), "fashion_mnist")
    expected = np.zeros((28, 28, 1), np.uint8)
    expected[:, 7:21] = 255
    np.testing.assert_array_equal(last.image, expected)


def test_inverting_and_cropping_can_be_overruled() -> None:
    kept = prepare(bar(250, 20), "mnist", invert="no", crop=False)
    assert [step.name for step in kept] == ["grey", "clear", "crop", "scale"]
    # Paper brighter than its ink, and not inverted: nothing is brighter than the border.
    assert not kept[-1].image.any()
    whole = prepare(bar(250, 20), "mnist", crop=False)
    assert whole[-1].image.shape == (28, 28, 1)
    assert whole[-1].image[14:23, 3:6].all()
    assert not whole[-1].image[:14].any()


def test_a_shade_across_the_paper_is_cleared() -> None:
    rows = np.arange(60)[:, None, None]
    image = (bar(250, 20) - rows / 2).clip(0, 255).astype(np.uint8)
    steps = {step.name: step.image for step in prepare(image, "mnist")}
    assert np.count_nonzero(steps["clear"][:, 20:]) == 0
    assert steps["crop"].shape == (20, 10, 1)


def test_dust_is_left_out_and_a_stroke_of_its_own_is_not() -> None:
    grey = np.zeros((50, 50), np.uint8)
    grey[10:30, 10:20] = 250
    grey[45, 45] = 250  # one pixel of 200: dust
    assert find_thing(grey) == (10, 10, 20, 10)
    grey[10:30, 30:33] = 250  # 60 of 200
    assert find_thing(grey) == (10, 10, 20, 23)


def test_the_centre_of_mass_comes_to_the_middle() -> None:
    grey = np.zeros((20, 20), np.uint8)
    grey[:, :5] = 255  # all of the mass at the left
    placed = place(grey, 28, share=20 / 28, centre="mass")
    columns = np.flatnonzero(placed.any(axis=0))
    # Its middle would be at column 13.5, but the thing stays inside: 20 columns from 8 on.
    assert (columns[0], columns[-1]) == (8, 12)


def test_colours_stay_where_the_data_set_has_them_and_nothing_is_inverted() -> None:
    steps = prepare(samples.load("coffee"), "cifar10")
    assert [step.image.shape for step in steps] == [(400, 400, 3), (32, 32, 3)]
    assert [step.name for step in prepare(bar(250, 20), "faces")] == ["grey", "crop", "scale"]


@pytest.mark.parametrize("dataset", DATASETS)
@settings(max_examples=15)
@given(
    hnp.arrays(
        np.uint8,
        st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3, 4])),
    )
)
def test_whatever_comes_in_has_the_data_sets_form_at_the_end(
    dataset: str, image: ByteArray
) -> None:
    for crop in (True, False):
        (*_, last) = prepare(image, dataset, crop=crop)
        assert last.image.shape == DATASETS[dataset].shape
        assert last.image.dtype == np.uint8


@pytest.mark.parametrize("shape", [(1, 900, 3), (900, 1, 1), (1, 1, 3), (300, 300, 1)])
def test_a_flat_picture_is_no_error(shape: tuple[int, int, int]) -> None:
    (*_, last) = prepare(np.full(shape, 128, np.uint8), "mnist")
    assert last.image.shape == (28, 28, 1)
    assert not last.image.any()
