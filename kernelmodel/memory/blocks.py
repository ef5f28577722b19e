# SPDX-License-Identifier: GPL-2.0-only
"""Given free blocks as units (mm/untouched.py): millions of them cost a byte for each unit of the largest block."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from kernelmodel.arch import Arch
from kernelmodel.defs import MIGRATE_MOVABLE
from kernelmodel.memory.places import distance
from kernelmodel.mm.untouched import Template


class Layout(NamedTuple):
    """How a zone is laid out: ``kinds[k]`` is the number of the template of its whole unit ``k``."""

    kinds: bytes
    templates: tuple[Template, ...]
    head: Template | None = None
    """What stands in the zone's first unit, if that is not wholly in the zone."""
    tail: Template | None = None
    """The same for the last one."""

    def each(self) -> list[tuple[int, Template]]:
        """(how often, template) of all units."""
        found = [(self.kinds.count(k), template) for k, template in enumerate(self.templates)]
        return found + [(1, part) for part in (self.head, self.tail) if part is not None]


def in_rows(arch: Arch, lists: Iterable[tuple[int, int, int]], use: int, units: int) -> Layout:
    """Blocks given as (migratetype, order, number), type after type, from the highest order down, the buddy of each in
    use; what is left of ``units`` units is in use, too."""
    unit = 1 << arch.max_order
    numbers: dict[Template, int] = {}
    kinds: list[bytes] = []
    here: list[tuple[int, int, int]] = []
    at = 0

    def flush(times: int) -> None:
        nonlocal at
        template = of_blocks(arch, here, use)
        kinds.append(bytes([numbers.setdefault(template, len(numbers))]) * times)
        here.clear()
        at = 0

    def add(migratetype: int, order: int, number: int) -> None:
        nonlocal at
        for _ in range(number):
            here.append((at, order, migratetype))
            at += distance(arch, order)

    rows = sorted(lists, key=lambda each: (each[0], -each[1]))
    for n, (migratetype, order, number) in enumerate(rows):
        a_unit = unit // distance(arch, order)
        if at:
            first = min(number, (unit - at) // distance(arch, order))
            add(migratetype, order, first)
            number -= first
            if at == unit:
                flush(1)
        if number >= a_unit:
            add(migratetype, order, a_unit)
            flush(number // a_unit)
        add(migratetype, order, number % a_unit)
        if at and (n + 1 == len(rows) or rows[n + 1][0] != migratetype):
            flush(1)
    if (left := units - sum(map(len, kinds))) > 0:
        flush(left)
    return Layout(b"".join(kinds), tuple(numbers))


def of_blocks(arch: Arch, blocks: Sequence[tuple[int, int, int]], use: int) -> Template:
    """The unit in which these (ascending) are free and everything else is used for one thing.

    A pageblock has the type of the free blocks in it, and is movable if there are none.
    """
    types = [MIGRATE_MOVABLE] * (1 << (arch.max_order - arch.pageblock_order))
    for offset, order, migratetype in blocks:
        first = offset >> arch.pageblock_order
        last = (offset + (1 << order) - 1) >> arch.pageblock_order
        types[first : last + 1] = [migratetype] * (last + 1 - first)
    gaps = between(blocks, 0, 1 << arch.max_order)
    return Template(tuple(types), tuple(blocks), tuple((start, end - start, use) for start, end in gaps))


def between(blocks: Iterable[tuple[int, int, int]], start: int, end: int) -> list[tuple[int, int]]:
    """What of ``start`` … ``end`` is in none of the blocks (ascending)."""
    found = []
    for offset, order, _ in blocks:
        if offset > start:
            found.append((start, offset))
        start = offset + (1 << order)
    return [*found, (start, end)] if start < end else found
