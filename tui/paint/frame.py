# SPDX-License-Identifier: GPL-2.0-only
"""Panes and slots put together: the rows of each slot with its title rule, and the whole screen as one picture."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from kernelmodel.snapshot import Snapshot, View
from tui.keys import Keymap, keymap
from tui.paint import allocator, ascii, console, footer, header, rows, rule, source, table, timeline, vmas
from tui.paint.layout import MIN_HEIGHT, MIN_WIDTH, Slot
from tui.paint.layouts import layout, second
from tui.paint.look import Look
from tui.paint.match import highlight
from tui.paint.overlay import Fitter, Overlay
from tui.paint.overlay import paint as overlay_paint
from tui.paint.panes import PAINT, TITLE, Painter
from tui.paint.rows import Row, cut, plain, row_cells

__all__ = ["PAINT", "TITLE", "Frame", "Painter", "compose", "layout", "paint_slot", "picture", "settle", "view_for"]

_OWN_SCROLL = frozenset({"source", "console", "events", "timeline"})
"""Panes that paint only what is in sight."""


CURSORED = frozenset({"orders", "breaks", "watch", "changes", "cpus", "vmas"})
"""Panes with a cursor on their rows."""


def view_for(look: Look, step: int, width: int, height: int, pte_at: int = -1, frame: int = -1) -> View:
    """What a screen of this size can show, as a question to a session that stands at ``step``."""
    ptes, listed, overview = 64, 16, 0
    parts: tuple[str, ...] = ()
    cells = 0
    for slot in layout(look, width, height):
        pane = look.front(slot.panes)
        if pane == "table":
            ptes = table.wanted(slot.width - slot.edge, slot.height - 1)
        elif pane == "events":
            listed = slot.height
        elif pane == "timeline":
            overview = max(slot.width - slot.edge - timeline.MARGIN, 0)
        elif pane == "allocator":
            parts = tuple(allocator.views(look, slot.height - 1))
            cells = allocator.cells(look, slot.width - slot.edge, slot.height - 1)
    return View(
        ptes=ptes, pte_at=pte_at, events=listed if look.event < 0 else 2 * listed, timeline=max(width, 40), frame=frame,
        since=look.since, overview=overview, event_at=look.event,
        allocator=parts, zone=look.zone, order=look.row.get("allocator", -1), cells=cells, cell_at=look.cell_at,
        scale=look.scale,
    )  # fmt: skip


def settle(snap: Snapshot, look: Look, width: int, height: int) -> None:
    """Keep what has to be remembered from paint to paint: how far panes are scrolled."""
    for slot in layout(look, width, height):
        pane = look.front(slot.panes)
        if pane == "source":
            look.tops[pane] = source.top_line(snap, look, slot.height - 1)
        elif pane in CURSORED and pane in look.row:
            at = look.row[pane] if pane != "vmas" else vmas.first_row(snap, look, slot.width - slot.edge)
            look.tops[pane] = max(0, min(look.tops.get(pane, 0), at), at - slot.height + 2)
        elif look.tops.get(pane) and pane not in _OWN_SCROLL:
            many = len(PAINT[pane](snap, look, slot.width - slot.edge, slot.height - 1))
            look.tops[pane] = top_of(look, pane, many, slot.height - 1)
        elif pane == "console":
            look.tops[pane] = console.clamped(look, slot.width - slot.edge, slot.height - 1)


def top_of(look: Look, pane: str, many: int, height: int) -> int:
    """The first row of a pane's ``many`` rows that ``height`` rows show."""
    return 0 if pane in _OWN_SCROLL else max(0, min(look.tops.get(pane, 0), many - height))


def paint_slot(snap: Snapshot, look: Look, slot: Slot, slots: tuple[Slot, ...] = ()) -> list[Row]:
    """Exactly ``slot.height`` rows of exactly ``slot.width`` cells."""
    fit = ascii.fit if look.ascii else rows.fit
    pane = look.front(slot.panes)
    width, height = slot.width - slot.edge, slot.height - 1
    body = PAINT[pane](snap, look, width, height) if height > 0 else []
    if len(body) > height:
        top = top_of(look, pane, len(body), height)
        body = body[top : top + height]
    body += [()] * (height - len(body))
    edge: Row = (("│", "rule"),) if slot.edge else ()
    out = [fit(rule.paint(snap, look, slot, slots), slot.width, "rule")]
    out += [fit((*edge, *row), slot.width) for row in body]
    return [out[0], *(highlight(row, look.search) for row in out[1:])] if look.search else out


