"""The Layers page: what each experiment's sentences, formulas, tables and address say."""

import re
import subprocess
import sys
from html import unescape

import cv2
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cvcore import samples, shelf
from cvcore.activations import relu
from cvcore.arithmetic import layer_table
from cvcore.convolution import convolve
from cvcore.experiments import combine
from cvcore.images import scale
from cvcore.kernels import KERNELS
from cvcore.networks import NETWORKS
from pages.ui.layers import EXPERIMENTS
from pages.ui.layers.parts import square
from tests.pages import ROOT, open_page


def opened(experiment: str, **query: object) -> AppTest:
    page = open_page("layers", experiment=experiment, **{k: str(v) for k, v in query.items()})
    assert not page.exception
    return page


def notice(page: AppTest) -> str:
    (info,) = page.info
    return str(info.value)


def formulas(page: AppTest) -> list[str]:
    return [latex.value.strip("\n$") for latex in page.latex]


def tables(page: AppTest) -> list[list[list[str]]]:
    """Return the rows of each table on the page, cell by cell."""
    bodies = [element.proto.body for element in page.get("html")]
    return [
        [
            [unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
            for row in re.findall(r"<tr.*?</tr>", body)
        ]
        for body in bodies
        if "<table" in body
    ]


def press(page: AppTest, label: str) -> AppTest:
    return next(button for button in page.button if button.label == label).click().run()


def test_the_page_opens_on_a_stride_that_leaves_pixels_unused() -> None:
    page = open_page("layers")
    assert notice(page) == (
        "Answers: 3 × 3 = 9. In no window: 15 of 64 pixels (23.4 %). Left over at the right and "
        "at the bottom: 1 px, for another step of 2 would lead out of the picture."
    )
    (formula,) = formulas(page)
    assert formula.endswith(
        r"\left\lfloor\frac{8+0-3}{2}\right\rfloor+1=\lfloor 2.5\rfloor+1=3\end{aligned}"
    )


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"size_stride": 1}, "Answers: 6 × 6 = 36. Every pixel is in at least one window."),
        # Windows at 0–1 and 5–6 of each axis: 4 of 8 lines are seen.
        ({"size_f": 2, "size_stride": 5}, "In no window: 48 of 64 pixels (75 %)."),
        ({"size_f": 2, "size_stride": 5}, "The stride of 5 is longer than the kernel of 2"),
        # One pixel of padding goes after, and the last window ends on it.
        ({"size_padding": "same"}, "Answers: 4 × 4 = 16. Every pixel is in at least one window."),
        ({"size_n": 32, "size_f": 5, "size_stride": 1}, "Answers: 28 × 28 = 784."),
    ],
)
def test_the_answers_and_the_pixels_in_no_window_are_counted(
    settings: dict[str, object], says: str
) -> None:
    assert says in notice(opened("size", **settings))


def test_uneven_padding_has_a_formula_of_its_own() -> None:
    (formula,) = formulas(opened("size", size_padding="same"))
    assert "p_1 + p_2" in formula
    assert r"\frac{8+1-3}{2}" in formula


def test_the_window_stays_on_the_last_stop_when_the_answer_shrinks() -> None:
    page = opened("size", size_stride=1, size_stop=36)
    page.slider(key="size_stride").set_value(2).run()
    assert page.session_state["size_stop"] == 9


def test_with_padding_the_corner_goes_from_1_visit_to_4() -> None:
    page = opened("visits")
    assert notice(page) == (
        "Without padding the corner pixel counts in 1 of 9 answers, the middle pixel in 9. "
        "With this padding the corner pixel counts in 4 of 25 answers, the middle pixel in 9."
    )
    assert formulas(page) == [
        r"\text{corner}=1\cdot1=1\qquad\text{middle}=3\cdot3=9",
        r"\text{corner}=2\cdot2=4\qquad\text{middle}=3\cdot3=9",
    ]


def test_padding_lets_a_kernel_in_that_is_larger_than_the_picture() -> None:
    page = opened("visits", visits_n=2, visits_f=4, visits_padding="same")
    assert "The kernel is 4 pixels long" in page.warning[0].value
    assert notice(page).startswith("With this padding the corner pixel counts in 4 of 4 answers")


