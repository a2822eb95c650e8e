"""Learn the classes: several ways side by side, with curves that grow."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import streamlit as st

from cvcore import transfer, transfer_views
from cvcore.arrays import FloatArray
from cvcore.engine import Answer, engine
from cvcore.errors import CvCoreError
from cvcore.transfer import Learned
from cvcore.transfer_spec import SCRATCH_FILTERS, TransferSpec
from pages.ui import address, questions
from pages.ui.backbone_input import ask_for_weights
from pages.ui.collection_input import recall_collection
from pages.ui.duration import duration
from pages.ui.inputs import try_this
from pages.ui.setup import explain, friendly
from pages.ui.tables import table
from pages.ui.transfer.settings import PRESETS, choose_specs
from pages.ui.words import Say

_TRAINING, _HELD = "#0072B2", "#D55E00"
_OPENED = "learn_opened"


class _Way(NamedTuple):
    """A way to learn: what is known of it as the page is drawn."""

    name: str
    spec: TransferSpec
    pending: Answer | None
    """While it learns, or waits to."""
    error: CvCoreError | None
    kept: Learned | None


def show(say: Say) -> None:
    """Show each way with its curves, and let it learn."""
    try_this(say, [(say(label), settings) for label, settings in PRESETS])
    token, collection = recall_collection(say)
    controls, experiment = st.columns([1, 2.6], gap="medium")
    specs: dict[str, TransferSpec] = {}
    with controls, friendly(say):
        specs = choose_specs(say, token, collection)
    with experiment, friendly(say):
        if not specs:
            return
        for spec in specs.values():
            spec.validate()
        first = next(iter(specs.values()))
        if any(it.way != "scratch" for it in specs.values()) and not ask_for_weights(
            say, next(it for it in specs.values() if it.way != "scratch").backbone,
            top=False, key="learn_weights",
        ):  # fmt: skip
            return
        if first.is_own:
            collection.check()
        _open_with_something(specs)
        ways = [_look(name, spec) for name, spec in specs.items()]
        _offer(say, ways)
        for way, column in zip(ways, st.columns(min(len(ways), 3)) * 2, strict=False):
            with column, st.container(border=True):
                _show_way(say, way)
        _compare(say, ways)
        if any(it.kept is not None for it in ways):
            with st.container(key="learn_sweep"):
                _show_sweep(say, specs)


def _look(name: str, spec: TransferSpec) -> _Way:
    # In this order: what ends in between is then there.
    answer = engine().computed(transfer.learn, spec)
    pending = answer if answer is not None and answer.state == "pending" else None
    error = answer.error if answer is not None else None
    return _Way(name, spec, pending, error, transfer.recall(spec))


def _open_with_something(specs: dict[str, TransferSpec]) -> None:
    """Have the quickest way learned on a first visit, so that nobody meets an empty page."""
    if _OPENED in st.session_state:
        return
    st.session_state[_OPENED] = True
    for spec in specs.values():
        quick = spec.is_own and spec.way == "features" and spec.epochs <= 20
        if quick and transfer.recall(spec) is None:
            engine().compute(transfer.learn, spec)


def _offer(say: Say, ways: Sequence[_Way]) -> None:
    open_ones = [
        it.spec for it in ways if it.pending is None and (it.kept is None or it.kept.stopped)
    ]
    with st.container(horizontal=True, vertical_alignment="center", key="learn_buttons"):
        st.button(
            say("Train"),
            icon=":material/play_arrow:",
            type="primary",
            key="learn_train",
            on_click=train,
            args=(open_ones,),
            disabled=not open_ones,
        )
        st.button(
            say("Look at the result"),
            icon=":material/grid_view:",
            key="learn_result",
            on_click=address.apply,
            args=({"transfer": "result"},),
        )


def train(specs: Sequence[TransferSpec]) -> None:
    """Have trainings done, or done anew where they were stopped; for a button's ``on_click``."""
    for spec in specs:
        kept = transfer.recall(spec)
        if kept is not None and kept.stopped:
            transfer.forget(spec)
        engine().forget(transfer.learn, spec)
        engine().compute(transfer.learn, spec)


