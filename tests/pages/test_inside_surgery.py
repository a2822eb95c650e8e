"""The view Surgery: what is done, what it changes, what matters most, and the branch."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from cvcore.arrays import FloatArray
from cvcore.engine import client
from cvcore.networks import Convolution, Dense, Flatten, Pooling
from cvcore.runs import RunStore
from cvcore.spec import RunSpec
from cvcore.surgery import MOST, Operation, from_text
from pages.ui.inside import surgery as view
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
        Dense(units=5, activation="relu"),
        END,
    ),
    epochs=3,
)
LINEAR = replace(SPEC, network=(Flatten(), END))


@pytest.fixture(autouse=True)
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    own = Told(RunStore(str(tmp_path)))
    monkeypatch.setattr(client, "_ENGINE", own)
    yield own
    own.close()


def look(engine: Told, spec: RunSpec = SPEC, **query: str) -> AppTest:
    page = open_page("inside", inside="surgery", run=keep_run(engine._store, spec), **query)
    assert not page.exception
    return page


def press(page: AppTest, key: str) -> AppTest:
    page.button(key=key).click().run()
    assert not page.exception
    return page


def payload(page: AppTest, key: str) -> Any:
    for element in page.get("bidi_component"):
        if element.proto.id.endswith(f"-{key}"):
            return json.loads(element.proto.json)[0]
    raise AssertionError(key)


def texts(page: AppTest) -> str:
    shown = [*page.caption, *page.markdown, *page.info, *page.warning]
    return "\n".join(it.value for it in shown)


def has(page: AppTest, key: str) -> bool:
    return any(it.key == key for it in page.button)


def done(page: AppTest) -> tuple[Operation, ...]:
    return from_text(str(page.query_params.get("surgery", "")))


def test_it_opens_with_nothing_done(engine: Told) -> None:
    page = look(engine)
    assert "Nothing is changed yet" in payload(page, "surgery_said")
    assert "surgery" not in page.query_params
    assert "Operate on a filter first" in texts(page)


def test_a_filter_is_switched_off_and_on_again(engine: Told) -> None:
    page = look(engine, in_kernel="2")
    press(page, "surgery_do")
    assert done(page) == (Operation(layer=1, filter=1, deed="off"),)
    said = payload(page, "surgery_said")
    assert "1 of 4 maps of layer 1 are others now" in said
    assert "takes this picture for 3 (100.0 %) instead of 2 (100.0 %)" in said
    assert "falls from 0.8333 to 0.8056. Pictures named rightly: −10." in payload(
        page, "surgery_tested"
    )
    assert "Filter 2 of layer 1 is off." in texts(page)
    assert page.button(key="surgery_do").disabled  # it is off already
    press(page, "surgery_undo")
    assert done(page) == ()
    assert "Nothing is changed yet" in payload(page, "surgery_said")


def test_every_deed_is_one_operation_and_they_are_undone_one_by_one(engine: Told) -> None:
    page = look(engine, in_kernel="4", in_deed="kernel")
    press(page, "surgery_do")
    page.selectbox(key="in_deed").set_value("swap").run()
    press(page, "surgery_do")
    page.selectbox(key="in_deed").set_value("random").run()
    press(press(page, "surgery_do"), "surgery_do")
    laplacian = ((0.0, 1.0, 0.0), (1.0, -4.0, 1.0), (0.0, 1.0, 0.0))
    one = Operation(layer=1, filter=3, deed="off")
    assert done(page) == (
        replace(one, deed="kernel", kernel=laplacian),
        replace(one, deed="swap", other=1),
        replace(one, deed="random", seed=2),
        replace(one, deed="random", seed=3),
    )
    assert "is set to: Laplacian" in texts(page)
    assert "Filters 4 and 2 of layer 1 have changed places." in texts(page)
    assert len(done(press(page, "surgery_undo"))) == 3
    assert done(press(page, "surgery_undo_all")) == ()


def test_a_cell_written_by_hand_is_an_operation_at_once(
    engine: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed: list[tuple[int, int, str]] = []

    def edit(_: Any, kernel: FloatArray, *, key: str, on_cell: Any) -> None:
        shown[key] = kernel.tolist()
        while typed:
            on_cell(*typed.pop())

    shown: dict[str, Any] = {}
    monkeypatch.setattr(view, "edit_kernel", edit)
    page = look(engine, in_deed="hand", surgery="1.0kernel0,0,0;0,2,0;0,0,0")
    assert shown == {"surgery_grid": [[0, 0, 0], [0, 2, 0], [0, 0, 0]]}
    assert not has(page, "surgery_do")  # a cell is enough
    typed.append((0, 2, "-1/2"))
    page.run().run()
    own = ((0.0, 0.0, -0.5), (0.0, 2.0, 0.0), (0.0, 0.0, 0.0))
    assert done(page) == (Operation(layer=1, filter=0, deed="kernel", kernel=own),)
    assert "has weights of your own" in texts(page)
    typed.append((0, 0, "many"))
    page.run()
    assert "'many' in row 1, column 1 is not a number" in texts(page)
    assert len(done(page)) == 1


def test_the_filter_that_matters_most_is_named_and_can_be_switched_off(engine: Told) -> None:
    page = press(look(engine), "surgery_each")
    assert "Filter 2 matters most: without it 0.5556 of the test pictures are right" in texts(page)
    assert "Of 4, 2 can be left out without any change, and 1 even with a gain." in texts(page)
    tiles = payload(page, "surgery_each_tiles")["tiles"]
    assert [(it["head"], it["note"]) for it in tiles] == [
        ("2", "−100"),
        ("1", "0"),
        ("3", "0"),
        ("4", "+1"),
    ]


def test_it_is_trained_on_as_a_branch_with_its_operations(
    engine: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    went: list[str] = []
    monkeypatch.setattr(st, "switch_page", went.append)
    page = look(engine, surgery="1.0off~5.2random7", in_more_epochs="4")
    press(page, "surgery_train")
    (branch,) = engine.submitted
    assert branch == replace(
        SPEC,
        parent=SPEC.digest(),
        from_epoch=3,
        epochs=7,
        surgery=from_text("1.0off~5.2random7"),
    )
    assert went == ["pages/train.py"]
    assert page.query_params["run"] == branch.digest()
    assert page.session_state["surgery"] == ""  # the branch has them in itself


def test_a_moment_inside_an_epoch_leads_to_one_that_can_be_gone_on_from(engine: Told) -> None:
    page = look(engine, surgery="1.0off", moment="0.25")
    assert "the nearest is epoch 1" in texts(page)
    assert page.query_params["moment"] == "0.25"
    press(page, "surgery_near")
    assert page.query_params["moment"] == "1"
    assert has(page, "surgery_train")


def test_a_hidden_dense_layer_has_units_that_can_be_operated_on(engine: Told) -> None:
    page = look(engine, in_layer="5")
    assert "kernel" not in page.selectbox(key="in_deed").options
    assert page.selectbox(key="in_layer").value == "5"
    assert page.number_input(key="in_kernel").max == 5
    press(page, "surgery_do")
    assert done(page) == (Operation(layer=5, filter=0, deed="off"),)


def test_a_layer_of_another_view_gives_way_to_the_one_before_it(engine: Told) -> None:
    page = look(engine, in_layer="4")
    assert page.selectbox(key="in_layer").value == "3"


def test_a_network_of_one_dense_layer_says_that_it_has_no_filter(engine: Told) -> None:
    assert "no filter that could be switched off" in texts(look(engine, LINEAR))


def test_operations_of_another_network_are_left_out_with_a_sentence(engine: Told) -> None:
    page = look(engine, surgery="1.0off~9.0off~1.77off")
    assert "2 operations of another network are not possible" in texts(page)
    assert done(page) == (Operation(layer=1, filter=0, deed="off"),)
    page = look(engine, LINEAR, surgery="1.0off")
    assert "An operation of another network is not possible" in texts(page)
    assert done(page) == ()


def test_every_view_says_that_a_network_is_operated_on_and_undoes_it(engine: Told) -> None:
    page = open_page(
        "inside", inside="kernels", run=keep_run(engine._store, SPEC), surgery="1.0off~1.1off"
    )
    assert "Operated on: 2 operations" in texts(page)
    assert done(press(page, "inside_undo_all")) == ()


def test_nonsense_in_the_address_is_reported(engine: Told) -> None:
    page = look(engine, surgery="1.0burn")
    assert "settings that this page does not know (surgery)" in texts(page)


def test_no_more_operations_are_done_than_an_address_holds(engine: Told) -> None:
    page = look(engine, surgery="~".join(f"1.{it % 4}off" for it in range(MOST)))
    assert page.button(key="surgery_do").disabled
    assert "No more than 32 operations" in texts(page)
