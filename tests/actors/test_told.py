# SPDX-License-Identifier: GPL-2.0-only
"""What is told of verbs and processes: records, locations, words."""

from __future__ import annotations

import pytest

from kernelmodel.functions import deciding_lines, functions
from kernelmodel.mm.vmstat import counters
from kernelmodel.session import Session
from kernelmodel.stops import Breakpoints
from kernelmodel.trace import follow
from tests.build import HEAP, decisions, finish, session

FAMILY = """
[[event]]
write = "heap+0x5000"
[[event]]
fork = "child"
[[event]]
process = "child"
write = "heap+0x5000"
[[event]]
exit = "child"
"""


def made(events: str, variant: str = "6.12", text: str = "") -> Session:
    return session(f'[thp]\nhugepages-64kB = "always"\n{text}', head=f'variant = "{variant}"', events=events, vma=HEAP)


def test_a_stop_of_a_verb_belongs_to_no_fault() -> None:
    rows = list(follow(made(FAMILY)))
    told = [row for row in rows if row["type"] == "decision"]
    assert all(("fault" in row) != row["kind"].startswith(("fork", "exit", "zap", "free")) for row in told if row["kind"] != "pte-alloc")
    assert [row["fault"] for row in rows if row["type"] == "fault"] == [0, 1]
    assert {row["process"] for row in told} == {"main", "child"}
    assert [row["verb"] for row in rows if row["type"] == "event"] == ["fork", "exit"]


def test_a_process_is_named_only_where_there_are_several() -> None:
    rows = list(follow(made('[[event]]\nwrite = "heap"\n')))
    assert not any("process" in row for row in rows if row["type"] in ("decision", "fault"))


@pytest.mark.parametrize("name", ["exit_mmap", "dup_mm", "madvise_vma_behavior", "zap_pte_range", "move_vma"])
def test_a_breakpoint_may_name_a_function_of_a_verb(name: str) -> None:
    breaks = Breakpoints(functions)
    breaks.add(name)
    assert deciding_lines(name, "6.12")


def test_a_breakpoint_on_a_function_of_a_verb_is_hit() -> None:
    breaks = Breakpoints(functions)
    breaks.add("exit_mmap")
    last = [row for row in follow(made(FAMILY), breaks) if row["type"] == "stop"][-1]
    assert (last["kind"], last["break"]) == ("break", 1)


def test_mechanisms_of_the_fault_path_are_no_locations() -> None:
    assert not {"spin_lock", "pte_alloc_one", "alloc_pages_mpol"} & functions().keys()


def test_a_fork_that_failed_is_told_as_that() -> None:
    failing = FAMILY.replace('fork = "child"', 'fork = "child"\nanswers = ["pte_alloc_one = NULL"]')
    s = finish(made(failing))
    assert "fork-return:-ENOMEM" in decisions(s)
    assert "could not be forked" in s.stop.text
    late = '[[event]]\ncpu = 1\nprocess = "child"\nwrite = "heap"\n[[event]]\nexit = "main"\n[[event]]\nfork = "child"\n'
    assert "is not forked yet" in finish(made(late)).stop.text


def test_what_was_swapped_out_is_copied_by_fork() -> None:
    """A swap entry had an anon_vma, so the child gets the entry, not an empty table."""
    s = finish(made(FAMILY, text='[[populate]]\nat = "heap+0x5000"\nwith = "swap"\n'))
    assert "fork-vma:copied" in decisions(s)
    assert s.event(next(step for step in range(s.last) if s.event(step).kind == "fork-vma")).reason == ""


@pytest.mark.parametrize(("variant", "why"), [("v3", "this kernel has no such file"), ("6.12", "")])
def test_a_file_that_is_not_there_is_not_written(variant: str, why: str) -> None:
    s = finish(made("[[event]]\nsysfs = { hugepages-64kB = 'never' }\n", variant))
    assert (s.event(0).outcome, s.event(0).why) == ("hugepages-64kB=never", why)


@pytest.mark.parametrize(
    ("variant", "expected"),
    [("6.5", {"thp_split_page": 1}), ("6.10", {}), ("6.12", {"64kB.split": 1})],
)
def test_a_split_folio_is_counted_as_the_release_counts(variant: str, expected: dict[str, int]) -> None:
    """MADV_FREE of a part of a large folio splits it."""
    events = '[[event]]\nmadvise = { at = "heap+0x10000", size = "16K", advice = "MADV_FREE" }\n'
    text = '[[populate]]\nat = "heap+0x10000"\norder = 4\npages = 16\n'
    found = counters(finish(made(events, variant, text)).m)
    assert {name: n for name, n in found.items() if "split" in name} == expected


@pytest.mark.parametrize(("advice", "flags"), [("MADV_POPULATE_WRITE", ["write"]), ("MADV_POPULATE_READ", [])])
def test_a_monitor_hears_how_a_page_is_faulted_in(advice: str, flags: list[str]) -> None:
    events = f'[[event]]\nmadvise = {{ at = "heap", size = "4K", advice = "{advice}" }}\n'
    s = session(head='variant = "6.12"', events=events, vma=HEAP + 'uffd = ["missing"]\n')
    assert [row["flags"] for row in follow(s) if row["type"] == "uffd"] == [flags]
