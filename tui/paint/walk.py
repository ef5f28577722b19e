# SPDX-License-Identifier: GPL-2.0-only
"""The levels of the page-table walk, and one entry with its bits and its folio."""

from __future__ import annotations

from kernelmodel.snapshot import EntryView, Snapshot, WalkRow
from tui.paint.rows import Row, Seg, hexa


def entry(found: EntryView | None, snap: Snapshot, width: int) -> list[Row]:
    """The PTE in hex with its bits by name, then its folio."""
    if found is None:
        return []
    changed = any(cell.changed and cell.entry == found.entry for cell in snap.ptes)
    last = snap.walk[-1] if snap.walk else None
    whole = last is not None and last.level == "pmd" and last.value == found.value != 0
    head: Row = (
        ("*" if changed else " ", "changed"),
        (f"pmd {last.entry:03x} " if whole and last else f"pte {found.entry:03x} ", "bold"),
        (hexa(found.value, 16), "number"),
        (f" {found.kind} ", "good" if found.kind == "page" else ""),
        (" ".join(found.bits), ""),
    )
    if found.folio < 0:
        return [head]
    folio: Row = (
        (f"  pfn {hexa(found.pfn)} ", ""),
        (f"folio {hexa(found.folio)} order {found.order} ", "bold"),
        (f"refcount {found.refcount} mapcount {found.mapcount} ", ""),
        (" ".join(found.flags), "dim"),
    )
    return [head, folio]


def levels(walk: tuple[WalkRow, ...]) -> list[Row]:
    """One row per level."""
    return [
        (
            ("*" if row.changed else " ", "changed"),
            (f"{row.level}[{row.entry:03x}]".ljust(9), ""),
            (hexa(row.value, 16) + " ", "number"),
            (row.kind, "changed" if row.changed else _style(row)),
        )
        for row in walk
    ]


def line(walk: tuple[WalkRow, ...], width: int) -> list[Row]:
    """All levels in one row: ``pgd[0fe] table › … › pmd[000] none``."""
    if not walk:
        return []
    long = width >= 90
    out: list[Seg] = [(" ", "")]
    for at, row in enumerate(walk):
        out.append((" › " if at and long else "›" if at else "", "dim"))
        out.append(("*" if row.changed else "", "changed"))
        last = at == len(walk) - 1 or row.kind != "table"
        out.append((f"{row.level}[{row.entry:03x}]", ""))
        if long or last:
            out.append((f" {row.kind}", "changed" if row.changed else _style(row)))
    return [tuple(out)]


def _style(row: WalkRow) -> str:
    return "dim" if row.kind == "none" else "good" if row.kind in ("table", "page") else "warn"
