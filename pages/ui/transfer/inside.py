"""Look inside a network that has learned the visitor's own classes."""

import numpy as np
import streamlit as st

from cvcore.large import Large, Photo
from pages.ui.inputs import number
from pages.ui.inside import pretrained
from pages.ui.transfer import branch
from pages.ui.transfer.settings import choose_learned
from pages.ui.words import Say


def show(say: Say) -> None:
    """Show what such a network does with one of the held-out pictures."""
    controls, experiment = st.columns([1, 2.6], gap="medium")
    with controls:
        learned = choose_learned(say)
        if learned is None:
            return
        spec, kept, names, collection = learned
        spec, kept = branch.recall(say, spec, kept)
        source = "astronaut"
        if spec.is_own:
            places = np.flatnonzero(kept.held)
            chosen = number(
                say("Held-out picture"), key="result_picture", default=1, low=1, high=len(places),
                style="box",
            )  # fmt: skip
            source = [it.name for _, it in collection.pictures()][places[chosen - 1]]
    photo = Photo(source=source, framing=spec.framing, work=spec.work if spec.is_own else "")
    network = Large(backbone=spec.backbone, spec=spec, classes=len(names))
    with experiment:
        scores = pretrained.show(say, network, photo, names)
        if scores is not None and st.session_state["large"] == "surgery":
            branch.offer(say, spec)
    if scores is not None:
        with controls:
            pretrained.show_answer(say, scores, names)
