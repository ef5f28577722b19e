# SPDX-License-Identifier: GPL-2.0-only
"""From the program's access to the page tables: the hardware's walk, the exception, ``__handle_mm_fault``.

Sources: Linux 6.5 arch/x86/mm/fault.c (do_user_addr_fault) and mm/memory.c (handle_mm_fault, mm_account_fault,
__handle_mm_fault).  Locks of the VMA and the mm are not taken here: no event of one CPU could contend for them.

__handle_mm_fault serves all releases until 7.1: only the policy differs, by ``pmd_refusal``.  7.0 jumps to the PTE
level where the lockless read of the PMD finds none, to which the tests of 6.5 come as well; and it has a branch for
device-private entries, which nothing here makes.  For the same reason the sets of entries that pte_offset_map()
refuses in 6.18 and in 7.0 (there whatever is not present) are one here.
"""

from __future__ import annotations

from kernelmodel.decision import Decision, Path, Wait
from kernelmodel.defs import (
    FAULT_FLAG_DEFAULT,
    FAULT_FLAG_TRIED,
    FAULT_FLAG_USER,
    FAULT_FLAG_WRITE,
    PGFAULT,
    VM_ACCESS_FLAGS,
    VM_FAULT_ERROR,
    VM_FAULT_FALLBACK,
    VM_FAULT_MAJOR,
    VM_FAULT_RETRY,
    VM_FAULT_SIGSEGV,
    VM_WRITE,
    result_name,
)
from kernelmodel.fault import huge_pmd
from kernelmodel.fault.common import handle_pte_fault
from kernelmodel.mm.mmap_lock import mmap_read_lock, mmap_read_unlock
from kernelmodel.mm.pgtable import pmd_alloc, pmd_none, translate
from kernelmodel.mm.vma import find_vma
from kernelmodel.mm.vmstat import count_vm_event
from kernelmodel.structs import Mm, Vma, VmFault

MAX_FAULTS = 1000
"""Passes that one access may take before it counts as a livelock."""


def access(cpu: int, mm: Mm, address: int, write: bool) -> Path[tuple[int, int]]:
    """One instruction that touches memory: (passes through the fault path, what the last one returned)."""
    faults = 0
    ret = 0
    tried = 0
    while tried or not hardware_allows(mm, address, write):  # a retry does not go back to the instruction
        if faults == MAX_FAULTS:
            yield Decision("bug", "endless-refault", addr=address, reason="endless-refault", arg=faults)
        ret = yield from do_user_addr_fault(cpu, mm, address, write, tried)
        faults += 1
        if ret & VM_FAULT_ERROR:
            break
        tried = FAULT_FLAG_TRIED if ret & VM_FAULT_RETRY else 0
    return faults, ret


def hardware_allows(mm: Mm, address: int, write: bool) -> bool:
    """Does the MMU find a translation that permits the access?"""
    arch = mm.m.arch
    value = translate(mm, address)
    return arch.hw_present(value) and (not write or arch.pte_write(value))


def do_user_addr_fault(cpu: int, mm: Mm, address: int, write: bool, tried: int) -> Path[int]:
    """Find the VMA and check the access, as the exception handler does.

    A fault that asks for a retry has let go of mmap_lock.
    """
    yield from mmap_read_lock(mm)
    vma = find_vma(mm, address)
    if vma is None:
        mmap_read_unlock(mm)
        yield Decision("return", "VM_FAULT_SIGSEGV", addr=address, reason="no-vma", arg=int(write))
        return VM_FAULT_SIGSEGV
    if not vma.vm_flags & (VM_WRITE if write else VM_ACCESS_FLAGS):
        yield Decision("return", "VM_FAULT_SIGSEGV", addr=address, reason="access-error", arg=int(write))
        return VM_FAULT_SIGSEGV
    flags = FAULT_FLAG_DEFAULT | FAULT_FLAG_USER | tried
    if write:
        flags |= FAULT_FLAG_WRITE
    ret = yield from handle_mm_fault(vma, address, flags, cpu)
    if not ret & VM_FAULT_RETRY:
        mmap_read_unlock(mm)
    return ret


def handle_mm_fault(vma: Vma, address: int, flags: int, cpu: int) -> Path[int]:
    """One pass through the fault path, and its accounting."""
    ret = yield from __handle_mm_fault(vma, address, flags, cpu)
    mm_account_fault(vma.vm_mm, flags, ret)
    again = not ret and not hardware_allows(vma.vm_mm, address, bool(flags & FAULT_FLAG_WRITE))
    write = flags & FAULT_FLAG_WRITE
    yield Decision("return", result_name(ret), addr=address, reason="refault" if again else "", arg=write)
    return ret


def mm_account_fault(mm: Mm, flags: int, ret: int) -> None:
    """A retry is counted when it completes; an error counts as a fault but as neither minor nor major."""
    if ret & VM_FAULT_RETRY:
        return
    count_vm_event(mm.m, PGFAULT)
    if ret & VM_FAULT_ERROR:
        return
    if ret & VM_FAULT_MAJOR or flags & FAULT_FLAG_TRIED:
        mm.maj_flt += 1
    else:
        mm.min_flt += 1


def __handle_mm_fault(vma: Vma, address: int, flags: int, cpu: int) -> Path[int]:
    """Walk down to the PMD, try a huge page there, or look at what is there; then the PTE level.

    Linux 6.5 … 7.1 mm/memory.c.  Upper tables never fail here, and no PUD is ever huge.
    """
    m = vma.m
    vmf = VmFault(m, vma, address, flags, cpu)
    vmf.pmd = pmd_alloc(vma.vm_mm, address)
    refusal = m.variant.pmd_refusal(vma, True)
    if pmd_none(m, vmf.pmd) and not refusal:
        yield Decision("pmd-gate", "try", order=m.arch.pmd_order, addr=vmf.address)
        ret = yield from m.variant.do_huge_pmd_anonymous_page(vmf)
        if not ret & VM_FAULT_FALLBACK:
            return ret
    else:
        vmf.orig_pmd = m.pgtable.get(vmf.pmd)
        kind = m.arch.pmd_kind(vmf.orig_pmd)
        yield Decision("pmd-gate", kind, addr=vmf.address, reason=refusal if kind == "none" else "")
        if kind == "migration":
            yield Decision("wait", "migration", addr=vmf.address)
            yield from pmd_migration_entry_wait(vmf)
            return 0
        if kind == "leaf":
            if flags & FAULT_FLAG_WRITE and not m.arch.pte_write(vmf.orig_pmd):
                ret = yield from m.variant.do_huge_pmd_wp_page(vmf)
                if not ret & VM_FAULT_FALLBACK:
                    return ret
            else:
                yield from huge_pmd.huge_pmd_set_accessed(vmf)
                return 0
    return (yield from handle_pte_fault(vmf))


def pmd_migration_entry_wait(vmf: VmFault) -> Path[None]:
    """Sleep until the migration entry is gone."""
    m, pmd = vmf.m, vmf.pmd
    while m.arch.pmd_kind(m.pgtable.get(pmd)) == "migration":
        yield Wait(
            f"the migration of the huge page at {vmf.address:#x}",
            lambda: m.arch.pmd_kind(m.pgtable.get(pmd)) != "migration",
        )
