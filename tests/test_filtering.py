"""The stages of the Filters page, and the script that repeats them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from cvcore.filtering import Recipe, script, stages

EDGE = ((1.0, 0.0), (0.0, -1.0))
RAMP = np.arange(16, dtype=np.uint8).reshape(4, 4, 1)


def test_every_stage_of_a_ramp_can_be_worked_out_by_hand() -> None:
    recipe = Recipe(kernel=EDGE, scaling="none", rectify=True, pooling="max", pool_size=2)
    picture, answer, rectified, pooled = stages(RAMP, recipe)
    assert_array_equal(picture.feature_map, RAMP.astype(np.float32))
    assert_array_equal(answer.feature_map, np.full((3, 3, 1), -5, np.float32))
    assert_array_equal(rectified.feature_map, np.zeros((3, 3, 1), np.float32))
    assert pooled.feature_map.shape == (1, 1, 1)  # the third row and column fit no window


def test_the_size_formula_carries_this_steps_numbers() -> None:
    answer = stages(RAMP, Recipe(kernel=EDGE, stride=2))[1]
    assert answer.formula == r"\left\lfloor\frac{4+0-2}{2}\right\rfloor+1=2"


def test_rows_and_columns_have_a_formula_each_where_they_differ() -> None:
    answer = stages(RAMP, Recipe(kernel=((1.0, 2.0, 3.0),), padding=1))[1]
    rows = r"\left\lfloor\frac{4+2-1}{1}\right\rfloor+1=6"
    columns = r"\left\lfloor\frac{4+2-3}{1}\right\rfloor+1=4"
    assert answer.formula == rf"\begin{{gathered}}{rows}\\{columns}\end{{gathered}}"


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(kernel=EDGE),
        Recipe(kernel=((0.1, 0.2, 0.3),), scaling="none", stride=2, padding="same"),
        Recipe(kernel=EDGE, scaling="minmax", padding=3, pad_value="reflect"),
        Recipe(kernel=EDGE, scaling="standardise", padding=2, pad_value="edge", rectify=True),
        Recipe(kernel=((1.0,) * 5,) * 5, padding="same", pad_value=0.5, pooling="average"),
        Recipe(
            kernel=((-1.0, 2.0), (3.0, 0.25)), stride=3, rectify=True, pooling="max", pool_size=3
        ),
    ],
    ids=lambda recipe: f"{recipe.scaling}-{recipe.padding}-{recipe.pooling}",
)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_script_gives_the_same_array_in_a_process_of_its_own(
    tmp_path: Path, recipe: Recipe, channels: int
) -> None:
    image = np.random.default_rng(7).integers(0, 256, (23, 31, channels), np.uint8)
    Image.fromarray(image.squeeze()).save(tmp_path / "picture.png")
    source = script(recipe, rows=23, columns=31)
    (tmp_path / "make.py").write_text(source, encoding="utf-8")
    printed = subprocess.check_output([sys.executable, "make.py"], cwd=tmp_path, text=True)
    expected = stages(image, recipe)[-1].feature_map
    assert printed.strip() == str(expected.shape)
    assert_allclose(np.load(tmp_path / "feature_map.npy"), expected, rtol=1e-5, atol=1e-3)


def test_a_flat_picture_scales_to_zero_in_the_script_too(tmp_path: Path) -> None:
    flat = np.full((4, 4), 9, np.uint8)
    Image.fromarray(flat).save(tmp_path / "picture.png")
    source = script(Recipe(kernel=((1.0,),), scaling="standardise"), rows=4, columns=4)
    (tmp_path / "make.py").write_text(source, encoding="utf-8")
    subprocess.check_call([sys.executable, "make.py"], cwd=tmp_path, stdout=subprocess.DEVNULL)
    assert_array_equal(np.load(tmp_path / "feature_map.npy"), np.zeros((4, 4, 1)))
