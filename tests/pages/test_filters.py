"""The Filters page: what its numbers, sentences and address say."""

from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.pages import open_page


def texts(elements: Any) -> list[str]:
    return [element.value for element in elements]


def formulas(page: AppTest) -> list[str]:
    return [value.split(" ", 1)[1].strip("\n$") for value in texts(page.latex)]


def test_the_laplacian_of_the_astronaut_is_two_pixels_smaller() -> None:
    page = open_page("filters")
    assert "512 × 512 × 1" in page.caption[2].value
    assert page.caption[3].value.startswith("510 × 510 × 1 · from −2.35 to 1.59")
    assert formulas(page) == [r"\left\lfloor\frac{512+0-3}{1}\right\rfloor+1=510"]
    assert page.info[0].value.startswith("The weights add up to 0")


def test_every_stage_carries_its_size() -> None:
    page = open_page(
        "filters", kernel="box", size="5", stride="2", rectify="True", pooling="average", pool="3"
    )
    shapes = [value.split(" · ")[0] for value in texts(page.caption)[2:6]]
    assert shapes == ["512 × 512 × 1", "254 × 254 × 1", "254 × 254 × 1", "84 × 84 × 1"]
    assert formulas(page) == [
        r"\left\lfloor\frac{512+0-5}{2}\right\rfloor+1=254",
        r"\max(0,\ x)",
        r"\left\lfloor\frac{254+0-3}{3}\right\rfloor+1=84",
    ]


def test_the_sum_behind_a_pixel_is_written_out() -> None:
    page = open_page(
        "filters",
        picture="numbers",
        kernel="own",
        cells="1,0;0,-1",
        scaling="none",
        view="pixel",
        row="2",
        column="3",
    )
    picture = 4 * np.arange(64).reshape(8, 8)
    here, there = int(picture[2, 3]), int(picture[3, 4])
    (formula,) = (value for value in texts(page.markdown) if r"\cdot" in value)
    assert formula == rf"${here}\cdot1+{there}\cdot(-1)={here - there}$"


def test_stepping_on_from_the_end_of_a_row_begins_the_next() -> None:
    page = open_page(
        "filters", picture="numbers", kernel="identity", view="pixel", row="0", column="5"
    )
    next(button for button in page.button if button.label == "Step on").click().run()
    assert (page.session_state["row"], page.session_state["column"]) == (1, 0)


@pytest.mark.parametrize("view", ["stages", "pixel", "stack", "colour", "facts", "take"])
@pytest.mark.parametrize(
    ("picture", "language"), [("coffee", "en"), ("camera", "ko"), ("numbers", "ko")]
)
def test_every_view_works_on_colour_grey_and_tiny_pictures(
    view: str, picture: str, language: str
) -> None:
    page = open_page("filters", view=view, picture=picture, lang=language, colours="True")
    assert not page.exception
    assert not page.warning


def test_a_kernel_larger_than_the_picture_is_explained_and_the_controls_stay() -> None:
    page = open_page("filters", picture="numbers", kernel="box", size="9")
    assert "9" in page.warning[0].value
    page.slider(key="size").set_value(3).run()
    assert not page.warning


def test_a_stride_larger_than_the_picture_makes_one_stop_and_is_explained() -> None:
    page = open_page("filters", picture="numbers", stride="9")
    assert page.caption[3].value.startswith("1 × 1 × 1")
    assert "A stride of 9 is larger than the picture of 8 × 8" in page.warning[0].value


def test_nonsense_in_the_address_falls_back_and_is_reported() -> None:
    page = open_page(
        "filters",
        kernel="<b>",
        stride="banana",
        padding="wide",
        cells="1,2;3",
        size="1e9",
        picture="../../etc/passwd",
        pad_value="nan",
        row="-4",
        lang="xx",
    )
    assert not page.exception
    assert page.session_state["kernel"] == "laplacian"
    assert "kernel, padding, picture, stride" in page.info[0].value


def test_a_picture_that_is_no_longer_kept_gives_a_sentence_and_a_sample() -> None:
    page = open_page("filters", picture="0" * 32)
    assert page.warning[0].value.endswith("Upload it once more.")
    assert "512 × 512 × 1" in page.caption[2].value


def test_a_changed_control_stands_in_the_address_and_a_usual_one_does_not() -> None:
    page = open_page("filters")
    page.number_input(key="stride").set_value(3).run()
    page.selectbox(key="kernel").set_value("gaussian").run()
    assert page.query_params["stride"] == "3"
    assert page.query_params["kernel"] == "gaussian"
    page.number_input(key="stride").set_value(1).run()
    assert "stride" not in page.query_params


def test_flipping_makes_the_kernel_the_visitors_own() -> None:
    page = open_page("filters", kernel="sobel_x")
    next(button for button in page.button if button.label == "Flip").click().run()
    assert page.session_state["kernel"] == "own"
    assert page.query_params["cells"] == "1,0,-1;2,0,-2;1,0,-1"


def test_a_new_random_kernel_is_another_one_and_its_seed_is_in_the_address() -> None:
    page = open_page("filters", kernel="random_normal")
    before = page.caption[3].value
    next(button for button in page.button if button.label == "New random").click().run()
    assert page.caption[3].value != before
    assert page.query_params["seed"] == "1"


def test_resizing_an_own_kernel_keeps_its_middle() -> None:
    page = open_page("filters", kernel="own", cells="0,0,0;0,7,0;0,0,0")
    page.number_input(key="own_rows").set_value(1).run()
    page.number_input(key="own_columns").set_value(5).run()
    assert page.query_params["cells"] == "0,0,7,0,0"


@pytest.mark.parametrize("chip", range(5))
def test_every_experiment_sets_the_page_and_its_address(chip: int) -> None:
    page = open_page("filters")
    page.button(key=f"try_{chip}").click().run()
    assert not page.exception
    assert not page.warning
    again = open_page("filters", **page.query_params)
    assert texts(again.caption) == texts(page.caption)


def test_what_is_taken_away_does_not_draw_the_page_anew() -> None:
    # A page that is drawn anew can miss that a file is ready: its button would wait for minutes.
    buttons = open_page("filters", view="take").get("download_button")
    assert [it.proto.ignore_rerun for it in buttons] == [True, True, True]
