# SPDX-License-Identifier: GPL-2.0-only
"""What the world could observe of a run: the outcomes that matter, by event and by fault.

A *turn* is one fault as the program takes it: a pass that returned VM_FAULT_RETRY and the pass that the kernel adds
to it are one turn.  An event that is no access (madvise, mremap) ends with a turn of its own.  Observable are attempts
to allocate and to charge, the outcomes of tests that look at memory, what was mapped, what came back, what was counted,
and an end with a bug or blocked.  Sites, lines, functions, policy, pfns and the other kinds are wording.

This reads the log and the journal of a session and never moves it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import NamedTuple

from kernelmodel.defs import MTHP_ITEMS, MTHP_SINCE
from kernelmodel.log import M64, Shape
from kernelmodel.session import NO_EVENT, Session
from kernelmodel.trace import effects

ATTEMPTS = frozenset({"alloc", "charge"})
"""Kinds whose n-th attempt is compared with the n-th, whatever its order."""
BY_ORDER = frozenset({"vma-bounds", "pte-range"})
"""Kinds whose tests of one order are compared."""
TESTS = BY_ORDER | {"map-pte", "lock", "recheck"}
"""Kinds that are compared where both runs ask; not to ask is no difference by itself."""

Slot = tuple[str, int, int]
"""What is compared with what within a turn: kind, order (-1: of any order), n from 0."""


class Observable(NamedTuple):
    """One thing that a run showed."""

    step: int
    event: int
    turn: int
    """Number of the turn within its event, from 0."""
    kind: str
    order: int
    n: int
    """The n-th of its slot's kind (and order), from 0."""
    outcome: str
    """``folio``, ``NULL (leaf)``, ``folio order 4 at 0x…``, ``VM_FAULT_OOM``; of counters their text."""
    counters: tuple[tuple[str, int], ...] = ()
    """What the turn added to each statistic, where ``kind`` is ``counters``."""

    @property
    def slot(self) -> Slot:
        """Its place in the turn."""
        return self.kind, self.order if self.kind in BY_ORDER else -1, self.n

    @property
    def text(self) -> str:
        """``alloc order 3: folio``."""
        order = f" order {self.order}" if self.order >= 0 else ""
        return f"{self.kind}{order}: {self.outcome}"


class Turn:
    """One turn, as far as it is known."""

    __slots__ = ("cpu", "done", "event", "first", "items", "last", "number")

    def __init__(self, event: int, number: int, cpu: int, first: int) -> None:
        self.event = event
        self.number = number
        self.cpu = cpu
        self.first = self.last = first
        self.done = False
        """Has it returned?  Else it may still show more."""
        self.items: dict[Slot, Observable] = {}

    def add(self, step: int, kind: str, order: int, outcome: str, counters: dict[str, int] | None = None) -> None:
        """One observable more."""
        n, of = 0, order if kind in BY_ORDER else -1
        while (kind, of, n) in self.items:
            n += 1
        pairs = tuple(sorted((counters or {}).items()))
        self.items[kind, of, n] = Observable(step, self.event, self.number, kind, order, n, outcome, pairs)


