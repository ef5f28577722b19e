# SPDX-License-Identifier: GPL-2.0-only
"""Finished runs of one scenario with several variants: where the first two part, how each ended, who agrees."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

from kernelmodel.compare import Side, Slot, first_difference, side
from kernelmodel.defs import MTHP_ITEMS, MTHP_SINCE
from kernelmodel.observed import Observed
from kernelmodel.outcome import Outcome, outcome_of, said, unlike
from kernelmodel.session import Session


class Parting(NamedTuple):
    """The first difference, and what each run does there."""

    event: int
    """-1: the runs showed the same, and the world is another one at their ends."""
    turn: int
    kind: str
    sides: tuple[Side, ...]
    """One a run, in their order."""


class Comparison(NamedTuple):
    """Several runs held against each other."""

    parting: Parting | None
    outcomes: tuple[Outcome, ...]
    groups: tuple[tuple[str, ...], ...]
    """Variants that agree in everything observable."""
    notes: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Do all agree?"""
        return self.parting is None


def compare(sessions: Sequence[Session]) -> Comparison:
    """Sessions that stand at the ends of their runs; the first one decides what comes first."""
    outcomes = [outcome_of(session) for session in sessions]
    parting: Parting | None = None
    differ: set[tuple[int, int]] = set()
    for one, other in combinations(range(len(sessions)), 2):
        found = first_difference(sessions[one], sessions[other])
        names = unlike(sessions[one], outcomes[one], sessions[other], outcomes[other])
        if found is None and not names:
            continue
        differ.add((one, other))
        if parting is not None and (one or 0 <= parting.event and _before(parting, found)):
            continue
''' + "" + '''
