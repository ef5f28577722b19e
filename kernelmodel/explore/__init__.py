# SPDX-License-Identifier: GPL-2.0-only
"""Every interleaving of a scenario's CPUs and every answer of its environment: what can happen, and what can not.

The data goes like this: a scenario's CPUs become ``Program``s (here); ``paths`` runs them a stop at a time over the
numbered machine states of ``world``; ``search`` walks the graph of whole states; what it finds becomes a ``Result``.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from kernelmodel import boot
from kernelmodel.answers import ImpossibleAnswer, Script, possible
from kernelmodel.cpus import event_path
from kernelmodel.decision import Driver, Question
from kernelmodel.defs import call_result, result_name
from kernelmodel.explore.clock import Clock
from kernelmodel.explore.fingerprint import Fingerprints
from kernelmodel.explore.moves import Locks, Moves, Stopped, named
from kernelmodel.explore.names import Names
from kernelmodel.explore.paths import BUG, WAIT, Happening, Paths
from kernelmodel.explore.progress import endless
from kernelmodel.explore.search import Shortest, Survey, Target, halted
from kernelmodel.explore.types import Options, Outcome, Progress, Reached, Result, Violation, Witness
from kernelmodel.explore.world import World
from kernelmodel.explore.wrong import Wrong
from kernelmodel.machine import ALIVE, Machine
from kernelmodel.scenario.types import Scenario
from kernelmodel.structs import Mm

if TYPE_CHECKING:
    from concurrent.futures import Executor

LOCKS = Locks(
    exclusive=frozenset({"ptl", "mmap_lock_writer"}), shared=frozenset({"mmap_lock", "vm_lock", "rcu"}),
    rw=(("mmap_lock_writer", "mmap_lock"),),
)  # fmt: skip
"""The machine's locks."""


class Seen:
    """What a visit of all states has seen."""

    def __init__(self) -> None:
        self.keys: set[int] = set()
        """The states, by name."""
        self.states = self.transitions = 0
        self.ends: set[Target] = set()
        self.endless: dict[int, str] = {}
        self.targets: set[Target] = set()
        self.why = ""
        """Why it was stopped, or ''."""


class CpuProgram:
    """The events of one CPU of a scenario."""

    def __init__(self, scenario: Scenario, m: Machine, script: Script, cpu: int) -> None:
        self.m = m
        self.cpu = cpu
        self.script = script
        self.numbers = [n for n, event in enumerate(scenario.events) if event.cpu == cpu]
        self.events = [scenario.events[n] for n in self.numbers]
        self.mms = [scenario.processes.index(event.process) for event in self.events]

    def __len__(self) -> int:
        return len(self.events)

    def begin(self, event: int) -> Driver:
        """The path of the event."""
        return event_path(self.cpu, Mm(self.m, self.mms[event]), self.events[event])

    def may_begin(self, event: int) -> bool:
        """Does its process live?"""
        return self.m.mm_users.get(self.mms[event]) == ALIVE

    def scripted(self, event: int, question: Question) -> str | None:
        """The scenario's answer."""
        answer = self.script.due(self.numbers[event], question)[1]
        if answer is not None and answer.outcome not in possible(question):
            raise ImpossibleAnswer(answer, f"'{answer.site} = {answer.outcome}' can't be here")
        return None if answer is None else answer.outcome

    def use(self, event: int, question: Question) -> None:
        """It is used up."""
        self.script.use(self.numbers[event], question, "")


def explore(
    scenario: Scenario, variant: str | None = None, mutants: frozenset[str] | None = None,
    options: Options | None = None, progress: Progress | None = None, executor: Executor | None = None,
) -> Result:  # fmt: skip
    """All that a scenario can do.  ``mutants`` None: the scenario's own.

    Every state is visited, and then the shortest way to each thing that was found is looked for; with a bound on
    preemptions, runs are looked at by preemptions, switches and steps until it is reached.  Whatever stops the search,
    time and Ctrl+C too, gives what was found so far.

    With ``options.jobs`` > 1 the states are visited by as many processes, or by ``executor``, any executor of the kind
    of ``concurrent.futures``: ``explore(scenario, options=Options(jobs=64), executor=client.get_executor())`` for Dask.
    """
    options = options or Options()
    search = Exploration(scenario, variant or scenario.variant, mutants, options, progress)
    if options.jobs > 1 and not search.bounded:
        from kernelmodel.explore.jobs import survey_in_parts

        search.visit = lambda start: survey_in_parts(search, start, executor)
    with search.clock.ctrl_c:
        return search.run()


