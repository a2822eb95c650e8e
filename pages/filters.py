"""Filters: a picture, a kernel, a feature map."""

import streamlit as st

from cvcore import images
from cvcore.arrays import FloatArray
from cvcore.convolution import Padding, PadValue
from cvcore.filtering import Pooling, Recipe
from cvcore.images import SCALINGS
from pages.ui import address, filter_views
from pages.ui.inputs import choose, decimal, number, side_by_side, switch, try_this, unseen
from pages.ui.kernel_input import choose_kernel
from pages.ui.picture_input import choose_picture
from pages.ui.setup import friendly, let_it_draw, set_up

say = set_up("filters")
try_this(
    say,
    [
        (say("Find the edges"), {"kernel": "laplacian", "view": "stages", "rectify": False}),
        (
            say("Blur it away"),
            {"kernel": "gaussian", "size": 15, "sigma": 4.0, "view": "stages"},
        ),
        (
            say("ReLU and pooling"),
            {"kernel": "sobel_x", "rectify": True, "pooling": "max", "view": "stages"},
        ),
        (
            say("One pixel's sum"),
            {"kernel": "sobel_y", "picture": "cross", "view": "pixel", "row": 5, "column": 4},
        ),
        (say("Look for red"), {"kernel": "box", "view": "colour", "pattern": "red_green"}),
    ],
)

VIEWS = {
    "stages": say("Feature map"),
    "pixel": say("Pixel by pixel"),
    "stack": say("Several kernels"),
    "colour": say("Colour filter"),
    "facts": say("The picture"),
    "take": say("Take away"),
}


def choose_steps(kernel: FloatArray) -> tuple[Recipe, bool]:
    """Ask for the steps around the kernel; return them, and whether colours are filtered."""
    left, right = side_by_side(2)
    with left:
        stride = number(say("Stride"), key="stride", default=1, low=1, high=16, style="box")
        rectify = switch(say("ReLU"), key="rectify")
    with right:
        scaling = choose(
            say("Scaling"),
            {name: say(it.label) for name, it in SCALINGS.items()},
            key="scaling",
            default="unit",
        )
        in_colour = switch(
            say("Colours"),
            key="colours",
            help=say(
                "Filter red, green and blue one by one. Otherwise the picture is turned grey "
                "first; the colour filter always sees the colours."
            ),
        )
    pad = choose(
        say("Padding"),
        {"valid": say("None (valid)"), "same": say("Same"), "pixels": say("In pixels")},
        key="padding",
        default="valid",
        style="segments",
    )
    amount, fill, value = 0, "value", 0.0
    if pad == "pixels":
        amount = number(say("Pixels of padding"), key="pad", default=1, low=0, high=15)
    if pad != "valid":
        fill = choose(
            say("Padded with"),
            {"value": say("A value"), "edge": say("The edge"), "reflect": say("A mirror")},
            key="fill",
            default="value",
            style="segments",
        )
        if fill == "value":
            value = decimal(
                say("Value of the padding"),
                key="pad_value",
                default=0.0,
                low=-255.0,
                high=255.0,
                step=0.5,
            )
    pooling = choose(
        say("Pooling"),
        {"none": say("None"), "max": say("Max"), "average": say("Average")},
        key="pooling",
        default="none",
        style="segments",
    )
    pool_size = 2
    if pooling != "none":
        pool_size = number(say("Pooling window"), key="pool", default=2, low=2, high=8)
    paddings: dict[str, Padding] = {"valid": "valid", "same": "same", "pixels": amount}
    fills: dict[str, PadValue] = {"value": value, "edge": "edge", "reflect": "reflect"}
    poolings: dict[str, Pooling | None] = {"none": None, "max": "max", "average": "average"}
    recipe = Recipe(
        kernel=tuple(map(tuple, kernel.tolist())),
        scaling=scaling,
        stride=stride,
        padding=paddings[pad],
        pad_value=fills[fill],
        rectify=rectify,
        pooling=poolings[pooling],
        pool_size=pool_size,
    )
    return recipe, in_colour


controls, experiment = st.columns([1, 2.6], gap="medium")
with controls, st.container(gap="small"):
    picture = choose_picture(say)
    kernel = choose_kernel(say, default="laplacian")
with unseen():  # they are drawn below, when the picture is on its way
    recipe, in_colour = choose_steps(kernel)
image = images.to_colour(picture.image) if in_colour else images.to_grey(picture.image)
with experiment, st.container(key="experiment"):
    view = choose(
        say("View"), VIEWS, key="view", default="stages", style="segments", hide_label=True
    )
    with friendly(say):
        match view:
            case "stages":
                filter_views.show_stages(say, image, recipe)
            case "pixel":
                filter_views.show_pixel(say, image, recipe)
            case "stack":
                filter_views.show_stack(say, image, recipe)
            case "colour":
                filter_views.show_colour_filter(say, picture.image, recipe)
            case "facts":
                filter_views.show_facts(say, picture)
            case _:
                filter_views.show_take_away(say, image, recipe)
let_it_draw()
with controls, st.container(gap="small", key="more_controls"):
    choose_steps(kernel)
    address.report_ignored(say)
