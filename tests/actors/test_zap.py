# SPDX-License-Identifier: GPL-2.0-only
"""What zapping takes away: folios that lose pages or go, leaves, tables; and what the statistics say of it."""

from __future__ import annotations

import time

import pytest

from kernelmodel.arch import PTE_MARKER_GUARD, SWP_PTE_MARKER
from kernelmodel.boot import pte_of
from kernelmodel.defs import PG_partially_mapped
from kernelmodel.fault import VARIANTS
from kernelmodel.mm.page_alloc import page_folio
from kernelmodel.mm.vma import vmas
from kernelmodel.mm.vmstat import counters
from kernelmodel.mm.zap import unmap_page_range
from kernelmodel.session import Session
from kernelmodel.structs import Folio, Mm
from tests.actors.acts import V3, K, M, madvise, munmap, play, read, told, write
from tests.build import decisions
from tests.stories import START, entry, pfn

HUGE = 'hugepages-2048kB = "always"'
ZAP = ("zap-", "free-pgtables")


def stats(s: Session) -> tuple[int, int, int]:
    """thp_deferred_split_page, split_deferred and nr_anon_partially_mapped of 64K."""
    found = counters(s.m)
    return (
        found.get("thp_deferred_split_page", 0),
        found.get("64kB.split_deferred", 0),
        found.get("64kB.nr_anon_partially_mapped", 0),
    )


@pytest.mark.parametrize(
    ("variant", "part", "all_of_it"),
    [
        ("v3", (0, 0, 0), (0, 0, 0)),
        ("v5", (1, 0, 0), (1, 0, 0)),
        ("6.8", (1, 0, 0), (1, 0, 0)),
        ("6.9", (1, 0, 0), (1, 0, 0)),
        ("6.10", (0, 0, 0), (0, 0, 0)),
        ("6.11", (0, 1, 0), (0, 0, 0)),
        ("6.12", (0, 1, 1), (0, 0, 0)),
        ("6.18", (0, 1, 1), (0, 0, 0)),
    ],
)
def test_a_part_and_the_whole_of_a_64k_folio(
    variant: str, part: tuple[int, int, int], all_of_it: tuple[int, int, int]
) -> None:
    """Until 6.9 also a folio that goes as a whole was queued, by its first page; the files of a size came later."""
    s = play(write(0), madvise("DONTNEED", 0, 16 * K), variant=variant, more=V3)
    assert told(s, *ZAP) == ["zap-pmd:table", "zap-folio:partial"]
    assert stats(s) == part
    s = play(write(0), madvise("DONTNEED", 0, 64 * K), variant=variant, more=V3)
    assert told(s, *ZAP) == ["zap-pmd:table", "zap-folio:freed"]
    assert stats(s) == all_of_it
    assert counters(s.m).get("MM_ANONPAGES", 0) == 0


def test_a_folio_stays_until_its_last_page_goes() -> None:
    s = play(write(0), *(madvise("DONTNEED", k * 4 * K, 4 * K) for k in range(15)))
    folio = page_folio(s.m, pfn(s, 0, 60 * K))
    assert (folio.order, folio._refcount, folio._nr_pages_mapped) == (4, 1, 1)
    assert folio.flags & PG_partially_mapped
    assert told(s, "zap-folio") == ["zap-folio:partial"], "it becomes partially mapped once"
    free = s.m.nr_free_pages.get(0)
    s = play(write(0), *(madvise("DONTNEED", k * 4 * K, 4 * K) for k in range(16)))
    assert s.m.nr_free_pages.get(0) == free + 16
    assert stats(s) == (0, 1, 0)


def test_a_table_stays_after_dontneed_and_so_pmd_size_is_not_tried_again() -> None:
    knob = 'hugepages-2048kB = "never"'
    late = "sysfs { hugepages-2048kB = 'always' }"
    s = play(write(0), madvise("DONTNEED", 0, 1 * M), late, write(0), sizes=knob)
    assert told(s, "pmd-gate") == ["pmd-gate:none", "pmd-gate:table"]
    s = play(write(0), munmap(0, 2 * M), late, write(2 * M), sizes=knob)
    assert told(s, "pmd-gate") == ["pmd-gate:none", "pmd-gate:try"]
    s = play(write(0), madvise("DONTNEED", 0, 2 * M), write(0), sizes=HUGE)
    assert told(s, "pmd-gate") == ["pmd-gate:try", "pmd-gate:try"], "a leaf takes its table along"


