# SPDX-License-Identifier: GPL-2.0-only
"""The narrow waist: one run of one scenario, forwards, backwards and sideways.

A run is the scenario plus what differs from natural (the *tape*: answers, and which CPU ran).  The machine moves by
its journal; suspended paths can't move, so they are dropped when the machine goes back and are driven again, from the
last moment when none was alive, once someone wants their locals or the run goes on from there.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from kernelmodel import boot
from kernelmodel.answers import Script, possible
from kernelmodel.cpus import NO_STEP, Cpus, Run
from kernelmodel.decision import Call, Decision, KernelBug, Question, Step, Wait, is_modelled
from kernelmodel.defs import result_name
from kernelmodel.log import NO_FAULT, Log, Shape
from kernelmodel.look.hits import Hits
from kernelmodel.machine import Machine
from kernelmodel.mutants import spelled
from kernelmodel.scenario.types import Action, Scenario
from kernelmodel.snapshot import Event, Snapshot, View

if TYPE_CHECKING:
    from kernelmodel.expr.variables import Variable

T = TypeVar("T")

NO_EVENT = 0xFFFFFFFF
"""Event number of the last stop of a run, which belongs to none."""


class Stop:
    """Where the run stands: ``decision``, or at its last step ``end``, ``bug`` or ``blocked``; ``text`` in words."""

    __slots__ = ("_text", "kind", "step")

    def __init__(self, kind: str, step: int, text: str | Callable[[], str]) -> None:
        self.kind = kind
        self.step = step
        self._text = text

    @property
    def text(self) -> str:
        """What happened here; made when it is asked for."""
        return self._text if isinstance(self._text, str) else self._text()


class AccessEnd(NamedTuple):
    """An access, or the event of another verb, that has ended."""

    step: int
    """Step towards which the run was going when it ended."""
    first: int
    """First step of the access (``first`` = ``step``: it took none)."""
    cpu: int
    event: int
    faults: int
    ret: int
    """VM_FAULT_ bits of an access; else what the call returned: 0, an address, or a negative errno."""


class Session:
    """One run.  Stands at step 0, the first stop, when it is made."""

    def __init__(self, scenario: Scenario, variant: str | None = None, mutants: frozenset[str] | None = None) -> None:
        """``mutants``: None are those that the scenario names."""
        self.scenario = scenario
        self.variant = variant or scenario.variant
        self.mutants: frozenset[str] = frozenset(scenario.mutants) if mutants is None else mutants
        self.m: Machine = boot.build(scenario, self.variant, self.mutants)
        self.log = Log()
        self.step = NO_STEP
        self.end: Stop | None = None
        """The last stop, once it is known."""
        self.accesses: list[AccessEnd] = []
        """Accesses that have ended."""
        self.ended: list[AccessEnd] = []
        """Events of all verbs that have ended, the accesses too."""
        self.answers: dict[int, str] = {}
        """By the step of the question: what was answered instead of nature's answer."""
        self.choices: dict[int, int] = {}
        """By the step that it led to: the CPU that was chosen to run, where schedule and nature say another."""
        self.questions = array("I")
        """Steps of the questions, in order: tokens number answers by this."""
        self.cpus = Cpus(scenario, self.m)
        self.script = Script(scenario, self.m)
        self._alive = True
        """Do the paths stand at ``step``?  (False after the machine alone was moved.)"""
        self._rest = (array("q"), array("Q"), array("i"))
        """Moments with no path alive: step it leads to, journal position, CPU that goes on."""
        self._bug_calls: list[Call] = []
        self._before: tuple[int, list[Call]] = (NO_STEP, [])
        """Calls at the stop before, once someone has asked for what changed."""
        self._keep_before = False
        self.fallbacks = array("I")
        """Steps of all known fallbacks."""
        self._faults = 0
        self.values: dict[tuple[int, str, int, int], Any] = {}
        """By step, text, frame and CPU: values of watched expressions that are known; the cut run has others."""
        self.hits = Hits()
        self._forward(None, None)

    @property
    def kernel(self) -> str:
        """The variant with its mutants: ``v3~drop R1``."""
        return spelled(self.variant, self.mutants)

    # -- where it stands -----------------------------------------------------------------------------
    @property
    def last(self) -> int:
        """Highest known step."""
        return len(self.log) - 1

    @property
    def finished(self) -> bool:
        """Is the whole run known?"""
        return self.end is not None

    @property
    def stop(self) -> Stop:
        """The present stop."""
        if self.end is not None and self.step == self.last:
            return self.end
        step = self.step
        return Stop("decision", step, lambda: self._stop_text(step))

    def _stop_text(self, step: int) -> str:
        event = self.event(step)
        words = f"{event.kind}:{event.outcome}" if event.outcome else event.kind
        return f"{words}  {event.why}" if event.why else words

    def event(self, step: int) -> Event:
        """The decision at a known step; of the last stop one with an empty kind."""
        return self.log.event(step)

    def depth(self, step: int) -> int:
        """Call depth at a known step."""
        return self.log.at(step).depth

    def access_of(self, step: int) -> int:
        """Which access a step belongs to: the number of its event, ``NO_EVENT`` at the end."""
        return self.log.access[step]

    def calls(self, cpu: int = -1) -> list[Call]:
        """The call stack of a CPU (-1: the one that stopped), outermost first; drives the paths again if need be."""
        stopped = self.log.at(self.step).cpu
        if self._bug_calls and self.end is not None and self.step == self.last and cpu in (-1, stopped):
            return self._bug_calls
        self._revive()
        driver = self.cpus[stopped if cpu < 0 else cpu].driver
        return driver.calls() if driver is not None else []

    def calls_before(self) -> list[Call]:
        """The call stack at the stop before this one, as its locals stood then; empty if that was another access."""
        if self.step <= 0 or self.log.access[self.step] != self.log.access[self.step - 1]:
            return []
        if self._before[0] != self.step - 1:
            self._keep_before = True
            self._alive = False
            self._revive()
        return self._before[1] if self._before[0] == self.step - 1 else []

    @property
    def decision(self) -> Decision | None:
        """The decision object at the present stop, None at the end."""
        self._revive()
        run = self.cpus[self.log.at(self.step).cpu]
        return run.decision if run.at == self.step else None

    def pending(self, step: int) -> bool:
        """Is some CPU still suspended at this step's decision?"""
        return any(run.at == step for run in self.cpus.runs) and self._alive

    def possible_answers(self) -> tuple[str, ...]:
        """Every answer that the decision at the present stop takes; empty if it asks nothing."""
        decision = self.decision
        return possible(decision) if isinstance(decision, Question) else ()

    def current_event(self) -> Action | None:
        """The access that the CPU at the present stop is in."""
        return self.cpus.current(self.log.at(self.step).cpu)

    def process(self, cpu: int = -1) -> int:
        """Number of the mm that a CPU works on (-1: the one that stopped); the first while it has nothing to do."""
        event = self.cpus.current(self.log.at(self.step).cpu if cpu < 0 else cpu)
        return self.cpus.process(event) if event is not None else 0

    def cpu_rows(self) -> list[tuple[int, str, str, str, int]]:
        """Per CPU: number, event, state, function and line."""
        self._revive()
        return self.cpus.rows()

    def next_cpu(self) -> int:
        """The CPU that goes on from here: that of the known run, else the one that schedule or nature say; -1: none."""
        if self.step < self.last:
            following = self.log.at(self.step + 1)
            return following.cpu if following.kind else -1
        if self.end is not None:
            return -1
        self._revive()
        return self._choose(None)

    def can_run(self, cpu: int) -> bool:
        """Could this CPU go on from here?"""
        if self.end is not None and self.step == self.last:
            return False
        self._revive()
        return self.cpus.enabled(cpu)

    # -- the verbs -----------------------------------------------------------------------------------
    def advance(self, answer: str | None = None, cpu: int | None = None) -> Stop:
        """One stop forward.  Another answer than the recorded one, or another CPU, cuts the run here.

        ``cpu``: who shall run; None, or one that can't go on, is the one that the schedule or nature says.
        """
        if self.step < self.last:
            other = answer is not None and answer != self._recorded(self.step)
            if other or (cpu is not None and cpu != self.log.at(self.step + 1).cpu):
                self._cut()
        if self.step < self.last:
            self._alive = False
            self.step += 1
            self.m.journal.move(self.log.mark[self.step])
        elif self.end is None:
            self._revive()
            if self._keep_before:
                self._note_before()
            self._forward(cpu, answer)
        return self.stop

    def _note_before(self) -> None:
        """Keep the calls of this stop with their locals as text: structs would show later values."""
        from kernelmodel.look import calls as look_calls

        calls = self.calls()
        for call in calls:
            call.texts = tuple(look_calls.rows_of(self.m, call))
        self._before = (self.step, calls)

    def seek(self, step: int) -> Stop:
        """Go to a known step (clamped); only the machine moves."""
        step = max(0, min(step, self.last))
        if step != self.step:
            self._alive = False
            self.step = step
            self._jump(self.log.mark[step])
        return self.stop

    def begin(self, cpu: int) -> Stop:
        """The run from its first stop, with this CPU the first; what was known of it is forgotten."""
        self.cpus.drop()
        self._jump(0)
        self.step = NO_STEP
        self._alive = True
        self._forget()
        self._forward(cpu, None)
        return self.stop

    def forget(self, step: int) -> Stop:
        """Go to a known step and forget what came after it, and the answer that was given there."""
        self.seek(step)
        self._cut()
        return self.stop

    def along(self, first: int, last: int) -> Iterator[int]:
        """Stand at each known stop of a range in turn, with the paths alive: one drive for all of them."""
        self.seek(first)
        self._revive()
        yield first
        while self.step < last:
            self._revive()
            end = self.end
            self._forward(None, None)
            self.end = end
            yield self.step

    def as_of(self, step: int, look: Callable[[], T]) -> T:
        """What a look at the machine says as it stood at a known step; nothing else moves."""
        journal, here, cpu = self.m.journal, self.m.journal.pos, self.m.this_cpu
        if step < len(self.log):
            journal.move(self.log.mark[step])
            self.m.this_cpu = self.log.at(step).cpu
        try:
            return look()
        finally:
            journal.move(here)
            self.m.this_cpu = cpu

    def fork(self) -> Session:
        """Another session on the same tape, at the same step, with a machine of its own."""
        other = Session(self.scenario, self.variant, self.mutants)
        other.play(self.answers, self.step, self.choices)
        return other

    def play(self, answers: dict[int, str], until: int, choices: dict[int, int] | None = None) -> None:
        """Run forward to a step, giving these answers (by step) and choosing these CPUs (by the step towards which)."""
        if choices and self.step == 0 and 0 in choices:
            self.begin(choices[0])
        while self.step < until and self.end is None:
            answer, cpu = answers.get(self.step), (choices or {}).get(self.step + 1)
            if answer is not None and cpu not in (None, self.log.at(self.step).cpu):
                self.answers[self.step] = answer  # for when the CPU that stands here goes on
                answer = None
            self.advance(answer, cpu)

    def snapshot(self, view: View) -> Snapshot:
        """What is visible now."""
        from kernelmodel import look

        return look.build(self, view)

    def variable(self, name: str, frame: int = -1, cpu: int = -1) -> Variable | None:
        """The variable of that name in a call of the present stop, else of its callers; None if none has one.

        ``cpu``: whose calls, -1 for the one that stopped; ``frame``: index into them, -1 for the innermost reviewed.
        """
        from kernelmodel.expr.variables import variable

        return variable(self, name, frame, cpu)

    def deeper_variable(self, name: str) -> Variable | None:
        """The same for the mechanisms below the innermost reviewed call."""
        from kernelmodel.expr.variables import deeper_variable

        return deeper_variable(self, name)

    def lookup(self, name: str, cpu: int = -1) -> Any:
        """What stands by itself under that name (a struct, what the CPU's fault is about); None if nothing does."""
        from kernelmodel.look.names import lookup

        return lookup(self, name, cpu)

    def ask(self, text: str) -> int:
        """Value of an expression in C syntax at the present stop; ``ExprError`` or ``EvalError`` if it has none."""
        from kernelmodel.expr import evaluate, parse
        from kernelmodel.expr.env import StopEnv

        return evaluate(parse(text), StopEnv(self, self.step))

    def find_event(self, text: str, start: int, direction: int, poll: Callable[[int], bool] | None = None) -> int:
        """The nearest known step after ``start`` (before it: ``direction`` < 0) whose line has this text; -1: none."""
        from kernelmodel.look.find import find_event

        return find_event(self, text, start, direction, poll)

    def digest(self) -> str:
        """Of the present state."""
        return self.m.digest()

    def token(self) -> str:
        """The run in a line: scenario, hash, variant, and what differs from natural; '' if the scenario was edited."""
        from kernelmodel import tokens

        return tokens.make(self)

    # -- going forward -------------------------------------------------------------------------------
    def _recorded(self, step: int) -> str:
        return self.answers.get(step) or self.log.at(step).outcome

    def _forward(self, choice: int | None, answer: str | None) -> None:
        """Make the next stop, from where the paths stand."""
        step = self.step + 1
        chosen = self._choose(choice) if step > self.last else self._known(step)
        if answer is not None and choice is None and chosen >= 0 and self.cpus[chosen].at != self.step:
            self.answers[self.step] = answer  # for the CPU that stands here, when it goes on
            answer = None
        self._drive(step, chosen, answer)

    def _known(self, step: int) -> int:
        """The CPU that made a known stop; -1 if there was none left to make it."""
        cpu = self.log.at(step).cpu
        return cpu if self.cpus.enabled(cpu) else -1

    def _drive(self, step: int, cpu: int, answer: str | None) -> None:
        """Run a CPU to its next stop; where it is alone, over the ends of its events."""
        while cpu >= 0:
            run = self.cpus[cpu]
            if run.driver is None:
                self.cpus.begin(cpu, step)
            try:
                found = self._resume(run, cpu, answer)
            except KernelBug as bug:
                self._bug(step, cpu, bug)
                return
            answer = None
            if isinstance(found, Decision):
                self._stopped(run, cpu, step, found)
                return
            if found is None:
                self._access_end(run, cpu, step)
                found = self.cpus.pause(cpu)
            else:
                run.wait = found
                found = Step("step", "wait", reason=found.what)
            if self.m.nr_cpus > 1 and found is not None:
                self._stopped(run, cpu, step, found)
                return
            cpu = self.cpus.after(cpu)
        self._finish(step)

    def _resume(self, run: Run, cpu: int, answer: str | None) -> Decision | Wait | None:
        """Answer the path's question, if it has one, and let it go on."""
        assert run.driver is not None
        self.m.this_cpu = cpu
        reply: str | None = None
        if isinstance(run.decision, Question):
            reply = self._answer(run, run.decision, answer)
        run.wait = None
        run.decision = None
        found = run.driver.advance(reply)
        while (isinstance(found, Wait) and found.ready()) or (isinstance(found, Step) and self.m.nr_cpus == 1):
            found = run.driver.advance(None)
        return found

    def _answer(self, run: Run, question: Question, answer: str | None) -> str:
        """The user's answer, else the scenario's, else nature's."""
        outcome, reason, arg = question.peek()
        default = self.script.use(run.event, question, outcome)
        chosen = answer or self.answers.get(run.at) or default
        if chosen != default:
            self.answers[run.at] = chosen
        else:
            self.answers.pop(run.at, None)
        forced = chosen != outcome
        if forced:
            reason, arg = "forced", 0
        shape = self.log.at(run.at)
        if (shape.outcome, shape.reason, shape.forced) != (chosen, reason, forced):
            self.log.settle(run.at, chosen, reason, arg, forced)
        return chosen

    def _stopped(self, run: Run, cpu: int, step: int, decision: Decision) -> None:
        """A path has stopped at a decision: log it (or, on the known run, check the position)."""
        run.decision = decision
        run.at = step
        mark = self.m.journal.mark()
        self.step = step
        if step < len(self.log):
            known = self.log.fault[step]
            run.fault = -1 if decision.kind == "return" or known == NO_FAULT else known
            return
        in_fault = decision.kind == "pmd-gate" or self.scenario.events[run.event].is_access
        if run.fault < 0 and in_fault and run.driver is not None:
            run.fault = self._faults
            self._faults += 1
        asked, forced = isinstance(decision, Question), False
        outcome, reason = decision.outcome, decision.reason
        if isinstance(decision, Question):
            outcome, reason, decision.arg = decision.peek()
            self.questions.append(step)
            scripted = self.script.due(run.event, decision)[1]
            if scripted is not None and scripted.outcome != outcome:
                outcome, reason, decision.arg, forced = scripted.outcome, "forced", 0, True
        name, line, depth = self._where(run)
        shape = Shape(
            decision.kind, outcome, decision.site, decision.order, decision.i, reason, decision.more, name, line, depth,
            cpu, asked, forced,
        )  # fmt: skip
        self.log.append(shape, decision, NO_FAULT if run.fault < 0 else run.fault, run.event, mark)
        if decision.kind == "return":
            run.fault = -1
        if decision.kind == "fallback":
            self.fallbacks.append(step)
        if decision.kind == "bug":
            self.end = Stop("bug", step, f"{decision.outcome}: {self.event(step).why}")

    def _where(self, run: Run) -> tuple[str, int, int]:
        """Function, line in it and depth where a path is suspended; ('', 0, 0) for none."""
        if run.driver is None:
            return "", 0, 0
        code, line, depth = run.driver.where()
        return code.co_name, line - code.co_firstlineno + 1, depth

    def _access_end(self, run: Run, cpu: int, step: int) -> None:
        assert run.driver is not None
        faults, ret = run.driver.result
        self.m.cpu_event.add(cpu, 1)
        if step > self.last:
            self.ended.append(AccessEnd(step, run.first, cpu, run.event, faults, ret))
            if self.scenario.events[run.event].is_access:
                self.accesses.append(self.ended[-1])
        run.driver = run.decision = run.wait = None
        run.at = NO_STEP
        if step > self.last and self.cpus.idle():
            self._note_rest(step, cpu)

    def _note_rest(self, step: int, cpu: int) -> None:
        steps, positions, cpus = self._rest
        if steps and steps[-1] == step:
            positions[-1], cpus[-1] = self.m.journal.mark(), cpu
            return
        steps.append(step)
        positions.append(self.m.journal.mark())
        cpus.append(cpu)

    def _choose(self, choice: int | None) -> int:
        """CPU for the next stop: asked for, scheduled by the scenario, or natural (the one that ran)."""
        if self.m.nr_cpus == 1:
            return 0 if self.cpus.enabled(0) else -1
        wish = self.cpus.scheduled(self.log)
        if wish is None or not self.cpus.enabled(wish):
            wish = self.cpus.after(self.log.at(self.step).cpu if self.step >= 0 else 0)
        if choice is None or choice == wish or not self.cpus.enabled(choice):
            return wish
        self.choices[self.step + 1] = choice
        return choice

    def _finish(self, step: int) -> None:
        """No CPU can go on: the end, or a wait that nothing can wake."""
        mark = self.m.journal.mark()
        self.step = step
        waiting = self.cpus.waiting()
        if step >= len(self.log):
            cpu = waiting[0][0] if waiting else max(self.log.at(step - 1).cpu if step else 0, 0)
            name, line, depth = self._where(self.cpus[cpu]) if waiting else ("", 0, 0)
            shape = Shape("", "", "", -1, -1, "", (), name, line, depth, cpu, False, False)
            event = self.cpus[cpu].event if waiting and self.cpus[cpu].driver else NO_EVENT
            self.log.append(shape, Decision("", ""), self.cpus[cpu].fault & NO_FAULT, event, mark)
        if waiting:
            text = "; ".join(f"cpu{cpu} waits for {what}" for cpu, what in waiting)
            self.end = Stop("blocked", step, text + ", and no event can wake it")
        else:
            self.end = Stop("end", step, self._end_text())

    def _end_text(self) -> str:
        results = ", ".join(result_name(each.ret) for each in self.accesses[-4:])
        n = len(self.accesses)
        return f"end of the run: {n} access{'' if n == 1 else 'es'}" + (f", last results {results}" if n else "")

    def _bug(self, step: int, cpu: int, bug: KernelBug) -> None:
        """A VM_BUG_ON of the model: the stack is in the traceback."""
        calls = []
        tb = bug.__traceback__
        while tb is not None:
            frame = tb.tb_frame
            if is_modelled(frame.f_code):
                calls.append(Call(frame.f_code, tb.tb_lineno, dict(frame.f_locals)))
            tb = tb.tb_next
        self._bug_calls = calls
        mark = self.m.journal.mark()
        self.step = step
        if step >= len(self.log):
            code, line = (calls[-1].code, calls[-1].line) if calls else (self._bug.__code__, 0)
            shape = Shape(
                "bug", bug.name, "", -1, -1, bug.why, (), code.co_name, line - code.co_firstlineno + 1, len(calls), cpu,
                False, False,
            )  # fmt: skip
            run = self.cpus[cpu]
            self.log.append(shape, Decision("bug", bug.name), run.fault & NO_FAULT, run.event, mark)
        self.end = Stop("bug", step, f"{bug.name}: {bug.why}")

    # -- going back ----------------------------------------------------------------------------------
    def _jump(self, target: int) -> None:
        journal = self.m.journal
        if abs(target - journal.pos) > BULK:
            from kernelmodel import leap

            while journal.pos != target:
                leap.move(journal, max(journal.pos - SLICE, min(journal.pos + SLICE, target)))
        else:
            journal.move(target)

    def _revive(self) -> None:
        """Drive the paths to the present step, from the last moment when none was alive."""
        if self._alive:
            return
        target = self.step
        steps, positions, cpus = self._rest
        at = bisect_right(steps, target) - 1
        self.cpus.drop()
        if at >= 0:
            self._jump(positions[at])
            if self.m.nr_cpus > 1:
                self.step = steps[at]
                self.cpus.stand(self.log.at(self.step).cpu, self.step)
            else:  # the second half of a transition in which all paths had ended
                self.step = steps[at] - 1
                self._drive(steps[at], self.cpus.after(cpus[at]), None)
        else:
            self._jump(0)
            self.step = NO_STEP
            self._forward(None, None)
        end = self.end
        while self.step < target:
            if self._keep_before and self.step == target - 1:
                self._alive = True
                self._note_before()
                self._alive = False
            self._forward(None, None)
        self.end = end
        self._alive = True
        if self.m.journal.pos != self.log.mark[target]:
            raise AssertionError("the re-driven run is longer or shorter than the recorded one")

    def _cut(self) -> None:
        """Forget the known run after the present step."""
        self._revive()
        self._forget()

    def _forget(self) -> None:
        self.m.journal.cut()
        self.hits.to(self.log, self.step)
        self.log.cut(self.step + 1)
        self.end = None
        self._bug_calls = []
        self.values.clear()
        if self._before[0] > self.step:
            self._before = (NO_STEP, [])
        self._faults = max((fault for fault in self.log.fault if fault != NO_FAULT), default=-1) + 1
        self.answers = {step: answer for step, answer in self.answers.items() if step < self.step}
        self.choices = {step: cpu for step, cpu in self.choices.items() if step <= self.step}
        for column in (self.questions, self.fallbacks):
            while column and column[-1] > self.step:
                column.pop()
        for ends in (self.accesses, self.ended):
            while ends and ends[-1].step > self.step:
                ends.pop()
        steps, positions, cpus = self._rest
        keep = bisect_right(steps, self.step)
        del steps[keep:], positions[keep:], cpus[keep:]


BULK = 4096
"""Journal entries from which a jump is made by scatter, not one by one."""
SLICE = 1 << 17
"""Entries of one scatter: arrays that stay in the cache are faster than one for the whole way."""
