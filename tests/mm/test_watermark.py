# SPDX-License-Identifier: GPL-2.0-only
"""The watermark test with its numbers, per release and flag, and the boost."""

from __future__ import annotations

import pytest

from kernelmodel.defs import (
    ALLOC_CMA,
    ALLOC_HIGHATOMIC,
    ALLOC_KSWAPD,
    ALLOC_MIN_RESERVE,
    ALLOC_NON_BLOCK,
    ALLOC_OOM,
    MIGRATE_CMA,
    MIGRATE_HIGHATOMIC,
    MIGRATE_RECLAIMABLE,
    WMARK_LOW,
    WMARK_MIN,
    ZONE_BOOSTED_WATERMARK,
    ZONE_MOVABLE,
    ZONE_NORMAL,
)
from kernelmodel.machine import Machine
from kernelmodel.mm.watermark import boost_watermark, watermark_test, zone_watermark
from tests.mm.zoned import Zone, put, zoned

NON_BLOCK_HIGH = ALLOC_MIN_RESERVE | ALLOC_NON_BLOCK


@pytest.mark.parametrize(("free", "passes"), [(1000, True), (916, True), (915, False)])
def test_free_pages_less_the_request_must_be_above_the_mark(free: int, passes: bool) -> None:
    m = zoned("6.5", Zone(free="{ 4 = 1 }", min=900))
    m.nr_free_pages.set(0, free)
    test = watermark_test(m, 0, 4, WMARK_MIN, ZONE_MOVABLE, 0)
    assert (test.free, test.unusable, test.min, test.reserve) == (free, 15, 900, 0)
    assert test.ok is passes


@pytest.mark.parametrize(
    ("flags", "minimum"),
    [
        (0, 900),
        (ALLOC_NON_BLOCK, 900),  # alone it opens nothing
        (ALLOC_MIN_RESERVE, 450),
        (NON_BLOCK_HIGH, 338),
        (ALLOC_OOM, 450),
        (NON_BLOCK_HIGH | ALLOC_OOM, 169),
    ],
)
def test_how_deep_the_flags_dig(flags: int, minimum: int) -> None:
    m = zoned("6.5", Zone(min=900))
    assert watermark_test(m, 0, 0, WMARK_MIN, ZONE_MOVABLE, flags).min == minimum


def test_the_reserve_is_that_of_the_requests_highest_zone() -> None:
    m = zoned("6.5", Zone(free="{ 0 = 30 }", min=10, reserve=(0, 0, 19, 20)))
    below, above = (watermark_test(m, 0, 0, WMARK_MIN, highest, 0) for highest in (ZONE_NORMAL, ZONE_MOVABLE))
    assert (below.reserve, below.ok, below.kept) == (19, True, False)
    assert (above.reserve, above.ok, above.kept) == (20, False, True)


@pytest.mark.parametrize(("variant", "highatomic"), [("6.5", 512), ("6.10", 512), ("6.12", 16), ("7.1", 16)])
def test_the_highatomic_reserve_counts_whole_before_6_12_and_then_what_is_free_of_it(
    variant: str, highatomic: int
) -> None:
    m = zoned(variant, Zone(free="{ 4 = 100 }"))
    put(m, 0, MIGRATE_HIGHATOMIC, 4)
    m.nr_reserved_highatomic.set(0, 512)
    test = watermark_test(m, 0, 4, WMARK_MIN, ZONE_MOVABLE, 0)
    assert (test.highatomic, test.unusable, test.ok) == (highatomic, 15 + highatomic, True)
    for flags in (ALLOC_NON_BLOCK, ALLOC_MIN_RESERVE, ALLOC_HIGHATOMIC, ALLOC_OOM):
        assert watermark_test(m, 0, 4, WMARK_MIN, ZONE_MOVABLE, flags).unusable == 15


def test_free_cma_pages_count_for_who_may_have_them() -> None:
    m = zoned("6.5", Zone(free="{ 0 = 10 }"))
    put(m, 0, MIGRATE_CMA, 5)
    without, may = (watermark_test(m, 0, 2, WMARK_MIN, ZONE_MOVABLE, flags) for flags in (0, ALLOC_CMA))
    assert (without.free, without.cma, without.unusable, without.block) == (42, 32, 35, False)
    assert (may.cma, may.unusable, may.block) == (0, 3, True)


