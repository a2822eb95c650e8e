"""Where a run stands, in a line, a bar and four numbers; drawn anew each second while it runs."""

from collections.abc import Callable

import streamlit as st

from cvcore.engine import engine
from cvcore.history import Snapshot
from cvcore.spec import learning_rates
from pages.ui.duration import duration
from pages.ui.setup import explain
from pages.ui.spoken import show_spoken
from pages.ui.words import Say

UNKNOWN = "–"


def follow(
    say: Say,
    run: str,
    snapshot: Snapshot | None,
    draw: Callable[[Snapshot | None], None] | None = None,
) -> None:
    """Show where a run stands, and what else grows with it, once a second until it has ended.

    Parameters
    ----------
    say : Say
    run : str
    snapshot : Snapshot or None
        What is known of the run; None for no run.
    draw : callable, optional
        Draws what grows, from what is known then; the run's numbers stand above it.
    """
    live = snapshot is not None and not snapshot.ended

    def tick() -> None:
        now = engine().snapshot(run) if snapshot is not None else None
        if snapshot is not None and (now is None or (live and now.ended)):
            st.rerun()  # the whole page, once: the result comes and the ticking goes
        with st.container(gap="xsmall"):
            _show_state(say, now)
            if draw is not None:
                _show_numbers(say, now)
                draw(now)

    # A tick costs the server some milliseconds and the browser new data for its charts.
    st.fragment(tick, run_every=1.0 if live else None, key="run_live")()


def _show_state(say: Say, snapshot: Snapshot | None) -> None:
    """Say where the run stands, in a line and a bar, and why it broke off."""
    with st.container(horizontal=True, vertical_alignment="center", key="run_progress"):
        with st.container(width="content"):
            show_spoken(_state(say, snapshot), key="run_state")
        st.progress(snapshot.progress if snapshot else 0.0)
    if snapshot is not None and snapshot.error is not None:
        st.warning(explain(say, snapshot.error), icon=":material/lightbulb:")


def _show_numbers(say: Say, snapshot: Snapshot | None) -> None:
    """Say where the run stands in five numbers; without one, in none."""
    epochs = rate = speed = time = test = UNKNOWN
    ended = snapshot is not None and snapshot.ended
    if snapshot is not None:
        done = snapshot.epoch[-1] if snapshot.epoch.size else snapshot.spec.from_epoch
        epochs = f"{done} / {snapshot.epochs}"
        rate = f"{float(learning_rates(snapshot.spec, snapshot.moment)):.3g}"
        if snapshot.images_per_second is not None:
            speed = f"{snapshot.images_per_second:,.0f}"
        seconds = snapshot.seconds if ended else snapshot.seconds_left
        if seconds is not None:
            time = duration(say, seconds)
        if snapshot.test_accuracy is not None:
            test = f"{snapshot.test_accuracy:.4f}"
    metrics = (
        (say("Epochs done"), epochs),
        (say("Learning rate"), rate),
        (say("Images per second"), speed),
        (say("Time taken") if ended else say("Time left"), time),
        (say("Test accuracy"), test),
    )
    with st.container(horizontal=True, gap="small", key="run_numbers"):
        for label, value in metrics:
            st.metric(label, value, width=140)


def _state(say: Say, snapshot: Snapshot | None) -> str:
    if snapshot is None:
        return say("Nothing is trained with these settings yet: press Train.")
    done = int(snapshot.epoch[-1]) if snapshot.epoch.size else snapshot.spec.from_epoch
    asked = snapshot.epochs
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
            return _end(say, snapshot, done)
    if not snapshot.can_resume:
        words = say("Ended before its first epoch was finished. Train begins it anew.")
    elif snapshot.state == "stopped":
        words = say("Stopped after {done} of {asked} epochs.", done=done, asked=asked)
    elif snapshot.state == "paused":
        words = say("Paused after {done} of {asked} epochs.", done=done, asked=asked)
    else:
        words = say(
            "Broken off after {done} of {asked} epochs. Resume goes on from there.",
            done=done,
            asked=asked,
        )
    return words


def _end(say: Say, snapshot: Snapshot, done: int) -> str:
    """Say how a run ended that ended as it should."""
    spec = snapshot.spec
    match snapshot.ended_by:
        case "accuracy":
            return say(
                "Finished after {done} of {asked} epochs: training accuracy has reached {stop}.",
                done=done,
                asked=snapshot.epochs,
                stop=f"{spec.early_stop:g}",
            )
        case "patience":
            return say(
                "Finished after {done} of {asked} epochs: validation loss had not fallen for "
                "{patience}.",
                done=done,
                asked=snapshot.epochs,
                patience=spec.patience,
            )
        case "seconds":
            return say(
                "Finished after {moment} of {asked} epochs: its {seconds} s of processor time "
                "are used up.",
                moment=f"{snapshot.moment:.2f}",
                asked=snapshot.epochs,
                seconds=f"{spec.seconds:g}",
            )
    return say("Finished: {done} of {asked} epochs.", done=done, asked=snapshot.epochs)
