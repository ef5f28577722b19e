# SPDX-License-Identifier: GPL-2.0-only
"""One run of compaction over a zone: what its scanners find is moved (mm/compaction.c of 6.5 to 7.1).

It ends where the scanners meet, or at the end of a pageblock once there is a block that the request can have.  A page
that the kernel captures for the request ends the run as it does there, but stays on its free list, where the request
finds it.  A zone of any size is scanned there; here a run ends once it has looked at ``SCAN_BLOCKS`` pageblocks or
moved the pages of ``MOVE_BLOCKS`` (compact_control.py), as one that had to give up the CPU.
"""

from __future__ import annotations

from kernelmodel.defs import (
    BG_NONE,
    BG_PINNED,
    MIGRATE_CMA,
    MIGRATE_ISOLATE,
    MIGRATE_MOVABLE,
    MIGRATE_PCPTYPES,
)
from kernelmodel.machine import Machine
from kernelmodel.mm.compact_control import Control
from kernelmodel.mm.compact_scan import isolate_freepages, isolate_migratepages
from kernelmodel.mm.page_alloc import free_pages
from kernelmodel.mm.untouched import touch


# -- moves ------------------------------------------------------------------------------------------------
def compaction_alloc(cc: Control) -> int:
    """A page to move to; -1 if the free scanner finds none."""
    if not any(cc.freepages):
        isolate_freepages(cc)
    for order in range(cc.m.orders):
        if blocks := cc.freepages[order]:
            break
    else:
        return -1
    cc.nr_freepages -= 1
    if cc.m.release < (6, 9):
        return blocks.pop()
    pfn = blocks.pop(0)
    for k in range(order - 1, -1, -1):
        cc.freepages[k].insert(0, pfn + (1 << k))
    cc.nr_migratepages -= 1
    return pfn


def compaction_free(cc: Control, pfn: int) -> None:
    """Nothing could be moved to a page."""
    cc.freepages[0].insert(len(cc.freepages[0]) if cc.m.release < (6, 9) else 0, pfn)
    cc.nr_freepages += 1


def migrate_pages(cc: Control) -> tuple[int, bool]:
    """Move what was isolated, the last page first: how many could not be moved, and was there no page to move to?"""
    m, pairs, failed = cc.m, [], 0
    for page in reversed(cc.migratepages):
        target = compaction_alloc(cc)
        if target < 0:
            break
        pairs.append((page, target))
    for page, target in pairs:
        touch(m, page)
        use = m.background.get(page)
        if use == BG_PINNED:
            compaction_free(cc, target)
            failed += 1
            continue
        m.background.set(page, BG_NONE)
        m.background.set(target, use)
        free_pages(m, page, 0)
        cc.freed.add(page >> cc.order)
        cc.moved += 1
    no_page = len(pairs) < len(cc.migratepages)
    cc.migratepages.clear()
    cc.nr_migratepages = 0
    if not m.pcp:
        look_for_capture(cc)
    return failed, no_page


def look_for_capture(cc: Control) -> None:
    """compaction_capture(): has a window that was freed become one block?  Then the kernel takes it for the request,
    unless that would put a small one of another type into a movable pageblock (before 6.10 any small one)."""
    m = cc.m
    for window in sorted(cc.freed):
        pfn = window << cc.order
        migratetype = m.pageblock.get(pfn >> m.arch.pageblock_order)
        if migratetype in (MIGRATE_CMA, MIGRATE_ISOLATE):
            continue
        if cc.order < m.arch.pageblock_order and migratetype == MIGRATE_MOVABLE:
            if cc.migratetype != MIGRATE_MOVABLE or m.release < (6, 10):
                continue
        if any(m.buddy_order.get(pfn & -(1 << order)) == order + 1 for order in range(cc.order, m.orders)):
            cc.captured = True
    cc.freed.clear()


def drain(cc: Control) -> None:
    """lru_add_drain_cpu_zone(): the pages that this CPU has freed and kept go back and can merge."""
    if cc.m.pcp:
        from kernelmodel.mm.pcp import drain_local_pages

        drain_local_pages(cc.m, cc.m.this_cpu, cc.zone)
        look_for_capture(cc)


def release_free_list(cc: Control) -> None:
    """Free what was isolated and not needed, and let the next free scanner start there."""
    highest = -1
    for order in range(cc.m.orders):
        for pfn in cc.freepages[order]:
            free_pages(cc.m, pfn, order)
            highest = max(highest, pfn)
        cc.freepages[order].clear()
    cc.nr_freepages = 0
    if highest >= 0 and cc.block_of(highest) > cc.m.compact_cached_free_pfn.get(cc.zone):
        cc.m.compact_cached_free_pfn.set(cc.zone, cc.block_of(highest))


