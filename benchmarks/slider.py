"""Time from moving a control until the browser shows the new picture.

On the Filters page's 512 × 512 sample, the arrow keys move the size of a Gaussian from 3 × 3
up to 13 × 13 and down again, every answer computed anew. The browser's own clock runs from the
key to the first frame with the new picture decoded. The same is done, in turns, on the page that
a teacher writes in ten lines, with Streamlit's own settings.
"""

import statistics
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.measure import report
from tools import chromium
from tools.app_server import serve

ROUNDS = 4
KEYS = ["ArrowRight"] * 10 + ["ArrowLeft"] * 10
P50, P95 = 150, 300  # ms

PLAIN = """
import cv2
import streamlit as st
from skimage import data

size = st.slider("Kernel size", 1, 15, 3)
image = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2GRAY) / 255
weights = cv2.getGaussianKernel(size, 4)
st.image(cv2.filter2D(image, -1, weights @ weights.T), clamp=True)
"""

# Notes the milliseconds from each key to the picture that it led to.
WATCH = """picture => {
    const root = picture.getRootNode();
    let shown = picture.src;
    let pressed = 0;
    window.moves = [];
    document.addEventListener("keydown", (event) => (pressed = event.timeStamp), true);
    const look = async () => {
        const now = root.querySelector("img");
        if (!now || now.src === shown) return;
        shown = now.src;
        await now.decode();
        requestAnimationFrame(() => window.moves.push(performance.now() - pressed));
    };
    const what = { subtree: true, childList: true, attributes: true, attributeFilter: ["src"] };
    new MutationObserver(look).observe(root, what);
}"""


def opened(browser: Browser, address: str, picture: str) -> Page:
    """Open a page, wait until all of it is drawn, and watch its picture."""
    page = browser.new_page(viewport={"width": 1366, "height": 768}, locale="en-GB")
    page.goto(address)
    shown = page.locator(picture)
    shown.wait_for(timeout=60_000)
    page.wait_for_timeout(3000)
    shown.evaluate(WATCH)
    return page


def move(page: Page, key: str) -> float:
    """Press a key on the slider; return the milliseconds until its picture was shown."""
    seen = page.evaluate("window.moves.length")
    page.get_by_role("slider", name="Kernel size").press(key)
    page.wait_for_function("seen => window.moves.length > seen", arg=seen)
    page.wait_for_timeout(200)  # what else the page draws is no part of the next move
    return float(page.evaluate("window.moves.at(-1)"))


def main() -> int:
    """Measure, print what was done, and return the exit status."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        plain = folder / "plain.py"
        plain.write_text(PLAIN, encoding="utf-8")
        defaults = {"STREAMLIT_RUNNER_POST_SCRIPT_GC": "true"}
        with (
            serve(folder) as ours,
            serve(folder, script=plain, environment=defaults) as theirs,
            chromium.launch(playwright) as browser,
        ):
            experiment = f"{ours.url}/filters?kernel=gaussian&size=3&sigma=4.0"
            pages = {
                "ours": opened(browser, experiment, ".st-key-stage_1 img"),
                "plain": opened(browser, theirs.url, "[data-testid=stImage] img"),
            }
            moves: dict[str, list[float]] = {name: [] for name in pages}
            for _ in range(ROUNDS):
                for name, page in pages.items():
                    moves[name] += [move(page, key) for key in KEYS]
    figures = {}
    print(f"{ROUNDS * len(KEYS)} moves each, in {ROUNDS} rounds")
    for name, times in moves.items():
        figures[name] = statistics.median(times), statistics.quantiles(times, n=20)[-1]
        print(f"{name:>6}: p50 {figures[name][0]:.0f} ms, p95 {figures[name][1]:.0f} ms")
    p50, p95 = figures["ours"]
    return report(
        "slider",
        f"p50 {p50:.0f} ms, p95 {p95:.0f} ms",
        f"p50 <= {P50} ms, p95 <= {P95} ms",
        met=p50 <= P50 and p95 <= P95,
    )


if __name__ == "__main__":
    sys.exit(main())
