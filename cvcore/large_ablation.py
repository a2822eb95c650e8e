"""What an operation on a filter changes in a large network; jobs for a worker.

As `cvcore.ablation` has it for the small ones. A network that was trained on ImageNet has no
test pictures here: it is tried on the laboratory's own photos, by whether its answers stay.
"""

from dataclasses import dataclass, replace

import numpy as np

from cvcore import large, large_surgery, pace, transfer
from cvcore.ablation import Effect, Examined
from cvcore.arrays import ByteArray, FloatArray, IntArray
from cvcore.errors import N_, SettingError
from cvcore.large import Large, Opened, Photo
from cvcore.large_surgery import with_followers
from cvcore.surgery import Operation

PANEL = ("chelsea", "coffee", "rocket", "china", "flower", "astronaut", "horse", "camera")
"""The photos that a network of ImageNet's classes is tried on, by their names in `samples`."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Missed:
    """What a network reaches without each filter of a layer in turn.

    Parameters
    ----------
    whole : float
        With all of them: a class's probability for one photo, or the share of several pictures
        that are named as they should be.
    without : ndarray of float32, shape (filters,)
    """

    whole: float
    without: FloatArray


def effect(url: str, network: Large, photo: Photo, layer: int) -> Effect:  # noqa: ARG001
    """Show a photo to a network as it was and as it is operated on.

    Parameters
    ----------
    url : str
    network : Large
        With its operations.
    photo : Photo
    layer : int
        The convolution whose maps are wanted, from 1; after its batch normalisation and
        activation, where these are its own.

    Raises
    ------
    PictureError, SettingError, AssetError, EngineError
        If photo, layer, operation or network cannot be had.
    """
    from cvcore.opened import softmax

    seen = []
    for state in dict.fromkeys((replace(network, operations=()), network)):
        with large.opened(state) as it:
            _check_place(it, layer)
            image = large.see(photo, it.size)
            layers = list(it.layers.values())
            end = layers.index(with_followers(layers, layer)[-1])
            maps, scores = it.through(image)
            seen.append((np.asarray(maps[list(it.layers)[end]])[0], softmax(scores)))
    (maps_before, before), (maps_after, after) = seen[0], seen[-1]
    return Effect(
        image=image,
        label=None,
        maps_before=maps_before,
        maps_after=maps_after,
        before=before,
        after=after,
    )


def weights(url: str, network: Large, layer: int) -> tuple[FloatArray, int]:  # noqa: ARG001
    """Return a convolution's weights, added up over each filter's input channels.

    Returns
    -------
    summed : ndarray of float32, shape (rows, columns, filters)
    channels : int
        How many each filter has.

    Raises
    ------
    SettingError, AssetError, EngineError
        If layer, operation or network cannot be had.
    """
    with large.opened(network) as it:
        _check_place(it, layer)
        found = np.asarray(large.weights_of(list(it.layers.values())[layer - 1]))
    return found.sum(axis=2), found.shape[2]


def _check_place(network: Opened, layer: int) -> None:
    if layer not in large_surgery.places(network.rows()):
        raise SettingError(
            N_("Layer {position} has no filters to operate on. Choose a convolution."),
            position=layer,
        )


def examine(url: str, network: Large) -> Examined:  # noqa: ARG001 - every job has it
    """Try a network on several pictures; it takes a while.

    Returns
    -------
    Examined
        Of what was learned from somebody's pictures: how many of those that were held out are
        named rightly. Of a network of ImageNet's classes: for how many of the photos in
        `PANEL` its likeliest class is that of the network without operations.

    Raises
    ------
    PictureError, SettingError, AssetError, EngineError
        If pictures, operations or network cannot be had.
    """
    images, right = _pictures(network)
    with large.opened(network) as it:
        said = it.all_scores(images).argmax(axis=1)
    count = int((said == right).sum())
    return Examined(right=count, pictures=len(right), all_pictures=len(right))


def _pictures(network: Large) -> tuple[ByteArray, IntArray]:
    """Return the pictures that a network is tried on, and what it ought to say of them."""
    if network.spec is not None:
        pictures = transfer.load(network.spec)
        return pictures.images[pictures.held], pictures.labels[pictures.held]
    with large.opened(replace(network, operations=())) as it:
        images = np.stack([large.see(Photo(source=name), it.size) for name in PANEL])
        return images, it.all_scores(images).argmax(axis=1)


def without_each(
    url: str,  # noqa: ARG001 - every job has it
    network: Large,
    photo: Photo | None,
    layer: int,
    label: int,
) -> Missed:
    """Switch each filter of a layer off in turn, and look at what is lost; a long job.

    Parameters
    ----------
    url : str
    network : Large
        Its operations are done first.
    photo : Photo or None
        The one for which a class's probability is looked at; None for the share of those on
        which `examine` tries the network.
    layer : int
        A convolution's place, from 1.
    label : int
        The class; not looked at without a photo.

    Raises
    ------
    PictureError, SettingError, AssetError, EngineError
        If photo, layer, class, operation or network cannot be had.
    """
    from cvcore.opened import softmax

    with large.opened(replace(network, operations=())) as whole_network:
        _check_place(whole_network, layer)
        large.check_class(whole_network, label)
        whole_network.operated(network.operations)  # refused here, if one is impossible
        layers = list(whole_network.layers.values())
        count = whole_network.rows()[layer - 1].filters
        if photo is not None:
            seen = large.see(photo, whole_network.size)[np.newaxis]
    if photo is None:
        seen, right = _pictures(network)

    # Nobody waits for it: it looks at the network without changing it.
    def ask(*filters: int) -> float:
        off = (Operation(layer=layer, filter=one, deed="off") for one in filters)
        changed = large_surgery.changed(layers, (*network.operations, *off))
        scores = large.both_sides(whole_network.send_with(changed, seen))
        if photo is not None:
            return float(softmax(scores[0])[label])
        return float((scores.argmax(axis=1) == right).mean())

    whole = ask()
    found = []
    for one in range(count):
        found.append(ask(one))
        pace.reach((one + 1) / count)
    return Missed(whole=whole, without=np.array(found, np.float32))
