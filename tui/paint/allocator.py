# SPDX-License-Identifier: GPL-2.0-only
"""The page allocator in several views: free lists, the request at hand, the map of pageblocks, the CPU's own lists,
the way through the slow path.  Where there is room, some stand below the one that was chosen."""

from __future__ import annotations

from collections.abc import Callable

from kernelmodel.snapshot import NextBlock, Snapshot, ZoneView
from tui.paint.columns import HEAD, Line, aligned, gfp_rows
from tui.paint.look import Look
from tui.paint.rows import Row, Seg, hexa

HELP = (
    "Five views, V turns them; Z: another zone, those of the request at hand first. With room, more views stand below.",
    "lists: free blocks per order as in /proc/buddyinfo, by migratetype where there are several   * changed",
    "✓ above the watermarks   ! below low or high   ✗ below min, or nothing would do   ▶ the order that is being tried",
    "next order 4: the block that the next allocation of that order takes, and whose if it is another type's",
    "← → choose an order (the title names it): p prints its count, { } go to where it changed before and next",
    "test: for each zone that the request looks at, is free - unusable > mark + reserve, and is there a large block;",
    "the block that it gets, and where its halves go; per order, in thousandths, how much of what is free is of no use",
    "(unusable), and whether it fails for want of memory (extfrag 0) or because that is in pieces (1000)",
    "path: the stages of the slow path as they went or, in this state, would go",
    "map: pageblocks, one or more a cell   · free   ▁▂▃▄▅▆▇█ movable, how much is in use   @ the folio at hand",
    "U unmovable E reclaimable H highatomic C CMA I isolated: at least a quarter of a cell; small: half or less in use",
    "+ the block that the request takes   arrows, PgUp PgDn, Home: the cursor   i finer, I coarser",
    "pcp: the CPU's own lists (per-CPU pages): how many blocks each holds, and which are taken first",
)
VIEWS = ("lists", "test", "map", "pcp", "path")
ROWS = {"lists": 8, "test": 8, "map": 7, "pcp": 5, "path": 6}
"""Rows that a view wants, its heading among them where it is not the first."""
FIRST = ROWS | {"map": 18, "path": 14}
"""Rows that the chosen view wants before others stand below it."""


def views(look: Look, height: int) -> dict[str, int]:
    """Which views a pane of ``height`` rows shows, the chosen one first, and how many rows each gets."""
    first = look.allocator
    found, room = {first: 0}, height - FIRST[first]
    for name in VIEWS:
        if name != first and ROWS[name] <= room:
            found[name] = ROWS[name]
            room -= ROWS[name]
    found[first] = height - sum(found.values())
    return found


def cells(look: Look, width: int, height: int) -> int:
    """Cells of the map in a pane of this size."""
    shown = views(look, height)
    if "map" not in shown:
        return 0
    from tui.paint import blockmap

    return blockmap.wanted(width, shown["map"] - (look.allocator != "map"))


def title(snap: Snapshot, look: Look) -> str:
    """The view, the zone, their keys, the order under the cursor."""
    many = len(snap.zone_names)
    words = f"allocator {look.allocator} (V)  node {snap.zones[0].node} zone {snap.zones[0].name}"
    if many > 1:
        words += f" (Z {snap.zone_at + 1}/{many})"
    order = look.row.get("allocator", -1)
    return words if order < 0 else f"{words}  » order {order}"


def paint(snap: Snapshot, look: Look, width: int, height: int) -> list[Row]:
    """The chosen view, below it others as far as there is room for them."""
    rows: list[Row] = []
    for name, high in views(look, height).items():
        if name == look.allocator:
            rows = painter(name)(snap, look, width, high)
            spare = max(high - len(rows), 0)
        elif body := painter(name)(snap, look, width, high - 1)[: high - 1 + spare]:
            rows += [((f"─ {name} ", "rule"), ("─" * max(width - len(name) - 3, 0), "rule")), *body]
            spare += high - 1 - len(body)
    return rows


def lists(snap: Snapshot, look: Look, width: int, height: int) -> list[Row]:
    """Per zone: counts, delta, watermarks, next blocks; then gfp and memcg."""
    rows: list[Row] = []
    for zone in snap.zones:
        if len(snap.zone_names) > 1:
            rows.append(((f" node {zone.node} zone {zone.name}", "bold"),))
        rows += _counts(zone, width)
        rows.append(_watermarks(zone))
        rows += _next(snap, look, zone)
    rows += _gfp(snap, width)
    charged, limit = snap.memcg
    if charged or limit >= 0:
        rows.append(((f" memcg charged {charged} pages", ""), (f", limit {limit}" if limit >= 0 else "", "")))
    return rows


