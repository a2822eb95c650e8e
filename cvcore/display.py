"""Arrays as pictures for the eye: colour maps, montages, PNG and JPEG.

Everything here is uint8 with red first; OpenCV, which has blue first, is
spoken to in this module alone.
"""

import io
import math
from functools import cache
from typing import Literal, TypeAlias

import cv2
import numpy as np
from PIL import Image

from cvcore.arrays import AnyArray, ByteArray, FloatArray
from cvcore.errors import N_, SettingError

Colours: TypeAlias = Literal["signed", "grey", "viridis", "red", "green", "blue"]
Unsigned: TypeAlias = Literal["grey", "viridis"]
Own: TypeAlias = Literal["red", "green", "blue", "grey"]

# Both ends are equally far from white in lightness (CIELAB L* 39), so that neither sign
# looks stronger, and blue against red stays apart for colour-blind readers.
_NEGATIVE, _POSITIVE = (20, 90, 180), (184, 22, 42)
_ZERO = 128  # the signed table's white; its ends are 1 and 255, and 0 is like 1

_GAP = 128  # grey between the maps of a montage: no end of any colour map

# A picture of at most this many pixels is sent as PNG, exact when the browser enlarges it;
# at 256 × 256 that takes 2 ms.
_SMALL = 256 * 256


@cache
def colour_table(colours: Colours) -> ByteArray:
    """Return a colour map, from its lowest to its highest value.

    Parameters
    ----------
    colours : {'signed', 'grey', 'viridis', 'red', 'green', 'blue'}
        'signed' goes from blue through white to red; the last three from black to their
        colour.

    Returns
    -------
    ndarray of uint8, shape (256, 3)
        Red, green, blue. Read-only.

    References
    ----------
    .. [1] S. van der Walt, N. Smith, "A Better Default Colormap for Matplotlib",
       SciPy 2015: viridis. Its values are OpenCV's.
    """
    ramp = np.arange(256, dtype=np.uint8)
    table: ByteArray
    if colours == "signed":
        share = np.clip((np.arange(256.0) - _ZERO) / (255 - _ZERO), -1, 1)[:, None]
        end = np.where(share < 0, _NEGATIVE, _POSITIVE)
        table = np.rint(255 + np.abs(share) * (end - 255)).astype(np.uint8)
    elif colours == "viridis":
        bgr = cv2.applyColorMap(ramp[:, None], cv2.COLORMAP_VIRIDIS)[:, 0]
        table = np.ascontiguousarray(bgr[:, ::-1], np.uint8)
    elif colours == "grey":
        table = np.stack([ramp] * 3, axis=1)
    else:
        table = np.zeros((256, 3), np.uint8)
        table[:, ("red", "green", "blue").index(colours)] = ramp
    table.flags.writeable = False
    return table


def colour_stops(colours: Colours, *, count: int = 17) -> list[str]:
    """Return a colour map's colours at equal steps, as CSS writes them.

    Examples
    --------
    >>> colour_stops("signed", count=3)
    ['#145ab4', '#ffffff', '#b8162a']
    """
    stops = colour_table(colours)[np.rint(np.linspace(0, 255, count)).astype(int)]
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in stops.tolist()]


def signed_colours(feature_map: FloatArray, *, limit: float | None = None) -> ByteArray:
    """Colour a map around zero: blue below, white at zero, red above.

    Parameters
    ----------
    feature_map : ndarray of float32, shape (height, width) or (height, width, 1)
        Any range. NaN counts as zero; beyond ±10³⁷ values are cut off.
    limit : float, optional
        The magnitude of full blue and full red; the map's own largest by default.
        Larger values look like it.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        All white where the limit is 0.
    """
    plane = _plane(feature_map)
    if limit is None:
        limit = float(np.abs(plane).max())
    if limit == 0:
        return _paint(np.full(plane.shape, _ZERO, np.uint8), "signed")
    with np.errstate(over="ignore"):  # a small limit can make infinity, which is cut off too
        share = np.clip(plane / np.float32(limit), -1, 1)
    return _paint(np.rint(share * (255 - _ZERO) + _ZERO).astype(np.uint8), "signed")


