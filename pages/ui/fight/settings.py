"""Who fights whom, over which pictures and by which rule; every answer stands in the address."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

import streamlit as st

from cvcore import datasets
from cvcore.arithmetic import layer_table
from cvcore.datasets import DATASETS
from cvcore.errors import CvCoreError
from cvcore.fairness import RULES, Match, Side, Terms, agree, parameters, work
from cvcore.fight_figures import CNN, DENSE, Corner
from cvcore.networks import NETWORKS, Convolution, preset
from cvcore.spec import LIMITS, RunSpec
from pages.ui.inputs import choose, decimal, number
from pages.ui.words import Say

SETTINGS: Mapping[str, str | int | float] = {
    "fight_data": "digits",
    "corner_a": "dense",
    "corner_b": "cnn",
    "rule": "epochs",
    "fight_changed": "first",
    "fight_epochs": 10,
    "fight_seconds": 10.0,
    "seeds": 3,
    "fight_count": "all",
    "fight_batch": 32,
    "fight_rate": 0.001,
}
"""The widgets' keys, which are their names in the address, and what each says at first."""

MOST_SEEDS = 5
VALIDATION_SPLIT = 0.25
_SIZES = (100, 1_000, 10_000)


@dataclass(frozen=True, kw_only=True)
class Fight:
    """A comparison, said completely: all of its runs follow from it.

    Parameters
    ----------
    networks : tuple of str
        Two names in `NETWORKS`.
    rule : str
        In `RULES`.
    terms : Terms
        What both train with the first seed.
    seeds : int
    asked : int
        Epochs as they were asked for.
    """

    networks: tuple[str, str]
    rule: str
    terms: Terms
    seeds: int
    asked: int

    @property
    def pair(self) -> tuple[RunSpec, RunSpec]:
        """The two trainings with the first seed."""
        return self.terms.first, self.terms.second

    @property
    def pairs(self) -> tuple[tuple[RunSpec, RunSpec], ...]:
        """The two trainings with each seed."""
        first, second = self.pair
        return tuple(
            (replace(first, seed=seed), replace(second, seed=seed)) for seed in range(self.seeds)
        )

    @property
    def specs(self) -> tuple[RunSpec, ...]:
        """All trainings, seed by seed."""
        return tuple(spec for pair in self.pairs for spec in pair)

    @property
    def data(self) -> str:
        """The data set's name in `DATASETS`."""
        return self.terms.first.dataset

    def is_the_opening_one(self) -> bool:
        """Say whether it is the fight on which the page opens."""
        # Widgets that are not drawn for these settings have said nothing yet.
        return all(st.session_state.get(key, value) == value for key, value in SETTINGS.items())

    def corners(self, say: Say) -> tuple[Corner, Corner]:
        """Return both networks' names and colours in charts."""
        first, second = (say(NETWORKS[name].label) for name in self.networks)
        folds = [
            any(isinstance(layer, Convolution) for layer in spec.network) for spec in self.pair
        ]
        # The CNN is green wherever it stands; of two of a kind the second one is.
        colours = (CNN, DENSE) if folds == [True, False] else (DENSE, CNN)
        return Corner(name=first, colour=colours[0]), Corner(name=second, colour=colours[1])

    def sizes(self) -> tuple[int, ...]:
        """Return the numbers of training pictures to compare, the last one its own."""
        own = self.terms.first.sizes()[0]
        return (*(size for size in _SIZES if size < own), own)

    def with_pictures(self, size: int) -> tuple[RunSpec, RunSpec]:
        """Return the two trainings with fewer pictures."""
        if size == self.terms.first.sizes()[0]:
            return self.pair
        first, second = (replace(spec, training_size=size) for spec in self.pair)
        return first, second

    def shuffled(self) -> tuple[RunSpec, RunSpec]:
        """Return the two trainings with the pixels of all pictures in another order."""
        first, second = (replace(spec, shuffle_pixels=True) for spec in self.pair)
        return first, second


