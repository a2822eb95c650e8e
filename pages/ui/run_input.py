"""What to train: data, network and recipe, as a run's specification."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, cast

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cvcore.datasets import DATASETS
from cvcore.networks import preset
from cvcore.spec import (
    DEFAULT_THRESHOLD,
    FILL_MODES,
    LABEL_FORMS,
    LIMITS,
    OPTIMISERS,
    SCALINGS,
    SCHEDULES,
    Augmentation,
    RunSpec,
)
from pages.ui import address
from pages.ui.augmented import show_augmented
from pages.ui.inputs import choose, decimal, number, switch
from pages.ui.network_input import choose_network, own_network
from pages.ui.words import Say

NETWORK_NAMES = ("linear", "dense", "cnn", "cnn_relu", "lenet5_28", "vgg_small", "fast", "pooled")
"""The rows of `NETWORKS` that are offered for training."""

SETTINGS: Mapping[str, str | int | float | bool] = {
    "data": "digits",
    "network": "cnn",
    "epochs": 20,
    "batch": 32,
    "rate": 0.001,
    "split": 0.25,
    "count": "all",
    "train_seed": 0,
    "scaling": "unit",
    "labels": "integer",
    "threshold": DEFAULT_THRESHOLD,
    "shuffle": False,
    "optimiser": "adam",
    "momentum": 0.0,
    "schedule": "constant",
    "stop_at": 0.0,
    "patience": 0,
    "seconds": 0.0,
    "rotation": 0.0,
    "width_shift": 0.0,
    "height_shift": 0.0,
    "shear": 0.0,
    "zoom": 0.0,
    "flip": False,
    "fill_mode": "nearest",
}
"""The widgets' keys, which are their names in the address, and what each says at first.

Together they are the experiment on which the page opens: it needs no network
and learns within seconds. Where a rule may be absent, 0 means that it is.
"""

LECTURE_AUGMENTATION: Mapping[str, float | bool | str] = {
    "rotation": 20.0,
    "width_shift": 0.1,
    "height_shift": 0.1,
    "shear": 0.1,
    "zoom": 0.1,
    "flip": True,
    "fill_mode": "nearest",
}
"""The lecture's amounts, by the widgets' keys."""

_SMALLER = (10_000, 1_000, 300, 100)
_RATES = (*(float(f"{digit}e{power}") for power in range(-6, 1) for digit in (1, 2, 5)), 10.0)


def settings_of(spec: RunSpec) -> dict[str, str | int | float | bool]:
    """Return the widgets' values that make a specification, by their keys.

    What the widgets cannot say, where a branch begins, is left out.
    """
    settings: dict[str, str | int | float | bool] = {
        "data": spec.dataset,
        "epochs": spec.epochs,
        "batch": spec.batch_size,
        "rate": spec.learning_rate,
        "split": spec.validation_split,
        "count": "all" if spec.training_size is None else str(spec.training_size),
        "train_seed": spec.seed,
        "scaling": spec.scaling,
        "labels": spec.labels,
        "threshold": spec.threshold,
        "shuffle": spec.shuffle_pixels,
        "optimiser": spec.optimiser,
        "momentum": spec.momentum,
        "schedule": spec.schedule,
        "stop_at": spec.early_stop or 0.0,
        "patience": spec.patience or 0,
        "seconds": spec.seconds or 0.0,
        **vars(spec.augmentation),
    }
    name = name_of_network(spec)
    return {**settings, **({"network": name} if name else own_network(spec.network))}


def name_of_network(spec: RunSpec) -> str:
    """Return the name in `NETWORKS` of a run's network, or nothing for one of its own."""
    classes = len(DATASETS[spec.dataset].classes)
    return next((it for it in NETWORK_NAMES if preset(it, classes) == spec.network), "")


