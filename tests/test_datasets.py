"""Data sets: the table agrees with the pictures, and what is missing or damaged is named."""

import gzip
import hashlib
import importlib.util
import io
import struct
import tarfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import load_digits

from cvcore import datasets, downloads
from cvcore.arrays import ByteArray
from cvcore.datasets import DATASETS
from cvcore.errors import AssetError, SettingError

TEST_LABELS = "datasets/fashion-mnist/t10k-labels-idx1-ubyte.gz"
AT_HAND = [name for name in DATASETS if name not in ("kmnist", "cifar10")]


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A KERAS_HOME with nothing in it, and a network that refuses every connection."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # the port for what is thrown away
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("http_proxy", raising=False)
    datasets._load.cache_clear()
    yield tmp_path
    datasets._load.cache_clear()


def fill(home: Path, shared: Path) -> None:
    """Link the shared files into a KERAS_HOME, each on its own."""
    for file in DATASETS["fashion_mnist"].files + DATASETS["mnist"].files:
        (home / file.path).parent.mkdir(parents=True, exist_ok=True)
        (home / file.path).symlink_to(shared / file.path)


def refusal(name: str) -> AssetError:
    with pytest.raises(AssetError) as refused:
        datasets.load(name)
    return refused.value


@pytest.mark.parametrize("name", AT_HAND)
def test_the_table_agrees_with_the_pictures(name: str, keras_home: Path) -> None:
    entry, data = DATASETS[name], datasets.load(name)
    assert data.training_images.shape == (entry.training, *entry.shape)
    assert data.test_images.shape == (entry.test, *entry.shape)
    assert data.training_images.dtype == data.test_images.dtype == np.uint8
    assert data.training_labels.dtype == data.test_labels.dtype == np.int64
    for labels in (data.training_labels, data.test_labels):
        assert set(labels.tolist()) == set(range(len(entry.classes)))
    assert (data.training_images.min(), data.training_images.max()) == (0, 255)


def test_fashion_mnist_begins_with_an_ankle_boot(keras_home: Path) -> None:
    data = datasets.load("fashion_mnist")
    first = DATASETS["fashion_mnist"].classes[data.training_labels[0]]
    assert first == "Ankle boot"
    assert_array_equal(np.bincount(data.training_labels), [6000] * 10)


def test_the_digits_are_scikit_learns_stretched_and_split_at_the_end() -> None:
    data, bunch = datasets.load("digits"), load_digits()
    images = np.concatenate([data.training_images, data.test_images])[..., 0]
    # 0, 8 and 16 of sixteen are 0, 127.5 (to even: 128) and 255.
    assert_array_equal(images[bunch.images == 0], 0)
    assert_array_equal(images[bunch.images == 8], 128)
    assert_array_equal(images[bunch.images == 16], 255)
    labels = np.concatenate([data.training_labels, data.test_labels])
    assert_array_equal(labels, bunch.target)


@pytest.mark.parametrize(("name", "shape"), [("digits", (8, 8, 1)), ("faces", (25, 25, 1))])
def test_the_small_ones_need_no_network(
    name: str, shape: tuple[int, ...], empty_home: Path
) -> None:
    assert DATASETS[name].offline
    assert datasets.missing(name) == ()
    assert datasets.load(name).test_images.shape[1:] == shape


def test_every_part_of_the_faces_holds_as_many_faces_as_others() -> None:
    data = datasets.load("faces")
    assert_array_equal(np.bincount(data.training_labels), [80, 80])
    assert_array_equal(np.bincount(data.training_labels[-40:]), [20, 20])  # for validation
    assert_array_equal(np.bincount(data.test_labels), [20, 20])


def test_the_faces_are_scikit_images_each_once() -> None:
    from skimage.data import lfw_subset

    values = lfw_subset()  # type: ignore[no-untyped-call]  # scikit-image has no types here
    data, pictures = datasets.load("faces"), np.round(values * 255).astype(np.uint8)
    faces = np.concatenate(
        [data.training_images[data.training_labels == 0], data.test_images[data.test_labels == 0]]
    )
    others = np.concatenate(
        [data.training_images[data.training_labels == 1], data.test_images[data.test_labels == 1]]
    )
    assert_array_equal(np.concatenate([faces, others])[..., 0], pictures)


def test_a_missing_file_of_faces_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    datasets._load.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert "scikit-image" in str(refusal("faces"))


@pytest.mark.parametrize("threshold", [1, 128, 255])
def test_binarised_pictures_are_mnist_cut_at_the_threshold(
    threshold: int, keras_home: Path
) -> None:
    grey = datasets.load("mnist")
    cut = datasets.load("binarized_mnist", threshold=threshold)
    assert_array_equal(cut.test_images == 255, grey.test_images >= threshold)
    assert_array_equal(cut.training_images == 0, grey.training_images < threshold)
    assert set(np.unique(cut.test_images)) == {0, 255}
    assert_array_equal(cut.training_labels, grey.training_labels)
    assert grey.test_images.max() == 255
    assert len(np.unique(grey.test_images)) > 2  # MNIST itself stays grey


