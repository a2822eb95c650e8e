"""Events become a history, worked by hand."""

import json
import threading
from dataclasses import replace

import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cvcore import history
from cvcore.errors import AssetError
from cvcore.history import (
    MAX_BATCH_POINTS,
    Batch,
    Done,
    Epoch,
    Event,
    Failed,
    History,
    Partial,
    Paused,
    Preparing,
    Started,
    Stopped,
)
from cvcore.networks import NETWORKS
from cvcore.spec import RunSpec

SPEC = RunSpec(dataset="digits", network=NETWORKS["dense"].layers, epochs=2)


def preparing(attempt: int = 1, number: int = 0) -> Preparing:
    return Preparing(attempt=attempt, number=number, at=100.0, host="here", process=7)


def started(number: int = 1) -> Started:
    return Started(
        attempt=1, number=number, at=104.0, epochs=2, steps=8, training_pictures=250,
        validation_pictures=90, test_pictures=60, parameters=1234,
    )  # fmt: skip


def batch(number: int, epoch: int, step: int, at: float = 105.0) -> Batch:
    return Batch(
        attempt=1, number=number, at=at, epoch=epoch, step=step, loss=step / 8,
        accuracy=0.5, images_per_second=64.0,
    )  # fmt: skip


def epoch(number: int, epoch: int, *, validated: bool = True) -> Epoch:
    return Epoch(
        attempt=1, number=number, at=106.0 + epoch, epoch=epoch, loss=1 / epoch, accuracy=0.25,
        val_loss=2 / epoch if validated else None, val_accuracy=0.75 if validated else None,
        images_per_second=128.0,
    )  # fmt: skip


def done(number: int) -> Done:
    return Done(attempt=1, number=number, at=120.0, test_loss=0.5, test_accuracy=0.875, early=True)


def after(*events: Event) -> History:
    told = History(SPEC)
    for event in events:
        told.add(event)
    return told


def test_a_run_goes_from_queued_to_finished() -> None:
    told, states = History(SPEC), []
    for event in (None, preparing(), started(), batch(2, 1, 4), epoch(3, 1), epoch(4, 2), done(5)):
        if event is not None:
            told.add(event)
        states.append(told.snapshot().state)
    assert states == ["queued", "preparing", *["running"] * 4, "finished"]


def test_a_snapshot_tells_what_the_events_told() -> None:
    told = after(preparing(), started(), batch(2, 1, 4), epoch(3, 1), batch(4, 2, 2))
    now = told.snapshot()
    assert_array_equal(now.epoch, [1])
    assert_allclose(now.loss, [1.0])
    assert_allclose(now.val_loss, [2.0])
    assert_allclose(now.accuracy, [0.25])
    assert_allclose(now.val_accuracy, [0.75])
    assert_allclose(now.batch_epoch, [0.5, 1.25])  # 4 of 8 steps; an epoch and 2 of 8
    assert_allclose(now.batch_loss, [0.5, 0.25])
    assert now.progress == 1.25 / 2
    assert (now.training_pictures, now.validation_pictures, now.test_pictures) == (250, 90, 60)
    assert now.parameters == 1234
    assert now.images_per_second == 64.0
    assert not now.ended


def test_the_time_left_is_counted_from_the_first_moment_inside_an_epoch() -> None:
    told = after(preparing(), started(), batch(2, 1, 2, at=110.0))
    assert told.snapshot().seconds_left is None
    told.add(batch(3, 1, 6, at=113.0))
    # Half an epoch took 3 seconds, and one and a quarter are left.
    assert told.snapshot().seconds_left == pytest.approx(7.5)
    assert told.snapshot().seconds == 13.0


def test_the_end_has_the_test_result_and_no_time_left() -> None:
    end = after(preparing(), started(), batch(2, 1, 4), epoch(3, 1), done(4)).snapshot()
    assert end.ended
    assert (end.test_loss, end.test_accuracy, end.early) == (0.5, 0.875, True)
    assert end.progress == 1.0  # though one epoch of two was enough
    assert end.seconds_left is None


def test_without_validation_its_series_hold_no_numbers() -> None:
    now = after(started(0), epoch(1, 1, validated=False)).snapshot()
    assert_array_equal(now.val_loss, [float("nan")])
    assert_array_equal(now.val_accuracy, [float("nan")])


def test_events_that_arrive_twice_count_once() -> None:
    events = (preparing(), started(), batch(2, 1, 4), epoch(3, 1), batch(4, 2, 2))
    twice = after(*events, *events).snapshot()
    assert_array_equal(twice.epoch, [1])
    assert_allclose(twice.batch_epoch, [0.5, 1.25])
    assert twice.progress == 1.25 / 2


