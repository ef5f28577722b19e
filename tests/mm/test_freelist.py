# SPDX-License-Identifier: GPL-2.0-only
"""One request over the zonelist: alloc flags, where it starts again, and why it is refused."""

from __future__ import annotations

import pytest

from kernelmodel.defs import (
    __GFP_THISNODE,
    ALLOC_CMA,
    ALLOC_CPUSET,
    ALLOC_HIGHATOMIC,
    ALLOC_KSWAPD,
    ALLOC_MIN_RESERVE,
    ALLOC_NO_WATERMARKS,
    ALLOC_NOFRAGMENT,
    ALLOC_NON_BLOCK,
    GFP_HIGHUSER_MOVABLE,
    GFP_KERNEL,
    GFP_TRANSHUGE,
    GFP_TRANSHUGE_LIGHT,
    MIGRATE_HIGHATOMIC,
    MIGRATE_MOVABLE,
    MIGRATE_UNMOVABLE,
    WMARK_LOW,
    WMARK_MIN,
    ZONE_BELOW_HIGH,
    ZONE_DMA32,
    ZONE_MOVABLE,
    ZONE_NORMAL,
    parse_gfp,
)
from kernelmodel.machine import Machine
from kernelmodel.mm import page_alloc
from kernelmodel.mm.freelist import Found, Refused, fast_flags, get_page_from_freelist, mark_below_high, slow_flags
from tests.build import cells
from tests.mm.zoned import Zone, put, zoned

LIGHT = GFP_TRANSHUGE_LIGHT
ATOMIC = parse_gfp("GFP_ATOMIC")
NOWAIT = parse_gfp("__GFP_KSWAPD_RECLAIM")


def fast(m: Machine, gfp: int, order: int, node: int = 0) -> Found | Refused:
    return get_page_from_freelist(m, gfp, order, fast_flags(m, gfp, node), node)


def passes(found: Found | Refused) -> list[tuple[int, str, bool]]:
    """(zone, reason, with ALLOC_NOFRAGMENT) of each zone that gave nothing."""
    return [(each.test.zone, each.reason, bool(each.flags & ALLOC_NOFRAGMENT)) for each in found.tries]


# -- flags ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("gfp", "order", "expected"),
    [
        (LIGHT, 4, ALLOC_CPUSET | ALLOC_CMA),
        (GFP_TRANSHUGE, 4, ALLOC_CPUSET | ALLOC_CMA),
        (GFP_HIGHUSER_MOVABLE, 0, ALLOC_CPUSET | ALLOC_CMA | ALLOC_KSWAPD),
        (GFP_KERNEL, 0, ALLOC_CPUSET | ALLOC_KSWAPD),
        (ATOMIC, 0, ALLOC_KSWAPD | ALLOC_MIN_RESERVE | ALLOC_NON_BLOCK),
        (ATOMIC, 1, ALLOC_KSWAPD | ALLOC_MIN_RESERVE | ALLOC_NON_BLOCK | ALLOC_HIGHATOMIC),
        (NOWAIT, 0, ALLOC_CPUSET | ALLOC_KSWAPD | ALLOC_NON_BLOCK),
    ],
)
def test_the_slow_paths_flags(gfp: int, order: int, expected: int) -> None:
    for variant in ("6.5", "6.18"):
        assert slow_flags(zoned(variant, Zone()), gfp, order) == WMARK_MIN | expected


def test_from_6_18_on_only_gfp_high_makes_a_request_highatomic() -> None:
    found = [slow_flags(zoned(variant, Zone()), NOWAIT, 1) & ALLOC_HIGHATOMIC for variant in ("6.5", "6.14", "6.18")]
    assert found == [ALLOC_HIGHATOMIC, ALLOC_HIGHATOMIC, 0]


NORMAL, DMA32, MOVABLE = (Zone(0, each) for each in (ZONE_NORMAL, ZONE_DMA32, ZONE_MOVABLE))


@pytest.mark.parametrize(
    ("zones", "node", "nofragment"),
    [
        ((NORMAL,), 0, True),
        ((DMA32, NORMAL), 0, True),
        ((DMA32, NORMAL, MOVABLE), 0, False),  # the first zone must be ZONE_NORMAL
        ((DMA32,), 0, False),
        ((DMA32, NORMAL, Zone(1)), 0, True),
        ((DMA32, NORMAL, Zone(1)), 1, False),  # with several nodes, its node must have ZONE_DMA32
    ],
)
def test_who_may_not_fragment(zones: tuple[Zone, ...], node: int, nofragment: bool) -> None:
    m = zoned("6.5", *zones)
    assert fast_flags(m, LIGHT, node) == WMARK_LOW | ALLOC_CMA | (ALLOC_NOFRAGMENT if nofragment else 0)
    assert not slow_flags(m, LIGHT, 4) & ALLOC_NOFRAGMENT


