"""The visitor's runs: a list, and several of them on one chart with what they differ in."""

from collections.abc import Mapping, Sequence
from typing import cast

import streamlit as st

from cvcore import run_figures, runs
from cvcore.datasets import DATASETS
from cvcore.engine import engine
from cvcore.history import Snapshot
from cvcore.overfitting import best
from cvcore.run_figures import MOST_RUNS, NAMES, Curve
from cvcore.runs import RunSummary
from cvcore.spec import RunSpec
from pages.ui import address
from pages.ui.duration import duration
from pages.ui.inputs import choose
from pages.ui.run_input import settings_of
from pages.ui.run_words import differences, network_name
from pages.ui.tables import table
from pages.ui.train import my_runs
from pages.ui.train.state import UNKNOWN
from pages.ui.words import Say

_CHANGED = "runs changed"
_DELETING = "run to delete"


def show(say: Say, run: str, snapshot: Snapshot | None, spec: RunSpec) -> None:  # noqa: ARG001
    """List the visitor's runs, and draw those that are pinned beside the one on show.

    Parameters
    ----------
    say : Say
    run : str
        The run on show.
    snapshot : Snapshot or None
    spec : RunSpec
        Neither is needed: each run is looked up by its name.
    """
    # What makes a run's row change ticks on its own, until all of them have ended.
    under_way = [engine().snapshot(it) for it in my_runs.listed()]
    live = any(it is not None and not it.ended for it in under_way)

    def draw() -> None:
        if st.session_state.pop(_CHANGED, False):
            st.rerun()  # the whole page: another run is on show
        found = [engine().summary(it) for it in my_runs.listed()]
        mine = [it for it in found if it is not None]
        if live and all(it.snapshot.ended for it in mine):
            st.rerun()
        if not mine:
            st.info(say("No run yet: press Train."), icon=":material/lightbulb:")
            return
        shown = {it.digest: it.snapshot for it in mine}
        family = _family(run, shown)
        left, right = st.columns([1, 1.4], vertical_alignment="bottom")
        with left:
            curve = _choose_curve(say)
        with right:
            compared = _choose_compared(say, run, shown, family)
        names = dict(zip(compared, NAMES, strict=False))
        _show_comparison(say, {names[it]: known for it, known in compared.items()}, curve)
        _show_list(say, run, mine, names)

    st.fragment(draw, run_every=1.0 if live else None, key="runs_live")()


def _family(run: str, mine: Mapping[str, Snapshot]) -> dict[str, Snapshot]:
    """Return a run with those that it branched off from, and all branches of these."""
    root, seen = run, {run}
    while True:
        known = mine.get(root) or engine().snapshot(root)
        parent = known.spec.parent if known else ""
        if not parent or parent in seen or engine().snapshot(parent) is None:
            break
        root = parent
        seen.add(parent)
    family: dict[str, Snapshot] = {}

    def add(digest: str) -> None:
        known = mine.get(digest) or engine().snapshot(digest)
        if known is None or digest in family:
            return
        family[digest] = known
        for other, its in mine.items():
            if its.spec.parent == digest:
                add(other)

    for digest in (root, *seen):  # an ancestor may have been taken off the list
        add(digest)
    return family


def _choose_compared(
    say: Say, run: str, mine: Mapping[str, Snapshot], family: Mapping[str, Snapshot]
) -> dict[str, Snapshot]:
    """Return the runs to compare: the pinned ones, or a run with its branches."""
    pinned = dict.fromkeys([*my_runs.pinned(), run] if run in mine else my_runs.pinned())
    chosen = {it: mine[it] for it in pinned if it in mine}
    if len(family) > 1:
        which = choose(
            say("What to compare"),
            {"pins": say("The pinned runs"), "branches": say("This run and its branches")},
            key="compare",
            default="branches",
            style="segments",
            hide_label=True,
        )
        if which == "branches":
            chosen = dict(family)
    if len(chosen) > MOST_RUNS:
        st.caption(say("The first {count} of them are drawn.", count=MOST_RUNS))
    return dict(list(chosen.items())[:MOST_RUNS])


# -- on one chart


def _curves(say: Say) -> dict[Curve, str]:
    return {
        "val_accuracy": say("Validation accuracy"),
        "val_loss": say("Validation loss"),
        "accuracy": say("Training accuracy"),
        "loss": say("Training loss"),
    }


