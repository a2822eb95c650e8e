"""Visitors' collections: kept by a token, changed by two tabs at once, saved, opened, expired."""

import io
import os
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from cvcore import collection, images, work_store, zips
from cvcore.display import encode_jpeg, encode_png
from cvcore.errors import PictureError, SettingError


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CVCORE_WORK", str(tmp_path / "work"))
    work_store._last_shot.clear()
    return tmp_path / "work"


def png(seed: int) -> bytes:
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return encode_png(coarse.repeat(6, axis=0).repeat(8, axis=1))


def begin(*sizes: int) -> str:
    token = work_store.create()
    for label, size in enumerate(sizes):
        work_store.add_class(token, f"class {label}")
        files = [(f"{it}.png", png(100 * label + it)) for it in range(size)]
        assert work_store.add(token, label, files).count == size
    return token


def test_what_was_kept_is_found_by_its_token_alone(place: Path) -> None:
    token, other = begin(2, 1), begin(1, 1)
    assert token != other
    assert work_store.load(token).size == 3
    first = work_store.load(token).classes[0].pictures[0]
    assert (first.title, first.height, first.width) == ("0.png", 30, 40)
    assert_array_equal(work_store.image(token, first.name), images.decode(png(0)))
    # The other collection's pictures are not there, though it is on the same disk.
    hidden = next(it.name for _, it in work_store.load(token).pictures() if it.title == "1.png")
    with pytest.raises(PictureError):
        work_store.image(other, hidden)
    assert (place / token).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "token", ["", "0" * 32, "../../etc/passwd", "/etc", "A" * 32, "0" * 31 + "/", "\x00" * 32]
)
def test_what_is_no_token_never_becomes_a_path(token: str) -> None:
    begin(1)
    for ask in (work_store.load, work_store.save, work_store.can_undo):
        with pytest.raises(PictureError, match="no longer kept"):
            ask(token)


@pytest.mark.parametrize("name", ["../collection.json", "", "collection.json", "0" * 32])
def test_a_pictures_name_never_becomes_a_path(name: str) -> None:
    token = begin(1)
    with pytest.raises(PictureError, match="no longer kept"):
        work_store.original(token, name)


def test_one_that_is_no_picture_among_forty_is_named_and_the_rest_stay() -> None:
    token = begin(0)
    files = [(f"good {it}.png", png(it)) for it in range(40)]
    files[17] = ("<b>bad</b>.png", b"hello, I am no picture")
    added = work_store.add(token, 0, files)
    assert added.count == 39
    assert [title for title, _ in added.refused] == ["<b>bad</b>.png"]
    titles = [it.title for it in work_store.load(token).classes[0].pictures]
    assert titles == [f"good {it}.png" for it in range(40) if it != 17]


def test_the_same_file_twice_is_kept_once() -> None:
    token = begin(2)
    assert work_store.add(token, 0, [("again.png", png(0)), ("new.png", png(9))]).count == 1
    assert work_store.load(token).size == 3


def test_the_last_change_is_undone_and_done_again() -> None:
    token = begin(2, 2)
    before = work_store.load(token)
    gone = before.classes[1].pictures[0]
    after = work_store.remove(token, 1, gone.name)
    assert after.size == 3
    assert work_store.can_undo(token)
    assert work_store.undo(token) == before
    assert work_store.image(token, gone.name).shape == (30, 40, 3)  # its file was kept
    assert work_store.undo(token) == after
    assert work_store.load(token) == after


def test_a_class_is_renamed_removed_and_its_pictures_move() -> None:
    token = begin(2, 1)
    moved = work_store.load(token).classes[0].pictures[0]
    after = work_store.move(token, 0, moved.name, 1)
    assert [len(it.pictures) for it in after.classes] == [1, 2]
    assert after.classes[1].pictures[-1] == moved
    assert work_store.rename(token, 1, "dogs").names == ("class 0", "dogs")
    with pytest.raises(SettingError, match="already"):
        work_store.rename(token, 1, "CLASS 0")
    assert work_store.rename(token, 1, "Dogs").names == ("class 0", "Dogs")  # its own name
    assert work_store.remove_class(token, 0).names == ("Dogs",)
    assert work_store.undo(token).size == 3


