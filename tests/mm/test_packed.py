# SPDX-License-Identifier: GPL-2.0-only
"""Any numbers of free blocks and pageblocks that a zone could have are built exactly; others are told."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelmodel.arch import ARCHES
from kernelmodel.defs import BG_ANON, BG_FILE, BG_SLAB, BG_UNMOVABLE, MIGRATE_NAMES
from kernelmodel.memory.from_proc import Unfit, fitted, layout
from kernelmodel.memory.packed import packed, room
from kernelmodel.proc.parse import ZoneText

PC = ARCHES["x86-64"]


def counts(rows: list[tuple[int, tuple[tuple[int, int, int], ...]]]) -> Counter[int]:
    """Blocks by order."""
    found: Counter[int] = Counter()
    for units, blocks in rows:
        for _, order, _ in blocks:
            found[order] += units
    return found


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(st.tuples(st.integers(0, 4), st.integers(0, 10)), st.integers(1, 300), max_size=12),
    st.lists(st.integers(0, 60), min_size=6, max_size=6),
    st.integers(0, 1500),
    st.integers(0, 1500),
    st.sampled_from(["x86-64", "arm64-16k"]),
)
def test_every_block_finds_a_place(
    free: dict[tuple[int, int], int], pageblocks: list[int], start: int, more: int, name: str
) -> None:
    """As many of each order as asked for, each in a pageblock of its type, no two that would merge."""
    arch = ARCHES[name]
    end = start + (sum(pageblocks) << arch.pageblock_order) + more
    if not room(arch, start, end, free):
        return
    rows = packed(arch, start, end, free, pageblocks)
    wanted: Counter[int] = Counter()
    for (_, order), number in free.items():
        wanted[order] += number
    assert counts([(row.units, tuple(row.blocks)) for row in rows]) == wanted
    assert len(rows) < 128
    for row in rows:
        whole = {(at, order): mt for at, order, mt in row.blocks if order < arch.max_order}
        pairs = [
            (mt, whole[at ^ 1 << order, order])
            for (at, order), mt in whole.items()
            if (at ^ 1 << order, order) in whole
        ]
        assert all(mt != other and max(mt, other) >= 3 for mt, other in pairs)
        assert all(row.types[at >> arch.pageblock_order] == mt for at, _, mt in row.blocks)
        inside = sum(1 << order for _, order in row.pieces)
        assert sum(1 << order for _, order, _ in row.blocks) <= inside


def test_pageblocks_that_real_memory_has_free_beside_others_are() -> None:
    """Two free pageblocks of a type with four: no unit may hold two of them."""
    rows = packed(PC, 0, 4096, {(0, 9): 2, (1, 10): 1}, [2, 6, 0, 0, 0, 0])
    found = sorted((row.types, row.units, tuple(row.blocks)) for row in rows)
    assert sum(units for types, units, blocks in found if 0 in types and (9 in [o for _, o, _ in blocks])) == 2
    assert Counter(mt for types, units, _ in found for mt in types * units) == {0: 2, 1: 6}


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 3000), st.integers(0, 3000), st.integers(0, 2000), st.integers(0, 2000), st.integers(3, 40),
    st.lists(st.integers(0, 12), min_size=9, max_size=9),
)  # fmt: skip
def test_pages_in_use_are_as_many_as_the_texts_say(
    anon: int, file: int, slab: int, kernel: int, units: int, free: list[int]
) -> None:
    """To the page, as long as they fit."""
    pages = units << 10
    text = ZoneText(
        0, "Normal", {"Movable": (*free, 0, 0)}, {"Movable": 2 * units - 2, "Unmovable": 1, "Reclaimable": 1},
        pages, pages, pages, 1 << 20, lru={"nr_zone_inactive_anon": anon, "nr_zone_active_file": file},
        slab={"nr_slab_reclaimable": slab, "nr_slab_unreclaimable": kernel},
    )  # fmt: skip
    used = anon + file + slab + kernel
    taken = sum(n << order for order, n in enumerate(free))
    try:
        (spec,) = fitted(PC, [text])
    except Unfit:
        assert not room(PC, 0, pages, {(1, order): n for order, n in enumerate(free)})
        return
    assert spec.text is not None
    found = layout(PC, 1 << 20, (1 << 20) + pages, spec.text._replace(slab=text.slab))
    if used + taken <= pages:
        each = [sum(n * t.used(use) for n, t in found.each()) for use in (BG_ANON, BG_FILE, BG_SLAB, BG_UNMOVABLE)]
        assert each == [anon, file, slab, kernel]
    assert sum(n * (sum(size for _, size, _ in t.pages)) for n, t in found.each()) == pages - taken


@pytest.mark.parametrize(("name", "free", "words"), [
    ("DMA32", (0,) * 10 + (2000,), "at most 917504 pages"),
    ("Normal", (0,) * 11, ""),
])  # fmt: skip
def test_what_does_not_fit_is_told(name: str, free: tuple[int, ...], words: str) -> None:
    text = ZoneText(0, name, {"": free}, {})
    if words:
        with pytest.raises(Unfit, match=words):
            fitted(PC, [text])
    else:
        assert [spec.name for spec in fitted(PC, [text])] == [name]
    with pytest.raises(Unfit, match="no room"):
        fitted(PC, [ZoneText(0, "Normal", {MIGRATE_NAMES[1]: (0,) * 9 + (3, 0)}, {}, 2048, 2048, 2048, 0)])


def test_zone_dma_of_a_pc_is_built_as_it_is() -> None:
    """From pfn 1 on; its unmovable pageblock is in no whole unit, so that three of these are free."""
    free = {(0, 8): 1, (1, 9): 1, (1, 10): 3}
    rows = packed(PC, 1, 4096, free, [1, 7, 0, 0, 0, 0])
    found = Counter((mt, order) for row in rows for _, order, mt in row.blocks for _ in range(row.units))
    assert found == free
    assert [row.types for row in rows if row.first] == [(0, 1)]


@pytest.mark.parametrize("blocks", [{}, {"Movable": 7, "Unmovable": 1}])
def test_without_zoneinfo_zone_dma_of_a_pc_stays_below_zone_dma32(blocks: dict[str, int]) -> None:
    """Whole units or pageblocks would make it 16M, and DMA32 is there."""
    low, high = (0,) * 8 + (1, 1, 3), (0,) * 10 + (700,)
    specs = fitted(PC, [ZoneText(0, "DMA", {"Movable": low}, blocks), ZoneText(0, "DMA32", {"Movable": high}, {})])
    assert [spec.size for spec in specs] == [15 << 20, 700 << 22]
