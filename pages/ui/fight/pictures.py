"""What each network gets right that the other does not, as pictures."""

import numpy as np
import streamlit as st

from cvcore import evaluation
from cvcore.datasets import DATASETS
from cvcore.engine import engine
from cvcore.runs import Predictions
from pages.ui import questions
from pages.ui.fight.settings import Fight
from pages.ui.gallery import Tile, show_gallery
from pages.ui.inputs import choose
from pages.ui.words import Say

SHOWN = 16


def show(say: Say, fight: Fight) -> None:
    """Show test pictures by who gets them right, with what both networks say of them."""
    runs = [spec.digest() for spec in fight.pair]
    said = [engine().predictions(run) for run in runs]
    one, other = said
    if one is None or other is None:
        st.caption(say("The pictures come when both networks are finished with the first seed."))
        return
    corners = fight.corners(say)
    right = [it.probabilities.argmax(axis=1) == it.labels for it in (one, other)]
    kinds = {
        "second": right[1] & ~right[0],
        "first": right[0] & ~right[1],
        "neither": ~right[0] & ~right[1],
    }
    names = {"second": corners[1].name, "first": corners[0].name}
    which = choose(
        say("Who is right"),
        {
            kind: say("{name} alone: {count}", name=names[kind], count=f"{mask.sum():,}")
            if kind in names
            else say("Neither: {count}", count=f"{mask.sum():,}")
            for kind, mask in kinds.items()
        },
        key="fight_right",
        default="second",
        style="segments",
        hide_label=True,
    )
    st.caption(
        say(
            "Of {total} test pictures, {both} get their right name from both networks (first "
            "seed). Under each picture: its true name, then what the two say.",
            total=f"{len(one.labels):,}",
            both=f"{(right[0] & right[1]).sum():,}",
        )
    )
    places = tuple(np.flatnonzero(kinds[which])[:SHOWN].tolist())
    if not places:
        st.caption(say("There is no such picture."))
        return

    answers = questions.ask(say, (evaluation.pictures, runs[0], places), key="fight_pictures")
    if answers is not None:
        tiles = [
            _tile(say, fight, (one, other), place, image)
            for place, image in zip(places, answers[0], strict=True)
        ]
        show_gallery(
            tiles,
            label=say("Test pictures, with their true names and what both networks say"),
            key="fight_tiles",
        )


def _tile(
    say: Say, fight: Fight, said: tuple[Predictions, Predictions], place: int, image: np.ndarray
) -> Tile:
    classes = DATASETS[fight.data].classes
    names = [say(classes[int(it.probabilities[place].argmax())]) for it in said]
    return Tile(
        image=image,
        head=say(classes[int(said[0].labels[place])]),
        note=say("{one} / {other}", one=names[0], other=names[1]),
        alt=say("Test picture {number}", number=place + 1),
    )
