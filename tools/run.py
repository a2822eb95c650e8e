"""Start the app: ``python -m tools.run``, with any option of ``streamlit run`` behind it.

Makes ``.venv`` and installs ``requirements.txt`` first, where that is not done.
"""

import os
import subprocess
import sys

from tools import environment


def main() -> int:
    """Start the app and stay until it ends; return its exit status."""
    python = environment.provide("requirements.txt")
    command = [python, "-m", "streamlit", "run", "app.py", *sys.argv[1:]]
    os.chdir(str(environment.ROOT))
    if os.name != "nt":  # where the console would be handed back at once
        # In this process's place, so that a host's signals reach the app itself.
        os.execv(python, command)  # noqa: S606 - no shell is wanted
    return subprocess.call(command)


if __name__ == "__main__":
    sys.exit(main())