def _choose_curve(say: Say) -> Curve:
    curves = cast(Mapping[str, str], _curves(say))
    name = choose(say("Curve"), curves, key="curve", default="val_accuracy", hide_label=True)
    return cast(Curve, name)


def _show_comparison(say: Say, compared: Mapping[str, Snapshot], curve: Curve) -> None:
    """Draw one curve of each run; with it, where they branch off; below, what they differ in."""
    if not compared:
        return
    names, words = [*compared], {"epoch": say("Epoch"), "run": say("Run")}
    epochs = max(it.epochs for it in compared.values())
    curves = _curves(say)
    lanes = run_figures.branches(compared)
    branched = any(it.parent for it in lanes)
    left, right = st.columns([1.5, 1]) if branched else (st.container(), None)
    words["value"] = curves[curve]
    chart = run_figures.comparison(
        names=names, epochs=epochs, words=words, accuracy=curve.endswith("accuracy")
    )
    chart["datasets"] = run_figures.comparison_data(compared, curve)
    left.vega_lite_chart(
        chart,
        key="runs_chart",
        alt=say("{curve} of {count} runs.", curve=curves[curve], count=len(names)),
    )
    if right is not None:
        chart = run_figures.tree(lanes, names=names, epochs=epochs, words=words)
        chart["datasets"] = run_figures.tree_data(lanes)
        right.vega_lite_chart(chart, key="runs_tree", alt=_tree_in_words(say, compared))
    silent = [name for name, it in compared.items() if not it.spec.sizes()[1]]
    if silent and curve.startswith("val_"):
        st.caption(say("Without pictures for validation: {names}.", names=", ".join(silent)))
    _show_differences(say, compared)


def _show_differences(say: Say, compared: Mapping[str, Snapshot]) -> None:
    """Write what the runs differ in, and what came of each, side by side."""
    known = [*compared.values()]
    rows: list[Sequence[object]] = [*differences(say, [it.spec for it in known])]
    digests = {it.spec.digest(): name for name, it in compared.items()}
    if any(it.spec.parent for it in known):
        rows.append(
            (
                say("Branched off"),
                *(
                    say(
                        "from {name} after {epoch}",
                        name=digests.get(it.spec.parent, it.spec.parent[:6]),
                        epoch=it.spec.from_epoch,
                    )
                    if it.spec.parent
                    else UNKNOWN
                    for it in known
                ),
            )
        )
    highest = [best(it.val_accuracy, it.epoch, lowest=False) for it in known]
    lowest = [best(it.val_loss, it.epoch, lowest=True) for it in known]
    rows += [
        (
            say("Best validation accuracy"),
            *(f"{it.value:.4f}" if it else UNKNOWN for it in highest),
        ),
        (say("… after epoch"), *(it.epoch if it else UNKNOWN for it in highest)),
        (say("Lowest validation loss"), *(f"{it.value:.4f}" if it else UNKNOWN for it in lowest)),
        (say("… after epoch"), *(it.epoch if it else UNKNOWN for it in lowest)),
        (
            say("Test accuracy"),
            *(UNKNOWN if it.test_accuracy is None else f"{it.test_accuracy:.4f}" for it in known),
        ),
        (say("Time taken"), *(duration(say, it.seconds) for it in known)),
    ]
    table(say("What the runs differ in, and what came of them"), ["", *compared], rows)
    if len(known) == 1:
        st.caption(
            say("Pin runs in the list below: they are drawn here together, and kept longest.")
        )


def _tree_in_words(say: Say, compared: Mapping[str, Snapshot]) -> str:
    names = {it.spec.digest(): name for name, it in compared.items()}
    told = [
        say(
            "{name} branches off from {parent} after epoch {epoch}.",
            name=name,
            parent=names[it.spec.parent],
            epoch=it.spec.from_epoch,
        )
        for name, it in compared.items()
        if it.spec.parent in names
    ]
    return " ".join(told)


# -- the list


