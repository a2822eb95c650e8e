"""Keras models built from plain descriptions; imported in workers alone."""

import keras
import numpy as np

from cvcore.arrays import AnyArray
from cvcore.datasets import DATASETS
from cvcore.networks import Convolution, Dense, Flatten, Layer, Pooling
from cvcore.spec import RunSpec


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


def compile(  # noqa: A001 - Keras' name for it
    model: keras.Model, spec: RunSpec, *, steps_per_execution: int = 1
) -> None:
    """Give a model the optimiser, the loss and the metric of a run.

    Parameters
    ----------
    model : keras.Model
    spec : RunSpec
    steps_per_execution : int, optional
        Batches that TensorFlow takes from Python at a time; they teach the same.
    """
    optimiser: keras.optimizers.Optimizer
    if spec.optimiser == "adam":
        optimiser = keras.optimizers.Adam(spec.learning_rate)
    else:
        optimiser = keras.optimizers.SGD(spec.learning_rate, momentum=spec.momentum)
    # "auto" would choose XLA where it thinks it can: on processors it is twice as slow.
    model.compile(
        optimiser,
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=steps_per_execution,
        jit_compile=False,
    )


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
        case Flatten():
            return keras.layers.Flatten(name=name)
        case Dense():
            return keras.layers.Dense(
                layer.units,
                activation=layer.activation,
                kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
                name=name,
            )
