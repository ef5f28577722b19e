# SPDX-License-Identifier: GPL-2.0-only
"""Locks of single VMAs: when a fault uses one, what it finds when it has it, and what a writer waits for."""

from __future__ import annotations

import pytest

from kernelmodel.look.lists import lock_views
from kernelmodel.session import Session
from tests.actors.races import broken, event, race, until
from tests.build import HEAP, decisions, finish

WRITE = event(0, 'write = "heap+0x5000"')
NEAR = event(0, 'write = "heap+0x6000"')
MUNMAP = event(1, 'munmap = { at = "heap", size = "4M" }')
PRCTL = event(1, "prctl = { PR_SET_THP_DISABLE = 1 }")
DONTNEED = event(0, 'madvise = { at = "heap", size = "64K", advice = "MADV_DONTNEED" }')
DONTNEED_ALL = 'madvise = { at = "heap", size = "4M", advice = "MADV_DONTNEED" }'
TWO = HEAP + '[[vma]]\nname = "far"\nstart = 0x7e0000000000\nsize = "4M"\nflags = ["VM_WRITE"]\n'
ALL = ("6.5", "v3", "v6", "6.8", "6.9", "6.10", "6.12", "6.14", "6.18", "7.1")


def start(variant: str, *events: str, mutants: tuple[str, ...] = (), more: str = "", vma: str = HEAP) -> Session:
    return race(variant, *events, mutants=mutants, thp='enabled = "never"', more=more, vma=vma)


def told(s: Session, kind: str) -> list[str]:
    return [each.removeprefix(f"{kind}:") for each in decisions(s) if each.startswith(f"{kind}:")]


def results(s: Session) -> list[str]:
    return told(s, "return")


# -- which lock ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("variant", ALL)
def test_the_first_fault_of_a_vma(variant: str) -> None:
    """Up to 6.9 a VMA without anon_vma is left to the mmap_lock; the second fault finds one."""
    s = finish(start(variant, WRITE, NEAR, PRCTL))
    old = variant in ("6.5", "v3", "v6", "6.8", "6.9")
    assert told(s, "vma-lock") == ["no-anon-vma" if old else "locked", "locked"]
    assert broken(s) == set()


@pytest.mark.parametrize(("variant", "lock"), [("6.5", "uffd-armed"), ("v6", "locked"), ("6.18", "locked")])
def test_a_vma_with_a_monitor(variant: str, lock: str) -> None:
    populate = '[[populate]]\nat = "heap"\npages = 1\n'
    s = start(variant, event(0, 'read = "heap"'), event(0, 'write = "heap+0x5000"'), PRCTL, more=populate,
              vma=HEAP + 'uffd = ["wp"]\n')  # fmt: skip
    assert told(finish(s), "vma-lock") == [lock]


def test_nothing_is_told_where_no_one_changes_vmas() -> None:
    s = finish(start("6.12", WRITE, event(1, 'write = "heap+0x9000"')))
    assert told(s, "vma-lock") == []
    assert "step:F1v" not in decisions(s)


def test_one_cpu_stores_nothing() -> None:
    s = start("6.12", WRITE, event(0, 'munmap = { at = "heap", size = "64K" }'))
    while not s.finished:
        s.advance()
        for field in (s.m.mmap_lock, s.m.mmap_lock_writer, s.m.vm_lock, s.m.vm_write_locked, s.m.vma_detached):
            assert not list(field.items())


@pytest.mark.parametrize(("variant", "returned"), [("6.5", ["VM_FAULT_RETRY"]), ("v6", []), ("6.12", [])])
def test_6_5_reads_no_page_from_swap_under_it(variant: str, returned: list[str]) -> None:
    populate = '[[populate]]\nat = "heap+0x5000"\nwith = "swap"\npages = 1\n'
    s = finish(start(variant, WRITE, PRCTL, more=populate))
    assert results(s) == [*returned, "VM_FAULT_MAJOR"]
    assert (s.m.maj_flt.get(0), s.m.min_flt.get(0), broken(s)) == (1, 0, set())


