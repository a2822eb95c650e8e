"""The views of the Baselines page: what is computed, its table and its chart."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import streamlit as st

from cvcore import baselines, datasets, runs
from cvcore.baselines import (
    DATA,
    RIVALS,
    SIZES,
    ClassifierRival,
    FitSpec,
    Fitted,
    NetworkRival,
    Progress,
)
from cvcore.datasets import DATASETS
from cvcore.engine import engine
from cvcore.history import Snapshot
from cvcore.spec import RunSpec
from pages.ui.inputs import choose
from pages.ui.setup import explain
from pages.ui.tables import table
from pages.ui.words import Say

State = Literal["open", "waiting", "working", "done", "failed"]
# Okabe and Ito's: told apart by shade too; what was published has a shape of its own.
_KERAS, _SKLEARN, _PUBLISHED = "#0072B2", "#E69F00", "#CC79A7"
_UNKNOWN = "–"


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is known of one way to name a picture.

    Parameters
    ----------
    name : str
        In `RIVALS`.
    state : {'open', 'waiting', 'working', 'done', 'failed'}
    said : str
        How far it is, why there is nothing, or what was odd, in the reader's language.
    accuracy, seconds, kilobytes : float
        NaN until it is done. Seconds of processor time for the learning.
    naming : float
        Seconds of processor time for naming the test pictures; NaN where it is not known.
    """

    name: str
    state: State
    said: str = ""
    accuracy: float = math.nan
    seconds: float = math.nan
    kilobytes: float = math.nan
    naming: float = math.nan


def choose_pictures(say: Say) -> tuple[str, int | None]:
    """Ask for the data set, and for how many of its pictures to learn from."""
    data = choose(
        say("Data set"),
        {
            name: say("{name} (needs no network)", name=say(DATASETS[name].label))
            if DATASETS[name].offline
            else say(DATASETS[name].label)
            for name in DATA
        },
        key="base_data",
        default=DATA[0],
    )
    most = DATASETS[data].training
    counts = {str(size): f"{size:,}" for size in SIZES if size < most}
    count = choose(
        say("Training pictures"),
        {**counts, "all": say("All {count}", count=f"{most:,}")},
        key="base_count",
        default=str(SIZES[0]),
        style="segments",
        help=say(
            "A thousand take seconds; ten thousand take a minute or two for all rows together; all "
            "of MNIST take up to some minutes for a row."
        ),
    )
    missing = datasets.missing(data)
    if missing:
        st.caption(
            say(
                "The data set, {megabytes} MB, is downloaded once.",
                megabytes=f"{DATASETS[data].megabytes:g}",
            )
        )
    return data, None if count == "all" else int(count)


def open_with_something(rows: Sequence[Row], dataset: str, size: int | None) -> bool:
    """Have the page's own first experiment computed, so that nobody meets an empty table.

    Returns
    -------
    bool
        Whether something was begun.
    """
    names = [row.name for row in rows if row.state == "open"]
    if (dataset, size) != (DATA[0], SIZES[0]) or not names:
        return False
    compute(names, dataset, size)
    return True


def ask_to_compute(say: Say, rows: Sequence[Row], dataset: str, size: int | None) -> None:
    """Offer a button for each row, and one for all of them."""
    wanted = [row.name for row in rows if row.state in ("open", "failed")]
    running = [
        row.name
        for row in rows
        if row.state in ("waiting", "working") and isinstance(RIVALS[row.name], NetworkRival)
    ]
    with st.container(horizontal=True):
        st.button(
            say("Compute all"),
            type="primary",
            icon=":material/play_arrow:",
            key="base_all",
            on_click=compute,
            args=(wanted, dataset, size),
            disabled=not wanted,
        )
        st.button(
            say("Stop the networks"),
            icon=":material/stop:",
            key="base_stop",
            on_click=stop,
            args=(running, dataset, size),
            disabled=not running,
            help=say(
                "Ends their training for everybody who waits for it; pressed again, they go on. "
                "What scikit-learn has begun it finishes."
            ),
        )
    icons = {"done": ":material/check:", "waiting": ":material/hourglass_empty:"}
    with st.container(horizontal=True, gap="xsmall"):
        for row in rows:
            st.button(
                say(RIVALS[row.name].label),
                key=f"base_compute_{row.name}",
                icon=icons.get(row.state, ":material/play_arrow:"),
                on_click=compute,
                args=([row.name], dataset, size),
                disabled=row.name not in wanted,
            )


