# SPDX-License-Identifier: GPL-2.0-only
"""Which block a request gets from other migratetypes, and what becomes of the pageblock, per release."""

from __future__ import annotations

import pytest

from kernelmodel.arch import ARCHES
from kernelmodel.defs import (
    ALLOC_CMA,
    ALLOC_HIGHATOMIC,
    ALLOC_KSWAPD,
    ALLOC_NOFRAGMENT,
    ALLOC_NON_BLOCK,
    ALLOC_OOM,
    BG_FILE,
    BG_PINNED,
    BG_UNMOVABLE,
    GFP_TRANSHUGE_LIGHT,
    MIGRATE_CMA,
    MIGRATE_HIGHATOMIC,
    MIGRATE_MOVABLE,
    MIGRATE_RECLAIMABLE,
    MIGRATE_UNMOVABLE,
    WMARK_HIGH,
    WMARK_LOW,
    ZONE_BOOSTED_WATERMARK,
    ZONE_DMA32,
    ZONE_NORMAL,
    PG_lru,
)
from kernelmodel.invariants import violations
from kernelmodel.machine import Machine
from kernelmodel.mm import fallback
from kernelmodel.mm.buddy import free_one_page
from kernelmodel.mm.freelist import Found
from kernelmodel.mm.page_alloc import look
from kernelmodel.mm.steal import can_steal_fallback
from kernelmodel.mm.untouched import Template, touch
from tests.build import cells, session
from tests.mm.memory import START, blocks, memory, unit

U, M, R, H, C = MIGRATE_UNMOVABLE, MIGRATE_MOVABLE, MIGRATE_RECLAIMABLE, MIGRATE_HIGHATOMIC, MIGRATE_CMA
FORMS = ("6.5", "6.12", "6.18")


def get(m: Machine, order: int, migratetype: int, flags: int = 0) -> Found:
    """Look, see that looking has stored nothing, take, and see that it is what was seen."""
    before = cells(m)
    found = fallback.peek(m, 0, order, migratetype, flags)
    assert found is not None
    assert cells(m) == before
    assert fallback.rmqueue_buddy(m, 0, order, migratetype, flags) == found.pfn
    m._refcount.set(found.pfn, 1)
    assert violations(m, False) == []
    return found


def pageblock(m: Machine, number: int) -> int:
    return m.pageblock.get((START >> 9) + number)


def test_what_is_worth_a_pageblock() -> None:
    m = memory("6.5", (unit((M, M), {}),))
    assert [can_steal_fallback(m, order, start) for order, start in ((3, M), (4, M), (0, U), (0, R), (10, M))] == [
        False, True, True, True, True
    ]  # fmt: skip


@pytest.mark.parametrize("variant", FORMS)
def test_a_block_of_a_pageblock_is_claimed_whole(variant: str) -> None:
    m = memory(variant, (unit((M, M), {0: 10}),))
    found = get(m, 0, U)
    assert (found.how, found.pfn - START, found.block) == ("claim", 0, 10)
    assert (pageblock(m, 0), pageblock(m, 1)) == (U, U)
    assert [blocks(m, U, order) for order in (0, 8, 9)] == [[1], [256], [512]]


@pytest.mark.parametrize("variant", FORMS)
def test_own_blocks_come_first_then_those_of_the_table_in_its_order(variant: str) -> None:
    m = memory(variant, (unit((M, R), {0: 9, 512: 9}), unit((U, M), {0: 9})))
    taken = [get(m, 9, U).pfn - START for _ in range(3)]
    assert taken == [1024, 512, 0]  # unmovable, reclaimable, movable


@pytest.mark.parametrize(("variant", "free", "how", "moved"), [
    ("6.5", 256, "claim", 256), ("6.12", 256, "claim", 256), ("6.18", 256, "claim", 256),
    ("6.5", 128, "steal", 128), ("6.12", 128, "steal", 0), ("6.18", 128, "steal", 0),
])  # fmt: skip
def test_half_of_a_pageblock_must_be_free_or_alike(variant: str, free: int, how: str, moved: int) -> None:
    m = memory(variant, (unit((M, M), spread(free), BG_FILE),))
    found = get(m, 6, U)
    assert found.fallback is not None
    assert (found.how, found.fallback.moved) == (how, moved)
    assert (found.fallback.free, found.fallback.alike) == ((free, 0) if variant != "6.18" or how == "claim" else (0, 0))
    assert pageblock(m, 0) == (U if how == "claim" else M)
    left = free // 64 - 1
    assert (len(blocks(m, U, 6)), len(blocks(m, M, 6))) == ((left, 0) if moved else (0, left))


