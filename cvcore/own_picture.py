"""A visitor's photo made into what a network has seen: each step, to look at and to overrule."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

import cv2
import numpy as np

from cvcore.arrays import ByteArray
from cvcore.datasets import DATASETS
from cvcore.errors import N_
from cvcore.images import to_colour, to_grey

Invert: TypeAlias = Literal["auto", "yes", "no"]

ON_BLACK: Mapping[str, tuple[float, Literal["mass", "box"]]] = MappingProxyType(
    {
        "fashion_mnist": (1.0, "box"),
        "mnist": (20 / 28, "mass"),
        "binarized_mnist": (20 / 28, "mass"),
        "kmnist": (1.0, "box"),
        "digits": (1.0, "box"),
    }
)
"""Data sets of one bright thing on black.

How much of the side its longer side fills, and what is put into the middle: its
centre of mass (as MNIST's authors did) or its box.
"""

# Of the largest piece's area: smaller pieces are dust, larger ones strokes of their own.
_PIECE = 0.05


@dataclass(frozen=True, eq=False)
class Step:
    """A picture on its way.

    Parameters
    ----------
    name : str
        Which step: 'grey', 'invert', 'clear', 'crop' or 'scale'.
    label : str
        What it did, in English: a sentence to translate.
    image : ndarray of uint8, shape (height, width, channels)
        What came of it.
    """

    name: str
    label: str
    image: ByteArray


def prepare(
    image: ByteArray, dataset: str, *, invert: Invert = "auto", crop: bool = True
) -> tuple[Step, ...]:
    """Bring a photo into the form of a data set's pictures.

    For a data set of bright things on black, a photo becomes grey; is inverted
    where its border is bright; its border's brightness becomes black and its
    brightest part white; it is cropped to the thing, which Otsu's threshold finds;
    and the thing is scaled and put into the middle. For others the middle square
    is scaled.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 1 to 4)
    dataset : str
        A name in `DATASETS`.
    invert : {'auto', 'yes', 'no'}, optional
    crop : bool, optional
        Whether to crop to the thing; else the middle square is taken.

    Returns
    -------
    tuple of Step
        The last one's picture has the data set's shape.

    References
    ----------
    .. [1] N. Otsu, "A threshold selection method from gray-level histograms", IEEE
       Trans. SMC 9(1), 1979.
    .. [2] Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", 1998.
    """
    height, _, channels = DATASETS[dataset].shape
    steps = []
    now = to_grey(image) if channels == 1 else to_colour(image)
    if channels == 1:
        steps.append(Step("grey", N_("Grey"), now))
    if dataset not in ON_BLACK:
        return (*steps, *_square(now, height))
    grey = now[..., 0]
    if invert == "yes" or (invert == "auto" and np.median(_border(grey)) > 127):
        grey = 255 - grey
        steps.append(Step("invert", N_("Inverted"), grey[..., None]))
    grey = _clear(grey)
    steps.append(Step("clear", N_("Background cleared"), grey[..., None]))
    if not crop:
        return (*steps, *_square(grey[..., None], height))
    top, left, rows, columns = find_thing(grey)
    grey = grey[top : top + rows, left : left + columns]
    steps.append(Step("crop", N_("Cropped"), grey[..., None]))
    share, centre = ON_BLACK[dataset]
    placed = place(grey, height, share=share, centre=centre)
    return (*steps, Step("scale", N_("Scaled and centred"), placed[..., None]))


def _border(grey: ByteArray) -> ByteArray:
    border: ByteArray = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    return border


def _clear(grey: ByteArray) -> ByteArray:
    """Make the border's brightness, and what is darker, 0; and the brightest part 255."""
    # Paper has grain and shade: most of the border must be black afterwards, not half of it.
    dark, bright = float(np.percentile(_border(grey), 95)), float(np.percentile(grey, 99.5))
    bright = max(bright, float(grey.max()) if bright <= dark else bright)
    if bright <= dark:  # nothing stands out
        return np.zeros_like(grey)
    stretched = (grey.astype(np.float32) - dark) * (255 / (bright - dark))
    cleared: ByteArray = np.clip(np.rint(stretched), 0, 255).astype(np.uint8)
    return cleared


def _square(image: ByteArray, side: int) -> tuple[Step, Step]:
    rows, columns = image.shape[:2]
    n = min(rows, columns)
    top, left = (rows - n) // 2, (columns - n) // 2
    middle = image[top : top + n, left : left + n]
    return (
        Step("crop", N_("The middle square"), middle),
        Step("scale", N_("Scaled"), _resize(middle, side, side)),
    )


def find_thing(grey: ByteArray) -> tuple[int, int, int, int]:
    """Find what stands out from black: a box around its pieces.

    Parameters
    ----------
    grey : ndarray of uint8, shape (height, width)

    Returns
    -------
    top, left, height, width : int
        The whole picture where nothing stands out.

    Examples
    --------
    >>> picture = np.zeros((6, 8), np.uint8)
    >>> picture[1:4, 2:7] = 200
    >>> find_thing(picture)
    (1, 2, 3, 5)
    """
    _, mask = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    _, _, pieces, _ = cv2.connectedComponentsWithStats(mask)
    pieces = pieces[1:]  # the first is what lies between them
    if not len(pieces) or not mask.any():
        return 0, 0, *grey.shape
    area = pieces[:, cv2.CC_STAT_AREA]
    large = pieces[area >= _PIECE * area.max()]
    left, top = large[:, cv2.CC_STAT_LEFT], large[:, cv2.CC_STAT_TOP]
    right = (left + large[:, cv2.CC_STAT_WIDTH]).max()
    bottom = (top + large[:, cv2.CC_STAT_HEIGHT]).max()
    return (
        int(top.min()),
        int(left.min()),
        int(bottom - top.min()),
        int(right - left.min()),
    )


def place(grey: ByteArray, side: int, *, share: float, centre: Literal["mass", "box"]) -> ByteArray:
    """Scale a thing, whose sides keep their ratio, and put it into the middle of black.

    Parameters
    ----------
    grey : ndarray of uint8, shape (height, width)
    side : int
        Pixels a side of the answer.
    share : float
        How much of the side the thing's longer side fills.
    centre : {'mass', 'box'}
        What is put into the middle, as far as the thing stays inside.

    Returns
    -------
    ndarray of uint8, shape (side, side)
    """
    rows, columns = grey.shape
    longer = max(round(side * share), 1)
    height = max(round(longer * rows / max(rows, columns)), 1)
    width = max(round(longer * columns / max(rows, columns)), 1)
    small = _resize(grey[..., None], height, width)[..., 0]
    y, x = (height - 1) / 2, (width - 1) / 2
    if centre == "mass" and small.any():
        weights = small / small.sum()
        y = float(weights.sum(axis=1) @ np.arange(height))
        x = float(weights.sum(axis=0) @ np.arange(width))
    top = min(max(round((side - 1) / 2 - y), 0), side - height)
    left = min(max(round((side - 1) / 2 - x), 0), side - width)
    placed = np.zeros((side, side), np.uint8)
    placed[top : top + height, left : left + width] = small
    return placed


def _resize(image: ByteArray, height: int, width: int) -> ByteArray:
    smaller = height * width < image.shape[0] * image.shape[1]
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    scaled = cv2.resize(image, (width, height), interpolation=how)
    return scaled.reshape(height, width, image.shape[2]).astype(np.uint8)
