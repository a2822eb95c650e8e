"""What test pictures go through: worked by hand, and the laws that hold for all of it."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from cvcore import robustness
from cvcore.arrays import ByteArray
from cvcore.engine import Engine
from cvcore.errors import SettingError
from cvcore.networks import preset
from cvcore.robustness import DISTURBANCES, amounts, disturb, put_in_order
from cvcore.spec import RunSpec

ALL = [(name, amount) for name, it in DISTURBANCES.items() for amount in it.amounts]


def pictures(count: int, side: int = 16) -> ByteArray:
    rng = np.random.default_rng(count)
    return rng.integers(1, 256, (count, side, side, 1), dtype=np.uint8)


def test_a_shift_moves_right_down_left_and_up_and_leaves_black() -> None:
    picture = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.uint8).reshape(1, 3, 3, 1)
    right, down, left, up, again = disturb(np.repeat(picture, 5, axis=0), "shift", 1)[..., 0]
    assert_array_equal(right, [[0, 1, 2], [0, 4, 5], [0, 7, 8]])
    assert_array_equal(down, [[0, 0, 0], [1, 2, 3], [4, 5, 6]])
    assert_array_equal(left, [[2, 3, 0], [5, 6, 0], [8, 9, 0]])
    assert_array_equal(up, [[4, 5, 6], [7, 8, 9], [0, 0, 0]])
    assert_array_equal(again, right)


def test_a_quarter_turn_is_numpys_one_way_and_then_the_other() -> None:
    one, other = pictures(2)
    turned = disturb(np.stack([one, other]), "rotate", 90)
    assert_array_equal(turned[0], np.rot90(one))
    assert_array_equal(turned[1], np.rot90(other, -1))


@pytest.mark.parametrize(("percent", "side"), [(6, 4), (14, 6), (25, 8), (39, 10), (56, 12)])
def test_a_hidden_square_has_the_share_it_says(percent: int, side: int) -> None:
    hidden = disturb(pictures(20), "hide", percent) == 0
    assert_array_equal(hidden.sum(axis=(1, 2, 3)), np.full(20, side**2))
    rows, columns = np.nonzero(hidden[0, ..., 0])
    assert np.ptp(rows) == np.ptp(columns) == side - 1  # in one piece


def test_noise_has_the_deviation_it_says_and_stays_a_picture() -> None:
    grey = np.full((50, 28, 28, 1), 128, np.uint8)
    assert disturb(grey, "noise", 32).std() == pytest.approx(32, rel=0.02)
    assert disturb(grey, "noise", 128).min() == 0


@given(st.sampled_from(ALL), st.integers(1, 9))
def test_a_picture_fares_the_same_whatever_comes_after_it(how: tuple[str, int], count: int) -> None:
    many = pictures(9)
    before = many.copy()
    assert_array_equal(disturb(many, *how)[:count], disturb(many[:count], *how))
    assert_array_equal(many, before)


@pytest.mark.parametrize("name", DISTURBANCES)
def test_an_amount_of_nothing_changes_nothing(name: str) -> None:
    assert DISTURBANCES[name].amounts[0] == 0
    assert_array_equal(disturb(pictures(4), name, 0), pictures(4))


def test_small_pictures_are_shifted_by_half_of_their_side_at_most() -> None:
    assert amounts("shift", 8, 8) == (0, 1, 2, 3, 4)
    assert amounts("shift", 28, 28) == tuple(range(9))
    assert amounts("hide", 8, 8) == (0, 6, 14, 25, 39, 56)


def test_pixels_in_another_order_are_the_same_pixels() -> None:
    order = np.random.default_rng(1).permutation(256)
    shuffled = put_in_order(pictures(3), order)
    assert_array_equal(shuffled[2].ravel(), pictures(3)[2].ravel()[order])
    assert_array_equal(put_in_order(shuffled, np.argsort(order)), pictures(3))


def test_what_is_no_disturbance_gets_a_sentence() -> None:
    with pytest.raises(
        SettingError, match=r"called blur. Choose one of shift, rotate, noise, hide"
    ):
        disturb(pictures(1), "blur", 1)
    with pytest.raises(SettingError, match="amount of shift was 9; choose one of 0, 1, 2"):
        disturb(pictures(1), "shift", 9)


def test_the_worker_names_disturbed_pictures_as_the_run_did(trainer: Engine) -> None:
    network = preset("dense", 10)
    spec = RunSpec(dataset="digits", network=network, epochs=2, shuffle_pixels=True)
    digest = trainer.submit(spec)
    until(lambda: trainer.snapshot(digest).state == "finished")  # type: ignore[union-attr]

    def ask(*question: Any) -> Any:
        answer = trainer.ask(*question)
        until(lambda: answer.state != "pending")
        assert answer.error is None, answer.error
        return answer.value

    predictions = trainer.predictions(digest)
    assert predictions is not None
    right = int((predictions.probabilities.argmax(axis=1) == predictions.labels).sum())
    assert right > 100  # it has learned more than guessing
    assert ask(robustness.right_among, digest, "shift", 0) == (right, 360)
    assert ask(robustness.right_among, digest, "shift", 4)[0] < right
    lost = trainer.ask(robustness.right_among, "0" * 16, "shift", 0)
    until(lambda: lost.state != "pending")
    assert "not in the run store any more" in str(lost.error)


def until(true: Callable[[], bool], *, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
