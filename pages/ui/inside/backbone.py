"""Look inside a network that was trained on ImageNet, with any photo."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cvcore import backbones, samples
from cvcore.large import Large, Photo
from pages.ui import address
from pages.ui.backbone_input import ask_for_weights, choose_backbone, choose_framing
from pages.ui.inside import pretrained
from pages.ui.picture_input import choose_picture
from pages.ui.setup import friendly
from pages.ui.transfer.classify import PHOTOS
from pages.ui.words import Say

_AMONG = (*PHOTOS, *(it for it in samples.SAMPLES if it not in PHOTOS))


def show(say: Say, experiment: DeltaGenerator) -> None:
    """Ask for backbone and photo, and show in the other column what happens inside."""
    name = choose_backbone(say, top=True)
    photo = choose_picture(say, key="photo", among=_AMONG)
    shown = Photo(source=photo.source, framing=choose_framing(say, key="framing"))
    address.report_ignored(say)
    if not name:
        return
    with experiment, st.container(key="experiment"), friendly(say):
        scores = None
        if not ask_for_weights(say, name, top=True, key="photo_weights"):
            return
        names = backbones.class_names()
        scores = pretrained.show(say, Large(backbone=name), shown, names)
    if scores is not None:
        pretrained.show_answer(say, scores, names)
