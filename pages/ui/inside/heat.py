"""Heat maps: where in the picture the network finds a class."""

from itertools import combinations
from typing import NamedTuple, get_args

import numpy as np
import streamlit as st

from cvcore import evaluation, heat_maps
from cvcore.arrays import ByteArray, FloatArray
from cvcore.data_views import lay_out
from cvcore.datasets import DATASETS
from cvcore.errors import N_
from cvcore.heat_maps import OF_A_LAYER, HeatMap, Method, Way
from cvcore.networks import Flatten
from cvcore.subjects import Fill
from cvcore.time_travel import positions_with_maps
from pages.ui import questions
from pages.ui.inputs import choose, number, switch, unseen
from pages.ui.inside.scene import Scene
from pages.ui.inside.take import take_picture
from pages.ui.picture import ColourBar, short, show_picture
from pages.ui.tables import table
from pages.ui.views import describe_layer
from pages.ui.words import Say

NAMES: dict[Method, str] = {
    "grad_cam": N_("Grad-CAM"),
    "hires_cam": N_("HiResCAM"),
    "occlusion": N_("Occlusion"),
    "gradient": N_("Gradient"),
    "gradient_input": N_("Gradient × input"),
}
_BESIDE = "beside"  # these maps side by side:
_COMPARED: tuple[Method, ...] = ("grad_cam", "hires_cam", "occlusion", "gradient")
_PREDICTED = "predicted"
_FILLS: dict[Fill, str] = {
    "mean": N_("The picture's mean"),
    "black": N_("Black"),
    "blur": N_("The picture, blurred"),
}
WHAT: dict[Method, str] = {
    "grad_cam": N_(
        "Grad-CAM: each of the layer's maps counts as much as the score rises with it, and they "
        "are added up; ReLU keeps what speaks for the class."
    ),
    "hires_cam": N_(
        "HiResCAM: each of the layer's values counts as much as the score rises with it, there "
        "and not on the average: a network that flattens its maps has other weights for each place."
    ),
    "occlusion": N_(
        "Occlusion: a square hides each place in turn; where the score falls most, the map is "
        "largest."
    ),
    "gradient": N_(
        "Gradient: how steeply the score changes with each pixel, up or down; it says what a "
        "small change would do, not what is important."
    ),
    "gradient_input": N_(
        "Gradient × input: each pixel's value times its slope; for a linear network, exactly "
        "what the pixel adds to the score."
    ),
}


# -- what is asked for; the trust view asks for the same


def choose_class(say: Say, scene: Scene, predicted: int) -> int:
    """Ask for a class; where nothing was chosen, it is what the network says."""
    asked = _choose_class(say, scene, scene.names[predicted])
    return predicted if asked is None else asked


def _choose_class(say: Say, scene: Scene, predicted: str) -> int | None:
    """Ask for a class; None where it is what the network says, which is called so."""
    options = {
        _PREDICTED: say("What it says: {name}", name=predicted),
        **{str(label): name for label, name in enumerate(scene.names)},
    }
    asked = choose(say("Class"), options, key="in_class", default=_PREDICTED)
    return None if asked == _PREDICTED else int(asked)


def choose_layer(say: Say, scene: Scene) -> int:
    """Ask for a layer that gives maps; 0 where there is none."""
    places = positions_with_maps(scene.spec)
    if not places:
        return 0
    names = {
        str(place): f"{place}. {describe_layer(say, scene.spec.network[place - 1])}"
        for place in places
    }
    asked = choose(
        say("Layer"),
        names,
        key="in_layer",
        default=str(heat_maps.usual_layer(scene.spec)),
    )
    return int(asked)


def choose_fill(say: Say, default: Fill) -> Fill:
    """Ask what stands where something is hidden."""
    asked = choose(
        say("What hides"),
        {name: say(label) for name, label in _FILLS.items()},
        key="in_fill",
        default=default,
        help=say(
            "Nothing says nothing: a grey square on a black ground is an edge that was not there."
        ),
    )
    return next(it for it in get_args(Fill) if it == asked)


