"""What several pages show in the same way: maps, small matrices, numbers."""

from dataclasses import replace
from typing import Literal

import numpy as np
import streamlit as st

from cvcore import display
from cvcore.arrays import ByteArray, FloatArray
from cvcore.networks import (
    ActivationLayer,
    BatchNormalisation,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling,
    Layer,
    Pooling,
)
from pages.ui.picture import ColourBar, Pick, short, show_picture
from pages.ui.tables import table
from pages.ui.words import Say

CHANNELS: tuple[Literal["red", "green", "blue"], ...] = ("red", "green", "blue")
# Values are written into a map's pixels where at most this many stand in a row.
READABLE = 11


def colour(
    feature_map: FloatArray, *, limit: float | None = None, signed: bool = False
) -> tuple[ByteArray, ColourBar]:
    """Turn a map into colours: red–white–blue around zero where it is signed, else grey.

    Parameters
    ----------
    feature_map : ndarray of float32, shape (rows, columns) or (rows, columns, 1 or 3)
        Three channels are shown together as one colour picture.
    limit : float, optional
        The value of the strongest colour; by default one that only the outliers reach.
    signed : bool, optional
        Centre the colours on zero even if no value is negative, as beside others that are.

    Returns
    -------
    image : ndarray of uint8
    bar : ColourBar
    """
    low, high = float(feature_map.min()), float(feature_map.max())
    extreme = limit or display.outlier_limit(feature_map)
    signed = signed or low < 0
    start = -extreme if signed else 0.0
    clipped = max(-low, high) > extreme * 1.001
    if feature_map.ndim == 3 and feature_map.shape[2] == 3:
        # Zero is mid-grey where there are negative answers, black where there are none.
        share = (np.clip(feature_map, start, extreme) - start) / (extreme - start)
        image = (share * 255).round().astype(np.uint8)
        return image, ColourBar(colours="grey", low=start, high=extreme, clipped=clipped)
    plane = feature_map.reshape(feature_map.shape[:2])
    if signed:
        image = display.signed_colours(plane, limit=extreme)
        return image, ColourBar(colours="signed", low=-extreme, high=extreme, clipped=clipped)
    image = display.unsigned_colours(plane, low=0.0, high=extreme)
    return image, ColourBar(colours="grey", low=0.0, high=extreme, clipped=clipped)


def show_map(
    say: Say,
    feature_map: FloatArray,
    *,
    name: str,
    key: str,
    limit: int = 400,
    scale_limit: float | None = None,
    signed: bool = False,
    window: tuple[float, float, float, float] | None = None,
    pick: Pick | None = None,
) -> None:
    """Draw a feature map with its colour bar; small ones with their values written in."""
    image, bar = colour(feature_map, limit=scale_limit, signed=signed)
    rows, columns = feature_map.shape[:2]
    plane = feature_map.reshape(rows, columns, -1)
    readable = max(rows, columns) <= READABLE and plane.shape[2] == 1
    show_picture(
        image,
        key=key,
        caption=name,
        limit=limit,
        bar=bar,
        window=window,
        pick=pick,
        values=plane[..., 0] if readable else None,
        alt=say(
            "{name}: {rows} × {columns} values from {low} to {high}",
            name=name,
            rows=rows,
            columns=columns,
            low=short(float(feature_map.min())),
            high=short(float(feature_map.max())),
        ),
    )


def show_matrix(
    say: Say,
    values: FloatArray,
    *,
    name: str,
    key: str,
    limit: int = 150,
    size: float | None = None,
) -> None:
    """Draw a small matrix: signed colours, values written in where there is room."""
    extreme = size or float(np.abs(values).max()) or 1.0
    rows, columns = values.shape
    show_picture(
        display.signed_colours(values, limit=extreme),
        key=key,
        caption=name,
        limit=limit,
        values=values if max(rows, columns) <= READABLE else None,
        alt=say(
            "{name}: {values}",
            name=name,
            values="; ".join(" ".join(short(value) for value in row) for row in values.tolist()),
        ),
    )


