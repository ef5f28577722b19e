# SPDX-License-Identifier: GPL-2.0-only
"""The watermark test and the boost (mm/page_alloc.c, 6.5 to 7.1).

From 6.12 on ``__zone_watermark_unusable_free`` leaves out what is free of the highatomic reserve, before it left out
all of the reserve.  Nothing else has changed.
"""

from __future__ import annotations

from typing import NamedTuple

from kernelmodel.defs import (
    ALLOC_CMA,
    ALLOC_HIGHATOMIC,
    ALLOC_KSWAPD,
    ALLOC_MIN_RESERVE,
    ALLOC_NON_BLOCK,
    ALLOC_OOM,
    ALLOC_RESERVES,
    MIGRATE_CMA,
    MIGRATE_HIGHATOMIC,
    MIGRATE_MOVABLE,
    MIGRATE_RECLAIMABLE,
    MIGRATE_UNMOVABLE,
    WMARK_HIGH,
    WMARK_MIN,
    ZONE_BOOSTED_WATERMARK,
)
from kernelmodel.machine import Machine

_TYPES = (MIGRATE_MOVABLE, MIGRATE_UNMOVABLE, MIGRATE_RECLAIMABLE)


class Test(NamedTuple):
    """One watermark test with its numbers, in pages: it passes if ``free - unusable > min + reserve`` and, above order
    0, some block of the order or more is there."""

    zone: int
    order: int
    wmark: int
    """WMARK_MIN, WMARK_LOW or WMARK_HIGH."""
    free: int
    unusable: int
    """The request but for one page, ``highatomic`` and ``cma``."""
    min: int
    """``mark``, less what the flags may dig into."""
    reserve: int
    """lowmem_reserve for this request."""
    block: bool
    """Is there a block that the test accepts?"""
    mark: int = 0
    """The mark with its boost."""
    boost: int = 0
    highatomic: int = 0
    """Pages of the highatomic reserve that this request may not have."""
    cma: int = 0
    """Free pages of CMA blocks that this request may not have."""

    @property
    def enough(self) -> bool:
        """Are there enough pages?"""
        return self.free - self.unusable > self.min + self.reserve

    @property
    def ok(self) -> bool:
        """Does the zone pass?"""
        return self.enough and self.block

    @property
    def kept(self) -> bool:
        """Would there be enough, if none were kept for others (lowmem_reserve, highatomic, CMA)?"""
        return not self.enough and self.free - (1 << self.order) + 1 > self.min


def wmark_pages(m: Machine, zone: int, wmark: int) -> int:
    """A mark with the zone's boost, in pages."""
    return m.watermark.get(zone * 4 + wmark) + m.watermark_boost.get(zone)


def watermark_test(m: Machine, zone: int, order: int, wmark: int, highest: int, flags: int) -> Test:
    """zone_watermark_fast() for a mark of the zone; ``highest`` is the request's gfp_zone().

    The kernel's shortcut for order 0 passes only what the full test passes; it is left out.  An order-0 request that
    may dig into the reserve has its second try, without the boost.
    """
    boost, free = m.watermark_boost.get(zone), m.nr_free_pages.get(zone)
    mark = m.watermark.get(zone * 4 + wmark)
    test = zone_watermark(m, zone, order, wmark, mark + boost, highest, flags, free)
    if boost:
        if not order and flags & ALLOC_MIN_RESERVE and wmark == WMARK_MIN and not test.ok:
            return zone_watermark(m, zone, order, wmark, mark, highest, flags, free)
        return test._replace(boost=boost)
    return test


def zone_watermark(
    m: Machine, zone: int, order: int, wmark: int, mark: int, highest: int, flags: int, free: int
) -> Test:
    """__zone_watermark_ok(): any mark (``wmark`` is only told), any number of free pages."""
    low, highatomic, cma = mark, 0, 0
    if flags & ALLOC_RESERVES:
        if flags & ALLOC_MIN_RESERVE:
            low -= low >> 1
            if flags & ALLOC_NON_BLOCK:
                low -= low >> 2
        if flags & ALLOC_OOM:
            low -= low >> 1
    elif m.mixed:
        highatomic = unusable_highatomic(m, zone)
    if m.mixed and not flags & ALLOC_CMA:
        cma = free_pages_of(m, zone, MIGRATE_CMA)
    block = order == 0 or has_block(m, zone, order, flags)
    unusable = (1 << order) - 1 + highatomic + cma
    return Test(
        zone, order, wmark, free, unusable, low, m.zones[zone].reserve[highest], block, mark, 0, highatomic, cma
    )


def unusable_highatomic(m: Machine, zone: int) -> int:
    """The whole highatomic reserve, from 6.12 on (nr_free_highatomic) what is free of it."""
    reserved = m.nr_reserved_highatomic.get(zone)
    return free_pages_of(m, zone, MIGRATE_HIGHATOMIC) if reserved and m.release >= (6, 12) else reserved


def free_pages_of(m: Machine, zone: int, migratetype: int) -> int:
    """Free pages on the lists of one type."""
    counts = m.nr_free.run(m.list_number(zone, migratetype, 0), m.orders)
    return sum(count << order for order, count in enumerate(counts)) if any(counts) else 0


def has_block(m: Machine, zone: int, order: int, flags: int) -> bool:
    """Is there a block of the order or more that the test counts?  The request's own type is not asked for."""
    nr_free = m.nr_free
    for mt in _TYPES:
        number = m.list_number(zone, mt, order)
        if nr_free.get(number) or any(nr_free.run(number, m.orders - order)):
            return True
    more = ((MIGRATE_CMA, ALLOC_CMA), (MIGRATE_HIGHATOMIC, ALLOC_HIGHATOMIC | ALLOC_OOM))
    return any(
        flags & allowed and any(nr_free.run(m.list_number(zone, mt, order), m.orders - order)) for mt, allowed in more
    )


def boost_watermark(m: Machine, zone: int, flags: int) -> bool:
    """A block smaller than a pageblock goes to another type: raise the marks by a pageblock, up to
    watermark_boost_factor of the high mark.  With ALLOC_KSWAPD the next request wakes kswapd.

    False where nothing was raised: no factor, a zone of less than four pageblocks, marks of the scenario's own.
    """
    factor = m.knobs.get("watermark_boost_factor", 15000)
    pageblock, span = 1 << m.arch.pageblock_order, m.zones[zone]
    highest = m.watermark.get(zone * 4 + WMARK_HIGH) * factor // 10000
    if not factor or not span.boosts or pageblock * 4 > span.managed or not highest:
        return False
    m.watermark_boost.set(zone, min(m.watermark_boost.get(zone) + pageblock, max(pageblock, highest)))
    if flags & ALLOC_KSWAPD:
        m.zone_flags.set(zone, m.zone_flags.get(zone) | ZONE_BOOSTED_WATERMARK)
    return True
