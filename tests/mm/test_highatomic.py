# SPDX-License-Identifier: GPL-2.0-only
"""The reserve for requests that may not sleep: when it grows, how far, and how it is given up."""

from __future__ import annotations

import pytest

from kernelmodel.defs import (
    ALLOC_HIGHATOMIC,
    BG_UNMOVABLE,
    GFP_HIGHUSER_MOVABLE,
    MIGRATE_HIGHATOMIC,
    MIGRATE_MOVABLE,
    MIGRATE_UNMOVABLE,
)
from kernelmodel.invariants import violations
from kernelmodel.machine import Machine
from kernelmodel.mm.freelist import Found, peek_rmqueue, rmqueue
from kernelmodel.mm.highatomic import max_reserved, reserve_highatomic_pageblock, unreserve_highatomic_pageblock
from tests.mm.memory import START, blocks, memory, unit

U, M, H = MIGRATE_UNMOVABLE, MIGRATE_MOVABLE, MIGRATE_HIGHATOMIC


def large(m: Machine, managed: int) -> Machine:
    """As if the zone were larger."""
    m.zones[0] = m.zones[0]._replace(managed=managed)
    return m


def get(m: Machine, order: int, migratetype: int) -> Found:
    found = peek_rmqueue(m, 0, order, migratetype, ALLOC_HIGHATOMIC)
    assert found is not None
    assert rmqueue(m, found, order, migratetype) == found.pfn
    return found


@pytest.mark.parametrize(("variant", "managed", "pages"), [
    ("6.5", 16384, 675), ("6.5", 262144, 3133), ("6.8", 16384, 0), ("6.8", 51200, 512), ("6.18", 262144, 3072),
])  # fmt: skip
def test_how_much_is_reserved_at_most(variant: str, managed: int, pages: int) -> None:
    assert max_reserved(large(memory(variant, (unit((M, M), {}),)), managed), 0) == pages


@pytest.mark.parametrize("variant", ["6.5", "6.12", "6.18"])
def test_a_highatomic_request_reserves_its_pageblock_with_all_that_is_free(variant: str) -> None:
    m = large(memory(variant, (unit((U, M), {0: 3, 64: 2, 512: 9}),)), 1 << 18)
    get(m, 2, U)
    assert m.nr_reserved_highatomic.get(0) == 512
    assert m.pageblock.get(START >> 9) == H
    assert sum(len(blocks(m, U, order)) for order in range(11)) == 0
    assert violations(m, False) == []
    assert get(m, 2, U).how == "highatomic"
    assert m.nr_reserved_highatomic.get(0) == 512


def test_no_more_than_the_limit() -> None:
    m = large(memory("6.18", (unit((U, U), {0: 3, 512: 3}),)), 51200)
    get(m, 3, U)
    get(m, 3, U)
    assert m.nr_reserved_highatomic.get(0) == 512


@pytest.mark.parametrize(("variant", "pages", "second"), [("6.5", 512, M), ("6.10", 1024, H)])
def test_a_request_larger_than_a_pageblock(variant: str, pages: int, second: int) -> None:
    m = large(memory(variant, (unit((M, M), {0: 10}),)), 1 << 18)
    get(m, 10, M)
    assert m.nr_reserved_highatomic.get(0) == pages
    assert [m.pageblock.get((START >> 9) + k) for k in range(2)] == [H, second]


@pytest.mark.parametrize(("variant", "pages"), [("6.18", 512), ("7.1", 0)])
def test_a_page_of_a_cpus_list_reserves_nothing_from_7_1_on(variant: str, pages: int) -> None:
    m = large(memory(variant, (unit((U, U), {0: 3}),)), 1 << 18)
    reserve_highatomic_pageblock(m, 0, START + 8, 1, "pcp")
    assert m.nr_reserved_highatomic.get(0) == pages


@pytest.mark.parametrize("variant", ["6.5", "6.12", "6.18"])
def test_one_pageblock_stays_reserved_unless_forced(variant: str) -> None:
    m = memory(variant, (unit((H, H), {0: 3, 512: 5}, BG_UNMOVABLE), unit((M, M), {})))
    m.nr_reserved_highatomic.set(0, 1024)
    gives = [unreserve_highatomic_pageblock(m, GFP_HIGHUSER_MOVABLE, 0, force) for force in (False, False, True, True)]
    assert gives == [True, False, True, False]
    assert m.nr_reserved_highatomic.get(0) == 0
    assert [m.pageblock.get((START >> 9) + k) for k in range(2)] == [M, M]
    assert (blocks(m, M, 3), blocks(m, M, 5)) == ([0], [512])
    assert violations(m, False) == []


@pytest.mark.parametrize(("variant", "left", "second"), [("6.5", 512, H), ("6.10", 0, M)])
def test_a_reserved_block_larger_than_a_pageblock_is_given_up_whole_from_6_10_on(
    variant: str, left: int, second: int
) -> None:
    m = memory(variant, (unit((H, H), {0: 10}),))
    m.nr_reserved_highatomic.set(0, 1024)
    assert unreserve_highatomic_pageblock(m, GFP_HIGHUSER_MOVABLE, 0, True)
    assert m.nr_reserved_highatomic.get(0) == left
    assert blocks(m, M, 10) == [0]
    assert m.pageblock.get((START >> 9) + 1) == second


def test_a_reserve_with_nothing_free_is_not_given_up() -> None:
    m = memory("6.18", (unit((H, H), {}),))
    m.nr_reserved_highatomic.set(0, 1024)
    assert not unreserve_highatomic_pageblock(m, GFP_HIGHUSER_MOVABLE, 0, True)
    assert m.nr_reserved_highatomic.get(0) == 1024
