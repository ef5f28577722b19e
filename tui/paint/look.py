# SPDX-License-Identifier: GPL-2.0-only
"""How the user looks at a snapshot: focus, zoom, cursors, scroll.  Nothing here is model state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class BreakMark(NamedTuple):
    """A breakpoint as the panes show it."""

    number: int
    text: str
    """As the user would type it: ``fallback if order > 3``."""
    kind: str = ""
    """Decision kind, '' for a breakpoint on a line."""
    function: str = ""
    line: int = 0
    """Counts from the ``def`` line (1); 0 for a breakpoint on a kind."""
    enabled: bool = True
    conditional: bool = False
    temporary: bool = False
    hits: int = 0

    @property
    def glyph(self) -> str:
        """``●`` stops, ``◐`` stops on a condition, ``○`` is disabled."""
        return "○" if not self.enabled else "◐" if self.conditional else "●"


@dataclass(slots=True)
class Look:
    """View settings of one screen."""

    focus: str = "source"
    recent: list[str] = field(default_factory=list)
    """Panes in the order in which they had the focus, latest last: decides which tab of a slot is on top."""
    zoom: bool = False
    tops: dict[str, int] = field(default_factory=dict)
    """First row shown, per pane."""
    line: int = 0
    """Source line under the cursor (from 1); 0 follows the current line."""
    left: int = 0
    """Columns of source scrolled away to the left."""
    event: int = -1
    """Step under the cursor of the events pane; -1 follows the present."""
    mark: int = -1
    """Step under the cursor of the timeline; -1 follows the present."""
    breaks: tuple[BreakMark, ...] = ()
    stopped: dict[int, int] = field(default_factory=dict)
    """Step → number of the breakpoint that stopped there."""
    reason: str = ""
    """Why we stand here, in words before the stop's own: ``break 1``."""

    def show(self, pane: str) -> None:
        """Give the focus to ``pane`` and bring its tab to the front."""
        self.focus = pane
        if pane in self.recent:
            self.recent.remove(pane)
        self.recent.append(pane)

    def front(self, panes: tuple[str, ...]) -> str:
        """Which of the panes that share a slot is on top: the one that had the focus last, else the first."""
        for pane in reversed(self.recent):
            if pane in panes:
                return pane
        return panes[0]

    def follow(self) -> None:
        """Forget the cursors that point away from the present: after every motion."""
        self.line, self.event, self.mark = 0, -1, -1
