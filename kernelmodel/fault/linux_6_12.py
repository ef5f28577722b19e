# SPDX-License-Identifier: GPL-2.0-only
"""Linux 6.12 mm/memory.c: alloc_anon_folio() clears with folio_zero_user(); so does 6.11.

nr_anon is counted where the reverse map is, thp_anon= is read at boot.
"""

from __future__ import annotations

from kernelmodel.decision import Decision, Path
from kernelmodel.defs import EAGAIN, MTHP_STAT_ANON_FAULT_FALLBACK, MTHP_STAT_ANON_FAULT_FALLBACK_CHARGE
from kernelmodel.fault.prealloc import folio_prealloc
from kernelmodel.fault.told import policy_mask, pte_range, step_down, uffd_armed
from kernelmodel.mm.huge_mm import (
    highest_order,
    next_order,
    thp_vma_allowable_orders,
    thp_vma_suitable_orders,
    vma_thp_gfp_mask,
)
from kernelmodel.mm.memcontrol import mem_cgroup_charge
from kernelmodel.mm.mempolicy import folio_zero_user, vma_alloc_folio_6_8
from kernelmodel.mm.page_alloc import folio_put
from kernelmodel.mm.pgtable import pte_index, pte_offset_map, pte_range_none, pte_unmap
from kernelmodel.mm.userfaultfd import userfaultfd_armed
from kernelmodel.mm.vmstat import count_mthp_stat
from kernelmodel.structs import Folio, VmFault


def alloc_anon_folio(vmf: VmFault) -> Path[Folio | int | None]:
    """A zeroed, charged folio for the fault; None is out of memory, the number is ERR_PTR(-EAGAIN): fault again.

    Each order that can't be had, or not be charged, counts; those that the bounds or a neighbour rule out do not.
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
        pte_unmap(vmf)
        if not orders:
            reason = "pte-range"
            break

        # the highest order that can be had and charged
        reason = "alloc"
        gfp = vmf.gfp = vma_thp_gfp_mask(vma)
        while orders:
            addr = vmf.address & -(page_size << order)
            folio = yield from vma_alloc_folio_6_8(gfp, order, vma, addr, True)
            rejected = "alloc"
            if folio is not None:
                failed = yield from mem_cgroup_charge(folio, vma.vm_mm, gfp)
                if not failed:
                    folio_zero_user(folio, vmf.address)
                    return folio
                count_mthp_stat(m, order, MTHP_STAT_ANON_FAULT_FALLBACK_CHARGE)
                folio_put(folio)
                rejected = "charge"
            # next:
            count_mthp_stat(m, order, MTHP_STAT_ANON_FAULT_FALLBACK)
            orders &= ~(1 << order)
            if orders:
                yield step_down(order, next_order(orders, order), rejected)
            order = next_order(orders, order)
        break

    # fallback:
    yield Decision("fallback", "", order=prefer, addr=vmf.address, reason=reason)
    return (yield from folio_prealloc(vma.vm_mm, vma, vmf.address))
