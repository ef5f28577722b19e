# SPDX-License-Identifier: GPL-2.0-only
"""[PATCH v4 2/5] mm: LARGE_ANON_FOLIO for improved performance (26 July 2023, on 6.5-rc): what is not as in v3.

Message-id 20230726095146.2826796-3-ryan.roberts@arm.com.  The cap without a hint has become a constant.
"""

from __future__ import annotations

from kernelmodel.decision import Decision, Path
from kernelmodel.defs import (
    EAGAIN,
    FAULT_FLAG_WRITE,
    GFP_KERNEL,
    MM_ANONPAGES,
    VM_FAULT_OOM,
    VM_FAULT_SIGBUS,
    VM_SHARED,
    VM_UFFD_MISSING,
    VM_WRITE,
)
from kernelmodel.fault.told import recheck
from kernelmodel.mm.checks import check_stable_address_space, check_uffd_missing
from kernelmodel.mm.memcontrol import mem_cgroup_charge
from kernelmodel.mm.page_alloc import folio_put, folio_ref_add
from kernelmodel.mm.pgtable import (
    pte_alloc,
    pte_offset_map_lock,
    pte_unmap_unlock,
    set_pte_at,
    vmf_pte_changed,
    vmf_pte_range_changed,
    zero_page,
)
from kernelmodel.mm.rmap import folio_add_lru_vma, folio_add_new_anon_rmap, folio_mark_uptodate
from kernelmodel.mm.userfaultfd import handle_userfault, vmf_orig_pte_uffd_wp
from kernelmodel.mm.vma import anon_vma_prepare
from kernelmodel.mm.vmstat import add_mm_counter
from kernelmodel.structs import VmFault


def do_anonymous_page(vmf: VmFault) -> Path[int]:
    """Map fresh anonymous memory at vmf.address; 0 is also "try again"."""
    m, vma, arch = vmf.m, vmf.vma, vmf.m.arch
    uffd_wp = vmf_orig_pte_uffd_wp(vmf)
    addr = vmf.address
    nr_pages = 1
    setpte = False

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
        yield Decision("zero-page", "mapped", addr=vmf.address)
        setpte = True  # goto setpte, into the body of the loop
    else:
        failed = yield from anon_vma_prepare(vma)
        if failed:
            return VM_FAULT_OOM
        ret, folio = yield from m.variant.alloc_anon_folio(vmf)
        if ret == -EAGAIN:
            return 0
        if folio is None:
            return VM_FAULT_OOM
        nr_pages = folio.nr_pages
        addr = vmf.address & -(nr_pages * arch.page_size)

        failed = yield from mem_cgroup_charge(folio, vma.vm_mm, GFP_KERNEL)
        if failed:
            folio_put(folio)
            return VM_FAULT_OOM
        folio_mark_uptodate(folio)

        vmf.pte = yield from pte_offset_map_lock(vmf, addr)
        if vmf.pte is None:
            folio_put(folio)
            return 0
        changed = vmf_pte_range_changed(vmf, nr_pages)
        yield recheck(vmf, addr, nr_pages, changed)
        if changed:
            folio_put(folio)
            pte_unmap_unlock(vmf)
            return 0
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
        folio_ref_add(folio, nr_pages - 1)
        add_mm_counter(vma.vm_mm, MM_ANONPAGES, nr_pages)
        folio_add_new_anon_rmap(folio, vma, addr)
        folio_add_lru_vma(folio)

    for i in range(nr_pages):
        if not setpte:
            entry = arch.pfn_pte(folio.id + i, vma.vm_page_prot)
            if vma.vm_flags & VM_WRITE:
                entry = arch.pte_mkwrite(arch.pte_mkdirty(entry))
        # setpte:
        if uffd_wp:
            entry = arch.pte_mkuffd_wp(entry)
        set_pte_at(m, vmf.pte + i, entry)
    pte_unmap_unlock(vmf)
    return 0
