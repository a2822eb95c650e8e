"""The Train page: its plan, a run that it shows, and what it says when there is none."""

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from cvcore import datasets
from cvcore.engine import Engine, client
from cvcore.errors import N_
from cvcore.history import Event, Failed, History, Snapshot
from cvcore.networks import NETWORKS, Convolution, Dense, Flatten
from cvcore.runs import RunStore
from cvcore.spec import Augmentation, RunSpec
from tests import kept_runs
from tests.kept_runs import epochs
from tests.pages import open_page

OPENING = RunSpec(dataset="digits", network=NETWORKS["cnn"].layers, epochs=20)
DENSE = RunSpec(
    dataset="fashion_mnist", network=NETWORKS["dense"].layers, epochs=3, validation_split=0.0
)
CNN = RunSpec(dataset="fashion_mnist", network=NETWORKS["cnn"].layers, epochs=3, seed=7)


@pytest.fixture(autouse=True)
def engine_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """An engine with an empty run store, which starts no process unless a run is submitted."""
    own = Engine(RunStore(str(tmp_path)))
    monkeypatch.setattr(client, "_ENGINE", own)
    yield own
    own.close()


def spoken(page: AppTest, key: str) -> str:
    """Return what a line says that screen readers speak."""
    for element in page.get("bidi_component"):
        if element.proto.id.endswith(f"-{key}"):
            return str(json.loads(element.proto.json)[0])
    raise AssertionError(key)


def tiles(page: AppTest) -> list[dict[str, Any]]:
    return [
        tile
        for element in page.get("bidi_component")
        if element.proto.id.endswith("-run_tiles")
        for tile in json.loads(element.proto.json)[0]["tiles"]
    ]


def curves(page: AppTest, quantity: str) -> dict[str, list[dict[str, Any]]]:
    """Return what a chart draws, by the names of its data sets."""
    accuracy, loss = page.get("vega_lite_chart")
    chart = {"accuracy": accuracy, "loss": loss}[quantity].proto
    return {
        it.name: pa.ipc.open_stream(it.data.data).read_all().to_pylist() for it in chart.datasets
    }


def metrics(page: AppTest) -> dict[str, str]:
    return {it.label: it.value for it in page.metric}


def plan(page: AppTest) -> str:
    return next(it.value for it in page.caption if "steps an epoch" in it.value)


def keep(spec: RunSpec, *events: Event) -> str:
    return kept_runs.keep(client.engine()._store, spec, *events)


def keep_finished(spec: RunSpec, **told: Any) -> str:
    return kept_runs.keep_finished(client.engine()._store, spec, **told)


def until(page: AppTest, true: Callable[[AppTest], bool], *, seconds: float = 120.0) -> None:
    """Run the page again and again, as its ticking would."""
    deadline = time.monotonic() + seconds
    while not true(page.run()):
        assert time.monotonic() < deadline, spoken(page, "run_state")
        assert not page.warning, page.warning[0].value
        time.sleep(0.1)


def test_the_plan_counts_steps_and_parameters_and_starts_nothing() -> None:
    page = open_page("train", data="fashion_mnist")
    assert plan(page).startswith(
        "45,000 pictures to learn from, 15,000 for validation, 10,000 for the test."
    )
    assert r"\lceil 45{,}000 / 32 \rceil = 1{,}407" in plan(page)
    assert "28,140 in all, for 258,874 parameters." in plan(page)
    page.selectbox(key="network").set_value("dense").run()
    page.number_input(key="split").set_value(0.0).run()
    page.number_input(key="batch").set_value(100).run()
    assert r"\lceil 60{,}000 / 100 \rceil = 600" in plan(page)
    assert "for 101,770 parameters." in plan(page)
    assert spoken(page, "run_state") == "Nothing is trained with these settings yet: press Train."
    assert all(rows == [] for rows in curves(page, "loss").values())
    assert client.engine()._process is None


def test_the_layers_adapt_to_small_pictures() -> None:
    page = open_page("train", epochs="3")
    # 640 + 18,464 + 4,624 as for 28 × 28, then 2 · 2 · 16 values into 256 units.
    assert f"for {640 + 18_464 + 4_624 + 64 * 256 + 256 + 32_896 + 1_290:,} parameters" in plan(
        page
    )
    page = open_page("train", epochs="3", show="network")
    (text,) = [it.proto.body for it in page.get("html") if "cv-table" in it.proto.body]
    assert "2 × 2 × 16" in text


