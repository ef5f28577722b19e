# SPDX-License-Identifier: GPL-2.0-only
"""What ``?`` shows: keys, glyphs, commands."""

from __future__ import annotations

from collections.abc import Sequence

from tui.keys import ACTIONS
from tui.paint import table, timeline
from tui.paint.rows import Row

_GUTTER = "▶ current line   ● breakpoint   ◐ conditional   ○ disabled   3× a decision stopped here three times"
_ORDERS = "✓ the loop took this order   ✗ rejected, and why   · not asked   ▶ the cursor i   * changed by the last step"


def paint(commands: Sequence[tuple[str, str]]) -> list[Row]:
    """All rows, to be scrolled; ``commands`` are (usage, help) pairs."""
    rows: list[Row] = []
    for group in dict.fromkeys(action.group for action in ACTIONS):
        rows.append(((f" {group}", "bold"),))
        for action in ACTIONS:
            if action.group == group and (action.keys or not action.label):
                rows.append(((f"   {action.shown:<7}", "key"), (action.help, "")))
    rows.append(((" signs", "bold"),))
    rows += [((f"   {name:<9}", "key"), (words, "")) for name, words in _signs()]
    rows.append(((" commands, after :  (unique prefixes will do; an empty line repeats the last motion)", "bold"),))
    rows += [((f"   {usage:<30}", "key"), (words, "")) for usage, words in commands]
    return rows


def _signs() -> list[tuple[str, str]]:
    kinds = [f"{glyph} {kind}" for kind, glyph in timeline.GLYPHS.items() if kind]
    lines = [" ".join(kinds[at : at + 6]) for at in range(0, len(kinds), 6)]
    return [
        ("source", _GUTTER),
        ("orders[]", _ORDERS),
        ("table", table.LEGEND),
        ("", "M migration  L leaf (mapped by the PMD)   brackets: the range of each order and its verdict"),
        *(("timeline" if not at else "", line) for at, line in enumerate(lines)),
        ("", "x below: rejected or failed   f below: forced or answered by you   ▲ you are here"),
    ]
