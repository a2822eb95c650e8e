"""Pixels to classes: each value of each layer, with the numbers that made it."""

import math
from typing import NamedTuple

import numpy as np
import streamlit as st

from cvcore import walk
from cvcore.arithmetic import window_seen
from cvcore.arrays import FloatArray
from cvcore.datasets import DATASETS
from cvcore.networks import (
    ActivationLayer,
    BatchNormalisation,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling,
    Layer,
    Pooling,
)
from cvcore.walk import Explanation, Place, Step
from pages.ui import address, questions
from pages.ui.inputs import choose, number
from pages.ui.inside.scene import Scene
from pages.ui.picture import Pick, short, show_picture
from pages.ui.probabilities import show_probabilities
from pages.ui.tables import table
from pages.ui.views import (
    CHANNELS,
    colour,
    describe_layer,
    name_colour,
    show_map,
    show_matrix,
)
from pages.ui.words import Say

_INPUTS = 8  # that count most, of a dense unit or a deep kernel
_MATRIX = 96  # pixels a side of a patch, a kernel and their products
_ROW = 16  # values of a dense layer in a row of its drawing


class Chosen(NamedTuple):
    """Which value is looked at: a layer's place from 1, or 0 for a pixel; the rest from 0."""

    layer: int
    channel: int
    row: int
    column: int

    def place(self, outputs: FloatArray) -> Place:
        """Return where it stands in what the layer gives."""
        if outputs.ndim == 1:
            return (self.channel,)
        return (self.row, self.column, self.channel)


def show(say: Say, scene: Scene) -> None:
    """Show one value of a layer and how it comes about."""
    chosen = _choose(say, scene)
    question = (walk.step, scene.subject, scene.picture, max(chosen.layer, 1), chosen.channel)
    if chosen.layer == 0:
        question = (*question[:-1], 0)
    answers = questions.ask(say, question, key="in_walk_wait")
    if answers is None:
        return
    step: Step = answers[0]
    if chosen.layer == 0:
        _show_pixel(say, scene, step, chosen)
        return
    layer = scene.spec.network[chosen.layer - 1]
    found = walk.explain(layer, step, chosen.place(step.outputs))
    _offer_moves(say, scene, chosen, found)
    left, middle, right = st.columns([1, 1.35, 1], gap="medium")
    with left:
        _show_before(say, scene, step, chosen, found)
    with middle:
        _show_work(say, scene, layer, step, chosen, found)
    with right:
        _show_after(say, step, chosen, found)
    if chosen.layer == len(scene.spec.network):
        _show_softmax(say, scene, step)


# -- which value


def _choose(say: Say, scene: Scene) -> Chosen:
    """Ask for a layer, a filter and a value; the numbers stand in the address, from 1."""
    names = {"0": say("0. The picture, scaled")}
    names |= {
        str(place): f"{place}. {describe_layer(say, layer)}"
        for place, layer in enumerate(scene.spec.network, start=1)
    }
    with st.container(horizontal=True, vertical_alignment="bottom", key="in_walk_what"):
        layer = int(choose(say("Layer"), names, key="in_layer", default="1"))
        shape = _shape(scene, layer)
        if len(shape) == 1:
            label = say("Value (1 to {count})", count=shape[0])
            channel = number(label, key="in_filter", default=1, low=1, high=shape[0], style="box")
            return Chosen(layer, channel - 1, 0, 0)
        channel = 1
        if shape[2] > 1:
            label = say("Map (1 to {count})", count=shape[2])
            channel = number(label, key="in_filter", default=1, low=1, high=shape[2], style="box")
        row = number(
            say("Row (1 to {count})", count=shape[0]),
            key="in_row",
            default=(shape[0] + 1) // 2,
            low=1,
            high=shape[0],
            style="box",
        )
        column = number(
            say("Column (1 to {count})", count=shape[1]),
            key="in_column",
            default=(shape[1] + 1) // 2,
            low=1,
            high=shape[1],
            style="box",
        )
    return Chosen(layer, channel - 1, row - 1, column - 1)


