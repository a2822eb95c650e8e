"""How the first page reaches a browser sooner than Streamlit alone would bring it there."""

import logging
import mimetypes
import re
import socket
from functools import cache
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.testing.v1 import AppTest

from pages.ui.registry import PAGES

_STATIC = Path(st.__file__).parent / "static"
_YEAR = 365 * 24 * 60 * 60  # seconds; the files have their digest in their names

# The parts of Streamlit's front end that the first page begins with. A browser would ask for
# each when the first of its kind is to be drawn; named in the index, it has them by then.
PARTS = ("BidiComponent", "Button", "ButtonGroup", "Html", "Selectbox")


def rehearse(script: str) -> None:
    """Run an app once, so that its first visitor need not wait for what is imported and kept.

    Parameters
    ----------
    script : str
        The file that Streamlit runs for every visitor.
    """
    logging.disable(logging.WARNING)  # Streamlit warns that nobody is there
    visit = AppTest.from_file(script, default_timeout=60)
    visit.session_state["navigated"] = True  # no need to wait for a browser
    visit.run()
    logging.disable(logging.NOTSET)


def middleware() -> list[Middleware]:
    """Return what answers before Streamlit does."""
    return [Middleware(Prompt)]


def routes() -> list[Route]:
    """Return the addresses of the pages, answered with an index that names what they need."""
    paths = ["/", *(f"/{page.name}" for page in PAGES)]
    return [Route(path, _answer_index) for path in paths]


class Prompt:
    """Answers requests for the front end's files from memory, and everything at once.

    A browser asks for a hundred of them before it draws anything; Streamlit's own server opens
    each anew. It also leaves Nagle's algorithm on, which keeps a message back, for up to 40 ms,
    until the one before is acknowledged: at every file, and at every move of a control.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let the app behind this one do it."""
        _send_at_once(receive)
        asked = scope["path"] if scope["type"] == "http" else ""
        await (_keep(asked) if asked in _files() else self._app)(scope, receive, send)


def _send_at_once(receive: Receive) -> None:
    """Turn Nagle's algorithm off for the connection that a request came by."""
    # Uvicorn hands out a method of the object that holds the connection; another server may not.
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    connection = transport.get_extra_info("socket") if transport else None
    if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


@cache
def _files() -> dict[str, Path]:
    """Return the front end's files by their addresses; no other path is ever opened."""
    files = (path for path in (_STATIC / "static").rglob("*") if path.is_file())
    return {f"/{path.relative_to(_STATIC).as_posix()}": path for path in files}


@cache
def _keep(address: str) -> Response:
    file = _files()[address]
    headers = {"Cache-Control": f"public, immutable, max-age={_YEAR}"}
    kind, _ = mimetypes.guess_type(file.name)
    return Response(file.read_bytes(), media_type=kind, headers=headers)


async def _answer_index(_: Request) -> Response:
    return HTMLResponse(index(), headers={"Cache-Control": "no-cache"})


@cache
def index() -> str:
    """Return Streamlit's index page, with the parts of the first page among its scripts."""
    page = (_STATIC / "index.html").read_text(encoding="utf-8")
    folder = _STATIC / "static" / "js"
    waiting = [path.name for part in PARTS for path in folder.glob(f"{part}.*.js")]
    links: list[str] = []
    while waiting:
        name = waiting.pop(0)
        link = f'<link rel="modulepreload" crossorigin href="./static/js/{name}">'
        if name not in page and link not in links:
            links.append(link)
            # What it imports is not found before it is read.
            code = (folder / name).read_text(encoding="utf-8")
            waiting += re.findall(r"""(?:from|import)["'`]\./([^"'`]+\.js)["'`]""", code)
    return page.replace("</head>", "\n".join([*links, "</head>"]), 1)
