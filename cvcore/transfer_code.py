"""A training on one's own classes as plain Keras code: to read, to run and to change."""

from collections.abc import Sequence

from cvcore.backbones import BACKBONES
from cvcore.spec import Augmentation
from cvcore.transfer_spec import SCRATCH_FILTERS, TransferSpec, seeds_of

_MODULES = {
    "MobileNetV2": "mobilenet_v2",
    "MobileNet": "mobilenet",
    "VGG16": "vgg16",
    "VGG19": "vgg19",
    "InceptionV3": "inception_v3",
    "Xception": "xception",
    "ResNet50": "resnet",
    "ResNet50V2": "resnet_v2",
    "InceptionResNetV2": "inception_resnet_v2",
    "DenseNet121": "densenet",
    "NASNetMobile": "nasnet",
    "EfficientNetB0": "efficientnet",
}
"""Where `keras.applications` keeps each network's preprocessing."""

_PICTURES = '''"""{title}

Press "Save as a file" under Your classes, unpack classes.zip, and run
    python train.py classes
It needs tensorflow and pillow.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np
from PIL import Image, ImageOps

SIZE, SEED, BATCH = {size}, {seed}, {batch}
HELD_OUT = {held}  # never learned from

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "classes")
classes = json.loads((folder / "collection.json").read_text(encoding="utf-8"))["classes"]
files = [(label, folder / str(label) / picture["name"])
         for label, it in enumerate(classes) for picture in it["pictures"]]
labels = np.array([label for label, _ in files])
held = np.isin(np.arange(len(files)), HELD_OUT)
'''

_DIGITS = '''"""{title}

It needs tensorflow, and downloads MNIST on first use.
"""

import keras
import numpy as np

SIZE, SEED, BATCH = {size}, {seed}, {batch}
HELD_OUT = {held}  # never learned from

(digits, labels), _ = keras.datasets.{data}.load_data()
digits, labels = digits[:{count}], labels[:{count}]
held = np.isin(np.arange(len(labels)), HELD_OUT)
'''

_FRAMING = """
framing = keras.layers.Resizing(SIZE, SIZE, antialias=True, crop_to_aspect_ratio={crop})


def frame(image):
    return np.asarray(framing(np.asarray(image, np.float32)[None]))[0].round().clip(0, 255)

"""

_READ = """
def read(path):
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


pictures = np.stack([frame(read(path)) for _, path in files])
"""

_READ_DIGITS = """
pictures = np.stack([frame(np.repeat(it[..., None], 3, axis=2)) for it in digits])
"""

_TARGETS = """targets = np.eye({classes}, dtype="float32")[labels]{single}
"""

_SCRATCH = """
# A small CNN that begins from nothing.
picture = keras.Input((SIZE, SIZE, 3))
maps = keras.layers.Rescaling(1 / 255)(picture)
for filters, seed in {convolutions}:
    maps = keras.layers.Conv2D(
        filters, 3, padding="same", activation="relu",
        kernel_initializer=keras.initializers.GlorotUniform(seed),
    )(maps)
    maps = keras.layers.MaxPooling2D()(maps)
"""

_BACKBONE = """
# What was learned from 1.3 million photos, cut and frozen.
pictures = {scaling}
picture = keras.Input((SIZE, SIZE, 3))
backbone = keras.applications.{name}(
    include_top=False, weights="imagenet", input_tensor=picture{alpha}
)
backbone.trainable = False
maps = {maps}
"""

_HEAD = """
# The head.
features = keras.layers.{pool}()(maps)
vector = keras.Input(features.shape[1:])
layers = [
{layers}]
network, head = features, vector
for layer in layers:
    network, head = layer(network), layer(head)
body = keras.Model(picture, features)
head = keras.Model(vector, head)
network = keras.Model(picture, network)
network.summary()
"""

_TEACH = """

def teach(model, inputs, epochs, rate, first=0{augment}):
    model.compile(keras.optimizers.{optimiser}(rate), "{loss}", metrics=["{metric}"])
    for epoch in range(first, first + epochs):
        order = np.random.default_rng([SEED, epoch]).permutation(np.flatnonzero(~held))
        parts = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
        learned = [model.train_on_batch({shown}, targets[part]) for part in parts]
        learned = np.average(learned, axis=0, weights=[len(part) for part in parts])
        tested = model.evaluate(inputs[held], targets[held], verbose=0)
        print(f"epoch {{epoch + 1}}: loss {{learned[0]:.4f}}, accuracy {{learned[1]:.4f}}; "
              f"held out: loss {{tested[0]:.4f}}, accuracy {{tested[1]:.4f}}")

"""

_AUGMENTATION = """
# Of the same kind and size as in the laboratory, with other random numbers.
augment = keras.Sequential([{layers}])
"""

_BEGIN = """# Features are computed once; the head learns on them.
teach(head, body.predict(pictures, verbose=0), {epochs}, {rate})
"""

_THAW = """
# Fine-tuning: the last blocks learn too, slowly. Batch normalisation stays as it is.
thawed = {from_start}
for layer in backbone.layers:
    layer.trainable = thawed and not isinstance(layer, keras.layers.BatchNormalization)
    thawed = thawed or layer.name == "{after}"
teach(network, pictures, {epochs}, {rate}, first={first}{augment})
"""


