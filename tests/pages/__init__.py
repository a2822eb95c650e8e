"""Pages driven without a browser, through Streamlit's AppTest."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).parents[2]


def open_page(name: str, **query: str) -> AppTest:
    """Run a page as if its address had been opened with these settings."""
    page = AppTest.from_file(str(ROOT / "pages" / f"{name}.py"), default_timeout=60)
    page.session_state["navigated"] = True  # the page stands alone here, without app.py
    for key, value in query.items():
        page.query_params[key] = value
    return page.run()