def test_a_stride_keeps_answers_of_stride_1() -> None:
    page = opened("stride", stride_step=4)
    # 256 − 3 + 1 = 254 and, at stride 4, ⌊253 / 4⌋ + 1 = 64.
    assert notice(page) == (
        "Stride 4 keeps 4,096 of 64,516 answers and saves 93.7 % of the multiplications. What it "
        "keeps are the answers of stride 1 at steps of 4 rows and columns: the largest "
        "difference is 0."
    )
    assert formulas(page) == [
        r"\left\lfloor\frac{256+0-3}{4}\right\rfloor+1=\lfloor 63.25\rfloor+1=64"
    ]


def test_a_stride_larger_than_the_picture_keeps_one_answer() -> None:
    page = opened("stride", stride_source="photo", picture="numbers", stride_step=16)
    assert notice(page).startswith("Stride 16 keeps 1 of 36 answers")


def test_max_pooling_keeps_the_bright_pixel_and_the_average_a_quarter_of_it() -> None:
    page = opened("pooling", pool_pattern="spot", pool_stop=7)
    assert notice(page) == (
        "The largest value: 9 before, 9 after max pooling, 2.25 after average pooling. "
        "The mean: 0.141 before, 0.562 after max pooling, 0.141 after average pooling."
    )
    # The spot is in row 3, column 4: at the bottom left of the seventh window.
    assert formulas(page) == [r"\max(0,0,9,0)=9\qquad\frac{0+0+9+0}{4}=2.25"]


def test_the_lines_that_no_whole_pooling_window_covers_are_counted() -> None:
    text = notice(opened("pooling", pool_window=3, pool_step=3))
    assert text.endswith("that no whole window covers: 2.")


def test_relu_is_what_makes_two_convolutions_more_than_one() -> None:
    page = opened("relu", picture="camera", relu_first="sobel_y", relu_second="laplacian")
    picture = scale(square(samples.load("camera"), 200), "none")
    first, second = KERNELS["sobel_y"].weights, KERNELS["laplacian"].weights
    between = convolve(picture, first)
    apart = np.abs(convolve(picture, combine(first, second)) - convolve(relu(between), second))
    assert "one with a kernel of 5 × 5: the largest difference is 0." in notice(page)
    assert f"differ by up to {apart.max():.0f}, " in notice(page)
    assert f"and {100 * (between <= 0).mean():.3g} % of what" in notice(page)
    assert r"\neq" in formulas(page)[0]


def test_relu_after_a_blur_changes_nothing_and_the_page_says_so() -> None:
    page = opened("relu", relu_first="box", relu_second="laplacian")
    assert "Here ReLU changes nothing" in notice(page)
    assert "(rounding)" in notice(page)
    assert r"\neq" not in formulas(page)[0]


def test_the_receptive_field_grows_by_its_formula() -> None:
    page = opened("field", field_network="lenet5", field_depth=4)
    assert formulas(page) == [r"r_{4}=r_{3}+(f-1)\cdot j_{3}=14+(2-1)\cdot2=16"]
    assert notice(page) == (
        "After layer 4 one value sees 16 × 16 pixels: 25 % of the picture of 32 × 32. "
        "The next value's window lies 4 px to the side."
    )
    (rows,) = tables(page)
    assert [row[2:] for row in rows[1:]] == [
        ["5 × 5", "1"],
        ["6 × 6", "2"],
        ["14 × 14", "2"],
        ["16 × 16", "4"],
    ]


def test_a_stack_with_pooling_ends_where_nothing_is_left_to_pool() -> None:
    page = opened("field", field_pool=True, field_depth=12)
    # 64 → 1 in six poolings, each after a convolution; the seventh does not fit.
    assert page.slider(key="field_depth").max == 13
    assert "one value sees 190 × 190 pixels: 100 %" in notice(page)


def test_a_convolution_saves_connections_and_weights() -> None:
    page = opened("sharing")
    # 8² · 6² = 2,304 against 3² · 6² = 324.
    assert notice(page) == (
        "For the same 36 outputs a dense layer needs 2,304 connections with a weight each; the "
        "convolution needs 324 connections, 7.1 times fewer, and only 9 weights, for each is "
        "used 36 times."
    )
    assert tables(page)[0][1:] == [
        ["Dense", "2,304", "2,304"],
        ["Nearby inputs only, nothing shared", "324", "324"],
        ["Convolution", "324", "9"],
    ]


def test_a_kernel_as_large_as_the_picture_is_a_dense_layer() -> None:
    assert "here the convolution is a dense layer, with 25 weights" in notice(
        opened("sharing", share_n=5, share_f=5)
    )


