# SPDX-License-Identifier: GPL-2.0-only
"""Per-CPU page lists: how many, which end, which release, and that no page is lost."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelmodel.defs import (
    ALLOC_CMA,
    ALLOC_HIGHATOMIC,
    GFP_KERNEL,
    MIGRATE_CMA,
    MIGRATE_HIGHATOMIC,
    MIGRATE_ISOLATE,
    MIGRATE_MOVABLE,
    MIGRATE_UNMOVABLE,
    WMARK_HIGH,
    WMARK_LOW,
    ZONE_BELOW_HIGH,
    ZONE_RECLAIM_ACTIVE,
)
from kernelmodel.defs import GFP_HIGHUSER_MOVABLE as GFP
from kernelmodel.invariants import violations
from kernelmodel.lists import Links
from kernelmodel.machine import Machine
from kernelmodel.mm import page_alloc, pcp
from kernelmodel.mm.freelist import Found, get_page_from_freelist, rmqueue
from kernelmodel.mm.pcp_batch import nr_pcp_alloc, pcp_setup, zone_batchsize, zone_highsize
from kernelmodel.structs import Folio
from tests.build import session

START = (4 << 30) >> 12
RELEASES = ["v3", "6.8", "6.10", "6.14", "6.18", "7.1"]


def machine(variant: str = "v3", memory: str = 'size = "1G"', cpus: int = 1, arch: str = "x86-64") -> Machine:
    head = f'variant = "{variant}"\narch = "{arch}"'
    events = "".join(f'[[event]]\ncpu = {cpu}\nwrite = "heap"\n' for cpu in range(cpus))
    m = session(f"[memory]\n{memory}\n", head=head, events=events).m
    m.pcp = True
    pcp_setup(m)
    m.journal.seal()
    return m


def take(m: Machine, order: int = 0, gfp: int = GFP) -> Folio:
    folio = page_alloc.take(m, gfp, order)
    assert folio is not None
    return folio


def listed(m: Machine, order: int, migratetype: int = MIGRATE_MOVABLE, cpu: int = 0) -> list[int]:
    """What is on a CPU's list of zone 0, from its head."""
    number, found = pcp.pcp_list(pcp.pcp_place(m, cpu, 0), pcp.order_to_pindex(m, migratetype, order)), []
    node = m.lists.first(number)
    while node:
        found.append(node - START)
        node = m.lists.after(node, number)
    return found


# -- sizes -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("managed", "page_shift", "batch"),
    [(1 << 18, 12, 63), (1867776, 12, 63), (772915, 12, 63), (3840, 12, 1), (1 << 22, 14, 15), (1 << 22, 16, 3), (0, 12, 1)],
)  # fmt: skip
def test_batch(managed: int, page_shift: int, batch: int) -> None:
    assert zone_batchsize(managed, page_shift) == batch


@pytest.mark.parametrize("variant", RELEASES)
def test_a_first_refill_of_each_order(variant: str) -> None:
    refills = []
    for order in (0, 1, 2, 3, 9):
        m = machine(variant)
        take(m, order)
        refills.append((m.pcp_count.get(0) >> order) + 1)
    assert refills == [63, 31, 15, 7, 2]


@pytest.mark.parametrize(("variant", "bounds"), [("v3", (7458, 7458)), ("6.8", (7458, 116736))])
def test_high_of_a_zone_that_was_looked_at(variant: str, bounds: tuple[int, int]) -> None:
    m = machine(variant, cpus=2)
    m.zones[0] = m.zones[0]._replace(managed=1867776)
    m.watermark.set(WMARK_LOW, 14916)
    pcp_setup(m)
    assert (m.zones[0].pcp_batch, m.zones[0].pcp_high) == (63, bounds)
    assert m.pcp_high.run(0, 2) == [7458, 7458]


def test_high_is_at_least_four_batches_and_can_be_a_fraction_of_the_zone() -> None:
    assert zone_highsize(100, 1, 63) == 252
    m = machine("6.8")
    m.knobs["percpu_pagelist_high_fraction"] = 8
    pcp_setup(m)
    assert m.zones[0].pcp_high == (32768, 32768)


