"""Data sets: the table agrees with the pictures, and what is missing or damaged is named."""

import gzip
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import load_digits

from cvcore import datasets
from cvcore.datasets import DATASETS
from cvcore.errors import AssetError, SettingError

TEST_LABELS = "datasets/fashion-mnist/t10k-labels-idx1-ubyte.gz"


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A KERAS_HOME with nothing in it, and a network that refuses every connection."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # the port for what is thrown away
    monkeypatch.delenv("no_proxy", raising=False)
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


@pytest.mark.parametrize("name", DATASETS)
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


def test_the_digits_need_no_network(empty_home: Path) -> None:
    assert DATASETS["digits"].offline
    assert datasets.load("digits").test_images.shape == (360, 8, 8, 1)


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
    monkeypatch.setattr(datasets, "TIMEOUT_SECONDS", 0.2)
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


def test_what_is_missing_is_downloaded_once_and_found_again(
    empty_home: Path, keras_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    class Mirror(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            data = (keras_home / "datasets" / "mnist.npz").read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Mirror) as mirror:
        serve_from(mirror, monkeypatch)
        threading.Thread(target=mirror.serve_forever, daemon=True).start()
        assert datasets.load("mnist").training_labels[0] == 5
        datasets._load.cache_clear()
        datasets.load("mnist")
        mirror.shutdown()
    assert asked == ["/mnist.npz"]
    assert [path.name for path in (empty_home / "datasets").iterdir()] == ["mnist.npz"]


def test_a_download_that_is_another_file_is_not_kept(
    empty_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Portal(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>Sign in to this network</html>")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Portal) as portal:
        serve_from(portal, monkeypatch)
        threading.Thread(target=portal.serve_forever, daemon=True).start()
        assert "sha256" in str(refusal("mnist"))
        portal.shutdown()
    assert not list((empty_home / "datasets").iterdir())


def serve_from(server: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let MNIST come from a server of the test's own."""
    entry = DATASETS["mnist"]
    file = replace(entry.files[0], url=f"http://127.0.0.1:{server.server_port}/mnist.npz")
    rows = dict(DATASETS) | {"mnist": replace(entry, files=(file,))}
    monkeypatch.setattr(datasets, "DATASETS", rows)


def test_a_data_set_that_nobody_knows_is_refused() -> None:
    with pytest.raises(SettingError, match=r"cats.*fashion_mnist, mnist, digits"):
        datasets.load("cats")
