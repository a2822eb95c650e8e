"""Whether a heat map can be trusted, found out by experiment.

The functions with a store as first argument are jobs for a worker
(`cvcore.engine.client.Engine.ask`), where TensorFlow is imported.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import cv2
import numpy as np

from cvcore import heat_maps
from cvcore.arrays import AnyArray, BoolArray, ByteArray, FloatArray, IntArray
from cvcore.heat_maps import HeatMap, Method, Way
from cvcore.subjects import Fill, Picture, Subject, hide
from cvcore.waking import import_tensorflow

if TYPE_CHECKING:  # imported in workers alone
    from cvcore.opened import Opened

Measure: TypeAlias = Literal["probability", "score"]

STEPS = 50
"""Steps at most in which the pixels of a picture are hidden."""

RANDOM_ORDERS = 8
"""Random orders that a map's is compared with."""

_BATCH = 256  # pictures with something hidden that exist at a time


@dataclass(frozen=True, eq=False, kw_only=True)
class Falls:
    """What becomes of a class as a picture's pixels are hidden, one after the other.

    Parameters
    ----------
    share : ndarray of float32, shape (steps,)
        How many of the pixels are hidden: from 0 to 1.
    first, last : ndarray of float32, shape (steps,)
        The class's score where the map's most important pixels are hidden first: the deletion
        curve; and where they are hidden last: read from the right, the insertion curve.
    random : ndarray of float32, shape (orders, steps)
        Where they are hidden in random orders.
    """

    share: FloatArray
    first: FloatArray
    last: FloatArray
    random: FloatArray

    @property
    def deletion(self) -> float:
        """The area under the deletion curve: small where the map is right."""
        return area(self.share, self.first)

    @property
    def insertion(self) -> float:
        """The area under the insertion curve: large where the map is right."""
        return area(self.share, self.last)

    @property
    def by_chance(self) -> float:
        """The area under the mean of the random orders' curves."""
        return area(self.share, self.random.mean(axis=0))


@dataclass(frozen=True, eq=False, kw_only=True)
class Curves:
    """Deletion and insertion curves of a heat map.

    Parameters
    ----------
    heat : HeatMap
        The map that is tried.
    order : ndarray of int64, shape (pixels,)
        The picture's pixels, counted row by row, the most important first.
    probability, score : Falls
        Of the class after and before softmax.
    """

    heat: HeatMap
    order: IntArray
    probability: Falls
    score: Falls

    def falls(self, measure: Measure) -> Falls:
        """Return the curves of the probability or of the score."""
        return self.probability if measure == "probability" else self.score


@dataclass(frozen=True, eq=False, kw_only=True)
class Shuffled:
    """A heat map beside that of the same network with its weights shuffled.

    Parameters
    ----------
    learned, shuffled : HeatMap
    correlation : float
        Spearman's rank correlation of the two (Grad-CAM before ReLU); NaN where all values
        of one are equal.
    """

    learned: HeatMap
    shuffled: HeatMap
    correlation: float


# -- what a page knows without asking


def area(share: FloatArray, curve: FloatArray) -> float:
    """Return the area under a curve by the trapezoidal rule.

    Examples
    --------
    >>> area(np.array([0.0, 0.5, 1.0]), np.array([1.0, 0.0, 0.0]))
    0.25
    """
    return float(np.trapezoid(curve, share))


def most_important(order: IntArray, share: float, height: int, width: int) -> BoolArray:
    """Return a mask of the pixels that come first in an order.

    Parameters
    ----------
    order : ndarray of int64, shape (height * width,)
    share : float
        How many of them, from 0 to 1; rounded to whole pixels.
    height, width : int

    Returns
    -------
    ndarray of bool, shape (height, width)
    """
    mask = np.zeros(height * width, bool)
    mask[order[: round(share * len(order))]] = True
    return mask.reshape(height, width)


