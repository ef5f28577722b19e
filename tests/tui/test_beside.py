# SPDX-License-Identifier: GPL-2.0-only
"""A second run of another variant: how it follows, what is said of it, how it is painted."""

from __future__ import annotations

import pytest

from kernelmodel.functions import functions
from kernelmodel.scenario import Problem, ScenarioError
from kernelmodel.stops import Breakpoints
from tests.build import HEAP
from tests.build import session as built
from tests.runs import shipped
from tests.tui.fake import snapshot
from tests.tui.golden import agrees
from tests.tui.shell import FakeShell
from tests.tui.talk import console as new
from tests.tui.talk import fails, go
from tests.tui.test_frames import look
from tui.app import DebuggerApp
from tui.commands import Console
from tui.other import Other
from tui.paint import beside, frame, layouts
from tui.paint.look import Look
from tui.paint.rows import cells

FIRST_ALLOC, LARGE_ALLOC = 11, 28
"""Stops of v3 in the seed scenario: order 0 after a fallback, and order 4."""


@pytest.fixture
def console() -> Console:
    """With v3-off beside v3, both at the first stop."""
    made = new()
    go(made, "compare v3-off")
    return made


def stands(console: Console) -> tuple[str, str]:
    """The decisions at which both stand."""
    events = [run.event(run.step) for run in (console.session, console.other.session)]
    return tuple(f"{event.kind}:{event.outcome}" for event in events)


# -- following ---------------------------------------------------------------------------------------
def test_nothing_is_loaded_for_one_run():
    made = new()
    go(made, "step 3")
    assert made.other is None


def test_both_step_together(console):
    for _ in range(5):
        go(console, "step")
        assert len(set(stands(console))) == 1 or console.session.step == 5


def test_what_the_second_lacks_leaves_it_where_it_is(console):
    go(console, "until anon-vma")
    here = console.other.session.step
    go(console, "until uffd")
    assert console.session.step > 4
    assert console.other.session.step == here
    go(console, "until fallback")
    assert stands(console) == ("fallback:", "fallback:")


def test_what_only_the_second_has_is_passed_over():
    made = new(variant="v3-off")
    go(made, "compare v3", "until anon-vma", "step")
    assert stands(made) == ("fallback:", "fallback:")
    assert made.other.session.step - made.session.step == 5


def test_back_is_the_way_there_backwards(console):
    there = []
    for _ in range(60):
        there.append((console.session.step, console.other.session.step))
        go(console, "step")
    for each in reversed(there):
        go(console, "reverse-step")
        assert (console.session.step, console.other.session.step) == each


@pytest.mark.parametrize(
    "lines", [("goto 45",), ("goto end", "goto 45"), ("goto end", "goto start", "goto 45"), ("continue", "goto 45")]
)
def test_the_way_does_not_matter(console, lines):
    stepped = new()
    go(stepped, "compare v3-off", *["step"] * 45)
    go(console, *lines)
    assert console.session.step == stepped.session.step == 45
    assert console.other.session.step == stepped.other.session.step


def test_opened_late_it_stands_where_it_would_have_come(console):
    go(console, "goto 45")
    late = new()
    go(late, "goto 45", "compare v3-off")
    assert late.other.session.step == console.other.session.step
    assert late.other.parted() == console.other.parted()


def test_the_second_is_run_no_further_than_the_end_of_the_turn(console):
    go(console, "until uffd")
    other = console.other.session
    assert other.event(other.last).kind == "return"
    assert not other.finished


def test_both_end(console):
    go(console, "goto end")
    assert console.session.stop.kind == console.other.session.stop.kind == "end"


def test_two_cpus():
    events = "".join(f'\n[[event]]\ncpu = {n}\nwrite = "heap+{n + 1 << 16:#x}"\n' for n in (0, 1, 0, 1))
    head = 'variant = "v3"\nschedule = "0*5 1*7 0*3"'
    made = Console(built(head=head, events=events), Breakpoints(functions()))
    go(made, "compare v3-off")
    before = 0
    while made.session.stop.kind != "end":
        go(made, "step")
        assert made.other.session.step >= before
        before = made.other.session.step
    assert made.other.session.stop.kind == "end"


