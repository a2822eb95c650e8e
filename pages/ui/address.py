"""Settings that live in the page's address, so that a link opens the exact view.

A widget's key is its name in the address. Values stand there as the program
knows them, not as a language calls them, and only where they differ from the
usual ones. Nonsense in an address is ignored and reported.
"""

from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

import streamlit as st

from pages.ui.words import Say

Value = TypeVar("Value", bound=str | int | float | bool)

_IGNORED = "ignored settings"


def recall(key: str, default: Value, read: Callable[[str], Value]) -> None:
    """Give a widget its value from the address, once, before it is drawn.

    Parameters
    ----------
    key : str
        The widget's key and its name in the address.
    default : str, int, float or bool
        Used where the address says nothing, or nonsense.
    read : callable
        Makes a value of the address's text; raises ValueError for nonsense.
    """
    if key in st.session_state:
        # Assigned anew so that the value outlives the runs in which the widget is not drawn.
        st.session_state[key] = st.session_state[key]
        return
    value = default
    if key in st.query_params:
        try:
            value = read(st.query_params[key])
        except ValueError:
            st.session_state.setdefault(_IGNORED, set()).add(key)
    st.session_state[key] = value


def publish(key: str, default: Value) -> None:
    """Put a widget's value into the address, where it differs from the usual one."""
    value = st.session_state[key]
    if value == default or value is None:
        st.query_params.pop(key, None)
    elif st.query_params.get(key) != str(value):
        st.query_params[key] = str(value)


def one_of(allowed: Collection[str]) -> Callable[[str], str]:
    """Return a reader that accepts the words in `allowed` alone."""

    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError(text)
        return text

    return read


def whole(low: int, high: int) -> Callable[[str], int]:
    """Return a reader of whole numbers from `low` to `high`."""

    def read(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError(text)
        return value

    return read


def decimal(low: float, high: float) -> Callable[[str], float]:
    """Return a reader of decimal numbers from `low` to `high`."""

    def read(text: str) -> float:
        value = float(text)
        if not low <= value <= high:  # False for "nan" too
            raise ValueError(text)
        return value

    return read


def flag(text: str) -> bool:
    """Read ``True`` or ``False``."""
    return one_of(("True", "False"))(text) == "True"


def apply(settings: Mapping[str, object]) -> None:
    """Set widgets from an experiment's settings; for a button's ``on_click``."""
    for key, value in settings.items():
        st.session_state[key] = value


def report_ignored(say: Say) -> None:
    """Say once which settings of the address made no sense."""
    ignored = st.session_state.pop(_IGNORED, None)
    if ignored:
        st.info(
            say(
                "The address held settings that this page does not know ({names}); "
                "it shows the usual ones instead.",
                names=", ".join(sorted(ignored)),
            ),
            icon=":material/link_off:",
        )
