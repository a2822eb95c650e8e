"""Pictures as arrays: opened with limits, scaled, resized, described.

This is the only place where a picture's range of values changes.
"""

import codecs
import io
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import cv2
import numpy as np
from PIL import Image

from cvcore.arrays import AnyArray, ByteArray, FloatArray, IntArray
from cvcore.errors import N_, PictureError, SettingError

MAX_BYTES = 10 * 2**20
"""Largest file, in bytes."""

MAX_UPLOAD_MEGABYTES = MAX_BYTES // 2**20 + 1
"""What a page lets pass: a little more, so that `decode` can speak."""

MAX_PIXELS = 25_000_000
"""Most pixels of a picture: those of a telephone's 24-megapixel camera, and a few more."""

MAX_SIDE = 16_384
"""Most pixels along one side of a picture."""

# Pillow's own guard only warns up to twice its limit, and a warning here would go to the
# host's log. `decode` asks for the size in the header before anything is unpacked, so the
# guard is put aside, once: it is a global of the process, which all sessions share.
Image.MAX_IMAGE_PIXELS = None

# Unpacking takes ten to twenty bytes a pixel for a moment: a class that uploads its
# photographs together should not need that thirty times over.
_UNPACKING = threading.BoundedSemaphore(2)

# What follows is far beyond any honest file, and has been seen to cost a minute and more.
# A progressive JPEG has about ten scans; empty ones are small, and each visits every pixel.
_MAX_SCANS = 500
# Each piece of the camera's notes in a JPEG copies all before it; there are one or two.
_MAX_NOTES = 100
# A TIFF lists where its strips or tiles lie: at most some 100,000 numbers.
_MAX_NUMBERS = 200_000
_BYTE_FORMS = (1, 2, 6, 7)  # texts and colour profiles: not lists, and of any length

_TILE_WIDTH, _TILE_LENGTH = 322, 323  # TIFF 6.0, section 15
_ORIENTATION = 274  # Exif 2.3, section 4.6.4


def decode(data: bytes, *, max_pixels: int = MAX_PIXELS) -> ByteArray:
    """Open a picture file that nobody has looked at before.

    The file's size and the picture's are checked before anything is unpacked.
    Only the decoders of the six formats are ever reached. The values are the
    file's own: colour profiles are not applied.

    Parameters
    ----------
    data : bytes
        A PNG, JPEG, WebP, BMP, GIF (its first frame is taken) or TIFF (its first page).
    max_pixels : int, optional
        Most pixels, height times width.

    Returns
    -------
    ndarray of uint8, shape (height, width, channels)
        Upright, as Exif's orientation says. One channel is grey, two are grey and
        alpha, three are red, green, blue, four are these and alpha. A palette, CMYK,
        YCbCr or Lab becomes red, green, blue. Grey of 16 or 32 bits or in decimals is
        stretched from its own minimum and maximum to 0 and 255, so that it keeps its
        contrast; where it is all one value, 16 bits are divided by 257, decimals from 0
        to 1 are multiplied by 255, and everything else is cut off at 0 and 255. Colours
        of 16 bits keep their upper eight.

    Raises
    ------
    PictureError
        If the file is empty, too large, not a picture, of another format, cut short or
        damaged, or if the picture has too many pixels.

    Examples
    --------
    >>> file = io.BytesIO()
    >>> Image.new("RGB", (3, 2), "red").save(file, "PNG")
    >>> decode(file.getvalue())[0, 0], decode(file.getvalue()).shape
    (array([255,   0,   0], dtype=uint8), (2, 3, 3))
    """
    if not data:
        raise PictureError(N_("The file is empty: it has 0 bytes. Choose a picture file."))
    if len(data) > MAX_BYTES:
        raise PictureError(
            N_(
                "The file has {size} bytes, and at most {limit} can be opened here. "
                "Shrink the picture or save it as JPEG, and open that."
            ),
            size=f"{len(data):,}",
            limit=f"{MAX_BYTES:,}",
        )
    kind = _recognise(data)
    with _UNPACKING:
        try:
            _check_structure(data, kind)
            with Image.open(io.BytesIO(data), formats=[kind]) as picture:
                _check_size(picture, max_pixels)
                _check_tiles(picture)
                picture.load()
                return _upright(_channels(picture), _orientation(picture))
        except PictureError:
            raise
        # Damaged files make Pillow raise almost anything: OSError, SyntaxError, ValueError,
        # struct.error, zlib.error, OverflowError, MemoryError, …
        except Exception as error:
            raise PictureError(
                N_(
                    "This {kind} file is cut short, damaged, or of a rare sort. "
                    "Save the picture once more, as PNG or JPEG, and open that."
                ),
                kind=kind,
            ) from error


