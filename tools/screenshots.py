"""Take the README's picture from the app itself: ``python -m tools.screenshots``."""

import subprocess
import sys
import tempfile
from pathlib import Path

from tools import environment

PICTURE = environment.ROOT / "docs" / "filters.png"
EXPERIMENT = "filters?picture=coffee&kernel=sobel_x&lang=en"


def shoot() -> None:
    """Serve the app, open the experiment, and write what the browser shows."""
    from playwright.sync_api import sync_playwright

    from tools import app_server, chromium

    PICTURE.parent.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        app_server.serve(Path(folder)) as server,
        sync_playwright() as playwright,
        chromium.launch(playwright) as browser,
    ):
        page = browser.new_page(locale="en-GB", viewport={"width": 1366, "height": 768})
        page.goto(f"{server.url}/{EXPERIMENT}")
        page.locator(".st-key-stage_1 img").wait_for()
        page.wait_for_timeout(2000)  # fonts, and what moves into its place
        page.screenshot(path=PICTURE)
    print("Wrote", PICTURE)


def main() -> int:
    """Take the picture with the Python that has Playwright; return its exit status."""
    python = environment.provide("requirements-dev.txt")
    if Path(sys.prefix) != environment.VENV:
        return subprocess.call([python, "-m", "tools.screenshots"], cwd=environment.ROOT)
    shoot()
    return 0


if __name__ == "__main__":
    sys.exit(main())
