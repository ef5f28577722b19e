# SPDX-License-Identifier: GPL-2.0-only
"""Several CPUs by hand: lanes, who can go on, which one is run."""

from __future__ import annotations

import pytest

from kernelmodel.session import Session
from kernelmodel.snapshot import CpuView, LockView, TimelineMark
from tests.build import session as built
from tests.runs import shipped
from tests.tui.fake import snapshot
from tests.tui.shell import FakeShell
from tests.tui.talk import console as new
from tests.tui.talk import fails, go
from tui.paint import cpus, header, timeline
from tui.paint.look import Look
from tui.paint.rows import plain

RACE = "seed/eagain-two-cpus.toml"
SWITCHES = ((0, "pmd-gate", False), (0, "step", True), (1, "alloc", False), (0, "lock", False), (1, "return", False))
"""CPU and kind of each stop, and whether an event ended there."""
MARKS = tuple(TimelineMark(at, cpu, kind, False, False, ended) for at, (cpu, kind, ended) in enumerate(SWITCHES))
TWO = snapshot(4)._replace(
    timeline=MARKS, cpu=1, view_cpu=1,
    cpus=(
        CpuView(0, "write a", "waits for mmap_lock of main", "f", 3, 3, "lock:locked"),
        CpuView(1, "read b", "stopped", "g", 4, 4, "return:0", True, True),
    ),
)  # fmt: skip


def race(width: int = 80, height: int = 24) -> FakeShell:
    return FakeShell(width, height, Session(shipped(RACE)))


def ran(session: Session) -> list[int]:
    """Who made each known stop."""
    return [session.event(step).cpu for step in range(session.last + 1)]


# -- the timeline ------------------------------------------------------------------------------------
def lanes(snap=TWO, width: int = 80, height: int = 6) -> list[str]:
    return [plain(row)[timeline.MARGIN :] for row in timeline.paint(snap, Look(), width, height)]


def test_each_cpu_has_a_lane_and_a_switch_is_a_line_through_all():
    assert lanes()[1:] == ["g,│ │L│─", "  │A│─│.", "       ▲"]


def test_a_cpu_that_has_no_stop_yet_has_a_lane():
    assert lanes(TWO._replace(timeline=MARKS[:2], step=1, last=1, cpu=0))[1:3] == ["g,", "  "]


def test_a_lane_is_in_the_colour_of_its_cpu():
    styles = [{style for text, style in row if text.strip()} for row in timeline.paint(TWO, Look(), 80, 6)]
    assert "cpu0" in styles[1]
    assert "cpu1" not in styles[1]
    assert {"cpu1", "past"} <= styles[2]


@pytest.mark.parametrize(("x", "step"), [(0, 0), (1, 1), (2, -1), (3, 2), (5, 3), (7, 4), (8, -1)])
def test_a_column_is_a_step_and_a_switch_is_none(x, step):
    assert timeline.step_at(TWO, 80, 6, timeline.MARGIN + x, 2) == step


def test_the_row_of_a_small_terminal_names_the_cpu_that_goes_on():
    assert plain(timeline.strip(TWO, Look(), 80)) == " #4    0g,1A0L1."


def test_a_window_that_begins_with_a_switch_still_names_the_cpu():
    marks = tuple(TimelineMark(at, at % 2, "alloc", False, False) for at in range(60))
    row = plain(timeline.strip(TWO._replace(timeline=marks, step=59, last=59), Look(), 48))
    assert row.removeprefix(" #59   ")[:3] in ("0A1", "1A0")
    assert len(timeline.window(TWO._replace(timeline=marks, step=59), 40)) == 40


# -- the list ----------------------------------------------------------------------------------------
def test_the_list_says_who_is_next_and_who_waits_for_whom():
    snap = TWO._replace(locks=(LockView("mmap_lock of main", 1, (0,)),))
    rows = [plain(row) for row in cpus.paint(snap, Look(row={"cpus": 1}), 100, 5)]
    assert rows == [
        "  cpu0 waits mmap_lock of main, held by cpu1  f:3  write a",
        "»▶cpu1 next  return:0                         g:4  read b",
        "  mmap_lock of main held by cpu1, awaited by cpu0",
    ]


@pytest.mark.parametrize(("width", "name"), [(50, "vm_lock of heap [0x7f0000000000]"), (36, "vm_lock of heap")])
def test_a_narrow_list_tells_who_holds_a_lock_rather_than_where_its_vma_is(width, name):
    waits = CpuView(0, "", "waits for vm_lock of heap [0x7f0000000000]", "f", 3, 3, "lock:locked")
    locks = (LockView("vm_lock of heap [0x7f0000000000]", 1, ()),)
    rows = cpus.paint(TWO._replace(locks=locks, cpus=(waits, TWO.cpus[1])), Look(), width, 5)
    assert plain(rows[2]) == f"  {name} held by cpu1"
    assert "waits vm_lock of heap, held by cpu1" in plain(rows[0])


