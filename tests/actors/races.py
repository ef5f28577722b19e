# SPDX-License-Identifier: GPL-2.0-only
"""Interleavings by hand: who runs until which stop."""

from __future__ import annotations

from kernelmodel.invariants import violations
from kernelmodel.scenario import loads
from kernelmodel.session import Session
from tests.build import HEAP


def event(cpu: int, text: str, process: str = "main") -> str:
    """One ``[[event]]``."""
    who = f'process = "{process}"\n' if process != "main" else ""
    return f"[[event]]\ncpu = {cpu}\n{who}{text}\n"


def race(variant: str, *events: str, mutants: tuple[str, ...] = (), thp: str = "", more: str = "", vma: str = HEAP) -> Session:
    """A session with these events; 64K is enabled, 2M is not, if ``thp`` says nothing else."""
    thp = thp or 'enabled = "never"\nhugepages-64kB = "always"'
    text = f'variant = "{variant}"\n[thp]\n{thp}\n{more}\n{vma}\n' + "".join(events)
    return Session(loads(text, "race.toml"), mutants=frozenset(mutants))


def until(s: Session, cpu: int, word: str) -> str:
    """Let a CPU run until it stands at a decision that begins so; the decision."""
    for _ in range(300):
        event = s.event(s.step)
        told = f"{event.kind}:{event.outcome}"
        if event.cpu == cpu and told.startswith(word):
            return told
        assert not s.finished, f"cpu{cpu} never comes to {word}: {s.stop.text}"
        s.advance(cpu=cpu)
    raise AssertionError(f"cpu{cpu} never comes to {word}")


def broken(s: Session) -> set[str]:
    """Names of what is violated at this stop."""
    settled = s.finished and s.stop.kind == "end"
    return {name for name, _ in violations(s.m, settled)}