_FORMATS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
)
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"%!PS", "EPS"),
    (b"\xc5\xd0\xd3\xc6", "EPS"),
    (b"%PDF", "PDF"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"8BPS", "Photoshop"),
    (b"\0\0\1\0", "ICO"),
    (b"PK\3\4", "ZIP"),
)
_BRANDS = {  # ISO 14496-12 files say what they are in their bytes 8 to 12
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"), "HEIC"),
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
}
_CONTROL = bytes(set(range(32)) - set(b"\t\n\f\r\x1b"))


def _recognise(data: bytes) -> str:
    """Return Pillow's name for a format that is read here, judged by the first bytes."""
    for signature, kind in _FORMATS:
        if data.startswith(signature):
            return kind
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    # "BM" alone begins many a text; the header's length that follows does not.
    if data.startswith(b"BM") and data[15:18] == b"\0\0\0":
        return "BMP"
    other = _recognise_other(data)
    if other is not None:
        raise PictureError(
            N_(
                "{kind} files cannot be opened here. Save the picture as PNG or JPEG, "
                "or take a screenshot of it, and open that."
            ),
            kind=other,
        )
    if _is_text(data):
        raise PictureError(
            N_(
                "This is a text file, whatever its name says. "
                "Choose a PNG, JPEG, WebP, BMP, GIF or TIFF file."
            )
        )
    raise PictureError(
        N_("This file is not a picture. Choose a PNG, JPEG, WebP, BMP, GIF or TIFF file.")
    )


def _recognise_other(data: bytes) -> str | None:
    """Return what a visitor calls a format that is not read here, where it is known."""
    for signature, kind in _OTHERS:
        if data.startswith(signature):
            return kind
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12])
    head = data[:1024].lower()
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        if b"<svg" in head:
            return "SVG"
        if b"<html" in head or b"<!doctype html" in head:
            return "HTML"
    return None


def _is_text(data: bytes) -> bool:
    head = data[:1024]
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return head == head.translate(None, _CONTROL)


def _check_size(picture: Image.Image, max_pixels: int) -> None:
    width, height = picture.size
    if width * height > max_pixels:
        raise PictureError(
            N_(
                "The picture is {width} × {height} pixels, and at most {limit} in all can be "
                "opened here. Shrink it and open that."
            ),
            width=width,
            height=height,
            limit=f"{max_pixels:,}",
        )
    if max(width, height) > MAX_SIDE:
        raise PictureError(
            N_(
                "The picture is {width} × {height} pixels, and a side may have at most {limit}. "
                "Cut it and open that."
            ),
            width=width,
            height=height,
            limit=f"{MAX_SIDE:,}",
        )


_BOMB = N_(
    "The file would unpack to far more than its picture needs, so it was not opened. "
    "Save the picture once more, as PNG or JPEG, and open that."
)


def _check_structure(data: bytes, kind: str) -> None:
    """Refuse a file whose parts would keep Pillow busy for minutes, before it reads them."""
    if kind == "JPEG" and (
        data.count(b"\xff\xda") > _MAX_SCANS or data.count(b"Exif\0\0") > _MAX_NOTES
    ):
        raise PictureError(_BOMB)
    if kind == "TIFF":
        order = "<" if data.startswith(b"II") else ">"
        first, number, entry = ("8xQ", "Q", "HHQ8x") if 43 in data[2:4] else ("4xI", "H", "HHI4x")
        (place,) = struct.unpack_from(order + first, data)
        (entries,) = struct.unpack_from(order + number, data, place)
        place += struct.calcsize(order + number)
        end = place + entries * struct.calcsize(order + entry)
        for _, form, count in struct.iter_unpack(order + entry, data[place:end]):
            if form not in _BYTE_FORMS and count > _MAX_NUMBERS:
                raise PictureError(_BOMB)