def test_a_download_is_announced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert "30.9 MB, is downloaded once" in plan(open_page("train", data="fashion_mnist"))
    assert "downloaded" not in plan(open_page("train", epochs="3"))


def test_an_address_with_a_run_alone_sets_the_controls_to_it() -> None:
    page = open_page("train", run=keep_finished(CNN))
    assert page.session_state["data"] == "fashion_mnist"
    assert page.session_state["train_seed"] == 7
    assert page.query_params["train_seed"] == "7"
    assert "steps" in plan(page)
    assert not page.exception
    assert not page.warning


def test_a_finished_run_opens_at_once_with_its_result() -> None:
    page = open_page("train", run=keep_finished(CNN, said=(9, 2, 1, 1, 0)))
    assert spoken(page, "run_state") == "Finished: 3 of 3 epochs."
    assert metrics(page) == {
        "Epochs done": "3 / 3",
        "Learning rate": "0.001",
        "Images per second": "1,234",
        "Time taken": "1 min 31 s",
        "Test accuracy": "0.8000",
    }
    assert client.engine()._process is None


def test_the_curves_and_the_sentence_say_the_same_numbers() -> None:
    page = open_page("train", run=keep_finished(CNN))
    drawn = curves(page, "loss")["epochs"]
    assert [row["value"] for row in drawn] == [1.0, 0.5, 0.25, 0.75, 0.5, 0.625]
    assert spoken(page, "run_sentence") == (
        "After 3 of 3 epochs: training loss 0.2500, training accuracy 0.9375. "
        "Validation loss 0.6250, lowest after epoch 2; validation accuracy 0.8438, "
        "highest after epoch 2. Training accuracy is 0.0938 ahead of validation accuracy (the "
        "gap is shaded); so far validation loss does not keep rising."
    )
    (table,) = [it.proto.body for it in page.get("html") if "Validation loss" in it.proto.body]
    assert "0.8438" in table


def test_a_run_without_validation_draws_its_training_and_its_test() -> None:
    page = open_page("train", run=keep_finished(DENSE, val_losses=(None, None, None)))
    chart = curves(page, "accuracy")
    assert {row["series"] for row in chart["epochs"]} == {"Training"}
    assert [row["value"] for row in chart["test"]] == [1.0]
    assert spoken(page, "run_sentence").endswith("No pictures are kept for validation.")


def test_test_pictures_carry_both_names_and_a_mark_where_they_differ() -> None:
    page = open_page("train", run=keep_finished(CNN, said=(9, 2, 1, 1, 0)))
    shown = tiles(page)
    assert (shown[0]["head"], shown[0]["note"]) == ("✓ Ankle boot, 75 %", "True: Ankle boot")
    assert (shown[4]["head"], shown[4]["note"]) == ("✗ T-shirt/top, 75 %", "True: Shirt")
    assert [tile["marked"] for tile in shown] == [False] * 4 + [True]
    page.button(key="to_result").click().run()
    assert not page.exception
    assert page.query_params["show"] in ("result", ["result"])


@pytest.mark.parametrize(
    ("told", "notice"),
    [
        ({"said": (9, 2, 1, 1, 6)}, "New pictures give it hardly more trouble."),
        ({"said": (9, 2, 1, 1, 0)}, "more trouble than its own: 13.7 percentage points."),
        ({"said": (0,) * 5, "losses": (3.6, 3.6, 3.6)}, "Try a smaller learning rate."),
    ],
    ids=["learned", "overfitting", "guessing"],
)
def test_the_notice_is_computed_from_the_run(told: dict[str, Any], notice: str) -> None:
    page = open_page("train", run=keep_finished(CNN, **told))
    assert page.info[-1].value.endswith(notice)


def test_weights_that_ran_away_are_named() -> None:
    page = open_page(
        "train", run=keep_finished(CNN, losses=(9.0, math.nan, math.nan), said=(0,) * 5)
    )
    assert "Choose a smaller learning rate" in spoken(page, "run_sentence")
    assert "training loss not a number" in spoken(page, "run_sentence")


def test_a_failed_run_says_why_and_keeps_its_curves() -> None:
    why = N_("The data set is not on this computer and could not be downloaded ({reason}).")
    failed = Failed(
        attempt=1, number=9, at=120.0, error="AssetError", sentence=why, values={"reason": "[off]"}
    )
    page = open_page("train", run=keep(CNN, *epochs([1.0], [0.5]), failed))
    assert page.warning[0].value.startswith("The data set is not on this computer")
    assert spoken(page, "run_state").startswith("Broken off after 1 of 3 epochs.")
    assert len(curves(page, "loss")["epochs"]) == 2
    assert not page.button(key="press_train").disabled


