"""Max and average pooling, and what pooling forgives."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cvcore import images
from cvcore.activations import relu
from cvcore.arrays import FloatArray
from cvcore.convolution import convolve
from cvcore.display import enlarge, unsigned_colours
from cvcore.experiments import PATTERNS, change, window_of
from cvcore.kernels import KERNELS
from cvcore.pooling import POOLINGS, pool
from pages.ui import address
from pages.ui.inputs import choose, number
from pages.ui.layers.parts import (
    ask_kernel,
    ask_square,
    chart,
    more,
    notice,
    percent,
)
from pages.ui.picture import ColourBar, Pick, short, show_picture
from pages.ui.tables import table
from pages.ui.views import READABLE
from pages.ui.words import Say

_SIDE = 8


def show_pooling(say: Say, controls: DeltaGenerator) -> None:
    """Pool a small table of numbers, or a feature map, both ways."""
    with controls:
        patterns = {name: say(pattern.label) for name, pattern in PATTERNS.items()}
        patterns["edges"] = say("Edges of a picture")
        pattern = choose(
            say("What is pooled"), patterns, key="pool_pattern", default=next(iter(PATTERNS))
        )
        if pattern == "edges":
            picture = images.scale(ask_square(say, 128), "unit")
            before = relu(convolve(picture, KERNELS["sobel_x"].weights))
        else:
            before = PATTERNS[pattern].make(_SIDE)
        size = number(say("Window"), key="pool_window", default=2, low=1, high=_SIDE)
        stride = number(
            say("Stride between windows"), key="pool_step", default=2, low=1, high=_SIDE
        )
    pooled = {kind: pool(before, size=size, stride=stride, kind=kind) for kind in POOLINGS}
    rows, columns = pooled["max"].shape
    with controls:
        stop = number(say("Stop"), key="pool_stop", default=1, low=1, high=rows * columns)
    row, column = divmod(stop - 1, columns)
    high = float(before.max()) or 1.0
    wide, *others = st.columns(3)
    with wide:
        _show(
            say,
            before,
            name=say("Before"),
            key="pool_before",
            high=high,
            window=(row * stride, column * stride, size, size),
        )
    for place, kind, name in zip(
        others, POOLINGS, (say("Max pooling"), say("Average pooling")), strict=True
    ):
        with place:
            _show(
                say,
                pooled[kind],
                name=name,
                key=f"pool_{kind}",
                high=high,
                window=(row, column, 1, 1),
                pick=Pick(
                    key=f"pool_{kind}",
                    label=say("Pooled map. Click, or use the arrow keys, to choose a window."),
                    at=(row, column),
                    shape=(rows, columns),
                    on_change=lambda r, c: address.apply({"pool_stop": r * columns + c + 1}),
                ),
            )
    window = before[row * stride : row * stride + size, column * stride : column * stride + size]
    largest, mean = (float(pooled[kind][row, column]) for kind in POOLINGS)
    st.latex(
        rf"\max({_list(window, ',')})={_tex(largest)}\qquad"
        rf"\frac{{{_list(window, '+')}}}{{{size * size}}}={_tex(mean)}"
    )
    text = say(
        "The largest value: {before} before, {max} after max pooling, {average} after average "
        "pooling.",
        before=short(float(before.max())),
        max=short(float(pooled["max"].max())),
        average=short(float(pooled["average"].max())),
    )
    text += " " + say(
        "The mean: {before} before, {max} after max pooling, {average} after average pooling.",
        before=short(float(before.mean())),
        max=short(float(pooled["max"].mean())),
        average=short(float(pooled["average"].mean())),
    )
    used = (rows - 1) * stride + size
    if used < before.shape[0]:
        text += " " + say(
            "Lines at the right and at the bottom that no whole window covers: {count}.",
            count=before.shape[0] - used,
        )
    notice(text)
    more(
        say,
        say(
            "Both make the map smaller and learn nothing. Max pooling asks whether a feature is "
            "anywhere in the window: one strong answer is enough, and the map gets brighter. "
            "Average pooling asks how much of it there is: a lonely answer fades, and the mean "
            "stays where no pixel is left out. A checkerboard shows both at their worst: its "
            "contrast is gone either way."
        ),
    )


def _show(
    say: Say,
    plane: FloatArray,
    *,
    name: str,
    key: str,
    high: float,
    window: tuple[float, float, float, float] | None = None,
    pick: Pick | None = None,
    limit: int = 290,
) -> None:
    show_picture(
        unsigned_colours(plane, colours="viridis", low=0, high=high),
        key=key,
        caption=name,
        limit=limit,
        bar=ColourBar(colours="viridis", low=0, high=high),
        window=window,
        values=plane if max(plane.shape) <= READABLE else None,
        pick=pick,
        alt=say(
            "{name}: {rows} × {columns} values from {low} to {high}",
            name=name,
            rows=plane.shape[0],
            columns=plane.shape[1],
            low=short(float(plane.min())),
            high=short(float(plane.max())),
        ),
    )


def _tex(value: float) -> str:
    return short(value).replace("−", "-")


def _list(window: FloatArray, between: str) -> str:
    """Write a window's numbers; of many the first and the last."""
    numbers = [_tex(value) for value in window.ravel().tolist()]
    if len(numbers) > 6:
        numbers = [*numbers[:3], r"\dots", numbers[-1]]
    return between.join(numbers)