def choose_fight(say: Say) -> Fight:
    """Ask for two networks, pictures and a rule.

    Raises
    ------
    SettingError
        If these two cannot fight by that rule; the widgets are drawn before.
    """
    with st.container(gap="small"):
        data = choose(
            say("Data set"),
            {
                name: say("{name} (needs no network)", name=say(entry.label))
                if entry.offline
                else say(entry.label)
                for name, entry in DATASETS.items()
            },
            key="fight_data",
            default=_word("fight_data"),
        )
        fitting = _fitting(say, data)
        first = choose(say("One corner"), fitting, key="corner_a", default=_word("corner_a"))
        others = {name: label for name, label in fitting.items() if name != first}
        second = choose(
            say("The other corner"),
            others,
            key="corner_b",
            default=_word("corner_b") if _word("corner_b") in others else _word("corner_a"),
        )
        rule = choose(
            say("What is fair"),
            {name: say(label) for name, label in RULES.items()},
            key="rule",
            default=_word("rule"),
            help=say(
                "What both networks get the same of. Seconds are of processor time; "
                "multiply-adds are those of the training."
            ),
        )
    with st.container(gap="small", key="more_controls"):
        changed, epochs, seconds = "first", int(SETTINGS["fight_epochs"]), 10.0
        if rule == "parameters":
            changed = choose(
                say("Made wider or narrower"),
                {"first": say("One corner"), "second": say("The other corner")},
                key="fight_changed",
                default=_word("fight_changed"),
                style="segments",
            )
        left, right = st.columns(2)
        with left:
            if rule == "seconds":
                low, high = LIMITS["seconds"]
                seconds = decimal(
                    say("Seconds"),
                    key="fight_seconds",
                    default=float(SETTINGS["fight_seconds"]),
                    low=low,
                    high=high,
                    step=1.0,
                    format="%g",
                    help=say(
                        "Processor time that each network may use for learning, with the "
                        "building of its graph and its validation after each epoch."
                    ),
                )
            else:
                epochs = _number(
                    say("Epochs"),
                    key="fight_epochs",
                    limit="epochs",
                    help=say("How often the network sees every training picture."),
                )
            batch = _number(
                say("Batch size"),
                key="fight_batch",
                limit="batch_size",
                help=say("Pictures in a step. After each step the weights change once."),
            )
        with right:
            seeds = number(
                say("Seeds"),
                key="seeds",
                default=int(SETTINGS["seeds"]),
                low=1,
                high=MOST_SEEDS,
                style="box",
                help=say(
                    "How often the fight is repeated, each time with other first weights and "
                    "another order of the pictures. What differs between seeds is chance."
                ),
            )
            low, high = LIMITS["learning_rate"]
            rate = decimal(
                say("Learning rate"),
                key="fight_rate",
                default=float(SETTINGS["fight_rate"]),
                low=low,
                high=high,
                step=0.001,
                format="%g",
                help=say("How far the weights follow the gradient in a step."),
            )
        whole = RunSpec(dataset=data, network=(), validation_split=VALIDATION_SPLIT).sizes()[0]
        sizes = {str(size): f"{size:,}" for size in reversed(_SIZES) if size < whole}
        size = choose(
            say("Training pictures"),
            {"all": say("All {count}", count=f"{whole:,}"), **sizes},
            key="fight_count",
            default=_word("fight_count"),
            help=say("The same ones for both networks."),
        )
    runs = [
        RunSpec(
            dataset=data,
            network=preset(name, len(DATASETS[data].classes)),
            training_size=None if size == "all" else int(size),
            validation_split=VALIDATION_SPLIT,
            learning_rate=float(f"{rate:.6g}"),
            batch_size=batch,
            epochs=epochs,
        )
        for name in (first, second)
    ]
    terms = agree(rule, runs[0], runs[1], changed=cast(Side, changed), seconds=seconds)
    for spec in (terms.first, terms.second):
        spec.validate()
    return Fight(networks=(first, second), rule=rule, terms=terms, seeds=seeds, asked=epochs)


