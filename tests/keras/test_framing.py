"""How a picture is brought to a square: by hand, against Pillow, and by its laws."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from cvcore.arrays import ByteArray
from cvcore.framing import frame
from cvcore.transfer_spec import Framing


def noise(height: int, width: int, seed: int = 0) -> ByteArray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_a_picture_of_the_right_size_stays_as_it_is() -> None:
    image = noise(9, 9)
    for how in ("crop", "squeeze"):
        assert_array_equal(frame(image, 9, how), image)


def test_the_middle_square_is_cut_out_of_a_wide_picture() -> None:
    image = noise(8, 14)
    assert_array_equal(frame(image, 8, "crop"), image[:, 3:11])
    assert_array_equal(frame(np.ascontiguousarray(image.swapaxes(0, 1)), 8, "crop"),
                       image[:, 3:11].swapaxes(0, 1))  # fmt: skip


def test_two_pixels_become_their_mean_weighed_by_the_triangle() -> None:
    # Half the size: a triangle of four pixels, 1/8, 3/8, 3/8, 1/8; at the border without what
    # lies outside, 3/7, 3/7, 1/7.
    row = np.array([[0, 70, 140, 210]], np.uint8)
    image = np.repeat(row.repeat(4, axis=0)[..., np.newaxis], 3, axis=2)
    wanted = [(3 * 0 + 3 * 70 + 140) / 7, (70 + 3 * 140 + 3 * 210) / 7]
    assert_array_equal(frame(image, 2, "squeeze")[0, :, 0], np.round(wanted))


@pytest.mark.parametrize("size", [32, 75, 224])
@pytest.mark.parametrize("shape", [(100, 100), (61, 203), (300, 40)])
def test_it_is_pillows_within_a_level(shape: tuple[int, int], size: int) -> None:
    image = noise(*shape)
    reference = Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR)
    given = frame(image, size, "squeeze").astype(int)
    assert_allclose(given, np.asarray(reference).astype(int), atol=1)


@settings(max_examples=25)
@given(
    st.integers(1, 60), st.integers(1, 60), st.sampled_from([8, 32]), st.integers(0, 255),
    st.sampled_from(["crop", "squeeze"]),
)  # fmt: skip
def test_one_colour_stays_one_colour(
    height: int, width: int, size: int, level: int, how: Framing
) -> None:
    image = np.full((height, width, 3), level, np.uint8)
    assert_array_equal(frame(image, size, how), np.full((size, size, 3), level))


def test_a_mirrored_picture_is_framed_to_the_mirrored_square() -> None:
    image = noise(50, 91)
    mirrored = frame(np.ascontiguousarray(image[:, ::-1]), 32, "squeeze")
    assert_allclose(mirrored[:, ::-1].astype(int), frame(image, 32, "squeeze").astype(int), atol=1)
