"""Learning on after operations: what it begins with, what stays operated, what is found again."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cvcore import large, transfer, transfer_models, work_store
from cvcore.errors import EngineError
from cvcore.large import Large
from cvcore.opened import softmax
from cvcore.surgery import Operation
from cvcore.transfer_spec import TransferSpec
from tests.collections_of import lecture

pytestmark = pytest.mark.usefixtures("keras_home")

OFF = tuple(Operation(layer=3, filter=it, deed="off") for it in (0, 3, 6))
SWAP = (Operation(layer=3, filter=1, deed="swap", other=2),)


@pytest.fixture(scope="module")
def learned(keras_home: Path, lecture_pictures: Path) -> TransferSpec:
    token = lecture(lecture_pictures, 8)
    spec = TransferSpec(
        work=token, content=work_store.load(token).digest(), backbone="MobileNet-0.25",
        size=64, epochs=2, learning_rate=0.01, thawed=14, fine_epochs=1, fine_rate=1e-3,
    )  # fmt: skip
    transfer.learn("", spec)
    return spec


def test_a_specification_without_operations_keeps_the_name_it_had() -> None:
    spec = TransferSpec(work="digits")
    assert (spec.digest(), spec.features_digest()) == ("4d8822bb2575e849", "acc58b5d47c37497")
    branch = replace(spec, surgery=(OFF,))
    other = replace(spec, surgery=(OFF[:2], OFF[2:]))
    assert len({it.digest() for it in (spec, branch, other)}) == 3
    assert len({it.features_digest() for it in (spec, branch, other)}) == 3
    assert branch.parent == spec
    assert other.parent == replace(spec, surgery=(OFF[:2],))
    assert spec.parent is None


@pytest.mark.parametrize("way", ["scratch", "features", "augmented", "fine_tune"])
def test_it_begins_with_what_was_learned_and_the_operations(
    learned: TransferSpec, way: Any
) -> None:
    parent = replace(learned, way=way, epochs=2 if way == "features" else 1)
    transfer.learn("", parent)
    branch = replace(parent, surgery=(OFF,))
    network = Large(backbone=parent.backbone, spec=parent, classes=2)
    with large.opened(replace(network, operations=OFF)) as operated:
        wanted = softmax(operated.all_scores(transfer.load(parent).images))
    begun = transfer._begin(branch, 2)
    found = transfer.sender(begun.network)(transfer.load(parent).images)
    assert_allclose(found, wanted, atol=1e-5)
    keras.backend.clear_session()


@pytest.mark.parametrize("way", ["features", "fine_tune"])
def test_what_learned_on_is_found_again_and_looked_into(learned: TransferSpec, way: Any) -> None:
    parent = replace(learned, way=way)
    before = transfer.learn("", parent)
    branch = replace(parent, surgery=(OFF,))
    after = transfer.learn("", branch)
    assert len(after.loss) == len(before.loss)
    assert (after.trainable, after.frozen) == (before.trainable, before.frozen)
    # It knows already what it has learned before.
    assert after.loss[0] < before.loss[0]
    with large.opened(Large(backbone=branch.backbone, spec=branch, classes=2)) as network:
        images = transfer.load(branch).images
        assert_allclose(softmax(network.all_scores(images)), after.probabilities, atol=1e-5)
        maps = np.asarray(network.through(images[0])[0]["conv1_relu"])
    # Thawed or not: batch normalisation is frozen, and what is off there stays off.
    assert_array_equal(np.flatnonzero(maps.any(axis=(0, 1, 2)) == 0)[[0, 1, 2]], [0, 3, 6])
    kept = transfer.recall(branch)
    assert kept is not None
    assert_array_equal(kept.probabilities, after.probabilities)
    untouched = transfer.recall(parent)
    assert untouched is not None
    assert_array_equal(untouched.probabilities, before.probabilities)
    keras.backend.clear_session()


def test_a_branch_has_branches(learned: TransferSpec) -> None:
    first = replace(learned, surgery=(OFF,))
    second = replace(learned, surgery=(OFF, SWAP))
    transfer.learn("", first)
    found = transfer.learn("", second)
    network = transfer.restore(second, 2)
    own = transfer_models.build(learned, 2)
    for variable, mine in zip(own.body.weights[:1], network.body.weights[:1], strict=True):
        wanted = np.asarray(variable).copy()
        wanted[..., [0, 3, 6]] = 0
        assert_array_equal(np.asarray(mine), wanted[..., [0, 2, 1, 3, 4, 5, 6, 7]])
    said = transfer.sender(network.network)(transfer.load(second).images)
    assert_allclose(said, found.probabilities, atol=1e-5)


def test_without_its_parent_nothing_learns_on(learned: TransferSpec) -> None:
    lost = replace(learned, seed=77, surgery=(OFF,))
    with pytest.raises(EngineError, match="no longer kept"):
        transfer.learn("", lost)
