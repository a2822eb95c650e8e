"""The engine end to end, with real trainings of the digits; what dies is said and replaced."""

import json
import os
import platform
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cvcore import history, jobs, runs
from cvcore.engine import Engine, client
from cvcore.errors import EngineError, SettingError
from cvcore.history import Preparing, Snapshot
from cvcore.networks import Convolution, Dense, Dropout, Flatten, Pooling
from cvcore.runs import RunStore
from cvcore.spec import Augmentation, RunSpec
from tools.environment import ROOT

NETWORK = (
    Convolution(filters=4, padding="same", activation="relu"),
    Pooling(),
    Flatten(),
    Dense(units=10, activation="softmax"),
)
SHORT = RunSpec(dataset="digits", network=NETWORK, epochs=3)
LONG = RunSpec(dataset="digits", network=NETWORK, epochs=200, batch_size=1)
REGULARISED = RunSpec(
    dataset="digits",
    network=(*NETWORK[:2], Dropout(rate=0.25), *NETWORK[2:]),
    augmentation=Augmentation(rotation=10, width_shift=0.1, height_shift=0.1),
    epochs=3,
    training_size=300,
)
SERIES = ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")
PATIENCE = 180.0  # a machine that is busy with other things is slow


def until(true: Callable[[], object], *, seconds: float = PATIENCE) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "It has not come true in time."
        time.sleep(0.02)


def seen(trainer: Engine, digest: str) -> Snapshot:
    snapshot = trainer.snapshot(digest)
    assert snapshot is not None
    return snapshot


def given(megabytes: float = 0) -> client.Answer:
    answer = client.Answer()
    answer.give(SimpleNamespace(maps=np.zeros(int(megabytes * 2**18), np.float32)))
    return answer


def test_an_answer_knows_its_bytes() -> None:
    maps = np.zeros((112, 112, 96), np.float32)
    answer = client.Answer()
    assert answer.size == 0
    answer.give({"maps": maps, "first": maps[..., :3], "name": "conv"})
    assert 0 < answer.size - maps.nbytes - maps[..., :3].nbytes < 500


def test_answers_that_would_fill_the_memory_are_forgotten_the_oldest_first() -> None:
    answers = OrderedDict({(f"map {one}",): given(10) for one in range(10)})
    answers[("asked",)] = client.Answer()
    answers.move_to_end(("map 0",))
    client.forget_oldest(answers)
    assert list(answers) == [*((f"map {one}",) for one in range(5, 10)), ("asked",), ("map 0",)]


def test_the_last_answer_stays_however_large_it_is() -> None:
    answers = OrderedDict({("small",): given(), ("large",): given(65)})
    client.forget_oldest(answers)
    assert list(answers) == [("large",)]


def test_small_answers_are_counted() -> None:
    answers = OrderedDict({(one,): given() for one in range(client.REMEMBERED_ANSWERS + 2)})
    client.forget_oldest(answers)
    assert list(answers) == [(one,) for one in range(2, client.REMEMBERED_ANSWERS + 2)]


def finish(trainer: Engine, spec: RunSpec) -> Snapshot:
    digest = trainer.submit(spec)
    until(lambda: seen(trainer, digest).ended)
    assert seen(trainer, digest).state == "finished", seen(trainer, digest).error
    return seen(trainer, digest)


def begin(trainer: Engine, spec: RunSpec) -> str:
    """Submit a run and wait until its batches are told."""
    digest = trainer.submit(spec)
    until(lambda: seen(trainer, digest).batch_epoch.size)
    return digest


def worker_of(trainer: Engine, digest: str) -> psutil.Process:
    told = trainer._histories[digest].worker
    assert told is not None
    return psutil.Process(told.process)


def store() -> RunStore:
    return RunStore(runs.location())


