"""Your classes: bring pictures, name them, look through them; kept for whoever has the address."""

from collections.abc import Callable

import numpy as np
import streamlit as st

from cvcore import images, work_store, zips
from cvcore.arrays import ByteArray
from cvcore.collection import FEW, MOST_CLASSES, MOST_LETTERS, UNEVEN, Collection
from cvcore.errors import CvCoreError
from cvcore.work_store import Added
from pages.ui import address
from pages.ui.collection_input import open_collection, recall_collection
from pages.ui.gallery import Tile, show_gallery
from pages.ui.setup import explain
from pages.ui.words import Say, plain

_THUMBNAIL = 72  # pixels a side
_SHOWN = 60  # thumbnails of a class at first
_PICKED, _SAID, _ROUND = "classes_picked", "classes_said", "classes_round"


def show(say: Say) -> None:
    """Show the visitor's classes, and let them be changed."""
    token, collection = recall_collection(say)
    _show_work(say, token, collection)
    _say_what_happened(say)
    for line in warnings(say, collection):
        st.info(line, icon=":material/lightbulb:")
    for first in range(0, len(collection.classes), 2):
        # Two and two, so that a phone has them in their order.
        for label, column in zip(
            range(first, len(collection.classes)), st.columns(2, gap="medium"), strict=False
        ):
            with column, st.container(border=True):
                _show_class(say, token, collection, label)
    if len(collection.classes) < MOST_CLASSES:
        with st.columns(2, gap="medium")[0]:
            _offer_class(say, token)


def warnings(say: Say, collection: Collection) -> list[str]:
    """Return what is noticed about a collection, in sentences."""
    said = []
    counts = [len(it.pictures) for it in collection.classes]
    if len(counts) < 2:
        said.append(say("Telling apart takes two classes at least. Add another one."))
    few = [it.name for it in collection.classes if len(it.pictures) < FEW]
    if few:
        said.append(
            say(
                "Fewer than {few} pictures: {names}. A network can hardly learn from them, and "
                "nothing is left to test it with.",
                few=FEW,
                names=plain(", ".join(few)),
            )
        )
    fewest = min(counts, default=0)
    if fewest and max(counts) >= UNEVEN * fewest:
        most, least = int(np.argmax(counts)), int(np.argmin(counts))
        said.append(
            say(
                "{most} has {many} pictures, {least} only {few}: who always says {most} is right "
                "most of the time. Bring them closer.",
                most=plain(collection.names[most]),
                many=counts[most],
                least=plain(collection.names[least]),
                few=counts[least],
            )
        )
    labels = collection.labels()
    across = sum(1 for one, other in collection.alike if labels[one] != labels[other])
    within = len(collection.alike) - across
    if within:
        said.append(
            say(
                "{count} pairs of pictures are the same, perhaps resized. They teach nothing new; "
                "they stay on one side of the split.",
                count=within,
            )
        )
    if across:
        said.append(
            say(
                "{count} pairs of the same picture lie in two classes: one of them is wrong.",
                count=across,
            )
        )
    return said


# -- all of it


def _show_work(say: Say, token: str, collection: Collection) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="classes_work"):
        st.markdown(
            say(
                "**{classes} classes, {pictures} pictures.** This page's address opens them again, "
                "here or on another machine, for {days} days after they were last used; nobody "
                "else sees them without it.",
                classes=len(collection.classes),
                pictures=collection.size,
                days=f"{work_store.hours() / 24:g}",
            )
        )
    with st.container(horizontal=True, key="classes_files"):
        with st.popover(say("Open"), icon=":material/folder_open:"):
            st.file_uploader(
                say(
                    "A zip file: one that was saved here, or one with a folder of pictures for "
                    "each class (at most {most} MB)",
                    most=zips.MOST_BYTES // 2**20,
                ),
                type=["zip"],
                key=_key("classes_zip"),
                on_change=_open_zip,
                args=(_key("classes_zip"),),
                max_upload_size=zips.MOST_BYTES // 2**20 + 1,
            )
            st.button(
                say("The ready set: faces, and what is none"),
                icon=":material/face:",
                key="classes_ready",
                on_click=_open_ready,
                args=((say("Face"), say("Not a face")),),
            )
            st.button(
                say("Two empty classes"),
                icon=":material/add_box:",
                key="classes_empty",
                on_click=_open_empty,
                args=((say("First"), say("Second")),),
            )
        st.download_button(
            say("Save as a file"),
            lambda: work_store.save(token),
            file_name="classes.zip",
            mime="application/zip",
            icon=":material/download:",
            key="classes_save",
            on_click="ignore",
        )
        st.button(
            say("Undo the last change"),
            icon=":material/undo:",
            key="classes_undo",
            on_click=_do,
            args=(lambda: work_store.undo(token),),
            disabled=not work_store.can_undo(token),
        )
        st.button(
            say("Learn them"),
            icon=":material/arrow_forward:",
            type="primary",
            key="classes_learn",
            on_click=address.apply,
            args=({"transfer": "learn"},),
        )


