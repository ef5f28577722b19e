# SPDX-License-Identifier: GPL-2.0-only
"""Many machines that differ in a few keys, and how often each size fell back on them.

A machine is the scenario with every key of the sweep set to one of its values; all combinations are run, each from
boot to its end with nature's answers.  What is counted is what hugepages-<size>kB/stats/anon_fault_alloc,
anon_fault_fallback and anon_fault_fallback_charge of Linux 6.10 and later count (facts: alloc once the folio is mapped,
fallback once for each order whose allocation or charge failed); for a variant without these files it is counted in the
same way from its decisions.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import ExitStack
from typing import NamedTuple

from kernelmodel.answers import ImpossibleAnswer
from kernelmodel.boot import BootError
from kernelmodel.defs import result_name
from kernelmodel.scenario.edit import EditError, edit_all
from kernelmodel.scenario.faults import ScenarioError
from kernelmodel.scenario.types import Scenario
from kernelmodel.session import Session
from kernelmodel.workers import BEAT, ended, poll, pool

MAX_VALUES = 100_000
MAX_MACHINES = 1_000_000
_RANGE = re.compile(r"(-?\d{1,18})\.\.(-?\d{1,18})(?::(\d{1,18}))?")


class AxisError(Exception):
    """A ``--set`` that can't be read; the message is one line."""


class Axis(NamedTuple):
    """One key and what it is set to."""

    key: str
    values: tuple[str, ...]
    ranged: bool
    """Was it written as a range?  Then the machines along it are many of one kind, and what is told is their rate."""


class Size(NamedTuple):
    """One size's counters after one run."""

    alloc: int = 0
    fallback: int = 0
    fallback_charge: int = 0


class Point(NamedTuple):
    """One machine and what it did."""

    number: int
    settings: tuple[tuple[str, str], ...]
    sizes: tuple[tuple[int, Size], ...] = ()
    """By order, ascending; only those that something was counted for, and order 0's folios."""
    results: tuple[str, ...] = ()
    end: str = ""
    """``end``, ``bug`` or ``blocked``; '' where ``trouble`` says why there was no run."""
    trouble: str = ""
    digest: str = ""


Progress = Callable[[int, int], None]
"""Called with the number of machines that are done, and of all."""


def parse_axis(text: str) -> Axis:
    """``memory.fragment.seed=1..200``, ``thp.defrag=always,madvise``; commas within brackets and quotes divide nothing.

    A range ``a..b`` or ``a..b:step`` has both ends.
    """
    key, equals, values = text.partition("=")
    if not equals or not key.strip() or not values.strip():
        raise AxisError(f"{text!a}: write KEY=VALUE,VALUE or KEY=FIRST..LAST")
    if not text.isprintable():
        raise AxisError(f"{text!a}: keys and values are printable text")
    found: list[str] = []
    ranged = False
    for part in _parts(values):
        match = _RANGE.fullmatch(part)
        if match is None:
            found.append(part)
            continue
        first, last, step = int(match[1]), int(match[2]), int(match[3] or 1)
        if step == 0 or last < first:
            raise AxisError(f"{part} is no range: write FIRST..LAST with FIRST ≤ LAST, or FIRST..LAST:STEP")
        if (last - first) // step >= MAX_VALUES:
            raise AxisError(f"{part} has more than {MAX_VALUES:,} values")
        found += map(str, range(first, last + 1, step))
        ranged = True
    if len(found) > MAX_VALUES:
        raise AxisError(f"{key.strip()} has more than {MAX_VALUES:,} values")
    return Axis(key.strip(), tuple(dict.fromkeys(found)), ranged)


def _parts(text: str) -> list[str]:
    """Divided at the commas that stand in no bracket and in no quotes."""
    parts, depth, quote, start = [], 0, "", 0
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in "[{":
            depth += 1
        elif char in "]}":
            depth -= 1
        elif char == "," and not depth:
            parts.append(text[start:at])
            start = at + 1
    parts.append(text[start:])
    stripped = [each.strip() for each in parts]
    if not all(stripped):
        raise AxisError(f"{text!a} has an empty value")
    return stripped


def machines(axes: list[Axis]) -> Iterator[tuple[tuple[str, str], ...]]:
    """Every combination of settings, the last axis fastest."""
    keys = [axis.key for axis in axes]
    for values in itertools.product(*(axis.values for axis in axes)):
        yield tuple(zip(keys, values, strict=True))


def count(axes: list[Axis]) -> int:
    """How many machines there are."""
    return math.prod(len(axis.values) for axis in axes)


def measure(scenario: Scenario, number: int, settings: tuple[tuple[str, str], ...]) -> Point:
    """Boot one machine and run it to its end."""
    try:
        edited = edit_all(scenario, settings)
        session = Session(edited)
    except ScenarioError as error:
        return Point(number, settings, trouble="; ".join(each.message for each in error.errors))
    except (EditError, BootError, ImpossibleAnswer) as error:
        return Point(number, settings, trouble=error.message)
    while not session.finished:
        if session.last % BATCH == 0:
            poll()
        session.advance()
    results = tuple(result_name(end.ret) for end in session.accesses)
    return Point(number, settings, sizes(session), results, session.stop.kind, "", session.m.digest())


