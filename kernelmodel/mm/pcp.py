# SPDX-License-Identifier: GPL-2.0-only
"""Per-CPU page lists: free blocks of each zone that a CPU has at hand (Linux mm/page_alloc.c, struct per_cpu_pages).

Orders 0 to 3 have a list for each mobile type; the PMD order has one list for all types, from 6.10 on one for movable
blocks and one for the others (mainline bf14ed81f571).  What was freed last is taken first; a refill appends, a drain
takes from the tails.  Blocks on these lists are not counted in NR_FREE_PAGES, do not merge and pass no watermark test.
How many there may be is in pcp_batch.py.

``place`` is the index of a CPU's lists of a zone: cpu * zones + zone.
"""

from __future__ import annotations

from kernelmodel.defs import (
    ALLOC_CMA,
    ALLOC_HIGHATOMIC,
    ALLOC_NON_BLOCK,
    ALLOC_OOM,
    ALLOC_WMARK_MASK,
    MIGRATE_CMA,
    MIGRATE_ISOLATE,
    MIGRATE_MOVABLE,
    MIGRATE_PCPTYPES,
    PAGE_ALLOC_COSTLY_ORDER,
    WMARK_HIGH,
    ZONE_BELOW_HIGH,
    ZONE_MOVABLE,
)
from kernelmodel.lists import Links
from kernelmodel.machine import Machine
from kernelmodel.mm.buddy import __free_one_page
from kernelmodel.mm.fallback import RMQUEUE_NORMAL, peek, rmqueue_buddy, rmqueue_bulk_one
from kernelmodel.mm.freelist import Found
from kernelmodel.mm.pcp_batch import nr_pcp_alloc, nr_to_drain
from kernelmodel.mm.watermark import watermark_test

NR_LOWORDER_PCP_LISTS = MIGRATE_PCPTYPES * (PAGE_ALLOC_COSTLY_ORDER + 1)
NR_PCP_LISTS = NR_LOWORDER_PCP_LISTS + 2
"""The last one stays empty before 6.10."""


def thp_order(m: Machine) -> int:
    """The order above PAGE_ALLOC_COSTLY_ORDER that has lists: pageblock_order, from 6.10 on HPAGE_PMD_ORDER."""
    return m.arch.pmd_order if m.release >= (6, 10) else m.arch.pageblock_order


def pcp_allowed_order(m: Machine, order: int) -> bool:
    """Do requests of this order go to the lists?"""
    return order <= PAGE_ALLOC_COSTLY_ORDER or order == thp_order(m)


def order_to_pindex(m: Machine, migratetype: int, order: int) -> int:
    """Which of a CPU's lists."""
    if order > PAGE_ALLOC_COSTLY_ORDER:
        return NR_LOWORDER_PCP_LISTS + (migratetype == MIGRATE_MOVABLE and m.release >= (6, 10))
    return MIGRATE_PCPTYPES * order + migratetype


def pindex_to_order(m: Machine, pindex: int) -> int:
    """The order of the blocks on a list."""
    return pindex // MIGRATE_PCPTYPES if pindex < NR_LOWORDER_PCP_LISTS else thp_order(m)


def pcp_place(m: Machine, cpu: int, zone: int) -> int:
    """Index into ``pcp_count`` and its neighbours."""
    return cpu * len(m.zones) + zone


def pcp_list(place: int, pindex: int) -> int:
    """Number of a list, for ``m.lists``."""
    return Links.PCP + place * NR_PCP_LISTS + pindex


# -- allocation --------------------------------------------------------------------------------------
def peek_pcp(m: Machine, zone: int, order: int, migratetype: int, flags: int) -> Found | None:
    """The block that ``rmqueue_pcplist`` would take; None if the order has no lists, or a refill would get nothing."""
    if not pcp_allowed_order(m, order) or skips_lists(m, migratetype, flags):
        return None
    head = m.lists.first(pcp_list(pcp_place(m, m.this_cpu, zone), order_to_pindex(m, migratetype, order)))
    if head:
        return Found(zone, head, order, flags & ALLOC_WMARK_MASK, "pcp", flags)
    if not refills(m, flags):
        return None
    reserves = ALLOC_HIGHATOMIC | ALLOC_NON_BLOCK | ALLOC_OOM  # rmqueue_buddy() may take of these, a refill may not
    found = peek(m, zone, order, migratetype, flags & ~reserves)
    return None if found is None else found._replace(flags=flags)


def skips_lists(m: Machine, migratetype: int, flags: int) -> bool:
    """6.5 leaves the lists alone for movable requests without ALLOC_CMA (the last looks of the slow path): there may be
    CMA pages on them.  6.8 does not."""
    return m.release < (6, 8) and migratetype == MIGRATE_MOVABLE and not flags & ALLOC_CMA


def refills(m: Machine, flags: int) -> bool:
    """May this request fill an empty list?  From 7.1 on high-order atomic ones go to their reserves instead."""
    return m.release < (7, 1) or not flags & ALLOC_HIGHATOMIC


