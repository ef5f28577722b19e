# SPDX-License-Identifier: GPL-2.0-only
"""Zones at boot: where they are, which blocks are free, what the other pages are used for."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from kernelmodel.defs import (
    BG_ANON,
    BG_FILE,
    BG_MOVABLE,
    BG_NONE,
    BG_PINNED,
    BG_SLAB,
    BG_UNMOVABLE,
    MIGRATE_CMA,
    MIGRATE_HIGHATOMIC,
    MIGRATE_MOVABLE,
    ZONE_DMA,
    ZONE_DMA32,
    ZONE_NAMES,
)
from kernelmodel.lists import Links
from kernelmodel.machine import Machine, ZoneSpan
from kernelmodel.memory.places import ZONE_START, distance, low_end, pages_needed
from kernelmodel.scenario.types import NodeSpec, ZoneSpec

if TYPE_CHECKING:
    from kernelmodel.memory.blocks import Layout
    from kernelmodel.mm.untouched import Template
    from kernelmodel.proc.parse import ZoneText

USES = {"": BG_NONE, "unmovable": BG_UNMOVABLE, "movable": BG_ANON, "file": BG_FILE, "slab": BG_SLAB,
        "pinned": BG_PINNED}  # fmt: skip
"""What pages between given blocks are used for, by the word of a scenario."""


def build_zones(m: Machine, nodes: tuple[NodeSpec, ...]) -> tuple[ZoneSpec, ...]:
    """All zones of all nodes, one after the other; what each was made from."""
    unit = 1 << m.arch.max_order
    after = ZONE_START >> m.arch.page_shift
    specs: list[ZoneSpec] = []
    aged = sum(spec.fragment is not None for each in nodes for spec in each.zones)
    for node, each in enumerate(nodes):
        for spec in each.zones:
            kind = ZONE_NAMES.index(spec.name)
            low = kind in (ZONE_DMA, ZONE_DMA32)
            pages = pages_of(m, spec)
            start = low_end(m.arch, kind, pages) - pages if low else after
            add_zone(m, node, kind, start, spec, aged)
            after = after if low else -(-m.zones[-1].end // unit) * unit
            specs.append(spec)
    return tuple(specs)


def add_zone(m: Machine, node: int, kind: int, start: int, spec: ZoneSpec, aged: int) -> None:
    """One zone of a machine that has so many aged ones."""
    if spec.text is not None:
        zone_of_text(m, node, kind, start, spec, spec.text)
    elif spec.fragment is not None:
        aged_zone(m, node, kind, start, spec, aged)
    elif spec.lists is not None:
        given_zone(m, node, kind, start, spec, spec.lists)
    elif spec.free is None:
        fresh_zone(m, node, kind, start, spec)
    else:
        zone_of_blocks(m, node, kind, start, spec)


def span(m: Machine, node: int, kind: int, start: int, pages: int, boosts: bool) -> int:
    """Put a zone into the machine: its number."""
    name = ZONE_NAMES[kind]
    m.zones.append(ZoneSpan(node, name, start, start + pages, kind, managed=pages, present=pages, boosts=boosts))
    m.units.append(None)
    m.run_end.append(start)
    m.frontier.set(len(m.zones) - 1, start)
    return len(m.zones) - 1


def pages_of(m: Machine, spec: ZoneSpec) -> int:
    """Pages of a zone whose size is given or the default."""
    return (spec.size or 64 << 20) >> m.arch.page_shift


# -- fresh -------------------------------------------------------------------------------------------
def fresh_zone(m: Machine, node: int, kind: int, start: int, spec: ZoneSpec) -> None:
    """Everything free, as after boot: ascending, in blocks as large as their place allows.

    memblock_free_all() of Linux 6.5 mm/memblock.c; the blocks of the highest order are one node (mm/buddy.py).
    """
    pages = pages_of(m, spec)
    unit = 1 << m.arch.max_order
    zone = span(m, node, kind, start, pages, True)
    end = start + pages
    first = min(-(-start // unit) * unit, end)
    free_range(m, zone, start, first)
    special = first + (end - first) // unit * unit  # the whole units end here
    run_end = special - special_units(m, spec) * unit
    m.run_end[zone] = run_end
    m.frontier.set(zone, first)
    if run_end > first:
        number = m.list_number(zone, MIGRATE_MOVABLE, m.arch.max_order)
        m.nr_free.add(number, (run_end - first) // unit)
        m.lists.insert(Links.RUN + zone, number, tail=True, counted=False)
    m.nr_free_pages.set(zone, pages - (special - run_end))
    free_range(m, zone, special, end)
    if special > run_end:
        special_zone(m, zone, run_end, special, spec)


def free_range(m: Machine, zone: int, pfn: int, end: int) -> None:
    """Put ``pfn`` … ``end`` on the lists, for a range shorter than a unit at either end of a zone."""
    while pfn < end:
        order = min((pfn & -pfn).bit_length() - 1, (end - pfn).bit_length() - 1)
        m.lists.insert(pfn, m.list_number(zone, MIGRATE_MOVABLE, order), tail=True)
        pfn += 1 << order


def special_units(m: Machine, spec: ZoneSpec) -> int:
    """Whole units that hold the zone's HIGHATOMIC and CMA pageblocks."""
    blocks = sum(-(-size >> m.arch.page_shift + m.arch.pageblock_order) for size in (spec.cma, spec.highatomic))
    return -(-blocks >> m.arch.max_order - m.arch.pageblock_order)


