# SPDX-License-Identifier: GPL-2.0-only
"""What each recheck under a lock is for: an interleaving that is harmless with it and breaks something without."""

from __future__ import annotations

import pytest

from kernelmodel.mutants import MUTANTS
from kernelmodel.session import Session
from kernelmodel.variant_names import VARIANTS

from .races import HUGE, ONE, SMALL, finish, race, rest, told, until

TWO = ('0 write = "heap+0x5000"', '1 write = "heap+0x5000"')
EVERY = ["6.5", "v1", "v3", "v8", "6.10", "7.1"]
MERGED = ["v8", "6.8", "7.1"]
ARMED = """
[[vma]]
name = "armed"
start = 0x7e0000000000
size = "4M"
flags = ["VM_WRITE"]
uffd = ["missing"]
"""
ZERO = '[[populate]]\nat = "heap+0x5000"\nwith = "zero-page"'


def second_first(variant: str, stop: str, *mutants: str, thp: str = ONE, more: str = "") -> Session:
    """Two writes to one address; the first has come to a stop when the second does all that it does."""
    s = race(variant, *TWO, thp=thp, more=more, mutants=mutants)
    until(s, 0, stop)
    rest(s, 1)
    return s


# -- R2: are the PTEs still none? ----------------------------------------------------------------------
@pytest.mark.parametrize("variant", EVERY)
def test_r2(variant: str) -> None:
    s = second_first(variant, "charge:0")
    assert finish(s) == set()
    assert "recheck:changed" in told(s, 0)
    assert "mapcounts_match" in finish(second_first(variant, "charge:0", "drop R2"))


def beside_a_neighbour(variant: str, *mutants: str) -> Session:
    """A large folio is ready when one page of its range, not its first, is mapped by another CPU."""
    late = '1 write = "heap+0x3000"\nanswers = ["vma_alloc_folio(order=4) = NULL"]'
    s = race(variant, TWO[0], late, thp=SMALL, mutants=mutants)
    until(s, 0, "charge:0")
    rest(s, 1)
    return s


@pytest.mark.parametrize("variant", MERGED)
def test_r2_looks_at_the_whole_range(variant: str) -> None:
    s = beside_a_neighbour(variant)
    assert finish(s) == set()
    assert "recheck:changed" in told(s, 0)
    assert "mapcounts_match" in finish(beside_a_neighbour(variant, "R2 one PTE"))
    assert finish(second_first(variant, "charge:0", "R2 one PTE", thp=SMALL)) == set()


@pytest.mark.parametrize("variant", ["v3", "6.12"])
def test_the_unlocked_scan_is_no_recheck(variant: str) -> None:
    """It still finds the neighbour: only what is asked under the lock is dropped."""
    page = '[[populate]]\nat = "heap+0x1000"'
    s = race(variant, *TWO, thp='enabled = "always"\n' if variant == "v3" else SMALL, more=page, mutants=("drop R2",))
    until(s, 0, "pte-range:populated")


# -- R3, R4 --------------------------------------------------------------------------------------------
def reaped(stop: str, *mutants: str, variant: str = "6.12", thp: str = ONE) -> Session:
    """The reaper has been at the range of a fault that is under way."""
    s = race(variant, TWO[0], '1 reap = { at = "heap", size = "4M" }', thp=thp, mutants=mutants)
    until(s, 0, stop)
    rest(s, 1)
    return s


@pytest.mark.parametrize("variant", ["v2", "6.14"])
def test_r3(variant: str) -> None:
    s = reaped("charge:0", variant=variant)
    assert finish(s) == set()
    assert told(s, 0)[-2:] == ["stable:unstable", "return:VM_FAULT_SIGBUS"]
    assert "reaped_stays_reaped" in finish(reaped("charge:0", "drop R3", variant=variant))


def test_r3_must_be_asked_under_the_lock() -> None:
    assert "reaped_stays_reaped" in finish(reaped("step:R3", "R3 before PTL"))
    assert told(race("6.12", TWO[0]), 0).count("step:R3") == 0


@pytest.mark.parametrize("variant", ["6.5", "7.1"])
def test_r4(variant: str) -> None:
    """No race is needed: who is armed is told."""

    def run(*mutants: str) -> list[str]:
        s = race(variant, '0 write = "armed"', thp=ONE, mutants=mutants, more=ARMED)
        finish(s)
        return told(s, 0)

    assert "uffd-missing:missing" in run()
    assert "install:folio" not in run()
    assert {"uffd-missing:clear", "install:folio"} <= set(run("drop R4"))


# -- R5: is the PMD still none? ------------------------------------------------------------------------
@pytest.mark.parametrize("variant", ["v3", "7.2"])
def test_r5_of_a_table(variant: str) -> None:
    s = second_first(variant, "pte-alloc:table")
    assert finish(s) == set()
    assert "no_live_pte_in_a_detached_table" in finish(second_first(variant, "pte-alloc:table", "drop R5"))


@pytest.mark.parametrize("variant", ["6.5", "6.10", "6.18"])
def test_r5_of_a_leaf(variant: str) -> None:
    s = second_first(variant, "charge:0", thp=HUGE)
    assert finish(s) == set()
    assert "pmd-recheck:changed" in told(s, 0)
    assert "mapcounts_match" in finish(second_first(variant, "charge:0", "drop R5", thp=HUGE))


@pytest.mark.parametrize("variant", ["6.5", "7.1"])
def test_r5_of_the_huge_zero_page(variant: str) -> None:
    def run(*mutants: str) -> Session:
        s = race(variant, '0 read = "heap"', TWO[1], thp=HUGE, mutants=mutants)
        until(s, 0, "huge-zero:folio")
        rest(s, 1)
        return s

    assert finish(run()) == set()
    assert "mapcounts_match" in finish(run("drop R5"))


# -- R6: is the PTE still the same? --------------------------------------------------------------------
@pytest.mark.parametrize("variant", ["6.5", "7.1"])
@pytest.mark.parametrize("stop", ["orig-pte:present", "charge:0"])
def test_r6_of_a_write_to_the_zero_page(variant: str, stop: str) -> None:
    s = second_first(variant, stop, more=ZERO)
    assert finish(s) == set()
    assert "recheck:changed" in told(s, 0)
    assert "mapcounts_match" in finish(second_first(variant, stop, "drop R6", more=ZERO))


# -- the table -----------------------------------------------------------------------------------------
def test_the_mutants_name_variants_that_exist() -> None:
    assert {variant for each in MUTANTS.values() for variant in each.variants} <= VARIANTS.keys()
    assert all(each.words and each.source for each in MUTANTS.values())
