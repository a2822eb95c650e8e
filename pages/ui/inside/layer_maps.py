"""The feature maps of one layer or of each, and what is left of a picture with depth: drawings."""

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
from pages.ui import address, questions
from pages.ui.inputs import number
from pages.ui.inside.take import take_picture
from pages.ui.picture import ColourBar, Pick, short, show_picture
from pages.ui.tables import table
from pages.ui.views import show_map
from pages.ui.words import Say

SHOWN = 12
"""Maps of each layer that stand side by side where all layers are shown."""

MOST = 256
"""Maps, or kernels, of a layer that are drawn."""

_LARGE = 56  # pixels a side from which on maps in a grid are drawn smaller
_SIDE = 16  # pixels that a map in a grid has at least
_TOLD, _DETAIL = "#0072B2", "#D55E00"
_LEAST_LEARNED = 2 * feature_maps.COMPONENTS  # pictures; fewer say nothing of others' pixels


def show_layer(say: Say, layer: LayerMaps, *, caption: str, common: bool) -> None:
    """Show a layer's maps in a grid, and the one that is chosen large beside it.

    Parameters
    ----------
    say : Say
    layer : LayerMaps
    caption : str
        What the layer is, in the reader's language.
    common : bool
        Whether all maps have one scale of colours.
    """
    count = min(layer.total, MOST)
    left, right = st.columns([1.5, 1], gap="medium")
    with right:
        chosen = (
            number(
                say("Map (1 to {count})", count=layer.total),
                key="in_map",
                default=1,
                low=1,
                high=layer.total,
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
    lines = -(-count // columns)
    painted, bar = paint(smaller(layer.maps)[..., :count], layer.low, layer.high, common=common)
    grid = in_a_grid(painted, columns=columns)
    row, column = divmod(min(chosen, count - 1), columns)

    def pick(row: int, column: int) -> None:
        st.session_state["in_map"] = min(row * columns + column, count - 1) + 1

    with left:
        show_picture(
            grid,
            key="in_maps_grid",
            caption=caption,
            limit=400,
            bar=bar if common else None,
            window=window_in(grid, row, column, rows=lines, columns=columns),
            pick=Pick(
                key="in_maps_grid",
                label=say("Feature maps. Click one, or use the arrow keys, to see it large."),
                at=(row, column),
                shape=(lines, columns),
                on_change=pick,
            ),
            alt=spoken(say, layer, count),
        )
        take_picture(say, grid, name=f"feature-maps-{layer.position}", key="in_maps_take")
    silent = int((np.abs(layer.maps).max(axis=(0, 1)) == 0).sum())
    text = say(
        "{count} maps of {height} × {width}; {zero} % of all values are zero.",
        count=layer.total,
        height=height,
        width=width,
        zero=f"{100 * layer.zero:.0f}",
    )
    if silent:
        text += " " + say(
            "Maps that are zero everywhere for this picture: {silent}.", silent=silent
        )
    if count < layer.total:
        text += " " + say("The first {count} are shown.", count=count)
    st.markdown(text)


def show_row(
    say: Say, row: LayerMaps, *, name: str, chosen: bool, place: Mapping[str, object]
) -> None:
    """Draw a layer's first maps in a row; a click looks into it.

    Parameters
    ----------
    say : Say
    row : LayerMaps
    name : str
        What the layer is called.
    chosen : bool
        Whether it is the one that is looked into.
    place : mapping of str to object
        What leads to the layer, in the address.
    """
    painted, _ = paint(smaller(row.maps), row.low, row.high)
    count = len(painted)

    def pick(_: int, column: int) -> None:
        address.apply({**place, "in_map": column + 1})

    show_picture(
        in_a_grid(painted, columns=count),
        key=f"in_row_{row.position}",
        caption=say(
            "{layer} – {shown} of {total} maps, {zero} % zero",
            layer=f"▸ {name}" if chosen else name,
            shown=count,
            total=row.total,
            zero=f"{100 * row.zero:.0f}",
        ),
        limit=56,
        pick=Pick(
            key=f"in_row_{row.position}",
            label=say("Maps of {layer}. Click one to see it large.", layer=name),
            at=(0, 0),
            shape=(1, count),
            on_change=pick,
        ),
        alt=spoken(say, row, count),
    )


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


def paint(
    maps: FloatArray, low: float, high: float, *, common: bool = True
) -> tuple[ByteArray, ColourBar]:
    """Colour maps by one scale, or each by its own; around zero where values are below it.

    Parameters
    ----------
    maps : ndarray of float32, shape (height, width, count)
    low, high : float
        The ends of the common scale.
    common : bool, optional

    Returns
    -------
    images : ndarray of uint8, shape (count, height, width, 3)
    bar : ColourBar
        Of the common scale.
    """
    planes = [maps[..., index] for index in range(maps.shape[2])]
    signed = low < 0
    extreme = max(-low, high) or 1.0
    limits = [extreme if common else float(np.abs(it).max()) or 1.0 for it in planes]
    painted = [
        signed_colours(plane, limit=limit)
        if signed
        else unsigned_colours(plane, colours="viridis", low=0.0, high=limit)
        for plane, limit in zip(planes, limits, strict=True)
    ]
    start = -extreme if signed else 0.0
    bar = ColourBar(colours="signed" if signed else "viridis", low=start, high=extreme)
    return np.stack(painted), bar


# -- with depth


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
