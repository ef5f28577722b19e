# SPDX-License-Identifier: GPL-2.0-only
"""A page for a request where its own type's lists may be empty (mm/page_alloc.c, rmqueue_buddy() and __rmqueue()).

``peek`` stores nothing; ``take`` takes what it said.  Which of other types' blocks are taken, and how much with them,
differs by release: fallback_6_5.py (to 6.14) and fallback_6_15.py.
"""

from __future__ import annotations

from kernelmodel.defs import (
    ALLOC_CMA,
    ALLOC_HIGHATOMIC,
    ALLOC_NON_BLOCK,
    ALLOC_OOM,
    ALLOC_WMARK_MASK,
    MIGRATE_CMA,
    MIGRATE_HIGHATOMIC,
)
from kernelmodel.machine import Machine
from kernelmodel.mm.buddy import (
    __rmqueue_smallest,
    change_pageblock_range,
    del_head,
    expand,
    peek_smallest,
    touch_head,
)
from kernelmodel.mm.freelist import Fallback, Found
from kernelmodel.mm.pageblock import move_freepages_block
from kernelmodel.mm.watermark import boost_watermark, free_pages_of

RMQUEUE_NORMAL, RMQUEUE_CMA, RMQUEUE_CLAIM, RMQUEUE_STEAL = range(4)
"""enum rmqueue_mode of 6.15: where one rmqueue_bulk() goes on looking."""


def peek(m: Machine, zone: int, order: int, migratetype: int, flags: int) -> Found | None:
    """What ``rmqueue_buddy`` would take."""
    found = None
    if flags & ALLOC_HIGHATOMIC:
        found = on_lists(m, zone, order, MIGRATE_HIGHATOMIC, flags, "highatomic")
    if found is None:
        found, _ = peek_mode(m, zone, order, migratetype, flags, RMQUEUE_NORMAL)
    if found is None and flags & (ALLOC_OOM | (ALLOC_NON_BLOCK if m.release >= (6, 12) else 0)):
        found = on_lists(m, zone, order, MIGRATE_HIGHATOMIC, flags, "highatomic")
    return found


def rmqueue_buddy(m: Machine, zone: int, order: int, migratetype: int, flags: int) -> int:
    """Take it: pfn, out of NR_FREE_PAGES; -1 if there is nothing."""
    found = peek(m, zone, order, migratetype, flags)
    return -1 if found is None else take(m, found, order, migratetype)


def rmqueue_bulk_one(m: Machine, zone: int, order: int, migratetype: int, flags: int, mode: int) -> tuple[int, int]:
    """One page of a rmqueue_bulk(), and the mode for the next: begin with RMQUEUE_NORMAL; the pfn is -1 at the end."""
    found, mode = peek_mode(m, zone, order, migratetype, flags, mode)
    return (-1 if found is None else take(m, found, order, migratetype)), mode


def peek_mode(m: Machine, zone: int, order: int, migratetype: int, flags: int, mode: int) -> tuple[Found | None, int]:
    """What ``__rmqueue`` would take, and its mode after that (which is always RMQUEUE_NORMAL before 6.15)."""
    cma = flags & ALLOC_CMA and m.cma
    if cma:
        if free_pages_of(m, zone, MIGRATE_CMA) > m.nr_free_pages.get(zone) // 2:
            found = on_lists(m, zone, order, MIGRATE_CMA, flags, "cma")
            if found is not None:
                return found, mode
    if mode == RMQUEUE_NORMAL:
        found = on_lists(m, zone, order, migratetype, flags, "own")
        if found is not None:
            return found, mode
    ladder = m.release >= (6, 15)
    if mode <= RMQUEUE_CMA and cma:
        found = on_lists(m, zone, order, MIGRATE_CMA, flags, "cma")
        if found is not None:
            return found, RMQUEUE_CMA if ladder else mode
    if not ladder:
        from kernelmodel.mm.fallback_6_5 import __rmqueue_fallback

        return __rmqueue_fallback(m, zone, order, migratetype, flags), mode
    from kernelmodel.mm.fallback_6_15 import __rmqueue_claim, __rmqueue_steal

    boosts = 0
    if mode <= RMQUEUE_CLAIM:
        found, boosts = __rmqueue_claim(m, zone, order, migratetype, flags)
        if found is not None:
            return found, RMQUEUE_NORMAL
    return __rmqueue_steal(m, zone, order, migratetype, flags, boosts), RMQUEUE_STEAL


def on_lists(m: Machine, zone: int, order: int, migratetype: int, flags: int, how: str) -> Found | None:
    """The block that ``__rmqueue_smallest`` would take from a type's lists."""
    pfn, block = peek_smallest(m, zone, order, migratetype)
    return Found(zone, pfn, block, flags & ALLOC_WMARK_MASK, how, flags) if pfn >= 0 else None


def take(m: Machine, found: Found, order: int, migratetype: int) -> int:
    """Take what was found in this very state: pfn, out of NR_FREE_PAGES."""
    zone = found.zone
    if found.fallback is not None:
        pfn = take_fallback(m, found, found.fallback, order, migratetype)
    else:
        own = {"cma": MIGRATE_CMA, "highatomic": MIGRATE_HIGHATOMIC}.get(found.how, migratetype)
        pfn = __rmqueue_smallest(m, zone, order, own)
    m.nr_free_pages.add(zone, -(1 << order))
    return pfn


def take_fallback(m: Machine, found: Found, block: Fallback, order: int, migratetype: int) -> int:
    """Boost, move and retype as was found, and split."""
    zone = found.zone
    for _ in range(block.boosts):
        boost_watermark(m, zone, found.flags)
    number = m.list_number(zone, block.source, block.order)
    if block.whole:
        pfn = touch_head(m, number)
        move_freepages_block(m, zone, pfn, migratetype, bool(block.retyped))
        return __rmqueue_smallest(m, zone, order, migratetype)
    pfn = del_head(m, number)
    if block.retyped:
        change_pageblock_range(m, pfn, block.order, migratetype)
    expand(m, m.list_number(zone, block.rest, 0), pfn, order, block.order)
    return pfn
