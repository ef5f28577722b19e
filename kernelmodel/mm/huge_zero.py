# SPDX-License-Identifier: GPL-2.0-only
"""The huge zero page (huge zero folio from 6.10 on): one for the machine, kept by references (mm/huge_memory.c).

``huge_zero_folio`` and ``huge_zero_pfn`` are two variables there, and here: 1 + pfn of the page, 0 for NULL and ~0UL.
The shrinker and whoever allocates the page store both and the count under huge_zero_lock, as 6.12.104, 6.18.45 and
7.1.9 do.  The mutant B14 is the form before: the same stores one by one, in the same order, without a lock.
"""

from __future__ import annotations

from kernelmodel.decision import Decision, Path, Question, Step, Wait
from kernelmodel.defs import (
    __GFP_MOVABLE,
    __GFP_ZERO,
    GFP_TRANSHUGE,
    MMF_HUGE_ZERO_PAGE,
    THP_ZERO_PAGE_ALLOC,
    THP_ZERO_PAGE_ALLOC_FAILED,
)
from kernelmodel.machine import Machine
from kernelmodel.mm import freelist, page_alloc
from kernelmodel.mm.mempolicy import try_hard
from kernelmodel.mm.vmstat import count_vm_event
from kernelmodel.structs import Folio, Mm

GFP = (GFP_TRANSHUGE | __GFP_ZERO) & ~__GFP_MOVABLE


def gfp_of(m: Machine) -> int:
    """With what it is looked for: as unmovable, but where all memory is of one type, which is called movable here."""
    return GFP if m.mixed or m.pcp else GFP | __GFP_MOVABLE


def is_huge_zero_pmd(m: Machine, value: int) -> bool:
    """Does this leaf map the huge zero page?  That is decided by the pfn, not by the folio."""
    return m.arch.pte_pfn(value) == m.huge_zero_pfn.get(0) - 1


def mm_get_huge_zero_page(mm: Mm) -> Path[int]:
    """pfn of the huge zero page, -1 if it can't be had.  One reference a mm, one for the shrinker."""
    m = mm.m
    if mm.flags & MMF_HUGE_ZERO_PAGE:
        yield Decision("huge-zero", "folio", reason="mm-has-it")
        return m.huge_zero_folio.get(0) - 1
    got = yield from get_huge_zero_page(m)
    if not got:
        return -1
    if mm.flags & MMF_HUGE_ZERO_PAGE:  # another CPU of this mm was first: its reference is enough
        m.huge_zero_refcount.add(0, -1)
    mm.flags |= MMF_HUGE_ZERO_PAGE
    return m.huge_zero_folio.get(0) - 1


def get_huge_zero_page(m: Machine) -> Path[bool]:
    """A reference; the page is allocated where nobody has one."""
    node, gfp = m.this_node(), gfp_of(m)

    def peek() -> tuple[str, str, int]:
        if m.huge_zero_refcount.get(0):
            return "folio", "", 0
        found = page_alloc.look(m, gfp, m.arch.pmd_order, node)
        return ("NULL", found.reason, found.arg) if isinstance(found, freelist.Refused) else ("folio", "", 0)

    more = (("gfp", GFP),)
    while True:
        if m.huge_zero_refcount.get(0):
            yield Decision("huge-zero", "folio", reason="is-there")
            if m.huge_zero_refcount.get(0):
                break
        else:
            if m.acts:
                yield from try_hard(m, gfp, m.arch.pmd_order, node)
            site = "mm_get_huge_zero_folio"
            answer = yield Question("huge-zero", site, peek, "NULL", m.arch.pmd_order, more=more)
            if m.huge_zero_refcount.get(0):
                break
            if answer == "NULL":
                count_vm_event(m, THP_ZERO_PAGE_ALLOC_FAILED)
                return False
            folio = page_alloc.take(m, gfp, m.arch.pmd_order, node)
            assert folio is not None
            yield Step("step", "huge-zero-publish")
            if not m.huge_zero_folio.get(0):
                yield from publish_huge_zero_page(folio)
                return True
            page_alloc.folio_put(folio)
            while m.huge_zero_folio.get(0) and not m.huge_zero_refcount.get(0):  # B14: the kernel spins
                yield Wait("another CPU to be done with the huge zero page", lambda: _settled(m))
    m.huge_zero_refcount.add(0, 1)
    return True


def publish_huge_zero_page(folio: Folio) -> Path[None]:
    """The page for all, with a reference for who allocated it and one that only the shrinker puts."""
    m = folio.m
    m.huge_zero_folio.set(0, folio.id + 1)
    if "B14" in m.mutants:
        yield Step("step", "huge-zero-pfn")
    m.huge_zero_pfn.set(0, folio.id + 1)
    if "B14" in m.mutants:
        yield Step("step", "huge-zero-refcount")
    m.huge_zero_refcount.set(0, 2)
    count_vm_event(m, THP_ZERO_PAGE_ALLOC)


def _settled(m: Machine) -> bool:
    return not m.huge_zero_folio.get(0) or bool(m.huge_zero_refcount.get(0))
