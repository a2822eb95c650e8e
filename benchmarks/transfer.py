"""How well, and how fast, a handful of pictures is learned on a backbone's features and without.

The lectures' 15 faces and 15 animals, or the folders of pictures that the first argument names.
Five of each class are left out, on five splits; the worker learns the others as the page has it
by default: on MobileNetV2's features, and with the small CNN from scratch, on the same splits.
The seconds run from Train to the result, with all that the first of them waits for: on the first
split the features are computed, on the others they are found on disk. Augmentation and
fine-tuning are learned on the first split.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.measure import report
from cvcore import backbones, transfer, work_store
from cvcore.engine import Engine
from cvcore.runs import RunStore
from cvcore.spec import Augmentation
from cvcore.transfer import Learned
from cvcore.transfer_spec import TransferSpec, Way

PICTURES = Path(__file__).parents[2] / "shared" / "data" / "seed"
LEFT_OUT, SPLITS = 5, 5
LEAST = 0.85  # of the left-out pictures, right on the features

_AUGMENTED = Augmentation(rotation=10, zoom=0.1, flip=True)


@contextmanager
def collected(folder: Path) -> Iterator[TransferSpec]:
    """Keep a folder's pictures as a visitor would, and yield what learns them."""
    with tempfile.TemporaryDirectory() as name:
        os.environ["CVCORE_WORK"] = name
        token = work_store.create()
        classes = [it for it in sorted(folder.iterdir()) if it.is_dir()]
        for label, it in enumerate(classes):
            work_store.add_class(token, it.name)
            paths = sorted(path for path in it.iterdir() if path.is_file())
            work_store.add(token, label, [(path.name, path.read_bytes()) for path in paths])
        now = work_store.load(token)
        smallest = min(len(it.pictures) for it in now.classes)
        yield TransferSpec(work=token, content=now.digest(), held_out=LEFT_OUT / smallest)


def learned(engine: Engine, spec: TransferSpec) -> tuple[Learned, float]:
    """Let the worker learn; return what came of it, and the seconds that it took."""
    begun = time.perf_counter()
    answer = engine.compute(transfer.learn, spec)
    answer.wait(600)
    if answer.state != "ready":
        raise RuntimeError(str(answer.error))
    return answer.value, time.perf_counter() - begun


def main() -> int:
    """Measure, print what was done, and return the exit status."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURES
    if backbones.missing("MobileNetV2", top=False):
        backbones.fetch("", "MobileNetV2", top=False)
    with collected(folder) as spec, tempfile.TemporaryDirectory() as url:
        engine = Engine(RunStore(url))
        ways: dict[Way, TransferSpec] = {
            "features": spec,
            "scratch": replace(spec, way="scratch", size=96, augmentation=_AUGMENTED),
        }
        once: dict[Way, TransferSpec] = {
            "augmented": replace(spec, way="augmented", augmentation=_AUGMENTED),
            "fine_tune": replace(
                spec, way="fine_tune", augmentation=_AUGMENTED, thawed=3, fine_epochs=4
            ),
        }
        print(f"{'way':<10} {'split':>5} {'left out, right':>16} {'learned, right':>15} {'s':>6}")
        shares: dict[Way, list[float]] = {}
        seconds: dict[Way, list[float]] = {}
        for split in range(SPLITS):
            for way, one in (ways | (once if split == 0 else {})).items():
                found, took = learned(engine, replace(one, seed=split))
                right, of = found.right(held=True)
                known = "{} / {}".format(*found.right(held=False))
                print(f"{way:<10} {split:>5} {f'{right} / {of}':>16} {known:>15} {took:>6.1f}")
                shares.setdefault(way, []).append(right / of)
                seconds.setdefault(way, []).append(took)
        engine.close()
    on, without = (statistics.mean(shares[way]) for way in ("features", "scratch"))
    fast = statistics.median(seconds["features"]) / statistics.median(seconds["scratch"])
    figure = (
        f"left-out accuracy {on:.3f} on features, {without:.3f} from scratch; "
        f"first {seconds['features'][0]:.1f} s, then {statistics.median(seconds['features']):.1f} "
        f"s, {fast:.2f} x scratch"
    )
    goal = f">= {LEAST} and above scratch"
    return report("transfer", figure, goal, met=on >= LEAST and on > without)


if __name__ == "__main__":
    sys.exit(main())
