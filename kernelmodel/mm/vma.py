# SPDX-License-Identifier: GPL-2.0-only
"""VMAs and their anon_vma."""

from __future__ import annotations

from kernelmodel.decision import Decision, Path, Question
from kernelmodel.defs import (
    ENOMEM,
    VM_ACCESS_FLAGS,
    VM_FAULT_OOM,
    VM_SOFTDIRTY,
    VM_STACK_INCOMPLETE_SETUP,
    VM_WRITE,
)
from kernelmodel.machine import Machine
from kernelmodel.mm import vma_list
from kernelmodel.mm.vma_list import vma_position as vma_position
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
    height = m.vma_free.get(0)
    if height:
        number = m.vma_free.get(height)
        m.vma_free.set(height, 0)
        m.vma_free.set(0, height - 1)
    else:
        number = m.vma_next.add(0, 1) - 1
    m.vma_name.set(number, m.vma_numbers[name])
    return Vma(m, number)


def vma_free(vma: Vma) -> None:
    """Forget an unlinked VMA."""
    m, number = vma.m, vma.id
    for field in (m.vma_name, m.vm_start, m.vm_end, m.vm_flags, m.vm_pgoff, m.vm_mm, m.anon_vma, m.anon_vma_parents):
        field.set(number, 0)
    m.vma_free.set(m.vma_free.add(0, 1), number)


def vma_link(mm: Mm, vma: Vma) -> None:
    """Put a VMA into its mm's sorted list."""
    m = mm.m
    vma_list.insert(m, mm.id, vma.vm_start, vma.id)
    m.vm_mm.set(vma.id, mm.id)
    mm.map_count += 1


def vma_unlink(vma: Vma) -> None:
    """Take a VMA out of its mm's list."""
    mm = vma.vm_mm
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
    """Give the VMA an anon_vma if it has none (mm/rmap.c): 0 or -ENOMEM."""
    m = vma.m
    if vma.anon_vma:
        yield Decision("anon-vma", "0")
        return 0
    answer = yield Question("anon-vma", "anon_vma_prepare", lambda: ("0", "", 0), "-ENOMEM")
    if answer == "-ENOMEM":
        return -ENOMEM
    attach_anon_vma(m, vma)
    return 0


def vmf_anon_prepare(vmf: VmFault) -> Path[int]:
    """0 or VM_FAULT_OOM (mm/memory.c of 6.10).

    Under the VMA's own lock, which is not taken here, a contended mmap_lock would make it VM_FAULT_RETRY.
    """
    failed = yield from anon_vma_prepare(vmf.vma)
    return VM_FAULT_OOM if failed else 0


def attach_anon_vma(m: Machine, vma: Vma) -> None:
    """A neighbour's anon_vma where one can be shared, else a new one; nothing if another CPU was first."""
    if not vma.anon_vma:
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
