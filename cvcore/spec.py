"""A training said completely, before anything is trained."""

import dataclasses
import hashlib
import json
import math
import re
import types
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
import numpy.typing as npt

from cvcore.arithmetic import layer_table
from cvcore.datasets import DATASETS, DatasetEntry
from cvcore.errors import N_, SettingError
from cvcore.networks import LAYERS, Dense, Layer, Network
from cvcore.surgery import MOST, Operation
from cvcore.surgery import check as check_surgery

_DIGEST = re.compile(r"[0-9a-f]{16}")

SCALINGS: Mapping[str, str] = MappingProxyType(
    {
        "none": N_("Leave the values as they are"),
        "unit": N_("Divide by 255"),
        "minmax": N_("From smallest to largest"),
        "standardise": N_("Mean 0, standard deviation 1"),
    }
)
"""What is done to the pixels before a network sees them, as the page calls it."""

OPTIMISERS: Mapping[str, str] = MappingProxyType(
    {"adam": N_("Adam"), "sgd": N_("SGD (stochastic gradient descent)")}
)
"""How the weights follow the gradient, as the page calls it."""

LABEL_FORMS: Mapping[str, str] = MappingProxyType(
    {"integer": N_("Integers"), "one_hot": N_("One-hot rows")}
)
"""How the classes are written for the loss, as the page calls it."""

FILL_MODES: Mapping[str, str] = MappingProxyType(
    {"nearest": N_("Nearest pixel"), "reflect": N_("Mirrored"), "constant": N_("Black")}
)
"""What comes in where augmentation moves a picture, as the page calls it."""

SCHEDULES: Mapping[str, str] = MappingProxyType(
    {"constant": N_("Always the same"), "one_cycle": N_("Rises, then falls")}
)
"""How the learning rate moves during a training, as the page calls it."""

LIMITS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "training_size": (1, 1_000_000),
        "validation_split": (0.0, 0.9),
        "momentum": (0.0, 0.99),
        "learning_rate": (1e-6, 10.0),
        "batch_size": (1, 60_000),
        "epochs": (1, 200),
        "early_stop": (0.01, 1.0),
        "patience": (1, 50),
        "seconds": (1.0, 3_600.0),
        "threshold": (1, 255),
        "seed": (0, 2**32 - 1),
        "rotation": (0.0, 180.0),
        "width_shift": (0.0, 0.5),
        "height_shift": (0.0, 0.5),
        "shear": (0.0, 1.0),
        "zoom": (0.0, 0.5),
    }
)
"""Smallest and largest value of each number, for the widgets and for what comes from outside."""

DEFAULT_THRESHOLD = 128
"""Of binarised data sets: the middle between black and white."""

ONE_CYCLE_RISE = 0.3
"""The share of a run's steps over which the schedule 'one_cycle' rises."""

MAX_LAYERS = 64
MAX_PARAMETERS = 20_000_000
MAX_MULTIPLY_ADDS = 1_000_000_000  # for one picture

_NUMBER_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "training_size": N_("The number of training pictures"),
        "validation_split": N_("The validation split"),
        "momentum": N_("The momentum"),
        "learning_rate": N_("The learning rate"),
        "batch_size": N_("The batch size"),
        "epochs": N_("The number of epochs"),
        "early_stop": N_("The accuracy to stop at"),
        "patience": N_("The number of epochs to wait for a better validation loss"),
        "seconds": N_("The seconds of processor time"),
        "threshold": N_("The threshold"),
        "seed": N_("The seed"),
        "rotation": N_("The rotation"),
        "width_shift": N_("The shift across"),
        "height_shift": N_("The shift down"),
        "shear": N_("The shear"),
        "zoom": N_("The zoom"),
    }
)


def is_digest(text: str) -> bool:
    """Say whether a text has the form of a run's name: 16 hexadecimal digits."""
    return _DIGEST.fullmatch(text) is not None


