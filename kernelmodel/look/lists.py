# SPDX-License-Identifier: GPL-2.0-only
"""What is shown as lists: VMAs, decisions, the timeline and the overview of the whole run, CPUs, locks."""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from typing import TYPE_CHECKING

from kernelmodel.defs import VM_FLAG_NAMES
from kernelmodel.held import held_locks
from kernelmodel.mm.vma import find_vma, vmas
from kernelmodel.snapshot import CpuView, Event, LockView, TimelineMark, VmaView
from kernelmodel.structs import Mm, Vma

if TYPE_CHECKING:
    from kernelmodel.session import Session

BAD = frozenset({"outside", "populated", "NULL", "-ENOMEM", "changed", "unstable", "missing", "armed", "retry"})
"""Outcomes that are a rejection."""
_ENDED = ("next", "done")
"""Outcomes of the steps between events."""
MAX_VMAS = 64
MAX_BUCKETS = 4096


def vma_views(mm: Mm, address: int) -> tuple[VmaView, ...]:
    """An address space, the VMAs nearest to an address (-1: from the first on)."""
    everything = vmas(mm)
    here = find_vma(mm, address) if address >= 0 else None
    at = everything.index(here) if here is not None else 0
    first = max(0, min(at - MAX_VMAS // 2, len(everything) - MAX_VMAS))
    return tuple(vma_view(vma, vma == here) for vma in everything[first : first + MAX_VMAS])


def vma_view(vma: Vma, current: bool) -> VmaView:
    """One VMA."""
    flags = vma.vm_flags
    names = tuple(
        name for bit, name in VM_FLAG_NAMES.items() if flags & bit and not name.startswith(("VM_MAY", "VM_UFFD"))
    )
    uffd = tuple(word for word, name in (("missing", 0x200), ("wp", 0x1000)) if flags & name)
    return VmaView(vma.name, vma.vm_start, vma.vm_end, names, uffd, bool(vma.anon_vma), current)


def event_window(session: Session, count: int, middle: int = -1) -> tuple[Event, ...]:
    """``count`` decisions around the present one, a few of those to come if they are known; or around ``middle``."""
    if middle >= 0:
        stop = min(middle + (count + 1) // 2, session.last + 1)
    else:
        stop = session.step + min(max(count // 4, 1), session.last - session.step) + 1
    first = max(0, stop - count)
    stop = min(max(stop, first + count), session.last + 1) if middle >= 0 else stop
    return tuple(session.event(at) for at in range(first, stop) if session.log.at(at).kind)


def overview(session: Session, count: int) -> tuple[tuple[int, ...], int]:
    """Fallbacks in each of at most ``count`` equal buckets of the whole known run, and the steps in a bucket."""
    steps = session.last + 1
    count = max(0, min(count, steps, MAX_BUCKETS))
    if not count:
        return (), 0
    size = -(-steps // count)
    bounds = [bisect_left(session.fallbacks, at) for at in range(0, steps + size, size)]
    return tuple(after - before for before, after in pairwise(bounds)), size


def timeline(session: Session, count: int) -> tuple[TimelineMark, ...]:
    """A window of steps around the present one."""
    log = session.log
    first = max(0, min(session.step - count // 2, session.last + 1 - count))
    marks = []
    for at in range(first, min(session.last + 1, first + count)):
        shape = log.at(at)
        bad = shape.outcome.split(" ")[0] in BAD
        ended = shape.kind == "step" and shape.outcome in _ENDED
        marks.append(TimelineMark(at, shape.cpu, shape.kind, bad, shape.forced, ended))
    return tuple(marks)


def near_fallbacks(session: Session) -> tuple[int, ...]:
    """The 200 nearest."""
    at = bisect_left(session.fallbacks, session.step)
    return tuple(session.fallbacks[max(0, at - 100) : at + 100])


def cpu_views(session: Session) -> tuple[CpuView, ...]:
    """What each CPU is doing, and who can go on."""
    following = session.next_cpu()
    return tuple(
        CpuView(*row, *_suspended(session, row[0]), session.can_run(row[0]), row[0] == following)
        for row in session.cpu_rows()
    )


def _suspended(session: Session, cpu: int) -> tuple[int, str]:
    """The decision at which a CPU is suspended within an event: step and words."""
    run = session.cpus[cpu]
    if run.driver is None or run.at < 0:
        return -1, ""
    shape = session.log.at(run.at)
    return run.at, f"{shape.kind}:{shape.outcome}" if shape.outcome else shape.kind


def lock_views(session: Session) -> tuple[LockView, ...]:
    """Locks that are held, and who waits for them."""
    m = session.m
    waits = [each for each in session.cpus.waiting() if not session.cpus.enabled(each[0])] if m.nr_cpus > 1 else []
    return tuple(
        LockView(name, writer, tuple(cpu for cpu, what in waits if what == name), readers)
        for name, writer, readers in held_locks(m)
    )
