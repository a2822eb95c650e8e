"""What each layer of a network makes of a picture, and what is left of it from layer to layer.

The functions with a store as first argument are jobs for a worker
(`cvcore.engine.client.Engine`); TensorFlow and scikit-learn are imported when they run.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cvcore import pace
from cvcore.arithmetic import layer_table
from cvcore.arrays import FloatArray, IntArray
from cvcore.datasets import DATASETS
from cvcore.errors import N_, SettingError
from cvcore.networks import Convolution, Dropout, Flatten, Network
from cvcore.spec import RunSpec
from cvcore.subjects import Picture, Subject
from cvcore.time_travel import positions_with_maps
from cvcore.waking import import_tensorflow

LEARNED = 1_000
"""Training pictures from which `depth` learns."""

TESTED = 500
"""Test pictures, the first ones, on which it tests what was learned."""

COMPONENTS = 64
"""Numbers that it keeps of a layer's output: its principal components."""

_SENDING = 0.3  # of the work: sending the pictures through; the rest is reading the layers


@dataclass(frozen=True, eq=False, kw_only=True)
class LayerMaps:
    """What one layer gave for one picture.

    Parameters
    ----------
    position : int
        The layer's place, from 1.
    maps : ndarray of float32, shape (height, width, count)
        All its maps, or the first ones.
    total : int
        Maps that there are.
    zero : float
        The share of all values that are exactly 0.
    low, high : float
        The smallest and the largest of all values.
    """

    position: int
    maps: FloatArray
    total: int
    zero: float
    low: float
    high: float


@dataclass(frozen=True, eq=False, kw_only=True)
class Depth:
    """What is left of a picture after each layer, and how well its class can be read there.

    Parameters
    ----------
    positions : ndarray of int64, shape (n,)
        0 for the pixels, then the layers' places.
    values : ndarray of int64, shape (n,)
        Numbers that the layer gives for a picture.
    told_apart : ndarray of float64, shape (n,)
        The share of the test pictures that a linear classifier of the layer's output names
        rightly.
    detail : ndarray of float64, shape (n,)
        The share of the pixels' variance that a linear map from the layer's output brings
        back (R² on the test pictures); 0 at least.
    learned, tested : int
        Pictures.
    chance : float
        The share of the test pictures in the most frequent class.
    """

    positions: IntArray
    values: IntArray
    told_apart: FloatArray
    detail: FloatArray
    learned: int
    tested: int
    chance: float


def has_activation(network: Network, position: int) -> bool:
    """Say whether a layer's maps are not the same before its activation.

    Examples
    --------
    >>> has_activation((Convolution(filters=2, activation="relu"), Flatten()), 1)
    True
    """
    layer = network[position - 1]
    return isinstance(layer, Convolution) and layer.activation != "linear"


def overview(url: str, subject: Subject, picture: Picture, shown: int) -> tuple[LayerMaps, ...]:
    """Return the first maps of every layer that gives some, in the network's order.

    Parameters
    ----------
    url : str
        The run store.
    subject : Subject
    picture : Picture
    shown : int
        Maps of each layer, at most.

    Raises
    ------
    EngineError
        If the run's weights of that moment are not in the store.
    SettingError
        If there is no such picture.
    """
    import_tensorflow()
    from cvcore.opened import opened

    with opened(url, subject) as network:
        passed = network.through(network.see(network.image(picture)[np.newaxis]))
        places = positions_with_maps(network.spec)
        found = [np.asarray(passed.outputs[place - 1][0]) for place in places]
    return tuple(describe(place, maps, shown) for place, maps in zip(places, found, strict=True))


