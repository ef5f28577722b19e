# SPDX-License-Identifier: GPL-2.0-only
"""What is in a pageblock, and moving its free pages to another type's lists (mm/page_alloc.c, move_freepages_block()).

``free_blocks`` and ``movable_pages`` store nothing: memory that nobody has touched is read off its template.
"""

from __future__ import annotations

from kernelmodel.defs import BG_ANON, BG_FILE, BG_PINNED, PG_lru
from kernelmodel.machine import Machine
from kernelmodel.mm.buddy import add_to_free_list, del_block
from kernelmodel.mm.untouched import Template, touch

BG_LRU = (BG_ANON, BG_FILE, BG_PINNED)
"""Background pages that are on the LRU; whether they can be migrated is not asked."""

Blocks = list[tuple[int, int]]
"""(first pfn, order) of free blocks, ascending."""


def pageblock_range(m: Machine, zone: int, pfn: int) -> tuple[int, int]:
    """(start, end) in pfns of the pageblock of a free block; (0, 0) if it reaches over an end of the zone.

    Before 6.10 a pageblock whose start is missing counts from the block on.
    """
    span, n = m.zones[zone], 1 << m.arch.pageblock_order
    start, end = pfn & -n, (pfn & -n) + n
    if start < span.start and m.release < (6, 10):
        start = pfn
    return (start, end) if span.start <= start and end <= span.end else (0, 0)


def untouched_template(m: Machine, pfn: int) -> Template | None:
    """What the memory around a pfn looks like, if nobody has touched it yet."""
    units = m.units[m.zone_of(pfn)]
    unit = pfn >> m.arch.max_order
    return None if units is None or m.touched.get(unit) else units.template(unit)


def free_blocks(m: Machine, start: int, end: int) -> Blocks:
    """The free blocks that begin in a pageblock."""
    template = untouched_template(m, start)
    if template is not None:
        base = start & -(1 << m.arch.max_order)
        return [(base + at, order) for at, order, _ in template.blocks if start <= base + at < end]
    found = []
    orders = m.buddy_order.run(start, end - start)
    at = 0
    while at < len(orders):
        if orders[at]:
            found.append((start + at, orders[at] - 1))
            at += 1 << orders[at] - 1
        else:
            at += 1
    return found


def movable_pages(m: Machine, start: int, end: int) -> int:
    """Pages of a pageblock that are on the LRU, the background's and those of modelled processes."""
    template = untouched_template(m, start)
    if template is not None:
        base = start & -(1 << m.arch.max_order)
        return sum(
            max(0, min(base + at + n, end) - max(base + at, start)) for at, n, use in template.pages if use in BG_LRU
        )
    uses, flags = m.background.run(start, end - start), m.page_flags.run(start, end - start)
    found = sum(uses.count(use) for use in BG_LRU)
    if any(flags):
        found += sum(1 << m.folio_order.get(start + at) for at, each in enumerate(flags) if each & PG_lru)
    return found


def smallest(blocks: Blocks, order: int) -> tuple[int, int]:
    """Which of these blocks ``__rmqueue_smallest`` takes once they stand, in this order, on lists that were empty."""
    return min((block for block in blocks if block[1] >= order), key=lambda block: block[1])


def move_freepages_block(m: Machine, zone: int, pfn: int, migratetype: int, retype: bool) -> int:
    """Move a pageblock's free blocks to the tails of a type's lists, with ``retype`` the pageblock too.

    How many pages moved; -1, and nothing is done, if the pageblock reaches over an end of the zone.
    """
    start, end = pageblock_range(m, zone, pfn)
    if not end:
        return -1
    touch(m, start)
    blocks = free_blocks(m, start, end)
    for each, order in blocks:
        del_block(m, zone, each, order)
    if retype:
        m.pageblock.set(pfn >> m.arch.pageblock_order, migratetype)
    for each, order in blocks:
        add_to_free_list(m, each, m.list_number(zone, migratetype, order), tail=True)
    return sum(1 << order for _, order in blocks)
