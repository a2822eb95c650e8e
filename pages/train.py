"""Train: a small network learns live, and its curves grow as it does."""

import streamlit as st

from cvcore.engine import engine
from pages.ui import address
from pages.ui.inputs import try_this
from pages.ui.run_input import SETTINGS, choose_run
from pages.ui.setup import friendly, set_up
from pages.ui.train import show_run
from pages.ui.train.press import ask_to_train, opening_run, recall_run, remember_run

say = set_up("train")
FASHION = {**SETTINGS, "data": "fashion_mnist", "follow": True}
try_this(
    say,
    [
        (say("Ten seconds, no network"), {**SETTINGS, "follow": True}),
        (
            say("The lecture's dense recipe: 5 epochs"),
            {**FASHION, "network": "dense", "epochs": 5, "split": 0.0},
        ),
        (say("The lecture's CNN: 20 epochs"), FASHION),
        (say("A learning rate too high"), {**SETTINGS, "rate": 0.1, "follow": True}),
        (
            say("A hundred pictures, by heart"),
            {**SETTINGS, "count": "100", "epochs": 60, "follow": True},
        ),
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