def test_ten_classes_are_the_most_and_a_class_that_is_gone_is_named() -> None:
    token = begin(*[0] * 10)
    with pytest.raises(SettingError) as refused:
        work_store.add_class(token, "eleventh")
    assert refused.value.values["count"] == 11
    with pytest.raises(SettingError, match="no such class"):
        work_store.add(token, 10, [("a.png", png(0))])


def test_a_collection_that_is_full_names_what_it_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(work_store, "MOST_PICTURES", 3)
    token = begin(2)
    added = work_store.add(token, 0, [("c.png", png(7)), ("d.png", png(8))])
    assert added.count == 1
    assert [title for title, _ in added.refused] == ["d.png"]


def photo(seed: int) -> bytes:
    """A photo as a phone takes it: large, and over a megabyte."""
    noise = np.random.default_rng(seed).integers(0, 256, (1500, 2000, 3), dtype=np.uint8)
    return encode_jpeg(noise, quality=60)


def test_a_phones_photo_is_kept_at_a_thousand_pixels_and_the_same_one_once(place: Path) -> None:
    token, data = begin(0), photo(0)
    assert len(data) > 10**6
    assert work_store.add(token, 0, [("a.jpg", data), ("b.jpg", data)]).count == 1
    kept = work_store.load(token).classes[0].pictures[0]
    assert work_store.original(token, kept.name).shape == (768, 1024, 3)
    assert (kept.height, kept.width) == (768, 1024)
    assert (place / token / "pictures" / kept.name).stat().st_size < len(data)


def test_what_fits_into_a_collection_fits_into_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    token = begin(0, 0)
    size = len(png(0))
    monkeypatch.setattr(zips, "MOST_BYTES", 2**16 + 8 * (size + 950))
    added = work_store.add(token, 0, [(f"{it}.png", png(it)) for it in range(12)])
    assert 5 <= added.count < 12
    assert len(added.refused) == 12 - added.count
    assert "this one is full" in added.refused[0][1].sentence
    saved = work_store.save(token)
    assert len(saved) <= zips.MOST_BYTES
    opened, again = work_store.open_zip(saved)
    assert again.count == added.count
    assert work_store.load(opened).classes[0] == work_store.load(token).classes[0]


def test_two_tabs_that_change_at_once_lose_nothing() -> None:
    token = begin(0, 0)
    start = threading.Barrier(8)

    def add(number: int) -> None:
        start.wait()
        work_store.add(token, number % 2, [(f"{number}-{it}.png", png(50 * number + it))
                                           for it in range(5)])  # fmt: skip

    threads = [threading.Thread(target=add, args=[it]) for it in range(8)]
    for it in threads:
        it.start()
    for it in threads:
        it.join()
    assert [len(it.pictures) for it in work_store.load(token).classes] == [20, 20]


def test_shots_within_ten_seconds_are_one_burst(monkeypatch: pytest.MonkeyPatch) -> None:
    token, clock = begin(0), [1000.0]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    for number, wait in enumerate((0, 4, 4, 11, 2)):
        clock[0] += wait
        work_store.add(token, 0, [(f"{number}", png(number))], source="camera")
    groups = [it.group for it in work_store.load(token).classes[0].pictures]
    assert groups[0] == groups[1] == groups[2] != groups[3] == groups[4]


def test_uploads_that_follow_each_other_and_look_the_same_are_one_burst() -> None:
    token = begin(0)
    image = images.decode(png(1))
    noisy = image.astype(int) + np.random.default_rng(0).integers(-14, 15, image.shape)
    again = encode_png(np.clip(noisy, 0, 255).astype(np.uint8))
    work_store.add(token, 0, [("a", png(1)), ("b", again), ("c", png(2))])
    groups = [it.group for it in work_store.load(token).classes[0].pictures]
    assert groups[0] == groups[1] != groups[2]


