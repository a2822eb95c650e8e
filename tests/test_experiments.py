"""The small experiments' arithmetic, against values worked by hand, SciPy and brute force."""

import doctest
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy.signal import convolve2d

from cvcore import experiments
from cvcore.arithmetic import receptive_field, visits
from cvcore.arrays import FloatArray
from cvcore.convolution import convolve
from cvcore.errors import SettingError
from cvcore.experiments import (
    PATTERNS,
    change,
    combine,
    connections,
    fields,
    frame_and_inside,
    paths,
    shift,
    shift_and_filter,
    turn,
    turn_and_filter,
    window_of,
    zone_plate,
)
from cvcore.kernels import KERNELS
from cvcore.networks import NETWORKS, Convolution, Layer, Network, Pooling
from cvcore.pooling import pool

whole = st.integers(-9, 9)  # small whole numbers are exact in float32
pictures = arrays(np.float32, (9, 9), elements=whole)
kernels = arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(1, 4)), elements=whole)
threes = arrays(np.float32, (3, 3), elements=whole)
layers = st.one_of(
    st.builds(
        Convolution,
        filters=st.just(1),
        size=st.integers(1, 4),
        stride=st.integers(1, 3),
        padding=st.sampled_from(("valid", "same")),
    ),
    st.builds(Pooling, size=st.integers(1, 3), stride=st.none() | st.integers(1, 3)),
)


def test_the_examples_in_the_docstrings_run() -> None:
    assert doctest.testmod(experiments).failed == 0


def test_two_box_kernels_make_a_pyramid() -> None:
    pyramid = combine(np.ones((1, 3)), np.ones((1, 3)))
    assert_array_equal(pyramid, np.array([[1, 2, 3, 2, 1]], np.float32))


@given(kernels, kernels)
def test_a_combined_kernel_is_scipys_full_convolution(one: FloatArray, other: FloatArray) -> None:
    assert_array_equal(combine(one, other), convolve2d(one, other, mode="full"))


@given(arrays(np.float32, (12, 11), elements=whole), kernels, kernels)
def test_two_convolutions_in_a_row_are_one_with_the_combined_kernel(
    picture: FloatArray, one: FloatArray, other: FloatArray
) -> None:
    chained = convolve(convolve(picture, one), other)
    assert_array_equal(convolve(picture, combine(one, other)), chained)


def test_the_middle_of_lenet_5_sees_16_pixels_after_its_second_pooling() -> None:
    seen = fields(NETWORKS["lenet5"].layers, 32)
    # 28 values: the 14th looks at 14 … 18. 14: its 2 at 14 … 19. 10: 5 of those, 2 apart.
    assert seen == (range(14, 19), range(14, 20), range(10, 24), range(8, 24))


def test_a_field_that_reaches_into_the_padding_begins_before_the_picture() -> None:
    assert fields([Convolution(filters=1, size=5, padding="same")], 3) == (range(-1, 4),)


def test_a_network_with_normalised_values_is_followed_through_all_its_maps() -> None:
    layers = NETWORKS["fast"].layers
    seen = fields(layers, 28)
    assert [len(field) for field in seen] == [reach.size for reach in receptive_field(layers)]
    assert int(paths(layers, 28).sum()) == int(paths(layers[:3], 28).sum())


@given(st.lists(layers, max_size=4))
def test_a_field_is_as_long_as_the_receptive_field(network: list[Layer]) -> None:
    try:
        seen = fields(network, 40)
    except SettingError:
        return  # shrunk until the next window did not fit
    assert [len(field) for field in seen] == [reach.size for reach in receptive_field(network)]


def answer(network: Network, line: FloatArray) -> FloatArray:
    """Add up what each window holds, layer by layer, of a picture one pixel high."""
    for layer in network:
        assert isinstance(layer, Convolution | Pooling)
        stride = layer.size if layer.stride is None else layer.stride
        padding = layer.padding if isinstance(layer, Convolution) else "valid"
        line = convolve(line, np.ones((1, layer.size)), padding=padding, stride=stride)
    return line


