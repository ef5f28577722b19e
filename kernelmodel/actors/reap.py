# SPDX-License-Identifier: GPL-2.0-only
"""The OOM reaper, or process_mrelease(): takes the memory of a process that is to die (mm/oom_kill.c, 6.5 … 7.1).

The kernel's goes over the whole mm, this over the range of its event, and it does not come back where it was refused.
The bit comes first: a fault that looks at it under the lock of a table that the reaper has zapped maps nothing there.
An empty PMD is passed without its lock, so that a fault which has looked before may still put a leaf there; nothing
that was taken comes back by that.
"""

from __future__ import annotations

from kernelmodel.decision import Decision, Path
from kernelmodel.defs import EAGAIN, MMF_UNSTABLE, VM_PFNMAP
from kernelmodel.mm.mmap_lock import mmap_read_trylock, mmap_read_unlock
from kernelmodel.mm.vma import vmas
from kernelmodel.mm.walk import populated_pmds
from kernelmodel.mm.zap import unmap_page_range
from kernelmodel.scenario.types import Action
from kernelmodel.structs import Mm


def reap(cpu: int, mm: Mm, action: Action) -> Path[int]:
    """oom_reap_task_mm(): one attempt at the mm."""
    start, end = action.address, action.address + action.size
    if not mmap_read_trylock(mm):
        yield Decision("reap-return", "-EAGAIN", addr=start, reason="mmap-locked")
        return -EAGAIN
    yield from __oom_reap_task_mm(mm, start, end, cpu)
    mm.m.reaped.set(2 * mm.id, start)
    mm.m.reaped.set(2 * mm.id + 1, end)
    mmap_read_unlock(mm)
    yield Decision("reap-return", "0", addr=start)
    return 0


def __oom_reap_task_mm(mm: Mm, start: int, end: int, cpu: int) -> Path[None]:
    """Say that the contents are no longer stable, then zap VMA by VMA, from 6.18 on from the highest down."""
    mm.flags |= MMF_UNSTABLE
    found = [vma for vma in vmas(mm) if vma.vm_start < end and start < vma.vm_end]
    if mm.m.release >= (6, 18):
        found.reverse()
    for k in range(len(found)):
        vma = found[k]
        if vma.vm_flags & VM_PFNMAP:
            continue
        low, high = max(start, vma.vm_start), min(end, vma.vm_end)
        yield Decision("reap-vma", "zap", addr=low, arg=high - low)
        note_populated(mm, low, high)
        yield from unmap_page_range(vma, low, high, cpu, False)


def note_populated(mm: Mm, low: int, high: int) -> None:
    """For the invariant: where something stands that will be taken."""
    for base, _ in populated_pmds(mm, low, high):
        mm.m.reaped_pmd.set(mm.m.pmd_range(mm.id, base), 1)
