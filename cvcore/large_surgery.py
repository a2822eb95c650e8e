"""Operations on the filters of a large network, whose layers are Keras' own.

As in `cvcore.surgery`; a layer's place is that among `cvcore.pretrained.rows`, from 1.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cvcore.errors import N_, SettingError
from cvcore.surgery import Operation, change, check_filter

if TYPE_CHECKING:
    from cvcore.large import Row

_KINDS = ("Conv2D", "DepthwiseConv2D", "SeparableConv2D")
_SILENCE = -100.0  # what a sigmoid makes 0 of


def places(rows: "Sequence[Row]") -> tuple[int, ...]:
    """Return which layers can be operated on: the convolutions before the last layer with weights.

    Parameters
    ----------
    rows : sequence of Row

    Returns
    -------
    tuple of int
        From 1.
    """
    last = max((place for place, it in enumerate(rows, start=1) if it.parameters), default=0)
    return tuple(place for place, it in enumerate(rows[: last - 1], start=1) if it.kind in _KINDS)


def size_of(row: "Row") -> int:
    """Return the rows and columns of a filter's own kernels; 0 where they are no squares.

    Those of a SeparableConv2D are its filters' all together; of their own they have one factor
    for each channel.
    """
    rows, columns = (1, 1) if row.kind == "SeparableConv2D" else row.kernel
    return rows if rows == columns else 0


def check(rows: "Sequence[Row]", operation: Operation) -> None:
    """Refuse what cannot be done to a network.

    Raises
    ------
    SettingError
        If it has no such layer or filter, or the layer's kernels are of another size.
    """
    place = operation.layer
    if place not in places(rows):
        raise SettingError(
            N_("Layer {position} has no filters to operate on. Choose a convolution."),
            position=place,
        )
    check_filter(operation, rows[place - 1].filters, size_of(rows[place - 1]))


def with_followers(layers: Sequence[Any], place: int) -> list[Any]:
    """Return a convolution, and the batch normalisation and activation that are its own.

    Parameters
    ----------
    layers : sequence of keras.Layer
        A network's, from the input on.
    place : int
        The convolution's, from 1.
    """
    chain = [layers[place - 1]]
    while True:
        output = chain[-1].output
        after = [it for it in layers[place:] if _takes(it, output)]
        if len(after) != 1 or type(after[0]).__name__ not in (
            "BatchNormalization",
            "Activation",
            "ReLU",
        ):
            return chain
        chain.append(after[0])


def _takes(layer: Any, tensor: Any) -> bool:
    given = layer.input
    return any(it is tensor for it in given) if isinstance(given, list) else given is tensor


def changed(layers: Sequence[Any], operations: Sequence[Operation]) -> list[tuple[Any, Any]]:
    """Return the variables that operations change, with their new values.

    Parameters
    ----------
    layers : sequence of keras.Layer
        A network's, from the input on.
    operations : sequence of Operation
        Done one after the other.

    Returns
    -------
    list of (keras.Variable, ndarray of float32)
        For a ``keras.StatelessScope``: the network itself stays as it is.
    """
    values: dict[int, tuple[Any, Any]] = {}
    for operation in operations:
        for variable, part, silence in _arrays(layers, operation.layer):
            _, value = values.get(id(variable), (variable, None))
            value = np.asarray(variable).copy() if value is None else value
            # A depthwise filter is its channel's own: the last axis but one counts them.
            turned = part == "depthwise"
            filters = value.swapaxes(2, 3) if turned else value
            change(filters, operation, part="kernel" if turned else part, silence=silence)
            values[id(variable)] = variable, value
    return list(values.values())


def _arrays(layers: Sequence[Any], place: int) -> list[tuple[Any, str, float | None]]:
    """Return a layer's variables, what each is, and what a filter that is off has there."""
    chain = with_followers(layers, place)
    silence = _SILENCE if any("sigmoid" in _activation(it) for it in chain) else 0.0
    normalises = any(type(it).__name__ == "BatchNormalization" for it in chain)
    arrays: list[tuple[Any, str, float | None]] = []
    for it in chain:
        match kind := type(it).__name__:
            case "DepthwiseConv2D":
                arrays.append((it.kernel, "depthwise", 0.0))
                arrays.append((it.bias, "bias", 0.0 if normalises else silence))
            case "Conv2D" | "SeparableConv2D":
                own = it.kernel if kind == "Conv2D" else it.pointwise_kernel
                arrays.append((own, "kernel", 0.0))
                arrays.append((it.bias, "bias", 0.0 if normalises else silence))
            case "BatchNormalization":
                arrays.append((it.gamma, "gamma", 0.0))
                arrays.append((it.beta, "beta", silence))
                # Where there is no gamma, the mean would be left over.
                arrays.append((it.moving_mean, "mean", 0.0))
                arrays.append((it.moving_variance, "variance", None))
    return [it for it in arrays if it[0] is not None]


def _activation(layer: Any) -> str:
    return getattr(getattr(layer, "activation", None), "__name__", "")
