# SPDX-License-Identifier: GPL-2.0-only
"""What docs/allocator.md and README.md say that a command prints is what it prints."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import tomllib
from functools import cache
from pathlib import Path

import pytest

from tui.cli import main

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/allocator.md"
GAP = "…"


def blocks(page: Path) -> list[tuple[str, list[str]]]:
    """Every (command, lines) of a page: indented, begun by ``$ thp-debug``."""
    found = []
    for block in re.findall(r"(?:^    .*\n|^\n(?=    ))+", page.read_text(encoding="utf-8"), re.MULTILINE):
        lines = [line[4:].rstrip() for line in block.strip("\n").split("\n")]
        if lines[0].startswith("$ thp-debug "):
            found.append((lines[0].removeprefix("$ thp-debug "), lines[1:]))
    return found


def cut_out(shown: list[str], output: list[str]) -> str | None:
    """The first line that the command does not print at its place; a gap stands for any number of lines."""
    at, free = 0, False
    for line in shown:
        if line == GAP:
            free = True
            continue
        while free and at < len(output) and output[at] != line:
            at += 1
        if at == len(output) or output[at] != line:
            return line
        at, free = at + 1, False
    return None if free or at == len(output) else output[at]


@cache
def printed(command: str) -> list[str]:
    """What a command prints in the checkout."""
    with contextlib.chdir(ROOT), contextlib.redirect_stdout(io.StringIO()) as out:
        main(shlex.split(command))
    return [line.rstrip() for line in out.getvalue().splitlines()]


SHOWN = [*blocks(PAGE), *(each for each in blocks(ROOT / "README.md") if "scenarios/allocator/" in each[0])]


@pytest.mark.parametrize(
    ("command", "lines"),
    [pytest.param(*each, marks=[pytest.mark.slow] * each[0].startswith("sweep"), id=each[0][:60]) for each in SHOWN],
)
def test_a_block_is_what_its_command_prints(command: str, lines: list[str]) -> None:
    assert cut_out(lines, printed(command)) is None


def test_the_scenario_of_the_page_is_the_file() -> None:
    text = PAGE.read_text(encoding="utf-8")
    shown = tomllib.loads(text.partition("```toml\n")[2].partition("```")[0])
    file = tomllib.loads((ROOT / "scenarios/allocator/why-64k.toml").read_text(encoding="utf-8"))
    del file["title"], file["expect"]
    assert shown == file


@pytest.mark.parametrize(
    ("shown", "wrong"),
    [
        (["a", "b", "c"], None),
        (["a", GAP], None),
        ([GAP, "c"], None),
        (["a", GAP, "c"], None),
        (["a", "c"], "c"),
        (["a", "b"], "c"),
        ([GAP, "d"], "d"),
    ],
)
def test_lines_that_a_block_leaves_out_have_a_mark(shown: list[str], wrong: str | None) -> None:
    assert cut_out(shown, ["a", "b", "c"]) == wrong
