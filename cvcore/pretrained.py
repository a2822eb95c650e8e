"""What happens inside a large network: a backbone, or one that has learned on top of one.

Its functions from `rows` on are jobs for a worker (`cvcore.engine.client.Engine`). Such networks
are not made by this laboratory: their layers have names, and what a layer is, Keras says.
"""

import copy
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from cvcore import (
    backbones,
    heat_maps,
    large_surgery,
    pace,
    photos,
    samples,
    transfer,
    trust,
    work_store,
)
from cvcore.arrays import BoolArray, ByteArray, FloatArray, IntArray
from cvcore.errors import N_, SettingError
from cvcore.evaluation import Scores
from cvcore.feature_maps import LayerMaps, describe
from cvcore.filter_patterns import BEST, STAGES, Ascent
from cvcore.heat_maps import HeatMap, Method
from cvcore.learned_kernels import SMALLEST, Resemblance, resemblance
from cvcore.subjects import Fill, hide, unpack
from cvcore.surgery import Operation
from cvcore.transfer_spec import Framing, TransferSpec
from cvcore.trust import Curves, Falls, Shuffled
from cvcore.waking import import_tensorflow

if TYPE_CHECKING:
    from cvcore.transfer_models import Transferred

CELLS = 28
"""Cells a side that a photo has for a brush: as many bits go into an address."""

STEPS = 40
"""Of an ascent."""

TRIED = 96
"""Pictures of a collection in which those are looked for that excite a filter most."""

_AT_A_TIME = 8
_RATE = 0.1  # size of its first step, where black is 0 and white 1
_ROWS = 12  # layers whose first maps are shown under each other
_TRUST_STEPS = 10
_lock = threading.RLock()


