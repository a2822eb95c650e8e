"""Learned kernels: which hand-made ones they resemble, and how far they moved while learning.

The functions with a store as first argument are jobs for a worker; they read
weights and need no TensorFlow.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cvcore.arithmetic import layer_table
from cvcore.arrays import AnyArray, FloatArray
from cvcore.datasets import DATASETS
from cvcore.errors import N_, EngineError, SettingError
from cvcore.networks import Convolution, Dense, Network
from cvcore.runs import RunStore
from cvcore.spec import RunSpec
from cvcore.subjects import Subject, spec_of
from cvcore.surgery import kernels_of, operate

SMALLEST = 3
"""Pixels along a side from which on a kernel has room for what the hand-made ones do."""

_DRAWN = 2_000
_CHANCE = 0.95


@dataclass(frozen=True, eq=False, kw_only=True)
class Learned:
    """The weights of one layer, seen by one of its input channels.

    Parameters
    ----------
    weights : ndarray of float32, shape (height, width, count)
        A convolution's kernels, or a dense layer's weights as pictures of what it sees.
    channels : int
        Input channels that there are.
    limit : float
        The largest magnitude in `weights`; above 0.
    """

    weights: FloatArray
    channels: int
    limit: float


@dataclass(frozen=True, eq=False, kw_only=True)
class Resemblance:
    """How much kernels are like the hand-made ones.

    Parameters
    ----------
    names : tuple of str
        Of the hand-made ones, in `cvcore.kernels.KERNELS`.
    correlations : ndarray of float32, shape (count, len(names))
        From -1 to 1; 0 for a kernel whose weights are all the same.
    """

    names: tuple[str, ...]
    correlations: FloatArray

    def best(self, number: int) -> tuple[tuple[str, float], ...]:
        """Return the hand-made kernels that one resembles, also as its inverse; the most first."""
        row = self.correlations[number]
        order = np.argsort(-np.abs(row), kind="stable")
        return tuple((self.names[place], float(row[place])) for place in order)

    @property
    def strength(self) -> FloatArray:
        """The largest magnitude among each kernel's correlations: float32, shape (count,)."""
        largest: FloatArray = np.abs(self.correlations).max(axis=1)
        return largest


@dataclass(frozen=True, eq=False, kw_only=True)
class Movement:
    """How far the kernels of a layer have moved, all channels together.

    Parameters
    ----------
    moments : ndarray of float64, shape (m,)
        Those that are kept, in order.
    distance : ndarray of float32, shape (m, count)
        From the first of them in a straight line: the root of the summed squares of the
        differences.
    path : ndarray of float32, shape (m, count)
        All steps from moment to moment added up; at least the distance.
    size : ndarray of float32, shape (m, count)
        Each kernel's own length, the root of its summed squares.
    """

    moments: FloatArray
    distance: FloatArray
    path: FloatArray
    size: FloatArray


# -- what a page knows without asking


def layers_with_kernels(network: Network) -> tuple[int, ...]:
    """Return whose weights can be seen as pictures, by their places from 1.

    Returns
    -------
    tuple of int
        All convolutions; where there is none, the first dense layer.

    Examples
    --------
    >>> from cvcore.networks import preset
    >>> layers_with_kernels(preset("cnn", 10)), layers_with_kernels(preset("dense", 10))
    ((1, 3, 5), (2,))
    """
    places = tuple(
        place for place, layer in enumerate(network, start=1) if isinstance(layer, Convolution)
    )
    if places:
        return places
    return next(
        ((place,) for place, layer in enumerate(network, start=1) if isinstance(layer, Dense)), ()
    )


def seen_by(spec: RunSpec, place: int) -> tuple[int, int, int]:
    """Return the size of a layer's kernels: height, width and channels.

    Those of a dense layer are as large as the maps that it sees; where nothing is left of them
    but a row of numbers, as large as that row.

    Raises
    ------
    SettingError
        If the layer has no kernels.
    """
    rows = layer_table(spec.network, DATASETS[spec.dataset].shape)
    layer = spec.network[place - 1] if 1 <= place <= len(rows) else None
    if isinstance(layer, Convolution):
        return layer.size, layer.size, rows[place - 1].input_shape[-1]
    if not isinstance(layer, Dense):
        raise SettingError(
            N_(
                "Layer {position} of this network has no kernels. Choose a convolution, or a "
                "dense layer."
            ),
            position=place,
        )
    (values,) = rows[place - 1].input_shape
    height, width, channels = DATASETS[spec.dataset].shape
    for row in rows[: place - 1]:
        if len(row.output_shape) == 3:
            height, width, channels = row.output_shape
    if height * width * channels == values:
        return height, width, channels
    return 1, values, 1


