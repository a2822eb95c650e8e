"""A network as a drawing: a block for what comes out of each layer, scaled to its shape."""

import html
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from cvcore.arithmetic import LayerRow, Shape
from cvcore.networks import (
    ActivationLayer,
    BatchNormalisation,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling,
    Layer,
    Network,
    Pooling,
)
from pages.ui.words import Say

_FOLDER = Path(__file__).parent
_mount = st.components.v2.component(
    "cvcore.network_picture",
    css=(_FOLDER / "network_picture.css").read_text(encoding="utf-8"),
    js=(_FOLDER / "network_picture.js").read_text(encoding="utf-8"),
)

# Okabe and Ito's colours: they stay apart for readers who see few.
_COLOURS = {
    "picture": "#999999",
    "convolution": "#56B4E9",
    "pooling": "#009E73",
    "global_average_pooling": "#009E73",
    "batch_normalisation": "#CC79A7",
    "activation": "#F0E442",
    "dropout": "#999999",
    "flatten": "#999999",
    "dense": "#E69F00",
}
_COLUMN, _TOP, _ROOM, _HEIGHT = 84, 26, 104, 182


def show_network_picture(
    say: Say,
    network: Network,
    rows: Sequence[LayerRow],
    input_shape: Shape,
    *,
    key: str,
    selected: int = 0,
    on_pick: Callable[[int], None] | None = None,
) -> None:
    """Draw a network from left to right.

    Parameters
    ----------
    say : Say
        Speaks the reader's language.
    network : tuple of Layer
    rows : sequence of LayerRow
        As far as the network is possible: the layer behind them is marked as broken.
    input_shape : tuple of int
        (height, width, channels) of a picture.
    key : str
        The component's key.
    selected : int, optional
        The layer, from 1, that has a frame; 0 for none.
    on_pick : callable, optional
        Called with the number of the layer that was clicked, before the page runs again.
    """
    drawing = draw_network(say, network, rows, input_shape, selected=selected)
    _show(say, drawing, len(network), key=key, on_pick=on_pick)


class Block(NamedTuple):
    """What several layers of a large network are drawn as, by what comes out of the last.

    `kind` has a colour, as the layers of small networks have; `name` and `detail` stand below.
    """

    kind: str
    shape: Shape
    name: str
    detail: str


def show_blocks(
    say: Say,
    blocks: Sequence[Block],
    input_shape: Shape,
    *,
    key: str,
    selected: int,
    on_pick: Callable[[int], None],
) -> None:
    """Draw a network whose layers are too many to be drawn one by one.

    Parameters
    ----------
    say : Say
    blocks : sequence of Block
    input_shape : tuple of int
        (height, width, channels) of a picture.
    key : str
        The component's key.
    selected : int
        The block, from 1, that has a frame; 0 for none.
    on_pick : callable
        Called with the number of the block that was clicked, before the page runs again.
    """
    columns = [
        _column(place, it.kind, it.shape, it.name, it.detail, selected=place == selected)
        for place, it in enumerate(blocks, start=1)
    ]
    drawing = _frame([_column(0, "picture", input_shape, say("Picture"), ""), *columns])
    _show(say, drawing, len(blocks), key=key, on_pick=on_pick)


def _show(
    say: Say, drawing: str, count: int, *, key: str, on_pick: Callable[[int], None] | None
) -> None:
    def picked() -> None:
        position = st.session_state[key]["layer"]
        # The browser is the visitor's: what it sends is checked like any other input.
        if on_pick and isinstance(position, int | float) and 1 <= position <= count:
            on_pick(int(position))

    _mount(
        key=key,
        # A list: for the values of a dict Streamlit imports pandas, 70 MB.
        data=[
            {
                "svg": drawing,
                "label": say("The network as a drawing; the table below says the same in words."),
                "editable": on_pick is not None,
            }
        ],
        on_layer_change=picked,
    )


def draw_network(
    say: Say,
    network: Network,
    rows: Sequence[LayerRow],
    input_shape: Shape,
    *,
    selected: int = 0,
) -> str:
    """Return the drawing as SVG; the parameters are those of `show_network_picture`."""
    parts = [_column(0, "picture", input_shape, say("Picture"), "")]
    for position, layer in enumerate(network, start=1):
        shape = rows[position - 1].output_shape if position <= len(rows) else None
        name, detail = _words(say, layer)
        parts.append(
            _column(
                position,
                layer.kind,
                shape,
                f"{position} {name}",
                detail,
                broken=position == len(rows) + 1,
                selected=position == selected,
            )
        )
    return _frame(parts)


