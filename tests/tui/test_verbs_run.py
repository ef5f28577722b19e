# SPDX-License-Identifier: GPL-2.0-only
"""Commands about the run: answers, another scenario, tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from kernelmodel.scenario import load
from kernelmodel.session import Session
from kernelmodel.stops import Breakpoints
from tests.tui.talk import console as new
from tests.tui.talk import fails, go, state
from tui.commands import Console


@pytest.fixture
def console():
    return new()


def test_an_answer_forks_the_run_and_says_which_marks_are_lost(console):
    go(console, "goto end", "mark a 3", "mark b 12", "mark c 40", "goto 11")
    rows = go(console, "answer NULL")
    assert rows[0] == "the run is another from here on: lost marks b c"
    assert "VM_FAULT_OOM" in rows[1]
    assert console.places.marks == {"a": 3}
    assert console.session.answers == {11: "NULL"}
    assert console.session.last == 12


def test_the_answer_that_was_given_loses_nothing(console):
    go(console, "goto end", "mark c 40", "goto 11", "answer folio")
    assert console.session.step == 12
    assert console.session.last == 73
    assert console.places.marks == {"c": 40}


def test_a_mark_right_behind_another_answer_is_lost(console):
    go(console, "goto 12", "mark b", "mark here 11", "goto 11")
    assert go(console, "answer NULL")[0].endswith("lost mark b")
    assert console.places.marks == {"here": 11}


def test_jumps_do_not_lead_to_what_was_cut(console):
    go(console, "goto 50", "goto 5", "goto 11", "answer NULL", "back")
    assert console.session.step == 5
    go(console, "back")
    assert console.session.step == 0


@pytest.mark.parametrize("line", ["answer", "answer maybe", "answer null"])
def test_an_answer_that_can_not_be_is_refused(console, line):
    go(console, "goto 11")
    before = state(console)
    assert "this decision takes folio, NULL" in fails(console, line)[1]
    assert state(console) == before


def test_a_forced_null_names_its_cause():
    console = new("pmd/alloc-fails.toml")
    go(console, "goto 10")
    assert "this decision takes mapped, NULL none" in fails(console, "answer NULL")[1]
    go(console, "answer NULL none")
    assert console.session.answers == {10: "NULL none"}
    assert any("forced" in row for row in go(console, "info event 10"))


# -- set ---------------------------------------------------------------------------------------------
def test_set_starts_another_run_and_leaves_the_file_alone(console):
    first = console.session
    go(console, "break fallback", "mark a", "display i")
    rows = go(console, "set memory.size 32M")
    assert rows[0] == "another run, with memory.size = 32M; back returns to the one before"
    assert console.session is not first
    assert console.session.scenario.edited
    assert first.scenario.edited == ()
    assert len(console.breaks) == 1
    assert any("edited: memory.size" in row for row in go(console, "info scenario"))


@pytest.mark.parametrize("line", ["set thp.enabled = never", "set thp.enabled=never", "set thp.enabled   never"])
def test_set_takes_an_equals_sign(console, line):
    go(console, line)
    assert go(console, "show thp.enabled") == ["thp.enabled = never"]


def test_set_tells_of_answers_that_stayed_behind(console):
    go(console, "goto 11", "answer NULL")
    assert "(1 answer of yours stayed there)" in go(console, "set thp.enabled never")[0]


def test_set_keeps_the_variant_that_was_asked_for():
    console = Console(Session(load("seed/unfit.toml", variant="v3-off"), "v3-off"), new().breaks)
    go(console, "set memory.size 32M")
    assert console.session.variant == "v3-off"
    go(console, "set variant v3")
    assert console.session.variant == "v3"
    assert any(row.startswith("* v3 ") for row in go(console, "variants"))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("set thp.enabled maybe", "enabled"), ("set nonsense 1", "nonsense"), ("set memory.size 1", "size"),
        ("set event[7].write heap", "event"), ("set vma.heap.size x", "size"), ("set variant v33", "v33"),
        ("set thp", "to what?"), ("set diff nowhere", "diff is one of"), ("set ascii maybe", "ascii is one of"),
    ],
)  # fmt: skip
def test_set_refuses_what_can_not_be(console, line, words):
    go(console, "goto 5")
    before = state(console)
    assert words in fails(console, line)[1]
    assert state(console) == before


def test_settings(console):
    go(console, "mark a")
    for name, value in (
        ("diff", "start"),
        ("diff", "a"),
        ("diff", "7"),
        ("theme", "light"),
        ("layout", "code"),
        ("ascii", "on"),
    ):
        assert go(console, f"set {name} {value}") == [f"{name} = {value}"]
        assert go(console, f"show {name}") == [f"{name} = {value}"]
        assert go(console, f"set {name}") == [f"{name} = {value}"]
    rows = go(console, "show")
    assert "theme = light" in rows
    assert "memory.size = 64M" in rows
    assert "event[1].write = heap+0x13000" in rows
    assert go(console, "set") == rows
    assert not any(row.startswith("expect") for row in rows)


# -- files and tokens --------------------------------------------------------------------------------
def test_save_scenario_writes_what_reproduces_the_run(console, tmp_path):
    go(console, "set memory.size 32M", "goto 11", "answer NULL", "goto end")
    assert go(console, "save-scenario saved.toml") == ["written to saved.toml"]
    again = Session(load(str(tmp_path / "saved.toml")))
    while not again.finished:
        again.advance()
    assert again.digest() == console.session.digest()
    before = state(console)
    assert "exists: name another file" in fails(console, "save-scenario saved.toml")[1]
    assert "No such file" in fails(console, "save-scenario no/where.toml")[1]
    assert state(console) == before


def test_a_saved_scenario_names_the_files_of_proc_that_it_needs(tmp_path):
    console = new("allocator/boost-after-steal.toml")
    need = f"it needs copies of proc/steal-2135 in {tmp_path}"
    assert go(console, f"save-scenario {tmp_path}/saved.toml") == [f"written to {tmp_path}/saved.toml", need]


def test_the_token_replays_the_run(console):
    go(console, "goto 11", "answer NULL", "goto end")
    digest, last = console.session.digest(), console.session.last
    (line,) = go(console, "token")
    assert line.startswith("thp-debug replay 'thp1:seed/unfit.toml:")
    token = line.partition("'")[2].rstrip("'")
    other = new()
    rows = go(other, f"replay '{token}'")
    assert rows[0] == "replayed; it ended in the state that the token names"
    assert (other.session.digest(), other.session.last) == (digest, last)
    Path("saved.txt").write_text(f"see {token}\n")
    assert go(other, "replay saved.txt")[0].startswith("replayed")
    go(other, "back")
    assert other.session.step == 0 or other.session.answers


def test_replay_refuses_what_does_not_fit(console, tmp_path):
    go(console, "goto 5")
    token = console.session.token()
    before = state(console)
    for wrong in (
        token.replace("unfit", "eagain").replace(token.split(":")[2], "00000000"),
        "thp1:a",
        str(tmp_path),
        "\0",
        "/",
    ):
        assert fails(console, f"replay {wrong}")[1]
        assert state(console) == before
    pieces = token.split(":")
    pieces[4] = "0=nonsense"
    rows = go(console, "replay " + ":".join(pieces))
    assert rows[0].startswith("the token does not fit")
    assert state(console)[:5] == before[:5]


def test_an_edited_scenario_has_no_token(console):
    go(console, "set memory.size 32M")
    assert "save-scenario FILE first" in fails(console, "token")[1]


def test_reload_takes_the_file_as_it_is_now(tmp_path):
    path = tmp_path / "mine.toml"
    text = Path(load("seed/unfit.toml").name)
    from kernelmodel.scenario import find

    text = find("seed/unfit.toml").read_text()
    path.write_text(text)
    console = Console(Session(load(str(path))), new().breaks)
    go(console, "goto 5")
    path.write_text(text.replace('size = "64M"', 'size = "32M"'))
    assert "loaded anew; back returns" in go(console, "reload")[0]
    assert go(console, "show memory.size") == ["memory.size = 32M"]
    go(console, "back")
    assert console.session.step == 5
    assert go(console, "show memory.size") == ["memory.size = 64M"]
    before = state(console)
    path.write_text("variant = 3\n")
    assert "mine.toml:1" in fails(console, "reload")[1]
    path.unlink()
    assert fails(console, "reload")[1]
    assert state(console) == before


def test_a_check_that_explores_can_be_interrupted_and_refused(tmp_path):
    path = tmp_path / "asks.toml"
    text = (
        'variant = "v3"\n[[vma]]\nname = "heap"\nstart = 0x7f0000000000\nsize = "2M"\nflags = ["VM_WRITE"]\n'
        '[[event]]\nwrite = "heap"\n%s[[event]]\ncpu = 1\nwrite = "heap"\n[expect]\nunreachable = ["lock:NULL"]\n'
    )
    path.write_text(text % "")
    console = Console(Session(load(path)), Breakpoints())
    assert go(console, "check", poll=lambda states: True) == ["interrupted"]
    path.write_text(text % 'answers = ["pte_offset_map() = NULL leaf"]\n')
    console = Console(Session(load(path)), Breakpoints())
    assert go(console, "check") == ["pte_offset_map() = NULL leaf is forced: it can't be explored"]


def test_check_and_variants(console):
    assert go(console, "check") == ["ok [v3]", "ok [v3-off]"]
    go(console, "set event[0].write heap+0x13000")
    assert go(console, "check")[0] == "FAIL [v3]"
    assert not console.doing
    assert any(row.startswith("* v3 ") for row in go(console, "variants"))
