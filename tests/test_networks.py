"""The table of networks: complete, unchangeable, and possible."""

import dataclasses
import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvcore import networks
from cvcore.arithmetic import layer_table
from cvcore.errors import SettingError
from cvcore.networks import (
    ACTIVATIONS,
    LAYER_LIMITS,
    LAYERS,
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
    from_text,
    preset,
    to_text,
)


def whole(name: str) -> st.SearchStrategy[int]:
    low, high = LAYER_LIMITS[name]
    return st.integers(int(low), int(high))


def share(name: str) -> st.SearchStrategy[float]:
    low, high = LAYER_LIMITS[name]
    return st.floats(low, high).map(lambda value: float(f"{value:.6f}"))


activations = st.sampled_from(ACTIVATIONS)
layers: st.SearchStrategy[Layer] = st.one_of(
    st.builds(
        Convolution,
        filters=whole("filters"),
        size=whole("size"),
        stride=whole("stride"),
        padding=st.sampled_from(["valid", "same"]),
        activation=activations,
    ),
    st.builds(
        Pooling,
        size=whole("size"),
        stride=st.none() | whole("stride"),
        how=st.sampled_from(["max", "average"]),
    ),
    st.builds(Dense, units=whole("units"), activation=activations),
    st.builds(BatchNormalisation, momentum=share("momentum")),
    st.builds(Dropout, rate=share("rate")),
    st.builds(ActivationLayer, activation=activations),
    st.just(Flatten()),
    st.just(GlobalAveragePooling()),
)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_possible_on_the_pictures_it_is_published_for(name: str) -> None:
    named = NETWORKS[name]
    table = layer_table(named.layers, named.input_shape)
    assert table[-1].output_shape == (1000 if name == "vgg16" else 10,)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_says_where_it_comes_from(name: str) -> None:
    assert NETWORKS[name].label
    assert NETWORKS[name].source


@pytest.mark.parametrize("kind", LAYERS)
def test_a_layer_is_found_by_its_kind_and_cannot_be_changed(kind: str) -> None:
    assert LAYERS[kind].kind == kind
    for field in dataclasses.fields(LAYERS[kind]):
        assert field.kw_only


def test_equal_layers_are_one_layer_to_a_digest() -> None:
    assert hash(Convolution(filters=3)) == hash(Convolution(filters=3))
    with pytest.raises(dataclasses.FrozenInstanceError):
        Convolution(filters=3).filters = 4  # type: ignore[misc]


def test_the_lectures_convolutions_have_no_activation() -> None:
    convolutions = [layer for layer in NETWORKS["cnn"].layers if isinstance(layer, Convolution)]
    assert [layer.activation for layer in convolutions] == ["linear"] * 3


def test_the_examples_in_the_docstrings_run() -> None:
    assert doctest.testmod(networks).failed == 0


@given(st.lists(layers, max_size=8).map(tuple))
def test_a_network_comes_back_from_its_text(network: Network) -> None:
    assert from_text(to_text(network)) == network


@given(st.lists(layers, max_size=8).map(tuple))
def test_an_address_leaves_a_networks_text_as_it_is(network: Network) -> None:
    plain = "abcdefghijklmnopqrstuvwxyz0123456789-._"
    assert set(to_text(network)) <= set(plain)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_of_the_table_can_be_written_and_read(name: str) -> None:
    assert from_text(to_text(NETWORKS[name].layers)) == NETWORKS[name].layers


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("conv0_3", "Layer 1 has filters = 0; it must be from 1 to 1024"),
        ("flatten-dense99999", "Layer 2 has units = 99999; it must be from 1 to 8192"),
        ("dropout0.99", "Layer 1 has rate = 0.99; it must be from 0 to 0.95"),
        ("dropout1", "Layer 1 is written dropout1"),
        ("norm1e-3", "Layer 1 is written norm1e"),
        ("conv3", "Layer 1 is written conv3"),
        ("conv٣_3", "Layer 1 is written"),
        ("flatten--dense3", "Layer 2 is written ,"),
        ("dense10_swish", "Layer 1 is written dense10_swish"),
        ("Flatten", "Layer 1 is written Flatten"),
        ("-".join(["relu"] * 65), "at most 64 layers"),
        ("x" * 100_000, "Layer 1 is written x{40},"),
    ],
)
def test_a_text_that_is_no_network_is_explained(text: str, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        from_text(text)


def test_a_preset_has_as_many_outputs_as_there_are_classes() -> None:
    assert preset("dense", 2) == (
        Flatten(),
        Dense(units=128, activation="relu"),
        Dense(units=2, activation="softmax"),
    )
    assert preset("cnn", 10) == NETWORKS["cnn"].layers


@pytest.mark.parametrize("name", ["linear", "dense", "cnn", "cnn_relu", "lenet5_28", "vgg_small"])
def test_a_preset_is_possible_on_the_smallest_pictures_too(name: str) -> None:
    if name == "lenet5_28":  # two convolutions of 5 × 5 need more than 8 × 8
        with pytest.raises(SettingError, match="Layer 3"):
            layer_table(preset(name, 10), (8, 8, 1))
    else:
        assert layer_table(preset(name, 10), (8, 8, 1))[-1].output_shape == (10,)
