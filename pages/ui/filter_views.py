"""The views of the Filters page."""

import io
import zipfile
from collections.abc import Sequence
from typing import Literal

import numpy as np
import streamlit as st

from cvcore import display, images, kernels
from cvcore.activations import relu
from cvcore.arithmetic import products
from cvcore.arrays import ByteArray, FloatArray
from cvcore.convolution import convolve, convolve_layer
from cvcore.filtering import Recipe, Stage, script, stages
from pages.ui import address
from pages.ui.inputs import choose, number, switch
from pages.ui.picture import ColourBar, Pick, short, show_picture
from pages.ui.picture_input import ChosenPicture
from pages.ui.setup import let_it_draw
from pages.ui.views import CHANNELS, colour, histogram, numbers, show_map, show_matrix
from pages.ui.words import Say


def _go_to_pixel(row: int, column: int) -> None:
    address.apply({"row": row, "column": column, "view": "pixel"})


def show_stages(say: Say, image: ByteArray, recipe: Recipe) -> None:
    """Show the picture and what every step makes of it."""
    steps = stages(image, recipe)
    places = st.columns(len(steps))
    for index, (place, step) in enumerate(zip(places, steps, strict=True)):
        with place:
            _show_stage(say, image, step, index)
            st.caption(numbers(say, step.feature_map))
    let_it_draw()
    for place, step in zip(places, steps, strict=True):
        if step.formula:
            place.latex((r"\small " if len(steps) < 3 else r"\footnotesize ") + step.formula)
    answer = steps[1].feature_map
    weight_sum = float(recipe.weights.sum())
    zeros = float((steps[-1].feature_map == 0).mean())
    if abs(weight_sum) < 1e-4:
        notice = say(
            "The weights add up to 0: where the picture is flat the answer is 0. "
            "{negative} % of the answers are negative.",
            negative=short(round(100 * float((answer < 0).mean()), 1)),
        )
    else:
        notice = say(
            "The weights add up to {total}: the mean goes from {before} to {after}.",
            total=short(weight_sum),
            before=short(float(steps[0].feature_map.mean())),
            after=short(float(answer.mean())),
        )
    if recipe.rectify:
        notice += " " + say(
            "After ReLU {zeros} % of the values are zero.", zeros=short(round(100 * zeros, 1))
        )
    st.info(notice, icon=":material/visibility:")
    if recipe.stride > min(image.shape[:2]):
        st.warning(
            say(
                "A stride of {stride} is larger than the picture of {rows} × {columns}: the window "
                "makes a single stop there. Choose a smaller stride to see a map.",
                stride=recipe.stride,
                rows=image.shape[0],
                columns=image.shape[1],
            ),
            icon=":material/lightbulb:",
        )


