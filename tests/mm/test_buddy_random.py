# SPDX-License-Identifier: GPL-2.0-only
"""Ten thousand random requests, frees and steals: what is looked up is what is taken, the lists stay whole, and all of
it can be undone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
    GFP_HIGHUSER_MOVABLE,
    GFP_KERNEL,
    MIGRATE_CMA,
    MIGRATE_HIGHATOMIC,
    MIGRATE_MOVABLE,
    MIGRATE_RECLAIMABLE,
    MIGRATE_UNMOVABLE,
    WMARK_HIGH,
    PG_lru,
)
from kernelmodel.invariants.buddy import CHECKS
from kernelmodel.machine import Machine
from kernelmodel.mm import fallback
from kernelmodel.mm.buddy import __free_one_page, free_one_page, get_pageblock_migratetype
from kernelmodel.mm.freelist import peek_rmqueue, rmqueue
from kernelmodel.mm.highatomic import unreserve_highatomic_pageblock
from kernelmodel.mm.untouched import touch
from tests.build import cells
from tests.mm.memory import PAGEBLOCK, START, UNIT, memory, unit

U, M, R, H, C = MIGRATE_UNMOVABLE, MIGRATE_MOVABLE, MIGRATE_RECLAIMABLE, MIGRATE_HIGHATOMIC, MIGRATE_CMA
LAYOUT = (
    unit((M, U), {0: 8, 320: 6, 520: 3, 640: 7}, (BG_FILE, BG_UNMOVABLE)),
    unit((R, H), {8: 3, 64: 4, 512: 5, 768: 8}, (BG_FILE, BG_PINNED)),
    unit((C, M), {0: 9, 515: 0, 552: 3, 768: 6}, BG_FILE),
    unit((M, M), {0: 10}),
    unit((U, R), {16: 4, 512: 9}, BG_UNMOVABLE),
)
FLAGS = (0, 0, 0, ALLOC_CMA, ALLOC_CMA, ALLOC_CMA | ALLOC_NOFRAGMENT, ALLOC_NOFRAGMENT, ALLOC_KSWAPD, ALLOC_OOM,
         ALLOC_NON_BLOCK | ALLOC_HIGHATOMIC)  # fmt: skip
ORDERS = (0, 0, 0, 0, 1, 2, 3, 4, 4, 5, 6, 7, 8, 9, 10)


class Traffic:
    """One machine and what is taken of it: (pfn, order, type of the pageblock when it was taken)."""

    def __init__(self, variant: str) -> None:
        m = self.m = memory(variant, LAYOUT)
        m.zones[0] = m.zones[0]._replace(managed=1 << 18)
        m.watermark.set(WMARK_HIGH, 20000)
        m.nr_reserved_highatomic.set(0, PAGEBLOCK)
        m.journal.seal()
        self.held: list[tuple[int, int, int]] = []
        self.mode = 0

    def step(self, word: int) -> None:
        """What a random number says."""
        kind, word = word % 16, word >> 4
        if kind < 7:
            self.request(ORDERS[word % 15], word // 15 % 3, FLAGS[word // 45 % 10])
        elif kind < 9:
            self.refill(word % 4, word // 4 % 3)
        elif kind < 14 and self.held:
            self.free(word % len(self.held), bool(word & 1 << 12))
        elif kind < 15:
            self.free_background(START + word % (len(LAYOUT) * UNIT))
        else:
            unreserve_highatomic_pageblock(self.m, GFP_KERNEL if word & 1 else GFP_HIGHUSER_MOVABLE, 0, bool(word & 2))

    def request(self, order: int, migratetype: int, flags: int) -> None:
        found = peek_rmqueue(self.m, 0, order, migratetype, flags)
        if found is not None:
            assert rmqueue(self.m, found, order, migratetype) == found.pfn
            self.hold(found.pfn, order)

    def refill(self, order: int, migratetype: int) -> None:
        found, mode = fallback.peek_mode(self.m, 0, order, migratetype, 0, self.mode)
        pfn, self.mode = fallback.rmqueue_bulk_one(self.m, 0, order, migratetype, 0, self.mode)
        assert (pfn, self.mode) == (-1 if found is None else found.pfn, mode)
        if pfn >= 0:
            self.hold(pfn, order)

    def hold(self, pfn: int, order: int) -> None:
        self.m._refcount.set(pfn, 1)
        self.m.folio_order.set(pfn, order)
        if pfn & 4:
            self.m.page_flags.set(pfn, PG_lru)
        self.held.append((pfn, order, get_pageblock_migratetype(self.m, pfn)))

    def free(self, which: int, remembered: bool) -> None:
        pfn, order, migratetype = self.held.pop(which)
        for field in (self.m._refcount, self.m.folio_order, self.m.page_flags):
            field.set(pfn, 0)
        if remembered and self.m.release < (6, 10):
            free_remembered(self.m, pfn, order, migratetype)
        else:
            free_one_page(self.m, pfn, order)

    def free_background(self, pfn: int) -> None:
        touch(self.m, pfn)
        if self.m.background.get(pfn):
            self.m.background.set(pfn, 0)
            free_one_page(self.m, pfn, 0)


def free_remembered(m: Machine, pfn: int, order: int, migratetype: int) -> None:
    """As from a CPU's list of 6.5, whose pages remember their type."""
    __free_one_page(m, pfn, order, migratetype)


def broken(m: Machine) -> list[str]:
    return [why for check in CHECKS for why in check(m)]


@pytest.mark.parametrize("variant", ["6.5", "6.12", "6.18"])
@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(0, (1 << 24) - 1), min_size=420, max_size=440))
def test_random_traffic(variant: str, words: list[int]) -> None:
    traffic = Traffic(variant)
    m = traffic.m
    start, begin = (cells(m), m.digest()), m.journal.mark()
    for number, word in enumerate(words):
        traffic.step(word)
        m.journal.mark()
        if number % 32 == 0:
            assert broken(m) == []
    assert broken(m) == []
    if m.release >= (6, 10):
        reserved = sum(get_pageblock_migratetype(m, START + k * PAGEBLOCK) == H for k in range(2 * len(LAYOUT)))
        assert m.nr_reserved_highatomic.get(0) == reserved * PAGEBLOCK
    end, position = cells(m), m.journal.pos
    assert m.digest() != start[1]
    m.journal.move(begin)
    assert (cells(m), m.digest()) == start
    m.journal.move(position)
    assert cells(m) == end


def test_the_checks_see_a_block_on_another_types_list() -> None:
    m = Traffic("6.12").m
    touch(m, START)
    assert broken(m) == []
    m.pageblock.set(START >> 9, U)
    assert broken(m)
