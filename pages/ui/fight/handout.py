"""One page for a class: settings, curves, scorecard, verdict and a robustness chart."""

from collections.abc import Sequence

import cv2
import numpy as np
import streamlit as st

from cvcore import summary
from cvcore.datasets import DATASETS
from cvcore.engine import Answer, engine
from cvcore.fairness import RULES
from cvcore.fight_figures import Corner, Curve
from cvcore.robustness import DISTURBANCES
from cvcore.summary import Chart, Line, Sheet
from pages.ui.fight import card, disturbed, extra, learn
from pages.ui.fight.runs import await_answers, finished, look
from pages.ui.fight.settings import Fight, describe_data, describe_rule
from pages.ui.picture import show_picture
from pages.ui.setup import explain
from pages.ui.words import Say


def show(say: Say, fight: Fight) -> None:
    """Draw the page once the fight is over, and offer it as a file."""
    if not finished(look(fight.specs)):
        st.caption(say("The hand-out comes when the fight is over."))
        return
    name = disturbed.chosen()

    def ask() -> list[Answer]:
        answers = disturbed.ask(fight, name)
        waiting = [it for it in disturbed.under_way(answers) if it.state == "pending"]
        if waiting:
            return waiting
        found = disturbed.curves(fight, name, answers)
        languages = (say,) if say.language == "en" else (say, Say("en"))
        sheets = tuple(compose(it, fight, name, found) for it in languages)
        return [engine().ask(summary.draw, sheets)]

    def draw() -> None:
        answer = ask()[-1]
        if answer.error is not None:
            st.warning(explain(say, answer.error), icon=":material/lightbulb:")
        elif answer.state == "pending":
            st.caption(say("The page is drawn."))
        elif isinstance(answer.value, summary.Printed):
            _offer(say, fight, answer.value)

    await_answers(ask, draw)


def compose(say: Say, fight: Fight, name: str, found: tuple[Curve, Curve]) -> Sheet:
    """Put what is known of a fight on a page, in one language.

    Parameters
    ----------
    say : Say
        Speaks that language.
    fight : Fight
        One that is over.
    name : str
        A disturbance.
    found : tuple of Curve
        What both networks make of it.
    """
    snapshots = look(fight.specs)
    corners = fight.corners(say)
    charts = [
        Chart(
            title=say("Validation accuracy"),
            across=say("Epochs"),
            up=say("Accuracy"),
            lines=_lines(corners, learn.curves_of(snapshots, "accuracy", "epochs")),
        ),
        Chart(
            title=say("Validation accuracy"),
            across=say("Processor seconds"),
            up=say("Accuracy"),
            lines=_lines(corners, learn.curves_of(snapshots, "accuracy", "seconds")),
        ),
    ]
    words = []
    if all(len(it.at) for it in found):
        charts.append(
            Chart(
                title=say(DISTURBANCES[name].label),
                across=say(DISTURBANCES[name].axis),
                up=say("Test accuracy"),
                lines=_lines(corners, found),
            )
        )
        words.append(disturbed.sentence(say, fight, name, found))
    sizes = fight.sizes()
    pairs = extra.accuracies(look([it for size in sizes for it in fight.with_pictures(size)]))
    if len(sizes) > 1 and all(it is not None for pair in pairs for it in pair):
        charts.append(
            Chart(
                title=say("Fewer pictures"),
                across=say("Training pictures"),
                up=say("Test accuracy"),
                lines=_lines(corners, extra.size_curves(sizes, pairs)),
                logarithmic=True,
            )
        )
    else:
        charts.append(
            Chart(
                title=say("Validation loss"),
                across=say("Epochs"),
                up=say("Loss"),
                lines=_lines(corners, learn.curves_of(snapshots, "loss", "epochs")),
            )
        )
    before, after = extra.accuracies(look((*fight.pair, *fight.shuffled())))
    shuffled = extra.shuffle_sentence(say, fight, before, after)
    return Sheet(
        title=say("A fair fight"),
        settings=(
            say(
                "{one} / {other}. {data}. {rule}. Seeds: {seeds}.",
                one=corners[0].name,
                other=corners[1].name,
                data=say(DATASETS[fight.data].label),
                rule=say(RULES[fight.rule]),
                seeds=fight.seeds,
            ),
            describe_rule(say, fight),
            describe_data(say, fight),
        ),
        charts=tuple(charts),
        head=(say("Measure"), corners[0].name, corners[1].name),
        rows=tuple(card.score(say, fight, snapshots)),
        words=(
            card.judge(say, fight, card.verdicts(fight)),
            *words,
            *([shuffled] if shuffled else []),
        ),
        foot=say(
            "Computer-vision laboratory. Runs: {runs}",
            runs=", ".join(spec.digest() for spec in fight.pair),
        ),
    )


def _lines(corners: Sequence[Corner], curves: Sequence[Curve]) -> tuple[Line, ...]:
    return tuple(
        Line(
            name=corner.name,
            colour=corner.colour,
            points=tuple(
                zip(
                    it.at.tolist(), it.mean.tolist(), it.low.tolist(), it.high.tolist(), strict=True
                )
            ),
        )
        for corner, it in zip(corners, curves, strict=True)
    )


def _offer(say: Say, fight: Fight, printed: summary.Printed) -> None:
    if printed.which:
        st.info(
            say(
                "This machine has no font with the letters of your language, so the page is in "
                "English. A host can install one, such as Noto Sans CJK."
            ),
            icon=":material/translate:",
        )
    name = f"{fight.networks[0]}-{fight.networks[1]}-{fight.data}"
    with st.container(horizontal=True, gap="small"):
        for label, data, ending, mime in (
            (say("Hand-out (PDF)"), printed.pdf, "pdf", "application/pdf"),
            (say("Hand-out (PNG)"), printed.png, "png", "image/png"),
        ):
            st.download_button(
                label,
                data,
                f"{name}.{ending}",
                mime,
                icon=":material/download:",
                key=f"fight_{ending}",
                on_click="ignore",
            )
    image = cv2.imdecode(np.frombuffer(printed.png, np.uint8), cv2.IMREAD_COLOR_RGB)
    if image is not None:
        show_picture(
            image.astype(np.uint8),
            alt=say("The page to hand out; its numbers stand in the other views."),
            key="fight_sheet",
            limit=1000,
        )
