"""The views of the Look inside page: each shows one network with one picture from its own side."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import streamlit as st

from cvcore import evaluation
from cvcore.engine import engine
from cvcore.errors import N_
from cvcore.history import Snapshot
from pages.ui import questions
from pages.ui.inputs import choose
from pages.ui.inside import architecture, heat, kernels, maps, patterns, surgery, trust, walk
from pages.ui.inside.scene import Scene, show_state
from pages.ui.setup import explain
from pages.ui.words import Say


class View(NamedTuple):
    """A view of the page: what it is called, for the translators, and what draws it."""

    label: str
    show: Callable[[Say, Scene], None]


VIEWS: Mapping[str, View] = MappingProxyType(
    {
        "architecture": View(N_("Architecture"), architecture.show),
        "maps": View(N_("Feature maps"), maps.show),
        "kernels": View(N_("Kernels"), kernels.show),
        "patterns": View(N_("Filter patterns"), patterns.show),
        "heat": View(N_("Heat maps"), heat.show),
        "trust": View(N_("Trust"), trust.show),
        "surgery": View(N_("Surgery"), surgery.show),
        "walk": View(N_("Pixels to classes"), walk.show),
    }
)
"""In the order in which they are offered, by their names in the address; maps open."""


def show_scene(say: Say, run: str, snapshot: Snapshot | None, scene: Scene | None) -> None:
    """Show a network in the view that the visitor chose.

    Parameters
    ----------
    say : Say
    run : str
    snapshot : Snapshot or None
        What is known of the run.
    scene : Scene or None
        None as long as nothing of it can be shown.
    """
    name = choose(
        say("View"),
        {name: say(view.label) for name, view in VIEWS.items()},
        key="inside",
        default="maps",
        style="segments",
        hide_label=True,
    )
    show_state(say, run, snapshot)
    if scene is not None:
        # What the network says of the picture is drawn after the view, and must not delay it.
        with questions.followed_by(evaluation.scores, scene.subject, scene.picture):
            VIEWS[name].show(say, scene)
    elif snapshot is not None and snapshot.ended:
        if snapshot.error is not None:
            st.warning(explain(say, snapshot.error), icon=":material/lightbulb:")
        else:
            st.info(say("None of this run's weights are kept. Press Train to train it again."))
        if st.button(say("Train"), key="inside_train", icon=":material/play_arrow:"):
            engine().submit(snapshot.spec)
            st.rerun()
