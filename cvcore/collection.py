"""A visitor's own classes with their pictures: what they are, and what is noticed about them."""

import hashlib
import json
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

import cv2
import numpy as np

from cvcore import images
from cvcore.arrays import AnyArray, ByteArray, FloatArray, IntArray
from cvcore.errors import N_, SettingError

MOST_CLASSES = 10
MOST_PICTURES = 600
MOST_LETTERS = 40
FEW = 5
"""Pictures of a class below which little can be learned and nothing can be tested."""

UNEVEN = 3.0
"""How many times as many pictures the largest class may have before it is said."""

_SKETCH = 16  # pixels a side of what two pictures are compared by
_ALIKE = 0.985  # correlation of two sketches from which they are taken for one picture
_GREY_LEVELS = 6.0  # of mean brightness that such pictures may be apart


@dataclass(frozen=True, kw_only=True)
class KeptPicture:
    """A picture of a class, without its pixels.

    Parameters
    ----------
    name : str
        The first 32 hexadecimal digits of its file's sha256.
    title : str
        What its file was called, to be shown as text alone.
    group : str
        Pictures of one group stay on one side of a split: a burst of the camera.
    height, width : int
        Upright, in pixels.
    sketch : str
        What it is compared by, as `sketch` writes it.
    """

    name: str
    title: str
    group: str
    height: int
    width: int
    sketch: str


@dataclass(frozen=True, kw_only=True)
class PictureClass:
    """A class with its pictures.

    Parameters
    ----------
    name : str
    pictures : tuple of KeptPicture
        In the order in which they came.
    """

    name: str
    pictures: tuple[KeptPicture, ...] = ()


