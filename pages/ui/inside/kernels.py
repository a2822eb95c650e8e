"""The learned weights as pictures, the hand-made kernels they resemble, and how they moved."""

import math
from collections.abc import Sequence

import numpy as np
import streamlit as st

from cvcore import learned_kernels
from cvcore.arrays import ByteArray, FloatArray
from cvcore.data_views import lay_out
from cvcore.display import signed_colours
from cvcore.kernels import KERNELS
from cvcore.learned_kernels import (
    SMALLEST,
    Learned,
    Movement,
    Resemblance,
    chance,
    hand_made,
    layers_with_kernels,
    resemblance,
    seen_by,
)
from cvcore.networks import Convolution
from pages.ui import moments, questions
from pages.ui.gallery import Tile, show_gallery
from pages.ui.inputs import choose, number
from pages.ui.inside.scene import Scene
from pages.ui.inside.take import take_picture
from pages.ui.picture import ColourBar, Pick, short, show_picture
from pages.ui.tables import table
from pages.ui.views import CHANNELS, describe_layer, name_colour, show_matrix
from pages.ui.words import Say

LAYER, KERNEL = "in_layer", "in_kernel"
"""The layer that the page's views look at, by its place from 1, and one of its filters."""

_CHOSEN, _OTHERS = "#CC79A7", "#888888"
_BEST = 3
_MORE_THAN_CHANCE = 0.1  # of all kernels; by chance it would be half of it
_MOST_TILES = 64
_MOST_LINES = 64


def show(say: Say, scene: Scene) -> None:
    """Show a layer's kernels, one of them closely, and the way that they have gone."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="kernels_what"):
        place = choose_layer(say, scene, layers_with_kernels(scene.spec.network))
        channel = _choose_channel(say, scene, place)
        count = _count(scene, place)
        chosen = (
            number(
                say("Kernel (1 to {count})", count=count),
                key=KERNEL,
                default=1,
                low=1,
                high=count,
                style="box",
            )
            - 1
        )
    newest = scene.moments[-1]
    convolution = isinstance(scene.spec.network[place - 1], Convolution)
    coloured = convolution and _sees_colours(scene, place)
    answers = questions.ask(
        say,
        (learned_kernels.learned, scene.subject, place, channel),
        (learned_kernels.movement, scene.run, place, newest),
        (learned_kernels.film, scene.run, place, channel, chosen, newest),
        *(
            (learned_kernels.learned, scene.subject, place, it + 1)
            for it in range(len(CHANNELS) if coloured else 0)
        ),
        key="kernels_wait",
    )
    if answers is None:
        return
    learned, moved, film, *colours = answers
    found = None
    if convolution and learned.weights.shape[0] >= SMALLEST:
        found = resemblance(learned.weights)
    _say_what_to_notice(say, learned, found, chosen)
    grid, one = st.columns([0.8, 1.2], gap="medium")
    with grid:
        _show_all(say, learned, chosen, convolution=convolution)
        if colours:
            draw_colours(say, np.stack([it.weights for it in colours], axis=2))
    with one:
        _show_one(say, learned, found, chosen)
    _show_movement(say, scene, moved, film, chosen)
    if found is not None:
        _show_pairs(say, learned, found, chosen)


def choose_layer(say: Say, scene: Scene, places: Sequence[int], *, label: str = "") -> int:
    """Ask for one of a network's layers; the views share the answer.

    Parameters
    ----------
    say : Say
    scene : Scene
    places : sequence of int
        Those that are offered, from 1; at least one. A layer of another view that is not among
        them gives way to the last one before it.
    label : str, optional
        What is asked.

    Returns
    -------
    int
        Its place, from 1.
    """
    asked = str(st.session_state.get(LAYER, st.query_params.get(LAYER, "")))
    if asked.isdecimal():
        before = [it for it in places if it <= int(asked)]
        st.session_state[LAYER] = str(before[-1] if before else places[0])
    names = {
        str(place): f"{place}. {describe_layer(say, scene.spec.network[place - 1])}"
        for place in places
    }
    return int(choose(label or say("Layer"), names, key=LAYER, default=str(places[0])))


def pick_filter(place: int) -> None:
    """Look closely at a layer's filter, given from 0; for a click."""
    st.session_state[KERNEL] = place + 1


def grid_of(planes: ByteArray, chosen: int) -> tuple[ByteArray, int, tuple[int, int, int, int]]:
    """Lay pictures of one size in a grid.

    Parameters
    ----------
    planes : ndarray of uint8, shape (n, height, width, channels)
    chosen : int
        The place of one of them, from 0.

    Returns
    -------
    whole : ndarray of uint8, shape (rows, columns, channels)
    columns : int
        Pictures in a row.
    window : (top, left, height, width)
        Where the chosen one is in it.
    """
    count, height, width, _ = planes.shape
    # Wide pictures in few columns: the whole is about a third wider than high.
    columns = min(max(math.ceil(math.sqrt(1.3 * count * height / width)), 1), count)
    row, column = divmod(chosen, columns)
    window = (row * (height + 1), column * (width + 1), height, width)
    return lay_out(planes, columns=columns), columns, window


