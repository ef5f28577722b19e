# SPDX-License-Identifier: GPL-2.0-only
"""The buddy allocator against its rules: split, merge, list ends, watermarks, and undo."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelmodel.decision import KernelBug
from kernelmodel.defs import GFP_HIGHUSER_MOVABLE as GFP
from kernelmodel.defs import MIGRATE_MOVABLE
from kernelmodel.invariants import violations
from kernelmodel.machine import Machine
from kernelmodel.mm import buddy, freelist, page_alloc
from kernelmodel.structs import Folio
from tests.build import cells, machine
from tests.mm.memory import memory, unit

START = (4 << 30) >> 12


def free_counts(m: Machine) -> list[int]:
    return [m.nr_free.get(m.list_number(0, MIGRATE_MOVABLE, order)) for order in range(m.orders)]


def list_of(m: Machine, order: int) -> list[int]:
    number, found = m.list_number(0, MIGRATE_MOVABLE, order), []
    node = m.lists.first(number)
    while node:
        found.append(node)
        node = m.lists.after(node, number)
    return found


def take(m: Machine, order: int) -> Folio:
    folio = page_alloc.take(m, GFP, order)
    assert folio is not None
    return folio


def test_splitting_order_10_to_order_4_leaves_one_block_on_each_order_between() -> None:
    m = machine("size = '4M'\nmin = 0")
    folio = take(m, 4)
    assert folio.id == START
    assert free_counts(m) == [0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0]
    assert [list_of(m, order)[0] - START for order in range(4, 10)] == [0x10, 0x20, 0x40, 0x80, 0x100, 0x200]


def test_freeing_it_gives_the_single_block_back() -> None:
    m = machine("size = '4M'\nmin = 0")
    before = cells(m), m.digest()
    page_alloc.folio_put(take(m, 4))
    assert (cells(m), m.digest()) == before


def test_small_requests_from_one_block_come_back_in_ascending_order() -> None:
    m = machine()
    assert [take(m, 0).id - START for _ in range(5)] == [0, 1, 2, 3, 4]


def test_the_last_freed_block_is_the_next_to_be_taken() -> None:
    m = machine("free = { 4 = 3 }")
    first, second = take(m, 4), take(m, 4)
    page_alloc.folio_put(first)
    page_alloc.folio_put(second)
    assert take(m, 4).id == second.id


def test_a_block_whose_next_merge_is_likely_goes_to_the_tail() -> None:
    m = machine("size = '4M'\nmin = 0")
    a, b = take(m, 4), take(m, 4)  # 0x00 and 0x10: the buddy of their parent, order 5 at 0x20, is free
    page_alloc.folio_put(b)
    assert list_of(m, 4)[-1] == b.id
    page_alloc.folio_put(a)
    assert free_counts(m)[10] == 1


def test_blocks_of_a_fresh_zone_are_taken_in_ascending_order() -> None:
    m = machine("size = '64M'\nmin = 0")
    assert [take(m, 10).id - START for _ in range(3)] == [0, 1024, 2048]


def test_a_zone_that_is_no_multiple_of_the_largest_block_has_the_rest_in_smaller_ones() -> None:
    m = machine("size = 0x501000\nmin = 0")  # 1281 pages: 1024 + 256 + 1
    assert free_counts(m) == [1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1]
    assert violations(m, True) == []


@pytest.mark.parametrize(
    ("size", "marks"), [("64M", (256, 320, 384)), ("1G", (1024, 1286, 1548)), ("16G", (4096, 8290, 12484))]
)
def test_watermarks_are_those_of_the_kernel(size: str, marks: tuple[int, int, int]) -> None:
    m = machine(f"size = '{size}'")
    assert tuple(m.watermark.get(level) for level in range(3)) == marks


def test_given_blocks_are_the_only_free_memory_and_none_can_merge() -> None:
    m = machine("free = { 0 = 30, 4 = 2 }")
    assert free_counts(m) == [30, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0]
    assert m.nr_free_pages.get(0) == 62
    assert [m.watermark.get(level) for level in range(3)] == [0, 0, 0]
    folios = [take(m, 4), take(m, 4)]
    assert isinstance(page_alloc.look(m, GFP, 4), freelist.Refused)
    for folio in folios:
        page_alloc.folio_put(folio)
    assert free_counts(m) == [30, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0]


def test_the_splits_of_one_block_and_its_way_back() -> None:
    """The one block is at 0x400: what is split off stands at its buddies, which a free finds again."""
    m = memory("6.5", (unit((MIGRATE_MOVABLE, MIGRATE_MOVABLE), {0: 10}),))
    folio = take(m, 4)
    assert folio.id == START
    assert [list_of(m, order) for order in range(4, 11)] == [
        *([START + (1 << order)] for order in range(4, 10)), []
    ]  # fmt: skip
    page_alloc.folio_put(folio)
    assert free_counts(m) == [0] * 10 + [1]


def test_freeing_a_mapped_page_is_a_bug() -> None:
    m = machine()
    folio = take(m, 0)
    m._mapcount.set(folio.id, 1)
    with pytest.raises(KernelBug, match="mapped"):
        page_alloc.folio_put(folio)


def test_a_terabyte_costs_what_is_touched() -> None:
    m = machine("size = '1T'")
    take(m, 0)
    touched = sum(len(field.chunks) for field in m.journal.fields)
    assert touched < 100
    assert free_counts(m)[10] == (1 << 28 >> 10) - 1


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0, 0, 1, 2, 3, 4, 9, 10]), st.integers(0, 99)), max_size=60))
def test_random_traffic_keeps_the_invariants_and_is_undone_exactly(traffic: list[tuple[int, int]]) -> None:
    m = machine("size = '16M'\nmin = 0")
    start, begin = (cells(m), m.digest()), m.journal.mark()
    held: list[Folio] = []
    for order, pick in traffic:
        if held and pick < 45:
            page_alloc.folio_put(held.pop(pick % len(held)))
        elif (folio := page_alloc.take(m, GFP, order)) is not None:
            held.append(folio)
        bad = [name for name, _ in violations(m, False)]
        assert bad == []
        m.journal.mark()
    end, position = (cells(m), m.digest()), m.journal.pos
    m.journal.move(begin)
    assert (cells(m), m.digest()) == start
    m.journal.move(position)
    assert (cells(m), m.digest()) == end
    for folio in held:
        page_alloc.folio_put(folio)
    assert free_counts(m) == [0] * 10 + [4]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([0, 2, 3, 4, 9, 10]), max_size=8), st.sampled_from([0, 1, 2, 3, 4, 5, 9, 10]))
def test_free_undoes_alloc(before: list[int], order: int) -> None:
    m = machine("size = '32M'\nmin = 0")
    for each in before:
        page_alloc.take(m, GFP, each)
    state = cells(m), m.digest()
    folio = page_alloc.take(m, GFP, order)
    if folio is not None and not buddy.buddy_merge_likely(m, m.zones[0], folio.id, order):
        page_alloc.folio_put(folio)
        assert (cells(m), m.digest()) == state
