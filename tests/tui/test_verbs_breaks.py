# SPDX-License-Identifier: GPL-2.0-only
"""Commands about breakpoints, watchpoints, log points, and the lines that a breakpoint has executed."""

from __future__ import annotations

import pytest

from tests.tui.talk import console as new
from tests.tui.talk import fails, go, state
from tui import commands


@pytest.fixture
def console():
    return new()


def texts(console):
    return [each.text for each in console.breaks]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("break fallback", "fallback"),
        ("b vma-bounds:outside if order > 3", "vma-bounds:outside if order > 3"),
        ("b alloc(order=4) cpu 0 hits % 2", "alloc(order=4) cpu 0 hits % 2"),
        ("b alloc_anon_folio:25", "alloc_anon_folio:25"),
        ("b", "do_anonymous_page:36"),
        ("b 47", "do_anonymous_page:47"),
        ("b 47 if order", "do_anonymous_page:47 if order"),
        ("b if cpu == 0", "do_anonymous_page:36 if cpu == 0"),
        ("b hits == 2", "do_anonymous_page:36 hits == 2"),
        ("tbreak fallback", "fallback temp"),
        ("tbreak", "do_anonymous_page:36 temp"),
        ("toggle fallback", "fallback"),
        ("toggle", "do_anonymous_page:36"),
        ("toggle 47", "do_anonymous_page:47"),
        ('log fallback "now {order}"', 'fallback log "now {order}"'),
        ('log 47 "x" if order', 'do_anonymous_page:47 log "x" if order'),
        ("watch i", "i"),
        ("watch orders[i] if i > 1", "orders[i] if i > 1"),
    ],
)
def test_what_is_set(console, line, text):
    go(console, "goto 4")
    assert text in go(console, line)[0]
    assert texts(console) == [text]


def test_the_current_line_is_that_of_the_selected_frame(console):
    go(console, "goto 7", "up", "break")
    assert texts(console) == ["do_anonymous_page:44"] or texts(console)[0].startswith("do_anonymous_page:")


def test_a_bare_line_needs_a_function(console):
    go(console, "goto end")
    before = state(console)
    assert fails(console, "break 5") == (6, "no function is running: name one, FUNCTION:LINE")
    assert fails(console, "break")[1].startswith("no function is running")
    assert state(console) == before


def test_a_line_that_decides_nothing_means_the_next_that_does(console):
    go(console, "break alloc_anon_folio:26", "break alloc_anon_folio:9 if order", "goto 5", "break 26", "until 26")
    assert texts(console) == ["alloc_anon_folio:30", "alloc_anon_folio:12 if order", "alloc_anon_folio:30"]
    assert console.session.step == 8
    before = state(console)
    assert fails(console, "break 999")[0] == len("break ")
    assert fails(console, "break alloc_anon_folio:9 if 1 +* 2")[0] == len("break alloc_anon_folio:9 if 1 +")
    assert state(console) == before


def test_toggle_sets_and_deletes(console):
    assert go(console, "toggle fallback") == ["breakpoint 1: fallback"]
    assert go(console, "toggle fallback") == ["deleted breakpoint 1: fallback"]
    assert not len(console.breaks)
    go(console, "toggle fallback", "toggle alloc", "toggle fallback")
    assert texts(console) == ["alloc"]


def test_a_temporary_breakpoint_stops_once(console):
    go(console, "tbreak vma-bounds", "c")
    assert console.session.step == 7
    assert not len(console.breaks)


def test_a_log_point_speaks_and_does_not_stop(console):
    rows = go(console, 'log vma-bounds "i={i} {addr:x} {{}}"', "until fallback")
    assert rows[:2] == ["#7 log: i=0 0x7f0000000000 {}", "#9 log: i=1 0x7f0000000000 {}"]
    rows = go(console, "rs 4")
    assert rows[0].startswith("#9 log: i=1")
    assert console.session.step == 6


def test_a_watchpoint_stops_where_the_value_has_just_changed_both_ways(console):
    go(console, "goto 6", "watch i")
    rows = go(console, "c")
    assert "watchpoint 1: i: 0 -> 1" in rows
    assert console.session.step == 8
    go(console, "c")
    assert console.session.step == 10
    go(console, "rc")
    assert console.session.step == 8


def test_a_condition_without_a_value_stops_and_says_so(console):
    go(console, "break fallback if folio->order > 3")
    rows = go(console, "c")
    assert "folio is NULL" in rows[0]
    assert console.session.step == 10


def test_condition_changes_and_drops(console):
    go(console, "break vma-bounds")
    assert go(console, "condition 1   i == 1") == ["breakpoint 1: vma-bounds if i == 1"]
    go(console, "c")
    assert console.session.step == 9
    assert go(console, "condition 1") == ["breakpoint 1: vma-bounds"]
    before = state(console)
    assert fails(console, "condition 1  i == ")[0] == len("condition 1  i ==")
    assert fails(console, "condition 1  1 +* 2")[0] == len("condition 1  1 +")
    assert state(console) == before


