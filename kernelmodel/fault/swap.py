# SPDX-License-Identifier: GPL-2.0-only
"""Entries that are neither none nor present: markers, and swap.  Linux 6.5 mm/memory.c; markers until 7.1.

Swap-in is here in its plain form: one page, the swap cache skipped (a synchronous device), the slot not shared.
"""

from __future__ import annotations

from kernelmodel.arch import PTE_MARKER_GUARD, PTE_MARKER_POISONED
from kernelmodel.decision import Decision, Path, Wait
from kernelmodel.defs import (
    FAULT_FLAG_WRITE,
    GFP_HIGHUSER_MOVABLE,
    GFP_KERNEL,
    MM_ANONPAGES,
    MM_SWAPENTS,
    PGMAJFAULT,
    VM_FAULT_HWPOISON,
    VM_FAULT_MAJOR,
    VM_FAULT_OOM,
    VM_FAULT_SIGBUS,
    VM_FAULT_SIGSEGV,
)
from kernelmodel.mm.memcontrol import mem_cgroup_charge
from kernelmodel.mm.mempolicy import vma_alloc_folio
from kernelmodel.mm.page_alloc import folio_put
from kernelmodel.mm.pgtable import pte_offset_map_lock, pte_place, pte_unmap_unlock, set_pte_at
from kernelmodel.mm.rmap import folio_add_lru_vma, folio_add_new_anon_rmap, folio_mark_uptodate
from kernelmodel.mm.userfaultfd import pte_marker_uffd_wp, userfaultfd_wp
from kernelmodel.mm.vma import maybe_mkwrite
from kernelmodel.mm.vmstat import add_mm_counter, count_vm_event
from kernelmodel.structs import VmFault


def do_swap_page(vmf: VmFault) -> Path[int]:
    """A marker goes to its handler; a swap entry is read in."""
    m, vma = vmf.m, vmf.vma
    if m.arch.pte_kind(vmf.orig_pte) == "marker":
        return (yield from handle_pte_marker(vmf))
    if m.arch.pte_kind(vmf.orig_pte) == "migration":
        yield Decision("wait", "migration", addr=vmf.address)
        yield from migration_entry_wait(vmf)
        return 0

    folio = yield from vma_alloc_folio(GFP_HIGHUSER_MOVABLE, 0, vma, vmf.address, False)
    if folio is None:
        vmf.pte = yield from pte_offset_map_lock(vmf, vmf.address)
        if vmf.pte is None:
            return 0
        same = m.pgtable.get(vmf.pte) == vmf.orig_pte
        yield Decision("recheck", "same" if same else "changed", addr=vmf.address)
        pte_unmap_unlock(vmf)
        return VM_FAULT_OOM if same else 0
    failed = yield from mem_cgroup_charge(folio, vma.vm_mm, GFP_KERNEL)
    if failed:
        folio_put(folio)
        return VM_FAULT_OOM
    count_vm_event(m, PGMAJFAULT)
    folio_mark_uptodate(folio)
    vmf.pte = yield from pte_offset_map_lock(vmf, vmf.address)
    if vmf.pte is None:
        folio_put(folio)
        return VM_FAULT_MAJOR
    if m.pgtable.get(vmf.pte) != vmf.orig_pte:
        yield Decision("recheck", "changed", addr=vmf.address)
        pte_unmap_unlock(vmf)
        folio_put(folio)
        return VM_FAULT_MAJOR
    yield Decision("recheck", "same", addr=vmf.address)
    entry = m.arch.pfn_pte(folio.id, vma.vm_page_prot)
    if vmf.flags & FAULT_FLAG_WRITE:
        entry = maybe_mkwrite(m.arch.pte_mkdirty(entry), vma)
    elif m.release >= (6, 12):  # the page is this process's own: the next write needs no fault
        entry = maybe_mkwrite(entry, vma)
    yield Decision("install", "folio", order=0, addr=vmf.address, arg=folio.id, more=(("nr", 1),))
    add_mm_counter(vma.vm_mm, MM_ANONPAGES, 1)
    add_mm_counter(vma.vm_mm, MM_SWAPENTS, -1)
    folio_add_new_anon_rmap(folio, vma, vmf.address)
    folio_add_lru_vma(folio)
    set_pte_at(m, vmf.pte, entry)
    pte_unmap_unlock(vmf)
    return VM_FAULT_MAJOR


def migration_entry_wait(vmf: VmFault) -> Path[None]:
    """Sleep until another entry stands there."""
    m, pmd, address, entry = vmf.m, vmf.pmd, vmf.address, vmf.orig_pte

    def gone() -> bool:
        value = m.pgtable.get(pmd)
        return m.arch.pmd_kind(value) != "table" or m.pgtable.get(pte_place(m, value, address)) != entry

    while not gone():
        yield Wait(f"the migration of the page at {address:#x}", gone)


def handle_pte_marker(vmf: VmFault) -> Path[int]:
    """Poisoned counts before anything else; uffd-wp: the page was write-protected before it was unmapped.

    A poisoned one is VM_FAULT_HWPOISON from 6.6 on.  Guard markers are there from 6.13 on, before that an unknown bit.
    """
    m = vmf.m
    marker = m.arch.swp_offset(vmf.orig_pte)
    if marker & PTE_MARKER_POISONED:
        yield Decision("marker", "poisoned", addr=vmf.address)
        return VM_FAULT_HWPOISON if m.release >= (6, 6) else VM_FAULT_SIGBUS
    if marker & PTE_MARKER_GUARD and m.release >= (6, 13):
        yield Decision("marker", "guard", addr=vmf.address)
        return VM_FAULT_SIGSEGV
    if not pte_marker_uffd_wp(m, vmf.orig_pte):
        yield Decision("marker", "poisoned", addr=vmf.address, reason="unknown-marker", arg=marker)
        return VM_FAULT_SIGBUS
    if not userfaultfd_wp(vmf.vma):
        yield Decision("marker", "stale", addr=vmf.address)
        return (yield from pte_marker_clear(vmf))
    yield Decision("marker", "uffd-wp", addr=vmf.address)
    return (yield from m.variant.do_anonymous_page(vmf))


def pte_marker_clear(vmf: VmFault) -> Path[int]:
    """Nobody is registered any more: drop the marker if it is still the same, and fault again."""
    vmf.pte = yield from pte_offset_map_lock(vmf, vmf.address)
    if vmf.pte is None:
        return 0
    same = vmf.m.pgtable.get(vmf.pte) == vmf.orig_pte
    yield Decision("recheck", "same" if same else "changed", addr=vmf.address)
    if same:
        set_pte_at(vmf.m, vmf.pte, 0)
    pte_unmap_unlock(vmf)
    return 0
