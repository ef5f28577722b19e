# SPDX-License-Identifier: GPL-2.0-only
"""Lines of a history in the place of the line being written: one by one, or found by what is in them."""

from __future__ import annotations

from collections.abc import Sequence


class Recall:
    """Which line of ``history`` (oldest first, only read) is shown, and the line being written meanwhile."""

    def __init__(self, history: Sequence[str]) -> None:
        self.history = history
        self.back = 0
        """How many lines back the shown one is; 0 is the line being written."""
        self.draft = ""
        """The line being written, as it was left."""
        self.wanted: str | None = None
        """What is searched for; None while nothing is."""
        self.missing = False
        """Whether there is no (older) line with it."""

    def reset(self) -> None:
        """A new line is written."""
        self.back, self.draft, self.wanted, self.missing = 0, "", None, False

    def move(self, by: int, shown: str) -> str:
        """The line ``by`` lines further back than ``shown``, or the nearest one to that."""
        if not self.back:
            self.draft = shown
        self.back = max(0, min(self.back + by, len(self.history)))
        return self.line

    @property
    def line(self) -> str:
        """The line that is shown."""
        return self.history[-self.back] if self.back else self.draft

    def begin(self, shown: str) -> None:
        """Search, until ``leave`` or another key."""
        self.draft, self.back, self.wanted, self.missing = shown, 0, "", False

    def leave(self) -> str:
        """Search no more; the line as it was before."""
        self.wanted, self.back = None, 0
        return self.draft

    def find(self, wanted: str, back: int) -> None:
        """Show the nearest line that has ``wanted`` in it, ``back`` or more lines back; if there is none, say so."""
        self.wanted = wanted
        older = range(max(back, 1), len(self.history) + 1)
        found = next((each for each in older if wanted in self.history[-each]), 0) if wanted else 0
        self.missing = bool(wanted) and not found
        self.back = found or self.back
