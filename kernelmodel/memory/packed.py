# SPDX-License-Identifier: GPL-2.0-only
"""Units that hold given numbers of free blocks and pageblocks, packed as densely as real memory is.

Two free buddies of one order would be one block, so of each 2^(order+1) pages that are not one free block at most one
half is (but for two pageblocks of types that never merge).  From the highest order down, every order's blocks are
spread evenly over the units; units that come out alike are one template.  A block for which the pageblocks of its type
have no room stands in another's, and is then of that type.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kernelmodel.arch import Arch
from kernelmodel.defs import MIGRATE_MOVABLE, MIGRATE_PCPTYPES, MIGRATE_TYPES

Free = Mapping[tuple[int, int], int]
"""Blocks by (migratetype, order)."""
Spot = tuple[int, int]
"""Offsets of two buddies of which one may become a free block; the second is -1 if it is not in the zone."""


class Row:
    """So many units that look alike."""

    def __init__(self, units: int, types: tuple[int, ...], pieces: list[tuple[int, int]], first: bool = False) -> None:
        self.units = units
        self.types = types
        self.pieces = pieces
        """(offset, order) of the largest aligned pieces of the unit that are in the zone."""
        self.first = first
        """Is it the zone's first, of which a part is not in the zone?"""
        self.blocks: list[tuple[int, int, int]] = []
        """(offset, order, migratetype) of what is free."""
        self.spots: list[Spot] = []
        """Where blocks of the order that is being placed can be."""
        self.open: list[int] = []
        """Offsets of what will not be free as a whole, of that order."""

    def parted(self, units: int) -> Row:
        """Some of its units, which will look different."""
        other = Row(units, self.types, self.pieces, self.first)
        other.blocks, other.spots, other.open = self.blocks[:], self.spots[:], self.open[:]
        self.units -= units
        return other

    def halve(self, arch: Arch, order: int) -> None:
        """From what is open of the next higher order to the spots of this one."""
        half = 1 << order
        if order == arch.pageblock_order and len({*self.types}) == 2 and max(self.types) >= MIGRATE_PCPTYPES:
            self.spots = [(at + k, -1) for at in self.open for k in (0, half)]  # these two would not merge
        else:
            self.spots = [(at, at + half) for at in self.open]
        self.spots += [(at, -1) for at, o in self.pieces if o == order]
        self.open = []

    def fitting(self, arch: Arch, order: int, migratetype: int) -> list[int]:
        """Numbers of the spots for a type (-1: for any); the first half of each becomes the one that fits."""
        if order < arch.pageblock_order and len({*self.types}) == 1:
            return [*range(len(self.spots))] if migratetype in (-1, self.types[0]) else []
        found = []
        for number, (one, other) in enumerate(self.spots):
            for at, buddy in ((one, other), (other, one)):
                types = self.types[at >> arch.pageblock_order : (at + (1 << order) - 1 >> arch.pageblock_order) + 1]
                if at >= 0 and (migratetype == -1 or {*types} == {migratetype}):
                    self.spots[number] = at, buddy
                    found.append(number)
                    break
        return found

    def take(self, arch: Arch, order: int, chosen: list[int]) -> None:
        """Make free blocks of some spots; the buddies stay open."""
        for number in chosen:
            at, buddy = self.spots[number]
            if order > arch.pageblock_order:
                self.types = (self.types[0],) * len(self.types)
            self.blocks.append((at, order, self.types[at >> arch.pageblock_order]))
            self.open += [buddy] if buddy >= 0 else []
            self.spots[number] = -1, -1
        self.spots = [spot for spot in self.spots if spot[0] >= 0] if chosen else self.spots

    def close(self) -> None:
        """No more blocks of this order: what was not taken is open."""
        self.open += [at for spot in self.spots for at in spot if at >= 0]


def packed(arch: Arch, start: int, end: int, free: Free, pageblocks: Sequence[int]) -> list[Row]:
    """The units of pfn ``start`` … ``end``; ``pageblocks`` by migratetype (what is missing is the commonest)."""
    rows = _rows(arch, start, end, free, pageblocks)
    for order in range(arch.max_order, -1, -1):
        for row in rows:
            row.halve(arch, order)
        left = sum(
            _place(arch, rows, order, mt, free[mt, order]) for mt in range(MIGRATE_TYPES) if free.get((mt, order))
        )
        _place(arch, rows, order, -1, left)
        for row in rows:
            row.close()
    for row in rows:
        row.blocks.sort()
    return rows


