"""The array layers and the counts, held against Keras."""

from typing import Any

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cvcore.activations import relu, sigmoid, softmax
from cvcore.arithmetic import layer_table
from cvcore.arrays import FloatArray
from cvcore.convolution import convolve, convolve_layer
from cvcore.networks import NETWORKS, Convolution, Dense, Flatten, Layer, Network, Pooling
from cvcore.pooling import pool


def random(*shape: int) -> FloatArray:
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def keras_layer(layer: Layer) -> Any:
    match layer:
        case Convolution():
            return keras.layers.Conv2D(
                layer.filters,
                layer.size,
                strides=layer.stride,
                padding=layer.padding,
                activation=layer.activation,
            )
        case Pooling(how="max"):
            return keras.layers.MaxPooling2D(layer.size, layer.stride)
        case Pooling():
            return keras.layers.AveragePooling2D(layer.size, layer.stride)
        case Flatten():
            return keras.layers.Flatten()
        case Dense():
            return keras.layers.Dense(layer.units, activation=layer.activation)


@pytest.mark.parametrize(
    ("image", "kernel", "stride"),
    [
        ((9, 9), (3, 3), 1),
        ((9, 12), (3, 3), 2),
        ((10, 9), (2, 2), 1),
        ((10, 11), (2, 2), 3),
        ((7, 8), (4, 3), 2),
        ((8, 7), (1, 6), 3),
        ((5, 5), (5, 5), 1),
        ((6, 6), (1, 1), 4),
        ((3, 4), (3, 2), 7),
        ((33, 40), (12, 13), 1),
        ((40, 33), (15, 20), 2),
        ((64, 70), (31, 31), 3),
    ],
)
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("filters", [2, 30])
def test_a_layer_of_kernels_is_keras_convolution(
    image: tuple[int, int], kernel: tuple[int, int], stride: int, padding: Any, filters: int
) -> None:
    picture, weights, bias = random(*image, 3), random(*kernel, 3, filters), random(filters)
    theirs = keras.ops.conv(picture[np.newaxis], weights, strides=stride, padding=padding)
    assert_allclose(
        convolve_layer(picture, weights, bias, stride=stride, padding=padding),
        np.asarray(theirs)[0] + bias,
        rtol=1e-5,
        atol=1e-6 * np.abs(picture).max() * np.abs(weights).sum(axis=(0, 1, 2)).max(),
    )


@pytest.mark.parametrize("size", [(3, 3), (2, 4), (14, 14)])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_one_kernel_for_each_channel_is_keras_depthwise_convolution(
    size: tuple[int, int], stride: int, padding: Any
) -> None:
    picture, kernel = random(20, 23, 3), random(*size)
    weights = np.repeat(kernel[:, :, np.newaxis, np.newaxis], 3, axis=2)
    theirs = keras.ops.depthwise_conv(picture[np.newaxis], weights, strides=stride, padding=padding)
    assert_allclose(
        convolve(picture, kernel, stride=stride, padding=padding),
        np.asarray(theirs)[0],
        rtol=1e-5,
        atol=1e-6 * np.abs(picture).max() * np.abs(kernel).sum(),
    )


def test_a_kernel_larger_than_the_picture_is_keras_convolution_when_padding_is_same() -> None:
    picture, weights = random(2, 3, 1), random(5, 6, 1, 1)
    theirs = keras.ops.conv(picture[np.newaxis], weights, padding="same")
    ours = convolve_layer(picture, weights, padding="same")
    assert_allclose(ours, np.asarray(theirs)[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("size", "stride"), [(2, None), (3, None), (2, 1), (3, 2), (2, 5), (5, 3), (1, 1), (9, None)]
)
def test_pooling_is_keras_pooling(size: int, stride: int | None) -> None:
    picture = random(9, 14, 3)
    largest = keras.ops.max_pool(picture[np.newaxis], size, stride)
    assert_array_equal(pool(picture, size=size, stride=stride), np.asarray(largest)[0])
    mean = keras.ops.average_pool(picture[np.newaxis], size, stride)
    assert_allclose(
        pool(picture, size=size, stride=stride, kind="average"), np.asarray(mean)[0], atol=1e-6
    )


def test_activations_are_keras_activations() -> None:
    scores = 30 * random(5, 7)
    assert_array_equal(relu(scores), np.asarray(keras.ops.relu(scores)))
    assert_allclose(sigmoid(scores), np.asarray(keras.ops.sigmoid(scores)), rtol=1e-5)
    assert_allclose(softmax(scores), np.asarray(keras.ops.softmax(scores)), rtol=1e-5)


ODD_SIZES: Network = (
    Convolution(filters=3, size=4, stride=2, padding="same"),
    Pooling(size=3, stride=2),
    Convolution(filters=5, size=2, stride=3),
    Pooling(size=2, stride=1, how="average"),
    Flatten(),
    Dense(units=7),
)


@pytest.mark.parametrize("name", ["dense", "cnn", "lenet5", "odd sizes"])
def test_every_layers_shape_and_parameters_are_keras_own(name: str) -> None:
    layers = NETWORKS[name].layers if name in NETWORKS else ODD_SIZES
    shape = NETWORKS[name].input_shape if name in NETWORKS else (45, 38, 2)
    table = layer_table(layers, shape)
    model = keras.Sequential([keras.Input(shape), *map(keras_layer, layers)])
    assert [row.output_shape for row in table] == [layer.output.shape[1:] for layer in model.layers]
    assert [row.parameters for row in table] == [layer.count_params() for layer in model.layers]


def test_vgg16_is_the_network_that_keras_ships() -> None:
    named = NETWORKS["vgg16"]
    table = layer_table(named.layers, named.input_shape)
    theirs = keras.applications.VGG16(weights=None).layers[1:]  # the first is the input
    assert [row.output_shape for row in table] == [layer.output.shape[1:] for layer in theirs]
    assert [row.parameters for row in table] == [layer.count_params() for layer in theirs]
    assert [
        row.layer.activation for row in table if isinstance(row.layer, Convolution | Dense)
    ] == [layer.activation.__name__ for layer in theirs if hasattr(layer, "activation")]
