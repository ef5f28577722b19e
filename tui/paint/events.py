# SPDX-License-Identifier: GPL-2.0-only
"""The decisions of this run, numbered; the number is the address that ``goto`` takes."""

from __future__ import annotations

from kernelmodel.decision import STEPS
from kernelmodel.snapshot import Event, Snapshot
from tui.paint.look import Look, cpu_style
from tui.paint.rows import Row, Seg, hexa

HELP = (
    "The decisions of this run; the number is the address that goto, marks and mails use.",
    "* you are here   » your cursor   mark a: you marked it   <- break N: breakpoint N stopped there",
    "FORCED: you forced it, with its cause   answered: you (or the scenario) answered it",
    "Enter goes there   b breaks on its kind   / searches all of them   [ ] to the fallback before and next",
)


def title(snap: Snapshot, look: Look) -> str:
    """The access in progress."""
    return f"events  {snap.access}" if snap.access else "events"


def cursor_step(snap: Snapshot, look: Look) -> int:
    """The step under the cursor."""
    return snap.step if look.event < 0 else look.event


def paint(snap: Snapshot, look: Look, width: int, height: int) -> list[Row]:
    """At most ``height`` rows around the cursor, which is the present unless the user moved it."""
    if not snap.events:
        return [((" no decision yet", "dim"),)]
    return rows(window(snap, look, height), snap, look, width)


def window(snap: Snapshot, look: Look, height: int) -> tuple[Event, ...]:
    """The events on a pane of ``height`` rows (without title)."""
    steps = [event.step for event in snap.events]
    at = cursor_step(snap, look)
    place = next((place for place, step in enumerate(steps) if step >= at), len(steps) - 1)
    after = 0 if height < 4 else 1 if height < 8 else 3
    begin = max(0, min(place - height + 1 + after, len(steps) - height))
    return snap.events[begin : begin + height]


def rows(listed: tuple[Event, ...], snap: Snapshot, look: Look, width: int) -> list[Row]:
    """Some decisions, their columns as wide as the longest needs."""
    kind = max((len(event.kind) for event in listed), default=0)
    place = max((len(_place(event)) for event in listed), default=0)
    return [_row(event, snap, look, width, max(kind, 12), max(place, 22)) for event in listed]


def _place(event: Event) -> str:
    return f"{event.function}:{event.line}" if event.function else ""


def _row(event: Event, snap: Snapshot, look: Look, width: int, kind: int, place: int) -> Row:
    present = event.step == snap.step
    future = event.step > snap.step
    base = "dim" if future else ""
    under = event.step == look.event
    out: list[Seg] = [
        ("*" if present else "»" if under else " ", "here"),
        (f"#{event.step:<{len(str(snap.last))}} ", "cursor" if under else "dim"),
    ]
    if len(snap.cpus) > 1:
        out.append((f"cpu{event.cpu} ", "dim" if future else cpu_style(event.cpu)))
    quiet = future or (event.kind in STEPS and event.outcome not in BAD)
    style = "dim" if quiet else "bad" if event.kind in ("fallback", "bug") else "bold"
    out.append((f"{event.kind or 'end':<{kind}} ", style))
    if width >= 100:
        out.append((f"{_place(event):<{place}} ", "dim"))
    out.append((_operands(event, width), base))
    out.append((event.outcome or event.reason, _style(event, base)))
    if event.forced:
        out.append((" FORCED", "forced"))
    elif not event.natural:
        out.append((" answered", "forced"))
    if event.step in look.stopped:
        out.append((f"  <- break {look.stopped[event.step]}", "break"))
    marks = "".join(sorted(name for name, step in look.marks.items() if step == event.step))
    if marks:
        out.append((f"  mark {marks}", "mark"))
    if event.why:
        out.append((f"  {event.why}", "" if present else "dim"))
    return tuple(out)


def _operands(event: Event, width: int) -> str:
    parts = []
    if event.i >= 0:
        parts.append(f"i={event.i}")
    if event.order >= 0:
        parts.append(f"order={event.order}")
    if event.addr >= 0 and width >= 100:
        parts.append(hexa(event.addr))
    return " ".join(parts) + " " if parts else ""


BAD = ("outside", "populated", "NULL", "-ENOMEM", "changed", "armed", "unstable", "missing", "marker")
"""Outcomes that reject or fail."""


def _style(event: Event, base: str) -> str:
    if base:
        return base
    return "bad" if event.outcome in BAD or event.kind in ("fallback", "bug") else "good"
