# SPDX-License-Identifier: GPL-2.0-only
"""What keys do, on a desk without a terminal."""

from __future__ import annotations

import pytest

from kernelmodel.motion import Motion
from tests.tui.fake import BASE, RUN, FakeSession
from tests.tui.shell import FakeShell
from tui.actions import ACTIONS as BODIES
from tui.keys import ACTIONS, KEYMAP, MOVES


@pytest.fixture
def shell():
    return FakeShell()


def test_every_bound_action_has_a_body_and_no_key_means_two_things():
    bound = [action.id for action in ACTIONS if action.keys]
    assert sorted(bound) == sorted(BODIES)
    keys = [key for action in ACTIONS for key in action.keys]
    assert len(keys) == len(set(keys))
    assert not set(keys) & set(MOVES)
    assert not set("0123456789") & {*keys, *MOVES}


def test_step_and_back(shell):
    shell.press("s", "s", "s")
    assert shell.session.step == 3
    assert "step 3/3" in shell.lines[0]
    shell.press("S")
    assert shell.session.step == 2
    assert "PAST 2/3" in shell.lines[0]


def test_continue_stops_at_the_breakpoint_and_says_why(shell):
    shell.breaks.add("fallback")
    shell.press("c")
    assert shell.session.step == 8
    assert "break 1: fallback vma-bounds" in shell.lines[0]
    assert "<- break 1" in shell.text
    shell.press("c", "C")
    assert shell.session.step == 8


def test_panes_follow_when_going_back(shell):
    shell.press("G", "g", *"ssssssss")
    assert "order 4" in shell.text
    assert "✗bounds" in shell.text
    shell.press("S", "S", "S", "S")
    assert "✗bounds" not in shell.text
    shell.press("S", "S")
    assert "policy has not spoken yet" in shell.text


def test_next_steps_over_calls_and_finish_leaves_the_function(shell):
    shell.press("s", "s", "n")
    assert RUN[shell.session.step][7] == "do_anonymous_page"
    assert shell.session.step == 10
    shell.press("f")
    assert RUN[shell.session.step][7] == "__handle_mm_fault"
    shell.press("F", "N")
    assert shell.session.step < 13


def test_fallback_keys(shell):
    shell.press("]")
    assert shell.session.step == 8
    shell.press("]")
    assert shell.session.step == 8
    assert "no later fallback" in shell.lines[-2]
    shell.press("G", "[")
    assert shell.session.step == 8


def test_start_and_end(shell):
    shell.press("G")
    assert shell.session.stop.kind == "end"
    assert "the scenario has ended" in shell.lines[0]
    assert "the scenario has ended" in shell.lines[-2]
    assert "no fault is being handled" in shell.text
    shell.press("g")
    assert shell.session.step == 0
    shell.press("G", "r")
    assert shell.session.step == 0


def test_long_words_at_the_end_open_a_box():
    shell = FakeShell()
    moved = shell.desk.session.stop.__class__("bug", 3, "a word " * 30)
    shell.desk.arrived(Motion(moved))
    assert sum("a word a word" in line for line in shell.lines) == 3
    shell.press("S")
    assert "a word" not in shell.text


def test_b_toggles_on_the_source_line_under_the_cursor(shell):
    shell.press("]", "S", "down", "b")
    assert [each.text for each in shell.breaks] == ["alloc_anon_folio:14"]
    assert "●" in next(line for line in shell.lines if " 14 " in line[:7])
    shell.press("b")
    assert not len(shell.breaks)


def test_b_on_an_event_means_its_kind(shell):
    shell.press("]", "9", "up", "b")
    assert [each.text for each in shell.breaks] == ["vma-bounds"]
    shell.press("g", "c")
    assert shell.session.step == 5


def test_enter_on_an_event_goes_there(shell):
    shell.press("]", "9", "up", "up", "enter")
    assert shell.session.step == 6


def test_enter_on_the_timeline_goes_there(shell):
    shell.press("]", "8", "left", "left", "left", "enter")
    assert shell.session.step == 5
    shell.press("home", "enter")
    assert shell.session.step == 0


def test_enter_elsewhere_says_where_it_means_something(shell):
    shell.press("1", "enter")
    assert "Enter goes to an event" in shell.lines[-2]


def test_frames(shell):
    shell.press("]", "u")
    assert "alloc_anon_folio()" in shell.lines[1]
    shell.press("d")
    assert "fallback()" in shell.lines[1]
    shell.press("3", "down", "down")
    assert "▸#2 do_anonymous_page" in shell.text


def test_answer_forks_the_run_and_the_timeline_shows_it(shell):
    shell.press("G", "g", *"sssssssss")
    assert shell.session.last == len(RUN)
    shell.press("a")
    assert "natural" in shell.text
    assert "NULL" in shell.text
    shell.press("down", "enter")
    assert shell.session.forced == {9: "NULL"}
    assert shell.session.last == 10
    shell.press("8")
    marks = next(line for line in shell.lines if line.startswith(" you"))
    assert marks[7 + 9] == "f"


def test_answer_says_when_nothing_is_asked(shell):
    shell.press("a")
    assert "nothing is asked here" in shell.lines[-2]


def test_answer_can_be_left(shell):
    shell.press("]", "s", "a", "escape")
    assert shell.session.step == 9
    assert not shell.session.forced
    assert "Enter takes it" not in shell.text


