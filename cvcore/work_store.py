"""Where visitors' collections are kept: a folder for each, found by whoever has its token.

A token is random, and stands in the address of whoever made the collection; nothing lists them.
Small files keep the bytes that came, longer ones are written anew at 1,024 pixels a side; what a
visitor called them never becomes a path.
"""

import hashlib
import importlib.util
import io
import os
import re
import secrets
import shutil
import tempfile
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from cvcore import images, zips
from cvcore.arrays import ByteArray
from cvcore.collection import (
    MOST_CLASSES,
    MOST_PICTURES,
    Collection,
    KeptPicture,
    PictureClass,
    check_name,
    is_burst,
    sketch,
)
from cvcore.display import encode_jpeg, encode_png
from cvcore.errors import N_, AssetError, CvCoreError, PictureError, SettingError
from cvcore.shelf import listed

TOKEN = re.compile(r"[0-9a-f]{32}")
WORKING_SIDE = 512
"""Pixels a side to which a picture is shrunk when it is looked at or learned from."""

_MANIFEST, _BEFORE = "collection.json", "collection.before.json"
_BURST_SECONDS = 10.0
_LARGE_BYTES = 400_000  # a longer file is kept smaller: hundreds of a phone's fit into one archive
_KEPT_SIDE, _QUALITY = 1024, 92
_LISTED_BYTES = 400  # what a picture's entry in the list and in an archive takes, at most
_READY_COUNT = 20
_lock = threading.RLock()  # of all changes; each is short
_last_shot: dict[tuple[str, int], tuple[float, str]] = {}


@dataclass(frozen=True)
class Added:
    """What became of files that were to be added.

    Parameters
    ----------
    count : int
        Pictures that are kept now.
    refused : tuple of (str, CvCoreError)
        What could not be opened, by its title, and why.
    """

    count: int = 0
    refused: tuple[tuple[str, CvCoreError], ...] = ()


def folder() -> Path:
    """Return where the collections lie: ``CVCORE_WORK``, else ``.cvcore/work`` here."""
    asked = os.environ.get("CVCORE_WORK")
    return Path(asked) if asked else Path(__file__).parents[1] / ".cvcore" / "work"


def hours() -> float:
    """Return how long a collection is kept after its last use: ``CVCORE_WORK_HOURS``, else 168."""
    return _number("CVCORE_WORK_HOURS", 168.0)


def limit_bytes() -> int:
    """Return how large all may grow: ``CVCORE_WORK_LIMIT`` megabytes, else 1,000."""
    return int(_number("CVCORE_WORK_LIMIT", 1_000.0) * 1e6)


def _number(variable: str, usual: float) -> float:
    try:
        return float(os.environ.get(variable, usual))
    except ValueError:
        return usual


def place(token: str) -> Path:
    """Return a collection's folder.

    Raises
    ------
    PictureError
        If the token is none, or what it stood for is no longer kept.
    """
    found = folder() / token
    if not TOKEN.fullmatch(token) or not (found / _MANIFEST).is_file():
        raise PictureError(
            N_(
                "The pictures of this address are no longer kept here. Open them from the file "
                "that was saved, or begin anew."
            )
        )
    return found


def create(collection: Collection = Collection()) -> str:  # noqa: B008 - frozen
    """Make room for a collection and return its token; what has expired goes."""
    _make_room()
    token = secrets.token_hex(16)
    (folder() / token).mkdir(mode=0o700)
    (folder() / token / "pictures").mkdir()
    _write(token, collection)
    return token


def load(token: str) -> Collection:
    """Return a collection; it counts as used.

    Raises
    ------
    PictureError
        As `place`.
    """
    path = place(token) / _MANIFEST
    try:
        found = _read(path.read_bytes())
    except ValueError as error:
        raise PictureError(
            N_("The list of these classes is damaged. Open them from the file that was saved.")
        ) from error
    os.utime(path.parent)
    return found


@lru_cache(maxsize=16)
def _read(text: bytes) -> Collection:
    return Collection.from_json(text)


def image(token: str, name: str) -> ByteArray:
    """Return a picture as it is looked at and learned from.

    Parameters
    ----------
    token, name : str
        Of the collection, and of the picture in it.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        Upright, on white where it was transparent, at most `WORKING_SIDE` pixels a side.
    """
    return _image(place(token) / "pictures", name)


@lru_cache(maxsize=256)
def _image(pictures: Path, name: str) -> ByteArray:
    whole = images.to_colour(images.decode(file_of(pictures, name)))
    return images.fit(whole, max_side=WORKING_SIDE)