def _make_floats(settings: Any) -> None:
    """Turn whole numbers of decimal fields into decimals, so that 1 and 1.0 share a digest."""
    for name, hint in get_type_hints(type(settings)).items():
        value = getattr(settings, name)
        if type(value) is int and float in (hint, *get_args(hint)):
            object.__setattr__(settings, name, float(value))


def _in_floats(operation: Operation) -> Operation:
    """Write an operation's kernel in decimals alone, so that 1 and 1.0 share a digest."""
    rows = tuple(tuple(map(float, row)) for row in operation.kernel)
    return dataclasses.replace(operation, kernel=rows)


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How training pictures are changed at random each time they are seen.

    Parameters
    ----------
    rotation : float
        Largest turn to either side, in degrees.
    width_shift : float
        Largest move to either side, as a fraction of the width.
    height_shift : float
        Largest move up or down, as a fraction of the height.
    shear : float
        Largest slant: pixels to the side for each pixel down.
    zoom : float
        Largest enlargement or reduction, as a fraction.
    flip : bool
        Whether half of the pictures are mirrored left to right.
    fill_mode : {'nearest', 'reflect', 'constant'}
        What comes in from outside: the nearest pixel of the edge, the picture mirrored
        there, or black; a name in `FILL_MODES`.
    """

    rotation: float = 0.0
    width_shift: float = 0.0
    height_shift: float = 0.0
    shear: float = 0.0
    zoom: float = 0.0
    flip: bool = False
    fill_mode: Literal["nearest", "reflect", "constant"] = "nearest"

    def __post_init__(self) -> None:
        _make_floats(self)


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """A training, said completely; equal specifications share one run.

    Parameters
    ----------
    dataset : str
        A name in `cvcore.datasets.DATASETS`.
    network : tuple of Layer
        The last one is a dense softmax layer with one unit for each class.
    training_size : int or None
        How many pictures to learn from, the first ones; None for all that validation leaves.
    scaling : {'none', 'unit', 'minmax', 'standardise'}
        What is done to the pixels; a name in `SCALINGS`.
    validation_split : float
        The fraction of the training pictures, the last ones, kept for validation; 0 for none.
    optimiser : {'adam', 'sgd'}
    momentum : float
        How much of its last step the optimiser repeats; 'sgd' alone knows it.
    learning_rate : float
    batch_size : int
        Pictures a step.
    epochs : int
        Times that each training picture is seen.
    early_stop : float or None
        Training accuracy, in (0, 1], after whose epoch the training ends.
    patience : int or None
        Epochs in a row without a lower validation loss, after which the training ends.
    seconds : float or None
        Processor time after which the training ends, be the epoch finished or not.
    labels : {'integer', 'one_hot'}
        How the classes are written: for sparse or for plain categorical cross-entropy.
    schedule : {'constant', 'one_cycle'}
        Whether the learning rate stays, or rises to `learning_rate` and falls again within
        the run (L. N. Smith, N. Topin, arXiv:1708.07120).
    threshold : int
        The grey value from which a pixel of a binarised data set is 1.
    shuffle_pixels : bool
        Whether the pixels of all pictures, test pictures too, are put into one random order.
    augmentation : Augmentation
    seed : int
        Decides the first weights, the order of the pictures, how they are augmented, and
        what is dropped out.
    parent : str
        The run that this one branches off from, or nothing.
    from_epoch : int
        The parent's epoch after which it does; epochs are counted on from there, up to `epochs`.
    surgery : tuple of Operation
        What is done to a branch's weights before it goes on with them.
    """

    dataset: str
    network: Network
    training_size: int | None = None
    scaling: Literal["none", "unit", "minmax", "standardise"] = "unit"
    validation_split: float = 0.25
    optimiser: Literal["adam", "sgd"] = "adam"
    momentum: float = 0.0
    learning_rate: float = 0.001
    batch_size: int = 32
    epochs: int = 5
    early_stop: float | None = None
    patience: int | None = None
    seconds: float | None = None
    labels: Literal["integer", "one_hot"] = "integer"
    schedule: Literal["constant", "one_cycle"] = "constant"
    threshold: int = DEFAULT_THRESHOLD
    shuffle_pixels: bool = False
    augmentation: Augmentation = Augmentation()
    seed: int = 0
    parent: str = ""
    from_epoch: int = 0
    surgery: tuple[Operation, ...] = ()

    def __post_init__(self) -> None:
        _make_floats(self)
        object.__setattr__(self, "network", tuple(self.network))
        object.__setattr__(self, "surgery", tuple(map(_in_floats, self.surgery)))

    def digest(self) -> str:
        """Return the run's name: dask key, folder, and ``?run=`` in the address.

        Returns
        -------
        str
            16 hexadecimal digits.
        """
        # Only what differs from the defaults is hashed. A field that a later version adds
        # has a default that means "as before", so the runs of today keep their names.
        # Hence a default, once published, never changes.
        text = json.dumps(_plain(self, whole=False), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_json(self) -> str:
        """Return all settings as JSON, for `from_json`."""
        return json.dumps(_plain(self, whole=True), indent=1)

    @classmethod
    def from_json(cls, text: str | bytes) -> "RunSpec":
        """Read what `to_json` wrote, or what claims to be so.

        Raises
        ------
        SettingError
            If a part is unknown, of the wrong kind, or beyond what `validate` allows.
        """
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            data = None
        spec: RunSpec = _read(cls, data, "run")
        spec.validate()
        return spec

    def sizes(self) -> tuple[int, int, int]:
        """Return how many pictures are for training, validation and test."""
        entry = self._entry()
        # As Keras' validation_split counts: the training part is rounded down.
        left = math.floor(entry.training * (1.0 - self.validation_split))
        return (
            left if self.training_size is None else min(self.training_size, left),
            entry.training - left,
            entry.test,
        )

    def validate(self) -> None:
        """Refuse what cannot be trained, or not in a reasonable time.

        Raises
        ------
        SettingError
            The sentence names the setting, what it was, and what to do.
        """
        entry = self._entry()
        for owner in (self, self.augmentation):
            for name, value in vars(owner).items():
                if name in LIMITS and value is not None:
                    _check_limits(name, value)
        _check_word("scaling", self.scaling, SCALINGS)
        _check_word("optimiser", self.optimiser, OPTIMISERS)
        _check_word("labels", self.labels, LABEL_FORMS)
        _check_word("schedule", self.schedule, SCHEDULES)
        _check_word("fill_mode", self.augmentation.fill_mode, FILL_MODES)
        if self.momentum and self.optimiser != "sgd":
            raise SettingError(
                N_(
                    "Momentum belongs to stochastic gradient descent; the optimiser was "
                    "{optimiser}. Set the momentum to 0 or choose the other optimiser."
                ),
                optimiser=self.optimiser,
            )
        self._check_rules(entry)
        left = entry.training - self.sizes()[1]
        if self.training_size is not None and self.training_size > left:
            raise SettingError(
                N_(
                    "Validation leaves {left} training pictures; {wanted} were asked for. "
                    "Choose fewer, or a smaller validation split."
                ),
                left=left,
                wanted=self.training_size,
            )
        self._check_network(entry)
        self._check_surgery()

    def _check_rules(self, entry: DatasetEntry) -> None:
        """Refuse settings that mean nothing without others."""
        if self.patience is not None and not self.sizes()[1]:
            raise SettingError(
                N_(
                    "To wait for a better validation loss, some pictures must be kept for "
                    "validation; the validation split was {split}. Make it larger than 0, or do "
                    "without the waiting."
                ),
                split=self.validation_split,
            )
        if self.threshold != DEFAULT_THRESHOLD and not entry.binarises:
            raise SettingError(
                N_(
                    "A threshold belongs to pictures that are turned into black and white; it was "
                    "{threshold} for the data set {name}. Set it to {usual}, or choose a "
                    "binarised data set."
                ),
                threshold=self.threshold,
                name=self.dataset,
                usual=DEFAULT_THRESHOLD,
            )
        if not self.parent and not self.from_epoch:
            return
        if not is_digest(self.parent):
            raise SettingError(
                N_("A run's name has 16 characters from 0–9 and a–f; this one was {name}."),
                name=self.parent[:40],
            )
        if not 1 <= self.from_epoch < self.epochs:
            raise SettingError(
                N_(
                    "A branch begins after an epoch from 1 on and before its own last one, "
                    "{epochs}; it was to begin after epoch {from_epoch}. Choose an earlier one, "
                    "or more epochs."
                ),
                epochs=self.epochs,
                from_epoch=self.from_epoch,
            )

    def _check_surgery(self) -> None:
        if self.surgery and not self.parent:
            raise SettingError(
                N_(
                    "Only a branch begins with weights that can be operated on; this run has no "
                    "parent. Name the run that it branches off from, or leave the operations out."
                )
            )
        if len(self.surgery) > MOST:
            raise SettingError(N_("At most {count} operations can be done."), count=MOST)
        check_surgery(self.network, self.surgery)

    def _entry(self) -> DatasetEntry:
        if self.dataset not in DATASETS:
            raise SettingError(
                N_("There is no data set called {name}. Choose one of {names}."),
                name=self.dataset,
                names=", ".join(DATASETS),
            )
        return DATASETS[self.dataset]

    def _check_network(self, entry: DatasetEntry) -> None:
        if not 1 <= len(self.network) <= MAX_LAYERS:
            raise SettingError(
                N_("A network has from 1 to {most} layers; this one had {count}."),
                most=MAX_LAYERS,
                count=len(self.network),
            )
        rows = layer_table(self.network, entry.shape)
        last, classes = self.network[-1], len(entry.classes)
        if not (isinstance(last, Dense) and last.units == classes and last.activation == "softmax"):
            raise SettingError(
                N_(
                    "The last layer must give one probability for each of the {classes} classes. "
                    "Make it a dense layer of {classes} units with softmax."
                ),
                classes=classes,
            )
        for what, most in (("parameters", MAX_PARAMETERS), ("multiply_adds", MAX_MULTIPLY_ADDS)):
            count = sum(getattr(row, what) for row in rows)
            if count > most:
                raise SettingError(
                    N_(
                        "This network has {parameters} parameters and needs {multiply_adds} "
                        "multiplications for one picture; this laboratory trains up to "
                        "{most_parameters} and {most_multiply_adds}. Use fewer filters or units."
                    ),
                    parameters=f"{sum(row.parameters for row in rows):,}",
                    multiply_adds=f"{sum(row.multiply_adds for row in rows):,}",
                    most_parameters=f"{MAX_PARAMETERS:,}",
                    most_multiply_adds=f"{MAX_MULTIPLY_ADDS:,}",
                )


def learning_rates(spec: RunSpec, moments: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the learning rate at moments of a run.

    'one_cycle' rises in a straight line from 0 to the run's learning rate
    over the first 30 % of all steps, then falls along half a cosine to 0.

    Parameters
    ----------
    spec : RunSpec
    moments : array_like of float, any shape
        In epochs, from 0 to ``spec.epochs``. A step learns with the rate at its middle:
        the first of ten steps an epoch with that at 0.05.

    Returns
    -------
    ndarray of float64, of the same shape

    References
    ----------
    .. [1] L. N. Smith, N. Topin, "Super-Convergence", arXiv:1708.07120, 2017.

    Examples
    --------
    >>> network = (Dense(units=10, activation="softmax"),)
    >>> spec = RunSpec(dataset="digits", network=network, epochs=10, schedule="one_cycle")
    >>> learning_rates(spec, np.array([0, 1.5, 3, 6.5, 10])).round(5).tolist()
    [0.0, 0.0005, 0.001, 0.0005, 0.0]
    """
    if spec.schedule == "constant":
        return np.full(np.shape(moments), spec.learning_rate)
    done = np.asarray(moments, np.float64) / spec.epochs
    rising = done / ONE_CYCLE_RISE
    falling = (1 + np.cos(np.pi * (done - ONE_CYCLE_RISE) / (1 - ONE_CYCLE_RISE))) / 2
    return spec.learning_rate * np.where(done < ONE_CYCLE_RISE, rising, falling)