def test_defrag_mode_forbids_it_everywhere_from_6_15_on() -> None:
    for variant, forbids in (("6.14", False), ("6.18", True)):
        m = zoned(variant, DMA32)
        m.knobs["defrag_mode"] = 1
        assert bool(fast_flags(m, LIGHT, 0) & ALLOC_NOFRAGMENT) is forbids
        assert bool(slow_flags(m, LIGHT, 4) & ALLOC_NOFRAGMENT) is forbids


# -- passes -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("variant", ["6.5", "6.10", "6.18"])
def test_an_unmovable_block_is_stolen_in_the_second_pass_of_the_fast_path(variant: str) -> None:
    """Also a machine with defrag=madvise and no hint gets it: nothing but the freelists is looked at."""
    m = zoned(variant, Zone(free="{ 0 = 100 }"))
    pfn = put(m, 0, MIGRATE_UNMOVABLE, 4)
    found = fast(m, LIGHT, 4)
    assert isinstance(found, Found)
    assert (found.zone, found.pfn, found.block, found.wmark) == (0, pfn, 4, WMARK_LOW)
    assert passes(found) == [(0, "nofragment", True)]
    assert found.tries[0].arg == 4


def test_where_stealing_need_not_be_avoided_the_first_pass_steals() -> None:
    m = zoned("6.5", Zone(0, ZONE_DMA32, free="{ 0 = 100 }"))
    put(m, 0, MIGRATE_UNMOVABLE, 4)
    found = fast(m, LIGHT, 4)
    assert isinstance(found, Found)
    assert passes(found) == []


def test_a_request_goes_down_to_dma32_before_it_steals_in_normal() -> None:
    m = zoned("6.5", Zone(0, ZONE_DMA32, free="{ 0 = 30, 4 = 1 }"), NORMAL)
    put(m, 1, MIGRATE_UNMOVABLE, 4)
    first = fast(m, LIGHT, 4)
    assert isinstance(first, Found)
    assert (first.zone, first.how) == (0, "own")
    page_alloc.take_found(m, first, LIGHT, 4)
    second = fast(m, LIGHT, 4)
    assert isinstance(second, Found)
    assert second.zone == 1
    assert passes(second) == [(1, "nofragment", True), (0, "no-block", True)]


def test_another_node_is_no_place_to_avoid_stealing_for() -> None:
    m = zoned("6.5", Zone(0, ZONE_DMA32, free="{ 0 = 30 }"), NORMAL, Zone(1, free="{ 4 = 5 }"))
    put(m, 1, MIGRATE_UNMOVABLE, 4)
    found = fast(m, LIGHT, 4)
    assert isinstance(found, Found)
    assert found.zone == 1
    assert passes(found) == [(1, "nofragment", True), (0, "no-block", True)]


def test_in_defrag_mode_it_is_refused() -> None:
    m = zoned("6.18", Zone(free="{ 0 = 100 }"), Zone(1, free="{ 0 = 100 }"))
    m.knobs["defrag_mode"] = 1
    put(m, 0, MIGRATE_UNMOVABLE, 4)
    found = page_alloc.look(m, LIGHT, 4)
    assert isinstance(found, Refused)
    assert (found.reason, found.arg) == ("nofragment", 4)
    assert passes(found) == 2 * [(0, "nofragment", True), (1, "no-block", True)]
    assert isinstance(get_page_from_freelist(m, LIGHT, 4, WMARK_MIN, 0), Found)


def test_a_second_pass_that_can_find_no_more_is_left_out() -> None:
    found = fast(zoned("6.5", Zone(free="{ 0 = 30 }")), LIGHT, 4)
    assert passes(found) == [(0, "no-block", True)]


@pytest.mark.parametrize(("gfp", "wakes"), [(LIGHT, False), (LIGHT | NOWAIT, True)])
def test_a_steal_that_boosts_wakes_kswapd_for_who_may_wake_it(gfp: int, wakes: bool) -> None:
    m = zoned("6.5", Zone(free="{ 0 = 100 }", min=8))
    put(m, 0, MIGRATE_UNMOVABLE, 4)
    m.lru = True
    assert page_alloc.take(m, gfp, 4) is not None
    assert (m.watermark_boost.get(0), m.zone_flags.get(0)) == (512, 0)
    assert bool(m.kswapd_order.get(0)) is wakes


