# SPDX-License-Identifier: GPL-2.0-only
"""A run on several CPUs as commit messages write it: a column per CPU, time going down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap

from kernelmodel.decision import STEPS
from kernelmodel.snapshot import Event

MOST = 4
"""CPUs that have a column; with more of them a line names its CPU instead."""
GAP = 2


def columns(events: Sequence[Event], begun: Mapping[int, str], width: int = 80) -> list[str]:
    """Lines of at most ``width`` characters, without blanks at their ends.

    ``begun``: by step, the event of the program that begins there.  A function is named where its CPU comes to it;
    below stand its decisions.  Places where only another CPU could have run are left out.
    """
    cpus = sorted({event.cpu for event in events})
    apart = len(cpus) <= MOST
    each = width // len(cpus) if apart and cpus else width
    room = each - GAP - (0 if apart else len("CPU0  "))
    lines = [_line([f"CPU{cpu}" for cpu in cpus], each)] if apart and cpus else []
    inside: dict[int, str] = {}
    for event in events:
        rows = [begun[event.step]] if event.step in begun else []
        if rows:
            inside.pop(event.cpu, None)
        if text := happened(event):
            if event.function and inside.get(event.cpu) != event.function:
                inside[event.cpu] = event.function
                rows.append(f"{event.function}()")
            rows.append(f"  {text}")
        for row in (part for whole in rows for part in _parts(whole, room)):
            before = [""] * cpus.index(event.cpu) if apart else []
            lines.append(_line([*before, row if apart else f"CPU{event.cpu}  {row}"], each))
    return lines


def happened(event: Event) -> str:
    """A decision in a few words; '' for one that says nothing of the kernel."""
    if event.kind == "step" or not event.kind:
        return f"waits for {event.reason}" if event.outcome == "wait" else ""
    words = [event.kind]
    if event.order >= 0 and event.kind not in STEPS:
        words.append(f"order={event.order}")
    words += [event.outcome] if event.outcome else [event.reason] if event.reason else []
    if found := dict(event.more).get("found"):
        words.append(f"({found})")
    return " ".join(words)


def _parts(row: str, width: int) -> list[str]:
    """A row that is too long goes on below, a bit further in."""
    margin = row[: len(row) - len(row.lstrip())] + "  "
    return wrap(row, width, subsequent_indent=margin, break_long_words=False, break_on_hyphens=False)


def _line(cells: Sequence[str], width: int) -> str:
    """Cells side by side, cut to their columns."""
    cut = [cell if len(cell) <= width - GAP else cell[: width - GAP - 1] + "…" for cell in cells]
    return "".join(f"{cell:<{width}}" for cell in cut).rstrip()
