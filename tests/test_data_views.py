"""What a page is told of a data set: its numbers, some of its pictures, and how far it is."""

import pickle
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cvcore import data_views, datasets, downloads
from cvcore.data_views import DownloadingError, examples, lay_out, summary
from cvcore.datasets import DATASETS, Dataset, DatasetEntry
from cvcore.errors import AssetError, SettingError

# Of the six pictures, four are to learn from and one, the last, is for validation.
LABELS = np.array([0, 1, 1, 0, 2, 1])
GREY = np.array([10, 20, 40, 30, 200, 90], np.uint8).reshape(6, 1, 1, 1)
TINY = Dataset(GREY, LABELS, GREY[:2] + np.uint8(1), LABELS[:2])


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six pictures of one pixel, and the same in black and white."""
    row = DatasetEntry(
        label="", classes=("a", "b", "c"), shape=(1, 1, 1), training=6, test=2, source=""
    )
    cut = DatasetEntry(**{**vars(row), "binarises": "tiny"})
    monkeypatch.setattr(datasets, "DATASETS", {"tiny": row, "cut": cut})
    monkeypatch.setattr(datasets, "_LOCKS", {"tiny": threading.Lock()})
    monkeypatch.setattr(datasets, "_load", lambda _: TINY)


def test_the_numbers_of_a_tiny_data_set_are_those_of_the_head(tiny: None) -> None:
    told = summary("", "tiny", 128, 4, 1)
    assert told.counts.tolist() == [[2, 2, 0], [0, 1, 0], [1, 1, 0]]
    assert {value: count for value, count in enumerate(told.histogram) if count} == {
        10: 1, 20: 1, 30: 1, 40: 1,
    }  # fmt: skip
    assert (told.low, told.high, told.mean) == (10, 40, 25.0)
    assert told.deviation == pytest.approx(125**0.5)  # (15² + 5² + 5² + 15²) / 4
    assert told.grey is None
    assert_array_equal(told.means.ravel(), [20, 30, np.nan])  # of c nothing is learned
    assert told.nearest == 0.5  # 11 and 21 are both nearest to the mean of a


def test_a_threshold_leaves_two_values_and_the_grey_ones_are_told_too(tiny: None) -> None:
    told = summary("", "cut", 30, 4, 0)
    assert (told.histogram[0], told.histogram[255], told.histogram.sum()) == (2, 2, 4)
    assert told.grey is not None
    assert told.grey.nonzero()[0].tolist() == [10, 20, 30, 40]
    assert_array_equal(told.means.ravel(), [127.5, 127.5, np.nan])


def test_examples_come_page_after_page_and_then_from_the_beginning(tiny: None) -> None:
    assert examples("", "tiny", 128, 6, 0, "training", 0, 2).numbers == ((0, 3), (1, 2), (4,))
    second = examples("", "tiny", 128, 6, 0, "training", 1, 2)
    assert second.numbers == ((0, 3), (5, 1), (4,))
    assert second.pages == 2
    assert second.images[1].ravel().tolist() == [90, 20]


def test_examples_are_of_their_part_alone_and_numbered_as_in_the_file(tiny: None) -> None:
    assert examples("", "tiny", 128, 3, 2, "training", 0, 9).numbers == ((0,), (1, 2), ())
    kept = examples("", "tiny", 128, 3, 2, "validation", 5, 9)
    assert kept.numbers == ((), (5,), (4,))
    assert kept.images[0].shape == (0, 1, 1, 1)
    assert examples("", "tiny", 128, 3, 2, "test", 0, 1).images[0].item() == 11


def test_examples_of_a_binarised_data_set_bring_their_grey_ones(tiny: None) -> None:
    told = examples("", "cut", 40, 6, 0, "training", 0, 3)
    assert told.images[1].ravel().tolist() == [0, 255, 255]
    assert told.grey is not None
    assert told.grey[1].ravel().tolist() == [20, 40, 90]


@pytest.mark.parametrize(("part", "count"), [("all", 3), ("test", 0)])
def test_examples_that_make_no_sense_are_refused(part: str, count: int) -> None:
    with pytest.raises(SettingError, match=part):
        examples("", "digits", 128, 5, 5, part, 0, count)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["digits", "faces"])
def test_real_data_is_counted_as_numpy_counts_it(name: str) -> None:
    data, training, validation = datasets.load(name), 100, 50
    told = summary("", name, 128, training, validation)
    learned, labels = data.training_images[:training], data.training_labels[:training]
    classes = range(len(DATASETS[name].classes))
    parts = (labels, data.training_labels[-validation:], data.test_labels)
    assert told.counts.tolist() == [[int((it == c).sum()) for c in classes] for it in parts]
    assert (told.low, told.high) == (learned.min(), learned.max())
    assert_allclose([told.mean, told.deviation], [learned.mean(), learned.std()], rtol=1e-12)
    assert_allclose(told.means[1], learned[labels == 1].mean(axis=0), rtol=1e-6)
    apart = [((told.means - it) ** 2).sum(axis=(1, 2, 3)).argmin() for it in data.test_images]
    assert told.nearest == (np.array(apart) == data.test_labels).mean()


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = summary("", "digits", 128, 1_000, 0)
    monkeypatch.setattr(data_views, "_CHUNK", 7)
    assert_array_equal(summary("", "digits", 128, 1_000, 0).histogram, whole.histogram)


def test_colours_stay_side_by_side() -> None:
    pictures = np.arange(4 * 2 * 3 * 3, dtype=np.uint8).reshape(4, 2, 3, 3)
    grid = lay_out(pictures, columns=3)
    assert grid.shape == (2 * 2 + 1, 3 * 3 + 2, 3)
    assert_array_equal(grid[:2, 4:7], pictures[1])
    assert_array_equal(grid[3:, :3], pictures[3])
    assert_array_equal(grid[3:, 3:], 128)
    assert_array_equal(grid[2], 128)


@pytest.fixture
def arriving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A download of MNIST that goes on until the event is set, and then fails."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(data_views, "PATIENCE_SECONDS", 0.02)
    done = threading.Event()

    def fetch(name: str) -> None:
        downloads.arriving["datasets/mnist.npz"] = 3_000_000
        done.wait(10)
        downloads.arriving.clear()
        raise AssetError("The line is dead.")

    monkeypatch.setattr(datasets, "fetch", fetch)
    yield done
    done.set()
    for thread in tuple(data_views._fetching.values()):
        thread.join()
    data_views._failed.clear()


def test_a_download_is_waited_for_by_nobody_and_says_how_far_it_is(
    arriving: threading.Event,
) -> None:
    threads = []
    for _ in range(2):  # the second question finds the same download
        with pytest.raises(DownloadingError, match=r"3\.0 of 11\.5 MB"):
            summary("", "mnist", 128, 10, 0)
        threads.append(data_views._fetching["mnist"])
    assert threads[0] is threads[1]
    assert summary("", "digits", 128, 10, 0).counts.sum() == 370  # others go on
    arriving.set()
    threads[0].join()
    with pytest.raises(AssetError, match="dead"):
        summary("", "mnist", 128, 10, 0)


def test_a_download_that_is_going_on_can_be_told_from_one_that_failed_in_another_process() -> None:
    error = DownloadingError("{done} of {total} MB", done="1", total="2")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(again) is DownloadingError
    assert str(again) == "1 of 2 MB"


def test_what_is_not_there_and_cannot_be_had_is_said_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(AssetError, match="could not be downloaded"):
        examples("", "cifar10", 128, 10, 0, "training", 0, 3)
    assert data_views._fetching == {}
