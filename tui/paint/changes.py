# SPDX-License-Identifier: GPL-2.0-only
"""What the last step changed, cell by cell, and the statistics so far."""

from __future__ import annotations

from kernelmodel.snapshot import Change, Snapshot
from tui.paint.look import Look
from tui.paint.rows import Row

HELP = (
    "Every cell of the machine that differs from the stop before (or from the mark chosen with ~), then the",
    "statistics that are not zero.   * changed   » under the cursor",
    "{ } to where the cell under the cursor changed before and next   y copies",
)


def title(snap: Snapshot, look: Look) -> str:
    """How many cells the last step changed."""
    words = f"changes ({len(snap.changes)})" if snap.changes else "changes"
    return f"{words} since {look.named(look.since)}" if look.since >= 0 else words


def paint(snap: Snapshot, look: Look, width: int, height: int) -> list[Row]:
    """``what  old -> new``, one per row, then counters that are not zero."""
    name = min(max((len(change.what) for change in snap.changes), default=0), max(width // 2, 10))
    under = look.row.get("changes", -1)
    rows = [_row(change, name, at == under) for at, change in enumerate(snap.changes)]
    if not snap.changes:
        rows.append(((" nothing differs" if look.since >= 0 else " the last step stored nothing", "dim"),))
    many = len(rows)
    return rows + [
        (("»" if at == under else " ", "here"), (f" {key} ", "dim"), (str(value), ""))
        for at, (key, value) in enumerate(snap.counters, many)
    ]


def count(snap: Snapshot) -> int:
    """Rows under which the cursor can stand."""
    return max(len(snap.changes), 1) + len(snap.counters)


def _row(change: Change, name: int, under: bool) -> Row:
    told = bool(change.old or change.new)
    return (
        ("»" if under else " ", "here"),
        ("*" if told else " ", "changed"),
        (f"{change.what:<{name}} ", ""),
        (f"{change.old} -> " if told else "", "dim"),
        (change.new, "changed"),
    )
