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
    ALLOC_CPUSET,
    ALLOC_HIGHATOMIC,
    ALLOC_MIN_RESERVE,
    ALLOC_NO_WATERMARKS,
    ALLOC_NOFRAGMENT,
    ALLOC_NON_BLOCK,
    ALLOC_WMARK_MASK,
    MIGRATE_MOVABLE,
    MIGRATE_PCPTYPES,
    WMARK_HIGH,
    WMARK_MIN,
    ZONE_BELOW_HIGH,
)
from kernelmodel.machine import Machine
from kernelmodel.mm.buddy import del_head, expand, gfp_migratetype, head_block, peek_smallest
from kernelmodel.mm.watermark import Test, watermark_test
from kernelmodel.mm.zonelist import Scope, scope


class Try(NamedTuple):
    """One zone that gave nothing: its watermark test, and what was missing."""

    test: Test
    reason: str
    """``watermark``; ``reserve`` (enough, but kept for others: lowmem_reserve, highatomic, CMA); ``no-block``;
    ``migratetype`` (no block of a type that it may have); ``nofragment`` (only one that would have to be stolen)."""
    flags: int
    arg: int = 0
    """Pages that count as free; for ``no-block`` the highest order that is left, for ``migratetype`` the request's
    type, for ``nofragment`` the order of the block."""


class Fallback(NamedTuple):
    """How a block of another type is taken."""

    source: int
    """Migratetype of the list that it stands on."""
    order: int
    """Its order."""
    pfn: int
    rest: int
    """Migratetype of the lists that get what is split off."""
    retyped: int = 0
    """Pageblocks that become the request's type."""
    whole: bool = False
    """Do all free blocks of its pageblock go to the request's lists?"""
    moved: int = 0
    """Pages that go to the request's lists."""
    boosts: int = 0
    """How often the watermarks are boosted on the way."""
    free: int = 0
    alike: int = 0
    """Where its pageblock was looked into: free pages, and used ones that suit the request's type; half is enough."""


class Found(NamedTuple):
    """What a request would get."""

    zone: int
    pfn: int
    block: int
    """Order of the block that it comes from."""
    wmark: int
    how: str = "own"
    """``pcp``, ``own`` (lists of its own type), ``cma``, ``highatomic`` (the reserve), ``claim`` or ``steal`` (another
    type's; ``claim`` if a pageblock becomes the request's)."""
    flags: int = 0
    """Alloc flags of the pass."""
    fallback: Fallback | None = None
    """With ``claim`` and ``steal``."""
    tries: tuple[Try, ...] = ()
    """Zones that gave nothing before."""
    below_high: tuple[int, ...] = ()
    """Zones that were seen below their high mark for the first time (``mark_below_high``)."""


class Refused(NamedTuple):
    """Why a request gets nothing: the reason and number of its node's first zone, and every zone that was looked at."""

    reason: str
    """As in ``Try``; ``no-zone``: it may use none."""
    arg: int
    tries: tuple[Try, ...] = ()
    below_high: tuple[int, ...] = ()


def defrag_mode(m: Machine) -> bool:
    """vm.defrag_mode, from 6.15 on."""
    return bool(m.knobs.get("defrag_mode")) and m.release >= (6, 15)


def fast_flags(m: Machine, gfp: int, node: int) -> int:
    """Alloc flags of the fast path."""
    where = m.scopes.get((node, gfp)) or scope(m, node, gfp)
    return where.fast | ALLOC_NOFRAGMENT if m.knobs.get("defrag_mode") and defrag_mode(m) else where.fast


