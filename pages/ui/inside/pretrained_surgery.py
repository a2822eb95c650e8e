"""Operations on the filters of a large network: what they change for a photo, and in a test."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import streamlit as st

from cvcore import large_ablation, large_surgery
from cvcore.ablation import Effect, Examined
from cvcore.large import Large, Photo, Row
from cvcore.large_ablation import Missed
from cvcore.surgery import Operation
from pages.ui import questions
from pages.ui.gallery import Tile, show_gallery
from pages.ui.inputs import choose, number
from pages.ui.inside import surgery
from pages.ui.inside.kernels import KERNEL, pick_filter
from pages.ui.inside.layer_maps import MOST, smaller
from pages.ui.inside.pretrained_input import choose_class
from pages.ui.spoken import show_spoken
from pages.ui.tables import table
from pages.ui.words import Say

OPERATIONS = "large_surgery"
"""What operations on a large network are called in the address."""

_MOST_BARS = 64


def show(
    say: Say,
    network: Large,
    photo: Photo,
    rows: Sequence[Row],
    names: Sequence[str],
    likeliest: Sequence[int],
) -> None:
    """Let a visitor operate on filters, and show what that changes.

    Parameters
    ----------
    say : Say
    network : Large
        With what was done to it.
    photo : Photo
    rows : sequence of Row
        The network's layers.
    names : sequence of str
        The classes.
    likeliest : sequence of int
        What it says of the photo, the likeliest class first.
    """
    done = network.operations
    offered = {rows[it - 1].name: it for it in large_surgery.places(rows)}
    with st.container(horizontal=True, vertical_alignment="bottom", key="surgery_what"):
        options = {
            name: f"{name} · {' × '.join(map(str, rows[it - 1].kernel))}"
            for name, it in offered.items()
        }
        name = choose(say("Layer"), options, key="large_operated", default=next(iter(options)))
        place = offered[name]
        layer = rows[place - 1]
        one = (
            number(
                say("Filter (1 to {count})", count=layer.filters),
                key=KERNEL,
                default=1,
                low=1,
                high=layer.filters,
                style="box",
            )
            - 1
        )
        operation = surgery.choose_operation(
            say,
            OPERATIONS,
            done,
            place,
            one,
            count=layer.filters,
            size=size if (size := large_surgery.size_of(layer)) > 1 else 0,
        )
    surgery.say_if_full(say, done)
    answers = questions.ask(
        say,
        (large_ablation.effect, network, photo, place),
        *([(large_ablation.weights, network, place)] if operation is None else []),
        key="surgery_wait",
    )
    if answers is None:
        return
    effect: Effect = answers[0]
    if operation is None:
        weights, channels = answers[1]
        surgery.offer_grid(say, OPERATIONS, done, place, one, weights[..., one], channels)
    layers = [it.name for it in rows]
    what = surgery.name_layer(say, place, layers)
    surgery.say_what_changed(say, names, effect, what, operated=bool(done))
    maps, classes = st.columns([1, 1.05], gap="medium")
    shown = replace(
        effect,
        maps_before=smaller(effect.maps_before)[..., :MOST],
        maps_after=smaller(effect.maps_after)[..., :MOST],
    )
    with maps:
        surgery.draw_effect(say, shown, min(one, MOST - 1), operated=bool(done))
    with classes:
        surgery.draw_classes(say, effect, names)
        if done:
            _show_test(say, network)
    surgery.show_operations(say, OPERATIONS, done, layers)
    _show_importance(say, network, photo, place, layer, names, likeliest, shown)


def _show_test(say: Say, network: Large) -> None:
    """Try the network before and after on more pictures; it takes longer than one photo."""
    before = replace(network, operations=())
    answers = questions.ask(
        say,
        (large_ablation.examine, before),
        (large_ablation.examine, network),
        key="surgery_test_wait",
    )
    if answers is None:
        return
    was: Examined = answers[0]
    now: Examined = answers[1]
    if network.spec is None:
        text = say(
            "Of {count} photos here, {right} still get the name that they had before.",
            count=now.pictures,
            right=now.right,
        )
    else:
        text = say(
            "Of {count} held-out pictures, {after} are named rightly; before, {before} were.",
            count=now.pictures,
            after=now.right,
            before=was.right,
        )
    show_spoken(text, key="surgery_tested")


def _show_importance(
    say: Say,
    network: Large,
    photo: Photo,
    place: int,
    layer: Row,
    names: Sequence[str],
    likeliest: Sequence[int],
    effect: Effect,
) -> None:
    """Offer what the network reaches without each filter, and show it."""
    st.markdown("**" + say("Which single filter matters most?") + "**")
    tried_on = (
        say("The {count} photos here", count=len(large_ablation.PANEL))
        if network.spec is None
        else say("The held-out pictures")
    )
    with st.container(horizontal=True, vertical_alignment="bottom", key="surgery_missed"):
        looked_at = choose(
            say("For what?"),
            {"photo": say("A class of this photo"), "pictures": tried_on},
            key="large_missed",
            default="photo",
            style="segments",
        )
        one = photo if looked_at == "photo" else None
        label = 0
        if one is not None:
            with st.container(width=260):
                label = choose_class(say, names, likeliest)
        missed: Missed | None = questions.offer(
            say,
            say("Look without each of the {count}", count=layer.filters),
            large_ablation.without_each,
            network,
            one,
            place,
            label,
            key="surgery_each",
            icon=":material/leaderboard:",
        )
    if missed is None:
        return
    lost = missed.whole - missed.without
    order = np.argsort(-lost, kind="stable")[:_MOST_BARS].tolist()
    if one is not None:
        what = say("Probability of {name}", name=names[label])
        text = say(
            "Without filter {number}, {name} goes from {before} % to {after} %. Of {count} "
            "filters, {small} change it by less than one percentage point.",
            number=order[0] + 1,
            name=names[label],
            before=f"{100 * missed.whole:.1f}",
            after=f"{100 * float(missed.without[order[0]]):.1f}",
            count=lost.size,
            small=int((np.abs(lost) < 0.01).sum()),
        )
    else:
        what = (
            say("Share of the photos that keep their name")
            if network.spec is None
            else say("Share of the held-out pictures that are named rightly")
        )
        most = say(
            "Filter {number} matters most. {what}: {after} % without it instead of {before} %.",
            number=order[0] + 1,
            what=what,
            after=f"{100 * float(missed.without[order[0]]):.1f}",
            before=f"{100 * missed.whole:.1f}",
        )
        text = surgery.say_missed(say, most, lost)
    st.markdown(text)
    surgery.draw_bars(say, order, missed.without, missed.whole, what)
    planes = surgery.paint(effect.maps_before, effect.maps_before)[0]
    tiles = [
        Tile(
            image=planes[it],
            head=f"{it + 1}",
            note=_points(-100 * float(lost[it])),
            alt=say("Map of filter {number}", number=it + 1),
        )
        for it in order
        if it < len(planes)
    ]
    st.caption(
        say(
            "By what is lost without it, in percentage points, at most {count} filters. Choose "
            "one to switch it off.",
            count=_MOST_BARS,
        )
    )

    def switch_off(tile: int) -> None:
        one = [it for it in order if it < len(planes)][tile]
        pick_filter(one)
        off = Operation(layer=place, filter=one, deed="off")
        surgery.do(OPERATIONS, network.operations, off)

    with st.container(height=262, border=False):
        show_gallery(
            tiles,
            label=say("Filters by what is lost without them"),
            key="surgery_each_tiles",
            on_choose=switch_off,
        )
    with st.expander(say("The numbers as a table")):
        table(
            what,
            [say("Without filter"), what],
            [(it + 1, f"{float(missed.without[it]):.4f}") for it in order],
            text=(),
        )


def _points(value: float) -> str:
    return f"{value:+.1f}".replace("-", "−") if abs(value) >= 0.05 else "0"
