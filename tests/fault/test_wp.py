# SPDX-License-Identifier: GPL-2.0-only
"""Writes to pages that were shared by fork: who copies, who writes in place, by release."""

from __future__ import annotations

import pytest

from kernelmodel.defs import (
    COMPOUND_MAPPED,
    FAULT_FLAG_DEFAULT,
    NR_ANON_THPS,
    VM_UFFD_MISSING,
    VM_UFFD_WP,
    PG_anon_exclusive,
    result_name,
)
from kernelmodel.invariants import violations
from kernelmodel.mm.large_mapcount import folio_large_mapcount, folio_mapped_shared
from kernelmodel.mm.page_alloc import page_folio
from kernelmodel.mm.pgtable import pmd_offset, pte_place, set_pte_at
from kernelmodel.mm.userfaultfd import userfaultfd_must_wait
from kernelmodel.mm.vma import vmas
from kernelmodel.session import Session
from kernelmodel.structs import Folio, Mm, VmFault
from tests.build import finish
from tests.stories import HUGE, SMALL, START, entry, pfn, story

CHILD = 1
PAGES = [f"write 'heap+{k << 12:#x}'" for k in range(16)]
RELEASES = ["v8", "6.8", "6.9", "6.10", "6.12", "6.14", "6.18", "7.0", "7.1", "7.2"]


def told(s: Session, *kinds: str) -> list[str]:
    """Outcome and reason of the decisions of some kinds."""
    events = [s.event(step) for step in range(s.last)]
    return [f"{each.outcome} {each.reason}".strip() for each in events if each.kind in kinds]


def results(s: Session) -> list[str]:
    """What the accesses returned."""
    return [result_name(each.ret) for each in s.accesses]


def order(s: Session, process: int, offset: int) -> int:
    """Order of the folio that stands at an offset."""
    return page_folio(s.m, pfn(s, process, offset)).order


@pytest.mark.parametrize("variant", RELEASES)
def test_a_copy_is_one_page_and_a_new_block_is_not(variant: str) -> None:
    s = finish(story("write 'heap'", "fork 'child'", "child: write 'heap+0x3000'", "child: write 'heap+0x20000'",
                     variant=variant))  # fmt: skip
    assert [order(s, CHILD, offset) for offset in (0x3000, 0x2000, 0x20000)] == [0, 4, 4]
    assert (s.m._mapcount.get(pfn(s, 0, 0x3000)), s.m._mapcount.get(pfn(s, 0, 0x2000))) == (1, 2)
    assert violations(s.m, True) == []


@pytest.mark.parametrize("variant", RELEASES)
def test_the_parent_after_the_child_is_gone(variant: str) -> None:
    """The large folio is written where it is from 6.15 on; before, its pages are copied one by one."""
    s = finish(story("write 'heap'", "fork 'child'", "exit 'child'", "write 'heap'", "write 'heap+0x1000'",
                     variant=variant))  # fmt: skip
    keeps = s.m.release >= (6, 15)
    assert order(s, 0, 0) == order(s, 0, 0x1000) == (4 if keeps else 0)
    why = "reuse mapped-here-only" if keeps else "copy large-folio" if s.m.release >= (6, 9) else "copy references"
    assert told(s, "wp") == [why, why]


@pytest.mark.parametrize("variant", RELEASES)
def test_the_last_page_of_a_folio(variant: str) -> None:
    s = finish(story("write 'heap'", "fork 'child'", *PAGES[:15], "exit 'child'", PAGES[15], variant=variant))
    last = told(s, "wp")[-1]
    if s.m.release < (6, 9):
        assert last == "reuse only-reference"
        assert Folio(s.m, pfn(s, 0, 0xF000) & ~15).mapping == vmas(Mm(s.m, 0))[0].anon_vma
    else:
        assert last == ("copy large-folio" if s.m.release < (6, 15) else "copy last-page")
    assert order(s, 0, 0xF000) == (4 if s.m.release < (6, 9) else 0)
    assert violations(s.m, True) == []


@pytest.mark.parametrize("variant", RELEASES)
def test_one_page_whose_other_owner_is_gone_is_reused(variant: str) -> None:
    s = finish(story("write 'heap'", "fork 'child'", "exit 'main'", "child: write 'heap'", variant=variant,
                     sizes='enabled = "never"'))  # fmt: skip
    assert told(s, "wp") == ["reuse only-reference"]
    page = pfn(s, CHILD, 0)
    assert s.m.page_flags.get(page) & PG_anon_exclusive
    assert s.m.mapping.get(page) == vmas(Mm(s.m, CHILD))[0].anon_vma


