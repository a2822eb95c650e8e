"""A run's specification: its name, what it refuses, and what it survives."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from cvcore.errors import SettingError
from cvcore.networks import NETWORKS, Convolution, Dense, Flatten, Pooling
from cvcore.spec import LIMITS, Augmentation, RunSpec, is_digest, learning_rates

DENSE = RunSpec(dataset="fashion_mnist", network=NETWORKS["dense"].layers)
SMALL = RunSpec(
    dataset="digits",
    network=(
        Convolution(filters=2, padding="same", activation="relu"),
        Pooling(how="average"),
        Flatten(),
        Dense(units=10, activation="softmax"),
    ),
    optimiser="sgd",
    momentum=0.9,
    early_stop=0.95,
    augmentation=Augmentation(rotation=20, flip=True),
)


def refusal(spec: RunSpec) -> str:
    with pytest.raises(SettingError) as refused:
        spec.validate()
    return str(refused.value)


def test_a_run_keeps_its_name_over_the_years() -> None:
    # Addresses and folders hold these names: a change here orphans everybody's runs.
    assert DENSE.digest() == "8c3be5fa1fd4b1df"
    assert SMALL.digest() == "1dfe6ca990da40fb"


def test_the_name_depends_only_on_what_differs_from_the_defaults() -> None:
    # So a field that is added later, with a default, leaves the names of older runs alone.
    spelled_out = replace(DENSE, epochs=5, learning_rate=0.001, augmentation=Augmentation())
    assert spelled_out.digest() == DENSE.digest()


@pytest.mark.parametrize(
    "change",
    [
        {"dataset": "mnist"},
        {"network": NETWORKS["cnn"].layers},
        {"training_size": 1000},
        {"scaling": "none"},
        {"validation_split": 0.1},
        {"optimiser": "sgd"},
        {"learning_rate": 0.01},
        {"batch_size": 64},
        {"epochs": 6},
        {"early_stop": 0.95},
        {"augmentation": Augmentation(flip=True)},
        {"seed": 1},
        {"patience": 3},
        {"seconds": 60.0},
        {"labels": "one_hot"},
        {"schedule": "one_cycle"},
        {"threshold": 100},
        {"shuffle_pixels": True},
        {"parent": "0123456789abcdef", "from_epoch": 2},
    ],
)
def test_every_setting_changes_the_name(change: dict[str, Any]) -> None:
    assert replace(DENSE, **change).digest() != DENSE.digest()


def test_one_and_one_point_nought_are_the_same_learning_rate() -> None:
    assert replace(DENSE, learning_rate=1).digest() == replace(DENSE, learning_rate=1.0).digest()


@pytest.mark.parametrize("spec", [DENSE, SMALL])
def test_a_specification_survives_its_json(spec: RunSpec) -> None:
    assert RunSpec.from_json(spec.to_json()) == spec


def test_a_description_from_before_a_field_was_added_is_read_with_its_default() -> None:
    data = json.loads(SMALL.to_json())
    del data["seed"], data["scaling"], data["network"][0]["stride"]
    assert RunSpec.from_json(json.dumps(data)) == SMALL


def test_the_last_quarter_is_for_validation_as_keras_splits() -> None:
    assert DENSE.sizes() == (45_000, 15_000, 10_000)
    # 1437 * 0.75 = 1077.75: Keras rounds the training part down.
    assert SMALL.sizes() == (1_077, 360, 360)
    assert replace(DENSE, training_size=100).sizes() == (100, 15_000, 10_000)
    assert replace(DENSE, validation_split=0).sizes() == (60_000, 0, 10_000)


def test_what_is_refused_is_named_with_what_it_was() -> None:
    assert "no data set called cats" in refusal(replace(DENSE, dataset="cats"))
    assert "it was 0" in refusal(replace(DENSE, epochs=0))
    assert "it was 201" in refusal(replace(DENSE, epochs=201))
    assert "it was nan" in refusal(replace(DENSE, learning_rate=float("nan")))
    assert "45000 training pictures; 45001" in refusal(replace(DENSE, training_size=45_001))
    assert "the optimiser was adam" in refusal(replace(DENSE, momentum=0.9))
    assert "from 1 to 64 layers; this one had 0" in refusal(replace(DENSE, network=()))


def test_settings_that_mean_nothing_without_others_are_refused() -> None:
    waiting = replace(DENSE, patience=2, validation_split=0.0)
    assert "the validation split was 0.0" in refusal(waiting)
    assert "it was 100 for the data set fashion_mnist" in refusal(replace(DENSE, threshold=100))
    replace(DENSE, dataset="binarized_mnist", threshold=100).validate()
    assert "it was 0" in refusal(replace(DENSE, patience=0))
    assert "it was 0.5" in refusal(replace(DENSE, seconds=0.5))
    assert "cannot be both" in refusal(replace(DENSE, labels="both"))  # type: ignore[arg-type]
    assert "cannot be step" in refusal(replace(DENSE, schedule="step"))  # type: ignore[arg-type]


def test_a_branch_names_a_run_and_an_epoch_before_its_own_last() -> None:
    branch = replace(DENSE, parent="0123456789abcdef", from_epoch=4)
    branch.validate()
    for epoch in (-1, 0, 5):
        assert f"after epoch {epoch}" in refusal(replace(branch, from_epoch=epoch))
    assert "this one was ../elsewhere" in refusal(replace(branch, parent="../elsewhere"))
    assert "this one was ." in refusal(replace(DENSE, from_epoch=1))


def test_a_cycle_rises_for_three_tenths_and_falls_like_a_cosine() -> None:
    spec = replace(DENSE, schedule="one_cycle", learning_rate=0.01, epochs=10)
    moments = [0, 1.5, 3, 3 + 7 / 3, 6.5, 10]  # a third of the way down: (1 + cos 60°) / 2
    assert_allclose(learning_rates(spec, moments), [0, 0.005, 0.01, 0.0075, 0.005, 0], atol=1e-12)
    assert_array_equal(learning_rates(DENSE, moments), np.full(6, 0.001))


def test_a_network_must_end_with_one_probability_for_each_class() -> None:
    for last in (Dense(units=9, activation="softmax"), Dense(units=10), Flatten()):
        assert "10 classes" in refusal(replace(DENSE, network=(Flatten(), last)))


def test_a_layer_that_does_not_fit_is_named() -> None:
    layers = (Pooling(size=9), *SMALL.network)
    assert refusal(replace(SMALL, network=layers)).startswith("Layer 1 ")


def test_a_network_too_large_for_the_laboratory_is_refused_with_its_size() -> None:
    layers = (Flatten(), Dense(units=10**9), Dense(units=10, activation="softmax"))
    # 785 weights and biases for each of 10^9 units, then 10^9 + 1 for each of ten.
    assert "795,000,000,010" in refusal(replace(DENSE, network=layers))


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("epochs", "5"),
        ("epochs", 5.0),
        ("epochs", True),
        ("epochs", 10**6),
        ("epochs", None),
        ("learning_rate", float("inf")),
        ("learning_rate", 10**400),
        ("dataset", "../../etc/passwd"),
        ("dataset", ["digits"]),
        ("scaling", "__class__"),
        ("network", {}),
        ("network", [["dense"]]),
        ("network", [{"kind": "dense"}]),
        ("network", [{"kind": "dense", "units": 10, "activation": "exec"}]),
        ("network", [{"kind": "lambda", "units": 10}]),
        ("network", [{"kind": "flatten"}] * 65),
        ("augmentation", {"rotation": -1}),
        ("augmentation", []),
        ("surprise", 1),
    ],
)
def test_a_description_with_a_wrong_part_is_refused(part: str, value: object) -> None:
    data = json.loads(SMALL.to_json()) | {part: value}
    with pytest.raises(SettingError):
        RunSpec.from_json(json.dumps(data))


@given(st.text() | st.binary())
def test_whatever_claims_to_be_a_description_is_refused_with_a_sentence(text: str | bytes) -> None:
    with pytest.raises(SettingError):
        RunSpec.from_json(text)


def test_a_description_nested_without_end_is_refused_with_a_sentence() -> None:
    with pytest.raises(SettingError):
        RunSpec.from_json("[" * 100_000)


@given(st.text())
def test_only_sixteen_hexadecimal_digits_name_a_run(text: str) -> None:
    assert is_digest(text) == (len(text) == 16 and set(text) <= set("0123456789abcdef"))


def test_every_name_made_is_one() -> None:
    assert is_digest(DENSE.digest())
    assert not is_digest(DENSE.digest() + "\n")


def test_every_limit_belongs_to_a_setting() -> None:
    settings = set(vars(DENSE)) | set(vars(Augmentation()))
    assert set(LIMITS) <= settings