def _show_stage(say: Say, image: ByteArray, step: Stage, index: int) -> None:
    rows, columns = step.feature_map.shape[:2]
    if index == 0:
        low, high = float(step.feature_map.min()), float(step.feature_map.max())
        show_picture(
            image,
            key="stage_0",
            caption=say(step.name),
            limit=360,
            bar=ColourBar(colours="grey", low=low, high=high),
            alt=say("The picture before the filter"),
        )
    else:
        pick = Pick(
            key=f"stage_{index}",
            label=say("Feature map. Click a pixel, or use the arrow keys, to see its arithmetic."),
            at=(rows // 2, columns // 2),
            shape=(rows, columns),
            on_change=_go_to_pixel,
        )
        show_map(
            say,
            step.feature_map,
            name=say(step.name),
            key=f"stage_{index}",
            limit=360,
            pick=pick if index == 1 else None,
        )


def show_pixel(say: Say, image: ByteArray, recipe: Recipe) -> None:
    """Show the patch, the kernel, the products and the sum behind one pixel of the answer."""
    picture, answer = (step.feature_map for step in stages(image, recipe)[:2])
    rows, columns = answer.shape[:2]
    channel = 0
    with st.container(horizontal=True, vertical_alignment="bottom"):
        row = number(say("Row"), key="row", default=rows // 2, low=0, high=rows - 1, style="box")
        column = number(
            say("Column"), key="column", default=columns // 2, low=0, high=columns - 1, style="box"
        )
        if answer.shape[2] == 3:
            channel = CHANNELS.index(
                choose(
                    say("Channel"),
                    _channel_names(say),
                    key="channel",
                    default="red",
                    style="segments",
                )
            )
        _step_buttons(say, row, column, rows, columns)
    plane = answer[..., channel]
    work = products(
        picture[..., channel],
        recipe.weights,
        row,
        column,
        stride=recipe.stride,
        padding=recipe.padding,
        pad_value=recipe.pad_value,
    )
    height, width = recipe.weights.shape
    window = (work.top, work.left, height, width)
    whole, near, after = st.columns(3)
    with whole:
        show_map(
            say,
            picture[..., channel],
            name=say("Picture"),
            key="pixel_picture",
            limit=210,
            window=window,
        )
    with near:
        top, left, crop = _close_up(picture[..., channel], window)
        show_map(
            say,
            crop,
            name=say("Close-up of the window"),
            key="pixel_near",
            limit=210,
            scale_limit=float(np.abs(picture[..., channel]).max()) or 1.0,
            window=(work.top - top, work.left - left, height, width),
        )
    with after:
        show_map(
            say,
            plane,
            name=say("Answer: click, or use the arrow keys"),
            key="pixel_answer",
            limit=210,
            window=(row, column, 1, 1),
            pick=Pick(
                key="pixel_answer",
                label=say("Answer in row {row}, column {column}", row=row, column=column),
                at=(row, column),
                shape=(rows, columns),
                on_change=lambda r, c: address.apply({"row": r, "column": c}),
            ),
        )
    matrices = {
        "patch": (say("Patch"), work.patch),
        "kernel": (say("× Kernel"), work.kernel),
        "products": (say("= Products"), work.products),
    }
    for place, (key, (name, values)) in zip(st.columns(3), matrices.items(), strict=True):
        with place:
            show_matrix(say, values, name=name, key=f"pixel_{key}")
    # Inline, so that a narrow screen breaks the line between the products.
    st.markdown(f"${_sum_formula(work.patch, work.kernel, work.total)}$")
    st.caption(
        say(
            "The answer in row {row}, column {column} is {total}: the sum of {count} products.",
            row=row,
            column=column,
            total=short(work.total),
            count=work.products.size,
        )
    )


def _close_up(
    picture: FloatArray, window: tuple[int, int, int, int], *, margin: int = 8
) -> tuple[int, int, FloatArray]:
    """Return the window's surroundings, and where they begin in the picture."""
    top, left, height, width = window
    first_row, first_column = max(top - margin, 0), max(left - margin, 0)
    crop = picture[first_row : top + height + margin, first_column : left + width + margin]
    return first_row, first_column, crop


def _channel_names(say: Say) -> dict[str, str]:
    return {"red": say("Red"), "green": say("Green"), "blue": say("Blue")}


def _step_buttons(say: Say, row: int, column: int, rows: int, columns: int) -> None:
    def move(by: int) -> None:
        at = min(max(row * columns + column + by, 0), rows * columns - 1)
        address.apply({"row": at // columns, "column": at % columns})

    st.button(
        say("Step back"),
        icon=":material/arrow_back:",
        on_click=move,
        args=(-1,),
        disabled=row == column == 0,
    )
    st.button(
        say("Step on"),
        icon=":material/arrow_forward:",
        on_click=move,
        args=(1,),
        disabled=(row, column) == (rows - 1, columns - 1),
    )


def _sum_formula(patch: FloatArray, kernel: FloatArray, total: float) -> str:
    """Write the sum with its numbers; of a large kernel the first products and the last."""

    def number_(value: float) -> str:
        text = short(value).replace("−", "-")
        return f"({text})" if text.startswith("-") else text

    terms = [
        rf"{number_(value)}\cdot{number_(weight)}"
        for value, weight in zip(patch.ravel().tolist(), kernel.ravel().tolist(), strict=True)
        if weight != 0
    ]
    if len(terms) > 9:
        terms = [*terms[:4], r"\dots", *terms[-2:]]
    return "+".join(terms or ["0"]) + "=" + short(total).replace("−", "-")


def show_stack(say: Say, image: ByteArray, recipe: Recipe) -> None:
    """Show what several kernels make of one picture: a stack of feature maps."""
    names = _choose_stack(say)
    picture = images.scale(image, recipe.scaling).mean(axis=2)
    maps = [
        convolve(
            picture,
            kernels.KERNELS[name].weights,
            stride=recipe.stride,
            padding=recipe.padding,
            pad_value=recipe.pad_value,
        )
        for name in names
    ]
    if recipe.rectify:
        maps = [relu(feature_map) for feature_map in maps]
    common = switch(say("One colour scale for all"), key="common_scale")
    limit = max(float(np.abs(feature_map).max()) for feature_map in maps) if common else None
    across = 3 if len(maps) > 4 else 2
    for start in range(0, len(maps), across):
        for place, name, feature_map in zip(
            st.columns(across),
            names[start : start + across],
            maps[start : start + across],
            strict=False,
        ):
            with place:
                show_map(
                    say,
                    feature_map,
                    name=say(kernels.KERNELS[name].label),
                    key=f"stack_{name}",
                    limit=230,
                    scale_limit=limit,
                )
    rows, columns = maps[0].shape
    st.caption(
        say(
            "{count} kernels turn one picture of {height} × {width} into a stack of "
            "{rows} × {columns} × {count}: one feature map for each kernel.",
            count=len(maps),
            height=image.shape[0],
            width=image.shape[1],
            rows=rows,
            columns=columns,
        )
    )


_FIRST_STACK = ("sobel_x", "sobel_y", "laplacian", "gaussian")


def _choose_stack(say: Say) -> list[str]:
    default = ",".join(_FIRST_STACK)
    address.recall("stack", default, _read_stack)
    if "stack_kernels" not in st.session_state:
        st.session_state["stack_kernels"] = st.session_state["stack"].split(",")
    st.multiselect(
        say("Kernels"),
        list(kernels.KERNELS),
        format_func=lambda name: say(kernels.KERNELS[name].label),
        key="stack_kernels",
        max_selections=12,
    )
    names = list(st.session_state["stack_kernels"]) or list(_FIRST_STACK)
    st.session_state["stack"] = ",".join(names)
    address.publish("stack", default)
    return names


def _read_stack(text: str) -> str:
    names = text.split(",")
    if not set(names) <= set(kernels.KERNELS) or len(names) > 12:
        raise ValueError(text)
    return text


def show_colour_filter(say: Say, image: ByteArray, recipe: Recipe) -> None:
    """Show a filter as deep as the picture beside the lecture's channel-by-channel one."""
    patterns = {
        "all": say("The same in red, green and blue"),
        "red_green": say("Red minus green"),
        "blue": say("Blue alone"),
        "random": say("Random weights"),
    }
    pattern = choose(
        say("Filter of {size} × 3", size=" × ".join(map(str, recipe.weights.shape))),
        patterns,
        key="pattern",
        default="red_green",
        style="segments",
    )
    kernel = _colour_kernel(recipe.weights, pattern)
    picture = images.scale(images.to_colour(image), recipe.scaling)
    # A layer knows these two paddings alone.
    padding: Literal["valid", "same"] = "same" if recipe.padding == "same" else "valid"
    each = np.concatenate(
        [
            convolve(
                picture[..., [channel]], kernel[..., channel], stride=recipe.stride, padding=padding
            )
            for channel in range(3)
        ],
        axis=2,
    )
    summed = convolve_layer(picture, kernel[..., None], stride=recipe.stride, padding=padding)
    limit = display.outlier_limit(np.concatenate([each, summed], axis=2))
    names = list(_channel_names(say).values())
    *places, last = st.columns([1, 1, 1, 1.5])
    for channel, place in enumerate(places):
        with place:
            show_matrix(
                say,
                kernel[..., channel],
                name=names[channel],
                key=f"slice_{channel}",
                limit=100,
                size=float(np.abs(kernel).max()) or 1.0,
            )
            show_map(
                say,
                each[..., channel],
                name=say("{channel} alone", channel=names[channel]),
                key=f"each_{channel}",
                limit=200,
                scale_limit=limit,
                signed=True,
            )
    with last:
        show_map(
            say,
            summed[..., 0],
            name=say("Their sum: one feature map"),
            key="summed",
            limit=270,
            scale_limit=limit,
            signed=True,
        )
        difference = float(np.abs(each.sum(axis=2) - summed[..., 0]).max())
        st.caption(
            say(
                "Largest difference between the sum of the three maps and this one: {difference}.",
                difference=short(difference),
            )
        )
    st.info(
        say(
            "The lecture's loop filters channel by channel: {each} come out. A layer's filter has "
            "{weights} weights, one slice for each channel, and adds the three answers: {summed} "
            "comes out. That is why it can look for a colour.",
            each=" × ".join(map(str, each.shape)),
            weights=kernel.size,
            summed=" × ".join(map(str, summed.shape)),
        ),
        icon=":material/visibility:",
    )


def _colour_kernel(weights: FloatArray, pattern: str) -> FloatArray:
    """Return a filter of float32, shape (rows, columns, 3)."""
    if pattern == "random":
        drawn = np.random.default_rng(int(st.session_state.get("seed", 0))).normal(
            size=(*weights.shape, 3)
        )
        return drawn.astype(np.float32)
    share = {"all": (1, 1, 1), "red_green": (1, -1, 0), "blue": (0, 0, 1)}[pattern]
    return weights[..., None] * np.array(share, np.float32)


def show_facts(say: Say, picture: ChosenPicture) -> None:
    """Show a picture's size, mode, range, histogram, channels and scalings."""
    image, facts = picture.image, picture.original
    metrics: Sequence[tuple[str, str]] = (
        (say("Size"), f"{facts.height} × {facts.width}"),
        (
            say("Mode"),
            say("{mode}, {channels} channels", mode=say(facts.mode), channels=facts.channels),
        ),
        (say("Values"), f"{short(facts.minimum)} … {short(facts.maximum)}"),
        (say("Mean ± deviation"), f"{short(facts.mean)} ± {short(facts.std)}"),
    )
    for place, (label, value) in zip(st.columns(4), metrics, strict=True):
        place.metric(label, value)
    if image.shape[:2] != (facts.height, facts.width):
        st.caption(
            say(
                "The laboratory works on it at {rows} × {columns}.",
                rows=image.shape[0],
                columns=image.shape[1],
            )
        )
    colours = image.shape[2] in (3, 4)
    names = list(_channel_names(say).values()) if colours else [say("Grey")]
    if image.shape[2] in (2, 4):
        names.append(say("Opacity"))
    for index, (place, name) in enumerate(zip(st.columns(max(3, len(names))), names, strict=False)):
        with place:
            which: display.Own = CHANNELS[index] if colours and index < 3 else "grey"
            show_picture(
                display.channel_colours(image[..., index], which),
                key=f"channel_{index}",
                caption=name,
                limit=190,
                bar=ColourBar(colours=which, low=0, high=255),
                alt=say(
                    "The {name} channel, from {low} to {high}",
                    name=name,
                    low=int(image[..., index].min()),
                    high=int(image[..., index].max()),
                ),
            )
    line_colours = (["#D55E00", "#009E73", "#0072B2"] if colours else ["#777777"]) + ["#CC79A7"]
    chart, table = st.columns(2)
    with chart:
        counts = images.histogram(image)
        histogram(
            say,
            [(name, counts[index].tolist()) for index, name in enumerate(names)],
            colours=line_colours[: len(names)],
            key="histogram",
        )
    with table:
        _show_scalings(say, image)


def _show_scalings(say: Say, image: ByteArray) -> None:
    """Say what each scaling makes of the range, with its formula."""
    rows = []
    for name, scaling in images.SCALINGS.items():
        scaled = images.scale(image, name)
        rows.append(
            [
                say(scaling.label),
                f"${scaling.formula}$",
                f"{image.min()} … {image.max()}",
                f"{short(float(scaled.min()))} … {short(float(scaled.max()))}",
            ]
        )
    head = [say("Scaling"), say("Formula"), say("From"), say("To")]
    # Markdown, for the formulas.
    st.markdown("\n".join("|".join(["", *line, ""]) for line in [head, ["---"] * 4, *rows]))


def show_take_away(say: Say, image: ByteArray, recipe: Recipe) -> None:
    """Offer the feature map as a picture and as numbers, and the Python that makes it."""
    feature_map = stages(image, recipe)[-1].feature_map
    source = script(recipe, rows=image.shape[0], columns=image.shape[1])
    eye, _ = colour(feature_map)

    def as_npy() -> bytes:
        buffer = io.BytesIO()
        np.save(buffer, feature_map)
        return buffer.getvalue()

    def as_zip() -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("picture.png", display.encode_png(image))
            archive.writestr("feature_map.png", display.encode_png(eye))
            archive.writestr("feature_map.npy", as_npy())
            archive.writestr("make_feature_map.py", source)
        return buffer.getvalue()

    with st.container(horizontal=True):
        st.download_button(
            say("Feature map (PNG)"),
            lambda: display.encode_png(eye),
            "feature_map.png",
            "image/png",
            icon=":material/image:",
            on_click="ignore",  # drawn anew meanwhile, the page can miss that the file is ready
        )
        st.download_button(
            say("Numbers (NPY)"),
            as_npy,
            "feature_map.npy",
            icon=":material/data_array:",
            on_click="ignore",
        )
        st.download_button(
            say("Picture and Python (ZIP)"),
            as_zip,
            "filter.zip",
            "application/zip",
            icon=":material/folder_zip:",
            on_click="ignore",
        )
    st.caption(
        say(
            "The script reads picture.png beside it and gives this feature map, {shape}. "
            "It needs NumPy and Pillow alone.",
            shape=" × ".join(map(str, feature_map.shape)),
        )
    )
    st.code(source, language="python", height=420)
