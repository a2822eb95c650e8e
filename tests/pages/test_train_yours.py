"""Your picture on the Train page: its steps, the name it gets, and what is said without a run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cvcore.engine import Answer, Engine, client
from cvcore.evaluation import Scores
from cvcore.networks import NETWORKS
from cvcore.runs import RunStore
from cvcore.spec import RunSpec
from tests import kept_runs
from tests.pages import open_page

SPEC = RunSpec(dataset="fashion_mnist", network=NETWORKS["dense"].layers, epochs=3)


class Named(Engine):
    """An engine whose worker is at once sure that everything is an ankle boot."""

    asked: tuple[Any, ...] = ()

    def ask_together(self, *questions: tuple[Any, ...]) -> list[Answer]:
        return [self.ask(*question) for question in questions]

    def ask(self, job: Any, *arguments: Any) -> Answer:
        self.asked = (job.__name__, *arguments)
        answer = Answer()
        p = np.array([0.02] * 5 + [0.0] * 4 + [0.9], np.float32)
        image = np.zeros((28, 28, 1), np.uint8)
        answer.give(Scores(image=image, label=None, scores=p, probabilities=p))
        return answer


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Named]:
    engine = Named(RunStore(str(tmp_path)))
    monkeypatch.setattr(client, "_ENGINE", engine)
    yield engine
    engine.close()


def opened(own: Named, **query: str) -> AppTest:
    store = RunStore(own._store.url)
    run = kept_runs.keep_finished(store, SPEC)
    store.save_weights(run, 3.0, {})
    page = open_page("train", run=run, show="yours", **query)
    assert not page.exception
    return page


def steps(page: AppTest) -> list[str]:
    ids = [element.proto.id for element in page.get("bidi_component")]
    return [it.rpartition("-own_step_")[2] for it in ids if "-own_step_" in it]


def test_a_boot_goes_through_its_steps_and_gets_its_name(own: Named) -> None:
    page = opened(own)
    assert steps(page) == ["photo", "grey", "invert", "clear", "crop", "scale"]
    assert "The network says **Ankle boot**, with 90.0 %." in [it.value for it in page.markdown]
    job, subject, picture = own.asked
    assert (job, subject.moment, len(picture.pixels)) == ("scores", 3.0, 28 * 28)


def test_a_step_can_be_overruled_and_stands_in_the_address(own: Named) -> None:
    page = opened(own, own_invert="no", own_crop="False")
    assert steps(page) == ["photo", "grey", "clear", "crop", "scale"]
    first = own.asked[-1]
    page.toggle(key="own_crop").set_value(True).run()
    assert "own_crop" not in page.query_params
    assert own.asked[-1] != first


def test_without_a_trained_network_the_view_says_what_to_do(own: Named) -> None:
    page = open_page("train", data="fashion_mnist", show="yours")
    assert not page.exception
    assert page.info[0].value.startswith("No network has learned anything here yet.")
