# SPDX-License-Identifier: GPL-2.0-only
"""Runs of one scenario held against each other: the first observable thing in which they differ.

Runs are aligned by event and turn (``kernelmodel.observed``); within a turn:

* ``alloc`` and ``charge``: the n-th attempt is compared with the n-th, with its order.  An attempt that one run makes
  and the other does not is a difference.
* ``vma-bounds`` and ``pte-range`` of an order, the n-th ``map-pte``, ``lock`` and ``recheck``: their outcomes, where
  both runs ask.  Not to ask is no difference: what follows from it shows in an attempt, a mapping or a result.
* ``mapping``, ``result`` and ``counters`` of the turn, and an end with a ``bug`` or ``blocked``.  Of counters only
  those that both releases have.

The order of tests within a turn does not matter; of several differences the first is the one that the first run
comes to first.
"""

from __future__ import annotations

from typing import NamedTuple

from kernelmodel.observed import TESTS, Observable, Observed, Slot, Turn, counters_text, has_statistic, observables
from kernelmodel.session import Session

ENDS = ("result", "counters")
"""What every turn that returns shows last."""
__all__ = ["Difference", "Observable", "Observed", "Pair", "Side", "first_difference", "observables", "side"]


class Side(NamedTuple):
    """One run at the point of parting."""

    step: int
    """Where to stand to see it."""
    seen: Observable | None
    """None: this run does not come to it."""
    text: str
    """``alloc order 3: folio``; ``no further alloc; result: VM_FAULT_OOM``."""


class Difference(NamedTuple):
    """The first observable thing in which two runs differ."""

    event: int
    turn: int
    slot: Slot
    a: Side
    b: Side
    place: float
    """Where it stands among the steps of ``a``."""
    final: bool
    """Can no step of either run bring an earlier one to light?"""

    @property
    def kind(self) -> str:
        """Decision kind, or ``mapping``, ``result``, ``counters``, ``blocked``."""
        return self.slot[0]


class Pair:
    """Two live sessions of one scenario and where they part, as far as both are known.

    Ask ``difference()`` after each step: turns that agreed are not looked at again.  Nothing is said of what one run
    lacks as long as its turn is not over.
    """

    def __init__(self, a: Session | Observed, b: Session | Observed) -> None:
        self.a, self.b = (each if isinstance(each, Observed) else Observed(each) for each in (a, b))
        self._restart()

    def _restart(self) -> None:
        self._cuts = self.a.cuts, self.b.cuts
        self._open: dict[tuple[int, int], None] = {}
        """Turns that were not found to agree to their ends."""
        self._seen = 0, 0
        self._found: Difference | None = None

    def difference(self) -> Difference | None:
        """The first difference so far."""
        a, b = self.a, self.b
        a.update()
        b.update()
        if self._cuts != (a.cuts, b.cuts):
            self._restart()
        if self._found is not None:
            return self._found
        self._open.update(dict.fromkeys(a.order[self._seen[0] :] + b.order[self._seen[1] :]))
        self._seen = len(a.order), len(b.order)
        best: tuple[float, tuple[int, int], Slot] | None = None
        for key in list(self._open):
            differences = self._differences(key)
            if not differences and _over(a, key) and _over(b, key):
                del self._open[key]
            for rank, slot in differences[:1]:
                if best is None or rank < best[0]:
                    best = rank, key, slot
        if best is None:
            return None
        rank, key, slot = best
        final = all(_over(a, each) and _over(b, each) for each in self._open if self._begin(each) <= rank)
        of_a, of_b = side(a, key, slot, b), side(b, key, slot, a)
        found = Difference(*key, slot, of_a, of_b, rank, final)
        self._found = found if final else None
        return found

    def _begin(self, key: tuple[int, int]) -> float:
        """Where a turn begins in the first run; where it would stand, if that run has none of it."""
        turn = self.a.turns.get(key)
        if turn is not None:
            return turn.first
        before = self.a.turns.get((key[0], key[1] - 1))
        return (before.last if before is not None else self.a.session.last) + 0.5

    def _differences(self, key: tuple[int, int]) -> list[tuple[float, Slot]]:
        """Differences within a turn, the first first: its place in the first run and its slot."""
        a, b = self.a, self.b
        mine, others = _items(a, key), _items(b, key)
        found: list[tuple[float, Slot]] = []
        for slot, item in mine.items():
            other = others.get(slot)
            if other is not None:
                if differ(a, item, b, other):
                    found.append((item.step, slot))
            elif slot[0] not in TESTS and _over(b, key):
                found.append((item.step, slot))
        at = self._begin(key)
        steps = [item.step for item in mine.values() if item.kind not in ENDS]
        for slot in others:
            if slot in mine:
                at = mine[slot].step
            elif slot[0] not in TESTS and _over(a, key):
                # it is an alternative to what the first run does next, if that does anything but return
                found.append((next((step for step in steps if step > at), at) + 0.5, slot))
        return sorted(found, key=lambda each: each[0])


