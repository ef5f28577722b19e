# SPDX-License-Identifier: GPL-2.0-only
"""What only some views of the allocator ask for: the request at hand, the CPU's own lists, the map of pageblocks."""

from __future__ import annotations

from kernelmodel.defs import ALLOC_NAMES, ALLOC_WMARK_MASK, MIGRATE_NAMES, MIGRATE_PCPTYPES, flag_names, gfp_names
from kernelmodel.look.asked import Asked
from kernelmodel.look.zones import found_block
from kernelmodel.machine import Machine
from kernelmodel.mm.freelist import Refused
from kernelmodel.mm.page_alloc import look
from kernelmodel.mm.watermark import Test, watermark_test
from kernelmodel.mm.zonelist import gfp_zone
from kernelmodel.snapshot import NextBlock, View, ZoneView
from kernelmodel.snapshot_memory import MapView, PcpList, PcpView, RequestView, StageView, TryView

MARKS = ("min", "low", "high", "promo")
MAX_TRIES = 64
"""Zones of a request that are shown."""
FIRST_PAGES = 4
"""Pages of a CPU's list that are shown."""


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
    return RequestView(gfp, gfp_names(gfp), order, node, found_block(found), name, tuple(tries), path)


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
    from kernelmodel.look.blockmap import block_map

    zone, following = asked.zones[asked.shown], shown.next_block[asked.order].pfn
    return block_map(m).view(zone, view.cells, view.scale, view.cell_at, asked.folio, following)