# -- the run ----------------------------------------------------------------------------------------------
def compact_finished(cc: Control) -> str:
    """``continue``, or why the run ends: the scanners have met, or there is a block that the request can have."""
    m, zone = cc.m, cc.zone
    if cc.met:
        reset_cached_positions(m, zone)
        return "complete" if cc.whole_zone else "partial-skipped"
    if cc.migrate_pfn & cc.pageblock - 1 and not cc.spent:
        return "continue"
    for order in range(cc.order, m.orders):
        usable = [cc.migratetype]
        if cc.migratetype == MIGRATE_MOVABLE:
            usable.append(MIGRATE_CMA)
        if cc.migratetype != MIGRATE_MOVABLE or order >= m.arch.pageblock_order // 2:
            usable = [*range(MIGRATE_PCPTYPES), *usable]
        if any(m.nr_free.get(m.list_number(zone, migratetype, order)) for migratetype in usable):
            return "success"
    if cc.spent:
        return "partial-skipped" if cc.sync else "contended"
    return "continue"


def reset_cached_positions(m: Machine, zone: int) -> None:
    """The next run starts at the zone's two ends."""
    span = m.zones[zone]
    m.compact_cached_migrate_pfn.set(zone * 2, span.start)
    m.compact_cached_migrate_pfn.set(zone * 2 + 1, span.start)
    m.compact_cached_free_pfn.set(zone, span.end - 1 & -(1 << m.arch.pageblock_order))


def start_scanners(cc: Control) -> None:
    """Where the last run has left off, unless the whole zone is to be done.

    A run from the zone's start counts as one over the whole zone, as it does once kswapd has slept
    (compact_init_migrate_pfn).
    """
    m, zone = cc.m, cc.zone
    if cc.whole_zone:
        return
    if not m.compact_cached_free_pfn.get(zone):
        reset_cached_positions(m, zone)
    free_pfn, migrate_pfn = m.compact_cached_free_pfn.get(zone), m.compact_cached_migrate_pfn.get(zone * 2 + cc.sync)
    if not cc.start <= free_pfn < cc.end:
        free_pfn = cc.block_of(cc.end - 1)
        m.compact_cached_free_pfn.set(zone, free_pfn)
    if not cc.start <= migrate_pfn < cc.end:
        migrate_pfn = cc.start
        m.compact_cached_migrate_pfn.set(zone * 2, migrate_pfn)
        m.compact_cached_migrate_pfn.set(zone * 2 + 1, migrate_pfn)
    cc.free_pfn, cc.migrate_pfn = free_pfn, migrate_pfn
    cc.whole_zone = migrate_pfn <= cc.start


def compact_zone(cc: Control) -> str:
    """The loop of compact_zone(), behind its tests: ``complete``, ``partial-skipped``, ``contended`` or ``success``."""
    m, zone = cc.m, cc.zone
    start_scanners(cc)
    in_step = not cc.sync and len({m.compact_cached_migrate_pfn.get(zone * 2 + sync) for sync in range(2)}) == 1
    last_migrated = -1
    result = compact_finished(cc)
    while result == "continue":
        started = cc.migrate_pfn
        cc.finish_pageblock = last_migrated >= 0 and cc.block_of(last_migrated) == cc.block_of(started)
        again = True
        while again:
            again = False
            if not isolate_migratepages(cc):
                if in_step:
                    m.compact_cached_migrate_pfn.set(zone * 2 + 1, m.compact_cached_migrate_pfn.get(zone * 2))
                break
            in_step = False
            last_migrated = started if m.release < (6, 8) else max(cc.start, cc.block_of(cc.migrate_pfn - 1))
            failed, no_page = migrate_pages(cc)
            if no_page and not cc.met:
                result = "partial-skipped" if cc.spent and cc.sync else "contended"
            elif (failed or no_page) and not (cc.ignore_skip_hint or cc.finish_pageblock):
                again = cc.finish_pageblock = bool(cc.migrate_pfn & cc.pageblock - 1)
                if again and cc.order == m.arch.pmd_order:
                    last_migrated = -1
            if not again and cc.captured:
                result = "success"
        if result != "continue":
            break
        if 0 <= last_migrated < cc.migrate_pfn & -(1 << cc.order):
            drain(cc)
            last_migrated = -1
        result = compact_finished(cc)
    release_free_list(cc)
    return "success" if cc.captured else result
