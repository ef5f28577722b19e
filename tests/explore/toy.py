# SPDX-License-Identifier: GPL-2.0-only
"""Small worlds for the search: a few cells, and a path per CPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kernelmodel.decision import Driver, GeneratorDriver, Question
from kernelmodel.explore.fingerprint import Fingerprints
from kernelmodel.explore.moves import Locks, Moves
from kernelmodel.explore.paths import Paths
from kernelmodel.explore.progress import endless
from kernelmodel.explore.search import Shortest, Survey
from kernelmodel.explore.world import World
from kernelmodel.journal import Field, Journal

Make = Callable[["Cells"], Any]


class Cells:
    """A machine of single cells: ``m.x.get(0)``."""

    def __init__(self, *names: str) -> None:
        self.journal = Journal()
        for name in names:
            setattr(self, name, Field(self.journal, name, 1))

    def __getattr__(self, name: str) -> Field:
        raise AttributeError(name)


class One:
    """A program of one event."""

    def __init__(self, m: Cells, make: Make) -> None:
        self.m = m
        self.make = make

    def __len__(self) -> int:
        return 1

    def begin(self, event: int) -> Driver:
        return GeneratorDriver(self.make(self.m))

    def may_begin(self, event: int) -> bool:
        return True

    def scripted(self, event: int, question: Question) -> str | None:
        return None

    def use(self, event: int, question: Question) -> None:
        """Nothing is scripted."""


class Search:
    """Everything that the engine needs, put together."""

    def __init__(self, m: Cells, makes: Sequence[Make], reduction: bool = False, failures: bool = True) -> None:
        self.m = m
        self.world = World(m.journal)
        paths = Paths(self.world, [One(m, make) for make in makes], Fingerprints(None), failures)
        self.moves = Moves(paths, Locks(exclusive=frozenset({"lock"})), reduction)
        self.start = self.moves.pack(self.world.open(), paths.start())
        self.looked: list[int] = []

    def survey(self) -> Survey:
        found = Survey(self.moves, None, self.looked.append, lambda states, switches: None)
        found.run(self.start)
        return found

    def shortest(self, wanted: set[tuple[str, str, str]] | None = None, preemptions: int | None = None) -> Shortest:
        found = Shortest(self.moves, None, lambda state: (), lambda states, switches: None, preemptions)
        found.run(self.start, wanted)
        return found

    def endless(self) -> dict[int, str]:
        return endless(self.moves, None, self.start, lambda states, switches: None)

    def happenings(self) -> set[tuple[str, str]]:
        return {(h.kind, h.outcome) for labels in self.moves.labels.values() for each in labels for h in each.happenings}
