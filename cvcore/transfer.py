"""Learning a visitor's own classes: a long job of a worker, and what it leaves behind.

What is kept lies in the collection's folder, and goes with it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cvcore import datasets, pace, splits, work_store
from cvcore.arrays import ByteArray, FloatArray, IntArray
from cvcore.errors import N_, EngineError, SettingError
from cvcore.shelf import listed
from cvcore.spec import Augmentation
from cvcore.transfer_spec import TransferSpec
from cvcore.waking import import_tensorflow

if TYPE_CHECKING:
    import keras

    from cvcore.transfer_models import Transferred

_BATCH = 16  # pictures that go through a backbone at a time: 224 × 224 of them take some 200 MB
_FRAMES, _FEATURES = 0.1, 0.3  # of the progress: up to the end of framing, of the features
_STILL = Augmentation()
_MOST_BYTES = 250 * 10**6  # of the pictures, or of their features, in memory
_KEPT_BYTES = 200 * 10**6  # of what is kept of one collection; the oldest goes


@dataclass(frozen=True, eq=False, kw_only=True)
class Pictures:
    """What a training sees.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, size, size, 3)
    labels : ndarray of int64, shape (n,)
    held : ndarray of bool, shape (n,)
        True for pictures that are held out.
    names : tuple of str
        The classes.
    """

    images: ByteArray
    labels: IntArray
    held: Any
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Learned:
    """What a training leaves behind.

    Parameters
    ----------
    names : tuple of str
        The classes.
    loss, accuracy, val_loss, val_accuracy : ndarray of float32, shape (k,)
        Of each epoch: of the pictures to learn from, while they are learned; of the held-out
        ones, after it.
    fine_from : int
        The epoch after which fine-tuning began; as many as there are where it did not.
    labels : ndarray of int64, shape (n,)
        Of all pictures, in the collection's order.
    held : ndarray of bool, shape (n,)
    probabilities : ndarray of float32, shape (n, classes)
        Of all pictures, after the training.
    features : ndarray of float32, shape (n, length)
        What the head was given for each.
    trainable, frozen : int
        Parameters, at the end.
    feature_seconds, seconds : float
        For the features that are computed once, and for all of it with them.
    computed : bool
        Whether the features were computed in this training, and not found on disk.
    stopped : bool
        Whether a visitor ended it before its last epoch.
    """

    names: tuple[str, ...]
    loss: FloatArray
    accuracy: FloatArray
    val_loss: FloatArray
    val_accuracy: FloatArray
    fine_from: int
    labels: IntArray
    held: Any
    probabilities: FloatArray
    features: FloatArray
    trainable: int
    frozen: int
    feature_seconds: float
    seconds: float
    computed: bool
    stopped: bool

    @property
    def said(self) -> IntArray:
        """The likeliest class of each picture."""
        said: IntArray = self.probabilities.argmax(axis=1)
        return said

    def right(self, *, held: bool) -> tuple[int, int]:
        """Return how many pictures got their right name, and of how many.

        Parameters
        ----------
        held : bool
            Of those that were held out, or of those that were learned from.
        """
        chosen = self.held if held else ~self.held
        return int((self.said == self.labels)[chosen].sum()), int(chosen.sum())


# -- what is kept


def folder(spec: TransferSpec) -> Path:
    """Return where what a training leaves is kept.

    Raises
    ------
    PictureError
        If the collection is no longer kept.
    """
    if spec.is_own:
        return work_store.place(spec.work) / "learned"
    return work_store.folder() / "sets"


def recall(spec: TransferSpec) -> Learned | None:
    """Return what a training left; None if there is none, or it is damaged.

    Raises
    ------
    PictureError
        If the collection is no longer kept.
    """
    if not (folder(spec) / f"{spec.digest()}.weights.npz").is_file():
        return None  # it had to make room: without it, nothing can be looked at closely
    try:
        with np.load(folder(spec) / f"{spec.digest()}.npz", allow_pickle=False) as kept:
            values = {it.name: kept[it.name] for it in fields(Learned)}
    except (OSError, ValueError, KeyError, EOFError):
        return None
    for it in fields(Learned):
        if values[it.name].ndim == 0:
            values[it.name] = values[it.name].item()
    return Learned(**values | {"names": tuple(map(str, values["names"]))})


def kept_at(spec: TransferSpec) -> float:
    """Return when what a training left was written, in seconds; 0 where there is none."""
    path = folder(spec) / f"{spec.digest()}.npz"
    return path.stat().st_mtime if path.is_file() else 0.0


def forget(spec: TransferSpec) -> None:
    """Let a training be done anew."""
    for name in (f"{spec.digest()}.npz", f"{spec.digest()}.weights.npz"):
        (folder(spec) / name).unlink(missing_ok=True)


def _read_one(path: Path, name: str) -> Any:
    """Return an array that is kept, or None."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            return kept[name]
    except (OSError, ValueError, KeyError, EOFError):
        return None


