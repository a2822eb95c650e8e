"""Networks that are operated on, against Keras' own, and the branches that begin with them."""

import contextlib
import io
import re
import runpy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cvcore import ablation, export, inference, models, opened, training
from cvcore.arrays import AnyArray
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
from cvcore.surgery import Operation, arrays_of_filters, operate
from tests.keras.weights import keep_weights

END = Dense(units=10, activation="softmax")
SPEC = RunSpec(
    dataset="digits",
    network=(
        Convolution(filters=4, padding="same", activation="relu"),
        Pooling(),
        BatchNormalisation(),
        Convolution(filters=3, activation="tanh"),
        Flatten(),
        Dense(units=6, activation="relu"),
        END,
    ),
    training_size=200,
    batch_size=50,
    epochs=2,
    seed=3,
)
LAPLACIAN = ((0.0, 1.0, 0.0), (1.0, -4.0, 1.0), (0.0, 1.0, 0.0))
OPERATIONS = (
    Operation(layer=1, filter=0, deed="swap", other=3),
    Operation(layer=1, filter=1, deed="off"),
    Operation(layer=4, filter=2, deed="kernel", kernel=LAPLACIAN),
    Operation(layer=6, filter=5, deed="random", seed=8),
)


Right: TypeAlias = Callable[[dict[str, AnyArray]], int]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def subject(url: str) -> Subject:
    return keep_weights(RunStore(url), SPEC)


@pytest.fixture(scope="module")
def right() -> Right:
    """Counts what Keras' own model names rightly with weights."""
    model, data = models.build(SPEC), inference.load(SPEC)

    def count(weights: dict[str, AnyArray]) -> int:
        models.set_weights(model, weights)
        said = inference.predict(model, SPEC, data).probabilities.argmax(axis=1)
        return int((said == data.test_labels).sum())

    return count


def test_without_a_filter_it_is_as_if_nothing_listened_to_it(
    url: str, subject: Subject, right: Right
) -> None:
    kept = RunStore(url).weights(subject.run, subject.moment)
    assert kept is not None
    without = ablation.without_each(url, subject, 4)
    assert without.whole.pictures == without.whole.all_pictures == 360
    assert without.whole.right == right(kept)
    for one in range(3):
        deaf = {name: it.copy() for name, it in kept.items()}
        # Flatten puts the channels of a pixel side by side: every third row is this filter's.
        deaf["dense_6/kernel"][one::3] = 0
        assert without.right[one] == right(deaf)
    assert len(set(without.right.tolist())) > 1


def test_behind_pooling_and_batch_normalisation_nothing_is_left_of_a_filter_either(
    url: str, subject: Subject, right: Right
) -> None:
    kept = RunStore(url).weights(subject.run, subject.moment)
    assert kept is not None
    without = ablation.without_each(url, subject, 1)
    for one in range(4):
        deaf = {name: it.copy() for name, it in kept.items()}
        deaf["convolution_4/kernel"][:, :, one] = 0
        assert without.right[one] == right(deaf)
    off = replace(subject, operations=(Operation(layer=1, filter=2, deed="off"),))
    with opened.opened(url, off) as network:
        outputs = network.through(network.see(network.data.test_images[:5])).outputs
    for place in (1, 2, 3):
        assert_array_equal(np.asarray(outputs[place - 1])[..., 2], 0)


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_a_sigmoid_makes_nothing_of_a_filter_that_is_off(url: str, activation: Any) -> None:
    network = (
        Convolution(filters=3),
        BatchNormalisation(),
        ActivationLayer(activation=activation),
        Convolution(filters=2, activation=activation),
        Flatten(),
        END,
    )
    kept = keep_weights(RunStore(url), replace(SPEC, network=network))
    off = tuple(Operation(layer=place, filter=1, deed="off") for place in (1, 4))
    with opened.opened(url, replace(kept, operations=off)) as it:
        outputs = it.through(it.see(it.data.test_images[:5])).outputs
    for place in (3, 4):
        assert_allclose(np.asarray(outputs[place - 1])[..., 1], 0, atol=1e-30)
        assert np.asarray(outputs[place - 1])[..., 0].min() > 0


def test_the_effect_is_what_the_two_networks_give(url: str, subject: Subject) -> None:
    operated = replace(subject, operations=OPERATIONS)
    effect = ablation.effect(url, operated, Picture(number=7), 4)
    for maps, probabilities, state in (
        (effect.maps_before, effect.before, subject),
        (effect.maps_after, effect.after, operated),
    ):
        network = opened.open_alone(url, state)
        passed = network.through(network.see(network.data.test_images[7:8]))
        assert_allclose(maps, passed.outputs[3][0], atol=1e-6)
        assert_allclose(probabilities, passed.outputs[-1][0], atol=1e-6)
    assert effect.maps_before.shape == (2, 2, 3)
    assert effect.label is not None
    assert_array_equal(effect.image, network.data.test_images[7])
    dense = ablation.effect(url, operated, Picture(), 6)
    assert dense.maps_after.shape == (1, 1, 6)


