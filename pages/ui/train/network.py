"""The network, layer by layer: its shapes and counts, a drawing, and a place to change it."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import streamlit as st

from cvcore.arithmetic import LayerRow, count_possible, receptive_field
from cvcore.datasets import DATASETS
from cvcore.errors import N_, SettingError
from cvcore.history import Snapshot
from cvcore.networks import (
    ACTIVATIONS,
    LAYER_LIMITS,
    NETWORKS,
    ActivationLayer,
    BatchNormalisation,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling,
    Layer,
    Network,
    Pooling,
    from_text,
    to_text,
)
from cvcore.spec import MAX_LAYERS, RunSpec
from pages.ui import address
from pages.ui.network_input import LAYERS, OWN, own_network
from pages.ui.network_picture import show_network_picture
from pages.ui.run_input import NETWORK_NAMES
from pages.ui.setup import explain
from pages.ui.tables import table
from pages.ui.views import describe_layer
from pages.ui.words import Say

_SELECTED = "network layer"

NEW_LAYERS: Mapping[str, tuple[str, Layer]] = MappingProxyType(
    {
        "convolution": (
            N_("Convolution"),
            Convolution(filters=32, size=3, padding="same", activation="relu"),
        ),
        "pooling": (N_("Pooling"), Pooling(size=2)),
        "batch_normalisation": (N_("Batch normalisation"), BatchNormalisation()),
        "activation": (N_("Activation"), ActivationLayer(activation="relu")),
        "dropout": (N_("Dropout"), Dropout(rate=0.5)),
        "flatten": (N_("Flatten"), Flatten()),
        "global_average_pooling": (N_("Global average pooling"), GlobalAveragePooling()),
        "dense": (N_("Dense"), Dense(units=128, activation="relu")),
    }
)
"""What can be added: its name for the translators, and what it is at first."""


def show(say: Say, run: str, snapshot: Snapshot | None, spec: RunSpec) -> None:  # noqa: ARG001
    """Show the network that would be trained, and let the visitor change it.

    Parameters
    ----------
    say, run, snapshot, spec
        As for `pages.ui.train.View`.
    """
    entry = DATASETS[spec.dataset]
    own = st.session_state.get("network") == OWN
    rows, error = count_possible(spec.network, entry.shape)
    body = spec.network[:-1]
    if own and error is not None:  # an impossible network opens where it breaks
        st.session_state.setdefault(_SELECTED, error.values["position"])
    selected = _selected(len(body)) if own else 0
    say_counts(say, spec.network, rows, error)
    show_network_picture(
        say,
        spec.network,
        rows,
        entry.shape,
        key="network_picture",
        selected=selected,
        on_pick=_select if own else None,
    )
    if own:
        _edit(say, body, selected, error)
    else:
        st.button(
            say("Change its layers"),
            icon=":material/edit:",
            key="own_network",
            on_click=address.apply,
            args=(own_network(spec.network),),
            help=say("Makes it a network of your own, which begins as this one."),
        )
    show_table(say, spec.network, rows, error)


def say_counts(
    say: Say, network: Network, rows: Sequence[LayerRow], error: SettingError | None = None
) -> None:
    """Say a network's size in a line; of an impossible one, how far it comes."""
    if error is not None:
        st.markdown(
            say(
                "**{layers} layers**, of which the first {possible} can follow one another.",
                layers=len(network),
                possible=len(rows),
            )
        )
        return
    parameters = sum(row.parameters for row in rows)
    kept = parameters - sum(row.trainable for row in rows)
    reaches = receptive_field(network)
    text = say(
        "**{layers} layers**, **{parameters} parameters** and **{work} multiply-adds** for one "
        "picture.",
        layers=len(network),
        parameters=f"{parameters:,}",
        work=f"{sum(row.multiply_adds for row in rows):,}",
    )
    if kept:
        text += " " + say(
            "{kept} of the parameters are running means and variances, which follow the batches "
            "and not the gradient.",
            kept=f"{kept:,}",
        )
    if reaches:
        text += " " + say(
            "A value of the last feature maps sees {size} × {size} pixels.", size=reaches[-1].size
        )
    st.markdown(text)


