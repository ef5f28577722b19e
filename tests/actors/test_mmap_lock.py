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
variant = "6.12"
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


def run(verb: str, schedule: str, huge: str = "never") -> Session:
    return finish(Session(loads(TEXT.format(schedule=schedule, heap=HEAP, verb=verb, huge=huge), "x.toml")))


@st.composite
def schedules(draw: st.DrawFn) -> str:
    return " ".join(f"{draw(st.integers(0, 1))}*{draw(st.integers(1, 6))}" for _ in range(10))


@given(st.sampled_from(VERBS), schedules(), st.sampled_from(["never", "always"]))
def test_every_schedule_ends_in_a_possible_world(verb: str, schedule: str, huge: str) -> None:
    s = run(verb, schedule, huge)
    assert s.stop.kind in ("end", "blocked")
    assert list(violations(s.m, s.stop.kind == "end")) == []


def test_a_writer_waits_for_the_fault() -> None:
    """munmap begins inside the fault, and its first effect comes after the fault's last."""
    s = run(VERBS[0], "0*6 1*30")
    kinds = [(s.log.at(step).cpu, s.log.at(step).kind) for step in range(s.last)]
    assert kinds.index((1, "munmap-split")) > kinds.index((0, "return"))


def test_without_the_lock_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same runs with a lock that no one takes: some schedule breaks an invariant."""
    from kernelmodel.fault import entry

    def no_lock(mm: object) -> object:
        return
        yield

    monkeypatch.setattr(entry, "mmap_read_lock", no_lock)
    monkeypatch.setattr(entry, "mmap_read_unlock", lambda mm: None)
    rng = Random(1)
    found = []
    while not found and len(found) < 200:
        schedule = " ".join(f"{rng.randrange(2)}*{rng.randrange(1, 6)}" for _ in range(10))
        s = run(VERBS[0], schedule)
        found = [s.stop.text] if s.stop.kind == "bug" else list(violations(s.m, s.stop.kind == "end"))
    assert found


def test_the_pane_says_who_holds_it_and_who_waits() -> None:
    from kernelmodel.look.lists import lock_views

    s = Session(loads(TEXT.format(schedule="0*6 1*30", heap=HEAP, verb=VERBS[0], huge="never"), "x.toml"))
    seen = set()
    while not s.finished:
        s.advance()
        seen |= {(each.name, each.owner, each.readers, each.waiters) for each in lock_views(s) if "mmap" in each.name}
    assert ("mmap_lock of main", -1, 1, (1,)) in seen  # the fault reads, munmap waits
    assert any(owner == 1 and readers == 0 for _, owner, readers, _ in seen)
