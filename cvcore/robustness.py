"""What test pictures go through to show how two networks differ; the network is asked in a worker.

A worker is asked one amount at a time, so that others need not wait for all of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import cv2
import numpy as np

from cvcore.arrays import ByteArray, IntArray
from cvcore.errors import N_, EngineError, SettingError
from cvcore.runs import RunStore
from cvcore.subjects import Subject
from cvcore.waking import import_tensorflow

if TYPE_CHECKING:
    pass

MOST_PICTURES = 2_000
"""Test pictures that are asked for each amount: the share that is right is then known to 1 %."""

_SEED = 7
_EIGHTHS = (0, 2, 3, 4, 5, 6)  # of a side, for the square that is hidden
_STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0))  # right, down, left, up


@dataclass(frozen=True, kw_only=True)
class Disturbance:
    """A way to make test pictures harder.

    Parameters
    ----------
    label : str
        Its name.
    axis : str
        What the amount is, with its unit.
    amounts : tuple of int
        From none on.
    what : str
        What is done to a picture, in a sentence.
    """

    label: str
    axis: str
    amounts: tuple[int, ...]
    what: str


DISTURBANCES: Mapping[str, Disturbance] = MappingProxyType(
    {
        "shift": Disturbance(
            label=N_("Shift"),
            axis=N_("Shift in pixels"),
            amounts=tuple(range(9)),
            what=N_(
                "Each test picture moves right, down, left or up, in turn; what comes in is black."
            ),
        ),
        "rotate": Disturbance(
            label=N_("Rotate"),
            axis=N_("Rotation in degrees"),
            amounts=(0, 15, 30, 45, 60, 75, 90),
            what=N_(
                "Each test picture is turned about its middle, every second one the other way."
            ),
        ),
        "noise": Disturbance(
            label=N_("Noise"),
            axis=N_("Standard deviation of the noise, in grey levels of 255"),
            amounts=(0, 16, 32, 48, 64, 96, 128),
            what=N_("To each pixel a random number is added; what leaves 0 to 255 is cut off."),
        ),
        "hide": Disturbance(
            label=N_("Hide"),
            axis=N_("Hidden share of the picture in %"),
            amounts=tuple(round(100 * (eighths / 8) ** 2) for eighths in _EIGHTHS),
            what=N_("A square at a random place is black; at 25 % it hides a quarter."),
        ),
    }
)
"""In the order in which a page offers them, by their names in the address."""


def amounts(name: str, height: int, width: int) -> tuple[int, ...]:
    """Return the amounts of a disturbance that make sense for pictures of a size.

    Parameters
    ----------
    name : str
        In `DISTURBANCES`.
    height, width : int

    Returns
    -------
    tuple of int
        A picture is shifted by half of its side at most: beyond, there is little left of it.
    """
    entry = _entry(name)
    most = min(height, width) // 2 if name == "shift" else max(entry.amounts)
    return tuple(amount for amount in entry.amounts if amount <= most)


def disturb(images: ByteArray, name: str, amount: int) -> ByteArray:
    """Make pictures harder to name, the same way each time.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, height, width, channels)
    name : {'shift', 'rotate', 'noise', 'hide'}
        A name in `DISTURBANCES`.
    amount : int
        Pixels, degrees, grey levels or per cent; 0 changes nothing.

    Returns
    -------
    ndarray of uint8, of the same shape
        What happens to a picture does not depend on those that come after it.

    Raises
    ------
    SettingError
        If there is no such disturbance, or the amount is not one of its amounts.
    """
    entry = _entry(name)
    if amount not in entry.amounts:
        raise SettingError(
            N_("The amount of {name} was {amount}; choose one of {amounts}."),
            name=name,
            amount=amount,
            amounts=", ".join(map(str, entry.amounts)),
        )
    if amount == 0:
        return images.copy()
    ways: Mapping[str, Callable[[ByteArray, int], ByteArray]] = {
        "shift": _shift,
        "rotate": _rotate,
        "noise": _add_noise,
        "hide": _hide,
    }
    return ways[name](images, amount)


def put_in_order(images: ByteArray, order: IntArray) -> ByteArray:
    """Give the pixels of pictures other places, those of all of them the same.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, height, width, channels)
    order : ndarray of int64, shape (height * width,)
        As `cvcore.datasets.pixel_order` returns it.

    Returns
    -------
    ndarray of uint8, of the same shape

    Examples
    --------
    >>> put_in_order(np.array([[[[7], [8]]]], np.uint8), np.array([1, 0])).ravel()
    array([8, 7], dtype=uint8)
    """
    count, height, width, channels = images.shape
    pixels = images.reshape(count, height * width, channels)
    return pixels[:, order].reshape(images.shape)


# -- jobs: what a worker is asked; the first argument is where the run store lies


def right_among(url: str, digest: str, name: str, amount: int) -> tuple[int, int]:
    """Ask a run's network for the names of disturbed test pictures.

    Parameters
    ----------
    url : str
        The run store.
    digest : str
        A run that ended with weights; its last ones are asked.
    name : str
        A name in `DISTURBANCES`.
    amount : int

    Returns
    -------
    right, total : int
        Of the first `MOST_PICTURES` test pictures.

    Raises
    ------
    SettingError
        As `disturb`.
    EngineError
        If the run's weights are not in the store any more.
    """
    import_tensorflow()
    from cvcore.opened import opened

    subject = Subject(run=digest, moment=_last_moment(url, digest))
    with opened(url, subject) as network:
        images = network.data.test_images[:MOST_PICTURES]
        labels = network.data.test_labels[:MOST_PICTURES]
        said = network.scores(disturb(images, name, amount)).argmax(axis=1)
    return int((said == labels).sum()), len(labels)


def _last_moment(url: str, digest: str) -> float:
    moments = RunStore(url).moments(digest)
    if not moments:
        raise _gone()
    return moments[-1]


def _gone() -> EngineError:
    return EngineError(
        N_(
            "What this network has learned is not in the run store any more. Start the fight "
            "to train it again."
        )
    )


def _entry(name: str) -> Disturbance:
    if name not in DISTURBANCES:
        raise SettingError(
            N_("There is no disturbance called {name}. Choose one of {names}."),
            name=name,
            names=", ".join(DISTURBANCES),
        )
    return DISTURBANCES[name]


def _shift(images: ByteArray, amount: int) -> ByteArray:
    moved = np.zeros_like(images)
    height, width = images.shape[1:3]
    for turn, (down, right) in enumerate(_STEPS):
        rows, columns = down * amount, right * amount
        into = np.s_[
            turn :: len(_STEPS),
            max(rows, 0) : height + min(rows, 0),
            max(columns, 0) : width + min(columns, 0),
        ]
        out = np.s_[
            turn :: len(_STEPS),
            max(-rows, 0) : height + min(-rows, 0),
            max(-columns, 0) : width + min(-columns, 0),
        ]
        moved[into] = images[out]
    return moved


def _rotate(images: ByteArray, amount: int) -> ByteArray:
    height, width, channels = images.shape[1:]
    middle = (width - 1) / 2, (height - 1) / 2
    turned = np.empty_like(images)
    for index, image in enumerate(images):
        degrees = amount if index % 2 == 0 else -amount
        matrix = cv2.getRotationMatrix2D(middle, degrees, 1.0)
        turned[index] = cv2.warpAffine(image, matrix, (width, height)).reshape(
            height, width, channels
        )
    return turned


def _add_noise(images: ByteArray, amount: int) -> ByteArray:
    noise = np.random.default_rng(_SEED).normal(0, amount, images.shape)
    noisy: ByteArray = np.clip(np.rint(images + noise), 0, 255).astype(np.uint8)
    return noisy


def _hide(images: ByteArray, amount: int) -> ByteArray:
    hidden = images.copy()
    height, width = images.shape[1:3]
    share = np.sqrt(amount / 100)
    tall, wide = round(height * share), round(width * share)
    corners = np.random.default_rng(_SEED).random((len(images), 2))
    tops = (corners[:, 0] * (height - tall + 1)).astype(int)
    lefts = (corners[:, 1] * (width - wide + 1)).astype(int)
    for picture, top, left in zip(hidden, tops, lefts, strict=True):
        picture[top : top + tall, left : left + wide] = 0
    return hidden
