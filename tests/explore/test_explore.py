# SPDX-License-Identifier: GPL-2.0-only
"""Exploring scenarios: what is found can be replayed, and nothing that a run can meet is missed."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from kernelmodel.decision import ENVIRONMENT, STEPS
from kernelmodel.defs import call_result, result_name
from kernelmodel.explore import explore
from kernelmodel.explore.types import Options, Result
from kernelmodel.explore.witness import session_at
from kernelmodel.scenario import loads
from kernelmodel.scenario.types import Scenario
from kernelmodel.session import Session

HEAD = """
variant = "{variant}"
[boot]
arch_wants_pte_order = 4
[thp]
enabled = "{enabled}"
hugepages-64kB = "always"
[memory]
size = "64M"
[[vma]]
name = "heap"
start = 0x7f0000000000
size = "2M"
flags = ["VM_WRITE"]
"""


def scenario(*events: str, variant: str = "v3", enabled: str = "always") -> Scenario:
    """CPU 0, 1, … each with an event."""
    text = HEAD.format(variant=variant, enabled=enabled)
    for cpu, event in enumerate(events):
        text += f"[[event]]\ncpu = {cpu}\n{event}\n"
    return loads(text, "test.toml")


FAULT_AND_THP = ('write = "heap+0x5000"\nanswers = ["vma_alloc_folio(order=9) = NULL"]', 'write = "heap+0x105000"')
ZAP = 'madvise = { at = "heap", size = "2M", advice = "MADV_DONTNEED" }'
CASES = {
    "the seed": scenario(*FAULT_AND_THP),
    "a leaf comes and goes": scenario(*FAULT_AND_THP, ZAP),
    "a table is reclaimed": scenario('write = "heap+0x5000"', ZAP, variant="6.14", enabled="never"),
    "reads and writes": scenario('read = "heap+0x5000"', 'write = "heap+0x6000"', variant="6.12"),
}
QUICK = Options(failures=False)


@pytest.fixture(scope="module")
def results() -> dict[str, Result]:
    return {name: explore(case, options=QUICK) for name, case in CASES.items()}


def words(result: Result) -> set[tuple[str, str]]:
    return {(each.event, each.found) for each in result.reached}


def ends(result: Result) -> set[tuple[str, tuple[str, ...], tuple[int, ...]]]:
    return {(each.end, each.results, each.mapped) for each in result.outcomes}


def test_the_seed_question(results: dict[str, Result]) -> None:
    """A THP fault of another CPU is enough; after the map has found a table, the lock always does."""
    found = words(results["the seed"])
    assert ("map-pte:NULL", "leaf") in found
    assert not {each for each in found if each[0] == "lock:NULL"}
    assert results["the seed"].violations == ()
    assert ("map-pte:NULL", "none") in words(results["a leaf comes and goes"])
    assert ("map-pte:NULL", "none") in words(results["a table is reclaimed"])


@pytest.mark.parametrize("name", CASES)
def test_every_witness_leads_to_what_it_promises(name: str, results: dict[str, Result]) -> None:
    case, result = CASES[name], results[name]
    for each in result.reached:
        session = session_at(case, case.variant, frozenset(), each.witness)
        event = session.event(session.step)
        said = event.outcome or event.reason
        assert each.event == (f"{event.kind}:{said}" if said else event.kind)
        assert event.cpu == each.cpu
    for end in result.outcomes:
        session = session_at(case, case.variant, frozenset(), end.witness)
        while not session.finished:
            session.advance()
        assert session.stop.kind == end.end
        assert end.results == returned(case, session)


def returned(case: Scenario, session: Session) -> tuple[str, ...]:
    """What each event returned, in the file's order."""
    found = [""] * len(case.events)
    for each in session.ended:
        found[each.event] = result_name(each.ret) if case.events[each.event].is_access else call_result(each.ret)
    return tuple(found)


@pytest.mark.parametrize("name", CASES)
def test_the_reduction_loses_nothing(name: str, results: dict[str, Result]) -> None:
    whole = explore(CASES[name], options=QUICK._replace(reduction=False))
    assert words(whole) == words(results[name])
    assert ends(whole) == ends(results[name])
    assert whole.states > results[name].states


