"""The network as a drawing; a click on a layer leads into it."""

import numpy as np
import streamlit as st

from cvcore import feature_maps
from cvcore.arithmetic import LayerRow, receptive_field
from cvcore.datasets import DATASETS
from cvcore.learned_kernels import layers_with_kernels
from cvcore.networks import Convolution, Dense
from cvcore.time_travel import positions_with_maps
from pages.ui import address, questions
from pages.ui.inputs import choose
from pages.ui.inside.layer_maps import SHOWN, in_a_grid, paint, spoken
from pages.ui.inside.scene import Scene
from pages.ui.network_picture import show_network_picture
from pages.ui.picture import show_picture
from pages.ui.train.network import say_counts, show_table
from pages.ui.views import describe_layer
from pages.ui.words import Say


def show(say: Say, scene: Scene) -> None:
    """Draw the network, say what its chosen layer does, and lead into that layer."""
    network = scene.spec.network
    say_counts(say, network, scene.rows)
    names = {
        str(place): f"{place}. {describe_layer(say, layer)}"
        for place, layer in enumerate(network, start=1)
    }
    drawing = st.container()
    place = int(choose(say("Layer"), names, key="in_layer", default="1"))
    with drawing:
        show_network_picture(
            say,
            network,
            scene.rows,
            DATASETS[scene.spec.dataset].shape,
            key="in_network",
            selected=place,
            on_pick=lambda it: address.apply({"in_layer": str(it)}),
        )
    _say_layer(say, scene, place)
    _lead_on(say, scene, place)
    if place in positions_with_maps(scene.spec):
        _preview(say, scene, place)
    with st.expander(say("The network, layer by layer")):
        show_table(say, network, scene.rows)


def _say_layer(say: Say, scene: Scene, place: int) -> None:
    """Say what goes into a layer, what comes out of it, and what it has learned."""
    row: LayerRow = scene.rows[place - 1]
    text = say(
        "**Layer {position}, {layer}**: {before} values in, {after} out; {parameters} parameters, "
        "{work} multiply-adds for one picture.",
        position=place,
        layer=describe_layer(say, row.layer),
        before=" × ".join(map(str, row.input_shape)),
        after=" × ".join(map(str, row.output_shape)),
        parameters=f"{row.parameters:,}",
        work=f"{row.multiply_adds:,}",
    )
    reaches = receptive_field(scene.spec.network)
    if place <= len(reaches):
        text += " " + say(
            "One of its values sees {size} × {size} pixels of the picture.",
            size=reaches[place - 1].size,
        )
    if isinstance(row.layer, Convolution):
        size, channels, filters = row.layer.size, row.input_shape[-1], row.layer.filters
        sum_ = rf"({size} \cdot {size} \cdot {channels} + 1) \cdot {filters}"
        text += f" ${sum_} = {{{_tex(row.parameters)}}}$"
    elif isinstance(row.layer, Dense):
        values, units = row.input_shape[-1], row.layer.units
        text += rf" $({{{_tex(values)}}} + 1) \cdot {units} = {{{_tex(row.parameters)}}}$"
    st.markdown(text)


def _tex(value: int) -> str:
    # In a formula a comma would be followed by a gap.
    return f"{value:,}".replace(",", "{,}")


def _lead_on(say: Say, scene: Scene, place: int) -> None:
    """Offer the other views of the layer, as far as it has what they show."""
    has_maps = place in positions_with_maps(scene.spec)
    has_kernels = place in layers_with_kernels(scene.spec.network)
    convolution = isinstance(scene.spec.network[place - 1], Convolution)
    views = (
        (has_maps, "maps", say("Its feature maps")),
        (has_kernels, "kernels", say("Its kernels")),
        (convolution, "patterns", say("What its filters look for")),
        (has_maps, "heat", say("Where it looks")),
        (convolution, "surgery", say("Operate on it")),
        (True, "walk", say("Its arithmetic")),
    )
    with st.container(horizontal=True, gap="xsmall", key="in_lead_on"):
        for there, view, label in views:
            if there:
                st.button(
                    label,
                    icon=":material/arrow_forward:",
                    key=f"in_to_{view}",
                    type="tertiary",
                    on_click=address.apply,
                    args=({"inside": view},),
                )


def _preview(say: Say, scene: Scene, place: int) -> None:
    """Show the layer's first maps for the picture."""
    question = (feature_maps.overview, scene.subject, scene.picture, SHOWN)
    answers = questions.ask(say, question, key="in_preview_wait")
    if answers is None:
        return
    layer = next(it for it in answers[0] if it.position == place)
    painted, _ = paint(layer.maps, layer.low, layer.high)
    show_picture(
        in_a_grid(painted, columns=len(painted)),
        key="in_preview",
        caption=say("The first of its maps for this picture"),
        limit=64,
        alt=spoken(say, layer, len(painted)),
    )
    silent = int((np.abs(layer.maps).max(axis=(0, 1)) == 0).sum())
    st.caption(
        say(
            "{zero} % of the layer's values are zero; of the maps shown, {silent} are zero "
            "everywhere.",
            zero=f"{100 * layer.zero:.0f}",
            silent=silent,
        )
    )
