"""A run trains what its specification says, tells it, and repeats itself value for value."""

import functools
import itertools
import math
import threading
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cvcore import inference, models, training
from cvcore import turns as turns_module
from cvcore.arrays import AnyArray
from cvcore.datasets import load, pixel_order
from cvcore.errors import EngineError
from cvcore.history import Batch, End, Epoch, Event, Partial, Started
from cvcore.jobs import keep
from cvcore.networks import BatchNormalisation, Convolution, Dense, Dropout, Flatten, Pooling
from cvcore.runs import Predictions, RunStore, TrainingState
from cvcore.spec import Augmentation, RunSpec, learning_rates
from cvcore.training import Start
from cvcore.turns import Turn, Turns

SPEC = RunSpec(
    dataset="digits",
    network=(
        Convolution(filters=4, padding="same", activation="relu"),
        Pooling(),
        Flatten(),
        Dense(units=10, activation="softmax"),
    ),
    epochs=2,
)
SERIES = ("loss", "accuracy", "val_loss", "val_accuracy")


class Told:
    """Trains, and keeps what was told and which weights there were."""

    def __init__(
        self,
        spec: RunSpec,
        *,
        how: End = "stop",
        stop_after: float = math.inf,
        start: Start | None = None,
        turn: Turn | None = None,
    ) -> None:
        self.events: list[tuple[type[Event], dict[str, Any]]] = []
        self.moments: defaultdict[type[Event], list[float]] = defaultdict(list)
        self.weights: dict[float, dict[str, AnyArray]] = {}
        self.states: dict[float, TrainingState] = {}
        self.times_asked = 0
        self.how: End = how
        self.stop_after = stop_after
        self.spec = spec
        self.outcome = training.train(
            spec, emit=self.emit, keep=self.keep, asked=self.asked, start=start, turn=turn
        )

    def emit(self, kind: type[Event], **values: Any) -> None:
        self.events.append((kind, values))
        self.moments[kind].append(time.monotonic())

    def asked(self) -> End | None:
        self.times_asked += 1
        return self.how if self.times_asked > self.stop_after else None

    def keep(
        self, moment: float, weights: dict[str, AnyArray], state: TrainingState | None
    ) -> None:
        assert not any(kind is Epoch and it["epoch"] == moment for kind, it in self.events)
        self.weights[moment] = weights
        if state is not None:
            self.states[moment] = state

    def after(self, epoch: int, *, own: bool = True) -> Start:
        """What goes on from an epoch's end, as it comes from the store."""
        return Start(
            epoch=epoch,
            weights=tuple(self.weights[epoch].values()),
            state=self.states[epoch],
            optimiser=self.spec.optimiser,
            own=own,
        )

    def of(self, wanted: type[Event]) -> list[dict[str, Any]]:
        return [values for kind, values in self.events if kind is wanted]

    def series(self, name: str) -> list[float]:
        return [values[name] for values in self.of(Epoch)]

    @property
    def predictions(self) -> Predictions:
        assert self.outcome.predictions is not None
        return self.outcome.predictions


@pytest.fixture(scope="module")
def told() -> Told:
    return Told(SPEC)


def by_hand(spec: RunSpec) -> Any:
    """Train with Keras alone, a batch at a time in the run's order."""
    data, (count, held_back, _) = load(spec.dataset), spec.sizes()
    images = data.training_images.astype(np.float32) / 255
    validation = images[-held_back:], data.training_labels[-held_back:]
    model = models.build(spec)
    models.compile(model, spec)
    series: dict[str, list[float]] = {name: [] for name in SERIES}
    for epoch in range(spec.epochs):
        order = training.order(spec, epoch)
        answer = model.fit(
            images[:count][order],
            data.training_labels[:count][order],
            batch_size=spec.batch_size,
            validation_data=validation,
            shuffle=False,
            verbose=0,
        )
        for name in SERIES:
            series[name] += answer.history[name]
    return series


def test_a_run_learns_what_keras_alone_learns_in_the_same_order(told: Told) -> None:
    expected = by_hand(SPEC)
    for name in SERIES:
        # Batches are gathered and validated in other groups: float32 rounding apart.
        assert_allclose(told.series(name), expected[name], rtol=2e-5, err_msg=name)
    assert told.series("loss")[1] < told.series("loss")[0]


