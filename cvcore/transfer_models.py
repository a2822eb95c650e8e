"""Networks that begin with a backbone's own tensors; imported in workers alone.

The network is flat: a backbone nested as one layer would hide everything inside it. Batch
normalisation of a backbone stays frozen, and a frozen one goes by the statistics of its first
training, as the backbone called with ``training=False`` does.
"""

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import keras

from cvcore import backbone_models, backbones, large_surgery
from cvcore.errors import N_, SettingError
from cvcore.surgery import Operation
from cvcore.transfer_spec import MAX_HEAD_PARAMETERS, SCRATCH_FILTERS, TransferSpec, seeds_of

# Where a block ends, in the names that a backbone's layers have in a fresh process.
_ENDS: Mapping[str, str] = MappingProxyType(
    {
        "MobileNetV2": r"Conv1_relu|expanded_conv_project_BN|block_\d+_add"
        r"|block_(1|3|6|10|13|16)_project_BN|out_relu",
        "MobileNet": r"conv1_relu|conv_pw_\d+_relu",
        "VGG16": r"block\d_pool",
        "VGG19": r"block\d_pool",
        "InceptionV3": r"mixed\d+",
        "Xception": r"add(_\d+)?|block14_sepconv2_act",
        "ResNet50": r"conv\d_block\d_out",
        "ResNet50V2": r"conv\d_block\d_out|post_relu",
        "InceptionResNetV2": r"mixed_5b|block35_(5|10)_ac|mixed_6a|block17_(5|10|15|20)_ac"
        r"|mixed_7a|block8_5_ac|block8_10|conv_7b_ac",
        "DenseNet121": r"pool\d(_pool)?|relu",
        "NASNetMobile": r"(reduction|normal)_concat_\w+",
        "EfficientNetB0": r"block\da_project_bn|block\d[b-z]_add|top_activation",
    }
)


@dataclass(frozen=True, kw_only=True)
class Counts:
    """A network's parameters.

    Parameters
    ----------
    trainable, frozen : int
    """

    trainable: int
    frozen: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.trainable + self.frozen


@dataclass(frozen=True, eq=False, kw_only=True)
class Transferred:
    """A network in two parts that share their layers.

    Parameters
    ----------
    network : keras.Model
        From pictures, float32 from 0 to 255, to probabilities.
    scores : keras.Model
        From pictures to what stands before softmax or sigmoid.
    body : keras.Model
        From pictures to features: one vector a picture.
    head : keras.Model
        From features to probabilities.
    blocks : tuple of tuple of keras.Layer
        Of the backbone up to the cut, from the input on; none for a network from scratch.
    maps : keras.KerasTensor
        The last feature maps, for Grad-CAM.
    """

    network: keras.Model
    scores: keras.Model
    body: keras.Model
    head: keras.Model
    blocks: tuple[tuple[keras.Layer, ...], ...]
    maps: keras.KerasTensor


def block_ends(name: str, layers: Sequence[str]) -> tuple[str, ...]:
    """Return where a backbone's blocks end.

    Parameters
    ----------
    name : str
        The backbone's.
    layers : sequence of str
        As `cvcore.backbone_models.names_of` returns them, up to a cut.

    Returns
    -------
    tuple of str
        From the input on. The last one is the last layer: what stands behind the last whole
        block is a block too.
    """
    pattern = _ENDS[backbones.entry_of(name).keras_name]
    ends = [it for it in layers if re.fullmatch(pattern, it)]
    return (*ends, *(() if ends and ends[-1] == layers[-1] else (layers[-1],)))


def build(spec: TransferSpec, classes: int, *, weights: bool = True) -> Transferred:
    """Build a network as a training begins with it: the backbone frozen, the head new.

    Parameters
    ----------
    spec : TransferSpec
    classes : int
    weights : bool, optional
        Whether the backbone has those of its training on ImageNet, or those of none.

    Raises
    ------
    SettingError
        If the backbone has no such layer, or the head would be too large.
    AssetError
        If its weights cannot be had.
    """
    if spec.way == "scratch":
        picture, maps = _from_scratch(spec)
        blocks: tuple[tuple[keras.Layer, ...], ...] = ()
    else:
        picture, maps, blocks = _cut(spec, weights=weights)
    pooled = spec.head.pooled or spec.way == "scratch"
    pool = keras.layers.GlobalAveragePooling2D if pooled else keras.layers.Flatten
    vector = pool(name="features")(maps)
    layers = _head(spec, classes, length=vector.shape[-1])
    features = keras.Input(vector.shape[1:], name="vector")
    score, alone = vector, features
    for layer in layers[:-1]:
        score, alone = layer(score), layer(alone)
    return Transferred(
        network=keras.Model(picture, layers[-1](score), name="network"),
        scores=keras.Model(picture, score, name="scores"),
        body=keras.Model(picture, vector, name="body"),
        head=keras.Model(features, layers[-1](alone), name="head"),
        blocks=blocks,
        maps=maps,
    )


def build_head(spec: TransferSpec, classes: int, length: int) -> keras.Model:
    """Build what `build` calls the head, alone.

    Parameters
    ----------
    spec : TransferSpec
    classes : int
    length : int
        How many features it is given.

    Raises
    ------
    SettingError
        If it would be too large.
    """
    features = keras.Input((length,), name="vector")
    tensor = features
    for layer in _head(spec, classes, length=length):
        tensor = layer(tensor)
    return keras.Model(features, tensor, name="head")


