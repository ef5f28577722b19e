# SPDX-License-Identifier: GPL-2.0-only
"""userfaultfd with several CPUs: who waits, who wakes, and what the ioctls find changed under their hands."""

from __future__ import annotations

from random import Random

import pytest

from kernelmodel.invariants import violations
from kernelmodel.mm.pgtable import pmd_alloc
from kernelmodel.scenario import loads
from kernelmodel.session import Session
from kernelmodel.structs import Mm
from tests.build import decisions, finish
from tests.stories import START

RANGE = f"at = {START}, size = 4096"
COPY = f'uffd = {{ op = "copy", {RANGE} }}'
ZERO = f'uffd = {{ op = "zeropage", {RANGE} }}'
WAKE = f'uffd = {{ op = "wake", {RANGE} }}'
POISON = f'uffd = {{ op = "poison", {RANGE} }}'
MOVE = f'uffd = {{ op = "move", {RANGE}, src = {START + (2 << 20)} }}'
UNREGISTER = f'uffd = {{ op = "unregister", at = {START}, size = {4 << 20} }}'
PROTECT = f'uffd = {{ op = "writeprotect", {RANGE}, mode = ["wp"] }}'
RESOLVE = f'uffd = {{ op = "writeprotect", {RANGE}, mode = [] }}'
WRITE, READ = f"write = {START}", f"read = {START}"
DONTNEED = f'madvise = {{ at = {START}, size = {2 << 20}, advice = "MADV_DONTNEED" }}'


def race(
    *events: str, variant: str = "6.12", schedule: str = "", uffd: str = '["missing"]', more: str = "", huge: str = "never",
    mutants: frozenset[str] = frozenset(),
) -> Session:  # fmt: skip
    """A session on events written as ``cpu verb``."""
    sizes = f'hugepages-2048kB = "{huge}"' if variant not in ("6.5", "v3") else ""
    lines = [f'variant = "{variant}"', f'schedule = "{schedule}"', f'[thp]\nenabled = "{huge}"', sizes, "[[vma]]"]
    lines += ['name = "heap"', f"start = {START}", 'size = "4M"', 'flags = ["VM_WRITE"]', f"uffd = {uffd}", more]
    for event in events:
        cpu, verb = event.split(" ", 1)
        lines += ["[[event]]", f"cpu = {cpu}", verb]
    return Session(loads("\n".join(lines), "race.toml"), mutants=mutants)


def ends(s: Session) -> dict[tuple[int, int], int]:
    """What each event returned, by CPU and number."""
    return {(end.cpu, end.event): end.ret for end in s.ended}


def until(s: Session, cpu: int, kind: str) -> None:
    """Run one CPU until it stands at a decision of that kind."""
    while s.stop.kind == "decision" and not (s.event(s.step).kind == kind and s.event(s.step).cpu == cpu):
        s.advance(cpu=cpu)


def to_must_wait(s: Session) -> None:
    """Run the first CPU until its fault has let go of the PTE lock and is about to sleep."""
    while s.stop.kind == "decision" and s.event(s.step).outcome != "must-wait":
        s.advance(cpu=0)


def run(s: Session, cpu: int) -> None:
    """Run one CPU to the end of its events."""
    while s.stop.kind == "decision" and len([end for end in s.ended if end.cpu == cpu]) < len(s.cpus.programs[cpu]):
        s.advance(cpu=cpu)


# -- waiting and waking --------------------------------------------------------------------------------
@pytest.mark.parametrize("variant", ["6.5", "v3", "6.8", "6.9", "6.18", "7.1"])
def test_nobody_answers(variant: str) -> None:
    s = finish(race(f"0 {WRITE}", variant=variant))
    assert s.stop.kind == "blocked"
    assert "monitor" in s.stop.text


