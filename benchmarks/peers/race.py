# SPDX-License-Identifier: GPL-2.0-only
"""The race of ``race.pml`` as paths over a small journaled machine: the same steps, to be explored by the engine.

Both give the same number of distinct states, because a state is the same there and here:

* a stop here is a place in the process there: one access to shared state lies between two of them;
* variables that are not in use are 0, so that no state is split by what nobody reads any more;
* a path that has not begun stands where its process stands at the start, before the first read of the PMD; one that
  has ended stands where its process has its last statement, which never can be executed;
* a lock that is held is found so at one stop and waited for at another (a path that could go on does not stop there).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from kernelmodel.decision import Driver, GeneratorDriver, KernelBug, Path, Question, Step, Wait
from kernelmodel.explore.fingerprint import Fingerprints
from kernelmodel.explore.moves import Locks, Moves
from kernelmodel.explore.paths import Paths
from kernelmodel.explore.search import Survey
from kernelmodel.explore.world import World
from kernelmodel.journal import Field, Journal

NONE, TABLE, LEAF = 0, 1, 2
MAPPED, LOST = -1, -2
"""What a pass ends in, where it does not have a folio."""
RETRIES = 1


class Model(NamedTuple):
    """Sizes and variants, as ``race.pml`` is given them by -D."""

    threads: int = 2
    pages: int = 4
    thp: bool = True
    recheck: bool = True

    @property
    def orders(self) -> tuple[int, int, int]:
        """Pages of a folio of each order that is tried."""
        return self.pages, self.pages // 2, 1

    @property
    def defines(self) -> tuple[str, ...]:
        """For Spin."""
        sizes = (("N", self.threads), ("P", self.pages), ("THP", self.thp), ("RECHECK", self.recheck))
        return tuple(f"-D{name}={value:d}" for name, value in sizes)


class Shared:
    """One PMD, the lock of its PTE table, and the PTEs."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.journal = Journal()
        self.pmd = Field(self.journal, "pmd", 1)
        self.ptl = Field(self.journal, "ptl", 1)
        self.pte = Field(self.journal, "pte", 1)

    def page(self, cpu: int, i: int, k: int) -> int:
        """Page ``k`` of the aligned range of order number ``i`` around the CPU's page."""
        return cpu - cpu % self.model.orders[i] + k


def fault(m: Shared, cpu: int) -> Path[tuple[int, int]]:
    """The access of one thread, in at most two passes."""
    for tries in range(1 + RETRIES):
        i = 0
        if tries:
            yield Step("step", "walk")
        i = yield from choose(m, cpu)
        if i >= 0:
            yield Step("step", "lock")
            while m.ptl.get(0):
                yield Wait("ptl", lambda: not m.ptl.get(0))
            m.ptl.set(0, cpu + 1)
            i = yield from map_folio(m, cpu, i)
            yield Step("step", "unlock")
            m.ptl.set(0, 0)
        if i == MAPPED:
            break
    return 0, 0


def choose(m: Shared, cpu: int) -> Path[int]:
    """Up to the folio: which of the orders it has, or MAPPED or LOST.  The PMD is read before the first stop."""
    i = k = 0
    answer: str | None = "NULL"
    if m.pmd.get(0) == LEAF:
        return MAPPED
    if m.pmd.get(0) == NONE:
        if m.model.thp:
            answer = yield Question("alloc", "huge page", lambda: ("folio", "", 0), "NULL")
        if answer != "NULL":
            yield Step("step", "pmd-recheck")
            if m.pmd.get(0) != NONE:
                return LOST
            m.pmd.set(0, LEAF)
            return MAPPED
        yield Step("step", "pte-alloc")
        if m.pmd.get(0) == NONE:
            m.pmd.set(0, TABLE)

    yield Question("map-pte", "pte_offset_map()", lambda: map_result(m), "NULL")
    if m.pmd.get(0) != TABLE:
        return LOST
    while i < 2:
        yield Step("step", "pte-range")
        if m.pte.get(m.page(cpu, i, k)):
            i, k = i + 1, 0
        elif k + 1 < m.model.orders[i]:
            k += 1
        else:
            k = 0
            break
    while i < 2:
        answer = yield Question("alloc", "folio", lambda: ("folio", "", 0), "NULL")
        if answer != "NULL":
            return i
        i += 1
    yield Step("step", "alloc")
    return i


def map_result(m: Shared) -> tuple[str, str, int]:
    """What pte_offset_map() finds."""
    pmd = m.pmd.get(0)
    return ("mapped", "", 0) if pmd == TABLE else ("NULL", "pmd-leaf" if pmd == LEAF else "pmd-none", 0)


def map_folio(m: Shared, cpu: int, i: int) -> Path[int]:
    """Under the lock: look at the PTEs again, and set them; MAPPED, or LOST if one was not none."""
    if m.model.recheck:
        for k in range(m.model.orders[i]):
            yield Step("step", "recheck")
            if m.pte.get(m.page(cpu, i, k)):
                return LOST
    for k in range(m.model.orders[i]):
        yield Step("step", "set")
        if m.pte.get(m.page(cpu, i, k)):
            raise KernelBug("double-map", f"page {m.page(cpu, i, k)} is mapped already")
        m.pte.set(m.page(cpu, i, k), cpu + 1)
    return MAPPED


class Thread:
    """A program of one event, as the engine asks for it."""

    def __init__(self, begin: Callable[[], Path[tuple[int, int]]]) -> None:
        self._begin = begin

    def __len__(self) -> int:
        return 1

    def begin(self, event: int) -> Driver:
        """The path."""
        return GeneratorDriver(self._begin())

    def may_begin(self, event: int) -> bool:
        """At any time."""
        return True

    def scripted(self, event: int, question: Question) -> str | None:
        """Nothing is scripted."""
        return None

    def use(self, event: int, question: Question) -> None:
        """Nothing is scripted."""


class Verdict(NamedTuple):
    """What the engine says of a model."""

    states: int
    transitions: int
    double_map: bool
    map_null: bool


def explore(model: Model, reduction: bool = True) -> Verdict:
    """Every state, by the engine."""
    m = Shared(model)
    world = World(m.journal)
    programs = [Thread(partial(fault, m, cpu)) for cpu in range(model.threads)]
    paths = Paths(world, programs, Fingerprints(None), failures=True)
    start = world.open()
    moves = Moves(paths, Locks(exclusive=frozenset({"ptl"})), reduction)
    survey = Survey(moves, None, lambda state: None, lambda states, switches: None)
    survey.run(moves.pack(start, paths.start()))
    world.close()
    labels = [label for some in moves.labels.values() for label in some]
    null = any((each.kind, each.outcome) == ("map-pte", "NULL") for label in labels for each in label.happenings)
    return Verdict(len(survey.seen), survey.transitions, bool(moves.bugs), null)


if __name__ == "__main__":
    threads, pages, thp, recheck, reduction = map(int, sys.argv[1:])
    verdict = explore(Model(threads, pages, bool(thp), bool(recheck)), bool(reduction))
    print(f"{verdict.states} states, {verdict.transitions} transitions", end="; ")
    print(f"double map: {verdict.double_map}, map finds no table: {verdict.map_null}")
