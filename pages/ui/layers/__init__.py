"""The experiments of the Layers page, each a function of its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from streamlit.delta_generator import DeltaGenerator

from cvcore.errors import N_
from pages.ui.layers.activation import show_relu
from pages.ui.layers.borders import show_padding_value
from pages.ui.layers.depth import show_networks, show_receptive_field
from pages.ui.layers.moves import show_equivariance
from pages.ui.layers.pools import show_forgiveness, show_pooling
from pages.ui.layers.sharing import show_sharing
from pages.ui.layers.sizes import show_output_size, show_stride, show_visits
from pages.ui.words import Say


@dataclass(frozen=True)
class Experiment:
    """An experiment: its name, one sentence what it is, and what draws it.

    Parameters
    ----------
    label, intro : str
        For the translators.
    show : callable
        Asks in the column that it is given, and draws where it is called.
    """

    label: str
    intro: str
    show: Callable[[Say, DeltaGenerator], None]


EXPERIMENTS: Mapping[str, Experiment] = MappingProxyType(
    {
        "size": Experiment(
            N_("Output size"),
            N_("How many answers does a kernel give, and which pixels does it never see?"),
            show_output_size,
        ),
        "visits": Experiment(
            N_("Padding"),
            N_("How often is each pixel looked at, without padding and with it?"),
            show_visits,
        ),
        "stride": Experiment(
            N_("Stride"),
            N_("What is lost when the kernel leaps instead of stepping?"),
            show_stride,
        ),
        "pooling": Experiment(
            N_("Pooling"),
            N_("What is kept of a window: its largest value, or its mean?"),
            show_pooling,
        ),
        "relu": Experiment(
            N_("ReLU"),
            N_("Why is there an activation between two convolutions?"),
            show_relu,
        ),
        "field": Experiment(
            N_("Receptive field"),
            N_("How much of the picture does one value see, the deeper it lies?"),
            show_receptive_field,
        ),
        "sharing": Experiment(
            N_("Shared weights"),
            N_("How many connections and weights does a convolution save?"),
            show_sharing,
        ),
        "moves": Experiment(
            N_("Shift and turn"),
            N_("The picture moves: does its feature map move with it?"),
            show_equivariance,
        ),
        "small": Experiment(
            N_("Small shifts"),
            N_("How much of a shift does pooling forgive?"),
            show_forgiveness,
        ),
        "border": Experiment(
            N_("Padding value"),
            N_("What do zeros around a bright picture do to its border?"),
            show_padding_value,
        ),
        "networks": Experiment(
            N_("Networks"),
            N_("Where are the parameters of a whole network, and where is the work?"),
            show_networks,
        ),
    }
)
"""In the order in which they are offered; the first is what the page opens on."""
