# SPDX-License-Identifier: GPL-2.0-only
"""Swap: a page goes out and comes back, who may meet it on the way, and what is stale afterwards."""

from __future__ import annotations

import pytest

from kernelmodel.defs import MM_ANONPAGES, MM_SWAPENTS, PG_anon_exclusive, PG_swapbacked
from kernelmodel.mm.pgtable import translate
from kernelmodel.mm.swap import SWAP_HAS_CACHE
from kernelmodel.session import Session
from kernelmodel.structs import Mm
from tests.actors.races import broken, event, race, until
from tests.actors.test_migrate import LARGE, LEAF, PAGE, START, VARIANTS, dontneed, end, pfn, told, write
from tests.build import decisions, finish

SWAPPED = '[[populate]]\nat = "heap+0x5000"\nwith = "swap"\n'
OUT = ["swap-out-folio:isolated", "swap-out-unmap:pte", "swap-out-write:slot"]


def swap_out(cpu: int, size: str = "4K", at: str = "heap+0x5000") -> str:
    return event(cpu, f'swap_out = {{ at = "{at}", size = "{size}" }}')


def read(cpu: int) -> str:
    return event(cpu, 'read = "heap+0x5000"')


def entry(s: Session, offset: int = 0x5000, mm: int = 0) -> int:
    return translate(Mm(s.m, mm), START + offset)


# -- alone ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("variant", VARIANTS)
def test_out_and_in(variant: str) -> None:
    """The folio is freed and the slot is in use; then it is the other way round."""
    s = race(variant, swap_out(0), read(0), write(0), more=PAGE)
    until(s, 0, "swap-out-return")
    assert told(s, "swap-out") == [*OUT, "swap-out-return:0"]
    assert s.m.arch.pte_kind(entry(s)) == "swap"
    assert s.m.arch.pte_swp_exclusive(entry(s))
    assert dict(s.m.swap_map.items()) == {1: 1}
    assert not list(s.m.swap_cache.items())
    assert s.m.rss_stat.get(MM_SWAPENTS) == 1
    end(s)
    assert not list(s.m.swap_map.items())
    assert s.m.page_flags.get(pfn(s)) & PG_anon_exclusive
    assert s.m.rss_stat.get(MM_ANONPAGES) == 1
    assert ("wp:reuse" in decisions(s)) == (variant in ("6.5", "6.8"))


@pytest.mark.parametrize("variant", ["6.5", "6.12", "7.1"])
@pytest.mark.parametrize(("populate", "pages"), [(LARGE, 16), (LEAF, 512)])
def test_a_large_folio_is_split_first(variant: str, populate: str, pages: int) -> None:
    s = finish(race(variant, swap_out(0, "12K", "heap"), more=populate))
    assert broken(s) == set()
    assert told(s, "swap-out")[:2] == ["swap-out-folio:isolated", "swap-out-folio:split"]
    assert s.m.rss_stat.get(MM_SWAPENTS) == 3
    assert s.m.rss_stat.get(MM_ANONPAGES) == pages - 3
    assert dict(s.m.swap_map.items()) == {1: 1, 2: 1, 3: 1}


@pytest.mark.parametrize(("then", "kept"), [("", False), (write(0), True)])
def test_lazyfree_is_dropped_unless_it_was_written(then: str, kept: bool) -> None:
    free = event(0, 'madvise = { at = "heap+0x5000", size = "4K", advice = "MADV_FREE" }')
    s = race("6.12", free, then, swap_out(0), more=PAGE)
    if kept:  # the hardware sets the bit: no fault
        until(s, 0, "madvise-return")
        s.m.pgtable.set(next(iter(p for p, v in s.m.pgtable.items() if v == entry(s))), s.m.arch.pte_mkdirty(entry(s)))
    end(s)
    assert bool(entry(s)) == kept
    assert told(s, "swap-out-write", "swap-out-folio:kept") == ["swap-out-folio:kept" if kept else "swap-out-write:discard"]
    assert not kept or s.m.page_flags.get(pfn(s)) & PG_swapbacked


def test_a_locked_vma_keeps_its_pages() -> None:
    locked = '[[vma]]\nname = "heap"\nstart = 0x7f0000000000\nsize = "4M"\nflags = ["VM_WRITE", "VM_LOCKED"]\n'
    s = end(race("6.12", swap_out(0), more=PAGE, vma=locked))
    assert told(s, "swap-out-folio") == ["swap-out-folio:isolated", "swap-out-folio:kept"]
    assert s.m.arch.pte_kind(entry(s)) == "page"