def special_zone(m: Machine, zone: int, start: int, end: int, spec: ZoneSpec) -> None:
    """The last units of a fresh zone: movable pageblocks, then those of HIGHATOMIC and CMA, all free."""
    from kernelmodel.memory.blocks import Layout
    from kernelmodel.mm.untouched import Template

    order = m.arch.pageblock_order
    per_unit = 1 << (m.arch.max_order - order)
    counts = [-(-size >> m.arch.page_shift + order) for size in (spec.highatomic, spec.cma)]
    movable = (end - start >> order) - sum(counts)
    ends = tuple(accumulate(counts, initial=movable))
    sorts = (MIGRATE_MOVABLE, MIGRATE_HIGHATOMIC, MIGRATE_CMA)
    cuts = sorted({0, *(cut for end in ends for cut in (end // per_unit, -(-end // per_unit)))})
    numbers: dict[tuple[int, ...], int] = {}
    kinds = b""
    for first, after in pairwise(cuts):  # units between two cuts are alike
        blocks = range(first * per_unit, (first + 1) * per_unit)
        types = tuple(sorts[bisect_right(ends, block)] for block in blocks)
        kinds += bytes([numbers.setdefault(types, len(numbers))]) * (after - first)
    templates = []
    for types in numbers:
        apart = tuple((k << order, order, mt) for k, mt in enumerate(types))
        whole = ((0, m.arch.max_order, types[0]),)
        templates.append(Template(types, whole if len({*types}) == 1 else apart, ()))
    lay_out(m, zone, start, Layout(kinds, tuple(templates)))


# -- given blocks ----------------------------------------------------------------------------------------
def zone_of_blocks(m: Machine, node: int, kind: int, start: int, spec: ZoneSpec) -> None:
    """These movable blocks and nothing else: each block's buddy belongs to someone, so that none can merge."""
    zone, pfn, total = len(m.zones), start, 0
    for order, blocks in sorted(spec.free or (), reverse=True):
        step = distance(m.arch, order)
        number = m.list_number(zone, MIGRATE_MOVABLE, order)
        m.lone_blocks.append((pfn, pfn + blocks * step, step, order))
        for _ in range(blocks):
            m.lists.insert(pfn, number, tail=True)
            pfn += step
        total += blocks << order
    unit = 1 << m.arch.max_order
    pages = max(unit, -(-(pfn - start) // unit) * unit) if spec.size is None else spec.size >> m.arch.page_shift
    span(m, node, kind, start, pages, False)
    m.nr_free_pages.set(zone, total)


def given_zone(
    m: Machine, node: int, kind: int, start: int, spec: ZoneSpec, lists: tuple[tuple[int, int, int], ...]
) -> None:
    """The same for any number of blocks of any types; the buddy of each is used as ``spec.used`` says."""
    from kernelmodel.memory.blocks import in_rows

    unit = 1 << m.arch.max_order
    pages = max(unit, pages_needed(m.arch, lists)) if spec.size is None else spec.size >> m.arch.page_shift
    zone = span(m, node, kind, start, pages, False)
    first, end = -(-start // unit) * unit, start + pages
    use = USES[spec.used]
    layout = in_rows(m.arch, lists, use, (end - first) // unit)
    rest = first + len(layout.kinds) * unit
    for at, after in ((start, min(first, end)), (rest, end)):
        if at < after and use:
            m.background.fill(at, after - at, use)
            count_background(m, zone, use, after - at)
    lay_out(m, zone, first, layout)


# -- units -----------------------------------------------------------------------------------------------
def aged_zone(m: Machine, node: int, kind: int, start: int, spec: ZoneSpec, zones: int) -> None:
    """A zone that has been in use for long."""
    from kernelmodel.memory.aged import aged

    assert spec.fragment is not None
    pages = pages_of(m, spec)
    zone = span(m, node, kind, start, pages, True)
    unit = 1 << m.arch.max_order
    layout = aged(m.arch, start, start + pages, kind, spec.fragment, zone, zones)
    lay_out(m, zone, -(-start // unit) * unit, layout)


def zone_of_text(m: Machine, node: int, kind: int, start: int, spec: ZoneSpec, text: ZoneText) -> None:
    """A zone as files of /proc describe it."""
    from kernelmodel.memory.from_proc import layout

    pages = pages_of(m, spec)
    zone = span(m, node, kind, start, pages, True)
    managed = pages if text.managed is None else text.managed
    m.zones[zone] = m.zones[zone]._replace(managed=managed, present=text.present or pages)
    unit = 1 << m.arch.max_order
    lay_out(m, zone, -(-start // unit) * unit, layout(m.arch, start, start + pages, text))


def lay_out(m: Machine, zone: int, start: int, layout: Layout) -> None:
    """Units from pfn ``start`` on, and the parts of units at the ends of the zone."""
    from kernelmodel.mm.untouched import Units, set_up

    unit = 1 << m.arch.max_order
    if layout.head is not None:
        place(m, zone, (m.zones[zone].start // unit) * unit, layout.head)
    if layout.kinds:
        set_up(m, Units(zone, start // unit, layout.kinds, layout.templates))
    if layout.tail is not None:
        place(m, zone, start + len(layout.kinds) * unit, layout.tail)
    for times, template in layout.each():
        if not times:
            continue
        m.mixed = m.mixed or any(mt != MIGRATE_MOVABLE for mt in template.types)
        m.cma = m.cma or MIGRATE_CMA in template.types
        reserved = template.types.count(MIGRATE_HIGHATOMIC)
        m.nr_reserved_highatomic.add(zone, times * (reserved << m.arch.pageblock_order))
        uses = [0] * (max(USES.values()) + 1)
        for _, n, use in template.pages:
            uses[use] += n
        for use, n in enumerate(uses):
            count_background(m, zone, use, times * n)


def place(m: Machine, zone: int, start: int, template: Template) -> None:
    """Put a unit that is only partly in the zone on the lists, page by page."""
    for offset, order, mt in template.blocks:
        m.lists.insert(start + offset, m.list_number(zone, mt, order), tail=True)
        m.nr_free_pages.add(zone, 1 << order)
    for offset, n, use in template.pages:
        m.background.fill(start + offset, n, use)
    first, span = start >> m.arch.pageblock_order, m.zones[zone]
    for k, mt in enumerate(template.types):
        if span.start >> m.arch.pageblock_order <= first + k << m.arch.pageblock_order < span.end:
            m.pageblock.set(first + k, mt)


def count_background(m: Machine, zone: int, use: int, pages: int) -> None:
    """Pages of the background: which reclaim could free, which compaction could move.

    zone_reclaimable_pages() of Linux 6.5 mm/vmscan.c: the LRU's file pages, and anonymous ones where there is swap.
    """
    if not pages:
        return
    if use in BG_MOVABLE:
        m.nr_movable.add(zone, pages)
    if use == BG_FILE or (use == BG_ANON and m.swap_free):
        m.nr_reclaimable.add(zone, pages)
    m.lru = m.lru or use in (*BG_MOVABLE, BG_SLAB)
