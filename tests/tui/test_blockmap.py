# SPDX-License-Identifier: GPL-2.0-only
"""The map of pageblocks against a count of every free block, whatever was done and undone; and its cost."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from kernelmodel.defs import GFP_HIGHUSER_MOVABLE, MIGRATE_MOVABLE, MIGRATE_NAMES, MIGRATE_RECLAIMABLE
from kernelmodel.look import blockmap
from kernelmodel.look.blockmap import block_map
from kernelmodel.look.unit_sums import Sums
from kernelmodel.machine import Machine
from kernelmodel.mm.buddy import get_pageblock_migratetype
from kernelmodel.mm.page_alloc import folio_put, take
from kernelmodel.mm.untouched import Template, Units, peek_untouched, set_up, touch
from tests.build import machine

FULL = Template((1, 0), (), ((0, 512, 3), (512, 512, 1)))
MIXED = Template((1, 1), ((0, 9, 1), (512, 3, 1), (528, 4, 1)), ((520, 8, 3), (544, 480, 4)))
WHOLE = Template((1, 1), ((0, 10, 1),), ())
KERNEL = Template((2, 2), ((1020, 1, 2),), ((0, 1020, 2), (1022, 2, 2)))


def untouched(kinds: bytes = bytes([0, 1, 2, 3, 1, 3])) -> Machine:
    """A zone whose second half is memory that no one has touched; the first half is a fresh run."""
    m = machine(f"size = '{8 * len(kinds)}M'\nmin = 0")
    half = m.zones[0].start + (len(kinds) << 10)
    m.run_end[0] = half
    m.nr_free.set(m.list_number(0, MIGRATE_MOVABLE, 10), len(kinds))
    m.nr_free_pages.set(0, len(kinds) << 10)
    set_up(m, Units(0, half >> 10, kinds, (FULL, MIXED, WHOLE, KERNEL)))
    m.journal.seal()
    return m


def counted(m: Machine) -> dict[int, tuple[int, int]]:
    """(free pages, type) of each pageblock, from every free block that there is."""
    free: Counter[int] = Counter()
    shift, span, units = m.arch.pageblock_order, m.zones[0], m.units[0]
    runs = [(pfn, 1 << order - 1) for pfn, order in m.buddy_order.items()]
    runs.append((m.frontier.get(0), m.run_end[0] - m.frontier.get(0)))
    for unit in range(units.first, units.first + len(units.kinds)):
        if not m.touched.get(unit):
            start = unit << m.arch.max_order
            runs += [(start + offset, 1 << order) for offset, order, _ in units.template(unit).blocks]
    for pfn, many in runs:
        for block in range(pfn >> shift, (pfn + many - 1 >> shift) + 1):
            first, end = max(pfn, block << shift), min(pfn + many, block + 1 << shift)
            free[block] += max(0, end - first)
    blocks = range(span.start >> shift, span.end >> shift)
    return {block: (free[block], get_pageblock_migratetype(m, block << shift)) for block in blocks}


def mapped(m: Machine) -> dict[int, tuple[int, int]]:
    """The same, cell by cell."""
    shift, span = m.arch.pageblock_order, m.zones[0]
    blocks = block_map(m)
    cells = {}
    for pfn in range(span.start, span.end, 1 << shift):
        cell = blocks.view(0, span.end - span.start >> shift, at=pfn).cell
        ((name, one),) = cell.types
        assert (cell.first, cell.last, cell.pages, one) == (pfn, pfn + (1 << shift) - 1, 1 << shift, 1)
        cells[pfn >> shift] = cell.free, MIGRATE_NAMES.index(name)
    return cells


@pytest.mark.parametrize("seed", range(3))
def test_it_is_what_a_count_of_every_block_gives(seed):
    m, rng = untouched(), random.Random(seed)
    taken: list = []
    assert mapped(m) == counted(m)
    for _ in range(25):
        for _ in range(rng.randrange(1, 6)):
            if taken and rng.random() < 0.4:
                folio_put(taken.pop(rng.randrange(len(taken))))
            elif folio := take(m, GFP_HIGHUSER_MOVABLE, rng.choice((0, 0, 3, 9, 10))):
                taken.append(folio)
        if rng.random() < 0.3:
            touch(m, rng.randrange(m.zones[0].start, m.zones[0].end))
        if rng.random() < 0.3:
            m.pageblock.set(rng.randrange(m.zones[0].start, m.zones[0].end) >> 9, MIGRATE_RECLAIMABLE)
        assert mapped(m) == counted(m)


def test_it_follows_the_journal_back_and_into_another_future():
    m = untouched()
    start = mapped(m)
    for _ in range(3):
        take(m, GFP_HIGHUSER_MOVABLE, 10)
    here, there = m.journal.pos, mapped(m)
    m.journal.move(0)
    assert mapped(m) == start
    m.journal.move(here)
    assert mapped(m) == there
    m.journal.move(0)
    m.journal.cut()
    touch(m, m.zones[0].end - 1)
    while m.journal.pos < here:
        take(m, GFP_HIGHUSER_MOVABLE, 0)
    assert mapped(m) == counted(m) != there


def test_a_long_way_is_read_anew(monkeypatch):
    monkeypatch.setattr(blockmap, "MAX_ENTRIES", 20)
    m = untouched()
    found = block_map(m)
    for _ in range(10):
        take(m, GFP_HIGHUSER_MOVABLE, 0)
    assert m.journal.pos > 20
    assert block_map(m) is found
    assert mapped(m) == counted(m)


@pytest.mark.parametrize("cells", [1, 2, 5, 16, 63, 64, 1000])
def test_cells_add_up_at_every_scale(cells):
    m = untouched()
    touch(m, m.zones[0].end - 1)
    take(m, GFP_HIGHUSER_MOVABLE, 4)
    free = sum(free for free, _ in counted(m).values())
    for scale in range(6):
        view = block_map(m).view(0, cells, scale)
        total = pages = 0
        for n in range(view.total):
            cell = block_map(m).view(0, cells, scale, at=max(view.first + n * view.size, m.zones[0].start)).cell
            total, pages = total + cell.free, pages + cell.pages
        assert (total, pages) == (free, m.zones[0].end - m.zones[0].start)


def test_the_smallest_scale_that_fits_is_taken_and_none_coarser():
    m = untouched()
    many = m.zones[0].end - m.zones[0].start >> 9
    assert [block_map(m).view(0, cells).scale for cells in (many, many - 1, many // 2, 1)] == [0, 1, 1, 5]
    assert block_map(m).view(0, many, 5).scale == 0
    part = block_map(m).view(0, 10, 0, at=m.zones[0].start + 15 * 512)
    assert (part.before, part.at, part.total, len(part.fill)) == (10, 5, many, 10)
    last = block_map(m).view(0, 10, 0, at=m.zones[0].end - 1)
    assert last.before + len(last.fill) == many


def test_what_a_cell_shows():
    m = untouched(bytes([0, 1, 2, 3]))
    start = m.run_end[0]
    shown = block_map(m).view(0, 100, 0, here=start + 600, following=m.zones[0].start)
    assert list(shown.types[8:]) == [1, 0, 1, 1, 1, 1, 2, 2]
    assert list(shown.fill[8:]) == [8, 8, 0, 8, 0, 0, 8, 8]
    assert (shown.here, shown.next, shown.at) == (9, 0, 9)
    uses = block_map(m).view(0, 100, 0, at=start + 1024 + 512).cell.uses
    assert dict(uses) == {"anonymous": 8, "file": 480}
    touch(m, start + 1024)
    assert block_map(m).view(0, 100, 0, at=start + 1024 + 512).cell.uses == uses
    coarse = block_map(m).view(0, 2, at=m.zones[0].end - 1)
    assert (coarse.scale, list(coarse.types)) == (3, [1, 2])
    assert dict(coarse.cell.types) == {"Movable": 5, "Unmovable": 1, "Reclaimable": 2}


def test_sums_of_many_units():
    rng = random.Random(1)
    kinds = rng.randbytes(1003).translate(bytes(n % 5 for n in range(256)))
    amounts = [0, 1, 255, 256, 8192]
    sums = Sums(kinds, amounts)
    places = [0, 1, 7, 8, 9, 500, 1002, 1003]
    assert sums.upto(places) == [sum(amounts[kind] for kind in kinds[:at]) for at in places]
    assert Sums(b"", []).upto([0]) == [0]


def test_a_run_within_one_cell():
    m = untouched()
    free = sum(free for free, _ in counted(m).values())
    assert block_map(m).view(0, 1).cell.free == free
    while m.frontier.get(0) + 1024 < m.run_end[0]:
        take(m, GFP_HIGHUSER_MOVABLE, 10)
    for cells in range(1, 30):
        view = block_map(m).view(0, cells)
        at = [max(view.first + n * view.size, view.start) for n in range(view.total)]
        assert sum(block_map(m).view(0, cells, at=pfn).cell.free for pfn in at) == free - (6 - 1) * 1024


def test_a_terabyte_is_not_walked():
    m = machine("size = '64M'\nmin = 0")
    start = m.zones[0].start
    m.zones[0] = m.zones[0]._replace(end=start + (1 << 28))
    m.run_end[0] = m.frontier.get(0)
    set_up(m, Units(0, start >> 10, bytes([0, 1, 2, 3]) * (1 << 16), (FULL, MIXED, WHOLE, KERNEL)))
    m.journal.seal()
    view = block_map(m).view(0, 2000)
    assert (view.total, view.scale) == (1024, 9)
    assert not list(m.touched.items())
    assert view.cell.free == 64 * (512 + 8 + 16 + 1024 + 2)
    before = m.journal.pos
    touch(m, peek_untouched(m, m.list_number(0, MIGRATE_MOVABLE, 9)))
    assert len(block_map(m)._touched(before, m.journal.pos)) == 2
