# SPDX-License-Identifier: GPL-2.0-only
"""madvise, mmap, munmap, mprotect and mremap: VMAs split and merged, entries changed and moved, errors."""

from __future__ import annotations

import pytest

from kernelmodel import defs
from kernelmodel.defs import EEXIST, EFAULT, EINVAL, ENOMEM, VM_HUGEPAGE, VM_LOCKED, VM_NOHUGEPAGE, PG_swapbacked
from kernelmodel.look.delta import cell_name
from kernelmodel.mm.page_alloc import page_folio
from kernelmodel.mm.vma import find_vma, vmas
from kernelmodel.mm.vmstat import counters
from kernelmodel.session import Session
from kernelmodel.structs import Mm
from kernelmodel.trace import follow, maps
from tests.actors.acts import (
    K,
    M,
    layout,
    madvise,
    mmap,
    mprotect,
    mremap,
    munmap,
    play,
    read,
    results,
    told,
    write,
)  # fmt: skip
from tests.build import decisions
from tests.stories import START, entry, pfn

HUGE = 'hugepages-2048kB = "always"'
TWO = (("heap", "0", "2M", ("VM_WRITE",)), ("next", "0x200000", "2M", ("VM_WRITE",)))
APART = (("heap", "0", "1M", ("VM_WRITE",)), ("far", "0x200000", "1M", ("VM_WRITE",)))


def flags(s: Session, offset: int) -> int:
    vma = find_vma(Mm(s.m, 0), START + offset)
    assert vma is not None
    return vma.vm_flags


# -- madvise -------------------------------------------------------------------------------------------
def test_advice_splits_and_merges_and_each_clears_the_other() -> None:
    s = play(madvise("HUGEPAGE", 1 * M, 1 * M))
    assert layout(s) == [(0, 1 * M), (1 * M, 2 * M), (2 * M, 4 * M)]
    assert told(s, "madvise-") == [
        "madvise-vma:flags", "madvise-split:below", "madvise-split:above", "madvise-return:0",
    ]  # fmt: skip
    s = play(madvise("HUGEPAGE", 1 * M, 1 * M), madvise("NOHUGEPAGE", 1 * M, 1 * M))
    assert flags(s, 1 * M) & (VM_HUGEPAGE | VM_NOHUGEPAGE) == VM_NOHUGEPAGE
    s = play(madvise("HUGEPAGE", 0, 1 * M), madvise("HUGEPAGE", 2 * M, 2 * M), madvise("HUGEPAGE", 1 * M, 1 * M))
    assert layout(s) == [(0, 4 * M)]
    assert told(s, "madvise-merge") == ["madvise-merge:both"]
    s = play(madvise("HUGEPAGE", 0, 1 * M), madvise("HUGEPAGE", 1 * M, 1 * M))
    assert layout(s) == [(0, 2 * M), (2 * M, 4 * M)]
    assert told(s, "madvise-merge") == ["madvise-merge:prev"]
    s = play(madvise("HUGEPAGE", 3 * M, 1 * M), madvise("HUGEPAGE", 2 * M, 1 * M))
    assert layout(s) == [(0, 2 * M), (2 * M, 4 * M)]
    assert told(s, "madvise-merge") == ["madvise-merge:next"]


def test_advice_passes_a_hole_and_says_so() -> None:
    s = play(madvise("HUGEPAGE", 0, 3 * M), madvise("DONTNEED", 4 * M, 1 * M), vma=APART)
    assert results(s) == [-ENOMEM, -ENOMEM]
    assert all(vma.vm_flags & VM_HUGEPAGE for vma in vmas(Mm(s.m, 0)))


def test_huge_advice_is_taken_by_a_special_vma_too() -> None:
    """6.5 … 6.18 hugepage_madvise() asks for no flag."""
    s = play(madvise("HUGEPAGE", 0, 1 * M), vma=(("heap", "0", "1M", ("VM_WRITE", "VM_DONTEXPAND")),))
    assert results(s) == [0]
    assert flags(s, 0) & VM_HUGEPAGE