def test_cpus_of_another_node_share_a_node_without_cpus() -> None:
    text = '[[memory.node]]\nsize = "1G"\ncpus = [0, 1]\n[[memory.node]]\nsize = "1G"\ncpus = []\n'
    m = machine(memory=text, cpus=2)
    assert [zone.pcp_high[0] for zone in m.zones] == [m.watermark.get(4 * k + WMARK_LOW) // 2 for k in range(2)]


# -- which lists -------------------------------------------------------------------------------------
@pytest.mark.parametrize("variant", RELEASES)
def test_orders_with_lists(variant: str) -> None:
    m = machine(variant)
    assert [order for order in range(11) if pcp.pcp_allowed_order(m, order)] == [0, 1, 2, 3, 9]
    assert [pcp.pindex_to_order(m, pcp.order_to_pindex(m, mt, order)) for order in (0, 3, 9) for mt in range(3)] == [
        0, 0, 0, 3, 3, 3, 9, 9, 9
    ]  # fmt: skip
    take(m, 4)
    assert m.pcp_count.get(0) == 0


def test_pages_of_64k_have_a_list_for_their_pmd_order() -> None:
    m = machine(memory='size = "16G"', arch="arm64-64k")
    assert [order for order in range(14) if pcp.pcp_allowed_order(m, order)] == [0, 1, 2, 3, 13]
    assert [nr_pcp_alloc(m, 0, order) for order in (0, 1, 2, 3, 13)] == [3, 2, 2, 2, 2]


@pytest.mark.parametrize(("variant", "shared"), [("v3", True), ("6.9", True), ("6.10", False)])
def test_one_list_for_all_types_of_pmd_order_before_6_10(variant: str, shared: bool) -> None:
    m = machine(variant)
    folio = take(m, 9)
    page_alloc.folio_put(folio)
    found = page_alloc.look(m, GFP_KERNEL, 9)
    assert (isinstance(found, Found) and found.how == "pcp" and found.pfn == folio.id) is shared


# -- which end ---------------------------------------------------------------------------------------
def test_a_refill_is_in_the_order_of_the_zone_and_counted_out_of_it() -> None:
    m = machine()
    free = m.nr_free_pages.get(0)
    assert [take(m).id - START for _ in range(3)] == [0, 1, 2]
    assert listed(m, 0) == list(range(3, 63))
    assert (m.pcp_count.get(0), m.nr_free_pages.get(0)) == (60, free - 63)


def test_what_was_freed_last_is_taken_first() -> None:
    m = machine()
    first, second = take(m), take(m)
    page_alloc.folio_put(first)
    page_alloc.folio_put(second)
    found = page_alloc.look(m, GFP, 0)
    assert isinstance(found, Found)
    assert (found.pfn, found.block, found.how) == (second.id, 0, "pcp")
    assert (take(m).id, take(m).id) == (second.id, first.id)


def test_a_drain_takes_from_the_tail_of_one_list_and_then_of_the_next() -> None:
    m = machine()
    take(m), take(m, 1)
    pcp.free_pcppages_bulk(m, 0, 2, pcp.order_to_pindex(m, MIGRATE_MOVABLE, 0))
    assert listed(m, 0) == list(range(1, 61))
    pcp.free_pcppages_bulk(m, 0, 61, pcp.order_to_pindex(m, MIGRATE_MOVABLE, 0))
    assert (listed(m, 0), len(listed(m, 1))) == ([], 29)  # 60 pages, and a block of two
    assert m.pcp_count.get(0) == 58


def test_nodes_of_these_lists_are_no_free_blocks() -> None:
    m = machine()
    folio = take(m)
    page_alloc.folio_put(folio)
    assert (m.buddy_order.get(folio.id), m._refcount.get(folio.id)) == (0, 0)
    assert not any(number >= Links.PCP for number, _ in m.nr_free.items())


def test_each_cpu_has_its_own() -> None:
    m = machine(cpus=2)
    folio = take(m)
    m.this_cpu = 1
    page_alloc.folio_put(folio)
    assert (listed(m, 0, cpu=0)[0], listed(m, 0, cpu=1)) == (1, [0])
    pcp.drain_local_pages(m, 0)
    assert m.pcp_count.run(0, 2) == [0, 1]


# -- how many ----------------------------------------------------------------------------------------
def test_until_6_6_what_is_drained_doubles() -> None:
    m = machine(memory='size = "256M"')
    folios = [take(m) for _ in range(1100)]
    drained = []
    for folio in folios:
        before = m.pcp_count.get(0)
        page_alloc.folio_put(folio)
        if m.pcp_count.get(0) <= before:
            drained.append(before + 1 - m.pcp_count.get(0))
    assert (m.zones[0].pcp_batch, drained) == (15, [15, 30, 60, 120, 240, 480])
    assert m.pcp_factor.get(0) == 6
    take(m)
    assert m.pcp_factor.get(0) == 3


def test_from_6_7_on_what_a_refill_takes_doubles_and_frees_halve_it() -> None:
    m = machine("6.8")
    taken = []
    for _ in range(1000):
        before = m.pcp_count.get(0)
        folio = take(m)
        if m.pcp_count.get(0) > before:
            taken.append(m.pcp_count.get(0) + 1)
    assert taken == [63, 126, 252, 504, 1008]
    assert m.pcp_factor.get(0) == 5
    page_alloc.folio_put(folio)
    assert m.pcp_factor.get(0) == 2
    assert m.pcp_high.get(0) == m.zones[0].pcp_high[0] + sum(taken)


@pytest.mark.parametrize(("variant", "frees"), [("v3", 323), ("6.8", 17), ("6.14", 17), ("6.18", 178)])
def test_many_frees_of_orders_1_to_3_in_a_row_empty_the_lists(variant: str, frees: int) -> None:
    """6.5: after the first drain.  6.7: after a batch of pages.  6.18: after a batch and half of high_min."""
    m = machine(variant)
    folios = [take(m, 2) for _ in range(330)]
    for k, folio in enumerate(folios[:frees]):
        page_alloc.folio_put(folio)
        assert (m.pcp_count.get(0) == 0) is (k == frees - 1)


def test_while_the_zone_is_reclaimed_four_batches_may_stay() -> None:
    m = machine()
    folios = [take(m) for _ in range(400)]
    m.zone_flags.set(0, ZONE_RECLAIM_ACTIVE)
    for folio in folios:
        page_alloc.folio_put(folio)
    assert m.pcp_count.get(0) < 252


def test_below_the_high_mark_the_lists_shrink_to_their_least_and_then_the_flag_goes() -> None:
    m = machine("6.8", memory='size = "256M"')
    folios = [take(m) for _ in range(1000)]
    m.zone_flags.set(0, ZONE_BELOW_HIGH)
    m.watermark.set(WMARK_HIGH, m.nr_free_pages.get(0) + 300)
    high = m.pcp_high.get(0)
    for folio in folios:
        page_alloc.folio_put(folio)
    assert m.pcp_high.get(0) < high
    assert m.zone_flags.get(0) == 0


@pytest.mark.parametrize(("variant", "left"), [("6.18", 512), ("7.1", 0)])
def test_from_7_0_on_what_goes_goes_batch_by_batch(variant: str, left: int) -> None:
    """Of 512 pages that have to go: one block of 512, or one for each batch of 63."""
    m = machine(variant)
    m.zones[0] = m.zones[0]._replace(pcp_high=(1024, 1024))
    for folio in [take(m, 9), take(m, 9)]:
        m.pcp_free_count.set(0, 0)
        page_alloc.folio_put(folio)
    assert m.pcp_count.get(0) == left


# -- types -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("migratetype", [MIGRATE_HIGHATOMIC, MIGRATE_CMA])
@pytest.mark.parametrize("variant", ["v3", "6.12"])
def test_what_is_highatomic_or_cma_waits_among_the_movable(variant: str, migratetype: int) -> None:
    m = machine(variant)
    m.mixed = True
    folio = take(m, 9)
    m.pageblock.set(folio.id >> 9, migratetype)
    assert pcp.free_unref_page(m, folio.id + 5, 0)
    assert listed(m, 0) == [folio.id + 5 - START]
    pcp.drain_all_pages(m)
    assert m.nr_free.get(m.list_number(0, migratetype, 0)) == 1


@pytest.mark.parametrize(("variant", "how"), [("v3", "own"), ("6.8", "pcp"), ("6.18", "pcp")])
def test_without_alloc_cma_6_5_takes_movable_pages_from_the_zone(variant: str, how: str) -> None:
    """rmqueue(); the look at the high mark before the OOM killer is one that has no ALLOC_CMA."""
    m = machine(variant)
    page_alloc.folio_put(take(m))
    on_list = listed(m, 0)
    found = get_page_from_freelist(m, GFP, 0, WMARK_HIGH, 0)
    assert isinstance(found, Found)
    assert (found.how, found.pfn - START == on_list[0]) == (how, how == "pcp")
    assert rmqueue(m, found, 0, MIGRATE_MOVABLE) == found.pfn
    assert listed(m, 0) == (on_list if how == "own" else on_list[1:])


def test_an_isolated_page_goes_past_the_lists() -> None:
    m = machine()
    folio = take(m)
    m.pageblock.set(folio.id >> 9, MIGRATE_ISOLATE)
    page_alloc.folio_put(folio)
    assert folio.id - START not in listed(m, 0)
    assert m.nr_free.get(m.list_number(0, MIGRATE_ISOLATE, 0)) == 1


@pytest.mark.parametrize(("variant", "goes_to"), [("v3", MIGRATE_MOVABLE), ("6.10", MIGRATE_UNMOVABLE)])
def test_before_6_10_a_page_keeps_the_type_that_its_pageblock_had(variant: str, goes_to: int) -> None:
    m = machine(variant, memory="free = { 0 = 80 }")
    m.mixed = True
    folio = take(m)
    page_alloc.folio_put(folio)
    m.pageblock.set(folio.id >> 9, MIGRATE_UNMOVABLE)
    pcp.free_pcppages_bulk(m, 0, 1, 1)
    assert m.nr_free.get(m.list_number(0, goes_to, 0)) == (80 if goes_to == MIGRATE_MOVABLE else 1)
    assert not dict(m.pcppage_migratetype.items())


def with_reserve(variant: str) -> tuple[Machine, int]:
    """A machine with a highatomic block of order 3, and its pfn; one more, movable, is in use."""
    m = machine(variant, memory="free = { 3 = 3 }")
    m.pcp, m.mixed = False, True
    folios = [take(m, 3) for _ in range(3)]
    m.pageblock.set(START >> 9, MIGRATE_HIGHATOMIC)
    page_alloc.folio_put(folios[0])
    m.pageblock.set(START >> 9, MIGRATE_MOVABLE)
    page_alloc.folio_put(folios[1])
    m.pcp = True
    return m, folios[0].id


def test_a_refill_that_gets_nothing_leaves_it_to_the_zone() -> None:
    """A refill takes nothing of the reserves."""
    m, reserved = with_reserve("6.12")
    flags = ALLOC_HIGHATOMIC | ALLOC_CMA
    first = pcp.rmqueue_pcplist(m, 0, 3, MIGRATE_MOVABLE, flags)
    found = pcp.peek_pcp(m, 0, 3, MIGRATE_MOVABLE, flags)
    assert (first == reserved, found) == (False, None)
    assert pcp.rmqueue_pcplist(m, 0, 3, MIGRATE_MOVABLE, flags) == reserved
    assert m.pcp_count.get(0) == 0


def test_from_7_1_on_an_atomic_request_does_not_refill() -> None:
    m, reserved = with_reserve("7.1")
    assert pcp.peek_pcp(m, 0, 3, MIGRATE_MOVABLE, ALLOC_HIGHATOMIC) is None
    assert pcp.rmqueue_pcplist(m, 0, 3, MIGRATE_MOVABLE, ALLOC_HIGHATOMIC) == reserved


# -- all of it ---------------------------------------------------------------------------------------
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.sampled_from([0, 0, 0, 1, 2, 3, 4, 9]), st.integers(0, 1)),
        st.tuples(st.just("put"), st.integers(0, 1000), st.integers(0, 1)),
        st.tuples(st.just("drain"), st.integers(0, 1), st.integers(0, 1)),
    ),
    max_size=40,
)