def _write(path: Path, arrays: dict[str, Any]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".aside.npz")
    try:
        np.savez(aside, **arrays)
        aside.replace(path)
        _make_room(path)
    except OSError as error:
        raise EngineError(
            N_("What was learned could not be kept ({reason}). Is the server's disk full?"),
            reason=str(error)[:100],
        ) from error


def _make_room(newest: Path) -> None:
    """Delete what was kept longest ago beside a file, until the rest is no more than it may be."""
    kept = listed(newest.parent, "*.npz")
    total = sum(size for _, size, _ in kept)
    for _, size, path in kept:
        if total <= _KEPT_BYTES:
            break
        if path != newest:
            path.unlink(missing_ok=True)
            total -= size


def _check_room(count: int, each: int) -> None:
    """Refuse what would not fit into the memory of a small server."""
    if count * each > _MOST_BYTES:
        raise SettingError(
            N_(
                "{count} pictures with {each} bytes each take {size} MB of memory; {most} is the "
                "most. Use fewer pictures, a smaller input size, a later cut, or the mean of each "
                "feature map."
            ),
            count=f"{count:,}",
            each=f"{each:,}",
            size=f"{count * each // 10**6:,}",
            most=_MOST_BYTES // 10**6,
        )


# -- the training


def load(spec: TransferSpec) -> Pictures:
    """Return the pictures of a training as its network sees them.

    Raises
    ------
    PictureError
        If the collection, or a picture of it, is no longer kept.
    SettingError
        If the collection is another by now, or nothing can be learned from it.
    AssetError
        If a data set cannot be had.
    """
    from cvcore.framing import frame

    if not spec.is_own:
        return _load_set(spec)
    collection = work_store.load(spec.work)
    if collection.digest() != spec.content:
        raise SettingError(
            N_("The pictures have changed since these settings were chosen. Press Train again.")
        )
    collection.check()
    path = folder(spec) / f"framed-{spec.content}-{spec.size}-{spec.framing}.npz"
    images = _read_one(path, "images")
    if images is None or len(images) != collection.size:
        images = np.empty((collection.size, spec.size, spec.size, 3), np.uint8)
        for place, (_, it) in enumerate(collection.pictures()):
            # With all its pixels, as the exported model sees it.
            images[place] = frame(work_store.original(spec.work, it.name), spec.size, spec.framing)
            pace.reach(_FRAMES * place / collection.size)
        _write(path, {"images": images})
    labels = collection.labels()
    return Pictures(
        images=images,
        labels=labels,
        held=splits.hold_out(labels, collection.groups(), spec.held_out, spec.seed),
        names=collection.names,
    )


