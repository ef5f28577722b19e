# SPDX-License-Identifier: GPL-2.0-only
"""Machines and sessions for tests, from a few lines of scenario text."""

from __future__ import annotations

from kernelmodel.machine import Machine
from kernelmodel.scenario import loads
from kernelmodel.session import Session

HEAP = """
[[vma]]
name = "heap"
start = 0x7f0000000000
size = "4M"
flags = ["VM_WRITE"]
"""
WRITE = """
[[event]]
cpu = 0
write = "heap+0x5000"
"""


def session(text: str = "", *, head: str = 'variant = "v3"', vma: str = HEAP, events: str = WRITE) -> Session:
    """A session on a scenario put together from its parts; policy capped, 64K wished for, 64M of memory by default."""
    boot = "" if "[boot]" in text else "[boot]\narch_wants_pte_order = 4\n"
    thp = "" if "[thp]" in text else '[thp]\nenabled = "madvise"\n'
    return Session(loads("\n".join((head, thp, boot, text, vma, events)), "test.toml"))


def machine(memory: str = 'size = "64M"') -> Machine:
    """A machine at rest, with one empty VMA."""
    return session(f"[memory]\n{memory}\n").m


def finish(s: Session) -> Session:
    """Run to the end."""
    while not s.finished:
        s.advance()
    return s


def decisions(s: Session) -> list[str]:
    """``kind:outcome`` (or reason, where there is no outcome) of every stop that is known."""
    found = []
    for step in range(s.last + 1):
        event = s.event(step)
        if event.kind:
            found.append(f"{event.kind}:{event.outcome or event.reason}")
    return found


def cells(m: Machine) -> dict[str, dict[int, int]]:
    """Every cell that is not at its default."""
    return {field.name: dict(field.items()) for field in m.journal.fields}
