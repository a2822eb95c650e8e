"""The kernels of the lectures, each with its source, and what can be done to any kernel.

Weights are meant for correlation, as in `cvcore.convolution.convolve`: what
stands at the right of a kernel weighs the pixel at the right.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from cvcore.arrays import AnyArray, FloatArray
from cvcore.errors import N_, SettingError


@dataclass(frozen=True, eq=False, kw_only=True)
class Kernel:
    """A kernel that a page offers by name.

    ``np.asarray(kernel)`` gives its default weights; calling it gives weights
    made for the parameters that are named.

    Parameters
    ----------
    label : str
        The name to show, for the translators.
    source : str
        Where the weights come from.
    make : callable
        Returns weights of float32, shape (rows, columns), from the parameters.
    parameters : mapping, optional
        The name of each parameter and its default; empty if the weights are fixed.

    Examples
    --------
    >>> KERNELS["gaussian"](size=3, sigma=1.0).shape
    (3, 3)
    """

    label: str
    source: str
    make: Callable[..., FloatArray]
    parameters: Mapping[str, int | float] = field(default_factory=dict)

    @property
    def weights(self) -> FloatArray:
        """The weights for the default parameters: float32, shape (rows, columns)."""
        return self.make(**self.parameters)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> AnyArray:
        return np.array(self.weights, dtype)

    def __call__(self, **parameters: int | float) -> FloatArray:
        """Return the weights, float32 of shape (rows, columns), for these parameters.

        Raises
        ------
        SettingError
            If a parameter is unknown to this kernel or out of its range.
        """
        for name in parameters:
            if name not in self.parameters:
                raise SettingError(
                    N_("This kernel has no setting called '{name}'; it has: {known}."),
                    name=name,
                    known=", ".join(self.parameters) or "-",
                )
        return self.make(**{**self.parameters, **parameters})


def identity() -> FloatArray:
    """Return the kernel that changes nothing: float32, shape (3, 3)."""
    return _table([0, 0, 0], [0, 1, 0], [0, 0, 0])


def box(size: int = 3) -> FloatArray:
    """Return the kernel that takes the mean of a square.

    Parameters
    ----------
    size : int, optional
        Pixels along each side; at least 1.

    Returns
    -------
    ndarray of float32, shape (size, size)
        Weights ``1 / size**2``.

    Raises
    ------
    SettingError
        If the size is not a whole number from 1 up.
    """
    _check_size(size)
    return np.full((size, size), 1 / size**2, np.float32)


def gaussian(size: int = 5, sigma: float = 1.0) -> FloatArray:
    r"""Return a bell of weights: near pixels count more than far ones.

    Parameters
    ----------
    size : int, optional
        Pixels along each side; at least 1. The bell is cut off there.
    sigma : float, optional
        Standard deviation of the bell in pixels; above 0.

    Returns
    -------
    ndarray of float32, shape (size, size)
        Proportional to ``exp(-(x**2 + y**2) / (2 sigma**2))`` about the centre; the sum is 1.

    Raises
    ------
    SettingError
        If the size is not a whole number from 1 up, or sigma not a number above 0.

    References
    ----------
    .. [1] R. C. Gonzalez, R. E. Woods, "Digital Image Processing", 4th ed.,
       Pearson, 2018, section 3.5.
    """
    _check_size(size)
    if not (math.isfinite(sigma) and sigma > 0):
        raise SettingError(
            N_("The bell's width sigma must be a number above 0; it was {sigma}."), sigma=sigma
        )
    distance = np.arange(size) - (size - 1) / 2
    # The nearest pixels are given weight 1 before the sum is: a narrow bell of even size would
    # be all zeros otherwise.
    beyond = distance**2 - np.min(distance**2)
    with np.errstate(over="ignore"):  # exp(-inf) is the 0 that the narrowest bells need
        bell = np.exp(-beyond / sigma / sigma / 2)
    bell /= bell.sum()
    return np.outer(bell, bell).astype(np.float32)


def motion_blur(size: int = 9) -> FloatArray:
    """Return the kernel of a camera that moved sideways while the shutter was open.

    Parameters
    ----------
    size : int, optional
        Pixels that it moved; at least 1.

    Returns
    -------
    ndarray of float32, shape (size, size)
        ``1 / size`` along the middle row, 0 elsewhere.

    Raises
    ------
    SettingError
        If the size is not a whole number from 1 up.
    """
    _check_size(size)
    weights = np.zeros((size, size), np.float32)
    weights[(size - 1) // 2] = 1 / size
    return weights


def random_normal(size: int = 3, seed: int = 0) -> FloatArray:
    """Return weights drawn from a normal distribution, as before any learning.

    Parameters
    ----------
    size : int, optional
        Pixels along each side; at least 1.
    seed : int, optional
        From 0 up; the same seed draws the same weights.

    Returns
    -------
    ndarray of float32, shape (size, size)
        Mean 0, standard deviation 1.

    Raises
    ------
    SettingError
        If the size is not a whole number from 1 up, or the seed not one from 0 up.
    """
    _check_size(size)
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise SettingError(
            N_("The seed must be a whole number from 0 up; it was {seed}."), seed=seed
        )
    return np.random.default_rng(seed).standard_normal((size, size), np.float32)


def normalise(kernel: npt.ArrayLike) -> FloatArray:
    """Divide a kernel so that it keeps the brightness of a picture.

    Parameters
    ----------
    kernel : array_like, shape (rows, columns)

    Returns
    -------
    ndarray of float32, shape (rows, columns)
        The weights sum to 1; where they sum to 0 (up to rounding), as those of
        an edge detector, their absolute values sum to 1 instead.

    Raises
    ------
    SettingError
        If every weight is 0.

    Examples
    --------
    >>> normalise([[1, 2, 1]])
    array([[0.25, 0.5 , 0.25]], dtype=float32)
    >>> normalise([[-1, 0, 1]])
    array([[-0.5,  0. ,  0.5]], dtype=float32)
    """
    weights = np.asarray(kernel, np.float64)  # three weights of 1e38 have a sum, too
    total, size = weights.sum(), np.abs(weights).sum()
    if size == 0:
        raise SettingError(
            N_("Every weight of this kernel is 0, so it has no sum to divide by; change one first.")
        )
    divisor = size if abs(total) < 1e-6 * size else total
    return np.asarray(weights / divisor, np.float32)


def flip(kernel: npt.ArrayLike) -> FloatArray:
    """Turn a kernel by 180 degrees, which makes signal processing's convolution of `convolve`.

    Parameters
    ----------
    kernel : array_like, shape (rows, columns)

    Returns
    -------
    ndarray of float32, shape (rows, columns)

    Examples
    --------
    >>> flip([[1, 2], [3, 4]])
    array([[4., 3.],
           [2., 1.]], dtype=float32)
    """
    return np.ascontiguousarray(np.asarray(kernel, np.float32)[::-1, ::-1])


def resize(kernel: npt.ArrayLike, rows: int, columns: int) -> FloatArray:
    """Add rows and columns of zeros about a kernel, or take outer ones away.

    Parameters
    ----------
    kernel : array_like, shape (old_rows, old_columns)
    rows, columns : int
        The new size; at least 1.

    Returns
    -------
    ndarray of float32, shape (rows, columns)
        The middle cell stays the middle cell where there is one.

    Raises
    ------
    SettingError
        If a size is not a whole number from 1 up.

    Examples
    --------
    >>> resize([[1, 2, 3]], 3, 1)
    array([[0.],
           [2.],
           [0.]], dtype=float32)
    """
    _check_size(rows)
    _check_size(columns)
    weights = np.asarray(kernel, np.float32)
    resized = np.zeros((rows, columns), np.float32)
    # Where in each array the part that both have begins.
    cuts = [
        (max((old - new) // 2, 0), max((new - old) // 2, 0), min(old, new))
        for old, new in zip(weights.shape, resized.shape, strict=True)
    ]
    (top, into_top, height), (left, into_left, width) = cuts
    resized[into_top : into_top + height, into_left : into_left + width] = weights[
        top : top + height, left : left + width
    ]
    return resized


def parse_weight(text: str, *, row: int, column: int) -> float:
    """Read one cell of a kernel as a visitor wrote it.

    Parameters
    ----------
    text : str
        A number or a fraction: ``-1``, ``0.5``, ``1/9``; also with the sign −.
    row, column : int
        Where it stands, counted from 0; for the error alone.

    Returns
    -------
    float
        Finite, and within what float32 holds.

    Raises
    ------
    SettingError
        If the text is not such a number.

    Examples
    --------
    >>> parse_weight("1/4", row=0, column=0)
    0.25
    """
    above, slash, below = text.replace("−", "-").partition("/")
    try:
        weight = float(above) / float(below) if slash else float(above)
    except (ValueError, ZeroDivisionError):
        weight = math.nan
    if not abs(weight) <= float(np.finfo(np.float32).max):
        raise SettingError(
            N_(
                "'{text}' in row {row}, column {column} is not a number that a kernel can hold; "
                "write one such as -1, 0.5 or 1/9."
            ),
            text=text[:20],
            row=row + 1,
            column=column + 1,
        )
    return weight


def to_text(kernel: npt.ArrayLike) -> str:
    """Write a kernel as one line: commas between cells, semicolons between rows.

    Parameters
    ----------
    kernel : array_like, shape (rows, columns)

    Returns
    -------
    str
        The fewest digits from which `from_text` makes the same float32 weights.

    Examples
    --------
    >>> to_text([[1, 0.5], [0, -1]])
    '1,0.5;0,-1'
    """
    return ";".join(
        ",".join(str(cell).removesuffix(".0") for cell in row)
        for row in np.asarray(kernel, np.float32)
    )


def from_text(text: str, *, largest: int = 15) -> FloatArray:
    """Read a kernel that `to_text` wrote.

    Parameters
    ----------
    text : str
        Cells as for `parse_weight`, commas between them, semicolons between rows.
    largest : int, optional
        The most rows, and the most columns, that are accepted.

    Returns
    -------
    ndarray of float32, shape (rows, columns)

    Raises
    ------
    SettingError
        If a cell is not a number, the rows differ in length, or there are too many.

    Examples
    --------
    >>> from_text("1,0.5;0,-1")
    array([[ 1. ,  0.5],
           [ 0. , -1. ]], dtype=float32)
    """
    table = [row.split(",", largest) for row in text.split(";", largest)]
    if len(table) > largest or len(table[0]) > largest or len({len(row) for row in table}) > 1:
        raise SettingError(
            N_(
                "A kernel has rows of one length, at most {largest} rows and {largest} columns; "
                "this text has other ones."
            ),
            largest=largest,
        )
    return np.array(
        [
            [parse_weight(cell, row=row, column=column) for column, cell in enumerate(cells)]
            for row, cells in enumerate(table)
        ],
        np.float32,
    )


def _check_size(size: Any) -> None:
    if not isinstance(size, int | np.integer) or size < 1:
        raise SettingError(
            N_("A kernel's size must be a whole number of at least 1 pixel; it was {size}."),
            size=size,
        )


def _table(*rows: list[float]) -> FloatArray:
    return np.array(rows, np.float32)


def _fixed(label: str, source: str, weights: FloatArray) -> Kernel:
    return Kernel(label=label, source=source, make=weights.copy)


_GONZALEZ = "R. C. Gonzalez, R. E. Woods, Digital Image Processing, 4th ed., 2018"
# A slope along one axis is smoothed along the other; the smoothing is all that the three differ in.
_SLOPE = _table([-1, 0, 1])
_PREWITT = _SLOPE * _table([1], [1], [1])
_SOBEL = _SLOPE * _table([1], [2], [1])
_SCHARR = _SLOPE * _table([3], [10], [3])
_LAPLACIAN = _table([0, 1, 0], [1, -4, 1], [0, 1, 0])

_PREWITT_SOURCE = "J. M. S. Prewitt, Object Enhancement and Extraction, 1970"
_SOBEL_SOURCE = "I. Sobel, G. Feldman, A 3 × 3 Isotropic Gradient Operator, Stanford, 1968"
_SCHARR_SOURCE = "H. Scharr, Optimale Operatoren in der Digitalen Bildverarbeitung, 2000"

KERNELS: Mapping[str, Kernel] = MappingProxyType(
    {
        "identity": _fixed(N_("Identity"), f"{_GONZALEZ}, section 3.4", identity()),
        "box": Kernel(
            label=N_("Box blur"),
            source=f"{_GONZALEZ}, section 3.5",
            make=box,
            parameters=MappingProxyType({"size": 3}),
        ),
        "gaussian": Kernel(
            label=N_("Gaussian blur"),
            source=f"{_GONZALEZ}, section 3.5",
            make=gaussian,
            parameters=MappingProxyType({"size": 5, "sigma": 1.0}),
        ),
        # The lecture shows two: its slide weighs the corners, its derivation and its lab the sides.
        "laplacian": _fixed(
            N_("Laplacian (the lecture's derivation and lab)"),
            f"{_GONZALEZ}, section 3.6, equation 3-53",
            _LAPLACIAN,
        ),
        "laplacian_diagonal": _fixed(
            N_("Laplacian, diagonal (the lecture's slide)"),
            "Lecture slides",
            _table([1, 0, 1], [0, -4, 0], [1, 0, 1]),
        ),
        "laplacian_8": _fixed(
            N_("Laplacian, 8 neighbours"),
            f"{_GONZALEZ}, section 3.6",
            _table([1, 1, 1], [1, -8, 1], [1, 1, 1]),
        ),
        "sobel_x": _fixed(N_("Sobel x"), _SOBEL_SOURCE, _SOBEL),
        "sobel_y": _fixed(N_("Sobel y"), _SOBEL_SOURCE, _SOBEL.T),
        "prewitt_x": _fixed(N_("Prewitt x"), _PREWITT_SOURCE, _PREWITT),
        "prewitt_y": _fixed(N_("Prewitt y"), _PREWITT_SOURCE, _PREWITT.T),
        "scharr_x": _fixed(N_("Scharr x"), _SCHARR_SOURCE, _SCHARR),
        "scharr_y": _fixed(N_("Scharr y"), _SCHARR_SOURCE, _SCHARR.T),
        # What the Laplacian finds, taken away: edges become steeper.
        "sharpen": _fixed(N_("Sharpen"), f"{_GONZALEZ}, section 3.6", identity() - _LAPLACIAN),
        "emboss": _fixed(
            N_("Emboss"),
            "GIMP User Manual, Convolution Matrix",
            _table([-2, -1, 0], [-1, 1, 1], [0, 1, 2]),
        ),
        "motion_blur": Kernel(
            label=N_("Motion blur"),
            source=f"{_GONZALEZ}, section 5.6",
            make=motion_blur,
            parameters=MappingProxyType({"size": 9}),
        ),
        "random_normal": Kernel(
            label=N_("Random"),
            source="numpy.random.Generator.standard_normal",
            make=random_normal,
            parameters=MappingProxyType({"size": 3, "seed": 0}),
        ),
    }
)
