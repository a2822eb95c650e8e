"""The project's own Python: ``.venv`` with what a requirements file asks for.

Standard library alone, and written so that older Pythons can read it: it is what finds them a
newer one, or says that there is none.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
OLDEST, NEWEST = (3, 11), (3, 13)


def provide(requirements: str) -> str:
    """Make ``.venv`` where there is none and install the requirements that changed.

    Parameters
    ----------
    requirements : {'requirements.txt', 'requirements-dev.txt'}
        The second includes the first.

    Returns
    -------
    str
        The path of the Python in ``.venv``.

    Raises
    ------
    SystemExit
        With a sentence, if there is no suitable Python or an installation fails.
    """
    python = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    # A stamp says what was installed last, so that a second start costs nothing.
    stamp = VENV / (requirements + ".installed")
    wanted = _digest(requirements)
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return str(python)
    if not python.exists() or _version([str(python)]) < OLDEST:
        _say("Making .venv")
        if _call([*_suitable_python(), "-m", "venv", "--clear", str(VENV)]) != 0:
            shutil.rmtree(VENV, ignore_errors=True)  # half a .venv would look like a whole one
            raise SystemExit(
                "Python could not make .venv; its own words are above. On Debian and Ubuntu, "
                "`apt install python3-venv` brings what is missing."
            )
    _say("Installing " + requirements + " into .venv (the first time, this takes some minutes)")
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check"]
    if _call([*pip, "-r", str(ROOT / requirements)]) != 0:
        raise SystemExit("pip could not install " + requirements + "; its own words are above.")
    stamp.write_text(wanted)
    return str(python)


def _digest(requirements: str) -> str:
    lines = (ROOT / requirements).read_text(encoding="utf-8").splitlines()
    included = [line[3:].strip() for line in lines if line.startswith("-r ")]
    text = "\n".join(lines + [_digest(name) for name in included])
    return hashlib.sha256(text.encode()).hexdigest()


def _suitable_python() -> "list[str]":
    """Return the command of a Python that fits: this one, or another on this machine."""
    minors = range(NEWEST[1], OLDEST[1] - 1, -1)
    others = [["py", f"-3.{it}"] if os.name == "nt" else [f"python3.{it}"] for it in minors]
    for command in [[sys.executable], *others]:
        if OLDEST <= _version(command) <= NEWEST:
            return command
    this = sys.version_info[:2]
    if this > NEWEST:  # not tried by anyone yet, but likelier to work than nothing
        return [sys.executable]
    raise SystemExit(
        "The laboratory needs Python 3.11, 3.12 or 3.13; this is Python "
        + "{}.{}".format(*this)
        + ". Install one of them (python.org, or your system's packages) and try again."
    )


def _version(command: "list[str]") -> "tuple[int, int]":
    """Return a Python's version; (0, 0) where there is no such Python."""
    # Asked, not guessed from the name: a version manager leaves names that lead nowhere.
    question = "import sys; print(*sys.version_info[:2])"
    try:
        answer = subprocess.check_output([*command, "-c", question], stderr=subprocess.DEVNULL)
        major, minor = map(int, answer.split())
    except (OSError, ValueError, subprocess.CalledProcessError):
        return 0, 0
    return major, minor


def _call(command: "list[str]") -> int:
    return subprocess.call(command, cwd=str(ROOT))


def _say(sentence: str) -> None:
    print("==>", sentence, flush=True)
