"""What every layer makes of the picture: its feature maps, and what is left of it with depth."""

from collections.abc import Sequence

import streamlit as st

from cvcore import feature_maps
from cvcore.feature_maps import LayerMaps
from cvcore.time_travel import positions_with_maps
from pages.ui import questions
from pages.ui.inputs import choose
from pages.ui.inside.layer_maps import SHOWN, offer_depth, show_layer, show_row
from pages.ui.inside.scene import Scene
from pages.ui.views import describe_layer
from pages.ui.words import Say


def show(say: Say, scene: Scene) -> None:
    """Show a layer's feature maps, one of them large, and a row of every layer's."""
    places = positions_with_maps(scene.spec)
    network = scene.spec.network
    names = [f"{place}. {describe_layer(say, it)}" for place, it in enumerate(network, start=1)]
    if not places:
        st.info(
            say(
                "This network has no feature maps: it puts all pixels in one row at once. Choose "
                "one with convolutions."
            )
        )
        _show_depth(say, scene, names)
        return
    place, before, common = _choose(say, scene, places, names)
    job = feature_maps.maps_before if before else feature_maps.maps
    answers = questions.ask(
        say,
        (job, scene.subject, scene.picture, place),
        (feature_maps.overview, scene.subject, scene.picture, SHOWN),
        key="in_maps_wait",
    )
    if answers is not None:
        layer, rows = answers
        show_layer(say, layer, caption=names[place - 1], common=common)
        st.subheader(say("All layers"), anchor=False)
        _say_what_fades(say, rows)
        st.caption(say("Each row has a scale of its own, common to its maps."))
        for row in rows:
            show_row(
                say,
                row,
                name=names[row.position - 1],
                chosen=row.position == place,
                place={"in_layer": str(row.position)},
            )
    _show_depth(say, scene, names)


def _choose(
    say: Say, scene: Scene, places: tuple[int, ...], names: Sequence[str]
) -> tuple[int, bool, bool]:
    """Ask for a layer, for its maps before or after the activation, and for their scale."""
    layers = {str(place): names[place - 1] for place in places}
    with st.container(horizontal=True, vertical_alignment="bottom", key="in_maps_what"):
        place = int(choose(say("Layer"), layers, key="in_layer", default=str(places[0])))
        scale = choose(
            say("Scale of the colours"),
            {"common": say("One for all maps"), "own": say("Each its own")},
            key="in_scale",
            default="common",
            style="segments",
        )
        before = "after"
        if feature_maps.has_activation(scene.spec.network, place):
            before = choose(
                say("Activation"),
                {"after": say("After it"), "before": say("Before it")},
                key="in_before",
                default="after",
                style="segments",
            )
    return place, before == "before", scale == "common"


def _say_what_fades(say: Say, rows: tuple[LayerMaps, ...]) -> None:
    first, last = rows[0], rows[-1]
    text = say(
        "The maps of the first of these layers have {first} pixels, those of the last {last}.",
        first=" × ".join(map(str, first.maps.shape[:2])),
        last=" × ".join(map(str, last.maps.shape[:2])),
    )
    emptiest = max(rows, key=lambda it: it.zero)
    if emptiest.zero:
        text += " " + say(
            "Emptiest is layer {position}: {zero} % of its values are zero.",
            position=emptiest.position,
            zero=f"{100 * emptiest.zero:.0f}",
        )
    st.markdown(text)


def _show_depth(say: Say, scene: Scene, names: Sequence[str]) -> None:
    """Offer the two numbers that say what is left of the picture and what is won."""
    st.subheader(say("What fades, and what grows"), anchor=False)
    st.caption(
        say(
            "From each layer's output, {components} principal components at most, a linear "
            "classifier learns the class, and a linear map brings the pixels back; both from "
            "{learned} training pictures, tested on {tested} test pictures.",
            components=feature_maps.COMPONENTS,
            learned=f"{min(feature_maps.LEARNED, scene.spec.sizes()[0]):,}",
            tested=f"{min(feature_maps.TESTED, scene.spec.sizes()[2]):,}",
        )
    )
    offer_depth(say, names, feature_maps.depth, scene.subject)
