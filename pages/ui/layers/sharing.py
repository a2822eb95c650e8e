"""Sparse interaction and parameter sharing: a convolution beside a dense layer."""

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cvcore.arithmetic import layer_table, output_size
from cvcore.display import enlarge, unsigned_colours
from cvcore.experiments import connections
from cvcore.networks import Convolution, Dense, Flatten
from pages.ui import address
from pages.ui.inputs import number
from pages.ui.layers.parts import (
    ANSWER,
    PIXEL,
    chart,
    count,
    draw_cells,
    more,
    notice,
)
from pages.ui.picture import Pick, short, show_picture
from pages.ui.tables import table
from pages.ui.words import Say

# Larger matrices have cells that no screen shows.
_DRAWN = 10


def show_sharing(say: Say, controls: DeltaGenerator) -> None:
    """Compare what joins inputs and outputs in a dense layer and in a convolution."""
    with controls:
        n = number(say("Picture: n pixels a side"), key="share_n", default=8, low=2, high=224)
        f = number(say("Kernel: f pixels a side"), key="share_f", default=3, low=1, high=11)
    m = output_size(n, f)
    # Biases aside: a layer multiplies once for each connection.
    dense = layer_table([Flatten(), Dense(units=m * m)], (n, n, 1))[-1].multiply_adds
    joined = layer_table([Convolution(filters=1, size=f)], (n, n, 1))[0].multiply_adds
    rows = (
        (say("Dense"), dense, dense),
        (say("Nearby inputs only, nothing shared"), joined, joined),
        (say("Convolution"), joined, f * f),
    )
    left, right = st.columns([1.3, 1])
    with left:
        _show_matrix(say, controls, n, f)
    with right:
        _chart_counts(say, rows)
        st.latex(
            rf"\begin{{aligned}}n^2 m^2&={n}^2\cdot{m}^2={_tex(dense)}\\"
            rf"f^2 m^2&={f}^2\cdot{m}^2={_tex(joined)}\\"
            rf"f^2&={f}^2={f * f}\end{{aligned}}"
        )
    notice(_say_savings(say, m, f, dense, joined))
    with st.expander(say("The chart as numbers"), icon=":material/table:"):
        table(
            say("Connections and weights"),
            [say("Layer"), say("Connections"), say("Weights")],
            [[name, count(lines), count(weights)] for name, lines, weights in rows],
        )
    more(
        say,
        say(
            "In a dense layer every output looks at every input. A convolution has two ideas at "
            "once. Sparse interaction: an output looks at f × f inputs only, those near it. "
            "Parameter sharing: all outputs use the same f × f weights, for what is worth "
            "finding in one place is worth finding in another. The matrix shows both: white "
            "where nothing is joined, and each colour, a weight, once in every row. Biases are "
            "left out."
        ),
    )


def _say_savings(say: Say, m: int, f: int, dense: int, joined: int) -> str:
    if m == 1:
        return say(
            "The kernel covers the whole picture, and its only output looks at every input: here "
            "the convolution is a dense layer, with {weights} weights.",
            weights=count(dense),
        )
    return say(
        "For the same {outputs} outputs a dense layer needs {dense} connections with a weight "
        "each; the convolution needs {joined} connections, {fewer} times fewer, and only "
        "{weights} weights, for each is used {times} times.",
        outputs=count(m * m),
        dense=count(dense),
        joined=count(joined),
        fewer=short(round(dense / joined, 1)),
        weights=f * f,
        times=count(m * m),
    )


