# SPDX-License-Identifier: GPL-2.0-only
"""A write to a page that is mapped but not writable: ``do_wp_page`` and ``wp_page_copy`` of Linux 6.5 mm/memory.c.

Always one page: a write after a read fault never comes to alloc_anon_folio.
"""

from __future__ import annotations

from kernelmodel.decision import Decision, Path
from kernelmodel.defs import GFP_HIGHUSER_MOVABLE, GFP_KERNEL, MM_ANONPAGES, VM_FAULT_OOM, VM_UFFD_WP, PG_anon_exclusive
from kernelmodel.mm.memcontrol import mem_cgroup_charge
from kernelmodel.mm.mempolicy import vma_alloc_folio, vma_alloc_zeroed_movable_folio
from kernelmodel.mm.page_alloc import folio_put
from kernelmodel.mm.pgtable import pte_offset_map_lock, pte_unmap_unlock, set_pte_at
from kernelmodel.mm.rmap import folio_add_lru_vma, folio_add_new_anon_rmap, folio_mark_uptodate, page_remove_rmap
from kernelmodel.mm.userfaultfd import handle_userfault, userfaultfd_wp
from kernelmodel.mm.vma import anon_vma_prepare, maybe_mkwrite
from kernelmodel.mm.vmstat import add_mm_counter
from kernelmodel.structs import Folio, VmFault


def do_wp_page(vmf: VmFault) -> Path[int]:
    """Tell userfaultfd, reuse an exclusive page, or copy.  Entered with the PTE locked."""
    m, vma, arch = vmf.m, vmf.vma, vmf.m.arch
    if userfaultfd_wp(vma) and arch.pte_uffd_wp(vmf.orig_pte):
        yield Decision("wp", "uffd", addr=vmf.address)
        pte_unmap_unlock(vmf)
        return (yield from handle_userfault(vmf, VM_UFFD_WP))
    pfn = arch.pte_pfn(vmf.orig_pte)
    zero = arch.pte_kind(vmf.orig_pte) == "zero"
    if not zero and m.page_flags.get(pfn) & PG_anon_exclusive:
        yield Decision("wp", "reuse", addr=vmf.address, reason="anon-exclusive")
        wp_page_reuse(vmf)
        return 0
    yield Decision("wp", "copy", addr=vmf.address, reason="zero-page" if zero else "shared")
    pte_unmap_unlock(vmf)
    return (yield from wp_page_copy(vmf, zero))


def wp_page_reuse(vmf: VmFault) -> None:
    """Writable, dirty, young; and unlock."""
    arch = vmf.m.arch
    assert vmf.pte is not None
    set_pte_at(vmf.m, vmf.pte, maybe_mkwrite(arch.pte_mkdirty(arch.pte_mkyoung(vmf.orig_pte)), vmf.vma))
    pte_unmap_unlock(vmf)


def wp_page_copy(vmf: VmFault, zero: bool) -> Path[int]:
    """A page of one's own, order 0; the PTE must still be the same under the lock."""
    m, vma, arch = vmf.m, vmf.vma, vmf.m.arch
    failed = yield from anon_vma_prepare(vma)
    if failed:
        return VM_FAULT_OOM
    if zero:
        folio = yield from vma_alloc_zeroed_movable_folio(vma, vmf.address)
    else:
        folio = yield from vma_alloc_folio(GFP_HIGHUSER_MOVABLE, 0, vma, vmf.address, False)
    if folio is None:
        return VM_FAULT_OOM
    failed = yield from mem_cgroup_charge(folio, vma.vm_mm, GFP_KERNEL)
    if failed:
        folio_put(folio)
        return VM_FAULT_OOM
    folio_mark_uptodate(folio)
    vmf.pte = yield from pte_offset_map_lock(vmf, vmf.address)
    if vmf.pte is None:
        folio_put(folio)
        return 0
    if m.pgtable.get(vmf.pte) != vmf.orig_pte:
        yield Decision("recheck", "changed", addr=vmf.address)
        pte_unmap_unlock(vmf)
        folio_put(folio)
        return 0
    yield Decision("recheck", "same", addr=vmf.address)
    entry = maybe_mkwrite(arch.pte_mkdirty(arch.pfn_pte(folio.id, vma.vm_page_prot)), vma)
    yield Decision("install", "folio", order=0, addr=vmf.address, arg=folio.id, more=(("nr", 1),))
    if zero:
        add_mm_counter(vma.vm_mm, MM_ANONPAGES, 1)
    folio_add_new_anon_rmap(folio, vma, vmf.address)
    folio_add_lru_vma(folio)
    set_pte_at(m, vmf.pte, entry)
    if not zero:
        old = arch.pte_pfn(vmf.orig_pte)
        page_remove_rmap(m, old)
        folio_put(Folio(m, old))
    pte_unmap_unlock(vmf)
    return 0