def race(made: Console) -> None:
    """By hand to the NULL of races/seed-v3.toml."""
    for cpu, kind in ((0, "pte-alloc"), (1, "return"), (0, "map-pte")):
        while made.session.event(made.session.step).kind != kind:
            go(made, f"take {cpu}")


@pytest.mark.parametrize("late", [False, True])
def test_a_mutant_goes_along_with_cpus_that_were_chosen_by_hand(late):
    made = new("races/seed-v3.toml")
    go(made, *[] if late else ["compare v3~BUG_ON"])
    race(made)
    go(made, *["compare v3~BUG_ON"] if late else [])
    assert stands(made) == ("map-pte:NULL", "map-pte:NULL")
    go(made, "take 0")
    assert made.session.event(made.session.step).kind == "return"
    assert made.other.session.stop.kind == "bug"
    assert "v3~BUG_ON bug: BUG_ON" in made.other.parted()


def test_the_second_begins_with_the_cpu_that_the_first_begins_with():
    made = new("races/seed-v3.toml")
    go(made, "compare v3-off", "run 1", "take 1")
    assert made.other.session.event(0).cpu == 1


# -- parting -----------------------------------------------------------------------------------------
def test_both_stand_where_they_part_and_meet_again(console):
    go(console, f"goto {LARGE_ALLOC}")
    assert stands(console) == ("alloc:folio", "alloc:folio")
    assert console.other.parted() == ""
    said = go(console, "step")
    told = f"parted at #{LARGE_ALLOC} / #19: v3 alloc order 4: folio, v3-off alloc order 0: folio"
    assert said[-1] == told == console.other.parted()
    assert told not in go(console, "step")
    go(console, "until pmd-gate")
    assert stands(console) == ("pmd-gate:table", "pmd-gate:table")
    go(console, "goto 20")
    assert console.other.parted().startswith("part at")


def test_where_one_has_no_more_to_do_each_stands_at_its_side():
    sizes = '[thp]\nenabled = "always"\nhugepages-64kB = "inherit"\nhugepages-32kB = "inherit"\n[memory]\nmemcg_limit = "48K"\n'
    made = Console(built(sizes, vma=HEAP.replace("4M", "1M")), Breakpoints(functions()))
    go(made, "compare 6.9", "until charge")
    assert stands(made) == ("charge:-ENOMEM", "charge:-ENOMEM")
    told = go(made, "step")[-1]
    assert stands(made) == ("return:VM_FAULT_OOM", "alloc:folio")
    assert "v3 no further alloc; result: VM_FAULT_OOM, 6.9 alloc order 3: folio" in told
    go(made, "step")
    assert stands(made) == (":", ":")
    go(made, "reverse-step")
    assert stands(made) == ("return:VM_FAULT_OOM", "alloc:folio")


def test_an_outcome_of_the_same_decision():
    made = new(variant="v3-off")
    made.other = Other(made.session, "v3-off")
    go(made, "until alloc", "step")
    assert made.other.parted() == ""
    made.other.session.forget(made.other.session.step - 1)
    made.other.session.advance("NULL")
    made.other.session.advance()
    made.other.follow(made.session)
    assert "alloc order 0: v3-off folio, v3-off NULL" in made.other.parted()


def test_a_run_is_not_compared_with_itself(console):
    col, words = fails(console, "compare v3")
    assert (col, words) == (8, "this run is of v3: a run is not compared with itself")


@pytest.mark.parametrize(
    ("line", "words"),
    [("compare v3~nothing", "unknown mutant 'nothing'"), ("compare v5~BUG_ON", "v5 has no mutant 'BUG_ON'; it is for v3, v4")],
)  # fmt: skip
def test_a_mutant_must_fit_the_variant(console, line, words):
    assert fails(console, line)[1].startswith(words)
    assert console.other is None or console.other.variant != "v3"


