# SPDX-License-Identifier: GPL-2.0-only
"""Tests that every way of mapping a fresh page makes: does the range fit, and under the lock, may it be mapped?"""

from __future__ import annotations

from kernelmodel.decision import Decision, Path
from kernelmodel.defs import MMF_UNSTABLE, VM_FAULT_SIGBUS
from kernelmodel.mm.userfaultfd import userfaultfd_missing
from kernelmodel.structs import Mm, Vma


def check_stable_address_space(mm: Mm) -> Path[int]:
    """VM_FAULT_SIGBUS once the OOM reaper has been here (the recheck R3, under the lock)."""
    if is_unstable(mm):
        yield Decision("stable", "unstable")
        return VM_FAULT_SIGBUS
    yield Decision("stable", "stable")
    return 0


def is_unstable(mm: Mm) -> bool:
    """Is MMF_UNSTABLE set now?  Not asked, or asked before the lock was taken, by the mutants of R3."""
    m = mm.m
    if "R3 before PTL" in m.mutants:
        return bool(m.unstable_seen.get(m.this_cpu))
    return bool(mm.flags & MMF_UNSTABLE) and "drop R3" not in m.mutants


def check_uffd_missing(vma: Vma, address: int) -> Path[bool]:
    """Must a monitor hear of this page first?  Asked under the lock (the recheck R4)."""
    missing = userfaultfd_missing(vma) and "drop R4" not in vma.m.mutants
    yield Decision("uffd-missing", "missing" if missing else "clear", addr=address)
    return missing


def bounds(kind: str, vma: Vma, order: int, addr: int, fits: bool, i: int = -1) -> Decision:
    """What a bounds test found: where the range of an order leaves the VMA (bytes), the lower end first."""
    if fits:
        return Decision(kind, "fits", order, addr, i)
    if addr < vma.vm_start:
        return Decision(kind, "outside", order, addr, i, "below-vm_start", vma.vm_start - addr)
    over = addr + (vma.m.arch.page_size << order) - vma.vm_end
    return Decision(kind, "outside", order, addr, i, "above-vm_end", over)
