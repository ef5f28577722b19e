# SPDX-License-Identifier: GPL-2.0-only
"""Breakpoints: a location, perhaps a condition, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kernelmodel.expr import EvalError, Expr, parse, truth
from kernelmodel.locations import Location, LocationError, parse_location
from kernelmodel.stop_env import Run, StopEnv

__all__ = ["Breakpoint", "Breakpoints", "Location", "LocationError", "StopEnv", "parse_location", "split_condition"]


@dataclass(slots=True)
class Breakpoint:
    """One breakpoint, numbered from 1."""

    number: int
    location: Location
    condition: Expr | None = None
    enabled: bool = True
    temporary: bool = False
    """Deleted when it has stopped the run once."""
    hits: int = 0
    ignore: int = 0
    """How many more hits are only counted."""
    trouble: str = ""
    """Why the condition had no value at the last hit; '' if it had one."""

    @property
    def text(self) -> str:
        """As the user could have typed it: ``fallback if order > 3``."""
        return f"{self.location.text} if {self.condition.text}" if self.condition else self.location.text

    def holds(self, run: Run, at: int) -> bool:
        """Whether this breakpoint means the known stop ``at``.

        A condition that has no value there holds, and ``trouble`` says why: passing by in silence would be worse.
        """
        if not self.location.matches(run, at, run.event(at)):
            return False
        self.trouble = ""
        if self.condition is None:
            return True
        try:
            return truth(self.condition, StopEnv(run, at))
        except EvalError as error:
            self.trouble = error.message
            return True


class Breakpoints:
    """The breakpoints of one debugging session, in the order of their numbers."""

    def __init__(self, functions: Iterable[str] = ()) -> None:
        """``functions``: names of the modelled functions, so that a misspelt one is refused."""
        self.functions = functions
        self._all: dict[int, Breakpoint] = {}
        self._next = 1

    def __iter__(self) -> Iterator[Breakpoint]:
        return iter(tuple(self._all.values()))

    def __len__(self) -> int:
        return len(self._all)

    def add(self, location: str, condition: str | None = None, *, temporary: bool = False) -> Breakpoint:
        """A new breakpoint; ``location`` may carry its condition (``fallback if order > 3``).

        ``LocationError`` or ``ExprError`` (whose column counts in the condition alone) if it means nothing.
        """
        if condition is None:
            location, condition = split_condition(location)
        place = parse_location(location, self.functions)
        made = Breakpoint(self._next, place, None if condition is None else parse(condition), temporary=temporary)
        self._all[made.number] = made
        self._next += 1
        return made

    def get(self, number: int) -> Breakpoint | None:
        """The breakpoint of that number, None if there is none."""
        return self._all.get(number)

    def delete(self, number: int) -> bool:
        """Whether there was one to delete."""
        return self._all.pop(number, None) is not None

    def enable(self, number: int, on: bool = True) -> bool:
        """Switch one on or off; whether there is one."""
        found = self._all.get(number)
        if found is not None:
            found.enabled = on
        return found is not None

    def clear_hits(self) -> None:
        """Forget the counts and troubles, as for a new run."""
        for each in self._all.values():
            each.hits = 0
            each.trouble = ""

    def match(self, run: Run, at: int | None = None) -> Breakpoint | None:
        """The first breakpoint that stops the run at the present stop, or at a known one; all that hold are counted.

        For another stop than the present the session is moved there only if a condition needs more than the event.
        """
        step = run.step if at is None else at
        stopped = None
        for each in tuple(self._all.values()):
            if not each.enabled or not each.holds(run, step):
                continue
            each.hits += 1
            if each.ignore > 0:
                each.ignore -= 1
            elif stopped is None:
                stopped = each
        if stopped is not None and stopped.temporary:
            del self._all[stopped.number]
        return stopped


def split_condition(text: str) -> tuple[str, str | None]:
    """``fallback if order > 3`` in its two halves; the second is None where no ``if`` stands."""
    location, word, condition = text.partition(" if ")
    return (location.strip(), condition.strip()) if word else (text.strip(), None)
