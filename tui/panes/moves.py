# SPDX-License-Identifier: GPL-2.0-only
"""What cursor keys do in the focused pane: they change the ``Look``, never the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from kernelmodel.snapshot import Snapshot
from tui.paint import events, source, table
from tui.paint.look import Look


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


def _source(eye: Eye, snap: Snapshot, where: str, place: Place) -> None:
    call = source.selected(snap)
    if call is None:
        return
    if where in ("left", "right"):
        eye.look.left = max(0, eye.look.left + (8 if where == "right" else -8))
        return
    line = source.cursor_line(snap, eye.look) + _by(where, place)
    line = 1 if where == "home" else len(call.source) if where == "end" else line
    eye.look.line = max(1, min(line, len(call.source)))


def _stack(eye: Eye, snap: Snapshot, where: str, place: Place) -> None:
    if snap.calls and where in ("up", "down"):
        by = 1 if where == "up" else -1
        eye.frame = max(0, min(snap.frame + by, len(snap.calls) - 1))
        eye.look.line = 0


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


def _events(eye: Eye, snap: Snapshot, where: str, place: Place) -> None:
    at = events.cursor_step(snap, eye.look) + _by(where, place)
    at = 0 if where == "home" else snap.last if where == "end" else at
    at = max(0, min(at, snap.last))
    eye.look.event = -1 if at == snap.step else at


def _timeline(eye: Eye, snap: Snapshot, where: str, place: Place) -> None:
    by = {"left": -1, "right": 1, "up": -10, "down": 10}.get(where, _by(where, place))
    at = (snap.step if eye.look.mark < 0 else eye.look.mark) + by
    steps = [mark.step for mark in snap.timeline]
    if not steps:
        return
    at = steps[0] if where == "home" else steps[-1] if where == "end" else at
    at = max(steps[0], min(at, steps[-1]))
    eye.look.mark = -1 if at == snap.step else at


def _scroll(eye: Eye, snap: Snapshot, where: str, place: Place) -> None:
    pane = eye.look.focus
    top = eye.look.tops.get(pane, 0) + _by(where, place)
    eye.look.tops[pane] = 0 if where == "home" else 10_000 if where == "end" else max(0, top)


_MOVES: dict[str, Callable[[Eye, Snapshot, str, Place], None]] = {
    "source": _source, "stack": _stack, "table": _table, "events": _events, "timeline": _timeline,
}  # fmt: skip
