"""A line of text that a screen reader speaks each time it changes."""

from pathlib import Path

import streamlit as st

_FOLDER = Path(__file__).parent
# Streamlit's own text elements are made anew with every word, and readers miss the change.
_mount = st.components.v2.component(
    "cvcore.spoken",
    css=(_FOLDER / "spoken.css").read_text(encoding="utf-8"),
    js=(_FOLDER / "spoken.js").read_text(encoding="utf-8"),
)


def show_spoken(text: str, *, key: str) -> None:
    """Write a line that is also spoken, politely, whenever it says something new.

    Parameters
    ----------
    text : str
        In the reader's language; plain text, no Markdown.
    key : str
        The component's key.
    """
    _mount(key=key, data=[text])