def test_the_matrix_of_a_large_picture_is_drawn_smaller_and_the_page_says_so() -> None:
    page = opened("sharing", share_n=224)
    assert any(
        "The drawing shows a picture of 10 × 10" in caption.value for caption in page.caption
    )
    assert f"{224**2 * 222**2:,} connections" in notice(page)


@pytest.mark.parametrize("kernel", ["sobel_x", "laplacian", "emboss"])
def test_the_feature_map_shifts_with_the_picture(kernel: str) -> None:
    page = opened("moves", move_kernel=kernel, move_right=-7, move_down=3)
    assert formulas(page) == [
        r"\max\left|\,k * T_{3,-7}x - T_{3,-7}(k * x)\,\right|=0",
    ]
    assert notice(page).endswith("away from the border the largest difference is 0.")


def test_the_feature_map_does_not_turn_with_the_picture() -> None:
    page = opened("moves", move_how="turn", move_degrees=90, move_kernel="sobel_x")
    found = re.search(r"differ by up to (\d+), ([\d.]+) % of the strongest", notice(page))
    assert found is not None
    assert int(found[1]) > 100
    # Two answers of opposite sign can be as far apart as twice the strongest.
    assert 50 < float(found[2]) <= 200


def test_a_laplacian_turned_by_a_quarter_is_the_surprise() -> None:
    page = press(opened("size"), "A kernel that follows a turn")
    assert notice(page).startswith("A surprise: this kernel looks the same after the turn")
    assert notice(page).endswith("The largest difference is 0.")


def test_a_kernel_turned_too_finds_again_what_it_found() -> None:
    page = opened("moves", move_how="turn", move_degrees=-90, move_with_kernel=True)
    assert "With the kernel turned too, the largest difference is 0" in notice(page)


def test_between_quarter_turns_interpolation_has_a_part_in_the_difference() -> None:
    page = opened("moves", move_how="turn", move_degrees=30, move_kernel="laplacian")
    assert "turned pixels are interpolated from their neighbours" in notice(page)


def test_pooling_forgives_a_part_of_a_small_shift() -> None:
    page = opened("small", small_window=8, small_shift=1)
    found = re.findall(r"by ([\d.]+) %", notice(page))
    none, largest, average = map(float, found)
    assert none > 2 * largest
    assert none > 2 * average
    rows = tables(page)[0]
    assert rows[1] == ["0", "0 %", "0 %", "0 %"]
    assert rows[2] == ["1", f"{none:g} %", f"{largest:g} %", f"{average:g} %"]


def test_zeros_frame_a_bright_page_and_ones_a_dark_one() -> None:
    bright = opened("border", border_kernel="laplacian", border_picture="square")
    # Each border pixel misses a white neighbour, each of the 4 corners two: −64 / 60.
    assert notice(bright) == (
        "If the picture went on as it ends, the border's mean would be 0. With zeros it is "
        "−1.07, with ones 0; inside it is 0 either way. Zeros make a frame that is not in the "
        "picture."
    )
    assert formulas(bright) == [
        r"\small -2+0\cdot2=-2",
        r"\small -2+1\cdot2=0",
        r"\small -2+2=0",
    ]
    dark = opened("border", border_kernel="laplacian", border_picture="cross")
    assert notice(dark).endswith("Ones make a frame that is not in the picture.")


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("dense", ["100,480", "1,290"]),
        ("cnn", ["640", "18,464", "4,624", "200,960", "32,896", "1,290"]),
        ("lenet5", ["156", "2,416", "48,120", "10,164", "850"]),
    ],
)
def test_a_networks_table_lists_the_published_parameters(name: str, parameters: list[str]) -> None:
    layers, everything = tables(opened("networks", net_name=name))
    assert [row[3] for row in layers[1:-1] if row[3] != "0"] == parameters
    rows = layer_table(NETWORKS[name].layers, NETWORKS[name].input_shape)
    assert layers[-1] == [
        "",
        "Total",
        "",
        *(
            f"{sum(getattr(row, of) for row in rows):,}"
            for of in ("parameters", "connections", "multiply_adds")
        ),
        "",
    ]
    listed = {row[0]: row[2] for row in everything[1:]}
    assert len(listed) == len(NETWORKS)
    assert listed["The lecture's dense classifier"] == "101,770"
    assert listed["The lecture's CNN"] == "258,874"
    assert listed["LeNet-5"] == "61,706"
    assert listed["VGG16"] == "138,357,544"


