"""The ready pictures: all there, without a network and without their packages."""

import importlib.util
import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from cvcore.arrays import AnyArray
from cvcore.errors import AssetError, SettingError
from cvcore.samples import SAMPLES, load

SIZES = {
    "astronaut": (512, 512, 3),
    "chelsea": (300, 451, 3),
    "coffee": (400, 600, 3),
    "rocket": (427, 640, 3),
    "china": (427, 640, 3),
    "flower": (427, 640, 3),
    "camera": (512, 512, 1),
    "brick": (512, 512, 1),
    "coins": (303, 384, 1),
    "text": (172, 448, 1),
    "horse": (328, 400, 4),
    "seven": (240, 200, 1),
    "boot": (240, 200, 1),
    "numbers": (8, 8, 1),
    "cross": (16, 16, 1),
    "stripes": (16, 16, 1),
    "square": (16, 16, 1),
}


def test_every_sample_opens_in_its_known_size() -> None:
    assert {name: load(name).shape for name in SAMPLES} == SIZES
    assert {load(name).dtype for name in SAMPLES} == {np.dtype(np.uint8)}


def test_a_page_opens_on_the_astronaut() -> None:
    assert next(iter(SAMPLES)) == "astronaut"


def test_the_photographs_are_those_of_scikit_image_and_scikit_learn() -> None:
    from skimage import data
    from sklearn.datasets import load_sample_image

    theirs: dict[str, AnyArray] = {
        name: getattr(data, name)()
        for name in ("astronaut", "chelsea", "coffee", "rocket", "camera", "brick", "coins", "text")
    }
    theirs |= {name: load_sample_image(f"{name}.jpg") for name in ("china", "flower")}
    for name, picture in theirs.items():
        assert_array_equal(load(name), picture.reshape(load(name).shape), err_msg=name)


def test_every_photograph_says_whose_it_is() -> None:
    without = [name for name, sample in SAMPLES.items() if not sample.credit]
    assert without == ["seven", "boot", "numbers", "cross", "stripes", "square"]


def test_the_ramp_grows_by_4_to_the_right_and_by_32_down() -> None:
    ramp = load("numbers")[..., 0].astype(int)
    assert (ramp[0, 0], ramp[7, 7]) == (0, 252)
    assert_array_equal(np.diff(ramp, axis=1), np.full((8, 7), 4))
    assert_array_equal(np.diff(ramp, axis=0), np.full((7, 8), 32))


def test_the_cross_has_two_bars_of_two_by_twelve_white_pixels() -> None:
    cross = load("cross")[..., 0]
    assert (cross == 255).sum() == 2 * 2 * 12 - 4  # the middle belongs to both
    assert (cross == 0).sum() == 256 - 44
    assert_array_equal(cross, cross.T)
    assert_array_equal(cross, cross[::-1])


def test_the_stripes_are_four_pixels_wide_and_stand_upright() -> None:
    stripes = load("stripes")[..., 0]
    assert_array_equal(stripes[0], [0] * 4 + [255] * 4 + [0] * 4 + [255] * 4)
    assert_array_equal(stripes, np.repeat(stripes[:1], 16, axis=0))


def test_the_square_is_dark_on_white_with_white_at_every_border() -> None:
    square = load("square")[..., 0]
    assert (square == 0).sum() == 64
    assert_array_equal(square[[0, -1]], np.full((2, 16), 255))
    assert_array_equal(square, square.T)


def test_all_sessions_share_one_array_that_nobody_can_change() -> None:
    image = load("cross")
    assert load("cross") is image
    with pytest.raises(ValueError, match="read-only"):
        image[0, 0] = 1


def test_loading_imports_neither_package() -> None:
    probe = (
        "import sys\nfrom cvcore.samples import SAMPLES, load\n"
        "for name in SAMPLES: load(name)\n"
        "print(*{'skimage', 'sklearn', 'scipy', 'pandas'} & set(sys.modules))"
    )
    root = Path(__file__).parents[1]
    assert subprocess.check_output([sys.executable, "-c", probe], text=True, cwd=root).split() == []


def test_a_sample_that_does_not_exist_is_explained() -> None:
    with pytest.raises(SettingError, match="no ready picture called mona_lisa"):
        load("mona_lisa")


@pytest.mark.parametrize("spec", [None, ModuleSpec("skimage", None, origin="/nowhere/skimage.py")])
def test_a_package_that_lacks_its_picture_is_named(
    spec: ModuleSpec | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: spec)
    with pytest.raises(AssetError, match=r"data/camera\.png of the package skimage is missing"):
        SAMPLES["camera"].make()
    assert SAMPLES["cross"].make().shape == (16, 16, 1)
