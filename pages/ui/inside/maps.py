"""What every layer makes of the picture: its feature maps, and what is left of it with depth."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from cvcore import feature_maps
from cvcore.arrays import ByteArray, FloatArray
from cvcore.data_views import lay_out
from cvcore.display import signed_colours, unsigned_colours
from cvcore.feature_maps import Depth, LayerMaps
from cvcore.time_travel import positions_with_maps
from pages.ui import address, questions
from pages.ui.inputs import choose, number
from pages.ui.inside.scene import Scene
from pages.ui.inside.take import take_picture
from pages.ui.picture import ColourBar, Pick, short, show_picture
from pages.ui.tables import table
from pages.ui.views import describe_layer, show_map
from pages.ui.words import Say

SHOWN = 12
"""Maps of each layer that stand side by side where all layers are shown."""

_LARGE = 56  # pixels a side from which on maps in a grid are drawn smaller
_SIDE = 16  # pixels that a map in a grid has at least
_TOLD, _DETAIL = "#0072B2", "#D55E00"
_LEAST_LEARNED = 2 * feature_maps.COMPONENTS  # pictures; fewer say nothing of others' pixels


def show(say: Say, scene: Scene) -> None:
    """Show a layer's feature maps, one of them large, and a row of every layer's."""
    places = positions_with_maps(scene.spec)
    if not places:
        st.info(
            say(
                "This network has no feature maps: it puts all pixels in one row at once. Choose "
                "one with convolutions."
            )
        )
        _show_depth(say, scene)
        return
    place, before, common = _choose(say, scene, places)
    job = feature_maps.maps_before if before else feature_maps.maps
    answers = questions.ask(
        say,
        (job, scene.subject, scene.picture, place),
        (feature_maps.overview, scene.subject, scene.picture, SHOWN),
        key="in_maps_wait",
    )
    if answers is not None:
        layer, rows = answers
        _show_layer(say, scene, layer, common=common)
        st.subheader(say("All layers"), anchor=False)
        _say_what_fades(say, rows)
        st.caption(say("Each row has a scale of its own, common to its maps."))
        for row in rows:
            _show_row(say, scene, row, chosen=place)
    _show_depth(say, scene)


def _choose(say: Say, scene: Scene, places: tuple[int, ...]) -> tuple[int, bool, bool]:
    """Ask for a layer, for its maps before or after the activation, and for their scale."""
    names = {
        str(place): f"{place}. {describe_layer(say, scene.spec.network[place - 1])}"
        for place in places
    }
    with st.container(horizontal=True, vertical_alignment="bottom", key="in_maps_what"):
        place = int(choose(say("Layer"), names, key="in_layer", default=str(places[0])))
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


# -- one layer


def _show_layer(say: Say, scene: Scene, layer: LayerMaps, *, common: bool) -> None:
    count = layer.total
    left, right = st.columns([1.5, 1], gap="medium")
    with right:
        chosen = (
            number(
                say("Map (1 to {count})", count=count),
                key="in_map",
                default=1,
                low=1,
                high=count,
                style="box",
            )
            - 1
        )
        one = np.ascontiguousarray(layer.maps[..., chosen])
        show_map(
            say,
            one,
            name=say("Map {number}", number=chosen + 1),
            key="in_map_large",
            limit=220,
            scale_limit=(max(-layer.low, layer.high) or 1.0) if common else None,
            signed=layer.low < 0,
        )
        st.caption(in_numbers(say, one))
    height, width = layer.maps.shape[:2]
    # Wider than high, as the place on the screen is.
    columns = min(count, max(math.ceil(math.sqrt(count * 1.6 * height / width)), 1))
    painted, bar = paint(layer.maps, layer, common=common)
    grid = in_a_grid(painted, columns=columns)

    def pick(row: int, column: int) -> None:
        place = min(row * columns + column, count - 1)
        st.session_state["in_map"] = place + 1

    row, column = divmod(chosen, columns)
    with left:
        show_picture(
            grid,
            key="in_maps_grid",
            caption=say(
                "Layer {position}: {layer}",
                position=layer.position,
                layer=describe_layer(say, scene.spec.network[layer.position - 1]),
            ),
            limit=330,
            bar=bar if common else None,
            window=window_in(grid, row, column, rows=-(-count // columns), columns=columns),
            pick=Pick(
                key="in_maps_grid",
                label=say("Feature maps. Click one, or use the arrow keys, to see it large."),
                at=(row, column),
                shape=(-(-count // columns), columns),
                on_change=pick,
            ),
            alt=spoken(say, layer, count),
        )
        take_picture(say, grid, name=f"feature-maps-{layer.position}", key="in_maps_take")
    silent = int((np.abs(layer.maps).max(axis=(0, 1)) == 0).sum())
    text = say(
        "{count} maps of {height} × {width}; {zero} % of all values are zero.",
        count=count,
        height=height,
        width=width,
        zero=f"{100 * layer.zero:.0f}",
    )
    if silent:
        text += " " + say(
            "Maps that are zero everywhere for this picture: {silent}.", silent=silent
        )
    st.markdown(text)


def in_numbers(say: Say, plane: FloatArray) -> str:
    """Say a map's extremes, its mean, and how much of it is zero."""
    return say(
        "From {low} to {high}, mean {mean}; {zero} % of it is zero.",
        low=short(float(plane.min())),
        high=short(float(plane.max())),
        mean=short(float(plane.mean())),
        zero=f"{100 * float((plane == 0).mean()):.0f}",
    )


