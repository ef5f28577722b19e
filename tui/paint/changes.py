# SPDX-License-Identifier: GPL-2.0-only
"""What the last step changed, cell by cell, and the statistics so far."""

from __future__ import annotations

from kernelmodel.snapshot import Snapshot
from tui.paint.look import Look
from tui.paint.rows import Row


def title(snap: Snapshot, look: Look) -> str:
    """How many cells the last step changed."""
    return f"changes ({len(snap.changes)})" if snap.changes else "changes"


def paint(snap: Snapshot, look: Look, width: int, height: int) -> list[Row]:
    """``what  old -> new``, one per row, then counters that are not zero."""
    rows: list[Row] = []
    name = min(max((len(change.what) for change in snap.changes), default=0), max(width // 2, 10))
    for change in snap.changes:
        rows.append(
            (
                ("*", "changed"),
                (f"{change.what:<{name}} ", ""),
                (f"{change.old} -> ", "dim"),
                (change.new, "changed"),
            )
        )
    if not snap.changes:
        rows.append(((" the last step stored nothing", "dim"),))
    rows += [((f" {key} ", "dim"), (str(value), "")) for key, value in snap.counters]
    return rows