@pytest.mark.parametrize("variant", RELEASES)
@given(OPERATIONS)
@settings(max_examples=15, deadline=None)
def test_no_page_is_lost_and_all_of_it_can_be_undone(variant: str, operations: list[tuple[str, int, int]]) -> None:
    m = machine(variant, memory='size = "16M"\nmin = 0', cpus=2)
    start, total = m.digest(), m.nr_free_pages.get(0)
    held: list[Folio] = []
    for verb, number, cpu in operations:
        m.this_cpu = cpu
        if verb == "take":
            found = page_alloc.look(m, GFP, number)
            folio = page_alloc.take(m, GFP, number)
            assert (folio.id if folio else None) == (found.pfn if isinstance(found, Found) else None)
            held += [folio] if folio else []
        elif verb == "put" and held:
            page_alloc.folio_put(held.pop(number % len(held)))
        elif verb == "drain":
            pcp.drain_local_pages(m, number)
        kept = sum(count for _, count in m.pcp_count.items())
        assert m.nr_free_pages.get(0) + kept + sum(folio.nr_pages for folio in held) == total
    assert violations(m, False) == []
    for folio in held:
        page_alloc.folio_put(folio)
    pcp.drain_all_pages(m)
    assert violations(m, False) == []
    assert m.nr_free_pages.get(0) == total
    assert m.nr_free.get(m.list_number(0, MIGRATE_MOVABLE, 10)) == 4
    m.journal.move(0)
    assert m.digest() == start