@pytest.mark.parametrize(("flag", "advice"), [("VM_LOCKED", "DONTNEED"), ("VM_LOCKED", "FREE"), ("VM_IO", "DOFORK")])
def test_advice_that_a_vma_refuses(flag: str, advice: str) -> None:
    s = play(madvise(advice, 0, 1 * M), vma=(("heap", "0", "1M", ("VM_WRITE", flag)),))
    assert results(s) == [-EINVAL]
    assert "madvise-vma:refused" in decisions(s)


@pytest.mark.parametrize(("variant", "merged"), [("6.5", False), ("6.14", False), ("6.18", True)])
def test_a_neighbour_without_an_anon_vma_refuses_pages_before_6_16(variant: str, merged: bool) -> None:
    s = play(madvise("HUGEPAGE", 0, 1 * M), write(1 * M), madvise("HUGEPAGE", 1 * M, 1 * M), variant=variant)
    assert layout(s)[0] == ((0, 2 * M) if merged else (0, 1 * M))
    s = play(write(0), madvise("HUGEPAGE", 0, 1 * M), madvise("HUGEPAGE", 1 * M, 1 * M), variant=variant)
    assert layout(s)[0] == (0, 2 * M), "a split leaves both with the same anon_vma"


@pytest.mark.parametrize(
    ("variant", "size", "expected", "order"),
    [
        ("6.5", 64 * K, ["madvise-free:lazyfree"], 0),
        ("6.9", 64 * K, ["madvise-free:split", "madvise-free:lazyfree"], 0),
        ("6.10", 64 * K, ["madvise-free:lazyfree"], 4),
        ("6.10", 32 * K, ["madvise-free:split", "madvise-free:lazyfree"], 0),
        ("6.18", 32 * K, ["madvise-free:split", "madvise-free:lazyfree"], 0),
    ],
)
def test_free_marks_pages_and_splits_a_folio_that_it_must(
    variant: str, size: int, expected: list[str], order: int
) -> None:
    s = play(write(0), madvise("FREE", 0, size), variant=variant)
    assert told(s, "madvise-free") == expected
    value, arch = entry(s, 0, 0), s.m.arch
    assert not arch.pte_young(value)
    assert not arch.pte_dirty(value)
    assert arch.pte_write(value)
    folio = page_folio(s.m, arch.pte_pfn(value))
    assert folio.order == order
    assert not folio.flags & PG_swapbacked
    if size == 32 * K:
        assert page_folio(s.m, pfn(s, 0, 32 * K)).flags & PG_swapbacked


def test_free_of_a_leaf() -> None:
    s = play(write(0), madvise("FREE", 0, 2 * M), sizes=HUGE)
    assert maps(s, START)["order"] == 9
    assert not s.m.arch.pte_dirty(entry(s, 0, 0))
    s = play(write(0), madvise("FREE", 0, 1 * M), sizes=HUGE)
    assert told(s, "madvise-free") == ["madvise-free:split", "madvise-free:lazyfree"]
    assert maps(s, START)["order"] == 0
    assert counters(s.m)["thp_split_pmd"] == 1


def test_populate_faults_like_the_program() -> None:
    s = play(madvise("POPULATE_WRITE", 0, 128 * K), write(4 * K))
    assert counters(s.m)["pgfault"] == 2
    assert s.ended[-1].faults == 0
    s = play(madvise("POPULATE_READ", 0, 8 * K), sizes="use_zero_page = false")
    assert [maps(s, START + k * 4 * K)["mapped"] for k in range(3)] == ["zero-page", "zero-page", "none"]


@pytest.mark.parametrize(("variant", "last"), [("6.8", True), ("6.9", False)])
def test_populate_and_a_hole(variant: str, last: bool) -> None:
    """A walk over VMAs until 6.8; from 6.9 on it ends where the first page can't be had."""
    s = play(madvise("POPULATE_WRITE", 1 * M - 4 * K, 1 * M + 8 * K), variant=variant, vma=APART, sizes="")
    assert results(s) == [-ENOMEM]
    assert bool(entry(s, 0, 2 * M)) is last
    assert entry(s, 0, 1 * M - 4 * K)


