# SPDX-License-Identifier: GPL-2.0-only
"""A second run of the same scenario with another variant, and how it follows the first.

A stop of one run corresponds to the stop of the other that has the same name: event, turn (one fault as the program
takes it), kind of decision (with its order, in the loops over orders), and how many such came before in that turn.
After each motion the second run stands at the last stop that corresponds to one that the first has passed or stands
at.  So kinds that it lacks leave it where it is, kinds that only it has are passed over, and it never goes back while
the first goes on.  Where the two part, each stands at its own side of the difference; from there on it is the same
rule, so that they meet again at the next decision that both have, at the latest where the next event begins.

To know that the second run lacks a decision, it is run on to the end of the turn, never further.  The answers that
were given to the first run are given to the second at the same question.  Where the CPUs of the first were chosen by
hand, the second runs for each of its stops the CPU that made it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from kernelmodel.answers import ImpossibleAnswer
from kernelmodel.boot import BootError
from kernelmodel.compare import Difference, Pair
from kernelmodel.cpus import event_text
from kernelmodel.mutants import spelled, taken_apart
from kernelmodel.observed import ATTEMPTS, BY_ORDER, Observed
from kernelmodel.scenario import ScenarioError
from kernelmodel.session import Session
from tui.told import place_lines

if TYPE_CHECKING:
    from kernelmodel.motion import Poll
    from kernelmodel.scenario.types import Scenario
    from kernelmodel.snapshot import Event, View
    from tui.paint.beside import Outcome, Second

WITH_ORDER = BY_ORDER | ATTEMPTS | {"deferred"}
"""Kinds of the loops over orders: those of one order correspond."""
_EVERY = 256
_LISTED = 24
"""Decisions that are listed, if there is room."""
_ENDED = 3
"""Events that have ended, of which the screen tells the outcomes."""


class Name(NamedTuple):
    """What a stop is called in both runs."""

    event: int
    turn: int
    kind: str
    order: int
    before: int
    """Stops of this kind and order that came before in this turn."""


IMPOSSIBLE = (BootError, ImpossibleAnswer, ScenarioError)
"""What a scenario that a variant can't run raises."""
NONE = Name(-1, -1, "", -1, -1)


class Names:
    """The names of a run's stops, as far as it is known."""

    def __init__(self, observed: Observed) -> None:
        self.observed = observed
        self._restart()

    def _restart(self) -> None:
        self._cuts = self.observed.session.log.cuts
        self.names: list[Name] = []
        """By step."""
        self.steps: dict[Name, int] = {}
        self.attempts: dict[int, Name] = {}
        """By step of an allocation or charge: its name as one of any order, which ``steps`` has as well."""
        self._many: Counter[tuple[int, int, str, int]] = Counter()

    def read(self) -> None:
        """Name what has become known; everything anew after a cut."""
        log = self.observed.session.log
        if self._cuts != log.cuts:
            self._restart()
        for step in range(len(self.names), len(log)):
            shape = log.at(step)
            order = shape.order if shape.kind in WITH_ORDER else -1
            if shape.kind == "step-down":
                order = dict(shape.more)["from"]
            self.names.append(self._name(step, shape.kind, order))
            if shape.kind in ATTEMPTS:
                self.attempts[step] = self._name(step, shape.kind, -1)

    def _name(self, step: int, kind: str, order: int) -> Name:
        most = (*self.observed.turn_of(step), kind, order)
        name = Name(*most, self._many[most])
        self._many[most] += 1
        self.steps[name] = step
        return name

    def like(self, other: Names, step: int) -> int:
        """The stop here that has the name of that one of the other run, -1 if there is none (yet).

        An attempt at an order that this run does not try is like the attempt at another one.
        """
        return self.steps.get(other.names[step], self.steps.get(other.attempts.get(step, NONE), -1))

    def over(self, name: Name) -> bool:
        """Can no further stop have this name?"""
        self.observed.update()
        turn = self.observed.turns.get((name.event, name.turn))
        return self.observed.finished(name.event) or (turn is not None and turn.done)


