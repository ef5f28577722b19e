# SPDX-License-Identifier: GPL-2.0-only
"""The PMD level of an anonymous fault, Linux 6.5 mm/huge_memory.c: one leaf, or VM_FAULT_FALLBACK to the PTE level."""

from __future__ import annotations

from kernelmodel.decision import Decision, Path, Question
from kernelmodel.defs import (
    FAULT_FLAG_WRITE,
    GFP_TRANSHUGE,
    MM_ANONPAGES,
    MMF_HUGE_ZERO_PAGE,
    NR_ANON_THPS,
    THP_FAULT_ALLOC,
    THP_FAULT_FALLBACK,
    THP_FAULT_FALLBACK_CHARGE,
    THP_SPLIT_PMD,
    THP_ZERO_PAGE_ALLOC,
    THP_ZERO_PAGE_ALLOC_FAILED,
    VM_FAULT_FALLBACK,
    VM_FAULT_OOM,
    VM_UFFD_MISSING,
    PG_anon_exclusive,
)
from kernelmodel.machine import Machine
from kernelmodel.mm import page_alloc
from kernelmodel.mm.checks import bounds, check_stable_address_space, check_uffd_missing
from kernelmodel.mm.huge_mm import transhuge_vma_suitable, vma_thp_gfp_mask
from kernelmodel.mm.lock import spin_lock, spin_unlock
from kernelmodel.mm.memcontrol import mem_cgroup_charge
from kernelmodel.mm.mempolicy import clear_huge_page, vma_alloc_folio
from kernelmodel.mm.page_alloc import folio_put
from kernelmodel.mm.pgtable import pmd_lockptr, pmd_none, pte_alloc_one, zero_page
from kernelmodel.mm.rmap import folio_add_lru_vma, folio_add_new_anon_rmap, folio_mark_uptodate, huge_pmd
from kernelmodel.mm.tables import pgtable_trans_huge_deposit, pgtable_trans_huge_withdraw, table_entry, table_free
from kernelmodel.mm.userfaultfd import handle_userfault
from kernelmodel.mm.vma import anon_vma_prepare, maybe_mkwrite
from kernelmodel.mm.vmstat import add_mm_counter, count_vm_event, mod_node_stat
from kernelmodel.structs import Folio, Mm, Vma, VmFault


def do_huge_pmd_anonymous_page(vmf: VmFault) -> Path[int]:
    """A PMD-mapped folio (or the huge zero page for a read), or VM_FAULT_FALLBACK.

    A range that leaves the VMA falls back without a count.
    """
    m, vma, arch = vmf.m, vmf.vma, vmf.m.arch
    haddr = vmf.address & ~(arch.pmd_size - 1)
    fits = transhuge_vma_suitable(vma, haddr)
    yield bounds("pmd-bounds", vma, arch.pmd_order, haddr, fits)
    if not fits:
        return VM_FAULT_FALLBACK
    failed = yield from anon_vma_prepare(vma)
    if failed:
        return VM_FAULT_OOM
    if not vmf.flags & FAULT_FLAG_WRITE and m.thp_use_zero_page.get(0):
        return (yield from map_huge_zero_page(vmf))

    gfp = vma_thp_gfp_mask(vma)
    folio = yield from vma_alloc_folio(gfp, arch.pmd_order, vma, haddr, True)
    if folio is None:
        count_vm_event(m, THP_FAULT_FALLBACK)
        return VM_FAULT_FALLBACK
    failed = yield from mem_cgroup_charge(folio, vma.vm_mm, gfp)
    if failed:
        folio_put(folio)
        count_vm_event(m, THP_FAULT_FALLBACK)
        count_vm_event(m, THP_FAULT_FALLBACK_CHARGE)
        return VM_FAULT_FALLBACK
    pgtable = yield from pte_alloc_one(m, vma.vm_mm)
    if pgtable < 0:
        folio_put(folio)
        return VM_FAULT_OOM
    clear_huge_page(folio, vmf.address)
    folio_mark_uptodate(folio)

    lock = pmd_lockptr(m, vmf.pmd)
    yield from spin_lock(m, lock, vmf.cpu)
    if not pmd_none(m, vmf.pmd):
        yield pmd_recheck(vmf)
        spin_unlock(m, lock)
        table_free(m, pgtable)
        folio_put(folio)
        return 0
    yield pmd_recheck(vmf)
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
    nr = 1 << arch.pmd_order
    yield Decision("install", "folio", order=arch.pmd_order, addr=haddr, arg=folio.id, more=(("nr", nr),))
    folio_add_new_anon_rmap(folio, vma, haddr)
    folio_add_lru_vma(folio)
    pgtable_trans_huge_deposit(m, vmf.pmd, pgtable)
    m.pgtable.set(vmf.pmd, huge_pmd(folio, vma))
    add_mm_counter(vma.vm_mm, MM_ANONPAGES, nr)
    vma.vm_mm.nr_ptes += 1
    spin_unlock(m, lock)
    count_vm_event(m, THP_FAULT_ALLOC)
    return 0


