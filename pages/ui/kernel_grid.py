"""A kernel as a grid of number fields, for any keyboard and any phone."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from cvcore.arrays import FloatArray
from pages.ui.words import Say

_FOLDER = Path(__file__).parent
_mount = st.components.v2.component(
    "cvcore.kernel_grid",
    css=(_FOLDER / "kernel_grid.css").read_text(encoding="utf-8"),
    js=(_FOLDER / "kernel_grid.js").read_text(encoding="utf-8"),
)


def _cell(weight: float, columns: int) -> str:
    """Write a weight as short as its cell is narrow; the program keeps it whole."""
    return f"{weight:.3g}" if columns <= 9 else f"{weight:.2g}".replace("0.", ".", 1)


def edit_kernel(
    say: Say, kernel: FloatArray, *, key: str, on_cell: Callable[[int, int, str], None]
) -> None:
    """Show a kernel's weights in fields that can be typed into.

    Parameters
    ----------
    say : Say
        Speaks the reader's language.
    kernel : ndarray of float32, shape (rows, columns)
    key : str
        The component's key.
    on_cell : callable
        Called with the row, the column and what was typed, before the page runs again.
    """
    answers = f"{key}_answers"

    def typed() -> None:
        cell = st.session_state[key]["cell"]
        # The browser is the visitor's: what it sends is checked like any other input.
        try:
            row, column, text = int(cell["row"]), int(cell["column"]), str(cell["text"])
        except (KeyError, TypeError, ValueError):
            return
        if 0 <= row < kernel.shape[0] and 0 <= column < kernel.shape[1]:
            on_cell(row, column, text)
            st.session_state[answers] = st.session_state.get(answers, 0) + 1

    _mount(
        key=key,
        # A list: for the values of a dict Streamlit imports pandas, 70 MB.
        data=[
            {
                "cells": kernel.tolist(),
                "texts": [
                    [_cell(weight, kernel.shape[1]) for weight in row] for row in kernel.tolist()
                ],
                "label": say("The kernel's weights"),
                # A refused cell leaves all else as it was; the count makes the browser draw anew.
                "answers": st.session_state.get(answers, 0),
                "cellLabel": say(
                    "Weight in row {row}, column {column}", row="{row}", column="{column}"
                ),
            }
        ],
        on_cell_change=typed,
    )
