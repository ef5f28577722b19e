# SPDX-License-Identifier: GPL-2.0-only
"""What is remembered from one session to the next, and what happens where nothing can be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tui.folders import config_folder, state_folder
from tui.state import MAX_LINE, MAX_LINES, MAX_SCRIPT, History, Remembered, first_run


@pytest.fixture
def full(tmp_path):
    """A state folder that can't be made: a file stands where it should be."""
    (tmp_path / "file").touch()
    return tmp_path / "file" / "thp-debug"


def test_folders_follow_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "c"))
    assert state_folder() == tmp_path / "thp-debug"
    assert config_folder() == tmp_path / "c" / "thp-debug"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", ["", "relative/path"])
def test_folders_without_a_usable_environment(value, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", value)
    monkeypatch.setenv("XDG_CONFIG_HOME", value)
    for folder in (state_folder(), config_folder()):
        assert folder.is_absolute()
        assert folder.name == "thp-debug"
        assert tmp_path in folder.parents


def test_history_is_there_again(tmp_path):
    history = History(tmp_path)
    assert [history.add(line) for line in ("step", "print  x ", "step")] == ["", "", ""]
    assert history.lines == ["step", "print  x", "step"]
    assert History(tmp_path).lines == ["step", "print  x", "step"]


def test_history_drops_the_same_line_again(tmp_path):
    history = History(tmp_path)
    for line in ("step", "step", "", "  ", "next"):
        history.add(line)
    again = History(tmp_path)
    again.add("next")
    assert History(tmp_path).lines == ["step", "next"]


def test_history_shared_with_whoever_appends_first(tmp_path):
    history = History(tmp_path)
    history.lines.append("step")
    history.add("step")
    assert history.lines == ["step"]
    assert History(tmp_path).lines == ["step"]


def test_history_keeps_the_newest_lines(tmp_path):
    path = tmp_path / "history"
    path.write_text("".join(f"print {n}\n" for n in range(MAX_LINES + 50)))
    history = History(tmp_path)
    assert len(history.lines) == MAX_LINES
    history.add("last")
    lines = path.read_text().splitlines()
    assert len(lines) == MAX_LINES
    assert lines[-2:] == [f"print {MAX_LINES + 49}", "last"]


def test_history_of_two_programs_at_once(tmp_path):
    one, other = History(tmp_path), History(tmp_path)
    one.add("a")
    other.add("b")
    one.add("c")
    assert History(tmp_path).lines == ["a", "b", "c"]


def test_history_of_many_programs_loses_nothing(tmp_path):
    code = "import sys; from pathlib import Path; from tui.state import History\nh = History(Path(sys.argv[1]))\nfor n in range(50): h.add(f'{sys.argv[2]} {n}')"
    running = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name]) for name in "abc"]
    assert [each.wait() for each in running] == [0, 0, 0]
    lines = History(tmp_path).lines
    assert len(lines) == 150
    assert [line for line in lines if line.startswith("b ")] == [f"b {n}" for n in range(50)]


def test_history_that_cannot_be_written_is_told_once(full):
    history = History(full)
    assert history.add("step").startswith("the history is not kept: ")
    assert history.add("next") == ""
    assert history.lines == ["step", "next"]


def test_history_takes_odd_files(tmp_path):
    path = tmp_path / "history"
    path.write_bytes(b"step\n\xff\xfe\nprint \x1b[31m\nno end")
    assert History(tmp_path).lines == ["step", "\ufffd\ufffd", "no end"]
    History(tmp_path).add("next")
    assert path.read_bytes().endswith(b"no end\nnext\n")


def test_history_does_not_keep_what_cannot_be_shown(tmp_path):
    history = History(tmp_path)
    for line in ("a\x1b[31m", "x" * (MAX_LINE + 1), "two\nlines"):
        history.add(line)
    assert History(tmp_path).lines == ["two lines"]


