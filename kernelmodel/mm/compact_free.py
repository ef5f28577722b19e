# SPDX-License-Identifier: GPL-2.0-only
"""What compaction moves pages to: free blocks, taken off their lists (mm/compaction.c of 6.5 to 7.1).

``__isolate_free_page`` is in mm/page_alloc.c.
"""

from __future__ import annotations

from kernelmodel.defs import ALLOC_CMA, MIGRATE_CMA, MIGRATE_MOVABLE, MIGRATE_PCPTYPES, WMARK_MIN
from kernelmodel.mm.buddy import del_block, get_pageblock_migratetype
from kernelmodel.mm.compact_control import Control
from kernelmodel.mm.pageblock import free_blocks, move_freepages_block
from kernelmodel.mm.untouched import touch
from kernelmodel.mm.watermark import zone_watermark


def suitable_migration_target(cc: Control, block: int, code: int) -> bool:
    """A pageblock of movable pages that does not begin with a large free block; from 6.9 on one of the request's order
    is large."""
    large = cc.order if cc.m.release >= (6, 9) else cc.m.arch.pageblock_order
    if code > 15 and (code >> 4) - 1 >= large:
        return False
    return cc.ignore_block_suitable or get_pageblock_migratetype(cc.m, block) in (MIGRATE_MOVABLE, MIGRATE_CMA)


def isolate_freepages_block(cc: Control, codes: bytes, block: int, at: int, end: int, stride: int) -> int:
    """Take the free blocks of one pageblock from ``at`` on; the pfn where it stopped."""
    while at < end:
        code = codes[at - block]
        if code > 15:
            order = (code >> 4) - 1
            if not isolate_free_page(cc, at, order):
                return at
            keep(cc, at, order)
            at += 1 << order
            if cc.nr_migratepages <= cc.nr_freepages:
                break
            at += stride - 1
        else:
            at += stride
    return min(at, end)


def keep(cc: Control, pfn: int, order: int) -> None:
    """Put a block that was taken with the others; before 6.9 they are kept page by page."""
    cc.nr_freepages += 1 << order
    if cc.m.release >= (6, 9):
        cc.freepages[order].append(pfn)
    else:
        cc.freepages[0].extend(range(pfn, pfn + (1 << order)))


def isolate_free_page(cc: Control, pfn: int, order: int) -> bool:
    """__isolate_free_page(): take a block off its list, if order 0 passes the min mark without it."""
    m, zone = cc.m, cc.zone
    mark = m.watermark.get(zone * 4 + WMARK_MIN) + (1 << order)
    if not zone_watermark(m, zone, 0, WMARK_MIN, mark, 0, ALLOC_CMA, m.nr_free_pages.get(zone)).ok:
        return False
    touch(m, pfn)
    del_block(m, zone, pfn, order)
    m.nr_free_pages.add(zone, -(1 << order))
    if order >= m.arch.pageblock_order - 1:
        make_movable(cc, cc.block_of(pfn))
    return True


def make_movable(cc: Control, block: int) -> None:
    """A pageblock of which half is taken becomes movable; from 6.10 on its free blocks change lists with it."""
    m, number = cc.m, block >> cc.m.arch.pageblock_order
    old = m.pageblock.get(number)
    if old == MIGRATE_MOVABLE or old >= MIGRATE_PCPTYPES:
        return
    if m.release >= (6, 10):
        move_freepages_block(m, cc.zone, block, MIGRATE_MOVABLE, retype=True)
        return
    m.pageblock.set(number, MIGRATE_MOVABLE)
    for pfn, _ in free_blocks(m, block, block + cc.pageblock):
        on = m.strayed.get(pfn) or old + 1
        m.strayed.set(pfn, 0 if on == MIGRATE_MOVABLE + 1 else on)
