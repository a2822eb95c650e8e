"""What only a browser shows of the Baselines page: a row is computed live, and a phone holds it."""

from playwright.sync_api import expect

from tests.browser.helpers import PATIENCE, Visit


def test_a_row_is_computed_live_when_its_button_is_pressed(visit: Visit) -> None:
    page = visit("baselines?base_data=digits&base_count=all", phone=True)
    page.get_by_role("button", name="k nearest neighbours").press("Enter")
    # scikit-learn's own figure: 347 of the 360 test digits.
    row = page.get_by_role("row", name="k nearest neighbours")
    expect(row).to_contain_text("96.39 %", timeout=2 * PATIENCE)
    expect(page.get_by_role("button", name="k nearest neighbours")).to_be_disabled()
    expect(page.get_by_text("13 of 360 test pictures wrong")).to_be_visible()