def original(token: str, name: str) -> ByteArray:
    """Return a picture as `image` does, with all its pixels."""
    return images.to_colour(images.decode(file_of(place(token) / "pictures", name)))


def file_of(pictures: Path, name: str) -> bytes:
    """Return the file that a visitor brought.

    Raises
    ------
    PictureError
        If it is not there.
    """
    path = pictures / name
    if not TOKEN.fullmatch(name) or not path.is_file():
        raise PictureError(N_("This picture is no longer kept here. Add it once more."))
    return path.read_bytes()


# -- changes


def change(token: str, how: Callable[[Collection], Collection]) -> Collection:
    """Change a collection; others' changes are seen before it, and none is lost.

    What it was before is kept for `undo`.

    Raises
    ------
    PictureError
        As `place`.
    SettingError
        If the change is refused.
    """
    with _lock:
        before = load(token)
        after = how(before)
        if after != before:
            _write(token, after)
            _write(token, before, _BEFORE)
            _forget_files(token, after, before)
    return after


def undo(token: str) -> Collection:
    """Take the last change back; done twice, it is there again."""
    with _lock:
        now, path = load(token), place(token) / _BEFORE
        if not path.is_file():
            return now
        before = Collection.from_json(path.read_bytes())
        _write(token, before)
        _write(token, now, _BEFORE)
    return before


def can_undo(token: str) -> bool:
    """Say whether there is a change to take back."""
    return (place(token) / _BEFORE).is_file()


def add_class(token: str, name: str) -> Collection:
    """Add an empty class.

    Raises
    ------
    SettingError
        If there are ten, or the name is not one (`cvcore.collection.check_name`).
    """

    def how(now: Collection) -> Collection:
        _check_room(len(now.classes) + 1)
        return Collection((*now.classes, PictureClass(name=check_name(name, now.names))))

    return change(token, how)


def rename(token: str, label: int, name: str) -> Collection:
    """Call a class something else.

    Raises
    ------
    SettingError
        If the name is not one.
    """

    def how(now: Collection) -> Collection:
        others = [it for place, it in enumerate(now.names) if place != label]
        return _with(now, label, replace(now.classes[label], name=check_name(name, others)))

    return change(token, how)


def remove_class(token: str, label: int) -> Collection:
    """Remove a class with its pictures."""
    return change(
        token,
        lambda now: Collection(tuple(it for place, it in enumerate(now.classes) if place != label)),
    )


def remove(token: str, label: int, name: str) -> Collection:
    """Remove a picture from a class."""

    def how(now: Collection) -> Collection:
        one = now.classes[label]
        kept = tuple(it for it in one.pictures if it.name != name)
        return _with(now, label, replace(one, pictures=kept))

    return change(token, how)


def move(token: str, label: int, name: str, to: int) -> Collection:
    """Move a picture to another class."""

    def how(now: Collection) -> Collection:
        moved = tuple(it for it in now.classes[label].pictures if it.name == name)
        kept = tuple(it for it in now.classes[label].pictures if it.name != name)
        changed = _with(now, label, replace(now.classes[label], pictures=kept))
        there = changed.classes[to]
        others = tuple(it for it in there.pictures if it.name != name)
        return _with(changed, to, replace(there, pictures=(*others, *moved)))

    return change(token, how)


def add(
    token: str,
    label: int,
    files: Iterable[tuple[str, bytes]],
    *,
    source: Literal["upload", "camera"] = "upload",
) -> Added:
    """Add pictures to a class; what is no picture is left out and named, the rest stays.

    Parameters
    ----------
    token : str
    label : int
    files : iterable of (str, bytes)
        What each was called, and its bytes.
    source : {'upload', 'camera'}, optional
        Shots of the camera within ten seconds, and uploads that follow each other and look
        nearly the same, are one burst.

    Returns
    -------
    Added
        A file that the class has already is not counted.

    Raises
    ------
    PictureError
        As `place`.
    SettingError
        If there is no such class.
    """
    kept, refused = [], []
    for title, data in files:
        try:
            kept.append(_keep(token, title, data))
        except CvCoreError as error:
            refused.append((_title(title), error))
    grouped = _in_bursts(token, label, kept, source)
    count = 0

    def how(now: Collection) -> Collection:
        nonlocal count
        if not 0 <= label < len(now.classes):
            raise SettingError(N_("There is no such class any more. Look at the classes anew."))
        one = now.classes[label]
        there = {it.name for it in one.pictures}
        new = []
        for it in grouped:
            if it.name not in there:
                there.add(it.name)
                new.append(it)
        room = min(MOST_PICTURES - now.size, _fitting(token, now, new))
        if len(new) > room:
            refused.extend((it.title, _full()) for it in new[room:])
            new = new[:room]
        count = len(new)
        return _with(now, label, replace(one, pictures=(*one.pictures, *new)))

    change(token, how)
    return Added(count, tuple(refused))


