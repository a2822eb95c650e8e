"""The views of the Train page: what will happen, what happens, what came of it."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import streamlit as st

from cvcore import figures
from cvcore.arithmetic import layer_table
from cvcore.datasets import DATASETS, keras_home
from cvcore.engine import engine
from cvcore.figures import CurveWords, Quantity
from cvcore.history import Series, Snapshot
from cvcore.networks import NETWORKS
from cvcore.runs import Predictions
from cvcore.spec import RunSpec
from pages.ui import address
from pages.ui.gallery import Tile, show_gallery
from pages.ui.inputs import choose
from pages.ui.run_input import NETWORK_NAMES, SETTINGS, settings_of
from pages.ui.setup import explain, friendly
from pages.ui.spoken import show_spoken
from pages.ui.tables import table
from pages.ui.views import describe_layer
from pages.ui.words import Say, plain

SHOWN_TILES = 20
_UNKNOWN = "–"
# A difference between training and test accuracy that is worth a word.
_GAP = 0.05


def recall_run(say: Say) -> str:
    """Return the run that the address or this visit names; nonsense gets a sentence.

    Returns
    -------
    str
        A run that there is, or nothing.
    """
    digest = st.query_params.get("run") or str(st.session_state.get("run", ""))
    known = False
    with friendly(say):
        known = engine().snapshot(digest) is not None
    if digest and not known:
        st.info(
            say(
                "There is no run called {name} here: the address was cut short, or the run has "
                "made room for newer ones. Press Train to train it again.",
                name=plain(digest[:40]),
            ),
            icon=":material/link_off:",
        )
    return digest if known else ""


def remember_run(digest: str) -> None:
    """Put the run that is shown into the address, for a reload and for others."""
    st.session_state["run"] = digest
    if not digest:
        st.query_params.pop("run", None)
    elif st.query_params.get("run") != digest:
        st.query_params["run"] = digest


def opening_run(spec: RunSpec) -> str:
    """Return the run to show where none is named: that of the settings, if there is one.

    On the page's own settings nobody meets an empty chart: the first visitor
    of all starts that run, and it is kept for all who follow. If the engine
    failed it, the next visitor starts it again.
    """
    digest = spec.digest()
    past = engine().snapshot(digest)
    at_first = all(settings_of(spec).get(key) == value for key, value in SETTINGS.items())
    if at_first and (past is None or past.state in ("interrupted", "failed")):
        return engine().submit(spec)
    return digest if past is not None else ""


def ask_to_train(say: Say, spec: RunSpec, run: str) -> tuple[str, Snapshot | None]:
    """Offer Train and Stop, and say in numbers what will happen.

    Parameters
    ----------
    say : Say
    spec : RunSpec
        What the controls say.
    run : str
        The run that is shown, or nothing.

    Returns
    -------
    run : str
        The run to show now.
    snapshot : Snapshot or None
        What is known of it; the rest of the page is drawn from the same, so that Stop is
        there exactly while there is something to stop.
    """
    shown = engine().snapshot(run)
    with st.container(horizontal=True, vertical_alignment="center", key="press"):
        if st.button(say("Train"), type="primary", icon=":material/play_arrow:", key="press_train"):
            run = engine().submit(spec)
            shown = engine().snapshot(run)
        st.button(
            say("Stop training"),
            icon=":material/stop:",
            key="press_stop",
            on_click=engine().stop,
            args=(run,),
            disabled=shown is None or shown.ended or shown.state == "stopping",
            help=say("Ends the training for everybody who watches it; its curves stay."),
        )
        _show_layers(say, spec)
        with st.container(width="stretch"):
            _show_plan(say, spec)
    return run, shown


def _show_plan(say: Say, spec: RunSpec) -> None:
    entry = DATASETS[spec.dataset]
    training, validation, test = spec.sizes()
    rows = layer_table(spec.network, entry.shape)
    steps = -(-training // spec.batch_size)
    text = say(
        "{training} pictures to learn from, {validation} for validation, {test} for the test. "
        "{formula} steps an epoch, {total} in all, for {parameters} parameters.",
        training=f"{training:,}",
        validation=f"{validation:,}",
        test=f"{test:,}",
        # In braces, so that no line ends inside it.
        formula=rf"${{\lceil {_tex(training)} / {_tex(spec.batch_size)} \rceil = {_tex(steps)}}}$",
        total=f"{steps * spec.epochs:,}",
        parameters=f"{sum(row.parameters for row in rows):,}",
    )
    missing = [file for file in entry.files if not (keras_home() / file.path).is_file()]
    if missing:
        text += " " + say(
            "The data set, {megabytes} MB, is downloaded once.", megabytes=f"{entry.megabytes:g}"
        )
    st.caption(text)


def _show_layers(say: Say, spec: RunSpec) -> None:
    rows = layer_table(spec.network, DATASETS[spec.dataset].shape)
    lines = [
        (
            describe_layer(say, row.layer),
            " × ".join(map(str, row.output_shape)),
            f"{row.parameters:,}",
        )
        for row in rows
    ]
    lines.append((say("Total"), "", f"{sum(row.parameters for row in rows):,}"))
    with st.popover(say("Layers"), icon=":material/account_tree:", width="content"):
        table(
            say("The layers and their parameters"),
            [say("Layer"), say("Output"), say("Parameters")],
            lines,
            total=True,
        )


def show_run(say: Say, run: str, snapshot: Snapshot | None, spec: RunSpec) -> None:
    """Show a run, live while it learns, and what came of it once it has ended.

    Parameters
    ----------
    say : Say
    run : str
    snapshot : Snapshot or None
        What is known of the run; None for no run: then the charts wait empty.
    spec : RunSpec
        What the controls say, which may be another run's.
    """
    if snapshot is None:
        with st.container(gap="xsmall"):
            _show_state(say, None)
            _show_curves(say, None, spec)
        return
    shown, live = snapshot.spec, not snapshot.ended

    def draw() -> None:
        now = engine().snapshot(run)
        if now is None or (live and now.ended):
            st.rerun()  # the whole page, once: the result comes and the ticking goes
        with st.container(gap="xsmall"):
            _show_state(say, now)
            _show_curves(say, now, shown)

    # A tick costs the server some milliseconds and the browser new data for its two charts.
    st.fragment(draw, run_every=1.0 if live else None, key="run_live")()
    # Beneath the charts, so that they stay in their place when a control is turned.
    if shown != spec:
        _show_difference(say, shown)
    if snapshot.state == "finished":
        _show_result(say, run, shown, snapshot)


def describe_run(say: Say, spec: RunSpec) -> str:
    """Say in a line what a run was asked to do."""
    names = [name for name in NETWORK_NAMES if NETWORKS[name].layers == spec.network]
    network = say(NETWORKS[names[0]].label) if names else say("A network of its own")
    return say(
        "{data} · {network} · {epochs} epochs · batches of {batch} · learning rate {rate} · "
        "{training} training pictures · validation split {split} · seed {seed}",
        data=say(DATASETS[spec.dataset].label),
        network=network,
        epochs=spec.epochs,
        batch=spec.batch_size,
        rate=f"{spec.learning_rate:g}",
        training=f"{spec.sizes()[0]:,}",
        split=f"{spec.validation_split:g}",
        seed=spec.seed,
    )


def _show_difference(say: Say, shown: RunSpec) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="other_run"):
        with st.container(width="stretch"):
            st.caption(
                say(
                    "The curves belong to other settings than the controls show: {run}. "
                    "Press Train to train what is set now.",
                    run=describe_run(say, shown),
                )
            )
        st.button(
            say("Back to them"),
            icon=":material/undo:",
            on_click=address.apply,
            args=(settings_of(shown),),
            width="content",
        )


# -- while it learns


def _show_state(say: Say, snapshot: Snapshot | None) -> None:
    """Say where the run stands, in a line, a bar and four numbers; without one, in none."""
    with st.container(horizontal=True, vertical_alignment="center", key="run_progress"):
        with st.container(width="content"):
            show_spoken(_state(say, snapshot), key="run_state")
        st.progress(snapshot.progress if snapshot else 0.0)
    epochs = speed = time = test = _UNKNOWN
    ended = snapshot is not None and snapshot.ended
    if snapshot is not None:
        epochs = f"{snapshot.epoch.size} / {snapshot.epochs}"
        if snapshot.images_per_second is not None:
            speed = f"{snapshot.images_per_second:,.0f}"
        seconds = snapshot.seconds if ended else snapshot.seconds_left
        if seconds is not None:
            time = duration(say, seconds)
        if snapshot.test_accuracy is not None:
            test = f"{snapshot.test_accuracy:.4f}"
    metrics = (
        (say("Epochs done"), epochs),
        (say("Images per second"), speed),
        (say("Time taken") if ended else say("Time left"), time),
        (say("Test accuracy"), test),
    )
    with st.container(horizontal=True, gap="small", key="run_numbers"):
        for label, value in metrics:
            st.metric(label, value, width=150)
    if snapshot is not None and snapshot.error is not None:
        st.warning(explain(say, snapshot.error), icon=":material/lightbulb:")


def _state(say: Say, snapshot: Snapshot | None) -> str:
    if snapshot is None:
        return say("Nothing is trained with these settings yet: press Train.")
    done, asked = snapshot.epoch.size, snapshot.epochs
    match snapshot.state:
        case "starting":
            return say("The engine that trains is starting.")
        case "queued":
            return say("Queued. Runs to be trained before it: {count}.", count=snapshot.ahead)
        case "preparing":
            return say("TensorFlow, the data set and the network are being made ready.")
        case "running" if done < asked:
            return say("Running: the network learns.")
        case "running":
            return say("The network is asked for the test pictures.")
        case "stopping":
            return say("Stopping: it ends within a moment.")
        case "finished":
            return say("Finished: {done} of {asked} epochs.", done=done, asked=asked)
        case "stopped":
            return say(
                "Stopped after {done} of {asked} epochs. Train starts it from the beginning.",
                done=done,
                asked=asked,
            )
    return say(
        "Broken off after {done} of {asked} epochs. Train starts it from the beginning.",
        done=done,
        asked=asked,
    )


def duration(say: Say, seconds: float) -> str:
    """Say a time in seconds, or from a minute and a half on in minutes and seconds."""
    whole = round(seconds)
    if whole < 90:
        return say("{seconds} s", seconds=whole)
    return say("{minutes} min {seconds} s", minutes=whole // 60, seconds=whole % 60)


def _show_curves(say: Say, snapshot: Snapshot | None, spec: RunSpec) -> None:
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
        (epoch, *(_UNKNOWN if math.isnan(it) else _decimals(say, it) for it in values))
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


# -- after it


def _show_result(say: Say, run: str, spec: RunSpec, snapshot: Snapshot) -> None:
    """Say what came of a finished run, and show test pictures with their names."""
    predictions = None
    with friendly(say):
        predictions = engine().predictions(run)
    if predictions is None:
        return
    said = predictions.probabilities.argmax(axis=1)
    right = int((said == predictions.labels).sum())
    told = say(
        "{right} of {total} test pictures get their right name: {test} %. Of the pictures it "
        "learned from, {training} % did.",
        right=f"{right:,}",
        total=f"{len(said):,}",
        test=f"{100 * right / len(said):.1f}",
        training=f"{100 * snapshot.accuracy[-1]:.1f}",
    )
    st.info(
        f"{told} {_notice(say, spec, snapshot, right / len(said))}", icon=":material/visibility:"
    )
    count = len(predictions.images)
    which = choose(
        say("Test pictures"),
        {
            "first": say("The first test pictures"),
            "wrong": say("Wrong among the first {count}", count=count),
        },
        key="tiles",
        default="first",
        style="segments",
        hide_label=True,
    )
    places = np.arange(count)
    if which == "wrong":
        places = places[said[:count] != predictions.labels[:count]]
    if not len(places):
        st.caption(say("Of the first {count} test pictures it gets none wrong.", count=count))
    show_gallery(
        [_tile(say, spec, predictions, int(place)) for place in places[:SHOWN_TILES]],
        label=say("Test pictures, with the name that the network gives and the true one"),
        key="run_tiles",
    )


def _notice(say: Say, spec: RunSpec, snapshot: Snapshot, test: float) -> str:
    """Say what there is to notice in a finished run."""
    classes = len(DATASETS[spec.dataset].classes)
    if test < 1.5 / classes:
        return say(
            "Guessing among {classes} classes does as well: it has not learned. Try a smaller "
            "learning rate.",
            classes=classes,
        )
    lowest = best(snapshot.val_loss, lowest=True)
    if snapshot.accuracy[-1] - test < _GAP:
        return say("New pictures give it hardly more trouble.")
    if lowest is None or lowest.epoch == snapshot.epoch.size:
        return say("It knows its own pictures better than new ones: that is overfitting.")
    return say(
        "It knows its own pictures better than new ones: that is overfitting. Validation loss "
        "was lowest after epoch {epoch} and has risen since.",
        epoch=lowest.epoch,
    )


def _tile(say: Say, spec: RunSpec, predictions: Predictions, place: int) -> Tile:
    names = DATASETS[spec.dataset].classes
    probabilities = predictions.probabilities[place]
    said, true = int(probabilities.argmax()), int(predictions.labels[place])
    name, percent = say(names[said]), f"{100 * float(probabilities[said]):.0f}"
    right = said == true
    return Tile(
        image=predictions.images[place],
        head=say("✓ {name}, {percent} %", name=name, percent=percent)
        if right
        else say("✗ {name}, {percent} %", name=name, percent=percent),
        note=say("True: {name}", name=say(names[true])),
        alt=say("Test picture {number}, right", number=place + 1)
        if right
        else say("Test picture {number}, wrong", number=place + 1),
        marked=not right,
    )


def _tex(value: int) -> str:
    # In a formula a comma would be followed by a gap.
    return f"{value:,}".replace(",", "{,}")
