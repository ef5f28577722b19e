# SPDX-License-Identifier: GPL-2.0-only
"""The list of breakpoints."""

from __future__ import annotations

from kernelmodel.snapshot import Snapshot
from tui.paint.look import Look
from tui.paint.rows import Row


def title(snap: Snapshot, look: Look) -> str:
    """How many there are."""
    return f"breaks ({len(look.breaks)})" if look.breaks else "breaks"


def paint(snap: Snapshot, look: Look, width: int, height: int) -> list[Row]:
    """One row per breakpoint: number, state, text, hits."""
    if not look.breaks:
        return [((" none: b on a source line or an event, or  :break fallback", "dim"),)]
    return [
        (
            (f" {mark.number:>2} ", "dim"),
            (f"{mark.glyph} ", "break"),
            (mark.text, "" if mark.enabled else "dim"),
            (f"  hits {mark.hits}", "dim"),
            ("  once" if mark.temporary else "", "dim"),
            ("" if mark.enabled else "  disabled", "dim"),
        )
        for mark in look.breaks
    ]
