"""The views of the transfer laboratory: from naming a photo to learning one's own classes."""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from cvcore.errors import N_
from pages.ui.inputs import choose
from pages.ui.words import Say

VIEWS: Mapping[str, str] = MappingProxyType(
    {
        "classify": N_("Name a photo"),
        "classes": N_("Your classes"),
        "learn": N_("Learn them"),
        "result": N_("The result"),
        "shortcuts": N_("Does it look at the thing?"),
        "inside": N_("Look inside"),
    }
)
"""In the order in which they are offered, by their names in the address; each is a module."""


def show_view(say: Say) -> None:
    """Show the view that the visitor chose."""
    name = choose(
        say("View"),
        {name: say(label) for name, label in VIEWS.items()},
        key="transfer",
        default="classify",
        style="segments",
        hide_label=True,
    )
    # What a view needs is imported when it is looked at.
    import_module(f"pages.ui.transfer.{name}").show(say)
