"""Learning curves: what a chart draws, and the same numbers as a table.

A chart is a Vega-Lite description and, apart from it, its data in Arrow's
format. The description of a run never changes while it learns, so a browser
builds the chart once and afterwards takes in new data alone: nothing flickers,
and what the pointer shows stays. Neither part needs pandas or Altair, 95 MB
that a process with many visitors would carry.
"""

import csv
import io
import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from cvcore.history import Series, Snapshot

Quantity: TypeAlias = Literal["loss", "accuracy"]

# Okabe and Ito's colours, which colour-blind readers tell apart; and a dash each, for the others.
TRAINING, VALIDATION, TEST = "#0072B2", "#D55E00", "#CC79A7"
_DASHES = {TRAINING: [1, 0], VALIDATION: [7, 4], TEST: [2, 3]}

MOST_MOMENTS = 300
"""Points inside epochs that are drawn: as many as a chart of some 400 pixels can show."""

COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")
"""The columns of `table`, by the names that Keras gives them."""


@dataclass(frozen=True, kw_only=True)
class CurveWords:
    """What stands in a chart, in the reader's language.

    Parameters
    ----------
    quantity : str
        What is drawn: 'Loss'.
    epoch : str
        The name of the horizontal axis.
    training, validation, test : str
        The curves' names.
    """

    quantity: str
    epoch: str
    training: str
    validation: str
    test: str


def curves(
    quantity: Quantity,
    *,
    epochs: int,
    validation: bool,
    words: CurveWords,
    height: int = 220,
    log: bool = False,
    first: int = 0,
) -> dict[str, Any]:
    """Describe a chart of a run's curves, without its data.

    Parameters
    ----------
    quantity : {'loss', 'accuracy'}
    epochs : int
        How many were asked for; the horizontal axis ends there from the beginning.
    validation : bool
        Whether the run keeps pictures for validation.
    words : CurveWords
    height : int, optional
        In CSS pixels, with axes and legend.
    log : bool, optional
        Whether the vertical axis is logarithmic.
    first : int, optional
        Where the horizontal axis begins: the epoch from which a branch goes on.

    Returns
    -------
    dict
        Vega-Lite; its data sets are those of `curve_data`.
    """
    names = {words.training: TRAINING, words.validation: VALIDATION, words.test: TEST}
    if not validation:
        del names[words.validation]
    # Accuracy ends at 1 and begins where the worst value lies, or small differences at the
    # top could not be seen; a loss is read against 0.
    scale: dict[str, Any] = (
        {"domainMax": 1, "zero": False} if quantity == "accuracy" else {"zero": True}
    )
    if log:
        scale = {"type": "log", "nice": False}
    # Room for the longest usual label, so that the axis stays while its labels change.
    axis = {"minExtent": 30, "format": "~g"}
    y = {
        "field": "value",
        "type": "quantitative",
        "title": words.quantity,
        "scale": scale,
        "axis": axis,
    }
    x = {
        "field": "epoch",
        "type": "quantitative",
        "title": words.epoch,
        "scale": {"domain": [first, epochs], "nice": False},
        "axis": {"tickMinStep": 1, "format": "d"},
    }
    domain, colours = list(names), list(names.values())
    legend = {"orient": "top", "title": None, "symbolType": "stroke", "symbolSize": 600}
    series = {"field": "series", "type": "nominal", "legend": legend}
    colour = {**series, "scale": {"domain": domain, "range": colours}}
    dash = {**series, "scale": {"domain": domain, "range": [_DASHES[it] for it in colours]}}
    told = [
        {"field": "series", "type": "nominal", "title": None},
        {"field": "epoch", "type": "quantitative", "title": words.epoch},
        {"field": "value", "type": "quantitative", "title": words.quantity, "format": ".4f"},
    ]

    # The area of a mark in square pixels: many epochs leave little room for each.
    room = min(70, max(2_000 / (epochs - first), 10))

    def points(name: str, shape: str, size: float) -> dict[str, Any]:
        mark = {"type": "point", "filled": True, "opacity": 1, "shape": shape, "size": size}
        return {
            "data": {"name": "epochs"},
            "transform": [{"filter": {"field": "series", "equal": name}}],
            "mark": {**mark, "color": names.get(name, TRAINING)},
            "encoding": {"x": x, "y": y, "tooltip": told},
        }

    return {
        "height": height,
        "padding": {"left": 4, "right": 12, "top": 4, "bottom": 4},
        "config": {
            "axis": {"titlePadding": 4, "titleFontSize": 12, "labelPadding": 4},
            "legend": {"offset": 2, "labelFontSize": 12},
        },
        "layer": [
            {
                # The gap: how much worse validation is.
                "data": {"name": "gap"},
                "mark": {"type": "area", "color": VALIDATION, "opacity": 0.16},
                "encoding": {"x": x, "y": {**y, "stack": None}, "y2": {"field": "from"}},
            },
            {
                # The mean since the epoch began: a thin line that starts anew with each.
                "data": {"name": "moments"},
                "mark": {"type": "line", "color": TRAINING, "strokeWidth": 1, "opacity": 0.7},
                "encoding": {"x": x, "y": y, "detail": {"field": "part", "type": "ordinal"}},
            },
            {
                "data": {"name": "lines"},
                "mark": {"type": "line", "strokeWidth": 2},
                "encoding": {"x": x, "y": y, "color": colour, "strokeDash": dash},
            },
            points(words.training, "circle", room / 3),
            points(words.validation, "diamond", room),
            {
                # Known at the end alone, so a height to compare with rather than a curve.
                "data": {"name": "test"},
                "mark": {"type": "rule", "strokeWidth": 2},
                "encoding": {
                    "y": y,
                    "color": colour,
                    "strokeDash": dash,
                    "tooltip": [told[0], told[2]],
                },
            },
        ],
    }


