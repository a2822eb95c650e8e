"""Models built from plain descriptions, held against the counts and against Keras itself."""

import keras
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from cvcore import models
from cvcore.arithmetic import count_possible, layer_table
from cvcore.errors import SettingError
from cvcore.networks import (
    NETWORKS,
    ActivationLayer,
    BatchNormalisation,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling,
    Layer,
    Network,
    Pooling,
)
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
        assert type(model.optimizer).__name__.lower() == name
        assert float(model.optimizer.learning_rate) == 0.25
    assert model.optimizer.momentum == 0.5


def test_an_impossible_network_is_refused() -> None:
    with pytest.raises(SettingError, match="Layer 2"):
        models.build(RunSpec(dataset="digits", network=(Flatten(), Pooling(), *SMALL.network)))


BY_VALUE: st.SearchStrategy[Layer] = st.one_of(
    st.builds(BatchNormalisation, momentum=st.sampled_from([0.9, 0.99])),
    st.builds(ActivationLayer, activation=st.sampled_from(["relu", "tanh"])),
    st.builds(Dropout, rate=st.sampled_from([0.0, 0.25, 0.5])),
)
OVER_MAPS: st.SearchStrategy[Layer] = st.one_of(
    st.builds(
        Convolution,
        filters=st.integers(1, 5),
        size=st.integers(1, 4),
        stride=st.integers(1, 3),
        padding=st.sampled_from(["valid", "same"]),
        activation=st.sampled_from(["linear", "relu"]),
    ),
    st.builds(
        Pooling,
        size=st.integers(1, 3),
        stride=st.sampled_from([None, 1, 2]),
        how=st.sampled_from(["max", "average"]),
    ),
)
NETWORK = st.tuples(
    st.lists(OVER_MAPS | BY_VALUE, max_size=5),
    st.sampled_from([Flatten(), GlobalAveragePooling()]),
    st.lists(BY_VALUE | st.builds(Dense, units=st.integers(1, 9)), max_size=3),
).map(lambda parts: (*parts[0], parts[1], *parts[2], Dense(units=10, activation="softmax")))


@settings(max_examples=15)
@given(NETWORK)
def test_shapes_and_parameters_of_any_network_are_keras_own(network: Network) -> None:
    rows, error = count_possible(network, (8, 8, 1))
    assume(error is None)
    model = models.build(RunSpec(dataset="digits", network=network))
    for row, layer in zip(rows, model.layers[1:], strict=True):
        assert row.output_shape == layer.output.shape[1:]
        assert row.parameters == layer.count_params()
        assert row.trainable == sum(int(np.prod(it.shape)) for it in layer.trainable_weights)


@pytest.mark.parametrize("name", ["vgg_small", "fast", "lenet5_28", "linear", "cnn_relu"])
def test_the_presets_have_the_parameters_that_are_counted(name: str) -> None:
    spec = RunSpec(dataset="fashion_mnist", network=NETWORKS[name].layers)
    counted = layer_table(spec.network, (28, 28, 1))
    assert models.build(spec).count_params() == sum(row.parameters for row in counted)


def test_each_layer_begins_with_the_seed_of_its_place() -> None:
    network = (Dropout(rate=0.5), *SMALL.network)
    weights = models.weights(models.build(RunSpec(dataset="digits", network=network, seed=7)))
    seeds = np.random.SeedSequence(7).generate_state(len(network))
    begin = keras.initializers.GlorotUniform(seed=int(seeds[1]))
    assert_array_equal(weights["convolution_2/kernel"], np.asarray(begin((3, 3, 1, 3))))


def test_two_dropout_layers_leave_out_different_values_the_same_in_every_build() -> None:
    network = (Dropout(rate=0.5), Dropout(rate=0.5), Flatten(), SMALL.network[-1])
    spec = RunSpec(dataset="digits", network=network)
    ones = np.ones((1, 8, 8, 1), np.float32)
    dropped = []
    for _ in range(2):
        first, second = models.build(spec).layers[1:3]
        dropped.append([np.asarray(it(ones, training=True)) for it in (first, second)])
    assert np.any(dropped[0][0] != dropped[0][1])
    assert_array_equal(dropped[0], dropped[1])
    assert set(np.unique(dropped[0])) == {0.0, 2.0}  # what stays is scaled by 1 / (1 - rate)
