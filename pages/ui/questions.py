"""Questions to the worker: a word while it thinks, a sentence where it cannot, then the answers."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import streamlit as st

from cvcore.data_views import DownloadingError
from cvcore.engine import Answer, engine
from pages.ui.duration import duration
from pages.ui.setup import explain
from pages.ui.words import Say

# Seconds; most answers come within the first, and the page need not be drawn twice. Where an
# earlier answer is on the screen it stays there while the script waits, so it waits longer.
_MOMENT, _LONGER = 0.2, 1.0

_next: ContextVar[tuple[Any, ...] | None] = ContextVar("next question", default=None)


@contextmanager
def followed_by(*question: Any) -> Iterator[None]:
    """Put a question as soon as one is put inside, without waiting: its answer is drawn later.

    Parameters
    ----------
    *question : tuple
        A job, and what follows its first argument.
    """
    before = _next.set(question)
    try:
        yield
    finally:
        _next.reset(before)


def ask(
    say: Say, *questions: tuple[Any, ...], key: str, meanwhile: str = ""
) -> tuple[Any, ...] | None:
    """Return the worker's answers, or say why they are not there yet and look again.

    Parameters
    ----------
    say : Say
    *questions : tuple
        A job, and what follows its first argument.
    key : str
        Tells this place on the page from others.
    meanwhile : str, optional
        What is said while the worker thinks, in the reader's language.

    Returns
    -------
    tuple or None
        None while the worker thinks, or where it cannot: then the page goes on without.
    """
    shown, arriving = f"{key} shown", f"{key} arriving"
    given = engine().ask_together(*questions)
    _wait(given, _LONGER if shown in st.session_state else _MOMENT)
    following = _next.get()
    if following is not None:
        engine().ask(*following)
    if all(it.state == "ready" for it in given):
        st.session_state.pop(arriving, None)
        st.session_state[shown] = True
        return tuple(it.value for it in given)
    if not _is_waiting(given):
        for error in {str(it.error): it.error for it in given if it.error is not None}.values():
            st.warning(explain(say, error), icon=":material/lightbulb:")
        st.button(say("Try again"), icon=":material/refresh:", key=f"{key}_again")
        return None

    def wait() -> None:
        now = [engine().ask(*question) for question in questions]
        if not _is_waiting(now):
            st.rerun()
        # A question about what is being downloaded is put anew every few seconds; in between,
        # the last word on it stands.
        error = next((it.error for it in now if it.error), None)
        if error is not None:
            st.session_state[arriving] = error
        last = st.session_state.get(arriving)
        if last is None:
            st.caption(meanwhile or say("The worker is at it."))
        else:
            st.info(explain(say, last), icon=":material/hourglass_top:")

    st.fragment(wait, run_every=0.3, key=key)()
    return None


def offer(
    say: Say, label: str, *question: Any, key: str, icon: str, primary: bool = False
) -> Any | None:
    """Return what takes long, or offer to have it done; while it is, its progress and a stop.

    Parameters
    ----------
    say : Say
    label : str
        On the button.
    *question : tuple
        A job, and what follows its first argument, as for `Engine.compute`.
    key : str
        Tells this place on the page from others.
    icon : str
        The button's.
    primary : bool, optional
        Whether it is what the view is there for.

    Returns
    -------
    object or None
        None as long as it is not there.
    """
    answer = engine().computed(*question)
    if answer is not None and answer.state == "ready":
        return answer.value
    if answer is not None and answer.state == "pending":
        watch(say, answer, *question, key=key)
        return None
    if answer is not None and answer.error is not None:
        st.warning(explain(say, answer.error), icon=":material/lightbulb:")

    def begin() -> None:
        engine().compute(*question)

    st.button(
        label,
        icon=icon,
        type="primary" if primary else "secondary",
        key=key,
        on_click=begin,
        help=say("Takes some seconds, and waits for a training that is under way."),
    )
    return None


def watch(say: Say, answer: Answer, *question: Any, key: str) -> None:
    """Show how far something is that takes long, with a stop; the page is drawn anew at its end.

    Parameters
    ----------
    say : Say
    answer : Answer
        As `Engine.compute` returned it.
    *question : tuple
        As it was given to it.
    key : str
        Tells this place on the page from others.
    """

    def look() -> None:
        if answer.state != "pending":
            st.rerun()
        left = answer.seconds_left
        if left is not None:
            words = say("Still about {time}.", time=duration(say, left))
        elif answer.has_begun:
            words = say("The worker is at it.")
        else:
            words = say("It begins as soon as the worker is free.")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.progress(answer.share, text=words)
            st.button(
                say("Stop"),
                icon=":material/stop:",
                key=f"{key}_stop",
                on_click=engine().cancel,
                args=question,
            )

    st.fragment(look, run_every=0.5, key=f"{key}_wait")()


def put(*questions: tuple[Any, ...]) -> list[Answer]:
    """Put questions to the worker one by one, and give it the moment that most of them take.

    Returns
    -------
    list of Answer
        One for each; some may still be pending.
    """
    answers = [engine().ask(*question) for question in questions]
    _wait(answers, _MOMENT)
    return answers


def _wait(answers: list[Answer], seconds: float) -> None:
    until = time.monotonic() + seconds
    for it in answers:
        it.wait(max(until - time.monotonic(), 0.0))


def _is_waiting(answers: list[Answer]) -> bool:
    """Say whether an answer is still to come, and none has failed for good."""
    failed = [it.error for it in answers if it.state == "failed"]
    if any(not isinstance(error, DownloadingError) for error in failed):
        return False
    return bool(failed) or any(it.state == "pending" for it in answers)
