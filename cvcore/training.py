"""A run trained with Keras, telling what happens; imported in workers alone."""

import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

import keras
import numpy as np
import tensorflow as tf

from cvcore import models
from cvcore.arrays import AnyArray, ByteArray, FloatArray, IntArray
from cvcore.augmentation import DRAWS, transform
from cvcore.datasets import DATASETS, Dataset
from cvcore.errors import N_, EngineError
from cvcore.history import Batch, End, EndedBy, Epoch, Event, Partial, Started
from cvcore.inference import BATCH_SIZE, batches, load, predict, prepare
from cvcore.runs import Predictions, RunStore, TrainingState
from cvcore.spec import Augmentation, RunSpec, learning_rates
from cvcore.surgery import arrays_of_filters, forget, operate
from cvcore.turns import Turn, Turns

EVENT_SECONDS = 0.2
STOP_SECONDS = 5.0  # for the test pictures of a run that was stopped: somebody waits

# TensorFlow takes several batches from Python at a time: each spares the step from one to
# the other some 0.3 ms, of the 0.5 to 1 that the lecture's dense network needs for 32 pictures.
PICTURES_AT_A_TIME = 320

_SHARED: weakref.WeakValueDictionary[tuple[str, int], tf.Tensor] = weakref.WeakValueDictionary()

# Parts of the first epoch after which weights are kept too: most happens there.
FIRST_MOMENTS = (1 / 16, 1 / 8, 1 / 4, 1 / 2)

Reason: TypeAlias = EndedBy | End
"""What ended a training: nothing, one of its rules, or a visitor."""


class Emit(Protocol):
    """Takes an event's kind and its values; numbers and times are added."""

    def __call__(self, kind: type[Event], **values: Any) -> None:
        """Tell what happened."""


class Keep(Protocol):
    """Takes the weights of a moment, and at the end of an epoch the state beside them."""

    def __call__(
        self, moment: float, weights: dict[str, AnyArray], state: TrainingState | None
    ) -> None:
        """Write them down."""


class Ended(Exception):  # noqa: N818 - not an error: a rule or a visitor wants it so
    """Ends a training in the middle of an epoch."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


@dataclass(frozen=True, eq=False, kw_only=True)
class Start:
    """Where a training begins that goes on from another's, or from its own earlier try.

    Parameters
    ----------
    epoch : int
        The epoch that was the last one.
    weights : tuple of ndarray
        After it, in Keras' order.
    state : TrainingState
    optimiser : str
        Whose state that is; another begins without one.
    own : bool
        Whether it is an earlier try of the same run: then its processor time counts.
    """

    epoch: int
    weights: tuple[AnyArray, ...]
    state: TrainingState
    optimiser: str
    own: bool

    @classmethod
    def kept(cls, store: RunStore, digest: str, epoch: int, *, own: bool) -> "Start":
        """Read where a run stood after an epoch.

        Raises
        ------
        EngineError
            If it cannot be read.
        """
        spec = store.spec(digest)
        weights, state = store.weights(digest, epoch), store.state(digest, epoch)
        if spec is None or weights is None or state is None:
            raise EngineError(
                N_(
                    "What the run store keeps of the run {name} after epoch {epoch} cannot be "
                    "read. Delete that run and train it again."
                ),
                name=digest,
                epoch=epoch,
            )
        return cls(
            epoch=epoch,
            weights=tuple(weights.values()),
            state=state,
            optimiser=spec.optimiser,
            own=own,
        )


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a training leaves behind.

    Parameters
    ----------
    model : keras.Model
    predictions : Predictions or None
        Of the test pictures; None for a run that was paused, or stopped with a network too
        slow to wait for.
    ended_by : str
        What ended it before its last epoch: 'accuracy', 'patience', 'seconds'; 'stop' or
        'pause' by a visitor; or nothing did.
    moment : float
        When that was, in epochs.
    """

    model: keras.Model
    predictions: Predictions | None
    ended_by: Reason
    moment: float


