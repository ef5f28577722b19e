# SPDX-License-Identifier: GPL-2.0-only
"""The free scanner's shortcut: a target by the free lists (mm/compaction.c, fast_isolate_freepages()).

Before it scans pageblocks, compaction looks through a few blocks of the movable lists, from their tails, for one in the
upper quarter of what lies between the scanners, or at least in the upper half.  What it looked at moves to the head, so
that it looks at others next time.  Of the blocks that nobody has touched the one with the highest pfn is looked at.
"""

from __future__ import annotations

from kernelmodel.defs import MIGRATE_MOVABLE, MIGRATE_TYPES
from kernelmodel.lists import Links
from kernelmodel.machine import Machine
from kernelmodel.mm.compact_control import COMPACT_CLUSTER_MAX, Control
from kernelmodel.mm.compact_free import isolate_free_page, isolate_freepages_block, keep, suitable_migration_target
from kernelmodel.mm.untouched import touch


def fast_isolate_freepages(cc: Control) -> None:
    """Take a block that the lists lead to; where there is none, say where the scan of pageblocks may start."""
    m = cc.m
    limit = max(1, (COMPACT_CLUSTER_MAX >> cc.fast_search_fail) + 1 >> 1)
    scan_start = cc.free_pfn >= cc.block_of(cc.end - 1)
    if scan_start:
        limit = cc.pageblock >> 1
    distance = cc.free_pfn - cc.migrate_pfn
    low, least = cc.block_of(cc.free_pfn - (distance >> 2)), cc.block_of(cc.free_pfn - (distance >> 1))
    cc.search_order = order = min(cc.order - 1, cc.search_order)
    page, highest = -1, 0
    while page < 0 and order >= 0:
        number = m.list_number(cc.zone, MIGRATE_MOVABLE, order)
        page, seen, last, scanned, limit = search(m, number, low, least, limit)
        highest = max(highest, cc.block_of(seen))
        if page >= low:
            cc.fast_search_fail, cc.search_order = 0, order
        if page >= 0:
            touch(m, page)
            last = page
        move_freelist_head(m, number, last)
        if page >= 0 and isolate_free_page(cc, page, order):
            keep(cc, page, order)
        elif page >= 0:
            page, order = -1, cc.search_order + 1
        if cc.nr_freepages >= cc.nr_migratepages:
            break
        if scanned >= limit:
            limit = max(1, limit >> 1)
        order = next_search_order(cc, order)
    if page < 0:
        cc.fast_search_fail += 1
        page = start_of_scan(cc, highest, least) if scan_start else -1
    if highest and highest >= m.compact_cached_free_pfn.get(cc.zone):
        m.compact_cached_free_pfn.set(cc.zone, highest - cc.pageblock)
    if page >= 0 and cc.sync and cc.nr_freepages < cc.nr_migratepages:  # fast_isolate_around()
        block = cc.block_of(page)
        isolate_freepages_block(cc, cc.codes(block), block, block, min(block + cc.pageblock, cc.end), 1)


def search(m: Machine, number: int, low: int, least: int, limit: int) -> tuple[int, int, int, int, int]:
    """Look through a list from its tail: (block that will do or -1, highest pfn seen, node where it stopped or 0, how
    many were looked at, how many may be).

    The first from ``low`` on is taken, else the highest from ``least`` on, each of which halves what may be looked at.
    """
    node, scanned, candidate, highest = m.lists.prev.get(Links.HEAD + number), 0, -1, 0
    while node and node != Links.HEAD + number:
        pfn = last_untouched(m, number) if node >= Links.UNTOUCHED else node
        scanned += 1
        highest = max(highest, pfn)
        if pfn >= low:
            return pfn, highest, node, scanned, limit
        if pfn >= least and pfn > candidate:
            candidate = pfn
            limit >>= 1
        if scanned >= limit:
            return candidate, highest, node, scanned, limit
        node = m.lists.prev.get(node)
    return candidate, highest, 0, scanned, limit


def last_untouched(m: Machine, number: int) -> int:
    """The block of a list with the highest pfn that nobody has touched."""
    zone, migratetype, order = (
        number // m.orders // MIGRATE_TYPES,
        number // m.orders % MIGRATE_TYPES,
        number % m.orders,
    )
    units = m.units[zone]
    assert units is not None
    has = units.has(migratetype, order)
    at = has.rfind(1)
    while m.touched.get(units.first + at):
        at = has.rfind(1, 0, at)
    template = units.template(units.first + at)
    assert template is not None
    offset = max(offset for offset, o, mt in template.blocks if (o, mt) == (order, migratetype))
    return (units.first + at << m.arch.max_order) + offset


def move_freelist_head(m: Machine, number: int, node: int) -> None:
    """Bring a block and all that stand behind it to the head of their list, in the same order."""
    if not node or m.lists.first(number) == node:
        return
    each = 0
    while each != node:
        each = m.lists.prev.get(Links.HEAD + number)
        counted = each < Links.RUN
        m.lists.remove(each, number, counted)
        m.lists.insert(each, number, tail=False, counted=counted)


def next_search_order(cc: Control, order: int) -> int:
    """Orders go round below the request's; -1 once all were looked at."""
    order = order - 1 if order > 0 else cc.order - 1
    if order == cc.search_order:
        cc.search_order = cc.search_order - 1 if cc.search_order > 0 else cc.order - 1
        return -1
    return order


def start_of_scan(cc: Control, highest: int, least: int) -> int:
    """Where the first scan starts if the lists have nothing: the highest block seen, else half way down.

    From 6.8 on only if that pageblock can take pages.  Gives the pfn around which to look, or -1.
    """
    if highest >= least:
        cc.free_pfn = highest
        return highest
    cc.free_pfn = least
    if cc.m.release >= (6, 8) and not suitable_migration_target(cc, least, cc.codes(least)[0]):
        return -1
    return least