def _shape(scene: Scene, layer: int) -> tuple[int, ...]:
    if layer == 0:
        return DATASETS[scene.spec.dataset].shape
    return scene.rows[layer - 1].output_shape


def _go(layer: int, place: Place) -> None:
    """Look at a value of a layer; for a button."""
    settings: dict[str, object] = {"in_layer": str(layer), "in_filter": place[-1] + 1}
    if len(place) == 3:
        settings |= {"in_row": place[0] + 1, "in_column": place[1] + 1}
    address.apply(settings)


def _offer_moves(say: Say, scene: Scene, chosen: Chosen, found: Explanation) -> None:
    """Offer the way to the input that counts most, and one layer on."""
    with st.container(horizontal=True, gap="small", key="in_walk_moves"):
        st.button(
            say("Back to the strongest input"),
            icon=":material/arrow_back:",
            key="in_walk_back",
            type="tertiary",
            on_click=_go,
            args=(chosen.layer - 1, found.strongest),
        )
        last = chosen.layer == len(scene.spec.network)
        st.button(
            say("One layer on"),
            icon=":material/arrow_forward:",
            key="in_walk_on",
            type="tertiary",
            disabled=last,
            on_click=address.apply,
            args=({"in_layer": str(min(chosen.layer + 1, len(scene.spec.network)))},),
        )


# -- the pixel


def _show_pixel(say: Say, scene: Scene, step: Step, chosen: Chosen) -> None:
    """Show how a pixel becomes what the network sees."""
    left, right = st.columns(2, gap="medium")
    at = (chosen.row, chosen.column)
    with left:
        plane = step.image[..., min(chosen.channel, step.image.shape[2] - 1)].astype(np.float32)
        _show_plane(say, plane, name=say("The picture, 0 to 255"), key="in_walk_raw", at=at)
    with right:
        seen = step.seen[..., min(chosen.channel, step.seen.shape[2] - 1)]
        _show_plane(say, seen, name=say("What the network sees"), key="in_walk_seen", at=at)
    value = float(seen[at])
    if scene.spec.shuffle_pixels:
        st.markdown(
            say(
                "This run's pixels are put into one random order first, so the pixel comes from "
                "another place."
            )
        )
        return
    pixel = float(plane[at])
    minus = f" - {step.shift:.4g}" if step.shift else ""
    st.latex(rf"\frac{{{pixel:g}{minus}}}{{{step.scale:.4g}}} = {_tex(value)}")
    st.button(
        say("One layer on"),
        icon=":material/arrow_forward:",
        key="in_walk_on",
        type="tertiary",
        on_click=address.apply,
        args=({"in_layer": "1", "in_filter": 1},),
    )


def _show_plane(say: Say, plane: FloatArray, *, name: str, key: str, at: tuple[int, int]) -> None:
    show_map(
        say,
        plane,
        name=name,
        key=key,
        limit=300,
        window=(*at, 1, 1),
        pick=Pick(
            key=key,
            label=say("{name}. Click a pixel, or use the arrow keys.", name=name),
            at=at,
            shape=(plane.shape[0], plane.shape[1]),
            on_change=_pick_pixel,
        ),
    )


def _pick_pixel(row: int, column: int) -> None:
    address.apply({"in_row": row + 1, "in_column": column + 1})


# -- what went in


