"""Many small pictures in rows, each with a line or two beneath it."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from cvcore.arrays import ByteArray
from cvcore.display import encode_png

_FOLDER = Path(__file__).parent
_mount = st.components.v2.component(
    "cvcore.gallery",
    css=(_FOLDER / "gallery.css").read_text(encoding="utf-8"),
    js=(_FOLDER / "gallery.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True, eq=False, kw_only=True)
class Tile:
    """A picture of a gallery.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width) or (height, width, 1 or 3)
    head, note : str
        What stands beneath it.
    alt : str, optional
        What a screen reader says instead of the picture, beside head and note.
    marked : bool, optional
        Draw attention to it, with a frame and a colour.
    """

    image: ByteArray
    head: str
    note: str = ""
    alt: str = ""
    marked: bool = False


def show_gallery(
    tiles: Sequence[Tile],
    *,
    label: str,
    key: str,
    chosen: int | None = None,
    on_choose: Callable[[int], None] | None = None,
) -> None:
    """Draw small pictures, as many in a row as there is room for.

    Parameters
    ----------
    tiles : sequence of Tile
    label : str
        What a screen reader says of them as a list.
    key : str
        The component's key; the pictures keep their places while it stands.
    chosen : int, optional
        The place, from 0, of the one that is looked at closely elsewhere.
    on_choose : callable, optional
        Makes each picture a button: called with its place before the page runs again.
    """
    sent = [
        {
            "source": f"data:image/png;base64,{base64.b64encode(encode_png(it.image)).decode()}",
            "alt": it.alt,
            "head": it.head,
            "note": it.note,
            "marked": it.marked,
        }
        for it in tiles
    ]
    # A list: for the values of a dict Streamlit imports pandas, 70 MB.
    payload = {"label": label, "tiles": sent, "choice": on_choose is not None, "chosen": chosen}
    if on_choose is None:
        _mount(key=key, data=[payload])
        return

    def choose() -> None:
        tile = st.session_state[key]["tile"]
        # The browser is the visitor's: what it sends is checked like any other input.
        try:
            place = int(tile["index"])
        except (KeyError, TypeError, ValueError):
            return
        if 0 <= place < len(tiles):
            on_choose(place)

    _mount(key=key, data=[payload], on_tile_change=choose)
