# SPDX-License-Identifier: GPL-2.0-only
"""The PTE level up to where the variants part: ``handle_pte_fault`` and what is below it beside anonymous memory.

Linux 6.5 mm/memory.c.
"""

from __future__ import annotations

from kernelmodel.decision import Decision, Path, Step
from kernelmodel.defs import FAULT_FLAG_ORIG_PTE_VALID, FAULT_FLAG_WRITE
from kernelmodel.mm.lock import spin_lock
from kernelmodel.mm.pgtable import pmd_none, pte_offset_map_nolock, pte_same, pte_unmap, pte_unmap_unlock, set_pte_at
from kernelmodel.structs import VmFault


def handle_pte_fault(vmf: VmFault) -> Path[int]:
    """Read the PTE without a lock and send the fault to whoever owns that kind of entry."""
    m = vmf.m
    if pmd_none(m, vmf.pmd):
        vmf.pte = None
        vmf.flags &= ~FAULT_FLAG_ORIG_PTE_VALID
        yield Decision("orig-pte", "pmd-none", addr=vmf.address)
    else:
        yield Step("step", "F7b", addr=vmf.address)
        vmf.pte, found = pte_offset_map_nolock(m, vmf.pmd, vmf.address)
        if vmf.pte is None:
            yield Decision("orig-pte", "NULL", addr=vmf.address, reason=f"pmd-{found}", more=(("found", found),))
            return 0
        vmf.orig_pte = m.pgtable.get(vmf.pte)
        vmf.flags |= FAULT_FLAG_ORIG_PTE_VALID
        if not m.arch.pte_present(vmf.orig_pte):
            pte_unmap(vmf)  # of what is not none: pte_unmap_same() in do_swap_page()
        yield Decision("orig-pte", orig_pte_kind(vmf), addr=vmf.address, arg=vmf.orig_pte)
        if not vmf.orig_pte:
            vmf.pte = None

    if vmf.pte is None:
        return (yield from m.variant.do_anonymous_page(vmf))
    if not m.arch.pte_present(vmf.orig_pte):
        return (yield from m.variant.do_swap_page(vmf))

    table = vmf.pte // m.arch.ptrs
    yield from spin_lock(m, table, vmf.cpu)
    vmf.ptl = table
    entry = vmf.orig_pte
    if not pte_same(m, vmf.pte, entry):
        yield Decision("recheck", "changed", addr=vmf.address)
        pte_unmap_unlock(vmf)
        return 0
    yield Decision("recheck", "same", addr=vmf.address)
    if vmf.flags & FAULT_FLAG_WRITE:
        if not m.arch.pte_write(entry):
            return (yield from m.variant.do_wp_page(vmf))
        entry = m.arch.pte_mkdirty(entry)
    set_pte_at(m, vmf.pte, m.arch.pte_mkyoung(entry))
    pte_unmap_unlock(vmf)
    return 0


def orig_pte_kind(vmf: VmFault) -> str:
    """The outcome word for an entry."""
    kind = vmf.m.arch.pte_kind(vmf.orig_pte)
    return {"page": "present", "zero": "present", "migration": "swap"}.get(kind, kind)
