"""Whether a heat map can be trusted: three experiments that answer it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cvcore import evaluation, heat_maps, trust
from cvcore.arrays import BoolArray, ByteArray, FloatArray, IntArray
from cvcore.errors import SettingError
from cvcore.evaluation import Scores
from cvcore.heat_maps import OF_A_LAYER, HeatMap, Method, Way
from cvcore.subjects import Fill, hide, pack, unpack
from cvcore.time_travel import positions_with_maps
from cvcore.trust import Curves, Falls, Measure, Shuffled
from pages.ui import address, questions
from pages.ui.brush import show_brush
from pages.ui.gallery import Tile, show_gallery
from pages.ui.inputs import choose, number, switch, unseen
from pages.ui.inside import heat
from pages.ui.inside.scene import Scene
from pages.ui.inside.take import take_picture
from pages.ui.picture import ColourBar, show_picture
from pages.ui.probabilities import show_probabilities
from pages.ui.spoken import show_spoken
from pages.ui.tables import table
from pages.ui.words import Say

HIDDEN = "in_hidden"
"""What the brush has hidden, in the address: hexadecimal digits of `cvcore.subjects.pack`."""

_MAP, _CHANCE = "#CC79A7", "#888888"  # Okabe and Ito's purple, and a grey for what is by chance
_SHOWN_SHARES = (0.0, 0.1, 0.2, 0.4)
_STRENGTH = 0.6  # of a map over its picture
_MARKED = 0.1  # share of the pixels that a button hides
_ALIKE, _UNLIKE = 0.6, 0.3  # rank correlations beyond which two maps are called so


def show(say: Say, scene: Scene) -> None:
    """Try a heat map of the scene's picture by experiment.

    Parameters
    ----------
    say : Say
    scene : Scene
    """
    known = questions.ask(
        say, (evaluation.scores, scene.subject, scene.picture), key="in_trust_scores"
    )
    if known is None:
        return
    scores: Scores = known[0]
    topic = choose_topic(say)
    with st.container(horizontal=True, vertical_alignment="bottom", key="in_trust_what"):
        method = choose_method(say, _offered(scene))
        label = heat.choose_class(say, scene, int(scores.probabilities.argmax()))
        if method in OF_A_LAYER:
            layer = heat.choose_layer(say, scene)
        else:
            with unseen():
                layer = heat.choose_layer(say, scene)
        if method == "occlusion" and topic == "shuffled":
            patch, stride = heat.choose_square(say, scene)
        else:
            with unseen():
                patch, stride = heat.choose_square(say, scene)
        if topic != "shuffled" or method == "occlusion":
            fill = heat.choose_fill(say, heat.usual_fill(scene))
        else:
            with unseen():
                fill = heat.choose_fill(say, heat.usual_fill(scene))
        seed = size = 0
        if topic == "shuffled":
            seed = choose_seed(say)
        if topic == "brush":
            size = choose_size(say("Brush, pixels a side"), min(scores.image.shape[:2]))
    way = heat.make_way(method, layer, patch, stride, fill)
    match topic:
        case "curves":
            _show_curves(say, scene, label, way, fill)
        case "shuffled":
            ways = [heat.make_way(it, layer, patch, stride, fill) for it in _offered(scene)]
            _show_shuffled(say, scene, label, way, ways, seed)
        case _:
            _show_brush(say, scene, label, way, fill, size, scores)


def choose_topic(say: Say) -> str:
    """Ask for one of the three experiments: 'curves', 'shuffled' or 'brush'."""
    topics = {
        "curves": say("Hide what it calls important"),
        "shuffled": say("Shuffle the weights"),
        "brush": say("Hide it yourself"),
    }
    return choose(
        say("Experiment"),
        topics,
        key="in_trust",
        default="curves",
        style="segments",
        hide_label=True,
    )


def choose_method(say: Say, offered: Sequence[Method]) -> Method:
    """Ask for one of some heat maps; the default is the first."""
    asked = choose(
        say("Heat map"),
        {name: say(heat.NAMES[name]) for name in offered},
        key="in_method",
        default=offered[0],
        help=None
        if offered[0] in OF_A_LAYER
        else say("Grad-CAM and HiResCAM need feature maps, and this network has none."),
    )
    return next(it for it in offered if it == asked)


def choose_seed(say: Say) -> int:
    """Ask for the number that the shuffling begins with."""
    return number(say("Shuffle number"), key="in_seed", default=0, low=0, high=999, style="box")


def choose_size(label: str, side: int) -> int:
    """Ask for the side of the brush, in the pixels or cells that a picture has on a side."""
    return number(
        label,
        key="in_brush",
        default=max(side // 7, 1),
        low=1,
        high=side // 2,
        style="box",
    )


def _offered(scene: Scene) -> list[Method]:
    """Return the maps that this network can have."""
    with_maps = bool(positions_with_maps(scene.spec))
    return [name for name in heat.NAMES if with_maps or name not in OF_A_LAYER]


# -- hide what the map calls important


def _show_curves(say: Say, scene: Scene, label: int, way: Way, fill: Fill) -> None:
    found = questions.ask(
        say,
        (trust.curves, scene.subject, scene.picture, label, way, fill),
        key="in_trust_curves",
    )
    if found is None:
        return
    falls = draw_curves(say, found[0], way.method, scene.names[label], fill)
    if way.method == "grad_cam" and falls.deletion >= falls.by_chance:
        heat.warn_of_places(say, scene)


def draw_curves(say: Say, curves: Curves, method: Method, name: str, fill: Fill) -> Falls:
    """Draw the curves of a map for a class, what they mean, and the picture on its way.

    Returns
    -------
    Falls
        Those that are watched.
    """
    left, right = st.columns([1, 3], gap="medium")
    with left:
        _show_heat(say, method, curves.heat, name, key="in_trust_map", limit=180)
        measures = {"probability": say("Probability"), "score": say("Score")}
        asked = choose(
            say("What is watched"),
            measures,
            key="in_measure",
            default="probability",
            style="segments",
            help=say("The score is what the last layer gives before softmax."),
        )
    measure: Measure = "score" if asked == "score" else "probability"
    falls = curves.falls(measure)
    with right:
        st.markdown(_verdict(say, method, falls))
        one, other = st.columns(2, gap="small")
        low = min(0.0, float(min(falls.first.min(), falls.last.min(), falls.random.min())))
        high = float(max(falls.first.max(), falls.last.max(), falls.random.max()))
        domain = [0.0, 1.0] if measure == "probability" else [low, high]
        title = say(heat.NAMES[method])
        with one:
            _show_chart(
                say,
                say("Deletion: the most important first"),
                say("Pixels hidden (%)"),
                title,
                (falls.share, falls.first, falls.random),
                measures[measure],
                domain,
                key="in_trust_deletion",
            )
        with other:
            _show_chart(
                say,
                say("Insertion: the most important first"),
                say("Pixels shown (%)"),
                title,
                # To show the most important first is to hide them last, read backwards.
                (falls.share, falls.last[::-1], falls.random[:, ::-1]),
                measures[measure],
                domain,
                key="in_trust_insertion",
            )
    _show_steps(say, curves, name, fill)
    _write_curves(say, falls, title)
    return falls


def _verdict(say: Say, method: Method, falls: Falls) -> str:
    """Say in a sentence or two whether the map did better than chance."""
    right = (falls.deletion < falls.by_chance, falls.insertion > falls.by_chance)
    values = {
        "map": say(heat.NAMES[method]),
        "deletion": f"{falls.deletion:.2f}",
        "insertion": f"{falls.insertion:.2f}",
        "random": f"{falls.by_chance:.2f}",
    }
    if values["deletion"] == values["insertion"] == values["random"]:
        return say(
            "**Here nothing can be said of {map}:** all areas under the curves are {random}. The "
            "class stays as it is whatever is hidden; choose another class or picture.",
            **values,
        )
    if right == (True, True):
        return say(
            "**Here {map} is right.** Areas under the curves: deletion {deletion}, insertion "
            "{insertion}, random orders {random}: hiding what it calls important lowers the class "
            "faster than chance, and showing it raises it faster.",
            **values,
        )
    if right == (True, False):
        return say(
            "**Here {map} is half right.** Areas under the curves: deletion {deletion}, insertion "
            "{insertion}, random orders {random}: hiding what it calls important hurts more than "
            "chance, but what it calls important is not enough to find the class again.",
            **values,
        )
    if right == (False, True):
        return say(
            "**Here {map} is half right.** Areas under the curves: deletion {deletion}, insertion "
            "{insertion}, random orders {random}: what it calls important helps to find the class, "
            "but hiding random pixels hurts at least as much as hiding those.",
            **values,
        )
    return say(
        "**Here {map} misleads.** Areas under the curves: deletion {deletion}, insertion "
        "{insertion}, random orders {random}: hiding random pixels hurts at least as much as "
        "hiding what it calls important. Try another map or layer.",
        **values,
    )


def _show_chart(
    say: Say,
    title: str,
    across: str,
    method: str,
    curves: tuple[FloatArray, FloatArray, FloatArray],
    up: str,
    domain: list[float],
    *,
    key: str,
) -> None:
    """Draw one curve of the map and the mean of the random ones with their range."""
    share, curve, random = curves
    chance = say("Random orders")
    at = (100 * share).tolist()
    band = [
        {"share": x, "low": low, "high": high}
        for x, low, high in zip(
            at, random.min(axis=0).tolist(), random.max(axis=0).tolist(), strict=True
        )
    ]
    lines = [
        {"share": x, "value": value, "who": who}
        for who, series in ((method, curve), (chance, random.mean(axis=0)))
        for x, value in zip(at, series.tolist(), strict=True)
    ]
    x = {"field": "share", "type": "quantitative", "title": across, "axis": {"tickCount": 5}}
    y = {"type": "quantitative", "title": up, "scale": {"domain": domain}}
    who = {"field": "who", "type": "nominal", "title": None}
    legend = {"orient": "top", "symbolType": "stroke"}
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": band},
            "mark": {"type": "area", "opacity": 0.25, "color": _CHANCE},
            "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
        },
        {
            "data": {"values": lines},
            "mark": {"type": "line", "strokeWidth": 2.5},
            "encoding": {
                "x": x,
                "y": {**y, "field": "value"},
                "color": {
                    **who,
                    "legend": legend,
                    "scale": {"domain": [method, chance], "range": [_MAP, _CHANCE]},
                },
                "strokeDash": {
                    **who,
                    "legend": legend,
                    "scale": {"domain": [method, chance], "range": [[1, 0], [5, 4]]},
                },
            },
        },
    ]
    st.caption(title)
    st.vega_lite_chart(
        {"height": 250, "layer": layers},
        key=key,
        alt=say("{title}; the table below says the numbers.", title=title),
    )


def _show_steps(say: Say, curves: Curves, name: str, fill: Fill) -> None:
    """Show the picture on its way, with the class's probability beneath."""
    falls, image = curves.probability, curves.heat.image
    tiles = []
    for share in _SHOWN_SHARES:
        place = int(np.abs(falls.share - share).argmin())
        mask = trust.most_important(curves.order, float(falls.share[place]), *image.shape[:2])
        tiles.append(
            Tile(
                image=hide(image, mask, fill),
                head=say("{share} % hidden", share=round(100 * float(falls.share[place]))),
                note=f"{name}: {100 * float(falls.first[place]):.1f}\N{NO-BREAK SPACE}%",
            )
        )
    show_gallery(
        tiles,
        label=say("The picture as the most important pixels are hidden"),
        key="in_trust_steps",
    )


