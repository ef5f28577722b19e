# SPDX-License-Identifier: GPL-2.0-only
"""The widgets that draw: a canvas of columns, each of which repaints only the cells that differ from the last frame."""

from __future__ import annotations

from rich.segment import Segment
from textual.app import ComposeResult
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui.paint.frame import Frame
from tui.paint.rows import Row, cells
from tui.panes.palette import style

MOST_COLUMNS = 3
"""As many as the widest layout has."""


class Column(Widget):
    """Rows of cells, drawn as they are: no border, no padding, no background of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[Row] = []
        self._strips: list[Strip] = []

    def show(self, rows: list[Row]) -> None:
        """Make ``rows`` what is seen; each is as wide as the column will be."""
        old, self._rows = self._rows, rows
        if len(old) != len(rows):
            self._strips = [self._strip(row) for row in rows]
            self.refresh()
            return
        regions = []
        for y, (was, now) in enumerate(zip(old, rows, strict=True)):
            if was != now:
                self._strips[y] = self._strip(now)
                begin, end = changed_span(was, now)
                regions.append(Region(begin, y, end - begin, 1))
        if regions:
            self.refresh(*regions)

    def forget(self) -> None:
        """Paint every cell of the next frame."""
        self._rows = []

    def _strip(self, row: Row) -> Strip:
        coloured = not self.app.no_color
        return Strip([Segment(text, style(name, coloured)) for text, name in row], sum(cells(text) for text, _ in row))

    def render_lines(self, crop: Region) -> list[Strip]:
        """Cached strips, cut to what is asked for."""
        blank = Strip.blank(crop.width)
        return [
            self._strips[y].crop(crop.x, crop.right).adjust_cell_length(crop.width) if y < len(self._strips) else blank
            for y in range(crop.y, crop.bottom)
        ]


class Canvas(Widget):
    """The whole screen: columns side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.columns = [Column() for _ in range(MOST_COLUMNS)]
        self._edges: tuple[int, ...] = ()
        self._width = 0

    def compose(self) -> ComposeResult:
        """All columns that there can be; those that a layout does not need are not displayed."""
        yield from self.columns

    def show(self, frame: Frame) -> None:
        """Make ``frame`` what is seen."""
        if (frame.edges, frame.width) != (self._edges, self._width):
            self._edges, self._width = frame.edges, frame.width
            ends = (*frame.edges[1:], frame.width)
            for at, column in enumerate(self.columns):
                column.display = at < len(frame.edges)
                if column.display:
                    column.styles.width = ends[at] - frame.edges[at]
                column.forget()
        for at in range(len(frame.edges)):
            self.columns[at].show([line[at] for line in frame.lines])

    def forget(self) -> None:
        """Paint every cell of the next frame."""
        for column in self.columns:
            column.forget()


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
