# SPDX-License-Identifier: GPL-2.0-only
"""The page allocator: free blocks per order and their change, watermarks, gfp, and what the next allocation takes."""

from __future__ import annotations

from kernelmodel.snapshot import Snapshot, ZoneView
from tui.paint.look import Look
from tui.paint.rows import Row, Seg, hexa

HELP = (
    "Free blocks per order as in /proc/buddyinfo, and how many more than at the stop before.",
    "✓ above the watermarks   ! below low or high   ✗ below min, or nothing would do   * changed",
    "next order 4: the block that the next allocation of that order takes   ▶ the order that is being tried",
    "← → choose an order (the title names it): p prints its count, { } go to where it changed before and next",
)


def title(snap: Snapshot, look: Look) -> str:
    """The zones in view, and the order under the cursor."""
    words = "allocator  " + ", ".join(f"node {zone.node} zone {zone.name}" for zone in snap.zones)
    order = look.row.get("allocator", -1)
    return words if order < 0 else f"{words}  » order {order}"


def paint(snap: Snapshot, look: Look, width: int, height: int) -> list[Row]:
    """Per zone: counts, delta, watermarks, next blocks; then gfp and memcg."""
    rows: list[Row] = []
    for zone in snap.zones:
        rows += _counts(zone, width)
        rows.append(_watermarks(zone))
        rows += _next(snap, zone)
    rows += _gfp(snap, width)
    charged, limit = snap.memcg
    if charged or limit >= 0:
        rows.append(((f" memcg charged {charged} pages", ""), (f", limit {limit}" if limit >= 0 else "", "")))
    return rows


def _counts(zone: ZoneView, width: int) -> list[Row]:
    """Three rows as in /proc/buddyinfo: order, free blocks, what the last step did to them."""
    columns = []
    for order, (free, delta) in enumerate(zip(zone.nr_free, zone.delta, strict=False)):
        change = f"{delta:+d}" if delta else "."
        columns.append((str(order), str(free), change, delta))
    wide = max((max(len(a), len(b), len(c)) for a, b, c, _ in columns), default=1) + 1
    if wide * len(columns) + 7 > width:
        wide = 0
    head: list[Seg] = [(" order ", "dim")]
    free_row: list[Seg] = [(" free  ", "dim")]
    moved = any(delta for *_, delta in columns)
    delta_row: list[Seg] = [("*" if moved else " ", "changed"), ("delta ", "dim")]
    for name, count, change, delta in columns:
        size = wide or max(len(name), len(count), len(change)) + 1
        head.append((f"{name:>{size}}", "dim"))
        free_row.append((f"{count:>{size}}", "changed" if delta else "" if count != "0" else "dim"))
        delta_row.append((f"{change:>{size}}", "changed" if delta else "dim"))
    return [tuple(head), tuple(free_row), tuple(delta_row)]


def _watermarks(zone: ZoneView) -> Row:
    where, style = (
        ("✗ below min", "bad")
        if zone.free < zone.min
        else ("! below low", "warn")
        if zone.free < zone.low
        else ("! below high", "warn")
        if zone.free < zone.high
        else ("✓", "good")
    )
    return (
        (f" free {zone.free} ", ""),
        (where, style),
        (f"  min {zone.min} low {zone.low} high {zone.high}", "dim"),
    )


def _next(snap: Snapshot, zone: ZoneView) -> list[Row]:
    """Which block the next allocation takes: first of the order under the cursor, then of the others."""
    current = [row.order for row in snap.orders if row.cursor]
    asked = sorted({row.order for row in snap.orders} | {0}, reverse=True)
    rows: list[Row] = []
    for order in [*current, *(order for order in asked if order not in current)]:
        if order >= len(zone.next_block):
            continue
        pfn, source = zone.next_block[order]
        row: list[Seg] = [("▶" if order in current else " ", "here"), (f"next order {order}: ", "")]
        if pfn < 0:
            row.append(("✗ no block is large enough", "bad"))
        else:
            row.append((f"pfn {hexa(pfn)}", "number"))
            row.append((" as it is" if source == order else f" split from order {source}", "dim"))
        rows.append(tuple(row))
    return rows


def _gfp(snap: Snapshot, width: int) -> list[Row]:
    if snap.gfp < 0:
        return [((" gfp is not computed yet", "dim"),)]
    rows: list[Row] = []
    row: list[Seg] = [(f" gfp {hexa(snap.gfp)} ", "")]
    used = len(row[0][0])
    for at, name in enumerate(snap.gfp_names):
        text = ("|" if at else "") + name
        if used + len(text) > width:
            rows.append(tuple(row))
            row, used = [("   ", "")], 3
        row.append((text, "number"))
        used += len(text)
    return [*rows, tuple(row)]
