# SPDX-License-Identifier: GPL-2.0-only
"""A machine to try things on: what it sees, and that nothing of it is seen."""

from __future__ import annotations

from kernelmodel.defs import GFP_HIGHUSER_MOVABLE
from kernelmodel.machine import Machine
from kernelmodel.mm import page_alloc
from kernelmodel.shadow import shadow, tried
from tests.build import cells, machine


def take(m: Machine, order: int) -> int:
    folio = page_alloc.take(m, GFP_HIGHUSER_MOVABLE, order)
    assert folio is not None
    return folio.id


def test_what_is_done_there_turns_out_as_it_would_here() -> None:
    m = machine("size = '16M'\nmin = 0")
    take(m, 4)
    before, position = cells(m), m.journal.pos
    other = shadow(m)
    seen = [take(other, order) for order in (0, 9, 4, 0)]
    assert (cells(m), m.journal.pos) == (before, position)
    assert [take(m, order) for order in (0, 9, 4, 0)] == seen
    assert cells(m) == cells(other)


def test_it_can_have_one_of_its_own() -> None:
    m = machine("size = '16M'\nmin = 0")
    first = shadow(m)
    pfn = take(first, 4)
    second = shadow(first)
    assert second._refcount.run(pfn, 2) == [1, 0]
    assert dict(second.nr_free.items()) == dict(first.nr_free.items())
    assert take(second, 4) == take(first, 4)
    second.background.fill(pfn + 500, 30, 7)
    assert second.background.run(pfn + 499, 3) == [0, 7, 7]
    assert first.background.run(pfn + 499, 3) == [0, 0, 0]


def test_what_was_tried_is_kept_for_this_state_and_this_cpu() -> None:
    m, calls = machine("size = '16M'\nmin = 0"), 0

    def stores(m: Machine) -> int:
        nonlocal calls
        calls += 1
        return sum(m.stores.run(0, 4)) * 10 + m.this_cpu

    assert [tried(m, stores), tried(m, stores), calls] == [0, 0, 1]
    m.stores.set(0, 1)
    assert [tried(m, stores), calls] == [10, 2]
    m.stores.set(1, 1)  # what continues the last store leaves the journal's position where it is
    assert [tried(m, stores), calls] == [20, 3]
    m.this_cpu = 1
    assert [tried(m, stores), tried(m, stores), calls] == [21, 21, 4]
    m.journal.seal()
    m.journal.move(0)
    assert [tried(m, stores), calls] == [21, 5]
