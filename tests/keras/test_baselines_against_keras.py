"""The Keras code that the Baselines page prints builds the network that the run trains."""

import pytest

from cvcore import baselines, models
from cvcore.baselines import RIVALS, NetworkRival
from cvcore.datasets import load

NETWORKS = [name for name, rival in RIVALS.items() if isinstance(rival, NetworkRival)]


@pytest.mark.parametrize("name", NETWORKS)
def test_the_printed_code_builds_the_network_of_the_run(name: str) -> None:
    spec = baselines.run_of(name, "digits", None)
    built, fit, _ = baselines.keras_code(spec).partition("network.fit(")
    assert fit
    names = vars(load("digits")).copy()
    exec(built, names)  # noqa: S102 - our own text, which a student would run
    printed, ours = names["network"], models.build(spec)
    assert [tuple(it.shape) for it in printed.weights] == [tuple(it.shape) for it in ours.weights]
    kept = (layer for layer in ours.layers if type(layer).__name__ != "InputLayer")
    for theirs, mine in zip(printed.layers, kept, strict=True):
        known = {"name", "kernel_initializer", "seed", "dtype"}
        one, other = theirs.get_config(), mine.get_config()
        assert {k: v for k, v in one.items() if k not in known} == {
            k: v for k, v in other.items() if k not in known
        }
    assert float(printed.optimizer.learning_rate.numpy()) == pytest.approx(spec.learning_rate)