@pytest.mark.parametrize(
    ("answer", "variant"),
    [(COPY, each) for each in ("6.5", "v3", "6.8", "6.9", "6.14", "6.18", "7.1")]
    + [(UNREGISTER, "6.5"), (UNREGISTER, "v3")],
)
def test_the_answer_wakes_whatever_the_schedule(answer: str, variant: str) -> None:
    rng = Random(1)
    for _ in range(12):
        plan = " ".join(f"{rng.randrange(2)}*{rng.randrange(1, 5)}" for _ in range(12))
        s = finish(race(f"0 {WRITE}", f"1 {answer}", variant=variant, schedule=plan))
        assert s.stop.kind == "end", (plan, s.stop.text)
        assert [end.ret for end in s.ended] == [0, 0]
        assert violations(s.m, settled=True) == []


@pytest.mark.parametrize(("variant", "end"), [("6.5", "end"), ("6.12", "blocked"), ("7.1", "blocked")])
def test_a_fault_under_the_vma_lock_may_miss_the_wake_of_an_unregistration(variant: str, end: str) -> None:
    """fs/userfaultfd.c of 6.12 … 7.1 wakes before vma_start_write(): a fault that goes to sleep between stays asleep."""
    s = race(f"0 {WRITE}", f"1 {UNREGISTER}", variant=variant)
    to_must_wait(s)
    until(s, 1, "uffd-wake")
    s.advance(cpu=1)
    finish(s)
    assert s.stop.kind == end


def test_who_waits_for_another_address_sleeps_on() -> None:
    s = finish(race(f"0 write = {START + 4096}", f"1 {COPY}", schedule="0*20"))
    assert s.stop.kind == "blocked"
    assert ends(s) == {(1, 1): 0}


def test_a_wake_without_an_answer_leads_back_to_the_monitor() -> None:
    s = finish(race(f"0 {WRITE}", f"1 {WAKE}", f"1 {COPY}", schedule="0*20 1*2 0*20"))
    assert s.stop.kind == "end"
    assert decisions(s).count("uffd-missing:missing") == 2
    assert s.accesses[0].faults == 3


@pytest.mark.parametrize(("first", "answer", "result"), [(WRITE, POISON, 0x10), (READ, ZERO, 0), (READ, COPY, 0)])
def test_other_answers(first: str, answer: str, result: int) -> None:
    s = finish(race(f"0 {first}", f"1 {answer}", schedule="0*20"))
    assert (s.stop.kind, s.accesses[0].ret) == ("end", result)


def test_a_moved_page_is_an_answer() -> None:
    more = f'[[populate]]\nat = {START + (2 << 20)}\npages = 1\nwith = "page"\n'
    s = finish(race(f"0 {WRITE}", f"1 {MOVE}", schedule="0*20", more=more))
    assert (s.stop.kind, ends(s)) == ("end", {(1, 1): 0, (0, 0): 0})


def test_the_end_of_write_protection_wakes() -> None:
    s = finish(race(f"0 {WRITE}", f"0 {PROTECT}", f"0 {WRITE}", f"1 {RESOLVE}", uffd='["wp"]', schedule="0*99"))
    assert "wp:uffd" in decisions(s)
    assert s.stop.kind == "end"


@pytest.mark.parametrize("variant", ["6.5", "6.12", "7.1"])
def test_a_leaf_that_is_protected_is_the_monitors_affair(variant: str) -> None:
    whole = f"at = {START}, size = {2 << 20}"
    protect = f'uffd = {{ op = "writeprotect", {whole}, mode = ["wp"] }}'
    resolve = f'uffd = {{ op = "writeprotect", {whole}, mode = [] }}'
    events = (f"0 {WRITE}", f"0 {protect}", f"0 {WRITE}", f"1 {resolve}")
    s = finish(race(*events, uffd='["wp"]', variant=variant, huge="always", schedule="0*99"))
    assert "huge-wp:uffd" in decisions(s)
    assert s.stop.kind == "end"
    assert violations(s.m, settled=True) == []


# -- races ---------------------------------------------------------------------------------------------
def test_one_of_two_answers_comes_too_late() -> None:
    rng = Random(2)
    seen = set()
    for _ in range(12):
        plan = " ".join(f"{rng.randrange(2)}*{rng.randrange(1, 4)}" for _ in range(8))
        s = finish(race(f"0 {COPY}", f"1 {COPY}", schedule=plan))
        seen.add(tuple(ends(s)[cpu, cpu] for cpu in (0, 1)))
        assert violations(s.m, settled=True) == []
    assert seen == {(0, -17), (-17, 0)}


