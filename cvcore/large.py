"""Large networks: a backbone, or one that has learned on top of one; its layers, and opening it.

Such networks are not made by this laboratory: their layers have names, and what a layer is,
Keras says. What a worker looks for in them stands in `cvcore.pretrained`, `cvcore.large_ablation`
and `cvcore.large_depth`.
"""

import copy
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from cvcore import backbones, large_surgery, photos, transfer, work_store
from cvcore.arrays import BoolArray, ByteArray, FloatArray
from cvcore.errors import N_, SettingError
from cvcore.subjects import Fill, hide, unpack
from cvcore.surgery import Operation
from cvcore.transfer_spec import Framing, TransferSpec
from cvcore.waking import import_tensorflow

if TYPE_CHECKING:
    from cvcore.transfer_models import Transferred

CELLS = 28
"""Cells a side that a photo has for a brush: as many bits go into an address."""

AT_A_TIME = 8
"""Pictures that are sent through a network at a time."""

Changed: TypeAlias = list[tuple[Any, FloatArray]]
"""Variables of a network, and what stands in for their values."""

_ALONG = 12  # layers that stand for all of them
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


def along(rows: Sequence[Row]) -> list[Row]:
    """Return some of the layers that give feature maps, from the input to the end."""
    known = [it for it in rows if it.has_maps]
    places = np.unique(np.linspace(0, len(known) - 1, min(_ALONG, len(known))).astype(int))
    return [known[place] for place in places.tolist()]


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
            `send`, `through` and `slopes` take note of them; what else runs inside, while they
            are `in_effect`.
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
            np.asarray(self._to_scores(images[start : start + AT_A_TIME].astype("f4"), weights))
            for start in range(0, len(images), AT_A_TIME)
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
