# SPDX-License-Identifier: GPL-2.0-only
"""Properties of the free lists that hold at every stop.  What nobody has touched is counted and not walked."""

from __future__ import annotations

from collections.abc import Iterator

from kernelmodel.defs import MIGRATE_ISOLATE, MIGRATE_MOVABLE, MIGRATE_TYPES
from kernelmodel.lists import Links
from kernelmodel.machine import Machine

Block = tuple[int, int, int, int, int]
"""(zone, migratetype of the list, order, first pfn, number of consecutive blocks)."""


def free_lists(m: Machine) -> Iterator[Block]:
    """Every node on every list; the blocks of untouched units have no first pfn (-1)."""
    for zone in range(len(m.zones)):
        for migratetype in range(MIGRATE_TYPES):
            for order in range(m.orders):
                number = m.list_number(zone, migratetype, order)
                node = m.lists.first(number)
                while node:
                    if node >= Links.UNTOUCHED:
                        yield zone, migratetype, order, -1, m.untouched_left.get(number)
                    elif node >= Links.RUN:
                        start = m.frontier.get(zone)
                        yield zone, migratetype, order, start, (m.run_end[zone] - start) >> order
                    else:
                        yield zone, migratetype, order, node, 1
                    node = m.lists.after(node, number)


def known_blocks(m: Machine) -> Iterator[Block]:
    """Those that are not in an untouched unit."""
    return (each for each in free_lists(m) if each[3] >= 0)


def nr_free_matches_lists(m: Machine) -> Iterator[str]:
    """free_area[].nr_free is the length of the lists."""
    counted: dict[int, int] = {}
    for zone, migratetype, order, _, n in free_lists(m):
        number = m.list_number(zone, migratetype, order)
        counted[number] = counted.get(number, 0) + n
    kept = dict(m.nr_free.items())
    for number in sorted(counted.keys() | kept.keys()):
        have, want = kept.get(number, 0), counted.get(number, 0)
        if have != want:
            yield f"free_area[{number % m.orders}].nr_free is {have}, the lists hold {want}"


def nr_free_pages_matches(m: Machine) -> Iterator[str]:
    """NR_FREE_PAGES is the sum over the lists; isolated blocks do not count."""
    total = [0] * len(m.zones)
    for zone, migratetype, order, _, n in free_lists(m):
        total[zone] += n << order if migratetype != MIGRATE_ISOLATE else 0
    for zone, pages in enumerate(total):
        if pages != m.nr_free_pages.get(zone):
            yield f"NR_FREE_PAGES is {m.nr_free_pages.get(zone)}, the lists hold {pages} pages"


def untouched_blocks_are_counted(m: Machine) -> Iterator[str]:
    """A list counts the blocks that stand in untouched units."""
    want: dict[int, int] = {}
    for zone, units in enumerate(m.units):
        if units is not None:
            left = [*units.numbers]
            for unit, _ in m.touched.items():
                if 0 <= unit - units.first < len(units.kinds):
                    left[units.kinds[unit - units.first]] -= 1
            for many, template in zip(left, units.templates, strict=True):
                for _, order, migratetype in template.blocks:
                    number = m.list_number(zone, migratetype, order)
                    want[number] = want.get(number, 0) + many
    for number in sorted(want.keys() | dict(m.untouched_left.items()).keys()):
        have = m.untouched_left.get(number)
        if have != want.get(number, 0):
            yield f"list {number} counts {have} blocks in untouched units, there are {want.get(number, 0)}"


def blocks_are_aligned(m: Machine) -> Iterator[str]:
    """A block head is aligned to its size, inside its zone, and not in use."""
    for zone, _, order, pfn, n in known_blocks(m):
        span = m.zones[zone]
        if pfn & ((1 << order) - 1) or not span.start <= pfn or pfn + (n << order) > span.end:
            yield f"block {pfn:#x} of order {order} is misplaced"
        if m._refcount.get(pfn):
            yield f"block {pfn:#x} of order {order} is free with refcount {m._refcount.get(pfn)}"


def buddies_are_merged(m: Machine) -> Iterator[str]:
    """No two free buddies stand unmerged below the highest order.

    Whole pageblocks may, where there are several types: some do not mix, and nothing merges them when that has changed
    (unreserve_highatomic_pageblock()).
    """
    several = m.mixed or any(True for _ in m.pageblock.items())
    for _, _, order, pfn, _ in known_blocks(m):
        if order < (m.arch.pageblock_order if several else m.arch.max_order):
            buddy = pfn ^ (1 << order)
            if m.buddy_order.get(buddy) == order + 1:
                yield f"blocks {pfn:#x} and {buddy:#x} of order {order} are free buddies"


def blocks_do_not_overlap(m: Machine) -> Iterator[str]:
    """No page is in two free blocks."""
    end = -1
    for pfn, size in sorted((pfn, n << order) for _, _, order, pfn, n in known_blocks(m)):
        if pfn < end:
            yield f"block {pfn:#x} overlaps the free block before it"
        end = pfn + size


def lists_agree_with_pageblocks(m: Machine) -> Iterator[str]:
    """A block is on the list of its pageblocks' type; before 6.10 it may have strayed, which is known of it then."""
    pageblock_order = m.arch.pageblock_order
    strayed = dict(m.strayed.items())
    for zone, migratetype, order, pfn, _ in known_blocks(m):
        first = pfn >> pageblock_order
        if pfn == m.frontier.get(zone) != m.run_end[zone]:
            odd = [k for k, _ in m.pageblock.items() if first <= k < m.run_end[zone] >> pageblock_order]
            types = {MIGRATE_MOVABLE, *(m.pageblock.get(k) for k in odd)}
        else:
            types = set(m.pageblock.run(first, 1 << max(0, order - pageblock_order)))
        known = strayed.pop(pfn, 0) - 1
        if m.release >= (6, 10):
            agree = types == {migratetype} and known < 0
        else:
            agree = migratetype == (m.pageblock.get(first) if known < 0 else known)
        if not agree:
            where = f"on the list of type {migratetype}, its pageblocks are of {sorted(types)}"
            yield f"block {pfn:#x} of order {order} is {where}"
    yield from (f"page {pfn:#x} is said to have strayed and is no free block" for pfn in strayed)


CHECKS = (
    nr_free_matches_lists, nr_free_pages_matches, untouched_blocks_are_counted, blocks_are_aligned, buddies_are_merged,
    blocks_do_not_overlap, lists_agree_with_pageblocks,
)  # fmt: skip