def numbers(say: Say, feature_map: FloatArray) -> str:
    """Say a map's shape and range in a line."""
    return say(
        "{shape} · from {low} to {high} · mean {mean}",
        shape=" × ".join(map(str, feature_map.shape)),
        low=short(float(feature_map.min())),
        high=short(float(feature_map.max())),
        mean=short(float(feature_map.mean())),
    )


def histogram(
    say: Say, counts: list[tuple[str, list[int]]], *, colours: list[str], key: str
) -> None:
    """Draw counts per value, one line for each channel, and write them out in a table."""
    points = [
        {"value": value, "pixels": pixels, "channel": channel}
        for channel, series in counts
        for value, pixels in enumerate(series)
    ]
    names = [channel for channel, _ in counts]
    layer = {
        "data": {"values": points},
        "mark": {"type": "line", "interpolate": "step", "strokeWidth": 1.5},
        "encoding": {
            "x": {
                "field": "value",
                "type": "quantitative",
                "title": say("Value"),
                "scale": {"domain": [0, 255]},
            },
            # The square root lets rare values be seen beside a peak of black.
            "y": {
                "field": "pixels",
                "type": "quantitative",
                "title": say("Pixels (√ scale)"),
                "scale": {"type": "sqrt"},
            },
            "color": {
                "field": "channel",
                "type": "nominal",
                "title": None,
                "legend": {"orient": "top"},
                "scale": {"domain": names, "range": colours},
            },
        },
    }
    # Inside a layer the values stay in the chart; at the top Streamlit imports pandas for them.
    st.vega_lite_chart({"height": 240, "layer": [layer]}, key=key)
    with st.expander(say("The histogram as numbers")):
        rows = [
            [f"{start} … {start + 15}", *(sum(series[start : start + 16]) for _, series in counts)]
            for start in range(0, 256, 16)
        ]
        table(say("The histogram as numbers"), [say("Values"), *names], rows)


def name_colour(say: Say, channel: int) -> str:
    """Name a channel of a colour picture, given from 0 in the order of `CHANNELS`."""
    return (say("Red"), say("Green"), say("Blue"))[channel]


def describe_layer(say: Say, layer: Layer) -> str:
    """Say a layer in a few words."""
    match layer:
        case Convolution(activation=activation) if activation != "linear":
            return say(
                "{layer}, {activation}",
                layer=describe_layer(say, replace(layer, activation="linear")),
                activation=activation,
            )
        case Convolution(filters=filters, size=size, stride=stride, padding=padding):
            if stride > 1:
                return say(
                    "Convolution {size} × {size}, {filters} filters, stride {stride}, {padding}",
                    size=size,
                    filters=filters,
                    stride=stride,
                    padding=padding,
                )
            return say(
                "Convolution {size} × {size}, {filters} filters, {padding}",
                size=size,
                filters=filters,
                padding=padding,
            )
        case Pooling(size=size, stride=stride) if stride not in (None, size):
            return say(
                "{layer}, stride {stride}",
                layer=describe_layer(say, replace(layer, stride=None)),
                stride=stride,
            )
        case Pooling(size=size, how="max"):
            return say("Max pooling {size} × {size}", size=size)
        case Pooling(size=size):
            return say("Average pooling {size} × {size}", size=size)
        case Dense(units=units, activation=activation):
            return say("Dense, {units} units, {activation}", units=units, activation=activation)
        case GlobalAveragePooling():
            return say("Global average pooling")
        case BatchNormalisation():
            return say("Batch normalisation")
        case ActivationLayer(activation=activation):
            return say("Activation {activation}", activation=activation)
        case Dropout(rate=rate):
            return say("Dropout of {share} %", share=f"{100 * rate:g}")
        case Flatten():
            return say("Flatten")
