"""A run's network taken apart: the values between its layers and their gradients; in workers alone.

Building a network and tracing its graph takes TensorFlow far longer than
one picture takes to go through it. So a network is opened once; another
moment of the same run, or an operation, is other weights in it.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from cvcore import inference, models
from cvcore.arrays import ByteArray, FloatArray
from cvcore.datasets import DATASETS, Dataset
from cvcore.errors import N_, EngineError, SettingError
from cvcore.runs import RunStore
from cvcore.spec import RunSpec
from cvcore.subjects import Picture, Subject, hide, spec_of, unpack
from cvcore.surgery import operate

_OPENED = 4
_lock = threading.RLock()


class Passed(NamedTuple):
    """What goes through a network, or a gradient that goes back through it.

    `sums` and `outputs` have a tensor of float32 for each layer, the first of its axes the
    pictures: what it computes before its activation, and after it.
    """

    picture: tf.Tensor
    sums: list[tf.Tensor]
    outputs: list[tf.Tensor]


class Opened:
    """A network to look into.

    Parameters
    ----------
    spec : RunSpec
        Its pictures are loaded, and its scaling is computed from them.

    Attributes
    ----------
    spec : RunSpec
    data : Dataset
        The run's pictures, not yet scaled.
    model : keras.Model
        As `cvcore.models.build_apart` returns it.
    """

    def __init__(self, spec: RunSpec) -> None:
        self.spec = spec
        self.data: Dataset = inference.load(spec)
        self.model: keras.Model = models.build_apart(spec)
        self._see = inference.prepare(spec, self.data)
        self._shown: tuple[str, Subject] | None = None
        scores = keras.Model(self.model.input, self.model.output[0][-1])
        pictures = tf.TensorSpec((None, *DATASETS[spec.dataset].shape), tf.float32)
        classes = tf.TensorSpec((None, len(DATASETS[spec.dataset].classes)), tf.float32)

        def through(seen: tf.Tensor) -> Passed:
            sums, outputs = self.model(seen, training=False)
            return Passed(seen, sums, outputs)

        def back(seen: tf.Tensor, weights: tf.Tensor) -> tuple[Passed, Passed]:
            with tf.GradientTape() as tape:
                tape.watch(seen)
                passed = through(seen)
                score = tf.reduce_sum(passed.sums[-1] * weights)
            return passed, tape.gradient(
                score, passed, unconnected_gradients=tf.UnconnectedGradients.ZERO
            )

        self._scores = tf.function(lambda seen: scores(seen, training=False), [pictures])
        self._through = tf.function(through, [pictures])
        self._back = tf.function(back, [pictures, classes])

    def become(self, url: str, subject: Subject) -> None:
        """Take the weights of a moment, operated on where that is asked for.

        Raises
        ------
        EngineError
            If they are not in the store.
        SettingError
            If an operation is not possible in this network.
        """
        if self._shown == (url, subject):
            return
        weights = RunStore(url).weights(subject.run, subject.moment)
        if weights is None:
            raise EngineError(
                N_(
                    "The weights after epoch {epoch} are not in the run store any more. "
                    "Press Train to train this network again."
                ),
                epoch=f"{subject.moment:g}",
            )
        self._shown = None
        models.set_weights(self.model, operate(weights, self.spec.network, subject.operations))
        self._shown = (url, subject)

    def image(self, picture: Picture) -> ByteArray:
        """Return a picture before it is scaled: uint8, of the data set's shape.

        Raises
        ------
        SettingError
            If there is no such test picture, or it is of another size.
        """
        entry = DATASETS[self.spec.dataset]
        if picture.pixels:
            if len(picture.pixels) != np.prod(entry.shape):
                raise SettingError(
                    N_(
                        "This picture was made for a network that sees others. Choose it anew "
                        "for this one."
                    )
                )
            image = np.frombuffer(picture.pixels, np.uint8).reshape(entry.shape)
            if entry.binarises:
                image = np.where(image >= self.spec.threshold, 255, 0).astype(np.uint8)
        else:
            count = len(self.data.test_images)
            if not 0 <= picture.number < count:
                raise SettingError(
                    N_("There are {count} test pictures; number {number} was asked for."),
                    count=count,
                    number=picture.number + 1,
                )
            image = self.data.test_images[picture.number]
        if picture.hidden:
            image = hide(image, unpack(picture.hidden, *entry.shape[:2]), picture.fill)
        return image

    def label(self, picture: Picture) -> int | None:
        """Return a test picture's true class; None for a visitor's own."""
        return None if picture.pixels else int(self.data.test_labels[picture.number])

    def see(self, images: ByteArray) -> tf.Tensor:
        """Return what the network sees of pictures: float32, (n, height, width, channels)."""
        return self._see(images)

    def through(self, seen: tf.Tensor) -> Passed:
        """Send pictures through the network and return every value in it.

        Parameters
        ----------
        seen : Tensor of float32, shape (n, height, width, channels)
            As `see` returns it.
        """
        return Passed(*self._through(seen))

    def back(self, seen: tf.Tensor, weights: FloatArray) -> tuple[Passed, Passed]:
        """Return every value, and the gradient of a weighted sum of scores by each of them.

        Parameters
        ----------
        seen : Tensor of float32, shape (n, height, width, channels)
        weights : ndarray of float32, shape (n, classes)
            1 at the class whose score is meant, 0 elsewhere. The score is that before softmax.

        Returns
        -------
        values, gradients : Passed
        """
        values, gradients = self._back(seen, tf.convert_to_tensor(weights, tf.float32))
        return Passed(*values), Passed(*gradients)

    def scores(self, images: ByteArray) -> FloatArray:
        """Return the scores of pictures before softmax.

        Parameters
        ----------
        images : ndarray of uint8, shape (n, height, width, channels)

        Returns
        -------
        ndarray of float32, shape (n, classes)
        """
        size = inference.BATCH_SIZE
        parts = [
            np.asarray(self._scores(self._see(images[start : start + size])))
            for start in range(0, len(images), size)
        ]
        return np.concatenate(parts)


def softmax(scores: FloatArray) -> FloatArray:
    """Return probabilities: ``exp(s) / sum(exp(s))`` along the last axis, float32."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares: FloatArray = powers / powers.sum(axis=-1, keepdims=True)
    return shares


@contextmanager
def opened(url: str, subject: Subject) -> Iterator[Opened]:
    """Have a network for a short question; others wait meanwhile.

    Parameters
    ----------
    url : str
        The run store.
    subject : Subject

    Yields
    ------
    Opened
        Shared with the next question; leave its weights as they are.

    Raises
    ------
    EngineError
        If the run, or its weights of that moment, are not in the store.
    SettingError
        If an operation is not possible in this network.
    """
    spec = spec_of(url, subject)
    with _lock:
        network = _open(spec)
        network.become(url, subject)
        yield network


def open_alone(url: str, subject: Subject) -> Opened:
    """Open a network for a job that takes long (`Engine.compute`), shared with nobody."""
    network = Opened(spec_of(url, subject))
    network.become(url, subject)
    return network


@lru_cache(maxsize=_OPENED)
def _open(spec: RunSpec) -> Opened:
    return Opened(spec)
