# SPDX-License-Identifier: GPL-2.0-only
"""What cursor keys do in the focused pane: they change the ``Look``, never the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from kernelmodel.snapshot import Snapshot
from tui.paint import changes, events, source, table
from tui.paint.look import Look

if TYPE_CHECKING:
    from kernelmodel.snapshot_memory import MapView


@dataclass(slots=True)
class Eye:
    """What a move may change: the look, the PTE under the cursor (its address, -1: the fault's), the selected call."""

    look: Look
    pte_at: int = -1
    frame: int = -1


class Place(NamedTuple):
    """Size of the focused pane's content, in cells."""

    width: int
    height: int


def move(eye: Eye, snap: Snapshot, where: str, place: Place) -> None:
    """``where`` is up, down, left, right, page_up, page_down, home or end."""
    _MOVES.get(eye.look.focus, _scroll)(eye, snap, where, place)


def _by(where: str, place: Place) -> int:
    return {"up": -1, "down": 1, "page_up": -place.height, "page_down": place.height}.get(where, 0)


def _to(where: str, at: int, by: int, last: int) -> int:
    """``at`` moved, within 0 … ``last``."""
    return max(0, min(0 if where == "home" else last if where == "end" else at + by, last))


def _source(eye: Eye, snap: Snapshot, where: str, place: Place) -> None:
    call = source.selected(snap)
    if call is None:
        return
    if where in ("left", "right"):
        eye.look.left = max(0, eye.look.left + (8 if where == "right" else -8))
        return
    line = source.cursor_line(snap, eye.look) - 1
    eye.look.line = 1 + _to(where, line, _by(where, place), len(call.source) - 1)


def _stack(eye: Eye, snap: Snapshot, where: str, place: Place) -> None:
    if not snap.calls:
        return
    if where in ("left", "right"):
        last = len(snap.calls[snap.frame].locals) - 1
        at = eye.look.row.get("stack", -1 if where == "right" else last + 1)
        eye.look.row["stack"] = _to(where, at, 1 if where == "right" else -1, last)
    elif where in ("up", "down"):
        by = 1 if where == "up" else -1
        eye.frame = max(0, min(snap.frame + by, len(snap.calls) - 1))
        eye.look.line = 0
        eye.look.row.pop("stack", None)


def _table(eye: Eye, snap: Snapshot, where: str, place: Place) -> None:
    if snap.entry is None:
        return
    row = table.row_length(place.width)
    by = {"left": -1, "right": 1, "up": -row, "down": row, "page_up": -512, "page_down": 512}.get(where, 0)
    if where == "home":
        eye.pte_at = -1
        return
    if where == "end" and snap.ptes:
        eye.pte_at = snap.ptes[-1].addr
        return
    eye.pte_at = max(0, snap.entry.addr + by * snap.page_size)


def _allocator(eye: Eye, snap: Snapshot, where: str, place: Place) -> None:
    if eye.look.allocator == "map" and snap.blocks is not None:
        _map(eye.look, snap.blocks, where, place)
        return
    if where not in ("left", "right"):
        _scroll(eye, snap, where, place)
        return
    last = max((len(zone.nr_free) for zone in snap.zones), default=1) - 1
    at = eye.look.row.get("allocator", -1 if where == "right" else last + 1)
    eye.look.row["allocator"] = _to(where, at, 1 if where == "right" else -1, last)


def _map(look: Look, shown: MapView, where: str, place: Place) -> None:
    from tui.paint import blockmap

    if where == "home":
        look.cell_at = -1
        return
    row, page = blockmap.row_length(place.width), len(shown.fill)
    by = {"left": -1, "right": 1, "up": -row, "down": row, "page_up": -page, "page_down": page}.get(where, 0)
    at = _to(where, shown.before + shown.at, by, shown.total - 1) - shown.before
    look.cell_at = blockmap.pfn_of(shown, at)


def _events(eye: Eye, snap: Snapshot, where: str, place: Place) -> None:
    at = _to(where, events.cursor_step(snap, eye.look), _by(where, place), snap.last)
    eye.look.event = -1 if at == snap.step else at


def _timeline(eye: Eye, snap: Snapshot, where: str, place: Place) -> None:
    steps = [mark.step for mark in snap.timeline]
    if not steps:
        return
    by = {"left": -1, "right": 1, "up": -10, "down": 10}.get(where, _by(where, place))
    at = snap.step if eye.look.mark < 0 else eye.look.mark
    at = steps[0] + _to(where, at - steps[0], by, steps[-1] - steps[0])
    eye.look.mark = -1 if at == snap.step else at


def _rows(count: Callable[[Snapshot, Look], int]) -> Callable[[Eye, Snapshot, str, Place], None]:
    """A pane with a cursor on its rows."""

    def step(eye: Eye, snap: Snapshot, where: str, place: Place) -> None:
        look, last = eye.look, count(snap, eye.look) - 1
        if last < 0 or where in ("left", "right"):
            return
        by = _by(where, place)
        at = look.row.get(look.focus, -1 if by > 0 else last + 1)
        look.row[look.focus] = _to(where, at, by, last)

    return step


def _console(eye: Eye, snap: Snapshot, where: str, place: Place) -> None:
    """Its rows are counted from the newest."""
    last = max(len(eye.look.console) - 1, 0)
    back = eye.look.tops.get("console", 0)
    opposite = {"home": "end", "end": "home"}.get(where, where)
    eye.look.tops["console"] = _to(opposite, back, -_by(where, place), last)


def _scroll(eye: Eye, snap: Snapshot, where: str, place: Place) -> None:
    pane = eye.look.focus
    top = eye.look.tops.get(pane, 0) + _by(where, place)
    eye.look.tops[pane] = 0 if where == "home" else 10_000 if where == "end" else max(0, top)


_MOVES: dict[str, Callable[[Eye, Snapshot, str, Place], None]] = {
    "source": _source, "stack": _stack, "table": _table, "allocator": _allocator, "events": _events,
    "timeline": _timeline, "console": _console,
    "breaks": _rows(lambda snap, look: len(look.breaks)),
    "watch": _rows(lambda snap, look: len(snap.watches)),
    "changes": _rows(lambda snap, look: changes.count(snap)),
    "orders": _rows(lambda snap, look: len(snap.orders)),
    "cpus": _rows(lambda snap, look: len(snap.cpus) + len(snap.locks)),
    "vmas": _rows(lambda snap, look: len(snap.vmas)),
}  # fmt: skip
