"""A run trained with Keras, telling what happens; imported in workers alone."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import keras
import numpy as np
import tensorflow as tf

from cvcore import models
from cvcore.arrays import AnyArray, ByteArray, FloatArray, IntArray
from cvcore.augmentation import DRAWS, transform
from cvcore.datasets import Dataset, load
from cvcore.history import Batch, Epoch, Event, Started
from cvcore.inference import BATCH_SIZE, batches, predict, scaling
from cvcore.runs import Predictions
from cvcore.spec import Augmentation, RunSpec

EVENT_SECONDS = 0.2

# TensorFlow takes several batches from Python at a time: each spares the step from one to
# the other some 0.3 ms, of the 0.5 to 1 that the lecture's dense network needs for 32 pictures.
PICTURES_AT_A_TIME = 320

Keep: TypeAlias = Callable[[int, dict[str, AnyArray]], None]


class Emit(Protocol):
    """Takes an event's kind and its values; numbers and times are added."""

    def __call__(self, kind: type[Event], **values: Any) -> None:
        """Tell what happened."""


class StopAsked(Exception):  # noqa: N818 - not an error: a visitor wants it so
    """Ends a training in the middle of an epoch."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a training leaves behind.

    Parameters
    ----------
    model : keras.Model
    predictions : Predictions
        Of the test pictures.
    early : bool
        Whether it ended because it reached the training accuracy to stop at.
    """

    model: keras.Model
    predictions: Predictions
    early: bool


