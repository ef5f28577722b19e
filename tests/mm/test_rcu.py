# SPDX-License-Identifier: GPL-2.0-only
"""Page tables live until the last CPU that might look at them has looked away; PT_RECLAIM takes only empty ones."""

from __future__ import annotations

import pytest

from kernelmodel.machine import Machine
from kernelmodel.mm.rcu import rcu_read_lock, rcu_read_unlock, table_free_rcu
from kernelmodel.mm.tables import PTE_LEVEL, table_alloc
from kernelmodel.session import Session

from .races import SMALL, finish, race, rest, told, until

PAGE = '[[populate]]\nat = "heap+0x1000"'
WRITE, ZAP = '0 write = "heap+0x5000"', '1 madvise = { at = "heap", size = "2M", advice = "MADV_DONTNEED" }'
RECLAIM = ["6.14", "7.1"]


def machine() -> Machine:
    return race("6.18", WRITE, ZAP, '2 write = "heap"').m


def on(m: Machine, cpu: int) -> Machine:
    m.this_cpu = cpu
    return m


# -- the grace period ----------------------------------------------------------------------------------
def test_without_readers_a_table_is_free_at_once() -> None:
    m = machine()
    table = table_alloc(m, 0, PTE_LEVEL)
    table_free_rcu(m, table)
    assert not m.table_used.get(table)
    assert table_alloc(m, 0, PTE_LEVEL) == table


def test_it_waits_for_those_who_read_then_and_for_no_other() -> None:
    m = machine()
    table = table_alloc(m, 0, PTE_LEVEL)
    rcu_read_lock(on(m, 0))
    rcu_read_lock(on(m, 1))
    table_free_rcu(m, table)
    rcu_read_lock(on(m, 2))
    rcu_read_unlock(on(m, 0))
    assert table_alloc(m, 0, PTE_LEVEL) != table
    rcu_read_unlock(on(m, 1))
    assert not m.table_used.get(table)


def test_the_way_leaves_no_trace() -> None:
    m = machine()
    before = m.digest()
    rcu_read_lock(on(m, 0))
    table_free_rcu(m, table_alloc(m, 0, PTE_LEVEL))
    assert m.digest() != before
    rcu_read_unlock(on(m, 0))
    assert m.digest() == before


# -- a fault that has mapped a table which then goes ---------------------------------------------------
def waits_for_the_lock(variant: str, *mutants: str) -> Session:
    """The zap stands with the table's lock held, about to free it; the fault has mapped it and waits."""
    s = race(variant, WRITE, ZAP, more=PAGE, mutants=mutants)
    until(s, 0, "charge:0")
    until(s, 1, "free-pgtables:freed")
    s.advance(cpu=0)
    return s


@pytest.mark.parametrize("variant", RECLAIM)
def test_pmd_same_finds_that_the_table_has_gone(variant: str) -> None:
    s = waits_for_the_lock(variant)
    assert finish(s) == set()
    heard = told(s, 0)
    k = heard.index("pmd-same:changed")
    assert heard[k + 1 : k + 3] == ["lock:NULL", "return:0"]
    assert heard[-1] == "return:0"
    assert s.m.min_flt.get(0) == 2


@pytest.mark.parametrize("variant", RECLAIM)
def test_without_pmd_same_the_page_goes_into_a_detached_table(variant: str) -> None:
    assert "no_live_pte_in_a_detached_table" in finish(waits_for_the_lock(variant, "drop R1"))


@pytest.mark.parametrize("variant", RECLAIM)
def test_without_rcu_the_lock_itself_has_gone(variant: str) -> None:
    s = waits_for_the_lock(variant, "drop RCU")
    assert finish(s) == {"use-after-free"}


def between_two_orders(variant: str, *mutants: str) -> Session:
    """The fault has found the first range populated; then the whole table is reclaimed."""
    s = race(variant, WRITE, ZAP, thp=SMALL + '\nhugepages-16kB = "always"', more=PAGE, mutants=mutants)
    until(s, 0, "pte-range:populated")
    rest(s, 1)
    return s


@pytest.mark.parametrize("variant", RECLAIM)
def test_the_unlocked_scan_reads_an_empty_table(variant: str) -> None:
    s = between_two_orders(variant)
    assert finish(s) == set()
    assert "pte-range:none" in told(s, 0)


@pytest.mark.parametrize("variant", RECLAIM)
def test_without_rcu_it_reads_what_was_freed(variant: str) -> None:
    assert finish(between_two_orders(variant, "drop RCU")) == {"use-after-free"}


@pytest.mark.parametrize("variant", ["6.5", "v3", "v5"])
def test_up_to_6_5_a_map_is_no_section(variant: str) -> None:
    s = race(variant, WRITE, '1 write = "heap+0x200000"', thp='enabled = "madvise"', more=PAGE)
    seen = set()
    while not s.finished:
        s.advance()
        seen.add(s.m.rcu.get(0))
    assert seen == {0}


# -- the lock that is dropped in the middle of a zap (B1) ----------------------------------------------
def refilled(*mutants: str, variant: str = "6.14") -> Session:
    """The zap has let go of the lock after its first page; a fault fills what it has emptied."""
    s = race(variant, ZAP.replace("1", "0", 1), '1 write = "heap+0x1000"', more=PAGE, mutants=mutants)
    until(s, 0, "step:zap-resched")
    rest(s, 1)
    return s


@pytest.mark.parametrize("variant", RECLAIM)
def test_the_table_is_looked_through_again(variant: str) -> None:
    s = refilled(variant=variant)
    assert finish(s) == set()
    assert "free-pgtables:freed" not in told(s, 0)


@pytest.mark.parametrize("variant", RECLAIM)
def test_b1_frees_a_table_that_is_in_use(variant: str) -> None:
    s = refilled("B1", variant=variant)
    assert "no_live_pte_in_a_detached_table" in finish(s)
    assert "free-pgtables:freed" in told(s, 0)


def test_an_undisturbed_zap_frees_it() -> None:
    s = race("6.14", '0 write = "heap+0x200000"', ZAP, more=PAGE)
    rest(s, 1)
    assert finish(s) == set()
    assert "free-pgtables:freed" in told(s, 1)
