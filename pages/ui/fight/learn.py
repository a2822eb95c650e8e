"""Both networks learn: their validation curves on one chart, live."""

import math
from collections.abc import Sequence
from typing import cast

import numpy as np
import streamlit as st

from cvcore import fight_figures
from cvcore.fight_figures import Axis, Corner, Curve
from cvcore.figures import Quantity
from cvcore.history import Snapshot
from pages.ui.fight.settings import Fight, large
from pages.ui.inputs import choose
from pages.ui.spoken import show_spoken
from pages.ui.tables import table
from pages.ui.words import Say

UNKNOWN = "–"


def axes(say: Say) -> dict[str, str]:
    """Return what can lie across a learning curve, by its name in the address."""
    return {
        "epochs": say("Epochs"),
        "seconds": say("Processor seconds"),
        "multiply_adds": say("Multiply-adds"),
    }


def ask(say: Say) -> None:
    """Ask what lies across the charts."""
    choose(
        say("Across"),
        axes(say),
        key="fight_axis",
        default="epochs",
        style="segments",
        hide_label=True,
    )


def curves_of(
    snapshots: Sequence[Snapshot | None], quantity: Quantity, axis: Axis
) -> tuple[Curve, Curve]:
    """Return both corners' curves from the runs of a fight, which come in pairs."""
    one, other = (
        fight_figures.curve([it for it in snapshots[side::2] if it is not None], quantity, axis)
        for side in (0, 1)
    )
    return one, other


def tick(say: Say, fight: Fight, snapshots: Sequence[Snapshot | None]) -> None:
    """Draw both charts, say them in a sentence, and write their numbers in a table."""
    corners = fight.corners(say)
    axis = cast(Axis, st.session_state["fight_axis"])
    quantities: Sequence[tuple[Quantity, str, str]] = (
        (
            "accuracy",
            say("Validation accuracy"),
            say(
                "Validation accuracy of both networks. The sentence and the table below say its "
                "numbers."
            ),
        ),
        (
            "loss",
            say("Validation loss"),
            say("Validation loss of both networks. The table below says its numbers."),
        ),
    )
    longest = max(spec.epochs for spec in fight.pair)
    for column, (quantity, name, alt) in zip(st.columns(2), quantities, strict=True):
        chart = fight_figures.lines(
            corners,
            across=axes(say)[axis],
            up=name,
            whole=axis == "epochs",
            most=longest if axis == "epochs" and fight.rule != "seconds" else None,
            accuracy=quantity == "accuracy",
        )
        curves = curves_of(snapshots, quantity, axis)
        chart["datasets"] = fight_figures.line_data(corners, curves)
        column.vega_lite_chart(chart, key=f"fight_{quantity}", alt=alt)
    accuracy = curves_of(snapshots, "accuracy", axis)
    with st.container(horizontal=True, vertical_alignment="center", key="fight_words"):
        with st.container(width="stretch"):
            show_spoken(_sentence(say, corners, accuracy), key="fight_sentence")
        with st.popover(say("Numbers"), icon=":material/table:", width="content"):
            _show_table(say, corners, axis, accuracy, curves_of(snapshots, "loss", axis))
    if fight.seeds > 1:
        st.caption(
            say("Lines are means over the seeds; the bands reach from the worst seed to the best.")
        )


def _sentence(say: Say, corners: tuple[Corner, Corner], curves: tuple[Curve, Curve]) -> str:
    """Say both accuracy curves in words."""
    if not all(len(curve.at) for curve in curves):
        return say("No epoch is finished yet.")
    lasts = [float(curve.mean[-1]) for curve in curves]
    told = say(
        "Validation accuracy so far: {one} {one_accuracy}, {other} {other_accuracy}.",
        one=corners[0].name,
        one_accuracy=f"{lasts[0]:.3f}",
        other=corners[1].name,
        other_accuracy=f"{lasts[1]:.3f}",
    )
    ahead = 0 if lasts[0] > lasts[1] else 1
    passed = _passed(curves[ahead], lasts[1 - ahead])
    if passed is not None and lasts[0] != lasts[1]:
        told += " " + say(
            "{name} was where the other is now after {part} % of its way.",
            name=corners[ahead].name,
            part=f"{100 * passed:.0f}",
        )
    return told


def _passed(curve: Curve, value: float) -> float | None:
    """Return at which part of its way a curve first reached a value."""
    reached = np.flatnonzero(curve.mean >= value)
    end = float(curve.at[-1])
    return float(curve.at[reached[0]]) / end if len(reached) and end > 0 else None


def _show_table(
    say: Say,
    corners: tuple[Corner, Corner],
    axis: Axis,
    accuracy: tuple[Curve, Curve],
    loss: tuple[Curve, Curve],
) -> None:
    rows = [
        (
            corner.name,
            large(at) if axis == "multiply_adds" else f"{at:.4g}",
            *(_decimals(it) for it in (mean, low, high, loss_mean)),
        )
        for corner, curve, losses in zip(corners, accuracy, loss, strict=True)
        for at, mean, low, high, loss_mean in zip(
            curve.at, curve.mean, curve.low, curve.high, losses.mean, strict=True
        )
    ]
    with st.container(height=min(60 + 32 * max(len(rows), 1), 300), border=False):
        table(
            say("The curves as numbers"),
            [
                say("Network"),
                axes(say)[axis],
                say("Accuracy"),
                say("Worst seed"),
                say("Best seed"),
                say("Loss"),
            ],
            rows,
        )


def _decimals(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else UNKNOWN
