"""What to train: data, network and recipe, as a run's specification."""

from collections.abc import Mapping

import streamlit as st

from cvcore.datasets import DATASETS
from cvcore.networks import NETWORKS
from cvcore.spec import LIMITS, RunSpec
from pages.ui.inputs import choose, decimal, number
from pages.ui.words import Say

NETWORK_NAMES = ("cnn", "dense")
"""The rows of `NETWORKS` that are offered for training."""

SETTINGS: Mapping[str, str | int | float] = {
    "data": "digits",
    "network": "cnn",
    "epochs": 20,
    "batch": 32,
    "rate": 0.001,
    "split": 0.25,
    "count": "all",
    "train_seed": 0,
}
"""The widgets' keys, which are their names in the address, and what each says at first.

Together they are the experiment on which the page opens: it needs no network
and learns within seconds.
"""

_SMALLER = (10_000, 1_000, 300, 100)


def settings_of(spec: RunSpec) -> dict[str, str | int | float]:
    """Return the widgets' values that make a specification, by their keys.

    A network that the widgets do not offer is left out.
    """
    settings: dict[str, str | int | float] = {
        "data": spec.dataset,
        "epochs": spec.epochs,
        "batch": spec.batch_size,
        "rate": spec.learning_rate,
        "split": spec.validation_split,
        "count": "all" if spec.training_size is None else str(spec.training_size),
        "train_seed": spec.seed,
    }
    for name in NETWORK_NAMES:
        if NETWORKS[name].layers == spec.network:
            settings["network"] = name
    return settings


def choose_run(say: Say, *, like: RunSpec | None = None) -> RunSpec:
    """Ask for all that a training needs; every answer stands in the address.

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
        network = choose(
            say("Network"),
            {name: say(NETWORKS[name].label) for name in NETWORK_NAMES},
            key="network",
            default=_word("network"),
        )
    with st.container(gap="small", key="more_controls"):
        left, right = st.columns(2)
        with left:
            epochs = _number(
                say("Epochs"),
                key="epochs",
                limit="epochs",
                help=say("How often the network sees every training picture."),
            )
            rate = _decimal(
                say("Learning rate"),
                key="rate",
                limit="learning_rate",
                step=0.001,
                help=say("How far the weights follow the gradient in a step."),
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
        with right:
            batch = _number(
                say("Batch size"),
                key="batch",
                limit="batch_size",
                help=say("Pictures in a step. After each step the weights change once."),
            )
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
            whole = RunSpec(dataset=data, network=NETWORKS[network].layers, validation_split=split)
            size = choose(
                say("Training pictures"),
                _size_labels(say, whole.sizes()[0]),
                key="count",
                default=_word("count"),
                help=say(
                    "How many of them to learn from. With few the network learns them by heart."
                ),
            )
    return RunSpec(
        dataset=data,
        network=NETWORKS[network].layers,
        training_size=None if size == "all" else int(size),
        validation_split=split,
        learning_rate=rate,
        batch_size=batch,
        epochs=epochs,
        seed=seed,
    )


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


def _number(label: str, *, key: str, limit: str, help: str) -> int:  # noqa: A002
    low, high = LIMITS[limit]
    default = int(SETTINGS[key])
    return number(
        label, key=key, default=default, low=int(low), high=int(high), style="box", help=help
    )


def _decimal(label: str, *, key: str, limit: str, step: float, help: str) -> float:  # noqa: A002
    low, high = LIMITS[limit]
    default = float(SETTINGS[key])
    value = decimal(
        label,
        key=key,
        default=default,
        low=low,
        high=high,
        step=step,
        format="%g",
        help=help,
    )
    # Steps of a decimal number add up to 0.30000000000000004, which would be another run.
    return float(f"{value:.6g}")
