"""Labelled pictures to learn from: a table that pages list, and what a worker loads."""

import functools
import gzip
import importlib.util
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType

import numpy as np

from cvcore.arrays import AnyArray, ByteArray, IntArray
from cvcore.downloads import REASONS, DataFile, arriving, download, keras_home
from cvcore.errors import N_, AssetError, SettingError

MOST_BYTES = 400 * 10**6  # of a file that is downloaded

PIXEL_SEED = 20_170_828  # the day on which Fashion-MNIST was published; any number would do

_BASE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
_KUZUSHIJI = "https://codh.rois.ac.jp/kmnist/dataset/kmnist/"


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
        What is read, below KERAS_HOME; empty when it comes with an installed package.
    megabytes : float
        What is downloaded on first use.
    binarises : str
        The data set whose pictures are turned into black and white at a threshold, or nothing.
    """

    label: str
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    training: int
    test: int
    source: str
    files: tuple[DataFile, ...] = ()
    megabytes: float = 0.0
    binarises: str = ""

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
_MNIST_FILES = (
    DataFile(
        "datasets/mnist.npz",
        _BASE + "mnist.npz",
        "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
    ),
)

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
            files=_MNIST_FILES,
            megabytes=11.5,
        ),
        "kmnist": DatasetEntry(
            label=N_("KMNIST (old Japanese writing)"),
            # Each class is a syllable; its older forms, which look quite different, belong to it.
            classes=(
                "お (o)", "き (ki)", "す (su)", "つ (tsu)", "な (na)",
                "は (ha)", "ま (ma)", "や (ya)", "れ (re)", "を (wo)",
            ),
            shape=(28, 28, 1),
            training=60_000,
            test=10_000,
            source="T. Clanuwat et al., arXiv:1812.01718, 2018; ROIS-DS CODH, CC BY-SA 4.0",
            files=tuple(
                DataFile(f"datasets/kmnist/{name}", _KUZUSHIJI + name, sha256)
                for name, sha256 in (
                    ("train-images-idx3-ubyte.gz",
                     "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4"),
                    ("train-labels-idx1-ubyte.gz",
                     "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17"),
                    ("t10k-images-idx3-ubyte.gz",
                     "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5"),
                    ("t10k-labels-idx1-ubyte.gz",
                     "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c"),
                )
            ),
            megabytes=21.2,
        ),
        "binarized_mnist": DatasetEntry(
            label=N_("Binarized MNIST (black and white)"),
            classes=_TEN_DIGITS,
            shape=(28, 28, 1),
            training=60_000,
            test=10_000,
            source="MNIST, each pixel black or white by a threshold",
            files=_MNIST_FILES,
            megabytes=11.5,
            binarises="mnist",
        ),
        "cifar10": DatasetEntry(
            label=N_("CIFAR-10 (colour)"),
            classes=(
                N_("Airplane"),
                N_("Automobile"),
                N_("Bird"),
                N_("Cat"),
                N_("Deer"),
                N_("Dog"),
                N_("Frog"),
                N_("Horse"),
                N_("Ship"),
                N_("Truck"),
            ),
            shape=(32, 32, 3),
            training=50_000,
            test=10_000,
            source="A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
            # The binary version: what is inside the one for Python can run code when it is read.
            files=(
                DataFile(
                    "datasets/cifar-10-binary.tar.gz",
                    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                ),
            ),
            megabytes=170.1,
        ),
        "digits": DatasetEntry(
            label=N_("Digits of 8 × 8 pixels"),
            classes=_TEN_DIGITS,
            shape=(8, 8, 1),
            training=1_437,
            test=360,
            source="E. Alpaydin, C. Kaynak, UCI Machine Learning Repository, 1998; in scikit-learn",
        ),
        "faces": DatasetEntry(
            label=N_("Faces of 25 × 25 pixels"),
            classes=(N_("Face"), N_("Not a face")),
            shape=(25, 25, 1),
            training=160,
            test=40,
            source="G. B. Huang et al., Labeled Faces in the Wild, 2007; in scikit-image",
        ),
    }
)  # fmt: skip


_LOCKS: Mapping[str, threading.Lock] = {name: threading.Lock() for name in DATASETS}


def load(name: str, *, threshold: int = 128) -> Dataset:
    """Load a data set; its files are read once, and what is missing is downloaded.

    Parameters
    ----------
    name : str
        A name in `DATASETS`.
    threshold : int, optional
        The grey value from which a pixel of a binarised data set is 255; below it, 0.
        The others do not mind.

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
    base = entry_of(name).binarises
    with _LOCKS[base or name]:  # two threads of a worker must not download the same file
        data = _load(base or name)
    return binarise(data, threshold) if base else data


