"""The data: pictures by class, how they are shared out, the numbers behind them, their means."""

import html
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import streamlit as st

from cvcore import data_views, figures
from cvcore.arrays import FloatArray
from cvcore.data_views import ExamplePictures, Part, Summary
from cvcore.datasets import DATASETS
from cvcore.history import Snapshot
from cvcore.spec import RunSpec
from pages.ui import address, questions
from pages.ui.gallery import Tile, show_gallery
from pages.ui.inputs import choose
from pages.ui.picture import ColourBar, Pick, short, show_picture
from pages.ui.tables import table
from pages.ui.views import show_map
from pages.ui.words import Say, plain

# Pictures of each class, and how many of them stand in a row: with few classes there is room.
_MANY_CLASSES = (9, 9)
_FEW_CLASSES = (30, 6)
_WINDOW = 8  # a square this wide can have its values written in, on a phone too
_LAST_PAGE = 100_000
_UNUSED = "#8c8c8c"


def show(say: Say, run: str, snapshot: Snapshot | None, spec: RunSpec) -> None:  # noqa: ARG001
    """Show the data set that the controls name, as they share it out and scale it.

    Parameters
    ----------
    say : Say
    run : str
    snapshot : Snapshot or None
        Neither is needed: the view is of what would be trained now.
    spec : RunSpec
    """
    entry = DATASETS[spec.dataset]
    topics = {
        "pictures": say("Pictures"),
        "split": say("Split and balance"),
        "values": say("Values and labels"),
        "means": say("Mean pictures"),
    }
    shows: dict[str, Callable[[Say, RunSpec], None]] = {
        "pictures": _show_pictures,
        "split": _show_split,
        "values": _show_values,
        "means": _show_means,
    }
    if entry.binarises:
        topics["threshold"], shows["threshold"] = say("Threshold"), _show_threshold
    topic = choose(
        say("What to see of the data"),
        topics,
        key="data_topic",
        default="pictures",
        style="segments",
        hide_label=True,
    )
    shows[topic](say, spec)
    height, width, channels = entry.shape
    st.caption(
        say(
            "{name}: {training} training and {test} test pictures of {height} × {width} pixels "
            "in {channels} channels. {source}.",
            name=say(entry.label),
            training=f"{entry.training:,}",
            test=f"{entry.test:,}",
            height=height,
            width=width,
            channels=channels,
            source=plain(entry.source),
        )
        if channels > 1
        else say(
            "{name}: {training} training and {test} test pictures of {height} × {width} pixels, "
            "grey. {source}.",
            name=say(entry.label),
            training=f"{entry.training:,}",
            test=f"{entry.test:,}",
            height=height,
            width=width,
            source=plain(entry.source),
        )
    )


# -- asking the worker


def _summary(spec: RunSpec) -> tuple[Any, ...]:
    return (data_views.summary, *_data(spec))


def _examples(spec: RunSpec, part: Part, page: int, count: int) -> tuple[Any, ...]:
    return (data_views.examples, *_data(spec), part, page, count)


def _data(spec: RunSpec) -> tuple[Any, ...]:
    """Return what a question needs of a run: two runs with the same data share an answer."""
    return (spec.dataset, spec.threshold, *spec.sizes()[:2])


# -- pictures by class


