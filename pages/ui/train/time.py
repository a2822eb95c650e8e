"""Going back in time: the network as it was at any moment, and other ways to go on from there."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st

from cvcore import time_travel
from cvcore.arrays import ByteArray, FloatArray
from cvcore.data_views import lay_out
from cvcore.datasets import DATASETS
from cvcore.display import signed_colours, unsigned_colours
from cvcore.engine import Answer, engine
from cvcore.errors import CvCoreError
from cvcore.history import Snapshot
from cvcore.spec import LIMITS, OPTIMISERS, Augmentation, RunSpec
from cvcore.time_travel import Confusion, Kernels, Look
from pages.ui import address, questions
from pages.ui.inputs import choose, decimal, number, switch
from pages.ui.moments import LATEST, asked_for, choose_moment
from pages.ui.picture import ColourBar, short, show_picture
from pages.ui.probabilities import show_probabilities
from pages.ui.run_input import settings_of
from pages.ui.run_words import differences
from pages.ui.setup import explain
from pages.ui.tables import table
from pages.ui.train.press import remember_run
from pages.ui.views import describe_layer
from pages.ui.words import Say, plain

_SHOWN = "moments on show"
_COMING = "moments to come"
_MORE_EPOCHS = 5
_QUICK = 1e11  # multiplications that two cores do in about two seconds
_BRANCH_KEYS = (
    "branch_epoch",
    "branch_epochs",
    "branch_rate",
    "branch_optimiser",
    "branch_augment",
    "branch_count",
    "branch_dropout",
)
_LECTURE = Augmentation(rotation=20, width_shift=0.1, height_shift=0.1, shear=0.1, zoom=0.1)


def show(say: Say, run: str, snapshot: Snapshot | None, spec: RunSpec) -> None:  # noqa: ARG001
    """Show a run's network as it was at a moment, and offer to branch off from an epoch.

    Parameters
    ----------
    say : Say
    run : str
    snapshot : Snapshot or None
    spec : RunSpec
        Not needed: the past belongs to the run on show.
    """
    if snapshot is None:
        st.info(say("Train a network first; then you can go back through its training here."))
        return
    moments = _moments(run, live=not snapshot.ended)
    if not moments:
        st.info(
            say("The first weights are kept as soon as the network is built.")
            if not snapshot.ended
            else say("None of this run's weights are kept. Press Train to train it again.")
        )
        _wait(run, moments, lambda _: [], live=not snapshot.ended)
        return
    first, second = st.columns([1.5, 1], gap="medium", vertical_alignment="bottom")
    with first:
        moment = choose_moment(say, moments)
    with second:
        position, picture = _choose_what(say, snapshot.spec)
    left, middle, right = st.columns([0.9, 1.3, 1.15], gap="medium")
    with right:
        matrix = st.container()
        again = _choose_validation(say, snapshot.spec)

    def ask(among: tuple[float, ...]) -> list[Answer]:
        then = asked_for(among)
        again_too = [(time_travel.validation_accuracy, run, then)] if again else []
        return questions.put(
            (time_travel.kernels, run, then),
            (time_travel.kernel_limit, run, among[-1]),
            (time_travel.look, run, then, picture - 1, position),
            (time_travel.confusion, run, then),
            *again_too,
        )

    kernels, limit, look, confusion, *validated = ask(moments)
    with left:
        _when_ready(say, (kernels, limit), _show_kernels, snapshot.spec)
    with middle:
        _when_ready(say, (look,), _show_look, snapshot.spec, position)
    with matrix:
        _when_ready(say, (confusion,), _show_confusion, snapshot.spec)
    with right:
        _show_validation(say, snapshot, moment, validated)
    _wait(run, moments, ask, live=not snapshot.ended)
    _offer_branch(say, run, snapshot)


# -- what of it


def _choose_what(say: Say, spec: RunSpec) -> tuple[int, int]:
    """Ask for a test picture and the layer whose maps of it are shown."""
    count = spec.sizes()[2]
    places = time_travel.positions_with_maps(spec)
    with st.container(horizontal=True, vertical_alignment="bottom", key="time_what"):
        picture = number(
            say("Test picture (1 to {count})", count=f"{count:,}"),
            key="test_picture",
            default=1,
            low=1,
            high=count,
            style="box",
        )
        position = 0
        if places:
            names = {
                str(place): f"{place}. {describe_layer(say, spec.network[place - 1])}"
                for place in places
            }
            position = int(
                choose(
                    say("Feature maps after layer"), names, key="maps_of", default=str(places[0])
                )
            )
    return position, picture


# -- waiting


def _moments(run: str, *, live: bool) -> tuple[float, ...]:
    """Return a run's moments; of one that learns, those that `_wait` has seen answered."""
    shown: tuple[str, tuple[float, ...]] | None = st.session_state.get(_SHOWN)
    if shown is None or shown[0] != run or not live:
        shown = (run, engine().moments(run))
    st.session_state[_SHOWN] = shown
    return shown[1]


