"""Pictures that are there without a network: photographs and computed ones."""

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np

from cvcore.arrays import ByteArray
from cvcore.errors import N_, AssetError, SettingError
from cvcore.images import decode


@dataclass(frozen=True)
class Sample:
    """A picture that a page offers by name.

    Parameters
    ----------
    label : str
        What it shows, in English: a sentence to translate.
    credit : str
        Whose it is, and its licence; empty for a computed one.
    make : callable
        Returns uint8, shape (height, width, channels).
    """

    label: str
    credit: str
    make: Callable[[], ByteArray]


def _open(package: str, file: str) -> ByteArray:
    """Open a picture that an installed package carries, without importing the package."""
    # Importing scikit-image or scikit-learn takes a second and some 60 MB.
    spec = importlib.util.find_spec(package)
    path = Path(spec.origin).parent / file if spec is not None and spec.origin else None
    if path is None or not path.is_file():
        raise AssetError(
            N_(
                "The picture {file} of the package {package} is missing. Choose another "
                "picture, or install the packages of requirements.txt anew."
            ),
            file=file,
            package=package,
        )
    return decode(path.read_bytes())


def _photograph(label: str, credit: str, package: str, file: str) -> Sample:
    return Sample(label, credit, partial(_open, package, file))


def _numbers() -> ByteArray:
    # One step right adds 4, one step down 32: differences can be done in the head.
    return (4 * np.arange(64, dtype=np.uint8)).reshape(8, 8, 1)


def _cross() -> ByteArray:
    image = np.zeros((16, 16, 1), np.uint8)
    image[7:9, 2:14] = image[2:14, 7:9] = 255
    return image


def _stripes() -> ByteArray:
    return np.tile(np.repeat(np.array([0, 255], np.uint8), 4), (16, 2))[..., None]


def _square() -> ByteArray:
    image = np.full((16, 16, 1), 255, np.uint8)
    image[4:12, 4:12] = 0
    return image


def _paper(shade: int) -> ByteArray:
    """Return a sheet that the light falls on from the upper left."""
    rows, columns = np.indices((240, 200))
    return (shade - (rows + columns) / 12).astype(np.uint8)


def _seven() -> ByteArray:
    image = _paper(225)
    ink = [
        np.array(line, np.int32)
        for line in ([(62, 62), (138, 66), (88, 178)], [(78, 120), (124, 116)])
    ]
    cv2.polylines(image, ink, isClosed=False, color=45, thickness=11, lineType=cv2.LINE_AA)
    return image[..., None]


def _boot() -> ByteArray:
    image = _paper(235)
    shaft = [(70, 60), (118, 60), (116, 118), (150, 138), (162, 162), (160, 178), (66, 178)]
    cv2.fillPoly(image, [np.array(shaft, np.int32)], color=95, lineType=cv2.LINE_AA)
    cv2.rectangle(image, (64, 170), (162, 184), color=40, thickness=cv2.FILLED)
    return image[..., None]


_SKIMAGE, _SKLEARN = "skimage", "sklearn"

SAMPLES: Mapping[str, Sample] = MappingProxyType(
    {
        "astronaut": _photograph(
            N_("Astronaut"), "NASA, public domain", _SKIMAGE, "data/astronaut.png"
        ),
        "chelsea": _photograph(N_("Cat"), "Stéfan van der Walt, CC0", _SKIMAGE, "data/chelsea.png"),
        "coffee": _photograph(N_("Coffee"), "Rachel Michetti, CC0", _SKIMAGE, "data/coffee.png"),
        "rocket": _photograph(N_("Rocket"), "SpaceX, public domain", _SKIMAGE, "data/rocket.jpg"),
        "china": _photograph(
            N_("Palace"), "danielbuechele, CC BY 2.0", _SKLEARN, "datasets/images/china.jpg"
        ),
        "flower": _photograph(
            N_("Flower"), "vultilion, CC BY 2.0", _SKLEARN, "datasets/images/flower.jpg"
        ),
        "camera": _photograph(
            N_("Photographer (grey)"), "Lav Varshney, CC0", _SKIMAGE, "data/camera.png"
        ),
        "brick": _photograph(
            N_("Brick wall (grey)"), "CC0Textures, CC0", _SKIMAGE, "data/brick.png"
        ),
        "coins": _photograph(
            N_("Coins (grey)"), "Brooklyn Museum, public domain", _SKIMAGE, "data/coins.png"
        ),
        "text": _photograph(
            N_("Handwriting (grey)"), "Wikipedia, public domain", _SKIMAGE, "data/text.png"
        ),
        "horse": _photograph(
            N_("Horse (with alpha)"), "Andreas Preuss, CC0", _SKIMAGE, "data/horse.png"
        ),
        "seven": Sample(N_("A seven on paper"), "", _seven),
        "boot": Sample(N_("A boot on a table"), "", _boot),
        "numbers": Sample(N_("Ramp of numbers, 8 × 8"), "", _numbers),
        "cross": Sample(N_("White cross, 16 × 16"), "", _cross),
        "stripes": Sample(N_("Vertical stripes, 16 × 16"), "", _stripes),
        "square": Sample(N_("Dark square on white, 16 × 16"), "", _square),
    }
)
"""The pictures in the order in which they are offered; the first is what a page opens on."""


@cache
def load(name: str) -> ByteArray:
    """Return a ready picture.

    Parameters
    ----------
    name : str
        A name in `SAMPLES`.

    Returns
    -------
    ndarray of uint8, shape (height, width, channels)
        Read-only: every session is given the same array.

    Raises
    ------
    SettingError
        If there is no such picture.
    AssetError
        If the package that should carry the file does not.
    """
    if name not in SAMPLES:
        raise SettingError(
            N_("There is no ready picture called {name}. Choose one of {names}."),
            name=name,
            names=", ".join(SAMPLES),
        )
    image = SAMPLES[name].make()
    image.flags.writeable = False
    return image
