"""What only a browser shows of the Layers page: every experiment on a screen, clicks and keys."""

from itertools import cycle

import pytest
from playwright.sync_api import expect

from pages.ui.layers import EXPERIMENTS
from pages.ui.words import Say
from tests.browser.helpers import Visit, settle


@pytest.mark.parametrize(
    ("name", "language"), list(zip(EXPERIMENTS, cycle(["en", "ko"]), strict=False))
)
def test_every_experiment_opens_by_its_address_and_fits_a_phone(
    visit: Visit, name: str, language: str
) -> None:
    page = visit(f"layers?experiment={name}", language=language, phone=True)
    expect(page.get_by_text(Say(language)(EXPERIMENTS[name].intro))).to_be_visible()
    expect(page.get_by_test_id("stAlert").first).to_be_visible()


def test_an_experiment_that_a_button_sets_up_opens_again_by_its_address(visit: Visit) -> None:
    page = visit("layers")
    page.get_by_role("button", name="Where VGG16 is heavy").click()
    expect(page.get_by_text("138,357,544").first).to_be_visible()
    settle(page)
    again = visit("layers?" + page.url.partition("?")[2])
    expect(again.get_by_text("138,357,544").first).to_be_visible()


def test_turning_the_stride_by_the_keyboard_changes_the_formula(visit: Visit) -> None:
    page = visit("layers?experiment=size&size_n=8&size_f=3&size_stride=1")
    expect(page.get_by_text("Answer: 6 × 6")).to_be_visible()
    page.get_by_role("slider", name="Stride s").press("ArrowRight")
    expect(page.get_by_text("Answer: 3 × 3")).to_be_visible()
