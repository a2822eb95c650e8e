"""Trainings take turns: one computes at a time, and its own processor time alone is counted."""

import contextlib
import threading
import time
from collections.abc import Callable
from itertools import groupby

import pytest

from cvcore import turns
from cvcore.turns import Turn, Turns


def burn(seconds: float) -> None:
    """Use so much of the processor."""
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def together(*works: Callable[[Turn], None], hurries: tuple[bool, ...] = ()) -> None:
    shared = Turns()
    hurrying = hurries or (False,) * len(works)
    places = [shared.join(lambda it=it: it) for it in hurrying]  # type: ignore[misc]

    def run(work: Callable[[Turn], None], turn: Turn) -> None:
        with contextlib.suppress(TimeoutError), turn:
            work(turn)

    threads = [threading.Thread(target=run, args=pair) for pair in zip(works, places, strict=True)]
    for thread in reversed(threads):
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
        assert not thread.is_alive()


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "TURN_SECONDS", 0.02)


def test_one_at_a_time_computes_and_they_alternate(short: None) -> None:
    order: list[str] = []

    def work(name: str) -> Callable[[Turn], None]:
        def run(turn: Turn) -> None:
            for _ in range(10):
                order.append(name)
                burn(0.005)
                turn.offer()

        return run

    together(work("a"), work("b"))
    assert order[0] == "a"
    stretches = [(name, len(list(group))) for name, group in groupby(order)]
    assert len(stretches) >= 4  # neither waits for the other's end
    # A turn lasts until it was long enough, not just for a moment.
    assert all(count >= 3 for _, count in stretches[:2])


def test_only_what_is_computed_in_ones_own_turn_is_counted(short: None) -> None:
    seconds: list[float] = []

    def work(amount: float) -> Callable[[Turn], None]:
        def run(turn: Turn) -> None:
            burn(0.05)  # before the training begins
            turn.count()
            for _ in range(10):
                burn(amount)
                turn.offer()
            with turn.uncounted():
                burn(0.05)
            seconds.append(turn.seconds)

        return run

    together(work(0.01), work(0.02))
    assert sorted(seconds) == [pytest.approx(0.1, abs=0.03), pytest.approx(0.2, abs=0.03)]


def test_the_time_before_a_pause_counts_too() -> None:
    turn = Turns().join(lambda: False)
    with turn:
        turn.count(earlier=7.0)
        assert 7.0 <= turn.seconds < 7.5
    assert 7.0 <= turn.seconds < 7.5


def test_whoever_is_asked_to_end_goes_before_the_others(short: None) -> None:
    order: list[str] = []

    def work(name: str) -> Callable[[Turn], None]:
        def run(turn: Turn) -> None:
            burn(0.03)
            turn.offer()
            order.append(name)

        return run

    together(work("a"), work("b"), work("c"), work("d"), hurries=(False, False, True, False))
    assert order[0] == "c"
    assert sorted(order) == ["a", "b", "c", "d"]


def test_one_that_fails_lets_the_others_go_on() -> None:
    done: list[str] = []

    def fail(turn: Turn) -> None:
        raise TimeoutError

    together(fail, lambda _: done.append("b"))
    assert done == ["b"]
