"""The arithmetic of layers against published figures, brute force and values worked by hand."""

import doctest
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal

from cvcore import arithmetic
from cvcore.arithmetic import (
    count_possible,
    layer_table,
    output_size,
    products,
    receptive_field,
    unused,
    visits,
)
from cvcore.arrays import FloatArray, IntArray
from cvcore.convolution import convolve, convolve_layer, padding_amounts
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
    Network,
    Pooling,
)

images = arrays(np.float32, (6, 7), elements=st.integers(-9, 9))
strides = st.integers(1, 5)
paddings = st.integers(0, 5) | st.sampled_from(["valid", "same"])


def stops(n: int, f: int, stride: int, padding: Any) -> list[range]:
    """List the pixels under each window, one window after the other."""
    before, after = padding_amounts(n, f, stride=stride, padding=padding)
    return [range(at, at + f) for at in range(-before, n + after - f + 1, stride)]


def test_the_examples_in_the_docstrings_run() -> None:
    assert doctest.testmod(arithmetic).failed == 0


@pytest.mark.parametrize(
    ("n", "f", "stride", "padding", "size"),
    [
        (32, 5, 1, 0, 28),
        (28, 3, 1, "same", 28),
        (28, 3, 1, 1, 28),
        (7, 3, 2, 0, 3),
        (8, 3, 2, 0, 3),  # floored: the last pixel stays unused
        (224, 7, 2, 3, 112),
        (5, 3, 2, "same", 3),
        (1, 1, 9, "valid", 1),
    ],
)
def test_output_sizes_are_the_lectures(
    n: int, f: int, stride: int, padding: Any, size: int
) -> None:
    assert output_size(n, f, stride=stride, padding=padding) == size


@given(st.integers(1, 30), st.integers(1, 6), strides, paddings)
def test_sizes_visits_and_unused_pixels_are_what_walking_finds(
    n: int, f: int, stride: int, padding: Any
) -> None:
    try:
        windows = stops(n, f, stride, padding)
    except SettingError:
        assert padding != "same"
        return
    walked: IntArray = np.array([sum(pixel in w for w in windows) for pixel in range(n)])
    assert output_size(n, f, stride=stride, padding=padding) == len(windows)
    assert_array_equal(visits(n, f, stride=stride, padding=padding), walked)
    behind = [pixel for pixel in range(n) if pixel >= windows[-1].stop]
    assert unused(n, f, stride=stride, padding=padding) == len(behind)


def test_the_corner_pixels_visits_go_from_one_to_four_with_padding() -> None:
    bare = np.outer(visits(5, 3), visits(5, 3))
    padded = np.outer(visits(5, 3, padding=1), visits(5, 3, padding=1))
    assert (bare[0, 0], bare[2, 2]) == (1, 9)
    assert (padded[0, 0], padded[2, 2]) == (4, 9)


def test_a_stride_longer_than_the_kernel_skips_pixels() -> None:
    assert_array_equal(visits(8, 2, stride=3), np.array([1, 1, 0, 1, 1, 0, 1, 1]))


def test_a_stride_of_two_leaves_the_eighth_pixel_unused() -> None:
    assert unused(8, 3, stride=2) == 1
    assert unused(7, 3, stride=2) == 0
    assert unused(8, 3, stride=2, padding="same") == 0


def test_a_kernel_longer_than_the_picture_is_explained() -> None:
    with pytest.raises(
        SettingError, match="5 pixels long, but the picture with its padding only 4"
    ):
        output_size(2, 5, padding=1)


def test_receptive_fields_grow_by_size_and_by_jump() -> None:
    layers: Network = (
        Convolution(filters=1, size=3),
        Pooling(size=2),
        Convolution(filters=1, size=3, stride=2),
        Pooling(size=3, stride=1),
        Flatten(),
        Dense(units=1),
    )
    reaches = receptive_field(layers)
    assert [reach.size for reach in reaches] == [3, 4, 8, 16]
    assert [reach.jump for reach in reaches] == [1, 2, 4, 4]


def test_the_last_pooling_of_vgg16_sees_212_pixels() -> None:
    assert receptive_field(NETWORKS["vgg16"].layers)[-1].size == 212  # Araujo et al., 2019


def test_a_pixel_outside_its_receptive_field_changes_nothing() -> None:
    size, kernel = receptive_field([Convolution(filters=1)] * 3)[-1].size, np.ones((3, 3))
    touched = np.zeros((15, 15), np.float32)
    touched[7, 7] = 1
    for _ in range(3):
        touched = convolve(touched, kernel, padding="same")
    assert np.count_nonzero(touched[7]) == size == 7


