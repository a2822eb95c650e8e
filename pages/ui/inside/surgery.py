"""Operations on filters: what they change, which filter matters most, and training on with them."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from cvcore import ablation, learned_kernels
from cvcore import kernels as filters
from cvcore.ablation import Effect, Examined, WithoutEach
from cvcore.arrays import AnyArray, ByteArray, FloatArray
from cvcore.engine import engine
from cvcore.errors import CvCoreError
from cvcore.kernels import KERNELS
from cvcore.learned_kernels import Learned
from cvcore.networks import Convolution
from cvcore.spec import LIMITS
from cvcore.subjects import Subject
from cvcore.surgery import MOST, Operation, count_of_filters, kernels_of, places, to_text
from pages.ui import address, questions
from pages.ui.gallery import Tile, show_gallery
from pages.ui.inputs import choose, number
from pages.ui.inside import layer_maps
from pages.ui.inside.kernels import KERNEL, choose_layer, grid_of, pick_filter
from pages.ui.inside.scene import SURGERY, Scene
from pages.ui.inside.take import take_picture
from pages.ui.kernel_grid import edit_kernel
from pages.ui.moments import LATEST
from pages.ui.picture import ColourBar, Pick, short, show_picture
from pages.ui.probabilities import show_probabilities
from pages.ui.run_input import settings_of
from pages.ui.setup import explain
from pages.ui.spoken import show_spoken
from pages.ui.tables import table
from pages.ui.train.press import remember_run
from pages.ui.words import Say

_ABLATED = "network without each filter"
_REFUSED, _WRONG_CELL = "operated branch refused", "operated cell refused"
_MORE_EPOCHS = 3
_MOST_TILES = 64
_CHANGED = 1e-6


def show(say: Say, scene: Scene) -> None:
    """Let a visitor operate on filters, and show what that changes."""
    offered = places(scene.spec.network)
    if not offered:
        st.info(
            say(
                "This network has one layer of weights, whose units are the classes themselves: "
                "there is no filter that could be switched off. Choose a network with a "
                "convolution or a hidden dense layer."
            ),
            icon=":material/lightbulb:",
        )
        return
    place, one, operation = _choose_operation(say, scene, offered)
    answers = questions.ask(
        say,
        (ablation.effect, scene.subject, scene.picture, place),
        *(
            [(learned_kernels.learned, scene.subject, place, 0)]
            if operation is None  # by hand: the grid shows the weights
            else []
        ),
        key="surgery_wait",
    )
    if answers is None:
        return
    effect, *weights = answers
    done = scene.subject.operations
    if weights:
        learned: Learned = weights[0]
        summed = (learned.weights[..., one] * learned.channels).astype(np.float32)
        offer_grid(say, SURGERY, done, place, one, summed, learned.channels)
    say_what_changed(say, scene.names, effect, name_layer(say, place), operated=bool(done))
    maps, classes = st.columns([1, 1.05], gap="medium")
    with maps:
        draw_effect(
            say,
            effect,
            one,
            operated=bool(done),
            convolution=_is_convolution(scene, place),
        )
    with classes:
        draw_classes(say, effect, scene.names)
        _show_test(say, scene)
    show_operations(say, SURGERY, done)
    _show_importance(say, scene, place, effect)
    _offer_branch(say, scene)


# -- what to do


def _is_convolution(scene: Scene, place: int) -> bool:
    return isinstance(scene.spec.network[place - 1], Convolution)


def _choose_operation(
    say: Say, scene: Scene, offered: Sequence[int]
) -> tuple[int, int, Operation | None]:
    """Ask for a layer, a filter and a deed, and offer to do it.

    Returns
    -------
    place : int
        The layer's, from 1.
    one : int
        The filter, from 0.
    operation : Operation or None
        What is offered; None where the weights themselves are to be changed.
    """
    with st.container(horizontal=True, vertical_alignment="bottom", key="surgery_what"):
        place = choose_layer(say, scene, offered)
        count = count_of_filters(scene.spec.network, place)
        convolution = _is_convolution(scene, place)
        one = (
            number(
                say("Filter (1 to {count})", count=count)
                if convolution
                else say("Unit (1 to {count})", count=count),
                key=KERNEL,
                default=1,
                low=1,
                high=count,
                style="box",
            )
            - 1
        )
        size = learned_kernels.seen_by(scene.spec, place)[0] if convolution else 0
        done = scene.subject.operations
        operation = choose_operation(say, SURGERY, done, place, one, count=count, size=size)
    say_if_full(say, done)
    return place, one, operation


def choose_operation(
    say: Say,
    key: str,
    done: Sequence[Operation],
    place: int,
    one: int,
    *,
    count: int,
    size: int,
) -> Operation | None:
    """Ask what to do with a filter, and offer to do it.

    Parameters
    ----------
    say : Say
    key : str
        What operations are called in the address.
    done : sequence of Operation
        What was done before.
    place, one : int
        The layer's place from 1, and the filter's from 0.
    count : int
        Filters of the layer.
    size : int
        Rows and columns of their kernels; 0 for the units of a dense layer.

    Returns
    -------
    Operation or None
        What is offered; None where the weights themselves are to be changed.
    """
    deeds = {"off": say("Switch it off")}
    if size and kernels_of(size):
        deeds["kernel"] = say("Set it to a kernel")
    deeds["random"] = say("Give it random weights")
    if size:
        deeds["hand"] = say("Change it by hand")
    if count > 1:
        deeds["swap"] = say("Swap it with another")
    deed = choose(say("Operation"), deeds, key="in_deed", default="off")
    if deed == "hand":
        return None
    operation = _operation(say, done, place, one, deed, count=count, size=size)
    st.button(
        say("Do it"),
        type="primary",
        icon=":material/content_cut:",
        key="surgery_do",
        on_click=do,
        args=(key, done, operation),
        disabled=len(done) >= MOST or operation in done[-1:],
    )
    return operation


def say_if_full(say: Say, done: Sequence[Operation]) -> None:
    """Say so where nothing more can be done."""
    if len(done) >= MOST:
        st.caption(say("No more than {count} operations can be done; undo some first.", count=MOST))


def _operation(
    say: Say,
    done: Sequence[Operation],
    place: int,
    one: int,
    deed: str,
    *,
    count: int,
    size: int,
) -> Operation:
    """Ask for what else a deed needs."""
    plain = Operation(layer=place, filter=one, deed="off")
    match deed:
        case "kernel":
            made = kernels_of(size)
            name = choose(
                say("Kernel"),
                {name: _kernel_name(say, name) for name in made},
                key="in_deed_kernel",
                default="laplacian" if "laplacian" in made else next(iter(made)),
            )
            return replace(plain, deed="kernel", kernel=_rows(made[name]))
        case "random":
            # Another press draws others: the seed is how many operations there have been.
            return replace(plain, deed="random", seed=len(done))
        case "swap":
            other = (
                number(
                    say("With (1 to {count})", count=count),
                    key="in_deed_other",
                    default=2,
                    low=1,
                    high=count,
                    style="box",
                )
                - 1
            )
            return replace(plain, deed="swap", other=other)
    return plain


def _rows(kernel: FloatArray) -> tuple[tuple[float, ...], ...]:
    return tuple(map(tuple, kernel.tolist()))


def _kernel_name(say: Say, name: str) -> str:
    return say(KERNELS[name].label)


def do(key: str, done: Sequence[Operation], operation: Operation) -> None:
    """Do one more operation; for a click."""
    if len(done) < MOST:
        st.session_state[key] = to_text((*done, operation))


def offer_grid(
    say: Say,
    key: str,
    done: Sequence[Operation],
    place: int,
    one: int,
    weights: FloatArray,
    channels: int,
) -> None:
    """Show a filter's weights in fields; a changed one is an operation at once.

    Parameters
    ----------
    say : Say
    key : str
        What operations are called in the address.
    done : sequence of Operation
    place, one : int
        The layer's place from 1, and the filter's from 0.
    weights : ndarray of float32, shape (rows, columns)
        Added up over its input channels.
    channels : int
        How many these are.
    """

    def change(row: int, column: int, text: str) -> None:
        try:
            value = filters.parse_weight(text, row=row, column=column)
        except CvCoreError as error:
            st.session_state[_WRONG_CELL] = error
            return
        changed = weights.copy()
        changed[row, column] = value
        # Several cells of one filter in a row are one operation.
        last = [(it.layer, it.filter, it.deed) for it in done[-1:]]
        before = done[:-1] if last == [(place, one, "kernel")] else done
        do(key, before, Operation(layer=place, filter=one, deed="kernel", kernel=_rows(changed)))

    with st.container(horizontal=True, vertical_alignment="center", key="surgery_hand"):
        with st.container(width=max(3, len(weights)) * 62):
            edit_kernel(say, weights, key="surgery_grid", on_cell=change)
        with st.container(width="stretch"):
            st.caption(
                say(
                    "The weights of filter {number}. Write into a cell, and the network has it at "
                    "once.",
                    number=one + 1,
                )
                if channels == 1
                else say(
                    "The weights of filter {number}, added up over its {count} input channels. "
                    "Write into a cell, and each channel gets an equal part of all of them.",
                    number=one + 1,
                    count=channels,
                )
            )
    error = st.session_state.pop(_WRONG_CELL, None)
    if error is not None:
        st.warning(explain(say, error), icon=":material/lightbulb:")


# -- what it changes


def say_what_changed(
    say: Say, names: Sequence[str], effect: Effect, layer: str, *, operated: bool
) -> None:
    """Say what operations have done to a layer's maps and to the network's answer.

    Parameters
    ----------
    say : Say
    names : sequence of str
        The classes.
    effect : Effect
    layer : str
        As `name_layer` has it.
    operated : bool
        Whether anything was done.
    """
    if not operated:
        show_spoken(
            say(
                "Nothing is changed yet: choose a filter, with a click or by its number, and what "
                "to do with it."
            ),
            key="surgery_said",
        )
        return
    changed = np.abs(effect.maps_after - effect.maps_before).max(axis=(0, 1)) > _CHANGED
    old, new = int(effect.before.argmax()), int(effect.after.argmax())
    parts = [
        say(
            "{changed} of {count} maps of {layer} are others now.",
            changed=int(changed.sum()),
            count=changed.size,
            layer=layer,
        ),
        say(
            "The network now takes this picture for {new} ({after} %) instead of {old} "
            "({before} %).",
            new=names[new],
            old=names[old],
            after=f"{100 * float(effect.after[new]):.1f}",
            before=f"{100 * float(effect.before[old]):.1f}",
        )
        if old != new
        else say(
            "It still takes this picture for {name}: {after} %, and {before} % before.",
            name=names[old],
            after=f"{100 * float(effect.after[old]):.1f}",
            before=f"{100 * float(effect.before[old]):.1f}",
        ),
    ]
    show_spoken(" ".join(parts), key="surgery_said")


def _accuracy_sentence(say: Say, was: Examined, now: Examined) -> str:
    values = {
        "before": f"{was.accuracy:.4f}",
        "after": f"{now.accuracy:.4f}",
        "difference": _whole(now.right - was.right),
    }
    if now.right < was.right:
        return say(
            "Test accuracy falls from {before} to {after}. Pictures named rightly: {difference}.",
            **values,
        )
    if now.right > was.right:
        return say(
            "Test accuracy rises from {before} to {after}. Pictures named rightly: {difference}.",
            **values,
        )
    return say("Test accuracy stays at {before}.", **values)


def paint(before: FloatArray, after: FloatArray) -> tuple[ByteArray, ByteArray, ColourBar]:
    """Colour two stacks of maps alike."""
    low = min(float(before.min()), float(after.min()))
    high = max(float(before.max()), float(after.max()))
    painted, bar = layer_maps.paint(before, low, high)
    return painted, layer_maps.paint(after, low, high)[0], bar


def draw_effect(
    say: Say, effect: Effect, one: int, *, operated: bool, convolution: bool = True
) -> None:
    """Show a layer's maps before and after, and the chosen filter's large.

    Parameters
    ----------
    say : Say
    effect : Effect
    one : int
        The filter, from 0.
    operated : bool
        Whether anything was done.
    convolution : bool, optional
        Whether these are maps; else the units of a dense layer.
    """
    before, after, bar = paint(effect.maps_before, effect.maps_after)
    stacks = [(say("Feature maps before"), "before", before, effect.maps_before)]
    if operated:
        stacks.append((say("Feature maps after"), "after", after, effect.maps_after))
    if not convolution:
        names = {"before": say("Units before"), "after": say("Units after")}
        stacks = [(names[key], key, planes, maps) for _, key, planes, maps in stacks]
    for caption, key, planes, maps in stacks:
        with st.container(
            horizontal=True, vertical_alignment="top", gap="small", key=f"surgery_maps_{key}"
        ):
            with st.container(width="stretch"):
                _show_grid(say, planes, maps, one, bar=bar, caption=caption, key=key)
            if convolution:
                with st.container(width=132):
                    values = maps[..., one]
                    show_picture(
                        planes[one],
                        key=f"surgery_one_{key}",
                        caption=say("Filter {number}", number=one + 1),
                        limit=130,
                        alt=say(
                            "{name}: {count} maps of {height} × {width}, from {low} to {high}",
                            name=say("Filter {number}", number=one + 1),
                            count=1,
                            height=values.shape[0],
                            width=values.shape[1],
                            low=short(float(values.min())),
                            high=short(float(values.max())),
                        ),
                    )
                    st.caption(
                        say(
                            "From {low} to {high}",
                            low=short(float(values.min())),
                            high=short(float(values.max())),
                        )
                    )
    take_picture(say, grid_of(after, one)[0], name="operated-maps", key="surgery_take")


def _show_grid(
    say: Say,
    planes: ByteArray,
    maps: FloatArray,
    one: int,
    *,
    bar: ColourBar,
    caption: str,
    key: str,
) -> None:
    """Draw maps in a grid; a click chooses one."""
    count = len(planes)
    whole, columns, window = grid_of(planes, one)

    def pick(row: int, column: int) -> None:
        pick_filter(min(row * columns + column, count - 1))

    show_picture(
        whole,
        key=f"surgery_{key}",
        caption=caption,
        limit=165,
        bar=bar,
        window=window,
        alt=say(
            "{name}: {count} maps of {height} × {width}, from {low} to {high}",
            name=caption,
            count=count,
            height=maps.shape[0],
            width=maps.shape[1],
            low=short(float(maps.min())),
            high=short(float(maps.max())),
        ),
        pick=Pick(
            key=f"surgery_pick_{key}",
            label=say("Choose a filter with the arrow keys"),
            at=divmod(one, columns),
            shape=(math.ceil(count / columns), columns),
            on_change=pick,
        ),
    )


def draw_classes(say: Say, effect: Effect, names: Sequence[str]) -> None:
    """Show the probabilities before and after."""
    left, right = st.columns(2, gap="small")
    for column, name, probabilities in (
        (left, say("Before the operation"), effect.before),
        (right, say("After the operation"), effect.after),
    ):
        with column:
            st.markdown(f"**{name}**")
            show_probabilities(say, probabilities, names, true=effect.label)


def _show_test(say: Say, scene: Scene) -> None:
    """Show the test before and after; it takes longer than one picture."""
    before = replace(scene.subject, operations=())
    answers = questions.ask(
        say, (ablation.examine, before), (ablation.examine, scene.subject), key="surgery_test_wait"
    )
    if answers is None:
        return
    was, now = answers
    table(
        say("Test accuracy"),
        ["", say("Before the operation"), say("After the operation")],
        [
            (say("Test accuracy"), f"{was.accuracy:.4f}", f"{now.accuracy:.4f}"),
            (say("Pictures named rightly"), was.right, now.right),
        ],
    )
    if scene.subject.operations:
        show_spoken(_accuracy_sentence(say, was, now), key="surgery_tested")
    st.caption(
        say("On all {count} test pictures.", count=f"{was.pictures:,}")
        if was.pictures == was.all_pictures
        else say(
            "On the first {count} of {all} test pictures.",
            count=f"{was.pictures:,}",
            all=f"{was.all_pictures:,}",
        )
    )


def _signed(value: float) -> str:
    return f"{value:+.4f}".replace("-", "−") if abs(value) >= 0.00005 else "0"


def _whole(value: int) -> str:
    return f"{value:+d}".replace("-", "−") if value else "0"


# -- what was done


def show_operations(
    say: Say, key: str, done: Sequence[Operation], names: Sequence[str] = ()
) -> None:
    """Write down what was done, and offer to undo it.

    Parameters
    ----------
    say : Say
    key : str
        What operations are called in the address.
    done : sequence of Operation
    names : sequence of str, optional
        Of the network's layers, where they are called by them and not by their places.
    """
    if not done:
        return
    with st.container(border=True, key="surgery_done"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown("**" + say("What was done") + "**", width="content")
            st.button(
                say("Undo the last"),
                icon=":material/undo:",
                key="surgery_undo",
                on_click=address.apply,
                args=({key: to_text(done[:-1])},),
            )
            st.button(
                say("Undo all of it"),
                icon=":material/restart_alt:",
                key="surgery_undo_all",
                on_click=address.apply,
                args=({key: ""},),
            )
        st.markdown("\n".join(f"1. {_describe(say, it, names)}" for it in done))


def name_layer(say: Say, place: int, names: Sequence[str] = ()) -> str:
    """Write a layer's name within a sentence, or its place from 1 where it has none."""
    if names:
        return say("layer {name}", name=names[place - 1])
    return say("layer {position}", position=place)


