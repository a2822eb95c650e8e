"""What every page does first, and what becomes of an error."""

import pytest
from streamlit.testing.v1 import AppTest


def failing_app() -> None:
    import streamlit as st

    from pages.ui.setup import run

    def page() -> None:
        st.write("before")
        raise ZeroDivisionError

    run(st.navigation([st.Page(page, url_path="page")]))


def explaining_app() -> None:
    import streamlit as st

    from cvcore.errors import SettingError
    from pages.ui.setup import friendly
    from pages.ui.words import Say

    def compute() -> None:
        raise SettingError("'{name}' is too large.", name="<b>**box**</b>")

    with friendly(Say("en")):
        compute()
    st.write("after")


def test_an_error_that_nobody_foresaw_becomes_a_sentence_and_a_line_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    page = AppTest.from_function(failing_app).run()
    assert not page.exception
    assert page.markdown[0].value == "before"
    assert page.error[0].value.startswith("Something went wrong in the laboratory itself")
    assert "ZeroDivisionError" in caplog.text


def test_a_visitors_mistake_is_said_in_plain_words_and_the_page_goes_on() -> None:
    page = AppTest.from_function(explaining_app).run()
    assert page.warning[0].value == r"'\<b\>\*\*box\*\*\</b\>' is too large."
    assert page.markdown[-1].value == "after"