def _show_before(say: Say, scene: Scene, step: Step, chosen: Chosen, found: Explanation) -> None:
    """Show the maps or values that go into the layer, with what the value sees of them."""
    before = step.before
    if before.ndim == 1:
        _show_values(
            say, before, name=say("What goes in"), key="in_walk_before", at=found.strongest
        )
        return
    channel = found.strongest[-1]
    colours = chosen.layer == 1 and before.shape[2] == len(CHANNELS)
    name = (
        say("What goes in: {colour}", colour=name_colour(say, channel))
        if colours
        else say("What goes in: the picture")
        if chosen.layer == 1
        else say("What goes in: map {number} of {count}", number=channel + 1, count=before.shape[2])
    )
    window = found.window
    if window is None:
        window = (found.strongest[0], found.strongest[1], 1, 1)
    show_map(
        say,
        np.ascontiguousarray(before[..., channel]),
        name=name,
        key="in_walk_before",
        limit=230,
        window=_inside(window, before.shape[0], before.shape[1]),
    )
    if before.shape[2] > 1:
        st.caption(
            say("Of the three colours, the one that counts most. The frame is what the value sees.")
            if colours
            else say(
                "Of {count} maps, the one with the input that counts most. The frame is what the "
                "value sees.",
                count=before.shape[2],
            )
        )
    _show_picture(say, scene, step, chosen)


def _show_picture(say: Say, scene: Scene, step: Step, chosen: Chosen) -> None:
    """Show the picture with the rectangle that the value sees of it."""
    if chosen.layer == 1 or len(_shape(scene, chosen.layer)) != 3 or scene.spec.shuffle_pixels:
        return
    network = scene.spec.network[: chosen.layer]
    if any(isinstance(it, Flatten | Dense | GlobalAveragePooling) for it in network):
        return
    window = window_seen(network, DATASETS[scene.spec.dataset].shape, chosen.row, chosen.column)
    show_picture(
        step.image,
        key="in_walk_picture",
        caption=say("Of the picture it sees {height} × {width}", height=window[2], width=window[3]),
        limit=150,
        window=_inside(window, *step.image.shape[:2]),
        alt=say("The picture, with what the value sees of it"),
    )


def _inside(
    window: tuple[int, int, int, int], height: int, width: int
) -> tuple[float, float, float, float]:
    """Return the part of a rectangle that lies in a picture, without its padding."""
    top, left, rows, columns = window
    first, start = max(top, 0), max(left, 0)
    return first, start, min(top + rows, height) - first, min(left + columns, width) - start


# -- the arithmetic


def _show_work(
    say: Say, scene: Scene, layer: Layer, step: Step, chosen: Chosen, found: Explanation
) -> None:
    """Show what is done with what went in, with the numbers filled in."""
    st.markdown(f"**{chosen.layer}. {describe_layer(say, layer)}**")
    match layer:
        case Convolution():
            _show_convolution(say, found, layer.activation, first=chosen.layer == 1)
        case Pooling(how=how):
            patch = found.patch[..., 0]
            show_matrix(say, patch, name=say("What it sees"), key="in_walk_patch")
            inside = ", ".join(_tex(float(it)) for it in patch.ravel()[:9])
            more = r", \ldots" if patch.size > 9 else ""
            word = r"\max" if how == "max" else r"\mathrm{mean}"
            st.latex(rf"{word}({inside}{more}) = {_tex(found.value)}")
        case GlobalAveragePooling():
            st.latex(rf"\frac{{1}}{{{found.patch.size}}}\sum = {_tex(found.value)}")
            st.markdown(say("The mean of the whole map: where something stands is lost."))
        case BatchNormalisation():
            _show_normalised(say, found)
        case ActivationLayer(activation=activation):
            _show_activation(say, activation, found.total, found.value, step, chosen)
        case Dropout():
            st.markdown(
                say("Does nothing but in training, where it sets some values to 0 at random.")
            )
            st.latex(_tex(found.value))
        case Flatten():
            _show_flatten(say, step, chosen, found)
        case Dense():
            _show_dense(say, scene, chosen, found, layer.activation)