def test_a_run_whose_server_ended_says_so() -> None:
    page = open_page("train", run=keep(CNN, *epochs([1.0], [0.5])))
    assert "interrupted" in page.warning[0].value
    assert page.button(key="press_stop").disabled


@pytest.mark.parametrize("nonsense", ["zzz", "0123456789abcdef", "../../etc/passwd", "<b>%00"])
def test_a_run_that_there_is_not_gets_a_sentence_and_the_page_goes_on(nonsense: str) -> None:
    page = open_page("train", run=nonsense, epochs="3")
    assert not page.exception
    assert page.info[0].value.startswith("There is no run called ")
    assert "run" not in page.query_params
    assert "steps an epoch" in plan(page)


def test_nonsense_in_the_settings_is_reported_and_left_out() -> None:
    page = open_page(
        "train", data="cifar", epochs="many", rate="-1", split="2", count="-3", batch="0", run=""
    )
    assert not page.exception
    assert "batch, count, data, epochs, rate, split" in page.info[0].value


def test_turning_a_control_keeps_the_run_on_show_and_says_that_it_is_another() -> None:
    digest = keep_finished(CNN)
    page = open_page("train", run=digest)
    page.number_input(key="epochs").set_value(4).run()
    assert page.query_params["run"] == digest
    assert spoken(page, "run_state") == "Finished: 3 of 3 epochs."
    assert any("other settings" in it.value for it in page.caption)
    next(it for it in page.button if it.label == "Back to them").click().run()
    assert page.session_state["epochs"] == 3
    assert not any("other settings" in it.value for it in page.caption)


def test_settings_that_were_trained_before_open_their_run() -> None:
    digest = keep_finished(DENSE, val_losses=(None, None, None))
    page = open_page("train", data="fashion_mnist", network="dense", epochs="3", split="0.0")
    assert page.query_params["run"] == digest


def test_an_experiment_that_was_trained_before_opens_with_its_button() -> None:
    first = keep_finished(CNN)
    recipe = replace(DENSE, epochs=5)
    digest = keep_finished(recipe, val_losses=(None, None, None))
    page = open_page("train", run=first)
    page.button(key="try_1").click().run()
    assert page.query_params["run"] == digest
    page.button(key="try_2").click().run()  # not trained yet: what was there stays
    assert page.query_params["run"] == digest
    assert page.session_state["network"] == "cnn"
    assert page.session_state["epochs"] == 20


@pytest.mark.parametrize(("chip", "language"), [(1, "ko"), (4, "en"), (6, "ko"), (11, "en")])
def test_every_experiment_sets_the_page_and_its_address(chip: int, language: str) -> None:
    page = open_page("train", run=keep_finished(CNN), lang=language)
    page.button(key=f"try_{chip}").click().run()
    assert not page.exception
    assert not page.warning
    again = open_page("train", **page.query_params)
    assert [it.value for it in again.caption] == [it.value for it in page.caption]


def test_how_many_pictures_to_learn_from_is_offered_and_read_from_the_address() -> None:
    page = open_page("train", count="123")
    assert plan(page).startswith("123 pictures to learn from, 360 for validation")
    offered = page.selectbox(key="count").options
    assert offered == ["All 1,077", "1,000", "300", "123", "100"]
    page.number_input(key="split").set_value(0.9).run()
    assert page.selectbox(key="count").options == ["All 143", "123", "100"]


def test_the_first_visitor_starts_the_opening_run_and_the_next_one_joins_it() -> None:
    page = open_page("train")
    digest = OPENING.digest()
    assert page.query_params["run"] == digest
    assert spoken(page, "run_state") in (
        "The engine that trains is starting.",
        "Queued. Runs to be trained before it: 0.",
    )
    assert not page.button(key="press_stop").disabled
    other = open_page("train")
    assert other.query_params["run"] == digest
    other.button(key="press_train").click().run()  # pressing Train joins it too
    assert other.query_params["run"] == digest
    until(page, lambda it: spoken(it, "run_state").startswith("Finished"))
    assert client.engine()._store.spec(digest) == OPENING
    assert [it.attempt for it in client.engine()._histories.values()] == [1]
    digits = datasets.load("digits")
    assert [tile["note"] for tile in tiles(page)] == [
        f"True: {label}" for label in digits.test_labels[:20]
    ]
    snapshot = client.engine().snapshot(digest)
    assert snapshot is not None
    assert metrics(page)["Test accuracy"] == f"{snapshot.test_accuracy:.4f}"
    assert float(metrics(page)["Test accuracy"]) > 0.85
    assert page.button(key="press_stop").disabled


