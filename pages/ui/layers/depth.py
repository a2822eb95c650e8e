"""The receptive field that grows with depth, and whole networks in tables."""

import math
from collections.abc import Sequence

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cvcore import images
from cvcore.arithmetic import LayerRow, layer_table, receptive_field
from cvcore.arrays import ByteArray
from cvcore.display import unsigned_colours
from cvcore.errors import SettingError
from cvcore.experiments import fields, paths
from cvcore.networks import (
    NETWORKS,
    BatchNormalisation,
    Convolution,
    Dense,
    Layer,
    Network,
    Pooling,
)
from pages.ui.inputs import choose, number, switch
from pages.ui.layers.parts import ask_square, chart, count, more, notice, percent
from pages.ui.picture import ColourBar, show_picture
from pages.ui.tables import table
from pages.ui.views import describe_layer
from pages.ui.words import Say

_STACK = "stack"
_SIDE = 64


def show_receptive_field(say: Say, controls: DeltaGenerator) -> None:
    """Let a window grow over a picture, layer by layer."""
    deep = {
        name: say(network.label)
        for name, network in NETWORKS.items()
        if isinstance(network.layers[0], Convolution)
    }
    with controls:
        name = choose(
            say("Layers"),
            {_STACK: say("A stack of equal layers"), **deep},
            key="field_network",
            default=_STACK,
        )
        if name == _STACK:
            n, layers = _SIDE, _ask_stack(say)
        else:
            n = NETWORKS[name].input_shape[0]
            layers = NETWORKS[name].layers
        reaches = receptive_field(layers)
        depth = number(say("After layer"), key="field_depth", default=4, low=1, high=len(reaches))
        image = ask_square(say, n)
    seen = fields(layers, n)
    image = images.resize(image, n, n)
    ways = paths(layers[:depth], n).astype(np.float64)
    shares = np.outer(ways, ways)
    shares /= shares.max()
    field, reach = seen[depth - 1], reaches[depth - 1]
    before = reaches[depth - 2] if depth > 1 else None
    window = (field.start, field.start, len(field), len(field))
    left, middle, right = st.columns([1, 1.28, 1])
    with left:
        show_picture(
            _draw_rings(image, seen[:depth]),
            key="field_picture",
            caption=say("What the middle value sees"),
            limit=270,
            window=_clip(window, n),
            alt=say(
                "The picture with a frame of {size} × {size} pixels that the middle value sees, "
                "and the smaller frames of the layers before.",
                size=reach.size,
            ),
        )
    with middle:
        show_picture(
            unsigned_colours(shares.astype(np.float32), colours="viridis", low=0, high=1),
            key="field_ways",
            caption=say("Paths to the value"),
            limit=270,
            bar=ColourBar(colours="viridis", low=0, high=1),
            alt=say(
                "Ways from each pixel to the value, as a share of the most: bright in the "
                "middle, dark towards the frame."
            ),
        )
    with right:
        _chart_reaches(say, [it.size for it in reaches], depth)
    size_before, jump_before = (before.size, before.jump) if before else (1, 1)
    f = reach.layer.size if isinstance(reach.layer, Convolution | Pooling) else 1
    st.latex(
        rf"r_{{{depth}}}=r_{{{depth - 1}}}+(f-1)\cdot j_{{{depth - 1}}}"
        rf"={size_before}+({f}-1)\cdot{jump_before}={reach.size}"
    )
    inside = len(set(field) & set(range(n)))
    notice(
        say(
            "After layer {depth} one value sees {size} × {size} pixels: {share} % of the picture "
            "of {side} × {side}. The next value's window lies {jump} px to the side.",
            depth=depth,
            size=reach.size,
            share=percent((inside / n) ** 2),
            side=n,
            jump=reach.jump,
        )
    )
    with st.expander(say("The chart as numbers"), icon=":material/table:"):
        table(
            say("Receptive field by layer"),
            [say("Layer"), say("Kind"), say("Receptive field r"), say("Step j")],
            [
                [index, describe_layer(say, it.layer), f"{it.size} × {it.size}", it.jump]
                for index, it in enumerate(reaches, start=1)
            ],
            text=(1,),
        )
    more(
        say,
        say(
            "Each kernel sees only its f × f values, but each of those has seen f × f before. "
            "Without strides the field grows by f − 1 with every layer; a stride or pooling "
            "doubles the distance j between neighbouring values, and from there on the field "
            "grows twice as fast. Two 3 × 3 kernels see as much as one of 5 × 5, with 18 weights "
            "instead of 25. Not every pixel counts alike: many ways lead from the middle to the "
            "value, only one from a corner."
        ),
    )