def test_what_was_saved_opens_as_it_was() -> None:
    token = begin(3, 2)
    work_store.rename(token, 0, "얼굴")
    work_store.add(token, 1, [("shot", png(70))], source="camera")
    work_store.add(token, 1, [("shot", png(71))], source="camera")
    before = work_store.load(token)
    opened, added = work_store.open_zip(work_store.save(token))
    assert opened != token
    assert (added.count, added.refused) == (7, ())
    assert work_store.load(opened) == before
    assert not work_store.can_undo(opened)
    name = before.classes[0].pictures[0].name
    assert_array_equal(work_store.original(opened, name), work_store.original(token, name))


def zipped(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()


def test_a_zip_of_folders_becomes_classes() -> None:
    data = zipped(**{
        "set/얼굴/1.png": png(1), "set/얼굴/2.png": png(2), "set/other/3.png": png(3),
        "set/other/notes.txt": b"no picture",
    })  # fmt: skip
    token, added = work_store.open_zip(data)
    now = work_store.load(token)
    assert now.names == ("얼굴", "other")
    assert [len(it.pictures) for it in now.classes] == [2, 1]
    assert [title for title, _ in added.refused] == ["notes.txt"]


@pytest.mark.parametrize(
    ("files", "error", "match"),
    [
        ({"a/1.png": b"x"}, SettingError, "one has"),
        ({"a/1.png": b"x", "b/2.png": b"y"}, PictureError, "no picture"),
        ({f"{it}/1.png": b"x" for it in range(11)}, SettingError, "10 classes"),
        ({"a/1.png": b"x", "A/2.png": b"y"}, SettingError, "already"),
        ({"a/1.png": b"x", "b" * 500 + "/2.png": b"y"}, SettingError, "500"),
    ],
)
def test_a_zip_that_makes_no_classes_is_refused(
    files: dict[str, bytes], error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        work_store.open_zip(zipped(**files))


def test_a_list_that_lies_is_no_more_than_a_list(place: Path) -> None:
    saved = work_store.save(begin(1, 1))
    with zipfile.ZipFile(io.BytesIO(saved)) as archive:
        members = {it: archive.read(it) for it in archive.namelist()}
    members["collection.json"] = members["collection.json"].replace(b'"0.png"', b'"../../x"')
    token, added = work_store.open_zip(zipped(**members))
    assert added.count == 2
    assert {it.name for it in (place / token / "pictures").iterdir()} == {
        it.name for _, it in work_store.load(token).pictures()
    }


def test_what_has_not_been_used_for_long_goes_when_a_new_one_comes(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CVCORE_WORK_HOURS", "2")
    old, used = begin(1), begin(1)
    for it in (old, used):
        os.utime(place / it, (time.time() - 3 * 3600,) * 2)
    work_store.load(used)  # counts as used
    begin(1)
    with pytest.raises(PictureError):
        work_store.load(old)
    assert work_store.load(used).size == 1


def test_the_oldest_go_where_the_hosts_limit_is_reached(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = [begin(8) for _ in range(3)]
    for age, it in enumerate(reversed(tokens)):
        os.utime(place / it, (time.time() - 100 * (age + 1),) * 2)
    size = sum(it.stat().st_size for it in place.rglob("*") if it.is_file())
    monkeypatch.setenv("CVCORE_WORK_LIMIT", str(0.75 * size / 1e6))
    work_store.create()
    with pytest.raises(PictureError):
        work_store.load(tokens[0])
    assert work_store.load(tokens[2]).size == 8


def test_a_limit_that_is_no_number_is_the_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CVCORE_WORK_HOURS", "long")
    monkeypatch.setenv("CVCORE_WORK_LIMIT", "")
    assert (work_store.hours(), work_store.limit_bytes()) == (168, 10**9)


def test_a_damaged_list_is_a_sentence(place: Path) -> None:
    token = begin(1)
    (place / token / "collection.json").write_text("{", encoding="utf-8")
    with pytest.raises(PictureError, match="damaged"):
        work_store.load(token)


def test_the_ready_set_has_as_many_faces_as_others() -> None:
    token = work_store.open_ready(["Face", "Not a face"], 12)
    now = work_store.load(token)
    assert now.names == ("Face", "Not a face")
    assert [len(it.pictures) for it in now.classes] == [12, 12]
    assert now.alike == ()
    assert collection.FEW < 12
