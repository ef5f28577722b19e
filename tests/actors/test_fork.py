# SPDX-License-Identifier: GPL-2.0-only
"""fork and exit: what the child gets, what the parent loses, and that nothing is left behind."""

from __future__ import annotations

import random

import pytest

from kernelmodel.defs import (
    MMF_DISABLE_THP_EXCEPT_ADVISED,
    VM_LOCKED,
    VM_UFFD_MISSING,
    VM_UFFD_WP,
    PG_anon_exclusive,
)
from kernelmodel.invariants import violations
from kernelmodel.mm.vma import vmas
from kernelmodel.mm.vmstat import counters
from kernelmodel.scenario.faults import ScenarioError
from kernelmodel.session import Session
from kernelmodel.snapshot import View
from kernelmodel.structs import Folio, Mm
from tests.build import cells, decisions, finish
from tests.stories import HEAP, HUGE, SMALL, START, entry, names, pfn, story

CHILD = 1


def told(s: Session, *kinds: str) -> list[str]:
    """The decisions of some kinds."""
    return [each for each in decisions(s) if each.split(":")[0] in kinds]


@pytest.mark.parametrize("arch", ["x86-64", "arm64-4k"])
def test_both_lose_the_right_to_write_and_the_child_is_not_young(arch: str) -> None:
    s = finish(story("write 'heap'", "fork 'child'", arch=arch))
    ours, theirs = entry(s, 0, 0), entry(s, CHILD, 0)
    assert s.m.arch.pte_pfn(ours) == s.m.arch.pte_pfn(theirs)
    assert not s.m.arch.pte_write(ours)
    assert not s.m.arch.pte_write(theirs)
    assert [s.m.arch.pte_dirty(each) for each in (ours, theirs)] == [True, True], "the hardware's dirtiness is kept"
    assert s.m.arch.pte_young(ours)
    assert not s.m.arch.pte_young(theirs)


def test_counts_of_a_large_folio() -> None:
    s = finish(story("write 'heap'", "fork 'child'"))
    folio = Folio(s.m, pfn(s, 0, 0))
    assert (folio.order, folio._refcount, s.m._mapcount.run(folio.id, 16)) == (4, 32, [2] * 16)
    assert not any(flags & PG_anon_exclusive for flags in s.m.page_flags.run(folio.id, 16))
    found = counters(s.m)
    assert (found["MM_ANONPAGES"], found["child.MM_ANONPAGES"], found["nr_anon_pages"]) == (16, 16, 16)
    assert told(s, "fork-vma", "fork-pmd", "fork-return") == ["fork-vma:copied", "fork-pmd:table", "fork-return:0"]


def test_a_leaf_is_shared_as_a_whole_and_has_a_table_for_its_split() -> None:
    s = finish(story("write 'heap'", "fork 'child'", sizes=HUGE))
    folio = Folio(s.m, pfn(s, 0, 0))
    assert (folio._refcount, s.m._entire_mapcount.get(folio.id)) == (2, 2)
    assert not folio.flags & PG_anon_exclusive
    assert (Mm(s.m, 0).nr_ptes, Mm(s.m, CHILD).nr_ptes, len(dict(s.m.deposit.items()))) == (1, 1, 2)
    assert told(s, "fork-pmd") == ["fork-pmd:leaf"]


def test_the_huge_zero_page_gets_a_reference_of_the_child() -> None:
    s = finish(story("read 'heap'", "fork 'child'", "child: read 'heap'", sizes=HUGE))
    assert s.m.huge_zero_refcount.get(0) == 3
    assert told(s, "fork-pmd") == ["fork-pmd:huge-zero"]
    assert s.accesses[-1].ret == 0
    assert entry(s, 0, 0) & ~0x20 == entry(s, CHILD, 0)


def test_what_has_no_anon_vma_is_not_copied() -> None:
    s = finish(story("read 'heap'", "fork 'child'"))
    assert pfn(s, CHILD, 0) == -1
    assert Mm(s.m, CHILD).nr_ptes == 0
    assert s.event(s.last - 2).reason == "no-anon-vma"


