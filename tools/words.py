"""Bring the catalogues up to date with the code: ``python -m tools.words``.

Collects every sentence inside ``say("…")`` and ``N_("…")``, adds new ones to each language's
``messages.po``, where they wait for a translation, drops those that are gone, and compiles what
is translated.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from tools import environment

LOCALE = "pages/ui/locale"
LANGUAGES = ("ko",)  # English is in the code

# How Babel reads the code; the tests read it in the same way.
EXTRACT = ["--mapping=babel.cfg", "--no-default-keywords", "-ksay", "-kN_"]
EXTRACT += ["--add-location=file", "--sort-by-file"]
EXTRACT += ["--project=cvcore laboratory", "--version=1"]
EXTRACT += ["--copyright-holder=The cvcore laboratory contributors"]


def main() -> int:
    """Update and compile every catalogue; return Babel's exit status."""
    pybabel = [environment.provide("requirements-dev.txt"), "-m", "babel.messages.frontend"]
    with tempfile.TemporaryDirectory() as folder:
        template = str(Path(folder, "messages.pot"))
        commands = [["extract", *EXTRACT, "--output-file", template, "cvcore", "pages"]]
        for language in LANGUAGES:
            files = ["--input-file", template, "--output-dir", LOCALE, "--locale", language]
            if Path(environment.ROOT, LOCALE, language, "LC_MESSAGES", "messages.po").exists():
                keep = ["--ignore-obsolete", "--ignore-pot-creation-date"]
                commands.append(["update", *files, *keep])
            else:
                commands.append(["init", *files])
        commands.append(["compile", "--directory", LOCALE, "--statistics"])
        for command in commands:
            if subprocess.call([*pybabel, *command], cwd=environment.ROOT) != 0:
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