@pytest.mark.parametrize("variant", ["6.5", "6.10", "6.18"])
def test_the_same_in_aged_memory(variant: str) -> None:
    """Refills that steal, pages that go back to pageblocks of another type."""
    m = machine(variant, memory='size = "64M"\nfragment = { seed = 1, unmovable = 0.1, free = 0.2 }', cpus=2)
    start, total, rng = m.digest(), m.nr_free_pages.get(0), Random(5)
    held: list[Folio] = []
    for _ in range(300):
        m.this_cpu, order, gfp = rng.randrange(2), rng.choice((0, 0, 0, 1, 2, 3, 4, 9)), rng.choice((GFP, GFP_KERNEL))
        if rng.random() < 0.6:
            found, folio = page_alloc.look(m, gfp, order), page_alloc.take(m, gfp, order)
            assert (folio.id if folio else None) == (found.pfn if isinstance(found, Found) else None)
            held += [folio] if folio else []
        elif held:
            page_alloc.folio_put(held.pop(rng.randrange(len(held))))
    assert violations(m, False) == []
    for folio in held:
        page_alloc.folio_put(folio)
    pcp.drain_all_pages(m)
    assert (m.nr_free_pages.get(0), violations(m, False)) == (total, [])
    m.journal.move(0)
    assert m.digest() == start


def broken(m: Machine) -> set[str]:
    return {name for name, _ in violations(m, False)}


def test_a_wrong_count_is_seen() -> None:
    m = machine()
    take(m)
    m.pcp_count.add(0, 1)
    assert broken(m) == {"pcp_counts_match"}


def test_a_block_that_is_in_use_or_free_is_seen() -> None:
    m = machine()
    take(m)
    m._refcount.set(START + 5, 1)
    assert broken(m) == {"pcp_blocks_are_apart"}
    m._refcount.set(START + 5, 0)
    assert broken(m) == set()
    m.buddy_order.set(START, 4)
    assert "pcp_blocks_are_apart" in broken(m)


def test_in_a_zone_that_is_hardly_above_its_mark_high_min_is_the_larger_bound() -> None:
    m = machine("6.10", memory='size = "4M"\nmin = 300')
    assert m.zones[0].pcp_high == (375, 128)
    held = [page_alloc.take(m, GFP, 0) for _ in range(9)]
    assert broken(m) == set()
    assert None not in held


def test_a_high_out_of_bounds_is_seen() -> None:
    m = machine()
    m.pcp_high.set(0, 5)
    assert broken(m) == {"pcp_bounds_hold"}
