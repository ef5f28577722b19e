# SPDX-License-Identifier: GPL-2.0-only
"""``thp-debug run --print`` and the debugger's ``info``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kernelmodel.functions import functions
from kernelmodel.proc import FILES, text
from kernelmodel.session import Session
from kernelmodel.stops import Breakpoints
from tests.build import finish, session
from tui.cli import main
from tui.commands import Console

SCENARIO = """
variant = "v3"
[memory]
size = "16M"
[[vma]]
name = "heap"
start = 0x7f0000000000
size = "4M"
flags = ["VM_WRITE"]
[[event]]
cpu = 0
write = "heap+0x5000"
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    made = tmp_path / "it.toml"
    made.write_text(SCENARIO)
    return str(made)


def after(path: str) -> Session:
    from kernelmodel.scenario import load

    return finish(Session(load(path)))


def test_prints_are_records_before_the_summary(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", path, "--format", "ndjson", "--print", "extfrag,buddyinfo"]) == 0
    rows = [json.loads(row) for row in capsys.readouterr().out.splitlines()]
    assert [(row["type"], row.get("name")) for row in rows[-4:]] == [
        ("stop", None), ("print", "extfrag"), ("print", "buddyinfo"), ("summary", None),
    ]  # fmt: skip
    assert rows[-2]["text"] == text(after(path).m, "buddyinfo")


def test_as_text_each_stands_under_its_name(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", path, "--print", ",".join(FILES)]) == 0
    out = capsys.readouterr().out
    m = after(path).m
    assert "".join(f"==> {name} <==\n{text(m, name)}" for name in FILES) in out
    assert out.splitlines()[-2].startswith("summary: ")


def test_at_a_breakpoint_it_is_the_state_there(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", path, "-b", "alloc", "--print", "buddyinfo"]) == 0
    before = capsys.readouterr().out
    assert "==> buddyinfo <==\nNode 0, zone   Normal      0      0      0      0      0" in before


def test_a_script_prints_when_it_is_done(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", path, "-ex", "step", "--print", "buddyinfo"]) == 0
    assert "\n==> buddyinfo <==\nNode 0" in capsys.readouterr().out


@pytest.mark.parametrize("words", ["budyinfo", "buddyinfo,", ""])
def test_an_unknown_name_is_a_usage_error(path: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", path, "--print", words]) == 2
    out, err = capsys.readouterr()
    assert (out, "buddyinfo, pagetypeinfo, zoneinfo, extfrag" in err) == ("", True)


@pytest.mark.parametrize("name", FILES)
def test_info_shows_them_in_the_debugger(name: str) -> None:
    s = session()
    console = Console(s, Breakpoints(functions))
    console.wait([f"info {name}"])
    result = console.next()
    assert result is not None
    assert "\n".join((*result.lines, "")) == text(s.m, name)
