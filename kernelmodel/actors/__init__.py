# SPDX-License-Identifier: GPL-2.0-only
"""What a program does beside touching memory: one path a verb, and ``syscall``, which runs the one that an event names.

A verb's function takes (cpu, mm, action) and returns 0, a negative errno, or an address.  It is loaded when it is
first needed.  What the kernel does of its own (``KERNEL``) tells its result itself.
"""

from __future__ import annotations

from importlib import import_module

from kernelmodel.decision import Decision, Path
from kernelmodel.defs import call_result
from kernelmodel.mm.mmap_lock import mmap_write_lock, mmap_write_unlock
from kernelmodel.scenario.types import Action
from kernelmodel.structs import Mm

SYSCALLS = {
    "madvise": "madvise",
    "mmap": "mmap",
    "munmap": "mmap",
    "mprotect": "mprotect",
    "mremap": "mremap",
    "prctl": "policy",
    "sysfs": "policy",
    "fork": "fork",
    "exit": "fork",
    "uffd": "uffd",
    "collapse": "collapse",
    "reap": "reap",
    "shrink_huge_zero": "shrink_huge_zero",
    "migrate": "migrate",
    "swap_out": "swap_out",
}
"""Verb to the module of this package that has the function of its name."""

WRITERS = frozenset({"mmap", "munmap", "mprotect", "mremap", "prctl", "fork", "exit"})
"""Verbs that hold mmap_lock for writing; one that faults pages in at its end lets go of it first."""


KERNEL = frozenset({"collapse", "reap", "shrink_huge_zero", "migrate", "swap_out"})
"""Verbs that no program calls."""


def changes_vmas(action: Action) -> bool:
    """Does an event hold mmap_lock for writing at some time?"""
    if action.verb == "madvise":
        from kernelmodel.actors.madvise import FLAGS

        return action.arg("advice") in FLAGS or action.arg("advice") == "MADV_COLLAPSE"
    if action.verb == "uffd":
        return action.arg("op") in ("register", "unregister")
    return action.verb in WRITERS or action.verb == "collapse"


def syscall(cpu: int, mm: Mm, action: Action) -> Path[tuple[int, int]]:
    """One event: (0, what the call returned)."""
    call = getattr(import_module(f"kernelmodel.actors.{SYSCALLS[action.verb]}"), action.verb)
    writes = action.verb in WRITERS
    if writes:
        yield from mmap_write_lock(mm, cpu)
    ret = yield from call(cpu, mm, action)
    if writes:
        mmap_write_unlock(mm, cpu)
    if action.verb in KERNEL:
        return 0, ret
    yield Decision(f"{action.verb}-return", call_result(min(ret, 0)), addr=ret if ret > 0 else action.address)
    return 0, ret