_FARTHEST = 8
# Colour, dash and point differ, so that the lines are told apart without colour too.
_LOOKS = {
    "none": ("#777777", [1, 0], "circle"),
    "max": ("#CC79A7", [6, 3], "square"),
    "average": ("#56B4E9", [2, 2], "triangle-up"),
}


def show_forgiveness(say: Say, controls: DeltaGenerator) -> None:
    """Shift a picture and measure how much of its pooled feature map changes."""
    with controls:
        image = ask_square(say, 256)
        kernel = ask_kernel(
            say,
            ("sobel_x", "sobel_y", "laplacian", "gaussian"),
            key="small_kernel",
            default="sobel_x",
        )
        size = number(say("Pooling window"), key="small_window", default=4, low=2, high=32)
        by = number(
            say("Shift to the right, in pixels"),
            key="small_shift",
            default=1,
            low=0,
            high=_FARTHEST,
        )
    if image.shape[0] < 64:
        image = enlarge(image, math.ceil(64 / image.shape[0]))
    picture = images.scale(image, "unit")
    # Cut out of the larger picture, so that what comes in at the border is picture too.
    side = min(128, image.shape[0] - 2 * _FARTHEST)
    maps = [
        relu(convolve(window_of(picture, side, left=shift), kernel))
        for shift in range(_FARTHEST + 1)
    ]
    stacks: dict[str, list[FloatArray]] = {"none": maps}
    stacks |= {kind: [pool(it, size=size, kind=kind) for it in maps] for kind in POOLINGS}
    changes = {kind: [change(stack[0], it) for it in stack] for kind, stack in stacks.items()}
    names = {
        "none": say("No pooling"),
        "max": say("Max pooling"),
        "average": say("Average pooling"),
    }
    for place, (kind, stack) in zip(st.columns(3), stacks.items(), strict=True):
        with place:
            _show(
                say,
                np.abs(stack[by] - stack[0]),
                name=say("What changed: {name}", name=names[kind]),
                key=f"small_{kind}",
                high=max(float(it.max()) for it in maps) or 1.0,
                limit=190,
            )
    _chart_changes(say, changes, names, by)
    notice(
        say(
            "A shift by {pixels} px changes the feature map by {none} %, after max pooling of "
            "{size} × {size} by {max} %, after average pooling by {average} %.",
            pixels=by,
            size=size,
            **{kind: percent(series[by]) for kind, series in changes.items()},
        )
    )
    with st.expander(say("The chart as numbers"), icon=":material/table:"):
        table(
            say("Change of the feature map"),
            [say("Shift, in pixels"), *names.values()],
            [
                [shift, *(f"{percent(series[shift])} %" for series in changes.values())]
                for shift in range(_FARTHEST + 1)
            ],
            text=(),
        )
    more(
        say,
        say(
            "A convolution's map shifts with the picture, so almost every number changes. Pooling "
            "keeps one number for a whole window: as long as the strong answer stays in it, "
            "nothing happens, and the larger the window, the more is forgiven. But a window that "
            "an edge crosses changes at once: pooling makes a network forgive small shifts, not "
            "all. The change is the root-mean-square of the difference, as a share of that of the "
            "stronger map."
        ),
    )


def _chart_changes(
    say: Say, changes: Mapping[str, Sequence[float]], names: Mapping[str, str], by: int
) -> None:
    rows = [
        {"shift": shift, "change": 100 * share, "kind": names[kind]}
        for kind, series in changes.items()
        for shift, share in enumerate(series)
    ]
    colours, dashes, points = zip(*_LOOKS.values(), strict=True)
    domain = list(names.values())
    legend = {"orient": "right", "title": None}
    line = {
        "mark": {"type": "line", "point": {"size": 60}},
        "encoding": {
            "x": {
                "field": "shift",
                "type": "quantitative",
                "title": say("Shift, in pixels"),
                "axis": {"tickCount": _FARTHEST, "format": "d"},
            },
            "y": {"field": "change", "type": "quantitative", "title": say("Change, in %")},
            "color": {
                "field": "kind",
                "type": "nominal",
                "legend": legend,
                "scale": {"domain": domain, "range": colours},
            },
            "strokeDash": {
                "field": "kind",
                "type": "nominal",
                "legend": legend,
                "scale": {"domain": domain, "range": dashes},
            },
            "shape": {
                "field": "kind",
                "type": "nominal",
                "legend": legend,
                "scale": {"domain": domain, "range": points},
            },
        },
    }
    here = {
        "transform": [{"filter": f"datum.shift === {by}"}],
        "mark": {"type": "rule", "color": "#999999", "strokeDash": [3, 3]},
        "encoding": {"x": {"field": "shift", "type": "quantitative"}},
    }
    chart(
        [here, line],
        rows,
        key="small_chart",
        height=190,
        alt=say(
            "Change of the feature map at shifts of 0 to {farthest} pixels; the numbers stand in "
            "a table below.",
            farthest=_FARTHEST,
        ),
    )
