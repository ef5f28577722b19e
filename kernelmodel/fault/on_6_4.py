# SPDX-License-Identifier: GPL-2.0-only
"""What v1 and v2 share: their estimator, and the 6.4 code around it, where mapping a PTE can't fail.

Estimator: 20230626171430.3167004-11-ryan.roberts@arm.com and 20230703135330.1865927-5-ryan.roberts@arm.com.  6.4's
do_anonymous_page: the side that c2f8c6d-d86c-de6c-f90-1aed3cfce5b3@google.com (for 6.5) takes away.
"""

from __future__ import annotations

from kernelmodel.decision import Decision, KernelBug, Path
from kernelmodel.defs import VM_UFFD_MISSING
from kernelmodel.fault.told import recheck, step_down
from kernelmodel.machine import Machine
from kernelmodel.mm.checks import bounds, check_stable_address_space, check_uffd_missing
from kernelmodel.mm.pgtable import (
    first_populated,
    pte_index,
    pte_offset_map_lock,
    pte_unmap_unlock,
    set_pte_at,
    vmf_pte_changed,
    zero_page,
)
from kernelmodel.mm.userfaultfd import handle_userfault
from kernelmodel.structs import VmFault


def check_ptes_none(m: Machine, pte: int, nr: int) -> int:
    """Index of the first of ``nr`` PTEs that is not none, ``nr`` if all are."""
    at = first_populated(m, pte, nr)
    return nr if at < 0 else at


def calc_anon_folio_order_alloc(vmf: VmFault, order: int, reason: str) -> Path[tuple[int, str]]:
    """The highest order up to ``order`` whose range lies in the VMA and has no PTE set; 0 if there is none, never 1.

    An estimate: nothing is locked.  The set PTE that was found last is remembered, so no PTE is read for every order.
    ``reason`` goes into the decisions only: why it is order 0, unless a loop here has a better one.
    """
    m, vma, arch = vmf.m, vmf.vma, vmf.m.arch
    assert vmf.pte is not None
    first_set = -1  # NULL
    order = min(order, arch.pmd_order)
    while order > 1:
        nr = 1 << order
        addr = vmf.address & -(nr * arch.page_size)
        pte = vmf.pte - (vmf.address - addr >> arch.page_shift)
        fits = addr >= vma.vm_start and addr + nr * arch.page_size <= vma.vm_end
        yield bounds("vma-bounds", vma, order, addr, fits)
        reason = "vma-bounds"
        if fits:
            if pte + nr <= first_set:
                none = True
            elif pte <= first_set:
                none = False
            else:
                ret = check_ptes_none(m, pte, nr)
                none = ret == nr
                if not none:
                    first_set = pte + ret
            yield estimated(vmf, order, addr, -1 if none else first_set - pte)
            if none:
                break
            reason = "pte-range"
        order -= 1
        if order > 1:
            yield step_down(order + 1, order, reason)
    return (0 if order == 1 else order), reason


def estimated(vmf: VmFault, order: int, addr: int, at: int) -> Decision:
    """What the estimator holds of an order's range; ``at`` is the place of the set PTE in it, -1 if there is none."""
    if at < 0:
        return Decision("pte-range", "none", order, addr)
    assert vmf.pte is not None
    m, index = vmf.m, pte_index(vmf.m, addr) + at
    kind = m.arch.pte_kind(m.pgtable.get(vmf.pte - pte_index(m, vmf.address) + index))
    more = (("found", kind),)
    return Decision("pte-range", "populated", order, addr, reason="populated", arg=index, more=more)


# -- 6.4 ----------------------------------------------------------------------------------------------
def pmd_trans_unstable(vmf: VmFault) -> Path[bool]:
    """Is the PMD no table?  Asked right after pte_alloc(); if it is one, it stays while mmap_lock is held."""
    kind = vmf.m.arch.pmd_kind(vmf.m.pgtable.get(vmf.pmd))
    if kind == "table":
        return False
    yield Decision("pte-alloc", "present", addr=vmf.address, reason=kind)
    return True


def never_null(pte: int | None) -> int:
    """What pte_offset_map() and pte_offset_map_lock() give, and nobody tests."""
    if pte is None:
        raise KernelBug("page fault", "the PTE table has gone, and 6.4 does not look at the PMD again")
    return pte


def map_zero_page(vmf: VmFault, uffd_wp: bool) -> Path[int]:
    """The part of do_anonymous_page for reads; in v1 and v2 it sets its own PTE."""
    m, vma = vmf.m, vmf.vma
    entry = zero_page(m, vma.vm_page_prot)
    pte = yield from pte_offset_map_lock(vmf, vmf.address)
    vmf.pte = never_null(pte)
    changed = vmf_pte_changed(vmf)
    yield recheck(vmf, vmf.address, 1, changed)
    if changed:
        pte_unmap_unlock(vmf)
        return 0
    ret = yield from check_stable_address_space(vma.vm_mm)
    if ret:
        pte_unmap_unlock(vmf)
        return ret
    missing = yield from check_uffd_missing(vma, vmf.address)
    if missing:
        pte_unmap_unlock(vmf)
        return (yield from handle_userfault(vmf, VM_UFFD_MISSING))
    if uffd_wp:
        entry = m.arch.pte_mkuffd_wp(entry)
    yield Decision("zero-page", "mapped", addr=vmf.address)
    set_pte_at(m, vmf.pte, entry)
    pte_unmap_unlock(vmf)
    return 0
