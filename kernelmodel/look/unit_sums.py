# SPDX-License-Identifier: GPL-2.0-only
"""What the untouched units of a zone (mm/untouched.py) add up to between any two pageblocks."""

from __future__ import annotations

from array import array
from functools import lru_cache
from itertools import accumulate, pairwise

from kernelmodel.defs import MIGRATE_MOVABLE
from kernelmodel.machine import Machine
from kernelmodel.mm.untouched import Template, Units


class Sums:
    """How much of something is in the units before each: one pass over all of them, a step of eight kept."""

    def __init__(self, kinds: bytes, amounts: list[int]) -> None:
        self._bytes: list[bytes] = []
        self._before: list[array[int]] = []
        for byte in range((max(amounts, default=0).bit_length() + 7) // 8):
            table = bytes(each >> 8 * byte & 0xFF for each in amounts).ljust(256, b"\0")
            self._bytes.append(kinds.translate(table))
            self._before.append(_before(self._bytes[-1]))

    def upto(self, units: list[int]) -> list[int]:
        """The sum over the units before each of these."""
        found = [0] * len(units)
        for byte, (each, before) in enumerate(zip(self._bytes, self._before, strict=True)):
            sums = [before[unit >> 3] + (sum(each[unit & ~7 : unit]) if unit & 7 else 0) for unit in units]
            found = [a + (b << 8 * byte) for a, b in zip(found, sums, strict=True)] if byte else sums
        return found


def _before(values: bytes) -> array[int]:
    """Sums over the first 0, 8, 16 … of them: neighbours are added all at once, as lanes of one large number."""
    size = -(-len(values) // 8) * 8
    lanes = int.from_bytes(values, "little")
    for width in (1, 2, 4):
        mask = _mask(width, size)
        lanes = (lanes & mask) + (lanes >> 8 * width & mask)
    return array("Q", accumulate(memoryview(lanes.to_bytes(size, "little")).cast("Q"), initial=0))


@lru_cache(3)
def _mask(width: int, size: int) -> int:
    """Every other lane of ``width`` bytes."""
    return int.from_bytes((b"\xff" * width + b"\0" * width) * (size // width // 2), "little")


class UnitSums:
    """What a zone's untouched units add up to, in units of memory counted from the zone's first."""

    def __init__(self, m: Machine, units: Units) -> None:
        self.first, self.last = units.first, units.first + len(units.kinds)
        self.per = 1 << m.arch.max_order - m.arch.pageblock_order
        size = 1 << m.arch.pageblock_order
        self.units = units
        self.free = [[_free_in(t, k * size, size) for k in range(self.per)] for t in units.templates]
        """Per template the free pages of each of its pageblocks."""
        self._free = Sums(units.kinds, [sum(each) for each in self.free])
        kinds = {mt for t in units.templates for mt in t.types} - {MIGRATE_MOVABLE}
        self._types = {mt: Sums(units.kinds, [t.types.count(mt) for t in units.templates]) for mt in sorted(kinds)}

    def template(self, block: int) -> int:
        """Number of the template of a pageblock's unit, -1 if it is in none."""
        unit = block // self.per
        return self.units.kinds[unit - self.first] if self.first <= unit < self.last else -1

    def cells(self, edges: range) -> tuple[list[int], dict[int, list[int]]]:
        """Free pages, and pageblocks of each type but movable, between neighbouring edges (pageblocks)."""
        last = self.last - self.first
        units = [max(0, min(edge // self.per - self.first, last)) for edge in edges]
        free, types = self._free.upto(units), {mt: sums.upto(units) for mt, sums in self._types.items()}
        for at, edge in enumerate(edges if self.per > 1 else ()):
            n = self.template(edge)
            for each in range(edge % self.per if n >= 0 else 0):
                free[at] += self.free[n][each]
                if (mt := self.units.templates[n].types[each]) in types:
                    types[mt][at] += 1
        return _between(free), {mt: _between(sums) for mt, sums in types.items()}


def _between(sums: list[int]) -> list[int]:
    return [b - a for a, b in pairwise(sums)]


def _free_in(template: Template, start: int, size: int) -> int:
    """Free pages of a template within some pages of it."""
    return sum(
        max(0, min(offset + (1 << order), start + size) - max(offset, start)) for offset, order, _ in template.blocks
    )
