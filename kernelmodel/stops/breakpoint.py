# SPDX-License-Identifier: GPL-2.0-only
"""One breakpoint, watchpoint or log point: whether it holds at a stop, and what became of it."""

from __future__ import annotations

import operator
from collections.abc import Callable

from kernelmodel.expr import EvalError, Expr, truth
from kernelmodel.expr.env import StopEnv
from kernelmodel.run_protocol import Run
from kernelmodel.stops.locations import Location
from kernelmodel.stops.templates import Template
from kernelmodel.stops.text import BreakText, spelled
from kernelmodel.stops.watched import Value, Watched

_TESTS: dict[str, Callable[[int, int], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "%": lambda hits, n: hits % n == 0,
}  # fmt: skip


class Breakpoint:
    """``location``, ``watch``, ``cpu`` and ``condition`` say where it holds, the rest what is done there."""

    __slots__ = (
        "number", "origin", "location", "condition", "cpu", "hits_op", "temporary", "log", "watch", "enabled", "hits",
        "ignore", "commands", "trouble", "change", "shown", "_watched",
    )  # fmt: skip

    def __init__(self, number: int, said: BreakText, origin: str = "") -> None:
        self.number = number
        self.origin = origin
        """Who made it: ``scenario`` for the file; '' for the user at the prompt."""
        self.location: Location
        self.condition: Expr | None
        self.cpu: int
        """The only CPU whose stops it means; -1 means any."""
        self.hits_op: tuple[str, int] | None
        """Comparison that the number of hits has to pass: ``("%", 3)`` is every third hit."""
        self.temporary: bool
        """Deleted when it has stopped the run once, a log point when it has spoken once."""
        self.log: Template | None
        """What it says instead of stopping."""
        self.watch: Expr | None
        """It holds where the value of this is another than at the stop before."""
        self.enabled = True
        self.hits = 0
        self.ignore = 0
        """How many more hits are only counted."""
        self.commands: list[str] = []
        """Lines that the front end executes when it stops."""
        self.trouble = ""
        """Why the condition had no value at the last hit; '' if it had one."""
        self.change: tuple[Value, Value] | None = None
        """Old and new value at the last hit of a watchpoint."""
        self.shown: tuple[str, str] = ("", "")
        """Both as they are written."""
        self._watched: Watched | None = None
        self.say(said)

    def say(self, said: BreakText) -> None:
        """Mean this from now on."""
        self.location, self.condition, self.cpu, self.hits_op, self.temporary, self.log, self.watch = said
        self._watched = Watched(self.watch) if self.watch is not None else None
        self.trouble = ""
        self.change = None

    @property
    def said(self) -> BreakText:
        """Everything that its text says."""
        return BreakText(self.location, self.condition, self.cpu, self.hits_op, self.temporary, self.log, self.watch)

    @property
    def text(self) -> str:
        """As the user could have typed it, without the command: ``fallback cpu 0 if order > 3``; ``i if cpu == 0``."""
        return spelled(self.said)

    @property
    def command(self) -> str:
        """The command that makes it again."""
        return f"{'watch' if self.watch else 'break'} {self.text}"

    @property
    def words(self) -> str:
        """Why it stopped the run: ``breakpoint 1: fallback``, ``watchpoint 2: i: 1 -> 2``."""
        trouble = f" (its condition has no value: {self.trouble})" if self.trouble else ""
        if self.watch is None or self.change is None:
            return f"{'watchpoint' if self.watch else 'breakpoint'} {self.number}: {self.text}{trouble}"
        old, new = self.shown
        return f"watchpoint {self.number}: {self.watch.text}: {old} -> {new}{trouble}"

    def begin(self, run: Run) -> None:
        """A motion begins at the present stop."""
        self.forget()
        if self._watched is not None:
            self._watched.at(run, run.step)

    def forget(self) -> None:
        """The run may be another one than when the watched value was looked at."""
        if self._watched is not None:
            self._watched.forget()

    def holds(self, run: Run, at: int) -> bool:
        """Whether this breakpoint means the known stop ``at``.

        A condition that has no value there holds, and ``trouble`` says why: passing by in silence would be worse.
        """
        event = run.event(at)
        if not (self.cpu in (-1, event.cpu) and self.location.matches(run, at, event)):
            return False
        self.trouble = ""
        if self._watched is not None:
            self.change = self._watched.changed(run, at)
            if self.change is None:
                return False
            self.shown = self._watched.shown(run, self.change)
        if self.condition is None:
            return True
        try:
            return truth(self.condition, StopEnv(run, at, self.hits))
        except EvalError as error:
            self.trouble = error.message
            return True

    def hit(self) -> bool:
        """Count a hit; whether it is one at which to act."""
        self.hits += 1
        if self.ignore > 0:
            self.ignore -= 1
            return False
        if self.hits_op is None or self.trouble:
            return True
        return _TESTS[self.hits_op[0]](self.hits, self.hits_op[1])