def paint_second(snap: Snapshot, look: Look, slot: Slot) -> list[Row]:
    """The rows of the second run, likewise."""
    from tui.paint import beside

    assert look.second is not None
    fit = ascii.fit if look.ascii else rows.fit
    body = beside.paint(snap, look.second, slot.width - slot.edge, slot.height - 1)[: slot.height - 1]
    body += [()] * (slot.height - 1 - len(body))
    head: Row = (("┬─ " if slot.edge else "─ ", "rule"), (f"{beside.title(look.second)} ", "title"))
    edge: Row = (("│", "rule"),) if slot.edge else ()
    fill = (("─" * max(slot.width - rows.row_cells(head), 0), "rule"),)
    out = [fit((*head, *fill), slot.width), *(fit((*edge, *row), slot.width) for row in body)]
    return [out[0], *(highlight(row, look.search) for row in out[1:])] if look.search else out


def idle_line(snap: Snapshot, look: Look, width: int, shown: tuple[Slot, ...]) -> Row:
    """The message line when there is no message: a timeline in one row, unless a pane shows it."""
    if any(look.front(slot.panes) == "timeline" for slot in shown):
        return ()
    return timeline.strip(snap, look, width)


def too_small(width: int, height: int, fit: Fitter = rows.fit) -> list[Row]:
    """What a terminal shows that is too small for any pane."""
    words = ["too small:", f"{MIN_WIDTH}x{MIN_HEIGHT} will do"]
    shown = words if width < 26 and height > 1 else [" ".join(words)]
    return [fit(((shown[at] if at < len(shown) else "", "warn"),), width) for at in range(height)]


class Frame(NamedTuple):
    """A whole screen, cut into columns at the edges that slots have in common.

    A terminal is told of a change from the begin of a column on, so columns keep what is written short.
    """

    edges: tuple[int, ...]
    """Where each column begins (cells); the first is 0."""
    width: int
    lines: tuple[tuple[Row, ...], ...]
    """Per terminal row one piece for each column, exactly as wide as the column."""
    theme: str = "ansi"
    """In whose colours."""


def compose(
    snap: Snapshot,
    look: Look,
    width: int,
    height: int,
    message: Row = (),
    overlay: Overlay | None = None,
    keys: Keymap | None = None,
) -> Frame:
    """The whole screen; without a message its line holds the timeline in one row, where no pane shows it."""
    fit = ascii.fit if look.ascii else rows.fit
    shown = layout(look, width, height)
    if not shown:
        return Frame((0,), width, tuple((row,) for row in too_small(width, height, fit)), look.theme)
    beside = second(look, width, height)
    whole = shown if beside is None else (*shown, beside)
    edges = tuple(sorted({slot.x for slot in whole}))
    pieces: list[list[Row]] = [[] for _ in range(height)]
    pieces[0] = [fit(header.paint(snap, look, width), width)]
    for slot in sorted(whole, key=lambda each: each.x):
        painted = paint_slot(snap, look, slot, shown) if slot is not beside else paint_second(snap, look, slot)
        for at, row in enumerate(painted):
            pieces[slot.y + at].append(row)
    pieces[-2] = [fit(message or idle_line(snap, look, width, shown), width)]
    pieces[-1] = [fit(footer.paint(width, keys or keymap(), len(snap.cpus) > 1), width)]
    if overlay is not None:
        _lay_over(pieces, overlay, width, fit)
    return Frame(edges, width, tuple(_columns(tuple(line), edges, width) for line in pieces), look.theme)


def _lay_over(pieces: list[list[Row]], overlay: Overlay, width: int, fit: Fitter) -> None:
    box = overlay_paint(overlay, width, len(pieces), fit)
    for at, row in enumerate(box.rows):
        pieces[box.y + at] = [_under(pieces[box.y + at], box.x, row, width)]


@lru_cache(512)
def _columns(pieces: tuple[Row, ...], edges: tuple[int, ...], width: int) -> tuple[Row, ...]:
    """A line in one piece per column."""
    if len(pieces) == len(edges):
        return pieces
    whole: Row = tuple(seg for piece in pieces for seg in piece)
    return tuple(cut(whole, begin, end) for begin, end in zip(edges, (*edges[1:], width), strict=True))


def _under(pieces: list[Row], x: int, row: Row, width: int) -> Row:
    """A line with ``row`` laid over it from column ``x``."""
    whole: Row = tuple(seg for piece in pieces for seg in piece)
    return (*cut(whole, 0, x), *row, *cut(whole, x + row_cells(row), width))


def picture(
    snap: Snapshot,
    look: Look,
    width: int,
    height: int,
    message: Row = (),
    overlay: Overlay | None = None,
    keys: Keymap | None = None,
) -> list[str]:
    """The whole screen as ``height`` lines of plain text: for tests, mails and documentation."""
    frame = compose(snap, look, width, height, message, overlay, keys)
    return ["".join(plain(piece) for piece in line) for line in frame.lines]
