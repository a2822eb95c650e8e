"""How one value of a network comes about: what made it, number by number, down to the pixels.

The functions with a store as first argument are jobs for a worker
(`cvcore.engine.client.Engine.ask`); the arithmetic itself needs no TensorFlow.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from cvcore.activations import relu, sigmoid, softmax
from cvcore.arithmetic import Shape, products
from cvcore.arrays import AnyArray, ByteArray, FloatArray
from cvcore.errors import N_, SettingError
from cvcore.networks import (
    ActivationLayer,
    BatchNormalisation,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling,
    Layer,
    Pooling,
)
from cvcore.subjects import Picture, Subject
from cvcore.waking import import_tensorflow

EPSILON = 1e-3
"""What batch normalisation adds to the variance, in Keras."""

Place = tuple[int, ...]
"""Of a value: (row, column, channel) in maps, (index,) in a row; all from 0."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Step:
    """What goes through one layer for one picture, and the weights of one of its filters.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, channels)
        As the data set has it.
    seen : ndarray of float32, of the same shape
        As the network sees it.
    before : ndarray of float32
        What goes into the layer; the picture, for the first.
    sums, outputs : ndarray of float32
        What it computes before its activation, and after it.
    weights : mapping of str to ndarray of float32
        Of the chosen filter or unit: 'kernel' and 'bias'; of the chosen channel: 'gamma',
        'beta', 'moving_mean' and 'moving_variance'. Empty where nothing is learned.
    shift, scale : float
        What is taken from a pixel, and what the rest is divided by.
    """

    image: ByteArray
    seen: FloatArray
    before: FloatArray
    sums: FloatArray
    outputs: FloatArray
    weights: Mapping[str, FloatArray]
    shift: float
    scale: float


@dataclass(frozen=True, eq=False, kw_only=True)
class Explanation:
    """How one value comes about.

    Parameters
    ----------
    value : float
        The value, worked out from what follows.
    total : float
        What is added up, or chosen, before the bias; before the activation.
    bias : float
    window : (top, left, height, width) or None
        What it sees of the maps before; it may reach into the padding.
    patch : ndarray of float32, shape (height, width, channels) or (values,)
        What lies there: all channels for a convolution, one for pooling, padding as 0.
    kernel : ndarray of float32, of the patch's shape
        What it is multiplied by; empty where there are no weights.
    strongest : tuple of int
        Where, in what goes into the layer, the input lies that counts most.
    numbers : mapping of str to float
        What else stands in the formula.
    """

    value: float
    total: float
    bias: float = 0.0
    window: tuple[int, int, int, int] | None = None
    patch: FloatArray = field(default_factory=lambda: np.zeros(0, np.float32))
    kernel: FloatArray = field(default_factory=lambda: np.zeros(0, np.float32))
    strongest: Place = ()
    numbers: Mapping[str, float] = field(default_factory=dict)

    @property
    def products(self) -> FloatArray:
        """The patch times the kernel, of the patch's shape."""
        return self.patch * self.kernel


def step(url: str, subject: Subject, picture: Picture, position: int, one: int) -> Step:
    """Return what goes through a layer, and the weights of one of its filters.

    Parameters
    ----------
    url : str
        The run store.
    subject : Subject
    picture : Picture
    position : int
        The layer's place, from 1.
    one : int
        Its filter, unit or channel, from 0.

    Raises
    ------
    EngineError
        If the run's weights of that moment are not in the store.
    SettingError
        If there is no such picture, layer or filter.
    """
    import_tensorflow()
    from cvcore import inference
    from cvcore.opened import opened

    with opened(url, subject) as network:
        layers = network.spec.network
        if not 1 <= position <= len(layers):
            raise SettingError(
                N_("This network has {count} layers; number {position} was asked for."),
                count=len(layers),
                position=position,
            )
        image = network.image(picture)
        passed = network.through(network.see(image[np.newaxis]))
        outputs = np.asarray(passed.outputs[position - 1][0])
        if not 0 <= one < outputs.shape[-1]:
            raise SettingError(
                N_("Layer {position} has {count} filters; number {number} was asked for."),
                position=position,
                count=outputs.shape[-1],
                number=one + 1,
            )
        prefix = f"{layers[position - 1].kind}_{position}/"
        weights: dict[str, AnyArray] = {
            variable.path.removeprefix(prefix): np.asarray(variable)[..., one]
            for variable in network.model.weights
            if variable.path.startswith(prefix)
        }
        shift, scale = inference.scaling(network.spec, network.data)
        before = passed.outputs[position - 2] if position > 1 else passed.picture
        return Step(
            image=image,
            seen=np.asarray(passed.picture[0]),
            before=np.asarray(before[0]),
            sums=np.asarray(passed.sums[position - 1][0]),
            outputs=outputs,
            weights=weights,
            shift=shift,
            scale=scale,
        )