def _wait(
    run: str,
    moments: tuple[float, ...],
    ask: Callable[[tuple[float, ...]], list[Answer]],
    *,
    live: bool,
) -> None:
    """Draw the page anew when an answer comes; while a run learns, with its further moments.

    These are asked for ahead, so that a page that follows a quick run shows
    one moment until all that it shows of the next is there.
    """
    pending = [it for it in ask(moments) if it.state == "pending"] if moments else []
    if not pending and not live:
        return

    def look() -> None:
        if pending:
            if any(it.state != "pending" for it in pending):
                st.rerun()
            return
        coming = st.session_state.get(_COMING)
        if coming is None or coming[0] != run:
            coming = (run, engine().moments(run))
        if coming[1] == moments:
            return
        st.session_state[_COMING] = coming
        if all(it.state != "pending" for it in ask(coming[1])):
            st.session_state[_SHOWN] = st.session_state.pop(_COMING)
            st.rerun()

    st.fragment(look, run_every=0.5 if pending else 1.0, key="time_wait")()


def _when_ready(
    say: Say, answers: tuple[Answer, ...], draw: Callable[..., None], *arguments: Any
) -> None:
    """Draw what was asked for, or say why it is not there."""
    errors = {str(it.error): it.error for it in answers if it.error is not None}
    if errors:
        for error in errors.values():
            st.warning(explain(say, error), icon=":material/lightbulb:")
    elif all(it.state == "ready" for it in answers):
        draw(say, *(it.value for it in answers), *arguments)
    else:
        # As high as what comes, so that nothing below it moves much.
        with st.container(height=300, border=False):
            st.caption(say("The worker is computing this."))


# -- what it was like


def _show_kernels(say: Say, kernels: Kernels, limit: float, spec: RunSpec) -> None:
    weights = kernels.weights
    height, width, channels, count = weights.shape
    # A picture of three channels has three for each kernel, in rows of their own.
    planes = [
        signed_colours(weights[..., channel, index], limit=limit)
        for channel in range(channels if channels == 3 else 1)
        for index in range(count)
    ]
    columns = count if channels == 3 and count <= 16 else math.ceil(math.sqrt(len(planes)))
    name = (
        say("Weights of the first dense layer")
        if kernels.dense
        else say("Kernels of the first convolution")
    )
    show_picture(
        lay_out(np.stack(planes), columns=columns),
        key="time_kernels",
        caption=name,
        limit=300,
        bar=ColourBar(colours="signed", low=-limit, high=limit),
        alt=say(
            "{name}: {count} of {height} × {width}, from {low} to {high}",
            name=name,
            count=count,
            height=height,
            width=width,
            low=short(float(weights.min())),
            high=short(float(weights.max())),
        ),
    )
    size = short(float(np.sqrt(np.square(weights, dtype=np.float64).mean())))
    text = (
        say(
            "The first {count} of {total} units. Red adds, blue subtracts; the colours mean the "
            "same at every moment. Root mean square: {size}.",
            count=count,
            total=kernels.total,
            size=size,
        )
        if count < kernels.total
        else say(
            "All {count}. Red adds, blue subtracts; the colours mean the same at every moment. "
            "Root mean square: {size}.",
            count=count,
            size=size,
        )
    )
    if channels == 3 and kernels.weights.shape[3]:
        text += " " + say("First for red, then for green, then for blue.")
    if spec.shuffle_pixels:
        text += " " + say("The pixels stand in the shuffled order in which the network sees them.")
    st.caption(text)


def _show_look(say: Say, look: Look, spec: RunSpec, position: int) -> None:
    names = [say(name) for name in DATASETS[spec.dataset].classes]
    with st.container(horizontal=True, vertical_alignment="top", key="time_picture"):
        with st.container(width=110):
            show_picture(
                look.image,
                key="time_test_picture",
                caption=say("True: {name}", name=names[look.label]),
                limit=90,
                alt=say("The test picture: {name}", name=names[look.label]),
            )
        with st.container(width="stretch"):
            show_probabilities(say, look.probabilities, names, true=look.label)
    if position:
        count = look.maps.shape[2]
        columns = math.ceil(math.sqrt(count))
        image, bar = _paint(look.maps)
        name = say("Feature maps after layer {position}", position=position)
        show_picture(
            lay_out(image, columns=columns),
            key="time_maps",
            caption=name,
            limit=260,
            bar=bar,
            alt=say(
                "{name}: {count} maps of {height} × {width}, from {low} to {high}",
                name=name,
                count=count,
                height=look.maps.shape[0],
                width=look.maps.shape[1],
                low=short(float(look.maps.min())),
                high=short(float(look.maps.max())),
            ),
        )
    else:
        st.caption(say("This network has no feature maps: it puts all pixels in one row at once."))


