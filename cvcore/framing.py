"""Pictures of any size brought to the square that a network sees; imported in workers alone.

It is done by Keras' own layers, so that an exported model can hold them and does the same.
"""

from functools import lru_cache

import keras
import numpy as np

from cvcore.arrays import ByteArray
from cvcore.transfer_spec import Framing


def frame(image: ByteArray, size: int, how: Framing) -> ByteArray:
    """Bring a picture to a square.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
    size : int
        Pixels a side of the square.
    how : {'crop', 'squeeze'}
        'crop' takes the largest centred square, 'squeeze' the whole picture.

    Returns
    -------
    ndarray of uint8, shape (size, size, 3)
        Between pixels the values are interpolated, and where the picture shrinks each value is
        a weighted mean of all pixels that it covers; rounded.
    """
    whole = resizing(size, how)(image[np.newaxis].astype(np.float32))
    framed: ByteArray = np.asarray(to_bytes(whole))[0].astype(np.uint8)
    return framed


@lru_cache(maxsize=16)
def resizing(size: int, how: Framing) -> keras.Layer:
    """Return the layer that does it, without the rounding."""
    return keras.layers.Resizing(
        size,
        size,
        interpolation="bilinear",
        crop_to_aspect_ratio=how == "crop",
        antialias=True,
        name="framing",
    )


def to_bytes(values: keras.KerasTensor) -> keras.KerasTensor:
    """Round to whole numbers from 0 to 255, which stay float32."""
    return keras.ops.clip(keras.ops.round(values), 0.0, 255.0)
