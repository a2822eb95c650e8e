"""Whether a network looks at the thing, or at what goes with it: a corner, the edge, the light.

The same place is covered in all held-out pictures at once. What is left of the accuracy says
how much the classes are told apart there, and nowhere else.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from scipy.stats import binomtest

from cvcore.arrays import BoolArray, ByteArray, FloatArray, IntArray

SMALLEST = 6  # pixels a side of what is covered
_ALONG = 6  # small squares along a side
_THIRD = 3  # large ones: a corner that was enlarged with its picture is larger than a small one
_HALF = 0.5  # of what the network knows beyond chance: losing it at one place is a shortcut
_DOUBT = 0.01


@dataclass(frozen=True, eq=False, kw_only=True)
class Squares:
    """What is left where squares of one size are covered.

    Parameters
    ----------
    starts : ndarray of int64, shape (k,)
        Where they begin along either side, in pixels.
    side : int
        In pixels.
    without : ndarray of float32, shape (k, k)
        Accuracy without each; nan where none was tried.
    accused : bool
        Whether at least half of what the network knows beyond chance is lost without the worst
        one, by more than chance would explain.
    """

    starts: IntArray
    side: int
    without: FloatArray
    accused: bool

    @property
    def worst(self) -> tuple[int, int]:
        """The place in `without` where it falls lowest."""
        row, column = np.unravel_index(int(np.nanargmin(self.without)), self.without.shape)
        return int(row), int(column)

    @property
    def where(self) -> tuple[int, int, int, int]:
        """The worst square: top, left, height and width, in pixels."""
        row, column = self.worst
        return int(self.starts[row]), int(self.starts[column]), self.side, self.side

    @property
    def left(self) -> float:
        """The accuracy without the worst square."""
        return float(self.without[self.worst])


@dataclass(frozen=True, eq=False, kw_only=True)
class Shortcuts:
    """Where a network's held-out pictures are told apart.

    Parameters
    ----------
    accuracy, chance : float
        With whole pictures; of whoever always says the most frequent class.
    pictures : int
        Held-out pictures that were asked for.
    small : Squares
        All over the picture.
    large : Squares or None
        Along its border, where the thing is not; None where small ones are as large.
    edge_alone, without_edge : float
        Accuracy with the edge alone (a sixth on each side), and with all but the edge.
    same_light : float
        Accuracy with the mean and deviation of each picture made the same.
    light_accused : bool
        Whether the same as with a square is lost with that.
    """

    accuracy: float
    chance: float
    pictures: int
    small: Squares
    large: Squares | None
    edge_alone: float
    without_edge: float
    same_light: float
    light_accused: bool

    @property
    def accused(self) -> Squares | None:
        """The squares of which one is a shortcut, the small ones first; None if none is."""
        return next((it for it in (self.small, self.large) if it is not None and it.accused), None)

    @property
    def suspected(self) -> Squares | None:
        """Squares whose worst one costs as much, of too few pictures to be sure."""
        lost = _HALF * (self.accuracy - self.chance)
        both = (it for it in (self.small, self.large) if it is not None)
        return next((it for it in both if 0 < lost <= self.accuracy - it.left), None)


def find(
    images: ByteArray,
    labels: IntArray,
    name: Callable[[ByteArray], IntArray],
    tell: Callable[[float], object] = lambda _: None,
) -> Shortcuts:
    """Cover place after place in all pictures, and look what is left of the accuracy.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, size, size, channels)
        Held-out pictures.
    labels : ndarray of int64, shape (n,)
    name : callable
        Takes such pictures and returns the class of each: int64, (n,).
    tell : callable, optional
        Hears how much is done, from 0 to 1.

    Returns
    -------
    Shortcuts
        A square is covered by its own mean over all pictures, which cannot tell them apart.
    """
    size = images.shape[1]
    side = min(max(SMALLEST, -(-size // _ALONG)), size)
    step = side if size > 64 else max(side // 2, 1)
    places = [(side, it) for it in _all_over(size, side, step)]
    wide = size // _THIRD
    if wide > side:
        places += [(wide, it) for it in _all_over(size, wide, wide) if _is_border(it, size, wide)]
    right = name(images) == labels
    chance = float(np.bincount(labels).max() / len(labels))
    still = {}
    for done, (width, (top, left)) in enumerate(places, start=1):
        covered = np.zeros((size, size), bool)
        covered[top : top + width, left : left + width] = True
        still[width, top, left] = name(cover(images, covered)) == labels
        tell(done / (len(places) + 3))
    edge = np.ones((size, size), bool)
    inner = slice(size // _ALONG, size - size // _ALONG)
    edge[inner, inner] = False
    light = name(in_one_light(images)) == labels

    def squares(width: int) -> Squares:
        starts = np.unique([top for other, top, _ in still if other == width])
        without = np.full((len(starts), len(starts)), np.nan, np.float32)
        for (other, top, left), answers in still.items():
            if other == width:
                without[np.searchsorted(starts, top), np.searchsorted(starts, left)] = (
                    answers.mean()
                )
        found = Squares(starts=starts, side=width, without=without, accused=False)
        answers = still[width, *found.where[:2]]
        lost = _is_lost(right, answers, chance, tries=len(places))
        return replace(found, accused=lost)

    return Shortcuts(
        accuracy=float(right.mean()),
        chance=chance,
        pictures=len(labels),
        small=squares(side),
        large=squares(wide) if wide > side else None,
        edge_alone=float((name(cover(images, ~edge)) == labels).mean()),
        without_edge=float((name(cover(images, edge)) == labels).mean()),
        same_light=float(light.mean()),
        light_accused=_is_lost(right, light, chance, tries=1),
    )


def spread(squares: Squares, accuracy: float, size: int) -> FloatArray:
    """Lay what is lost without each square out over the picture.

    Parameters
    ----------
    squares : Squares
    accuracy : float
        With whole pictures.
    size : int
        Of the pictures, in pixels.

    Returns
    -------
    ndarray of float32, shape (size, size)
        At each pixel the mean, over the squares that cover it, of the accuracy that is lost
        without them, from 0 to 1; where it rises instead, 0.
    """
    total, count = np.zeros((size, size)), np.zeros((size, size))
    for row, top in enumerate(squares.starts.tolist()):
        for column, left in enumerate(squares.starts.tolist()):
            if np.isnan(squares.without[row, column]):
                continue
            there = np.s_[top : top + squares.side, left : left + squares.side]
            total[there] += max(accuracy - float(squares.without[row, column]), 0.0)
            count[there] += 1
    laid: FloatArray = (total / np.maximum(count, 1)).astype(np.float32)
    return laid


def cover(images: ByteArray, where: BoolArray) -> ByteArray:
    """Put the mean over all pictures and all of these places there, the same in each.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, height, width, channels)
    where : ndarray of bool, shape (height, width)
    """
    covered = images.copy()
    covered[:, where] = images[:, where].mean(axis=(0, 1)).round().astype(np.uint8)
    return covered


def in_one_light(images: ByteArray) -> ByteArray:
    """Give each channel of each picture the mean and deviation that all have on average."""
    values = images.astype(np.float32)
    means = values.mean(axis=(1, 2), keepdims=True)
    deviations = np.maximum(values.std(axis=(1, 2), keepdims=True), 1.0)
    changed = (values - means) / deviations * deviations.mean(axis=0) + means.mean(axis=0)
    lit: ByteArray = np.clip(changed, 0, 255).round().astype(np.uint8)
    return lit


def _all_over(size: int, side: int, step: int) -> list[tuple[int, int]]:
    starts = np.unique(np.append(np.arange(0, size - side, step), size - side)).tolist()
    return list(product(starts, starts))


def _is_border(start: tuple[int, int], size: int, side: int) -> bool:
    return any(it in (0, size - side) for it in start)


def _is_lost(before: BoolArray, after: BoolArray, chance: float, *, tries: int) -> bool:
    """Say whether half of what is known beyond chance is lost, and not by accident.

    McNemar's exact test of the pictures whose answer turned, by Bonferroni for all places
    that were tried.
    """
    known = before.mean() - chance
    lost, won = int((before & ~after).sum()), int((~before & after).sum())
    if known <= 0 or not lost or before.mean() - after.mean() < _HALF * known:
        return False
    doubt = binomtest(lost, lost + won, alternative="greater").pvalue
    return bool(doubt * tries < _DOUBT)
