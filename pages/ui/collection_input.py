"""Which classes: those of the address, of this visit, or the ready set."""

import streamlit as st

from cvcore import work_store
from cvcore.collection import Collection
from cvcore.errors import CvCoreError
from pages.ui import address
from pages.ui.setup import explain
from pages.ui.words import Say

WORK = "work"
"""What a collection's token is called in the address."""


def recall_collection(say: Say) -> tuple[str, Collection]:
    """Return the visitor's collection; a first visit opens the ready set.

    Returns
    -------
    token : str
    collection : Collection
    """
    address.recall(WORK, "", _read_token)
    token = str(st.session_state[WORK])
    try:
        collection = work_store.load(token) if token else None
    except CvCoreError as error:
        st.warning(explain(say, error), icon=":material/folder_off:")
        collection = None
    if collection is None:
        token = work_store.open_ready((say("Face"), say("Not a face")))
        collection = work_store.load(token)
    open_collection(token)
    address.publish(WORK, "")
    return token, collection


def open_collection(token: str) -> None:
    """Go on with a collection."""
    st.session_state[WORK] = token


def _read_token(text: str) -> str:
    if not work_store.TOKEN.fullmatch(text):
        raise ValueError(text)
    return text
