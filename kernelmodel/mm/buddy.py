# SPDX-License-Identifier: GPL-2.0-only
"""The buddy lists per zone, migratetype and order: split, merge, ends of lists.

Linux 6.5 mm/page_alloc.c: ``__rmqueue_smallest`` and ``expand`` (the upper half goes to the head of the next lower
list), ``__free_one_page`` (merge while the buddy is a free block of the same order, then head, or tail where the next
merge is likely), ``move_to_free_list`` (always to the tail).

Only free blocks exist as list nodes.  The fresh blocks of the highest order that no one ever touched are one node (the
*run*), whose first block is at the zone's frontier; the blocks of other untouched memory are one node a list
(mm/untouched.py): a terabyte costs what is touched.
"""

from __future__ import annotations

from kernelmodel.decision import KernelBug
from kernelmodel.defs import MIGRATE_ISOLATE, MIGRATE_PCPTYPES
from kernelmodel.lists import Links
from kernelmodel.machine import Machine
from kernelmodel.mm.untouched import peek_untouched, touch, touch_next


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
    node = m.lists.first(number)
    if not node:
        return -1
    if node < Links.RUN:
        return node
    return peek_untouched(m, number) if node >= Links.UNTOUCHED else m.frontier.get(node - Links.RUN)


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
            pfn = _del_head(m, base + o)
            expand(m, base, pfn, order, o)
            return pfn
    return -1


def expand(m: Machine, base: int, pfn: int, low: int, high: int) -> None:
    """Give the upper halves back, each to the head of its list; ``base`` is the type's list of order 0."""
    while high > low:
        high -= 1
        add_to_free_list(m, pfn + (1 << high), base + high, tail=False)


def _del_head(m: Machine, number: int) -> int:
    node = m.lists.first(number)
    if node >= Links.UNTOUCHED:
        touch_next(m, number)
        node = m.lists.first(number)
    if node < Links.RUN:
        m.lists.remove(node, number)
        if m.strayed.get(node):
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
    """Take a free block that is a node off whatever list it is on (del_page_from_free_list())."""
    m.lists.remove(pfn, list_of(m, zone, pfn, order))
    if m.strayed.get(pfn):
        m.strayed.set(pfn, 0)


def list_of(m: Machine, zone: int, pfn: int, order: int) -> int:
    """The list that a free block is on: its pageblock's, unless it has strayed."""
    migratetype = m.strayed.get(pfn) - 1
    if migratetype < 0:
        migratetype = m.pageblock.get(pfn >> m.arch.pageblock_order)
    return m.list_number(zone, migratetype, order)


def add_to_free_list(m: Machine, pfn: int, number: int, tail: bool) -> None:
    """Put a block on a list, and note if that is not its pageblock's type (which only happens before 6.10)."""
    m.lists.insert(pfn, number, tail)
    migratetype = number // m.orders % 6
    if m.pageblock.get(pfn >> m.arch.pageblock_order) != migratetype:
        m.strayed.set(pfn, migratetype + 1)


def move_to_free_list(m: Machine, zone: int, pfn: int, order: int, migratetype: int) -> None:
    """From one type's list to the tail of another's."""
    del_block(m, zone, pfn, order)
    add_to_free_list(m, pfn, m.list_number(zone, migratetype, order), tail=True)


def _add(m: Machine, zone: int, number: int, pfn: int, order: int, tail: bool) -> None:
    """Put a block on a list; one that stands right before the run becomes part of it again."""
    if order == m.arch.max_order:
        end, run = pfn + (1 << order), Links.RUN + zone
        empty = m.frontier.get(zone) == m.run_end[zone]
        if end == m.frontier.get(zone) and (empty or (not tail and m.lists.first(number) == run)):
            m.frontier.set(zone, pfn)
            m.nr_free.add(number, 1)
            if empty:
                m.lists.insert(run, number, tail, counted=False)
            return
    add_to_free_list(m, pfn, number, tail)


def __free_one_page(m: Machine, pfn: int, order: int, migratetype: int, to_tail: bool = False) -> None:
    """Give a block back: merge while the buddy is free and whole, then head, or tail if the next merge is likely.

    ``migratetype`` is that of the list it will stand on: its pageblock's, unless 6.5 remembers another.
    """
    zone = m.zone_of(pfn)
    span = m.zones[zone]
    max_order = m.arch.max_order
    if pfn & ((1 << order) - 1):
        raise KernelBug("VM_BUG_ON_PAGE", f"pfn {pfn:#x} is not aligned to order {order}")
    if m.units[zone] is not None:
        touch(m, pfn)
    if migratetype != MIGRATE_ISOLATE:
        m.nr_free_pages.add(zone, 1 << order)
    while order < max_order:
        buddy = pfn ^ (1 << order)
        if not (span.start <= buddy < span.end) or m.buddy_order.get(buddy) != order + 1:
            break
        if order >= m.arch.pageblock_order:
            buddy_mt = m.pageblock.get(buddy >> m.arch.pageblock_order)
            if buddy_mt != migratetype and max(buddy_mt, migratetype) >= MIGRATE_PCPTYPES:
                break
        del_block(m, zone, buddy, order)
        pfn &= buddy
        order += 1
    tail = to_tail or buddy_merge_likely(m, pfn, order)
    _add(m, zone, m.list_number(zone, migratetype, order), pfn, order, tail)


def buddy_merge_likely(m: Machine, pfn: int, order: int) -> bool:
    """Is the buddy of the would-be parent free?  Then this block will soon be wanted whole: to the tail."""
    if order >= m.arch.max_order - 1:
        return False
    higher = (pfn & (pfn ^ (1 << order))) ^ (1 << (order + 1))
    zone = m.zone_of(pfn)
    return m.zones[zone].start <= higher < m.zones[zone].end and m.buddy_order.get(higher) == order + 2
