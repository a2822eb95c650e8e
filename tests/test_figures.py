"""Learning curves: charts that Vega-Lite accepts, and data that say what the run said."""

import csv
import io
import json
import math
from typing import Any

import altair as alt
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from cvcore import figures
from cvcore.figures import CurveWords
from cvcore.history import Batch, Done, Epoch, Event, History, Preparing, Snapshot, Started
from cvcore.networks import NETWORKS
from cvcore.spec import RunSpec

WORDS = CurveWords(
    quantity="손실", epoch="에포크", training="훈련", validation="검증", test="테스트"
)
SPEC = RunSpec(dataset="digits", network=NETWORKS["dense"].layers, epochs=3)


def rows(data: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pa.ipc.open_stream(data).read_all().to_pylist()
    return found


def told(*events: Event) -> Snapshot:
    """Return what is known after these events, which follow a start of 10 steps an epoch."""
    history = History(SPEC)
    history.add(Preparing(attempt=1, number=0, at=0.0, host="here", process=1))
    history.add(
        Started(
            attempt=1,
            number=1,
            at=0.0,
            epochs=3,
            steps=10,
            training_pictures=320,
            validation_pictures=100,
            test_pictures=100,
            parameters=9_610,
        )
    )
    for event in events:
        history.add(event)
    return history.snapshot()


def batch(number: int, epoch: int, step: int, loss: float) -> Batch:
    return Batch(
        attempt=1,
        number=number,
        at=float(number),
        epoch=epoch,
        step=step,
        loss=loss,
        accuracy=1 - loss / 4,
        images_per_second=100.0,
    )


def epoch(number: int, epoch: int, loss: float, val_loss: float | None) -> Epoch:
    return Epoch(
        attempt=1,
        number=number,
        at=float(number),
        epoch=epoch,
        loss=loss,
        accuracy=1 - loss / 4,
        val_loss=val_loss,
        val_accuracy=None if val_loss is None else 1 - val_loss / 4,
        images_per_second=100.0,
    )


RUN = told(
    batch(2, 1, 5, 2.0),
    batch(3, 1, 10, 1.5),
    epoch(4, 1, 1.5, 1.25),
    batch(5, 2, 5, 1.0),
    epoch(6, 2, 0.75, 1.0),
    Done(attempt=1, number=7, at=8.0, test_loss=1.125, test_accuracy=0.71875, early=True),
)


def test_the_curves_hold_what_the_run_told() -> None:
    data = figures.curve_data(RUN, "loss", words=WORDS)
    assert rows(data["epochs"]) == [
        {"epoch": 1.0, "value": 1.5, "series": "훈련"},
        {"epoch": 2.0, "value": 0.75, "series": "훈련"},
        {"epoch": 1.0, "value": 1.25, "series": "검증"},
        {"epoch": 2.0, "value": 1.0, "series": "검증"},
    ]
    assert rows(data["moments"]) == [
        {"epoch": 0.5, "value": 2.0, "part": 1},
        {"epoch": 1.0, "value": 1.5, "part": 1},  # an epoch's last moment is still its own
        {"epoch": 1.5, "value": 1.0, "part": 2},
    ]
    assert rows(data["test"]) == [{"epoch": 3.0, "value": 1.125, "series": "테스트"}]


def test_the_accuracy_is_drawn_like_the_loss() -> None:
    loss, accuracy = (figures.curve_data(RUN, it, words=WORDS) for it in ("loss", "accuracy"))
    for name in loss:
        values = [row["value"] for row in rows(accuracy[name])]
        assert_allclose(values, [1 - row["value"] / 4 for row in rows(loss[name])])


def test_without_validation_there_is_no_curve_of_it() -> None:
    snapshot = told(epoch(2, 1, 1.5, None))
    data = rows(figures.curve_data(snapshot, "loss", words=WORDS)["epochs"])
    assert [row["series"] for row in data] == ["훈련"]
    chart = json.dumps(
        figures.curves("loss", epochs=3, validation=False, words=WORDS)["layer"][2],
        ensure_ascii=False,
    )
    assert "훈련" in chart
    assert "검증" not in chart


def test_the_test_is_drawn_at_the_end_alone() -> None:
    snapshot = told(epoch(2, 1, 1.5, 1.25))
    assert rows(figures.curve_data(snapshot, "loss", words=WORDS)["test"]) == []


def test_the_gap_lies_between_training_and_what_is_worse() -> None:
    run = told(epoch(2, 1, 1.5, 1.25), epoch(3, 2, 0.75, 1.0))
    band = {
        it: rows(figures.curve_data(run, it, words=WORDS)["gap"]) for it in ("loss", "accuracy")
    }
    assert band["loss"] == [
        {"epoch": 1.0, "value": 1.5, "from": 1.5},  # validation is ahead: no gap
        {"epoch": 2.0, "value": 1.0, "from": 0.75},
    ]
    assert band["accuracy"] == [
        {"epoch": 1.0, "value": 0.625, "from": 0.625},
        {"epoch": 2.0, "value": 0.75, "from": 0.8125},
    ]


def test_smoothing_moves_the_lines_and_leaves_the_points() -> None:
    data = figures.curve_data(RUN, "loss", words=WORDS, smoothing=0.5)
    assert [row["value"] for row in rows(data["epochs"])] == [1.5, 0.75, 1.25, 1.0]
    # Half of 1.5 forgotten: (0.25 · 1.5 + 0.5 · 0.75) / 0.75.
    assert [row["value"] for row in rows(data["lines"])][:2] == [1.5, 1.0]


@given(st.lists(st.floats(-1e3, 1e3), min_size=1), st.floats(0, 0.99))
def test_a_smoothed_curve_stays_between_its_extremes(values: list[float], weight: float) -> None:
    smoothed = figures.smooth(np.array(values), weight)
    assert smoothed.min() >= min(values) - 1e-6
    assert smoothed.max() <= max(values) + 1e-6
    assert_array_equal(figures.smooth(np.array(values), 0.0), values)


def test_smoothing_passes_over_what_is_no_number() -> None:
    smoothed = figures.smooth(np.array([4.0, math.nan, 1.0, math.inf]), 0.5)
    assert_array_equal(smoothed, [4.0, math.nan, 2.0, math.inf])


def test_a_chart_without_a_run_has_the_columns_of_one_with_it() -> None:
    empty = figures.curve_data(None, "loss", words=WORDS)
    full = figures.curve_data(RUN, "loss", words=WORDS)
    for name, data in full.items():
        schema = pa.ipc.open_stream(empty[name]).schema
        assert schema == pa.ipc.open_stream(data).schema
        assert rows(empty[name]) == []


def test_moments_far_worse_than_every_epoch_go_once_there_is_one() -> None:
    early = [batch(2, 1, 1, 40.0), batch(3, 1, 2, 2.25), batch(4, 1, 3, 2.5)]
    before = figures.curve_data(told(*early), "loss", words=WORDS)
    assert [row["value"] for row in rows(before["moments"])] == [40.0, 2.25, 2.5]
    after = figures.curve_data(told(*early, epoch(5, 1, 1.5, 1.0)), "loss", words=WORDS)
    assert [row["value"] for row in rows(after["moments"])] == [2.25]  # 1.5 times the worst


def test_a_loss_beyond_all_numbers_is_left_out_of_the_chart_and_named_in_the_table() -> None:
    snapshot = told(epoch(2, 1, 1.5, 1.0), epoch(3, 2, math.nan, math.inf))
    data = rows(figures.curve_data(snapshot, "loss", words=WORDS)["epochs"])
    assert [row["epoch"] for row in data] == [1.0, 1.0]
    assert math.isnan(figures.table(snapshot)[1][1])


@given(count=st.integers(0, 2_000), most=st.integers(2, 400))
def test_thinning_keeps_the_ends_and_the_order_and_no_more_than_asked(
    count: int, most: int
) -> None:
    at = np.arange(count, dtype=np.float64)
    kept, value = figures.thin(at, at**2, most=most)
    assert len(kept) <= most
    assert_array_equal(value, kept**2)
    assert np.all(np.diff(kept) > 0)
    if count:
        assert_array_equal(kept[[0, -1]], at[[0, -1]])
    if count <= most:
        assert_array_equal(kept, at)


def test_a_long_run_sends_at_most_300_moments() -> None:
    events = [batch(2 + step, 1, step, 1.0) for step in range(1, 900)]
    data = figures.curve_data(told(*events), "loss", words=WORDS)
    assert 200 <= len(rows(data["moments"])) <= figures.MOST_MOMENTS


@pytest.mark.parametrize("validation", [True, False])
@pytest.mark.parametrize("quantity", ["loss", "accuracy"])
def test_the_charts_are_vega_lite(quantity: figures.Quantity, validation: bool) -> None:
    chart = figures.curves(quantity, epochs=20, validation=validation, words=WORDS)
    alt.LayerChart.from_dict(chart)  # checks it against Vega-Lite's schema


def test_the_curves_have_their_colours_and_dashes() -> None:
    chart = figures.curves("loss", epochs=20, validation=True, words=WORDS)
    encoding = chart["layer"][2]["encoding"]
    names = ["훈련", "검증", "테스트"]
    assert encoding["color"]["scale"]["domain"] == names
    assert encoding["color"]["scale"]["range"] == ["#0072B2", "#D55E00", "#CC79A7"]
    assert encoding["strokeDash"]["scale"]["domain"] == names
    solid, *dashed = encoding["strokeDash"]["scale"]["range"]
    assert solid == [1, 0]
    assert all(gap > 0 for _, gap in dashed)


def test_the_csv_says_every_number_exactly() -> None:
    snapshot = told(epoch(2, 1, 0.1 + 0.2, None), epoch(3, 2, 1 / 3, 0.7))
    header, *lines = csv.reader(io.StringIO(figures.as_csv(snapshot)))
    assert header == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
    assert lines[0][3:] == ["", ""]
    assert [int(line[0]) for line in lines] == [1, 2]
    assert [float(line[1]) for line in lines] == [0.1 + 0.2, 1 / 3]
    assert float(lines[1][3]) == 0.7