def spread(free: int) -> dict[int, int]:
    """Blocks of order 6, none beside its buddy."""
    return {at * 128: 6 for at in range(4)} if free == 256 else {0: 6, 256: 6}


@pytest.mark.parametrize(("start", "old", "use", "how"), [
    (M, U, BG_FILE, "claim"), (M, U, BG_PINNED, "claim"), (M, U, BG_UNMOVABLE, "steal"),
    (U, M, BG_UNMOVABLE, "claim"), (U, M, BG_FILE, "steal"), (U, R, BG_UNMOVABLE, "steal"),
    (R, M, BG_UNMOVABLE, "claim"),
])  # fmt: skip
@pytest.mark.parametrize("variant", FORMS)
def test_used_pages_count_if_they_suit_the_request(variant: str, start: int, old: int, use: int, how: str) -> None:
    m = memory(variant, (unit((old, old), spread(128), use),))
    assert get(m, 5, start).how == how


def test_pages_of_processes_count_as_movable_once_they_are_on_the_lru() -> None:
    for flags, how in ((0, "steal"), (PG_lru, "claim")):
        m = memory("6.18", (unit((U, U), {0: 7, 256: 8}, 0),))
        folio = get(m, 8, U)  # of the second half of pageblock 0: like a folio of 256 pages
        m.folio_order.set(folio.pfn, 8)
        m.page_flags.set(folio.pfn, flags)
        assert get(m, 4, M).how == how


@pytest.mark.parametrize("variant", FORMS)
def test_unmovable_requests_take_the_largest_block_small_movable_ones_the_smallest(variant: str) -> None:
    assert get(memory(variant, (unit((M, M), {0: 2, 512: 8}),)), 0, U).pfn - START == 512
    found = get(memory(variant, (unit((U, U), {0: 3, 512: 1}),)), 0, M)
    assert (found.how, found.pfn - START, found.block) == ("steal", 512, 1)


def test_what_6_5_steals_strays_and_comes_home_when_it_is_freed() -> None:
    m = memory("6.5", (unit((U, U), {0: 3}),))
    found = get(m, 0, M)
    assert pageblock(m, 0) == U
    assert [blocks(m, M, order) for order in range(3)] == [[1], [2], [4]]
    assert sorted(pfn - START for pfn, _ in m.strayed.items()) == [1, 2, 4]
    m._refcount.set(found.pfn, 0)
    free_one_page(m, found.pfn, 0)
    assert blocks(m, U, 3) == [0]
    assert not dict(m.strayed.items())
    assert violations(m, False) == []


@pytest.mark.parametrize("variant", ["6.12", "6.18"])
def test_from_6_10_on_the_rest_of_a_stolen_block_stays_where_it_was(variant: str) -> None:
    m = memory(variant, (unit((U, U), {0: 3}),))
    get(m, 0, M)
    assert [blocks(m, U, order) for order in range(3)] == [[1], [2], [4]]


def test_of_a_stolen_pageblock_6_5_takes_the_smallest_that_will_do() -> None:
    m = memory("6.5", (unit((M, M), {8: 2, 256: 7}, BG_FILE),))
    found = get(m, 1, U)  # the candidate is the block of order 7
    assert found.fallback is not None
    assert (found.pfn - START, found.block, found.fallback.order) == (8, 2, 7)


