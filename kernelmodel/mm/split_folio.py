# SPDX-License-Identifier: GPL-2.0-only
"""A large folio becomes folios of one page: split_folio() of mm/huge_memory.c, Linux 6.5, for anonymous memory."""

from __future__ import annotations

from kernelmodel.defs import (
    MTHP_STAT_NR_ANON,
    MTHP_STAT_NR_ANON_PARTIALLY_MAPPED,
    MTHP_STAT_SPLIT,
    MTHP_STAT_SPLIT_FAILED,
    THP_SPLIT_PAGE,
    THP_SPLIT_PAGE_FAILED,
    PG_anon_exclusive,
    PG_partially_mapped,
)
from kernelmodel.mm.page_alloc import folio_put
from kernelmodel.mm.vmstat import count_mthp_stat, count_vm_event, mod_mthp_stat
from kernelmodel.structs import Folio


def can_split_folio(folio: Folio) -> bool:
    """Do only PTEs hold it?  (A leaf of another process would have to be found and split first: left out.)"""
    m = folio.m
    if m._entire_mapcount.get(folio.id):
        return False
    return folio._refcount == sum(m._mapcount.run(folio.id, folio.nr_pages))


def count_split(folio: Folio, done: bool) -> None:
    """thp_split_page: up to 6.9 of every large folio, then of PMD_ORDER only; a size's own counter from 6.11 on."""
    m = folio.m
    if m.release < (6, 10) or folio.order == m.arch.pmd_order:
        count_vm_event(m, THP_SPLIT_PAGE if done else THP_SPLIT_PAGE_FAILED)
    count_mthp_stat(m, folio.order, MTHP_STAT_SPLIT if done else MTHP_STAT_SPLIT_FAILED)


def split_folio(folio: Folio) -> None:
    """What maps the pages stays; each has the folio's flags and a place of its own, one that nobody maps is freed."""
    m, head, order, nr = folio.m, folio.id, folio.order, folio.nr_pages
    count_split(folio, True)
    mod_mthp_stat(m, order, MTHP_STAT_NR_ANON, -1)
    if folio.flags & PG_partially_mapped:
        mod_mthp_stat(m, order, MTHP_STAT_NR_ANON_PARTIALLY_MAPPED, -1)
    flags = folio.flags & ~(PG_partially_mapped | PG_anon_exclusive)
    for field in (m.folio_order, m._nr_pages_mapped, m._large_mapcount, m._mm_ids, m._mm_id_mapcount):
        field.set(head, 0)
    mapping, index = m.mapping.get(head), m.page_index.get(head)
    for k in range(nr):
        pfn = head + k
        m.page_flags.set(pfn, flags | m.page_flags.get(pfn) & PG_anon_exclusive)
        m._refcount.set(pfn, m._mapcount.get(pfn) or 1)
        m.page_index.set(pfn, index + k)
    for field in (m.mapping, m.memcg_data, m.cleared):
        field.fill(head, nr, mapping if field is m.mapping else field.get(head))
    for k in range(nr):
        if not m._mapcount.get(head + k):
            folio_put(Folio(m, head + k))