@given(st.lists(layers, max_size=4))
def test_the_ways_to_a_value_are_how_often_a_pixel_counts_in_it(network: list[Layer]) -> None:
    try:
        counts = paths(network, 24)
    except SettingError:
        return
    single = np.eye(24, dtype=np.float32)
    outputs = [answer(tuple(network), single[[pixel]])[0] for pixel in range(24)]
    assert_array_equal(counts, [output[output.size // 2] for output in outputs])


def test_no_layer_leaves_the_pixel_itself() -> None:
    assert fields((), 5) == ()
    assert_array_equal(paths((), 5), [0, 0, 1, 0, 0])


def test_a_stack_that_does_not_fit_is_explained() -> None:
    network = [Pooling(size=2)] * 4
    for measure in (fields, paths):
        with pytest.raises(SettingError, match="only 1"):
            measure(network, 8)


def test_a_vgg16_value_counts_its_middle_most() -> None:
    counts = paths(NETWORKS["vgg16"].layers, 224)
    seen = fields(NETWORKS["vgg16"].layers, 224)[-1]
    assert len(seen) == 212
    assert_array_equal(np.flatnonzero(counts), [pixel for pixel in seen if pixel < 224])
    assert counts.argmax() in range(seen[90], seen[-90])


@pytest.mark.parametrize(("n", "f"), [(3, 2), (5, 3), (4, 4), (3, 1)])
def test_the_matrix_of_a_convolution_gives_its_answer(n: int, f: int) -> None:
    draw = np.random.default_rng(n)
    picture = draw.integers(-9, 9, (n, n)).astype(np.float32)
    kernel = draw.integers(-9, 9, (f, f)).astype(np.float32)
    weights = np.concatenate([[0], kernel.ravel()])  # number 0: no connection
    matrix = weights[connections(n, f)]
    expected = convolve(picture, kernel).ravel()
    assert_array_equal(matrix @ picture.ravel(), expected)


def test_the_matrix_of_a_convolution_joins_each_pixel_as_often_as_it_is_visited() -> None:
    joined = (connections(6, 3) > 0).sum(axis=0).reshape(6, 6)
    assert_array_equal(joined, np.outer(visits(6, 3), visits(6, 3)))


@pytest.mark.parametrize(
    ("down", "right", "corner", "filled"),
    [(1, 0, [0, 0], 6), (0, -2, [3, 0], 3), (-1, 1, [0, 4], 4), (3, 0, [0, 0], 0), (0, 0, 0, 9)],
)
def test_a_shift_moves_the_numbers_and_fills_with_zero(
    down: int, right: int, corner: object, filled: int
) -> None:
    picture = np.arange(1, 10, dtype=np.float32).reshape(3, 3)
    moved = shift(picture, down=down, right=right)
    assert np.count_nonzero(moved) == filled
    for row, column in itertools.product(range(3), range(3)):
        inside = 0 <= row - down < 3 and 0 <= column - right < 3
        assert moved[row, column] == (picture[row - down, column - right] if inside else 0)


def test_quarter_turns_are_numpys_and_four_change_nothing() -> None:
    picture = np.arange(16, dtype=np.float32).reshape(4, 4)
    for quarters in range(-4, 5):
        assert_array_equal(turn(picture, 90 * quarters), np.rot90(picture, quarters))


def test_a_small_turn_goes_the_way_of_a_quarter_turn() -> None:
    dot = np.zeros((9, 9), np.float32)
    dot[4, 8] = 1  # at the right; counter-clockwise is up
    rows, _ = np.nonzero(turn(dot, 30))
    assert rows.max() < 4


def test_a_turn_keeps_a_smooth_picture_that_has_no_direction() -> None:
    axis = np.linspace(-1, 1, 65)
    hill = np.exp(-4 * np.add.outer(axis**2, axis**2)).astype(np.float32)
    inside = np.hypot.outer(axis, axis) < 0.9
    assert_allclose(turn(hill, 37)[inside], hill[inside], atol=2e-3)


def test_only_a_square_picture_can_be_turned() -> None:
    with pytest.raises(SettingError, match="2 × 3"):
        turn(np.zeros((2, 3)), 90)


@given(pictures, threes, st.integers(-12, 12), st.integers(-12, 12))
def test_away_from_the_border_filtering_and_shifting_change_places(
    picture: FloatArray, kernel: FloatArray, down: int, right: int
) -> None:
    both = shift_and_filter(picture, kernel, down=down, right=right)
    assert both.largest == 0
    # The windows of 9 − 2 pixels a side, less what the shift takes on one side of each.
    expected = max(7 - abs(down), 0) * max(7 - abs(right), 0)
    assert np.count_nonzero(both.compared) == expected


def test_at_the_border_a_shifted_picture_answers_differently() -> None:
    # So the pixels that are not compared matter: the shift brings zeros in.
    picture = np.ones((5, 5), np.float32)
    both = shift_and_filter(picture, np.ones((3, 3)), down=0, right=1)
    assert (both.moved_first != both.filtered_first).any()


@given(pictures, threes, st.sampled_from([-90, 90, 180, 270]))
def test_a_quarter_turn_of_the_kernel_too_changes_places(
    picture: FloatArray, kernel: FloatArray, degrees: int
) -> None:
    both = turn_and_filter(picture, kernel, degrees=degrees, with_kernel=True)
    assert both.largest == 0
    assert np.count_nonzero(both.compared) == 49


@pytest.mark.parametrize("name", ["laplacian", "laplacian_8", "laplacian_diagonal", "identity"])
@given(pictures)
def test_a_kernel_that_looks_the_same_after_a_quarter_turn_changes_places(
    name: str, picture: FloatArray
) -> None:
    assert turn_and_filter(picture, KERNELS[name].weights, degrees=90).largest == 0


def test_a_turned_edge_is_another_edge_for_sobel() -> None:
    picture = np.zeros((7, 7), np.float32)
    picture[:, 3:] = 1  # dark, then bright to the right
    sobel = KERNELS["sobel_x"].weights
    # Upside down the edge falls: −4 where the turned map says 4.
    both = turn_and_filter(picture, sobel, degrees=180)
    assert (both.largest, both.share) == (8.0, 2.0)
    # On its side there is nothing to find across: 0 against 4.
    quarter = turn_and_filter(picture, sobel, degrees=90)
    assert (quarter.largest, quarter.share) == (4.0, 1.0)


def test_nothing_is_compared_where_a_turned_window_leaves_the_picture() -> None:
    flat = np.ones((41, 41), np.float32)
    both = turn_and_filter(flat, np.ones((5, 5)), degrees=45)
    assert both.compared[20, 20]
    assert not both.compared[0].any()
    assert both.largest < 1e-4  # a border of zeros would answer up to 25 less


def test_a_picture_too_small_to_compare_differs_by_nothing() -> None:
    both = turn_and_filter(np.ones((1, 1)), np.ones((3, 3)), degrees=90)
    assert not both.compared.any()
    assert (both.largest, both.share) == (0.0, 0.0)


def test_a_window_cut_farther_left_shows_the_scene_shifted_to_the_right() -> None:
    picture = np.arange(60, dtype=np.float32).reshape(6, 10)
    here, shifted = window_of(picture, 4), window_of(picture, 4, left=2)
    assert_array_equal(here, picture[1:5, 3:7])
    assert_array_equal(shifted[:, 2:], here[:, :2])


def test_a_window_is_never_larger_than_the_picture() -> None:
    assert window_of(np.zeros((3, 8), np.float32), 20, left=99).shape == (3, 3)


def test_change_is_a_share_of_the_stronger_map() -> None:
    one, other = np.array([3.0, 0.0]), np.array([0.0, 4.0])
    assert change(one, other) == pytest.approx(5 / 4)  # √(9 + 16) over the larger of 3 and 4
    assert change(other, one) == change(one, other)
    assert change(one, -one) == 2
    assert change(one, one) == change(0 * one, 0 * one) == 0


def test_a_bright_page_padded_with_zeros_gets_a_dark_frame() -> None:
    page = np.ones((6, 6), np.float32)
    dark = convolve(page, KERNELS["box"].weights, padding="same", pad_value=0)
    frame, inside = frame_and_inside(dark, 1)
    # Of 20 border pixels 4 corners see 4 of 9 pixels, 16 others 6 of 9.
    assert frame == pytest.approx((4 * 4 / 9 + 16 * 6 / 9) / 20)
    assert inside == pytest.approx(1)


def test_a_frame_that_leaves_nothing_inside_is_refused() -> None:
    for width in (0, 2, 3):
        with pytest.raises(SettingError, match="nothing inside"):
            frame_and_inside(np.ones((4, 9), np.float32), width)


def test_a_zone_plate_ends_with_the_finest_rings_a_grid_can_hold() -> None:
    rings = zone_plate(64)
    assert rings[32, 32] == 1
    assert rings.min() == 0
    # Around the middle of an edge, black and white take turns from pixel to pixel.
    assert_allclose(rings[32, :4], [1, 0, 1, 0], atol=0.05)
    assert_array_equal(rings[1:, 1:], rings[1:, 1:].T)


@pytest.mark.parametrize(
    ("name", "largest", "mean"),
    [("spot", 9.0, 9 / 4), ("checkers", 9.0, 4.5), ("slope", 9.0, 5.0)],
)
def test_max_pooling_keeps_a_detail_that_the_average_thins(
    name: str, largest: float, mean: float
) -> None:
    pattern = PATTERNS[name].make(8)
    assert pattern.shape == (8, 8)
    assert pattern.dtype == np.float32
    assert pool(pattern, kind="max").max() == largest
    assert pool(pattern, kind="average").max() == mean


def test_the_random_numbers_are_the_same_every_time() -> None:
    once, again = (PATTERNS["dice"].make(6) for _ in range(2))
    assert_array_equal(once, again)
    assert set(np.unique(once)) <= set(range(10))