def ranked(heat: HeatMap, *, seed: int = 0) -> IntArray:
    """Return a picture's pixels, the most important first.

    Parameters
    ----------
    heat : HeatMap
    seed : int, optional
        Of the random order among pixels that the map cannot tell apart.

    Returns
    -------
    ndarray of int64, shape (height * width,)
        Places counted row by row. Pixels that are equal in the map stand in the order of
        their signed values: where ReLU has made all of them 0.
    """
    return _rank(heat.values, heat.signed, seed)


def ranked_cells(heat: HeatMap, cells: int) -> IntArray:
    """Return the cells of a picture cut into cells × cells, the most important first.

    Parameters
    ----------
    heat : HeatMap
    cells : int
        Of a side; a cell counts as much as its pixels on the average.

    Returns
    -------
    ndarray of int64, shape (cells * cells,)
        As `ranked` has the pixels.
    """
    values, signed = (
        cv2.resize(it, (cells, cells), interpolation=cv2.INTER_AREA)
        for it in (heat.values, heat.signed)
    )
    return _rank(np.asarray(values), np.asarray(signed), 0)


def _rank(values: FloatArray, signed: FloatArray, seed: int) -> IntArray:
    chance = np.random.default_rng(seed).permutation(values.size)
    return np.lexsort((chance, -signed.ravel(), -values.ravel()))


# -- questions to the worker


def curves(
    url: str, subject: Subject, picture: Picture, label: int, way: Way, fill: Fill
) -> Curves:
    """Hide a picture's pixels in the order of a map, in the opposite one, and at random.

    Parameters
    ----------
    url : str
    subject : Subject
    picture : Picture
    label : int
        The class whose score is watched, from 0.
    way : Way
        How the map is made.
    fill : {'mean', 'black', 'blur'}
        What stands where a pixel is hidden.

    Raises
    ------
    EngineError, SettingError
        As `cvcore.heat_maps.heat_map`.

    References
    ----------
    .. [1] V. Petsiuk, A. Das, K. Saenko, "RISE: Randomized Input Sampling for Explanation of
       Black-box Models", BMVC 2018, section 4.2.
    """
    import_tensorflow()
    from cvcore.opened import opened, softmax

    with opened(url, subject) as network:
        image = network.image(picture)
        heat = heat_maps.explain(network, image, label, way)
        order = ranked(heat)
        orders = np.stack([order, order[::-1], *random_orders(order.size)])
        share, scores = hide_in_orders(network.scores, image, orders, fill)
    probability, score = (
        Falls(share=share, first=them[0], last=them[1], random=them[2:])
        for them in (softmax(scores)[..., label], scores[..., label])
    )
    return Curves(heat=heat, order=order, probability=probability, score=score)


