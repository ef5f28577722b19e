# SPDX-License-Identifier: GPL-2.0-only
"""Commands that move: where they come to, what ends them early, and the list of jumps."""

from __future__ import annotations

import pytest

from tests.tui.talk import console as new
from tests.tui.talk import fails, go, long_run


@pytest.fixture
def console():
    return new()


@pytest.mark.parametrize(
    ("lines", "step"),
    [
        ("step", 1), ("step 4", 4), ("s 0x10", 16), ("step 999", 73),
        ("goto 20; rs", 19), ("goto 20; rs 5", 15), ("goto 20; rs 50", 0), ("goto 20; rev step 5", 15), ("goto 20; rev s", 19),
        ("goto 4; next", 12), ("goto 6; next 3", 9), ("goto 5; next 8", 13), ("goto 11; next", 12), ("goto 2; next", 18),
        ("goto 12; rn", 4), ("goto 18; rn", 0), ("goto 13; reverse-next 2", 4), ("goto 13; rev next 2", 4),
        ("goto 6; finish", 12), ("goto 6; finish 2", 18), ("goto 12; f", 18), ("goto 18; f", 19),
        ("goto 6; rf", 4), ("goto 6; rf 2", 2), ("goto 6; rev finish 2", 2), ("goto 19; rf", 18),
        ("until fallback", 10), ("until fallback; until fallback", 64), ("until alloc:folio", 11),
        ("goto 4; until alloc_anon_folio", 5), ("goto 5; until 25", 7), ("goto 5; until 25; until 25", 9),
        ("until vma-bounds(order=3)", 9), ("until end", 73), ("until /64K/", 7),
        ("goto 73; ru fallback", 64), ("goto 73; rev until fallback; rev until fallback", 10), ("goto 7; ru 12", 5),
        ("continue fallback", 10), ("c", 73), ("goto 73; rc fallback", 64), ("goto 73; rc", 0),
        ("break vma-bounds; c 2", 9), ("break vma-bounds; c 3; rc 2", 7), ("break vma-bounds; c 99", 73),
        ("fallback", 10), ("fallback; fallback", 64), ("fallback; fallback; fallback", 64),
        ("goto 73; reverse-fallback", 64), ("goto 5; reverse-fallback", 5), ("goto 73; rev fallback", 64),
        ("goto 7", 7), ("goto #7", 7), ("goto 7; goto +2", 9), ("goto 7; goto -2", 5), ("goto -2", 0), ("goto 999", 73),
        ("goto end", 73), ("goto 7; goto start", 0), ("mark a 0; goto 5; goto a", 0), ("goto 5; mark b; run; jump b", 5),
        ("goto 9; run", 0),
    ],
)  # fmt: skip
def test_where_a_motion_comes_to(console, lines, step):
    go(console, lines)
    assert console.session.step == step


@pytest.mark.parametrize("line", ["step 30", "next 30", "finish", "until fallback", "continue", "c fallback"])
def test_breakpoints_end_motions_forwards(console, line):
    go(console, "goto 4", "break uffd")
    assert any("breakpoint 1: uffd" in row for row in go(console, line))
    assert console.session.step == 6


@pytest.mark.parametrize("line", ["rs 30", "rn 30", "rf 3", "ru pmd-gate", "rc", "rev c"])
def test_breakpoints_end_motions_backwards(console, line):
    go(console, "goto 9", "break policy")
    assert any("breakpoint 1: policy" in row for row in go(console, line))
    assert console.session.step == 5


@pytest.mark.parametrize("line", ["goto 20", "goto end", "fallback"])
def test_going_somewhere_passes_breakpoints(console, line):
    go(console, "break uffd")
    go(console, line)
    assert console.session.step != 6


def test_a_motion_says_where_the_run_stands_and_what_line_is_next(console):
    rows = go(console, "goto 7")
    assert rows[0].startswith("#7 vma-bounds ")
    assert rows[1].startswith("alloc_anon_folio:25    ")
    assert "the run: 4 accesses" in go(console, "goto end")[0]


def test_a_motion_says_why_it_ended_early(console):
    assert go(console, "rs")[0] == "start of the run"
    assert go(console, "fallback", "goto end", "fallback")[0] == "no later fallback"
    assert go(console, "run", "reverse-fallback")[0] == "no earlier fallback"


@pytest.mark.parametrize(
    "line", ["c", "step 1000000", "next 1000000", "goto end", "until bug", "fallback", "next-change vma->vm_start"]
)
def test_long_motions_can_be_interrupted(line):
    console = long_run()
    asked = []
    rows = go(console, line, poll=lambda step: asked.append(step) or len(asked) == 2)
    assert rows[0] == "interrupted"
    assert 256 <= asked[0] < asked[1] < 600
    assert console.session.stop.kind == "decision"


def test_long_motions_backwards_can_be_interrupted():
    console = long_run()
    go(console, "goto end")
    end = console.session.step
    assert go(console, "rc", poll=lambda step: True)[0] == "interrupted"
    assert console.session.step == end - 256


# -- jumps -------------------------------------------------------------------------------------------
def test_back_and_forward_go_along_the_jumps(console):
    go(console, "goto 10", "goto 20", "step 5")
    stops = []
    for line in ("back", "back", "back"):
        go(console, line)
        stops.append(console.session.step)
    assert stops == [20, 10, 0]
    assert "no jump was made" in fails(console, "back")[1]
    stops = []
    for line in ("forward", "forward", "forward"):
        go(console, line)
        stops.append(console.session.step)
    assert stops == [10, 20, 25]
    assert "nothing lies ahead" in fails(console, "forward")[1]


def test_single_steps_are_no_jumps(console):
    go(console, "step", "step", "rs")
    assert "no jump was made" in fails(console, "back")[1]


def test_a_jump_forgets_what_lay_ahead(console):
    go(console, "goto 10", "goto 20", "back", "goto 30")
    assert "nothing lies ahead" in fails(console, "forward")[1]
    go(console, "back", "back")
    assert console.session.step == 0


def test_back_returns_to_the_run_before_set(console):
    go(console, "goto 10")
    first = console.session
    go(console, "set thp.enabled never")
    second = console.session
    assert second is not first
    assert second.step == 0
    go(console, "step 4", "back")
    assert (console.session, console.session.step) == (second, 0)
    go(console, "back")
    assert (console.session, console.session.step) == (first, 10)
    go(console, "forward")
    assert (console.session, console.session.step) == (second, 0)


def test_a_motion_resets_the_selected_frame_and_cpu(console):
    go(console, "goto 10", "up", "cpu 0")
    assert (console.frame >= 0, console.cpu) == (False, 0) or console.cpu == 0
    go(console, "step")
    assert (console.frame, console.cpu) == (-1, -1)