def _show_way(say: Say, way: _Way) -> None:
    """Show one way: live while it learns, then its result in numbers."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{way.name}**", width="content")
        with st.popover(say("How"), icon=":material/help:", type="tertiary"):
            st.markdown(_steps(say, way.spec))
    if way.pending is not None:
        watch(say, way.spec, way.pending)
        return
    if way.kept is not None:
        show_learned(say, way.spec, way.kept)
        return
    if way.error is not None:
        st.warning(explain(say, way.error), icon=":material/lightbulb:")
    st.caption(say("Nothing is learned with these settings yet: press Train."))
    _curves(say, np.zeros((0, 4), np.float32), way.spec, way.spec.epochs)


def _steps(say: Say, spec: TransferSpec) -> str:
    """Say what a way does, step by step."""
    if spec.way == "scratch":
        return say(
            "Three convolutions with {filters} filters, each with pooling, and a head: all weights "
            "begin at random and learn from your pictures alone.",
            filters=", ".join(map(str, SCRATCH_FILTERS)),
        )
    if spec.way == "features":
        return say(
            "Every picture goes through the frozen backbone once. What comes out, {backbone}'s "
            "features, is kept, and the head alone learns from it: epochs take milliseconds, but "
            "each sees the same pictures.",
            backbone=spec.backbone,
        )
    if spec.way == "augmented":
        return say(
            "Backbone and head are one network, the backbone frozen. In each epoch every picture "
            "is turned, zoomed or mirrored anew and goes through all of it: slower, but never the "
            "same picture twice."
        )
    return say(
        "1. A new head is put on the trained backbone.\n2. The backbone is frozen.\n3. The head "
        "learns: {epochs} epochs, learning rate {rate}.\n4. The last {blocks} blocks are thawed; "
        "batch normalisation stays as it is.\n5. Both learn together: {more} epochs, learning rate "
        "{low}, so low that what was learned from a million photos is not lost.",
        epochs=spec.epochs,
        rate=f"{spec.learning_rate:g}",
        blocks=spec.thawed,
        more=spec.fine_epochs,
        low=f"{spec.fine_rate:g}",
    )


def watch(say: Say, spec: TransferSpec, answer: Answer) -> None:
    """Show a training's curves while it learns, with a stop; the page is drawn anew at its end."""

    def look() -> None:
        if answer.state != "pending":
            st.rerun()
        left = answer.seconds_left
        if not answer.has_begun:
            words = say("It begins as soon as the worker is free.")
        elif answer.found is None:
            words = say("Pictures, network and features are being made ready.")
        elif left is not None:
            words = say("Still about {time}.", time=duration(say, left))
        else:
            words = say("The worker is at it.")
        st.progress(answer.share, text=words)
        st.button(
            say("Stop"),
            icon=":material/stop:",
            key=f"stop_{spec.digest()}",
            on_click=engine().end,
            args=(transfer.learn, spec),
            help=say("Ends it with what it has learned so far."),
        )
        rows = np.array(answer.found or [], np.float32).reshape(-1, 4)
        _curves(say, rows, spec, spec.epochs)

    st.fragment(look, run_every=0.5, key=f"watch_{spec.digest()}")()


def show_learned(say: Say, spec: TransferSpec, kept: Learned) -> None:
    """Show what came of a training: held-out pictures that are named rightly, and its curves."""
    right, of = kept.right(held=True)
    trained, of_trained = kept.right(held=False)
    with st.container(horizontal=True, gap="small"):
        st.metric(say("Held out, right"), f"{right} / {of}", width="content")
        st.metric(say("Learned from, right"), f"{trained} / {of_trained}", width="content")
        st.metric(say("Time"), duration(say, kept.seconds), width="content")
    rows = np.stack([kept.loss, kept.accuracy, kept.val_loss, kept.val_accuracy], axis=1)
    _curves(say, rows, spec, kept.fine_from)
    st.caption(_in_words(say, kept))


