"""Augmentation worked by hand: whole turns, whole pixels, whole mirrors."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.testing import assert_allclose, assert_array_equal

from cvcore.arrays import FloatArray
from cvcore.augmentation import DRAWS, transform
from cvcore.spec import Augmentation

STILL = {"rotation": 0.5, "down": 0.5, "across": 0.5, "shear": 0.5, "zoom": 0.5, "flip": 0.5}
EVERYTHING = Augmentation(
    rotation=90, width_shift=0.25, height_shift=0.25, shear=1, zoom=0.5, flip=True
)
# Whole numbers, no symmetry, and edges that differ from what is beside them.
PICTURE = np.arange(64, dtype=np.float32).reshape(8, 8) ** 2 % 61


def changed(augmentation: Augmentation, **draws: float) -> FloatArray:
    """Change the picture by these draws, everything else kept still."""
    row = np.array([[(STILL | draws)[name] for name in STILL]], np.float32)
    answer: FloatArray = transform(PICTURE[np.newaxis, ..., np.newaxis], augmentation, row).numpy()
    return answer[0, ..., 0]


def test_draws_in_the_middle_change_nothing() -> None:
    assert len(STILL) == DRAWS
    assert_array_equal(changed(EVERYTHING), PICTURE)


@pytest.mark.parametrize("draw", [0.0, 0.3, 1.0])
def test_what_is_not_asked_for_does_not_happen(draw: float) -> None:
    assert_array_equal(changed(Augmentation(), **dict.fromkeys(STILL, draw)), PICTURE)


def test_a_quarter_turn_is_a_quarter_turn_to_either_side() -> None:
    quarter = Augmentation(rotation=90)
    assert_allclose(changed(quarter, rotation=1.0), np.rot90(PICTURE, 1), atol=1e-3)
    assert_allclose(changed(quarter, rotation=0.0), np.rot90(PICTURE, -1), atol=1e-3)


def test_a_flip_mirrors_left_to_right_for_half_of_the_draws() -> None:
    mirror = Augmentation(flip=True)
    assert_array_equal(changed(mirror, flip=0.49), PICTURE[:, ::-1])
    assert_array_equal(changed(mirror, flip=0.5), PICTURE)


def test_a_shift_repeats_the_pixels_of_the_edge() -> None:
    quarter = Augmentation(width_shift=0.25, height_shift=0.25)  # two of eight pixels
    padded = np.pad(PICTURE, 2, mode="edge")
    assert_allclose(changed(quarter, down=1.0), padded[:8, 2:10], atol=1e-4)
    assert_allclose(changed(quarter, down=0.0), padded[4:, 2:10], atol=1e-4)
    assert_allclose(changed(quarter, across=1.0), padded[2:10, :8], atol=1e-4)
    assert_allclose(changed(quarter, across=0.75), padded[2:10, 1:9], atol=1e-4)


def test_each_direction_has_a_shift_of_its_own() -> None:
    across, down = Augmentation(width_shift=0.25), Augmentation(height_shift=0.25)
    assert_array_equal(changed(across, down=1.0), PICTURE)
    assert_array_equal(changed(down, across=1.0), PICTURE)
    assert_allclose(changed(down, down=1.0)[2:], PICTURE[:6], atol=1e-4)


@pytest.mark.parametrize(
    ("fill_mode", "first"), [("nearest", 0), ("reflect", 1), ("constant", None)]
)
def test_what_comes_in_from_outside_is_as_asked(fill_mode: Any, first: int | None) -> None:
    moved = changed(Augmentation(height_shift=0.25, fill_mode=fill_mode), down=1.0)
    assert_allclose(moved[2:], PICTURE[:6], atol=1e-4)
    expected = np.zeros(8) if first is None else PICTURE[first]
    assert_allclose(moved[0], expected, atol=1e-4)


def test_a_zoom_of_a_half_looks_twice_as_near() -> None:
    near = changed(Augmentation(zoom=0.5), zoom=0.0)
    # The answer's pixel x looks at 3.5 + (x - 3.5) / 2: a quarter pixel beside whole ones.
    row = 0.75 * PICTURE[4] + 0.25 * PICTURE[3]
    expected = 0.75 * row[4] + 0.25 * row[3]
    # Its pixel (4, 4) looks at (3.75, 3.75).
    assert near[4, 4] == pytest.approx(expected, rel=1e-5)
    assert near[0, 0] == pytest.approx(
        0.75 * (0.75 * PICTURE[2, 2] + 0.25 * PICTURE[2, 1])
        + 0.25 * (0.75 * PICTURE[1, 2] + 0.25 * PICTURE[1, 1]),
        rel=1e-5,
    )


def test_a_shear_moves_each_row_by_its_distance_from_the_centre() -> None:
    slanted = changed(Augmentation(shear=1.0), shear=1.0)
    # Row 7 is 3.5 below the centre: it looks 3.5 pixels further right, half between two.
    padded = np.pad(PICTURE[7], 8, mode="edge")
    expected = (padded[8 + 3 : 16 + 3] + padded[8 + 4 : 16 + 4]) / 2
    assert_allclose(slanted[7], expected, atol=1e-3)


def test_each_picture_of_a_batch_has_its_own_draws() -> None:
    batch = np.stack([PICTURE] * 2)[..., np.newaxis]
    rows = np.array([[0.5] * 6, [0.5] * 5 + [0.0]], np.float32)
    both = transform(tf.constant(batch), Augmentation(flip=True), tf.constant(rows)).numpy()
    assert_array_equal(both[0, ..., 0], PICTURE)
    assert_array_equal(both[1, ..., 0], PICTURE[:, ::-1])
