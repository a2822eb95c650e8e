"""How far a long job has come, and its end on somebody's word."""

import time

import pytest

from cvcore import pace
from cvcore.engine import Engine
from cvcore.pace import CancelledError
from tests.test_engine import until


def climb(_: str, steps: int, seconds: float) -> int:
    """Do nothing for a while, step by step; a job that a worker can import."""
    for step in range(steps):
        time.sleep(seconds)
        pace.reach((step + 1) / steps)
    return steps


def test_where_nobody_waits_a_job_goes_on_unheard() -> None:
    assert climb("", 3, 0.0) == 3


def test_a_job_tells_at_most_five_times_a_second() -> None:
    told: list[float] = []
    with pace.watched(lambda share, _: told.append(share), lambda: None):
        climb("", 100, 0.005)
    assert 2 <= len(told) <= 5
    assert told == sorted(told)


def test_a_job_ends_where_it_is_asked_to_and_the_next_one_does_not() -> None:
    told: list[float] = []
    with (
        pytest.raises(CancelledError, match="stopped before it was done"),
        pace.watched(lambda share, _: told.append(share), lambda: told),
    ):
        climb("", 10, 0.001)
    assert told == [0.1]
    assert climb("", 2, 0.0) == 2


def test_a_long_job_on_the_worker_is_watched_stopped_and_begun_anew(trainer: Engine) -> None:
    answer = trainer.compute(climb, 200, 0.05)
    until(lambda: answer.share > 0.02)
    left = answer.seconds_left
    assert left is not None
    assert 1 < left < 60
    trainer.cancel(climb, 200, 0.05)
    assert isinstance(answer.error, CancelledError)
    # Its ten seconds are not waited for: what comes next begins at once.
    begun = time.monotonic()
    after = trainer.compute(climb, 2, 0.01)
    until(lambda: after.state != "pending")
    assert after.value == 2
    assert time.monotonic() - begun < 5
    assert trainer.compute(climb, 200, 0.05) is not answer
    trainer.cancel(climb, 200, 0.05)


def test_a_job_that_waits_for_the_worker_is_stopped_before_it_begins(trainer: Engine) -> None:
    first = trainer.compute(climb, 2000, 0.05)
    until(lambda: first.share > 0)  # of two that wait for a worker to start, either may be first
    second = trainer.compute(climb, 21, 0.05)
    assert not second.has_begun
    assert second.seconds_left is None
    trainer.cancel(climb, 21, 0.05)
    assert isinstance(second.error, CancelledError)
    trainer.cancel(climb, 2000, 0.05)
    last = trainer.compute(climb, 1, 0.0)
    until(lambda: last.state == "ready")
    assert not second.has_begun
