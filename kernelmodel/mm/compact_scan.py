# SPDX-License-Identifier: GPL-2.0-only
"""The two scanners of compaction (mm/compaction.c of 6.5 to 7.1).

The migrate scanner goes up from the zone's start and takes movable pages off their pageblocks, 32 at a time; the free
scanner comes down from the zone's end and takes free blocks to move them to.

Only pages of the background (defs.BG_*) move: those of modelled processes are left where they are, and each page is of
order 0.  Left out are the marks of pageblocks that failed lately (PB_migrate_skip), and with them the migrate scanner's
shortcut by the free lists (fast_find_migrateblock()).
"""

from __future__ import annotations

import re

from kernelmodel.defs import __GFP_FS, BG_FILE, BG_MOVABLE, BG_PINNED, MIGRATE_CMA, MIGRATE_MOVABLE
from kernelmodel.mm.buddy import get_pageblock_migratetype
from kernelmodel.mm.compact_control import COMPACT_CLUSTER_MAX, Control
from kernelmodel.mm.compact_fast import fast_isolate_freepages
from kernelmodel.mm.compact_free import isolate_freepages_block, suitable_migration_target

_SOMETHING = re.compile(rb"[^\0]")
ON_LRU = (*BG_MOVABLE, BG_PINNED)
_ON_LRU = re.compile(b"[%s]" % bytes(ON_LRU))


# -- the migrate scanner --------------------------------------------------------------------------------
def isolate_migratepages(cc: Control) -> bool:
    """Take movable pages of the first pageblock that may have some; were there any?"""
    low = cc.migrate_pfn
    end = cc.block_of(low) + cc.pageblock
    while end <= cc.free_pfn and not cc.spent:
        cc.scanned += 1
        if suitable_migration_source(cc, low):
            isolate_migratepages_block(cc, low, end)
            break
        update_cached_migrate(cc, end)
        cc.migrate_pfn = low = end
        end += cc.pageblock
    return bool(cc.migratepages)


def suitable_migration_source(cc: Control, pfn: int) -> bool:
    """Without waiting, only pageblocks of the request's own type are emptied."""
    if cc.sync:
        return True
    migratetype = get_pageblock_migratetype(cc.m, pfn)
    if cc.migratetype == MIGRATE_MOVABLE:
        return migratetype in (MIGRATE_MOVABLE, MIGRATE_CMA)
    return migratetype == cc.migratetype


def isolate_migratepages_block(cc: Control, low: int, end: int) -> None:
    """Go through a pageblock from ``low`` until there are 32 pages to move.

    Without waiting (``skip_on_failure``), a page that can't move makes the rest of the window of the request's size
    worthless: what was taken of it goes back.
    """
    skip_on_failure, size = not cc.sync, 1 << cc.order
    start, codes, taken = cc.block_of(low), cc.codes(cc.block_of(low)), cc.migratepages
    isolated = 0
    next_skip = (low | size - 1) + 1
    if not _ON_LRU.search(codes, low - start):
        low = end
    while low < end:
        if skip_on_failure and low >= next_skip:
            if isolated:
                break
            next_skip = (low | size - 1) + 1
        code = codes[low - start]
        if code > 15:
            low += 1 << (code >> 4) - 1
        elif can_isolate(cc, code):
            taken.append(low)
            isolated += 1
            low += 1
            if len(taken) >= COMPACT_CLUSTER_MAX and not cc.finish_pageblock:
                break
        elif skip_on_failure:
            taken.clear()
            isolated = 0
            low = next_skip
            next_skip += size
        else:
            found = _SOMETHING.search(codes, low - start + 1)
            low = start + found.start() if found else end
    cc.migrate_pfn = low = min(low, end)
    cc.nr_migratepages = len(taken)
    if low == end and (not isolated or cc.finish_pageblock):
        update_cached_migrate(cc, low)


def can_isolate(cc: Control, use: int) -> bool:
    """Is a page with this use on the LRU, and may the request wait for its filesystem?"""
    return use in ON_LRU and (use != BG_FILE or bool(cc.gfp & __GFP_FS))


def update_cached_migrate(cc: Control, pfn: int) -> None:
    """Where the next run starts.  As in the kernel, that is a pageblock behind the end of one that was finished."""
    m, pfn = cc.m, cc.block_of(pfn) + cc.pageblock
    for sync in range(1 + cc.sync):
        if pfn > m.compact_cached_migrate_pfn.get(cc.zone * 2 + sync):
            m.compact_cached_migrate_pfn.set(cc.zone * 2 + sync, pfn)


# -- the free scanner -----------------------------------------------------------------------------------
def isolate_freepages(cc: Control) -> None:
    """Take free blocks off their lists, from the top down, until there are as many pages as are to be moved; at first
    the one that the free lists lead to."""
    fast_isolate_freepages(cc)
    if cc.nr_freepages:
        return
    at = cc.free_pfn
    block = cc.block_of(at)
    lowest = cc.block_of(cc.migrate_pfn) + cc.pageblock
    stride = 1 if cc.sync else COMPACT_CLUSTER_MAX
    while block >= lowest and not cc.spent:
        cc.scanned += 1
        end = min(block + cc.pageblock, cc.end)
        codes = cc.codes(block)
        if suitable_migration_target(cc, block, codes[0]):
            before = cc.nr_freepages
            at = isolate_freepages_block(cc, codes, block, at, end, stride)
            if at == end:
                update_cached_free(cc, block)
            if cc.nr_freepages >= cc.nr_migratepages:
                if at >= end:
                    at = block - cc.pageblock
                break
            if at < end:
                break
            stride = 1 if cc.nr_freepages > before else min(COMPACT_CLUSTER_MAX, stride << 1)
        block -= cc.pageblock
        at = block
    cc.free_pfn = at


def update_cached_free(cc: Control, block: int) -> None:
    """Where the next run's free scanner starts: behind a pageblock that was scanned to its end (6.8), or at it."""
    pfn = block - cc.pageblock if cc.m.release >= (6, 8) else block
    if pfn < cc.m.compact_cached_free_pfn.get(cc.zone):
        cc.m.compact_cached_free_pfn.set(cc.zone, pfn)
