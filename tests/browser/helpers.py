"""What the browser tests share beside their fixtures (see ``conftest.py``)."""

from collections.abc import Callable
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Page, Request, expect

WIDE = (1366, 768)
PHONE = (390, 844)
PATIENCE = 30_000
"""Milliseconds for the first run of a page, on a busy machine of two cores."""

Visit = Callable[..., Page]
"""``visit(path="", *, language="en", phone=False, dark=False, server=None) -> Page``"""


def settle(page: Page) -> None:
    """Wait until the page is drawn and its script has nothing more to say."""
    page.wait_for_selector("h1, [data-testid=stException]", timeout=PATIENCE)
    no_stack_trace(page)
    page.wait_for_selector(
        "[data-testid=stApp][data-test-script-state=notRunning]"
        "[data-test-connection-state=CONNECTED]",
        timeout=PATIENCE,
    )


def no_stack_trace(page: Page) -> None:
    """Check that the page speaks in sentences and, on a phone, fits the screen's width."""
    assert page.get_by_test_id("stException").all_inner_texts() == []
    assert page.locator(".st-key-failure").all_inner_texts() == []
    expect(page.get_by_text("Traceback (most recent call last)")).to_have_count(0)
    viewport = page.viewport_size
    if viewport is not None and viewport["width"] <= PHONE[0]:
        assert sticking_out(page) == []


def sticking_out(page: Page) -> list[str]:
    """Return what makes the page scroll sideways (tag and classes); nothing where it fits."""
    found: list[str] = page.evaluate(
        """() => {
            const main = document.querySelector("[data-testid=stMain]");
            if (main.scrollWidth <= main.clientWidth) return [];
            const wide = [...main.querySelectorAll("*")].filter(
                (it) => it.getBoundingClientRect().right > main.clientWidth + 1,
            );
            return ["scrolls sideways", ...wide.map((it) => `${it.tagName} ${it.className}`)];
        }"""
    )
    return found[:8]


# What Streamlit writes to the console where nothing is wrong: opened at /train, it looks for its
# server at /train/_stcore, then at /_stcore; and it says when it leads a visitor elsewhere.
HARMLESS = ("/_stcore/", "The page that you have requested does not seem to exist")


class Witness:
    """Notes what a browser complains about, and what it asks of other machines."""

    def __init__(self, page: Page, url: str) -> None:
        self.complaints: list[str] = []
        self.asked_elsewhere: list[str] = []
        self._host = urlsplit(url).netloc
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._on_console)
        page.on("request", self._on_request)

    def _on_console(self, message: ConsoleMessage) -> None:
        words = f"{message.text} ({message.location['url']})"
        if message.type == "error" and not any(it in words for it in HARMLESS):
            self.complaints.append(words)

    def _on_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in {"http", "https", "ws", "wss"} and parts.netloc != self._host:
            self.asked_elsewhere.append(request.url)