@dataclass(frozen=True)
class Collection:
    """Classes, in the order of their labels.

    Parameters
    ----------
    classes : tuple of PictureClass
    """

    classes: tuple[PictureClass, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What the classes are called."""
        return tuple(it.name for it in self.classes)

    @property
    def size(self) -> int:
        """How many pictures there are."""
        return sum(len(it.pictures) for it in self.classes)

    def pictures(self) -> Iterator[tuple[int, KeptPicture]]:
        """Go through all pictures with their labels, class after class."""
        for label, it in enumerate(self.classes):
            for picture in it.pictures:
                yield label, picture

    def labels(self) -> IntArray:
        """Return the label of each picture: int64, (n,)."""
        return np.array([label for label, _ in self.pictures()], np.int64)

    def digest(self) -> str:
        """Return a name made of all that a training would see: 16 hexadecimal digits."""
        told = [(it.name, [(p.name, p.group) for p in it.pictures]) for it in self.classes]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]

    @cached_property
    def alike(self) -> tuple[tuple[int, int], ...]:
        """Pairs of pictures, by their places, that are one and the same, perhaps resized."""
        return tuple(find_alike([it for _, it in self.pictures()]))

    def groups(self) -> IntArray:
        """Return for each picture a number that it shares with those it must stay with.

        Returns
        -------
        ndarray of int64, shape (n,)
            Pictures of one burst and pictures that are alike, however far apart.
        """
        kept = [it for _, it in self.pictures()]
        parent = list(range(len(kept)))

        def root(place: int) -> int:
            while parent[place] != place:
                parent[place] = parent[parent[place]]
                place = parent[place]
            return place

        first: dict[str, int] = {}
        for place, it in enumerate(kept):
            parent[root(place)] = root(first.setdefault(it.group, place))
        for one, other in self.alike:
            parent[root(one)] = root(other)
        return np.unique([root(place) for place in range(len(kept))], return_inverse=True)[1]

    def check(self) -> None:
        """Refuse what nothing can be learned from.

        Raises
        ------
        SettingError
            If there are fewer than two classes, or one has fewer than two pictures.
        """
        if len(self.classes) < 2:
            raise SettingError(
                N_(
                    "Telling apart takes two classes at least; there is {count}. Add one, of "
                    "something else."
                ),
                count=len(self.classes),
            )
        for it in self.classes:
            if len(it.pictures) < 2:
                raise SettingError(
                    N_(
                        "The class {name} has {count} pictures; one to learn from and one to test "
                        "with is the least. Add some."
                    ),
                    name=it.name,
                    count=len(it.pictures),
                )

    def to_json(self) -> str:
        """Return it as JSON, for `from_json`."""
        return json.dumps({"classes": [asdict(it) for it in self.classes]})

    @classmethod
    def from_json(cls, text: str | bytes) -> "Collection":
        """Read what `to_json` wrote.

        Raises
        ------
        ValueError
            If it is something else.
        """
        try:
            return cls(
                tuple(
                    PictureClass(
                        name=check_name(it["name"]),
                        pictures=tuple(KeptPicture(**p) for p in it["pictures"]),
                    )
                    for it in json.loads(text)["classes"]
                )
            )
        except (KeyError, TypeError, AttributeError, SettingError) as error:
            raise ValueError(text[:100]) from error


def check_name(name: str, others: Sequence[str] = ()) -> str:
    """Return a class's name as it is kept: trimmed, in Unicode's composed form.

    Parameters
    ----------
    name : str
    others : sequence of str, optional
        What the other classes are called.

    Raises
    ------
    SettingError
        If it is empty, too long, has signs that cannot be seen, or is another class's.
    """
    kept = " ".join(unicodedata.normalize("NFC", name).split())
    if not kept:
        raise SettingError(N_("A class needs a name. Write what its pictures show."))
    if len(kept) > MOST_LETTERS:
        raise SettingError(
            N_("A class's name has at most {most} letters; this one had {count}: {name}…"),
            most=MOST_LETTERS,
            count=len(kept),
            name=kept[:20],
        )
    if any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co") for letter in kept):
        raise SettingError(
            N_("The name {name} has signs that cannot be seen. Write it anew."), name=repr(kept)
        )
    if kept.casefold() in {it.casefold() for it in others}:
        raise SettingError(
            N_("There is a class called {name} already. Two classes need two names."), name=kept
        )
    return kept


def sketch(image: ByteArray) -> str:
    """Make a small sketch of a picture: resized or compressed anew, it hardly changes.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 1 to 4)

    Returns
    -------
    str
        16 × 16 grey values in hexadecimal digits, row by row.
    """
    grey = images.to_grey(image)[..., 0]
    small = cv2.resize(grey, (_SKETCH, _SKETCH), interpolation=cv2.INTER_AREA)
    return small.tobytes().hex()


def find_alike(pictures: Sequence[KeptPicture]) -> list[tuple[int, int]]:
    """Find pictures that are one and the same, perhaps resized or compressed anew.

    Parameters
    ----------
    pictures : sequence of KeptPicture

    Returns
    -------
    list of (int, int)
        Their places, the earlier first. Equal files are alike; others are if their sketches
        correlate by 0.985 and are of about the same brightness.
    """
    if len(pictures) < 2:
        return []
    sketches = _sketches(pictures)
    means = sketches.mean(axis=1)
    about = sketches - means[:, np.newaxis]
    length = np.sqrt((about**2).sum(axis=1))
    alike = (about @ about.T) / np.maximum(np.outer(length, length), 1e-6)
    flat = length < _SKETCH  # less than one level of deviation: no form to compare
    alike[flat] = alike[:, flat] = 0
    close = np.abs(means[:, np.newaxis] - means) < _GREY_LEVELS
    names = np.array([it.name for it in pictures])
    same = names[:, np.newaxis] == names
    found: AnyArray = np.argwhere(np.triu(same | (close & (alike >= _ALIKE)), k=1))
    return [(int(one), int(other)) for one, other in found]


def is_burst(one: KeptPicture, next_one: KeptPicture) -> bool:
    """Say whether two shots in a row show nearly the same: their sketches correlate by 0.95."""
    both = _sketches([one, next_one])
    about = both - both.mean(axis=1, keepdims=True)
    length = float(np.sqrt((about[0] ** 2).sum() * (about[1] ** 2).sum()))
    return bool(length) and float(about[0] @ about[1]) / length >= 0.95


def _sketches(pictures: Sequence[KeptPicture]) -> FloatArray:
    rows = [np.frombuffer(bytes.fromhex(it.sketch), np.uint8) for it in pictures]
    return np.stack(rows).astype(np.float32)
