# SPDX-License-Identifier: GPL-2.0-only
"""[PATCH v1 10/10] mm: Allocate large folios for anonymous memory (26 June 2023, on 6.4-rc).

Message-id 20230626171430.3167004-11-ryan.roberts@arm.com, with 1/10 (…-2: gfp and order of the zeroed allocation),
3/10 (…-4: the loop that allocates), 8/10 (…-9: Kconfig) and 9/10 (…-10: arm64).  Whole functions, in the order of the
patches.
"""

from __future__ import annotations

from kernelmodel.decision import Decision, Path
from kernelmodel.defs import (
    __GFP_NORETRY,
    __GFP_NOWARN,
    __GFP_ZERO,
    FAULT_FLAG_WRITE,
    GFP_HIGHUSER_MOVABLE,
    GFP_KERNEL,
    MM_ANONPAGES,
    VM_FAULT_OOM,
    VM_FAULT_SIGBUS,
    VM_SHARED,
    VM_UFFD_MISSING,
    VM_WRITE,
)
from kernelmodel.fault import on_6_4
from kernelmodel.fault.on_6_4 import (
    check_ptes_none,
    map_zero_page,
    never_null,
    pmd_trans_unstable,
)
from kernelmodel.fault.told import policy, recheck, step_down, uffd_marker
from kernelmodel.mm.checks import check_stable_address_space, check_uffd_missing
from kernelmodel.mm.huge_mm import hugepage_vma_check
from kernelmodel.mm.memcontrol import mem_cgroup_charge
from kernelmodel.mm.mempolicy import vma_alloc_folio
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

NOTHP_ORDER_MAX = {"arm64-4k": 4, "arm64-16k": 2, "arm64-64k": 0}
"""CONFIG_LARGE_ANON_FOLIO_NOTHP_ORDER_MAX (9/10).  Only arm64 selects ARCH_SUPPORTS_LARGE_ANON_FOLIO; without it 0."""
THP_ORDER_MAX = {"arm64-4k": 4, "arm64-16k": 7, "arm64-64k": 5}
"""CONFIG_LARGE_ANON_FOLIO_THP_ORDER_MAX, likewise."""


def vma_alloc_movable_folio(vma: Vma, vaddr: int, order: int) -> Path[Folio | None]:
    """A zeroed folio (__GFP_ZERO, by the arch's own helper) from any node; little effort for a large one."""
    gfp = __GFP_NORETRY | __GFP_NOWARN if order > 0 else 0
    return (yield from vma_alloc_folio(GFP_HIGHUSER_MOVABLE | __GFP_ZERO | gfp, order, vma, vaddr, False))


def try_vma_alloc_movable_folio(vma: Vma, vaddr: int, order: int, offered: int, reason: str) -> Path[Folio | None]:
    """The highest order up to ``order`` that can be had, order 1 left out.

    ``offered`` and ``reason`` are for the decision only: the policy's maximum, and why order 0 if that is all there is.
    """
    while order > 1:
        folio = yield from vma_alloc_movable_folio(vma, vaddr, order)
        if folio is not None:
            return folio
        reason = "alloc"
        order -= 1
        if order > 1:
            yield step_down(order + 1, order, reason)
    yield Decision("fallback", "", order=offered, addr=vaddr, reason=reason)
    return (yield from vma_alloc_movable_folio(vma, vaddr, 0))


def max_anon_folio_order(vma: Vma) -> int:
    """The Kconfig's maximum: one for VMAs that may have huge pages, one for all others, opted out or not."""
    most = THP_ORDER_MAX if hugepage_vma_check(vma) else NOTHP_ORDER_MAX
    return most.get(vma.m.arch.name, 0)


def calc_anon_folio_order_alloc(vmf: VmFault, order: int, reason: str) -> Path[tuple[int, str]]:
    """The estimate that v2 has, too; 0 where the hardware has no huge pages."""
    if not vmf.m.knobs["has_transparent_hugepage"]:
        return 0, reason
    return (yield from on_6_4.calc_anon_folio_order_alloc(vmf, order, reason))


def do_anonymous_page(vmf: VmFault) -> Path[int]:
    """Map fresh anonymous memory at vmf.address; 0 is also "try again"."""
    m, vma, arch = vmf.m, vmf.vma, vmf.m.arch
    uffd_wp = vmf_orig_pte_uffd_wp(vmf)
    order = 0 if uffd_wp else max_anon_folio_order(vma)
    offered = order if m.knobs["has_transparent_hugepage"] else 0  # what the estimator will make of it

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

    yield uffd_marker(vmf, uffd_wp)
    reason = "uffd"
    if not uffd_wp:
        yield policy(list(range(offered, 1, -1)), offered)
        reason = "policy"

    while True:  # retry:
        vmf.pte = never_null(pte_offset_map_nolock(m, vmf.pmd, vmf.address)[0])
        yield Decision("map-pte", "mapped", addr=vmf.address)
        order, reason = yield from calc_anon_folio_order_alloc(vmf, order, reason)

        failed = yield from anon_vma_prepare(vma)
        if failed:
            return VM_FAULT_OOM
        folio = yield from try_vma_alloc_movable_folio(vma, vmf.address, order, offered, reason)
        if folio is None:
            return VM_FAULT_OOM
        order = folio.order  # may be less than was asked for
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
        changed = vmf_pte_changed(vmf) if order == 0 else check_ptes_none(m, vmf.pte, pgcount) != pgcount
        yield recheck(vmf, addr, pgcount, changed)
        if not changed:
            break
        if order == 0 or m.pgtable.get(vmf.pte + (vmf.address - addr >> arch.page_shift)):
            folio_put(folio)
            pte_unmap_unlock(vmf)
            return 0
        # only neighbours are set: a lower order at once, estimated anew
        yield Decision("retry", "", addr=vmf.address, more=(("from", order), ("to", order - 1)))
        pte_unmap_unlock(vmf)
        folio_put(folio)
        order -= 1
        reason = "pte-range"

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
    folio_add_new_anon_rmap(folio, vma, addr)  # folio_add_new_anon_rmap_range() in the patch
    folio_add_lru_vma(folio)
    if uffd_wp:
        entry = arch.pte_mkuffd_wp(entry)
    set_ptes(m, vmf.pte, entry, pgcount)
    pte_unmap_unlock(vmf)
    return 0