def _count(scene: Scene, place: int) -> int:
    layer = scene.spec.network[place - 1]
    return layer.filters if isinstance(layer, Convolution) else int(getattr(layer, "units", 1))


def _sees_colours(scene: Scene, place: int) -> bool:
    """Say whether a layer's input channels are the picture's red, green and blue."""
    first = place == layers_with_kernels(scene.spec.network)[0]
    return first and seen_by(scene.spec, place)[2] == len(CHANNELS)


def draw_colours(say: Say, weights: FloatArray) -> None:
    """Draw kernels that see colours as colours themselves.

    Parameters
    ----------
    say : Say
    weights : ndarray of float32, shape (rows, columns, 3, count)
    """
    most = float(np.abs(weights).max()) or 1.0
    pictures = (255 * (0.5 + 0.5 * np.moveaxis(weights, 3, 0) / most)).round().astype(np.uint8)
    count = len(pictures)
    show_picture(
        grid_of(pictures, 0)[0],
        key="kernels_colours",
        caption=say("The same kernels as colours: grey is zero"),
        limit=330,
        alt=say("{count} kernels, their three channels as red, green and blue", count=count),
    )


def _choose_channel(say: Say, scene: Scene, place: int) -> int:
    """Ask by which input channel a layer's kernels are seen: 0 for the mean over all."""
    count = seen_by(scene.spec, place)[2]
    if count == 1:
        return 1
    names = {"0": say("Mean over the {count} channels", count=count)}
    colours = _sees_colours(scene, place)
    for channel in range(1, count + 1):
        names[str(channel)] = (
            name_colour(say, channel - 1) if colours else say("Channel {channel}", channel=channel)
        )
    return int(
        choose(
            say("Input channel"),
            names,
            key="in_channel",
            default="0",
            help=say(
                "A kernel has weights for each map that comes in; they are added up. The mean "
                "shows what all channels have in common."
            ),
        )
    )


def kernel_name(say: Say, name: str, correlation: float) -> str:
    """Call a hand-made kernel, or its inverse."""
    label = say(KERNELS[name].label).partition(" (")[0]
    return say("Inverse of {kernel}", kernel=label) if correlation < 0 else label


def _say_what_to_notice(say: Say, learned: Learned, found: Resemblance | None, chosen: int) -> None:
    height, width, count = learned.weights.shape
    if found is None:
        st.markdown(
            say(
                "Each unit's weights as a picture of what it sees: red pixels speak for the "
                "unit, blue ones against it. Nothing slides here, so no hand-made kernel is like "
                "them."
            )
            if max(height, width) >= SMALLEST
            else say(
                "Kernels of {height} × {width} weights have no room for what the hand-made ones "
                "do: they mix channels more than they compare neighbours.",
                height=height,
                width=width,
            )
        )
        return
    name, correlation = found.best(chosen)[0]
    limit = chance(height)
    above = int((found.strength > limit).sum())
    st.markdown(
        (
            say(
                "Kernel {number} resembles **{name}** most: correlation {correlation}.",
                number=chosen + 1,
                name=kernel_name(say, name, correlation),
                correlation=short(correlation),
            )
            if correlation
            else say(
                "Kernel {number} has the same weight everywhere, so it resembles none.",
                number=chosen + 1,
            )
        )
        + " "
        + say(
            "{above} of {count} kernels here are above {limit}, which one in twenty kernels of "
            "random weights reaches by chance.",
            above=above,
            count=count,
            limit=f"{limit:.2f}",
        )
        + " "
        + (
            say("So some of these were learned.")
            if above > _MORE_THAN_CHANCE * count + 1
            else say("So a network need not find our kernels to do its work.")
        )
    )


# -- all and one


