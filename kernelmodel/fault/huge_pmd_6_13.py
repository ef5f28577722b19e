# SPDX-License-Identifier: GPL-2.0-only
"""The PMD level of an anonymous fault, Linux 6.13 … 7.1 mm/huge_memory.c (read: 6.14, 6.18, 7.0, 7.1).

The folio comes ready from one function, cleared before the table is allocated; a write to the huge zero folio gets a
fresh one through it, too.
"""

from __future__ import annotations

from kernelmodel.decision import Decision, Path
from kernelmodel.defs import (
    FAULT_FLAG_WRITE,
    MM_ANONPAGES,
    MTHP_STAT_ANON_FAULT_ALLOC,
    MTHP_STAT_ANON_FAULT_FALLBACK,
    MTHP_STAT_ANON_FAULT_FALLBACK_CHARGE,
    THP_FAULT_ALLOC,
    THP_FAULT_FALLBACK,
    THP_FAULT_FALLBACK_CHARGE,
    VM_FAULT_FALLBACK,
    VM_FAULT_OOM,
    VM_UFFD_MISSING,
)
from kernelmodel.fault import huge_pmd
from kernelmodel.fault.huge_zero import map_huge_zero_page, pmd_recheck
from kernelmodel.mm.checks import bounds, check_stable_address_space, check_uffd_missing
from kernelmodel.mm.huge_mm import transhuge_vma_suitable, vma_thp_gfp_mask
from kernelmodel.mm.huge_zero import is_huge_zero_pmd
from kernelmodel.mm.lock import spin_lock, spin_unlock
from kernelmodel.mm.memcontrol import mem_cgroup_charge
from kernelmodel.mm.mempolicy import clear_huge_page as folio_zero_user
from kernelmodel.mm.mempolicy import user_alloc_needs_zeroing, vma_alloc_folio_6_13
from kernelmodel.mm.page_alloc import folio_put
from kernelmodel.mm.pgtable import pmd_lockptr, pmd_none_locked, pte_alloc_one
from kernelmodel.mm.rmap import folio_add_lru_vma, folio_add_new_anon_rmap, folio_mark_uptodate
from kernelmodel.mm.rmap import huge_pmd as folio_mk_pmd
from kernelmodel.mm.tables import pgtable_trans_huge_deposit, table_free
from kernelmodel.mm.userfaultfd import handle_userfault
from kernelmodel.mm.vma import vmf_anon_prepare
from kernelmodel.mm.vmstat import add_mm_counter, count_mthp_stat, count_vm_event
from kernelmodel.structs import Folio, Vma, VmFault


def vma_alloc_anon_folio_pmd(vma: Vma, addr: int) -> Path[Folio | None]:
    """A PMD-sized folio, charged and zero; None is counted here."""
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
    if user_alloc_needs_zeroing(m):
        folio_zero_user(folio, addr)
    folio_mark_uptodate(folio)
    return folio


def map_anon_folio_pmd(folio: Folio, pmd: int, vma: Vma, haddr: int) -> None:
    """The leaf, and all that is counted with it (from 7.0 on map_anon_folio_pmd_pf)."""
    m, order = vma.m, vma.m.arch.pmd_order
    folio_add_new_anon_rmap(folio, vma, haddr)
    folio_add_lru_vma(folio)
    m.pgtable.set(pmd, folio_mk_pmd(folio, vma))
    add_mm_counter(vma.vm_mm, MM_ANONPAGES, 1 << order)
    count_vm_event(m, THP_FAULT_ALLOC)
    count_mthp_stat(m, order, MTHP_STAT_ANON_FAULT_ALLOC)


def install(vmf: VmFault, haddr: int, folio: Folio) -> Decision:
    """That the folio is about to be mapped."""
    order = vmf.m.arch.pmd_order
    return Decision("install", "folio", order=order, addr=haddr, arg=folio.id, more=(("nr", 1 << order),))