def _show_list(say: Say, run: str, mine: Sequence[RunSummary], names: Mapping[str, str]) -> None:
    # Network and data set stand in each row's first line.
    rows = differences(say, [it.spec for it in mine])
    told = [row for row in rows if row[0] not in (say("Data set"), say("Network"))]
    for place, it in enumerate(mine):
        # Keys by place: a row that goes leaves none behind in which another would be drawn.
        text, buttons = st.columns([1.5, 1], vertical_alignment="center")
        with text, st.container(gap=None, key=f"run_row_{place}"):
            name = names.get(it.digest, "")
            parts = [name, network_name(say, it.spec), say(DATASETS[it.spec.dataset].label)]
            st.markdown(f"**{' · '.join(part for part in parts if part)}**")
            settings = " · ".join(f"{row[0]}: {row[place + 1]}" for row in told)
            st.caption("  \n".join(filter(None, [_standing(say, it), settings])))
        with buttons, st.container(horizontal=True, gap="xsmall", key=f"run_buttons_{place}"):
            if st.session_state.get(_DELETING) == it.digest:
                _ask_again(say, it.digest, place, shown=it.digest == run)
            else:
                _offer(say, it, place, shown=it.digest == run)
    st.caption(
        say(
            "These are the runs that you have started or opened, {megabytes} MB of them; the "
            "address keeps the list. All runs together may take {limit} MB, and one {most} MB; "
            "then the oldest make room, pinned ones last.",
            megabytes=f"{sum(it.megabytes for it in mine):.1f}",
            limit=f"{runs.limit_bytes() / 1e6:,.0f}",
            most=f"{runs.run_limit_bytes() / 1e6:,.0f}",
        )
    )


def _standing(say: Say, it: RunSummary) -> str:
    known = it.snapshot
    done = int(known.epoch[-1]) if known.epoch.size else known.spec.from_epoch
    values = {"done": done, "asked": known.epochs}
    match known.state:
        case "finished":
            text = say("Finished: {done} of {asked} epochs.", **values)
        case "stopped":
            text = say("Stopped after {done} of {asked} epochs.", **values)
        case "paused":
            text = say("Paused after {done} of {asked} epochs.", **values)
        case "failed" | "interrupted":
            text = say("Broken off after {done} of {asked} epochs.", **values)
        case _:
            text = say("Under way: {done} of {asked} epochs.", **values)
    if known.test_accuracy is not None:
        text += " " + say("Test accuracy {value}.", value=f"{known.test_accuracy:.4f}")
    return f"{text} {it.megabytes:.1f} MB"


def _offer(say: Say, it: RunSummary, place: int, *, shown: bool) -> None:
    """Offer what can be done with a run."""
    st.button(
        say("On show") if shown else say("Show"),
        icon=":material/visibility:",
        key=f"run_show_{place}",
        on_click=_open,
        args=(it.digest,),
        disabled=shown,
        width="content",
    )
    pinned = it.digest in my_runs.pinned()
    st.button(
        say("Unpin") if pinned else say("Pin"),
        icon=":material/keep_off:" if pinned else ":material/keep:",
        key=f"run_pin_{place}",
        on_click=_pin,
        args=(it.digest, not pinned),
        width="content",
    )
    st.button(
        say("Delete"),
        icon=":material/delete:",
        key=f"run_delete_{place}",
        on_click=_intend,
        args=(it.digest,),
        width="content",
    )


def _ask_again(say: Say, digest: str, place: int, *, shown: bool) -> None:
    st.caption(say("Delete it for everybody who has its address?"), width="content")
    st.button(
        say("Delete it"),
        type="primary",
        key=f"run_delete_yes_{place}",
        on_click=_delete,
        args=(digest, shown),
        width="content",
    )
    st.button(
        say("Keep it"),
        key=f"run_delete_no_{place}",
        on_click=_intend,
        args=("",),
        width="content",
    )


def _open(digest: str) -> None:
    spec = engine().spec(digest)
    if spec is not None:
        address.apply(settings_of(spec))
        st.session_state["run"] = st.query_params["run"] = digest
    st.session_state[_CHANGED] = True


def _pin(digest: str, pinned: bool) -> None:
    engine().pin(digest, pinned)
    (my_runs.pin if pinned else my_runs.unpin)(digest)
    my_runs.publish()


def _intend(digest: str) -> None:
    st.session_state[_DELETING] = digest


def _delete(digest: str, shown: bool) -> None:
    engine().delete(digest)
    my_runs.forget(digest)
    my_runs.publish()
    st.session_state.pop(_DELETING, None)
    if shown:
        st.session_state["run"] = ""
        st.query_params.pop("run", None)
    st.session_state[_CHANGED] = True
