"""Whether hiding what a heat map calls important lowers a class faster than chance does.

On test pictures of trained Fashion-MNIST networks, the class being the one that the network says:
the share of pictures on which the area under the class's score before softmax is smaller when
the pixels that the map ranks highest are hidden first (the deletion curve of Petsiuk et al.,
arXiv:1806.07421) than the mean of the areas of several random orders.

The goal is set for Grad-CAM at the last convolution of the preset "Fast", hidden pixels being
black, as the ground of these pictures is. The other lines say how much hangs on these choices. A
random order speckles the picture; where the speckles are grey, on black, they destroy it as
nothing else does. And Grad-CAM takes the mean of the gradient over all places, which is what
counts where global average pooling follows; these networks flatten their maps and have other
weights for each place, which HiResCAM heeds.
"""

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from benchmarks.measure import report
from cvcore import datasets, training, trust
from cvcore.heat_maps import Way, usual_layer
from cvcore.jobs import Reporter, keep
from cvcore.recipes import RECIPES
from cvcore.runs import RunStore
from cvcore.spec import RunSpec
from cvcore.subjects import Fill, Picture, Subject
from cvcore.time_travel import positions_with_maps
from cvcore.trust import Falls

PICTURES = 50
MAJORITY = 0.5
FILLS: tuple[Fill, ...] = ("black", "mean", "blur")


def main() -> int:
    """Measure, print what was done, and return the exit status."""
    datasets.load("fashion_mnist")
    share = 0.0
    print(f"{'network':<12} {'map':<15} {'layer':>5} {'hides':>6}", end="")
    print(f" {'deletion':>9} {'insertion':>9} {'probability':>12} {'empty':>6}")
    for name, spec in (
        ("fast", RECIPES["fast"]),
        ("lecture_cnn", replace(RECIPES["lecture_cnn"], epochs=2)),
    ):
        with tempfile.TemporaryDirectory() as url:
            subject = trained(url, spec)
            labels = said(url, subject)
            for way, fill in ways(spec):
                # The square that hides for occlusion is filled as the pixels are.
                tried = replace(way, fill=fill) if way.method == "occlusion" else way
                found = [
                    trust.curves(url, subject, Picture(number=number), label, tried, fill)
                    for number, label in enumerate(labels)
                ]
                deletion = faster([it.score for it in found])
                insertion = np.mean([it.score.insertion > it.score.by_chance for it in found])
                probability = faster([it.probability for it in found])
                empty = np.mean([not it.heat.values.any() for it in found])
                print(f"{name:<12} {way.method:<15} {way.layer or '':>5} {fill:>6}", end="")
                print(f" {deletion:9.2f} {insertion:9.2f}", end="")
                print(f" {probability:12.2f} {empty:6.2f}", flush=True)
                usual = Way(layer=usual_layer(spec))
                if name == "fast" and (way, fill) == (usual, FILLS[0]):
                    share = deletion
    return report(
        "trust",
        f"{share:.2f} of {PICTURES} pictures",
        f"> {MAJORITY}",
        met=share > MAJORITY,
    )


def trained(url: str, spec: RunSpec) -> Subject:
    """Train a run as the worker does, and return its network as it was at the end."""
    store, digest = RunStore(url), spec.digest()
    reporter = Reporter(store, digest, 1, lambda _: None)
    store.begin(spec)
    training.train(spec, emit=reporter.emit, keep=partial(keep, store, digest))
    return Subject(run=digest, moment=store.moments(digest)[-1])


def said(url: str, subject: Subject) -> list[int]:
    """Return the classes that a network gives the first test pictures."""
    from cvcore.opened import opened

    with opened(url, subject) as network:
        scores = network.scores(network.data.test_images[:PICTURES])
    return [int(label) for label in scores.argmax(axis=1)]


def ways(spec: RunSpec) -> Iterator[tuple[Way, Fill]]:
    """Return the maps that are tried, and what hides."""
    last = usual_layer(spec)
    for fill in FILLS:
        yield Way(layer=last), fill
    for place in positions_with_maps(spec):
        if place != last:
            yield Way(layer=place), FILLS[0]
    for fill in FILLS:
        yield Way(method="hires_cam", layer=last), fill
    for fill in FILLS:
        yield Way(method="occlusion", patch=5), fill
    for fill in FILLS:
        yield Way(method="gradient"), fill


def faster(found: list[Falls]) -> float:
    """Return on which share of pictures deletion is faster than chance."""
    return float(np.mean([it.deletion < it.by_chance for it in found]))


if __name__ == "__main__":
    sys.exit(main())
