# SPDX-License-Identifier: GPL-2.0-only
"""The kernel call stack, #0 innermost as in a backtrace, and the locals of the selected call under it."""

from __future__ import annotations

from kernelmodel.snapshot import CallView, Local, Snapshot
from tui.paint.look import Look
from tui.paint.rows import Row, cells, clean

HELP = (
    "The kernel call stack, #0 innermost, and under it the locals of the selected call.",
    "▸ the selected call: ↑↓, u and d choose another; mm/ marks the mechanisms below the reviewed text",
    "* changed by the last step, and what it was   » the local under the cursor: ← → choose",
    "p prints it   { } to where it changed before and next",
)


def title(snap: Snapshot, look: Look) -> str:
    """Depth and selection."""
    return f"call stack, locals of #{len(snap.calls) - 1 - snap.frame}" if snap.calls else "call stack"


def paint(snap: Snapshot, look: Look, width: int, height: int) -> list[Row]:
    """Stack rows, then locals: one per row where they fit, else several in a row."""
    if not snap.calls:
        return [((" the CPU is in user space", "dim"),)]
    here = in_order(snap.calls[max(0, min(snap.frame, len(snap.calls) - 1))])
    rows = _stack(snap, _depth_shown(snap, here, width, height))
    room = height - len(rows)
    under = look.row.get("stack", -1)
    if len(here) <= room:
        return rows + [_local(local, width, at == under) for at, local in enumerate(here)]
    flow = _flow(here, width, under)
    cursor = next((at for at, row in enumerate(flow) if ("»", "here") in row), 0)
    return rows + flow[max(0, cursor - room + 1) :]


def call_at(snap: Snapshot, width: int, height: int, y: int) -> int:
    """Index of the call that row ``y`` of the painted pane shows, -1 if none."""
    if not snap.calls:
        return -1
    most = _depth_shown(snap, in_order(snap.calls[snap.frame]), width, height)
    return len(snap.calls) - 1 - (_first_shown(snap, most) + y) if 0 <= y < most else -1


def in_order(call: CallView) -> tuple[Local, ...]:
    """Its locals as they are listed, and as the cursor counts them: members of structs last."""
    return tuple(sorted(call.locals, key=lambda local: "->" in local.name))


def _depth_shown(snap: Snapshot, here: tuple[Local, ...], width: int, height: int) -> int:
    """How many calls are shown: all, or as many as leave room for the locals."""
    depth = len(snap.calls)
    if depth + len(here) <= height:
        return depth
    return min(depth, max(2, height - len(_flow(here, width, -1)), height // 2))


def _first_shown(snap: Snapshot, most: int) -> int:
    """Number of the innermost call that is shown."""
    chosen = len(snap.calls) - 1 - snap.frame
    return max(0, min(chosen - most // 2, len(snap.calls) - most))


def _stack(snap: Snapshot, most: int) -> list[Row]:
    """``most`` rows of the stack around the selected call."""
    numbered = list(enumerate(reversed(snap.calls)))
    chosen = len(numbered) - 1 - snap.frame
    first = _first_shown(snap, most)
    rows: list[Row] = []
    for number, call in numbered[first : first + most]:
        mark = "▸" if number == chosen else " "
        style = "bold" if number == chosen else "dim" if call.mechanism else ""
        rows.append(
            ((mark, "here"), (f"#{number} ", "dim"), (call.function, style), (f":{call.line}", "number"))
            + ((("  mm/", "dim"),) if call.mechanism else ())
        )
    hidden = len(numbered) - most
    if hidden:
        rows[-1] = (*rows[-1], (f"  +{hidden} more", "dim"))
    return rows


def _local(local: Local, width: int, under: bool) -> Row:
    name_width = 14 if width < 60 else 20
    style = "changed" if local.changed else ""
    row: Row = (
        ("»" if under else " ", "here"),
        ("*" if local.changed else " ", "changed"),
        (f"{local.name:<{name_width}} ", ""),
        (local.text, style),
    )
    return (*row, (f"  was {local.was}", "dim")) if local.changed and local.was else row


def _flow(local: tuple[Local, ...], width: int, under: int) -> list[Row]:
    """``name=value`` pairs packed into rows: what changed first, unless a cursor needs them to stand still."""
    rows: list[Row] = []
    row: Row = ()
    used = 0
    ordered = list(enumerate(local))
    if under < 0:
        ordered.sort(key=lambda each: not each[1].changed)
    for at, item in ordered:
        text = f"{item.name}={item.text}"
        pointer = "»" if at == under else ""
        need = cells(clean(text)) + 2 + len(pointer)
        if row and used + need > width:
            rows.append(row)
            row, used = (), 0
        star, style = ("*", "changed") if item.changed else (" ", "")
        row = (*row, (pointer, "here"), (star, "changed"), (text + " ", style))
        used += need
    return [*rows, row] if row else rows