def slow_flags(m: Machine, gfp: int, order: int) -> int:
    """gfp_to_alloc_flags(): from 6.18 on only __GFP_HIGH makes a request of high order highatomic.

    The request is not made by a real-time task.
    """
    flags = WMARK_MIN | gfp & (__GFP_HIGH | __GFP_KSWAPD_RECLAIM)
    if gfp & __GFP_DIRECT_RECLAIM:
        flags |= ALLOC_CPUSET
    else:
        if not gfp & __GFP_NOMEMALLOC:
            flags |= ALLOC_NON_BLOCK
            if order and (flags & ALLOC_MIN_RESERVE or m.release < (6, 18)):
                flags |= ALLOC_HIGHATOMIC
        if not flags & ALLOC_MIN_RESERVE:
            flags |= ALLOC_CPUSET
    if gfp_migratetype(gfp) == MIGRATE_MOVABLE:
        flags |= ALLOC_CMA
    return flags | ALLOC_NOFRAGMENT if defrag_mode(m) else flags


def get_page_from_freelist(m: Machine, gfp: int, order: int, flags: int, node: int) -> Found | Refused:
    """What the zones give: one pass, and more where the kernel starts again.

    With ALLOC_NOFRAGMENT, reaching another node starts again without it, and so does the end of the list (not if
    nothing was missing for it).  From 6.18 on nodes whose kswapd is awake are passed over at first.  No cpusets, no
    dirty limits, no node reclaim.
    """
    where = m.scopes.get((node, gfp)) or scope(m, node, gfp)
    zones, highest, migratetype, _ = where
    wmark = flags & ALLOC_WMARK_MASK
    below_high: tuple[int, ...] = ()
    several = m.zones[-1].node > 0
    skip_kswapd_nodes = several and m.release >= (6, 18)
    probes = m.pcp and m.release >= (6, 7)
    tries: list[Try] = []
    while True:
        first, remote, skipped = len(tries), False, False
        for zone in zones:
            if several:
                there = m.zones[zone].node
                if flags & ALLOC_NOFRAGMENT and there != m.zones[zones[0]].node and not defrag_mode(m):
                    remote = True
                    break
                if skip_kswapd_nodes and m.kswapd_order.get(there):
                    skipped = True
                    continue
            mark = wmark
            if probes and not m.zone_flags.get(zone) & ZONE_BELOW_HIGH and zone not in below_high:
                mark = WMARK_HIGH
            found = usual(m, zone, order, mark, where, flags)
            if found is None:
                test = watermark_test(m, zone, order, mark, highest, flags)
                if mark != wmark and not test.ok:
                    below_high = (*below_high, zone)
                    test = watermark_test(m, zone, order, wmark, highest, flags)
                if test.ok or flags & ALLOC_NO_WATERMARKS:
                    found = peek_rmqueue(m, zone, order, migratetype, flags)
            if found is not None:
                return found._replace(tries=tuple(tries), below_high=below_high) if tries or below_high else found
            tries.append(missing(m, test, migratetype, flags))
        if skipped and not remote:
            skip_kswapd_nodes = False
        elif remote or (any(each.reason == "nofragment" for each in tries[first:]) and not defrag_mode(m)):
            flags &= ~ALLOC_NOFRAGMENT
        else:
            return refusal(m, tries, first, node, below_high)


def usual(m: Machine, zone: int, order: int, mark: int, where: Scope, flags: int) -> Found | None:
    """What most requests come to, in few steps: the zone has a block of their type, and is far from its marks.

    None: ask in full.
    """
    if m.mixed and (m.nr_reserved_highatomic.get(zone) or (m.cma and not flags & ALLOC_CMA)):
        return None
    needed = m.watermark.get(zone * 4 + mark) + m.watermark_boost.get(zone) + m.zones[zone].reserve[where.highest]
    if m.nr_free_pages.get(zone) < needed + (1 << order):
        return None
    base = m.list_number(zone, where.migratetype, 0)
    for block in range(order, m.orders):
        if m.nr_free.get(base + block):
            if m.pcp or m.cma or flags & ALLOC_HIGHATOMIC:
                return peek_rmqueue(m, zone, order, where.migratetype, flags)
            return Found(zone, head_block(m, base + block), block, flags & ALLOC_WMARK_MASK, "own", flags)
    return None