def test_the_same_specification_gives_the_same_history_value_for_value(told: Told) -> None:
    keras.utils.set_random_seed(99)  # somebody else's
    again = Told(SPEC)
    for name in SERIES:
        assert_array_equal(again.series(name), told.series(name))
    assert_array_equal(again.predictions.probabilities, told.predictions.probabilities)


def test_another_seed_gives_another_history(told: Told) -> None:
    assert Told(replace(SPEC, seed=1)).series("loss") != told.series("loss")


def test_it_tells_first_what_is_trained(told: Told) -> None:
    assert told.events[0] == (
        Started,
        {
            "epochs": 2,
            "steps": 34,  # 1,077 pictures, 32 at a time
            "training_pictures": 1077,
            "validation_pictures": 360,
            "test_pictures": 360,
            "parameters": 40 + 650,
        },
    )


def test_batches_are_told_at_most_five_times_a_second_and_within_the_epoch() -> None:
    told = Told(replace(SPEC, batch_size=1, epochs=1))
    batches, moments = told.of(Batch), told.moments[Batch]
    assert len(batches) >= 1  # the first group of batches alone takes longer
    assert all(later - sooner > 0.19 for sooner, later in itertools.pairwise(moments))
    assert [it["step"] for it in batches] == sorted({it["step"] for it in batches})
    assert all(1 <= it["step"] <= 1077 and it["epoch"] == 1 for it in batches)
    assert all(it["images_per_second"] > 0 for it in batches)
    assert all(0 <= it["accuracy"] <= 1 for it in batches)


def test_the_weights_of_an_epoch_give_that_epochs_validation_accuracy(
    told: Told, tmp_path: Path
) -> None:
    store, digest = RunStore(str(tmp_path)), SPEC.digest()
    store.begin(SPEC)
    for moment, weights in told.weights.items():
        keep(store, digest, moment, weights, told.states.get(moment))
    data, held_back = load("digits"), SPEC.sizes()[1]
    labels = data.training_labels[-held_back:]
    for epoch in (1, 2):
        model, spec = inference.model_at(store, digest, epoch)
        assert spec == SPEC
        see = inference.prepare(spec, data)
        said = np.asarray(model(see(data.training_images[-held_back:]))).argmax(axis=1)
        accuracy = told.series("val_accuracy")[epoch - 1]
        assert (said == labels).mean() == pytest.approx(accuracy, abs=1e-6)
    first, _ = inference.model_at(store, digest, 0.0)
    assert_array_equal(models.weights(first)["dense_4/kernel"], told.weights[0.0]["dense_4/kernel"])
    with pytest.raises(EngineError, match="after epoch 3 are not"):
        inference.model_at(store, digest, 3.0)


def test_the_test_result_is_what_keras_evaluates(told: Told) -> None:
    data = load("digits")
    expected = told.outcome.model.evaluate(
        data.test_images / 255, data.test_labels, verbose=0, return_dict=True
    )
    loss, accuracy = inference.score(told.predictions)
    assert loss == pytest.approx(expected["loss"], rel=1e-5)
    assert accuracy == pytest.approx(expected["accuracy"], abs=1e-6)
    assert_array_equal(told.predictions.images, data.test_images[:100])
    assert_array_equal(told.predictions.labels, data.test_labels)


def test_weights_from_the_store_predict_the_same_again(told: Told) -> None:
    model = models.build(SPEC)
    models.set_weights(model, told.weights[2])
    again = inference.predict(model, SPEC, load("digits"))
    assert_allclose(again.probabilities, told.predictions.probabilities, atol=1e-6)


def test_the_score_of_three_pictures_worked_by_hand() -> None:
    probabilities = np.array([[0.5, 0.5, 0], [0.25, 0.25, 0.5], [0, 1, 0]], np.float32)
    loss, accuracy = inference.score(
        Predictions(np.zeros((1, 1, 1, 1), np.uint8), np.array([0, 2, 0]), probabilities)
    )
    # -log of a half, a half, and of 1e-7 in place of nothing.
    assert loss == pytest.approx((2 * math.log(2) + 7 * math.log(10)) / 3, rel=1e-6)
    assert accuracy == pytest.approx(2 / 3)


def test_a_stop_ends_a_run_inside_an_epoch_keeps_its_weights_and_asks_for_the_test() -> None:
    told = Told(replace(SPEC, epochs=100), stop_after=6)
    # 4 groups of batches and 1 of validation in the first epoch, then 2 of the second.
    assert told.times_asked == 7
    assert len(told.of(Epoch)) == 1
    assert told.outcome.ended_by == "stop"
    assert told.outcome.moment == list(told.weights)[-1] == 1.588  # 20 of 34 steps
    model = models.build(SPEC)
    models.set_weights(model, told.weights[1.588])
    again = inference.predict(model, SPEC, load("digits"))
    assert_allclose(told.predictions.probabilities, again.probabilities, atol=1e-6)


