# SPDX-License-Identifier: GPL-2.0-only
"""A write to a page that is mapped but not writable: ``do_wp_page`` and ``wp_page_copy`` of mm/memory.c.

A copy is always one page: a write after a read fault, or after fork, never comes to alloc_anon_folio.  From 6.5 to 7.2
only the test for reuse differs (``wp_can_reuse_anon_folio``, in 6.5 still in the text of do_wp_page).  Not here: KSM,
the swap cache, pages that are not on an LRU list yet, UFFD_FEATURE_WP_ASYNC, unsharing.
"""

from __future__ import annotations

from kernelmodel.decision import Decision, Path
from kernelmodel.defs import GFP_HIGHUSER_MOVABLE, GFP_KERNEL, MM_ANONPAGES, VM_FAULT_OOM, VM_UFFD_WP, PG_anon_exclusive
from kernelmodel.mm.contents import copy_contents
from kernelmodel.mm.memcontrol import mem_cgroup_charge
from kernelmodel.mm.mempolicy import vma_alloc_folio, vma_alloc_zeroed_movable_folio
from kernelmodel.mm.page_alloc import folio_put, folio_ref_add, page_folio
from kernelmodel.mm.pgtable import pte_offset_map_lock, pte_same, pte_unmap_unlock, set_pte_at
from kernelmodel.mm.rmap import (
    folio_add_lru_vma,
    folio_add_new_anon_rmap,
    folio_mark_uptodate,
    folio_move_anon_rmap,
    folio_remove_rmap_ptes,
)
from kernelmodel.mm.swap import free_swap_cache, free_swap_if_unused
from kernelmodel.mm.userfaultfd import handle_userfault, userfaultfd_wp
from kernelmodel.mm.vma import maybe_mkwrite, vmf_anon_prepare
from kernelmodel.mm.vmstat import add_mm_counter
from kernelmodel.structs import Folio, VmFault


def do_wp_page(vmf: VmFault) -> Path[int]:
    """Tell userfaultfd, reuse a page that is ours alone, or copy.  Entered with the PTE locked."""
    m, vma, arch = vmf.m, vmf.vma, vmf.m.arch
    if userfaultfd_wp(vma) and arch.pte_uffd_wp(vmf.orig_pte):
        yield Decision("wp", "uffd", addr=vmf.address)
        pte_unmap_unlock(vmf)
        return (yield from handle_userfault(vmf, VM_UFFD_WP))
    if arch.pte_kind(vmf.orig_pte) == "zero":
        yield Decision("wp", "copy", addr=vmf.address, reason="zero-page")
        pte_unmap_unlock(vmf)
        return (yield from wp_page_copy(vmf, None))

    page = arch.pte_pfn(vmf.orig_pte)
    folio = page_folio(m, page)
    exclusive = bool(m.page_flags.get(page) & PG_anon_exclusive)
    if not exclusive and folio._refcount == 2:  # wp_can_reuse_anon_folio()
        free_swap_if_unused(folio)
    refusal = "" if exclusive else m.variant.wp_can_reuse_anon_folio(folio)
    if not refusal:
        sole = folio._refcount == 1
        why = "anon-exclusive" if exclusive else "only-reference" if sole else "mapped-here-only"
        yield Decision("wp", "reuse", addr=vmf.address, reason=why)
        if not exclusive:
            if sole:
                folio_move_anon_rmap(folio, vma)
            m.page_flags.set(page, m.page_flags.get(page) | PG_anon_exclusive)
        wp_page_reuse(vmf)
        return 0
    yield Decision("wp", "copy", addr=vmf.address, reason=refusal, arg=folio._refcount)
    folio_ref_add(folio, 1)
    pte_unmap_unlock(vmf)
    return (yield from wp_page_copy(vmf, page))


def wp_can_reuse_anon_folio(folio: Folio) -> str:
    """'' if our mapping has the only reference, else why not; a page of a large folio is no other case (6.5 to 6.8).

    Where no one holds a reference or the folio lock for a moment, the kernel's early tests say the same.
    """
    return "" if folio._refcount == 1 else "references" if folio.order else "shared"


def wp_page_reuse(vmf: VmFault) -> None:
    """Writable, dirty, young; and unlock."""
    arch = vmf.m.arch
    assert vmf.pte is not None
    set_pte_at(vmf.m, vmf.pte, maybe_mkwrite(arch.pte_mkdirty(arch.pte_mkyoung(vmf.orig_pte)), vmf.vma))
    pte_unmap_unlock(vmf)


def wp_page_copy(vmf: VmFault, page: int | None) -> Path[int]:
    """A page of one's own for ``page`` (None: the zero page); the PTE must still be the same under the lock.

    6.8 charges before it copies.  Up to 6.9 vmf_anon_prepare finds an anon_vma wherever the VMA's own lock is held.
    """
    m, vma, arch = vmf.m, vmf.vma, vmf.m.arch
    old_folio = None if page is None else page_folio(m, page)
    ret = yield from vmf_anon_prepare(vmf)
    if ret:
        put(old_folio)
        return ret
    if old_folio is None:
        new_folio = yield from vma_alloc_zeroed_movable_folio(vma, vmf.address)
    else:
        new_folio = yield from vma_alloc_folio(GFP_HIGHUSER_MOVABLE, 0, vma, vmf.address, False)
    if new_folio is None:
        put(old_folio)
        return VM_FAULT_OOM
    failed = yield from mem_cgroup_charge(new_folio, vma.vm_mm, GFP_KERNEL)
    if failed:
        folio_put(new_folio)
        put(old_folio)
        return VM_FAULT_OOM
    if page is not None:
        copy_contents(m, new_folio.id, page, 1)
    folio_mark_uptodate(new_folio)

    vmf.pte = yield from pte_offset_map_lock(vmf, vmf.address)
    if vmf.pte is None or not pte_same(m, vmf.pte, vmf.orig_pte):
        if vmf.pte is not None:
            yield Decision("recheck", "changed", addr=vmf.address)
            pte_unmap_unlock(vmf)
        folio_put(new_folio)
        put(old_folio)
        return 0
    yield Decision("recheck", "same", addr=vmf.address)
    entry = maybe_mkwrite(arch.pte_mkdirty(arch.pfn_pte(new_folio.id, vma.vm_page_prot)), vma)
    yield Decision("install", "folio", order=0, addr=vmf.address, arg=new_folio.id, more=(("nr", 1),))
    if old_folio is None:
        add_mm_counter(vma.vm_mm, MM_ANONPAGES, 1)
    folio_add_new_anon_rmap(new_folio, vma, vmf.address)
    folio_add_lru_vma(new_folio)
    set_pte_at(m, vmf.pte, entry)
    if old_folio is not None and page is not None:
        m.tlb_stale.set(page, 0)  # ptep_clear_flush
        folio_remove_rmap_ptes(old_folio, page, 1, vma)
        free_swap_cache(old_folio)
    pte_unmap_unlock(vmf)
    put(old_folio, 2)  # that of the old mapping, and our own
    return 0


def put(folio: Folio | None, refs: int = 1) -> None:
    """Drop references to the old folio, if there is one."""
    if folio is not None:
        folio_put(folio, refs)
