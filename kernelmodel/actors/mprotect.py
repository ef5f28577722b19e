# SPDX-License-Identifier: GPL-2.0-only
"""mprotect(): other rights for a range, VMA by VMA (mm/mprotect.c and mm/huge_memory.c of 6.5)."""

from __future__ import annotations

from kernelmodel.actors.populate import mm_populate
from kernelmodel.decision import Decision, Path
from kernelmodel.defs import (
    ENOMEM,
    VM_ACCESS_FLAGS,
    VM_EXEC,
    VM_LOCKED,
    VM_READ,
    VM_SHARED,
    VM_WRITE,
    PG_anon_exclusive,
)
from kernelmodel.machine import Machine
from kernelmodel.mm.huge_zero import is_huge_zero_pmd
from kernelmodel.mm.lock import spin_lock, spin_unlock
from kernelmodel.mm.pgtable import lock_pte_table, pmd_lockptr, pte_index, set_pte_at
from kernelmodel.mm.userfaultfd import userfaultfd_wp
from kernelmodel.mm.vma import find_vma, find_vma_below
from kernelmodel.mm.vma_modify import vma_modify
from kernelmodel.mm.walk import populated_pmds
from kernelmodel.mm.zap import split_huge_pmd_locked
from kernelmodel.scenario.types import Action
from kernelmodel.structs import Mm, Vma

PROT = {"r": VM_READ, "w": VM_WRITE, "x": VM_EXEC}


def mprotect(cpu: int, mm: Mm, action: Action) -> Path[int]:
    """do_mprotect_pkey: 0, or -ENOMEM at the first hole (what is below it is done)."""
    start, end = action.address, action.address + action.size
    rights = sum(PROT[letter] for letter in action.arg("prot", ""))
    while start < end:
        vma = find_vma(mm, start)
        if vma is None:
            return -ENOMEM
        flags = vma.vm_flags & ~VM_ACCESS_FLAGS | rights
        if flags == vma.vm_flags:
            yield Decision("mprotect-vma", "same", addr=start, arg=flags)
        else:
            vma = yield from mprotect_fixup(vma, start, min(vma.vm_end, end), flags, cpu)
        if vma is None:
            return -ENOMEM
        start = vma.vm_end
    return 0


def mprotect_fixup(vma: Vma, start: int, end: int, flags: int, cpu: int) -> Path[Vma | None]:
    """Split or merge, then the entries.  The VMA that holds the range now, None if there is no memory for it."""
    mm, oldflags = vma.vm_mm, vma.vm_flags
    yield Decision("mprotect-vma", "flags", addr=start, arg=flags)
    prev = vma if start > vma.vm_start else find_vma_below(mm, start)
    found = yield from vma_modify("mprotect", prev, vma, start, end, flags, cpu)
    if isinstance(found, int):
        return None
    yield from change_protection(found, start, end, cpu)
    if oldflags & (VM_WRITE | VM_SHARED | VM_LOCKED) == VM_LOCKED and flags & VM_WRITE:
        yield from mm_populate(mm, start, end, cpu)
    return found


def change_protection(vma: Vma, start: int, end: int, cpu: int) -> Path[None]:
    """The entries of a range follow the VMA's rights (change_pmd_range)."""
    m, size = vma.m, vma.m.arch.pmd_size
    pmds = populated_pmds(vma.vm_mm, start, end)
    for k in range(len(pmds)):
        base, pmd = pmds[k]
        addr, nxt = max(base, start), min(base + size, end)
        if m.arch.pmd_kind(m.pgtable.get(pmd)) in ("leaf", "migration"):
            if nxt - addr != size:
                yield from split_huge_pmd_locked(vma, pmd, addr, cpu)
            else:
                changed = yield from change_huge_pmd(vma, pmd, cpu)
                if changed:
                    continue
        yield from change_pte_range(vma, pmd, addr, nxt, cpu)


def change_huge_pmd(vma: Vma, pmd: int, cpu: int) -> Path[bool]:
    """A leaf as a whole; False if it is none any more.  A migration entry that could be written no longer can."""
    m, arch = vma.m, vma.m.arch
    lock = pmd_lockptr(m, pmd)
    yield from spin_lock(m, lock, cpu)
    value = m.pgtable.get(pmd)
    kind = arch.pmd_kind(value)
    if kind == "migration":
        m.pgtable.set(pmd, arch.migration_mkread(value))
    elif kind == "leaf":
        entry = arch.pmd_mkhuge(arch.pte_modify(value, vma.vm_page_prot))
        if "B32" in m.mutants:
            entry = arch.pte_mkclean(entry)
        exclusive = not is_huge_zero_pmd(m, value) and m.page_flags.get(arch.pte_pfn(value)) & PG_anon_exclusive
        m.pgtable.set(pmd, arch.pte_mkwrite(entry) if exclusive and may_be_writable(vma, entry) else entry)
    spin_unlock(m, lock)
    return kind in ("leaf", "migration")


def change_pte_range(vma: Vma, pmd: int, addr: int, end: int, cpu: int) -> Path[None]:
    """The PTEs of one table; swap entries and markers stay as they are."""
    m = vma.m
    table = yield from lock_pte_table(m, pmd, cpu)
    if table < 0:
        return
    pte = table * m.arch.ptrs + pte_index(m, addr)
    change_ptes(m, vma, pte, end - addr >> m.arch.page_shift)
    spin_unlock(m, table)


def change_ptes(m: Machine, vma: Vma, pte: int, nr: int) -> None:
    """``nr`` PTEs from place ``pte`` on."""
    arch = m.arch
    for k, value in enumerate(m.pgtable.run(pte, nr), pte):
        kind = arch.pte_kind(value)
        if kind == "migration":
            set_pte_at(m, k, arch.migration_mkread(value))
        elif arch.pte_present(value):
            entry = arch.pte_modify(value, vma.vm_page_prot)
            exclusive = kind == "page" and m.page_flags.get(arch.pte_pfn(value)) & PG_anon_exclusive
            set_pte_at(m, k, arch.pte_mkwrite(entry) if exclusive and may_be_writable(vma, entry) else entry)


def may_be_writable(vma: Vma, entry: int) -> bool:
    """May an exclusive page become writable at once (can_change_pte_writable)?  Else the next write fault decides."""
    return bool(vma.vm_flags & VM_WRITE) and not (userfaultfd_wp(vma) and vma.m.arch.pte_uffd_wp(entry))
