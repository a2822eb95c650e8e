"""Operations on filters, each on weights small enough to work out by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from cvcore import surgery
from cvcore.ablation import by_importance
from cvcore.arrays import AnyArray
from cvcore.errors import SettingError
from cvcore.networks import (
    ActivationLayer,
    BatchNormalisation,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    Network,
    Pooling,
    preset,
)
from cvcore.spec import RunSpec
from cvcore.surgery import Operation, arrays_of_filters, from_text, operate, to_text

END = Dense(units=10, activation="softmax")
NETWORK: Network = (
    Convolution(filters=3, size=2),
    Pooling(),
    BatchNormalisation(),
    Convolution(filters=2),
    Flatten(),
    END,
)
OFF = Operation(layer=1, filter=2, deed="off")
LAPLACIAN = ((0.0, 1.0, 0.0), (1.0, -4.0, 1.0), (0.0, 1.0, 0.0))


def weights() -> dict[str, AnyArray]:
    """Return weights that say where they stand: the last digit is the filter, from 1."""
    kernel = np.arange(4, dtype=np.float32).reshape(2, 2, 1, 1) * 10 + [1, 2, 3]
    norm = {
        f"batch_normalisation_3/{part}": np.array([1, 2, 3], np.float32) + place
        for place, part in enumerate(("gamma", "beta", "moving_mean", "moving_variance"))
    }
    return {
        "convolution_1/kernel": kernel.astype(np.float32),
        "convolution_1/bias": np.array([1, 2, 3], np.float32),
        **norm,
        "convolution_4/kernel": np.arange(54, dtype=np.float32).reshape(3, 3, 3, 2),
        "convolution_4/bias": np.array([1, 2], np.float32),
    }


def test_off_makes_a_filter_and_what_batch_normalisation_adds_to_it_zero_and_no_other() -> None:
    changed = operate(weights(), NETWORK, [OFF])
    assert changed["convolution_1/kernel"].ravel().tolist() == [
        1,
        2,
        0,
        11,
        12,
        0,
        21,
        22,
        0,
        *(31, 32, 0),
    ]
    assert changed["convolution_1/bias"].tolist() == [1, 2, 0]
    assert changed["batch_normalisation_3/gamma"].tolist() == [1, 2, 0]
    assert changed["batch_normalisation_3/beta"].tolist() == [2, 3, 0]
    for same in ("batch_normalisation_3/moving_mean", "convolution_4/kernel"):
        assert_array_equal(changed[same], weights()[same])


def test_a_kernel_is_given_to_every_channel_in_equal_parts_and_the_bias_stays() -> None:
    operation = Operation(layer=4, filter=1, deed="kernel", kernel=LAPLACIAN)
    changed = operate(weights(), NETWORK, [operation])
    for channel in range(3):
        assert_allclose(changed["convolution_4/kernel"][:, :, channel, 1], np.array(LAPLACIAN) / 3)
    assert_array_equal(
        changed["convolution_4/kernel"][..., 0], weights()["convolution_4/kernel"][..., 0]
    )
    assert changed["convolution_4/bias"].tolist() == [1, 2]


def test_random_weights_repeat_with_their_seed_and_are_about_as_large_as_the_layers() -> None:
    big: dict[str, AnyArray] = {
        "convolution_1/kernel": np.full((50, 50, 1, 2), 0.25, np.float32),
        "convolution_1/bias": np.zeros(2, np.float32),
    }
    network = (Convolution(filters=2, size=50), Flatten(), END)

    def drawn(seed: int) -> AnyArray:
        operation = Operation(layer=1, filter=0, deed="random", seed=seed)
        return operate(big, network, [operation])["convolution_1/kernel"]

    assert_array_equal(drawn(1), drawn(1))
    assert (drawn(1) != drawn(2)).any()
    assert_array_equal(drawn(1)[..., 1], 0.25)
    # 2,500 draws: their standard deviation is known to some 1.4 %.
    assert_allclose(drawn(1)[..., 0].std(), 0.25, rtol=0.05)


def test_swapped_filters_change_places_with_all_that_is_theirs() -> None:
    operation = Operation(layer=1, filter=0, deed="swap", other=2)
    changed = operate(weights(), NETWORK, [operation])
    assert changed["convolution_1/kernel"][0, 0, 0].tolist() == [3, 2, 1]
    assert changed["convolution_1/bias"].tolist() == [3, 2, 1]
    assert changed["batch_normalisation_3/moving_mean"].tolist() == [5, 4, 3]
    assert_array_equal(changed["convolution_4/kernel"], weights()["convolution_4/kernel"])


@given(st.integers(0, 2), st.integers(0, 2))
def test_swapping_twice_changes_nothing(one: int, other: int) -> None:
    swap = Operation(layer=1, filter=one, deed="swap", other=other)
    for name, array in operate(weights(), NETWORK, [swap, swap]).items():
        assert_array_equal(array, weights()[name])


def test_the_weights_that_came_in_stay_as_they_were() -> None:
    mine = weights()
    operate(mine, NETWORK, [OFF, Operation(layer=1, filter=0, deed="swap", other=1)])
    for name, array in weights().items():
        assert_array_equal(mine[name], array)


def test_operations_are_done_in_their_order() -> None:
    swap = Operation(layer=1, filter=2, deed="swap", other=0)
    assert operate(weights(), NETWORK, [OFF, swap])["convolution_1/bias"].tolist() == [0, 2, 1]
    assert operate(weights(), NETWORK, [swap, OFF])["convolution_1/bias"].tolist() == [3, 2, 0]


def test_before_a_sigmoid_a_filter_is_silenced_where_the_sigmoid_sees_it() -> None:
    network = (
        Convolution(filters=3),
        BatchNormalisation(),
        ActivationLayer(activation="sigmoid"),
        Dropout(rate=0.5),
        Dense(units=2, activation="sigmoid"),
        BatchNormalisation(),
        Flatten(),
        BatchNormalisation(),
        END,
    )
    assert {name: it for name, it in arrays_of_filters(network, 1).items() if it} == {
        "batch_normalisation_2/beta": -100.0
    }
    assert {name: it for name, it in arrays_of_filters(network, 5).items() if it} == {
        "dense_5/bias": -100.0
    }
    # Behind Flatten the last axis counts something else.
    assert [name.split("/")[0] for name in arrays_of_filters(network, 5)] == [
        *["dense_5"] * 2,
        *["batch_normalisation_6"] * 4,
    ]


whole = st.integers(0, 9999)
kernels = st.integers(1, 4).flatmap(
    lambda size: st.lists(
        st.lists(st.floats(-9, 9, width=32), min_size=size, max_size=size),
        min_size=size,
        max_size=size,
    )
)
ids = {"layer": st.integers(1, 99), "filter": whole}
operations = st.one_of(
    st.builds(Operation, deed=st.just("off"), **ids),
    st.builds(Operation, deed=st.just("swap"), other=whole, **ids),
    st.builds(Operation, deed=st.just("random"), seed=whole, **ids),
    st.builds(
        Operation,
        deed=st.just("kernel"),
        kernel=kernels.map(lambda it: tuple(map(tuple, it))),
        **ids,
    ),
)


@given(st.lists(operations, max_size=4))
def test_operations_survive_the_address(done: list[Operation]) -> None:
    assert from_text(to_text(done)) == tuple(done)


@given(st.text())
def test_any_other_text_is_refused_with_a_sentence_or_read(text: str) -> None:
    try:
        read = from_text(text)
    except SettingError:
        return
    assert from_text(to_text(read)) == read


@pytest.mark.parametrize(
    ("operation", "sentence"),
    [
        (Operation(layer=2, filter=0, deed="off"), "Layer 2 has no filters"),
        (Operation(layer=0, filter=0, deed="off"), "Layer 0 has no filters"),
        (Operation(layer=9, filter=0, deed="off"), "Layer 9 has no filters"),
        (Operation(layer=6, filter=0, deed="off"), "Layer 6 has no filters"),
        (Operation(layer=1, filter=3, deed="off"), "has 3 filters; number 4 was"),
        (Operation(layer=1, filter=0, deed="swap", other=3), "has 3 filters; number 4 was"),
        (Operation(layer=1, filter=0, deed="kernel", kernel=LAPLACIAN), "another size"),
        (Operation(layer=4, filter=0, deed="kernel", kernel=((1.0, 2.0),)), "another size"),
        (
            Operation(layer=1, filter=0, deed="kernel", kernel=((1.0, 2.0), (3.0, np.nan))),
            "another size",
        ),
        (Operation(layer=1, filter=0, deed="random", seed=-1), "it was -1"),
    ],
)
def test_what_is_not_possible_is_said(operation: Operation, sentence: str) -> None:
    with pytest.raises(SettingError, match=sentence):
        operate(weights(), NETWORK, [operation])
    assert surgery.possible(NETWORK, [OFF, operation]) == ((OFF,), (operation,))


def test_a_text_with_too_many_operations_is_refused() -> None:
    assert len(from_text("~".join(["1.2off"] * surgery.MOST))) == surgery.MOST
    with pytest.raises(SettingError, match="At most 32"):
        from_text("~".join(["1.2off"] * (surgery.MOST + 1)))


def test_of_equally_important_filters_the_first_comes_first() -> None:
    assert by_importance([9, 4, 9, 4]).tolist() == [1, 3, 0, 2]


# -- in a run's specification

PARENT = RunSpec(dataset="digits", network=preset("cnn", 10))
BRANCH = replace(PARENT, parent=PARENT.digest(), from_epoch=2)
OPERATED = replace(
    BRANCH,
    surgery=(
        OFF,
        Operation(layer=1, filter=0, deed="kernel", kernel=LAPLACIAN),
        Operation(layer=7, filter=0, deed="swap", other=5),
    ),
)


def test_a_run_without_operations_keeps_the_name_it_had() -> None:
    assert replace(BRANCH, surgery=()).digest() == BRANCH.digest() == "1b8c50a146fa4781"
    assert OPERATED.digest() != BRANCH.digest()


def test_a_run_with_operations_survives_its_json() -> None:
    again = RunSpec.from_json(OPERATED.to_json())
    assert again == OPERATED
    assert again.digest() == OPERATED.digest()
    data = json.loads(BRANCH.to_json())
    del data["surgery"]
    assert RunSpec.from_json(json.dumps(data)) == BRANCH


def test_whole_numbers_in_a_kernel_make_no_other_run() -> None:
    rows = tuple(tuple(int(cell) for cell in row) for row in LAPLACIAN)
    other = replace(OPERATED.surgery[1], kernel=rows)
    assert (
        replace(BRANCH, surgery=(other,)).digest()
        == replace(BRANCH, surgery=(OPERATED.surgery[1],)).digest()
    )


def test_a_run_refuses_operations_that_it_cannot_begin_with() -> None:
    OPERATED.validate()
    with pytest.raises(SettingError, match="Only a branch"):
        replace(PARENT, surgery=(OFF,)).validate()
    with pytest.raises(SettingError, match="Layer 2 has no filters"):
        replace(BRANCH, surgery=(replace(OFF, layer=2),)).validate()
    with pytest.raises(SettingError, match="At most 32"):
        replace(BRANCH, surgery=(OFF,) * 33).validate()
    for part in (1, [1], [{"layer": 1}], [{"layer": 1, "filter": 0, "deed": "burn"}]):
        with pytest.raises(SettingError):
            RunSpec.from_json(json.dumps(json.loads(BRANCH.to_json()) | {"surgery": part}))
