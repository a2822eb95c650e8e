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

# Not Babel's own command: it takes the per cent sign of "{share} % of" for a placeholder.
COMPILE = """
import sys
from babel.messages import mofile, pofile
for name in sys.argv[1:]:
    with open(name, "rb") as source, open(name[:-2] + "mo", "wb") as target:
        mofile.write_mo(target, pofile.read_po(source))
"""


def main() -> int:
    """Update and compile every catalogue; return Babel's exit status."""
    python = environment.provide("requirements-dev.txt")
    pybabel = [python, "-m", "babel.messages.frontend"]
    with tempfile.TemporaryDirectory() as folder:
        template = str(Path(folder, "messages.pot"))
        commands = [[*pybabel, "extract", *EXTRACT, "--output-file", template, "cvcore", "pages"]]
        for language in LANGUAGES:
            files = ["--input-file", template, "--output-dir", LOCALE, "--locale", language]
            if Path(environment.ROOT, LOCALE, language, "LC_MESSAGES", "messages.po").exists():
                keep = ["--ignore-obsolete", "--ignore-pot-creation-date"]
                commands.append([*pybabel, "update", *files, *keep])
            else:
                commands.append([*pybabel, "init", *files])
        catalogues = [f"{LOCALE}/{language}/LC_MESSAGES/messages.po" for language in LANGUAGES]
        commands.append([python, "-c", COMPILE, *catalogues])
        for command in commands:
            if subprocess.call(command, cwd=environment.ROOT) != 0:
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
