"""The view Heat maps: which map, of what, how strong, and what it says in words."""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from streamlit.testing.v1 import AppTest

from cvcore import evaluation, heat_maps
from cvcore.arrays import ByteArray
from cvcore.engine import Answer, Engine, client
from cvcore.evaluation import Scores
from cvcore.heat_maps import HeatMap, Way
from cvcore.networks import Convolution, Dense, Flatten, Network
from cvcore.runs import RunStore
from cvcore.spec import RunSpec
from cvcore.subjects import Picture, Subject
from tests import kept_runs
from tests.pages import open_page

END = Dense(units=10, activation="softmax")
CNN: Network = (
    Convolution(filters=2, padding="same"),
    Convolution(filters=3, padding="same"),
    Flatten(),
    END,
)
DENSE: Network = (Flatten(), END)


class Mapped(Engine):
    """Answers at once: two pixels, 2 and -1, for class 2, which it says; -1 for the others."""

    def __init__(self, store: RunStore) -> None:
        super().__init__(store)
        self.asked: list[tuple[Any, ...]] = []

    def ask_together(self, *questions: tuple[Any, ...]) -> list[Answer]:
        return [self.ask(*question) for question in questions]

    def ask(self, job: Callable[..., Any], *arguments: Any) -> Answer:
        self.asked.append((job.__name__, *arguments))
        known: dict[Callable[..., Any], Callable[..., Any]] = {
            heat_maps.heat_map: self._heat_map,
            evaluation.scores: self._scores,
        }
        answer = Answer()
        answer.give(known[job](*arguments) if job in known else job(self._store.url, *arguments))
        return answer

    def _scores(self, _: Subject, __: Picture) -> Scores:
        said = np.eye(10, dtype=np.float32)[2]
        image = np.zeros((8, 8, 1), np.uint8)
        return Scores(image=image, label=2, scores=said, probabilities=said)

    def _heat_map(self, _: Subject, __: Picture, label: int | None, way: Way) -> HeatMap:
        signed = np.zeros((8, 8), np.float32)
        signed[6, 7] = -1
        if label in (None, 2):  # 2 is what it says
            signed[1, 3] = 2
        keeps_signs = way.method in ("occlusion", "gradient_input")
        return HeatMap(
            image=np.zeros((8, 8, 1), np.uint8),
            values=signed if keeps_signs else np.maximum(signed, 0),
            signed=signed,
            cells=signed,
            score=4.5,
            probability=0.9,
        )


@pytest.fixture(autouse=True)
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mapped]:
    own = Mapped(RunStore(str(tmp_path)))
    monkeypatch.setattr(client, "_ENGINE", own)
    yield own
    own.close()


def look(told: Mapped, network: Network = CNN, **query: str) -> AppTest:
    run = kept_runs.keep_finished(told._store, RunSpec(dataset="digits", network=network, epochs=3))
    told._store.save_weights(run, 3.0, {"weights": np.zeros(1, np.float32)})
    page = open_page("inside", inside="heat", run=run, **query)
    assert not page.exception
    return page


def drawn(page: AppTest, key: str) -> ByteArray:
    """Return a picture of the page, red first."""
    for element in page.get("bidi_component"):
        if element.proto.id.endswith(f"-{key}"):
            source = json.loads(element.proto.json)[0]["source"]
            data = base64.b64decode(source.partition(",")[2])
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
            assert image is not None
            return np.asarray(image[..., ::-1], np.uint8)
    raise AssertionError(key)


def asked(told: Mapped) -> list[tuple[int | None, Way]]:
    return [(it[3], it[4]) for it in told.asked if it[0] == "heat_map"]


def texts(page: AppTest) -> str:
    return "\n".join(it.value for it in [*page.caption, *page.markdown, *page.info, *page.warning])


def test_four_maps_of_the_predicted_class_stand_side_by_side(told: Mapped) -> None:
    page = look(told)
    for method in ("grad_cam", "hires_cam", "occlusion", "gradient"):
        assert drawn(page, f"in_heat_{method}_over").shape == (8, 8, 3)
    ways = asked(told)
    assert {label for label, _ in ways} == {None}
    assert {way.layer for _, way in ways if way.method == "grad_cam"} == {2}
    assert "Rank correlation" not in texts(page)
    assert "most alike (rank correlation 1.00)" in texts(page)
    assert "other weights for each place" in texts(page)


def test_the_address_says_the_map_the_class_and_the_layer(told: Mapped) -> None:
    page = look(told, in_heat="grad_cam", in_class="7", in_layer="1")
    assert set(asked(told)) == {(7, Way(layer=1))}
    assert "negative everywhere here: at this layer nothing speaks for 7" in texts(page)
    page.selectbox(key="in_class").select("predicted").run()
    assert "in_class" not in page.query_params
    assert "The strongest value, 2, is at row 2, column 4: at the top." in texts(page)
    assert "score of 2 before softmax: 4.5" in texts(page)


def test_before_relu_the_map_has_its_signs(told: Mapped) -> None:
    page = look(told, in_heat="grad_cam", in_class="7", in_strength="100")
    assert len(np.unique(drawn(page, "in_heat_grad_cam_over").reshape(-1, 3), axis=0)) == 1
    page.toggle(key="in_signed").set_value(True).run()
    over = drawn(page, "in_heat_grad_cam_over")
    assert_array_equal(over[6, 7], (20, 90, 180))  # the strongest blue
    assert_array_equal(over[0, 0], (255, 255, 255))
    assert "negative everywhere" not in texts(page)
    assert "The strongest value, −1, is at row 7, column 8: at the bottom right." in texts(page)


def test_the_strength_is_drawn_without_asking_the_worker(told: Mapped) -> None:
    page = look(told, in_heat="occlusion", in_strength="0")
    assert not drawn(page, "in_heat_occlusion_over").any()  # the picture, which is black
    before = len(set(told.asked))
    page.slider(key="in_strength").set_value(100).run()
    assert_array_equal(drawn(page, "in_heat_occlusion_over")[1, 3], (184, 22, 42))
    assert page.query_params["in_strength"] == "100"
    assert len(set(told.asked)) == before


def test_the_square_of_occlusion_is_the_visitors(told: Mapped) -> None:
    page = look(told, in_heat="occlusion", in_patch="3", in_stride="2", in_fill="blur")
    wanted = Way(method="occlusion", patch=3, stride=2, fill="blur")
    assert set(asked(told)) == {(None, wanted)}
    # A smaller square takes the step with it.
    page.number_input(key="in_patch").set_value(1).run()
    assert asked(told)[-1] == (None, Way(method="occlusion", patch=1, stride=1, fill="blur"))


def test_a_network_without_maps_has_the_other_methods(told: Mapped) -> None:
    page = look(told, DENSE)
    assert "no feature maps that Grad-CAM could weigh" in texts(page)
    assert {way.method for _, way in asked(told)} == {"occlusion", "gradient"}
    alone = look(told, DENSE, in_heat="grad_cam")
    assert "no feature maps that Grad-CAM could weigh" in texts(alone)


def test_nonsense_in_the_address_opens_the_usual_map(told: Mapped) -> None:
    page = look(told, in_heat="sixth", in_layer="99", in_class="x")
    assert drawn(page, "in_heat_grad_cam_over").shape == (8, 8, 3)
