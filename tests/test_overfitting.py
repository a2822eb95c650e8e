"""When validation stops following training: by the loss, by the accuracy, or not at all."""

import math

import numpy as np
import pytest

from cvcore.history import Epoch, History, Snapshot
from cvcore.networks import NETWORKS
from cvcore.overfitting import Best, best, gap
from cvcore.spec import RunSpec

SPEC = RunSpec(dataset="digits", network=NETWORKS["dense"].layers, epochs=10)


def run(*values: tuple[float, float, float | None, float | None], first: int = 1) -> Snapshot:
    """Return a run whose epochs have these losses and accuracies, for training and validation."""
    history = History(SPEC)
    for number, (loss, accuracy, val_loss, val_accuracy) in enumerate(values):
        history.add(
            Epoch(
                attempt=1,
                number=number,
                at=float(number),
                epoch=first + number,
                loss=loss,
                accuracy=accuracy,
                val_loss=val_loss,
                val_accuracy=val_accuracy,
                images_per_second=1.0,
            )
        )
    return history.snapshot()


def test_the_loss_overfits_while_the_accuracy_goes_on_rising() -> None:
    found = gap(
        run((1.0, 0.5, 0.9, 0.6), (0.5, 0.8, 0.5, 0.8), (0.3, 0.9, 0.6, 0.81), (0.1, 1, 0.8, 0.82))
    )
    assert found is not None
    assert found.opens
    assert found.loss == Best(0.5, 2)
    assert found.accuracy == Best(0.82, 4)
    assert (found.val_loss, found.training_loss, found.training_loss_then) == (0.8, 0.1, 0.5)
    assert found.accuracy_ahead == pytest.approx(0.18)


@pytest.mark.parametrize(
    "values",
    [
        ((1.0, 0.5, 0.9, 0.6), (0.5, 0.8, 0.5, 0.8)),
        ((1.0, 0.5, 0.5, 0.6), (0.5, 0.8, 0.6, 0.8)),  # one worse epoch is chance
        ((1.0, 0.5, 0.5, 0.6), (0.5, 0.8, 0.505, 0.8), (0.4, 0.8, 0.509, 0.8)),  # within 2 %
        ((0.5, 0.8, 0.5, 0.8), (0.6, 0.7, 0.7, 0.7), (0.7, 0.6, 0.8, 0.6)),  # both get worse
    ],
    ids=["falling", "one", "little", "diverging"],
)
def test_no_gap_opens(values: tuple[tuple[float, float, float, float], ...]) -> None:
    found = gap(run(*values))
    assert found is not None
    assert not found.opens


@pytest.mark.parametrize(
    "values",
    [
        (),
        ((1.0, 0.5, 0.9, 0.6),),
        ((1.0, 0.5, None, None), (0.5, 0.8, None, None)),
        ((1.0, 0.5, 0.9, 0.6), (math.nan, 0.1, math.nan, 0.1)),
    ],
    ids=["nothing", "one epoch", "no validation", "ran away"],
)
def test_there_is_nothing_to_compare(
    values: tuple[tuple[float, float, float | None, float | None], ...],
) -> None:
    assert gap(run(*values)) is None


def test_a_branch_counts_its_epochs_on() -> None:
    found = gap(run((1.0, 0.5, 0.4, 0.6), (0.5, 0.8, 0.5, 0.8), first=7))
    assert found is not None
    assert found.loss.epoch == 7


def test_the_first_of_equals_is_the_best_and_an_infinite_value_never() -> None:
    epochs = np.arange(1, 5)
    assert best(np.array([2.0, 1.0, 1.0, -math.inf]), epochs, lowest=True) == Best(1.0, 2)
    assert best(np.full(4, math.nan), epochs, lowest=True) is None
