# SPDX-License-Identifier: GPL-2.0-only
"""A second run of the same scenario with another variant, and how it follows the first.

A stop of one run corresponds to the stop of the other that has the same name: event, turn (one fault as the program
takes it), kind of decision (with its order, in the loops over orders), and how many such came before in that turn.
After each motion the second run stands at the last stop that corresponds to one that the first has passed or stands
at.  So kinds that it lacks leave it where it is, kinds that only it has are passed over, and it never goes back while
the first goes on.  Where the two part, each stands at its own side of the difference; from there on it is the same
rule, so that they meet again at the next decision that both have, at the latest where the next event begins.

To know that the second run lacks a decision, it is run on to the end of the turn, never further.  The answers that
were given to the first run are given to the second at the same question.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from kernelmodel.answers import ImpossibleAnswer
from kernelmodel.compare import Difference, Pair
from kernelmodel.cpus import event_text
from kernelmodel.observed import Observed
from kernelmodel.session import Session
from tui.told import place_lines

if TYPE_CHECKING:
    from kernelmodel.motion import Poll
    from kernelmodel.snapshot import Event, View
    from tui.paint.beside import Outcome, Second

BY_ORDER = frozenset({"vma-bounds", "pte-range", "alloc", "charge", "deferred"})
"""Kinds of the loops over orders: those of one order correspond."""
_EVERY = 256
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
        self._many: Counter[tuple[int, int, str, int]] = Counter()

    def read(self) -> None:
        """Name what has become known; everything anew after a cut."""
        log = self.observed.session.log
        if self._cuts != log.cuts:
            self._restart()
        for step in range(len(self.names), len(log)):
            shape = log.at(step)
            order = shape.order if shape.kind in BY_ORDER else -1
            if shape.kind == "step-down":
                order = dict(shape.more)["from"]
            kind = (*self.observed.turn_of(step), shape.kind, order)
            name = Name(*kind, self._many[kind])
            self._many[kind] += 1
            self.names.append(name)
            self.steps[name] = step

    def over(self, name: Name) -> bool:
        """Can no further stop have this name?"""
        self.observed.update()
        turn = self.observed.turns.get((name.event, name.turn))
        return self.observed.finished(name.event) or (turn is not None and turn.done)


class Other:
    """The second run.  ``BootError`` or ``ImpossibleAnswer`` if there can be none with that variant."""

    def __init__(self, first: Session, variant: str) -> None:
        self.variant = variant
        self.begin(first)

    def begin(self, first: Session) -> None:
        """Follow this run, from its start."""
        self.first = first
        self.session = Session(first.scenario, self.variant)
        self.difference: Difference | None = None
        """Where the two part, as far as both are known."""
        self.trouble = ""
        """Why the second run can't go on, although it has not ended."""
        self._pair = Pair(first, self.session)
        self._ours, self._theirs = Names(self._pair.a), Names(self._pair.b)
        self._places: list[int] = []
        """By step of the first run: where the second stands then."""
        self._notes: list[str] = []

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
        self._part()
        self.session.seek(places[min(first.step, len(places) - 1)])

    def cut(self, step: int) -> None:
        """The first run was given another answer at this step: both forget what came after it."""
        theirs = self._places[step] if step < len(self._places) else -1
        del self._places[step:]
        if 0 <= theirs < self.session.last and self._theirs.names[theirs] == self._ours.names[step]:
            self.session.forget(theirs)
            self.trouble = ""

    def _part(self) -> None:
        """Find out where the two part, and have each stand at its own side of that."""
        before, found = self.difference, self._pair.difference()
        self.difference = found
        if found is None or (before is not None and before[:3] == found[:3]):
            return
        self._notes.append(self.parted())
        for step in range(found.a.step, len(self._places)):
            self._places[step] = max(self._places[step], found.b.step)

    def _find(self, step: int) -> int:
        """The second run's stop of this name, -1 if it has none; it goes on until that is known."""
        name, theirs = self._ours.names[step], self._theirs
        while name not in theirs.steps and not self.trouble and not theirs.over(name):
            self._advance()
        answer = self.first.answers.get(step)
        if name not in theirs.steps and answer is not None:
            self._notes.append(f"{self.variant} does not ask for {self.first.event(step).site}: no {answer} there")
        return theirs.steps.get(name, -1)

    def _advance(self) -> None:
        """One stop more is known of the second run."""
        run = self.session
        run.seek(run.last)
        try:
            run.advance(self._answer(run.last) if self.first.answers else None)
        except ImpossibleAnswer as error:
            self.trouble = f"{self.variant} can't go on: {error.message}"
            self._notes.append(self.trouble)
        self._theirs.read()

    def _answer(self, step: int) -> str | None:
        """What the first run was answered at the same question, if that can be here."""
        answer = self.first.answers.get(self._ours.steps.get(self._theirs.names[step], -1))
        if answer is None or answer in self.session.possible_answers():
            return answer
        self._notes.append(f"{self.variant} can't have {answer} at #{step} {self.session.event(step).kind}")
        return None

    # -- what is said and shown ----------------------------------------------------------------------
    def parted(self) -> str:
        """``parted at #54 / #38: alloc order 3: v3 folio, v3-off NULL``; '' as long as they agree."""
        found = self.difference
        if found is None:
            return ""
        verb = "parted" if self.first.step >= found.a.step else "part"
        names = self.first.variant, self.variant
        if found.a.seen is not None and found.b.seen is not None:
            order = f" order {found.slot[1]}" if found.slot[1] >= 0 else ""
            words = f"{found.kind}{order}: {names[0]} {found.a.seen.outcome}, {names[1]} {found.b.seen.outcome}"
        else:
            words = f"{names[0]} {found.a.text}, {names[1]} {found.b.text}"
        return f"{verb} at #{found.a.step} / #{found.b.step}: {words}"

    def lines(self) -> list[str]:
        """Where the second run stands, for the console, and what there is to say for the first time."""
        said = [f"{self.variant}: {line}" for line in (*place_lines(self.session), *self._notes)]
        self._notes.clear()
        return said

    def seen(self, view: View) -> Second:
        """What a screen shows of it."""
        from tui.paint.beside import Second

        snap = self.session.snapshot(view)
        signs = {event.step: sign for event in snap.events if (sign := self._sign(event))}
        return Second(snap, self.first.variant, self.parted(), self.trouble, signs, tuple(self._outcomes()))

    def _sign(self, event: Event) -> str:
        """``≠`` if the first run decided otherwise there, ``+`` if it has no such decision, as far as it has come."""
        if not event.kind or event.step > self.session.step:
            return ""
        at = self._ours.steps.get(self._theirs.names[event.step], -1)
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
    order = event.order if event.kind == "install" else -1
    return event.outcome, order, "" if event.outcome else event.reason