def train(
    spec: RunSpec,
    *,
    emit: Emit,
    keep: Keep,
    asked: Callable[[], End | None] = lambda: None,
    start: Start | None = None,
    turn: Turn | None = None,
) -> Outcome:
    """Train a network as its specification says.

    The same specification gives the same history on the same machine, value
    for value, also when it is taken up from the middle or trained in turns
    with others: every random number comes from the run's own seed.

    Parameters
    ----------
    spec : RunSpec
    emit : callable
        Hears of `Started`, `Batch` (at most five a second), `Epoch` and `Partial`.
    keep : callable
        Takes the weights of a moment before its event: the first ones, some inside the
        first epoch, and each epoch's, there with the state of the training.
    asked : callable, optional
        Asked within every `PICTURES_AT_A_TIME` pictures whether, and how, to end.
    start : Start, optional
        What to go on from. Where it is another run's, the specification's operations are done
        to its weights first, and the optimiser forgets the filters that were operated on.
    turn : Turn, optional
        Whose processor time is counted, and who lets others go on in between.

    Returns
    -------
    Outcome

    Raises
    ------
    SettingError, AssetError
        If the specification cannot be trained, or its data set cannot be had.
    """
    turn = turn or Turns().join(lambda: False)
    model = models.build(spec)
    data = load(spec)
    training, validation, test = spec.sizes()
    steps = -(-training // spec.batch_size)
    group = min(max(PICTURES_AT_A_TIME // spec.batch_size, 1), steps)
    state = _take_up(model, spec, start, steps=steps, steps_per_execution=group)
    emit(
        Started,
        epochs=spec.epochs,
        steps=steps,
        training_pictures=training,
        validation_pictures=validation,
        test_pictures=test,
        parameters=model.count_params(),
    )
    first = start.epoch if start else 0
    if start is None:
        keep(0.0, models.weights(model), None)
    elif not start.own:  # so that a branch needs nothing of its parent any more
        keep(float(first), models.weights(model), state)
    reporter = _EventCallback(spec, steps, emit, asked, keep, turn, state, first)
    held_back = _validation(spec, data)
    reason: Reason = _rule(spec, state, first) if start and start.own else ""
    try:
        if not reason and first < spec.epochs:
            model.fit(
                _shuffled(spec, data, epoch=lambda: reporter.epoch),
                initial_epoch=first,
                epochs=spec.epochs,
                validation_data=held_back,
                callbacks=[reporter],
                shuffle=False,  # `_shuffled` has done it
                verbose=0,
            )
            reason = reporter.reason
    except Ended as ended:
        reason = ended.reason
        if reason == "seconds":
            reporter.tell_partial(model, held_back)
        elif reason == "stop":
            keep(reporter.moment, models.weights(model), None)
    with turn.uncounted():
        predictions = None
        if reason != "pause":
            predictions = predict(model, spec, data, within=STOP_SECONDS if reason == "stop" else 0)
    return Outcome(model, predictions, reason, reporter.moment)


def _take_up(
    model: keras.Model,
    spec: RunSpec,
    start: Start | None,
    *,
    steps: int,
    steps_per_execution: int,
) -> TrainingState:
    """Compile a model, put it where it starts, and return the state of the training there."""
    if start is None:
        models.compile(model, spec, steps=steps, steps_per_execution=steps_per_execution)
        model.optimizer.build(model.trainable_variables)
        return _state(model, TrainingState(optimiser=(), seeds=()))
    same_kind = start.optimiser == spec.optimiser
    done = int(start.state.optimiser[0]) if same_kind else 0  # Keras' first one counts steps
    models.compile(
        model,
        spec,
        steps=steps,
        steps_per_execution=steps_per_execution,
        first_step=done - start.epoch * steps,
    )
    model.optimizer.build(model.trainable_variables)
    _assign(model.weights, start.weights)
    if not start.own:  # a run that is taken up again was operated on when it began
        operated = operate(models.weights(model), spec.network, spec.surgery)
        models.set_weights(model, operated)
    optimiser = models.optimiser_variables(model)
    if same_kind and _fit(optimiser, start.state.optimiser):
        _assign(optimiser, start.state.optimiser)
        if not start.own:
            _forget(model, spec)
    elif same_kind:  # momentum was added or taken away: the steps are counted on
        optimiser[0].assign(done)
    seeds = models.seed_variables(model)
    if _fit(seeds, start.state.seeds):
        _assign(seeds, start.state.seeds)
    earlier = start.state.processor_seconds if start.own else 0.0
    return _state(model, replace(start.state, processor_seconds=earlier))


def _forget(model: keras.Model, spec: RunSpec) -> None:
    """Take from the optimiser what it remembers of filters that are no longer what they were."""
    remembered = models.memory(model)
    for operation in spec.surgery:
        for name in arrays_of_filters(spec.network, operation.layer):
            for variable in remembered.get(name, []):  # none of means and variances
                value = np.asarray(variable).copy()
                forget(value, operation)
                variable.assign(value)


def _fit(variables: list[keras.Variable], values: tuple[AnyArray, ...]) -> bool:
    return [tuple(it.shape) for it in variables] == [it.shape for it in values]


def _assign(variables: list[keras.Variable], values: tuple[AnyArray, ...]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _state(model: keras.Model, facts: TrainingState) -> TrainingState:
    """Return the state of a training: the facts, with the model's variables of now."""
    return replace(
        facts,
        optimiser=tuple(np.asarray(it) for it in models.optimiser_variables(model)),
        seeds=tuple(np.asarray(it) for it in models.seed_variables(model)),
    )


def _rule(spec: RunSpec, state: TrainingState, epoch: int) -> EndedBy:
    """Say which of a run's rules ends it after an epoch, before its last one."""
    if epoch >= spec.epochs:
        return ""
    if spec.early_stop is not None and state.accuracy >= spec.early_stop:
        return "accuracy"
    if spec.patience is not None and state.waited >= spec.patience:
        return "patience"
    if spec.seconds is not None and state.processor_seconds >= spec.seconds:
        return "seconds"
    return ""


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


def _shuffled(spec: RunSpec, data: Dataset, *, epoch: Callable[[], int]) -> tf.data.Dataset:
    """Return the training pictures in batches, in another order each time they are asked for.

    This is what `fit` makes of arrays, but for the order's seed: one gather a
    batch. The pictures stay bytes until then, a quarter of the memory.
    """
    count, size = spec.sizes()[0], spec.batch_size
    images = _images(spec, data)
    labels = tf.constant(_as_labels(spec, data.training_labels[:count]))
    seen = prepare(spec, data)

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
        return seen(picked), tf.gather(labels, chosen)

    dataset = tf.data.Dataset.range(1).flat_map(indices).map(pictures).prefetch(2)
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    return dataset.with_options(options).apply(
        tf.data.experimental.assert_cardinality(-(-count // size))
    )


def _images(spec: RunSpec, data: Dataset) -> tf.Tensor:
    """Return all training pictures as a tensor, the same one for trainings side by side."""
    key = (spec.dataset, spec.threshold)
    images = _SHARED.get(key)
    if images is None:
        images = _SHARED[key] = tf.constant(data.training_images)
    return images


def _in_batches(tensors: tuple[tf.Tensor, ...], count: int, size: int) -> tf.data.Dataset:
    """Cut tensors into batches at once, which costs less than to collect them one by one."""
    full = count // size * size
    whole = tf.data.Dataset.from_tensor_slices(
        tuple(tf.reshape(it[:full], [-1, size, *it.shape[1:]]) for it in tensors)
    )
    if full == count:
        return whole
    return whole.concatenate(tf.data.Dataset.from_tensors(tuple(it[full:] for it in tensors)))


def _as_labels(spec: RunSpec, labels: IntArray) -> AnyArray:
    """Write classes as integers, or as rows with a 1 in the place of the class."""
    if spec.labels == "integer":
        return labels
    return np.eye(len(DATASETS[spec.dataset].classes), dtype=np.float32)[labels]


def _validation(spec: RunSpec, data: Dataset) -> tf.data.Dataset | None:
    """Return the last training pictures, as Keras' validation_split takes them."""
    count = spec.sizes()[1]
    if not count:
        return None
    images: ByteArray = data.training_images[-count:]
    labels = tf.data.Dataset.from_tensor_slices(_as_labels(spec, data.training_labels[-count:]))
    return tf.data.Dataset.zip(batches(images, prepare(spec, data)), labels.batch(BATCH_SIZE))


class _EventCallback(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Tells of batches and epochs, keeps weights, lets others go on, and ends the training."""

    def __init__(
        self,
        spec: RunSpec,
        steps: int,
        emit: Emit,
        asked: Callable[[], End | None],
        keep: Keep,
        turn: Turn,
        state: TrainingState,
        first: int,
    ) -> None:
        super().__init__()
        self._spec, self._steps, self._emit = spec, steps, emit
        self._asked, self._keep, self._turn, self._state = asked, keep, turn, state
        self.epoch = first
        self.reason: EndedBy = ""
        self._step = 0  # of this epoch
        self._logs: dict[str, float] = {}
        self._moments = list(FIRST_MOMENTS) if first == 0 else []
        self._begun_at = self._last_at = 0.0
        self._told_at, self._told_step = 0.0, 0

    @property
    def moment(self) -> float:
        """Where the training stands, in epochs, to be told apart from the end of any epoch."""
        if self._step == 0:
            return float(self.epoch)
        thousandths = min(max(1000 * self._step // self._steps, 1), 999)
        return self.epoch + thousandths / 1000

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
        self._turn.count(earlier=self._state.processor_seconds)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        self.epoch, self._step = epoch, 0
        self._begun_at = self._told_at = time.monotonic()
        self._told_step = 0

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        now = self._last_at = time.monotonic()
        # With several batches at a time, Keras names the one that would have been the last.
        self._step = min(batch + 1, self._steps)
        self._logs = logs or {}
        self._end_if_asked()
        spent, most = self._turn.seconds, self._spec.seconds
        # After an epoch's last step comes its validation, and then the same question.
        if most is not None and spent >= most and self._step < self._steps:
            raise Ended("seconds")
        self._keep_moment()
        if logs is not None and now - self._told_at >= EVENT_SECONDS:
            pictures = (self._step - self._told_step) * self._spec.batch_size
            self._emit(
                Batch,
                epoch=self.epoch + 1,
                step=self._step,
                loss=logs["loss"],
                accuracy=logs["accuracy"],
                images_per_second=pictures / (now - self._told_at),
                processor_seconds=spent,
            )
            self._told_at, self._told_step = now, self._step
        self._let_others_go_on()

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        self._end_if_asked()
        self._let_others_go_on()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        logs = logs or {}
        val_loss = logs.get("val_loss")
        better = val_loss is not None and val_loss < self._state.lowest
        self._state = replace(
            self._state,
            accuracy=logs["accuracy"],
            lowest=val_loss if val_loss is not None and better else self._state.lowest,
            waited=0 if better else self._state.waited + 1,
            processor_seconds=self._turn.seconds,
        )
        with self._turn.uncounted():
            self._keep(epoch + 1.0, models.weights(self.model), _state(self.model, self._state))
        self._emit(
            Epoch,
            epoch=epoch + 1,
            loss=logs["loss"],
            accuracy=logs["accuracy"],
            val_loss=val_loss,
            val_accuracy=logs.get("val_accuracy"),
            images_per_second=self._spec.sizes()[0] / (self._last_at - self._begun_at),
            learning_rate=self._learning_rate(),
            processor_seconds=self._state.processor_seconds,
        )
        self.reason = _rule(self._spec, self._state, epoch + 1)
        self.model.stop_training = self.reason != ""
        self.epoch, self._step = epoch + 1, 0

    def tell_partial(self, model: keras.Model, validation: tf.data.Dataset | None) -> None:
        """Tell of an epoch that ended before its last step, measured as a whole one is."""
        # The same words again, since a measurement overwrites what the training counted.
        trained, spent = dict(self._logs), self._turn.seconds
        held_back: dict[str, float] = {}
        with self._turn.uncounted():
            self._keep(self.moment, models.weights(model), None)
            if validation is not None:
                held_back = model.evaluate(validation, verbose=0, return_dict=True)
        self._emit(
            Partial,
            moment=self.moment,
            loss=trained["loss"],
            accuracy=trained["accuracy"],
            val_loss=held_back.get("loss"),
            val_accuracy=held_back.get("accuracy"),
            learning_rate=self._learning_rate(),
            processor_seconds=spent,
        )

    def _learning_rate(self) -> float:
        """Return what the last step learned with."""
        moment = self.epoch + (self._step - 0.5) / self._steps
        return float(learning_rates(self._spec, moment))

    def _keep_moment(self) -> None:
        """Keep the weights where the first of the group's steps past a moment has ended."""
        if self.epoch > 0 or not self._moments or self._step == self._steps:
            return
        passed = [it for it in self._moments if self._step >= it * self._steps]
        if passed:
            self._moments = self._moments[len(passed) :]
            with self._turn.uncounted():
                self._keep(self.moment, models.weights(self.model), None)

    def _let_others_go_on(self) -> None:
        before = time.monotonic()
        self._turn.offer()
        waited = time.monotonic() - before
        # How fast this one is does not depend on how long others take.
        self._begun_at += waited
        self._told_at += waited
        self._last_at += waited

    def _end_if_asked(self) -> None:
        if how := self._asked():
            raise Ended(how)
