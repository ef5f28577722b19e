# SPDX-License-Identifier: GPL-2.0-only
"""Aged memory: what its few numbers say holds, it is the same everywhere, and its size costs next to nothing."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelmodel.arch import ARCHES
from kernelmodel.defs import (
    BG_ANON,
    BG_FILE,
    BG_SLAB,
    BG_UNMOVABLE,
    MIGRATE_MOVABLE,
    MIGRATE_RECLAIMABLE,
    MIGRATE_UNMOVABLE,
    ZONE_MOVABLE,
    ZONE_NORMAL,
)
from kernelmodel.invariants import violations
from kernelmodel.memory.aged import aged, mixed
from kernelmodel.memory.blocks import Layout
from kernelmodel.scenario.types import Fragment
from tests.build import machine

PC = ARCHES["x86-64"]
SHARES = st.floats(0, 0.5)


def pages_of(layout: Layout, *uses: int) -> int:
    """Pages of some uses; without one, free pages."""
    return sum(
        times * (template.used(*uses) if uses else sum(1 << order for _, order, _ in template.blocks))
        for times, template in layout.each()
    )


def blocks_of(layout: Layout) -> list[int]:
    """Pageblocks of whole units by type."""
    return [sum(layout.kinds.count(k) * t.types.count(mt) for k, t in enumerate(layout.templates)) for mt in range(3)]


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 1), SHARES, SHARES, SHARES, st.sampled_from([*ARCHES]), st.integers(1, 40), st.integers(0, 700))
def test_the_shares_are_met(
    free: float, unmovable: float, reclaimable: float, polluted: float, name: str, units: int, more: int
) -> None:
    """Free pages within a hundredth, pageblocks to the last, no two blocks that could merge, no page left out."""
    arch, fragment = ARCHES[name], Fragment(3, free, unmovable, reclaimable, polluted)
    unit = 1 << arch.max_order
    start, end = unit * 9 - more, unit * (9 + units)
    layout = aged(arch, start, end, ZONE_NORMAL, fragment, 0)
    assert abs(pages_of(layout) - free * (end - start)) <= 0.01 * (end - start)
    types, blocks = blocks_of(layout), units << (arch.max_order - arch.pageblock_order)
    assert types[MIGRATE_UNMOVABLE] == round(unmovable * blocks)
    assert types[MIGRATE_RECLAIMABLE] == min(round(reclaimable * blocks), blocks - types[MIGRATE_UNMOVABLE])
    assert pages_of(layout) + pages_of(layout, BG_ANON, BG_FILE, BG_SLAB, BG_UNMOVABLE) == end - start
    for template in layout.templates:
        whole = {(offset, order) for offset, order, _ in template.blocks}
        assert not any((offset ^ 1 << order, order) in whole for offset, order in whole if order < arch.max_order)
        assert all(template.types[offset >> arch.pageblock_order] == mt for offset, _, mt in template.blocks)
    assert len(layout.templates) <= 64


@pytest.mark.parametrize("free", [0.02, 0.2, 0.5])
def test_a_terabyte_of_it_is_met_as_well(free: float) -> None:
    layout = aged(PC, 1 << 20, (1 << 20) + (1 << 28), ZONE_NORMAL, Fragment(free=free), 0)
    assert abs(pages_of(layout) / (1 << 28) - free) < 0.0005
    assert blocks_of(layout)[MIGRATE_UNMOVABLE] == round(0.05 * (1 << 19))


def test_many_zones_share_what_one_may_have() -> None:
    """A machine of 64 nodes boots in a second, too; its shares are met all the same."""
    layout = aged(PC, 0, 1 << 24, ZONE_NORMAL, Fragment(), 0, 128)
    assert len(layout.templates) <= 16
    assert abs(pages_of(layout) / (1 << 24) - 0.2) < 0.0005


def test_polluted_pageblocks_have_some_unmovable_pages() -> None:
    """As many pageblocks as asked for, each with few; the clean ones have none; file pages are about half."""
    layout = aged(PC, 0, 1 << 20, ZONE_NORMAL, Fragment(polluted=0.25), 0)
    spoilt = 0
    for times, template in layout.each():
        for k, mt in enumerate(template.types):
            inside = [n for at, n, use in template.pages if at >> 9 == k and use == BG_UNMOVABLE]
            if mt == MIGRATE_MOVABLE and inside:
                assert sum(inside) <= 64
                spoilt += times
    assert spoilt == round(0.25 * blocks_of(layout)[MIGRATE_MOVABLE])
    assert 0.45 < pages_of(layout, BG_FILE) / pages_of(layout, BG_FILE, BG_ANON) < 0.55


def test_zone_movable_has_nothing_unmovable() -> None:
    layout = aged(PC, 0, 1 << 18, ZONE_MOVABLE, Fragment(unmovable=0.5, polluted=1.0), 0)
    assert blocks_of(layout) == [0, 512, 0]
    assert pages_of(layout, BG_UNMOVABLE, BG_SLAB) == 0


def test_blocks_are_as_many_and_as_small_as_on_a_machine_of_some_days() -> None:
    """Each of the lower orders has fewer blocks than the one below it, and few are a pageblock or more."""
    layout = aged(PC, 0, 1 << 24, ZONE_NORMAL, Fragment(), 0)
    counts = [sum(times * sum(o == order for _, o, _ in t.blocks) for times, t in layout.each()) for order in range(11)]
    assert all(low > high for low, high in pairwise(counts[:7]))
    assert sum(counts[:4]) > 0.8 * sum(counts)
    assert sum(counts[9:]) < 0.02 * sum(counts)


def test_bytes_are_mixed_exactly() -> None:
    from random import Random

    numbers = [1, 0, 2, 40000, 300, 3]
    found = mixed(Random(1), numbers)
    assert [found.count(k) for k in range(6)] == numbers
    assert found != bytes(sorted(found))


def test_a_machine_of_it_keeps_the_invariants() -> None:
    m = machine('size = "256M"\nfragment = { seed = 7, free = 0.3, unmovable = 0.2 }')
    assert m.nr_free_pages.get(0) == round(0.3 * 65536)
    assert (m.mixed, m.pcp, m.lru, m.zones[0].boosts) == (True, True, True, True)
    assert m.nr_movable.get(0) == m.nr_reclaimable.get(0) > 30000  # with swap all of it
    assert violations(m, True) == []
    without = machine('size = "256M"\nfragment = { seed = 7, free = 0.3, unmovable = 0.2 }\nswap = false')
    assert 0.4 < without.nr_reclaimable.get(0) / without.nr_movable.get(0) < 0.6


def test_four_terabytes_cost_a_byte_for_each_unit() -> None:
    m = machine('size = "4T"\nfragment = {}')
    units = m.units[0]
    assert units is not None
    assert len(units.kinds) == 1 << 20
    assert sum(len(field.chunks) for field in m.journal.fields) < 150


def test_a_seed_is_the_same_machine_in_every_process() -> None:
    """Whatever the hash seed; another seed is another machine."""
    code = (
        "import zlib, sys; from tests.build import machine; m = machine('size = \"1G\"\\nfragment = { seed = %d }');"
        "print(m.digest(), zlib.crc32(m.units[0].kinds), zlib.crc32(repr(m.units[0].templates).encode()))"
    )
    root = Path(__file__).parents[2]

    def run(seed: int, hash_seed: str) -> str:
        env = {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(root)}
        return subprocess.run([sys.executable, "-c", code % seed], cwd=root, env=env, capture_output=True, text=True,
                              check=True).stdout  # fmt: skip

    assert run(1, "1") == run(1, "2") != run(2, "1")