def test_a_data_set_that_cannot_be_downloaded_names_its_files_and_what_works(
    empty_home: Path,
) -> None:
    begun = time.monotonic()
    error = refusal("fashion_mnist")
    assert time.monotonic() - begun < 5
    for file in DATASETS["fashion_mnist"].files:
        assert file.path in str(error)
    assert "refused" in str(error)
    assert "digits" in str(error)
    assert not list(empty_home.rglob("*.gz"))


def test_only_the_files_that_are_missing_are_named(empty_home: Path, keras_home: Path) -> None:
    fill(empty_home, keras_home)
    (empty_home / TEST_LABELS).unlink()
    assert refusal("fashion_mnist").values["files"] == TEST_LABELS


def test_a_server_that_says_nothing_is_not_waited_for_long(
    empty_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "TIMEOUT_SECONDS", 0.2)
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as silent:  # never served
        serve_from(silent, monkeypatch)
        begun = time.monotonic()
        error = refusal("mnist")
        assert time.monotonic() - begun < 5
    assert "timed out" in str(error)


@pytest.mark.parametrize("damage", ["truncated", "another file", "not gzip", "too few pictures"])
def test_a_damaged_file_is_named(damage: str, empty_home: Path, keras_home: Path) -> None:
    fill(empty_home, keras_home)
    place = empty_home / TEST_LABELS
    data = place.read_bytes()
    place.unlink()  # the link, not what it leads to
    place.write_bytes(
        {
            "truncated": data[:2000],
            "another file": gzip.compress(b"hello"),
            "not gzip": b"<html>Not found</html>",
            "too few pictures": gzip.compress(b"\0\0\x08\x01\0\0\0\x02\x07\x07"),
        }[damage]
    )
    assert "damaged" in str(refusal("fashion_mnist"))


def test_a_damaged_archive_is_named(empty_home: Path) -> None:
    place = empty_home / "datasets" / "mnist.npz"
    place.parent.mkdir()
    place.write_bytes(b"PK\x03\x04 and then nothing")
    assert refusal("mnist").values["file"] == "datasets/mnist.npz"


def idx(values: ByteArray) -> bytes:
    """Write numbers as the MNIST database's page describes."""
    sizes = struct.pack(f">{values.ndim}I", *values.shape)
    return gzip.compress(bytes([0, 0, 8, values.ndim]) + sizes + values.tobytes())