def _ask_stack(say: Say) -> Network:
    size = number(say("Kernel: f pixels a side"), key="field_f", default=3, low=2, high=9)
    stride = number(say("Stride s"), key="field_stride", default=1, low=1, high=3)
    pooled = switch(say("2 × 2 pooling after each convolution"), key="field_pool")
    layers: tuple[Layer, ...] = ()
    for _ in range(8):
        block: tuple[Layer, ...] = (
            Convolution(filters=1, size=size, stride=stride, padding="same"),
        )
        if pooled:
            block += (Pooling(size=2),)
        for layer in block:
            try:
                fields((*layers, layer), _SIDE)
            except SettingError:  # nothing is left to pool
                return layers
            layers += (layer,)
    return layers


_RINGS = ((230, 159, 0), (0, 158, 115), (204, 121, 167), (86, 180, 233))


def _clip(window: tuple[int, int, int, int], n: int) -> tuple[int, int, int, int]:
    """Keep a window within a picture of n × n pixels."""
    start, stop = max(window[0], 0), min(window[0] + window[2], n)
    return start, start, stop - start, stop - start


def _draw_rings(image: ByteArray, seen: Sequence[range]) -> ByteArray:
    """Paint the frame of every layer but the last into a picture."""
    n = image.shape[0]
    painted = np.repeat(image.reshape(n, n, 1), 3, axis=2)
    for index, field in enumerate(seen[:-1]):
        start, stop = max(field.start, 0), min(field.stop, n)
        colour = _RINGS[index % len(_RINGS)]
        painted[[start, stop - 1], start:stop] = colour
        painted[start:stop, [start, stop - 1]] = colour
    return painted


def _chart_reaches(say: Say, sizes: Sequence[int], depth: int) -> None:
    bar = {
        "mark": {"type": "bar"},
        "encoding": {
            "x": {
                "field": "layer",
                "type": "ordinal",
                "title": say("Layer"),
                "axis": {"labelAngle": 0},
            },
            "y": {
                "field": "size",
                "type": "quantitative",
                "title": say("Receptive field in pixels"),
            },
            "color": {
                "condition": {"test": f"datum.layer === {depth}", "value": "#E69F00"},
                "value": "#56B4E9",
            },
        },
    }
    chart(
        [bar],
        [{"layer": layer, "size": size} for layer, size in enumerate(sizes, start=1)],
        key="field_chart",
        height=270,
        alt=say(
            "Receptive field by layer, from {first} to {last} pixels; the numbers stand in a "
            "table below.",
            first=sizes[0],
            last=sizes[-1],
        ),
    )


def show_networks(say: Say, controls: DeltaGenerator) -> None:
    """Count a whole network, layer by layer."""
    with controls:
        name = choose(
            say("Network"),
            {name: say(network.label) for name, network in NETWORKS.items()},
            key="net_name",
            default="lenet5",
        )
        network = NETWORKS[name]
        side = number(
            say("Picture: pixels a side"),
            key=f"net_side_{name}",
            default=network.input_shape[0],
            low=1,
            high=512,
            style="box",
            help=say("The network was published for {side}.", side=network.input_shape[0]),
        )
    rows = layer_table(network.layers, (side, side, network.input_shape[2]))
    learned = [index for index, row in enumerate(rows, start=1) if row.parameters]
    most = max(learned, key=lambda index: rows[index - 1].parameters)
    with controls:
        layer = number(
            say("Count layer"), key=f"net_layer_{name}", default=most, low=1, high=len(rows)
        )
        st.caption(say("Source: {source}", source=network.source))
    parameters, connections, work = totals(rows)
    with st.container(horizontal=True, gap="large"):
        st.metric(say("Layers with weights"), len(learned), width="content")
        st.metric(say("Parameters"), count(parameters), width="content")
        st.metric(say("Connections"), count(connections), width="content")
        st.metric(say("Multiply-adds"), count(work), width="content")
    left, right = st.columns(2)
    with left:
        _chart_shares(say, rows, parameters, work)
    with right:
        st.latex(_count_formula(rows[layer - 1]))
        notice(_say_shares(say, rows, parameters, work))
    _table_layers(say, rows, [it.size for it in receptive_field(network.layers)])
    with st.expander(say("All networks beside one another"), icon=":material/table:"):
        _table_all(say)
    more(
        say,
        say(
            "A convolution's parameters do not depend on the size of the picture: its kernels are "
            "the same everywhere. A dense layer has a weight for each input, so the first one "
            "behind the feature maps is usually the largest of all. The work is elsewhere: a "
            "kernel is used anew at every stop. Connections are counted as LeCun did, one for "
            "each use of a weight or a bias; a multiply-add is one multiplication by a weight."
        ),
    )


def totals(rows: Sequence[LayerRow]) -> tuple[int, int, int]:
    """Return a network's parameters, connections and multiply-adds."""
    return (
        sum(row.parameters for row in rows),
        sum(row.connections for row in rows),
        sum(row.multiply_adds for row in rows),
    )


