"""What came of a run: counts by hand, scikit-learn's figures, and scores before softmax."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cvcore import evaluation
from cvcore.arrays import FloatArray
from cvcore.errors import EngineError, SettingError
from cvcore.networks import Dense, Flatten
from cvcore.runs import Predictions, RunStore
from cvcore.spec import RunSpec

SPEC = RunSpec(dataset="digits", network=(Flatten(), Dense(units=10, activation="softmax")))
LABELS = np.array([0, 0, 0, 1, 1, 2])
SAID = np.array([0, 0, 1, 1, 0, 1])
SURE = np.array([0.9, 0.6, 0.7, 0.8, 0.95, 0.7])


def probabilities() -> FloatArray:
    """Return answers that are `SAID`, as sure as `SURE`; the rest is shared evenly."""
    shares = np.repeat((1 - SURE)[:, None] / 9, 10, axis=1)
    shares[np.arange(len(SAID)), SAID] = SURE
    return shares.astype(np.float32)


@pytest.fixture
def kept(tmp_path: Path) -> tuple[str, str]:
    """Keep a run and what it says of six test pictures; return where it is and its name."""
    store = RunStore(str(tmp_path))
    store.begin(SPEC)
    images = np.zeros((6, 8, 8, 1), np.uint8)
    store.save_predictions(SPEC.digest(), Predictions(images, LABELS, probabilities()))
    return str(tmp_path), SPEC.digest()


def test_a_report_is_what_one_counts_by_hand(kept: tuple[str, str]) -> None:
    told = evaluation.report(*kept, 1.0)
    assert_array_equal(told.counts[:3, :3], [[2, 1, 0], [1, 1, 0], [0, 1, 0]])
    assert told.counts.sum() == 6
    assert_array_equal(told.support[:4], [3, 2, 1, 0])
    assert_allclose(told.precision[:4], [2 / 3, 1 / 3, np.nan, np.nan])
    assert_allclose(told.recall[:4], [2 / 3, 1 / 2, 0, np.nan])
    assert_allclose(told.f1[:4], [2 / 3, 2 / 5, 0, np.nan])


def test_the_surest_mistake_comes_first_and_of_equal_ones_the_earlier() -> None:
    assert_array_equal(evaluation.confident_mistakes(LABELS, probabilities()), [4, 2, 5])


def test_a_cell_holds_its_pictures_alone_the_surest_first() -> None:
    assert_array_equal(evaluation.in_cell(LABELS, probabilities(), 0, 0), [0, 1])
    assert_array_equal(evaluation.in_cell(LABELS, probabilities(), 2, 1), [5])
    assert_array_equal(evaluation.in_cell(LABELS, probabilities(), 2, 0), [])


def test_right_answers_are_no_confusion() -> None:
    assert evaluation.most_confused(np.array([[9, 1, 0], [3, 9, 0], [0, 0, 99]])) == (1, 0)


def test_softmax_of_the_raw_scores_is_what_the_network_says(tmp_path: Path) -> None:
    store, random = RunStore(str(tmp_path)), np.random.default_rng(3)
    store.begin(SPEC)
    kernel = random.normal(size=(64, 10)).astype(np.float32)
    bias = np.arange(10, dtype=np.float32)
    store.save_weights(SPEC.digest(), 1.0, {"dense_2/kernel": kernel, "dense_2/bias": bias})
    told = evaluation.scores(str(tmp_path), SPEC.digest(), 1.0, 5)
    (image,) = evaluation.pictures(str(tmp_path), SPEC.digest(), (5,))
    assert_array_equal(told.image, image)
    assert_allclose(told.scores, image.ravel() / 255 @ kernel + bias, rtol=1e-4, atol=1e-4)
    powers = np.exp(told.scores.astype(np.float64))
    assert_allclose(told.probabilities, powers / powers.sum(), atol=1e-6)


def test_pictures_come_in_the_order_that_was_asked_for(kept: tuple[str, str]) -> None:
    first, second = evaluation.pictures(*kept, (3, 1))
    assert_array_equal(first, evaluation.pictures(*kept, (3,))[0])
    assert (first != second).any()


def test_what_is_not_there_is_refused_in_words(kept: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="There are 360 test pictures; number 361 was asked"):
        evaluation.pictures(*kept, (360,))
    with pytest.raises(EngineError, match="not in the run store any more"):
        evaluation.report(str(tmp_path), "0" * 16, 1.0)
    with pytest.raises(EngineError, match="not in the run store any more"):
        evaluation.scores(*kept, 1.0, 0)