def _check_tiles(picture: Image.Image) -> None:
    """Refuse a TIFF with a tile far larger than the picture, for Pillow reserves whole tiles."""
    tags = getattr(picture, "tag_v2", {})
    if int(tags.get(_TILE_WIDTH, 1)) * int(tags.get(_TILE_LENGTH, 1)) > MAX_PIXELS:
        raise PictureError(_BOMB)


_MODES: Mapping[str, Literal["L", "LA", "RGB", "RGBA"]] = {
    "1": "L",
    "L": "L",
    "LA": "LA",
    "La": "LA",
    "P": "RGB",
    "PA": "RGBA",
    "RGB": "RGB",
    "RGBX": "RGB",
    "RGBA": "RGBA",
    "RGBa": "RGBA",
    "CMYK": "RGB",
    "YCbCr": "RGB",
    "LAB": "RGB",
}


def _channels(picture: Image.Image) -> ByteArray:
    """Return a loaded picture as uint8, shape (height, width, 1 to 4)."""
    height, width = picture.height, picture.width
    clear = picture.info.get("transparency")
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        values: AnyArray = np.asarray(picture)
        grey = _stretch_deep(values)
        if isinstance(clear, int):
            alpha = np.where(values == clear, 0, 255).astype(np.uint8)
            return np.stack([grey, alpha], axis=2)
        return grey[..., None]
    mode = _MODES[picture.mode]
    if picture.has_transparency_data:
        mode = "LA" if mode in ("L", "LA") else "RGBA"
    if isinstance(clear, tuple) and max(clear) > 255:
        # The colour is said in the file's 16 bits, of which Pillow keeps the upper eight.
        picture.info["transparency"] = tuple(value >> 8 for value in clear)
    if picture.mode != mode:
        picture = picture.convert(mode)
    return np.array(picture).reshape(height, width, len(mode))


def _stretch_deep(values: AnyArray) -> ByteArray:
    """Bring grey of more than eight bits to uint8, from its own minimum and maximum."""
    if values.dtype.kind == "f":
        finite = values[np.isfinite(values)]
        if finite.size == 0:
            return np.zeros(values.shape, np.uint8)
        if finite.size < values.size:
            values = np.nan_to_num(
                values, nan=finite.min(), posinf=finite.max(), neginf=finite.min()
            )
    low, high = float(values.min()), float(values.max())
    if low == high:
        if values.dtype == np.uint16:
            level = low / 257
        elif values.dtype.kind == "f" and 0 <= low <= 1:
            level = low * 255
        else:
            level = min(max(low, 0), 255)
        return np.full(values.shape, round(level), np.uint8)
    stretched = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), 64):  # a few rows at a time: float64 takes eight bytes
        rows = values[top : top + 64].astype(np.float64)
        stretched[top : top + 64] = np.rint((rows - low) * (255 / (high - low)))
    return stretched


