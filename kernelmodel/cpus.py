# SPDX-License-Identifier: GPL-2.0-only
"""The CPUs: each one's program, the path that is alive on it, and who may run next."""

from __future__ import annotations

from kernelmodel.decision import STEPS, Decision, Driver, GeneratorDriver, Step, Wait
from kernelmodel.fault.entry import access
from kernelmodel.log import Log
from kernelmodel.machine import ALIVE, GONE, Machine
from kernelmodel.scenario.types import Action, Scenario
from kernelmodel.structs import Mm

NO_STEP = -1


class Run:
    """One CPU: the path that is alive on it and the decision where it is suspended."""

    __slots__ = ("at", "decision", "driver", "event", "fault", "first", "wait")

    def __init__(self) -> None:
        self.driver: Driver | None = None
        self.decision: Decision | None = None
        self.at = NO_STEP
        self.wait: Wait | None = None
        self.event = -1
        self.first = 0
        self.fault = -1
        """Pass through the fault path that the CPU is in, -1 before its first decision."""


class Cpus:
    """One path a CPU; a CPU's events run in program order, as in a litmus test."""

    def __init__(self, scenario: Scenario, m: Machine) -> None:
        self.m = m
        self.scenario = scenario
        self.programs = [[n for n, e in enumerate(scenario.events) if e.cpu == cpu] for cpu in range(m.nr_cpus)]
        self.runs = [Run() for _ in range(m.nr_cpus)]
        self._schedule = (0, 0, 0)
        """Stops of the log that the schedule has seen, its entry, stops used of that entry."""

    def __getitem__(self, cpu: int) -> Run:
        return self.runs[cpu]

    def drop(self) -> None:
        """Forget every path: the machine has been moved."""
        self.runs = [Run() for _ in self.runs]

    def begin(self, cpu: int, step: int) -> Run:
        """Start the CPU's next event."""
        run = self.runs[cpu]
        run.event = self.programs[cpu][self.m.cpu_event.get(cpu)]
        event = self.scenario.events[run.event]
        run.driver = event_path(cpu, Mm(self.m, self.process(event)), event)
        run.decision = run.wait = None
        run.at = NO_STEP
        run.first = step
        run.fault = -1
        return run

    def enabled(self, cpu: int) -> bool:
        """Has it something to do, and need not wait?"""
        run = self.runs[cpu]
        if run.driver is None:
            event = self.current(cpu)
            return event is not None and self.m.mm_users.get(self.process(event)) == ALIVE
        return run.wait is None or run.wait.ready()

    def process(self, event: Action) -> int:
        """Number of the mm of the process that an event belongs to."""
        return self.scenario.processes.index(event.process)

    def after(self, cpu: int) -> int:
        """Who goes on when ``cpu`` ended an access or has to wait: itself, else the lowest number, else -1."""
        if self.enabled(cpu):
            return cpu
        return next((each for each in range(len(self.runs)) if self.enabled(each)), -1)

    def pause(self, cpu: int) -> Step | None:
        """The stop between the events of a CPU that is not alone, and at its last end; None at the end of the run."""
        if len(self.runs) == 1 or not any(self.current(each) for each in range(len(self.runs))):
            return None
        return Step("step", "next" if self.current(cpu) else "done")

    def stand(self, cpu: int, step: int) -> None:
        """Put a CPU that has ended an event at the stop that came of it."""
        self.runs[cpu].at, self.runs[cpu].decision = step, self.pause(cpu)

    def idle(self) -> bool:
        """Is no path alive?"""
        return all(run.driver is None for run in self.runs)

    def waiting(self) -> list[tuple[int, str]]:
        """(CPU, what it waits for)."""
        return [(cpu, what) for cpu in range(len(self.runs)) if (what := self._waits_for(cpu))]

    def _waits_for(self, cpu: int) -> str:
        """What a CPU that has something left to do waits for, '' if it need not wait."""
        run = self.runs[cpu]
        if run.wait is not None:
            return run.wait.what
        event = self.current(cpu)
        if run.driver is not None or event is None or self.enabled(cpu):
            return ""
        return f"the process {event.process}, which {self._why_not(event.process)}"

    def _why_not(self, process: str) -> str:
        """Why a process does not live."""
        if self.m.mm_users.get(self.scenario.processes.index(process)) == GONE:
            return "has exited"
        for cpu, program in enumerate(self.programs):
            for number in program[: self.m.cpu_event.get(cpu)]:
                event = self.scenario.events[number]
                if event.verb == "fork" and event.text == process:
                    return "could not be forked"
        return "is not forked yet"

    def scheduled(self, log: Log) -> int | None:
        """Who should run next by ``schedule``, which does not count a ``Step``; None once it is used up."""
        done, entry, used = self._schedule
        if done > len(log):
            done, entry, used = 0, 0, 0
        plan = self.scenario.schedule
        while done < len(log):
            shape = log.at(done)
            while entry < len(plan) and plan[entry][0] != shape.cpu:
                entry, used = entry + 1, 0
            if entry < len(plan) and shape.kind not in STEPS:
                used += 1
                if used == plan[entry][1]:
                    entry, used = entry + 1, 0
            done += 1
        self._schedule = (done, entry, used)
        while entry < len(plan):
            if self.enabled(plan[entry][0]):
                return plan[entry][0]
            entry += 1
        return None

    def current(self, cpu: int) -> Action | None:
        """The event that a CPU is in or comes to next."""
        done, program = self.m.cpu_event.get(cpu), self.programs[cpu]
        return self.scenario.events[program[done]] if done < len(program) else None

    def rows(self) -> list[tuple[int, str, str, str, int]]:
        """Per CPU: number, event, state, function and line."""
        return [self._row(cpu, run) for cpu, run in enumerate(self.runs)]

    def _row(self, cpu: int, run: Run) -> tuple[int, str, str, str, int]:
        event = self.current(cpu)
        if event is None:
            return cpu, "", "done", "", 0
        if run.driver is None:
            waits = self._waits_for(cpu)
            return cpu, event_text(event), f"waits for {waits}" if waits else "ready", "", 0
        code, at, _ = run.driver.where()
        state = f"waits for {run.wait.what}" if run.wait else "stopped"
        return cpu, event_text(event), state, code.co_name, at - code.co_firstlineno + 1


def event_path(cpu: int, mm: Mm, event: Action) -> Driver:
    """What a CPU does for an event, at its beginning."""
    if event.is_access:
        return GeneratorDriver(access(cpu, mm, event.address, event.write))
    from kernelmodel.actors import syscall

    return GeneratorDriver(syscall(cpu, mm, event))


def event_text(event: Action) -> str:
    """As the scenario writes it: ``write heap+0x3000``; whose it is, unless it is main's."""
    who = f"{event.process}: " if event.process != "main" and event.verb != "exit" else ""
    return f"{who}{event.verb} {event.text}"
