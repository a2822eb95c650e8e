"""Why there is an activation between convolutions."""

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cvcore import images
from cvcore.activations import relu
from cvcore.convolution import convolve
from cvcore.display import outlier_limit
from cvcore.experiments import combine
from pages.ui.layers.parts import ask_kernel, ask_square, difference, more, notice, percent
from pages.ui.picture import short
from pages.ui.views import show_map, show_matrix
from pages.ui.words import Say

_KERNELS = ("sobel_x", "sobel_y", "laplacian", "sharpen", "emboss", "box", "gaussian")


def show_relu(say: Say, controls: DeltaGenerator) -> None:
    """Show that two convolutions are one, and that a ReLU between them makes them two."""
    with controls:
        # Whole numbers, so that most differences are exactly 0.
        picture = images.scale(ask_square(say, 200), "none")
        first = ask_kernel(
            say, _KERNELS, key="relu_first", default="sobel_x", label=say("First kernel")
        )
        second = ask_kernel(
            say, _KERNELS, key="relu_second", default="sobel_x", label=say("Second kernel")
        )
        left, right = st.columns(2)
        with left:
            show_matrix(say, first, name="k₁", key="relu_matrix_1", limit=110)
        with right:
            show_matrix(say, second, name="k₂", key="relu_matrix_2", limit=110)
    both = combine(first, second)
    between = convolve(picture, first)
    chained = convolve(between, second)
    single = convolve(picture, both)
    bent = convolve(relu(between), second)
    limit = outlier_limit(chained)
    for place, feature_map, name, key in zip(
        st.columns(3),
        (chained, single, bent),
        (say("Two convolutions"), say("One, with k₁ ∗ k₂"), say("Two, with ReLU in between")),
        ("chained", "single", "bent"),
        strict=True,
    ):
        with place:
            show_map(
                say,
                feature_map,
                name=name,
                key=f"relu_{key}",
                limit=240,
                scale_limit=limit,
                signed=True,
            )
    f, g = first.shape[0], second.shape[0]
    small, formula = st.columns([1, 2])
    with small:
        show_matrix(
            say,
            both,
            name=f"k₁ ∗ k₂: {f} + {g} − 1 = {both.shape[0]}",
            key="relu_matrix_both",
            limit=150,
        )
    same, apart = (float(np.abs(chained - other).max()) for other in (single, bent))
    with formula:
        equal = "=" if apart <= same else r"\neq"
        st.latex(
            r"\begin{aligned}k_2 * (k_1 * x) &= (k_1 * k_2) * x\\"
            r"k_2 * \max(0,\ k_1 * x) &"
            rf"{equal} (k_1 * k_2) * x\end{{aligned}}"
        )
        text = say(
            "Two convolutions in a row are one with a kernel of {size} × {size}: the largest "
            "difference is {same}.",
            size=both.shape[0],
            same=difference(say, same, float(np.abs(chained).max())),
        )
        zeros = float((between <= 0).mean())
        if apart > same:
            text += " " + say(
                "With ReLU between them the answers differ by up to {apart}, and {zeros} % of "
                "what the second one is given is 0.",
                apart=short(apart),
                zeros=percent(zeros),
            )
        else:
            text += " " + say(
                "Here ReLU changes nothing, for the first convolution answers nothing negative; "
                "choose a first kernel with negative weights."
            )
        notice(text)
    more(
        say,
        say(
            "A convolution is linear: it multiplies and adds. Layers of it, however many, add up "
            "to a single one, so depth would gain nothing but a larger kernel. ReLU cuts the "
            "negative answers off; after that no single kernel can do what the two do, and a "
            "deep network can tell what a shallow one cannot. The zeros are a gain as well: a "
            "feature that is not there stays silent."
        ),
    )
