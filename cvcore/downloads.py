"""Files that are fetched on first use into Keras' folder: data sets and weights."""

import hashlib
import http.client
import os
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from cvcore import pace

TIMEOUT_SECONDS = 20.0  # without a word from the server

# URLError and timeouts are OSErrors; what is no HTTP at all is not.
REASONS = (OSError, EOFError, ValueError, http.client.HTTPException)
"""What can go wrong in `download`."""

arriving: dict[str, int] = {}
"""Bytes that are here of each file that this process is downloading, by its path."""

_CHUNK_BYTES = 2**18


@dataclass(frozen=True)
class DataFile:
    """A file as Keras names it under KERAS_HOME, where it comes from, and its checksum.

    Parameters
    ----------
    path : str
    url : str
    checksum : str
        sha256 in 64 hexadecimal digits or md5 in 32, as whoever publishes it says; nothing
        where nobody does.
    """

    path: str
    url: str
    checksum: str = ""

    @property
    def place(self) -> Path:
        """Where it is, or would be, on this machine."""
        return keras_home() / self.path


def keras_home() -> Path:
    """Return the folder that Keras keeps data and weights in."""
    asked = os.environ.get("KERAS_HOME")
    return Path(asked) if asked else Path.home() / ".keras"


def download(file: DataFile, *, most_bytes: int) -> None:
    """Fetch a file, check it, and move it to its place whole.

    A long job (`cvcore.pace`) tells of it, and can be stopped in it.

    Parameters
    ----------
    file : DataFile
    most_bytes : int
        One that is longer is not what was asked for.

    Raises
    ------
    OSError, EOFError, ValueError, http.client.HTTPException
        `REASONS`: it cannot be fetched or written, is another file, or too long.
    """
    place = file.place
    place.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=place.parent)
    aside, size = Path(name), 0
    hashed = hashlib.new("md5" if len(file.checksum) == 32 else "sha256", usedforsecurity=False)
    try:
        # An opener of its own: the proxy settings of now, not of the first request.
        with (
            os.fdopen(handle, "wb") as target,
            urllib.request.build_opener().open(file.url, timeout=TIMEOUT_SECONDS) as answer,
        ):
            length = int(answer.headers.get("Content-Length") or 0)
            while chunk := answer.read(_CHUNK_BYTES):
                target.write(chunk)
                hashed.update(chunk)
                size += len(chunk)
                if size > most_bytes:
                    raise ValueError(f"{file.path}: > {most_bytes:,} bytes")
                arriving[file.path] = size
                pace.reach(min(size / length, 1.0) if length else 0.0)
        if size < length:
            raise ValueError(f"{file.path}: {size:,} of {length:,} bytes")
        if file.checksum and hashed.hexdigest() != file.checksum:
            raise ValueError(f"{file.path}: {hashed.name}")
        aside.replace(place)
    except urllib.error.HTTPError as error:
        error.close()  # it holds the connection
        raise
    finally:
        arriving.pop(file.path, None)
        aside.unlink(missing_ok=True)
