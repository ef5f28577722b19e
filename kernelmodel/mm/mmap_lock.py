# SPDX-License-Identifier: GPL-2.0-only
"""mmap_lock and the locks of single VMAs (include/linux/mmap_lock.h and mm.h, mm/mmap_lock.c; CONFIG_PER_VMA_LOCK).

Whoever looks for VMAs reads under the mmap_lock, whoever changes them writes.  A fault reads under the lock of its VMA
where it can (mm/vma_lock.py).  Who changes a VMA also write-locks it, which waits for its readers and keeps new ones
out; all these write locks end together with the mmap_lock's.  The kernel's sequence numbers, and the reference count
of 6.15, are one flag here: what counts is whether they are equal, and whether a writer waits.

With one CPU nobody can contend and nothing is stored.
"""

from __future__ import annotations

from kernelmodel.decision import KernelBug, Path, Wait
from kernelmodel.defs import FAULT_FLAG_VMA_LOCK
from kernelmodel.machine import Machine
from kernelmodel.structs import Mm, Vma, VmFault


def mmap_lock_name(mm: Mm) -> str:
    """As waits and panes call it."""
    return f"mmap_lock of {mm.m.mm_names[mm.id]}"


def mmap_read_lock(mm: Mm) -> Path[None]:
    """Wait while someone writes."""
    m = mm.m
    if m.nr_cpus > 1:
        while not mmap_read_trylock(mm):
            yield Wait(mmap_lock_name(mm), lambda: not m.mmap_lock_writer.get(mm.id))


def mmap_read_trylock(mm: Mm) -> bool:
    """Read, unless someone writes."""
    m = mm.m
    if m.nr_cpus > 1:
        if m.mmap_lock_writer.get(mm.id):
            return False
        m.mmap_lock.set(mm.id, m.mmap_lock.get(mm.id) | 1 << m.this_cpu)
    return True


def mmap_read_unlock(mm: Mm) -> None:
    """One reader less."""
    m = mm.m
    if m.nr_cpus > 1:
        readers = m.mmap_lock.get(mm.id)
        if not readers >> m.this_cpu & 1:
            raise KernelBug("mmap_read_unlock", f"cpu{m.this_cpu} does not read under the {mmap_lock_name(mm)}")
        m.mmap_lock.set(mm.id, readers & ~(1 << m.this_cpu))


def mmap_write_lock(mm: Mm, cpu: int) -> Path[None]:
    """Wait while anyone reads or writes."""
    m = mm.m
    if m.nr_cpus > 1:
        while m.mmap_lock.get(mm.id) or m.mmap_lock_writer.get(mm.id):
            yield Wait(
                mmap_lock_name(mm), lambda: not m.mmap_lock.get(mm.id) and not m.mmap_lock_writer.get(mm.id)
            )  # fmt: skip
        m.mmap_lock_writer.set(mm.id, cpu + 1)


def mmap_write_unlock(mm: Mm, cpu: int) -> None:
    """Let go of it and of all VMAs that were write-locked, if this CPU has not done so already."""
    m = mm.m
    if m.mmap_lock_writer.get(mm.id) == cpu + 1:
        vma_end_write_all(mm)
        m.mmap_lock_writer.set(mm.id, 0)


def vma_end_write_all(mm: Mm) -> None:
    """No VMA of the mm is write-locked any more."""
    m = mm.m
    for vma in [vma for vma, _ in m.vm_write_locked.items()]:
        if m.vm_mm.get(vma) == mm.id and not m.vma_detached.get(vma):
            m.vm_write_locked.set(vma, 0)


def mmap_write_downgrade(mm: Mm, cpu: int) -> None:
    """From now on a reader; the write locks of VMAs end here, too."""
    m = mm.m
    if m.nr_cpus > 1:
        mmap_write_unlock(mm, cpu)
        m.mmap_lock.set(mm.id, m.mmap_lock.get(mm.id) | 1 << cpu)


def mmap_assert_locked(mm: Mm) -> None:
    """This CPU reads or writes under it."""
    m = mm.m
    reads, writes = m.mmap_lock.get(mm.id) >> m.this_cpu & 1, m.mmap_lock_writer.get(mm.id) == m.this_cpu + 1
    if m.nr_cpus > 1 and not reads and not writes:
        raise KernelBug("mmap_assert_locked", f"cpu{m.this_cpu} does not hold the {mmap_lock_name(mm)}")


# -- one VMA -------------------------------------------------------------------------------------------
def vma_lock_name(m: Machine, number: int) -> str:
    """As waits and panes call it."""
    return f"vm_lock of {m.vma_names[m.vma_name.get(number)]} [{m.vm_start.get(number):#x}]"


def vma_start_read(vma: Vma) -> bool:
    """Read under the VMA's lock, unless someone has write-locked it or waits to; the checks are the caller's."""
    m = vma.m
    if m.nr_cpus > 1:
        if m.vm_write_locked.get(vma.id) and "drop R7" not in m.mutants:
            return False
        m.vm_lock.set(vma.id, m.vm_lock.get(vma.id) | 1 << m.this_cpu)
    return True


def vma_end_read(vma: Vma) -> None:
    """One reader less."""
    m = vma.m
    if m.nr_cpus > 1:
        readers = m.vm_lock.get(vma.id)
        if not readers >> m.this_cpu & 1:
            raise KernelBug("vma_end_read", f"cpu{m.this_cpu} does not read under the {vma_lock_name(m, vma.id)}")
        m.vm_lock.set(vma.id, readers & ~(1 << m.this_cpu))


def vma_start_write(vma: Vma, cpu: int) -> Path[None]:
    """Keep new readers out and wait for those that are in; the caller writes under the mmap_lock."""
    m, number = vma.m, vma.id
    if m.nr_cpus > 1 and not m.vm_write_locked.get(number) and "skip vma_start_write" not in m.mutants:
        m.vm_write_locked.set(number, 1)
        while m.vm_lock.get(number):
            yield Wait(vma_lock_name(m, number), lambda: not m.vm_lock.get(number))


def release_fault_lock(vmf: VmFault) -> None:
    """Let go of what a fault that asks for a retry holds: the lock of the VMA, or the mmap_lock (6.6)."""
    if vmf.flags & FAULT_FLAG_VMA_LOCK:
        vma_end_read(vmf.vma)
    else:
        mmap_read_unlock(vmf.vma.vm_mm)
