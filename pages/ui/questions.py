"""Questions to the worker: a word while it thinks, a sentence where it cannot, then the answers."""

import time
from typing import Any

import streamlit as st

from cvcore.engine import Answer, engine
from pages.ui.setup import explain
from pages.ui.words import Say

_MOMENT = 0.2  # seconds; most answers come within it, and the page need not be drawn twice


def ask(say: Say, *questions: tuple[Any, ...], key: str) -> tuple[Any, ...] | None:
    """Return the worker's answers, or say why they are not there yet and look again.

    Parameters
    ----------
    say : Say
    *questions : tuple
        A job, and what follows its first argument.
    key : str
        Tells this place on the page from others.

    Returns
    -------
    tuple or None
        None while the worker thinks, or where it cannot: then the page goes on without.
    """
    given = _put(questions)
    until = time.monotonic() + _MOMENT
    for it in given:
        it.wait(max(until - time.monotonic(), 0.0))
    if all(it.state == "ready" for it in given):
        return tuple(it.value for it in given)
    errors = {str(it.error): it.error for it in given if it.error is not None}
    if errors:
        for error in errors.values():
            st.warning(explain(say, error), icon=":material/lightbulb:")
        return None

    def wait() -> None:
        if not any(it.state == "pending" for it in _put(questions)):
            st.rerun()
        st.caption(say("The worker is at it."))

    st.fragment(wait, run_every=0.3, key=key)()
    return None


def _put(questions: tuple[tuple[Any, ...], ...]) -> list[Answer]:
    return [engine().ask(*question) for question in questions]