def _edit(say: Say, body: Network, selected: int, error: SettingError | None) -> None:
    """Ask for a layer and let it be changed, moved, removed or followed by another."""
    broken = error.values["position"] if error is not None else 0
    with st.container(border=True, gap="small", key="layer_editor"):
        # The last layer cannot be gone to: what breaks there is said beside every other.
        if error is not None and broken in (selected, len(body) + 1):
            st.warning(explain(say, error), icon=":material/lightbulb:")
        elif error is not None:
            st.button(
                say("Layer {layer} breaks the network: go there", layer=broken),
                key="go_broken",
                icon=":material/lightbulb:",
                on_click=_select,
                args=(broken,),
            )
        if body:
            with st.container(horizontal=True, vertical_alignment="bottom", gap="xsmall"):
                _choose_layer(say, body, selected)
                _press_layer(say, body, selected)
            with st.container(horizontal=True, gap="small", key="layer_settings"):
                _ask_layer(say, body, selected)
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
            st.caption(
                say("Add after layer {layer}:", layer=selected) if body else say("Add a layer:"),
                width="content",
            )
            for name, (label, layer) in NEW_LAYERS.items():
                st.button(
                    say(label),
                    key=f"add_{name}",
                    icon=":material/add:",
                    type="tertiary",
                    on_click=_add,
                    args=(layer,),
                    disabled=len(body) + 1 >= MAX_LAYERS,
                )
        with st.popover(say("Begin anew as…"), icon=":material/restart_alt:", width="content"):
            for name in NETWORK_NAMES:
                st.button(
                    say(NETWORKS[name].label),
                    key=f"begin_{name}",
                    type="tertiary",
                    on_click=_begin,
                    args=(name,),
                )


def _choose_layer(say: Say, body: Network, selected: int) -> None:
    st.session_state["edit_layer"] = selected
    st.selectbox(
        say("Layer to change"),
        range(1, len(body) + 1),
        format_func=lambda place: f"{place} · {describe_layer(say, body[place - 1])}",
        key="edit_layer",
        on_change=lambda: _select(int(st.session_state["edit_layer"])),
        width="stretch",
    )


def _press_layer(say: Say, body: Network, selected: int) -> None:
    pressed: tuple[tuple[str, str, str, Callable[[], None], bool], ...] = (
        ("layer_earlier", say("Move earlier"), "arrow_back", lambda: _move(-1), selected == 1),
        (
            "layer_later",
            say("Move later"),
            "arrow_forward",
            lambda: _move(1),
            selected == len(body),
        ),
        ("layer_remove", say("Remove"), "delete", _remove, False),
    )
    for key, label, icon, act, disabled in pressed:
        st.button(
            label,
            key=key,
            icon=f":material/{icon}:",
            on_click=act,
            disabled=disabled,
            width="content",
        )


def _ask_layer(say: Say, body: Network, selected: int) -> None:
    """Ask for the numbers and words of one layer."""
    layer = body[selected - 1]
    match layer:
        case Convolution():
            _number(say("Filters"), layer, "filters")
            _number(say("Kernel size"), layer, "size")
            _number(say("Stride"), layer, "stride")
            _word(say("Padding"), layer, "padding", {"same": say("same"), "valid": say("valid")})
            _activation(say, layer)
            _normalisation(say, body, selected)
        case Pooling():
            _word(say("Which value"), layer, "how", {"max": say("max"), "average": say("mean")})
            _number(say("Window size"), layer, "size")
            _number(say("Stride"), layer, "stride")
        case BatchNormalisation():
            _share(
                say("Momentum"),
                layer,
                "momentum",
                step=0.01,
                help=say(
                    "How much of its running mean and variance it keeps at each batch. In a "
                    "short training 0.99 lets them lag behind."
                ),
            )
        case ActivationLayer():
            _activation(say, layer)
        case Dropout():
            _share(
                say("Share dropped"),
                layer,
                "rate",
                step=0.05,
                help=say("The share of the values that are set to 0 at each step of training."),
            )
        case Dense():
            _number(say("Units"), layer, "units")
            _activation(say, layer)
            _normalisation(say, body, selected)
        case Flatten() | GlobalAveragePooling():
            st.caption(say("This layer has nothing to set."))