_SHORT = {
    "Unmovable": "Unmov", "Movable": "Mov", "Reclaimable": "Recl", "HighAtomic": "HiAt", "Isolate": "Isol",
}  # fmt: skip


def _counts(zone: ZoneView, width: int) -> list[Row]:
    """Rows as in /proc/buddyinfo: order, free blocks, what the last step did to them; the same by type."""
    lines = [(f" {HEAD} ", "dim", [(str(order), "dim") for order in range(len(zone.nr_free))])]
    lines += _free("free", zone.nr_free, zone.delta, True)
    if len(zone.types) > 1:
        for row in zone.types:
            lines += _free(_SHORT.get(row.name, row.name), row.nr_free, row.delta, False)
    return aligned(lines, width)


def _free(name: str, nr_free: tuple[int, ...], delta: tuple[int, ...], always: bool) -> list[Line]:
    """The counts of a list, and how they changed."""
    counts = [(str(free), "changed" if by else "" if free else "dim") for free, by in zip(nr_free, delta, strict=False)]
    rows: list[Line] = [(f" {name:<5} ", "dim", counts)]
    moved = any(delta)
    if always or moved:
        changes = [(f"{by:+d}" if by else ".", "changed" if by else "dim") for by in delta]
        rows.append((f"{'*' if moved else ' '}delta ", "changed" if moved else "dim", changes))
    return rows


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
    boost = f" boost {zone.boost}" if zone.boost else ""
    return (
        (f" free {zone.free} ", ""),
        (where, style),
        (f"  min {zone.min} low {zone.low} high {zone.high}{boost}", "dim"),
    )


def _next(snap: Snapshot, look: Look, zone: ZoneView) -> list[Row]:
    """Which block the next allocation takes: first of the order under the cursor, then of the others."""
    current = [row.order for row in snap.orders if row.cursor]
    if snap.event is not None and snap.event.kind == "alloc":
        current = [snap.event.order]
    asked = sorted({row.order for row in snap.orders} | {0}, reverse=True)
    chosen = look.row.get("allocator", -1)
    first = [chosen] if chosen >= 0 else current
    rows: list[Row] = []
    for order in [*first, *(order for order in asked if order not in first)]:
        if order < len(zone.next_block):
            mark = ("▶", "here") if order in current else (" ", "")
            rows.append((mark, (f"next order {order}: ", ""), *taken(zone.next_block[order], order)))
    return rows


_NOTHING = {
    "watermark": "✗ the watermarks forbid it", "reserve": "✗ enough, but kept for other requests",
    "no-block": "✗ no block is large enough", "migratetype": "✗ no block of a type that it may have",
    "nofragment": "✗ only a block that would have to be stolen", "no-zone": "✗ there is no zone that it may use",
}  # fmt: skip


def taken(block: NextBlock, order: int) -> list[Seg]:
    """Where a block comes from, in words."""
    if block.pfn < 0:
        return [(_NOTHING.get(block.how, f"✗ {block.how}"), "bad")]
    words: list[Seg] = [(f"pfn {hexa(block.pfn)}", "number")]
    words.append((" as it is" if block.block == order else f" split from order {block.block}", "dim"))
    if block.how == "pcp":
        words[-1] = (" from the CPU's own list", "dim")
    elif block.how in ("claim", "steal"):
        words.append((f", {'claimed' if block.how == 'claim' else 'stolen'} from {block.type}", "warn"))
        if block.retyped:
            many = "the pageblock changes" if block.retyped == 1 else f"{block.retyped} pageblocks change"
            words.append((f": {many} type", "warn"))
        if block.moved > 1 << order:
            words.append((f", {block.moved} pages move", "warn"))
    elif block.how != "own":
        words.append((f", of {block.how}", "warn"))
    return words


def _gfp(snap: Snapshot, width: int) -> list[Row]:
    if snap.gfp < 0:
        return [((" gfp is not computed yet", "dim"),)]
    return gfp_rows(f" gfp {hexa(snap.gfp)} ", snap.gfp_names, width)


def painter(name: str) -> Callable[[Snapshot, Look, int, int], list[Row]]:
    """What paints a view; those that are not on every screen are loaded when they are wanted."""
    if name == "lists":
        return lists
    if name == "pcp":
        from tui.paint import pcp

        return pcp.paint
    if name == "map":
        from tui.paint import blockmap

        return blockmap.paint
    from tui.paint import request

    return request.path if name == "path" else request.paint