# -- the fault's rechecks --------------------------------------------------------------------------------
@pytest.mark.parametrize("variant", ALL)
def test_the_vma_goes_before_it_is_locked(variant: str) -> None:
    """Found, unmapped by another CPU, then locked: it is detached, or (up to 6.9) has no anon_vma any more."""
    s = start(variant, NEAR, WRITE, MUNMAP)
    until(s, 0, "step:next")
    until(s, 0, "step:F1v")
    until(s, 1, "step:done")
    finish(s)
    old = variant in ("6.5", "v3", "v6", "6.8", "6.9")
    assert told(s, "vma-lock")[1:] == (["no-anon-vma"] if old else ["detached", "no-vma"])
    assert results(s)[-1] == "VM_FAULT_SIGSEGV"
    assert broken(s) == set()


@pytest.mark.parametrize("variant", ["6.5", "6.9", "6.12", "6.18", "7.1"])
@pytest.mark.parametrize("whole", [False, True])
def test_without_r7_a_fault_goes_on_where_there_is_no_vma(variant: str, whole: bool) -> None:
    """In a VMA that is gone, or does not reach that far any more.  The one that is gone has no anon_vma, which is
    another test up to 6.9.
    """
    part = MUNMAP if whole else event(1, 'munmap = { at = "heap+0x10000", size = "3M" }')
    s = start(variant, NEAR, event(0, 'write = "heap+0x20000"'), part, mutants=("drop R7",))
    until(s, 0, "step:next")
    until(s, 0, "step:F1v")
    until(s, 1, "step:done")
    finish(s)
    if whole:
        assert broken(s) == (set() if variant in ("6.5", "6.9") else {"maps_lie_in_vmas"})
    else:
        assert s.stop.text.startswith("VM_BUG_ON_VMA")


@pytest.mark.parametrize(("variant", "found"), [("6.12", "moved"), ("6.18", "moved")])
def test_the_vma_shrinks_before_it_is_locked(variant: str, found: str) -> None:
    s = start(variant, event(0, 'write = "heap+0x300000"'), event(1, 'munmap = { at = "heap+0x200000", size = "2M" }'))
    until(s, 0, "step:F1v")
    until(s, 1, "step:done")
    assert told(finish(s), "vma-lock") == [found]


def test_a_number_is_used_again_from_6_15_on() -> None:
    """Where VMAs are SLAB_TYPESAFE_BY_RCU the VMA that was found is another one by the time it is locked."""
    mmap = event(1, 'mmap = { name = "new", start = 0x7d0000000000, size = "64K", flags = ["VM_WRITE"] }')
    found = []
    for variant in ("6.14", "6.18"):
        s = start(variant, WRITE, MUNMAP, mmap)
        until(s, 0, "step:F1v")
        until(s, 1, "step:done")
        found.append(told(finish(s), "vma-lock")[0])
        assert broken(s) == set()
    assert found == ["detached", "moved"]


def test_a_writer_is_in_the_vma() -> None:
    """The fault finds the VMA write-locked, waits for the mmap_lock, and sees what the writer has done."""
    s = start("6.12", NEAR, WRITE, event(1, 'fork = "child"'))
    until(s, 0, "step:next")
    until(s, 1, "fork-pmd")
    until(s, 0, "vma-lock")
    assert told(s, "vma-lock")[-1] == "write-locked"
    until(s, 0, "step:wait")
    assert [each.waiters for each in lock_views(s) if each.name == "mmap_lock of main"] == [(0,)]
    assert broken(finish(s)) == set()


# -- writers ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("variant", ALL)
def test_a_writer_waits_for_the_readers(variant: str) -> None:
    s = start(variant, NEAR, WRITE, MUNMAP)
    until(s, 0, "step:next")
    until(s, 0, "pmd-gate")
    until(s, 1, "step:wait")
    name = "vm_lock of heap [0x7f0000000000]"
    held = {each.name: each for each in lock_views(s)}
    assert (held[name].readers, held[name].waiters) == ((0,), (1,))
    assert held["mmap_lock of main"].owner == 1
    finish(s)
    assert results(s) == ["0", "0"]
    assert broken(s) == set()