def entry_of(name: str) -> DatasetEntry:
    """Return the row of a data set.

    Raises
    ------
    SettingError
        If there is no such data set.
    """
    if name not in DATASETS:
        raise SettingError(
            N_("There is no data set called {name}. Choose one of {names}."),
            name=name,
            names=", ".join(DATASETS),
        )
    return DATASETS[name]


def missing(name: str) -> tuple[DataFile, ...]:
    """Return the files of a data set that are not on disk yet."""
    files = entry_of(name).files
    return tuple(file for file in files if not (keras_home() / file.path).is_file())


def fetch(name: str) -> None:
    """Download what is not on disk yet; a second caller waits for the first.

    Raises
    ------
    SettingError
        If there is no such data set.
    AssetError
        If a file cannot be downloaded.
    """
    with _LOCKS[entry_of(name).binarises or name]:
        _fetch(DATASETS[name])


def arrived(name: str) -> float:
    """Return how many megabytes of a data set's files are here, while they are downloaded."""
    done = 0
    for file in entry_of(name).files:
        place = keras_home() / file.path
        done += place.stat().st_size if place.is_file() else arriving.get(file.path, 0)
    return done / 1e6


def pixel_order(height: int, width: int) -> IntArray:
    """Return the order into which a run with shuffled pixels puts those of every picture.

    Returns
    -------
    ndarray of int64, shape (height * width,)
        The same for every run: place k shows what stood at place ``order[k]``, row by row.
    """
    return np.random.default_rng(PIXEL_SEED).permutation(height * width)


def binarise(data: Dataset, threshold: int) -> Dataset:
    """Turn grey pictures into black and white.

    Parameters
    ----------
    data : Dataset
    threshold : int
        From 1 to 255: the grey value from which a pixel becomes 255; below it, 0.

    Returns
    -------
    Dataset

    Examples
    --------
    >>> labels = np.array([0])
    >>> grey = np.array([[[[127], [128]]]], np.uint8)
    >>> binarise(Dataset(grey, labels, grey, labels), 128).test_images.ravel().tolist()
    [0, 255]
    """

    def cut(images: ByteArray) -> ByteArray:
        return (images >= threshold).view(np.uint8) * np.uint8(255)

    return Dataset(
        cut(data.training_images), data.training_labels, cut(data.test_images), data.test_labels
    )


@functools.lru_cache(maxsize=2)
def _load(name: str) -> Dataset:
    entry = DATASETS[name]
    match name:
        case "digits":
            return _digits(entry)
        case "faces":
            return _faces()
    _fetch(entry)
    match name:
        case "mnist":
            arrays = _read_archive(entry.files[0])
        case "cifar10":
            arrays = _read_cifar(entry)
        case _:
            arrays = _read_idx(entry.files)
    try:
        data = Dataset(
            arrays[0].reshape(entry.training, *entry.shape),
            arrays[1].reshape(entry.training).astype(np.int64),
            arrays[2].reshape(entry.test, *entry.shape),
            arrays[3].reshape(entry.test).astype(np.int64),
        )
    except ValueError as error:  # another number of pictures than the data set has
        raise _damaged(entry.files[0]) from error
    for labels in (data.training_labels, data.test_labels):
        if labels.max() >= len(entry.classes):
            raise _damaged(entry.files[-1])
    return data


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


def _faces() -> Dataset:
    # scikit-image takes a second to import, and its pictures are one file.
    package = importlib.util.find_spec("skimage")
    place = Path(package.origin or "").parent if package is not None else Path()
    try:
        pictures = np.load(place / "data" / "lfw_subset.npy", allow_pickle=False)
        images = np.round(pictures * 255).astype(np.uint8).reshape(2, 100, 25, 25, 1)
    except (OSError, EOFError, ValueError) as error:
        raise AssetError(
            N_(
                "The faces, which come with the package scikit-image, are missing or damaged. "
                "Install the packages of requirements.txt anew, or choose the digits of 8 × 8 "
                "pixels."
            )
        ) from error

    # The file has 100 faces, then 100 others. One of each in turn, any part of them, the first
    # ones or the last ones, holds as many of each.
    def alternate(first: int, last: int) -> tuple[ByteArray, IntArray]:
        part = images[:, first:last].swapaxes(0, 1).reshape(-1, 25, 25, 1)
        return part, np.tile(np.arange(2), last - first)

    return Dataset(*alternate(0, 80), *alternate(80, 100))


