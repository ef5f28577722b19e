# SPDX-License-Identifier: GPL-2.0-only
"""Memory is short and the shrinker thp-zero frees the huge zero page (mm/huge_memory.c, 6.5 … 7.1).

Every mm that ever used the page keeps a reference until it exits, so there is something to free only in between.
"""

from __future__ import annotations

from kernelmodel.decision import Decision, Path
from kernelmodel.mm.page_alloc import folio_put
from kernelmodel.scenario.types import Action
from kernelmodel.structs import Folio, Mm


def shrink_huge_zero(cpu: int, mm: Mm, action: Action) -> Path[int]:
    """shrink_huge_zero_page_count() and, if only the shrinker's own reference is left, shrink_huge_zero_page_scan()."""
    m, order = mm.m, mm.m.arch.pmd_order
    refs = m.huge_zero_refcount.get(0)
    yield Decision("shrink-count", "last" if refs == 1 else "in-use" if refs else "none", order, arg=refs)
    freed = False
    if refs == 1:
        freed = yield from shrink_huge_zero_page_scan(mm)
    yield Decision("shrink-return", "freed" if freed else "kept", order)
    return 0


def shrink_huge_zero_page_scan(mm: Mm) -> Path[bool]:
    """Free the page unless someone has taken a reference since.  B14: no lock, so three stores that can be seen."""
    m = mm.m
    if m.huge_zero_refcount.get(0) != 1:
        return False
    m.huge_zero_refcount.set(0, 0)
    if "B14" in m.mutants:
        yield Decision("shrink-scan", "refcount")
    folio = Folio(m, m.huge_zero_folio.get(0) - 1)
    m.huge_zero_folio.set(0, 0)
    if "B14" in m.mutants:
        yield Decision("shrink-scan", "folio")
    m.huge_zero_pfn.set(0, 0)
    folio_put(folio)
    return True
