# SPDX-License-Identifier: GPL-2.0-only
"""The map of pageblocks: any part of a zone in any number of cells, in a time that does not grow with the memory.

What is free is the sum of three things: the fresh run behind a zone's frontier, the templates of untouched units
(unit_sums.py), summed up once, and what differs from these where something was touched, by pageblock.  The last
is kept up to date from the journal's entries since the map was last looked at.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple
from weakref import WeakKeyDictionary

from kernelmodel.defs import BG_NAMES, MIGRATE_MOVABLE, MIGRATE_NAMES
from kernelmodel.journal import LINK, LOW, UNCOUNTED
from kernelmodel.lists import Links
from kernelmodel.look.unit_sums import UnitSums
from kernelmodel.machine import Machine
from kernelmodel.mm.buddy import get_pageblock_migratetype
from kernelmodel.snapshot_memory import CellView, MapView

MAX_ENTRIES = 1 << 14
"""Journal entries that are followed; after more the map is read anew."""
EIGHTHS = 8
KEPT = 8
"""Views of a map whose untouched part is remembered."""
_MAPS: WeakKeyDictionary[Machine, BlockMap] = WeakKeyDictionary()


def block_map(m: Machine) -> BlockMap:
    """The map of a machine, as it is now."""
    found = _MAPS.get(m)
    if found is None:
        found = _MAPS[m] = BlockMap(m)
    found.follow()
    return found


class Cells(NamedTuple):
    """Neighbouring cells of a map, by column."""

    free: list[int]
    types: dict[int, list[int]]
    """Pageblocks of each type but movable."""
    fill: bytearray
    shown: bytearray
    """As ``MapView.types``."""

    def copy(self) -> Cells:
        """One that may be changed."""
        return Cells(self.free[:], {mt: each[:] for mt, each in self.types.items()}, self.fill[:], self.shown[:])

    def settle(self, n: int, pages: int, blocks: int) -> None:
        """Work out how full cell ``n`` of so many pages and pageblocks is, and its type."""
        self.fill[n] = -(-(pages - self.free[n]) * EIGHTHS // pages)
        most, mt = max([(column[n], mt) for mt, column in self.types.items()], default=(0, 0))
        self.shown[n] = mt if most and 4 * most >= blocks else MIGRATE_MOVABLE


class BlockMap:
    """How full each pageblock is, and of which type."""

    def __init__(self, m: Machine) -> None:
        self.m = m
        self._zones = [None if units is None else UnitSums(m, units) for units in m.units]
        self._free: dict[int, int] = {}
        """By pageblock: free pages more than run and templates say; negative where a unit is touched."""
        self._types: dict[int, tuple[int, int]] = {}
        """By pageblock that may have changed: the type that its template says, and the one that it has."""
        self._sorted: list[int] | None = None
        """The keys of both, ascending; None: to be made."""
        self._cells: dict[tuple[int, range], Cells] = {}
        """What the untouched units give for a view: it stays the same."""
        self._at = self._cuts = -1

    # -- up to date ------------------------------------------------------------------------------------
    def follow(self) -> None:
        """Make it the map of the present state."""
        journal = self.m.journal
        if self._at < 0 or journal.cuts != self._cuts or abs(journal.pos - self._at) > MAX_ENTRIES:
            self._read()
        elif journal.pos != self._at:
            for block in self._touched(min(journal.pos, self._at), max(journal.pos, self._at)):
                self._note(block)
            self._sorted = None
        self._at, self._cuts = journal.pos, journal.cuts

    def _read(self) -> None:
        """From the cells alone."""
        m, shift = self.m, self.m.arch.pageblock_order
        self._free, self._types, self._sorted = {}, {}, None
        blocks = {block for block, _ in m.pageblock.items()}
        per = m.arch.max_order - shift
        for unit, _ in m.touched.items():
            blocks.update(range(unit << per, unit + 1 << per))
        for block in blocks:
            self._note(block, count=False)
        for pfn, order in m.buddy_order.items():
            for block in range(pfn >> shift, (pfn + (1 << order - 1) - 1 >> shift) + 1):
                self._free[block] = self._free.get(block, 0) + min(1 << order - 1, 1 << shift)

    def _touched(self, start: int, stop: int) -> set[int]:
        """Pageblocks that the journal's entries may have changed."""
        m, journal, shift = self.m, self.m.journal, self.m.arch.pageblock_order
        found: set[int] = set()
        for at in range(start, stop):
            count = journal.count[at]
            if count & LINK and count & UNCOUNTED:
                continue
            field, index = journal.where(journal.cell[at])
            if count & LINK:
                if index < Links.RUN:
                    order = (count & LOW) % m.orders
                    found.update(range(index >> shift, (index + (1 << order) - 1 >> shift) + 1))
            elif field is m.pageblock:
                found.update(range(index, index + (count & LOW)))
            elif field is m.touched:
                per = m.arch.max_order - shift
                found.update(range(index << per, index + (count & LOW) << per))
        return found

    def _note(self, block: int, count: bool = True) -> None:
        """What a pageblock has now (``count``: its free blocks too), against what it was made with."""
        m, shift = self.m, self.m.arch.pageblock_order
        zone = m.zone_of(block << shift)
        known = self._zones[zone] if zone >= 0 else None
        n = -1 if known is None else known.template(block)
        free, was = 0, MIGRATE_MOVABLE
        if known is not None and n >= 0:
            was = known.units.templates[n].types[block % known.per]
            if m.touched.get(block // known.per):
                free = -known.free[n][block % known.per]
        if count:
            free += self._count(block)
        now = get_pageblock_migratetype(m, block << shift)
        self._free[block] = free
        self._types[block] = was, now

    def _count(self, block: int) -> int:
        """Pages of the free blocks that are nodes of a list."""
        m, shift = self.m, self.m.arch.pageblock_order
        start = block << shift
        for order in range(m.arch.max_order, shift - 1, -1):
            if m.buddy_order.get(start & -(1 << order)) == order + 1:
                return 1 << shift
        return sum(1 << order - 1 for order in m.buddy_order.run(start, 1 << shift) if order)

    # -- as it is shown --------------------------------------------------------------------------------
    def view(
        self, zone: int, cells: int, scale: int = -1, at: int = -1, here: int = -1, following: int = -1
    ) -> MapView:
        """``cells`` cells of 2^``scale`` pageblocks of a zone: those around pfn ``at``, else around ``here``.

        ``here`` and ``following`` are the pfns of the folio at hand and of the next block.
        """
        m, shift = self.m, self.m.arch.pageblock_order
        span = m.zones[zone]
        first, last = span.start >> shift, (span.end - 1 >> shift) + 1
        fits = 0
        while (last - 1 >> fits) - (first >> fits) >= cells:
            fits += 1
        scale = fits if scale < 0 else min(scale, fits)
        total = (last - 1 >> scale) - (first >> scale) + 1
        if not span.start <= at < span.end:
            at = here if span.start <= here < span.end else span.start
        cursor = (at >> shift + scale) - (first >> scale)
        before = cursor // cells * cells
        many = min(cells, total - before)
        edges = range((first >> scale) + before << scale, (first >> scale) + before + many + 1 << scale, 1 << scale)
        size = 1 << shift + scale
        pages, blocks = [size] * many, [1 << scale] * many
        for n in (0, many - 1):
            start = edges[n] << shift
            pages[n] = min(start + size, span.end) - max(start, span.start)
            blocks[n] = min(edges[n] + (1 << scale), last) - max(edges[n], first)
        free, types, fill, shown = self._columns(zone, edges, pages, blocks)
        n = cursor - before
        start = edges[n] << shift
        mix = {mt: column[n] for mt, column in types.items() if column[n]}
        mix[MIGRATE_MOVABLE] = blocks[n] - sum(mix.values())
        cell = CellView(
            max(start, span.start), min(start + size, span.end) - 1, free[n], pages[n],
            tuple((MIGRATE_NAMES[mt], many) for mt, many in sorted(mix.items()) if many),
            self._uses(edges[n], pages[n] - free[n]) if not scale else (),
        )  # fmt: skip

        def place(pfn: int) -> int:
            there = (pfn >> shift + scale) - (first >> scale) - before
            return there if span.start <= pfn < span.end and 0 <= there < many else -1

        return MapView(
            span.name, span.node, span.start, edges[0] << shift, size, scale, bytes(shown), bytes(fill), before,
            total, n, place(here), place(following), cell,
        )  # fmt: skip

    def _columns(self, zone: int, edges: range, pages: list[int], blocks: list[int]) -> Cells:
        """The cells between neighbouring edges (pageblocks), of so many pages and pageblocks each."""
        m, shift, many = self.m, self.m.arch.pageblock_order, len(pages)
        cells = self._untouched(zone, edges, pages, blocks).copy()
        size, start = edges.step << shift, edges[0] << shift
        begin, end = m.frontier.get(zone) - start, m.run_end[zone] - start
        changed: set[int] = set()
        if begin < end:
            first = max(0, -(-begin // size))
            last = max(first, min(end // size, many))
            cells.free[first:last] = [size] * (last - first)
            cells.fill[first:last] = bytes(last - first)
            for n in {begin // size, end // size}:
                if 0 <= n < many and not first <= n < last:
                    cells.free[n] += min((n + 1) * size, end) - max(n * size, begin)
                    changed.add(n)
        keys = self._keys()
        for block in keys[bisect_left(keys, edges[0]) : bisect_left(keys, edges[-1])]:
            n = (block - edges[0]) // edges.step
            changed.add(n)
            cells.free[n] += self._free.get(block, 0)
            was, now = self._types.get(block, (0, 0))
            if was != now:
                for mt, by in ((was, -1), (now, 1)):
                    if mt != MIGRATE_MOVABLE:
                        cells.types.setdefault(mt, [0] * many)[n] += by
        for n in changed:
            cells.settle(n, pages[n], blocks[n])
        return cells

    def _untouched(self, zone: int, edges: range, pages: list[int], blocks: list[int]) -> Cells:
        """What the units that were untouched at boot give: it stays the same."""
        known, key, many = self._zones[zone], (zone, edges), len(pages)
        if known is None:
            return Cells([0] * many, {}, bytearray([EIGHTHS]) * many, bytearray([MIGRATE_MOVABLE]) * many)
        if key not in self._cells:
            if len(self._cells) >= KEPT:
                self._cells.clear()
            cells = self._cells[key] = Cells(*known.cells(edges), bytearray(many), bytearray(many))
            for n in range(many):
                cells.settle(n, pages[n], blocks[n])
        return self._cells[key]

    def _keys(self) -> list[int]:
        if self._sorted is None:
            self._sorted = sorted(self._free.keys() | self._types.keys())
        return self._sorted

    def _uses(self, block: int, used: int) -> tuple[tuple[str, int], ...]:
        """What the pages of one pageblock that are not free are used for, as far as the background knows."""
        m, shift = self.m, self.m.arch.pageblock_order
        zone = m.zone_of(block << shift)
        known = self._zones[zone] if zone >= 0 else None
        n = -1 if known is None else known.template(block)
        counts = [0] * len(BG_NAMES)
        if known is not None and n >= 0 and not m.touched.get(block // known.per):
            start = block % known.per << shift
            for offset, many, use in known.units.templates[n].pages:
                counts[use] += max(0, min(offset + many, start + (1 << shift)) - max(offset, start))
        else:
            for use in m.background.run(block << shift, 1 << shift):
                counts[use] += 1
            counts[0] = 0
        found = [(name, many) for name, many in zip(BG_NAMES, counts, strict=True) if many]
        rest = used - sum(many for _, many in found)
        return (*found, ("other", rest)) if rest > 0 else tuple(found)
