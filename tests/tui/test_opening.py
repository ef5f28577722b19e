# SPDX-License-Identifier: GPL-2.0-only
"""Opening the debugger: what is remembered of a scenario, options, and scripts without a user."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.tui.talk import console as new
from tests.tui.talk import go
from tui import opening
from tui.cli import main
from tui.opening import remember


def test_breakpoints_and_history_come_back():
    first = new()
    hint = remember(first, fresh=False)
    assert hint.startswith("first time?")
    go(first, "break fallback if order > 3", "disable 1", "watch i", "display order", "tbreak alloc")
    second = new()
    hint = remember(second, fresh=False)
    assert hint == "2 breakpoints restored (--fresh starts without)"
    assert [(each.command, each.enabled) for each in second.breaks] == [
        ("break fallback if order > 3", False),
        ("watch i", True),
    ]
    assert second.displays == {1: "order"}
    assert second.history == first.history
    assert second.log == []
    go(second, "delete", "undisplay")
    third = new()
    assert remember(third, fresh=False) == ""
    assert not len(third.breaks)


def test_fresh_neither_reads_nor_keeps_breakpoints():
    first = new()
    remember(first, fresh=False)
    go(first, "break fallback")
    fresh = new()
    assert remember(fresh, fresh=True) == ""
    assert not len(fresh.breaks)
    go(fresh, "break alloc", "delete")
    third = new()
    remember(third, fresh=False)
    assert [each.text for each in third.breaks] == ["fallback"]


def test_each_scenario_has_its_own():
    first = new()
    remember(first, fresh=False)
    go(first, "break fallback")
    other = new("pmd/leaf.toml")
    remember(other, fresh=False)
    assert not len(other.breaks)


def test_what_is_not_understood_any_more_is_told():
    from tui.state import Remembered

    Remembered().save(
        "seed/unfit.toml", ["break no_such_function", "commands 1", "step", "end", "break fallback", "!ls"]
    )
    console = new()
    hint = remember(console, fresh=False)
    assert hint.startswith("1 breakpoint restored")
    assert hint.endswith("2 remembered lines not understood: break no_such_function")
    assert [each.text for each in console.breaks] == ["fallback"]
    assert console.session.step == 0


def test_those_of_the_scenario_are_not_remembered():
    console = new()
    console.breaks.add("alloc", origin="scenario")
    remember(console, fresh=False)
    go(console, "break fallback", "commands; echo x; end")
    again = new()
    again.breaks.add("alloc", origin="scenario")
    again.breaks.add("uffd", origin="option")
    remember(again, fresh=False)
    assert [(each.number, each.text, each.commands) for each in again.breaks] == [
        (1, "alloc", []), (2, "uffd", []), (3, "fallback", ["echo x"]),
    ]  # fmt: skip


@pytest.fixture
def user(monkeypatch):
    """A user at a terminal; what the front end was given, instead of the front end."""
    opened = {}
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("tui.cli.terminal", lambda: True)

    def front_end(console, args, keys, config, hint):
        opened.update(console=console, args=args, keys=keys, hint=hint)
        return 0

    monkeypatch.setattr(opening, "_run", front_end)
    return opened


def test_options_reach_the_front_end(user, tmp_path):
    (tmp_path / "a.thp").write_text("step\n")
    words = [
        "seed/unfit.toml",
        "-b",
        "fallback",
        "-ex",
        "step",
        "-x",
        "a.thp",
        "--ascii",
        "--theme",
        "light",
        "--keymap",
        "vim",
    ]
    assert main(words) == 0
    console = user["console"]
    assert [(each.text, each.origin) for each in console.breaks] == [("fallback", "option")]
    assert [line for line, _ in console.queue] == ["step", "source a.thp"]
    assert not any(trusted for _, trusted in console.queue)
    assert (console.settings.ascii, console.settings.theme) == ("on", "light")
    assert user["keys"].preset == "vim"
    assert user["hint"].startswith("first time")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--theme", "blue"], "no theme 'blue'"),
        (["--keymap", "emacs"], "no preset 'emacs'"),
        (["-b", "falback"], "fallback"),
    ],
)
def test_options_that_can_not_be(user, capsys, words, said):
    assert main(["seed/unfit.toml", *words]) == 2
    assert said in capsys.readouterr().err
    assert not user


def test_configuration_is_the_users(user, tmp_path):
    folder = tmp_path / "config" / "thp-debug"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text('theme = "dark"\nkeymap = "cgdb"\n[alias]\nss = "step 2"\n')
    (folder / "init").write_text("display i\n")
    assert main(["seed/unfit.toml", "-ex", "step"]) == 0
    assert user["console"].settings.theme == "dark"
    assert user["console"].aliases == {"ss": "step 2"}
    assert user["keys"].preset == "cgdb"


# -- run -x ------------------------------------------------------------------------------------------
def batch(capsys, *words):
    code = main(["run", "seed/unfit.toml", *words])
    out, err = capsys.readouterr()
    return code, out, err


def test_run_with_a_script_writes_what_was_typed_and_said(capsys):
    Path("a.thp").write_text("break fallback\ncontinue\nprint order\n")
    code, out, err = batch(capsys, "-x", "a.thp", "-ex", "rs")
    console = new()
    go(console, "source a.thp", "rs")
    assert (code, err) == (0, "")
    assert out.splitlines() == console.log


def test_run_with_a_script_as_records(capsys):
    code, out, _ = batch(capsys, "-ex", "step 2", "-ex", "print 1", "--format", "ndjson")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [(row["type"], row["command"]) for row in rows if row["type"] == "console"] == [
        ("console", "step 2"), ("console", "print 1"),
    ]  # fmt: skip
    assert rows[1]["output"] == ["1 = 1"]


def test_the_first_error_of_a_script_is_exit_2(capsys):
    code, out, err = batch(capsys, "-ex", "step", "-ex", "frob", "-ex", "step")
    assert code == 2
    assert "no command frob" in out
    assert "no command frob" in err
    assert "#2" not in out


@pytest.mark.parametrize("line", ["!touch x", "pipe print 1 | touch x"])
def test_a_script_on_the_command_line_reaches_no_shell(capsys, line):
    code, _, err = batch(capsys, "-ex", line)
    assert code == 2
    assert "works at the prompt only" in err
    assert not Path("x").exists()


def test_quit_ends_a_script_in_peace(capsys):
    code, out, _ = batch(capsys, "-ex", "quit", "-ex", "frob")
    assert code == 0
    assert "frob" not in out


def test_a_script_that_ends_at_a_bug_is_exit_1(capsys):
    assert main(["run", "seed/read-fault-bug.toml", "-ex", "c"]) == 1
    assert main(["run", "seed/read-fault-bug.toml", "-ex", "c", "-ex", "rs"]) == 0
