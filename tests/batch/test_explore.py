# SPDX-License-Identifier: GPL-2.0-only
"""``explore`` and what ``check`` makes of it: verdicts, records, exit codes, witnesses and their tokens."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from kernelmodel.explore.columns import columns
from kernelmodel.explore.types import Options, Outcome, Reached, Result, Violation, Witness
from kernelmodel.explore.verdict import expected, findings
from kernelmodel.explore.witness import session_at, token
from kernelmodel.explore.witness import text as witness_text
from kernelmodel.scenario import load
from kernelmodel.scenario.types import Expect, Scenario
from kernelmodel.session import Session
from kernelmodel.snapshot import Event
from kernelmodel.tokens import parse, replay
from tui.cli import main

GOOD = """
title = "two faults in one huge page"
variant = "v3"
[boot]
arch_wants_pte_order = 4
[[vma]]
name = "heap"
start = 0x7f0000000000
size = "2M"
flags = ["VM_WRITE", "VM_HUGEPAGE"]
[[event]]
write = "heap+0x3000"
[[event]]
cpu = 1
write = "heap+0x3000"
"""


@pytest.fixture
def good(tmp_path: Path) -> str:
    path = tmp_path / "good.toml"
    path.write_text(GOOD)
    return str(path)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    out, err = capsys.readouterr()
    return code, out, err


# -- hand-made witnesses ---------------------------------------------------------------------------------
def race(scenario: Scenario) -> Witness:
    """CPU 0 gets no huge page and reads the PMD, CPU 1 installs a leaf, CPU 0 finds it: a map that fails."""
    session = Session(scenario)
    tape: list[tuple[int, str | None]] = [(0, None)]

    def go(cpu: int, answer: str | None = None) -> None:
        session.advance(answer, cpu)
        tape.append((cpu, answer))

    while session.event(session.step).kind != "alloc":
        go(0)
    go(0, "NULL")
    while session.event(session.step).kind != "install":
        go(1)
    while session.event(session.step).kind != "map-pte":
        go(0)
    steps = session.step
    go(0)
    return Witness(tuple(tape), 2, steps)


def result(scenario: Scenario, **fields: Any) -> Result:
    """What a search could have found."""
    witness = race(scenario)
    reached = (
        Reached("map-pte:NULL", "leaf", 0, witness), Reached("alloc:NULL", "", 0, witness._replace(switches=0, steps=5)),
        Reached("step-down", "", 0, witness),
    )  # fmt: skip
    outcome = Outcome("end", ("0", "0"), (9, -1), witness)
    return Result(reached, (outcome,), (), 1234, 2345, True, "")._replace(**fields)


@pytest.fixture
def search(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """``explore`` replaced: its ``fields`` go into the result, what it was asked for is in ``asked``."""
    said: dict[str, Any] = {"fields": {}}

    def explore(scenario: Scenario, variant: str, mutants: frozenset[str], options: Options, progress: Any) -> Result:
        said["asked"] = (variant, mutants, options)
        return result(scenario, **said["fields"])

    monkeypatch.setattr("kernelmodel.explore.explore", explore)
    return said


AT_ONCE = Witness(((0, None),), 0, 0)
BROKEN = (Violation("mapcounts_match", "pfn 0x1 is mapped twice", AT_ONCE),)
STOPPED = (Violation("BUG_ON", "no page table below the PMD", Witness(((1, None),), 0, 0)),)
STOPS = (Outcome("bug", ("", ""), (-1, -1), AT_ONCE, "no page table below the PMD"),)
WAITS = (Outcome("blocked", ("", "0"), (-1, 9), AT_ONCE, "cpu0 waits for the userfaultfd monitor"),)


# -- the verdict -----------------------------------------------------------------------------------------
WORDS = [
    (Expect(reachable=("map-pte:NULL",)), {}, [(True, True, "map-pte:NULL is reached (2 switches, 25 steps)")]),
    (Expect(reachable=("map-pte:NULL(leaf)", "step-down")), {}, [(True, True, None), (True, True, None)]),
    (Expect(reachable=("map-pte:NULL(none)",)), {}, [(False, True, "map-pte:NULL(none) is not reached, expected reachable")]),
    (Expect(unreachable=("alloc:NULL",)), {}, [(False, True, "alloc:NULL is reached (0 switches, 5 steps), expected unreachable")]),
    (Expect(unreachable=("lock:NULL",)), {}, [(True, True, "lock:NULL is not reached")]),
    (Expect(unreachable=("lock:NULL",)), {"complete": False}, [(False, False, None)]),
    (Expect(reachable=("lock:NULL",)), {"complete": False}, [(False, False, None)]),
    (Expect(invariants="hold"), {}, [(True, True, "the invariants hold")]),
    (Expect(invariants="hold"), {"complete": False}, [(False, False, None)]),
    (Expect(invariants="hold"), {"violations": BROKEN, "complete": False}, [(False, True, "mapcounts_match is violated (0 switches, 0 steps): pfn 0x1 is mapped twice")]),
    (Expect(invariants="mapcounts_match"), {"violations": BROKEN}, [(True, True, "mapcounts_match is violated (0 switches, 0 steps)")]),
    (Expect(invariants="BUG_ON"), {"violations": STOPPED, "outcomes": STOPS}, [(True, True, "the kernel stops: BUG_ON (0 switches, 0 steps)")]),
    (Expect(invariants="mapcounts_match"), {}, [(False, True, "mapcounts_match is not found, expected to be")]),
    (Expect(reachable=("alloc",)), {"violations": BROKEN}, [(True, True, None), (False, True, None)]),
    (Expect(bug="mapcounts_match"), {"violations": BROKEN}, []),
]  # fmt: skip


@pytest.mark.parametrize(("expect", "fields", "wanted"), WORDS)
def test_findings(good: str, expect: Expect, fields: dict[str, Any], wanted: list[tuple[bool, bool, str | None]]) -> None:
    found = findings(expect, result(load(good), **fields))
    assert [(each.ok, each.known) for each in found] == [each[:2] for each in wanted]
    assert all(words in (None, each.words) for each, (_, _, words) in zip(found, wanted, strict=True))


def test_an_expectation_is_about_its_own_kernel(good: str) -> None:
    tail = '[expect]\norders = [9]\n[expect.variant.v4]\norders = [4]\n[expect.mutant."drop R1"]\norders = [3]\n'
    Path(good).write_text(GOOD + tail)

    def orders(variant: str | None, *mutants: str) -> tuple[int, ...] | None:
        scenario = load(good, variant=variant)
        found = expected(scenario, scenario.variant, frozenset(mutants))
        return None if found is None else found.orders

    assert [orders(None), orders("v3"), orders("v4"), orders("v5")] == [(9,), (9,), (4,), None]
    assert [orders(None, "drop R1"), orders("v4", "drop R1"), orders(None, "drop R2")] == [(3,), None, None]


# -- check -----------------------------------------------------------------------------------------------
def test_check_explores_and_gives_the_witness(
    good: str, search: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    Path(good).write_text(GOOD + '[explore]\nfailures = false\n[expect]\nreachable = ["map-pte:NULL"]\ninvariants = "hold"\n')
    assert run(capsys, "check", good)[:2] == (0, f"ok   {good} [v3]\n1 passed, 0 failed\n")
    assert search["asked"] == ("v3", frozenset(), Options(failures=False))
    Path(good).write_text(GOOD + '[expect.mutant."drop R1"]\nunreachable = ["map-pte:NULL"]\n')
    code, out, _ = run(capsys, "check", good)
    assert (code, search["asked"][1]) == (1, {"drop R1"})
    assert "map-pte:NULL is reached (2 switches, 25 steps), expected unreachable" in out
    scenario = load(good)
    shown = parse(out.partition("replay '")[2].partition("'")[0])
    assert (shown.variant, shown.mutants) == ("v3", {"drop R1"})
    session = Session(scenario, "v3", shown.mutants)
    assert replay(session, shown) == ""
    assert session.event(session.step).kind == "map-pte"


def test_a_search_without_end_is_inconclusive_and_a_failure_is_stronger(
    good: str, tmp_path: Path, search: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    search["fields"] = {"complete": False, "why": "memory"}
    Path(good).write_text(GOOD + '[expect]\nunreachable = ["lock:NULL"]\n')
    code, out, _ = run(capsys, "check", good)
    assert code == 3
    assert f"open {good} [v3]\n     lock:NULL is not reached; the search is not complete: the memory was used up\n" in out
    assert "0 passed, 0 failed, 1 inconclusive" in out
    row = json.loads(run(capsys, "check", good, "--format", "ndjson")[1])
    assert (row["ok"], row["complete"]) == (False, False)
    suite = ET.fromstring(run(capsys, "check", good, "--format", "junit")[1])
    assert [suite.get(key) for key in ("tests", "failures", "skipped")] == ["1", "0", "1"]
    assert suite[0][0].tag == "skipped"
    monkeypatch.setattr("sys.stdin", None)
    (told,) = json.loads(run(capsys, "check", good, "--format", "b4")[1])
    assert (told["status"], told["summary"]) == ("warn", "0 of 1 runs are not as expected, 1 inconclusive")
    assert "lock:NULL is not reached" in told["details"]
    (tmp_path / "zz.toml").write_text(GOOD + '[expect]\nunreachable = ["alloc:NULL"]\n')
    assert run(capsys, "check", str(tmp_path))[0] == 1


def test_an_interrupted_check_ends(
    good: str, tmp_path: Path, search: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    search["fields"] = {"complete": False, "why": "interrupted"}
    for name in (good, str(tmp_path / "zz.toml")):
        Path(name).write_text(GOOD + '[expect]\nunreachable = ["lock:NULL"]\n')
    assert run(capsys, "check", str(tmp_path))[:2] == (130, "")


def test_the_plain_run_is_looked_at_only_if_something_is_said_of_it(
    good: str, search: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    Path(good).write_text(GOOD + '[expect]\nreachable = ["alloc:NULL"]\nresults = ["VM_FAULT_OOM"]\n')
    code, out, _ = run(capsys, "check", good)
    assert (code, "results are ['0', '0']" in out) == (1, True)


def test_what_is_forced_can_not_be_explored(good: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = GOOD.replace("[[event]]\nwrite", '[[event]]\nanswers = ["pte_offset_map() = NULL leaf"]\nwrite')
    Path(good).write_text(text + '[expect]\nunreachable = ["lock:NULL"]\n')
    for command in ("explore", "check"):
        code, _, err = run(capsys, command, good)
        assert code == 2
        assert f"{good}:12:12: pte_offset_map() = NULL leaf is forced: it can't be explored" in err


# -- explore ---------------------------------------------------------------------------------------------
def test_records_with_a_token_each(good: str, search: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    search["fields"] = {"violations": BROKEN}
    code, out, err = run(capsys, "explore", good, "--format", "ndjson")
    rows = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (1, "")
    assert [row["type"] for row in rows] == ["reached"] * 3 + ["outcome", "violation", "summary"]
    head = {key: rows[0][key] for key in ("event", "found", "cpu", "switches", "steps")}
    assert head == {"event": "map-pte:NULL", "found": "leaf", "cpu": 0, "switches": 2, "steps": 25}
    assert (rows[3]["results"], rows[3]["orders"]) == (["0", "0"], [9, -1])
    assert (rows[4]["name"], rows[4]["step"]) == ("mapcounts_match", 0)
    assert all(row["token"].startswith("thp1:") for row in rows[:-1])
    assert (rows[-1]["states"], rows[-1]["complete"], rows[-1]["violations"]) == (1234, True, ["mapcounts_match"])


def test_the_text_has_the_verdict_first_and_the_run_in_columns(
    good: str, search: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    Path(good).write_text(GOOD + '[expect]\nreachable = ["map-pte:NULL"]\nunreachable = ["lock:NULL"]\n')
    code, out, _ = run(capsys, "explore", good)
    lines = out.splitlines()
    assert code == 0
    assert "  ok    map-pte:NULL is reached (2 switches, 25 steps)" in lines[:4]
    assert "  ok    lock:NULL is not reached" in lines[:5]
    assert "1,234 states, 2,345 transitions; complete" in lines
    assert any(line.startswith("CPU0") and line.endswith("CPU1") for line in lines)
    assert all(len(line) <= 80 for line in lines if good not in line)
    leaf, null = lines.index(" " * 42 + "install order=9 folio"), lines.index("  map-pte NULL (leaf)")
    assert leaf < null


@pytest.mark.parametrize(
    ("fields", "tail", "lines"),
    [
        ({}, "", ["  ok    nothing is violated", "     1 state   results 0, 0; orders 9, -"]),
        ({"violations": BROKEN}, "", ["  FAIL  mapcounts_match is violated (0 switches, 0 steps): pfn 0x1 is mapped"]),
        ({"violations": BROKEN + STOPPED, "outcomes": STOPS}, '[expect]\ninvariants = "mapcounts_match"\n',
         ["  also  the kernel stops: BUG_ON (0 switches, 0 steps): no page table below the"]),
        ({}, "[explore]\nfailures = false\n", ["allocations and charges fail only where the scenario says so"]),
        ({"outcomes": WAITS}, "", ["cpu0 waits for the userfaultfd monitor (0 switches, 0 steps):"]),
        ({"reached": tuple(Reached(f"step-down:{n}", "", 0, AT_ONCE) for n in range(9))}, "",
         ["           step-down:5, step-down:6, step-down:7, step-down:8"]),
    ],
)  # fmt: skip
def test_the_text_says(
    good: str, search: dict[str, Any], capsys: pytest.CaptureFixture[str],
    fields: dict[str, Any], tail: str, lines: list[str],
) -> None:  # fmt: skip
    Path(good).write_text(GOOD + tail)
    search["fields"] = fields
    assert set(lines) <= set(run(capsys, "explore", good)[1].splitlines())


@pytest.mark.parametrize(
    ("fields", "tail", "code"),
    [
        ({}, "", 0),
        ({"complete": False, "why": "time"}, "", 3),
        ({"complete": False, "why": "interrupted", "violations": BROKEN}, "", 130),
        ({"violations": BROKEN}, "", 1),
        ({"violations": BROKEN}, '[expect]\ninvariants = "mapcounts_match"\n', 0),
        ({"violations": BROKEN}, '[expect]\norders = [9, -1]\n', 1),
        ({}, '[expect]\nunreachable = ["alloc:NULL"]\n', 1),
        ({}, '[expect]\ninvariants = "mapcounts_match"\n', 1),
    ],
)
def test_exit_codes(
    good: str, search: dict[str, Any], fields: dict[str, Any], tail: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    search["fields"] = fields
    Path(good).write_text(GOOD + tail)
    got, _, err = run(capsys, "explore", good)
    assert got == code
    assert ("not complete" in err) == ("why" in fields)


def test_options_and_mutants_of_the_command_line(
    good: str, search: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    words = "--variant v4 --preemptions 2 --time 1.5s --jobs 2 --drop-recheck R1 --drop-recheck R2 --mutant BUG_ON"
    assert run(capsys, "explore", good, *words.split())[0] == 0
    options = Options(preemptions=2, seconds=1.5, jobs=2)
    assert search["asked"] == ("v4", {"drop R1", "drop R2", "BUG_ON"}, options)
    assert "--jobs has no effect" in run(capsys, "explore", good, "--preemptions", "1", "--jobs", "2")[2]
    assert "--jobs" not in run(capsys, "explore", good, "--jobs", "2")[2]


BAD = [
    (["--mutant", "drop R11"], "did you mean 'drop R1'?"),
    (["--variant", "6.9", "--mutant", "BUG_ON"], "6.9 has no mutant 'BUG_ON'"),
    (["--time", "soon"], "no number"),
    (["--preemptions", "-1"], "no number"),
    (["--jobs", "0"], "no number of processes"),
    (["--jobs", "9999"], "no number of processes"),
]


@pytest.mark.parametrize(("words", "said"), BAD)
def test_bad_words(good: str, words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "explore", good, *words)
    assert (code, out) == (2, "")
    assert said in err


def test_a_mutant_is_not_held_against_a_variant_that_is_none(good: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "explore", good, "--variant", "v77", "--mutant", "B2")
    assert (code, len(err.splitlines())) == (2, 1)


def test_mutants_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "explore", "--list-mutants")
    assert code == 0
    assert "drop R1 " in out
    assert run(capsys, "explore")[0] == 2


def test_run_and_compare_take_mutants(capsys: pytest.CaptureFixture[str]) -> None:
    name = "seed/eagain-two-cpus.toml"
    code, out, _ = run(capsys, "run", name, "--mutant", "BUG_ON", "--format", "ndjson")
    last = json.loads(out.splitlines()[-1])
    assert (code, last["mutants"]) == (1, ["BUG_ON"])
    assert run(capsys, "replay", last["token"])[0] == 1
    code, out, _ = run(capsys, "compare", name, "--variant", "v3", "--variant", "v3~-EINVAL", "--expect", "differ")
    assert (code, "v3~-EINVAL  orders OOM,9" in out) == (0, True)
    assert run(capsys, "compare", name, "--variant", "v3", "--variant", "v3~nonsense")[0] == 2


def test_a_bound_is_exit_3_with_what_was_found(good: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The real search."""
    code, out, err = run(capsys, "explore", good, "--preemptions", "0", "--format", "ndjson")
    assert (code, err) == (3, "thp-debug explore: the search is not complete: the bound on preemptions was reached\n")
    rows = [json.loads(line) for line in out.splitlines()]
    assert rows[-1]["complete"] is False
    session = Session(load(good))
    for row in rows[:-1]:
        assert replay(session, row["token"]) == ""
        event = session.event(session.step)
        if row["type"] == "reached":
            assert row["event"] in (event.kind, f"{event.kind}:{event.outcome or event.reason}")


