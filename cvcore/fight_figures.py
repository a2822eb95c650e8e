"""Charts of a comparison of two networks: Vega-Lite descriptions, and their data in Arrow's format.

As in `cvcore.figures` a description stays while its data grow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from cvcore.datasets import DATASETS
from cvcore.fairness import training_multiply_adds
from cvcore.figures import Quantity, arrow
from cvcore.history import Series, Snapshot

Axis: TypeAlias = Literal["epochs", "seconds", "multiply_adds"]

DENSE, CNN = "#E69F00", "#009E73"
"""Okabe and Ito's orange for a dense network, their green for a CNN."""

_DASHES = {DENSE: [1, 0], CNN: [7, 4]}
_SHAPES = {DENSE: "circle", CNN: "diamond"}


@dataclass(frozen=True, kw_only=True)
class Corner:
    """A network of a comparison as a chart shows it.

    Parameters
    ----------
    name : str
        In the reader's language.
    colour : str
        `DENSE` or `CNN`; dash and marker follow from it.
    """

    name: str
    colour: str


@dataclass(frozen=True, eq=False, kw_only=True)
class Curve:
    """A quantity over the course of several runs that differ in their seeds.

    Parameters
    ----------
    at : ndarray of float64, shape (k,)
        Where the runs stood, on average: epochs, seconds or multiply-adds.
    mean, low, high : ndarray of float64, shape (k,)
        Over the runs that have got so far.
    """

    at: Series
    mean: Series
    low: Series
    high: Series


def curve(snapshots: Sequence[Snapshot], quantity: Quantity, axis: Axis) -> Curve:
    """Average a validation curve over runs that differ in their seeds.

    Parameters
    ----------
    snapshots : sequence of Snapshot
    quantity : {'loss', 'accuracy'}
    axis : {'epochs', 'seconds', 'multiply_adds'}
        Seconds are of processor time, as the runs told them.

    Returns
    -------
    Curve
        A point for each epoch that a run has finished, and one for where runs ended
        inside an epoch; sorted by `at`.
    """
    # By epoch; what ended inside one is a group of its own.
    points: dict[float, list[tuple[float, float]]] = {}
    for snapshot in snapshots:
        values = getattr(snapshot, f"val_{quantity}")
        for epoch, at, value in zip(
            snapshot.epoch.tolist(), _places(snapshot, axis), values.tolist(), strict=True
        ):
            points.setdefault(float(epoch), []).append((at, value))
        partial = snapshot.partial
        if partial is not None:
            value = getattr(partial, f"val_{quantity}")
            at = _place(snapshot, axis, partial.moment, partial.processor_seconds)
            if value is not None:
                points.setdefault(np.inf, []).append((at, value))
    groups = [np.array(group) for group in points.values()]
    rows = [
        (group[:, 0].mean(), group[:, 1].mean(), group[:, 1].min(), group[:, 1].max())
        for group in groups
    ]
    columns = np.array(sorted(rows), np.float64).reshape(-1, 4).T
    return Curve(at=columns[0], mean=columns[1], low=columns[2], high=columns[3])


def _places(snapshot: Snapshot, axis: Axis) -> list[float]:
    seconds = snapshot.processor_seconds.tolist()
    return [
        _place(snapshot, axis, float(epoch), spent)
        for epoch, spent in zip(snapshot.epoch.tolist(), seconds, strict=True)
    ]


def _place(snapshot: Snapshot, axis: Axis, moment: float, seconds: float) -> float:
    match axis:
        case "epochs":
            return moment
        case "seconds":
            return seconds
        case "multiply_adds":
            spec = snapshot.spec
            each = training_multiply_adds(spec.network, DATASETS[spec.dataset].shape)
            return each * spec.sizes()[0] * moment


def lines(
    corners: Sequence[Corner],
    *,
    across: str,
    up: str,
    logarithmic: bool = False,
    whole: bool = False,
    least: float | None = None,
    most: float | None = None,
    accuracy: bool = True,
    from_zero: bool = False,
    height: int = 250,
) -> dict[str, Any]:
    """Describe a chart of one line for each network, without its data.

    Parameters
    ----------
    corners : sequence of Corner
    across, up : str
        What the axes are, in the reader's language.
    logarithmic : bool, optional
        Equal steps across are equal factors.
    whole : bool, optional
        Whether there are only whole numbers across.
    least, most : float, optional
        Where the horizontal axis begins and ends, whatever the data.
    accuracy : bool, optional
        Whether the values end at 1.
    from_zero : bool, optional
        Whether the vertical axis begins at 0.
    height : int, optional
        In CSS pixels, with axes and legend.

    Returns
    -------
    dict
        Vega-Lite; its data sets are 'lines' (columns at, value, series) and 'band' (at, value,
        high, series), as `line_data` and `band_data` make them.
    """
    names, colours = [it.name for it in corners], [it.colour for it in corners]
    x: dict[str, Any] = {
        "field": "at",
        "type": "quantitative",
        "title": across,
        "scale": {"type": "log"} if logarithmic else {"zero": True, "nice": False},
        "axis": {"format": "~s"} if not whole else {"format": "d", "tickMinStep": 1},
    }
    for end, value in (("domainMin", least), ("domainMax", most)):
        if value is not None:
            x["scale"][end] = value
    scale: dict[str, Any] = {"zero": from_zero or not accuracy}
    if accuracy:
        scale["domainMax"] = 1
    y = {
        "field": "value",
        "type": "quantitative",
        "title": up,
        "scale": scale,
        "axis": {"minExtent": 30, "format": "~g"},
    }
    legend = {
        "orient": "top",
        "title": None,
        "symbolType": "stroke",
        "symbolSize": 600,
        "rowPadding": 0,
        "columns": 1,  # one above the other: a phone cuts off what is beside
        "labelLimit": 260,
    }
    series = {"field": "series", "type": "nominal", "legend": legend}
    colour = {**series, "scale": {"domain": names, "range": colours}}
    dash = {**series, "scale": {"domain": names, "range": [_DASHES[it] for it in colours]}}
    told = [
        {"field": "series", "type": "nominal", "title": None},
        {"field": "at", "type": "quantitative", "title": across, "format": ",.4~g"},
        {"field": "value", "type": "quantitative", "title": up, "format": ".4f"},
    ]
    return {
        "height": height,
        "padding": {"left": 4, "right": 12, "top": 4, "bottom": 4},
        "config": {
            "axis": {"titlePadding": 4, "titleFontSize": 12, "labelPadding": 4},
            "legend": {"offset": 2, "labelFontSize": 12},
        },
        "layer": [
            *(_band(corner, x, y) for corner in corners),
            {
                "data": {"name": "lines"},
                "mark": {"type": "line", "strokeWidth": 2},
                "encoding": {"x": x, "y": y, "color": colour, "strokeDash": dash},
            },
            *(_points(corner, {"x": x, "y": y, "tooltip": told}) for corner in corners),
        ],
    }


