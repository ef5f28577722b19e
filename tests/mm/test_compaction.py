# SPDX-License-Identifier: GPL-2.0-only
"""Direct compaction: which pages move where, when a run ends, when there is none, and what it costs."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelmodel.arch import ARCHES
from kernelmodel.decision import GeneratorDriver
from kernelmodel.defs import (
    __GFP_FS,
    __GFP_IO,
    ALLOC_CMA,
    BG_ANON,
    BG_FILE,
    BG_NONE,
    BG_PINNED,
    BG_UNMOVABLE,
    COMPACTFAIL,
    COMPACTSTALL,
    COMPACTSUCCESS,
    GFP_TRANSHUGE,
    MIGRATE_CMA,
    MIGRATE_MOVABLE,
    MIGRATE_UNMOVABLE,
    WMARK_LOW,
    WMARK_MIN,
    ZONE_MOVABLE,
)
from kernelmodel.fault import VARIANTS
from kernelmodel.invariants import violations
from kernelmodel.machine import Machine, ZoneSpan
from kernelmodel.mm import compact_scan, compaction, slow_steps
from kernelmodel.mm.compact_control import COMPACT_PRIO_ASYNC as ASYNC
from kernelmodel.mm.compact_control import COMPACT_PRIO_SYNC_FULL as FULL
from kernelmodel.mm.compact_control import COMPACT_PRIO_SYNC_LIGHT as LIGHT
from kernelmodel.mm.compact_control import Control
from kernelmodel.mm.compact_fast import fast_isolate_freepages, move_freelist_head, next_search_order
from kernelmodel.mm.compact_free import isolate_free_page, suitable_migration_target
from kernelmodel.mm.pcp_batch import pcp_setup
from kernelmodel.mm.untouched import Template, Units, set_up, touch

START = 1 << 20
M, U = MIGRATE_MOVABLE, MIGRATE_UNMOVABLE
RELEASES = ("6.5", "6.8", "6.9", "6.12", "6.14", "6.18")
MOVABLE_PAGE = __GFP_IO | __GFP_FS | 0x8


def machine(kinds: bytes, *templates: Template, variant: str = "6.12", marks: tuple[int, int] = (0, 0)) -> Machine:
    """One zone of such units; min and low watermark in pages."""
    m = Machine(ARCHES["x86-64"], VARIANTS[variant], {})
    pages = len(kinds) << 10
    m.zones.append(ZoneSpan(0, "Normal", START, START + pages, managed=pages, present=pages, boosts=False))
    m.units.append(None)
    m.run_end.append(START)
    m.frontier.set(0, START)
    m.mixed = m.lru = True
    set_up(m, Units(0, START >> 10, kinds, templates))
    for level, mark in enumerate((*marks, marks[1])):
        m.watermark.set(level, mark)
    m.journal.seal()
    return m


def template(
    blocks: dict[int, int] | None = None, uses: dict[int, int] | None = None, types: tuple[int, int] = (M, M)
) -> Template:
    """A unit with these free blocks (order by offset) and uses (by offset); its other pages are kernel memory."""
    blocks, uses = blocks or {}, uses or {}
    free = {at + k for at, order in blocks.items() for k in range(1 << order)}
    pages = tuple((at, 1, uses.get(at, BG_UNMOVABLE)) for at in range(1024) if at not in free)
    return Template(types, tuple((at, order, types[at >> 9]) for at, order in sorted(blocks.items())), pages)


HALF = Template((M, M), tuple((at, 0, M) for at in range(0, 1024, 2)), tuple((at, 1, BG_ANON) for at in range(1, 1024, 2)))
"""Every other page is free, the others can be moved."""
MESS = template(dict.fromkeys(range(0, 1024, 2), 0))
"""Every other page is free, the others can't be moved."""
TOP = template(dict.fromkeys((544, 1000, *range(0, 64, 2)), 0), types=(U, M))
"""What the free scanner finds is in the upper pageblock; the rest is there to pass the watermark."""


def cells(m: Machine) -> list[dict[int, int]]:
    return [dict(field.items()) for field in m.journal.fields]


