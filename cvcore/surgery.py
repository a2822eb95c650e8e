"""Operations on a trained network's filters: what they are, and what they do to its weights."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from cvcore import kernels
from cvcore.arrays import AnyArray, FloatArray
from cvcore.errors import N_, SettingError
from cvcore.networks import BatchNormalisation, Convolution, Dense, Network

Deed: TypeAlias = Literal["off", "kernel", "random", "swap"]

MOST = 32
"""Operations on one network."""

_WRITTEN = re.compile(r"(\d{1,2})\.(\d{1,4})(off|kernel|random|swap)(.*)", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One thing done to one filter of a convolution, or to one unit of a dense layer.

    Parameters
    ----------
    layer : int
        Its place in the network, from 1.
    filter : int
        From 0.
    deed : {'off', 'kernel', 'random', 'swap'}
        Switch it off: its weights and bias become 0, and with them what batch normalisation
        right after it adds; give it one kernel for each of its channels, divided by their
        number; random weights, as large as the layer's on the average; or change places with
        another filter of its layer, while what follows stays connected as it was.
    kernel : tuple of tuple of float, optional
        For 'kernel': its weights, row by row, of the layer's size.
    other : int, optional
        For 'swap': the other filter, from 0.
    seed : int, optional
        For 'random'.
    """

    layer: int
    filter: int
    deed: Deed
    kernel: tuple[tuple[float, ...], ...] = ()
    other: int = 0
    seed: int = 0


def operate(
    weights: Mapping[str, AnyArray], network: Network, operations: Sequence[Operation]
) -> dict[str, AnyArray]:
    """Do operations, one after the other, to a copy of a network's weights.

    Parameters
    ----------
    weights : mapping of str to ndarray
        As `cvcore.models.weights` returns them.
    network : Network
    operations : sequence of Operation

    Returns
    -------
    dict of str to ndarray
        Arrays that are not changed are the same ones.

    Raises
    ------
    SettingError
        If the network has no such layer or filter, or the layer's kernels are of another size.
    """
    check(network, operations)
    changed = dict(weights)
    for operation in operations:
        for name in _arrays_of_filters(network, operation.layer):
            array = changed[name] = changed[name].copy()
            _change(array, operation, part=name.rsplit("/", 1)[1])
    return changed


def check(network: Network, operations: Sequence[Operation]) -> None:
    """Refuse what cannot be done to a network.

    Raises
    ------
    SettingError
        If it has no such layer or filter, or the layer's kernels are of another size.
    """
    for operation in operations:
        _check(network, operation)


def to_text(operations: Sequence[Operation]) -> str:
    """Write operations for an address.

    Examples
    --------
    >>> to_text([Operation(layer=1, filter=2, deed="off")])
    '1.2off'
    >>> to_text([Operation(layer=3, filter=0, deed="swap", other=4)])
    '3.0swap4'
    """
    return "~".join(f"{it.layer}.{it.filter}{it.deed}{_detail(it)}" for it in operations)


def _detail(operation: Operation) -> str:
    match operation.deed:
        case "swap":
            return str(operation.other)
        case "random":
            return str(operation.seed)
        case "kernel":
            return kernels.to_text(operation.kernel)
        case "off":
            return ""


def from_text(text: str) -> tuple[Operation, ...]:
    """Read what `to_text` wrote.

    Raises
    ------
    SettingError
        If it is something else, or says more than `MOST` operations.
    """
    parts = text.split("~", MOST) if text else []
    if len(parts) > MOST:
        raise SettingError(N_("At most {count} operations can be done."), count=MOST)
    return tuple(map(_read, parts))


def _read(text: str) -> Operation:
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise SettingError(N_("This is no operation on a filter: {text}."), text=text[:40])
    layer, one, deed, detail = int(found[1]), int(found[2]), found[3], found[4]
    operation = Operation(layer=layer, filter=one, deed="off")
    if deed == "kernel":
        kernel = tuple(map(tuple, kernels.from_text(detail).tolist()))
        return replace(operation, deed="kernel", kernel=kernel)
    if (deed == "off") != (not detail) or not (detail or "0").isdecimal() or len(detail) > 10:
        raise SettingError(N_("This is no operation on a filter: {text}."), text=text[:40])
    if deed == "swap":
        return replace(operation, deed="swap", other=int(detail))
    if deed == "random":
        return replace(operation, deed="random", seed=int(detail))
    return operation


def _check(network: Network, operation: Operation) -> None:
    place = operation.layer
    layer = network[place - 1] if 1 <= place <= len(network) else None
    if not isinstance(layer, Convolution | Dense) or place == len(network):
        raise SettingError(
            N_(
                "Layer {position} has no filters to operate on. Choose a convolution or a hidden "
                "dense layer."
            ),
            position=place,
        )
    count = layer.filters if isinstance(layer, Convolution) else layer.units
    for wanted in (operation.filter, operation.other):
        if not 0 <= wanted < count:
            raise SettingError(
                N_("Layer {position} has {count} filters; number {number} was asked for."),
                position=place,
                count=count,
                number=wanted + 1,
            )
    if operation.deed == "kernel":
        shape = np.shape(np.array(operation.kernel, dtype=object))
        if not isinstance(layer, Convolution) or shape != (layer.size, layer.size):
            raise SettingError(
                N_("The kernels of layer {position} have another size than this one."),
                position=place,
            )


def _arrays_of_filters(network: Network, place: int) -> tuple[str, ...]:
    """Return the arrays whose last axis counts a layer's filters: its own, and batch norm's."""
    names = [f"{network[place - 1].kind}_{place}/{part}" for part in ("kernel", "bias")]
    if place < len(network) and isinstance(network[place], BatchNormalisation):
        parts = ("gamma", "beta", "moving_mean", "moving_variance")
        names += [f"{BatchNormalisation.kind}_{place + 1}/{part}" for part in parts]
    return tuple(names)


def _change(array: FloatArray, operation: Operation, *, part: str) -> None:
    one = operation.filter
    match operation.deed:
        case "swap":
            array[..., [one, operation.other]] = array[..., [operation.other, one]]
        case "off" if part in ("kernel", "bias", "gamma", "beta"):
            array[..., one] = 0
        case "kernel" if part == "kernel":
            plane = np.array(operation.kernel, np.float32)[..., np.newaxis]
            array[..., one] = plane / array.shape[2]
        case "random" if part == "kernel":
            spread = float(np.sqrt(np.square(array, dtype=np.float64).mean()))
            draw = np.random.default_rng(operation.seed).normal(0, spread, array[..., one].shape)
            array[..., one] = draw
