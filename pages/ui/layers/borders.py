"""What padding does to the border: zeros, ones, or the edge itself."""

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cvcore import images, samples
from cvcore.arithmetic import products
from cvcore.arrays import FloatArray
from cvcore.convolution import PadValue, convolve
from cvcore.experiments import frame_and_inside
from cvcore.kernels import KERNELS
from pages.ui.inputs import choose, number
from pages.ui.layers.parts import more, notice, square
from pages.ui.picture import short
from pages.ui.views import show_map
from pages.ui.words import Say

_KERNELS = ("box", "gaussian", "laplacian", "sobel_x", "sharpen")


def show_padding_value(say: Say, controls: DeltaGenerator) -> None:
    """Pad a picture with zeros, with ones and with its edge, and look at the frame."""
    fills: tuple[tuple[str, PadValue], ...] = (
        (say("Padded with 0"), 0.0),
        (say("Padded with 1"), 1.0),
        (say("Padded with the edge"), "edge"),
    )
    with controls:
        name = choose(
            say("Picture"),
            {it: say(samples.SAMPLES[it].label) for it in ("square", "horse", "text", "cross")},
            key="border_picture",
            default="square",
        )
        kernel_name = choose(
            say("Kernel"),
            {it: say(KERNELS[it].label) for it in _KERNELS},
            key="border_kernel",
            default="box",
        )
        kernel = KERNELS[kernel_name]
        weights = kernel.weights
        if "size" in kernel.parameters:
            size = number(
                say("Kernel: f pixels a side"), key="border_size", default=5, low=3, high=15
            )
            weights = kernel(size=size)
    picture = images.scale(square(samples.load(name), 128), "unit")
    maps = [convolve(picture, weights, padding="same", pad_value=fill) for _, fill in fills]
    limit = max(float(np.abs(feature_map).max()) for feature_map in maps)
    signed = any(feature_map.min() < -1e-6 for feature_map in maps)
    width = weights.shape[0] // 2
    means = [frame_and_inside(feature_map, width) for feature_map in maps]
    for place, (title, fill), feature_map, (frame, inside), key in zip(
        st.columns(3), fills, maps, means, ("zero", "one", "edge"), strict=True
    ):
        with place:
            show_map(
                say,
                feature_map if signed else np.maximum(feature_map, 0),
                name=title,
                key=f"border_{key}",
                limit=250,
                scale_limit=limit or 1.0,
                signed=signed,
            )
            st.caption(
                say(
                    "Mean at the border {frame}, inside {inside}. In the corner:",
                    frame=short(round(frame, 3)),
                    inside=short(round(inside, 3)),
                )
            )
            st.latex(rf"\small {_corner_formula(picture, weights, fill)}")
    notice(_say_frame(say, means))
    more(
        say,
        say(
            "The border is the outermost {width} px, whose windows reach into the padding. Zero is "
            "black: beside a bright background it is an edge that is not in the picture, and a "
            "blur darkens there. One is white, so on a dark background it is the other way "
            "round. The formula takes the corner apart: the part of the picture, and the "
            "padding's value times the weights that lie on it. Networks are padded with zeros "
            "nearly always; they learn to live with the frame, and can even tell from it where "
            "the border is.",
            width=width,
        ),
    )


def _corner_formula(picture: FloatArray, weights: FloatArray, fill: PadValue) -> str:
    """Take the corner's answer apart: what the picture gives, and what the padding gives."""

    def corner(pad_value: PadValue) -> float:
        return products(picture, weights, 0, 0, padding="same", pad_value=pad_value).total

    def number_(value: float) -> str:
        return short(value).replace("−", "-")

    own, whole = corner(0.0), corner(fill)
    if isinstance(fill, str):
        return rf"{number_(own)}+{_bracket(number_(whole - own))}={number_(whole)}"
    outside = _bracket(number_(corner(1.0) - own))
    return rf"{number_(own)}+{number_(fill)}\cdot{outside}={number_(whole)}"


def _bracket(text: str) -> str:
    return f"({text})" if text.startswith("-") else text


def _say_frame(say: Say, means: list[tuple[float, float]]) -> str:
    (zero, inside), (one, _), (edge, _) = means
    text = say(
        "If the picture went on as it ends, the border's mean would be {edge}. With zeros it is "
        "{zero}, with ones {one}; inside it is {inside} either way.",
        edge=short(round(edge, 3)),
        zero=short(round(zero, 3)),
        one=short(round(one, 3)),
        inside=short(round(inside, 3)),
    )
    of_zeros, of_ones = abs(zero - edge), abs(one - edge)
    if of_zeros > 2 * of_ones:
        return text + " " + say("Zeros make a frame that is not in the picture.")
    if of_ones > 2 * of_zeros:
        return text + " " + say("Ones make a frame that is not in the picture.")
    return text + " " + say("Neither value fits the whole border.")
