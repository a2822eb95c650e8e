"""Archives from strangers: what climbs, links, swells or swarms is not opened."""

import contextlib
import io
import struct
import zipfile
from collections.abc import Mapping

import pytest

from cvcore import images, zips
from cvcore.errors import PictureError


def pack(members: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return packed.getvalue()


def refusal(data: bytes) -> PictureError:
    with pytest.raises(PictureError) as refused:
        zips.read(data)
    return refused.value


def test_folders_and_their_files_come_in_the_archives_order() -> None:
    found = zips.read(pack({"cats/b.png": b"1", "deep/dogs/a.jpg": b"22", "top.txt": b""}))
    assert [(it.folder, it.title, it.data) for it in found] == [
        ("cats", "b.png", b"1"),
        ("dogs", "a.jpg", b"22"),
        ("", "top.txt", b""),
    ]


@pytest.mark.parametrize(
    "path",
    ["../up.png", "cats/../../up.png", "/etc/passwd", "..\\up.png", "C:\\up.png", "a/../../b"],
)
def test_a_path_that_climbs_out_is_refused(path: str) -> None:
    error = refusal(pack({"cats/a.png": b"1", path: b"2"}))
    assert "leads out" in str(error)


def test_a_link_is_refused() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        link = zipfile.ZipInfo("cats/a.png")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    assert "link" in str(refusal(packed.getvalue()))


def test_a_hundred_thousand_members_are_refused_before_they_are_listed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = b"PK\x01\x02" + bytes(24) + struct.pack("<HHH", 1, 0, 0) + bytes(12) + b"a"
    count = 100_000
    directory = one * count
    # What honest writers put there for so many: 0xFFFF, and the number in ZIP64's own record.
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, len(directory), 0, 0)
    monkeypatch.setattr(zipfile, "ZipFile", None)  # it would list them
    error = refusal(directory + end)
    assert error.values["most"] == "2,000"


def test_members_that_the_end_does_not_count_are_refused() -> None:
    whole = pack({f"a/{number}": b"" for number in range(2_100)})
    end = whole.rindex(b"PK\x05\x06")
    lying = whole[: end + 8] + struct.pack("<HH", 3, 3) + whole[end + 12 :]
    assert "no zip file" in str(refusal(lying))


def test_ten_gigabytes_of_zeros_are_not_unpacked() -> None:
    # Three small members whose headers say that they unpack to 3.4 GB each.
    names = [f"a/{number}.png" for number in range(3)]
    data = bytearray(pack(dict.fromkeys(names, bytes(1000)), zipfile.ZIP_DEFLATED))
    entry = -1
    for _ in names:
        entry = data.index(b"PK\x01\x02", entry + 1)
        struct.pack_into("<I", data, entry + 24, 10 * 2**30 // 3)
    assert refusal(bytes(data)).values["size"] == "10,240"


def test_zeros_whose_header_lies_are_read_no_further_than_a_picture_may_be_long() -> None:
    size = 3 * images.MAX_BYTES
    data = bytearray(pack({"a/0.png": bytes(size), "b/1.png": b"1"}, zipfile.ZIP_DEFLATED))
    entry = data.index(b"PK\x01\x02")
    struct.pack_into("<I", data, entry + 24, 10)
    try:
        found = zips.read(bytes(data))
    except PictureError:
        return  # the library may notice that the checksum is not that of ten zeros
    assert all(len(it.data) <= 10 for it in found)


def test_many_honest_zeros_are_refused_by_their_sum() -> None:
    data = pack({f"a/{it}.bmp": bytes(9 << 20) for it in range(24)}, zipfile.ZIP_DEFLATED)
    assert len(data) < 1 << 20
    error = refusal(data)
    assert (error.values["size"], error.values["most"]) == ("216", 200)


def test_a_file_longer_than_a_picture_may_be_comes_without_data() -> None:
    data = pack({"a/0.bmp": bytes(images.MAX_BYTES + 1), "a/1": b"x"}, zipfile.ZIP_DEFLATED)
    assert [it.data for it in zips.read(data)] == [b"", b"x"]


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"PK\x05\x06", bytes(100), b"PK\x03\x04" + bytes(60)]
)
def test_what_is_no_archive_is_named(data: bytes) -> None:
    assert "no zip file" in str(refusal(data))


@pytest.mark.parametrize("cut", [10, 60, 150])
def test_an_archive_that_was_cut_short_or_damaged_is_no_error_of_ours(cut: int) -> None:
    whole = pack({"a/0.png": bytes(range(200)), "b/1.png": b"2" * 100}, zipfile.ZIP_DEFLATED)
    refusal(whole[:-cut])
    damaged = bytearray(whole)
    damaged[cut] ^= 0xFF
    with contextlib.suppress(PictureError):
        zips.read(bytes(damaged))


def test_one_that_is_too_long_is_refused_unread() -> None:
    error = refusal(bytes(zips.MOST_BYTES + 1))
    assert (error.values["most"], error.values["size"]) == (60, 61)


def test_a_password_is_no_error_of_ours() -> None:
    data = bytearray(pack({"a/0.png": b"secret"}))
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + flags] |= 1
    assert "no zip file" in str(refusal(bytes(data)))


def test_a_computers_own_notes_are_left_out() -> None:
    names = ("a/1.png", "__MACOSX/a/._1.png", "a/.DS_Store", "a/._1.png", "a/Thumbs.db", "b/")
    assert [it.title for it in zips.read(pack(dict.fromkeys(names, b"x")))] == ["1.png"]


def test_korean_names_are_read_as_unicode_and_as_korean_windows_writes_them() -> None:
    modern = zips.read(pack({"얼굴/하나.png": b"1"}))
    assert (modern[0].folder, modern[0].title) == ("얼굴", "하나.png")
    stand_in, real = "FFFF/a.png", "얼굴".encode("cp949")
    old = pack({stand_in: b"1"}).replace(b"FFFF", real)
    assert zips.read(old)[0].folder == "얼굴"
