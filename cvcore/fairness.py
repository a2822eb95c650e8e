"""A fair comparison of two networks: what is made equal, and whether a difference is chance."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from cvcore.arithmetic import Shape, layer_table
from cvcore.datasets import DATASETS
from cvcore.errors import N_, SettingError
from cvcore.networks import Convolution, Dense, Network
from cvcore.spec import LIMITS, RunSpec

Rule: TypeAlias = Literal["epochs", "parameters", "seconds", "multiply_adds"]
Side: TypeAlias = Literal["first", "second"]

RULES: Mapping[str, str] = MappingProxyType(
    {
        "epochs": N_("Equal epochs"),
        "parameters": N_("Equal parameters"),
        "seconds": N_("Equal seconds"),
        "multiply_adds": N_("Equal multiply-adds"),
    }
)
"""What both networks get the same of, as the page calls it."""

TOLERANCE = 0.01
"""How far apart the parameters of two networks may be and still be called equal."""

FEW_DISCORDANT = 25
"""Pictures on which the two disagree, below which McNemar's test is the exact one."""

_MOST_EPOCHS = int(LIMITS["epochs"][1])
_WIDEST = 1e5  # a factor beyond which no network is trained here


@dataclass(frozen=True, kw_only=True)
class Match:
    """A network widened or narrowed until it has as many parameters as another.

    Parameters
    ----------
    network : tuple of Layer
    parameters : int
        What it has now.
    target : int
        What it was to have.
    factor : float
        By which every hidden width was multiplied, before it was rounded.
    changes : tuple of (int, int, int)
        For each layer whose width is another now: its position from 1, and its filters or
        units before and after.
    """

    network: Network
    parameters: int
    target: int
    factor: float
    changes: tuple[tuple[int, int, int], ...]

    @property
    def difference(self) -> float:
        """How far from the target it is, as a fraction of the target."""
        return abs(self.parameters - self.target) / self.target


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What two networks train so that a rule of fairness holds.

    Parameters
    ----------
    first, second : RunSpec
        They differ in their networks and, where the rule says so, in their epochs.
    match : Match or None
        How the parameters were made equal.
    changed : {'first', 'second'} or None
        Whose network that was.
    """

    first: RunSpec
    second: RunSpec
    match: Match | None = None
    changed: Side | None = None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How two classifiers fare on the same pictures, and what chance has to do with it.

    Parameters
    ----------
    both, only_first, only_second, neither : int
        Pictures that get their right name from both, from one alone, from none.
    p_value : float
        How probable it is that they disagree at least as unevenly if both are equally good.
    exact : bool
        Whether it comes from the binomial distribution itself.
    """

    both: int
    only_first: int
    only_second: int
    neither: int
    p_value: float
    exact: bool


def parameters(network: Network, shape: Shape) -> int:
    """Return how many weights and biases a network has.

    Parameters
    ----------
    network : tuple of Layer
    shape : tuple of int
        (height, width, channels) of a picture.
    """
    return sum(row.parameters for row in layer_table(network, shape))


def training_multiply_adds(network: Network, shape: Shape) -> int:
    """Return how many multiplications one training picture costs.

    Forwards, each weight is multiplied once for every time it is used. Backwards
    the same products are made twice more, for the gradient of the weights and for
    that of the layer's input; the first layer with weights needs the former alone.

    Parameters
    ----------
    network : tuple of Layer
    shape : tuple of int
        (height, width, channels) of a picture.

    References
    ----------
    .. [1] I. Goodfellow, Y. Bengio, A. Courville, "Deep Learning", 2016, section 6.5.6.

    Examples
    --------
    Without a hidden layer, 4 products forwards and 4 for the gradient of the weights.

    >>> from cvcore.networks import Flatten
    >>> training_multiply_adds((Flatten(), Dense(units=2)), (1, 2, 1))
    8
    """
    each = [row.multiply_adds for row in layer_table(network, shape) if row.multiply_adds]
    return 3 * sum(each) - each[0] if each else 0