def hand_made(size: int) -> Mapping[str, FloatArray]:
    """Return the Filters page's kernels that a kernel of a size can be like.

    Those of `cvcore.surgery.kernels_of`, but for those that are the same everywhere, which are
    like none.

    Parameters
    ----------
    size : int

    Returns
    -------
    mapping of str to ndarray of float32, shape (size, size)
        By their names in `cvcore.kernels.KERNELS`; none below `SMALLEST`.
    """
    if size < SMALLEST:
        return {}
    return {name: weights for name, weights in kernels_of(size).items() if np.ptp(weights) > 0}


def resemblance(weights: FloatArray) -> Resemblance:
    """Compare kernels with the hand-made ones of their size.

    The correlation is the cosine of the angle between the two, each with its
    mean taken away: 1 for a multiple of the hand-made kernel with anything
    added to all weights, -1 for the inverse of that.

    Parameters
    ----------
    weights : ndarray of float32, shape (size, size, count)

    Returns
    -------
    Resemblance

    Raises
    ------
    SettingError
        If the kernels are too small to be like any.

    Examples
    --------
    >>> from cvcore.kernels import KERNELS
    >>> inverse = -3 * KERNELS["sobel_x"].weights[..., np.newaxis]
    >>> resemblance(inverse).best(0)[0]
    ('sobel_x', -1.0)
    """
    size = weights.shape[0]
    made = hand_made(size)
    if not made or weights.shape[1] != size:
        raise SettingError(
            N_(
                "Kernels of {height} × {width} weights are like none of the hand-made ones, which "
                "need at least 3 × 3."
            ),
            height=weights.shape[0],
            width=weights.shape[1],
        )
    mine = _directions(weights.reshape(size * size, -1).T)
    theirs = _directions(np.stack(list(made.values())).reshape(len(made), -1))
    correlations = np.clip(mine @ theirs.T, -1, 1).astype(np.float32)
    return Resemblance(names=tuple(made), correlations=correlations)


@lru_cache(maxsize=16)
def chance(size: int) -> float:
    """Return the correlation that one in twenty kernels of random weights reaches with some one.

    Among so many hand-made kernels, each of which may be meant inversely too,
    something always resembles one: only what is above this says anything.

    Parameters
    ----------
    size : int
        From `SMALLEST` on.

    Returns
    -------
    float
        The 95th percentile among 2,000 kernels of normally distributed weights.
    """
    drawn = np.random.default_rng(0).standard_normal((size, size, _DRAWN), np.float32)
    return float(np.quantile(resemblance(drawn).strength, _CHANCE))