def missing(m: Machine, test: Test, migratetype: int, flags: int) -> Try:
    """What a zone lacks that gave nothing."""
    if test.ok or flags & ALLOC_NO_WATERMARKS:
        if flags & ALLOC_NOFRAGMENT:
            found = peek_rmqueue(m, test.zone, test.order, migratetype, flags & ~ALLOC_NOFRAGMENT)
            if found is not None:
                return Try(test, "nofragment", flags, found.block)
        return Try(test, "migratetype", flags, migratetype)
    if test.enough:
        return Try(test, "no-block", flags, largest_block(m, test.zone))
    return Try(test, "reserve" if test.kept else "watermark", flags, test.free - test.unusable)


def refusal(m: Machine, tries: list[Try], first: int, node: int, below_high: tuple[int, ...]) -> Refused:
    """The reason in one code: that of the first zone of the request's node, in the last pass."""
    for at in (*range(first, len(tries)), *range(first)):
        test, reason, _, arg = tries[at]
        if m.zones[test.zone].node == node:
            return Refused(reason, arg, tuple(tries), below_high)
    return Refused("no-zone", 0, tuple(tries), below_high)


def mark_below_high(m: Machine, seen: Found | Refused) -> None:
    """Store what a pass has seen: ZONE_BELOW_HIGH, after which frees keep less in the CPUs' own lists (from 6.7 on)."""
    for zone in seen.below_high:
        m.zone_flags.set(zone, m.zone_flags.get(zone) | ZONE_BELOW_HIGH)


def largest_block(m: Machine, zone: int) -> int:
    """Highest order of which a free block of a mobile type is left, -1 if there is none."""
    largest = -1
    for mt in range(MIGRATE_PCPTYPES):
        counts = m.nr_free.run(m.list_number(zone, mt, 0), m.orders)
        while counts and not counts[-1]:
            counts.pop()
        largest = max(largest, len(counts) - 1)
    return largest


def peek_rmqueue(m: Machine, zone: int, order: int, migratetype: int, flags: int) -> Found | None:
    """The page that ``rmqueue`` would take from a zone that passed the test."""
    if m.pcp:
        from kernelmodel.mm.pcp import peek_pcp

        if (found := peek_pcp(m, zone, order, migratetype, flags)) is not None:
            return found
    if not m.cma and not flags & ALLOC_HIGHATOMIC:
        pfn, block = peek_smallest(m, zone, order, migratetype)
        if pfn >= 0:
            return Found(zone, pfn, block, flags & ALLOC_WMARK_MASK, "own", flags)
    from kernelmodel.mm.fallback import peek

    return peek(m, zone, order, migratetype, flags)


def rmqueue(m: Machine, found: Found, order: int, migratetype: int) -> int:
    """Take what ``get_page_from_freelist`` found in this state: the pfn, off the lists and out of NR_FREE_PAGES."""
    zone, pfn = found.zone, -1
    if m.pcp:
        from kernelmodel.mm.pcp import pcp_allowed_order, rmqueue_pcplist

        if pcp_allowed_order(m, order):
            pfn = rmqueue_pcplist(m, zone, order, migratetype, found.flags)
    if found.how == "own" and pfn < 0:
        base = m.list_number(zone, migratetype, 0)
        pfn = del_head(m, base + found.block)
        if found.block > order:
            expand(m, base, pfn, order, found.block)
        m.nr_free_pages.add(zone, -(1 << order))
    elif pfn < 0:
        from kernelmodel.mm.fallback import take

        pfn = take(m, found, order, migratetype)
    if found.flags & ALLOC_HIGHATOMIC:
        from kernelmodel.mm.highatomic import reserve_highatomic_pageblock

        reserve_highatomic_pageblock(m, zone, pfn, order, found.how)
    return pfn
