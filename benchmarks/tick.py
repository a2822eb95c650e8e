"""What a page that watches a run costs the web process each second.

A served app trains the digits, a picture at a time, so that five batches a second and an epoch
each second or so are told. Once its history has grown, nobody watches for a while; then several
browsers do. The web process's own processor time, without the engine's and the worker's, is read
before and after both, and what browsers sent counts their ticks. So the figure holds all that a
watcher costs the server: the script, the charts' data, the websocket.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import psutil
from playwright.sync_api import Browser, Page, WebSocket, sync_playwright

from benchmarks.measure import report
from tools import chromium
from tools.app_server import AppServer, serve

GOAL = 30.0  # ms
WATCHERS = 4
GROWING = 40.0  # seconds, until there is a history to draw
WATCHED = 30.0  # seconds
SETTLING = 8.0
RECIPE = "train?lang=en&data=digits&epochs=200&batch=1&train_seed=7"


class Watcher:
    """A browser's page on the run, whose messages to the server are counted."""

    def __init__(self, browser: Browser, address: str) -> None:
        self.sent = 0
        self.page: Page = browser.new_page(viewport={"width": 1366, "height": 768})
        self.page.on("websocket", self._listen)
        self.page.goto(address)
        self.page.get_by_text("Running: the network learns.").first.wait_for(timeout=120_000)

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framesent", self._count)

    def _count(self, _: object) -> None:
        self.sent += 1


def spent(server: AppServer) -> float:
    """Return the seconds of processor time of the web process, its children's left out."""
    times = psutil.Process(server.pid).cpu_times()
    return float(times.user + times.system)


def during(server: AppServer, page: Page) -> float:
    """Return the web process's seconds a second; a page must be at hand to wait with."""
    began, before = time.perf_counter(), spent(server)
    page.wait_for_timeout(1000 * WATCHED)
    return (spent(server) - before) / (time.perf_counter() - began)


def measure(browser: Browser, server: AppServer) -> float:
    """Print what was seen and return the milliseconds of a tick."""
    page = browser.new_page(viewport={"width": 1366, "height": 768}, locale="en-GB")
    page.goto(f"{server.url}/{RECIPE}")
    page.locator(".st-key-press_train button").click(timeout=120_000)
    page.wait_for_url("**run=*", timeout=60_000)
    address = page.url
    page.get_by_text("Running: the network learns.").first.wait_for(timeout=120_000)
    page.wait_for_timeout(1000 * GROWING)
    page.goto("about:blank")
    page.wait_for_timeout(1000 * SETTLING)
    alone = during(server, page)

    watchers = [Watcher(browser, address) for _ in range(WATCHERS)]
    page.wait_for_timeout(1000 * SETTLING)
    sent = [it.sent for it in watchers]
    watched = during(server, page)
    ticks = [it.sent - before for it, before in zip(watchers, sent, strict=True)]
    for watcher in watchers:  # or what was measured was no run under way
        watcher.page.get_by_text("Running: the network learns.").first.wait_for(timeout=30_000)
    print(
        f"Nobody watching: {1000 * alone:.1f} ms of the web process a second; {WATCHERS} "
        f"watching, {sum(ticks)} ticks in {WATCHED:.0f} s: {1000 * watched:.1f} ms"
    )
    return 1000 * (watched - alone) * WATCHED / sum(ticks)


def main() -> int:
    """Measure, and return the exit status."""
    os.environ.pop("CVCORE_SCHEDULER", None)
    with (
        tempfile.TemporaryDirectory() as folder,
        serve(Path(folder)) as server,
        sync_playwright() as playwright,
        chromium.launch(playwright) as browser,
    ):
        tick = measure(browser, server)
    return report("tick", f"{tick:.1f} ms", f"<= {GOAL:.0f} ms", met=tick <= GOAL)


if __name__ == "__main__":
    sys.exit(main())
