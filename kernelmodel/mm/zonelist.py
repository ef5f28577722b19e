# SPDX-License-Identifier: GPL-2.0-only
"""In which zones a request looks, in which order (mm/page_alloc.c, build_zonelists(); include/linux/gfp.h)."""

from __future__ import annotations

from typing import NamedTuple

from kernelmodel.defs import (
    __GFP_DMA,
    __GFP_DMA32,
    __GFP_HIGHMEM,
    __GFP_KSWAPD_RECLAIM,
    __GFP_MOVABLE,
    __GFP_THISNODE,
    ALLOC_CMA,
    ALLOC_NOFRAGMENT,
    MIGRATE_MOVABLE,
    WMARK_LOW,
    ZONE_DMA,
    ZONE_DMA32,
    ZONE_MOVABLE,
    ZONE_NORMAL,
)
from kernelmodel.machine import Machine
from kernelmodel.mm.buddy import gfp_migratetype


class Scope(NamedTuple):
    """Where requests with one mask look; it follows from the zones and never changes."""

    zones: tuple[int, ...]
    """In this order."""
    highest: int
    """gfp_zone()."""
    migratetype: int
    fast: int
    """Alloc flags of the fast path, unless vm.defrag_mode adds to them."""


def gfp_zone(gfp: int) -> int:
    """The highest zone that a request may use: ZONE_MOVABLE for what is movable and may be in high memory."""
    if gfp & __GFP_DMA:
        return ZONE_DMA
    if gfp & __GFP_DMA32:
        return ZONE_DMA32
    return ZONE_MOVABLE if gfp & __GFP_MOVABLE and gfp & __GFP_HIGHMEM else ZONE_NORMAL


def scope(m: Machine, node: int, gfp: int) -> Scope:
    """What a mask says about where to look."""
    known = m.scopes.get((node, gfp))
    if known is None:
        highest = gfp_zone(gfp)
        zones = tuple(
            number
            for each in ((node,) if gfp & __GFP_THISNODE else node_orders(m)[node])
            for number in range(len(m.zones) - 1, -1, -1)
            if m.zones[number].node == each and m.zones[number].type <= highest
        )
        migratetype = gfp_migratetype(gfp)
        known = m.scopes[node, gfp] = Scope(zones, highest, migratetype, fast_flags(m, gfp, migratetype, zones))
    return known


def fast_flags(m: Machine, gfp: int, migratetype: int, zones: tuple[int, ...]) -> int:
    """gfp_to_alloc_flags_cma() and alloc_flags_nofragment(): not into Normal's pageblocks before DMA32's are tried."""
    flags = WMARK_LOW | gfp & __GFP_KSWAPD_RECLAIM
    if migratetype == MIGRATE_MOVABLE:
        flags |= ALLOC_CMA
    if zones and m.zones[zones[0]].type == ZONE_NORMAL and (not m.zones[-1].node or has_dma32(m, zones[0])):
        flags |= ALLOC_NOFRAGMENT
    return flags


def zonelist(m: Machine, node: int, gfp: int) -> tuple[int, ...]:
    """Zones in the order in which a request looks: its node's from high to low, then the others' (not with
    __GFP_THISNODE)."""
    return scope(m, node, gfp).zones


def has_dma32(m: Machine, zone: int) -> bool:
    """Is ZONE_DMA32 of a zone's node populated?"""
    node = m.zones[zone].node
    return any(each.node == node and each.type == ZONE_DMA32 and each.present for each in m.zones)


def node_orders(m: Machine) -> list[tuple[int, ...]]:
    """For each node all nodes in the order of its fallback list (build_zonelists(), find_next_best_node()).

    All nodes are equally far from each other here.  Then those without CPUs come first, those after the node come
    before those ahead of it, and of equals the one that fewer nodes have as their first.
    """
    nodes, with_cpus = m.zones[-1].node + 1, set(m.cpu_nodes)
    orders: list[tuple[int, ...]] = []
    node_load = [0] * nodes
    for local in range(nodes):
        rank = [((n < local) + (n in with_cpus), node_load[n], n) for n in range(nodes) if n != local]
        others = [n for _, _, n in sorted(rank)]
        if others:
            node_load[others[0]] += 1
        orders.append((local, *others))
    return orders
