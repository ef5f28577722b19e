# SPDX-License-Identifier: GPL-2.0-only
"""The widget that draws: the whole screen, of which a step writes only the segments that differ from what is there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from rich.console import COLOR_SYSTEMS, Console
from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui.paint.frame import Frame
from tui.paint.rows import Row, cells
from tui.panes.palette import make_style, style

Pieces = tuple[Row, ...]
"""One line of a frame: a row for each column."""
Codes = Callable[[str], tuple[str, str]]


class Canvas(Widget):
    """The lines of the frame that was shown last; no border, no padding, no background of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.edges: tuple[int, ...] = ()
        """Where the columns begin (cells)."""
        self.coloured = True
        self.theme = "ansi"
        self.written: list[Pieces] = []
        """Per line what the terminal has; nothing where that is unknown."""
        self._width = 0
        self._lines: list[Line] = []

    def show(self, frame: Frame) -> None:
        """Make ``frame`` what is seen."""
        shape = (frame.edges, frame.width, len(frame.lines), frame.theme)
        if shape != (self.edges, self._width, len(self._lines), self.theme):
            self.edges, self._width, self.theme = frame.edges, frame.width, frame.theme
            self.coloured = not self.app.no_color
            self.written = [()] * len(frame.lines)
            self._lines = [Line(self, y, now, frame.width) for y, now in enumerate(frame.lines)]
            self.refresh()
            return
        dirty = [y for y, now in enumerate(frame.lines) if now != self._lines[y].pieces]
        for y in dirty:
            self._lines[y] = Line(self, y, frame.lines[y], frame.width)
        if dirty:
            self.refresh(*(changes_of(y, frame.width) for y in dirty))

    def forget(self) -> None:
        """Paint every cell again."""
        self.refresh()

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines as they are; where Textual asks before a frame of the new size is shown, cut or padded."""
        lines: list[Strip] = [*self._lines[crop.y : crop.bottom]]
        if (crop.x, crop.width) != (0, self._width):
            lines = [Strip.crop(line, crop.x, crop.right).adjust_cell_length(crop.width) for line in lines]
        blank = Strip.blank(crop.width, style("", self.coloured, self.theme))
        return lines + [blank] * (crop.height - len(lines))

    def codes(self, name: str) -> tuple[str, str]:
        """What this terminal is told before and after text of a style."""
        return codes(name, self.coloured, self.theme, self.app.console.color_system)


class Line(Strip):
    """One line of the screen: a strip whose segments are made when somebody looks into it, and which can write less."""

    __slots__ = ("canvas", "pieces", "width", "y")

    def __init__(self, canvas: Canvas, y: int, pieces: Pieces, width: int) -> None:
        self.canvas, self.y, self.pieces, self.width = canvas, y, pieces, width

    def __getattr__(self, name: str) -> Any:
        """The base class has no attributes yet (a step needs none): give it its segments, then look again."""
        if name in Line.__slots__ or not hasattr(Strip, name):
            raise AttributeError(name)
        coloured, theme = self.canvas.coloured, self.canvas.theme
        segments = [Segment(text, style(look, coloured, theme)) for piece in self.pieces for text, look in piece]
        super().__init__(segments, self.width)
        return getattr(self, name)

    def divide(self, cuts: Iterable[int]) -> Sequence[Strip]:
        """Itself, where nothing is cut off."""
        places = list(cuts)
        return [self] if places == [self.width] else super().divide(places)

    def crop(self, start: int, end: int | None = None) -> Strip:
        """The cells asked for, or what stands for ``changes_of`` this line."""
        if (start, end) == (0, self.width - 1):
            known = self.canvas.written[self.y]
            return Changes(self.canvas, self.y, self.pieces, self.width) if known else self
        return super().crop(start, end)

    def render(self, console: Console) -> str:
        """All cells.  Called when they are written to the terminal, and only then."""
        self.canvas.written[self.y] = self.pieces
        return super().render(console)


class Changes(Line):
    """A line of which only that is written which the terminal does not have yet."""

    __slots__ = ()

    def render(self, console: Console) -> str:
        """Cursor movements and segments."""
        was, self.canvas.written[self.y] = self.canvas.written[self.y], self.pieces
        return changes(self.y, self.canvas.edges, was, self.pieces, self.canvas.codes)


def changes_of(y: int, width: int) -> Region:
    """The region to refresh so that line ``y`` writes what differs and no more.

    Textual's compositor has no name for this.  It crops a line when the region is not the whole line, and never when
    it paints for reasons of its own (first frame, resize, resume, screenshot): so a region one cell short is the
    question, and the line answers for all its cells.  Should a Textual not crop, lines are written whole.
    """
    return Region(0, y, max(width - 1, 1), 1)


def changes(y: int, edges: tuple[int, ...], was: Pieces, now: Pieces, codes: Codes) -> str:
    """What turns ``was`` into ``now`` on line ``y`` of a terminal, in steps of whole segments."""
    out = []
    for edge, old, new in zip(edges, was, now, strict=True):
        if old == new:
            continue
        begin, end = changed_span(old, new)
        out.append(f"\x1b[{y + 1};{edge + begin + 1}H")
        x = 0
        for text, name in new:
            if begin <= x < end:
                before, behind = codes(name)
                out.append(f"{before}{text}{behind}")
            x += cells(text)
    return "".join(out)


@lru_cache(128)
def codes(name: str, coloured: bool, theme: str = "ansi", colours: str | None = "truecolor") -> tuple[str, str]:
    """What a terminal is told before and after text of a style; ``colours`` names how many it has, as Rich does."""
    system = COLOR_SYSTEMS.get(colours or "")
    before, _, behind = make_style(name, coloured, theme).render("|", color_system=system).partition("|")
    return before, behind


def changed_span(was: Row, now: Row) -> tuple[int, int]:
    """First and last (exclusive) column at which two rows of equal width differ, in steps of whole segments."""
    same = _alike(was, now)
    begin = sum(cells(text) for text, _ in now[:same])
    behind = _alike(was[:same:-1], now[:same:-1])
    end = sum(cells(text) for text, _ in now[: len(now) - behind])
    return begin, max(end, begin + 1)


def _alike(one: Row, other: Row) -> int:
    """How many segments two rows have in common at their beginning."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