def _show_all(say: Say, learned: Learned, chosen: int, *, convolution: bool) -> None:
    height, width, count = learned.weights.shape
    planes = np.stack(
        [signed_colours(learned.weights[..., it], limit=learned.limit) for it in range(count)]
    )
    whole, columns, window = grid_of(planes, chosen)
    rows = math.ceil(count / columns)

    def pick(row: int, column: int) -> None:
        pick_filter(min(row * columns + column, count - 1))

    name = (
        say("{count} kernels of {height} × {width}", count=count, height=height, width=width)
        if convolution
        else say("{count} units, {height} × {width}", count=count, height=height, width=width)
    )
    show_picture(
        whole,
        key="kernels_all",
        caption=name,
        limit=300,
        bar=ColourBar(colours="signed", low=-learned.limit, high=learned.limit),
        window=window,
        alt=say(
            "{name}, from {low} to {high}",
            name=name,
            low=short(float(learned.weights.min())),
            high=short(float(learned.weights.max())),
        ),
        pick=Pick(
            key="kernels_pick",
            label=say("Choose a kernel with the arrow keys"),
            at=divmod(chosen, columns),
            shape=(rows, columns),
            on_change=pick,
        ),
    )
    take_picture(say, whole, name="kernels", key="kernels_take")


def _show_one(say: Say, learned: Learned, found: Resemblance | None, chosen: int) -> None:
    weights = learned.weights[..., chosen]
    title = (
        say("Kernel {number}", number=chosen + 1)
        if found
        else say("Weights {number}", number=chosen + 1)
    )
    with st.container(horizontal=True, vertical_alignment="top", gap="small", key="kernels_one"):
        with st.container(width=160):
            show_matrix(
                say, weights, name=title, key="kernels_chosen", limit=158, size=learned.limit
            )
        best = found.best(chosen)[:_BEST] if found is not None and found.strength[chosen] else ()
        for rank, (name, correlation) in enumerate(best):
            with st.container(width=90):
                show_matrix(
                    say,
                    np.sign(correlation or 1) * hand_made(len(weights))[name],
                    name=say(
                        "{kernel}: {correlation}",
                        kernel=kernel_name(say, name, correlation),
                        correlation=short(round(correlation, 3)),
                    ),
                    key=f"kernels_best_{rank}",
                    limit=88,
                )
    total, size = float(weights.sum()), float(np.sqrt(np.square(weights).sum()))
    st.caption(
        say(
            "Sum of the weights {total}; length {size}. Correlation: the cosine of the angle "
            "between two kernels after each one's mean is taken away; 1 is the same up to scale, "
            "−1 its inverse.",
            total=short(round(total, 4)),
            size=short(size),
        )
        if found
        else say(
            "Sum of the weights {total}; length {size}.",
            total=short(round(total, 4)),
            size=short(size),
        )
    )


def _show_pairs(say: Say, learned: Learned, found: Resemblance, chosen: int) -> None:
    """Show kernels beside what they resemble most, those that resemble something most first."""
    size, _, count = learned.weights.shape
    order = np.argsort(-found.strength, kind="stable")[:_MOST_TILES].tolist()
    tiles = []
    for place in order:
        name, correlation = found.best(place)[0]
        theirs = np.sign(correlation or 1) * hand_made(size)[name]
        tiles.append(
            Tile(
                image=_pair(learned.weights[..., place], theirs, learned.limit),
                head=say(
                    "{number}: {correlation}",
                    number=place + 1,
                    correlation=f"{correlation:.2f}".replace("-", "−"),
                ),
                note=kernel_name(say, name, correlation),
                alt=say("Kernel {number} and what it resembles", number=place + 1),
            )
        )
    with st.expander(
        say("Each kernel beside the hand-made one that it resembles most"), expanded=True
    ):
        show_gallery(
            tiles,
            label=say("Kernels, those that resemble a hand-made one most first"),
            key="kernels_pairs",
            chosen=order.index(chosen) if chosen in order else None,
            on_choose=lambda tile: pick_filter(order[tile]),
        )
        if count > _MOST_TILES:
            st.caption(say("The first {shown} of {count}.", shown=_MOST_TILES, count=count))
    with st.expander(say("Correlations as a table")):
        table(
            say("Correlations with the hand-made kernels"),
            [say("Kernel"), *(kernel_name(say, name, 1) for name in found.names)],
            [
                (place + 1, *(f"{it:.3f}".replace("-", "−") for it in found.correlations[place]))
                for place in range(count)
            ],
            text=(),
        )


def _pair(mine: FloatArray, theirs: FloatArray, limit: float) -> ByteArray:
    """Draw two kernels side by side in a square."""
    size = len(mine)
    whole = np.full((2 * size + 1, 2 * size + 1, 3), 128, np.uint8)
    top = (size + 1) // 2
    whole[top : top + size, :size] = signed_colours(mine, limit=limit)
    whole[top : top + size, size + 1 :] = signed_colours(theirs)
    return whole


# -- how they moved