@pytest.mark.parametrize(
    ("migratetype", "flags", "counts"),
    [
        (MIGRATE_RECLAIMABLE, 0, True),  # also for who can't have it: only that there is a block is asked
        (MIGRATE_HIGHATOMIC, 0, False),
        (MIGRATE_HIGHATOMIC, ALLOC_HIGHATOMIC, True),
        (MIGRATE_HIGHATOMIC, ALLOC_OOM, True),
        (MIGRATE_HIGHATOMIC, ALLOC_NON_BLOCK, False),
    ],
)
def test_which_blocks_count(migratetype: int, flags: int, counts: bool) -> None:
    m = zoned("6.12", Zone(free="{ 0 = 100 }"))
    put(m, 0, migratetype, 6)
    assert watermark_test(m, 0, 4, WMARK_MIN, ZONE_MOVABLE, flags).block is counts
    assert not watermark_test(m, 0, 7, WMARK_MIN, ZONE_MOVABLE, flags).block


def test_any_mark_and_any_number_of_free_pages_can_be_asked_about() -> None:
    m = zoned("6.5", Zone(free="{ 4 = 1 }", min=900))
    assert zone_watermark(m, 0, 4, WMARK_MIN, 10, ZONE_MOVABLE, 0, 26).ok
    assert not zone_watermark(m, 0, 4, WMARK_MIN, 10, ZONE_MOVABLE, 0, 25).ok


# -- the boost --------------------------------------------------------------------------------------------
def boosted(m: Machine, boost: int) -> Machine:
    m.watermark_boost.set(0, boost)
    return m


def test_every_mark_is_higher_by_the_boost() -> None:
    m = boosted(zoned("6.5", Zone(min=100)), 50)
    for wmark, mark in ((WMARK_MIN, 150), (WMARK_LOW, 175)):
        test = watermark_test(m, 0, 4, wmark, ZONE_MOVABLE, 0)
        assert (test.mark, test.min, test.boost) == (mark, mark, 50)


@pytest.mark.parametrize(
    ("order", "wmark", "flags", "minimum"),
    [
        (0, WMARK_MIN, ALLOC_MIN_RESERVE, 50),
        (1, WMARK_MIN, ALLOC_MIN_RESERVE, 550),
        (0, WMARK_LOW, ALLOC_MIN_RESERVE, 563),
        (0, WMARK_MIN, 0, 1100),
    ],
)
def test_only_an_urgent_page_at_the_min_mark_is_tried_without_the_boost(
    order: int, wmark: int, flags: int, minimum: int
) -> None:
    m = boosted(zoned("6.5", Zone(free="{ 1 = 30 }", min=100)), 1000)
    assert watermark_test(m, 0, order, wmark, ZONE_MOVABLE, flags).min == minimum


def test_a_boost_is_a_pageblock_up_to_one_and_a_half_of_the_high_mark() -> None:
    m = zoned("6.5", Zone(min=600))  # high 900
    assert [(boost_watermark(m, 0, 0), m.watermark_boost.get(0)) for _ in range(4)] == [
        (True, 512), (True, 1024), (True, 1350), (True, 1350)
    ]  # fmt: skip
    assert not m.zone_flags.get(0)
    boost_watermark(m, 0, ALLOC_KSWAPD)
    assert m.zone_flags.get(0) == ZONE_BOOSTED_WATERMARK


def test_a_small_high_mark_still_allows_one_pageblock() -> None:
    m = zoned("6.5", Zone(min=4))
    assert boost_watermark(m, 0, 0)
    assert boost_watermark(m, 0, 0)
    assert m.watermark_boost.get(0) == 512


def test_where_nothing_is_boosted() -> None:
    for change in ({"boosts": False}, {"managed": 2047}):
        m = zoned("6.5", Zone(min=600))
        m.zones[0] = m.zones[0]._replace(**change)
        assert not boost_watermark(m, 0, ALLOC_KSWAPD)
    off = zoned("6.5", Zone(min=600))
    off.knobs["watermark_boost_factor"] = 0
    assert not boost_watermark(off, 0, ALLOC_KSWAPD)
    unmarked = zoned("6.5", Zone())
    assert not boost_watermark(unmarked, 0, ALLOC_KSWAPD)
    assert not any(m.watermark_boost.get(0) or m.zone_flags.get(0) for m in (off, unmarked))
