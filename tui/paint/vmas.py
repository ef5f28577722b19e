# SPDX-License-Identifier: GPL-2.0-only
"""The VMAs of the process in view."""

from __future__ import annotations

from kernelmodel.snapshot import Snapshot
from tui.paint.look import Look
from tui.paint.rows import Row, hexa, row_cells, size


def title(snap: Snapshot, look: Look) -> str:
    """Nothing more to say."""
    return "vmas"


def paint(snap: Snapshot, look: Look, width: int, height: int) -> list[Row]:
    """One row per VMA, two where its flags need them; the one of the fault is marked."""
    if not snap.vmas:
        return [((" no VMA", "dim"),)]
    rows: list[Row] = []
    for vma in snap.vmas:
        extra = [f"uffd:{mode}" for mode in vma.uffd] + (["anon_vma"] if vma.anon_vma else [])
        head: Row = (
            ("▶" if vma.current else " ", "here"),
            (f"{vma.name} ", "bold"),
            (f"{hexa(vma.start)}-{hexa(vma.end)} {size(vma.end - vma.start)} ", ""),
        )
        flags: Row = ((" ".join((*vma.flags, *extra)), "dim"),)
        one = (*head, *flags)
        rows += [one] if row_cells(one) <= width else [head, (("   ", ""), *flags)]
    return rows