def _describe(say: Say, operation: Operation, names: Sequence[str]) -> str:
    values = {
        "number": operation.filter + 1,
        "layer": name_layer(say, operation.layer, names),
    }
    match operation.deed:
        case "off":
            return say("Filter {number} of {layer} is off.", **values)
        case "random":
            return say("Filter {number} of {layer} has random weights.", **values)
        case "swap":
            return say(
                "Filters {number} and {other} of {layer} have changed places.",
                other=operation.other + 1,
                **values,
            )
        case "kernel":
            made = kernels_of(len(operation.kernel))
            name = next(
                (it for it, kernel in made.items() if _rows(kernel) == operation.kernel), ""
            )
            if name:
                return say(
                    "Filter {number} of {layer} is set to: {kernel}.",
                    kernel=_kernel_name(say, name),
                    **values,
                )
            return say("Filter {number} of {layer} has weights of your own.", **values)


# -- which one matters most


def _show_importance(say: Say, scene: Scene, place: int, effect: Effect) -> None:
    """Offer the test without each filter, and show it for as long as it is of this layer."""
    st.markdown("**" + say("Which single filter matters most?") + "**")
    here = (scene.subject, place)
    asked: tuple[Subject, int] | None = st.session_state.get(_ABLATED)
    if asked is None or (asked[0].run, asked[0].moment, asked[1]) != (
        scene.run,
        scene.subject.moment,
        place,
    ):
        asked = here
    answer = engine().computed(ablation.without_each, *asked)
    if asked != here and engine().computed(ablation.without_each, *here) is not None:
        asked, answer = here, engine().computed(ablation.without_each, *here)
    if answer is None or answer.state == "failed" or asked != here:
        count = count_of_filters(scene.spec.network, place)
        st.button(
            say("Test the network without each of the {count}", count=count),
            icon=":material/leaderboard:",
            key="surgery_each",
            on_click=_ablate,
            args=here,
            help=say("It is tested once for each of them, which can take a while."),
        )
    if answer is None:
        return
    if answer.error is not None:
        st.warning(explain(say, answer.error), icon=":material/lightbulb:")
    elif answer.state == "ready":
        if asked != here:
            st.caption(say("Of the network before the latest operations:"))
        _show_without(say, scene, place, answer.value, effect)
    else:
        questions.watch(say, answer, ablation.without_each, *asked, key="surgery_each")


