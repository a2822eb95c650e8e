"""Specifications of transfer: what is refused, and what two of them share."""

from dataclasses import replace
from typing import Any

import pytest

from cvcore.errors import SettingError
from cvcore.transfer_spec import Head, TransferSpec

SPEC = TransferSpec(work="0" * 32, content="ab")


def refusal(spec: TransferSpec) -> SettingError:
    with pytest.raises(SettingError) as refused:
        spec.validate()
    return refused.value


@pytest.mark.parametrize(
    ("change", "received"),
    [
        ({"size": 31}, 31),
        ({"size": 332}, 332),
        ({"learning_rate": 0.0}, 0.0),
        ({"learning_rate": float("nan")}, None),
        ({"epochs": 201}, 201),
        ({"held_out": 1.0}, 1.0),
        ({"thawed": -1}, -1),
        ({"seed": 2**32}, 2**32),
        ({"head": Head(dropout=0.95)}, 0.95),
    ],
)
def test_a_number_beyond_its_limits_is_named(change: dict[str, Any], received: object) -> None:
    error = refusal(replace(SPEC, **change))
    assert "must be from" in error.sentence
    if received is not None:
        assert error.values["value"] == received


@pytest.mark.parametrize(
    ("name", "word"),
    [("way", "magic"), ("framing", "stretch"), ("scaling", "2"), ("loss", "x"), ("optimiser", "")],
)
def test_a_word_that_nobody_knows_is_named(name: str, word: str) -> None:
    change: dict[str, Any] = {name: word}
    error = refusal(replace(SPEC, **change))
    assert (error.values["name"], error.values["word"]) == (name, word)


def test_a_picture_too_small_for_the_backbone_says_how_large() -> None:
    error = refusal(replace(SPEC, backbone="InceptionV3", size=74))
    assert (error.values["least"], error.values["size"]) == (75, 74)
    replace(SPEC, backbone="InceptionV3", size=75).validate()
    # The small network from scratch has no backbone that could mind.
    replace(SPEC, way="scratch", backbone="InceptionV3", size=40).validate()


def test_a_head_of_too_many_or_too_wide_layers_is_refused() -> None:
    assert refusal(replace(SPEC, head=Head(units=(1,) * 5))).values["layers"] == 4
    assert refusal(replace(SPEC, head=Head(units=(4097,)))).values["asked"] == "4097"


def test_equal_settings_share_a_result_and_others_do_not() -> None:
    assert SPEC.digest() == replace(SPEC, learning_rate=0.001, held_out=0.25).digest()
    assert replace(SPEC, held_out=1).digest() == replace(SPEC, held_out=1.0).digest()
    others = [
        replace(SPEC, seed=1),
        replace(SPEC, content="ac"),
        replace(SPEC, head=Head(units=(4,))),
        replace(SPEC, way="scratch"),
    ]
    assert len({it.digest() for it in [SPEC, *others]}) == 5


def test_features_are_shared_by_all_heads_and_splits() -> None:
    first = SPEC.features_digest()
    same: list[dict[str, Any]] = [
        {"seed": 3}, {"held_out": 0.5}, {"epochs": 3}, {"head": Head(units=(8,))}
    ]  # fmt: skip
    other: list[dict[str, Any]] = [
        {"cut": "block_6_add"}, {"size": 96}, {"scaling": "unit"}, {"content": "b"},
        {"framing": "squeeze"}, {"head": Head(pooled=False)},
    ]  # fmt: skip
    assert {replace(SPEC, **it).features_digest() for it in same} == {first}
    assert all(replace(SPEC, **it).features_digest() != first for it in other)


def test_two_classes_share_one_sigmoid() -> None:
    assert Head(output="sigmoid").width(2) == 1
    assert Head(output="sigmoid").width(3) == 3
    assert Head().width(2) == 2


def test_a_token_is_a_visitors_and_a_name_is_a_data_sets() -> None:
    assert SPEC.is_own
    assert not TransferSpec(work="mnist").is_own
    assert not TransferSpec(work="../" + "0" * 29).is_own