def _full() -> SettingError:
    return SettingError(
        N_("A collection holds at most {most} pictures and {size} MB; this one is full."),
        most=MOST_PICTURES,
        size=zips.MOST_BYTES // 2**20,
    )


def _fitting(token: str, now: Collection, new: Sequence[KeptPicture]) -> int:
    """Return how many of new pictures a collection has room for, to be saved as one file."""
    pictures = place(token) / "pictures"

    def size(it: KeptPicture) -> int:
        return (pictures / it.name).stat().st_size + _LISTED_BYTES + len(it.sketch)

    # In two classes a picture is packed twice.
    total = sum(size(it) for _, it in now.pictures())
    for count, it in enumerate(new):
        total += size(it)
        if total > zips.MOST_BYTES - 2**16:
            return count
    return len(new)


def _keep(token: str, title: str, data: bytes) -> KeptPicture:
    """Write a picture's file, if it is one, and return what is known of it.

    What is kept is what is learned, shown, and taken away: no other copy of it is looked at.
    """
    if not data:
        raise PictureError(N_("The file is empty, or larger than a picture may be."))
    picture = images.decode(data)
    if len(data) > _LARGE_BYTES:
        picture = images.fit(images.to_colour(picture), max_side=_KEPT_SIDE)
        data = encode_jpeg(picture, quality=_QUALITY)
    name = hashlib.sha256(data).hexdigest()[:32]
    path = place(token) / "pictures" / name
    if not path.is_file():
        _write_bytes(path, data)
    return KeptPicture(
        name=name,
        title=_title(title),
        group=uuid.uuid4().hex[:12],
        height=picture.shape[0],
        width=picture.shape[1],
        sketch=sketch(picture),
    )


def _title(title: str) -> str:
    return "".join(letter for letter in title if letter.isprintable())[-60:]


def _in_bursts(
    token: str, label: int, pictures: Sequence[KeptPicture], source: str
) -> list[KeptPicture]:
    grouped: list[KeptPicture] = []
    for it in pictures:
        if source == "camera":
            at, group = _last_shot.get((token, label), (0.0, ""))
            now = time.time()
            if now - at < _BURST_SECONDS:
                it = replace(it, group=group)
            _last_shot[(token, label)] = (now, it.group)
        elif grouped and is_burst(grouped[-1], it):
            it = replace(it, group=grouped[-1].group)
        grouped.append(it)
    return grouped


def _with(now: Collection, label: int, one: PictureClass) -> Collection:
    return Collection((*now.classes[:label], one, *now.classes[label + 1 :]))


def _check_room(count: int) -> None:
    if count > MOST_CLASSES:
        raise SettingError(
            N_("There can be {most} classes; this would be number {count}."),
            most=MOST_CLASSES,
            count=count,
        )


def _write(token: str, collection: Collection, name: str = _MANIFEST) -> None:
    _write_bytes(folder() / token / name, collection.to_json().encode())


def _write_bytes(path: Path, data: bytes) -> None:
    # Written aside and moved, so that nobody reads half a file.
    handle, aside = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    Path(aside).replace(path)


def _forget_files(token: str, *kept: Collection) -> None:
    """Delete files that neither the collection nor the one before the last change has."""
    names = {picture.name for it in kept for _, picture in it.pictures()}
    for used, _, path in listed(place(token) / "pictures"):
        # A file that was just written for a picture that is about to be listed stays.
        fresh = time.time() - used < 60
        if TOKEN.fullmatch(path.name) and path.name not in names and not fresh:
            path.unlink(missing_ok=True)


def _make_room() -> None:
    """Delete what has expired, then the oldest until the rest fits into the limit."""
    root = folder()
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = []
    for used, _, path in listed(root):
        if not TOKEN.fullmatch(path.name):
            continue
        if time.time() - used > hours() * 3600:
            shutil.rmtree(path, ignore_errors=True)
        else:
            kept.append((sum(it.size for it in listed(path, "**/*")), path))
    total = sum(size for size, _ in kept)
    for size, path in kept:
        if total <= limit_bytes():
            break
        shutil.rmtree(path, ignore_errors=True)
        total -= size