# -- witnesses -------------------------------------------------------------------------------------------
def test_a_witness_is_a_session_and_a_token_that_lead_to_its_stop(good: str, capsys: pytest.CaptureFixture[str]) -> None:
    scenario = load(good)
    witness = race(scenario)
    session = session_at(scenario, "v3", frozenset(), witness)
    assert (session.step, session.last) == (witness.steps, len(witness.tape) - 1)
    assert (session.event(session.step).kind, session.event(session.step).outcome) == ("map-pte", "NULL")
    line = token(session)
    other = Session(scenario)
    while not other.finished:
        other.advance()
    assert replay(other, line) == ""
    assert (other.step, other.last, token(other)) == (session.step, session.last, line)
    assert "stands at" in replay(other, line.replace(line.rpartition(":")[2][:8], "00000000"))
    code, out, _ = run(capsys, "replay", line, "--format", "ndjson")
    rows = [json.loads(each) for each in out.splitlines()]
    assert (code, rows[-2]["kind"], rows[-2]["step"]) == (0, "break", witness.steps)
    assert (rows[-3]["kind"], rows[-3]["outcome"], rows[-3]["found"]) == ("map-pte", "NULL", "leaf")
    assert rows[-1]["token"] == line
    code, out, _ = run(capsys, line, "--plain", "-ex", "where", "-ex", "q")
    assert (code, f"#{witness.steps} " in out) == (0, True)
    assert run(capsys, line, "--variant", "v4")[0] == 2


