# SPDX-License-Identifier: GPL-2.0-only
"""What motions, breakpoints and expressions need of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from kernelmodel.scenario.types import Scenario
from kernelmodel.snapshot import Event

if TYPE_CHECKING:
    from kernelmodel.expr.variables import Variable


class Stop(Protocol):
    """Where a run stands: ``kind`` is ``decision``, ``bug``, ``blocked`` or ``end``; ``text`` says it in words."""

    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def step(self) -> int: ...  # noqa: D102
    @property
    def text(self) -> str: ...  # noqa: D102


class Run(Protocol):
    """The part of a session that breakpoints and motions use."""

    @property
    def step(self) -> int:
        """Present stop, from 0."""

    @property
    def last(self) -> int:
        """Highest stop that is known."""

    @property
    def stop(self) -> Stop:
        """The present stop."""

    @property
    def scenario(self) -> Scenario:
        """What is run."""

    def advance(self, answer: str | None = None) -> Stop:
        """One stop forward; stays at the last stop of the run."""

    def seek(self, step: int) -> Stop:
        """To a known stop."""

    def event(self, step: int) -> Event:
        """The decision at a known stop, without moving."""

    def depth(self, step: int) -> int:
        """Call depth at a known stop, without moving."""

    def access_of(self, step: int) -> int:
        """Number of the access of a known stop, without moving."""

    def variable(self, name: str, frame: int = -1, cpu: int = -1) -> Variable | None:
        """The variable of that name in a call of the present stop, else of its callers; None if none has one."""

    def deeper_variable(self, name: str) -> Variable | None:
        """The same for the mechanisms below the innermost reviewed call."""

    def lookup(self, name: str, cpu: int = -1) -> Any:
        """What stands by itself under that name at the present stop; None if nothing does."""
