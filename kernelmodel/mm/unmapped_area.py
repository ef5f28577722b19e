# SPDX-License-Identifier: GPL-2.0-only
"""Where a mapping without an address goes: top down from mmap_base, without randomisation (mm/mmap.c of 6.5).

``thp_get_unmapped_area`` (mm/huge_memory.c) serves anonymous memory from 6.7 on, from 6.12 on whole PMDs only.
"""

from __future__ import annotations

from kernelmodel.defs import ENOMEM, VM_GROWSDOWN
from kernelmodel.mm.vma import find_vma_intersection, vmas
from kernelmodel.structs import Mm, Vma

STACK_GUARD_GAP = 256
"""Pages kept free below a VMA that grows down."""
MMAP_GAP = 128 << 20
"""Room for the stack above mmap_base (its least)."""


def get_unmapped_area(mm: Mm, hint: int, size: int) -> int:
    """An address for ``size`` bytes, the hint if it is free there; -ENOMEM if there is no such gap."""
    m, pmd_size = mm.m, mm.m.arch.pmd_size
    if hint and hint + size <= m.arch.task_size and find_vma_intersection(mm, hint, hint + size) is None:
        return hint
    if m.release >= (6, 7) and size >= pmd_size and (m.release < (6, 12) or not size % pmd_size):
        found = vm_unmapped_area(mm, size + pmd_size)
        if found >= 0:
            return found + (-found % pmd_size or pmd_size)
    return vm_unmapped_area(mm, size)


def vm_unmapped_area(mm: Mm, size: int) -> int:
    """The upper end of the highest gap below mmap_base that is large enough."""
    arch = mm.m.arch
    top = arch.task_size - MMAP_GAP - (arch.page_size if arch.name == "x86-64" else 0)
    for vma in reversed(vmas(mm)):
        if vma.vm_end + size <= top:
            break
        top = min(top, vm_start_gap(vma))
    return top - size if top >= size + arch.page_size else -ENOMEM


def vm_start_gap(vma: Vma) -> int:
    """Where the room of a VMA begins."""
    gap = STACK_GUARD_GAP << vma.m.arch.page_shift if vma.vm_flags & VM_GROWSDOWN else 0
    return max(vma.vm_start - gap, 0)
