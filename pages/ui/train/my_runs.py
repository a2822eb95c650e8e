"""The runs that a visitor has started or opened: kept in the address, so that a reload has them.

Nobody sees the others' runs but by an address that they share.
"""

from collections.abc import Sequence

import streamlit as st

from cvcore.spec import is_digest

MOST = 12
"""Runs in the list; the one that was opened first makes room for the next."""

_SESSION = {"runs": "my_runs", "pins": "my_pins"}


def listed() -> tuple[str, ...]:
    """Return the visitor's runs, the newest first."""
    return _recall("runs")


def pinned() -> tuple[str, ...]:
    """Return those of them that are pinned, in the order in which they were."""
    return tuple(it for it in _recall("pins") if it in listed())


def add(digest: str) -> None:
    """Put a run on top of the list, unless it is in it."""
    if digest and digest not in listed():
        runs = [digest, *listed()]
        while len(runs) > MOST:
            free = [it for it in runs[1:] if it not in pinned()] or runs[1:]
            runs.remove(free[-1])
        _keep("runs", runs)


def pin(digest: str) -> None:
    """Pin a run."""
    _keep("pins", [*pinned(), digest] if digest not in pinned() else pinned())


def unpin(digest: str) -> None:
    """Pin a run no longer."""
    _keep("pins", [it for it in pinned() if it != digest])


def forget(digest: str) -> None:
    """Take a run off the list."""
    unpin(digest)
    _keep("runs", [it for it in listed() if it != digest])


def publish() -> None:
    """Put the list into the address, where it says more than the run on show."""
    for key, most in (("runs", 1), ("pins", 0)):
        digests = _recall(key)
        text = "-".join(digests)
        if len(digests) <= most:
            st.query_params.pop(key, None)
        elif st.query_params.get(key) != text:
            st.query_params[key] = text


def _recall(key: str) -> tuple[str, ...]:
    name = _SESSION[key]
    if name not in st.session_state:
        said = str(st.query_params.get(key, "")).split("-")
        known = dict.fromkeys(it for it in said if is_digest(it))
        st.session_state[name] = tuple(known)[:MOST]
    digests: tuple[str, ...] = st.session_state[name]
    return digests


def _keep(key: str, digests: Sequence[str]) -> None:
    st.session_state[_SESSION[key]] = tuple(digests)
