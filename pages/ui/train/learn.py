"""The curves of a run, as charts, in words and as a table; they grow while it learns."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import streamlit as st

from cvcore import figures
from cvcore.figures import CurveWords, Quantity
from cvcore.history import Series, Snapshot
from cvcore.spec import RunSpec
from pages.ui.spoken import show_spoken
from pages.ui.tables import table
from pages.ui.train.state import UNKNOWN
from pages.ui.words import Say


def show_curves(say: Say, snapshot: Snapshot | None, spec: RunSpec) -> None:
    """Draw both charts, say them in a sentence, and write their numbers in a table.

    Without a snapshot the charts are empty.
    """
    training = say("Training")
    validation, test, epoch = say("Validation"), say("Test"), say("Epoch")
    quantities: Sequence[tuple[Quantity, str, str]] = (
        (
            "accuracy",
            say("Accuracy"),
            say("Accuracy over the epochs. The sentence and the table below say its numbers."),
        ),
        (
            "loss",
            say("Loss"),
            say("Loss over the epochs. The sentence and the table below say its numbers."),
        ),
    )
    epochs = snapshot.epochs if snapshot else spec.epochs
    for column, (quantity, name, alt) in zip(st.columns(2), quantities, strict=True):
        words = CurveWords(
            quantity=name, epoch=epoch, training=training, validation=validation, test=test
        )
        chart = figures.curves(quantity, epochs=epochs, validation=spec.sizes()[1] > 0, words=words)
        chart["datasets"] = figures.curve_data(snapshot, quantity, words=words)
        column.vega_lite_chart(chart, key=f"curves_{quantity}", alt=alt)
    if snapshot is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="run_words"):
        with st.container(width="stretch"):
            show_spoken(sentence(say, snapshot), key="run_sentence")
        with st.popover(say("Numbers"), icon=":material/table:", width="content"):
            _show_table(say, snapshot, spec)


class Best(NamedTuple):
    """The best value of a curve, and the epoch after which it was reached."""

    value: float
    epoch: int


def best(values: Series, *, lowest: bool) -> Best | None:
    """Find a curve's best epoch; None where no value is a number."""
    if not np.isfinite(values).any():
        return None
    place = int(np.nanargmin(values) if lowest else np.nanargmax(values))
    return Best(float(values[place]), place + 1)


def sentence(say: Say, snapshot: Snapshot) -> str:
    """Say both curves in words."""
    done = snapshot.epoch.size
    if done == 0:
        return say("No epoch is finished yet.")
    told = say(
        "After {done} of {asked} epochs: training loss {loss}, training accuracy {accuracy}.",
        done=done,
        asked=snapshot.epochs,
        loss=_decimals(say, snapshot.loss[-1]),
        accuracy=_decimals(say, snapshot.accuracy[-1]),
    )
    lowest = best(snapshot.val_loss, lowest=True)
    highest = best(snapshot.val_accuracy, lowest=False)
    if lowest and highest:
        told += " " + say(
            "Validation loss {loss}, lowest after epoch {loss_epoch}; validation accuracy "
            "{accuracy}, highest after epoch {accuracy_epoch}.",
            loss=_decimals(say, snapshot.val_loss[-1]),
            loss_epoch=lowest.epoch,
            accuracy=_decimals(say, snapshot.val_accuracy[-1]),
            accuracy_epoch=highest.epoch,
        )
    elif snapshot.validation_pictures == 0:
        told += " " + say("No pictures are kept for validation.")
    if not math.isfinite(snapshot.loss[-1]):
        told += " " + say(
            "The loss is beyond all numbers: the weights have run away. Choose a smaller "
            "learning rate."
        )
    return told


def _decimals(say: Say, value: float) -> str:
    if not math.isfinite(value):
        return say("not a number")
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:.3g}"


def _show_table(say: Say, snapshot: Snapshot, spec: RunSpec) -> None:
    head = [
        say("Epoch"),
        say("Training loss"),
        say("Training accuracy"),
        say("Validation loss"),
        say("Validation accuracy"),
    ]
    rows = [
        (epoch, *(UNKNOWN if math.isnan(it) else _decimals(say, it) for it in values))
        for epoch, *values in figures.table(snapshot)
    ]
    with st.container(height=min(60 + 32 * max(len(rows), 1), 300), border=False):
        table(say("The curves as numbers"), head, rows, text=())
    st.caption(
        say(
            "Training values are means over the epoch, while the network was still changing; "
            "validation values are measured after it. That is why validation can be ahead at "
            "first. The thin line inside an epoch is the mean since the epoch began."
        )
    )
    st.download_button(
        say("Numbers (CSV)"),
        lambda: figures.as_csv(snapshot),
        f"{spec.digest()}.csv",
        "text/csv",
        icon=":material/download:",
        key="run_csv",
        on_click="ignore",
    )
