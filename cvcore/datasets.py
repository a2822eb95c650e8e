"""Labelled pictures to learn from: a table that pages list, and what a worker loads."""

import functools
import gzip
import hashlib
import os
import tempfile
import threading
import urllib.request
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from cvcore.arrays import AnyArray, ByteArray, IntArray
from cvcore.errors import N_, AssetError, SettingError

TIMEOUT_SECONDS = 20.0  # without a word from the server

_BASE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
_LOCK = threading.Lock()


@dataclass(frozen=True)
class DataFile:
    """A file as Keras names it under KERAS_HOME, where it comes from, and its sha256."""

    path: str
    url: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class DatasetEntry:
    """What a page says of a data set before anything is loaded.

    Parameters
    ----------
    label : str
        Its name.
    classes : tuple of str
        The classes' names, in the order of the labels.
    shape : tuple of int
        (height, width, channels) of every picture.
    training, test : int
        Numbers of pictures.
    source : str
        Who made it, and where it is described.
    files : tuple of DataFile
        What is read, below KERAS_HOME; empty when it comes with scikit-learn.
    megabytes : float
        What is downloaded on first use.
    """

    label: str
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    training: int
    test: int
    source: str
    files: tuple[DataFile, ...] = ()
    megabytes: float = 0.0

    @property
    def offline(self) -> bool:
        """Whether it works on a machine that never had a network."""
        return not self.files


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled pictures.

    Parameters
    ----------
    training_images, test_images : ndarray of uint8, shape (n, height, width, channels)
        From 0 (background) to 255.
    training_labels, test_labels : ndarray of int64, shape (n,)
        From 0 to the number of classes - 1.
    """

    training_images: ByteArray
    training_labels: IntArray
    test_images: ByteArray
    test_labels: IntArray


_TEN_DIGITS = tuple("0123456789")

DATASETS: Mapping[str, DatasetEntry] = MappingProxyType(
    {
        "fashion_mnist": DatasetEntry(
            label=N_("Fashion-MNIST"),
            classes=(
                N_("T-shirt/top"),
                N_("Trouser"),
                N_("Pullover"),
                N_("Dress"),
                N_("Coat"),
                N_("Sandal"),
                N_("Shirt"),
                N_("Sneaker"),
                N_("Bag"),
                N_("Ankle boot"),
            ),
            shape=(28, 28, 1),
            training=60_000,
            test=10_000,
            source="H. Xiao, K. Rasul, R. Vollgraf, arXiv:1708.07747, 2017",
            files=tuple(
                DataFile(f"datasets/fashion-mnist/{name}", _BASE + name, sha256)
                for name, sha256 in (
                    ("train-images-idx3-ubyte.gz",
                     "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
                    ("train-labels-idx1-ubyte.gz",
                     "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
                    ("t10k-images-idx3-ubyte.gz",
                     "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
                    ("t10k-labels-idx1-ubyte.gz",
                     "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
                )
            ),
            megabytes=30.9,
        ),
        "mnist": DatasetEntry(
            label=N_("MNIST"),
            classes=_TEN_DIGITS,
            shape=(28, 28, 1),
            training=60_000,
            test=10_000,
            source="Y. LeCun, C. Cortes, C. Burges, The MNIST database of handwritten digits, 1998",
            files=(
                DataFile(
                    "datasets/mnist.npz",
                    _BASE + "mnist.npz",
                    "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
                ),
            ),
            megabytes=11.5,
        ),
        "digits": DatasetEntry(
            label=N_("Digits of 8 × 8 pixels"),
            classes=_TEN_DIGITS,
            shape=(8, 8, 1),
            training=1_437,
            test=360,
            source="E. Alpaydin, C. Kaynak, UCI Machine Learning Repository, 1998; in scikit-learn",
        ),
    }
)  # fmt: skip


def keras_home() -> Path:
    """Return the folder that Keras keeps data and weights in."""
    asked = os.environ.get("KERAS_HOME")
    return Path(asked) if asked else Path.home() / ".keras"


def load(name: str) -> Dataset:
    """Load a data set, once for each process; what is missing is downloaded.

    Parameters
    ----------
    name : str
        A name in `DATASETS`.

    Returns
    -------
    Dataset

    Raises
    ------
    SettingError
        If there is no such data set.
    AssetError
        If a file is missing and cannot be downloaded, or is damaged. The
        sentence names it and says what works without a network.
    """
    if name not in DATASETS:
        raise SettingError(
            N_("There is no data set called {name}. Choose one of {names}."),
            name=name,
            names=", ".join(DATASETS),
        )
    with _LOCK:  # two threads of a worker must not download the same file
        return _load(name)


@functools.lru_cache(maxsize=2)
def _load(name: str) -> Dataset:
    entry = DATASETS[name]
    if entry.offline:
        return _digits(entry)
    _fetch(entry)
    arrays = _read_archive(entry.files[0]) if name == "mnist" else _read_idx(entry.files)
    try:
        return Dataset(
            arrays[0].reshape(entry.training, *entry.shape),
            arrays[1].reshape(entry.training).astype(np.int64),
            arrays[2].reshape(entry.test, *entry.shape),
            arrays[3].reshape(entry.test).astype(np.int64),
        )
    except ValueError as error:  # another number of pictures than the data set has
        raise _damaged(entry.files[0]) from error


def _digits(entry: DatasetEntry) -> Dataset:
    from sklearn.datasets import load_digits  # 57 MB, and for this data set alone

    bunch = load_digits()
    # Its values go from 0 to 16; stretched, they show and scale like the other data sets.
    images = np.round(bunch.images * (255 / 16)).astype(np.uint8)[..., np.newaxis]
    labels = bunch.target.astype(np.int64)
    # In the order of the file, where the same writers stand together: the test digits are
    # by hands that the training has mostly not seen.
    cut = entry.training
    return Dataset(images[:cut], labels[:cut], images[cut:], labels[cut:])


def _fetch(entry: DatasetEntry) -> None:
    """Download what is not on disk yet."""
    missing = [file for file in entry.files if not (keras_home() / file.path).is_file()]
    for file in missing:
        try:
            _download(file)
        except (OSError, EOFError, ValueError) as error:  # URLError and timeouts are OSErrors
            raise AssetError(
                N_(
                    "The data set is not on this computer and could not be downloaded ({reason}). "
                    "Put {files} into Keras' folder (KERAS_HOME, usually ~/.keras), or choose the "
                    "digits of 8 × 8 pixels, which need no network."
                ),
                reason=str(getattr(error, "reason", error))[:200],
                files=", ".join(file.path for file in missing),
            ) from error


def _download(file: DataFile) -> None:
    """Fetch a file, check it, and move it to its place whole."""
    place = keras_home() / file.path
    place.parent.mkdir(parents=True, exist_ok=True)
    # An opener of its own: the proxy settings of now, not of the first request.
    with urllib.request.build_opener().open(file.url, timeout=TIMEOUT_SECONDS) as answer:
        data = answer.read()
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise ValueError(f"{file.path}: sha256")
    handle, aside = tempfile.mkstemp(dir=place.parent)
    with os.fdopen(handle, "wb") as target:
        target.write(data)
    Path(aside).replace(place)


def _read_idx(files: tuple[DataFile, ...]) -> tuple[AnyArray, ...]:
    """Read images and labels of IDX files; their form is on the MNIST database's page."""
    arrays = []
    for file in files:
        try:
            with gzip.open(keras_home() / file.path) as stream:
                data = stream.read()
            # Two zeros, the kind of number (8: uint8), the number of axes, then their sizes.
            axes = data[3]
            shape = np.frombuffer(data, ">u4", axes, offset=4)
            arrays.append(np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(shape))
        except (OSError, EOFError, ValueError, IndexError, zlib.error) as error:
            raise _damaged(file) from error
    return tuple(arrays)


def _read_archive(file: DataFile) -> tuple[AnyArray, ...]:
    try:
        with (
            (keras_home() / file.path).open("rb") as opened,
            np.load(opened, allow_pickle=False) as archive,
        ):
            return tuple(archive[key] for key in ("x_train", "y_train", "x_test", "y_test"))
    except (OSError, EOFError, ValueError, KeyError, zlib.error, zipfile.BadZipFile) as error:
        raise _damaged(file) from error


def _damaged(file: DataFile) -> AssetError:
    return AssetError(
        N_(
            "The file {file} in Keras' folder (KERAS_HOME, usually ~/.keras) is damaged. Delete "
            "it, so that it is downloaded anew, or choose the digits of 8 × 8 pixels."
        ),
        file=file.path,
    )
