"""What came of a run, closely: its confusion matrix, each class, its mistakes, one picture."""

import math

import numpy as np
import streamlit as st

from cvcore import evaluation
from cvcore.arrays import ByteArray, IntArray
from cvcore.datasets import DATASETS
from cvcore.display import unsigned_colours
from cvcore.engine import engine
from cvcore.evaluation import Report, Scores
from cvcore.history import Snapshot
from cvcore.runs import Predictions
from cvcore.spec import RunSpec
from cvcore.subjects import Picture, Subject
from pages.ui import address, questions
from pages.ui.gallery import Tile, show_gallery
from pages.ui.inputs import choose, number
from pages.ui.picture import Pick, show_picture
from pages.ui.probabilities import show_probabilities
from pages.ui.setup import friendly
from pages.ui.tables import table
from pages.ui.words import Say, plain

TILES = 12
"""Test pictures on a page of the gallery."""

_MOST_CONFUSED = ""  # in the address: the cell in which most mistakes are


def show(say: Say, run: str, snapshot: Snapshot | None, spec: RunSpec) -> None:  # noqa: ARG001
    """Show what a run's network says of the test pictures.

    Parameters
    ----------
    say : Say
    run : str
    snapshot : Snapshot or None
    spec : RunSpec
        Not needed: what came of a run belongs to its own settings.
    """
    predictions = None
    if snapshot is not None and snapshot.ended:
        with friendly(say):
            predictions = engine().predictions(run)
    if snapshot is None or predictions is None:
        st.info(
            say(
                "As soon as a run is finished or stopped, its network is asked for the names of "
                "the test pictures; they are shown here."
            ),
            icon=":material/hourglass_empty:",
        )
        return
    names = [say(name) for name in DATASETS[snapshot.spec.dataset].classes]
    _say_accuracy(say, snapshot, predictions)
    moment = max(engine().moments(run), default=0.0)
    answers = questions.ask(say, (evaluation.report, run, moment), key="result_wait")
    if answers is None:
        return
    report: Report = answers[0]
    cell = _recall_cell(report)
    address.report_ignored(say)
    left, right = st.columns([1, 1.25], gap="medium")
    with left:
        _show_matrix(say, report, names, cell)
    with right:
        place = _show_group(say, run, predictions, names, cell)
    if place is not None:
        _show_one(say, run, place, names)
    with st.expander(say("Precision and recall of each class"), expanded=True):
        _show_classes(say, report, names)
    with st.expander(say("Confusion matrix as a table")):
        table(
            say("Confusion matrix"),
            [say("True class"), *names],
            [(name, *row) for name, row in zip(names, report.counts.tolist(), strict=True)],
        )


def _say_accuracy(say: Say, snapshot: Snapshot, predictions: Predictions) -> None:
    right = int((predictions.probabilities.argmax(axis=1) == predictions.labels).sum())
    total = len(predictions.labels)
    told = say(
        "Test accuracy {accuracy}: {right} of {total} test pictures get their right name.",
        accuracy=f"{right / total:.4f}",
        right=f"{right:,}",
        total=f"{total:,}",
    )
    if snapshot.test_loss is not None:
        told += " " + say("Test loss {loss}.", loss=f"{snapshot.test_loss:.4f}")
    st.markdown(told)


# -- the confusion matrix


def _recall_cell(report: Report) -> tuple[int, int]:
    """Return the row and the column of the cell that the visitor chose."""
    address.recall("result_cell", _MOST_CONFUSED, _read_cell)
    address.publish("result_cell", _MOST_CONFUSED)
    text = str(st.session_state["result_cell"])
    last = len(report.counts) - 1
    if not text:
        return evaluation.most_confused(report.counts)
    row, column = text.split("-")
    return min(int(row), last), min(int(column), last)  # another run may have fewer classes


def _read_cell(text: str) -> str:
    row, column = text.split("-")  # ValueError unless there are two
    read = address.whole(0, 99)
    return f"{read(row)}-{read(column)}"


def _go_to_cell(row: int, column: int) -> None:
    address.apply({"result_cell": f"{row}-{column}", "result_of": "cell", "result_page": 1})


def _show_matrix(say: Say, report: Report, names: list[str], cell: tuple[int, int]) -> None:
    counts = report.counts.astype(np.float32)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    row, column = cell
    show_picture(
        unsigned_colours(share, colours="viridis", low=0.0, high=1.0),
        key="result_matrix",
        caption=say("Confusion matrix: true classes down, given names across"),
        limit=360,
        values=counts,
        names=names,
        window=(row, column, 1, 1),
        alt=say(
            "Confusion matrix of {count} test pictures; {right} on the diagonal",
            count=int(report.counts.sum()),
            right=int(np.trace(report.counts)),
        ),
        pick=Pick(
            key="result_matrix",
            label=say(
                "Confusion matrix. Click a cell, or use the arrow keys, to see its pictures."
            ),
            at=cell,
            shape=(len(names), len(names)),
            on_change=_go_to_cell,
        ),
    )
    count = int(report.counts[row, column])
    st.markdown(
        say(
            "Row {row}, column {column}: **{name}**, rightly named; pictures: {count}.",
            row=row + 1,
            column=column + 1,
            name=plain(names[row]),
            count=count,
        )
        if row == column
        else say(
            "Row {row}, column {column}: **{true}** taken for **{said}**; pictures: {count}.",
            row=row + 1,
            column=column + 1,
            true=plain(names[row]),
            said=plain(names[column]),
            count=count,
        )
    )
    st.caption(say("The colour is the share of the row."))


