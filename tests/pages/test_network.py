"""The builder: changing a network layer by layer, breaking it, and mending it."""

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cvcore.arithmetic import count_possible, layer_table
from cvcore.networks import (
    NETWORKS,
    ActivationLayer,
    BatchNormalisation,
    Convolution,
    Dense,
    Flatten,
    Network,
    from_text,
    preset,
    to_text,
)
from pages.ui.network_picture import draw_network
from pages.ui.train.network import normalisation, normalise
from pages.ui.words import Say
from tests.pages import open_page

SAY = Say("en")


def text(page: AppTest) -> str:
    """Return what the network's own line and table say."""
    bodies = (it.proto.body for it in page.get("html"))
    return " ".join([*(it.value for it in page.markdown), *bodies])


def address(page: AppTest) -> str:
    """Return the layers that the page has put into its address."""
    held = page.query_params["layers"]
    return held if isinstance(held, str) else held[0]


def press(page: AppTest, key: str) -> None:
    page.button(key=key).click().run()
    assert not page.exception


def test_a_network_is_changed_layer_by_layer_and_its_parameters_follow() -> None:
    page = open_page("train", show="network", network="own", layers="flatten-dense16_relu")
    assert not page.exception
    assert f"**{65 * 16 + 17 * 10:,} parameters**" in text(page)
    press(page, "add_dropout")  # behind the first layer, which is chosen at first
    assert address(page) == "flatten-dropout0.5-dense16_relu"
    press(page, "layer_later")
    assert address(page) == "flatten-dense16_relu-dropout0.5"
    page.number_input(key="layer_rate").set_value(0.25).run()
    assert address(page) == "flatten-dense16_relu-dropout0.25"
    press(page, "layer_remove")
    page.number_input(key="layer_units").set_value(20).run()
    page.selectbox(key="layer_normalise").select("before").run()
    assert address(page) == "flatten-dense20-norm-relu"
    assert f"**{65 * 20 + 4 * 20 + 21 * 10:,} parameters**" in text(page)
    assert "40 of the parameters are running means" in text(page)


def test_an_impossible_network_says_where_it_breaks_and_can_be_mended() -> None:
    page = open_page(
        "train", show="network", network="own", layers="conv4_3-flatten-max2-dense16_relu"
    )
    assert not page.exception
    assert any("Layer 3 slides a window, but" in it.value for it in page.warning)
    assert "the first 2 can follow one another" in text(page)
    assert "breaks here" in text(page)
    press(page, "layer_earlier")
    assert address(page) == "conv4_3-max2-flatten-dense16_relu"
    assert not page.warning
    assert f"**{10 * 4 + 37 * 16 + 17 * 10:,} parameters**" in text(page)


def test_changing_a_named_network_begins_with_its_layers() -> None:
    page = open_page("train", show="network", network="linear")
    press(page, "own_network")
    assert page.selectbox(key="network").value == "own"
    assert address(page) == "flatten"


def test_nonsense_for_a_network_in_the_address_is_reported() -> None:
    page = open_page("train", data="fashion_mnist", show="network", network="own", layers="conv0_3")
    assert not page.exception
    assert any("layers" in it.value for it in page.info)
    assert address(page) == to_text(NETWORKS["cnn"].layers[:-1])


CONVOLUTION = Convolution(filters=4, activation="relu")
BARE = Convolution(filters=4)
NORM, RELU, REST = BatchNormalisation(momentum=0.9), ActivationLayer(activation="relu"), Flatten()


@pytest.mark.parametrize(
    ("where", "network"),
    [
        ("none", (CONVOLUTION, REST)),
        ("after", (CONVOLUTION, NORM, REST)),
        ("before", (BARE, NORM, RELU, REST)),
    ],
)
def test_a_layer_is_normalised_before_or_after_its_activation(where: str, network: Network) -> None:
    assert normalisation(network, 1)[0] == where
    forms: dict[str, Network] = {
        "none": (CONVOLUTION, REST),
        "after": (CONVOLUTION, NORM, REST),
        "before": (BARE, NORM, RELU, REST),
    }
    for asked, wanted in forms.items():
        # A momentum once chosen stays; a new layer has the usual one.
        if where == "none" and asked != "none":
            wanted = tuple(BatchNormalisation() if it == NORM else it for it in wanted)
        assert normalise(network, 1, asked) == wanted


def test_the_drawing_has_a_block_for_each_layer_and_marks_the_broken_one() -> None:
    shape = (28, 28, 1)
    network = preset("fast", 10)
    drawing = draw_network(SAY, network, layer_table(network, shape), shape, selected=3)
    assert drawing.count("data-layer=") == len(network)
    assert drawing.count('class="broken"') == 0
    assert 'data-layer="3" class="selected"' in drawing
    broken = from_text("conv4_3-flatten-max2-dense16")
    rows, error = count_possible(broken, shape)
    assert error is not None
    drawing = draw_network(SAY, broken, rows, shape)
    assert drawing.count('class="broken"') == 1
    assert drawing.count('class="unknown"') == 1


def test_a_map_twice_as_large_is_drawn_larger() -> None:
    network = (Convolution(filters=8, size=15), Flatten(), Dense(units=10))
    drawing = draw_network(SAY, network, layer_table(network, (28, 28, 1)), (28, 28, 1))
    fronts = [piece.split('"')[1] for piece in drawing.split('class="block" d=')[1::3][:2]]
    heights = [float(path.split("v")[1].split("h")[0]) for path in fronts]
    assert np.all(np.diff(heights) < 0)
