# SPDX-License-Identifier: GPL-2.0-only
"""The kernel call stack, #0 innermost as in a backtrace, and the locals of the selected call under it."""

from __future__ import annotations

from kernelmodel.snapshot import Local, Snapshot
from tui.paint.look import Look
from tui.paint.rows import Row, cells, clean


def title(snap: Snapshot, look: Look) -> str:
    """Depth and selection."""
    return f"call stack, locals of #{len(snap.calls) - 1 - snap.frame}" if snap.calls else "call stack"


def paint(snap: Snapshot, look: Look, width: int, height: int) -> list[Row]:
    """Stack rows, then locals: one per row where they fit, else several in a row."""
    if not snap.calls:
        return [((" the CPU is in user space", "dim"),)]
    here = snap.calls[max(0, min(snap.frame, len(snap.calls) - 1))].locals
    depth = len(snap.calls)
    most = depth
    if depth + len(here) > height:
        most = max(2, min(depth, max(height - len(_flow(here, width)), height // 2)))
    rows = _stack(snap, most, width)
    room = height - len(rows)
    if len(here) <= room:
        return rows + [_local(local, width) for local in here]
    return rows + _flow(here, width)


def _stack(snap: Snapshot, most: int, width: int) -> list[Row]:
    """``most`` rows of the stack around the selected call."""
    numbered = list(enumerate(reversed(snap.calls)))
    chosen = len(numbered) - 1 - snap.frame
    first = max(0, min(chosen - most // 2, len(numbered) - most))
    rows: list[Row] = []
    for number, call in numbered[first : first + most]:
        mark = "▸" if number == chosen else " "
        style = "bold" if number == chosen else "dim" if call.mechanism else ""
        rows.append(
            ((mark, "here"), (f"#{number} ", "dim"), (call.function, style), (f":{call.line}", "number"))
            + ((("  mm/", "dim"),) if call.mechanism and width >= 48 else ())
        )
    hidden = len(numbered) - most
    if hidden:
        rows[-1] = (*rows[-1], (f"  +{hidden} more", "dim"))
    return rows


def _local(local: Local, width: int) -> Row:
    name_width = 14 if width < 60 else 20
    style = "changed" if local.changed else ""
    row: Row = (("*" if local.changed else " ", "changed"), (f"{local.name:<{name_width}} ", ""), (local.text, style))
    return (*row, (f"  was {local.was}", "dim")) if local.changed and local.was else row


def _flow(local: tuple[Local, ...], width: int) -> list[Row]:
    """``name=value`` pairs packed into rows: what changed first, members of structs last."""
    rows: list[Row] = []
    row: Row = ()
    used = 0
    for item in sorted(local, key=lambda each: (not each.changed, "->" in each.name)):
        text = f"{item.name}={item.text}"
        need = cells(clean(text)) + 2
        if row and used + need > width:
            rows.append(row)
            row, used = (), 0
        row = (*row, ("*" if item.changed else " ", "changed"), (text + " ", "changed" if item.changed else ""))
        used += need
    return [*rows, row] if row else rows