def _number(label: str, layer: Layer, name: str) -> None:
    low, high = LAYER_LIMITS[name]
    key = f"layer_{name}"
    # Pooling without a stride takes steps as long as its window.
    usual = layer.size if isinstance(layer, Pooling) and name == "stride" else None
    value = int(getattr(layer, name) or usual or low)
    st.session_state[key] = min(max(value, int(low)), int(high))

    def take() -> None:
        number = int(st.session_state[key])
        _change({name: None if number == usual else number})

    st.number_input(label, int(low), int(high), step=1, key=key, on_change=take, width=100)


def _share(
    label: str,
    layer: Layer,
    name: str,
    *,
    step: float,
    help: str,  # noqa: A002 - Streamlit's name for it
) -> None:
    low, high = LAYER_LIMITS[name]
    key = f"layer_{name}"
    st.session_state[key] = min(max(float(getattr(layer, name)), low), high)
    st.number_input(
        label,
        low,
        high,
        step=step,
        format="%g",
        key=key,
        # Steps of a decimal number add up to 0.30000000000000004.
        on_change=lambda: _change({name: float(f"{st.session_state[key]:.6g}")}),
        help=help,
        width=180,
    )


def _word(label: str, layer: Layer, name: str, options: Mapping[str, str]) -> None:
    key = f"layer_{name}"
    st.session_state[key] = getattr(layer, name)
    st.selectbox(
        label,
        options,
        format_func=options.__getitem__,
        key=key,
        on_change=lambda: _change({name: st.session_state[key]}),
        width=120,
    )


def _activation(say: Say, layer: Layer) -> None:
    _word(say("Activation"), layer, "activation", {it: it for it in ACTIVATIONS})


def _normalisation(say: Say, body: Network, selected: int) -> None:
    """Ask where a layer's values are normalised; the answer is layers of their own behind it."""
    where, parts = normalisation(body, selected)
    options = {
        "none": say("none"),
        "before": say("before the activation"),
        "after": say("after the activation"),
    }
    layer = parts[0]
    plain = getattr(layer, "activation", "") == "linear" and where != "before"
    if plain:  # there is no activation to be before or after
        options = {"none": say("none"), "after": say("behind it")}
    st.session_state["layer_normalise"] = where
    st.selectbox(
        say("Batch normalisation"),
        options,
        format_func=options.__getitem__,
        key="layer_normalise",
        on_change=lambda: _write(normalise(_body(), selected, st.session_state["layer_normalise"])),
        width=190,
    )


def normalisation(body: Network, position: int) -> tuple[str, Network]:
    """Say whether a layer is normalised before its activation, after it, or not.

    Parameters
    ----------
    body : tuple of Layer
    position : int
        Of a convolution or a dense layer, from 1.

    Returns
    -------
    where : {'none', 'before', 'after'}
    parts : tuple of Layer
        The layer, and those behind it that normalise and activate its values.
    """
    layer, behind = body[position - 1], body[position : position + 2]
    if not (behind and isinstance(behind[0], BatchNormalisation)):
        return "none", (layer,)
    linear = isinstance(layer, Convolution | Dense) and layer.activation == "linear"
    if linear and isinstance(behind[-1], ActivationLayer):
        return "before", (layer, *behind)
    return "after", (layer, behind[0])


