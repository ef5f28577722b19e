# SPDX-License-Identifier: GPL-2.0-only
"""The second run beside the first, or below it: where it stands, its source, orders, last decisions and outcomes.

What differs from the first run has a sign: ``≠`` decided otherwise, ``+`` the first run has no such decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from textwrap import wrap
from typing import NamedTuple

from kernelmodel.snapshot import OrderRow, Snapshot
from tui.paint import events, orders, source
from tui.paint.look import Look
from tui.paint.rows import Row, fit, row_cells

SPLIT = 100
"""Cells from which the source stands beside the rest."""
_SECTIONS = 8
"""Rows below the head from which there are sections: source, orders, decisions, outcomes."""


class Outcome(NamedTuple):
    """What became of an event in each of the runs; '' where it has not ended."""

    event: str
    first: str
    second: str


class Second(NamedTuple):
    """The second run as a screen shows it."""

    snap: Snapshot
    first: str
    """Variant of the first run, with its mutants."""
    name: str
    """Variant of this one, with its mutants."""
    parted: str
    """Where the two part, in words; '' as far as they agree."""
    trouble: str
    """Why it can't go on, '' if it can."""
    signs: Mapping[int, str]
    """By step of ``snap.events``: ``≠`` or ``+``."""
    outcomes: tuple[Outcome, ...]


def sign(second: Second) -> str:
    """``≠`` once the two have parted, ``=`` before."""
    return "≠" if second.parted.startswith("parted") else "="


def title(second: Second) -> str:
    """The variant, and where it stands."""
    return f"{sign(second)} {second.name}  step {second.snap.step}/{second.snap.last}"


def paint(snap: Snapshot, second: Second, width: int, height: int) -> list[Row]:
    """At most ``height`` rows; ``snap`` is the first run's."""
    head = _head(second, width)
    room = height - len(head)
    if room < _SECTIONS:
        return head + _short(snap, second, width, room)
    left = width // 2 if width >= SPLIT else 0
    side = width - left - bool(left)
    array = [_rule(orders.title(second.snap, Look()), side), *_orders(snap, second, side, room // 3)]
    ended = [row for each in second.outcomes for row in _outcome(each, second, side)]
    if ended:
        ended.insert(0, _rule("ended", side))
    spare = room - len(array) - len(ended) - 1
    listed = _decisions(second, side, spare if left else max(spare // 3, 3))
    rest = [*array, _rule("decisions", side), *listed, *ended]
    if not left:
        return head + _source(second, width, room - len(rest)) + rest
    both = zip_longest(_source(second, left, room), rest, fillvalue=())
    return head + [(*fit(one, left), ("│", "rule"), *other) for one, other in both]


def _short(snap: Snapshot, second: Second, width: int, room: int) -> list[Row]:
    """Where there is no room for sections: orders, the last outcome, and decisions in what is left."""
    ended = _outcome(second.outcomes[-1], second, width) if second.outcomes else []
    array = _orders(snap, second, width, room - len(ended)) if second.snap.orders else []
    return [*array, *_decisions(second, width, room - len(array) - len(ended)), *ended]


def _head(second: Second, width: int) -> list[Row]:
    """Whether they have parted, the present decision and its reason."""
    snap, event = second.snap, second.snap.event
    rows: list[Row] = []
    if second.trouble:
        rows.append(((f" {second.trouble}", "error"),))
    if second.parted:
        style = "changed" if sign(second) == "≠" else "dim"
        first, *more = wrap(second.parted, max(width - 4, 20))
        rows += [((f" {sign(second)} {first}", style),), *(((f"   {each}", style),) for each in more)]
    else:
        rows.append(((f" = nothing observable differs from {second.first} so far", "good"),))
    if event is None:
        rows.append(((f"   {snap.stop}: {snap.stop_text}", "good" if snap.stop == "end" else "bad"),))
        return [*rows, ()]
    (decided,) = events.rows((event._replace(why=""),), snap, Look(), 0)
    return [*rows, (_signed(second, event.step), *decided), ((f"   {event.why or snap.access}", ""),)]


def _signed(second: Second, step: int) -> tuple[str, str]:
    return (f" {second.signs.get(step, ' ')}", "changed")


def _rule(words: str, width: int) -> Row:
    return (("─ ", "rule"), (words, "title"), (" " + "─" * max(width - len(words) - 3, 0), "rule"))


def _source(second: Second, width: int, height: int) -> list[Row]:
    """The function that it stands in, below its name."""
    look = Look()
    look.tops["source"] = source.top_line(second.snap, look, height - 1)
    rows = source.paint(second.snap, look, width, height - 1)
    return [_rule(source.title(second.snap, look), width), *rows, *[()] * (height - 1 - len(rows))]


def _decisions(second: Second, width: int, height: int) -> list[Row]:
    """The last ones."""
    shown = events.window(second.snap, Look(), height) if height > 0 else ()
    rows = events.rows(shown, second.snap, Look(), width - 2)
    return [(_signed(second, event.step), *row) for event, row in zip(shown, rows, strict=True)]


def _orders(snap: Snapshot, second: Second, width: int, height: int) -> list[Row]:
    """Its orders, those around the cursor where not all fit."""
    rows, others = second.snap.orders, {row.order: row for row in snap.orders}
    if not rows:
        return orders.paint(second.snap, Look(), width, height)[:height]
    at = next((n for n, row in enumerate(rows) if row.cursor), 0)
    top = max(0, min(at - height // 2, len(rows) - height))
    painted = orders.paint(second.snap, Look(), width - 2, height)
    return [
        ((f" {_against(others.get(row.order), row)}", "changed"), *painted[n])
        for n, row in enumerate(rows)
        if top <= n < top + height
    ]


def _against(other: OrderRow | None, row: OrderRow) -> str:
    """The sign of an order that the first run does not have, or of which its loops said something else."""
    if other is None:
        return "+"
    said = ((other.bounds, row.bounds), (other.range, row.range), (other.alloc, row.alloc), (other.charge, row.charge))
    return "≠" if any(one and two and one != two for one, two in said) else " "


def _outcome(each: Outcome, second: Second, width: int) -> list[Row]:
    """What an event came to in both runs: once if that is the same, in as few rows as hold it."""
    if each.first == each.second:
        return [((f" = {each.event}: ", "dim"), (each.first, "good"))]
    mine: Row = ((" ≠ ", "changed"), (f"{each.event}: ", "dim"), (f"{second.first} {each.first}", ""))
    other: Row = ((f"{second.name} {each.second or 'not ended'}", "changed"),)
    both = (*mine, (" | ", "dim"), *other)
    if row_cells(both) <= width:
        return [both]
    if row_cells(mine) <= width:
        return [mine, (("   ", ""), *other)]
    return [mine[:2], (("   ", ""), mine[2]), (("   ", ""), *other)]
