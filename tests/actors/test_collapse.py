# SPDX-License-Identifier: GPL-2.0-only
"""khugepaged and MADV_COLLAPSE: what is collapsed, what is not and why, and who is kept out meanwhile."""

from __future__ import annotations

from random import Random

import pytest

from kernelmodel.defs import EBUSY, EINVAL, ENOMEM
from kernelmodel.mm.pgtable import translate
from kernelmodel.session import Session
from kernelmodel.structs import Folio, Mm
from tests.build import HEAP, decisions, finish

from .races import broken, event, race, until

ALWAYS = 'enabled = "always"\nhugepages-64kB = "always"'
START = 0x7F0000000000
COLLAPSE = 'collapse = { at = "heap", size = "2M" }'
MADV = 'madvise = { at = "heap", size = "2M", advice = "MADV_COLLAPSE" }'


def populate(pages: int, at: str = "heap", with_: str = "page", order: int = 0) -> str:
    more = f"order = {order}\n" if order else ""
    return f'[[populate]]\nat = "{at}"\npages = {pages}\nwith = "{with_}"\n{more}'


MIXED = populate(16, order=4) + populate(3, "heap+0x20000") + populate(1, "heap+0x30000", "zero-page")


def run(variant: str, *events: str, vma: str = HEAP + MIXED, thp: str = ALWAYS, more: str = "") -> Session:
    """All on one CPU, to the end."""
    return finish(race(variant, *(event(0, each) for each in events), vma=vma, thp=thp, more=more))


def result(s: Session) -> str:
    """What khugepaged came to."""
    return next(each for each in reversed(decisions(s)) if each.startswith("collapse-")).split(":")[1]


@pytest.mark.parametrize("variant", ["6.5", "6.8", "6.10", "6.18", "7.2"])
def test_a_table_becomes_a_leaf(variant: str) -> None:
    """A large folio, single pages, the zero page and nothing: one huge page, the old ones free, the table kept."""
    s = run(variant, COLLAPSE)
    m, mm = s.m, Mm(s.m, 0)
    assert result(s) == "SCAN_SUCCEED"
    value = translate(mm, START)
    folio = Folio(m, m.arch.pte_pfn(value))
    assert (folio.order, m.arch.pte_write(value)) == (9, True)
    assert dict(m._refcount.items()) == dict(m._entire_mapcount.items()) == {folio.id: 1}
    assert (mm.anon_pages, mm.nr_ptes) == (512, 1)
    assert broken(s) == set()


def test_a_leaf_of_khugepaged_can_be_split() -> None:
    """The table that it kept is empty."""
    s = run("7.1", COLLAPSE, 'mprotect = { at = "heap", size = "4K", prot = "r" }')
    assert s.stop.kind == "end"
    assert Mm(s.m, 0).anon_pages == 512
    assert broken(s) == set()


SWAP64, SWAP65, SWAP1 = (populate(512 - n) + populate(n, f"heap+{512 - n << 12:#x}", "swap") for n in (64, 65, 1))


@pytest.mark.parametrize(
    ("vma", "thp", "expected"),
    [
        (HEAP, ALWAYS, "SCAN_VMA_CHECK"),
        (HEAP.replace("4M", "1M") + MIXED, ALWAYS, "SCAN_ADDRESS_RANGE"),
        (HEAP + MIXED, 'enabled = "never"', "SCAN_VMA_CHECK"),
        (HEAP + populate(1, "heap+2M"), ALWAYS, "SCAN_PMD_NONE"),
        (HEAP + populate(512, with_="huge-pmd"), ALWAYS, "SCAN_PMD_MAPPED"),
        (HEAP + populate(512, with_="zero-page") + populate(1, "heap+2M"), ALWAYS, "SCAN_EXCEED_NONE_PTE"),
        (HEAP + 'uffd = ["missing"]\n' + MIXED, ALWAYS, "SCAN_EXCEED_NONE_PTE"),
        (HEAP + 'uffd = ["missing"]\n' + populate(512), ALWAYS, "SCAN_SUCCEED"),
        (HEAP + 'uffd = ["wp"]\n' + populate(1, "heap", "uffd-wp-marker") + populate(1, "heap+4K"), ALWAYS,
         "SCAN_PTE_UFFD_WP"),
        (HEAP + SWAP64, ALWAYS, "SCAN_SUCCEED"),
        (HEAP + SWAP65, ALWAYS, "SCAN_EXCEED_SWAP_PTE"),
        (HEAP + populate(255) + populate(1, "heap+1M", "swap"), ALWAYS, "SCAN_LACK_REFERENCED_PAGE"),
    ],
    ids=["untouched", "too small", "never", "no table", "leaf", "zeros", "armed", "armed and full", "marker", "64 swap",
         "65 swap", "few used"],
)  # fmt: skip
def test_what_is_refused(vma: str, thp: str, expected: str) -> None:
    s = run("6.12", COLLAPSE, vma=vma, thp=thp)
    assert result(s) == expected
    assert s.m.withdrawn.get(0) == 0
    assert broken(s) == set()