def choose_run(say: Say, *, like: RunSpec | None = None) -> RunSpec:
    """Ask for all that a training needs; every answer stands in the address.

    The main questions come first, the finer ones fold away.

    Parameters
    ----------
    say : Say
        Speaks the reader's language.
    like : RunSpec, optional
        A run on show: an address that names it and says nothing else sets the widgets to
        what made it.

    Returns
    -------
    RunSpec
    """
    if like is not None and SETTINGS.keys().isdisjoint(st.query_params):
        for key, value in settings_of(like).items():
            st.session_state.setdefault(key, value)
    with st.container(gap="small"):
        data = choose(say("Data set"), _data_labels(say), key="data", default=_word("data"))
        network = choose_network(
            say,
            len(DATASETS[data].classes),
            names=NETWORK_NAMES,
            default=_word("network"),
        )
    with st.container(gap="small", key="more_controls"):
        left, right = st.columns(2, vertical_alignment="bottom")
        with left:
            split = _decimal(
                say("Validation split"),
                key="split",
                limit="validation_split",
                step=0.05,
                help=say(
                    "The share of the training pictures that the network never learns from: "
                    "the validation curve is measured on them. With 0 there is no such curve."
                ),
            )
        left_over = RunSpec(dataset=data, network=network, validation_split=split).sizes()[0]
        with right:
            size = choose(
                say("Training pictures"),
                _size_labels(say, left_over),
                key="count",
                default=_word("count"),
                help=say(
                    "How many of them to learn from. With few the network learns them by heart."
                ),
            )
        training = left_over if size == "all" else int(size)
        with left:
            epochs = _number(
                say("Epochs"),
                key="epochs",
                limit="epochs",
                help=say("How often the network sees every training picture."),
            )
        with right:
            optimiser = choose(
                say("Optimiser"),
                {name: say(label) for name, label in OPTIMISERS.items()},
                key="optimiser",
                default=_word("optimiser"),
                help=say(
                    "How the weights follow the gradient. Adam gives each weight a step of its "
                    "own, so that one learning rate suits most networks."
                ),
            )
        rate = _choose_rate(say)
        batch = _choose_batch(say, training)
        scaling, labels, threshold, shuffle = _choose_values(say, data)
        momentum, schedule, seed = _choose_steps(say, optimiser)
        stop_at, patience, seconds = _choose_ends(say, validated=split > 0)
        augmentation = _choose_augmentation(
            say,
            RunSpec(
                dataset=data,
                network=(),
                training_size=None if size == "all" else training,
                validation_split=split,
                threshold=threshold,
                seed=seed,
            ),
        )
    return RunSpec(
        dataset=data,
        network=network,
        training_size=None if size == "all" else training,
        scaling=cast(Literal["none", "unit", "minmax", "standardise"], scaling),
        validation_split=split,
        optimiser=cast(Literal["adam", "sgd"], optimiser),
        momentum=momentum,
        learning_rate=rate,
        batch_size=batch,
        epochs=epochs,
        early_stop=stop_at or None,
        patience=patience or None,
        seconds=seconds or None,
        labels=cast(Literal["integer", "one_hot"], labels),
        schedule=cast(Literal["constant", "one_cycle"], schedule),
        threshold=threshold,
        shuffle_pixels=shuffle,
        augmentation=augmentation,
        seed=seed,
    )


def _choose_rate(say: Say) -> float:
    """Ask for the learning rate: a slider whose steps are about twofold, and a box beside it."""
    low, high = LIMITS["learning_rate"]
    label = say("Learning rate")
    address.recall("rate", float(SETTINGS["rate"]), address.decimal(low, high))
    slider, box = st.columns([1.6, 1], vertical_alignment="bottom")
    with slider:
        _slide(
            label,
            _RATES,
            key="rate",
            help=say("How far the weights follow the gradient in a step."),
        )
    with box:
        value = decimal(
            say("{what}, exactly", what=label),
            key="rate",
            default=float(SETTINGS["rate"]),
            low=low,
            high=high,
            step=0.001,
            format="%g",
            hide_label=True,
        )
    return _round(value)


def _choose_batch(say: Say, training: int) -> int:
    """Ask for the batch size: a slider from 1 to the whole set, and a box beside it."""
    label, most = say("Batch size"), min(training, int(LIMITS["batch_size"][1]))
    address.recall("batch", int(SETTINGS["batch"]), address.whole(1, int(LIMITS["batch_size"][1])))
    stops = [2**power for power in range(17) if 2**power < most] or [1]
    most = max(most, 2)  # a slider has two ends
    slider, box = st.columns([1.6, 1], vertical_alignment="bottom")
    with slider:
        _slide(
            label,
            [*stops, most],
            key="batch",
            names={most: say("the whole set")},
            help=say(
                "Pictures in a step. After each step the weights change once: with the whole set "
                "there is one step an epoch, with 1 there are as many as pictures."
            ),
        )
    with box:
        return number(
            say("{what}, exactly", what=label),
            key="batch",
            default=int(SETTINGS["batch"]),
            low=1,
            high=int(LIMITS["batch_size"][1]),
            style="box",
            hide_label=True,
        )