def describe_rule(say: Say, fight: Fight) -> str:
    """Say what the rule of fairness does to both networks."""
    first = fight.terms.first
    one, other = (it.name for it in fight.corners(say))
    match fight.rule:
        case "parameters" if fight.terms.match is not None:
            changed = one if fight.terms.changed == "first" else other
            return _describe_match(say, changed, fight.terms.match)
        case "seconds":
            return say(
                "Each may learn for {seconds} s of processor time, at most {epochs} epochs.",
                seconds=f"{first.seconds:g}",
                epochs=first.epochs,
            )
        case "multiply_adds":
            return _describe_work(say, fight, one, other)
    return say("Both see every training picture {epochs} times.", epochs=first.epochs)


def _describe_match(say: Say, changed: str, match: Match) -> str:
    if not match.changes:
        return say("Both have as many parameters as they are.")
    return say(
        "{name}: {changes}. So it has {parameters} parameters, the other {target}: {percent} % "
        "apart.",
        name=changed,
        changes=", ".join(
            say("layer {position} from {before} to {after}", position=at, before=old, after=new)
            for at, old, new in match.changes
        ),
        parameters=f"{match.parameters:,}",
        target=f"{match.target:,}",
        percent=f"{100 * match.difference:.2f}",
    )


def _describe_work(say: Say, fight: Fight, one: str, other: str) -> str:
    first, second = fight.pair
    costs = work(first), work(second)
    told = say(
        "{one}: {one_epochs} epochs, {one_work} multiply-adds. {other}: {other_epochs} epochs, "
        "{other_work} multiply-adds. They are {percent} % apart, as close as whole epochs come.",
        one=one,
        one_epochs=first.epochs,
        one_work=large(costs[0]),
        other=other,
        other_epochs=second.epochs,
        other_work=large(costs[1]),
        percent=f"{100 * abs(costs[0] - costs[1]) / max(costs):.2f}",
    )
    few = min(first.epochs, second.epochs)
    if few < fight.asked:
        told += " " + say(
            "{asked} epochs were asked for; with them the other would need more than {most}.",
            asked=fight.asked,
            most=int(LIMITS["epochs"][1]),
        )
    return told


def describe_data(say: Say, fight: Fight) -> str:
    """Say what both learn from, in a sentence."""
    spec = fight.terms.first
    training, validation, test = spec.sizes()
    told = say(
        "The same {training} pictures for both, {validation} for validation, {test} for the test.",
        training=f"{training:,}",
        validation=f"{validation:,}",
        test=f"{test:,}",
    )
    if datasets.missing(spec.dataset):
        told += " " + say(
            "The data set, {megabytes} MB, is downloaded once.",
            megabytes=f"{DATASETS[spec.dataset].megabytes:g}",
        )
    return told


def network_parameters(spec: RunSpec) -> int:
    """Return how many weights and biases a training's network has."""
    return parameters(spec.network, DATASETS[spec.dataset].shape)


def multiply_adds(spec: RunSpec) -> int:
    """Return how many multiplications a training's network needs to name a picture."""
    rows = layer_table(spec.network, DATASETS[spec.dataset].shape)
    return sum(row.multiply_adds for row in rows)


def large(value: float) -> str:
    """Write a large number with its unit: 4.52 M, 1.3 T."""
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:g}"


def _fitting(say: Say, data: str) -> dict[str, str]:
    """Return the networks that can be trained on a data set, with their labels."""
    fitting = {}
    for name, entry in NETWORKS.items():
        try:
            RunSpec(dataset=data, network=preset(name, len(DATASETS[data].classes))).validate()
        except CvCoreError:
            continue
        fitting[name] = say(entry.label)
    return fitting


def _word(key: str) -> str:
    return str(SETTINGS[key])


def _number(label: str, *, key: str, limit: str, help: str) -> int:  # noqa: A002
    low, high = LIMITS[limit]
    default = int(SETTINGS[key])
    return number(
        label, key=key, default=default, low=int(low), high=int(high), style="box", help=help
    )
