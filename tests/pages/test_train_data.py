"""The view of the data: what it shows is what would be trained, and it waits with patience."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from numpy.testing import assert_allclose
from streamlit.testing.v1 import AppTest

from cvcore import data_views, datasets
from cvcore.data_views import DownloadingError
from cvcore.engine import Answer, Engine, client
from cvcore.errors import AssetError, CvCoreError
from cvcore.networks import Dense, Flatten
from cvcore.runs import RunStore
from cvcore.spec import RunSpec
from pages.ui import questions
from tests.pages import open_page

DIGITS = RunSpec(dataset="digits", network=(Flatten(), Dense(units=10, activation="softmax")))
FACES = replace(DIGITS, dataset="faces", network=(Flatten(), Dense(units=2, activation="softmax")))
BINARISED = replace(DIGITS, dataset="binarized_mnist")

SCRIPT = """
from cvcore.spec import RunSpec
from pages.ui.setup import set_up
from pages.ui.train import data

data.show(set_up("train"), "", None, RunSpec.from_json({spec!r}))
"""


class AtOnce:
    """Answers as the engine does, without another process."""

    def __init__(self) -> None:
        self.error: CvCoreError | None = None
        self.busy = False
        self.asked: list[tuple[Any, ...]] = []

    def ask_together(self, *questions: tuple[Any, ...]) -> list[Answer]:
        return [self.ask(*question) for question in questions]

    def ask(self, job: Callable[..., Any], *arguments: Any) -> Answer:
        self.asked.append((job.__name__, *arguments))
        answer = Answer()
        if self.error is not None:
            answer.fail(self.error)
        elif not self.busy:
            answer.give(job("", *arguments))
        return answer


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> AtOnce:
    own = AtOnce()
    monkeypatch.setattr(questions, "engine", lambda: own)
    return own


def look(spec: RunSpec = DIGITS, **query: str) -> AppTest:
    """Open the view alone, on what a recipe says."""
    page = AppTest.from_string(SCRIPT.format(spec=spec.to_json()), default_timeout=60)
    page.session_state["navigated"] = True
    for key, value in query.items():
        page.query_params[key] = value
    page.run()
    assert not page.exception
    return page


def component(page: AppTest, key: str) -> dict[str, Any]:
    """Return what a picture or a gallery was given to draw."""
    for element in page.get("bidi_component"):
        if element.proto.id.endswith(f"-{key}"):
            payload: dict[str, Any] = json.loads(element.proto.json)[0]
            return payload
    raise AssertionError(key)


def tables(page: AppTest) -> list[list[list[str]]]:
    """Return the cells of every table, row by row."""
    bodies = [it.proto.body for it in page.get("html") if "cv-table" in it.proto.body]
    return [
        [
            re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row)
            for row in re.findall(r"<tr.*?</tr>", body, re.DOTALL)
        ]
        for body in bodies
    ]


def written(values: list[list[str]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([[float(it.replace("−", "-")) for it in row] for row in values])


def test_each_class_shows_its_first_pictures_and_then_others() -> None:
    page = look()
    labels = datasets.load("digits").training_labels[:1077]
    for label in range(10):
        expected = ", ".join(str(place + 1) for place in np.flatnonzero(labels == label)[:9])
        assert component(page, f"data_strip_{label}")["alt"] == f"{label}: pictures {expected}"
    assert "page 1 of 13." in page.caption[-2].value  # 109 of a class at most, nine a page
    page.button(key="data_next").click().run()
    expected = ", ".join(str(place + 1) for place in np.flatnonzero(labels == 3)[9:18])
    assert component(page, "data_strip_3")["alt"] == f"3: pictures {expected}"
    assert page.query_params["data_page"] == "1"


def test_the_train_page_shows_the_data_that_its_controls_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Engine(RunStore(str(tmp_path)))
    monkeypatch.setattr(client, "_ENGINE", own)
    page = open_page("train", show="data", data="digits", split="0.5", epochs="3")
    own.close()
    assert not page.exception
    assert "page 1 of 9." in page.caption[-2].value  # 74 of a class at most are left
    assert component(page, "data_strip_9")


def test_validation_pictures_are_numbered_as_in_the_file() -> None:
    page = look(data_part="validation")
    labels = datasets.load("digits").training_labels
    expected = ", ".join(str(1078 + place) for place in np.flatnonzero(labels[1077:] == 7)[:9])
    assert component(page, "data_strip_7")["alt"] == f"7: pictures {expected}"
    assert look(replace(DIGITS, validation_split=0.0), data_part="test").segmented_control(
        key="data_part"
    ).options == ["To learn from", "For the test"]


def test_a_class_without_pictures_says_so() -> None:
    page = look(replace(DIGITS, training_size=1))  # the file begins with a 0
    assert component(page, "data_strip_0")["alt"] == "0: pictures 1"
    assert [it.value for it in page.caption].count("3: no pictures here.") == 1
    page = look(replace(DIGITS, training_size=1), data_topic="values", data_class="3")
    assert any("no pictures here" in it.value for it in page.caption)
    assert len(component(look(replace(DIGITS, training_size=1), data_topic="means"), "data_means")[
        "tiles"
    ]) == 1  # fmt: skip


def test_the_split_is_drawn_in_proportion_and_explained() -> None:
    page = look(replace(DIGITS, training_size=300), data_topic="split")
    (body,) = [it.proto.body for it in page.get("html") if "cv-split" in it.proto.body]
    sizes = [int(it) for it in re.findall(r"flex:(\d+)", body)]
    assert sizes == [300, 777, 360, 360]
    assert sum(sizes) == 1_797
    assert "The last 25 % of the training pictures." in body
    assert "Not used: 777" in body
    whole = look(replace(DIGITS, validation_split=0.0), data_topic="split")
    (body,) = [it.proto.body for it in whole.get("html") if "cv-split" in it.proto.body]
    assert re.findall(r"flex:(\d+)", body) == ["1437", "360"]
    assert "No pictures are kept for validation." in [it.value for it in whole.caption]


def test_the_balance_counts_every_class_in_every_part() -> None:
    page = look(data_topic="split")
    data = datasets.load("digits")
    parts = (data.training_labels[:1077], data.training_labels[1077:], data.test_labels)
    (rows,) = tables(page)
    assert rows[1:] == [
        [str(label), *(str((part == label).sum()) for part in parts)] for label in range(10)
    ]
    counts = np.bincount(parts[0])
    said = page.info[0].value
    assert f"between {counts.min()} pictures" in said
    always = (data.test_labels == counts.argmax()).mean()
    assert f"right for {100 * always:.3g} % of the test pictures" in said


def test_faces_are_balanced() -> None:
    page = look(FACES, data_topic="split")
    assert page.info[0].value.startswith("Balanced: 60 pictures of each class")
    assert "Face would be right for 50 %" in page.info[0].value


@pytest.mark.parametrize(
    ("how", "scaled"),
    [
        ("none", lambda v, _: v),
        ("unit", lambda v, _: v / 255),
        ("minmax", lambda v, all_: (v - all_.min()) / (all_.max() - all_.min())),
        ("standardise", lambda v, all_: (v - all_.mean()) / all_.std()),
    ],
)
def test_the_values_are_those_of_the_file_and_of_the_scaling(
    how: Literal["none", "unit", "minmax", "standardise"], scaled: Callable[..., Any]
) -> None:
    page = look(replace(DIGITS, scaling=how), data_topic="values", data_class="5")
    learned = datasets.load("digits").training_images[:1077, ..., 0].astype(np.float64)
    picture = learned[datasets.load("digits").training_labels[:1077] == 5][0]
    raw, seen = component(page, "data_raw")["values"], component(page, "data_scaled")["values"]
    assert_allclose(written(raw), picture)
    assert_allclose(written(seen), scaled(picture, learned), atol=0.006, rtol=0.006)
    _, after = tables(page)[0][1:]
    expected = [scaled(it, learned) for it in (learned.min(), learned.max(), learned.mean())]
    assert_allclose(written([after[1:4]])[0], expected, rtol=0.006, atol=1e-9)


def test_the_scaling_is_written_with_the_brightest_pixel_of_the_window() -> None:
    page = look(replace(DIGITS, scaling="unit"), data_topic="values", data_class="0")
    brightest = int(datasets.load("digits").training_images[0].max())
    formula = page.latex[0].value
    assert rf"\frac{{{brightest}}}{{255}}={brightest / 255:.3g}" in formula


def test_a_label_stands_as_an_integer_beside_its_one_hot_row() -> None:
    page = look(data_topic="values", data_class="5")
    head, row = tables(page)[-1]
    assert head[0] == "Integer label: 5"
    assert row[1:] == ["0"] * 5 + ["1"] + ["0"] * 4
    assert any("The recipe uses integers." in it.value for it in page.caption)
    other = look(replace(DIGITS, labels="one_hot"), data_topic="values")
    assert any("The recipe uses one-hot rows." in it.value for it in other.caption)


def test_the_window_is_moved_by_the_address_and_stays_inside() -> None:
    page = look(FACES, data_topic="values", data_row="3", data_column="31")
    drawn = component(page, "data_picture")
    assert drawn["window"] == [3, 17, 8, 8]
    assert (drawn["pick"]["rows"], drawn["pick"]["columns"]) == (18, 18)
    face = datasets.load("faces").training_images[0, 3:11, 17:25, 0]
    assert_allclose(written(component(page, "data_raw")["values"]), face)
    assert "pick" not in component(look(data_topic="values"), "data_picture")  # all is seen


def test_the_means_name_the_two_that_are_closest() -> None:
    page = look(data_topic="means")
    data = datasets.load("digits")
    learned, labels = data.training_images[:1077] / 1.0, data.training_labels[:1077]
    means = np.stack([learned[labels == label].mean(axis=0).ravel() for label in range(10)])
    pairs = {
        (one, other): np.linalg.norm(means[one] - means[other])
        for one in range(10)
        for other in range(one + 1, 10)
    }
    one, other = min(pairs, key=lambda pair: pairs[pair])
    assert f"The closest two are {one} and {other}:" in page.info[0].value
    assert [it["head"] for it in component(page, "data_means")["tiles"]] == list("0123456789")
    assert component(page, "data_means")["tiles"][0]["note"] == f"of {(labels == 0).sum()} pictures"


def test_the_threshold_is_seen_before_and_after(keras_home: Path) -> None:
    page = look(replace(BINARISED, threshold=200), data_topic="threshold")
    grey = datasets.load("mnist").training_images[:45_000]
    white = f"{100 * (grey >= 200).mean():.3g}"
    assert page.info[0].value.startswith(f"At 200, {white} % of the pixels are white.")
    before, after = component(page, "data_grey")["tiles"], component(page, "data_cut")["tiles"]
    assert [it["head"] for it in before] == [it["head"] for it in after] == list("0123456789")
    assert all(one["source"] != other["source"] for one, other in zip(before, after, strict=True))
    assert "Threshold" in page.segmented_control(key="data_topic").options
    assert "Threshold" not in look().segmented_control(key="data_topic").options


def test_recipes_that_differ_elsewhere_share_their_answers(engine: AtOnce) -> None:
    look(replace(DIGITS, learning_rate=0.5, scaling="none", seed=3))
    look()
    assert len(set(engine.asked)) == 1


def test_a_page_waits_and_says_so(engine: AtOnce) -> None:
    engine.busy = True
    page = look()
    assert "The worker is at it." in [it.value for it in page.caption]
    engine.busy = False
    page.run()
    assert "The worker is at it." not in [it.value for it in page.caption]
    assert component(page, "data_strip_9")


def test_a_download_shows_how_far_it_is_until_the_pictures_come(engine: AtOnce) -> None:
    engine.error = DownloadingError("{done} of {total} MB", done="3.0", total="11.5")
    page = look()
    assert [it.value for it in page.info] == [r"3\.0 of 11\.5 MB"]
    assert not page.warning
    engine.error, engine.busy = None, True  # asked anew: the last word stands
    assert [it.value for it in page.run().info] == [r"3\.0 of 11\.5 MB"]
    engine.busy = False
    assert not page.run().info
    engine.busy = True  # another question, later
    page.segmented_control(key="data_topic").set_value("means").run()
    assert not page.info
    assert "The worker is at it." in [it.value for it in page.caption]


def test_what_cannot_be_had_is_explained_and_can_be_tried_again(engine: AtOnce) -> None:
    engine.error = AssetError("There is no line to {place}.", place="Tokyo")
    page = look(data_topic="values")
    assert [it.value for it in page.warning] == ["There is no line to Tokyo."]
    engine.error = None
    page.button(key="data_wait_again").click().run()
    assert not page.warning
    assert component(page, "data_raw")


@pytest.mark.parametrize("topic", ["pictures", "split", "values", "means"])
def test_every_topic_opens_in_korean_too(topic: str) -> None:
    page = look(FACES, data_topic=topic, lang="ko")
    assert not page.warning
    assert page.segmented_control(key="data_topic").value == topic


def test_colour_pictures_show_one_channel_of_values(
    engine: AtOnce, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = np.arange(40 * 32 * 32 * 3).astype(np.uint8).reshape(40, 32, 32, 3)
    colour = datasets.Dataset(images, np.arange(40) % 10, images[:10], np.arange(10))
    monkeypatch.setattr(data_views, "_open", lambda *_: colour)
    spec = replace(DIGITS, dataset="cifar10", training_size=30)
    page = look(spec, data_topic="values", data_class="2", data_channel="1")
    assert_allclose(
        written(component(page, "data_raw")["values"]), images[2, 12:20, 12:20, 1], rtol=0
    )
    assert component(look(spec), "data_strip_9")["columns"] == 9 * 33 - 1


def test_nonsense_in_the_address_leaves_the_usual_view() -> None:
    page = look(data_topic="all", data_page="-1", data_part="mine", data_class="99")
    assert page.segmented_control(key="data_topic").value == "pictures"
    assert "page 1 of" in page.caption[-2].value


def test_the_worker_answers_as_the_page_asks(
    trainer: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "engine", lambda: trainer)
    page = look(data_topic="means")
    deadline = time.monotonic() + 60
    while "The worker is at it." in [it.value for it in page.caption]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
        page.run()
    assert "nearest mean" in page.info[0].value