def _fetch(entry: DatasetEntry) -> None:
    """Download what is not on disk yet."""
    missing = [file for file in entry.files if not (keras_home() / file.path).is_file()]
    for file in missing:
        try:
            download(file, most_bytes=MOST_BYTES)
        except REASONS as error:
            raise AssetError(
                N_(
                    "The data set is not on this computer and could not be downloaded ({reason}). "
                    "Put {files} into Keras' folder (KERAS_HOME, usually ~/.keras), or choose the "
                    "digits of 8 × 8 pixels, which need no network."
                ),
                reason=str(getattr(error, "reason", error))[:200],
                files=", ".join(file.path for file in missing),
            ) from error


def _read_idx(files: tuple[DataFile, ...]) -> tuple[AnyArray, ...]:
    """Read images and labels of IDX files; their form is on the MNIST database's page."""
    arrays = []
    for file in files:
        try:
            with gzip.open(keras_home() / file.path) as stream:
                data = stream.read()
            arrays.append(_parse_idx(data))
        except (OSError, EOFError, ValueError, IndexError, zlib.error) as error:
            raise _damaged(file) from error
    return tuple(arrays)


def _parse_idx(data: bytes) -> ByteArray:
    # Two zeros, the kind of number (8: uint8), the number of axes, then their sizes.
    if not data.startswith(b"\0\0\x08"):
        raise ValueError(data[:4])
    axes = data[3]
    shape = np.frombuffer(data, ">u4", axes, offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(shape)


def _read_archive(file: DataFile) -> tuple[AnyArray, ...]:
    try:
        with (
            (keras_home() / file.path).open("rb") as opened,
            np.load(opened, allow_pickle=False) as archive,
        ):
            return tuple(archive[key] for key in ("x_train", "y_train", "x_test", "y_test"))
    except (OSError, EOFError, ValueError, KeyError, zlib.error, zipfile.BadZipFile) as error:
        raise _damaged(file) from error


def _read_cifar(entry: DatasetEntry) -> tuple[AnyArray, ...]:
    """Read the binary version of CIFAR-10 out of its archive; nothing is unpacked to disk."""
    (file,) = entry.files
    height, width, channels = entry.shape
    # One record a picture: its label, then all of its red, green and blue values.
    record = 1 + height * width * channels
    sizes = {f"data_batch_{number}.bin": entry.training // 5 * record for number in range(1, 6)}
    sizes["test_batch.bin"] = entry.test * record
    try:
        with tarfile.open(keras_home() / file.path, "r|gz") as archive:
            batches = _members(archive, sizes)
        training = np.concatenate([batches[name].reshape(-1, record) for name in list(sizes)[:5]])
        test = batches["test_batch.bin"].reshape(-1, record)
    except (OSError, EOFError, ValueError, KeyError, zlib.error, tarfile.TarError) as error:
        raise _damaged(file) from error

    def pictures(records: ByteArray) -> ByteArray:
        planes = records[:, 1:].reshape(-1, channels, height, width)
        return np.ascontiguousarray(planes.transpose(0, 2, 3, 1))

    return pictures(training), training[:, 0], pictures(test), test[:, 0]


def _members(archive: tarfile.TarFile, sizes: Mapping[str, int]) -> dict[str, ByteArray]:
    """Read the files of an archive that have these names and sizes, wherever they lie in it."""
    found: dict[str, ByteArray] = {}
    # Member after member, and no further than one that is too large: whatever the archive
    # claims to hold, it costs no more memory than the files that are wanted.
    for member in archive:
        if member.size > max(sizes.values()):
            raise ValueError(member.name)
        name = PurePosixPath(member.name).name
        content = archive.extractfile(member) if sizes.get(name) == member.size else None
        if content is not None:
            found[name] = np.frombuffer(content.read(), np.uint8)
        if len(found) == len(sizes):
            break
    return found


def _damaged(file: DataFile) -> AssetError:
    return AssetError(
        N_(
            "The file {file} in Keras' folder (KERAS_HOME, usually ~/.keras) is damaged. Delete "
            "it, so that it is downloaded anew, or choose the digits of 8 × 8 pixels."
        ),
        file=file.path,
    )
