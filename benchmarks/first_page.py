"""Time until the first page can be used, and what it costs the web process.

Each round starts a server of ours, one of an empty app, and one of the ten-line filter page of
`benchmarks.slider`, all with our settings, waits until they answer, and opens each in a browser
that has seen none. Our page can be used when its feature map is drawn and its pictures and
kernels can be chosen, the plain page when its picture is drawn, the empty app when its word is.
At the end one more visitor walks through all our pages on a fresh server, and the web process
is asked for its memory.
"""

import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from playwright.sync_api import Page, Playwright, expect, sync_playwright

from benchmarks.measure import ratio, report
from benchmarks.slider import PLAIN
from pages.ui.registry import PAGES
from tools import chromium
from tools.app_server import APP, AppServer, serve

ROUNDS = 7
SLOWEST = 1.3  # × the empty app
LARGEST = 250  # MB

SETTLING = 5000  # ms for a page to draw the rest of it

HELLO = 'import streamlit as st\n\nst.write("hello")\n'

# Asked in the browser at every frame: Playwright itself would ask every half second.
CLOCK = """
const look = () => {
    if (SIGN) window.usable = performance.now();
    else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
HELLO_SEEN = "document.querySelector('[data-testid=stMarkdown]')?.textContent === 'hello'"
PLAIN_SEEN = "document.querySelector('[data-testid=stImage] img')?.naturalWidth"
PAGE_SEEN = """
document.querySelector(".st-key-picture input") &&
document.querySelector(".st-key-kernel input") &&
[...document.querySelectorAll(".st-key-stage_1 *")].some((element) => {
    const picture = element.shadowRoot?.querySelector("img");
    return picture?.complete && picture.naturalWidth > 0;
})
"""


@contextmanager
def opened(
    playwright: Playwright, folder: Path, script: Path, sign: str
) -> Iterator[tuple[AppServer, Page, float]]:
    """Open a fresh server in a fresh browser; yield them and the seconds until `sign` is true."""
    with serve(folder, script=script) as server, chromium.launch(playwright) as browser:
        page = browser.new_page(viewport={"width": 1366, "height": 768}, locale="en-GB")
        page.add_init_script(CLOCK.replace("SIGN", sign))
        page.goto(server.url)
        page.wait_for_function("window.usable", timeout=60_000)
        yield server, page, float(page.evaluate("window.usable")) / 1000


def memory(server: AppServer) -> float:
    """Return the megabytes of the web process, without those of the engine."""
    return float(psutil.Process(server.pid).memory_info().rss) / 1e6


def has_tensorflow(server: AppServer) -> bool:
    """Return whether any file of TensorFlow is mapped into the web process."""
    return any("tensorflow" in it.path for it in psutil.Process(server.pid).memory_maps())


def compare(playwright: Playwright, folder: Path) -> float:
    """Open all in every round; return how many times the empty app's time ours takes."""
    hello, plain = folder / "hello.py", folder / "plain.py"
    hello.write_text(HELLO, encoding="utf-8")
    plain.write_text(PLAIN, encoding="utf-8")
    apps = {
        "ours": (APP, PAGE_SEEN),
        "empty": (hello, HELLO_SEEN),
        "plain": (plain, PLAIN_SEEN),
    }
    starts: dict[str, list[float]] = {name: [] for name in apps}
    seconds: dict[str, list[float]] = {name: [] for name in apps}
    print(f"{'round':>10}", *(f"{name:>6} s" for name in apps))
    for number in range(1, ROUNDS + 1):
        for name, (script, sign) in apps.items():
            with opened(playwright, folder, script, sign) as (server, _, usable):
                starts[name].append(server.seconds)
                seconds[name].append(usable)
        print(f"{number:>10}", *(f"{seconds[name][-1]:8.2f}" for name in apps), flush=True)
    for label, times in (("median", seconds), ("its server", starts)):
        print(f"{label:>10}", *(f"{statistics.median(times[name]):8.2f}" for name in apps))
    print(f"The plain page: {ratio(seconds['plain'], seconds['empty']):.2f} × the empty app")
    return ratio(seconds["ours"], seconds["empty"])


def weigh(playwright: Playwright, folder: Path) -> tuple[float, bool]:
    """Walk through all pages; return the most megabytes, and whether TensorFlow was there."""
    with opened(playwright, folder, APP, PAGE_SEEN) as (server, page, _):
        page.wait_for_timeout(SETTLING)
        sizes = [memory(server)]
        print(f"Web process after the first page {sizes[0]:.0f} MB", end="")
        for entry in PAGES[1:]:
            page.get_by_role("link", name=entry.title).click()
            expect(page.get_by_role("heading", level=1)).to_have_text(entry.title)
            page.wait_for_timeout(SETTLING)
            sizes.append(memory(server))
            print(f", after {entry.title} {sizes[-1]:.0f} MB", end="", flush=True)
        print()
        return max(sizes), has_tensorflow(server)


def main() -> int:
    """Measure, print what was done, and return the exit status."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        slower = compare(playwright, Path(folder))
        largest, tensorflow = weigh(playwright, Path(folder))
    presence = "TensorFlow loaded" if tensorflow else "no TensorFlow"
    return report(
        "first_page",
        f"{slower:.2f} × an empty app, {largest:.0f} MB, {presence}",
        f"<= {SLOWEST} ×, < {LARGEST} MB, no TensorFlow",
        met=slower <= SLOWEST and largest < LARGEST and not tensorflow,
    )


if __name__ == "__main__":
    sys.exit(main())
