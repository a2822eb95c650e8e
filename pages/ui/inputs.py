"""Widgets whose values stand in the page's address, by the names the program uses."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Literal

import streamlit as st

from pages.ui import address
from pages.ui.words import Say

_drawn = ContextVar("drawn", default=True)


@contextmanager
def unseen() -> Iterator[None]:
    """Read what the inputs inside hold, without drawing them: they are drawn later in the run.

    So the picture that they make can go to the browser before them.
    """
    before = _drawn.set(False)
    try:
        yield
    finally:
        _drawn.reset(before)


def are_drawn() -> bool:
    """Say whether inputs are drawn now, or only read (`unseen`)."""
    return _drawn.get()


def side_by_side(count: int) -> Sequence[AbstractContextManager[object]]:
    """Return columns to draw inputs in."""
    return st.columns(count) if _drawn.get() else [nullcontext()] * count


def choose(
    label: str,
    options: Mapping[str, str],
    *,
    key: str,
    default: str,
    style: Literal["list", "segments"] = "list",
    hide_label: bool = False,
    help: str | None = None,  # noqa: A002 - Streamlit's name for it
) -> str:
    """Ask for one of several words.

    Parameters
    ----------
    label : str
        What is asked, in the reader's language.
    options : mapping of str to str
        From the word that stands in the address to what the reader sees.
    key : str
        The widget's key and its name in the address.
    default : str
        Chosen where the address says nothing.
    style : {'list', 'segments'}, optional
        A drop-down list, or all choices side by side (for two to five of them).
    hide_label : bool, optional
        Leave the label to screen readers.
    help : str, optional
        A longer word on it.

    Returns
    -------
    str
        One of `options`.
    """
    address.recall(key, default, address.one_of(options))
    if st.session_state[key] not in options:  # the choices themselves can depend on others
        st.session_state[key] = default
    if not _drawn.get():
        return str(st.session_state[key])
    draw = st.selectbox if style == "list" else st.segmented_control
    draw(  # type: ignore[operator]
        label,
        options,
        format_func=options.__getitem__,
        key=key,
        help=help,
        label_visibility="collapsed" if hide_label else "visible",
        **({} if style == "list" else {"required": True}),
    )
    address.publish(key, default)
    return str(st.session_state[key])


def number(
    label: str,
    *,
    key: str,
    default: int,
    low: int,
    high: int,
    style: Literal["slider", "box"] = "slider",
    hide_label: bool = False,
    help: str | None = None,  # noqa: A002
) -> int:
    """Ask for a whole number from `low` to `high`; both ends stand in the widget."""
    address.recall(key, default, address.whole(low, high))
    # A limit can depend on another control and move below what was chosen before.
    st.session_state[key] = min(max(int(st.session_state[key]), low), high)
    if not _drawn.get():
        return int(st.session_state[key])
    shown: Literal["visible", "collapsed"] = "collapsed" if hide_label else "visible"
    if style == "slider" and low < high:
        st.slider(label, low, high, key=key, help=help, label_visibility=shown)
    else:
        st.number_input(label, low, high, step=1, key=key, help=help, label_visibility=shown)
    address.publish(key, default)
    return int(st.session_state[key])


def decimal(
    label: str,
    *,
    key: str,
    default: float,
    low: float,
    high: float,
    step: float,
    format: str = "%.2f",  # noqa: A002 - Streamlit's name for it
    hide_label: bool = False,
    help: str | None = None,  # noqa: A002
) -> float:
    """Ask for a decimal number from `low` to `high`."""
    address.recall(key, float(default), address.decimal(low, high))
    if not _drawn.get():
        return float(st.session_state[key])
    st.number_input(
        label,
        float(low),
        float(high),
        step=step,
        format=format,
        key=key,
        help=help,
        label_visibility="collapsed" if hide_label else "visible",
    )
    address.publish(key, default)
    return float(st.session_state[key])


def switch(label: str, *, key: str, default: bool = False, help: str | None = None) -> bool:  # noqa: A002
    """Ask for yes or no."""
    address.recall(key, default, address.flag)
    if not _drawn.get():
        return bool(st.session_state[key])
    st.toggle(label, key=key, help=help)
    address.publish(key, default)
    return bool(st.session_state[key])


def try_this(say: Say, experiments: Sequence[tuple[str, Mapping[str, object]]]) -> None:
    """Offer a row of experiments; each sets the widgets, and so the address.

    Parameters
    ----------
    say : Say
        Speaks the reader's language.
    experiments : sequence of (label, settings)
        What the button says, in the reader's language, and the value of each widget's key.
    """
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center", key="try"):
        st.caption(say("Try this:"), width="content")
        for index, (label, settings) in enumerate(experiments):
            st.button(
                label,
                key=f"try_{index}",
                type="tertiary",
                icon=":material/science:",
                on_click=address.apply,
                args=(settings,),
            )
