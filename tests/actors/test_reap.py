# SPDX-License-Identifier: GPL-2.0-only
"""The OOM reaper: what it takes stays taken, and what it is refused."""

from __future__ import annotations

import pytest

from kernelmodel.defs import EAGAIN, MMF_UNSTABLE, VM_FAULT_SIGBUS
from kernelmodel.session import Session
from kernelmodel.structs import Mm
from tests.build import HEAP, decisions, finish

from .races import broken, event, race, until

SIZES = {"4K": 'enabled = "never"', "64K": 'enabled = "never"\nhugepages-64kB = "always"', "2M": 'enabled = "always"'}
WRITE = 'write = "heap+0x5000"'
REAP = 'reap = { at = "heap", size = "4M" }'


@pytest.mark.parametrize(("variant", "size"), [("6.5", "4K"), ("6.12", "64K"), ("6.18", "2M"), ("7.1", "64K")])
def test_what_is_reaped_is_not_mapped_again(variant: str, size: str) -> None:
    s = finish(race(variant, event(0, WRITE), event(0, REAP), event(0, WRITE), thp=SIZES[size]))
    assert [end.ret for end in s.accesses] == [0, VM_FAULT_SIGBUS]
    assert "stable:unstable" in decisions(s)
    assert broken(s) == set()


def test_guard_markers_and_tables_stay() -> None:
    """The reaper passes no wish to drop markers or tables, unlike MADV_DONTNEED (PT_RECLAIM) and munmap."""
    s = finish(race("7.1", event(0, WRITE), event(0, REAP), thp=SIZES["4K"]))
    assert s.m.nr_ptes.get(0) == 1
    assert broken(s) == set()


@pytest.mark.parametrize(("variant", "first"), [("6.14", 0x7F0000000000), ("6.18", 0x7F0000800000)])
def test_the_order_of_vmas(variant: str, first: int) -> None:
    """From 6.18 on from the highest down."""
    two = HEAP + HEAP.replace('"heap"', '"more"').replace("0x7f0000000000", "0x7f0000800000")
    s = finish(race(variant, event(0, 'reap = { at = "heap", size = "12M" }'), vma=two))
    found = [s.event(step).addr for step in range(s.last) if s.event(step).kind == "reap-vma"]
    assert len(found) == 2
    assert found[0] == first


def test_it_does_not_wait_for_a_writer() -> None:
    s = race("6.12", event(0, 'munmap = { at = "heap", size = "1M" }'), event(1, REAP), thp=SIZES["4K"])
    until(s, 0, "munmap-")
    assert until(s, 1, "reap-return") == "reap-return:-EAGAIN"
    finish(s)
    assert not Mm(s.m, 0).flags & MMF_UNSTABLE
    assert sorted(end.ret for end in s.ended) == [-EAGAIN, 0]


def after(steps: int, variant: str, size: str, *mutants: str) -> Session:
    """CPU 0 makes so many steps of a write; CPU 1 writes to the same page and reaps; CPU 0 goes on."""
    s = race(variant, event(0, WRITE), event(1, WRITE), event(1, REAP), thp=SIZES[size], mutants=mutants)
    for _ in range(steps):
        s.advance(cpu=0)
    while not s.finished:
        s.advance(cpu=1)
    return s


@pytest.mark.parametrize("size", ["64K", "2M"])
@pytest.mark.parametrize("mutant", ["", "drop R3", "R3 before PTL"])
def test_the_recheck_is_what_keeps_it_so(size: str, mutant: str) -> None:
    found = set()
    for steps in range(6, 20, 2):
        s = after(steps, "6.12", size, *filter(None, [mutant]))
        assert s.stop.kind == "end"
        found |= broken(s)
    assert found == ({"reaped_stays_reaped"} if mutant else set())


def test_a_leaf_may_come_where_nothing_was() -> None:
    """The reaper passes an empty PMD without its lock; the fault that holds it has found the mm stable before."""
    s = race("7.1", event(0, WRITE), event(1, REAP), thp=SIZES["2M"])
    until(s, 0, "stable:stable")
    until(s, 1, "reap-return:0")
    finish(s)
    assert s.accesses[0].ret == 0
    assert broken(s) == set()