def _write_curves(say: Say, falls: Falls, method: str) -> None:
    with st.expander(say("The curves as numbers"), icon=":material/table:"):
        chosen = np.unique(np.linspace(0, len(falls.share) - 1, 11).round().astype(int))
        mean = falls.random.mean(axis=0)
        table(
            say("The curves as numbers"),
            [
                say("Pixels hidden (%)"),
                say("{map}: most important first", map=method),
                say("{map}: least important first", map=method),
                say("Mean of {count} random orders", count=len(falls.random)),
            ],
            [
                (
                    f"{100 * falls.share[at]:.0f}",
                    *(f"{series[at]:.3f}" for series in (falls.first, falls.last, mean)),
                )
                for at in chosen
            ]
            + [
                (
                    say("Area"),
                    f"{falls.deletion:.3f}",
                    f"{falls.insertion:.3f}",
                    f"{falls.by_chance:.3f}",
                )
            ],
            total=True,
        )
        st.caption(
            say(
                "The curve of the least important first, read from the last row up, is the "
                "insertion curve: the same pictures."
            )
        )


# -- shuffle the weights


def _show_shuffled(
    say: Say, scene: Scene, label: int, way: Way, ways: Sequence[Way], seed: int
) -> None:
    found = questions.ask(
        say,
        (trust.shuffled, scene.subject, scene.picture, label, way, seed),
        key="in_trust_shuffled",
    )
    if found is None:
        return
    with draw_shuffled(say, found[0], way.method, scene.names[label]):
        if switch(say("Compare with the other maps"), key="in_all"):
            _compare(say, scene, label, ways, seed)