def tar(members: Mapping[str, bytes], *, links: Mapping[str, str] | None = None) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        for name, target in (links or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            archive.addfile(entry)
    return file.getvalue()


class Mirror:
    """A server on loopback from which a data set comes, made small."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: dict[str, bytes] = {}
        self.asked: list[str] = []
        self._monkeypatch = monkeypatch
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.asked.append(self.path)
                data = mirror.answers[self.path]
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=[0.01], daemon=True).start()

    def serve(self, name: str, contents: list[bytes], *, training: int, test: int) -> None:
        """Let a data set of this many pictures come from here."""
        files = []
        for file, content in zip(DATASETS[name].files, contents, strict=True):
            path = "/" + file.path.rpartition("/")[2]
            self.answers[path] = content
            url = f"http://127.0.0.1:{self.server.server_port}{path}"
            files.append(replace(file, url=url, checksum=hashlib.sha256(content).hexdigest()))
        row = replace(DATASETS[name], files=tuple(files), training=training, test=test)
        self._monkeypatch.setattr(datasets, "DATASETS", dict(datasets.DATASETS) | {name: row})


@pytest.fixture
def mirror(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    one = Mirror(monkeypatch)
    yield one
    one.server.shutdown()
    one.server.server_close()


def counting(*shape: int) -> ByteArray:
    return (np.arange(np.prod(shape)) % 251).astype(np.uint8).reshape(shape)


def kmnist(labels: ByteArray) -> list[bytes]:
    return [idx(counting(3, 28, 28)), idx(labels), idx(counting(2, 28, 28)), idx(labels[:2])]


def test_what_is_missing_is_downloaded_once_and_found_again(
    mirror: Mirror, empty_home: Path, keras_home: Path
) -> None:
    whole = (keras_home / "datasets" / "mnist.npz").read_bytes()
    mirror.serve("mnist", [whole], training=60_000, test=10_000)
    assert datasets.load("mnist").training_labels[0] == 5
    datasets._load.cache_clear()
    datasets.load("mnist")
    assert mirror.asked == ["/mnist.npz"]
    assert [path.name for path in (empty_home / "datasets").iterdir()] == ["mnist.npz"]


def test_kmnist_is_read_as_its_files_say(mirror: Mirror, empty_home: Path) -> None:
    mirror.serve("kmnist", kmnist(np.array([9, 0, 4], np.uint8)), training=3, test=2)
    assert len(datasets.missing("kmnist")) == 4
    datasets.fetch("kmnist")
    assert datasets.missing("kmnist") == ()
    data = datasets.load("kmnist")
    assert_array_equal(data.training_images, counting(3, 28, 28, 1))
    assert_array_equal(data.training_labels, [9, 0, 4])
    assert_array_equal(data.test_images, counting(2, 28, 28, 1))
    assert_array_equal(data.test_labels, [9, 0])
    assert len(mirror.asked) == 4
    assert datasets.arrived("kmnist") == pytest.approx(
        sum(map(len, mirror.answers.values())) / 1e6, abs=1e-12
    )


def test_a_label_beyond_the_classes_is_refused(mirror: Mirror) -> None:
    mirror.serve("kmnist", kmnist(np.array([9, 0, 10], np.uint8)), training=3, test=2)
    assert "damaged" in str(refusal("kmnist"))


def cifar() -> dict[str, bytes]:
    """Two pictures in each of five batches, and two to test: a label, then three planes."""
    records = np.concatenate(
        [np.arange(12, dtype=np.uint8)[:, None] % 10, counting(12, 3 * 32 * 32)], axis=1
    )
    batches = [f"data_batch_{number}.bin" for number in range(1, 6)] + ["test_batch.bin"]
    # In an order that is not theirs, and with what else lies in the archive.
    members = {"cifar-10-batches-bin/readme.html": b"<html>", "batches.meta.txt": b"airplane"}
    for place in (3, 5, 0, 4, 2, 1):
        members[f"cifar-10-batches-bin/{batches[place]}"] = records[
            2 * place : 2 * place + 2
        ].tobytes()
    return members


def test_cifars_planes_become_colours_in_the_order_of_its_batches(
    mirror: Mirror, empty_home: Path
) -> None:
    links = {"cifar-10-batches-bin/outside": "/etc/passwd"}
    mirror.serve("cifar10", [tar(cifar(), links=links)], training=10, test=2)
    data = datasets.load("cifar10")
    assert_array_equal(data.training_labels, np.arange(10))
    assert_array_equal(data.test_labels, [0, 1])
    planes = counting(12, 3, 32, 32)
    assert_array_equal(data.training_images[7, :, :, 2], planes[7, 2])  # blue of the eighth
    assert_array_equal(data.test_images[1, 5, 6], planes[11, :, 5, 6])
    assert [it.name for it in (empty_home / "datasets").iterdir()] == ["cifar-10-binary.tar.gz"]


@pytest.mark.parametrize("damage", ["too large", "missing", "short", "a link", "no archive"])
def test_an_archive_that_is_not_cifars_is_named(damage: str, mirror: Mirror) -> None:
    members, name = cifar(), "cifar-10-batches-bin/data_batch_2.bin"
    links = {}
    match damage:
        case "too large":
            members = {"huge.bin": bytes(100_000)} | members
        case "missing":
            del members[name]
        case "short":
            members[name] = members[name][:-1]
        case "a link":
            del members[name]
            links = {name: "/dev/zero"}
    archive = b"hello" if damage == "no archive" else tar(members, links=links)
    mirror.serve("cifar10", [archive], training=10, test=2)
    error = refusal("cifar10")
    assert "damaged" in str(error)
    assert error.values["file"] == "datasets/cifar-10-binary.tar.gz"


@pytest.mark.parametrize("name", ["kmnist", "cifar10", "binarized_mnist"])
def test_those_that_must_be_downloaded_say_so_without_a_network(
    name: str, empty_home: Path
) -> None:
    error = refusal(name)
    assert DATASETS[name].files[0].path in str(error)
    assert "digits" in str(error)
    assert not [it for it in empty_home.rglob("*") if it.is_file()]


def test_a_download_without_end_is_broken_off(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch, empty_home: Path
) -> None:
    monkeypatch.setattr(datasets, "MOST_BYTES", 1_000)
    mirror.serve("cifar10", [tar(cifar()) + bytes(2_000)], training=10, test=2)
    assert "1,000 bytes" in str(refusal("cifar10"))
    assert not list((empty_home / "datasets").iterdir())


def test_a_download_that_is_another_file_is_not_kept(mirror: Mirror, empty_home: Path) -> None:
    mirror.serve("mnist", [b"the file"], training=1, test=1)
    mirror.answers["/mnist.npz"] = b"<html>Sign in to this network</html>"
    assert "sha256" in str(refusal("mnist"))
    assert not list((empty_home / "datasets").iterdir())


def test_an_answer_that_is_no_http_is_explained(
    empty_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Babble(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.wfile.write(b"hello\r\n")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Babble) as server:
        serve_from(server, monkeypatch)
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        assert "could not be downloaded" in str(refusal("mnist"))
        server.shutdown()


def serve_from(server: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let MNIST come from a server of the test's own."""
    entry = DATASETS["mnist"]
    file = replace(entry.files[0], url=f"http://127.0.0.1:{server.server_port}/mnist.npz")
    rows = dict(DATASETS) | {"mnist": replace(entry, files=(file,))}
    monkeypatch.setattr(datasets, "DATASETS", rows)


def test_a_data_set_that_nobody_knows_is_refused() -> None:
    with pytest.raises(SettingError, match=r"cats.*fashion_mnist, mnist, .*faces"):
        datasets.load("cats")
