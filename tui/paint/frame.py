# SPDX-License-Identifier: GPL-2.0-only
"""Panes and slots put together: the rows of each slot with its title rule, and the whole screen as one picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kernelmodel.snapshot import Snapshot, View
from tui.paint import allocator, breaks, changes, events, footer, header, orders, source, stack, table, timeline, vmas
from tui.paint.layout import PANES, Slot, slots, zoomed
from tui.paint.look import Look
from tui.paint.overlay import Overlay
from tui.paint.overlay import paint as overlay_paint
from tui.paint.rows import Row, Seg, cells, cut, fit, plain, row_cells, spread

Painter = Callable[[Snapshot, Look, int, int], list[Row]]

PAINT: dict[str, Painter] = {
    "source": source.paint, "orders": orders.paint, "stack": stack.paint, "table": table.paint,
    "allocator": allocator.paint, "vmas": vmas.paint, "changes": changes.paint, "timeline": timeline.paint,
    "events": events.paint, "breaks": breaks.paint,
}  # fmt: skip
TITLE: dict[str, Callable[[Snapshot, Look], str]] = {
    "source": source.title, "orders": orders.title, "stack": stack.title, "table": table.title,
    "allocator": allocator.title, "vmas": vmas.title, "changes": changes.title, "timeline": timeline.title,
    "events": events.title, "breaks": breaks.title,
}  # fmt: skip
TAB = {"table": "page table", "timeline": "time"}
"""Short names of tabs, where they are not the pane's own."""


def number(pane: str) -> str:
    """The key that focuses a pane."""
    return str((PANES.index(pane) + 1) % 10)


def layout(look: Look, width: int, height: int) -> tuple[Slot, ...]:
    """The slots on the screen now."""
    return zoomed(look.focus, width, height) if look.zoom else slots(width, height)


def view_for(look: Look, step: int, width: int, height: int, pte_at: int = -1, frame: int = -1) -> View:
    """What a screen of this size can show, as a question to a session that stands at ``step``."""
    ptes, rows = 64, 16
    for slot in layout(look, width, height):
        pane = look.front(slot.panes)
        if pane == "table":
            ptes = table.wanted(slot.width - slot.edge, slot.height - 1)
        elif pane == "events":
            rows = slot.height
    if look.event >= 0:
        rows += abs(step - look.event)
    return View(ptes=ptes, pte_at=pte_at, events=min(rows, _MOST_EVENTS), timeline=max(width, 40), frame=frame)


_MOST_EVENTS = 4096
"""How far back the cursor of the events pane can see."""


def settle(snap: Snapshot, look: Look, width: int, height: int) -> None:
    """Keep what has to be remembered from paint to paint: how far the source is scrolled."""
    for slot in layout(look, width, height):
        pane = look.front(slot.panes)
        if pane == "source":
            look.tops[pane] = source.top_line(snap, look, slot.height - 1)


def paint_slot(snap: Snapshot, look: Look, slot: Slot) -> list[Row]:
    """Exactly ``slot.height`` rows of exactly ``slot.width`` cells."""
    pane = look.front(slot.panes)
    width, height = slot.width - slot.edge, slot.height - 1
    body = PAINT[pane](snap, look, width, height)
    if len(body) > height:
        top = max(0, min(look.tops.get(pane, 0) if pane != "source" else 0, len(body) - height))
        body = body[top : top + height]
    body += [()] * (height - len(body))
    edge: Row = (("│", "rule"),) if slot.edge else ()
    rows = [fit(_rule(snap, look, slot, pane), slot.width, "rule")]
    rows += [fit((*edge, *row), slot.width) for row in body]
    return rows


