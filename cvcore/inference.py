"""What a trained network says of pictures; imported in workers alone."""

import keras
import numpy as np
import tensorflow as tf

from cvcore import models
from cvcore.arrays import AnyArray, ByteArray, FloatArray
from cvcore.datasets import Dataset, load
from cvcore.runs import SHOWN_PICTURES, Predictions
from cvcore.spec import RunSpec

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


def batches(images: ByteArray, shift: float, scale: float) -> tf.data.Dataset:
    """Return pictures as a network sees them, in order.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, height, width, channels)
    shift, scale : float
        As `scaling` returns them.

    Returns
    -------
    tf.data.Dataset
        Of float32, shape (batch, height, width, channels).
    """
    pictures = tf.data.Dataset.from_tensor_slices(images).batch(BATCH_SIZE)
    return pictures.map(lambda batch: (tf.cast(batch, tf.float32) - shift) / scale)


def predict(model: keras.Model, spec: RunSpec, data: Dataset) -> Predictions:
    """Ask a network for the classes of the test pictures."""
    pictures = batches(data.test_images, *scaling(spec, data))
    probabilities: FloatArray = model.predict(pictures, verbose=0)
    return Predictions(data.test_images[:SHOWN_PICTURES], data.test_labels, probabilities)


def predict_again(spec: RunSpec, weights: dict[str, AnyArray]) -> Predictions:
    """Ask a network as it was when its weights were kept."""
    model = models.build(spec)
    models.set_weights(model, weights)
    return predict(model, spec, load(spec.dataset))


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