@pytest.mark.parametrize("name", CASES)
def test_no_run_meets_what_was_not_found(name: str) -> None:
    """Random runs, in which the environment fails at random: each decision and each end was found."""
    case = replace(CASES[name], events=tuple(each._replace(answers=()) for each in CASES[name].events[:2]))
    result = explore(case)
    rng = random.Random(5)
    known, outcomes = {each.event for each in result.reached}, ends(result)
    for _ in range(40):
        session = Session(case)
        session.begin(rng.randrange(2))
        while not session.finished:
            decision = session.decision
            answers = session.possible_answers() if decision is not None and decision.kind in ENVIRONMENT else ()
            if answers and rng.random() < 0.5:
                session.advance(rng.choice(answers), session.log.at(session.step).cpu)
            else:
                session.advance(None, rng.randrange(2))
        for step in range(session.last):
            event = session.event(step)
            said = event.outcome or event.reason
            assert event.kind in STEPS or (f"{event.kind}:{said}" if said else event.kind) in known
        assert (session.stop.kind, returned(case, session)) in {end[:2] for end in outcomes}


def test_failures_are_answers_of_the_environment_only() -> None:
    """Order 0 alone: the table, the anon_vma, the page and its charge may fail, a map may not."""
    result = explore(scenario('write = "heap+0x5000"', enabled="never"))
    found = {each.event for each in result.reached}
    assert {"pte-alloc:NULL", "anon-vma:-ENOMEM", "alloc:NULL", "charge:-ENOMEM"} <= found
    assert "map-pte:NULL" not in found
    assert {each.results for each in result.outcomes} == {("0",), ("VM_FAULT_OOM",)}


def test_a_bound_gives_what_was_found_and_says_so() -> None:
    case = CASES["the seed"]
    none = explore(case, options=QUICK._replace(preemptions=0))
    one = explore(case, options=QUICK._replace(preemptions=1))
    assert (none.complete, none.why) == (False, "preemptions")
    assert "map-pte:NULL" not in {each.event for each in none.reached}
    assert "map-pte:NULL" in {each.event for each in one.reached}
    late = explore(case, options=QUICK._replace(seconds=0.0))
    assert (late.complete, late.why) == (False, "time")


def test_ctrl_c_gives_what_was_found() -> None:
    def stop(states: int, switches: int) -> None:
        if states > 30 and not stopped:
            stopped.append(states)
            raise KeyboardInterrupt

    stopped: list[int] = []
    result = explore(CASES["a leaf comes and goes"], options=QUICK, progress=stop)
    assert (result.complete, result.why) == (False, "interrupted")
    assert result.reached


def test_several_processes_find_the_same() -> None:
    case = scenario('write = "heap+0x5000"', 'write = "heap+0x6000"', enabled="never")
    one, two = explore(case), explore(case, options=Options(jobs=2))
    assert (words(one), ends(one), one.complete) == (words(two), ends(two), two.complete)
    whole = [explore(case, options=Options(jobs=jobs, reduction=False)).states for jobs in (1, 2)]
    assert whole[0] == whole[1]


def test_cpus_that_wait_for_each_other_are_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reclaim of a table that keeps the table's lock: whoever wants it waits for ever."""
    from kernelmodel.mm import zap

    monkeypatch.setattr(zap, "spin_unlock", lambda m, table: None)
    result = explore(CASES["a table is reclaimed"], options=QUICK)
    assert "deadlock" in {each.name for each in result.violations}
    stuck = next(each for each in result.violations if each.name == "deadlock")
    assert "waits for" in stuck.why


def test_who_waits_for_a_monitor_may_be_woken() -> None:
    case = loads(HEAD.format(variant="v3", enabled="never") + 'uffd = ["missing"]\n[[event]]\nwrite = "heap"\n', "test.toml")
    result = explore(case, options=QUICK)
    assert [each.end for each in result.outcomes] == ["blocked"]
    assert result.violations == ()
