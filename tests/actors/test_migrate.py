# SPDX-License-Identifier: GPL-2.0-only
"""Migration: what it does to entries and counts, and what faults, zaps and forks see of it."""

from __future__ import annotations

import pytest

from kernelmodel.defs import MM_ANONPAGES, PG_anon_exclusive, PG_locked
from kernelmodel.explore import explore
from kernelmodel.explore.types import Options
from kernelmodel.mm.pgtable import translate
from kernelmodel.session import Session
from kernelmodel.structs import Folio, Mm
from tests.actors.races import broken, event, race, until
from tests.build import decisions, finish

START = 0x7F0000000000
PAGE = '[[populate]]\nat = "heap+0x5000"\nwith = "page"\n'
LARGE = '[[populate]]\nat = "heap"\npages = 16\norder = 4\nwith = "page"\n'
LEAF = '[[populate]]\nat = "heap"\npages = 512\nwith = "huge-pmd"\n'
VARIANTS = ("6.5", "6.8", "6.12", "6.18", "7.1")


def migrate(size: str, at: str = "heap", cpu: int = 0) -> str:
    return event(cpu, f'migrate = {{ at = "{at}", size = "{size}" }}')


def dontneed(size: str, cpu: int = 1) -> str:
    return event(cpu, f'madvise = {{ at = "heap", size = "{size}", advice = "MADV_DONTNEED" }}')


def write(cpu: int, at: str = "heap+0x5000") -> str:
    return event(cpu, f'write = "{at}"')


def pfn(s: Session, offset: int = 0x5000, mm: int = 0) -> int:
    return s.m.arch.pte_pfn(translate(Mm(s.m, mm), START + offset))


def end(s: Session) -> Session:
    """Run to the end, and look at every stop for what is broken."""
    while not s.finished:
        s.advance()
        assert broken(s) == set(), s.stop.text
    assert s.stop.kind == "end", s.stop.text
    return s


def told(s: Session, *kinds: str) -> list[str]:
    return [each for each in decisions(s) if each.startswith(kinds)]


# -- alone ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("populate", "level"), [(PAGE, "pte"), (LARGE, "pte"), (LEAF, "leaf")])
def test_another_folio_stands_where_the_old_one_did(variant: str, populate: str, level: str) -> None:
    s = race(variant, migrate("2M"), more=populate)
    old, entry = pfn(s), translate(Mm(s.m, 0), START + 0x5000)
    end(s)
    assert told(s, "migrate") == [
        "migrate-folio:isolated", f"migrate-unmap:{level}", "migrate-move:unmapped", f"migrate-remap:{level}",
        "migrate-folio:0", "migrate-return:0",
    ]  # fmt: skip
    new = translate(Mm(s.m, 0), START + 0x5000)
    assert pfn(s) != old
    assert not s.m._refcount.get(old)
    assert s.m.arch.pte_write(new)
    assert s.m.arch.pte_dirty(new) == s.m.arch.pte_dirty(entry)
    assert s.m.page_flags.get(pfn(s)) & PG_anon_exclusive
    assert not s.m.page_flags.get(pfn(s)) & PG_locked


def test_nothing_is_there() -> None:
    assert told(end(race("6.12", migrate("2M"))), "migrate") == ["migrate-return:0"]


def test_no_memory_for_the_new_folio() -> None:
    text = migrate("4K", "heap+0x5000").rstrip() + '\nanswers = ["vma_alloc_folio(order=0) = NULL"]\n'
    s = race("6.12", text, more=PAGE)
    old = pfn(s)
    assert told(end(s), "migrate")[1:] == ["migrate-folio:-ENOMEM", "migrate-return:-ENOMEM"]
    assert pfn(s) == old


