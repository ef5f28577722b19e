# SPDX-License-Identifier: GPL-2.0-only
"""The list of breakpoints, watchpoints and log points."""

from __future__ import annotations

from kernelmodel.snapshot import Snapshot
from tui.paint.look import BreakMark, Look
from tui.paint.rows import Row

HELP = (
    "Breakpoints with their hits in this run; all of them work backwards, too.",
    "● stops   ◐ stops on a condition   ◆ log point: writes a line, never stops   ○ disabled",
    "✗ its condition had no value at the last hit, and why   » under the cursor",
    "Enter goes to its line   b deletes   B edits   D switches on and off   :help breakpoints",
)


def title(snap: Snapshot, look: Look) -> str:
    """How many there are."""
    return f"breaks ({len(look.breaks)})" if look.breaks else "breaks"


def paint(snap: Snapshot, look: Look, width: int, height: int) -> list[Row]:
    """One row per breakpoint: number, state, text, hits."""
    if not look.breaks:
        return [((" none: b on a source line or an event, or  :break fallback", "dim"),)]
    return [_row(mark, look.row.get("breaks") == at) for at, mark in enumerate(look.breaks)]


def _row(mark: BreakMark, under: bool) -> Row:
    notes = "  once" if mark.temporary and " temp" not in mark.text else ""
    notes += f"  ignores {mark.ignore} more" if mark.ignore else ""
    notes += "" if mark.enabled else "  disabled"
    notes += f"  ({mark.origin})" if mark.origin else ""
    return (
        ("»" if under else " ", "here"),
        (f"{mark.number:>2} ", "dim"),
        (f"{mark.glyph} ", "break"),
        (mark.text, "" if mark.enabled else "dim"),
        (f"  hits {mark.hits}", "dim"),
        (notes, "dim"),
        (f"  ✗ {mark.trouble}" if mark.trouble else "", "bad"),
    )
