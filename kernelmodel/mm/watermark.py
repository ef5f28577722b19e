# SPDX-License-Identifier: GPL-2.0-only
"""The watermark test (Linux 6.5 mm/page_alloc.c, __zone_watermark_ok())."""

from __future__ import annotations

from typing import NamedTuple

from kernelmodel.defs import (
    ALLOC_CMA,
    ALLOC_HIGHATOMIC,
    ALLOC_MIN_RESERVE,
    ALLOC_NON_BLOCK,
    ALLOC_OOM,
    ALLOC_RESERVES,
    MIGRATE_CMA,
    MIGRATE_HIGHATOMIC,
    MIGRATE_PCPTYPES,
)
from kernelmodel.machine import Machine


class Test(NamedTuple):
    """One watermark test with its numbers, in pages: it passes if ``free - unusable > min + reserve`` and, above order
    0, some block of the order or more is there."""

    zone: int
    order: int
    wmark: int
    """WMARK_MIN, WMARK_LOW or WMARK_HIGH."""
    free: int
    unusable: int
    min: int
    """The mark with its boost, less what the flags may dig into."""
    reserve: int
    block: bool
    """Is there a block that the test accepts?"""

    @property
    def enough(self) -> bool:
        """Are there enough pages?"""
        return self.free - self.unusable > self.min + self.reserve

    @property
    def ok(self) -> bool:
        """Does the zone pass?"""
        return self.enough and self.block


def wmark_pages(m: Machine, zone: int, wmark: int) -> int:
    """A mark with the zone's boost, in pages."""
    return m.watermark.get(zone * 4 + wmark) + m.watermark_boost.get(zone)


def watermark_test(m: Machine, zone: int, order: int, wmark: int, highest: int, flags: int) -> Test:
    """The numbers of ``__zone_watermark_ok``; ``highest`` is the request's gfp_zone()."""
    return zone_watermark(m, zone, order, wmark, wmark_pages(m, zone, wmark), highest, flags, m.nr_free_pages.get(zone))


def zone_watermark(
    m: Machine, zone: int, order: int, wmark: int, mark: int, highest: int, flags: int, free: int
) -> Test:
    """The same for any mark and number of free pages."""
    unusable = (1 << order) - 1
    low = mark
    if flags & ALLOC_RESERVES:
        if flags & ALLOC_MIN_RESERVE:
            low -= low >> 1
            if flags & ALLOC_NON_BLOCK:
                low -= low >> 2
        if flags & ALLOC_OOM:
            low -= low >> 1
    elif m.nr_reserved_highatomic.get(zone):
        unusable += m.nr_reserved_highatomic.get(zone)
    if not flags & ALLOC_CMA:
        unusable += free_pages_of(m, zone, MIGRATE_CMA)
    reserve = m.zones[zone].reserve[highest]
    return Test(zone, order, wmark, free, unusable, low, reserve, order == 0 or has_block(m, zone, order, flags))


def free_pages_of(m: Machine, zone: int, migratetype: int) -> int:
    """Free pages on the lists of one type."""
    base = m.list_number(zone, migratetype, 0)
    return sum(m.nr_free.get(base + order) << order for order in range(m.orders)) if m.mixed else 0


def has_block(m: Machine, zone: int, order: int, flags: int) -> bool:
    """Is there a block of the order or more that the test counts?  The request's own type is not asked for."""
    nr_free = m.nr_free
    types = [*range(MIGRATE_PCPTYPES)]
    if flags & ALLOC_CMA:
        types.append(MIGRATE_CMA)
    if flags & (ALLOC_HIGHATOMIC | ALLOC_OOM):
        types.append(MIGRATE_HIGHATOMIC)
    for mt in types:
        base = m.list_number(zone, mt, 0)
        for o in range(order, m.orders):
            if nr_free.get(base + o):
                return True
    return False
