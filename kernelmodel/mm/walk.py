# SPDX-License-Identifier: GPL-2.0-only
"""Where anything is mapped in a range: the cost follows the tables that exist, not the size of the range."""

from __future__ import annotations

from kernelmodel.mm.tables import table_of
from kernelmodel.structs import Mm


def populated_pmds(mm: Mm, start: int, end: int) -> list[tuple[int, int]]:
    """(address, place) of every PMD entry that is not none and reaches into [start, end), ascending."""
    m = mm.m
    tables = [(0, m.pgd.get(mm.id) - 1)]
    found: list[tuple[int, int]] = []
    for _, shift, entries in m.arch.levels[:-1]:
        found = []
        for base, table in tables:
            first = max(start - base, 0) >> shift
            last = min(end - 1 - base >> shift, entries - 1)
            for k, value in enumerate(m.pgtable.run(table * m.arch.ptrs + first, last + 1 - first), first):
                if value:
                    found.append((base + (k << shift), table * m.arch.ptrs + k))
        tables = [(base, table_of(m, m.pgtable.get(place))) for base, place in found]
    return found


def pmds_to_visit(mm: Mm, start: int, end: int, filled_meanwhile: bool) -> list[int]:
    """Addresses of the PMD entries that a walk over [start, end) comes to, ascending.

    Those that are not none; all of them where other CPUs may fill one before the walk is there.
    """
    if not filled_meanwhile:
        return [base for base, _ in populated_pmds(mm, start, end)]
    size = mm.m.arch.pmd_size
    return list(range(start & -size, end, size))
