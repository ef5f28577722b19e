# SPDX-License-Identifier: GPL-2.0-only
"""userfaultfd as the fault path sees it (fs/userfaultfd.c of 6.5): armed VMAs, markers, the wait for a monitor.

Each process has at most one monitor.  It asked for UFFD_FEATURE_WP_UNPOPULATED and no other feature.
"""

from __future__ import annotations

from kernelmodel.arch import PTE_MARKER_UFFD_WP
from kernelmodel.decision import Decision, Path, Step, Wait
from kernelmodel.defs import (
    FAULT_FLAG_ALLOW_RETRY,
    FAULT_FLAG_ORIG_PTE_VALID,
    VM_FAULT_RETRY,
    VM_FAULT_SIGBUS,
    VM_UFFD_MISSING,
    VM_UFFD_WP,
)
from kernelmodel.machine import Machine
from kernelmodel.mm.mmap_lock import release_fault_lock
from kernelmodel.mm.tables import table_of
from kernelmodel.structs import Mm, Vma, VmFault


def userfaultfd_missing(vma: Vma) -> bool:
    """Does a monitor want to hear of missing pages?"""
    return bool(vma.vm_flags & VM_UFFD_MISSING)


def userfaultfd_wp(vma: Vma) -> bool:
    """Does a monitor want to hear of writes to protected pages?"""
    return bool(vma.vm_flags & VM_UFFD_WP)


def userfaultfd_armed(vma: Vma) -> bool:
    """Does a monitor want to hear of anything here?  (MINOR is not for anonymous memory.)"""
    return bool(vma.vm_flags & (VM_UFFD_MISSING | VM_UFFD_WP))


def pte_marker_uffd_wp(m: Machine, value: int) -> bool:
    """Is this PTE the uffd-wp marker?"""
    return m.arch.pte_kind(value) == "marker" and bool(m.arch.swp_offset(value) & PTE_MARKER_UFFD_WP)


def vmf_orig_pte_uffd_wp(vmf: VmFault) -> bool:
    """6.5: the PTE was the marker when the fault began, whatever the VMA says."""
    return bool(vmf.flags & FAULT_FLAG_ORIG_PTE_VALID) and pte_marker_uffd_wp(vmf.m, vmf.orig_pte)


def handle_userfault(vmf: VmFault, reason: int) -> Path[int]:
    """Tell the monitor and wait: VM_FAULT_RETRY once it has woken us, or at once where there is nothing left to ask.

    The monitor reads ``vmf.address`` (page aligned, never aligned to a folio).  A fault is on the queue before it looks
    at the entry again, so no wake-up is lost between the two: here they are one step.
    """
    m, cpu = vmf.m, vmf.cpu
    if not vmf.flags & FAULT_FLAG_ALLOW_RETRY:
        return VM_FAULT_SIGBUS
    yield Step("step", "must-wait", addr=vmf.address)
    must_wait = userfaultfd_must_wait(vmf, reason)
    if must_wait:
        m.uffd_wait.set(cpu, waiter(vmf.vma.vm_mm, vmf.address))
    release_fault_lock(vmf)
    if must_wait:
        yield Wait(f"the userfaultfd monitor to answer for {vmf.address:#x}", lambda: not m.uffd_wait.get(cpu))
    return VM_FAULT_RETRY


def waiter(mm: Mm, address: int) -> int:
    """What stands in ``Machine.uffd_wait`` for a fault at ``address``: never 0."""
    return mm.id << 56 | address | 1


def userfaultfd_must_wait(vmf: VmFault, reason: int) -> bool:
    """Is the page still missing, or still write-protected?  Read without a lock, after the fault let go of it.

    The PMD is read twice and then the PTE, but only the second look counts (a PMD that is no table by then sends it
    back to the first): what it finds was all true at one moment.
    """
    m, arch = vmf.m, vmf.m.arch
    value = m.pgtable.get(vmf.pmd)
    kind = arch.pmd_kind(value)
    if kind == "none":
        return True
    if kind == "migration":
        return False
    if kind == "table":
        value = m.pgtable.get(table_of(m, value) * arch.ptrs + (vmf.address >> arch.page_shift & arch.ptrs - 1))
        kind = arch.pte_kind(value)
        if kind == "none" or (pte_marker_uffd_wp(m, value) if m.release >= (7, 0) else kind == "marker"):
            return True
        if not arch.pte_present(value) and "B31" not in m.mutants:
            return False
    return bool(reason & VM_UFFD_WP) and not arch.pte_write(value)


def wake_userfault(mm: Mm, start: int, size: int) -> Path[None]:
    """Wake whoever waits for an address of [start, start + size): at once, under the lock of the queue."""
    m = mm.m
    yield Decision("uffd-wake", "range", addr=start, arg=size)
    for cpu in range(m.nr_cpus):
        value = m.uffd_wait.get(cpu)
        if value and waiter(mm, start) <= value < waiter(mm, start + size):
            m.uffd_wait.set(cpu, 0)
