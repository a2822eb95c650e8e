"""What every page does first: navigation, language, and errors as sentences."""

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from cvcore.errors import CvCoreError
from pages.ui.registry import PAGES
from pages.ui.words import LANGUAGES, Say, plain

_LOG = logging.getLogger(__name__)
_FOLDER = Path(__file__).parents[1]
_ARRIVING = "arriving"
_PAUSE = 0.6  # seconds; what a browser takes for the first page on two busy cores
_STYLE = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")


def navigate() -> StreamlitPage:
    """Offer the pages and return the one that the address asks for."""
    say = Say(_language())
    # Without a picture of its own, the tab would fetch the page's icon from Google's servers,
    # which a classroom may not reach; an emoji is drawn by the browser.
    st.set_page_config(page_title=say("Computer-vision laboratory"), page_icon="🔬", layout="wide")
    st.session_state.setdefault(_ARRIVING, "navigated" not in st.session_state)
    st.session_state["navigated"] = True
    pages = [
        st.Page(
            _FOLDER / f"{page.name}.py",
            title=say(page.title),
            icon=page.icon,
            url_path=page.name,
        )
        for page in PAGES
    ]

    first = PAGES[0]
    # Streamlit serves its default page at the root alone. The first page is therefore there
    # twice: at the root, where visitors arrive, and at an address of its own.
    root = st.Page(
        _FOLDER / f"{first.name}.py",
        title=say(first.title),
        icon=first.icon,
        url_path="home",
        default=True,
        visibility="hidden",
    )
    return st.navigation([root, *pages], position="top")


def run(page: StreamlitPage) -> None:
    """Run a page; what nobody foresaw goes to the host's log and becomes a sentence here."""
    try:
        page.run()
    except Exception:
        _LOG.exception("The page %s failed", page.url_path)
        say = Say(_language())
        with st.container(key="failure"):
            st.error(
                say(
                    "Something went wrong in the laboratory itself; it is noted for the host. "
                    "Reload the page: runs and pictures are kept."
                ),
                icon=":material/build:",
            )


def set_up(name: str) -> Say:
    """Begin a page: its title and the language switch.

    Parameters
    ----------
    name : str
        The page's name in the registry.

    Returns
    -------
    Say
        Speaks the reader's language.
    """
    if "navigated" not in st.session_state:
        # The first visitor of a fresh server who comes by a page's own address:
        # Streamlit runs the page without app.py, once.
        navigate()
        st.rerun()
    say = Say(_language())
    page = next(page for page in PAGES if page.name == name)
    with st.container(horizontal=True, vertical_alignment="center", key="header"):
        st.title(say(page.title), width="content", anchor=False)
        st.caption(say(page.intro), width="stretch")
        st.segmented_control(
            "Language · 언어",
            LANGUAGES,
            required=True,
            format_func=LANGUAGES.__getitem__,
            key="lang",
            label_visibility="collapsed",
        )
    st.query_params["lang"] = say.language
    # Streamlit knows no other language for these; the style sheet puts ours in their place.
    words = {"upload": say("Choose a file"), "take": say("Take the photo"), "clear": say("Again")}
    said = "".join(f"--say-{name}: {json.dumps(word)};" for name, word in words.items())
    st.html(f"<style>:root {{{said}}} {_STYLE}</style>")
    return say


def let_it_draw() -> None:
    """Give a visitor's browser the time to draw what it has, before it gets the rest of the page.

    A browser that gets everything at once shows nothing until it has built all of it. Happens
    once a visit: what changes later is small.
    """
    if st.session_state.get(_ARRIVING):
        st.session_state[_ARRIVING] = False
        time.sleep(_PAUSE)


def _language() -> str:
    """Return the reader's language: the switch, else the address, else the browser's."""
    if "lang" not in st.session_state:
        asked = st.query_params.get("lang", "")
        browser = (st.context.locale or "en").split("-")[0]
        st.session_state["lang"] = next((it for it in (asked, browser) if it in LANGUAGES), "en")
    # Assigned anew so that it outlives a change of page, where the switch is another widget.
    st.session_state["lang"] = st.session_state["lang"]
    return str(st.session_state["lang"])


def explain(say: Say, error: CvCoreError) -> str:
    """Say an error's sentence in the reader's language, as text that Markdown leaves alone."""
    # A value can be a phrase of the catalogue too: "The learning rate" must be from 0 to 10.
    values = {
        blank: plain(say(value)) if isinstance(value, str) else value
        for blank, value in error.values.items()
    }
    return say(error.sentence, **values)


@contextmanager
def friendly(say: Say) -> Iterator[None]:
    """Turn a `CvCoreError` into a sentence; what is already on the page stays usable."""
    try:
        yield
    except CvCoreError as error:
        st.warning(explain(say, error), icon=":material/lightbulb:")
