"""Networks with weights of a test's own in a store, as if they had been trained."""

import numpy as np

from cvcore import models
from cvcore.arrays import AnyArray
from cvcore.runs import RunStore
from cvcore.spec import RunSpec
from cvcore.subjects import Subject


def keep_weights(
    store: RunStore,
    spec: RunSpec,
    moment: float = 1.0,
    weights: dict[str, AnyArray] | None = None,
    *,
    seed: int = 0,
) -> Subject:
    """Keep a run with weights, random ones but where they are given, and return it."""
    if store.spec(spec.digest()) is None:
        store.begin(spec)
    rng = np.random.default_rng(seed)
    made: dict[str, AnyArray] = {
        name: value + rng.normal(0, 0.1, value.shape).astype(np.float32) ** 2
        for name, value in models.weights(models.build(spec)).items()
    }
    store.save_weights(spec.digest(), moment, made | (weights or {}))
    return Subject(run=spec.digest(), moment=moment)