def _show_movement(say: Say, scene: Scene, moved: Movement, film: FloatArray, chosen: int) -> None:
    if len(moved.moments) < 2:
        st.caption(say("How the kernels move is seen as soon as two moments are kept."))
        return
    with st.container(horizontal=True, vertical_alignment="center", key="kernels_moved"):
        st.markdown("**" + say("How they moved") + "**", width="content")
        how = choose(
            say("What is drawn"),
            {"distance": say("Distance from the start"), "path": say("Path walked")},
            key="in_moved",
            default="distance",
            style="segments",
            hide_label=True,
        )
    values = moved.distance if how == "distance" else moved.path
    far = int(moved.distance[-1].argmax())
    length = float(moved.size[0, far])
    ratio = float(moved.path[-1, far]) / max(float(moved.distance[-1, far]), 1e-12)
    st.markdown(
        say(
            "Kernel {number} got furthest from where it was {start}: {distance}, which is "
            "{percent} % of its length then. Its path is {ratio} times as long as the straight "
            "line.",
            number=far + 1,
            start=moments.name(say, float(moved.moments[0])),
            distance=short(float(moved.distance[-1, far])),
            percent=f"{100 * float(moved.distance[-1, far]) / (length or 1):.0f}",
            ratio=f"{ratio:.1f}",
        )
    )
    left, right = st.columns([1, 1.15], gap="medium")
    with left:
        _show_lines(say, moved, values, chosen)
    with right:
        _show_film(say, scene, moved, film, chosen)
    with st.expander(say("The movement as a table")):
        table(
            say("How far each kernel moved"),
            [say("Kernel"), say("Length at first"), say("Distance"), say("Path")],
            [
                (
                    place + 1,
                    *(
                        short(float(it))
                        for it in (
                            moved.size[0, place],
                            moved.distance[-1, place],
                            moved.path[-1, place],
                        )
                    ),
                )
                for place in range(values.shape[1])
            ],
            text=(),
        )


def _show_lines(say: Say, moved: Movement, values: FloatArray, chosen: int) -> None:
    furthest = np.argsort(-values[-1], kind="stable")[:_MOST_LINES].tolist()
    drawn = [it for it in furthest if it != chosen]

    def points(places: Sequence[int]) -> list[dict[str, float]]:
        return [
            {"kernel": place + 1, "epoch": float(moment), "value": float(value)}
            for place in places
            for moment, value in zip(moved.moments, values[:, place], strict=True)
        ]

    encoding = {
        "x": {"field": "epoch", "type": "quantitative", "title": say("Epoch")},
        "y": {"field": "value", "type": "quantitative", "title": None},
        "detail": {"field": "kernel", "type": "nominal"},
        "tooltip": [
            {"field": "kernel", "type": "nominal", "title": say("Kernel")},
            {"field": "epoch", "type": "quantitative", "title": say("Epoch")},
            {"field": "value", "type": "quantitative", "format": ".3g", "title": say("Value")},
        ],
    }
    st.vega_lite_chart(
        {
            "height": 190,
            "layer": [
                {
                    "data": {"values": points(drawn)},
                    "mark": {
                        "type": "line",
                        "color": _OTHERS,
                        "opacity": 0.4,
                        "strokeWidth": 1,
                    },
                    "encoding": encoding,
                },
                {
                    "data": {"values": points([chosen])},
                    "mark": {
                        "type": "line",
                        "color": _CHOSEN,
                        "strokeWidth": 3,
                        "point": {"color": _CHOSEN},
                    },
                    "encoding": encoding,
                },
            ],
        },
        key="kernels_lines",
        alt=say(
            "A line for each kernel over the epochs; kernel {number} ends at {value}. The table "
            "below says the numbers.",
            number=chosen + 1,
            value=short(float(values[-1, chosen])),
        ),
    )
    st.caption(say("Thick: kernel {number}. Thin: the others.", number=chosen + 1))


def _show_film(say: Say, scene: Scene, moved: Movement, film: FloatArray, chosen: int) -> None:
    limit = float(np.abs(film).max()) or 1.0
    kept = moved.moments.tolist()

    def go(place: int) -> None:
        last = place == len(kept) - 1
        st.session_state["moment"] = moments.LATEST if last else f"{kept[place]:g}"

    tiles = [
        Tile(
            image=signed_colours(picture, limit=limit),
            head=f"{moment:.3g}",
            alt=say(
                "Kernel {number} {moment}", number=chosen + 1, moment=moments.name(say, moment)
            ),
        )
        for moment, picture in zip(kept, film, strict=True)
    ]
    st.caption(
        say(
            "Kernel {number} at every kept moment, by its epoch, in the same colours. Choose one "
            "to go there.",
            number=chosen + 1,
        )
    )
    now = scene.subject.moment
    with st.container(height=240, border=False):
        show_gallery(
            tiles,
            label=say("Kernel {number} at every kept moment", number=chosen + 1),
            key="kernels_film",
            chosen=kept.index(now) if now in kept else None,
            on_choose=go,
        )