def test_history_linked_to_nowhere_is_the_users_wish(tmp_path):
    (tmp_path / "history").symlink_to(os.devnull)
    history = History(tmp_path)
    assert history.add("step") == ""
    assert (tmp_path / "history").is_symlink()
    assert History(tmp_path).lines == []


def test_history_is_not_for_others(tmp_path):
    History(tmp_path / "new").add("step")
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0
    assert (tmp_path / "new" / "history").stat().st_mode & 0o077 == 0


LINES = ["break fallback if order > 3", "commands 1", "print order", "end"]


def test_breakpoints_are_there_again(tmp_path):
    remembered = Remembered(tmp_path)
    assert remembered.load("seed/unfit.toml") == []
    assert remembered.save("seed/unfit.toml", LINES) == ""
    assert Remembered(tmp_path).load("seed/unfit.toml") == LINES
    assert remembered.load("seed/other.toml") == []
    assert remembered.path("seed/unfit.toml").read_text().splitlines()[0] == "# breakpoints of seed/unfit.toml"


def test_no_breakpoints_no_file(tmp_path):
    remembered = Remembered(tmp_path)
    remembered.save("a.toml", LINES)
    assert remembered.save("a.toml", []) == ""
    assert remembered.load("a.toml") == []
    assert list((tmp_path / "breaks").iterdir()) == []
    assert remembered.save("never.toml", []) == ""


def test_a_scenario_is_known_by_its_absolute_path(tmp_path, monkeypatch):
    state = tmp_path / "state"
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "s.toml").touch()
    monkeypatch.chdir(tmp_path / "one")
    remembered = Remembered(state)
    remembered.save("s.toml", LINES)
    assert remembered.load(str(tmp_path / "one" / "s.toml")) == LINES
    monkeypatch.chdir(tmp_path / "two")
    assert remembered.load("s.toml") == []
    assert remembered.load("../one/s.toml") == LINES


def test_odd_bytes_of_a_script_are_harmless(tmp_path):
    remembered = Remembered(tmp_path)
    remembered.save("a.toml", LINES)
    remembered.path("a.toml").write_bytes(b"# \xff\n\n \nbreak fallback\nbad \x1b]0;x\x07\nbreak \xff\n")
    assert remembered.load("a.toml") == ["break fallback", "break \ufffd"]


def test_a_script_is_read_up_to_a_limit(tmp_path):
    remembered = Remembered(tmp_path)
    remembered.save("a.toml", ["break fallback"] * 10_000)
    lines = remembered.load("a.toml")
    assert 4000 < len(lines) <= MAX_SCRIPT // len("break fallback\n")
    assert set(lines) == {"break fallback"}


def test_a_script_that_is_no_file(tmp_path):
    remembered = Remembered(tmp_path)
    remembered.path("a.toml").mkdir(parents=True)
    assert remembered.load("a.toml") == []
    assert remembered.save("a.toml", LINES).startswith("breakpoints are not remembered: ")
    assert [each.name for each in (tmp_path / "breaks").iterdir()] == [remembered.path("a.toml").name]


def test_breakpoints_that_cannot_be_written(full):
    remembered = Remembered(full)
    assert remembered.load("a.toml") == []
    assert "not a directory" in remembered.save("a.toml", LINES)


def test_odd_names_of_scenarios(tmp_path):
    remembered = Remembered(tmp_path)
    for name in ("\udcff.toml", "a\nbreak x", "x\0y"):
        assert remembered.save(name, LINES) == ""
        assert remembered.load(name) == LINES


def test_the_first_run_is_the_first(tmp_path):
    assert first_run(tmp_path / "new") is True
    assert first_run(tmp_path / "new") is False


def test_the_first_run_where_nothing_is_remembered(full):
    assert first_run(full) is False


def test_platformdirs_and_hashlib_come_late():
    code = "import sys, tui.state, tui.config; print([m for m in ('platformdirs', 'hashlib', 'tomli') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.cwd())
    assert done.stdout == "[]\n"
