# SPDX-License-Identifier: GPL-2.0-only
"""Linux 7.1 mm/memory.c: a folio is mapped by a function of its own, and the fault counts after that.

7.2 has the same do_anonymous_page().
"""

from __future__ import annotations

from kernelmodel.decision import Decision, Path
from kernelmodel.defs import (
    EAGAIN,
    FAULT_FLAG_WRITE,
    MM_ANONPAGES,
    MTHP_STAT_ANON_FAULT_ALLOC,
    VM_FAULT_OOM,
    VM_FAULT_SIGBUS,
    VM_SHARED,
    VM_UFFD_MISSING,
    VM_WRITE,
)
from kernelmodel.fault.told import recheck
from kernelmodel.mm.checks import check_stable_address_space, check_uffd_missing
from kernelmodel.mm.page_alloc import folio_put, folio_ref_add
from kernelmodel.mm.pgtable import (
    pte_alloc,
    pte_offset_map_lock,
    pte_range_none,
    pte_unmap_unlock,
    set_pte_at,
    set_ptes,
    vmf_pte_changed,
    zero_page,
)
from kernelmodel.mm.rmap import folio_add_lru_vma, folio_add_new_anon_rmap, folio_mark_uptodate
from kernelmodel.mm.userfaultfd import handle_userfault, vmf_orig_pte_uffd_wp
from kernelmodel.mm.vma import vmf_anon_prepare
from kernelmodel.mm.vmstat import add_mm_counter, count_mthp_stat
from kernelmodel.structs import Folio, Vma, VmFault


def map_anon_folio_pte_nopf(folio: Folio, pte: int, vma: Vma, addr: int, uffd_wp: bool) -> None:
    """Map the folio from place ``pte`` on: references, reverse map, LRU, PTEs.  Counts nothing of the fault's."""
    arch, nr_pages = vma.m.arch, folio.nr_pages
    entry = arch.pfn_pte(folio.id, vma.vm_page_prot)
    if vma.vm_flags & VM_WRITE:
        entry = arch.pte_mkwrite(arch.pte_mkdirty(entry))
    if uffd_wp:
        entry = arch.pte_mkuffd_wp(entry)
    folio_ref_add(folio, nr_pages - 1)
    folio_add_new_anon_rmap(folio, vma, addr)
    folio_add_lru_vma(folio)
    set_ptes(vma.m, pte, entry, nr_pages)


def map_anon_folio_pte_pf(folio: Folio, pte: int, vma: Vma, addr: int, uffd_wp: bool) -> None:
    """The same for a page fault, which counts: the PTEs are seen before the counters move."""
    map_anon_folio_pte_nopf(folio, pte, vma, addr, uffd_wp)
    add_mm_counter(vma.vm_mm, MM_ANONPAGES, 1 << folio.order)
    count_mthp_stat(vma.m, folio.order, MTHP_STAT_ANON_FAULT_ALLOC)


def do_anonymous_page(vmf: VmFault) -> Path[int]:
    """Map fresh anonymous memory at vmf.address; 0 is also "try again"."""
    m, vma, arch = vmf.m, vmf.vma, vmf.m.arch

    if vma.vm_flags & VM_SHARED:
        return VM_FAULT_SIGBUS
    failed = yield from pte_alloc(vma.vm_mm, vmf.pmd, vmf.cpu)
    if failed:
        return VM_FAULT_OOM

    # the zero page for reads
    if not vmf.flags & FAULT_FLAG_WRITE:
        entry = zero_page(m, vma.vm_page_prot)
        vmf.pte = yield from pte_offset_map_lock(vmf, vmf.address)
        if vmf.pte is None:
            return 0
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
        if vmf_orig_pte_uffd_wp(vmf):
            entry = arch.pte_mkuffd_wp(entry)
        yield Decision("zero-page", "mapped", addr=vmf.address)
        set_pte_at(m, vmf.pte, entry)
        pte_unmap_unlock(vmf)
        return 0

    ret = yield from vmf_anon_prepare(vmf)
    if ret:
        return ret
    folio = yield from m.variant.alloc_anon_folio(vmf)
    if folio == -EAGAIN:
        return 0
    if folio is None:
        return VM_FAULT_OOM
    nr_pages = folio.nr_pages
    addr = vmf.address & -(nr_pages * arch.page_size)
    folio_mark_uptodate(folio)

    vmf.pte = yield from pte_offset_map_lock(vmf, addr)
    if vmf.pte is None:
        folio_put(folio)
        return 0
    if nr_pages == 1 and vmf_pte_changed(vmf):
        yield recheck(vmf, addr, nr_pages, True)
        folio_put(folio)
        pte_unmap_unlock(vmf)
        return 0
    if nr_pages > 1 and not pte_range_none(m, vmf.pte, nr_pages):
        yield recheck(vmf, addr, nr_pages, True)
        folio_put(folio)
        pte_unmap_unlock(vmf)
        return 0
    yield recheck(vmf, addr, nr_pages, False)
    ret = yield from check_stable_address_space(vma.vm_mm)
    if ret:
        folio_put(folio)
        pte_unmap_unlock(vmf)
        return ret
    missing = yield from check_uffd_missing(vma, vmf.address)
    if missing:
        pte_unmap_unlock(vmf)
        folio_put(folio)
        return (yield from handle_userfault(vmf, VM_UFFD_MISSING))
    yield Decision("install", "folio", order=folio.order, addr=addr, arg=folio.id, more=(("nr", nr_pages),))
    map_anon_folio_pte_pf(folio, vmf.pte, vma, addr, vmf_orig_pte_uffd_wp(vmf))
    pte_unmap_unlock(vmf)
    return 0