@pytest.mark.parametrize(
    ("variant", "events", "vma", "expected"),
    [
        ("6.14", ['mprotect = { at = "heap", size = "4M", prot = "r" }'], HEAP + MIXED, "SCAN_PAGE_RO"),
        ("6.18", ['mprotect = { at = "heap", size = "4M", prot = "r" }'], HEAP + MIXED, "SCAN_SUCCEED"),
        ("7.0", ['madvise = { at = "heap", size = "64K", advice = "MADV_FREE" }', 'write = "heap+1M"'], HEAP + MIXED,
         "SCAN_SUCCEED"),
        ("7.1", ['madvise = { at = "heap", size = "64K", advice = "MADV_FREE" }', 'write = "heap+1M"'], HEAP + MIXED,
         "SCAN_PAGE_LAZYFREE"),
        ("6.12", ['prctl = { PR_SET_THP_DISABLE = 1 }'], HEAP + MIXED, "SCAN_ANY_PROCESS"),
        ("6.8", ['prctl = { PR_SET_THP_DISABLE = 1 }'], HEAP + MIXED, "SCAN_VMA_CHECK"),
        ("6.18", ['fork = "child"'], HEAP + populate(256), "SCAN_SUCCEED"),
        ("6.18", ['fork = "child"'], HEAP + populate(257), "SCAN_EXCEED_SHARED_PTE"),
    ],
)  # fmt: skip
def test_what_the_releases_differ_in(variant: str, events: list[str], vma: str, expected: str) -> None:
    s = run(variant, *events, COLLAPSE, vma=vma)
    assert result(s) == expected
    assert broken(s) == set()


def test_a_name_for_all_that_is_no_table() -> None:
    vma = HEAP + populate(1, "heap+2M")
    assert result(run("6.18", COLLAPSE, vma=vma)) == "SCAN_PMD_NONE"
    assert result(run("7.1", COLLAPSE, vma=vma)) == "SCAN_NO_PTE_TABLE"


def test_no_huge_page_and_no_room() -> None:
    s = run("6.12", COLLAPSE, more="[memory]\nfree = { 0 = 30, 4 = 2 }\n")
    assert result(s) == "SCAN_ALLOC_HUGE_PAGE_FAIL"
    assert s.ended[-1].ret == -ENOMEM
    s = run("6.12", COLLAPSE, more='[memory]\nsize = "64M"\nmemcg_limit = "1M"\n')
    assert result(s) == "SCAN_CGROUP_CHARGE_FAIL"
    assert broken(s) == set()


# -- MADV_COLLAPSE --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("vma", "thp", "ret"),
    [
        (HEAP + MIXED, 'enabled = "never"', 0),
        (HEAP + SWAP1, ALWAYS, 0),
        (HEAP + populate(512, with_="huge-pmd"), ALWAYS, 0),
        (HEAP, ALWAYS, -EINVAL),
        (HEAP + 'uffd = ["missing"]\n' + MIXED, ALWAYS, -EBUSY),
        (HEAP + populate(1, "heap+2M"), ALWAYS, -EINVAL),
    ],
    ids=["never", "swap", "leaf", "untouched", "armed", "no table"],
)
def test_madv_collapse(vma: str, thp: str, ret: int) -> None:
    """It does not care for sysfs and the limits."""
    s = run("6.12", MADV, vma=vma, thp=thp)
    assert s.ended[-1].ret == ret
    assert broken(s) == set()


def test_madv_collapse_goes_on_after_a_range_without_a_table() -> None:
    s = run("6.12", MADV.replace("2M", "4M"), vma=HEAP + populate(1, "heap+2M"))
    assert s.ended[-1].ret == -EINVAL
    assert Mm(s.m, 0).anon_pages == 512


# -- with others ----------------------------------------------------------------------------------------
def test_a_write_locked_mm_is_passed_over() -> None:
    s = race("6.12", event(0, 'munmap = { at = "heap", size = "1M" }'), event(1, COLLAPSE), vma=HEAP + MIXED, thp=ALWAYS)
    until(s, 0, "munmap-")
    assert until(s, 1, "collapse-return") == "collapse-return:SCAN_FAIL"


@pytest.mark.parametrize("variant", ["6.5", "6.12", "7.1"])
def test_a_fault_is_kept_out_while_the_pmd_is_none(variant: str) -> None:
    s = race(variant, event(0, COLLAPSE), event(1, 'write = "heap+0x40000"'), vma=HEAP + MIXED, thp=ALWAYS)
    until(s, 0, "collapse-isolate")
    assert s.m.withdrawn.items()
    until(s, 1, "step:wait")
    until(s, 0, "collapse-return:SCAN_SUCCEED")
    finish(s)
    assert "pmd-gate:leaf" in decisions(s)
    assert broken(s) == set()