def watch(say: Say, rows: Sequence[Row], dataset: str, size: int | None) -> None:
    """Show all rows, live while one of them is waited for."""
    drawn = [row.state for row in rows]
    live = not {"waiting", "working"}.isdisjoint(drawn)

    def draw() -> None:
        now = look(say, dataset, size)
        if live and [row.state for row in now] != drawn:
            st.rerun()  # the whole page: its buttons follow
        _show_rows(say, now, dataset, size)

    st.fragment(draw, run_every=1.0 if live else None, key="base_live")()


def look(say: Say, dataset: str, size: int | None) -> tuple[Row, ...]:
    """Return all rows as they stand now.

    Parameters
    ----------
    say : Say
    dataset : str
    size : int or None
        How many pictures are learned from.
    """
    return tuple(
        _network_row(say, name, baselines.run_of(name, dataset, size))
        if isinstance(rival, NetworkRival)
        else _classifier_row(say, FitSpec(classifier=name, dataset=dataset, size=size))
        for name, rival in RIVALS.items()
    )


def compute(names: Sequence[str], dataset: str, size: int | None) -> None:
    """Have rows computed, one after the other; for a button's ``on_click``."""
    # scikit-learn's first: most of them are there in a moment, while TensorFlow still loads.
    for name in sorted(names, key=lambda name: isinstance(RIVALS[name], NetworkRival)):
        if isinstance(RIVALS[name], NetworkRival):
            engine().submit(baselines.run_of(name, dataset, size))
        else:
            spec = FitSpec(classifier=name, dataset=dataset, size=size)
            engine().compute(baselines.fit, spec)


def stop(names: Sequence[str], dataset: str, size: int | None) -> None:
    """End the training of networks; for a button's ``on_click``."""
    for name in names:
        engine().stop(baselines.run_of(name, dataset, size).digest())


def _network_row(say: Say, name: str, spec: RunSpec) -> Row:
    now = engine().snapshot(spec.digest())
    if now is None:
        return Row(name=name, state="open")
    if now.state == "finished" and now.test_accuracy is not None:
        return Row(
            name=name,
            state="done",
            accuracy=now.test_accuracy,
            seconds=float(now.processor_seconds[-1]),
            kilobytes=now.parameters * 4 / 1e3,  # float32
        )
    if now.ended:
        return Row(name=name, state="failed", said=_why_not(say, now))
    if now.state != "running":
        return Row(name=name, state="waiting", said=say("waits"))
    said = say(
        "epoch {epoch} of {epochs}", epoch=min(now.epoch.size + 1, now.epochs), epochs=now.epochs
    )
    return Row(name=name, state="working", said=said)


def _why_not(say: Say, now: Snapshot) -> str:
    if now.error is not None:
        return explain(say, now.error)
    return say("It was ended before its last epoch. Press its button, and it goes on.")


def _classifier_row(say: Say, spec: FitSpec) -> Row:
    name, url = spec.classifier, runs.location()
    answer = engine().computed(baselines.fit, spec)
    found = baselines.recall(url, spec)
    if found is not None:
        return Row(
            name=name,
            state="done",
            said=_remark(say, found),
            accuracy=found.accuracy,
            seconds=found.learning_seconds,
            kilobytes=found.kept_bytes / 1e3,
            naming=found.naming_seconds,
        )
    if answer is None or answer.state == "ready":  # kept no more
        return Row(name=name, state="open")
    if answer.error is not None:
        return Row(name=name, state="failed", said=explain(say, answer.error))
    progress = baselines.recall_progress(url, spec)
    if progress is None:
        return Row(name=name, state="waiting", said=say("waits"))
    return Row(name=name, state="working", said=_doing(say, progress))


def _doing(say: Say, progress: Progress) -> str:
    if math.isnan(progress.done):
        return say("learns")
    percent = f"{100 * progress.done:.0f}"
    if progress.doing == "learning":
        return say("learns, {percent} %", percent=percent)
    return say("names the test pictures, {percent} %", percent=percent)


