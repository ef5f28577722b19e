# SPDX-License-Identifier: GPL-2.0-only
"""What ``?`` shows: the focused pane, keys, commands, the other panes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tui.keys import Keymap
from tui.paint import timeline
from tui.paint.layout import PANES
from tui.paint.panes import HELP, tab
from tui.paint.rows import Row, cells


def paint(pane: str, keys: Keymap, commands: Sequence[str], width: int = 80) -> list[Row]:
    """All rows, to be scrolled, for a screen of ``width`` cells.

    ``commands`` are lines: a group, or indented by two blanks a command's usage and, from column 33 on, its help.
    """
    room = width - 6
    rows = [*_pane(pane, room), (), *_keys(keys, room), ()]
    rows.append(((" commands, after :   (an empty line repeats a motion)", "bold"),))
    for line in commands:
        rows += _command(line, room) if line.startswith(" ") else [((f" {line}", "bold"),)]
    rows += [(), ((" the other panes", "bold"),)]
    for other in PANES:
        if other != pane:
            rows += _pane(other, room)
    return rows


def _pane(pane: str, room: int) -> list[Row]:
    """What a pane shows, its signs, its keys."""
    rows: list[Row] = [((f" {tab(pane)}", "bold"), (f"  :pane {pane}", "dim"))]
    rows += [((f"   {line}", ""),) for text in HELP[pane] for line in wrapped(text, room)]
    if pane == "timeline":
        kinds = [f"{glyph} {kind:<13}" for kind, glyph in timeline.GLYPHS.items() if kind]
        many = max(room // 15, 1)
        rows += [(("   " + "".join(kinds[at : at + many]), ""),) for at in range(0, len(kinds), many)]
    return rows


def _command(line: str, room: int) -> list[Row]:
    usage, words = (line, "") if "  " not in line.strip() else (line[:33], line[33:])
    first, *rest = wrapped(words, max(room - 30, 20)) or [""]
    head: Row = ((f" {usage}", "key"), (first, ""))
    return [head, *(((" " * 34, ""), (each, "")) for each in rest)]


def wrapped(text: str, room: int) -> list[str]:
    """The text in lines of at most ``room`` cells; runs of blanks stay as they are."""
    lines: list[str] = []
    line = ""
    for word in re.findall(r"\s*[^ ]+", text):
        if line and cells(line) + cells(word) > room:
            lines.append(line)
            word = word.lstrip(" ")
            line = ""
        line += word
    return [*lines, line] if line else lines


def _keys(keys: Keymap, room: int) -> list[Row]:
    rows: list[Row] = []
    actions = [action for action in keys.actions if not action.of or not action.label]
    for group in dict.fromkeys(action.group for action in actions):
        rows.append(((f" {group}", "bold"),))
        for action in actions:
            if action.group == group:
                shown = keys.shown(action.id, every=True)
                first, *rest = wrapped(action.help, max(room - 13, 20))
                rows.append(((f"   {shown:<12} ", "key"), (first, "")))
                rows += [((" " * 16, ""), (line, "")) for line in rest]
    return rows
