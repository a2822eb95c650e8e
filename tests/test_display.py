"""Arrays as pictures: colours mean what the bar says, and red stays red."""

import doctest
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib import colormaps
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from cvcore import display
from cvcore.arrays import ByteArray, FloatArray
from cvcore.display import (
    channel_colours,
    colour_bar,
    colour_stops,
    colour_table,
    encode,
    encode_jpeg,
    encode_png,
    enlarge,
    montage,
    signed_colours,
    unsigned_colours,
)
from cvcore.errors import SettingError
from cvcore.images import decode, stretch

BLUE, WHITE, RED = [20, 90, 180], [255, 255, 255], [184, 22, 42]
any_map = arrays(np.float32, (4, 5), elements=st.floats(width=32, allow_subnormal=True))


def levels(values: object) -> ByteArray:
    return np.array(values, np.uint8)


def decimals(values: object) -> FloatArray:
    return np.array(values, np.float32)


def test_the_examples_in_the_docstrings_run() -> None:
    found = doctest.testmod(display)
    assert found.attempted > 0
    assert found.failed == 0


# Colour maps


def test_zero_is_white_below_it_blue_and_above_it_red() -> None:
    assert_array_equal(signed_colours(decimals([[-4, 0, 4]])), [[BLUE, WHITE, RED]])


def test_both_signs_share_one_limit() -> None:
    colours = signed_colours(decimals([[-1, 0, 4]])).astype(int)
    quarter = 255 + 0.25 * (np.array(BLUE) - 255)
    assert_allclose(colours[0, 0], quarter, atol=2)
    assert_array_equal(colours[0, 1:], [WHITE, RED])


def test_a_given_limit_makes_two_maps_comparable_and_cuts_off_what_is_beyond() -> None:
    colours = signed_colours(decimals([[-90, -2, 0, 2, 90]]), limit=2)
    assert_array_equal(colours, [[BLUE, BLUE, WHITE, RED, RED]])


def test_a_map_of_zeros_is_white() -> None:
    assert_array_equal(signed_colours(np.zeros((2, 3), np.float32)), np.full((2, 3, 3), 255))


@given(arrays(np.float32, (4, 5), elements=st.integers(-50, 50)))
def test_turning_the_sign_swaps_blue_and_red(feature_map: FloatArray) -> None:
    share = {"warm": signed_colours(feature_map), "cold": signed_colours(-feature_map)}
    distance = {name: 255.0 - colours[..., 1] for name, colours in share.items()}
    ends = {name: np.where(feature_map > 0, 233, 165) for name in share}
    ends["cold"] = np.where(feature_map > 0, 165, 233)
    assert_allclose(distance["warm"] / ends["warm"], distance["cold"] / ends["cold"], atol=0.01)


def test_grey_goes_from_the_minimum_in_black_to_the_maximum_in_white() -> None:
    colours = unsigned_colours(decimals([[-1, 0, 4]]))
    assert_array_equal(colours, [[[0] * 3, [51] * 3, [255] * 3]])


def test_viridis_goes_from_purple_to_yellow() -> None:
    # Its ends as its authors publish them: #440154 and #fde725.
    colours = unsigned_colours(decimals([[0, 1]]), colours="viridis")
    assert_array_equal(colours, [[[0x44, 0x01, 0x54], [0xFD, 0xE7, 0x25]]])


def test_viridis_is_matplotlibs() -> None:
    expected = colormaps["viridis"](np.arange(256))[:, :3] * 255
    assert_allclose(colour_table("viridis").astype(float), expected, atol=0.51)


def test_given_ends_cut_off_what_is_beyond() -> None:
    colours = unsigned_colours(decimals([[-5, 0, 5, 10, 99]]), low=0, high=10)
    assert_array_equal(colours[0, :, 0], [0, 0, 128, 255, 255])


def test_a_flat_map_has_the_middle_colour_as_when_it_is_stretched() -> None:
    flat = decimals([[7, 7]])
    assert_array_equal(unsigned_colours(flat), np.full((1, 2, 3), 128))
    assert_array_equal(np.rint(stretch(flat) * 255), [[128, 128]])


@given(any_map)
def test_no_number_whatever_breaks_a_picture(feature_map: FloatArray) -> None:
    for colours in (
        signed_colours(feature_map),
        signed_colours(feature_map, limit=1e-30),
        unsigned_colours(feature_map),
        unsigned_colours(feature_map, colours="viridis", low=-1e-30, high=1e-30),
    ):
        assert colours.shape == (4, 5, 3)
        assert colours.dtype == np.uint8


