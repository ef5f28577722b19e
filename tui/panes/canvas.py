# SPDX-License-Identifier: GPL-2.0-only
"""The one widget: keeps the strips of the present frame and repaints only the cells that differ from the last one."""

from __future__ import annotations

from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui.paint.frame import Frame
from tui.paint.rows import Row, cells
from tui.panes.palette import style


class Canvas(Widget):
    """Draws a ``Frame`` over its whole area."""

    def __init__(self) -> None:
        super().__init__()
        self._frame: Frame = []
        self._strips: list[Strip] = []

    def show(self, frame: Frame) -> None:
        """Make ``frame`` what is seen; its rows are as wide as the widget."""
        old, self._frame = self._frame, frame
        if len(old) != len(frame) or not old:
            self._strips = [_strip(line) for line in frame]
            self.refresh()
            return
        regions = []
        for y, (before, after) in enumerate(zip(old, frame, strict=True)):
            if before == after:
                continue
            self._strips[y] = _strip(after)
            if [x for x, _ in before] != [x for x, _ in after]:
                regions.append(Region(0, y, self._strips[y].cell_length, 1))
                continue
            for (x, was), (_, now) in zip(before, after, strict=True):
                if was != now:
                    begin, end = changed_span(was, now)
                    regions.append(Region(x + begin, y, end - begin, 1))
        if regions:
            self.refresh(*regions)

    def forget(self) -> None:
        """Paint every cell of the next frame."""
        self._frame = []

    def render_lines(self, crop: Region) -> list[Strip]:
        """Cached strips, cut to what is asked for."""
        blank = Strip.blank(crop.width)
        return [
            self._strips[y].crop(crop.x, crop.right).adjust_cell_length(crop.width) if y < len(self._strips) else blank
            for y in range(crop.y, crop.bottom)
        ]


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


def _strip(line: list[tuple[int, Row]]) -> Strip:
    segments: list[Segment] = []
    width = 0
    for _, row in line:
        for text, name in row:
            segments.append(Segment(text, style(name)))
            width += cells(text)
    return Strip(segments, width)
