# SPDX-License-Identifier: GPL-2.0-only
"""[PATCH v6 5/9] mm: thp: Extend THP to allocate anonymous large folios (29 September 2023, on 6.6-rc).

Message-id 20230929114421.3761121-6-ryan.roberts@arm.com; the policy is 4/9's.  The base (mm-hotfixes-unstable
f9911db48293, says 0/9) is older than "mempolicy: alloc_pages_mpol() for NUMA policy without vma"
(74e34633-6060-f5e3-aee-7040d43f2e93@google.com, 3 October): any large order is tried on this node first, as in 6.5.
Not here: 3/9, which counts large folios that PTEs map.  do_anonymous_page is v5's.
"""

from __future__ import annotations

from kernelmodel.decision import Decision, Path
from kernelmodel.defs import EAGAIN
from kernelmodel.fault.told import policy_mask, pte_range, step_down, uffd_armed
from kernelmodel.mm.huge_mm import (
    anon_orders_allowed_v6,
    highest_order,
    next_order,
    thp_vma_suitable_orders,
    vma_thp_gfp_mask,
)
from kernelmodel.mm.mempolicy import clear_huge_page, vma_alloc_folio, vma_alloc_zeroed_movable_folio
from kernelmodel.mm.pgtable import pte_index, pte_offset_map, pte_unmap, vmf_pte_range_changed
from kernelmodel.mm.userfaultfd import userfaultfd_armed
from kernelmodel.structs import Folio, VmFault


def alloc_anon_folio(vmf: VmFault) -> Path[Folio | int | None]:
    """A zeroed folio for the fault; None is out of memory, the number is ERR_PTR(-EAGAIN): fault again.

    The mask of orders only ever loses bits, from the highest down.
    """
    m, vma, page_size = vmf.m, vmf.vma, vmf.m.arch.page_size
    prefer = 0

    while True:  # to leave this block is the patch's "goto fallback"
        armed = userfaultfd_armed(vma)
        yield uffd_armed(vmf, armed)
        if armed:
            reason = "uffd"
            break

        orders = anon_orders_allowed_v6(vma)  # hugepage_vma_check() for BIT(PMD_ORDER) - 1
        prefer = highest_order(orders)
        yield policy_mask(orders)
        orders = yield from thp_vma_suitable_orders(vma, vmf.address, orders)  # transhuge_vma_suitable()
        if not orders:
            reason = "vma-bounds" if prefer else "policy"
            break

        pte = yield from pte_offset_map(vmf, vmf.address & -m.arch.pmd_size)
        if pte is None:
            return -EAGAIN

        # the highest order whose range has no PTE set: the ranges of the lower ones have none either
        order = highest_order(orders)  # first_order() in the patch
        while orders:
            addr = vmf.address & -(page_size << order)
            vmf.pte = pte + pte_index(m, addr)
            changed = vmf_pte_range_changed(vmf, 1 << order)
            yield pte_range(vmf, vmf.pte, order, addr, changed)
            if not changed:
                break
            orders &= ~(1 << order)
            if orders:
                yield step_down(order, next_order(orders, order), "pte-range")
            order = next_order(orders, order)
        reason = "alloc" if orders else "pte-range"
        vmf.pte = None
        pte_unmap(vmf)

        # the highest order that can be had
        gfp = vmf.gfp = vma_thp_gfp_mask(vma)
        while orders:
            addr = vmf.address & -(page_size << order)
            folio = yield from vma_alloc_folio(gfp, order, vma, addr, True)
            if folio is not None:
                clear_huge_page(folio, addr)
                return folio
            orders &= ~(1 << order)
            if orders:
                yield step_down(order, next_order(orders, order), "alloc")
            order = next_order(orders, order)
        break

    # fallback:
    yield Decision("fallback", "", order=prefer, addr=vmf.address, reason=reason)
    return (yield from vma_alloc_zeroed_movable_folio(vma, vmf.address))
