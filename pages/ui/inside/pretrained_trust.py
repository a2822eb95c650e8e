"""Whether a heat map of a large network can be trusted: the three experiments of the small ones."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from cvcore import pretrained
from cvcore.evaluation import Scores
from cvcore.heat_maps import OF_A_LAYER, Method
from cvcore.large import CELLS, Large, Photo, Row
from cvcore.subjects import Fill
from cvcore.trust import Curves, Shuffled, ranked_cells
from pages.ui import questions
from pages.ui.inputs import unseen
from pages.ui.inside import heat, trust
from pages.ui.inside.pretrained_input import choose_class, choose_layer, with_places
from pages.ui.words import Say

_METHODS: tuple[Method, ...] = ("grad_cam", "hires_cam", "gradient", "gradient_input")


def show(
    say: Say,
    network: Large,
    photo: Photo,
    rows: Sequence[Row],
    names: Sequence[str],
    likeliest: Sequence[int],
) -> None:
    """Try a heat map of a photo by experiment.

    Parameters
    ----------
    say : Say
    network : Large
    photo : Photo
    rows : sequence of Row
        The network's layers.
    names : sequence of str
        The classes.
    likeliest : sequence of int
        What it says of the photo, the likeliest class first.
    """
    topic = trust.choose_topic(say)
    fill: Fill = "blur"
    seed = size = 0
    with st.container(horizontal=True, vertical_alignment="bottom", key="large_trust_what"):
        method = trust.choose_method(say, _METHODS)
        label = choose_class(say, names, likeliest)
        if method in OF_A_LAYER:
            layer = choose_layer(say, with_places(rows), key="large_heat_layer", last=True)
        else:
            with unseen():
                layer = choose_layer(say, with_places(rows), key="large_heat_layer", last=True)
        if topic == "shuffled":
            seed = trust.choose_seed(say)
        else:
            fill = heat.choose_fill(say, fill)
        if topic == "brush":
            size = trust.choose_size(say("Brush, cells a side (of {count})", count=CELLS), CELLS)
    asked = (network, photo, layer.name, label, method)
    match topic:
        case "curves":
            curves: Curves | None = questions.offer(
                say, say("Hide what it calls important"), pretrained.curves, *asked, fill,
                key="large_curves", icon=":material/science:", primary=True,
            )  # fmt: skip
            if curves is not None:
                trust.draw_curves(say, curves, method, names[label], fill)
                rows_of, columns = curves.heat.cells.shape
                st.caption(
                    say(
                        "In the random orders, cells of the map's own size are hidden one after "
                        "the other, {rows} × {columns} of them.",
                        rows=rows_of,
                        columns=columns,
                    )
                )
        case "shuffled":
            pair: Shuffled | None = questions.offer(
                say, say("Shuffle the weights"), pretrained.shuffled, *asked, seed,
                key="large_shuffled", icon=":material/shuffle:", primary=True,
            )  # fmt: skip
            if pair is not None:
                trust.draw_shuffled(say, pair, method, names[label])
        case _:
            _show_brush(say, network, photo, layer.name, names, label, method, fill, size)


def _show_brush(
    say: Say,
    network: Large,
    photo: Photo,
    layer: str,
    names: Sequence[str],
    label: int,
    method: Method,
    fill: Fill,
    size: int,
) -> None:
    known = questions.ask(say, (pretrained.scores, network, photo), key="large_brush_wait")
    if known is None:
        return
    before: Scores = known[0]

    def again(hidden: bytes) -> tuple[Any, ...]:
        return pretrained.scores, network, replace(photo, hidden=hidden, fill=fill)

    trust.draw_brush(
        say,
        trust.Brushed(
            before=before,
            names=names,
            label=label,
            cells=(CELLS, CELLS),
            fill=fill,
            size=size,
            again=again,
            order=lambda found: ranked_cells(found, CELLS),
            map=(pretrained.heat, network, photo, layer, label, method),
            method=method,
        ),
    )
