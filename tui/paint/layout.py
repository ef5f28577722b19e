# SPDX-License-Identifier: GPL-2.0-only
"""Where the panes stand: terminal size → slots.  Row 0 is the header, the last two are message line and footer."""

from __future__ import annotations

from typing import NamedTuple

PANES = ("source", "orders", "stack", "table", "allocator", "vmas", "changes", "timeline", "events", "breaks")
"""Every pane, in the order of its number key: 1 … 9, then 0."""

MIN_WIDTH, MIN_HEIGHT = 40, 10
"""Below this there is a message instead of panes (cells)."""


class Slot(NamedTuple):
    """A rectangle of the screen, in cells; its first row is the title rule.  Several panes share it as tabs."""

    panes: tuple[str, ...]
    x: int
    y: int
    width: int
    height: int
    edge: bool = False
    """Whether its first column is the vertical line that separates it from the slot to the left."""


def slots(width: int, height: int) -> tuple[Slot, ...]:
    """The slots of a terminal of ``width`` x ``height`` cells, in reading order; () if it is too small for any."""
    if width < MIN_WIDTH or height < MIN_HEIGHT:
        return ()
    if width < 60 or height < 20:
        return _tiny(width, height)
    if width >= 160 and height >= 50:
        return _wide(width, height)
    if width >= 100 and height >= 32:
        return _normal(width, height)
    return _compact(width, height)


def zoomed(pane: str, width: int, height: int) -> tuple[Slot, ...]:
    """One pane on the whole screen."""
    return (Slot((pane,), 0, 1, width, height - 3),) if width >= MIN_WIDTH and height >= MIN_HEIGHT else ()


def _tiny(width: int, height: int) -> tuple[Slot, ...]:
    body = height - 3
    top = body // 2 + 1
    rest = ("orders", "stack", "table", "events", "allocator", "vmas", "changes", "timeline", "breaks")
    return Slot(("source",), 0, 1, width, top), Slot(rest, 0, 1 + top, width, body - top)


def _compact(width: int, height: int) -> tuple[Slot, ...]:
    body = height - 3
    events = 4 + max(0, body - 21) // 5
    table = 6 + max(0, body - 21) // 4
    top = body - events - table
    left = width * 44 // 80
    orders = 4 if top < 13 else 5
    return (
        Slot(("source",), 0, 1, left, top),
        Slot(("orders",), left, 1, width - left, orders, True),
        Slot(("stack",), left, 1 + orders, width - left, top - orders, True),
        Slot(("table", "allocator", "vmas", "changes", "timeline", "breaks"), 0, 1 + top, width, table),
        Slot(("events",), 0, 1 + top + table, width, events),
    )


def _normal(width: int, height: int) -> tuple[Slot, ...]:
    body = height - 3
    time = 4
    events = 5 + max(0, body - 37) // 6
    table = 12 + max(0, body - 37) // 4
    top = body - time - events - table
    left = width * 70 // 120
    right = width - left
    orders = 5
    return (
        Slot(("source",), 0, 1, left, top),
        Slot(("orders",), left, 1, right, orders, True),
        Slot(("stack",), left, 1 + orders, right, top - orders, True),
        Slot(("table",), 0, 1 + top, left, table),
        Slot(("allocator", "vmas", "changes", "breaks"), left, 1 + top, right, table, True),
        Slot(("events",), 0, 1 + top + table, width, events),
        Slot(("timeline",), 0, 1 + top + table + events, width, time),
    )


def _wide(width: int, height: int) -> tuple[Slot, ...]:
    body = height - 3
    time = 4
    table = 20
    top = body - time - table
    left, middle = width * 74 // 200, width * 62 // 200
    right = width - left - middle
    orders, vmas, changes = 8, 8, 16
    low = 1 + top
    return (
        Slot(("source",), 0, 1, left, top),
        Slot(("orders",), left, 1, middle, orders, True),
        Slot(("stack",), left, 1 + orders, middle, top - orders, True),
        Slot(("vmas",), left + middle, 1, right, vmas, True),
        Slot(("changes",), left + middle, 1 + vmas, right, changes, True),
        Slot(("breaks",), left + middle, 1 + vmas + changes, right, top - vmas - changes, True),
        Slot(("table",), 0, low, left, table),
        Slot(("allocator",), left, low, middle, table, True),
        Slot(("events",), left + middle, low, right, table, True),
        Slot(("timeline",), 0, low + table, width, time),
    )
