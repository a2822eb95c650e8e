"""Output size, padding and stride."""

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cvcore import images
from cvcore.arithmetic import OUTPUT_SIZE, layer_table, output_size, unused, visits
from cvcore.convolution import Padding, convolve, padding_amounts
from cvcore.display import unsigned_colours
from cvcore.experiments import zone_plate
from cvcore.networks import Convolution
from pages.ui import address
from pages.ui.inputs import choose, number
from pages.ui.layers.parts import (
    ANSWER,
    PADDED,
    PIXEL,
    UNUSED,
    ask_kernel,
    ask_padding,
    ask_square,
    count,
    draw_cells,
    more,
    notice,
    percent,
    size_formula,
)
from pages.ui.picture import ColourBar, Pick, short, show_picture
from pages.ui.setup import friendly
from pages.ui.views import READABLE, show_map
from pages.ui.words import Say


def show_output_size(say: Say, controls: DeltaGenerator) -> None:
    """Count the stops of a kernel, and draw the pixels that none of them reaches."""
    with controls:
        n = number(say("Picture: n pixels a side"), key="size_n", default=8, low=1, high=32)
        f = number(say("Kernel: f pixels a side"), key="size_f", default=3, low=1, high=11)
        stride = number(say("Stride s"), key="size_stride", default=2, low=1, high=8)
        padding = ask_padding(say, "size")
    m = output_size(n, f, stride=stride, padding=padding)
    with controls:
        stop = number(
            say("Stop"),
            key="size_stop",
            default=1,
            low=1,
            high=m * m,
            help=say("Which answer: counted from the top left, row by row."),
        )
    row, column = divmod(stop - 1, m)
    before, after = padding_amounts(n, f, stride=stride, padding=padding)
    whole = n + before + after
    looked = visits(whole, f, stride=stride) > 0
    kinds = np.full((whole, whole), PADDED)
    kinds[before : before + n, before : before + n] = PIXEL
    kinds[~np.outer(looked, looked)] = UNUSED
    drawing, cell = draw_cells(kinds)
    left, right = st.columns([1.35, 1])
    with left:
        show_picture(
            drawing,
            key="size_picture",
            caption=say("Picture and padding: {size} × {size}", size=whole),
            limit=300,
            window=(row * stride * cell, column * stride * cell, f * cell, f * cell),
            alt=say(
                "A grid of {size} × {size} cells; the kernel lies on rows {top} to {bottom} and "
                "columns {left} to {right}, counted from 1.",
                size=whole,
                top=row * stride + 1,
                bottom=row * stride + f,
                left=column * stride + 1,
                right=column * stride + f,
            ),
        )
        st.caption(
            say(
                "Blue: pixels. Grey with a dot: padding. Orange, hatched: in no window. "
                "Yellow frame: the kernel."
            )
        )
    with right:
        answers, cell = draw_cells(np.full((m, m), ANSWER))
        show_picture(
            answers,
            key="size_answer",
            caption=say("Answer: {size} × {size}", size=m),
            limit=170,
            window=(row * cell, column * cell, cell, cell),
            alt=say("A grid of {size} × {size} answers", size=m),
            pick=Pick(
                key="size_answer",
                label=say("Answer. Click, or use the arrow keys, to move the kernel."),
                at=(row, column),
                shape=(m, m),
                on_change=lambda r, c: address.apply({"size_stop": r * m + c + 1}),
            ),
        )
        general = OUTPUT_SIZE if before == after else OUTPUT_SIZE.replace("2p", "p_1 + p_2")
        st.latex(
            rf"\begin{{aligned}}m&={general}\\"
            rf"&={size_formula(n, f, stride, padding, m)}\end{{aligned}}"
        )
    notice(_say_unused(say, n, f, stride, padding))
    more(
        say,
        say(
            "The kernel starts in the corner and moves on by the stride while it still fits. "
            "Where the stride does not divide what is left, the answer's size is rounded down, "
            "as in Keras, and the last pixels are in no window: the network never sees them. "
            "'Same' padding adds just so many zeros that the answer has ⌈n / s⌉ pixels."
        ),
    )


def _say_unused(say: Say, n: int, f: int, stride: int, padding: Padding) -> str:
    m = output_size(n, f, stride=stride, padding=padding)
    end = unused(n, f, stride=stride, padding=padding)
    seen = int((visits(n, f, stride=stride, padding=padding) > 0).sum())
    lost = n * n - seen * seen
    text = say("Answers: {stops} × {stops} = {answers}.", stops=m, answers=m * m)
    if not lost:
        return text + " " + say("Every pixel is in at least one window.")
    text += " " + say(
        "In no window: {lost} of {pixels} pixels ({share} %).",
        lost=lost,
        pixels=n * n,
        share=percent(lost / (n * n)),
    )
    if end:
        text += " " + say(
            "Left over at the right and at the bottom: {end} px, for another step of {stride} "
            "would lead out of the picture.",
            end=end,
            stride=stride,
        )
    if seen < n - end:
        text += " " + say(
            "The stride of {stride} is longer than the kernel of {size}: it jumps over pixels.",
            stride=stride,
            size=f,
        )
    return text