def test_an_operated_network_is_tested_like_another(
    url: str, subject: Subject, right: Right
) -> None:
    operated = replace(subject, operations=OPERATIONS)
    kept = RunStore(url).weights(subject.run, subject.moment)
    assert kept is not None
    examined = ablation.examine(url, operated)
    assert examined.right == right(operate(kept, SPEC.network, OPERATIONS))
    assert examined.accuracy == examined.right / 360


def test_layers_without_filters_are_said(url: str, subject: Subject) -> None:
    for place in (2, 7, 9):
        with pytest.raises(SettingError, match=f"Layer {place} has no filters"):
            ablation.without_each(url, subject, place)
    with pytest.raises(SettingError, match="has 7 layers; number 8"):
        ablation.effect(url, subject, Picture(), 8)


# -- branches


class Told:
    """A training, with what it told and kept."""

    def __init__(self, spec: RunSpec, start: training.Start | None = None) -> None:
        self.spec = spec
        self.rows: list[list[float]] = []
        self.weights: dict[float, dict[str, AnyArray]] = {}
        self.states: dict[float, Any] = {}
        training.train(spec, emit=self._hear, keep=self._keep, start=start)

    def _hear(self, kind: type, **values: Any) -> None:
        if kind.__name__ == "Epoch":
            names = ("accuracy", "loss", "val_accuracy", "val_loss")
            self.rows.append([values[name] for name in names])

    def _keep(self, moment: float, weights: dict[str, AnyArray], state: Any) -> None:
        self.weights[moment], self.states[moment] = weights, state

    def after(self, epoch: int, *, own: bool) -> training.Start:
        return training.Start(
            epoch=epoch,
            weights=tuple(self.weights[epoch].values()),
            state=self.states[epoch],
            optimiser=self.spec.optimiser,
            own=own,
        )


PARENT = replace(SPEC, epochs=1)
# Dropout in front shifts the places: a branch's operations name its own layers.
BRANCH = replace(
    SPEC,
    network=(*SPEC.network[:5], Dropout(rate=0.0), *SPEC.network[5:]),
    parent=PARENT.digest(),
    from_epoch=1,
    epochs=2,
    surgery=(*OPERATIONS[:3], replace(OPERATIONS[3], layer=7)),
)


@pytest.fixture(scope="module")
def parent() -> Told:
    return Told(PARENT)


@pytest.fixture(scope="module")
def branch(parent: Told) -> Told:
    return Told(BRANCH, parent.after(1, own=False))


def test_a_branch_begins_with_the_operated_weights_and_a_memory_that_fits_them(
    parent: Told, branch: Told
) -> None:
    expected = operate(parent.weights[1], SPEC.network, OPERATIONS)
    # A dropout layer more: the dense layers after it are called otherwise.
    for mine, theirs in zip(branch.weights[1].values(), expected.values(), strict=True):
        assert_array_equal(mine, theirs)
    # Two arrays of memory for each of the weights that learn, after the number of steps.
    names = [it for it in parent.weights[1] if "moving" not in it]
    told = [it.states[1].optimiser for it in (branch, parent)]
    assert_array_equal(told[0][0], told[1][0])
    for place, name in enumerate(name for name in names for _ in range(2)):
        mine, theirs = told[0][1 + place], told[1][1 + place].copy()
        for it in OPERATIONS:
            if name in arrays_of_filters(SPEC.network, it.layer):
                if it.deed == "swap":
                    theirs[..., [it.filter, it.other]] = theirs[..., [it.other, it.filter]]
                else:
                    theirs[..., it.filter] = 0
        assert_array_equal(mine, theirs, err_msg=name)


def test_a_filter_that_is_off_behind_a_relu_stays_off() -> None:
    network = (Convolution(filters=4, activation="relu"), Flatten(), SPEC.network[-1])
    first = Told(replace(PARENT, network=network))
    off = Operation(layer=1, filter=2, deed="off")
    spec = replace(first.spec, parent=first.spec.digest(), from_epoch=1, epochs=3, surgery=(off,))
    kernel = Told(spec, first.after(1, own=False)).weights[3]["convolution_1/kernel"]
    assert not kernel[..., 2].any()
    assert kernel[..., [0, 1, 3]].any()


def test_an_operated_run_that_is_taken_up_again_is_not_operated_on_twice(branch: Told) -> None:
    model = models.build(BRANCH)
    training._take_up(model, BRANCH, branch.after(2, own=True), steps=4, steps_per_execution=4)
    for name, array in models.weights(model).items():
        assert_array_equal(array, branch.weights[2][name])


def test_the_script_of_an_operated_branch_gives_its_history(
    parent: Told, branch: Told, tmp_path: Path
) -> None:
    script = tmp_path / "run.py"
    script.write_text(export.keras_code((PARENT, BRANCH)), encoding="utf-8")
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        runpy.run_path(str(script))
    lines = [line for line in said.getvalue().splitlines() if line.startswith("epoch")]
    told = [[float(it) for it in re.findall(r"\d+\.\d+", line)] for line in lines]
    assert_allclose(told, parent.rows + branch.rows, rtol=0, atol=2e-6)
