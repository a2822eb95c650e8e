"""What an operation on a filter changes, and what a network is without each of its filters.

The functions with a store as first argument are jobs for a worker, where TensorFlow is
imported.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cvcore import pace
from cvcore.arrays import ByteArray, FloatArray, IntArray
from cvcore.errors import N_, SettingError
from cvcore.subjects import Picture, Subject
from cvcore.surgery import Operation, count_of_filters, places
from cvcore.time_travel import TEST_PICTURES
from cvcore.waking import import_tensorflow

if TYPE_CHECKING:
    from cvcore.opened import Opened


@dataclass(frozen=True, eq=False, kw_only=True)
class Effect:
    """What operations change for one picture.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, channels)
        As the data set has it.
    label : int or None
        Its true class; None for a visitor's own.
    maps_before, maps_after : ndarray of float32, shape (height, width, filters)
        What one layer gives, after its activation; a dense layer's are of 1 × 1.
    before, after : ndarray of float32, shape (classes,)
        The probabilities.
    """

    image: ByteArray
    label: int | None
    maps_before: FloatArray
    maps_after: FloatArray
    before: FloatArray
    after: FloatArray


@dataclass(frozen=True, kw_only=True)
class Examined:
    """How a network did on the first test pictures.

    Parameters
    ----------
    right : int
        Pictures that got their right name.
    pictures : int
        That were asked for, at most `cvcore.time_travel.TEST_PICTURES`.
    all_pictures : int
        Test pictures that there are.
    """

    right: int
    pictures: int
    all_pictures: int

    @property
    def accuracy(self) -> float:
        """The fraction that got its right name."""
        return self.right / self.pictures


@dataclass(frozen=True, eq=False, kw_only=True)
class WithoutEach:
    """The test of a network with each filter of a layer switched off in turn.

    Parameters
    ----------
    whole : Examined
        With all of them.
    right : ndarray of int64, shape (filters,)
        Pictures that got their right name without this filter, of as many.
    """

    whole: Examined
    right: IntArray

    @property
    def accuracy(self) -> FloatArray:
        """The fractions that got their right name: float32, shape (filters,)."""
        return np.asarray(self.right / self.whole.pictures, np.float32)


def by_importance(right: Sequence[int] | IntArray) -> IntArray:
    """Return the filters by what is lost without them, the one that matters most first.

    Parameters
    ----------
    right : array_like of int, shape (filters,)
        As in `WithoutEach`.

    Returns
    -------
    ndarray of int64, shape (filters,)
        Of equal ones, the earlier first.

    Examples
    --------
    >>> by_importance([9, 4, 9, 7])
    array([1, 3, 0, 2])
    """
    return np.argsort(np.asarray(right), kind="stable")


# -- what a worker is asked


def effect(url: str, subject: Subject, picture: Picture, layer: int) -> Effect:
    """Show a picture to a network as it was and as it is operated on.

    Parameters
    ----------
    url : str
        The run store.
    subject : Subject
        With its operations; without them it is the network before.
    picture : Picture
    layer : int
        Whose maps are wanted, from 1.

    Raises
    ------
    EngineError
        If the weights of that moment are not in the store.
    SettingError
        If there is no such picture or layer, or an operation is not possible.
    """
    import_tensorflow()
    from cvcore.opened import opened, softmax

    seen = []
    for state in dict.fromkeys((replace(subject, operations=()), subject)):
        with opened(url, state) as network:
            if not 1 <= layer <= len(network.spec.network):
                raise SettingError(
                    N_("This network has {count} layers; number {position} was asked for."),
                    count=len(network.spec.network),
                    position=layer,
                )
            image, label = network.image(picture), network.label(picture)
            passed = network.through(network.see(image[np.newaxis]))
            output = np.asarray(passed.outputs[layer - 1][0], np.float32)
            scores = np.asarray(passed.sums[-1][0])
        maps = output if output.ndim == 3 else output.reshape(1, 1, -1)
        seen.append((maps, softmax(scores)))
    (maps_before, before), (maps_after, after) = seen[0], seen[-1]
    return Effect(
        image=image,
        label=label,
        maps_before=maps_before,
        maps_after=maps_after,
        before=before,
        after=after,
    )


def examine(url: str, subject: Subject) -> Examined:
    """Ask a network, operated on or not, for the classes of the first test pictures.

    Raises
    ------
    EngineError
        If the weights of that moment are not in the store.
    SettingError
        If an operation is not possible.
    """
    import_tensorflow()
    from cvcore.opened import opened

    with opened(url, subject) as network:
        return _examine(network)


def without_each(url: str, subject: Subject, layer: int) -> WithoutEach:
    """Test a network with each filter of a layer switched off in turn.

    It takes as long as that many tests: a job for `cvcore.engine.client.Engine.compute`.

    Parameters
    ----------
    url : str
    subject : Subject
        Its operations are done first.
    layer : int
        A convolution's place, or a hidden dense layer's, from 1.

    Raises
    ------
    EngineError
        If the weights of that moment are not in the store.
    SettingError
        If the layer has no filters, or an operation is not possible.
    """
    import_tensorflow()
    from cvcore.opened import open_alone

    network = open_alone(url, subject)
    layers = network.spec.network
    if layer not in places(layers):
        raise SettingError(
            N_(
                "Layer {position} has no filters to operate on. Choose a convolution or a hidden "
                "dense layer."
            ),
            position=layer,
        )
    whole = _examine(network)
    right = []
    count = count_of_filters(layers, layer)
    for one in range(count):
        off = Operation(layer=layer, filter=one, deed="off")
        network.become(url, replace(subject, operations=(*subject.operations, off)))
        right.append(_examine(network).right)
        pace.reach((one + 1) / count)
    return WithoutEach(whole=whole, right=np.array(right, np.int64))


def _examine(network: "Opened") -> Examined:
    said = network.scores(network.data.test_images[:TEST_PICTURES]).argmax(axis=1)
    return Examined(
        right=int((said == network.data.test_labels[:TEST_PICTURES]).sum()),
        pictures=len(said),
        all_pictures=len(network.data.test_images),
    )