def _slide(
    label: str,
    stops: Sequence[float],
    *,
    key: str,
    help: str,  # noqa: A002
    names: Mapping[float, str] | None = None,
) -> None:
    """Draw a slider whose stops lie unevenly, for the number that another widget asks for."""
    slider = f"{key}_slider"
    asked = float(st.session_state[key])
    # The number itself may lie between two stops.
    st.session_state[slider] = min(stops, key=lambda stop: abs(stop - asked))

    def take() -> None:
        stop = st.session_state[slider]
        st.session_state[key] = type(SETTINGS[key])(stop)

    st.select_slider(
        label,
        stops,
        format_func=lambda stop: (names or {}).get(stop, f"{stop:,}" if stop >= 1 else f"{stop:g}"),
        key=slider,
        on_change=take,
        help=help,
    )


def _choose_values(say: Say, data: str) -> tuple[str, str, int, bool]:
    """Ask what the network is shown: scaled how, with labels of which kind, in which order."""
    threshold = DEFAULT_THRESHOLD
    with _group(say("Pixels and labels"), "scaling", "labels", "threshold", "shuffle"):
        scaling = choose(
            say("Scaling of the pixels"),
            {name: say(label) for name, label in SCALINGS.items()},
            key="scaling",
            default=_word("scaling"),
            help=say("What is done to the values from 0 to 255 before the network sees them."),
        )
        labels = choose(
            say("Labels"),
            {name: say(label) for name, label in LABEL_FORMS.items()},
            key="labels",
            default=_word("labels"),
            style="segments",
            help=say(
                "A class as its number, for sparse categorical cross-entropy, or as a row of "
                "zeros and a one, for plain categorical cross-entropy. It is the same loss, so "
                "the curves are the same."
            ),
        )
        if DATASETS[data].binarises:
            threshold = number(
                say("Threshold"),
                key="threshold",
                default=DEFAULT_THRESHOLD,
                low=int(LIMITS["threshold"][0]),
                high=int(LIMITS["threshold"][1]),
                help=say("The grey value from which a pixel is white; below it, it is black."),
            )
        else:
            st.query_params.pop("threshold", None)
        shuffle = switch(
            say("Shuffle the pixels"),
            key="shuffle",
            help=say(
                "Puts the pixels of every picture into the same random order. A dense network "
                "does not mind; a CNN loses its neighbourhoods."
            ),
        )
    return scaling, labels, threshold, shuffle


def _choose_steps(say: Say, optimiser: str) -> tuple[float, str, int]:
    """Ask for the finer points of a step: momentum, schedule, seed."""
    momentum = 0.0
    with _group(say("Steps and chance"), "momentum", "schedule", "train_seed"):
        if optimiser == "sgd":
            momentum = _decimal(
                say("Momentum"),
                key="momentum",
                limit="momentum",
                step=0.1,
                help=say(
                    "How much of its last step a weight repeats, like a ball that rolls on. "
                    "0.9 is usual."
                ),
            )
        else:
            st.query_params.pop("momentum", None)
        schedule = choose(
            say("Learning rate over the run"),
            {name: say(label) for name, label in SCHEDULES.items()},
            key="schedule",
            default=_word("schedule"),
            style="segments",
            help=say(
                "With the second, it rises over the first third to what is chosen above, "
                "and falls to 0 at the end."
            ),
        )
        seed = _number(
            say("Seed"),
            key="train_seed",
            limit="seed",
            help=say(
                "Decides the first weights and the order of the pictures. The same seed "
                "gives the same curves; another one shows what is chance."
            ),
        )
    return momentum, schedule, seed


def _choose_ends(say: Say, *, validated: bool) -> tuple[float, int, float]:
    """Ask for the rules that end a run before its last epoch; 0 is for none."""
    patience = 0
    with _group(say("Early stopping"), "stop_at", "patience", "seconds"):
        stop_at = _decimal(
            say("Stop at this training accuracy (0: never)"),
            key="stop_at",
            limit="early_stop",
            low=0.0,
            step=0.05,
            help=say("The run ends after the first epoch that reaches it; the lecture's is 0.95."),
        )
        if validated:
            patience = _number(
                say("Epochs to wait for a lower validation loss (0: no limit)"),
                key="patience",
                limit="patience",
                low=0,
                help=say("The run ends once so many epochs in a row have not lowered it."),
            )
        else:
            st.query_params.pop("patience", None)
            st.caption(say("To stop on validation loss, make the validation split larger than 0."))
        seconds = _decimal(
            say("Seconds of processor time (0: no limit)"),
            key="seconds",
            limit="seconds",
            low=0.0,
            step=10.0,
            help=say(
                "The run ends when they are used up, be the epoch finished or not. "
                "Two cores that work for a second use two."
            ),
        )
    return stop_at, patience, seconds


