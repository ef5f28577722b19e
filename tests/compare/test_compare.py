# SPDX-License-Identifier: GPL-2.0-only
"""What is a difference between two runs, and what is only wording."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelmodel.compare import Difference, Pair, first_difference, observables
from kernelmodel.observed import Observed
from kernelmodel.outcome import finish
from kernelmodel.scenario import load, loads, packaged
from kernelmodel.session import Session
from tests.build import HEAP, WRITE
from tests.build import session as capped
from tests.runs import some

KNOBS = """
[boot]
arch_wants_pte_order = 4
[thp]
enabled = "always"
hugepages-64kB = "always"
hugepages-32kB = "always"
"""
"""Orders 4 and 3, as each variant is told so."""
SMALL = HEAP.replace('"VM_WRITE"', '"VM_WRITE", "VM_HUGEPAGE"').replace("4M", "1M")


def event(*answers: str, verb: str = "write", at: str = "heap+0x5000") -> str:
    return f'[[event]]\ncpu = 0\n{verb} = "{at}"\nanswers = [{", ".join(repr(each) for each in answers)}]\n'


def run(variant: str, events: str = WRITE) -> Session:
    text = "\n".join((f'variant = "{variant}"', KNOBS, SMALL, events))
    return finish(Session(loads(text, "test.toml")))


def told(found: Difference | None) -> tuple[object, ...] | None:
    return None if found is None else (found.event, found.turn, found.kind, found.a.text, found.b.text)


CHARGE = event("mem_cgroup_charge(order=4) = -ENOMEM")
CASES = [
    # an attempt that one makes and the other doesn't
    ("6.8", "6.9", CHARGE, (0, 0, "alloc", "no further alloc; result: VM_FAULT_OOM", "alloc order 3: folio")),
    ("6.9", "6.8", CHARGE, (0, 0, "alloc", "alloc order 3: folio", "no further alloc; result: VM_FAULT_OOM")),
    # the next attempt is of another order
    ("v2", "v3", event("vma_alloc_folio(order=4) = NULL"), (0, 0, "alloc", "alloc order 0: folio", "alloc order 3: folio")),
    # a map that only one makes shows in what follows
    ("v3", "v3-off", WRITE, (0, 0, "alloc", "alloc order 4: folio", "alloc order 0: folio")),
    # nothing of the kind: wording, order of tests, statistics that one release lacks, where the counters move
    ("v3", "v4", WRITE, None),
    ("v8", "6.8", WRITE, None),
    ("6.9", "6.10", CHARGE, None),
    ("6.10", "6.12", CHARGE, None),
    ("6.18", "7.1", WRITE, None),
    # a bug is a difference like any other
    ("v3", "v4", event(verb="read"), (0, 0, "bug", "bug: uninitialised", "no bug; mapping: zero-page order 0 at 0x7f0000005000")),
    # the same in both is none
    ("v3", "v3-off", event(verb="read"), None),
]  # fmt: skip


@pytest.mark.parametrize(("a", "b", "events", "expected"), CASES)
def test_first_differences(a: str, b: str, events: str, expected: tuple[object, ...] | None) -> None:
    assert told(first_difference(run(a, events), run(b, events))) == expected


def test_an_answer_that_only_one_release_can_be_given() -> None:
    deferred = run("7.2", event("folio_memcg_alloc_deferred(order=4) = -ENOMEM"))
    mapped = "mapping: folio order 4 at 0x7f0000000000"
    assert told(first_difference(run("7.1"), deferred)) == (
        0,
        0,
        "alloc",
        f"no further alloc; {mapped}",
        "alloc order 0: folio",
    )


def test_a_map_that_failed_is_named_where_the_other_goes_on() -> None:
    found = first_difference(*(finish(Session(load("seed/eagain-two-cpus.toml"), v)) for v in ("v3", "v3-off")))
    assert told(found) == (0, 0, "alloc", "no further alloc; map-pte: NULL (leaf)", "alloc order 0: folio")
    assert found is not None
    session = finish(Session(load("seed/eagain-two-cpus.toml"), "v3"))
    assert session.event(found.a.step).kind == "map-pte"


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        ({}, {"flexthp_unhinted_max": 32 << 10}, "alloc"),
        ({}, {"arch_wants_pte_order": 3}, "alloc"),
        ({"arch_wants_pte_order": 3}, {"arch_wants_pte_order": -1}, None),
        ({}, {"init_on_alloc": True}, None),
    ],
)
def test_boot_values(one: dict[str, int], other: dict[str, int], kind: str | None) -> None:
    """The same variant on kernels that were booted otherwise."""
    scenario = capped().scenario
    runs = [finish(Session(replace(scenario, boot=scenario.boot._replace(**each)))) for each in (one, other)]
    found = first_difference(*runs)
    assert (found and found.kind) == kind


def test_an_outcome_that_both_ask_for_is_compared_and_one_that_only_one_asks_for_is_not() -> None:
    low = HEAP.replace("0x7f0000000000", "0x7f0000002000")
    one, other = (
        finish(capped(f"[boot]\narch_wants_pte_order = {n}\n", vma=low, events=event(at="heap+0x9000"))) for n in (4, 3)
    )
    kinds = [{item.slot for item in observables(each) if item.kind == "vma-bounds"} for each in (one, other)]
    assert kinds == [{("vma-bounds", 4, 0), ("vma-bounds", 3, 0)}, {("vma-bounds", 3, 0)}]
    assert first_difference(one, other) is None


def test_a_counter_that_both_have_is_a_difference() -> None:
    """A pass that must be taken again under another lock is the same fault, and counts as a major one."""
    scenario = capped().scenario
    one, other = finish(Session(scenario)), finish(Session(scenario))
    pair = Pair(one, other)
    turn = pair.b.turns[0, 0]
    seen = turn.items["counters", -1, 0]
    moved = tuple(("maj_flt", by) if name == "min_flt" else (name, by) for name, by in seen.counters)
    turn.items["counters", -1, 0] = seen._replace(counters=moved)
    assert told(pair.difference()) == (0, 0, "counters", "counters: min_flt +1", "counters: maj_flt +1")


def test_a_retry_belongs_to_the_fault() -> None:
    session = finish(capped())
    log = session.log
    at = next(step for step in range(len(log)) if log.at(step).kind == "return")
    assert len(Observed(session).turns) == 1
    log.shape[at] = log._intern(log.at(at)._replace(outcome="VM_FAULT_RETRY"))
    turn = Observed(session).turns[0, 0]
    assert not turn.done
    assert not [item for item in turn.items.values() if item.kind == "result"]


@pytest.mark.parametrize("name", some())
def test_a_run_does_not_differ_from_itself(name: str) -> None:
    scenario = load(name)
    assert first_difference(finish(Session(scenario)), finish(Session(scenario))) is None


# -- two sessions that move ------------------------------------------------------------------------------
def test_nothing_is_said_of_a_turn_that_is_not_over() -> None:
    a, b = (capped(head=f'variant = "{v}"') for v in ("v3", "v3-off"))
    pair = Pair(a, b)
    finish(b)
    before = []
    while not a.finished:
        before.append(pair.difference())
        a.advance()
    found = pair.difference()
    assert before[0] is None
    first = next(n for n, each in enumerate(before) if each is not None)
    assert a.event(first - 1).kind == "alloc"
    assert before[first] is not None
    assert told(before[first]) == told(found) == told(first_difference(a, b))


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(packaged()), st.sampled_from(["v3-off", "v4", "6.5", "6.12"]), st.data())
def test_step_by_step_it_finds_what_it_finds_at_the_end(name: str, variant: str, data: st.DataObject) -> None:
    scenario = load(name)
    if any("pte_offset_map" in answer.site for each in scenario.events for answer in each.answers):
        return
    a, b = Session(scenario), Session(scenario, variant)
    pair = Pair(a, b)
    while not (a.finished and b.finished):
        mover = data.draw(st.sampled_from([each for each in (a, b) if not each.finished]))
        mover.advance()
        pair.difference()
    assert told(pair.difference()) == told(first_difference(a, b))
    back, forth = told(first_difference(a, b)), told(first_difference(b, a))
    assert (back is None) == (forth is None)


def test_another_answer_is_another_run() -> None:
    a, b = capped(), capped()
    pair = Pair(finish(a), finish(b))
    assert pair.difference() is None
    a.seek(next(step for step in a.questions if a.event(step).kind == "alloc"))
    a.advance("NULL")
    found = pair.difference()
    assert told(found) == (0, 0, "alloc", "alloc order 4: NULL", "alloc order 4: folio")
    a.seek(a.step - 1)
    a.advance("folio")
    assert pair.difference() is None
    assert finish(a).log.cuts == 2


def test_it_moves_neither() -> None:
    a, b = finish(capped()), finish(capped(head='variant = "v3-off"'))
    a.seek(3)
    b.seek(5)
    assert first_difference(a, b) is not None
    assert (a.step, b.step) == (3, 5)


def test_turns_of_steps() -> None:
    session = finish(capped(events=WRITE + WRITE.replace("0x5000", "0x100000")))
    seen = Observed(session)
    assert seen.turn_of(0) == (0, 0)
    assert seen.turn_of(session.last - 1) == (1, 0)
    assert seen.turn_of(session.last) == (-1, 0)
    assert [item.step for item in observables(session)] == sorted(item.step for item in observables(session))
