# SPDX-License-Identifier: GPL-2.0-only
"""One pass over the zonelist (Linux mm/page_alloc.c, get_page_from_freelist() and rmqueue()).

``get_page_from_freelist`` stores nothing: it says which zone and block a request gets, or why it gets none.
``rmqueue`` takes what was found.
"""

from __future__ import annotations

from typing import NamedTuple

from kernelmodel.defs import (
    __GFP_DIRECT_RECLAIM,
    __GFP_HIGH,
    __GFP_KSWAPD_RECLAIM,
    __GFP_NOMEMALLOC,
    ALLOC_CMA,
    ALLOC_HIGHATOMIC,
    ALLOC_KSWAPD,
    ALLOC_MIN_RESERVE,
    ALLOC_NO_WATERMARKS,
    ALLOC_NOFRAGMENT,
    ALLOC_NON_BLOCK,
    ALLOC_WMARK_MASK,
    MIGRATE_MOVABLE,
    WMARK_LOW,
    WMARK_MIN,
    ZONE_DMA32,
    ZONE_NORMAL,
)
from kernelmodel.machine import Machine
from kernelmodel.mm.buddy import __rmqueue_smallest, gfp_migratetype, peek_smallest
from kernelmodel.mm.watermark import Test, watermark_test
from kernelmodel.mm.zonelist import gfp_zone, zonelist


class Found(NamedTuple):
    """What a request would get."""

    zone: int
    pfn: int
    block: int
    """Order of the block that it comes from."""
    wmark: int
    how: str = "own"
    """``pcp``, ``own`` (lists of its own type), ``cma``, ``claim`` or ``steal`` (another type's)."""
    flags: int = 0
    """Alloc flags of the pass."""


class Try(NamedTuple):
    """One zone that gave nothing: its watermark test, and what was missing."""

    test: Test
    reason: str
    """``watermark``, ``no-block`` or ``migratetype``."""
    flags: int


class Refused(NamedTuple):
    """Why a request gets nothing: a reason code and its number, and every zone that was looked at."""

    reason: str
    arg: int
    tries: tuple[Try, ...] = ()


def fast_flags(m: Machine, gfp: int, node: int) -> int:
    """Alloc flags of the fast path: alloc_flags_cma() and alloc_flags_nofragment()."""
    flags = WMARK_LOW
    if gfp_migratetype(gfp) == MIGRATE_MOVABLE:
        flags |= ALLOC_CMA
    if gfp & __GFP_KSWAPD_RECLAIM:
        flags |= ALLOC_KSWAPD
    zones = zonelist(m, node, gfp)
    if zones and m.zones[zones[0]].type == ZONE_NORMAL:
        mine = [zone.type for zone in m.zones if zone.node == m.zones[zones[0]].node]
        if len({zone.node for zone in m.zones}) == 1 or ZONE_DMA32 in mine:
            flags |= ALLOC_NOFRAGMENT
    return flags


def slow_flags(gfp: int, order: int) -> int:
    """gfp_to_alloc_flags() of 6.5."""
    flags = WMARK_MIN
    if gfp & __GFP_HIGH:
        flags |= ALLOC_MIN_RESERVE
    if gfp & __GFP_KSWAPD_RECLAIM:
        flags |= ALLOC_KSWAPD
    if not gfp & __GFP_DIRECT_RECLAIM and not gfp & __GFP_NOMEMALLOC:
        flags |= ALLOC_NON_BLOCK | (ALLOC_HIGHATOMIC if order else 0)
    if gfp_migratetype(gfp) == MIGRATE_MOVABLE:
        flags |= ALLOC_CMA
    return flags


def get_page_from_freelist(m: Machine, gfp: int, order: int, flags: int, node: int) -> Found | Refused:
    """What one pass over the zones gives.  ``Refused`` speaks of the first zone of the request's own node."""
    highest, migratetype = gfp_zone(gfp), gfp_migratetype(gfp)
    tries: list[Try] = []
    for zone in zonelist(m, node, gfp):
        test = watermark_test(m, zone, order, flags & ALLOC_WMARK_MASK, highest, flags)
        if test.ok or flags & ALLOC_NO_WATERMARKS:
            found = peek_rmqueue(m, zone, order, migratetype, flags)
            if found is not None:
                return found
            tries.append(Try(test, "migratetype", flags))
        else:
            tries.append(Try(test, "no-block" if test.enough else "watermark", flags))
    if flags & ALLOC_NOFRAGMENT:
        found_or_not = get_page_from_freelist(m, gfp, order, flags & ~ALLOC_NOFRAGMENT, node)
        if isinstance(found_or_not, Found):
            return found_or_not
        return found_or_not._replace(tries=(*tries, *found_or_not.tries))
    return refusal(m, tries, migratetype, node)


def refusal(m: Machine, tries: list[Try], migratetype: int, node: int) -> Refused:
    """The reason in one code: that of the first zone of the request's node."""
    for test, reason, _ in tries:
        if m.zones[test.zone].node == node:
            arg = {"watermark": test.free - test.unusable, "migratetype": migratetype}.get(reason)
            return Refused(reason, largest_block(m, test.zone) if arg is None else arg, tuple(tries))
    return Refused("no-zone", 0, tuple(tries))


def largest_block(m: Machine, zone: int) -> int:
    """Highest order of which a free block of a mobile type is left, -1 if there is none."""
    for order in range(m.orders - 1, -1, -1):
        if any(m.nr_free.get(m.list_number(zone, mt, order)) for mt in range(3)):
            return order
    return -1


def peek_rmqueue(m: Machine, zone: int, order: int, migratetype: int, flags: int) -> Found | None:
    """The page that ``rmqueue`` would take from a zone that passed the test."""
    wmark = flags & ALLOC_WMARK_MASK
    if m.pcp:
        from kernelmodel.mm.pcp import peek_pcp

        if (found := peek_pcp(m, zone, order, migratetype, flags)) is not None:
            return found
    if m.mixed:
        from kernelmodel.mm.fallback import peek

        return peek(m, zone, order, migratetype, flags)
    pfn, block = peek_smallest(m, zone, order, migratetype)
    return Found(zone, pfn, block, wmark, "own", flags) if pfn >= 0 else None


def rmqueue(m: Machine, found: Found, order: int, migratetype: int) -> int:
    """Take what ``get_page_from_freelist`` found in this state: the pfn, off the lists and out of NR_FREE_PAGES."""
    zone = found.zone
    if m.pcp:
        from kernelmodel.mm.pcp import pcp_allowed_order, rmqueue_pcplist

        if pcp_allowed_order(m, order):
            return rmqueue_pcplist(m, zone, order, migratetype, found.flags)
    if m.mixed:
        from kernelmodel.mm.fallback import rmqueue_buddy

        return rmqueue_buddy(m, zone, order, migratetype, found.flags)
    pfn = __rmqueue_smallest(m, zone, order, migratetype)
    m.nr_free_pages.add(zone, -(1 << order))
    return pfn