def unsigned_colours(
    feature_map: FloatArray,
    *,
    colours: Unsigned = "grey",
    low: float | None = None,
    high: float | None = None,
) -> ByteArray:
    """Colour a map from its lowest to its highest value.

    Parameters
    ----------
    feature_map : ndarray of float32, shape (height, width) or (height, width, 1)
        Any range. NaN counts as zero; beyond ±10³⁷ values are cut off.
    colours : {'grey', 'viridis'}, optional
    low, high : float, optional
        The values of the first and the last colour; the map's own minimum and maximum by
        default. Values beyond look like them.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        The middle colour everywhere where `low` is `high`, as in `cvcore.images.stretch`.
    """
    plane = _plane(feature_map)
    low = float(plane.min()) if low is None else low
    high = float(plane.max()) if high is None else high
    if low == high:
        return _paint(np.full(plane.shape, 128, np.uint8), colours)
    with np.errstate(over="ignore"):
        share = np.clip((plane - np.float32(low)) / np.float32(high - low), 0, 1)
    return _paint(np.rint(share * 255).astype(np.uint8), colours)


def outlier_limit(feature_map: FloatArray, *, share: float = 0.995) -> float:
    """Return a magnitude that all but the rare extremes stay within.

    An edge detector answers almost everywhere with a little and at a few
    pixels with a lot; coloured up to the largest, its map would look empty.

    Parameters
    ----------
    feature_map : ndarray of float32, any shape
    share : float, optional
        How many of the values stay within it, from 0 to 1. Of a map of fewer
        than 1,000 values all do.

    Returns
    -------
    float
        Above 0; 1 for a map of zeros.
    """
    # Every seventh value of a large map says as much as all, in a fraction of the time.
    size = np.abs(feature_map).ravel()
    largest = float(size.max())
    if size.size < 1000:
        return largest or 1.0
    some = size[::7] if size.size > 100_000 else size
    rank = round(share * (some.size - 1))
    return float(np.partition(some, rank)[rank]) or largest or 1.0


def channel_colours(channel: ByteArray, which: Own) -> ByteArray:
    """Show one channel of a picture in its own colour, from black to full.

    Parameters
    ----------
    channel : ndarray of uint8, shape (height, width) or (height, width, 1)
    which : {'red', 'green', 'blue', 'grey'}
        'grey' serves grey pictures and alpha.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
    """
    return _paint(channel.reshape(channel.shape[:2]), which)


def _plane(feature_map: FloatArray) -> FloatArray:
    """Return a map as finite float32, shape (height, width), whose range can be computed."""
    plane = feature_map.reshape(feature_map.shape[:2]).astype(np.float32, copy=False)
    far = np.float32(1e37)
    if not np.abs(plane).max() <= far:  # False for NaN too
        plane = np.clip(np.nan_to_num(plane), -far, far)
    return plane


def _paint(levels: ByteArray, colours: Colours) -> ByteArray:
    # The table has red first, so the answer has; OpenCV's own maps would not.
    return np.asarray(cv2.applyColorMap(levels, colour_table(colours)[:, None]), np.uint8)


def colour_bar(colours: Colours, width: int, height: int) -> ByteArray:
    """Draw a colour map as a strip.

    Parameters
    ----------
    colours : {'signed', 'grey', 'viridis', 'red', 'green', 'blue'}
    width, height : int
        In pixels, at least 1. A wide strip grows to the right, a high one upwards.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)

    Raises
    ------
    SettingError
        If a side is below 1.
    """
    if width < 1 or height < 1:
        raise SettingError(
            N_("A colour bar needs at least 1 pixel a side; {width} × {height} was asked for."),
            width=width,
            height=height,
        )
    along = np.rint(np.linspace(0, 255, max(width, height))).astype(np.uint8)
    levels = along[None, :] if width >= height else along[::-1, None]
    return _paint(np.broadcast_to(levels, (height, width)), colours)


def enlarge(image: ByteArray, factor: int) -> ByteArray:
    """Make every pixel a square of `factor` × `factor`, without blurring.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width) or (height, width, channels)
    factor : int
        At least 1.

    Returns
    -------
    ndarray of uint8, shape (factor · height, factor · width, …)

    Raises
    ------
    SettingError
        If the factor is below 1.
    """
    if factor < 1:
        raise SettingError(
            N_("A picture is enlarged by a whole factor from 1 on; it was {factor}."), factor=factor
        )
    return np.repeat(np.repeat(image, factor, axis=0), factor, axis=1)