def test_no_number_is_white_and_infinity_has_full_colour() -> None:
    strange = decimals([[np.nan, np.inf, -np.inf, 1]])
    assert_array_equal(signed_colours(strange), [[WHITE, RED, BLUE, WHITE]])


@given(any_map.map(np.nan_to_num).map(lambda values: np.clip(values, -1e30, 1e30)))
def test_a_larger_value_is_never_darker_in_grey(feature_map: FloatArray) -> None:
    order = np.argsort(feature_map, axis=None)
    greys = unsigned_colours(feature_map)[..., 0].ravel()[order].astype(int)
    assert (np.diff(greys) >= 0).all(), greys


def test_a_map_with_a_channel_axis_looks_the_same() -> None:
    feature_map = decimals([[-3, 1], [2, 0]])
    assert_array_equal(signed_colours(feature_map[..., None]), signed_colours(feature_map))
    assert_array_equal(unsigned_colours(feature_map[..., None]), unsigned_colours(feature_map))


def test_a_channel_is_shown_in_its_own_colour() -> None:
    channel = levels([[0, 100, 255]])
    assert_array_equal(channel_colours(channel, "red")[0, 1], [100, 0, 0])
    assert_array_equal(channel_colours(channel, "green")[0, 1], [0, 100, 0])
    assert_array_equal(channel_colours(channel[..., None], "blue")[0, 1], [0, 0, 100])
    assert_array_equal(channel_colours(channel, "grey")[0, 1], [100, 100, 100])


def test_a_channel_cut_out_of_a_picture_can_be_shown() -> None:
    image = levels(np.arange(24).reshape(2, 4, 3))
    red = channel_colours(image[..., 0], "red")
    assert_array_equal(red[..., 0], image[..., 0])
    assert_array_equal(red[..., 1:], np.zeros((2, 4, 2)))


def test_the_stops_for_the_browser_are_the_tables_colours() -> None:
    assert colour_stops("signed", count=3) == ["#145ab4", "#ffffff", "#b8162a"]
    assert colour_stops("grey", count=2) == ["#000000", "#ffffff"]
    assert colour_stops("blue")[-1] == "#0000ff"
    assert len(colour_stops("viridis")) == 17
    assert colour_stops("signed")[8] == "#ffffff"


def test_a_table_is_shared_and_cannot_be_changed() -> None:
    table = colour_table("signed")
    assert table.shape == (256, 3)
    with pytest.raises(ValueError, match="read-only"):
        table[0] = 0


def test_a_wide_bar_grows_to_the_right_and_a_high_one_upwards() -> None:
    wide, high = colour_bar("signed", 255, 4), colour_bar("signed", 4, 255)
    assert_array_equal(wide[:, [0, 127, 254]], [[BLUE, WHITE, RED]] * 4)
    assert_array_equal(high[[254, 127, 0]], np.array([[BLUE] * 4, [WHITE] * 4, [RED] * 4]))


def test_a_bar_without_pixels_is_explained() -> None:
    with pytest.raises(SettingError, match="0 × 9 was asked for"):
        colour_bar("grey", 0, 9)


# Larger and together


def test_enlarging_makes_a_square_of_every_pixel() -> None:
    expected = [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]
    assert_array_equal(enlarge(levels([[1, 2], [3, 4]]), 2), expected)
    assert enlarge(np.zeros((2, 3, 3), np.uint8), 5).shape == (10, 15, 3)


def test_a_factor_below_one_is_explained() -> None:
    with pytest.raises(SettingError, match="it was 0"):
        enlarge(np.zeros((2, 2), np.uint8), 0)


def test_a_montage_puts_maps_row_by_row_with_grey_between() -> None:
    maps = decimals([0, 5, 10]).reshape(1, 1, 3)
    whole = montage(maps, columns=2)[..., 0]
    # The range is common: 0 is black, 10 white; grey 128 lies between and in the empty place.
    assert_array_equal(whole, [[0, 128, 128], [128, 128, 128], [255, 128, 128]])


def test_each_map_of_a_montage_can_have_its_own_range() -> None:
    maps = np.stack([decimals([[0, 1]]), decimals([[0, 100]])], axis=2)
    common = montage(maps, columns=1, gap=0)[..., 0]
    assert_array_equal(common, [[0, 3], [0, 255]])
    each = montage(maps, columns=1, gap=0, common=False)[..., 0]
    assert_array_equal(each, [[0, 255], [0, 255]])


