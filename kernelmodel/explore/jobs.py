# SPDX-License-Identifier: GPL-2.0-only
"""A visit of all states by several processes: each takes the runs in which the environment answers in some way.

By the first wishes of one CPU, granted or refused, all runs are divided.  Two parts share the states before an answer
is given and those after which it no longer matters; they are counted once, by a digest that means the same in every
process.  Without failures there is nothing to divide.

Ctrl+C reaches the process that asked: it asks its own processes for what they have, and does not wait for others.
"""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import TYPE_CHECKING, NamedTuple

from kernelmodel.decision import ENVIRONMENT
from kernelmodel.explore.clock import used
from kernelmodel.explore.moves import LOCAL_MASK, Stopped
from kernelmodel.explore.progress import endless
from kernelmodel.explore.search import Target
from kernelmodel.explore.types import Options
from kernelmodel.scenario.types import Scenario
from kernelmodel.workers import BEAT, ended, poll, pool

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event

    from kernelmodel.explore import Exploration, Seen

DEPTH = 12
"""Wishes of a pattern, at most."""
ENDLESS: Target = ("bad", "endless-refault", "")


class Part(NamedTuple):
    """What one process has seen."""

    states: array[int]
    """Digests of the states, 64 bits of each."""
    transitions: int
    ends: set[Target]
    targets: set[Target]
    why: str


def patterns(search: Exploration, start: int, jobs: int) -> list[str]:
    """Prefixes of what the first CPU is granted (``+``) and refused (``-``); each run has exactly one of them.

    As many as there are processes, if its runs differ that much; the largest part is divided again and again, where
    large is what has many stops in the CPU's runs alone.
    """
    moves = search.moves
    first = moves.paths.locals[start & LOCAL_MASK]
    work = [(moves.state(start), first, "")]
    stops: dict[str, int] = {}
    while work:
        state, local, signs = work.pop()
        stops[signs] = stops.get(signs, 0) + 1
        for after, then, label, _ in moves.paths.successors(local, state) if len(signs) < DEPTH else ():
            asked = label.happenings and label.happenings[0].kind in ENVIRONMENT
            work.append((after, then, signs + (("-" if label.refused else "+") if asked else "")))
    size = {part: sum(n for signs, n in stops.items() if signs.startswith(part)) for part in stops}
    parts = [""]
    while len(parts) < jobs:
        largest = max(parts, key=lambda part: size.get(part, 0) if part + "+" in size else -1)
        if largest + "+" not in size:
            break
        parts.remove(largest)
        parts += [largest + "+", largest + "-"]
    return parts


def survey_in_parts(search: Exploration, start: int, executor: Executor | None) -> Seen:
    """Visit every state."""
    if not search.options.failures:
        return search.survey(start)
    from kernelmodel.explore import Seen

    seen = Seen()
    states: set[int] = set()
    parts = patterns(search, start, search.options.jobs)
    own = search.options._replace(memory=search.options.memory // len(parts))
    with contextlib.ExitStack() as stack:
        stop: Event | None = None
        if executor is None:
            executor, stop = stack.enter_context(pool(len(parts)))
        waiting = {
            executor.submit(visit, search.scenario, search.variant, search.mutants, own, pattern) for pattern in parts
        }
        while waiting:
            done, waiting = wait(waiting, BEAT, FIRST_COMPLETED)
            for part in _results(done):
                states.update(part.states)
                seen.transitions += part.transitions
                seen.ends |= part.ends
                seen.targets |= part.targets
                seen.why = seen.why or part.why
            try:
                search.clock(len(states), 0)
            except Stopped as stopped:
                seen.why = seen.why or stopped.why
                waiting = ended(waiting, stop)
        seen.states = len(states)
        if ENDLESS in seen.targets:
            seen.endless = endless(search.moves, search.names, start, search.clock)
    return seen


def _results(tasks: set[Future[Part]]) -> Iterator[Part]:
    return (task.result() for task in tasks if not task.cancelled())


def _poll(states: int, switches: int) -> None:
    """In a process of our own: does the other one still wait for all of this?"""
    poll()


def visit(scenario: Scenario, variant: str, mutants: frozenset[str], options: Options, pattern: str) -> Part:
    """In a process of its own: every run in which the first CPU's first wishes are answered so."""
    from kernelmodel.explore import Exploration

    options = options._replace(memory=used() + options.memory)
    search = Exploration(scenario, variant, mutants, options, _poll, pattern=pattern)
    found = search.survey(search.begin())
    states = array("Q", sorted({int(search.names.portable(key, search.moves.n)[:16], 16) for key in found.keys}))
    return Part(states, found.transitions, found.ends, found.targets, found.why)
