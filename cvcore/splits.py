"""Which pictures are learned from, and which are held out; what belongs together stays so."""

import numpy as np

from cvcore.arrays import BoolArray, IntArray


def hold_out(labels: IntArray, groups: IntArray, share: float, seed: int) -> BoolArray:
    """Choose pictures to hold out, of each class about the same share.

    Parameters
    ----------
    labels : ndarray of int64, shape (n,)
        Classes, from 0.
    groups : ndarray of int64, shape (n,)
        Pictures of one group stay on one side, also where they are of several classes.
    share : float
        Of each class, from 0 to 1.
    seed : int

    Returns
    -------
    ndarray of bool, shape (n,)
        True for those that are held out: of each class at most its share, rounded, and at
        least one picture where two groups of it leave one to learn from.
    """
    rng = np.random.default_rng(seed)
    count = int(labels.max()) + 1 if labels.size else 0
    sizes = np.bincount(labels, minlength=count)
    wanted = np.maximum(np.rint(share * sizes), 1).astype(int)
    members = [np.flatnonzero(groups == it) for it in rng.permutation(np.unique(groups))]
    tallies = [np.bincount(labels[it], minlength=count) for it in members]
    held = np.zeros(len(labels), bool)
    taken = np.zeros(count, int)
    for part, tally in zip(members, tallies, strict=True):
        if (taken + tally <= wanted)[tally > 0].all() and (taken + tally < sizes)[tally > 0].all():
            held[part] = True
            taken += tally
    # A class of large groups alone would have none: its smallest one, where another is left.
    for label in np.flatnonzero(taken == 0):
        own = [
            (tally.sum(), place)
            for place, tally in enumerate(tallies)
            if tally[label] and (taken + tally < sizes)[tally > 0].all()
        ]
        if own:
            place = min(own)[1]
            held[members[place]] = True
            taken += tallies[place]
    return held
