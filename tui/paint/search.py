# SPDX-License-Identifier: GPL-2.0-only
"""Search in the rows of a pane, all of them, in sight or not.  Decisions are searched by the session."""

from __future__ import annotations

from kernelmodel.snapshot import Snapshot
from tui.paint import console, source, vmas
from tui.paint.frame import layout
from tui.paint.look import Look
from tui.paint.match import matches
from tui.paint.panes import PAINT
from tui.paint.rows import clean, plain

ROWS = frozenset({"orders", "breaks", "watch", "changes", "cpus"})
"""Panes whose cursor counts painted rows."""
_ALL = 10_000
"""A height at which every pane paints all that it has."""


def content(snap: Snapshot, look: Look, pane: str, width: int) -> list[str]:
    """Every row of a pane as text: lines of the function, lines of the console, else what is painted."""
    if pane == "source":
        call = source.selected(snap)
        return [clean(line) for line in call.source] if call else []
    if pane == "console":
        return [clean(line) for line in look.console]
    return [clean(plain(row)) for row in PAINT[pane](snap, look, width, _ALL)]


def find_row(rows: list[str], text: str, start: int, direction: int) -> int | None:
    """The first row after (``direction`` 1) or before (-1) ``start`` that has the text, case aside, going round."""
    for by in range(1, len(rows) + 1):
        at = (start + direction * by) % len(rows)
        if matches(rows[at], text):
            return at
    return None


def find(snap: Snapshot, look: Look, text: str, direction: int, width: int, height: int) -> bool:
    """Put the cursor of the focused pane on the next row with ``text`` (or the one before); whether there is one.

    ``width`` and ``height`` are those of the screen, in cells.
    """
    pane = look.focus
    slot = next((slot for slot in layout(look, width, height) if pane in slot.panes), None)
    if slot is None:
        return False
    inner, room = slot.width - slot.edge, slot.height - 1
    rows = content(snap, look, pane, inner)
    here = look.found[2] if look.found[:2] == (pane, text) else _here(snap, look, pane, len(rows), direction)
    at = find_row(rows, text, here, direction)
    if at is None:
        return False
    _reveal(snap, look, pane, at, inner, room, len(rows))
    look.found = (pane, text, at)
    return True


def _here(snap: Snapshot, look: Look, pane: str, many: int, direction: int) -> int:
    """The row from which a new search begins: where the cursor is, else an end."""
    if pane == "source":
        return source.cursor_line(snap, look) - 1
    if pane in ROWS and pane in look.row:
        return look.row[pane]
    return -1 if direction > 0 else many


def _reveal(snap: Snapshot, look: Look, pane: str, at: int, width: int, height: int, many: int) -> None:
    if pane == "source":
        look.line = at + 1
    elif pane == "console":
        look.tops[pane] = max(0, console.below(look, at, width) - height // 2)
    elif pane in ROWS:
        look.row[pane] = at
    elif pane == "vmas":
        look.row[pane] = vmas.at_row(snap, look, width, at)
    elif pane == "stack" and at >= len(snap.calls):
        look.row[pane] = at - len(snap.calls)
    else:
        look.tops[pane] = max(0, min(at - height // 3, many - height))
