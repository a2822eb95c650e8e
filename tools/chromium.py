"""Which Chromium to drive: the machine's own, else the one that Playwright keeps."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# Without a sandbox it starts in a container too; the rest keeps it from asking the network.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def system_chromium() -> str | None:
    """Return the path of a Chromium that the machine offers, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def find(playwright: "Playwright") -> str | None:
    """Return the path of a Chromium that can be started, or None."""
    own = playwright.chromium.executable_path
    return system_chromium() or (own if Path(own).exists() else None)


@contextmanager
def launch(playwright: "Playwright") -> "Iterator[Browser]":
    """Start a Chromium without a window, and close it in the end.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    path = find(playwright)
    if path is None:
        raise FileNotFoundError(
            "There is no Chromium. Install your system's, or run: "
            "python -m playwright install chromium"
        )
    browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
    try:
        yield browser
    finally:
        browser.close()
