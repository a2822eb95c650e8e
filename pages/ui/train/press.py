"""Train, stop, and what a press would start: the part of the Train page that every view keeps."""

import streamlit as st

from cvcore.arithmetic import layer_table
from cvcore.datasets import DATASETS, missing
from cvcore.engine import engine
from cvcore.history import Snapshot
from cvcore.spec import RunSpec
from pages.ui.run_input import SETTINGS, settings_of
from pages.ui.setup import friendly
from pages.ui.train import my_runs
from pages.ui.words import Say, plain


def recall_run(say: Say) -> str:
    """Return the run that the address or this visit names; nonsense gets a sentence.

    Returns
    -------
    str
        A run that there is, or nothing.
    """
    digest = st.query_params.get("run") or str(st.session_state.get("run", ""))
    known = False
    with friendly(say):
        known = engine().snapshot(digest) is not None
    if digest and not known:
        st.info(
            say(
                "There is no run called {name} here: the address was cut short, or the run has "
                "made room for newer ones. Press Train to train it again.",
                name=plain(digest[:40]),
            ),
            icon=":material/link_off:",
        )
    return digest if known else ""


def remember_run(digest: str) -> None:
    """Put the run that is shown into the address, for a reload and for others."""
    st.session_state["run"] = digest
    my_runs.add(digest)
    my_runs.publish()
    if not digest:
        st.query_params.pop("run", None)
    elif st.query_params.get("run") != digest:
        st.query_params["run"] = digest


def opening_run(spec: RunSpec) -> str:
    """Return the run to show where none is named: that of the settings, if there is one.

    On the page's own settings nobody meets an empty chart: the first visitor
    of all starts that run, and it is kept for all who follow. If the engine
    failed it, the next visitor starts it again.
    """
    digest = spec.digest()
    past = engine().snapshot(digest)
    at_first = all(settings_of(spec).get(key) == value for key, value in SETTINGS.items())
    if at_first and (past is None or past.state in ("interrupted", "failed")):
        return engine().submit(spec)
    return digest if past is not None else ""


def ask_to_train(say: Say, spec: RunSpec, run: str) -> tuple[str, Snapshot | None]:
    """Offer Train, Pause or Resume, and Stop; say in numbers what will happen.

    Parameters
    ----------
    say : Say
    spec : RunSpec
        What the controls say.
    run : str
        The run that is shown, or nothing.

    Returns
    -------
    run : str
        The run to show now.
    snapshot : Snapshot or None
        What is known of it; the rest of the page is drawn from the same, so that Stop is
        there exactly while there is something to stop.
    """
    shown = engine().snapshot(run)
    with st.container(horizontal=True, vertical_alignment="center", key="press"):
        if st.button(say("Train"), type="primary", icon=":material/play_arrow:", key="press_train"):
            with friendly(say):
                run = engine().submit(spec)
            shown = engine().snapshot(run)
        if shown is not None and shown.can_resume:
            if st.button(
                say("Resume"),
                icon=":material/resume:",
                key="press_resume",
                help=say("Goes on from the last epoch that is kept."),
            ):
                with friendly(say):
                    engine().submit(shown.spec)
                st.rerun()  # the buttons themselves are others now
        else:
            st.button(
                say("Pause"),
                icon=":material/pause:",
                key="press_pause",
                on_click=engine().pause,
                args=(run,),
                disabled=_is_still(shown),
                help=say("Ends the training for everybody who watches it, until it is resumed."),
            )
        st.button(
            say("Stop training"),
            icon=":material/stop:",
            key="press_stop",
            on_click=engine().stop,
            args=(run,),
            disabled=_is_still(shown),
            help=say(
                "Ends the training for everybody who watches it; what it has learned by then is "
                "tested, and its curves stay."
            ),
        )
        with st.container(width="stretch"):
            _show_plan(say, spec)
    return run, shown


def _is_still(shown: Snapshot | None) -> bool:
    return shown is None or shown.ended or shown.state == "stopping"


def _show_plan(say: Say, spec: RunSpec) -> None:
    entry = DATASETS[spec.dataset]
    training, validation, test = spec.sizes()
    steps = -(-training // spec.batch_size)
    # In braces, so that no line ends inside it.
    formula = rf"{{\lceil {_tex(training)} / {_tex(spec.batch_size)} \rceil = {_tex(steps)}}}"
    with friendly(say):
        # A network that is not possible says which layer breaks before anything runs.
        spec.validate()
        text = say(
            "{training} pictures to learn from, {validation} for validation, {test} for the test. "
            "{formula} steps an epoch, {total} in all, for {parameters} parameters.",
            training=f"{training:,}",
            validation=f"{validation:,}",
            test=f"{test:,}",
            formula=f"${formula}$",
            total=f"{steps * spec.epochs:,}",
            parameters=f"{sum(it.parameters for it in layer_table(spec.network, entry.shape)):,}",
        )
        if missing(spec.dataset):
            text += " " + say(
                "The data set, {megabytes} MB, is downloaded once.",
                megabytes=f"{entry.megabytes:g}",
            )
        st.caption(text)


def _tex(value: int) -> str:
    # In a formula a comma would be followed by a gap.
    return f"{value:,}".replace(",", "{,}")
