# SPDX-License-Identifier: GPL-2.0-only
"""userfaultfd as the fault path sees it (fs/userfaultfd.c of 6.5): armed VMAs, markers, the wait for a monitor."""

from __future__ import annotations

from kernelmodel.arch import PTE_MARKER_UFFD_WP
from kernelmodel.decision import Path, Wait
from kernelmodel.defs import (
    FAULT_FLAG_ALLOW_RETRY,
    FAULT_FLAG_ORIG_PTE_VALID,
    VM_FAULT_RETRY,
    VM_FAULT_SIGBUS,
    VM_UFFD_MISSING,
    VM_UFFD_WP,
)
from kernelmodel.machine import Machine
from kernelmodel.mm.mmap_lock import mmap_read_unlock
from kernelmodel.mm.tables import table_of
from kernelmodel.structs import Vma, VmFault


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

    The monitor reads ``vmf.address`` (page aligned, never aligned to a folio).
    """
    m = vmf.m
    if not vmf.flags & FAULT_FLAG_ALLOW_RETRY:
        return VM_FAULT_SIGBUS
    must_wait = userfaultfd_must_wait(vmf, reason)
    mmap_read_unlock(vmf.vma.vm_mm)
    if not must_wait:
        return VM_FAULT_RETRY
    event = m.uffd_events.add(0, 1)
    yield Wait(f"the userfaultfd monitor to answer for {vmf.address:#x}", lambda: m.uffd_events.get(event) != 0)
    return VM_FAULT_RETRY


def userfaultfd_must_wait(vmf: VmFault, reason: int) -> bool:
    """Is the page still missing, or still write-protected?  Read without a lock, after the fault let go of it."""
    m, arch = vmf.m, vmf.m.arch
    value = m.pgtable.get(vmf.pmd)
    kind = arch.pmd_kind(value)
    if kind == "none":
        return True
    if kind == "migration":
        return False
    if kind == "table":
        index = vmf.address >> arch.page_shift & arch.ptrs - 1
        value = m.pgtable.get(table_of(m, value) * arch.ptrs + index)
        if arch.pte_kind(value) in ("none", "marker"):
            return True
    return bool(reason & VM_UFFD_WP) and not arch.pte_write(value)
