"""The view Kernels: what a layer learned, what it resembles, and how it moved."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from cvcore.engine import client
from cvcore.networks import Convolution, Dense, Flatten, Pooling, preset
from cvcore.runs import RunStore
from cvcore.spec import RunSpec
from tests.pages import open_page
from tests.pages.inside_answers import Told, keep_run

END = Dense(units=10, activation="softmax")
SPEC = RunSpec(
    dataset="digits",
    network=(
        Convolution(filters=4),
        Pooling(),
        Convolution(filters=2, size=2, activation="relu"),
        Flatten(),
        END,
    ),
    epochs=3,
)
SOBEL = "1.1kernel-2,0,2;-4,0,4;-2,0,2"


@pytest.fixture(autouse=True)
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    own = Told(RunStore(str(tmp_path)))
    monkeypatch.setattr(client, "_ENGINE", own)
    yield own
    own.close()


def look(engine: Told, spec: RunSpec = SPEC, **query: str) -> AppTest:
    page = open_page("inside", inside="kernels", run=keep_run(engine._store, spec), **query)
    assert not page.exception
    return page


def payload(page: AppTest, key: str) -> Any:
    for element in page.get("bidi_component"):
        if element.proto.id.endswith(f"-{key}"):
            return json.loads(element.proto.json)[0]
    raise AssertionError(key)


def texts(page: AppTest) -> str:
    return "\n".join(it.value for it in [*page.caption, *page.markdown, *page.warning])


def test_a_kernel_that_is_a_sobel_is_called_one(engine: Told) -> None:
    page = look(engine, in_kernel="2", surgery=SOBEL)
    assert "Kernel 2 resembles **Sobel x** most: correlation 1." in texts(page)
    assert payload(page, "kernels_best_0")["caption"] == "Sobel x: 1"
    assert payload(page, "kernels_chosen")["values"][1] == ["−4", "0", "4"]
    first = payload(page, "kernels_pairs")["tiles"][0]
    assert (first["head"], first["note"]) == ("2: 1.00", "Sobel x")


def test_kernels_that_see_colours_are_colours_too(engine: Told) -> None:
    spec = replace(SPEC, dataset="cifar10", training_size=100)
    page = look(engine, spec, in_layer="1", in_channel="2")
    assert page.selectbox(key="in_channel").options[1:] == ["Red", "Green", "Blue"]
    drawn = payload(page, "kernels_colours")
    # Three in a row of 3 × 3, with lines between them, in two rows.
    assert (drawn["rows"], drawn["columns"]) == (7, 11)
    assert drawn["alt"] == "4 kernels, their three channels as red, green and blue"
    with pytest.raises(AssertionError):
        payload(look(engine, spec, in_layer="3"), "kernels_colours")  # it sees maps


def test_its_negative_is_called_the_inverse_of_one(engine: Told) -> None:
    page = look(engine, in_kernel="2", surgery="1.1kernel1,0,-1;2,0,-2;1,0,-1")
    assert "Kernel 2 resembles **Inverse of Sobel x** most: correlation −1." in texts(page)
    # The picture shows what it resembles: the inverse.
    assert payload(page, "kernels_best_0")["values"][1] == ["2", "0", "−2"]


def test_a_filter_that_is_off_resembles_none(engine: Told) -> None:
    page = look(engine, surgery="1.0off")
    assert "Kernel 1 has the same weight everywhere, so it resembles none." in texts(page)


def test_the_choice_stands_in_the_address(engine: Told) -> None:
    page = look(engine)
    page.number_input(key="in_kernel").set_value(3).run()
    assert page.query_params["in_kernel"] == "3"
    assert payload(page, "kernels_chosen")["caption"] == "Kernel 3"
    page.selectbox(key="in_layer").set_value("3").run()
    assert page.query_params["in_layer"] == "3"
    assert page.query_params["in_kernel"] == "2"  # it has no third one


def test_a_small_kernel_resembles_none_and_says_so(engine: Told) -> None:
    page = look(engine, in_layer="3", in_channel="4")
    assert "Kernels of 2 × 2 weights have no room" in texts(page)
    assert page.selectbox(key="in_channel").value == "4"
    assert len(page.selectbox(key="in_channel").options) == 5  # the mean, and four


def test_the_movement_is_told_in_numbers_and_shown_at_every_moment(engine: Told) -> None:
    page = look(engine)
    # The weights are the first ones times 1, 1.25, 2, 3 and 4: in a straight line.
    assert "which is 300 % of its length then" in texts(page)
    assert "Its path is 1.0 times as long" in texts(page)
    frames = payload(page, "kernels_film")["tiles"]
    assert [it["head"] for it in frames] == ["0", "0.25", "1", "2", "3"]
    assert payload(page, "kernels_film")["chosen"] == 4


def test_a_dense_network_shows_the_weights_as_pictures_of_what_it_sees(engine: Told) -> None:
    page = look(engine, replace(SPEC, network=preset("dense", 10)))
    assert "128 units, 8 × 8" in payload(page, "kernels_pick")["caption"]
    assert "no hand-made kernel is like them" in texts(page)
    assert page.selectbox(key="in_layer").value == "2"