def map_huge_zero_page(vmf: VmFault) -> Path[int]:
    """The read fault's way: no memory of one's own."""
    m, vma = vmf.m, vmf.vma
    pgtable = yield from pte_alloc_one(m, vma.vm_mm)
    if pgtable < 0:
        return VM_FAULT_OOM
    zero_pfn = yield from mm_get_huge_zero_page(vma.vm_mm)
    if zero_pfn < 0:
        table_free(m, pgtable)
        count_vm_event(m, THP_FAULT_FALLBACK)
        return VM_FAULT_FALLBACK
    lock = pmd_lockptr(m, vmf.pmd)
    yield from spin_lock(m, lock, vmf.cpu)
    ret = 0
    missing = False
    raced = not pmd_none(m, vmf.pmd)
    yield pmd_recheck(vmf)
    if not raced:
        ret = yield from check_stable_address_space(vma.vm_mm)
        if not ret:
            missing = yield from check_uffd_missing(vma, vmf.address)
    if raced or ret or missing:
        spin_unlock(m, lock)
        table_free(m, pgtable)
        if missing:
            return (yield from handle_userfault(vmf, VM_UFFD_MISSING))
        return ret
    haddr = vmf.address & ~(m.arch.pmd_size - 1)
    nr = 1 << m.arch.pmd_order
    yield Decision("install", "huge-zero-page", order=m.arch.pmd_order, addr=haddr, arg=zero_pfn, more=(("nr", nr),))
    pgtable_trans_huge_deposit(m, vmf.pmd, pgtable)
    m.pgtable.set(vmf.pmd, m.arch.pmd_mkhuge(m.arch.pfn_pte(zero_pfn, vma.vm_page_prot)))
    vma.vm_mm.nr_ptes += 1
    spin_unlock(m, lock)
    return 0


def mm_get_huge_zero_page(mm: Mm) -> Path[int]:
    """pfn of the huge zero page, -1 if it can't be had.  One reference a mm, one for the shrinker."""
    m = mm.m
    if mm.flags & MMF_HUGE_ZERO_PAGE:
        yield Decision("huge-zero", "folio", reason="mm-has-it")
        return m.huge_zero_pfn.get(0) - 1
    gfp = (GFP_TRANSHUGE | 0x100) & ~0x8
    node = m.this_node()

    def peek() -> tuple[str, str, int]:
        if m.huge_zero_refcount.get(0):
            return "folio", "", 0
        found = page_alloc.get_page_from_freelist(m, gfp | 0x8, m.arch.pmd_order, node)
        return ("NULL", *found) if isinstance(found, page_alloc.Refused) else ("folio", "", 0)

    answer = yield Question("huge-zero", "mm_get_huge_zero_folio", peek, "NULL", m.arch.pmd_order, more=(("gfp", gfp),))
    if answer == "NULL":
        count_vm_event(m, THP_ZERO_PAGE_ALLOC_FAILED)
        return -1
    if not m.huge_zero_refcount.get(0):
        folio = page_alloc.take(m, gfp | 0x8, m.arch.pmd_order, node)
        assert folio is not None
        m.huge_zero_pfn.set(0, folio.id + 1)
        m.huge_zero_refcount.set(0, 1)
        count_vm_event(m, THP_ZERO_PAGE_ALLOC)
    if not mm.flags & MMF_HUGE_ZERO_PAGE:  # else another CPU of this mm was first: its reference is enough
        m.huge_zero_refcount.add(0, 1)
        mm.flags |= MMF_HUGE_ZERO_PAGE
    return m.huge_zero_pfn.get(0) - 1