def _remark(say: Say, found: Fitted) -> str:
    if found.converged:
        return ""
    return say(
        "Logistic regression was ended after {count} rounds, before its weights had settled.",
        count=found.iterations,
    )


def _show_rows(say: Say, rows: Sequence[Row], dataset: str, size: int | None) -> None:
    """Draw the table, the chart, and what there is to notice."""
    with st.container(gap="xsmall"):
        left, right = st.columns([1.55, 1], gap="small")
        with left:
            _show_table(say, rows, dataset)
        with right:
            _show_chart(say, rows, dataset)
        for row in rows:
            if row.state == "failed":
                st.warning(
                    say("{name}: {why}", name=say(RIVALS[row.name].label), why=row.said),
                    icon=":material/lightbulb:",
                )
        _show_notice(say, rows, dataset, size)


def _show_table(say: Say, rows: Sequence[Row], dataset: str) -> None:
    def cells(row: Row) -> tuple[str, ...]:
        published = RIVALS[row.name].published.get(dataset)
        figures = (
            (
                f"{100 * row.accuracy:.2f} %",
                f"{row.seconds:.1f}",
                f"{row.kilobytes:,.0f}",
            )
            if row.state == "done"
            else (row.said if row.state in ("waiting", "working") else _UNKNOWN, _UNKNOWN, _UNKNOWN)
        )
        told = f"{100 * published.accuracy:g} %" if published else _UNKNOWN
        return (say(RIVALS[row.name].label), figures[0], told, *figures[1:])

    table(
        say("The classifiers and how well they do"),
        [
            say("Classifier"),
            say("Test accuracy"),
            say("Published"),
            say("Learning, s"),
            say("Keeps, kB"),
        ],
        [cells(row) for row in rows],
    )
    st.caption(
        say(
            "Learning: seconds of processor time on this machine. Keeps: what is needed "
            "afterwards to name a picture."
        )
    )
    published = [
        (rival, figure)
        for rival in RIVALS.values()
        if (figure := rival.published.get(dataset)) is not None
    ]
    if published:
        with st.expander(say("Whose the published figures are (◆)")):
            for rival, figure in published:
                st.markdown(
                    say(
                        "**{name}, {percent} %**: {how}. {source}.",
                        name=say(rival.label),
                        percent=f"{100 * figure.accuracy:g}",
                        how=say(figure.note),
                        source=figure.source,
                    )
                )


def _show_chart(say: Say, rows: Sequence[Row], dataset: str) -> None:
    """Draw how many of a thousand test pictures get a wrong name; a bar from 0 can be compared."""
    keras, sklearn = say("Keras"), say("scikit-learn")
    published = say("Published")
    bars: list[dict[str, Any]] = []
    marks: list[dict[str, Any]] = []
    for row in rows:
        rival, label = RIVALS[row.name], say(RIVALS[row.name].label)
        wrong = None if math.isnan(row.accuracy) else round(1000 * (1 - row.accuracy), 1)
        by = sklearn if isinstance(rival, ClassifierRival) else keras
        bars.append({"name": label, "wrong": wrong, "by": by})
        told = rival.published.get(dataset)
        if told is not None:
            wrong = round(1000 * (1 - told.accuracy), 1)
            marks.append({"name": label, "wrong": wrong, "by": published})
    x = {
        "field": "wrong",
        "type": "quantitative",
        "title": say("Wrong among 1,000 test pictures"),
        "scale": {"zero": True, "domainMin": 0},
    }
    y = {
        "field": "name",
        "type": "nominal",
        "sort": [bar["name"] for bar in bars],
        "title": None,
        "axis": {"labelLimit": 160},
    }
    told_of = [
        {"field": "name", "type": "nominal", "title": None},
        {"field": "by", "type": "nominal", "title": None},
        {**x, "format": ".1f"},
    ]
    colour = {
        "field": "by",
        "type": "nominal",
        "title": None,
        "legend": {"orient": "top"},
        "scale": {"domain": [keras, sklearn], "range": [_KERAS, _SKLEARN]},
    }
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": bars},
            "mark": {"type": "bar"},
            "encoding": {"x": x, "y": y, "color": colour, "tooltip": told_of},
        },
        {
            "data": {"values": bars},
            "mark": {"type": "text", "align": "left", "dx": 3, "color": "gray"},
            "encoding": {"x": x, "y": y, "text": {"field": "wrong", "format": ".1f"}},
        },
    ]
    if marks:
        layers.append(
            {
                "data": {"values": marks},
                "mark": {
                    "type": "point",
                    "shape": "diamond",
                    "size": 90,
                    "filled": True,
                    "opacity": 1,
                    "stroke": "white",
                    "strokeWidth": 1.5,
                    "color": _PUBLISHED,
                },
                "encoding": {"x": x, "y": y, "tooltip": told_of},
            }
        )
    st.vega_lite_chart(
        {"height": 300, "layer": layers},
        key="baseline_chart",
        alt=say("Test pictures that get a wrong name, as bars; the table says the numbers."),
    )