def test_which_vmas_the_child_has() -> None:
    vma = (HEAP, ("none", "0x1000000", "4M", ("VM_WRITE", "VM_DONTCOPY")), ("held", "0x2000000", "4M", ("VM_LOCKED",)))
    s = finish(story("write 'none'", "fork 'child'", vma=vma))
    assert names(s, CHILD) == ["heap", "held"]
    assert [each.vm_flags & VM_LOCKED for each in vmas(Mm(s.m, CHILD))] == [0, 0]
    assert told(s, "fork-vma") == ["fork-vma:copied", "fork-vma:skipped", "fork-vma:copied"]


def test_a_child_has_an_anon_vma_of_its_own_and_lends_it_to_no_neighbour() -> None:
    vma = (HEAP, ("next", "0x400000", "4M", ("VM_WRITE",)))
    s = finish(story("write 'heap'", "fork 'child'", "child: write 'next'", vma=vma))
    anon_vmas = [each.anon_vma for each in (*vmas(Mm(s.m, 0)), *vmas(Mm(s.m, CHILD)))]
    assert anon_vmas == [1, 0, 2, 3]


def populate(offset: int, pages: int, what: str = "page") -> str:
    """A [[populate]] table."""
    return f'[[populate]]\nat = {START + offset}\npages = {pages}\nwith = "{what}"\n'


def test_userfaultfd_does_not_follow() -> None:
    """Neither the VMA's flags nor a marker (no UFFD_FEATURE_EVENT_FORK)."""
    more = populate(0, 1) + populate(0x3000, 1, "uffd-wp-marker")
    s = finish(story("fork 'child'", more=more, uffd='["wp", "missing"]'))
    (mine,), (its,) = vmas(Mm(s.m, 0)), vmas(Mm(s.m, CHILD))
    assert mine.vm_flags & VM_UFFD_WP
    assert not its.vm_flags & (VM_UFFD_WP | VM_UFFD_MISSING)
    assert entry(s, 0, 0x3000)
    assert not entry(s, CHILD, 0x3000)
    assert entry(s, CHILD, 0)


def test_swap_entries_are_shared_and_counted() -> None:
    s = finish(story("fork 'child'", more=populate(0, 1) + populate(0x3000, 2, "swap")))
    assert [Mm(s.m, each).swap_ents for each in (0, CHILD)] == [2, 2]
    assert entry(s, CHILD, 0x3000) == entry(s, 0, 0x3000) != 0


def test_prctl_is_inherited() -> None:
    off = '{ PR_SET_THP_DISABLE = 1, flags = ["PR_THP_DISABLE_EXCEPT_ADVISED"] }'
    s = finish(story(f"prctl {off}", "fork 'child'", "child: write 'heap+0x10000'", sizes=HUGE))
    assert Mm(s.m, CHILD).flags == MMF_DISABLE_THP_EXCEPT_ADVISED
    assert s.m.folio_order.get(pfn(s, CHILD, 0x10000)) == 0


@pytest.mark.parametrize("sizes", [HUGE, SMALL])
def test_no_memory_for_a_table_is_enomem_and_no_child(sizes: str) -> None:
    vma = (HEAP, ("more", "0x1000000", "4M", ("VM_WRITE",)))
    fork = "fork 'child' | pte_alloc_one = table; pte_alloc_one = NULL"
    s = finish(story("write 'heap'", "write 'more'", fork, vma=vma, sizes=sizes))
    assert told(s, "fork-return") == ["fork-return:-ENOMEM"]
    child = Mm(s.m, CHILD)
    assert (s.m.mm_users.get(CHILD), s.m.pgd.get(CHILD), child.map_count, child.nr_ptes) == (0, 0, 0, 0)
    assert violations(s.m, True) == []
    assert Folio(s.m, pfn(s, 0, 0))._refcount == (1 if sizes == HUGE else 16)


