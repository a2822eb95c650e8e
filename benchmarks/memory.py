"""Memory of the whole app while it names photos and learns classes, and after 50 trainings.

The app is served as a host would, and used in a browser: MobileNetV2 names a photo, then the
head of the ready set's classes learns on its features, fifty times with another seed each. The
figure is the proportional set size of the web process and all its children (scheduler and
worker): pages that they share are counted once. It is read ten times a second all the while; the
growth is from the median of the 6th to the 15th training to that of the last ten.
"""

import os
import re
import statistics
import sys
import tempfile
import threading
from pathlib import Path

import psutil
from playwright.sync_api import Page, sync_playwright

from benchmarks.measure import report
from tools import chromium
from tools.app_server import serve

TRAININGS = 50
MOST = 1600.0  # MB, at any moment
GROWTH = 0.05  # of what it is in the beginning


def whole(pid: int) -> float:
    """Return the megabytes of a process with all its children."""
    total = 0
    process = psutil.Process(pid)
    for it in [process, *process.children(recursive=True)]:
        try:
            total += it.memory_full_info().pss
        except psutil.Error:  # it has ended meanwhile
            continue
    return total / 1e6


class Watch:
    """Reads the app's memory all the while.

    Attributes
    ----------
    highest : float
        Megabytes.
    """

    def __init__(self, pid: int) -> None:
        self.highest = 0.0
        self._pid, self._over = pid, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._over.wait(0.1):
            self.highest = max(self.highest, whole(self._pid))

    def end(self) -> None:
        """Read no more."""
        self._over.set()
        self._thread.join()


def train(page: Page, address: str) -> None:
    """Open the settings, press Train where nothing is learned yet, and wait for the result."""
    page.goto(address)
    train_button = page.locator(".st-key-learn_train button")
    train_button.wait_for(timeout=120_000)
    result = page.get_by_test_id("stMetric").first
    if result.count() == 0 and train_button.is_enabled():
        train_button.click()
    result.wait_for(timeout=180_000)


def main() -> int:
    """Measure, print what was done, and return the exit status."""
    home = {"KERAS_HOME": os.environ["KERAS_HOME"]} if "KERAS_HOME" in os.environ else {}
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name,
        serve(Path(name), environment=home) as server,
        sync_playwright() as playwright,
        chromium.launch(playwright) as browser,
    ):
        page = browser.new_page(viewport={"width": 1366, "height": 768}, locale="en-GB")
        print(f"at rest: {whole(server.pid):.0f} MB")
        watch = Watch(server.pid)
        page.goto(f"{server.url}/transfer?lang=en")
        page.get_by_text("has a thousand names").wait_for(timeout=180_000)
        print(f"a photo is named: {whole(server.pid):.0f} MB")
        page.goto(f"{server.url}/transfer?lang=en&transfer=learn&t_ways=features")
        page.wait_for_url(re.compile("work="))
        work = page.url.split("work=")[1][:32]
        after = []
        for seed in range(1, TRAININGS + 1):
            query = f"lang=en&transfer=learn&t_ways=features&work={work}&t_seed={seed}"
            train(page, f"{server.url}/transfer?{query}")
            after.append(whole(server.pid))
            if seed in (1, 10, 20, 30, 40, 50):
                print(f"after training {seed}: {after[-1]:.0f} MB, highest {watch.highest:.0f} MB")
        watch.end()
    early, late = statistics.median(after[5:15]), statistics.median(after[-10:])
    growth = late / early - 1
    figure = f"highest {watch.highest:.0f} MB, growth {100 * growth:+.1f} %"
    goal = f"<= {MOST:.0f} MB, <= {100 * GROWTH:.0f} %"
    return report("memory", figure, goal, met=watch.highest <= MOST and growth <= GROWTH)


if __name__ == "__main__":
    sys.exit(main())
