"""A picture to take away, as a file."""

import streamlit as st

from cvcore.arrays import ByteArray
from cvcore.display import encode_png, enlarge
from pages.ui.words import Say

_SIDE = 512  # pixels that the shorter side has at least, so that a small map is not a stamp


def take_picture(say: Say, image: ByteArray, *, name: str, key: str) -> None:
    """Offer a picture as a PNG file, small ones enlarged without blurring.

    Parameters
    ----------
    say : Say
    image : ndarray of uint8, shape (height, width) or (height, width, 1 or 3)
    name : str
        The file's, without its ending; letters, digits and hyphens.
    key : str
        The button's.
    """
    factor = max(-(-_SIDE // min(image.shape[:2])), 1)

    def make() -> bytes:
        return encode_png(enlarge(image, factor))

    st.download_button(
        say("Save the picture"),
        make,
        file_name=f"{name}.png",
        mime="image/png",
        icon=":material/download:",
        key=key,
        type="tertiary",
        on_click="ignore",
    )
