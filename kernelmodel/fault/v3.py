# SPDX-License-Identifier: GPL-2.0-only
"""[PATCH v3 3/4] mm: FLEXIBLE_THP for improved performance (14 July 2023, on 6.5-rc).

Message-id 20230714161733.4144503-3-ryan.roberts@arm.com, with 2/4 (the hook) and 4/4 (arm64's wish).  Whole functions,
in the patch's order; a comment names the patch's own label or loop where Python spells it otherwise.
"""

from __future__ import annotations

from kernelmodel.decision import Decision, Path
from kernelmodel.defs import (
    EAGAIN,
    ENOMEM,
    FAULT_FLAG_WRITE,
    GFP_KERNEL,
    MM_ANONPAGES,
    MMF_DISABLE_THP,
    PAGE_ALLOC_COSTLY_ORDER,
    VM_FAULT_OOM,
    VM_FAULT_SIGBUS,
    VM_NOHUGEPAGE,
    VM_SHARED,
    VM_UFFD_MISSING,
    VM_WRITE,
)
from kernelmodel.fault.told import policy, pte_range, recheck, step_down
from kernelmodel.machine import Machine
from kernelmodel.mm.checks import bounds, check_stable_address_space, check_uffd_missing
from kernelmodel.mm.huge_mm import hugepage_flags_enabled, hugepage_vma_check, vma_thp_gfp_mask
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
    set_pte_at,
    vmf_pte_changed,
    vmf_pte_range_changed,
    zero_page,
)
from kernelmodel.mm.rmap import folio_add_lru_vma, folio_add_new_anon_rmap, folio_mark_uptodate
from kernelmodel.mm.userfaultfd import handle_userfault, vmf_orig_pte_uffd_wp
from kernelmodel.mm.vma import anon_vma_prepare
from kernelmodel.mm.vmstat import add_mm_counter
from kernelmodel.structs import Folio, Vma, VmFault


def arch_wants_pte_order(m: Machine) -> int:
    """Order that the hardware can map best; -1 is no wish (2/4; 4/4 for arm64)."""
    given = m.knobs["arch_wants_pte_order"]
    return m.arch.wants_pte_order if given is None else int(given)


def anon_folio_order(vma: Vma) -> int:
    """The order to prefer: 0 for an opt-out, else the hardware's wish (at least 3), capped without a hint."""
    m = vma.m
    if vma.vm_flags & VM_NOHUGEPAGE or vma.vm_mm.flags & MMF_DISABLE_THP or not hugepage_flags_enabled(m):
        return 0
    order = max(arch_wants_pte_order(m), PAGE_ALLOC_COSTLY_ORDER)
    if not hugepage_vma_check(vma):
        order = min(order, m.knobs["flexthp_unhinted_max_order"])
    return order


def alloc_anon_folio(vmf: VmFault) -> Path[tuple[int, Folio | None]]:
    """A zeroed folio for the fault: (0, folio), (-EAGAIN, NULL) or (-ENOMEM, NULL).

    Three loops over orders[] share the cursor i, which only ever grows.
    """
    vma = vmf.vma
    page_size = vmf.m.arch.page_size
    prefer = anon_folio_order(vma)
    orders = [prefer, PAGE_ALLOC_COSTLY_ORDER if prefer > PAGE_ALLOC_COSTLY_ORDER else 0, 0]
    i = 0
    folio = None
    yield policy([order for order in orders if order], prefer)

    while True:  # to leave this block is the patch's "goto fallback"
        if vmf_orig_pte_uffd_wp(vmf):
            yield Decision("uffd", "armed", addr=vmf.address, reason="marker")
            reason = "uffd"
            break
        yield Decision("uffd", "clear", addr=vmf.address)

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
            return -EAGAIN, None

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
                return 0, folio
            i += 1
            if orders[i]:
                yield step_down(orders[i - 1], orders[i], "alloc", i)
        break

    # fallback:
    yield Decision("fallback", "", order=prefer, addr=vmf.address, reason=reason)
    folio = yield from vma_alloc_zeroed_movable_folio(vma, vmf.address)
    return (0 if folio is not None else -ENOMEM), folio


def do_anonymous_page(vmf: VmFault) -> Path[int]:
    """Map fresh anonymous memory at vmf.address; 0 is also "try again"."""
    m, vma, arch = vmf.m, vmf.vma, vmf.m.arch
    uffd_wp = vmf_orig_pte_uffd_wp(vmf)
    i, nr_pages = 0, 1
    addr = None  # declared, and not set before the loop below
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
        if vmf_pte_changed(vmf):
            yield recheck(vmf, vmf.address, 1, True)
            pte_unmap_unlock(vmf)
            return 0
        yield recheck(vmf, vmf.address, 1, False)
        ret = yield from check_stable_address_space(vma.vm_mm)
        if ret:
            pte_unmap_unlock(vmf)
            return ret
        missing = yield from check_uffd_missing(vma, vmf.address)
        if missing:
            pte_unmap_unlock(vmf)
            return (yield from handle_userfault(vmf, VM_UFFD_MISSING))
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

    while i < nr_pages:
        if not setpte:
            entry = arch.pfn_pte(folio.id + i, vma.vm_page_prot)
            if vma.vm_flags & VM_WRITE:
                entry = arch.pte_mkwrite(arch.pte_mkdirty(entry))
        # setpte:
        if uffd_wp:
            entry = arch.pte_mkuffd_wp(entry)
        if addr is None:
            yield Decision("bug", "uninitialised", addr=vmf.address, reason="uninitialised")
        set_pte_at(m, vmf.pte + i, entry)
        i += 1
    pte_unmap_unlock(vmf)
    return 0