def _check_limits(name: str, value: float) -> None:
    low, high = LIMITS[name]
    if not low <= value <= high:  # False for "not a number" too
        raise SettingError(
            N_("{setting} must be from {low} to {high}; it was {value}."),
            setting=_NUMBER_NAMES[name],
            low=f"{low:g}" if low else 0,
            high=f"{high:,}" if isinstance(high, int) else f"{high:g}",
            value=value,
        )


def _check_word(name: str, word: str, allowed: Mapping[str, str]) -> None:
    if word not in allowed:
        raise SettingError(
            N_("The setting {name} cannot be {word}. Choose one of {words}."),
            name=name,
            word=word,
            words=", ".join(allowed),
        )


def _plain(value: Any, *, whole: bool) -> Any:
    """Return settings as JSON's own kinds: all of them, or those that differ from the defaults."""
    if isinstance(value, tuple):
        return [_plain(part, whole=whole) for part in value]
    plain: dict[str, Any] = {"kind": value.kind} if type(value) in LAYERS.values() else {}
    if not dataclasses.is_dataclass(value):
        return value
    for field in dataclasses.fields(value):
        part = getattr(value, field.name)
        if whole or part != field.default:
            plain[field.name] = _plain(part, whole=whole)
    return plain


def _damaged(part: str) -> SettingError:
    return SettingError(
        N_(
            "The description of this run makes no sense at {part}. "
            "Choose the settings anew and press Train."
        ),
        part=part,
    )


