"""What a filter looks for: a picture made to excite it, and the test pictures that do."""

import math

import numpy as np
import streamlit as st

from cvcore import evaluation, filter_patterns
from cvcore.arithmetic import window_seen
from cvcore.arrays import ByteArray
from cvcore.datasets import DATASETS
from cvcore.display import enlarge
from cvcore.filter_patterns import ASCENT_LIMITS, Ascent, Responses
from cvcore.networks import Convolution, Dense
from pages.ui import address, questions
from pages.ui.gallery import Tile, show_gallery
from pages.ui.inputs import choose, decimal, number
from pages.ui.inside.layer_maps import in_a_grid, window_in
from pages.ui.inside.scene import Scene
from pages.ui.inside.take import take_picture
from pages.ui.picture import Pick, short, show_picture
from pages.ui.tables import table
from pages.ui.views import describe_layer
from pages.ui.words import Say, plain

ALL = 64
"""Filters of a layer whose patterns are made at once, at most."""

_STEPS, _RATE = 60, 0.1
_LINE = "#0072B2"
_FRAME = (213, 94, 0)
_PLAIN = 0.9  # share of white, or black, from which on a picture shows nothing else
_TILE = 112  # pixels of a test picture that gets a frame


def show(say: Say, scene: Scene) -> None:
    """Show what excites a filter: a picture made for it, and test pictures."""
    place, one, steps, rate, seed = _choose(say, scene)
    answers = questions.ask(
        say,
        (filter_patterns.ascend, scene.subject, place, (one,), steps, rate, seed),
        (filter_patterns.responses, scene.subject, place),
        key="in_patterns_wait",
    )
    if answers is not None:
        ascent, responses = answers
        _show_ascent(say, scene, place, one, ascent, responses)
        _show_best(say, scene, place, one, responses)
        _show_all(say, scene, place, one, (steps, rate, seed), responses)


def _choose(say: Say, scene: Scene) -> tuple[int, int, int, float, int]:
    """Ask for a layer, a filter, and how it is climbed."""
    network = scene.spec.network
    places = filter_patterns.layers_with_filters(network)
    names = {str(place): f"{place}. {describe_layer(say, network[place - 1])}" for place in places}
    with st.container(horizontal=True, vertical_alignment="bottom", key="in_patterns_what"):
        place = int(choose(say("Layer"), names, key="in_layer", default=str(places[0])))
        count = filter_patterns.count_filters(network, place)
        last = place == len(network)
        if last:
            classes = {str(label + 1): name for label, name in enumerate(scene.names)}
            address.recall("in_filter", 1, address.whole(1, 100_000))
            st.session_state["in_filter"] = min(int(st.session_state["in_filter"]), count)
            st.session_state["in_pattern_class"] = str(st.session_state["in_filter"])
            st.selectbox(
                say("Class"),
                classes,
                format_func=classes.__getitem__,
                key="in_pattern_class",
                on_change=lambda: address.apply(
                    {"in_filter": int(st.session_state["in_pattern_class"])}
                ),
            )
            address.publish("in_filter", 1)
            one = int(st.session_state["in_filter"]) - 1
        else:
            label = (
                say("Filter (1 to {count})", count=count)
                if isinstance(network[place - 1], Convolution)
                else say("Unit (1 to {count})", count=count)
            )
            one = number(label, key="in_filter", default=1, low=1, high=count, style="box") - 1
        with st.popover(say("The ascent"), icon=":material/tune:"):
            low, high = ASCENT_LIMITS["steps"]
            steps = number(
                say("Steps"), key="in_steps", default=_STEPS, low=int(low), high=int(high)
            )
            low, high = ASCENT_LIMITS["rate"]
            rate = decimal(
                say("Size of the first step (white is 1)"),
                key="in_rate",
                default=_RATE,
                low=low,
                high=high,
                step=0.05,
                format="%.3f",
            )
            seed = number(
                say("Seed of the noise"), key="in_noise", default=0, low=0, high=999, style="box"
            )
    return place, one, steps, rate, seed


# -- the picture made for the filter


