"""What the views of a large network ask for: one of its layers, one of its classes."""

from collections.abc import Sequence

from cvcore.large import Row
from pages.ui.inputs import choose
from pages.ui.words import Say


def choose_layer(
    say: Say, rows: Sequence[Row], *, key: str = "large_layer", last: bool = False
) -> Row:
    """Ask for one of some layers; the default is the first, or the last."""
    options = {it.name: f"{it.name} · {' × '.join(map(str, it.shape))}" for it in rows}
    first = rows[-1] if last else rows[0]
    name = choose(say("Layer"), options, key=key, default=first.name)
    return next((it for it in rows if it.name == name), first)


def that_learned(rows: Sequence[Row]) -> list[Row]:
    """Return the layers with feature maps from the first convolution on."""
    first = next((place for place, it in enumerate(rows) if it.kernel), 0)
    return [it for it in rows[first:] if it.has_maps]


def with_places(rows: Sequence[Row]) -> list[Row]:
    """Return those of them whose maps have more than one cell."""
    return [it for it in that_learned(rows) if it.shape[0] > 1]


def choose_class(say: Say, names: Sequence[str], likeliest: Sequence[int]) -> int:
    """Ask for a class; where nothing was chosen, it is what the network says.

    Parameters
    ----------
    say : Say
    names : sequence of str
        The classes.
    likeliest : sequence of int
        What it says, the likeliest class first.
    """
    order = [*likeliest, *(it for it in range(len(names)) if it not in set(likeliest))]
    classes = {"likeliest": say("The likeliest: {name}", name=names[order[0]])}
    classes |= {str(it): names[it] for it in order}
    asked = choose(say("Class"), classes, key="large_class", default="likeliest")
    return order[0] if asked == "likeliest" else int(asked)
