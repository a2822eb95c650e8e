"""The view through time: its moments, what it shows of one, and how it branches off."""

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from streamlit.testing.v1 import AppTest

from cvcore.engine import Answer, Engine, client
from cvcore.errors import EngineError
from cvcore.history import History
from cvcore.networks import Convolution, Dense, Dropout, Flatten
from cvcore.runs import RunStore, TrainingState
from cvcore.spec import OPTIMISERS, RunSpec
from cvcore.time_travel import Confusion, Kernels, Look
from pages.ui import questions
from pages.ui.train import time as view
from tests import kept_runs
from tests.pages import open_page

END = Dense(units=10, activation="softmax")
SPEC = RunSpec(dataset="digits", network=(Convolution(filters=2), Flatten(), END), epochs=3)
MOMENTS = (0.0, 0.25, 1.0, 2.0, 3.0)


class Answers:
    """Says of every moment something that tells it from the others, at once."""

    def __init__(self, own: Engine) -> None:
        self._own = own
        self.asked: list[tuple[Any, ...]] = []
        self.error: EngineError | None = None
        self.busy = False
        self._answers: dict[tuple[Any, ...], Answer] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)

    def ask_together(self, *questions: tuple[Any, ...]) -> list[Answer]:
        return [self.ask(*question) for question in questions]

    def ask(self, job: Callable[..., Any], *arguments: Any) -> Answer:
        question = (job.__name__, *arguments)
        self.asked.append(question)
        if question not in self._answers:
            self._answers[question] = Answer()
            if not self.busy:
                self.settle()
        return self._answers[question]

    def settle(self) -> None:
        for (name, *arguments), answer in self._answers.items():
            if answer.state == "pending" and self.error is not None:
                answer.fail(self.error)
            elif answer.state == "pending":
                answer.give(getattr(self, f"_{name}")(*arguments))

    def _kernels(self, _: str, moment: float) -> Kernels:
        weights = np.full((3, 3, 1, 2), moment / 3, np.float32)
        return Kernels(weights=weights, total=2, dense=False)

    def _kernel_limit(self, _: str, newest: float) -> float:
        return newest / 3

    def _look(self, _: str, moment: float, number: int, position: int) -> Look:
        probabilities = np.zeros(10, np.float32)
        probabilities[int(moment)] = 1
        return Look(
            image=np.full((8, 8, 1), number, np.uint8),
            label=2,
            maps=np.ones((6, 6, 2 if position else 0), np.float32),
            probabilities=probabilities,
        )

    def _confusion(self, _: str, moment: float) -> Confusion:
        counts = np.eye(10, dtype=np.int64)
        counts[2, 3] = 9 - int(moment)
        return Confusion(counts=counts, all_pictures=360)

    def _validation_accuracy(self, _: str, moment: float) -> float:
        return moment / 4


@pytest.fixture(autouse=True)
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    own = Engine(RunStore(str(tmp_path)))
    monkeypatch.setattr(client, "_ENGINE", own)
    said = Answers(own)
    monkeypatch.setattr(view, "engine", lambda: said)
    monkeypatch.setattr(questions, "engine", lambda: said)
    yield said
    own.close()


def keep(spec: RunSpec = SPEC) -> str:
    """Keep a finished run whose every epoch can be branched off from."""
    store: RunStore = client.engine()._store
    digest = kept_runs.keep_finished(store, spec)
    for moment in MOMENTS:
        store.save_weights(digest, moment, {"weights": np.zeros(1, np.float32)})
    for epoch in (1, 2, 3):
        store.save_state(
            digest,
            epoch,
            TrainingState(
                optimiser=(), seeds=(), accuracy=0.5, lowest=1.0, waited=0, processor_seconds=1.0
            ),
        )
    return digest


def look(spec: RunSpec = SPEC, **query: str) -> AppTest:
    page = open_page("train", show="time", run=keep(spec), **query)
    assert not page.exception
    return page


def picture(page: AppTest, key: str) -> dict[str, Any]:
    for element in page.get("bidi_component"):
        if element.proto.id.endswith(f"-{key}"):
            payload: dict[str, Any] = json.loads(element.proto.json)[0]
            return payload
    raise AssertionError(key)


def texts(page: AppTest) -> str:
    return "\n".join(it.value for it in [*page.caption, *page.markdown, *page.info, *page.warning])


def bars(page: AppTest) -> list[float]:
    (body,) = (
        it.proto.body for it in page.get("html") if "<table class='cv-scores" in it.proto.body
    )
    return [float(it) for it in re.findall(r"<td>([\d.]+) %", body)]


