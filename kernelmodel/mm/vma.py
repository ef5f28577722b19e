# SPDX-License-Identifier: GPL-2.0-only
"""VMAs and their anon_vma."""

from __future__ import annotations

from kernelmodel.decision import Decision, Path, Question
from kernelmodel.defs import (
    ENOMEM,
    FAULT_FLAG_VMA_LOCK,
    VM_ACCESS_FLAGS,
    VM_FAULT_OOM,
    VM_FAULT_RETRY,
    VM_SOFTDIRTY,
    VM_STACK_INCOMPLETE_SETUP,
    VM_WRITE,
)
from kernelmodel.machine import Machine
from kernelmodel.mm import vma_list
from kernelmodel.mm.mmap_lock import mmap_assert_locked, mmap_read_trylock, mmap_read_unlock, vma_end_read
from kernelmodel.mm.vma_list import vma_position
from kernelmodel.structs import Mm, Vma, VmFault


def vma_at(m: Machine, mm: int, position: int) -> Vma | None:
    """The VMA at a position of the sorted list."""
    number = vma_list.number_of(m, mm, position)
    return Vma(m, number) if number >= 0 else None


def _first_above(mm: Mm, address: int) -> Vma | None:
    """The first VMA that ends above ``address``."""
    number = vma_list.number_at(mm.m, mm.id, *vma_list.place_of(mm.m, mm.id, address))
    return Vma(mm.m, number) if number >= 0 else None


def find_vma(mm: Mm, address: int) -> Vma | None:
    """The VMA that holds ``address``, None if there is none (no stack grows here)."""
    vma = _first_above(mm, address)
    return vma if vma is not None and vma.vm_start <= address else None


def find_vma_intersection(mm: Mm, start: int, end: int) -> Vma | None:
    """The first VMA that reaches into [start, end)."""
    vma = _first_above(mm, start)
    return vma if vma is not None and vma.vm_start < end else None


def find_vma_below(mm: Mm, address: int) -> Vma | None:
    """The last VMA that ends at or below ``address``."""
    return vma_at(mm.m, mm.id, vma_position(mm.m, mm.id, address) - 1)


def vma_is_fork_child(vma: Vma) -> bool:
    """Are an ancestor's anon_vmas on its chain (anon_vma_chain with more than one entry)?"""
    return bool(vma.m.anon_vma_parents.get(vma.id))


def vmas(mm: Mm) -> list[Vma]:
    """All VMAs of an mm, ascending."""
    m = mm.m
    return [Vma(m, number) for number in vma_list.numbers(m, mm.id)]


def vma_alloc(m: Machine, name: str) -> Vma:
    """An unlinked VMA of a name that the scenario knows."""
    number = _unused_number(m)
    m.vma_name.set(number, m.vma_numbers[name])
    if m.nr_cpus > 1:
        m.vma_detached.set(number, 1)
    return Vma(m, number)


def _unused_number(m: Machine) -> int:
    height = m.vma_free.get(0)
    if height:
        number = m.vma_free.get(height)
        m.vma_free.set(height, 0)
        m.vma_free.set(0, height - 1)
        return number
    return m.vma_next.add(0, 1) - 1


def vma_free(vma: Vma) -> None:
    """Forget an unlinked VMA.

    Another CPU may still look at it: it finds what was there.  Up to 6.14 the number is not used again for that reason
    (vm_area_free_rcu_cb); since, the VMA may be another one by then (SLAB_TYPESAFE_BY_RCU).
    """
    m, number = vma.m, vma.id
    for field in (m.anon_vma, m.anon_vma_parents, m.vm_write_locked):
        field.set(number, 0)
    if m.nr_cpus == 1:
        for field in (m.vma_name, m.vm_start, m.vm_end, m.vm_flags, m.vm_pgoff, m.vm_mm):
            field.set(number, 0)
    if m.nr_cpus == 1 or m.release >= (6, 15):
        m.vma_free.set(m.vma_free.add(0, 1), number)


def vma_link(mm: Mm, vma: Vma) -> None:
    """Put a VMA into its mm's sorted list."""
    m = mm.m
    vma_list.insert(m, mm.id, vma.vm_start, vma.id)
    m.vm_mm.set(vma.id, mm.id)
    m.vma_detached.set(vma.id, 0)
    mm.map_count += 1