def _orientation(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # the camera's notes are damaged, not the picture
        return 1


_TURNS: Mapping[int, Callable[[ByteArray], ByteArray]] = {
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: image[::-1].swapaxes(0, 1),
    7: lambda image: image[::-1, ::-1].swapaxes(0, 1),
    8: lambda image: image[:, ::-1].swapaxes(0, 1),
}


def _upright(image: ByteArray, orientation: int) -> ByteArray:
    """Turn and mirror a picture as Exif's orientation, 1 to 8, asks."""
    turn = _TURNS.get(orientation)
    return image if turn is None else np.ascontiguousarray(turn(image))


def fit(image: ByteArray, *, max_side: int) -> ByteArray:
    """Shrink a picture until its longer side fits; never enlarge it.

    Each new pixel is the mean of the area it covers. Where there is an alpha
    channel, a pixel counts as much as it is opaque.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 1 to 4)
    max_side : int
        Most pixels along the longer side, at least 1.

    Returns
    -------
    ndarray of uint8, shape (new_height, new_width, channels)
        The picture itself where it fits already.

    Raises
    ------
    SettingError
        If `max_side` is below 1.
    """
    if max_side < 1:
        raise SettingError(
            N_("A picture needs at least 1 pixel a side; {size} was asked for."), size=max_side
        )
    height, width, channels = image.shape
    longer = max(height, width)
    if longer <= max_side:
        return image
    new_height = max(1, round(height * max_side / longer))
    new_width = max(1, round(width * max_side / longer))

    def shrink(plane: ByteArray) -> ByteArray:
        small = cv2.resize(plane, (new_width, new_height), interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.uint8).reshape(new_height, new_width, -1)

    if channels in (1, 3):
        return shrink(image)
    # What a transparent pixel hides must not tint its neighbours.
    alpha = image[..., -1:]
    weighted = shrink(_divide(image[..., :-1] * alpha.astype(np.uint16)))
    alpha = shrink(np.ascontiguousarray(alpha))
    colours = weighted.astype(np.float32) * (255 / np.maximum(alpha, 1).astype(np.float32))
    return np.concatenate([np.minimum(np.rint(colours), 255).astype(np.uint8), alpha], axis=2)


@dataclass(frozen=True, kw_only=True)
class Description:
    """What can be said of a picture in a line; all its channels are counted together.

    Parameters
    ----------
    width, height : int
        In pixels.
    channels : int
    mode : str
        What the channels hold, in English: a sentence to translate.
    minimum, maximum, mean, std : float
        Of all values; `std` divides by their number.
    """

    width: int
    height: int
    channels: int
    mode: str
    minimum: float
    maximum: float
    mean: float
    std: float


_MODE_WORDS: Mapping[int, str] = {
    1: N_("grey"),
    2: N_("grey with alpha"),
    3: N_("colour"),
    4: N_("colour with alpha"),
}


def describe(image: ByteArray | FloatArray) -> Description:
    """Say a picture's size, mode and range.

    Parameters
    ----------
    image : ndarray of uint8 or float32, shape (height, width, 1 to 4)

    Returns
    -------
    Description
    """
    height, width, channels = image.shape
    mean, std = _mean_and_std(image)
    return Description(
        width=width,
        height=height,
        channels=channels,
        mode=_MODE_WORDS[channels],
        minimum=image.min().item(),
        maximum=image.max().item(),
        mean=mean,
        std=std,
    )


def _mean_and_std(image: AnyArray) -> tuple[float, float]:
    if image.dtype != np.uint8:
        return float(image.mean(dtype=np.float64)), float(image.std(dtype=np.float64))
    # From the counts: exact, and without eight bytes a value.
    counts, levels = _count_levels(image), np.arange(256)
    mean = float(counts @ levels) / image.size
    return mean, float(np.sqrt(counts @ (levels - mean) ** 2 / image.size))


def _count_levels(image: ByteArray) -> IntArray:
    """Count how often each of the 256 levels occurs."""
    counts = np.zeros(256, np.int64)
    values = image.reshape(-1)
    step = 2**20  # bincount makes eight bytes of each value
    for start in range(0, values.size, step):
        counts += np.bincount(values[start : start + step], minlength=256)
    return counts


def histogram(image: ByteArray, *, bins: int = 256) -> IntArray:
    """Count the pixels of each level, channel by channel.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, channels)
    bins : int, optional
        From 1 to 256 equal parts of the levels 0 to 255; level v falls into bin
        ``v * bins // 256``.

    Returns
    -------
    ndarray of int64, shape (channels, bins)
        Each row adds up to the number of pixels.

    Raises
    ------
    SettingError
        If `bins` is not from 1 to 256.
    """
    if not 1 <= bins <= 256:
        raise SettingError(
            N_("A histogram has from 1 to 256 bins; {bins} were asked for."), bins=bins
        )
    counts = np.zeros((image.shape[2], bins), np.int64)
    where = np.arange(256) * bins // 256
    for channel in range(image.shape[2]):
        np.add.at(counts[channel], where, _count_levels(image[..., channel]))
    return counts


@dataclass(frozen=True)
class Scaling:
    """A way of bringing a picture's values into a range.

    Parameters
    ----------
    label : str
        Its name in English: a sentence to translate.
    formula : str
        LaTeX: what becomes of a value x.
    function : callable
        From a picture of any range to float32 of the same shape.
    """

    label: str
    formula: str
    function: Callable[[AnyArray], FloatArray]

    def filled(self, facts: Description) -> str:
        r"""Return the formula with a picture's numbers in it.

        Examples
        --------
        >>> SCALINGS["minmax"].filled(describe(np.array([[[10], [210]]], np.uint8)))
        '\\frac{x-10}{210-10}'
        """
        text = self.formula
        numbers = {r"\min": facts.minimum, r"\max": facts.maximum, r"\mu": facts.mean,
                   r"\sigma": facts.std}  # fmt: skip
        for name, number in numbers.items():
            written = f"{number:.4g}"
            text = text.replace(name, f"({written})" if number < 0 else written)
        return text


def _unit(image: AnyArray) -> FloatArray:
    return np.asarray(image / np.float32(255), np.float32)


def _minmax(image: AnyArray) -> FloatArray:
    low, high = np.float32(image.min()), np.float32(image.max())
    if low == high:
        return np.zeros(image.shape, np.float32)
    return np.asarray((image - low) / (high - low), np.float32)


def _standardise(image: AnyArray) -> FloatArray:
    if image.min() == image.max():
        return np.zeros(image.shape, np.float32)
    mean, std = _mean_and_std(image)
    return np.asarray((image - np.float32(mean)) / np.float32(std), np.float32)


SCALINGS: Mapping[str, Scaling] = MappingProxyType(
    {
        "none": Scaling(N_("As it is"), "x", lambda image: image.astype(np.float32)),
        "unit": Scaling(N_("Divided by 255"), r"\frac{x}{255}", _unit),
        "minmax": Scaling(N_("Min-max"), r"\frac{x-\min}{\max-\min}", _minmax),
        "standardise": Scaling(N_("Standardised"), r"\frac{x-\mu}{\sigma}", _standardise),
    }
)


def scale(image: AnyArray, how: str) -> FloatArray:
    r"""Bring a picture's values into a range.

    Minimum, maximum, mean and standard deviation are those of the whole
    picture, all channels together, as in the lecture.

    Parameters
    ----------
    image : ndarray of uint8 or float32, any shape
    how : str
        A name in `SCALINGS`: 'none', 'unit' (x / 255), 'minmax'
        ((x − min) / (max − min)) or 'standardise' ((x − μ) / σ). A flat picture, for
        which the last two would divide by zero, becomes zeros.

    Returns
    -------
    ndarray of float32, same shape

    Raises
    ------
    SettingError
        If there is no such scaling.

    Examples
    --------
    >>> scale(np.array([[[0], [51], [255]]], np.uint8), "unit").ravel()
    array([0. , 0.2, 1. ], dtype=float32)
    """
    if how not in SCALINGS:
        raise SettingError(
            N_("There is no scaling called {name}. Choose one of {names}."),
            name=how,
            names=", ".join(SCALINGS),
        )
    return SCALINGS[how].function(image)


def resize(
    image: AnyArray, height: int, width: int, *, method: Literal["bilinear", "nearest"] = "bilinear"
) -> AnyArray:
    """Give a picture another size.

    Pixels are squares with their values in the middle (half-pixel centres), as in
    TensorFlow, OpenCV and Pillow: the centre of new pixel i lies at
    (i + ½) · old / new − ½. Shrinking does not average: `fit` does.

    Parameters
    ----------
    image : ndarray of uint8 or float32, shape (old_height, old_width) or \
            (old_height, old_width, channels)
    height, width : int
        In pixels, from 1 to `MAX_SIDE`.
    method : {'bilinear', 'nearest'}, optional
        Weigh the four nearest pixels, or take the one whose square holds the centre; on the
        line between two, the later one.

    Returns
    -------
    ndarray, shape (height, width) or (height, width, channels)
        Of the same kind as `image`; uint8 is rounded.

    Raises
    ------
    SettingError
        If a size is not from 1 to `MAX_SIDE`.

    Examples
    --------
    >>> resize(np.array([[0, 100]], np.uint8), 1, 4)
    array([[  0,  25,  75, 100]], dtype=uint8)
    """
    if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
        raise SettingError(
            N_(
                "A picture's sides can have from 1 to {limit} pixels; "
                "{height} × {width} were asked for."
            ),
            limit=f"{MAX_SIDE:,}",
            height=height,
            width=width,
        )
    old_height, old_width = image.shape[:2]
    if method == "nearest":
        rows = (2 * np.arange(height) + 1) * old_height // (2 * height)
        columns = (2 * np.arange(width) + 1) * old_width // (2 * width)
        return np.asarray(image[rows[:, None], columns])
    # As float32, for uint8 is weighed coarsely; four channels at a time, for OpenCV has a limit.
    planes = image.reshape(old_height, old_width, -1).astype(np.float32)
    parts = [
        cv2.resize(planes[..., first : first + 4], (width, height)).reshape(height, width, -1)
        for first in range(0, planes.shape[2], 4)
    ]
    resized = np.concatenate(parts, axis=2)
    if image.dtype == np.uint8:
        resized = np.rint(resized).astype(np.uint8)
    return np.asarray(resized).reshape(height, width, *image.shape[2:])


def without_alpha(image: ByteArray) -> ByteArray:
    """Leave the alpha channel out; the colours stay as they were, hidden ones too.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 1 to 4)

    Returns
    -------
    ndarray of uint8, shape (height, width, 1 or 3)
    """
    return image if image.shape[2] in (1, 3) else image[..., :-1]


def _divide(products: AnyArray) -> ByteArray:
    """Divide uint16 products of two levels by 255, rounded."""
    return ((products + np.uint16(127)) // np.uint16(255)).astype(np.uint8)


def _on_white(image: ByteArray) -> ByteArray:
    if image.shape[2] in (1, 3):
        return image
    alpha = image[..., -1:].astype(np.uint16)
    return _divide(image[..., :-1] * alpha + np.uint16(255) * (255 - alpha))


def to_colour(image: ByteArray) -> ByteArray:
    """Return a picture as red, green and blue; transparent parts show white paper.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 1 to 4)

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        Alpha α leaves α · colour + (1 − α) · white.
    """
    opaque = _on_white(image)
    return opaque if opaque.shape[2] == 3 else np.repeat(opaque, 3, axis=2)


def to_grey(image: ByteArray) -> ByteArray:
    """Return a picture's brightness; transparent parts show white paper.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 1 to 4)

    Returns
    -------
    ndarray of uint8, shape (height, width, 1)
        0.299 red + 0.587 green + 0.114 blue (ITU-R BT.601), rounded as in Pillow's mode "L".

    Examples
    --------
    >>> to_grey(np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)).ravel()
    array([ 76, 150,  29], dtype=uint8)
    """
    opaque = _on_white(image)
    if opaque.shape[2] == 1:
        return opaque
    return np.array(Image.fromarray(opaque).convert("L"))[..., None]


def stretch(feature_map: FloatArray) -> FloatArray:
    """Bring a feature map to [0, 1] for the eye: its minimum black, its maximum white.

    The map itself keeps its values; show its true minimum and maximum beside the picture.

    Parameters
    ----------
    feature_map : ndarray of float32, any shape
        Finite values of any range.

    Returns
    -------
    ndarray of float32, same shape
        A flat map becomes 0.5 everywhere: neither its darkest nor its brightest.
    """
    if feature_map.min() == feature_map.max():
        return np.full(feature_map.shape, 0.5, np.float32)
    return _minmax(feature_map)