def test_populate_where_it_is_not_allowed() -> None:
    s = play(mprotect("r", 0, 1 * M), madvise("POPULATE_WRITE", 0, 4 * K), madvise("POPULATE_READ", 0, 4 * K))
    assert results(s) == [0, -EINVAL, 0]
    s = play(madvise("POPULATE_WRITE", 0, 4 * K) + " | vma_alloc_folio(order=0) = NULL", sizes="")
    assert results(s) == [-ENOMEM]


# -- mmap and munmap -----------------------------------------------------------------------------------
def test_munmap_cuts_a_vma_in_two_and_its_leaf_with_it() -> None:
    s = play(write(0), munmap(1 * M, 8 * K), write(1 * M), sizes=HUGE)
    assert layout(s) == [(0, 1 * M), (1 * M + 8 * K, 4 * M)]
    assert s.event(next(k for k in range(s.last) if s.event(k).kind == "munmap-split")).reason == "part-of-leaf"
    assert counters(s.m)["thp_split_pmd"] == 1
    assert results(s)[-1] == defs.VM_FAULT_SIGSEGV
    s = play(munmap(8 * M, 1 * M))
    assert results(s) == [0]
    assert layout(s) == [(0, 4 * M)], "nothing there is no error"


def test_mmap_replaces_what_is_there_or_refuses() -> None:
    rw = ("VM_READ", "VM_WRITE")
    s = play(write(0), mmap("new", 0, 64 * K, *rw, "VM_HUGEPAGE"))
    assert layout(s) == [(0, 64 * K), (64 * K, 4 * M)]
    assert entry(s, 0, 0) == 0
    assert told(s, "mmap-") == ["mmap-vma:new", "mmap-return:0"]
    s = play(mmap("new", 3 * M, 2 * M, *rw, "MAP_FIXED_NOREPLACE"))
    assert results(s) == [-EEXIST]
    assert layout(s) == [(0, 4 * M)]
    s = play(mmap("new", 4 * M, 2 * M, *rw, "MAP_FIXED_NOREPLACE"))
    assert results(s) == [START + 4 * M]
    assert layout(s) == [(0, 6 * M)], "and it is one with its neighbour"


@pytest.mark.parametrize(
    ("variant", "pages", "expected"),
    [
        ("6.5", (), [(0, 3 * M)]),
        ("6.5", (0, 2 * M), [(0, 1 * M), (1 * M, 3 * M)]),
        ("6.12", (0, 2 * M), [(0, 2 * M), (2 * M, 3 * M)]),
        ("6.5", (0,), [(0, 3 * M)]),
        ("6.5", (2 * M,), [(0, 1 * M), (1 * M, 3 * M)]),
        ("6.18", (2 * M,), [(0, 3 * M)]),
    ],
)
def test_a_new_mapping_between_two(variant: str, pages: tuple[int, ...], expected: list[tuple[int, int]]) -> None:
    """Two anon_vmas can't become one: 6.5 joins the next, 6.12 the previous."""
    events = [write(page) for page in pages]
    s = play(*events, mmap("new", 1 * M, 1 * M, "VM_READ", "VM_WRITE"), variant=variant, vma=APART)
    assert layout(s) == expected


@pytest.mark.parametrize(("variant", "stack"), [("6.5", 0), ("v8", 0), ("6.8", VM_NOHUGEPAGE), ("6.18", VM_NOHUGEPAGE)])
def test_flags_of_a_new_mapping(variant: str, stack: int) -> None:
    s = play(mmap("new", 8 * M, 1 * M, "MAP_STACK", "MAP_GROWSDOWN", "MAP_NORESERVE"), variant=variant)
    assert flags(s, 8 * M) & VM_NOHUGEPAGE == stack
    assert flags(s, 8 * M) & (defs.VM_GROWSDOWN | defs.VM_NORESERVE) == defs.VM_GROWSDOWN | defs.VM_NORESERVE
    assert not flags(s, 8 * M) & defs.VM_ACCESS_FLAGS, "as they stand"