def work(spec: RunSpec, moment: float | None = None) -> float:
    """Return how many multiplications a training has cost at a moment.

    Parameters
    ----------
    spec : RunSpec
    moment : float, optional
        In epochs; by default at the end.
    """
    each = training_multiply_adds(spec.network, DATASETS[spec.dataset].shape)
    return each * spec.sizes()[0] * (spec.epochs if moment is None else moment)


def match_parameters(network: Network, shape: Shape, target: int) -> Match:
    """Widen or narrow a network until it has as many parameters as asked, within 1 %.

    The filters and units of all hidden layers are multiplied by one factor, found by
    halving an interval; then the one layer that brings it closest is adjusted.

    Parameters
    ----------
    network : tuple of Layer
        The last layer, with one unit for each class, stays.
    shape : tuple of int
        (height, width, channels) of a picture.
    target : int

    Returns
    -------
    Match

    Raises
    ------
    SettingError
        If no width of this network comes as close as `TOLERANCE`.

    Examples
    --------
    784 · 128 + 128 and 128 · 10 + 10 parameters; with u units it is 795 u + 10.

    >>> from cvcore.networks import NETWORKS
    >>> match_parameters(NETWORKS["dense"].layers, (28, 28, 1), 258_874).changes
    ((2, 128, 326),)
    """
    before = _widths(network)
    if not before:
        raise SettingError(
            N_(
                "This network has no hidden layer that could be made wider or narrower to come "
                "from {parameters} to {target} parameters. Let the other network be changed, or "
                "choose another one."
            ),
            parameters=f"{parameters(network, shape):,}",
            target=f"{target:,}",
        )

    def scaled(factor: float) -> Network:
        return _with_widths(network, [max(1, round(width * factor)) for width in before.values()])

    low, high = 0.0, 1.0
    while parameters(scaled(high), shape) < target and high < _WIDEST:
        low, high = high, 2 * high
    for _ in range(50):
        middle = (low + high) / 2
        if parameters(scaled(middle), shape) < target:
            low = middle
        else:
            high = middle
    found, count = min(
        (
            _adjust(start, shape, target, position)
            for start in (scaled(low), scaled(high))
            for position in range(len(before))
        ),
        key=lambda it: abs(it[1] - target),
    )
    if abs(count - target) > TOLERANCE * target:
        raise SettingError(
            N_(
                "This network cannot be made wider or narrower to have {target} parameters; "
                "the closest is {closest}. Let the other network be changed, or choose another "
                "one."
            ),
            target=f"{target:,}",
            closest=f"{count:,}",
        )
    after = _widths(found)
    return Match(
        network=found,
        parameters=count,
        target=target,
        factor=high,
        changes=tuple(
            (position + 1, width, after[position])
            for position, width in before.items()
            if width != after[position]
        ),
    )


def agree(rule: str, first: RunSpec, second: RunSpec, *, changed: Side, seconds: float) -> Terms:
    """Change two trainings until a rule of fairness holds.

    Parameters
    ----------
    rule : {'epochs', 'parameters', 'seconds', 'multiply_adds'}
    first, second : RunSpec
        Alike but for their networks.
    changed : {'first', 'second'}
        Whose network is widened or narrowed for equal parameters.
    seconds : float
        Of processor time, for equal seconds.

    Returns
    -------
    Terms
        For equal multiply-adds the network that needs fewer sees more epochs, the closest
        whole number; where that would be more than are allowed, both see fewer. For equal
        seconds, as many epochs as the time allows.

    Raises
    ------
    SettingError
        If the rule cannot be kept.
    """
    if rule == "parameters":
        return _equal_parameters(first, second, changed)
    if rule == "seconds":
        both = (replace(it, seconds=seconds, epochs=_MOST_EPOCHS) for it in (first, second))
        return Terms(first=next(both), second=next(both))
    if rule == "multiply_adds":
        return _equal_work(first, second)
    return Terms(first=first, second=second)


