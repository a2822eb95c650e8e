"""What a page asks a worker about a data set; the answers are small, the data set is not.

TensorFlow is not needed for it. The first argument of a question is where the run store lies,
as for all of them.
"""

import contextlib
import threading
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from cvcore import datasets
from cvcore.arrays import ByteArray, FloatArray, IntArray
from cvcore.datasets import Dataset
from cvcore.errors import N_, AssetError, CvCoreError, SettingError

Part = Literal["training", "validation", "test"]
PARTS: tuple[Part, ...] = get_args(Part)

# For a moment a question waits for a download: that there is no network is found out at once.
PATIENCE_SECONDS = 1.0

_CHUNK = 4_000  # pictures that are looked at together: their values as int64 are some 25 MB
_GAP = 128

_LOCK = threading.Lock()
_fetching: dict[str, threading.Thread] = {}
_failed: dict[str, CvCoreError] = {}


class DownloadingError(AssetError):
    """A data set is on its way; ask again in a moment."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Summary:
    """A data set in numbers.

    Parameters
    ----------
    counts : ndarray of int64, shape (3, classes)
        Pictures of each class for training, for validation and for the test.
    histogram : ndarray of int64, shape (256,)
        How often each value occurs in the pictures to learn from.
    grey : ndarray of int64, shape (256,), or None
        The same before the threshold, for a binarised data set.
    means : ndarray of float32, shape (classes, height, width, channels)
        The mean picture of each class, of those to learn from; from 0 to 255, and NaN for a
        class that has none.
    nearest : float
        The fraction of the test pictures whose nearest mean picture is that of their own class.
    """

    counts: IntArray
    histogram: IntArray
    grey: IntArray | None
    means: FloatArray
    nearest: float

    @property
    def low(self) -> int:
        """The smallest value."""
        return int(self.histogram.nonzero()[0][0])

    @property
    def high(self) -> int:
        """The largest value."""
        return int(self.histogram.nonzero()[0][-1])

    @property
    def mean(self) -> float:
        """The mean of all values."""
        return float(np.average(np.arange(256), weights=self.histogram))

    @property
    def deviation(self) -> float:
        """The standard deviation of all values."""
        apart = (np.arange(256) - self.mean) ** 2
        return float(np.sqrt(np.average(apart, weights=self.histogram)))


@dataclass(frozen=True, eq=False, kw_only=True)
class ExamplePictures:
    """Some pictures of each class.

    Parameters
    ----------
    numbers : tuple of tuple of int
        For each class, where its pictures stand in their file, from 0; a class that has fewer
        than were asked for has fewer here.
    images : tuple of ndarray of uint8, shape (k, height, width, channels)
        One for each class.
    grey : tuple of the same, or None
        The same pictures before the threshold, for a binarised data set.
    pages : int
        After how many pages of examples the first comes again.
    """

    numbers: tuple[tuple[int, ...], ...]
    images: tuple[ByteArray, ...]
    grey: tuple[ByteArray, ...] | None
    pages: int


def summary(
    url: str,  # noqa: ARG001 - every job has it
    name: str,
    threshold: int,
    training: int,
    validation: int,
) -> Summary:
    """Count the pictures and their values.

    Parameters
    ----------
    url : str
        The run store, which is not needed here.
    name : str
        A name in `DATASETS`.
    threshold : int
        As for `cvcore.datasets.load`.
    training, validation : int
        How many of the training pictures are to learn from, the first ones, and how many are
        for validation, the last ones.

    Returns
    -------
    Summary

    Raises
    ------
    DownloadingError
        If the data set is on its way.
    AssetError
        If it is missing and cannot be downloaded, or is damaged.
    """
    data = _open(name, threshold)
    classes = len(datasets.DATASETS[name].classes)
    parts = {part: _part(data, part, training, validation) for part in PARTS}
    images, labels = parts["training"]
    before = datasets.DATASETS[name].binarises
    means = _means(images, labels, classes)
    return Summary(
        counts=np.stack([np.bincount(parts[part][1], minlength=classes) for part in PARTS]),
        histogram=_histogram(images),
        grey=_histogram(datasets.load(before).training_images[:training]) if before else None,
        means=means,
        nearest=_nearest(means, data),
    )


def examples(
    url: str,  # noqa: ARG001 - every job has it
    name: str,
    threshold: int,
    training: int,
    validation: int,
    part: Part,
    page: int,
    count: int,
) -> ExamplePictures:
    """Fetch some pictures of each class, in the order of the file.

    Parameters
    ----------
    url, name, threshold, training, validation
        As for `summary`.
    part : {'training', 'validation', 'test'}
        Of which pictures.
    page : int
        From 0; each shows the next `count` ones, and after the last come the first.
    count : int
        Pictures of each class, at most.

    Returns
    -------
    ExamplePictures

    Raises
    ------
    SettingError
        If there is no such part, or nothing is asked for.
    DownloadingError, AssetError
        As for `summary`.
    """
    if part not in PARTS or count < 1:
        raise SettingError(
            N_(
                "There are no examples of the part {part}, {count} of each class. Ask for at "
                "least one, of one of {parts}."
            ),
            part=part,
            count=count,
            parts=", ".join(PARTS),
        )
    data = _open(name, threshold)
    row = datasets.DATASETS[name]
    images, labels = _part(data, part, training, validation)
    grey = None
    if row.binarises:
        grey = _part(datasets.load(row.binarises), part, training, validation)[0]
    chosen, most = [], 0
    for label in range(len(row.classes)):
        places = np.flatnonzero(labels == label)
        most = max(most, len(places))
        shown = np.arange(page * count, page * count + min(count, len(places)))
        chosen.append(places[shown % max(len(places), 1)])
    first = row.training - validation if part == "validation" else 0
    return ExamplePictures(
        numbers=tuple(tuple((places + first).tolist()) for places in chosen),
        images=tuple(images[places] for places in chosen),
        grey=None if grey is None else tuple(grey[places] for places in chosen),
        pages=max(-(-most // count), 1),
    )


def shift_and_scale(how: str, numbers: Summary) -> tuple[float, float]:
    """Return what is subtracted from a pixel, and what the rest is divided by.

    Parameters
    ----------
    how : {'none', 'unit', 'minmax', 'standardise'}
        A name in `cvcore.spec.SCALINGS`.
    numbers : Summary

    Returns
    -------
    shift, scale : float
        As the worker that trains computes them.
    """
    match how:
        case "unit":
            return 0.0, 255.0
        case "minmax":
            return float(numbers.low), float(numbers.high - numbers.low or 1)
        case "standardise":
            return numbers.mean, numbers.deviation or 1.0
    return 0.0, 1.0


def lay_out(images: ByteArray, *, columns: int) -> ByteArray:
    """Lay pictures side by side in rows, with a grey line between them.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, height, width, channels)
        At least one.
    columns : int
        Pictures in a row.

    Returns
    -------
    ndarray of uint8, shape (rows, columns, channels)
        Grey where the last row has none.

    Examples
    --------
    >>> lay_out(np.array([1, 2, 3], np.uint8).reshape(3, 1, 1, 1), columns=2)[..., 0]
    array([[  1, 128,   2],
           [128, 128, 128],
           [  3, 128, 128]], dtype=uint8)
    """
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    cells = np.full((rows * columns, height + 1, width + 1, channels), _GAP, np.uint8)
    cells[:count, :-1, :-1] = images
    grid = cells.reshape(rows, columns, height + 1, width + 1, channels).swapaxes(1, 2)
    return grid.reshape(rows * (height + 1), columns * (width + 1), channels)[:-1, :-1]


def _part(data: Dataset, part: Part, training: int, validation: int) -> tuple[ByteArray, IntArray]:
    if part == "test":
        return data.test_images, data.test_labels
    total = len(data.training_labels)
    where = slice(0, training) if part == "training" else slice(total - validation, total)
    return data.training_images[where], data.training_labels[where]


def _histogram(images: ByteArray) -> IntArray:
    counts = np.zeros(256, np.int64)
    for start in range(0, len(images), _CHUNK):
        counts += np.bincount(images[start : start + _CHUNK].ravel(), minlength=256)
    return counts


def _means(images: ByteArray, labels: IntArray, classes: int) -> FloatArray:
    means = np.full((classes, *images.shape[1:]), np.nan, np.float32)
    for label in range(classes):
        own = images[labels == label]
        if len(own):
            means[label] = own.mean(axis=0, dtype=np.float64)
    return means


def _nearest(means: FloatArray, data: Dataset) -> float:
    """Name test pictures after the nearest mean, and return how many names are right."""
    known = np.flatnonzero(~np.isnan(means.reshape(len(means), -1)[:, 0]))
    flat = means[known].reshape(len(known), -1)
    lengths, right = (flat**2).sum(axis=1), 0
    for start in range(0, len(data.test_labels), _CHUNK):
        part = slice(start, start + _CHUNK)
        pictures = data.test_images[part].reshape(-1, flat.shape[1]).astype(np.float32)
        # |picture - mean|², without what is the same for every mean.
        said = known[(lengths - 2 * pictures @ flat.T).argmin(axis=1)]
        right += int((said == data.test_labels[part]).sum())
    return right / len(data.test_labels)


def _open(name: str, threshold: int) -> Dataset:
    """Load a data set, or have it downloaded while others may ask their questions."""
    if datasets.missing(name):
        with _LOCK:
            if name not in _fetching:
                _fetching[name] = threading.Thread(target=_fetch, args=(name,), daemon=True)
                _fetching[name].start()
            thread = _fetching[name]
        thread.join(PATIENCE_SECONDS)
        if thread.is_alive():
            raise DownloadingError(
                N_(
                    "The data set is being downloaded: {done} of {total} MB are here. Its "
                    "pictures appear by themselves."
                ),
                done=f"{datasets.arrived(name):.1f}",
                total=f"{datasets.DATASETS[name].megabytes:.1f}",
            )
        with _LOCK:
            error = _failed.pop(name, None)
        if error is not None:
            raise error
    return datasets.load(name, threshold=threshold)


def _fetch(name: str) -> None:
    try:
        datasets.fetch(name)
    except CvCoreError as error:
        _failed[name] = error
    finally:
        with _LOCK, contextlib.suppress(KeyError):
            del _fetching[name]