def maps(
    url: str, subject: Subject, picture: Picture, position: int, *, before: bool = False
) -> LayerMaps:
    """Return all maps of one layer.

    Parameters
    ----------
    url : str
        The run store.
    subject : Subject
    picture : Picture
    position : int
        The layer's place, from 1.
    before : bool, optional
        Before its activation: the sums of a convolution's products with its bias.

    Raises
    ------
    EngineError
        If the run's weights of that moment are not in the store.
    SettingError
        If there is no such picture, or the layer gives no maps.
    """
    import_tensorflow()
    from cvcore.opened import opened

    with opened(url, subject) as network:
        if position not in positions_with_maps(network.spec):
            raise SettingError(
                N_("Layer {position} of this network gives no feature maps. Choose another one."),
                position=position,
            )
        passed = network.through(network.see(network.image(picture)[np.newaxis]))
        values = (passed.sums if before else passed.outputs)[position - 1]
        found = np.asarray(values[0])
    return describe(position, found, found.shape[2])


def maps_before(url: str, subject: Subject, picture: Picture, position: int) -> LayerMaps:
    """Return all maps of one layer before its activation, as `maps` does."""
    return maps(url, subject, picture, position, before=True)


def depth(url: str, subject: Subject, seed: int = 0) -> Depth:
    """Ask of every layer how well the class can be read from it, and how much of the picture.

    Of each layer's output for `LEARNED` training pictures, the first `COMPONENTS` principal
    components are kept, all divided by one number. From them a logistic regression
    learns the class and a ridge regression the pixels; both are tested on the first `TESTED`
    test pictures. A layer is not better for it: a linear reader is the measure, as in G. Alain,
    Y. Bengio, "Understanding intermediate layers using linear classifier probes",
    arXiv:1610.01644.

    Parameters
    ----------
    url : str
        The run store.
    subject : Subject
    seed : int, optional
        Decides the start of the search for the principal components.

    Returns
    -------
    Depth
        Dropout, which does nothing but in training, and flatten are left out.

    Raises
    ------
    EngineError
        If the run's weights of that moment are not in the store.
    """
    import_tensorflow()
    from cvcore.opened import open_alone

    network = open_alone(url, subject)
    data, spec = network.data, network.spec
    learned = min(LEARNED, spec.sizes()[0])
    tested = min(TESTED, len(data.test_images))
    images = np.concatenate([data.training_images[:learned], data.test_images[:tested]])
    labels = np.concatenate([data.training_labels[:learned], data.test_labels[:tested]])
    pixels = images.reshape(len(images), -1).astype(np.float32)
    positions = [0, *_asked(spec)]
    rows = layer_table(spec.network, DATASETS[spec.dataset].shape)
    values = [math.prod(rows[it - 1].output_shape) if it else pixels.shape[1] for it in positions]
    # A layer's values for all pictures can fill hundreds of megabytes: each is stored once, and
    # let go of as soon as it is read.
    outputs = [np.empty((len(images), count), np.float32) for count in values]
    for start in range(0, len(images), 100):
        part = slice(start, start + 100)
        passed = network.through(network.see(images[part]))
        for place, into in zip(positions, outputs, strict=True):
            value = passed.outputs[place - 1] if place else passed.picture
            into[part] = np.asarray(value).reshape(len(value), -1)
        pace.reach(_SENDING * start / len(images))
    return read_layers(
        outputs, pixels, labels, learned, positions=positions, values=values, seed=seed,
        begun=_SENDING,
    )  # fmt: skip


def read_layers(
    outputs: list[FloatArray],
    pixels: FloatArray,
    labels: IntArray,
    learned: int,
    *,
    positions: Sequence[int],
    values: Sequence[int],
    seed: int,
    begun: float,
) -> Depth:
    """Read the class and the pixels of pictures from what each layer gave for them.

    Parameters
    ----------
    outputs : list of ndarray of float32, shape (n, kept)
        What each layer gave, or what was kept of it; each is let go of as soon as it is read.
    pixels : ndarray of float32, shape (n, pixels)
    labels : ndarray of int64, shape (n,)
    learned : int
        Readers learn from so many of the pictures, the first ones; the others test them.
    positions, values : sequence of int
        Of the layers, as `Depth` has them.
    seed : int
        Decides the start of the search for the principal components.
    begun : float
        How much of the work was done before, from 0 to 1.
    """
    told: list[float] = []
    detail: list[float] = []
    while outputs:
        pace.reach(begun + (1 - begun) * len(told) / len(positions))
        seen = components(outputs.pop(0), learned, seed)
        told.append(told_apart(seen[:learned], labels[:learned], seen[learned:], labels[learned:]))
        detail.append(
            brought_back(seen[:learned], pixels[:learned], seen[learned:], pixels[learned:])
        )
    tested = len(labels) - learned
    return Depth(
        positions=np.array(positions),
        values=np.array(values),
        told_apart=np.array(told),
        detail=np.array(detail),
        learned=learned,
        tested=tested,
        chance=float(np.bincount(labels[learned:]).max() / tested),
    )


