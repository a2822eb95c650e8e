"""Values worked out by hand, one layer at a time."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from cvcore.arrays import FloatArray
from cvcore.errors import SettingError
from cvcore.networks import (
    ActivationLayer,
    BatchNormalisation,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling,
    Layer,
    Pooling,
)
from cvcore.walk import EPSILON, Explanation, Place, Step, explain

MAPS = np.arange(16, dtype=np.float32).reshape(4, 4, 1)


def explained(
    layer: Layer,
    before: FloatArray,
    place: Place,
    *,
    shape: tuple[int, ...],
    sums: Any = None,
    **weights: Any,
) -> Explanation:
    outputs = np.zeros(shape, np.float32)
    step = Step(
        image=np.zeros((4, 4, 1), np.uint8),
        seen=before,
        before=before,
        sums=outputs if sums is None else np.array(sums, np.float32),
        outputs=outputs,
        weights={name: np.array(value, np.float32) for name, value in weights.items()},
        shift=0.0,
        scale=1.0,
    )
    return explain(layer, step, place)


def test_a_convolution_sums_products_and_adds_its_bias() -> None:
    kernel = [[[1.0], [0.0]], [[0.0], [-2.0]]]
    layer = Convolution(filters=3, size=2, activation="relu")
    found = explained(layer, MAPS, (1, 2, 1), shape=(3, 3, 3), kernel=kernel, bias=20.0)
    # 6 · 1 + 11 · −2 = −16, and 20 more.
    assert (found.total, found.bias, found.value) == (-16.0, 20.0, 4.0)
    assert found.window == (1, 2, 2, 2)
    assert found.strongest == (2, 3, 0)
    assert_array_equal(found.products[..., 0], [[6, 0], [0, -22]])
    below = explained(layer, MAPS, (1, 2, 1), shape=(3, 3, 3), kernel=kernel, bias=15.0)
    assert below.value == 0.0


def test_padding_counts_as_zero_and_is_never_the_strongest_input() -> None:
    layer = Convolution(filters=1, size=3, padding="same")
    found = explained(
        layer, np.zeros_like(MAPS), (0, 0, 0), shape=(4, 4, 1), kernel=np.ones((3, 3, 1)), bias=0.5
    )
    assert found.window == (-1, -1, 3, 3)
    assert found.value == 0.5
    assert found.strongest == (0, 0, 0)


def test_pooling_chooses_or_averages() -> None:
    largest = explained(Pooling(), MAPS, (1, 0, 0), shape=(2, 2, 1))
    assert (largest.value, largest.strongest, largest.window) == (13.0, (3, 1, 0), (2, 0, 2, 2))
    mean = explained(Pooling(how="average"), MAPS, (1, 0, 0), shape=(2, 2, 1))
    assert mean.value == (8 + 9 + 12 + 13) / 4
    close = explained(Pooling(size=3, stride=1), MAPS, (1, 1, 0), shape=(2, 2, 1))
    assert close.window == (1, 1, 3, 3)


def test_a_mean_of_a_map_forgets_where() -> None:
    found = explained(GlobalAveragePooling(), MAPS, (0,), shape=(1,))
    assert found.value == 7.5
    assert found.strongest == (3, 3, 0)


def test_batch_normalisation_is_its_formula() -> None:
    found = explained(
        BatchNormalisation(),
        MAPS,
        (2, 1, 0),
        shape=(4, 4, 1),
        gamma=2.0,
        beta=1.0,
        moving_mean=5.0,
        moving_variance=4.0,
    )
    assert found.value == pytest.approx(2 * (9 - 5) / np.sqrt(4 + EPSILON) + 1)
    assert found.strongest == (2, 1, 0)


def test_a_dense_unit_adds_up_its_products() -> None:
    found = explained(
        Dense(units=2, activation="tanh"),
        np.array([1.0, -3.0, 2.0], np.float32),
        (1,),
        shape=(2,),
        kernel=[0.5, 0.25, -0.125],
        bias=0.5,
    )
    assert found.total == 0.5 - 0.75 - 0.25
    assert found.value == pytest.approx(0.0)
    assert found.strongest == (1,)


def test_softmax_looks_at_all_scores() -> None:
    found = explained(
        Dense(units=2, activation="softmax"),
        np.array([1.0], np.float32),
        (0,),
        shape=(2,),
        sums=[np.log(3.0), 0.0],
        kernel=[np.log(3.0)],
        bias=0.0,
    )
    assert found.value == pytest.approx(0.75)


def test_what_changes_no_value_says_where_it_comes_from() -> None:
    flat = explained(Flatten(), MAPS, (9,), shape=(16,))
    assert flat.strongest == (2, 1, 0)
    assert explained(Dropout(), MAPS, (2, 1, 0), shape=(4, 4, 1)).value == 9.0
    active = explained(ActivationLayer(activation="relu"), -MAPS, (2, 1, 0), shape=(4, 4, 1))
    assert (active.total, active.value) == (-9.0, 0.0)


def test_a_value_that_is_not_there_is_said() -> None:
    with pytest.raises(SettingError, match="gives 2 × 2 × 1 values; it has none at 3, 1, 1"):
        explained(Pooling(), MAPS, (2, 0, 0), shape=(2, 2, 1))
