# SPDX-License-Identifier: GPL-2.0-only
"""The layouts that a user can choose from, each for several sizes of the terminal, and how panes are resized."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from tui.paint.layout import (
    MIN_HEIGHT,
    MIN_WIDTH,
    PANES,
    Part,
    Placed,
    Slot,
    base,
    columns,
    need,
    pane,
    place,
    rows,
)
from tui.paint.look import Look

BESIDE = 180
"""Cells from which a second run stands beside the panes, not below them."""
_SHARE = 36
"""Percent of the screen that it takes."""
_LEAST_ROWS = 8
_STRIPS = 6
"""Most CPUs for which the timeline makes room by itself."""


class Fit(NamedTuple):
    """A tree for terminals of at least this size (cells); ``tree`` takes the number of CPUs."""

    width: int
    height: int
    tree: Callable[[int], Part]


def _time(cpus: int, spare: int = 0) -> Part:
    """The timeline, beside it the CPUs if there are several."""
    least = 3 + spare + min(cpus, _STRIPS)
    if cpus == 1:
        return pane("timeline", "cpus", least=least)
    return columns(pane("timeline"), pane("cpus", percent=42), least=least)


def _front(first: str) -> Callable[[int], Part]:
    """The smallest terminals: one pane, and the others as tabs below."""
    others = tuple(each for each in PANES if each != first)
    return lambda cpus: rows(pane(first), pane(*others, percent=45))


def _compact(cpus: int) -> Part:
    side = rows(pane("orders", least=4, percent=36), pane("stack", "watch", "cpus"), percent=45)
    return rows(
        columns(pane("source"), side),
        pane("table", "allocator", "vmas", "changes", "timeline", least=6, percent=29),
        pane("events", "console", "breaks", least=4, percent=20),
    )


def _normal(cpus: int) -> Part:
    return rows(
        columns(
            rows(pane("source"), pane("table", least=11, percent=30)),
            rows(
                pane("orders", least=5),
                pane("stack", "watch"),
                pane("allocator", "vmas", "changes", "breaks", least=11, percent=30),
                percent=42,
            ),
        ),
        pane("events", least=5, percent=12),
        _time(cpus),
        pane("console", least=3, percent=8),
    )


def _wide(cpus: int) -> Part:
    return rows(
        columns(
            rows(pane("source"), pane("table", least=18, percent=38)),
            rows(pane("orders", least=6), pane("stack"), pane("allocator", least=15, percent=30), percent=31),
            rows(
                pane("vmas", least=4),
                pane("changes"),
                pane("watch", least=5),
                pane("breaks", least=5),
                pane("events", least=18, percent=38),
                percent=32,
            ),
        ),
        _time(cpus, 1),
        pane("console", least=5, percent=10),
    )


def _code(cpus: int) -> Part:
    side = rows(
        pane("stack"),
        pane("orders", "watch", "breaks", least=6, percent=22),
        pane("table", "allocator", "vmas", "changes", least=6, percent=26),
        percent=38,
    )
    return rows(columns(pane("source"), side), pane("events", "timeline", "cpus", "console", least=6, percent=20))


def _code_small(cpus: int) -> Part:
    side = pane("stack", "orders", "watch", "breaks", "cpus", percent=42)
    return rows(
        columns(pane("source"), side),
        pane("events", "table", "allocator", "vmas", "changes", "timeline", "console", least=4, percent=22),
    )


def _memory(cpus: int) -> Part:
    return rows(
        columns(
            rows(pane("table"), pane("source", "stack", "orders", least=8, percent=30)),
            rows(
                pane("allocator", least=11, percent=34),
                pane("vmas", least=4, percent=10),
                pane("changes"),
                percent=42,
            ),
        ),
        pane("events", "timeline", "cpus", "watch", "breaks", "console", least=5, percent=12),
    )


def _memory_small(cpus: int) -> Part:
    return rows(
        pane("table"),
        columns(pane("allocator", "vmas", "orders"), pane("changes", "watch", percent=45), least=4, percent=38),
        pane("events", "source", "stack", "timeline", "console", "cpus", "breaks", least=3, percent=18),
    )


def _time_large(cpus: int) -> Part:
    side = rows(
        pane("cpus", least=2 + min(cpus, _STRIPS)),
        pane("source", "stack", "orders", "watch", "breaks"),
        pane("table", "allocator", "vmas", "changes", least=6, percent=35),
        percent=45,
    )
    return rows(
        pane("timeline", least=4 + min(cpus, _STRIPS)),
        columns(pane("events"), side),
        pane("console", least=7, percent=25),
    )


def _time_small(cpus: int) -> Part:
    return rows(
        pane("timeline", least=3 + min(cpus, 2)),
        pane("events", "cpus"),
        columns(
            pane("console", "breaks"),
            pane("source", "stack", "orders", "table", "allocator", "vmas", "changes", "watch", percent=50),
            least=4,
            percent=35,
        ),
    )


def _sizes(first: str, *fits: Fit) -> tuple[Fit, ...]:
    return (*fits, Fit(MIN_WIDTH, MIN_HEIGHT, _front(first)))


LAYOUTS: dict[str, tuple[Fit, ...]] = {
    "auto": _sizes("source", Fit(160, 50, _wide), Fit(100, 32, _normal), Fit(60, 20, _compact)),
    "code": _sizes("source", Fit(100, 28, _code), Fit(60, 16, _code_small)),
    "memory": _sizes("table", Fit(100, 28, _memory), Fit(60, 16, _memory_small)),
    "time": _sizes("timeline", Fit(100, 28, _time_large), Fit(60, 16, _time_small)),
}
"""Per name the trees, largest terminal first."""


def layout(look: Look, width: int, height: int) -> tuple[Slot, ...]:
    """The slots on a screen of this size (cells); () if it is too small for any."""
    if width < MIN_WIDTH or height < MIN_HEIGHT:
        return ()
    if look.zoom:
        return (Slot((look.focus,), 0, 1, width, height - 3),)
    width, height = _left(look, width, height)
    return _slots(look.layout, look.cpus, tuple(look.sizes.items()), tuple(look.widths.items()), width, height)


def second(look: Look, width: int, height: int) -> Slot | None:
    """The place of the second run, at the right edge or the lower one; None if there is none, or no room for it."""
    if look.second is None or look.zoom or width < MIN_WIDTH or height < MIN_HEIGHT:
        return None
    if width >= BESIDE:
        mine = width * _SHARE // 100
        return Slot((), width - mine, 1, mine, height - 3, True)
    mine = max(_LEAST_ROWS, (height - 3) * _SHARE // 100)
    return Slot((), 0, height - 2 - mine, width, mine) if height - mine >= MIN_HEIGHT else None


def _left(look: Look, width: int, height: int) -> tuple[int, int]:
    """Size of the screen that the second run leaves to the panes."""
    slot = second(look, width, height)
    if slot is None:
        return width, height
    return (width - slot.width, height) if slot.edge else (width, height - slot.height)


Changed = tuple[tuple[str, int], ...]


@lru_cache(8)
def _slots(name: str, cpus: int, sizes: Changed, widths: Changed, width: int, height: int) -> tuple[Slot, ...]:
    look = Look(layout=name, cpus=cpus, sizes=dict(sizes), widths=dict(widths))
    return tuple(_placed(look, width, height).slots())


def choose(look: Look, name: str) -> None:
    """Take another layout: panes in their own sizes, the focus on its main pane.  ``KeyError`` if there is none."""
    main = LAYOUTS[name][-1].tree(1).key
    look.layout, look.zoom = name, False
    look.sizes.clear()
    look.widths.clear()
    look.recent.clear()
    look.show(main)


def grow(look: Look, pane: str, by_rows: int, by_columns: int, width: int, height: int) -> None:
    """Give ``pane`` that many rows and columns more (or fewer), as far as its neighbours can spare them."""
    for down, by in ((True, by_rows), (False, by_columns)):
        found = _resizable(look, pane, down, width, height) if by else None
        if found is None:
            continue
        total, mine, flexible, sign = found
        size = mine.size(down)
        most = size + flexible.size(down) - need(flexible.part, down)
        wanted = max(need(mine.part, down), min(size + sign * by, most))
        (look.sizes if down else look.widths)[mine.part.key] = wanted - base(mine.part, total)


def minimise(look: Look, pane: str, width: int, height: int) -> None:
    """Leave nothing of ``pane`` but its title; again: give it back its own size."""
    found = _resizable(look, pane, True, width, height)
    if found is None:
        return
    _, mine, flexible, sign = found
    shown = mine if sign > 0 else flexible
    if shown.height > need(shown.part, True):
        grow(look, pane, -height, 0, width, height)
    else:
        look.sizes.pop(mine.part.key, None)


def _placed(look: Look, width: int, height: int) -> Placed:
    fits = LAYOUTS.get(look.layout, LAYOUTS["auto"])
    tree = next(fit.tree for fit in fits if width >= fit.width and height >= fit.height)
    return place(tree(max(look.cpus, 1)), look, 0, 1, width, height - 3)


def _resizable(look: Look, pane: str, down: bool, width: int, height: int) -> tuple[int, Placed, Placed, int] | None:
    """Size of the container, the part whose size is changed, the flexible one that pays, and the sign of the change.

    The part is the innermost that holds ``pane`` and has neighbours in that direction; a flexible one grows where its
    neighbour shrinks.
    """
    if look.zoom or width < MIN_WIDTH or height < MIN_HEIGHT:
        return None
    found = None
    at = _placed(look, *_left(look, width, height))
    while at.inner:
        mine = next(place for place, each in enumerate(at.inner) if pane in _panes(each.part))
        if bool(at.part.down) is down:
            found = at, mine
        at = at.inner[mine]
    if found is None:
        return None
    box, mine = found
    flexible = next(each for each in box.inner if each.part.flexible)
    if box.inner[mine] is not flexible:
        return box.size(down), box.inner[mine], flexible, 1
    other = box.inner[mine + 1] if mine + 1 < len(box.inner) else box.inner[mine - 1]
    return box.size(down), other, flexible, -1


def _panes(part: Part) -> tuple[str, ...]:
    return part.panes or tuple(name for each in part.down or part.across for name in _panes(each))
