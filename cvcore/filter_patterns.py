"""What a filter looks for: a picture made to excite it, and the test pictures that do most.

The functions with a store as first argument are jobs for a worker
(`cvcore.engine.client.Engine`); TensorFlow is imported when they run.
"""

import itertools
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from cvcore import pace
from cvcore.arithmetic import layer_table
from cvcore.arrays import BoolArray, ByteArray, FloatArray, IntArray
from cvcore.datasets import DATASETS, pixel_order
from cvcore.errors import N_, SettingError
from cvcore.networks import Convolution, Dense, Network
from cvcore.spec import RunSpec
from cvcore.subjects import Subject
from cvcore.waking import import_tensorflow

if TYPE_CHECKING:
    from cvcore.opened import Opened

STAGES = 6
"""Pictures of an ascent that are kept: the start, some between, the end."""

BEST = 9
"""Test pictures that are kept of a filter."""

ASCENT_LIMITS = {"steps": (1, 400), "rate": (0.001, 0.5)}
"""The smallest and the largest number of steps, and of their size."""

_WORK = 4e9  # multiplications that a worker may do while a visitor waits
_FEW, _MANY = 200, 2_000


@dataclass(frozen=True, eq=False, kw_only=True)
class Ascent:
    """Pictures that were changed step by step to excite filters more.

    Parameters
    ----------
    stages : ndarray of uint8, shape (filters, STAGES, height, width, channels)
        From the start to the best that was found, as the data set has its pictures.
    values : ndarray of float32, shape (filters, steps + 1)
        What was to rise: the mean of the filter's map before its activation.
    """

    stages: ByteArray
    values: FloatArray


@dataclass(frozen=True, eq=False, kw_only=True)
class Responses:
    """How the filters of a layer answer to test pictures, after their activation.

    Parameters
    ----------
    pictures : int
        The first test pictures, of which it tells.
    largest : ndarray of float32, shape (filters,)
        The largest value anywhere.
    fired : ndarray of float64, shape (filters,)
        The share of the pictures in which any value is not 0.
    places : ndarray of int64, shape (filters, BEST)
        The pictures with the largest values, the largest first.
    values : ndarray of float32, shape (filters, BEST)
        Those values.
    rows, columns : ndarray of int64, shape (filters, BEST)
        Where in the map each stands; 0 in a dense layer.
    mean_places : ndarray of int64, shape (filters, BEST)
        The pictures with the largest means of the map, the largest first.
    means : ndarray of float32, shape (filters, BEST)
        Those means.
    """

    pictures: int
    largest: FloatArray
    fired: FloatArray
    places: IntArray
    values: FloatArray
    rows: IntArray
    columns: IntArray
    mean_places: IntArray
    means: FloatArray

    @property
    def dead(self) -> BoolArray:
        """Which filters are 0 everywhere in all of the pictures."""
        dead: BoolArray = self.fired == 0
        return dead


# -- what a page knows without asking


def layers_with_filters(network: Network) -> tuple[int, ...]:
    """Return the places, from 1, of the layers whose filters or units can be excited.

    Examples
    --------
    >>> from cvcore.networks import preset
    >>> layers_with_filters(preset("cnn", 10))
    (1, 3, 5, 7, 8, 9)
    """
    return tuple(
        place
        for place, layer in enumerate(network, start=1)
        if isinstance(layer, Convolution | Dense)
    )


def count_filters(network: Network, position: int) -> int:
    """Return how many filters a convolution has, or how many units a dense layer."""
    layer = network[position - 1]
    if isinstance(layer, Convolution):
        return layer.filters
    if isinstance(layer, Dense):
        return layer.units
    raise SettingError(
        N_("Layer {position} has no filters. Choose a convolution or a dense layer."),
        position=position,
    )


def pictures_watched(spec: RunSpec) -> int:
    """Return how many test pictures `responses` looks at: fewer for a large network."""
    work = sum(row.multiply_adds for row in layer_table(spec.network, DATASETS[spec.dataset].shape))
    return min(int(np.clip(_WORK / max(work, 1), _FEW, _MANY)), spec.sizes()[2])


# -- what a worker is asked