def _show_ascent(
    say: Say, scene: Scene, place: int, one: int, ascent: Ascent, responses: Responses
) -> None:
    values = ascent.values[0]
    best = ascent.stages[0, -1]
    _say_what_came(say, scene, place, one, values, responses)
    if place == 1:
        _say_if_plain(say, best)
    left, right = st.columns([1, 1.6], gap="medium")
    with left:
        show_picture(
            best,
            key="in_pattern",
            caption=say("The picture that excites it most"),
            limit=300,
            alt=say(
                "A picture made by gradient ascent; the mean of the map rose from {low} to {high}",
                low=short(float(values[0])),
                high=short(float(values.max())),
            ),
        )
        take_picture(say, best, name=f"pattern-{place}-{one + 1}", key="in_pattern_take")
    with right:
        layer = {
            "data": {
                "values": [
                    {"step": step, "value": float(value)} for step, value in enumerate(values)
                ]
            },
            "mark": {"type": "line", "color": _LINE, "strokeWidth": 2},
            "encoding": {
                "x": {"field": "step", "type": "quantitative", "title": say("Step")},
                "y": {
                    "field": "value",
                    "type": "quantitative",
                    "title": say("Mean of the map")
                    if not isinstance(scene.spec.network[place - 1], Dense)
                    else say("Value"),
                    "scale": {"zero": False},
                },
            },
        }
        st.vega_lite_chart(
            {"layer": [layer], "height": 230},
            key="in_pattern_chart",
            alt=say("What was to rise, step by step; the table below has the numbers."),
        )
        show_picture(
            in_a_grid(ascent.stages[0], columns=filter_patterns.STAGES),
            key="in_pattern_stages",
            caption=say("From noise to the end"),
            limit=84,
            alt=say("The picture at six moments of the ascent, from left to right"),
        )
        with st.expander(say("The numbers of the ascent")):
            ends = np.linspace(0, len(values) - 1, min(len(values), 11)).round().astype(int)
            table(
                say("What was to rise"),
                [say("Step"), say("Value")],
                [(step, f"{values[step]:.4f}") for step in ends.tolist()],
                text=(),
            )


def _say_what_came(
    say: Say, scene: Scene, place: int, one: int, values: np.ndarray, responses: Responses
) -> None:
    rose = say(
        "In {steps} steps what the ascent follows rises from {low} to {high}.",
        steps=len(values) - 1,
        low=short(float(values[0])),
        high=short(float(values.max())),
    )
    if place == len(scene.spec.network):
        text = say(
            "This is what the network calls **{name}** most of all, with a score of {score}: not "
            "what an eye would draw. {rose} The best test picture reaches {test}.",
            name=plain(scene.names[one]),
            score=short(float(values.max())),
            rose=rose,
            test=short(float(responses.largest[one])),
        )
    elif responses.dead[one]:
        text = say(
            "**Filter {number} is dead**: its output is 0 everywhere in all of the first {count} "
            "test pictures. The ascent looks at the values before the activation, so it finds a "
            "way up all the same. {rose}",
            number=one + 1,
            count=f"{responses.pictures:,}",
            rose=rose,
        )
    else:
        text = say(
            "Filter {number} answers to {share} % of the first {count} test pictures, at most "
            "with {largest}. {rose}",
            number=one + 1,
            share=f"{100 * float(responses.fired[one]):.0f}",
            count=f"{responses.pictures:,}",
            largest=short(float(responses.largest[one])),
            rose=rose,
        )
    st.markdown(text)


def _say_if_plain(say: Say, picture: ByteArray) -> None:
    """Say why the first layer's picture shows nothing, where it does: it looks like a mistake."""
    white, black = float((picture == 255).mean()), float((picture == 0).mean())
    if white >= _PLAIN:
        text = say(
            "{share} % of it is white: every brighter pixel raises the map, since the kernel's "
            "weights add up to more than zero. Later layers look for more than brightness.",
            share=f"{100 * white:.0f}",
        )
    elif black >= _PLAIN:
        text = say(
            "{share} % of it is black: every darker pixel raises the map, since the kernel's "
            "weights add up to less than zero. Later layers look for more than darkness.",
            share=f"{100 * black:.0f}",
        )
    else:
        return
    st.caption(text)


# -- test pictures


def _show_best(say: Say, scene: Scene, place: int, one: int, responses: Responses) -> None:
    maps = isinstance(scene.spec.network[place - 1], Convolution)
    with st.container(horizontal=True, vertical_alignment="center", key="in_best_what"):
        st.subheader(say("The nine test pictures that excite it most"), anchor=False)
        by = "largest"
        if maps:
            by = choose(
                say("By"),
                {"largest": say("Its largest value"), "mean": say("The mean of its map")},
                key="in_best_by",
                default="largest",
                style="segments",
                hide_label=True,
            )
    places = (responses.places if by == "largest" else responses.mean_places)[one]
    values = (responses.values if by == "largest" else responses.means)[one]
    answers = questions.ask(
        say, (evaluation.pictures, scene.run, tuple(places.tolist())), key="in_best_wait"
    )
    if answers is None:
        return
    tiles = []
    for index, (image, place_, value) in enumerate(
        zip(answers[0], places.tolist(), values.tolist(), strict=True)
    ):
        if maps and by == "largest":
            row, column = int(responses.rows[one, index]), int(responses.columns[one, index])
            image = framed(scene, image, place, row, column)
        tiles.append(
            Tile(
                image=image,
                head=short(value),
                note=say("No. {number}", number=place_ + 1),
                alt=say("Test picture {number}", number=place_ + 1),
            )
        )
    show_gallery(
        tiles,
        label=say("The test pictures to which the filter answers most"),
        key="in_best_tiles",
        on_choose=lambda it: address.apply(
            {"inside_kind": "test", "test_picture": int(places[it]) + 1}
        ),
    )
    st.caption(
        say(
            "The frame is what the value with the largest answer sees. A click takes a picture to "
            "the left, for all views."
        )
        if maps and by == "largest"
        else say("A click takes a picture to the left, for all views.")
    )