def _count_formula(row: LayerRow) -> str:
    """Write how a layer's parameters and connections are counted, with its numbers."""
    match row.layer:
        case Convolution(filters=filters, size=size):
            depth, (height, width) = row.input_shape[2], row.output_shape[:2]
            return (
                r"\begin{aligned}"
                rf"({size}\cdot{size}\cdot{depth}+1)\cdot{filters}&={_tex(row.parameters)}\\"
                rf"\times\ {height}\cdot{width}&={_tex(row.connections)}\end{{aligned}}"
            )
        case Dense(units=units):
            return rf"({row.input_shape[0]}+1)\cdot{units}={_tex(row.parameters)}"
        case Pooling(size=size):
            height, width, depth = row.output_shape
            return (
                rf"{size}\cdot{size}\times {height}\cdot{width}\cdot{depth}"
                rf"={_tex(row.connections)}"
            )
        case BatchNormalisation():
            return rf"4\cdot{row.input_shape[-1]}={_tex(row.parameters)}"
    # The others have no weights: as many values as reach them.
    return r"\cdot".join(map(str, row.input_shape)) + rf"={_tex(math.prod(row.input_shape))}"


def _tex(value: int) -> str:
    return f"{value:,}".replace(",", r"\,")


def _say_shares(say: Say, rows: Sequence[LayerRow], parameters: int, work: int) -> str:
    largest = max(rows, key=lambda row: row.parameters)
    text = say(
        "Layer {layer} ({name}) holds {largest} of {all} parameters: {share} %.",
        layer=rows.index(largest) + 1,
        name=describe_layer(say, largest.layer),
        largest=count(largest.parameters),
        all=count(parameters),
        share=percent(largest.parameters / parameters),
    )
    inner = [row for row in rows if row.kind == "convolution"]
    if inner:
        text += " " + say(
            "The convolutions hold {held} % of the parameters and do {done} % of the "
            "multiply-adds.",
            held=percent(sum(row.parameters for row in inner) / parameters),
            done=percent(sum(row.multiply_adds for row in inner) / work),
        )
    return text


def _chart_shares(say: Say, rows: Sequence[LayerRow], parameters: int, work: int) -> None:
    held, done = say("Parameters"), say("Multiply-adds")
    values = [
        {"layer": index, "share": 100 * share, "of": name}
        for index, row in enumerate(rows, start=1)
        if row.parameters
        for name, share in ((held, row.parameters / parameters), (done, row.multiply_adds / work))
    ]
    bar = {
        "mark": {"type": "bar"},
        "encoding": {
            "x": {
                "field": "layer",
                "type": "ordinal",
                "title": say("Layer"),
                "axis": {"labelAngle": 0},
            },
            "xOffset": {"field": "of", "sort": [held, done]},
            "y": {
                "field": "share",
                "type": "quantitative",
                "title": say("Share of the network, in %"),
            },
            "color": {
                "field": "of",
                "type": "nominal",
                "legend": {"orient": "top", "title": None},
                "scale": {"domain": [held, done], "range": ["#CC79A7", "#56B4E9"]},
            },
        },
    }
    chart(
        [bar],
        values,
        key="net_chart",
        height=230,
        alt=say(
            "Each layer's share of the parameters and of the multiply-adds; the numbers stand in "
            "the table below."
        ),
    )


def _table_layers(say: Say, rows: Sequence[LayerRow], reaches: Sequence[int]) -> None:
    parameters, connections, work = totals(rows)
    lines: list[list[object]] = [
        [
            index,
            describe_layer(say, row.layer),
            " × ".join(map(str, row.output_shape)),
            count(row.parameters),
            count(row.connections),
            count(row.multiply_adds),
            reaches[index - 1] if index <= len(reaches) else say("all"),
        ]
        for index, row in enumerate(rows, start=1)
    ]
    lines.append(["", say("Total"), "", *map(count, (parameters, connections, work)), ""])
    table(
        say("The network, layer by layer"),
        [
            "",
            say("Layer"),
            say("Output"),
            say("Parameters"),
            say("Connections"),
            say("Multiply-adds"),
            say("Receptive field"),
        ],
        lines,
        text=(1,),
        total=True,
    )


def _table_all(say: Say) -> None:
    lines = []
    for network in NETWORKS.values():
        rows = layer_table(network.layers, network.input_shape)
        shape = " × ".join(map(str, network.input_shape))
        lines.append([say(network.label), shape, *map(count, totals(rows))])
    table(
        say("All networks beside one another"),
        [
            say("Network"),
            say("Input"),
            say("Parameters"),
            say("Connections"),
            say("Multiply-adds"),
        ],
        lines,
    )
