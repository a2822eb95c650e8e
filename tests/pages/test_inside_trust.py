"""The view Trust: the curves' verdict, the shuffled network, and what the brush hides."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from numpy.testing import assert_array_equal
from streamlit.testing.v1 import AppTest

from cvcore import evaluation, heat_maps, trust
from cvcore.engine import Answer, Engine, client
from cvcore.evaluation import Scores
from cvcore.heat_maps import HeatMap, Way
from cvcore.networks import Convolution, Dense, Flatten, Network
from cvcore.runs import RunStore
from cvcore.spec import RunSpec
from cvcore.subjects import Picture, Subject, pack, unpack
from cvcore.trust import Curves, Falls, Shuffled
from pages.ui import brush
from tests import kept_runs
from tests.pages import open_page

END = Dense(units=10, activation="softmax")
CNN: Network = (Convolution(filters=2, padding="same"), Flatten(), END)
DENSE: Network = (Flatten(), END)
WAY = Way(layer=1)


class Tried(Engine):
    """Knows a map whose first pixel counts most, and what becomes of the class."""

    deletion, insertion, correlation = 0.1, 0.9, 0.1

    def __init__(self, store: RunStore) -> None:
        super().__init__(store)
        self.asked: list[tuple[Any, ...]] = []

    def ask_together(self, *questions: tuple[Any, ...]) -> list[Answer]:
        return [self.ask(*question) for question in questions]

    def ask(self, job: Callable[..., Any], *arguments: Any) -> Answer:
        self.asked.append((job.__name__, *arguments))
        known: dict[Callable[..., Any], Callable[..., Any]] = {
            evaluation.scores: self._said,
            heat_maps.heat_map: lambda *_: self._heat(),
            trust.curves: self._curves,
            trust.shuffled: self._shuffled,
        }
        answer = Answer()
        answer.give(known[job](*arguments) if job in known else job(self._store.url, *arguments))
        return answer

    def _heat(self) -> HeatMap:
        values = np.arange(64, 0, -1, dtype=np.float32).reshape(8, 8)
        image = np.full((8, 8, 1), 200, np.uint8)
        return HeatMap(
            image=image, values=values, signed=values, cells=values, score=3, probability=0.75
        )

    def _curves(self, *_: Any) -> Curves:
        share = np.linspace(0, 1, 51, dtype=np.float32)

        def flat(value: float) -> Any:
            return np.full(51, value, np.float32)

        falls = Falls(
            share=share,
            first=flat(self.deletion),
            last=flat(self.insertion),
            random=np.stack([flat(0.4), flat(0.6)]),
        )
        heat = self._heat()
        lower = replace(falls, first=flat(-3))
        return Curves(heat=heat, order=trust.ranked(heat), probability=falls, score=lower)

    def _shuffled(self, *_: Any) -> Shuffled:
        return Shuffled(learned=self._heat(), shuffled=self._heat(), correlation=self.correlation)

    def _said(self, _: Subject, picture: Picture) -> Scores:
        """The more is hidden, the less it says 2; of the whole picture 3 is the rest."""
        hidden = unpack(picture.hidden, 8, 8).mean() if picture.hidden else 0
        probabilities = np.zeros(10, np.float32)
        probabilities[2], probabilities[3] = 0.75 * (1 - hidden), 0.25 + 0.75 * hidden
        return Scores(
            image=np.full((8, 8, 1), 200, np.uint8),
            label=2,
            scores=probabilities,
            probabilities=probabilities,
        )


@pytest.fixture(autouse=True)
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tried]:
    own = Tried(RunStore(str(tmp_path)))
    monkeypatch.setattr(client, "_ENGINE", own)
    yield own
    own.close()


def look(told: Tried, network: Network = CNN, **query: str) -> AppTest:
    run = kept_runs.keep_finished(told._store, RunSpec(dataset="digits", network=network, epochs=3))
    told._store.save_weights(run, 3.0, {"weights": np.zeros(1, np.float32)})
    page = open_page("inside", inside="trust", run=run, **query)
    assert not page.exception
    return page


def texts(page: AppTest) -> str:
    return "\n".join(it.value for it in [*page.caption, *page.markdown, *page.info, *page.warning])


def payload(page: AppTest, key: str) -> Any:
    for element in page.get("bidi_component"):
        if element.proto.id.endswith(f"-{key}"):
            return json.loads(element.proto.json)[0]
    raise AssertionError(key)


@pytest.mark.parametrize(
    ("deletion", "insertion", "verdict"),
    [
        (0.1, 0.9, "is right"),
        (0.1, 0.3, "but what it calls important is not enough"),
        (0.7, 0.9, "but hiding random pixels hurts at least as much"),
        (0.7, 0.3, "misleads"),
    ],
)
def test_the_verdict_compares_both_areas_with_chance(
    told: Tried, deletion: float, insertion: float, verdict: str
) -> None:
    told.deletion, told.insertion = deletion, insertion
    page = look(told)
    assert verdict in texts(page)
    assert f"deletion {deletion:.2f}, insertion {insertion:.2f}, random orders 0.50" in texts(page)
    assert ("curves", 2, WAY, "black") in [(it[0], *it[3:]) for it in told.asked]
    heads = [it["head"] for it in payload(page, "in_trust_steps")["tiles"]]
    assert heads == ["0 % hidden", "10 % hidden", "20 % hidden", "40 % hidden"]


def test_where_nothing_changes_nothing_is_said_for_or_against_the_map(told: Tried) -> None:
    told.deletion, told.insertion = 0.499, 0.501
    said = texts(look(told))
    assert "nothing can be said of Grad-CAM:** all areas under the curves are 0.50" in said
    assert "misleads" not in said


def test_the_score_before_softmax_can_be_watched(told: Tried) -> None:
    page = look(told, in_measure="score")
    assert "deletion -3.00" in texts(page).replace("−", "-")
    tables = [it.proto.body for it in page.get("html") if "cv-table" in it.proto.body]
    assert any(re.search(r"<td[^>]*>Area</td><td[^>]*>-3.000</td>", it) for it in tables)


def test_another_map_class_and_filling_are_the_visitors(told: Tried) -> None:
    look(told, in_method="occlusion", in_class="7", in_fill="mean")
    way = Way(method="occlusion", patch=2, stride=1, fill="mean")
    assert ("curves", 7, way, "mean") in [(it[0], *it[3:]) for it in told.asked]


@pytest.mark.parametrize(
    ("correlation", "said"),
    [
        (0.1, "It depends on what the network learned"),
        (0.45, "has changed in part"),
        (0.9, "hardly cares"),
        (float("nan"), "nothing to compare"),
    ],
)
def test_a_map_that_stays_when_the_weights_are_shuffled_is_told_from_one_that_changes(
    told: Tried, correlation: float, said: str
) -> None:
    told.correlation = correlation
    page = look(told, in_trust="shuffled", in_seed="5")
    assert said in texts(page)
    assert next(it[3:] for it in told.asked if it[0] == "shuffled") == (2, WAY, 5)


def test_all_maps_can_be_compared_on_the_shuffled_network(told: Tried) -> None:
    look(told, in_trust="shuffled", in_all="True")
    methods = {it[4].method for it in told.asked if it[0] == "shuffled"}
    assert methods == set(heat_maps.METHODS)


# -- the brush


def test_what_is_hidden_stands_in_the_address_and_is_asked_about(told: Tried) -> None:
    mask = np.zeros((8, 8), bool)
    mask[:4] = True
    page = look(told, in_trust="brush", in_hidden=pack(mask).hex(), in_fill="blur")
    assert payload(page, "in_brush_picture")["hidden"] == pack(mask).hex()
    assert Picture(hidden=pack(mask), fill="blur") in [it[2] for it in told.asked]
    said = payload(page, "in_brush_spoken")
    assert said == (
        "50 % of the pixels hidden: 2 goes from 75.0 % to 37.5 %; it says 3 now, no longer 2."
    )
    page.button(key="in_brush_clear").click().run()
    assert "in_hidden" not in page.query_params
    assert payload(page, "in_brush_spoken").startswith("Nothing is hidden.")


def test_buttons_hide_what_the_map_ranks_first_and_as_much_by_chance(told: Tried) -> None:
    page = look(told, in_trust="brush")
    page.button(key="in_brush_important").click().run()
    first = np.arange(64).reshape(8, 8) < 6  # a tenth of 64
    assert page.query_params["in_hidden"] == pack(first).hex()
    page.button(key="in_brush_swap").click().run()
    shown = unpack(bytes.fromhex(payload(page, "in_brush_picture")["hidden"]), 8, 8)
    assert_array_equal(shown, ~first)
    page.button(key="in_brush_random").click().run()
    shown = unpack(bytes.fromhex(payload(page, "in_brush_picture")["hidden"]), 8, 8)
    assert shown.sum() == 6


def test_a_mask_of_another_size_or_nonsense_hides_nothing(told: Tried) -> None:
    for nonsense in ("ff", "zz", "00" * 98):
        page = look(told, in_trust="brush", in_hidden=nonsense)
        assert payload(page, "in_brush_spoken").startswith("Nothing is hidden.")
        assert "in_hidden" not in page.query_params


@pytest.mark.parametrize(
    "stroke",
    [
        None,
        {},
        {"hidden": "ff" * 8},
        {"hidden": "ff", "stamp": 1},
        {"hidden": "no", "stamp": 1},
        {"hidden": "ff" * 8, "stamp": "soon"},
    ],
)
def test_a_stroke_that_no_brush_sends_is_ignored(
    monkeypatch: pytest.MonkeyPatch, stroke: Any
) -> None:
    assert _painted(monkeypatch, stroke) == []


def test_a_stroke_says_what_is_hidden_and_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = np.eye(8, dtype=bool)
    (painted,) = _painted(monkeypatch, {"hidden": pack(mask).hex(), "stamp": 12})
    assert_array_equal(painted, mask)


def _painted(monkeypatch: pytest.MonkeyPatch, stroke: Any) -> list[Any]:
    """Return what a stroke hides, as the browser's message is read."""
    painted: list[Any] = []
    state: dict[str, Any] = {"canvas": {"stroke": stroke}}
    monkeypatch.setattr(st, "session_state", state)
    monkeypatch.setattr(brush, "_mount", lambda **mounted: mounted["on_stroke_change"]())
    brush.show_brush(
        lambda sentence, **values: sentence.format(**values),  # type: ignore[arg-type]  # English
        np.zeros((8, 8, 1), np.uint8),
        np.zeros((8, 8, 1), np.uint8),
        np.zeros((8, 8), bool),
        size=1,
        alt="",
        caption="",
        key="canvas",
        on_change=painted.append,
    )
    assert ("canvas heard" in state) == bool(painted)
    return painted


def test_a_network_without_maps_is_tried_with_the_other_methods(told: Tried) -> None:
    page = look(told, DENSE)
    assert page.selectbox(key="in_method").value == "occlusion"
    assert not any(getattr(it, "key", "") == "in_layer" for it in page.selectbox)
