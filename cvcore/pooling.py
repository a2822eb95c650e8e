"""Pooling: what is kept of each window of a feature map."""

from functools import reduce
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from cvcore.arrays import FloatArray
from cvcore.convolution import as_image
from cvcore.errors import N_, SettingError

PoolingKind: TypeAlias = Literal["max", "average"]

POOLINGS: tuple[PoolingKind, ...] = ("max", "average")


def pool(
    image: npt.ArrayLike, *, size: int = 2, stride: int | None = None, kind: PoolingKind = "max"
) -> FloatArray:
    """Keep the largest or the mean value of each window.

    Parameters
    ----------
    image : array_like, shape (height, width) or (height, width, channels)
        Any range, taken as float32. Channels are pooled one by one.
    size : int, optional
        Pixels along each side of the window; at least 1.
    stride : int, optional
        Pixels between windows; `size` if not given, so that they touch.
    kind : {'max', 'average'}, optional
        What is kept.

    Returns
    -------
    ndarray of float32, shape (rows, columns) or (rows, columns, channels)
        ``(n - size) // stride + 1`` along each axis; pixels at the end that no
        whole window covers are left out.

    Raises
    ------
    SettingError
        If a number is below 1, the kind is unknown or the window does not fit.

    References
    ----------
    .. [1] Y. LeCun et al., "Gradient-based learning applied to document
       recognition", Proc. IEEE 86(11), 1998, section II.B (average).
    .. [2] D. Scherer, A. Müller, S. Behnke, "Evaluation of pooling operations in
       convolutional architectures for object recognition", ICANN, 2010 (max).

    Examples
    --------
    >>> pool([[1, 2, 9], [3, 4, 9]])
    array([[4.]], dtype=float32)
    """
    picture = as_image(image)
    stride = size if stride is None else stride
    for number in (size, stride):
        if not isinstance(number, int | np.integer) or number < 1:
            raise SettingError(
                N_(
                    "A pooling window's size and stride must be whole numbers of at least 1 pixel; "
                    "one of them was {number}."
                ),
                number=number,
            )
    if kind not in POOLINGS:
        raise SettingError(
            N_("Pooling keeps the 'max' or the 'average' of a window; it was asked for {kind}."),
            kind=kind,
        )
    if size > min(picture.shape[:2]):
        raise SettingError(
            N_(
                "The pooling window is {size} × {size} pixels, but the picture only "
                "{height} × {width}. Choose a smaller window."
            ),
            size=size,
            height=picture.shape[0],
            width=picture.shape[1],
        )
    combine = np.maximum if kind == "max" else np.add
    rows, columns = ((n - size) // stride + 1 for n in picture.shape[:2])
    # One slice per pixel of the window; down first, then across what that leaves.
    down = [picture[i : i + rows * stride : stride] for i in range(size)]
    tall: FloatArray = reduce(combine, down)
    across = [tall[:, j : j + columns * stride : stride] for j in range(size)]
    pooled: FloatArray = reduce(combine, across)
    return pooled if kind == "max" else pooled / np.float32(size**2)
