"""Convolution as the lectures and Keras mean it: slide, multiply, sum.

Small kernels go through OpenCV, large ones through the Fourier transform,
where the work no longer grows with the kernel.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from itertools import product
from typing import Literal, TypeAlias, TypeGuard, cast

import cv2
import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from cvcore.arrays import FloatArray
from cvcore.errors import N_, SettingError

Padding: TypeAlias = Literal["valid", "same"] | int
PadValue: TypeAlias = float | Literal["edge", "reflect"]
Amounts: TypeAlias = tuple[int, int]

PADDINGS: tuple[Literal["valid", "same"], ...] = ("valid", "same")

# cv2.filter2D sums products up to this many cells (11 × 11) and turns to a Fourier transform of
# its own above; ours needs half the processor time and uses every core.
_DIRECT_CELLS = 129
# The spectra of a tile of this many pixels a side fit into a core's cache.
_TILE = 256
# cv2 holds no more channels than this in one picture.
_CHANNELS = 128
# Gathered windows are multiplied in blocks of at most 64 MiB.
_BLOCK = 16 * 2**20
_BORDERS: dict[object, int] = {
    0.0: cv2.BORDER_CONSTANT,
    "edge": cv2.BORDER_REPLICATE,
    "reflect": cv2.BORDER_REFLECT_101,
}


def convolve(
    image: npt.ArrayLike,
    kernel: npt.ArrayLike,
    *,
    stride: int = 1,
    padding: Padding = "valid",
    pad_value: PadValue = 0.0,
) -> FloatArray:
    r"""Slide a kernel over an image and sum the products at each stop.

    The kernel is not flipped: deep learning's convolution is what signal
    processing calls cross-correlation.

    Parameters
    ----------
    image : array_like, shape (height, width) or (height, width, channels)
        Finite values of any range, taken as float32. Channels are filtered one by one.
    kernel : array_like, shape (kernel_height, kernel_width)
        Finite weights, taken as float32; even and non-square sizes too.
    stride : int, optional
        Pixels between stops, down and across; at least 1. Every stop of stride 1
        is computed and the others dropped.
    padding : {'valid', 'same'} or int, optional
        'valid' adds nothing. 'same' surrounds the image until the result has
        ``ceil(size / stride)`` pixels along each axis, an odd pixel going to the
        end, as in Keras. A number adds that many pixels on every side.
    pad_value : float or {'edge', 'reflect'}, optional
        What the added pixels hold: a number, the nearest pixel, or the image
        mirrored about its edge pixel (`numpy.pad`'s mode 'reflect').

    Returns
    -------
    ndarray of float32, shape (rows, columns) or (rows, columns, channels)
        Not clipped: negative answers carry meaning. It may be a view into a
        slightly larger array.

    Raises
    ------
    SettingError
        If the stride, the padding or its value is not one of the above, a weight
        is not a finite number, or the kernel does not fit into the padded image.

    Notes
    -----
    Kernels of up to 129 cells are summed directly: whole numbers that float32
    holds give exact answers. Larger ones are computed by overlap-save [2]_ in
    float32, with an error of at most about 1e-6 of ``max|image| · sum|kernel|``.

    References
    ----------
    .. [1] I. Goodfellow et al., "Deep Learning", MIT Press, 2016, eq. 9.6.
    .. [2] A. V. Oppenheim, R. W. Schafer, "Discrete-Time Signal Processing",
       3rd ed., Pearson, 2010, section 8.7.3.

    Examples
    --------
    >>> ramp = np.arange(9, dtype=np.float32).reshape(3, 3)
    >>> convolve(ramp, np.ones((2, 2), np.float32))
    array([[ 8., 12.],
           [20., 24.]], dtype=float32)
    """
    picture = as_image(image)
    weights = as_weights(kernel)
    if weights.ndim != 2:
        raise SettingError(
            N_("A kernel is a table of rows and columns; this one has the shape {shape}."),
            shape=weights.shape,
        )
    rows, columns = _amounts(picture, weights, stride, padding)
    _check_pad_value(pad_value)
    return _every(stride, _slide(picture, weights, rows, columns, pad_value))


def convolve_layer(
    image: npt.ArrayLike,
    kernels: npt.ArrayLike,
    bias: npt.ArrayLike | None = None,
    *,
    stride: int = 1,
    padding: Padding = "valid",
) -> FloatArray:
    """Compute what a Conv2D layer computes: each filter sums over all channels.

    Parameters
    ----------
    image : array_like, shape (height, width) or (height, width, channels)
        Finite values of any range, taken as float32.
    kernels : array_like, shape (kernel_height, kernel_width, channels, filters)
        Finite weights in Keras' order, taken as float32.
    bias : array_like, shape (filters,), optional
        Added to every answer of its filter; zero if not given.
    stride, padding
        As for `convolve`; what is added is zero.

    Returns
    -------
    ndarray of float32, shape (rows, columns, filters)
        One feature map per filter, before any activation.

    Raises
    ------
    SettingError
        As for `convolve`, and if the kernels are not as deep as the image or
        the bias does not have one number per filter.

    References
    ----------
    .. [1] I. Goodfellow et al., "Deep Learning", MIT Press, 2016, eq. 9.7.

    Examples
    --------
    >>> image = np.ones((4, 4, 3), np.float32)
    >>> convolve_layer(image, np.ones((3, 3, 3, 2)), [0.0, 0.5])[0, 0]
    array([27. , 27.5], dtype=float32)
    """
    picture = as_image(image)
    if picture.ndim == 2:
        picture = picture[:, :, np.newaxis]
    weights = as_weights(kernels)
    if weights.ndim != 4:
        raise SettingError(
            N_(
                "A layer's kernels have a height, a width, channels and filters; "
                "these have the shape {shape}."
            ),
            shape=weights.shape,
        )
    height, width, channels, filters = weights.shape
    check_depth(picture, channels)
    offsets = np.zeros(filters, np.float32) if bias is None else np.asarray(bias, np.float32)
    if offsets.shape != (filters,):
        raise SettingError(
            N_(
                "There are {filters} filters, but the bias has the shape {shape}; "
                "give one number for each filter."
            ),
            filters=filters,
            shape=offsets.shape,
        )
    rows, columns = _amounts(picture, weights, stride, padding)
    # Gathering windows copies the picture once per cell; filtering plane by plane reads it once
    # per filter.
    if filters < height * width:
        return _layer_by_planes(picture, weights, rows, columns, stride) + offsets
    return _layer_by_windows(_padded(picture, rows, columns, 0.0), weights, stride) + offsets


def padding_amounts(
    n: int, f: int, *, stride: int = 1, padding: Padding = "valid"
) -> tuple[int, int]:
    """Return how many pixels are added before and after, along one axis.

    Parameters
    ----------
    n : int
        Pixels of the image along the axis.
    f : int
        Pixels of the kernel along the axis.
    stride : int, optional
        Pixels between stops.
    padding : {'valid', 'same'} or int, optional
        As for `convolve`.

    Returns
    -------
    before, after : int
        'same' needs ``max((ceil(n / stride) - 1) * stride + f - n, 0)`` in all;
        of an odd number the larger part goes after, as in Keras.

    Raises
    ------
    SettingError
        If a number is out of range, or the kernel does not fit into the padded image.

    Examples
    --------
    >>> padding_amounts(28, 4, padding="same")
    (1, 2)
    """
    if not _is_whole(stride) or stride < 1:
        raise SettingError(
            N_(
                "The stride must be a whole number of at least 1 pixel; it was {stride}. "
                "Choose 1 to visit every pixel."
            ),
            stride=stride,
        )
    if n < 1 or f < 1:
        raise SettingError(
            N_(
                "A picture and a kernel need at least one pixel each way; "
                "here the picture had {picture} and the kernel {kernel}."
            ),
            picture=n,
            kernel=f,
        )
    if padding == "same":
        total = max((math.ceil(n / stride) - 1) * stride + f - n, 0)
        before, after = total // 2, total - total // 2
    elif padding == "valid":
        before = after = 0
    elif _is_whole(padding) and padding >= 0:
        before = after = padding
    else:
        raise SettingError(
            N_(
                "The padding must be 'valid', 'same' or a number of pixels from 0 up; "
                "it was {padding}."
            ),
            padding=padding,
        )
    if f > n + before + after:
        raise SettingError(
            N_(
                "The kernel is {kernel} pixels long, but the picture with its padding only "
                "{picture}. Choose a smaller kernel, a larger picture or 'same' padding."
            ),
            kernel=f,
            picture=n + before + after,
        )
    return before, after


def pad(
    image: npt.ArrayLike,
    kernel_size: tuple[int, int],
    *,
    stride: int = 1,
    padding: Padding = "valid",
    pad_value: PadValue = 0.0,
) -> FloatArray:
    """Surround an image with the pixels that `convolve` would add.

    Parameters
    ----------
    image : array_like, shape (height, width) or (height, width, channels)
    kernel_size : (int, int)
        The kernel's height and width, on which 'same' padding depends.
    stride, padding, pad_value
        As for `convolve`.

    Returns
    -------
    ndarray of float32, shape (height, width) or (height, width, channels)
        Larger by the padding.

    Raises
    ------
    SettingError
        As for `convolve`.

    Examples
    --------
    >>> pad(np.ones((1, 2)), (3, 3), padding="same", pad_value=7)
    array([[7., 7., 7., 7.],
           [7., 1., 1., 7.],
           [7., 7., 7., 7.]], dtype=float32)
    """
    picture = as_image(image)
    rows, columns = (
        padding_amounts(n, f, stride=stride, padding=padding)
        for n, f in zip(picture.shape[:2], kernel_size, strict=True)
    )
    _check_pad_value(pad_value)
    return _padded(picture, rows, columns, pad_value)


def as_image(image: npt.ArrayLike) -> FloatArray:
    """Return an image as float32 without changing its values' range.

    Parameters
    ----------
    image : array_like, shape (height, width) or (height, width, channels)

    Returns
    -------
    ndarray of float32, of the same shape
        The image itself if it is float32 already.

    Raises
    ------
    SettingError
        If the shape is another, or holds no pixel.
    """
    picture = np.asarray(image, np.float32)
    if picture.ndim not in (2, 3) or picture.size == 0:
        raise SettingError(
            N_(
                "A picture is a table of at least one pixel, with or without channels; "
                "this array has the shape {shape}."
            ),
            shape=picture.shape,
        )
    return picture


def as_weights(kernel: npt.ArrayLike) -> FloatArray:
    """Return weights as float32, contiguous, each a number that can be multiplied.

    Parameters
    ----------
    kernel : array_like, of two dimensions or more

    Returns
    -------
    ndarray of float32, of the same shape

    Raises
    ------
    SettingError
        If there is no cell, or one is not a finite number of float32's range.
    """
    try:
        weights = np.asarray(kernel)
        if weights.dtype != np.float32:
            with np.errstate(over="ignore"):  # what float32 cannot hold is named below
                weights = weights.astype(np.float32)
    except (TypeError, ValueError) as error:
        raise SettingError(
            N_("A kernel is a table of numbers with rows of one length; this one is not.")
        ) from error
    if weights.ndim < 2 or weights.size == 0:
        raise SettingError(
            N_("A kernel has at least one row and one column; this one has the shape {shape}."),
            shape=weights.shape,
        )
    weights = np.ascontiguousarray(weights)
    if not cv2.checkRange(weights.ravel())[0]:  # np.isfinite takes 2 % of a whole 3 × 3 filtering
        row, column, *_ = np.argwhere(~np.isfinite(weights))[0]
        raise SettingError(
            N_(
                "The kernel's cell in row {row}, column {column} is not a number that can be "
                "multiplied; write one there."
            ),
            row=int(row) + 1,
            column=int(column) + 1,
        )
    return weights


def check_depth(image: FloatArray, depth: int) -> None:
    """Refuse kernels that are not as deep as the image they look at.

    Parameters
    ----------
    image : ndarray of float32, shape (height, width) or (height, width, channels)
    depth : int
        Channels of the kernels.

    Raises
    ------
    SettingError
        If the image has more or fewer channels.
    """
    channels = image.shape[2] if image.ndim == 3 else 1
    if depth != channels:
        raise SettingError(
            N_(
                "The kernels have a depth of {depth}, but the picture one of {channels}; "
                "kernels must be as deep as what they look at."
            ),
            depth=depth,
            channels=channels,
        )


def _is_whole(number: object) -> TypeGuard[int]:
    return isinstance(number, int | np.integer) and not isinstance(number, bool)


def _check_pad_value(pad_value: object) -> None:
    if isinstance(pad_value, str):
        known = pad_value in _BORDERS
    else:
        known = isinstance(pad_value, float | int | np.number) and math.isfinite(pad_value)
    if not known:
        raise SettingError(
            N_("The padding's value must be a number, 'edge' or 'reflect'; it was {pad_value}."),
            pad_value=pad_value,
        )


def _amounts(
    image: FloatArray, kernel: FloatArray, stride: int, padding: Padding
) -> tuple[Amounts, Amounts]:
    height, width = kernel.shape[:2]
    return (
        padding_amounts(image.shape[0], height, stride=stride, padding=padding),
        padding_amounts(image.shape[1], width, stride=stride, padding=padding),
    )


def _padded(image: FloatArray, rows: Amounts, columns: Amounts, pad_value: PadValue) -> FloatArray:
    if not any(rows + columns):
        return image
    widths = (rows, columns, (0, 0))[: image.ndim]
    if isinstance(pad_value, str):
        return np.pad(image, widths, mode=pad_value)
    return np.pad(image, widths, constant_values=pad_value)


def _every(stride: int, feature_map: FloatArray) -> FloatArray:
    if stride == 1:
        return feature_map
    return np.ascontiguousarray(feature_map[::stride, ::stride])


def _slide(
    image: FloatArray,
    kernel: FloatArray,
    rows: Amounts,
    columns: Amounts,
    pad_value: PadValue,
) -> FloatArray:
    """Filter at stride 1, by whichever way is faster for the kernel's size."""
    if kernel.size > _DIRECT_CELLS:
        return _by_fourier(_padded(image, rows, columns, pad_value), kernel)
    return _by_products(image, kernel, rows, columns, pad_value)


def _by_products(
    image: FloatArray,
    kernel: FloatArray,
    rows: Amounts,
    columns: Amounts,
    pad_value: PadValue,
) -> FloatArray:
    if image.ndim == 3 and image.shape[2] > _CHANNELS:
        parts = np.array_split(image, math.ceil(image.shape[2] / _CHANNELS), axis=2)
        return np.concatenate(
            [_by_products(part, kernel, rows, columns, pad_value) for part in parts], axis=2
        )
    border = _BORDERS.get(pad_value)
    f, g = kernel.shape
    overhangs = sum(rows) < f <= image.shape[0] and sum(columns) < g <= image.shape[1]
    if border is None or not overhangs:
        image = _padded(image, rows, columns, pad_value)
        rows = columns = (0, 0)
        border = cv2.BORDER_CONSTANT
    height, width = image.shape[0] + sum(rows) - f + 1, image.shape[1] + sum(columns) - g + 1
    # The anchor is the kernel's cell that lies on the answer's pixel: with it `before` cells in,
    # output (0, 0) is the first stop, and what is cut off at the end no window asked for.
    answer = cast(
        "FloatArray",
        cv2.filter2D(image, cv2.CV_32F, kernel, anchor=(columns[0], rows[0]), borderType=border),
    )[:height, :width]
    # cv2 drops a last axis of one channel.
    return answer if answer.ndim == image.ndim else answer[:, :, np.newaxis]


def _by_fourier(image: FloatArray, kernel: FloatArray) -> FloatArray:
    """Correlate tile by tile: multiply spectra, keep what did not wrap around."""
    # 27 MB of modules that a visitor who keeps to small kernels never needs.
    from scipy import fft

    f, g = kernel.shape
    channels = image.shape[2:]
    height, width = image.shape[0] - f + 1, image.shape[1] - g + 1
    largest = max(_TILE, 2 * max(f, g))
    rows = math.ceil(height / math.ceil(height / largest))
    columns = math.ceil(width / math.ceil(width / largest))
    size = fft.next_fast_len(rows + f - 1, real=True), fft.next_fast_len(columns + g - 1, real=True)
    # The conjugate turns the product of spectra into a correlation: no flip.
    spectrum = fft.rfft2(kernel, size).conj().reshape(size[0], -1, *(1 for _ in channels))
    answer = np.empty((height, width, *channels), np.float32)

    def fill(corner: tuple[int, int]) -> None:
        top, left = corner
        tile = image[top : top + rows + f - 1, left : left + columns + g - 1]
        target = answer[top : top + rows, left : left + columns]
        spectra = fft.rfft2(tile, size, axes=(0, 1))
        with np.errstate(over="ignore", invalid="ignore"):  # weights near float32's largest
            spectra *= spectrum
        whole = fft.irfft2(spectra, size, axes=(0, 1), overwrite_x=True)
        target[...] = whole[: target.shape[0], : target.shape[1]]

    corners = list(product(range(0, height, rows), range(0, width, columns)))
    with ThreadPoolExecutor(min(len(corners), cv2.getNumThreads())) as pool:
        list(pool.map(fill, corners))  # the list raises what a tile may have raised
    return answer


def _layer_by_planes(
    image: FloatArray, kernels: FloatArray, rows: Amounts, columns: Amounts, stride: int
) -> FloatArray:
    """Filter every channel for every filter, and add up."""
    planes = [np.ascontiguousarray(plane) for plane in np.moveaxis(image, 2, 0)]
    feature_maps = []
    for depths in np.moveaxis(kernels, 3, 0):
        answers = [
            _every(stride, _slide(plane, np.ascontiguousarray(kernel), rows, columns, 0.0))
            for plane, kernel in zip(planes, np.moveaxis(depths, 2, 0), strict=True)
        ]
        feature_maps.append(reduce(np.add, answers))
    return np.stack(feature_maps, axis=2)


def _layer_by_windows(image: FloatArray, kernels: FloatArray, stride: int) -> FloatArray:
    """Lay every window out as a row and multiply the table by the kernels."""
    windows = sliding_window_view(image, kernels.shape[:2], axis=(0, 1))[::stride, ::stride]
    at_once = max(1, _BLOCK // windows[0].size)
    return np.concatenate(
        [
            # A window's axes are (channel, row, column), a kernel's (row, column, channel, filter).
            np.tensordot(windows[top : top + at_once], kernels, axes=((3, 4, 2), (0, 1, 2)))
            for top in range(0, windows.shape[0], at_once)
        ]
    )
