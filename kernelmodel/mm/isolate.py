# SPDX-License-Identifier: GPL-2.0-only
"""Taking folios off the LRU lists, for migration and reclaim (mm/vmscan.c, mm/compaction.c of 6.5)."""

from __future__ import annotations

from typing import NamedTuple

from kernelmodel.defs import PG_lru
from kernelmodel.mm.huge_zero import is_huge_zero_pmd
from kernelmodel.mm.page_alloc import folio_put, folio_ref_add, page_folio
from kernelmodel.mm.pgtable import pte_place
from kernelmodel.mm.walk import populated_pmds
from kernelmodel.structs import Folio, Mm


class Mapped(NamedTuple):
    """A folio, the first address of the range that maps it, and where its last page would end if it is mapped whole."""

    folio: Folio
    address: int
    end: int


def next_mapped(mm: Mm, start: int, end: int) -> Mapped | None:
    """The first folio of anonymous memory that the process maps in a range.

    The kernel comes from the LRU lists or from the pfn: which folio is next is no matter of the process there.
    """
    m, arch = mm.m, mm.m.arch
    pmds = populated_pmds(mm, start, end) if m.pgd.get(mm.id) and start < end else []
    for base, pmd in pmds:
        value = m.pgtable.get(pmd)
        low, high = max(base, start), min(base + arch.pmd_size, end)
        if arch.pmd_kind(value) == "leaf" and not is_huge_zero_pmd(m, value):
            return Mapped(Folio(m, arch.pte_pfn(value)), low, base + arch.pmd_size)
        if arch.pmd_kind(value) == "table":
            for k, entry in enumerate(m.pgtable.run(pte_place(m, value, low), high - low >> arch.page_shift)):
                if arch.pte_kind(entry) == "page":
                    pfn, address = arch.pte_pfn(entry), low + (k << arch.page_shift)
                    folio = page_folio(m, pfn)
                    return Mapped(folio, address, address + (folio.id + folio.nr_pages - pfn << arch.page_shift))
    return None


def folio_isolate(folio: Folio) -> bool:
    """Off its list, with a reference; False if someone else has it off already."""
    if not folio.flags & PG_lru:
        return False
    folio.flags &= ~PG_lru
    folio_ref_add(folio, 1)
    return True


def folio_putback_lru(folio: Folio) -> None:
    """Back on a list, and the reference dropped."""
    folio.flags |= PG_lru
    folio_put(folio)
