"""Layers: what each layer of a CNN does, one small experiment at a time."""

import streamlit as st

from pages.ui import address
from pages.ui.inputs import choose, try_this
from pages.ui.layers import EXPERIMENTS
from pages.ui.setup import friendly, set_up

say = set_up("layers")
try_this(
    say,
    [
        (
            say("The forgotten corner"),
            {
                "experiment": "visits",
                "visits_n": 5,
                "visits_f": 3,
                "visits_stride": 1,
                "visits_padding": "pixels",
                "visits_pad": 1,
            },
        ),
        (
            say("Rings that are not there"),
            {
                "experiment": "stride",
                "stride_source": "rings",
                "stride_kernel": "identity",
                "stride_step": 4,
            },
        ),
        (
            say("A checkerboard, gone"),
            {
                "experiment": "pooling",
                "pool_pattern": "checkers",
                "pool_window": 2,
                "pool_step": 2,
            },
        ),
        (
            say("Two layers in one"),
            {"experiment": "relu", "relu_first": "sobel_x", "relu_second": "sobel_x"},
        ),
        (
            say("A kernel that follows a turn"),
            {
                "experiment": "moves",
                "move_how": "turn",
                "move_degrees": 90,
                "move_kernel": "laplacian",
                "move_with_kernel": False,
            },
        ),
        (
            say("A frame out of nothing"),
            {
                "experiment": "border",
                "border_picture": "square",
                "border_kernel": "laplacian",
            },
        ),
        (
            say("Where VGG16 is heavy"),
            {"experiment": "networks", "net_name": "vgg16", "net_side_vgg16": 224},
        ),
    ],
)
name = choose(
    say("Experiment"),
    {name: say(experiment.label) for name, experiment in EXPERIMENTS.items()},
    key="experiment",
    default=next(iter(EXPERIMENTS)),
    style="segments",
    hide_label=True,
)
controls, stage = st.columns([1, 2.6], gap="medium")
with stage, friendly(say):
    st.markdown(f"**{say(EXPERIMENTS[name].intro)}**")
    EXPERIMENTS[name].show(say, controls.container(gap="small"))
with controls:
    address.report_ignored(say)
