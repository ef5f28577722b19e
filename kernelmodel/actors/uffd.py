# SPDX-License-Identifier: GPL-2.0-only
"""ioctl() on a userfaultfd: what a monitor does to the memory of the process that it watches (fs/userfaultfd.c, 6.5).

Registering holds mmap_lock for writing, all else reads; each operation takes its locks itself.
"""

from __future__ import annotations

from collections.abc import Callable

from kernelmodel.arch import has_uffd_wp
from kernelmodel.decision import Decision, Path
from kernelmodel.defs import EINVAL, EPERM, VM_MAYWRITE, VM_UFFD_MISSING, VM_UFFD_WP
from kernelmodel.mm.mmap_lock import mmap_write_lock, mmap_write_unlock
from kernelmodel.mm.uffd_copy import userfaultfd_fill
from kernelmodel.mm.uffd_move import userfaultfd_move
from kernelmodel.mm.uffd_wp import uffd_wp_range, userfaultfd_writeprotect
from kernelmodel.mm.userfaultfd import userfaultfd_armed, userfaultfd_missing, userfaultfd_wp, wake_userfault
from kernelmodel.mm.vma import find_vma_below, find_vma_intersection
from kernelmodel.mm.vma_modify import vma_modify
from kernelmodel.scenario.types import Action
from kernelmodel.structs import Mm, Vma

VM_UFFD_FLAGS = VM_UFFD_MISSING | VM_UFFD_WP


def uffd(cpu: int, mm: Mm, action: Action) -> Path[int]:
    """userfaultfd_ioctl: 0, or an errno (-EAGAIN also where a part was done)."""
    op, mode = action.arg("op"), action.arg("mode", ())
    start, size = action.address, action.size
    if op in ("register", "unregister"):
        yield from mmap_write_lock(mm, cpu)
        change = userfaultfd_register if op == "register" else userfaultfd_unregister
        error = yield from change(mm, start, start + size, mode, cpu)
        mmap_write_unlock(mm, cpu)
        return error
    if op in ("copy", "zeropage", "poison"):
        return (yield from userfaultfd_fill(mm, start, size, op, "wp" in mode, cpu))
    if op == "writeprotect":
        return (yield from userfaultfd_writeprotect(mm, start, size, "wp" in mode, cpu))
    if op == "move":
        return (yield from userfaultfd_move(mm, start, action.arg("src"), size, cpu))
    yield from wake_userfault(mm, start, size)
    return 0


def userfaultfd_register(mm: Mm, start: int, end: int, mode: tuple[str, ...], cpu: int) -> Path[int]:
    """Arm every VMA of a range: 0, -EINVAL, -EPERM or -ENOMEM.  Write protection needs an arch that has it (x86-64)."""
    flags = (VM_UFFD_MISSING if "missing" in mode else 0) | (VM_UFFD_WP if "wp" in mode else 0)
    if not flags or (flags & VM_UFFD_WP and not has_uffd_wp(mm.m.release, mm.m.arch)) or not vmas_of(mm, start, end):
        return -EINVAL
    if any(not vma.vm_flags & VM_MAYWRITE for vma in vmas_of(mm, start, end)):
        return -EPERM
    return (yield from for_each_vma(mm, start, end, arm, flags, cpu))


def arm(vma: Vma, start: int, end: int, flags: int, cpu: int) -> Path[Vma | int]:
    """One VMA's part: the VMA that holds it then, or -ENOMEM."""
    if vma.vm_flags & flags == flags:
        yield Decision("uffd-register", "same", addr=start, arg=vma.vm_flags)
        return vma
    new_flags = vma.vm_flags & ~VM_UFFD_FLAGS | flags
    yield Decision("uffd-register", "flags", addr=start, arg=new_flags)
    return (yield from set_flags(vma, start, end, new_flags, cpu))


def userfaultfd_unregister(mm: Mm, start: int, end: int, mode: tuple[str, ...], cpu: int) -> Path[int]:
    """Nobody watches the range any more: who waits is woken, write protection ends.  0, -EINVAL or -ENOMEM."""
    del mode
    if not vmas_of(mm, start, end):
        return -EINVAL
    return (yield from for_each_vma(mm, start, end, disarm, 0, cpu))


def disarm(vma: Vma, start: int, end: int, flags: int, cpu: int) -> Path[Vma | int]:
    """One VMA's part.  It is write-locked only after the wake and once its entries have lost the bit.

    So a fault that holds the VMA's own lock may go to sleep after the wake, and sleeps on.
    """
    if not userfaultfd_armed(vma):
        return vma
    new_flags = vma.vm_flags & ~VM_UFFD_FLAGS
    yield Decision("uffd-unregister", "flags", addr=start, arg=new_flags)
    if userfaultfd_missing(vma):
        yield from wake_userfault(vma.vm_mm, start, end - start)
    if userfaultfd_wp(vma):
        yield from uffd_wp_range(vma, start, end, False, cpu)
    return (yield from set_flags(vma, start, end, new_flags, cpu))


def set_flags(vma: Vma, start: int, end: int, flags: int, cpu: int) -> Path[Vma | int]:
    """Split or merge, and write-lock what holds the range then (vma_modify_flags_uffd)."""
    prev = vma if start > vma.vm_start else find_vma_below(vma.vm_mm, start)
    return (yield from vma_modify("uffd", prev, vma, start, end, flags, cpu))


Change = Callable[[Vma, int, int, int, int], Path[Vma | int]]


def for_each_vma(mm: Mm, start: int, end: int, change: Change, flags: int, cpu: int) -> Path[int]:
    """Part by part, until one fails."""
    vma = find_vma_intersection(mm, start, end)
    while vma is not None:
        start = max(start, vma.vm_start)
        found = yield from change(vma, start, min(end, vma.vm_end), flags, cpu)
        if isinstance(found, int):
            return found
        start = found.vm_end
        vma = find_vma_intersection(mm, start, end) if start < end else None
    return 0


def vmas_of(mm: Mm, start: int, end: int) -> list[Vma]:
    """The VMAs that reach into a range."""
    found: list[Vma] = []
    vma = find_vma_intersection(mm, start, end)
    while vma is not None:
        found.append(vma)
        vma = find_vma_intersection(mm, vma.vm_end, end) if vma.vm_end < end else None
    return found
