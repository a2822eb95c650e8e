"""requirements.txt says exactly what the app imports, and between which versions."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tools.environment import ROOT

OWN = {"cvcore", "pages", "tests", "tools", "benchmarks"}
APP = [ROOT / "app.py", *(ROOT / "cvcore").rglob("*.py"), *(ROOT / "pages").rglob("*.py")]
FOLDERS = ("tests", "tools", "benchmarks")
DEVELOPMENT = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]

# Nothing imports them: what Keras computes with and whose pictures are shown, commands, and what
# mypy reads.
UNSEEN = {"tensorflow", "scikit-image"}
COMMANDS = {"mypy", "pytest-xdist", "ruff"}
STUBS = {"types-psutil"}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower().replace("tensorflow-cpu", "tensorflow")


def lines(file: str) -> list[str]:
    text = (ROOT / file).read_text(encoding="utf-8")
    return [it for it in text.splitlines() if it and not it.startswith(("#", "-r "))]


def listed(file: str) -> set[str]:
    return {normal(Requirement(line).name) for line in lines(file)}


def imported(files: list[Path]) -> set[str]:
    """Return the distributions that the code in the files imports, wherever it does."""
    roots: set[str] = set()
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Import(names=names):
                    roots |= {alias.name.partition(".")[0] for alias in names}
                case ast.ImportFrom(module=str(module)):
                    roots.add(module.partition(".")[0])
    providers = packages_distributions()
    foreign = roots - OWN - sys.stdlib_module_names
    return {normal(providers[root][0]) for root in foreign}


def test_the_app_asks_for_what_it_imports_and_nothing_else() -> None:
    assert listed("requirements.txt") == imported(APP) | UNSEEN


def test_the_tests_ask_for_what_they_import_beside_it_and_nothing_else() -> None:
    beside = imported(DEVELOPMENT) - listed("requirements.txt")
    assert listed("requirements-dev.txt") == beside | COMMANDS | STUBS


@pytest.mark.parametrize("line", lines("requirements.txt") + lines("requirements-dev.txt"))
def test_every_requirement_has_a_lower_and_an_upper_bound(line: str) -> None:
    assert re.match(r"[A-Za-z0-9._-]+>=[0-9.]+,<[0-9.]+(;|$)", line)


@pytest.mark.parametrize(
    ("system", "machine", "package"),
    [
        ("linux", "x86_64", "tensorflow-cpu"),
        ("linux", "aarch64", "tensorflow"),
        ("darwin", "arm64", "tensorflow"),
        ("darwin", "x86_64", None),
        ("win32", "AMD64", "tensorflow"),
    ],
)
def test_every_machine_gets_the_tensorflow_that_there_is_for_it(
    system: str, machine: str, package: str | None
) -> None:
    wanted = map(Requirement, lines("requirements.txt"))
    here = {"sys_platform": system, "platform_machine": machine}
    kept = [it.name for it in wanted if it.marker is None or it.marker.evaluate(here)]
    assert [it for it in kept if it.startswith("tensorflow")] == [package] * (package is not None)
