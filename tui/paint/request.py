# SPDX-License-Identifier: GPL-2.0-only
"""The request at hand: the watermark test of each zone that is tried, and the way through the slow path."""

from __future__ import annotations

from kernelmodel.snapshot import Snapshot
from kernelmodel.snapshot_memory import RequestView, TryView
from tui.paint.columns import HEAD, Line, aligned, gfp_rows
from tui.paint.look import Look
from tui.paint.rows import Row, Seg, cells, hexa


def paint(snap: Snapshot, look: Look, width: int, height: int) -> list[Row]:
    """The request, its zones, its block, the indices of the zone in view."""
    asked = snap.request
    if asked is None:
        return []
    rows = gfp_rows(f" order {asked.order}  gfp {hexa(asked.gfp)} ", asked.gfp_names, width)
    several = len({node for node, _ in snap.zone_names}) > 1
    before: tuple[str, ...] = ()
    for each in asked.tries:
        if each.flags != before:
            before = each.flags
            rows += gfp_rows(f" {each.mark} mark  ", each.flags or ("no flags",), width, "dim")
        rows += _test(each, several, width)
    return [*rows, _outcome(asked, several), *_indices(snap, width)]


def _test(each: TryView, several: bool, width: int) -> list[Row]:
    """``Normal: free 915 - unusable 15 = 900 > min 900 + reserve 0  ✗``, in two rows where it must be."""
    where = f" node {each.node} {each.zone}: " if several else f" {each.zone}: "
    row: list[Seg] = [
        (where, "bold"),
        (f"free {each.free} - unusable {each.unusable} = {each.free - each.unusable}", ""),
        (f" > {each.mark} {each.min} + reserve {each.reserve}", ""),
        ("  ✓" if each.enough else "  ✗", "good" if each.enough else "bad"),
    ]
    if each.enough:
        row.append((f"  block {'✓' if each.block else '✗'}", "good" if each.block else "bad"))
        if each.reason and each.block:
            row.append((f"  {each.reason}", "bad"))
    if sum(cells(text) for text, _ in row) <= width:
        return [tuple(row)]
    return [tuple(row[:2]), (("   ", ""), *row[2:])]


def _outcome(asked: RequestView, several: bool) -> Row:
    """What it gets, and the halves that go back."""
    from tui.paint.allocator import taken

    where = f"node {asked.node} " if several and asked.zone else ""
    words = taken(asked.found, asked.order)
    head: Seg = ("▶", "here")
    if asked.found.pfn < 0:
        return (head, ("NULL: ", "bad"), *words)
    row = [head, (f"{where}{asked.zone}: ", "bold"), *words]
    if asked.found.block > asked.order:
        low, high = asked.order, asked.found.block - 1
        span = f"order {low}" if low == high else f"orders {high} … {low}"
        row.append((f", a half to {span}", "dim"))
    return tuple(row)


def _indices(snap: Snapshot, width: int) -> list[Row]:
    zone = snap.zones[0]
    if not zone.unusable:
        return []
    unusable, extfrag = ("unusable", "extfrag") if width >= 58 else ("unus", "frag")
    lines: list[Line] = [
        (f" {HEAD:<{len(unusable)}} ","dim", [(str(order), "dim") for order in range(len(zone.unusable))]),
        (f" {unusable} ", "dim", [(str(each), "" if each else "dim") for each in zone.unusable]),
        (f" {extfrag:<{len(unusable)}} ", "dim", [("-" if each == -1000 else str(each), "dim" if each == -1000 else "")
                               for each in zone.extfrag]),
    ]  # fmt: skip
    return aligned(lines, width)


def path(snap: Snapshot, look: Look, width: int, height: int) -> list[Row]:
    """The stages of the slow path, one a row."""
    if snap.request is None:
        return []
    if not snap.request.path:
        found = snap.request.found.pfn >= 0
        words = "the fast path finds a page: no slow path" if found else "what it meets there is decided step by step"
        return [((f" {words}", "dim"),)]
    wide = max(len(stage.name) for stage in snap.request.path)
    rows: list[Row] = []
    for stage in snap.request.path:
        style = "good" if stage.verdict.split()[0] in ("found", "progress", "success") else ""
        times = f"  x{stage.times}" if stage.times > 1 else ""
        rows.append(
            ((f" {stage.name:<{wide}}  ", "bold"), (stage.verdict, style), (f"  {stage.numbers}{times}", "dim"))
        )
    return rows