def usual_fill(scene: Scene) -> Fill:
    """Return what looks least like anything: black on a black ground, a blur in a photo."""
    photos = scene.spec.dataset == "faces" or DATASETS[scene.spec.dataset].shape[2] == 3
    return "blur" if photos else "black"


def choose_square(say: Say, scene: Scene) -> tuple[int, int]:
    """Ask for the side of the square that hides, and for its step."""
    side = min(DATASETS[scene.spec.dataset].shape[:2])
    patch = number(
        say("Square, pixels a side"),
        key="in_patch",
        default=max(side // 5, 2),
        low=1,
        high=side // 2,
        style="box",
    )
    stride = number(
        say("Its step, pixels"), key="in_stride", default=1, low=1, high=patch, style="box"
    )
    return patch, stride


def make_way(method: Method, layer: int, patch: int, stride: int, fill: Fill) -> Way:
    """Return how a map is made, saying no more than matters: equal ways share an answer."""
    if method == "occlusion":
        return Way(method=method, patch=patch, stride=stride, fill=fill)
    return Way(method=method, layer=layer if method in OF_A_LAYER else 0)


# -- the view


def show(say: Say, scene: Scene) -> None:
    """Show where in the scene's picture the network finds a class.

    Parameters
    ----------
    say : Say
    scene : Scene
    """
    with_maps = bool(positions_with_maps(scene.spec))
    chosen = choose(
        say("Heat map"),
        {_BESIDE: say("Side by side"), **{name: say(label) for name, label in NAMES.items()}},
        key="in_heat",
        default=_BESIDE,
        style="segments",
        hide_label=True,
    )
    methods = [it for it in NAMES if it == chosen or (chosen == _BESIDE and it in _COMPARED)]
    if not with_maps and any(it in OF_A_LAYER for it in methods):
        st.info(
            say(
                "This network has no feature maps that Grad-CAM could weigh: it puts all pixels "
                "in one row at once. Occlusion and the gradient work with any network."
            ),
            icon=":material/lightbulb:",
        )
        methods = [it for it in methods if it not in OF_A_LAYER]
    settings = st.container(horizontal=True, vertical_alignment="bottom", key="in_heat_what")
    # What the network says is asked for together with the maps of it: one way there and back.
    with unseen():
        asked = _choose_settings(say, scene, chosen, "")
    found = questions.ask(
        say,
        (evaluation.scores, scene.subject, scene.picture),
        *(
            (heat_maps.heat_map, scene.subject, scene.picture, asked.label, asked.way(it))
            for it in methods
        ),
        key="in_heat_maps",
    )
    said = int(found[0].probabilities.argmax()) if found is not None else None
    name = "…" if said is None else scene.names[said]
    with settings:
        _choose_settings(say, scene, chosen, name)
    if found is None or said is None or not methods:
        return
    label = said if asked.label is None else asked.label
    heats = dict(zip(methods, found[1:], strict=True))
    if chosen == _BESIDE:
        _show_beside(say, scene, label, heats, asked.strength)
    else:
        _show_one(
            say, scene, label, methods[0], heats[methods[0]], asked.strength, asked.with_signs
        )


class _Settings(NamedTuple):
    """What is asked for; `label` is None for what the network says."""

    label: int | None
    layer: int
    patch: int
    stride: int
    fill: Fill
    strength: float
    with_signs: bool

    def way(self, method: Method) -> Way:
        return make_way(method, self.layer, self.patch, self.stride, self.fill)


def _choose_settings(say: Say, scene: Scene, chosen: str, predicted: str) -> _Settings:
    label = _choose_class(say, scene, predicted)
    layer = 0
    if positions_with_maps(scene.spec) and chosen in (_BESIDE, *OF_A_LAYER):
        layer = choose_layer(say, scene)
    if chosen == "occlusion":
        patch, stride = choose_square(say, scene)
        fill = choose_fill(say, usual_fill(scene))
    else:
        with unseen():
            patch, stride = choose_square(say, scene)
            fill = choose_fill(say, usual_fill(scene))
    percent = number(say("Strength of the map (%)"), key="in_strength", default=60, low=0, high=100)
    signed = chosen in (*OF_A_LAYER, "gradient") and switch(
        say("With its signs"),
        key="in_signed",
        help=say(
            "Red speaks for the class, blue against it: the map before ReLU; of the gradient, "
            "red where a brighter pixel raises the score."
        ),
    )
    return _Settings(label, layer, patch, stride, fill, percent / 100, signed)


def _show_beside(
    say: Say, scene: Scene, label: int, heats: dict[Method, HeatMap], strength: float
) -> None:
    name = scene.names[label]
    columns = st.columns(len(heats), gap="small")
    pictures = []
    for column, (method, heat) in zip(columns, heats.items(), strict=True):
        with column:
            pictures.append(draw_map(say, method, heat, heat.values, name, strength, limit=210))
            if method in OF_A_LAYER:
                explain_nothing(say, method, heat, name)
    st.markdown(agreement(say, heats))
    if "grad_cam" in heats:
        warn_of_places(say, scene)
    take_picture(
        say, lay_out(np.stack(pictures), columns=len(pictures)), name="heat-maps", key="in_heat_png"
    )
    with st.expander(say("What each map is"), icon=":material/help:"):
        for method in heats:
            st.markdown(say(WHAT[method]))


def agreement(say: Say, heats: dict[Method, HeatMap]) -> str:
    """Say which two maps rank the pixels most alike, and which least."""
    pairs = []
    for one, other in combinations(heats, 2):
        alike = heat_maps.rank_correlation(heats[one].values, heats[other].values)
        if np.isfinite(alike):
            both = say("{one} and {other}", one=say(NAMES[one]), other=say(NAMES[other]))
            pairs.append((alike, both))
    if not pairs:
        return say("The maps cannot be compared: each says the same of every pixel.")
    pairs.sort()
    if len(pairs) == 1:
        return say(
            "Rank correlation of {pair}: {value} (1: they rank the pixels alike, 0: they have "
            "nothing in common).",
            pair=pairs[0][1],
            value=f"{pairs[0][0]:.2f}".replace("-", "−"),
        )
    return say(
        "All of them answer the same question. {most} rank the pixels most alike (rank correlation "
        "{high}), {least} least ({low}). Which of them is right? The Trust view asks the network.",
        most=pairs[-1][1],
        high=f"{pairs[-1][0]:.2f}".replace("-", "−"),
        least=pairs[0][1],
        low=f"{pairs[0][0]:.2f}".replace("-", "−"),
    )


def _show_one(
    say: Say, scene: Scene, label: int, method: Method, heat: HeatMap, strength: float, signed: bool
) -> None:
    name = scene.names[label]
    values = heat.signed if signed else heat.values
    left, right = st.columns(2, gap="medium")
    with left:
        over = draw_map(say, method, heat, values, name, strength, limit=300)
        take_picture(
            say, over, name=f"{method.replace('_', '-')}-{label}", key=f"in_heat_png_{method}"
        )
    with right:
        draw_map(
            say,
            method,
            heat,
            _rectified(heat.cells, values),
            name,
            1.0,
            limit=300,
            caption=_cells_name(say, method),
        )
    if method in OF_A_LAYER and values is heat.values:
        explain_nothing(say, method, heat, name)
    st.markdown(_strongest(say, values, heat, name))
    st.caption(say(WHAT[method]))
    if method == "grad_cam":
        warn_of_places(say, scene)
    with st.expander(say("The map as numbers"), icon=":material/table:"):
        cells = _rectified(heat.cells, values)
        table(
            say("The map as numbers"),
            ["", *map(str, range(1, cells.shape[1] + 1))],
            [
                (row, *(short(value) for value in line))
                for row, line in enumerate(cells.tolist(), start=1)
            ],
        )


def _rectified(cells: FloatArray, values: FloatArray) -> FloatArray:
    """Return the cells as the map that was made of them is: without signs where it has none."""
    if float(values.min()) < 0 or float(cells.min()) >= 0:
        return cells
    return np.maximum(cells, 0) if values.shape != cells.shape else values


def _cells_name(say: Say, method: Method) -> str:
    match method:
        case "grad_cam" | "hires_cam":
            return say("At the layer's own size")
        case "occlusion":
            return say("The score's fall for each place of the square")
    return say("The map alone")


def draw_map(
    say: Say,
    method: Method,
    heat: HeatMap,
    values: FloatArray,
    name: str,
    strength: float,
    *,
    limit: int,
    caption: str = "",
) -> ByteArray:
    """Draw a map over the picture, or alone, and return what was drawn."""
    signed = is_signed(method, values)
    most = float(np.abs(values).max()) or 1.0
    image = heat_maps.paint(values, signed=signed, limit=most)
    if values.shape == heat.image.shape[:2]:
        image = heat_maps.lay_over(heat.image, image, strength)
    show_picture(
        image,
        key=f"in_heat_{method}_{'cells' if caption else 'over'}",
        caption=caption or say(NAMES[method]),
        limit=limit,
        bar=ColourBar(
            colours="signed" if signed else "viridis", low=-most if signed else 0.0, high=most
        ),
        alt=spoken(say, method, values, name),
    )
    return image


def warn_of_places(say: Say, scene: Scene) -> None:
    """Say where Grad-CAM leaves out what the network looks at."""
    if any(isinstance(layer, Flatten) for layer in scene.spec.network):
        st.caption(
            say(
                "This network flattens its maps and has other weights for each place. Grad-CAM "
                "takes the mean over all places and leaves that out; HiResCAM does not."
            )
        )


def is_signed(method: Method, values: FloatArray) -> bool:
    """Say whether a map's colours stand around zero."""
    return method in ("occlusion", "gradient_input") or float(values.min()) < 0


def spoken(say: Say, method: Method, values: FloatArray, name: str) -> str:
    """Say what a screen reader says of a map for a class."""
    return say(
        "{method} for {name}: {rows} × {columns} values from {low} to {high}",
        method=say(NAMES[method]),
        name=name,
        rows=values.shape[0],
        columns=values.shape[1],
        low=short(float(values.min())),
        high=short(float(values.max())),
    )


def explain_nothing(say: Say, method: Method, heat: HeatMap, name: str) -> None:
    """Say why a map shows nothing after ReLU."""
    if heat.values.any():
        return
    st.info(
        say(
            "{method} is negative everywhere here: at this layer nothing speaks for {name}, and "
            "ReLU leaves nothing of the map. Look at it before ReLU, or choose another layer.",
            method=say(NAMES[method]),
            name=name,
        )
        if heat.cells.any()
        else say(
            "{method} is 0 everywhere here: no value of this layer changes the score of {name}. "
            "Choose another layer.",
            method=say(NAMES[method]),
            name=name,
        ),
        icon=":material/lightbulb:",
    )


def _strongest(say: Say, values: FloatArray, heat: HeatMap, name: str) -> str:
    """Say where a map is strongest, and how narrow it is."""
    if not values.any():
        return say(
            "The score of {name} before softmax: {score}.", name=name, score=short(heat.score)
        )
    row, column = np.unravel_index(int(np.abs(values).argmax()), values.shape)
    sizes = np.sort(np.abs(values).ravel())[::-1].astype(np.float64)
    half = int(np.searchsorted(np.cumsum(sizes), sizes.sum() / 2)) + 1
    return say(
        "The strongest value, {value}, is at row {row}, column {column}: {where}. Half of the map "
        "lies on {share} % of the pixels. The score of {name} before softmax: {score}.",
        value=short(float(values[row, column])),
        row=int(row) + 1,
        column=int(column) + 1,
        where=place_in_words(say, int(row), int(column), *values.shape),
        share=round(100 * half / values.size),
        name=name,
        score=short(heat.score),
    )


def place_in_words(say: Say, row: int, column: int, height: int, width: int) -> str:
    """Say in which ninth of the picture a pixel lies."""
    words = (
        (say("at the top left"), say("at the top"), say("at the top right")),
        (say("at the left"), say("in the middle"), say("at the right")),
        (say("at the bottom left"), say("at the bottom"), say("at the bottom right")),
    )
    return words[3 * row // height][3 * column // width]