def _say_what_happened(say: Say) -> None:
    """Say what the last change could not do."""
    said: Added | CvCoreError | None = st.session_state.pop(_SAID, None)
    if isinstance(said, CvCoreError):
        st.warning(explain(say, said), icon=":material/lightbulb:")
    elif said is not None and said.refused:
        lines = [
            say(
                "{count} pictures were added; these were left out:",
                count=said.count,
            )
        ]
        lines += [f"- {plain(title)}: {explain(say, error)}" for title, error in said.refused[:10]]
        if len(said.refused) > 10:
            lines.append("- " + say("and {count} more", count=len(said.refused) - 10))
        st.warning("\n".join(lines), icon=":material/broken_image:")


def _do(change: Callable[[], object]) -> None:
    """Do something to the collection, for a button; where it cannot be done, the page says why."""
    try:
        done = change()
    except CvCoreError as error:
        st.session_state[_SAID] = error
        return
    st.session_state[_SAID] = done if isinstance(done, Added) else None
    st.session_state.pop(_PICKED, None)


def _key(name: str) -> str:
    """Return a key for an uploader, another one after each upload, so that it is empty again."""
    return f"{name}_{st.session_state.get(_ROUND, 0)}"


def _next_round() -> None:
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1


def _open_zip(key: str) -> None:
    upload = st.session_state[key]
    if upload is None:
        return
    _next_round()

    def change() -> Added:
        token, added = work_store.open_zip(upload.getvalue())
        open_collection(token)
        return added

    _do(change)


def _open_ready(names: tuple[str, str]) -> None:
    _do(lambda: open_collection(work_store.open_ready(names)))


def _open_empty(names: tuple[str, str]) -> None:
    def change() -> None:
        token = work_store.create()
        for name in names:
            work_store.add_class(token, name)
        open_collection(token)

    _do(change)


def _offer_class(say: Say, token: str) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(
            say("A new class"),
            key=_key("classes_new"),
            placeholder=say("Its name"),
            max_chars=MOST_LETTERS,
        )
        st.button(
            say("Add the class"),
            icon=":material/add:",
            key="classes_add",
            on_click=_add_class,
            args=(token, name),
        )


def _add_class(token: str, name: str) -> None:
    _do(lambda: work_store.add_class(token, name))
    if st.session_state[_SAID] is None:
        _next_round()


# -- one class


def _show_class(say: Say, token: str, collection: Collection, label: int) -> None:
    one = collection.classes[label]
    key = f"class_{label}"
    # Undone, renamed elsewhere or removed: the field follows.
    if st.session_state.get(f"{key}_kept") != (token, one.name):
        st.session_state[f"{key}_kept"] = (token, one.name)
        st.session_state[f"{key}_name"] = one.name
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"{key}_head"):
        st.text_input(
            say("Class {number}: {count} pictures", number=label + 1, count=len(one.pictures)),
            key=f"{key}_name",
            max_chars=MOST_LETTERS,
            on_change=_rename,
            args=(token, label, f"{key}_name"),
        )
        with st.popover(say("Add"), icon=":material/add_a_photo:"):
            st.file_uploader(
                say("Pictures (PNG, JPEG, WebP, BMP, GIF, TIFF; at most 10 MB each)"),
                accept_multiple_files=True,
                key=_key(f"{key}_files"),
                on_change=_add_files,
                args=(token, label, _key(f"{key}_files")),
                max_upload_size=images.MAX_UPLOAD_MEGABYTES,
            )
            # The browser asks for the camera as soon as the widget is there: on request alone.
            if st.toggle(say("Use the camera"), key=f"{key}_camera_on"):
                st.camera_input(
                    say("Photograph"),
                    key=_key(f"{key}_camera"),
                    on_change=_add_shot,
                    args=(token, label, _key(f"{key}_camera")),
                )
                st.caption(
                    say("Shots within ten seconds are one burst: they are never on both sides.")
                )
        st.button(
            "",
            icon=":material/delete:",
            help=say("Remove this class with its pictures"),
            key=f"{key}_remove",
            on_click=_do,
            args=(lambda: work_store.remove_class(token, label),),
        )
    _show_pictures(say, token, collection, label)


