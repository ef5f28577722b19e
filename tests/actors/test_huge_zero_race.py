# SPDX-License-Identifier: GPL-2.0-only
"""The huge zero page, its references, and the shrinker that frees it."""

from __future__ import annotations

import pytest

from kernelmodel.session import Session
from tests.build import decisions, finish

from .races import broken, event, race, until

ALWAYS = 'enabled = "always"'
SHRINK = event(1, "shrink_huge_zero = {}")
CHILD = (event(0, 'fork = "child"'), event(0, 'read = "heap"', "child"), event(0, 'exit = "child"'))
READ = event(0, 'read = "heap"')


def after_exit(variant: str, *events: str, b14: bool = False) -> Session:
    """The one process that used the page has exited; CPU 0 goes on with ``events``, CPU 1 shrinks."""
    s = race(variant, *CHILD, *events, SHRINK, mutants=("B14",) if b14 else (), thp=ALWAYS)
    until(s, 0, "exit-return")
    s.advance(cpu=0)
    return s


@pytest.mark.parametrize("variant", ["6.5", "6.12", "7.1"])
def test_the_shrinker_frees_what_no_mm_uses(variant: str) -> None:
    s = after_exit(variant, READ)
    until(s, 1, "shrink-return:freed")
    assert s.m.huge_zero_folio.get(0) == s.m.huge_zero_pfn.get(0) == s.m.huge_zero_refcount.get(0) == 0
    assert dict(s.m._refcount.items()) == {}
    finish(s)
    assert s.m.huge_zero_refcount.get(0) == 2
    assert broken(s) == set()


def test_a_reference_keeps_it() -> None:
    s = finish(race("7.1", READ, event(0, "shrink_huge_zero = {}"), thp=ALWAYS))
    assert decisions(s)[-2:] == ["shrink-count:in-use", "shrink-return:kept"]
    s = finish(race("7.1", event(0, "shrink_huge_zero = {}"), thp=ALWAYS))
    assert decisions(s) == ["shrink-count:none", "shrink-return:kept"]


def test_who_takes_a_reference_after_the_count_keeps_it() -> None:
    """shrink_huge_zero_folio_count() says that it could go; the cmpxchg of the scan finds that it can't."""
    s = after_exit("7.1", READ)
    until(s, 1, "shrink-count:last")
    until(s, 0, "install:huge-zero-page")
    until(s, 1, "shrink-return:kept")
    assert broken(finish(s)) == set()


def test_whose_page_it_was_is_gone_before_the_reference_is_taken() -> None:
    """The fault has seen a page, the shrinker takes it: another is allocated."""
    s = after_exit("7.1", READ)
    until(s, 0, "huge-zero:folio")
    until(s, 1, "shrink-return:freed")
    assert until(s, 0, "install") == "install:huge-zero-page"
    assert broken(finish(s)) == set()


def test_two_cpus_allocate_and_one_page_stays() -> None:
    """The pointer decides; the other page goes back, and its CPU takes a reference to the one that is there."""
    s = race("7.1", READ, event(1, 'read = "heap+2M"'), thp=ALWAYS)
    until(s, 0, "step:huge-zero-publish")
    until(s, 1, "return")
    until(s, 0, "install")
    assert broken(finish(s)) == set()
    assert s.m.huge_zero_refcount.get(0) == 2
    assert len(dict(s.m._refcount.items())) == 1


# -- B14 ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("then", "bug"),
    [('madvise = { at = "heap", size = "2M", advice = "MADV_DONTNEED" }', True),
     ('mprotect = { at = "heap", size = "4K", prot = "r" }', True),
     ('write = "heap"', False)],
    ids=["zap", "split", "write"],
)  # fmt: skip
@pytest.mark.parametrize("variant", ["6.5", "7.1"])
def test_b14(variant: str, then: str, bug: bool) -> None:
    """The shrinker's last store comes after the new page's pfn: from then on it counts as any other folio.

    A write then even reuses it: the zero page of everyone becomes writable for one.
    """
    s = after_exit(variant, READ, event(0, then), b14=True)
    until(s, 1, "shrink-scan:folio")
    until(s, 0, "install:huge-zero-page")
    assert broken(s) == set()
    until(s, 1, "shrink-return:freed")
    assert broken(s) == {"huge_zero_pfn"}
    finish(s)
    assert s.stop.text.startswith("VM_BUG_ON_FOLIO") if bug else s.stop.kind == "end"
    assert bug or "huge-wp:reuse" in decisions(s)


def test_b14_who_comes_too_early_waits() -> None:
    """The count is 0 and the pointer still set: whoever wants the page can neither take it nor replace it."""
    s = after_exit("7.1", READ, b14=True)
    until(s, 1, "shrink-scan:refcount")
    until(s, 0, "step:wait")
    until(s, 1, "shrink-return:freed")
    assert broken(finish(s)) == set()


def test_without_b14_there_is_no_such_moment() -> None:
    """The same order of CPUs, as far as it exists."""
    s = after_exit("7.1", READ)
    until(s, 1, "shrink-count:last")
    until(s, 0, "huge-zero:folio")
    until(s, 1, "shrink-return:freed")
    assert "shrink-scan:folio" not in decisions(s)
    assert broken(finish(s)) == set()
