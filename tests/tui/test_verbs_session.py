# SPDX-License-Identifier: GPL-2.0-only
"""Commands about the debugging session: transcripts, scripts, aliases, help, the shell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tui.talk import console as new
from tests.tui.talk import fails, go, state
from tui import commands
from tui.commands import table


@pytest.fixture
def console():
    return new()


def test_a_transcript_is_for_mail(console):
    go(console, "goto 10")
    rows = go(console, "transcript")
    assert all(len(row) <= 72 and row.isascii() and row.startswith("  ") and row == row.rstrip() for row in rows)
    assert any("#10  fallback, reason vma-bounds" in row for row in rows)
    assert any("thp-debug replay" in row for row in rows)


def test_a_transcript_begins_at_the_mark_before(console):
    go(console, "goto 20", "mark a 9", "mark b 15", "goto 12")
    steps = [row.split()[0] for row in go(console, "transcript") if row.startswith("  #")]
    assert steps[0] == "#9"
    assert steps[-1] == "#12"
    steps = [row.split()[0] for row in go(console, "transcript --since 5") if row.startswith("  #")]
    assert steps[0] in ("#5", "#6", "#7")
    assert go(console, "transcript --since a") == go(console, "transcript")
    assert go(console, "transcript --since 20")


@pytest.mark.parametrize("width", [40, 100, 200])
def test_a_transcript_has_the_width_that_was_asked_for(console, width):
    go(console, "goto end")
    rows = go(console, f"transcript --width {width}")
    replay = next(n for n, row in enumerate(rows) if "replay" in row)
    assert max(map(len, rows[:replay])) <= width


def test_a_transcript_in_other_forms(console):
    go(console, "goto 10")
    assert go(console, "transcript --md")[0] == "```text"
    records = [json.loads(row) for row in go(console, "transcript --ndjson --since 9")]
    assert [each["step"] for each in records if each["type"] == "decision"] == [9, 10]
    rows = go(console, "transcript --log")
    assert rows[0] == "(thp) goto 10"
    assert go(console, "transcript --mail") == go(console, "transcript")


def test_a_transcript_goes_to_a_new_file(console):
    go(console, "goto 10")
    rows = go(console, "transcript")
    assert go(console, "transcript -o 'my file'") == ["written to my file"]
    assert Path("my file").read_text() == "".join(row + "\n" for row in rows)
    assert "exists" in fails(console, "transcript -o 'my file'")[1]


# -- source ------------------------------------------------------------------------------------------
def script(name, *lines):
    Path(name).write_text("".join(f"{line}\n" for line in lines))


def test_a_script_is_executed_line_by_line(console):
    script("a.thp", "# a comment", "", "break fallback", "continue", "  # another", "", "mark here", "rs")
    go(console, "step", "source a.thp")
    assert console.session.step == 9
    assert console.places.marks == {"here": 10}
    assert console.history == ["step", "source a.thp"]


def test_scripts_nest(console):
    script("inner.thp", "echo in", "step 2")
    script("outer.thp", "echo before", "source inner.thp", "echo after; step")
    rows = go(console, "source outer.thp; echo last")
    assert [row for row in rows if row in ("before", "in", "after", "last")] == ["before", "in", "after", "last"]
    assert console.session.step == 3


def test_an_error_ends_all_scripts(console):
    script("inner.thp", "step", "frob", "step")
    script("outer.thp", "source inner.thp", "step")
    go(console, "source outer.thp; step")
    assert console.session.step == 1
    assert console.log[-1].endswith("help lists the commands")


@pytest.mark.parametrize(
    "line", ["!touch x", "shell touch x", "pipe info vmas | touch x", "a", "step; !touch x", "sh touch x"]
)
def test_scripts_do_not_reach_the_shell(console, line):
    go(console, "alias a = !touch x")
    script("a.thp", line)
    result = console.typed("source a.thp")
    while result is not None:
        assert result.shell is None
        result = console.next()
    assert "works at the prompt only" in console.log[-1] or "could be" in console.log[-1]


def test_a_script_that_calls_itself_is_ended(console, monkeypatch):
    monkeypatch.setattr(commands, "MAX_QUEUE", 50)
    script("a.thp", "source a.thp")
    assert "stopped after 50 lines" in go(console, "source a.thp")[-1]
    script("b.thp", "source b.thp", "echo x")
    go(console, "source b.thp")
    assert not console.queue
    assert "50 lines" in console.log[-1]


def test_scripts_that_can_not_be_read(console, tmp_path):
    Path("large").write_bytes(b"#" * ((1 << 20) + 1))
    Path("odd").write_bytes(b"echo \xff\x00\x1b[31m\n")
    before = state(console)
    assert "larger than 1 MiB" in fails(console, "source large")[1]
    assert "No such file" in fails(console, "source nowhere")[1]
    assert "directory" in fails(console, f"source {tmp_path}")[1]
    assert state(console) == before
    assert go(console, "source odd")[-1].isprintable()
    assert fails(console, "source a\0b")[1]
    assert "No such file" in fails(console, "source ~0")[1]


def test_commands_may_be_given_in_a_script(console):
    script("a.thp", "break fallback", "commands", "echo here", "", "end", "continue")
    assert "here" in go(console, "source a.thp")


# -- alias, echo, help -------------------------------------------------------------------------------
def test_aliases(console):
    assert go(console, "alias ss = step 2") == ["ss = step 2"]
    go(console, "ss")
    assert console.session.step == 2
    go(console, "alias pp = print/x", "alias sh2 = !ls", "alias st = next")
    assert go(console, "pp 255") == ["255 = 0xff"]
    assert console.typed("sh2 -l").shell == ("ls -l", "")
    assert parsed(console, "st") == "next"
    assert go(console, "alias") == ["pp = print/x", "sh2 = !ls", "ss = step 2", "st = next"]
    assert go(console, "unalias ss") == []
    assert "no command ss" in fails(console, "ss")[1]


def parsed(console, text):
    return commands.parse(console._expand(text))[0].name


def test_an_alias_may_be_several_commands(console):
    console.aliases["two"] = "step; step 2"
    go(console, "two")
    assert console.session.step == 3


def test_an_alias_is_not_replaced_again_at_once(console):
    console.aliases["step"] = "step 2"
    go(console, "step")
    assert console.session.step == 2


def test_an_alias_that_never_ends_is_ended(console, monkeypatch):
    monkeypatch.setattr(commands, "MAX_QUEUE", 50)
    console.aliases["x"] = "echo 1; x"
    assert "stopped after 50 lines" in go(console, "x")[-1]


def test_echo(console):
    assert go(console, "echo  a  b") == ["a  b"]
    assert go(console, "echo") == [""]


def test_help(console):
    rows = go(console, "help")
    for command in table():
        assert any(command.usage in row for row in rows)
    assert go(console, "help b")[0].startswith("break [LOC]")
    assert "short: b" in go(console, "help break")
    assert any("hits OP N" in row for row in go(console, "help break"))
    assert any(row.startswith("transcript") for row in go(console, "help session"))


@pytest.mark.parametrize("command", table(), ids=lambda command: command.name)
def test_each_command_has_help(console, command):
    assert command.usage in go(console, f"help {command.name}")[0]
    for alias in command.aliases:
        assert go(console, f"help {alias}") == go(console, f"help {command.name}")


def test_the_shell_gets_the_rest_of_the_line(console):
    assert console.typed("!ls -l; pwd | cat").shell == ("ls -l; pwd | cat", "")
    assert console.typed("shell ls").shell == ("ls", "")
    result = console.typed("pipe print 255 | wc -l; cat")
    assert result.shell == ("wc -l; cat", "255 = 255 (0xff)\n")
    assert result.lines == []
    assert console.typed("| info vmas | cat").shell[1].startswith(" ▶heap")
    assert console.typed("pipe help | less").shell[1].startswith("motion:")
    assert console.typed("pipe print/x 255 | cat").shell[1] == "255 = 0xff\n"


@pytest.mark.parametrize(
    "inner", ["step", "back", "quit", "set theme dark", "!ls", "answer NULL", "pane source", "reload"]
)
def test_what_gives_no_text_can_not_be_piped(console, inner):
    go(console, "goto 11")
    before = state(console)
    assert "gives no text" in fails(console, f"pipe {inner} | cat")[1]
    assert state(console) == before


def test_quit_is_a_result(console):
    assert console.typed("quit").quit
    assert console.typed("q").quit


@pytest.mark.parametrize(
    ("line", "ask"),
    [
        ("pane stack", ("pane", "stack")), ("pane sta", ("pane", "stack")), ("zoom", ("zoom", "")), ("z", ("zoom", "")),
        ("layout mem", ("layout", "memory")), ("theme dark", ("theme", "dark")), ("search a b", ("search", "a b")),
        ("copy", ("copy", "")), ("copy transcript", ("copy", "transcript")), ("shot x.svg", ("shot", "x.svg")),
        ("edit", ("edit", "")), ("help", ("help", "")), ("set theme dark", ("setting", "theme")),
    ],
)  # fmt: skip
def test_what_only_a_screen_can_do(console, line, ask):
    assert console.typed(line).ask == ask