def _band(corner: Corner, x: dict[str, Any], y: dict[str, Any]) -> dict[str, Any]:
    return {
        "data": {"name": "band"},
        "transform": [{"filter": {"field": "series", "equal": corner.name}}],
        "mark": {"type": "area", "opacity": 0.25, "color": corner.colour},
        "encoding": {"x": x, "y": y, "y2": {"field": "high"}},
    }


def _points(corner: Corner, encoding: dict[str, Any]) -> dict[str, Any]:
    mark = {"type": "point", "filled": True, "opacity": 1, "size": 45}
    return {
        "data": {"name": "lines"},
        "transform": [{"filter": {"field": "series", "equal": corner.name}}],
        "mark": {**mark, "shape": _SHAPES[corner.colour], "color": corner.colour},
        "encoding": encoding,
    }


def line_data(corners: Sequence[Corner], curves: Sequence[Curve]) -> dict[str, bytes]:
    """Return the data of a chart that `lines` describes.

    Parameters
    ----------
    corners : sequence of Corner
    curves : sequence of Curve
        One for each.

    Returns
    -------
    dict of str to bytes
        Arrow streams: 'lines' (at, value, series) and 'band' (at, value, high, series); no band
        where all runs agree.
    """
    names = np.array(
        [corner.name for corner, it in zip(corners, curves, strict=True) for _ in it.at], np.str_
    )
    at, mean, low, high = (
        np.concatenate([np.empty(0), *(getattr(it, name) for it in curves)])
        for name in ("at", "mean", "low", "high")
    )
    if not (low < high).any():  # one run each, or none: a line says it all
        at_band, low, high, named = np.empty(0), np.empty(0), np.empty(0), np.empty(0, np.str_)
    else:
        at_band, named = at, names
    return {
        "lines": arrow(at=at, value=mean, series=names),
        "band": arrow(at=at_band, value=low, high=high, series=named),
    }


def plain_curve(at: Sequence[float], values: Sequence[float]) -> Curve:
    """Return points without a spread, for `line_data`."""
    places, heights = np.array(at, np.float64), np.array(values, np.float64)
    return Curve(at=places, mean=heights, low=heights, high=heights)


def bars(
    corners: Sequence[Corner], groups: Sequence[str], *, up: str, height: int = 250
) -> dict[str, Any]:
    """Describe a chart of accuracies as bars, a group for each condition, without its data.

    Parameters
    ----------
    corners : sequence of Corner
    groups : sequence of str
        The conditions, from left to right.
    up : str
        What the bars measure, in the reader's language.
    height : int, optional
        In CSS pixels.

    Returns
    -------
    dict
        Vega-Lite; its data set is 'bars' (columns group, value, series), as `bar_data` makes it.
    """
    names, colours = [it.name for it in corners], [it.colour for it in corners]
    x = {
        "field": "group",
        "type": "nominal",
        "title": None,
        "scale": {"domain": list(groups)},
        "axis": {"labelAngle": 0, "labelLimit": 200},
    }
    y = {"field": "value", "type": "quantitative", "title": up, "scale": {"domain": [0, 1]}}
    beside = {"field": "series", "type": "nominal", "scale": {"domain": names}}
    colour = {
        "field": "series",
        "type": "nominal",
        "legend": {"orient": "top", "title": None, "columns": 1, "labelLimit": 260},
        "scale": {"domain": names, "range": colours},
    }
    told = [
        {"field": "series", "type": "nominal", "title": None},
        {"field": "group", "type": "nominal", "title": None},
        {"field": "value", "type": "quantitative", "title": up, "format": ".4f"},
    ]
    data = {"name": "bars"}
    place = {"x": x, "y": y, "xOffset": beside}
    return {
        "height": height,
        "layer": [
            {
                "data": data,
                "mark": {"type": "bar"},
                "encoding": {**place, "color": colour, "tooltip": told},
            },
            {
                "data": data,
                "mark": {"type": "text", "dy": -7, "color": "gray"},
                "encoding": {**place, "text": {"field": "value", "format": ".3f"}},
            },
        ],
    }


def bar_data(groups: Sequence[str], series: Sequence[str], values: Sequence[float]) -> bytes:
    """Return the data of a chart that `bars` describes: a bar for each of the rows."""
    return arrow(
        group=np.array(groups, np.str_),
        value=np.array(values, np.float64),
        series=np.array(series, np.str_),
    )