def compact(m: Machine, order: int, prio: int = LIGHT, gfp: int = MOVABLE_PAGE) -> tuple[str, str, int]:
    """Peek, then do it: the same, and the peek stored nothing."""
    before = cells(m)
    seen = compaction.peek_compact(m, gfp, order, prio, ALLOC_CMA, 0)
    assert cells(m) == before
    assert compaction.try_to_compact_pages(m, gfp, order, prio, ALLOC_CMA, 0) == seen
    return seen


def uses(m: Machine, *offsets: int) -> list[int]:
    return [m.background.get(START + at) for at in offsets]


def is_free(m: Machine, offset: int, order: int) -> bool:
    return m.buddy_order.get(START + offset) == order + 1


# -- moves --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("variant", "upper"), [("6.5", BG_ANON), ("6.8", BG_ANON), ("6.9", BG_FILE), ("6.18", BG_FILE)])
def test_the_last_page_moves_first_and_to_what_was_found_last_before_6_9(variant: str, upper: int) -> None:
    m = machine(bytes([0, 1]), template({2: 1}, {0: BG_ANON, 1: BG_FILE}), TOP, variant=variant)
    assert compact(m, 2) == ("success", "moved", 2)  # the lists lead to 1000, around it 544 is found
    assert is_free(m, 0, 2)
    assert uses(m, 0, 1, 1024 + 544, 1024 + 1000) == [BG_NONE, BG_NONE, BG_ANON + BG_FILE - upper, upper]


def test_without_waiting_the_free_scanner_looks_at_every_32nd_page_first() -> None:
    for prio, taken in ((ASYNC, [[544]]), (LIGHT, [[544, 1000]])):
        m = machine(bytes([0, 1]), template({2: 1}, {0: BG_ANON, 1: BG_FILE}), TOP)
        control = Control(m, 0, 2, MOVABLE_PAGE, prio)
        control.nr_migratepages = 2
        with patch.object(compact_scan, "fast_isolate_freepages"):
            compact_scan.isolate_freepages(control)
        assert [[pfn - START - 1024 for pfn in pages] for pages in control.freepages if pages] == taken
    assert control.free_pfn == START + 1024 + 1001


def test_without_waiting_a_page_that_cannot_move_ends_its_window() -> None:
    low = template({2: 0, 14: 1}, {0: BG_ANON, 1: BG_ANON, 12: BG_ANON, 13: BG_ANON, 10: BG_ANON})
    top = template(dict.fromkeys(range(0, 1024, 16), 0))
    m = machine(bytes([0, 1]), low, top)
    assert compact(m, 2, ASYNC) == ("success", "moved", 2)
    assert uses(m, 0, 1, 10, 12, 13) == [BG_ANON, BG_ANON, BG_ANON, BG_NONE, BG_NONE]
    m = machine(bytes([0, 1]), low, top)
    assert compact(m, 2, LIGHT) == ("success", "moved", 5)


def test_without_waiting_only_pageblocks_of_the_own_type_are_emptied() -> None:
    low = template({1: 0}, {0: BG_ANON}, (U, U))
    for prio, moved in ((ASYNC, 0), (LIGHT, 1)):
        m = machine(bytes([0, 1, 1]), low, MESS)
        assert compact(m, 1, prio)[2] == moved


def test_file_pages_stay_where_the_request_may_not_enter_filesystems() -> None:
    for gfp, moved in ((MOVABLE_PAGE, 2), (MOVABLE_PAGE & ~__GFP_FS, 1)):
        m = machine(bytes([0, 1]), template({2: 0}, {0: BG_ANON, 1: BG_FILE}), MESS)
        assert compact(m, 2, LIGHT, gfp)[2] == moved


def test_a_pinned_page_stays_and_its_target_is_free_again() -> None:
    m = machine(bytes([0, 1]), template({2: 0}, {0: BG_ANON, 1: BG_PINNED}), MESS)
    free = m.nr_free_pages.get(0)
    assert compact(m, 2) == ("complete", "moved", 1)
    assert uses(m, 0, 1) == [BG_NONE, BG_PINNED]
    assert m.nr_free_pages.get(0) == free


