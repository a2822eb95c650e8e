"""A run's network as it was: its first weights, a picture's maps and the test, at any moment.

The functions with a store as first argument are jobs for a worker
(`cvcore.engine.client.Engine.ask`); TensorFlow is imported when they run.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from cvcore.arithmetic import layer_table
from cvcore.arrays import ByteArray, FloatArray, IntArray
from cvcore.datasets import DATASETS
from cvcore.errors import N_, EngineError, SettingError
from cvcore.networks import Convolution, Dense, Dropout, Network
from cvcore.runs import RunStore
from cvcore.spec import Augmentation, RunSpec
from cvcore.subjects import Picture, Subject
from cvcore.waking import import_tensorflow

TEST_PICTURES = 2_000
"""How many test pictures a moment is tested with, the first ones."""

SHOWN_UNITS = 16
"""Of a dense layer, how many units' weights are shown."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Kernels:
    """The weights of a network's first layer that has any, as they were.

    Parameters
    ----------
    weights : ndarray of float32, shape (height, width, channels, count)
        A convolution's kernels; or, of the first units of a dense layer, the weights of each
        as a picture of what the layer sees.
    total : int
        Kernels or units of the layer, of which `count` are here.
    dense : bool
        Whether they are a dense layer's.
    """

    weights: FloatArray
    total: int
    dense: bool


@dataclass(frozen=True, eq=False, kw_only=True)
class Look:
    """What a network made of one picture.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, channels)
        As the data set has it.
    label : int
        Its true class.
    maps : ndarray of float32, shape (height, width, count)
        What one layer gave; count is 0 for layer 0, which is none.
    probabilities : ndarray of float32, shape (classes,)
    """

    image: ByteArray
    label: int
    maps: FloatArray
    probabilities: FloatArray


@dataclass(frozen=True, eq=False, kw_only=True)
class Confusion:
    """How a network did on the first test pictures.

    Parameters
    ----------
    counts : ndarray of int64, shape (classes, classes)
        The confusion matrix: how many pictures of the row's class got the column's name.
    all_pictures : int
        Test pictures that there are.
    """

    counts: IntArray
    all_pictures: int

    @property
    def pictures(self) -> int:
        """How many were looked at."""
        return int(self.counts.sum())

    @property
    def accuracy(self) -> float:
        """The fraction that got its right name."""
        return float(np.trace(self.counts) / self.counts.sum())


# -- what a page knows without asking


def positions_with_maps(spec: RunSpec) -> tuple[int, ...]:
    """Return which layers of a run's network give maps, by their places from 1.

    Dropout, which does nothing but in training, is left out.

    Examples
    --------
    >>> from cvcore.networks import preset
    >>> positions_with_maps(RunSpec(dataset="digits", network=preset("cnn", 10)))
    (1, 2, 3, 4, 5)
    """
    rows = layer_table(spec.network, DATASETS[spec.dataset].shape)
    return tuple(
        position
        for position, row in enumerate(rows, start=1)
        if len(row.output_shape) == 3 and not isinstance(row.layer, Dropout)
    )


def multiply_adds(spec: RunSpec) -> int:
    """Return how many multiplications by a weight a run's network does for one picture."""
    rows = layer_table(spec.network, DATASETS[spec.dataset].shape)
    return sum(row.multiply_adds for row in rows)


def dropout_rate(network: Network) -> float | None:
    """Return the rate of a network's first dropout layer; None if it has none."""
    return next((layer.rate for layer in network if isinstance(layer, Dropout)), None)


def with_dropout(network: Network, rate: float) -> Network:
    """Return a network whose dropout layers all drop this share.

    Examples
    --------
    >>> with_dropout((Flatten(), Dropout(rate=0.5), Dense(units=10)), 0.2)
    (Flatten(), Dropout(rate=0.2), Dense(units=10, activation='linear'))
    """
    return tuple(
        replace(layer, rate=rate) if isinstance(layer, Dropout) else layer for layer in network
    )


def branch(
    parent: RunSpec,
    *,
    name: str,
    from_epoch: int,
    epochs: int,
    learning_rate: float,
    optimiser: str,
    augmentation: Augmentation,
    pictures: int,
    dropout: float | None = None,
) -> RunSpec:
    """Describe a run that goes on from an epoch of another one, some settings changed.

    Parameters
    ----------
    parent : RunSpec
    name : str
        The parent's digest.
    from_epoch : int
        The last epoch that both share.
    epochs : int
        Epochs in all, the shared ones counted.
    learning_rate : float
    optimiser : {'adam', 'sgd'}
        The parent's momentum stays where it is the same; Adam has none.
    augmentation : Augmentation
    pictures : int
        Training pictures to learn from.
    dropout : float, optional
        The rate of all dropout layers; as the parent's if it is that of its first one.

    Returns
    -------
    RunSpec
    """
    network = parent.network
    if dropout is not None and dropout != dropout_rate(network):
        network = with_dropout(network, dropout)
    size = parent.training_size if pictures == parent.sizes()[0] else pictures
    return replace(
        parent,
        network=network,
        training_size=size,
        optimiser="adam" if optimiser == "adam" else "sgd",
        momentum=parent.momentum if optimiser == "sgd" else 0.0,
        learning_rate=learning_rate,
        augmentation=augmentation,
        epochs=epochs,
        parent=name,
        from_epoch=from_epoch,
    )


# -- what a worker is asked