def _show_pictures(say: Say, token: str, collection: Collection, label: int) -> None:
    one = collection.classes[label]
    if not one.pictures:
        st.caption(say("No pictures yet. Add some: ten are a good beginning, of different ones."))
        return
    key = f"class_{label}"
    all_of_them = len(one.pictures) <= _SHOWN or st.session_state.get(f"{key}_all", False)
    shown = one.pictures if all_of_them else one.pictures[:_SHOWN]
    picked = st.session_state.get(_PICKED)
    names = [it.name for it in shown]
    chosen = (
        names.index(picked[1]) if picked and picked[0] == label and picked[1] in names else None
    )

    def pick(place: int) -> None:
        now = (label, names[place])
        st.session_state[_PICKED] = None if st.session_state.get(_PICKED) == now else now

    with st.container(height=250 if len(shown) > 18 else "content", border=False):
        show_gallery(
            [
                Tile(image=thumbnail(token, it.name), head=str(place), alt=it.title)
                for place, it in enumerate(shown, start=1)
            ],
            label=say("Pictures of {name}. Choose one to move or remove it.", name=one.name),
            key=f"{key}_pictures",
            chosen=chosen,
            on_choose=pick,
        )
    if not all_of_them:
        st.toggle(say("Show all {count}", count=len(one.pictures)), key=f"{key}_all")
    if chosen is None:
        return
    name = names[chosen]
    with st.container(horizontal=True, vertical_alignment="center", key=f"{key}_picked"):
        st.caption(
            say(
                "Picture {number}: {title}, {height} × {width}",
                number=chosen + 1,
                title=plain(shown[chosen].title),
                height=shown[chosen].height,
                width=shown[chosen].width,
            ),
            width="content",
        )
        st.button(
            say("Remove"),
            icon=":material/delete:",
            key=f"{key}_picture_remove",
            on_click=_do,
            args=(lambda: work_store.remove(token, label, name),),
        )
        for other, it in enumerate(collection.classes):
            if other != label:
                st.button(
                    say("To {name}", name=plain(it.name)),
                    icon=":material/move_item:",
                    key=f"{key}_picture_to_{other}",
                    on_click=_do,
                    args=(lambda other=other: work_store.move(token, label, name, other),),
                )


@st.cache_data(max_entries=2_000, show_spinner=False)
def thumbnail(token: str, name: str) -> ByteArray:
    """Return a picture small enough for a gallery: uint8, at most 72 pixels a side."""
    return images.fit(work_store.image(token, name), max_side=_THUMBNAIL)


def _rename(token: str, label: int, key: str) -> None:
    _do(lambda: work_store.rename(token, label, str(st.session_state[key])))
    # Refused: the field shows again what the class is called.
    st.session_state.pop(f"class_{label}_kept", None)


def _add_files(token: str, label: int, key: str) -> None:
    uploads = st.session_state[key]
    if not uploads:
        return
    _next_round()
    _do(lambda: work_store.add(token, label, [(it.name, it.getvalue()) for it in uploads]))


def _add_shot(token: str, label: int, key: str) -> None:
    shot = st.session_state[key]
    if shot is None:
        return
    _next_round()
    _do(lambda: work_store.add(token, label, [(shot.name, shot.getvalue())], source="camera"))