@dataclass(frozen=True, kw_only=True)
class Large:
    """A network to look into.

    Parameters
    ----------
    backbone : str
        A name in `cvcore.backbones.BACKBONES`; with the layers that name ImageNet's classes.
    spec : TransferSpec, optional
        What was learned on top of it instead.
    classes : int, optional
        Of what was learned.
    operations : tuple of Operation, optional
        What is done to its filters, in this order; a layer's place is that among `rows`, from 1.
    """

    backbone: str
    spec: TransferSpec | None = None
    classes: int = 1000
    operations: tuple[Operation, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Photo:
    """What is shown to it.

    Parameters
    ----------
    source : str
        As `cvcore.photos.load` takes it; or the name of a picture of the collection.
    framing : {'crop', 'squeeze'}
    work : str, optional
        The collection's token.
    hidden : bytes, optional
        Which of its `CELLS` × `CELLS` cells are hidden, as `cvcore.subjects.pack` writes it;
        none if empty.
    fill : {'mean', 'black', 'blur'}, optional
        What stands in their place.
    """

    source: str
    framing: Framing = "crop"
    work: str = ""
    hidden: bytes = b""
    fill: Fill = "blur"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A layer.

    Parameters
    ----------
    name : str
        As in a fresh process.
    kind : str
        Keras' class.
    shape : tuple of int
        Of what it gives for one picture.
    parameters : int
    has_maps : bool
        Whether it gives feature maps.
    kernel : tuple of int
        Rows and columns of its kernels; nothing where it has none.
    filters : int
        How many channels it gives.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    has_maps: bool
    kernel: tuple[int, ...]
    filters: int


def stages(rows: Sequence[Row]) -> list[list[Row]]:
    """Put layers together whose maps are equally large, from the first convolution on.

    Those that only pad are counted to what follows them; of the layers behind the maps, each
    that learns or takes means stands alone.

    Parameters
    ----------
    rows : sequence of Row

    Returns
    -------
    list of list of Row
        From the input on; no list is empty.
    """
    first = next((place for place, it in enumerate(rows) if it.kernel), 0)
    found: list[list[Row]] = []
    waiting: list[Row] = []
    for it in rows[first:]:
        if it.kind == "ZeroPadding2D":
            waiting.append(it)
        elif it.has_maps and found and found[-1][-1].shape[:2] == it.shape[:2]:
            found[-1] += [*waiting, it]
            waiting = []
        elif it.has_maps or it.parameters or "Pooling" in it.kind:
            found.append([*waiting, it])
            waiting = []
    return found


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


Changed: TypeAlias = list[tuple[Any, FloatArray]]
"""Variables of a network, and what stands in for their values."""


class Opened:
    """A network that is built, for all questions about it.

    Parameters
    ----------
    network : Large

    Attributes
    ----------
    size : int
        Pixels a side of what it sees.
    learned : Transferred
        Only where something was learned on top of a backbone.
    scores : keras.Model
        From the picture to the scores before softmax.
    layers : dict of str to keras.Layer
        From the input on, by their names in a fresh process.
    last : str
        The last of them that gives feature maps of more than one cell.
    changed : list of (keras.Variable, ndarray)
        What operations make of its weights, for `in_effect`.
    send : callable
        Sends pictures through `scores`, as `cvcore.transfer.sender` does.
    """

    learned: "Transferred"

    def __init__(self, network: Large) -> None:
        import tensorflow as tf

        from cvcore import backbone_models

        if network.spec is None:
            self.size = backbones.entry_of(network.backbone).size
            self.scores = backbone_models.build(network.backbone, size=self.size, top=True)
        else:
            self.size = network.spec.size
            self.learned = transfer.restore(network.spec, network.classes)
            self.scores = self.learned.scores
        names = backbone_models.names_of(self.scores)
        self.layers: dict[str, Any] = dict(zip(names, self.scores.layers, strict=True))
        with_maps = {it: layer.output for it, layer in self.layers.items() if _has_maps(layer)}
        self.last = [it for it, maps in with_maps.items() if maps.shape[1] > 1][-1]
        self.send = transfer.sender(self.scores)
        self.changed: Changed = []
        self._to_scores = self._graph(self._passing(self.scores.output))
        self._to_maps = self._graph(self._passing([*with_maps.values(), self.scores.output]))
        self._to_slopes = self._graph(self._climbing(self.last), tf.TensorSpec((), tf.int32))

    def operated(self, operations: Sequence[Operation]) -> "Opened":
        """Return the same network with operations, which are done only while `in_effect`.

        Raises
        ------
        SettingError
            If it has no such layer or filter, or the layer's kernels are of another size.
        """
        rows = self.rows()
        for it in operations:
            large_surgery.check(rows, it)
        return self.with_weights(large_surgery.changed(list(self.layers.values()), operations))

    def with_weights(self, changed: Changed) -> "Opened":
        """Return the same network with other weights, of which nobody else takes notice.

        Parameters
        ----------
        changed : list of (keras.Variable, ndarray)
            They are others only while `in_effect`.
        """
        network = copy.copy(self)
        network.changed = changed
        network.send = partial(self.send_with, changed)
        return network

    def send_with(self, changed: Changed, images: ByteArray) -> FloatArray:
        """Send pictures through `scores` as if some of its weights were others.

        Parameters
        ----------
        changed : list of (keras.Variable, ndarray)
        images : ndarray of uint8, shape (n, size, size, 3)

        Returns
        -------
        ndarray of float32, shape (n, classes)
        """
        weights = self._weights(changed)
        parts = [
            np.asarray(self._to_scores(images[start : start + _AT_A_TIME].astype("f4"), weights))
            for start in range(0, len(images), _AT_A_TIME)
        ]
        return np.concatenate(parts)

    def through(self, seen: ByteArray) -> tuple[dict[str, Any], FloatArray]:
        """Send a picture through it, with its operations.

        Parameters
        ----------
        seen : ndarray of uint8, shape (size, size, 3)

        Returns
        -------
        maps : dict of str to tensor of float32, shape (1, height, width, channels)
            What each layer gives that gives maps.
        scores : ndarray of float32, shape (classes,)
            Before softmax; of a single sigmoid, both sides.
        """
        pictures = seen[np.newaxis].astype(np.float32)
        *found, scores = self._to_maps(pictures, self._weights(self.changed))
        names = (name for name, layer in self.layers.items() if _has_maps(layer))
        return dict(zip(names, found, strict=True)), both_sides(np.asarray(scores))[0]

    def _weights(self, changed: Changed) -> list[Any]:
        import tensorflow as tf

        values = {id(variable): value for variable, value in changed}
        return [tf.convert_to_tensor(values.get(id(it), it.value)) for it in self.scores.weights]

    def slopes(self, seen: ByteArray, layer: str, label: int) -> "Slopes":
        """Send a picture through it, and go back to a layer and to the picture.

        Parameters
        ----------
        seen : ndarray of uint8, shape (size, size, 3)
        layer : str
            One that gives maps. The last one, at which most people look, has a graph of its
            own: without one it takes five times as long, but a graph takes its time once too.
        label : int
        """
        import tensorflow as tf

        climb = self._to_slopes if layer == self.last else self._climbing(layer)
        pictures = tf.constant(seen[np.newaxis].astype(np.float32))
        found = climb(pictures, self._weights(self.changed), tf.constant(label))
        return Slopes(*(np.asarray(it)[0] for it in found))

    def _graph(self, call: Callable[..., Any], *more: Any) -> Any:
        """Make a function of pictures and weights a graph, at its first call.

        As inputs, others' weights need no graph of their own.
        """
        import tensorflow as tf

        specs = [tf.TensorSpec(it.shape, it.dtype) for it in self.scores.weights]
        pictures = tf.TensorSpec((None, self.size, self.size, 3), tf.float32)
        return tf.function(call, [pictures, specs, *more], autograph=False)

    def _passing(self, outputs: Any) -> Callable[..., Any]:
        import keras

        model = keras.Model(self.scores.input, outputs)

        def call(pictures: Any, weights: list[Any]) -> Any:
            with self._having(weights):
                return model(pictures, training=False)

        return call

    def _climbing(self, layer: str) -> Callable[..., Any]:
        import keras
        import tensorflow as tf

        maps = self.layer(layer, maps=True).output
        model = keras.Model(self.scores.input, [maps, self.scores.output])

        def call(pictures: Any, weights: list[Any], label: Any) -> Any:
            with self._having(weights), tf.GradientTape() as tape:
                tape.watch(pictures)
                maps, scores = model(pictures, training=False)
                if scores.shape[1] == 1:  # what speaks for one speaks against the other
                    wanted = scores[0, 0] * tf.cast(1 - 2 * label, tf.float32)
                    scores = tf.concat([scores, tf.zeros_like(scores)], axis=1)
                else:
                    wanted = scores[0, label]
            return scores, maps, *tape.gradient(wanted, [maps, pictures])

        return call

    def _having(self, weights: list[Any]) -> AbstractContextManager[object]:
        import keras

        pairs = list(zip(self.scores.weights, weights, strict=True))
        scope: AbstractContextManager[object] = keras.StatelessScope(state_mapping=pairs)
        return scope

    def in_effect(self) -> AbstractContextManager[object]:
        """Let the operations be done to what runs inside, in this thread alone."""
        import keras

        return keras.StatelessScope(state_mapping=self.changed) if self.changed else nullcontext()

    def rows(self) -> tuple[Row, ...]:
        """Return its layers, from the input on."""
        return tuple(
            Row(
                name=name,
                kind=type(layer).__name__,
                shape=tuple(map(int, layer.output.shape[1:])),
                parameters=layer.count_params(),
                has_maps=_has_maps(layer),
                kernel=_kernel(layer)[:2],
                filters=int(layer.output.shape[-1]),
            )
            for name, layer in self.layers.items()
        )

    def layer(self, name: str, *, maps: bool = False, kernel: bool = False) -> Any:
        """Return a layer by its name.

        Raises
        ------
        SettingError
            If there is none, or it has not what is asked for.
        """
        found = self.layers.get(name)
        fits = found is not None and (not maps or _has_maps(found))
        if not fits or (kernel and not _kernel(found)):
            raise SettingError(
                N_("This network has no layer {layer} of this kind. Choose one of its own."),
                layer=name[:60],
            )
        return found

    def all_scores(self, images: ByteArray) -> FloatArray:
        """Return the scores before softmax of pictures; of a single sigmoid, both sides."""
        return both_sides(self.send(images))


class Slopes(NamedTuple):
    """Scores, a layer's maps, and how steeply a class's score changes with maps and picture."""

    scores: FloatArray
    maps: FloatArray
    of_maps: FloatArray
    of_picture: FloatArray


def both_sides(scores: FloatArray) -> FloatArray:
    """Return scores before softmax; of a single sigmoid, 0 is what speaks for the other side."""
    return scores if scores.shape[1] > 1 else np.concatenate([scores, 0 * scores], axis=1)


def check_class(network: Opened, label: int) -> None:
    """Refuse a class that a network does not have.

    Raises
    ------
    SettingError
        If there are fewer.
    """
    classes = max(int(network.scores.output_shape[-1]), 2)
    if not 0 <= label < classes:
        raise SettingError(
            N_("There are {count} classes; number {number} was asked for."),
            count=classes,
            number=label + 1,
        )


@contextmanager
def opened(network: Large) -> Iterator[Opened]:
    """Open a network, or find it open: it is built once, and asked by one job at a time.

    Operations are in effect inside.

    Raises
    ------
    SettingError
        If there is no such backbone, or the host does not allow it; or if an operation is not
        possible.
    AssetError
        If its weights are not on this computer, or are damaged.
    EngineError
        If what was learned on top of it is no longer kept.
    """
    import_tensorflow()
    whole = replace(network, operations=())
    with _lock:
        ready = (
            _open_backbone(whole)
            if network.spec is None
            else _open_learned(whole, transfer.kept_at(network.spec))
        )
        if network.operations:
            ready = ready.operated(network.operations)
        with ready.in_effect():
            yield ready


@contextmanager
def learned(spec: TransferSpec, classes: int) -> "Iterator[Transferred]":
    """Open, as `opened` does, what was learned on top of a backbone."""
    with opened(Large(backbone=spec.backbone, spec=spec, classes=classes)) as network:
        yield network.learned


@lru_cache(maxsize=2)
def _open_backbone(network: Large) -> Opened:
    ready = Opened(network)
    # Traced here, so that the first photo's time is the network's own.
    ready.send(np.zeros((1, ready.size, ready.size, 3), np.uint8))
    return ready


@lru_cache(maxsize=3)
def _open_learned(network: Large, kept_at: float) -> Opened:
    del kept_at  # one that was trained anew is another
    return Opened(network)


def see(photo: Photo, size: int) -> ByteArray:
    """Return what a network of this input size sees of a photo: uint8, (size, size, 3).

    Raises
    ------
    PictureError
        If the photo is no longer kept.
    SettingError
        If what is hidden is no mask of its cells.
    """
    from cvcore.framing import frame

    own = bool(photo.work)
    image = work_store.original(photo.work, photo.source) if own else photos.load(photo.source)
    seen = frame(image, size, photo.framing)
    if not photo.hidden:
        return seen
    return hide(seen, enlarge_mask(unpack(photo.hidden, CELLS, CELLS), size), photo.fill)


def enlarge_mask(mask: BoolArray, size: int) -> BoolArray:
    """Return a mask of cells as one of pixels.

    Parameters
    ----------
    mask : ndarray of bool, shape (cells, cells)
    size : int
        Pixels a side; cells differ by a pixel where it is no multiple of theirs.

    Examples
    --------
    >>> enlarge_mask(np.array([[True, False], [False, False]]), 3).astype(int)
    array([[1, 1, 0],
           [1, 1, 0],
           [0, 0, 0]])
    """
    places = np.arange(size) * len(mask) // size
    return mask[np.ix_(places, places)]


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


def _has_maps(layer: Any) -> bool:
    shape = layer.output.shape
    return len(shape) == 4 and type(layer).__name__ != "InputLayer"


def _kernel(layer: Any) -> tuple[int, ...]:
    weights = weights_of(layer)
    return () if weights is None else tuple(map(int, weights.shape))


def weights_of(layer: Any) -> Any:
    """Return a convolution's weights as (rows, columns, channels of a filter, filters), or None."""
    kind = type(layer).__name__
    if kind == "Conv2D":
        return layer.kernel
    if kind in ("DepthwiseConv2D", "SeparableConv2D"):
        import keras

        own = layer.kernel if kind == "DepthwiseConv2D" else layer.depthwise_kernel
        return keras.ops.transpose(own, (0, 1, 3, 2))  # each filter sees its own channel alone
    return None


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


def along(rows: Sequence[Row]) -> list[Row]:
    """Return some of the layers that give feature maps, from the input to the end."""
    known = [it for it in rows if it.has_maps]
    places = np.unique(np.linspace(0, len(known) - 1, min(_ROWS, len(known))).astype(int))
    return [known[place] for place in places.tolist()]


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
        for start in range(0, len(sources), _AT_A_TIME):
            some = sources[start : start + _AT_A_TIME]
            shown = (
                np.stack([see(Photo(source=name), it.size) for name in some])
                if images is None
                else images[start : start + _AT_A_TIME]
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
        return chosen.convolution_op(given, chosen.kernel) if inside else given

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
