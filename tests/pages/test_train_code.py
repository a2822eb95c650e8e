"""The code view of the Train page: what it writes, and when it says that it cannot."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cvcore import export
from cvcore.engine import Engine, client
from cvcore.networks import NETWORKS
from cvcore.runs import RunStore
from cvcore.spec import RunSpec
from tests import kept_runs
from tests.pages import open_page

SPEC = RunSpec(dataset="fashion_mnist", network=NETWORKS["dense"].layers, epochs=3)


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunStore]:
    own = Engine(RunStore(str(tmp_path)))
    monkeypatch.setattr(client, "_ENGINE", own)
    yield RunStore(str(tmp_path))
    own.close()


def test_a_run_is_written_as_the_code_that_trains_it(store: RunStore) -> None:
    page = open_page("train", run=kept_runs.keep_finished(store, SPEC), show="code")
    assert not page.exception
    assert page.code[0].value == export.keras_code((SPEC,)).strip()
    assert "keras.layers.Dense(128" in page.code[0].value
    # No weights are kept of it, so there is no network to take away.
    assert "make_network" not in {button.key for button in page.button}


def test_a_branch_is_written_behind_its_parent(store: RunStore) -> None:
    branch = replace(SPEC, learning_rate=0.01, parent=SPEC.digest(), from_epoch=2)
    kept_runs.keep_finished(store, SPEC)
    page = open_page("train", run=kept_runs.keep_finished(store, branch), show="code")
    assert page.code[0].value == export.keras_code((SPEC, branch)).strip()


def test_a_branch_without_its_parent_says_that_nothing_can_repeat_it(store: RunStore) -> None:
    branch = replace(SPEC, learning_rate=0.01, parent=SPEC.digest(), from_epoch=2)
    page = open_page("train", run=kept_runs.keep_finished(store, branch), show="code")
    assert not page.exception
    assert not page.code
    assert "not kept any more" in page.info[0].value
