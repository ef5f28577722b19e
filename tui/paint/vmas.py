# SPDX-License-Identifier: GPL-2.0-only
"""The VMAs of the process in view."""

from __future__ import annotations

from kernelmodel.snapshot import Snapshot
from tui.paint.look import Look
from tui.paint.rows import Row, hexa, row_cells, size

HELP = (
    "The VMAs of the process in view: name, range, size, flags.",
    "▶ the fault is in this one (or what a system call does)   » under the cursor   p prints it",
)


def title(snap: Snapshot, look: Look) -> str:
    """Whose they are, where there are several processes."""
    return f"vmas of {snap.process}" if snap.process else "vmas"


def paint(snap: Snapshot, look: Look, width: int, height: int) -> list[Row]:
    """One row per VMA, two where its flags need them; the one of the fault is marked."""
    if not snap.vmas:
        return [((" no VMA", "dim"),)]
    rows: list[Row] = []
    for at, vma in enumerate(snap.vmas):
        extra = [f"uffd:{mode}" for mode in vma.uffd] + (["anon_vma"] if vma.anon_vma else [])
        head: Row = (
            ("»" if look.row.get("vmas") == at else " ", "here"),
            ("▶" if vma.current else " ", "here"),
            (f"{vma.name} ", "bold"),
            (f"{hexa(vma.start)}-{hexa(vma.end)} {size(vma.end - vma.start)} ", ""),
        )
        flags: Row = ((" ".join((*vma.flags, *extra)), "dim"),)
        one = (*head, *flags)
        rows += [one] if row_cells(one) <= width else [head, (("   ", ""), *flags)]
    return rows


def first_row(snap: Snapshot, look: Look, width: int) -> int:
    """The row of the content at which the VMA under the cursor begins."""
    return len(paint(snap._replace(vmas=snap.vmas[: look.row.get("vmas", 0)]), look, width, 0)) if snap.vmas else 0


def at_row(snap: Snapshot, look: Look, width: int, row: int) -> int:
    """Index of the VMA that row ``row`` of the content shows, -1 if none."""
    for at in range(len(snap.vmas)):
        row -= len(paint(snap._replace(vmas=snap.vmas[at : at + 1]), look, width, 0))
        if row < 0:
            return at
    return -1