def test_an_early_stop_ends_after_the_epoch_that_reached_it(told: Told) -> None:
    first, second = told.series("accuracy")
    assert first < second
    early = Told(replace(SPEC, epochs=9, early_stop=second))
    assert len(early.of(Epoch)) == 2
    assert early.outcome.ended_by == "accuracy"
    last = Told(replace(SPEC, early_stop=second)).outcome
    assert last.ended_by == ""  # it was the last epoch anyway


def test_without_a_validation_split_there_is_no_validation() -> None:
    told = Told(replace(SPEC, validation_split=0, epochs=1))
    assert told.series("val_loss") == [None]
    assert told.of(Started)[0]["training_pictures"] == 1437


def test_every_epoch_sees_each_picture_once_in_an_order_of_its_own() -> None:
    orders = [training.order(SPEC, epoch) for epoch in range(3)]
    for order in orders:
        assert_array_equal(np.sort(order), np.arange(1077))
    assert (orders[0] != orders[1]).any()
    assert_array_equal(orders[2], training.order(SPEC, 2))
    assert (orders[0] != training.order(replace(SPEC, seed=1), 0)).any()


def test_augmented_pictures_repeat_value_for_value_and_differ_from_the_plain_ones(
    told: Told,
) -> None:
    spec = replace(
        SPEC, augmentation=Augmentation(rotation=20, width_shift=0.1, height_shift=0.1, zoom=0.1)
    )
    one, other = Told(spec), Told(spec)
    assert one.series("loss") == other.series("loss")
    assert one.series("loss")[0] > told.series("loss")[0]  # harder to learn


def test_augmentation_draws_anew_each_epoch_and_nothing_where_there_is_none() -> None:
    spec = replace(SPEC, augmentation=Augmentation(flip=True))
    first, second = training.draws(spec, 0), training.draws(spec, 1)
    assert first.shape == second.shape == (1077, 6)
    assert (first != second).any()
    assert_array_equal(training.draws(spec, 0), first)
    assert training.draws(SPEC, 0).shape == (1077, 0)


@pytest.mark.parametrize(
    ("scaling", "low", "high"), [("none", 0, 255), ("unit", 0, 1), ("minmax", 0, 1)]
)
def test_scalings_lead_to_the_range_they_name(scaling: Any, low: float, high: float) -> None:
    data = load("digits")
    see = inference.prepare(replace(SPEC, scaling=scaling), data)
    scaled = np.concatenate([np.asarray(it) for it in inference.batches(data.training_images, see)])
    assert (scaled.min(), scaled.max()) == (low, high)


def test_standardising_looks_at_the_training_pictures_alone() -> None:
    data = load("digits")
    shift, scale = inference.scaling(replace(SPEC, scaling="standardise"), data)
    scaled = (data.training_images[:1077].astype(np.float64) - shift) / scale
    assert scaled.mean() == pytest.approx(0, abs=1e-9)
    assert scaled.std() == pytest.approx(1)


def test_pictures_that_are_not_scaled_learn_worse() -> None:
    raw = Told(replace(SPEC, scaling="none", optimiser="sgd", learning_rate=0.1, epochs=1))
    unit = Told(replace(SPEC, optimiser="sgd", learning_rate=0.1, epochs=1))
    assert raw.series("val_accuracy")[0] < unit.series("val_accuracy")[0]


def test_one_batch_can_hold_all_pictures() -> None:
    told = Told(replace(SPEC, batch_size=60_000, epochs=1))
    assert told.of(Started)[0]["steps"] == 1
    assert len(told.of(Epoch)) == 1


REGULARISED = replace(
    SPEC,
    network=(
        Convolution(filters=4, padding="same", activation="relu"),
        Pooling(),
        BatchNormalisation(),
        Dropout(rate=0.25),
        Flatten(),
        Dense(units=16, activation="relu"),
        Dropout(rate=0.5),
        Dense(units=10, activation="softmax"),
    ),
    augmentation=Augmentation(rotation=10, width_shift=0.1, height_shift=0.1),
    epochs=3,
    training_size=300,
)
RECIPES = {
    "adam": replace(REGULARISED, schedule="one_cycle"),
    "momentum": replace(REGULARISED, optimiser="sgd", momentum=0.9, learning_rate=0.05),
}


