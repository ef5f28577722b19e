# SPDX-License-Identifier: GPL-2.0-only
"""Who may have a huge page, of which orders, and with how much effort.

Linux 6.5, 6.8 … 7.1 mm/huge_memory.c and include/linux/huge_mm.h; v6 is 20230929114421.3761121-5-ryan.roberts@arm.com.
What stands here is the answer for a fault in anonymous memory.  Where a VMA is refused the first reason in source
order is given, '' if it is not.
"""

from __future__ import annotations

from collections.abc import Callable

from kernelmodel.decision import Decision, Path
from kernelmodel.defs import __GFP_DIRECT_RECLAIM as DIRECT_RECLAIM
from kernelmodel.defs import __GFP_KSWAPD_RECLAIM as KSWAPD_RECLAIM
from kernelmodel.defs import __GFP_NORETRY as NORETRY
from kernelmodel.defs import (
    GFP_TRANSHUGE,
    GFP_TRANSHUGE_LIGHT,
    MMF_DISABLE_THP,
    MMF_DISABLE_THP_EXCEPT_ADVISED,
    VM_HUGEPAGE,
    VM_NO_KHUGEPAGED,
    VM_NOHUGEPAGE,
)
from kernelmodel.machine import Machine
from kernelmodel.mm.checks import bounds
from kernelmodel.mm.thp_knobs import DEFRAG, THP_ORDERS_ALL_ANON
from kernelmodel.mm.vma import vma_is_temporary_stack
from kernelmodel.structs import Vma


# -- sets of orders -----------------------------------------------------------------------------------
def highest_order(orders: int) -> int:
    """The highest order of a set, 0 if it is empty."""
    return max(orders.bit_length() - 1, 0)


def next_order(orders: int, order: int) -> int:
    """The highest order of a set below ``order``, 0 if there is none."""
    return highest_order(orders & ((1 << order) - 1))


# -- 6.5, and the series until v5 -----------------------------------------------------------------------
def hugepage_flags_enabled(m: Machine) -> bool:
    """Enabled for anyone at all?  From 6.8 on hugepage_global_enabled()."""
    return m.thp_enabled.get(0) != 0


def hugepage_flags_always(m: Machine) -> bool:
    """Enabled for everyone?  From 6.8 on hugepage_global_always()."""
    return m.thp_enabled.get(0) == 2


def vma_thp_disabled(vma: Vma) -> str:
    """Opted out by madvise or prctl: a part of the checks until 6.10, a function of its own in 6.12."""
    if vma.vm_flags & VM_NOHUGEPAGE:
        return "VM_NOHUGEPAGE"
    return "prctl" if vma.vm_mm.flags & MMF_DISABLE_THP else ""


def thp_disabled_by_hw(m: Machine) -> bool:
    """TRANSPARENT_HUGEPAGE_UNSUPPORTED, which hugepage_init() sets."""
    return not m.knobs["has_transparent_hugepage"]


def hugepage_vma_refusal(vma: Vma, enforce_sysfs: bool = True) -> str:
    """Why a fault in this VMA may not have a huge page: hugepage_vma_check(smaps=0, in_pf=1) of 6.5."""
    if why := vma_thp_disabled(vma):
        return why
    if thp_disabled_by_hw(vma.m):
        return "unsupported"
    if vma.vm_flags & VM_NO_KHUGEPAGED:
        return "special-vma"
    if enforce_sysfs and not hugepage_flags_enabled(vma.m):
        return "sysfs-never"
    if enforce_sysfs and not vma.vm_flags & VM_HUGEPAGE and not hugepage_flags_always(vma.m):
        return "not-madvised"
    return "temporary-stack" if vma_is_temporary_stack(vma) else ""


def hugepage_vma_check(vma: Vma) -> bool:
    """May a fault in this VMA have a huge page?"""
    return not hugepage_vma_refusal(vma)


def transhuge_vma_suitable(vma: Vma, haddr: int) -> bool:
    """Does the aligned PMD range lie in the VMA?"""
    return haddr >= vma.vm_start and haddr + vma.m.arch.pmd_size <= vma.vm_end


# -- v6: two files of bits ------------------------------------------------------------------------------
def anon_orders_v6(vma: Vma, orders: int, enforce_sysfs: bool = True) -> tuple[int, str]:
    """hugepage_vma_check(smaps=0, in_pf=1) of v6: the orders that are left, and what took the last of them."""
    orders &= vma.m.anon_orders.get(0) if enforce_sysfs else THP_ORDERS_ALL_ANON(vma.m.arch)
    if not orders:
        return 0, "size-never"
    why = hugepage_vma_refusal(vma, enforce_sysfs)
    if why == "not-madvised":  # not the end of it: some orders are as if enabled were always
        orders &= vma.m.anon_always_mask.get(0)
        why = why if not orders else "temporary-stack" if vma_is_temporary_stack(vma) else ""
    return (0, why) if why else (orders, "")


def anon_orders_allowed_v6(vma: Vma) -> int:
    """Orders below the PMD that v6 allows."""
    return anon_orders_v6(vma, (1 << vma.m.arch.pmd_order) - 1)[0]


def pmd_refusal_v6(vma: Vma, enforce_sysfs: bool) -> str:
    """Why v6 does not try a PMD-sized folio."""
    return anon_orders_v6(vma, 1 << vma.m.arch.pmd_order, enforce_sysfs)[1]


