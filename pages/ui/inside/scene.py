"""What is looked into: a run, a moment of its training, and a picture."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import streamlit as st

from cvcore import evaluation, own_picture, surgery
from cvcore.arithmetic import LayerRow, layer_table
from cvcore.datasets import DATASETS
from cvcore.engine import engine
from cvcore.errors import SettingError
from cvcore.evaluation import Scores
from cvcore.history import Snapshot
from cvcore.networks import preset
from cvcore.recipes import RECIPES
from cvcore.spec import RunSpec
from cvcore.subjects import Picture, Subject
from cvcore.surgery import Operation
from pages.ui import address, moments, questions
from pages.ui.inputs import are_drawn, choose, number
from pages.ui.picture import show_picture
from pages.ui.picture_input import choose_picture
from pages.ui.probabilities import show_probabilities
from pages.ui.run_words import describe_run
from pages.ui.train import my_runs
from pages.ui.train.press import recall_run, remember_run
from pages.ui.train.state import follow
from pages.ui.words import Say

open_recipe = "inside_recipe"
"""A chip's setting: the recipe whose run is trained, or opened where that was done."""

SURGERY = "surgery"
"""What operations are called in the address."""

OWN_PICTURES = {"fashion_mnist": "boot", "cifar10": "chelsea", "faces": "astronaut"}
"""The ready photo that a data set begins with; for the others, a drawn seven."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What every view of the page is about.

    Parameters
    ----------
    run : str
    spec : RunSpec
        What the run was asked to do.
    moments : tuple of float
        Those of its training that are kept, in order.
    subject : Subject
        The run's network at the moment that is chosen, operated on where the visitor did so.
    picture : Picture
    names : tuple of str
        The classes, in the reader's language.
    """

    run: str
    spec: RunSpec
    moments: tuple[float, ...]
    subject: Subject
    picture: Picture
    names: tuple[str, ...]

    @cached_property
    def rows(self) -> tuple[LayerRow, ...]:
        """The network's layers with their shapes, as `cvcore.arithmetic.layer_table` has them."""
        return layer_table(self.spec.network, DATASETS[self.spec.dataset].shape)


def choose_network(say: Say) -> tuple[str, Snapshot | None]:
    """Ask for one of the visitor's runs; the first visit opens the one that Train opens on.

    Returns
    -------
    run : str
    snapshot : Snapshot or None
        What is known of it.
    """
    run = recall_run(say)
    asked = st.session_state.pop(open_recipe, None)
    if asked in RECIPES:
        run = engine().submit(RECIPES[asked])
    if not run:
        run = engine().submit(opening_spec())
    remember_run(run)
    runs = {it: describe_run(say, spec) for it in my_runs.listed() if (spec := engine().spec(it))}
    st.session_state["inside_run"] = run
    st.selectbox(
        say("Network"),
        list(runs),
        format_func=runs.__getitem__,
        key="inside_run",
        on_change=lambda: remember_run(st.session_state["inside_run"]),
        help=say("The runs that you have trained or opened. Train has more to offer."),
    )
    return run, engine().snapshot(run)


def opening_spec() -> RunSpec:
    """Return the run that the page opens on: that of Train, which learns within seconds."""
    return RunSpec(dataset="digits", network=preset("cnn", 10), epochs=20)


def choose_scene(say: Say, run: str, snapshot: Snapshot | None) -> Scene | None:
    """Ask for a moment and a picture.

    Returns
    -------
    Scene or None
        None as long as no weights are kept.
    """
    kept = engine().moments(run)
    if snapshot is None or not kept:
        return None
    spec = snapshot.spec
    moment = moments.choose_moment(say, kept)
    operations = recall_operations(say, SURGERY, partial(surgery.possible, spec.network))
    subject = Subject(run=run, moment=moment, operations=operations)
    return Scene(
        run=run,
        spec=spec,
        moments=kept,
        subject=subject,
        picture=_choose_picture(say, spec),
        names=tuple(say(name) for name in DATASETS[spec.dataset].classes),
    )


def recall_operations(
    say: Say,
    key: str,
    possible: Callable[
        [tuple[Operation, ...]], tuple[tuple[Operation, ...], tuple[Operation, ...]]
    ],
) -> tuple[Operation, ...]:
    """Return what the visitor did to this network, and offer to undo it in every view.

    Operations that came with another network, and are not possible in this one, are left out.

    Parameters
    ----------
    say : Say
    key : str
        What operations are called in the address.
    possible : callable
        Tells those that can be done to the network from those that cannot.
    """
    address.recall(key, "", _read_operations)
    operations, left_out = possible(surgery.from_text(str(st.session_state[key])))
    if not are_drawn():
        return operations
    if left_out:
        st.session_state[key] = surgery.to_text(operations)
        st.info(
            say(
                "{count} operations of another network are not possible in this one, and are "
                "left out.",
                count=len(left_out),
            )
            if len(left_out) > 1
            else say(
                "An operation of another network is not possible in this one, and is left out."
            ),
            icon=":material/content_cut:",
        )
    address.publish(key, "")
    if operations:
        with st.container(horizontal=True, vertical_alignment="center", key="inside_operated"):
            st.caption(
                say("Operated on: {count} operations", count=len(operations))
                if len(operations) > 1
                else say("Operated on: 1 operation"),
                width="content",
            )
            st.button(
                say("Undo all"),
                key="inside_undo_all",
                icon=":material/restart_alt:",
                type="tertiary",
                on_click=address.apply,
                args=({key: ""},),
            )
    return operations


def _read_operations(text: str) -> str:
    try:
        surgery.from_text(text)
    except SettingError as error:
        raise ValueError(text) from error
    return text


def _choose_picture(say: Say, spec: RunSpec) -> Picture:
    kinds = {"test": say("Test picture"), "own": say("Your picture")}
    kind = choose(
        say("Picture"), kinds, key="inside_kind", default="test", style="segments", hide_label=True
    )
    if kind == "own":
        first = OWN_PICTURES.get(spec.dataset, "seven")
        among = (first, *(it for it in ("seven", "boot", "coffee", "chelsea") if it != first))
        photo = choose_picture(say, key="own_picture", among=among)
        last = own_picture.prepare(photo.image, spec.dataset)[-1]
        return Picture(pixels=last.image.tobytes())
    count = spec.sizes()[2]
    place = number(
        say("Test picture (1 to {count})", count=f"{count:,}"),
        key="test_picture",
        default=1,
        low=1,
        high=count,
        style="box",
    )
    return Picture(number=place - 1)


def show_scores(say: Say, scene: Scene) -> None:
    """Show the picture as the network sees it, and what the network says of it."""
    answers = questions.ask(
        say, (evaluation.scores, scene.subject, scene.picture), key="inside_scores_wait"
    )
    if answers is None:
        return
    scores: Scores = answers[0]
    name = scene.names[scores.label] if scores.label is not None else None
    with st.container(horizontal=True, vertical_alignment="top", key="inside_picture"):
        with st.container(width=110):
            show_picture(
                scores.image,
                key="inside_seen",
                caption=say("True: {name}", name=name) if name else say("Your picture"),
                limit=96,
                alt=say("The test picture: {name}", name=name)
                if name
                else say("Your picture as the network sees it"),
            )
        with st.container(width="stretch"):
            show_probabilities(say, scores.probabilities, scene.names, true=scores.label)


def show_state(say: Say, run: str, snapshot: Snapshot | None) -> None:
    """Say where a run stands that has not ended, and draw the page anew when it has."""
    if snapshot is not None and not snapshot.ended:
        follow(say, run, snapshot)
