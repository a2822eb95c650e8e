"""The views of the Train page: each shows a run, or what would be trained, from its own side."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import streamlit as st

from cvcore.datasets import DATASETS
from cvcore.errors import N_
from cvcore.history import Snapshot
from cvcore.networks import NETWORKS
from cvcore.spec import RunSpec
from pages.ui import address
from pages.ui.inputs import choose
from pages.ui.run_input import NETWORK_NAMES, settings_of
from pages.ui.train import data, learn, outcome
from pages.ui.train.state import follow
from pages.ui.words import Say


def _nothing(say: Say, snapshot: Snapshot | None, spec: RunSpec) -> None:
    """Draw nothing each second: for views that do not grow with a run."""


@dataclass(frozen=True)
class View:
    """A view of the Train page.

    Parameters
    ----------
    label : str
        For the translators.
    show : callable
        Draws it from what is known of the run on show (its name, or nothing; its snapshot,
        or None) and from what the controls say, which may be another run's.
    tick : callable, optional
        Draws what comes before it and grows: each second while a run is under way.
    """

    label: str
    show: Callable[[Say, str, Snapshot | None, RunSpec], None]
    tick: Callable[[Say, Snapshot | None, RunSpec], None] = _nothing


VIEWS: Mapping[str, View] = MappingProxyType(
    {
        "learn": View(N_("Learning"), outcome.show, learn.show_curves),
        "data": View(N_("Data"), data.show),
    }
)
"""In the order in which they are offered, by their names in the address; the first one opens."""


def show_run(say: Say, run: str, snapshot: Snapshot | None, spec: RunSpec) -> None:
    """Show a run in the view that the visitor chose, live while it learns.

    Parameters
    ----------
    say : Say
    run : str
        Its name, or nothing.
    snapshot : Snapshot or None
        What is known of the run; None for no run.
    spec : RunSpec
        What the controls say, which may be another run's.
    """
    name = choose(
        say("View"),
        {name: say(view.label) for name, view in VIEWS.items()},
        key="show",
        default=next(iter(VIEWS)),
        style="segments",
        hide_label=True,
    )
    view, shown = VIEWS[name], snapshot.spec if snapshot else spec
    follow(say, run, snapshot, lambda now: view.tick(say, now, shown))
    # Beneath what grows, so that it stays in its place when a control is turned.
    if shown != spec:
        _show_difference(say, shown)
    view.show(say, run, snapshot, spec)


def describe_run(say: Say, spec: RunSpec) -> str:
    """Say in a line what a run was asked to do."""
    names = [name for name in NETWORK_NAMES if NETWORKS[name].layers == spec.network]
    network = say(NETWORKS[names[0]].label) if names else say("A network of its own")
    return say(
        "{data} · {network} · {epochs} epochs · batches of {batch} · learning rate {rate} · "
        "{training} training pictures · validation split {split} · seed {seed}",
        data=say(DATASETS[spec.dataset].label),
        network=network,
        epochs=spec.epochs,
        batch=spec.batch_size,
        rate=f"{spec.learning_rate:g}",
        training=f"{spec.sizes()[0]:,}",
        split=f"{spec.validation_split:g}",
        seed=spec.seed,
    )


def _show_difference(say: Say, shown: RunSpec) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="other_run"):
        with st.container(width="stretch"):
            st.caption(
                say(
                    "The curves belong to other settings than the controls show: {run}. "
                    "Press Train to train what is set now.",
                    run=describe_run(say, shown),
                )
            )
        st.button(
            say("Back to them"),
            icon=":material/undo:",
            on_click=address.apply,
            args=(settings_of(shown),),
            width="content",
        )