# -- pictures of a group


def _show_group(
    say: Say, run: str, predictions: Predictions, names: list[str], cell: tuple[int, int]
) -> int | None:
    """Show a page of test pictures; return the place of the one to look at closely."""
    group = choose(
        say("Which test pictures"),
        {
            "mistakes": say("Surest mistakes"),
            "cell": say("The cell's"),
            "all": say("All, in order"),
        },
        key="result_of",
        default="mistakes",
        style="segments",
        hide_label=True,
    )
    labels, probabilities = predictions.labels, predictions.probabilities
    if group == "cell":
        places = evaluation.in_cell(labels, probabilities, *cell)
    elif group == "all":
        places = np.arange(len(labels))
    else:
        places = evaluation.confident_mistakes(labels, probabilities)
    if not len(places):
        st.caption(
            say("No test picture is in this cell.")
            if group == "cell"
            else say("It gets no test picture wrong.")
        )
        return None
    pages = math.ceil(len(places) / TILES)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        page = number(
            say("Page (1 to {count})", count=pages),
            key="result_page",
            default=1,
            low=1,
            high=pages,
            style="box",
        )
        shown = places[(page - 1) * TILES : page * TILES]
        place = _choose_one(say, shown, predictions, names)
    answers = questions.ask(
        say, (evaluation.pictures, run, tuple(shown.tolist())), key="result_tiles_wait"
    )
    if answers is not None:
        show_gallery(
            [
                _tile(say, image, int(it), predictions, names)
                for it, image in zip(shown, answers[0], strict=True)
            ],
            label=say("Test pictures, with the name that the network gives and the true one"),
            key="result_tiles",
            chosen=shown.tolist().index(place),
            on_choose=lambda it: address.apply({"result_picture": str(shown[it] + 1)}),
        )
    return place


def _choose_one(say: Say, shown: IntArray, predictions: Predictions, names: list[str]) -> int:
    said = predictions.probabilities.argmax(axis=1)
    options = {
        str(place + 1): say(
            "No. {number}: {said} (true: {true})",
            number=place + 1,
            said=names[said[place]],
            true=names[predictions.labels[place]],
        )
        for place in shown.tolist()
    }
    first = next(iter(options))
    return int(choose(say("Look closely at"), options, key="result_picture", default=first)) - 1


def _tile(
    say: Say, image: ByteArray, place: int, predictions: Predictions, names: list[str]
) -> Tile:
    probabilities = predictions.probabilities[place]
    said, true = int(probabilities.argmax()), int(predictions.labels[place])
    percent = f"{100 * float(probabilities[said]):.0f}"
    return Tile(
        image=image,
        head=say("✓ {name}, {percent} %", name=names[said], percent=percent)
        if said == true
        else say("✗ {name}, {percent} %", name=names[said], percent=percent),
        note=say("True: {name}", name=names[true]),
        alt=say("Test picture {number}, right", number=place + 1)
        if said == true
        else say("Test picture {number}, wrong", number=place + 1),
        marked=said != true,
    )


# -- one picture


def _show_one(say: Say, run: str, place: int, names: list[str]) -> None:
    moments = engine().moments(run)
    if not moments:
        st.caption(say("The weights of this run are not kept any more: train it again."))
        return
    question = (evaluation.scores, Subject(run=run, moment=moments[-1]), Picture(number=place))
    answers = questions.ask(say, question, key="result_one_wait")
    if answers is None:
        return
    scores: Scores = answers[0]
    beside, bars = st.columns([1, 3], gap="medium")
    with beside:
        show_picture(
            scores.image,
            key="result_one",
            caption=say("Test picture {number}", number=place + 1),
            limit=180,
            alt=say("Test picture {number}", number=place + 1),
        )
    with bars:
        show_probabilities(
            say, scores.probabilities, names, true=scores.label, scores=scores.scores
        )
        st.caption(
            say(
                "The raw scores (logits) are what the last layer computes. Softmax takes e to the "
                "power of each and divides by their sum: so the scores become probabilities, all "
                "above 0 and 1 together, and a score larger by 1 becomes a probability e = 2.72 "
                "times as large."
            )
        )


# -- each class


def _show_classes(say: Say, report: Report, names: list[str]) -> None:
    def share(value: float) -> str:
        return "–" if math.isnan(value) else f"{value:.3f}"

    table(
        say("Precision and recall of each class"),
        [say("Class"), say("Precision"), say("Recall"), "F1", say("Test pictures")],
        [
            (
                name,
                share(report.precision[label]),
                share(report.recall[label]),
                share(report.f1[label]),
                f"{int(report.support[label]):,}",
            )
            for label, name in enumerate(names)
        ],
    )
    st.caption(
        say(
            "Precision: of the pictures that get this name, how many are right. Recall: of the "
            "pictures of this class, how many get its name. F1: their harmonic mean. Computed with "
            "scikit-learn; – where there is nothing to divide by."
        )
    )