BATCH = 4096
"""Stops between two looks at whether somebody still waits."""


def sizes(session: Session) -> tuple[tuple[int, Size], ...]:
    """What the counters of each size would say of a run: from its decisions, for every variant alike."""
    log, events = session.log, session.scenario.events
    found: dict[int, list[int]] = {}
    for step in range(session.last):
        shape = log.at(step)
        if shape.kind not in _COUNTED:
            continue
        event = events[log.access[step]]
        if not (event.is_access or str(event.arg("advice", "")).startswith("MADV_POPULATE")):
            continue
        for at, by in enumerate(_COUNTED[shape.kind](shape.outcome, shape.order)):
            found.setdefault(shape.order, [0, 0, 0])[at] += by
    return tuple((order, Size(*found[order])) for order in sorted(found) if any(found[order]))


_COUNTED: dict[str, Callable[[str, int], tuple[int, int, int]]] = {
    "install": lambda outcome, order: (1, 0, 0),
    "alloc": lambda outcome, order: (0, int(outcome == "NULL"), 0),
    "charge": lambda outcome, order: (0, int(outcome == "-ENOMEM"), int(outcome == "-ENOMEM")),
}
"""By kind: what an outcome adds to (alloc, fallback, fallback_charge)."""


def sweep(
    scenario: Scenario,
    axes: list[Axis],
    jobs: int = 1,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> tuple[list[Point], bool]:
    """Run all machines; what they did, in order, and whether all were run (an interrupt ends a sweep early).

    ``executor``: any of the kind of ``concurrent.futures``; with more than one job and none, processes of our own.
    """
    work = enumerate(machines(axes))
    total = count(axes)
    done: list[Point] = []
    if executor is None and jobs == 1:
        try:
            for number, settings in work:
                done.append(measure(scenario, number, settings))
                if progress is not None:
                    progress(len(done), total)
        except KeyboardInterrupt:
            return done, False
        return done, True
    with ExitStack() as stack:
        stop = None
        if executor is None:
            executor, stop = stack.enter_context(pool(min(jobs, total)))
        waiting: set[Future[Point]] = set()
        complete = True
        while True:
            try:
                for number, settings in itertools.islice(work, 4 * jobs - len(waiting)) if complete else ():
                    waiting.add(executor.submit(measure, scenario, number, settings))
                if not waiting:
                    break
                finished, waiting = wait(waiting, BEAT, FIRST_COMPLETED)
                kept = [each for each in finished if not each.cancelled()]
                done += [each.result() for each in kept if not isinstance(each.exception(), KeyboardInterrupt)]
                if progress is not None:
                    progress(len(done), total)
            except KeyboardInterrupt:
                complete = False
                waiting = ended(waiting, stop)
    return sorted(done, key=lambda point: point.number), complete


# -- what it says --------------------------------------------------------------------------------------
class Rate(NamedTuple):
    """How often one size fell back on the machines of one row."""

    order: int
    alloc: int
    fallback: int
    fallback_charge: int
    low: float
    """The lowest rate that one machine had; NaN where none tried the size."""
    high: float

    @property
    def rate(self) -> float:
        """fallback / (alloc + fallback) over all machines of the row; NaN where none tried."""
        tried = self.alloc + self.fallback
        return self.fallback / tried if tried else math.nan


class Row(NamedTuple):
    """The machines that differ only along ranges."""

    settings: tuple[tuple[str, str], ...]
    machines: int
    rates: tuple[Rate, ...]
    """Highest order first."""
    failed: int
    """Machines that ended with a bug or blocked, or that could not be run."""


def rows(axes: list[Axis], points: list[Point]) -> list[Row]:
    """One row for each combination of the keys that were listed; machines along a range are added up.

    Where every axis is a range, there is one row, without settings.
    """
    kept = [axis.key for axis in axes if not axis.ranged]
    groups: dict[tuple[tuple[str, str], ...], list[Point]] = {}
    for point in points:
        row = tuple((key, value) for key, value in point.settings if key in kept)
        groups.setdefault(row, []).append(point)
    return [
        Row(key, len(group), rates(group), sum(each.end != "end" for each in group)) for key, group in groups.items()
    ]


def rates(points: list[Point]) -> tuple[Rate, ...]:
    """Of all orders that something was counted for, order 0 left out: it has no fallback."""
    orders = sorted({order for point in points for order, _ in point.sizes if order}, reverse=True)
    found = []
    for order in orders:
        sums = [dict(point.sizes).get(order, Size()) for point in points]
        each = [size.fallback / (size.alloc + size.fallback) for size in sums if size.alloc + size.fallback]
        found.append(
            Rate(
                order,
                sum(size.alloc for size in sums),
                sum(size.fallback for size in sums),
                sum(size.fallback_charge for size in sums),
                min(each, default=math.nan),
                max(each, default=math.nan),
            )
        )
    return tuple(found)