def _choose_augmentation(say: Say, data: RunSpec) -> Augmentation:
    """Ask how training pictures are changed each time they are seen, and show some that are."""
    keys = ("rotation", "width_shift", "height_shift", "shear", "zoom", "flip", "fill_mode")
    with _group(say("Augmentation"), *keys):
        st.button(
            say("The lecture's: 20°, 0.1, 0.1, 0.1, mirrored"),
            key="augment_lecture",
            icon=":material/auto_fix:",
            type="tertiary",
            on_click=address.apply,
            args=(LECTURE_AUGMENTATION,),
        )
        left, right = st.columns(2, vertical_alignment="bottom")
        with left:
            rotation = _decimal(
                say("Rotation (°)"),
                key="rotation",
                limit="rotation",
                step=5.0,
                help=say("The largest turn to either side, in degrees."),
            )
            shear = _decimal(
                say("Shear"),
                key="shear",
                limit="shear",
                step=0.1,
                help=say("The largest slant: pixels to the side for each pixel down."),
            )
            width_shift = _decimal(
                say("Shift across"),
                key="width_shift",
                limit="width_shift",
                step=0.1,
                help=say("The largest move to either side, as a fraction of the width."),
            )
        with right:
            zoom = _decimal(
                say("Zoom"),
                key="zoom",
                limit="zoom",
                step=0.1,
                help=say("The largest enlargement or reduction, as a fraction."),
            )
            height_shift = _decimal(
                say("Shift down"),
                key="height_shift",
                limit="height_shift",
                step=0.1,
                help=say("The largest move up or down, as a fraction of the height."),
            )
        flip = switch(
            say("Mirror half of them"),
            key="flip",
            help=say("Left to right. A mirrored shoe is a shoe; a mirrored 2 is not a 2."),
        )
        fill_mode = choose(
            say("What comes in from outside"),
            {name: say(label) for name, label in FILL_MODES.items()},
            key="fill_mode",
            default=_word("fill_mode"),
            style="segments",
        )
        augmentation = Augmentation(
            rotation=rotation,
            width_shift=width_shift,
            height_shift=height_shift,
            shear=shear,
            zoom=zoom,
            flip=flip,
        )
        if augmentation != Augmentation():  # else there is nothing to fill
            augmentation = replace(
                augmentation, fill_mode=cast(Literal["nearest", "reflect", "constant"], fill_mode)
            )
        show_augmented(say, data, augmentation)
    return augmentation


def _group(label: str, *keys: str) -> DeltaGenerator:
    """Open a folded group of questions; a filled mark says that one of them is answered anew."""
    said = {key: st.session_state.get(key, st.query_params.get(key)) for key in keys}
    changed = any(said[key] not in (None, SETTINGS[key]) for key in keys)
    icon = ":material/edit:" if changed else ":material/tune:"
    return st.expander(label, icon=icon, key=f"group_{keys[0]}")


def _data_labels(say: Say) -> dict[str, str]:
    return {
        name: say("{name} (needs no network)", name=say(entry.label))
        if entry.offline
        else say(entry.label)
        for name, entry in DATASETS.items()
    }


def _size_labels(say: Say, left: int) -> dict[str, str]:
    """Offer all pictures, some round numbers, and what the address asks for."""
    sizes = {size for size in _SMALLER if size < left}
    asked = str(st.session_state.get("count", st.query_params.get("count", "")))
    if asked.isascii() and asked.isdigit() and len(asked) < 7 and 0 < int(asked) < left:
        sizes.add(int(asked))
    labels = {str(size): f"{size:,}" for size in sorted(sizes, reverse=True)}
    return {"all": say("All {count}", count=f"{left:,}"), **labels}


def _word(key: str) -> str:
    return str(SETTINGS[key])


def _number(
    label: str,
    *,
    key: str,
    limit: str,
    help: str,  # noqa: A002
    low: int | None = None,
) -> int:
    least, high = LIMITS[limit]
    return number(
        label,
        key=key,
        default=int(SETTINGS[key]),
        low=int(least) if low is None else low,
        high=int(high),
        style="box",
        help=help,
    )


def _decimal(
    label: str,
    *,
    key: str,
    limit: str,
    step: float,
    help: str,  # noqa: A002
    low: float | None = None,
) -> float:
    least, high = LIMITS[limit]
    value = decimal(
        label,
        key=key,
        default=float(SETTINGS[key]),
        low=least if low is None else low,
        high=high,
        step=step,
        format="%g",
        help=help,
    )
    return _round(value)


def _round(value: float) -> float:
    # Steps of a decimal number add up to 0.30000000000000004, which would be another run.
    return float(f"{value:.6g}")
