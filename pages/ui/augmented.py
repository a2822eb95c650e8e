"""A training picture as augmentation changes it, epoch after epoch."""

import dataclasses

import streamlit as st

from cvcore import datasets
from cvcore.augmentation_views import augmented
from cvcore.spec import Augmentation, RunSpec
from pages.ui import questions
from pages.ui.gallery import Tile, show_gallery
from pages.ui.words import Say

_EPOCHS = 8  # with the picture itself, three rows of three


def show_augmented(say: Say, data: RunSpec, augmentation: Augmentation) -> None:
    """Show the first training picture as the first epochs see it, once a worker has drawn it.

    Parameters
    ----------
    say : Say
    data : RunSpec
        Says which pictures, and the seed.
    augmentation : Augmentation
        Nothing is shown where it changes nothing.
    """
    if augmentation == Augmentation():
        return
    if datasets.missing(data.dataset):
        st.caption(say("Examples appear here once the data set has been downloaded."))
        return
    question = (augmented, dataclasses.replace(data, augmentation=augmentation), 0, _EPOCHS)
    answers = questions.ask(say, question, key="augmented")
    if answers is None:
        return
    (images,) = answers
    tiles = [Tile(image=images[0], head=say("as it is"), alt=say("The picture itself"))]
    tiles += [
        Tile(
            image=image,
            head=say("Epoch {epoch}", epoch=epoch),
            alt=say("As epoch {epoch} sees it", epoch=epoch),
        )
        for epoch, image in enumerate(images[1:], start=1)
    ]
    show_gallery(tiles, label=say("The first training picture, augmented"), key="augmented_tiles")
