"""The fight: its rules in words, what it makes of runs that are kept, and what it starts."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from cvcore.engine import Engine, client
from cvcore.errors import N_, EngineError
from cvcore.history import Done, Epoch, Partial
from cvcore.networks import NETWORKS
from cvcore.runs import RunStore
from cvcore.spec import RunSpec
from tests import kept_runs
from tests.kept_runs import answers
from tests.pages import open_page

DENSE, CNN = (
    RunSpec(dataset="fashion_mnist", network=NETWORKS[name].layers, epochs=2)
    for name in ("dense", "cnn")
)
FIGHT = {"fight_data": "fashion_mnist", "fight_epochs": "2", "seeds": "1"}


@pytest.fixture(autouse=True)
def engine_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """An engine with an empty run store, which starts no process unless a run is submitted."""
    own = Engine(RunStore(str(tmp_path)))
    monkeypatch.setattr(client, "_ENGINE", own)
    yield own
    own.close()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[RunSpec, ...]]:
    """What the page has asked the engine to train, together each time; nothing is trained."""
    asked: list[tuple[RunSpec, ...]] = []

    def submit_together(self: Engine, specs: Sequence[RunSpec]) -> tuple[str, ...]:
        asked.append(tuple(specs))
        return tuple(spec.digest() for spec in specs)

    monkeypatch.setattr(Engine, "submit_together", submit_together)
    return asked


def keep(spec: RunSpec, accuracies: list[float], seconds: float, said: tuple[int, ...]) -> None:
    """Keep a finished run, each of whose epochs took as many seconds."""
    epochs = [
        Epoch(
            attempt=1,
            number=1 + index,
            at=110.0 + index,
            epoch=index,
            loss=1.0,
            accuracy=0.5,
            val_loss=1 - accuracy,
            val_accuracy=accuracy,
            images_per_second=100.0,
            processor_seconds=seconds * index,
        )
        for index, accuracy in enumerate(accuracies, start=1)
    ]
    right = float((np.array(said) == kept_runs.LABELS).mean())
    done = Done(attempt=1, number=9, at=191.0, test_loss=0.5, test_accuracy=right, early=False)
    store = client.engine()._store
    kept_runs.keep(store, spec, *epochs, done, predictions=answers(*said))


def keep_fight() -> None:
    # True are 9, 2, 1, 1, 6: the CNN gets all, the dense network two of them.
    keep(DENSE, [0.5, 0.75], 1.5, (9, 2, 0, 0, 0))
    keep(CNN, [0.625, 0.875], 40.0, (9, 2, 1, 1, 6))


def spoken(page: AppTest, key: str) -> str:
    for element in page.get("bidi_component"):
        if element.proto.id.endswith(f"-{key}"):
            return str(json.loads(element.proto.json)[0])
    raise AssertionError(key)


def chart(page: AppTest, place: int = 0) -> dict[str, list[dict[str, Any]]]:
    """Return what a chart draws, by the names of its data sets."""
    sets = page.get("vega_lite_chart")[place].proto.datasets
    return {it.name: pa.ipc.open_stream(it.data.data).read_all().to_pylist() for it in sets}


def tables(page: AppTest) -> str:
    return " ".join(it.proto.body for it in page.get("html") if "cv-table" in it.proto.body)


def plan(page: AppTest) -> str:
    return next(it.value for it in page.caption if it.value.startswith("The same "))


def test_equal_parameters_say_what_was_widened() -> None:
    page = open_page("fight", rule="parameters", **FIGHT)
    assert plan(page).startswith("The same 45,000 pictures for both, 15,000 for validation")
    assert (
        "The lecture's dense classifier: layer 2 from 128 to 326. So it has 259,180 parameters, "
        "the other 258,874: 0.12 % apart." in plan(page)
    )
    assert client.engine()._process is None
    page.segmented_control(key="fight_changed").set_value("second").run()
    assert "The lecture's CNN: layer 1 from 64 to " in plan(page)
    assert "the other 101,770:" in plan(page)


def test_equal_multiply_adds_say_how_many_epochs_each_gets() -> None:
    page = open_page("fight", rule="multiply_adds", fight_epochs="4", seeds="1")
    assert "The lecture's dense classifier: 173 epochs, 3.77 G multiply-adds." in plan(page)
    assert "The lecture's CNN: 3 epochs, 3.76 G multiply-adds. They are 0.10 % apart" in plan(page)
    assert "4 epochs were asked for; with them the other would need more than 200." in plan(page)


def test_a_rule_that_cannot_be_kept_gets_a_sentence_and_the_controls_stay() -> None:
    page = open_page("fight", rule="parameters", corner_a="linear", **FIGHT)
    assert page.warning[0].value.startswith("This network has no hidden layer")
    page.segmented_control(key="fight_changed").set_value("second").run()
    assert not page.warning
    assert "the other 7,850:" in plan(page)


def test_a_fight_that_was_fought_opens_with_its_curves_and_words() -> None:
    keep_fight()
    page = open_page("fight", fight_axis="seconds", **FIGHT)
    assert spoken(page, "fight_state") == "The fight is over. Seeds: 1."
    assert chart(page)["lines"] == [
        {"at": 1.5, "value": 0.5, "series": "The lecture's dense classifier"},
        {"at": 3.0, "value": 0.75, "series": "The lecture's dense classifier"},
        {"at": 40.0, "value": 0.625, "series": "The lecture's CNN"},
        {"at": 80.0, "value": 0.875, "series": "The lecture's CNN"},
    ]
    assert chart(page)["band"] == []  # one seed has no spread
    assert spoken(page, "fight_sentence").endswith(
        "The lecture's CNN was where the other is now after 100 % of its way."
    )
    page.segmented_control(key="fight_axis").set_value("multiply_adds").run()
    # Forwards and backwards 3 · 101,632 - 100,352 for each of 45,000 pictures.
    assert chart(page)["lines"][0]["at"] == 45_000 * (3 * 101_632 - 100_352)
    assert page.button(key="fight_start").disabled
    assert client.engine()._process is None


def test_several_seeds_give_a_mean_and_a_band() -> None:
    keep_fight()
    keep(replace(DENSE, seed=1), [0.25, 0.5], 2.5, (9, 2, 0, 0, 0))
    page = open_page("fight", **{**FIGHT, "seeds": "2"})
    dense = [it for it in chart(page)["band"] if "dense" in it["series"]]
    assert [(it["at"], it["value"], it["high"]) for it in dense] == [(1, 0.25, 0.5), (2, 0.5, 0.75)]
    assert [it["value"] for it in chart(page)["lines"]][:2] == [0.375, 0.625]
    assert "3 of 4 trainings are finished" in spoken(page, "fight_state")


def test_a_run_whose_seconds_were_used_up_ends_inside_an_epoch() -> None:
    spec = replace(DENSE, seconds=10.0, epochs=200)
    partial = Partial(
        attempt=1,
        number=2,
        at=120.0,
        moment=0.75,
        loss=1.0,
        accuracy=0.5,
        val_loss=0.5,
        val_accuracy=0.8125,
        learning_rate=0.001,
        processor_seconds=10.25,
    )
    kept_runs.keep(client.engine()._store, spec, partial)
    page = open_page("fight", rule="seconds", fight_axis="seconds", **FIGHT)
    (point,) = chart(page)["lines"]
    assert (point["at"], point["value"]) == (10.25, 0.8125)
    assert "Each may learn for 10 s of processor time, at most 200 epochs." in plan(page)


def test_the_scorecard_is_computed_from_the_runs() -> None:
    keep_fight()
    page = open_page("fight", fight_view="card", **FIGHT)
    cells = tables(page).replace("<td class=text>", "|").replace("<td>", "|").replace("</td>", "")
    assert "|Test accuracy|0.4000|1.0000" in cells
    assert "|Parameters|101,770|258,874" in cells
    assert "Accuracy in % per 1,000 parameters|0.393|0.386" in cells  # 40 / 101.77, 100 / 258.874
    assert "|Multiply-adds a picture|102 k|4.52 M" in cells
    assert "|Training seconds (processor)|3.0|80.0" in cells
    assert "|Weights, kB|407|1,035" in cells
    # Three of three for the CNN: 2 / 2³.
    assert "No seed shows a difference that is more than chance" in page.info[0].value
    assert "probability of 0.2500" in page.info[0].value
    assert "|0|2|0|3|0|0.2500|binomial" in cells


def test_the_opening_fight_starts_by_itself_and_others_wait_for_a_press(
    started: list[tuple[RunSpec, ...]],
) -> None:
    open_page("fight")
    assert [[it.seed for it in pair] for pair in started] == [[0, 0], [1, 1], [2, 2]]
    assert [len(it.network) for it in started[0]] == [3, 9]
    started.clear()
    page = open_page("fight", fight_epochs="3", seeds="1")
    assert started == []
    page.button(key="fight_start").click().run()
    ((one, other),) = started
    assert (one.epochs, other.epochs, one.network == other.network) == (3, 3, False)


def test_a_fight_that_the_engine_refuses_gets_its_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(self: Engine, specs: Sequence[RunSpec]) -> tuple[str, ...]:
        raise EngineError(N_("The run store is full of {what}."), what="sand")

    monkeypatch.setattr(Engine, "submit_together", refuse)
    page = open_page("fight", fight_epochs="3", seeds="1")
    page.button(key="fight_start").click().run()
    assert [it.value for it in page.warning] == ["The run store is full of sand."]
    assert not page.run().warning


def test_shuffled_pixels_and_fewer_pictures_train_pairs_of_their_own(
    started: list[tuple[RunSpec, ...]],
) -> None:
    keep_fight()
    page = open_page("fight", fight_view="shuffled", **FIGHT)
    page.button(key="fight_shuffle_start").click().run()
    assert started == [
        (DENSE, CNN),
        (replace(DENSE, shuffle_pixels=True), replace(CNN, shuffle_pixels=True)),
    ]
    started.clear()
    page = open_page("fight", fight_view="sizes", **FIGHT)
    page.button(key="fight_sizes_start").click().run()
    sizes = [[it.training_size for it in pair] for pair in started]
    assert sizes == [[100, 100], [1_000, 1_000], [10_000, 10_000], [None, None]]


def test_four_results_are_set_beside_each_other() -> None:
    keep_fight()
    keep(replace(DENSE, shuffle_pixels=True), [0.5, 0.75], 1.0, (9, 2, 0, 0, 0))
    keep(replace(CNN, shuffle_pixels=True), [0.5, 0.75], 1.0, (9, 2, 1, 0, 0))
    page = open_page("fight", fight_view="shuffled", **FIGHT)
    assert [it["value"] for it in chart(page)["bars"]] == [0.4, 1.0, 0.4, 0.6]
    assert "dense classifier +0.0, The lecture's CNN −40.0. A dense" in page.info[0].value
    assert "fight_shuffle_start" not in [it.key for it in page.button]  # nothing is missing


def test_the_corners_differ_and_fit_the_pictures() -> None:
    page = open_page("fight", corner_a="cnn", fight_epochs="3")
    assert page.selectbox(key="corner_b").value == "dense"
    offered = page.selectbox(key="corner_b").options
    assert "The lecture's CNN" not in offered
    assert "VGG16" not in offered  # five poolings leave nothing of 8 × 8 pixels
