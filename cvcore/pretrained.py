"""What happens inside a large network: a backbone, or one that has learned on top of one.

Its functions from `scores` on are jobs for a worker (`cvcore.engine.client.Engine`).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cvcore import (
    heat_maps,
    pace,
    samples,
    transfer,
    trust,
    work_store,
)
from cvcore.arrays import ByteArray, FloatArray, IntArray
from cvcore.errors import N_, SettingError
from cvcore.evaluation import Scores
from cvcore.feature_maps import LayerMaps, describe
from cvcore.filter_patterns import BEST, STAGES, Ascent
from cvcore.heat_maps import HeatMap, Method
from cvcore.large import (
    AT_A_TIME,
    Large,
    Opened,
    Photo,
    Row,
    along,
    check_class,
    opened,
    see,
    weights_of,
)
from cvcore.learned_kernels import SMALLEST, Resemblance, resemblance
from cvcore.subjects import Fill
from cvcore.trust import Curves, Falls, Shuffled

if TYPE_CHECKING:
    pass

STEPS = 40
"""Of an ascent."""

TRIED = 96
"""Pictures of a collection in which those are looked for that excite a filter most."""

_RATE = 0.1  # size of its first step, where black is 0 and white 1
_TRUST_STEPS = 10


@dataclass(frozen=True, eq=False, kw_only=True)
class Kernels:
    """The learned weights of a layer, seen by one input channel.

    Parameters
    ----------
    weights : ndarray of float32, shape (rows, columns, filters)
    colours : ndarray of float32, shape (rows, columns, 3, filters), or None
        Of a layer that sees colours: all of it.
    channels : int
        Input channels of a filter.
    found : Resemblance or None
        How much they are like the hand-made ones; None for kernels smaller than 3 × 3.
    """

    weights: FloatArray
    colours: FloatArray | None
    channels: int
    found: Resemblance | None


@dataclass(frozen=True, eq=False, kw_only=True)
class Excited:
    """The pictures to which each filter of a layer answers most, the strongest answer first.

    Parameters
    ----------
    sources : tuple of str
        All that were shown to it, as in `Photo`.
    places : ndarray of int64, shape (filters, n)
        Which of them, at most `BEST`.
    values : ndarray of float32, shape (filters, n)
        The largest value of the filter's map in each.
    cells : ndarray of int64, shape (filters, n, 2)
        The row and column where it stands.
    shape : tuple of int
        Rows and columns of the maps.
    """

    sources: tuple[str, ...]
    places: IntArray
    values: FloatArray
    cells: IntArray
    shape: tuple[int, ...]


def scores(url: str, network: Large, photo: Photo) -> Scores:  # noqa: ARG001
    """Ask a network for its scores of a photo.

    Raises
    ------
    PictureError, SettingError, AssetError, EngineError
        If photo or network cannot be had.
    """
    with opened(network) as it:
        from cvcore.opened import softmax

        seen = see(photo, it.size)
        (found,) = it.all_scores(seen[np.newaxis])
    return Scores(image=seen, label=None, scores=found, probabilities=softmax(found))


def rows(url: str, network: Large) -> tuple[Row, ...]:  # noqa: ARG001 - every job has it
    """Return the layers of a network, from the input on.

    Raises
    ------
    SettingError, AssetError, EngineError
        If it cannot be opened.
    """
    with opened(network) as it:
        return it.rows()


def maps(url: str, network: Large, photo: Photo, layer: str) -> tuple[ByteArray, LayerMaps]:  # noqa: ARG001
    """Return what one layer makes of a photo.

    Returns
    -------
    seen : ndarray of uint8, shape (size, size, 3)
        What the network sees of the photo.
    maps : LayerMaps

    Raises
    ------
    PictureError, SettingError, AssetError, EngineError
        If photo, layer or network cannot be had.
    """
    with opened(network) as it:
        seen = see(photo, it.size)
        it.layer(layer, maps=True)
        found = np.asarray(it.through(seen)[0][layer])[0]
        position = list(it.layers).index(layer) + 1
    return seen, describe(position, found, found.shape[2])


def overview(
    url: str,  # noqa: ARG001 - every job has it
    network: Large,
    photo: Photo,
    shown: int,
) -> tuple[tuple[str, LayerMaps], ...]:
    """Return the first maps of some layers from the input to the end, with the layers' names."""
    with opened(network) as it:
        given, _ = it.through(see(photo, it.size))
        order = list(it.layers)
        return tuple(
            (row.name, describe(order.index(row.name) + 1, np.asarray(given[row.name])[0], shown))
            for row in along(it.rows())
        )