# -- answers -----------------------------------------------------------------------------------------
def test_an_answer_is_given_in_both(console):
    go(console, f"goto {FIRST_ALLOC}", "answer NULL")
    assert stands(console) == ("return:VM_FAULT_OOM", "return:VM_FAULT_OOM")
    go(console, "reverse-step", "answer folio")
    assert not console.other.session.answers
    assert stands(console) == ("charge:0", "charge:0")


def test_an_answer_of_before_is_given_when_it_opens():
    made = new()
    go(made, f"goto {FIRST_ALLOC}", "answer NULL", "step 3", "compare v3-off")
    assert list(made.other.session.answers.values()) == ["NULL"]


def test_an_answer_at_a_question_that_the_second_lacks_is_told(console):
    said = go(console, f"goto {LARGE_ALLOC}", "answer NULL")
    assert "v3-off does not ask for vma_alloc_folio(order=4): no NULL there" in said
    assert not console.other.session.answers
    said = go(console, "step")
    assert not [line for line in said if "does not ask" in line]


def test_an_answer_behind_a_known_run_cuts_both(console):
    go(console, "goto end", f"goto {FIRST_ALLOC}", "answer NULL", "goto end")
    assert [run.accesses[0].ret for run in (console.session, console.other.session)] == [1, 1]


# -- the command -------------------------------------------------------------------------------------
def test_another_run_takes_the_second_along(console):
    go(console, "goto 30", "set thp.enabled never")
    assert console.other.first is console.session
    assert console.other.session.scenario is console.session.scenario
    go(console, "back")
    assert console.session.step == 30
    assert console.other.session.scenario is console.session.scenario


def test_a_scenario_that_the_second_can_not_run_closes_it(console, monkeypatch):
    def refuse(other, first):
        raise ScenarioError([Problem("boot.x", 1, 1, "no such thing", "")])

    monkeypatch.setattr(Other, "begin", refuse)
    said = go(console, "set thp.enabled never")
    assert console.other is None
    assert "v3-off can't run this and is closed" in said[0]
    assert "no such thing" in fails(console, "compare 6.9")[1]


def test_boot_parameters_are_read_again_where_the_variant_knows_them():
    made = Console(built('[boot]\narch_wants_pte_order = 4\nthp_anon = "64K:always"\n'), Breakpoints(functions()))
    go(made, "compare 6.14", "goto end")
    assert [event.order for event in installed(made.other.session)] == [4]


def installed(run):
    return [run.event(step) for step in range(run.last) if run.event(step).kind == "install"]


def test_off_and_on_again(console):
    go(console, "goto 12")
    step = console.other.session.step
    assert go(console, "compare") == ["v3-off: #7 charge       order=0 0", *console.other.lines()[1:]]
    assert go(console, "compare off") == ["one run again"]
    assert console.other is None
    go(console, "compare")
    assert (console.other.variant, console.other.session.step) == ("v3-off", step)


def test_what_is_wrong_is_told():
    made = new()
    assert fails(made, "compare")[1].startswith("compare with which variant?")
    assert fails(made, "compare off")[1] == "no other variant runs beside this one"
    col, words = fails(made, "compare v3-of")
    assert (col, words) == (8, "unknown variant 'v3-of'; did you mean 'v3-off'?")
    assert made.other is None


async def test_in_the_application_both_move_beside_the_screen():
    made = new()
    made.wait(["compare v3-off", "goto end"])
    running = DebuggerApp(made)
    async with running.run_test(size=(200, 50)) as pilot:
        for _ in range(1000):
            await pilot.pause()
            if not made.queue and not running.desk.running:
                break
        assert made.other.session.stop.kind == "end"
        await pilot.press("S", "=")
        await pilot.pause()
        assert made.other is None
    assert running.failure is None