def thaw(network: Transferred, blocks: int) -> None:
    """Let the backbone's last blocks learn, and freeze all others.

    Batch normalisation stays frozen, and goes by the statistics of its first training: from a
    handful of pictures there are none to be had. Compile the model after it.

    Parameters
    ----------
    network : Transferred
    blocks : int
        0 for none; more than there are for all of them.
    """
    for place, block in enumerate(reversed(network.blocks)):
        for layer in block:
            layer.trainable = place < blocks and _can_learn(layer)


def operate(network: Transferred, operations: Sequence[Operation]) -> None:
    """Operate on filters for good.

    Parameters
    ----------
    network : Transferred
    operations : sequence of Operation
        Possible ones, as `cvcore.large_surgery.check` tells; done one after the other.
    """
    for variable, value in large_surgery.changed(network.scores.layers, operations):
        variable.assign(value)


def _can_learn(layer: keras.Layer) -> bool:
    return bool(layer.weights) and not isinstance(layer, keras.layers.BatchNormalization)


def _cut(
    spec: TransferSpec, *, weights: bool
) -> tuple[keras.KerasTensor, keras.KerasTensor, tuple[tuple[keras.Layer, ...], ...]]:
    """Return a backbone's input, its maps at the cut, and its blocks up to there, frozen."""
    backbone = backbone_models.build(
        spec.backbone,
        size=spec.size,
        top=False,
        weights=weights,
        scaling=None if spec.scaling == "own" else spec.scaling,
    )
    called = dict(zip(backbone_models.names_of(backbone), backbone.layers, strict=True))
    if spec.cut and spec.cut not in called:
        raise SettingError(
            N_("{backbone} has no layer called {layer}. Choose one of its own."),
            backbone=spec.backbone,
            layer=spec.cut[:60],
        )
    maps = called[spec.cut].output if spec.cut else backbone.output
    if len(maps.shape) != 4 or spec.cut in ("picture", "scaling"):
        raise SettingError(
            N_("The layer {layer} of {backbone} has no feature maps. Choose another one."),
            backbone=spec.backbone,
            layer=spec.cut,
        )
    trunk = keras.Model(backbone.input, maps)
    trunk.trainable = False
    inside = {id(it) for it in trunk.layers}
    kept = {name: layer for name, layer in called.items() if id(layer) in inside}
    ends = block_ends(spec.backbone, tuple(kept))
    blocks: list[tuple[keras.Layer, ...]] = []
    block: list[keras.Layer] = []
    for name, layer in kept.items():
        block.append(layer)
        if name in ends:
            blocks.append(tuple(block))
            block = []
    # A stop at which nothing more learns would be none.
    while len(blocks) > 1 and not any(map(_can_learn, blocks[-1])):
        blocks[-2:] = [blocks[-2] + blocks[-1]]
    return backbone.input, maps, tuple(blocks)


def _from_scratch(spec: TransferSpec) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Return the input and the maps of a small CNN: three convolutions, each with pooling."""
    seeds = seeds_of(spec)
    picture = keras.Input((spec.size, spec.size, 3), name="picture")
    tensor = keras.layers.Rescaling(1 / 255, name="scaling")(picture)
    for place, filters in enumerate(SCRATCH_FILTERS, start=1):
        tensor = keras.layers.Conv2D(
            filters,
            3,
            padding="same",
            activation="relu",
            kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds)),
            name=f"convolution_{place}",
        )(tensor)
        tensor = keras.layers.MaxPooling2D(name=f"pooling_{place}")(tensor)
    return picture, tensor


def _head(spec: TransferSpec, classes: int, *, length: int) -> list[keras.Layer]:
    """Return the head's layers; the last one turns scores into probabilities."""
    head, seeds = spec.head, seeds_of(spec, 1)
    widths = (length, *head.units, head.width(classes))
    parameters = sum((a + 1) * b for a, b in itertools.pairwise(widths))
    if parameters > MAX_HEAD_PARAMETERS:
        raise SettingError(
            N_(
                "This head has {parameters} parameters; this laboratory trains up to {most}. Use "
                "fewer units, the mean of each feature map, or a later cut."
            ),
            parameters=f"{parameters:,}",
            most=f"{MAX_HEAD_PARAMETERS:,}",
        )
    layers: list[keras.Layer] = []

    def drop(place: int) -> None:
        if head.dropout:
            seed = next(seeds)
            layers.append(keras.layers.Dropout(head.dropout, seed=seed, name=f"dropout_{place}"))

    drop(0)
    for place, units in enumerate((*head.units, head.width(classes)), start=1):
        last = place > len(head.units)
        layers.append(
            keras.layers.Dense(
                units,
                activation=None if last else "relu",
                kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds)),
                name="scores" if last else f"dense_{place}",
            )
        )
        if not last:
            drop(place)
    layers.append(keras.layers.Activation(head.output, name="probabilities"))
    return layers


def counts(model: keras.Model) -> Counts:
    """Return how many of a model's parameters learn, and how many are frozen."""
    return Counts(
        trainable=sum(math.prod(it.shape) for it in model.trainable_weights),
        frozen=sum(math.prod(it.shape) for it in model.non_trainable_weights),
    )