def spoken(say: Say, layer: LayerMaps, count: int) -> str:
    """Say what a screen reader says instead of so many of a layer's maps."""
    return say(
        "{count} feature maps of {height} × {width}, from {low} to {high}",
        count=count,
        height=layer.maps.shape[0],
        width=layer.maps.shape[1],
        low=short(layer.low),
        high=short(layer.high),
    )


def smaller(maps: FloatArray) -> FloatArray:
    """Leave out rows and columns of large maps: 32 of 112 × 112 pixels would be megabytes.

    Parameters
    ----------
    maps : ndarray of float32, shape (height, width, count)
    """
    step = max(maps.shape[0] // _LARGE, 1)
    return maps[::step, ::step]


def in_a_grid(painted: ByteArray, *, columns: int) -> ByteArray:
    """Lay painted maps side by side, with lines between them that are thin beside small maps too.

    Parameters
    ----------
    painted : ndarray of uint8, shape (count, height, width, 3)
    columns : int

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
    """
    factor = max(_SIDE // painted.shape[1], 1)
    larger = np.repeat(np.repeat(painted, factor, axis=1), factor, axis=2)
    return lay_out(larger, columns=columns)


def window_in(
    grid: ByteArray, row: int, column: int, *, rows: int, columns: int
) -> tuple[float, float, float, float]:
    """Return the frame of a cell in a grid, for `show_picture`."""
    height, width = (grid.shape[0] + 1) / rows, (grid.shape[1] + 1) / columns
    return row * height, column * width, height - 1, width - 1


def paint(maps: FloatArray, layer: LayerMaps, *, common: bool) -> tuple[ByteArray, ColourBar]:
    """Colour maps by one scale, or each by its own; around zero where values are below it.

    Parameters
    ----------
    maps : ndarray of float32, shape (height, width, count)
    layer : LayerMaps
        Whose ends the common scale has.
    common : bool

    Returns
    -------
    images : ndarray of uint8, shape (count, height, width, 3)
    bar : ColourBar
        Of the common scale.
    """
    planes = [maps[..., index] for index in range(maps.shape[2])]
    signed = layer.low < 0
    extreme = max(-layer.low, layer.high) or 1.0
    limits = [extreme if common else float(np.abs(it).max()) or 1.0 for it in planes]
    painted = [
        signed_colours(plane, limit=limit)
        if signed
        else unsigned_colours(plane, colours="viridis", low=0.0, high=limit)
        for plane, limit in zip(planes, limits, strict=True)
    ]
    low = -extreme if signed else 0.0
    bar = ColourBar(colours="signed" if signed else "viridis", low=low, high=extreme)
    return np.stack(painted), bar


# -- all layers


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


def _show_row(say: Say, scene: Scene, row: LayerMaps, *, chosen: int) -> None:
    """Draw a layer's first maps in a row; a click looks into it."""
    layer = describe_layer(say, scene.spec.network[row.position - 1])
    painted, _ = paint(row.maps, row, common=True)
    count = len(painted)
    mark = "▸ " if row.position == chosen else ""
    name = f"{mark}{row.position}. {layer}"

    def pick(_: int, column: int) -> None:
        address.apply({"in_layer": str(row.position), "in_map": column + 1})

    show_picture(
        in_a_grid(painted, columns=count),
        key=f"in_row_{row.position}",
        caption=say(
            "{layer} – {shown} of {total} maps, {zero} % zero",
            layer=name,
            shown=count,
            total=row.total,
            zero=f"{100 * row.zero:.0f}",
        ),
        limit=56,
        window=None,
        pick=Pick(
            key=f"in_row_{row.position}",
            label=say(
                "Maps of layer {position}. Click one to see it large.", position=row.position
            ),
            at=(0, 0),
            shape=(1, count),
            on_change=pick,
        ),
        alt=spoken(say, row, count),
    )


# -- with depth


def _show_depth(say: Say, scene: Scene) -> None:
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
    offer_depth(
        say,
        [f"{place}. {describe_layer(say, it)}" for place, it in enumerate(scene.spec.network, 1)],
        feature_maps.depth,
        scene.subject,
    )


def offer_depth(say: Say, layers: Sequence[str], *question: Any) -> None:
    """Offer to measure every layer, and draw what was found.

    Parameters
    ----------
    say : Say
    layers : sequence of str
        What all of the network's layers are called.
    *question : tuple
        A job that returns a `Depth`, and what follows its first argument.
    """
    depth: Depth | None = questions.offer(
        say,
        say("Measure every layer"),
        *question,
        key="in_depth",
        icon=":material/straighten:",
    )
    if depth is None:
        return
    names = [layers[it - 1] if it else say("The pixels") for it in depth.positions.tolist()]
    told, detail = say("Classes told apart"), say("Picture brought back")
    series = {told: depth.told_apart}
    if depth.learned >= _LEAST_LEARNED:
        series[detail] = depth.detail
    _draw_depth(say, names, series)
    best = int(depth.told_apart.argmax())
    text = say(
        "A linear reader names {pixels} % of the {tested} test pictures from the pixels, and "
        "{best} % from “{layer}”, where it reads best; guessing, {chance} %.",
        pixels=f"{100 * depth.told_apart[0]:.1f}",
        tested=f"{depth.tested:,}",
        best=f"{100 * depth.told_apart[best]:.1f}",
        layer=names[best],
        chance=f"{100 * depth.chance:.1f}",
    )
    text += " " + (
        say(
            "Of the picture's detail, {left} % can be brought back from the last layer.",
            left=f"{100 * depth.detail[-1]:.0f}",
        )
        if detail in series
        else say(
            "How much of the picture's detail is left, no linear map can learn from {count} "
            "pictures.",
            count=depth.learned,
        )
    )
    st.markdown(text)
    with st.expander(say("The numbers of each layer")):
        table(
            say("What is left of the picture after each layer"),
            [say("Layer"), say("Values"), *series],
            [
                (name, f"{values:,}", *(f"{it[place]:.3f}" for it in series.values()))
                for place, (name, values) in enumerate(
                    zip(names, depth.values.tolist(), strict=True)
                )
            ],
        )


def _draw_depth(say: Say, names: Sequence[str], series: Mapping[str, FloatArray]) -> None:
    points = [
        {"layer": name, "series": called, "share": float(value)}
        for called, values in series.items()
        for name, value in zip(names, values.tolist(), strict=True)
    ]
    layer = {
        "data": {"values": points},
        "mark": {"type": "line", "point": {"size": 50, "filled": True}},
        "encoding": {
            "x": {
                "field": "layer",
                "type": "ordinal",
                "sort": None,
                "title": None,
                "axis": {"labelAngle": -35, "labelLimit": 130, "labelOverlap": False},
            },
            "y": {
                "field": "share",
                "type": "quantitative",
                "title": say("Share"),
                "scale": {"domain": [0, 1]},
            },
            "color": {
                "field": "series",
                "type": "nominal",
                "title": None,
                "scale": {"domain": list(series), "range": [_TOLD, _DETAIL]},
                "legend": {"orient": "top"},
            },
            "strokeDash": {
                "field": "series",
                "type": "nominal",
                "scale": {"domain": list(series), "range": [[1, 0], [6, 3]]},
                "legend": None,
            },
        },
    }
    st.vega_lite_chart(
        # The slanted names of the layers take a good part of it.
        {"layer": [layer], "height": 380},
        key="in_depth_chart",
        alt=say("The shares, layer by layer. The table below has the numbers."),
    )
