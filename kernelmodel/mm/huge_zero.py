# SPDX-License-Identifier: GPL-2.0-only
"""The huge zero page (huge zero folio from 6.10 on): one for the machine, kept by references (mm/huge_memory.c)."""

from __future__ import annotations

from kernelmodel.decision import Decision, Path, Question
from kernelmodel.defs import (
    __GFP_ZERO,
    GFP_TRANSHUGE,
    MMF_HUGE_ZERO_PAGE,
    THP_ZERO_PAGE_ALLOC,
    THP_ZERO_PAGE_ALLOC_FAILED,
)
from kernelmodel.machine import Machine
from kernelmodel.mm import page_alloc
from kernelmodel.mm.vmstat import count_vm_event
from kernelmodel.structs import Mm


def is_huge_zero_pmd(m: Machine, value: int) -> bool:
    """Does this leaf map the huge zero page?"""
    return m.arch.pte_pfn(value) == m.huge_zero_pfn.get(0) - 1


def mm_get_huge_zero_page(mm: Mm) -> Path[int]:
    """pfn of the huge zero page, -1 if it can't be had.  One reference a mm, one for the shrinker."""
    m = mm.m
    if mm.flags & MMF_HUGE_ZERO_PAGE:
        yield Decision("huge-zero", "folio", reason="mm-has-it")
        return m.huge_zero_pfn.get(0) - 1
    gfp = (GFP_TRANSHUGE | __GFP_ZERO) & ~0x8
    node = m.this_node()

    def peek() -> tuple[str, str, int]:
        if m.huge_zero_refcount.get(0):
            return "folio", "", 0
        found = page_alloc.get_page_from_freelist(m, gfp | 0x8, m.arch.pmd_order, node)
        return ("NULL", *found) if isinstance(found, page_alloc.Refused) else ("folio", "", 0)

    answer = yield Question("huge-zero", "mm_get_huge_zero_folio", peek, "NULL", m.arch.pmd_order, more=(("gfp", gfp),))
    if answer == "NULL":
        count_vm_event(m, THP_ZERO_PAGE_ALLOC_FAILED)
        return -1
    if not m.huge_zero_refcount.get(0):
        folio = page_alloc.take(m, gfp | 0x8, m.arch.pmd_order, node)
        assert folio is not None
        m.huge_zero_pfn.set(0, folio.id + 1)
        m.huge_zero_refcount.set(0, 1)
        count_vm_event(m, THP_ZERO_PAGE_ALLOC)
    if not mm.flags & MMF_HUGE_ZERO_PAGE:  # else another CPU of this mm was first: its reference is enough
        m.huge_zero_refcount.add(0, 1)
        mm.flags |= MMF_HUGE_ZERO_PAGE
    return m.huge_zero_pfn.get(0) - 1