def _in_words(say: Say, kept: Learned) -> str:
    trained = kept.right(held=False)
    held = kept.right(held=True)
    text = say(
        "{trainable} parameters learned, {frozen} stayed frozen.",
        trainable=f"{kept.trainable:,}",
        frozen=f"{kept.frozen:,}",
    )
    if kept.feature_seconds and kept.computed:
        text += " " + say(
            "The features of all pictures took {seconds} s, once.",
            seconds=f"{kept.feature_seconds:.1f}",
        )
    gap = trained[0] / max(trained[1], 1) - held[0] / max(held[1], 1)
    if gap > 0.15:
        text += " " + say(
            "It knows what it has seen better than what it has not, by {points} points: it learns "
            "by heart.",
            points=f"{100 * gap:.0f}",
        )
    if kept.stopped:
        text += " " + say("It was stopped before its last epoch; Train begins it anew.")
    return text


def _curves(say: Say, rows: FloatArray, spec: TransferSpec, fine_from: int) -> None:
    """Draw accuracy and loss of each epoch, both of learned and of held-out pictures."""
    learned, held = say("Learned from"), say("Held out")
    for quantity, columns, name in (
        ("accuracy", (1, 3), say("Accuracy")),
        ("loss", (0, 2), say("Loss")),
    ):
        points = [
            {"epoch": epoch, "who": who, "value": float(row[column])}
            for epoch, row in enumerate(rows.tolist(), start=1)
            for who, column in zip((learned, held), columns, strict=True)
            if np.isfinite(row[column])
        ]
        colours = {"domain": [learned, held], "range": [_TRAINING, _HELD]}
        domain = [0, 1] if quantity == "accuracy" or not points else None
        lines = {
            "data": {"values": points},
            "mark": {"type": "line", "point": {"size": 18, "filled": True}},
            "encoding": {
                "x": {
                    "field": "epoch",
                    "type": "quantitative",
                    "title": say("Epoch") if quantity == "loss" else None,
                    "scale": {"domain": [1, max(spec.all_epochs, 2)]},
                    "axis": {"tickMinStep": 1, "format": "d"},
                },
                "y": {
                    "field": "value",
                    "type": "quantitative",
                    "title": name,
                    "scale": {"domain": domain} if domain else {},
                },
                "color": {
                    "field": "who",
                    "type": "nominal",
                    "title": None,
                    "scale": colours,
                    "legend": {"orient": "top", "symbolType": "stroke"}
                    if quantity == "accuracy"
                    else None,
                },
                "strokeDash": {
                    "field": "who",
                    "type": "nominal",
                    "scale": {"domain": [learned, held], "range": [[1, 0], [6, 3]]},
                    "legend": None,
                },
            },
        }
        layers: list[dict[str, object]] = [lines]
        if spec.way == "fine_tune" and fine_from < spec.all_epochs:
            layers.append(
                {
                    "data": {"values": [{"epoch": fine_from + 0.5}]},
                    "mark": {"type": "rule", "strokeDash": [2, 2], "color": "#888"},
                    "encoding": {"x": {"field": "epoch", "type": "quantitative"}},
                }
            )
        st.vega_lite_chart(
            {"layer": layers, "height": 200 if quantity == "accuracy" else 170},
            key=f"curve_{quantity}_{spec.digest()}",
            alt=say("{quantity} of each epoch; the table below has its numbers.", quantity=name),
        )


