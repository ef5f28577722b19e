# SPDX-License-Identifier: GPL-2.0-only
"""What a value depends on, so that a watchpoint looks again only where the journal says that it may have changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernelmodel.journal import LINK, LOW
from kernelmodel.mm.pgtable import entry_at
from kernelmodel.mm.tables import table_of
from kernelmodel.structs import Mm

if TYPE_CHECKING:
    from kernelmodel.members import Cell
    from kernelmodel.session import Session

STANDING = frozenset({"mm", "memcg", "vmstat", "zone"})
"""Names of structs that are the same at every stop of a run, if it has one process."""
PROCESS = frozenset({"mm", "vmstat"})
"""Those of the process that is at work."""


class Reads:
    """Recorded while an expression is evaluated."""

    __slots__ = ("_cells", "_lists", "only_cells")

    def __init__(self) -> None:
        self._cells: dict[int, set[int]] = {}
        """By number of the field: indices that were read."""
        self._lists = False
        """Whether a free list's links or length were read."""
        self.only_cells = True
        """False once the value depends on something else: an operand of the stop, a local of a path."""

    def add(self, cells: list[Cell]) -> None:
        """Cells were read."""
        for field, index in cells:
            links = field.journal.links
            self._lists |= field in (links.nr, links.next, links.prev, links.order_of)
            self._cells.setdefault(field.fid, set()).add(index)

    def touched(self, session: Session, one: int, other: int) -> bool:
        """Whether any store between two known stops went to a cell that was read (a free list may be another one)."""
        marks, journal = session.log.mark, session.m.journal
        first, last = sorted((marks[one], marks[other]))
        for at in range(first, last):
            count = journal.count[at]
            if count & LINK:
                if self._lists:
                    return True
                continue
            field, index = journal.where(journal.cell[at])
            cells = self._cells.get(field.fid)
            if cells is not None and (index in cells or _overlap(index, count & LOW, cells)):
                return True
        return False


def _overlap(index: int, n: int, cells: set[int]) -> bool:
    return n > 1 and any(index <= each < index + n for each in cells)


def pte_of(mm: Mm, address: int) -> tuple[int, list[Cell]]:
    """Value of the leaf entry that maps an address (0: none), and the cells of the walk to it."""
    m = mm.m
    cells: list[Cell] = [(m.pgd, mm.id)]
    table, value = m.pgd.get(mm.id) - 1, 0
    if address >= m.arch.task_size:
        return 0, []
    for level in m.arch.levels:
        place = entry_at(m, table, level, address)
        cells.append((m.pgtable, place))
        value = m.pgtable.get(place)
        if level is m.arch.levels[-1] or m.arch.pmd_kind(value) != "table":
            break
        table = table_of(m, value)
    return value, cells