def _show_convolution(say: Say, found: Explanation, activation: str, *, first: bool) -> None:
    products = found.products
    sums = products.sum(axis=(0, 1), dtype=np.float64)
    channel = found.strongest[-1]
    matrices = (
        (say("What it sees"), found.patch, "in_walk_patch"),
        (say("Kernel"), found.kernel, "in_walk_kernel"),
        (say("Products"), products, "in_walk_products"),
    )
    # Side by side on a phone too, where columns would stand one below the other.
    with st.container(horizontal=True, gap="small", key="in_walk_matrices"):
        for name, values, key in matrices:
            with st.container(width=_MATRIX):
                show_matrix(say, np.ascontiguousarray(values[..., channel]), name=name, key=key)
    count = len(sums)
    if count > 1:
        order = np.argsort(-np.abs(sums), kind="stable")
        shown = order[:_INPUTS].tolist()
        rest = float(sums[order[_INPUTS:]].sum())
        colours = first and count == len(CHANNELS)
        rows = [
            (
                name_colour(say, it) if colours else say("Map {number}", number=it + 1),
                _plain(float(sums[it])),
            )
            for it in shown
        ]
        if count > _INPUTS:
            rows.append((say("The other {count} maps", count=count - _INPUTS), _plain(rest)))
        rows.append((say("Bias"), _plain(found.bias)))
        rows.append((say("Sum"), _plain(found.total + found.bias)))
        table(
            say("The sum of the products in each map"),
            [say("What comes in"), say("Sum of its products")],
            rows,
            total=True,
        )
    st.latex(rf"{_tex(found.total)} {_signed(found.bias)} = {_tex(found.total + found.bias)}")
    if count == 1:
        st.caption(
            say(
                "The products add up to {sum}; the bias is {bias}.",
                sum=_plain(found.total),
                bias=_plain(found.bias),
            )
        )
    if activation != "linear":
        st.latex(_of(activation, found.total + found.bias, found.value))


def _show_normalised(say: Say, found: Explanation) -> None:
    it = found.numbers
    st.latex(
        rf"{_tex(it['gamma'])} \cdot \frac{{{_tex(found.total)} {_signed(-it['moving_mean'])}}}"
        rf"{{\sqrt{{{_tex(it['moving_variance'])} + {walk.EPSILON}}}}} {_signed(it['beta'])}"
        rf" = {_tex(found.value)}"
    )
    st.markdown(
        say(
            "γ and β were learned; mean and variance are running ones over the batches of the "
            "training."
        )
    )


def _show_activation(
    say: Say, activation: str, total: float, value: float, step: Step, chosen: Chosen
) -> None:
    if activation == "softmax":
        st.markdown(say("Softmax looks at all values beside it; the table below has them."))
    st.latex(_of(activation, total, value))
    if activation == "relu":
        zero = float((step.outputs[..., chosen.channel] == 0).mean())
        st.caption(
            say("Of this map, {share} % become zero.", share=f"{100 * zero:.0f}")
            if step.outputs.ndim == 3
            else say("What is below zero becomes zero.")
        )


def _show_flatten(say: Say, step: Step, chosen: Chosen, found: Explanation) -> None:
    if step.before.ndim == 1:
        st.markdown(say("The values stand in one row already."))
        return
    height, width, channels = step.before.shape
    row, column, channel = found.strongest
    st.markdown(
        say(
            "The {height} × {width} × {channels} values of the maps are put into one row, so that "
            "each can have weights of its own. This one comes from row {row}, column {column}, "
            "map {map}:",
            height=height,
            width=width,
            channels=channels,
            row=row + 1,
            column=column + 1,
            map=channel + 1,
        )
    )
    # From 1 on both sides, as the controls count.
    st.latex(
        rf"({row} \cdot {width} + {column}) \cdot {channels} + {channel} + 1 = {chosen.channel + 1}"
    )


def _show_dense(
    say: Say, scene: Scene, chosen: Chosen, found: Explanation, activation: str
) -> None:
    products = found.products.astype(np.float64)
    order = np.argsort(-np.abs(products), kind="stable")
    shown = order[:_INPUTS].tolist()
    rows = [
        (
            say("Value {number}", number=it + 1),
            _plain(float(found.patch[it])),
            _plain(float(found.kernel[it])),
            _plain(float(products[it])),
        )
        for it in shown
    ]
    others = len(products) - len(shown)
    if others:
        rest = float(products[order[_INPUTS:]].sum())
        rows.append((say("The other {count}", count=f"{others:,}"), "", "", _plain(rest)))
    rows.append((say("Bias"), "", "", _plain(found.bias)))
    rows.append((say("Sum"), "", "", _plain(found.total + found.bias)))
    table(
        say("What adds up to the value"),
        [say("What comes in"), say("Value"), say("Weight"), say("Product")],
        rows,
        total=True,
    )
    if chosen.layer == len(scene.spec.network):
        st.caption(say("This sum is the score of {name}.", name=scene.names[chosen.channel]))
    if activation not in ("linear", "softmax"):
        st.latex(_of(activation, found.total + found.bias, found.value))


