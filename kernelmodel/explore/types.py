# SPDX-License-Identifier: GPL-2.0-only
"""What is asked of an exploration, and what it finds."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

Progress = Callable[[int, int], None]
"""Told now and then: (states so far, context switches of the runs that are looked at now; 0 while all are visited)."""


class Options(NamedTuple):
    """How far to look."""

    preemptions: int | None = None
    """Most preemptions of one run; None: no bound."""
    seconds: float | None = None
    """Time; None: no bound."""
    memory: int = 1 << 30
    """Bytes that the process may use."""
    failures: bool = True
    """Try every answer of the environment, not only nature's."""
    reduction: bool = True
    """Leave out interleavings that differ in the order of independent steps only."""
    jobs: int = 1
    """Processes."""


class Witness(NamedTuple):
    """A shortest run to something: fewest context switches, then fewest steps.

    ``tape`` has an entry per stop: the CPU that ran towards it, and what the question at which that CPU stood before
    was answered (None: nature's answer, or no question).  It may go on after the stop that it is about, because what a
    question finds is only settled when the CPU goes on from it.
    """

    tape: tuple[tuple[int, str | None], ...]
    switches: int
    steps: int
    """Number of the stop that the witness is about (its last, or the question before)."""


class Reached(NamedTuple):
    """A kind of decision with its outcome that some run reaches."""

    event: str
    """``map-pte:NULL``; a kind without outcomes stands alone."""
    found: str
    """What the PMD was found to be, of a NULL; ''."""
    cpu: int
    witness: Witness


class Outcome(NamedTuple):
    """An end state."""

    end: str
    """``end``, ``bug`` or ``blocked``."""
    results: tuple[str, ...]
    """What each event of the scenario returned, in the file's order; '' where it did not end."""
    mapped: tuple[int, ...]
    """What each access mapped: an order, -1 nothing; in the file's order."""
    witness: Witness
    why: str = ""
    """What is waited for, or what the bug says."""


class Violation(NamedTuple):
    """A property that does not hold: an invariant by its name, ``endless-refault``, or a bug's name."""

    name: str
    why: str
    witness: Witness


class Result(NamedTuple):
    """Everything that was found."""

    reached: tuple[Reached, ...]
    outcomes: tuple[Outcome, ...]
    violations: tuple[Violation, ...]
    states: int
    transitions: int
    complete: bool
    why: str
    """Why it is not complete: ``time``, ``memory``, ``preemptions``, ``interrupted``; '' if it is."""