def test_targets_are_in_movable_and_cma_pageblocks_that_do_not_begin_with_a_large_block() -> None:
    free = dict.fromkeys(range(0, 1024, 2), 0)
    for types, prio, suits in (((U, U), LIGHT, False), ((M, M), LIGHT, True), ((MIGRATE_CMA, M), LIGHT, True), ((U, U), FULL, True)):
        control = Control(machine(bytes([0]), template(free, types=types)), 0, 2, MOVABLE_PAGE, prio)
        assert suitable_migration_target(control, START, control.codes(START)[0]) is suits
    for variant, suits in (("6.5", True), ("6.9", False)):  # 6.9: as large as the request, before as large as a pageblock
        control = Control(machine(bytes([0]), template({0: 2}), variant=variant), 0, 2, MOVABLE_PAGE, LIGHT)
        assert suitable_migration_target(control, START, control.codes(START)[0]) is suits


def fast(m: Machine, order: int, prio: int = ASYNC, pages: int = 1) -> tuple[Control, list[int]]:
    """The free scanner's shortcut: what it took."""
    control = Control(m, 0, order, MOVABLE_PAGE, prio)
    control.nr_migratepages = pages
    fast_isolate_freepages(control)
    return control, [pfn - START for pages in control.freepages for pfn in pages]


def ordered(m: Machine, number: int) -> list[int]:
    node, found = m.lists.first(number), []
    while node:
        found.append(node - START)
        node = m.lists.after(node, number)
    return found


def lists(*offsets: int, order: int = 0) -> Machine:
    """Free blocks of one order in four units that are known page by page, so in the order of their list."""
    where: list[dict[int, int]] = [{}, {}, {}, {}]
    for at in offsets:
        where[at >> 10][at & 1023] = order
    m = machine(bytes(range(4)), *(template(each) for each in where))
    for number in range(4):
        touch(m, START + (number << 10))
    return m


def test_the_lists_lead_to_a_block_in_the_upper_quarter_from_their_tail_on() -> None:
    m = lists(512, 3500, 3600, 2600, 1500)
    number = m.list_number(0, M, 0)
    assert ordered(m, number) == [512, 1500, 2600, 3500, 3600]
    assert fast(m, 1)[1] == [3600]
    assert ordered(m, number) == [512, 1500, 2600, 3500]
    for _ in range(2):
        fast(m, 1)
    # 2600 is in the upper half only; the kernel looks through the rest of the list before it takes it
    assert ordered(m, number) == [512, 1500]
    control, taken = fast(m, 1)
    assert (taken, control.fast_search_fail) == ([], 1)
    assert control.free_pfn == START + 2048 - 512  # nothing from half way on: the scan starts there


def test_what_was_looked_at_goes_to_the_head_of_its_list() -> None:
    m = lists(512, 3500, 600, 700)
    number = m.list_number(0, M, 0)
    move_freelist_head(m, number, START + 700)
    assert ordered(m, number) == [700, 3500, 512, 600]
    assert fast(m, 1)[1] == [3500]
    assert ordered(m, number) == [512, 600, 700]
    assert m.nr_free.get(number) == 3


def test_the_largest_blocks_below_the_request_are_looked_for_first() -> None:
    m = machine(bytes([0, 0]), template({0: 4, 64: 2, 100: 0}))
    control, taken = fast(m, 4)
    assert (taken, control.search_order) == ([1024 + 64], 2)
    assert not m.touched.get(START >> 10)
    assert next_search_order(control, 0) == 3


def test_the_most_effort_makes_half_free_pageblocks_movable() -> None:
    top = template({512: 8, 768: 0}, types=(U, U))
    for variant in ("6.5", "6.12"):
        m = machine(bytes([0, 1]), template({1: 0}, {0: BG_ANON}), top, variant=variant)
        control = Control(m, 0, 9, MOVABLE_PAGE, FULL)
        block = START + 1024 + 512
        assert isolate_free_page(control, block, 8)
        assert m.pageblock.get(block >> 9) == M
        on_list = m.nr_free.get(m.list_number(0, U if variant == "6.5" else M, 0))
        assert on_list == (1 if variant == "6.5" else 2)
        assert m.strayed.get(block + 256) == (U + 1 if variant == "6.5" else 0)