def _read(kind: Any, data: Any, part: str) -> Any:
    """Build settings from JSON through an allow-list: the fields of a dataclass and their types."""
    if not isinstance(data, dict):
        raise _damaged(part)
    hints = get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    unknown = sorted(set(data) - set(fields))
    if unknown:
        raise _damaged(f"{part}.{unknown[0][:40]}")
    for name, field in fields.items():
        if name not in data and field.default is dataclasses.MISSING:
            raise _damaged(f"{part}.{name}")
    return kind(**{name: _value(hints[name], data[name], f"{part}.{name}") for name in data})


def _value(hint: Any, value: Any, part: str) -> Any:
    if hint == Network:
        if not isinstance(value, list) or len(value) > MAX_LAYERS:
            raise _damaged(part)
        return tuple(_layer(layer, f"{part}.{index}") for index, layer in enumerate(value, start=1))
    if dataclasses.is_dataclass(hint):
        return _read(hint, value, part)
    if get_origin(hint) is tuple:  # of as many as there are, all of one kind
        if not isinstance(value, list) or len(value) > MAX_LAYERS:
            raise _damaged(part)
        return tuple(
            _value(get_args(hint)[0], it, f"{part}.{index}")
            for index, it in enumerate(value, start=1)
        )
    choices = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    for choice in choices:
        if get_origin(choice) is Literal and isinstance(value, str) and value in get_args(choice):
            return value
        # bool is a kind of int in Python, hence the exact type.
        if type(value) is choice:
            return value
        if choice is float and type(value) is int and abs(value) < 2**53:
            return float(value)
    raise _damaged(part)


def _layer(data: Any, part: str) -> Layer:
    settings = dict(data) if isinstance(data, dict) else {}
    kind = settings.pop("kind", None)
    if not isinstance(kind, str) or kind not in LAYERS:
        raise _damaged(part)
    layer: Layer = _read(LAYERS[kind], settings, part)
    return layer
