# SPDX-License-Identifier: GPL-2.0-only
"""Finished runs of one scenario with several variants: where the first of them part, how each ended, who agrees."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

from kernelmodel.compare import Difference, Side, first_difference, side
from kernelmodel.defs import MTHP_ITEMS, MTHP_SINCE
from kernelmodel.observed import Observed
from kernelmodel.outcome import Outcome, outcome_of, said, unlike
from kernelmodel.session import Session


class Parting(NamedTuple):
    """The first difference, and what each run does there."""

    event: int
    """-1: the runs showed the same, and only what stands at their ends is not the same."""
    turn: int
    kind: str
    sides: tuple[Side, ...]
    """One a run, in their order."""


class Comparison(NamedTuple):
    """Several runs held against each other."""

    parting: Parting | None
    """None: all agree."""
    outcomes: tuple[Outcome, ...]
    groups: tuple[tuple[str, ...], ...]
    """Variants that agree with each other in everything observable."""
    notes: tuple[str, ...]
    """What could not be compared: statistics that a release lacks."""


def compare(sessions: Sequence[Session]) -> Comparison:
    """Of sessions that stand at the ends of their runs; the order of the first one decides what comes first."""
    outcomes = [outcome_of(session) for session in sessions]
    runs = [Observed(session) for session in sessions]
    found: dict[tuple[int, int], Difference] = {}
    ends: dict[tuple[int, int], list[str]] = {}
    for one, other in combinations(range(len(sessions)), 2):
        difference = first_difference(runs[one], runs[other])
        names = unlike(sessions[one], outcomes[one], sessions[other], outcomes[other])
        if difference is not None:
            found[one, other] = difference
        elif names:
            ends[one, other] = names
    parting = None
    if found:
        first = found[min(found, key=lambda pair: (pair[0], found[pair].place))]
        key = first.event, first.turn
        sides = [side(run, key, first.slot, *(each for each in runs if each is not run)) for run in runs]
        parting = Parting(*key, first.kind, tuple(sides))
    elif ends:
        names = next(iter(ends.values()))
        at_end = [Side(each.step, None, ", ".join(said(each, name) for name in names)) for each in outcomes]
        parting = Parting(-1, 0, "end", tuple(at_end))
    groups = group(len(sessions), {*found, *ends})
    ids = [session.kernel for session in sessions]
    return Comparison(
        parting, tuple(outcomes), tuple(tuple(ids[n] for n in each) for each in groups), notes(sessions, outcomes)
    )


def group(number: int, differ: set[tuple[int, int]]) -> list[list[int]]:
    """Runs in groups of which no two differ, each in the first that takes it."""
    groups: list[list[int]] = []
    for n in range(number):
        for each in groups:
            if not any((other, n) in differ for other in each):
                each.append(n)
                break
        else:
            groups.append([n])
    return groups


def notes(sessions: Sequence[Session], outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """Which statistics that one run counted another one's release lacks."""
    counted = {name.rpartition(".")[2] for outcome in outcomes for name in outcome.counters}
    lacking: dict[str, list[str]] = {}
    for session in sessions:
        lacks = [
            item
            for item, since in zip(MTHP_ITEMS, MTHP_SINCE, strict=True)
            if item in counted and session.m.release < since
        ]
        if lacks:
            what = "per-size statistics" if session.m.release < min(MTHP_SINCE) else ", ".join(lacks)
            lacking.setdefault(what, []).append(session.variant)
    return tuple(f"no {what} in {', '.join(variants)}" for what, variants in lacking.items())