def explain(layer: Layer, step: Step, place: Place) -> Explanation:
    """Work out one value of a layer's output from what went into the layer.

    Parameters
    ----------
    layer : Layer
    step : Step
        With the weights of the filter that the place names.
    place : tuple of int
        Of the value.

    Returns
    -------
    Explanation

    Raises
    ------
    SettingError
        If the layer's output has no such value.

    Examples
    --------
    >>> one = np.array([[1.0, 2.0], [4.0, 3.0]], np.float32)[..., None]
    >>> nothing = np.zeros((2, 2, 1), np.uint8)
    >>> out = np.full((1, 1, 1), 4.0, np.float32)
    >>> step = Step(image=nothing, seen=one, before=one, sums=out, outputs=out, weights={},
    ...             shift=0.0, scale=1.0)
    >>> found = explain(Pooling(), step, (0, 0, 0))
    >>> found.value, found.strongest
    (4.0, (1, 0, 0))
    """
    _check(step.outputs.shape, place)
    match layer:
        case Convolution():
            return _convolution(layer, step, place)
        case Pooling():
            return _pooling(layer, step, place)
        case GlobalAveragePooling():
            plane = step.before[..., place[-1]]
            row, column = np.unravel_index(np.abs(plane).argmax(), plane.shape)
            mean = float(plane.mean(dtype=np.float64))
            return Explanation(
                value=mean,
                total=mean,
                window=(0, 0, *plane.shape),
                patch=plane[..., np.newaxis],
                strongest=(int(row), int(column), place[-1]),
            )
        case BatchNormalisation():
            return _normalised(step, place)
        case Dense():
            return _dense(layer, step, place)
        case Flatten():
            value = float(step.outputs[place])
            whole = np.unravel_index(place[0], step.before.shape)
            return Explanation(value=value, total=value, strongest=tuple(int(it) for it in whole))
        case ActivationLayer():
            total = float(step.before[place])
            value = activated(layer.activation, total, step.before[place[:-1]], place[-1])
            return Explanation(value=value, total=total, strongest=place)
        case Dropout():
            value = float(step.before[place])
            return Explanation(value=value, total=value, strongest=place)


def activated(activation: str, total: float, all_of_them: FloatArray, index: int) -> float:
    """Return what an activation makes of a sum; softmax looks at all sums beside it.

    Parameters
    ----------
    activation : str
        A name in `cvcore.networks.ACTIVATIONS`.
    total : float
    all_of_them : ndarray of float32, shape (values,)
        The sums beside it, itself among them.
    index : int
        Which of them it is.
    """
    match activation:
        case "relu":
            return float(relu(total))
        case "sigmoid":
            return float(sigmoid(total))
        case "tanh":
            return float(np.tanh(total))
        case "softmax":
            return float(softmax(all_of_them)[index])
    return total


def _convolution(layer: Convolution, step: Step, place: Place) -> Explanation:
    row, column, channel = place
    found = products(
        step.before,
        step.weights["kernel"],
        row,
        column,
        stride=layer.stride,
        padding=layer.padding,
    )
    bias = float(step.weights["bias"])
    size = layer.size
    inside = np.abs(found.products).copy()
    rows, columns = np.indices((size, size))
    outside = (
        (rows + found.top < 0)
        | (rows + found.top >= step.before.shape[0])
        | (columns + found.left < 0)
        | (columns + found.left >= step.before.shape[1])
    )
    inside[outside] = -1.0
    i, j, c = np.unravel_index(inside.argmax(), inside.shape)
    return Explanation(
        value=activated(layer.activation, found.total + bias, step.sums[row, column], channel),
        total=found.total,
        bias=bias,
        window=(found.top, found.left, size, size),
        patch=found.patch,
        kernel=found.kernel,
        strongest=(int(i) + found.top, int(j) + found.left, int(c)),
    )


def _pooling(layer: Pooling, step: Step, place: Place) -> Explanation:
    row, column, channel = place
    stride = layer.size if layer.stride is None else layer.stride
    top, left = row * stride, column * stride
    patch = step.before[top : top + layer.size, left : left + layer.size, channel]
    i, j = np.unravel_index((patch if layer.how == "max" else np.abs(patch)).argmax(), patch.shape)
    value = float(patch.max() if layer.how == "max" else patch.mean(dtype=np.float64))
    return Explanation(
        value=value,
        total=value,
        window=(top, left, *patch.shape),
        patch=patch[..., np.newaxis],
        strongest=(int(i) + top, int(j) + left, channel),
    )


def _normalised(step: Step, place: Place) -> Explanation:
    numbers = {name: float(value) for name, value in step.weights.items()}
    x = float(step.before[place])
    spread = float(np.sqrt(numbers["moving_variance"] + EPSILON))
    value = numbers["gamma"] * (x - numbers["moving_mean"]) / spread + numbers["beta"]
    return Explanation(value=value, total=x, strongest=place, numbers=numbers)


def _dense(layer: Dense, step: Step, place: Place) -> Explanation:
    kernel, bias = step.weights["kernel"], float(step.weights["bias"])
    total = float((step.before * kernel).sum(dtype=np.float64))
    return Explanation(
        value=activated(layer.activation, total + bias, step.sums, place[0]),
        total=total,
        bias=bias,
        patch=step.before,
        kernel=kernel,
        strongest=(int(np.abs(step.before * kernel).argmax()),),
    )


def _check(shape: Shape, place: Place) -> None:
    if len(place) != len(shape) or any(
        not 0 <= at < end for at, end in zip(place, shape, strict=True)
    ):
        raise SettingError(
            N_("This layer gives {shape} values; it has none at {place}."),
            shape=" × ".join(map(str, shape)),
            place=", ".join(str(at + 1) for at in place),
        )
