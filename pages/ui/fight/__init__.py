"""The views of the fight: each looks at the same runs from its own side."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from cvcore.errors import N_
from cvcore.history import Snapshot
from pages.ui.fight import card, disturbed, extra, handout, learn, pictures
from pages.ui.fight.runs import show_state, watch
from pages.ui.fight.settings import Fight
from pages.ui.inputs import choose
from pages.ui.words import Say


def _ask_nothing(say: Say) -> None:
    """Ask nothing: for views without a control of their own."""


def _draw_nothing(say: Say, fight: Fight) -> None:
    """Draw nothing once: for views that are drawn each second."""


def _tick_nothing(say: Say, fight: Fight, snapshots: Sequence[Snapshot | None]) -> None:
    """Draw nothing each second: for views that do not grow with the runs."""


@dataclass(frozen=True)
class View:
    """A view of a fight.

    Parameters
    ----------
    label : str
        For the translators.
    show : callable, optional
        Draws it.
    ask : callable, optional
        Asks what comes before all that is drawn.
    tick : callable, optional
        Draws what grows: each second while the fight is under way.
    """

    label: str
    show: Callable[[Say, Fight], None] = _draw_nothing
    ask: Callable[[Say], None] = _ask_nothing
    tick: Callable[[Say, Fight, Sequence[Snapshot | None]], None] = _tick_nothing


VIEWS: Mapping[str, View] = MappingProxyType(
    {
        "learn": View(N_("Learning"), ask=learn.ask, tick=learn.tick),
        "card": View(N_("Scorecard"), card.show),
        "pictures": View(N_("Who is right"), pictures.show),
        "disturbed": View(N_("Disturbed"), disturbed.show),
        "shuffled": View(N_("Shuffled pixels"), extra.show_shuffled),
        "sizes": View(N_("Fewer pictures"), extra.show_sizes),
        "handout": View(N_("Hand-out"), handout.show),
    }
)
"""In the order in which they are offered, by their names in the address; the first one opens."""


def show_fight(say: Say, fight: Fight) -> None:
    """Show a fight in the view that the visitor chose, live while it is fought."""
    name = choose(
        say("View"),
        {name: say(view.label) for name, view in VIEWS.items()},
        key="fight_view",
        default=next(iter(VIEWS)),
        style="segments",
        hide_label=True,
    )
    view = VIEWS[name]
    view.ask(say)

    def draw(now: list[Snapshot | None]) -> None:
        show_state(say, fight, now)
        view.tick(say, fight, now)

    watch(fight.specs, draw, key="fight_live")
    view.show(say, fight)
