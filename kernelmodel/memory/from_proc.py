# SPDX-License-Identifier: GPL-2.0-only
"""Zones as copies of /proc/buddyinfo, /proc/pagetypeinfo and /proc/zoneinfo describe them (proc/parse.py).

Counts are taken as they stand: free blocks, pageblocks by type, pages in use (on the LRU lists: movable pageblocks
first; slab: reclaimable and unmovable ones first), watermarks and reserves.  Where each of them is, no text says.
A node's slab is shared out over its zones by the pages that nothing else has.  Without zoneinfo and pagetypeinfo a
zone is made about as large as its free blocks need.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from kernelmodel.arch import Arch
from kernelmodel.defs import (
    BG_ANON,
    BG_FILE,
    BG_NONE,
    BG_PINNED,
    BG_SLAB,
    BG_UNMOVABLE,
    MAX_NR_ZONES,
    MIGRATE_MOVABLE,
    MIGRATE_NAMES,
    MIGRATE_RECLAIMABLE,
    MIGRATE_TYPES,
    MIGRATE_UNMOVABLE,
    ZONE_NAMES,
)
from kernelmodel.machine import Machine
from kernelmodel.memory.aged import mixed
from kernelmodel.memory.blocks import Layout, between
from kernelmodel.memory.packed import Row, packed, room
from kernelmodel.memory.places import DMA_END, MAX_DMA, low_end, max_dma32
from kernelmodel.mm.untouched import Template
from kernelmodel.proc.parse import ZoneText
from kernelmodel.scenario.types import ZoneSpec

MAX_PAGES = 1 << 32
HOMES = {
    BG_ANON: (MIGRATE_MOVABLE,), BG_FILE: (MIGRATE_MOVABLE,), BG_PINNED: (MIGRATE_MOVABLE,),
    BG_SLAB: (MIGRATE_RECLAIMABLE,), BG_UNMOVABLE: (MIGRATE_UNMOVABLE,), BG_NONE: (),
}  # fmt: skip
"""In which pageblocks pages of a use stand first."""


class Unfit(Exception):
    """A zone that can't be built, and why."""


def free_of(text: ZoneText) -> dict[tuple[int, int], int]:
    """Free blocks by (migratetype, order); without pagetypeinfo all are movable."""
    return {
        (MIGRATE_NAMES.index(name or "Movable"), order): number
        for name, numbers in text.free.items()
        for order, number in enumerate(numbers)
        if number
    }


def fitted(arch: Arch, texts: Sequence[ZoneText]) -> tuple[ZoneSpec, ...]:
    """The zones of one node; ``Unfit`` if one can't be."""
    found = []
    for text in texts:
        free = free_of(text)
        pages = sum(number << order for (_, order), number in free.items())
        size = _pages(arch, text, free, pages)
        start, end = _place(arch, text.name, size)
        if pages > size or not (room(arch, start, end, free) or _holds(arch, start, end, text, pages)):
            raise Unfit(f"zone {text.name}: its {size} pages have no room for these free blocks")
        found.append(ZoneSpec(text.name, size << arch.page_shift, text=text))
    low = [spec for spec in found if spec.name.startswith("DMA") and (spec.size or 0) >= DMA_END]
    if texts[0].node and any(spec.name.startswith("DMA") for spec in found):
        raise Unfit("only node 0 has low memory here")
    if len(low) > 1:
        raise Unfit("DMA and DMA32 are both above 16M")
    return _with_slab(found)


def _holds(arch: Arch, start: int, end: int, text: ZoneText, pages: int) -> bool:
    """Do the units hold all free pages?"""
    rows = packed(arch, start, end, free_of(text), pageblocks_of(arch, text, end - start))
    return sum(row.units << order for row in rows for _, order, _ in row.blocks) == pages


def pageblocks_of(arch: Arch, text: ZoneText, pages: int) -> list[int]:
    """Pageblocks by type; without pagetypeinfo all are movable."""
    found = [text.blocks.get(name, 0) for name in MIGRATE_NAMES]
    if not text.blocks:
        found[MIGRATE_MOVABLE] = (pages >> arch.pageblock_order) + 2
    return found


