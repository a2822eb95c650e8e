"""Tables that a screen reader names and a narrow screen scrolls; no pandas behind them."""

import html
from collections.abc import Collection, Sequence

import streamlit as st

_TABLE = """
<style>
.cv-table { overflow-x: auto; }
.cv-table table { border-collapse: collapse; font-size: 0.875rem; white-space: nowrap; }
.cv-table :is(th, td) {
  padding: 0.2rem 0.6rem; text-align: right; font-variant-numeric: tabular-nums;
  border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent);
}
.cv-table :is(th, td).text { text-align: left; }
.cv-table thead th { white-space: normal; vertical-align: bottom; }
.cv-table tr.total { font-weight: 600; }
@media (max-width: 640px) {
  .cv-table :is(th, td) { padding-inline: 0.35rem; white-space: normal; }
  .cv-table .text { min-width: 3.5rem; }
}
</style>
"""


def table(
    name: str,
    head: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    text: Collection[int] = (0,),
    total: bool = False,
) -> None:
    """Write a table that scrolls by itself where the screen is narrow.

    Parameters
    ----------
    name : str
        What a screen reader calls it.
    head : sequence of str
        A name for each column.
    rows : sequence of sequences
    text : collection of int, optional
        The columns that hold words; the others hold numbers.
    total : bool, optional
        Whether the last row sums up the others.
    """

    def line(cells: Sequence[object], tag: str, kind: str = "") -> str:
        row = "".join(
            f"<{tag}{' class=text' if index in text else ''}>{html.escape(str(cell))}</{tag}>"
            for index, cell in enumerate(cells)
        )
        return f"<tr class='{kind}'>{row}</tr>"

    body = "".join(line(row, "td", "total" if total and row is rows[-1] else "") for row in rows)
    st.html(
        f"{_TABLE}<div class=cv-table tabindex=0 role=region aria-label='{html.escape(name)}'>"
        f"<table><thead>{line(head, 'th')}</thead><tbody>{body}</tbody></table></div>"
    )