def test_a_run_is_paused_resumed_and_stopped_and_a_data_set_that_is_not_there_is_explained(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # The worker inherits both: nothing on disk, and a proxy at which nobody answers.
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    page = open_page("train", data="mnist", epochs="3")
    page.button(key="press_train").click().run()
    until(page, lambda it: len(it.warning) > 0)
    assert r"mnist\.npz" in page.warning[0].value  # escaped: a file is no Markdown
    assert "digits of 8 × 8 pixels" in page.warning[0].value

    page.selectbox(key="data").set_value("digits").run()
    page.number_input(key="epochs").set_value(200).run()
    page.number_input(key="batch").set_value(8).run()
    page.button(key="press_train").click().run()
    assert not page.warning
    until(page, lambda it: len(curves(it, "loss")["epochs"]) > 0)
    page.button(key="press_pause").click().run()
    until(page, lambda it: spoken(it, "run_state").startswith("Paused after"))
    before = curves(page, "loss")["epochs"]
    page.button(key="press_resume").click().run()
    assert spoken(page, "run_state").startswith(("Queued", "TensorFlow", "Running"))
    assert curves(page, "loss")["epochs"] == before  # nothing is lost
    until(page, lambda it: len(curves(it, "loss")["epochs"]) > len(before))
    page.button(key="press_stop").click().run()
    until(page, lambda it: spoken(it, "run_state").startswith("Stopped after"))
    assert metrics(page)["Test accuracy"] != "–"
    assert len(tiles(page)) == 20


@pytest.mark.parametrize("looks", [1, 2, 3])
def test_a_run_that_ends_while_the_page_is_drawn_is_ended_everywhere_or_nowhere(
    looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = client.engine()
    digest = keep_finished(CNN)
    *before, end = own._store.events(digest)
    history = History(CNN)
    for event in before:
        history.add(event)
    own._histories[digest] = history
    look, seen = own.snapshot, []

    def snapshot(asked: str) -> Snapshot | None:
        seen.append(asked)
        known = look(asked)
        if len(seen) == looks:
            history.add(end)
        return known

    monkeypatch.setattr(own, "snapshot", snapshot)
    page = open_page("train", run=digest)
    assert history.state == "finished"
    ended = spoken(page, "run_state").startswith("Finished")
    assert page.button(key="press_stop").disabled is ended
    assert bool(tiles(page)) is ended


def test_korean_names_stand_beneath_the_pictures() -> None:
    page = open_page("train", run=keep_finished(CNN), lang="ko")
    assert not page.exception
    assert "Ankle boot" not in tiles(page)[0]["head"]


EVERYTHING = RunSpec(
    dataset="fashion_mnist",
    network=NETWORKS["linear"].layers,
    training_size=1_234,
    scaling="standardise",
    validation_split=0.1,
    optimiser="sgd",
    momentum=0.9,
    learning_rate=0.0123,
    batch_size=1_000,
    epochs=7,
    early_stop=0.95,
    patience=3,
    seconds=12.5,
    labels="one_hot",
    schedule="one_cycle",
    shuffle_pixels=True,
    augmentation=Augmentation(
        rotation=20.0, width_shift=0.1, height_shift=0.1, shear=0.2, zoom=0.3, flip=True
    ),
    seed=42,
)


@pytest.mark.parametrize(
    "spec",
    [
        EVERYTHING,
        replace(CNN, dataset="binarized_mnist", threshold=200),
        replace(
            CNN, network=(Convolution(filters=3), Flatten(), Dense(units=10, activation="softmax"))
        ),
        replace(DENSE, batch_size=60_000, learning_rate=1e-6),
    ],
    ids=["everything", "threshold", "own network", "whole set"],
)
def test_the_controls_can_say_all_of_a_run(spec: RunSpec) -> None:
    page = open_page("train", run=keep_finished(spec))
    assert not page.exception
    assert not any("other settings" in it.value for it in page.caption)
    again = open_page("train", **page.query_params)
    assert not any("other settings" in it.value for it in again.caption)
    again.number_input(key="train_seed").set_value(1).run()
    assert any("other settings" in it.value for it in again.caption)


def test_the_sliders_set_what_stands_in_the_boxes_and_follow_them() -> None:
    page = open_page("train", epochs="3", batch="100")
    assert page.select_slider(key="batch_slider").value == 128  # the nearest one
    page.select_slider(key="batch_slider").set_value(1_077).run()
    assert page.number_input(key="batch").value == 1_077
    assert r"\lceil 1{,}077 / 1{,}077 \rceil = 1}" in plan(page)
    page.number_input(key="rate").set_value(0.5).run()
    assert page.select_slider(key="rate_slider").value == 0.5
    assert page.query_params["rate"] == "0.5"


def test_a_network_that_is_not_possible_is_explained_before_anything_runs() -> None:
    page = open_page("train", network="lenet5_28", epochs="3")
    assert page.warning[0].value.startswith("Layer 3 ")
    page.button(key="press_train").click().run()
    assert not page.exception
    assert client.engine()._process is None
    assert "run" not in page.query_params


def test_overfitting_is_said_by_its_measure() -> None:
    run = keep_finished(
        replace(CNN, epochs=4), losses=(1.0, 0.5, 0.25, 0.125), val_losses=(0.75, 0.5, 0.625, 0.75)
    )
    said = spoken(open_page("train", run=run), "run_sentence")
    assert "Overfitting, by both measures: since epoch 2 validation loss has risen from 0.5" in said


def test_how_the_curves_are_drawn_stands_in_the_address() -> None:
    page = open_page("train", run=keep_finished(CNN), axis="log", smooth="0.5")
    _, loss = page.get("vega_lite_chart")
    assert '"type": "log"' in loss.proto.spec
    drawn = curves(page, "loss")
    assert [row["value"] for row in drawn["lines"]][1] != drawn["epochs"][1]["value"]


def test_runs_are_pinned_compared_shown_and_deleted() -> None:
    one, two = keep_finished(CNN), keep_finished(replace(CNN, learning_rate=0.01))
    page = open_page("train", run=one)
    page = open_page("train", run=two, runs=one, show="runs")
    assert page.query_params["runs"] == f"{two}-{one}"
    page.button(key="run_pin_1").click().run()
    assert page.query_params["pins"] == one
    assert client.engine()._store.pinned(one)
    (chart,) = page.get("vega_lite_chart")
    (data,) = chart.proto.datasets
    drawn = pa.ipc.open_stream(data.data.data).read_all().to_pylist()
    assert {row["run"] for row in drawn} == {"A", "B"}
    (text,) = [it.proto.body for it in page.get("html") if "Learning rate" in it.proto.body]
    assert "<td>0.001</td><td>0.01</td>" in text
    assert "Batch size" not in text  # the same in both

    page.button(key="run_show_1").click().run()
    assert page.query_params["run"] == one
    assert page.session_state["rate"] == 0.001
    page.button(key="run_delete_0").click().run()
    assert client.engine().snapshot(two) is not None  # asked first
    page.button(key="run_delete_yes_0").click().run()
    assert client.engine().snapshot(two) is None
    assert "runs" not in page.query_params
    assert page.query_params["run"] == one


def test_a_visitor_sees_no_run_but_those_started_or_opened_here() -> None:
    keep_finished(CNN)
    mine = keep_finished(replace(CNN, seed=8))
    page = open_page("train", run=mine, show="runs", runs="../../etc-0123456789abcdef")
    assert not page.exception
    assert [it.key for it in page.button if str(it.key).startswith("run_show")] == ["run_show_0"]


def test_branches_are_drawn_as_a_tree() -> None:
    parent = keep_finished(CNN)
    branch = replace(CNN, parent=parent, from_epoch=1, learning_rate=0.01)
    page = open_page("train", run=keep_finished(branch, losses=(0.5, 0.25), val_losses=(0.5, 0.5)))
    assert not any("other settings" in it.value for it in page.caption)
    assert any("goes on from there after epoch 1" in it.value for it in page.caption)
    page.segmented_control(key="show").set_value("runs").run()
    assert not page.exception
    _, tree = page.get("vega_lite_chart")
    joints = {it.name: it for it in tree.proto.datasets}["joints"]
    assert pa.ipc.open_stream(joints.data.data).read_all().to_pylist() == [
        {"epoch": 1.0, "value": 0.0, "to": 1.0, "run": "B"}
    ]
    (text,) = [it.proto.body for it in page.get("html") if "Branched off" in it.proto.body]
    assert "from A after 1" in text