@pytest.mark.parametrize(("variant", "ret"), [("6.12", None), ("6.14", -11), ("6.18", -11)])
def test_the_table_may_go_under_a_copy(variant: str, ret: int | None) -> None:
    """PT_RECLAIM: the table is there when the page is allocated, and gone when it is to be mapped."""
    s = race(f"0 {COPY}", f"1 {DONTNEED}", variant=variant)
    until(s, 0, "charge")
    run(s, 1)
    finish(s)
    assert ends(s)[0, 0] == (ret or 0)
    assert ("uffd-copy:no-table" in decisions(s)) == (ret is not None)
    assert violations(s.m, settled=True) == []


@pytest.mark.parametrize(("variant", "bug"), [("6.10", "BUG_ON"), ("6.12", "")])
def test_a_huge_page_that_came_and_went(variant: str, bug: str) -> None:
    s = race(f"0 {COPY}", f"1 {READ}", f"1 {DONTNEED}", variant=variant, uffd='["wp"]', huge="always")
    until(s, 0, "pte-alloc")
    until(s, 1, "madvise-vma")
    until(s, 0, "step")
    run(s, 1)
    finish(s)
    assert (s.stop.kind == "bug") == bool(bug)
    assert bug in s.stop.text
    assert bug or ends(s)[0, 0] == -17


@pytest.mark.parametrize(
    ("variant", "mutants", "bug"),
    [("6.8", "", True), ("6.14", "", True), ("6.18", "", False), ("6.18", "B19", True), ("7.1", "", False)],
)
def test_b19_a_part_of_a_page_under_migration_is_moved(variant: str, mutants: str, bug: bool) -> None:
    """Compaction is at work on the huge page of which a part is to be moved."""
    source = START + (2 << 20)
    more = f'[[populate]]\nat = {source}\nwith = "huge-pmd"\n'
    migrate = f"migrate = {{ at = {source}, size = {2 << 20} }}"
    s = race(f"0 {migrate}", f"1 {MOVE}", variant=variant, mutants=frozenset({mutants} - {""}), more=more)
    pmd = pmd_alloc(Mm(s.m, 0), source)
    while s.m.arch.pmd_kind(s.m.pgtable.get(pmd)) != "migration":
        s.advance(cpu=0)
    until(s, 1, "uffd-return")
    finish(s)
    assert s.stop.kind == ("bug" if bug else "end"), s.stop.text
    if not bug:
        assert ends(s)[1, 1] == 0
        assert violations(s.m, settled=True) == []


@pytest.mark.parametrize(
    ("variant", "mutants", "stale"), [("6.12", "", True), ("6.14", "", False), ("6.14", "B17", True)]
)
def test_b17_markers_that_outlive_the_registration(variant: str, mutants: str, stale: bool) -> None:
    to = START - (1 << 30)
    move = f"mremap = {{ at = {START}, size = {4 << 20}, to = {to} }}"
    s = finish(race(f"0 {PROTECT}", f"0 {move}", f"0 write = {to}", uffd='["wp"]', variant=variant,
                    mutants=frozenset({mutants} - {""})))  # fmt: skip
    assert ("marker:stale" in decisions(s)) == stale


@pytest.mark.parametrize(("mutants", "end"), [("", "end"), ("B31", "blocked")])
@pytest.mark.parametrize("variant", ["6.5", "6.12", "7.1"])
def test_b31_a_swap_entry_has_no_bit_that_says_writable(variant: str, mutants: str, end: str) -> None:
    """The protection has ended and the page has been swapped out before the fault goes to sleep."""
    more = f'[[populate]]\nat = {START}\npages = 1\nwith = "page"\n'
    events = (f"0 {PROTECT}", f"0 {WRITE}", f"1 {RESOLVE}", f"2 swap_out = {{ {RANGE} }}")
    s = race(*events, uffd='["wp"]', more=more, variant=variant, mutants=frozenset({mutants} - {""}))
    to_must_wait(s)
    run(s, 1)
    run(s, 2)
    finish(s)
    assert s.stop.kind == end, s.stop.text
