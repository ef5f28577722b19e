# SPDX-License-Identifier: GPL-2.0-only
"""In which zones a request looks, in which order (mm/page_alloc.c, build_zonelists(); include/linux/gfp.h)."""

from __future__ import annotations

from kernelmodel.defs import (
    __GFP_DMA,
    __GFP_DMA32,
    __GFP_HIGHMEM,
    __GFP_MOVABLE,
    __GFP_THISNODE,
    ZONE_DMA,
    ZONE_DMA32,
    ZONE_MOVABLE,
    ZONE_NORMAL,
)
from kernelmodel.machine import Machine


def gfp_zone(gfp: int) -> int:
    """The highest zone that a request may use: ZONE_MOVABLE for what is movable and may be in high memory."""
    if gfp & __GFP_DMA:
        return ZONE_DMA
    if gfp & __GFP_DMA32:
        return ZONE_DMA32
    return ZONE_MOVABLE if gfp & __GFP_MOVABLE and gfp & __GFP_HIGHMEM else ZONE_NORMAL


def zonelist(m: Machine, node: int, gfp: int) -> tuple[int, ...]:
    """Zones in the order in which a request looks: its node's from high to low, then the others' (not with
    __GFP_THISNODE)."""
    key = node, gfp & __GFP_THISNODE, gfp_zone(gfp)
    known = m.zonelists.get(key)
    if known is None:
        nodes = sorted({zone.node for zone in m.zones})
        others = [] if gfp & __GFP_THISNODE else [*(n for n in nodes if n > node), *(n for n in nodes if n < node)]
        known = m.zonelists[key] = tuple(
            number
            for each in (node, *others)
            for number in range(len(m.zones) - 1, -1, -1)
            if m.zones[number].node == each and m.zones[number].type <= key[2]
        )
    return known
