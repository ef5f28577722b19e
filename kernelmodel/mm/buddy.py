# SPDX-License-Identifier: GPL-2.0-only
"""The buddy lists per zone, migratetype and order: split, merge, ends of lists.

Linux 6.5 mm/page_alloc.c: ``__rmqueue_smallest`` and ``expand`` (the upper half goes to the head of the next lower
list), ``__free_one_page`` (merge while the buddy is a free block of the same order, then head, or tail where the next
merge is likely).  From 6.10 on a block stands on the list of its pageblock's type; before, a block could *stray*.

Only free blocks exist as list nodes.  The fresh blocks of the highest order that no one ever touched are one node (the
*run*), whose first block is at the zone's frontier; the blocks of other untouched memory are one node a list
(mm/untouched.py): a terabyte costs what is touched.
"""

from __future__ import annotations

from kernelmodel.decision import KernelBug
from kernelmodel.defs import MIGRATE_ISOLATE, MIGRATE_MOVABLE, MIGRATE_PCPTYPES, MIGRATE_TYPES
from kernelmodel.lists import Links
from kernelmodel.machine import Machine, ZoneSpan


def gfp_migratetype(gfp: int) -> int:
    """0 unmovable, 1 movable, 2 reclaimable."""
    return (gfp & 0x18) >> 3


def get_pageblock_migratetype(m: Machine, pfn: int) -> int:
    """The type of a page's pageblock, also where nobody has touched it yet."""
    zone = m.zone_of(pfn)
    units = m.units[zone] if zone >= 0 else None
    unit = pfn >> m.arch.max_order
    if units is not None and not m.touched.get(unit) and (template := units.template(unit)) is not None:
        return template.types[(pfn & ((1 << m.arch.max_order) - 1)) >> m.arch.pageblock_order]
    return m.pageblock.get(pfn >> m.arch.pageblock_order)


def head_block(m: Machine, number: int) -> int:
    """First pfn of the block at the head of a list, -1 if the list is empty."""
    node = m.lists.next.get(Links.HEAD + number)
    if node < Links.RUN:
        return node or -1
    if node < Links.UNTOUCHED:
        return m.frontier.get(node - Links.RUN)
    from kernelmodel.mm.untouched import peek_untouched

    return peek_untouched(m, number)


def peek_smallest(m: Machine, zone: int, order: int, migratetype: int) -> tuple[int, int]:
    """(pfn, order of its block) that ``__rmqueue_smallest`` would take, (-1, -1) if none."""
    base = m.list_number(zone, migratetype, 0)
    nr_free = m.nr_free
    for o in range(order, m.orders):
        if nr_free.get(base + o):
            return head_block(m, base + o), o
    return -1, -1


def __rmqueue_smallest(m: Machine, zone: int, order: int, migratetype: int) -> int:
    """Take the head of the smallest list that will do, and split it down; pfn, or -1."""
    base = m.list_number(zone, migratetype, 0)
    for o in range(order, m.orders):
        if m.nr_free.get(base + o):
            pfn = del_head(m, base + o)
            expand(m, base, pfn, order, o)
            return pfn
    return -1


def expand(m: Machine, base: int, pfn: int, low: int, high: int) -> None:
    """Give the upper halves back, each to the head of its list; ``base`` is the type's list of order 0."""
    while high > low:
        high -= 1
        add_to_free_list(m, pfn + (1 << high), base + high, tail=False)


def touch_head(m: Machine, number: int) -> int:
    """The node at the head of a list, once the block is one of a unit that is touched."""
    node = m.lists.first(number)
    if node >= Links.UNTOUCHED:
        from kernelmodel.mm.untouched import touch_next

        touch_next(m, number)
        node = m.lists.first(number)
    return node


def del_head(m: Machine, number: int) -> int:
    """Take the block at the head of a list off it: its first pfn."""
    node = m.lists.next.get(Links.HEAD + number)
    if node >= Links.UNTOUCHED:
        node = touch_head(m, number)
    if node < Links.RUN:
        m.lists.remove(node, number)
        if m.release < (6, 10) and m.strayed.get(node):
            m.strayed.set(node, 0)
        return node
    zone = node - Links.RUN
    pfn = m.frontier.get(zone)
    m.frontier.set(zone, pfn + (1 << m.arch.max_order))
    m.nr_free.add(number, -1)
    if pfn + (1 << m.arch.max_order) == m.run_end[zone]:
        m.lists.remove(node, number, counted=False)
    return pfn


def del_block(m: Machine, zone: int, pfn: int, order: int) -> None:
    """Take a free block that is a node off its list: its pageblock's, unless it has strayed."""
    stray = m.strayed.get(pfn) if m.release < (6, 10) else 0
    migratetype = stray - 1 if stray else m.pageblock.get(pfn >> m.arch.pageblock_order)
    m.lists.remove(pfn, m.list_number(zone, migratetype, order))
    if stray:
        m.strayed.set(pfn, 0)