def _frame(columns: Sequence[str]) -> str:
    width = _COLUMN * len(columns)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{_HEIGHT}" '
        f'viewBox="0 0 {width} {_HEIGHT}" aria-hidden="true">'
    )
    return "".join([head, *columns, "</svg>"])


def _column(
    place: int,
    kind: str,
    shape: Shape | None,
    name: str,
    detail: str,
    *,
    broken: bool = False,
    selected: bool = False,
) -> str:
    """Draw a block with its words above and below."""
    left, middle = _COLUMN * place, _COLUMN * (place + 0.5)
    floor = _TOP + _ROOM / 2
    parts = [
        f'<g data-layer="{place}" class="{"selected" if selected else ""}">' if place else "<g>",
        f'<rect class="frame" x="{left + 2}" y="2" width="{_COLUMN - 4}" '
        f'height="{_HEIGHT - 4}" rx="6"/>',
    ]
    if place:
        parts.append(
            f'<line class="arrow" x1="{left - 8}" y1="{floor}" x2="{left + 8}" y2="{floor}"/>'
        )
    if shape is not None:
        parts.append(_block(middle, floor, shape, _COLOURS[kind]))
        parts.append(_text(middle, 18, "×".join(map(str, shape)), "shape"))
    else:
        word = "broken" if broken else "unknown"
        parts.append(
            f'<rect class="{word}" x="{middle - 20}" y="{floor - 28}" width="40" height="56"/>'
        )
        if broken:
            parts.append(_text(middle, floor + 7, "!", "sign"))
    parts.append(_text(middle, _TOP + _ROOM + 18, name, "name"))
    parts.append(_text(middle, _TOP + _ROOM + 34, detail, "detail"))
    return "".join([*parts, "</g>"])


def _block(middle: float, floor: float, shape: Shape, colour: str) -> str:
    """Draw maps as a box, as high as a map and as wide as there are; a row of values as a bar.

    Both grow with the logarithm: 784 values and 10 fit beside one another.
    """
    if len(shape) == 1:
        height, width, slant = 9.5 * math.log2(shape[0] + 1), 11.0, 0.0
    else:
        height, width = 14 * math.log2(shape[0] + 1), 5 + 5 * math.log2(shape[2] + 1)
        slant = 4.5 * math.log2(shape[1] + 1) / 2
    height = min(height, _ROOM - 2 * slant)
    width = min(width, _COLUMN - 12 - slant)
    x, y = middle - (width + slant) / 2, floor - (height - slant) / 2
    front = f"M{x:.1f} {y:.1f}h{width:.1f}v{height:.1f}h{-width:.1f}z"
    top = f"M{x:.1f} {y:.1f}l{slant:.1f} {-slant:.1f}h{width:.1f}l{-slant:.1f} {slant:.1f}z"
    side = (
        f"M{x + width:.1f} {y:.1f}l{slant:.1f} {-slant:.1f}v{height:.1f}l{-slant:.1f} {slant:.1f}z"
    )
    faces = [(front, 0.9), (top, 0.45), (side, 0.65)] if slant else [(front, 0.9)]
    return "".join(
        f'<path class="block" d="{path}" fill="{colour}" fill-opacity="{opacity}"/>'
        for path, opacity in faces
    )


def _text(x: float, y: float, words: str, kind: str) -> str:
    # Where a column is too narrow for the words, they are drawn closer together.
    room = _COLUMN - 6
    wide = sum(11.0 if ord(letter) > 0x1100 else 5.7 for letter in words)
    fit = f' textLength="{room}" lengthAdjust="spacingAndGlyphs"' if wide > room else ""
    return f'<text class="{kind}" x="{x}" y="{y}"{fit}>{html.escape(words)}</text>'


def _words(say: Say, layer: Layer) -> tuple[str, str]:
    """Say a layer in two short lines."""
    match layer:
        case Convolution():
            step = f" /{layer.stride}" if layer.stride > 1 else ""
            return say("Conv."), f"{layer.size}×{layer.size}{step}{_after(layer)}"
        case Pooling():
            how = say("max") if layer.how == "max" else say("mean")
            step = f" /{layer.stride}" if layer.stride else ""
            return say("Pooling"), f"{how} {layer.size}×{layer.size}{step}"
        case GlobalAveragePooling():
            return say("Pooling"), say("mean of a map")
        case BatchNormalisation():
            return say("Normalise"), say("over a batch")
        case ActivationLayer():
            return say("Activation"), layer.activation
        case Dropout():
            return say("Dropout"), f"{100 * layer.rate:g} %"
        case Flatten():
            return say("Flatten"), ""
        case Dense():
            return say("Dense"), _after(layer)


def _after(layer: Convolution | Dense) -> str:
    return "" if layer.activation == "linear" else f" {layer.activation}"