def mcnemar(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> Comparison:
    """Test whether two classifiers differ by more than chance on the same pictures.

    If both are equally good, a picture on which they disagree is as likely right for
    the one as for the other. With few such pictures the binomial distribution tells the
    probability; with many, chi-square with one degree of freedom and a continuity
    correction.

    Parameters
    ----------
    first, second : ndarray of bool, shape (n,)
        Whether each got each picture's name right.

    Returns
    -------
    Comparison

    References
    ----------
    .. [1] Q. McNemar, "Note on the sampling error of the difference between correlated
       proportions or percentages", Psychometrika 12, 1947.
    .. [2] A. L. Edwards, "Note on the correction for continuity in testing the significance
       of the difference between correlated proportions", Psychometrika 13, 1948.

    Examples
    --------
    Six pictures are right for the second alone: 2 / 2⁶.

    >>> mcnemar(np.zeros(6, bool), np.ones(6, bool)).p_value
    0.03125
    """
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    count, fewer = only_first + only_second, min(only_first, only_second)
    exact = count < FEW_DISCORDANT
    if exact:
        tail = sum(math.comb(count, k) for k in range(fewer + 1)) / 2**count
        p_value = min(1.0, 2 * tail)
    else:
        # A difference of 0 is none: the correction never makes it larger.
        statistic = max(count - 2 * fewer - 1, 0) ** 2 / count
        p_value = math.erfc(math.sqrt(statistic / 2))
    return Comparison(
        both=int((first & second).sum()),
        only_first=only_first,
        only_second=only_second,
        neither=int((~first & ~second).sum()),
        p_value=p_value,
        exact=exact,
    )


def _equal_parameters(first: RunSpec, second: RunSpec, changed: Side) -> Terms:
    shape = DATASETS[first.dataset].shape
    mine, other = (first, second) if changed == "first" else (second, first)
    match = match_parameters(mine.network, shape, parameters(other.network, shape))
    mine = replace(mine, network=match.network)
    pair = (mine, other) if changed == "first" else (other, mine)
    return Terms(first=pair[0], second=pair[1], match=match, changed=changed)


def _equal_work(first: RunSpec, second: RunSpec) -> Terms:
    costs = [work(it, 1.0) for it in (first, second)]
    ratio = max(costs) / min(costs)
    # The one that needs more sees what was asked for, if the other can see enough for that.
    few = min(first.epochs, math.floor((_MOST_EPOCHS + 0.5) / ratio))
    if few < 1:
        raise SettingError(
            N_(
                "One of these networks needs {ratio} times the multiply-adds of the other, and no "
                "training has more than {most} epochs. Choose networks that are closer to each "
                "other, or another rule."
            ),
            ratio=f"{ratio:,.0f}",
            most=_MOST_EPOCHS,
        )
    many = min(max(round(few * ratio), 1), _MOST_EPOCHS)
    epochs = (few, many) if costs[0] >= costs[1] else (many, few)
    return Terms(first=replace(first, epochs=epochs[0]), second=replace(second, epochs=epochs[1]))


def _widths(network: Network) -> dict[int, int]:
    """Return the filters or units of the hidden layers, by their positions from 0."""
    widths = {}
    for position, layer in enumerate(network[:-1]):
        if isinstance(layer, Convolution):
            widths[position] = layer.filters
        elif isinstance(layer, Dense):
            widths[position] = layer.units
    return widths


def _with_widths(network: Network, widths: list[int]) -> Network:
    layers, left = list(network), iter(widths)
    for position in _widths(network):
        layer, width = layers[position], next(left)
        if isinstance(layer, Convolution):
            layers[position] = replace(layer, filters=width)
        elif isinstance(layer, Dense):
            layers[position] = replace(layer, units=width)
    return tuple(layers)


def _adjust(network: Network, shape: Shape, target: int, which: int) -> tuple[Network, int]:
    """Give one hidden layer the width that comes closest to the target."""
    widths = list(_widths(network).values())
    count = parameters(network, shape)
    widths[which] += 1
    # One filter or unit more costs the same at any width of its layer.
    step = parameters(_with_widths(network, widths), shape) - count
    widths[which] = max(1, widths[which] - 1 + round((target - count) / step))
    found = _with_widths(network, widths)
    return found, parameters(found, shape)