def test_populate_and_lock_fault_in_at_once() -> None:
    for flag in ("MAP_POPULATE", "MAP_LOCKED"):
        s = play(mmap("new", 8 * M, 64 * K, "VM_READ", "VM_WRITE", flag))
        assert maps(s, START + 8 * M)["order"] == 4
        assert counters(s.m)["pgfault"] == 1
    assert flags(s, 8 * M) & VM_LOCKED
    s = play(mmap("new", 8 * M, 64 * K, "MAP_POPULATE"))
    assert results(s) == [START + 8 * M]
    assert "pgfault" not in counters(s.m), "PROT_NONE: errors are not told"


# -- mprotect ------------------------------------------------------------------------------------------
def test_rights_are_taken_and_given_back() -> None:
    s = play(write(0), mprotect("r", 0, 32 * K), write(0), write(32 * K), mprotect("rw", 0, 32 * K), write(0))
    assert results(s) == [0, 0, defs.VM_FAULT_SIGSEGV, 0, 0, 0]
    assert s.ended[-1].faults == 0, "an exclusive page becomes writable at once"
    assert layout(s) == [(0, 4 * M)]
    assert told(s, "mprotect-merge") == ["mprotect-merge:next"]


def test_a_shared_page_becomes_writable_by_a_fault_only() -> None:
    s = play(write(0), "fork 'child'", mprotect("r", 0, 64 * K), mprotect("rw", 0, 64 * K), write(0))
    assert s.ended[-1].faults == 1
    assert "wp:copy" in decisions(s)


@pytest.mark.parametrize("arch", ["x86-64", "arm64-4k"])
def test_no_rights_at_all(arch: str) -> None:
    s = play(write(0), mprotect("", 0, 4 * M), read(0), arch=arch)
    assert results(s)[-1] == defs.VM_FAULT_SIGSEGV
    value = entry(s, 0, 0)
    assert s.m.arch.pte_present(value)
    assert not s.m.arch.hw_present(value)
    s = play(write(0), mprotect("", 0, 4 * M), mprotect("r", 0, 4 * M), read(0), mprotect("rw", 0, 4 * M), arch=arch)
    assert s.ended[3].faults == 0
    assert s.m.arch.pte_write(entry(s, 0, 0))
    assert s.m.arch.pte_dirty(entry(s, 0, 0))


def test_a_leaf_keeps_its_size_if_all_of_it_changes() -> None:
    s = play(write(0), mprotect("r", 0, 2 * M), read(0), mprotect("rw", 0, 2 * M), write(0), sizes=HUGE)
    assert "thp_split_pmd" not in counters(s.m)
    assert s.ended[-1].faults == 0
    s = play(write(0), mprotect("r", 0, 1 * M), sizes=HUGE)
    assert counters(s.m)["thp_split_pmd"] == 1
    assert not s.m.arch.pte_write(entry(s, 0, 0))
    assert s.m.arch.pte_write(entry(s, 0, 1 * M))


def test_mprotect_stops_at_a_hole() -> None:
    s = play(mprotect("r", 0, 3 * M), mprotect("r", 1 * M, 4 * K), vma=APART)
    assert results(s) == [-ENOMEM, -ENOMEM]
    assert not flags(s, 0) & defs.VM_WRITE
    assert flags(s, 2 * M) & defs.VM_WRITE


