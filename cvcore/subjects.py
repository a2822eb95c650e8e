"""What is looked into: which network, and with which picture."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import cv2
import numpy as np

from cvcore.arrays import BoolArray, ByteArray
from cvcore.errors import N_, EngineError, SettingError
from cvcore.runs import RunStore
from cvcore.spec import RunSpec
from cvcore.surgery import Operation

Fill: TypeAlias = Literal["mean", "black", "blur"]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A run's network as it was at a moment, operated on or not.

    Parameters
    ----------
    run : str
        The run's digest.
    moment : float
        One of ``RunStore.moments(run)``.
    operations : tuple of Operation, optional
        What was done to its weights since, in this order.
    """

    run: str
    moment: float
    operations: tuple[Operation, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture in the form of a run's data set; hashable, so that answers can be remembered.

    Parameters
    ----------
    number : int, optional
        Of a test picture, from 0; not looked at where there are pixels.
    pixels : bytes, optional
        A visitor's own picture, row by row: uint8, of the data set's shape.
    hidden : bytes, optional
        Which pixels are hidden, as `pack` writes it; none if empty.
    fill : {'mean', 'black', 'blur'}, optional
        What stands in their place: the picture's mean, 0, or the picture itself blurred.
    """

    number: int = 0
    pixels: bytes = b""
    hidden: bytes = b""
    fill: Fill = "mean"


def pack(mask: BoolArray) -> bytes:
    r"""Write a mask in eight pixels a byte, row by row.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)

    Examples
    --------
    >>> pack(np.array([[True, False], [False, True]]))
    b'\x90'
    """
    return np.packbits(mask).tobytes()


def unpack(packed: bytes, height: int, width: int) -> BoolArray:
    """Read what `pack` wrote.

    Returns
    -------
    ndarray of bool, shape (height, width)

    Raises
    ------
    SettingError
        If it is not as long as a mask of this size.
    """
    if len(packed) != -(-height * width // 8):
        raise SettingError(
            N_("What is hidden belongs to a picture of another size. Hide it anew in this one.")
        )
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=height * width)
    return bits.reshape(height, width).astype(bool)


def hide(image: ByteArray, mask: BoolArray, fill: Fill) -> ByteArray:
    """Put something that says nothing in the place of some pixels.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, channels)
    mask : ndarray of bool, shape (height, width)
        True where it is hidden.
    fill : {'mean', 'black', 'blur'}
        The mean of each channel over the whole picture, 0, or the picture blurred by a
        Gaussian whose standard deviation is a sixth of the shorter side.

    Returns
    -------
    ndarray of uint8, shape (height, width, channels)
        A new one.
    """
    instead: ByteArray | np.uint8
    match fill:
        case "mean":
            instead = image.mean(axis=(0, 1)).round().astype(np.uint8)
        case "black":
            instead = np.uint8(0)
        case "blur":
            sigma = min(image.shape[:2]) / 6
            blurred = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
            instead = blurred.reshape(image.shape).astype(np.uint8)
    changed: ByteArray = np.where(mask[..., np.newaxis], instead, image)
    return changed


def spec_of(url: str, subject: Subject) -> RunSpec:
    """Return what a subject's run was asked to do.

    Raises
    ------
    EngineError
        If there is no such run.
    """
    spec = RunStore(url).spec(subject.run)
    if spec is None:
        raise EngineError(
            N_(
                "The run {name} is not in the run store any more. Choose another one, or train "
                "it again."
            ),
            name=subject.run[:6],
        )
    return spec