def draw_shuffled(say: Say, pair: Shuffled, method: Method, name: str) -> DeltaGenerator:
    """Draw a map for a class before and after the shuffling, and what the difference means.

    Returns
    -------
    DeltaGenerator
        The column with the meaning, for what comes below it.
    """
    columns = st.columns(3, gap="medium")
    maps = (
        (pair.learned, say("What it learned"), "learned"),
        (pair.shuffled, say("The same weights, shuffled"), "shuffled"),
    )
    for column, (one, caption, key) in zip(columns[:2], maps, strict=True):
        with column:
            drawn = _show_heat(
                say, method, one, name, key=f"in_trust_{key}", limit=240, caption=caption
            )
            st.caption(
                say("{name}: {percent} %", name=name, percent=f"{100 * one.probability:.1f}")
            )
            take_picture(
                say, drawn, name=f"{method.replace('_', '-')}-{key}", key=f"in_trust_{key}_png"
            )
    with columns[2]:
        st.metric(say("Rank correlation"), _signed(pair.correlation))
        st.markdown(_sanity(say, method, pair.correlation))
    return columns[2]


def _compare(say: Say, scene: Scene, label: int, ways: Sequence[Way], seed: int) -> None:
    """Write the rank correlation of every map with its own on the shuffled network."""
    found = questions.ask(
        say,
        *((trust.shuffled, scene.subject, scene.picture, label, way, seed) for way in ways),
        key="in_trust_compared",
    )
    if found is None:
        return
    table(
        say("Every map, before and after"),
        [say("Heat map"), say("Rank correlation")],
        [
            (say(heat.NAMES[way.method]), _signed(pair.correlation))
            for way, pair in zip(ways, found, strict=True)
        ],
    )