# -- ends -----------------------------------------------------------------------------------------------
def test_a_run_goes_on_to_the_end_of_a_pageblock_unless_a_block_is_captured() -> None:
    low = template({4 * k + 2: 1 for k in range(128)}, {4 * k + n: BG_ANON for k in range(64) for n in (0, 1)})
    moved = {}
    for variant in RELEASES:
        m = machine(bytes([0, 1]), low, MESS, variant=variant)
        outcome, _, moved[variant] = compact(m, 2)
        assert outcome == "success"
    assert moved == {"6.5": 128, "6.8": 128, "6.9": 128, "6.12": 32, "6.14": 32, "6.18": 32}


@pytest.mark.parametrize("variant", ["6.5", "6.12"])
def test_pages_that_the_cpu_keeps_are_drained_behind_each_window(variant: str) -> None:
    m = machine(bytes([0, 1]), template({2: 1}, {0: BG_ANON, 1: BG_FILE}), TOP, variant=variant)
    m.pcp = True
    m.zones[0] = m.zones[0]._replace(pcp_batch=63, pcp_high=(2000, 2000))
    m.pcp_high.set(0, 2000)
    assert compact(m, 2) == ("success", "moved", 2)
    assert is_free(m, 0, 2)


def test_the_next_run_starts_a_pageblock_behind_the_last_that_had_nothing() -> None:
    m = machine(bytes([0] * 4 + [1] * 4), template({0: 0}), MESS)
    compact(m, 1, ASYNC)
    assert m.compact_cached_migrate_pfn.get(0) == START  # the scanners met
    control = Control(m, 0, 1, MOVABLE_PAGE, ASYNC)
    compact_scan.isolate_migratepages(control)
    assert control.migrate_pfn == START + 512
    assert m.compact_cached_migrate_pfn.get(0) == START + 1024
    assert m.compact_cached_migrate_pfn.get(1) == START  # a run that waits may find what this one could not move


@pytest.mark.parametrize(("prio", "outcome"), [(ASYNC, "contended"), (LIGHT, "partial-skipped")])
def test_a_run_moves_so_many_pages_and_gives_up(prio: int, outcome: str) -> None:
    bad = template(dict.fromkeys(range(0, 1024, 2), 0), {at: BG_ANON for at in range(1, 1024, 2) if at % 512 < 500})
    found, why, moved = compact(machine(bytes(64), bad), 9, prio)
    assert (found, why) == (outcome, "spent")
    assert 1024 <= moved < 1024 + 512


@pytest.mark.parametrize("prio", [ASYNC, LIGHT, FULL])
def test_a_terabyte_is_neither_walked_nor_touched(prio: int) -> None:
    m = machine(bytes([0]) * (1 << 18), MESS)
    outcome = compaction.peek_compact(m, GFP_TRANSHUGE, 9, prio, ALLOC_CMA, 0)
    assert outcome == ("contended" if prio == ASYNC else "partial-skipped", "spent", 0)
    compaction.try_to_compact_pages(m, GFP_TRANSHUGE, 9, prio, ALLOC_CMA, 0)
    assert not list(m.touched.items())
    m = machine(bytes([0]) * (1 << 18), HALF)
    assert compact(m, 9, prio, GFP_TRANSHUGE) == ("success", "moved", 256)
    assert len(list(m.touched.items())) <= 3


# -- whether there is a run ---------------------------------------------------------------------------
def test_a_request_that_would_pass_or_may_not_do_io_compacts_nothing() -> None:
    m = machine(bytes([0]), template({0: 3}))
    assert compact(m, 3) == ("success", "free", 0)
    assert compact(m, 4, gfp=0x8) == ("skipped", "no-io", 0)
    assert compact(m, 4) == ("skipped", "watermark", 8)