# -- one file


def save(token: str) -> bytes:
    """Pack a collection into one zip file: a folder for each class, and a list of them."""
    now, pictures = load(token), place(token) / "pictures"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_MANIFEST, now.to_json())
        for label, it in now.pictures():
            archive.writestr(f"{label}/{it.name}", file_of(pictures, it.name))
    return packed.getvalue()


def open_zip(data: bytes) -> tuple[str, Added]:
    """Make a collection of a zip file: one that `save` made, or any with folders of pictures.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    token : str
    added : Added
        What was left out, and why.

    Raises
    ------
    PictureError
        If it is not one (`cvcore.zips.read`), or no folder of it holds a picture.
    SettingError
        If it has more classes than there can be, or fewer than two.
    """
    members = zips.read(data)
    saved = next((it for it in members if it.title == _MANIFEST and not it.folder), None)
    listed: dict[tuple[int, str], KeptPicture] = {}
    names: list[str] = []
    if saved is not None:
        try:
            before = Collection.from_json(saved.data)
        except ValueError:
            before = Collection()
        names = list(before.names)
        listed = {(label, it.name): it for label, it in before.pictures()}
    folders = dict.fromkeys(it.folder for it in members if it is not saved)
    own = bool(names) and all(it.isdecimal() and int(it) < len(names) for it in folders)
    if not own:
        names = []
        for it in folders:
            names.append(check_name(it or "?", names))
    if len(names) < 2:
        raise SettingError(
            N_(
                "A zip file needs a folder of pictures for each class, two at least; this one has "
                "{count}."
            ),
            count=len(names),
        )
    _check_room(len(names))
    token = create(Collection(tuple(PictureClass(name=it) for it in names)))
    count = 0
    refused: list[tuple[str, CvCoreError]] = []
    for label, name in enumerate(folders):
        label = int(name) if own else label
        files = [(it.title, it.data) for it in members if it.folder == name and it is not saved]
        added = add(token, label, files)
        count += added.count
        refused.extend(added.refused)
    if own:  # titles and bursts as they were
        change(token, lambda now: _as_listed(now, listed))
    (place(token) / _BEFORE).unlink(missing_ok=True)
    if not count:
        raise PictureError(N_("There is no picture in this zip file's folders."))
    return token, Added(count, tuple(refused))


def _as_listed(now: Collection, listed: dict[tuple[int, str], KeptPicture]) -> Collection:
    order = {key: place for place, key in enumerate(listed)}
    classes = []
    for label, one in enumerate(now.classes):
        pictures = []
        for it in one.pictures:
            before = listed.get((label, it.name))
            known = before is not None and isinstance(before.group, str)
            pictures.append(
                replace(it, title=_title(str(before.title)), group=before.group[:40])
                if before is not None and known
                else it
            )
        places = [order.get((label, it.name), len(order)) for it in pictures]
        in_order = [pictures[it] for it in np.argsort(places, kind="stable").tolist()]
        classes.append(replace(one, pictures=tuple(in_order)))
    return Collection(tuple(classes))


# -- ready sets


def open_ready(names: Sequence[str], count: int = _READY_COUNT) -> str:
    """Make a collection of scikit-image's faces and its pictures that are none.

    Parameters
    ----------
    names : sequence of str
        What the two classes are to be called.
    count : int, optional
        Pictures of each, at most 100.

    Returns
    -------
    str
        The new collection's token.

    Raises
    ------
    AssetError
        If the package that should carry the pictures does not.
    """
    package = importlib.util.find_spec("skimage")  # it takes a second to import
    path = Path(package.origin or "").parent if package is not None else Path()
    try:
        values = np.load(path / "data" / "lfw_subset.npy", allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise AssetError(
            N_(
                "The faces, which come with the package scikit-image, are missing or damaged. "
                "Bring pictures of your own."
            )
        ) from error
    levels = np.rint(values * 255).astype(np.uint8)
    token = create(Collection(tuple(PictureClass(name=it) for it in names)))
    for label in range(2):
        files = [
            (f"{number + 1}.png", encode_png(levels[100 * label + number]))
            for number in range(count)
        ]
        add(token, label, files)
    (place(token) / _BEFORE).unlink(missing_ok=True)
    return token
