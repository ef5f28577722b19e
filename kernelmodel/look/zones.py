# SPDX-License-Identifier: GPL-2.0-only
"""The allocator as it is shown: free lists, what the next request of each order gets, the request at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kernelmodel.defs import (
    ALLOC_NAMES,
    ALLOC_NOFRAGMENT,
    ALLOC_WMARK_MASK,
    MIGRATE_NAMES,
    MIGRATE_PCPTYPES,
    MIGRATE_TYPES,
    flag_names,
    gfp_names,
)
from kernelmodel.look.asked import Asked
from kernelmodel.look.blockmap import block_map
from kernelmodel.look.delta import Delta
from kernelmodel.machine import Machine
from kernelmodel.mm.buddy import gfp_migratetype
from kernelmodel.mm.extfrag import fragmentation_index, unusable_free_index
from kernelmodel.mm.freelist import Found, Refused, fast_flags, peek_rmqueue, slow_flags
from kernelmodel.mm.page_alloc import look
from kernelmodel.mm.watermark import Test, watermark_test
from kernelmodel.mm.zonelist import gfp_zone
from kernelmodel.snapshot import (
    MapView,
    NextBlock,
    OrderRow,
    PcpList,
    PcpView,
    RequestView,
    StageView,
    TryView,
    TypeRow,
    View,
    ZoneView,
)

if TYPE_CHECKING:
    from kernelmodel.session import Session

MARKS = ("min", "low", "high", "promo")
MAX_TRIES = 64
"""Zones of a request that are shown."""
FIRST_PAGES = 4
"""Pages of a CPU's list that are shown."""


class Allocator(NamedTuple):
    """The fields of a ``Snapshot`` that are about the allocator."""

    zone_names: tuple[tuple[int, str], ...]
    zone_at: int
    zones: tuple[ZoneView, ...]
    request: RequestView | None
    pcp: PcpView | None
    blocks: MapView | None


def allocator(session: Session, delta: Delta, orders: tuple[OrderRow, ...], gfp: int, view: View) -> Allocator:
    """The allocator as the CPU in view finds it."""
    m, parts = session.m, view.allocator
    asked = Asked(session, orders, gfp, view)
    driven, m.this_cpu = m.this_cpu, asked.cpu
    zones = zone_views(m, delta, asked, view)
    request = request_view(m, asked, view) if "test" in parts or "path" in parts else None
    m.this_cpu = driven
    return Allocator(
        tuple((m.zones[n].node, m.zones[n].name) for n in asked.zones),
        asked.shown,
        zones,
        request,
        pcp_view(m, asked) if "pcp" in parts else None,
        map_view(m, asked, view, zones[0]) if "map" in parts and view.cells else None,
    )


def zone_views(m: Machine, delta: Delta, asked: Asked, view: View) -> tuple[ZoneView, ...]:
    """Free lists, marks, and what the next request of each order would get from each zone in view."""
    shown = (*asked.zones[asked.shown :], *asked.zones[: asked.shown])[: view.zones]
    return tuple(_zone_view(m, number, delta, asked, view) for number in shown)


def _zone_view(m: Machine, number: int, delta: Delta, asked: Asked, view: View) -> ZoneView:
    span = m.zones[number]
    types, none = [], (0,) * m.orders
    for mt in range(MIGRATE_TYPES):
        lists = range(m.list_number(number, mt, 0), m.list_number(number, mt + 1, 0))
        free = tuple(m.nr_free.run(lists[0], m.orders))
        change = none if delta.lengths.keys().isdisjoint(lists) else tuple(map(delta.longer, lists))
        if any(free) or any(change):
            types.append(TypeRow(MIGRATE_NAMES[mt], free, change))
    orders = range(m.orders if "test" in view.allocator else 0)
    nr_free = tuple(map(sum, zip(none, *(row.nr_free for row in types), strict=True)))
    fast = fast_flags(m, asked.gfp, asked.node)
    low, middle, high = (m.watermark.get(number * 4 + level) for level in range(3))
    return ZoneView(
        span.name, span.node, nr_free, tuple(map(sum, zip(none, *(row.delta for row in types), strict=True))),
        m.nr_free_pages.get(number), low, middle, high,
        tuple(next_block(m, number, asked.gfp, order, fast) for order in range(m.orders)),
        types=tuple(types),
        boost=m.watermark_boost.get(number),
        unusable=tuple(unusable_free_index(nr_free, order) for order in orders),
        extfrag=tuple(fragmentation_index(nr_free, order) for order in orders),
    )  # fmt: skip