def _paint(maps: FloatArray) -> tuple[ByteArray, ColourBar]:
    """Colour maps alike: around zero where some values are below it."""
    low, high = float(maps.min()), float(maps.max())
    planes = [maps[..., index] for index in range(maps.shape[2])]
    if low < 0:
        limit = max(-low, high)
        painted = [signed_colours(plane, limit=limit) for plane in planes]
        return np.stack(painted), ColourBar(colours="signed", low=-limit, high=limit)
    high = high or 1.0
    painted = [unsigned_colours(plane, colours="viridis", low=0.0, high=high) for plane in planes]
    return np.stack(painted), ColourBar(colours="viridis", low=0.0, high=high)


def _show_confusion(say: Say, confusion: Confusion, spec: RunSpec) -> None:
    names = [say(name) for name in DATASETS[spec.dataset].classes]
    counts = confusion.counts.astype(np.float32)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    show_picture(
        unsigned_colours(share, colours="viridis", low=0.0, high=1.0),
        key="time_confusion",
        caption=say("Confusion matrix"),
        limit=300,
        bar=ColourBar(colours="viridis", low=0.0, high=1.0),
        values=counts,
        alt=say(
            "Confusion matrix of {count} test pictures; {right} on the diagonal",
            count=confusion.pictures,
            right=int(np.trace(confusion.counts)),
        ),
    )
    text = (
        say(
            "Test accuracy then: {accuracy}, on the first {count} of {all} test pictures.",
            accuracy=f"{confusion.accuracy:.4f}",
            count=f"{confusion.pictures:,}",
            all=f"{confusion.all_pictures:,}",
        )
        if confusion.pictures < confusion.all_pictures
        else say(
            "Test accuracy then: {accuracy}, on all {count} test pictures.",
            accuracy=f"{confusion.accuracy:.4f}",
            count=f"{confusion.pictures:,}",
        )
    )
    st.caption(say("Rows: the true classes. Columns: the names given.") + " " + text)
    with st.expander(say("Confusion matrix as a table")):
        table(
            say("Confusion matrix"),
            [say("True class"), *names],
            [(name, *row) for name, row in zip(names, confusion.counts.tolist(), strict=True)],
        )


def _choose_validation(say: Say, spec: RunSpec) -> bool:
    """Ask whether to hold the kept weights against the history."""
    count = spec.sizes()[1]
    if not count:
        return False
    return switch(
        say("Validate it again"),
        key="validate_again",
        default=count * time_travel.multiply_adds(spec) < _QUICK,
        help=say(
            "Asks the kept weights for all {count} validation pictures, and holds what comes "
            "against what the training wrote down.",
            count=f"{count:,}",
        ),
    )


def _show_validation(say: Say, snapshot: Snapshot, moment: float, again: list[Answer]) -> None:
    """Say the history's validation accuracy, and beside it what the kept weights give."""
    if not snapshot.spec.sizes()[1]:
        st.caption(say("No pictures are kept for validation."))
        return
    told = snapshot.val_accuracy[snapshot.epoch == moment]
    written = f"{told[0]:.6f}" if told.size and not np.isnan(told[0]) else say("not measured then")
    if not again:
        st.caption(say("Validation accuracy, as the training wrote it down: {old}.", old=written))
        return
    (answer,) = again
    if answer.error is not None:
        st.warning(explain(say, answer.error), icon=":material/lightbulb:")
        return
    new = f"{answer.value:.6f}" if answer.state == "ready" else say("being computed")
    st.caption(
        say(
            "Validation accuracy, as the training wrote it down: {old}; from the kept weights: "
            "{new}.",
            old=written,
            new=new,
        )
    )


# -- branching off


def _offer_branch(say: Say, run: str, snapshot: Snapshot) -> None:
    """Ask how to go on from an epoch otherwise, say what differs, and begin it on a press."""
    epochs = [it for it in engine().branchable(run) if 1 <= it < LIMITS["epochs"][1]]
    with st.expander(say("Branch off: go on from an epoch with other settings"), expanded=True):
        if not epochs:
            st.caption(say("You can branch off as soon as an epoch is finished and kept."))
            return
        spec = _ask_branch(say, run, snapshot.spec, epochs)
        _say_difference(say, snapshot.spec, spec)
        error: CvCoreError | None = st.session_state.pop("branch refused", None)
        try:
            spec.validate()
        except CvCoreError as wrong:
            error = wrong
        if error is not None:
            st.warning(explain(say, error), icon=":material/lightbulb:")
        st.button(
            say("Branch"),
            type="primary",
            icon=":material/call_split:",
            key="branch_press",
            on_click=_branch,
            args=(spec,),
        )


