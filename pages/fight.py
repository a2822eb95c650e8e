"""Dense against CNN: two networks, the same pictures, and a rule of fairness."""

import streamlit as st

from pages.ui import address
from pages.ui.fight import show_fight
from pages.ui.fight.runs import open_with_something, press
from pages.ui.fight.settings import SETTINGS, choose_fight, describe_data, describe_rule
from pages.ui.inputs import try_this
from pages.ui.setup import friendly, set_up

say = set_up("fight")
try_this(
    say,
    [
        (say("Half a minute, no network"), {**SETTINGS, "fight_view": "learn"}),
        (say("Equal parameters"), {**SETTINGS, "rule": "parameters", "fight_view": "card"}),
        (say("Shift the test pictures"), {"fight_view": "disturbed", "fight_disturb": "shift"}),
        (say("Shuffled pixels"), {"fight_view": "shuffled"}),
        (
            say("The lecture's fight on Fashion-MNIST"),
            {**SETTINGS, "fight_data": "fashion_mnist", "seeds": 1, "fight_view": "learn"},
        ),
        (
            say("Ten seconds each"),
            {
                **SETTINGS,
                "rule": "seconds",
                "seeds": 1,
                "fight_view": "learn",
                "fight_axis": "seconds",
            },
        ),
    ],
)
controls, experiment = st.columns([1, 2.6], gap="medium")
fight = None
with controls:
    with friendly(say):
        fight = choose_fight(say)
    address.report_ignored(say)
if fight is not None:
    with experiment, st.container(key="experiment"), friendly(say):
        open_with_something(fight)
        with st.container(horizontal=True, vertical_alignment="center", key="fight_press"):
            press(say, fight)
            with st.container(width="stretch"):
                st.caption(f"{describe_data(say, fight)} {describe_rule(say, fight)}")
        show_fight(say, fight)
