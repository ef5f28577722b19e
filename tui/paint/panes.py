# SPDX-License-Identifier: GPL-2.0-only
"""Every pane: how it is painted, what its title says, its help."""

from __future__ import annotations

from collections.abc import Callable

from kernelmodel.snapshot import Snapshot
from tui.paint import (
    allocator,
    breaks,
    changes,
    console,
    cpus,
    events,
    orders,
    source,
    stack,
    table,
    timeline,
    vmas,
    watch,
)
from tui.paint.layout import PANES
from tui.paint.look import Look
from tui.paint.rows import Row

Painter = Callable[[Snapshot, Look, int, int], list[Row]]

PAINT: dict[str, Painter] = {
    "source": source.paint, "orders": orders.paint, "stack": stack.paint, "table": table.paint,
    "allocator": allocator.paint, "vmas": vmas.paint, "changes": changes.paint, "timeline": timeline.paint,
    "events": events.paint, "breaks": breaks.paint, "watch": watch.paint, "console": console.paint,
    "cpus": cpus.paint,
}  # fmt: skip
TITLE: dict[str, Callable[[Snapshot, Look], str]] = {
    "source": source.title, "orders": orders.title, "stack": stack.title, "table": table.title,
    "allocator": allocator.title, "vmas": vmas.title, "changes": changes.title, "timeline": timeline.title,
    "events": events.title, "breaks": breaks.title, "watch": watch.title, "console": console.title,
    "cpus": cpus.title,
}  # fmt: skip
HELP: dict[str, tuple[str, ...]] = {
    "source": source.HELP, "orders": orders.HELP, "stack": stack.HELP, "table": table.HELP,
    "allocator": allocator.HELP, "vmas": vmas.HELP, "changes": changes.HELP, "timeline": timeline.HELP,
    "events": events.HELP, "breaks": breaks.HELP, "watch": watch.HELP, "console": console.HELP, "cpus": cpus.HELP,
}  # fmt: skip
TAB = {"table": "page table", "timeline": "time"}
"""Short names of tabs, where they are not the pane's own."""


def number(pane: str) -> str:
    """The key that focuses a pane, '' for one that has none."""
    at = PANES.index(pane)
    return str((at + 1) % 10) if at < 10 else ""


def tab(pane: str) -> str:
    """A pane's name among tabs, with its number: ``5 allocator``, ``watch``."""
    return f"{number(pane)} {TAB.get(pane, pane)}".lstrip()
