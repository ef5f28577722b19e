# SPDX-License-Identifier: GPL-2.0-only
"""Where the user has been: marks by name, and the jumps, back and forward as in an editor's jump list."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kernelmodel.session import Session

MOST = 1000
MOST_RUNS = 50
"""Runs whose marks are kept."""


class Spot(NamedTuple):
    """A stop of a run.  The run is part of it: ``set`` forks another one, and ``back`` returns to the one before."""

    session: Session
    step: int


class Places:
    """Marks and jumps."""

    def __init__(self) -> None:
        self.marks: dict[str, int] = {}
        """Step by name, in the run that is looked at."""
        self._others: dict[Session, dict[str, int]] = {}
        """Marks of the other runs."""
        self._behind: list[Spot] = []
        self._ahead: list[Spot] = []

    def left(self, spot: Spot) -> None:
        """A jump has begun here."""
        if self._behind[-1:] != [spot]:
            self._behind.append(spot)
        del self._behind[:-MOST]
        self._ahead.clear()

    def back(self, here: Spot) -> Spot | None:
        """Where the last jump began, None if there is none."""
        return _swap(self._behind, self._ahead, here)

    def forward(self, here: Spot) -> Spot | None:
        """Where ``back`` came from."""
        return _swap(self._ahead, self._behind, here)

    def change(self, session: Session, other: Session) -> None:
        """Another run is looked at: its marks are its own."""
        if other is session:
            return
        self._others[session] = self.marks
        self.marks = self._others.pop(other, {})
        while len(self._others) > MOST_RUNS:
            del self._others[next(iter(self._others))]

    def cut(self, session: Session, step: int) -> list[str]:
        """The run of ``session`` was forked at ``step``: forget what lay behind; the names of lost marks."""
        lost = sorted(name for name, at in self.marks.items() if at > step)
        for name in lost:
            del self.marks[name]
        for spots in (self._behind, self._ahead):
            spots[:] = [spot for spot in spots if spot.session is not session or spot.step <= step]
        return lost


def _swap(take: list[Spot], give: list[Spot], here: Spot) -> Spot | None:
    while take:
        spot = take.pop()
        if spot != here:
            give.append(here)
            return spot
    return None
