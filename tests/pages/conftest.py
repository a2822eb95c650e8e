"""What Streamlit does anew for each test, or after each run of a page, and these need not wait for.

Both took a third of the suite's time.
"""

import functools
from collections.abc import Iterator

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.scriptrunner import script_runner


@pytest.fixture(scope="session", autouse=True)
def _without_housekeeping() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        # It reads what is said of every installed package, to find components among them.
        found = functools.cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", found)
        # It ends Keras' session, and collects the garbage of all that was imported with it. In
        # the app no page's process has Keras; this one has, after the tests that ask it.
        patch.setattr(script_runner, "_clean_problem_modules", lambda: None)
        yield