def __do_huge_pmd_anonymous_page(vmf: VmFault) -> Path[int]:
    """Get a folio, and map it if the PMD is still none."""
    m, vma = vmf.m, vmf.vma
    haddr = vmf.address & ~(m.arch.pmd_size - 1)
    folio = yield from m.variant.vma_alloc_anon_folio_pmd(vma, vmf.address)
    if folio is None:
        return VM_FAULT_FALLBACK
    pgtable = yield from pte_alloc_one(m, vma.vm_mm)
    if pgtable < 0:
        folio_put(folio)
        return VM_FAULT_OOM

    lock = pmd_lockptr(m, vmf.pmd)
    yield from spin_lock(m, lock, vmf.cpu)
    none = pmd_none_locked(m, vmf.pmd)
    yield pmd_recheck(vmf)
    if not none:
        spin_unlock(m, lock)
        table_free(m, pgtable)
        folio_put(folio)
        return 0
    ret = yield from check_stable_address_space(vma.vm_mm)
    if ret:
        spin_unlock(m, lock)
        table_free(m, pgtable)
        folio_put(folio)
        return ret
    missing = yield from check_uffd_missing(vma, vmf.address)
    if missing:
        spin_unlock(m, lock)
        folio_put(folio)
        table_free(m, pgtable)
        return (yield from handle_userfault(vmf, VM_UFFD_MISSING))
    yield install(vmf, haddr, folio)
    pgtable_trans_huge_deposit(m, vmf.pmd, pgtable)
    map_anon_folio_pmd(folio, vmf.pmd, vma, haddr)
    vma.vm_mm.nr_ptes += 1
    spin_unlock(m, lock)
    return 0


def do_huge_pmd_anonymous_page(vmf: VmFault) -> Path[int]:
    """A PMD-mapped folio (or the huge zero folio for a read), or VM_FAULT_FALLBACK.

    A range that leaves the VMA falls back without a count; so does, per size, a huge zero folio that cannot be had.
    """
    m, vma, arch = vmf.m, vmf.vma, vmf.m.arch
    haddr = vmf.address & ~(arch.pmd_size - 1)
    fits = transhuge_vma_suitable(vma, haddr)
    yield bounds("pmd-bounds", vma, arch.pmd_order, haddr, fits)
    if not fits:
        return VM_FAULT_FALLBACK
    ret = yield from vmf_anon_prepare(vmf)
    if ret:
        return ret
    if not vmf.flags & FAULT_FLAG_WRITE and m.thp_use_zero_page.get(0):
        return (yield from map_huge_zero_page(vmf))
    return (yield from __do_huge_pmd_anonymous_page(vmf))


def do_huge_zero_wp_pmd(vmf: VmFault) -> Path[int]:
    """A write where the huge zero folio is mapped: a fresh folio in its place, the deposited table stays."""
    m, vma = vmf.m, vmf.vma
    haddr = vmf.address & ~(m.arch.pmd_size - 1)
    folio = yield from m.variant.vma_alloc_anon_folio_pmd(vma, vmf.address)
    if folio is None:
        return VM_FAULT_FALLBACK
    yield Decision("huge-wp", "copy", addr=vmf.address, reason="huge-zero-page")
    lock = pmd_lockptr(m, vmf.pmd)
    yield from spin_lock(m, lock, vmf.cpu)
    same = m.pgtable.get(vmf.pmd) == vmf.orig_pmd
    yield Decision("recheck", "same" if same else "changed", addr=haddr)
    if not same:
        folio_put(folio)
        spin_unlock(m, lock)
        return 0
    ret = yield from check_stable_address_space(vma.vm_mm)
    if ret:
        folio_put(folio)
        spin_unlock(m, lock)
        return ret
    yield install(vmf, haddr, folio)
    m.pgtable.set(vmf.pmd, 0)
    map_anon_folio_pmd(folio, vmf.pmd, vma, haddr)
    spin_unlock(m, lock)
    return 0


def do_huge_pmd_wp_page(vmf: VmFault) -> Path[int]:
    """A write to a leaf that is not writable: over the huge zero folio a fresh one first, the rest is as before."""
    if is_huge_zero_pmd(vmf.m, vmf.orig_pmd):
        ret = yield from do_huge_zero_wp_pmd(vmf)
        if not ret & VM_FAULT_FALLBACK:
            return ret
    return (yield from huge_pmd.do_huge_pmd_wp_page(vmf))