# -- v8 and 6.8 on: a knob a size -----------------------------------------------------------------------
def enabled_orders(vma: Vma) -> int:
    """The orders that the knobs of the sizes give to this VMA."""
    m = vma.m
    hint = bool(vma.vm_flags & VM_HUGEPAGE)
    mask = m.huge_anon_orders_always.get(0)
    if hint:
        mask |= m.huge_anon_orders_madvise.get(0)
    if hugepage_flags_always(m) or (hint and hugepage_flags_enabled(m)):
        mask |= m.huge_anon_orders_inherit.get(0)
    return mask


def vma_thp_disabled_6_18(vma: Vma) -> str:
    """As before, but the prctl may leave advised VMAs alone."""
    if why := vma_thp_disabled(vma):
        return why
    unadvised = not vma.vm_flags & VM_HUGEPAGE
    return "prctl-except-advised" if unadvised and vma.vm_mm.flags & MMF_DISABLE_THP_EXCEPT_ADVISED else ""


def thp_vma_refusal(vma: Vma, disabled: Callable[[Vma], str]) -> str:
    """What __thp_vma_allowable_orders() asks after the masks; in a fault VM_NO_KHUGEPAGED is not part of it."""
    hardware = "unsupported" if thp_disabled_by_hw(vma.m) else ""
    opt_out = disabled(vma)
    first = hardware or opt_out if vma.m.release >= (6, 12) else opt_out or hardware
    return first or ("temporary-stack" if vma_is_temporary_stack(vma) else "")


def thp_vma_allowable_orders(vma: Vma, orders: int) -> int:
    """v8, 6.8 … 6.14: the orders of a request that a fault in this VMA may have."""
    orders &= enabled_orders(vma) & THP_ORDERS_ALL_ANON(vma.m.arch)
    return 0 if not orders or thp_vma_refusal(vma, vma_thp_disabled) else orders


def thp_vma_allowable_orders_6_18(vma: Vma, orders: int) -> int:
    """6.18 on, TVA_PAGEFAULT."""
    orders &= enabled_orders(vma) & THP_ORDERS_ALL_ANON(vma.m.arch)
    return 0 if not orders or thp_vma_refusal(vma, vma_thp_disabled_6_18) else orders


def size_refusal(vma: Vma, order: int) -> str:
    """Why the masks leave an order out."""
    m = vma.m
    bit = 1 << order
    if enabled_orders(vma) & bit:
        return ""
    if m.huge_anon_orders_inherit.get(0) & bit:
        return "not-madvised" if hugepage_flags_enabled(m) else "sysfs-never"
    return "size-not-madvised" if m.huge_anon_orders_madvise.get(0) & bit else "size-never"


def pmd_refusal_v8(vma: Vma, enforce_sysfs: bool) -> str:
    """Why v8 does not try a PMD-sized folio: the masks stand behind the first tests, with the same result."""
    if why := vma_thp_disabled(vma):
        return why
    if thp_disabled_by_hw(vma.m):
        return "unsupported"
    return pmd_refusal_6_8(vma, enforce_sysfs)


def pmd_refusal_6_8(vma: Vma, enforce_sysfs: bool) -> str:
    """Why 6.8 … 6.14 do not try a PMD-sized folio."""
    why = size_refusal(vma, vma.m.arch.pmd_order) if enforce_sysfs else ""
    return why or thp_vma_refusal(vma, vma_thp_disabled)


def pmd_refusal_6_18(vma: Vma, enforce_sysfs: bool) -> str:
    """The same from 6.18 on."""
    why = size_refusal(vma, vma.m.arch.pmd_order) if enforce_sysfs else ""
    return why or thp_vma_refusal(vma, vma_thp_disabled_6_18)


def thp_vma_suitable_orders(vma: Vma, addr: int, orders: int) -> Path[int]:
    """Orders whose aligned range lies in the VMA: from the highest down to the first that fits; lower ones fit too.

    v6 calls it transhuge_vma_suitable().
    """
    order = highest_order(orders)
    while orders:
        start = addr & -(vma.m.arch.page_size << order)
        fits = start >= vma.vm_start and start + (vma.m.arch.page_size << order) <= vma.vm_end
        yield bounds("vma-bounds", vma, order, start, fits)
        if fits:
            break
        orders &= ~(1 << order)
        lower = next_order(orders, order)
        if lower:
            yield Decision("step-down", "", reason="vma-bounds", more=(("from", order), ("to", lower)))
        order = lower
    return orders


# -- effort -----------------------------------------------------------------------------------------------
def vma_thp_gfp_mask(vma: Vma) -> int:
    """How hard to try: defrag and the hint (text unchanged 6.1 to 7.1)."""
    defrag = DEFRAG[vma.m.thp_defrag.get(0)]
    madvised = vma.vm_flags & VM_HUGEPAGE
    if defrag == "always":
        return GFP_TRANSHUGE if madvised else GFP_TRANSHUGE | NORETRY
    if defrag == "defer":
        return GFP_TRANSHUGE_LIGHT | KSWAPD_RECLAIM
    if defrag == "defer+madvise":
        return GFP_TRANSHUGE_LIGHT | (DIRECT_RECLAIM if madvised else KSWAPD_RECLAIM)
    if defrag == "madvise":
        return GFP_TRANSHUGE_LIGHT | (DIRECT_RECLAIM if madvised else 0)
    return GFP_TRANSHUGE_LIGHT
