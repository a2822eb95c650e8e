"""Networks as plain data: what a run's specification says and a table lists.

No layer here computes anything: `cvcore.arithmetic` counts their shapes and
parameters, `cvcore.models` builds them in Keras.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal, TypeAlias, get_args

from cvcore.errors import N_

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
        # Where time goes, little is done: the first convolution takes large steps, and what is
        # normalised has been pooled before. `cvcore.recipes` says how it is trained.
        "fast": NamedNetwork(
            label=N_("Fast"),
            layers=(
                Convolution(filters=16, size=4, stride=2, padding="same", activation="relu"),
                Convolution(filters=24, size=3, padding="same"),
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