def add_to_free_list(m: Machine, pfn: int, number: int, tail: bool) -> None:
    """Put a block on a list, and note if that is not its pageblock's type (which only happens before 6.10)."""
    m.lists.insert(pfn, number, tail)
    if m.release < (6, 10):
        migratetype = number // m.orders % MIGRATE_TYPES
        if m.pageblock.get(pfn >> m.arch.pageblock_order) != migratetype:
            m.strayed.set(pfn, migratetype + 1)


def change_pageblock_range(m: Machine, pfn: int, order: int, migratetype: int) -> None:
    """Give a type to all pageblocks of a block of pageblock_order or more."""
    pageblock_order = m.arch.pageblock_order
    m.pageblock.fill(pfn >> pageblock_order, 1 << order - pageblock_order, migratetype)


def add_largest(m: Machine, zone: int, pfn: int, number: int) -> None:
    """Put a block of the highest order on a list; one that stands right before the run becomes part of it again."""
    end, run = pfn + (1 << m.arch.max_order), Links.RUN + zone
    frontier = m.frontier.get(zone)
    empty = frontier == m.run_end[zone]
    if end == frontier and (empty or m.lists.first(number) == run) and is_movable(m, number, pfn):
        m.frontier.set(zone, pfn)
        m.nr_free.add(number, 1)
        if empty:
            m.lists.insert(run, number, tail=False, counted=False)
    else:
        add_to_free_list(m, pfn, number, tail=False)


def is_movable(m: Machine, number: int, pfn: int) -> bool:
    """Is a block of the highest order like a fresh one: on the movable list, all of its pageblocks movable?"""
    if number // m.orders % MIGRATE_TYPES != MIGRATE_MOVABLE:
        return False
    pageblock_order = m.arch.pageblock_order
    n = 1 << m.arch.max_order - pageblock_order
    return m.pageblock.run(pfn >> pageblock_order, n) == [MIGRATE_MOVABLE] * n


def free_one_page(m: Machine, pfn: int, order: int) -> None:
    """Give pages back to the lists of their pageblocks' types.

    From 6.12 on what is larger than a pageblock goes back pageblock by pageblock (``split_large_buddy``), which only
    shows where their types differ.
    """
    pageblock_order = m.arch.pageblock_order
    block = pfn >> pageblock_order
    migratetype = m.pageblock.get(block)
    if order > pageblock_order and m.release >= (6, 12):
        types = m.pageblock.run(block, 1 << order - pageblock_order)
        if types != [migratetype] * len(types):
            for k, each in enumerate(types):
                __free_one_page(m, block + k << pageblock_order, pageblock_order, each)
            return
    __free_one_page(m, pfn, order, migratetype)


def __free_one_page(m: Machine, pfn: int, order: int, migratetype: int) -> None:
    """Give a block back: merge while the buddy is free and whole, then head, or tail if the next merge is likely.

    ``migratetype`` is that of the list it will stand on: its pageblock's, or (before 6.10) what that was when the page
    was put on a CPU's list.  From 6.10 on a merge of pageblocks of two types gives the buddy this one's.
    """
    zone = m.zone_of(pfn)
    span, max_order, pageblock_order = m.zones[zone], m.arch.max_order, m.arch.pageblock_order
    if pfn & ((1 << order) - 1):
        raise KernelBug("VM_BUG_ON_PAGE", f"pfn {pfn:#x} is not aligned to order {order}")
    if m.units[zone] is not None and not m.touched.get(pfn >> max_order):
        from kernelmodel.mm.untouched import touch

        touch(m, pfn)
    if migratetype != MIGRATE_ISOLATE:
        m.nr_free_pages.add(zone, 1 << order)
    while order < max_order:
        buddy = pfn ^ (1 << order)
        if not (span.start <= buddy < span.end) or m.buddy_order.get(buddy) != order + 1:
            break
        if order >= pageblock_order:
            buddy_mt = m.pageblock.get(buddy >> pageblock_order)
            if buddy_mt != migratetype and max(buddy_mt, migratetype) >= MIGRATE_PCPTYPES:
                break
            del_block(m, zone, buddy, order)
            if buddy_mt != migratetype and m.release >= (6, 10):
                change_pageblock_range(m, buddy, order, migratetype)
        else:
            del_block(m, zone, buddy, order)
        pfn &= buddy
        order += 1
    number = m.list_number(zone, migratetype, order)
    if order == max_order:
        add_largest(m, zone, pfn, number)
    else:
        add_to_free_list(m, pfn, number, buddy_merge_likely(m, span, pfn, order))


def buddy_merge_likely(m: Machine, span: ZoneSpan, pfn: int, order: int) -> bool:
    """Is the buddy of the would-be parent free?  Then this block will soon be wanted whole: to the tail."""
    if order >= m.arch.max_order - 1:
        return False
    higher = (pfn & (pfn ^ (1 << order))) ^ (1 << (order + 1))
    return span.start <= higher < span.end and m.buddy_order.get(higher) == order + 2