@functools.cache
def uninterrupted(recipe: str) -> Told:
    return Told(RECIPES[recipe])


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_run_that_is_taken_up_again_learns_value_for_value_what_it_would_have_learned(
    recipe: str,
) -> None:
    whole, spec = uninterrupted(recipe), RECIPES[recipe]
    rest = Told(spec, start=whole.after(1))
    for name in (*SERIES, "learning_rate"):
        assert_array_equal(rest.series(name), whole.series(name)[1:])
    assert_array_equal(rest.predictions.probabilities, whole.predictions.probabilities)
    assert [it["epoch"] for it in rest.of(Epoch)] == [2, 3]
    # A run goes on counting the seconds that it has had.
    spent = [it["processor_seconds"] for it in whole.of(Epoch)]
    assert spent == sorted(spent)
    assert rest.of(Epoch)[0]["processor_seconds"] > spent[0]


def test_a_branch_with_nothing_changed_is_its_parent_value_for_value() -> None:
    whole = uninterrupted("adam")
    branch = Told(whole.spec, start=whole.after(2, own=False))
    for name in (*SERIES, "learning_rate"):
        assert_array_equal(branch.series(name), whole.series(name)[2:])
    assert_array_equal(branch.predictions.probabilities, whole.predictions.probabilities)
    assert sorted(branch.weights) == [2.0, 3.0]  # it needs nothing of its parent any more
    assert sorted(branch.states) == [2.0, 3.0]


def test_a_branch_with_another_learning_rate_keeps_the_optimisers_memory(told: Told) -> None:
    slow = Told(replace(SPEC, epochs=2, learning_rate=1e-6), start=told.after(1, own=False))
    (state,) = (slow.states[2],)
    assert int(state.optimiser[0]) == 2 * 34  # the steps are counted on
    change = np.abs(slow.weights[2]["dense_4/kernel"] - told.weights[1]["dense_4/kernel"]).max()
    assert 0 < change < 34 * 1e-6 * 1.2  # Adam moves a weight by about the learning rate a step
    other = Told(
        replace(SPEC, epochs=2, optimiser="sgd", momentum=0.5), start=told.after(1, own=False)
    )
    assert int(other.states[2].optimiser[0]) == 34  # another optimiser begins anew


def test_a_branch_may_drop_out_what_its_parent_did_not(told: Told) -> None:
    network = (*SPEC.network[:3], Dropout(rate=0.9), SPEC.network[3])
    branch = Told(replace(SPEC, network=network, epochs=2), start=told.after(1, own=False))
    assert_array_equal(branch.weights[1]["dense_5/kernel"], told.weights[1]["dense_4/kernel"])
    assert branch.series("loss")[0] > told.series("loss")[1]


def test_weights_are_kept_at_first_and_a_few_times_inside_the_first_epoch() -> None:
    told = Told(replace(SPEC, batch_size=1, epochs=1, training_size=1000))
    # 320 pictures are taken at a time, so a quarter is the first moment to be looked at.
    assert list(told.weights) == [0.0, 0.32, 0.64, 1.0]
    first = models.weights(models.build(told.spec))
    for name, values in first.items():
        assert_array_equal(told.weights[0.0][name], values)
    assert list(told.states) == [1.0]


def test_patience_ends_after_so_many_epochs_without_a_lower_validation_loss() -> None:
    # A learning rate of 3 throws the weights about.
    spec = replace(SPEC, optimiser="sgd", learning_rate=3.0, epochs=30, patience=2)
    told = Told(spec)
    losses = told.series("val_loss")
    assert told.outcome.ended_by == "patience"
    assert len(losses) < 30
    assert min(losses[-2:]) >= min(losses[:-2])
    # What was waited for is part of the state.
    assert told.states[len(losses)].waited == 2
    done = Told(spec, start=told.after(len(losses)))
    assert done.outcome.ended_by == "patience"
    assert done.of(Epoch) == []


