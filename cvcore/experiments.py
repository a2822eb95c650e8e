"""What the small experiments on layers compute beyond the layers themselves."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np
import numpy.typing as npt

from cvcore.arithmetic import output_size
from cvcore.arrays import AnyArray, FloatArray, IntArray
from cvcore.convolution import as_image, as_weights, convolve, padding_amounts
from cvcore.errors import N_, SettingError
from cvcore.kernels import flip
from cvcore.networks import Convolution, Dense, Flatten, GlobalAveragePooling, Layer, Pooling


@dataclass(frozen=True)
class Pattern:
    """A small picture made for one experiment.

    Parameters
    ----------
    label : str
        What it shows, for the translators.
    make : callable
        Returns float32, shape (side, side), from the side in pixels.
    """

    label: str
    make: Callable[[int], FloatArray]


@dataclass(frozen=True, eq=False, kw_only=True)
class Commutation:
    """Whether moving a picture and filtering it can change places.

    Parameters
    ----------
    moved : ndarray of float32, shape (height, width)
        The picture after the move.
    moved_first : ndarray of float32, shape (height, width)
        The feature map of the moved picture.
    filtered_first : ndarray of float32, shape (height, width)
        The moved feature map.
    difference : ndarray of float32, shape (height, width)
        The second less the third; 0 where the two cannot be compared.
    compared : ndarray of bool, shape (height, width)
        The pixels whose windows hold nothing but picture in both.
    """

    moved: FloatArray
    moved_first: FloatArray
    filtered_first: FloatArray
    difference: FloatArray
    compared: npt.NDArray[np.bool_]

    @property
    def largest(self) -> float:
        """The largest magnitude of the difference."""
        return float(np.abs(self.difference).max())

    @property
    def share(self) -> float:
        """The largest difference as a share of the largest answer compared; 0 if that is 0."""
        answers = np.abs(self.filtered_first[self.compared])
        strongest = float(answers.max()) if answers.size else 0.0
        return self.largest / strongest if strongest else 0.0


def combine(first: npt.ArrayLike, second: npt.ArrayLike) -> FloatArray:
    """Return the one kernel that does what two do, one after the other.

    Parameters
    ----------
    first, second : array_like, shape (rows, columns)
        Kernels for `cvcore.convolution.convolve`, without padding.

    Returns
    -------
    ndarray of float32
        Shape (rows + rows − 1, columns + columns − 1): every product of two weights,
        added where their offsets add up.

    Raises
    ------
    SettingError
        If a weight is not a finite number.

    References
    ----------
    .. [1] A. V. Oppenheim, R. W. Schafer, "Discrete-Time Signal Processing", 3rd ed.,
       Pearson, 2010, section 2.4: filters in cascade.

    Examples
    --------
    >>> combine([[1, 1]], [[1, -1]])
    array([[ 1.,  0., -1.]], dtype=float32)
    """
    one, other = as_weights(first), as_weights(second)
    rows, columns = (n - 1 for n in other.shape)
    wide = np.pad(one, ((rows, rows), (columns, columns)))
    # `convolve` does not flip and a chain of kernels does, so it is undone here.
    return convolve(wide, flip(other))


def fields(layers: Sequence[Layer], n: int) -> tuple[range, ...]:
    """Say which pixels the middle value of each layer sees, along one axis.

    Parameters
    ----------
    layers : sequence of Layer
        Counted up to the first that brings maps into one row.
    n : int
        Pixels of the picture along the axis.

    Returns
    -------
    tuple of range
        One for each layer; it begins below 0 or ends beyond `n` where it reaches into
        the padding. Of an even number of values the later of the middle two is taken.

    Raises
    ------
    SettingError
        If a layer's window does not fit into what the layer before leaves.

    Examples
    --------
    >>> fields([Convolution(filters=1), Pooling(size=2)], 9)
    (range(3, 6), range(2, 6))
    """
    steps = _steps(layers, n)
    seen = []
    for depth, step in enumerate(steps, start=1):
        first = last = step.size // 2
        for below in reversed(steps[:depth]):
            first = first * below.stride - below.before
            last = last * below.stride - below.before + below.window - 1
        seen.append(range(first, last + 1))
    return tuple(seen)


def paths(layers: Sequence[Layer], n: int) -> IntArray:
    """Count the ways from each pixel to the middle value of the last layer, along one axis.

    Rows and columns are independent: ``np.outer(paths(…), paths(…))`` counts for every
    pixel of a square picture.

    Parameters
    ----------
    layers, n
        As for `fields`.

    Returns
    -------
    ndarray of int64, shape (n,)
        0 where the value does not see the pixel.

    Raises
    ------
    SettingError
        As for `fields`.

    References
    ----------
    .. [1] W. Luo et al., "Understanding the effective receptive field in deep
       convolutional neural networks", NIPS, 2016.

    Examples
    --------
    Two 3-pixel kernels see 5 pixels, the middle one three times.

    >>> paths([Convolution(filters=1)] * 2, 7)
    array([0, 1, 2, 3, 2, 1, 0])
    """
    steps = _steps(layers, n)
    if not steps:
        return _middle(n)
    ways = _middle(steps[-1].size)
    sizes = [n, *(step.size for step in steps[:-1])]
    for below, step in zip(reversed(sizes), reversed(steps), strict=True):
        reach = (step.size - 1) * step.stride
        padded = np.zeros(max(step.before + below, reach + step.window), np.int64)
        for offset in range(step.window):
            padded[offset : offset + reach + 1 : step.stride] += ways
        ways = padded[step.before : step.before + below]
    return ways


def connections(n: int, f: int) -> IntArray:
    """Write a convolution as the dense layer that it is: which weight joins which two.

    Parameters
    ----------
    n : int
        Pixels along each side of the picture.
    f : int
        Pixels along each side of the kernel; stride 1, no padding.

    Returns
    -------
    ndarray of int64, shape (m · m, n · n)
        m = n − f + 1. A row for each output, a column for each input, both row by row;
        0 where nothing joins them, else the number of the weight, from 1 to f · f.

    Raises
    ------
    SettingError
        If the kernel does not fit into the picture.

    References
    ----------
    .. [1] I. Goodfellow et al., "Deep Learning", MIT Press, 2016, section 9.1: the
       (doubly block) Toeplitz matrix of a convolution.

    Examples
    --------
    >>> connections(3, 2)[0]
    array([1, 2, 0, 3, 4, 0, 0, 0, 0])
    """
    m = output_size(n, f)
    numbers = 1 + np.arange(f * f, dtype=np.int64).reshape(f, f)
    matrix: IntArray = np.zeros((m, m, n, n), np.int64)
    for row in range(m):
        for column in range(m):
            matrix[row, column, row : row + f, column : column + f] = numbers
    return matrix.reshape(m * m, n * n)


def shift(image: npt.ArrayLike, *, down: int, right: int) -> FloatArray:
    """Move a picture by whole pixels; what comes in from outside is 0.

    Parameters
    ----------
    image : array_like, shape (height, width)
        Any range, taken as float32.
    down, right : int
        Pixels; negative ones move up and left.

    Returns
    -------
    ndarray of float32, shape (height, width)

    Examples
    --------
    >>> shift([[1, 2, 3]], down=0, right=1)
    array([[0., 1., 2.]], dtype=float32)
    """
    picture = as_image(image)
    moved = np.zeros_like(picture)
    into, out_of = zip(
        *(_overlap(n, by) for n, by in zip(picture.shape, (down, right), strict=True)), strict=True
    )
    moved[into] = picture[out_of]
    return moved


def turn(image: npt.ArrayLike, degrees: float) -> FloatArray:
    """Turn a square picture about its middle, counter-clockwise.

    Parameters
    ----------
    image : array_like, shape (side, side)
        Any range, taken as float32.
    degrees : float
        Quarter turns are exact; others take the weighted mean of the four nearest pixels.

    Returns
    -------
    ndarray of float32, shape (side, side)
        0 where the turned picture does not reach.

    Raises
    ------
    SettingError
        If the picture is not square.

    Examples
    --------
    >>> turn([[1, 2], [3, 4]], 90)
    array([[2., 4.],
           [1., 3.]], dtype=float32)
    """
    picture = as_image(image)
    if picture.ndim != 2 or picture.shape[0] != picture.shape[1]:
        raise SettingError(
            N_("Only a square picture can be turned within its frame; this one has {shape}."),
            shape=" × ".join(map(str, picture.shape)),
        )
    if degrees % 90 == 0:
        return np.ascontiguousarray(np.rot90(picture, int(degrees // 90)))
    middle = (picture.shape[0] - 1) / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), degrees, 1.0)
    return np.asarray(cv2.warpAffine(picture, matrix, picture.shape[::-1]), np.float32)


def shift_and_filter(
    image: npt.ArrayLike, kernel: npt.ArrayLike, *, down: int, right: int
) -> Commutation:
    """Filter the shifted picture, and shift the filtered one.

    Parameters
    ----------
    image : array_like, shape (height, width)
    kernel : array_like, shape (rows, columns)
        Odd sizes; the feature maps are as large as the picture.
    down, right : int
        As for `shift`.

    Returns
    -------
    Commutation
        The two are the same: convolution is equivariant to shifts.

    Raises
    ------
    SettingError
        As for `cvcore.convolution.convolve`.

    References
    ----------
    .. [1] I. Goodfellow et al., "Deep Learning", MIT Press, 2016, section 9.2.
    """
    picture, weights = as_image(image), as_weights(kernel)
    moved = shift(picture, down=down, right=right)
    compared = np.zeros(picture.shape, bool)
    region = tuple(
        slice(max(by, 0) + f // 2, max(n + min(by, 0) - f // 2, 0))
        for n, f, by in zip(picture.shape, weights.shape, (down, right), strict=True)
    )
    compared[region] = True
    moved_first = convolve(moved, weights, padding="same")
    filtered_first = shift(convolve(picture, weights, padding="same"), down=down, right=right)
    return _commutation(moved, moved_first, filtered_first, compared)


def turn_and_filter(
    image: npt.ArrayLike, kernel: npt.ArrayLike, *, degrees: float, with_kernel: bool = False
) -> Commutation:
    """Filter the turned picture, and turn the filtered one.

    Parameters
    ----------
    image : array_like, shape (side, side)
    kernel : array_like, shape (rows, columns)
        Odd sizes; the feature maps are as large as the picture.
    degrees : float
        As for `turn`.
    with_kernel : bool, optional
        Filter the turned picture with the kernel turned likewise; square kernels alone.

    Returns
    -------
    Commutation
        The two differ, unless the kernel is the same after the turn or was turned too,
        by a quarter turn or several.

    Raises
    ------
    SettingError
        If the picture, or the kernel to be turned, is not square.
    """
    picture, weights = as_image(image), as_weights(kernel)
    moved = turn(picture, degrees)
    turned = turn(weights, degrees) if with_kernel else weights
    middle = (picture.shape[0] - 1) / 2
    away = np.abs(np.arange(picture.shape[0]) - middle)
    margin = max(weights.shape) // 2
    if degrees % 90 == 0:
        compared = np.maximum.outer(away, away) <= middle - margin
    else:
        # Only a disc stays in the frame; a window's corner is farther out than its side, and a
        # turned pixel is made of its neighbours.
        compared = np.hypot.outer(away, away) <= middle - math.sqrt(2) * (margin + 1)
    moved_first = convolve(moved, turned, padding="same")
    filtered_first = turn(convolve(picture, weights, padding="same"), degrees)
    return _commutation(moved, moved_first, filtered_first, compared)


def window_of(image: AnyArray, side: int, *, left: int = 0) -> AnyArray:
    """Cut a square out of a picture's middle.

    Cut again farther left, it shows the same scene shifted to the right, without
    anything made up at its border.

    Parameters
    ----------
    image : ndarray, shape (height, width)
    side : int
        In pixels; at most the picture's shorter side is taken.
    left : int, optional
        How many pixels to the left of the middle; as many as the picture has.

    Returns
    -------
    ndarray, shape (side, side)
        A view of the picture, of its kind.
    """
    height, width = image.shape
    side = min(side, height, width)
    row, column = (height - side) // 2, max((width - side) // 2 - left, 0)
    return image[row : row + side, column : column + side]


def change(before: FloatArray, after: FloatArray) -> float:
    """Say how far two feature maps are apart, as a share of the stronger one.

    Parameters
    ----------
    before, after : ndarray of float32, of one shape

    Returns
    -------
    float
        Root-mean-square of the difference over that of the stronger map: 0 if they are
        equal, at most 2.

    Examples
    --------
    >>> change(np.array([3.0, 4.0]), np.array([0.0, 0.0]))
    1.0
    """
    strongest = max(float(np.linalg.norm(before)), float(np.linalg.norm(after)))
    return float(np.linalg.norm(after - before)) / strongest if strongest else 0.0


def frame_and_inside(feature_map: FloatArray, width: int) -> tuple[float, float]:
    """Return the mean of a map's outermost pixels, and that of the others.

    Parameters
    ----------
    feature_map : ndarray of float32, shape (rows, columns)
    width : int
        Pixels of the frame on each side; at least 1.

    Returns
    -------
    frame, inside : float

    Raises
    ------
    SettingError
        If the frame leaves nothing inside.

    Examples
    --------
    >>> frame_and_inside(np.pad(np.ones((2, 2)), 1), 1)
    (0.0, 1.0)
    """
    rows, columns = feature_map.shape
    if not 1 <= width < min(rows, columns) / 2:
        raise SettingError(
            N_(
                "A frame of {width} pixels leaves nothing inside a map of {rows} × {columns}. "
                "Choose a smaller kernel or a larger picture."
            ),
            width=width,
            rows=rows,
            columns=columns,
        )
    inside = feature_map[width:-width, width:-width]
    # In float64, so that a map of equal values has exactly that mean in both parts.
    total, within = (float(part.sum(dtype=np.float64)) for part in (feature_map, inside))
    return (total - within) / (feature_map.size - inside.size), within / inside.size


def zone_plate(side: int) -> FloatArray:
    """Draw rings that grow ever finer outwards, up to one that no pixel grid holds finer.

    Parameters
    ----------
    side : int
        In pixels.

    Returns
    -------
    ndarray of float32, shape (side, side)
        From 0 to 1. At the distance r from the middle a ring is side / r pixels wide: 2,
        the least, in the middle of an edge.
    """
    away = (np.arange(side) - side // 2) ** 2
    phase = np.pi * np.add.outer(away, away) / side
    return (0.5 + 0.5 * np.cos(phase)).astype(np.float32)


def spot(side: int) -> FloatArray:
    """Return one bright pixel of 9, a little off the middle, on 0: float32, (side, side)."""
    picture = np.zeros((side, side), np.float32)
    picture[side // 2 - 1, side // 2] = 9
    return picture


def checkers(side: int) -> FloatArray:
    """Return a checkerboard of 0 and 9 with fields of one pixel: float32, (side, side)."""
    parity = np.indices((side, side)).sum(axis=0) % 2
    return np.asarray(9 * parity, np.float32)


def slope(side: int) -> FloatArray:
    """Return a line of 9 that falls to the right on 1: float32, (side, side)."""
    picture = np.ones((side, side), np.float32)
    np.fill_diagonal(picture, 9)
    return picture


def dice(side: int) -> FloatArray:
    """Return whole numbers from 0 to 9 at random, always the same: float32, (side, side)."""
    numbers = np.random.default_rng(1).integers(0, 10, (side, side))
    return np.asarray(numbers, np.float32)


PATTERNS: Mapping[str, Pattern] = MappingProxyType(
    {
        "dice": Pattern(N_("Random numbers"), dice),
        "spot": Pattern(N_("One bright pixel"), spot),
        "slope": Pattern(N_("A thin line"), slope),
        "checkers": Pattern(N_("A checkerboard"), checkers),
    }
)
"""Small tables of numbers for the pooling experiment; the first is what it opens on."""


@dataclass(frozen=True)
class _Step:
    """A layer along one axis: its window and stride, its padding before, its values."""

    window: int
    stride: int
    before: int
    size: int


def _steps(layers: Sequence[Layer], n: int) -> list[_Step]:
    steps: list[_Step] = []
    for layer in layers:
        if isinstance(layer, Flatten | Dense | GlobalAveragePooling):
            break
        if not isinstance(layer, Convolution | Pooling):
            steps.append(_Step(1, 1, 0, n))  # value by value
            continue
        padding = layer.padding if isinstance(layer, Convolution) else "valid"
        stride = layer.size if layer.stride is None else layer.stride
        before, _ = padding_amounts(n, layer.size, stride=stride, padding=padding)
        n = output_size(n, layer.size, stride=stride, padding=padding)
        steps.append(_Step(layer.size, stride, before, n))
    return steps


def _middle(n: int) -> IntArray:
    """Return 1 at the middle of n values, at the later one of two, and 0 elsewhere."""
    ways = np.zeros(n, np.int64)
    ways[n // 2] = 1
    return ways


def _overlap(n: int, by: int) -> tuple[slice, slice]:
    """Return where a shifted axis of n pixels is filled, and from where."""
    kept = max(n - abs(by), 0)
    into, out_of = max(by, 0), max(-by, 0)
    return slice(into, into + kept), slice(out_of, out_of + kept)


def _commutation(
    moved: FloatArray, moved_first: FloatArray, filtered_first: FloatArray, compared: AnyArray
) -> Commutation:
    return Commutation(
        moved=moved,
        moved_first=moved_first,
        filtered_first=filtered_first,
        difference=np.where(compared, moved_first - filtered_first, np.float32(0)),
        compared=compared,
    )