def framed(scene: Scene, image: ByteArray, place: int, row: int, column: int) -> ByteArray:
    """Enlarge a picture and draw a frame around what one value of a layer's maps sees.

    Parameters
    ----------
    scene : Scene
    image : ndarray of uint8, shape (height, width, channels)
    place : int
        The layer's, from 1.
    row, column : int
        Of the value.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
    """
    height, width = image.shape[:2]
    factor = max(_TILE // height, 1)
    large = enlarge(np.broadcast_to(image, (height, width, 3)), factor)
    if scene.spec.shuffle_pixels:  # what it sees are no neighbours in the picture
        return large
    network = scene.spec.network[:place]
    top, left, rows, columns = window_seen(network, DATASETS[scene.spec.dataset].shape, row, column)
    first, last = max(top, 0) * factor, min(top + rows, height) * factor
    start, end = max(left, 0) * factor, min(left + columns, width) * factor
    return draw_frame(large, first, start, last - first, end - start, line=max(factor // 4, 2))


def draw_frame(
    image: ByteArray, top: int, left: int, height: int, width: int, *, line: int
) -> ByteArray:
    """Draw a frame into a copy of a picture.

    Parameters
    ----------
    image : ndarray of uint8, shape (rows, columns, 3)
    top, left, height, width : int
        Its outer edge, in pixels.
    line : int
        How thick it is.

    Returns
    -------
    ndarray of uint8, shape (rows, columns, 3)
    """
    drawn = image.copy()
    bottom, right = top + height, left + width
    drawn[top:bottom, left:right] = _FRAME
    within = np.s_[top + line : bottom - line, left + line : right - line]
    drawn[within] = image[within]
    return drawn


# -- all filters


def _show_all(
    say: Say,
    scene: Scene,
    place: int,
    one: int,
    climb: tuple[int, float, int],
    responses: Responses,
) -> None:
    """Offer the patterns of all filters of the layer, side by side."""
    count = min(filter_patterns.count_filters(scene.spec.network, place), ALL)
    st.subheader(say("All filters of the layer"), anchor=False)
    question = (filter_patterns.ascend, scene.subject, place, tuple(range(count)), *climb)
    ascent = questions.offer(
        say,
        say("Make the pictures of all {count}", count=count),
        *question,
        key="in_all_patterns",
        icon=":material/grid_view:",
    )
    if ascent is not None:
        _draw_all(say, place, one, ascent, responses)


def _draw_all(say: Say, place: int, one: int, ascent: Ascent, responses: Responses) -> None:
    images = ascent.stages[:, -1]
    count = len(images)
    columns = min(count, max(math.ceil(math.sqrt(count * 2)), 1))
    grid = in_a_grid(images, columns=columns)
    row, column = divmod(min(one, count - 1), columns)

    def pick(row: int, column: int) -> None:
        st.session_state["in_filter"] = min(row * columns + column, count - 1) + 1

    show_picture(
        grid,
        key="in_all_grid",
        limit=420,
        window=window_in(grid, row, column, rows=-(-count // columns), columns=columns),
        pick=Pick(
            key="in_all_grid",
            label=say("Patterns. Click one, or use the arrow keys, to see it large."),
            at=(row, column),
            shape=(-(-count // columns), columns),
            on_change=pick,
        ),
        alt=say("{count} pictures, one made for each filter, in rows", count=count),
    )
    dead = np.flatnonzero(responses.dead[:count]) + 1
    if len(dead):
        st.markdown(
            say(
                "Dead for all of the first {count} test pictures: {filters}.",
                count=f"{responses.pictures:,}",
                filters=", ".join(map(str, dead.tolist())),
            )
        )
    else:
        st.caption(
            say(
                "None of these filters is dead: each answers to some of the first {count} test "
                "pictures.",
                count=f"{responses.pictures:,}",
            )
        )
    take_picture(say, grid, name=f"patterns-{place}", key="in_all_take")