@pytest.mark.parametrize("variant", ["v3", "6.8", "6.9", "6.12", "6.18", "7.2"])
def test_after_exit_all_is_as_without_the_children(variant: str) -> None:
    """Memory, counts, charges and tables; but the parent's pages stay write-protected and are nobody's alone."""
    vma = (HEAP, ("rest", "0x1000000", "4M", ("VM_WRITE",)), ("zero", "0x2000000", "4M", ("VM_WRITE",)))
    before = ("write 'heap'", "write 'rest'", "read 'zero'")
    children = (
        "fork 'a'", "a: write 'heap'", "a: fork 'b'", "b: write 'heap+0x1000'", "b: write 'rest'", "b: write 'zero'",
        "a: write 'heap+0x20000'", "exit 'a'", "b: write 'heap+0x2000'", "exit 'b'",
    )  # fmt: skip
    alone = cells(finish(story(*before, variant=variant, vma=vma, sizes=HUGE)).m)
    s = story(*before, *children, variant=variant, vma=vma, sizes=HUGE)
    while not s.finished:
        s.advance()
        if s.cpus.idle():
            assert violations(s.m, True) == []
    after = cells(s.m)
    assert sorted(after["table_used"].values()) == sorted(alone["table_used"].values())
    for name in (
        "_refcount", "_mapcount", "_entire_mapcount", "_large_mapcount", "_mm_id_mapcount", "memcg_usage", "rss_stat",
        "nr_free", "nr_free_pages", "folio_order", "nr_ptes", "pmd_deposit", "huge_zero_refcount", "map_count",
    ):  # fmt: skip
        assert after[name] == alone[name], name
    assert [s.m.mm_users.get(each) for each in (0, 1, 2)] == [1, 2, 2]


def test_an_event_of_a_gone_process_never_begins() -> None:
    s = finish(story("fork 'child'", "exit 'child'", "child: write 'heap'"))
    assert s.stop.kind == "blocked"
    assert "has exited" in s.cpus.waiting()[0][1]


def test_main_may_exit_before_its_child() -> None:
    s = finish(story("write 'heap'", "fork 'child'", "exit 'main'", "child: write 'heap+0x1000'", "exit 'child'"))
    assert s.stop.kind == "end"
    assert s.m.memcg_usage.get(0) == 0
    assert not dict(s.m._refcount.items())
    assert not dict(s.m.table_used.items())


def family(seed: int) -> list[str]:
    """Reads, writes, forks and exits of up to four processes, by chance."""
    chance = random.Random(seed)
    alive, found = ["main"], []
    for number in range(14):
        who = chance.choice(alive)
        verb = chance.choice(("write", "write", "write", "read", "fork", "exit"))
        if verb == "fork" and len(alive) < 4:
            alive.append(f"p{number}")
            found.append(f"{who}: fork 'p{number}'")
        elif verb == "exit" and len(alive) > 1:
            alive.remove(who)
            found.append(f"exit '{who}'")
        elif verb in ("read", "write"):
            found.append(f"{who}: {verb} 'heap+{chance.choice((0, 0x10000, 0x200000)) + chance.randrange(4) * 0x1000}'")
    return found


@pytest.mark.parametrize("sizes", [SMALL, HUGE])
@pytest.mark.parametrize("variant", ["v5", "6.5", "6.9", "6.18"])
@pytest.mark.parametrize("seed", range(3))
def test_a_family_by_chance_keeps_the_invariants_and_can_be_stepped_back(seed: int, variant: str, sizes: str) -> None:
    s = story(*family(seed), variant=variant, sizes=sizes)
    there = [s.m.digest()]
    while not s.finished:
        s.advance()
        there.append(s.m.digest())
        if s.cpus.idle():
            assert violations(s.m, True) == []
    back = []
    for step in range(s.last, -1, -1):
        s.seek(step)
        back.append(s.m.digest())
    assert back[::-1] == there[: len(back)]


def test_the_panes_follow_the_process() -> None:
    s = finish(story("write 'heap'", "fork 'child'", "child: write 'heap'", "exit 'child'"))
    of = {s.event(step).kind: step for step in range(s.last)}
    for kind, want in (("wp", ["heap"]), ("exit-return", [])):
        s.seek(of[kind])
        assert [vma.name for vma in s.snapshot(View()).vmas] == want, kind


def test_too_many_processes_are_refused() -> None:
    with pytest.raises(ScenarioError, match="more than 16 processes"):
        story(*[f"fork 'p{k}'" for k in range(16)])
