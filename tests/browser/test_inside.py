"""What only a browser shows of Look inside: clicks, keys, a brush, a film of heat maps, a phone."""

import re

from playwright.sync_api import Page, expect

from pages.ui import inside
from pages.ui.words import Say
from tests.browser.helpers import Visit, settle, sticking_out

MINUTE = 60_000
DRAWN = {
    "architecture": ".st-key-in_network svg",
    "maps": ".st-key-in_maps_grid img",
    "kernels": ".st-key-in_moved",
    "patterns": ".st-key-in_pattern img",
    "heat": ".st-key-in_heat_grad_cam_over img",
    "trust": ".st-key-in_trust_map img",
    "surgery": "text=아직 바꾼 것이 없습니다",
    "walk": ".st-key-in_walk_after img",
}


def open_inside(visit: Visit, query: str, **how: object) -> Page:
    """Open the page on the digits' CNN, which the first visit trains."""
    page = visit(f"inside?{query}", **how)
    expect(page.locator(".st-key-inside_seen img")).to_be_visible(timeout=2 * MINUTE)
    return page


def test_each_view_is_found_again_at_its_address_and_fits_a_phone(visit: Visit) -> None:
    page = open_inside(visit, "lang=ko", phone=True)
    for name, view in inside.VIEWS.items():
        page.get_by_role("radio", name=Say("ko")(view.label), exact=True).click()
        expect(page.locator(DRAWN[name]).first).to_be_visible(timeout=MINUTE)
        settle(page)
        assert name == "maps" or f"inside={name}" in page.url  # maps are what it opens on
        assert sticking_out(page) == []
    page.reload()
    expect(page.locator(DRAWN["walk"]).first).to_be_visible(timeout=MINUTE)


def test_a_map_is_chosen_with_the_arrow_keys_and_stands_in_the_address(visit: Visit) -> None:
    page = open_inside(visit, "inside=maps", language="ko")
    grid = page.locator(".st-key-in_maps_grid").get_by_role("application")
    expect(grid).to_be_visible(timeout=MINUTE)
    large = page.locator(".st-key-in_map_large figcaption")
    expect(large).to_have_text("맵 1")
    grid.focus()
    page.keyboard.press("ArrowRight")
    expect(large).to_have_text("맵 2")
    page.wait_for_url(re.compile("in_map=2"))


def test_what_is_painted_over_is_asked_of_the_network_at_once(visit: Visit) -> None:
    page = open_inside(visit, "inside=trust&in_trust=brush", phone=True)
    said = page.locator(".st-key-in_brush_spoken").get_by_role("status")
    expect(said).to_have_text(re.compile("^Nothing is hidden"), timeout=MINUTE)
    picture = page.locator(".st-key-in_brush_picture").get_by_role("application")
    picture.focus()
    page.keyboard.press("Space")
    expect(said).to_have_text(re.compile(r"% of the pixels hidden: 2 goes from"))
    page.wait_for_url(re.compile("in_hidden="))


def test_a_click_on_a_layer_leads_into_it(visit: Visit) -> None:
    page = open_inside(visit, "inside=architecture")
    page.locator('.st-key-in_network [data-layer="3"]').click()
    expect(page.get_by_text(re.compile("^Layer 3, Convolution"))).to_be_visible()
    page.get_by_role("button", name="Its arithmetic").click()
    expect(page.get_by_text("TensorFlow's own")).to_be_visible(timeout=MINUTE)
    page.get_by_role("button", name="Back to the strongest input").click()
    expect(page.locator(".st-key-in_walk_after img")).to_be_visible()
    page.wait_for_url(re.compile("in_layer=2"))


def test_the_train_page_leads_into_the_network_that_it_shows(visit: Visit) -> None:
    page = visit("train")
    lead = page.get_by_role("button", name="Look inside this network")
    expect(lead).to_be_visible(timeout=2 * MINUTE)
    run = page.url.partition("run=")[2][:16]
    lead.click()
    expect(page.locator(".st-key-inside_seen img")).to_be_visible(timeout=MINUTE)
    assert f"run={run}" in page.url
