"""What Look inside says of a network, against Keras, our own convolution and brute force."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression

from cvcore import feature_maps, filter_patterns, inference, models, walk
from cvcore.convolution import convolve_layer
from cvcore.datasets import load
from cvcore.errors import SettingError
from cvcore.networks import (
    ActivationLayer,
    BatchNormalisation,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    Pooling,
)
from cvcore.runs import RunStore
from cvcore.spec import RunSpec
from cvcore.subjects import Picture, Subject
from tests.keras.weights import keep_weights

END = Dense(units=10, activation="softmax")
SPEC = RunSpec(
    dataset="digits",
    network=(
        Convolution(filters=4, padding="same", activation="relu"),
        BatchNormalisation(),
        Pooling(),
        Convolution(filters=3, size=2, stride=2, padding="same"),
        ActivationLayer(activation="tanh"),
        Pooling(how="average"),
        Dropout(rate=0.25),
        Flatten(),
        Dense(units=6, activation="sigmoid"),
        END,
    ),
)
LINEAR = RunSpec(dataset="digits", network=(Convolution(filters=2, padding="same"), Flatten(), END))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def subject(url: str) -> Subject:
    return keep_weights(RunStore(url), SPEC)


def test_feature_maps_are_our_own_convolution_and_keras_own(url: str, subject: Subject) -> None:
    model, spec = inference.model_at(RunStore(url), subject.run, subject.moment)
    data = load("digits")
    seen = inference.prepare(spec, data)(data.test_images[7:8])
    weights = models.weights(model)
    before = feature_maps.maps_before(url, subject, Picture(number=7), 1)
    ours = convolve_layer(
        np.asarray(seen[0]),
        weights["convolution_1/kernel"],
        weights["convolution_1/bias"],
        padding="same",
    )
    assert_allclose(before.maps, ours, atol=1e-4)
    for row in feature_maps.overview(url, subject, Picture(number=7), 2):
        theirs = keras.Model(model.input, model.layers[row.position].output)(seen)[0]
        assert_allclose(row.maps, theirs[..., :2], atol=1e-5)
        assert row.zero == pytest.approx(float((np.asarray(theirs) == 0).mean()))
        assert row.total == theirs.shape[-1]
    with pytest.raises(SettingError, match="Layer 8 of this network gives no feature maps"):
        feature_maps.maps(url, subject, Picture(number=7), 8)


def test_a_layer_is_read_by_a_linear_classifier(url: str, subject: Subject) -> None:
    found = feature_maps.depth(url, subject)
    assert found.positions.tolist() == [0, 1, 2, 3, 4, 5, 6, 9, 10]
    assert found.values.tolist() == [64, 256, 256, 64, 12, 12, 3, 6, 10]
    # The pixels have no more than 64 components: what is left is scikit-learn's own reading.
    data = load("digits")
    pixels = data.training_images[:1000].reshape(1000, -1) / 255
    tested = data.test_images.reshape(len(data.test_images), -1) / 255
    reader = LogisticRegression(max_iter=200).fit(pixels * 4, data.training_labels[:1000])
    expected = reader.score(tested * 4, data.test_labels)
    assert found.told_apart[0] == pytest.approx(expected, abs=0.02)
    assert found.detail[0] == pytest.approx(1, abs=0.01)
    assert (np.diff(found.detail[[0, 3, 4, 6]]) < 0).all()
    assert found.chance == pytest.approx(np.bincount(data.test_labels).max() / 360)


def test_a_reader_knows_what_says_everything_and_what_says_nothing() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 200)
    plain = np.eye(4, dtype=np.float32)[labels]
    assert feature_maps.told_apart(plain[:150], labels[:150], plain[150:], labels[150:]) == 1
    noise = rng.normal(0, 1, (200, 3)).astype(np.float32)
    assert feature_maps.told_apart(noise[:150], labels[:150], noise[150:], labels[150:]) < 0.5
    assert feature_maps.brought_back(plain[:150], plain[:150], plain[150:], plain[150:]) > 0.99
    assert feature_maps.brought_back(noise[:150], plain[:150], noise[150:], plain[150:]) < 0.05


def test_the_ascent_of_a_linear_filter_reaches_its_best_picture(url: str) -> None:
    subject = keep_weights(RunStore(url), LINEAR, seed=3)
    found = filter_patterns.ascend(url, subject, 1, (0, 1), 200, 0.2, 0)
    kernel = RunStore(url).weights(subject.run, 1.0)
    assert kernel is not None
    for one in (0, 1):
        k = kernel["convolution_1/kernel"][..., 0, one]
        # A pixel counts with the weights that lie on it when the kernel visits all places.
        counts = np.zeros((10, 10))
        for row in range(8):
            for column in range(8):
                counts[row : row + 3, column : column + 3] += k
        counts = counts[1:-1, 1:-1] / 64
        best = counts[counts > 0].sum() + kernel["convolution_1/bias"][one]
        assert found.values[one].max() == pytest.approx(best, rel=0.02)
        sure = np.abs(counts) > 0.2 * np.abs(counts).max()
        assert_array_equal(found.stages[one, -1, ..., 0][sure] > 127, counts[sure] > 0)
    alone = filter_patterns.ascend(url, subject, 1, (1,), 200, 0.2, 0)
    assert_array_equal(alone.stages[0], found.stages[1])
    assert found.values.shape == (2, 201)


def test_a_filter_that_never_fires_is_dead_and_still_climbs(url: str) -> None:
    spec = replace(SPEC, seed=1)
    weights = models.weights(models.build(spec))
    bias = np.array([-50, 0, 0, 0], np.float32)
    subject = keep_weights(RunStore(url), spec, weights={**weights, "convolution_1/bias": bias})
    found = filter_patterns.responses(url, subject, 1)
    assert found.dead.tolist() == [True, False, False, False]
    climb = filter_patterns.ascend(url, subject, 1, (0,), 30, 0.1, 0)
    assert climb.values[0, 0] < climb.values[0, -1] < 0


def test_the_best_test_pictures_are_those_of_a_search(url: str, subject: Subject) -> None:
    found = filter_patterns.responses(url, subject, 4)
    model, spec = inference.model_at(RunStore(url), subject.run, subject.moment)
    data = load("digits")
    seen = inference.prepare(spec, data)(data.test_images)
    maps = np.asarray(keras.Model(model.input, model.layers[4].output)(seen))
    assert found.pictures == 360
    for one in range(3):
        largest = maps[..., one].max(axis=(1, 2))
        assert_allclose(found.values[one], np.sort(largest)[::-1][:9], atol=1e-5)
        for rank, place in enumerate(found.places[one]):
            at = maps[place, found.rows[one, rank], found.columns[one, rank], one]
            assert at == pytest.approx(found.values[one, rank], abs=1e-5)
    with pytest.raises(SettingError, match="Layer 3 has no filters"):
        filter_patterns.responses(url, subject, 3)
    with pytest.raises(SettingError, match="number 9 was asked for"):
        filter_patterns.ascend(url, subject, 4, (8,), 10, 0.1, 0)
    with pytest.raises(SettingError, match="must be from 1 to 400"):
        filter_patterns.ascend(url, subject, 4, (0,), 0, 0.1, 0)


def test_a_value_that_is_explained_is_keras_own(url: str, subject: Subject) -> None:
    rng = np.random.default_rng(5)
    for position, layer in enumerate(SPEC.network, start=1):
        for _ in range(4):
            whole = walk.step(url, subject, Picture(number=int(rng.integers(360))), position, 0)
            shape = whole.outputs.shape
            place = tuple(int(rng.integers(n)) for n in shape)
            number = Picture(number=int(rng.integers(360)))
            step = walk.step(url, subject, number, position, place[-1])
            found = walk.explain(layer, step, place)
            assert found.value == pytest.approx(float(step.outputs[place]), abs=1e-4), layer


def test_the_walk_from_a_class_ends_at_a_pixel_that_it_sees(url: str, subject: Subject) -> None:
    place: tuple[int, ...] = (4,)
    for position in range(len(SPEC.network), 0, -1):
        step = walk.step(url, subject, Picture(number=3), position, place[-1])
        place = walk.explain(SPEC.network[position - 1], step, place).strongest
    assert len(place) == 3
    assert all(0 <= at < end for at, end in zip(place, (8, 8, 1), strict=True))
    with pytest.raises(SettingError, match="10 layers; number 11"):
        walk.step(url, subject, Picture(), 11, 0)
    with pytest.raises(SettingError, match="has 4 filters; number 5"):
        walk.step(url, subject, Picture(), 1, 4)