def ascend(
    url: str,
    subject: Subject,
    position: int,
    filters: tuple[int, ...],
    steps: int,
    rate: float,
    seed: int,
) -> Ascent:
    """Change noise step by step so that filters answer more, each picture for its own filter.

    Gradient ascent on the mean of the filter's map before its activation, so that one that
    ReLU silences is heard too; of the last layer, on the score before softmax. Each step goes
    along the gradient, divided by its root mean square, and stays between black and white; the
    steps become shorter towards the end, and the best picture of all is the last one kept.

    Parameters
    ----------
    url : str
        The run store.
    subject : Subject
    position : int
        The layer's place, from 1.
    filters : tuple of int
        From 0.
    steps : int
    rate : float
        The first step's size, where black is 0 and white 1.
    seed : int
        Of the noise, which is the same for each filter: grey, give or take a tenth.

    Returns
    -------
    Ascent

    Raises
    ------
    EngineError
        If the run's weights of that moment are not in the store.
    SettingError
        If there is no such layer or filter, or the steps are out of their limits.

    References
    ----------
    .. [1] D. Erhan, Y. Bengio, A. Courville, P. Vincent, "Visualizing higher-layer features of
       a deep network", Université de Montréal, 2009.
    """
    import_tensorflow()
    import tensorflow as tf

    from cvcore.opened import open_alone, opened

    for name, value in (("steps", steps), ("rate", rate)):
        low, high = ASCENT_LIMITS[name]
        if not low <= value <= high:
            raise SettingError(
                N_("The ascent's {name} must be from {low} to {high}; it was {value}."),
                name=name,
                low=low,
                high=high,
                value=value,
            )
    # What takes long has a network of its own: questions about the shared one would wait.
    one = opened(url, subject) if len(filters) == 1 else nullcontext(open_alone(url, subject))
    with one as network:
        _check(network.spec.network, position, filters)
        shape = DATASETS[network.spec.dataset].shape
        low, high = (
            float(np.min(network.see(np.full((1, *shape), end, np.uint8)))) for end in (0, 255)
        )
        noise = np.random.default_rng(seed).uniform(0.4, 0.6, shape).astype(np.float32)
        start = np.repeat(noise[np.newaxis], len(filters), axis=0)
        now, best, best_value = (tf.constant(it) for it in (start, start, _lowest(filters)))
        chosen = tf.constant(filters, tf.int32)
        climb = _climber(network, position)
        ends = np.linspace(0, steps, STAGES).round().astype(int)
        stages, values = [start], []
        for begin, end in itertools.pairwise(ends.tolist()):
            now, best, best_value, risen = climb(
                now, best, best_value, chosen, begin, end, steps, rate, low, high - low
            )
            stages.append(np.asarray(now))
            values.append(np.asarray(risen))
            pace.reach(end / steps)
        _, best, _, last = climb(
            now, best, best_value, chosen, steps, steps + 1, steps, 0.0, low, high - low
        )
        stages[-1] = np.asarray(best)
        values.append(np.asarray(last))
    pictures = np.stack(stages, axis=1)
    if network.spec.shuffle_pixels:
        pictures = _in_their_places(pictures)
    return Ascent(stages=np.rint(pictures * 255).astype(np.uint8), values=np.concatenate(values).T)