def kernels(url: str, network: Large, layer: str, channel: int) -> Kernels:  # noqa: ARG001
    """Return the kernels of a layer as one of a filter's input channels sees them.

    Raises
    ------
    SettingError, AssetError, EngineError
        If there is no such layer, or the network cannot be opened.
    """
    with opened(network) as it:
        weights = np.asarray(weights_of(it.layer(layer, kernel=True)))
    rows, columns, channels = weights.shape[:3]
    one: FloatArray = np.ascontiguousarray(weights[:, :, min(max(channel, 0), channels - 1)])
    return Kernels(
        weights=one,
        colours=weights if channels == 3 else None,
        channels=channels,
        found=resemblance(one) if rows == columns >= SMALLEST else None,
    )


def heats(
    url: str,  # noqa: ARG001 - every job has it
    network: Large,
    photo: Photo,
    layer: str,
    label: int,
    methods: tuple[Method, ...],
) -> tuple[HeatMap, ...]:
    """Show where on a photo something speaks for a class, in several ways at once.

    Parameters
    ----------
    url : str
    network : Large
    photo : Photo
    layer : str
        One that gives maps; looked at by Grad-CAM and HiResCAM alone.
    label : int
    methods : tuple of {'grad_cam', 'hires_cam', 'occlusion', 'gradient', 'gradient_input'}

    Returns
    -------
    tuple of HeatMap
        One for each method.

    Raises
    ------
    PictureError, SettingError, AssetError, EngineError
        If photo, class, layer or network cannot be had.
    """
    with opened(network) as it:
        return _heats(it, see(photo, it.size), layer, label, methods)


def heat(url: str, network: Large, photo: Photo, layer: str, label: int, method: Method) -> HeatMap:
    """Show where on a photo something speaks for a class, as `heats` does, in one way."""
    (found,) = heats(url, network, photo, layer, label, (method,))
    return found


def _heats(
    network: Opened, seen: ByteArray, layer: str, label: int, methods: tuple[Method, ...]
) -> tuple[HeatMap, ...]:
    from cvcore.opened import softmax

    size = len(seen)
    check_class(network, label)
    slopes = None
    if any(it != "occlusion" for it in methods):
        of_a_layer = any(it in heat_maps.OF_A_LAYER for it in methods)
        slopes = network.slopes(seen, layer if of_a_layer else network.last, label)
    found = []
    for method in methods:
        if slopes is None or method == "occlusion":
            cells, signed, scores = heat_maps.occlusion(
                network.all_scores, seen, label, patch=size // 6, stride=size // 12, fill="mean"
            )
            values = signed
        elif method in heat_maps.OF_A_LAYER:
            weigh = heat_maps.grad_cam if method == "grad_cam" else heat_maps.hires_cam
            cells, scores = weigh(slopes.maps, slopes.of_maps), slopes.scores
            signed = heat_maps.enlarge(cells, size)
            # ReLU comes before, as in the paper.
            values = heat_maps.enlarge(np.maximum(cells, 0), size)
        else:
            scores, signed = slopes.scores, heat_maps.gradient(slopes.of_picture)
            values = np.abs(signed)
            if method == "gradient_input":
                signed = values = (slopes.of_picture * seen).sum(axis=2).astype(np.float32)
            cells = signed
        found.append(
            HeatMap(
                image=seen,
                values=values,
                signed=signed,
                cells=cells,
                score=float(scores[label]),
                probability=float(softmax(scores)[label]),
            )
        )
    return tuple(found)


