# SPDX-License-Identifier: GPL-2.0-only
"""What keys do, on a desk without a terminal: motions, breakpoints, the prompt, what is shown of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelmodel.motion import Motion
from kernelmodel.scenario import load
from kernelmodel.session import Session
from tests.runs import shipped
from tests.tui.shell import FakeShell, SlowShell
from tests.tui.talk import ARGUMENTS, WORDS, long_run
from tui import commands
from tui.keys import keymap
from tui.paint.rows import cells, clean


@pytest.fixture
def shell():
    return FakeShell()


def at(step, *size, name="seed/unfit.toml"):
    """A desk whose run is known to the end, at a step."""
    shell = FakeShell(*size, session=Session(shipped(name)))
    while not shell.session.finished:
        shell.session.advance()
    shell.session.seek(step)
    shell.desk.refresh()
    return shell


# -- motions -----------------------------------------------------------------------------------------
def test_step_and_back(shell):
    shell.press("s", "s", "s")
    assert shell.session.step == 3
    assert "step 3/3" in shell.lines[0]
    shell.press("S")
    assert shell.session.step == 2
    assert "PAST 2/3" in shell.lines[0]


@pytest.mark.parametrize(
    ("keys", "step"),
    [("s", 10), ("n", 10), ("f", 12), ("S", 8), ("N", 8), ("F", 4), ("c", 73), ("C", 0), ("]", 10), ("[", 9), ("]]", 64),
     ("G[", 64), ("g", 0), ("G", 73), ("r", 0), ("ma" "ss" "'a", 9), ("G" "''", 9), ("b" "g" "c", 7), ("G" "ctrl+o", 9)],
)  # fmt: skip
def test_where_a_key_leads(keys, step):
    shell = at(9)
    keys, _, name = keys.partition("ctrl+")
    shell.press(*keys)
    if name:
        shell.press(f"ctrl+{name}")
    assert shell.session.step == step


MOTIONS = [
    "s",
    "n",
    "f",
    "c",
    "S",
    "N",
    "F",
    "C",
    "t",
    "T",
    "[",
    "]",
    "{",
    "}",
    "g",
    "G",
    "r",
    "ctrl+o",
    "ctrl+n",
    "'",
    "u",
    "d",
]


@pytest.mark.parametrize("key", MOTIONS)
@pytest.mark.parametrize("step", [0, 18, 44])
def test_the_frame_after_a_motion_is_that_of_a_desk_brought_there(key, step):
    shell = at(step, 120, 40)
    shell.press(key, *("'" if key == "'" else ""))
    shell.desk.look.found = ("", "", -1)
    fresh = at(shell.session.step, 120, 40)
    fresh.console.log[:] = shell.console.log
    fresh.console.frame = shell.console.frame
    fresh.desk.refresh()
    assert fresh.panes == shell.panes
    assert fresh.session.digest() == shell.session.digest()


@pytest.mark.parametrize("name", ["seed/unfit.toml", "seed/eagain-two-cpus.toml", "pmd/leaf.toml"])
def test_every_stop_looks_the_same_from_both_sides(name):
    shell = FakeShell(120, 40, Session(shipped(name)))
    shell.press("G", "g")
    fresh = at(0, 120, 40, name=name)
    while shell.session.step < shell.session.last:
        shell.press("s")
        fresh.session.seek(shell.session.step)
        fresh.console.log[:] = shell.console.log
        fresh.desk.refresh()
        assert fresh.panes == shell.panes
    while shell.session.step:
        shell.press("S")
        fresh.session.seek(shell.session.step)
        fresh.console.log[:] = shell.console.log
        fresh.desk.refresh()
        assert fresh.panes == shell.panes


def test_continue_stops_at_the_breakpoint_and_says_why(shell):
    shell.type("break fallback").press("c")
    assert shell.session.step == 10
    assert "break 1" in shell.lines[0]
    shell.press("c", "C")
    assert shell.session.step == 10


def test_a_watchpoint_says_what_changed(shell):
    shell.type("goto 6").type("watch i").press("c")
    assert "watch 1" in shell.lines[0]
    assert shell.message == "watchpoint 1: i: 0 -> 1"


def test_a_condition_without_a_value_is_an_error_in_sight(shell):
    shell.type("break fallback if folio->order").press("c")
    assert "its condition has no value: folio is N" in shell.message
    assert shell.desk.message[0][1] == "error"


def test_log_points_speak_in_the_message_line(shell):
    shell.type('log vma-bounds "i is {i}"').type("until fallback")
    assert shell.message == "#9 log: i is 1   (+1 before)"


def test_panes_follow_when_going_back(shell):
    shell.press("G", "g", *"ssssssss")
    assert "✗bounds" in shell.text
    shell.press("S", "S", "S", "S")
    assert "✗bounds" not in shell.text


def test_run_to_the_cursor_and_back():
    shell = at(5, 120, 40)
    shell.press(*["down"] * 13, "t")
    assert shell.session.step == 7
    shell.press("G")
    shell.type("goto 9").press("T")
    assert shell.session.step == 7


def test_change_keys_follow_what_is_under_the_cursor():
    shell = at(7, 120, 40)
    shell.press("3")
    names = [local.name for local in shell.desk.snap.calls[shell.desk.snap.frame].locals]
    assert "i" in names
    for _ in range(40):
        shell.press("}")
        if "next-change i" in shell.console.log[-4:] or any(row == "(thp) next-change i" for row in shell.console.log):
            break
        shell.session.seek(7)
        shell.desk.refresh()
        shell.press("3", "right")
    assert shell.session.step == 8
    assert "(thp) next-change i" in shell.console.log


def test_what_no_cursor_is_on_is_told(shell):
    shell.type("pane console").press("{")
    assert "put the cursor on a variable" in shell.message
    shell.press("b")
    assert "no line and no event is under the cursor" in shell.message


def test_fallback_keys_say_when_there_is_none(shell):
    shell.press("]", "]", "]")
    assert shell.session.step == 64
    assert shell.message == "no later fallback"


def test_the_end_is_told(shell):
    shell.press("G")
    assert shell.session.stop.kind == "end"
    assert "end of the run: 4 accesses" in shell.message


def test_long_words_at_the_end_open_a_box(shell):
    shell.desk.arrived(Motion(shell.session.stop.__class__("bug", 3, "a word " * 30)))
    assert sum("a word a word" in line for line in shell.lines) == 3
    shell.press("S")
    assert "a word" not in shell.text


# -- breakpoints -------------------------------------------------------------------------------------
def test_b_toggles_on_the_first_line_from_the_cursor_on_that_decides():
    shell = FakeShell(120, 40)
    shell.press("]", "S", "down", "b")
    assert [each.text for each in shell.breaks] == ["alloc_anon_folio:30"]
    assert "●" in next(line for line in shell.lines if " 30 " in line[:7])
    shell.press("b")
    assert not len(shell.breaks)


def test_b_on_an_event_means_its_kind(shell):
    shell.press("]", "9", "up", "b")
    assert [each.text for each in shell.breaks] == ["vma-bounds"]
    shell.press("g", "c")
    assert shell.session.step == 7


def test_keys_of_the_list_of_breakpoints(shell):
    shell.type("break install").type("break fallback").press("0", "down", "down", "D")
    assert [each.enabled for each in shell.breaks] == [True, False]
    assert shell.message == "breakpoint 2 off: fallback"
    shell.press("D")
    assert [each.enabled for each in shell.breaks] == [True, True]
    shell.press("enter")
    assert shell.session.step == 10
    shell.press("B", *" if i", "enter")
    assert [each.text for each in shell.breaks] == ["install", "fallback if i"]
    shell.press("0", "b")
    assert [each.text for each in shell.breaks] == ["install"]


def test_keys_on_a_watchpoint_in_the_list(shell):
    shell.type("goto 6").type("watch i").press("0", "enter")
    assert shell.session.step == 8
    shell.press("0", "B", *"i == 2", "enter")
    assert [each.text for each in shell.breaks] == ["i if i == 2"]


def test_edit_opens_a_new_breakpoint_under_the_cursor(shell):
    shell.press("]", "B")
    assert shell.lines[-2].startswith("(thp) break alloc_anon_folio:69 if")
    shell.press("escape")
    shell.type("pane console").press("B")
    assert shell.lines[-2].rstrip() == "(thp) break"


def test_no_breakpoint_under_the_cursor(shell):
    shell.press("D")
    assert shell.message == "no breakpoint is under the cursor"


# -- what if -----------------------------------------------------------------------------------------
def test_answer_forks_the_run(shell):
    shell.press("G")
    shell.type("goto 11").press("a")
    assert "natural" in shell.text
    assert "NULL" in shell.text
    assert "← taken" in shell.text
    shell.press("down", "enter")
    assert shell.session.answers == {11: "NULL"}
    assert shell.session.last == 12
    assert "(thp) answer NULL" in shell.console.log


def test_answer_says_when_nothing_is_asked_and_can_be_left(shell):
    shell.press("a")
    assert "nothing is asked here" in shell.message
    shell.type("goto 11").press("a", "down", "escape")
    assert not shell.session.answers
    assert "Enter takes it" not in shell.text


# -- enter -------------------------------------------------------------------------------------------
def test_enter_goes_to_an_event_and_to_a_step_of_the_timeline(shell):
    shell.press("]", "9", "up", "up", "enter")
    assert shell.session.step == 8
    shell.press("8", "left", "left", "left", "enter")
    assert shell.session.step == 5
    shell.press("home", "enter")
    assert shell.session.step == 0


def test_enter_on_the_source_runs_to_the_line():
    shell = at(5, 120, 40)
    shell.press("1", *["down"] * 13, "enter")
    assert shell.session.step == 7


def test_enter_on_a_value_tells_who_wrote_it():
    shell = at(18, 120, 40)
    shell.press("4", "enter")
    assert any(row.startswith("(thp) last pte(0x7f0000005000)") for row in shell.console.log)
    assert any("-> " in row for row in shell.console.log[-2:])


def test_enter_elsewhere_says_where_it_means_something(shell):
    shell.press("6", "enter")
    assert shell.message.startswith("Enter: runs to the line")


# -- frames and CPUs ---------------------------------------------------------------------------------
def test_frames(shell):
    shell.press("]", "u")
    assert "do_anonymous_page()" in shell.lines[1]
    assert shell.message == "#1 do_anonymous_page:39"
    shell.press("d")
    assert "alloc_anon_folio()" in shell.lines[1]
    shell.press("3", "down", "down")
    assert shell.console.frame == len(shell.desk.snap.calls) - 3
    shell.press("escape")
    assert shell.console.frame == -1


def test_cpus_in_view():
    shell = at(30, 120, 40, name="seed/eagain-two-cpus.toml")
    stopped = shell.desk.snap.cpu
    shell.press(">")
    assert shell.console.cpu == 1 - stopped
    shell.press(">")
    assert shell.console.cpu == stopped
    shell.press("<")
    assert shell.console.cpu == 1 - stopped
    shell.press("s")
    assert shell.console.cpu == -1


def test_one_cpu_is_all_there_is(shell):
    shell.press(">")
    assert shell.message == "this scenario has one CPU"


# -- the prompt --------------------------------------------------------------------------------------
def test_prompt_executes_repeats_and_can_be_left(shell):
    shell.type("step 3")
    assert shell.session.step == 3
    shell.type("")
    assert shell.session.step == 6
    shell.press(":", "x", "escape")
    assert "(thp)" not in shell.lines[-2]
    shell.press(":", "x", "backspace", "backspace")
    assert "(thp)" not in shell.lines[-2]


def test_prompt_shows_what_is_typed_and_recalls_history(shell):
    shell.type("print 1 + 1")
    assert shell.message == "1 + 1 = 2"
    shell.press(":", "up")
    assert "(thp) print 1 + 1" in shell.lines[-2]
    shell.press("backspace", "2", "enter")
    assert shell.message == "1 + 2 = 3"


def test_digits_and_bound_keys_are_text_in_the_prompt(shell):
    shell.press(":", *"s4 bQ?")
    assert shell.lines[-2].startswith("(thp) s4 bQ?")
    assert not shell.left
    shell.press("escape")
    shell.type("goto 4")
    assert shell.session.step == 4


def test_print_opens_the_prompt_on_what_is_under_the_cursor():
    shell = at(9, 120, 40)
    shell.press("p")
    assert shell.lines[-2].startswith("(thp) print ")
    shell.press("ctrl+u", *"print i", "enter")
    assert shell.message == "i = 1"


def test_pasted_text_goes_into_the_prompt_and_nowhere_else(shell):
    shell.desk.paste("s")
    assert shell.session.step == 0
    shell.press(":")
    shell.desk.paste("step\n2\x1b")
    assert shell.lines[-2].startswith("(thp) step 2")
    shell.press("enter")
    assert shell.session.step == 2


def test_tab_completes_and_opens_a_box_that_any_key_closes(shell):
    shell.press(":", *"fal", "tab")
    assert shell.lines[-2].startswith("(thp) fallback ")
    shell.press("escape", ":", *"re", "tab", "tab")
    assert "reverse-continue" in shell.text
    assert "┏━ Tab " in shell.text
    shell.press("v")
    assert "┏━ Tab " not in shell.text
    shell.press("tab", "tab", "escape")
    assert "┏━ Tab " not in shell.text
    assert "(thp)" not in shell.lines[-2]


def test_tab_knows_this_session(shell):
    shell.type("mark alpha").type("goto 9")
    shell.press(":", *"jump al", "tab", "enter")
    assert shell.session.step == 0
    shell.type("goto 9")
    shell.press(":", *"print vma->vm_st", "tab", "enter")
    assert "vma->vm_start = " in shell.message


def test_an_error_has_a_caret_under_the_fault(shell):
    shell.type("break fallback if order >")
    echo = next(line for line in shell.lines if "(thp) break" in line)
    caret = shell.lines[shell.lines.index(echo) + 1]
    assert caret.index("^") == echo.index("order >") + len("order >")
    shell.press("s")
    assert "(thp) break" not in shell.text
    assert shell.session.step == 1


def test_output_of_one_line_is_a_message(shell):
    shell.type("info vmas")
    assert "heap 0x7f0000002000" in shell.message


def test_long_output_opens_a_box_where_the_console_is_hidden(shell):
    shell.press("]").type("info event")
    assert "┏━ output " in shell.text
    assert "Esc closes" in shell.text
    assert "  reason   vma-bounds" in shell.text
    shell.press("escape")
    assert "Esc closes" not in shell.text


def test_output_that_fits_the_console_in_sight_stays_there():
    shell = FakeShell(200, 60)
    console = next(slot for slot in shell.desk.slots() if shell.desk.look.front(slot.panes) == "console")
    shell.press("]").type("diff 0 1")
    assert len(shell.console.log) > 2
    assert console.height > 4
    assert "Esc closes" not in shell.text
    assert " step (1 stop on)" in shell.text
    shell.type("info scenario")
    assert ("Esc closes" in shell.text) == (console.height <= 7)
    shell.type("help step; info events")
    assert "Esc closes" in shell.text


def test_a_box_scrolls_and_another_key_closes_it_and_goes_on(shell):
    shell.press("?")
    top = shell.lines[2]
    shell.press("down")
    assert shell.lines[2] != top
    shell.press("home")
    assert shell.lines[2] == top
    shell.press("s")
    assert "┏━" not in shell.text
    assert shell.session.step == 1


def test_commands_are_collected_at_the_prompt(shell):
    shell.type("break fallback").type("commands")
    assert shell.lines[-2].startswith(">")
    shell.press(*"mark here", "enter")
    assert shell.lines[-2].startswith(">")
    shell.press(*"rs", "enter", *"end", "enter")
    assert not shell.desk.asking
    shell.press("c")
    assert shell.session.step == 9
    assert shell.console.places.marks == {"here": 10}


def test_commands_can_be_given_up(shell):
    shell.type("break fallback").type("commands").press(*"rs", "enter", "escape")
    assert shell.console.collecting is None
    assert next(iter(shell.breaks)).commands == []
    shell.press("s")
    assert shell.session.step == 1


def test_commands_in_one_line_leave_no_prompt_open(shell):
    shell.type("break fallback; commands; rs; end; continue")
    assert shell.session.step == 9
    assert not shell.desk.asking


# -- lines that wait ---------------------------------------------------------------------------------
def test_a_script_of_many_lines_is_no_deep_recursion(shell):
    Path("long.thp").write_text("step\nrs\necho x\n" * 400)
    shell.type("source long.thp")
    assert shell.session.step == 0
    assert shell.console.log.count("x") == 400
    assert not shell.console.queue


def test_an_error_ends_the_lines_that_wait(shell):
    shell.console.wait(["break fallback", "continue", "nonsense", "step"])
    shell.desk.next_queued()
    assert shell.session.step == 10
    assert not shell.console.queue
    assert "no command nonsense" in shell.text


def test_quit_ends_the_lines_that_wait(shell):
    shell.type("step; quit; step")
    assert shell.left
    assert shell.session.step == 1


def test_commands_that_never_end_are_ended(shell, monkeypatch):
    monkeypatch.setattr(commands, "MAX_QUEUE", 300)
    shell.type("break fallback; commands; rs; step; end; c")
    assert not shell.console.queue
    assert any("stopped after 300 lines" in row for row in shell.console.log)


def test_an_interrupt_ends_the_lines_that_wait_too():
    shell = SlowShell()
    shell.type("step; step; step")
    assert shell.desk.running
    shell.press("ctrl+c")
    shell.arrive()
    assert shell.interrupts == 1
    assert shell.session.step == 2
    assert not shell.desk.running


def test_an_interrupt_ends_the_commands_of_the_breakpoint_that_is_reached_then():
    shell = SlowShell()
    shell.type("break fallback; commands; rs; step; end; c")
    shell.press("ctrl+c")
    shell.arrive()
    assert shell.session.step == 10
    assert not shell.console.queue
    assert not shell.desk.running
    shell.press("C")
    shell.arrive()
    assert shell.session.step == 0


def test_keys_while_a_motion_runs_interrupt_or_wait():
    shell = SlowShell()
    shell.press("c", "s", "n", ":", "?")
    assert shell.session.step == 0
    assert shell.desk.running
    shell.desk.click(5, 5)
    shell.desk.scroll(5, 5, "down")
    shell.desk.progress(256)
    assert "running: step 256" in shell.lines[-2]
    assert "^C interrupts" in shell.lines[-2]
    shell.press("escape")
    assert shell.interrupts == 1
    assert not shell.left
    shell.arrive()
    assert not shell.desk.running
    assert "running" not in shell.lines[-2]
    shell.press("c", "Q")
    assert shell.left


def test_a_motion_that_was_interrupted_says_so():
    console = long_run()
    shell = SlowShell(session=console.session)
    shell.press("c")
    shell.desk.arrived(shell.waiting(lambda step: True))
    assert shell.message == "interrupted"
    assert shell.session.step == 256


def test_nothing_to_interrupt(shell):
    shell.press("ctrl+c")
    assert shell.message == "nothing is running; Q quits"


# -- other runs --------------------------------------------------------------------------------------
def test_set_shows_the_other_run_and_back_the_first():
    shell = FakeShell(120, 40)
    shell.press("]").type("set arch arm64-4k")
    assert "arm64-4k" in shell.lines[0]
    assert "back returns to the one before" in shell.message
    shell.press("ctrl+o")
    assert "x86-64" in shell.lines[0]
    assert "step 10/10" in shell.lines[0]


def test_edit_opens_the_file_and_loads_it_anew(tmp_path, monkeypatch):
    from kernelmodel.scenario import find

    path = tmp_path / "mine.toml"
    text = find("seed/unfit.toml").read_text()
    path.write_text(text)
    shell = FakeShell(session=Session(load(str(path))))
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    shell.press("e")
    assert shell.message == "set EDITOR to your editor"
    monkeypatch.setenv("EDITOR", "sed -i s/64M/32M/")
    shell.press("e")
    assert "can't be lent to an editor" in shell.message
    shell.lends = True
    shell.press("e")
    assert "32M" in path.read_text()
    shell.type("show memory.size")
    assert shell.message == "memory.size = 32M"


def test_the_shell_gets_the_terminal(shell, monkeypatch):
    ran = []
    monkeypatch.setattr("tui.outside.run_shell", lambda command, text="", wait=False: ran.append((command, text, wait)))
    shell.type("!ls; pwd")
    assert "can't be lent to a shell" in shell.message
    shell.lends = True
    shell.type("!ls; pwd").type("pipe print 1 | cat")
    assert ran == [("ls; pwd", "", True), ("cat", "1 = 1\n", True)]


# -- sizes -------------------------------------------------------------------------------------------
def test_resize_lays_out_again(shell):
    shell.desk.resize(200, 60)
    assert len(shell.lines) == 60
    assert len(shell.lines[0]) == 200
    shell.desk.resize(30, 8)
    assert "too small" in shell.lines[0]
    shell.press("s", "tab", "down", "?", "escape", ":", "s", "enter")
    shell.desk.resize(80, 24)
    assert "step 2/2" in shell.lines[0]


def test_events_reach_back_as_far_as_the_cursor_goes(shell):
    shell.press("G", "9", "home")
    assert any(line.startswith((" #0 ", "*#0 ", "»#0 ")) or "#0 " in line[:5] for line in shell.lines)


def test_any_key_is_harmless_anywhere():
    keys = keymap()
    names = [key for each in keys.actions for key in each.keys if each.id not in ("quit", "edit", "shot")]
    names += [*"0123456789xjkhl", "f7", "up", "down", "pageup", "pagedown", "home", "end", "left", "right"]
    for width, height, panes in ((80, 24, "149"), (45, 12, "7")):
        shell = FakeShell(width, height)
        for focus in panes:
            for key in names:
                shell.press(focus)
                shell.press(key)
                shell.press("escape", "escape")
        assert len(shell.lines) == height
        assert not shell.left


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(WORDS), ARGUMENTS), min_size=1, max_size=5))
def test_whatever_is_typed_on_the_screen_is_answered(lines):
    shell = FakeShell()
    for word, arguments in lines:
        shell.desk.typed(f"{word} {arguments}")
        shell.press("escape", "escape", "escape")
        assert all(cells(line) == 80 and line == clean(line) for line in shell.lines)
        assert not shell.desk.running


def test_keys_pressed_during_a_motion_are_taken_when_it_has_ended():
    shell = SlowShell()
    shell.press("]", "S", "S")
    assert shell.session.step == 0
    shell.arrive()
    assert shell.session.step == 8  # the first fallback is #10, two steps back


def test_an_interrupt_drops_the_keys_that_wait():
    shell = SlowShell()
    shell.press("]", "S", "S", "ctrl+c")
    shell.arrive()
    assert shell.session.step == 10
