# SPDX-License-Identifier: GPL-2.0-only
"""lock_vma_under_rcu: a fault's way to the lock of its VMA without the mmap_lock (mm/memory.c, from 6.16 on
mm/mmap_lock.c).

The VMA is looked up first and locked then, so it may be another one, or none, by the time it is locked; whoever finds
so goes back to the mmap_lock.  Memory of VMAs is freed by RCU up to 6.14, so numbers are not used again there; from
6.15 on they are (SLAB_TYPESAFE_BY_RCU), and the mm is looked at, too.
"""

from __future__ import annotations

from kernelmodel.decision import KernelBug, Path, Step
from kernelmodel.mm.mmap_lock import vma_end_read, vma_start_read
from kernelmodel.mm.userfaultfd import userfaultfd_armed
from kernelmodel.mm.vma import find_vma
from kernelmodel.structs import Mm, Vma


def lock_vma_under_rcu(mm: Mm, address: int) -> Path[Vma | None]:
    """The VMA of an address, locked for reading; None where the fault has to take the mmap_lock.

    What is told is told only where some event changes VMAs: else nothing can come between.
    """
    m = mm.m
    while True:
        vma = find_vma(mm, address)  # mas_walk
        if vma is None:
            yield from tell_attempt(mm, address, "no-vma")
            return None
        refused = refuses_vma_lock(vma) if "B3" in m.mutants else ""
        if m.vma_writers:
            yield Step("step", "F1v", addr=address)
        if not refused and not vma_start_read(vma):
            refused = "write-locked"
        elif not refused:
            refused = why_not(mm, vma, address)
            if refused == "other-mm":
                yield from put_for_other_mm(vma, address)
            elif refused:
                vma_end_read(vma)
        yield from tell_attempt(mm, address, refused or "locked")
        if not refused:
            return vma
        if refused != "detached":
            return None


def tell_attempt(mm: Mm, address: int, outcome: str) -> Path[None]:
    """How the attempt ended."""
    if mm.m.vma_writers:
        yield Step("vma-lock", outcome, addr=address)


def why_not(mm: Mm, vma: Vma, address: int) -> str:
    """What is wrong with a VMA that has been locked, '' if nothing is.

    Up to 6.10 the kernel looks at the range before it looks whether the VMA is detached; no VMA is both.
    """
    m = mm.m
    if refused := "" if "B3" in m.mutants else refuses_vma_lock(vma):
        return refused
    if "drop R7" in m.mutants:
        return ""
    if m.vma_detached.get(vma.id):
        return "detached"
    if m.vm_mm.get(vma.id) != mm.id:
        return "other-mm"
    return "" if vma.vm_start <= address < vma.vm_end else "moved"


def put_for_other_mm(vma: Vma, address: int) -> Path[None]:
    """vma_end_read() of a VMA that is another mm's by now, where a writer may wait for that (vma_refcount_put).

    The writer sees that it may go on before it is woken, and it is woken by way of its mm: B8 does not hold that mm.
    """
    m, other = vma.m, vma.vm_mm
    yield Step("step", "F1v-other-mm", addr=address)
    waits = m.vm_write_locked.get(vma.id)
    vma_end_read(vma)
    if waits and "B8" in m.mutants:
        yield Step("step", "F1v-wake", addr=address)
        if not m.pgd.get(other.id):
            raise KernelBug("use-after-free", f"rcuwait_wake_up() in the mm of {m.mm_names[other.id]}, which is freed")


def refuses_vma_lock(vma: Vma) -> str:
    """Why faults in this VMA always take the mmap_lock: no anon_vma (up to 6.9), a monitor (up to 6.5).

    A neighbour's anon_vma may be shared, and neighbours are not locked.
    """
    if vma.m.release < (6, 10) and not vma.anon_vma:
        return "no-anon-vma"
    return "uffd-armed" if vma.m.release < (6, 6) and userfaultfd_armed(vma) else ""
