"""A moment of a training: a slider, a step to either side, and a film of all of them."""

import streamlit as st

from pages.ui import address
from pages.ui.inputs import are_drawn
from pages.ui.words import Say

LATEST = ""
"""In the address: where the run stands, also while it goes on."""

_MANY = 10_000.0
_PLAYING = "moments playing"
_BEAT = 0.8  # seconds a moment is shown


def choose_moment(say: Say, moments: tuple[float, ...]) -> float:
    """Ask for a moment; the latest one moves on while the run does.

    Parameters
    ----------
    say : Say
    moments : tuple of float
        Those that are kept, in order; at least one.

    Returns
    -------
    float
        One of `moments`.
    """
    address.recall("moment", LATEST, _read)
    moment = asked_for(moments)
    if not are_drawn():
        return moment
    place = moments.index(moment)

    def go(where: float) -> None:
        st.session_state["moment"] = LATEST if where == moments[-1] else f"{where:g}"

    def step(to: int) -> None:
        st.session_state[_PLAYING] = False
        go(moments[to])

    def play() -> None:
        st.session_state[_PLAYING] = not st.session_state.get(_PLAYING, False)
        if st.session_state[_PLAYING] and place == len(moments) - 1:
            go(moments[0])

    if place == len(moments) - 1:
        st.session_state[_PLAYING] = False
    playing = bool(st.session_state.get(_PLAYING, False))
    if len(moments) > 1:
        st.session_state["moment_slider"] = moment
        with st.container(
            horizontal=True, vertical_alignment="bottom", gap="small", key="moment_row"
        ):
            with st.container(width="stretch"):
                st.select_slider(
                    say("Moment of the training"),
                    moments,
                    format_func=lambda it: name(say, it),
                    key="moment_slider",
                    on_change=lambda: step(moments.index(st.session_state["moment_slider"])),
                )
            with st.container(horizontal=True, gap="small", width="content"):
                for label, icon, key, to in (
                    (say("Earlier"), "chevron_left", "moment_back", max(place - 1, 0)),
                    (say("Stop the film"), "pause", "moment_play", None)
                    if playing
                    else (say("Play"), "play_arrow", "moment_play", None),
                    (say("Later"), "chevron_right", "moment_on", min(place + 1, len(moments) - 1)),
                ):
                    st.button(
                        label,
                        icon=f":material/{icon}:",
                        key=key,
                        type="tertiary",
                        on_click=play if to is None else step,
                        args=() if to is None else (to,),
                        disabled=to == place,
                    )
    else:
        st.markdown(name(say, moment))
    address.publish("moment", LATEST)
    if playing:
        _roll(moments, place)
    return moment


def _roll(moments: tuple[float, ...], place: int) -> None:
    """Go on to the next moment after a beat."""
    drawn = st.session_state["moments drawn"] = object()

    def beat() -> None:
        # The first run of a fragment is that of the page itself.
        if st.session_state.get("moments drawn") is not drawn:
            after = place + 1
            last = after == len(moments) - 1
            st.session_state["moment"] = LATEST if last else f"{moments[after]:g}"
            st.rerun()
        st.session_state["moments drawn"] = None

    st.fragment(beat, run_every=_BEAT, key="moment_film")()


def asked_for(moments: tuple[float, ...]) -> float:
    """Return the moment that is asked for, or the nearest that is kept."""
    asked = str(st.session_state["moment"])
    wanted = float(asked) if asked else moments[-1]
    return min(moments, key=lambda it: abs(it - wanted))


def _read(text: str) -> str:
    return f"{address.decimal(0.0, _MANY)(text):g}"


def name(say: Say, moment: float) -> str:
    """Say a moment in words."""
    if not moment:
        return say("before training")
    if moment == int(moment):
        return say("after epoch {epoch}", epoch=int(moment))
    return say("after {epochs} epochs", epochs=f"{moment:.3g}")
