"""What the web process loads: never TensorFlow, and for its first page little else."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from pages.ui.registry import PAGES
from tools.environment import ROOT

TENSORFLOW = {"tensorflow", "keras"}
# Each costs tens of megabytes, or a moment, and the first page has no need of it.
HEAVY = {"altair", "dask", "distributed", "matplotlib", "pandas"}
HEAVY |= {"pyarrow", "scipy", "skimage", "sklearn"}

# Where ruff lets a module import Keras, the module is for workers alone.
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
IGNORED = PYPROJECT["tool"]["ruff"]["lint"]["per-file-ignores"]
KERAS_MODULES = {Path(name).stem for name, rules in IGNORED.items() if "TID253" in rules}


def modules(folder: str) -> list[str]:
    """Return the modules in a folder that the web process may import."""
    package = folder.replace("/", ".")
    names = (path.stem for path in (ROOT / folder).glob("*.py"))
    return sorted(f"{package}.{name}" for name in names if name not in KERAS_MODULES)


def loaded_after(code: str) -> set[str]:
    """Run code in a fresh process and return the packages that it has loaded."""
    ending = "\nimport sys; print('loaded:', *(name for name in sys.modules if '.' not in name))"
    command = [sys.executable, "-W", "ignore", "-c", code + ending]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return set(answer.stdout.rpartition("loaded:")[2].split())


def importing(names: list[str]) -> str:
    return "import importlib\n" + "".join(f"importlib.import_module({it!r})\n" for it in names)


def opening(name: str) -> str:
    """Return code that runs a page, as its first visitor would."""
    return (
        "from streamlit.testing.v1 import AppTest\n"
        f"page = AppTest.from_file({str(ROOT / 'pages' / name)!r} + '.py', default_timeout=60)\n"
        "page.session_state['navigated'] = True\n"
        "page.run()\n"
        "assert page.title and not page.exception, page.exception\n"
    )


def test_cvcore_loads_neither_streamlit_nor_tensorflow() -> None:
    assert loaded_after(importing(modules("cvcore"))) & {"streamlit", *TENSORFLOW} == set()


def test_what_the_pages_share_never_loads_tensorflow() -> None:
    assert loaded_after(importing(modules("pages/ui"))) & TENSORFLOW == set()


@pytest.mark.parametrize("name", [page.name for page in PAGES])
def test_no_page_loads_tensorflow(name: str) -> None:
    loaded = loaded_after(opening(name))
    assert "streamlit" in loaded  # the page did run
    assert loaded & TENSORFLOW == set()


def test_the_first_page_loads_little() -> None:
    assert loaded_after(opening(PAGES[0].name)) & HEAVY == set()
