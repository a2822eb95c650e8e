"""A training that begins with somebody else's features, said completely before it begins."""

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

import numpy as np

from cvcore import backbones
from cvcore.errors import N_, SettingError
from cvcore.spec import Augmentation
from cvcore.surgery import Operation

Way: TypeAlias = Literal["scratch", "features", "augmented", "fine_tune"]
Framing: TypeAlias = Literal["crop", "squeeze"]

WAYS: Mapping[Way, str] = MappingProxyType(
    {
        "scratch": N_("A small CNN from scratch"),
        "features": N_("Features computed once"),
        "augmented": N_("Features with augmentation"),
        "fine_tune": N_("Fine-tuning"),
    }
)
"""The ways to learn one's own classes, as the page calls them."""

SCALINGS: Mapping[str, str] = MappingProxyType(
    {"own": N_("As the backbone was trained"), "unit": N_("0 to 1, as the lecture does")}
)
"""What is done to the pixels before a backbone sees them, as the page calls it."""

OUTPUTS: Mapping[str, str] = MappingProxyType(
    {"softmax": N_("Softmax, one unit a class"), "sigmoid": N_("Sigmoid")}
)
"""The last layer, as the page calls it."""

LOSSES: Mapping[str, str] = MappingProxyType(
    {"cross_entropy": N_("Cross-entropy"), "mse": N_("Mean squared error")}
)
"""What is made small, as the page calls it."""

OPTIMISERS: Mapping[str, str] = MappingProxyType({"adam": N_("Adam"), "rmsprop": N_("RMSprop")})
"""How the weights follow the gradient, as the page calls it."""

LIMITS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "size": (32, 331),
        "dropout": (0.0, 0.9),
        "learning_rate": (1e-6, 1.0),
        "fine_rate": (1e-7, 0.1),
        "epochs": (1, 200),
        "fine_epochs": (0, 100),
        "batch_size": (1, 256),
        "thawed": (0, 60),
        "held_out": (0.05, 0.9),
        "count": (20, 60_000),
        "seed": (0, 2**32 - 1),
    }
)
"""Smallest and largest value of each number, for the widgets and for what comes from outside."""

SCRATCH_FILTERS = (16, 32, 64)
"""Of the convolutions of the small CNN that begins from nothing."""

MOST_UNITS, MOST_HIDDEN = 4_096, 4
MAX_HEAD_PARAMETERS = 30_000_000

_STILL = Augmentation()
_TOKEN = re.compile(r"[0-9a-f]{32}")
_NUMBERS: Mapping[str, str] = MappingProxyType(
    {
        "size": N_("The input size"),
        "dropout": N_("The dropout rate"),
        "learning_rate": N_("The learning rate"),
        "fine_rate": N_("The learning rate of fine-tuning"),
        "epochs": N_("The number of epochs"),
        "fine_epochs": N_("The number of epochs of fine-tuning"),
        "batch_size": N_("The batch size"),
        "thawed": N_("The number of thawed blocks"),
        "held_out": N_("The share of held-out pictures"),
        "count": N_("The number of pictures"),
        "seed": N_("The seed"),
    }
)


@dataclass(frozen=True, kw_only=True)
class Head:
    """What follows the backbone's feature maps.

    Parameters
    ----------
    pooled : bool
        Whether each feature map is reduced to its mean; else all their values are kept.
    units : tuple of int
        Of the hidden dense layers, each with ReLU, in order.
    dropout : float
        After the features and after each hidden layer, in training.
    output : {'softmax', 'sigmoid'}
        One unit a class; for two classes a sigmoid has a single one, high for the first class.
    """

    pooled: bool = True
    units: tuple[int, ...] = ()
    dropout: float = 0.2
    output: Literal["softmax", "sigmoid"] = "softmax"

    def __post_init__(self) -> None:
        object.__setattr__(self, "units", tuple(map(int, self.units)))
        object.__setattr__(self, "dropout", float(self.dropout))

    def width(self, classes: int) -> int:
        """Return how many units the last layer has for so many classes."""
        return 1 if self.output == "sigmoid" and classes == 2 else classes