def _show_softmax(say: Say, scene: Scene, step: Step) -> None:
    """Show how all scores become probabilities."""
    st.subheader(say("From scores to probabilities"), anchor=False)
    show_probabilities(say, step.outputs, scene.names, scores=step.sums)


# -- what comes out


def _show_after(say: Say, step: Step, chosen: Chosen, found: Explanation) -> None:
    """Show what the layer gives, with the value; any other can be chosen in it."""
    outputs = step.outputs
    if outputs.ndim == 1:
        _show_values(
            say,
            outputs,
            name=say("What comes out"),
            key="in_walk_after",
            at=(chosen.channel,),
            choose=True,
        )
    else:
        plane = np.ascontiguousarray(outputs[..., chosen.channel])
        name = say(
            "What comes out: map {number} of {count}",
            number=chosen.channel + 1,
            count=outputs.shape[2],
        )
        at = (chosen.row, chosen.column)
        show_map(
            say,
            plane,
            name=name,
            key="in_walk_after",
            limit=230,
            window=(*at, 1, 1),
            pick=Pick(
                key="in_walk_after",
                label=say("{name}. Click a pixel, or use the arrow keys.", name=name),
                at=at,
                shape=plane.shape,
                on_change=_pick_pixel,
            ),
        )
    told = float(outputs[chosen.place(outputs)])
    st.markdown(
        say(
            "Worked out here: **{value}**. TensorFlow's own: {told}.",
            value=_plain(found.value),
            told=_plain(told),
        )
    )


def _show_values(
    say: Say, values: FloatArray, *, name: str, key: str, at: Place, choose: bool = False
) -> None:
    """Draw the values of a row in lines of 16, or as near to a square as many of them need."""
    count = len(values)
    columns = min(count, max(_ROW, math.ceil(math.sqrt(count))))
    rows = -(-count // columns)
    plane = np.pad(values, (0, rows * columns - count)).reshape(rows, columns)
    image, bar = colour(plane)
    row, column = divmod(at[-1], columns)

    def pick(row: int, column: int) -> None:
        address.apply({"in_filter": min(row * columns + column, count - 1) + 1})

    show_picture(
        image,
        key=key,
        caption=say("{name}: {count} values", name=name, count=f"{count:,}"),
        limit=230,
        bar=bar if rows > 2 else None,
        window=(row, column, 1, 1),
        pick=Pick(
            key=key,
            label=say("{name}. Click a value, or use the arrow keys.", name=name),
            at=(row, column),
            shape=(rows, columns),
            on_change=pick,
        )
        if choose
        else None,
        alt=say(
            "{name}: {count} values from {low} to {high}",
            name=name,
            count=count,
            low=short(float(values.min())),
            high=short(float(values.max())),
        ),
    )


# -- numbers


def _plain(value: float) -> str:
    text = f"{value:.4f}".rstrip("0").rstrip(".")
    return text.replace("-", "−") if text not in ("", "-0", "0") else "0"


def _tex(value: float) -> str:
    text = f"{value:.4f}".rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text


def _signed(value: float) -> str:
    text = _tex(abs(value))
    return f"- {text}" if value < 0 else f"+ {text}"


def _of(activation: str, total: float, value: float) -> str:
    names = {"relu": r"\max(0, %s)", "sigmoid": r"\sigma(%s)", "tanh": r"\tanh(%s)"}
    form = names.get(activation, r"\mathrm{softmax}(%s)")
    return f"{form % _tex(total)} = {_tex(value)}"
