"""Pictures that visitors brought, kept for a while so that an address finds them again.

A picture's token is the hash of its bytes: it can be found by whoever was
given the address, and cannot be guessed by anybody else.
"""

import contextlib
import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import NamedTuple

from cvcore.errors import N_, PictureError

TOKEN = re.compile(r"[0-9a-f]{32}")
LIMIT_BYTES = 200 * 2**20


def folder() -> Path:
    """Return where the pictures lie: ``CVCORE_PICTURES``, else a folder of the system's."""
    asked = os.environ.get("CVCORE_PICTURES")
    return Path(asked) if asked else Path(tempfile.gettempdir()) / "cvcore-pictures"


def keep(data: bytes) -> str:
    """Keep a picture's file and return its token.

    Parameters
    ----------
    data : bytes
        A file that `cvcore.images.decode` has accepted.

    Returns
    -------
    str
        32 hexadecimal digits. Equal files share one token.
    """
    token = hashlib.sha256(data).hexdigest()[:32]
    place = folder()
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Written aside and moved, so that nobody reads half a file.
    handle, aside = tempfile.mkstemp(dir=place)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    Path(aside).replace(place / token)
    _make_room(place)
    return token


def fetch(token: str) -> bytes:
    """Return the file that `keep` was given.

    Raises
    ------
    PictureError
        If the token is not one, or its picture has made room for others.
    """
    path = folder() / token
    data = None
    if TOKEN.fullmatch(token):
        with contextlib.suppress(FileNotFoundError):
            data = path.read_bytes()
            os.utime(path)  # what is looked at stays longest
    if data is None:
        raise PictureError(
            N_("The picture of this address is no longer kept here. Upload it once more.")
        )
    return data


class Listed(NamedTuple):
    """A file or folder: when it was last used, in seconds, and its size in bytes."""

    used: float
    size: int
    path: Path


def listed(place: Path, pattern: str = "*") -> list[Listed]:
    """Return what lies in a folder, the longest unused first, but for what is gone meanwhile.

    Parameters
    ----------
    place : Path
    pattern : str, optional
        As `Path.glob` takes it.
    """
    found = []
    with contextlib.suppress(FileNotFoundError):  # the folder itself
        for path in place.glob(pattern):
            with contextlib.suppress(FileNotFoundError):
                facts = path.stat()
                found.append(Listed(facts.st_mtime, facts.st_size, path))
    return sorted(found)


def _make_room(place: Path) -> None:
    """Delete the oldest files until the rest fits into the limit."""
    kept = listed(place)
    total = sum(it.size for it in kept)
    for it in kept[:-1]:
        if total <= LIMIT_BYTES:
            break
        it.path.unlink(missing_ok=True)
        total -= it.size