def _ablate(subject: Subject, place: int) -> None:
    st.session_state[_ABLATED] = (subject, place)
    engine().compute(ablation.without_each, subject, place)


def _show_without(say: Say, scene: Scene, place: int, without: WithoutEach, effect: Effect) -> None:
    order = ablation.by_importance(without.right).tolist()
    accuracy, whole = without.accuracy, without.whole.accuracy
    lost = without.whole.right - without.right
    worst = order[0]
    most = say(
        "Filter {number} matters most: without it {after} of the test pictures are right "
        "instead of {before}.",
        number=worst + 1,
        after=f"{float(accuracy[worst]):.4f}",
        before=f"{whole:.4f}",
    )
    st.markdown(say_missed(say, most, lost))
    draw_bars(say, order, accuracy, whole, say("Test accuracy"))
    planes = paint(effect.maps_before, effect.maps_before)[0]
    tiles = [
        Tile(
            image=planes[it],
            head=f"{it + 1}",
            note=_whole(int(-lost[it])),
            alt=say("Map of filter {number}", number=it + 1),
        )
        for it in order[:_MOST_TILES]
    ]
    st.caption(
        say("By what is lost without it, in pictures named rightly. Choose one to switch it off.")
    )

    def switch_off(tile: int) -> None:
        st.session_state[_ABLATED] = _asked_or(scene, place)
        pick_filter(order[tile])
        off = Operation(layer=place, filter=order[tile], deed="off")
        do(SURGERY, scene.subject.operations, off)

    with st.container(height=262, border=False):
        show_gallery(
            tiles,
            label=say("Filters by what is lost without them"),
            key="surgery_each_tiles",
            on_choose=switch_off,
        )
    with st.expander(say("Accuracy without each filter, as a table")):
        table(
            say("Accuracy without each filter"),
            [say("Without filter"), say("Test accuracy"), say("Difference"), say("Pictures")],
            [
                (
                    it + 1,
                    f"{float(accuracy[it]):.4f}",
                    _signed(float(accuracy[it]) - whole),
                    _whole(int(-lost[it])),
                )
                for it in order
            ],
            text=(),
        )


