"""Whether a network looks at the thing, or at what goes with it: a corner, the edge, the light.

The same place is covered in all held-out pictures at once. What is left of the accuracy says
how much the classes are told apart there, and nowhere else.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from cvcore.arrays import BoolArray, ByteArray, FloatArray, IntArray

SMALLEST = 6  # pixels a side of what is covered
_ALONG = 6  # places along a side
_HALF = 0.5  # of what the network knows beyond chance: losing it at one place is a shortcut
_DOUBT = 0.01


@dataclass(frozen=True, eq=False, kw_only=True)
class Shortcuts:
    """Where a network's held-out pictures are told apart.

    Parameters
    ----------
    accuracy, chance : float
        With whole pictures; of whoever always says the most frequent class.
    pictures : int
        Held-out pictures that were asked for.
    tops, lefts : ndarray of int64
        Where the covered squares begin, in pixels.
    side : int
        Of a square, in pixels.
    without : ndarray of float32, shape (tops, lefts)
        Accuracy with each square covered.
    worst : (int, int)
        The place in `without` where it falls lowest.
    accused : bool
        Whether without this square at least half of what it knows beyond chance is lost, by
        more than chance would explain.
    edge_alone, without_edge : float
        Accuracy with the edge alone (a sixth on each side), and with all but the edge.
    same_light : float
        Accuracy with the mean and deviation of each picture made the same.
    light_accused : bool
        Whether the same is lost with that.
    """

    accuracy: float
    chance: float
    pictures: int
    tops: IntArray
    lefts: IntArray
    side: int
    without: FloatArray
    worst: tuple[int, int]
    accused: bool
    edge_alone: float
    without_edge: float
    same_light: float
    light_accused: bool

    @property
    def where(self) -> tuple[int, int, int, int]:
        """The square that matters most: top, left, height, width, in pixels."""
        row, column = self.worst
        return int(self.tops[row]), int(self.lefts[column]), self.side, self.side


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
    starts = np.unique(np.append(np.arange(0, size - side, step), size - side))
    right = name(images) == labels
    accuracy = float(right.mean())
    chance = float(np.bincount(labels).max() / len(labels))
    still = np.zeros((len(starts), len(starts), len(labels)), bool)
    squares = enumerate(_squares(images.shape, starts, side), start=1)
    for done, (row, column, covered) in squares:
        still[row, column] = name(cover(images, covered)) == labels
        tell(done / (starts.size**2 + 3))
    without = still.mean(axis=2, dtype=np.float32)
    worst = np.unravel_index(int(without.argmin()), without.shape)
    edge = np.ones((size, size), bool)
    inner = slice(size // _ALONG, size - size // _ALONG)
    edge[inner, inner] = False
    light = name(in_one_light(images)) == labels
    return Shortcuts(
        accuracy=accuracy,
        chance=chance,
        pictures=len(labels),
        tops=starts,
        lefts=starts,
        side=int(side),
        without=without,
        worst=(int(worst[0]), int(worst[1])),
        accused=_is_lost(right, still[worst], chance, tries=starts.size**2),
        edge_alone=float((name(cover(images, ~edge)) == labels).mean()),
        without_edge=float((name(cover(images, edge)) == labels).mean()),
        same_light=float(light.mean()),
        light_accused=_is_lost(right, light, chance, tries=1),
    )


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


def _squares(
    shape: tuple[int, ...], starts: IntArray, side: int
) -> Iterator[tuple[int, int, BoolArray]]:
    for row, top in enumerate(starts.tolist()):
        for column, left in enumerate(starts.tolist()):
            covered = np.zeros(shape[1:3], bool)
            covered[top : top + side, left : left + side] = True
            yield row, column, covered


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
