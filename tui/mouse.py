# SPDX-License-Identifier: GPL-2.0-only
"""What a mouse button does: focus a pane, turn its tabs, and act on what lies under the pointer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.paint.hit import hit
from tui.paint.overlay import row_at

if TYPE_CHECKING:
    from tui.desk import Desk


def clicked(desk: Desk, x: int, y: int) -> None:
    """A click at a cell; in an open box it takes a row or closes the box."""
    desk.message = ()
    if desk.overlay is not None:
        row = row_at(desk.overlay, desk.width, desk.height, x, y)
        take, desk.overlay = desk.overlay.take, None
        if row >= 0 and take is not None:
            take(row)
        else:
            desk.draw()
        return
    at = hit(desk.snap, desk.look, desk.width, desk.height, x, y)
    if at is None:
        return
    look = desk.look
    look.show(at.pane)
    if at.what == "gutter":
        desk.execute(f"toggle {at.value}")
    elif at.what == "line":
        look.line = int(at.value)
    elif at.what == "event":
        look.event = int(at.value)
    elif at.what == "step":
        desk.execute(f"goto {at.value}")
    elif at.what == "pte":
        desk.eye.pte_at = int(at.value)
    elif at.what == "block":
        look.cell_at = int(at.value)
    elif at.what == "frame":
        desk.console.frame, look.line = int(at.value), 0
    elif at.what == "row":
        look.row[at.pane] = int(at.value)
        if at.pane == "cpus":
            desk.choose_cpu()
            return
    desk.refresh()
