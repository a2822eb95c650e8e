"""The trainings that have a name."""

import pytest

from cvcore.recipes import RECIPES


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_can_be_trained(name: str) -> None:
    RECIPES[name].validate()


def test_the_lectures_recipes_count_as_the_lecture_does() -> None:
    assert RECIPES["lecture_dense"].sizes() == (60_000, 0, 10_000)
    assert RECIPES["lecture_cnn"].sizes() == (45_000, 15_000, 10_000)
    assert (RECIPES["lecture_cnn"].epochs, RECIPES["lecture_dense"].epochs) == (20, 5)
    assert RECIPES["lecture_early_stop"].early_stop == 0.95