class Observed:
    """The observables of a session, growing with what the session knows; cheap to bring up to date after a step.

    A question counts once its CPU has gone on.  After a cut (another answer) everything is read anew.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._restart()
        self.update()

    def _restart(self) -> None:
        self.cuts = self.session.log.cuts
        self.turns: dict[tuple[int, int], Turn] = {}
        """By event and number."""
        self.order: list[tuple[int, int]] = []
        """The same, in the order in which they began."""
        self.over: set[int] = set()
        """Events that have ended."""
        self._ended = 0
        self._turn = array("I")
        self._current: dict[int, Turn] = {}
        self._asking: dict[int, int] = {}
        """By CPU: the step of a question that may still get another answer."""

    def update(self) -> None:
        """Read what is new."""
        session, log = self.session, self.session.log
        if self.cuts != log.cuts:
            self._restart()
        for step in range(len(self._turn), len(log)):
            self._step(step, log.at(step))
        if session.finished:
            for step in self._asking.values():
                self._read(step)
            self._asking.clear()
        while self._ended < len(session.ended):
            self.over.add(session.ended[self._ended].event)
            self._ended += 1

    def finished(self, event: int) -> bool:
        """Will nothing more be seen of an event?"""
        return self.session.finished or event in self.over

    def turn_of(self, step: int) -> tuple[int, int]:
        """(event, turn) of a known step; (-1, 0) for the end of the run."""
        self.update()
        event = self.session.access_of(step)
        return (-1, 0) if event == NO_EVENT else (event, self._turn[step])

    def _step(self, step: int, shape: Shape) -> None:
        event = self.session.access_of(step)
        if event == NO_EVENT:
            self._turn.append(0)
            return
        turn = self._current.get(event)
        if turn is None or turn.done:
            turn = Turn(event, turn.number + 1 if turn else 0, shape.cpu, step)
            self._current[event] = self.turns[event, turn.number] = turn
            self.order.append((event, turn.number))
        turn.last = step
        self._turn.append(turn.number)
        if (asked := self._asking.pop(shape.cpu, None)) is not None:
            self._read(asked)
        if shape.asked:
            self._asking[shape.cpu] = step
        else:
            self._read(step)

    def _read(self, step: int) -> None:
        """Take down a decision that is settled, if it is observable."""
        session, shape = self.session, self.session.log.at(step)
        turn = self.turns[session.access_of(step), self._turn[step]]
        kind = shape.kind
        if kind in ATTEMPTS or kind in TESTS:
            turn.add(step, kind, shape.order, outcome_text(shape))
        elif kind in ("install", "zero-page"):
            turn.add(step, "mapping", -1, mapping_text(session, step, shape))
        elif kind == "return":
            if "VM_FAULT_RETRY" not in shape.outcome:
                self._end_turn(turn, step, shape.outcome)
        elif kind.endswith("-return"):
            addr = session.log.addr[step]
            moved = shape.outcome == "0" and addr != session.scenario.events[turn.event].address
            self._end_turn(turn, step, hex(addr) if moved and addr != M64 else shape.outcome)
        elif kind == "bug":
            turn.add(step, "bug", -1, shape.outcome)
        elif not kind and session.end is not None:
            turn.add(step, "blocked", -1, session.end.text)

    def _end_turn(self, turn: Turn, step: int, result: str) -> None:
        turn.add(step, "result", -1, result)
        found = effects(self.session, turn.first, step, turn.cpu)
        turn.add(step, "counters", -1, counters_text(found.items()), found)
        turn.done = True


def observables(session: Session) -> list[Observable]:
    """Everything observable in the known run, in the order of its steps."""
    found = [item for turn in Observed(session).turns.values() for item in turn.items.values()]
    return sorted(found, key=lambda item: item.step)


def outcome_text(shape: Shape) -> str:
    """The outcome of a decision; of a map that failed also what was found there."""
    found = dict(shape.more).get("found", "")
    if shape.outcome.startswith("NULL "):
        found = shape.outcome.removeprefix("NULL ")
    elif shape.kind == "map-pte" and shape.outcome == "NULL":
        found = shape.reason.removeprefix("pmd-")
    return f"{shape.outcome.partition(' ')[0]} ({found})" if found else shape.outcome


def mapping_text(session: Session, step: int, shape: Shape) -> str:
    """``folio order 4 at 0x…``; with its node where the machine has several."""
    m, addr = session.m, session.log.addr[step]
    if shape.kind == "zero-page":
        return f"zero-page order 0 at {addr:#x}"
    zone = m.zone_of(session.log.operand(step)) if len({each.node for each in m.zones}) > 1 else -1
    node = f" on node {m.zones[zone].node}" if zone >= 0 else ""
    return f"{shape.outcome} order {shape.order} at {addr:#x}{node}"


def counters_text(counters: Iterable[tuple[str, int]]) -> str:
    """``min_flt +1, pgfault +1``; ``none`` if nothing was counted."""
    return ", ".join(f"{name} {by:+d}" for name, by in sorted(counters)) or "none"


def has_statistic(session: Session, name: str) -> bool:
    """Has the release that statistic at all?  (Only those of a size came one by one.)"""
    _, dot, item = name.rpartition(".")
    return not dot or item not in MTHP_ITEMS or session.m.release >= MTHP_SINCE[MTHP_ITEMS.index(item)]
