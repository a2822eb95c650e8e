"""Activations: what a layer does to each number, or to a row of them."""

import numpy as np
import numpy.typing as npt

from cvcore.arrays import FloatArray


def relu(x: npt.ArrayLike) -> FloatArray:
    """Keep positive numbers and put zero for the others.

    Parameters
    ----------
    x : array_like
        Any range, taken as float32.

    Returns
    -------
    ndarray of float32, of the same shape
        ``max(0, x)``.

    References
    ----------
    .. [1] V. Nair, G. E. Hinton, "Rectified linear units improve restricted
       Boltzmann machines", ICML, 2010.

    Examples
    --------
    >>> relu([-2, 3])
    array([0., 3.], dtype=float32)
    """
    return np.maximum(np.asarray(x, np.float32), np.float32(0))


def sigmoid(x: npt.ArrayLike) -> FloatArray:
    """Squeeze each number into the range from 0 to 1.

    Parameters
    ----------
    x : array_like
        Any range, taken as float32.

    Returns
    -------
    ndarray of float32, of the same shape
        ``1 / (1 + exp(-x))``.

    Examples
    --------
    >>> sigmoid([-1000, 0, 1000])
    array([0. , 0.5, 1. ], dtype=float32)
    """
    values = np.asarray(x, np.float32)
    # Of exp(x) and exp(-x) one may be too large for a float; the other never is.
    small = np.exp(-np.abs(values))
    answer: FloatArray = np.where(values >= 0, np.float32(1), small) / (1 + small)
    return answer


def softmax(x: npt.ArrayLike, *, axis: int = -1) -> FloatArray:
    """Turn scores into shares that are positive and sum to 1.

    Parameters
    ----------
    x : array_like
        Any range, taken as float32.
    axis : int, optional
        The axis along which the shares sum to 1.

    Returns
    -------
    ndarray of float32, of the same shape
        ``exp(x) / sum(exp(x))``.

    References
    ----------
    .. [1] I. Goodfellow et al., "Deep Learning", MIT Press, 2016, section 4.1.

    Examples
    --------
    >>> softmax([1000, 1000])
    array([0.5, 0.5], dtype=float32)
    """
    values = np.asarray(x, np.float32)
    # Taking the largest away changes no share and keeps exp() from overflowing.
    shares: FloatArray = np.exp(values - values.max(axis=axis, keepdims=True))
    shares /= shares.sum(axis=axis, keepdims=True)
    return shares
