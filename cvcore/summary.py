"""One page to hand out: settings, charts, scorecard and verdict of a fight; drawn in a worker."""

import functools
import io
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

A4_INCHES = (8.27, 11.69)
DOTS_PER_INCH = 150

_MARGIN = 0.07  # of the page's width, as of its height
_TEXT_POINTS = 9
_LINE = 1.45 * _TEXT_POINTS / 72 / A4_INCHES[1]  # of the page's height
_ROW = 1.25 * _LINE
_FOOT = 0.05  # what is kept free for the last line, of the page's height
_WIDEST = 112  # characters in a line of Latin letters
_GAP = 0.07  # between rows of charts, as a part of the page's height
_DASHES = ("-", (0, (5, 2)))
_MARKERS = ("o", "D")
# Fonts that others have made for these letters, best first; what else is there is tried after them.
_PREFERRED = (
    "DejaVu Sans",
    "Noto Sans CJK KR",
    "Noto Sans KR",
    "Noto Sans CJK JP",
    "NanumGothic",
    "Malgun Gothic",
    "Apple SD Gothic Neo",
)


@dataclass(frozen=True, kw_only=True)
class Line:
    """A curve of a chart.

    Parameters
    ----------
    name, colour : str
    points : tuple of (float, float, float, float)
        Across, mean, low and high.
    """

    name: str
    colour: str
    points: tuple[tuple[float, float, float, float], ...]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart of lines, one for each network.

    Parameters
    ----------
    title, across, up : str
    lines : tuple of Line
    logarithmic : bool, optional
        Equal steps across are equal factors.
    """

    title: str
    across: str
    up: str
    lines: tuple[Line, ...]
    logarithmic: bool = False


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """What stands on the page, in one language.

    Parameters
    ----------
    title : str
    settings : tuple of str
        Sentences beneath the title.
    charts : tuple of Chart
        At most four, two in a row.
    head : tuple of str
    rows : tuple of tuple of str
        The scorecard.
    words : tuple of str
        Sentences at the end.
    foot : str
        The last line, small: the address.
    """

    title: str
    settings: tuple[str, ...]
    charts: tuple[Chart, ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: tuple[str, ...]
    foot: str = ""


@dataclass(frozen=True, kw_only=True)
class Printed:
    """A page as files.

    Parameters
    ----------
    png, pdf : bytes
    which : int
        The sheet that was drawn: 0 is the first.
    """

    png: bytes
    pdf: bytes
    which: int


def draw(url: str, sheets: tuple[Sheet, ...]) -> Printed:  # noqa: ARG001 - every job has it
    """Draw a page, in the first language for whose letters there is a font.

    Parameters
    ----------
    url : str
        The run store.
    sheets : tuple of Sheet
        The same page in several languages; the last one is drawn whatever fonts there are.

    Returns
    -------
    Printed
    """
    for which, sheet in enumerate(sheets):
        font = font_for(_letters(sheet))
        if font is not None or which == len(sheets) - 1:
            return _draw(sheet, which, font)
    raise ValueError(sheets)


def font_for(letters: frozenset[str]) -> str | None:
    """Return the file of a font that has all of these letters; None if there is none.

    Parameters
    ----------
    letters : frozenset of str
        Characters.
    """
    from matplotlib import font_manager

    entries = font_manager.fontManager.ttflist
    regular = [it for it in entries if it.style == "normal" and it.weight in (400, "normal")]

    def place(name: str) -> int:
        return _PREFERRED.index(name) if name in _PREFERRED else len(_PREFERRED)

    wanted = {ord(letter) for letter in letters if letter.isprintable()}
    for entry in sorted(regular, key=lambda it: (place(it.name), it.fname)):
        if wanted <= _characters(entry.fname):
            return entry.fname
    return None


@functools.lru_cache(maxsize=64)
def _characters(path: str) -> frozenset[int]:
    from matplotlib import ft2font

    try:
        return frozenset(ft2font.FT2Font(path).get_charmap())
    except (OSError, RuntimeError):  # a font that FreeType cannot read
        return frozenset()


def _letters(value: Any) -> frozenset[str]:
    """Return all characters of a sheet's texts."""
    if isinstance(value, str):
        return frozenset(value)
    if isinstance(value, tuple):
        return frozenset().union(*map(_letters, value))
    if isinstance(value, Sheet | Chart | Line):
        return frozenset().union(*(_letters(getattr(value, it.name)) for it in fields(value)))
    return frozenset()


