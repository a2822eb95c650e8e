"""The run store: what is written is found again, whole or up to where it was torn."""

import os
import platform
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from cvcore import runs
from cvcore.errors import EngineError, SettingError
from cvcore.history import Batch, Done, Preparing
from cvcore.networks import Dense, Flatten
from cvcore.runs import Predictions, RunStore
from cvcore.spec import RunSpec

NETWORK = (Flatten(), Dense(units=10, activation="softmax"))
SPEC = RunSpec(dataset="digits", network=NETWORK)
DIGEST = SPEC.digest()
PREPARING = Preparing(attempt=1, number=0, at=1.0, host=platform.node(), process=os.getpid())
BATCH = Batch(
    attempt=1, number=1, at=2.0, epoch=1, step=1, loss=0.5, accuracy=0.5, images_per_second=9.0
)
DONE = Done(attempt=1, number=2, at=3.0, test_loss=0.25, test_accuracy=0.75, early=False)


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> RunStore:
    """A store on disk, and one on what is not a disk."""
    if request.param == "folder":
        return RunStore(str(tmp_path / "runs"))
    return RunStore(f"memory://{tmp_path.name}-{os.getpid()}")


def finished(store: RunStore, seed: int, *, size: int = 0) -> str:
    spec = replace(SPEC, seed=seed)
    store.begin(spec)
    store.save_weights(spec.digest(), 1, {"dense/kernel": np.zeros(size, np.uint8)})
    store.append(spec.digest(), PREPARING, DONE)
    return spec.digest()


def test_a_run_is_found_again_as_it_was_told(store: RunStore) -> None:
    store.begin(SPEC)
    for event in (PREPARING, BATCH, DONE):
        store.append(DIGEST, event)
    assert store.spec(DIGEST) == SPEC
    assert store.events(DIGEST) == (PREPARING, BATCH, DONE)
    past = store.replay(DIGEST)
    assert past is not None
    assert past.snapshot().state == "finished"
    assert past.snapshot().test_accuracy == 0.75


def test_a_run_that_nobody_wrote_is_none(store: RunStore) -> None:
    assert store.spec(DIGEST) is None
    assert store.replay(DIGEST) is None
    assert store.weights(DIGEST, 1) is None
    assert store.predictions(DIGEST) is None
    assert store.recent() == ()


def test_weights_are_the_same_bits_again(store: RunStore) -> None:
    kernel = np.random.default_rng(0).standard_normal((3, 3, 1, 2)).astype(np.float32)
    store.begin(SPEC)
    store.save_weights(DIGEST, 12, {"convolution_1/kernel": kernel})
    weights = store.weights(DIGEST, 12)
    assert weights is not None
    assert list(weights) == ["convolution_1/kernel"]
    assert_array_equal(weights["convolution_1/kernel"], kernel)
    assert store.weights(DIGEST, 1) is None


def test_predictions_are_the_same_again(store: RunStore) -> None:
    images = np.arange(128, dtype=np.uint8).reshape(2, 8, 8, 1)
    labels = np.array([3, 1, 4])
    probabilities = np.full((3, 10), 0.1, np.float32)
    store.begin(SPEC)
    store.save_predictions(DIGEST, Predictions(images, labels, probabilities))
    again = store.predictions(DIGEST)
    assert again is not None
    assert_array_equal(again.images, images)
    assert_array_equal(again.labels, labels)
    assert_array_equal(again.probabilities, probabilities)


def test_a_line_that_was_torn_is_skipped_and_what_came_before_stays(tmp_path: Path) -> None:
    store = RunStore(str(tmp_path))
    store.begin(SPEC)
    store.append(DIGEST, PREPARING, BATCH)
    events = tmp_path / DIGEST / "events.jsonl"
    events.write_bytes(events.read_bytes()[:-20])
    assert store.events(DIGEST) == (PREPARING,)


def test_weights_that_were_torn_are_none(tmp_path: Path) -> None:
    store = RunStore(str(tmp_path))
    store.begin(SPEC)
    store.save_weights(DIGEST, 1, {"dense/kernel": np.zeros(1000)})
    weights = tmp_path / DIGEST / "weights-0001.000.npz"
    weights.write_bytes(weights.read_bytes()[:500])
    assert store.weights(DIGEST, 1) is None


def test_a_specification_that_somebody_damaged_is_no_run(tmp_path: Path) -> None:
    store = RunStore(str(tmp_path))
    store.begin(SPEC)
    (tmp_path / DIGEST / "spec.json").write_text('{"dataset": "digits"}')
    assert store.replay(DIGEST) is None
    assert store.recent() == ()


def test_a_new_try_forgets_the_events_of_the_old_one(store: RunStore) -> None:
    store.begin(SPEC)
    store.append(DIGEST, PREPARING, DONE)
    store.begin(SPEC)
    assert store.events(DIGEST) == ()


@pytest.mark.parametrize(
    "name", ["..", "../../etc", "", "ABCDEF0123456789", "0" * 15, "0" * 16 + "/"]
)
def test_what_is_not_a_runs_name_never_becomes_a_path(store: RunStore, name: str) -> None:
    with pytest.raises(SettingError):
        store.spec(name)
    with pytest.raises(SettingError):
        store.delete(name)


def test_recent_runs_come_newest_first(tmp_path: Path) -> None:
    store = RunStore(str(tmp_path))
    digests = [finished(store, seed) for seed in range(3)]
    for age, digest in enumerate(digests):
        os.utime(tmp_path / digest / "events.jsonl", (1000 - age, 1000 - age))
    (tmp_path / "notes.txt").write_text("not a run")
    assert [run.digest for run in store.recent()] == digests
    assert [run.digest for run in store.recent(1)] == digests[:1]


def test_the_oldest_runs_make_room_and_the_one_at_work_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RunStore(str(tmp_path))
    old, middle, new = (finished(store, seed, size=600_000) for seed in range(3))
    for age, digest in enumerate((old, middle, new)):
        os.utime(tmp_path / digest / "events.jsonl", (age, age))
    monkeypatch.setenv("CVCORE_RUNS_LIMIT", "1.5")  # megabytes, for runs of 0.6
    store.make_room(keep=[old])
    assert {path.name for path in tmp_path.iterdir()} == {old, new}


def test_a_limit_that_is_not_a_number_is_the_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CVCORE_RUNS_LIMIT", "a lot")
    assert runs.limit_bytes() == 1_000_000_000


def test_a_deleted_run_is_gone(store: RunStore) -> None:
    digest = finished(store, 0)
    store.delete(digest)
    assert store.replay(digest) is None
    store.delete(digest)  # a second time is no error


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file where the folder should be")
    with pytest.raises(EngineError, match="CVCORE_RUNS"):
        RunStore(str(tmp_path / "runs")).begin(SPEC)


def test_batches_wait_for_the_epoch_where_a_line_costs_a_whole_file(tmp_path: Path) -> None:
    assert RunStore(str(tmp_path)).writes_at_once(BATCH)
    assert not RunStore("memory://runs").writes_at_once(BATCH)
    assert RunStore("memory://runs").writes_at_once(DONE)