def _place(arch: Arch, rows: list[Row], order: int, migratetype: int, number: int) -> int:
    """Spread free blocks evenly over the spots of a type; how many found none.  At most one row is parted."""
    fits = [row.fitting(arch, order, migratetype) for row in rows] if number else []
    total = sum(row.units * len(mine) for row, mine in zip(rows, fits, strict=False))
    placed = min(number, total)
    shares = [placed * len(mine) // total if total else 0 for mine in fits]
    left = placed - sum(row.units * share for row, share in zip(rows, shares, strict=False))
    for row, mine, share in list(zip(rows, fits, shares, strict=False)):
        more = min(left, row.units) if share < len(mine) else 0
        left -= more
        if 0 < more < row.units:
            rows.append(row.parted(row.units - more))
            rows[-1].take(arch, order, mine[:share])
        row.take(arch, order, mine[: share + (more > 0)])
    return number - placed


def room(arch: Arch, start: int, end: int, free: Free) -> bool:
    """Is there room for these blocks, whatever their types?  (With HIGHATOMIC and CMA there may be a little more.)"""
    unit = 1 << arch.max_order
    first, last = -(-start // unit) * unit, end // unit * unit
    there = [0] * arch.max_order + [max(last - first, 0) // unit]
    for low, high in ((start, end),) if first > last else ((start, first), (last, end)):
        for _, order in pieces(arch, low, high):
            there[order] += 1
    opened = 0
    for order in range(arch.max_order, -1, -1):
        number = sum(free.get((mt, order), 0) for mt in range(MIGRATE_TYPES))
        if number > there[order] + opened:
            return False
        opened = 2 * opened + there[order] - number if order < arch.max_order else there[order] - number
    return True


def pieces(arch: Arch, start: int, end: int) -> list[tuple[int, int]]:
    """(pfn, order) of the largest aligned pieces of a range."""
    found = []
    while start < end:
        aligned = (start & -start).bit_length() - 1 if start else arch.max_order
        order = min(aligned, (end - start).bit_length() - 1, arch.max_order)
        found.append((start, order))
        start += 1 << order
    return found


# -- which pageblocks stand together -----------------------------------------------------------------
def _rows(arch: Arch, start: int, end: int, free: Free, pageblocks: Sequence[int]) -> list[Row]:
    """Units by the types of their pageblocks; first those that are only partly in the zone."""
    unit = 1 << arch.max_order
    per_unit = 1 << (arch.max_order - arch.pageblock_order)
    first, last = -(-start // unit) * unit, end // unit * unit
    parts = ((start, end),) if first > last else ((start, first), (last, end))
    counts = list(pageblocks)
    rows = []
    for n, (low, high) in enumerate(parts):
        if low < high:
            base = low // unit * unit
            inside = [(pfn - base, order) for pfn, order in pieces(arch, low, high)]
            types = [MIGRATE_MOVABLE] * per_unit
            for k in range(low - base >> arch.pageblock_order, (high - base - 1 >> arch.pageblock_order) + 1):
                types[k] = _spare_type(arch, counts, free)
                counts[types[k]] -= 1
            rows.append(Row(1, tuple(types), inside, n == 0))
    blocks = max(last - first, 0) >> arch.pageblock_order
    common = max(range(MIGRATE_TYPES), key=lambda mt: (counts[mt], mt == MIGRATE_MOVABLE))
    for mt in (*(each for each in range(MIGRATE_TYPES) if each != common), common):
        counts[mt] = min(max(counts[mt], 0), blocks) if mt != common else blocks
        blocks -= counts[mt]
    units, lone = [n // per_unit for n in counts], [n % per_unit for n in counts]
    if per_unit == 2:
        _set_apart(arch, units, lone, free)
        while (pair := sorted((n, mt) for mt, n in enumerate(lone) if n)[-2:])[1:]:
            (n, a), (_, b) = pair
            rows.append(Row(n, (a, b), [(0, arch.max_order)]))
            lone[a] -= n
            lone[b] -= n
    for mt, n in enumerate(units):
        if n + lone[mt] // per_unit:
            rows.append(Row(n + lone[mt] // per_unit, (mt,) * per_unit, [(0, arch.max_order)]))
    return rows


def _spare_type(arch: Arch, counts: list[int], free: Free) -> int:
    """The type of a pageblock that stands in no whole unit: one with an odd number, else the one with most to spare."""
    per_unit = 1 << (arch.max_order - arch.pageblock_order)
    spare = [max(n - per_unit * free.get((mt, arch.max_order), 0), 0) for mt, n in enumerate(counts)]
    return max(range(MIGRATE_TYPES), key=lambda mt: (spare[mt] > 0 and counts[mt] % per_unit, spare[mt]))


def _set_apart(arch: Arch, units: list[int], lone: list[int], free: Free) -> None:
    """Where a type has more free pageblocks than units of its own could have, some stand beside another type's."""
    order = arch.pageblock_order
    spare = [max(n - free.get((mt, order + 1), 0), 0) for mt, n in enumerate(units)]
    for mt in range(MIGRATE_TYPES):
        lacking = min(max(free.get((mt, order), 0) - spare[mt] - lone[mt], 0), spare[mt])
        for other in range(MIGRATE_TYPES):
            n = min(lacking, spare[other]) if other != mt else 0
            lacking -= n
            for each in (mt, other):
                units[each] -= n
                spare[each] -= n
                lone[each] += 2 * n