def test_a_cpu_in_no_event_begins_one_or_is_done():
    snap = TWO._replace(
        cpus=(CpuView(0, "write a", "ready", "", 0, 1, "step:next", True), CpuView(1, "", "done", "", 0))
    )
    rows = [plain(row).rstrip() for row in cpus.paint(snap, Look(row={"cpus": 0}), 50, 5)]
    assert rows == ["» cpu0 ready begins    write a", " ▶cpu1 done"]


def test_enter_runs_the_cpu_under_the_cursor():
    shell = race().type("pane cpus").press("down", "enter")
    assert ran(shell.session) == [0, 1]
    shell.press("enter", "enter", "up", "enter")
    assert ran(shell.session) == [0, 1, 1, 1, 0]
    assert shell.desk.snap.cpu == 0
    assert "»▶cpu0" in shell.text


def test_step_back_crosses_cpus_and_step_goes_along_what_is_known():
    shell = race().press(">", "x", "x", "<", "x")
    assert ran(shell.session) == [0, 1, 1, 0]
    shell.press("S", "S", "S")
    assert shell.session.step == 0
    shell.press("s", "s", "s")
    assert ran(shell.session) == [0, 1, 1, 0]


def test_the_cursor_of_the_list_is_the_cpu_in_view():
    shell = race(120, 40).press("s", ">")
    assert shell.desk.look.row["cpus"] == shell.desk.snap.view_cpu == 1
    shell.type("pane cpus").press("up")
    assert shell.desk.snap.view_cpu == 0
    shell.press("down", "s")
    assert shell.desk.look.row["cpus"] == shell.desk.snap.view_cpu == 0


def test_the_cursor_can_stand_on_a_lock_which_runs_nothing():
    shell = race(120, 40).press("s", "s").type("pane cpus")
    assert shell.desk.snap.locks
    shell.press("end", "enter")
    assert shell.session.step == 2
    assert shell.message.startswith("Enter: ")


# -- the commands ------------------------------------------------------------------------------------
def test_take_another_cpu_forgets_what_was_known_and_says_which_marks():
    console = new(RACE)
    go(console, "step 6", "mark a", "goto 2", "take 0", "take 0")
    assert console.session.last == 6
    assert "lost mark a" in go(console, "goto 2", "take 1")[0]
    assert ran(console.session) == [0, 0, 0, 1]
    assert console.session.token().count(":") > 4
    assert not console.places.marks


def test_take_stops_at_breakpoints_and_is_repeated():
    console = new(RACE)
    go(console, "break pmd-gate cpu 1", "take 1")
    while console.session.event(console.session.step).kind != "pmd-gate":
        said = go(console, "")
    assert said[0].startswith("breakpoint 1")
    assert ran(console.session)[1:] == [1] * console.session.step


@pytest.mark.parametrize(("line", "message"), [("take 2", "CPUs are 0, 1"), ("take x", "CPUs are 0, 1")])
def test_take_refuses_what_is_no_cpu(line, message):
    assert fails(new(RACE), line) == (len("take "), message)


def test_take_says_why_a_cpu_can_not_go_on():
    console = new(RACE)
    go(console, "goto end")
    assert "the run ends here" in fails(console, "take 1")[1]
    go(console, "reverse-step")
    assert fails(console, "take 1")[1] == "cpu1 has nothing left to do"


def test_take_names_the_holder_of_the_lock():
    events = """
[[event]]
cpu = 0
write = "heap+0x3000"
[[event]]
cpu = 1
munmap = { at = "heap+2M", size = "64K" }
"""
    shell = FakeShell(120, 40, built(events=events))
    shell.type("take 0; take 0; take 0; take 0")
    while shell.session.can_run(1):
        shell.type("take 1")
    assert shell.desk.snap.cpus[1].state.startswith("waits for ")
    lock = shell.desk.snap.cpus[1].state.removeprefix("waits for ")
    assert f"cpu1 waits {lock}, " in shell.text
    shell.type("take 1")
    assert f"cpu1 waits for {lock}, " in shell.text


def test_the_run_can_begin_with_another_cpu():
    console = new(RACE)
    go(console, "step 3", "run 1")
    assert ran(console.session) == [1]
    assert console.session.choices == {0: 1}
    assert go(console, "run")[0].startswith("#0 cpu1")


# -- mutants -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("width", "words"),
    [
        (120, " MUTANT drop R1: a lock is taken and the PMD not looked … "),
        (79, " MUTANT drop R1 "),
        (160, " MUTANT drop R1: a lock is taken and the PMD not looked at again "),
    ],
)  # fmt: skip
def test_a_mutant_is_named_in_the_header(width, words):
    snap = TWO._replace(mutants=(("drop R1", "a lock is taken and the PMD not looked at again"),))
    row = header.paint(snap, Look(), width)
    assert next(text for text, style in row if style == "mutant") == words
    assert not any(style == "mutant" for _, style in header.paint(TWO, Look(), width))
