"""What a network trained on ImageNet says of a photo; jobs for a worker.

The network is loaded once and shared by all questions about it.
"""

import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from cvcore import backbones, photos
from cvcore.arrays import ByteArray, FloatArray, IntArray
from cvcore.errors import N_, SettingError
from cvcore.heat_maps import grad_cam
from cvcore.transfer_spec import Framing
from cvcore.waking import import_tensorflow

if TYPE_CHECKING:
    import keras

TOP = 5
"""Names that are shown of a thousand."""

CLASSES = 1000

_LOADED = 2  # networks that stay in memory
_lock = threading.Lock()


@dataclass(frozen=True, eq=False, kw_only=True)
class Classified:
    """What a network says of a photo.

    Parameters
    ----------
    seen : ndarray of uint8, shape (size, size, 3)
        The photo as it is brought to the network's input, before its preprocessing.
    labels : ndarray of int64, shape (5,)
        The likeliest classes, the likeliest first.
    names : tuple of str
        What ImageNet calls them.
    probabilities : ndarray of float32, shape (1000,)
        Of all classes.
    scores : ndarray of float32, shape (1000,)
        Before softmax.
    seconds : float
        The network's own time for this photo.
    """

    seen: ByteArray
    labels: IntArray
    names: tuple[str, ...]
    probabilities: FloatArray
    scores: FloatArray
    seconds: float


@dataclass(frozen=True, eq=False, kw_only=True)
class PhotoHeat:
    """Grad-CAM of a class over a photo.

    Parameters
    ----------
    seen : ndarray of uint8, shape (size, size, 3)
    cells : ndarray of float32, shape (rows, columns)
        Before ReLU, at the size of the last feature maps.
    score : float
        Of the class, before softmax.
    layer : str
        Whose maps they are.
    """

    seen: ByteArray
    cells: FloatArray
    score: float
    layer: str


class Loaded:
    """A backbone that is ready to name photos.

    Parameters
    ----------
    name : str
        A name in `cvcore.backbones.BACKBONES`.
    """

    def __init__(self, name: str) -> None:
        import keras
        import tensorflow as tf

        from cvcore import backbone_models

        self.size = backbones.entry_of(name).size
        model = backbone_models.build(name, size=self.size, top=True)
        last = last_maps(model)
        self.layer = last.name
        both = keras.Model(model.input, (last.output, model.output))

        def through(seen: tf.Tensor) -> Any:
            return both(seen, training=False)

        def back(seen: tf.Tensor, label: tf.Tensor) -> Any:
            with tf.GradientTape() as tape:
                maps, scores = both(seen, training=False)
                score = scores[0, label]
            return maps, tape.gradient(score, maps), score

        pictures = tf.TensorSpec((1, self.size, self.size, 3), tf.float32)
        # autograph has nothing to do here, and would not find what stands outside.
        self.through = tf.function(through, [pictures], autograph=False)
        self.back = tf.function(back, [pictures, tf.TensorSpec((), tf.int32)], autograph=False)
        # Traced and run once here, so that the first photo's time is the network's own.
        self.through(np.zeros((1, self.size, self.size, 3), np.float32))


def last_maps(model: "keras.Model") -> "keras.Layer":
    """Return the last layer of a network that gives feature maps of more than one cell."""
    with_maps = [
        layer
        for layer in model.layers
        if not isinstance(layer.output, list)
        and len(layer.output.shape) == 4
        and layer.output.shape[1] > 1
    ]
    return with_maps[-1]


def classify(url: str, source: str, backbone: str, how: Framing) -> Classified:  # noqa: ARG001
    """Name what is on a photo.

    Parameters
    ----------
    url : str
        The run store, which is not needed here.
    source : str
        As `cvcore.photos.load` takes it.
    backbone : str
        A name in `cvcore.backbones.BACKBONES`.
    how : {'crop', 'squeeze'}
        How the photo is brought to the network's square.

    Raises
    ------
    PictureError
        If the photo is no longer kept.
    SettingError
        If there is no such backbone, or the host does not allow it.
    AssetError
        If its weights, or the classes' names, are not on this computer, or are damaged.
    """
    import_tensorflow()
    names = backbones.class_names()
    with _lock:
        network = _load(backbone)
        seen = _see(source, network.size, how)
        begun = time.perf_counter()
        _, scores = network.through(seen[np.newaxis].astype(np.float32))
        values = np.asarray(scores)[0]
        seconds = time.perf_counter() - begun
    powers = np.exp(values - values.max())
    labels = np.argsort(-values, kind="stable")[:TOP]
    return Classified(
        seen=seen,
        labels=labels,
        names=tuple(names[it] for it in labels.tolist()),
        probabilities=powers / powers.sum(),
        scores=values,
        seconds=seconds,
    )


def heat(url: str, source: str, backbone: str, how: Framing, label: int) -> PhotoHeat:  # noqa: ARG001
    """Show where on a photo a class is found.

    Parameters
    ----------
    url, source, backbone, how
        As `classify` takes them.
    label : int
        A class of ImageNet, from 0.

    Raises
    ------
    PictureError, SettingError, AssetError
        As `classify`; also if there is no such class.
    """
    if not 0 <= label < CLASSES:
        raise SettingError(
            N_("ImageNet has the classes 0 to {last}; {label} was asked for."),
            last=CLASSES - 1,
            label=label,
        )
    import_tensorflow()
    with _lock:
        network = _load(backbone)
        seen = _see(source, network.size, how)
        maps, slopes, score = network.back(seen[np.newaxis].astype(np.float32), label)
    return PhotoHeat(
        seen=seen,
        cells=grad_cam(np.asarray(maps)[0], np.asarray(slopes)[0]),
        score=float(score),
        layer=network.layer,
    )


def _see(source: str, size: int, how: Framing) -> ByteArray:
    from cvcore.framing import frame

    return frame(photos.load(source), size, how)


@lru_cache(maxsize=_LOADED)
def _load(name: str) -> Loaded:
    return Loaded(name)
