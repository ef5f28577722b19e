# SPDX-License-Identifier: GPL-2.0-only
"""mmap() and munmap() of anonymous memory (mm/mmap.c of 6.5, mm/vma.c from 6.12 on).

The address of ``mmap`` is meant: MAP_FIXED, or MAP_FIXED_NOREPLACE.  Limits on memory and mlock are not modelled.
"""

from __future__ import annotations

from kernelmodel import defs
from kernelmodel.actors.populate import mm_populate
from kernelmodel.decision import Decision, Path
from kernelmodel.defs import (
    EEXIST,
    ENOMEM,
    VM_GROWSDOWN,
    VM_LOCKED,
    VM_MAYEXEC,
    VM_MAYREAD,
    VM_MAYWRITE,
    VM_NOHUGEPAGE,
    VM_NORESERVE,
    VM_SHARED,
    VM_SPECIAL,
)
from kernelmodel.machine import Machine
from kernelmodel.mm.mmap_lock import vma_start_write
from kernelmodel.mm.vma import find_vma_intersection, vma_alloc, vma_link
from kernelmodel.mm.vma_modify import (
    SYSCTL_MAX_MAP_COUNT,
    do_munmap,
    dup_anon_vma,
    merged,
    take_over,
    vma_merge_new_range,
)
from kernelmodel.scenario.types import Action
from kernelmodel.structs import Mm, Vma


def mmap(cpu: int, mm: Mm, action: Action) -> Path[int]:
    """do_mmap: the address, -ENOMEM or -EEXIST."""
    m, start, end, names = mm.m, action.address, action.address + action.size, action.arg("flags", ())
    if mm.map_count > SYSCTL_MAX_MAP_COUNT:
        return -ENOMEM
    if "MAP_FIXED_NOREPLACE" in names and find_vma_intersection(mm, start, end) is not None:
        yield Decision("mmap-vma", "refused", addr=start, reason="exists")
        return -EEXIST
    vm_flags = flags_of(m, names)
    failed = yield from mmap_region(mm, start, end, vm_flags, action.arg("name"), cpu)
    if failed:
        return failed
    if vm_flags & VM_LOCKED or "MAP_POPULATE" in names:
        yield from mm_populate(mm, start, end, cpu)
    return start


def flags_of(m: Machine, names: tuple[str, ...]) -> int:
    """VM_ flags as they stand, and what MAP_ flags add (calc_vm_flag_bits; MAP_STACK from 6.8 on)."""
    flags = VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC
    added = {"MAP_GROWSDOWN": VM_GROWSDOWN, "MAP_LOCKED": VM_LOCKED, "MAP_NORESERVE": VM_NORESERVE}
    if m.release >= (6, 8):
        added["MAP_STACK"] = VM_NOHUGEPAGE
    for name in names:
        flags |= getattr(defs, name) if name.startswith("VM_") else added.get(name, 0)
    return flags


def mmap_region(mm: Mm, start: int, end: int, vm_flags: int, name: str, cpu: int) -> Path[int]:
    """Unmap what is there, then grow a neighbour or make a VMA: 0 or -ENOMEM."""
    m = mm.m
    failed = yield from do_munmap(mm, start, end - start, cpu)
    if failed:
        return -ENOMEM
    prev, nxt = vma_merge_new_range(mm, start, end, vm_flags)
    if prev is not None or nxt is not None:
        yield merged("mmap", start, prev, nxt)
        done = yield from vma_expand(prev, nxt, start, end, cpu)
        if done:
            return 0
    yield Decision("mmap-vma", "new", addr=start, arg=vm_flags)
    vma = vma_alloc(m, name)
    if vm_flags & VM_SPECIAL:
        vm_flags &= ~VM_LOCKED
    vma.vm_start, vma.vm_end, vma.vm_flags = start, end, vm_flags
    vma.vm_pgoff = 0 if vm_flags & VM_SHARED else start >> m.arch.page_shift
    yield from vma_start_write(vma, cpu)
    vma_link(mm, vma)
    return 0


def vma_expand(prev: Vma | None, nxt: Vma | None, start: int, end: int, cpu: int) -> Path[bool]:
    """Let the previous VMA reach over the range (and the next one), or the next one down to its start (vma_expand).

    False if there is no memory for it.
    """
    changing = [each for each in (prev, nxt) if each is not None]
    failed = yield from dup_anon_vma(changing[0], changing, cpu)
    if failed:
        return False
    for k in range(len(changing)):
        yield from vma_start_write(changing[k], cpu)
    if prev is not None:
        take_over(prev, nxt)
        prev.vm_end = max(prev.vm_end, end)
    elif nxt is not None:
        nxt.vm_pgoff -= nxt.vm_start - start >> nxt.m.arch.page_shift
        nxt.vm_start = start
    return True


def munmap(cpu: int, mm: Mm, action: Action) -> Path[int]:
    """0, also where nothing is mapped; -EINVAL, -ENOMEM."""
    return (yield from do_munmap(mm, action.address, action.size, cpu, True))
