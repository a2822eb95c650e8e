"""The rules of a fair comparison, and McNemar's test."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import binomtest, chi2

from cvcore import fairness
from cvcore.errors import SettingError
from cvcore.fairness import agree, match_parameters, mcnemar, parameters, work
from cvcore.networks import NETWORKS, Convolution, Dense, Flatten, Network, Pooling
from cvcore.spec import RunSpec

SHAPE = (28, 28, 1)
DENSE, CNN = NETWORKS["dense"].layers, NETWORKS["cnn"].layers


def pair(dataset: str = "digits", *, epochs: int = 5) -> tuple[RunSpec, RunSpec]:
    first, second = (
        RunSpec(dataset=dataset, network=network, epochs=epochs) for network in (DENSE, CNN)
    )
    return first, second


def judged(only_first: int, only_second: int) -> fairness.Comparison:
    first = np.array([True] * only_first + [False] * only_second + [True, False])
    return mcnemar(first, np.array([False] * only_first + [True] * only_second + [True, False]))


def test_a_dense_network_is_widened_to_the_parameters_of_the_cnn() -> None:
    match = match_parameters(DENSE, SHAPE, 258_874)
    # 784 u + u + 10 u + 10 = 795 u + 10, and 258,864 / 795 is 325.6.
    assert match.network == (Flatten(), Dense(units=326, activation="relu"), DENSE[-1])
    assert match.parameters == 795 * 326 + 10
    assert match.changes == ((2, 128, 326),)
    assert match.difference == pytest.approx(306 / 258_874)


def test_a_cnn_is_narrowed_to_the_parameters_of_the_dense_network() -> None:
    match = match_parameters(CNN, SHAPE, 101_770)
    assert match.parameters == parameters(match.network, SHAPE)
    assert match.difference < 0.01
    assert match.factor < 1
    assert match.network[-1] == CNN[-1]
    widths = [layer.filters for layer in match.network if isinstance(layer, Convolution)]
    assert 64 > widths[0] > widths[1] > widths[2]


HIDDEN = st.lists(st.integers(1, 60), min_size=1, max_size=3)


@given(filters=HIDDEN, units=HIDDEN, target=st.integers(20_000, 300_000))
def test_any_network_comes_within_a_hundredth_of_a_large_enough_target(
    filters: list[int], units: list[int], target: int
) -> None:
    network: Network = (
        *(Convolution(filters=width, padding="same") for width in filters),
        Pooling(size=4),
        Flatten(),
        *(Dense(units=width) for width in units),
        Dense(units=10, activation="softmax"),
    )
    match = match_parameters(network, (8, 8, 1), target)
    assert abs(parameters(match.network, (8, 8, 1)) - target) <= 0.01 * target


def test_a_network_that_has_the_parameters_already_stays_as_it_is() -> None:
    match = match_parameters(CNN, SHAPE, 258_874)
    assert (match.network, match.changes) == (CNN, ())


def test_what_cannot_be_matched_gets_a_sentence() -> None:
    with pytest.raises(SettingError, match=r"no hidden layer .* from 7,850 to 9,000 parameters"):
        match_parameters(NETWORKS["linear"].layers, SHAPE, 9_000)
    # Filters and units of 1 each are the least there can be.
    with pytest.raises(
        SettingError, match=r"cannot .* have 20 parameters; the closest is 1[0-9][0-9]"
    ):
        match_parameters(CNN, SHAPE, 20)


def test_equal_parameters_change_the_side_that_was_named() -> None:
    first, second = pair("fashion_mnist")
    terms = agree("parameters", first, second, changed="first", seconds=1.0)
    assert terms.second == second
    assert terms.first.network[1] == Dense(units=326, activation="relu")
    terms = agree("parameters", first, second, changed="second", seconds=1.0)
    assert terms.first == first
    assert parameters(terms.second.network, SHAPE) == pytest.approx(101_770, rel=0.01)


def test_the_work_of_a_training_picture_is_three_passes_less_the_first_input_gradient() -> None:
    # Digits of 8 × 8: 64 · 128 + 128 · 10 products forwards.
    assert fairness.training_multiply_adds(DENSE, (8, 8, 1)) == 3 * 9_472 - 8_192
    first, _ = pair()
    assert first.sizes()[0] == 1_077
    assert work(first) == 5 * 1_077 * 20_224
    assert work(first, 0.5) == 1_077 * 10_112


def test_equal_multiply_adds_give_the_cheaper_network_more_epochs() -> None:
    first, second = pair(epochs=4)
    # Forwards 36,864 + 294,912 + 18,432 + 16,384 + 32,768 + 1,280 = 400,640.
    ratio = (3 * 400_640 - 36_864) / 20_224
    assert ratio == pytest.approx(57.607, abs=1e-3)
    terms = agree("multiply_adds", first, second, changed="first", seconds=1.0)
    assert (terms.first.epochs, terms.second.epochs) == (173, 3)  # 3 · 57.6; 4 · 57.6 is too many
    assert work(terms.first) == pytest.approx(work(terms.second), rel=0.002)
    turned = agree("multiply_adds", second, first, changed="first", seconds=1.0)
    assert (turned.first.epochs, turned.second.epochs) == (3, 173)


def test_networks_too_far_apart_for_equal_multiply_adds_get_a_sentence() -> None:
    _, second = pair("fashion_mnist")
    first = RunSpec(dataset="fashion_mnist", network=NETWORKS["linear"].layers)
    with pytest.raises(SettingError, match=r"needs .* times the multiply-adds .* than 200 epochs"):
        agree("multiply_adds", first, second, changed="first", seconds=1.0)


def test_equal_seconds_leave_the_epochs_open() -> None:
    terms = agree("seconds", *pair(), changed="first", seconds=7)
    assert [it.seconds for it in (terms.first, terms.second)] == [7.0, 7.0]
    assert [it.epochs for it in (terms.first, terms.second)] == [200, 200]
    same = agree("epochs", *pair(), changed="first", seconds=7)
    assert (same.first, same.second) == pair()


def test_mcnemar_by_hand() -> None:
    # 1 and 9 of ten: 2 · (1 + 10) / 1024.
    assert judged(1, 9).p_value == 22 / 1024
    assert judged(1, 9).exact
    # 10 and 25: (15 - 1)² / 35 = 5.6.
    many = judged(10, 25)
    assert not many.exact
    assert many.p_value == pytest.approx(0.017960, abs=1e-6)
    assert (many.both, many.only_first, many.only_second, many.neither) == (1, 10, 25, 1)
    assert judged(0, 0).p_value == 1
    assert judged(30, 30).p_value == 1


@given(st.integers(0, 80), st.integers(0, 80))
def test_mcnemar_is_scipys_binomial_test_or_chi_square(first: int, second: int) -> None:
    found, turned = judged(first, second), judged(second, first)
    assert found.p_value == turned.p_value
    count = first + second
    if count < 25:
        expected = binomtest(first, count).pvalue if count else 1.0
    else:
        expected = chi2.sf(max(abs(first - second) - 1, 0) ** 2 / count, 1)
    assert_allclose(found.p_value, expected, rtol=1e-9)
