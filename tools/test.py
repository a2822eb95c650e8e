"""Check everything: ``python -m tools.test``, with any option of pytest behind it.

Makes ``.venv``, installs ``requirements-dev.txt`` and finds a Chromium first, where that is not
done; then ruff, mypy and pytest, the browser suite included. All of them run, whichever fails.
"""

import subprocess
import sys

from tools import environment

CHECKS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    # Last: its closing line is what one looks for. In two processes, since much of a test's time
    # is waiting, for a browser or for a worker.
    ("pytest", "--numprocesses=2", "--dist=loadfile"),
)


def main() -> int:
    """Run the checks; return 0 if all of them passed."""
    python = environment.provide("requirements-dev.txt")
    root = str(environment.ROOT)
    if subprocess.call([python, "-m", "tools.chromium"], cwd=root) != 0:
        return 1
    failed = []
    for check in CHECKS:
        options = sys.argv[1:] if check == CHECKS[-1] else []
        print("==>", *check, *options, flush=True)
        if subprocess.call([python, "-m", *check, *options], cwd=root) != 0:
            failed.append(" ".join(check))
    if failed:
        print("Failed:", ", ".join(failed), file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
