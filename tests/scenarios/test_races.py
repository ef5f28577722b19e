# SPDX-License-Identifier: GPL-2.0-only
"""scenarios/races: the seed question's verdict and its tokens, and a file for each recheck.

That every file is true is asked in test_shipped.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from kernelmodel.explore import explore
from kernelmodel.explore.types import Options, Result, Witness
from kernelmodel.explore.verdict import HOLD, findings, reached
from kernelmodel.explore.witness import session_at, token
from kernelmodel.mutants import MUTANTS
from kernelmodel.scenario import load
from kernelmodel.scenario.types import Scenario
from kernelmodel.session import Session
from kernelmodel.tokens import parse, replay

RACES = Path(__file__).resolve().parents[2] / "scenarios" / "races"
MOST_SWITCHES = 4
LOCKS_AND_RECHECKS = {name for name in MUTANTS if name.startswith(("drop ", "R2 ", "R3 ", "skip "))}


@pytest.fixture(scope="module")
def seed() -> tuple[Scenario, Result]:
    scenario = load(RACES / "seed-v3.toml")
    options = Options(failures=scenario.explore_failures)
    return scenario, explore(scenario, scenario.variant, frozenset(), options, None)


def test_the_witness_of_the_seed_question_is_short(seed: tuple[Scenario, Result]) -> None:
    scenario, result = seed
    assert scenario.expect is not None
    assert all(each.ok and each.known for each in findings(scenario.expect, result))
    for word in scenario.expect.reachable or ():
        there = reached(word, result)
        assert there is not None
        assert there.witness.switches <= MOST_SWITCHES


def test_every_token_of_the_seed_question_leads_to_its_stop(seed: tuple[Scenario, Result]) -> None:
    scenario, result = seed
    for each in result.reached:
        event = stop(scenario, each.witness)
        assert event in (each.event, each.event.partition(":")[0])
    for end in result.outcomes:
        assert stop(scenario, end.witness) == end.end


def stop(scenario: Scenario, witness: Witness) -> str:
    """Where a token stops: ``KIND:OUTCOME``, or how the run ended."""
    words = token(session_at(scenario, scenario.variant, frozenset(), witness))
    session = Session(scenario, scenario.variant)
    assert replay(session, parse(words)) == ""
    if session.finished:
        return session.stop.kind
    event = session.event(session.step)
    return f"{event.kind}:{event.outcome}" if event.outcome else event.kind


def test_each_mutant_is_caught() -> None:
    """By a violation, or by an event that the model itself does not reach."""
    caught = set()
    for path in RACES.glob("*.toml"):
        scenario = load(path)
        assert scenario.expect is not None
        for name, wrong in scenario.expect_mutant:
            new = set(wrong.reachable or ()) & set(scenario.expect.unreachable or ())
            if new or wrong.invariants not in (None, HOLD):
                caught.add(name)
    assert caught >= LOCKS_AND_RECHECKS
