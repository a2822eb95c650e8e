"""How well classes can be read at each depth of a large network; jobs for a worker.

As `cvcore.feature_maps.depth` has it for the small ones.
"""

from typing import TYPE_CHECKING

import numpy as np

from cvcore import large, pace, transfer
from cvcore.feature_maps import Depth, read_layers
from cvcore.large import Large
from cvcore.transfer_spec import TransferSpec

if TYPE_CHECKING:
    from sklearn.random_projection import SparseRandomProjection

PICTURES = 600
"""Of a data set: a third of them is tested on."""

PROJECTED = 512
"""Numbers that are kept of a layer's output before its principal components are looked for."""

DETAIL = 32
"""Pixels a side of the pictures that are to be brought back."""

_SENDING = 0.9  # of the work; the rest is reading the layers
_AT_A_TIME = 8
_MOST_BYTES = 32 * 2**20  # of the layers' outputs, at a time
_SAME_VALUES = ("Activation", "Dropout", "Flatten", "Reshape")


def depth(url: str, network: Large, dataset: str, seed: int = 0) -> Depth:  # noqa: ARG001
    """Ask several layers how well classes can be read from them, and how much of the picture.

    The layers are those of `cvcore.pretrained.overview`, and the vectors after them. A layer's
    output can have a million values: of each a sparse random projection is kept, which leaves
    the pictures' distances nearly as they are (P. Li, T. Hastie, K. Church, "Very sparse random
    projections", KDD 2006), and of that what `cvcore.feature_maps.depth` keeps of a small
    layer's output; it is read by the same readers.

    Parameters
    ----------
    url : str
    network : Large
        With its operations.
    dataset : str
        A name in `cvcore.datasets.DATASETS`, whose first `PICTURES` are shown, a third of them
        to test; or nothing, for the pictures that the network has learned and those that were
        held out.
    seed : int, optional
        Decides the projections, which pictures of a data set are tested on, and the start of
        the search for the principal components.

    Returns
    -------
    Depth
        The detail is that of the pictures at `DETAIL` × `DETAIL` pixels.

    Raises
    ------
    PictureError, SettingError, AssetError, EngineError
        If pictures, operations or network cannot be had.
    """
    with large.opened(network) as it:
        rows, layers, model = it.rows(), it.layers, it.scores
        size, in_effect = it.size, it.in_effect
    import keras
    import tensorflow as tf

    from cvcore.framing import frame

    own = None if dataset else network.spec
    shown = transfer.load(own or _of_a_set(dataset, size, seed))
    with_maps = large.along(rows)
    last = rows.index(with_maps[-1])
    vectors = [it for it in rows[last + 1 :] if not it.has_maps and it.kind not in _SAME_VALUES]
    chosen = [*with_maps, *vectors]
    values = [3 * size**2, *(int(np.prod(it.shape)) for it in chosen)]
    # Another model of the same layers: whoever asks meanwhile need not wait for its end.
    part = keras.Model(model.input, [layers[it.name].output for it in chosen])

    send = tf.function(
        lambda images: part(images, training=False),
        [tf.TensorSpec((None, size, size, 3), tf.float32)],
        autograph=False,
    )
    count = len(shown.images)
    projections = [_projection(it, seed) for it in values]
    kept = [np.empty((count, min(it, PROJECTED)), np.float32) for it in values]
    pixels = np.empty((count, DETAIL * DETAIL * 3), np.float32)
    at_a_time = int(np.clip(_MOST_BYTES // (4 * sum(values)), 1, _AT_A_TIME))
    for start in range(0, count, at_a_time):
        some = slice(start, min(start + at_a_time, count))
        images = shown.images[some].astype(np.float32)
        with in_effect():
            outputs = [images, *send(tf.constant(images))]
        for into, projection, output in zip(kept, projections, outputs, strict=True):
            flat = np.asarray(output).reshape(len(images), -1)
            into[some] = flat if projection is None else projection.transform(flat)
        pixels[some] = [frame(it, DETAIL, "squeeze").reshape(-1) for it in shown.images[some]]
        pace.reach(_SENDING * some.stop / count)
    order = np.argsort(shown.held, kind="stable")  # those that are learned from, first
    return read_layers(
        [it[order] for it in kept],
        pixels[order] / np.float32(255),
        shown.labels[order],
        int((~shown.held).sum()),
        positions=[0, *(rows.index(it) + 1 for it in chosen)],
        values=values,
        seed=seed,
        begun=_SENDING,
    )


def _of_a_set(dataset: str, size: int, seed: int) -> TransferSpec:
    return TransferSpec(work=dataset, size=size, count=PICTURES, held_out=1 / 3, seed=seed)


def _projection(values: int, seed: int) -> "SparseRandomProjection | None":
    from sklearn.random_projection import SparseRandomProjection

    if values <= PROJECTED:
        return None
    empty = np.zeros((1, values), np.float32)
    return SparseRandomProjection(PROJECTED, random_state=seed).fit(empty)
