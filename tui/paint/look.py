# SPDX-License-Identifier: GPL-2.0-only
"""How the user looks at a snapshot: focus, layout, cursors, scroll, search.  Nothing here is model state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tui.paint.beside import Second


class BreakMark(NamedTuple):
    """A breakpoint, watchpoint or log point as the panes show it."""

    number: int
    text: str
    """As the user would type it: ``fallback if order > 3``, ``watch i``."""
    kind: str = ""
    """Decision kind, '' for a breakpoint on a line."""
    function: str = ""
    line: int = 0
    """Counts from the ``def`` line (1); 0 for a breakpoint on a kind."""
    enabled: bool = True
    conditional: bool = False
    """Stops only sometimes: a condition, a test of hits, one CPU."""
    temporary: bool = False
    hits: int = 0
    log: bool = False
    """Writes a line and never stops."""
    watch: bool = False
    """Stops where a value changes."""
    ignore: int = 0
    """How many more hits are only counted."""
    origin: str = ""
    """Where it comes from, if the user did not type it: ``scenario``, ``option``."""
    trouble: str = ""
    """Why its condition had no value at the last hit."""

    @property
    def glyph(self) -> str:
        """``○`` is disabled, ``◆`` logs, ``◐`` stops on a condition, ``●`` stops."""
        return "○" if not self.enabled else "◆" if self.log else "◐" if self.conditional else "●"


CPU_STYLES = 5
"""CPUs have so many colours, and then the first again."""


def cpu_style(cpu: int) -> str:
    """Style of what belongs to a CPU, where there are several."""
    return f"cpu{cpu % CPU_STYLES}"


@dataclass(slots=True)
class Look:
    """View settings of one screen."""

    focus: str = "source"
    recent: list[str] = field(default_factory=list)
    """Panes in the order in which they had the focus, latest last: decides which tab of a slot is on top."""
    zoom: bool = False
    layout: str = "auto"
    """One of ``layouts.LAYOUTS``."""
    sizes: dict[str, int] = field(default_factory=dict)
    """Rows that a part of the layout has more than by itself, by its first pane."""
    widths: dict[str, int] = field(default_factory=dict)
    """Columns likewise."""
    cpus: int = 1
    """CPUs of the scenario: several get a place of their own where there is room."""
    theme: str = "ansi"
    ascii: bool = False
    """Whether every sign is replaced by its ASCII twin."""
    tops: dict[str, int] = field(default_factory=dict)
    """First row shown, per pane; of the console: rows scrolled up from the newest."""
    row: dict[str, int] = field(default_factory=dict)
    """Row under the cursor, per pane that has one; the calls' pane counts locals, the allocator orders."""
    allocator: str = "lists"
    """Which view of the allocator: one of ``allocator.VIEWS``."""
    zone: int = -1
    """Which zone it shows: place in ``Snapshot.zone_names``; -1 follows the folio at hand."""
    scale: int = -1
    """Pageblocks a cell of its map, as a power of two; -1: as few as show the whole zone."""
    cell_at: int = -1
    """Pfn under the map's cursor; -1 follows the folio at hand."""
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
    marks: dict[str, int] = field(default_factory=dict)
    """Mark → step."""
    since: int = -1
    """The step that changes are told against; -1: the stop before."""
    reason: str = ""
    """Why we stand here, in words before the stop's own: ``break 1``."""
    console: Sequence[str] = ()
    """What was typed and said, oldest first."""
    search: str = ""
    """Text that is highlighted wherever it stands; '' for none."""
    found: tuple[str, str, int] = ("", "", 0)
    """Where the search stands: pane, text, row."""
    second: Second | None = None
    """The run of another variant that is shown beside this one."""

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

    def named(self, step: int) -> str:
        """A step as the user knows it: ``a=#3`` if it is marked, else ``#3``."""
        marks = "".join(sorted(name for name, at in self.marks.items() if at == step))
        return f"{marks}=#{step}" if marks else f"#{step}"
