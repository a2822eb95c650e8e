"""Networks as plain data: what a run's specification says and a table lists.

No layer here computes anything: `cvcore.arithmetic` counts their shapes and
parameters, `cvcore.models` builds them in Keras.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Literal, TypeAlias, get_args

from cvcore.errors import N_, SettingError

Padding: TypeAlias = Literal["valid", "same"]
Activation: TypeAlias = Literal["linear", "relu", "sigmoid", "tanh", "softmax"]


@dataclass(frozen=True, kw_only=True)
class Convolution:
    """A layer of kernels, each as deep as its input (Keras' Conv2D)."""

    kind: ClassVar[str] = "convolution"
    filters: int
    size: int = 3
    stride: int = 1
    padding: Padding = "valid"
    activation: Activation = "linear"


@dataclass(frozen=True, kw_only=True)
class Pooling:
    """The largest or the mean value of each window (MaxPooling2D, AveragePooling2D)."""

    kind: ClassVar[str] = "pooling"
    size: int = 2
    stride: int | None = None
    how: Literal["max", "average"] = "max"


@dataclass(frozen=True, kw_only=True)
class Flatten:
    """All values in one row."""

    kind: ClassVar[str] = "flatten"


@dataclass(frozen=True, kw_only=True)
class Dense:
    """Every input connected to every unit."""

    kind: ClassVar[str] = "dense"
    units: int
    activation: Activation = "linear"


@dataclass(frozen=True, kw_only=True)
class GlobalAveragePooling:
    """The mean of each feature map (GlobalAveragePooling2D)."""

    kind: ClassVar[str] = "global_average_pooling"


@dataclass(frozen=True, kw_only=True)
class BatchNormalisation:
    """Each channel brought to mean 0 and variance 1 over a batch, then scaled and shifted.

    `momentum` is how much of its running mean and variance it keeps at each
    batch; in a training of few batches Keras' 0.99 lets them lag behind.
    """

    kind: ClassVar[str] = "batch_normalisation"
    momentum: float = 0.99


@dataclass(frozen=True, kw_only=True)
class Dropout:
    """A share of the values set to 0 at random, while training alone."""

    kind: ClassVar[str] = "dropout"
    rate: float = 0.5


@dataclass(frozen=True, kw_only=True)
class ActivationLayer:
    """An activation of its own, for where something stands between it and the sum before."""

    kind: ClassVar[str] = "activation"
    activation: Activation = "relu"


Layer: TypeAlias = (
    Convolution
    | Pooling
    | GlobalAveragePooling
    | BatchNormalisation
    | ActivationLayer
    | Dropout
    | Flatten
    | Dense
)
Network: TypeAlias = tuple[Layer, ...]

LAYERS: Mapping[str, type[Layer]] = MappingProxyType(
    {layer.kind: layer for layer in get_args(Layer)}
)

ACTIVATIONS: tuple[Activation, ...] = get_args(Activation)

LAYER_LIMITS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "filters": (1, 1024),
        "size": (1, 64),
        "stride": (1, 64),
        "units": (1, 8192),
        "rate": (0.0, 0.95),
        "momentum": (0.0, 0.999),
    }
)
"""The smallest and the largest number that a text, or a page, may give a layer."""

_MOST_LAYERS = 64
_WHOLE, _SHARE, _ACTIVATION = "[0-9]{1,5}", r"0(?:\.[0-9]{1,12})?", "|".join(ACTIVATIONS)
_FORMS: tuple[tuple[type[Layer], re.Pattern[str]], ...] = tuple(
    (kind, re.compile(form))
    for kind, form in (
        (
            Convolution,
            f"conv(?P<filters>{_WHOLE})_(?P<size>{_WHOLE})(?:_s(?P<stride>{_WHOLE}))?"
            f"(?:_(?P<padding>same|valid))?(?:_(?P<activation>{_ACTIVATION}))?",
        ),
        (Pooling, f"(?P<how>max|average)(?P<size>{_WHOLE})(?:_s(?P<stride>{_WHOLE}))?"),
        (GlobalAveragePooling, "global"),
        (BatchNormalisation, f"norm(?P<momentum>{_SHARE})?"),
        (ActivationLayer, f"(?P<activation>{_ACTIVATION})"),
        (Dropout, f"dropout(?P<rate>{_SHARE})"),
        (Flatten, "flatten"),
        (Dense, f"dense(?P<units>{_WHOLE})(?:_(?P<activation>{_ACTIVATION}))?"),
    )
)


@dataclass(frozen=True, kw_only=True)
class NamedNetwork:
    """A network that a page offers by name, with the picture size it was published for."""

    label: str
    layers: Network
    input_shape: tuple[int, int, int]
    source: str


def _vgg_block(filters: int, convolutions: int) -> Network:
    convolution = Convolution(filters=filters, size=3, padding="same", activation="relu")
    return (convolution,) * convolutions + (Pooling(size=2),)


