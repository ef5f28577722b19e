# SPDX-License-Identifier: GPL-2.0-only
"""The buddy allocator: free lists per zone, migratetype and order; split, merge, watermarks.

Linux 6.5 mm/page_alloc.c: ``__rmqueue_smallest`` and ``expand`` (the upper half goes to the head of the next lower
list), ``__free_one_page`` (merge while the buddy is a free block of the same order, then head, or tail where the next
merge is likely), ``__zone_watermark_ok``.  Not here: per-CPU lists, stealing between migratetypes, reclaim and
compaction; a request is served from the lists of its own migratetype.

Only free blocks exist as list nodes.  The blocks of the highest order that no one ever touched are one node (the
*run*), whose first block is at the zone's frontier: a terabyte costs what is touched.
"""

from __future__ import annotations

from typing import NamedTuple

from kernelmodel.decision import KernelBug
from kernelmodel.defs import (
    __GFP_THISNODE,
    __GFP_ZERO,
    MIGRATE_PCPTYPES,
    MTHP_STAT_NR_ANON,
    MTHP_STAT_NR_ANON_PARTIALLY_MAPPED,
    WMARK_LOW,
    WMARK_MIN,
    PG_partially_mapped,
)
from kernelmodel.lists import Links
from kernelmodel.machine import Machine
from kernelmodel.mm.memcontrol import mem_cgroup_uncharge
from kernelmodel.mm.vmstat import mod_mthp_stat
from kernelmodel.structs import Folio


class Found(NamedTuple):
    """What a request would get: zone, first pfn, order of the block that it comes from, watermark that let it pass."""

    zone: int
    pfn: int
    block: int
    wmark: int


class Refused(NamedTuple):
    """Why a request gets nothing: a reason code and its number."""

    reason: str
    arg: int


def gfp_migratetype(gfp: int) -> int:
    """0 unmovable, 1 movable, 2 reclaimable."""
    return (gfp & 0x18) >> 3


def zone_watermark_ok(m: Machine, zone: int, order: int, wmark: int) -> Refused | None:
    """``__zone_watermark_ok``: None if the test passes, else why not.

    Free pages less ``2^order - 1`` must be *above* the mark, and above order 0 some block of that order or more must
    stand on a list of any mobile type (the request's own type is not asked for).
    """
    usable = m.nr_free_pages.get(zone) - ((1 << order) - 1)
    if usable <= m.watermark.get(zone * 4 + wmark):
        return Refused("watermark", usable)
    if order == 0:
        return None
    nr_free = m.nr_free
    for mt in range(MIGRATE_PCPTYPES):
        base = m.list_number(zone, mt, 0)
        for o in range(order, m.orders):
            if nr_free.get(base + o):
                return None
    return Refused("no-block", largest_block(m, zone))


def largest_block(m: Machine, zone: int) -> int:
    """Highest order of which a free block is left, -1 if there is none."""
    for order in range(m.orders - 1, -1, -1):
        if any(m.nr_free.get(m.list_number(zone, mt, order)) for mt in range(MIGRATE_PCPTYPES)):
            return order
    return -1


def head_block(m: Machine, number: int) -> int:
    """First pfn of the block at the head of a list, -1 if the list is empty."""
    node = m.lists.first(number)
    if not node:
        return -1
    return m.frontier.get(node - Links.RUN) if node >= Links.RUN else node


def peek_rmqueue(m: Machine, zone: int, order: int, migratetype: int) -> tuple[int, int]:
    """(pfn, order of its block) that ``__rmqueue_smallest`` would take, (-1, -1) if none."""
    base = m.list_number(zone, migratetype, 0)
    nr_free = m.nr_free
    for o in range(order, m.orders):
        if nr_free.get(base + o):
            return head_block(m, base + o), o
    return -1, -1


def zonelist(m: Machine, node: int, gfp: int) -> list[int]:
    """Zones in the order in which a request looks: its node's, then the others' (none with __GFP_THISNODE)."""
    key = node, gfp & __GFP_THISNODE
    known = m.zonelists.get(key)
    if known is None:
        down = range(len(m.zones) - 1, -1, -1)
        known = [number for number in down if m.zones[number].node == node]
        if not gfp & __GFP_THISNODE:
            known += [number for number in down if m.zones[number].node != node]
        m.zonelists[key] = known
    return known


def get_page_from_freelist(m: Machine, gfp: int, order: int, node: int = 0) -> Found | Refused:
    """Which zone and block a request gets, without taking it: the fast path at WMARK_LOW, the slow path at WMARK_MIN.

    With no reclaimable page in the machine the passes of ``__alloc_pages`` differ in the mark only.  ``Refused``
    speaks of the request's own node.
    """
    migratetype = gfp_migratetype(gfp)
    zones = zonelist(m, node, gfp)
    refused = Refused("no-zone", 0)
    for wmark in (WMARK_LOW, WMARK_MIN):
        for zone in zones:
            why = zone_watermark_ok(m, zone, order, wmark)
            if why is None:
                pfn, block = peek_rmqueue(m, zone, order, migratetype)
                if pfn >= 0:
                    return Found(zone, pfn, block, wmark)
                why = Refused("migratetype", migratetype)
            if m.zones[zone].node == node:
                refused = why
    return refused


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
    """Give the upper halves back, each to the head of its list."""
    while high > low:
        high -= 1
        m.lists.insert(pfn + (1 << high), base + high, tail=False)


