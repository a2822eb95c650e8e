"""The runs of a fight: the buttons, where they stand, and what is drawn anew while they run."""

from collections.abc import Callable, Sequence

import streamlit as st

from cvcore.engine import Answer, engine
from cvcore.errors import CvCoreError
from cvcore.history import Snapshot
from cvcore.spec import RunSpec
from pages.ui.fight.settings import Fight
from pages.ui.setup import explain
from pages.ui.spoken import show_spoken
from pages.ui.words import Say

TICK_SECONDS = 1.0


def look(specs: Sequence[RunSpec]) -> list[Snapshot | None]:
    """Return what is known of runs; None for one that there is not."""
    return [engine().snapshot(spec.digest()) for spec in specs]


def under_way(snapshots: Sequence[Snapshot | None]) -> bool:
    """Say whether something is still to happen."""
    return any(it is not None and not it.ended for it in snapshots)


def finished(snapshots: Sequence[Snapshot | None]) -> bool:
    """Say whether all have ended as they should."""
    return all(it is not None and it.state == "finished" for it in snapshots)


def watch(
    specs: Sequence[RunSpec], draw: Callable[[list[Snapshot | None]], None], *, key: str
) -> None:
    """Draw what is known of runs, anew each second while one is under way."""
    live = under_way(look(specs))

    def tick() -> None:
        now = look(specs)
        if live and not under_way(now):
            st.rerun()  # the whole page, once: its buttons follow, and the ticking goes
        draw(now)

    st.fragment(tick, run_every=TICK_SECONDS if live else None, key=key)()


def await_answers(answers: Callable[[], Sequence[Answer]], draw: Callable[[], None]) -> None:
    """Draw, and draw anew while a worker has questions to answer.

    Parameters
    ----------
    answers : callable
        Asks, and returns what became of it so far.
    draw : callable
        Draws what is known of it.
    """
    waiting = any(it.state == "pending" for it in answers())

    def tick() -> None:
        if waiting and not any(it.state == "pending" for it in answers()):
            st.rerun()
        draw()

    st.fragment(tick, run_every=TICK_SECONDS if waiting else None, key="fight_answers")()


def start(pairs: Sequence[tuple[RunSpec, RunSpec]]) -> None:
    """Train pairs of runs, both of a pair in turns; those that are finished stay as they are."""
    try:
        for pair in pairs:
            engine().submit_together(pair)
    except CvCoreError as error:  # a press has nowhere to say it; the page has
        st.session_state["fight_error"] = error


def stop(specs: Sequence[RunSpec]) -> None:
    """End all runs that are under way."""
    for spec in specs:
        engine().stop(spec.digest())


def press(say: Say, fight: Fight) -> None:
    """Offer to start and to stop the fight."""
    now = look(fight.specs)
    live = under_way(now)
    unfinished = any(it is not None and it.can_resume for it in now)
    label = say("Go on with the fight") if unfinished and not live else say("Start the fight")
    st.button(
        label,
        type="primary",
        icon=":material/play_arrow:",
        key="fight_start",
        on_click=start,
        args=(fight.pairs,),
        disabled=live or finished(now),
        help=say("Both networks learn in turns of half a second, so that none is favoured."),
    )
    st.button(
        say("Stop training"),
        icon=":material/stop:",
        key="fight_stop",
        on_click=stop,
        args=(fight.specs,),
        disabled=not live,
        help=say("Ends the training for everybody who watches it; its curves stay."),
    )


def open_with_something(fight: Fight) -> None:
    """Have the page's own first fight fought, so that nobody meets an empty chart."""
    known = look(fight.specs)
    if fight.is_the_opening_one() and any(
        it is None or it.state in ("interrupted", "failed") for it in known
    ):
        start(fight.pairs)


def show_state(say: Say, fight: Fight, snapshots: Sequence[Snapshot | None]) -> None:
    """Say where the fight stands, with a bar."""
    known = [it for it in snapshots if it is not None]
    with st.container(horizontal=True, vertical_alignment="center", key="fight_progress"):
        with st.container(width="content"):
            show_spoken(_state(say, fight, snapshots), key="fight_state")
        st.progress(sum(it.progress for it in known) / len(snapshots))
    errors = {explain(say, it.error) for it in known if it.error is not None}
    refused = st.session_state.pop("fight_error", None)
    if isinstance(refused, CvCoreError):
        errors.add(explain(say, refused))
    for error in sorted(errors):
        st.warning(error, icon=":material/lightbulb:")


def _state(say: Say, fight: Fight, snapshots: Sequence[Snapshot | None]) -> str:
    if not any(snapshots):
        return say("Nobody has fought by these rules yet: press Start the fight.")
    if finished(snapshots):
        return say("The fight is over. Seeds: {count}.", count=fight.seeds)
    if not under_way(snapshots):
        ended = sum(it is not None and it.state == "finished" for it in snapshots)
        return say(
            "Not over yet: {ended} of {count} trainings are finished. Start goes on with the rest.",
            ended=ended,
            count=len(snapshots),
        )
    states = {it.state for it in snapshots if it is not None}
    if states <= {"starting", "queued", "finished"}:
        return (
            say("The engine that trains is starting.")
            if "starting" in states
            else say("The fight waits for its turn.")
        )
    for seed in range(fight.seeds):
        one, other = snapshots[2 * seed : 2 * seed + 2]
        if one is None or other is None or (one.ended and other.ended):
            continue
        return say(
            "Seed {seed}: both learn in turns, {one} and {other} epochs so far.",
            seed=seed,
            one=one.epoch.size,
            other=other.epoch.size,
        )
    return say("The networks are asked for the test pictures.")
