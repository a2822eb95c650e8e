"""What a trained network says of pictures; imported in workers alone."""

import time
from collections.abc import Callable
from typing import Any, TypeAlias, overload

import keras
import numpy as np
import tensorflow as tf

from cvcore import datasets, models
from cvcore.arrays import AnyArray, ByteArray, FloatArray
from cvcore.datasets import DATASETS, Dataset, pixel_order
from cvcore.errors import N_, EngineError
from cvcore.runs import SHOWN_PICTURES, Predictions, RunStore
from cvcore.spec import DEFAULT_THRESHOLD, RunSpec

Prepare: TypeAlias = Callable[[AnyArray | tf.Tensor], tf.Tensor]

BATCH_SIZE = 256  # of pictures that nothing is learned from: larger is no faster, smaller is slower


def scaling(spec: RunSpec, data: Dataset) -> tuple[float, float]:
    """Return what is subtracted from a pixel, and what the rest is divided by.

    Parameters
    ----------
    spec : RunSpec
    data : Dataset
        Its training pictures alone are looked at, not those kept for validation or test.

    Returns
    -------
    shift, scale : float
    """
    learned = data.training_images[: spec.sizes()[0]]
    match spec.scaling:
        case "none":
            return 0.0, 1.0
        case "unit":
            return 0.0, 255.0
        case "minmax":
            low, high = int(learned.min()), int(learned.max())
            return float(low), float(high - low or 1)
        case "standardise":
            return float(learned.mean()), float(learned.std() or 1.0)


def load(spec: RunSpec) -> Dataset:
    """Return a run's pictures: the data set, binarised where it is so, not yet prepared."""
    if spec.threshold == DEFAULT_THRESHOLD:
        return datasets.load(spec.dataset)
    return datasets.load(spec.dataset, threshold=spec.threshold)


def prepare(spec: RunSpec, data: Dataset) -> Prepare:
    """Return what makes of pictures what a run's network sees.

    Parameters
    ----------
    spec : RunSpec
    data : Dataset
        As `load` returns it; for the scaling, its training pictures are looked at.

    Returns
    -------
    callable
        Takes pictures with values from 0 to 255, any kind of number, of shape (n, height,
        width, channels); returns a Tensor of float32 of the same shape. Pixels change
        places before they are scaled.
    """
    shift, scale = scaling(spec, data)
    height, width, channels = DATASETS[spec.dataset].shape
    places = tf.constant(pixel_order(height, width))

    def see(images: AnyArray | tf.Tensor) -> tf.Tensor:
        pictures = tf.cast(images, tf.float32)
        if spec.shuffle_pixels:
            pixels = tf.reshape(pictures, [-1, height * width, channels])
            pictures = tf.reshape(tf.gather(pixels, places, axis=1), [-1, height, width, channels])
        return (pictures - shift) / scale

    return see


def batches(images: ByteArray, see: Prepare) -> tf.data.Dataset:
    """Return pictures as a network sees them, in order.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, height, width, channels)
    see : callable
        As `prepare` returns it.

    Returns
    -------
    tf.data.Dataset
        Of float32, shape (batch, height, width, channels).
    """
    return tf.data.Dataset.from_tensor_slices(images).batch(BATCH_SIZE).map(see)


@overload
def predict(model: keras.Model, spec: RunSpec, data: Dataset) -> Predictions: ...
@overload
def predict(
    model: keras.Model, spec: RunSpec, data: Dataset, *, within: float
) -> Predictions | None: ...
def predict(
    model: keras.Model, spec: RunSpec, data: Dataset, *, within: float = 0.0
) -> Predictions | None:
    """Ask a network for the classes of the test pictures.

    Parameters
    ----------
    model : keras.Model
    spec : RunSpec
    data : Dataset
        As `load` returns it.
    within : float, optional
        Seconds after which it is given up; 0 for never.

    Returns
    -------
    Predictions or None
        None if there was not time enough.
    """
    patience = [_Patience(within)] if within else []
    try:
        probabilities: FloatArray = model.predict(
            batches(data.test_images, prepare(spec, data)), verbose=0, callbacks=patience
        )
    except TimeoutError:
        return None
    return Predictions(data.test_images[:SHOWN_PICTURES], data.test_labels, probabilities)


class _Patience(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Ends a prediction that takes too long."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._until = time.monotonic() + seconds

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        if time.monotonic() > self._until:
            raise TimeoutError


def model_at(store: RunStore, digest: str, moment: float) -> tuple[keras.Model, RunSpec]:
    """Return a run's network as it was at a moment, and what the run was asked to do.

    Parameters
    ----------
    store : RunStore
    digest : str
    moment : float
        One of ``store.moments(digest)``.

    Raises
    ------
    EngineError
        If the weights of that moment are not in the store.
    """
    spec, weights = store.spec(digest), store.weights(digest, moment)
    if spec is None or weights is None:
        raise EngineError(
            N_(
                "The weights after epoch {epoch} are not in the run store any more. "
                "Press Train to train this network again."
            ),
            epoch=f"{moment:g}",
        )
    model = models.build(spec)
    models.set_weights(model, weights)
    return model, spec


def score(predictions: Predictions) -> tuple[float, float]:
    """Return the loss and the accuracy of predictions.

    Parameters
    ----------
    predictions : Predictions

    Returns
    -------
    loss, accuracy : float
        The mean of -log p of the true class, with p kept 1e-7 away from 0 and 1 as
        Keras does; and the fraction whose largest probability is the true class's.
    """
    p = predictions.probabilities[np.arange(len(predictions.labels)), predictions.labels]
    losses = -np.log(np.clip(p.astype(np.float64), 1e-7, 1 - 1e-7))
    right = predictions.probabilities.argmax(axis=1) == predictions.labels
    return float(losses.mean()), float(right.mean())