def curve_data(
    snapshot: Snapshot | None, quantity: Quantity, *, words: CurveWords, smoothing: float = 0.0
) -> dict[str, bytes]:
    """Return the data of a chart that `curves` describes.

    Parameters
    ----------
    snapshot : Snapshot or None
        None for a chart that waits for its curves.
    quantity : {'loss', 'accuracy'}
    words : CurveWords
        As for `curves`.
    smoothing : float, optional
        The weight of `smooth` for the lines; the points stay where they are.

    Returns
    -------
    dict of str to bytes
        Arrow streams by their names: 'moments' (columns epoch, value, part; at most
        `MOST_MOMENTS` rows), 'epochs', 'lines' and 'test' (epoch, value, series), and 'gap'
        (epoch, value, from: the line of training, and the worse one of both). Values that
        are not finite are left out: an axis cannot reach them. Once an epoch is
        finished, so are moments far worse than any epoch: the first ones would press
        all that follows into a corner.
    """
    if snapshot is None:
        nothing, nobody = np.empty(0), np.empty(0, np.str_)
        curve = arrow(epoch=nothing, value=nothing, series=nobody)
        moments = arrow(epoch=nothing, value=nothing, part=nothing.astype(np.int64))
        band = arrow(epoch=nothing, value=nothing, **{"from": nothing})
        return {"moments": moments, "epochs": curve, "lines": curve, "test": curve, "gap": band}
    training, validation = getattr(snapshot, quantity), getattr(snapshot, f"val_{quantity}")
    at, value = _near(
        quantity,
        snapshot.batch_epoch,
        getattr(snapshot, f"batch_{quantity}"),
        np.concatenate([training, validation]),
    )
    at, value = thin(at, value)
    ends = snapshot.epoch.astype(np.float64)
    names = np.array([words.training] * len(ends) + [words.validation] * len(ends), np.str_)
    both = np.concatenate([ends, ends])
    known = [getattr(snapshot, f"test_{quantity}")] if snapshot.test_loss is not None else []
    lower, upper = smooth(training, smoothing), smooth(validation, smoothing)
    worse = np.minimum(lower, upper) if quantity == "accuracy" else np.maximum(lower, upper)
    return {
        # The last moment of an epoch, 2.0, belongs to what came before it.
        "moments": arrow(epoch=at, value=value, part=np.ceil(at).astype(np.int64)),
        "epochs": arrow(epoch=both, value=np.concatenate([training, validation]), series=names),
        "lines": arrow(epoch=both, value=np.concatenate([lower, upper]), series=names),
        "test": arrow(
            epoch=np.full(len(known), float(snapshot.epochs)),
            value=np.array(known, np.float64),
            series=np.full(len(known), words.test),
        ),
        "gap": arrow(epoch=ends, value=worse, **{"from": lower}),
    }


