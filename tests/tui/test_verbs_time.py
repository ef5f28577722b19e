# SPDX-License-Identifier: GPL-2.0-only
"""Commands about what was when."""

from __future__ import annotations

import pytest

from tests.tui.talk import console as new
from tests.tui.talk import fails, go, long_run, state


@pytest.fixture
def console():
    made = new()
    go(made, "goto end", "goto 9")
    return made


def test_marks(console):
    assert go(console, "mark here") == ["mark here = #9"]
    assert go(console, "mark other  -2") == ["mark other = #7"]
    assert go(console, "mark third other") == ["mark third = #7"]
    assert go(console, "info marks") == ["here  #9", "other  #7", "third  #7"]
    go(console, "jump other")
    assert console.session.step == 7
    before = state(console)
    assert fails(console, "unmark here h")[0] == len("unmark here ")
    assert state(console) == before
    assert go(console, "unmark here here") == ["marks: other third"]
    assert go(console, "unmark") == ["marks: none"]
    assert "did you mean" in (go(console, "mark alpha") and fails(console, "goto alpa")[1])


def test_marks_belong_to_a_run(console):
    go(console, "mark a")
    assert go(console, "marks") == ["a  #9"]
    go(console, "set memory.size 32M")
    assert go(console, "marks") == ["no marks: mark NAME sets one"]
    go(console, "mark b", "back")
    assert go(console, "marks") == ["a  #9"]
    go(console, "forward")
    assert go(console, "marks") == ["b  #0"]


def test_last_says_who_wrote_it(console):
    assert go(console, "last i") == ["i #8: 0 -> 1, by #7 alloc_anon_folio:25", "jump with: goto 8"]
    assert go(console, "goto 6", "last i")[0].startswith("no change of i")
    assert console.session.step == 6
    assert "vmstat->pgfault #72: 3 -> 4" in go(console, "goto end", "last vmstat->pgfault")[0]


def test_history_of_a_value(console):
    rows = go(console, "history vmstat->pgfault")
    assert [row.split()[0] for row in rows] == ["#18:", "#35:", "#54:", "#72:"]
    assert go(console, "history vma->vm_start")[0].endswith("never changes in the run as far as it is known")
    assert console.session.step == 9


def test_changes_forwards_and_backwards(console):
    stops = []
    for line in ("next-change vmstat->pgfault", "", "previous-change vmstat->pgfault"):
        go(console, line)
        stops.append(console.session.step)
    assert stops == [18, 35, 18]
    assert go(console, "previous-change vmstat->pgfault")[0] == "no earlier change of vmstat->pgfault"
    assert console.session.step == 18
    go(console, "goto end")
    assert go(console, "next-change vmstat->pgfault")[0] == "no later change of vmstat->pgfault"


def test_a_change_is_found_beyond_what_is_known():
    console = new()
    go(console, "next-change vmstat->pgfault", "")
    assert console.session.step == 35


def test_a_search_for_changes_can_be_interrupted():
    console = long_run()
    assert go(console, "next-change vma->vm_start", poll=lambda step: True)[0] == "interrupted"
    assert console.session.step == 0


def test_diff(console):
    assert go(console, "diff") == [" step (1 stop on)  #8 -> #9"]
    assert go(console, "diff 7")[1] == " alloc_anon_folio: i  0 -> 1"
    assert go(console, "diff 9 7")[1] == " alloc_anon_folio: i  1 -> 0"
    assert go(console, "mark a 7", "diff a") == go(console, "diff 7")
    assert go(console, "set diff a", "diff") == go(console, "diff 7")
    assert go(console, "set diff 7", "diff") == go(console, "diff 7")
    assert go(console, "set diff start", "diff") == go(console, "diff 0")
    assert go(console, "set diff last", "diff") == go(console, "diff 8")
    assert any("buddy" in row or "free_area" in row for row in go(console, "diff start end"))
    assert console.session.step == 9


def test_a_mark_that_is_gone_is_compared_with_no_more(console):
    go(console, "mark a 3", "set diff a", "unmark a")
    assert go(console, "diff") == [" step (1 stop on)  #8 -> #9"]


def test_changes_of_the_last_step(console):
    assert go(console, "goto 8", "changes")[-1] == " alloc_anon_folio: i  0 -> 1"
    assert go(console, "goto start", "changes")[0].endswith("#0 -> #0")
