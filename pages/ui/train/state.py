"""Where a run stands, in a line, a bar and four numbers; drawn anew each second while it runs."""

from collections.abc import Callable

import streamlit as st

from cvcore.engine import engine
from cvcore.history import Snapshot
from pages.ui.setup import explain
from pages.ui.spoken import show_spoken
from pages.ui.words import Say

UNKNOWN = "–"


def follow(
    say: Say, run: str, snapshot: Snapshot | None, draw: Callable[[Snapshot | None], None]
) -> None:
    """Show where a run stands, and what else grows with it, once a second until it has ended.

    Parameters
    ----------
    say : Say
    run : str
    snapshot : Snapshot or None
        What is known of the run; None for no run.
    draw : callable
        Draws what grows, from what is known then.
    """
    live = snapshot is not None and not snapshot.ended

    def tick() -> None:
        now = engine().snapshot(run) if snapshot is not None else None
        if snapshot is not None and (now is None or (live and now.ended)):
            st.rerun()  # the whole page, once: the result comes and the ticking goes
        with st.container(gap="xsmall"):
            _show_state(say, now)
            draw(now)

    # A tick costs the server some milliseconds and the browser new data for its charts.
    st.fragment(tick, run_every=1.0 if live else None, key="run_live")()


def _show_state(say: Say, snapshot: Snapshot | None) -> None:
    """Say where the run stands, in a line, a bar and four numbers; without one, in none."""
    with st.container(horizontal=True, vertical_alignment="center", key="run_progress"):
        with st.container(width="content"):
            show_spoken(_state(say, snapshot), key="run_state")
        st.progress(snapshot.progress if snapshot else 0.0)
    epochs = speed = time = test = UNKNOWN
    ended = snapshot is not None and snapshot.ended
    if snapshot is not None:
        epochs = f"{snapshot.epoch.size} / {snapshot.epochs}"
        if snapshot.images_per_second is not None:
            speed = f"{snapshot.images_per_second:,.0f}"
        seconds = snapshot.seconds if ended else snapshot.seconds_left
        if seconds is not None:
            time = duration(say, seconds)
        if snapshot.test_accuracy is not None:
            test = f"{snapshot.test_accuracy:.4f}"
    metrics = (
        (say("Epochs done"), epochs),
        (say("Images per second"), speed),
        (say("Time taken") if ended else say("Time left"), time),
        (say("Test accuracy"), test),
    )
    with st.container(horizontal=True, gap="small", key="run_numbers"):
        for label, value in metrics:
            st.metric(label, value, width=150)
    if snapshot is not None and snapshot.error is not None:
        st.warning(explain(say, snapshot.error), icon=":material/lightbulb:")


def _state(say: Say, snapshot: Snapshot | None) -> str:
    if snapshot is None:
        return say("Nothing is trained with these settings yet: press Train.")
    done, asked = snapshot.epoch.size, snapshot.epochs
    match snapshot.state:
        case "starting":
            return say("The engine that trains is starting.")
        case "queued":
            return say("Queued. Runs to be trained before it: {count}.", count=snapshot.ahead)
        case "preparing":
            return say("TensorFlow, the data set and the network are being made ready.")
        case "running" if done < asked:
            return say("Running: the network learns.")
        case "running":
            return say("The network is asked for the test pictures.")
        case "stopping":
            return say("Stopping: it ends within a moment.")
        case "finished":
            return say("Finished: {done} of {asked} epochs.", done=done, asked=asked)
        case "stopped":
            return say(
                "Stopped after {done} of {asked} epochs. Train starts it from the beginning.",
                done=done,
                asked=asked,
            )
    return say(
        "Broken off after {done} of {asked} epochs. Train starts it from the beginning.",
        done=done,
        asked=asked,
    )


def duration(say: Say, seconds: float) -> str:
    """Say a time in seconds, or from a minute and a half on in minutes and seconds."""
    whole = round(seconds)
    if whole < 90:
        return say("{seconds} s", seconds=whole)
    return say("{minutes} min {seconds} s", minutes=whole // 60, seconds=whole % 60)