NETWORKS: Mapping[str, NamedNetwork] = MappingProxyType(
    {
        "linear": NamedNetwork(
            label=N_("A single neuron per class"),
            layers=(Flatten(), Dense(units=10, activation="softmax")),
            input_shape=(28, 28, 1),
            source="Lecture notes: the linear classifier",
        ),
        "dense": NamedNetwork(
            label=N_("The lecture's dense classifier"),
            layers=(
                Flatten(),
                Dense(units=128, activation="relu"),
                Dense(units=10, activation="softmax"),
            ),
            input_shape=(28, 28, 1),
            source="Lecture notes: Fashion-MNIST with a dense classifier",
        ),
        # Its convolutions have no activation: the lecture's code names none.
        "cnn": NamedNetwork(
            label=N_("The lecture's CNN"),
            layers=(
                Convolution(filters=64, size=3, padding="same"),
                Pooling(size=2),
                Convolution(filters=32, size=3, padding="same"),
                Pooling(size=2),
                Convolution(filters=16, size=3, padding="same"),
                Flatten(),
                Dense(units=256, activation="relu"),
                Dense(units=128, activation="relu"),
                Dense(units=10, activation="softmax"),
            ),
            input_shape=(28, 28, 1),
            source="Lecture notes: Fashion-MNIST with a CNN",
        ),
        "cnn_relu": NamedNetwork(
            label=N_("The lecture's CNN with ReLU"),
            layers=(
                Convolution(filters=64, size=3, padding="same", activation="relu"),
                Pooling(size=2),
                Convolution(filters=32, size=3, padding="same", activation="relu"),
                Pooling(size=2),
                Convolution(filters=16, size=3, padding="same", activation="relu"),
                Flatten(),
                Dense(units=256, activation="relu"),
                Dense(units=128, activation="relu"),
                Dense(units=10, activation="softmax"),
            ),
            input_shape=(28, 28, 1),
            source="Lecture notes: Fashion-MNIST with a CNN, with ReLU in its convolutions",
        ),
        # The 1998 network as it is taught: its pooling has no weights, and its second convolution
        # looks at every map of the first.
        "lenet5": NamedNetwork(
            label=N_("LeNet-5"),
            layers=(
                Convolution(filters=6, size=5, activation="tanh"),
                Pooling(size=2, how="average"),
                Convolution(filters=16, size=5, activation="tanh"),
                Pooling(size=2, how="average"),
                Flatten(),
                Dense(units=120, activation="tanh"),
                Dense(units=84, activation="tanh"),
                Dense(units=10, activation="softmax"),
            ),
            input_shape=(32, 32, 1),
            source="Y. LeCun et al., Gradient-Based Learning Applied to Document Recognition, 1998",
        ),
        # For pictures of 28 × 28: "same" padding gives them the border that 32 × 32 had.
        "lenet5_28": NamedNetwork(
            label=N_("LeNet-5 for 28 × 28 pixels"),
            layers=(
                Convolution(filters=6, size=5, padding="same", activation="tanh"),
                Pooling(size=2, how="average"),
                Convolution(filters=16, size=5, activation="tanh"),
                Pooling(size=2, how="average"),
                Flatten(),
                Dense(units=120, activation="tanh"),
                Dense(units=84, activation="tanh"),
                Dense(units=10, activation="softmax"),
            ),
            input_shape=(28, 28, 1),
            source="Y. LeCun et al., Gradient-Based Learning Applied to Document Recognition, 1998",
        ),
        "vgg_small": NamedNetwork(
            label=N_("A small VGG"),
            layers=(
                *_vgg_block(filters=32, convolutions=2),
                *_vgg_block(filters=64, convolutions=2),
                Flatten(),
                Dropout(rate=0.5),
                Dense(units=128, activation="relu"),
                Dense(units=10, activation="softmax"),
            ),
            input_shape=(28, 28, 1),
            source="After K. Simonyan, A. Zisserman, Very Deep Convolutional Networks, 2015",
        ),
        # Where time goes, little is done: the first convolution takes large steps, the second
        # is as narrow as a processor's vector, and what is normalised has been pooled before.
        # `cvcore.recipes` says how it is trained.
        "fast": NamedNetwork(
            label=N_("Fast"),
            layers=(
                Convolution(filters=16, size=4, stride=2, padding="same", activation="relu"),
                Convolution(filters=16, size=3, padding="same"),
                Pooling(size=2),
                BatchNormalisation(momentum=0.9),
                ActivationLayer(activation="relu"),
                Flatten(),
                Dense(units=128),
                BatchNormalisation(momentum=0.9),
                ActivationLayer(activation="relu"),
                Dense(units=10, activation="softmax"),
            ),
            input_shape=(28, 28, 1),
            source="S. Ioffe, C. Szegedy, arXiv:1502.03167, for the batch normalisation",
        ),
        # Each map's mean is all that its classes know: where something stands does not matter,
        # and class activation maps say exactly what counted.
        "pooled": NamedNetwork(
            label=N_("A CNN that ends in means"),
            layers=(
                Convolution(filters=16, size=4, stride=2, padding="same", activation="relu"),
                Convolution(filters=32, size=3, padding="same", activation="relu"),
                Pooling(size=2),
                Convolution(filters=64, size=3, padding="same", activation="relu"),
                GlobalAveragePooling(),
                Dense(units=10, activation="softmax"),
            ),
            input_shape=(28, 28, 1),
            source="M. Lin, Q. Chen, S. Yan, Network In Network, arXiv:1312.4400, for the means",
        ),
        "vgg16": NamedNetwork(
            label=N_("VGG16"),
            layers=(
                *_vgg_block(filters=64, convolutions=2),
                *_vgg_block(filters=128, convolutions=2),
                *_vgg_block(filters=256, convolutions=3),
                *_vgg_block(filters=512, convolutions=3),
                *_vgg_block(filters=512, convolutions=3),
                Flatten(),
                Dense(units=4096, activation="relu"),
                Dense(units=4096, activation="relu"),
                Dense(units=1000, activation="softmax"),
            ),
            input_shape=(224, 224, 3),
            source="K. Simonyan, A. Zisserman, Very Deep Convolutional Networks, 2015",
        ),
    }
)