def test_edit_break_says_it_anew_and_keeps_hits(console):
    go(console, "break vma-bounds", "c")
    assert go(console, "edit-break 1 fallback hits >= 1") == ["breakpoint 1: fallback hits >= 1"]
    assert next(iter(console.breaks)).hits == 1
    go(console, "edit-break 1 12")
    assert texts(console) == ["alloc_anon_folio:12"]
    before = state(console)
    assert fails(console, "edit-break  1 fallback if 1 +* 2")[0] == len("edit-break  1 fallback if 1 +")
    assert fails(console, "edit-break 1  falback")[0] == len("edit-break 1  ")
    assert "edit-break N LOC" in fails(console, "edit-break 1")[1]
    assert state(console) == before
    go(console, "watch i", "edit-break 2 prefer if i")
    assert texts(console)[1] == "prefer if i"
    assert fails(console, "edit-break 2  1 +* 2")[0] == len("edit-break 2  1 +")


def test_ignore_only_counts(console):
    go(console, "break vma-bounds")
    assert go(console, "ignore 1 2") == ["breakpoint 1: the next 2 hits are only counted"]
    go(console, "c")
    assert console.session.step == 25
    before = state(console)
    assert fails(console, "ignore 1  x")[0] == len("ignore 1  ")
    assert state(console) == before


def test_enable_disable_delete_take_numbers_or_all(console):
    go(console, "b policy", "b uffd", "b fallback", "disable 1 2")
    assert [each.enabled for each in console.breaks] == [False, False, True]
    go(console, "enable 1")
    assert [each.enabled for each in console.breaks] == [True, False, True]
    go(console, "disable")
    assert not any(each.enabled for each in console.breaks)
    go(console, "c")
    assert console.session.stop.kind == "end"
    go(console, "enable")
    assert all(each.enabled for each in console.breaks)
    before = state(console)
    for line in ("delete 1 9", "disable 1 9", "enable 1 9"):
        assert fails(console, line)[0] == line.index("9")
    assert state(console) == before
    assert go(console, "delete 1 1 3") == ["deleted 1 3"]
    assert go(console, "delete") == ["deleted 2"]
    assert go(console, "delete") == ["deleted nothing"]


def test_breakpoints_are_listed_with_their_state(console):
    go(console, "b fallback if order > 3", "disable 1")
    row = go(console, "info breakpoints")[0]
    assert "fallback if order > 3" in row
    assert "disabled" in row
    assert row.lstrip().startswith("1")


# -- commands ----------------------------------------------------------------------------------------
def test_commands_are_collected_until_end(console):
    go(console, "break fallback", "break alloc")
    assert go(console, "commands 1") == ["commands for breakpoint 1, one per line; end ends them"]
    assert console.prompt == ">"
    go(console, "print order", "frob", "", "# a word")
    assert console.session.step == 0
    go(console, "end")
    assert console.prompt == "(thp) "
    assert next(iter(console.breaks)).commands == ["print order", "frob", "", "# a word"]
    assert console.history == ["break fallback", "break alloc", "commands 1"]


def test_commands_without_a_number_are_those_of_the_last_breakpoint(console):
    go(console, "break fallback", "break alloc", "commands; echo x; end")
    assert [each.commands for each in console.breaks] == [[], ["echo x"]]
    go(console, "commands 2; end")
    assert [each.commands for each in console.breaks] == [[], []]


def test_commands_are_executed_where_it_stops_and_may_move(console):
    go(console, "break fallback; commands; echo here; step 2; print order; end")
    rows = go(console, "c")
    assert console.session.step == 12
    assert rows[0] == "breakpoint 1: fallback"
    assert "here" in rows
    assert rows[-2:] == ["(thp) print order", "order = 0"]


def test_commands_that_wait_follow_those_of_a_breakpoint(console):
    go(console, "break fallback; commands; echo one; end")
    rows = go(console, "c; echo two")
    assert rows.index("one") < rows.index("two")


def test_an_error_in_commands_ends_them(console):
    go(console, "break fallback; commands; frob; step; end")
    go(console, "c; step")
    assert console.session.step == 10


def test_commands_can_not_reach_the_shell(console):
    go(console, "break fallback; commands 1", "!touch x", "end")
    assert "works at the prompt only" in go(console, "c")[-1]


@pytest.mark.parametrize(
    "lines",
    ["rs; step", "rs; c", "rs; step; echo a; echo b", "rs; rs; c; rs; c"],
)
def test_commands_that_never_end_are_ended(console, monkeypatch, lines):
    monkeypatch.setattr(commands, "MAX_QUEUE", 60)
    go(console, "break vma-bounds", "commands", *lines.split("; "), "end")
    rows = go(console, "c")
    assert any("stopped after 60 lines" in row or "more than 60 lines wait" in row for row in rows)
    assert not console.queue
    go(console, "print 1")
    assert console.log[-1] == "1 = 1"


@pytest.mark.parametrize(
    ("line", "col", "words"),
    [("watch nosuch", 6, "nosuch"), ("watch mm->nosuch", 10, "no member"), ("break alloc if nosuch", 15, "nosuch"),
     ("watch fault", 6, "fault"), ("break alloc if 1 / 0", 15, "division")],
)  # fmt: skip
def test_what_can_never_have_a_value_is_refused(console, line, col, words):
    before = state(console)
    at, message = fails(console, line)
    assert at == col or words == "division"
    assert words in message
    assert state(console) == before