def test_a_reference_too_many() -> None:
    """A fault that copies the page holds it: the old one goes back to where it was."""
    s = race(
        "6.12", event(0, 'fork = "child"'), migrate("4K", "heap+0x5000"), event(1, 'write = "heap+0x5000"', "child"),
        more=PAGE,
    )  # fmt: skip
    old = pfn(s)
    until(s, 0, "fork-return")
    until(s, 1, "wp:copy")
    until(s, 1, "alloc")
    until(s, 0, "migrate-return")
    assert told(s, "migrate")[-2:] == ["migrate-folio:-EAGAIN", "migrate-return:-EAGAIN"]
    assert told(s, "migrate-remap") == ["migrate-remap:pte"] * 2  # of both processes
    end(s)
    assert pfn(s) == old != pfn(s, mm=1)


# -- with others ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("populate", "kind"), [(PAGE, "orig-pte:swap"), (LEAF, "pmd-gate:migration")])
def test_a_fault_waits(variant: str, populate: str, kind: str) -> None:
    s = race(variant, migrate("2M"), write(1), more=populate)
    until(s, 0, "migrate-move:unmapped")
    until(s, 1, "wait:migration")
    assert kind in decisions(s)
    until(s, 1, "step:wait")
    end(s)
    assert s.m.arch.pte_write(translate(Mm(s.m, 0), START + 0x5000))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("size", "left"), [("2M", 0), ("1M", 256)])
def test_a_zap_between(variant: str, size: str, left: int) -> None:
    """The whole leaf goes, and the migration drops the folio; of a part, a table of migration entries is left."""
    s = race(variant, migrate("2M"), dontneed(size), more=LEAF)
    until(s, 0, "migrate-move:unmapped")
    until(s, 1, "madvise-return")
    end(s)
    assert s.m.rss_stat.get(MM_ANONPAGES) == left
    assert told(s, "migrate-remap") == (["migrate-remap:pte"] if left else [])
    assert sum(1 for _ in s.m._refcount.items()) == bool(left)


def test_fork_copies_the_entry() -> None:
    """Parent and child both get the new page, and it is nobody's own any more."""
    s = race("6.12", migrate("4K", "heap+0x5000"), event(1, 'fork = "child"'), more=PAGE)
    until(s, 0, "migrate-move:unmapped")
    until(s, 1, "fork-return")
    end(s)
    assert pfn(s) == pfn(s, mm=1)
    assert told(s, "migrate-remap") == ["migrate-remap:pte"] * 2
    assert not s.m.page_flags.get(pfn(s)) & PG_anon_exclusive
    assert not s.m.arch.pte_write(translate(Mm(s.m, 0), START + 0x5000))


def test_the_process_ends_meanwhile() -> None:
    s = race("6.12", migrate("2M"), event(1, 'exit = "main"'), more=LEAF)
    until(s, 0, "migrate-move:unmapped")
    until(s, 1, "exit-return")
    end(s)
    assert not list(s.m._refcount.items())


def test_two_do_not_take_one_folio() -> None:
    s = race("6.12", migrate("4K", "heap+0x5000"), migrate("4K", "heap+0x5000", 1), more=PAGE)
    until(s, 0, "migrate-unmap")
    until(s, 1, "migrate-folio:skipped")
    end(s)


def test_the_lock_is_held_from_the_first_entry_to_the_last() -> None:
    s = race("6.12", migrate("2M"), write(1), more=LEAF)
    folio = Folio(s.m, pfn(s) & -512)
    for word in ("migrate-unmap", "migrate-move", "migrate-remap"):
        until(s, 0, word)
        assert folio.flags & PG_locked
    finish(s)


@pytest.mark.parametrize("variant", ["6.5", "6.12", "7.1"])
@pytest.mark.parametrize("populate", [PAGE, LEAF])
def test_a_table_is_not_freed_under_who_waits_for_its_lock(variant: str, populate: str) -> None:
    """free_pgtables() waits for the lock of the anon_vma, which who walks has, so nothing is used after it was freed."""
    munmap = event(1, 'munmap = { at = "heap", size = "4M" }')
    result = explore(race(variant, migrate("2M"), munmap, more=populate).scenario, options=Options(failures=False))
    assert result.complete
    assert result.violations == ()