VISIT, LEAST = 0.6, 0.5
"""Share of the time for the visit of all states, and the seconds that are left for the ways in any case."""
GRACE, PATIENCE = 10.0, 3.0
"""Seconds for the ways to what was found, once the visit of all states was stopped; the same if somebody waits."""


class Exploration:
    """One search."""

    def __init__(
        self, scenario: Scenario, variant: str, mutants: frozenset[str] | None, options: Options,
        progress: Progress | None = None, pattern: str = "",
    ) -> None:  # fmt: skip
        self.mutants = frozenset(scenario.mutants) if mutants is None else mutants
        m = self.m = boot.build(scenario, variant, self.mutants)
        self.scenario = scenario
        self.variant = variant
        self.options = options
        self.bounded = options.preemptions is not None
        self.world = World(m.journal)
        script = Script(scenario, m)
        self.programs = [CpuProgram(scenario, m, script, cpu) for cpu in range(m.nr_cpus)]
        self.paths = Paths(self.world, self.programs, Fingerprints(m), options.failures, pattern)
        self.paths.this_cpu = m
        self.moves = Moves(self.paths, LOCKS, options.reduction)
        self.names = Names(m, self.world, self.paths)
        self.checks = Wrong(m, self.world)
        self.clock = Clock(options.seconds, options.memory, progress)
        self.wrong: dict[int, tuple[tuple[str, str], ...]] = {}
        """By state of the machine: names and words of the invariants that it breaks."""
        self.words: dict[str, str] = dict(WORDS)
        self.visit: Callable[[int], Seen] = self.survey

    def run(self) -> Result:
        """Search, and tell."""
        start = self.begin()
        way = self._ways()
        seen = Seen()
        try:
            if not self.bounded:
                self.clock.part(VISIT)
                seen = self.visit(start)
                way.marked = seen.endless
                self.clock.part(1.0, LEAST)
                if seen.why in ("interrupted", "memory"):
                    self.clock.again(PATIENCE if seen.why == "interrupted" else GRACE)
                stopped = self._search(way, start, seen.targets)
                seen.why = seen.why or stopped
            else:
                seen.why = self._search(way, start, None) or ("preemptions" if way.cut else "")
                if not seen.why:
                    way, seen.why = self._endless_too(way, start)
                seen.ends = {self.end_target(whole) for whole in way.ends}
                seen.states, seen.transitions = len(way.states), way.transitions
            broken = self._settled(way)
        finally:
            self.world.close()
        return self._result(seen, way, broken)

    def _ways(self) -> Shortest:
        return Shortest(
            self.moves, self.names, self._names_of_wrong, self.clock, self.options.preemptions, self.end_target
        )

    def begin(self) -> int:
        """Open the world; the state in which everything begins."""
        return self.moves.pack(self.world.open(), self.paths.start())

    def survey(self, start: int) -> Seen:
        """Visit every state."""
        survey = Survey(self.moves, self.names, self._check, self.clock)
        seen = Seen()
        try:
            survey.run(start)
            seen.endless = endless(self.moves, self.names, start, self.clock)
        except Stopped as stopped:
            seen.why = stopped.why
        seen.keys = survey.seen
        seen.states, seen.transitions = len(survey.seen), survey.transitions
        seen.ends = {self.end_target(whole) for whole in survey.ends}
        seen.targets = {(each.kind, each.outcome, each.found) for each in self._happenings()}
        seen.targets |= {("bad", name, "") for wrong in self.wrong.values() for name, _ in wrong}
        seen.targets |= {("bad", name, "") for name in seen.endless.values()}
        seen.targets |= seen.ends
        return seen

    def _search(self, way: Shortest, start: int, wanted: set[Target] | None) -> str:
        """Look for the ways; why that was stopped, or ''."""
        try:
            way.run(start, wanted)
        except Stopped as stopped:
            return stopped.why
        return ""

    def _endless_too(self, way: Shortest, start: int) -> tuple[Shortest, str]:
        """The ways once more, if there are cycles that a run may stay in; why that was stopped, or ''."""
        try:
            marked = endless(self.moves, self.names, start, self.clock)
        except Stopped as stopped:
            return way, stopped.why
        if not marked:
            return way, ""
        more = self._ways()
        more.marked = marked
        why = self._search(more, start, None)
        return (way if why else more), why

    # -- what is wrong with a state ----------------------------------------------------------------
    def _check(self, state: int) -> None:
        """Look at a state of the machine, if nobody has yet."""
        if state not in self.wrong:
            self.wrong[state] = self.checks.of(state)

    def _names_of_wrong(self, state: int) -> Iterable[str]:
        self._check(state)
        for name, text in self.wrong[state]:
            self.words.setdefault(name, text)
            yield name

    # -- what is wanted, what was found ------------------------------------------------------------
    def _happenings(self) -> Iterable[Happening]:
        for labels in self.moves.labels.values():
            for label in labels:
                yield from label.happenings
        for bugs in self.moves.bugs.values():
            for _, label in bugs:
                yield from label.happenings

    def end_target(self, whole: int) -> Target:
        """An end state as a target."""
        key = named(self.moves, self.names, whole)
        return "end", str(key) if self.options.jobs == 1 else self.names.portable(key, self.moves.n), ""

    def _settled(self, way: Shortest) -> list[tuple[str, str, Target]]:
        """What is wrong with end states: name, words, and the end."""
        found: dict[str, tuple[str, str, Target]] = {}
        for whole in way.ends:
            if halted(self.moves.locals_of(whole)) == "end":
                for name, text in self.checks.of(self.moves.state(whole), True):
                    found.setdefault(name, (name, text, self.end_target(whole)))
        return list(found.values())

    # -- the result --------------------------------------------------------------------------------
    def _result(self, seen: Seen, way: Shortest, broken: list[tuple[str, str, Target]]) -> Result:
        reached = [
            Reached(f"{kind}:{outcome}" if outcome else kind, found, self._cpu(way, (kind, outcome, found)), witness)
            for kind, outcome, found in way.ways
            if kind not in ("end", "bad", "step")
            for witness in [self._witness(way, (kind, outcome, found))]
        ]
        reached.sort(key=lambda each: (each.witness.switches, each.witness.steps, each.event, each.found))
        wrong = {
            name: Violation(name, self.words.get(name, ""), self._witness(way, (kind, name, found)))
            for kind, name, found in way.ways
            if kind == "bad"
        }
        for name, words, target in broken:
            if name not in wrong and target in way.ways:
                wrong[name] = Violation(name, words, self._witness(way, target))
        for kind, outcome, found in way.ways:
            if kind == "bug":
                why = self.paths.bugs.get(outcome, "")
                wrong[outcome] = Violation(outcome, why, self._witness(way, (kind, outcome, found)))
        wholes = {self.end_target(whole): whole for whole in way.ends}
        outcomes = [
            self._outcome(wholes[target], self._witness(way, target))
            for target in seen.ends
            if target in way.ways and target in wholes
        ]
        outcomes.sort(key=lambda each: (each.end, each.results, each.mapped, each.witness.switches))
        for each in outcomes:  # a monitor may come any time, a lock that nobody will drop may not
            if each.end == "blocked" and each.why and MONITOR not in each.why:
                wrong.setdefault("deadlock", Violation("deadlock", each.why, each.witness))
        return Result(
            tuple(reached), tuple(outcomes), tuple(wrong.values()),
            seen.states, seen.transitions, not seen.why, seen.why,
        )  # fmt: skip

    def _cpu(self, way: Shortest, target: Target) -> int:
        return way.tape(target)[-1][0]

    def _witness(self, way: Shortest, target: Target) -> Witness:
        tape = way.tape(target)
        switches = sum(a[0] != b[0] for a, b in itertools.pairwise(tape))
        steps = len(tape) - 1
        if way.settled(target):
            steps = max(n for n in range(steps) if tape[n][0] == tape[-1][0])
        return Witness(tape, switches, steps)

    def _outcome(self, whole: int, witness: Witness) -> Outcome:
        """An end state in words."""
        locals_ = self.moves.locals_of(whole)
        results = [""] * len(self.scenario.events)
        mapped = [-1] * len(self.scenario.events)
        for program, local in zip(self.programs, locals_, strict=True):
            for number, event, (ret, order) in zip(program.numbers, program.events, local.results, strict=False):
                results[number] = result_name(ret) if event.is_access else call_result(ret)
                mapped[number] = order
        end = halted(locals_)
        accesses = tuple(order for order, event in zip(mapped, self.scenario.events, strict=True) if event.is_access)
        why = next((local.why for local in locals_ if local.kind == BUG), "") if end == "bug" else ""
        if end == "blocked":
            why = "; ".join(f"cpu{local.cpu} waits for {local.why}" for local in locals_ if local.kind == WAIT)
        return Outcome(end, tuple(results), accesses, witness, why)


MONITOR = "userfaultfd monitor"
"""Says of a wait that somebody outside the scenario may end it."""
WORDS = {"endless-refault": "a fault is taken again and again, although nobody refuses anything"}
