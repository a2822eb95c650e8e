"""What augmentation does to a picture, for a page to show: a question for a worker."""

import numpy as np

from cvcore import datasets
from cvcore.arrays import ByteArray
from cvcore.spec import RunSpec
from cvcore.waking import import_tensorflow


def augmented(url: str, spec: RunSpec, picture: int, count: int) -> ByteArray:  # noqa: ARG001
    """Return a training picture as a run's first epochs see it.

    Parameters
    ----------
    url : str
        The run store, which every job is given.
    spec : RunSpec
        Its data set, sizes, augmentation and seed matter; its network does not.
    picture : int
        Which training picture, from 0.
    count : int
        How many epochs.

    Returns
    -------
    ndarray of uint8, shape (1 + count, height, width, channels)
        First the picture itself.

    Raises
    ------
    AssetError
        If the data set is missing and cannot be downloaded.
    """
    # Only a worker has TensorFlow, and only it calls this.
    import_tensorflow()
    import tensorflow as tf

    from cvcore import augmentation, training

    data = datasets.load(spec.dataset, threshold=spec.threshold)
    image = data.training_images[picture]
    places = [
        int(np.flatnonzero(training.order(spec, epoch) == picture)[0]) for epoch in range(count)
    ]
    draws = np.stack([training.draws(spec, epoch)[place] for epoch, place in enumerate(places)])
    seen = augmentation.transform(
        tf.constant(np.repeat(image[np.newaxis], count, axis=0), tf.float32),
        spec.augmentation,
        tf.constant(draws),
    )
    # Between black and white, as the pictures are; a rounded value is what an eye sees.
    changed = np.clip(np.rint(seen.numpy()), 0, 255).astype(np.uint8)
    return np.concatenate([image[np.newaxis], changed])
