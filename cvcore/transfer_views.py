"""What a page asks a worker about networks that are to learn, and about those that have."""

from dataclasses import dataclass

import numpy as np

from cvcore import backbones, large, pace, shortcuts, splits, transfer, work_store
from cvcore.arrays import ByteArray, FloatArray, IntArray
from cvcore.heat_maps import grad_cam
from cvcore.transfer_spec import TransferSpec
from cvcore.waking import import_tensorflow


@dataclass(frozen=True, kw_only=True)
class Stop:
    """A place at which the freeze dial can stand.

    Parameters
    ----------
    name : str
        The last layer of the block.
    trainable, frozen : int
        Parameters of the whole network if this block and all behind it learn.
    """

    name: str
    trainable: int
    frozen: int


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A network that is to learn.

    Parameters
    ----------
    maps : tuple of int
        (rows, columns, channels) at the cut.
    features : int
        How many numbers the head is given.
    trainable, frozen : int
        Parameters while the whole backbone is frozen.
    stops : tuple of Stop
        From the last block to the first: if it and all behind it learn.
    """

    maps: tuple[int, int, int]
    features: int
    trainable: int
    frozen: int
    stops: tuple[Stop, ...]


def shape(url: str, spec: TransferSpec, classes: int) -> Shape:  # noqa: ARG001 - every job has it
    """Return what a specification's network looks like; its weights are not needed.

    Ask it of `of_shape`, so that what does not change the shape is no other question.

    Raises
    ------
    SettingError
        If the backbone has no such layer, or the head would be too large.
    """
    import_tensorflow()
    from cvcore import transfer_models

    network = transfer_models.build(spec, classes, weights=False)
    whole = transfer_models.counts(network.network)
    stops = []
    for count, block in enumerate(reversed(network.blocks), start=1):
        transfer_models.thaw(network, count)
        now = transfer_models.counts(network.network)
        stops.append(Stop(name=block[-1].name, trainable=now.trainable, frozen=now.frozen))
    rows, columns, channels = network.maps.shape[1:]
    return Shape(
        maps=(int(rows), int(columns), int(channels)),
        features=int(network.head.input_shape[-1]),
        trainable=whole.trainable,
        frozen=whole.frozen,
        stops=tuple(stops),
    )


def of_shape(spec: TransferSpec) -> TransferSpec:
    """Return a specification with nothing in it but what decides the network's shape."""
    return TransferSpec(
        work="", way=spec.way, backbone=spec.backbone, cut=spec.cut, size=spec.size, head=spec.head
    )


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where a backbone can be cut.

    Parameters
    ----------
    layers : tuple of str
        Those that give feature maps, from the input on.
    ends : tuple of str
        Those of them at which a block ends.
    """

    layers: tuple[str, ...]
    ends: tuple[str, ...]


def places(url: str, name: str) -> Places:  # noqa: ARG001 - every job has it
    """Return where a backbone can be cut; its weights are not needed.

    Raises
    ------
    SettingError
        If there is no such backbone.
    """
    import_tensorflow()
    from cvcore import backbone_models, transfer_models

    entry = backbones.entry_of(name)
    model = backbone_models.build(name, size=entry.smallest, top=False, weights=False)
    called = backbone_models.names_of(model)
    layers = tuple(
        it
        for it, layer in zip(called, model.layers, strict=True)
        if it not in ("picture", "scaling") and len(layer.output.shape) == 4
    )
    return Places(layers=layers, ends=transfer_models.block_ends(name, layers))


# -- of a network that has learned


@dataclass(frozen=True, eq=False, kw_only=True)
class Recognised:
    """What a trained network says of a photo that it never saw.

    Parameters
    ----------
    seen : ndarray of uint8, shape (size, size, 3)
        What it sees of it.
    probabilities : ndarray of float32, shape (classes,)
    cells : ndarray of float32, shape (rows, columns)
        Grad-CAM of the likeliest class before ReLU, at the size of the last feature maps.
    features : ndarray of float32, shape (length,)
        What its head was given.
    """

    seen: ByteArray
    probabilities: FloatArray
    cells: FloatArray
    features: FloatArray


def recognise(
    url: str,  # noqa: ARG001 - every job has it
    spec: TransferSpec,
    classes: int,
    picture: str,
    own: bool,
    label: int,
) -> Recognised:
    """Show a photo to a network that has learned.

    Parameters
    ----------
    url : str
        The run store, which is not needed here.
    spec : TransferSpec
    classes : int
    picture : str
        A picture of the collection, or what `cvcore.photos.load` takes.
    own : bool
        Whether it is one of the collection.
    label : int
        Whose Grad-CAM is wanted; -1 for the likeliest class.

    Raises
    ------
    EngineError
        If what the network learned is no longer kept.
    PictureError
        If the photo is no longer kept.
    """
    import_tensorflow()
    import keras
    import tensorflow as tf

    from cvcore import photos
    from cvcore.framing import frame

    image = work_store.original(spec.work, picture) if own else photos.whole(picture)
    seen = frame(image, spec.size, spec.framing)
    shown = seen[np.newaxis].astype(np.float32)
    with large.learned(spec, classes) as network:
        both = keras.Model(network.network.input, (network.maps, network.scores.output))
        with tf.GradientTape() as tape:
            maps, scores = both(shown, training=False)
            raw = np.asarray(network.network.layers[-1](scores))
            said = transfer.both_sides(raw)[0]
            chosen = int(said.argmax()) if label < 0 else label
            score = scores[0, 0] if scores.shape[1] == 1 else scores[0, chosen]
            if scores.shape[1] == 1 and chosen > 0:
                score = -score
        slopes = tape.gradient(score, maps)
        features = np.asarray(network.body(shown, training=False))[0]
    return Recognised(
        seen=seen,
        probabilities=said,
        cells=grad_cam(np.asarray(maps)[0], np.asarray(slopes)[0]),
        features=features,
    )


# -- does it look at the thing?


SHORTCUT_PICTURES = 100
"""Held-out pictures that are covered place by place."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Suspicion:
    """What the shortcut check found, with a picture to show it on.

    Parameters
    ----------
    found : Shortcuts
    image : ndarray of uint8, shape (size, size, 3)
        One of the pictures.
    mean : ndarray of uint8, shape (size, size, 3)
        Of all of them.
    """

    found: shortcuts.Shortcuts
    image: ByteArray
    mean: ByteArray


