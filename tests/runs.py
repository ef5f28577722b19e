# SPDX-License-Identifier: GPL-2.0-only
"""Runs of the shipped scenarios in which someone answers at random."""

from __future__ import annotations

from functools import cache

from hypothesis import assume
from hypothesis import strategies as st

from kernelmodel.answers import ImpossibleAnswer
from kernelmodel.scenario import load, packaged
from kernelmodel.scenario.types import Scenario
from kernelmodel.session import Session


def some() -> list[str]:
    """Every fourth shipped scenario: where all would show no more."""
    return packaged()[::4]


@cache
def shipped(name: str) -> Scenario:
    return load(name)


@st.composite
def runs(draw: st.DrawFn, whole: bool = True, most: int = 400) -> Session:
    """A session that stands at its last known stop; the whole run, or the beginning of one."""
    session = Session(shipped(draw(st.sampled_from(packaged()))))
    wishes = draw(st.lists(st.integers(0, 5), max_size=12))
    until = most if whole else draw(st.integers(0, 60))
    try:
        while not session.finished and session.step < until:
            possible = session.possible_answers() if wishes else ()
            wish = wishes.pop() if possible else 0
            session.advance(possible[wish] if wish < len(possible) else None)
    except ImpossibleAnswer:
        assume(False)  # the scenario's own answer does not fit any more
    return session