def _pages(arch: Arch, text: ZoneText, free: dict[tuple[int, int], int], pages: int) -> int:
    """How large the zone is made: holes in its span are left out where it is known that there are some."""
    block = 1 << arch.pageblock_order
    counted = sum(text.blocks.values()) * block
    if text.spanned is not None:
        size = min(text.spanned, counted or -(-max(text.present or 0, text.managed or 0) // block) * block)
    else:
        unit = 1 << arch.max_order
        size = counted or -(-pages // unit) * unit
        while not counted and size < MAX_PAGES and not room(arch, *_place(arch, text.name, size), free):
            size += -(-size // (8 * unit)) * unit
    most = max_dma32(arch) >> arch.page_shift if text.name.startswith("DMA") else MAX_PAGES
    if max(text.managed or 0, pages) > most:
        raise Unfit(f"zone {text.name} has at most {most} pages here")
    dma = MAX_DMA >> arch.page_shift
    if text.name == "DMA" and text.spanned is None and pages <= dma < size <= DMA_END >> arch.page_shift:
        return dma  # a PC's, which whole units or pageblocks make too large
    return min(size, most)


def _place(arch: Arch, name: str, size: int) -> tuple[int, int]:
    """Start and end (pfn) of a zone, as far as alignment goes."""
    if not name.startswith("DMA"):
        return 0, size
    end = low_end(arch, ZONE_NAMES.index(name), size)
    return end - size, end


def uses_of(text: ZoneText) -> dict[int, int]:
    """Pages on the LRU lists by their use."""
    lru = text.lru.get
    return {
        BG_ANON: lru("nr_zone_inactive_anon", 0) + lru("nr_zone_active_anon", 0),
        BG_FILE: lru("nr_zone_inactive_file", 0) + lru("nr_zone_active_file", 0),
        BG_PINNED: lru("nr_zone_unevictable", 0),
    }


def _with_slab(specs: list[ZoneSpec]) -> tuple[ZoneSpec, ...]:
    """Each zone's part of the node's slab, in place of the node's."""
    texts = [spec.text for spec in specs if spec.text is not None]
    slab = next((text.slab for text in texts if text.slab), {})
    spare = [
        (text.managed or 0) - sum(uses_of(text).values()) - sum(n << o for (_, o), n in free_of(text).items())
        for text in texts
    ]
    total = sum(max(each, 0) for each in spare)
    found = []
    left = dict(slab)
    for spec, text, here in zip(specs, texts, spare, strict=True):
        share: dict[str, int] = {}
        exact = 0.0
        for name, pages in left.items():
            before = round(exact)
            exact += pages * max(here, 0) / total if total else 0.0
            share[name] = min(round(exact) - before, pages)
        total -= max(here, 0)
        left = {name: pages - share[name] for name, pages in left.items()}
        found.append(spec._replace(text=text._replace(slab=share)))
    return tuple(found)


# -- building ------------------------------------------------------------------------------------------
def layout(arch: Arch, start: int, end: int, text: ZoneText) -> Layout:
    """Units for the pages of ``start`` … ``end``."""
    pageblocks = pageblocks_of(arch, text, end - start)
    wanted = uses_of(text)
    wanted[BG_SLAB] = text.slab.get("nr_slab_reclaimable", 0)
    wanted[BG_UNMOVABLE] = text.slab.get("nr_slab_unreclaimable", 0)
    rows, used = in_use(arch, packed(arch, start, end, free_of(text), pageblocks), wanted)
    ends: dict[bool, Template] = {}
    units: list[int] = []
    templates: list[Template] = []
    for row, pages in zip(rows, used, strict=True):
        template = Template(row.types, tuple(row.blocks), tuple(pages))
        if row.pieces == [(0, arch.max_order)]:
            units.append(row.units)
            templates.append(template)
        else:
            ends[row.first] = template
    return Layout(mixed(Random(0), units), tuple(templates), ends.get(True), ends.get(False))


Counts = dict[int, int]
"""Pages by use."""


def in_use(arch: Arch, rows: list[Row], wanted: Counts) -> tuple[list[Row], list[list[tuple[int, int, int]]]]:
    """(offset, pages, use) of what is not free in a unit of each row; together as many of each use as are wanted.

    The largest row of each type takes up what rounding leaves to the others: some of its units get a page more.
    """
    rows = sorted(rows, key=lambda row: row.units)
    gaps = [_gaps(arch, row) for row in rows]
    sizes = [[sum(high - low for low, high in mine) for mine in row] for row in gaps]
    found: list[Row] = []
    used: list[list[tuple[int, int, int]]] = []
    shares = [_spread(rows, [size[mt] for size in sizes], part) for mt, part in enumerate(_homes(rows, sizes, wanted))]
    for n, (row, mine) in enumerate(zip(rows, gaps, strict=True)):
        here = [share[n] for share in shares]
        cuts = sorted({cut for share in here for cut in share})
        for first, after in zip(cuts, [*cuts[1:], row.units], strict=True):
            pages: list[tuple[int, int, int]] = []
            for mt, share in enumerate(here):
                pages += _painted(mine[mt], share[max(cut for cut in share if cut <= first)])
            found.append(row.parted(after - first))
            used.append(sorted(pages))
    return found, used


def _spread(rows: list[Row], sizes: list[int], wanted: Counts) -> list[dict[int, Counts]]:
    """Pages of each use in a unit of each row, from the row's unit k on: ``{0: …, k: …}``."""
    found: list[dict[int, Counts]] = []
    left = dict(wanted)
    total = sum(row.units * size for row, size in zip(rows, sizes, strict=True))
    last = max((n for n, size in enumerate(sizes) if size), default=-1)
    for n, (row, size) in enumerate(zip(rows, sizes, strict=True)):
        if n == last:
            found.append(_rest(row.units, left))
            continue
        counts: Counts = {}
        exact = 0.0
        for use in left if size else ():
            before = round(exact)
            exact += left[use] * size / total
            counts[use] = min(round(exact) - before, left[use] // row.units)
        behind = total - row.units * size  # room that is left for what is left
        lacking = -((behind - sum(left.values())) // row.units) - sum(counts.values())
        for use in counts:
            more = min(max(lacking, 0), left[use] // row.units - counts[use])
            counts[use] += more
            lacking -= more
        left = {use: pages - counts.get(use, 0) * row.units for use, pages in left.items()}
        total = behind
        found.append({0: counts})
    return found


def _rest(units: int, left: Counts) -> dict[int, Counts]:
    """The same for the last row: all that is left, in turns so that no unit gets more pages than another by two."""
    turns: dict[int, tuple[int, int]] = {}
    at = 0
    for use, pages in left.items():
        turns[use] = at, pages % units
        at = (at + pages % units) % units
    cuts = {0, *(first for first, _ in turns.values()), *((first + n) % units for first, n in turns.values())}
    return {
        cut: {use: left[use] // units + ((cut - first) % units < n) for use, (first, n) in turns.items()}
        for cut in sorted(cuts)
    }


def _gaps(arch: Arch, row: Row) -> list[list[tuple[int, int]]]:
    """What is not free in a unit, by the type of the pageblock."""
    found: list[list[tuple[int, int]]] = [[] for _ in range(MIGRATE_TYPES)]
    first, (last, order) = row.pieces[0][0], row.pieces[-1]
    for low, high in between(row.blocks, first, last + (1 << order)):
        while low < high:
            block = low >> arch.pageblock_order
            end = min(high, block + 1 << arch.pageblock_order)
            found[row.types[block]].append((low, end))
            low = end
    return found


def _homes(rows: list[Row], sizes: list[list[int]], wanted: Counts) -> list[Counts]:
    """Pages of each use by the type of their pageblock: at home as long as there is room, then wherever there is."""
    room = [sum(row.units * size[mt] for row, size in zip(rows, sizes, strict=True)) for mt in range(MIGRATE_TYPES)]
    found: list[Counts] = [{} for _ in range(MIGRATE_TYPES)]
    left = dict(wanted)
    for homes in (HOMES, dict.fromkeys(wanted, range(MIGRATE_TYPES))):
        for use in wanted:
            for mt in homes[use]:
                n = min(left[use], room[mt])
                found[mt][use] = found[mt].get(use, 0) + n
                room[mt] -= n
                left[use] -= n
    return found


def _painted(gaps: list[tuple[int, int]], counts: Counts) -> list[tuple[int, int, int]]:
    """So many pages of each use in the gaps, in runs that alternate; the others' use is unknown."""
    found: list[tuple[int, int, int]] = []
    left = {use: n for use, n in counts.items() if n}
    for low, high in gaps:
        while low < high and left:
            use = max(left, key=lambda each: left[each] / counts[each])
            n = min(high - low, left[use], max(counts[use] >> 3, 1))
            found.append((low, n, use))
            low += n
            left[use] -= n
            if not left[use]:
                del left[use]
        if low < high:
            found.append((low, high - low, BG_NONE))
    return found


def set_up_from_text(m: Machine, zone: int, text: ZoneText) -> None:
    """Watermarks, reserves and the sizes of the CPUs' lists as zoneinfo has them; the lists are empty."""
    marks = (text.min, text.low, text.high, text.promo)
    for level, mark in enumerate(marks):
        if mark is not None:
            m.watermark.set(zone * 4 + level, mark)
    m.watermark_boost.set(zone, text.boost or 0)
    if text.protection:
        reserve = (*text.protection, *[text.protection[-1]] * MAX_NR_ZONES)[:MAX_NR_ZONES]
        m.zones[zone] = m.zones[zone]._replace(reserve=reserve)
    for each in text.pcp:
        if each.cpu < m.nr_cpus:
            high = (each.high_min or each.high, each.high_max or each.high)
            m.zones[zone] = m.zones[zone]._replace(pcp_batch=each.batch, pcp_high=high)
            m.pcp_high.set(each.cpu * len(m.zones) + zone, each.high)
