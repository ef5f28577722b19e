# SPDX-License-Identifier: GPL-2.0-only
"""What an exploration found, held against ``reachable``, ``unreachable`` and ``invariants`` of an ``[expect]``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kernelmodel.explore.types import Reached
from kernelmodel.scenario.faults import Problem, ScenarioError
from kernelmodel.stops.locations import parse_location

if TYPE_CHECKING:
    from kernelmodel.explore.types import Result, Violation, Witness
    from kernelmodel.scenario.types import Expect, Scenario

HOLD = "hold"
BLOCKED = "blocked"
NO_WORDS = {
    "time": "the time was up", "memory": "the memory was used up",
    "preemptions": "the bound on preemptions was reached", "interrupted": "it was interrupted",
}  # fmt: skip


class Finding(NamedTuple):
    """One thing that was asked."""

    ok: bool
    known: bool
    """Is that certain?  An incomplete search can't say that something is unreachable."""
    words: str
    witness: Witness | None


def expected(scenario: Scenario, variant: str, mutants: frozenset[str]) -> Expect | None:
    """The part of ``[expect]`` that is about this kernel; None if none is."""
    own = variant == scenario.raw.get("variant", scenario.variant)
    if mutants == frozenset(scenario.raw.get("mutants", ())):
        return dict(scenario.expect_variant).get(variant, scenario.expect if own else None)
    if own and len(mutants) == 1:
        return dict(scenario.expect_mutant).get(next(iter(mutants)))
    return None


def explorable(scenario: Scenario) -> None:
    """``ScenarioError`` if the scenario forces what follows from the state: exploring never chooses that."""
    hint = "exploring finds out whether it can be"
    found = [
        Problem(scenario.name, *answer.place, f"{answer.site} = {answer.outcome} is forced: it can't be explored", hint)
        for event in scenario.events
        for answer in event.answers
        if answer.site == "pte_offset_map()"
    ]
    if found:
        raise ScenarioError(found)


def findings(expect: Expect, result: Result) -> list[Finding]:
    """The answer to each question of an ``[expect]``, in its order; then the violations that it does not name."""
    found = [_reached(word, True, result) for word in expect.reachable or ()]
    found += [_reached(word, False, result) for word in expect.unreachable or ()]
    named = expect.invariants if expect.invariants != HOLD else None
    if named is not None:
        there = next((each for each in result.violations if each.name == named), None)
        words = violated(there, result) if there else f"{named} is not found, expected to be"
        witness = there.witness if there else None
        found.append(Finding(there is not None, there is not None or result.complete, words, witness))
        return found
    wrong = [each for each in result.violations if each.name != expect.bug]
    for each in wrong:
        found.append(Finding(False, True, f"{violated(each, result)}: {each.why}", each.witness))
    if expect.invariants == HOLD and not wrong:
        found.append(Finding(result.complete, result.complete, "the invariants hold", None))
    return found


def _reached(word: str, wanted: bool, result: Result) -> Finding:
    """Is it reached, and should it be?"""
    there = reached(word, result)
    if there is not None:
        words = f"{word} is reached{cost(there.witness)}"
        return Finding(wanted, True, words if wanted else f"{words}, expected unreachable", there.witness)
    words = f"{word} is not reached"
    return Finding(
        not wanted and result.complete, result.complete, f"{words}, expected reachable" if wanted else words, None
    )


def reached(word: str, result: Result) -> Reached | None:
    """The shortest way to ``KIND``, ``KIND:OUTCOME`` or ``KIND:NULL(leaf)``, or to an end with a CPU that waits."""
    if word == BLOCKED:
        ends = [each.witness for each in result.outcomes if each.end == BLOCKED]
        there = [Reached(BLOCKED, "", witness.tape[-1][0], witness) for witness in ends]
    else:
        location = parse_location(word)
        attrs = dict(location.attrs)
        outcome, found = attrs.get("outcome"), attrs.get("found", "")
        event = f"{location.kind}:{outcome}" if outcome else location.kind
        there = [
            each
            for each in result.reached
            if found in ("", each.found)
            and (each.event == event or (not outcome and each.event.startswith(f"{event}:")))
        ]
    return min(there, key=lambda each: (each.witness.switches, each.witness.steps), default=None)


def violated(wrong: Violation, result: Result) -> str:
    """An invariant is violated; a bug stops the kernel."""
    stops = any(each.end == "bug" and each.why == wrong.why for each in result.outcomes)
    words = f"the kernel stops: {wrong.name}" if stops else f"{wrong.name} is violated"
    return f"{words}{cost(wrong.witness)}"


def cost(witness: Witness | None) -> str:
    """How far away a witness is, in brackets."""
    if witness is None:
        return ""
    return f" ({_many(witness.switches, 'switch', 'es')}, {_many(witness.steps, 'step')})"


def _many(number: int, what: str, plural: str = "s") -> str:
    return f"{number} {what}{'' if number == 1 else plural}"


def incomplete(result: Result) -> str:
    """Why the search is not complete, '' if it is."""
    return "" if result.complete else f"the search is not complete: {NO_WORDS.get(result.why, result.why)}"
