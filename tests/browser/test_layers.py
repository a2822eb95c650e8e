"""What only a browser shows of the Layers page: every experiment on a screen, clicks and keys."""

import pytest
from playwright.sync_api import expect

from pages.ui.layers import EXPERIMENTS
from pages.ui.words import Say
from tests.browser.helpers import Visit, no_stack_trace, settle


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_experiment_fits_a_phone(visit: Visit, language: str) -> None:
    say = Say(language)
    page = visit("layers", language=language, phone=True)
    for experiment in EXPERIMENTS.values():
        page.get_by_role("radio", name=say(experiment.label), exact=True).click()
        expect(page.get_by_text(say(experiment.intro))).to_be_visible()
        settle(page)
        expect(page.get_by_test_id("stAlert").first).to_be_visible()
        no_stack_trace(page)


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
