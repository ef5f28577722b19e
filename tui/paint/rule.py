# SPDX-License-Identifier: GPL-2.0-only
"""The title rule of a slot: ``─ 1 alloc_anon_folio() ───``, or its tabs."""

from __future__ import annotations

from typing import NamedTuple

from kernelmodel.snapshot import Snapshot
from tui.paint.layout import Slot
from tui.paint.look import Look
from tui.paint.panes import TITLE, number, tab
from tui.paint.rows import Row, Seg, cells, clean, spread

DOTS = "… "
"""Stands for tabs that have no room."""


class Tab(NamedTuple):
    """A title on the rule."""

    pane: str
    text: str
    x: int
    """Column within the slot."""


def tabs(snap: Snapshot, look: Look, slot: Slot) -> list[Tab]:
    """The titles of a slot: the front pane's words where they fit beside the names of the others.

    Where the names do not fit either, those nearest to the front one are shown, and … stands for the next of the rest.
    """
    front = look.front(slot.panes)
    words = clean(f"{number(front)} {TITLE[front](snap, look)}".lstrip())
    x = 3 if slot.edge else 2
    if len(slot.panes) == 1:
        return [Tab(front, words + " ", x)]
    texts = {pane: f" {tab(pane)} " for pane in slot.panes} | {front: f"[{words}]"}
    room = slot.width - x - 1
    if sum(map(cells, texts.values())) > room:
        texts[front] = f"[{tab(front)}{_view(front, look)}]"
    shown = _nearest(list(slot.panes), front, texts, room)
    out = []
    for pane in shown:
        out.append(Tab(pane, texts[pane], x))
        x += cells(texts[pane])
    hidden = [pane for pane in slot.panes if pane not in shown]
    if hidden:
        last = slot.panes.index(shown[-1])
        out.append(Tab(next((pane for pane in slot.panes[last:] if pane in hidden), hidden[0]), DOTS, x))
    return out


def _view(front: str, look: Look) -> str:
    """Which view of a pane that has several."""
    return f": {look.allocator}" if front == "allocator" and look.allocator != "lists" else ""


def _nearest(panes: list[str], front: str, texts: dict[str, str], room: int) -> list[str]:
    """As many neighbours of the front pane as fit, those behind it first; in their order."""
    at = panes.index(front)
    chosen = {front}
    room -= cells(texts[front])
    for pane in [*panes[at + 1 :], *reversed(panes[:at])]:
        if cells(texts[pane]) > room - 2:
            break
        room -= cells(texts[pane])
        chosen.add(pane)
    return [pane for pane in panes if pane in chosen]


def joint(slot: Slot, slots: tuple[Slot, ...]) -> str:
    """The sign where the rule of a slot meets the vertical line to its left."""
    up = any(each.edge and each.x == slot.x and each.y + each.height == slot.y for each in slots)
    left = any(each.x + each.width == slot.x and each.y == slot.y for each in slots)
    return "┼" if up and left else "├" if up else "┬"


def paint(snap: Snapshot, look: Look, slot: Slot, slots: tuple[Slot, ...] = ()) -> Row:
    """Heavy where the focus is.  ``slots`` are all that are on the screen."""
    front = look.front(slot.panes)
    focus = front == look.focus
    line, style = ("━", "focus") if focus else ("─", "rule")
    out: list[Seg] = [(joint(slot, slots), "rule"), (line, style)] if slot.edge else [(line, style)]
    out.append((" ", ""))
    shown = tabs(snap, look, slot)
    for each in shown:
        out.append((each.text, ("focus" if focus else "title") if each.pane == front else "dim"))
    if len(slot.panes) > 1 and shown[-1].text != DOTS:
        out.append((" ", "dim"))
    used = sum(cells(text) for text, _ in out)
    zoom = f" {line} z Esc back {line}" if look.zoom else ""
    return spread(tuple(out), ((zoom, style),), slot.width, line, style) if used < slot.width else tuple(out)