def _asked_or(scene: Scene, place: int) -> tuple[Subject, int]:
    """Return whose test is on show, so that it stays there when something is done."""
    asked: tuple[Subject, int] | None = st.session_state.get(_ABLATED)
    return asked if asked is not None and asked[1] == place else (scene.subject, place)


def say_missed(say: Say, most: str, lost: AnyArray) -> str:
    """Say which filter is missed most, if any is, and how many are not missed.

    Parameters
    ----------
    say : Say
    most : str
        What is said of the one that is missed most.
    lost : ndarray, shape (filters,)
        What is lost without each.
    """
    first = (
        most
        if lost.max() > _CHANGED
        else say("No single filter is missed: the others make up for it.")
    )
    return f"{first} " + say(
        "Of {count}, {unmissed} can be left out without any change, and {better} even with a gain.",
        count=lost.size,
        unmissed=int((np.abs(lost) <= _CHANGED).sum()),
        better=int((lost < -_CHANGED).sum()),
    )


def draw_bars(say: Say, order: Sequence[int], values: FloatArray, whole: float, what: str) -> None:
    """Draw what a network reaches without each filter of a layer.

    Parameters
    ----------
    say : Say
    order : sequence of int
        The filters, from 0.
    values : ndarray of float32, shape (filters,)
        From 0 to 1.
    whole : float
        With all of them.
    what : str
        What is reached, in the reader's language.
    """
    lowest = min(float(values.min()), whole)
    # Bars begin at zero only where the differences can be seen so.
    floor = 0.0 if lowest < 0.6 * whole else max(lowest - 0.25 * (whole - lowest) - 0.005, 0.0)
    bars = [{"filter": f"{it + 1}", "value": float(values[it]), "floor": floor} for it in order]
    axis: dict[str, Any] = {
        "field": "value",
        "type": "quantitative",
        "title": None,
        "scale": {"domainMin": floor, "nice": False, "zero": False},
    }
    st.vega_lite_chart(
        {
            "height": 170,
            "layer": [
                {
                    "data": {"values": bars},
                    "mark": {"type": "bar", "color": "#009E73"},
                    "encoding": {
                        "x": {
                            "field": "filter",
                            "type": "nominal",
                            "sort": [it["filter"] for it in bars],
                            "title": say("Filter, the one that matters most first"),
                            "axis": {"labelAngle": 0, "labelOverlap": True},
                        },
                        "y": axis,
                        "y2": {"field": "floor"},
                        "tooltip": [
                            {"field": "filter", "title": say("Filter")},
                            {"field": "value", "format": ".4f", "title": what},
                        ],
                    },
                },
                {
                    "data": {"values": [{"value": whole}]},
                    "mark": {"type": "rule", "strokeDash": [5, 4], "strokeWidth": 2},
                    "encoding": {"y": axis, "color": {"value": "#D55E00"}},
                },
            ],
        },
        key="surgery_each_bars",
        alt=say(
            "A bar for each filter: {what} without it. Dashed: with all of them, {value}.",
            what=what,
            value=f"{whole:.4f}",
        ),
    )
    text = say(
        "{what} without each filter. Dashed: with all of them, {value}.",
        what=what,
        value=f"{whole:.4f}",
    )
    if floor:
        text += " " + say("The bars begin at {floor}, not at 0.", floor=f"{floor:.3f}")
    st.caption(text)