def responses(url: str, subject: Subject, position: int) -> Responses:
    """Show a layer the first test pictures, and find out what excites each of its filters.

    Parameters
    ----------
    url : str
        The run store.
    subject : Subject
    position : int
        The layer's place, from 1.

    Raises
    ------
    EngineError
        If the run's weights of that moment are not in the store.
    SettingError
        If there is no such layer.
    """
    import_tensorflow()
    from cvcore.opened import opened

    with opened(url, subject) as network:
        _check(network.spec.network, position, ())
        count = pictures_watched(network.spec)
        largest, where, means, fired = [], [], [], []
        width = 1
        for begin in range(0, count, 100):
            seen = network.see(network.data.test_images[begin : min(begin + 100, count)])
            passed = network.through(seen)
            # The last layer's scores: its softmax would only tell which is the largest.
            last = position == len(network.spec.network)
            values = np.asarray((passed.sums if last else passed.outputs)[position - 1])
            width = values.shape[2] if values.ndim == 4 else 1
            values = values.reshape(len(values), -1, values.shape[-1])
            largest.append(values.max(axis=1))
            where.append(values.argmax(axis=1))
            means.append(values.mean(axis=1))
            fired.append((values != 0).any(axis=1))
    top, place, mean = (np.concatenate(it) for it in (largest, where, means))
    order = np.argsort(-top, axis=0, kind="stable")[:BEST].T
    by_mean = np.argsort(-mean, axis=0, kind="stable")[:BEST].T
    one = np.arange(top.shape[1])[:, np.newaxis]
    return Responses(
        pictures=count,
        largest=top.max(axis=0),
        fired=np.concatenate(fired).mean(axis=0),
        places=order,
        values=top[order, one],
        rows=place[order, one] // width,
        columns=place[order, one] % width,
        mean_places=by_mean,
        means=mean[by_mean, one],
    )


def _check(network: Network, position: int, filters: tuple[int, ...]) -> None:
    if position not in layers_with_filters(network):
        raise SettingError(
            N_("Layer {position} has no filters. Choose a convolution or a dense layer."),
            position=position,
        )
    count = count_filters(network, position)
    for one in filters:
        if not 0 <= one < count:
            raise SettingError(
                N_("Layer {position} has {count} filters; number {number} was asked for."),
                position=position,
                count=count,
                number=one + 1,
            )


def _lowest(filters: tuple[int, ...]) -> FloatArray:
    return np.full(len(filters), -np.inf, np.float32)


_climbers: "WeakKeyDictionary[Opened, dict[int, Any]]" = WeakKeyDictionary()


def _climber(network: "Opened", position: int) -> Any:
    """Return what takes steps up, traced once for each network and layer."""
    import keras
    import tensorflow as tf

    known = _climbers.setdefault(network, {})
    if position in known:
        return known[position]
    layer = keras.Model(network.model.input, network.model.output[0][position - 1])

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def climb(
        now: Any,
        best: Any,
        best_value: Any,
        chosen: Any,
        begin: Any,
        end: Any,
        steps: Any,
        rate: Any,
        low: Any,
        span: Any,
    ) -> Any:
        risen = tf.TensorArray(tf.float32, end - begin)
        for step in tf.range(begin, end):
            with tf.GradientTape() as tape:
                tape.watch(now)
                maps = layer(low + span * now, training=False)
                mine = tf.gather(maps, chosen, axis=-1, batch_dims=0)
                mine = tf.reshape(mine, [tf.shape(now)[0], -1, tf.size(chosen)])
                value = tf.linalg.diag_part(tf.reduce_mean(mine, axis=1))
                total = tf.reduce_sum(value)
            slope = tape.gradient(total, now)
            better = value > best_value
            best = tf.where(better[:, tf.newaxis, tf.newaxis, tf.newaxis], now, best)
            best_value = tf.where(better, value, best_value)
            risen = risen.write(step - begin, value)
            size = tf.sqrt(tf.reduce_mean(slope**2, axis=[1, 2, 3], keepdims=True)) + 1e-12
            left = 1 - tf.cast(step, tf.float32) / tf.cast(steps, tf.float32)
            now = tf.clip_by_value(now + rate * left * slope / size, 0.0, 1.0)
        return now, best, best_value, risen.stack()

    def call(*given: Any) -> Any:
        tensors, (begin, end, steps), numbers = given[:4], given[4:7], given[7:]
        whole = [tf.constant(int(it), tf.int32) for it in (begin, end, steps)]
        return climb(*tensors, *whole, *(tf.constant(it, tf.float32) for it in numbers))

    known[position] = call
    return call


def _in_their_places(pictures: FloatArray) -> FloatArray:
    """Put shuffled pixels back to where they stand in the data set's pictures."""
    count, stages, height, width, channels = pictures.shape
    flat = pictures.reshape(count, stages, height * width, channels)
    back = np.empty_like(flat)
    back[:, :, pixel_order(height, width)] = flat
    return back.reshape(pictures.shape)
