"""The lecture's figures beside ours: whole runs of its recipes on Fashion-MNIST.

Its dense classifier for 5 epochs, and until a training accuracy of 0.95; its CNN for 20 epochs.
The first weights and the order of the pictures differ, so equal to the last digit they cannot
be: each figure has a distance that chance and versions of Keras explain. Some ten minutes on
two cores.
"""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from benchmarks.measure import report
from benchmarks.runs import Trained, trained
from cvcore import datasets
from cvcore.recipes import RECIPES


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A number of the lecture, and how ours is read off a run.

    Parameters
    ----------
    published : float
    within : float
        How far ours may be from it.
    read : callable
    """

    published: float
    within: float
    read: Callable[[Trained], float]


def _last(name: str) -> Callable[[Trained], float]:
    return lambda run: float(getattr(run.epochs[-1], name))


FIGURES: Mapping[str, Mapping[str, Figure]] = {
    "lecture_dense": {
        "training accuracy": Figure(published=0.89, within=0.01, read=_last("accuracy")),
        "test accuracy": Figure(published=0.87, within=0.015, read=lambda run: run.test_accuracy),
    },
    "lecture_cnn": {
        "training accuracy": Figure(published=0.9510, within=0.01, read=_last("accuracy")),
        "validation accuracy": Figure(published=0.9048, within=0.01, read=_last("val_accuracy")),
    },
    "lecture_early_stop": {
        "ended after epoch": Figure(published=34, within=6, read=_last("epoch")),
    },
}
"""By the name of the recipe."""

SEEDS = {"lecture_dense": (0, 1, 2), "lecture_cnn": (0,), "lecture_early_stop": (0, 1, 2)}


def main() -> int:
    """Train all, print the table, and return the exit status."""
    datasets.load("fashion_mnist")
    met, told = 0, 0
    print(f"{'recipe':>18} {'seed':>4}  {'figure':<19} {'lecture':>8} {'ours':>8} {'within':>7}")
    for recipe, figures in FIGURES.items():
        for seed in SEEDS[recipe]:
            begun = time.perf_counter()
            run = trained(replace(RECIPES[recipe], seed=seed))
            seconds = time.perf_counter() - begun
            for name, figure in figures.items():
                ours = figure.read(run)
                near = abs(ours - figure.published) <= figure.within
                met, told = met + near, told + 1
                print(
                    f"{recipe:>18} {seed:>4}  {name:<19} {figure.published:>8g} {ours:8.4g} "
                    f"{figure.within:>7g} {'' if near else 'missed'}"
                )
            print(
                f"{recipe:>18} {seed:>4}  {len(run.epochs)} epochs in {seconds:.0f} s", flush=True
            )
    return report(
        "lecture_figures",
        f"{met} of {told} figures as in the lecture",
        f"all {told}, each within its distance",
        met=met == told,
    )


if __name__ == "__main__":
    sys.exit(main())
