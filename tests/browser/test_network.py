"""What only a browser shows of the network's builder: the drawing, clicks, keys, a phone."""

import re

from playwright.sync_api import expect

from tests.browser.helpers import Visit, settle

OWN = "train?show=network&network=own&layers="


def test_a_click_in_the_drawing_chooses_the_layer_to_change(visit: Visit) -> None:
    page = visit(OWN + "conv8_3_same_relu-max2-flatten-dense16_relu")
    expect(page.get_by_label("Filters")).to_be_visible()
    page.locator(".network [data-layer='4']").click()
    expect(page.get_by_label("Units")).to_have_value("16")
    expect(page.locator(".network .selected")).to_contain_text("4 Dense")


def test_a_network_is_built_with_the_keyboard_and_opens_again_by_its_address(visit: Visit) -> None:
    page = visit(OWN + "flatten")
    for name, selected in (
        ("Dense", "2 Dense"),
        ("Dropout", "3 Dropout"),
        ("Move earlier", "2 Dropout"),
    ):
        page.get_by_role("button", name=re.compile(rf"{name}$")).last.press("Enter")
        expect(page.locator(".network .selected")).to_contain_text(selected)
        settle(page)
    expect(page).to_have_url(re.compile("layers=flatten-dropout0.5-dense128_relu"))
    again = visit("train?" + page.url.partition("?")[2])
    expect(again.locator(".network [data-layer]")).to_have_count(4)
    expect(again.get_by_text("9,610 parameters").first).to_be_visible()


def test_a_broken_network_fits_a_phone_and_says_where_it_breaks(visit: Visit) -> None:
    page = visit(OWN + "conv8_3_same_relu-max2-max9-flatten", phone=True, dark=True)
    expect(page.locator(".network .broken")).to_be_visible()
    expect(page.get_by_text(re.compile("Layer 3 slides a window of 9 × 9")).first).to_be_visible()
    page.get_by_label("Window size").fill("2")
    page.get_by_label("Window size").press("Enter")
    expect(page.locator(".network .broken")).to_have_count(0)
