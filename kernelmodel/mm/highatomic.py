# SPDX-License-Identifier: GPL-2.0-only
"""Pageblocks that are kept for requests that may not sleep (mm/page_alloc.c, reserve_highatomic_pageblock())."""

from __future__ import annotations

from kernelmodel.defs import MIGRATE_HIGHATOMIC, MIGRATE_PCPTYPES
from kernelmodel.machine import Machine
from kernelmodel.mm.buddy import add_to_free_list, change_pageblock_range, del_head, gfp_migratetype, touch_head
from kernelmodel.mm.pageblock import move_freepages_block
from kernelmodel.mm.zonelist import zonelist


def max_reserved(m: Machine, zone: int) -> int:
    """Up to which nr_reserved_highatomic more is reserved: a hundredth of the zone and, before 6.8, a pageblock.

    From 6.8 on the hundredth is rounded up to pageblocks, and nothing is reserved where it is less than one.
    """
    pageblock, hundredth = 1 << m.arch.pageblock_order, m.zones[zone].managed // 100
    if m.release < (6, 8):
        return hundredth + pageblock
    return 0 if hundredth < pageblock else -(-hundredth // pageblock) * pageblock


def reserve_highatomic_pageblock(m: Machine, zone: int, pfn: int, order: int, how: str) -> None:
    """After ALLOC_HIGHATOMIC got a page: keep its pageblock, if it is an ordinary one.

    ``how`` is Found.how: from 7.1 on a page of a CPU's list reserves nothing.  From 6.10 on a request larger than a
    pageblock reserves all that it has.
    """
    if m.nr_reserved_highatomic.get(zone) >= max_reserved(m, zone) or (how == "pcp" and m.release >= (7, 1)):
        return
    pageblock_order = m.arch.pageblock_order
    if m.pageblock.get(pfn >> pageblock_order) >= MIGRATE_PCPTYPES:
        return
    if order < pageblock_order or m.release < (6, 10):
        if move_freepages_block(m, zone, pfn, MIGRATE_HIGHATOMIC, retype=True) < 0:
            return
        m.nr_reserved_highatomic.add(zone, 1 << pageblock_order)
    else:
        change_pageblock_range(m, pfn, order, MIGRATE_HIGHATOMIC)
        m.nr_reserved_highatomic.add(zone, 1 << order)


def unreserve_highatomic_pageblock(m: Machine, gfp: int, node: int, force: bool) -> bool:
    """Give one reserved pageblock with a free page to a request's type; without ``force`` a zone keeps its last one."""
    migratetype, pageblock = gfp_migratetype(gfp), 1 << m.arch.pageblock_order
    for zone in zonelist(m, node, gfp):
        if force or m.nr_reserved_highatomic.get(zone) > pageblock:
            for order in range(m.orders):
                if unreserve_first(m, zone, order, migratetype):
                    return True
    return False


def unreserve_first(m: Machine, zone: int, order: int, migratetype: int) -> bool:
    """The pageblock of the first block on a HIGHATOMIC list becomes ``migratetype``."""
    number, pageblock_order = m.list_number(zone, MIGRATE_HIGHATOMIC, order), m.arch.pageblock_order
    pfn = touch_head(m, number)
    if not pfn:
        return False
    if m.pageblock.get(pfn >> pageblock_order) == MIGRATE_HIGHATOMIC:
        reserved = m.nr_reserved_highatomic.get(zone)
        size = max(1 << pageblock_order, 1 << order if m.release >= (6, 10) else 0)
        m.nr_reserved_highatomic.set(zone, reserved - min(size, reserved))
    if order < pageblock_order or m.release < (6, 10):
        return move_freepages_block(m, zone, pfn, migratetype, retype=True) > 0
    del_head(m, number)
    change_pageblock_range(m, pfn, order, migratetype)
    add_to_free_list(m, pfn, m.list_number(zone, migratetype, order), tail=True)
    return True