def _rule(snap: Snapshot, look: Look, slot: Slot, pane: str) -> Row:
    """``─ 1 alloc_anon_folio() ───``; heavy where the focus is; several tabs show their names."""
    focus = pane == look.focus
    line, style = ("━", "focus") if focus else ("─", "rule")
    joint = "├" if slot.edge and slot.y > 1 else "┬" if slot.edge else line
    out: list[Seg] = [(joint, "rule" if slot.edge else style), (line if slot.edge else "", style), (" ", "")]
    title = "focus" if focus else "title"
    words = TITLE[pane](snap, look)
    if len(slot.panes) == 1:
        out.append((f"{number(pane)} {words} ", title))
    else:
        short = {tab: TAB.get(tab, tab) for tab in slot.panes}
        if sum(len(name) + 4 for name in short.values()) + len(words) - len(short[pane]) + 4 > slot.width:
            words = short[pane]
        for tab, name in short.items():
            front = tab == pane
            out.append((f"[{number(tab)} {words}]" if front else f" {number(tab)} {name} ", title if front else "dim"))
        out.append((" ", ""))
    used = sum(cells(text) for text, _ in out)
    zoom = f" {line} z Esc back {line}" if look.zoom else ""
    return spread(tuple(out), ((zoom, style),), slot.width, line, style) if used < slot.width else tuple(out)


def idle_line(snap: Snapshot, look: Look, width: int, shown: tuple[Slot, ...]) -> Row:
    """The message line when there is no message: a timeline in one row, unless a pane shows it."""
    if any(look.front(slot.panes) == "timeline" for slot in shown):
        return ()
    return timeline.strip(snap, look, width)


def too_small(width: int, height: int) -> list[Row]:
    """What a terminal shows that is too small for any pane."""
    words = f"{width}x{height} is too small: 80x24 is enough"
    return [fit(((words if at == 0 else "", "warn"),), width) for at in range(height)]


class Frame(NamedTuple):
    """A whole screen, cut into columns at the edges that slots have in common.

    A terminal is told of a change from the begin of a column on, so columns keep what is written short.
    """

    edges: tuple[int, ...]
    """Where each column begins (cells); the first is 0."""
    width: int
    lines: tuple[tuple[Row, ...], ...]
    """Per terminal row one piece for each column, exactly as wide as the column."""


def compose(
    snap: Snapshot, look: Look, width: int, height: int, message: Row = (), overlay: Overlay | None = None
) -> Frame:
    """The whole screen; without a message its line holds the timeline in one row, where no pane shows it."""
    shown = layout(look, width, height)
    if not shown:
        return Frame((0,), width, tuple((row,) for row in too_small(width, height)))
    edges = tuple(sorted({slot.x for slot in shown}))
    pieces: list[list[Row]] = [[] for _ in range(height)]
    pieces[0] = [fit(header.paint(snap, look, width), width)]
    for slot in sorted(shown, key=lambda each: each.x):
        for at, row in enumerate(paint_slot(snap, look, slot)):
            pieces[slot.y + at].append(row)
    pieces[-2] = [fit(message or idle_line(snap, look, width, shown), width)]
    pieces[-1] = [fit(footer.paint(width), width)]
    if overlay is not None:
        box = overlay_paint(overlay, width, height)
        for at, row in enumerate(box.rows):
            pieces[box.y + at] = [_under(pieces[box.y + at], box.x, row, width)]
    return Frame(edges, width, tuple(_columns(line, edges, width) for line in pieces))


def _columns(pieces: list[Row], edges: tuple[int, ...], width: int) -> tuple[Row, ...]:
    """A line in one piece per column."""
    if len(pieces) == len(edges):
        return tuple(pieces)
    whole: Row = tuple(seg for piece in pieces for seg in piece)
    return tuple(cut(whole, begin, end) for begin, end in zip(edges, (*edges[1:], width), strict=True))


def _under(pieces: list[Row], x: int, row: Row, width: int) -> Row:
    """A line with ``row`` laid over it from column ``x``."""
    whole: Row = tuple(seg for piece in pieces for seg in piece)
    return (*cut(whole, 0, x), *row, *cut(whole, x + row_cells(row), width))


def picture(
    snap: Snapshot, look: Look, width: int, height: int, message: Row = (), overlay: Overlay | None = None
) -> list[str]:
    """The whole screen as ``height`` lines of plain text: for tests, mails and documentation."""
    frame = compose(snap, look, width, height, message, overlay)
    return ["".join(plain(piece) for piece in line) for line in frame.lines]
