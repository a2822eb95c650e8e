"""A picture with a brush that hides parts of it, by mouse, finger or keyboard."""

import base64
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from cvcore.arrays import BoolArray, ByteArray
from cvcore.display import encode_png
from cvcore.errors import SettingError
from cvcore.subjects import pack, unpack
from pages.ui.words import Say

_FOLDER = Path(__file__).parent
_mount = st.components.v2.component(
    "cvcore.brush",
    css=(_FOLDER / "brush.css").read_text(encoding="utf-8"),
    js=(_FOLDER / "brush.js").read_text(encoding="utf-8"),
)


def show_brush(
    say: Say,
    image: ByteArray,
    instead: ByteArray,
    hidden: BoolArray,
    *,
    size: int,
    alt: str,
    caption: str,
    key: str,
    on_change: Callable[[BoolArray], None],
    limit: int = 300,
) -> None:
    """Draw a picture that can be painted over.

    A stroke that begins on a pixel which is shown hides, one that begins on a hidden pixel
    shows again; the arrow keys move the brush and the space bar uses it.

    Parameters
    ----------
    say : Say
    image : ndarray of uint8, shape (height, width, 1 or 3)
        The whole picture.
    instead : ndarray of uint8, of the same shape
        What stands where it is hidden: the picture with all of it hidden.
    hidden : ndarray of bool, shape (height, width)
        Which pixels are.
    size : int
        Side of the brush, in pixels.
    alt, caption : str
        What a screen reader says of it, and what stands above.
    key : str
        The component's key.
    on_change : callable
        Called with the pixels that are hidden then, before the page runs again.
    limit : int, optional
        Greatest height on the screen, in CSS pixels.
    """
    rows, columns = hidden.shape
    heard = f"{key} heard"

    def paint() -> None:
        stroke = st.session_state[key]["stroke"]
        # The browser is the visitor's: what it sends is checked like any other input.
        try:
            mask = unpack(bytes.fromhex(str(stroke["hidden"])), rows, columns)
            stamp = int(stroke["stamp"])
        except (KeyError, TypeError, ValueError, SettingError):
            return
        st.session_state[heard] = stamp
        on_change(mask)

    _mount(
        key=key,
        # A list: for the values of a dict Streamlit imports pandas, 70 MB.
        data=[
            {
                "image": _source(image),
                "instead": _source(instead),
                "rows": rows,
                "columns": columns,
                "hidden": pack(hidden).hex(),
                # What the browser has painted since is newer than what is drawn here.
                "heard": st.session_state.get(heard, 0),
                "size": size,
                "limit": limit,
                "alt": alt,
                "caption": caption,
                "label": say(
                    "Brush: the arrow keys move it, the space bar hides what is under it or shows "
                    "it again"
                ),
                "spokenHidden": say(
                    "Row {row}, column {column}: hidden", row="{row}", column="{column}"
                ),
                "spokenShown": say(
                    "Row {row}, column {column}: shown", row="{row}", column="{column}"
                ),
            }
        ],
        on_stroke_change=paint,
    )


def _source(image: ByteArray) -> str:
    return f"data:image/png;base64,{base64.b64encode(encode_png(image)).decode()}"
