"""The scorecard of a fight, and whether its difference is more than chance; from the runs alone."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from cvcore.engine import engine
from cvcore.fairness import Comparison, mcnemar, work
from cvcore.history import Snapshot
from cvcore.spec import RunSpec
from pages.ui.fight.learn import UNKNOWN
from pages.ui.fight.runs import look
from pages.ui.fight.settings import Fight, large, multiply_adds, network_parameters
from pages.ui.tables import table
from pages.ui.words import Say

SIGNIFICANT = 0.05
_BYTES = 4  # of a float32 weight


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The comparison of both networks with one seed.

    Parameters
    ----------
    seed : int
    comparison : Comparison
    """

    seed: int
    comparison: Comparison


def show(say: Say, fight: Fight) -> None:
    """Draw the scorecard of what is finished, and say what chance has to do with it."""
    snapshots = look(fight.specs)
    corners = fight.corners(say)
    table(
        say("The scorecard"),
        [say("Measure"), corners[0].name, corners[1].name],
        score(say, fight, snapshots),
    )
    found = verdicts(fight)
    if not found:
        st.caption(say("The accuracies come when both networks are finished."))
        return
    st.info(judge(say, fight, found), icon=":material/balance:")
    with st.expander(say("McNemar's test, seed by seed")):
        table(
            say("McNemar's test, seed by seed"),
            [
                say("Seed"),
                say("Both right"),
                say("{name} alone", name=corners[0].name),
                say("{name} alone", name=corners[1].name),
                say("Neither"),
                say("p"),
                say("How"),
            ],
            [
                (
                    it.seed,
                    it.comparison.both,
                    it.comparison.only_first,
                    it.comparison.only_second,
                    it.comparison.neither,
                    probability(it.comparison.p_value),
                    say("binomial") if it.comparison.exact else say("chi-square"),
                )
                for it in found
            ],
            text=(6,),
        )
        st.caption(
            say(
                "Only the pictures on which the two disagree count. If both were equally good, "
                "each of these would be as likely right for one as for the other; p is the "
                "probability of a split at least as uneven as this one."
            )
        )


def score(
    say: Say, fight: Fight, snapshots: Sequence[Snapshot | None]
) -> list[tuple[str, str, str]]:
    """Return the rows of the scorecard: what is measured, and both networks' values."""

    def row(label: str, value: Callable[[RunSpec, list[Snapshot]], str]) -> tuple[str, str, str]:
        one, other = (
            value(spec, [it for it in snapshots[side::2] if it and it.state == "finished"])
            for side, spec in enumerate(fight.pair)
        )
        return label, one, other

    return [
        row(say("Test accuracy"), lambda _, runs: _spread(_accuracies(runs))),
        row(say("Parameters"), lambda spec, _: f"{network_parameters(spec):,}"),
        row(
            say("Accuracy in % per 1,000 parameters"),
            lambda spec, runs: _mean(
                [1e5 * it / network_parameters(spec) for it in _accuracies(runs)], ".3g"
            ),
        ),
        row(say("Multiply-adds a picture"), lambda spec, _: large(multiply_adds(spec))),
        row(
            say("Training multiply-adds"),
            lambda spec, runs: (
                large(work(spec, float(np.mean([it.moment for it in runs])))) if runs else UNKNOWN
            ),
        ),
        row(
            say("Training seconds (processor)"),
            lambda _, runs: _mean([_seconds(it) for it in runs], ".1f"),
        ),
        row(
            say("Weights, kB"),
            lambda spec, _: f"{_BYTES * network_parameters(spec) / 1e3:,.0f}",
        ),
        row(
            say("Epochs"),
            lambda _, runs: _mean([it.moment for it in runs], ".3g"),
        ),
    ]


def right(fight: Fight, seed: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Return for each test picture whether either network names it rightly; None if not known."""
    found = []
    for spec in fight.pairs[seed]:
        now = engine().snapshot(spec.digest())
        if now is None or now.state != "finished":
            return None
        predictions = engine().predictions(spec.digest())
        if predictions is None:
            return None
        found.append(predictions.probabilities.argmax(axis=1) == predictions.labels)
    return found[0], found[1]


def verdicts(fight: Fight) -> list[Verdict]:
    """Compare both networks with each seed for which both are finished."""
    found = []
    for seed in range(fight.seeds):
        known = right(fight, seed)
        if known is not None:
            found.append(Verdict(seed=seed, comparison=mcnemar(*known)))
    return found


def judge(say: Say, fight: Fight, found: Sequence[Verdict]) -> str:
    """Say in words whether the difference is more than chance."""
    corners = fight.corners(say)
    surer = [it for it in found if it.comparison.p_value < SIGNIFICANT]
    wins = [
        sum(it.comparison.only_first > it.comparison.only_second for it in surer),
        sum(it.comparison.only_first < it.comparison.only_second for it in surer),
    ]
    first = found[0].comparison
    told = say(
        "Test pictures that one alone names rightly, with seed {seed}: {one} {one_count}, {other} "
        "{other_count}. If both were equally good, a split as uneven would come about with a "
        "probability of {p}.",
        seed=found[0].seed,
        one=corners[0].name,
        one_count=first.only_first,
        other=corners[1].name,
        other_count=first.only_second,
        p=probability(first.p_value),
    )
    if not surer:
        verdict = say(
            "No seed shows a difference that is more than chance (McNemar's test, 5 %): on these "
            "test pictures neither is shown to be better."
        )
    elif min(wins):
        verdict = say(
            "The seeds contradict each other. Wins by more than chance (McNemar's test, 5 %): "
            "{one} {one_wins}, {other} {other_wins}.",
            one=corners[0].name,
            one_wins=wins[0],
            other=corners[1].name,
            other_wins=wins[1],
        )
    else:
        verdict = say(
            "{name}: wins by more than chance with {wins} of {count} seeds (McNemar's test, 5 %).",
            name=corners[0 if wins[0] else 1].name,
            wins=len(surer),
            count=len(found),
        )
    return f"{verdict} {told}"


def probability(value: float) -> str:
    """Write a probability so that small ones are told apart from nothing."""
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}"


def _accuracies(runs: Sequence[Snapshot]) -> list[float]:
    return [it.test_accuracy for it in runs if it.test_accuracy is not None]


def _seconds(snapshot: Snapshot) -> float:
    if snapshot.partial is not None:
        return snapshot.partial.processor_seconds
    return float(snapshot.processor_seconds[-1]) if snapshot.processor_seconds.size else math.nan


def _mean(values: Sequence[float], form: str) -> str:
    value = float(np.mean(values)) if len(values) else math.nan
    return format(value, form) if math.isfinite(value) else UNKNOWN


def _spread(values: Sequence[float]) -> str:
    if not values:
        return UNKNOWN
    mean = f"{np.mean(values):.4f}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.4f} – {max(values):.4f})"
