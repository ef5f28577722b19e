# SPDX-License-Identifier: GPL-2.0-only
"""The search itself, on numbers: a state is one int, the machine's state and a local state per CPU.

``Survey`` visits every state once, in any order; it says what there is.  ``Shortest`` visits a state once per CPU that
goes on from it, by context switches (or preemptions) and then steps; it says how one comes there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from time import monotonic

from kernelmodel.explore.moves import LOCAL_BITS, LOCAL_MASK, POLL, Moves, Namer, named
from kernelmodel.explore.paths import BUG, DONE, STOP, Label, Local

BEAT = 0.25
"""Seconds between two looks at the clock where the states take long."""


class Survey:
    """Every state there is."""

    def __init__(
        self, moves: Moves, name: Namer | None, look: Callable[[int], None], poll: Callable[[int, int], None]
    ) -> None:
        """``look`` is called once with each state of the machine, ``poll`` as ``Progress`` now and then."""
        self.moves = moves
        self.name = name
        self.look = look
        self.poll = poll
        self.seen: set[int] = set()
        self.ends: set[int] = set()
        """Whole states from which nothing goes on."""
        self.transitions = 0
        self._machines: set[int] = set()

    def run(self, start: int) -> None:
        """Visit everything that follows a state."""
        while not self._visit(start):
            pass

    def _visit(self, start: int) -> bool:
        """Once; False if it has to be done again, because more is known now about what is quiet."""
        moves, name = self.moves, self.name
        base, shifts = moves.base, list(enumerate(moves.shifts))
        far: dict[int, tuple[tuple[int, ...], tuple[int, ...]]] = {}
        seen = self.seen = {named(moves, name, start)}
        machines = self._machines
        ends = self.ends = set[int]()
        stack = [start]
        count, transitions, check, due = 0, 0, 64, monotonic() + BEAT
        while stack:
            whole = stack.pop()
            count += 1
            if count == check or monotonic() > due:
                self.transitions = transitions
                self.poll(len(seen), 0)
                due = monotonic() + BEAT
                if count == check:
                    check += min(check, POLL)
                    if moves.too_early():
                        return False
            state = whole >> base
            if state not in machines:
                machines.add(state)
                self.look(state)
            state <<= LOCAL_BITS
            stuck = True
            for cpu, shift in shifts:
                pair = state | whole >> shift & LOCAL_MASK
                found = far.get(pair)
                if found is None:
                    found = far[pair] = moves.far(pair, cpu)
                for difference in found[0]:
                    stuck = False
                    transitions += 1
                    after = whole + difference
                    key = after if name is None else named(moves, name, after)
                    if key not in seen:
                        seen.add(key)
                        stack.append(after)
                if found[1]:
                    stuck = False
                    for difference in found[1]:
                        transitions += 1
                        ends.add(whole + difference)
                        seen.add(named(moves, name, whole + difference))
            if stuck and halted(moves.locals_of(whole)):
                ends.add(whole)
        self.transitions = transitions
        return not moves.too_early()


Target = tuple[str, str, str]
"""Kind, outcome and what was found, of a decision; ``("end", number, "")`` and ``("bad", name, "")`` for states."""


class Shortest:
    """The way to everything with the fewest context switches, and among those the fewest steps.

    With a bound on preemptions: the fewest preemptions first, and nothing that needs more.
    """

    def __init__(
        self, moves: Moves, name: Namer | None, look: Callable[[int], Iterable[str]], poll: Callable[[int, int], None],
        preemptions: int | None = None, end: Callable[[int], Target] | None = None,
    ) -> None:  # fmt: skip
        """``look`` gives the names of what is wrong with a state of the machine, ``end`` names an end state."""
        self.moves = moves
        self.name = name
        self.look = look
        self.poll = poll
        self.most = preemptions
        self.end = end or (lambda whole: ("end", str(named(moves, name, whole)), ""))
        self.marked: dict[int, str] = {}
        """States by number that are wrong in another way than ``look`` sees, with the word for it."""
        self.ways: dict[Target, tuple[int, tuple[int, str | None] | None]] = {}
        """Target to (node, the transition from it that is the target, None if the node is)."""
        self._settled: set[Target] = set()
        self.came: dict[int, tuple[int, str | None, bool]] = {}
        """Node (state * CPUs + the CPU that goes on): the one before, what was answered, whether a step was made."""
        self.cut = False
        """Was something left out because of the bound?"""
        self.states: set[int] = set()
        self.transitions = 0
        self.ends: set[int] = set()

    def run(self, start: int, wanted: set[Target] | None = None) -> None:
        """Until everything that is wanted is found (None: until the end)."""
        while not self._visit(start, wanted):
            for each in (self.ways, self._settled, self.came, self.states, self.ends):
                each.clear()
            self.cut, self.transitions = False, 0

    def _visit(self, start: int, wanted: set[Target] | None) -> bool:
        """Once; False if it has to be done again, as in a ``Survey``."""
        moves, n, came = self.moves, self.moves.n, self.came
        missing = None if wanted is None else set(wanted)
        heap: list[tuple[int, int, int, int, int, int, int, str | None, bool]] = []
        tick, check, due = 0, 64, monotonic() + BEAT
        for cpu in range(n):
            heap.append((0, 0, 0, tick := tick + 1, start, cpu, -1, None, False))
        while heap and (missing is None or missing):
            lost, switches, steps, _, whole, cpu, before, answer, stepped = heappop(heap)
            key = named(moves, self.name, whole)
            node = key * n + cpu
            if node in came:
                continue
            came[node] = (before, answer, stepped)
            if key not in self.states:
                self.states.add(key)
                if not len(self.states) % 32 or monotonic() > due:
                    self.poll(len(self.states), switches)
                    due = monotonic() + BEAT
                if len(self.states) == check:
                    check += min(check, POLL)
                    if moves.too_early():
                        return False
                for bad in (*self.look(moves.state(whole)), *([self.marked[key]] if key in self.marked else [])):
                    self._reach(("bad", bad, ""), node, None, missing)
            state = moves.state(whole) << LOCAL_BITS
            pairs = [state | whole >> shift & LOCAL_MASK for shift in moves.shifts]
            going = [moves.of(pair, each) for each, pair in enumerate(pairs)]
            pair = pairs[cpu]
            for difference, label in moves.bugs.get(pair, ()):
                self._happen(label, node, cpu, missing)
                after = whole + difference
                self.ends.add(after)
                self._reach(self.end(after), node, (cpu, label.answer), missing)
            for difference, label in zip(going[cpu], moves.labels[pair], strict=True):
                self.transitions += 1
                self._happen(label, node, cpu, missing)
                tick += 1
                heappush(heap, (lost, switches, steps + 1, tick, whole + difference, cpu, node, label.answer, True))
            halts = not any(going) and not any(each in moves.bugs for each in pairs)
            if halts and halted(moves.locals_of(whole)):
                self.ends.add(whole)
                self._reach(self.end(whole), node, None, missing)
            if pair in moves.quiet or (whole == start and before < 0):
                continue
            price = 0 if self.most is None or not going[cpu] else 1
            for other in range(n):
                if other == cpu or not (going[other] or pairs[other] in moves.bugs):
                    continue
                if self.most is not None and lost + price > self.most:
                    self.cut = True
                    continue
                tick += 1
                heappush(heap, (lost + price, switches + 1, steps, tick, whole, other, node, None, False))
        return not moves.too_early()

    def _happen(self, label: Label, node: int, cpu: int, missing: set[Target] | None) -> None:
        for each in label.happenings:
            target = (each.kind, each.outcome, each.found)
            if each.settled and target not in self.ways:
                self._settled.add(target)
            self._reach(target, node, (cpu, label.answer), missing)

    def _reach(
        self, target: Target, node: int, step: tuple[int, str | None] | None, missing: set[Target] | None
    ) -> None:
        if target not in self.ways:
            self.ways[target] = (node, step)
            if missing is not None:
                missing.discard(target)

    def settled(self, target: Target) -> bool:
        """Was it asked at a stop before the last step of its way?"""
        return target in self._settled

    def tape(self, target: Target) -> tuple[tuple[int, str | None], ...]:
        """CPU and answer of each step on the way to a target."""
        node, last = self.ways[target]
        found = [] if last is None else [last]
        while node >= 0:
            before, answer, stepped = self.came[node]
            if stepped:
                found.append((before % self.moves.n, answer))
            node = before
        return tuple(reversed(found))


def halted(locals_: tuple[Local, ...]) -> str:
    """What a state is from which nothing goes on: ``bug``, ``end``, ``blocked``; '' if a pattern lets nothing go on."""
    if any(local.kind == BUG for local in locals_):
        return "bug"
    if any(local.kind == STOP for local in locals_):
        return ""
    return "end" if all(local.kind == DONE for local in locals_) else "blocked"