def _draw(sheet: Sheet, which: int, font: str | None) -> Printed:
    import matplotlib as mpl
    from matplotlib import font_manager
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    name = font_manager.FontProperties(fname=font).get_name() if font else "DejaVu Sans"
    with mpl.rc_context(
        {"font.family": name, "font.size": _TEXT_POINTS, "axes.unicode_minus": False}
    ):
        figure = Figure(figsize=A4_INCHES)
        FigureCanvasAgg(figure)
        top = 1 - _MARGIN * A4_INCHES[0] / A4_INCHES[1]
        figure.text(_MARGIN, top, sheet.title, fontsize=16, fontweight="bold", va="top")
        top -= 2.6 * _LINE
        for sentence in sheet.settings:
            top = _write(figure, top, sentence)
        top -= 1.5 * _LINE
        rows = -(-len(sheet.charts) // 2)
        # The charts share what the table and the words leave of the page.
        below = _ROW * (len(sheet.rows) + 1) + _LINE + sum(map(_height, sheet.words))
        height = (top - _FOOT - below) / max(rows, 1) - _GAP
        height = min(max(height, 0.08), 0.24)
        for index, chart in enumerate(sheet.charts):
            left = _MARGIN + 0.055 + 0.45 * (index % 2)
            bottom = top - (height + _GAP) * (index // 2) - height
            _draw_chart(figure.add_axes((left, bottom, 0.36, height)), chart)
        top -= rows * (height + _GAP)
        top = _draw_table(figure, top, sheet)
        for sentence in sheet.words:
            top = _write(figure, top, sentence)
        figure.text(_MARGIN, 0.5 * _FOOT, sheet.foot, fontsize=7, color="0.35")
        png, pdf = io.BytesIO(), io.BytesIO()
        figure.savefig(png, format="png", dpi=DOTS_PER_INCH)
        # Without the date the same page gives the same file.
        figure.savefig(pdf, format="pdf", metadata={"CreationDate": None, "Title": sheet.title})
    return Printed(png=png.getvalue(), pdf=pdf.getvalue(), which=which)


def _write(figure: Any, top: float, sentence: str) -> float:
    """Write a sentence in as many lines as it needs; return where the next one begins."""
    for line in _lines(sentence):
        figure.text(_MARGIN, top, line, va="top")
        top -= _LINE
    return top - 0.3 * _LINE


def _height(sentence: str) -> float:
    """Return what `_write` needs for a sentence."""
    return _LINE * (len(_lines(sentence)) + 0.3)


def _lines(sentence: str) -> list[str]:
    """Break a sentence between words; Korean letters are as wide as two Latin ones."""
    lines, width = [""], 0.0
    for word in sentence.split(" "):
        wide = sum(1.8 if ord(letter) > 0x2E80 else 1 for letter in word) + 1
        if lines[-1] and width + wide > _WIDEST:
            lines.append("")
            width = 0.0
        lines[-1] = f"{lines[-1]} {word}".strip()
        width += wide
    return lines


def _draw_chart(axes: "Axes", chart: Chart) -> None:
    axes.set_title(chart.title, fontsize=_TEXT_POINTS + 1)
    for line, dash, marker in zip(chart.lines, _DASHES, _MARKERS, strict=False):
        if not line.points:
            continue
        at, mean, low, high = zip(*line.points, strict=True)
        axes.fill_between(at, low, high, color=line.colour, alpha=0.25, linewidth=0)
        axes.plot(
            at,
            mean,
            linestyle=dash,
            marker=marker,
            markersize=3,
            color=line.colour,
            label=line.name,
        )
    if chart.logarithmic:
        axes.set_xscale("log")
    axes.set_xlabel(chart.across)
    axes.set_ylabel(chart.up)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if any(line.points for line in chart.lines):
        axes.legend(fontsize=_TEXT_POINTS - 2, frameon=False)


def _draw_table(figure: Any, top: float, sheet: Sheet) -> float:
    """Draw the scorecard; return where what follows begins."""
    right = 1 - _MARGIN
    # The measures' names are long, the numbers short.
    columns = [_MARGIN, *(right - 0.22 * step for step in range(len(sheet.head) - 2, -1, -1))]
    lines: Sequence[Sequence[str]] = (sheet.head, *sheet.rows)
    for index, cells in enumerate(lines):
        for place, (at, cell) in enumerate(zip(columns, cells, strict=True)):
            figure.text(
                at,
                top,
                cell,
                va="top",
                ha="left" if place == 0 else "right",
                fontweight="bold" if index == 0 else "normal",
                fontsize=_TEXT_POINTS - 1,
            )
        top -= _ROW
        figure.add_artist(_rule(top + 0.3 * _LINE))
    return top - _LINE


def _rule(height: float) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([_MARGIN, 1 - _MARGIN], [height, height], color="0.8", linewidth=0.5)
