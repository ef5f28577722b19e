# SPDX-License-Identifier: GPL-2.0-only
"""The page lists of the CPU in view, in the zone in view."""

from __future__ import annotations

from kernelmodel.snapshot import Snapshot
from tui.paint.look import Look
from tui.paint.rows import Row, hexa


def paint(snap: Snapshot, look: Look, width: int, height: int) -> list[Row]:
    """Counts and limits, then each list that holds something."""
    if snap.pcp is None:
        return [((" no per-CPU lists in this machine", "dim"),)] if look.allocator == "pcp" else []
    own = snap.pcp
    over, style = (" over high", "warn") if own.pages > own.high else ("", "")
    rows: list[Row] = [
        (
            (f" cpu{own.cpu} node {own.node} zone {own.zone}: ", "bold"),
            (f"count {own.pages} of high {own.high}", ""),
            (over, style),
            (f"  batch {own.batch}  factor {own.factor}", "dim"),
        )
    ]
    wide = max((len(each.name) for each in own.lists), default=0)
    for each in own.lists:
        more = " …" if each.blocks > len(each.first) else ""
        pfns = " ".join(hexa(pfn) for pfn in each.first)
        rows.append(((f" {each.name:<{wide}} ", "dim"), (f"{each.blocks:>4}  ", ""), (pfns, "number"), (more, "dim")))
    return rows if own.lists else [*rows, ((" all of them are empty", "dim"),)]
