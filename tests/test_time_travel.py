"""What is known of a run's past without TensorFlow: first weights, layers with maps, branches."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from cvcore import time_travel
from cvcore.arrays import AnyArray
from cvcore.errors import EngineError
from cvcore.networks import (
    Convolution,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling,
    Network,
    Pooling,
    preset,
)
from cvcore.runs import RunStore
from cvcore.spec import Augmentation, RunSpec

END = Dense(units=10, activation="softmax")
CNN = RunSpec(dataset="digits", network=(Convolution(filters=2), Flatten(), END))
DROPPED = replace(CNN, network=(Convolution(filters=2), Dropout(rate=0.5), Flatten(), END))
NAME = "0123456789abcdef"


def keep(folder: Path, network: Network, kernels: dict[float, AnyArray], name: str) -> str:
    """Keep a run's first weights as they were at some moments; return its digest."""
    spec, store = replace(CNN, network=network), RunStore(str(folder))
    store.begin(spec)
    for moment, kernel in kernels.items():
        store.save_weights(spec.digest(), moment, {f"{name}/kernel": kernel.astype(np.float32)})
    return spec.digest()


def test_a_convolutions_kernels_are_shown_as_they_were_then(tmp_path: Path) -> None:
    early = np.arange(18.0).reshape(3, 3, 1, 2)
    digest = keep(
        tmp_path, CNN.network, {0.0: early, 0.25: -2 * early, 1.0: early}, "convolution_1"
    )
    then = time_travel.kernels(str(tmp_path), digest, 0.25)
    assert_array_equal(then.weights, -2 * early)
    assert (then.total, then.dense) == (2, False)


def test_the_colours_limit_is_the_largest_weight_of_all_moments_so_far(tmp_path: Path) -> None:
    one = np.ones((3, 3, 1, 2))
    kept = {0.0: one, 0.5: -3 * one, 1.0: 2 * one, 2.0: 7 * one}
    digest = keep(tmp_path, CNN.network, kept, "convolution_1")
    limits = [time_travel.kernel_limit(str(tmp_path), digest, it) for it in (0.0, 1.0, 2.0)]
    assert limits == [1.0, 3.0, 7.0]


def test_weights_that_are_all_zero_leave_a_limit_to_divide_by(tmp_path: Path) -> None:
    digest = keep(tmp_path, CNN.network, {0.0: np.zeros((3, 3, 1, 2))}, "convolution_1")
    assert time_travel.kernel_limit(str(tmp_path), digest, 0.0) == 1.0


def test_a_dense_units_weights_lie_where_their_pixels_do(tmp_path: Path) -> None:
    network = (Flatten(), Dense(units=20), END)
    kernel = np.arange(64.0 * 20).reshape(64, 20)
    digest = keep(tmp_path, network, {0.0: kernel}, "dense_2")
    then = time_travel.kernels(str(tmp_path), digest, 0.0)
    assert then.weights.shape == (8, 8, 1, 16)
    assert (then.total, then.dense) == (20, True)
    assert then.weights[2, 5, 0, 3] == kernel[2 * 8 + 5, 3]


def test_what_a_dense_layer_sees_after_pooling_is_a_smaller_picture(tmp_path: Path) -> None:
    digest = keep(tmp_path, (Pooling(), Flatten(), END), {0.0: np.ones((16, 10))}, "dense_3")
    assert time_travel.kernels(str(tmp_path), digest, 0.0).weights.shape == (4, 4, 1, 10)
    mean = (GlobalAveragePooling(), END)
    digest = keep(tmp_path, mean, {0.0: np.ones((1, 10))}, "dense_2")
    assert time_travel.kernels(str(tmp_path), digest, 0.0).weights.shape == (1, 1, 1, 10)


def test_a_moment_that_was_let_go_is_said_by_its_epoch(tmp_path: Path) -> None:
    digest = keep(tmp_path, CNN.network, {0.0: np.ones((3, 3, 1, 2))}, "convolution_1")
    with pytest.raises(EngineError, match=r"after epoch 0\.5 are not in the run store"):
        time_travel.kernels(str(tmp_path), digest, 0.5)


def test_layers_after_the_maps_are_put_in_one_row_have_none() -> None:
    assert time_travel.positions_with_maps(DROPPED) == (1,)  # dropout does nothing to a picture
    assert time_travel.positions_with_maps(replace(CNN, network=preset("cnn", 10))) == (
        1,
        2,
        3,
        4,
        5,
    )
    assert time_travel.positions_with_maps(replace(CNN, network=(Flatten(), END))) == ()


def test_the_accuracy_of_a_confusion_matrix_is_its_diagonals_share() -> None:
    tested = time_travel.Confusion(counts=np.array([[3, 1], [2, 4]]), all_pictures=50)
    assert (tested.pictures, tested.accuracy) == (10, 0.7)


def test_multiplications_are_those_of_all_layers() -> None:
    assert time_travel.multiply_adds(CNN) == 6 * 6 * 2 * 9 + 72 * 10


def branch(parent: RunSpec, **changed: object) -> RunSpec:
    settings = {
        "name": NAME,
        "from_epoch": 2,
        "epochs": parent.epochs,
        "learning_rate": parent.learning_rate,
        "optimiser": parent.optimiser,
        "augmentation": parent.augmentation,
        "pictures": parent.sizes()[0],
        "dropout": time_travel.dropout_rate(parent.network),
    }
    return time_travel.branch(parent, **{**settings, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize("parent", [CNN, DROPPED, replace(CNN, training_size=300)])
def test_a_branch_with_nothing_changed_differs_in_where_it_begins_alone(parent: RunSpec) -> None:
    assert branch(parent) == replace(parent, parent=NAME, from_epoch=2)


def test_a_branch_changes_what_it_is_told_to() -> None:
    turns = Augmentation(rotation=20)
    new = branch(
        DROPPED, learning_rate=0.01, epochs=9, augmentation=turns, pictures=100, dropout=0.2
    )
    assert (new.learning_rate, new.epochs, new.augmentation) == (0.01, 9, turns)
    assert (new.training_size, new.network[1]) == (100, Dropout(rate=0.2))
    assert new.network[2:] == DROPPED.network[2:]
    new.validate()


def test_momentum_goes_with_its_optimiser() -> None:
    rolling = replace(CNN, optimiser="sgd", momentum=0.9)
    assert branch(rolling).momentum == 0.9
    adam = branch(rolling, optimiser="adam")
    assert (adam.optimiser, adam.momentum) == ("adam", 0.0)
    adam.validate()


def test_dropout_layers_of_different_rates_keep_them_while_the_first_ones_is_kept() -> None:
    two = replace(
        CNN,
        network=(Convolution(filters=2), Dropout(rate=0.1), Flatten(), Dropout(rate=0.5), END),
    )
    assert branch(two).network == two.network
    assert branch(two, dropout=0.3).network[1::2] == (Dropout(rate=0.3), Dropout(rate=0.3))
