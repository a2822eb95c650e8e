"""Backbones as Keras models, with the weights of their files; imported in workers alone."""

import re
from typing import Any

import keras
import numpy as np

from cvcore import backbones
from cvcore.backbones import Preprocessing

# Of ImageNet's pictures, from 0 to 1, in the order red, green, blue.
_TORCH_MEAN, _TORCH_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# From 0 to 255, in the order blue, green, red.
_CAFFE_MEAN = (103.939, 116.779, 123.68)


def build(
    name: str,
    *,
    size: int,
    top: bool,
    weights: bool = True,
    scaling: Preprocessing | None = None,
) -> keras.Model:
    """Build a backbone with its own preprocessing in front, flat, ready to be cut.

    Parameters
    ----------
    name : str
        A name in `cvcore.backbones.BACKBONES`.
    size : int
        Pixels a side of its input.
    top : bool
        Whether it ends with the probabilities of ImageNet's classes; then the size is its own.
    weights : bool, optional
        Whether it gets those of its file; else the first ones of an untrained network.
    scaling : str, optional
        What is done to the pixels, if not what it was trained with.

    Returns
    -------
    keras.Model
        Takes float32 from 0 to 255, shape (n, size, size, 3).

    Raises
    ------
    SettingError
        If the host does not allow it.
    AssetError
        If its weights are not on this computer, or are damaged; these are put aside.
    """
    entry = backbones.check_allowed(name) if weights else backbones.entry_of(name)
    file = entry.file(top=top)
    if weights and not file.place.is_file():
        raise backbones.absent(name, (file,))
    picture = keras.Input((size, size, 3), name="picture")
    settings: dict[str, Any] = {"alpha": entry.width} if entry.width != 1 else {}
    if top:  # its softmax is taken outside, where the scores are wanted too
        settings["classifier_activation"] = None
    model = getattr(keras.applications, entry.keras_name)(
        include_top=top,
        weights=None,
        input_tensor=preprocess(picture, scaling or entry.preprocessing),
        **settings,
    )
    if weights:
        try:
            # By the order of the layers that have weights: what preprocesses has none.
            model.load_weights(file.place)
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise backbones.put_aside(name, file) from error
    return keras.Model(picture, model.output, name=model.name)  # with one input, not a list


def preprocess(picture: Any, how: Preprocessing) -> Any:
    """Do to pixels what was done to them when a network was trained.

    Parameters
    ----------
    picture : tensor of float32, shape (n, height, width, 3)
        From 0 to 255.
    how : {'tf', 'torch', 'caffe', 'inside', 'unit'}
        As `keras.applications` calls it; nothing is done for 'inside'.

    Returns
    -------
    tensor of float32, of the same shape
    """
    match how:
        case "tf":
            return keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="scaling")(picture)
        case "unit":
            return keras.layers.Rescaling(1 / 255, name="scaling")(picture)
        case "torch":
            mean, deviation = np.array(_TORCH_MEAN), np.array(_TORCH_DEVIATION)
            scale, offset = 1 / (255 * deviation), -mean / deviation
            layer = keras.layers.Rescaling(scale.tolist(), offset=offset.tolist(), name="scaling")
            return layer(picture)
        case "caffe":
            offset = (-np.array(_CAFFE_MEAN)).tolist()
            turned = keras.ops.flip(picture, axis=-1)
            return keras.layers.Rescaling(1.0, offset=offset, name="scaling")(turned)
    return picture


def names_of(model: keras.Model) -> tuple[str, ...]:
    """Return a backbone's layers' names as they would be in a fresh process.

    Keras numbers layers without a name on and on; a layer must be found again whatever was
    built before it in the same process.

    Returns
    -------
    tuple of str
        In the order of its layers.
    """
    stems = {keras.src.utils.naming.to_snake_case(type(it).__name__) for it in model.layers}
    found: list[tuple[str, int] | None] = []
    for layer in model.layers:
        part = re.fullmatch(r"(.*?)(?:_(\d+))?", layer.name)
        known = part is not None and part[1] in stems
        found.append((part[1], int(part[2] or 0)) if part is not None and known else None)
    first: dict[str, int] = {}
    for it in found:
        if it is not None:
            first[it[0]] = min(it[1], first.get(it[0], it[1]))
    names = []
    for layer, it in zip(model.layers, found, strict=True):
        number = it[1] - first[it[0]] if it is not None else 0
        names.append(layer.name if it is None else f"{it[0]}_{number}" if number else it[0])
    return tuple(names)
