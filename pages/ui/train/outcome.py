"""What came of a finished run: how many test pictures get their right name, and some of them."""

import streamlit as st

from cvcore.datasets import DATASETS
from cvcore.engine import engine
from cvcore.history import Snapshot
from cvcore.runs import Predictions
from cvcore.spec import RunSpec
from pages.ui import address
from pages.ui.gallery import Tile, show_gallery
from pages.ui.setup import friendly
from pages.ui.words import Say

SHOWN_TILES = 20
# A difference between training and test accuracy that is worth a word.
_GAP = 0.05


def show(say: Say, run: str, snapshot: Snapshot | None, spec: RunSpec) -> None:
    """Say what came of a run that has ended, and show test pictures with their names.

    Parameters
    ----------
    say : Say
    run : str
    snapshot : Snapshot or None
    spec : RunSpec
        Not needed: what came of a run belongs to its own settings.
    """
    if snapshot is None or not snapshot.ended or not snapshot.epoch.size:
        return
    predictions, spec = None, snapshot.spec
    with friendly(say):
        predictions = engine().predictions(run)
    if predictions is None:
        return
    said = predictions.probabilities.argmax(axis=1)
    right = int((said == predictions.labels).sum())
    told = say(
        "{right} of {total} test pictures get their right name: {test} %. Of the pictures it "
        "learned from, {training} % did.",
        right=f"{right:,}",
        total=f"{len(said):,}",
        test=f"{100 * right / len(said):.1f}",
        training=f"{100 * snapshot.accuracy[-1]:.1f}",
    )
    st.info(
        f"{told} {_notice(say, spec, snapshot, right / len(said))}", icon=":material/visibility:"
    )
    show_gallery(
        [
            _tile(say, spec, predictions, place)
            for place in range(min(len(predictions.images), SHOWN_TILES))
        ],
        label=say("Test pictures, with the name that the network gives and the true one"),
        key="run_tiles",
    )
    with st.container(horizontal=True, gap="medium", key="lead_on"):
        st.button(
            say("All its mistakes, class by class"),
            icon=":material/arrow_forward:",
            type="tertiary",
            key="to_result",
            on_click=address.apply,
            args=({"show": "result"},),
        )
        if st.button(
            say("Look inside this network"),
            icon=":material/search_insights:",
            type="tertiary",
            key="to_inside",
        ):
            st.switch_page("pages/inside.py")  # which shows the run that this page shows


def _notice(say: Say, spec: RunSpec, snapshot: Snapshot, test: float) -> str:
    """Say what there is to notice in a finished run."""
    classes = len(DATASETS[spec.dataset].classes)
    if test < 1.5 / classes:
        return say(
            "Guessing among {classes} classes does as well: it has not learned. Try a smaller "
            "learning rate.",
            classes=classes,
        )
    gap = snapshot.accuracy[-1] - test
    if gap < _GAP:
        return say("New pictures give it hardly more trouble.")
    return say(
        "New pictures give it more trouble than its own: {gap} percentage points.",
        gap=f"{100 * gap:.1f}",
    )


def _tile(say: Say, spec: RunSpec, predictions: Predictions, place: int) -> Tile:
    names = DATASETS[spec.dataset].classes
    probabilities = predictions.probabilities[place]
    said, true = int(probabilities.argmax()), int(predictions.labels[place])
    name, percent = say(names[said]), f"{100 * float(probabilities[said]):.0f}"
    right = said == true
    return Tile(
        image=predictions.images[place],
        head=say("✓ {name}, {percent} %", name=name, percent=percent)
        if right
        else say("✗ {name}, {percent} %", name=name, percent=percent),
        note=say("True: {name}", name=say(names[true])),
        alt=say("Test picture {number}, right", number=place + 1)
        if right
        else say("Test picture {number}, wrong", number=place + 1),
        marked=not right,
    )
