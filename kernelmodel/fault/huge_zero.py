# SPDX-License-Identifier: GPL-2.0-only
"""A read fault at the PMD level: the part of ``do_huge_pmd_anonymous_page`` that is the same in 6.5 … 7.1."""

from __future__ import annotations

from kernelmodel.decision import Decision, Path
from kernelmodel.defs import THP_FAULT_FALLBACK, VM_FAULT_FALLBACK, VM_FAULT_OOM, VM_UFFD_MISSING
from kernelmodel.mm.checks import check_stable_address_space, check_uffd_missing
from kernelmodel.mm.huge_zero import mm_get_huge_zero_page
from kernelmodel.mm.lock import spin_lock, spin_unlock
from kernelmodel.mm.pgtable import pmd_lockptr, pmd_none_locked, pte_alloc_one
from kernelmodel.mm.tables import pgtable_trans_huge_deposit, table_free
from kernelmodel.mm.userfaultfd import handle_userfault
from kernelmodel.mm.vmstat import count_vm_event
from kernelmodel.structs import VmFault


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
    raced = not pmd_none_locked(m, vmf.pmd)
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


def pmd_recheck(vmf: VmFault) -> Decision:
    """pmd_none under the lock."""
    if pmd_none_locked(vmf.m, vmf.pmd):
        return Decision("pmd-recheck", "none", addr=vmf.address)
    kind = vmf.m.arch.pmd_kind(vmf.m.pgtable.get(vmf.pmd))
    return Decision("pmd-recheck", "changed", addr=vmf.address, reason=f"pmd-{kind}", more=(("found", kind),))
