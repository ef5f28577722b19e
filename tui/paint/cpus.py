# SPDX-License-Identifier: GPL-2.0-only
"""The CPUs: what each of them does, which lock it holds or waits for."""

from __future__ import annotations

from kernelmodel.snapshot import CpuView, Snapshot
from tui.paint.look import Look
from tui.paint.rows import Row, Seg

HELP = (
    "One row for each CPU: its state, where it stands, the access it is in; then the locks that are held.",
    "▶ the one that stopped   ◂ call stack and locals are this one's; < and > choose another",
    "» under the cursor   Enter shows that CPU's calls",
)


def title(snap: Snapshot, look: Look) -> str:
    """Whose calls are in view, if not those of the CPU that stopped."""
    return "cpus" if snap.view_cpu == snap.cpu else f"cpus  cpu{snap.view_cpu} in view"


def paint(snap: Snapshot, look: Look, width: int, height: int) -> list[Row]:
    """One row per CPU, one per lock."""
    rows = [_cpu(each, snap, look.row.get("cpus") == at) for at, each in enumerate(snap.cpus)]
    for lock in snap.locks:
        waiting = " ".join(f"cpu{cpu}" for cpu in lock.waiters)
        how = f" held by cpu{lock.owner}" if lock.owner >= 0 else f" read by {lock.readers}"
        row: list[Seg] = [("   ", ""), (lock.name, "bold"), (how, "")]
        row.append((f", awaited by {waiting}" if waiting else "", "warn"))
        rows.append(tuple(row))
    return rows


def _cpu(each: CpuView, snap: Snapshot, under: bool) -> Row:
    waits = each.state.startswith("waits")
    place = f" {each.function}" + (f":{each.line}" if each.line else "") if each.function else ""
    event = f"  {each.event}" if each.event else ""
    return (
        ("»" if under else " ", "here"),
        ("▶" if each.cpu == snap.cpu else " ", "here"),
        (f"cpu{each.cpu}", "bold"),
        ("◂ " if each.cpu == snap.view_cpu and len(snap.cpus) > 1 else "  ", "here"),
        (each.state, "warn" if waits else "dim" if each.state == "done" else "good"),
        (place, ""),
        (event, "dim"),
    )