class Other:
    """The second run.  One of ``IMPOSSIBLE`` if there can be none with that variant (``v3``, ``v3~BUG_ON``)."""

    def __init__(self, first: Session, variant: str) -> None:
        self.variant, self.mutants = taken_apart(variant)
        self.mutants |= frozenset(first.scenario.raw.get("mutants", ()))
        self.kernel = spelled(self.variant, self.mutants)
        self.begin(first)

    def begin(self, first: Session) -> None:
        """Follow this run, from its start."""
        self.first = first
        self.session = Session(_for(first.scenario, self.variant), self.variant, self.mutants)
        if 0 in first.choices:
            self.session.begin(first.choices[0])
        self.difference: Difference | None = None
        """Where the two part, as far as both are known."""
        self.trouble = ""
        """Why the second run can't go on, although it has not ended."""
        self._pair = Pair(first, self.session)
        self._ours, self._theirs = Names(self._pair.a), Names(self._pair.b)
        self._places: list[int] = []
        """By step of the first run: where the second stands then."""
        self._notes: list[str] = []
        self.news: list[str] = []
        """What ``lines`` said for the first time."""

    # -- following -----------------------------------------------------------------------------------
    def follow(self, first: Session, poll: Poll | None = None) -> None:
        """Stand where this run stands, as far as ``poll`` lets it; ``begin`` with it if it is another one."""
        if first is not self.first:
            self.begin(first)
        self._ours.read()
        self._theirs.read()
        places = self._places
        while len(places) <= first.step:
            step = len(places)
            if poll is not None and step % _EVERY == _EVERY - 1 and poll(step):
                break
            places.append(max(places[-1] if places else 0, self._find(step)))
        before, self.difference = self.difference, self._pair.difference()
        if self.difference is not None and (before is None or before[:3] != self.difference[:3]):
            self._notes.append(self.parted())
        self.session.seek(self._at(min(first.step, len(places) - 1)))

    def cut(self, step: int) -> None:
        """The first run was given another answer or CPU at this step: both forget what came after it."""
        if step == 0:
            self.begin(self.first)
            return
        self._ours.read()
        del self._places[step:]
        theirs = self._theirs.steps.get(self._ours.names[step], -1)
        if 0 <= theirs < self.session.last:
            self.session.forget(theirs)
            self.trouble = ""

    def _at(self, step: int) -> int:
        """Where the second run stands when the first stands at ``step``: where they part, at its side of that."""
        at, found = self._places[step], self.difference
        if found is None or step < found.a.step:
            return at
        side = max(found.b.step, self._places[found.a.step - 1] if found.a.step else 0)
        return side if step == found.a.step else max(at, side)

    def _find(self, step: int) -> int:
        """The second run's stop that corresponds, -1 if it has none; it goes on until that is known."""
        name, theirs = self._ours.names[step], self._theirs
        while name not in theirs.steps and not self.trouble and not theirs.over(name):
            self._advance(self.first.event(step).cpu if self.first.choices else None)
        answer = self.first.answers.get(step)
        if name not in theirs.steps and answer is not None:
            self._notes.append(f"{self.kernel} does not ask for {self.first.event(step).site}: no {answer} there")
        return theirs.like(self._ours, step)

    def _advance(self, cpu: int | None) -> None:
        """One stop more is known of the second run."""
        run = self.session
        run.seek(run.last)
        try:
            run.advance(self._answer(run.last) if self.first.answers else None, cpu)
        except ImpossibleAnswer as error:
            self.trouble = f"{self.kernel} can't go on: {error.message}"
            self._notes.append(self.trouble)
        self._theirs.read()

    def _answer(self, step: int) -> str | None:
        """What the first run was answered at the same question, if that can be here."""
        answer = self.first.answers.get(self._ours.steps.get(self._theirs.names[step], -1))
        if answer is None or answer in self.session.possible_answers():
            return answer
        self._notes.append(f"{self.kernel} can't have {answer} at #{step} {self.session.event(step).kind}")
        return None

    # -- what is said and shown ----------------------------------------------------------------------
    def parted(self) -> str:
        """``parted at #54 / #38: alloc order 3: v3 folio, v3-off NULL``; '' as long as they agree."""
        found = self.difference
        if found is None:
            return ""
        verb = "parted" if self.first.step >= found.a.step else "part"
        names = self.first.kernel, self.kernel
        if found.a.seen is not None and found.b.seen is not None and found.a.seen.order == found.b.seen.order:
            what = found.a.text.removesuffix(f": {found.a.seen.outcome}")
            words = f"{what}: {names[0]} {found.a.seen.outcome}, {names[1]} {found.b.seen.outcome}"
        else:
            words = f"{names[0]} {found.a.text}, {names[1]} {found.b.text}"
        return f"{verb} at #{found.a.step} / #{found.b.step}: {words}"

    def lines(self) -> list[str]:
        """Where the second run stands, for the console, and what there is to say for the first time."""
        self.news, self._notes = self._notes, []
        return [*(f"{self.kernel}: {line}" for line in place_lines(self.session)), *self.news]

    def seen(self, view: View) -> Second:
        """What a screen shows of it."""
        from tui.paint.beside import Second

        snap = self.session.snapshot(view._replace(ptes=1, timeline=1, overview=0, events=_LISTED))
        signs = {event.step: sign for event in snap.events if (sign := self._sign(event))}
        return Second(snap, self.first.kernel, self.kernel, self.parted(), self.trouble, signs, tuple(self._outcomes()))

    def _sign(self, event: Event) -> str:
        """``≠`` if the first run decided otherwise there, ``+`` if it has no such decision, as far as it has come."""
        if not event.kind or event.step > self.session.step:
            return ""
        at = self._ours.like(self._theirs, event.step)
        if at < 0:
            return "+"
        return "" if _told(self.first.event(at)) == _told(event) else "≠"

    def _outcomes(self) -> Iterator[Outcome]:
        """What became of the events that have ended last in the first run."""
        from tui.paint.beside import Outcome

        ended = self.first.ended
        at = bisect_right(ended, self.first.step, key=lambda each: each.step)
        for each in ended[max(at - _ENDED, 0) : at]:
            sides = [_outcome(run, each.event) for run in (self._pair.a, self._pair.b)]
            yield Outcome(event_text(self.first.scenario.events[each.event]), *sides)


def _for(scenario: Scenario, variant: str) -> Scenario:
    """The scenario for a variant; read again where the reading depends on that."""
    if "thp_anon" not in scenario.raw.get("boot", {}):
        return scenario
    from kernelmodel.scenario.edit import edit

    return edit(scenario, "variant", variant)


def _outcome(run: Observed, event: int) -> str:
    """``0, folio order 4 at 0x…``: what an event returned and mapped; '' if it has not ended where the run stands."""
    found: dict[str, str] = {}
    turn = run.turns.get((event, 0))
    while turn is not None and turn.last <= run.session.step:
        found |= {item.kind: item.outcome for item in turn.items.values() if item.kind in ("mapping", "result")}
        turn = run.turns.get((event, turn.number + 1))
    return ", ".join(found[kind] for kind in ("result", "mapping") if kind in found)


def _told(event: Event) -> tuple[str, int, str]:
    """What two decisions of one name may differ in."""
    order = event.order if event.kind in ("install", *ATTEMPTS) else -1
    return event.outcome, order, "" if event.outcome else event.reason