def montage(
    feature_maps: FloatArray,
    *,
    columns: int | None = None,
    gap: int = 1,
    colours: Literal["signed", "grey", "viridis"] = "grey",
    common: bool = True,
) -> ByteArray:
    """Lay a stack of maps side by side.

    Parameters
    ----------
    feature_maps : ndarray of float32, shape (height, width, maps)
    columns : int, optional
        Maps in a row; by default as many as make the whole about square.
    gap : int, optional
        Grey pixels between maps, and where the last row has none.
    colours : {'signed', 'grey', 'viridis'}, optional
    common : bool, optional
        Whether all maps share one range, so that they can be compared, or each has its
        own, so that a faint one is seen.

    Returns
    -------
    ndarray of uint8, shape (rows, columns, 3)

    Raises
    ------
    SettingError
        If there are no maps, no columns, or the gap is negative.
    """
    height, width, count = feature_maps.shape
    columns = math.ceil(math.sqrt(count)) if columns is None else min(columns, count)
    if columns < 1 or gap < 0:
        raise SettingError(
            N_(
                "A montage needs a map, a column and a gap of 0 pixels or more; there were "
                "{maps} maps, {columns} columns and a gap of {gap}."
            ),
            maps=count,
            columns=columns,
            gap=gap,
        )
    rows = math.ceil(count / columns)
    whole = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), _GAP, np.uint8)
    low = float(feature_maps.min()) if common else None
    high = float(feature_maps.max()) if common else None
    limit = float(np.abs(feature_maps).max()) if common else None
    for index in range(count):
        plane = feature_maps[..., index]
        if colours == "signed":
            painted = signed_colours(plane, limit=limit)
        else:
            painted = unsigned_colours(plane, colours=colours, low=low, high=high)
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        whole[top : top + height, left : left + width] = painted
    return whole


def encode(image: ByteArray) -> tuple[bytes, str]:
    """Write a picture for the browser: exact where it is small, quickly where it is large.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width) or (height, width, 1 to 4)

    Returns
    -------
    data : bytes
        PNG up to 256 × 256 pixels and for pictures with alpha, JPEG beyond.
    mime : str
        'image/png' or 'image/jpeg'.
    """
    alpha = image.ndim == 3 and image.shape[2] in (2, 4)
    if alpha or image.shape[0] * image.shape[1] <= _SMALL:
        return encode_png(image), "image/png"
    return encode_jpeg(image), "image/jpeg"


def encode_png(image: ByteArray) -> bytes:
    """Write a picture as PNG, exactly.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width) or (height, width, 1 to 4)
        As `cvcore.images.decode` returns it, which gives the same values back.

    Returns
    -------
    bytes
    """
    if image.ndim == 3 and image.shape[2] == 2:  # grey and alpha: not among OpenCV's kinds
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG", compress_level=1)
        return file.getvalue()
    # OpenCV's own choice, runs in rows of differences, is the fastest for its size: any
    # compression level asked for takes twice as long for the same number of bytes.
    return cv2.imencode(".png", _blue_first(image))[1].tobytes()


def encode_jpeg(image: ByteArray, *, quality: int = 90) -> bytes:
    """Write a picture as JPEG, nearly the same.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width) or (height, width, 1 or 3)
    quality : int, optional
        From 0 to 100.

    Returns
    -------
    bytes
    """
    # Halved colour, the default, would smear a map's thin red and blue lines.
    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]
    return cv2.imencode(".jpg", _blue_first(image), options)[1].tobytes()


def _blue_first(image: ByteArray) -> AnyArray:
    """Return a picture in the order of channels that OpenCV writes."""
    channels = image.shape[2] if image.ndim == 3 else 1
    if channels == 1:
        return np.ascontiguousarray(image)
    swap = cv2.COLOR_RGBA2BGRA if channels == 4 else cv2.COLOR_RGB2BGR
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(image), swap))
