"""A prepared picture, named by a run's network as the worker is asked to."""

from pathlib import Path

import numpy as np

from cvcore import evaluation, inference, models
from cvcore.networks import Dense, Flatten
from cvcore.runs import RunStore
from cvcore.spec import RunSpec
from cvcore.subjects import Picture, Subject


def test_a_picture_is_seen_as_the_run_saw_its_own(tmp_path: Path) -> None:
    store = RunStore(str(tmp_path))
    spec = RunSpec(
        dataset="digits",
        network=(Flatten(), Dense(units=10, activation="softmax")),
        scaling="standardise",
        shuffle_pixels=True,
    )
    store.begin(spec)
    model = models.build(spec)
    store.save_weights(spec.digest(), 2.0, models.weights(model))
    data = inference.load(spec)
    expected = inference.predict(model, spec, data).probabilities[5]
    picture = data.test_images[5].tobytes()
    found = evaluation.scores(
        store.url, Subject(run=spec.digest(), moment=2.0), Picture(pixels=picture)
    )
    np.testing.assert_allclose(found.probabilities, expected, rtol=0, atol=1e-6)
    assert found.label is None


def test_a_picture_is_binarised_for_a_run_on_black_and_white(tmp_path: Path) -> None:
    store = RunStore(str(tmp_path))
    spec = RunSpec(
        dataset="binarized_mnist",
        network=(Flatten(), Dense(units=10, activation="softmax")),
        scaling="unit",
        threshold=100,
    )
    store.begin(spec)
    weights = {
        "dense_2/kernel": np.eye(784, 10, dtype=np.float32),
        "dense_2/bias": np.zeros(10, np.float32),
    }
    store.save_weights(spec.digest(), 1.0, weights)
    picture = bytes([99, 100, 255]) + bytes(781)
    subject = Subject(run=spec.digest(), moment=1.0)
    said = evaluation.scores(store.url, subject, Picture(pixels=picture)).probabilities
    e = np.exp(1.0)
    np.testing.assert_allclose(said[:4], np.array([1, e, e, 1]) / (8 + 2 * e), rtol=1e-6)
