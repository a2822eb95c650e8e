"""Which pictures a network finds alike: distances between its feature vectors."""

from typing import NamedTuple

import numpy as np

from cvcore.arrays import FloatArray, IntArray


class Near(NamedTuple):
    """What lies next to a picture.

    Parameters
    ----------
    places : ndarray of int64, shape (k,)
        Of the nearest ones among those that were given, the nearest first.
    distances : ndarray of float32, shape (k,)
        From 0 (the same direction) to 2 (the opposite one).
    beyond : float
        The share of the given pictures that have a nearer neighbour among themselves than
        this picture has: near 1, it is like nothing that was learned.
    """

    places: IntArray
    distances: FloatArray
    beyond: float


def nearest(features: FloatArray, among: FloatArray, count: int) -> Near:
    """Find the pictures whose features point in the most similar direction.

    Parameters
    ----------
    features : ndarray of float32, shape (length,)
        Of the picture that is asked about.
    among : ndarray of float32, shape (n, length)
        Of those that it is compared with, n >= 2.
    count : int

    Returns
    -------
    Near
        Distances are Euclidean between vectors of length 1: how bright a picture is, which
        makes all features larger, does not count.

    Examples
    --------
    >>> among = np.array([[1, 0], [0, 2], [3, 0.0]], np.float32)
    >>> near = nearest(np.array([5, 0], np.float32), among, 2)
    >>> near.places.tolist(), near.distances.round(3).tolist()
    ([0, 2], [0.0, 0.0])
    """
    known = unit(among)
    distances = np.linalg.norm(known - unit(features[np.newaxis]), axis=1)
    places = np.argsort(distances, kind="stable")[:count]
    own = np.sqrt(np.maximum(2 - 2 * known @ known.T, 0))
    np.fill_diagonal(own, np.inf)
    beyond = float((own.min(axis=1) < distances.min()).mean())
    return Near(places, distances[places].astype(np.float32), beyond)


def unit(features: FloatArray) -> FloatArray:
    """Divide each row by its length; a row of zeros stays."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    scaled: FloatArray = features / np.maximum(lengths, 1e-12)
    return scaled


def plane(features: FloatArray) -> FloatArray:
    """Lay pictures out on a plane: the two directions in which their features differ most.

    Parameters
    ----------
    features : ndarray of float32, shape (n, length)

    Returns
    -------
    ndarray of float32, shape (n, 2)
        The first two principal components of the vectors of length 1. Of each component the
        largest value is positive, so that equal features always look the same.
    """
    about = unit(features) - unit(features).mean(axis=0)
    left, sizes, _ = np.linalg.svd(about, full_matrices=False)
    laid = np.zeros((len(features), 2), np.float32)
    count = min(2, sizes.size)
    laid[:, :count] = (left * sizes)[:, :count]
    for column in laid.T:
        if column[np.abs(column).argmax()] < 0:
            column *= -1
    return laid
