# SPDX-License-Identifier: GPL-2.0-only
"""[PATCH v2 4/5] mm: FLEXIBLE_THP for improved performance (3 July 2023, on 6.4 with set_ptes()).

Message-id 20230703135330.1865927-5-ryan.roberts@arm.com, with 3/5 (…-4: the hook) and 5/5 (…-6: arm64's).  Whole
functions, in the patch's order.
"""

from __future__ import annotations

from kernelmodel.decision import Decision, Path
from kernelmodel.defs import (
    FAULT_FLAG_WRITE,
    GFP_KERNEL,
    MM_ANONPAGES,
    VM_FAULT_OOM,
    VM_FAULT_SIGBUS,
    VM_SHARED,
    VM_UFFD_MISSING,
    VM_WRITE,
)
from kernelmodel.fault.on_6_4 import (
    calc_anon_folio_order_alloc,
    check_ptes_none,
    map_zero_page,
    never_null,
    pmd_trans_unstable,
)
from kernelmodel.fault.told import policy, recheck, uffd_marker
from kernelmodel.mm.checks import check_stable_address_space, check_uffd_missing
from kernelmodel.mm.huge_mm import hugepage_vma_check, vma_thp_gfp_mask
from kernelmodel.mm.memcontrol import mem_cgroup_charge
from kernelmodel.mm.mempolicy import clear_huge_page, vma_alloc_folio, vma_alloc_zeroed_movable_folio
from kernelmodel.mm.page_alloc import folio_put, folio_ref_add
from kernelmodel.mm.pgtable import (
    pte_alloc,
    pte_offset_map_lock,
    pte_offset_map_nolock,
    pte_unmap_unlock,
    set_ptes,
    vmf_pte_changed,
)
from kernelmodel.mm.rmap import folio_add_lru_vma, folio_add_new_anon_rmap, folio_mark_uptodate
from kernelmodel.mm.userfaultfd import handle_userfault, vmf_orig_pte_uffd_wp
from kernelmodel.mm.vma import anon_vma_prepare
from kernelmodel.mm.vmstat import add_mm_counter
from kernelmodel.structs import Folio, Vma, VmFault


def arch_wants_pte_order(vma: Vma) -> int:
    """The arch's wish: 64K; on arm64 (5/5) its contpte size for a VMA that may have huge pages.

    -1 in a scenario is an arch without a hook of its own.
    """
    m, arch = vma.m, vma.m.arch
    given = m.knobs["arch_wants_pte_order"]
    if given is not None and given >= 0:
        return int(given)
    if given is None and arch.wants_pte_order >= 0 and hugepage_vma_check(vma):
        return arch.wants_pte_order
    return (64 << 10 >> arch.page_shift).bit_length() - 1


def alloc_anon_folio(vma: Vma, addr: int, order: int) -> Path[Folio | None]:
    """A zeroed folio of this order and no other; ``addr`` is not aligned to it."""
    if order == 0:
        return (yield from vma_alloc_zeroed_movable_folio(vma, addr))
    gfp = vma_thp_gfp_mask(vma)
    folio = yield from vma_alloc_folio(gfp, order, vma, addr, True)
    if folio is not None:
        clear_huge_page(folio, addr)
    return folio


def do_anonymous_page(vmf: VmFault) -> Path[int]:
    """Map fresh anonymous memory at vmf.address; 0 is also "try again"."""
    m, vma, arch = vmf.m, vmf.vma, vmf.m.arch
    uffd_wp = vmf_orig_pte_uffd_wp(vmf)

    if vma.vm_flags & VM_SHARED:
        return VM_FAULT_SIGBUS
    failed = yield from pte_alloc(vma.vm_mm, vmf.pmd, vmf.cpu)
    if failed:
        return VM_FAULT_OOM
    unstable = yield from pmd_trans_unstable(vmf)
    if unstable:
        return 0

    # the zero page for reads
    if not vmf.flags & FAULT_FLAG_WRITE:
        return (yield from map_zero_page(vmf, uffd_wp))

    order = offered = 0
    reason = "uffd"
    yield uffd_marker(vmf, uffd_wp)
    if not uffd_wp:
        order = arch_wants_pte_order(vma)  # max_anon_folio_order() in the patch
        offered = order if order > 1 else 0
        yield policy(list(range(order, 1, -1)), offered)
        reason = "policy"
    if order > 0:
        vmf.pte = never_null(pte_offset_map_nolock(m, vmf.pmd, vmf.address)[0])
        yield Decision("map-pte", "mapped", addr=vmf.address)
        order, reason = yield from calc_anon_folio_order_alloc(vmf, order, reason)

    failed = yield from anon_vma_prepare(vma)
    if failed:
        return VM_FAULT_OOM
    if order == 0:
        yield Decision("fallback", "", order=offered, addr=vmf.address, reason=reason)
    folio = yield from alloc_anon_folio(vma, vmf.address, order)
    if folio is None and order > 0:
        order = 0
        yield Decision("fallback", "", order=offered, addr=vmf.address, reason="alloc")
        folio = yield from alloc_anon_folio(vma, vmf.address, order)
    if folio is None:
        return VM_FAULT_OOM
    pgcount = 1 << order
    addr = vmf.address & -(pgcount * arch.page_size)

    failed = yield from mem_cgroup_charge(folio, vma.vm_mm, GFP_KERNEL)
    if failed:
        folio_put(folio)
        return VM_FAULT_OOM
    folio_mark_uptodate(folio)
    entry = arch.pfn_pte(folio.id, vma.vm_page_prot)
    if vma.vm_flags & VM_WRITE:
        entry = arch.pte_mkwrite(arch.pte_mkdirty(entry))

    pte = yield from pte_offset_map_lock(vmf, addr)
    vmf.pte = never_null(pte)
    # vmf.pte is the first PTE of the range, orig_pte that of the fault: with order > 0 the first test compares two
    # different ones.  update_mmu_tlb() follows the first test only.
    changed = vmf_pte_changed(vmf) or (order > 0 and check_ptes_none(m, vmf.pte, pgcount) != pgcount)
    yield recheck(vmf, addr, pgcount, changed)
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
    yield Decision("install", "folio", order=order, addr=addr, arg=folio.id, more=(("nr", pgcount),))
    folio_ref_add(folio, pgcount - 1)
    add_mm_counter(vma.vm_mm, MM_ANONPAGES, pgcount)
    folio_add_new_anon_rmap(folio, vma, addr)
    folio_add_lru_vma(folio)
    if uffd_wp:
        entry = arch.pte_mkuffd_wp(entry)
    set_ptes(m, vmf.pte, entry, pgcount)
    pte_unmap_unlock(vmf)
    return 0