@pytest.mark.parametrize(("variant", "zone"), [("6.14", 0), ("6.18", 1)])
def test_from_6_18_on_a_node_whose_kswapd_is_awake_comes_last(variant: str, zone: int) -> None:
    m = zoned(variant, Zone(0, free="{ 4 = 5 }"), Zone(1, free="{ 4 = 5 }"))
    m.kswapd_order.set(0, 1)
    found = fast(m, LIGHT, 4)
    assert isinstance(found, Found)
    assert found.zone == zone
    m.kswapd_order.set(1, 1)  # all are: then as if none were
    again, alone = fast(m, LIGHT, 4), fast(m, LIGHT | __GFP_THISNODE, 4)
    assert isinstance(again, Found)
    assert isinstance(alone, Found)
    assert (again.zone, alone.zone) == (0, 0)


@pytest.mark.parametrize(("variant", "below"), [("6.5", ()), ("6.8", (0,)), ("7.1", (0,))])
def test_from_6_7_on_a_zone_below_its_high_mark_is_noted(variant: str, below: tuple[int, ...]) -> None:
    m = zoned(variant, Zone(free="{ 4 = 10 }", min=100))  # 160 free pages, low 125, high 150
    m.pcp = True
    before = cells(m)
    found = fast(m, LIGHT, 4)
    assert isinstance(found, Found)
    assert found.below_high == below
    assert cells(m) == before, "looking stores nothing"
    mark_below_high(m, found)
    assert m.zone_flags.get(0) == (ZONE_BELOW_HIGH if below else 0)
    assert fast(m, LIGHT, 4).below_high == (), "once"


def test_a_refused_request_has_noted_it_too() -> None:
    m = zoned("6.12", Zone(free="{ 0 = 10 }"))
    m.pcp = True
    found = page_alloc.look(m, LIGHT, 4)
    assert isinstance(found, Refused)
    assert found.below_high == (0,)


# -- reasons ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("zones", "gfp", "order", "reason", "arg"),
    [
        ((Zone(free="{ 4 = 4 }", min=50),), LIGHT, 4, "watermark", 49),
        ((Zone(free="{ 3 = 40 }", min=50),), LIGHT, 4, "no-block", 3),
        ((Zone(free="{ 4 = 4 }", min=10, reserve=(0, 0, 0, 39)),), LIGHT, 4, "reserve", 49),
        ((Zone(0, ZONE_MOVABLE, free="{ 4 = 4 }"),), GFP_KERNEL, 0, "no-zone", 0),
        ((Zone(free="{ 3 = 40 }"), Zone(1, free="{ 2 = 40 }")), LIGHT, 4, "no-block", 3),  # its own node's
    ],
)
def test_why_it_is_refused(zones: tuple[Zone, ...], gfp: int, order: int, reason: str, arg: int) -> None:
    found = page_alloc.look(zoned("6.5", *zones), gfp, order)
    assert isinstance(found, Refused)
    assert (found.reason, found.arg) == (reason, arg)


def test_order_0_needs_no_block() -> None:
    assert isinstance(page_alloc.look(zoned("6.5", Zone(free="{ 3 = 40 }", min=50)), LIGHT, 0), Found)


def test_the_highatomic_reserve_is_kept_for_others() -> None:
    m = zoned("6.12", Zone(free="{ 0 = 10 }", min=8))
    put(m, 0, MIGRATE_HIGHATOMIC, 4)
    m.nr_reserved_highatomic.set(0, 512)
    found = page_alloc.look(m, LIGHT, 2)
    assert isinstance(found, Refused)
    assert (found.reason, found.arg) == ("reserve", 26 - 3 - 16)


def test_no_block_of_a_type_that_it_may_have() -> None:
    m = zoned("6.12", Zone(free="{ 0 = 100 }"))
    put(m, 0, MIGRATE_HIGHATOMIC, 4)
    found = get_page_from_freelist(m, LIGHT, 4, WMARK_MIN | ALLOC_NO_WATERMARKS, 0)
    assert isinstance(found, Refused)
    assert (found.reason, found.arg) == ("migratetype", MIGRATE_MOVABLE)
