"""Learn on with a network whose filters were operated on."""

from dataclasses import replace

import streamlit as st

from cvcore import surgery, transfer
from cvcore.engine import engine
from cvcore.errors import SettingError
from cvcore.surgery import Operation
from cvcore.transfer import Learned
from cvcore.transfer_spec import TransferSpec
from pages.ui import address
from pages.ui.inside.pretrained_surgery import OPERATIONS
from pages.ui.setup import explain
from pages.ui.transfer.learn import show_learned, train, watch
from pages.ui.words import Say

BRANCH = "large_branch"
"""What is called in the address what a network has learned on with."""

_NEXT = "!"


def recall(say: Say, spec: TransferSpec, kept: Learned) -> tuple[TransferSpec, Learned]:
    """Return what was learned on from a network, where the address says so; with a way back.

    Parameters
    ----------
    say : Say
    spec : TransferSpec
        As it was learned without operations.
    kept : Learned
        What it left.
    """
    address.recall(BRANCH, "", _read)
    found = None
    stages = _stages(str(st.session_state[BRANCH]))
    if stages:
        spec = replace(spec, surgery=stages)
        found = transfer.recall(spec)
        if found is None:
            st.session_state[BRANCH] = ""
            st.info(
                say(
                    "What was learned on after operations is not kept for these settings; this "
                    "is the network before them."
                ),
                icon=":material/lightbulb:",
            )
    address.publish(BRANCH, "")
    if found is None:
        return replace(spec, surgery=()), kept
    with st.container(horizontal=True, vertical_alignment="center", key="branch"):
        st.caption(say("It has learned on after operations on its filters."), width="content")
        st.button(
            say("Back to the network before them"),
            key="branch_back",
            icon=":material/undo:",
            type="tertiary",
            on_click=_go,
            args=(stages[:-1],),
        )
    return spec, found


def offer(say: Say, spec: TransferSpec) -> None:
    """Offer to learn on with the operations that are in effect, and show what came of it.

    Parameters
    ----------
    say : Say
    spec : TransferSpec
        What the network has learned.
    """
    operations = surgery.from_text(str(st.session_state.get(OPERATIONS, "")))
    with st.expander(say("Train on from here: can it learn without, or again?"), expanded=True):
        if not operations:
            st.caption(say("Operate on a filter first; then the network can learn on as it is."))
            return
        branch = replace(spec, surgery=(*spec.surgery, operations))
        answer = engine().computed(transfer.learn, branch)
        if answer is not None and answer.state == "pending":
            watch(say, branch, answer)
            return
        kept = transfer.recall(branch)
        if kept is not None:
            show_learned(say, branch, kept)
            st.button(
                say("Look inside"),
                icon=":material/arrow_forward:",
                key="branch_inside",
                on_click=_go,
                args=(branch.surgery,),
            )
        elif answer is not None and answer.error is not None:
            st.warning(explain(say, answer.error), icon=":material/lightbulb:")
        if kept is None or kept.stopped:
            st.button(
                say("Train on from here"),
                icon=":material/call_split:",
                key="branch_train",
                on_click=train,
                args=([branch],),
            )
            st.caption(
                say(
                    "It begins with what it has learned and these filters as they are now, and "
                    "learns once more as the settings say. What is frozen stays as it is; the "
                    "rest learns to do without it."
                )
            )


def _go(stages: tuple[tuple[Operation, ...], ...]) -> None:
    # What was learned on has the operations in itself: to do them again would undo swaps.
    text = _NEXT.join(map(surgery.to_text, stages))
    address.apply({BRANCH: text, OPERATIONS: ""})


def _stages(text: str) -> tuple[tuple[Operation, ...], ...]:
    return tuple(map(surgery.from_text, text.split(_NEXT))) if text else ()


def _read(text: str) -> str:
    try:
        _stages(text)
    except SettingError as error:
        raise ValueError(text) from error
    return text
