# SPDX-License-Identifier: GPL-2.0-only
"""A session of many commands is the same session, whichever way they come: what was said, and the mail about it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.desk import Headless
from tests.e2e.terminal import SEED, Terminal, environment
from tui.commands import table
from tui.paint.layout import PANES

SCRIPT = Path(__file__).with_name("session.thp")
LINES = SCRIPT.read_text(encoding="utf-8").splitlines()
MORE = "print cpu\n\n# a comment\nlist\n"
"""Of the file that the script sources."""


class Said(NamedTuple):
    """What a session leaves: everything typed and said, and the run as a mail."""

    log: list[str]
    mail: str


def folder(path: Path) -> Path:
    """A working directory with what the script wants to find there."""
    path.mkdir()
    (path / "more.thp").write_text(MORE, encoding="utf-8")
    return path


def said(path: Path) -> Said:
    """What was written there."""
    return Said((path / "log.txt").read_text("utf-8").splitlines(), (path / "mail.txt").read_text("utf-8"))


@pytest.fixture(scope="module")
def on_a_desk(tmp_path_factory: pytest.TempPathFactory) -> tuple[Said, list[list[str]]]:
    """Typed at the prompt of the screen; and after each line the whole log."""
    path = folder(tmp_path_factory.mktemp("desk") / "work")
    before = Path.cwd()
    os.chdir(path)
    try:
        shell, logs = Headless(SEED, 120, 40), []
        for line in LINES:
            shell.desk.ask("command")
            for character in line:
                shell.desk.key(character, character)
            shell.desk.key("enter", "\r")
            logs.append(list(shell.console.log))
    finally:
        os.chdir(before)
    return said(path), logs


def test_the_script_is_long_has_all_groups_and_no_mistake(on_a_desk: tuple[Said, list[list[str]]]) -> None:
    log, mail = on_a_desk[0]
    used = {line.split(" ")[0].split("/")[0] for line in LINES}
    groups = {each.group for each in table() if each.name in used}
    assert {"motion", "breakpoints", "inspect", "time", "the run", "session"} <= groups
    assert len(used) >= 30
    typed = [line for line in log if line.startswith(("(thp) ", ">"))]
    assert [line for line in LINES if not any(row.endswith(line) for row in typed)] == []
    assert not [line for line in log if line.lstrip().startswith("^ ")]
    assert "#10 log: order=4 at 0x7f0000005000" in log
    assert "watchpoint 4: vma->anon_vma: 0 -> 1" in log
    assert "inside" in log
    assert "VM_FAULT_OOM" in mail
    assert "thp-debug replay" in mail


def test_line_by_line(tmp_path: Path, on_a_desk: tuple[Said, list[list[str]]]) -> None:
    path = folder(tmp_path / "work")
    done = subprocess.run(
        (sys.executable, "-m", "tui.cli", str(SEED), "--plain"), input=SCRIPT.read_bytes(), capture_output=True, cwd=path,
        env=environment(tmp_path), timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert said(path) == on_a_desk[0]


def test_as_a_script(tmp_path: Path, on_a_desk: tuple[Said, list[list[str]]]) -> None:
    path = folder(tmp_path / "work")
    done = subprocess.run(
        (sys.executable, "-m", "tui.cli", "run", str(SEED), "-x", str(SCRIPT)), capture_output=True, cwd=path,
        env=environment(tmp_path), timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    log, mail = said(path)
    assert log[0] == f"(thp) source {SCRIPT}", "-x is the command source, and the log has it"
    assert (log[1:], mail) == on_a_desk[0]
    assert done.stdout.decode().splitlines()[: len(log)] == log


def test_typed_on_a_terminal(tmp_path: Path, on_a_desk: tuple[Said, list[list[str]]]) -> None:
    path = folder(tmp_path / "work")
    with Terminal(path, str(SEED), "--fresh", size=(120, 40)) as terminal:
        terminal.see("Q quit")
        terminal.press("\x1b[Z" * (len(PANES) - PANES.index("console")) + "z")
        terminal.see("z Esc back")
        for line, log in zip(LINES, on_a_desk[1], strict=True):
            terminal.press(line + "\r" if terminal.lines[-2].startswith(">") else f":{line}\r")
            last = packed(log[-4:])
            terminal.see(lambda last=last: packed(terminal.lines[2:-2]).endswith(last))
        terminal.press("Q")
        assert terminal.leave() == 0
    assert said(path) == on_a_desk[0]


def packed(rows: list[str]) -> str:
    """Rows without blanks and line ends: a pane wraps what is too long for it."""
    return "".join("".join(rows).split())
