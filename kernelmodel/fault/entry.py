# SPDX-License-Identifier: GPL-2.0-only
"""From the program's access to the page tables: the hardware's walk, the exception, ``__handle_mm_fault``.

Sources: Linux 6.5 arch/x86/mm/fault.c (do_user_addr_fault) and mm/memory.c (handle_mm_fault, mm_account_fault,
__handle_mm_fault).  Where there is one CPU, which nobody can contend with, a fault takes no lock of its VMA.

__handle_mm_fault serves all releases until 7.1: only the policy differs, by ``pmd_refusal``.  7.0 jumps to the PTE
level where the lockless read of the PMD finds none, to which the tests of 6.5 come as well; and it has a branch for
device-private entries, which nothing here makes.  For the same reason the sets of entries that pte_offset_map()
refuses in 6.18 and in 7.0 (there whatever is not present) are one here.
"""

from __future__ import annotations

from kernelmodel.decision import Decision, Path, Step, Wait
from kernelmodel.defs import (
    FAULT_FLAG_DEFAULT,
    FAULT_FLAG_TRIED,
    FAULT_FLAG_USER,
    FAULT_FLAG_VMA_LOCK,
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
from kernelmodel.mm.contents import store_to
from kernelmodel.mm.mmap_lock import mmap_read_lock, mmap_read_unlock, vma_end_read
from kernelmodel.mm.pgtable import leaf_place, pmd_alloc, pmd_none, translate
from kernelmodel.mm.vma import find_vma
from kernelmodel.mm.vma_lock import lock_vma_under_rcu
from kernelmodel.mm.vmstat import count_vm_event
from kernelmodel.structs import Mm, Vma, VmFault

MAX_FAULTS = 1000
"""Passes that one access may take before it counts as a livelock."""


def access(cpu: int, mm: Mm, address: int, write: bool) -> Path[tuple[int, int]]:
    """One instruction that touches memory: (passes through the fault path, what the last one returned)."""
    faults = 0
    ret = 0
    while not ret & VM_FAULT_ERROR and not hardware_allows(mm, address, write, cpu):
        yield Step("step", "F0", addr=address)
        faults, ret = yield from do_user_addr_fault(cpu, mm, address, write, faults)
        if mm.m.vma_writers:  # who waited for the lock that is free now may come before the access is repeated
            yield Step("step", "F20", addr=address)
    if write and not ret & VM_FAULT_ERROR:
        hardware_marks_dirty(mm, address)
        if mm.m.keeps_contents:
            store_to(mm, address, cpu)
    return faults, ret


def hardware_allows(mm: Mm, address: int, write: bool, cpu: int) -> bool:
    """Does the MMU find a translation that permits the access?  In the TLB it may be one from before fork."""
    m, arch = mm.m, mm.m.arch
    value = translate(mm, address)
    if not arch.hw_present(value):
        return False
    return not write or arch.pte_write(value) or (m.keeps_contents and m.tlb_stale.get(arch.pte_pfn(value)) == cpu + 1)


def hardware_marks_dirty(mm: Mm, address: int) -> None:
    """The MMU notes a store in the entry that it goes through, where MADV_FREE has made that clean."""
    m, arch = mm.m, mm.m.arch
    value = translate(mm, address)
    if arch.pte_write(value) and not arch.pte_dirty(value):
        m.pgtable.set(leaf_place(mm, address), arch.pte_mkdirty(arch.pte_mkyoung(value)))


def do_user_addr_fault(cpu: int, mm: Mm, address: int, write: bool, faults: int) -> Path[tuple[int, int]]:
    """Find the VMA, check the access, handle the fault, as the exception handler does: under the VMA's lock if it can.

    A fault that asks for a retry has let go of its lock, and comes back under the mmap_lock without a look at what the
    hardware would say now.  ``faults``: passes of this access so far.
    """
    m = mm.m
    flags = FAULT_FLAG_DEFAULT | FAULT_FLAG_USER | (FAULT_FLAG_WRITE if write else 0)
    vma = None
    if m.nr_cpus > 1:
        vma = yield from lock_vma_under_rcu(mm, address)
    if vma is not None and access_error(vma, write):
        vma_end_read(vma)
        if m.release >= (6, 10):  # before, the mmap_lock is taken to say the same
            return (yield from bad_area(address, write, "access-error", faults))
    elif vma is not None:
        yield from note_pass(address, faults)
        faults += 1
        ret = yield from handle_mm_fault(vma, address, flags | FAULT_FLAG_VMA_LOCK, cpu)
        if not ret & VM_FAULT_RETRY or m.release < (6, 6):
            vma_end_read(vma)
        if not ret & VM_FAULT_RETRY:
            return faults, ret
        if ret & VM_FAULT_MAJOR and m.release >= (6, 8):
            flags |= FAULT_FLAG_TRIED

    # lock_mmap:
    while True:  # retry:
        yield from mmap_read_lock(mm)
        vma = find_vma(mm, address)
        if vma is None or access_error(vma, write):
            mmap_read_unlock(mm)
            return (yield from bad_area(address, write, "no-vma" if vma is None else "access-error", faults))
        yield from note_pass(address, faults)
        faults += 1
        ret = yield from handle_mm_fault(vma, address, flags, cpu)
        if not ret & VM_FAULT_RETRY:
            mmap_read_unlock(mm)
            return faults, ret
        flags |= FAULT_FLAG_TRIED


def access_error(vma: Vma, write: bool) -> bool:
    """Does the VMA forbid it?"""
    return not vma.vm_flags & (VM_WRITE if write else VM_ACCESS_FLAGS)


def bad_area(address: int, write: bool, why: str, faults: int) -> Path[tuple[int, int]]:
    """A signal; it counts as a pass."""
    yield Decision("return", "VM_FAULT_SIGSEGV", addr=address, reason=why, arg=int(write))
    return faults + 1, VM_FAULT_SIGSEGV


def note_pass(address: int, faults: int) -> Path[None]:
    """A bug where an access has faulted so often that it will for ever."""
    if faults == MAX_FAULTS:
        yield Decision("bug", "endless-refault", addr=address, reason="endless-refault", arg=faults)


def handle_mm_fault(vma: Vma, address: int, flags: int, cpu: int) -> Path[int]:
    """One pass through the fault path, and its accounting.  After a retry the VMA may be gone."""
    mm = vma.vm_mm
    ret = yield from __handle_mm_fault(vma, address, flags, cpu)
    mm_account_fault(mm, flags, ret)
    again = not ret and not hardware_allows(mm, address, bool(flags & FAULT_FLAG_WRITE), cpu)
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
        if m.arch.pmd_kind(m.pgtable.get(vmf.pmd)) in ("leaf", "migration"):  # a table may also go before F7
            yield Step("step", "F6", addr=vmf.address)
        vmf.orig_pmd = m.pgtable.get(vmf.pmd)
        kind = m.arch.pmd_kind(vmf.orig_pmd)
        yield Decision("pmd-gate", kind, addr=vmf.address, reason=refusal if kind == "none" else "")
        if kind == "migration":
            yield Decision("wait", "migration", addr=vmf.address)
            yield from pmd_migration_entry_wait(vmf)
            return 0
        if kind == "leaf":
            if flags & FAULT_FLAG_WRITE and not m.arch.pte_write(vmf.orig_pmd):
                ret = yield from huge_pmd.wp_huge_pmd(vmf)
                if not ret & VM_FAULT_FALLBACK:
                    return ret
                yield Step("step", "F7", addr=vmf.address)
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