def pmd_recheck(vmf: VmFault) -> Decision:
    """pmd_none under the lock."""
    kind = vmf.m.arch.pmd_kind(vmf.m.pgtable.get(vmf.pmd))
    if kind == "none":
        return Decision("pmd-recheck", "none", addr=vmf.address)
    return Decision("pmd-recheck", "changed", addr=vmf.address, reason=f"pmd-{kind}", more=(("found", kind),))


def huge_pmd_set_accessed(vmf: VmFault) -> Path[None]:
    """The leaf is there and allows the access: young (and dirty)."""
    m = vmf.m
    lock = pmd_lockptr(m, vmf.pmd)
    yield from spin_lock(m, lock, vmf.cpu)
    if m.pgtable.get(vmf.pmd) == vmf.orig_pmd:
        entry = m.arch.pte_mkyoung(vmf.orig_pmd)
        m.pgtable.set(vmf.pmd, m.arch.pte_mkdirty(entry) if vmf.flags & FAULT_FLAG_WRITE else entry)
    spin_unlock(m, lock)


def do_huge_pmd_wp_page(vmf: VmFault) -> Path[int]:
    """A write to a leaf that is not writable: reuse an exclusive folio, else split it and fall back."""
    m, vma, arch = vmf.m, vmf.vma, vmf.m.arch
    lock = pmd_lockptr(m, vmf.pmd)
    if arch.pte_pfn(vmf.orig_pmd) == m.huge_zero_pfn.get(0) - 1:
        yield Decision("huge-wp", "split", addr=vmf.address, reason="huge-zero-page")
        yield from spin_lock(m, lock, vmf.cpu)
    else:
        yield from spin_lock(m, lock, vmf.cpu)
        if m.pgtable.get(vmf.pmd) != vmf.orig_pmd:
            spin_unlock(m, lock)
            return 0
        folio = Folio(m, arch.pte_pfn(vmf.orig_pmd))
        if folio.flags & PG_anon_exclusive or folio._refcount == 1:
            yield Decision("huge-wp", "reuse", addr=vmf.address)
            folio.flags |= PG_anon_exclusive
            m.pgtable.set(vmf.pmd, maybe_mkwrite(arch.pte_mkdirty(arch.pte_mkyoung(vmf.orig_pmd)), vma))
            spin_unlock(m, lock)
            return 0
        yield Decision("huge-wp", "split", addr=vmf.address, reason="shared")
    split_huge_pmd(m, vma, vmf.pmd, vmf.address)
    spin_unlock(m, lock)
    return VM_FAULT_FALLBACK


def split_huge_pmd(m: Machine, vma: Vma, pmd: int, address: int) -> None:
    """The leaf becomes a table that maps the same pages one by one (under the PMD lock)."""
    arch = m.arch
    value = m.pgtable.get(pmd)
    if arch.pmd_kind(value) != "leaf":
        return
    count_vm_event(m, THP_SPLIT_PMD)
    table = pgtable_trans_huge_withdraw(m, pmd)
    base, nr, pfn = table * arch.ptrs, 1 << arch.pmd_order, arch.pte_pfn(value)
    if pfn == m.huge_zero_pfn.get(0) - 1:
        entry = zero_page(m, vma.vm_page_prot)
        for k in range(nr):
            m.pgtable.set(base + k, entry)
    else:
        folio = Folio(m, pfn)
        exclusive = folio.flags & PG_anon_exclusive
        page_alloc.folio_ref_add(folio, nr - 1)
        entry = arch.pte_mkdirty(arch.pfn_pte(pfn, vma.vm_page_prot))
        if arch.pte_write(value):
            entry = maybe_mkwrite(entry, vma)
        m._entire_mapcount.set(pfn, m._entire_mapcount.get(pfn) - 1)
        for k in range(nr):
            m.pgtable.set(base + k, entry + (k << arch.page_shift))
        for k in range(nr):
            m._mapcount.add(pfn + k, 1)
            m.page_flags.set(pfn + k, m.page_flags.get(pfn + k) | exclusive)
        folio._nr_pages_mapped = nr
        mod_node_stat(m, NR_ANON_THPS, -nr)
    m.pgtable.set(pmd, table_entry(m, table))
