# SPDX-License-Identifier: GPL-2.0-only
"""Displayed and watched expressions with their values, and what they were."""

from __future__ import annotations

from kernelmodel.snapshot import Snapshot
from tui.paint.look import Look
from tui.paint.rows import Row

HELP = (
    "The expressions that display and watch were given, with their values at this stop.",
    "* another value than at the stop before (or than at the mark of =); what it was stands behind it",
    "✗ no value here, and why   » under the cursor   { } to where it changed before and next   p prints it",
)


def title(snap: Snapshot, look: Look) -> str:
    """How many there are."""
    return f"watch ({len(snap.watches)})" if snap.watches else "watch"


def paint(snap: Snapshot, look: Look, width: int, height: int) -> list[Row]:
    """One row per expression."""
    if not snap.watches:
        return [((" nothing: :display EXPR or :watch EXPR", "dim"),)]
    name = min(max(len(each.text) for each in snap.watches), max(width // 2, 8))
    return [
        (
            ("»" if look.row.get("watch") == at else " ", "here"),
            ("*" if each.changed else " ", "changed"),
            (f"{each.text:<{name}} ", ""),
            ("" if each.ok else "✗ ", "bad"),
            (each.value, "dim" if not each.ok else "changed" if each.changed else ""),
            (f"  was {each.was}" if each.was else "", "dim"),
        )
        for at, each in enumerate(snap.watches)
    ]
