# SPDX-License-Identifier: GPL-2.0-only
"""The bare allocator is an allocator; and what is measured against it runs once at a tiny size."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

from benchmarks import allocator
from benchmarks.allocator import Traffic, aged, in_dicts, session
from benchmarks.dict_buddy import MOVABLE, Buddy
from kernelmodel.mm.freelist import Found, rmqueue
from kernelmodel.mm.page_alloc import look


def free(bare: Buddy) -> Counter[int]:
    """Free blocks by order."""
    return Counter(bare.order.values())


def test_dicts_split_and_merge() -> None:
    bare = Buddy(0, 4096, 10, 9, 0, 0)
    bare.fill((pfn, 10, MOVABLE) for pfn in range(0, 4096, 1024))
    assert [bare.allocate(order, MOVABLE) for order in (4, 0, 4)] == [0, 16, 32]
    assert free(bare) == {10: 3, **dict.fromkeys(range(4), 1), 4: 1, **dict.fromkeys(range(6, 10), 1)}
    for pfn, order in ((0, 4), (16, 0), (32, 4)):
        bare.release(pfn, order)
    assert (free(bare), bare.free_pages) == ({10: 4}, 4096)
    assert bare.allocate(10, MOVABLE) == 0  # freed last, so at the head


def test_dicts_steal_and_refuse() -> None:
    bare = Buddy(0, 2048, 10, 9, 1000, 24)
    bare.types.update(dict.fromkeys(range(4), 0))
    bare.fill([(0, 10, 0), (1024, 10, 0)])
    assert bare.allocate(0, MOVABLE) == 0
    assert [bare.types[block] for block in range(4)] == [1, 1, 0, 0]
    assert bare.allocate(10, MOVABLE) == -1  # 2047 - 1023 pages are not more than 1000 + 24


def test_dicts_take_what_the_model_takes_of_untouched_memory() -> None:
    """Sizes and counts: which of the blocks that nobody has looked at is first, the model does not say."""
    m = session(aged("1G", pcp=False)).m
    bare, rng = in_dicts(m), random.Random(1)
    for order in rng.choices(allocator.ORDERS, k=60):
        found = look(m, allocator.GFP_HIGHUSER_MOVABLE, order)
        assert isinstance(found, Found)
        rmqueue(m, found, order, MOVABLE)
        assert bare.allocate(order, MOVABLE) >= 0
        assert bare.free_pages == m.nr_free_pages.get(0)
        counts = bare.counts
        assert [counts[MOVABLE * 11 + k] for k in range(11)] == m.nr_free.run(m.list_number(0, MOVABLE, 0), 11)


def test_traffic_keeps_as_much_in_use() -> None:
    m = session(aged("1G")).m
    traffic = Traffic(m)
    for _ in range(2):
        assert traffic.pairs([(4, 0), (9, 1), (0, 63)]) > 0
        assert len(traffic.live) == allocator.LIVE
    assert [traffic.live[at][1] for at in (0, 1, 63)] == [4, 9, 0]


def test_the_fresh_machine_has_4_tib() -> None:
    m = session(allocator.FRESH).m
    assert sum(zone.managed for zone in m.zones) * 4096 == (4 << 40) - (4 << 30) + (3 << 30) + (15 << 20)
    assert [(zone.node, zone.name) for zone in m.zones[:4]] == [(0, "DMA"), (0, "DMA32"), (0, "Normal"), (1, "Normal")]


def test_allocations_map_and_steps_back() -> None:
    figures = [
        *allocator.allocations(rounds=2, pairs=5), *allocator.map_drawn(times=1), *allocator.back(stops=200, part=20)
    ]  # fmt: skip
    assert all(figure.value > 0 for figure in figures)
    assert {figure.target for figure in figures if figure.bound} == {1.2, 4.0, 500, 1.5}


def test_the_scenario_that_is_shown_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "fresh.toml"
    file.write_text(allocator.workload.text(allocator.workload.MIXED, 2, allocator.FRESH), encoding="utf-8")
    allocator.show(str(file))