def test_a_new_attempt_begins_a_new_history_and_the_old_one_is_not_heard_any_more() -> None:
    told = after(preparing(), started(), epoch(2, 1), Stopped(attempt=1, number=3, at=107.0))
    told.add(preparing(attempt=2))
    assert told.snapshot().state == "preparing"
    assert told.snapshot().epoch.size == 0
    told.add(epoch(9, 2))
    assert told.snapshot().epoch.size == 0
    assert told.attempt == 2


def later(event: Event, attempt: int, at: float) -> Event:
    return replace(event, attempt=attempt, at=at)


def paused(number: int, attempt: int = 1) -> Paused:
    return Paused(attempt=attempt, number=number, at=110.0)


def test_a_run_that_is_taken_up_again_keeps_what_came_before_and_forgets_what_came_after() -> None:
    told = after(
        preparing(), started(), batch(2, 1, 4), epoch(3, 1), batch(4, 2, 2), epoch(5, 2),
        batch(6, 3, 2), paused(7),
    )  # fmt: skip
    assert told.snapshot().state == "paused"
    assert told.snapshot().can_resume
    told.add(replace(preparing(attempt=2), resumes=1, at=500.0))
    now = told.snapshot()
    assert now.state == "preparing"
    assert_array_equal(now.epoch, [1])
    assert_allclose(now.batch_epoch, [0.5])
    assert now.progress == 1 / 2
    assert not now.can_resume
    told.add(later(started(), 2, 502.0))
    told.add(later(batch(2, 2, 4), 2, 503.0))
    told.add(later(batch(3, 2, 6), 2, 504.0))
    now = told.snapshot()
    assert_allclose(now.batch_epoch, [0.5, 1.5, 1.75])
    assert now.seconds == 10.0 + 4.0  # without the pause
    assert now.seconds_left == pytest.approx(1.0)  # a quarter of an epoch took one, and one is left


def test_a_run_in_the_queue_for_the_second_time_shows_what_it_has_learned() -> None:
    told = after(preparing(), started(), epoch(2, 1), paused(3))
    told.queue_again(2, "queued")
    assert told.snapshot().state == "queued"
    assert_array_equal(told.snapshot().epoch, [1])
    told.add(epoch(4, 2))  # of the attempt before
    assert_array_equal(told.snapshot().epoch, [1])
    told.add(Stopped(attempt=2, number=0, at=900.0))  # while it was queued
    assert told.snapshot().state == "stopped"
    assert told.snapshot().can_resume
    assert told.snapshot().seconds == 10.0


def test_a_stop_tells_where_it_was_and_what_the_network_knew_of_the_test_pictures() -> None:
    stopped = Stopped(attempt=1, number=4, at=110.0, moment=1.3, test_loss=0.5, test_accuracy=0.75)
    told = after(preparing(), started(), epoch(2, 1), batch(3, 2, 2), stopped)
    now = told.snapshot()
    assert (now.moment, now.test_loss, now.test_accuracy) == (1.3, 0.5, 0.75)
    told.add(replace(preparing(attempt=2), resumes=1))
    assert told.snapshot().test_accuracy is None
    assert told.snapshot().moment == 1.0


def test_a_budget_that_is_used_up_inside_an_epoch_says_where() -> None:
    partial = Partial(
        attempt=1, number=3, at=107.0, moment=1.25, loss=0.5, accuracy=0.5, val_loss=None,
        val_accuracy=None, learning_rate=0.01, processor_seconds=4.0,
    )  # fmt: skip
    end = replace(done(4), ended_by="seconds")
    now = after(preparing(), started(), epoch(2, 1), partial, end).snapshot()
    assert now.partial == partial
    assert (now.moment, now.ended_by, now.early) == (1.25, "seconds", True)
    assert_array_equal(now.epoch, [1])


def test_a_budget_is_what_progress_and_the_time_left_are_counted_by_if_it_ends_sooner() -> None:
    told = History(replace(SPEC, epochs=200, seconds=10.0))
    for event in (preparing(), replace(started(), epochs=200)):
        told.add(event)
    told.add(replace(batch(2, 1, 2, at=110.0), processor_seconds=1.0))
    told.add(replace(batch(3, 1, 6, at=113.0), processor_seconds=3.0))
    now = told.snapshot()
    assert now.progress == 0.3
    assert now.seconds_left == pytest.approx(10.5)  # 7 more at two thirds a second
    assert_array_equal(now.batch_seconds, [1.0, 3.0])
    told.add(replace(epoch(4, 150), processor_seconds=4.0))
    assert told.snapshot().progress == 0.75  # of the epochs, which end sooner now


