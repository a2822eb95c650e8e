"""Models built from plain descriptions, held against the counts and against Keras itself."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cvcore import models
from cvcore.arithmetic import layer_table
from cvcore.errors import SettingError
from cvcore.networks import NETWORKS, Convolution, Dense, Flatten, Pooling
from cvcore.spec import RunSpec

LECTURE = {"dense": 101_770, "cnn": 258_874}
SMALL = RunSpec(
    dataset="digits",
    network=(
        Convolution(filters=3, size=3, stride=2, padding="same", activation="relu"),
        Pooling(size=2, stride=1, how="average"),
        Flatten(),
        Dense(units=10, activation="softmax"),
    ),
)


@pytest.mark.parametrize("name", LECTURE)
def test_the_lectures_networks_have_the_lectures_parameters(name: str) -> None:
    spec = RunSpec(dataset="fashion_mnist", network=NETWORKS[name].layers)
    assert models.build(spec).count_params() == LECTURE[name]


def test_every_layer_has_the_shape_that_the_arithmetic_gives_it() -> None:
    model = models.build(SMALL)
    shapes = [layer.output.shape[1:] for layer in model.layers[1:]]
    assert shapes == [row.output_shape for row in layer_table(SMALL.network, (8, 8, 1))]
    names = [layer.name for layer in model.layers]
    assert names == ["picture", "convolution_1", "pooling_2", "flatten_3", "dense_4"]


def test_a_small_network_computes_what_keras_layers_in_a_row_do() -> None:
    model = models.build(SMALL)
    by_hand = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(3, 3, strides=2, padding="same", activation="relu"),
            keras.layers.AveragePooling2D(2, strides=1),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    by_hand.set_weights(model.get_weights())
    pictures = np.random.default_rng(0).random((5, 8, 8, 1), np.float32)
    assert_allclose(np.asarray(model(pictures)), np.asarray(by_hand(pictures)), atol=1e-6)


def test_the_same_seed_gives_the_same_weights_and_leaves_the_global_ones_alone() -> None:
    keras.utils.set_random_seed(1)
    first = models.weights(models.build(SMALL))
    after_building = np.asarray(keras.random.uniform((4,)))
    keras.utils.set_random_seed(1)
    assert_array_equal(np.asarray(keras.random.uniform((4,))), after_building)
    second = models.weights(models.build(SMALL))  # the global seed stands elsewhere now
    assert first.keys() == second.keys()
    for name in first:
        assert_array_equal(first[name], second[name])


def test_layers_of_the_same_shape_begin_with_different_weights() -> None:
    twins = (Flatten(), Dense(units=64), Dense(units=64), Dense(units=10, activation="softmax"))
    weights = models.weights(models.build(RunSpec(dataset="digits", network=twins)))
    assert np.abs(weights["dense_2/kernel"] - weights["dense_3/kernel"]).max() > 0.01


def test_another_seed_gives_other_weights() -> None:
    one, other = (
        models.weights(models.build(RunSpec(dataset="digits", network=SMALL.network, seed=seed)))
        for seed in (0, 1)
    )
    assert np.abs(one["dense_4/kernel"] - other["dense_4/kernel"]).max() > 0.01


def test_weights_put_back_give_the_same_answers() -> None:
    model = models.build(SMALL)
    other = models.build(RunSpec(dataset="digits", network=SMALL.network, seed=5))
    models.set_weights(other, models.weights(model))
    pictures = np.random.default_rng(0).random((5, 8, 8, 1), np.float32)
    assert_array_equal(np.asarray(other(pictures)), np.asarray(model(pictures)))


def test_the_optimiser_is_the_one_asked_for() -> None:
    asked = {
        "adam": RunSpec(dataset="digits", network=SMALL.network, learning_rate=0.25),
        "sgd": RunSpec(
            dataset="digits",
            network=SMALL.network,
            learning_rate=0.25,
            optimiser="sgd",
            momentum=0.5,
        ),
    }
    for name, spec in asked.items():
        model = models.build(spec)
        models.compile(model, spec)
        assert model.optimizer.name.lower() == name
        assert float(model.optimizer.learning_rate) == 0.25
    assert model.optimizer.momentum == 0.5


def test_an_impossible_network_is_refused() -> None:
    with pytest.raises(SettingError, match="Layer 2"):
        models.build(RunSpec(dataset="digits", network=(Flatten(), Pooling(), *SMALL.network)))