def first_difference(a: Session | Observed, b: Session | Observed) -> Difference | None:
    """The first difference of what is known of two sessions."""
    return Pair(a, b).difference()


def _items(run: Observed, key: tuple[int, int]) -> dict[Slot, Observable]:
    turn = run.turns.get(key)
    return turn.items if turn is not None else {}


def _over(run: Observed, key: tuple[int, int]) -> bool:
    """Will the run show nothing more of a turn?"""
    turn = run.turns.get(key)
    return run.finished(key[0]) or (turn is not None and turn.done)


def differ(a: Observed, mine: Observable, b: Observed, other: Observable) -> bool:
    """Do two observables of one slot differ?  Of counters: those that both releases have."""
    if mine.kind == "counters":
        return bool(differing(a, mine, b, other))
    return (mine.order, mine.outcome) != (other.order, other.outcome)


def differing(a: Observed, mine: Observable, b: Observed, other: Observable) -> set[str]:
    """Statistics that both releases have and that differ."""
    names = {name for name, _ in set(mine.counters) ^ set(other.counters)}
    return {name for name in names if has_statistic(a.session, name) and has_statistic(b.session, name)}


def side(run: Observed, key: tuple[int, int], slot: Slot, *others: Observed) -> Side:
    """What a run does at the point where it parts from others."""
    turn, kind = run.turns.get(key), slot[0]
    if turn is None:
        ended = next((end.step for end in run.session.ended if end.event == key[0]), run.session.last)
        text = "no further fault" if key[0] in run.over else "not reached"
        return Side(min(ended, run.session.last), None, text)
    seen = turn.items.get(slot)
    if seen is not None and kind == "counters":
        names: set[str] = set()
        for each in others:
            other = _items(each, key).get(slot)
            names |= differing(run, seen, each, other) if other is not None else set()
        kept = {name: by for name, by in seen.counters if name in names}
        return Side(seen.step, seen, f"counters: {counters_text(kept.items())}")
    if seen is not None:
        return Side(seen.step, seen, seen.text)
    last = _last_word(turn, [_items(each, key) for each in others])
    further = "further " if slot[2] else ""
    if last is None:
        return Side(turn.last, None, f"no {further}{kind}")
    return Side(last.step, None, f"no {further}{kind}; {last.text}")


def _last_word(turn: Turn, others: list[dict[Slot, Observable]]) -> Observable | None:
    """Why a turn goes no further: its last test, attempt or mapping, if no other run has the same, else its result."""
    steps = [item for item in turn.items.values() if item.kind not in ENDS]
    if steps and not any(steps[-1].slot in each and each[steps[-1].slot].text == steps[-1].text for each in others):
        return steps[-1]
    return next((item for item in turn.items.values() if item.kind == "result"), steps[-1] if steps else None)