@pytest.mark.parametrize("variant", ["6.5", "6.12", "7.1"])
@pytest.mark.parametrize("verb", ["munmap", "mremap"])
def test_without_vma_start_write(variant: str, verb: str) -> None:
    """The same, but the writer holds the mmap_lock only: the fault goes on where there is no VMA any more."""
    mremap = event(1, 'mremap = { at = "heap", size = "4M", to = 0x7e0000000000 }')
    high = event(0, 'write = "heap+0x200000"')
    s = start(variant, high, WRITE, MUNMAP if verb == "munmap" else mremap, mutants=("skip vma_start_write",))
    until(s, 0, "step:next")
    until(s, 0, "pte-alloc")
    until(s, 1, "step:done")
    finish(s)
    assert s.stop.kind == "bug" or broken(s)


@pytest.mark.parametrize("variant", ["6.5", "6.12", "7.1"])
def test_munmap_only_reads_while_pages_go(variant: str) -> None:
    """mmap_lock is downgraded once the VMA is detached: a fault elsewhere takes it then."""
    far = event(0, 'write = "far+0x5000"')
    s = start(variant, event(1, 'write = "heap"'), MUNMAP, far, vma=TWO)
    until(s, 1, "zap-pmd")
    held = {each.name: each for each in lock_views(s)}
    assert held["mmap_lock of main"].readers == (1,)
    until(s, 0, "return")
    assert results(s) == ["0", "0"]
    assert broken(finish(s)) == set()


@pytest.mark.parametrize("variant", ["6.5", "6.18"])
@pytest.mark.parametrize("mutant", [False, True])
def test_fork_waits_for_the_parents_faults(variant: str, mutant: bool) -> None:
    s = start(variant, NEAR, WRITE, event(1, 'fork = "child"'), mutants=("B5",) if mutant else ())
    until(s, 0, "step:next")
    until(s, 0, "pmd-gate")
    until(s, 1, "fork-pmd" if mutant else "step:wait")
    assert broken(finish(s)) == set()


# -- anon_vma --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("variant", ["6.10", "6.12", "6.18", "7.1"])
def test_no_anon_vma_and_a_writer_elsewhere(variant: str) -> None:
    """The mmap_lock is not to be had at once: VM_FAULT_RETRY, not counted, and no FAULT_FLAG_TRIED."""
    s = start(variant, WRITE, PRCTL)
    until(s, 0, "pte-alloc")
    until(s, 1, "prctl-set")
    until(s, 0, "return")
    assert told(s, "anon-vma") == ["retry"]
    finish(s)
    assert results(s) == ["VM_FAULT_RETRY", "0"]
    assert (s.m.min_flt.get(0), s.m.maj_flt.get(0), broken(s)) == (1, 0, set())


@pytest.mark.parametrize("variant", ALL)
@pytest.mark.parametrize("mutants", [(), ("drop R8",)])
def test_two_faults_prepare_an_anon_vma(variant: str, mutants: tuple[str, ...]) -> None:
    s = start(variant, WRITE, event(1, 'write = "heap+0x9000"'), mutants=mutants)
    until(s, 0, "anon-vma")
    until(s, 1, "anon-vma")
    until(s, 0, "step:done")
    finish(s)
    assert broken(s) == ({"rmap_finds_pages"} if mutants else set())


@pytest.mark.parametrize("variant", ["6.5", "v3", "6.9"])
@pytest.mark.parametrize("mutants", [(), ("B3",)])
def test_b3_the_anon_vma_goes_before_the_vma_is_locked(variant: str, mutants: tuple[str, ...]) -> None:
    away = 'mremap = { at = "heap", size = "4M", to = 0x7e0000000000, flags = ["MREMAP_MAYMOVE", "MREMAP_DONTUNMAP"] }'
    s = start(variant, NEAR, WRITE, event(1, away), mutants=mutants)
    until(s, 0, "step:next")
    until(s, 0, "step:F1v")
    until(s, 1, "step:done")
    finish(s)
    assert ("mmap_assert_locked" in s.stop.text) == bool(mutants)


