"""What can be taken away of a run: the Keras code that repeats it, and the network as a file."""

import streamlit as st

from cvcore import export
from cvcore.engine import engine
from cvcore.history import Snapshot
from cvcore.spec import RunSpec
from pages.ui import questions
from pages.ui.words import Say


def show(say: Say, run: str, snapshot: Snapshot | None, spec: RunSpec) -> None:
    """Offer a run's network, if it has one, and write the code of the run or of the controls.

    Parameters
    ----------
    say : Say
    run : str
    snapshot : Snapshot or None
    spec : RunSpec
        What the controls say; shown where there is no run.
    """
    shown = snapshot.spec if snapshot else spec
    lineage = _lineage(shown)
    if lineage[0].parent:
        st.info(
            say(
                "The run that this one branched off from is not kept any more, and without it "
                "no code can repeat this one."
            ),
            icon=":material/link_off:",
        )
        return
    code = export.keras_code(lineage)
    st.caption(
        say(
            "Python with Keras alone: it loads the same pictures, builds the same first weights, "
            "sees the pictures in the same order, and prints the history of this run."
        )
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            say("The code (Python)"),
            code,
            f"run-{shown.digest()}.py",
            "text/x-python",
            icon=":material/code:",
            key="take_code",
            on_click="ignore",
        )
        moments = engine().moments(run) if run else ()
        if moments:
            _offer_network(say, run, moments[-1])
    if moments:
        with st.expander(say("How to open the network"), icon=":material/help:"):
            st.caption(
                say(
                    "The file takes pictures as they are, from 0 to 255: the scaling is inside, "
                    "and so are the names of the classes."
                )
            )
            st.code(export.loading_code(shown), language="python")
    with st.container(height=420, border=True, key="run_code"):
        st.code(code, language="python")


def _lineage(spec: RunSpec) -> tuple[RunSpec, ...]:
    """Return a run's specification behind those it branched off from, as far as they are kept."""
    known = [spec]
    while known[0].parent and (parent := engine().spec(known[0].parent)) is not None:
        known.insert(0, parent)
    return tuple(known)


def _offer_network(say: Say, run: str, moment: float) -> None:
    """Make the file when it is asked for; a large one is no burden for who does not want it."""
    if st.session_state.get("network wanted") != (run, moment):
        if st.button(say("The network (.keras)"), icon=":material/neurology:", key="make_network"):
            st.session_state["network wanted"] = (run, moment)
            st.rerun()
        return
    made = questions.ask(say, (export.keras_file, run, moment), key="network_wait")
    if made is not None:
        st.download_button(
            say("Save the network (.keras, {megabytes} MB)", megabytes=f"{len(made[0]) / 1e6:.1f}"),
            made[0],
            "network.keras",
            "application/octet-stream",
            icon=":material/download:",
            key="take_network",
            on_click="ignore",
        )