@dataclass(frozen=True, kw_only=True)
class TransferSpec:
    """A training on one's own classes, said completely; equal ones share one result.

    Parameters
    ----------
    work : str
        The token of a collection (`cvcore.collection`); or the name of a data set in
        `cvcore.datasets.DATASETS`, whose first pictures are learned.
    content : str
        The digest of what the collection held; nothing for a data set.
    way : {'scratch', 'features', 'augmented', 'fine_tune'}
        A name in `WAYS`.
    backbone : str
        A name in `cvcore.backbones.BACKBONES`; not looked at by 'scratch'.
    cut : str
        The layer whose output is used; nothing for the last one.
    size : int
        Pixels a side of what the network sees.
    framing : {'crop', 'squeeze'}
        Whether a picture's largest centred square is seen, or the whole picture made square.
    scaling : {'own', 'unit'}
        A name in `SCALINGS`.
    head : Head
    loss : {'cross_entropy', 'mse'}
    optimiser : {'adam', 'rmsprop'}
    learning_rate : float
    epochs : int
        Times that each picture is seen before fine-tuning.
    batch_size : int
    augmentation : Augmentation
        Of 'scratch', 'augmented' and 'fine_tune'; not looked at by 'features'.
    thawed : int
        How many of the backbone's blocks, the last ones, learn in fine-tuning.
    fine_epochs : int
        Epochs of fine-tuning.
    fine_rate : float
        Its learning rate.
    held_out : float
        The share of the pictures that is not learned from.
    count : int
        How many pictures of a data set are used, held-out ones too; not looked at for a
        collection.
    seed : int
        Decides which pictures are held out, the first weights, the order, the augmentation
        and what is dropped out.
    surgery : tuple of tuple of Operation
        What is done to the filters of the network that was learned without the last of them,
        before it learns on; a layer's place is that among the layers of
        `cvcore.transfer_models.Transferred.scores`, from 1.
    """

    work: str
    content: str = ""
    way: Way = "features"
    backbone: str = "MobileNetV2"
    cut: str = ""
    size: int = 224
    framing: Framing = "crop"
    scaling: Literal["own", "unit"] = "own"
    head: Head = Head()
    loss: Literal["cross_entropy", "mse"] = "cross_entropy"
    optimiser: Literal["adam", "rmsprop"] = "adam"
    learning_rate: float = 0.001
    epochs: int = 20
    batch_size: int = 16
    augmentation: Augmentation = _STILL
    thawed: int = 0
    fine_epochs: int = 0
    fine_rate: float = 1e-5
    held_out: float = 0.25
    count: int = 1_000
    seed: int = 0
    surgery: tuple[tuple[Operation, ...], ...] = ()

    def __post_init__(self) -> None:
        for name in ("learning_rate", "fine_rate", "held_out"):
            object.__setattr__(self, name, float(getattr(self, name)))

    @property
    def is_own(self) -> bool:
        """Whether it learns a visitor's pictures, and not a data set's."""
        return _TOKEN.fullmatch(self.work) is not None

    @property
    def parent(self) -> "TransferSpec | None":
        """What the network had learned before the last operations; None where there are none."""
        return dataclasses.replace(self, surgery=self.surgery[:-1]) if self.surgery else None

    @property
    def all_epochs(self) -> int:
        """Epochs before and of fine-tuning."""
        return self.epochs + (self.fine_epochs if self.way == "fine_tune" else 0)

    def digest(self) -> str:
        """Return a name made of all settings: 16 hexadecimal digits."""
        values = dataclasses.asdict(self)
        if not self.surgery:
            del values["surgery"]  # what was learned before there was any keeps its name
        text = json.dumps(values, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def features_digest(self) -> str:
        """Return a name made of what decides the backbone's features alone."""
        if self.surgery:
            return self.digest()
        names = ("work", "content", "backbone", "cut", "size", "framing", "scaling", "count")
        parts = {name: getattr(self, name) for name in names} | {"pooled": self.head.pooled}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]

    def validate(self) -> None:
        """Refuse what cannot be trained.

        Raises
        ------
        SettingError
            The sentence names the setting, what it was, and what to do.
        """
        for owner in (self, self.head):
            for name, value in vars(owner).items():
                if name in LIMITS:
                    _check_limits(name, value)
        words = (
            ("way", self.way, WAYS),
            ("framing", self.framing, ("crop", "squeeze")),
            ("scaling", self.scaling, SCALINGS),
            ("output", self.head.output, OUTPUTS),
            ("loss", self.loss, LOSSES),
            ("optimiser", self.optimiser, OPTIMISERS),
        )
        for name, word, known in words:
            if word not in known:
                raise SettingError(
                    N_("The setting {name} is one of {known}; it was {word}."),
                    name=name,
                    known=", ".join(known),
                    word=str(word)[:40],
                )
        hidden = self.head.units
        if len(hidden) > MOST_HIDDEN or not all(1 <= it <= MOST_UNITS for it in hidden):
            raise SettingError(
                N_(
                    "A head has at most {layers} hidden layers of 1 to {units} units each; "
                    "these were asked for: {asked}."
                ),
                layers=MOST_HIDDEN,
                units=f"{MOST_UNITS:,}",
                asked=", ".join(map(str, hidden))[:60],
            )
        if self.way == "scratch":
            return
        backbone = backbones.entry_of(self.backbone)
        if self.size < backbone.smallest:
            raise SettingError(
                N_(
                    "{name} sees pictures of at least {least} × {least} pixels; the input size was "
                    "{size}. Choose a larger one."
                ),
                name=self.backbone,
                least=backbone.smallest,
                size=self.size,
            )


def seeds_of(spec: TransferSpec, part: int = 0) -> Iterator[int]:
    """Return the seeds of a network's first weights and of its dropout, one after the other.

    Parameters
    ----------
    spec : TransferSpec
    part : int, optional
        0 for the convolutions of a network from scratch, 1 for the head.
    """
    return iter(np.random.SeedSequence([spec.seed, part]).generate_state(32).tolist())


def _check_limits(name: str, value: float) -> None:
    low, high = LIMITS[name]
    if not low <= value <= high:  # False for "not a number" too
        raise SettingError(
            N_("{setting} must be from {low} to {high}; it was {value}."),
            setting=_NUMBERS[name],
            low=f"{low:g}" if low else 0,
            high=f"{high:,}" if isinstance(high, int) else f"{high:g}",
            value=value,
        )