def script(spec: TransferSpec, names: Sequence[str], held: Sequence[int], after: str = "") -> str:
    """Write a training as a Keras script.

    Parameters
    ----------
    spec : TransferSpec
    names : sequence of str
        The classes.
    held : sequence of int
        The places of the held-out pictures.
    after : str, optional
        For fine-tuning, the last layer that stays frozen; nothing if all blocks learn.

    Returns
    -------
    str
        Python. It learns what the laboratory learns, in the same order from the same first
        weights; where pictures are augmented, or fine-tuning begins in the middle of an
        optimiser's memory, with other random numbers.
    """
    title = f"{', '.join(names)}: {_TITLES[spec.way]}{_on(spec)}."
    title = title.replace("\\", "").replace('"', "'")
    parts = [
        (_PICTURES if spec.is_own else _DIGITS).format(
            title=title, size=spec.size, seed=spec.seed, batch=spec.batch_size,
            held=_folded(held), data=spec.work, count=spec.count,
        ),
        _FRAMING.format(crop=spec.framing == "crop"),
        _READ if spec.is_own else _READ_DIGITS,
        _TARGETS.format(
            classes=len(names),
            single="[:, :1]  # high for the first class" if spec.head.width(len(names)) == 1
            else "",
        ),
        _scratch(spec) if spec.way == "scratch" else _backbone(spec),
        _head(spec, len(names)),
        _teach(spec, len(names)),
        _train(spec, after),
    ]  # fmt: skip
    return "".join(parts)


_TITLES = {
    "scratch": "a small CNN from scratch",
    "features": "a head on features",
    "augmented": "a head on features of augmented pictures",
    "fine_tune": "fine-tuning",
}


def _on(spec: TransferSpec) -> str:
    return "" if spec.way == "scratch" else f" of {spec.backbone}"


def _folded(held: Sequence[int]) -> str:
    lines, line = [], ""
    for it in map(str, held):
        if len(line) + len(it) > 76:
            lines.append(line.rstrip())
            line = ""
        line += f"{it}, "
    return "[" + "\n            ".join([*lines, line.rstrip(", ")]) + "]"


def _scratch(spec: TransferSpec) -> str:
    seeds = seeds_of(spec)
    return _SCRATCH.format(convolutions=[(it, next(seeds)) for it in SCRATCH_FILTERS])


def _backbone(spec: TransferSpec) -> str:
    entry = BACKBONES[spec.backbone]
    module = _MODULES[entry.keras_name]
    own = f"keras.applications.{module}.preprocess_input(pictures)"
    return _BACKBONE.format(
        scaling=own if spec.scaling == "own" else "pictures / 255",
        name=entry.keras_name,
        alpha=f", alpha={entry.width}" if entry.width != 1 else "",
        maps=f'backbone.get_layer("{spec.cut}").output' if spec.cut else "backbone.output",
    )


def _head(spec: TransferSpec, classes: int) -> str:
    head, seeds = spec.head, seeds_of(spec, 1)
    lines = []

    def drop() -> None:
        if head.dropout:
            lines.append(f"    keras.layers.Dropout({head.dropout}, seed={next(seeds)}),\n")

    drop()
    for units, activation in (
        *((it, "relu") for it in head.units),
        (head.width(classes), head.output),
    ):
        first = f"keras.initializers.GlorotUniform({next(seeds)})"
        lines.append(
            f'    keras.layers.Dense({units}, "{activation}", kernel_initializer={first}),\n'
        )
        if activation == "relu":
            drop()
    pooled = head.pooled or spec.way == "scratch"
    return _HEAD.format(
        pool="GlobalAveragePooling2D" if pooled else "Flatten", layers="".join(lines)
    )


def _teach(spec: TransferSpec, classes: int) -> str:
    if spec.loss == "mse":
        loss = "mean_squared_error"
    elif spec.head.output == "sigmoid":
        loss = "binary_crossentropy"
    else:
        loss = "categorical_crossentropy"
    layers = _augmenting(spec.augmentation)
    augments = bool(layers) and spec.way != "features"
    single = spec.head.width(classes) == 1
    text = _TEACH.format(
        augment=", augment=lambda it: it" if augments else "",
        optimiser={"adam": "Adam", "rmsprop": "RMSprop"}[spec.optimiser],
        loss=loss,
        metric="binary_accuracy" if single else "categorical_accuracy",
        shown="augment(inputs[part])" if augments else "inputs[part]",
    )
    if augments:
        text += _AUGMENTATION.format(layers=", ".join(layers))
    return text


def _augmenting(how: Augmentation) -> list[str]:
    layers = []
    if how.flip:
        layers.append('keras.layers.RandomFlip("horizontal")')
    if how.rotation:
        turn = how.rotation / 360
        layers.append(f'keras.layers.RandomRotation({turn:.4g}, fill_mode="nearest")')
    if how.zoom:
        layers.append(f'keras.layers.RandomZoom({how.zoom:g}, fill_mode="nearest")')
    return layers


def _train(spec: TransferSpec, after: str) -> str:
    augments = bool(_augmenting(spec.augmentation))
    augment = ", augment=lambda it: augment(it, training=True)" if augments else ""
    if spec.way in ("scratch", "augmented"):
        return f"teach(network, pictures, {spec.epochs}, {spec.learning_rate}{augment})\n"
    text = _BEGIN.format(epochs=spec.epochs, rate=spec.learning_rate)
    if spec.way == "fine_tune":
        text += _THAW.format(
            from_start=not after,
            after=after,
            epochs=spec.fine_epochs,
            rate=spec.fine_rate,
            first=spec.epochs,
            augment=augment,
        )
    return text
