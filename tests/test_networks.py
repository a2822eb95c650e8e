"""The table of networks: complete, unchangeable, and possible."""

import dataclasses

import pytest

from cvcore.arithmetic import layer_table
from cvcore.networks import LAYERS, NETWORKS, Convolution


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
