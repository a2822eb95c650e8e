"""What only a browser shows of a fight: both corners learn live, and the address finds it again."""

import re

from playwright.sync_api import expect

from tests.browser.helpers import Visit, settle, sticking_out

MINUTE = 60_000
FIGHT = "fight?seeds=1&fight_epochs=4&fight_count=100"


def test_a_fight_is_fought_live_and_found_again_on_a_phone(visit: Visit) -> None:
    page = visit(FIGHT, phone=True)
    said = page.locator(".st-key-fight_state").get_by_role("status")
    expect(said).to_have_text(re.compile("^Nobody has fought by these rules yet"))
    page.get_by_role("button", name="Start the fight").press("Enter")
    expect(said).to_have_text("The fight is over. Seeds: 1.", timeout=2 * MINUTE)
    sentence = page.locator(".st-key-fight_sentence").get_by_role("status")
    expect(sentence).to_have_text(re.compile(r"^Validation accuracy so far: .* 0\.\d+, .* 0\.\d+"))
    assert sticking_out(page) == []

    page.get_by_role("radio", name="Scorecard").click()
    expect(page.get_by_text("McNemar's test, 5 %")).to_be_visible(timeout=MINUTE)
    page.reload()
    settle(page)
    expect(page.get_by_text("McNemar's test, 5 %")).to_be_visible()
    assert "fight_view=card" in page.url
    assert sticking_out(page) == []