def preset(name: str, classes: int) -> Network:
    """Return a network of `NETWORKS` with as many outputs as there are classes.

    Parameters
    ----------
    name : str
        A name in `NETWORKS`.
    classes : int

    Returns
    -------
    tuple of Layer
    """
    body = NETWORKS[name].layers[:-1]
    return (*body, Dense(units=classes, activation="softmax"))


def to_text(network: Network) -> str:
    """Write a network as a few words that an address can hold.

    Parameters
    ----------
    network : tuple of Layer

    Returns
    -------
    str
        A word for each layer, with ``-`` between them. What a layer has by default is
        left out; shares have at most 12 decimals.

    Examples
    --------
    >>> to_text((Convolution(filters=32, padding="same"), Pooling(), Flatten(), Dense(units=10)))
    'conv32_3_same-max2-flatten-dense10'
    """
    return "-".join(_write(layer) for layer in network)


def from_text(text: str) -> Network:
    """Read what `to_text` wrote, or what a visitor put into an address.

    Parameters
    ----------
    text : str

    Returns
    -------
    tuple of Layer
        Whether they can follow one another is `cvcore.arithmetic.layer_table`'s question.

    Raises
    ------
    SettingError
        If a word is no layer's, a number is beyond `LAYER_LIMITS`, or there are more than
        64 layers.

    Examples
    --------
    >>> from_text("conv6_5_tanh-average2")
    (Convolution(filters=6, size=5, stride=1, padding='valid', activation='tanh'), \
Pooling(size=2, stride=None, how='average'))
    """
    words = text.split("-", _MOST_LAYERS) if text else []
    if len(words) > _MOST_LAYERS:
        raise SettingError(
            N_("A network has at most {most} layers; this text has more. Leave some out."),
            most=_MOST_LAYERS,
        )
    return tuple(_read(word, position) for position, word in enumerate(words, start=1))


def _write(layer: Layer) -> str:
    match layer:
        case Convolution():
            words = [f"conv{layer.filters}", f"{layer.size}"]
            if layer.stride != 1:
                words.append(f"s{layer.stride}")
            if layer.padding != "valid":
                words.append(layer.padding)
            if layer.activation != "linear":
                words.append(layer.activation)
            return "_".join(words)
        case Pooling():
            stride = "" if layer.stride is None else f"_s{layer.stride}"
            return f"{layer.how}{layer.size}{stride}"
        case GlobalAveragePooling():
            return "global"
        case BatchNormalisation(momentum=momentum):
            usual = momentum == BatchNormalisation().momentum
            return "norm" if usual else f"norm{_share(momentum)}"
        case ActivationLayer(activation=activation):
            return activation
        case Dropout(rate=rate):
            return f"dropout{_share(rate)}"
        case Flatten():
            return "flatten"
        case Dense(units=units, activation=activation):
            return f"dense{units}" if activation == "linear" else f"dense{units}_{activation}"


def _share(value: float) -> str:
    """Write a number from 0 to below 1 without an exponent, whose sign would part two layers."""
    return f"{value:.12f}".rstrip("0").rstrip(".")


def _read(word: str, position: int) -> Layer:
    for kind, form in _FORMS:
        found = form.fullmatch(word)
        if found:
            values: dict[str, Any] = {
                name: _number(name, text, position) if name in LAYER_LIMITS else text
                for name, text in found.groupdict().items()
                if text is not None
            }
            return kind(**values)
    raise SettingError(
        N_(
            "Layer {position} is written {word}, which is none that this laboratory knows. "
            "Write it like one of these: {examples}."
        ),
        position=position,
        word=word[:40],
        examples="conv32_3_same_relu, max2, average2, norm, relu, dropout0.5, flatten, global, "
        "dense128_relu",
    )


def _number(name: str, text: str, position: int) -> float:
    value = float(text) if "." in text else int(text)
    low, high = LAYER_LIMITS[name]
    if not low <= value <= high:
        raise SettingError(
            N_("Layer {position} has {name} = {number}; it must be from {low} to {high}."),
            position=position,
            name=name,
            number=text,
            low=f"{low:g}",
            high=f"{high:g}",
        )
    return float(value) if name in ("rate", "momentum") else value