def train(spec: RunSpec, *, emit: Emit, stopped: Callable[[], bool], keep: Keep) -> Outcome:
    """Train a network as its specification says.

    The same specification gives the same history on the same machine, value
    for value: every random number comes from the run's own seed.

    Parameters
    ----------
    spec : RunSpec
    emit : callable
        Hears of `Started`, `Batch` (at most five a second) and `Epoch`.
    stopped : callable
        Asked within every `PICTURES_AT_A_TIME` pictures whether to end.
    keep : callable
        Takes the epoch and the weights after it, before the epoch's event.

    Returns
    -------
    Outcome

    Raises
    ------
    StopAsked
        When `stopped` said so.
    SettingError, AssetError
        If the specification cannot be trained, or its data set cannot be had.
    """
    model = models.build(spec)
    data = load(spec.dataset)
    training, validation, test = spec.sizes()
    steps = -(-training // spec.batch_size)
    group = min(max(PICTURES_AT_A_TIME // spec.batch_size, 1), steps)
    models.compile(model, spec, steps_per_execution=group)
    emit(
        Started,
        epochs=spec.epochs,
        steps=steps,
        training_pictures=training,
        validation_pictures=validation,
        test_pictures=test,
        parameters=model.count_params(),
    )
    shift, scale = scaling(spec, data)
    reporter = _EventCallback(spec, steps, emit, stopped, keep)
    model.fit(
        _shuffled(spec, data, shift, scale, epoch=lambda: reporter.epoch),
        epochs=spec.epochs,
        validation_data=_validation(spec, data, shift, scale),
        callbacks=[reporter],
        shuffle=False,  # `_shuffled` has done it
        verbose=0,
    )
    return Outcome(model, predict(model, spec, data), reporter.early)


def order(spec: RunSpec, epoch: int) -> IntArray:
    """Return the order in which an epoch sees the training pictures.

    Parameters
    ----------
    spec : RunSpec
    epoch : int
        From 0.

    Returns
    -------
    ndarray of int64, shape (n,)
    """
    return np.random.default_rng([spec.seed, epoch]).permutation(spec.sizes()[0])


def draws(spec: RunSpec, epoch: int) -> FloatArray:
    """Return the random numbers by which an epoch's pictures are augmented, in its order.

    Returns
    -------
    ndarray of float32, shape (n, 6)
        From 0 to 1; of shape (n, 0) for a run without augmentation.
    """
    numbers = DRAWS if spec.augmentation != Augmentation() else 0
    # The third number keeps these apart from the order's own.
    rng = np.random.default_rng([spec.seed, epoch, 1])
    return rng.random((spec.sizes()[0], numbers), np.float32)


def _shuffled(
    spec: RunSpec, data: Dataset, shift: float, scale: float, *, epoch: Callable[[], int]
) -> tf.data.Dataset:
    """Return the training pictures in batches, in another order each time they are asked for.

    This is what `fit` makes of arrays, but for the order's seed: one gather a
    batch. The pictures stay bytes until then, a quarter of the memory.
    """
    count, size = spec.sizes()[0], spec.batch_size
    images = tf.constant(data.training_images[:count])
    labels = tf.constant(data.training_labels[:count])

    def indices(_: tf.Tensor) -> tf.data.Dataset:
        chosen, numbers = tf.numpy_function(
            lambda: (order(spec, epoch()), draws(spec, epoch())), [], (tf.int64, tf.float32)
        )
        chosen = tf.ensure_shape(chosen, [count])
        numbers = tf.ensure_shape(numbers, [count, draws(spec, 0).shape[1]])
        return _in_batches((chosen, numbers), count, size)

    def pictures(chosen: tf.Tensor, numbers: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        picked = tf.cast(tf.gather(images, chosen), tf.float32)
        if spec.augmentation != Augmentation():
            picked = transform(picked, spec.augmentation, numbers)
        return (picked - shift) / scale, tf.gather(labels, chosen)

    dataset = tf.data.Dataset.range(1).flat_map(indices).map(pictures).prefetch(2)
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    return dataset.with_options(options).apply(
        tf.data.experimental.assert_cardinality(-(-count // size))
    )


def _in_batches(tensors: tuple[tf.Tensor, ...], count: int, size: int) -> tf.data.Dataset:
    """Cut tensors into batches at once, which costs less than to collect them one by one."""
    full = count // size * size
    whole = tf.data.Dataset.from_tensor_slices(
        tuple(tf.reshape(it[:full], [-1, size, *it.shape[1:]]) for it in tensors)
    )
    if full == count:
        return whole
    return whole.concatenate(tf.data.Dataset.from_tensors(tuple(it[full:] for it in tensors)))


def _validation(spec: RunSpec, data: Dataset, shift: float, scale: float) -> tf.data.Dataset | None:
    """Return the last training pictures, as Keras' validation_split takes them."""
    count = spec.sizes()[1]
    if not count:
        return None
    images: ByteArray = data.training_images[-count:]
    labels = tf.data.Dataset.from_tensor_slices(data.training_labels[-count:])
    return tf.data.Dataset.zip(batches(images, shift, scale), labels.batch(BATCH_SIZE))


class _EventCallback(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Tells of batches and epochs, keeps weights, and ends the training."""

    def __init__(
        self, spec: RunSpec, steps: int, emit: Emit, stopped: Callable[[], bool], keep: Keep
    ) -> None:
        super().__init__()
        self._spec, self._steps, self._emit = spec, steps, emit
        self._stopped, self._keep = stopped, keep
        self.epoch = 0
        self.early = False
        self._begun_at = self._last_at = 0.0
        self._told_at, self._told_step = 0.0, 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        self.epoch = epoch
        self._begun_at = self._told_at = time.monotonic()
        self._told_step = 0

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self._end_if_asked()
        now = self._last_at = time.monotonic()
        if logs is None or now - self._told_at < EVENT_SECONDS:
            return
        # With several batches at a time, Keras names the one that would have been the last.
        step = min(batch + 1, self._steps)
        pictures = (step - self._told_step) * self._spec.batch_size
        self._emit(
            Batch,
            epoch=self.epoch + 1,
            step=step,
            loss=logs["loss"],
            accuracy=logs["accuracy"],
            images_per_second=pictures / (now - self._told_at),
        )
        self._told_at, self._told_step = now, step

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        self._end_if_asked()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        logs = logs or {}
        self._keep(epoch + 1, models.weights(self.model))
        self._emit(
            Epoch,
            epoch=epoch + 1,
            loss=logs["loss"],
            accuracy=logs["accuracy"],
            val_loss=logs.get("val_loss"),
            val_accuracy=logs.get("val_accuracy"),
            images_per_second=self._spec.sizes()[0] / (self._last_at - self._begun_at),
        )
        if self._spec.early_stop is not None and logs["accuracy"] >= self._spec.early_stop:
            self.early = epoch + 1 < self._spec.epochs
            self.model.stop_training = True

    def _end_if_asked(self) -> None:
        if self._stopped():
            raise StopAsked