def test_a_budget_of_processor_time_ends_a_run_inside_an_epoch_and_says_where() -> None:
    class Clock(Turn):
        seconds = 0.0

    class Ticking(Told):
        def asked(self) -> None:
            clock.seconds += 0.15  # for each group of batches

    clock = Clock(Turns(), lambda: False)
    spec = replace(SPEC, epochs=200, seconds=1.0)
    told = Ticking(spec, turn=clock)
    assert told.outcome.ended_by == "seconds"
    (partial,) = told.of(Partial)
    # The seventh group: 5 belong to the first epoch and its validation, so 20 of 34 steps.
    assert partial["moment"] == list(told.weights)[-1] == told.outcome.moment == 1.588
    assert partial["processor_seconds"] == pytest.approx(7 * 0.15)
    data, held_back = load("digits"), SPEC.sizes()[1]
    right = np.asarray(told.outcome.model(data.training_images[-held_back:] / 255)).argmax(axis=1)
    accuracy = (right == data.training_labels[-held_back:]).mean()
    assert partial["val_accuracy"] == pytest.approx(accuracy, abs=1e-6)
    assert partial["learning_rate"] == 0.001
    assert 0 < partial["loss"] < 2.4


def test_integer_and_one_hot_labels_give_the_same_curve(told: Told) -> None:
    one_hot = Told(replace(SPEC, labels="one_hot"))
    for name in SERIES:
        assert_allclose(one_hot.series(name), told.series(name), rtol=2e-5, err_msg=name)


def test_shuffled_pixels_stay_the_same_pixels_in_one_order_for_all() -> None:
    spec, data = replace(SPEC, shuffle_pixels=True), load("digits")
    seen = np.asarray(inference.prepare(spec, data)(data.test_images[:5]))
    plain = np.asarray(inference.prepare(SPEC, data)(data.test_images[:5]))
    order = pixel_order(8, 8)
    assert_array_equal(np.sort(order), np.arange(64))
    assert (order != np.arange(64)).any()
    assert_array_equal(seen.reshape(5, 64), plain.reshape(5, 64)[:, order])


def test_a_dense_network_does_not_mind_shuffled_pixels() -> None:
    # The same weights in another order learn the same from the same pixels in that order.
    dense = replace(SPEC, network=(Flatten(), Dense(units=10, activation="softmax")), epochs=1)
    shuffled = replace(dense, shuffle_pixels=True)
    plain = Told(dense)
    order = pixel_order(8, 8)
    weights = plain.weights[0.0]["dense_2/kernel"][order], plain.weights[0.0]["dense_2/bias"]
    start = Start(
        epoch=0, weights=weights, state=first_state(shuffled), optimiser="adam", own=False
    )
    told = Told(shuffled, start=start)
    for name in SERIES:
        assert_allclose(told.series(name), plain.series(name), rtol=2e-5, err_msg=name)


def first_state(spec: RunSpec) -> TrainingState:
    """The state of a training that has not begun."""
    model = models.build(spec)
    models.compile(model, spec)
    model.optimizer.build(model.trainable_variables)
    values = tuple(np.asarray(it) for it in models.optimiser_variables(model))
    return TrainingState(optimiser=values, seeds=())


def test_the_learning_rate_of_a_cycle_is_that_of_each_step() -> None:
    spec = replace(SPEC, schedule="one_cycle", epochs=10, training_size=320)
    model = models.build(spec)
    models.compile(model, spec, first_step=-7)
    rate = model.optimizer._learning_rate
    steps = np.arange(100)
    expected = learning_rates(spec, (steps + 0.5) / 10)
    assert_allclose([float(rate(step - 7)) for step in steps], expected, rtol=1e-6)
    assert expected.argmax() in (29, 30)  # three tenths of the way
    told = Told(spec)
    assert_allclose(told.series("learning_rate"), expected[9::10])


def test_trainings_in_turns_learn_what_they_learn_alone() -> None:
    alone = [uninterrupted(recipe) for recipe in RECIPES]
    turns = Turns()
    together: dict[int, Told] = {}

    def train(place: int, turn: Turn) -> None:
        with turn:
            together[place] = Told(alone[place].spec, turn=turn)

    with patch.object(turns_module, "TURN_SECONDS", 0.02):  # so that they often alternate
        threads = [
            threading.Thread(target=train, args=(place, turns.join(lambda: False)))
            for place in range(2)
        ]
        began = time.process_time()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for place, one in enumerate(alone):
        for name in SERIES:
            assert_array_equal(together[place].series(name), one.series(name))
    moments = [together[place].moments[Epoch] for place in range(2)]
    assert moments[0][0] < moments[1][-1]
    assert moments[1][0] < moments[0][-1]
    spent = sum(it.of(Epoch)[-1]["processor_seconds"] for it in together.values())
    assert spent <= time.process_time() - began
