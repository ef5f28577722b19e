# SPDX-License-Identifier: GPL-2.0-only
"""The command language, and the plain prompt over it."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernelmodel.stops import Breakpoints
from tests.tui.fake import FakeSession
from tui.commands import Console, complete, parse, table
from tui.plain import run_plain


@pytest.fixture
def console():
    return Console(FakeSession(), Breakpoints())


def go(console, *lines):
    for line in lines:
        result = console.execute(line)
        if result.move is not None:
            result.move(None)
    return result


@pytest.mark.parametrize(
    ("typed", "name"),
    [("s", "step"), ("n", "next"), ("f", "finish"), ("c", "continue"), ("rs", "reverse-step"), ("rn", "reverse-next"),
     ("rf", "reverse-finish"), ("rc", "reverse-continue"), ("b", "break"), ("d", "delete"), ("p", "print"), ("h", "help"),
     ("q", "quit"), ("st", "step"), ("cont", "continue"), ("tb", "tbreak"), ("reverse-s", "reverse-step"), ("inf", "info")],
)  # fmt: skip
def test_aliases_and_unique_prefixes(typed, name):
    assert parse(typed)[0].name == name


def test_no_two_commands_share_a_word():
    words = [word for command in table() for word in (command.name, *command.aliases)]
    assert len(words) == len(set(words))


def test_ambiguous_prefix_names_the_candidates(console):
    result = console.execute("re 3")
    assert result.error
    assert "reverse-step" in result.lines[1]
    assert "reverse-next" in result.lines[1]


@pytest.mark.parametrize(
    ("text", "col", "words"),
    [
        ("stpe", 0, "did you mean step?"),
        ("step 0", 5, "a count is 1"),
        ("step x", 5, "a count is a number"),
        ("break fallbck", 6, "did you mean fallback?"),
        ("break fallback if order >", 25, "ends too early"),
        ("print 1 + * 2", 10, ""),
        ("print nonsense", 6, "nonsense has no value here"),
        ("delete 7", 7, "no breakpoint 7"),
        ("goto x", 5, "goto N"),
        ("info nothing", 5, "breakpoints"),
        ("  frob", 2, "no command frob"),
    ],
)
def test_errors_point_at_the_fault(console, text, col, words):
    result = console.execute(text)
    assert result.error
    assert result.move is None
    assert result.lines[0] == "(thp) " + text
    assert result.lines[1].index("^") == len("(thp) ") + col
    assert words in result.lines[1]


def test_motions_and_goto(console):
    session = console.session
    go(console, "step 4")
    assert session.step == 4
    go(console, "rs 2")
    assert session.step == 2
    go(console, "goto +3")
    assert session.step == 5
    go(console, "goto -1")
    assert session.step == 4
    go(console, "goto #1")
    assert session.step == 1
    go(console, "goto end")
    assert session.stop.kind == "end"
    go(console, "goto start")
    assert session.step == 0


def test_empty_line_repeats_the_last_motion_and_nothing_else(console):
    assert console.execute("").move is None
    go(console, "step 2", "print 1", "")
    assert console.session.step == 4
    assert console.execute("# a comment").lines == []


def test_repeated_next_ends_at_a_breakpoint(console):
    go(console, "break fallback", "s", "s", "s", "next 9")
    assert console.session.step == 8


def test_breakpoints(console):
    go(console, "b fallback if order > 3", "tbreak alloc", "b 6", "b")
    assert [each.text for each in console.breaks] == [
        "fallback if order > 3", "alloc", "__handle_mm_fault:6", "__handle_mm_fault:6",
    ]  # fmt: skip
    result = go(console, "disable 1")
    assert "○ fallback if order > 3" in result.lines[0]
    assert "disabled" in result.lines[0]
    go(console, "c")
    assert console.session.step == 9
    assert [each.number for each in console.breaks] == [1, 3, 4]
    go(console, "enable 1", "d 3 4", "rc")
    assert console.session.step == 8
    go(console, "delete")
    assert not len(console.breaks)


def test_break_if_is_a_condition_on_the_current_line(console):
    go(console, "break if cpu == 0")
    assert [each.text for each in console.breaks] == ["__handle_mm_fault:6 if cpu == 0"]


def test_print(console):
    go(console, "goto 5", "step 5", "goto 5")
    assert go(console, "print order").lines == ["order = 4"]
    assert go(console, "p 1 << 12").lines == ["1 << 12 = 4096  0x1000"]
    assert go(console, "p orders").lines == ["orders = {4, 3, 0}"]


def test_answer_forks(console):
    assert console.execute("answer NULL").error
    go(console, "step 9")
    assert console.execute("answer maybe").error
    go(console, "answer NULL")
    assert console.session.forced == {9: "NULL"}


def test_completion():
    assert complete("ste") == ["step"]
    assert complete("") == []


@given(st.text(max_size=40))
def test_whatever_is_typed_is_answered(text):
    console = Console(FakeSession(), Breakpoints())
    result = console.execute(text)
    assert not result.error or result.lines


def plain_run(commands, stdin=""):
    out = io.StringIO()
    code = run_plain(FakeSession(), Breakpoints(), commands, io.StringIO(stdin), out)
    return code, out.getvalue()


def test_plain_prompt_runs_commands_then_reads_lines():
    code, text = plain_run(["b fallback", "c"], "s\n\nq\nstep\n")
    assert code == 0
    assert "breakpoint 1: fallback" in text
    lines = text.splitlines()
    assert lines[0].startswith("*#0 pmd-gate")
    assert [line[:4] for line in lines if line.startswith("*#")] == ["*#0 ", "*#8 ", "*#9 ", "*#10"]


def test_plain_prompt_shows_the_present_after_going_back():
    _, text = plain_run(["step 9", "rs 2"])
    assert text.splitlines()[-2].startswith("*#7 vma-bounds")


def test_plain_output_holds_no_prompt_and_no_escape():
    _, text = plain_run(["info table", "frob"], "where\n")
    assert "\x1b" not in text
    assert "#0 __handle_mm_fault:6" in text
    assert not text.startswith("(thp)")


def test_plain_end_of_input_is_a_quiet_end():
    assert plain_run([])[0] == 0