def rmqueue_pcplist(m: Machine, zone: int, order: int, migratetype: int, flags: int) -> int:
    """Take a block off this CPU's list, which is filled first if it is empty; else, from the zone."""
    if skips_lists(m, migratetype, flags):
        return rmqueue_buddy(m, zone, order, migratetype, flags)
    place = pcp_place(m, m.this_cpu, zone)
    halved = m.pcp_factor if m.release < (6, 7) else m.pcp_free_count
    halved.set(place, halved.get(place) >> 1)
    number = pcp_list(place, order_to_pindex(m, migratetype, order))
    got = 0
    if not m.lists.first(number):
        count = nr_pcp_alloc(m, place, order)
        got = rmqueue_bulk(m, zone, order, count, number, migratetype, flags) if refills(m, flags) else 0
        if not got:
            return rmqueue_buddy(m, zone, order, migratetype, flags)
    pfn = m.lists.first(number)
    m.pcp_count.add(place, got - 1 << order)
    take_off(m, pfn, number)
    return pfn


def rmqueue_bulk(m: Machine, zone: int, order: int, count: int, number: int, migratetype: int, flags: int) -> int:
    """Append up to ``count`` blocks to a list, in the order in which the zone gives them; how many there were."""
    mode = RMQUEUE_NORMAL
    for got in range(count):
        pfn, mode = rmqueue_bulk_one(m, zone, order, migratetype, flags, mode)
        if pfn < 0:
            return got
        m.lists.insert(pfn, number, tail=True, counted=False)
        if m.release < (6, 10):
            cma = m.pageblock.get(pfn >> m.arch.pageblock_order) == MIGRATE_CMA
            m.pcppage_migratetype.set(pfn, 1 + (MIGRATE_CMA if cma else migratetype))
    return count


def take_off(m: Machine, pfn: int, number: int) -> None:
    """A block leaves a list."""
    m.lists.remove(pfn, number, counted=False)
    if m.release < (6, 10):
        m.pcppage_migratetype.set(pfn, 0)


# -- freeing -----------------------------------------------------------------------------------------
def free_unref_page(m: Machine, pfn: int, order: int) -> bool:
    """Put a block on this CPU's list; False if it belongs on the zone's: another order, or an isolated pageblock."""
    if not pcp_allowed_order(m, order):
        return False
    migratetype = m.pageblock.get(pfn >> m.arch.pageblock_order)
    if migratetype == MIGRATE_ISOLATE:
        return False
    if m.release < (6, 10):
        m.pcppage_migratetype.set(pfn, 1 + migratetype)
    listed = migratetype if migratetype < MIGRATE_PCPTYPES else MIGRATE_MOVABLE
    free_unref_page_commit(m, m.zone_of(pfn), pfn, listed, order)
    return True


def free_unref_page_commit(m: Machine, zone: int, pfn: int, migratetype: int, order: int) -> None:
    """To the head of its list; then some may have to go, of the same list first.

    (free_frozen_page_commit() from 6.14 on; from 7.0 on it goes batch by batch, each a bit too large where the blocks
    are of a higher order.)
    """
    place, pindex = pcp_place(m, m.this_cpu, zone), order_to_pindex(m, migratetype, order)
    m.lists.insert(pfn, pcp_list(place, pindex), tail=False, counted=False)
    m.pcp_count.add(place, 1 << order)
    to_free = nr_to_drain(m, place, order)
    if not to_free:
        return
    batch = m.zones[zone].pcp_batch if m.release >= (7, 0) else to_free
    while to_free > 0 and m.pcp_count.get(place):
        free_pcppages_bulk(m, place, min(to_free, batch), pindex)
        to_free -= batch
    if m.zone_flags.get(zone) & ZONE_BELOW_HIGH and watermark_test(m, zone, 0, WMARK_HIGH, ZONE_MOVABLE, 0).ok:
        m.zone_flags.set(zone, m.zone_flags.get(zone) & ~ZONE_BELOW_HIGH)


def free_pcppages_bulk(m: Machine, place: int, count: int, pindex: int) -> None:
    """Give at least ``count`` pages back: from the tail of a list until it is empty, then from the next one."""
    had = left = m.pcp_count.get(place)
    least = max(had - count, 0)
    while left > least:
        number, order = pcp_list(place, pindex), pindex_to_order(m, pindex)
        while left > least and m.lists.first(number):
            pfn = m.lists.prev.get(Links.HEAD + number)
            migratetype = drained_type(m, pfn)
            take_off(m, pfn, number)
            __free_one_page(m, pfn, order, migratetype)
            left -= 1 << order
        pindex = (pindex + 1) % NR_PCP_LISTS
    m.pcp_count.add(place, left - had)


def drained_type(m: Machine, pfn: int) -> int:
    """The type of the zone's list to which a block goes: its pageblock's, before 6.10 that of when it came."""
    now = m.pageblock.get(pfn >> m.arch.pageblock_order)
    return now if m.release >= (6, 10) or now == MIGRATE_ISOLATE else m.pcppage_migratetype.get(pfn) - 1


# -- draining ----------------------------------------------------------------------------------------
def drain_local_pages(m: Machine, cpu: int, zone: int = -1) -> None:
    """Empty a CPU's lists of a zone, or of all."""
    for each in range(len(m.zones)) if zone < 0 else (zone,):
        place = pcp_place(m, cpu, each)
        free_pcppages_bulk(m, place, m.pcp_count.get(place), 0)


def drain_all_pages(m: Machine) -> None:
    """Empty the lists of all CPUs, of all zones."""
    for place, count in tuple(m.pcp_count.items()):
        free_pcppages_bulk(m, place, count, 0)
