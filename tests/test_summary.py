"""The page to hand out: what is drawn, in which language, and as which files."""

import cv2
import numpy as np
import pytest

from cvcore import summary
from cvcore.summary import Chart, Line, Sheet, draw, font_for

LINE = Line(name="Dense", colour="#E69F00", points=((1.0, 0.5, 0.25, 0.75), (2.0, 0.75, 0.5, 1.0)))
CHART = Chart(title="Accuracy", across="Epochs", up="Accuracy", lines=(LINE,))
SHEET = Sheet(
    title="A fair fight",
    settings=("Digits. " * 40,),
    charts=(CHART,) * 4,
    head=("Measure", "Dense", "CNN"),
    rows=(("Parameters", "9,610", "74,554"),),
    words=("The CNN wins.",),
)

SMALL = Sheet(title="A fight", settings=(), charts=(), head=("Measure",), rows=(), words=())


def test_a_page_is_one_sheet_of_paper_as_picture_and_as_pdf() -> None:
    printed = draw("", (SHEET,))
    image = cv2.imdecode(np.frombuffer(printed.png, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape[:2] == pytest.approx((297 / 25.4 * 150, 210 / 25.4 * 150), abs=2)
    assert printed.pdf.startswith(b"%PDF")
    assert b"/Count 1 " in printed.pdf
    assert printed.which == 0
    # The line's own colour (BGR) is on the page, and its band is paler.
    assert (image == (0x00, 0x9F, 0xE6)).all(axis=2).sum() > 100
    # Nothing reaches the margins: no text was cut off.
    assert (image[:, :60] == 255).all()
    assert (image[:, -60:] == 255).all()


def test_the_same_page_is_the_same_file() -> None:
    assert draw("", (SMALL,)) == draw("", (SMALL,))


def test_a_page_whose_letters_no_font_has_is_drawn_in_the_next_language() -> None:
    unwritable = chr(0x10F123)  # of nobody's alphabet
    strange = Sheet(title=unwritable, settings=(), charts=(), head=(unwritable,), rows=(), words=())
    if font_for(frozenset(unwritable)) is None:
        assert draw("", (strange, SMALL)).which == 1
    assert draw("", (SMALL, strange)).which == 0


def test_a_font_is_known_by_its_letters() -> None:
    path = font_for(frozenset("aÀ×–−"))
    assert path is not None
    assert path.endswith("DejaVuSans.ttf")  # comes with Matplotlib
    korean = font_for(frozenset("정확도 a"))
    assert korean != path
    assert summary._letters(SHEET) >= set("Digts9,610Epochs#A") - {"#"}
