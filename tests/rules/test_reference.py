# SPDX-License-Identifier: GPL-2.0-only
"""The reference is up to date and complete, and what it promises is there."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.e2e.desk import Headless
from tests.rules.tree import ROOT
from tui.cli import USAGE
from tui.commands import CommandError, parse, table
from tui.keys import PRESETS, keymap
from tui.keytable import MOVE_KEYS
from tui.reference import grid, reference
from tui.reference_words import HABITS, LOCATIONS

PAGE = ROOT / "docs" / "commands.md"
SEED = ROOT / "scenarios" / "seed" / "unfit.toml"


def test_the_page_is_up_to_date() -> None:
    made = subprocess.run((sys.executable, "-m", "tui.reference"), cwd=ROOT, capture_output=True, check=True)
    assert made.stdout.decode() == PAGE.read_text("utf-8"), "python -m tui.reference > docs/commands.md"


def test_every_command_and_every_key_is_in_it() -> None:
    text = reference().replace("\\|", "|")
    for command in table():
        assert f"| `{command.usage}` |" in text
        assert all(f"`{alias}`" in text for alias in command.aliases)
    for preset in PRESETS:
        for action in keymap(preset).actions:
            assert action.of or f"| `{action.id}` |" in text
    for name in MOVE_KEYS:
        assert f"| `{name}` |" in text


def test_every_table_has_as_many_cells_in_each_row_as_in_its_head() -> None:
    for part in re.findall(r"(?:^\|.*\n)+", reference(), re.M):
        rows = part.splitlines()
        assert re.fullmatch(r"(\| --- )+\|", rows[1])
        assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {len(re.findall(r"\|", rows[1]))}


def test_a_bar_in_a_cell_is_text() -> None:
    assert grid(("a", "b"), [("`x|y`", "")]) == "| a | b |\n| --- | --- |\n| `x\\|y` | |\n"


@pytest.fixture
def shell(tmp_path, monkeypatch) -> Headless:
    """At an allocation, with a breakpoint, a mark and the files that the page names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "commands").write_text("echo sourced\n")
    made = Headless(SEED)
    for line in ("goto end", "goto start", "until alloc", "break fallback", "mark here", "step"):
        made.desk.execute(line)
    for line in ("back", "goto 11"):
        made.desk.execute(line)
    return made


@pytest.mark.parametrize("line", [line for habit in HABITS for line in habit.commands])
def test_every_command_line_of_the_page_does_what_it_says(shell: Headless, line: str) -> None:
    console = shell.console
    line = line.replace("-o FILE", "-o new").replace("source FILE", "source commands").replace("FILE", "new.toml")
    line = line.replace("TOKEN", console.session.token())
    if line == "forward":
        shell.desk.execute("back")
    before = len(console.log)
    result = console.execute(line)
    assert not result.error, console.log[before:]
    shell.desk.do(result)
    assert "error" not in [style for _, style in shell.desk.message]


@pytest.mark.parametrize("name", sorted({name for habit in HABITS for name in habit.keys.split()}))
def test_every_key_of_the_page_is_bound(name: str) -> None:
    assert all(keymap(preset).keys(name) for preset in PRESETS)


@pytest.mark.parametrize("habit", HABITS, ids=lambda habit: habit.wish)
def test_every_option_of_the_page_is_known(habit) -> None:
    assert habit.commands or habit.keys or habit.rest
    options = re.findall(r"`(-[\w-]+)", habit.rest)
    assert all(re.search(rf"{option}\b", USAGE) for option in options)


@pytest.mark.parametrize("text", [each for words, _ in LOCATIONS for each in re.findall(r"`([^`]+)`", words)])
def test_every_location_of_the_page_is_one(shell: Headless, text: str) -> None:
    assert not shell.console.execute(f"break {text}").error


def test_every_first_word_of_the_page_is_a_command() -> None:
    for habit in HABITS:
        for line in habit.commands:
            try:
                parse(line)
            except CommandError as error:
                pytest.fail(f"{line}: {error}")
