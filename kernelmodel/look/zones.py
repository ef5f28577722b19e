# SPDX-License-Identifier: GPL-2.0-only
"""The allocator as it is shown: free lists, and what the next request of each order gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kernelmodel.defs import (
    ALLOC_NOFRAGMENT,
    ALLOC_WMARK_MASK,
    MIGRATE_NAMES,
    MIGRATE_TYPES,
)
from kernelmodel.look.asked import Asked
from kernelmodel.look.delta import Delta
from kernelmodel.machine import Machine
from kernelmodel.mm.buddy import gfp_migratetype
from kernelmodel.mm.freelist import Found, fast_flags, peek_rmqueue, slow_flags
from kernelmodel.mm.watermark import watermark_test
from kernelmodel.mm.zonelist import gfp_zone
from kernelmodel.snapshot import NextBlock, OrderRow, TypeRow, View, ZoneView

if TYPE_CHECKING:
    from kernelmodel.session import Session
    from kernelmodel.snapshot_memory import MapView, PcpView, RequestView


class Allocator(NamedTuple):
    """The fields of a ``Snapshot`` that are about the allocator."""

    zone_names: tuple[tuple[int, str], ...]
    zone_at: int
    zones: tuple[ZoneView, ...]
    request: RequestView | None = None
    pcp: PcpView | None = None
    blocks: MapView | None = None


def allocator(session: Session, delta: Delta, orders: tuple[OrderRow, ...], gfp: int, view: View) -> Allocator:
    """The allocator as the CPU in view finds it."""
    m, parts = session.m, view.allocator
    asked = Asked(session, orders, gfp, view)
    driven, m.this_cpu = m.this_cpu, asked.cpu
    zones = zone_views(m, delta, asked, view)
    found = Allocator(tuple((m.zones[n].node, m.zones[n].name) for n in asked.zones), asked.shown, zones)
    if any(part != "lists" for part in parts):
        from kernelmodel.look import request

        found = found._replace(
            request=request.request_view(m, asked, view) if "test" in parts or "path" in parts else None,
            pcp=request.pcp_view(m, asked) if "pcp" in parts else None,
            blocks=request.map_view(m, asked, view, zones[0]) if "map" in parts and view.cells else None,
        )
    m.this_cpu = driven
    return found


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
    nr_free = tuple(map(sum, zip(none, *(row.nr_free for row in types), strict=True)))
    unusable, extfrag = _indices(nr_free) if "test" in view.allocator else ((), ())
    fast = fast_flags(m, asked.gfp, asked.node)
    low, middle, high = (m.watermark.get(number * 4 + level) for level in range(3))
    return ZoneView(
        span.name, span.node, nr_free, tuple(map(sum, zip(none, *(row.delta for row in types), strict=True))),
        m.nr_free_pages.get(number), low, middle, high,
        tuple(next_block(m, number, asked.gfp, order, fast) for order in range(m.orders)),
        types=tuple(types),
        boost=m.watermark_boost.get(number),
        unusable=unusable,
        extfrag=extfrag,
    )  # fmt: skip


def _indices(nr_free: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """unusable_free_index() and fragmentation_index() of each order."""
    from kernelmodel.mm.extfrag import fragmentation_index, unusable_free_index

    orders = range(len(nr_free))
    unusable = tuple(unusable_free_index(nr_free, order) for order in orders)
    return unusable, tuple(fragmentation_index(nr_free, order) for order in orders)


def next_block(m: Machine, zone: int, gfp: int, order: int, fast: int) -> NextBlock:
    """What a request would get of one zone: in the fast path's pass (alloc flags ``fast``), else in the slow path's."""
    why = "watermark"
    for n in range(3):
        flags = slow_flags(m, gfp, order) if n == 2 else fast & ~ALLOC_NOFRAGMENT if n else fast
        test = watermark_test(m, zone, order, flags & ALLOC_WMARK_MASK, gfp_zone(gfp), flags)
        if test.ok:
            found = peek_rmqueue(m, zone, order, gfp_migratetype(gfp), flags)
            if found is not None:
                return found_block(found)
        why = "watermark" if not test.enough else "no-block" if not test.block else "migratetype"
    return NextBlock(-1, -1, why)


def found_block(found: Found) -> NextBlock:
    """What was found, as it is shown."""
    other = found.fallback
    if other is None:
        return NextBlock(found.pfn, found.block, found.how)
    return NextBlock(found.pfn, found.block, found.how, MIGRATE_NAMES[other.source], other.retyped, other.moved)
