# SPDX-License-Identifier: GPL-2.0-only
"""[PATCH v5 3/5] mm: LARGE_ANON_FOLIO for improved performance (10 August 2023, on mm-unstable of the 6.6 cycle).

Message-id 20230810142942.3169679-4-ryan.roberts@arm.com, the hook included; no arch overrides it in this version.
Whole functions, in the patch's order.
"""

from __future__ import annotations

from kernelmodel.decision import Decision, Path
from kernelmodel.defs import (
    EAGAIN,
    FAULT_FLAG_WRITE,
    GFP_KERNEL,
    MM_ANONPAGES,
    PAGE_ALLOC_COSTLY_ORDER,
    VM_FAULT_OOM,
    VM_FAULT_SIGBUS,
    VM_SHARED,
    VM_UFFD_MISSING,
    VM_WRITE,
)
from kernelmodel.fault.told import policy, pte_range, recheck, step_down, uffd_armed
from kernelmodel.machine import Machine
from kernelmodel.mm.checks import bounds, check_stable_address_space, check_uffd_missing
from kernelmodel.mm.huge_mm import hugepage_vma_check, hugepage_vma_refusal, vma_thp_gfp_mask
from kernelmodel.mm.memcontrol import mem_cgroup_charge
from kernelmodel.mm.mempolicy import clear_huge_page, vma_alloc_folio, vma_alloc_zeroed_movable_folio
from kernelmodel.mm.page_alloc import folio_put, folio_ref_add
from kernelmodel.mm.pgtable import (
    pte_alloc,
    pte_index,
    pte_offset_map,
    pte_offset_map_lock,
    pte_unmap,
    pte_unmap_unlock,
    set_ptes,
    vmf_pte_changed,
    vmf_pte_range_changed,
    zero_page,
)
from kernelmodel.mm.rmap import folio_add_lru_vma, folio_add_new_anon_rmap, folio_mark_uptodate
from kernelmodel.mm.userfaultfd import handle_userfault, userfaultfd_armed, vmf_orig_pte_uffd_wp
from kernelmodel.mm.vma import anon_vma_prepare
from kernelmodel.mm.vmstat import add_mm_counter
from kernelmodel.structs import Folio, Vma, VmFault


def arch_wants_pte_order(m: Machine) -> int:
    """Order that the hardware can map best; -1, on every arch, is no wish."""
    given = m.knobs["arch_wants_pte_order"]
    return -1 if given is None else int(given)


def anon_folio_order(vma: Vma) -> int:
    """The order to prefer: the hardware's wish (at least 3), capped where the VMA gets no huge page."""
    m = vma.m
    order = max(arch_wants_pte_order(m), PAGE_ALLOC_COSTLY_ORDER)
    if not hugepage_vma_check(vma):
        order = min(order, m.knobs["flexthp_unhinted_max_order"])  # ANON_FOLIO_MAX_ORDER_UNHINTED
    return order


def alloc_anon_folio(vmf: VmFault) -> Path[Folio | int | None]:
    """A zeroed folio for the fault; None is out of memory, the number is ERR_PTR(-EAGAIN): fault again.

    Three loops over orders[] share the cursor i, which only ever grows.
    """
    vma = vmf.vma
    page_size = vmf.m.arch.page_size
    prefer = anon_folio_order(vma)
    orders = [prefer, PAGE_ALLOC_COSTLY_ORDER if prefer > PAGE_ALLOC_COSTLY_ORDER else 0, 0]
    i = 0
    yield policy([order for order in orders if order], prefer)

    while True:  # to leave this block is the patch's "goto fallback"
        armed = userfaultfd_armed(vma)
        yield uffd_armed(vmf, armed)
        if armed:
            reason = "uffd"
            break
        refusal = hugepage_vma_refusal(vma, enforce_sysfs=False)  # hugepage_vma_check()
        if refusal:
            prefer = 0
            yield Decision("policy", "none", order=0, reason=refusal)
            reason = "policy"
            break

        # for (i = 0; orders[i]; i++): the aligned range must lie in the VMA
        while orders[i]:
            addr = vmf.address & -(page_size << orders[i])
            fits = addr >= vma.vm_start and addr + (page_size << orders[i]) <= vma.vm_end
            yield bounds("vma-bounds", vma, orders[i], addr, fits, i)
            if fits:
                break
            i += 1
            if orders[i]:
                yield step_down(orders[i - 1], orders[i], "vma-bounds", i)
        if not orders[i]:
            reason = "vma-bounds" if prefer else "policy"
            break

        pte = yield from pte_offset_map(vmf, vmf.address & -vmf.m.arch.pmd_size)
        if pte is None:
            return -EAGAIN

        # for (; orders[i]; i++): no PTE of the range may be set
        while orders[i]:
            addr = vmf.address & -(page_size << orders[i])
            vmf.pte = pte + pte_index(vmf.m, addr)
            changed = vmf_pte_range_changed(vmf, 1 << orders[i])
            yield pte_range(vmf, vmf.pte, orders[i], addr, changed, i)
            if not changed:
                break
            i += 1
            if orders[i]:
                yield step_down(orders[i - 1], orders[i], "pte-range", i)
        reason = "alloc" if orders[i] else "pte-range"
        vmf.pte = None
        pte_unmap(vmf)

        gfp = vmf.gfp = vma_thp_gfp_mask(vma)

        # for (; orders[i]; i++): take the first that can be had
        while orders[i]:
            addr = vmf.address & -(page_size << orders[i])
            folio = yield from vma_alloc_folio(gfp, orders[i], vma, addr, True)
            if folio is not None:
                clear_huge_page(folio, addr)
                return folio
            i += 1
            if orders[i]:
                yield step_down(orders[i - 1], orders[i], "alloc", i)
        break

    # fallback:
    yield Decision("fallback", "", order=prefer, addr=vmf.address, reason=reason)
    return (yield from vma_alloc_zeroed_movable_folio(vma, vmf.address))


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

        failed = yield from mem_cgroup_charge(folio, vma.vm_mm, GFP_KERNEL)
        if failed:
            folio_put(folio)
            return VM_FAULT_OOM
        folio_mark_uptodate(folio)
        entry = arch.pfn_pte(folio.id, vma.vm_page_prot)
        if vma.vm_flags & VM_WRITE:
            entry = arch.pte_mkwrite(arch.pte_mkdirty(entry))

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

    # setpte:
    if uffd_wp:
        entry = arch.pte_mkuffd_wp(entry)
    set_ptes(m, vmf.pte, entry, nr_pages)
    pte_unmap_unlock(vmf)
    return 0