def test_a_run_is_queued_trained_and_kept(trainer: Engine) -> None:
    begun = time.monotonic()
    digest = trainer.submit(SHORT)
    first = seen(trainer, digest)
    assert time.monotonic() - begun < 0.5  # a page's script does not wait
    assert first.state in ("starting", "queued")
    assert digest == SHORT.digest()
    end = finish(trainer, SHORT)
    assert_array_equal(end.epoch, [1, 2, 3])
    assert np.isfinite([end.loss, end.accuracy, end.val_loss, end.val_accuracy]).all()
    assert end.progress == 1.0
    assert (end.training_pictures, end.validation_pictures, end.test_pictures) == (1077, 360, 360)
    assert end.parameters == 40 + 650  # (3 * 3 + 1) * 4, and (4 * 4 * 4 + 1) * 10
    kept = trainer.predictions(digest)
    assert kept is not None
    right = kept.probabilities.argmax(axis=1) == kept.labels
    assert end.test_accuracy == pytest.approx(right.mean())
    assert_allclose(kept.probabilities.sum(axis=1), 1, atol=1e-5)


def test_an_event_that_comes_while_dask_is_asked_is_heard_at_once(
    trainer: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # dask's thread tells the engine of events and answers what the engine asks of dask: were the
    # engine's lock held over such a question, each would wait for the other for ever.
    held: list[bool] = []

    def ask(dask: Any) -> int:
        said = {
            "run": "0" * 16,
            "event": history.to_json(
                Preparing(attempt=1, number=0, at=0.0, host="", process=0, resumes=0)
            ),
        }
        hearing = threading.Thread(target=trainer._hear, args=((0.0, said),), daemon=True)
        hearing.start()
        hearing.join(timeout=5)
        held.append(hearing.is_alive())
        return slots(dask)

    slots = client._slots
    monkeypatch.setattr(client, "_slots", ask)
    finish(trainer, replace(SHORT, seed=20_261_123))
    assert held
    assert not any(held)


def test_the_engine_listens_to_this_machine_alone(trainer: Engine) -> None:
    finish(trainer, SHORT)
    assert trainer._process is not None
    process = psutil.Process(trainer._process.pid)
    sockets = [
        socket.laddr.ip
        for it in (process, *process.children(recursive=True))
        for socket in it.net_connections()
        if socket.status == psutil.CONN_LISTEN
    ]
    assert set(sockets) == {"127.0.0.1"}


def test_a_restarted_server_opens_a_finished_run_without_an_engine(trainer: Engine) -> None:
    end = finish(trainer, SHORT)
    restarted = Engine(store())
    again = seen(restarted, SHORT.digest())
    assert again.state == "finished"
    assert_array_equal(again.val_loss, end.val_loss)
    assert again.test_accuracy == end.test_accuracy
    assert restarted.spec(SHORT.digest()) == SHORT
    assert restarted.predictions(SHORT.digest()) is not None
    assert SHORT.digest() in [run.digest for run in restarted.recent()]
    assert restarted.submit(SHORT) == SHORT.digest()  # opens it: nothing is trained twice
    assert seen(restarted, SHORT.digest()).state == "finished"
    assert restarted._process is None
    restarted.close()


def test_equal_runs_share_one_training_and_others_wait_their_turn(trainer: Engine) -> None:
    digest = begin(trainer, LONG)
    assert trainer.submit(LONG) == digest
    second, third = (trainer.submit(replace(SHORT, seed=seed)) for seed in (101, 102))
    until(lambda: seen(trainer, second).state == "queued")
    assert [seen(trainer, it).ahead for it in (digest, second, third)] == [0, 1, 2]
    trainer.stop(third)
    assert seen(trainer, third).state == "stopped"
    trainer.stop(digest)
    until(lambda: seen(trainer, second).ended)
    assert seen(trainer, second).state == "finished"
    assert seen(trainer, digest).state == "stopped"
    assert seen(trainer, third).state == "stopped"


def test_a_run_is_stopped_within_a_moment_and_goes_on_at_the_next_press(
    trainer: Engine,
) -> None:
    digest = begin(trainer, replace(LONG, seed=1))
    until(lambda: seen(trainer, digest).epoch.size)
    pressed = time.monotonic()
    trainer.stop(digest)
    assert seen(trainer, digest).state == "stopping"
    until(lambda: seen(trainer, digest).ended, seconds=5)
    assert time.monotonic() - pressed < 2
    assert seen(trainer, digest).state == "stopped"
    end = seen(trainer, digest)
    assert end.epoch.size  # the history so far stays
    assert end.can_resume
    kept = trainer.predictions(digest)  # with the weights of that moment
    assert kept is not None
    right = kept.probabilities.argmax(axis=1) == kept.labels
    assert end.test_accuracy == pytest.approx(right.mean())
    assert trainer.moments(digest)[-1] == pytest.approx(end.moment, abs=2e-3)
    assert trainer.branchable(digest) == tuple(end.epoch)

    trainer.submit(replace(LONG, seed=1))
    until(lambda: seen(trainer, digest).epoch.size > end.epoch.size)
    again = seen(trainer, digest)
    assert_array_equal(again.epoch, range(1, again.epoch.size + 1))
    assert_array_equal(again.loss[: end.epoch.size], end.loss)
    assert again.test_accuracy is None
    trainer.pause(digest)
    until(lambda: seen(trainer, digest).ended, seconds=5)
    assert seen(trainer, digest).state == "paused"
    assert seen(trainer, digest).can_resume


def test_a_question_is_answered_while_a_training_runs(trainer: Engine) -> None:
    end = finish(trainer, SHORT)
    digest = begin(trainer, replace(LONG, seed=2))
    answer = trainer.ask(jobs.test_predictions, SHORT.digest(), 3)
    assert trainer.ask(jobs.test_predictions, SHORT.digest(), 3) is answer
    until(lambda: answer.state != "pending")
    assert seen(trainer, digest).state == "running"
    kept = trainer.predictions(SHORT.digest())
    assert answer.value is not None
    assert kept is not None
    assert_allclose(answer.value.probabilities, kept.probabilities, atol=1e-6)
    assert end.test_pictures == len(answer.value.labels)
    trainer.stop(digest)
    until(lambda: seen(trainer, digest).ended)


def test_a_question_without_an_answer_says_why(trainer: Engine) -> None:
    finish(trainer, SHORT)
    answer = trainer.ask(jobs.test_predictions, SHORT.digest(), 99)
    until(lambda: answer.state != "pending")
    assert answer.state == "failed"
    assert "epoch 99" in str(answer.error)


def test_the_worker_lets_those_go_first_who_serve_visitors(trainer: Engine) -> None:
    digest = begin(trainer, replace(LONG, seed=28))
    worker = worker_of(trainer, digest)
    trainer.stop(digest)
    assert worker.nice() == psutil.Process().nice() + int(os.environ["CVCORE_COURTESY"])
    threads = {os.getpriority(os.PRIO_PROCESS, it.id) for it in worker.threads()}
    assert max(threads) == worker.nice()


def test_questions_that_are_asked_together_are_answered_each_for_itself(trainer: Engine) -> None:
    finish(trainer, SHORT)
    good = (jobs.test_predictions, SHORT.digest(), 1)
    bad = (jobs.test_predictions, SHORT.digest(), 98)
    first, second = trainer.ask_together(good, bad)
    assert trainer.ask(*good) is first
    first.wait(30)
    second.wait(30)
    assert (first.state, second.state) == ("ready", "failed")
    assert len(first.value.labels) == 360
    assert "epoch 98" in str(second.error)
    assert trainer.ask_together(bad, good)[1] is first


def test_a_killed_worker_fails_the_run_at_once_and_a_fresh_one_goes_on_value_for_value(
    trainer: Engine,
) -> None:
    spec = replace(REGULARISED, epochs=6, batch_size=3, seed=3)
    whole = finish(trainer, spec)
    trainer.delete(spec.digest())
    assert trainer.snapshot(spec.digest()) is None
    digest = trainer.submit(spec)
    until(lambda: seen(trainer, digest).epoch.size >= 2)
    killed = time.monotonic()
    worker_of(trainer, digest).kill()
    until(lambda: seen(trainer, digest).ended, seconds=5)
    assert time.monotonic() - killed < 3
    end = seen(trainer, digest)
    assert end.state == "failed"
    assert isinstance(end.error, EngineError)
    assert "press Train to go on" in str(end.error)
    assert end.epoch.size >= 2  # the epochs so far stay
    assert end.can_resume
    # For whoever comes after a restart.
    until(lambda: (past := store().replay(digest)) is not None and past.state == "failed")

    # The next press finds a worker again, which has nothing in common with the first.
    resumed = finish(trainer, spec)
    (taken_up,) = (it for it in store().events(digest)[1:] if isinstance(it, Preparing))
    assert taken_up.resumes >= 2
    for name in SERIES:
        assert_array_equal(getattr(resumed, name), getattr(whole, name))
    assert (resumed.test_loss, resumed.test_accuracy) == (whole.test_loss, whole.test_accuracy)
    assert trainer.branchable(digest) == (1, 2, 3, 4, 5, 6)


def test_weights_of_a_run_whose_story_cannot_be_read_are_no_start(trainer: Engine) -> None:
    spec = replace(REGULARISED, seed=27)
    whole = finish(trainer, spec)
    digest = spec.digest()
    story = Path(store().url, digest, "spec.json")
    story.write_text(story.read_text().replace('"seed"', '"of a later version"'))
    trainer._histories.pop(digest)  # as if the server had begun anew
    assert trainer.snapshot(digest) is None
    again = finish(trainer, spec)
    assert_array_equal(again.epoch, whole.epoch)
    assert_array_equal(again.loss, whole.loss)


def test_a_branch_with_nothing_changed_gives_its_parents_remaining_epochs(trainer: Engine) -> None:
    whole = finish(trainer, REGULARISED)
    parent = REGULARISED.digest()
    same = replace(REGULARISED, parent=parent, from_epoch=1)
    branch = finish(trainer, same)
    assert_array_equal(branch.epoch, [2, 3])
    for name in SERIES:
        assert_array_equal(getattr(branch, name), getattr(whole, name)[1:])
    assert branch.test_loss == whole.test_loss
    assert trainer.moments(same.digest()) == (1.0, 2.0, 3.0)
    assert trainer.moments(parent)[0] == 0.0
    other = finish(trainer, replace(same, learning_rate=0.05))
    assert (other.loss != branch.loss).all()

    paused = begin(trainer, replace(REGULARISED, seed=26, epochs=200))
    trainer.pause(paused)
    until(lambda: seen(trainer, paused).ended)
    with pytest.raises(EngineError, match="after epoch 190 is not kept"):
        trainer.submit(replace(same, parent=paused, from_epoch=190, epochs=200))
    with pytest.raises(EngineError, match="not in the run store"):
        trainer.submit(replace(same, parent="0" * 16))
    with pytest.raises(SettingError, match="dropout alone"):
        trainer.submit(replace(same, network=NETWORK[2:]))


def test_runs_trained_together_take_turns_and_learn_what_they_learn_alone(
    trainer: Engine,
) -> None:
    one, other = (replace(SHORT, batch_size=1, seed=seed) for seed in (21, 22))
    alone = finish(trainer, one)
    trainer.delete(one.digest())
    digests = trainer.submit_together([one, other, SHORT])
    assert digests == (one.digest(), other.digest(), SHORT.digest())
    until(lambda: all(seen(trainer, it).epoch.size for it in digests))
    assert not any(seen(trainer, it).ended for it in digests[:2])  # both are at work
    until(lambda: all(seen(trainer, it).ended for it in digests))
    assert [seen(trainer, it).state for it in digests] == ["finished"] * 3
    together = seen(trainer, one.digest())
    for name in SERIES:
        assert_array_equal(getattr(together, name), getattr(alone, name))
    workers = {worker_of(trainer, it).pid for it in digests[:2]}
    assert len(workers) == 1
    seconds = [seen(trainer, it).processor_seconds[-1] for it in digests[:2]]
    assert 0.5 < seconds[0] / seconds[1] < 2
    assert trainer.submit_together([one, other]) == digests[:2]  # nothing is trained twice
    assert [seen(trainer, it).state for it in digests[:2]] == ["finished"] * 2


def test_one_of_two_that_are_trained_together_can_be_paused(trainer: Engine) -> None:
    digests = trainer.submit_together([replace(LONG, seed=23), replace(LONG, seed=24)])
    until(lambda: all(seen(trainer, it).batch_epoch.size for it in digests))
    trainer.pause(digests[0])
    until(lambda: seen(trainer, digests[0]).ended, seconds=10)
    assert seen(trainer, digests[0]).state == "paused"
    told = seen(trainer, digests[1]).batch_epoch.size
    until(lambda: seen(trainer, digests[1]).batch_epoch.size > told)  # the other goes on
    trainer.stop(digests[1])
    until(lambda: seen(trainer, digests[1]).ended, seconds=10)
    assert seen(trainer, digests[1]).state == "stopped"


def test_a_run_deleted_at_work_is_gone_and_can_begin_anew(trainer: Engine) -> None:
    digest = begin(trainer, replace(LONG, seed=25))
    trainer.delete(digest)
    assert trainer.snapshot(digest) is None
    trainer.submit(replace(LONG, seed=25))
    until(lambda: seen(trainer, digest).batch_epoch.size)
    assert seen(trainer, digest).state == "running"
    assert trainer._histories[digest].attempt == 2  # what is still heard of the first is not it
    trainer.delete(digest)
    until(lambda: not trainer._active)
    assert store().spec(digest) is None


def test_a_pinned_run_says_so_in_the_list(trainer: Engine) -> None:
    finish(trainer, SHORT)
    trainer.pin(SHORT.digest(), True)
    (summary,) = (it for it in trainer.recent() if it.digest == SHORT.digest())
    assert summary.pinned
    assert summary.megabytes > 0.01
    trainer.pin(SHORT.digest(), False)
    assert not any(it.pinned for it in trainer.recent())


def test_a_training_that_does_not_hear_is_ended_by_force(
    trainer: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = begin(trainer, replace(LONG, seed=4))
    deaf = worker_of(trainer, digest)
    monkeypatch.setattr(client, "GRACE_SECONDS", 0.1)
    monkeypatch.setattr(trainer, "_tell_to_end", lambda *_: None)
    trainer.stop(digest)
    until(lambda: not deaf.is_running())
    until(lambda: not trainer._active)
    assert seen(trainer, digest).state == "stopped"


def test_a_dead_engine_is_said_and_started_again_at_the_next_press(trainer: Engine) -> None:
    digest = begin(trainer, replace(LONG, seed=5))
    worker = worker_of(trainer, digest)
    assert trainer._process is not None
    trainer._process.kill()
    until(lambda: seen(trainer, digest).ended, seconds=5)
    assert seen(trainer, digest).state == "failed"
    assert "engine that trains has ended" in str(seen(trainer, digest).error)
    until(lambda: not worker.is_running(), seconds=10)
    assert finish(trainer, replace(SHORT, seed=6)).test_accuracy is not None


def test_a_worker_that_has_grown_makes_way_for_a_fresh_one(
    trainer: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(trainer, replace(SHORT, seed=13))
    grown = worker_of(trainer, replace(SHORT, seed=13).digest())
    monkeypatch.setattr(client, "RECYCLE_BYTES", 0)
    finish(trainer, replace(SHORT, seed=14))
    assert not grown.is_running()


def test_an_engine_that_cannot_start_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_ROOT", ROOT / "tests" / "keras")  # where there is no engine
    monkeypatch.setenv("PYTHONPATH", "")
    other = Engine(store())
    digest = other.submit(replace(SHORT, seed=15))
    until(lambda: seen(other, digest).ended)
    assert seen(other, digest).state == "failed"
    assert "could not be started" in str(seen(other, digest).error)
    answer = other.ask(jobs.test_predictions, digest, 1)
    until(lambda: answer.state == "failed")
    assert "could not be started" in str(answer.error)
    other.close()


def test_two_servers_on_one_cluster_share_a_run(
    trainer: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = begin(trainer, replace(LONG, seed=7))
    monkeypatch.setenv("CVCORE_SCHEDULER", trainer._client.scheduler.address)
    other = Engine(store())
    assert other.submit(replace(LONG, seed=7)) == digest
    until(lambda: seen(other, digest).batch_epoch.size)  # watched through the store
    assert seen(other, digest).state == "running"
    finish(trainer, SHORT)  # answers come from the cluster that is named
    answer = other.ask(jobs.test_predictions, SHORT.digest(), 1)
    until(lambda: answer.state == "ready")
    assert other._process is None
    trainer.stop(digest)
    until(lambda: seen(other, digest).ended)
    assert seen(other, digest).state == "stopped"
    other.close()


def test_a_scheduler_on_another_machine_must_be_encrypted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CVCORE_SCHEDULER", "tcp://192.0.2.1:8786")
    other = Engine(store())
    digest = other.submit(replace(SHORT, seed=8))
    until(lambda: seen(other, digest).ended)
    assert seen(other, digest).state == "failed"
    assert "tls://" in str(seen(other, digest).error)
    other.close()


def test_a_run_whose_server_ended_is_interrupted_and_can_begin_anew(trainer: Engine) -> None:
    spec = replace(SHORT, seed=9)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    store().begin(spec)
    here = platform.node()
    store().append(
        spec.digest(), Preparing(attempt=1, number=0, at=time.time(), host=here, process=gone.pid)
    )
    now = seen(trainer, spec.digest())
    assert now.state == "interrupted"
    assert "Press Train" in str(now.error)
    assert finish(trainer, spec).epoch.size == 3


def test_a_process_that_inherited_the_number_of_a_worker_is_not_it() -> None:
    spec = replace(SHORT, seed=10)
    store().begin(spec)
    long_ago = psutil.Process().create_time() - 1000
    here = platform.node()
    event = Preparing(attempt=1, number=0, at=long_ago, host=here, process=os.getpid())
    store().append(spec.digest(), event)
    assert seen(Engine(store()), spec.digest()).state == "interrupted"


@pytest.mark.parametrize("name", ["", "..", "0123456789abcdeg", "0123456789abcdef", "\0" * 16])
def test_an_address_with_nonsense_in_it_finds_no_run(trainer: Engine, name: str) -> None:
    assert trainer.snapshot(name) is None
    assert trainer.spec(name) is None
    assert trainer.predictions(name) is None
    trainer.stop(name)


def test_what_cannot_be_trained_is_refused_before_anything_begins(trainer: Engine) -> None:
    with pytest.raises(SettingError):
        trainer.submit(replace(SHORT, epochs=0))


def test_a_data_set_that_cannot_be_had_fails_with_what_works_and_is_tried_again(
    trainer: Engine, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An engine of its own: its worker has no data sets and a network that refuses.
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    other = Engine(store())
    spec = replace(SHORT, dataset="mnist", seed=11, epochs=1)
    digest = other.submit(spec)
    until(lambda: seen(other, digest).ended)
    assert seen(other, digest).state == "failed"
    assert "datasets/mnist.npz" in str(seen(other, digest).error)
    other.submit(spec)
    until(lambda: seen(other, digest).state == "failed" and other._histories[digest].attempt == 2)
    other.close()


PARENT = """
import json, sys, time
import psutil
from cvcore.engine import engine
from cvcore.spec import Augmentation, RunSpec

digest = engine().submit(RunSpec.from_json(sys.argv[1]))
while not engine().snapshot(digest).batch_epoch.size:
    time.sleep(0.05)
children = psutil.Process().children(recursive=True)
print(json.dumps([it.pid for it in children]), flush=True)
time.sleep(600)
"""


def test_nothing_outlives_a_web_process_that_was_killed() -> None:
    command = [sys.executable, "-c", PARENT, replace(LONG, seed=12).to_json()]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        processes = [psutil.Process(pid) for pid in json.loads(parent.stdout.readline())]
        assert len(processes) >= 2  # the engine and its worker
        parent.kill()
    until(lambda: not any(it.is_running() for it in processes), seconds=10)