# -- mremap --------------------------------------------------------------------------------------------
def test_shrink_and_grow_in_place() -> None:
    s = play(write(3 * M), mremap(0, 4 * M, None, 1 * M), mremap(0, 1 * M, None, 2 * M), write(1 * M))
    assert results(s) == [0, START, START, 0]
    assert layout(s) == [(0, 2 * M)]
    assert told(s, "mremap-vma", "mremap-merge") == ["mremap-vma:shrink", "mremap-vma:grow", "mremap-merge:prev"]
    s = play(mremap(0, 1 * M, None, 2 * M), mremap(0, 1 * M, None, 3 * M), vma=APART)
    assert results(s) == [START, -ENOMEM]
    assert layout(s) == [(0, 3 * M)], "grown until it meets, and is one with, the next"


@pytest.mark.parametrize(
    ("sizes", "to", "expected", "order"),
    [
        ("", 16 * M, ["mremap-move:table"], 0),
        ('hugepages-64kB = "always"', 16 * M, ["mremap-move:table"], 4),
        ('hugepages-64kB = "always"', 16 * M + 12 * K, ["mremap-move:ptes", "mremap-move:ptes"], 4),
        (HUGE, 16 * M, ["mremap-move:leaf"], 9),
        (HUGE, 17 * M, ["mremap-move:split", "mremap-move:ptes", "mremap-move:ptes"], 9),
    ],
)
def test_a_move_takes_pages_along(sizes: str, to: int, expected: list[str], order: int) -> None:
    s = play(write(0), mremap(0, 2 * M, to), read(to), write(to + 64 * K), sizes=sizes)
    assert told(s, "mremap-move") == expected
    assert results(s)[1] == START + to
    assert s.ended[2].faults == 0
    assert entry(s, 0, 0) == 0
    shown = maps(s, START + to)
    assert (shown["order"], shown["start"]) == (order, hex(START + to))
    vma = find_vma(Mm(s.m, 0), START + to)
    assert vma is not None
    assert vma.vm_pgoff == START >> 12, "rmap finds the page by the index that it had"
    assert (0, 2 * M) not in layout(s)


def test_a_vma_without_pages_takes_the_offset_of_its_new_place() -> None:
    s = play(mremap(0, 1 * M, 8 * M), mmap("new", 9 * M, 1 * M, "VM_READ", "VM_WRITE"))
    assert layout(s) == [(1 * M, 4 * M), (8 * M, 10 * M)]
    s = play(write(0), mremap(0, 1 * M, 8 * M), mmap("new", 9 * M, 1 * M, "VM_READ", "VM_WRITE"))
    assert layout(s) == [(1 * M, 4 * M), (8 * M, 9 * M), (9 * M, 10 * M)], "its pages count from elsewhere"


def test_dontunmap_leaves_an_empty_vma_behind() -> None:
    s = play(write(0), mremap(0, 4 * M, 8 * M, None, "MREMAP_MAYMOVE", "MREMAP_DONTUNMAP", "MREMAP_FIXED"), write(0))
    assert layout(s) == [(0, 4 * M), (8 * M, 12 * M)]
    assert s.ended[-1].faults == 1
    assert vmas(Mm(s.m, 0))[0].anon_vma != vmas(Mm(s.m, 0))[1].anon_vma


def test_a_target_is_unmapped_and_may_not_overlap() -> None:
    s = play(write(0), write(2 * M), mremap(0, 1 * M, 2 * M))
    assert results(s)[-1] == START + 2 * M
    assert layout(s) == [(1 * M, 2 * M), (2 * M, 3 * M), (3 * M, 4 * M)]
    s = play(mremap(0, 2 * M, 1 * M))
    assert results(s) == [-EINVAL]
    assert layout(s) == [(0, 4 * M)]


@pytest.mark.parametrize(
    ("variant", "size", "at"),
    [
        ("6.5", 4 * M, 0x7FFFF7BFF000),
        ("v8", 4 * M, 0x7FFFF7A00000),
        ("6.10", 3 * M, 0x7FFFF7C00000),
        ("6.12", 3 * M, 0x7FFFF7CFF000),
        ("6.14", 3 * M, 0x7FFFF7CFF000),
        ("6.18", 4 * M, 0x7FFFF7A00000),
    ],
)
def test_a_move_to_where_there_is_room(variant: str, size: int, at: int) -> None:
    """The highest gap below mmap_base (0x7ffff7fff000); from 6.7 on where a leaf fits, from 6.12 on whole PMDs only."""
    s = play(write(0), mremap(0, 1 * M, None, size, "MREMAP_MAYMOVE"), variant=variant, vma=APART)
    assert hex(results(s)[-1]) == hex(at)


