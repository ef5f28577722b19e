# SPDX-License-Identifier: GPL-2.0-only
"""The screen in ASCII: every sign of the painters has a twin of one cell, everything else is escaped."""

from __future__ import annotations

from functools import lru_cache

from tui.paint import rows
from tui.paint.rows import Row

TWINS = {
    "●": "@", "◐": "%", "○": "o", "◆": "&",
    "▶": ">", "▸": ">", "◂": "<", "»": ")", "▲": "^", "┴": "+", "▾": "v", "›": ">",
    "✓": "+", "✗": "!", "·": ".", "×": "x", "…": "~", "≠": "#",
    "─": "-", "━": "=", "│": "|", "┃": "|", "┬": "+", "├": "+", "┼": "+", "┏": "+", "┓": "+", "┗": "+", "┛": "+",
    "╰": "\\", "╯": "/", "╵": "'",
    "▁": "1", "▂": "2", "▃": "3", "▄": "4", "▅": "5", "▆": "6", "▇": "7", "█": "8",
    "←": "<", "→": ">", "↑": "^", "↓": "v", "–": "-",
}  # fmt: skip
"""Sign → twin.  Signs that share a twin never stand in the same column of a pane."""

_TABLE = str.maketrans(TWINS)


@lru_cache(4096)
def spell(text: str) -> str:
    """The text in ASCII: signs as their twins, any other character as Python would escape it."""
    if text.isascii():
        return rows.clean(text)
    text = text.translate(_TABLE)
    return "".join(char if " " <= char <= "~" else rows.escape(char) for char in text)


@lru_cache(2048)
def fit(row: Row, width: int, fill: str = "") -> Row:
    """As ``rows.fit``, of nothing but ASCII."""
    fitted = rows.fit(tuple((spell(text), style) for text, style in row), width, fill)
    return tuple((text.translate(_TABLE), style) for text, style in fitted)
