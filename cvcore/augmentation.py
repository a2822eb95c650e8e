"""Pictures turned, moved, slanted, zoomed and mirrored at random; imported in workers alone."""

import math

import tensorflow as tf

from cvcore.spec import Augmentation

DRAWS = 6
"""Random numbers that one picture needs."""


def transform(images: tf.Tensor, augmentation: Augmentation, draws: tf.Tensor) -> tf.Tensor:
    """Change each picture of a batch by its own random numbers.

    Each picture is mirrored, turned, slanted and zoomed about its centre, then
    moved. Values between pixels are interpolated; `fill_mode` says what
    comes in from outside.

    Parameters
    ----------
    images : Tensor of float32, shape (n, height, width, channels)
    augmentation : Augmentation
        The largest amounts.
    draws : Tensor of float32, shape (n, 6)
        From 0 to 1, evenly: for the rotation, the shift down and across, the
        shear, the zoom and the flip. 0.5 changes nothing.

    Returns
    -------
    Tensor of float32, shape (n, height, width, channels)

    Examples
    --------
    >>> picture = tf.reshape(tf.range(4.0), (1, 1, 4, 1))
    >>> still, mirror = 0.5, 0.0
    >>> draws = tf.constant([[still, still, still, still, still, mirror]])
    >>> transform(picture, Augmentation(flip=True), draws).numpy().ravel().tolist()
    [3.0, 2.0, 1.0, 0.0]
    """
    shape = tf.shape(images)
    size = tf.cast(shape[1:3], tf.float32)
    amounts = 2 * draws - 1  # from -1 to 1
    angle = amounts[:, 0] * math.radians(augmentation.rotation)
    down = amounts[:, 1] * augmentation.height_shift * size[0]
    across = amounts[:, 2] * augmentation.width_shift * size[1]
    slant = amounts[:, 3] * augmentation.shear
    zoom = 1 + amounts[:, 4] * augmentation.zoom
    mirror = tf.where((draws[:, 5] < 0.5) & augmentation.flip, -1.0, 1.0)

    # TensorFlow wants to know for each pixel of the answer where in the picture it is from:
    # the matrix of (x, y) about the centre, then the way back from the centre.
    cos, sin = tf.cos(angle), tf.sin(angle)
    xx, xy = mirror * zoom * (cos + slant * sin), mirror * zoom * (slant * cos - sin)
    yx, yy = zoom * sin, zoom * cos
    centre_y, centre_x = (size[0] - 1) / 2, (size[1] - 1) / 2
    x0 = centre_x - xx * (centre_x + across) - xy * (centre_y + down)
    y0 = centre_y - yx * (centre_x + across) - yy * (centre_y + down)
    flat = tf.zeros_like(angle)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([xx, xy, x0, yx, yy, y0, flat, flat], axis=1),
        output_shape=shape[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode=augmentation.fill_mode.upper(),
    )