@pytest.mark.parametrize("variant", ["6.5", "6.12", "7.1"])
@pytest.mark.parametrize("mutants", [(), ("B4",)])
def test_b4_an_anon_vma_that_does_not_stay(variant: str, mutants: tuple[str, ...]) -> None:
    """A merge fails after it has given the VMA an anon_vma; a fault has mapped a page by it meanwhile."""
    vma = '[[vma]]\nname = "low"\nstart = 0x7efffffff000\nsize = "4K"\nflags = ["VM_WRITE"]\n'
    vma += HEAP.replace('"VM_WRITE"', "")
    vma += '[[vma]]\nname = "high"\nstart = 0x7f0000400000\nsize = "4M"\nflags = ["VM_WRITE"]\n'
    protect = 'mprotect = { at = "heap", size = "4M", prot = "rw" }\nanswers = ["anon_vma_clone = -ENOMEM"]'
    s = start(variant, event(1, 'write = "high"'), event(1, protect), event(0, 'write = "low"'), mutants=mutants, vma=vma)
    until(s, 1, "mprotect-merge")
    until(s, 1, "anon-vma")
    if mutants:
        until(s, 0, "step:done")
    finish(s)
    assert broken(s) == ({"rmap_finds_pages"} if mutants else set())


# -- between two looks -----------------------------------------------------------------------------------
@pytest.mark.parametrize(("variant", "null"), [("6.12", False), ("6.14", True), ("7.1", True)])
def test_the_own_table_goes_before_it_is_mapped(variant: str, null: bool) -> None:
    """A read fault installs a table; where PT_RECLAIM is, it may be gone when the fault maps it."""
    s = start(variant, event(0, 'read = "heap+0x5000"'), event(1, DONTNEED_ALL))
    until(s, 0, "pte-alloc")
    until(s, 0, "step:F9" if null else "lock")
    if null:
        until(s, 1, "step:done")
    finish(s)
    assert ("lock:NULL" in decisions(s)) == null
    assert broken(s) == set()


def test_the_pmd_is_read_twice() -> None:
    """Not none at the first look (F7), a table that another CPU has reclaimed at the second (F7b)."""
    s = start("6.14", NEAR, WRITE, event(1, DONTNEED_ALL))
    until(s, 0, "step:next")
    until(s, 0, "step:F7b")
    until(s, 1, "step:done")
    until(s, 0, "orig-pte")
    assert told(s, "orig-pte")[-1] == "NULL"
    assert broken(finish(s)) == set()


# -- madvise ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("variant", "lock"), [("6.12", "mmap_lock of main"), ("6.14", "mmap_lock of main"),
                                               ("6.18", "vm_lock of heap [0x7f0000000000]")])  # fmt: skip
def test_dontneed_under_the_lock_of_the_vma(variant: str, lock: str) -> None:
    s = start(variant, WRITE, DONTNEED, PRCTL)
    until(s, 0, "madvise-vma")
    assert [(each.name, each.readers) for each in lock_views(s)] == [(lock, (0,))]
    assert broken(finish(s)) == set()


@pytest.mark.parametrize("uffd", [False, True])
def test_dontneed_of_more_than_one_vma(uffd: bool) -> None:
    """Or of one that a monitor watches: the mmap_lock, as before."""
    size, watched = ("4K", 'uffd = ["wp"]\n') if uffd else ("8M", "")
    advice = f'madvise = {{ at = "heap", size = "{size}", advice = "MADV_DONTNEED" }}'
    s = start("6.18", event(0, advice), PRCTL, vma=HEAP + watched)
    until(s, 0, "madvise-vma")
    assert [each.name for each in lock_views(s)] == ["mmap_lock of main"]
    finish(s)
