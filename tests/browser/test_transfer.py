"""What only a browser shows of the transfer laboratory: uploads, live curves, reloads, a phone."""

import io
import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Error, FilePayload, Page, expect

from tests.browser.helpers import Visit, settle, sticking_out

pytestmark = pytest.mark.usefixtures("keras_home")

MINUTE = 60_000


def upload(page: Page, place: str, *files: tuple[str, bytes]) -> None:
    """Open what `place` names, and bring files."""
    page.locator(f"{place} button").first.click()
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(
        [
            FilePayload(name=name, mimeType="application/octet-stream", buffer=data)
            for name, data in files
        ]
    )


def work_of(page: Page) -> str:
    page.wait_for_url(re.compile("work=[0-9a-f]{32}"))
    found = re.search("work=([0-9a-f]{32})", page.url)
    assert found is not None
    return found[1]


def zipped(folder: Path, count: int) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("faces", "animals"):
            for path in sorted((folder / name).glob("*.jpg"))[:count]:
                archive.write(path, f"{name}/{path.name}")
    return packed.getvalue()


def test_classes_are_brought_learned_and_found_again_by_their_address_alone(
    visit: Visit, lecture_pictures: Path
) -> None:
    page = visit("transfer?transfer=classes")
    first = work_of(page)
    upload(page, ".st-key-classes_files", ("mine.zip", zipped(lecture_pictures, 8)))
    expect(page.get_by_text("2 classes, 16 pictures.")).to_be_visible()
    page.wait_for_url(lambda url: first not in url)
    page.keyboard.press("Escape")

    # A picture that is none among good ones is named and left out.
    more = sorted((lecture_pictures / "faces").glob("*.jpg"))[8:10]
    upload(
        page,
        ".st-key-class_0_head",
        *((it.name, it.read_bytes()) for it in more),
        ("<b>no</b>.jpg", b"hello"),
    )
    expect(page.get_by_text("2 pictures were added; these were left out:")).to_be_visible()
    expect(page.get_by_text("<b>no</b>.jpg", exact=False).first).to_be_visible()
    expect(page.get_by_text("2 classes, 18 pictures.")).to_be_visible()
    work = work_of(page)
    page.reload()
    settle(page)
    expect(page.get_by_text("2 classes, 18 pictures.")).to_be_visible()
    assert work_of(page) == work

    # Somebody without the address has classes of their own.
    other = visit("transfer?transfer=classes")
    assert work_of(other) not in (work, first)

    page.goto(f"{page.url.partition('?')[0]}?transfer=learn&work={work}&backbone=MobileNet-0.25")
    settle(page)
    expect(page.get_by_text("514 parameters learned", exact=False)).to_be_visible(timeout=MINUTE)
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.get_by_text("23,714 parameters learned", exact=False)).to_be_visible(timeout=MINUTE)
    page.get_by_role("button", name="Look at the result").click()
    expect(page.get_by_text("held-out pictures are named rightly", exact=False)).to_be_visible(
        timeout=MINUTE
    )
    expect(page.locator(".st-key-result_map img")).to_be_visible(timeout=MINUTE)
    page.reload()
    settle(page)
    expect(page.locator(".st-key-result_near img").first).to_be_visible(timeout=MINUTE)

    phone = visit(f"transfer?transfer=result&work={work}&backbone=MobileNet-0.25",
                  language="ko", phone=True)  # fmt: skip
    expect(phone.locator(".st-key-result_near img").first).to_be_visible(timeout=MINUTE)
    assert sticking_out(phone) == []


def search(page: Page, place: str, words: str, option: str) -> None:
    """Type into a long list until it offers an option; what moves the page closes the list."""
    for _ in range(5):
        page.locator(place).fill("")
        page.locator(place).press_sequentially(words)
        try:
            page.get_by_role("option", name=option).wait_for(timeout=3_000)
        except Error:
            continue
        return
    raise AssertionError(option)


def test_a_photo_is_named_on_a_phone_and_another_class_asked_for_with_the_keyboard(
    visit: Visit,
) -> None:
    page = visit("transfer?photo=coffee", language="ko", phone=True)
    expect(page.get_by_text("espresso").first).to_be_visible(timeout=MINUTE)
    expect(page.locator(".st-key-photo_map img")).to_be_visible(timeout=MINUTE)
    settle(page)
    search(page, ".st-key-photo_class input", "Egyptian", "Egyptian cat")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("photo_class=285"))
    expect(page.locator(".st-key-photo_map figcaption")).to_contain_text("Egyptian cat")
    assert sticking_out(page) == []


def test_a_backbone_is_walked_through_on_a_phone(visit: Visit) -> None:
    page = visit(
        "inside?in_what=backbone&backbone=MobileNet-0.25&large=maps", language="ko", phone=True
    )
    views = page.locator(".st-key-large")
    expect(page.locator(".st-key-in_maps_grid img").first).to_be_visible(timeout=MINUTE)
    assert sticking_out(page) == []
    views.get_by_text("히트맵").click()
    expect(page.locator(".st-key-in_heat_grad_cam_over img")).to_be_visible(timeout=MINUTE)
    assert sticking_out(page) == []
    views.get_by_text("믿을 만한가").click()
    page.locator(".st-key-in_trust").get_by_text("직접 가리기").click()
    picture = page.locator(".st-key-in_brush_picture").get_by_role("application")
    expect(picture).to_be_visible(timeout=MINUTE)
    settle(page)
    picture.focus()
    page.keyboard.press("Space")
    said = page.locator(".st-key-in_brush_spoken").get_by_role("status")
    expect(said).to_have_text(re.compile("픽셀의 2%를 가리니"), timeout=MINUTE)  # 16 of 784 cells
    page.wait_for_url(re.compile("in_hidden="))
    assert sticking_out(page) == []
    views.get_by_text("수술").click()
    page.locator(".st-key-surgery_do button").click()
    page.wait_for_url(re.compile("large_surgery=3.0off"))
    expect(page.locator(".st-key-surgery_said").get_by_role("status")).to_have_text(
        re.compile("conv1 층의 맵 8개 가운데 1개가 달라졌습니다"), timeout=MINUTE
    )
    assert sticking_out(page) == []
    views.get_by_text("구조").click()
    page.locator('.st-key-large_network [data-layer="3"]').click()
    page.wait_for_url(re.compile("large_layer=conv_pw_5_relu"))
    assert sticking_out(page) == []
