"""Keras models built from plain descriptions; imported in workers alone."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np

from cvcore.arrays import AnyArray
from cvcore.datasets import DATASETS
from cvcore.networks import (
    ActivationLayer,
    BatchNormalisation,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling,
    Layer,
    Pooling,
)
from cvcore.spec import RunSpec, learning_rates


def build(spec: RunSpec) -> keras.Model:
    """Build the network of a run, with its first weights.

    Every layer has a seed of its own from the run's, and no global seed is
    read or written: the same specification gives the same weights, also
    beside another training in the same process.

    Parameters
    ----------
    spec : RunSpec

    Returns
    -------
    keras.Model
        Functional, not compiled. Its layers are named after their kind and
        position (``convolution_1``, ``pooling_2``, …).

    Raises
    ------
    SettingError
        If the specification makes no network.
    """
    spec.validate()
    seeds = np.random.SeedSequence(spec.seed).generate_state(len(spec.network))
    picture = keras.Input(DATASETS[spec.dataset].shape, name="picture")
    tensor = picture
    for position, (layer, seed) in enumerate(zip(spec.network, seeds, strict=True), start=1):
        tensor = _layer(layer, name=f"{layer.kind}_{position}", seed=int(seed))(tensor)
    return keras.Model(picture, tensor, name="network")


def build_apart(spec: RunSpec) -> keras.Model:
    """Build a run's network so that every value between its layers can be had.

    Each activation is a layer of its own; for inference alone.

    Parameters
    ----------
    spec : RunSpec

    Returns
    -------
    keras.Model
        Of two lists: what each layer computes before its activation, and after it. Both are
        the same tensor where a layer has no activation, and after a dropout layer that of
        the layer before. The variables are named as those of `build`.

    Raises
    ------
    SettingError
        If the specification makes no network.
    """
    spec.validate()
    picture = keras.Input(DATASETS[spec.dataset].shape, name="picture")
    tensor, sums, outputs = picture, [], []
    for position, layer in enumerate(spec.network, start=1):
        name, activation = f"{layer.kind}_{position}", "linear"
        if isinstance(layer, Convolution | Dense):
            activation, layer = layer.activation, replace(layer, activation="linear")
        if not isinstance(layer, Dropout):  # it does nothing but in training
            tensor = _layer(layer, name=name, seed=0)(tensor)
        sums.append(tensor)
        if activation != "linear":
            tensor = keras.layers.Activation(activation, name=f"{name}_{activation}")(tensor)
        outputs.append(tensor)
    return keras.Model(picture, (sums, outputs), name="apart")


def compile(  # noqa: A001 - Keras' name for it
    model: keras.Model,
    spec: RunSpec,
    *,
    steps_per_execution: int = 1,
    steps: int | None = None,
    first_step: int = 0,
) -> None:
    """Give a model the optimiser, the loss and the metric of a run.

    Parameters
    ----------
    model : keras.Model
    spec : RunSpec
    steps_per_execution : int, optional
        Batches that TensorFlow takes from Python at a time; they teach the same.
    steps : int, optional
        Batches in an epoch, if not as many as the specification says.
    first_step : int, optional
        What the optimiser, which counts its steps, would have counted at the beginning of
        the run: not 0 for one that goes on with the optimiser of another.
    """
    rate: float | keras.optimizers.schedules.LearningRateSchedule = spec.learning_rate
    if spec.schedule != "constant":
        rate = _Schedule(spec, steps or -(-spec.sizes()[0] // spec.batch_size), first_step)
    optimiser: keras.optimizers.Optimizer
    if spec.optimiser == "adam":
        optimiser = keras.optimizers.Adam(rate)
    else:
        optimiser = keras.optimizers.SGD(rate, momentum=spec.momentum)
    # "auto" would choose XLA where it thinks it can: on processors it is twice as slow.
    model.compile(
        optimiser,
        loss="sparse_categorical_crossentropy"
        if spec.labels == "integer"
        else "categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=steps_per_execution,
        jit_compile=False,
    )


class _Schedule(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """A run's learning rate at each of its steps, looked up by TensorFlow itself."""

    def __init__(self, spec: RunSpec, steps: int, first_step: int) -> None:
        middles = (np.arange(steps * spec.epochs) + 0.5) / steps
        self._rates = keras.ops.convert_to_tensor(learning_rates(spec, middles), "float32")
        self._first_step = first_step

    def __call__(self, step: Any) -> Any:
        last = self._rates.shape[0] - 1
        place = keras.ops.clip(keras.ops.cast(step, "int32") - self._first_step, 0, last)
        return keras.ops.take(self._rates, place)


def optimiser_variables(model: keras.Model) -> list[keras.Variable]:
    """Return what a compiled model's optimiser remembers: its steps, momentums, ….

    The learning rate, which the specification says, is not among them.
    """
    return [it for it in model.optimizer.variables if it.name != "learning_rate"]


def memory(model: keras.Model) -> dict[str, list[keras.Variable]]:
    """Return what a compiled model's optimiser remembers of each weight, by the weights' names."""
    return {
        weight.path: [
            it
            for it in optimiser_variables(model)
            if it.name.startswith(weight.path.replace("/", "_") + "_")
        ]
        for weight in model.trainable_variables
    }


def seed_variables(model: keras.Model) -> list[keras.Variable]:
    """Return where the random numbers of a model's dropout layers stand."""
    weights = {id(variable) for variable in model.weights}
    return [it for it in model.variables if id(it) not in weights]


def weights(model: keras.Model) -> dict[str, AnyArray]:
    """Return a model's weights by their names (``convolution_1/kernel``), as float32."""
    return {variable.path: np.asarray(variable) for variable in model.weights}


def set_weights(model: keras.Model, values: dict[str, AnyArray]) -> None:
    """Give a model what `weights` returned."""
    for variable in model.weights:
        variable.assign(values[variable.path])


def _layer(layer: Layer, *, name: str, seed: int) -> keras.Layer:
    match layer:
        case Convolution():
            return keras.layers.Conv2D(
                layer.filters,
                layer.size,
                strides=layer.stride,
                padding=layer.padding,
                activation=layer.activation,
                kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
                name=name,
            )
        case Pooling():
            pool = (
                keras.layers.MaxPooling2D if layer.how == "max" else keras.layers.AveragePooling2D
            )
            return pool(layer.size, strides=layer.stride, name=name)
        case GlobalAveragePooling():
            return keras.layers.GlobalAveragePooling2D(name=name)
        case BatchNormalisation():
            return keras.layers.BatchNormalization(momentum=layer.momentum, name=name)
        case ActivationLayer():
            return keras.layers.Activation(layer.activation, name=name)
        case Dropout():
            return keras.layers.Dropout(layer.rate, seed=seed, name=name)
        case Flatten():
            return keras.layers.Flatten(name=name)
        case Dense():
            return keras.layers.Dense(
                layer.units,
                activation=layer.activation,
                kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
                name=name,
            )