def told_apart(learned: FloatArray, labels: IntArray, tested: FloatArray, true: IntArray) -> float:
    """Return the share of pictures that a logistic regression names rightly.

    Parameters
    ----------
    learned : ndarray of float32, shape (n, values)
    labels : ndarray of int64, shape (n,)
    tested : ndarray of float32, shape (m, values)
    true : ndarray of int64, shape (m,)
    """
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(labels)) == 1:
        return float((true == labels[0]).mean())
    with warnings.catch_warnings():
        # A reader that has nearly converged reads as well.
        warnings.simplefilter("ignore", ConvergenceWarning)
        reader = LogisticRegression(max_iter=200).fit(learned, labels)
    return float(reader.score(tested, true))


def brought_back(
    learned: FloatArray, pixels: FloatArray, tested: FloatArray, true: FloatArray
) -> float:
    """Return the share of the pixels' variance that a ridge regression brings back, from 0 on.

    Parameters
    ----------
    learned : ndarray of float32, shape (n, values)
    pixels : ndarray of float32, shape (n, pixels)
    tested : ndarray of float32, shape (m, values)
    true : ndarray of float32, shape (m, pixels)
    """
    from sklearn.linear_model import Ridge

    said = Ridge(alpha=1.0).fit(learned, pixels).predict(tested)
    wrong = float(np.square(true - said, dtype=np.float64).sum())
    all_of_it = float(np.square(true - true.mean(axis=0), dtype=np.float64).sum())
    return max(1 - wrong / all_of_it, 0.0) if all_of_it else 0.0


def components(given: FloatArray, learned: int, seed: int) -> FloatArray:
    """Return the principal components of what a layer gave, all divided by one number.

    Parameters
    ----------
    given : ndarray of float32, shape (n, values)
        It is overwritten.
    learned : int
        The components are found in so many rows, the first ones.
    seed : int
        Decides the start of the search for them.

    Returns
    -------
    ndarray of float32, shape (n, count)
        `COMPONENTS` of them at most.
    """
    from sklearn.utils.extmath import randomized_svd

    count = min(COMPONENTS, given.shape[1], learned)
    # `PCA` does the same in copies, each as large as all that the layer gave.
    given -= given[:learned].mean(axis=0)
    _, _, axes = randomized_svd(given[:learned], count, random_state=seed)
    seen = given @ axes.T
    # One scale for all: the components keep their weight against each other.
    scale = float(seen[:learned].std()) or 1.0
    return np.asarray(seen / scale, np.float32)


def _asked(spec: RunSpec) -> tuple[int, ...]:
    return tuple(
        place
        for place, row in enumerate(
            layer_table(spec.network, DATASETS[spec.dataset].shape), start=1
        )
        if not isinstance(row.layer, Dropout | Flatten)
    )


def describe(position: int, found: FloatArray, shown: int) -> LayerMaps:
    """Describe a layer's maps.

    Parameters
    ----------
    position : int
        The layer's place, from 1.
    found : ndarray of float32, shape (height, width, count)
        All of them.
    shown : int
        How many are kept, at most.
    """
    return LayerMaps(
        position=position,
        maps=found[..., :shown],
        total=found.shape[2],
        zero=float((found == 0).mean()),
        low=float(found.min()),
        high=float(found.max()),
    )