def _show_pictures(say: Say, spec: RunSpec) -> None:
    names = DATASETS[spec.dataset].classes
    parts = {"training": say("To learn from")}
    if spec.sizes()[1]:
        parts["validation"] = say("For validation")
    parts["test"] = say("For the test")
    with st.container(horizontal=True, vertical_alignment="center", key="data_which"):
        part = choose(
            say("Which pictures"),
            parts,
            key="data_part",
            default="training",
            style="segments",
            hide_label=True,
        )
        page = _turn_pages(say)
    count, columns = _MANY_CLASSES if len(names) > 4 else _FEW_CLASSES
    answers = questions.ask(say, _examples(spec, _part(part), page, count), key="data_wait")
    if answers is None:
        return
    (shown,) = answers
    half = -(-len(names) // 2)
    for column, labels in zip(
        st.columns(2, gap="small"),
        (range(half), range(half, len(names))),
        strict=True,
    ):
        with column, st.container(gap="xsmall"):
            for label in labels:
                _show_strip(say, shown, label, say(names[label]), columns)
    st.caption(
        say(
            "{count} pictures of each class at most, in the order of the file: page {page} of "
            "{pages}.",
            count=count,
            page=page % shown.pages + 1,
            pages=f"{shown.pages:,}",
        )
    )


def _show_strip(say: Say, shown: ExamplePictures, label: int, name: str, columns: int) -> None:
    numbers = shown.numbers[label]
    if not numbers:
        st.caption(say("{name}: no pictures here.", name=plain(name)))
        return
    # As wide as the others, however few there are.
    images = shown.images[label]
    strip = data_views.lay_out(images, columns=columns)
    show_picture(
        strip,
        key=f"data_strip_{label}",
        caption=name,
        limit=64 * -(-len(images) // columns),
        alt=say(
            "{name}: pictures {numbers}",
            name=name,
            numbers=", ".join(f"{number + 1}" for number in numbers),
        ),
    )


def _part(name: str) -> Part:
    return next(part for part in data_views.PARTS if part == name)


def _turn_pages(say: Say) -> int:
    """Offer the next examples; how often they were turned stands in the address."""
    address.recall("data_page", 0, address.whole(0, _LAST_PAGE))
    page = int(st.session_state["data_page"])
    st.button(
        say("Show other examples"),
        icon=":material/skip_next:",
        key="data_next",
        on_click=address.apply,
        args=({"data_page": (page + 1) % _LAST_PAGE},),
    )
    address.publish("data_page", 0)
    return page


# -- how they are shared out


def _show_split(say: Say, spec: RunSpec) -> None:
    entry = DATASETS[spec.dataset]
    training, validation, test = spec.sizes()
    unused = entry.training - training - validation
    percent = short(100 * spec.validation_split)
    rows = [
        (
            say("To learn from"),
            training,
            figures.TRAINING,
            say("The first ones of the file. Their gradients change the weights."),
        ),
        (say("Not used"), unused, _UNUSED, say("You asked for fewer training pictures.")),
        (
            say("For validation"),
            validation,
            figures.VALIDATION,
            say(
                "The last {percent} % of the training pictures. The network never learns from "
                "them; after each epoch they show how it does on new ones.",
                percent=percent,
            ),
        ),
        (
            say("For the test"),
            test,
            figures.TEST,
            say("A file of their own. They are asked once, at the very end."),
        ),
    ]
    _show_bar(say, [row for row in rows if row[1]])
    if not validation:
        st.caption(say("No pictures are kept for validation."))
    answers = questions.ask(say, _summary(spec), key="data_wait")
    if answers is None:
        return
    (numbers,) = answers
    names = [say(name) for name in entry.classes]
    _show_balance(say, numbers, names)


def _show_bar(say: Say, rows: list[tuple[str, int, str, str]]) -> None:
    """Draw parts of a whole as a bar in proportion, and say beneath it what each is for."""
    whole = sum(size for _, size, _, _ in rows)
    parts = "".join(
        f"<div style='flex:{size} 0 4px;background:{colour}'></div>" for _, size, colour, _ in rows
    )
    # One picture of sixty thousand would be no pixel wide: none is narrower than four.
    lines = "".join(
        f"<li><i style='background:{colour}'></i><span><b>{html.escape(name)}: {size:,}</b> "
        f"({short(100 * size / whole)} %). {html.escape(text)}</span></li>"
        for name, size, colour, text in rows
    )
    told = ", ".join(f"{name} {size:,}" for name, size, _, _ in rows)
    label = say("The pictures, shared out: {parts}", parts=told)
    st.html(
        "<style>.cv-split{display:flex;gap:2px;height:2rem;border-radius:4px;overflow:hidden}"
        "ul.cv-parts{list-style:none;margin:.5rem 0 0;padding:0;font-size:.875rem}"
        ".cv-parts li{display:flex;gap:.5rem;align-items:baseline;margin:.15rem 0;padding:0}"
        ".cv-parts i{flex:none;width:.8rem;height:.8rem;border-radius:2px}</style>"
        f"<div class=cv-split role=img aria-label='{html.escape(label, quote=True)}'>{parts}</div>"
        f"<ul class=cv-parts>{lines}</ul>"
    )


def _show_balance(say: Say, numbers: Summary, names: list[str]) -> None:
    parts = [say("To learn from"), say("For validation"), say("For the test")]
    rows = [
        {"class": names[label], "part": part, "pictures": int(count), "order": order}
        for order, (part, counts) in enumerate(zip(parts, numbers.counts, strict=True))
        for label, count in enumerate(counts)
    ]
    colours = [figures.TRAINING, figures.VALIDATION, figures.TEST]
    layer = {
        "data": {"values": rows},
        "mark": {"type": "bar"},
        "encoding": {
            "y": {
                "field": "class",
                "type": "nominal",
                "title": None,
                "sort": names,
                "axis": {"labelOverlap": False, "labelFlush": False},
            },
            "x": {"field": "pictures", "type": "quantitative", "title": say("Pictures")},
            "color": {
                "field": "part",
                "type": "nominal",
                "title": None,
                "legend": None,  # the bar above has the same colours, with their names
                "scale": {"domain": parts, "range": colours},
            },
            "order": {"field": "order"},
        },
    }
    st.vega_lite_chart(
        {"height": 70 + 18 * len(names), "layer": [layer]},
        key="data_balance",
        alt=say("Pictures of each class. The sentence and the table below say their numbers."),
    )
    st.info(_say_balance(say, numbers, names), icon=":material/visibility:")
    with st.expander(say("The chart as numbers"), icon=":material/table:"):
        table(
            say("Pictures of each class"),
            [say("Class"), *parts],
            [
                [name, *(f"{int(count):,}" for count in counts)]
                for name, counts in zip(names, numbers.counts.T, strict=True)
            ],
        )


def _say_balance(say: Say, numbers: Summary, names: list[str]) -> str:
    learned, _, test = numbers.counts
    least, most = int(learned.argmin()), int(learned.argmax())
    if learned[least] == learned[most]:
        told = say(
            "Balanced: {count} pictures of each class to learn from.",
            count=f"{int(learned[most]):,}",
        )
    else:
        told = say(
            "To learn from there are between {least} pictures ({least_class}) and {most} "
            "({most_class}) of a class.",
            least=f"{int(learned[least]):,}",
            least_class=plain(names[least]),
            most=f"{int(learned[most]):,}",
            most_class=plain(names[most]),
        )
    return f"{told} " + say(
        "Whoever always answered {name} would be right for {share} % of the test pictures.",
        name=plain(names[most]),
        share=short(100 * test[most] / test.sum()),
    )


# -- numbers behind a picture


def _show_values(say: Say, spec: RunSpec) -> None:
    entry = DATASETS[spec.dataset]
    names = [say(name) for name in entry.classes]
    colour = entry.shape[2] == 3
    with st.container(horizontal=True, vertical_alignment="bottom", key="data_one"):
        label = int(
            choose(
                say("Class"),
                {str(number): name for number, name in enumerate(names)},
                key="data_class",
                default="0",
            )
        )
        channel = _ask_channel(say) if colour else 0
        page = _turn_pages(say)
    count = (_MANY_CLASSES if len(names) > 4 else _FEW_CLASSES)[0]
    answers = questions.ask(
        say, _summary(spec), _examples(spec, "training", page, count), key="data_wait"
    )
    if answers is None:
        return
    numbers, shown = answers
    if shown.numbers[label]:
        _show_window(say, spec, numbers, shown, label, channel)
    else:
        st.caption(say("{name}: no pictures here.", name=plain(names[label])))
    _show_label(say, spec, names, label)


def _show_label(say: Say, spec: RunSpec, names: list[str], label: int) -> None:
    """Write a label as an integer and as a one-hot row."""
    table(
        say("The label, as an integer and as a one-hot row"),
        [say("Integer label: {number}", number=label), *names],
        [[say("One-hot row"), *(int(number == label) for number in range(len(names)))]],
    )
    st.caption(
        say(
            "With one-hot rows the loss is categorical cross-entropy, with integers its sparse "
            "form. Both are −log of the probability that the network gives to class {number}, "
            "so both give the same curve.",
            number=label,
        )
        + " "
        + (
            say("The recipe uses one-hot rows.")
            if spec.labels == "one_hot"
            else say("The recipe uses integers.")
        )
    )


def _ask_channel(say: Say) -> int:
    channels = {"0": say("Red"), "1": say("Green"), "2": say("Blue")}
    return int(choose(say("Channel"), channels, key="data_channel", default="0", style="segments"))


def _show_window(
    say: Say,
    spec: RunSpec,
    numbers: Summary,
    shown: ExamplePictures,
    label: int,
    channel: int,
) -> None:
    """Show a picture, a part of its values, and the same as the network is given them."""
    image = shown.images[label][0]
    height, width = image.shape[:2]
    size = min(_WINDOW, height, width)
    top = _place("data_row", (height - size) // 2, height - size)
    column = _place("data_column", (width - size) // 2, width - size)
    shift, scale = data_views.shift_and_scale(spec.scaling, numbers)
    raw = image[top : top + size, column : column + size, channel]
    scaled = ((raw - shift) / scale).astype(np.float32)
    number = shown.numbers[label][0] + 1
    whole, before, after = st.columns(3, gap="small")
    with whole:
        show_picture(
            image,
            key="data_picture",
            caption=say("Training picture {number}", number=f"{number:,}"),
            limit=230,
            alt=say("Training picture {number}", number=f"{number:,}"),
            window=(top, column, size, size),
            pick=_pick(say, top, column, height - size + 1, width - size + 1),
        )
    with before:
        show_picture(
            raw,
            key="data_raw",
            caption=say("Its values in the window"),
            limit=300,
            alt=_say_values(say("Its values in the window"), raw.astype(np.float32)),
            values=raw.astype(np.float32),
            bar=ColourBar(colours="grey", low=0, high=255),
        )
    with after:
        ends = [(value - shift) / scale for value in (numbers.low, numbers.high)]
        show_map(
            say,
            scaled.round(2),  # as many digits as there is room for
            name=say("What the network sees there"),
            key="data_scaled",
            limit=300,
            scale_limit=max(abs(end) for end in ends) or 1.0,
            signed=min(ends) < 0,
        )
    _show_scaling(say, spec, numbers, float(raw.max()))


def _pick(say: Say, top: int, column: int, rows: int, columns: int) -> Pick | None:
    if rows == columns == 1:
        return None

    def move(row: int, column: int) -> None:
        address.apply({"data_row": row, "data_column": column})

    return Pick(
        key="data_picture",
        label=say("The window: click, or use the arrow keys, to move it."),
        at=(top, column),
        shape=(rows, columns),
        on_change=move,
    )


def _place(key: str, default: int, most: int) -> int:
    address.recall(key, default, address.whole(0, 31))
    st.session_state[key] = min(int(st.session_state[key]), most)  # pictures differ in size
    address.publish(key, default)
    return int(st.session_state[key])


def _say_values(name: str, values: FloatArray) -> str:
    rows = "; ".join(" ".join(short(value) for value in row) for row in values.tolist())
    return f"{name}: {rows}"


def _show_scaling(say: Say, spec: RunSpec, numbers: Summary, pixel: float) -> None:
    """Write the scaling with a pixel's number filled in, and what it makes of all values."""
    shift, scale = data_views.shift_and_scale(spec.scaling, numbers)
    left, right = st.columns([1, 1.5], gap="medium", vertical_alignment="center")
    with left:
        minus = rf"{short(pixel)}-{shift:.4g}" if shift else short(pixel)
        st.latex(rf"\frac{{{minus}}}{{{scale:.4g}}}={short((pixel - shift) / scale)}")
    with right:
        rows: list[list[object]] = [
            [
                say("In the file"),
                numbers.low,
                numbers.high,
                short(numbers.mean),
                short(numbers.deviation),
            ],
            [
                say("For the network"),
                short((numbers.low - shift) / scale),
                short((numbers.high - shift) / scale),
                short((numbers.mean - shift) / scale),
                short(numbers.deviation / scale),
            ],
        ]
        table(
            say("The values before and after scaling"),
            [
                say("Values"),
                say("Smallest"),
                say("Largest"),
                say("Mean"),
                say("Standard deviation"),
            ],
            rows,
        )
    st.caption(_say_scaling(say, spec.scaling, numbers))


def _say_scaling(say: Say, how: str, numbers: Summary) -> str:
    match how:
        case "unit":
            return say("Every value is divided by 255, the largest that a pixel can have.")
        case "minmax":
            return say(
                "The smallest value, {low}, becomes 0 and the largest, {high}, becomes 1. Both are "
                "taken from the pictures to learn from alone, and all are scaled by them.",
                low=numbers.low,
                high=numbers.high,
            )
        case "standardise":
            return say(
                "The mean becomes 0 and the standard deviation 1. Both are taken from the pictures "
                "to learn from alone, and all are scaled by them."
            )
    return say(
        "The values stay as they are: sums in the first layer are 255 times as large as after "
        "dividing by 255, which makes learning hard. Train it once, and see."
    )


# -- mean pictures


def _show_means(say: Say, spec: RunSpec) -> None:
    answers = questions.ask(say, _summary(spec), key="data_wait")
    if answers is None:
        return
    (numbers,) = answers
    names = [say(name) for name in DATASETS[spec.dataset].classes]
    known = [label for label in range(len(names)) if numbers.counts[0, label]]
    tiles = [
        Tile(
            image=numbers.means[label].round().astype(np.uint8),
            head=names[label],
            note=say("of {count} pictures", count=f"{int(numbers.counts[0, label]):,}"),
            alt=say("Mean picture"),
        )
        for label in known
    ]
    show_gallery(tiles, label=say("The mean picture of each class"), key="data_means")
    st.info(_say_means(say, numbers, names, known), icon=":material/visibility:")
    with st.expander(say("Why it is so"), icon=":material/menu_book:"):
        st.markdown(
            say(
                "Each pixel is the mean of that pixel in all pictures of the class that the "
                "network learns from. Where they agree the mean is sharp, where they differ it "
                "is blurred. A linear classifier keeps one picture of weights for each class "
                "and compares; it learns better ones than the means, but still one for each. "
                "A class with several forms, or one that may stand anywhere, needs more layers."
            )
        )


def _say_means(say: Say, numbers: Summary, names: list[str], known: list[int]) -> str:
    told = say(
        "Naming each test picture after the nearest mean is right for {share} %.",
        share=short(100 * numbers.nearest),
    )
    if len(known) < 3:
        return told
    means = numbers.means[known].reshape(len(known), -1).astype(np.float64)
    apart = np.linalg.norm(means[:, None] - means[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    one, other = np.unravel_index(apart.argmin(), apart.shape)
    return f"{told} " + say(
        "The closest two are {one} and {other}: a network will confuse them, too, at first.",
        one=plain(names[known[int(one)]]),
        other=plain(names[known[int(other)]]),
    )


# -- the threshold


def _show_threshold(say: Say, spec: RunSpec) -> None:
    answers = questions.ask(
        say, _summary(spec), _examples(spec, "training", 0, _MANY_CLASSES[0]), key="data_wait"
    )
    if answers is None:
        return
    numbers, shown = answers
    if numbers.grey is None or shown.grey is None:
        return
    names = DATASETS[spec.dataset].classes
    for images, key, label in (
        (shown.grey, "data_grey", say("Before: grey pictures")),
        (
            shown.images,
            "data_cut",
            say("After: white from {threshold} on, else black", threshold=spec.threshold),
        ),
    ):
        st.markdown(f"**{label}**")
        tiles = [
            Tile(image=pictures[0], head=say(name))
            for name, pictures in zip(names, images, strict=True)
            if len(pictures)
        ]
        show_gallery(tiles, label=label, key=key)
    white = numbers.grey[spec.threshold :].sum() / numbers.grey.sum()
    between = numbers.grey[1:255].sum() / numbers.grey.sum()
    st.info(
        say(
            "At {threshold}, {white} % of the pixels are white. Before, {between} % of them were "
            "neither quite black nor quite white: the threshold moves the edge of the "
            "strokes, a low one thickens them and a high one thins them.",
            threshold=spec.threshold,
            white=short(100 * white),
            between=short(100 * between),
        ),
        icon=":material/visibility:",
    )
    _show_grey(say, numbers.grey.tolist(), spec.threshold)


def _show_grey(say: Say, counts: list[int], threshold: int) -> None:
    """Draw how often each grey value occurs, and where the threshold stands."""
    rows = [{"value": value, "pixels": pixels} for value, pixels in enumerate(counts)]
    axis: Mapping[str, Any] = {
        "field": "value",
        "type": "quantitative",
        "title": say("Value"),
        "scale": {"domain": [0, 255]},
    }
    bars = {
        "data": {"values": rows},
        "mark": {"type": "area", "interpolate": "step", "color": _UNUSED},
        "encoding": {
            "x": axis,
            # Nearly all pixels are black: their number would press the others to the ground.
            "y": {
                "field": "pixels",
                "type": "quantitative",
                "title": say("Pixels (log scale)"),
                "scale": {"type": "symlog"},
                "axis": {
                    "values": [0, 10, 1_000, 100_000, 10_000_000],
                    "labelExpr": "format(datum.value, '~s')",
                },
            },
        },
    }
    rule = {
        "data": {"values": [{"value": threshold}]},
        "mark": {"type": "rule", "color": figures.VALIDATION, "strokeWidth": 3},
        "encoding": {"x": axis},
    }
    st.vega_lite_chart(
        {"height": 180, "layer": [bars, rule]},
        key="data_histogram",
        alt=say("How often each grey value occurs, with the threshold at {value}", value=threshold),
    )
    with st.expander(say("The histogram as numbers")):
        table(
            say("The histogram as numbers"),
            [say("Values"), say("Pixels")],
            [
                [f"{start} … {start + 15}", f"{sum(counts[start : start + 16]):,}"]
                for start in range(0, 256, 16)
            ],
        )
