"""A served app and a browser for the tests in this folder.

``visit`` opens a page and waits until it is drawn::

    def test_a_stride_of_two_halves_the_answer(visit: Visit) -> None:
        page = visit("filters?stride=2", language="ko", phone=True)
        expect(page.get_by_text("(255, 255)")).to_be_visible()

Each visit is a visitor of its own (a fresh browser context: no cookies, no cache). When the
test ends, every visited page is checked: no stack trace, nothing in the browser's console,
nothing asked of another machine, and on a phone nothing wider than the screen.

``server`` is one server for the whole folder; ``fresh_server`` one that nobody has visited yet,
for this test alone: ``visit("train", server=fresh_server)``. Both keep their runs in a temporary
folder and find the data sets of the shared asset folder.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from tests.browser.helpers import PATIENCE, PHONE, WIDE, Visit, Witness, no_stack_trace, settle
from tools import chromium
from tools.app_server import AppServer, serve


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    # For this folder alone: while it runs, others would find an event loop in their thread.
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    if chromium.find(playwright) is None and "CI" not in os.environ:
        pytest.skip("There is no Chromium: run `python -m playwright install chromium`.")
    with chromium.launch(playwright) as running:
        yield running


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    with serve(tmp_path_factory.mktemp("server"), environment=_data()) as running:
        yield running


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """What this test opened, closed in reverse order: a page goes before its server."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def fresh_server(tmp_path: Path, opened: ExitStack) -> AppServer:
    return opened.enter_context(serve(tmp_path, environment=_data()))


def _data() -> dict[str, str]:
    """The folder with the shared data sets that `tests.conftest` made."""
    return {"KERAS_HOME": os.environ["KERAS_HOME"]}


@pytest.fixture
def visit(request: pytest.FixtureRequest, browser: Browser, opened: ExitStack) -> Visit:
    served: set[Path] = set()

    def open_page(
        path: str = "",
        *,
        language: str = "en",
        phone: bool = False,
        dark: bool = False,
        server: AppServer | None = None,
    ) -> Page:
        app: AppServer = server or request.getfixturevalue("server")
        served.add(app.log)
        width, height = PHONE if phone else WIDE
        context = browser.new_context(
            locale={"en": "en-GB", "ko": "ko-KR"}.get(language, language),
            viewport={"width": width, "height": height},
            has_touch=phone,
            color_scheme="dark" if dark else "light",
            accept_downloads=True,
        )
        opened.callback(context.close)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        witness = Witness(page, app.url)
        page.goto(f"{app.url}/{path}")
        settle(page)
        opened.callback(_check, page, witness)
        return page

    def keep_log() -> None:
        # Shown where the test failed: the page tells visitors nothing of a stack trace.
        for log in served:
            request.node.add_report_section("teardown", "server log", log.read_text()[-4000:])

    opened.callback(keep_log)
    return open_page


def _check(page: Page, witness: Witness) -> None:
    if page.is_closed():
        return
    no_stack_trace(page)
    assert witness.complaints == []
    assert witness.asked_elsewhere == []
