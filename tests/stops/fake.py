# SPDX-License-Identifier: GPL-2.0-only
"""A run that is a list of events: enough of a session for breakpoints and motions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kernelmodel.expr.variables import Variable
from kernelmodel.scenario.types import Scenario
from kernelmodel.snapshot import Event

BLANK = Event(0, 0, 0, "", "", "", 0, "", -1, -1, -1, "", "", True, False, ())


@dataclass(frozen=True)
class FakeStop:
    kind: str
    step: int
    text: str


class FakeRun:
    """``story``: (depth, access, event fields) per stop; the last stop is the end.  Only ``known`` stops at first."""

    def __init__(self, story: list[tuple[int, int, dict[str, Any]]], known: int = 0, end: str = "end") -> None:
        self.scenario = Scenario("t", "t", "0" * 8, "v3", "arm64-16k")
        self.story = story
        self.end = end
        self.step = 0
        self.last = known
        self.moves: list[int] = []
        self.locals: dict[str, Any] = {}
        self.locals_at: dict[int, dict[str, Any]] = {}
        """By stop: what differs from ``locals``."""

    @property
    def stop(self) -> FakeStop:
        final = self.step == len(self.story)
        return FakeStop(self.end if final else "decision", self.step, "end of the run" if final else "")

    def advance(self, answer: str | None = None) -> FakeStop:
        self.step = min(self.step + 1, len(self.story))
        self.last = max(self.last, self.step)
        return self.stop

    def seek(self, step: int) -> FakeStop:
        self.step = max(0, min(step, self.last))
        self.moves.append(step)
        return self.stop

    def _known(self, step: int) -> None:
        assert 0 <= step <= self.last, "asked about a stop that is not known yet"

    def event(self, step: int) -> Event:
        self._known(step)
        return BLANK._replace(step=step, **(self.story[step][2] if step < len(self.story) else {}))

    def depth(self, step: int) -> int:
        self._known(step)
        return self.story[step][0] if step < len(self.story) else 0

    def access_of(self, step: int) -> int:
        self._known(step)
        return self.story[min(step, len(self.story) - 1)][1]

    def variable(self, name: str, frame: int = -1, cpu: int = -1) -> Variable | None:
        """The operand, as if the function's variable had its value."""
        event = self.event(self.step)
        value = getattr(event, name, -1)
        owner = (self.access_of(self.step), self.depth(self.step), event.function)
        return None if value == -1 else Variable(value, owner)

    def deeper_variable(self, name: str) -> Variable | None:
        return None

    def lookup(self, name: str, cpu: int = -1) -> Any:
        return self.locals_at.get(self.step, {}).get(name, self.locals.get(name))


def story() -> list[tuple[int, int, dict[str, Any]]]:
    """Two accesses that go through do_anonymous_page into alloc_anon_folio; the first ends in a fallback."""
    top = {"function": "do_anonymous_page"}
    inner = {"function": "alloc_anon_folio"}
    return [
        (1, 0, {"function": "handle_pte_fault", "kind": "orig-pte", "outcome": "none", "line": 4}),
        (2, 0, top | {"kind": "policy", "outcome": "4,3", "line": 3}),
        (3, 0, inner | {"kind": "vma-bounds", "outcome": "outside", "order": 4, "i": 0, "line": 12, "reason": "below-vm_start"}),
        (3, 0, inner | {"kind": "step-down", "order": 4, "i": 0, "more": (("from", 4), ("to", 3)), "reason": "vma-bounds"}),
        (3, 0, inner | {"kind": "map-pte", "outcome": "NULL", "more": (("found", "leaf"),), "order": 3, "line": 20}),
        (3, 0, inner | {"kind": "fallback", "order": 4, "reason": "vma-bounds", "line": 30}),
        (2, 0, top | {"kind": "lock", "outcome": "locked", "line": 9}),
        (1, 0, {"function": "handle_pte_fault", "kind": "return", "outcome": "0"}),
        (1, 1, {"function": "handle_pte_fault", "kind": "orig-pte", "outcome": "none", "fault": 1}),
        (3, 1, inner | {"kind": "alloc", "outcome": "NULL", "order": 4, "cpu": 0, "fault": 1}),
        (3, 1, inner | {"kind": "fallback", "order": 2, "reason": "alloc", "fault": 1}),
        (2, 1, top | {"kind": "install", "outcome": "0", "fault": 1}),
    ]
