"""Look inside: what the page opens on, and the views of maps, layers, patterns and numbers."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cvcore import evaluation, feature_maps, filter_patterns, pace, walk
from cvcore.engine import Answer, Engine, client
from cvcore.engine.client import Slot
from cvcore.errors import CvCoreError, EngineError
from cvcore.evaluation import Scores
from cvcore.feature_maps import Depth, LayerMaps
from cvcore.filter_patterns import BEST, STAGES, Ascent, Responses
from cvcore.history import Failed
from cvcore.networks import Convolution, Dense, Flatten, Pooling
from cvcore.runs import RunStore
from cvcore.spec import RunSpec
from cvcore.subjects import Picture, Subject
from cvcore.walk import Step
from tests import kept_runs
from tests.pages import open_page

END = Dense(units=10, activation="softmax")
SPEC = RunSpec(
    dataset="digits",
    network=(
        Convolution(filters=3, size=2, activation="relu"),
        Pooling(),
        Flatten(),
        END,
    ),
    epochs=3,
)
DENSE = replace(SPEC, network=(Flatten(), END))
MOMENTS = (0.0, 1.0, 2.0, 3.0)


class Told(Engine):
    """Answers at once, with numbers that tell the questions apart."""

    def __init__(self, store: RunStore) -> None:
        super().__init__(store)
        self.asked: list[tuple[Any, ...]] = []
        self.error: CvCoreError | None = None
        self._made: dict[tuple[Any, ...], Answer] = {}
        self._jobs: dict[Callable[..., Any], Callable[..., Any]] = {
            evaluation.scores: self._scores,
            evaluation.pictures: lambda _, places: np.zeros((len(places), 8, 8, 1), np.uint8),
            feature_maps.maps: self._maps,
            feature_maps.maps_before: lambda *it: replace(self._maps(*it), low=-2.0),
            feature_maps.overview: lambda *it: tuple(
                self._maps(it[0], it[1], place) for place in (1, 2)
            ),
            feature_maps.depth: self._depth,
            filter_patterns.ascend: self._ascend,
            filter_patterns.responses: self._responses,
            walk.step: self._step,
        }

    def ask(self, job: Callable[..., Any], *arguments: Any) -> Answer:
        self.asked.append((job.__name__, *arguments))
        return self.compute(job, *arguments)

    def ask_together(self, *questions: tuple[Any, ...]) -> list[Answer]:
        return [self.ask(*question) for question in questions]

    def compute(self, job: Callable[..., Any], *arguments: Any, slot: Slot = "training") -> Answer:  # noqa: ARG002
        answer = self._made.setdefault((job, *arguments), Answer())
        if self.error is not None:
            answer.fail(self.error)
        elif answer.state == "pending":
            answer.give(self._jobs[job](*arguments))
        return answer

    def computed(self, job: Callable[..., Any], *arguments: Any) -> Answer | None:
        return self._made.get((job, *arguments))

    def _scores(self, _: Subject, picture: Picture) -> Scores:
        p = np.eye(10, dtype=np.float32)[3]
        image = np.zeros((8, 8, 1), np.uint8)
        return Scores(image=image, label=None if picture.pixels else 3, scores=p, probabilities=p)

    def _maps(self, _: Subject, __: Picture, position: int) -> LayerMaps:
        side = 7 if position == 1 else 3
        maps = np.zeros((side, side, 3), np.float32)
        maps[..., 1] = position
        return LayerMaps(position=position, maps=maps, total=3, zero=0.625, low=0.0, high=position)

    def _depth(self, _: Subject) -> Depth:
        return Depth(
            positions=np.array([0, 1, 2, 4]),
            values=np.array([64, 147, 27, 10]),
            told_apart=np.array([0.5, 0.75, 0.875, 0.75]),
            detail=np.array([1.0, 0.75, 0.5, 0.25]),
            learned=1000,
            tested=360,
            chance=0.125,
        )

    def _ascend(
        self, _: Subject, __: int, filters: tuple[int, ...], steps: int, ___: float, ____: int
    ) -> Ascent:
        values = np.linspace(-1, 2, steps + 1, dtype=np.float32)
        stages = np.zeros((len(filters), STAGES, 8, 8, 1), np.uint8)
        for stage, one in zip(stages, filters, strict=True):
            stage[:, 3 * one :] = 255  # all white, 5 of 8 rows, 2 of 8 rows
        return Ascent(
            stages=stages,
            values=np.repeat(values[np.newaxis], len(filters), axis=0),
        )

    def _responses(self, _: Subject, position: int) -> Responses:
        count = 3 if position == 1 else 10
        order = np.tile(np.arange(BEST), (count, 1)) + 20
        return Responses(
            pictures=360,
            largest=np.full(count, 4.5, np.float32),
            fired=np.array([0.0] + [0.25] * (count - 1)),
            places=order,
            values=np.full((count, BEST), 4.5, np.float32),
            rows=np.zeros((count, BEST), np.int64),
            columns=np.zeros((count, BEST), np.int64),
            mean_places=order + 100,
            means=np.full((count, BEST), 0.5, np.float32),
        )

    def _step(self, _: Subject, __: Picture, position: int, one: int) -> Step:
        seen = np.arange(64, dtype=np.float32).reshape(8, 8, 1)
        weights = {"kernel": np.ones((2, 2, 1), np.float32), "bias": np.float32(-7.0)}
        if position == 1:
            outputs = np.maximum(
                seen[:-1, :-1] + seen[:-1, 1:] + seen[1:, :-1] + seen[1:, 1:] - 7, 0
            ).repeat(3, axis=2)
            return self._made_step(seen, seen, outputs, weights)
        if position == 4:
            before, kernel = np.arange(27, dtype=np.float32), np.zeros(27, np.float32)
            kernel[[5, 6]] = 1.0, -0.5
            sums = np.zeros(10, np.float32)
            sums[one] = 2.0
            powers = np.exp(sums)
            step = self._made_step(
                seen, before, powers / powers.sum(), {"kernel": kernel, "bias": np.float32(0.0)}
            )
            return replace(step, sums=sums)
        return self._made_step(seen, np.ones((7, 7, 3), np.float32), np.ones((3, 3, 3)), {})

    def _made_step(self, seen: Any, before: Any, outputs: Any, weights: Any) -> Step:
        return Step(
            image=seen.astype(np.uint8),
            seen=seen,
            before=before,
            sums=np.asarray(outputs, np.float32),
            outputs=np.asarray(outputs, np.float32),
            weights=weights,
            shift=0.0,
            scale=255.0,
        )


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    engine = Told(RunStore(str(tmp_path)))
    monkeypatch.setattr(client, "_ENGINE", engine)
    yield engine
    engine.close()


def opened(own: Told, spec: RunSpec = SPEC, **query: str) -> AppTest:
    store = own._store
    run = kept_runs.keep_finished(store, spec)
    for moment in MOMENTS:
        store.save_weights(run, moment, {})
    page = open_page("inside", run=run, **query)
    assert not page.exception
    return page


def text(page: AppTest) -> str:
    parts = [*page.markdown, *page.caption, *page.info, *page.warning]
    return "\n".join(it.value for it in parts)


def component(page: AppTest, key: str) -> dict[str, Any]:
    for element in page.get("bidi_component"):
        if element.proto.id.endswith(f"-{key}"):
            payload: dict[str, Any] = json.loads(element.proto.json)[0]
            return payload
    raise AssertionError(key)


def press(page: AppTest, key: str) -> AppTest:
    page.button(key=key).click().run()
    assert not page.exception
    return page


def test_maps_of_all_layers_and_one_of_them_large(own: Told) -> None:
    page = opened(own, in_layer="1", in_map="2")
    assert "3 maps of 7 × 7; 62 % of all values are zero." in text(page)
    assert "Maps that are zero everywhere for this picture: 2." in text(page)
    large = component(page, "in_map_large")
    assert large["values"][0][0] == "1"
    assert component(page, "in_row_2")["caption"].startswith("2. Max pooling 2 × 2 – 3 of 3 maps")
    page.segmented_control(key="in_before").set_value("before").run()
    assert any(it[0] == "maps_before" and it[2:] == (Picture(), 1) for it in own.asked)
    assert page.query_params["in_before"] in ("before", ["before"])


def test_the_address_opens_a_moment_a_picture_and_a_view(own: Told) -> None:
    page = opened(own, moment="1", test_picture="8", inside="maps", in_layer="2")
    name, subject, picture, layer = next(it for it in own.asked if it[0] == "maps")
    assert (name, subject.moment, picture, layer) == ("maps", 1.0, Picture(number=7), 2)
    press(page, "moment_on")
    assert any(it[0] == "maps" and it[1].moment == 2.0 for it in own.asked)


def test_what_fades_and_what_grows_is_measured_on_a_press(own: Told) -> None:
    page = press(opened(own), "in_depth")
    said = text(page)
    assert "names 50.0 % of the 360 test pictures from the pixels, and 87.5 % from" in said
    assert "Max pooling 2 × 2”, where it reads best; guessing, 12.5 %" in said
    assert "25 % can be brought back" in said


def test_what_takes_long_shows_how_far_it_is_and_can_be_stopped(
    own: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelled: list[tuple[Any, ...]] = []
    answer = Answer()
    question = (feature_maps.depth, Subject(run=SPEC.digest(), moment=3.0))
    own.compute(*question)
    own._made[question] = answer

    def cancel(*asked: Any) -> None:
        cancelled.append(asked)
        answer.fail(pace.cancelled())

    monkeypatch.setattr(own, "cancel", cancel)
    page = opened(own)
    assert "It begins as soon as the worker is free." in progress(page)
    answer.come_to(0.25)
    answer._begun_at -= 10
    page.run()
    assert "Still about 30 s." in progress(page)
    press(page, "in_depth_stop")
    assert cancelled == [question]
    assert "This was stopped before it was done. Its button begins it anew." in text(page)
    assert any(it.key == "in_depth" for it in page.button)


def progress(page: AppTest) -> str:
    """Return what stands above the bar."""
    (bar,) = page.get("progress")
    return str(bar.proto.text)


def test_a_network_without_maps_says_so_and_shows_the_rest(own: Told) -> None:
    page = opened(own, DENSE)
    assert "This network has no feature maps" in text(page)
    page = opened(own, DENSE, inside="architecture")
    assert "**2 layers**" in text(page)
    page = opened(own, DENSE, inside="patterns")
    assert "This is what the network calls **0** most of all, with a score of 2" in text(page)


def test_the_drawing_leads_into_a_layer(own: Told) -> None:
    page = opened(own, inside="architecture", in_layer="1")
    assert "8 × 8 × 1 values in, 7 × 7 × 3 out; 15 parameters" in text(page)
    assert r"(2 \cdot 2 \cdot 1 + 1) \cdot 3 = {15}" in text(page)
    press(page, "in_to_walk")
    assert page.query_params["inside"] in ("walk", ["walk"])


def test_a_dead_filter_is_said_to_be_dead_and_another_how_often_it_fires(own: Told) -> None:
    page = opened(own, inside="patterns")
    assert "**Filter 1 is dead**: its output is 0 everywhere in all of the first 360" in text(page)
    assert "rises from −1 to 2." in text(page)
    page = opened(own, inside="patterns", in_filter="2")
    assert "Filter 2 answers to 25 % of the first 360 test pictures, at most with 4.5." in text(
        page
    )
    press(page, "in_all_patterns")
    assert "Dead for all of the first 360 test pictures: 1." in text(page)
    assert component(page, "in_all_grid")["pick"]["columns"] == 3
    tiles = component(page, "in_best_tiles")["tiles"]
    assert (tiles[0]["head"], tiles[0]["note"]) == ("4.5", "No. 21")
    page.segmented_control(key="in_best_by").set_value("mean").run()
    assert component(page, "in_best_tiles")["tiles"][0]["note"] == "No. 121"


def test_a_picture_that_shows_nothing_but_white_is_explained_in_the_first_layer(own: Told) -> None:
    assert "100 % of it is white: every brighter pixel raises the map" in text(
        opened(own, inside="patterns")
    )
    assert "of it is white" not in text(opened(own, inside="patterns", in_filter="2"))
    # The score of a class is no map, and nothing follows from the sum of one kernel.
    assert "of it is white" not in text(opened(own, inside="patterns", in_layer="4"))


def test_the_walk_shows_the_numbers_behind_a_value(own: Told) -> None:
    page = opened(own, inside="walk", in_layer="1", in_filter="3", in_row="2", in_column="1")
    # 8 + 9 + 16 + 17 − 7 = 43.
    formulas = [it.value for it in page.latex]
    assert any("50 - 7 = 43" in it for it in formulas)
    assert "The products add up to 50; the bias is −7." in text(page)
    assert any(r"\max(0, 43) = 43" in it for it in formulas)
    assert "Worked out here: **43**. TensorFlow's own: 43." in text(page)
    press(page, "in_walk_back")  # to the largest pixel, 17: row 3, column 2
    settings = {key: page.session_state[key] for key in ("in_layer", "in_row", "in_column")}
    assert settings == {"in_layer": "0", "in_row": 3, "in_column": 2}
    assert any(r"\frac{17}{255} = 17" in it.value for it in page.latex)


def test_the_walk_calls_a_colour_pictures_channels_by_their_colours(
    own: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = np.zeros((32, 32, 3), np.float32)
    seen[1:3, 0:2] = 1, 2, 3
    kernel = np.ones((2, 2, 3), np.float32) * np.array([1, -3, 1], np.float32)
    weights = {"kernel": kernel, "bias": np.float32(30.0)}
    # Red adds 4, green takes 24, blue adds 12: 22 with the bias.
    outputs = np.full((31, 31, 3), 22, np.float32)
    made = own._made_step(seen, seen, outputs, weights)
    monkeypatch.setitem(own._jobs, walk.step, lambda *_: made)
    spec = replace(SPEC, dataset="cifar10", training_size=100)
    page = opened(own, spec, inside="walk", in_layer="1", in_row="2", in_column="1")
    assert component(page, "in_walk_before")["caption"] == "What goes in: Green"
    table = next(it.proto.body for it in page.get("html") if "Sum of its products" in it.proto.body)
    places = [
        table.index(it) for it in (">Green<", ">−24<", ">Blue<", ">12<", ">Red<", ">4<", ">Bias<")
    ]
    assert places == sorted(places)
    assert "Of the three colours, the one that counts most." in text(page)
    page = opened(own, spec, inside="walk", in_layer="1", in_row="2", in_column="1", lang="ko")
    assert component(page, "in_walk_before")["caption"] == "들어가는 것: 초록"


def test_the_walk_ends_in_scores_and_probabilities(own: Told) -> None:
    page = opened(own, inside="walk", in_layer="4", in_filter="2")
    tables = " ".join(it.proto.body for it in page.get("html"))
    assert "Value 6" in tables
    assert "The other 19" in tables
    assert "This sum is the score of 1." in text(page)
    assert page.button(key="in_walk_on").disabled
    press(page, "in_walk_back")
    assert (page.session_state["in_layer"], page.session_state["in_filter"]) == ("3", 6)


@pytest.mark.parametrize("view", ["maps", "patterns", "walk"])
def test_what_the_worker_cannot_say_is_a_sentence_and_the_page_goes_on(
    own: Told, view: str
) -> None:
    own.error = EngineError("The weights are gone.")
    page = opened(own, inside=view)
    assert "The weights are gone" in text(page)
    assert page.segmented_control(key="inside").value == view


def test_a_run_that_failed_says_why_and_can_be_trained_from_here(
    own: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = Failed(
        attempt=1, number=2, at=102.0, error="AssetError", sentence="{name} is not here.",
        values={"name": "MNIST"},
    )  # fmt: skip
    submitted: list[RunSpec] = []
    monkeypatch.setattr(own, "submit", submitted.append)
    page = open_page("inside", run=kept_runs.keep(own._store, SPEC, failed))
    assert "MNIST is not here" in page.warning[0].value
    press(page, "inside_train")
    assert submitted == [SPEC]


def test_a_run_that_is_gone_is_said(own: Told) -> None:
    page = open_page("inside", run="0" * 16)
    assert not page.exception
    assert "There is no run called" in text(page)


@pytest.mark.parametrize("view", ["architecture", "maps", "patterns", "walk"])
def test_every_view_speaks_korean(own: Told, view: str) -> None:
    page = opened(own, inside=view, lang="ko")
    assert page.title[0].value != "Look inside"
