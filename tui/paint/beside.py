# SPDX-License-Identifier: GPL-2.0-only
"""The second run beside the first, or below it: where it stands, its source, orders, last decisions and outcomes.

What differs from the first run has a sign: ``≠`` decided otherwise, ``+`` the first run has no such decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import NamedTuple

from kernelmodel.snapshot import OrderRow, Snapshot
from tui.paint import events, orders, source
from tui.paint.look import Look
from tui.paint.rows import Row, cut, fit, row_cells

SPLIT = 100
"""Cells from which the source stands beside the rest."""
_LEAST = 5
"""Rows of source, below which there is none."""


class Outcome(NamedTuple):
    """What became of an event in each of the runs; '' where it has not ended."""

    event: str
    first: str
    second: str


class Second(NamedTuple):
    """The second run as a screen shows it."""

    snap: Snapshot
    first: str
    """Variant of the first run."""
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
    return f"{sign(second)} {second.snap.variant}  step {second.snap.step}/{second.snap.last}"


def paint(snap: Snapshot, second: Second, width: int, height: int) -> list[Row]:
    """At most ``height`` rows; ``snap`` is the first run's."""
    head = _head(second)
    room = height - len(head)
    if width >= SPLIT and room >= _LEAST:
        half = width // 2
        left = _source(second, half, room)
        right = _rest(snap, second, width - half - 1, room, room)
        both = list(zip_longest(left, right, fillvalue=()))[:room]
        return head + [(*fit(one, half), ("│", "rule"), *other) for one, other in both]
    code = min(room // 2, len(_code(second)) + 1)
    rest = _rest(snap, second, width, room - (code if code >= _LEAST else 0), 4)
    code = room - len(rest)
    return head + (_source(second, width, code) if code >= _LEAST else []) + rest


def _head(second: Second) -> list[Row]:
    """Whether they have parted, the present decision and its reason."""
    snap, event = second.snap, second.snap.event
    rows: list[Row] = []
    if second.trouble:
        rows.append(((f" {second.trouble}", "error"),))
    if second.parted:
        rows.append(((f" {sign(second)} ", "changed"), (second.parted, "changed" if sign(second) == "≠" else "dim")))
    else:
        rows.append(((f" = as {second.first} so far", "good"),))
    if event is None:
        rows.append(((f"   {snap.stop}: {snap.stop_text}", "good" if snap.stop == "end" else "bad"),))
        return [*rows, ()]
    decided = events.present(snap, event._replace(why=""), 0)
    return [*rows, (_signed(second, event.step), *decided), ((f"   {event.why or snap.access}", ""),)]


def _signed(second: Second, step: int) -> tuple[str, str]:
    return (f" {second.signs.get(step, ' ')}", "changed")


def _code(second: Second) -> tuple[str, ...]:
    call = source.selected(second.snap)
    return call.source if call is not None else ()


def _source(second: Second, width: int, height: int) -> list[Row]:
    """The function that it stands in, below a rule with its name."""
    look = Look()
    look.tops["source"] = source.top_line(second.snap, look, height - 1)
    return [_rule(source.title(second.snap, look), width), *source.paint(second.snap, look, width, height - 1)]


def _rest(snap: Snapshot, second: Second, width: int, height: int, listed: int) -> list[Row]:
    """Orders, decisions and outcomes, as far as there is room: the outcomes last, decisions in what is left."""
    look = Look()
    array = [_rule(orders.title(second.snap, look), width)]
    array += [_order(snap, second, row, width) for row in second.snap.orders]
    ends = _outcomes(second, width)
    if height < 8:
        array = array[1:] or [((" no orders yet", "dim"),)]
        ends = ends[-1:]
        return [*array[: max(height - len(ends), 0)], *ends][:height]
    array = array[: height - len(ends) - 1] if ends else array[:height]
    room = height - len(array) - len(ends) - 1
    shown = events.window(second.snap, look, min(room, max(listed, 4))) if room > 0 else ()
    rows = [(_signed(second, event.step), *events.present(second.snap, event, width - 2)) for event in shown]
    return [*array, *([_rule("decisions", width), *rows] if rows else []), *([_rule("ended", width), *ends] if ends else [])]
