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
from cvcore.networks import Dense, Dropout, Flatten
from cvcore.runs import Predictions, RunStore, TrainingState
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


STATE = TrainingState(
    optimiser=(np.array(34), np.ones((3, 2), np.float32)),
    seeds=(np.array([7, 9], np.uint32),),
    accuracy=0.5,
    lowest=0.75,
    waited=2,
    processor_seconds=1.5,
)
WEIGHTS = {"dense/kernel": np.zeros(2, np.float32)}


def keep_epochs(store: RunStore, spec: RunSpec, *moments: float, size: int = 0) -> None:
    weights = {"dense/kernel": np.zeros(size, np.uint8)}
    for moment in moments:
        if moment >= 1 and moment == int(moment):
            state = replace(STATE, optimiser=(np.zeros(2 * size, np.uint8),))
            store.save_state(spec.digest(), int(moment), state)
        store.save_weights(spec.digest(), moment, weights)


def test_the_state_of_a_training_is_the_same_again(store: RunStore) -> None:
    store.begin(SPEC)
    store.save_state(DIGEST, 3, STATE)
    again = store.state(DIGEST, 3)
    assert again is not None
    for name in ("optimiser", "seeds"):
        for value, kept in zip(getattr(again, name), getattr(STATE, name), strict=True):
            assert_array_equal(value, kept)
            assert value.dtype == kept.dtype
    assert (again.accuracy, again.lowest, again.waited) == (0.5, 0.75, 2)
    assert again.processor_seconds == 1.5
    assert store.state(DIGEST, 2) is None


def test_the_moments_of_weights_come_in_order_and_only_whole_states_can_be_branched_from(
    store: RunStore,
) -> None:
    assert store.moments(DIGEST) == store.branchable(DIGEST) == ()
    store.begin(SPEC)
    keep_epochs(store, SPEC, 10, 0, 0.063, 0.25, 1, 2)
    store.save_weights(DIGEST, 2.5, WEIGHTS)
    store.save_state(DIGEST, 3, STATE)  # killed before its weights
    assert store.moments(DIGEST) == (0.0, 0.063, 0.25, 1.0, 2.0, 2.5, 10.0)
    assert store.branchable(DIGEST) == (1, 2, 10)


def test_weights_that_earlier_versions_kept_are_read(tmp_path: Path) -> None:
    store = RunStore(str(tmp_path))
    store.begin(SPEC)
    store.save_weights(DIGEST, 3, WEIGHTS)
    (tmp_path / DIGEST / "weights-0003.000.npz").rename(tmp_path / DIGEST / "weights-0003.npz")
    assert store.moments(DIGEST) == (3.0,)
    assert store.weights(DIGEST, 3.0) is not None
    assert store.branchable(DIGEST) == ()


def test_a_run_that_is_taken_up_again_keeps_its_past_and_nothing_after_it(store: RunStore) -> None:
    store.begin(SPEC)
    store.append(DIGEST, PREPARING, BATCH)
    keep_epochs(store, SPEC, 0, 1, 2, 2.5)
    store.pin(DIGEST, True)
    store.begin(SPEC, resumes=1)
    assert store.moments(DIGEST) == (0.0, 1.0)
    assert store.branchable(DIGEST) == (1,)
    assert store.events(DIGEST) == (PREPARING, BATCH)
    store.begin(SPEC)  # anew
    assert store.moments(DIGEST) == ()
    assert store.events(DIGEST) == ()
    assert store.pinned(DIGEST)


def test_a_run_too_large_lets_go_of_old_states_first_and_of_every_second_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RunStore(str(tmp_path))
    store.begin(SPEC)
    keep_epochs(store, SPEC, 0, 0.25, 1, 2, 3, 4, 5, size=100_000)  # 0.1 MB, and 0.2 for states
    monkeypatch.setenv("CVCORE_RUN_LIMIT", "1.5")
    store.thin_out(DIGEST)
    assert store.branchable(DIGEST) == (2, 4, 5)
    assert store.moments(DIGEST) == (0.0, 0.25, 1.0, 2.0, 3.0, 4.0, 5.0)
    monkeypatch.setenv("CVCORE_RUN_LIMIT", "0.7")
    store.thin_out(DIGEST)
    assert store.branchable(DIGEST) == (5,)
    assert store.moments(DIGEST) == (0.0, 2.0, 4.0, 5.0)
    monkeypatch.setenv("CVCORE_RUN_LIMIT", "0")
    store.thin_out(DIGEST)
    assert store.branchable(DIGEST) == (5,)  # without it nothing could go on
    assert store.moments(DIGEST) == (0.0, 5.0)
    keep_epochs(store, SPEC, 6, 7, 7.5, size=100_000)  # stopped inside the eighth
    store.save_weights(DIGEST, 7.5, WEIGHTS)
    store.thin_out(DIGEST)
    assert store.branchable(DIGEST) == (7,)
    assert store.moments(DIGEST) == (0.0, 7.0, 7.5)


def test_a_branch_whose_beginning_is_gone_or_does_not_fit_is_refused(store: RunStore) -> None:
    branch = replace(SPEC, parent=DIGEST, from_epoch=2, learning_rate=0.5)
    with pytest.raises(EngineError, match=f"{DIGEST}, is not in the run store"):
        store.check_branch(branch)
    store.begin(SPEC)
    keep_epochs(store, SPEC, 1)
    with pytest.raises(EngineError, match="after epoch 2 is not kept"):
        store.check_branch(branch)
    keep_epochs(store, SPEC, 2)
    store.check_branch(branch)
    flatten, dense = NETWORK
    store.check_branch(replace(branch, network=(flatten, Dropout(rate=0.1), dense)))
    for change in (
        {"network": (flatten, Dense(units=10), dense)},
        {"dataset": "mnist"},
    ):
        with pytest.raises(SettingError, match="dropout alone"):
            store.check_branch(replace(branch, **change))


def test_a_pinned_run_makes_room_only_after_all_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RunStore(str(tmp_path))
    old, middle, new = (finished(store, seed, size=600_000) for seed in range(3))
    for age, digest in enumerate((old, middle, new)):
        os.utime(tmp_path / digest / "events.jsonl", (age, age))
    store.pin(old, True)
    monkeypatch.setenv("CVCORE_RUNS_LIMIT", "1.5")
    store.make_room(keep=[new])
    assert {run.digest: run.pinned for run in store.recent()} == {new: False, old: True}
    assert store.recent()[0].megabytes == pytest.approx(0.6, abs=0.01)
    store.pin(old, False)
    assert not store.pinned(old)
    store.pin(middle, True)  # is gone
    assert not store.pinned(middle)


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
    assert runs.run_limit_bytes() == 250_000_000


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
