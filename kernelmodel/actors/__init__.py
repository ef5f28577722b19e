# SPDX-License-Identifier: GPL-2.0-only
"""What a program does beside touching memory: one path a verb, and ``syscall``, which runs the one that an event names.

A verb's function takes (cpu, mm, action) and returns 0, a negative errno, or an address.  It is loaded when it is
first needed.
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
}
"""Verb to the module of this package that has the function of its name."""

WRITERS = frozenset({"mmap", "munmap", "mprotect", "mremap", "prctl", "fork", "exit"})
"""Verbs that hold mmap_lock for writing; one that faults pages in at its end lets go of it first."""


def syscall(cpu: int, mm: Mm, action: Action) -> Path[tuple[int, int]]:
    """One event: (0, what the call returned)."""
    call = getattr(import_module(f"kernelmodel.actors.{SYSCALLS[action.verb]}"), action.verb)
    writes = action.verb in WRITERS
    if writes:
        yield from mmap_write_lock(mm, cpu)
    ret = yield from call(cpu, mm, action)
    if writes:
        mmap_write_unlock(mm, cpu)
    yield Decision(f"{action.verb}-return", call_result(min(ret, 0)), addr=ret if ret > 0 else action.address)
    return 0, ret
