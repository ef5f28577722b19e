# SPDX-License-Identifier: GPL-2.0-only
"""What is at a cell of the screen: for the mouse."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kernelmodel.snapshot import Snapshot
from tui.paint import changes, events, source, stack, table, timeline, vmas
from tui.paint.columns import column_at
from tui.paint.frame import layout, top_of
from tui.paint.layout import Slot
from tui.paint.look import Look
from tui.paint.panes import PAINT
from tui.paint.rows import cells
from tui.paint.rule import tabs


class Hit(NamedTuple):
    """A place in a pane."""

    pane: str
    what: str = ""
    """What is there, in brackets what ``value`` says of it.

    ``tab`` (pane) · ``gutter`` of a source line (FUNCTION:LINE) · ``line`` (number) · ``event``, or ``step`` of the
    timeline (step) · ``pte`` (address) · ``frame`` (index of the call) · ``block`` of the
    map (pfn) · ``row`` (as ``Look.row`` counts) · '' nothing in particular.
    """
    value: int | str = 0


def hit(snap: Snapshot, look: Look, width: int, height: int, x: int, y: int) -> Hit | None:
    """What the cell in column ``x`` of line ``y`` shows on a screen of ``width`` x ``height``; None outside panes."""
    for slot in layout(look, width, height):
        if slot.x <= x < slot.x + slot.width and slot.y <= y < slot.y + slot.height:
            return _in_slot(snap, look, slot, x - slot.x, y - slot.y)
    return None


def _in_slot(snap: Snapshot, look: Look, slot: Slot, x: int, y: int) -> Hit:
    pane = look.front(slot.panes)
    if y == 0:
        tab = next((each.pane for each in tabs(snap, look, slot) if each.x <= x < each.x + cells(each.text)), "")
        return Hit(tab, "tab", tab) if tab else Hit(pane)
    width, height = slot.width - slot.edge, slot.height - 1
    find = _FIND.get(pane)
    if find is None or x < slot.edge:
        return Hit(pane)
    return find(snap, look, width, height, x - slot.edge, y - 1) or Hit(pane)


def _source(snap: Snapshot, look: Look, width: int, height: int, x: int, y: int) -> Hit | None:
    call = source.selected(snap)
    line = source.top_line(snap, look, height) + y + 1
    if call is None or line > len(call.source):
        return None
    if x < source.GUTTER:
        return Hit("source", "gutter", f"{call.function}:{line}")
    return Hit("source", "line", line)


def _events(snap: Snapshot, look: Look, width: int, height: int, x: int, y: int) -> Hit | None:
    shown = events.window(snap, look, height)
    return Hit("events", "event", shown[y].step) if y < len(shown) else None


def _timeline(snap: Snapshot, look: Look, width: int, height: int, x: int, y: int) -> Hit | None:
    step = timeline.step_at(snap, width, height, x, y)
    return Hit("timeline", "step", step) if step >= 0 else None


def _table(snap: Snapshot, look: Look, width: int, height: int, x: int, y: int) -> Hit | None:
    cell = table.cell_at(snap, width, height, x, y)
    return Hit("table", "pte", cell.addr) if cell else None


def _stack(snap: Snapshot, look: Look, width: int, height: int, x: int, y: int) -> Hit | None:
    at = stack.call_at(snap, width, height, y)
    return Hit("stack", "frame", at) if at >= 0 else None


def _row(pane: str, count: Callable[[Snapshot, Look], int]) -> _Find:
    """A pane of which every painted row is one row for the cursor."""

    def find(snap: Snapshot, look: Look, width: int, height: int, x: int, y: int) -> Hit | None:
        many = len(PAINT[pane](snap, look, width, height))
        row = y + top_of(look, pane, many, height)
        return Hit(pane, "row", row) if row < count(snap, look) else None

    return find


def _vmas(snap: Snapshot, look: Look, width: int, height: int, x: int, y: int) -> Hit | None:
    many = len(PAINT["vmas"](snap, look, width, height))
    at = vmas.at_row(snap, look, width, y + top_of(look, "vmas", many, height))
    return Hit("vmas", "row", at) if at >= 0 else None


def _allocator(snap: Snapshot, look: Look, width: int, height: int, x: int, y: int) -> Hit | None:
    rows = PAINT["allocator"](snap, look, width, height)
    y += top_of(look, "allocator", len(rows), height)
    if look.allocator == "map":
        from tui.paint import blockmap

        pfn = blockmap.cell_at(snap, width, x, y)
        return Hit("allocator", "block", pfn) if pfn >= 0 else None
    order = column_at(rows[: y + 1], x)
    return Hit("allocator", "row", order) if order >= 0 else None


_Find = Callable[[Snapshot, Look, int, int, int, int], Hit | None]
_FIND: dict[str, _Find] = {
    "source": _source, "events": _events, "timeline": _timeline, "table": _table, "vmas": _vmas, "stack": _stack,
    "allocator": _allocator,
    "breaks": _row("breaks", lambda snap, look: len(look.breaks)),
    "watch": _row("watch", lambda snap, look: len(snap.watches)),
    "changes": _row("changes", lambda snap, look: changes.count(snap)),
    "orders": _row("orders", lambda snap, look: len(snap.orders)),
    "cpus": _row("cpus", lambda snap, look: len(snap.cpus) + len(snap.locks)),
}  # fmt: skip
