# SPDX-License-Identifier: GPL-2.0-only
"""Interleavings made by hand: who runs until where."""

from __future__ import annotations

from kernelmodel.invariants import violations
from kernelmodel.scenario import loads
from kernelmodel.session import Session
from tests.build import HEAP

HUGE = 'enabled = "always"'
SMALL = 'enabled = "never"\nhugepages-64kB = "always"'
ONE = 'enabled = "never"'


def race(variant: str, *events: str, thp: str = ONE, mutants: tuple[str, ...] = (), more: str = "") -> Session:
    """A session on events written as ``cpu verb = value``; it stands at the first stop of cpu 0."""
    lines = [f'variant = "{variant}"', "[boot]", "arch_wants_pte_order = 4", "[thp]", thp, more, HEAP]
    for event in events:
        cpu, what = event.split(" ", 1)
        lines += ["[[event]]", f"cpu = {cpu}", what]
    return Session(loads("\n".join(lines), "race.toml"), mutants=frozenset(mutants))


def until(s: Session, cpu: int, wanted: str) -> None:
    """Run one CPU until it stands at ``kind:outcome``."""
    while not at(s, cpu, wanted):
        s.advance(cpu=cpu)
        assert not s.finished, f"{wanted} was never told"


def at(s: Session, cpu: int, wanted: str) -> bool:
    """Is it this CPU's stop, and this one?"""
    event = s.event(s.step)
    return event.cpu == cpu and f"{event.kind}:{event.outcome}" == wanted


def rest(s: Session, cpu: int) -> None:
    """Run one CPU to the end of its program, or of the whole run."""
    while not s.finished and s.cpus.current(cpu) is not None:
        s.advance(cpu=cpu)


def finish(s: Session) -> set[str]:
    """Run to the end; every property that is broken then, by its name, a bug by its own."""
    while not s.finished:
        s.advance()
    broken = {name for name, _ in violations(s.m, s.stop.kind == "end")}
    return broken | ({s.event(s.last).outcome} if s.stop.kind == "bug" else set())


def told(s: Session, cpu: int) -> list[str]:
    """What a CPU told, in order."""
    events = [s.event(step) for step in range(s.last + 1)]
    return [f"{each.kind}:{each.outcome or each.reason}" for each in events if each.cpu == cpu and each.kind]
