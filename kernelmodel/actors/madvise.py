# SPDX-License-Identifier: GPL-2.0-only
"""madvise(): advice on a range, VMA by VMA (mm/madvise.c of 6.5; later releases where it shows)."""

from __future__ import annotations

from kernelmodel.actors.collapse import madvise_collapse
from kernelmodel.actors.populate import faultin_page_range, faultin_vma_page_range
from kernelmodel.decision import Decision, Path
from kernelmodel.defs import (
    EAGAIN,
    EINVAL,
    ENOMEM,
    VM_DONTCOPY,
    VM_HUGEPAGE,
    VM_IO,
    VM_LOCKED,
    VM_NOHUGEPAGE,
    VM_PFNMAP,
    VM_RAND_READ,
    VM_SEQ_READ,
)
from kernelmodel.mm.lazyfree import madvise_free_single_vma
from kernelmodel.mm.mmap_lock import (
    mmap_read_lock,
    mmap_read_unlock,
    mmap_write_lock,
    mmap_write_unlock,
    vma_end_read,
)
from kernelmodel.mm.userfaultfd import userfaultfd_armed
from kernelmodel.mm.vma import find_vma, find_vma_below, find_vma_intersection
from kernelmodel.mm.vma_lock import lock_vma_under_rcu
from kernelmodel.mm.vma_modify import vma_modify
from kernelmodel.mm.zap import unmap_page_range
from kernelmodel.scenario.types import Action
from kernelmodel.structs import Mm, Vma

FLAGS = {
    "MADV_HUGEPAGE": (VM_HUGEPAGE, VM_NOHUGEPAGE),
    "MADV_NOHUGEPAGE": (VM_NOHUGEPAGE, VM_HUGEPAGE),
    "MADV_NORMAL": (0, VM_RAND_READ | VM_SEQ_READ),
    "MADV_SEQUENTIAL": (VM_SEQ_READ, VM_RAND_READ),
    "MADV_RANDOM": (VM_RAND_READ, VM_SEQ_READ),
    "MADV_DONTFORK": (VM_DONTCOPY, 0),
    "MADV_DOFORK": (0, VM_DONTCOPY),
}
"""Advice that changes a VMA: flags that it sets and clears."""


def madvise(cpu: int, mm: Mm, action: Action) -> Path[int]:
    """do_madvise: mmap_lock held for writing where VMAs change, else for reading; or the lock of one VMA (6.17)."""
    if action.arg("advice") in FLAGS:
        yield from mmap_write_lock(mm, cpu)
        error = yield from madvise_walk_vmas(cpu, mm, action)
        mmap_write_unlock(mm, cpu)
        return error
    if action.arg("advice") in ("MADV_DONTNEED", "MADV_FREE") and mm.m.release >= (6, 17):
        vma = yield from try_vma_read_lock(mm, action.address, action.address + action.size)
        if vma is not None:
            end = action.address + action.size
            error = yield from madvise_vma_behavior(vma, action.address, end, action.arg("advice"), cpu)
            vma_end_read(vma)
            return error
    yield from mmap_read_lock(mm)
    error = yield from madvise_walk_vmas(cpu, mm, action)
    mmap_read_unlock(mm)
    return error


def try_vma_read_lock(mm: Mm, start: int, end: int) -> Path[Vma | None]:
    """The VMA that holds the whole range, read-locked; None if there is none, or a monitor watches it."""
    if mm.m.nr_cpus == 1:
        return None
    vma = yield from lock_vma_under_rcu(mm, start)
    if vma is not None and (end > vma.vm_end or userfaultfd_armed(vma)):
        vma_end_read(vma)
        return None
    return vma


def madvise_walk_vmas(cpu: int, mm: Mm, action: Action) -> Path[int]:
    """What is there is advised, a hole in the range is -ENOMEM at the end.

    From 6.9 on MADV_POPULATE_ does not walk VMAs and stops at a hole.
    """
    m, advice, start = mm.m, action.arg("advice"), action.address
    end = start + action.size
    if advice.startswith("MADV_POPULATE") and m.release >= (6, 9):
        return (yield from faultin_page_range(mm, start, end, advice == "MADV_POPULATE_WRITE", cpu))
    unmapped_error = 0
    while start < end:
        vma = find_vma_intersection(mm, start, end)
        if vma is None:
            return -ENOMEM
        if start < vma.vm_start:
            unmapped_error = -ENOMEM
            start = vma.vm_start
        part = min(vma.vm_end, end)
        error = yield from madvise_vma_behavior(vma, start, part, advice, cpu)
        if error:
            return error
        done = find_vma(mm, part - 1)  # what the next VMA had already, if they are one now
        start = part if done is None else max(part, done.vm_end)
    return unmapped_error


def madvise_vma_behavior(vma: Vma, start: int, end: int, advice: str, cpu: int) -> Path[int]:
    """One VMA's part of the range: 0 or an errno."""
    mm = vma.vm_mm
    if advice in ("MADV_DONTNEED", "MADV_FREE"):
        return (yield from madvise_dontneed_free(vma, start, end, advice, cpu))
    if advice == "MADV_COLLAPSE":
        return (yield from madvise_collapse(vma, start, end, cpu))
    if advice.startswith("MADV_POPULATE"):
        yield Decision("madvise-vma", "populate", addr=start)
        return (yield from faultin_vma_page_range(mm, start, end, advice == "MADV_POPULATE_WRITE", cpu))
    if advice == "MADV_DOFORK" and vma.vm_flags & VM_IO:
        yield Decision("madvise-vma", "refused", addr=start, reason="VM_IO")
        return -EINVAL
    gain, lose = FLAGS[advice]
    flags = vma.vm_flags & ~lose | gain
    if flags == vma.vm_flags:
        yield Decision("madvise-vma", "same", addr=start, arg=flags)
        return 0
    yield Decision("madvise-vma", "flags", addr=start, arg=flags)
    prev = vma if start > vma.vm_start else find_vma_below(mm, start)
    found = yield from vma_modify("madvise", prev, vma, start, end, flags, cpu)
    return -EAGAIN if isinstance(found, int) else 0


def madvise_dontneed_free(vma: Vma, start: int, end: int, advice: str, cpu: int) -> Path[int]:
    """Give memory back, now (DONTNEED) or when it is short (FREE)."""
    if vma.vm_flags & (VM_PFNMAP | VM_LOCKED):
        reason = "VM_LOCKED" if vma.vm_flags & VM_LOCKED else "VM_PFNMAP"
        yield Decision("madvise-vma", "refused", addr=start, reason=reason)
        return -EINVAL
    if advice == "MADV_FREE":
        yield Decision("madvise-vma", "free", addr=start)
        return (yield from madvise_free_single_vma(vma, start, end, cpu))
    yield Decision("madvise-vma", "zap", addr=start)
    yield from unmap_page_range(vma, start, end, cpu, False, True)
    return 0
