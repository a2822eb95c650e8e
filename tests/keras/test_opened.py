"""A network taken apart computes what Keras' own does, and its gradients are the slopes."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cvcore import inference, models, opened
from cvcore.errors import EngineError, SettingError
from cvcore.networks import (
    ActivationLayer,
    BatchNormalisation,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    Pooling,
)
from cvcore.opened import Opened, softmax
from cvcore.runs import RunStore
from cvcore.spec import RunSpec
from cvcore.subjects import Picture, Subject, pack
from cvcore.surgery import Operation
from tests.keras.weights import keep_weights

SPEC = RunSpec(
    dataset="digits",
    network=(
        Convolution(filters=4, padding="same", activation="relu"),
        BatchNormalisation(),
        Pooling(),
        Convolution(filters=3, size=2),
        ActivationLayer(activation="tanh"),
        Dropout(rate=0.25),
        Flatten(),
        Dense(units=6, activation="sigmoid"),
        Dense(units=10, activation="softmax"),
    ),
)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def subject(url: str) -> Subject:
    keep_weights(RunStore(url), SPEC, moment=2.0, seed=2)
    return keep_weights(RunStore(url), SPEC)


@pytest.fixture(scope="module")
def network(url: str, subject: Subject) -> Opened:
    return opened.open_alone(url, subject)


def test_every_output_is_that_of_keras(url: str, subject: Subject, network: Opened) -> None:
    model, _ = inference.model_at(RunStore(url), subject.run, subject.moment)
    seen = network.see(network.data.test_images[:3])
    passed = network.through(seen)
    layers = model.layers[1:]
    assert len(layers) == len(passed.outputs) == len(SPEC.network)
    for layer, output in zip(layers, passed.outputs, strict=True):
        theirs = keras.Model(model.input, layer.output)(seen, training=False)
        assert_allclose(output, theirs, atol=1e-6, err_msg=layer.name)
    assert_allclose(softmax(np.asarray(passed.sums[-1])), passed.outputs[-1], atol=1e-6)


def test_sums_are_what_comes_before_the_activation(network: Opened) -> None:
    passed = network.through(network.see(network.data.test_images[:3]))
    assert float(np.min(passed.sums[0])) < 0
    assert_array_equal(passed.outputs[0], np.maximum(passed.sums[0], 0))
    assert_allclose(passed.outputs[7], 1 / (1 + np.exp(-np.asarray(passed.sums[7]))), atol=1e-6)
    assert_array_equal(passed.sums[3], passed.outputs[3])
    assert_array_equal(passed.outputs[5], passed.outputs[4])


def test_the_gradient_is_the_slope_of_the_score(network: Opened) -> None:
    image = network.data.test_images[:1]
    wanted = np.eye(10, dtype=np.float32)[[3]]
    values, gradients = network.back(network.see(image), wanted)
    step = np.random.default_rng(0).normal(0, 0.02, values.picture.shape).astype(np.float32)
    up = network.through(values.picture + step).sums[-1][0, 3]
    down = network.through(values.picture - step).sums[-1][0, 3]
    slope = float(np.sum(np.asarray(gradients.picture) * step))
    assert_allclose(slope, (float(up) - float(down)) / 2, rtol=0.02, atol=1e-6)
    # The score is linear in the last hidden layer: its gradient is the weights of class 3.
    kernel = models.weights(network.model)["dense_9/kernel"]
    assert_allclose(gradients.outputs[7][0], kernel[:, 3], atol=1e-6)
    assert_array_equal(gradients.sums[-1], wanted)


def test_scores_of_many_pictures_are_those_of_each(network: Opened) -> None:
    images = network.data.test_images[:300]
    scores = network.scores(images)
    assert scores.shape == (300, 10)
    seen = network.see(images[290:])
    assert_allclose(scores[290:], network.through(seen).sums[-1], atol=1e-5)


def test_the_same_network_is_opened_once_and_takes_the_weights_of_each_moment(
    url: str, subject: Subject
) -> None:
    later = replace(subject, moment=2.0)
    with opened.opened(url, subject) as first:
        before = first.scores(first.data.test_images[:2])
    with opened.opened(url, later) as second:
        assert second is first
        assert np.abs(second.scores(second.data.test_images[:2]) - before).max() > 1e-3
    with opened.opened(url, subject) as third:
        assert_array_equal(third.scores(third.data.test_images[:2]), before)


def test_a_filter_that_is_off_gives_a_map_of_zeros_also_after_batch_normalisation(
    url: str, subject: Subject
) -> None:
    off = replace(subject, operations=(Operation(layer=1, filter=2, deed="off"),))
    with opened.opened(url, off) as network:
        passed = network.through(network.see(network.data.test_images[:2]))
    for outputs in passed.outputs[:2]:
        assert_array_equal(np.asarray(outputs)[..., 2], 0)
        assert np.asarray(outputs)[..., 1].any()


def test_hidden_pixels_are_filled_before_the_network_sees_them(network: Opened) -> None:
    mask = np.zeros((8, 8), bool)
    mask[2:4, 5] = True
    whole = network.image(Picture(number=4))
    image = network.image(Picture(number=4, hidden=pack(mask), fill="black"))
    assert_array_equal(image[~mask], whole[~mask])
    assert_array_equal(image[mask], 0)


def test_what_is_not_there_is_said(url: str, subject: Subject, network: Opened) -> None:
    with pytest.raises(EngineError, match="000000 is not in the run store"):
        opened.open_alone(url, replace(subject, run="0" * 16))
    with pytest.raises(EngineError, match="after epoch 7 are not"):
        opened.open_alone(url, replace(subject, moment=7.0))
    with pytest.raises(SettingError, match="number 361 was asked for"):
        network.image(Picture(number=360))
    with pytest.raises(SettingError, match="made for a network that sees others"):
        network.image(Picture(pixels=b"123"))
    with pytest.raises(SettingError, match="another size"):
        network.image(Picture(hidden=b"123"))