def kernels(url: str, digest: str, moment: float) -> Kernels:
    """Return the first layer's weights as they were at a moment.

    Parameters
    ----------
    url : str
        The run store.
    digest : str
    moment : float
        One of ``RunStore.moments(digest)``.

    Returns
    -------
    Kernels
        Of a dense layer at most `SHOWN_UNITS`.

    Raises
    ------
    EngineError
        If the weights of that moment are not in the store.
    """
    store = RunStore(url)
    spec, weights = store.spec(digest), store.weights(digest, moment)
    if spec is None or weights is None:
        raise _gone(moment)
    position, layer, seen = _first_layer(spec)
    kernel: FloatArray = weights[f"{layer.kind}_{position}/kernel"]
    if isinstance(layer, Convolution):
        return Kernels(weights=kernel, total=layer.filters, dense=False)
    shown = kernel[:, :SHOWN_UNITS].reshape(*seen, -1)
    return Kernels(weights=shown, total=layer.units, dense=True)


def kernel_limit(url: str, digest: str, newest: float) -> float:
    """Return the largest magnitude that a weight of `kernels` ever had up to a moment.

    Parameters
    ----------
    url : str
    digest : str
    newest : float
        Moments after it are not looked at, so that the answer stays right while more come.

    Returns
    -------
    float
        Above 0; 1 where all weights are 0.
    """
    moments = [moment for moment in RunStore(url).moments(digest) if moment <= newest]
    return max((_largest(url, digest, moment) for moment in moments), default=0.0) or 1.0


def look(url: str, digest: str, moment: float, number: int, position: int) -> Look:
    """Show a network of a moment one test picture.

    Parameters
    ----------
    url : str
    digest : str
    moment : float
        One of ``RunStore.moments(digest)``.
    number : int
        Of the test picture, from 0.
    position : int
        Of the layer whose maps are wanted, from 1; 0 for none.

    Raises
    ------
    EngineError
        If the weights of that moment are not in the store.
    SettingError
        If there is no such picture, or no such layer.
    """
    import_tensorflow()
    from cvcore.opened import opened, softmax

    with opened(url, Subject(run=digest, moment=moment)) as network:
        if position and position not in positions_with_maps(network.spec):
            raise SettingError(
                N_("Layer {position} of this network gives no feature maps. Choose another one."),
                position=position,
            )
        picture = Picture(number=number)
        image = network.image(picture)
        passed = network.through(network.see(image[np.newaxis]))
        label = network.label(picture)
    maps = passed.outputs[position - 1] if position else passed.picture[..., :0]
    return Look(
        image=image,
        label=int(label or 0),
        maps=np.asarray(maps[0]),
        probabilities=softmax(np.asarray(passed.sums[-1][0])),
    )


def confusion(url: str, digest: str, moment: float) -> Confusion:
    """Ask a network of a moment for the classes of the first `TEST_PICTURES` test pictures.

    Raises
    ------
    EngineError
        If the weights of that moment are not in the store.
    """
    import_tensorflow()
    from cvcore.opened import opened

    with opened(url, Subject(run=digest, moment=moment)) as network:
        data = network.data
        said = network.scores(data.test_images[:TEST_PICTURES]).argmax(axis=1)
        classes = len(DATASETS[network.spec.dataset].classes)
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (data.test_labels[:TEST_PICTURES], said), 1)
    return Confusion(counts=counts, all_pictures=len(data.test_images))


def validation_accuracy(url: str, digest: str, moment: float) -> float:
    """Compute anew what fraction of the validation pictures a network of a moment names rightly.

    Parameters
    ----------
    url : str
    digest : str
    moment : float
        One of ``RunStore.moments(digest)``.

    Returns
    -------
    float
        From 0 to 1; NaN where no pictures are kept for validation.

    Raises
    ------
    EngineError
        If the weights of that moment are not in the store.
    """
    import_tensorflow()
    from cvcore.opened import opened

    with opened(url, Subject(run=digest, moment=moment)) as network:
        count = network.spec.sizes()[1]
        if not count:
            return float("nan")
        data = network.data
        said = network.scores(data.training_images[-count:]).argmax(axis=1)
    return float((said == data.training_labels[-count:]).mean())


@lru_cache(maxsize=4_096)  # a run's weights of a moment are the same whenever it is trained
def _largest(url: str, digest: str, moment: float) -> float:
    """Return the largest magnitude among the weights of `kernels`."""
    return float(np.abs(kernels(url, digest, moment).weights).max())


def _first_layer(spec: RunSpec) -> tuple[int, Convolution | Dense, tuple[int, int, int]]:
    """Return the first convolution or dense layer, its place from 1, and the maps it sees."""
    height, width, channels = seen = DATASETS[spec.dataset].shape
    for position, row in enumerate(layer_table(spec.network, seen), start=1):
        if isinstance(row.layer, Convolution):
            return position, row.layer, (height, width, channels)
        if isinstance(row.layer, Dense):
            # Maps whose means alone are left are pictures of one pixel.
            (values,) = row.input_shape[-1:]
            whole = height * width * channels == values
            return position, row.layer, (height, width, channels) if whole else (1, 1, values)
        if len(row.output_shape) == 3:
            height, width, channels = row.output_shape
    raise AssertionError(spec.network)  # a specification's last layer is a dense one


def _gone(moment: float) -> EngineError:
    return EngineError(
        N_(
            "The weights after epoch {epoch} are not in the run store any more. "
            "Press Train to train this network again."
        ),
        epoch=f"{moment:g}",
    )
