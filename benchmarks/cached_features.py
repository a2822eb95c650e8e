"""What it saves to compute a frozen backbone's features once.

The same head learns the same pictures with the same weights and in the same order, twenty
epochs, on MobileNetV2: on features that are computed once, in this training, and with every
picture sent through the frozen backbone in every epoch. Both build their network anew each time.
"""

import statistics
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.measure import alternate, ratio, report
from benchmarks.transfer import PICTURES, collected
from cvcore import backbones, transfer
from cvcore.transfer_spec import Head, TransferSpec

ROUNDS = 3
LEAST = 3.0  # times as fast; building the network, a second of it, is on both sides


def anew(spec: TransferSpec) -> transfer.Learned:
    """Learn, whatever is kept of the features or the result."""
    for path in transfer.folder(spec).glob("*.npz"):
        path.unlink()
    return transfer.learn("", spec)


def main() -> int:
    """Measure, print what was done, and return the exit status."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURES
    if backbones.missing("MobileNetV2", top=False):
        backbones.fetch("", "MobileNetV2", top=False)
    with collected(folder) as usual:
        # Dropout draws other numbers on the two ways.
        once = replace(usual, head=Head(dropout=0.0))
        each = replace(once, way="augmented")  # by nothing
        curves = [anew(it).loss for it in (once, each)]
        seconds = alternate(
            {"once": lambda: anew(once), "each epoch": lambda: anew(each)}, rounds=ROUNDS
        )
    for name, took in seconds.items():
        print(f"{name:<10} {statistics.median(took):6.2f} s, {once.epochs} epochs")
    apart = float(np.abs(curves[0] - curves[1]).max())
    print(f"The losses of all epochs differ by at most {apart:.1e}.")
    faster = ratio(seconds["each epoch"], seconds["once"])
    goal = f">= {LEAST:g} x, same losses"
    return report("cached_features", f"{faster:.1f} x", goal, met=faster >= LEAST and apart < 1e-3)


if __name__ == "__main__":
    sys.exit(main())
