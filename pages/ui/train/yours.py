"""Your picture: a photo made into what the network has seen, step by step, then named by it."""

import streamlit as st

from cvcore import evaluation, images, own_picture
from cvcore.arrays import FloatArray
from cvcore.datasets import DATASETS
from cvcore.engine import engine
from cvcore.errors import N_
from cvcore.history import Snapshot
from cvcore.own_picture import Invert
from cvcore.spec import RunSpec
from cvcore.subjects import Picture, Subject
from pages.ui import address, questions
from pages.ui.inputs import choose, switch
from pages.ui.picture import show_picture
from pages.ui.picture_input import choose_picture
from pages.ui.probabilities import show_probabilities
from pages.ui.words import Say, plain

_YOURS = N_("Your picture")
_THINGS = ("seven", "boot", "coffee", "chelsea", "astronaut")
_FIRST = {"fashion_mnist": "boot", "cifar10": "chelsea", "faces": "astronaut"}


def show(say: Say, run: str, snapshot: Snapshot | None, spec: RunSpec) -> None:  # noqa: ARG001
    """Prepare a picture as the run's data set has it, and ask the run's network for its class.

    Parameters
    ----------
    say : Say
    run : str
    snapshot : Snapshot or None
    spec : RunSpec
        Not needed: the network is that of the run on show.
    """
    moments = engine().moments(run) if run else ()
    if snapshot is None or not moments:
        st.info(
            say("No network has learned anything here yet. Press Train, then come back."),
            icon=":material/hourglass_empty:",
        )
        return
    data = snapshot.spec.dataset
    first = _FIRST.get(data, "seven")
    among = (first, *(name for name in _THINGS if name != first))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        with st.container(width=330):
            picture = choose_picture(say, key="own_picture", among=among)
        invert: Invert = "auto"
        crop = True
        if data in own_picture.ON_BLACK:
            invert = _choose_invert(say)
            crop = switch(say("Crop to the thing"), key="own_crop", default=True)
    address.report_ignored(say)
    steps = own_picture.prepare(picture.image, data, invert=invert, crop=crop)
    # All but the last are small enough to stand in one row beside the controls.
    *before, last = (own_picture.Step("photo", _YOURS, picture.image), *steps)
    with st.container(horizontal=True, gap="small", key="own_steps"):
        for number, step in enumerate(before):
            with st.container(width=150):
                _show_step(say, number, step, limit=120)
    shown, named = st.columns([1, 1.6], gap="medium")
    with shown:
        _show_step(say, len(before), last, limit=260)
    with named:
        seen = Picture(pixels=last.image.tobytes())
        question = (evaluation.scores, Subject(run=run, moment=moments[-1]), seen)
        answers = questions.ask(say, question, key="own_wait")
        if answers is not None:
            _show_names(say, data, answers[0].probabilities)


def _show_step(say: Say, number: int, step: own_picture.Step, *, limit: int) -> None:
    show_picture(
        images.without_alpha(step.image),
        alt=say(step.label),
        caption=f"{number}. {say(step.label)}" if number else say(step.label),
        key=f"own_step_{step.name}",
        limit=limit,
    )


def _choose_invert(say: Say) -> Invert:
    words: dict[str, Invert] = {"auto": "auto", "yes": "yes", "no": "no"}
    return words[
        choose(
            say("Invert"),
            {"auto": say("Where needed"), "yes": say("Yes"), "no": say("No")},
            key="own_invert",
            default="auto",
            style="segments",
        )
    ]


def _show_names(say: Say, data: str, probabilities: FloatArray) -> None:
    """Say the class that the network names, and show the probabilities of all as bars."""
    names = [say(name) for name in DATASETS[data].classes]
    likeliest = int(probabilities.argmax())
    st.markdown(
        say(
            "The network says **{name}**, with {share} %.",
            name=plain(names[likeliest]),
            share=f"{100 * probabilities[likeliest]:.1f}",
        )
    )
    show_probabilities(say, probabilities, names)
    st.caption(
        say(
            "Softmax always gives the whole 100 % to the classes it knows: a picture of none of "
            "them gets a name too, and often a sure one."
        )
    )
