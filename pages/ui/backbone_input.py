"""Which backbone, and its weights where they are not on this computer yet."""

import streamlit as st

from cvcore import backbones
from cvcore.backbones import BACKBONES, PREPROCESSING
from cvcore.engine import engine
from cvcore.transfer_spec import Framing
from pages.ui import questions
from pages.ui.inputs import are_drawn, choose
from pages.ui.setup import explain
from pages.ui.tables import table
from pages.ui.words import Say


def choose_backbone(say: Say, *, top: bool, key: str = "backbone") -> str:
    """Ask for one of the backbones that the host allows.

    Parameters
    ----------
    say : Say
    top : bool
        Whether it is to name ImageNet's classes.
    key : str, optional
        The widget's key and its name in the address.

    Returns
    -------
    str
        Nothing where the host allows none.
    """
    names = backbones.allowed()
    if not names:
        if are_drawn():
            st.info(say("This server offers no backbones."), icon=":material/lightbulb:")
        return ""
    labels = {}
    for name in names:
        if backbones.missing(name, top=top):
            labels[name] = say(
                "{name} · download about {megabytes} MB",
                name=name,
                megabytes=f"{BACKBONES[name].megabytes(top=top):.0f}",
            )
        else:
            labels[name] = name
    return choose(
        say("Backbone"),
        labels,
        key=key,
        default=names[0],
        help=say("A network trained on 1.3 million photos of ImageNet's thousand classes."),
    )


def choose_framing(say: Say, *, key: str) -> Framing:
    """Ask how a photo is brought to the square that a network sees.

    Parameters
    ----------
    say : Say
    key : str
        The widget's key and its name in the address.
    """
    ways = {"crop": say("Middle"), "squeeze": say("Squeezed")}
    chosen = choose(
        say("How it is made square"),
        ways,
        key=key,
        default="crop",
        style="segments",
        help=say(
            "The largest square in the middle, or the whole picture, squeezed: what is "
            "outside the square the network never sees."
        ),
    )
    return "squeeze" if chosen == "squeeze" else "crop"


def ask_for_weights(say: Say, name: str, *, top: bool, key: str) -> bool:
    """Offer to download what is missing of a backbone.

    Returns
    -------
    bool
        Whether all is there, and the page can go on with it.
    """
    missing = backbones.missing(name, top=top)
    question = (backbones.fetch, name, top)
    answer = engine().computed(*question)
    if not missing:
        return True
    st.markdown(
        say(
            "The weights of **{name}** are not on this computer. About {megabytes} MB are "
            "downloaded once, for everybody who uses this server.",
            name=name,
            megabytes=f"{BACKBONES[name].megabytes(top=top):.0f}",
        )
    )
    if answer is not None and answer.state == "pending":
        questions.watch(say, answer, *question, key=key)
        return False
    if answer is not None and answer.error is not None:
        st.warning(explain(say, answer.error), icon=":material/cloud_off:")
    st.button(
        say("Download the weights"),
        icon=":material/download:",
        type="primary",
        key=key,
        on_click=_fetch,
        args=(name, top),
    )
    return False


def _fetch(name: str, top: bool) -> None:
    engine().forget(backbones.fetch, name, top)
    engine().compute(backbones.fetch, name, top, slot="download")


def show_backbones(say: Say) -> None:
    """Compare all backbones in a table."""
    allowed = backbones.allowed()
    rows = []
    for name, it in BACKBONES.items():
        if name not in allowed:
            here = say("not offered here")
        elif backbones.missing(name, top=True):
            here = say("to be downloaded")
        else:
            here = say("ready")
        rows.append(
            (
                name,
                str(it.year),
                f"{it.size} × {it.size}",
                f"{it.features:,}",
                f"{it.parameters:,}",
                f"{it.body_parameters:,}",
                f"{it.megabytes(top=True):.0f}",
                f"{it.memory_megabytes:.0f}",
                say(PREPROCESSING[it.preprocessing]),
                here,
            )
        )
    table(
        say("Backbones"),
        [
            say("Backbone"),
            say("Year"),
            say("Input"),
            say("Feature vector"),
            say("Parameters"),
            say("Without its classes"),
            say("Download, MB"),
            say("Memory, about MB"),
            say("Pixels"),
            say("Here"),
        ],
        rows,
        text=(0, 8, 9),
    )
    st.caption(
        say(
            "ResNeXt, which the lecture lists too, is not in keras.applications. Download and "
            "memory are reckoned from the parameters, four bytes each."
        )
    )