def normalise(body: Network, position: int, where: str) -> Network:
    """Return a network whose layer is normalised where it is asked for; see `normalisation`."""
    now, parts = normalisation(body, position)
    layer = parts[0]
    if not isinstance(layer, Convolution | Dense):
        return body
    norm = parts[1] if now != "none" else BatchNormalisation()
    last = parts[-1]
    activation = last.activation if isinstance(last, ActivationLayer) else layer.activation
    whole = dataclasses.replace(layer, activation=activation)
    new: dict[str, Network] = {
        "none": (whole,),
        "before": (
            dataclasses.replace(layer, activation="linear"),
            norm,
            ActivationLayer(activation=activation),
        ),
        "after": (whole, norm),
    }
    return (*body[: position - 1], *new[where], *body[position - 1 + len(parts) :])


def show_table(
    say: Say, network: Network, rows: Sequence[LayerRow], error: SettingError | None = None
) -> None:
    """Write a network's shapes, parameters and multiply-adds, layer by layer.

    Parameters
    ----------
    say : Say
    network : Network
    rows : sequence of LayerRow
        As far as the network is possible.
    error : SettingError, optional
        Why it is not.
    """
    reaches = [reach.size for reach in receptive_field(network)]
    lines: list[list[object]] = []
    for index, layer in enumerate(network):
        line: list[object] = [index + 1, describe_layer(say, layer)]
        if index < len(rows):
            row = rows[index]
            line += [
                " × ".join(map(str, row.output_shape)),
                f"{row.parameters:,}",
                f"{row.multiply_adds:,}",
                f"{reaches[index]}" if index < len(reaches) else say("all"),
            ]
        else:
            broken = error is not None and index == len(rows)
            line += [say("breaks here") if broken else "–", "–", "–", "–"]
        lines.append(line)
    if error is None:
        trained = sum(row.parameters for row in rows)
        lines.append(
            [
                "",
                say("Total"),
                "",
                f"{trained:,}",
                f"{sum(row.multiply_adds for row in rows):,}",
                "",
            ]
        )
    table(
        say("The network, layer by layer"),
        [
            "",
            say("Layer"),
            say("Output"),
            say("Parameters"),
            say("Multiply-adds"),
            say("Receptive field"),
        ],
        lines,
        text=(1,),
        total=error is None,
    )
    st.caption(
        say(
            "The last layer stays as it is: one unit for each class, and softmax, which makes "
            "probabilities of their scores. Multiply-adds are those for one picture."
        )
    )


def _selected(count: int) -> int:
    """Return the layer that is being changed, from 1; 0 where there is none."""
    wanted = int(st.session_state.get(_SELECTED, 1))
    return min(max(wanted, 1), count)


def _body() -> Network:
    return from_text(str(st.session_state[LAYERS]))


def _write(body: Network) -> None:
    st.session_state[LAYERS] = to_text(body)


def _select(position: int) -> None:
    st.session_state[_SELECTED] = position


def _change(values: Mapping[str, object]) -> None:
    body = list(_body())
    place = _selected(len(body)) - 1
    # A late answer from the browser can be about a layer that is no longer there.
    if place >= 0 and values.keys() <= vars(body[place]).keys():
        body[place] = dataclasses.replace(body[place], **values)  # type: ignore[arg-type]
    _write(tuple(body))


def _add(layer: Layer) -> None:
    body = _body()
    place = _selected(len(body))
    _write((*body[:place], layer, *body[place:]))
    _select(place + 1)


def _move(by: int) -> None:
    body = list(_body())
    place = _selected(len(body)) - 1
    if 0 <= place + by < len(body):  # a second press can come before the button is disabled
        body[place], body[place + by] = body[place + by], body[place]
        _write(tuple(body))
        _select(place + 1 + by)


def _remove() -> None:
    body = _body()
    place = _selected(len(body))
    _write((*body[: max(place - 1, 0)], *body[place:]))


def _begin(name: str) -> None:
    _write(NETWORKS[name].layers[:-1])
    _select(1)
