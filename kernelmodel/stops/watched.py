# SPDX-License-Identifier: GPL-2.0-only
"""The value of one expression at stop after stop, forwards or backwards, without driving paths again at each.

A value that depends on cells of the machine only is the same as at a neighbour unless the journal has a store to one
of them in between.  One that needs the paths is worked out for a block of known stops by one drive.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kernelmodel.arch import ARCHES
from kernelmodel.expr import EvalError, Expr, frozen
from kernelmodel.expr.env import MustMove, StopEnv
from kernelmodel.expr.reads import Reads
from kernelmodel.expr.variables import Owned, same_owners
from kernelmodel.run_protocol import Run
from kernelmodel.value_text import kept_text

Value = int | str
_BLOCK = (8, 256)
"""Known stops looked at by one drive: at first, and at most."""
_KEPT = 2048


class Seen(NamedTuple):
    """What an expression was at a stop: None if it had no value.

    ``reads``: on what that depends; ``owners``: the calls whose variables were read.
    """

    value: Value | None
    reads: Reads
    owners: dict[str, Owned]


class Watched:
    """An expression, and what is remembered of it while a run is swept."""

    def __init__(self, expr: Expr) -> None:
        self.expr = expr
        self._seen: dict[int, Seen] = {}
        self._last = -1
        self._block = _BLOCK[0]

    def forget(self) -> None:
        """Before a new sweep: the run may have been cut since."""
        self._seen.clear()
        self._last = -1
        self._block = _BLOCK[0]

    def at(self, run: Run, step: int) -> Value | None:
        """Value at a known stop, None if it has none there.  The session may be moved."""
        return self._at(run, step).value

    def _at(self, run: Run, step: int) -> Seen:
        seen = self._seen.get(step)
        if seen is None:
            seen = self._beside(run, step) or self._look(run, step)
            if len(self._seen) > _KEPT:
                self._seen = {at: each for at, each in self._seen.items() if abs(at - step) <= _BLOCK[1]}
            self._seen[step] = seen
        self._last = step
        return seen

    def changed(self, run: Run, step: int) -> tuple[Value, Value] | None:
        """Values at the stop before and at this one, if both exist and differ, and are of the same variables."""
        if step < 1:
            return None
        now = self._at(run, step)
        if now.value is None:
            return None
        before = self._at(run, step - 1)
        self._last = step
        if before.value is None or before.value == now.value or not same_owners(before.owners, now.owners):
            return None
        return before.value, now.value

    def shown(self, run: Run, change: tuple[Value, Value]) -> tuple[str, str]:
        """Two values as they are written."""
        arch = ARCHES[run.scenario.arch]
        return kept_text(arch, self.expr.name, change[0]), kept_text(arch, self.expr.name, change[1])

    def _beside(self, run: Run, step: int) -> Seen | None:
        """What a neighbour had, if no store between the two stops can have changed it."""
        if not hasattr(run, "log"):
            return None
        session: Any = run
        for near in (step - 1, step + 1):
            seen = self._seen.get(near)
            if seen is not None and seen.reads.only_cells and not seen.reads.touched(session, near, step):
                return seen
        return None

    def _look(self, run: Run, step: int) -> Seen:
        """Evaluate: without moving if that will do, else there, or at a block of stops if the paths are needed."""
        near = self._seen.get(self._last)
        if run.step != step and (near is None or not near.reads.only_cells):
            try:
                return self._value(run, step, still=True)
            except MustMove:
                if near is not None and hasattr(run, "along"):
                    return self._drive(run, step)
        return self._value(run, step)

    def _drive(self, run: Any, step: int) -> Seen:
        first, last = (step, step + self._block) if step > self._last else (step - self._block, step)
        self._block = min(self._block * 2, _BLOCK[1])
        for at in run.along(max(first, 0), min(last, run.last)):
            self._seen[at] = self._value(run, at)
        return self._seen[step]

    def _value(self, run: Run, step: int, *, still: bool = False) -> Seen:
        reads = Reads()
        env = StopEnv(run, step, 0, reads, still=still, follow=True)
        try:
            return Seen(frozen(self.expr, env), reads, env.owners)
        except EvalError:
            return Seen(None, reads, env.owners)