def _sanity(say: Say, method: Method, correlation: float) -> str:
    """Say what a map's rank correlation with its own on a shuffled network means."""
    name = say(heat.NAMES[method])
    if not np.isfinite(correlation):
        return say(
            "One of the maps says the same of every pixel: there is nothing to compare. Try "
            "another shuffle."
        )
    if abs(correlation) < _UNLIKE:
        return say(
            "**{map} has changed.** It depends on what the network learned, as it should.",
            map=name,
        )
    if abs(correlation) > _ALIKE:
        return say(
            "**{map} hardly cares.** With weights that know nothing it ranks the pixels much as "
            "before: what it shows comes from the picture, not from what was learned.",
            map=name,
        )
    return say(
        "**{map} has changed in part.** Some of what it shows comes from the picture alone; "
        "another shuffle says how much of this is chance.",
        map=name,
    )


def _signed(value: float) -> str:
    """Write a correlation with a real minus sign."""
    return f"{value:.2f}".replace("-", "−") if np.isfinite(value) else "–"


# -- the brush


@dataclass(frozen=True, kw_only=True)
class Brushed:
    """What is painted over, and what is asked about it.

    Parameters
    ----------
    before : Scores
        Of the whole picture.
    names : sequence of str
        The classes.
    label : int
        The one that is watched.
    cells : tuple of int
        Rows and columns of what the brush hides: pixels, or a photo's cells.
    fill : {'mean', 'black', 'blur'}
    size : int
        The brush's side, in those.
    again : callable
        From what is hidden to the question for the scores that follow.
    order : callable
        From a map to the cells, the most important first.
    map : tuple
        The question for the map.
    method : Method
        The map's.
    """

    before: Scores
    names: Sequence[str]
    label: int
    cells: tuple[int, int]
    fill: Fill
    size: int
    again: Callable[[bytes], tuple[Any, ...]]
    order: Callable[[HeatMap], IntArray]
    map: tuple[Any, ...]
    method: Method


