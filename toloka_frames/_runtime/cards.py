"""HTML of the cards that a notebook shows: a coloured edge, lines of text, bars and tables.

Text has the colour of the notebook around it and lines between cells are half transparent, so that cards fit light and dark
themes without a stylesheet, and also a notebook that was saved and is read elsewhere.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

State: TypeAlias = Literal["running", "done", "failed", "stopped"]

# of Material's palette; each has a contrast of 3 to 1 or more on white and on JupyterLab's dark background
COLOURS: dict[State, str] = {"running": "#1e88e5", "done": "#43a047", "failed": "#e53935", "stopped": "#ef6c00"}
# Jupyter shows text between two $ as mathematics, except in elements of these classes (MathJax 2 and later)
NOT_MATHEMATICS = "tex2jax_ignore mathjax_ignore"
LINE = "1px solid rgba(128,128,128,.35)"


def card(state: State, *blocks: str) -> str:
    """Return a card with blocks of HTML below each other; its edge has the colour of the state."""
    return (
        f'<div class="{NOT_MATHEMATICS}" style="border-left:4px solid {COLOURS[state]};padding:2px 10px;margin:2px 0;'
        f'max-width:60em;overflow-wrap:anywhere;font-variant-numeric:tabular-nums;line-height:1.5">{"".join(blocks)}</div>'
    )


def line(text: str, *, strong: bool = False, muted: bool = False, dot: str = "") -> str:
    """Return a line of plain text, which is escaped; `strong` for headings, `muted` for remarks, `dot` a colour of a legend."""
    style = ("font-weight:600;" if strong else "") + ("opacity:.75;font-size:90%;" if muted else "")
    mark = f'<span style="color:{dot}">●</span> ' if dot else ""
    return f'<div style="{style}">{mark}{escape(text)}</div>'


def bar(fraction: float | None, state: State = "running") -> str:
    """Return a bar that is filled from 0 to 1; with None, for work of unknown length, it has stripes and no end."""
    colour = COLOURS[state]
    stripes = f"repeating-linear-gradient(-45deg,{colour} 0 8px,{colour}55 8px 16px)"
    width = 100.0 if fraction is None else 100 * min(max(fraction, 0.0), 1.0)
    return (
        '<div style="height:8px;border-radius:4px;margin:4px 0;background:rgba(128,128,128,.25);overflow:hidden">'
        f'<div style="height:100%;width:{width:.1f}%;background:{stripes if fraction is None else colour}"></div></div>'
    )


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[int] = (), one_line: bool = False) -> str:
    """Return a small table of plain texts, which are escaped.

    Args:
        columns: The names of the columns.
        rows: The texts of each row.
        numbers: The positions of columns that are aligned to the right.
        one_line: Whether each cell stays in one line; a table that is too wide can then be scrolled.
    """
    # Jupyter's stylesheet sets white-space for each cell
    breaks = "white-space:nowrap" if one_line else "overflow-wrap:break-word"
    body = "".join(_row("td", row, numbers, breaks) for row in rows)
    return (
        f'<div style="overflow-x:{"auto" if one_line else "visible"}">'
        '<table style="border-collapse:collapse;margin:4px 0;background:none">'
        f"{_row('th', columns, numbers, breaks)}{body}</table></div>"
    )


def escape(text: str) -> str:
    """Return the text for HTML; quotes too, so that it can be a value of an attribute."""
    return html.escape(text, quote=True)


def _row(tag: str, cells: Sequence[str], numbers: Sequence[int], breaks: str) -> str:
    return f'<tr style="background:none">{"".join(_cell(tag, text, i in numbers, breaks) for i, text in enumerate(cells))}</tr>'


def _cell(tag: str, text: str, number: bool, breaks: str) -> str:
    style = f"padding:1px 10px 1px 0;border:0;border-bottom:{LINE};text-align:{'right' if number else 'left'};{breaks}"
    return f'<{tag} style="{style}">{escape(text)}</{tag}>'