@pytest.mark.parametrize(("variant", "boosts"), [("6.5", 1), ("6.12", 1), ("6.18", 3)])
def test_each_attempt_below_a_pageblock_boosts_the_watermarks(variant: str, boosts: int) -> None:
    """6.15 goes on to smaller blocks where a pageblock can't be claimed: here to orders 7, 6 and 5."""
    m = memory(variant, (unit((M, M), {0: 7, 512: 6, 640: 5}, BG_FILE), *[unit((M, M), {}, BG_FILE)] * 4))
    m.watermark.set(WMARK_HIGH, 5000)
    found = get(m, 5, U, ALLOC_KSWAPD)
    assert found.fallback is not None
    assert found.fallback.boosts == boosts
    assert m.watermark_boost.get(0) == boosts * 512
    assert m.zone_flags.get(0) & ZONE_BOOSTED_WATERMARK


def test_a_whole_pageblock_boosts_nothing() -> None:
    m = memory("6.18", (unit((M, M), {0: 9}), *[unit((M, M), {})] * 4))
    m.watermark.set(WMARK_HIGH, 5000)
    get(m, 0, U)
    assert m.watermark_boost.get(0) == 0


def test_6_15_claims_a_smaller_block_where_the_largest_can_not_be_had() -> None:
    m = memory("6.18", (unit((M, M), {0: 7, 512: 6}, (BG_FILE, BG_UNMOVABLE)),))
    found = get(m, 4, U)
    assert (found.how, found.pfn - START, pageblock(m, 0), pageblock(m, 1)) == ("claim", 512, M, U)
    older = memory("6.12", (unit((M, M), {0: 7, 512: 6}, (BG_FILE, BG_UNMOVABLE)),))
    assert (get(older, 4, U).how, pageblock(older, 1)) == ("steal", M)


@pytest.mark.parametrize("variant", FORMS)
def test_nofragment_leaves_whole_pageblocks_only(variant: str) -> None:
    small = memory(variant, (unit((U, U), {0: 8}),))
    assert fallback.peek(small, 0, 4, M, ALLOC_NOFRAGMENT) is None
    assert fallback.rmqueue_buddy(small, 0, 4, M, ALLOC_NOFRAGMENT) == -1
    assert fallback.peek(small, 0, 4, M, 0) is not None
    assert get(memory(variant, (unit((U, U), {0: 9}),)), 4, M, ALLOC_NOFRAGMENT).how == "claim"


@pytest.mark.parametrize("variant", FORMS)
def test_cma_is_for_movable_requests_that_may_and_comes_before_stealing(variant: str) -> None:
    layout = (unit((C, U), {0: 8, 512: 9}),)
    assert get(memory(variant, layout), 4, M, ALLOC_CMA).how == "cma"
    assert get(memory(variant, layout), 4, M).how == "claim"
    assert fallback.peek(memory(variant, (unit((C, C), {0: 9}),)), 0, 4, U, 0) is None


@pytest.mark.parametrize("variant", FORMS)
@pytest.mark.parametrize(("cma", "how"), [(8, "own"), (9, "cma")])
def test_cma_comes_first_once_it_is_more_than_half_of_what_is_free(variant: str, cma: int, how: str) -> None:
    m = memory(variant, (unit((C, M), {0: cma, 512: 8}),))
    assert get(m, 4, M, ALLOC_CMA).how == how


@pytest.mark.parametrize(("variant", "flags", "how"), [
    ("6.5", ALLOC_HIGHATOMIC, "highatomic"), ("6.5", ALLOC_OOM, "highatomic"), ("6.5", ALLOC_NON_BLOCK, ""),
    ("6.11", ALLOC_NON_BLOCK, ""), ("6.12", ALLOC_NON_BLOCK, "highatomic"), ("6.18", ALLOC_OOM, "highatomic"),
    ("6.18", 0, ""),
])  # fmt: skip
def test_who_may_have_the_reserve_if_nothing_else_is_left(variant: str, flags: int, how: str) -> None:
    m = memory(variant, (unit((H, H), {0: 5}),))
    if how:
        assert get(m, 3, U, flags).how == how
    else:
        assert fallback.peek(m, 0, 3, U, flags) is None


def test_highatomic_requests_take_the_reserve_first_and_the_others_last() -> None:
    layout = (unit((H, U), {0: 5, 512: 5}),)
    assert get(memory("6.18", layout), 3, U, ALLOC_HIGHATOMIC).how == "highatomic"
    assert get(memory("6.18", layout), 3, U, ALLOC_OOM).how == "own"


