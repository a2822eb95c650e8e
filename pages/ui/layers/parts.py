"""What the experiments on layers share: questions, small drawings, sentences."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import streamlit as st

from cvcore import images
from cvcore.arrays import ByteArray, FloatArray
from cvcore.convolution import Padding, padding_amounts
from cvcore.display import enlarge
from cvcore.experiments import window_of
from cvcore.kernels import KERNELS
from pages.ui.inputs import choose, number
from pages.ui.picture import short
from pages.ui.picture_input import choose_picture
from pages.ui.words import Say

# What a cell of a grid can be.
PIXEL, PADDED, UNUSED, ANSWER = range(4)
# Two shades each, as on a chessboard, so that cells can be counted.
_SHADES = np.array(
    [
        [[206, 226, 241], [186, 212, 233]],
        [[235, 235, 235], [222, 222, 222]],
        [[213, 94, 0], [213, 94, 0]],
        [[178, 223, 207], [153, 210, 190]],
    ],
    np.uint8,
)
_CELL = 16
# A few parts in a million of the largest answer are no difference but float32's rounding.
_ROUNDING = 1e-5


def notice(text: str) -> None:
    """Say what there is to notice, computed from what is on the screen."""
    st.info(text, icon=":material/visibility:")


def more(say: Say, text: str) -> None:
    """Fold a longer explanation away."""
    with st.expander(say("Why it is so"), icon=":material/menu_book:"):
        st.markdown(text)


def ask_kernel(
    say: Say, names: Sequence[str], *, key: str, default: str, label: str | None = None
) -> FloatArray:
    """Ask for one of a few ready kernels and return its weights, float32 (rows, columns)."""
    labels = {name: say(KERNELS[name].label) for name in names}
    return KERNELS[choose(label or say("Kernel"), labels, key=key, default=default)].weights


def ask_padding(say: Say, prefix: str, *, default: str = "valid") -> Padding:
    """Ask for a padding; ``<prefix>_padding`` and ``<prefix>_pad`` stand in the address."""
    rule = choose(
        say("Padding"),
        {"valid": say("None (valid)"), "same": say("Same"), "pixels": say("In pixels")},
        key=f"{prefix}_padding",
        default=default,
        style="segments",
    )
    if rule == "pixels":
        return number(say("Padding p"), key=f"{prefix}_pad", default=1, low=0, high=6)
    return "same" if rule == "same" else "valid"


def ask_square(say: Say, side: int) -> ByteArray:
    """Ask for a picture and return the square in its middle.

    Returns
    -------
    ndarray of uint8, shape (height, height)
        Grey, at most `side` pixels a side; a smaller picture stays as it is.
    """
    return square(choose_picture(say).image, side)


def square(image: ByteArray, side: int) -> ByteArray:
    """Return the square in a picture's middle, grey, shrunk to at most `side` pixels a side."""
    grey = images.to_grey(image)[..., 0]
    middle = np.ascontiguousarray(window_of(grey, min(grey.shape)))
    return images.fit(middle[..., None], max_side=side)[..., 0]


def size_formula(n: int, f: int, stride: int, padding: Padding, size: int) -> str:
    """Write the size formula with its numbers; the floor is written out where it cuts."""
    before, after = padding_amounts(n, f, stride=stride, padding=padding)
    free = n + before + after - f
    steps = f"{free // stride}"
    if free % stride:
        steps = rf"\lfloor {free / stride:.4g}\rfloor"
    return (
        rf"\left\lfloor\frac{{{n}+{before + after}-{f}}}{{{stride}}}\right\rfloor+1"
        rf"={steps}+1={size}"
    )


def draw_cells(kinds: npt.NDArray[np.int_]) -> tuple[ByteArray, int]:
    """Draw a grid whose cells differ in colour and, for those who see none, in pattern.

    Parameters
    ----------
    kinds : ndarray of int, shape (rows, columns)
        `PIXEL`, `PADDED` (a dot), `UNUSED` (hatched) or `ANSWER`.

    Returns
    -------
    image : ndarray of uint8, shape (rows · cell, columns · cell, 3)
    cell : int
        Pixels of the drawing along each side of a cell.
    """
    shade = np.indices(kinds.shape).sum(axis=0) % 2
    image = enlarge(_SHADES[kinds, shade], _CELL)
    large = enlarge(kinds.astype(np.uint8), _CELL)
    rows, columns = np.indices(large.shape)
    hatch = (rows + columns) % 8 < 2
    image[(large == UNUSED) & hatch] = 255
    dot = (abs(rows % _CELL - 7.5) < 2) & (abs(columns % _CELL - 7.5) < 2)
    image[(large == PADDED) & dot] = 150
    return image, _CELL


def chart(
    layers: Sequence[Mapping[str, object]],
    rows: Sequence[Mapping[str, object]],
    *,
    key: str,
    alt: str,
    height: int = 220,
) -> None:
    """Draw a Vega-Lite chart of a few rows, without importing pandas for them.

    Parameters
    ----------
    layers : sequence of mapping
        Marks and encodings, drawn over one another.
    rows : sequence of mapping
        The values.
    key, alt, height
        As for `streamlit.vega_lite_chart`.
    """
    # Inside a layer the values stay in the chart; at the top Streamlit makes a table of them.
    data = {"values": list(rows)}
    spec = {"height": height, "layer": [{"data": data, **layer} for layer in layers]}
    st.vega_lite_chart(spec, key=key, alt=alt)


def difference(say: Say, largest: float, scale: float) -> str:
    """Write the largest difference of two maps; float32's rounding is said to be that."""
    if 0 < largest < _ROUNDING * scale:
        return say("{largest} (rounding)", largest=short(largest))
    return short(largest)


def count(value: int) -> str:
    """Write a whole number with its thousands apart."""
    return f"{value:,}"


def percent(share: float) -> str:
    """Write a share in percent, with three digits that tell something."""
    return short(100 * share)
