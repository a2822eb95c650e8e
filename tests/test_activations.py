"""Activations against SciPy, and where plain formulas overflow."""

import doctest

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy import special

from cvcore import activations
from cvcore.activations import relu, sigmoid, softmax
from cvcore.arrays import FloatArray

scores = arrays(np.float32, (3, 4), elements=st.floats(-1e4, 1e4, width=32))


def test_the_examples_in_the_docstrings_run() -> None:
    assert doctest.testmod(activations).failed == 0


@given(scores)
def test_relu_keeps_what_is_positive(x: FloatArray) -> None:
    assert_array_equal(relu(x), np.where(x > 0, x, np.float32(0)))


@given(scores)
def test_sigmoid_is_scipys_even_where_exp_overflows(x: FloatArray) -> None:
    assert_allclose(sigmoid(x), special.expit(x), rtol=1e-5, atol=1e-30)


@given(scores, st.sampled_from([0, 1, -1]))
def test_softmax_is_scipys_along_either_axis(x: FloatArray, axis: int) -> None:
    assert_allclose(softmax(x, axis=axis), special.softmax(x, axis=axis), rtol=1e-5, atol=1e-30)


@given(scores)
def test_softmax_forgets_what_is_added_to_every_score(x: FloatArray) -> None:
    # Whole numbers, so that adding rounds nothing away.
    whole = np.rint(x)
    assert_array_equal(softmax(whole + np.float32(64)), softmax(whole))


def test_every_activation_answers_in_float32() -> None:
    for activation in (relu, sigmoid, softmax):
        assert activation([1, 2]).dtype == np.float32