def test_vgg16_is_heavy_in_its_first_dense_layer() -> None:
    page = press(opened("size"), "Where VGG16 is heavy")
    assert [metric.value for metric in page.metric][:2] == ["16", "138,357,544"]
    assert notice(page) == (
        "Layer 20 (Dense, 4096 units, relu) holds 102,764,544 of 138,357,544 parameters: 74.3 %. "
        "The convolutions hold 10.6 % of the parameters and do 99.2 % of the multiply-adds."
    )
    assert formulas(page) == [r"(25088+1)\cdot4096=102\,764\,544"]


def test_a_larger_picture_gives_the_convolutions_no_parameter() -> None:
    published, larger = (
        tables(opened("networks", net_name="cnn", net_side_cnn=side))[0] for side in (28, 56)
    )
    assert [row[3] for row in published[1:6]] == [row[3] for row in larger[1:6]]
    assert published[7][3] != larger[7][3]


@pytest.mark.parametrize(
    ("experiment", "settings", "says"),
    [
        ("size", {"size_n": 3, "size_f": 5}, "The kernel is 5 pixels long"),
        ("sharing", {"share_n": 2, "share_f": 5}, "The kernel is 5 pixels long"),
        ("networks", {"net_name": "vgg16", "net_side_vgg16": 16}, "Layer 18 slides a window"),
    ],
)
def test_what_does_not_fit_is_a_sentence_and_the_controls_stay(
    experiment: str, settings: dict[str, object], says: str
) -> None:
    page = opened(experiment, **settings)
    assert page.warning[0].value.startswith(says)
    key = list(settings)[-1]
    widget = page.number_input(key=key) if "side" in key else page.slider(key=key)
    widget.set_value({"size_f": 3, "share_f": 1, "net_side_vgg16": 64}[key]).run()
    assert not page.warning
    assert page.info


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_says_something_in_both_languages(name: str, language: str) -> None:
    page = opened(name, lang=language)
    assert not page.warning
    assert len(notice(page)) > 20
    assert page.expander


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (1, 900)])
@pytest.mark.parametrize("name", ["stride", "pooling", "relu", "field", "moves", "small"])
def test_a_visitors_tiny_picture_never_breaks_an_experiment(
    name: str, shape: tuple[int, int]
) -> None:
    picture = cv2.imencode(".png", np.full(shape, 200, np.uint8))[1].tobytes()
    page = opened(
        name,
        picture=shelf.keep(picture),
        stride_source="photo",
        pool_pattern="edges",
        move_how="turn",
        move_degrees=33,
    )
    assert page.info or page.warning


def test_every_chip_leads_to_its_experiment_and_into_the_address() -> None:
    page = open_page("layers")
    chips = [button.label for button in page.button if str(button.key).startswith("try_")]
    assert len(chips) >= 6
    reached = set()
    for chip in chips:
        press(page, chip)
        assert not page.exception
        assert not page.warning
        assert page.query_params["experiment"] == page.session_state["experiment"]
        reached.add(page.session_state["experiment"])
    assert len(reached) == len(chips)


def test_settings_come_back_when_the_visitor_does() -> None:
    page = opened("visits", visits_n=9)
    page.session_state["experiment"] = "relu"
    page.run()
    page.session_state["experiment"] = "visits"
    page.run()
    assert page.session_state["visits_n"] == 9


def test_nonsense_in_the_address_is_named_and_the_usual_settings_are_shown() -> None:
    page = opened("<b>", size_n="banana", size_f="1e9", size_padding="wide", size_stop=-3)
    assert page.session_state["experiment"] == "size"
    sentences = [info.value for info in page.info]
    assert any(
        "(experiment, size_f, size_n, size_padding, size_stop)" in text for text in sentences
    )


def test_no_experiment_imports_what_weighs_on_the_web_process() -> None:
    code = (
        "import sys\n"
        "from tests.pages import open_page\n"
        "from pages.ui.layers import EXPERIMENTS\n"
        "for name in EXPERIMENTS:\n"
        "    assert not open_page('layers', experiment=name).exception\n"
        "heavy = {'pandas', 'altair', 'scipy', 'skimage', 'sklearn', 'tensorflow', 'keras'}\n"
        "print(*sorted(heavy & set(sys.modules)))\n"
    )
    printed = subprocess.check_output(
        [sys.executable, "-c", code], cwd=ROOT, text=True, stderr=subprocess.DEVNULL
    )
    assert printed.split() == []