def next_block(m: Machine, zone: int, gfp: int, order: int, fast: int) -> NextBlock:
    """What a request would get of one zone: in the fast path's pass (alloc flags ``fast``), else in the slow path's."""
    why = "watermark"
    for n in range(3):
        flags = slow_flags(m, gfp, order) if n == 2 else fast & ~ALLOC_NOFRAGMENT if n else fast
        test = watermark_test(m, zone, order, flags & ALLOC_WMARK_MASK, gfp_zone(gfp), flags)
        if test.ok:
            found = peek_rmqueue(m, zone, order, gfp_migratetype(gfp), flags)
            if found is not None:
                return _found(found)
        why = "watermark" if not test.enough else "no-block" if not test.block else "migratetype"
    return NextBlock(-1, -1, why)


def _found(found: Found) -> NextBlock:
    other = found.fallback
    if other is None:
        return NextBlock(found.pfn, found.block, found.how)
    return NextBlock(found.pfn, found.block, found.how, MIGRATE_NAMES[other.source], other.retyped, other.moved)


def request_view(m: Machine, asked: Asked, view: View) -> RequestView:
    """The request at hand: each zone that is tried, and what comes of it."""
    gfp, order, node = asked.gfp, asked.order, asked.node
    found = look(m, gfp, order, node)
    tries = [_try(m, each.test, each.reason, each.flags) for each in found.tries[:MAX_TRIES]]
    path = _path(m, asked) if "path" in view.allocator else ()
    if isinstance(found, Refused):
        nothing = NextBlock(-1, -1, found.reason)
        return RequestView(gfp, gfp_names(gfp), order, node, nothing, "", tuple(tries), path)
    test = watermark_test(m, found.zone, order, found.flags & ALLOC_WMARK_MASK, gfp_zone(gfp), found.flags)
    tries.append(_try(m, test, "", found.flags))
    name = m.zones[found.zone].name
    return RequestView(gfp, gfp_names(gfp), order, node, _found(found), name, tuple(tries), path)


def _try(m: Machine, test: Test, reason: str, flags: int) -> TryView:
    span = m.zones[test.zone]
    return TryView(
        span.name, span.node, test.order, MARKS[test.wmark], test.free, test.unusable, test.min, test.reserve,
        test.enough, test.block, reason, flag_names(flags, ALLOC_NAMES),
    )  # fmt: skip


def _path(m: Machine, asked: Asked) -> tuple[StageView, ...]:
    """The way through the slow path: as it went, else as it would go in this state."""
    from kernelmodel.mm.slowpath import told_path

    path = asked.path or told_path(m, asked.gfp, asked.order, asked.node)
    return tuple(
        StageView(
            f"{stage.at} {stage.what}",
            f"{stage.verdict} ({stage.why})" if stage.why else stage.verdict,
            "/".join(map(str, stage.numbers)),
            stage.times,
        )
        for stage in path
    )


def pcp_view(m: Machine, asked: Asked) -> PcpView | None:
    """The page lists of a CPU in the zone in view; None where CPUs have none."""
    if not m.pcp:
        return None
    from kernelmodel.mm import pcp

    cpu, zone = asked.cpu, asked.zones[asked.shown]
    place, span = pcp.pcp_place(m, cpu, zone), m.zones[zone]
    lists = []
    for pindex in range(pcp.NR_PCP_LISTS):
        number, name = pcp.pcp_list(place, pindex), f"order {pcp.pindex_to_order(m, pindex)}"
        if pindex < pcp.NR_LOWORDER_PCP_LISTS:
            name += f" {MIGRATE_NAMES[pindex % MIGRATE_PCPTYPES]}"
        elif m.release >= (6, 10):
            name += " Movable" if pindex > pcp.NR_LOWORDER_PCP_LISTS else " other"
        first: list[int] = []
        count, node = 0, m.lists.first(number)
        while node:
            count += 1
            if count <= FIRST_PAGES:
                first.append(node)
            node = m.lists.after(node, number)
        if count:
            lists.append(PcpList(name, count, tuple(first)))
    return PcpView(
        cpu, span.name, span.node, m.pcp_count.get(place), m.pcp_high.get(place), span.pcp_batch,
        m.pcp_factor.get(place), tuple(lists),
    )  # fmt: skip


def map_view(m: Machine, asked: Asked, view: View, shown: ZoneView) -> MapView:
    """The map of the pageblocks of the zone in view, with the folio and the next block of the request at hand."""
    zone, following = asked.zones[asked.shown], shown.next_block[asked.order].pfn
    return block_map(m).view(zone, view.cells, view.scale, view.cell_at, asked.folio, following)
