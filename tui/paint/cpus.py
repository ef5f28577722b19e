# SPDX-License-Identifier: GPL-2.0-only
"""The CPUs: which can go on and from where, what the others wait for, which locks are held."""

from __future__ import annotations

import re

from kernelmodel.snapshot import CpuView, LockView, Snapshot
from tui.paint.look import Look, cpu_style
from tui.paint.rows import Row, Seg

HELP = (
    "One row for each CPU: whether it can go on, the decision it stands at, where, its event; then the locks held.",
    "next: the one that step, next and continue run (by the schedule, else the one that ran)   ready: it could go on",
    "▶ the one that stopped   » in view: call stack, source and locals are its; ↑↓ or < and > choose another",
    "Enter runs the CPU under the cursor to its next stop; S takes that back, on whatever CPU it was",
    "What was known of the run behind it is forgotten if another CPU went on there",
)
PLACE = 60
"""Columns from which the places of all CPUs stand below each other."""


def title(snap: Snapshot, look: Look) -> str:
    """Whose calls are in view, if not those of the CPU that stopped."""
    return "cpus" if snap.view_cpu == snap.cpu else f"cpus  cpu{snap.view_cpu} in view"


def paint(snap: Snapshot, look: Look, width: int, height: int) -> list[Row]:
    """One row per CPU, one per lock."""
    many = len(snap.cpus) > 1
    under = look.row.get("cpus", snap.view_cpu if many else -1)
    found = max((len(_found(each, snap)) for each in snap.cpus), default=0) if width >= PLACE else 0
    place = max((len(_place(each)) for each in snap.cpus), default=0) if width >= PLACE else 0
    room = width - len("»▶cpu0 waits ")
    rows: list[Row] = []
    for at, each in enumerate(snap.cpus):
        rows.append(
            (
                ("»" if under == at else " ", "here"),
                ("▶" if each.cpu == snap.cpu else " ", "here"),
                (f"cpu{each.cpu} ", cpu_style(each.cpu) if many else "bold"),
                *_state(each),
                (f"{_short(_found(each, snap), room):<{found}}  ", "warn" if _waits(each) else ""),
                (f"{_place(each):<{place}}  ", "dim" if each.state == "done" else ""),
                (each.event, "dim"),
            )
        )
    return rows + [_lock(each, len(snap.cpus) + at == under, width) for at, each in enumerate(snap.locks)]


def _waits(each: CpuView) -> bool:
    return each.state.startswith("waits") and not each.enabled


def _state(each: CpuView) -> Row:
    """A word for what can be done with it."""
    if each.next:
        return (("next  ", "key"),)
    if each.enabled:
        return (("ready ", "good"),)
    word = "waits" if _waits(each) else each.state
    return ((f"{word:<6}", "warn" if _waits(each) else "dim"),)


def _found(each: CpuView, snap: Snapshot) -> str:
    """What it waits for and who has that, else the decision at which it stands."""
    if not _waits(each):
        return each.found if each.function else "" if each.state == "done" else "begins"
    return awaited(each, snap)


def awaited(each: CpuView, snap: Snapshot) -> str:
    """What a CPU waits for, and who has it: ``mmap_lock of main, held by cpu0``."""
    what = each.state.removeprefix("waits for ")
    lock = next((lock for lock in snap.locks if lock.name == what), None)
    return f"{what}, {_holder(lock)}" if lock is not None else what


def _place(each: CpuView) -> str:
    return f"{each.function}:{each.line}" if each.function and each.line else each.function


def _holder(lock: LockView) -> str:
    return f"held by cpu{lock.owner}" if lock.owner >= 0 else "read by " + " ".join(f"cpu{cpu}" for cpu in lock.readers)


def _short(words: str, room: int) -> str:
    """Without the address of a VMA where that leaves no room for who holds its lock."""
    return words if len(words) <= room else re.sub(r" \[0x[0-9a-f]+\]", "", words)


def _lock(lock: LockView, under: bool, width: int) -> Row:
    holder = f" {_holder(lock)}"
    name = _short(lock.name, width - 2 - len(holder))
    row: list[Seg] = [("» " if under else "  ", "here"), (name, "bold"), (holder, "")]
    if lock.waiters:
        row.append((", awaited by", "warn"))
        row += [(f" cpu{cpu}", cpu_style(cpu)) for cpu in lock.waiters]
    return tuple(row)
