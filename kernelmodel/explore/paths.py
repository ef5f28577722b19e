# SPDX-License-Identifier: GPL-2.0-only
"""What a CPU may do next from each of its local states, in each state of the machine.

A local state (``Local``) is a suspended path with what its CPU has done before.  Between two stops a path is a pure
function of it and of what is read of the machine; so each is run once for each set of values that it reads, and after
that its effect is applied to states by number.  A generator can't be copied: where a local state has to go on a second
time, its path is driven again from the beginning of its event.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import CodeType
from typing import Any, NamedTuple, Protocol

from kernelmodel.decision import ENVIRONMENT, Decision, Driver, KernelBug, Question, Step, Wait
from kernelmodel.explore.fingerprint import Fingerprints, Key
from kernelmodel.explore.world import Effect, World

START, STOP, WAIT, DONE, BUG = "start", "stop", "wait", "done", "bug"


class Program(Protocol):
    """What one CPU runs: its events, in order."""

    def begin(self, event: int) -> Driver:
        """The path of an event."""

    def may_begin(self, event: int) -> bool:
        """Does the machine allow the event to begin now?"""

    def scripted(self, event: int, question: Question) -> str | None:
        """What the scenario answers, None if it says nothing."""

    def use(self, event: int, question: Question) -> None:
        """That answer is given now."""

    def __len__(self) -> int:
        """Number of events."""


class Happening(NamedTuple):
    """What a transition shows: a decision with its outcome."""

    kind: str
    outcome: str
    found: str
    settled: bool
    """It was asked at the stop before and is settled by this transition; else it is told at the stop after it."""


class Label(NamedTuple):
    """What is to know of a transition besides where it leads."""

    answer: str | None
    """What was answered that neither nature nor the scenario would have said."""
    happenings: tuple[Happening, ...]
    refused: bool
    """The environment refused something."""
    again: bool
    """It goes back to something that was done before: a fault that is taken again, a lock that is tried again."""
    bug: str
    """Why the machine stops here, or ''."""


class Past(NamedTuple):
    """What a CPU has done so far, as far as it matters."""

    cpu: int
    event: int
    results: tuple[tuple[int, int], ...]
    mapped: int
    asked: int


class Local:
    """A local state of one CPU."""

    __slots__ = (
        "asked", "asks", "cpu", "event", "kind", "live", "mapped", "mentions", "number", "origin", "results",
        "runs", "stop", "template", "why",
    )  # fmt: skip

    def __init__(self, number: int, cpu: int, event: int, kind: str) -> None:
        self.number = number
        self.cpu = cpu
        self.event = event
        """Index into the CPU's program."""
        self.kind = kind
        self.stop: Decision | None = None
        self.why = ""
        """What it waits for, or what the kernel's bug is."""
        self.mentions: tuple[int, ...] = ()
        """Pfns that it holds."""
        self.template = number
        """Number of what it is apart from which pages it holds."""
        self.results: tuple[tuple[int, int], ...] = ()
        """What each event so far returned and mapped (an order, -1)."""
        self.mapped = -1
        self.asked = 0
        """Wishes so far, as far as the CPU's pattern goes."""
        self.origin: tuple[Local, Effect, str | None] | None = None
        """From which local state, with which effect, by which answer it was first reached."""
        self.live: tuple[Driver, Decision | Wait | None] | None = None
        self.asks: list[tuple[Effect, tuple[tuple[str | None, bool], ...]]] = []
        self.runs: dict[str | None, list[tuple[Effect, Local, Label]]] = {}


