"""One picture on a page: sharp pixels, a colour bar, a window, values, a pixel to choose.

Streamlit's own ``st.image`` blurs a small map when the browser enlarges it
and cannot tell where it was clicked.
"""

import base64
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from cvcore.arrays import ByteArray, FloatArray
from cvcore.display import Colours, colour_stops, encode

_FOLDER = Path(__file__).parent
_mount = st.components.v2.component(
    "cvcore.picture",
    css=(_FOLDER / "picture.css").read_text(encoding="utf-8"),
    js=(_FOLDER / "picture.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True, kw_only=True)
class ColourBar:
    """What a map's colours stand for.

    Parameters
    ----------
    colours : Colours
        A colour map of `cvcore.display`.
    low, high : float
        The values of its ends.
    clipped : bool, optional
        Whether some values lie beyond the ends.
    """

    colours: Colours
    low: float
    high: float
    clipped: bool = False

    def labels(self) -> list[tuple[str, float]]:
        """Return what stands beside the bar and how far down, from 0 at the top to 1."""
        top, bottom = short(self.high), short(self.low)
        if self.clipped:
            top, bottom = f"≥ {top}", f"≤ {bottom}" if self.low < 0 else bottom
        zero = [("0", self.high / (self.high - self.low))] if self.low < 0 < self.high else []
        return [(top, 0.0), *zero, (bottom, 1.0)]


@dataclass(frozen=True, kw_only=True)
class Pick:
    """A pixel that the visitor can choose.

    Parameters
    ----------
    key : str
        The component's key.
    label : str
        What a screen reader says of the picture as a control.
    at : (int, int)
        Row and column chosen now.
    shape : (int, int)
        Rows and columns to choose from: the answer's, which may be fewer than the picture's.
    on_change : callable
        Called with the row and the column before the page runs again.
    """

    key: str
    label: str
    at: tuple[int, int]
    shape: tuple[int, int]
    on_change: Callable[[int, int], None]


def short(value: float) -> str:
    """Write a number in at most some six characters, with a real minus sign."""
    text = f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e5 else f"{value:.3g}"
    return text.replace("-", "−") if float(text) else "0"


def written(values: FloatArray) -> list[list[str]]:
    """Write a matrix's numbers with as many decimals as the largest needs for three digits.

    Parameters
    ----------
    values : ndarray of float32, shape (height, width)

    Examples
    --------
    >>> written(np.array([[0.25, 0.0625], [0.0, -0.5]]))
    [['0.25', '0.062'], ['0', '−0.5']]
    """
    largest = float(np.abs(values).max(initial=0.0))
    if not np.isfinite(largest) or largest >= 1e5 or (0 < largest < 1e-3):
        return [[short(value) for value in line] for line in values.tolist()]
    decimals = 2 - math.floor(math.log10(largest)) if largest else 0
    digits = min(max(decimals, 0), 4)

    def write(value: float) -> str:
        text = f"{value:.{digits}f}"
        # What is not quite 0 keeps its zeros, and so differs from what is.
        if "." in text and (float(text) or not value):
            text = text.rstrip("0").rstrip(".")
        return text.replace("-", "−") if value else "0"

    return [[write(value) for value in line] for line in values.tolist()]


def show_picture(
    image: ByteArray,
    *,
    alt: str,
    key: str,
    caption: str = "",
    limit: int = 400,
    bar: ColourBar | None = None,
    window: tuple[float, float, float, float] | None = None,
    values: FloatArray | None = None,
    names: Sequence[str] = (),
    pick: Pick | None = None,
) -> None:
    """Draw one picture, as wide as there is room, at most `limit` pixels high.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width) or (height, width, 1 or 3)
        What the eye sees.
    alt : str
        What a screen reader says instead.
    key : str
        The component's key; the picture keeps its place while it stands.
    caption : str, optional
        Stands above the picture.
    limit : int, optional
        Greatest height on the screen, in CSS pixels.
    bar : ColourBar, optional
        What the colours mean.
    window : (top, left, height, width), optional
        A rectangle in the picture's pixels, drawn over it.
    values : ndarray of float32, shape (height, width), optional
        Written into the pixels.
    names : sequence of str, optional
        Of the rows and, the same ones, of the columns, for a square matrix.
    pick : Pick, optional
        Makes the picture a control.
    """
    data, mime = encode(image)
    rows, columns = image.shape[:2]
    # Mounted as a list: for the values of a dict Streamlit imports pandas, 70 MB.
    payload: dict[str, object] = {
        "source": f"data:{mime};base64,{base64.b64encode(data).decode()}",
        "rows": rows,
        "columns": columns,
        "alt": alt,
        "caption": caption,
        "limit": limit,
        "window": window,
    }
    if bar is not None:
        payload["bar"] = {"stops": colour_stops(bar.colours), "labels": bar.labels()}
    if values is not None:
        brightness = image.reshape(rows, columns, -1).mean(axis=2)
        payload["values"] = written(values)
        payload["ink"] = (brightness < 110).tolist()
    if names:
        payload["names"] = list(names)
    if pick is None:
        _mount(key=key, data=[payload])
        return
    payload["pick"] = {
        "label": pick.label,
        "at": pick.at,
        "rows": pick.shape[0],
        "columns": pick.shape[1],
    }

    def choose() -> None:
        pixel = st.session_state[pick.key]["pixel"]
        rows, columns = pick.shape
        # The browser is the visitor's: what it sends is checked like any other input.
        try:
            row, column = int(pixel["row"]), int(pixel["column"])
        except (KeyError, TypeError, ValueError):
            return
        pick.on_change(min(max(row, 0), rows - 1), min(max(column, 0), columns - 1))

    _mount(key=pick.key, data=[payload], on_pixel_change=choose)
