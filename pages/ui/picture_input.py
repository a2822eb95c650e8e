"""Which picture: a ready one, an upload, or the camera."""

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import NamedTuple

import streamlit as st

from cvcore import images, photos, samples, shelf
from cvcore.arrays import ByteArray
from cvcore.errors import CvCoreError
from pages.ui import address
from pages.ui.inputs import are_drawn
from pages.ui.setup import explain
from pages.ui.words import Say


class ChosenPicture(NamedTuple):
    """A picture to work on, what its file said before it was shrunk, and what finds it again."""

    name: str
    image: ByteArray
    original: images.Description
    source: str


@lru_cache(maxsize=8)
def _brought(token: str) -> tuple[ByteArray, images.Description]:
    image = images.decode(shelf.fetch(token))
    return images.fit(image, max_side=photos.WORKING_SIDE), images.describe(image)


@lru_cache(maxsize=len(samples.SAMPLES))
def _ready(name: str) -> tuple[ByteArray, images.Description]:
    image = samples.load(name)
    return image, images.describe(image)


def choose_picture(
    say: Say, *, key: str = "picture", among: Sequence[str] = tuple(samples.SAMPLES)
) -> ChosenPicture:
    """Ask for a picture; its name or token stands in the address.

    Parameters
    ----------
    say : Say
        Speaks the reader's language.
    key : str, optional
        The widget's key and its name in the address.
    among : sequence of str, optional
        The ready pictures to offer; the first is chosen where the address says nothing.

    Returns
    -------
    ChosenPicture
        uint8, (height, width, channels), at most `cvcore.photos.WORKING_SIDE` pixels a side.
        A picture that is no longer kept is replaced by the first sample, and said so.
    """
    default = among[0]
    address.recall(key, default, partial(_read_name, among))
    labels = {name: say(samples.SAMPLES[name].label) for name in among}
    chosen = st.session_state[key]
    if chosen not in labels:
        labels[chosen] = say("Your picture")
    if are_drawn():
        _draw(say, key, labels, default)
    if chosen not in among:
        try:
            return ChosenPicture(labels[chosen], *_brought(chosen), chosen)
        except CvCoreError as error:
            if are_drawn():
                st.warning(explain(say, error), icon=":material/broken_image:")
            chosen = default
    return ChosenPicture(labels[chosen], *_ready(chosen), chosen)


def _draw(say: Say, key: str, labels: Mapping[str, str], default: str) -> None:
    """Offer the ready pictures and one's own, and say why one could not be opened."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="xsmall"):
        st.selectbox(say("Picture"), list(labels), format_func=labels.__getitem__, key=key)
        _offer_own(say, key)
    address.publish(key, default)
    failure = st.session_state.pop("picture_error", None)
    if failure is not None:
        st.warning(explain(say, failure), icon=":material/broken_image:")


def _read_name(among: Sequence[str], text: str) -> str:
    if text in among or shelf.TOKEN.fullmatch(text):
        return text
    raise ValueError(text)


def _offer_own(say: Say, key: str) -> None:
    with st.popover(say("Own"), icon=":material/add_a_photo:", help=say("Upload or photograph")):
        st.file_uploader(
            say("A picture file (PNG, JPEG, WebP, BMP, GIF, TIFF; at most 10 MB)"),
            key="upload",
            on_change=_take,
            args=("upload", key),
            max_upload_size=images.MAX_UPLOAD_MEGABYTES,
        )
        # The browser asks for the camera as soon as the widget is there, so only on request.
        if st.toggle(say("Use the camera"), key="use_camera"):
            st.camera_input(say("Photograph"), key="camera", on_change=_take, args=("camera", key))


def _take(source: str, key: str) -> None:
    """Keep an upload and choose it; what cannot be opened leaves the page as it was."""
    upload = st.session_state[source]
    if upload is None:  # taken away again: the picture stays, it is on the shelf
        return
    try:
        data = upload.getvalue()
        images.decode(data)
        st.session_state[key] = shelf.keep(data)
    except CvCoreError as error:
        st.session_state["picture_error"] = error
