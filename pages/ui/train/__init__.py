"""The views of the Train page: each shows a run, or what would be trained, from its own side."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import streamlit as st

from cvcore.errors import N_
from cvcore.history import Snapshot
from cvcore.spec import RunSpec
from pages.ui import address
from pages.ui.inputs import choose
from pages.ui.run_input import settings_of
from pages.ui.run_words import describe_run
from pages.ui.train import code, compare, data, learn, network, outcome, result, time, yours
from pages.ui.train.state import follow
from pages.ui.words import Say


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
    tick: Callable[[Say, Snapshot | None, RunSpec], None] | None = None


VIEWS: Mapping[str, View] = MappingProxyType(
    {
        "learn": View(N_("Learning"), outcome.show, learn.show_curves),
        "data": View(N_("Data"), data.show),
        "network": View(N_("Network"), network.show),
        "result": View(N_("Result"), result.show),
        "time": View(N_("Through time"), time.show),
        "yours": View(N_("Your picture"), yours.show),
        "runs": View(N_("Runs"), compare.show),
        "code": View(N_("Code"), code.show),
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
    tick = view.tick
    follow(say, run, snapshot, (lambda now: tick(say, now, shown)) if tick else None)
    # Beneath what grows, so that it stays in its place when a control is turned.
    if shown.parent:
        st.caption(
            say(
                "A branch of the run {name}: it goes on from there after epoch {epoch}. The view "
                "Runs draws both.",
                name=shown.parent[:6],
                epoch=shown.from_epoch,
            )
        )
    if not same_settings(shown, spec):
        _show_difference(say, shown)
    view.show(say, run, snapshot, spec)


def same_settings(spec: RunSpec, other: RunSpec) -> bool:
    """Say whether two runs were asked for the same, wherever they began."""
    return replace(spec, parent="", from_epoch=0) == replace(other, parent="", from_epoch=0)


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
