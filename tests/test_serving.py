"""What answers before Streamlit does, and how the app is found."""

import asyncio
import re
import socket
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.types import Message, Scope
from streamlit.web.server.app_discovery import discover_asgi_app

from pages.ui import serving
from pages.ui.registry import PAGES
from tools.app_server import APP


class Request:
    """A request as Uvicorn hands it on: `receive` belongs to what holds the connection."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.socket = socket.socket()
        self.transport = self
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""

    def get_extra_info(self, name: str) -> socket.socket:
        assert name == "socket"
        return self.socket

    async def receive(self) -> Message:
        return {"type": "http.request", "body": b""}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message["body"]

    async def answer(self) -> None:
        app = serving.Prompt(Starlette(routes=serving.routes()))
        scope: Scope = {
            "type": "http",
            "method": "GET",
            "path": self.path,
            "root_path": "",
            "query_string": b"",
            "headers": [],
        }
        await app(scope, self.receive, self.send)


def ask(path: str) -> Request:
    request = Request(path)
    with request.socket:
        asyncio.run(request.answer())
    return request


def scripts() -> list[str]:
    return re.findall(r'(?:src|href)="\.(/static/js/[^"]+)"', serving.index())


def test_streamlit_starts_the_app_with_what_answers_before_it() -> None:
    assert discover_asgi_app(APP).import_string == "app:app"


@pytest.mark.parametrize("path", ["/", *(f"/{page.name}" for page in PAGES)])
def test_every_page_is_answered_with_the_index_which_is_asked_for_anew(path: str) -> None:
    answer = ask(path)
    assert answer.body.decode() == serving.index()
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("part", serving.PARTS)
def test_the_index_names_every_part_of_the_first_page(part: str) -> None:
    assert any(Path(script).name.startswith(f"{part}.") for script in scripts())


def test_every_script_of_the_index_is_named_once_and_there_to_be_kept() -> None:
    assert len(scripts()) == len(set(scripts())) > len(serving.PARTS)
    for script in scripts():
        answer = ask(script)
        assert answer.status == 200
        assert len(answer.body) == int(answer.headers["content-length"]) > 0
        assert answer.headers["content-type"].startswith("text/javascript")
        assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize("path", ["/static/js/none.js", "/static/../index.html", "/index.html"])
def test_what_is_no_file_of_the_front_end_is_left_to_streamlit(path: str) -> None:
    assert ask(path).status == 404  # there is no Streamlit behind this one


def test_nothing_is_held_back_on_the_connection_of_a_request() -> None:
    request = Request("/")
    with request.socket as connection:
        assert not connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        asyncio.run(request.answer())
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
