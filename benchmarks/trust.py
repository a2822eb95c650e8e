"""Whether hiding what a heat map calls important lowers a class faster than chance does.

On the first test pictures, with Fashion-MNIST networks of three seeds, the class being the one
that the network says: the share of pictures on which the area under the class's score before
softmax is smaller when the pixels that the map ranks highest are hidden first (the deletion
curve of Petsiuk et al., arXiv:1806.07421) than the mean of the areas of several random orders.

Grad-CAM looks at the last convolution. It weighs each map by the mean of the gradient over all
places: that is all there is to know where global average pooling follows, and the goal is for
such a network, with hidden pixels of the picture's mean, for the worst of the seeds. Where a
network flattens its maps, as the preset "Fast" and the lecture's CNN do, every place has weights
of its own, and the mean leaves them out: there Grad-CAM is often no better than chance, and how
good it is hangs on the seed. HiResCAM, the same without the mean, shows that this is the reason.
"""

import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from benchmarks.measure import report
from cvcore import datasets, training, trust
from cvcore.heat_maps import Way, usual_layer
from cvcore.jobs import Reporter, keep
from cvcore.recipes import RECIPES
from cvcore.runs import RunStore
from cvcore.spec import RunSpec
from cvcore.subjects import Fill, Picture, Subject
from cvcore.trust import Falls

SEEDS = (0, 1, 2)
PICTURES = 50
MAJORITY = 0.5
FILLS: tuple[Fill, ...] = ("mean", "black", "blur")
NETWORKS = {
    "pooled": RECIPES["pooled"],
    "fast": RECIPES["fast"],
    "lecture_cnn": replace(RECIPES["lecture_cnn"], epochs=2),
}


def main() -> int:
    """Measure, print what was done, and return the exit status."""
    datasets.load("fashion_mnist")
    shares: dict[str, list[float]] = {}
    print(f"{'network':<12} {'seed':>4} {'map':<15} {'hides':>6}", end="")
    print(f" {'deletion':>9} {'insertion':>9} {'probability':>12} {'empty':>6}")
    for name, spec in NETWORKS.items():
        # The lecture's takes as long as all the others together.
        for seed in SEEDS if name != "lecture_cnn" else SEEDS[:1]:
            seeded = replace(spec, seed=seed)
            with tempfile.TemporaryDirectory() as url:
                subject = trained(url, seeded)
                labels = said(url, subject)
                for way, fill in ways(seeded):
                    found = [
                        trust.curves(url, subject, Picture(number=number), label, way, fill)
                        for number, label in enumerate(labels)
                    ]
                    deletion = faster([it.score for it in found])
                    insertion = sum(it.score.insertion > it.score.by_chance for it in found)
                    probability = faster([it.probability for it in found])
                    empty = sum(not it.heat.values.any() for it in found)
                    print(f"{name:<12} {seed:>4} {way.method:<15} {fill:>6}", end="")
                    print(f" {deletion:9.2f} {insertion / PICTURES:9.2f}", end="")
                    print(f" {probability:12.2f} {empty / PICTURES:6.2f}", flush=True)
                    if (way.method, fill) == ("grad_cam", FILLS[0]):
                        shares.setdefault(name, []).append(deletion)
    flattened = [*shares["fast"], *shares["lecture_cnn"]]
    return report(
        "trust",
        f"at least {min(shares['pooled']):.2f} of {PICTURES} pictures; where maps are flattened, "
        f"{statistics.median(flattened):.2f}",
        f"> {MAJORITY} before global average pooling",
        met=min(shares["pooled"]) > MAJORITY,
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
    """Return the maps that are tried, and what hides; for occlusion in the square too."""
    last = usual_layer(spec)
    for fill in FILLS:
        yield Way(method="grad_cam", layer=last), fill
        yield Way(method="hires_cam", layer=last), fill
        yield Way(method="occlusion", patch=5, fill=fill), fill
        yield Way(method="gradient"), fill


def faster(found: list[Falls]) -> float:
    """Return on which share of pictures deletion is faster than chance."""
    return sum(it.deletion < it.by_chance for it in found) / len(found)


if __name__ == "__main__":
    sys.exit(main())