def show_visits(say: Say, controls: DeltaGenerator) -> None:
    """Count how often each pixel is looked at, without padding and with it."""
    with controls:
        n = number(say("Picture: n pixels a side"), key="visits_n", default=5, low=1, high=32)
        f = number(say("Kernel: f pixels a side"), key="visits_f", default=3, low=1, high=11)
        stride = number(say("Stride s"), key="visits_stride", default=1, low=1, high=8)
        padding = ask_padding(say, "visits", default="pixels")
    highest = int(visits(n, f, stride=stride, padding=padding).max()) ** 2
    before, after = st.columns(2)
    with before, friendly(say):
        _show_visits(say, n, f, stride, "valid", highest)
    with after:
        _show_visits(say, n, f, stride, padding, highest)
    text = say(
        "With this padding the corner pixel counts in {corner} of {answers} answers, the middle "
        "pixel in {middle}.",
        **_corner_and_middle(n, f, stride, padding),
    )
    if f <= n:
        text = " ".join(
            (
                say(
                    "Without padding the corner pixel counts in {corner} of {answers} answers, "
                    "the middle pixel in {middle}.",
                    **_corner_and_middle(n, f, stride, "valid"),
                ),
                text,
            )
        )
    notice(text)
    more(
        say,
        say(
            "Each window looks at f × f pixels, and windows overlap. A pixel in the middle lies "
            "under every cell of the kernel once, one in the corner only under a single cell: "
            "what is at the border hardly counts, and the answer is smaller than the picture. "
            "Padding lets the kernel begin outside. Rows and columns are visited independently, "
            "so a pixel's visits are the product of the two."
        ),
    )


def _corner_and_middle(n: int, f: int, stride: int, padding: Padding) -> dict[str, int]:
    line = visits(n, f, stride=stride, padding=padding)
    return {
        "corner": int(line[0]) ** 2,
        "middle": int(line[n // 2]) ** 2,
        "answers": output_size(n, f, stride=stride, padding=padding) ** 2,
    }


def _show_visits(say: Say, n: int, f: int, stride: int, padding: Padding, highest: int) -> None:
    without = padding == "valid"
    line = visits(n, f, stride=stride, padding=padding)
    counts = np.outer(line, line).astype(np.float32)
    name = say("Visits without padding") if without else say("Visits with this padding")
    first, half = int(line[0]), int(line[n // 2])
    show_picture(
        unsigned_colours(counts, colours="viridis", low=0, high=highest),
        key="visits_without" if without else "visits_with",
        caption=name,
        limit=300,
        bar=ColourBar(colours="viridis", low=0, high=highest),
        values=counts if n <= READABLE else None,
        alt=say(
            "{name}: corner {corner}, middle {middle}",
            name=name,
            corner=first**2,
            middle=half**2,
        ),
    )
    corner, middle = say("corner"), say("middle")
    # Row by column: the same number for both, in the corner and in the middle.
    st.latex(
        rf"\text{{{corner}}}={first}\cdot{first}={first**2}\qquad"
        rf"\text{{{middle}}}={half}\cdot{half}={half**2}"
    )


def show_stride(say: Say, controls: DeltaGenerator) -> None:
    """Compare the answers at stride 1 with those at a longer one."""
    with controls:
        source = choose(
            say("What is filtered"),
            {"rings": say("Ever finer rings"), "photo": say("A picture")},
            key="stride_source",
            default="rings",
            style="segments",
        )
        if source == "photo":
            picture = images.scale(ask_square(say, 256), "unit")
        else:
            picture = zone_plate(256)
        kernel = ask_kernel(
            say,
            ("identity", "box", "gaussian", "laplacian", "sobel_x", "sobel_y"),
            key="stride_kernel",
            default="identity",
        )
        stride = number(say("Stride s"), key="stride_step", default=4, low=1, high=16)
    every, some = convolve(picture, kernel), convolve(picture, kernel, stride=stride)
    left, right = st.columns(2)
    with left:
        show_map(say, every, name=say("Stride 1"), key="stride_one", limit=290)
    with right:
        show_map(
            say,
            some,
            name=say("Stride {stride}", stride=stride),
            key="stride_more",
            limit=290,
            scale_limit=float(np.abs(every).max()) or 1.0,
        )
    n, f = picture.shape[0], kernel.shape[0]
    st.latex(size_formula(n, f, stride, "valid", some.shape[0]))
    work = [
        layer_table([Convolution(filters=1, size=f, stride=step)], (n, n, 1))[0].multiply_adds
        for step in (1, stride)
    ]
    notice(
        say(
            "Stride {stride} keeps {kept} of {all} answers and saves {saved} % of the "
            "multiplications. What it keeps are the answers of stride 1 at steps of {stride} "
            "rows and columns: the largest difference is {difference}.",
            stride=stride,
            kept=count(some.size),
            all=count(every.size),
            saved=percent(1 - work[1] / work[0]),
            difference=short(float(np.abs(every[::stride, ::stride] - some).max())),
        )
    )
    more(
        say,
        say(
            "A stride throws answers away without looking at them. Details finer than two "
            "strides cannot be told any more, and worse: they turn up as something else. The "
            "rings have one centre; at stride 4 several appear (aliasing). Blur first, with a "
            "Gaussian kernel, and the false rings fade; pooling looks at every answer before it "
            "throws any away."
        ),
    )
