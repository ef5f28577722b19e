# SPDX-License-Identifier: GPL-2.0-only
"""mmap_lock: whatever the schedule, a fault and a change of VMAs leave a world that can exist."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernelmodel.invariants import violations
from kernelmodel.scenario import loads
from kernelmodel.session import Session
from tests.build import HEAP, finish

TEXT = """
variant = "{variant}"
schedule = "{schedule}"
[thp]
hugepages-64kB = "always"
hugepages-2048kB = "{huge}"
{heap}
[[event]]
cpu = 0
write = "heap+0x5000"
[[event]]
cpu = 0
write = "heap+0x25000"
[[event]]
cpu = 1
{verb}
"""
VARIANTS = ("6.8", "6.9", "6.10", "6.12", "6.14", "6.18", "7.1")
VERBS = (
    'munmap = { at = "heap", size = "64K" }',
    'mremap = { at = "heap", size = "1M", to = 0x7e0000000000 }',
    'mprotect = { at = "heap", size = "64K", prot = "r" }',
    'mmap = { name = "new", start = 0x7f0000000000, size = "128K", flags = ["VM_READ", "VM_WRITE", "MAP_POPULATE"] }',
    'madvise = { at = "heap", size = "4M", advice = "MADV_DONTNEED" }',
    'madvise = { at = "heap", size = "128K", advice = "MADV_POPULATE_WRITE" }',
    'fork = "child"',
    'exit = "main"',
)


def begin(
    verb: str, schedule: str, huge: str = "never", variant: str = "6.12", mutants: frozenset[str] = frozenset()
) -> Session:
    text = TEXT.format(schedule=schedule, heap=HEAP, verb=verb, huge=huge, variant=variant)
    return Session(loads(text, "x.toml"), mutants=mutants)


def run(verb: str, schedule: str, huge: str = "never", variant: str = "6.12") -> Session:
    return finish(begin(verb, schedule, huge, variant))


@st.composite
def schedules(draw: st.DrawFn) -> str:
    return " ".join(f"{draw(st.integers(0, 1))}*{draw(st.integers(1, 6))}" for _ in range(10))


@given(st.sampled_from(VERBS), schedules(), st.sampled_from(["never", "always"]), st.sampled_from(VARIANTS))
def test_every_schedule_ends_in_a_possible_world(verb: str, schedule: str, huge: str, variant: str) -> None:
    s = run(verb, schedule, huge, variant)
    assert s.stop.kind in ("end", "blocked")
    assert list(violations(s.m, s.stop.kind == "end")) == []


def test_a_writer_waits_for_the_fault() -> None:
    """munmap begins inside the fault, and its first effect comes after the fault's last."""
    s = run(VERBS[0], "0*6 1*30")
    kinds = [(s.log.at(step).cpu, s.log.at(step).kind) for step in range(s.last)]
    assert kinds.index((1, "munmap-vma")) > kinds.index((0, "return"))


@pytest.mark.parametrize("variant", VARIANTS)
def test_without_the_lock_of_the_vma_it_shows(variant: str) -> None:
    """The same runs where a writer does not wait for faults: some schedule breaks an invariant."""
    rng = Random(1)
    found: list[object] = []
    for _ in range(200):
        schedule = " ".join(f"{rng.randrange(2)}*{rng.randrange(1, 6)}" for _ in range(10))
        s = finish(begin(VERBS[0], schedule, variant=variant, mutants=frozenset({"skip vma_start_write"})))
        found = [s.stop.text] if s.stop.kind == "bug" else list(violations(s.m, s.stop.kind == "end"))
        if found:
            break
    assert found


def test_the_pane_says_who_holds_it_and_who_waits() -> None:
    from kernelmodel.look.lists import lock_views

    s = begin(VERBS[0], "0*6 1*30")
    seen = set()
    while not s.finished:
        s.advance()
        seen |= {(each.name, each.owner, each.readers, each.waiters) for each in lock_views(s) if "mmap" in each.name}
    assert ("mmap_lock of main", -1, (1,), ()) in seen  # munmap only reads while the pages go
    assert any(owner == 1 and not readers for _, owner, readers, _ in seen)
