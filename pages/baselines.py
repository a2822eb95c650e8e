"""Baselines: the same pictures, named in seven ways, beside what others have published."""

import streamlit as st

from pages.ui import address
from pages.ui.baseline_views import (
    ask_to_compute,
    choose_pictures,
    look,
    open_with_something,
    show_libraries,
    watch,
)
from pages.ui.inputs import try_this
from pages.ui.setup import friendly, set_up

say = set_up("baselines")
try_this(
    say,
    [
        (say("Half a minute, no network"), {"base_data": "digits", "base_count": "1000"}),
        (say("A thousand digits of MNIST"), {"base_data": "mnist", "base_count": "1000"}),
        (say("Ten thousand digits of MNIST"), {"base_data": "mnist", "base_count": "10000"}),
        (say("A thousand clothes"), {"base_data": "fashion_mnist", "base_count": "1000"}),
        (
            say("Nearest neighbours beside a CNN"),
            {"base_classifier": "neighbours", "base_network": "cnn"},
        ),
    ],
)
controls, experiment = st.columns([1, 2.6], gap="medium")
with controls:
    data, size = choose_pictures(say)
    address.report_ignored(say)
with experiment, st.container(key="experiment"), friendly(say):
    rows = look(say, data, size)
    if open_with_something(rows, data, size):
        rows = look(say, data, size)
    with controls:
        ask_to_compute(say, rows, data, size)
    watch(say, rows, data, size)
with friendly(say):
    show_libraries(say, data, size)
