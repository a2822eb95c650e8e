"""A picture as the first epochs see it."""

from dataclasses import replace

from numpy.testing import assert_array_equal

from cvcore import datasets, training
from cvcore.augmentation_views import augmented
from cvcore.spec import Augmentation, RunSpec

SPEC = RunSpec(dataset="digits", network=(), training_size=100, seed=5)


def test_mirrored_pictures_are_those_that_the_training_mirrors() -> None:
    spec = replace(SPEC, augmentation=Augmentation(flip=True))
    shown = augmented("", spec, 3, 6)
    picture = datasets.load("digits").training_images[3]
    assert shown.shape == (7, 8, 8, 1)
    assert_array_equal(shown[0], picture)
    mirrored = []
    for epoch in range(6):
        place = list(training.order(spec, epoch)).index(3)
        mirrored.append(bool(training.draws(spec, epoch)[place, 5] < 0.5))
        expected = picture[:, ::-1] if mirrored[-1] else picture
        assert_array_equal(shown[1 + epoch], expected)
    assert set(mirrored) == {True, False}


def test_another_epoch_turns_it_otherwise() -> None:
    shown = augmented("", replace(SPEC, augmentation=Augmentation(rotation=90.0)), 0, 3)
    assert len({it.tobytes() for it in shown}) == 4
