# SPDX-License-Identifier: GPL-2.0-only
"""A box over the panes: help, answers to choose from, the palette, output of a command."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from tui.paint import rows as text_rows
from tui.paint.match import highlight, matches
from tui.paint.rows import Row, cells, clean, crop, plain, row_cells

Fitter = Callable[[Row, int], Row]
"""``rows.fit`` or its twin in ``ascii``."""


@dataclass(slots=True)
class Overlay:
    """What is open.  ``kind`` is ``help``, ``choose``, ``output`` or ``palette``."""

    kind: str
    title: str
    rows: list[Row]
    selected: int = -1
    """Row under the cursor, -1 for a box that is only read."""
    top: int = 0
    take: Callable[[int], None] | None = None
    """What Enter does with the selected row."""
    filter: str = ""
    """The words by which a palette is narrowed down, shown above its rows."""
    search: str = ""
    """Text that is highlighted."""
    found: int = -1
    """Row of the match that was found last."""

    def move(self, by: int, page: int) -> None:
        """Move the selection, or scroll; ``page`` is the number of rows that are visible."""
        if self.selected >= 0:
            self.selected = max(0, min(self.selected + by, len(self.rows) - 1))
            self.top = max(min(self.top, self.selected), self.selected - page + 1)
        else:
            self.top = max(0, min(self.top + by, len(self.rows) - page))

    def find(self, text: str, direction: int, page: int) -> bool:
        """Bring the next row with ``text`` (case aside) into view, or the one before; whether there is one."""
        self.search = text
        found = [at for at, row in enumerate(self.rows) if matches(clean(plain(row)), text)]
        if not found:
            return False
        here = self.selected if self.selected >= 0 else self.found if self.found >= 0 else self.top - 1
        if direction > 0:
            at = next((at for at in found if at > here), found[0])
        else:
            at = next((at for at in reversed(found) if at < here), found[-1])
        self.found = at
        if self.selected >= 0:
            self.selected = at
        if not self.top <= at < self.top + page:
            self.top = max(0, min(at - page // 3, len(self.rows) - page))
        return True


def lines(texts: Iterable[str], width: int, style: str = "") -> list[Row]:
    """Rows of a box on a screen of ``width`` cells from lines of text; a long one goes on in the next row."""
    out: list[Row] = []
    room = max(width - 4, 8)
    for text in texts:
        rest = clean(text)
        while cells(rest) > room:
            part = crop(rest, room)
            at = part.rfind(" ") if " " in part.strip() else len(part)
            out.append(((f" {rest[:at]}", style),))
            rest = "  " + rest[at:].lstrip()
        out.append(((f" {rest}", style),))
    return out


class Box(NamedTuple):
    """A painted overlay and its place, in cells."""

    x: int
    y: int
    rows: tuple[Row, ...]


def page(overlay: Overlay, height: int) -> int:
    """Rows of the box that hold text, on a screen of ``height`` rows."""
    most = height - (6 if overlay.kind == "palette" else 5)
    return max(1, most if overlay.kind == "palette" else min(len(overlay.rows), most))


def paint(overlay: Overlay, width: int, height: int, fit: Fitter = text_rows.fit) -> Box:
    """Output stands at the bottom over the whole width; help fills the screen; a choice is a small box."""
    inner = _inner(overlay, width)
    body = _body(overlay, inner, page(overlay, height), fit)
    head = crop(f" {clean(overlay.title)} ", inner)
    frame = [fit((("┏━", "focus"), (head, "focus"), ("━" * (inner - 1 - cells(head)) + "┓", "focus")), inner + 2)]
    frame += [(*fit((("┃", "focus"),), 1), *row, *fit((("┃", "focus"),), 1)) for row in body]
    foot = crop(f" {_foot(overlay, height)} ", inner)
    frame.append(fit((("┗" + "━" * (inner - cells(foot)), "focus"), (foot, "focus"), ("┛", "focus")), inner + 2))
    x = (width - inner - 2) // 2
    y = height - 2 - len(frame) if overlay.kind == "output" else (height - len(frame)) // 2
    return Box(x, max(y, 0), tuple(frame))


def row_at(overlay: Overlay, width: int, height: int, x: int, y: int) -> int:
    """The row of the box that this cell of the screen shows; -1 on its frame, -2 outside."""
    box = paint(overlay, width, height)
    inside = box.x <= x < box.x + row_cells(box.rows[0]) and box.y <= y < box.y + len(box.rows)
    if not inside:
        return -2
    at = y - box.y - 1 - int(overlay.kind == "palette")
    row = overlay.top + at
    return row if 0 <= at < page(overlay, height) and row < len(overlay.rows) else -1


def _inner(overlay: Overlay, width: int) -> int:
    if overlay.kind != "choose":
        return width - 2
    widest = max([row_cells(row) + 1 for row in overlay.rows] + [cells(clean(overlay.title)) + 4, 27])
    return min(widest + 2, width - 2)


def _body(overlay: Overlay, inner: int, count: int, fit: Fitter) -> list[Row]:
    body: list[Row] = []
    if overlay.kind == "palette":
        body.append(fit(((" > ", "key"), (overlay.filter, "bold"), ("_", "cursor")), inner))
    for at in range(overlay.top, overlay.top + count):
        row = overlay.rows[at] if at < len(overlay.rows) else ()
        if overlay.selected >= 0:
            row = (("»" if at == overlay.selected else " ", "here"), *row)
        row = highlight(fit(row, inner), overlay.search)
        body.append(((plain(row), "cursor"),) if at == overlay.selected else row)
    return body


def _foot(overlay: Overlay, height: int) -> str:
    count = page(overlay, height)
    last = min(overlay.top + count, len(overlay.rows))
    more = f"   ↑↓ {last} of {len(overlay.rows)} " if count < len(overlay.rows) else ""
    return ("Enter takes it, Esc leaves" if overlay.selected >= 0 else "Esc closes") + more
