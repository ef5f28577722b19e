# SPDX-License-Identifier: GPL-2.0-only
"""Machines of every form of [memory]: where zones are, what is free in them, what the other pages are used for."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelmodel import defs
from kernelmodel.arch import ARCHES
from kernelmodel.defs import GFP_HIGHUSER_MOVABLE, MIGRATE_CMA, MIGRATE_HIGHATOMIC, MIGRATE_MOVABLE, MIGRATE_UNMOVABLE
from kernelmodel.invariants import violations
from kernelmodel.machine import Machine
from kernelmodel.memory.blocks import in_rows
from kernelmodel.memory.build import free_range
from kernelmodel.mm import page_alloc
from kernelmodel.mm.buddy import get_pageblock_migratetype
from kernelmodel.mm.untouched import touch
from tests.build import machine, session

ZONES = "".join(
    f'[[memory.zone]]\nname = "{name}"\n{size}\n'
    for name, size in (("Movable", 'size = "1G"'), ("DMA", ""), ("Normal", 'size = "6G"'), ("DMA32", 'size = "3G"'))
)


def free(m: Machine, zone: int, mt: int = MIGRATE_MOVABLE) -> dict[int, int]:
    """Blocks of one type by order, without what there is none of."""
    counts = {order: m.nr_free.get(m.list_number(zone, mt, order)) for order in range(m.orders)}
    return {order: number for order, number in counts.items() if number}


def touch_all(m: Machine) -> None:
    """Make all of a small machine known page by page."""
    for zone in m.zones:
        for pfn in range(zone.start, zone.end, 256):
            touch(m, pfn)


def test_zones_of_a_pc_stand_where_they_do_there() -> None:
    """In order of their types whatever the file's order, DMA up to 16M, DMA32 up to 4G, the others behind."""
    m = machine(ZONES)
    places = [(zone.name, zone.type, zone.start << 12, zone.end << 12) for zone in m.zones]
    assert places == [
        ("DMA", 0, 1 << 20, 16 << 20),
        ("DMA32", 1, 1 << 30, 4 << 30),
        ("Normal", 2, 4 << 30, 10 << 30),
        ("Movable", 3, 10 << 30, 11 << 30),
    ]
    assert [zone.managed for zone in m.zones] == [zone.end - zone.start for zone in m.zones]
    assert m.zones[0].reserve[defs.ZONE_NORMAL] == (m.zones[1].managed + m.zones[2].managed) // 256
    assert (m.pcp, m.mixed, m.lru) == (True, False, False)
    assert violations(m, True) == []


def test_an_unaligned_zone_is_free_in_the_blocks_that_memblock_gives() -> None:
    """15M up to 16M: 1M, 2M, then whole blocks; from the lowest page up on each list."""
    m = machine(ZONES)
    assert free(m, 0) == {8: 1, 9: 1, 10: 3}
    assert (m.lists.first(m.list_number(0, MIGRATE_MOVABLE, 8)), m.frontier.get(0)) == (256, 1024)
    assert m.nr_free_pages.get(0) == 3840


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 4095), st.integers(0, 2000))
def test_memblocks_cover_a_range_with_buddies_that_do_not_merge(start: int, pages: int) -> None:
    m = machine('size = "4M"')
    start += m.zones[0].end
    free_range(m, 0, start, start + pages)
    found = sorted((pfn, order - 1) for pfn, order in m.buddy_order.items() if pfn >= start)
    assert sum(1 << order for _, order in found) == pages
    assert all(pfn % (1 << order) == 0 and (pfn ^ 1 << order, order) not in found for pfn, order in found)


def test_nodes_with_zones() -> None:
    m = machine('[[memory.node]]\nsize = "32M"\n[[memory.node]]\ncpus = [0]\n[[memory.node.zone]]\nname = "Movable"\n'
                'size = "6M"\n[[memory.node.zone]]\nname = "Normal"\nsize = "10M"\n')  # fmt: skip
    assert [(zone.node, zone.name, zone.end - zone.start) for zone in m.zones] == [
        (0, "Normal", 8192), (1, "Normal", 2560), (1, "Movable", 1536),
    ]  # fmt: skip
    assert m.zones[2].start == m.zones[1].end + 512  # at the next block of the highest order
    assert m.this_node() == 1
    assert violations(m, True) == []


def test_sixteen_terabytes_over_many_zones_are_fresh_at_once() -> None:
    """What is stored does not grow with the size."""
    node = '[[memory.node]]\n[[memory.node.zone]]\nname = "Normal"\nsize = "1T"\n[[memory.node.zone]]\nname = "Movable"\nsize = "1T"\n'
    m = machine(node * 8)
    assert sum(zone.managed for zone in m.zones) << 12 == 16 << 40
    assert sum(len(field.chunks) for field in m.journal.fields) < 150


def test_free_blocks_by_type() -> None:
    """Each stands in pageblocks of its type, between pages of the given use; the last on its list is the last."""
    text = "free = { Movable = { 0 = 30, 4 = 2 }, Unmovable = { 4 = 1 }, HighAtomic = { 3 = 2 }, CMA = { 10 = 1 } }"
    m = machine(f"{text}\nused = 'file'\nswap = false")
    types = (MIGRATE_MOVABLE, MIGRATE_UNMOVABLE, MIGRATE_HIGHATOMIC, MIGRATE_CMA)
    expected: list[dict[int, int]] = [{0: 30, 4: 2}, {4: 1}, {3: 2}, {10: 1}]
    assert [free(m, 0, mt) for mt in types] == expected
    assert m.nr_reserved_highatomic.get(0) == 512
    used = m.zones[0].managed - m.nr_free_pages.get(0)
    assert (m.nr_reclaimable.get(0), m.nr_movable.get(0)) == (used, used)
    assert (m.mixed, m.lru, m.pcp, m.swap_free, m.zones[0].boosts) == (True, True, False, False, False)
    assert [m.watermark.get(level) for level in range(3)] == [0, 0, 0]
    touch_all(m)
    assert [free(m, 0, mt) for mt in types] == expected
    for pfn, order in m.buddy_order.items():
        mt = get_pageblock_migratetype(m, pfn)
        assert order - 1 in free(m, 0, mt)
    assert violations(m, True) == []


