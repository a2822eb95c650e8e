"""Pictures kept for an address."""

import os
from pathlib import Path

import pytest

from cvcore import shelf
from cvcore.errors import PictureError


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CVCORE_PICTURES", str(tmp_path / "pictures"))
    return tmp_path / "pictures"


def test_what_was_kept_is_fetched_by_its_token() -> None:
    token = shelf.keep(b"a picture")
    assert shelf.fetch(token) == b"a picture"
    assert shelf.keep(b"a picture") == token


@pytest.mark.parametrize("token", ["", "../secret", "a" * 31, "A" * 32, "0" * 32, "/etc/passwd"])
def test_what_is_not_a_kept_token_never_becomes_a_path(place: Path, token: str) -> None:
    place.mkdir()
    (place.parent / "secret").write_bytes(b"not yours")
    with pytest.raises(PictureError, match="Upload it once more"):
        shelf.fetch(token)


def test_the_oldest_make_room_and_what_is_looked_at_stays(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "LIMIT_BYTES", 25)
    first, second = shelf.keep(b"1" * 10), shelf.keep(b"2" * 10)
    os.utime(place / second, (2, 2))
    os.utime(place / first, (1, 1))
    shelf.fetch(first)  # now the younger one
    third = shelf.keep(b"3" * 10)
    assert {path.name for path in place.iterdir()} == {first, third}


def test_what_others_delete_while_a_folder_is_listed_is_left_out(tmp_path: Path) -> None:
    for place, name in enumerate(("late", "early")):
        (tmp_path / name).write_bytes(bytes(3 + place))
        os.utime(tmp_path / name, (100 - place, 100 - place))
    # Found by its name, and gone when it is looked at.
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    found = shelf.listed(tmp_path)
    assert [(it.used, it.size, it.path.name) for it in found] == [
        (99, 4, "early"),
        (100, 3, "late"),
    ]
    assert shelf.listed(tmp_path / "nowhere") == []
    assert [it.path.name for it in shelf.listed(tmp_path, "l*")] == ["late"]
