"""Archives that visitors bring: looked through before anything in them is unpacked."""

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath

from cvcore import images
from cvcore.errors import N_, PictureError

MOST_BYTES = 60 * 2**20
"""Of an archive, and of a saved collection."""

MOST_MEMBERS = 2_000
MOST_UNPACKED = 200 * 2**20

_IGNORED = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")
_END, _END_BYTES = b"PK\x05\x06", 22  # the end of the central directory, APPNOTE 4.3.16
_LINK = 0o120000


@dataclass(frozen=True, kw_only=True)
class Member:
    """A file of an archive.

    Parameters
    ----------
    folder : str
        The name of the folder that it lies in; nothing at the top.
    title : str
        Its own name, without folders.
    data : bytes
    """

    folder: str
    title: str
    data: bytes


def read(data: bytes) -> list[Member]:
    """Unpack an archive of folders with pictures.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    list of Member
        Those that are not a computer's own notes, in the order of the archive; a file longer
        than a picture may be has no data.

    Raises
    ------
    PictureError
        If it is no archive, too long, or of a form that no honest one has: with paths that
        climb out, links, too many members, or more in it than it should unpack to.
    """
    if len(data) > MOST_BYTES:
        raise PictureError(
            N_("A zip file may have {most} MB; this one has {size}. Leave some pictures out."),
            most=MOST_BYTES // 2**20,
            size=-(-len(data) // 2**20),
        )
    count = _count(data)
    if count > MOST_MEMBERS:
        raise PictureError(
            N_("A zip file may hold {most} files; this one holds {count}. Leave some out."),
            most=f"{MOST_MEMBERS:,}",
            count=f"{count:,}",
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _unpack(archive)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError,
            struct.error, OSError, ValueError) as error:  # fmt: skip
        raise _damaged() from error


def _count(data: bytes) -> int:
    """Return how many members the archive says it has, before they are listed."""
    place = data.rfind(_END, max(len(data) - _END_BYTES - 0xFFFF, 0))
    if place < 0 or len(data) - place < _END_BYTES:
        raise _damaged()
    return int(struct.unpack_from("<H", data, place + 10)[0])


def _damaged() -> PictureError:
    return PictureError(
        N_("This is no zip file that can be opened. Pack the folders of pictures anew.")
    )


def _unpack(archive: zipfile.ZipFile) -> list[Member]:
    members = archive.infolist()
    if len(members) > MOST_MEMBERS:
        raise _damaged()
    total = sum(it.file_size for it in members)
    if total > MOST_UNPACKED:
        raise _too_much(total)
    found, unpacked = [], 0
    for it in members:
        name = _name(it)
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or PureWindowsPath(name).drive:
            raise PictureError(
                N_("This zip file holds a path that leads out of it ({name}); it was not opened."),
                name=name[:60],
            )
        if (it.external_attr >> 16) & 0o170000 == _LINK:
            raise PictureError(
                N_("This zip file holds a link ({name}) where a picture should be; it was not "
                   "opened."),
                name=name[:60],
            )  # fmt: skip
        if it.is_dir() or any(part in _IGNORED or part.startswith("._") for part in path.parts):
            continue
        with archive.open(it) as member:  # what its header says need not be true
            content = member.read(images.MAX_BYTES + 1)
        unpacked += len(content)
        if unpacked > MOST_UNPACKED:
            raise _too_much(unpacked)
        found.append(
            Member(
                folder=path.parent.name,
                title=path.name,
                data=content if len(content) <= images.MAX_BYTES else b"",
            )
        )
    return found


def _too_much(size: int) -> PictureError:
    return PictureError(
        N_("This zip file unpacks to {size} MB; the most is {most}. Leave some pictures out."),
        size=f"{-(-size // 2**20):,}",
        most=MOST_UNPACKED // 2**20,
    )


def _name(member: zipfile.ZipInfo) -> str:
    """Return a member's path: UTF-8 where it says so, else as Korean Windows writes it."""
    name = member.filename
    if not member.flag_bits & 0x800:
        try:
            name = name.encode("cp437").decode("cp949")
        except UnicodeError:
            name = member.filename
    return name.replace("\\", "/")
