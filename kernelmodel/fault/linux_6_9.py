# SPDX-License-Identifier: GPL-2.0-only
"""Linux 6.9 mm/memory.c: the charge belongs to the allocation, and a lower order is tried where it fails.

Commit 085ff35e7636 (20240117103954.2756050-1-wangkefeng.wang@huawei.com): charged with the gfp of the allocation,
cleared after that.
"""

from __future__ import annotations

from kernelmodel.decision import Decision, Path
from kernelmodel.defs import (
    EAGAIN,
    FAULT_FLAG_WRITE,
    MM_ANONPAGES,
    VM_FAULT_OOM,
    VM_FAULT_SIGBUS,
    VM_SHARED,
    VM_UFFD_MISSING,
    VM_WRITE,
)
from kernelmodel.fault.prealloc import folio_prealloc
from kernelmodel.fault.told import policy_mask, pte_range, recheck, step_down, uffd_armed
from kernelmodel.mm.checks import check_stable_address_space, check_uffd_missing
from kernelmodel.mm.huge_mm import (
    highest_order,
    next_order,
    thp_vma_allowable_orders,
    thp_vma_suitable_orders,
    vma_thp_gfp_mask,
)
from kernelmodel.mm.memcontrol import mem_cgroup_charge
from kernelmodel.mm.mempolicy import clear_huge_page, vma_alloc_folio_6_8
from kernelmodel.mm.page_alloc import folio_put, folio_ref_add
from kernelmodel.mm.pgtable import (
    pte_alloc,
    pte_index,
    pte_offset_map,
    pte_offset_map_lock,
    pte_range_none,
    pte_unmap,
    pte_unmap_unlock,
    set_ptes,
    vmf_pte_changed,
    zero_page,
)
from kernelmodel.mm.rmap import folio_add_lru_vma, folio_add_new_anon_rmap, folio_mark_uptodate
from kernelmodel.mm.userfaultfd import handle_userfault, userfaultfd_armed, vmf_orig_pte_uffd_wp
from kernelmodel.mm.vma import anon_vma_prepare
from kernelmodel.mm.vmstat import add_mm_counter
from kernelmodel.structs import Folio, VmFault


def alloc_anon_folio(vmf: VmFault) -> Path[Folio | int | None]:
    """A zeroed, charged folio for the fault; None is out of memory, the number is ERR_PTR(-EAGAIN): fault again.

    The mask of orders only ever loses bits, from the highest down.
    """
    m, vma, page_size = vmf.m, vmf.vma, vmf.m.arch.page_size
    prefer = 0

    while True:  # to leave this block is the kernel's "goto fallback"
        armed = userfaultfd_armed(vma)
        yield uffd_armed(vmf, armed)
        if armed:
            reason = "uffd"
            break

        orders = thp_vma_allowable_orders(vma, (1 << m.arch.pmd_order) - 1)
        prefer = highest_order(orders)
        yield policy_mask(orders)
        orders = yield from thp_vma_suitable_orders(vma, vmf.address, orders)
        if not orders:
            reason = "vma-bounds" if prefer else "policy"
            break

        pte = yield from pte_offset_map(vmf, vmf.address & -m.arch.pmd_size)
        if pte is None:
            return -EAGAIN

        # the highest order whose range has no PTE set: the ranges of the lower ones have none either
        order = highest_order(orders)
        while orders:
            addr = vmf.address & -(page_size << order)
            at = pte + pte_index(m, addr)
            none = pte_range_none(m, at, 1 << order)
            yield pte_range(vmf, at, order, addr, not none)
            if none:
                break
            orders &= ~(1 << order)
            if orders:
                yield step_down(order, next_order(orders, order), "pte-range")
            order = next_order(orders, order)
        reason = "alloc" if orders else "pte-range"
        pte_unmap(vmf)

        # the highest order that can be had and charged
        gfp = vmf.gfp = vma_thp_gfp_mask(vma)
        while orders:
            addr = vmf.address & -(page_size << order)
            folio = yield from vma_alloc_folio_6_8(gfp, order, vma, addr, True)
            rejected = "alloc"
            if folio is not None:
                failed = yield from mem_cgroup_charge(folio, vma.vm_mm, gfp)
                if not failed:
                    clear_huge_page(folio, vmf.address)
                    return folio
                folio_put(folio)
                rejected = "charge"
            # next:
            orders &= ~(1 << order)
            if orders:
                yield step_down(order, next_order(orders, order), rejected)
            order = next_order(orders, order)
        break

    # fallback:
    yield Decision("fallback", "", order=prefer, addr=vmf.address, reason=reason)
    return (yield from folio_prealloc(vma.vm_mm, vma, vmf.address))


def do_anonymous_page(vmf: VmFault) -> Path[int]:
    """Map fresh anonymous memory at vmf.address; 0 is also "try again"."""
    m, vma, arch = vmf.m, vmf.vma, vmf.m.arch
    uffd_wp = vmf_orig_pte_uffd_wp(vmf)
    addr = vmf.address
    nr_pages = 1

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
        yield Decision("zero-page", "mapped", addr=vmf.address)  # goto setpte
    else:
        failed = yield from anon_vma_prepare(vma)
        if failed:
            return VM_FAULT_OOM
        folio = yield from m.variant.alloc_anon_folio(vmf)
        if folio == -EAGAIN:
            return 0
        if folio is None:
            return VM_FAULT_OOM
        nr_pages = folio.nr_pages
        addr = vmf.address & -(nr_pages * arch.page_size)
        folio_mark_uptodate(folio)
        entry = arch.pfn_pte(folio.id, vma.vm_page_prot)
        if vma.vm_flags & VM_WRITE:
            entry = arch.pte_mkwrite(arch.pte_mkdirty(entry))

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
        folio_ref_add(folio, nr_pages - 1)
        add_mm_counter(vma.vm_mm, MM_ANONPAGES, nr_pages)
        folio_add_new_anon_rmap(folio, vma, addr)
        folio_add_lru_vma(folio)

    # setpte:
    if uffd_wp:
        entry = arch.pte_mkuffd_wp(entry)
    set_ptes(m, vmf.pte, entry, nr_pages)
    pte_unmap_unlock(vmf)
    return 0
