# SPDX-License-Identifier: GPL-2.0-only
"""Where the panes stand: a tree of rows and columns, given a size, becomes slots.

Row 0 of the screen is the header, the last two are message line and footer.  ``layouts`` has the trees.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tui.paint.look import Look

PANES = (
    "source", "orders", "stack", "table", "allocator", "vmas", "changes", "timeline", "events", "breaks",
    "watch", "console", "cpus",
)  # fmt: skip
"""Every pane; the first ten in the order of their number keys: 1 … 9, then 0."""

MIN_WIDTH, MIN_HEIGHT = 40, 10
"""Below this there is a message instead of panes (cells)."""
LEAST_COLUMNS = 12
"""A pane is never narrower; its rows may shrink to the title."""


class Slot(NamedTuple):
    """A rectangle of the screen, in cells; its first row is the title rule.  Several panes share it as tabs."""

    panes: tuple[str, ...]
    x: int
    y: int
    width: int
    height: int
    edge: bool = False
    """Whether its first column is the vertical line that separates it from the slot to the left."""


class Part(NamedTuple):
    """A place for panes, or parts below or beside each other, of which one is flexible: it takes what is left."""

    panes: tuple[str, ...] = ()
    down: tuple[Part, ...] = ()
    across: tuple[Part, ...] = ()
    least: int = 0
    """Cells along the parent, before the user changes them."""
    percent: int = 0
    """Of the parent, if that is more."""

    @property
    def flexible(self) -> bool:
        """Neither a size nor a share is given."""
        return not self.least and not self.percent

    @property
    def key(self) -> str:
        """The first pane: what a change of its size is remembered under."""
        return self.panes[0] if self.panes else (self.down or self.across)[0].key


def pane(*panes: str, least: int = 0, percent: int = 0) -> Part:
    """One pane, or several as tabs."""
    return Part(panes, least=least, percent=percent)


def rows(*parts: Part, least: int = 0, percent: int = 0) -> Part:
    """Parts below each other."""
    return Part(down=parts, least=least, percent=percent)


def columns(*parts: Part, least: int = 0, percent: int = 0) -> Part:
    """Parts beside each other."""
    return Part(across=parts, least=least, percent=percent)


class Placed(NamedTuple):
    """A part and its rectangle."""

    part: Part
    x: int
    y: int
    width: int
    height: int
    edge: bool
    inner: tuple[Placed, ...]

    def slots(self) -> Iterator[Slot]:
        """In reading order of the tree."""
        if self.part.panes:
            yield Slot(self.part.panes, self.x, self.y, self.width, self.height, self.edge)
        for placed in self.inner:
            yield from placed.slots()

    def size(self, down: bool) -> int:
        """Height or width."""
        return self.height if down else self.width


def place(part: Part, look: Look, x: int, y: int, width: int, height: int, edge: bool = False) -> Placed:
    """Give a tree its rectangle (cells), with the sizes that the user has changed."""
    inner = []
    if part.down:
        at = y
        for each, size in zip(part.down, extents(part, height, look), strict=True):
            inner.append(place(each, look, x, at, width, size, edge))
            at += size
    elif part.across:
        at = x
        for each, size in zip(part.across, extents(part, width, look), strict=True):
            inner.append(place(each, look, at, y, size, height, edge or at > x))
            at += size
    return Placed(part, x, y, width, height, edge, tuple(inner))


def base(part: Part, total: int) -> int:
    """The size of a part that is not flexible, by itself."""
    return max(part.least, total * part.percent // 100)


def need(part: Part, down: bool) -> int:
    """The least size of a part: one row or ``LEAST_COLUMNS`` for each pane in its way."""
    inner = [need(each, down) for each in part.down or part.across]
    if not inner:
        return 1 if down else LEAST_COLUMNS
    return sum(inner) if bool(part.down) is down else max(inner)


def extents(part: Part, total: int, look: Look) -> list[int]:
    """The sizes of the parts in ``part``, along it; their sum is ``total``.  Who can't have its size gets less."""
    down = bool(part.down)
    parts = part.down or part.across
    deltas = look.sizes if down else look.widths
    least = [need(each, down) for each in parts]
    sizes = [
        low if each.flexible else max(low, base(each, total) + deltas.get(each.key, 0))
        for each, low in zip(parts, least, strict=True)
    ]
    over = sum(sizes) - total
    for at in reversed(range(len(parts))):
        cut = max(0, min(over, sizes[at] - least[at]))
        sizes[at] -= cut
        over -= cut
    if over < 0:
        sizes[next(at for at, each in enumerate(parts) if each.flexible)] -= over
    return sizes
