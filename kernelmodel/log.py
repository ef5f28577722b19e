# SPDX-License-Identifier: GPL-2.0-only
"""The log of stops: what was decided where, in columns, so that a million stops stay small.

What repeats (kind, outcome, site, order, function, line …) is one *shape* with a number; what does not (address,
operand, pass, journal position) has a column of its own.
"""

from __future__ import annotations

from array import array
from typing import Any, NamedTuple

from kernelmodel.decision import Decision
from kernelmodel.snapshot import Event
from kernelmodel.words import why

M64 = (1 << 64) - 1
NO_FAULT = 0xFFFFFFFF
"""Number of the pass of a stop that belongs to none."""


class Shape(NamedTuple):
    """What many stops have in common."""

    kind: str
    outcome: str
    site: str
    order: int
    i: int
    reason: str
    more: tuple[tuple[str, Any], ...]
    function: str
    line: int
    depth: int
    cpu: int
    asked: bool
    forced: bool


class Log:
    """Columns, one row a stop."""

    def __init__(self) -> None:
        self.shapes: list[Shape] = []
        self._numbers: dict[Shape, int] = {}
        self.shape = array("I")
        self.addr = array("Q")
        self.arg = array("Q")
        self.fault = array("I")
        self.access = array("I")
        self.mark = array("I")
        self.cuts = 0
        """How often stops were forgotten: what was read of them before holds no longer."""

    def __len__(self) -> int:
        return len(self.shape)

    def append(self, shape: Shape, decision: Decision, fault: int, access: int, mark: int) -> None:
        """One stop more, in an access (the number of its event); ``mark`` is the journal's position there."""
        number = self._numbers.get(shape)
        if number is None:
            number = self._intern(shape)
        self.shape.append(number)
        self.addr.append(decision.addr & M64)
        self.arg.append(decision.arg & M64)
        self.fault.append(fault)
        self.access.append(access)
        self.mark.append(mark)

    def _intern(self, shape: Shape) -> int:
        number = self._numbers.setdefault(shape, len(self.shapes))
        if number == len(self.shapes):
            self.shapes.append(shape)
        return number

    def at(self, step: int) -> Shape:
        """What is common about a stop."""
        return self.shapes[self.shape[step]]

    def settle(self, step: int, outcome: str, reason: str, arg: int, forced: bool) -> None:
        """The answer to a question turned out to be another than nature's when it was asked."""
        shape = self.at(step)
        self.shape[step] = self._intern(shape._replace(outcome=outcome, reason=reason, forced=forced))
        self.arg[step] = arg & M64

    def cut(self, length: int) -> None:
        """Forget stops from ``length`` on."""
        self.cuts += 1
        for column in (self.shape, self.addr, self.arg, self.fault, self.access, self.mark):
            del column[length:]

    def event(self, step: int) -> Event:
        """One stop as it is shown."""
        addr = self.addr[step]
        return self.event_with(step, -1 if addr == M64 else addr, self.arg[step])

    def event_with(self, step: int, addr: int, arg: int) -> Event:
        """One stop as it would be shown with another address (-1: none) and operand."""
        shape = self.at(step)
        more = shape.more
        outcome = shape.outcome
        if outcome.startswith("NULL "):
            more = (*more, ("found", outcome.removeprefix("NULL ")))
            outcome = "NULL"
        elif shape.kind == "map-pte" and outcome == "NULL":
            more = (*more, ("found", shape.reason.removeprefix("pmd-")))
        fault = -1 if self.fault[step] == NO_FAULT else self.fault[step]
        return Event(
            step, shape.cpu, fault, shape.kind, shape.site or site_of(shape), shape.function, shape.line,
            outcome, shape.order, shape.i, addr, shape.reason, why(shape.kind, outcome, shape.reason, arg, shape, addr),
            not shape.forced, shape.forced and shape.kind == "map-pte", more,
        )  # fmt: skip

    def operand(self, step: int) -> int:
        """The decision's number: a pfn, an index, an amount."""
        return self.arg[step]


def site_of(shape: Shape) -> str:
    """Where an observation was made: the function, with the order if it speaks of one."""
    return f"{shape.function}(order={shape.order})" if shape.order >= 0 else f"{shape.function}()"
