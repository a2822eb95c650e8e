"""The result view: its figures, the pictures of a cell, one picture's bars."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cvcore import evaluation
from cvcore.engine import Answer, Engine, client
from cvcore.evaluation import Scores
from cvcore.networks import NETWORKS
from cvcore.runs import RunStore
from cvcore.spec import RunSpec
from pages.ui.train import result
from tests import kept_runs
from tests.pages import open_page

SPEC = RunSpec(dataset="fashion_mnist", network=NETWORKS["dense"].layers, epochs=3)


class Evaluated(Engine):
    """An engine that answers at once; its pictures are black."""

    asked: tuple[tuple[Any, ...], ...] = ()

    def ask_together(self, *questions: tuple[Any, ...]) -> list[Answer]:
        return [self.ask(*question) for question in questions]

    def ask(self, job: Any, *arguments: Any) -> Answer:
        self.asked += ((job.__name__, *arguments),)
        answer = Answer()
        if job is evaluation.report:
            answer.give(evaluation.report(self._store.url, *arguments))
        elif job is evaluation.pictures:
            answer.give(np.zeros((len(arguments[1]), 28, 28, 1), np.uint8))
        else:
            values = np.linspace(-2, 7, 10, dtype=np.float32)
            p = np.exp(values) / np.exp(values).sum()
            image = np.zeros((28, 28, 1), np.uint8)
            answer.give(Scores(image=image, label=9, scores=values, probabilities=p))
        return answer


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Evaluated]:
    engine = Evaluated(RunStore(str(tmp_path)))
    monkeypatch.setattr(client, "_ENGINE", engine)
    yield engine
    engine.close()


def opened(own: Evaluated, *, said: tuple[int, ...] = (9, 2, 3, 1, 0), **query: str) -> AppTest:
    run = kept_runs.keep_finished(RunStore(own._store.url), SPEC, said=said)
    RunStore(own._store.url).save_weights(run, 3.0, {})
    page = open_page("train", run=run, show="result", **query)
    assert not page.exception
    return page


def shown(own: Evaluated) -> list[tuple[int, ...]]:
    return [it[2] for it in own.asked if it[0] == "pictures"]


def text(page: AppTest) -> str:
    return "\n".join([it.value for it in page.markdown] + [it.value for it in page.caption])


def test_accuracy_and_loss_are_said(own: Evaluated) -> None:
    page = opened(own)
    assert (
        "Test accuracy 0.6000: 3 of 5 test pictures get their right name. Test loss 0.5000."
        in text(page)
    )


def test_mistakes_are_shown_first_and_one_of_them_closely(own: Evaluated) -> None:
    opened(own)
    assert shown(own) == [(2, 4)]
    assert own.asked[-1][0] == "scores"
    _, subject, picture = own.asked[-1]
    assert (subject.moment, picture.number) == (3.0, 2)


def test_a_cell_shows_its_pictures_and_stands_in_the_address(own: Evaluated) -> None:
    page = opened(own, result_of="cell", result_cell="6-0")
    assert shown(own) == [(4,)]
    assert "Row 7, column 1: **Shirt** taken for **T" in text(page)
    assert page.query_params["result_cell"] in ("6-0", ["6-0"])


def test_an_empty_cell_says_so_and_nonsense_in_the_address_is_reported(own: Evaluated) -> None:
    assert "No test picture is in this cell." in text(
        opened(own, result_of="cell", result_cell="0-5")
    )
    page = opened(own, result_cell="a-b")
    assert any("result_cell" in it.value for it in page.info)


def test_all_pictures_come_in_pages(own: Evaluated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(result, "TILES", 2)
    opened(own, result_of="all", result_page="3")
    assert shown(own) == [(4,)]


def test_a_run_that_went_on_is_counted_anew(own: Evaluated) -> None:
    page = opened(own)
    (before,) = {it for it in own.asked if it[0] == "report"}
    RunStore(own._store.url).save_weights(SPEC.digest(), 4.0, {})
    page.run()
    (after,) = {it for it in own.asked if it[0] == "report"} - {before}
    assert (before[2], after[2]) == (3.0, 4.0)


def test_a_network_without_mistakes_is_praised_not_broken(own: Evaluated) -> None:
    page = opened(own, said=(9, 2, 1, 1, 6))
    assert "It gets no test picture wrong." in text(page)
    assert not shown(own)


def test_without_an_ended_run_the_view_says_when_something_comes() -> None:
    page = open_page("train", data="fashion_mnist", show="result")
    assert not page.exception
    assert page.info[0].value.startswith("As soon as a run is finished or stopped")
