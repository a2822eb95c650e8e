"""What holds for every page: addresses, languages, themes and screens."""

import re

import pytest
from playwright.sync_api import Page, expect

from pages.ui.registry import PAGES
from pages.ui.words import Say
from tests.browser import Visit, no_stack_trace, settle
from tools.app_server import AppServer

NAMES = [page.name for page in PAGES]
TITLES = {page.name: page.title for page in PAGES}


def title(page: Page, name: str, language: str) -> None:
    """Expect the page's title in that language."""
    expect(page.get_by_role("heading", level=1)).to_have_text(Say(language)(TITLES[name]))


def switch_to(page: Page, language: str) -> None:
    page.locator(".st-key-lang").get_by_role("radio", name=language, exact=True).click()


@pytest.mark.parametrize("phone", [False, True], ids=["wide", "phone"])
@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("name", NAMES)
def test_every_page_opens_in_both_languages_wide_and_on_a_phone(
    visit: Visit, name: str, language: str, phone: bool
) -> None:
    page = visit(name, language=language, phone=phone)
    title(page, name, language)
    no_stack_trace(page)


@pytest.mark.parametrize("name", NAMES)
def test_an_address_opened_on_a_fresh_server_shows_its_page_and_heeds_the_first_click(
    visit: Visit, fresh_server: AppServer, name: str
) -> None:
    page = visit(name, server=fresh_server)
    title(page, name, "en")
    switch_to(page, "한국어")
    title(page, name, "ko")
    for other in NAMES:
        expect(page.get_by_role("link", name=Say("ko")(TITLES[other]))).to_be_attached()