def test_a_leaf_goes_as_a_whole_with_its_table() -> None:
    s = play(write(0), madvise("DONTNEED", 0, 2 * M), sizes=HUGE)
    assert told(s, *ZAP) == ["zap-pmd:leaf", "zap-folio:freed"]
    assert Mm(s.m, 0).nr_ptes == 0
    assert not dict(s.m.deposit.items())
    assert "nr_anon_transparent_hugepages" not in counters(s.m)


def test_a_part_of_a_leaf_splits_it_first() -> None:
    s = play(write(0), madvise("DONTNEED", 4 * K, 8 * K), sizes=HUGE)
    assert told(s, *ZAP) == ["zap-pmd:split", "zap-pmd:table", "zap-folio:partial"]
    found = counters(s.m)
    assert (found["thp_split_pmd"], found["thp_deferred_split_page"], found["MM_ANONPAGES"]) == (1, 1, 510)
    assert Folio(s.m, pfn(s, 0, 0))._refcount == 510


def test_the_huge_zero_page_is_only_unmapped() -> None:
    s = play(read(0), madvise("DONTNEED", 0, 2 * M), sizes=HUGE)
    assert told(s, *ZAP) == ["zap-pmd:huge-zero"]
    assert s.m.huge_zero_refcount.get(0) == 2
    assert Mm(s.m, 0).nr_ptes == 0
    s = play(read(0), munmap(0, 4 * K), write(4 * K), sizes=HUGE)
    assert "munmap-split:above" in decisions(s)
    assert "zap-pmd:table" in decisions(s)
    assert entry(s, 0, 0) == 0


def test_a_folio_that_a_child_maps_too_is_not_freed() -> None:
    s = play(write(0), "fork 'child'", madvise("DONTNEED", 0, 64 * K))
    assert told(s, "zap-folio") == []
    assert page_folio(s.m, pfn(s, 1, 0))._refcount == 16
    assert stats(s) == (0, 0, 0)


@pytest.mark.parametrize("drop", [False, True])
def test_guard_markers_outlive_dontneed_but_not_munmap(drop: bool) -> None:
    s = play(write(0))
    mm = Mm(s.m, 0)
    guard = s.m.arch.swp_entry(SWP_PTE_MARKER, PTE_MARKER_GUARD)
    s.m.pgtable.set(pte_of(mm, START + 64 * K), guard)
    list(unmap_page_range(vmas(mm)[0], START, START + 2 * M, 0, drop))
    assert entry(s, 0, 64 * K) == (0 if drop else guard)
    assert not entry(s, 0, 0)


@pytest.mark.parametrize(
    ("events", "freed"),
    [
        ((munmap(0, 4 * M),), 3),
        ((munmap(0, 1 * M),), 0),
        ((munmap(0, 2 * M),), 1),
        ((munmap(1 * M, 1 * M), munmap(0, 1 * M)), 1),
        ((munmap(1 * M, 2 * M),), 0),
        ((munmap(0, 1 * M), munmap(3 * M, 1 * M), munmap(1 * M, 2 * M)), 3),
    ],
)
def test_a_table_goes_with_the_last_vma_that_needs_it(events: tuple[str, ...], freed: int) -> None:
    """One page at 1.5M in the only PTE table: it and the two above it."""
    s = play(write(1 * M + 512 * K), *events)
    free = [s.event(step) for step in range(s.last + 1) if s.event(step).kind == "free-pgtables"]
    assert free[-1].outcome == ("freed" if freed else "kept")
    assert free[-1].why.split()[0] == (str(freed) if freed else "every")
    assert Mm(s.m, 0).nr_ptes == (0 if freed else 1)


def test_cost_follows_what_is_mapped() -> None:
    began = time.perf_counter()
    s = play(write(0), munmap(0, 200 << 30), vma=(("heap", "0", "250G", ("VM_WRITE",)),))
    assert time.perf_counter() - began < 2
    assert s.last < 60


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_taking_everything_away_leaves_an_empty_machine(variant: str) -> None:
    """Zapped in parts, then unmapped: the free lists hold every page again."""
    kind = {"variant": variant, "more": V3}
    s = play(write(0), write(2 * M), madvise("DONTNEED", 8 * K, 40 * K), munmap(36 * K, 3 * M), munmap(0, 4 * M), **kind)
    assert s.m.nr_free_pages.get(0) == sum(zone.end - zone.start for zone in s.m.zones)
    assert not dict(s.m._refcount.items())
    assert Mm(s.m, 0).map_count == 0
    assert [level for _, level in s.m.table_used.items()] == [4], "the pgd alone is left"
