# SPDX-License-Identifier: GPL-2.0-only
"""The PMD level of Linux 7.2 as far as it differs from 6.13: the folio must be able to stand on a deferred-split list.

"mm: switch deferred split shrinker to list_lru", 20260527204757.2544958-10-hannes@cmpxchg.org; the rest of 7.2's
mm/huge_memory.c was not read.
"""

from __future__ import annotations

from kernelmodel.decision import Path
from kernelmodel.defs import (
    MTHP_STAT_ANON_FAULT_FALLBACK,
    MTHP_STAT_ANON_FAULT_FALLBACK_CHARGE,
    THP_FAULT_FALLBACK,
    THP_FAULT_FALLBACK_CHARGE,
)
from kernelmodel.mm.huge_mm import vma_thp_gfp_mask
from kernelmodel.mm.memcontrol import folio_memcg_alloc_deferred, mem_cgroup_charge
from kernelmodel.mm.mempolicy import clear_huge_page as folio_zero_user
from kernelmodel.mm.mempolicy import user_alloc_needs_zeroing, vma_alloc_folio_6_13
from kernelmodel.mm.page_alloc import folio_put
from kernelmodel.mm.rmap import folio_mark_uptodate
from kernelmodel.mm.vmstat import count_mthp_stat, count_vm_event
from kernelmodel.structs import Folio, Vma


def vma_alloc_anon_folio_pmd(vma: Vma, addr: int) -> Path[Folio | None]:
    """A PMD-sized folio, charged, with list heads in its memcg, and zero; None is counted here."""
    m, order = vma.m, vma.m.arch.pmd_order
    gfp = vma_thp_gfp_mask(vma)
    folio = yield from vma_alloc_folio_6_13(gfp, order, vma, addr & ~(m.arch.pmd_size - 1))
    if folio is None:
        count_vm_event(m, THP_FAULT_FALLBACK)
        count_mthp_stat(m, order, MTHP_STAT_ANON_FAULT_FALLBACK)
        return None
    failed = yield from mem_cgroup_charge(folio, vma.vm_mm, gfp)
    if failed:
        folio_put(folio)
        count_vm_event(m, THP_FAULT_FALLBACK)
        count_vm_event(m, THP_FAULT_FALLBACK_CHARGE)
        count_mthp_stat(m, order, MTHP_STAT_ANON_FAULT_FALLBACK)
        count_mthp_stat(m, order, MTHP_STAT_ANON_FAULT_FALLBACK_CHARGE)
        return None
    failed = yield from folio_memcg_alloc_deferred(folio)
    if failed:
        folio_put(folio)
        count_vm_event(m, THP_FAULT_FALLBACK)
        count_mthp_stat(m, order, MTHP_STAT_ANON_FAULT_FALLBACK)
        return None
    if user_alloc_needs_zeroing(m):
        folio_zero_user(folio, addr)
    folio_mark_uptodate(folio)
    return folio
