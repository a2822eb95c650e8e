"""A network of a moment is the one that the history speaks of."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.signal import correlate2d

from cvcore import inference, jobs, models, time_travel, training
from cvcore.datasets import load
from cvcore.errors import EngineError, SettingError
from cvcore.history import Epoch, Event
from cvcore.networks import BatchNormalisation, Convolution, Dense, Dropout, Flatten, Pooling
from cvcore.runs import Predictions, RunStore
from cvcore.spec import RunSpec

SPEC = RunSpec(
    dataset="digits",
    network=(
        Convolution(filters=4, padding="same", activation="relu"),
        Pooling(),
        BatchNormalisation(momentum=0.9),
        Dropout(rate=0.25),
        Flatten(),
        Dense(units=10, activation="softmax"),
    ),
    epochs=2,
)
DIGEST = SPEC.digest()


class Kept:
    """A run that was trained into a store of its own."""

    def __init__(self, folder: Path) -> None:
        self.url = str(folder)
        self.store = RunStore(self.url)
        self.val_accuracy: dict[int, float] = {}
        self.store.begin(SPEC)
        outcome = training.train(
            SPEC,
            emit=self.emit,
            keep=partial(jobs.keep, self.store, DIGEST),
            asked=lambda: None,
        )
        assert outcome.predictions is not None
        self.predictions: Predictions = outcome.predictions

    def emit(self, kind: type[Event], **values: Any) -> None:
        if kind is Epoch:
            self.val_accuracy[values["epoch"]] = values["val_accuracy"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return Kept(tmp_path_factory.mktemp("runs"))


def test_reloaded_weights_give_the_historys_validation_accuracy(kept: Kept) -> None:
    assert sorted(kept.val_accuracy) == [1, 2]
    for epoch, told in kept.val_accuracy.items():
        again = time_travel.validation_accuracy(kept.url, DIGEST, float(epoch))
        assert again == pytest.approx(told, abs=1e-6)


def test_the_first_moment_shows_the_weights_before_training(kept: Kept) -> None:
    first = models.weights(models.build(SPEC))["convolution_1/kernel"]
    moments = kept.store.moments(DIGEST)
    assert moments[0] == 0.0
    assert 0 < moments[1] < 1  # some inside the first epoch
    assert_array_equal(time_travel.kernels(kept.url, DIGEST, 0.0).weights, first)
    assert np.any(time_travel.kernels(kept.url, DIGEST, moments[1]).weights != first)


def test_a_pictures_maps_are_its_correlation_with_the_kernels(kept: Kept) -> None:
    look = time_travel.look(kept.url, DIGEST, 1.0, 5, 1)
    weights = kept.store.weights(DIGEST, 1.0)
    assert weights is not None
    picture = load("digits").test_images[5]
    assert_array_equal(look.image, picture)
    assert look.label == load("digits").test_labels[5]
    for index in range(4):
        kernel = weights["convolution_1/kernel"][:, :, 0, index]
        answer = correlate2d(picture[..., 0] / 255, kernel, mode="same")
        answer += weights["convolution_1/bias"][index]
        assert_allclose(look.maps[..., index], np.maximum(answer, 0), atol=1e-5)


def test_the_last_moment_says_what_the_finished_run_says(kept: Kept) -> None:
    said = kept.predictions
    for position in (0, 3):
        look = time_travel.look(kept.url, DIGEST, 2.0, 7, position)
        assert_allclose(look.probabilities, said.probabilities[7], atol=1e-6)
        assert look.maps.shape == ((4, 4, 4) if position else (8, 8, 0))
    tested = time_travel.confusion(kept.url, DIGEST, 2.0)
    expected = np.zeros((10, 10), np.int64)
    for true, name in zip(said.labels, said.probabilities.argmax(axis=1), strict=True):
        expected[true, name] += 1
    assert_array_equal(tested.counts, expected)
    assert tested.accuracy == pytest.approx(inference.score(said)[1])
    assert (tested.pictures, tested.all_pictures) == (360, 360)


def test_only_the_first_test_pictures_are_asked_where_there_are_more(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_travel, "TEST_PICTURES", 25)
    tested = time_travel.confusion(kept.url, DIGEST, 2.0)
    assert (tested.pictures, tested.all_pictures) == (25, 360)
    assert_array_equal(
        tested.counts.sum(axis=1), np.bincount(kept.predictions.labels[:25], minlength=10)
    )


def test_what_is_not_there_is_said(kept: Kept) -> None:
    with pytest.raises(SettingError, match="There are 360 test pictures; number 361"):
        time_travel.look(kept.url, DIGEST, 2.0, 360, 1)
    for position in (4, 5, 9):  # dropout, flattening, nothing
        with pytest.raises(SettingError, match=f"Layer {position} of this network"):
            time_travel.look(kept.url, DIGEST, 2.0, 0, position)
    with pytest.raises(EngineError, match=r"after epoch 1\.5 are not in the run store"):
        time_travel.confusion(kept.url, DIGEST, 1.5)