def vma_unlink(vma: Vma) -> None:
    """Take a VMA out of its mm's list (vma_mark_detached)."""
    mm = vma.vm_mm
    if vma.m.nr_cpus > 1:
        vma.m.vma_detached.set(vma.id, 1)
    vma_list.remove(vma.m, mm.id, vma.vm_start)
    mm.map_count -= 1


def linear_page_index(vma: Vma, address: int) -> int:
    """Where in its anon_vma or file a page of the VMA is."""
    return (address - vma.vm_start >> vma.m.arch.page_shift) + vma.vm_pgoff


def vma_is_temporary_stack(vma: Vma) -> bool:
    """The stack of an exec in progress."""
    return vma.vm_flags & VM_STACK_INCOMPLETE_SETUP == VM_STACK_INCOMPLETE_SETUP and bool(vma.vm_flags & 0x100)


def maybe_mkwrite(value: int, vma: Vma) -> int:
    """Writable if the VMA is."""
    return vma.m.arch.pte_mkwrite(value) if vma.vm_flags & VM_WRITE else value


def anon_vma_prepare(vma: Vma) -> Path[int]:
    """Give the VMA an anon_vma if it has none (include/linux/rmap.h): 0 or -ENOMEM."""
    if vma.anon_vma:
        yield Decision("anon-vma", "0")
        return 0
    return (yield from __anon_vma_prepare(vma))


def __anon_vma_prepare(vma: Vma) -> Path[int]:
    """The same where it has none (mm/rmap.c).  Neighbours are looked at, which the VMA's own lock does not hold."""
    mmap_assert_locked(vma.vm_mm)
    answer = yield Question("anon-vma", "anon_vma_prepare", lambda: ("0", "", 0), "-ENOMEM")
    if answer == "-ENOMEM":
        return -ENOMEM
    attach_anon_vma(vma.m, vma)
    return 0


def vmf_anon_prepare(vmf: VmFault) -> Path[int]:
    """0, VM_FAULT_OOM, or VM_FAULT_RETRY where the VMA's lock is not enough and the mmap_lock is not to be had at once
    (mm/memory.c of 6.10; before, a fault without anon_vma never came here under the VMA's lock).
    """
    vma = vmf.vma
    if not vma.anon_vma and vmf.flags & FAULT_FLAG_VMA_LOCK:
        if not mmap_read_trylock(vma.vm_mm):
            yield Decision("anon-vma", "retry", addr=vmf.address, reason="mmap-locked")
            vma_end_read(vma)
            return VM_FAULT_RETRY
        failed = yield from __anon_vma_prepare(vma)
        mmap_read_unlock(vma.vm_mm)
    else:
        failed = yield from anon_vma_prepare(vma)
    return VM_FAULT_OOM if failed else 0


def attach_anon_vma(m: Machine, vma: Vma) -> None:
    """A neighbour's anon_vma where one can be shared, else a new one; nothing if another CPU was first."""
    if not vma.anon_vma or "drop R8" in m.mutants:
        vma.anon_vma = find_mergeable_anon_vma(vma) or m.nr_anon_vmas.add(0, 1)


def find_mergeable_anon_vma(vma: Vma) -> int:
    """anon_vma of an adjacent VMA that could have been one with this, 0 if none (next first, then previous)."""
    m, mm = vma.m, vma.vm_mm.id
    at = vma_position(m, mm, vma.vm_start)
    for near in (vma_at(m, mm, at + 1), vma_at(m, mm, at - 1)):
        if near is None or not near.anon_vma or (near.vm_flags ^ vma.vm_flags) & ~(VM_ACCESS_FLAGS | VM_SOFTDIRTY):
            continue
        if m.anon_vma_parents.get(near.id):  # reusable_anon_vma: not one that was cloned by fork
            continue
        low, high = (vma, near) if vma.vm_end == near.vm_start else (near, vma)
        if low.vm_end == high.vm_start and high.vm_pgoff == linear_page_index(low, low.vm_end):
            return near.anon_vma
    return 0