def test_the_lectures_dense_network_has_101_770_parameters() -> None:
    named = NETWORKS["dense"]
    table = layer_table(named.layers, named.input_shape)
    assert [row.parameters for row in table] == [0, 100_480, 1_290]
    assert sum(row.parameters for row in table) == 101_770


def test_the_lectures_cnn_has_258_874_parameters() -> None:
    named = NETWORKS["cnn"]
    table = layer_table(named.layers, named.input_shape)
    learned = [row.parameters for row in table if row.parameters]
    assert learned == [640, 18_464, 4_624, 200_960, 32_896, 1_290]
    assert sum(learned) == 258_874
    assert [row.output_shape for row in table[:6]] == [
        (28, 28, 64), (14, 14, 64), (14, 14, 32), (7, 7, 32), (7, 7, 16), (784,),
    ]  # fmt: skip


def test_lenet5_counts_as_its_authors_did() -> None:
    named = NETWORKS["lenet5"]
    table = layer_table(named.layers, named.input_shape)
    assert [row.output_shape for row in table] == [
        (28, 28, 6), (14, 14, 6), (10, 10, 16), (5, 5, 16), (400,), (120,), (84,), (10,),
    ]  # fmt: skip
    assert sum(row.parameters for row in table) == 61_706
    # C1, C5 and F6 of the paper; its C3 leaves maps out, and its last layer is another.
    assert (table[0].parameters, table[0].connections) == (156, 122_304)
    assert table[5].connections == 48_120
    assert table[6].connections == 10_164


def test_vgg16_has_138_357_544_parameters_and_15_and_a_half_billion_multiplications() -> None:
    named = NETWORKS["vgg16"]
    table = layer_table(named.layers, named.input_shape)
    assert sum(row.parameters for row in table) == 138_357_544
    assert sum(row.multiply_adds for row in table) == 15_470_264_320


def test_a_convolution_shares_its_weights_where_a_dense_layer_cannot() -> None:
    (shared,) = layer_table([Convolution(filters=1, size=3)], (28, 28, 1))
    dense = layer_table([Flatten(), Dense(units=26 * 26)], (28, 28, 1))[-1]
    assert (shared.parameters, shared.connections) == (10, 676 * 10)
    assert (dense.parameters, dense.connections) == (676 * 785, 676 * 785)


def test_pooling_connects_and_learns_nothing() -> None:
    (row,) = layer_table([Pooling(size=2)], (28, 28, 6))
    assert (row.kind, row.parameters, row.multiply_adds) == ("pooling", 0, 0)
    assert row.connections == 14 * 14 * 6 * 4


def test_batch_normalisation_has_four_numbers_a_channel_and_learns_two() -> None:
    maps, _, row = layer_table(
        [BatchNormalisation(), Flatten(), BatchNormalisation(momentum=0.9)], (4, 5, 3)
    )
    assert (maps.output_shape, maps.parameters, maps.trainable) == ((4, 5, 3), 12, 6)
    assert (maps.multiply_adds, maps.connections) == (60, 120)
    assert (row.output_shape, row.parameters, row.trainable) == ((60,), 240, 120)


def test_global_average_pooling_leaves_a_value_for_each_map() -> None:
    (row,) = layer_table([GlobalAveragePooling()], (4, 5, 3))
    assert (row.output_shape, row.parameters, row.connections) == ((3,), 0, 60)


@pytest.mark.parametrize("layer", [Dropout(rate=0.25), ActivationLayer(activation="tanh")])
@pytest.mark.parametrize("shape", [(4, 5, 3), (60,)])
def test_dropout_and_activation_keep_the_shape_and_learn_nothing(
    layer: Any, shape: tuple[int, ...]
) -> None:
    (row,) = layer_table([layer], shape)
    assert (row.output_shape, row.connections) == (shape, 60)
    assert (row.parameters, row.trainable, row.multiply_adds) == (0, 0, 0)


def test_what_works_value_by_value_sees_no_further() -> None:
    layers: Network = (
        Convolution(filters=1, size=3, stride=2),
        BatchNormalisation(),
        ActivationLayer(),
        Dropout(),
        Convolution(filters=1, size=3),
        GlobalAveragePooling(),
        Dense(units=1),
    )
    reaches = receptive_field(layers)
    assert [reach.size for reach in reaches] == [3, 3, 3, 3, 7]
    assert [reach.jump for reach in reaches] == [2, 2, 2, 2, 2]


def test_an_impossible_network_is_counted_up_to_the_layer_that_breaks() -> None:
    layers: Network = (Pooling(size=2), Flatten(), Pooling(size=2), Dense(units=3))
    rows, error = count_possible(layers, (6, 6, 1))
    assert [row.output_shape for row in rows] == [(3, 3, 1), (9,)]
    assert error is not None
    assert error.values["position"] == 3
    assert count_possible(layers[:2], (6, 6, 1)) == (rows, None)


