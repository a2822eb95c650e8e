"""What is learned, and how: the settings of the transfer laboratory, and its presets."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

import streamlit as st

from cvcore import transfer, transfer_views
from cvcore.backbones import BACKBONES
from cvcore.collection import Collection
from cvcore.datasets import DATASETS
from cvcore.errors import N_, SettingError
from cvcore.spec import Augmentation
from cvcore.transfer import Learned
from cvcore.transfer_spec import (
    LIMITS,
    LOSSES,
    OPTIMISERS,
    OUTPUTS,
    SCALINGS,
    WAYS,
    Head,
    TransferSpec,
    Way,
)
from pages.ui import address, questions
from pages.ui.backbone_input import choose_backbone, choose_framing
from pages.ui.collection_input import recall_collection
from pages.ui.inputs import are_drawn, choose, decimal, number, switch, unseen
from pages.ui.setup import friendly
from pages.ui.words import Say

_SCRATCH_SIZE = 96  # pixels a side that the small CNN sees

_USUAL: Mapping[str, object] = MappingProxyType(
    {
        "t_set": "own",
        "t_ways": "features,scratch",
        "t_cut": "",
        "t_size": 224,
        "t_framing": "crop",
        "t_scaling": "own",
        "t_pooled": True,
        "t_units": "",
        "t_dropout": 0.2,
        "t_output": "softmax",
        "t_loss": "cross_entropy",
        "t_optimiser": "adam",
        "t_rate": 0.001,
        "t_epochs": 20,
        "t_held": 25,
        "t_thawed": 2,
        "t_fine": 3,
        "t_fine_rate": 1e-5,
        "t_count": 1000,
    }
)

_LECTURE_FACES = {
    **_USUAL,
    "t_size": 75,
    "t_framing": "squeeze",
    "t_pooled": False,
    "t_units": "512,128,256",
    "t_dropout": 0.0,
    "t_output": "sigmoid",
    "t_loss": "mse",
    "t_epochs": 150,
    "t_held": 33,
}

PRESETS: tuple[tuple[str, Mapping[str, object]], ...] = (
    (N_("The usual way"), _USUAL),
    (
        N_("Fine-tuning"),
        {**_USUAL, "t_ways": "features,fine_tune", "t_thawed": 3, "t_fine": 4},
    ),
    (N_("Augmentation"), {**_USUAL, "t_ways": "features,augmented"}),
    (
        N_("Lecture: MNIST, mixed7"),
        {
            **_USUAL,
            "t_set": "mnist",
            "t_ways": "features",
            "backbone": "InceptionV3",
            "t_cut": "mixed7",
            "t_size": 75,
            "t_pooled": False,
            "t_units": "64",
            "t_dropout": 0.0,
            "t_optimiser": "rmsprop",
            "t_rate": 0.0005,
            "t_epochs": 5,
        },
    ),
    (
        N_("Lecture: faces, mixed7"),
        {**_LECTURE_FACES, "backbone": "InceptionV3", "t_cut": "mixed7", "t_ways": "features",
         "t_scaling": "both"},
    ),
    (
        N_("Its head on MobileNetV2"),
        {**_LECTURE_FACES, "backbone": "MobileNetV2", "t_cut": "block_12_add",
         "t_ways": "features", "t_scaling": "both"},
    ),
)  # fmt: skip
"""Experiments, each with the settings that make it."""


def choose_specs(say: Say, token: str, collection: Collection) -> dict[str, TransferSpec]:
    """Ask how the classes are learned.

    Returns
    -------
    dict of str to TransferSpec
        By what each is called on the page, in the order in which they are shown.
    """
    what = choose(
        say("Pictures"),
        {"own": say("Your classes"), "mnist": say("MNIST")},
        key="t_set",
        default="own",
        style="segments",
    )
    ways = _choose_ways(say)
    name = choose_backbone(say, top=False)
    classes = len(collection.classes) if what == "own" else 10
    spec = TransferSpec(
        work=token if what == "own" else what,
        content=collection.digest() if what == "own" else "",
        backbone=name or "MobileNetV2",
    )
    with _folded(say("Cut, size and scaling"), ":material/content_cut:"):
        spec, both = _choose_cut(say, spec)
    with _folded(say("Head"), ":material/hub:"):
        spec = _choose_head(say, spec)
    with _folded(say("Training"), ":material/tune:"):
        spec = _choose_training(say, spec, what)
    if set(ways) != {"scratch"}:
        spec = _choose_thawing(say, spec, classes, fine="fine_tune" in ways)
    return _specs(say, spec, ways, both=both)


def _folded(label: str, icon: str) -> AbstractContextManager[object]:
    return st.popover(label, icon=icon, width="stretch") if are_drawn() else nullcontext()


def _specs(
    say: Say, spec: TransferSpec, ways: tuple[Way, ...], *, both: bool
) -> dict[str, TransferSpec]:
    """Return a specification for each way; only what the way looks at differs from the usual."""
    specs = {}
    for way in ways:
        one = replace(spec, way=way)
        if way == "features":
            one = replace(one, augmentation=Augmentation())
        if way == "scratch":
            one = replace(
                one,
                backbone="MobileNetV2",
                cut="",
                scaling="own",
                size=min(spec.size, _SCRATCH_SIZE),
                head=replace(spec.head, pooled=True),
            )
        if way != "fine_tune":
            usual = TransferSpec(work=spec.work)
            one = replace(one, thawed=0, fine_epochs=usual.fine_epochs, fine_rate=usual.fine_rate)
        if both and way != "scratch":
            for scaling, label in SCALINGS.items():
                specs[f"{say(WAYS[way])} · {say(label)}"] = replace(
                    one, scaling="own" if scaling == "own" else "unit"
                )
        else:
            specs[say(WAYS[way])] = one
    return specs


def _choose_ways(say: Say) -> tuple[Way, ...]:
    address.recall("t_ways", "features,scratch", _read_ways)
    chosen = [it for it in str(st.session_state["t_ways"]).split(",") if it in WAYS]
    st.session_state["t_ways_list"] = chosen
    if are_drawn():
        st.pills(
            say("Ways, side by side"),
            list(WAYS),
            selection_mode="multi",
            format_func=lambda it: say(WAYS[it]),
            key="t_ways_list",
            on_change=_take_ways,
        )
    address.publish("t_ways", "features,scratch")
    return tuple(it for it in WAYS if it in chosen)


def _take_ways() -> None:
    chosen = st.session_state["t_ways_list"]
    st.session_state["t_ways"] = ",".join(it for it in WAYS if it in chosen) or "features"


def _read_ways(text: str) -> str:
    if not text or any(it not in WAYS for it in text.split(",")):
        raise ValueError(text)
    return text


def _choose_cut(say: Say, spec: TransferSpec) -> tuple[TransferSpec, bool]:
    entry = BACKBONES[spec.backbone]
    size = number(
        say("Input size, pixels a side"),
        key="t_size",
        default=224,
        low=max(entry.smallest, int(LIMITS["size"][0])),
        high=int(LIMITS["size"][1]),
        style="box",
        help=say(
            "What a picture is brought to; the backbone was trained with {size}.", size=entry.size
        ),
    )
    framing = choose_framing(say, key="t_framing")
    scaling = choose(
        say("Pixels"),
        {**{it: say(label) for it, label in SCALINGS.items()}, "both": say("Both, side by side")},
        key="t_scaling",
        default="own",
        help=say("The lecture feeds InceptionV3 values from 0 to 1; it was trained with −1 to 1."),
    )
    spec = replace(
        spec,
        size=size,
        framing=framing,
        scaling="unit" if scaling == "unit" else "own",
    )
    address.recall("t_cut", "", str)
    asked = questions.ask(say, (transfer_views.places, spec.backbone), key="t_places")
    if asked is not None:
        places: transfer_views.Places = asked[0]
        options = {"": say("The end: {layer}", layer=places.ends[-1])}
        options |= {it: say("{layer} (a block ends)", layer=it) for it in places.ends[-2::-1]}
        options |= {it: it for it in reversed(places.layers) if it not in options}
        if st.session_state["t_cut"] not in options:
            st.info(
                say("{backbone} has no layer of this name: it is cut at its end.",
                    backbone=spec.backbone),
                icon=":material/lightbulb:",
            )  # fmt: skip
        cut = choose(say("Cut after layer"), options, key="t_cut", default="")
        spec = replace(spec, cut=cut)
    else:
        spec = replace(spec, cut=str(st.session_state["t_cut"]))
    return spec, scaling == "both"


def _choose_head(say: Say, spec: TransferSpec) -> TransferSpec:
    pooled = switch(
        say("The mean of each feature map"),
        key="t_pooled",
        default=True,
        help=say("Else all values of all maps, in a row: many more weights for the first layer."),
    )
    address.recall("t_units", "", str)
    if are_drawn():
        st.text_input(
            say("Hidden layers, units"),
            key="t_units",
            placeholder="512, 128, 256",
            max_chars=40,
            help=say("With commas in between; nothing for none."),
        )
        address.publish("t_units", "")
    text = str(st.session_state["t_units"])
    dropout = decimal(say("Dropout"), key="t_dropout", default=0.2, low=0.0, high=0.9, step=0.1)
    output = choose(
        say("Output"), {it: say(label) for it, label in OUTPUTS.items()}, key="t_output",
        default="softmax",
    )  # fmt: skip
    loss = choose(
        say("Loss"), {it: say(label) for it, label in LOSSES.items()}, key="t_loss",
        default="cross_entropy",
    )  # fmt: skip
    return replace(
        spec,
        head=Head(
            pooled=pooled,
            units=_read_units(text),
            dropout=dropout,
            output="sigmoid" if output == "sigmoid" else "softmax",
        ),
        loss="mse" if loss == "mse" else "cross_entropy",
    )


def _read_units(text: str) -> tuple[int, ...]:
    parts = [it.strip() for it in text.replace(";", ",").split(",") if it.strip()]
    if not all(it.isdecimal() and len(it) < 6 for it in parts):
        raise SettingError(
            N_("Hidden layers are written as whole numbers with commas, like 512, 128; this was "
               "{text}."),
            text=text[:40],
        )  # fmt: skip
    return tuple(map(int, parts))


def _choose_training(say: Say, spec: TransferSpec, what: str) -> TransferSpec:
    optimiser = choose(
        say("Optimiser"), {it: say(label) for it, label in OPTIMISERS.items()},
        key="t_optimiser", default="adam", style="segments",
    )  # fmt: skip
    rate = decimal(
        say("Learning rate"), key="t_rate", default=0.001, low=1e-6, high=1.0, step=0.0001,
        format="%.5f",
    )  # fmt: skip
    epochs = number(say("Epochs"), key="t_epochs", default=20, low=1, high=200, style="box")
    held = number(
        say("Held out (%)"),
        key="t_held",
        default=25,
        low=5,
        high=90,
        help=say("Of each class, pictures that are never learned from: they test the network."),
    )
    seed = number(say("Seed"), key="t_seed", default=0, low=0, high=2**32 - 1, style="box")
    if what != "own":
        count = number(
            say("Pictures of the data set"), key="t_count", default=1000, low=20, high=60_000,
            style="box",
        )  # fmt: skip
        spec = replace(spec, count=count)
    rotation = number(
        say("Augmentation: rotation (°)"), key="t_rotation", default=10, low=0, high=90
    )
    zoom = number(say("Augmentation: zoom (%)"), key="t_zoom", default=10, low=0, high=50)
    flip = switch(say("Augmentation: mirror left and right"), key="t_flip", default=True)
    return replace(
        spec,
        optimiser="rmsprop" if optimiser == "rmsprop" else "adam",
        learning_rate=rate,
        epochs=epochs,
        held_out=held / 100,
        seed=seed,
        augmentation=Augmentation(rotation=rotation, zoom=zoom / 100, flip=flip),
    )


class Chosen(NamedTuple):
    """One of the ways that were learned.

    Parameters
    ----------
    spec : TransferSpec
    kept : Learned
    names : tuple of str
        What the classes are called on the page.
    collection : Collection
        The visitor's, also where a data set was learned.
    """

    spec: TransferSpec
    kept: Learned
    names: tuple[str, ...]
    collection: Collection


def choose_learned(say: Say) -> Chosen | None:
    """Ask which of the ways that were learned is looked at; the settings are not drawn.

    Returns
    -------
    Chosen or None
        None where nothing is learned with these settings, which is said.
    """
    token, collection = recall_collection(say)
    specs: dict[str, TransferSpec] = {}
    with friendly(say), unseen(), st.container(key="learned_hidden"):
        specs = choose_specs(say, token, collection)
    done = {}
    for name, spec in specs.items():
        kept = transfer.recall(spec)
        if kept is not None:
            done[spec.way + spec.scaling] = (name, spec, kept)
    if not done:
        st.info(
            say("Nothing is learned with these settings yet. Learn the classes first."),
            icon=":material/lightbulb:",
        )
        return None
    labels = {it: name for it, (name, _, _) in done.items()}
    way = choose(say("Way"), labels, key="result_way", default=next(reversed(labels)))
    _, spec, kept = done[way]
    own = spec.is_own
    names = kept.names if own else tuple(say(it) for it in DATASETS[spec.work].classes)
    return Chosen(spec, kept, names, collection)


def _choose_thawing(say: Say, spec: TransferSpec, classes: int, *, fine: bool) -> TransferSpec:
    """Ask how much of the backbone learns: the freeze dial, with its counts."""
    asked = None
    if are_drawn():
        of_it = transfer_views.of_shape(spec)
        asked = questions.ask(say, (transfer_views.shape, of_it, classes), key="t_dial")
        if asked is None:
            return spec
    shape: transfer_views.Shape | None = asked[0] if asked is not None else None
    if not fine:
        if shape is not None:
            _say_counts(say, shape, 0)
        return spec
    thawed = number(
        say("Blocks that learn in fine-tuning"),
        key="t_thawed",
        default=2,
        low=0,
        high=len(shape.stops) if shape is not None else int(LIMITS["thawed"][1]),
        help=say("From the end of the backbone: its last blocks. The others stay frozen."),
    )
    epochs = number(
        say("Epochs of fine-tuning"), key="t_fine", default=3, low=0, high=100, style="box"
    )
    rate = decimal(
        say("Its learning rate"), key="t_fine_rate", default=1e-5, low=1e-7, high=0.1, step=1e-6,
        format="%.7f",
    )  # fmt: skip
    if shape is not None:
        _say_counts(say, shape, thawed)
    return replace(spec, thawed=thawed, fine_epochs=epochs, fine_rate=rate)


def _say_counts(say: Say, shape: transfer_views.Shape, thawed: int) -> None:
    now = shape.stops[thawed - 1] if thawed else None
    st.caption(
        say(
            "{trainable} parameters learn, {frozen} stay frozen, {total} in all. Batch "
            "normalisation stays frozen.",
            trainable=f"{now.trainable if now else shape.trainable:,}",
            frozen=f"{now.frozen if now else shape.frozen:,}",
            total=f"{shape.trainable + shape.frozen:,}",
        )
    )
