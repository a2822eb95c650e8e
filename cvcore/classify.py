"""What a network trained on ImageNet says of a photo; a job for a worker."""

import time
from dataclasses import dataclass

import numpy as np

from cvcore import backbones, large
from cvcore.arrays import ByteArray, FloatArray, IntArray
from cvcore.large import Large, Photo
from cvcore.waking import import_tensorflow

TOP = 5
"""Names that are shown of a thousand."""


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
    layer : str
        The last one that gives feature maps of more than one cell.
    """

    seen: ByteArray
    labels: IntArray
    names: tuple[str, ...]
    probabilities: FloatArray
    scores: FloatArray
    seconds: float
    layer: str


def classify(url: str, backbone: str, photo: Photo) -> Classified:  # noqa: ARG001 - every job has it
    """Name what is on a photo.

    Parameters
    ----------
    url : str
        The run store, which is not needed here.
    backbone : str
        A name in `cvcore.backbones.BACKBONES`.
    photo : Photo

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
    from cvcore.opened import softmax

    names = backbones.class_names()
    with large.opened(Large(backbone=backbone)) as network:
        seen = large.see(photo, network.size)
        begun = time.perf_counter()
        (scores,) = network.send(seen[np.newaxis])
        seconds = time.perf_counter() - begun
        layer = network.last
    labels = np.argsort(-scores, kind="stable")[:TOP]
    return Classified(
        seen=seen,
        labels=labels,
        names=tuple(names[it] for it in labels.tolist()),
        probabilities=softmax(scores),
        scores=scores,
        seconds=seconds,
        layer=layer,
    )