def _show_notice(say: Say, rows: Sequence[Row], dataset: str, size: int | None) -> None:
    done = [row for row in rows if row.state == "done"]
    if not done:
        return
    best = max(done, key=lambda row: row.accuracy)
    total = DATASETS[dataset].test
    told = say(
        "Best here: {name}, with {wrong} of {total} test pictures wrong.",
        name=say(RIVALS[best.name].label),
        wrong=f"{round((1 - best.accuracy) * total):,}",
        total=f"{total:,}",
    )
    by_name = {row.name: row for row in done}
    if {"linear", "logistic"} <= by_name.keys():
        told += " " + say(
            "The linear classifier and logistic regression are the same sum with a softmax "
            "behind it ({linear} % and {logistic} %): only the way to the weights differs.",
            linear=f"{100 * by_name['linear'].accuracy:.1f}",
            logistic=f"{100 * by_name['logistic'].accuracy:.1f}",
        )
    if "neighbours" in by_name:
        told += " " + say(
            "k nearest neighbours learns nothing: it keeps all pictures and looks through them "
            "each time, {seconds} s for the test pictures.",
            seconds=f"{by_name['neighbours'].naming:.2f}",
        )
    if "logistic" in by_name and by_name["logistic"].said:
        told += " " + by_name["logistic"].said
    if size is not None and any(dataset in rival.published for rival in RIVALS.values()):
        told += " " + say(
            "The published figures come from all {count} training pictures, or nearly all.",
            count=f"{DATASETS[dataset].training:,}",
        )
    st.info(told, icon=":material/visibility:")


def show_libraries(say: Say, dataset: str, size: int | None) -> None:
    """Answer what structure scikit-learn's classifiers have, and what Keras' networks have."""
    entry = DATASETS[dataset]
    count = size or entry.training
    flat, shaped = (count, math.prod(entry.shape)), (count, *entry.shape)
    st.subheader(say("What structure is scikit-learn's, and what is Keras'?"), anchor=False)
    left, right = st.columns(2, gap="medium")
    with left:
        name = choose(
            say("A classifier of scikit-learn"),
            {name: say(it.label) for name, it in RIVALS.items() if isinstance(it, ClassifierRival)},
            key="base_classifier",
            default="logistic",
        )
        st.markdown(
            say(
                "**A table goes in: {shape}.** A row is a picture, a column is a pixel; that "
                "pixels are neighbours is forgotten. The structure is chosen by a name, "
                "`fit` sees all pictures at once, and what it learned is kept in the object.",
                shape=f"`{flat}`",
            )
        )
        spec = FitSpec(classifier=name, dataset=dataset, size=size)
        st.code(baselines.sklearn_code(spec), language="python")
    with right:
        name = choose(
            say("A network of Keras"),
            {name: say(it.label) for name, it in RIVALS.items() if isinstance(it, NetworkRival)},
            key="base_network",
            default="linear",
        )
        st.markdown(
            say(
                "**Pictures go in: {shape}.** The structure is yours, layer by layer; `Flatten` "
                "makes the same table, and a convolution does without it. `compile` chooses "
                "how to learn, and `fit` sees {batch} pictures a step, {epochs} times all.",
                shape=f"`{shaped}`",
                batch=baselines.run_of(name, dataset, size).batch_size,
                epochs=baselines.run_of(name, dataset, size).epochs,
            )
        )
        st.code(baselines.keras_code(baselines.run_of(name, dataset, size)), language="python")
    st.caption(
        say(
            "Both are objects with `fit` and `predict`. This is the code that fills the table, "
            "but for its clocks and for Keras' seeds."
        )
    )