@pytest.mark.parametrize(("variant", "modes"), [("6.5", [0] * 5), ("6.12", [0] * 5), ("6.18", [1, 0, 0, 3, 3])])
def test_a_refill_remembers_where_it_found_something(variant: str, modes: list[int]) -> None:
    """6.15: CMA, then a claim, which fills its own lists again, then it steals."""
    m = memory(variant, (unit((C, U), {0: 7, 512: 8}), unit((U, U), {0: 7, 512: 7})))
    mode, seen = 0, []
    for _ in range(5):
        pfn, mode = fallback.rmqueue_bulk_one(m, 0, 7, M, ALLOC_CMA, mode)
        assert pfn >= 0
        seen.append(mode)
    assert seen == modes
    assert fallback.rmqueue_bulk_one(m, 0, 7, M, ALLOC_CMA, mode)[0] == -1
    assert m.nr_free_pages.get(0) == 0
    assert violations(m, False) == []


def test_in_steal_mode_a_refill_does_not_claim() -> None:
    m = memory("6.18", (unit((U, M), {0: 9, 512: 3}),))
    assert fallback.rmqueue_bulk_one(m, 0, 0, M, 0, fallback.RMQUEUE_STEAL) == (START, fallback.RMQUEUE_STEAL)
    assert pageblock(m, 0) == U


@pytest.mark.parametrize("arch", ["x86-64", "arm64-16k", "arm64-64k"])
def test_a_fresh_zone_gives_to_all_types_until_it_is_empty(arch: str) -> None:
    """On arm64 with large pages a pageblock is a block of the highest order."""
    top, page = ARCHES[arch].max_order, ARCHES[arch].page_size
    m = session(f"[memory]\nsize = {(4 << top) * page}\nmin = 0", head=f'variant = "6.18"\narch = "{arch}"').m
    first = get(m, 0, U)
    assert (first.how, get(m, 0, U).how, get(m, top, M).how) == ("claim", "own", "own")
    assert m.frontier.get(0) == m.zones[0].start + (2 << top)
    assert [get(m, top, M).how for _ in range(2)] == ["own"] * 2
    assert get(m, top - 1, M).how == "claim"
    m._refcount.set(first.pfn, 0)
    free_one_page(m, first.pfn, 0)
    assert violations(m, False) == []


@pytest.mark.parametrize("variant", FORMS)
def test_a_pageblock_at_the_end_of_a_zone_is_not_claimed(variant: str) -> None:
    m = memory(variant, (unit((M, M), {0: 8}, BG_UNMOVABLE),))
    m.zones[0] = m.zones[0]._replace(end=START + 300)
    touch(m, START)
    found = get(m, 4, U)
    assert (found.how, found.pfn, pageblock(m, 0)) == ("steal", START, M)


def test_a_block_on_a_highatomic_pageblock_is_taken_alone_in_6_5() -> None:
    template = Template((H, H), ((0, 5, U),), ((32, 992, BG_UNMOVABLE),))
    m = memory("6.5", (template,))
    touch(m, START)
    m.strayed.set(START, U + 1)
    found = get(m, 3, M)
    assert found.fallback is not None
    assert (found.fallback.whole, found.fallback.boosts, pageblock(m, 0)) == (False, 0, H)


@pytest.mark.parametrize(("low", "zone", "how"), [({}, 1, "steal"), ({0: 4}, 0, "own")])
def test_a_fault_goes_to_dma32_before_it_steals_in_normal(low: dict[int, int], zone: int, how: str) -> None:
    """With ALLOC_NOFRAGMENT first; without it once no zone had anything, still in the fast path."""
    m = memory("6.5", (unit((M, M), low),), (unit((U, U), {0: 4}),), types=(ZONE_DMA32, ZONE_NORMAL))
    found = look(m, GFP_TRANSHUGE_LIGHT, 4)
    assert isinstance(found, Found)
    assert (found.zone, found.how, found.wmark) == (zone, how, WMARK_LOW)
