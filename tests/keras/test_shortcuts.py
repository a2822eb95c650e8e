"""The shortcut check, with real classifiers: it names what was planted, and accuses nobody else."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifier

from cvcore import shortcuts
from cvcore.arrays import ByteArray, IntArray

SIZE = 32


def planted(count: int, seed: int) -> tuple[ByteArray, IntArray]:
    """Return noise whose labels only the colour of a 6 × 6 corner tells."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8)
    labels = rng.integers(0, 2, count)
    images[:, :6, SIZE - 6 :] = np.where(labels, 230, 25)[:, None, None, None].astype(np.uint8)
    return images, labels


def network(images: ByteArray, labels: IntArray) -> Callable[[ByteArray], IntArray]:
    """Return a small CNN that has learned these pictures."""
    init = keras.initializers.GlorotUniform
    model = keras.Sequential(
        [
            keras.Input(images.shape[1:]),
            keras.layers.Rescaling(1 / 127.5, offset=-1.0),
            keras.layers.Conv2D(8, 3, activation="relu", kernel_initializer=init(1)),
            keras.layers.MaxPooling2D(3),
            keras.layers.Flatten(),
            keras.layers.Dense(2, activation="softmax", kernel_initializer=init(2)),
        ]
    )
    model.compile("adam", loss="sparse_categorical_crossentropy")
    for part in np.split(
        np.random.default_rng(0).permutation(np.tile(np.arange(len(images)), 6)), 60
    ):
        model.train_on_batch(images[part].astype(np.float32), labels[part])
    return lambda shown: np.asarray(model(shown.astype(np.float32))).argmax(axis=1)


def test_the_planted_corner_is_named_and_without_it_chance_is_left() -> None:
    learn = network(*planted(300, 0))
    images, labels = planted(120, 1)
    found = shortcuts.find(images, labels, learn)
    assert found.accuracy > 0.95
    assert found.accused is found.small
    top, left, height, width = found.small.where
    assert (top, left + width) == (0, SIZE)  # the upper right corner
    assert height >= 6
    assert abs(found.small.left - found.chance) <= 0.1
    assert found.edge_alone > 0.9
    assert not found.light_accused


def test_a_corner_that_was_enlarged_with_its_picture_is_named_by_a_large_square() -> None:
    images, labels = planted(100, 2)
    large = images.repeat(4, axis=1).repeat(4, axis=2)
    corner = (slice(0, 24), slice(-24, None))

    def name(shown: ByteArray) -> IntArray:
        # Any bright or dark place in the corner gives it away, however small.
        darkest = shown[:, *corner].min(axis=(1, 2, 3)).astype(int)
        brightest = shown[:, *corner].max(axis=(1, 2, 3)).astype(int)
        said: IntArray = (brightest + darkest > 255).astype(np.int64)
        return said

    found = shortcuts.find(large, labels, name)
    assert found.accuracy == 1
    assert found.accused is found.large
    assert found.large is not None
    assert found.large.where == (0, 128 - 42, 42, 42)
    assert abs(found.large.left - found.chance) <= 0.1
    assert np.isnan(found.large.without[1, 1])  # the middle, where the thing is


@pytest.mark.parametrize("scale", [2, 3])
def test_plain_digits_are_accused_in_at_most_one_of_twenty_seeds(scale: int) -> None:
    bunch = load_digits()
    images = np.round(bunch.images * 255 / 16).astype(np.uint8)[..., None]
    images = images.repeat(scale, axis=1).repeat(scale, axis=2)
    accused = 0
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(len(images))
        learned, held = order[:400], order[400:460]
        reader = RidgeClassifier(alpha=10.0)
        reader.fit(images[learned].reshape(400, -1) / 255, bunch.target[learned])
        found = shortcuts.find(
            images[held],
            bunch.target[held],
            lambda shown, reader=reader: reader.predict(shown.reshape(len(shown), -1) / 255),  # type: ignore[misc]
        )
        assert found.accuracy > 0.8
        accused += found.accused is not None or found.light_accused
    assert accused <= 1


def test_of_few_pictures_a_square_is_suspected_and_not_accused() -> None:
    images, labels = planted(6, 4)
    said = iter([labels.copy() for _ in range(1000)])

    def name(shown: ByteArray) -> IntArray:
        answer = next(said)
        if (shown[:, :6, -6:] == shown[0, :6, -6:]).all():  # the corner tells nothing any more
            answer[:] = 0
        return answer

    found = shortcuts.find(images, labels, name)
    assert found.accuracy == 1
    assert found.accused is None
    assert found.suspected is found.small
    assert found.small.left < 0.7


def test_labels_that_the_light_tells_are_accused() -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 100)
    images = (rng.integers(0, 60, (100, 24, 24, 3)) + 150 * labels[:, None, None, None]).astype(
        np.uint8
    )
    found = shortcuts.find(images, labels, lambda it: (it.mean(axis=(1, 2, 3)) > 100).astype(int))
    assert found.accuracy == 1
    assert found.light_accused
    assert abs(found.same_light - 0.5) < 0.15
    assert found.accused is None  # no single place tells it


def test_a_square_is_covered_by_the_same_colour_in_every_picture() -> None:
    images = np.arange(2 * 2 * 2 * 1, dtype=np.uint8).reshape(2, 2, 2, 1)
    where = np.array([[True, True], [False, False]])
    covered = shortcuts.cover(images, where)
    # The mean of 0, 1, 4 and 5, rounded to even.
    assert_array_equal(covered[:, 0].ravel(), [2, 2, 2, 2])
    assert_array_equal(covered[:, 1], images[:, 1])


def test_what_is_lost_is_laid_out_as_the_mean_of_the_squares_over_a_pixel() -> None:
    squares = shortcuts.Squares(
        starts=np.array([0, 1]),
        side=2,
        without=np.array([[0.5, np.nan], [1.0, 0.8]], np.float32),
        accused=False,
    )
    # Lost: 0.4 from the upper left, 0 (it rises) from the lower left, 0.1 from the lower right.
    laid = shortcuts.spread(squares, 0.9, 3)
    assert_allclose(laid, [[0.4, 0.4, 0], [0.2, 0.5 / 3, 0.1], [0, 0.05, 0.1]], atol=1e-6)


def test_who_knows_nothing_beyond_chance_has_no_shortcut() -> None:
    labels = np.tile([0, 1], 50)
    images = np.zeros((100, 12, 12, 3), np.uint8)
    found = shortcuts.find(images, labels, lambda _: labels * 0)
    assert found.accused is None