# -- the screen --------------------------------------------------------------------------------------
def test_the_key_asks_opens_and_closes():
    shell = FakeShell()
    shell.press("=")
    assert shell.desk.asking == "command"
    shell.press(*"v3-off", "enter")
    assert "v3 = v3-off" in shell.lines[0]
    shell.press("=")
    assert "v3-off" not in shell.text
    shell.press("=")
    assert shell.console.other.variant == "v3-off"


def test_it_is_off_the_screen_while_a_pane_has_all_of_it():
    shell = FakeShell()
    shell.type("compare v3-off")
    shell.press("z")
    assert shell.desk.slots()[0].height == 21
    assert layouts.second(shell.desk.look, 80, 24) is None


def second(**others) -> beside.Second:
    """A second run at the install of the case that does not fit, which the first run has not come to."""
    ended = (beside.Outcome("write heap+0x1000", "0, folio order 4 at 0x7f0000000000", "VM_FAULT_OOM"),)
    parted = "parted at #5 / #7: vma-bounds order 4: v3 outside, 6.9 fits"
    snap = snapshot(12, 14)._replace(variant="6.9")
    given = {
        "snap": snap,
        "first": "v3",
        "name": "6.9",
        "parted": parted,
        "trouble": "",
        "signs": {5: "≠", 9: "≠", 11: "+"},
        "outcomes": ended,
    }
    return beside.Second(**(given | others))


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (200, 60)])
def test_golden(width, height):
    settings = look(second=second())
    snap = snapshot(8, 8, frame.view_for(settings, 8, width, height))
    frame.settle(snap, settings, width, height)
    lines = frame.picture(snap, settings, width, height)
    assert {cells(line) for line in lines} == {width}
    agrees(f"beside-{width}x{height}", lines)


@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("size", [(40, 10), (40, 18), (60, 20), (99, 31), (100, 32), (179, 50), (180, 12), (240, 70)])
def test_every_size(size, ascii_only):
    shell = FakeShell(*size)
    if ascii_only:
        shell.type("set ascii on")
    shell.type("compare v3-off")
    for step in (0, 10, 28, 29, 45, 73):
        shell.type(f"goto {step}").press("escape")
        assert {cells(line) for line in shell.lines} == {size[0]}
        assert len(shell.lines) == size[1]
        assert not ascii_only or shell.text.isascii()


def test_at_the_least_size_there_are_variant_decision_why_and_orders():
    shell = FakeShell(80, 24)
    shell.console.session = new(variant="v3-off").session
    shell.type("compare v3").type("until alloc").press("escape")
    slot = layouts.second(shell.desk.look, 80, 24)
    assert slot is not None
    rows = shell.lines[slot.y : slot.y + slot.height]
    assert len(rows) >= 7
    assert "v3" in rows[0]
    assert "alloc" in rows[2]
    assert "✗bounds" in "".join(rows)


def test_the_difference_has_a_sign_not_only_a_colour():
    shell = FakeShell(200, 60)
    shell.type("compare v3-off").type("goto 49").press("escape")
    assert "v3 ≠ v3-off" in shell.lines[0]
    assert any("≠ #32 alloc" in line for line in shell.lines)
    assert any("+ #31 fallback" in line for line in shell.lines)
    assert any("= write heap+0x3000: 0, folio order 0" in line for line in shell.lines)


def test_what_it_says_of_itself():
    def head(**others):
        return ["".join(text for text, _ in row) for row in beside.paint(snapshot(8, 8), second(**others), 72, 40)[:3]]

    assert head()[0] == " ≠ parted at #5 / #7: vma-bounds order 4: v3 outside, 6.9 fits"
    assert head(parted="")[0] == " = nothing observable differs from v3 so far"
    assert head(parted="part at #9 / #9: lock: v3 locked, 6.9 NULL")[0].startswith(" = part at #9")
    assert head(trouble="no way on")[0] == " no way on"
    assert head(snap=snapshot(14, 14))[1] == "   end: the scenario has ended"


def test_one_run_has_the_whole_screen():
    assert layouts.second(Look(), 200, 60) is None
    assert shipped("seed/unfit.toml").variant == "v3"
