"""Equivariance: move and filter, or filter and move."""

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cvcore import images
from cvcore.arrays import FloatArray
from cvcore.display import outlier_limit
from cvcore.experiments import Commutation, shift_and_filter, turn, turn_and_filter
from pages.ui.inputs import choose, number, switch
from pages.ui.layers.parts import ask_kernel, ask_square, difference, more, notice, percent
from pages.ui.picture import short, show_picture
from pages.ui.views import show_map
from pages.ui.words import Say


def show_equivariance(say: Say, controls: DeltaGenerator) -> None:
    """Move the picture or its feature map, and compare."""
    with controls:
        # Whole numbers and whole weights, so that equal means a difference of exactly 0.
        picture = images.scale(ask_square(say, 160), "none")
        kernel = ask_kernel(
            say,
            ("sobel_x", "sobel_y", "laplacian", "laplacian_8", "emboss", "gaussian"),
            key="move_kernel",
            default="sobel_x",
        )
        how = choose(
            say("Move"),
            {"shift": say("Shift"), "turn": say("Turn")},
            key="move_how",
            default="shift",
            style="segments",
        )
        if how == "shift":
            across, upright = st.columns(2)
            with across:
                right = number(
                    say("Right, in pixels"), key="move_right", default=12, low=-40, high=40
                )
            with upright:
                down = number(say("Down, in pixels"), key="move_down", default=6, low=-40, high=40)
        else:
            degrees = number(
                say("Counter-clockwise, in degrees"),
                key="move_degrees",
                default=90,
                low=-180,
                high=180,
            )
            along = switch(say("Turn the kernel too"), key="move_with_kernel")
    if how == "shift":
        both = shift_and_filter(picture, kernel, down=down, right=right)
        text, move = _say_shift(say, both), rf"T_{{{down},{right}}}"
        names = (say("Shifted, then filtered"), say("Filtered, then shifted"))
    else:
        both = turn_and_filter(picture, kernel, degrees=degrees, with_kernel=along)
        text, move = _say_turn(say, both, kernel, degrees, along), rf"R_{{{degrees}^\circ}}"
        names = (say("Turned, then filtered"), say("Filtered, then turned"))
    with controls:
        show_picture(
            both.moved.astype(np.uint8),
            key="move_picture",
            caption=say("The picture after the move"),
            limit=150,
            alt=say("The picture after the move"),
        )
    limit = outlier_limit(both.filtered_first)
    for place, feature_map, name, key in zip(
        st.columns(3),
        (both.moved_first, both.filtered_first, both.difference),
        (*names, say("Difference")),
        ("moved", "filtered", "difference"),
        strict=True,
    ):
        with place:
            show_map(
                say,
                feature_map,
                name=name,
                key=f"move_{key}",
                limit=260,
                scale_limit=limit,
                signed=True,
            )
    kernel_moved = f"{move}k" if how == "turn" and along else "k"
    st.latex(
        rf"\max\left|\,{kernel_moved} * {move}x - {move}(k * x)\,\right|"
        rf"={short(both.largest).replace('−', '-')}"
    )
    notice(text)
    more(
        say,
        say(
            "The same kernel is used at every place, so where the picture goes its answers go: a "
            "convolution is equivariant to shifts (at the border, where zeros come in, it is "
            "not, and nothing is compared). It does not follow a turn: an upright edge that "
            "lies on its side is another pattern. Only a kernel that looks the same after the "
            "turn, as a Laplacian after a quarter turn, does. That is why turned pictures are "
            "added to the training (augmentation)."
        ),
    )


def _largest(say: Say, both: Commutation) -> str:
    return difference(say, both.largest, float(np.abs(both.filtered_first).max()))


def _say_shift(say: Say, both: Commutation) -> str:
    if not both.compared.any():
        return say(
            "The shift leaves no pixel that both maps could know; choose a smaller one, or a "
            "larger picture."
        )
    return say(
        "Shift the picture and its feature map shifts with it: away from the border the largest "
        "difference is {largest}.",
        largest=_largest(say, both),
    )


def _say_turn(say: Say, both: Commutation, kernel: FloatArray, degrees: int, along: bool) -> str:
    if not both.compared.any():
        return say("The picture is too small to be compared away from its border.")
    quarter = degrees % 90 == 0
    values = {"largest": _largest(say, both), "share": percent(both.share)}
    if quarter and along:
        return say(
            "With the kernel turned too, the largest difference is {largest}: what was found is "
            "found again, turned.",
            **values,
        )
    if quarter and not np.any(turn(kernel, degrees) != kernel):
        return say(
            "A surprise: this kernel looks the same after the turn, so here turning and "
            "filtering do change places. The largest difference is {largest}.",
            **values,
        )
    text = say(
        "Turn the picture and its feature map does not just turn: the two differ by up to "
        "{largest}, {share} % of the strongest answer.",
        **values,
    )
    if not quarter:
        text += " " + say(
            "Between quarter turns a part of that is only because turned pixels are "
            "interpolated from their neighbours."
        )
    return text