def _show_brush(
    say: Say, scene: Scene, label: int, way: Way, fill: Fill, size: int, before: Scores
) -> None:
    height, width = before.image.shape[:2]

    def again(hidden: bytes) -> tuple[Any, ...]:
        painted = replace(scene.picture, hidden=hidden, fill=fill)
        return evaluation.scores, scene.subject, painted

    draw_brush(
        say,
        Brushed(
            before=before,
            names=scene.names,
            label=label,
            cells=(height, width),
            fill=fill,
            size=size,
            again=again,
            order=trust.ranked,
            map=(heat_maps.heat_map, scene.subject, scene.picture, label, way),
            method=way.method,
        ),
    )


def draw_brush(say: Say, it: Brushed) -> None:
    """Let a visitor hide parts of a picture, and show what the network says then."""
    hidden = _recall_hidden(*it.cells)
    before = it.before

    def put(mask: BoolArray) -> None:
        st.session_state[HIDDEN] = pack(mask).hex() if mask.any() else ""

    left, right = st.columns([1, 1.25], gap="medium")
    with left:
        show_brush(
            say,
            before.image,
            hide(before.image, np.ones(before.image.shape[:2], bool), it.fill),
            hidden,
            size=it.size,
            alt=say("The picture, {share} % of it hidden", share=round(100 * hidden.mean())),
            caption=say("Paint over what the network shall not see"),
            key="in_brush_picture",
            on_change=put,
            limit=310,
        )
        st.caption(
            say(
                "With the mouse or a finger; or go to the picture and use the arrow keys and the "
                "space bar. A stroke that begins where it is hidden shows it again."
            )
        )
    with right:
        after = before
        if hidden.any():
            found = questions.ask(say, it.again(pack(hidden)), key="in_brush_scores")
            if found is None:
                return
            after = found[0]
        show_spoken(_what_came(say, it, after, hidden), key="in_brush_spoken")
        one, other = st.columns(2, gap="small")
        with one:
            st.caption(say("Nothing hidden"))
            show_probabilities(say, before.probabilities, it.names, true=before.label)
        with other:
            st.caption(say("Now"))
            show_probabilities(say, after.probabilities, it.names, true=before.label)
        _offer_masks(say, it, hidden, put)
        take_picture(say, after.image, name="hidden", key="in_brush_png")