def press(page: AppTest, key: str) -> AppTest:
    page.button(key=key).click().run()
    assert not page.exception
    return page


def test_the_latest_moment_opens_and_buttons_go_from_one_to_the_next(answers: Answers) -> None:
    page = look()
    assert page.select_slider(key="moment_slider").value == 3.0
    assert page.button(key="moment_on").disabled
    assert "moment" not in page.query_params
    for moment in reversed(MOMENTS[:-1]):
        press(page, "moment_back")
        assert page.select_slider(key="moment_slider").value == moment
        assert page.query_params["moment"] == f"{moment:g}"
        assert ("kernels", SPEC.digest(), moment) in answers.asked
    assert page.button(key="moment_back").disabled
    press(page, "moment_on")
    assert page.query_params["moment"] == "0.25"
    page.select_slider(key="moment_slider").set_value(3.0).run()
    assert "moment" not in page.query_params


def test_an_address_opens_its_moment_its_picture_and_its_layer(answers: Answers) -> None:
    page = look(moment="1", test_picture="5", maps_of="1")
    assert ("look", SPEC.digest(), 1.0, 4, 1) in answers.asked
    assert picture(page, "time_test_picture")["caption"] == "True: 2"
    assert bars(page) == [0, 100, 0, 0, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("asked", ["0.9", "1.2"])
def test_a_moment_that_is_not_kept_opens_the_nearest_that_is(asked: str) -> None:
    assert look(moment=asked).select_slider(key="moment_slider").value == 1.0


def test_nonsense_in_the_address_opens_the_latest_moment() -> None:
    page = look(moment="nan")
    assert page.select_slider(key="moment_slider").value == 3.0


def test_the_kernels_colours_mean_the_same_at_every_moment() -> None:
    page = look(moment="1")
    early = picture(page, "time_kernels")
    assert [label for label, _ in early["bar"]["labels"]] == ["1", "0", "−1"]
    assert "from 0.333 to 0.333" in early["alt"]
    late = picture(press(page, "moment_on"), "time_kernels")
    assert late["bar"] == early["bar"]
    assert late["source"] != early["source"]


def test_the_test_and_the_confusion_matrix_are_of_then() -> None:
    page = look(moment="2")
    matrix = np.array(picture(page, "time_confusion")["values"], int)
    expected = np.eye(10, dtype=int)
    expected[2, 3] = 7
    assert_array_equal(matrix, expected)
    assert "Test accuracy then: 0.5882, on the first 17 of 360 test pictures." in texts(page)


def test_the_history_and_the_kept_weights_stand_side_by_side() -> None:
    page = look(moment="2")  # the history's loss is 0.5, its accuracy 1 - 0.5 / 4
    assert "wrote it down: 0.875000; from the kept weights: 0.500000." in texts(page)
    page.toggle(key="validate_again").set_value(False).run()
    assert "wrote it down: 0.875000." in texts(page)
    press(press(page, "moment_back"), "moment_back")
    assert "wrote it down: not measured then." in texts(page)


def test_a_network_without_maps_says_so(answers: Answers) -> None:
    page = look(replace(SPEC, network=(Flatten(), END)))
    assert "This network has no feature maps" in texts(page)
    assert answers.asked[2][-1] == 0


def test_what_is_not_computed_yet_and_what_cannot_be_are_said(answers: Answers) -> None:
    answers.busy = True
    assert texts(look()).count("The worker is computing this.") == 3
    answers.error = EngineError("The run store cannot be read ({reason}).", reason="x")
    answers.settle()
    page = look()
    assert {it.value for it in page.warning} == {"The run store cannot be read (x)."}
    press(page, "moment_back")  # and the rest stays usable


def test_a_moment_of_a_run_that_learns_is_shown_until_the_next_is_answered(
    answers: Answers,
) -> None:
    digest, store = keep(), client.engine()._store
    client.engine()._remember(digest, History(SPEC, state="running"))
    page = open_page("train", show="time", run=digest)
    assert bars(page)[3] == 100
    answers.busy = True
    store.save_weights(digest, 4.0, {})
    page.run()
    store.save_weights(digest, 5.0, {})  # a quick run is further already
    page.run()
    assert page.select_slider(key="moment_slider").value == 3.0
    assert bars(page)[3] == 100
    assert ("look", digest, 4.0, 0, 1) in answers.asked
    assert ("look", digest, 5.0, 0, 1) not in answers.asked
    answers.settle()
    page.run()
    assert page.select_slider(key="moment_slider").value == 4.0
    assert bars(page)[4] == 100
    answers.settle()
    page.run()
    assert bars(page)[5] == 100


def test_without_a_run_or_its_weights_a_sentence_says_what_to_do() -> None:
    store: RunStore = client.engine()._store
    digest = kept_runs.keep_finished(store, SPEC)
    page = open_page("train", show="time", run=digest)
    assert "None of this run's weights are kept." in texts(page)
    page = open_page("train", show="time", epochs="7")
    assert "Train a network first" in texts(page)


def test_a_branch_with_nothing_changed_says_so_and_is_submitted(
    answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted: list[RunSpec] = []

    def submit(spec: RunSpec) -> str:
        submitted.append(spec)
        return kept_runs.keep_finished(client.engine()._store, spec)

    monkeypatch.setattr(answers, "submit", submit, raising=False)
    page = look(branch_epoch="1")
    assert "this repeats the parent's epochs 2 to 3, value for value." in texts(page)
    press(page, "branch_press")
    assert submitted == [replace(SPEC, parent=SPEC.digest(), from_epoch=1)]
    assert page.query_params["run"] == submitted[0].digest()
    assert page.segmented_control(key="show").value == "learn"


def test_what_a_branch_changes_is_said_in_words() -> None:
    spec = replace(SPEC, network=(Convolution(filters=2), Dropout(rate=0.5), Flatten(), END))
    page = look(
        spec,
        branch_epoch="2",
        branch_epochs="9",
        branch_rate="0.01",
        branch_optimiser="sgd",
        branch_count="500",
        branch_dropout="0.2",
        branch_augment="True",
    )
    said = next(it.value for it in page.caption if "What differs" in it.value)
    said = said.replace("\\", "")  # Markdown's
    assert said.startswith("Epochs 3 to 9 are trained.")
    for change in (
        "Epochs: 9 instead of 3",
        "Learning rate: 0.01 instead of 0.001",
        f"Optimiser: {OPTIMISERS['sgd']} instead of Adam",
        "Training pictures: 500 instead of 1,077",
        "Dropout rate: 0.2 instead of 0.5",
        "Rotation (°): 20 instead of 0",
    ):
        assert change in said, said
    assert "Mirror" not in said
    assert "Network" not in said


def test_a_branch_after_the_last_epoch_goes_on_beyond_it() -> None:
    page = look(branch_epoch="3")
    assert page.number_input(key="branch_epochs").value == 8
    assert page.number_input(key="branch_epochs").min == 4


def test_a_branch_that_is_refused_says_why_and_leaves_the_run(answers: Answers) -> None:
    page = look()
    client.engine()._store.delete(SPEC.digest())  # memory still knows it
    page.button(key="branch_press").click().run()
    assert not page.exception
    assert "is not in the run store any more" in texts(page) or "None of this" in texts(page)


def test_the_answers_of_one_run_are_none_for_another() -> None:
    page = look(branch_rate="0.5")
    assert page.number_input(key="branch_rate").value == 0.5
    other = keep(replace(SPEC, learning_rate=0.002))
    page.query_params["run"] = other
    page.run()
    assert page.number_input(key="branch_rate").value == 0.002


def test_a_branch_repeats_its_parent_and_a_worker_answers_the_page(
    trainer: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_ENGINE", trainer)
    monkeypatch.setattr(view, "engine", lambda: trainer)
    monkeypatch.setattr(questions, "engine", lambda: trainer)
    spec = replace(SPEC, training_size=100)
    parent = finish(trainer, trainer.submit(spec))
    page = open_page("train", show="time", run=spec.digest(), branch_epoch="1", moment="2")
    for _ in range(200):
        if "being computed" not in texts(page) and "computing" not in texts(page):
            break
        time.sleep(0.1)
        page.run()
    written = f"{parent.val_accuracy[1]:.6f}"
    assert f"wrote it down: {written}; from the kept weights: {written}." in texts(page)
    press(page, "branch_press")
    branch = replace(spec, parent=spec.digest(), from_epoch=1)
    told = finish(trainer, branch.digest())
    assert_array_equal(told.epoch, [2, 3])
    assert_array_equal(told.val_loss, parent.val_loss[1:])


def finish(trainer: Engine, digest: str) -> Any:
    deadline = time.monotonic() + 180
    while (now := trainer.snapshot(digest)) is None or not now.ended:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert now.state == "finished", now.error
    return now