def test_no_layers_make_an_empty_table() -> None:
    assert layer_table([], (28, 28, 1)) == ()


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([Pooling(size=3), Convolution(filters=4, size=3)], "Layer 2 .* 3 × 3 .* only 2 × 2"),
        ([Convolution(filters=4), Pooling(size=9)], "Layer 2 .* 9 × 9 .* only 4 × 4"),
        ([Flatten(), Convolution(filters=4)], "Layer 2 slides a window, but"),
        ([Flatten(), Pooling()], "Layer 2 slides a window, but"),
        ([Pooling(), Dense(units=3)], "Layer 2 is dense, but"),
        ([Convolution(filters=0)], "Layer 1 has filters = 0"),
        ([Convolution(filters=1, stride=0)], "Layer 1 has stride = 0"),
        ([Pooling(size=0)], "Layer 1 has size = 0"),
        ([Flatten(), Dense(units=-1)], "Layer 2 has units = -1"),
        ([Flatten(), GlobalAveragePooling()], "Layer 2 takes the mean of each feature map, but"),
        ([GlobalAveragePooling(), Convolution(filters=4)], "Layer 2 slides a window, but"),
        ([Dropout(rate=1.0)], "Layer 1 has rate = 1.0; it must be from 0 to below 1"),
        ([Dropout(rate=-0.1)], "Layer 1 has rate = -0.1"),
        ([Dropout(rate=float("nan"))], "Layer 1 has rate = nan"),
        ([BatchNormalisation(momentum=1.0)], "Layer 1 has momentum = 1.0"),
    ],
)
def test_an_impossible_network_names_the_layer_that_breaks(layers: Any, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        layer_table(layers, (6, 6, 1))


def test_the_products_behind_a_pixel_are_worked_out() -> None:
    image = np.arange(16).reshape(4, 4)
    behind = products(image, [[1, 2], [3, 4]], 1, 1, stride=2)
    assert_array_equal(behind.patch, np.array([[10, 11], [14, 15]], np.float32))
    assert_array_equal(behind.products, np.array([[10, 22], [42, 60]], np.float32))
    assert (behind.total, behind.top, behind.left) == (134, 2, 2)


def test_a_window_over_the_padding_begins_outside_the_picture() -> None:
    behind = products(np.full((3, 3), 5), np.ones((3, 3)), 0, 2, padding="same", pad_value=1)
    assert_array_equal(behind.patch, np.array([[1, 1, 1], [5, 5, 1], [5, 5, 1]], np.float32))
    assert (behind.total, behind.top, behind.left) == (25, -1, 1)


@given(
    images, arrays(np.float32, (3, 2), elements=st.integers(-9, 9)), st.integers(1, 3), paddings,
    st.sampled_from([0.0, 2.0, "edge", "reflect"]), st.data(),
)  # fmt: skip
def test_the_products_add_up_to_the_answers_pixel(
    image: FloatArray, kernel: FloatArray, stride: int, padding: Any, pad_value: Any, data: Any
) -> None:
    how = {"stride": stride, "padding": padding, "pad_value": pad_value}
    answer = convolve(image, kernel, **how)
    row = data.draw(st.integers(0, answer.shape[0] - 1))
    column = data.draw(st.integers(0, answer.shape[1] - 1))
    assert products(image, kernel, row, column, **how).total == answer[row, column]


def test_a_colour_filters_products_add_up_over_its_channels() -> None:
    draw = np.random.default_rng(0).standard_normal
    image, kernel = draw((6, 7, 3), np.float32), draw((3, 3, 3), np.float32)
    behind = products(image, kernel, 2, 4)
    assert behind.products.shape == (3, 3, 3)
    summed = convolve_layer(image, kernel[..., np.newaxis])
    assert_allclose(behind.total, summed[2, 4, 0], rtol=1e-5)


def test_a_flat_kernel_has_no_single_pixel_of_a_colour_picture() -> None:
    with pytest.raises(SettingError, match="depth of 1, but the picture one of 3"):
        products(np.ones((4, 4, 3)), np.ones((3, 3)), 0, 0)


@pytest.mark.parametrize(("row", "column"), [(2, 0), (0, 2), (-1, 0)])
def test_a_pixel_outside_the_answer_is_explained(row: int, column: int) -> None:
    with pytest.raises(SettingError, match="2 rows and 2 columns, counted from 0"):
        products(np.ones((4, 4)), np.ones((3, 3)), row, column)