# -- training on


def _offer_branch(say: Say, scene: Scene) -> None:
    with st.expander(say("Train on from here: can it learn without, or again?"), expanded=True):
        kept = [it for it in engine().branchable(scene.run) if 1 <= it < LIMITS["epochs"][1]]
        moment = scene.subject.moment
        if not scene.subject.operations:
            st.caption(say("Operate on a filter first; then the network can learn on as it is."))
            return
        if not kept:
            st.caption(say("You can train on as soon as an epoch is finished and kept."))
            return
        if moment not in kept:
            near = min(kept, key=lambda it: abs(it - moment))
            st.caption(
                say(
                    "Training can go on only from an epoch whose whole state is kept; the nearest "
                    "is epoch {epoch}.",
                    epoch=near,
                )
            )
            st.button(
                say("Go to epoch {epoch}", epoch=near),
                key="surgery_near",
                on_click=address.apply,
                args=({"moment": LATEST if near == scene.moments[-1] else f"{near:g}"},),
            )
            return
        epoch = int(moment)
        with st.container(horizontal=True, vertical_alignment="bottom", key="surgery_branch"):
            more = number(
                say("Epochs to add"),
                key="in_more_epochs",
                default=_MORE_EPOCHS,
                low=1,
                high=int(LIMITS["epochs"][1]) - epoch,
                style="box",
            )
            pressed = st.button(
                say("Train on from here"),
                icon=":material/call_split:",
                key="surgery_train",
            )
        st.caption(
            say(
                "A branch of its own, from epoch {epoch} to {last}: it begins with the operated "
                "weights, and the optimiser remembers what it did, but for these filters. One that "
                "is off behind a ReLU gets no gradient and stays off; the others learn to do "
                "without it.",
                epoch=epoch,
                last=epoch + more,
            )
        )
        error: CvCoreError | None = st.session_state.pop(_REFUSED, None)
        if error is not None:
            st.warning(explain(say, error), icon=":material/lightbulb:")
        if pressed:
            _branch(scene, epoch, more)


def _branch(scene: Scene, epoch: int, more: int) -> None:
    """Begin a branch and go to where its curves are."""
    spec = replace(
        scene.spec,
        parent=scene.run,
        from_epoch=epoch,
        epochs=epoch + more,
        surgery=scene.subject.operations,
    )
    try:
        digest = engine().submit(spec)
    except CvCoreError as error:
        st.session_state[_REFUSED] = error
        st.rerun()
    remember_run(digest)
    # The branch has the operations in itself: to do them again would undo swaps.
    address.apply({**settings_of(spec), SURGERY: "", "show": "learn", "moment": LATEST})
    st.switch_page("pages/train.py")