def random_orders(count: int, *, seed: int = 1) -> IntArray:
    """Return `RANDOM_ORDERS` random orders of as many pixels."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.permutation(count) for _ in range(RANDOM_ORDERS)])


def random_blocks(shape: tuple[int, ...], size: int, *, count: int, seed: int = 1) -> IntArray:
    """Return random orders of the cells of a square picture, pixel by pixel.

    Parameters
    ----------
    shape : (rows, columns)
        Into how many cells it is cut.
    size : int
        Its pixels a side.
    count : int
        How many orders.
    seed : int, optional

    Returns
    -------
    ndarray of int64, shape (count, size * size)
        Places counted row by row; those of one cell follow each other.

    Examples
    --------
    >>> random_blocks((1, 2), 2, count=2, seed=3).tolist()
    [[1, 3, 0, 2], [0, 2, 1, 3]]
    """
    rng = np.random.default_rng(seed)
    rows, columns = (np.arange(size) * cells // size for cells in shape)
    cell = (rows[:, np.newaxis] * shape[1] + columns).ravel()
    turns = np.stack([rng.permutation(math.prod(shape)) for _ in range(count)])
    return np.argsort(turns[:, cell], axis=1, kind="stable")


def hide_in_orders(
    score: Callable[[ByteArray], FloatArray],
    image: ByteArray,
    orders: IntArray,
    fill: Fill,
    *,
    steps: int = STEPS,
) -> tuple[FloatArray, FloatArray]:
    """Hide a picture's pixels step by step, in several orders.

    Parameters
    ----------
    score : callable
        From pictures, uint8 of shape (n, height, width, channels), to scores before softmax,
        float32 of shape (n, classes).
    image : ndarray of uint8, shape (height, width, channels)
    orders : ndarray of int64, shape (orders, pixels)
    fill : {'mean', 'black', 'blur'}
    steps : int, optional
        At most; as many as there are pixels if those are fewer.

    Returns
    -------
    share : ndarray of float32, shape (steps + 1,)
        Of the pixels that are hidden: from 0 to 1.
    scores : ndarray of float32, shape (orders, steps + 1, classes)
    """
    count = orders.shape[1]
    hidden = np.rint(np.linspace(0, count, min(steps, count) + 1)).astype(np.int64)
    turns = np.argsort(orders, axis=1)  # when each pixel's turn comes
    masks = turns[:, None, :] < hidden[None, :, None]
    masks = masks.reshape(-1, *image.shape[:2])
    # All pictures at once would take much room where they are large.
    found = [
        score(hide(image, masks[start : start + _BATCH], fill))
        for start in range(0, len(masks), _BATCH)
    ]
    scores = np.concatenate(found).reshape(len(orders), len(hidden), -1)
    return (hidden / count).astype(np.float32), scores


def shuffled(
    url: str, subject: Subject, picture: Picture, label: int, way: Way, seed: int
) -> Shuffled:
    """Make the same map with a network whose weights are shuffled.

    A map that looks the same has not looked at what the network learned.

    Parameters
    ----------
    url, subject, picture, label, way
        As for `cvcore.heat_maps.heat_map`.
    seed : int
        Of the shuffling.

    Raises
    ------
    EngineError, SettingError
        As `cvcore.heat_maps.heat_map`.

    References
    ----------
    .. [1] J. Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018.
    """
    import_tensorflow()
    from cvcore.opened import opened

    with opened(url, subject) as network:
        image = network.image(picture)
        learned = heat_maps.explain(network, image, label, way)
        with _shuffled_weights(network, seed):
            without = heat_maps.explain(network, image, label, way)
    return beside(learned, without, way.method)


def beside(learned: HeatMap, without: HeatMap, method: Method) -> Shuffled:
    """Compare a heat map with the same one of a shuffled network.

    Parameters
    ----------
    learned, without : HeatMap
    method : Method
        Whose maps they are.
    """
    before_relu = method in heat_maps.OF_A_LAYER
    one, other = (it.signed if before_relu else it.values for it in (learned, without))
    return Shuffled(
        learned=learned,
        shuffled=without,
        correlation=heat_maps.rank_correlation(one, other),
    )


def shuffle_weights(weights: Mapping[str, AnyArray], seed: int) -> dict[str, AnyArray]:
    """Put the values of each weight array into a random order.

    Parameters
    ----------
    weights : mapping of str to ndarray
        As `cvcore.models.weights` returns them.
    seed : int

    Returns
    -------
    dict of str to ndarray
        Copies: the same values in each array, in other places.
    """
    rng = np.random.default_rng(seed)
    return {
        name: rng.permutation(value.ravel()).reshape(value.shape) for name, value in weights.items()
    }


@contextmanager
def _shuffled_weights(network: "Opened", seed: int) -> Iterator[None]:
    """Shuffle a network's weights for a moment; nobody else has it meanwhile."""
    from cvcore import models

    kept = models.weights(network.model)
    try:
        models.set_weights(network.model, shuffle_weights(kept, seed))
        yield
    finally:
        models.set_weights(network.model, kept)