def _del_head(m: Machine, number: int) -> int:
    node = m.lists.first(number)
    if node < Links.RUN:
        m.lists.remove(node, number)
        return node
    zone = node - Links.RUN
    pfn = m.frontier.get(zone)
    m.frontier.set(zone, pfn + (1 << m.arch.max_order))
    m.nr_free.add(number, -1)
    if pfn + (1 << m.arch.max_order) == m.run_end[zone]:
        m.lists.remove(node, number, counted=False)
    return pfn


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
    m.lists.insert(pfn, number, tail)


def __free_one_page(m: Machine, pfn: int, order: int, to_tail: bool = False) -> None:
    """Give a block back: merge while the buddy is free and whole, then head, or tail if the next merge is likely."""
    zone = m.zone_of(pfn)
    span = m.zones[zone]
    max_order = m.arch.max_order
    migratetype = m.pageblock.get(pfn >> m.arch.pageblock_order)
    if pfn & ((1 << order) - 1):
        raise KernelBug("VM_BUG_ON_PAGE", f"pfn {pfn:#x} is not aligned to order {order}")
    m.nr_free_pages.add(zone, 1 << order)
    while order < max_order:
        buddy = pfn ^ (1 << order)
        if not (span.start <= buddy < span.end) or m.buddy_order.get(buddy) != order + 1:
            break
        buddy_mt = m.pageblock.get(buddy >> m.arch.pageblock_order)
        if (
            order >= m.arch.pageblock_order
            and buddy_mt != migratetype
            and max(buddy_mt, migratetype) >= MIGRATE_PCPTYPES
        ):
            break
        m.lists.remove(buddy, _list_of(m, zone, buddy, order))
        pfn &= buddy
        order += 1
    tail = to_tail or buddy_merge_likely(m, pfn, order)
    _add(m, zone, m.list_number(zone, migratetype, order), pfn, order, tail)


def _list_of(m: Machine, zone: int, pfn: int, order: int) -> int:
    """The list that a free block is on: its pageblock's (6.5 lists can differ only after a steal)."""
    return m.list_number(zone, m.pageblock.get(pfn >> m.arch.pageblock_order), order)


def buddy_merge_likely(m: Machine, pfn: int, order: int) -> bool:
    """Is the buddy of the would-be parent free?  Then this block will soon be wanted whole: to the tail."""
    if order >= m.arch.max_order - 1:
        return False
    higher = (pfn & (pfn ^ (1 << order))) ^ (1 << (order + 1))
    zone = m.zone_of(pfn)
    return m.zones[zone].start <= higher < m.zones[zone].end and m.buddy_order.get(higher) == order + 2


def take(m: Machine, gfp: int, order: int, node: int = 0) -> Folio | None:
    """Allocate now: a folio with one reference, or None."""
    found = get_page_from_freelist(m, gfp, order, node)
    if isinstance(found, Refused):
        return None
    pfn = __rmqueue_smallest(m, found.zone, order, gfp_migratetype(gfp))
    m.nr_free_pages.add(found.zone, -(1 << order))
    folio = prep_new_folio(m, pfn, order)
    if gfp & __GFP_ZERO or m.knobs["init_on_alloc"]:
        folio.cleared = 1
    return folio


def prep_new_folio(m: Machine, pfn: int, order: int) -> Folio:
    """A fresh folio: one reference, its order in the head."""
    m._refcount.set(pfn, 1)
    if order:
        m.folio_order.set(pfn, order)
    return Folio(m, pfn)


def page_folio(m: Machine, pfn: int) -> Folio:
    """The folio that a page belongs to (by its compound head)."""
    return Folio(m, m.compound_head(pfn))


def folio_ref_add(folio: Folio, nr: int) -> None:
    """``nr`` more references."""
    folio.m._refcount.add(folio.id, nr)


def folio_put(folio: Folio, refs: int = 1) -> None:
    """Drop references; the last one frees the folio."""
    m, pfn = folio.m, folio.id
    left = m._refcount.get(pfn) - refs
    if left < 0:
        raise KernelBug("VM_BUG_ON_FOLIO", f"refcount of pfn {pfn:#x} below zero")
    m._refcount.set(pfn, left)
    if left == 0:
        free_folio(folio)


def free_folio(folio: Folio) -> None:
    """Uncharge, forget, give back; an anonymous folio is one less of its size."""
    m, pfn, order = folio.m, folio.id, folio.order
    mem_cgroup_uncharge(folio)
    if m._entire_mapcount.get(pfn) or any(m._mapcount.run(pfn, 1 << order)):
        raise KernelBug("bad_page", f"the folio at pfn {pfn:#x} is freed while mapped")
    if m.mapping.get(pfn):
        mod_mthp_stat(m, order, MTHP_STAT_NR_ANON, -1)
    if folio.flags & PG_partially_mapped:
        mod_mthp_stat(m, order, MTHP_STAT_NR_ANON_PARTIALLY_MAPPED, -1)
    for field in (m.mapping, m.page_index, m.folio_order, m._nr_pages_mapped, m.cleared):
        field.set(pfn, 0)
    m.page_flags.fill(pfn, 1 << order, 0)
    if m.keeps_contents:
        for each in (m.content, m.tlb_stale):
            each.fill(pfn, 1 << order, 0)
    __free_one_page(m, pfn, order)
