"""Photos that visitors chose, found again by their names: in the web process and in a worker."""

from functools import lru_cache

from cvcore import images, samples, shelf
from cvcore.arrays import ByteArray

WORKING_SIDE = 1024
"""Larger photos are shrunk to it: more pixels than the screen has teach no more."""


@lru_cache(maxsize=8)
def load(source: str) -> ByteArray:
    """Return a photo in colour.

    Parameters
    ----------
    source : str
        A name in `cvcore.samples.SAMPLES`, or a token of `cvcore.shelf`.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        At most `WORKING_SIDE` pixels a side; what is transparent is white.

    Raises
    ------
    PictureError
        If the photo is no longer kept.
    """
    return images.fit(whole(source), max_side=WORKING_SIDE)


def whole(source: str) -> ByteArray:
    """Return a photo as `load` does, with all its pixels."""
    known = source in samples.SAMPLES
    return images.to_colour(samples.load(source) if known else images.decode(shelf.fetch(source)))
