"""Several runs on one chart, and branches as a tree."""

import io
import json
from dataclasses import replace

import altair as alt
import numpy as np
import pyarrow as pa
import pytest

from cvcore import run_figures
from cvcore.history import Epoch, History, Snapshot
from cvcore.networks import NETWORKS
from cvcore.run_figures import Branch
from cvcore.spec import RunSpec

SPEC = RunSpec(dataset="digits", network=NETWORKS["dense"].layers, epochs=3)
WORDS = {"value": "정확도", "epoch": "에포크", "run": "실행"}


def rows(data: bytes) -> list[dict[str, object]]:
    found: list[dict[str, object]] = pa.ipc.open_stream(io.BytesIO(data)).read_all().to_pylist()
    return found


def run(spec: RunSpec, *val_accuracies: float | None) -> Snapshot:
    history = History(spec)
    for number, value in enumerate(val_accuracies):
        history.add(
            Epoch(
                attempt=1,
                number=number,
                at=float(number),
                epoch=spec.from_epoch + number + 1,
                loss=1.0,
                accuracy=0.5,
                val_loss=None if value is None else 1 - value,
                val_accuracy=value,
                images_per_second=1.0,
            )
        )
    return history.snapshot()


PARENT = run(SPEC, 0.25, 0.5, 0.75)
BRANCH_SPEC = replace(SPEC, parent=SPEC.digest(), from_epoch=1, learning_rate=0.01)
BRANCH = run(BRANCH_SPEC, 0.625, 0.875)


def test_a_branch_is_drawn_from_where_its_parent_was() -> None:
    data = run_figures.comparison_data({"A": PARENT, "B": BRANCH}, "val_accuracy")
    assert rows(data["curves"]) == [
        {"epoch": 1.0, "value": 0.25, "run": "A"},
        {"epoch": 2.0, "value": 0.5, "run": "A"},
        {"epoch": 3.0, "value": 0.75, "run": "A"},
        {"epoch": 1.0, "value": 0.25, "run": "B"},
        {"epoch": 2.0, "value": 0.625, "run": "B"},
        {"epoch": 3.0, "value": 0.875, "run": "B"},
    ]


def test_a_branch_without_its_parent_begins_with_its_own_first_epoch() -> None:
    data = run_figures.comparison_data({"B": BRANCH}, "val_loss")
    assert [(row["epoch"], row["value"]) for row in rows(data["curves"])] == [
        (2.0, 0.375),
        (3.0, 0.125),
    ]


def test_a_run_without_validation_has_no_curve() -> None:
    silent = run(replace(SPEC, validation_split=0.0), None, None)
    assert rows(run_figures.comparison_data({"A": silent}, "val_loss")["curves"]) == []
    assert len(rows(run_figures.comparison_data({"A": silent}, "loss")["curves"])) == 2


def test_later_branches_lie_nearer_to_their_parent() -> None:
    late = run(replace(SPEC, parent=SPEC.digest(), from_epoch=2), 0.5)
    twig = run(replace(SPEC, parent=BRANCH_SPEC.digest(), from_epoch=2, seed=1), 0.5)
    other = run(replace(SPEC, seed=9), 0.5)
    lanes = run_figures.branches({"A": twig, "B": PARENT, "C": BRANCH, "D": late, "E": other})
    assert lanes == (
        Branch(name="B", parent="", lane=0, start=0.0, end=3.0),
        Branch(name="D", parent="B", lane=1, start=2.0, end=3.0),
        Branch(name="C", parent="B", lane=2, start=1.0, end=3.0),
        Branch(name="A", parent="C", lane=3, start=2.0, end=3.0),
        Branch(name="E", parent="", lane=4, start=0.0, end=1.0),
    )
    data = run_figures.tree_data(lanes)
    assert rows(data["joints"])[1] == {"epoch": 1.0, "value": 0.0, "to": 2.0, "run": "C"}
    assert [row["value"] for row in rows(data["runs"])] == [0, 1, 2, 3, 4]


def test_a_branch_whose_parent_is_not_there_begins_a_tree() -> None:
    (lane,) = run_figures.branches({"A": BRANCH})
    assert (lane.parent, lane.start) == ("", 1.0)


@pytest.mark.parametrize("accuracy", [True, False])
def test_vega_lite_accepts_both_charts(accuracy: bool) -> None:
    names = list(run_figures.NAMES)
    lanes = run_figures.branches({"A": PARENT, "B": BRANCH})
    charts = (
        run_figures.comparison(names=names, epochs=3, words=WORDS, accuracy=accuracy),
        run_figures.tree(lanes, names=names, epochs=3, words=WORDS),
    )
    for chart in charts:
        alt.LayerChart.from_dict(chart)  # checks it against the schema


def test_seven_runs_differ_in_colour_dash_and_mark() -> None:
    chart = run_figures.comparison(
        names=list(run_figures.NAMES), epochs=3, words=WORDS, accuracy=True
    )
    lines, *points = chart["layer"]
    for channel in ("color", "strokeDash"):
        looks = [json.dumps(it) for it in lines["encoding"][channel]["scale"]["range"]]
        assert len(set(looks)) == run_figures.MOST_RUNS == 7
    assert len({it["mark"]["shape"] for it in points}) == 7
    # Red, green and blue, each far enough from the next of its kind for an eye to see.
    colours = np.array([[int(it[k : k + 2], 16) for k in (1, 3, 5)] for it in run_figures.COLOURS])
    apart = np.abs(colours[:, np.newaxis] - colours).sum(axis=2) + 1_000 * np.eye(7)
    assert apart.min() > 100
