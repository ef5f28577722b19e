# SPDX-License-Identifier: GPL-2.0-only
"""A forced NULL leaves a possible world behind, or is not offered."""

from __future__ import annotations

import pytest

from kernelmodel.defs import PG_uptodate
from kernelmodel.invariants import violations
from kernelmodel.session import Session
from tests.build import HEAP, finish, session

NO_2M = 'answers = ["vma_alloc_folio(order=9) = NULL"]\n'
ALWAYS = "[thp]\nenabled = 'always'\n"
ALL = ("NULL leaf", "NULL none", "NULL migration")


def at_map(s: Session, skip: int = 0) -> Session:
    while not s.finished:
        if s.event(s.step).kind == "map-pte":
            if not skip:
                return s
            skip -= 1
        s.advance()
    raise AssertionError("the map was never reached")


def write(offset: str = "0x5000", answers: str = NO_2M, cpu: int = 0) -> str:
    return f'[[event]]\ncpu = {cpu}\nwrite = "heap+{offset}"\n{answers}'


def forcible(s: Session) -> tuple[str, ...]:
    return tuple(each for each in s.possible_answers() if each.startswith("NULL "))


def test_where_a_leaf_is_possible_each_cause_is_offered() -> None:
    assert forcible(at_map(session(ALWAYS, events=write()))) == ALL


@pytest.mark.parametrize("cause", ALL)
def test_each_cause_keeps_the_invariants_and_shows_itself(cause: str) -> None:
    s = at_map(session(ALWAYS, events=write()))
    at = s.step
    s.advance(cause)
    while not s.finished:
        assert violations(s.m, False) == []
        s.advance()
    assert violations(s.m, s.stop.kind == "end") == []
    assert s.event(at).forced
    assert dict(s.event(at).more)["found"] == cause.removeprefix("NULL ")
    if cause == "NULL leaf":
        folio = next(pfn for pfn, _ in s.m._entire_mapcount.items())
        assert s.m.page_flags.get(folio) & PG_uptodate


def test_without_a_free_block_of_that_order_only_none_is_possible() -> None:
    s = at_map(session(ALWAYS + "[memory]\nfree = { 4 = 9 }\n", events=write(answers="")))
    assert forcible(s) == ("NULL none",)


@pytest.mark.parametrize(
    ("text", "vma", "events", "skip"),
    [
        (ALWAYS, HEAP.replace('size = "4M"', 'size = "1M"'), write(answers=""), 0),
        (ALWAYS, HEAP + 'uffd = ["missing"]\n', write(), 0),
        (ALWAYS + "[memory]\nsize = '64M'\nmemcg_limit = '1M'\n", HEAP, write(), 0),
        (ALWAYS, HEAP, write() + write("0x15000", ""), 1),
    ],
    ids=[
        "the VMA is too small",
        "a monitor would have been asked",
        "the memcg has no room",
        "the table was there before",
    ],
)
def test_where_no_other_cpu_could_have_done_it_nothing_is_offered(text: str, vma: str, events: str, skip: int) -> None:
    assert forcible(at_map(session(text, vma=vma, events=events), skip)) == ()


def test_a_table_that_another_cpu_has_locked_is_not_taken_away() -> None:
    events = write() + write("0x100000", NO_2M, cpu=1)
    offered = []
    for stops in range(6, 20):
        s = session(ALWAYS, head=f'variant = "v3"\nschedule = "0*10 1*{stops} 0"', events=events)
        while not s.finished:
            event = s.event(s.step)
            if event.kind == "map-pte" and event.cpu == 0 and any(s.m.ptl.items()):
                offered.append(forcible(s))
            s.advance()
        assert violations(s.m, True) == []
    assert set(offered) == {()}


def test_two_cpus_of_one_mm_hold_one_reference_to_the_huge_zero_page() -> None:
    events = '[[event]]\ncpu = 0\nread = "heap"\n[[event]]\ncpu = 1\nread = "heap+2M"\n'
    for first in range(1, 10):
        s = finish(session(ALWAYS, head=f'variant = "v3"\nschedule = "0*{first} 1*9 0"', events=events))
        assert s.m.huge_zero_refcount.get(0) == 2
        assert violations(s.m, True) == []