@pytest.mark.parametrize("variant", ["6.5", "6.12", "7.1"])
def test_without_the_lock_of_the_vma_it_is_not(variant: str) -> None:
    write = event(1, 'write = "heap+0x40000"')
    s = race(variant, event(0, COLLAPSE), write, mutants=("skip vma_start_write",), vma=HEAP + MIXED, thp=ALWAYS)
    until(s, 0, "collapse-isolate")
    until(s, 1, "install")
    finish(s)
    assert s.stop.text.startswith("BUG_ON")


def test_khugepaged_waits_for_a_fault_that_is_under_way() -> None:
    s = race("7.1", event(0, COLLAPSE), event(1, 'write = "heap+0x40000"'), vma=HEAP + MIXED, thp=ALWAYS)
    until(s, 1, "recheck:same")
    until(s, 0, "collapse-revalidate")
    until(s, 0, "step:wait")
    until(s, 1, "return:0")
    until(s, 0, "collapse-return:SCAN_SUCCEED")
    assert broken(finish(s)) == set()


def test_what_changed_since_the_scan_puts_the_table_back() -> None:
    """A page is swapped out between the two scans."""
    swap_out = event(1, 'swap_out = { at = "heap+0x20000", size = "4K" }')
    s = race("6.12", event(0, COLLAPSE), swap_out, vma=HEAP + MIXED, thp=ALWAYS)
    until(s, 0, "collapse-revalidate")
    until(s, 1, "swap-out-return")
    assert until(s, 0, "collapse-isolate") == "collapse-isolate:SCAN_PTE_NON_PRESENT"
    assert broken(finish(s)) == set()
    assert translate(Mm(s.m, 0), START + 0x21000)


@pytest.mark.parametrize(("variant", "mutant"), [("6.18", ""), ("7.1", ""), ("6.18", "B2"), ("7.1", "B2")])
def test_b2(variant: str, mutant: str) -> None:
    """MADV_DONTNEED frees the table under the VMA's lock, after khugepaged has looked at the PMD."""
    zap = event(1, 'madvise = { at = "heap", size = "2M", advice = "MADV_DONTNEED" }')
    s = race(variant, event(0, COLLAPSE), zap, mutants=(mutant,) if mutant else (), vma=HEAP + MIXED, thp=ALWAYS)
    until(s, 0, "step:collapse-start-write" if mutant else "collapse-revalidate")
    until(s, 1, "madvise-return")
    finish(s)
    assert s.stop.text.startswith("bad-pgtable") if mutant else broken(s) == set()
    assert "free-pgtables:freed" in decisions(s)


@pytest.mark.parametrize("mutant", ["", "B21"])
def test_b21(mutant: str) -> None:
    """A page is write-protected between the two scans: the monitor must hear of the next write."""
    protect = event(1, 'uffd = { op = "writeprotect", at = "heap", size = "4K", mode = ["wp"] }')
    full = HEAP + 'uffd = ["wp"]\n' + populate(512)
    write = event(1, 'write = "heap"')
    s = race("6.12", event(0, COLLAPSE), protect, write, mutants=(mutant,) if mutant else (), vma=full, thp=ALWAYS)
    until(s, 0, "collapse-scan:SCAN_SUCCEED")
    until(s, 1, "uffd-return:0")
    until(s, 0, "collapse-return")
    finish(s)
    assert s.stop.kind == ("end" if mutant else "blocked")
    assert broken(s) == ({"uffd_wp_is_kept"} if mutant else set())


OTHERS = (
    'madvise = { at = "heap", size = "2M", advice = "MADV_DONTNEED" }', 'write = "heap+0x40000"', 'fork = "child"',
    'munmap = { at = "heap", size = "2M" }', 'migrate = { at = "heap", size = "64K" }', 'exit = "main"', COLLAPSE,
    'swap_out = { at = "heap", size = "64K" }', 'reap = { at = "heap", size = "2M" }',
)  # fmt: skip


@pytest.mark.parametrize("other", OTHERS)
def test_any_order_leaves_a_possible_world(other: str) -> None:
    rng = Random(other)
    for variant in ("6.5", "7.1"):
        s = race(variant, event(0, COLLAPSE), event(1, other), vma=HEAP + MIXED, thp=ALWAYS)
        while not s.finished:
            s.advance(cpu=rng.randrange(2))
            assert not s.event(s.step).kind.startswith("collapse") or broken(s) == set()
        assert broken(s) == set()
        assert s.stop.kind == "end" or other.startswith("exit")
