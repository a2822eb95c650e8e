"""When validation stops following training, and by which measure."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cvcore.arrays import IntArray
from cvcore.history import Series, Snapshot

RISE = 0.02
"""How far above its lowest value, as a share of it, a validation loss counts as risen."""

PATIENCE = 2
"""Epochs since the lowest one: a single worse epoch is chance."""


class Best(NamedTuple):
    """The best value of a curve, and the epoch after which it was reached."""

    value: float
    epoch: int


@dataclass(frozen=True, kw_only=True)
class Gap:
    """How training and validation have come apart.

    Parameters
    ----------
    loss, accuracy : Best
        The lowest validation loss and the highest validation accuracy.
    val_loss, training_loss : float
        After the last epoch.
    training_loss_then : float
        After the epoch of the lowest validation loss.
    accuracy_ahead : float
        Training accuracy less validation accuracy, after the last epoch.
    opens : bool
        Whether validation loss has risen from its lowest value while training loss fell on:
        overfitting, by the loss.
    """

    loss: Best
    accuracy: Best
    val_loss: float
    training_loss: float
    training_loss_then: float
    accuracy_ahead: float
    opens: bool


def best(values: Series, epochs: IntArray, *, lowest: bool) -> Best | None:
    """Find a curve's best epoch, the first one of equals.

    Parameters
    ----------
    values : ndarray of float64, shape (k,)
        Not finite where there is nothing, or nothing good.
    epochs : ndarray of int64, shape (k,)
    lowest : bool
        Whether low values are good ones.

    Returns
    -------
    Best or None
        None where no value is finite.

    Examples
    --------
    >>> best(np.array([0.5, 0.25, 0.75]), np.array([1, 2, 3]), lowest=True)
    Best(value=0.25, epoch=2)
    """
    places = np.flatnonzero(np.isfinite(values))
    if not places.size:
        return None
    known = values[places]
    place = int(places[known.argmin() if lowest else known.argmax()])
    return Best(float(values[place]), int(epochs[place]))


def gap(snapshot: Snapshot) -> Gap | None:
    """Compare the curves of training and validation so far.

    Parameters
    ----------
    snapshot : Snapshot

    Returns
    -------
    Gap or None
        None before the second epoch, without validation, and where the last values are
        not finite.
    """
    loss = best(snapshot.val_loss, snapshot.epoch, lowest=True)
    accuracy = best(snapshot.val_accuracy, snapshot.epoch, lowest=False)
    if snapshot.epoch.size < 2 or loss is None or accuracy is None:
        return None
    now, training = float(snapshot.val_loss[-1]), float(snapshot.loss[-1])
    if not np.isfinite([now, training]).all():
        return None
    then = float(snapshot.loss[np.flatnonzero(snapshot.epoch == loss.epoch)[0]])
    waited = int(snapshot.epoch[-1]) - loss.epoch
    return Gap(
        loss=loss,
        accuracy=accuracy,
        val_loss=now,
        training_loss=training,
        training_loss_then=then,
        accuracy_ahead=float(snapshot.accuracy[-1] - snapshot.val_accuracy[-1]),
        opens=waited >= PATIENCE and now > (1 + RISE) * loss.value and training < then,
    )