def test_an_answer_waits_for_its_cpu_when_another_one_is_chosen(good: str) -> None:
    scenario = load(good)
    session = Session(scenario)
    while session.event(session.step).kind != "alloc":
        session.advance(None, 0)
    stood = session.step
    session.advance(None, 1)
    session.advance("NULL", 0)
    assert session.event(stood).outcome == "NULL"
    while not session.finished:
        session.advance()
    again = Session(scenario)
    assert replay(again, session.token()) == ""
    assert again.event(stood).outcome == "NULL"


def event(step: int, cpu: int, function: str, kind: str, outcome: str = "", **fields: Any) -> Event:
    """One stop of a made-up run."""
    made = Event(step, cpu, 0, kind, "", function, 1, outcome, -1, -1, -1, "", "", True, False, ())
    return made._replace(**fields)


def test_columns() -> None:
    events = [
        event(0, 0, "f", "step", "F0"), event(1, 0, "f", "alloc", "NULL", order=9), event(2, 1, "g", "map-pte", "NULL", more=(("found", "leaf"),)),
        event(3, 1, "g", "step", "wait", reason="mmap_lock"), event(4, 0, "f", "fallback", reason="alloc"), event(5, 0, "f" * 50, "lock", "locked"),
    ]  # fmt: skip
    assert columns(events, {0: "write heap", 2: "read heap"}, 60) == [
        "CPU0                          CPU1",
        "write heap",
        "f()",
        "  alloc order=9 NULL",
        "                              read heap",
        "                              g()",
        "                                map-pte NULL (leaf)",
        "                                waits for mmap_lock",
        "  fallback alloc",
        "fffffffffffffffffffffffffff…",
        "  lock locked",
    ]
    many = [event(n, n, "f", "lock", "locked") for n in range(6)]
    assert columns(many, {})[:3] == ["CPU0  f()", "CPU0    lock locked", "CPU1  f()"]
    assert columns([], {}) == []
    waits = [event(0, 1, "f", "step", "wait", reason="vm_lock of heap [0x7f0000000000]"), event(1, 0, "g", "lock", "locked")]
    assert columns(waits, {}, 60)[1:4] == [" " * 30 + row for row in ("f()", "  waits for vm_lock of heap", "    [0x7f0000000000]")]


def test_the_columns_of_a_run_name_its_end(good: str) -> None:
    session = Session(load(good))
    while not session.finished:
        session.advance()
    assert witness_text(session)[-1].startswith("end: end of the run: 2 accesses")