def _directions(rows: AnyArray) -> AnyArray:
    """Take each row's mean away and make its length 1; a row that is the same everywhere is 0."""
    centred = rows.astype(np.float64) - rows.mean(axis=1, dtype=np.float64, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    # Rounding leaves a little of the mean where all weights are alike.
    flat = length <= 1e-6 * np.abs(rows).max(axis=1, keepdims=True)
    directions: AnyArray = np.where(flat, 0, centred / np.where(flat, 1, length))
    return directions


# -- what a worker is asked


def learned(url: str, subject: Subject, place: int, channel: int) -> Learned:
    """Return a layer's weights as pictures.

    Parameters
    ----------
    url : str
        The run store.
    subject : Subject
        What was done to its weights is seen in them.
    place : int
        The layer's, from 1.
    channel : int
        Which of its input channels, from 1; 0 for the mean over all.

    Raises
    ------
    EngineError
        If the weights of that moment are not in the store.
    SettingError
        If the layer has no kernels, or no such channel.
    """
    spec = spec_of(url, subject)
    kept = _weights(url, subject.run, subject.moment)
    whole = _kernels(spec, operate(kept, spec.network, subject.operations), place)
    seen = _of_channel(whole, channel)
    return Learned(
        weights=seen, channels=whole.shape[2], limit=float(np.abs(seen).max(initial=0)) or 1.0
    )


def movement(url: str, run: str, place: int, newest: float) -> Movement:
    """Say how far each kernel of a layer moved during a training.

    Parameters
    ----------
    url : str
    run : str
    place : int
        The layer's, from 1.
    newest : float
        Moments after it are not looked at, so that the answer stays right while more come.

    Raises
    ------
    EngineError
        If the run, or what is kept of it, is gone.
    SettingError
        If the layer has no kernels.
    """
    spec, moments = _story(url, run, newest)
    first: AnyArray | None = None
    before: AnyArray | None = None
    distance: list[AnyArray] = []
    path: list[AnyArray] = []
    size: list[AnyArray] = []
    for moment in moments:
        now = _kernels(spec, _weights(url, run, moment), place)
        rows: AnyArray = now.reshape(-1, now.shape[3]).astype(np.float64)
        first = rows if first is None else first
        distance.append(np.linalg.norm(rows - first, axis=0))
        path.append(np.linalg.norm(rows - (rows if before is None else before), axis=0))
        size.append(np.linalg.norm(rows, axis=0))
        before = rows
    return Movement(
        moments=np.array(moments),
        distance=np.array(distance, np.float32),
        path=np.cumsum(path, axis=0).astype(np.float32),
        size=np.array(size, np.float32),
    )


def film(url: str, run: str, place: int, channel: int, number: int, newest: float) -> FloatArray:
    """Return one kernel as it was at every kept moment.

    Parameters
    ----------
    url : str
    run : str
    place : int
        The layer's, from 1.
    channel : int
        As in `learned`.
    number : int
        The kernel's, from 0.
    newest : float
        As in `movement`.

    Returns
    -------
    ndarray of float32, shape (m, height, width)

    Raises
    ------
    EngineError, SettingError
        As `movement`; or if there is no such channel or kernel.
    """
    spec, moments = _story(url, run, newest)
    pictures = []
    for moment in moments:
        seen = _of_channel(_kernels(spec, _weights(url, run, moment), place), channel)
        if not 0 <= number < seen.shape[2]:
            raise SettingError(
                N_("Layer {position} has {count} filters; number {number} was asked for."),
                position=place,
                count=seen.shape[2],
                number=number + 1,
            )
        pictures.append(seen[..., number])
    return np.stack(pictures)


def _story(url: str, run: str, newest: float) -> tuple[RunSpec, list[float]]:
    spec = spec_of(url, Subject(run=run, moment=newest))
    moments = [moment for moment in RunStore(url).moments(run) if moment <= newest]
    if not moments:
        raise _gone(newest)
    return spec, moments


def _weights(url: str, run: str, moment: float) -> dict[str, AnyArray]:
    weights = RunStore(url).weights(run, moment)
    if weights is None:
        raise _gone(moment)
    return weights


def _kernels(spec: RunSpec, weights: Mapping[str, AnyArray], place: int) -> FloatArray:
    """Return a layer's kernels: float32, shape (height, width, channels, count)."""
    shape = seen_by(spec, place)
    kernel: FloatArray = weights[f"{spec.network[place - 1].kind}_{place}/kernel"]
    return kernel.reshape(*shape, -1)


def _of_channel(kernel: FloatArray, channel: int) -> FloatArray:
    count = kernel.shape[2]
    if not 0 <= channel <= count:
        raise SettingError(
            N_("This layer sees {count} channels; number {number} was asked for."),
            count=count,
            number=channel,
        )
    if channel:
        return kernel[:, :, channel - 1]
    mean: FloatArray = kernel.mean(axis=2, dtype=np.float64).astype(np.float32)
    return mean


def _gone(moment: float) -> EngineError:
    return EngineError(
        N_(
            "The weights after epoch {epoch} are not in the run store any more. "
            "Press Train to train this network again."
        ),
        epoch=f"{moment:g}",
    )
