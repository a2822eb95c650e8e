"""Pictures as arrays: what opens, what is refused, and what scaling and resizing do to values."""

import doctest
import io
import os
import struct
import subprocess
import sys
import tomllib
import tracemalloc
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from cvcore import images, zips
from cvcore.arrays import AnyArray, ByteArray, FloatArray
from cvcore.errors import PictureError, SettingError
from cvcore.images import (
    MAX_BYTES,
    MAX_PIXELS,
    MAX_SIDE,
    SCALINGS,
    decode,
    describe,
    fit,
    histogram,
    resize,
    scale,
    stretch,
    to_colour,
    to_grey,
    without_alpha,
)

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def lecture_pictures() -> Path:
    """The folder of the lecture's pictures, which the repository does not carry."""
    folder = ROOT.parent / "shared" / "data" / "seed"
    if not folder.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"The lecture's pictures should be in {folder}.")
        pytest.skip("the lecture's pictures are not on this machine")
    return folder


def levels(values: object) -> ByteArray:
    return np.array(values, np.uint8)


def decimals(values: object) -> FloatArray:
    return np.array(values, np.float32)


def file_of(picture: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def png_chunk(name: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
    )


def png_of(width: int, height: int, bits: int, colour: int, rows: bytes, *more: bytes) -> bytes:
    """Write a PNG by hand (W3C, Portable Network Graphics, section 11)."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    body = png_chunk(b"IDAT", zlib.compress(rows, 9))
    start = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)
    return start + b"".join(more) + body + png_chunk(b"IEND", b"")


def tiff_of(tags: dict[int, int], data: bytes) -> bytes:
    """Write a TIFF of one page by hand, its data at offset 8 (Adobe, TIFF 6.0, section 2)."""
    start = b"II*\0" + struct.pack("<I", 8 + len(data)) + data
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, tags[tag]) for tag in sorted(tags))
    return start + struct.pack("<H", len(tags)) + entries + bytes(4)


def sentence(data: bytes, **options: Any) -> str:
    with pytest.raises(PictureError) as caught:
        decode(data, **options)
    return str(caught.value)


TEXTURE = (np.arange(17 * 24 * 3) * 37 % 251).astype(np.uint8).reshape(17, 24, 3)
COLOUR = Image.fromarray(TEXTURE)
GREY = Image.fromarray(np.ascontiguousarray(TEXTURE[..., 0]))
CLEAR = Image.fromarray(np.dstack([TEXTURE, TEXTURE[..., 1]]))
GREY_CLEAR = Image.fromarray(np.ascontiguousarray(TEXTURE[..., :2]))


# What opens


LOSSLESS = [
    ("PNG", GREY, 1),
    ("PNG", GREY_CLEAR, 2),
    ("PNG", COLOUR, 3),
    ("PNG", CLEAR, 4),
    ("WEBP", COLOUR, 3),
    ("WEBP", CLEAR, 4),
    ("BMP", GREY, 1),
    ("BMP", COLOUR, 3),
    ("TIFF", GREY, 1),
    ("TIFF", GREY_CLEAR, 2),
    ("TIFF", COLOUR, 3),
    ("TIFF", CLEAR, 4),
]


@pytest.mark.parametrize(("kind", "picture", "channels"), LOSSLESS)
def test_a_lossless_file_gives_the_values_that_were_saved(
    kind: str, picture: Image.Image, channels: int
) -> None:
    options: dict[str, Any] = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    image = decode(file_of(picture, kind, **options))
    assert image.dtype == np.uint8
    assert_array_equal(image, np.asarray(picture).reshape(17, 24, channels))


def test_a_bmp_whose_header_names_an_alpha_mask_has_alpha() -> None:
    masks = (0x00FF0000, 0x0000FF00, 0x000000FF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII4I", 108, 2, 1, 1, 32, 3, 8, 0, 0, 0, 0, *masks) + bytes(52)
    data = b"BM" + struct.pack("<III", 130, 0, 122) + header + bytes([3, 2, 1, 4, 7, 6, 5, 255])
    assert_array_equal(decode(data), [[[1, 2, 3, 4], [5, 6, 7, 255]]])


def test_a_grey_gif_has_the_values_that_were_saved() -> None:
    assert_array_equal(to_grey(decode(file_of(GREY, "GIF")))[..., 0], np.asarray(GREY))


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_a_compressed_tiff_gives_the_values_that_were_saved(compression: str) -> None:
    assert_array_equal(decode(file_of(COLOUR, "TIFF", compression=compression)), TEXTURE)


@pytest.mark.parametrize(("kind", "mode", "channels"), [
    ("JPEG", "L", 1), ("JPEG", "RGB", 3), ("JPEG", "YCbCr", 3), ("WEBP", "RGB", 3),
    ("WEBP", "RGBA", 4),
])  # fmt: skip
def test_a_lossy_file_comes_close_to_what_was_saved(kind: str, mode: str, channels: int) -> None:
    smooth = np.linspace(0, 250, 32, dtype=np.uint8)[None, :, None].repeat(16, axis=0)
    picture = Image.fromarray(smooth.repeat(3, axis=2)).convert(mode)
    if mode == "RGBA":
        picture.putalpha(200)
    image = decode(file_of(picture, kind, quality=95))
    assert image.shape == (16, 32, channels)
    assert_allclose(image[..., 0].astype(int), smooth[..., 0], atol=6)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF"])
def test_a_file_of_one_bit_a_pixel_is_black_and_white_grey(kind: str) -> None:
    bits = Image.new("1", (3, 1))
    bits.putpixel((1, 0), 1)
    assert_array_equal(decode(file_of(bits, kind)), [[[0], [255], [0]]])


@pytest.mark.parametrize(("bits", "row"), [(2, 0b00_01_10_11), (4, 0x5A)])
def test_grey_of_two_or_four_bits_reaches_white(bits: int, row: int) -> None:
    width = 8 // bits
    image = decode(png_of(width, 1, bits, 0, bytes([0, row])))
    expected = {2: [0, 85, 170, 255], 4: [85, 170]}[bits]
    assert_array_equal(image[0, :, 0], expected)


def palette_picture() -> Image.Image:
    picture = Image.new("P", (2, 1))
    picture.putpalette([200, 10, 20, 30, 40, 250])
    picture.putdata([0, 1])
    return picture


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "TIFF"])
def test_a_palette_becomes_its_colours(kind: str) -> None:
    image = decode(file_of(palette_picture(), kind))
    assert_array_equal(image, [[[200, 10, 20], [30, 40, 250]]])


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_palette_with_a_transparent_colour_has_alpha(kind: str) -> None:
    image = decode(file_of(palette_picture(), kind, transparency=1))
    assert image.shape == (1, 2, 4)
    assert_array_equal(image[0, 0], [200, 10, 20, 255])
    assert image[0, 1, 3] == 0


def test_a_palette_with_half_transparent_colours_keeps_them() -> None:
    image = decode(file_of(palette_picture(), "PNG", transparency=b"\x80\xff"))
    assert_array_equal(image, [[[200, 10, 20, 128], [30, 40, 250, 255]]])


def test_a_grey_or_a_colour_named_transparent_becomes_alpha() -> None:
    grey = decode(file_of(Image.fromarray(levels([[7, 8]])), "PNG", transparency=7))
    assert_array_equal(grey, [[[7, 0], [8, 255]]])
    pixels = Image.fromarray(levels([[[1, 2, 3], [1, 2, 4]]]))
    colour = decode(file_of(pixels, "PNG", transparency=(1, 2, 3)))
    assert_array_equal(colour[..., 3], [[0, 255]])


def test_a_transparent_colour_of_sixteen_bits_is_found_by_its_upper_eight() -> None:
    row = b"\0" + struct.pack(">6H", 0x1234, 0x1234, 0x1234, 0x3412, 0x3412, 0x3412)
    clear = png_chunk(b"tRNS", struct.pack(">3H", 0x1234, 0x1234, 0x1234))
    image = decode(png_of(2, 1, 16, 2, row, clear))
    assert_array_equal(image, [[[0x12, 0x12, 0x12, 0], [0x34, 0x34, 0x34, 255]]])


def test_colour_of_sixteen_bits_keeps_its_upper_eight() -> None:
    row = b"\0" + struct.pack(">3H", 0x0000, 0x80FF, 0xFFFF)
    assert_array_equal(decode(png_of(1, 1, 16, 2, row)), [[[0, 0x80, 0xFF]]])


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_printers_inks_become_red_green_and_blue(kind: str) -> None:
    inks = {(255, 0, 0, 0): (0, 255, 255), (0, 255, 0, 0): (255, 0, 255), (0, 0, 0, 255): (0, 0, 0)}
    for ink, colour in inks.items():
        image = decode(file_of(Image.new("CMYK", (8, 8), ink), kind))
        assert_allclose(image[4, 4].astype(int), colour, atol=3)


def test_lab_becomes_red_green_and_blue() -> None:
    # L* = 53, a* = 80, b* = 67 is red; Pillow's bytes are L* · 255 / 100 and a*, b* in two's
    # complement, which a TIFF stores as they are.
    red = Image.frombytes("LAB", (1, 1), bytes([135, 80, 67]))
    red.info.clear()
    image = decode(file_of(red, "TIFF"))
    assert image.shape == (1, 1, 3)
    assert_allclose(image[0, 0].astype(int), [250, 10, 10], atol=15)


def test_only_the_first_frame_of_an_animation_is_taken() -> None:
    red, blue = Image.new("RGB", (4, 3), "red"), Image.new("RGB", (4, 3), "blue")
    for kind in ("GIF", "PNG", "WEBP", "TIFF"):
        options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
        data = file_of(red, kind, save_all=True, append_images=[blue], **options)
        assert_array_equal(decode(data), np.full((3, 4, 3), [255, 0, 0]), err_msg=kind)


def test_a_picture_beside_others_in_a_jpeg_is_the_first() -> None:
    red, blue = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    image = decode(file_of(red, "MPO", save_all=True, append_images=[blue]))
    assert_allclose(image[0, 0].astype(int), [255, 0, 0], atol=3)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_a_picture_of_one_pixel_opens(kind: str) -> None:
    image = decode(file_of(Image.new("RGB", (1, 1), "white"), kind))
    assert_array_equal(to_colour(image), [[[255, 255, 255]]])


def test_the_array_is_the_callers_own() -> None:
    data = file_of(COLOUR, "PNG")
    image = decode(data)
    image[:] = 0
    assert_array_equal(decode(data), TEXTURE)


# Deep grey keeps its contrast


def deep_png(values: list[int]) -> bytes:
    return png_of(len(values), 1, 16, 0, b"\0" + struct.pack(f">{len(values)}H", *values))


DEEP = [
    ("PNG", deep_png([1000, 1100, 1255])),
    ("TIFF", file_of(Image.fromarray(np.array([[1000, 1100, 1255]], np.uint16)), "TIFF")),
    (
        "TIFF, big end first",
        file_of(Image.frombytes("I;16B", (3, 1), struct.pack(">3H", 1000, 1100, 1255)), "TIFF"),
    ),
    ("TIFF of 32 bits", file_of(Image.fromarray(np.array([[-55, 45, 200]], np.int32)), "TIFF")),
    ("TIFF of decimals", file_of(Image.fromarray(decimals([[-1, 0, 1.55]])), "TIFF")),
]


@pytest.mark.parametrize("data", [data for _, data in DEEP], ids=[name for name, _ in DEEP])
def test_deep_grey_is_stretched_from_its_own_minimum_and_maximum(data: bytes) -> None:
    image = decode(data)
    assert image.dtype == np.uint8
    assert_array_equal(image, [[[0], [100], [255]]])


@pytest.mark.parametrize(("data", "level"), [
    (deep_png([0, 0]), 0),
    (deep_png([257 * 100, 257 * 100]), 100),
    (deep_png([65535, 65535]), 255),
    (file_of(Image.fromarray(np.full((1, 2), 0.5, np.float32)), "TIFF"), 128),
    (file_of(Image.fromarray(np.full((1, 2), 90, np.float32)), "TIFF"), 90),
    (file_of(Image.fromarray(np.full((1, 2), -7, np.int32)), "TIFF"), 0),
    (file_of(Image.fromarray(np.full((1, 2), 70_000, np.int32)), "TIFF"), 255),
])  # fmt: skip
def test_flat_deep_grey_has_its_eight_bit_level(data: bytes, level: int) -> None:
    assert_array_equal(decode(data), np.full((1, 2, 1), level))


def test_a_transparent_level_of_deep_grey_becomes_alpha() -> None:
    clear = png_chunk(b"tRNS", struct.pack(">H", 300))
    data = png_of(3, 1, 16, 0, b"\0" + struct.pack(">3H", 300, 301, 555), clear)
    assert_array_equal(decode(data), [[[0, 0], [1, 255], [255, 255]]])


def test_what_is_no_number_in_a_file_of_decimals_is_black_and_infinity_white() -> None:
    values = decimals([[0, 255, np.nan, np.inf, -np.inf]])
    image = decode(file_of(Image.fromarray(values), "TIFF"))
    assert_array_equal(image[..., 0], [[0, 255, 0, 255, 0]])
    nothing = np.full((1, 2), np.nan, np.float32)
    assert_array_equal(decode(file_of(Image.fromarray(nothing), "TIFF")), np.zeros((1, 2, 1)))


def test_decimals_as_far_apart_as_float32_allows_keep_their_order() -> None:
    values = decimals([[-3.4e38, 0, 3.4e38]])
    assert_array_equal(decode(file_of(Image.fromarray(values), "TIFF"))[..., 0], [[0, 128, 255]])


# Upright


UPRIGHT = [[10, 60, 110], [160, 210, 250]]
# What the file holds, from Exif 2.3, section 4.6.4: where its first row and first column belong.
STORED: dict[int, list[list[int]]] = {
    1: [[10, 60, 110], [160, 210, 250]],  # top, left
    2: [[110, 60, 10], [250, 210, 160]],  # top, right
    3: [[250, 210, 160], [110, 60, 10]],  # bottom, right
    4: [[160, 210, 250], [10, 60, 110]],  # bottom, left
    5: [[10, 160], [60, 210], [110, 250]],  # left, top
    6: [[110, 250], [60, 210], [10, 160]],  # right, top
    7: [[250, 110], [210, 60], [160, 10]],  # right, bottom
    8: [[160, 10], [210, 60], [250, 110]],  # left, bottom
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "TIFF, packed"])
def test_a_picture_stands_upright_as_exif_says(kind: str, orientation: int) -> None:
    notes = Image.Exif()
    notes[274] = orientation
    stored = Image.fromarray(levels(STORED[orientation]))
    format_, packed = kind.split(",")[0], "," in kind
    options: dict[str, Any] = {"compression": "tiff_lzw"} if packed else {}
    if format_ == "WEBP":
        options["lossless"] = True
    if format_ == "JPEG":
        options["quality"] = 100
    image = decode(file_of(stored, format_, exif=notes, **options))
    assert image.shape[:2] == (2, 3)
    assert_allclose(image[..., 0].astype(int), UPRIGHT, atol=3 if format_ == "JPEG" else 0)


@pytest.mark.parametrize("orientation", [0, 9, 60000])
def test_an_orientation_that_does_not_exist_turns_nothing(orientation: int) -> None:
    notes = Image.Exif()
    notes[274] = orientation
    assert_array_equal(decode(file_of(COLOUR, "PNG", exif=notes)), TEXTURE)


def test_damaged_camera_notes_do_not_hide_the_picture() -> None:
    data = file_of(COLOUR, "PNG", exif=b"Exif\0\0II*\0\xff\xff\xff\xffno directory here")
    assert_array_equal(decode(data), TEXTURE)
    assert decode(file_of(COLOUR, "JPEG", exif=b"Exif\0\0nonsense")).shape == (17, 24, 3)


# What is refused, and what it is told


def test_an_empty_file_is_called_empty() -> None:
    assert "is empty: it has 0 bytes" in sentence(b"")


def test_a_text_named_png_is_called_a_text() -> None:
    for text in ("Kernel, stride, padding.\n", "합성곱은 곱의 합이다.\n" * 60, "BM"):
        assert "This is a text file, whatever its name says." in sentence(text.encode())


@pytest.mark.parametrize(("data", "name"), [
    (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
    ("\ufeff <SVG></SVG>".encode(), "SVG"),
    (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "EPS"),
    (b"\xc5\xd0\xd3\xc6" + bytes(30), "EPS"),
    (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "PDF"),
    (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
    (b"\0\0\0\x1cftypavif\0\0\0\0", "AVIF"),
    (b"\xff\x0a\xfa\x1f", "JPEG XL"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"8BPS\0\1", "Photoshop"),
    (b"\0\0\1\0\1\0", "ICO"),
    (b"PK\3\4\x14\0", "ZIP"),
    (b"<!DOCTYPE html>\n<title>Cat</title>", "HTML"),
])  # fmt: skip
def test_another_format_is_named(data: bytes, name: str) -> None:
    assert sentence(data).startswith(f"{name} files cannot be opened here.")


def test_postscript_is_never_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object, **__: object) -> None:
        raise AssertionError("a program was started")

    monkeypatch.setattr(subprocess, "Popen", run)
    body = b"\n%%EndComments\nshowpage\n%%EOF\n"
    data = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9" + body
    assert sentence(data).startswith("EPS")


def test_a_damaged_file_is_tried_with_its_own_decoder_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[str] = []

    def open_anything(*_: object) -> None:
        tried.append("another decoder")

    monkeypatch.setitem(Image.OPEN, "OTHER", (open_anything, None))
    monkeypatch.setattr(Image, "ID", ["OTHER"])
    assert "damaged" in sentence(b"\x89PNG\r\n\x1a\n" + bytes(50))
    assert tried == []


@pytest.mark.parametrize("data", [
    bytes(100), b"\xff\xd8", b"\x89PNG\r\n", b"\0", bytes(range(256)), b"RIFF\0\0\0\0WAVEfmt ",
    b"\0\0\0\x18ftypmp42\0\0\0\0", b"BM\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xff\xff",
])  # fmt: skip
def test_other_bytes_are_called_no_picture(data: bytes) -> None:
    assert sentence(data).startswith("This file is not a picture.")


@pytest.mark.parametrize("kind", ["PPM", "ICNS", "TGA", "SGI", "PCX", "DDS"])
def test_a_picture_that_pillow_knows_but_is_not_read_here_is_refused(kind: str) -> None:
    picture = Image.new("RGB", (16, 16), "red")
    with pytest.raises(PictureError):
        decode(file_of(picture, kind))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP"])
def test_a_file_cut_short_is_called_so(kind: str) -> None:
    data = file_of(COLOUR, kind)
    told = sentence(data[: len(data) // 2])
    assert told.startswith(f"This {kind} file is cut short, damaged, or of a rare sort.")


def test_a_jpeg_that_lacks_its_last_third_is_not_filled_with_grey() -> None:
    rng = np.random.default_rng(1)
    noise = Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    data = file_of(noise, "JPEG")
    assert "cut short" in sentence(data[: 2 * len(data) // 3])


def test_a_file_of_the_largest_size_opens_and_one_byte_more_is_refused() -> None:
    small = file_of(COLOUR, "PNG")
    full = small + bytes(MAX_BYTES - len(small))  # what follows a PNG's end is not read
    assert_array_equal(decode(full), TEXTURE)
    told = sentence(full + b"\0")
    assert f"has {MAX_BYTES + 1:,} bytes, and at most {MAX_BYTES:,}" in told


def test_the_server_lets_pass_what_decode_refuses_in_the_readers_language() -> None:
    with (ROOT / ".streamlit" / "config.toml").open("rb") as file:
        server = tomllib.load(file)["server"]["maxUploadSize"] * 2**20
    assert MAX_BYTES + 10_001 < images.MAX_UPLOAD_MEGABYTES * 2**20 <= MAX_BYTES + 2**20
    assert zips.MOST_BYTES + 10_001 < server <= zips.MOST_BYTES + 2**20


def memory_of(action: Callable[[], object]) -> tuple[float, float]:
    """Return by how many megabytes Python's memory and the process's peaked higher."""
    resource = pytest.importorskip("resource", reason="Windows does not tell")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    action()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return peak / 2**20, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / unit


def huge_webp() -> bytes:
    """A lossless WebP whose header says 16,383 × 16,383 (RFC 9649, section 3.4)."""
    data = bytearray(file_of(Image.new("RGB", (16, 16)), "WEBP", lossless=True))
    bits = int.from_bytes(data[21:25], "little") >> 28 << 28 | 16382 << 14 | 16382
    data[21:25] = bits.to_bytes(4, "little")
    return bytes(data)


HUGE = {
    "PNG": (png_of(50_000, 50_000, 8, 2, bytes(3_000_000)), "50000 × 50000"),
    "PNG of one bit": (png_of(50_000, 50_000, 1, 0, bytes(3_000_000)), "50000 × 50000"),
    "WebP": (huge_webp(), "16383 × 16383"),
    "GIF": (b"GIF89a\x50\xc3\x50\xc3\0\0\0,\0\0\0\0\x50\xc3\x50\xc3\0\2\0;", "50000 × 50000"),
    "BMP": (
        b"BM" + struct.pack("<IIIIiiHHIIiiII", 9054, 0, 54, 40, 50_000, 50_000, 1, 24, *[0] * 6)
        + bytes(9000),
        "50000 × 50000",
    ),
    "TIFF": (
        tiff_of({256: 50_000, 257: 50_000, 258: 8, 259: 1, 262: 1, 273: 8, 279: 99}, bytes(99)),
        "50000 × 50000",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", HUGE)
def test_a_huge_picture_in_a_small_file_is_refused_from_its_header(kind: str) -> None:
    data, size = HUGE[kind]
    assert len(data) < 10_000
    told = ""

    def try_it() -> None:
        nonlocal told
        told = sentence(data)

    python, process = memory_of(try_it)
    assert f"The picture is {size} pixels, and at most {MAX_PIXELS:,} in all" in told
    assert python < 2
    assert process < 20


def test_the_limit_of_pixels_is_exact() -> None:
    data = file_of(Image.new("L", (30, 20)), "PNG")
    assert decode(data, max_pixels=600).shape == (20, 30, 1)
    assert "is 30 × 20 pixels, and at most 599 in all" in sentence(data, max_pixels=599)


def test_a_side_that_is_too_long_is_refused() -> None:
    assert decode(file_of(Image.new("1", (MAX_SIDE, 1)), "PNG")).shape == (1, MAX_SIDE, 1)
    told = sentence(file_of(Image.new("1", (1, MAX_SIDE + 1)), "PNG"))
    assert f"is 1 × {MAX_SIDE + 1} pixels, and a side may have at most {MAX_SIDE:,}" in told


def test_a_tiff_with_a_tile_far_larger_than_its_picture_is_refused() -> None:
    side = 20_000  # the tile would take 400 MB; the picture has 256 pixels
    squeeze = zlib.compressobj(9)
    parts = [squeeze.compress(bytes(side * 1000)) for _ in range(side // 1000)]
    tile = b"".join([*parts, squeeze.flush()])
    tags = {256: 16, 257: 16, 258: 8, 259: 8, 262: 1, 277: 1}
    bomb = tiff_of(tags | {322: side, 323: side, 324: 8, 325: len(tile)}, tile)
    told = ""

    def try_it() -> None:
        nonlocal told
        told = sentence(bomb)

    _, process = memory_of(try_it)
    assert "unpack to far more than its picture needs" in told
    assert process < 20
    small = zlib.compress(bytes(16 * 16))
    fair = tiff_of(tags | {322: 16, 323: 16, 324: 8, 325: len(small)}, small)
    assert_array_equal(decode(fair), np.zeros((16, 16, 1)))


def test_a_jpeg_with_thousands_of_scans_is_refused() -> None:
    data = file_of(COLOUR, "JPEG", progressive=True)
    scan = data.rindex(b"\xff\xda")
    bomb = data[:scan] + data[scan:-2] * 1000 + data[-2:]
    assert "unpack to far more than its picture needs" in sentence(bomb)
    assert decode(data).shape == (17, 24, 3)


def test_a_jpeg_with_thousands_of_camera_notes_is_refused() -> None:
    data = file_of(COLOUR, "JPEG")
    note = b"\xff\xe1\0\x09Exif\0\0a"
    assert "unpack to far more than its picture needs" in sentence(
        data[:2] + note * 10_000 + data[2:]
    )
    assert decode(data[:2] + note * 2 + data[2:]).shape == (17, 24, 3)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_tiff_that_lists_a_million_strips_is_refused(order: str, big: bool) -> None:
    mark = b"II" if order == "<" else b"MM"
    if big:
        header = mark + struct.pack(order + "HHHQQ", 43, 8, 0, 16, 1)
        bomb = header + struct.pack(order + "HHQQ", 273, 4, 1_000_000, 0)
    else:
        header = mark + struct.pack(order + "HIH", 42, 8, 1)
        bomb = header + struct.pack(order + "HHII", 273, 4, 1_000_000, 0)
    assert "unpack to far more than its picture needs" in sentence(bomb)


@pytest.mark.parametrize("options", [{"big_tiff": True}, {"tiffinfo": {270: "x" * 300_000}}])
def test_a_tiff_with_long_offsets_or_long_notes_opens(options: dict[str, Any]) -> None:
    assert_array_equal(decode(file_of(COLOUR, "TIFF", **options)), TEXTURE)


@pytest.mark.parametrize("name", [b"zTXt", b"iCCP"])
def test_a_note_in_a_png_that_unpacks_to_gigabytes_is_refused(name: bytes) -> None:
    note = png_chunk(name, b"Comment\0\0" + zlib.compress(bytes(200 * 2**20), 9))
    data = png_of(2, 1, 8, 0, bytes(3), note)
    python, process = memory_of(lambda: sentence(data))
    assert python < 10
    assert process < 40


def test_many_can_upload_at_once_and_a_failure_blocks_nobody() -> None:
    good, bad = file_of(COLOUR, "PNG"), file_of(COLOUR, "PNG")[:200]

    def one(index: int) -> ByteArray | None:
        try:
            return decode(bad if index % 2 else good)
        except PictureError:
            return None

    with ThreadPoolExecutor(30) as class_:
        opened = list(class_.map(one, range(120)))
    assert [image is None for image in opened] == [False, True] * 60
    for image in opened[::2]:
        assert image is not None
        assert_array_equal(image, TEXTURE)


def note_tiff() -> bytes:
    tags = ImageFileDirectory_v2()
    tags[270] = "a description"
    return file_of(COLOUR, "TIFF", compression="tiff_lzw", tiffinfo=tags)


GOOD = {
    "PNG": file_of(COLOUR, "PNG"),
    "PNG, palette": file_of(palette_picture().resize((24, 17)), "PNG", transparency=1),
    "PNG, deep": file_of(Image.fromarray(TEXTURE[..., 0].astype(np.uint16) * 100), "PNG"),
    "JPEG": file_of(COLOUR, "JPEG"),
    "JPEG, progressive": file_of(COLOUR, "JPEG", progressive=True),
    "JPEG, inks": file_of(COLOUR.convert("CMYK"), "JPEG"),
    "WebP": file_of(COLOUR, "WEBP"),
    "WebP, lossless": file_of(CLEAR, "WEBP", lossless=True),
    "GIF": file_of(COLOUR, "GIF"),
    "BMP": file_of(COLOUR, "BMP"),
    "BMP, palette": file_of(palette_picture().resize((24, 17)), "BMP"),
    "TIFF": file_of(COLOUR, "TIFF"),
    "TIFF, packed": note_tiff(),
    "TIFF, decimals": file_of(GREY.convert("F"), "TIFF"),
}


def opens_or_is_refused(data: bytes) -> None:
    """A picture within the limits, or a `PictureError`; any other exception fails the test."""
    try:
        image = decode(data, max_pixels=200_000)
    except PictureError:
        return
    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert 1 <= image.shape[0] * image.shape[1] <= 200_000
    assert image.shape[2] in (1, 2, 3, 4)


@given(st.sampled_from(sorted(GOOD)), st.floats(0, 1, exclude_max=True))
@settings(max_examples=300, deadline=None)
def test_any_beginning_of_a_file_opens_or_is_refused(kind: str, share: float) -> None:
    data = GOOD[kind]
    opens_or_is_refused(data[: int(share * len(data))])


@given(
    st.sampled_from(sorted(GOOD)),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
)
@settings(max_examples=500, deadline=None)
def test_a_file_with_altered_bytes_opens_or_is_refused(
    kind: str, changes: list[tuple[float, int]]
) -> None:
    data = bytearray(GOOD[kind])
    for share, value in changes:
        data[int(share * len(data))] ^= value
    opens_or_is_refused(bytes(data))


@given(st.sampled_from(sorted(GOOD)), st.integers(0, 120), st.integers(0, 7))
@settings(max_examples=500, deadline=None)
def test_a_header_with_a_flipped_bit_opens_or_is_refused(kind: str, place: int, bit: int) -> None:
    data = bytearray(GOOD[kind])
    data[place % len(data)] ^= 1 << bit
    opens_or_is_refused(bytes(data))


@given(st.binary(max_size=200))
def test_any_bytes_open_or_are_refused(data: bytes) -> None:
    opens_or_is_refused(data)


# The lecture's pictures


@pytest.mark.parametrize(
    ("file", "shape"), [("david.png", (109, 120, 2)), ("book.png", (533, 800, 3))]
)
def test_the_lectures_pictures_open_as_they_are(
    lecture_pictures: Path, file: str, shape: tuple[int, int, int]
) -> None:
    image = decode((lecture_pictures / file).read_bytes())
    assert image.shape == shape
    with Image.open(lecture_pictures / file) as picture:
        assert_array_equal(image, np.asarray(picture))


def test_the_lectures_photographs_open_as_they_are(lecture_pictures: Path) -> None:
    files = sorted(lecture_pictures.glob("*/*.jpg"))
    assert len(files) == 30
    for file in files:
        image = decode(file.read_bytes())
        with Image.open(file) as picture:
            assert_array_equal(image, np.asarray(picture))


# Scalings


FOUR = np.array([[[10], [20]], [[30], [60]]], np.uint8)  # mean 30, variance 350


def test_the_scalings_of_four_pixels_are_those_worked_by_hand() -> None:
    assert list(SCALINGS) == ["none", "unit", "minmax", "standardise"]
    assert_array_equal(scale(FOUR, "none").ravel(), [10, 20, 30, 60])
    assert_allclose(scale(FOUR, "unit").ravel(), [2 / 51, 4 / 51, 6 / 51, 12 / 51], rtol=1e-6)
    assert_allclose(scale(FOUR, "minmax").ravel(), [0, 0.2, 0.4, 1], rtol=1e-6)
    deviation = 350**0.5
    assert_allclose(
        scale(FOUR, "standardise").ravel(), np.array([-20, -10, 0, 30]) / deviation, atol=1e-6
    )


@pytest.mark.parametrize("how", SCALINGS)
def test_a_scaled_picture_is_float32_and_has_the_same_shape(how: str) -> None:
    for image in (TEXTURE, TEXTURE.astype(np.float32)):
        scaled = scale(image, how)
        assert scaled.dtype == np.float32
        assert scaled.shape == TEXTURE.shape
        assert not np.shares_memory(scaled, image)


@pytest.mark.parametrize("how", ["minmax", "standardise"])
@pytest.mark.parametrize("level", [0, 7, 255, 0.1])
def test_a_flat_picture_becomes_zeros(how: str, level: float) -> None:
    for kind in (np.uint8, np.float32):
        flat = np.full((5, 7, 3), level, kind)
        assert_array_equal(scale(flat, how), np.zeros((5, 7, 3)))


def test_the_channels_share_one_minimum_and_one_maximum() -> None:
    pixel = levels([[[0, 50, 200]]])
    assert_allclose(scale(pixel, "minmax"), [[[0, 0.25, 1]]])


@given(arrays(np.uint8, (4, 5, 3)))
def test_a_standardised_picture_has_mean_zero_and_deviation_one(image: ByteArray) -> None:
    scaled = scale(image, "standardise").astype(np.float64)
    if image.min() < image.max():
        assert_allclose([scaled.mean(), scaled.std()], [0, 1], atol=1e-4)


def test_a_scaling_that_does_not_exist_is_explained() -> None:
    with pytest.raises(SettingError, match="no scaling called log"):
        scale(FOUR, "log")


def test_a_formula_is_shown_with_a_pictures_numbers() -> None:
    facts = describe(FOUR)
    assert SCALINGS["none"].filled(facts) == "x"
    assert SCALINGS["minmax"].filled(facts) == r"\frac{x-10}{60-10}"
    assert SCALINGS["standardise"].filled(facts) == r"\frac{x-30}{18.71}"
    below = describe(decimals([[[-1.5], [2]]]))
    assert SCALINGS["minmax"].filled(below) == r"\frac{x-(-1.5)}{2-(-1.5)}"


# Sizes


def test_fitting_takes_the_mean_of_each_area() -> None:
    image = levels([[0, 4, 100, 100], [8, 12, 100, 100]])[..., None]
    assert_array_equal(fit(image, max_side=2), [[[6], [100]]])


def test_fitting_weighs_a_pixel_that_is_half_covered_by_half() -> None:
    # Three pixels on two: the first new one covers the first and half of the second.
    image = levels([[[0], [90], [210]]])
    assert_array_equal(fit(image, max_side=2), [[[30], [170]]])


def test_what_a_transparent_pixel_hides_does_not_tint_its_neighbours() -> None:
    image = levels([[[200, 100, 50, 255], [0, 0, 0, 0]]])
    fitted = fit(image, max_side=1)  # 127.5, rounded, is the alpha
    assert_allclose(fitted.astype(int), [[[200, 100, 50, 128]]], atol=1)
    assert_array_equal(fit(np.zeros((2, 2, 2), np.uint8), max_side=1), [[[0, 0]]])


@given(st.integers(1, 60), st.integers(1, 60), st.sampled_from([1, 2, 3, 4]), st.integers(1, 70))
def test_a_fitted_picture_fits_and_keeps_its_proportions(
    height: int, width: int, channels: int, side: int
) -> None:
    image = np.full((height, width, channels), 200, np.uint8)
    fitted = fit(image, max_side=side)
    longer = max(height, width)
    if longer <= side:
        assert fitted is image
        return
    assert max(fitted.shape[:2]) == side
    assert abs(fitted.shape[0] - height * side / longer) < 1
    assert abs(fitted.shape[1] - width * side / longer) < 1
    assert_allclose(fitted.astype(int), 200, atol=1)


def test_fitting_into_nothing_is_explained() -> None:
    with pytest.raises(SettingError, match="at least 1 pixel a side; 0 was asked for"):
        fit(FOUR, max_side=0)


def test_enlarging_two_by_two_to_four_by_four_is_as_worked_by_hand() -> None:
    # The centres of the four new pixels lie at −¼, ¼, ¾ and 1¼ of the old ones.
    small = decimals([[0, 16], [32, 48]])
    expected = [[0, 4, 12, 16], [8, 12, 20, 24], [24, 28, 36, 40], [32, 36, 44, 48]]
    assert_array_equal(resize(small, 4, 4), expected)
    assert_array_equal(resize(small.astype(np.uint8)[..., None], 4, 4)[..., 0], expected)
    blocks = [[0, 0, 16, 16], [0, 0, 16, 16], [32, 32, 48, 48], [32, 32, 48, 48]]
    assert_array_equal(resize(small, 4, 4, method="nearest"), blocks)


def bilinear(image: AnyArray, height: int, width: int) -> AnyArray:
    """The formula in float64, pixel by pixel."""
    answer = np.empty((height, width))
    for row in range(height):
        for column in range(width):
            y = min(max((row + 0.5) * image.shape[0] / height - 0.5, 0), image.shape[0] - 1)
            x = min(max((column + 0.5) * image.shape[1] / width - 0.5, 0), image.shape[1] - 1)
            top, left = int(y), int(x)
            low, right = min(top + 1, image.shape[0] - 1), min(left + 1, image.shape[1] - 1)
            upper = image[top, left] * (1 - x + left) + image[top, right] * (x - left)
            lower = image[low, left] * (1 - x + left) + image[low, right] * (x - left)
            answer[row, column] = upper * (1 - y + top) + lower * (y - top)
    return answer


sizes = st.integers(1, 9)


@given(arrays(np.uint8, st.tuples(sizes, sizes)), sizes, sizes)
@settings(deadline=None)
def test_bilinear_is_the_formula_of_half_pixel_centres(
    image: ByteArray, height: int, width: int
) -> None:
    exact = bilinear(image.astype(np.float64), height, width)
    assert_allclose(resize(image.astype(np.float32), height, width), exact, atol=1e-3)
    assert_allclose(resize(image, height, width).astype(int), exact, atol=0.501)


@given(arrays(np.uint8, st.tuples(sizes, sizes)), sizes, sizes)
def test_nearest_is_pillows(image: ByteArray, height: int, width: int) -> None:
    expected = Image.fromarray(image).resize((width, height), Image.Resampling.NEAREST)
    # Where a centre falls on the line between two pixels, Pillow's rounding errors decide.
    rows = (2 * np.arange(height) + 1) * image.shape[0] % (2 * height) != 0
    columns = (2 * np.arange(width) + 1) * image.shape[1] % (2 * width) != 0
    found = resize(image, height, width, method="nearest")
    assert_array_equal(found[rows][:, columns], np.asarray(expected)[rows][:, columns])


def test_nearest_takes_the_later_of_two_equally_near_pixels() -> None:
    assert_array_equal(resize(levels([[1, 2]]), 1, 1, method="nearest"), [[2]])


def test_enlarging_is_pillows_bilinear() -> None:
    image = TEXTURE[..., 0].astype(np.float32)
    pillow = Image.fromarray(image).resize((50, 40), Image.Resampling.BILINEAR)
    assert_allclose(resize(image, 40, 50), np.asarray(pillow), atol=1e-3)


@pytest.mark.parametrize("method", ["bilinear", "nearest"])
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_resizing_keeps_the_kind_and_the_channels(method: Any, kind: Any) -> None:
    for shape in ((3, 4), (3, 4, 1), (3, 4, 3), (3, 4, 600)):
        resized = resize(np.ones(shape, kind), 5, 2, method=method)
        assert resized.dtype == kind
        assert_array_equal(resized, np.ones((5, 2, *shape[2:])))


def test_resizing_to_the_same_size_changes_nothing() -> None:
    for method in ("bilinear", "nearest"):
        assert_array_equal(resize(TEXTURE, 17, 24, method=method), TEXTURE)


@pytest.mark.parametrize(("height", "width"), [(0, 5), (5, 0), (-1, 5), (5, MAX_SIDE + 1)])
def test_a_size_that_is_not_possible_is_explained(height: int, width: int) -> None:
    with pytest.raises(SettingError, match=f"{height} × {width} were asked for"):
        resize(FOUR, height, width)


# Colours


def test_the_three_pure_colours_have_the_brightness_of_bt_601() -> None:
    pure = levels([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]])
    assert_array_equal(to_grey(pure), [[[76], [150], [29], [255]]])


@given(arrays(np.uint8, (3, 4, 3)))
def test_grey_is_the_weighted_sum_of_the_channels(image: ByteArray) -> None:
    exact = image.astype(np.float64) @ [0.299, 0.587, 0.114]
    assert_allclose(to_grey(image)[..., 0].astype(int), exact, atol=0.51)


def test_transparent_parts_show_white_paper() -> None:
    image = levels([[[200, 100, 0, 255], [200, 100, 0, 0], [200, 100, 0, 51]]])
    expected = [[[200, 100, 0], [255, 255, 255], [244, 224, 204]]]  # a fifth of the colour
    assert_array_equal(to_colour(image), expected)
    grey = levels([[[100, 255], [100, 0], [100, 51]]])
    assert_array_equal(to_grey(grey), [[[100], [255], [224]]])
    assert_array_equal(to_colour(grey), np.repeat([[[100], [255], [224]]], 3, axis=2))


@given(arrays(np.uint8, (3, 4, 4)))
def test_white_paper_is_pillows_white_paper(image: ByteArray) -> None:
    paper = Image.new("RGBA", (4, 3), "white")
    pillow = Image.alpha_composite(paper, Image.fromarray(image)).convert("RGB")
    assert_allclose(to_colour(image).astype(int), np.asarray(pillow), atol=1)
    share = image[..., 3:] / 255
    exact = share * image[..., :3] + (1 - share) * 255
    assert_allclose(to_colour(image).astype(int), exact, atol=0.501)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_every_mode_becomes_colour_grey_or_opaque(channels: int) -> None:
    image = np.full((2, 3, channels), 255, np.uint8)
    assert_array_equal(to_colour(image), np.full((2, 3, 3), 255))
    assert_array_equal(to_grey(image), np.full((2, 3, 1), 255))
    assert without_alpha(image).shape == (2, 3, 1 if channels < 3 else 3)


def test_without_alpha_the_hidden_colours_come_to_light() -> None:
    assert_array_equal(without_alpha(levels([[[9, 8, 7, 0]]])), [[[9, 8, 7]]])


# For the eye, and in numbers


def test_stretching_reaches_from_zero_to_one() -> None:
    assert_array_equal(stretch(decimals([[-2, 0], [2, 6]])), [[0, 0.25], [0.5, 1]])


def test_stretching_a_flat_map_gives_the_middle() -> None:
    flat: FloatArray = np.full((2, 2), -3, np.float32)
    assert_array_equal(stretch(flat), np.full((2, 2), 0.5, np.float32))


def test_four_pixels_are_described_as_worked_by_hand() -> None:
    facts = describe(FOUR)
    assert (facts.width, facts.height, facts.channels, facts.mode) == (2, 2, 1, "grey")
    assert (facts.minimum, facts.maximum, facts.mean) == (10, 60, 30)
    assert facts.std == 350**0.5


@pytest.mark.parametrize(
    ("channels", "mode"),
    [(1, "grey"), (2, "grey with alpha"), (3, "colour"), (4, "colour with alpha")],
)
def test_the_mode_is_said_in_words(channels: int, mode: str) -> None:
    assert describe(np.zeros((2, 3, channels), np.uint8)).mode == mode


@given(arrays(np.uint8, (5, 4, 3)))
def test_a_description_is_numpys(image: ByteArray) -> None:
    for picture in (image, image.astype(np.float32)):
        facts = describe(picture)
        wide = picture.astype(np.float64)
        expected = [wide.min(), wide.max(), wide.mean(), wide.std()]
        found = [facts.minimum, facts.maximum, facts.mean, facts.std]
        assert_allclose(found, expected, atol=1e-9)


@given(arrays(np.uint8, (5, 4, 3)), st.integers(1, 256))
def test_a_histogram_counts_every_pixel_of_every_channel(image: ByteArray, bins: int) -> None:
    counts = histogram(image, bins=bins)
    assert counts.shape == (3, bins)
    for channel in range(3):
        where = image[..., channel].astype(int) * bins // 256
        assert_array_equal(counts[channel], np.bincount(where.ravel(), minlength=bins))


def test_a_histogram_of_four_bins_is_numpys() -> None:
    counts = histogram(TEXTURE, bins=4)
    for channel in range(3):
        expected, _ = np.histogram(TEXTURE[..., channel], 4, range=(0, 256))
        assert_array_equal(counts[channel], expected)


def test_more_values_than_are_counted_at_once_are_all_counted() -> None:
    large = np.zeros((1100, 1000, 1), np.uint8)
    large[-1, -1] = 255
    assert histogram(large)[0, [0, 255]].tolist() == [1_099_999, 1]


@pytest.mark.parametrize("bins", [0, -1, 257])
def test_a_histogram_without_bins_is_explained(bins: int) -> None:
    with pytest.raises(SettingError, match=f"{bins} were asked for"):
        histogram(FOUR, bins=bins)


def test_the_module_needs_numpy_pillow_and_opencv_alone() -> None:
    probe = (
        "import sys, cvcore.images, cvcore.samples, cvcore.display;"
        "print(*{'streamlit', 'tensorflow', 'pandas', 'matplotlib', 'scipy', 'skimage', 'sklearn'}"
        " & set(sys.modules))"
    )
    command = [sys.executable, "-c", probe]
    assert subprocess.check_output(command, text=True, cwd=ROOT).split() == []


def test_the_examples_in_the_docstrings_run() -> None:
    found = doctest.testmod(images)
    assert found.attempted > 0
    assert found.failed == 0


def test_pillows_own_guard_stays_aside() -> None:
    # With its usual limit it would warn, which is an error here, before `decode` can speak.
    assert Image.MAX_IMAGE_PIXELS is None
    assert images.MAX_PIXELS < 2**28
