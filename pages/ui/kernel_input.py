"""Which kernel: one of the table, or one edited cell by cell."""

import streamlit as st

from cvcore import kernels
from cvcore.arrays import FloatArray
from cvcore.errors import CvCoreError
from pages.ui import address
from pages.ui.inputs import choose, decimal, number
from pages.ui.kernel_grid import edit_kernel
from pages.ui.setup import explain
from pages.ui.words import Say

OWN = "own"
LARGEST = 15
_START = "0,0,0;0,1,0;0,0,0"


def choose_kernel(say: Say, *, default: str) -> FloatArray:
    """Ask for a kernel; any cell can be changed, which makes it the visitor's own.

    Parameters
    ----------
    say : Say
    default : str
        A name in `cvcore.kernels.KERNELS`.

    Returns
    -------
    ndarray of float32, shape (rows, columns)
        From 1 × 1 to 15 × 15.
    """
    labels = {name: say(kernel.label) for name, kernel in kernels.KERNELS.items()}
    labels[OWN] = say("My own")
    name = choose(say("Kernel"), labels, key="kernel", default=default)
    weights = _own(say) if name == OWN else kernels.KERNELS[name](**_parameters(say, name))
    edit_kernel(say, weights, key="kernel_grid", on_cell=lambda *cell: _change_cell(weights, *cell))
    failure = st.session_state.pop("kernel_error", None)
    if failure is not None:
        st.warning(explain(say, failure), icon=":material/lightbulb:")
    _offer_changes(say, weights)
    return weights


def _parameters(say: Say, name: str) -> dict[str, int | float]:
    """Ask for what a kernel's maker needs."""
    chosen: dict[str, int | float] = {}
    for parameter, default in kernels.KERNELS[name].parameters.items():
        if parameter == "size":
            chosen["size"] = number(
                say("Kernel size"), key="size", default=int(default), low=1, high=LARGEST
            )
        elif parameter == "sigma":
            chosen["sigma"] = decimal(
                say("Standard deviation σ"),
                key="sigma",
                default=default,
                low=0.1,
                high=10,
                step=0.1,
            )
        else:
            chosen["seed"] = number(
                say("Seed"), key="seed", default=int(default), low=0, high=9999, style="box"
            )
    return chosen


def _own(say: Say) -> FloatArray:
    """Return the kernel that stands in the address, resized as the visitor asks."""
    address.recall("cells", _START, _read_cells)
    weights = kernels.from_text(st.session_state["cells"])
    left, right = st.columns(2)
    # The fields follow the kernel, whoever changed it last.
    st.session_state["own_rows"], st.session_state["own_columns"] = weights.shape
    with left:
        st.number_input(say("Rows"), 1, LARGEST, key="own_rows", on_change=_resize)
    with right:
        st.number_input(say("Columns"), 1, LARGEST, key="own_columns", on_change=_resize)
    address.publish("cells", "")
    return weights


def _read_cells(text: str) -> str:
    try:
        kernels.from_text(text)
    except CvCoreError as error:
        raise ValueError(text) from error
    return text


def _resize() -> None:
    weights = kernels.from_text(st.session_state["cells"])
    _make_own(
        kernels.resize(weights, st.session_state["own_rows"], st.session_state["own_columns"])
    )


def _make_own(weights: FloatArray) -> None:
    st.session_state["kernel"] = OWN
    st.session_state["cells"] = kernels.to_text(weights)


def _change_cell(weights: FloatArray, row: int, column: int, text: str) -> None:
    try:
        changed = weights.copy()
        changed[row, column] = kernels.parse_weight(text, row=row, column=column)
        _make_own(changed)
    except CvCoreError as error:
        st.session_state["kernel_error"] = error


def _draw_new() -> None:
    st.session_state["kernel"] = "random_normal"
    st.session_state["seed"] = (int(st.session_state.get("seed", 0)) + 1) % 10_000


def _offer_changes(say: Say, weights: FloatArray) -> None:
    with st.container(horizontal=True, gap="xsmall"):
        st.button(
            say("Normalise"),
            help=say("Divide so that the weights add up to 1 (or their absolute values, if to 0)."),
            on_click=lambda: _make_own(kernels.normalise(weights)),
        )
        st.button(
            say("Flip"),
            help=say("Turn by 180°: correlation becomes the convolution of signal processing."),
            on_click=lambda: _make_own(kernels.flip(weights)),
        )
        st.button(
            say("New random"),
            help=say("Draw weights from a normal distribution; the seed is in the address."),
            on_click=_draw_new,
        )
