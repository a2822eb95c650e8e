"""Time from a click on the Look inside page until the browser shows the answer.

The digits' CNN is opened after its training. The test picture goes up one by one, so that every
answer is computed anew, in three views: feature maps of a layer, Grad-CAM beside the other heat
maps, and the numbers behind a value. The browser's own clock runs from the click to the first
frame with the view's new picture decoded. Then the same once more while another run trains. The
network's own time is that of one pass through it, measured in this process.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.measure import report
from benchmarks.slider import WATCH
from cvcore.opened import open_alone
from cvcore.runs import RunStore
from cvcore.subjects import Subject
from tools import chromium
from tools.app_server import AppServer, serve

CLICKS = 25  # in each view
GOALS = {"idle": (150.0, 300.0), "beside a training": (300.0, 600.0)}  # ms: p50, p95
VIEWS: Mapping[str, str] = {
    "maps": ".st-key-in_maps_grid img",
    "heat": ".st-key-in_heat_grad_cam_over img",
    "walk": ".st-key-in_walk_after img",
}
"""The views, and the picture of each that shows the answer."""

TRAINING = "train?lang=en&data=digits&epochs=200&batch=1&train_seed=7"


def trained(page: Page, server: AppServer) -> str:
    """Have the opening run trained to its end; return its name."""
    page.goto(f"{server.url}/train?lang=en")
    page.get_by_text("Finished: 20 of 20 epochs.").first.wait_for(timeout=180_000)
    return page.url.split("run=")[1][:16]


def opened(browser: Browser, address: str, picture: str) -> Page:
    """Open a view, wait until all of it is drawn, and watch its picture."""
    page = browser.new_page(viewport={"width": 1366, "height": 768}, locale="en-GB")
    page.goto(address)
    page.locator(picture).first.wait_for(timeout=120_000)
    page.wait_for_timeout(3000)
    page.locator(picture).first.evaluate(WATCH.replace('"keydown"', '"click"'))
    return page


def click(page: Page) -> float:
    """Ask for the next test picture; return the milliseconds until its answer was shown."""
    seen = page.evaluate("window.moves.length")
    page.locator(".st-key-test_picture [data-testid=stNumberInputStepUp]").click()
    page.wait_for_function("seen => window.moves.length > seen", arg=seen)
    page.wait_for_timeout(400)  # what else the page draws is no part of the next click
    return float(page.evaluate("window.moves.at(-1)"))


def answers(browser: Browser, server: AppServer, run: str, first: int) -> list[float]:
    """Return the milliseconds of all clicks; no picture was asked about before."""
    times = []
    for index, (view, picture) in enumerate(VIEWS.items()):
        number = first + index * (CLICKS + 2)
        address = f"{server.url}/inside?lang=en&run={run}&inside={view}&test_picture={number}"
        page = opened(browser, address, picture)
        click(page)  # the first one builds what is kept for the others
        own = [click(page) for _ in range(CLICKS)]
        times += own
        print(f"  {view:>5}: p50 {statistics.median(own):.0f} ms, slowest {max(own):.0f} ms")
        page.close()
    return times


def through(folder: Path, run: str) -> float:
    """Return the milliseconds of one picture through the network."""
    store = RunStore(str(folder / "runs"))
    network = open_alone(store.url, Subject(run=run, moment=store.moments(run)[-1]))
    seen = network.see(network.data.test_images[:1])
    np.asarray(network.through(seen).sums[-1])
    times = []
    for _ in range(50):
        begun = time.perf_counter()
        np.asarray(network.through(seen).sums[-1])
        times.append(1000 * (time.perf_counter() - begun))
    return statistics.median(times)


def main() -> int:
    """Measure, print what was done, and return the exit status."""
    os.environ.pop("CVCORE_SCHEDULER", None)
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name,
        serve(Path(name)) as server,
        sync_playwright() as playwright,
        chromium.launch(playwright) as browser,
    ):
        page = browser.new_page(viewport={"width": 1366, "height": 768}, locale="en-GB")
        run = trained(page, server)
        figures: dict[str, tuple[float, float]] = {}
        for first, state in enumerate(GOALS):
            if state != "idle":
                page.goto(f"{server.url}/{TRAINING}")
                page.locator(".st-key-press_train button").click(timeout=120_000)
                page.get_by_text("Running: the network learns.").first.wait_for(timeout=120_000)
            print(f"{state}, {CLICKS} clicks in each view")
            times = answers(browser, server, run, 1 + 100 * first)
            figures[state] = statistics.median(times), statistics.quantiles(times, n=20)[-1]
            if state != "idle":
                page.get_by_text("Running: the network learns.").first.wait_for(timeout=5_000)
                page.get_by_role("button", name="Stop training").first.click()
                page.get_by_text("Stopped after").first.wait_for(timeout=60_000)
        print(f"One picture through the network: {through(Path(name), run):.1f} ms")
    met = all(
        p50 <= GOALS[state][0] and p95 <= GOALS[state][1] for state, (p50, p95) in figures.items()
    )
    said = "; ".join(f"{it} p50 {a:.0f}, p95 {b:.0f} ms" for it, (a, b) in figures.items())
    goal = "; ".join(f"{it} p50 <= {a:.0f}, p95 <= {b:.0f} ms" for it, (a, b) in GOALS.items())
    return report("inside", said, goal, met=met)


if __name__ == "__main__":
    sys.exit(main())
