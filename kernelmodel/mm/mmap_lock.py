# SPDX-License-Identifier: GPL-2.0-only
"""mmap_lock (include/linux/mmap_lock.h): faults and zaps read, whoever changes VMAs writes.

With one CPU nobody can contend for it and nothing is stored.  Per-VMA locks are not modelled: a fault reads here.
"""

from __future__ import annotations

from kernelmodel.decision import KernelBug, Path, Wait
from kernelmodel.structs import Mm

WRITER = 1 << 8
"""In ``Machine.mmap_lock``: WRITER + CPU for a writer, else the number of readers."""


def mmap_read_lock(mm: Mm) -> Path[None]:
    """Wait while someone writes."""
    m = mm.m
    if m.nr_cpus > 1:
        while m.mmap_lock.get(mm.id) >= WRITER:
            yield Wait(f"mmap_lock of {m.mm_names[mm.id]}", lambda: m.mmap_lock.get(mm.id) < WRITER)
        m.mmap_lock.add(mm.id, 1)


def mmap_read_unlock(mm: Mm) -> None:
    """One reader less."""
    m = mm.m
    if m.nr_cpus > 1:
        if not 0 < m.mmap_lock.get(mm.id) < WRITER:
            raise KernelBug("mmap_read_unlock", f"nobody reads under the mmap_lock of {m.mm_names[mm.id]}")
        m.mmap_lock.add(mm.id, -1)


def mmap_write_lock(mm: Mm, cpu: int) -> Path[None]:
    """Wait while anyone reads or writes."""
    m = mm.m
    if m.nr_cpus > 1:
        while m.mmap_lock.get(mm.id):
            yield Wait(f"mmap_lock of {m.mm_names[mm.id]}", lambda: not m.mmap_lock.get(mm.id))
        m.mmap_lock.set(mm.id, WRITER + cpu)


def mmap_write_unlock(mm: Mm, cpu: int) -> None:
    """Let go of it, if this CPU has not done so already."""
    m = mm.m
    if m.mmap_lock.get(mm.id) == WRITER + cpu:
        m.mmap_lock.set(mm.id, 0)
