# SPDX-License-Identifier: GPL-2.0-only
"""A box over the panes: help, answers to choose from, output of a command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from tui.paint.rows import Row, cells, clean, crop, fit, row_cells


@dataclass(slots=True)
class Overlay:
    """What is open.  ``kind`` is ``help``, ``choose`` or ``output``."""

    kind: str
    title: str
    rows: list[Row]
    selected: int = -1
    """Row under the cursor, -1 for a box that is only read."""
    top: int = 0

    def move(self, by: int, page: int) -> None:
        """Move the selection, or scroll; ``page`` is the number of rows that are visible."""
        if self.selected >= 0:
            self.selected = max(0, min(self.selected + by, len(self.rows) - 1))
            self.top = max(min(self.top, self.selected), self.selected - page + 1)
        else:
            self.top = max(0, min(self.top + by, len(self.rows) - page))


class Box(NamedTuple):
    """A painted overlay and its place, in cells."""

    x: int
    y: int
    rows: tuple[Row, ...]


def page(overlay: Overlay, height: int) -> int:
    """Rows of the box that hold text, on a screen of ``height`` rows."""
    return max(1, min(len(overlay.rows), height - 5))


def paint(overlay: Overlay, width: int, height: int) -> Box:
    """Output stands at the bottom over the whole width; help fills the screen; a choice is a small box."""
    count = page(overlay, height)
    shown = overlay.rows[overlay.top : overlay.top + count]
    if overlay.kind == "choose":
        inner = min(max([row_cells(row) for row in overlay.rows] + [cells(overlay.title) + 4]) + 2, width - 2)
    else:
        inner = width - 2
    more = f"   ↑↓ {overlay.top + count} of {len(overlay.rows)} " if count < len(overlay.rows) else ""
    head = crop(f" {clean(overlay.title)} ", inner)
    rows = [fit((("┏━", "focus"), (head, "focus"), ("━" * (inner - 1 - cells(head)) + "┓", "focus")), inner + 2)]
    for at, row in enumerate(shown, overlay.top):
        body = fit(row, inner)
        if at == overlay.selected:
            body = (("".join(text for text, _ in body), "cursor"),)
        rows.append((("┃", "focus"), *body, ("┃", "focus")))
    foot = ("Enter takes it, Esc leaves" if overlay.selected >= 0 else "Esc closes") + more
    foot = crop(f" {foot} ", inner)
    rows.append(fit((("┗" + "━" * (inner - cells(foot)), "focus"), (foot, "focus"), ("┛", "focus")), inner + 2))
    x = (width - inner - 2) // 2
    y = height - 2 - len(rows) if overlay.kind == "output" else (height - len(rows)) // 2
    return Box(x, max(y, 0), tuple(rows))