@pytest.mark.parametrize("events", [(dontneed("64K", 0),), (event(0, 'exit = "main"'),)])
def test_a_zapped_entry_gives_its_slot_back(events: tuple[str, ...]) -> None:
    s = end(race("6.12", *events, more=SWAPPED))
    assert not list(s.m.swap_map.items())


# -- shared by fork ------------------------------------------------------------------------------------
@pytest.mark.parametrize("variant", VARIANTS)
def test_both_processes_get_the_page(variant: str) -> None:
    """Up to 6.18 through the swap cache, from 7.0 on always: one page for both, written by a copy."""
    s = race(variant, event(0, 'fork = "child"'), read(0), event(1, 'write = "heap+0x5000"', "child"), more=SWAPPED)
    until(s, 0, "fork-return")
    assert dict(s.m.swap_map.items()) == {1: 2}
    assert not s.m.arch.pte_swp_exclusive(entry(s))
    assert not s.m.arch.pte_swp_exclusive(entry(s, mm=1))
    until(s, 0, "return:VM_FAULT_MAJOR")
    assert dict(s.m.swap_map.items()) == {1: 1 | SWAP_HAS_CACHE}
    end(s)
    assert "wp:copy" in decisions(s)
    assert pfn(s) != pfn(s, mm=1)


# -- with others ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_fault_finds_the_page_on_its_way_out(variant: str) -> None:
    """It is in the swap cache, locked: the fault waits without its lock, and then has to read it in."""
    s = race(variant, swap_out(0), read(1), more=PAGE)
    until(s, 0, "swap-out-write")
    until(s, 1, "swap-in:cached")
    until(s, 1, "step:wait")
    end(s)
    assert "return:VM_FAULT_RETRY" in decisions(s)
    assert s.m.arch.pte_kind(entry(s)) == "page"


@pytest.mark.parametrize("variant", ["6.8", "6.12", "6.18"])
def test_a_second_reader_waits_for_the_pin(variant: str) -> None:
    s = race(variant, read(0), read(1), more=SWAPPED)
    until(s, 0, "lock:locked")
    until(s, 1, "step:wait")
    end(s)
    assert told(s, "install") == ["install:folio"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_zap_frees_the_slot_under_the_reader(variant: str) -> None:
    s = race(variant, read(0), dontneed("64K"), more=SWAPPED)
    until(s, 0, "charge")
    until(s, 1, "madvise-return")
    end(s)
    assert not list(s.m.swap_map.items())
    assert not list(s.m.swap_cache.items())


def reuse_of_the_slot(variant: str, *mutants: str) -> Session:
    """13ddaf26be32: one fault has read the slot; another maps it, writes, and the page goes out to the same slot."""
    s = race(variant, read(0), write(1), swap_out(1), more=SWAPPED, mutants=mutants, thp='enabled = "never"')
    until(s, 0, "swap-in:not-cached")
    until(s, 0, "charge")
    s.advance(cpu=0)
    if not s.event(s.step).kind.startswith("swap-in"):  # pinned: the other can't overtake it
        return end(s)
    until(s, 1, "swap-out-return")
    while not s.finished and not broken(s):
        s.advance(cpu=0)
    return s


@pytest.mark.parametrize(
    ("variant", "mutants"), [("6.5", ()), ("v6", ()), ("6.8", ("B10",)), ("6.12", ("B10",)), ("6.18", ("B10",))]
)
def test_past_the_cache_without_a_pin_a_stale_page_is_mapped(variant: str, mutants: tuple[str, ...]) -> None:
    assert broken(reuse_of_the_slot(variant, *mutants)) == {"no_stale_page"}


@pytest.mark.parametrize("variant", ["6.8", "6.12", "6.18", "7.1"])
def test_with_the_pin_or_the_cache_none_is(variant: str) -> None:
    reuse_of_the_slot(variant)


def test_without_r6_a_page_is_mapped_over_another() -> None:
    """A fault has read the slot, which another process still names; meanwhile the entry goes and a new page comes."""
    for mutants in ((), ("drop R6",)):
        s = race("6.12", event(0, 'fork = "child"'), read(0), dontneed("64K"), write(1), more=SWAPPED, mutants=mutants)
        until(s, 0, "fork-return")
        until(s, 0, "swap-in:read")
        until(s, 1, "install:folio")
        until(s, 1, "return")
        while not s.finished and not broken(s):
            s.advance(cpu=0)
        assert (s.stop.kind == "end" and not broken(s)) == (not mutants)
