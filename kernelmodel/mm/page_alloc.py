# SPDX-License-Identifier: GPL-2.0-only
"""Folios from the allocator and back to it (Linux 6.5 mm/page_alloc.c, mm/swap.c).

The way of a request: ``look`` says what it would get now (freelist.py: zones, watermarks; then pcp.py, buddy.py or
fallback.py), ``take`` takes it.  What happens where nothing is found is slowpath.py; who asks is mempolicy.py.
"""

from __future__ import annotations

from kernelmodel.decision import KernelBug
from kernelmodel.defs import (
    __GFP_ZERO,
    ALLOC_KSWAPD,
    MTHP_STAT_NR_ANON,
    MTHP_STAT_NR_ANON_PARTIALLY_MAPPED,
    ZONE_BOOSTED_WATERMARK,
    PG_partially_mapped,
)
from kernelmodel.machine import Machine
from kernelmodel.mm.buddy import free_one_page, gfp_migratetype
from kernelmodel.mm.freelist import (
    Found,
    Refused,
    fast_flags,
    get_page_from_freelist,
    mark_below_high,
    rmqueue,
    slow_flags,
)
from kernelmodel.mm.memcontrol import mem_cgroup_uncharge
from kernelmodel.mm.vmstat import mod_mthp_stat
from kernelmodel.structs import Folio


def look(m: Machine, gfp: int, order: int, node: int = 0) -> Found | Refused:
    """What a request would get without an effort: the fast path, then the first pass of the slow path.  No store."""
    found = get_page_from_freelist(m, gfp, order, fast_flags(m, gfp, node), node)
    if isinstance(found, Refused):
        slow = get_page_from_freelist(m, gfp, order, slow_flags(m, gfp, order), node)
        return slow._replace(tries=(*found.tries, *slow.tries), below_high=found.below_high)
    return found


def take(m: Machine, gfp: int, order: int, node: int = 0) -> Folio | None:
    """Allocate now: a folio with one reference, or None."""
    found = look(m, gfp, order, node)
    return None if isinstance(found, Refused) else take_found(m, found, gfp, order)


def take_found(m: Machine, found: Found, gfp: int, order: int) -> Folio:
    """Take what was found in this very state."""
    if found.below_high:
        mark_below_high(m, found)
    folio = prep_new_folio(m, rmqueue(m, found, order, gfp_migratetype(gfp)), order)
    if m.acts:
        wake_for_boost(m, found)
    if gfp & __GFP_ZERO or m.knobs["init_on_alloc"]:
        folio.cleared = 1
    return folio


def wake_for_boost(m: Machine, found: Found) -> None:
    """The end of rmqueue(): where a steal has boosted the zone's marks kswapd is woken, once."""
    zone = found.zone
    if not (found.flags & ALLOC_KSWAPD and m.zone_flags.get(zone) & ZONE_BOOSTED_WATERMARK):
        return
    from kernelmodel.mm.slow_steps import wakeup_kswapd

    m.zone_flags.set(zone, m.zone_flags.get(zone) & ~ZONE_BOOSTED_WATERMARK)
    wakeup_kswapd(m, m.zones[zone].node, 0, 0, m.zones[zone].type)


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
    free_pages(m, pfn, order)


def free_pages(m: Machine, pfn: int, order: int) -> None:
    """Give pages back: to the CPU's own lists where it has some for the order, else to the buddy lists."""
    if m.pcp:
        from kernelmodel.mm.pcp import free_unref_page

        if free_unref_page(m, pfn, order):
            return
    free_one_page(m, pfn, order)
