"""Several runs on one chart, and runs that branch off from others as a tree.

As in `cvcore.figures`, a chart is a Vega-Lite description and, apart from it,
its data in Arrow's format.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from cvcore.figures import arrow
from cvcore.history import Snapshot

Curve: TypeAlias = Literal["val_accuracy", "val_loss", "accuracy", "loss"]

# Paul Tol's bright colours, safe for colour-blind readers on white and on black; none of them
# is training's, validation's, the dense network's or the CNN's. A dash and a mark each as well.
COLOURS = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377", "#999999")
_DASHES = ([1, 0], [7, 4], [2, 3], [10, 3, 2, 3], [4, 4], [12, 4], [1, 5])
_MARKS = ("circle", "square", "diamond", "triangle-up", "cross", "triangle-down", "triangle-right")

MOST_RUNS = len(COLOURS)
"""How many runs one chart can tell apart."""

NAMES = "ABCDEFG"
"""What they are called on it."""


@dataclass(frozen=True, kw_only=True)
class Branch:
    """A run's place in a tree.

    Parameters
    ----------
    name : str
        The run's.
    parent : str
        The run that it branches off from, or nothing.
    lane : int
        How far down it is drawn, from 0.
    start, end : float
        In epochs: where it begins, and where it is.
    """

    name: str
    parent: str
    lane: int
    start: float
    end: float


def comparison(
    *,
    names: Sequence[str],
    epochs: int,
    words: Mapping[str, str],
    accuracy: bool,
    height: int = 220,
) -> dict[str, Any]:
    """Describe a chart of one curve each of several runs, without its data.

    Parameters
    ----------
    names : sequence of str
        The runs'; at most `MOST_RUNS`.
    epochs : int
        Where the horizontal axis ends.
    words : mapping of str to str
        In the reader's language: 'value', 'epoch' and 'run'.
    accuracy : bool
        Whether high values are good ones, up to 1; a loss is read against 0.
    height : int, optional
        In CSS pixels.

    Returns
    -------
    dict
        Vega-Lite; its data set is that of `comparison_data`.
    """
    scale = {"domainMax": 1, "zero": False} if accuracy else {"zero": True}
    axis = {"minExtent": 30, "format": "~g"}
    y = {
        "field": "value", "type": "quantitative", "title": words["value"],
        "scale": scale, "axis": axis,
    }  # fmt: skip
    encoding = {"x": _epochs(epochs, words["epoch"]), "y": y, **_series(names, words["run"])}
    told = [
        {"field": "run", "type": "nominal", "title": words["run"]},
        {"field": "epoch", "type": "quantitative", "title": words["epoch"]},
        {"field": "value", "type": "quantitative", "title": words["value"], "format": ".4f"},
    ]

    def points(place: int) -> dict[str, Any]:
        # A layer each: a mark that followed from the run would spoil the legend's strokes.
        mark = {"type": "point", "filled": True, "opacity": 1, "size": 40}
        return {
            "data": {"name": "curves"},
            "transform": [{"filter": {"field": "run", "equal": names[place]}}],
            "mark": {**mark, "shape": _MARKS[place], "color": COLOURS[place]},
            "encoding": {"x": encoding["x"], "y": y, "tooltip": told},
        }

    lines = {
        "data": {"name": "curves"},
        "mark": {"type": "line", "strokeWidth": 2},
        "encoding": encoding,
    }
    return {
        "height": height,
        "padding": _PADDING,
        "config": _CONFIG,
        "layer": [lines, *(points(place) for place in range(len(names)))],
    }


def comparison_data(runs: Mapping[str, Snapshot], curve: Curve) -> dict[str, bytes]:
    """Return the data of a chart that `comparison` describes.

    A branch begins where its parent was, if that is among the runs: there the curves part.

    Parameters
    ----------
    runs : mapping of str to Snapshot
        By their names on the chart.
    curve : {'val_accuracy', 'val_loss', 'accuracy', 'loss'}

    Returns
    -------
    dict of str to bytes
        'curves': an Arrow stream of the columns epoch, value and run.
    """
    by_digest = {snapshot.spec.digest(): snapshot for snapshot in runs.values()}
    at: list[float] = []
    values: list[float] = []
    names: list[str] = []
    for name, snapshot in runs.items():
        parent = by_digest.get(snapshot.spec.parent)
        if parent is not None:
            joint = np.flatnonzero(parent.epoch == snapshot.spec.from_epoch)
            at += parent.epoch[joint].tolist()
            values += getattr(parent, curve)[joint].tolist()
            names += [name] * joint.size
        at += snapshot.epoch.tolist()
        values += getattr(snapshot, curve).tolist()
        names += [name] * snapshot.epoch.size
    curves = arrow(
        epoch=np.array(at, np.float64),
        value=np.array(values, np.float64),
        run=np.array(names, np.str_),
    )
    return {"curves": curves}


def branches(runs: Mapping[str, Snapshot]) -> tuple[Branch, ...]:
    """Arrange runs as a tree: each below the one that it branches off from.

    Parameters
    ----------
    runs : mapping of str to Snapshot
        By their names.

    Returns
    -------
    tuple of Branch
        In the order of their lanes; a run whose parent is not among them begins a tree.
    """
    names = {snapshot.spec.digest(): name for name, snapshot in runs.items()}
    lanes: list[Branch] = []

    def add(name: str, snapshot: Snapshot) -> None:
        spec = snapshot.spec
        if any(it.name == name for it in lanes):
            return
        lanes.append(
            Branch(
                name=name,
                parent=names.get(spec.parent, ""),
                lane=len(lanes),
                start=float(spec.from_epoch),
                end=snapshot.moment,
            )
        )
        # The later it branches off, the nearer it lies, so that no two lines cross.
        children = [it for it in runs.items() if it[1].spec.parent == spec.digest()]
        for child in sorted(children, key=lambda it: -it[1].spec.from_epoch):
            add(*child)

    for name, snapshot in runs.items():
        if snapshot.spec.parent not in names:
            add(name, snapshot)
    return tuple(lanes)


def tree(
    lanes: Sequence[Branch], *, names: Sequence[str], epochs: int, words: Mapping[str, str]
) -> dict[str, Any]:
    """Describe a chart of runs as lines along the epochs, each leaving that of its parent.

    Parameters
    ----------
    lanes : sequence of Branch
    names : sequence of str
        All runs of the chart beside it, for the same colours.
    epochs : int
    words : mapping of str to str
        'epoch' and 'run'.

    Returns
    -------
    dict
        Vega-Lite; its data sets are those of `tree_data`.
    """
    x = _epochs(epochs, words["epoch"])
    scale = {"domain": [len(lanes) - 0.5, -0.5], "nice": False, "zero": False}
    y = {"field": "value", "type": "quantitative", "scale": scale, "axis": None}
    series = _series(names, words["run"])
    colour = {**series["color"], "legend": None}
    return {
        "height": 46 + 26 * len(lanes),
        "padding": _PADDING,
        "config": _CONFIG,
        "layer": [
            {
                "data": {"name": "joints"},
                "mark": {"type": "rule", "strokeWidth": 2},
                "encoding": {"x": x, "y": y, "y2": {"field": "to"}, "color": colour},
            },
            {
                "data": {"name": "runs"},
                "mark": {"type": "rule", "strokeWidth": 4},
                "encoding": {
                    "x": x,
                    "x2": {"field": "end"},
                    "y": y,
                    "color": colour,
                    "strokeDash": {**series["strokeDash"], "legend": None},
                },
            },
            {
                "data": {"name": "runs"},
                "mark": {"type": "text", "align": "right", "dx": -8, "fontWeight": "bold"},
                "encoding": {
                    "x": x,
                    "y": y,
                    "text": {"field": "run", "type": "nominal"},
                    "color": colour,
                },
            },
        ],
    }


def tree_data(lanes: Sequence[Branch]) -> dict[str, bytes]:
    """Return the data of a chart that `tree` describes.

    Returns
    -------
    dict of str to bytes
        'runs' (columns epoch, end, value, run) and 'joints' (epoch, value, to, run).
    """
    places = {it.name: it.lane for it in lanes}
    joined = [it for it in lanes if it.parent]
    return {
        "runs": arrow(
            epoch=np.array([it.start for it in lanes], np.float64),
            end=np.array([it.end for it in lanes], np.float64),
            value=np.array([it.lane for it in lanes], np.float64),
            run=np.array([it.name for it in lanes], np.str_),
        ),
        "joints": arrow(
            epoch=np.array([it.start for it in joined], np.float64),
            value=np.array([places[it.parent] for it in joined], np.float64),
            to=np.array([it.lane for it in joined], np.float64),
            run=np.array([it.name for it in joined], np.str_),
        ),
    }


_PADDING = {"left": 4, "right": 12, "top": 4, "bottom": 4}
_CONFIG = {
    "axis": {"titlePadding": 4, "titleFontSize": 12, "labelPadding": 4},
    "legend": {"offset": 2, "labelFontSize": 12},
}


def _epochs(last: int, title: str) -> dict[str, Any]:
    return {
        "field": "epoch",
        "type": "quantitative",
        "title": title,
        "scale": {"domain": [0, last], "nice": False},
        "axis": {"tickMinStep": 1, "format": "d"},
    }


def _series(names: Sequence[str], title: str) -> dict[str, Any]:
    """Give each run a colour and a dash, by its place."""
    field = {"field": "run", "type": "nominal", "title": title}
    legend = {"orient": "top", "title": None, "symbolType": "stroke", "symbolSize": 600}
    count = len(names)
    return {
        "color": {
            **field, "legend": legend, "scale": {"domain": [*names], "range": [*COLOURS[:count]]},
        },
        "strokeDash": {
            **field, "legend": legend, "scale": {"domain": [*names], "range": [*_DASHES[:count]]},
        },
    }  # fmt: skip
