# SPDX-License-Identifier: GPL-2.0-only
"""The plain prompt: what it reads, what it writes, and how it ends."""

from __future__ import annotations

import io
import os
import signal

import pytest

from tests.tui.talk import console as new
from tests.tui.talk import long_run
from tui import plain
from tui.plain import interruptible, run_plain


def run(stdin="", commands=(), console=None):
    console = console or new()
    console.wait(commands)
    out = io.StringIO()
    assert run_plain(console, io.StringIO(stdin), out) == 0
    return console, out.getvalue()


def stops(text):
    return [line.split()[0] for line in text.splitlines() if line.startswith("#")]


def test_it_executes_what_waits_then_what_is_typed():
    console, text = run("s\n\nq\nstep\n", ["b fallback", "c"])
    assert "breakpoint 1: fallback" in text
    assert stops(text) == ["#0", "#10", "#11", "#12"]
    assert console.session.step == 12


def test_output_of_a_script_holds_no_prompt_and_no_escape():
    _, text = run("where\necho \x1b[31m\n", ["info table", "frob"])
    assert "\x1b" not in text
    assert "#0 __handle_mm_fault:11" in text
    assert "(thp) where" not in text
    assert not text.startswith("(thp)")


def test_an_error_has_its_line_and_a_caret_and_the_next_line_is_read():
    _, text = run("print 1 +* 2\nprint 3\n")
    assert "(thp) print 1 +* 2\n" + " " * 15 + "^ " in text
    assert text.endswith("3 = 3\n")


def test_the_end_of_the_input_is_a_quiet_end():
    _, text = run("")
    assert len(text.splitlines()) == 2
    assert run("step")[0].session.step == 1


@pytest.mark.parametrize("line", ["quit", "q", "step; quit; step", "source a.thp"])
def test_quit(line, tmp_path):
    (tmp_path / "a.thp").write_text("step\nquit\nstep\n")
    console, _ = run(f"{line}\nstep 5\n")
    assert console.session.step in (0, 1)


def test_quit_among_what_waits():
    assert run("step 5\n", ["step", "quit", "step"])[0].session.step == 1


def test_commands_of_a_breakpoint_are_read_up_to_end():
    console, text = run("break fallback\ncommands\necho here\n\nend\nc\n")
    assert "here\n" in text
    assert console.session.step == 10


def test_the_prompt_says_that_commands_are_read():
    asked = []
    console = new()
    lines = iter(["break fallback", "commands 1", "echo x", "end", "quit"])

    def ask(prompt):
        asked.append(prompt)
        return next(lines)

    talk(console, ask)
    assert asked == ["(thp) ", "(thp) ", ">", ">", "(thp) "]


def talk(console, ask):
    """Run the prompt as on a terminal, with ``ask`` for a line editor."""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain, "_terminal", lambda console: ask)
        out = io.StringIO()
        assert run_plain(console, Terminal(), out) == 0
    return out.getvalue()


def test_an_interrupt_at_the_prompt_gives_up_the_line_and_what_is_collected():
    console = new()
    lines = iter(["break fallback", "commands 1", "echo x", None, "print 1", "quit"])
    asked = []

    def ask(prompt):
        asked.append(prompt)
        line = next(lines)
        if line is None:
            raise KeyboardInterrupt
        return line

    text = talk(console, ask)
    assert "quit leaves" in text
    assert asked[-2:] == ["(thp) ", "(thp) "]
    assert "1 = 1" in text
    assert next(iter(console.breaks)).commands == []


def test_an_interrupt_stops_a_motion_where_it_is_and_the_lines_that_wait(monkeypatch):
    console = long_run()
    advance = type(console.session).advance

    def interrupted(self, answer=None):
        if self.step == 100:
            os.kill(os.getpid(), signal.SIGINT)
        return advance(self, answer)

    monkeypatch.setattr(type(console.session), "advance", interrupted)
    before = signal.getsignal(signal.SIGINT)
    _, text = run("continue; step; step\nprint 1\n", console=console)
    assert "interrupted" in text
    assert console.session.step == 256
    assert text.endswith("1 = 1\n")
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interrupt_ends_commands_that_never_end(monkeypatch):
    console = new()
    count = 0
    match = type(console.breaks).match

    def interrupted(self, session, at=None):
        nonlocal count
        found = match(self, session, at)
        count += found is not None
        if count == 20:
            os.kill(os.getpid(), signal.SIGINT)
        return found

    monkeypatch.setattr(type(console.breaks), "match", interrupted)
    console, text = run("print 1\n", ["break fallback", "commands", "rs", "step", "end", "c"], console)
    assert not console.queue
    assert text.endswith("1 = 1\n")


def test_the_poll_of_a_motion_asks_for_the_interrupt():
    with interruptible() as poll:
        assert not poll(1)
        os.kill(os.getpid(), signal.SIGINT)
        assert poll(2)
    with interruptible() as poll:
        assert not poll(3)


@pytest.mark.parametrize(
    "line", ["pane source", "zoom", "shot", "copy", "edit", "theme dark", "layout code", "search x"]
)
def test_what_needs_the_screen_says_so(line):
    assert "needs the screen: start without --plain" in run(f"{line}\n")[1]


@pytest.mark.parametrize("line", ["help", "set theme dark", "set diff start"])
def test_what_needs_no_screen_does_not(line):
    assert "needs the screen" not in run(f"{line}\n")[1]


def test_the_shell_is_reached_from_the_prompt_only(capfd, tmp_path):
    (tmp_path / "a.thp").write_text("!echo no\n")
    _, text = run("!echo yes; echo again\npipe print 1 | cat\nsource a.thp\n")
    assert capfd.readouterr().out == "yes\nagain\n1 = 1\n"
    assert "works at the prompt only" in text


def test_history_repeats_and_is_shown():
    _, text = run("step 2\n\nhistory\n")
    assert stops(text) == ["#0", "#2", "#4"]
    assert text.endswith("step 2\nhistory\n")


def test_log_and_output_agree():
    console, text = run("step 2\nbreak fallback\nc\nprint order\nfrob\n")
    spoken = [line for line in console.log if not line.startswith("(thp) ")]
    assert [line for line in text.splitlines()[2:] if not line.startswith("(thp) ")] == spoken


def test_completion_at_the_line_editor():
    readline = pytest.importorskip("readline")
    console = new()
    plain._completing(console)
    complete = readline.get_completer()
    readline.insert_text("")
    with pytest.MonkeyPatch.context() as patch:
        for text, begin, found in [
            ("fal", 0, ["fallback"]),
            ("print vma->vm_st", 6, ["vma->vm_start"]),
            ("jump st", 5, ["start"]),
        ]:
            patch.setattr(readline, "get_line_buffer", lambda text=text: text)
            patch.setattr(readline, "get_endidx", lambda text=text: len(text))
            patch.setattr(readline, "get_begidx", lambda begin=begin: begin)
            words = [complete(text[begin:], n) for n in range(20)]
            assert [word for word in words if word] == found
            assert words[-1] is None
    readline.set_completer(None)
