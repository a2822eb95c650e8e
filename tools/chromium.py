"""Which Chromium to drive: the machine's own, else the one that Playwright keeps.

``python -m tools.chromium`` installs one where there is none.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Playwright, sync_playwright

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

# With a font that has Korean letters: a machine bare of Chromium is likely to have none.
PACKAGES = ("chromium", "fonts-noto-cjk")


def find(playwright: Playwright) -> str | None:
    """Return the path of a Chromium that can be started, or None."""
    own = playwright.chromium.executable_path
    system = filter(None, map(shutil.which, NAMES))
    return next(system, own if Path(own).exists() else None)


@contextmanager
def launch(playwright: Playwright) -> Iterator[Browser]:
    """Start a Chromium without a window, and close it in the end.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    path = find(playwright)
    if path is None:
        raise FileNotFoundError("There is no Chromium: python -m tools.chromium installs one.")
    browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
    try:
        yield browser
    finally:
        browser.close()


def install() -> None:
    """Install a Chromium with the system's package manager, else with Playwright."""
    if not _apt_install():
        subprocess.call([sys.executable, "-m", "playwright", "install", "chromium"])


def _apt_install() -> bool:
    """Try Debian's package manager, where this user may; return whether it worked."""
    if shutil.which("apt-get") is None:
        return False
    command = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y"]
    if os.geteuid() != 0:
        command = ["sudo", "-n", *command]
        if shutil.which("sudo") is None or subprocess.call(["sudo", "-n", "true"]) != 0:
            return False
    return (
        subprocess.call([*command, "update"]) == 0
        and subprocess.call([*command, "install", "--no-install-recommends", *PACKAGES]) == 0
    )


def main() -> int:
    """Return 0 if there is a Chromium in the end."""
    with sync_playwright() as playwright:
        if find(playwright) is None:
            print("==> Installing a Chromium for the browser tests", flush=True)
            install()
        if find(playwright) is None:
            print("There is no Chromium, and none could be installed.", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