def _load_set(spec: TransferSpec) -> Pictures:
    from cvcore.framing import frame

    data = datasets.load(spec.work)
    count = min(spec.count, len(data.training_images))
    _check_room(count, 3 * spec.size**2)
    images = np.empty((count, spec.size, spec.size, 3), np.uint8)
    for place in range(count):
        image = data.training_images[place]
        colour = image if image.shape[2] == 3 else np.repeat(image, 3, axis=2)
        images[place] = frame(colour, spec.size, spec.framing)
        pace.reach(_FRAMES * place / count)
    labels = data.training_labels[:count]
    held = splits.hold_out(labels, np.arange(count), spec.held_out, spec.seed)
    return Pictures(
        images=images, labels=labels, held=held, names=datasets.DATASETS[spec.work].classes
    )


def learn(url: str, spec: TransferSpec) -> Learned:  # noqa: ARG001 - every job has it
    """Train as a specification says, and keep what comes of it; a long job.

    It tells of each epoch: lists of loss, accuracy and both of the held-out pictures. Asked to
    end, it ends with what it has learned so far.

    Parameters
    ----------
    url : str
        The run store, which is not needed here.
    spec : TransferSpec

    Raises
    ------
    SettingError, AssetError, PictureError, EngineError
        If it cannot be trained, or not be kept.
    """
    spec.validate()
    kept = recall(spec)
    if kept is not None:
        return kept
    begun = time.perf_counter()
    import_tensorflow()
    from cvcore import transfer_models

    pictures = load(spec)
    teacher = _Teacher(spec, pictures)
    feature_seconds, computed, frozen = 0.0, False, 0
    classes = len(pictures.names)
    if spec.way == "features":
        before = time.perf_counter()
        network = _begin(spec, classes) if spec.surgery else None
        features, frozen, computed = _features(spec, pictures, network)
        feature_seconds = time.perf_counter() - before
        # The backbone is not built where its features are known.
        head = taught = (
            network.head
            if network is not None
            else transfer_models.build_head(spec, classes, features.shape[1])
        )
        teacher.teach(head, features, spec.epochs, spec.learning_rate)
        fine_from = len(teacher.rows)
    else:
        network = _begin(spec, classes)
        _check_room(len(pictures.images), 4 * int(network.body.output_shape[-1]))
        head, taught = network.head, network.network
        if spec.way == "fine_tune":
            before = time.perf_counter()
            features, _, computed = _features(spec, pictures, network)
            feature_seconds = time.perf_counter() - before
            teacher.teach(head, features, spec.epochs, spec.learning_rate)
        else:
            teacher.teach(taught, pictures.images, spec.epochs, spec.learning_rate)
        fine_from = len(teacher.rows)
        if spec.way == "fine_tune" and not teacher.stopped:
            transfer_models.thaw(network, spec.thawed)
            teacher.teach(taught, pictures.images, spec.fine_epochs, spec.fine_rate)
        features = sender(network.body)(pictures.images)
    rows = np.array(teacher.rows, np.float32).reshape(-1, 4)
    counts = transfer_models.counts(taught)
    learned = Learned(
        names=pictures.names,
        loss=rows[:, 0],
        accuracy=rows[:, 1],
        val_loss=rows[:, 2],
        val_accuracy=rows[:, 3],
        fine_from=fine_from,
        labels=pictures.labels,
        held=pictures.held,
        probabilities=both_sides(sender(head)(features)),
        features=features,
        trainable=counts.trainable,
        frozen=counts.frozen + frozen,
        feature_seconds=feature_seconds,
        seconds=time.perf_counter() - begun,
        computed=computed,
        stopped=teacher.stopped,
    )
    weights = [np.asarray(it) for it in taught.trainable_weights]
    _write(
        folder(spec) / f"{spec.digest()}.weights.npz",
        {str(place): it for place, it in enumerate(weights)},
    )
    _write(folder(spec) / f"{spec.digest()}.npz", dict(vars(learned)))
    return learned


