"""Look inside: what any trained network makes of one picture."""

import streamlit as st

from pages.ui import address
from pages.ui.inputs import choose, try_this, unseen
from pages.ui.inside import backbone, show_scene
from pages.ui.inside.scene import SURGERY, choose_network, choose_scene, open_recipe, show_scores
from pages.ui.setup import friendly, set_up

say = set_up("inside")
OF_RUNS: list[tuple[str, dict[str, object]]] = [
    (say("Before training"), {"inside": "maps", "moment": "0"}),
    (say("What one filter looks for"), {"inside": "patterns"}),
    (say("Where it looks"), {"inside": "heat"}),
    (say("Can the map be trusted?"), {"inside": "trust"}),
    (say("Switch a filter off"), {"inside": "surgery", SURGERY: "1.0off"}),
    (say("A CNN of clothes"), {open_recipe: "pooled"}),
    (say("The lecture's CNN"), {open_recipe: "lecture_cnn"}),
]
try_this(
    say,
    [
        *((label, {"in_what": "run", **settings}) for label, settings in OF_RUNS),
        (say("Trained on ImageNet"), {"in_what": "backbone", "large": "maps"}),
    ],
)


@st.fragment
def laboratory() -> None:
    """Draw all that answers a click; what stands above it need not be drawn anew."""
    controls, experiment = st.columns([1, 2.6], gap="medium")
    with controls:
        what = choose(
            say("What to look into"),
            {"run": say("Your runs"), "backbone": say("A pretrained network")},
            key="in_what",
            default="run",
            style="segments",
            hide_label=True,
        )
    with controls, friendly(say):
        if what == "backbone":
            backbone.show(say, experiment)
            return
        run, snapshot = choose_network(say)
        # The view comes first, so that the worker thinks while the browser gets the controls.
        with unseen():
            scene = choose_scene(say, run, snapshot)
        with experiment, st.container(key="experiment"), friendly(say):
            show_scene(say, run, snapshot, scene)
        choose_scene(say, run, snapshot)
        address.report_ignored(say)
        if scene is not None:
            show_scores(say, scene)


laboratory()