def _recall_hidden(height: int, width: int) -> BoolArray:
    """Return which pixels are hidden; none of them where that was said of another size."""
    address.recall(HIDDEN, "", _read_hex)
    try:
        mask = unpack(bytes.fromhex(str(st.session_state[HIDDEN])), height, width)
    except SettingError:
        st.session_state[HIDDEN] = ""
        mask = np.zeros((height, width), bool)
    address.publish(HIDDEN, "")
    return mask


def _read_hex(text: str) -> str:
    bytes.fromhex(text)
    return text


def _offer_masks(
    say: Say, it: Brushed, hidden: BoolArray, put: Callable[[BoolArray], None]
) -> None:
    """Offer to clear, to turn round, and to hide what a map calls important, or chance."""
    height, width = hidden.shape
    count = hidden.size
    with st.container(horizontal=True, gap="xsmall", key="in_brush_buttons"):
        st.button(
            say("Clear"),
            key="in_brush_clear",
            icon=":material/restart_alt:",
            on_click=put,
            args=(np.zeros_like(hidden),),
            disabled=not hidden.any(),
        )
        st.button(
            say("Swap hidden and shown"),
            key="in_brush_swap",
            icon=":material/invert_colors:",
            on_click=put,
            args=(~hidden,),
        )
        found = questions.ask(say, it.map, key="in_brush_map")
        if found is None:
            return
        order = it.order(found[0])
        st.button(
            say(
                "Hide the {percent} % that {map} calls most important",
                percent=round(100 * _MARKED),
                map=say(heat.NAMES[it.method]),
            ),
            key="in_brush_important",
            icon=":material/target:",
            on_click=put,
            args=(trust.most_important(order, _MARKED, height, width),),
        )
        st.button(
            say("Hide {percent} % at random", percent=round(100 * _MARKED)),
            key="in_brush_random",
            icon=":material/casino:",
            on_click=lambda: put(
                trust.most_important(
                    np.random.default_rng().permutation(count), _MARKED, height, width
                )
            ),
        )


def _what_came(say: Say, it: Brushed, after: Scores, hidden: BoolArray) -> str:
    """Say what hiding did to the class and to the network's answer."""
    before, names, label = it.before, it.names, it.label
    if not hidden.any():
        return say(
            "Nothing is hidden. Where must you paint so that it no longer says {name}?",
            name=names[int(before.probabilities.argmax())],
        )
    values = {
        "share": f"{100 * float(hidden.mean()):.0f}",
        "name": names[label],
        "before": f"{100 * float(before.probabilities[label]):.1f}",
        "after": f"{100 * float(after.probabilities[label]):.1f}",
    }
    said, says = int(before.probabilities.argmax()), int(after.probabilities.argmax())
    if said == says:
        return say(
            "{share} % of the pixels hidden: {name} goes from {before} % to {after} %; it still "
            "says {said}.",
            **values,
            said=names[said],
        )
    return say(
        "{share} % of the pixels hidden: {name} goes from {before} % to {after} %; it says {says} "
        "now, no longer {said}.",
        **values,
        said=names[said],
        says=names[says],
    )


def _show_heat(
    say: Say, method: Method, one: HeatMap, name: str, *, key: str, limit: int, caption: str = ""
) -> ByteArray:
    """Draw a map over its picture, and return what was drawn."""
    signed = heat.is_signed(method, one.values)
    most = float(np.abs(one.values).max()) or 1.0
    image = heat_maps.lay_over(
        one.image, heat_maps.paint(one.values, signed=signed, limit=most), _STRENGTH
    )
    show_picture(
        image,
        key=key,
        caption=caption or say(heat.NAMES[method]),
        limit=limit,
        bar=ColourBar(
            colours="signed" if signed else "viridis", low=-most if signed else 0.0, high=most
        ),
        alt=heat.spoken(say, method, one.values, name),
    )
    return image