def _branch(spec: RunSpec) -> None:
    try:
        digest = engine().submit(spec)
    except CvCoreError as error:
        st.session_state["branch refused"] = error
        return
    remember_run(digest)
    # The controls show the run that learns now, and the page its curves.
    address.apply({**settings_of(spec), "show": "learn", "moment": LATEST})


def _ask_branch(say: Say, run: str, parent: RunSpec, epochs: list[int]) -> RunSpec:
    # Another run's answers are no answers for this one.
    if st.session_state.get("branch of", run) != run:
        for key in _BRANCH_KEYS:
            st.session_state.pop(key, None)
            st.query_params.pop(key, None)
    st.session_state["branch of"] = run
    first, second, third = st.columns(3)
    with first:
        middle = epochs[(len(epochs) - 1) // 2]
        from_epoch = int(
            choose(
                say("From epoch"),
                {str(epoch): f"{epoch}" for epoch in epochs},
                key="branch_epoch",
                default=str(middle),
                help=say("Epochs after which the whole state is kept, the optimiser's too."),
            )
        )
    with second:
        last = parent.epochs if parent.epochs > from_epoch else parent.epochs + _MORE_EPOCHS
        most = int(LIMITS["epochs"][1])
        until = number(
            say("Up to epoch"),
            key="branch_epochs",
            default=min(last, most),
            low=from_epoch + 1,
            high=most,
            style="box",
        )
    with third:
        pictures = number(
            say("Training pictures"),
            key="branch_count",
            default=parent.sizes()[0],
            low=1,
            high=DATASETS[parent.dataset].training - parent.sizes()[1],  # what validation leaves
            style="box",
        )
    with first:
        optimiser = choose(
            say("Optimiser"),
            {name: say(label) for name, label in OPTIMISERS.items()},
            key="branch_optimiser",
            default=parent.optimiser,
        )
    with second:
        low, high = LIMITS["learning_rate"]
        rate = decimal(
            say("Learning rate"),
            key="branch_rate",
            default=parent.learning_rate,
            low=low,
            high=high,
            step=max(parent.learning_rate / 2, low),
            format="%g",
        )
    dropout = time_travel.dropout_rate(parent.network)
    with third:
        if dropout is not None:
            dropout = decimal(
                say("Dropout rate"),
                key="branch_dropout",
                default=dropout,
                low=0.0,
                high=0.95,
                step=0.05,
                format="%g",
            )
        usual = parent.augmentation != Augmentation()
        augments = switch(
            say("Augmentation"),
            key="branch_augment",
            default=usual,
            help=say(
                "The parent's, if it has one; otherwise the lecture's amounts without mirroring: "
                "turns up to 20°, shift, shear and zoom up to 0.1."
            ),
        )
    augmentation = parent.augmentation if augments == usual else Augmentation()
    if augments and not usual:
        augmentation = _LECTURE
    return time_travel.branch(
        parent,
        name=run,
        from_epoch=from_epoch,
        epochs=until,
        # Steps of a decimal number add up to 0.30000000000000004, which would be another run.
        learning_rate=float(f"{rate:.6g}"),
        optimiser=optimiser,
        augmentation=augmentation,
        pictures=pictures,
        dropout=None if dropout is None else float(f"{dropout:.6g}"),
    )


def _say_difference(say: Say, parent: RunSpec, spec: RunSpec) -> None:
    rows = differences(say, [parent, spec])
    before, after = time_travel.dropout_rate(parent.network), time_travel.dropout_rate(spec.network)
    if before != after:
        rows = [row for row in rows if row[0] != say("Network")]
        rows.append((say("Dropout rate"), f"{before:g}", f"{after:g}"))
    if not rows:
        st.caption(
            say(
                "Nothing is changed: this repeats the parent's epochs {first} to {last}, value for "
                "value.",
                first=spec.from_epoch + 1,
                last=spec.epochs,
            )
        )
        return
    changes = "; ".join(
        say(
            "{setting}: {new} instead of {old}", setting=plain(name), new=plain(new), old=plain(old)
        )
        for name, old, new in rows
    )
    st.caption(
        say(
            "Epochs {first} to {last} are trained. What differs from the parent: {changes}.",
            first=spec.from_epoch + 1,
            last=spec.epochs,
            changes=changes,
        )
    )