def test_millions_of_blocks_are_given_in_a_line() -> None:
    m = machine("free = { 0 = 3000000, 4 = 2, 9 = 70000 }")
    assert free(m, 0) == {0: 3000000, 4: 2, 9: 70000}
    assert sum(len(field.chunks) for field in m.journal.fields) < 60
    folio = page_alloc.take(m, GFP_HIGHUSER_MOVABLE, 4)
    assert folio is not None
    page_alloc.folio_put(folio)
    assert free(m, 0) == {0: 3000000, 4: 2, 9: 70000}


@settings(max_examples=15, deadline=None)
@given(st.dictionaries(st.tuples(st.sampled_from([0, 1, 3, 4]), st.integers(0, 10)), st.integers(1, 5000), max_size=8))
def test_rows_hold_exactly_the_blocks(blocks: dict[tuple[int, int], int]) -> None:
    """No two of a unit could merge, and every page of it is free or in use."""
    layout = in_rows(ARCHES["x86-64"], [(mt, order, n) for (mt, order), n in blocks.items()], defs.BG_FILE, 0)
    found: dict[tuple[int, int], int] = {}
    for times, template in layout.each():
        for _, order, mt in template.blocks:
            found[mt, order] = found.get((mt, order), 0) + times
        assert all(
            (at ^ 1 << order, order, mt) not in template.blocks for at, order, mt in template.blocks if order < 10
        )
        parts = sorted(
            [(at, 1 << order) for at, order, _ in template.blocks] + [(at, n) for at, n, _ in template.pages]
        )
        assert [at for at, _ in parts] == [sum(n for _, n in parts[:k]) for k in range(len(parts))]
        assert sum(n for _, n in parts) == 1024
    assert found == blocks


@pytest.mark.parametrize(("used", "reclaimable", "movable", "lru"), [
    ("unmovable", 0, 0, False), ("movable", 992, 992, True), ("file", 992, 992, True), ("slab", 0, 0, True),
    ("pinned", 0, 0, False),
])  # fmt: skip
def test_what_pages_between_the_blocks_are_used_for(used: str, reclaimable: int, movable: int, lru: bool) -> None:
    """And plain blocks stand where they do without it."""
    m = machine(f'free = {{ 4 = 2 }}\nused = "{used}"')
    assert (m.nr_reclaimable.get(0), m.nr_movable.get(0), m.lru) == (reclaimable, movable, lru)
    plain = machine("free = { 4 = 2 }")
    blocks = [page_alloc.take(each, GFP_HIGHUSER_MOVABLE, 4) for each in (m, plain)]
    assert blocks[0] is not None
    assert blocks[1] is not None
    assert blocks[0].id == blocks[1].id
    assert m.background.get(blocks[0].id + 16) != 0


def test_cma_and_highatomic_are_the_end_of_a_fresh_zone() -> None:
    m = machine('size = "64M"\ncma = "5M"\nhighatomic = 1')
    end = m.zones[0].end
    assert [get_pageblock_migratetype(m, end - 512 * k - 1) for k in range(6)] == [4, 4, 4, 3, 1, 1]
    assert (free(m, 0), free(m, 0, MIGRATE_HIGHATOMIC), free(m, 0, MIGRATE_CMA)) == ({10: 14}, {9: 1}, {9: 1, 10: 1})
    assert (m.nr_reserved_highatomic.get(0), m.nr_free_pages.get(0), m.mixed) == (512, 16384, True)
    assert violations(m, True) == []


def test_a_zone_that_is_all_cma_costs_no_more_than_its_units() -> None:
    tracemalloc.start()
    m = machine('size = "2T"\ncma = "2T"')
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert free(m, 0, MIGRATE_CMA) == {10: 1 << 19}
    assert peak < 16 << 20


def test_knobs_reach_the_machine() -> None:
    text = "memcg_charged = '1M'\nmin_free_kbytes = 1000\nwatermark_scale_factor = 100\nlowmem_reserve_ratio = [128]"
    m = machine(text)
    assert (m.knobs["memcg_charged"], m.knobs["lowmem_reserve_ratio"]) == (256, (128, 256, 32, 0))
    assert [m.watermark.get(level) for level in range(3)] == [250, 250 + 163, 250 + 326]


def test_khugepaged_raises_the_marks_of_a_machine_that_looks_real() -> None:
    plain, real = machine('size = "4G"'), machine('[[memory.zone]]\nname = "Normal"\nsize = "4G"\n')
    assert plain.watermark.get(0) == 2048
    assert real.watermark.get(0) == 11 * 512


@pytest.mark.parametrize("arch", ["arm64-16k", "arm64-64k"])
def test_large_pages(arch: str) -> None:
    """Where DMA has not one block of the highest order."""
    m = session(f"[memory]\n{ZONES.replace('3G', '1G')}", head=f'variant = "6.12"\narch = "{arch}"').m
    assert m.zones[0].end << m.arch.page_shift == 16 << 20
    assert m.zones[1].end == m.zones[2].start
    assert violations(m, True) == []
