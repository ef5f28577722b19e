# SPDX-License-Identifier: GPL-2.0-only
"""``explore`` in the debugger: what is asked of the search, the list, and the runs that open from it."""

from __future__ import annotations

import io

import pytest

from kernelmodel.explore.types import Options, Outcome, Progress, Reached, Result, Violation, Witness
from kernelmodel.scenario.types import Expect
from kernelmodel.session import Session
from tests.runs import shipped
from tests.tui.shell import FakeShell, SlowShell
from tests.tui.talk import console as new
from tests.tui.talk import fails
from tui.paint.findings import findings, numbered, verdict
from tui.plain import run_plain

RACE = "seed/eagain-two-cpus.toml"


def witness(*cpus: int) -> Witness:
    """These CPUs ran, and every answer was nature's."""
    return Witness(tuple((cpu, None) for cpu in cpus), sum(map(int.__ne__, cpus, cpus[1:])), len(cpus) - 1)


SHORT, LONG = witness(0, 0, 1, 1), witness(0, 1, 0, 1, 0)
FOUND = Result(
    reached=(
        Reached("pmd-gate:try", "", 0, witness(0)),
        Reached("vma-lock:taken", "", 0, witness(0)),
        Reached("map-pte:NULL", "", 0, SHORT),
        Reached("map-pte:NULL", "leaf", 0, SHORT),
        Reached("map-pte:NULL", "none", 0, LONG),
    ),
    outcomes=(
        Outcome("end", ("0", "0"), (9, -1), SHORT), Outcome("blocked", ("0", ""), (-1,), LONG, "cpu1 waits for x"),
    ),
    violations=(Violation("no-overlap", "two folios at 0x7f", LONG),),
    states=12345, transitions=20000, complete=True, why="",
)  # fmt: skip


@pytest.fixture
def asked(monkeypatch) -> list[Options]:
    """The search finds ``FOUND`` after it has told twice how far it is; what was asked of it."""
    seen: list[Options] = []

    def explore(
        scenario: object, variant: str, mutants: frozenset[str], options: Options, progress: Progress
    ) -> Result:
        seen.append(options)
        try:
            progress(100, 1)
            progress(200, 2)
        except KeyboardInterrupt:
            return FOUND._replace(complete=False, why="interrupted")
        return FOUND

    monkeypatch.setattr("kernelmodel.explore.explore", explore, raising=False)
    return seen


def race() -> FakeShell:
    return FakeShell(80, 24, Session(shipped(RACE)))


# -- the list ----------------------------------------------------------------------------------------
def listed(result: Result = FOUND, expect: Expect | None = None) -> list[str]:
    return [" ".join(row.split()) for row in numbered(findings(result, expect))]


def test_the_most_telling_comes_first_and_steps_that_refuse_nothing_are_left_out():
    assert listed() == [
        "1 violation no-overlap 4 switches 4 steps two folios at 0x7f",
        "2 blocked results 0, - orders - 4 switches 4 steps cpu1 waits for x",
        "3 reached map-pte:NULL 1 switch 3 steps cpu0",
        "4 reached map-pte:NULL(leaf) 1 switch 3 steps cpu0",
        "5 reached map-pte:NULL(none) 4 switches 4 steps cpu0",
        "6 end results 0, 0 orders 9, - 1 switch 3 steps",
        "7 reached pmd-gate:try no switches no steps cpu0",
    ]


def test_ends_that_read_alike_are_one_row_with_the_shortest_run():
    ends = tuple(FOUND.outcomes[0]._replace(witness=witness(*cpus)) for cpus in ((0, 1, 0), (0, 1)))
    rows = listed(FOUND._replace(outcomes=ends, violations=(), reached=()))
    assert rows == ["1 end results 0, 0 orders 9, - 1 switch 1 step 2 such states"]


@pytest.mark.parametrize(
    ("expect", "result", "row"),
    [
        (Expect(reachable=("map-pte:NULL",)), FOUND, "expected map-pte:NULL is reached (1 switch, 3 steps)"),
        (Expect(reachable=("map-pte:NULL(none)",)), FOUND, "expected map-pte:NULL(none) is reached (4 switches, 4 steps)"),
        (Expect(reachable=("lock:NULL",)), FOUND, "AMISS lock:NULL is not reached, expected reachable"),
        (Expect(unreachable=("lock:NULL",)), FOUND, "expected lock:NULL is not reached"),
        (Expect(unreachable=("lock:NULL",)), FOUND._replace(complete=False, why="time"), "unknown lock:NULL is not reached"),
        (Expect(invariants="no-overlap"), FOUND, "expected no-overlap is violated (4 switches, 4 steps)"),
    ],
)  # fmt: skip
def test_the_questions_of_the_scenario_are_answered_first(expect, result, row):
    rows = listed(result, expect)
    assert rows[0] == f"1 {row}"
    assert sum("no-overlap" in row for row in rows) == 1


