"""Which network: one that is offered by name, or one of the visitor's own, layer by layer."""

from collections.abc import Sequence

import streamlit as st

from cvcore.errors import SettingError
from cvcore.networks import NETWORKS, Dense, Network, from_text, preset, to_text
from pages.ui import address
from pages.ui.inputs import choose
from pages.ui.words import Say

OWN = "own"
"""The word in the address for a network of the visitor's own."""

LAYERS = "layers"
"""The key of its layers, without the last one, as text; also their name in the address."""

_BEFORE = "network before"


def choose_network(
    say: Say, classes: int, *, names: Sequence[str], default: str = "cnn"
) -> Network:
    """Ask for a network; the answer stands in the address.

    A network of one's own begins as the one that was chosen before it. It is
    returned as the visitor left it, possible or not.

    Parameters
    ----------
    say : Say
        Speaks the reader's language.
    classes : int
        Units of the last layer, which nobody chooses.
    names : sequence of str
        Names in `NETWORKS`.
    default : str, optional
        Chosen where the address says nothing.

    Returns
    -------
    tuple of Layer
    """
    name = choose(
        say("Network"),
        {**{it: say(NETWORKS[it].label) for it in names}, OWN: say("A network of your own")},
        key="network",
        default=default,
        help=say("The view Network shows its layers, and changes them."),
    )
    if name != OWN:
        st.session_state[_BEFORE] = name
        st.query_params.pop(LAYERS, None)
        return preset(name, classes)
    start = to_text(NETWORKS[st.session_state.get(_BEFORE, default)].layers[:-1])
    address.recall(LAYERS, start, _read)
    try:
        body = from_text(str(st.session_state[LAYERS]))
    except SettingError:  # an experiment or another run can set what a text cannot say
        st.session_state[LAYERS] = start
        body = from_text(start)
    # Unlike other settings it has no usual value: where it is missing, another visitor would
    # begin with another network.
    if st.query_params.get(LAYERS) != st.session_state[LAYERS]:
        st.query_params[LAYERS] = str(st.session_state[LAYERS])
    return (*body, Dense(units=classes, activation="softmax"))


def own_network(network: Network) -> dict[str, str]:
    """Return the settings, by their keys, that make a network the visitor's own."""
    return {"network": OWN, LAYERS: to_text(network[:-1])}


def _read(text: str) -> str:
    try:
        return to_text(from_text(text))
    except SettingError as error:
        raise ValueError(text) from error