def test_the_progress_of_a_branch_counts_from_where_it_branched_off() -> None:
    told = History(replace(SPEC, parent="0" * 16, from_epoch=2, epochs=4))
    assert told.snapshot().progress == 0.0
    assert told.snapshot().moment == 2.0
    for event in (preparing(), replace(started(), epochs=4), batch(2, 3, 4)):
        told.add(event)
    assert told.snapshot().progress == 0.25
    told.add(epoch(3, 3))
    assert_array_equal(told.snapshot().epoch, [3])
    assert told.snapshot().progress == 0.5


def test_learning_rates_and_seconds_are_told_where_they_are_known() -> None:
    known = replace(epoch(3, 2), learning_rate=0.5, processor_seconds=3.0)
    now = after(preparing(), started(), epoch(2, 1), known).snapshot()
    assert_array_equal(now.learning_rate, [float("nan"), 0.5])
    assert_array_equal(now.processor_seconds, [float("nan"), 3.0])


def test_lines_that_earlier_versions_wrote_are_read() -> None:
    line = (
        b'{"kind":"epoch","attempt":1,"number":2,"at":107.0,"epoch":1,"loss":1.0,"accuracy":0.25,'
        b'"val_loss":2.0,"val_accuracy":0.75,"images_per_second":128.0}'
    )
    assert history.from_json(line) == epoch(2, 1)
    assert history.from_json(b'{"kind":"stopped","attempt":1,"number":2,"at":1.0}') == Stopped(
        attempt=1, number=2, at=1.0
    )


def test_a_run_that_has_ended_stays_as_it_is() -> None:
    told = after(preparing(), started(), Stopped(attempt=1, number=2, at=107.0))
    told.add(epoch(3, 1))
    told.mark("interrupted")
    assert told.snapshot().state == "stopped"
    assert told.snapshot().epoch.size == 0


def test_a_run_that_is_stopping_stays_so_until_its_worker_has_heard() -> None:
    told = after(preparing(), started())
    told.mark("stopping")
    told.add(epoch(2, 1))
    assert told.snapshot().state == "stopping"
    told.add(Stopped(attempt=1, number=3, at=107.0))
    assert told.snapshot().state == "stopped"


def test_a_failure_brings_its_error_with_sentence_and_values() -> None:
    failed = Failed(
        attempt=1, number=1, at=101.0, error="AssetError", sentence="No {file}.",
        values={"file": "mnist.npz"},
    )  # fmt: skip
    error = after(preparing(), failed).snapshot().error
    assert isinstance(error, AssetError)
    assert (str(error), error.sentence, error.values) == (
        "No mnist.npz.",
        "No {file}.",
        {"file": "mnist.npz"},
    )


def test_a_long_run_keeps_few_points_evenly_spread_and_the_last_progress() -> None:
    told = after(preparing(), started())
    for step in range(10 * MAX_BATCH_POINTS):
        told.add(batch(2 + step, 1 + step // 8, 1 + step % 8))
    kept = told.snapshot().batch_epoch
    assert MAX_BATCH_POINTS / 2 <= len(kept) <= MAX_BATCH_POINTS
    assert len(set((kept[1:] - kept[:-1]).tolist())) == 1
    assert told.snapshot().progress == 1.0


@pytest.mark.parametrize(
    "event", [preparing(), started(), batch(2, 1, 4), epoch(3, 1, validated=False), done(4)]
)
def test_an_event_survives_its_line_of_json(event: Event) -> None:
    line = history.to_json(event)
    assert "\n" not in line
    assert history.from_json(line) == event


def test_a_loss_that_grew_beyond_all_numbers_survives_its_json() -> None:
    event = batch(2, 1, 4)
    line = history.to_json(event).replace(f'"loss":{event.loss}', '"loss":NaN')
    assert_array_equal(
        after(started(0), history.from_json(line)).snapshot().batch_loss, [float("nan")]
    )


@pytest.mark.parametrize("line", ["", '{"kind":"ep', "[]", "7", '{"kind":"party"}'])
def test_what_is_not_an_event_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        history.from_json(line)


def test_an_event_with_a_part_missing_is_refused() -> None:
    data = json.loads(history.to_json(done(3)))
    del data["test_loss"]
    with pytest.raises(ValueError, match="done"):
        history.from_json(json.dumps(data))


def test_snapshots_while_events_arrive_are_whole() -> None:
    told = after(preparing(), started())

    def tell() -> None:
        for number in range(2, 1500):
            told.add(epoch(number, number - 1))

    teller = threading.Thread(target=tell)
    teller.start()
    while teller.is_alive():
        now = told.snapshot()
        assert len(now.epoch) == len(now.loss) == len(now.val_accuracy)
        assert_array_equal(now.epoch, range(1, len(now.epoch) + 1))
    teller.join()