def curves(
    url: str,  # noqa: ARG001 - every job has it
    network: Large,
    photo: Photo,
    layer: str,
    label: int,
    method: Method,
    fill: Fill,
) -> Curves:
    """Hide a photo's pixels in the order of a map, in the opposite one, and at random.

    As `cvcore.trust.curves` does it for the small networks, in fewer steps.

    Raises
    ------
    PictureError, SettingError, AssetError, EngineError
        As `heat`.
    """
    from cvcore.opened import softmax

    with opened(network) as it:
        (found,) = _heats(it, see(photo, it.size), layer, label, (method,))
        order = trust.ranked(found)
        # What is hidden by chance is in pieces as large as the map's: scattered pixels would
        # spoil a photo far more.
        chance = trust.random_blocks(found.cells.shape, it.size, count=3)
        orders = np.stack([order, order[::-1], *chance])
        parts = []
        for done, one in enumerate(orders, start=1):
            share, scores = trust.hide_in_orders(
                it.all_scores, found.image, one[np.newaxis], fill, steps=_TRUST_STEPS
            )
            parts.append(scores[0])
            pace.reach(done / len(orders))
    every = np.stack(parts)
    probability, score = (
        Falls(share=share, first=them[0], last=them[1], random=them[2:])
        for them in (softmax(every)[..., label], every[..., label])
    )
    return Curves(heat=found, order=order, probability=probability, score=score)


def shuffled(
    url: str,  # noqa: ARG001 - every job has it
    network: Large,
    photo: Photo,
    layer: str,
    label: int,
    method: Method,
    seed: int,
) -> Shuffled:
    """Make the same map with the network's weights shuffled, as `cvcore.trust.shuffled` does.

    Raises
    ------
    PictureError, SettingError, AssetError, EngineError
        As `heat`.
    """
    with opened(network) as it:
        seen = see(photo, it.size)
        (learned,) = _heats(it, seen, layer, label, (method,))
        pace.reach(0.5)
        weights = {str(place): np.asarray(one) for place, one in enumerate(it.scores.weights)}
        others = trust.shuffle_weights(weights, seed).values()
        twin = it.with_weights(list(zip(it.scores.weights, others, strict=True)))
        (without,) = _heats(twin, seen, layer, label, (method,))
    return trust.beside(learned, without, method)


def excited(url: str, network: Large, layer: str) -> Excited:  # noqa: ARG001 - every job has it
    """Show a layer several pictures, and find those to which each of its filters answers most.

    To a network of ImageNet's classes, the laboratory's own pictures; to one that has learned
    somebody's classes, theirs, at most `TRIED`.

    Raises
    ------
    PictureError, SettingError, AssetError, EngineError
        If pictures, layer or network cannot be had.
    """
    import keras

    sources, images = _shown(network)
    with opened(network) as it:
        # As a graph: without one, every map on the way to the layer would be kept.
        part = keras.Model(it.scores.input, it.layer(layer, maps=True).output)
        send = transfer.sender(part)
        largest, where, shape = [], [], (0, 0)
        for start in range(0, len(sources), AT_A_TIME):
            some = sources[start : start + AT_A_TIME]
            shown = (
                np.stack([see(Photo(source=name), it.size) for name in some])
                if images is None
                else images[start : start + AT_A_TIME]
            )
            given = send(shown)
            shape = given.shape[1:3]
            flat = given.reshape(len(given), -1, given.shape[3])
            largest.append(flat.max(axis=1))
            where.append(flat.argmax(axis=1))
    top, cell = np.concatenate(largest), np.concatenate(where)
    best = np.argsort(-top, axis=0, kind="stable")[:BEST].T
    one = np.arange(top.shape[1])[:, np.newaxis]
    return Excited(
        sources=tuple(sources),
        places=best,
        values=top[best, one],
        cells=np.stack(np.divmod(cell[best, one], shape[1]), axis=2),
        shape=shape,
    )


def pictures(url: str, network: Large, sources: tuple[str, ...]) -> ByteArray:  # noqa: ARG001
    """Return pictures of `excited` as the network sees them: uint8, (n, size, size, 3).

    Raises
    ------
    PictureError, SettingError, AssetError, EngineError
        If pictures or network cannot be had.
    """
    names, images = _shown(network)
    if images is not None:
        return images[[names.index(it) for it in sources]]
    with opened(network) as it:
        size = it.size
    return np.stack([see(Photo(source=name), size) for name in sources])