def restore(spec: TransferSpec, classes: int) -> "Transferred":
    """Build a trained network again, with what it has learned.

    Raises
    ------
    EngineError
        If what it learned is no longer kept.
    """
    from cvcore import transfer_models

    network = transfer_models.build(spec, classes)
    for operations in spec.surgery:
        transfer_models.operate(network, operations)
    if spec.way == "fine_tune":
        transfer_models.thaw(network, spec.thawed)
    try:
        path = folder(spec) / f"{spec.digest()}.weights.npz"
        with np.load(path, allow_pickle=False) as kept:
            for place, variable in enumerate(network.network.trainable_weights):
                variable.assign(kept[str(place)])
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise EngineError(
            N_("What this network has learned is no longer kept. Press Train again.")
        ) from error
    return network


def _begin(spec: TransferSpec, classes: int) -> "Transferred":
    """Return a network as its training finds it, with its backbone frozen."""
    from cvcore import transfer_models

    if spec.parent is None:
        return transfer_models.build(spec, classes)
    network = restore(spec.parent, classes)
    transfer_models.thaw(network, 0)
    transfer_models.operate(network, spec.surgery[-1])
    return network


def both_sides(probabilities: FloatArray) -> FloatArray:
    """Return a probability for each class: of a single sigmoid, its own and the rest."""
    if probabilities.shape[1] > 1:
        return probabilities
    return np.concatenate([probabilities, 1 - probabilities], axis=1)


def sender(model: "keras.Model") -> Callable[..., FloatArray]:
    """Return a function that sends pictures, or features, through a model in batches.

    Returns
    -------
    callable
        Takes an array of shape (n, …) and, if wanted, a function that hears how much is done;
        returns float32, (n, …).
    """
    import tensorflow as tf

    shape = tuple(model.input_shape[1:])
    call = tf.function(
        lambda part: model(part, training=False),
        [tf.TensorSpec((None, *shape), tf.float32)],
        autograph=False,
    )
    size = _BATCH if len(shape) == 3 else 1024

    def send(inputs: Any, tell: Callable[[float], object] = lambda _: None) -> FloatArray:
        parts = []
        for start in range(0, len(inputs), size):
            parts.append(np.asarray(call(inputs[start : start + size].astype(np.float32))))
            tell(min(start + size, len(inputs)) / len(inputs))
        return np.concatenate(parts)

    return send


def _features(
    spec: TransferSpec, pictures: Pictures, network: "Transferred | None" = None
) -> tuple[FloatArray, int, bool]:
    """Return what the head is given for each picture.

    Returns
    -------
    features : ndarray of float32, shape (n, length)
    frozen : int
        Parameters that they were computed with.
    computed : bool
        Whether it was done now.
    """
    from cvcore import transfer_models

    path = folder(spec) / f"features-{spec.features_digest()}.npz"
    known, count = _read_one(path, "features"), _read_one(path, "frozen")
    if known is not None and count is not None and len(known) == len(pictures.images):
        return known, int(count), False
    network = network or transfer_models.build(spec, len(pictures.names))
    _check_room(len(pictures.images), 4 * int(network.body.output_shape[-1]))
    features = sender(network.body)(
        pictures.images, lambda share: pace.reach(_FRAMES + (_FEATURES - _FRAMES) * share)
    )
    frozen = transfer_models.counts(network.body).frozen
    _write(path, {"features": features, "frozen": np.array(frozen)})
    return features, frozen, True