@pytest.mark.parametrize(("variant", "result"), [("6.14", -EFAULT), ("6.18", START + 8 * M)])
def test_several_vmas_move_together_from_6_17_on(variant: str, result: int) -> None:
    s = play(write(0), write(2 * M), mremap(0, 3 * M, 8 * M), variant=variant, vma=APART)
    assert results(s)[-1] == result
    assert layout(s)[-1] == ((10 * M, 11 * M) if result > 0 else (2 * M, 3 * M))


def test_no_memory_for_a_table_moves_everything_back() -> None:
    s = play(write(0), mremap(0, 1 * M, 8 * M + 4 * K) + " | pte_alloc_one = NULL", read(0))
    assert results(s) == [0, -ENOMEM, 0]
    assert s.ended[-1].faults == 0
    assert layout(s) == [(0, 4 * M)]


@pytest.mark.parametrize(
    ("event", "result"),
    [
        (mremap(8 * M, 1 * M, 16 * M), -EFAULT),
        (mremap(0, 4 * M, None, 8 * M), START),
        (mremap(0, 1 * M, None, 2 * M), -ENOMEM),
        (mremap(0, 1 * M, 16 * M, None, "MREMAP_FIXED"), -EINVAL),
        (mremap(0, 1 * M, None, 2 * M, "MREMAP_MAYMOVE", "MREMAP_DONTUNMAP"), -EINVAL),
        (mremap(3 * M, 2 * M, 16 * M, 3 * M), -EFAULT),
        (mremap(0, 1 * M), START),
    ],
)
def test_what_mremap_answers(event: str, result: int) -> None:
    assert results(play(event))[-1] == result


def test_growing_a_locked_vma_faults_in_what_is_new() -> None:
    s = play(mremap(0, 1 * M, None, 1 * M + 64 * K), vma=(("heap", "0", "1M", ("VM_WRITE", "VM_LOCKED")),))
    assert maps(s, START + 1 * M)["mapped"] == "folio"
    assert maps(s, START)["mapped"] == "none"


@pytest.mark.parametrize(("variant", "marker"), [("6.12", "marker"), ("6.14", "none")])
def test_a_monitor_is_left_behind(variant: str, marker: str) -> None:
    """The flags always; from 6.13 on markers too, and no table is moved as a whole."""
    more = f'[[vma]]\nname = "armed"\nstart = {START + 8 * M}\nsize = "2M"\nflags = ["VM_WRITE"]\nuffd = ["wp"]\n'
    more += '[[populate]]\nat = "armed"\npages = 1\nwith = "uffd-wp-marker"'
    s = play(mremap(8 * M, 2 * M, 16 * M), variant=variant, more=more)
    assert not flags(s, 16 * M) & (defs.VM_UFFD_MISSING | defs.VM_UFFD_WP)
    assert maps(s, START + 16 * M)["mapped"] == marker
    assert told(s, "mremap-move") == ["mremap-move:ptes" if variant == "6.14" else "mremap-move:table"]


# -- what is told --------------------------------------------------------------------------------------
def test_a_refused_write_is_told_as_a_write() -> None:
    s = play(munmap(0, 4 * M), write(0))
    assert [row["access"] for row in follow(s.__class__(s.scenario)) if row["type"] == "fault"] == ["write"]


def test_a_vma_that_is_gone_has_a_number_and_no_name() -> None:
    s = play(munmap(0, 64 * K))
    gone = [number for number in range(2) if not s.m.vm_end.get(number)]
    assert [cell_name(s.m, s.m.vm_start, number, 1) for number in gone] == [f"vma #{gone[0]} (not there) ->vm_start"]