def smooth(values: Series, weight: float) -> Series:
    """Average a curve over its past, ever less of it the longer ago.

    Parameters
    ----------
    values : ndarray of float64, shape (k,)
        Those that are not finite stay as they are, and count for nothing.
    weight : float
        From 0, which changes nothing, to below 1: how much of the average so far is kept at
        each step. The first values weigh no more than later ones (Kingma and Ba, 2015, §3).

    Returns
    -------
    ndarray of float64, shape (k,)

    Examples
    --------
    >>> smooth(np.array([4.0, 1.0, 1.0]), 0.5).tolist()
    [4.0, 2.0, 1.4285714285714286]
    """
    smoothed, total, share = values.copy(), 0.0, 0.0
    for place in np.flatnonzero(np.isfinite(values)):
        total = weight * total + (1 - weight) * float(values[place])
        share = weight * share + (1 - weight)
        smoothed[place] = total / share
    return smoothed


def _near(quantity: Quantity, at: Series, value: Series, epochs: Series) -> tuple[Series, Series]:
    """Keep the moments that are at most half as bad again as the worst epoch."""
    best = 1.0 if quantity == "accuracy" else 0.0
    known = epochs[np.isfinite(epochs)]
    if not len(known):
        return at, value
    kept = np.abs(value - best) <= 1.5 * np.abs(known - best).max()
    return at[kept], value[kept]


def thin(at: Series, value: Series, *, most: int = MOST_MOMENTS) -> tuple[Series, Series]:
    """Keep every n-th point, and the last one.

    Parameters
    ----------
    at, value : ndarray of float64, shape (m,)
    most : int, optional
        Points to keep, at most.

    Returns
    -------
    at, value : ndarray of float64, shape (k,), k <= most

    Examples
    --------
    >>> ramp = np.arange(10.0)
    >>> thin(ramp, ramp, most=4)[0]
    array([0., 3., 6., 9.])
    """
    if len(at) <= most:
        return at, value
    step = math.ceil(len(at) / (most - 1))
    # Counted from the start, so that a point that was drawn stays while new ones come.
    kept = np.unique(np.append(np.arange(0, len(at), step), len(at) - 1))
    return at[kept], value[kept]


def table(snapshot: Snapshot) -> list[tuple[int, float, float, float, float]]:
    """Return the finished epochs' numbers, a row each, in the order of `COLUMNS`.

    Returns
    -------
    list of tuple
        NaN where there is no validation.
    """
    columns = (getattr(snapshot, name).tolist() for name in COLUMNS)
    return list(zip(*columns, strict=True))


def as_csv(snapshot: Snapshot) -> str:
    """Write the finished epochs' numbers as CSV, as many digits as tell them apart.

    Returns
    -------
    str
        A line of `COLUMNS`, then one for each epoch; empty cells where there is no validation.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in table(snapshot):
        writer.writerow("" if math.isnan(value) else repr(value) for value in row)
    return text.getvalue()


def arrow(**columns: npt.NDArray[Any]) -> bytes:
    """Write columns as an Arrow stream, for a chart; no pandas behind it.

    Parameters
    ----------
    **columns : ndarray of float64, int64 or str, shape (n,)
        One of them is called 'value'; rows where it is not finite are left out.

    Returns
    -------
    bytes
    """
    import pyarrow as pa  # 25 MB, for those who look at curves

    finite = np.isfinite(columns["value"])
    arrays = [_column(pa, values[finite]) for values in columns.values()]
    batch = pa.RecordBatch.from_arrays(arrays, names=list(columns))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _column(pa: Any, values: npt.NDArray[Any]) -> Any:
    """Wrap an array's memory; from Python values Arrow would import pandas to look at them."""
    count = len(values)
    if values.dtype.kind != "U":
        kind = {"f": pa.float64(), "i": pa.int64()}[values.dtype.kind]
        return pa.Array.from_buffers(kind, count, [None, pa.py_buffer(values.tobytes())])
    words: list[bytes] = [word.encode() for word in values.tolist()]
    ends = np.cumsum([0, *map(len, words)]).astype(np.int32)
    buffers = [None, pa.py_buffer(ends.tobytes()), pa.py_buffer(b"".join(words))]
    return pa.Array.from_buffers(pa.string(), count, buffers)