class Paths:
    """All CPUs of one world."""

    def __init__(
        self, world: World, programs: Sequence[Program], fingerprints: Fingerprints, failures: bool,
        pattern: str = "",
    ) -> None:  # fmt: skip
        """``pattern``: whether the environment grants (``+``) or refuses (``-``) each of the first CPU's first wishes.

        Where it can't be as the pattern says the CPU does not go on: such runs belong to another pattern.
        """
        self.world = world
        self.programs = programs
        self.fingerprints = fingerprints
        self.failures = failures
        self.patterns = [pattern, *[""] * (len(programs) - 1)]
        self.alone = len(programs) == 1
        self.locals: list[Local] = []
        self.bugs: dict[str, str] = {}
        """By name: what the kernel's bugs say that some run comes to."""
        self._by_key: dict[Key, Local] = {}
        self._templates: dict[Key, int] = {}
        self._keys: list[Key] = []
        self._digests: dict[int, str] = {}
        self.this_cpu: Any = None
        """An object whose ``this_cpu`` is set before a path runs, None if there is none."""

    def start(self) -> list[Local]:
        """The local states in which the CPUs begin."""
        return [self._between(Past(cpu, 0, (), -1, 0)) for cpu in range(len(self.programs))]

    def _between(self, past: Past) -> Local:
        """Before an event, or behind the last."""
        return self._intern(START if past.event < len(self.programs[past.cpu]) else DONE, past)

    def _intern(self, kind: str, past: Past, key: Key = (), mentions: tuple[int, ...] = ()) -> Local:
        key = (kind, past, key)
        known = self._by_key.get((key, mentions))
        if known is None:
            known = Local(len(self.locals), past.cpu, past.event, kind)
            known.mentions, known.results, known.mapped, known.asked = mentions, *past[2:]
            known.template = self._templates.setdefault(key, len(self._templates))
            if known.template == len(self._keys):
                self._keys.append(key)
            self.locals.append(known)
            self._by_key[key, mentions] = known
        return known

    def digest(self, template: int) -> str:
        """Of a local state apart from which pages it holds: 32 hex digits, the same in every process."""
        from hashlib import blake2b

        if template not in self._digests:
            kind, past, key = self._keys[template]
            text = repr((kind, past._replace(asked=0), _portable(key)))
            self._digests[template] = blake2b(text.encode(), digest_size=16).hexdigest()
        return self._digests[template]

    # -- where a local state can go ----------------------------------------------------------------
    def successors(self, local: Local, state: int) -> list[tuple[int, Local, Label, Effect]]:
        """(state, local state, label, effect) of every transition; empty while the CPU can't go on."""
        if local.kind in (DONE, BUG):
            return []
        found = []
        for answer, refused in self._answers(local, state):
            effect, after, label = self._run(local, state, answer, refused)
            found.append((self.world.apply(effect, state), after, label, effect))
        return found

    def _answers(self, local: Local, state: int) -> tuple[tuple[str | None, bool], ...]:
        """What can be answered at the stop, with whether that refuses something; () if the CPU can't go on."""
        if local.kind == STOP and not isinstance(local.stop, Question):
            return ((None, False),)
        for effect, answers in local.asks:
            if self.world.fits(effect, state):
                return answers
        live = self._live(local)
        local.live = live
        self.world.restore(state)
        self._enter(local)
        answers = self._ask(local, live[1])
        local.asks.append((self.world.end(), answers))
        return answers

    def _ask(self, local: Local, at: Decision | Wait | None) -> tuple[tuple[str | None, bool], ...]:
        program = self.programs[local.cpu]
        if local.kind == START:
            return ((None, False),) if program.may_begin(local.event) else ()
        if isinstance(at, Wait):
            return ((None, False),) if at.ready() else ()
        assert isinstance(at, Question)
        scripted = program.scripted(local.event, at)
        if scripted is not None:
            return ((scripted, scripted == at.failure),)
        outcomes = at.outcomes if self.failures and at.kind in ENVIRONMENT else (at.peek()[0],)
        wish = self.patterns[local.cpu][local.asked : local.asked + 1] if at.kind in ENVIRONMENT else ""
        if wish:
            outcomes = tuple(each for each in outcomes if (each == at.failure) == (wish == "-"))
        return tuple((each, each == at.failure and at.kind in ENVIRONMENT) for each in outcomes)

    def _run(self, local: Local, state: int, answer: str | None, refused: bool) -> tuple[Effect, Local, Label]:
        known = local.runs.setdefault(answer, [])
        for entry in known:
            if self.world.fits(entry[0], state):
                return entry
        driver, at = self._live(local)
        self.world.restore(state)
        self._enter(local)
        happenings: list[Happening] = []
        natural = True
        if isinstance(at, Question):
            outcome, reason, _ = at.peek()
            natural = answer == (self.programs[local.cpu].scripted(local.event, at) or outcome)
            happenings.append(Happening(at.kind, answer or "", reason[4:] if reason.startswith("pmd-") else "", True))
            self.programs[local.cpu].use(local.event, at)
        self.world.mark()
        after = self._go(local, driver, answer, happenings)
        effect = self.world.end()
        if after.origin is None:
            after.origin = (local, effect, answer)
        again = local.stop is not None and local.stop.kind == "return" and after.event == local.event
        again = again or (after.stop is not None and after.stop.kind == "pmd-same")
        bug = happenings[-1].outcome if happenings and happenings[-1].kind == "bug" else ""
        label = Label(None if natural else answer, tuple(happenings), refused, again and after.kind != DONE, bug)
        entry = (effect, after, label)
        known.append(entry)
        return entry

    def _go(self, local: Local, driver: Driver, answer: str | None, happenings: list[Happening]) -> Local:
        """Let the path go on to its next stop."""
        cpu, event, results, mapped, asked = local.cpu, local.event, local.results, local.mapped, local.asked
        if happenings and happenings[0].kind in ENVIRONMENT and asked < len(self.patterns[cpu]):
            asked += 1
        while True:
            try:
                at = driver.advance(answer)
                while (isinstance(at, Wait) and at.ready()) or (isinstance(at, Step) and self.alone):
                    at = driver.advance(None)
            except KernelBug as bug:
                happenings.append(Happening("bug", bug.name, "", False))
                self.bugs.setdefault(bug.name, bug.why)
                after = self._intern(BUG, Past(cpu, event, results, mapped, asked), (bug.name,))
                after.why = bug.why
                return after
            if at is not None:
                break
            results = (*results, (driver.result[1], mapped))
            event, mapped, answer = event + 1, -1, None
            if not self.alone or event == len(self.programs[cpu]) or not self.programs[cpu].may_begin(event):
                return self._between(Past(cpu, event, results, mapped, asked))
            driver = self.programs[cpu].begin(event)
        if isinstance(at, Wait):
            kind = WAIT
        else:
            kind = STOP
            if not isinstance(at, Question):
                found = dict(at.more).get("found", "")
                happenings.append(Happening(at.kind, at.outcome or at.reason, found, False))
                if at.kind == "install":
                    mapped = at.order
                elif at.kind == "zero-page":
                    mapped = 0
                elif at.kind == "bug":
                    kind = BUG
                    self.bugs.setdefault(at.outcome, at.reason)
        key, mentions = self.fingerprints.of(driver)
        after = self._intern(kind, Past(cpu, event, results, mapped, asked), key, mentions)
        if isinstance(at, Wait):
            after.why = at.what
        else:
            after.stop = at
        if after.live is None:
            after.live = (driver, at)
        return after

    # -- paths that are alive ----------------------------------------------------------------------
    def _enter(self, local: Local) -> None:
        """Be on its CPU."""
        if self.this_cpu is not None:
            self.this_cpu.this_cpu = local.cpu

    def _live(self, local: Local) -> tuple[Driver, Decision | Wait | None]:
        """A path that is suspended in this local state; it is the caller's."""
        live, local.live = local.live, None
        if live is not None:
            return live
        way = []
        at = local
        while at.kind != START:
            assert at.origin is not None
            way.append(at.origin)
            at = at.origin[0]
        found: tuple[Driver, Decision | Wait | None] = (self.programs[at.cpu].begin(at.event), None)
        steps = reversed(way)

        def again(effect: Effect) -> None:
            nonlocal found
            before, _, answer = next(steps)
            self._enter(before)
            found = self._again(before, found[0], answer)

        self.world.replay([effect for _, effect, _ in reversed(way)], again)
        return found

    def _again(self, local: Local, driver: Driver, answer: str | None) -> tuple[Driver, Decision | Wait | None]:
        """One transition that was made before."""
        event = local.event
        while True:
            at = driver.advance(answer)
            while (isinstance(at, Wait) and at.ready()) or (isinstance(at, Step) and self.alone):
                at = driver.advance(None)
            if at is not None:
                return driver, at
            event, answer = event + 1, None
            self.programs[local.cpu].may_begin(event)
            driver = self.programs[local.cpu].begin(event)


def _portable(value: Any) -> Any:
    """A fingerprint with code objects as their place in the source."""
    if isinstance(value, CodeType):
        return value.co_filename.rsplit("/", 2)[-2:], value.co_qualname, value.co_firstlineno
    if type(value) is tuple:
        return tuple(_portable(each) for each in value)
    return value
