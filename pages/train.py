"""Train: a small network learns live, and its curves grow as it does."""

import streamlit as st

from cvcore.engine import engine
from cvcore.recipes import RECIPES
from pages.ui import address
from pages.ui.inputs import try_this
from pages.ui.run_input import LECTURE_AUGMENTATION, SETTINGS, choose_run, settings_of
from pages.ui.setup import friendly, set_up
from pages.ui.train import show_run
from pages.ui.train.press import ask_to_train, opening_run, recall_run, remember_run

say = set_up("train")
FOLLOW = {"follow": True, "show": "learn"}
USUAL = {**SETTINGS, **FOLLOW}
FASHION = {**USUAL, "data": "fashion_mnist"}
DENSE = {**FASHION, "network": "dense", "epochs": 5}


def recipe(name: str) -> dict[str, object]:
    """Return the settings of a recipe that has a name."""
    return {**settings_of(RECIPES[name]), **FOLLOW}


try_this(
    say,
    [
        (say("Ten seconds, no network"), USUAL),
        (say("The lecture's dense recipe: 5 epochs"), recipe("lecture_dense")),
        (say("The lecture's CNN: 20 epochs"), recipe("lecture_cnn")),
        (say("Stop at 95 %"), recipe("lecture_early_stop")),
        (say("Fast"), recipe("fast")),
        (say("A learning rate too high"), {**USUAL, "rate": 0.1}),
        (say("Not normalised"), {**DENSE, "scaling": "none", "optimiser": "sgd", "rate": 0.01}),
        (say("A hundred pictures, by heart"), {**USUAL, "count": "100", "epochs": 60}),
        (say("SGD instead of Adam"), {**DENSE, "optimiser": "sgd", "rate": 0.01}),
        (say("A single neuron per class"), {**DENSE, "network": "linear"}),
        (say("One-hot labels"), {**USUAL, "labels": "one_hot"}),
        (say("Augmentation"), {**USUAL, **LECTURE_AUGMENTATION, "flip": False, "epochs": 40}),
    ],
)
run = recall_run(say)
controls, experiment = st.columns([1, 2.6], gap="medium")
with controls:
    spec = choose_run(say, like=engine().spec(run))
    address.report_ignored(say)
with experiment, st.container(key="experiment"), friendly(say):
    # An experiment that was trained before opens at once.
    if st.session_state.pop("follow", False) or not run:
        run = opening_run(spec) or run
    run, snapshot = ask_to_train(say, spec, run)
    remember_run(run)
    show_run(say, run, snapshot, spec)
