"""Neighbours and the plane: by hand, and against scikit-learn."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from cvcore import neighbours


def test_a_right_angle_is_the_root_of_two_away_however_long_the_arms() -> None:
    among = np.array([[0, 3], [-7, 0], [2, 0], [1, 1]], np.float32)
    near = neighbours.nearest(np.array([5, 0], np.float32), among, 4)
    assert_array_equal(near.places, [2, 3, 0, 1])
    # √(2 − 2 cos 45°) = 0.7654
    assert_allclose(near.distances, [0, 0.76537, 2**0.5, 2], atol=1e-5)


def test_beyond_counts_those_that_have_a_nearer_neighbour() -> None:
    among = np.array([[1, 0], [1, 0.1], [0.1, 1], [0, 1]], np.float32)
    assert neighbours.nearest(np.array([-1, -1], np.float32), among, 1).beyond == 1
    assert neighbours.nearest(np.array([1, 0.05], np.float32), among, 1).beyond == 0


def test_neighbours_are_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    among, one = rng.random((40, 12), np.float32), rng.random(12, np.float32)
    reference = NearestNeighbors(n_neighbors=5).fit(neighbours.unit(among))
    distances, places = reference.kneighbors(neighbours.unit(one[np.newaxis]))
    near = neighbours.nearest(one, among, 5)
    assert_array_equal(near.places, places[0])
    assert_allclose(near.distances, distances[0], atol=1e-5)


def test_the_plane_is_scikit_learns_first_two_components_up_to_sign() -> None:
    features = np.random.default_rng(1).random((30, 9), np.float32)
    laid = neighbours.plane(features)
    reference = PCA(2).fit_transform(neighbours.unit(features))
    assert_allclose(np.abs(laid), np.abs(reference), atol=1e-4)
    for column in laid.T:
        assert column[np.abs(column).argmax()] > 0


@given(arrays(np.float32, (3, 4), elements=st.floats(0, 10, width=16)), st.floats(0.5, 20))
def test_how_bright_a_picture_is_does_not_count(features: np.ndarray, factor: float) -> None:
    assert_allclose(
        neighbours.unit(features * np.float32(factor)), neighbours.unit(features), atol=1e-4
    )


def test_a_row_of_zeros_and_equal_pictures_are_no_error() -> None:
    assert_array_equal(neighbours.plane(np.zeros((3, 4), np.float32)), np.zeros((3, 2)))
    near = neighbours.nearest(np.zeros(4, np.float32), np.ones((2, 4), np.float32), 2)
    assert_allclose(near.distances, [1, 1])
