"""Trainings that pages and benchmarks refer to by name."""

from collections.abc import Mapping
from types import MappingProxyType

from cvcore.networks import NETWORKS
from cvcore.spec import RunSpec

RECIPES: Mapping[str, RunSpec] = MappingProxyType(
    {
        # Lecture notes: Fashion-MNIST with a dense classifier, without validation.
        "lecture_dense": RunSpec(
            dataset="fashion_mnist",
            network=NETWORKS["dense"].layers,
            epochs=5,
            validation_split=0.0,
        ),
        # Lecture notes: the same, ended by a callback once training accuracy reaches 0.95.
        "lecture_early_stop": RunSpec(
            dataset="fashion_mnist",
            network=NETWORKS["dense"].layers,
            epochs=100,
            validation_split=0.0,
            early_stop=0.95,
        ),
        # Lecture notes: Fashion-MNIST with a CNN.
        "lecture_cnn": RunSpec(
            dataset="fashion_mnist",
            network=NETWORKS["cnn"].layers,
            epochs=20,
        ),
        # As good on the validation pictures as the lecture's CNN after its 20 epochs, in a
        # thirtieth of the time (``python -m benchmarks.fast``): its learning rate rises and falls
        # within two epochs, after L. N. Smith, N. Topin, "Super-Convergence", arXiv:1708.07120.
        "fast": RunSpec(
            dataset="fashion_mnist",
            network=NETWORKS["fast"].layers,
            epochs=2,
            batch_size=96,
            learning_rate=0.01,
            schedule="one_cycle",
        ),
        # A network whose heat maps can be trusted (``python -m benchmarks.trust``).
        "pooled": RunSpec(
            dataset="fashion_mnist",
            network=NETWORKS["pooled"].layers,
            epochs=3,
            batch_size=96,
            learning_rate=0.01,
            schedule="one_cycle",
        ),
    }
)
"""Their specifications; equal ones share a run, so a benchmark's opens on the page."""
