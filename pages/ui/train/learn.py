"""The curves of a run, as charts, in words and as a table; they grow while it learns."""

import math
from collections.abc import Sequence

import streamlit as st

from cvcore import figures, overfitting
from cvcore.figures import CurveWords, Quantity
from cvcore.history import Snapshot
from cvcore.overfitting import best
from cvcore.spec import RunSpec
from pages.ui.inputs import choose, decimal
from pages.ui.spoken import show_spoken
from pages.ui.tables import table
from pages.ui.train.state import UNKNOWN
from pages.ui.words import Say

# A difference between training and validation accuracy that is worth a word.
_AHEAD = 0.02


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
    charts = st.container()
    with st.container(horizontal=True, vertical_alignment="center", key="run_words"):
        if snapshot is not None:
            with st.container(width="stretch"):
                text = f"{sentence(say, snapshot)} {_gap(say, snapshot)}"
                show_spoken(text.strip(), key="run_sentence")
        with st.popover(say("Chart"), icon=":material/tune:", width="content"):
            log, smoothing = _choose_look(say)
        if snapshot is not None:
            with st.popover(say("Numbers"), icon=":material/table:", width="content"):
                _show_table(say, snapshot, spec)
    epochs = snapshot.epochs if snapshot else spec.epochs
    for column, (quantity, name, alt) in zip(charts.columns(2), quantities, strict=True):
        words = CurveWords(
            quantity=name, epoch=epoch, training=training, validation=validation, test=test
        )
        chart = figures.curves(
            quantity,
            epochs=epochs,
            validation=spec.sizes()[1] > 0,
            words=words,
            log=log and quantity == "loss",
            first=spec.from_epoch,
        )
        chart["datasets"] = figures.curve_data(snapshot, quantity, words=words, smoothing=smoothing)
        column.vega_lite_chart(chart, key=f"curves_{quantity}", alt=alt)


def _choose_look(say: Say) -> tuple[bool, float]:
    """Ask how the curves are drawn: the axis of the loss, and how smooth the lines are."""
    axis = choose(
        say("Axis of the loss"),
        {"linear": say("Linear"), "log": say("Logarithmic")},
        key="axis",
        default="linear",
        style="segments",
    )
    smoothing = decimal(
        say("Smoothing of the lines"),
        key="smooth",
        default=0.0,
        low=0.0,
        high=0.95,
        step=0.1,
        help=say(
            "How much of its past each point of a line carries along: 0 for none. The marks stay "
            "where they were measured."
        ),
    )
    return axis == "log", smoothing


def sentence(say: Say, snapshot: Snapshot) -> str:
    """Say both curves in words."""
    done = snapshot.epoch.size
    if done == 0:
        return say("No epoch is finished yet.")
    told = say(
        "After {done} of {asked} epochs: training loss {loss}, training accuracy {accuracy}.",
        done=int(snapshot.epoch[-1]),
        asked=snapshot.epochs,
        loss=_decimals(say, snapshot.loss[-1]),
        accuracy=_decimals(say, snapshot.accuracy[-1]),
    )
    lowest = best(snapshot.val_loss, snapshot.epoch, lowest=True)
    highest = best(snapshot.val_accuracy, snapshot.epoch, lowest=False)
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


def _gap(say: Say, snapshot: Snapshot) -> str:
    """Say whether validation follows training, and by which measure it does not."""
    found = overfitting.gap(snapshot)
    if found is None:
        return ""
    if not found.opens:
        if found.accuracy_ahead < _AHEAD:
            return say("Validation follows training.")
        return say(
            "Training accuracy is {ahead} ahead of validation accuracy (the gap is shaded); so far "
            "validation loss does not keep rising.",
            ahead=f"{found.accuracy_ahead:.4f}",
        )
    values = {
        "epoch": found.loss.epoch,
        "low": _decimals(say, found.loss.value),
        "now": _decimals(say, found.val_loss),
        "then": _decimals(say, found.training_loss_then),
        "training": _decimals(say, found.training_loss),
        "accuracy_epoch": found.accuracy.epoch,
    }
    if found.accuracy.epoch > found.loss.epoch:
        return say(
            "Overfitting, by the loss: since epoch {epoch} validation loss has risen from {low} "
            "to {now}, while training loss fell from {then} to {training} (the gap is shaded). "
            "By the accuracy, validation went on improving until epoch {accuracy_epoch}.",
            **values,
        )
    return say(
        "Overfitting, by both measures: since epoch {epoch} validation loss has risen from {low} "
        "to {now}, while training loss fell from {then} to {training} (the gap is shaded); "
        "validation accuracy was highest after epoch {accuracy_epoch}.",
        **values,
    )


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
