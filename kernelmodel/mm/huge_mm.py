# SPDX-License-Identifier: GPL-2.0-only
"""Transparent-huge-page policy of 6.5: who may have a huge page, and with how much effort (mm/huge_memory.c)."""

from __future__ import annotations

from kernelmodel.arch import Arch
from kernelmodel.defs import __GFP_DIRECT_RECLAIM as DIRECT_RECLAIM
from kernelmodel.defs import __GFP_KSWAPD_RECLAIM as KSWAPD_RECLAIM
from kernelmodel.defs import __GFP_NORETRY as NORETRY
from kernelmodel.defs import (
    GFP_TRANSHUGE,
    GFP_TRANSHUGE_LIGHT,
    MMF_DISABLE_THP,
    VM_HUGEPAGE,
    VM_NO_KHUGEPAGED,
    VM_NOHUGEPAGE,
)
from kernelmodel.machine import Machine
from kernelmodel.mm.vma import vma_is_temporary_stack
from kernelmodel.structs import Vma

ENABLED = ("never", "madvise", "always")
"""Values of transparent_hugepage/enabled, by number."""
DEFRAG = ("never", "madvise", "defer+madvise", "defer", "always")
"""Values of transparent_hugepage/defrag, by number."""


def THP_ORDERS_ALL_ANON(arch: Arch) -> int:
    """Bits of the orders that anonymous memory can have: 2 … PMD_ORDER."""
    return (1 << arch.pmd_order + 1) - 4


def size_order(arch: Arch, name: str) -> int:
    """Order of ``hugepages-64kB``."""
    return (int(name.removeprefix("hugepages-").removesuffix("kB")) * 1024 >> arch.page_shift).bit_length() - 1


def set_anon_policy(m: Machine, order: int, policy: str) -> None:
    """Write a word to hugepages-<size>kB/enabled (Linux 6.8 anon_enabled_store)."""
    masks = {
        "always": m.huge_anon_orders_always,
        "madvise": m.huge_anon_orders_madvise,
        "inherit": m.huge_anon_orders_inherit,
    }
    for word, field in masks.items():
        bits = field.get(0) & ~(1 << order)
        field.set(0, bits | (1 << order if word == policy else 0))


def hugepage_flags_enabled(m: Machine) -> bool:
    """Enabled for anyone at all?"""
    return m.thp_enabled.get(0) != 0


def hugepage_flags_always(m: Machine) -> bool:
    """Enabled for everyone?"""
    return m.thp_enabled.get(0) == 2


def hugepage_vma_refusal(vma: Vma, enforce_sysfs: bool = True) -> str:
    """Why a fault in this VMA may not have a huge page, '' if it may: hugepage_vma_check(smaps=0, in_pf=1) of 6.5.

    The first reason in source order.
    """
    flags = vma.vm_flags
    if flags & VM_NOHUGEPAGE:
        return "VM_NOHUGEPAGE"
    if vma.vm_mm.flags & MMF_DISABLE_THP:
        return "prctl"
    if flags & VM_NO_KHUGEPAGED:
        return "special-vma"
    if enforce_sysfs and not hugepage_flags_enabled(vma.m):
        return "sysfs-never"
    if enforce_sysfs and not flags & VM_HUGEPAGE and not hugepage_flags_always(vma.m):
        return "not-madvised"
    if vma_is_temporary_stack(vma):
        return "temporary-stack"
    return ""


def hugepage_vma_check(vma: Vma) -> bool:
    """May a fault in this VMA have a huge page?"""
    return not hugepage_vma_refusal(vma)


def transhuge_vma_suitable(vma: Vma, haddr: int) -> bool:
    """Does the aligned PMD range lie in the VMA?"""
    return haddr >= vma.vm_start and haddr + vma.m.arch.pmd_size <= vma.vm_end


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
