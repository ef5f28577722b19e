# SPDX-License-Identifier: GPL-2.0-only
"""The PMD level of an anonymous fault, Linux 6.5 … 6.9 mm/huge_memory.c: one leaf, or VM_FAULT_FALLBACK."""

from __future__ import annotations

from kernelmodel.decision import Decision, Path, Step
from kernelmodel.defs import (
    FAULT_FLAG_WRITE,
    MM_ANONPAGES,
    THP_FAULT_ALLOC,
    THP_FAULT_FALLBACK,
    THP_FAULT_FALLBACK_CHARGE,
    VM_FAULT_FALLBACK,
    VM_FAULT_OOM,
    VM_UFFD_MISSING,
    VM_UFFD_WP,
    PG_anon_exclusive,
)
from kernelmodel.fault.huge_zero import map_huge_zero_page, pmd_recheck
from kernelmodel.mm.checks import bounds, check_stable_address_space, check_uffd_missing
from kernelmodel.mm.huge_mm import transhuge_vma_suitable, vma_thp_gfp_mask
from kernelmodel.mm.huge_split import split_huge_pmd
from kernelmodel.mm.huge_zero import is_huge_zero_pmd
from kernelmodel.mm.lock import spin_lock, spin_unlock
from kernelmodel.mm.memcontrol import mem_cgroup_charge
from kernelmodel.mm.mempolicy import clear_huge_page, vma_alloc_folio
from kernelmodel.mm.page_alloc import folio_put
from kernelmodel.mm.pgtable import pmd_lockptr, pmd_none_locked, pte_alloc_one
from kernelmodel.mm.rmap import (
    folio_add_lru_vma,
    folio_add_new_anon_rmap,
    folio_mark_uptodate,
    folio_move_anon_rmap,
    huge_pmd,
)
from kernelmodel.mm.tables import pgtable_trans_huge_deposit, table_free
from kernelmodel.mm.userfaultfd import handle_userfault, userfaultfd_wp
from kernelmodel.mm.vma import anon_vma_prepare, maybe_mkwrite
from kernelmodel.mm.vmstat import add_mm_counter, count_vm_event
from kernelmodel.structs import Folio, VmFault


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
    return (yield from __do_huge_pmd_anonymous_page(vmf, folio, gfp))


def __do_huge_pmd_anonymous_page(vmf: VmFault, folio: Folio, gfp: int) -> Path[int]:
    """Charge the folio with the mask it was allocated with, clear it, and map it if the PMD is still none."""
    m, vma, arch = vmf.m, vmf.vma, vmf.m.arch
    haddr = vmf.address & ~(arch.pmd_size - 1)
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


def huge_pmd_set_accessed(vmf: VmFault) -> Path[None]:
    """The leaf is there and allows the access: young (and dirty)."""
    m = vmf.m
    lock = pmd_lockptr(m, vmf.pmd)
    yield from spin_lock(m, lock, vmf.cpu)
    if m.pgtable.get(vmf.pmd) == vmf.orig_pmd:
        entry = m.arch.pte_mkyoung(vmf.orig_pmd)
        m.pgtable.set(vmf.pmd, m.arch.pte_mkdirty(entry) if vmf.flags & FAULT_FLAG_WRITE else entry)
    spin_unlock(m, lock)


def wp_huge_pmd(vmf: VmFault) -> Path[int]:
    """A write to a leaf that is not writable: the monitor hears of it first (mm/memory.c of 6.5 … 7.1)."""
    if userfaultfd_wp(vmf.vma) and vmf.m.arch.pte_uffd_wp(vmf.orig_pmd):
        yield Decision("huge-wp", "uffd", addr=vmf.address)
        return (yield from handle_userfault(vmf, VM_UFFD_WP))
    return (yield from vmf.m.variant.do_huge_pmd_wp_page(vmf))


def do_huge_pmd_wp_page(vmf: VmFault) -> Path[int]:
    """A write to a leaf that is not writable: reuse a folio that is ours alone, else split the leaf and fall back."""
    m, vma, arch = vmf.m, vmf.vma, vmf.m.arch
    lock = pmd_lockptr(m, vmf.pmd)
    if is_huge_zero_pmd(m, vmf.orig_pmd):
        yield Decision("huge-wp", "split", addr=vmf.address, reason="huge-zero-page")
    else:
        yield from spin_lock(m, lock, vmf.cpu)
        if m.pgtable.get(vmf.pmd) != vmf.orig_pmd:
            spin_unlock(m, lock)
            return 0
        folio = Folio(m, arch.pte_pfn(vmf.orig_pmd))
        exclusive = bool(folio.flags & PG_anon_exclusive)
        if exclusive or folio._refcount == 1:
            why = "anon-exclusive" if exclusive else "only-reference"
            yield Decision("huge-wp", "reuse", addr=vmf.address, reason=why)
            if not exclusive:
                folio_move_anon_rmap(folio, vma)
                folio.flags |= PG_anon_exclusive
            m.pgtable.set(vmf.pmd, maybe_mkwrite(arch.pte_mkdirty(arch.pte_mkyoung(vmf.orig_pmd)), vma))
            spin_unlock(m, lock)
            return 0
        yield Decision("huge-wp", "split", addr=vmf.address, reason="shared", arg=folio._refcount)
        spin_unlock(m, lock)
        yield Step("step", "huge-wp", addr=vmf.address)
    # fallback:
    yield from spin_lock(m, lock, vmf.cpu)
    split_huge_pmd(m, vma, vmf.pmd, vmf.address)
    spin_unlock(m, lock)
    return VM_FAULT_FALLBACK
