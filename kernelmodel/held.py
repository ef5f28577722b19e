# SPDX-License-Identifier: GPL-2.0-only
"""Which locks are held at a moment, and by whom."""

from __future__ import annotations

from collections.abc import Iterator

from kernelmodel.machine import Machine
from kernelmodel.mm.mmap_lock import mmap_lock_name, vma_lock_name
from kernelmodel.structs import Mm

Held = tuple[str, int, tuple[int, ...]]
"""Name of a lock, the CPU that has it alone (-1: none), CPUs that share it."""


def held_locks(m: Machine) -> Iterator[Held]:
    """Locks of page tables; where there are several CPUs mmap_lock, those of VMAs, and RCU sections."""
    for table, owner in m.ptl.items():
        yield f"ptl of table {table}", owner - 1, ()
    for mm, _ in m.mm_users.items():
        writer, readers = m.mmap_lock_writer.get(mm), m.mmap_lock.get(mm)
        if writer or readers:
            yield mmap_lock_name(Mm(m, mm)), writer - 1, _cpus(m, readers)
    for vma in sorted({vma for field in (m.vm_lock, m.vm_write_locked) for vma, _ in field.items()}):
        readers = m.vm_lock.get(vma)
        writer = 0 if readers else m.mmap_lock_writer.get(m.vm_mm.get(vma))
        yield vma_lock_name(m, vma), writer - 1, _cpus(m, readers)
    if sections := m.rcu.get(0):
        yield "rcu_read_lock", -1, _cpus(m, sections)


def _cpus(m: Machine, mask: int) -> tuple[int, ...]:
    return tuple(cpu for cpu in range(m.nr_cpus) if mask >> cpu & 1)


def held_by(m: Machine, cpu: int) -> list[str]:
    """What a CPU holds, in words: ``ptl of table 3``, ``mmap_lock of main (read)``."""
    return [
        name if cpu == writer or name == "rcu_read_lock" else f"{name} (read)"
        for name, writer, readers in held_locks(m)
        if cpu == writer or cpu in readers
    ]