class _Teacher:
    """Teaches models epoch by epoch, and tells how it goes.

    Attributes
    ----------
    rows : list of list of float
        Loss, accuracy, and both of the held-out pictures, of each epoch.
    stopped : bool
        Whether somebody asked it to end.
    """

    def __init__(self, spec: TransferSpec, pictures: Pictures) -> None:
        self._spec = spec
        width = spec.head.width(len(pictures.names))
        targets = np.eye(len(pictures.names), dtype=np.float32)[pictures.labels]
        self._targets = targets[:, :width]  # a single sigmoid is high for the first class
        self._learned_from = np.flatnonzero(~pictures.held)
        self._held = np.flatnonzero(pictures.held)
        self.rows: list[list[float]] = []
        self.stopped = False

    def teach(self, model: "keras.Model", inputs: Any, epochs: int, rate: float) -> None:
        """Show a model its pictures, or their features, so many times."""
        learn, test = self._steps(model, rate)
        for _ in range(epochs):
            if self.stopped:
                return
            row = self._epoch(learn, test, inputs)
            if row is not None:
                self.rows.append(row)

    def _steps(self, model: "keras.Model", rate: float) -> tuple[Callable[..., Any], ...]:
        """Return what learns from a batch, and what looks at one; each gives loss and output.

        Not Keras' own: what its compiled steps leave in memory stays there.
        """
        import keras
        import tensorflow as tf

        kinds = {"adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop}
        optimiser = kinds[self._spec.optimiser](rate)
        if self._spec.loss == "mse":
            loss_of = keras.losses.MeanSquaredError()
        elif self._spec.head.output == "sigmoid":
            loss_of = keras.losses.BinaryCrossentropy()
        else:
            loss_of = keras.losses.CategoricalCrossentropy()
        variables = model.trainable_variables
        optimiser.build(variables)

        def learn(shown: tf.Tensor, targets: tf.Tensor) -> Any:
            with tf.GradientTape() as tape:
                said = model(shown, training=True)
                loss = loss_of(targets, said)
            optimiser.apply(tape.gradient(loss, variables), variables)
            return loss, said

        def test(shown: tf.Tensor, targets: tf.Tensor) -> Any:
            said = model(shown, training=False)
            return loss_of(targets, said), said

        batch = [
            tf.TensorSpec((None, *model.input_shape[1:]), tf.float32),
            tf.TensorSpec((None, self._targets.shape[1]), tf.float32),
        ]
        return tf.function(learn, batch, autograph=False), tf.function(test, batch, autograph=False)

    def _epoch(
        self, learn: Callable[..., Any], test: Callable[..., Any], inputs: Any
    ) -> list[float] | None:
        number, size = len(self.rows), self._spec.batch_size
        rng = np.random.default_rng([self._spec.seed, number])
        order = rng.permutation(self._learned_from)
        parts = [order[start : start + size] for start in range(0, len(order), size)]
        learned = []
        for place, part in enumerate(parts):
            if pace.is_over():
                self.stopped = True
                return None  # half an epoch is no row
            shown = self._show(inputs[part], rng)
            learned.append(self._score(part, *learn(shown, self._targets[part])))
            self._tell(number + (place + 1) / len(parts))
        held = [self._held[start : start + 64] for start in range(0, len(self._held), 64)]
        tested = [
            self._score(part, *test(inputs[part].astype(np.float32), self._targets[part]))
            for part in held
        ]
        return [*_mean(learned, parts), *_mean(tested, held)]

    def _score(self, part: IntArray, loss: Any, said: Any) -> tuple[float, float]:
        """Return the loss of a batch, and the share of it that gets its right name."""
        said, wanted = np.asarray(said), self._targets[part]
        if wanted.shape[1] == 1:
            right = (said > 0.5) == (wanted > 0.5)
        else:
            right = said.argmax(axis=1) == wanted.argmax(axis=1)
        return float(loss), float(right.mean())

    def _show(self, part: Any, rng: np.random.Generator) -> Any:
        if part.ndim != 4:
            return part
        shown = part.astype(np.float32)
        if self._spec.augmentation == _STILL:
            return shown
        from cvcore.augmentation import DRAWS, transform

        draws = rng.random((len(part), DRAWS), np.float32)
        return transform(shown, self._spec.augmentation, draws)

    def _tell(self, epochs: float) -> None:
        share = _FEATURES + (1 - _FEATURES) * epochs / max(self._spec.all_epochs, 1)
        pace.tell(min(share, 1.0), self.rows)


def _mean(scores: list[tuple[float, float]], parts: list[IntArray]) -> list[float]:
    """Return loss and accuracy of all batches together; nan where there are none."""
    if not scores:
        return [float("nan"), float("nan")]
    mean: list[float] = np.average(scores, axis=0, weights=list(map(len, parts))).tolist()
    return mean