def test_a_costly_request_fails_for_want_of_memory_below_the_threshold() -> None:
    m = machine(bytes([0]), template(dict.fromkeys(range(0, 1024, 16), 3)))  # 64 blocks of 8 pages
    assert compact(m, 4, ASYNC) == ("skipped", "fragindex", 1000 - (1000 + 32000) // 64)
    m.knobs["extfrag_threshold"] = 100
    assert compact(m, 4, ASYNC)[0] != "skipped"
    m = machine(bytes([0]), template(dict.fromkeys(range(0, 1024, 16), 0)))
    assert compact(m, 4, ASYNC)[0] != "skipped"
    assert compact(m, 3, ASYNC)[0] != "skipped"


@pytest.mark.parametrize(
    ("variant", "order", "wmark", "needs"),
    [("6.14", 3, WMARK_LOW, 100 + 16), ("6.14", 9, WMARK_MIN, 180 + 1024), ("6.14", 9, WMARK_LOW, 180 + 1024),
     ("6.18", 3, WMARK_LOW, 180 + 16), ("6.18", 9, WMARK_MIN, 180 + 1024), ("6.18", 9, WMARK_LOW, 260 + 1024)],
)  # fmt: skip
def test_the_mark_is_the_callers_from_6_15_on(variant: str, order: int, wmark: int, needs: int) -> None:
    m = machine(bytes([0] * 4), MESS, variant=variant, marks=(100, 180))
    for free, suitable in ((needs, False), (needs + 1, True)):
        m.nr_free_pages.set(0, free)
        gate = compaction.compaction_suit_allocation_order(m, 0, order, ZONE_MOVABLE, wmark | ALLOC_CMA, False)
        assert (gate.outcome != "skipped") is suitable


@pytest.mark.parametrize(("variant", "outcome"), [("6.12", "continue"), ("6.14", "skipped"), ("6.18", "skipped")])
def test_free_cma_memory_does_not_count_for_who_may_not_use_it(variant: str, outcome: str) -> None:
    m = machine(bytes([0] * 4), template(dict.fromkeys(range(0, 1024, 2), 0), types=(M, MIGRATE_CMA)), variant=variant)
    for order, is_async, expected in ((9, True, outcome), (9, False, "continue"), (3, True, "continue")):
        assert compaction.compaction_suit_allocation_order(m, 0, order, 2, 0, is_async).outcome == expected


def test_reclaimable_pages_count_by_the_order_for_who_would_reclaim_first() -> None:
    m = machine(bytes([0]), template(dict.fromkeys(range(0, 16, 2), 0)))  # 8 free, 16 needed for order 3 at min 0
    for reclaimable, suitable in ((26, False), (27, True)):
        m.nr_reclaimable.set(0, reclaimable)
        assert compaction.compaction_zonelist_suitable(m, MOVABLE_PAGE, 3, 0) is suitable


def test_failures_put_compaction_off_for_ever_longer() -> None:
    m = machine(bytes([0] * 2), MESS)
    for shift in (1, 2, 3):
        assert compact(m, 3)[0] == "complete"
        assert m.compact_defer_shift.get(0) == shift
        for _ in range((1 << shift) - 1):
            assert compact(m, 3) == ("deferred", "deferred", 1 << shift)
    assert compact(m, 3, FULL)[0] == "complete"
    compaction.compaction_defer_reset(m, 0, 3, True)
    assert (m.compact_defer_shift.get(0), m.compact_order_failed.get(0)) == (0, 4)
    assert compact(m, 3, ASYNC)[0] == "complete"
    assert m.compact_defer_shift.get(0) == 0  # who does not wait puts nothing off
    for _ in range(9):
        compaction.defer_compaction(m, 0, 5)
    assert (m.compact_defer_shift.get(0), m.compact_order_failed.get(0)) == (6, 4)


def test_the_environment_can_always_let_it_fail() -> None:
    for prio, failure, shift in ((ASYNC, "contended", 0), (LIGHT, "partial-skipped", 1)):
        m = machine(bytes([0] * 4), HALF)
        assert compaction.failure_of(prio) == failure
        assert compaction.try_to_compact_pages(m, GFP_TRANSHUGE, 9, prio, ALLOC_CMA, 0, failure).outcome == failure
        assert not list(m.touched.items())
        assert m.compact_defer_shift.get(0) == shift


@pytest.mark.parametrize(("answer", "counted"), [("success", [1, 0, 1]), ("contended", [1, 1, 0])])
def test_each_attempt_that_is_made_counts_as_a_stall(answer: str, counted: list[int]) -> None:
    m = machine(bytes([0] * 4), HALF)
    for order, expected in ((10, [0, 0, 0]), (9, counted)):  # there is too little memory for order 10
        m.nr_free_pages.set(0, 2048 if order == 9 else 1000)
        path = slow_steps.__alloc_pages_direct_compact(m, GFP_TRANSHUGE, order, ALLOC_CMA, 0, ASYNC, "S2")
        driver = GeneratorDriver(path)
        if driver.advance(None) is not None:
            driver.advance(answer)
        assert [m.vm_event.get(event) for event in (COMPACTSTALL, COMPACTFAIL, COMPACTSUCCESS)] == expected


def test_kcompactd_is_worth_waking_where_a_zone_is_in_pieces() -> None:
    m = machine(bytes([0] * 4), HALF)
    assert compaction.kcompactd_node_suitable(m, 0, 9, ZONE_MOVABLE)
    m.nr_free_pages.set(0, 1000)
    assert not compaction.kcompactd_node_suitable(m, 0, 9, ZONE_MOVABLE)


# -- always ---------------------------------------------------------------------------------------------
USES = st.sampled_from([BG_ANON, BG_ANON, BG_FILE, BG_UNMOVABLE, BG_PINNED])
BLOCKS = st.lists(st.one_of(USES, st.sampled_from([-1, -1, -1])), min_size=4, max_size=24)
TYPES = st.sampled_from([(M, M), (U, M), (M, MIGRATE_CMA), (M, U)])


def pattern(cycle: list[int], types: tuple[int, int]) -> Template:
    """A unit whose pages repeat a cycle; -1 is a free page (none next to its buddy)."""
    wanted = [cycle[at % len(cycle)] for at in range(1024)]
    free = {at: 0 for at in range(1024) if wanted[at] == -1 and (at % 2 == 0 or wanted[at - 1] != -1)}
    return template(free, {at: use for at, use in enumerate(wanted) if use != -1}, types)


@settings(max_examples=7, deadline=None)
@given(
    st.lists(st.builds(pattern, BLOCKS, TYPES), min_size=2, max_size=2), st.sampled_from(RELEASES), st.booleans(),
    st.lists(st.tuples(st.sampled_from([1, 2, 4, 9]), st.sampled_from([ASYNC, LIGHT, FULL])), min_size=1, max_size=2),
)  # fmt: skip
def test_pages_are_conserved_and_undone(
    templates: list[Template], variant: str, pcp: bool, runs: list[tuple[int, int]]
) -> None:
    m = machine(bytes([0, 1, 0]), *templates, variant=variant)
    m.pcp = pcp
    pcp_setup(m)
    m.journal.seal()
    start = cells(m)
    for order, prio in runs:
        compact(m, order, prio)
    assert violations(m, True) == []
    end, position = cells(m), m.journal.pos
    for k in range(3):
        touch(m, START + (k << 10))
    pages = 3 << 10
    free, kept = m.nr_free_pages.get(0), sum(value for _, value in m.pcp_count.items())
    assert free == sum(blocks << order for order, blocks in enumerate(compaction.zone_nr_free(m, 0)))
    assert free + kept + len(dict(m.background.items())) == pages
    for use in (BG_ANON, BG_FILE, BG_PINNED, BG_UNMOVABLE):
        had = sum(t.used(use) for t in (templates[0], templates[1], templates[0]))
        assert sum(1 for _, each in m.background.items() if each == use) == had
    m.journal.move(0)
    assert cells(m) == start
    m.journal.move(position)
    assert cells(m) == end
