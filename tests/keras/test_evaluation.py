"""What came of a run: each class against counts by hand, raw scores against softmax."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cvcore import datasets, evaluation, models
from cvcore.errors import EngineError, SettingError
from cvcore.networks import Dense, Flatten
from cvcore.runs import Predictions, RunStore
from cvcore.spec import RunSpec
from cvcore.subjects import Picture, Subject

SPEC = RunSpec(
    dataset="digits", network=(Flatten(), Dense(units=10, activation="softmax")), epochs=1
)
LABELS = np.array([0, 0, 0, 1, 1, 2], np.int64)
SAID = (0, 0, 1, 1, 0, 1)
SURE = (0.9, 0.8, 0.7, 0.9, 0.5, 0.8)


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    store = RunStore(str(tmp_path))
    store.begin(SPEC)
    return store


def predictions() -> Predictions:
    probabilities = np.zeros((6, 10), np.float32)
    probabilities[np.arange(6), SAID] = SURE
    return Predictions(np.zeros((6, 8, 8, 1), np.uint8), LABELS, probabilities)


def test_each_class_is_rated_as_counted_by_hand(store: RunStore) -> None:
    store.save_predictions(SPEC.digest(), predictions())
    report = evaluation.report(store.url, SPEC.digest(), 1.0)
    assert_array_equal(report.counts[:3, :3], [[2, 1, 0], [1, 1, 0], [0, 1, 0]])
    assert report.counts.sum() == 6
    assert_array_equal(report.support[:4], [3, 2, 1, 0])
    # Nothing is called 2, and there is no 3: their ratios would divide by nothing.
    assert_allclose(report.precision[:4], [2 / 3, 1 / 3, np.nan, np.nan])
    assert_allclose(report.recall[:4], [2 / 3, 1 / 2, 0, np.nan])
    assert_allclose(report.f1[:4], [2 / 3, 2 / 5, 0, np.nan])


def test_mistakes_come_with_the_surest_first() -> None:
    given = predictions()
    found = evaluation.confident_mistakes(given.labels, given.probabilities)
    assert_array_equal(found, [5, 2, 4])


def test_a_cell_holds_its_pictures_alone() -> None:
    given = predictions()
    assert_array_equal(evaluation.in_cell(given.labels, given.probabilities, 0, 0), [0, 1])
    assert_array_equal(evaluation.in_cell(given.labels, given.probabilities, 2, 1), [5])
    assert not evaluation.in_cell(given.labels, given.probabilities, 2, 2).size


def test_a_run_without_predictions_is_an_error(store: RunStore) -> None:
    with pytest.raises(EngineError, match="not in the run store"):
        evaluation.report(store.url, SPEC.digest(), 1.0)


def test_test_pictures_come_by_their_places(store: RunStore) -> None:
    found = evaluation.pictures(store.url, SPEC.digest(), (5, 0))
    assert_array_equal(found, datasets.load("digits").test_images[[5, 0]])
    with pytest.raises(SettingError, match="number 10000"):
        evaluation.pictures(store.url, SPEC.digest(), (9_999,))


def test_raw_scores_are_the_last_layers_sums_and_softmax_makes_the_probabilities(
    store: RunStore,
) -> None:
    weights = models.weights(models.build(SPEC))
    bias = np.arange(10, dtype=np.float32)
    store.save_weights(SPEC.digest(), 1.0, {**weights, "dense_2/bias": bias})
    found = evaluation.scores(store.url, Subject(run=SPEC.digest(), moment=1.0), Picture(number=3))
    data = datasets.load("digits")
    assert_array_equal(found.image, data.test_images[3])
    assert found.label == data.test_labels[3]
    by_hand = data.test_images[3].reshape(-1) / 255 @ weights["dense_2/kernel"] + bias
    assert_allclose(found.scores, by_hand, atol=1e-5)
    powers = np.exp(by_hand)
    assert_allclose(found.probabilities, powers / powers.sum(), atol=1e-6)
