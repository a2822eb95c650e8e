"""A large network from the inside: a backbone, or what has been learned on top of one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType

import numpy as np
import streamlit as st

from cvcore import feature_maps, large_depth, large_surgery, pretrained
from cvcore.arrays import ByteArray
from cvcore.data_views import lay_out
from cvcore.datasets import DATASETS
from cvcore.display import signed_colours
from cvcore.errors import N_
from cvcore.evaluation import Scores
from cvcore.filter_patterns import STAGES, Ascent
from cvcore.heat_maps import OF_A_LAYER, HeatMap, Method
from cvcore.large import Large, Photo, Row, stages
from cvcore.pretrained import Excited, Kernels
from cvcore.surgery import sort_out
from pages.ui import address, questions
from pages.ui.gallery import Tile, show_gallery
from pages.ui.inputs import choose, number
from pages.ui.inside import heat, pretrained_surgery, pretrained_trust
from pages.ui.inside.kernels import draw_colours, kernel_name
from pages.ui.inside.layer_maps import (
    MOST,
    SHOWN,
    in_a_grid,
    offer_depth,
    show_layer,
    show_row,
    window_in,
)
from pages.ui.inside.patterns import draw_frame
from pages.ui.inside.pretrained_input import choose_class, choose_layer, that_learned, with_places
from pages.ui.inside.pretrained_surgery import OPERATIONS
from pages.ui.inside.scene import recall_operations
from pages.ui.inside.take import take_picture
from pages.ui.network_picture import Block, show_blocks
from pages.ui.picture import ColourBar, Pick, short, show_picture
from pages.ui.probabilities import show_probabilities
from pages.ui.tables import table
from pages.ui.words import Say

VIEWS: Mapping[str, str] = MappingProxyType(
    {
        "architecture": N_("Architecture"),
        "maps": N_("Feature maps"),
        "kernels": N_("Kernels"),
        "patterns": N_("Filter patterns"),
        "heat": N_("Heat maps"),
        "trust": N_("Trust"),
        "surgery": N_("Surgery"),
    }
)
"""Of those of the small networks, as the page calls them."""

_METHODS: tuple[Method, ...] = ("grad_cam", "hires_cam", "gradient")
_LINE = "#0072B2"
_LIKELIEST = 5
_FRAMED = 3  # part of a picture's side that a frame has


def show(say: Say, network: Large, photo: Photo, names: Sequence[str]) -> Scores | None:
    """Show a network with a photo in the view that the visitor chose.

    Parameters
    ----------
    say : Say
    network : Large
        Operations are done to it where the visitor asked for them.
    photo : Photo
    names : sequence of str
        The classes.

    Returns
    -------
    Scores or None
        What it says of the photo; None while that is not known.
    """
    view = choose(
        say("View"),
        {name: say(label) for name, label in VIEWS.items()},
        key="large",
        default="maps",
        style="segments",
        hide_label=True,
    )
    asked = questions.ask(
        say,
        (pretrained.rows, network),
        key="large_rows",
        meanwhile=say("{name} is being loaded and asked.", name=network.backbone),
    )
    if asked is None:
        return None
    rows: tuple[Row, ...] = asked[0]
    network = replace(
        network,
        operations=recall_operations(
            say, OPERATIONS, partial(sort_out, check=partial(large_surgery.check, rows))
        ),
    )
    known = questions.ask(say, (pretrained.scores, network, photo), key="large_scores")
    if known is None:
        return None
    scores: Scores = known[0]
    likeliest = np.argsort(-scores.probabilities, kind="stable")[:_LIKELIEST].tolist()
    match view:
        case "architecture":
            _show_architecture(say, rows)
        case "maps":
            _show_maps(say, network, photo, rows)
        case "kernels":
            _show_kernels(say, network, rows)
        case "patterns":
            _show_patterns(say, network, rows)
        case "heat":
            _show_heat(say, network, photo, rows, names, likeliest)
        case "trust":
            pretrained_trust.show(say, network, photo, rows, names, likeliest)
        case "surgery":
            pretrained_surgery.show(say, network, photo, rows, names, likeliest)
    return scores


def show_answer(say: Say, scores: Scores, names: Sequence[str]) -> None:
    """Show what a network sees of the photo, and the likeliest classes."""
    show_picture(
        scores.image,
        key="inside_seen",
        caption=say("What the network sees"),
        limit=150,
        alt=say("Your picture as the network sees it"),
    )
    show_probabilities(say, scores.probabilities, names)


# -- architecture


def _show_architecture(say: Say, rows: tuple[Row, ...]) -> None:
    total = sum(it.parameters for it in rows)
    heaviest = max(rows, key=lambda it: it.parameters)
    st.markdown(
        say(
            "{layers} layers, {parameters} parameters; the most, {most}, in {name}. Pictures come "
            "in with {first} values and leave the last feature maps with {last}.",
            layers=len(rows),
            parameters=f"{total:,}",
            most=f"{heaviest.parameters:,}",
            name=heaviest.name,
            first=f"{int(np.prod(rows[0].shape)):,}",
            last=f"{int(np.prod([it for it in rows if it.has_maps][-1].shape)):,}",
        )
    )
    drawing = st.container()
    sides = [
        {"place": place, "side": it.shape[0], "what": it.shape[2], "layer": it.name}
        for place, it in enumerate(rows, start=1)
        if it.has_maps
    ]
    x = {"field": "place", "type": "quantitative", "title": say("Layer")}
    scale = {"type": "log", "base": 2}
    st.vega_lite_chart(
        {
            "layer": [
                {
                    "data": {"values": sides},
                    "mark": {"type": "line", "interpolate": "step-after", "color": colour,
                             "strokeDash": dash},
                    "encoding": {
                        "x": x,
                        "y": {"field": field, "type": "quantitative", "scale": scale,
                              "title": None},
                    },
                }
                for field, colour, dash in (("side", _LINE, [1, 0]), ("what", "#D55E00", [6, 3]))
            ],
            "height": 240,
        },
        key="large_sides",
        alt=say("Maps become smaller and more, layer by layer. The table has the numbers."),
    )  # fmt: skip
    st.caption(say("Blue: pixels a side of the maps. Orange, dashed: how many maps."))
    with st.container(horizontal=True, vertical_alignment="bottom", key="large_go"):
        layer = choose_layer(say, that_learned(rows))
        with drawing:
            _draw_stages(say, rows, layer)
        for view in ("maps", "patterns"):
            st.button(
                say(VIEWS[view]),
                icon=":material/arrow_forward:",
                key=f"large_go_{view}",
                on_click=address.apply,
                args=({"large": view, "large_layer": layer.name},),
            )
    with st.container(height=420, border=False):
        table(
            say("Layers"),
            [say("Layer"), say("Kind"), say("Shape"), say("Parameters")],
            [
                (it.name, it.kind, " × ".join(map(str, it.shape)), f"{it.parameters:,}")
                for it in rows
            ],
            text=(0, 1, 2),
        )


def _draw_stages(say: Say, rows: Sequence[Row], layer: Row) -> None:
    """Draw the network stage by stage; a click goes to the last layer of one."""
    parts = stages(rows)
    blocks = []
    for stage in parts:
        last = stage[-1]
        count = sum(it.parameters for it in stage)
        kind, name = "convolution", say("{count} layers", count=len(stage))
        if not last.has_maps:
            pools = "Pooling" in last.kind
            kind = "global_average_pooling" if pools else "dense"
            name = say("Pooling") if pools else say("Dense")
        blocks.append(Block(kind, last.shape, name, f"{count:,}"))
    selected = next((place for place, it in enumerate(parts, start=1) if layer in it), 0)

    def pick(place: int) -> None:
        with_maps = [it for it in parts[place - 1] if it.has_maps]
        if with_maps:
            address.apply({"large_layer": with_maps[-1].name})

    show_blocks(say, blocks, rows[0].shape, key="large_network", selected=selected, on_pick=pick)
    st.caption(
        say(
            "Each block is all layers whose maps are equally large: the shape of the last one "
            "above, how many they are and their parameters below. A click goes to its last layer."
        )
    )


# -- feature maps


def _show_maps(say: Say, network: Large, photo: Photo, rows: tuple[Row, ...]) -> None:
    with_maps = that_learned(rows)
    with st.container(horizontal=True, vertical_alignment="bottom", key="large_maps_what"):
        layer = choose_layer(say, with_maps)
        scale = choose(
            say("Scale of the colours"),
            {"common": say("One for all maps"), "own": say("Each its own")},
            key="in_scale",
            default="common",
            style="segments",
        )
    asked = questions.ask(
        say,
        (pretrained.maps, network, photo, layer.name),
        (pretrained.overview, network, photo, SHOWN),
        key="large_maps_wait",
    )
    if asked is None:
        return
    (_, maps), overview = asked
    show_layer(say, maps, caption=f"{layer.name} · {layer.kind}", common=scale == "common")
    st.subheader(say("From the pixels to the end"), anchor=False)
    st.caption(say("Each row has a scale of its own, common to its maps."))
    for name, it in overview:
        show_row(say, it, name=name, chosen=name == layer.name, place={"large_layer": name})
    _show_depth(say, network, rows)


def _show_depth(say: Say, network: Large, rows: tuple[Row, ...]) -> None:
    st.subheader(say("What fades, and what grows"), anchor=False)
    st.caption(
        say(
            "From the output of each of these layers, {components} principal components at most, "
            "a linear classifier learns the classes, and a linear map brings the pictures back at "
            "{side} × {side} pixels. Of a data set, the first {count} pictures are shown; a "
            "third of them tests what was learned from the others.",
            components=feature_maps.COMPONENTS,
            side=large_depth.DETAIL,
            count=large_depth.PICTURES,
        )
    )
    own = {"own": say("The pictures that it has learned")} if network.spec is not None else {}
    dataset = choose(
        say("Data set"),
        own | {name: say(it.label) for name, it in DATASETS.items()},
        key="depth_data",
        default=next(iter(own), next(iter(DATASETS))),
    )
    offer_depth(
        say,
        [it.name for it in rows],
        large_depth.depth,
        network,
        "" if dataset == "own" else dataset,
    )


# -- kernels


def _show_kernels(say: Say, network: Large, rows: tuple[Row, ...]) -> None:
    with_kernels = [it for it in rows if it.kernel and max(it.kernel) > 1]
    with st.container(horizontal=True, vertical_alignment="bottom", key="large_kernels_what"):
        layer = choose_layer(say, with_kernels, key="large_kernels")
        channel = number(
            say("Input channel"), key="large_channel", default=1, low=1, high=4096, style="box",
            help=say("Each filter has a kernel for each channel it sees; a depthwise one for its "
                     "own alone."),
        ) - 1  # fmt: skip
    asked = questions.ask(
        say, (pretrained.kernels, network, layer.name, channel), key="large_kernels_wait"
    )
    if asked is None:
        return
    found: Kernels = asked[0]
    count = min(found.weights.shape[2], MOST)
    chosen = number(
        say("Kernel (1 to {count})", count=count), key="large_kernel", default=1, low=1,
        high=count, style="box",
    ) - 1  # fmt: skip
    limit = float(np.abs(found.weights).max()) or 1.0
    planes = np.stack([signed_colours(found.weights[..., it], limit=limit) for it in range(count)])
    left, right = st.columns(2, gap="medium")
    with left:
        _draw_kernels(say, planes, chosen, limit, key="large_planes")
    with right:
        if found.colours is not None:
            draw_colours(say, found.colours[..., :count])
        elif found.found is not None:
            _say_resemblance(say, found, chosen)
    if found.colours is not None and found.found is not None:
        _say_resemblance(say, found, chosen)
    with st.expander(say("The kernel as numbers"), icon=":material/table:"):
        table(
            say("The kernel as numbers"),
            ["", *map(str, range(1, found.weights.shape[1] + 1))],
            [
                (row, *(f"{value:.4f}" for value in line))
                for row, line in enumerate(found.weights[..., chosen].tolist(), start=1)
            ],
        )


def _draw_kernels(say: Say, planes: np.ndarray, chosen: int, limit: float, *, key: str) -> None:
    count = len(planes)
    columns = min(count, max(round((1.3 * count) ** 0.5), 1))
    lines = -(-count // columns)
    whole = in_a_grid(planes, columns=columns)
    row, column = divmod(chosen, columns)
    window = window_in(whole, row, column, rows=lines, columns=columns)

    def pick(row: int, column: int) -> None:
        st.session_state["large_kernel"] = min(row * columns + column, count - 1) + 1

    show_picture(
        whole,
        key=key,
        caption=say(
            "{count} kernels of {height} × {width}",
            count=count,
            height=planes.shape[1],
            width=planes.shape[2],
        ),
        limit=330,
        bar=ColourBar(colours="signed", low=-limit, high=limit),
        window=window,
        pick=Pick(
            key=key,
            label=say("Choose a kernel with the arrow keys"),
            at=(row, column),
            shape=(lines, columns),
            on_change=pick,
        ),
        alt=say("{count} kernels, red above zero, blue below", count=count),
    )
    take_picture(say, whole, name="kernels", key="large_kernels_take")


def _say_resemblance(say: Say, found: Kernels, chosen: int) -> None:
    if found.found is None:
        return
    best = found.found.best(chosen)[:3]
    alike = int((found.found.strength >= 0.9).sum())
    st.markdown(
        say(
            "Kernel {number} is most like {names}. Of all {count} kernels here {alike} correlate "
            "by 0.9 or more with one made by hand on the Filters page.",
            number=chosen + 1,
            names=", ".join(
                f"{kernel_name(say, name, correlation)} ({abs(correlation):.2f})"
                for name, correlation in best
            ),
            count=len(found.found.strength),
            alike=alike,
        )
    )


# -- filter patterns


def _show_patterns(say: Say, network: Large, rows: tuple[Row, ...]) -> None:
    with_maps = that_learned(rows)
    with st.container(horizontal=True, vertical_alignment="bottom", key="large_patterns_what"):
        layer = choose_layer(say, with_maps, last=True)
        one = number(
            say("Filter (1 to {count})", count=layer.filters), key="in_filter", default=1, low=1,
            high=layer.filters, style="box",
        ) - 1  # fmt: skip
        seed = number(
            say("Seed of the noise"), key="in_noise", default=0, low=0, high=999, style="box"
        )
    _offer_ascent(say, network, layer, one, seed)
    _show_best(say, network, layer, one)


def _offer_ascent(say: Say, network: Large, layer: Row, one: int, seed: int) -> None:
    found: Ascent | None = questions.offer(
        say,
        say("Make the picture that excites it most"),
        pretrained.ascend,
        network,
        layer.name,
        one,
        seed,
        key="large_ascend",
        icon=":material/auto_awesome:",
        primary=True,
    )
    if found is None:
        return
    values = found.values[0]
    left, right = st.columns([1, 1.3], gap="medium")
    with left:
        show_picture(
            found.stages[0, -1],
            key="large_pattern",
            caption=say("The picture that excites it most"),
            limit=320,
            alt=say(
                "A picture made by gradient ascent; the mean of the map rose from {low} to {high}",
                low=short(float(values[0])),
                high=short(float(values.max())),
            ),
        )
        take_picture(say, found.stages[0, -1], name="pattern", key="large_pattern_take")
    with right:
        if values.max() - values[0] <= 1e-6:
            st.info(
                say(
                    "Filter {number} of {layer} is dead: no change of the picture raises it.",
                    number=one + 1,
                    layer=layer.name,
                ),
                icon=":material/lightbulb:",
            )
        else:
            st.markdown(
                say(
                    "In {steps} steps what the ascent follows rises from {low} to {high}.",
                    steps=len(values) - 1,
                    low=short(float(values[0])),
                    high=short(float(values.max())),
                )
            )
        points = [{"step": step, "value": float(value)} for step, value in enumerate(values)]
        st.vega_lite_chart(
            {
                "layer": [
                    {
                        "data": {"values": points},
                        "mark": {"type": "line", "color": _LINE},
                        "encoding": {
                            "x": {"field": "step", "type": "quantitative", "title": say("Step")},
                            "y": {"field": "value", "type": "quantitative",
                                  "title": say("Mean of the map"), "scale": {"zero": False}},
                        },
                    }
                ],
                "height": 200,
            },
            key="large_pattern_chart",
            alt=say("What was to rise, step by step; the table below has the numbers."),
        )  # fmt: skip
        show_picture(
            in_a_grid(found.stages[0, :, ::4, ::4], columns=STAGES),
            key="large_stages",
            caption=say("From noise to the end"),
            limit=84,
            alt=say("The picture at six moments of the ascent, from left to right"),
        )
    with st.expander(say("The numbers of the ascent"), icon=":material/table:"):
        ends = np.linspace(0, len(values) - 1, 11).round().astype(int)
        table(
            say("What was to rise"),
            [say("Step"), say("Value")],
            [(step, f"{values[step]:.4f}") for step in ends.tolist()],
            text=(),
        )


def _show_best(say: Say, network: Large, layer: Row, one: int) -> None:
    asked = questions.ask(say, (pretrained.excited, network, layer.name), key="large_best_wait")
    if asked is None:
        return
    found: Excited = asked[0]
    sources = [found.sources[it] for it in found.places[one].tolist()]
    shown = questions.ask(
        say, (pretrained.pictures, network, tuple(sources)), key="large_best_pictures"
    )
    if shown is None:
        return
    images: ByteArray = shown[0]
    st.subheader(say("The pictures that excite it most"), anchor=False)
    size = images.shape[1]
    side = size // _FRAMED
    tiles = []
    for image, value, cell in zip(
        images, found.values[one].tolist(), found.cells[one], strict=True
    ):
        middle = (cell + 0.5) * size / np.array(found.shape)
        corner = np.clip(np.rint(middle - side / 2), 0, size - side).astype(int)
        top, left = corner.tolist()
        framed = draw_frame(image, top, left, side, side, line=5)
        tiles.append(Tile(image=framed, head=short(value)))
    own = network.spec is not None
    show_gallery(
        tiles,
        label=say("The pictures to which the filter answers most"),
        key="large_best",
        on_choose=None if own else lambda it: address.apply({"photo": sources[it]}),
    )
    text = say(
        "Of {count} pictures, by the largest value of its map: that stands in the middle of the "
        "frame.",
        count=len(found.sources),
    )
    st.caption(text if own else text + " " + say("A click takes a picture to the left."))


# -- heat maps


def _show_heat(
    say: Say,
    network: Large,
    photo: Photo,
    rows: tuple[Row, ...],
    names: Sequence[str],
    likeliest: Sequence[int],
) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", key="large_heat_what"):
        label = choose_class(say, names, likeliest)
        layer = choose_layer(say, with_places(rows), key="large_heat_layer", last=True)
        strength = number(
            say("Strength of the map (%)"), key="photo_strength", default=55, low=0, high=100
        )
    asked = questions.ask(
        say,
        (pretrained.heats, network, photo, layer.name, label, _METHODS),
        key="large_heat_wait",
    )
    if asked is None:
        return
    heats: dict[Method, HeatMap] = dict(zip(_METHODS, asked[0], strict=True))
    drawn = []
    for column, (method, found) in zip(st.columns(len(heats)), heats.items(), strict=True):
        with column:
            drawn.append(
                heat.draw_map(
                    say, method, found, found.values, names[label], strength / 100, limit=260
                )
            )
            if method in OF_A_LAYER:
                heat.explain_nothing(say, method, found, names[label])
    st.markdown(heat.agreement(say, heats))
    beside = lay_out(np.stack(drawn), columns=len(drawn))
    take_picture(say, beside, name="heat-maps", key="large_heat_png")
    one = heats["grad_cam"]
    st.caption(
        say(
            "{name}: score {score} before softmax, probability {percent} %. The map has {rows} × "
            "{columns} cells.",
            name=names[label],
            score=short(one.score),
            percent=f"{100 * one.probability:.1f}",
            rows=one.cells.shape[0],
            columns=one.cells.shape[1],
        )
    )
    _offer_occlusion(say, network, photo, layer.name, label, names[label], strength / 100)


def _offer_occlusion(
    say: Say, network: Large, photo: Photo, layer: str, label: int, name: str, strength: float
) -> None:
    st.subheader(say("Occlusion"), anchor=False)
    found: HeatMap | None = questions.offer(
        say, say("Hide a square everywhere in turn"), pretrained.heat, network, photo, layer,
        label, "occlusion", key="large_occlusion", icon=":material/grid_on:",
    )  # fmt: skip
    if found is not None:
        with st.columns(3)[0]:
            drawn = heat.draw_map(say, "occlusion", found, found.values, name, strength, limit=260)
            take_picture(say, drawn, name="occlusion", key="large_occlusion_png")
