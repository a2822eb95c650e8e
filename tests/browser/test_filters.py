"""What only a browser shows of the Filters page: cells, clicks, keys, uploads, downloads."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from cvcore.arrays import ByteArray
from cvcore.images import MAX_BYTES
from pages.ui.words import Say
from tests.browser.helpers import Visit, no_stack_trace, settle
from tools.app_server import ROOT

SEED = ROOT.parent / "shared" / "data" / "seed"


def cell(page: Page, row: int, column: int) -> Locator:
    return page.get_by_label(f"Weight in row {row}, column {column}", exact=True)


def upload(page: Page, name: str, data: bytes) -> None:
    page.get_by_role("button", name="Own", exact=True).click()
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(
        {"name": name, "mimeType": "application/octet-stream", "buffer": data}
    )


def png(image: ByteArray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def huge_png() -> bytes:
    """A PNG of a few hundred bytes that says it is 50,000 × 50,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 3000)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def test_a_typed_weight_changes_the_answer_and_stands_in_the_address(visit: Visit) -> None:
    page = visit("filters?picture=numbers&scaling=none")
    cell(page, 2, 2).fill("1/4")
    cell(page, 2, 2).press("Enter")
    expect(page.get_by_text("The weights add up to 4.25")).to_be_visible()
    assert "cells=0%2C1%2C0%3B1%2C0.25%2C1%3B0%2C1%2C0" in page.url
    expect(cell(page, 2, 2)).to_have_value("0.25")


def test_a_weight_that_is_no_number_gets_a_sentence_and_the_kernel_stays(visit: Visit) -> None:
    page = visit("filters?picture=numbers")
    cell(page, 1, 3).fill("<b>abc</b>")
    cell(page, 1, 3).press("Tab")
    expect(page.get_by_text("is not a number that a kernel can hold")).to_be_visible()
    expect(cell(page, 1, 3)).to_have_value("0")
    expect(page.get_by_text("6 × 6 × 1")).to_be_visible()


def test_a_click_on_the_answer_opens_that_pixels_arithmetic(visit: Visit) -> None:
    page = visit("filters?picture=cross&kernel=identity")
    answer = page.get_by_role("application")
    box = answer.bounding_box()
    assert box is not None
    answer.click(position={"x": box["width"] * 2.5 / 14, "y": box["height"] * 9.5 / 14})
    expect(page.get_by_text("The answer in row 9, column 2 is")).to_be_visible()


def test_the_arrow_keys_step_the_window_along(visit: Visit) -> None:
    page = visit("filters?picture=cross&kernel=sobel_y&view=pixel&row=3&column=5")
    answer = page.get_by_role("application")
    answer.focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    expect(page.get_by_text("The answer in row 4, column 7 is")).to_be_visible()
    settle(page)
    assert "row=4" in page.url
    assert "column=7" not in page.url  # the middle is the usual column


def test_an_uploaded_picture_survives_a_reload_and_opens_for_another_visitor(visit: Visit) -> None:
    page = visit("filters")
    upload(page, "mine.png", png(np.full((30, 40), 9, np.uint8)))
    expect(page.get_by_text("30 × 40 × 1")).to_be_visible()
    settle(page)
    page.reload()
    expect(page.get_by_text("30 × 40 × 1")).to_be_visible()
    other = visit("filters?" + page.url.partition("?")[2])
    expect(other.get_by_text("30 × 40 × 1")).to_be_visible()


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("text.png", b"Dear Sir or Madam,", "This is a text file"),
        ("empty.png", b"", "empty"),
        ("huge.png", huge_png(), "50000 × 50000"),
        ("picture.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
    ],
    ids=["text", "empty", "huge", "svg"],
)
def test_a_file_that_cannot_be_opened_gets_a_sentence_and_the_page_stays(
    visit: Visit, name: str, data: bytes, sentence: str
) -> None:
    page = visit("filters?picture=numbers")
    upload(page, name, data)
    expect(page.get_by_test_id("stAlert").filter(has_text=sentence)).to_be_visible()
    expect(page.get_by_text("6 × 6 × 1")).to_be_visible()


def test_a_photograph_cut_short_gets_a_sentence(visit: Visit) -> None:
    page = visit("filters?picture=numbers")
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
    Image.fromarray(noise).save(file, "JPEG")
    upload(page, "cut.jpg", file.getvalue()[:5000])
    expect(page.get_by_text("cut short")).to_be_visible()
    expect(page.get_by_text("6 × 6 × 1")).to_be_visible()


def test_a_file_over_the_limit_is_refused_and_the_page_stays(visit: Visit) -> None:
    page = visit("filters?picture=numbers")
    upload(page, "large.png", b"\0" * (MAX_BYTES + 10_001))
    expect(page.get_by_text("at most 10,485,760 can be opened here")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("6 × 6 × 1")).to_be_visible()


def test_one_pixel_is_a_picture_too_small_for_the_kernel_until_it_is_padded(visit: Visit) -> None:
    page = visit("filters")
    upload(page, "one.png", png(np.full((1, 1), 200, np.uint8)))
    expect(page.get_by_text("The kernel is 3 pixels long")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("radio", name="Same").click()
    expect(page.get_by_text("1 × 1 × 1").last).to_be_visible()
    expect(page.get_by_test_id("stAlert").filter(has_text="weights add up")).to_be_visible()


@pytest.mark.parametrize("name", ["david.png", "book.png"])
def test_the_lectures_own_pictures_open(visit: Visit, name: str) -> None:
    shapes = {"david.png": "grey with alpha", "book.png": "533 × 800"}
    page = visit("filters?view=facts")
    upload(page, name, (SEED / name).read_bytes())
    expect(page.get_by_text(shapes[name])).to_be_visible()


def test_the_numbers_that_are_taken_away_are_the_answer(visit: Visit, tmp_path: Path) -> None:
    page = visit("filters?picture=numbers&kernel=own&cells=1,0;0,-1&scaling=none&view=take")
    with page.expect_download() as download:
        page.get_by_role("button", name="Numbers (NPY)").click()
    download.value.save_as(tmp_path / "map.npy")
    assert_allclose(np.load(tmp_path / "map.npy"), np.full((7, 7, 1), -36))


def test_the_keyboard_alone_reaches_and_turns_a_control(visit: Visit) -> None:
    page = visit("filters?kernel=box")
    slider = page.get_by_role("slider")
    for _ in range(60):
        if slider.evaluate("it => it === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text("508 × 508 × 1")).to_be_visible()


VIEWS = ("Feature map", "Pixel by pixel", "Several kernels", "Colour filter", "The picture")


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_view_fits_a_phone_in_both_languages(visit: Visit, language: str) -> None:
    page = visit("filters?view=take&picture=coffee", language=language, phone=True)
    no_stack_trace(page)
    for view in VIEWS:
        page.get_by_role("radio", name=Say(language)(view), exact=True).click()
        settle(page)
        no_stack_trace(page)
