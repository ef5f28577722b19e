# SPDX-License-Identifier: GPL-2.0-only
"""Direct reclaim: how much, from where, of what, and that a look at it is what then happens."""

from __future__ import annotations

from itertools import pairwise

import pytest

from kernelmodel.defs import (
    BG_ANON,
    BG_FILE,
    BG_NONE,
    BG_PINNED,
    BG_SLAB,
    BG_UNMOVABLE,
    GFP_HIGHUSER_MOVABLE,
    GFP_TRANSHUGE,
)
from kernelmodel.machine import Machine
from kernelmodel.mm import vmscan
from kernelmodel.mm.vmscan import Reclaimed, peek_reclaim, try_to_free_pages
from tests.build import cells, session
from tests.mm.background import FREE, background
from tests.mm.memory import START, UNIT

FILES = (BG_FILE,) * 8


def reclaim(m: Machine, order: int = 0) -> Reclaimed:
    """Look, see that looking has stored nothing, and do it."""
    before = cells(m)
    seen = peek_reclaim(m, GFP_HIGHUSER_MOVABLE, order, 0)
    assert cells(m) == before
    free, left = m.nr_free_pages.get(0), m.nr_reclaimable.get(0)
    found = try_to_free_pages(m, GFP_HIGHUSER_MOVABLE, order, 0)
    assert found == seen
    slab = sum(1 for pfn in freed(m) if m.background.get(pfn) == BG_SLAB)
    assert m.nr_free_pages.get(0) == free + found.pages
    assert left - m.nr_reclaimable.get(0) == found.pages - slab
    return found


def freed(m: Machine) -> set[int]:
    """Free pages of touched units."""
    found = set()
    for pfn in range(m.zones[0].start, m.zones[0].end):
        order = m.buddy_order.get(pfn) - 1
        if order >= 0:
            found |= set(range(pfn, pfn + (1 << order)))
    return found


@pytest.mark.parametrize(
    ("units", "pages"),
    [
        (128, 32),  # 131072 pages: a 4096th of them is 32, the first priority is enough
        (64, 16 + 31),  # then a 2048th of those that are left
        (16, 4 + 7 + 15 + 31),
        (1, 1 + 1 + 3 + 7 + 15 + 31),
    ],
)
def test_each_priority_takes_twice_the_share_until_32_pages_are_free(units: int, pages: int) -> None:
    assert try_to_free_pages(background("6.5", FILES, units), GFP_HIGHUSER_MOVABLE, 0, 0) == (pages, False)


def test_the_lru_is_not_in_the_order_of_addresses_and_each_page_comes_once() -> None:
    m = background("6.5", FILES, 3)
    reclaim(m)
    pages = sorted(freed(m))
    assert pages[-1] - pages[0] > 2 * UNIT
    assert sum(b - a == 1 for a, b in pairwise(pages)) < len(pages) // 8
    while m.nr_reclaimable.get(0):
        try_to_free_pages(m, GFP_HIGHUSER_MOVABLE, 0, 0)
    assert m.nr_free_pages.get(0) == 3 * UNIT
    assert reclaim(m) == Reclaimed(0, False)


@pytest.mark.parametrize(
    ("use", "swap", "goes"),
    [(BG_FILE, False, True), (BG_ANON, False, False), (BG_ANON, True, True), (BG_PINNED, True, False),
     (BG_UNMOVABLE, True, False), (BG_NONE, True, False)],
)  # fmt: skip
def test_what_can_be_reclaimed(use: int, swap: bool, goes: bool) -> None:
    assert bool(reclaim(background("6.5", (use,) * 4, 1, swap=swap)).pages) is goes


def test_slab_is_freed_beside_the_lru_and_is_not_counted_as_reclaimable() -> None:
    m = background("6.5", (BG_FILE, BG_SLAB) * 4)
    assert m.nr_reclaimable.get(0) == 512
    found = try_to_free_pages(m, GFP_HIGHUSER_MOVABLE, 0, 0)
    assert 0 < 512 - m.nr_reclaimable.get(0) < found.pages


def test_a_costly_order_is_not_reclaimed_for_where_compaction_can_start() -> None:
    for order, found in ((4, Reclaimed(0, True)), (3, Reclaimed(60, False))):
        m = background("6.5", (FREE, FREE, BG_FILE, BG_PINNED), 8, (10, 12, 14))
        assert (try_to_free_pages(m, GFP_TRANSHUGE, order, 0).pages > 0) is (found.pages > 0)
        assert peek_reclaim(m, GFP_TRANSHUGE, order, 0).ready is found.ready
    assert Reclaimed(0, True).progress == 1


def test_reclaim_for_a_costly_order_goes_on_until_there_is_room_to_compact() -> None:
    m = background("6.5", (BG_FILE,) * 63 + (FREE,), 4, (100, 110, 120))
    found = reclaim(m, 6)
    assert m.nr_free_pages.get(0) > 110 + (2 << 6)
    assert found.pages > 100


def test_pages_go_to_the_lists_of_the_cpu_where_there_are_some() -> None:
    from kernelmodel.mm.pcp_batch import pcp_setup

    m = background("6.5", FILES, 4)
    m.pcp = True
    pcp_setup(m)
    free = m.nr_free_pages.get(0)
    found = try_to_free_pages(m, GFP_HIGHUSER_MOVABLE, 0, 0)
    assert m.nr_free_pages.get(0) + m.pcp_count.get(0) == free + found.pages


def test_zones_of_a_node_give_up_their_share() -> None:
    zone = 'size = "1G"\nfree = { 0 = 8 }\nused = "file"\n'
    zones = "".join(f'[[memory.zone]]\nname = "{name}"\n{zone}' for name in ("DMA32", "Normal"))
    m = session(f"[memory]\npcp = false\n{zones}", head='variant = "6.18"').m
    assert try_to_free_pages(m, GFP_HIGHUSER_MOVABLE, 0, 0).pages == 127  # 2G of page cache >> DEF_PRIORITY
    assert [m.nr_free_pages.get(0), m.nr_free_pages.get(1)] == [8 + 63, 8 + 64]


def test_it_is_undone_by_the_journal() -> None:
    m = background("6.5", FILES, 2)
    start, begin = (cells(m), m.digest()), m.journal.mark()
    try_to_free_pages(m, GFP_HIGHUSER_MOVABLE, 0, 0)
    m.journal.mark()
    m.journal.move(begin)
    assert (cells(m), m.digest()) == start


def test_a_big_zone_costs_what_is_looked_at() -> None:
    m = background("6.5", (BG_PINNED,) * 1023 + (BG_FILE,), 64)
    try_to_free_pages(m, GFP_HIGHUSER_MOVABLE, 0, 0)
    touched = sum(m.touched.get((START >> 10) + k) for k in range(64))
    assert 0 < touched <= 63


@pytest.mark.parametrize("n", [1, 2, 3, 7, 10, 64, 1000, 1 << 20])
def test_the_stride_visits_every_unit(n: int) -> None:
    from math import gcd

    assert gcd(vmscan.stride(n), n) == 1
