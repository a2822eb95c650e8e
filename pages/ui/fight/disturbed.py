"""Test pictures that are shifted, turned, noisy or partly hidden: who bears how much of it."""

from collections.abc import Sequence

import streamlit as st

from cvcore import fight_figures, robustness
from cvcore.datasets import DATASETS
from cvcore.engine import Answer, engine
from cvcore.fight_figures import Curve
from cvcore.robustness import DISTURBANCES
from pages.ui.fight.learn import UNKNOWN
from pages.ui.fight.runs import await_answers
from pages.ui.fight.settings import Fight
from pages.ui.gallery import Tile, show_gallery
from pages.ui.inputs import choose
from pages.ui.setup import explain
from pages.ui.tables import table
from pages.ui.words import Say

_AT_ONCE = 4  # questions: others' are answered in between


def chosen() -> str:
    """Return the disturbance that is looked at, or was last."""
    return str(st.session_state.get("fight_disturb", next(iter(DISTURBANCES))))


def ask(fight: Fight, name: str) -> list[tuple[Answer | None, Answer | None]]:
    """Ask for both networks' accuracies, some amounts at a time.

    Returns
    -------
    list of (Answer or None, Answer or None)
        For each amount; None for what is asked when others are answered.
    """
    height, width, _ = DATASETS[fight.data].shape
    waiting = 0
    answers = []
    for amount in robustness.amounts(name, height, width):
        pair: list[Answer | None] = []
        for spec in fight.pair:
            asked = None
            if waiting < _AT_ONCE:
                asked = engine().ask(robustness.right_among, spec.digest(), name, amount)
                waiting += asked.state == "pending"
            pair.append(asked)
        answers.append((pair[0], pair[1]))
    return answers


def under_way(answers: Sequence[tuple[Answer | None, Answer | None]]) -> list[Answer]:
    """Return what is still waited for, and what failed."""
    return [it for pair in answers for it in pair if it is not None and it.state != "ready"]


def curves(
    fight: Fight, name: str, answers: Sequence[tuple[Answer | None, Answer | None]]
) -> tuple[Curve, Curve]:
    """Return both networks' accuracies against the amount, as far as they are known."""
    height, width, _ = DATASETS[fight.data].shape
    amounts = robustness.amounts(name, height, width)
    found = []
    for side in (0, 1):
        known = [
            (amount, it.value[0] / it.value[1])
            for amount, pair in zip(amounts, answers, strict=True)
            if (it := pair[side]) is not None and it.state == "ready"
        ]
        found.append(fight_figures.plain_curve([it[0] for it in known], [it[1] for it in known]))
    return found[0], found[1]


def show(say: Say, fight: Fight) -> None:
    """Ask what is done to the test pictures, and draw what both networks make of it."""
    name = choose(
        say("What is done to the test pictures"),
        {name: say(entry.label) for name, entry in DISTURBANCES.items()},
        key="fight_disturb",
        default=next(iter(DISTURBANCES)),
        style="segments",
        hide_label=True,
    )
    if not trained(fight):
        st.caption(
            say("The experiment begins when both networks are finished with the first seed.")
        )
        return
    st.caption(say(DISTURBANCES[name].what))

    def draw() -> None:
        answers = ask(fight, name)
        errors = {explain(say, it.error) for it in under_way(answers) if it.error is not None}
        for error in sorted(errors):
            st.warning(error, icon=":material/lightbulb:")
        _show_chart(say, fight, name, curves(fight, name, answers))

    await_answers(lambda: under_way(ask(fight, name)), draw)
    _show_examples(say, fight, name)


def trained(fight: Fight) -> bool:
    """Say whether both networks are finished with the first seed."""
    now = [engine().snapshot(spec.digest()) for spec in fight.pair]
    return all(it is not None and it.state == "finished" for it in now)


def _show_chart(say: Say, fight: Fight, name: str, found: tuple[Curve, Curve]) -> None:
    corners = fight.corners(say)
    height, width, _ = DATASETS[fight.data].shape
    amounts = robustness.amounts(name, height, width)
    chart = fight_figures.lines(
        corners,
        across=say(DISTURBANCES[name].axis),
        up=say("Test accuracy"),
        whole=True,
        most=max(amounts),
        from_zero=True,
    )
    chart["datasets"] = fight_figures.line_data(corners, found)
    st.vega_lite_chart(
        chart,
        key="fight_disturbed",
        alt=say("Accuracy of both networks against the amount; the table below says the numbers."),
    )
    known = [dict(zip(it.at.tolist(), it.mean.tolist(), strict=True)) for it in found]
    st.markdown(sentence(say, fight, name, found))
    with st.expander(say("Numbers"), icon=":material/table:"):
        table(
            say("Test accuracy"),
            [say(DISTURBANCES[name].axis), *(it.name for it in corners)],
            [
                (
                    amount,
                    *(
                        f"{it[float(amount)]:.4f}" if float(amount) in it else UNKNOWN
                        for it in known
                    ),
                )
                for amount in amounts
            ],
            text=(),
        )
        st.caption(
            say(
                "The first seed's networks, on the first {count} test pictures.",
                count=f"{min(robustness.MOST_PICTURES, DATASETS[fight.data].test):,}",
            )
        )


def sentence(say: Say, fight: Fight, name: str, found: tuple[Curve, Curve]) -> str:
    """Say who loses more, where both are known furthest out."""
    known = min(len(it.at) for it in found)
    if known < 2:
        return say("The networks are asked; each amount takes a moment.")
    # Halfway: at the largest amount there is often nothing left to compare.
    middle = known // 2
    lost = [float(it.mean[0] - it.mean[middle]) for it in found]
    corners = fight.corners(say)
    return say(
        "{axis}: {amount}. Lost percentage points: {one} {one_lost}, {other} {other_lost}.",
        axis=say(DISTURBANCES[name].axis),
        amount=f"{found[0].at[middle]:g}",
        one=corners[0].name,
        one_lost=f"{100 * lost[0]:.1f}",
        other=corners[1].name,
        other_lost=f"{100 * lost[1]:.1f}",
    )


def _show_examples(say: Say, fight: Fight, name: str) -> None:
    """Show one test picture at every amount."""
    predictions = engine().predictions(fight.terms.first.digest())
    if predictions is None:
        return
    height, width, _ = DATASETS[fight.data].shape
    image = predictions.images[:1]
    tiles = [
        Tile(
            image=robustness.disturb(image, name, amount)[0],
            head=str(amount),
            alt=say("The first test picture"),
        )
        for amount in robustness.amounts(name, height, width)
    ]
    show_gallery(
        tiles,
        label=say("The first test picture at every amount"),
        key="fight_examples",
    )
