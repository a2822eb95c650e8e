"""What holds for every page: addresses, languages, themes and screens."""

import re

import pytest
from playwright.sync_api import Page, expect

from pages.ui.registry import PAGES
from pages.ui.words import Say
from tests.browser.helpers import Visit, no_stack_trace, settle
from tools.app_server import AppServer

NAMES = [page.name for page in PAGES]
TITLES = {page.name: page.title for page in PAGES}


def expect_page(page: Page, name: str, language: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(Say(language)(TITLES[name]))


def switch_to(page: Page, language: str) -> None:
    page.locator(".st-key-lang").get_by_role("radio", name=language).click()


def follow_link(page: Page, name: str, language: str) -> None:
    menu = page.get_by_role("button", name="Expand sidebar")
    if menu.is_visible():  # on a phone the pages fold away
        menu.click()
    page.get_by_role("link", name=Say(language)(TITLES[name]), exact=True).click()


@pytest.mark.parametrize("name", ["filters", "inside"])
def test_an_address_opened_on_a_fresh_server_shows_its_page_and_heeds_the_first_click(
    visit: Visit, fresh_server: AppServer, name: str
) -> None:
    page = visit(name, server=fresh_server)
    expect_page(page, name, "en")
    switch_to(page, "한국어")
    expect_page(page, name, "ko")
    for other in NAMES:
        expect(page.get_by_role("link", name=Say("ko")(TITLES[other]), exact=True)).to_be_visible()


@pytest.mark.parametrize(("language", "phone"), [("en", False), ("ko", True)])
def test_the_navigation_leads_from_every_page_to_the_next(
    visit: Visit, language: str, phone: bool
) -> None:
    page = visit(NAMES[0], language=language, phone=phone)
    for name in (*NAMES[1:], NAMES[0]):
        follow_link(page, name, language)
        expect_page(page, name, language)
        settle(page)
        no_stack_trace(page)


def test_the_address_without_a_page_opens_the_first(visit: Visit) -> None:
    expect_page(visit(), NAMES[0], "en")


def test_a_browser_that_speaks_neither_language_gets_english(visit: Visit) -> None:
    expect_page(visit("layers", language="fr-FR"), "layers", "en")


def test_the_language_in_the_address_goes_before_the_browsers(visit: Visit) -> None:
    expect_page(visit("layers?lang=ko"), "layers", "ko")


def test_the_language_switch_leaves_the_settings_in_the_address(visit: Visit) -> None:
    page = visit("filters?stride=2")
    switch_to(page, "한국어")
    expect_page(page, "filters", "ko")
    expect(page).to_have_url(re.compile(r"/filters\?(?=.*\bstride=2\b)(?=.*\blang=ko\b)"))


@pytest.mark.parametrize("phone", [False, True], ids=["wide", "phone"])
def test_the_language_switch_survives_a_change_of_page_and_a_reload(
    visit: Visit, phone: bool
) -> None:
    page = visit("layers", language="ko", phone=phone)
    switch_to(page, "English")
    expect_page(page, "layers", "en")
    follow_link(page, "train", "en")
    expect_page(page, "train", "en")
    expect(page).to_have_url(re.compile("lang=en"))
    page.reload()
    settle(page)
    expect_page(page, "train", "en")


@pytest.mark.parametrize("name", ["filters", "transfer"])
def test_nonsense_in_the_address_leaves_the_page_as_it_is(visit: Visit, name: str) -> None:
    nonsense = "lang=xx&stride=banana&size=-1&picture=../../etc&run=%00&foo=1"
    expect_page(visit(f"{name}?{nonsense}"), name, "en")


def test_a_setting_that_the_page_does_not_know_is_named_in_a_sentence(visit: Visit) -> None:
    page = visit("filters?stride=banana")
    expect(page.get_by_text("The address held settings")).to_contain_text("stride")


@pytest.mark.parametrize("name", ["filters", "transfer"])
def test_a_dark_room_gets_a_dark_page(visit: Visit, name: str) -> None:
    page = visit(name, dark=True)
    expect_page(page, name, "en")
    red, green, blue = page.evaluate(
        """getComputedStyle(document.querySelector("[data-testid=stApp]"))
               .backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"""
    )
    assert max(red, green, blue) < 64


def test_an_unknown_address_leads_to_the_first_page(visit: Visit) -> None:
    expect_page(visit("no-such-page"), NAMES[0], "en")