def _compare(say: Say, ways: Sequence[_Way]) -> None:
    """Write all numbers of what has been learned in tables."""
    done = {it.name: it.kept for it in ways if it.kept is not None}
    if not done:
        return
    with st.expander(say("All numbers"), icon=":material/table:"):
        table(
            say("The ways compared"),
            [
                say("Way"),
                say("Held out, right"),
                say("Learned from, right"),
                say("Parameters that learned"),
                say("Frozen"),
                say("Epochs"),
                say("Seconds"),
            ],
            [
                (
                    name,
                    "{} / {}".format(*it.right(held=True)),
                    "{} / {}".format(*it.right(held=False)),
                    f"{it.trainable:,}",
                    f"{it.frozen:,}",
                    len(it.loss),
                    f"{it.seconds:.1f}",
                )
                for name, it in done.items()
            ],
        )
        for name, it in done.items():
            st.caption(name)
            table(
                name,
                [say("Epoch"), say("Loss"), say("Accuracy"), say("Held-out loss"),
                 say("Held-out accuracy")],
                [
                    (epoch, *(f"{float(value):.4g}" for value in row))
                    for epoch, row in enumerate(
                        zip(it.loss, it.accuracy, it.val_loss, it.val_accuracy, strict=True),
                        start=1,
                    )
                ],
                text=(),
            )  # fmt: skip


def _show_sweep(say: Say, specs: dict[str, TransferSpec]) -> None:
    spec = next((it for it in specs.values() if it.way != "scratch"), None)
    if spec is None:
        return
    usual = TransferSpec(work=spec.work)
    # Only what it looks at: changing the head must not make it be asked for anew.
    asked = replace(
        usual, content=spec.content, backbone=spec.backbone, size=spec.size, framing=spec.framing,
        scaling=spec.scaling, held_out=spec.held_out, count=spec.count, seed=spec.seed,
    )  # fmt: skip
    st.subheader(say("General below, special above"), anchor=False)
    st.caption(
        say(
            "The backbone is cut at several depths; each time a linear classifier learns from the "
            "mean of each feature map, and is tested on {splits} splits.",
            splits=transfer_views.SWEEP_SPLITS,
        )
    )
    found: transfer_views.Sweep | None = questions.offer(
        say, say("Cut it everywhere"), transfer_views.sweep, asked, key="learn_sweep_button",
        icon=":material/content_cut:",
    )  # fmt: skip
    if found is None:
        return
    shares = found.right / found.of
    points = [
        {"layer": layer, "share": float(share)}
        for layer, row in zip(found.layers, shares.tolist(), strict=True)
        for share in row
    ]
    means = [
        {"layer": layer, "share": float(np.mean(row))}
        for layer, row in zip(found.layers, shares.tolist(), strict=True)
    ]
    x = {"field": "layer", "type": "ordinal", "sort": None, "title": None,
         "axis": {"labelAngle": -30}}  # fmt: skip
    y = {"field": "share", "type": "quantitative", "title": say("Held-out accuracy"),
         "scale": {"domain": [0, 1]}}  # fmt: skip
    st.vega_lite_chart(
        {
            "layer": [
                {"data": {"values": points}, "mark": {"type": "point", "color": _HELD,
                 "opacity": 0.5}, "encoding": {"x": x, "y": y}},
                {"data": {"values": means}, "mark": {"type": "line", "color": _HELD,
                 "point": {"filled": True, "size": 60}}, "encoding": {"x": x, "y": y}},
            ],
            "height": 260,
        },
        key="learn_sweep_chart",
        alt=say("Held-out accuracy by the depth of the cut. The table has the numbers."),
    )  # fmt: skip
    mean = shares.mean(axis=1)
    st.markdown(
        say(
            "Cut after {first}: {low} % of the held-out pictures are right, on average; after "
            "{best}: {high} %.",
            first=found.layers[0],
            low=f"{100 * mean[0]:.0f}",
            best=found.layers[int(mean.argmax())],
            high=f"{100 * mean.max():.0f}",
        )
    )
    with st.expander(say("The numbers of each depth")):
        table(
            say("Accuracy by depth"),
            [say("Cut after layer"), say("Features"), say("Held-out accuracy"),
             say("Of each split")],
            [
                (layer, f"{length:,}", f"{float(row.mean()):.3f}",
                 ", ".join(f"{right} / {of}" for right, of in zip(rights, found.of, strict=True)))
                for layer, length, row, rights in zip(
                    found.layers, found.lengths, shares, found.right, strict=True
                )
            ],
        )  # fmt: skip