def _show_matrix(say: Say, controls: DeltaGenerator, n: int, f: int) -> None:
    """Draw a unit's window and the matrix of all connections, its row framed."""
    drawn = min(n, max(_DRAWN, f + 3))
    matrix = connections(drawn, f)
    m = output_size(drawn, f)
    with controls:
        unit = number(
            say("Output"),
            key="share_unit",
            default=1,
            low=1,
            high=m * m,
            help=say("Which output: counted from the top left, row by row."),
        )
    row, column = divmod(unit - 1, m)
    near, far = st.columns(2)
    with near:
        inputs, cell = draw_cells(np.full((drawn, drawn), PIXEL))
        show_picture(
            inputs,
            key="share_inputs",
            caption=say("Inputs of output {unit}", unit=unit),
            limit=125,
            window=(row * cell, column * cell, f * cell, f * cell),
            alt=say(
                "{size} × {size} inputs, of which output {unit} looks at {count}",
                size=drawn,
                unit=unit,
                count=f * f,
            ),
        )
    with far:
        outputs, cell = draw_cells(np.full((m, m), ANSWER))
        show_picture(
            outputs,
            key="share_outputs",
            caption=say("Outputs"),
            limit=125,
            window=(row * cell, column * cell, cell, cell),
            alt=say("{size} × {size} outputs", size=m),
            pick=Pick(
                key="share_outputs",
                label=say("Outputs. Click, or use the arrow keys, to choose one."),
                at=(row, column),
                shape=(m, m),
                on_change=lambda r, c: address.apply({"share_unit": r * m + c + 1}),
            ),
        )
    colours = unsigned_colours(matrix.astype(np.float32), colours="viridis", low=1, high=f * f)
    colours[matrix == 0] = 255
    # Cells of a few pixels, so that a browser that shrinks the matrix keeps them apart.
    factor = max(1, 600 // drawn**2)
    show_picture(
        enlarge(colours, factor),
        key="share_matrix",
        caption=say(
            "All connections of a picture of {size} × {size}: a row for each output, a column for "
            "each input, a colour for each weight",
            size=drawn,
        ),
        limit=195,
        window=((unit - 1) * factor, 0, factor, drawn * drawn * factor),
        alt=say(
            "A matrix of {rows} × {columns}, of which {share} cells in each row are joined",
            rows=m * m,
            columns=drawn * drawn,
            share=f * f,
        ),
    )
    if drawn < n:
        st.caption(
            say(
                "The drawing shows a picture of {drawn} × {drawn}; the numbers "
                "count one of {size} × {size}.",
                drawn=drawn,
                size=n,
            )
        )


def _tex(value: int) -> str:
    return f"{value:,}".replace(",", r"\,")


def _chart_counts(say: Say, rows: tuple[tuple[str, int, int], ...]) -> None:
    lines, weights = say("Connections"), say("Weights")
    values = [
        {"layer": name, "of": of, "count": value, "text": count(value)}
        for name, *pair in rows
        for of, value in zip((lines, weights), pair, strict=True)
    ]
    names = [name for name, *_ in rows]
    place = {
        "y": {"field": "of", "type": "nominal", "title": None, "sort": [lines, weights]},
        "yOffset": {"field": "layer", "sort": names},
        "x": {
            "field": "count",
            "type": "quantitative",
            "scale": {"type": "log", "domain": [1, 30 * rows[0][1]]},
            "title": say("How many (each step ten times as many)"),
            "axis": {"format": "~s", "tickCount": 5},
        },
    }
    bar = {
        "mark": {"type": "bar"},
        "encoding": {
            **place,
            "x2": {"datum": 1},
            "color": {
                "field": "layer",
                "type": "nominal",
                "legend": {"orient": "top", "title": None, "columns": 2},
                "scale": {"domain": names, "range": ["#E69F00", "#56B4E9", "#009E73"]},
            },
        },
    }
    text = {
        "mark": {
            "type": "text",
            "align": "left",
            "baseline": "middle",
            "dx": 4,
            "color": "#888888",
        },
        "encoding": {**place, "text": {"field": "text"}},
    }
    chart(
        [bar, text],
        values,
        key="share_chart",
        height=250,
        alt=say(
            "Connections and weights of the three kinds of layer, on a logarithmic scale; the "
            "numbers stand in a table below."
        ),
    )
