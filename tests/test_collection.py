"""Collections: names that are refused, pictures that are the same, what stays together."""

import io
from pathlib import Path

import cv2
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from numpy.testing import assert_array_equal
from PIL import Image

from cvcore import collection, images
from cvcore.arrays import ByteArray
from cvcore.collection import Collection, KeptPicture, PictureClass, check_name
from cvcore.errors import SettingError


def kept(image: ByteArray, name: str, group: str = "") -> KeptPicture:
    return KeptPicture(
        name=name,
        title=f"{name}.png",
        group=group or name,
        height=image.shape[0],
        width=image.shape[1],
        sketch=collection.sketch(image),
    )


def noise(seed: int) -> ByteArray:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return cv2.resize(coarse, (90, 90), interpolation=cv2.INTER_CUBIC)  # type: ignore[return-value]


def make(*sizes: int) -> Collection:
    return Collection(
        tuple(
            PictureClass(
                name=f"class {label}",
                pictures=tuple(
                    kept(noise(100 * label + it), f"{100 * label + it:032x}") for it in range(size)
                ),
            )
            for label, size in enumerate(sizes)
        )
    )


def refusal(name: str, others: tuple[str, ...] = ()) -> SettingError:
    with pytest.raises(SettingError) as refused:
        check_name(name, others)
    return refused.value


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "needs a name"),
        (" \t\n ", "needs a name"),
        ("a" * 500, "at most {most} letters"),
        ("a\u200bb", "cannot be seen"),
        ("\u202eevil", "cannot be seen"),
        ("a\x00b", "cannot be seen"),
    ],
)
def test_a_name_that_is_none_is_refused(name: str, sentence: str) -> None:
    assert sentence in refusal(name).sentence


def test_a_long_name_is_not_repeated_whole() -> None:
    error = refusal("b" * 500)
    assert (error.values["count"], error.values["name"]) == (500, "b" * 20)


@pytest.mark.parametrize("name", ["Cats", "cats", " CATS ", "cAtS"])
def test_two_classes_need_two_names(name: str) -> None:
    assert "already" in refusal(name, ("dogs", "Cats")).sentence


def test_names_are_kept_composed_and_trimmed_and_html_is_text() -> None:
    assert check_name("  얼굴\u3000이  아님 ") == "얼굴 이 아님"
    assert check_name("각") == "각"  # three letters that make one syllable
    assert check_name("<b>1 & 2</b>") == "<b>1 & 2</b>"


@given(st.text(max_size=60))
def test_a_name_that_is_kept_is_kept_again(name: str) -> None:
    try:
        once = check_name(name)
    except SettingError:
        return
    assert check_name(once) == once
    assert 0 < len(once) <= collection.MOST_LETTERS


@pytest.mark.parametrize(("scale", "quality"), [(0.5, 60), (0.3, 40), (2.0, 90), (1.0, 30)])
def test_a_picture_is_found_again_resized_and_compressed_anew(
    scale: float, quality: int, lecture_pictures: Path
) -> None:
    pictures, copies = [], []
    for number, path in enumerate(sorted(lecture_pictures.glob("*/*.jpg"))):
        image = images.to_colour(images.decode(path.read_bytes()))
        pictures.append(kept(image, f"{number}"))
        size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
        packed = io.BytesIO()
        Image.fromarray(image).resize(size).save(packed, "JPEG", quality=quality)
        copies.append(kept(images.to_colour(images.decode(packed.getvalue())), f"{number} again"))
    assert collection.find_alike(pictures) == []
    count = len(pictures)
    found = set(collection.find_alike(pictures + copies))
    pairs = {(number, number + count) for number in range(count)}
    assert len(found & pairs) >= count - 2
    assert len({it for it in found if (it[1] - it[0]) % count}) <= 1


def test_pictures_that_only_look_similar_are_not_the_same() -> None:
    first = noise(0)
    turned = np.ascontiguousarray(first[:, ::-1])
    brighter = np.clip(first.astype(int) + 40, 0, 255).astype(np.uint8)
    flat = np.full((50, 50, 3), 128, np.uint8)
    pictures = [kept(it, str(place)) for place, it in enumerate([first, turned, brighter, flat])]
    assert collection.find_alike([*pictures, kept(flat + 2, "flat too")]) == []


def test_bursts_and_copies_share_a_group_also_through_a_third() -> None:
    a, b, c, d = (noise(it) for it in range(4))
    pictures = (
        kept(a, "0", "burst"),
        kept(b, "1", "burst"),
        kept(cv2.resize(b, (45, 45)), "2"),  # type: ignore[arg-type]
        kept(c, "3"),
        kept(d, "4"),
    )
    found = Collection((PictureClass(name="x", pictures=pictures),))
    groups = found.groups()
    assert len(set(groups[:3].tolist())) == 1
    assert len(set(groups.tolist())) == 3


def test_labels_and_digest_say_what_a_training_would_see() -> None:
    two = make(2, 3)
    assert_array_equal(two.labels(), [0, 0, 1, 1, 1])
    assert two.size == 5
    assert two.digest() == make(2, 3).digest()
    assert two.digest() != make(3, 2).digest()
    renamed = Collection((PictureClass(name="other", pictures=two.classes[0].pictures),
                          two.classes[1]))  # fmt: skip
    assert renamed.digest() != two.digest()


@pytest.mark.parametrize(("sizes", "count"), [((), 0), ((4,), 1)])
def test_one_class_only_is_refused(sizes: tuple[int, ...], count: int) -> None:
    with pytest.raises(SettingError) as refused:
        make(*sizes).check()
    assert refused.value.values["count"] == count


def test_a_class_of_one_picture_is_refused_by_its_name() -> None:
    with pytest.raises(SettingError, match="class 1"):
        make(3, 1).check()
    make(2, 2).check()


def test_what_is_written_is_read_again() -> None:
    two = make(2, 3)
    assert Collection.from_json(two.to_json()) == two


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"classes": 3}', '{"classes": [{"name": ""}]}', '{"classes": [{"name": 3}]}',
     '{"classes": [{"name": "a", "pictures": [{"name": "x"}]}]}'],
)  # fmt: skip
def test_what_is_no_list_of_classes_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Collection.from_json(text)