@pytest.mark.parametrize(
    ("events", "want", "shared"),
    [
        (("fork 'a'", "exit 'a'"), "reuse mapped-here-only", False),
        (("fork 'a'",), "copy mapped-shared", True),
        (("fork 'a'", "fork 'b'", "exit 'b'"), "copy mapped-shared", True),
        (("fork 'a'", "fork 'b'", "exit 'b'", "exit 'a'"), "reuse mapped-here-only", False),
        (("fork 'a'", "fork 'b'", "exit 'a'", "exit 'b'"), "reuse mapped-here-only", False),
    ],
)
def test_two_slots_say_who_maps_a_large_folio(events: tuple[str, ...], want: str, shared: bool) -> None:
    before = finish(story("write 'heap'", *events))
    folio = Folio(before.m, pfn(before, 0, 0))
    assert folio_mapped_shared(folio) == shared
    assert folio_large_mapcount(folio) == sum(before.m._mapcount.run(folio.id, 16))
    assert told(finish(story("write 'heap'", *events, "write 'heap'")), "wp") == [want]


def test_the_third_mm_has_no_slot_and_never_gets_the_folio_back() -> None:
    """When both slots are free again nothing tells that the one that is left is alone."""
    s = finish(story("write 'heap'", "fork 'a'", "fork 'b'", "exit 'main'", "exit 'a'", "b: write 'heap'"))
    assert told(s, "wp") == ["copy mapped-shared"]
    one = finish(story("write 'heap'", "fork 'a'", "exit 'main'", "a: write 'heap'"))
    assert told(one, "wp") == ["reuse mapped-here-only"]


@pytest.mark.parametrize("variant", ["v3", "6.5", "6.9", "6.18"])
def test_a_leaf_is_split_while_shared_and_reused_when_alone(variant: str) -> None:
    shared = ("write 'heap'", "fork 'child'", "child: write 'heap+0x3000'")
    s = finish(story(*shared, variant=variant, sizes=HUGE))
    folio = Folio(s.m, pfn(s, 0, 0))
    assert told(s, "huge-wp") == ["split shared"]
    assert (order(s, CHILD, 0x3000), order(s, CHILD, 0x4000)) == (0, 9)
    assert (s.m._entire_mapcount.get(folio.id), folio._nr_pages_mapped) == (1, COMPOUND_MAPPED + 511)
    assert s.m.node_stat.get(NR_ANON_THPS) == 512, "the parent still maps it as a whole"
    its = entry(s, CHILD, 0x4000)
    assert (s.m.arch.pte_dirty(its), s.m.arch.pte_young(its), s.m.arch.pte_write(its)) == (True, False, False)
    assert violations(s.m, True) == []

    s = finish(story(*shared, "exit 'child'", "write 'heap+0x3000'", variant=variant, sizes=HUGE))
    assert told(s, "huge-wp") == ["split shared", "reuse only-reference"]
    assert entry(s, 0, 0x3000) == entry(s, 0, 0x4000)
    assert s.m.arch.pte_write(entry(s, 0, 0x3000))


@pytest.mark.parametrize("answer", ["vma_alloc_folio(order=0) = NULL", "mem_cgroup_charge(order=0) = -ENOMEM"])
def test_a_failed_copy_leaves_no_reference_behind(answer: str) -> None:
    s = finish(story("write 'heap'", "fork 'child'", f"child: write 'heap' | {answer}"))
    assert results(s)[-1] == "VM_FAULT_OOM"
    assert Folio(s.m, pfn(s, 0, 0))._refcount == 32
    assert violations(s.m, True) == []


def test_the_old_folio_is_held_while_it_is_copied() -> None:
    s = story("write 'heap'", "fork 'child'", "child: write 'heap'", sizes='enabled = "never"')
    while s.event(s.step).function != "wp_page_copy":
        s.advance()
    assert Folio(s.m, pfn(s, 0, 0))._refcount == 3
    finish(s)
    assert Folio(s.m, pfn(s, 0, 0))._refcount == 1


def test_a_monitor_that_has_answered_already_is_not_waited_for() -> None:
    s = finish(story("write 'heap'", sizes=SMALL))
    m, mm = s.m, Mm(s.m, 0)
    (vma,) = vmas(mm)
    vmf = VmFault(m, vma, START, FAULT_FLAG_DEFAULT, 0)
    vmf.pmd = pmd_offset(mm, START)
    pte = pte_place(m, m.pgtable.get(vmf.pmd), START)
    there = m.pgtable.get(pte)
    cases = (
        (there, VM_UFFD_MISSING, False), (0, VM_UFFD_MISSING, True), (there, VM_UFFD_WP, False),
        (m.arch.pte_mkuffd_wp(there), VM_UFFD_WP, True),
    )  # fmt: skip
    for value, reason, want in cases:
        set_pte_at(m, pte, value)
        assert userfaultfd_must_wait(vmf, reason) == want