def test_focus_by_number_and_tab_brings_tabs_to_the_front(shell):
    shell.press("5")
    assert "[5 allocator" in shell.text
    assert "next order" in shell.text
    shell.press("tab")
    assert "[6 vmas]" in shell.text
    assert "VM_HUGEPAGE" in shell.text
    shell.press("shift+tab", "shift+tab")
    assert "[4 page table" in shell.text


def test_pte_cursor_shows_the_entry_under_it(shell):
    shell.press("4", "right", "right")
    assert f"pte 007 at {BASE + 7 * 4096:#x}" in shell.text or "pte 007 0x0000000000000000" in shell.text
    shell.press("home")
    assert "pte 005 0x0000000000000000" in shell.text


def test_zoom_and_escape(shell):
    shell.press("5", "z")
    assert "5 allocator" in shell.lines[1]
    assert "source" not in shell.text
    shell.press("escape")
    assert "__handle_mm_fault()" in shell.lines[1]


def test_help_lists_every_key_and_command(shell):
    big = FakeShell(120, 120)
    big.press("?")
    for action in ACTIONS:
        if action.keys:
            assert action.help in big.text
    assert "reverse-continue" in big.text
    big.press("escape")
    assert "source" not in big.text
    assert "__handle_mm_fault()" in big.lines[1]
    shell.press("?", "end")
    assert "quit" in shell.lines[-4] or "quit" in shell.lines[-5]


def test_q_hints_and_capital_q_quits(shell):
    shell.press("q")
    assert not shell.left
    assert "Q quits" in shell.lines[-2]
    shell.press("s")
    assert "Q quits" not in shell.lines[-2]
    shell.press("Q")
    assert shell.left


def test_control_q_quits(shell):
    assert KEYMAP["ctrl+q"] == "quit"
    shell.press("ctrl+q")
    assert shell.left


def test_prompt_executes_and_repeats(shell):
    shell.type("step 3")
    assert shell.session.step == 3
    shell.type("")
    assert shell.session.step == 6
    shell.press(":", "x", "escape")
    assert "(thp)" not in shell.lines[-2]


def test_prompt_shows_what_is_typed_and_recalls_history(shell):
    shell.type("print 1 + 1")
    assert "1 + 1 = 2" in shell.lines[-2]
    shell.press(":", "up")
    assert "(thp) print 1 + 1" in shell.lines[-2]
    shell.press("backspace", "2", "enter")
    assert "1 + 2 = 3" in shell.lines[-2]


def test_error_has_a_caret_under_the_fault(shell):
    shell.type("break fallback if order >")
    echo = next(line for line in shell.lines if "(thp) break" in line)
    caret = shell.lines[shell.lines.index(echo) + 1]
    assert caret.index("^") == echo.index("order >") + len("order >")
    shell.press("s")
    assert "(thp) break" not in shell.text
    assert shell.session.step == 1


def test_output_of_several_lines_opens_a_box(shell):
    shell.type("info vmas")
    assert "heap 0x7f0000002000" in shell.lines[-2]
    shell.type("info orders")
    shell.press("]").type("info orders")
    assert "Esc closes" in shell.text
    assert "[1] 3" in shell.text


def test_a_queue_of_commands_stops_at_an_error():
    shell = FakeShell()
    shell.desk.queue = ["break fallback", "continue", "nonsense", "step"]
    shell.desk.next_queued()
    assert shell.session.step == 8
    assert shell.desk.queue == []


def test_digits_in_the_prompt_are_text(shell):
    shell.type("goto 4")
    assert shell.session.step == 0 or shell.session.step == 4
    assert shell.session.step == 4


def test_resize_lays_out_again(shell):
    shell.desk.resize(200, 60)
    assert len(shell.lines) == 60
    assert len(shell.lines[0]) == 200
    shell.desk.resize(30, 8)
    assert "too small" in shell.lines[0]
    shell.press("s", "tab", "down", "?", "escape", ":", "s", "enter")
    shell.desk.resize(80, 24)
    assert "step 2/2" in shell.lines[0]


def test_click_focuses_a_pane_and_a_title_click_turns_its_tabs(shell):
    shell.desk.click(60, 2)
    assert shell.desk.look.focus == "orders"
    shell.desk.click(10, 12)
    assert shell.desk.look.focus == "allocator"


def test_events_reach_back_as_far_as_the_cursor_goes(shell):
    shell.press("G", "9", "home")
    assert any(line.startswith(" #0 ") or line.startswith("*#0 ") for line in shell.lines)


def test_keys_while_a_motion_runs_interrupt_or_do_nothing():
    class Slow(FakeShell):
        interrupts = 0

        def beside(self, do):
            self.waiting = do

        def interrupt(self):
            self.interrupts += 1

    shell = Slow()
    shell.press("c", "s", "n")
    assert shell.session.step == 0
    assert shell.desk.running
    shell.desk.progress(256)
    assert "running: step 256" in shell.lines[-2]
    shell.press("ctrl+c")
    assert shell.interrupts == 1
    shell.desk.arrived(shell.waiting(None))
    assert not shell.desk.running
    assert "running" not in shell.lines[-2]


def test_any_key_is_harmless_anywhere():
    keys = [*KEYMAP, *MOVES, *"0123456789", "x", "f7", "ctrl+z"]
    keys = [key for key in keys if KEYMAP.get(key) != "quit"]
    for width, height, panes in ((80, 24, "1234567890"), (45, 12, "19")):
        shell = FakeShell(width, height, FakeSession())
        for focus in panes:
            for key in keys:
                shell.press(focus)
                shell.desk.key(key, key if len(key) == 1 else None)
                shell.press("escape")
        assert len(shell.lines) == height