def test_signed_maps_share_a_limit_in_a_montage() -> None:
    maps = np.stack([decimals([[-1]]), decimals([[2]])], axis=2)
    common = montage(maps, columns=2, gap=0, colours="signed")
    assert_array_equal(common, signed_colours(decimals([[-1, 2]])))
    each = montage(maps, columns=2, gap=0, colours="signed", common=False)
    assert_array_equal(each, [[BLUE, RED]])


@given(st.integers(1, 20), st.integers(1, 6), st.integers(0, 3))
def test_a_montage_has_room_for_every_map(count: int, side: int, gap: int) -> None:
    maps: FloatArray = np.ones((side, side + 1, count), np.float32)
    rows, columns, _ = montage(maps, gap=gap).shape
    down, across = (rows + gap) // (side + gap), (columns + gap) // (side + 1 + gap)
    assert (rows, columns) == (down * (side + gap) - gap, across * (side + 1 + gap) - gap)
    assert down * across >= count
    assert abs(down - across) <= 1


@pytest.mark.parametrize(("count", "columns", "gap"), [(0, None, 1), (3, 0, 1), (3, 2, -1)])
def test_an_impossible_montage_is_explained(count: int, columns: int | None, gap: int) -> None:
    with pytest.raises(SettingError, match=f"there were {count} maps"):
        montage(np.zeros((2, 2, count), np.float32), columns=columns, gap=gap)


# Files


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@given(st.sampled_from([1, 2, 3, 4]).flatmap(lambda c: arrays(np.uint8, (5, 7, c))))
@settings(deadline=None)
def test_a_png_gives_back_every_value(image: ByteArray) -> None:
    assert_array_equal(decode(encode_png(image)), image)


def test_red_is_red_in_every_file() -> None:
    red = np.full((300, 300, 3), [250, 10, 20], np.uint8)
    for data in (encode_png(red), encode_jpeg(red), encode(red)[0], encode(red[:9, :9])[0]):
        pixel = opened(data).convert("RGB").getpixel((4, 4))
        assert_allclose(np.array(pixel), [250, 10, 20], atol=3)


def test_a_picture_without_a_channel_axis_becomes_a_grey_file() -> None:
    ramp = levels(np.arange(64).reshape(8, 8))
    for data in (encode_png(ramp), encode_jpeg(ramp), encode_png(ramp[..., None])):
        assert opened(data).mode == "L"
    assert_array_equal(np.asarray(opened(encode_png(ramp))), ramp)


def test_small_pictures_travel_exactly_and_large_ones_quickly() -> None:
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (256, 256, 3), dtype=np.uint8)
    data, mime = encode(small)
    assert mime == "image/png"
    assert_array_equal(decode(data), small)
    data, mime = encode(np.vstack([small, small[:1]]))
    assert (mime, opened(data).format) == ("image/jpeg", "JPEG")


def test_a_large_picture_with_alpha_keeps_it() -> None:
    for channels in (2, 4):
        image = np.full((400, 400, channels), 77, np.uint8)
        data, mime = encode(image)
        assert mime == "image/png"
        assert_array_equal(decode(data), image)


def test_a_jpeg_keeps_thin_coloured_lines() -> None:
    # With colour at half the size, as JPEG's default is, red and blue lines would mix to purple.
    lines = np.tile(levels([[RED, BLUE]]), (32, 16, 1))
    image = decode(encode_jpeg(lines)).astype(int)
    assert_allclose(image[:, ::2], np.broadcast_to(RED, (32, 16, 3)), atol=25)
    assert_allclose(image[:, 1::2], np.broadcast_to(BLUE, (32, 16, 3)), atol=25)


def test_a_higher_quality_is_closer_and_larger() -> None:
    rng = np.random.default_rng(2)
    image = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    files = [encode_jpeg(image, quality=quality) for quality in (30, 90)]
    errors = [np.abs(decode(data).astype(int) - image).mean() for data in files]
    assert len(files[0]) < len(files[1])
    assert errors[0] > errors[1]


def test_a_strided_view_can_be_encoded() -> None:
    image = levels(np.arange(600).reshape(10, 20, 3) % 251)[::2, ::-1]
    assert_array_equal(decode(encode_png(image)), image)
