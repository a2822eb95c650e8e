"""Operations on a trained network's filters: what they are, and what they do to its weights."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Literal, TypeAlias

import numpy as np

from cvcore import kernels
from cvcore.arrays import AnyArray, FloatArray
from cvcore.errors import N_, SettingError
from cvcore.kernels import KERNELS
from cvcore.networks import (
    Activation,
    ActivationLayer,
    BatchNormalisation,
    Convolution,
    Dense,
    Dropout,
    Layer,
    Network,
    Pooling,
)

Deed: TypeAlias = Literal["off", "kernel", "random", "swap"]

MOST = 32
"""Operations on one network."""

_SILENCE = -100.0
"""What sigmoid and softmax make 0 of, as near as float32 can tell; they make something of 0."""

_WRITTEN = re.compile(r"(\d{1,3})\.(\d{1,4})(off|kernel|random|swap)(.*)", re.ASCII)


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
        Switch it off, so that the next layer with weights gets only zeros from it: its weights
        and bias become 0, and with them what batch normalisation on the way there adds (before
        a sigmoid or softmax, the bias becomes -100 instead). Give it the same kernel for each
        of its input channels, divided by their number; or random weights from a normal
        distribution, as large on the average as the layer's; its bias stays. Or let it change
        places with another filter of its layer, its batch normalisation with it, while what
        follows stays connected as it was.
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
        for name, silence in arrays_of_filters(network, operation.layer).items():
            array = changed[name] = changed[name].copy()
            change(array, operation, part=name.rsplit("/", 1)[1], silence=silence)
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


def possible(
    network: Network, operations: Sequence[Operation]
) -> tuple[tuple[Operation, ...], tuple[Operation, ...]]:
    """Tell the operations that can be done to a network from those that cannot.

    Returns
    -------
    done, left_out : tuple of Operation
        In the order in which they came.
    """
    return sort_out(operations, partial(_check, network))


def sort_out(
    operations: Sequence[Operation], check: Callable[[Operation], None]
) -> tuple[tuple[Operation, ...], tuple[Operation, ...]]:
    """Tell operations that pass a check from those that it refuses with a `SettingError`."""
    done: list[Operation] = []
    left_out: list[Operation] = []
    for operation in operations:
        try:
            check(operation)
        except SettingError:
            left_out.append(operation)
        else:
            done.append(operation)
    return tuple(done), tuple(left_out)


def places(network: Network) -> tuple[int, ...]:
    """Return which layers can be operated on, by their places from 1.

    Examples
    --------
    >>> from cvcore.networks import preset
    >>> places(preset("cnn", 10))
    (1, 3, 5, 7, 8)
    """
    return tuple(
        place
        for place, layer in enumerate(network, start=1)
        if isinstance(layer, Convolution | Dense) and place < len(network)
    )


def count_of_filters(network: Network, place: int) -> int:
    """Return how many filters a convolution has, or how many units a dense layer.

    Parameters
    ----------
    network : Network
    place : int
        One of `places`.
    """
    layer = network[place - 1]
    if isinstance(layer, Convolution):
        return layer.filters
    if isinstance(layer, Dense):
        return layer.units
    raise AssertionError(layer)


@lru_cache(maxsize=16)
def kernels_of(size: int) -> Mapping[str, FloatArray]:
    """Return the Filters page's kernels in a layer's size.

    Those with a setting for their size are made for it; the others are of 3 × 3, and get zeros
    about them. Random ones are left out.

    Parameters
    ----------
    size : int

    Returns
    -------
    mapping of str to ndarray of float32, shape (size, size)
        By their names in `cvcore.kernels.KERNELS`.

    Examples
    --------
    >>> kernels_of(5)["sobel_y"][:, 2]
    array([ 0., -2.,  0.,  2.,  0.], dtype=float32)
    >>> list(kernels_of(2))
    ['box', 'gaussian', 'motion_blur']
    """
    made: dict[str, FloatArray] = {}
    for name, kernel in KERNELS.items():
        if "seed" in kernel.parameters:
            continue
        if "size" in kernel.parameters:
            made[name] = kernel(size=size)
        elif size >= len(kernel.weights):
            made[name] = kernels.resize(kernel.weights, size, size)
    return MappingProxyType(made)


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
    size = layer.size if isinstance(layer, Convolution) else 0
    check_filter(operation, count_of_filters(network, place), size)


def check_filter(operation: Operation, count: int, size: int) -> None:
    """Refuse what cannot be done to a layer with so many filters.

    Parameters
    ----------
    operation : Operation
    count : int
    size : int
        Rows and columns of its kernels; 0 where it has none.

    Raises
    ------
    SettingError
        If it has no such filter, or its kernels are of another size.
    """
    place = operation.layer
    for wanted in (operation.filter, operation.other):
        if not 0 <= wanted < count:
            raise SettingError(
                N_("Layer {position} has {count} filters; number {number} was asked for."),
                position=place,
                count=count,
                number=wanted + 1,
            )
    if operation.seed < 0:
        raise SettingError(
            N_("The seed must be a whole number from 0 up; it was {seed}."), seed=operation.seed
        )
    if operation.deed == "kernel":
        lengths = [len(row) for row in operation.kernel]
        cells = [cell for row in operation.kernel for cell in row]
        if not size or lengths != [size] * size or not all(map(math.isfinite, cells)):
            raise SettingError(
                N_("The kernels of layer {position} have another size than this one."),
                position=place,
            )


def arrays_of_filters(network: Network, place: int) -> dict[str, float | None]:
    """Return the arrays whose last axis counts a layer's filters, and how each is silenced.

    Besides its own these are those of every batch normalisation on the way to the next layer
    with weights, as far as its channels are the filters.

    Parameters
    ----------
    network : Network
    place : int
        One of `places`.

    Returns
    -------
    dict of str to float or None
        From an array's name, as in `cvcore.models.weights`, to what a filter's part of it
        becomes where the filter is switched off; None where it stays, as means and variances do.

    Examples
    --------
    >>> arrays_of_filters((Convolution(filters=2), Dense(units=3)), 1)
    {'convolution_1/kernel': 0.0, 'convolution_1/bias': 0.0}
    """
    layer = network[place - 1]
    own = f"{layer.kind}_{place}"
    silences: dict[str, float | None] = {f"{own}/kernel": 0.0, f"{own}/bias": 0.0}
    adds = f"{own}/bias"  # what the next activation sees of a filter that is off
    for after, follower in enumerate(network[place - 1 :], start=place):
        if after > place and not isinstance(
            follower, ActivationLayer | BatchNormalisation | Dropout | Pooling
        ):
            break
        if isinstance(follower, BatchNormalisation):
            name = f"{follower.kind}_{after}"
            silences |= {f"{name}/{part}": 0.0 for part in ("gamma", "beta")}
            silences |= {f"{name}/moving_{part}": None for part in ("mean", "variance")}
            adds = f"{name}/beta"
        if _activation(follower) in ("sigmoid", "softmax"):
            silences[adds] = _SILENCE
    return silences


def _activation(layer: Layer) -> Activation:
    return (
        layer.activation if isinstance(layer, Convolution | Dense | ActivationLayer) else "linear"
    )


def change(array: FloatArray, operation: Operation, *, part: str, silence: float | None) -> None:
    """Do an operation to one of the arrays that belong to a layer's filters, in place.

    Parameters
    ----------
    array : ndarray of float32
        Its last axis counts the filters.
    operation : Operation
    part : str
        What the array is: 'kernel', 'bias', or one of batch normalisation's.
    silence : float or None
        What the filter's part of it becomes where it is switched off; None where it stays.
    """
    one = operation.filter
    match operation.deed:
        case "swap":
            array[..., [one, operation.other]] = array[..., [operation.other, one]]
        case "off" if silence is not None:
            array[..., one] = silence
        case "kernel" if part == "kernel":
            plane = np.array(operation.kernel, np.float32)[..., np.newaxis]
            array[..., one] = plane / array.shape[2]
        case "random" if part == "kernel":
            spread = float(np.sqrt(np.square(array, dtype=np.float64).mean()))
            draw = np.random.default_rng(operation.seed).normal(0, spread, array[..., one].shape)
            array[..., one] = draw


def forget(array: FloatArray, operation: Operation) -> None:
    """Do to what an optimiser remembers of a filter what fits an operation on it, in place.

    A filter that changes places takes its memory along; any other has a past no more: with it,
    momentum would move a filter that is off.

    Parameters
    ----------
    array : ndarray of float32
        Its last axis counts the filters.
    operation : Operation
    """
    if operation.deed != "swap":
        operation = replace(operation, deed="off")
    change(array, operation, part="memory", silence=0.0)