def _shown(network: Large) -> tuple[list[str], ByteArray | None]:
    """Return the names of the pictures for `excited`, and these where they are framed already."""
    if network.spec is None or not network.spec.is_own:
        return list(samples.SAMPLES), None
    images = transfer.load(network.spec).images
    names = [it.name for _, it in work_store.load(network.spec.work).pictures()]
    chosen = np.unique(np.linspace(0, len(names) - 1, min(TRIED, len(names))).astype(int))
    return [names[it] for it in chosen.tolist()], images[chosen]


def _check_filter(network: Opened, layer: str, one: int) -> None:
    count = int(network.layer(layer, maps=True).output.shape[-1])
    if not 0 <= one < count:
        raise SettingError(
            N_("The layer {layer} has {count} filters; number {number} was asked for."),
            layer=layer,
            count=count,
            number=one + 1,
        )


def ascend(url: str, network: Large, layer: str, one: int, seed: int) -> Ascent:  # noqa: ARG001
    """Change noise step by step so that one filter answers more, before its ReLU; a long job.

    As `cvcore.filter_patterns.ascend` does it for the small networks, `STEPS` steps. Every
    step turns the picture's gradient a little smoother, or nothing but the finest texture
    would be seen: it is blurred by a Gaussian of one pixel, as in A. Nguyen, J. Yosinski,
    J. Clune, "Understanding Neural Networks via Feature Visualization", arXiv:1904.08939.

    Raises
    ------
    SettingError, AssetError, EngineError
        If there is no such layer or filter, or the network cannot be opened.
    """
    with opened(network) as it:
        chosen = it.layer(layer, maps=True)
        _check_filter(it, layer, one)
        size, model, in_effect = it.size, it.scores, it.in_effect
    import keras
    import tensorflow as tf

    # Another model of the same layers: whoever asks meanwhile need not wait for its end.
    silences = type(chosen).__name__ in ("ReLU", "Activation")
    inside = type(chosen).__name__ == "Conv2D"  # VGG's have their ReLU inside
    part = keras.Model(model.input, chosen.input if silences or inside else chosen.output)
    blur = _blur()

    def before_activation(seen: tf.Tensor) -> tf.Tensor:
        given = part(seen, training=False)
        if not inside:
            return given
        sums = chosen.convolution_op(given, chosen.kernel)
        return sums if chosen.bias is None else sums + chosen.bias

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def climb(now: tf.Tensor, rate: tf.Tensor) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(now)
            value = tf.reduce_mean(before_activation(255.0 * now)[..., one])
        slope = tf.nn.depthwise_conv2d(tape.gradient(value, now), blur, [1, 1, 1, 1], "SAME")
        slope /= tf.sqrt(tf.reduce_mean(slope**2)) + 1e-12
        return tf.clip_by_value(now + rate * slope, 0.0, 1.0), value

    noise = np.random.default_rng(seed).uniform(0.4, 0.6, (1, size, size, 3)).astype(np.float32)
    now = tf.constant(noise)
    best, highest, values, stages = noise[0], -np.inf, [], []
    kept = np.linspace(0, STEPS, STAGES).round().astype(int).tolist()
    for step in range(STEPS + 1):
        before = now
        with in_effect():
            now, value = climb(now, tf.constant(_RATE * (1 - step / STEPS), tf.float32))
        values.append(float(value))
        if values[-1] > highest:
            best, highest = np.asarray(before)[0], values[-1]
        if step in kept:
            stages.append(np.asarray(before)[0])
        pace.reach(step / STEPS)
    stages[-1] = best
    return Ascent(
        stages=np.rint(np.stack(stages)[np.newaxis] * 255).astype(np.uint8),
        values=np.array([values], np.float32),
    )


def _blur() -> FloatArray:
    """Return a Gaussian of one pixel for three channels: float32, (5, 5, 3, 1)."""
    row = np.exp(-0.5 * np.arange(-2, 3) ** 2)
    kernel = np.outer(row, row) / row.sum() ** 2
    repeated: FloatArray = np.repeat(kernel[..., np.newaxis, np.newaxis], 3, axis=2)
    return repeated.astype(np.float32)