def test_the_verdict_is_a_line():
    assert verdict(FOUND) == "complete: 12,345 states, 2 outcomes, 1 violation"
    none = FOUND._replace(outcomes=FOUND.outcomes[:1], violations=(), complete=False, why="memory")
    assert verdict(none) == "not complete (memory): 12,345 states, 1 outcome, no violations"


# -- the command -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("line", "seconds", "preemptions"),
    [("explore", 10, None), ("explore --time 3", 3, None), ("explore --preemptions 2 --time 60", 60, 2)],
)
def test_what_is_asked_of_the_search(asked, line, seconds, preemptions):
    race().type(line)
    assert (asked[0].seconds, asked[0].preemptions, asked[0].failures) == (seconds, preemptions, True)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("explore 3", "explore [--time S] [--preemptions N]"), ("explore --time", "--time takes a number"),
        ("explore --time x", "--time takes a number"), ("explore --preemptions -1", "--preemptions takes a number"),
        ("witness", "explore first: there is nothing yet to have a witness of"),
    ],
)  # fmt: skip
def test_what_it_refuses(line, message):
    assert fails(new(RACE), line)[1] == message


def test_enter_opens_the_run_at_its_step_and_back_returns(asked):
    shell = race().press("s", "s")
    before = shell.session
    shell.type("explore")
    assert shell.desk.overlay is not None
    assert "explore: complete: 12,345 states" in shell.text
    shell.press(*["down"] * 5, "enter")
    assert shell.session is not before
    assert [shell.session.event(step).cpu for step in range(shell.session.last + 1)] == [0, 0, 1, 1]
    assert shell.session.step == SHORT.steps
    assert shell.message == "results 0, 0  orders 9, - (1 switch, 3 steps); back returns"
    shell.type("back")
    assert (shell.session, shell.session.step) == (before, 2)


def test_escape_closes_the_list_and_witness_opens_it_again(asked):
    shell = race().type("explore").press("escape")
    assert shell.desk.overlay is None
    shell.type("witness")
    assert shell.desk.overlay is not None
    shell.press("escape").type("witness 9")
    assert "findings are 1 … 7" in shell.text


def test_keys_end_the_search_with_what_was_found(asked):
    shell = SlowShell(80, 24, Session(shipped(RACE)))
    shell.type("explore").press("escape")
    assert shell.interrupts == 1
    shell.desk.arrived(shell.waiting(lambda states: True))
    assert "not complete (interrupted)" in shell.text
    assert not shell.desk.running


def test_the_screen_says_how_far_the_search_is(asked):
    shell = SlowShell(80, 24, Session(shipped(RACE)))
    shell.type("explore")
    said = []

    def poll(states: int) -> bool:
        shell.desk.progress(states)
        said.append(shell.message)
        return False

    shell.desk.arrived(shell.waiting(poll))
    assert said == [
        f"exploring: {states} states, {switches} context switches   ^C interrupts"
        for states, switches in ((100, 1), (200, 2))
    ]
    assert not shell.console.doing


def test_the_plain_prompt_lists_and_opens(asked):
    out = io.StringIO()
    console = new(RACE)
    assert run_plain(console, io.StringIO("explore\nwitness 6\n"), out) == 0
    text = out.getvalue()
    assert "complete: 12,345 states, 2 outcomes, 1 violation" in text
    assert "needs the screen" not in text
    assert console.session.step == SHORT.steps


def test_a_run_is_told_with_its_length_once_and_what_has_no_run_is_said(asked, monkeypatch):
    expect = Expect(unreachable=("lock:NULL",), reachable=("map-pte:NULL",))
    monkeypatch.setattr("kernelmodel.explore.verdict.expected", lambda *of: expect)
    shell = race().type("explore").press("enter")
    assert shell.message == "map-pte:NULL is reached (1 switch, 3 steps); back returns"
    shell.type("witness 2")
    assert "there is no run to open: lock:NULL is not reached" in shell.text


def test_the_cursor_begins_at_a_finding_that_has_a_run(asked, monkeypatch):
    monkeypatch.setattr("kernelmodel.explore.verdict.expected", lambda *of: Expect(unreachable=("lock:NULL",)))
    shell = race().type("explore")
    assert shell.desk.overlay.selected == 1