def find_shortcuts(url: str, spec: TransferSpec, classes: int) -> Suspicion:  # noqa: ARG001
    """Look where a network that has learned tells its held-out pictures apart; a long job.

    Raises
    ------
    EngineError
        If what the network learned is no longer kept.
    SettingError, AssetError, PictureError
        If its pictures can no longer be had.
    """
    import_tensorflow()
    pictures = transfer.load(spec)
    held = np.flatnonzero(pictures.held)[:SHORTCUT_PICTURES]
    with large.learned(spec, classes) as network:
        send = transfer.sender(network.network)
    images = pictures.images[held]
    found = shortcuts.find(
        images,
        pictures.labels[held],
        lambda shown: transfer.both_sides(send(shown)).argmax(axis=1),
        pace.reach,
    )
    mean = images.mean(axis=0).round().astype(np.uint8)
    return Suspicion(found=found, image=images[0], mean=mean)


# -- accuracy against depth


@dataclass(frozen=True, eq=False, kw_only=True)
class Sweep:
    """How well a head does at several depths of a backbone.

    Parameters
    ----------
    layers : tuple of str
        Where the backbone was cut, from the input on.
    right : ndarray of int64, shape (layers, splits)
        Held-out pictures that got their right name.
    of : ndarray of int64, shape (splits,)
        Held-out pictures.
    lengths : tuple of int
        Of the feature vectors.
    """

    layers: tuple[str, ...]
    right: IntArray
    of: IntArray
    lengths: tuple[int, ...]


SWEEP_SPLITS = 5
SWEEP_CUTS = 8


def sweep(url: str, spec: TransferSpec) -> Sweep:  # noqa: ARG001 - every job has it
    """Cut a backbone at several depths, and teach a linear head each time; a long job.

    Each feature map is reduced to its mean, so that all depths are read in the same way. The
    head is a logistic regression; it is tested on several splits.

    Raises
    ------
    SettingError, AssetError, PictureError
        If it cannot be trained.
    """
    import_tensorflow()
    import keras

    from cvcore import backbone_models, transfer_models

    pictures = transfer.load(spec)
    scaling = None if spec.scaling == "own" else spec.scaling
    backbone = backbone_models.build(spec.backbone, size=spec.size, top=False, scaling=scaling)
    called = dict(zip(backbone_models.names_of(backbone), backbone.layers, strict=True))
    ends = transfer_models.block_ends(spec.backbone, tuple(called))
    places = np.unique(np.linspace(0, len(ends) - 1, min(SWEEP_CUTS, len(ends))).astype(int))
    chosen = [ends[it] for it in places.tolist()]
    means = [keras.layers.GlobalAveragePooling2D()(called[it].output) for it in chosen]
    body = keras.Model(backbone.input, keras.layers.Concatenate()(means))
    lengths = [int(it.shape[-1]) for it in means]
    features = transfer.sender(body)(pictures.images, lambda share: pace.reach(0.8 * share))
    held = _splits(spec, pictures.labels)
    right = np.zeros((len(chosen), len(held)), np.int64)
    for row, part in enumerate(np.split(features, np.cumsum(lengths)[:-1], axis=1)):
        for column, out in enumerate(held):
            right[row, column] = _linear(part, pictures.labels, out)
        pace.reach(0.8 + 0.2 * (row + 1) / len(chosen))
    return Sweep(layers=tuple(chosen), right=right, of=held.sum(axis=1), lengths=tuple(lengths))


def _splits(spec: TransferSpec, labels: IntArray):  # type: ignore[no-untyped-def]
    groups = work_store.load(spec.work).groups() if spec.is_own else np.arange(len(labels))
    seeds = np.random.SeedSequence(spec.seed).generate_state(SWEEP_SPLITS).tolist()
    return np.stack([splits.hold_out(labels, groups, spec.held_out, it) for it in seeds])


def _linear(features: FloatArray, labels: IntArray, held: object) -> int:
    """Return how many held-out pictures a logistic regression names rightly."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    out = np.asarray(held, bool)
    reader = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
    reader.fit(features[~out], labels[~out])
    return int((reader.predict(features[out]) == labels[out]).sum())
