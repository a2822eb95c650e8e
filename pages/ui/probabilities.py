"""What a network says of one picture: a bar for each class."""

import html
from collections.abc import Sequence

import numpy as np
import streamlit as st

from cvcore.arrays import FloatArray
from pages.ui.picture import short
from pages.ui.words import Say

_MANY, _FEW = 20, 5
_TRUE, _OTHER = "#0072B2", "#D55E00"
_STYLE = """
<style>
.cv-scores { width: 100%; border-collapse: collapse; font-size: .78rem; line-height: 1.25; }
.cv-scores :is(th, td) { padding: 1px .4rem 1px 0; text-align: right; white-space: nowrap;
  font-weight: 400; font-variant-numeric: tabular-nums; }
.cv-scores tr.said :is(th, td) { font-weight: 600; }
.cv-scores .bar { width: 60%; }
.cv-scores.raw .bar { width: 30%; }
.cv-scores tfoot :is(th, td) { border-top: 1px solid; }
.cv-scores i { display: block; height: .72rem; min-width: 1px; border-radius: 2px; }
</style>
"""


def show_probabilities(
    say: Say,
    probabilities: FloatArray,
    names: Sequence[str],
    *,
    true: int | None = None,
    scores: FloatArray | None = None,
) -> None:
    """Draw a bar for the probability of each class, as a table that can be read out.

    Of more than twenty classes the five likeliest are drawn, the likeliest first.

    Parameters
    ----------
    say : Say
    probabilities : ndarray of float32, shape (classes,)
    names : sequence of str
        The classes, in the reader's language.
    true : int, optional
        The true class, which gets a tick and the colour of what is right; where it is not
        known, all have that colour.
    scores : ndarray of float32, shape (classes,), optional
        What the last layer computes before softmax: then its path to the probability stands
        in the table too, number by number.
    """
    said = int(probabilities.argmax())
    spoken = say(
        "Probability of each class; likeliest: {name}, {percent} %",
        name=names[said],
        percent=f"{100 * float(probabilities[said]):.1f}",
    )
    head = ""
    if scores is not None:
        words = [say("Class"), say("Raw score"), "", "exp", say("Share = probability"), ""]
        head = "".join(f"<th scope=col>{html.escape(word)}</th>" for word in words)
        head = f"<thead><tr>{head}</tr></thead>"
    shown = list(range(len(names)))
    if len(names) > _MANY:
        shown = np.argsort(-probabilities, kind="stable")[:_FEW].tolist()
    lines = []
    for label in shown:
        name = names[label]
        colour = _TRUE if true in (None, label) else _OTHER
        tick = "✓ " if label == true else ""
        cells = f"<th scope=row>{tick}{html.escape(name)}</th>"
        if scores is not None:
            cells += _score(scores, label, colour)
        p = 100 * float(probabilities[label])
        cells += (
            f"<td class=bar><i style='width:{p:.1f}%;background:{colour}'></i></td>"
            f"<td>{p:.1f} %</td>"
        )
        lines.append(f"<tr class='{'said' if label == said else ''}'>{cells}</tr>")
    total = ""
    if scores is not None:
        name = say("Sum")
        powers = short(float(np.exp(scores.astype(np.float64)).sum()))
        total = (
            f"<tfoot><tr><th scope=row>{html.escape(name)}</th><td></td><td></td>"
            f"<td>{powers}</td><td></td><td>100 %</td></tr></tfoot>"
        )
    st.html(
        f"{_STYLE}<table class='cv-scores{' raw' if scores is not None else ''}' "
        f"aria-label='{html.escape(spoken, quote=True)}'>"
        f"{head}<tbody>{''.join(lines)}</tbody>{total}</table>"
    )


def _score(scores: FloatArray, label: int, colour: str) -> str:
    """Return the cells of a raw score: the number, its bar from the middle, its power of e."""
    score = float(scores[label])
    width = 50 * abs(score) / (float(np.abs(scores).max()) or 1.0)
    start = 50 - width if score < 0 else 50
    return (
        f"<td>{short(score)}</td>"
        f"<td class=bar style='width:20%'><i style='width:{width:.1f}%;"
        f"margin-left:{start:.1f}%;background:{colour}'></i></td>"
        f"<td>{short(float(np.exp(np.float64(score))))}</td>"
    )
