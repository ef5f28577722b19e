# SPDX-License-Identifier: GPL-2.0-only
"""A process that begins and one that ends: fork and exit (kernel/fork.c, exit_mmap of mm/mmap.c; Linux 6.5).

No tasks and no signals: a process is its mm.
"""

from __future__ import annotations

from kernelmodel.decision import Decision, Path
from kernelmodel.defs import ENOMEM, MMF_HUGE_ZERO_PAGE
from kernelmodel.machine import ALIVE, GONE, Machine
from kernelmodel.mm.dup import MMF_INIT_MASK, dup_mmap
from kernelmodel.mm.mmap_lock import vma_start_write
from kernelmodel.mm.pgtable import mm_init
from kernelmodel.mm.tables import table_free
from kernelmodel.mm.vma import vma_at, vma_free, vma_unlink
from kernelmodel.mm.zap import free_pgtables, unmap_vmas
from kernelmodel.scenario.types import Action
from kernelmodel.structs import Mm


def fork(cpu: int, mm: Mm, action: Action) -> Path[int]:
    """0, or -ENOMEM and no child."""
    m = mm.m
    number = m.mm_names.index(action.text)
    failed = yield from dup_mm(m, number, mm, cpu)
    if failed:
        return failed
    m.mm_users.set(number, ALIVE)
    return 0


def dup_mm(m: Machine, number: int, oldmm: Mm, cpu: int) -> Path[int]:
    """An mm like ``oldmm``; what there is of it is taken down again if memory runs out."""
    mm = mm_init(m, number)
    mm.flags = oldmm.flags & MMF_INIT_MASK
    err = yield from dup_mmap(mm, oldmm, cpu)
    if err:
        yield from mmput(mm, cpu)
        return -ENOMEM
    return 0


def exit(cpu: int, mm: Mm, action: Action) -> Path[int]:
    """The process ends: from here on no event of it begins."""
    mm.m.mm_users.set(mm.id, GONE)
    yield from mmput(mm, cpu)
    return 0


def mmput(mm: Mm, cpu: int) -> Path[None]:
    """The last user is gone: memory, tables, the reference to the huge zero page, the pgd."""
    m = mm.m
    yield from exit_mmap(mm, cpu)
    if mm.flags & MMF_HUGE_ZERO_PAGE:
        m.huge_zero_refcount.add(0, -1)
    mm.flags = 0
    table_free(m, m.pgd.get(mm.id) - 1)
    m.pgd.set(mm.id, 0)


def exit_mmap(mm: Mm, cpu: int) -> Path[None]:
    """Unmap every VMA, free the tables, forget the VMAs."""
    m, count = mm.m, mm.map_count
    for k in range(count):
        vma = vma_at(m, mm.id, k)
        assert vma is not None
        yield Decision("exit-vma", "unmapped", addr=vma.vm_start)
        yield from vma_start_write(vma, cpu)  # for the end of every other thread, which the kernel waits for before
        yield from unmap_vmas(mm, vma.vm_start, vma.vm_end, cpu)
    free_pgtables(mm, 0, m.arch.task_size, 0, 0)
    for k in range(mm.map_count - 1, -1, -1):
        vma = vma_at(m, mm.id, k)
        assert vma is not None
        vma_unlink(vma)
        vma_free(vma)
