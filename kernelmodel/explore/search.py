# SPDX-License-Identifier: GPL-2.0-only
"""The search itself, on numbers: a state is one int, the machine's state and a local state per CPU.

``survey`` visits every state once, in any order; it says what there is.  ``shortest`` visits a state once per CPU that
goes on from it, by context switches (or preemptions) and then steps; it says how one comes there.

Reduction: where the next step of a CPU changes nothing but locks that it shares with other readers, and reads nothing
that another CPU ever writes, no other CPU can tell when it is made.  Then it is made at once.  What is read and written
is learnt on the way: when a step turns out to meet another CPU after all, the states where it was made at once are
looked at again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from heapq import heappop, heappush

from kernelmodel.explore.paths import BUG, DONE, Label, Local, Paths
from kernelmodel.explore.world import Effect, World
from kernelmodel.journal import CHUNK_SHIFT

LOCAL_BITS = 20
LOCAL_MASK = (1 << LOCAL_BITS) - 1
POLL = 4096
"""States between two looks at the clock."""

Namer = Callable[[int, tuple[Local, ...]], int]
"""(state of the machine, local states) to the number of what they are but for which page plays which part."""


class Stopped(Exception):
    """A bound was reached; ``why`` names it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Moves:
    """The memoised transitions, and which of them no other CPU can notice."""

    def __init__(self, paths: Paths, shared_locks: frozenset[str], reduction: bool) -> None:
        self.paths = paths
        self.world: World = paths.world
        self.n = len(paths.programs)
        self.shifts = [LOCAL_BITS * cpu for cpu in range(self.n)]
        self.base = LOCAL_BITS * self.n
        self.shared_locks = shared_locks
        self.reduction = reduction and self.n > 1
        self.by_pair: dict[int, tuple[int, ...]] = {}
        """(state, local state) to differences of whole states."""
        self.labels: dict[int, tuple[Label, ...]] = {}
        self.bugs: dict[int, tuple[tuple[int, Label], ...]] = {}
        """Transitions of a pair at which the machine stops."""
        self.quiet: dict[int, tuple[int, Effect]] = {}
        """Pairs whose step no other CPU can notice, as far as is known: their CPU, and what the step reads."""
        self.read: list[set[int]] = [set() for _ in range(self.n)]
        self.written: list[set[int]] = [set() for _ in range(self.n)]
        self._known: set[int] = set()

    def pack(self, state: int, locals_: Iterable[Local]) -> int:
        """A whole state as one number."""
        whole = state << self.base
        for local, shift in zip(locals_, self.shifts, strict=True):
            whole |= local.number << shift
        return whole

    def state(self, whole: int) -> int:
        """The machine's part."""
        return whole >> self.base

    def locals_of(self, whole: int) -> tuple[Local, ...]:
        """The CPUs' part."""
        known = self.paths.locals
        return tuple(known[whole >> shift & LOCAL_MASK] for shift in self.shifts)

    def of(self, pair: int, cpu: int) -> tuple[int, ...]:
        """Where a CPU can go on to, from (state, local state) as one number: differences of whole states."""
        found = self.by_pair.get(pair)
        return self.learn(pair, cpu) if found is None else found

    def learn(self, pair: int, cpu: int) -> tuple[int, ...]:
        """The transitions of a pair that was not seen before."""
        state, number = pair >> LOCAL_BITS, pair & LOCAL_MASK
        local = self.paths.locals[number]
        found, labels, effects = [], [], []
        for after, then, label, effect in self.paths.successors(local, state):
            if then.number >= LOCAL_MASK:
                raise Stopped("more local states than a number has room for")
            difference = (after - state << self.base) + (then.number - number << self.shifts[cpu])
            if label.bug:
                self.bugs[pair] = (*self.bugs.get(pair, ()), (difference, label))
            else:
                found.append(difference)
                labels.append(label)
                effects.append(effect)
            if id(effect) not in self._known:
                self._known.add(id(effect))
                self._account(cpu, effect)
        for effect, _ in local.asks:
            if id(effect) not in self._known:
                self._known.add(id(effect))
                self._account(cpu, effect)
        self.by_pair[pair] = tuple(found)
        self.labels[pair] = tuple(labels)
        if self.reduction and len(effects) == 1 and not local.asks and self._alone(effects[0], cpu):
            self.quiet[pair] = (cpu, effects[0])
        return self.by_pair[pair]

    def _account(self, cpu: int, effect: Effect) -> None:
        chunks, shared = self.world.chunks, self.shared_locks
        self.read[cpu] |= effect.cells_read
        self.written[cpu] |= effect.cells_written
        for cell in effect.cells_changed:
            self.written[cpu].add(cell)
            if chunks[cell >> CHUNK_SHIFT][0].name not in shared:
                self.read[cpu].add(cell)

    def _alone(self, effect: Effect, cpu: int) -> bool:
        """Is this step one that no other CPU notices, as far as is known?"""
        chunks, shared = self.world.chunks, self.shared_locks
        touched = effect.cells_written | effect.cells_changed
        if any(chunks[cell >> CHUNK_SHIFT][0].name not in shared for cell in touched):
            return False
        others = [other for other in range(self.n) if other != cpu]
        return all(effect.cells_read.isdisjoint(self.written[other]) for other in others) and all(
            touched.isdisjoint(self.read[other]) for other in others
        )

    def noisy(self) -> list[int]:
        """Pairs that were taken for quiet and are not, now that more is known; they are not taken for it again."""
        loud = [pair for pair, (cpu, effect) in self.quiet.items() if not self._alone(effect, cpu)]
        for pair in loud:
            del self.quiet[pair]
        return loud


class Survey:
    """Every state there is."""

    def __init__(
        self, moves: Moves, name: Namer | None, look: Callable[[int], None], poll: Callable[[int], None]
    ) -> None:
        """``look`` is called once with each state of the machine, ``poll`` now and then with the states so far."""
        self.moves = moves
        self.name = name
        self.look = look
        self.poll = poll
        self.seen: set[int] = set()
        self.ends: dict[int, int] = {}
        """Whole states from which nothing goes on; how many transitions lead there."""
        self.transitions = 0
        self._machines: set[int] = set()
        self._made_at_once: dict[int, list[int]] = {}

    def run(self, start: int) -> None:
        """Visit everything."""
        self.seen.add(named(self.moves, self.name, start))
        self._from([start])
        while loud := self.moves.noisy():
            self._from([whole for pair in loud for whole in self._made_at_once.pop(pair, ())])

    def _from(self, stack: list[int]) -> None:
        moves, seen, ends, name, machines = self.moves, self.seen, self.ends, self.name, self._machines
        by_pair, quiet, learn, bugs = moves.by_pair, moves.quiet, moves.learn, moves.bugs
        cpus, base = list(enumerate(moves.shifts)), moves.base
        count = transitions = 0
        while stack:
            whole = stack.pop()
            count += 1
            if not count % POLL:
                self.poll(len(seen))
            state = whole >> base
            if state not in machines:
                machines.add(state)
                self.look(state)
            state <<= LOCAL_BITS
            steps: list[tuple[int, ...]] = []
            stops = False
            for cpu, shift in cpus:
                pair = state | whole >> shift & LOCAL_MASK
                found = by_pair.get(pair)
                if found is None:
                    found = learn(pair, cpu)
                if pair in bugs:
                    stops = True
                    for difference, _ in bugs[pair]:
                        transitions += 1
                        ends[whole + difference] = ends.get(whole + difference, 0) + 1
                        seen.add(named(moves, name, whole + difference))
                if pair in quiet:
                    after = whole + found[0]
                    if (after if name is None else named(moves, name, after)) not in seen:
                        self._made_at_once.setdefault(pair, []).append(whole)
                        steps = [found]
                        break
                if found:
                    steps.append(found)
            if not steps and not stops:
                ends.setdefault(whole, 1)
            for found in steps:
                for difference in found:
                    transitions += 1
                    after = whole + difference
                    key = after if name is None else named(moves, name, after)
                    if key not in seen:
                        seen.add(key)
                        stack.append(after)
                    elif after in ends:
                        ends[after] += 1
        self.transitions += transitions


Target = tuple[str, str, str]
"""Kind, outcome and what was found, of a decision; ``("end", number, "")`` and ``("bad", name, "")`` for states."""


class Shortest:
    """The way to everything with the fewest context switches, and among those the fewest steps.

    With a bound on preemptions: the fewest preemptions first, and nothing that needs more.
    """

    def __init__(
        self, moves: Moves, name: Namer | None, look: Callable[[int], Iterable[str]], poll: Callable[[int], None],
        preemptions: int | None = None,
    ) -> None:  # fmt: skip
        """``look`` gives the names of what is wrong with a state of the machine."""
        self.moves = moves
        self.name = name
        self.look = look
        self.poll = poll
        self.most = preemptions
        self.marked: dict[int, str] = {}
        """States by number that are wrong in another way than ``look`` sees, with the word for it."""
        self.ways: dict[Target, tuple[int, tuple[int, str | None] | None]] = {}
        self._settled: set[Target] = set()
        """Target to (node, the transition from it that is the target, None if the node is)."""
        self.came: dict[int, tuple[int, str | None, bool]] = {}
        """Node (state * CPUs + the CPU that goes on): the one before, what was answered, whether a step was made."""
        self.cut = False
        """Was something left out because of the bound?"""
        self.states: set[int] = set()
        self.transitions = 0
        self.ends: dict[int, int] = {}

    def run(self, start: int, wanted: set[Target] | None = None) -> None:
        """Until everything that is wanted is found (None: until the end)."""
        moves, n, came = self.moves, self.moves.n, self.came
        missing = None if wanted is None else set(wanted)
        heap: list[tuple[int, int, int, int, int, int, int, str | None, bool]] = []
        tick = 0
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
                if not len(self.states) % 256:
                    self.poll(len(self.states))
                for bad in (*self.look(moves.state(whole)), *([self.marked[key]] if key in self.marked else [])):
                    self._reach(("bad", bad, ""), node, None, missing)
            state = moves.state(whole) << LOCAL_BITS
            pairs = [state | whole >> shift & LOCAL_MASK for shift in moves.shifts]
            going = [moves.of(pair, each) for each, pair in enumerate(pairs)]
            pair = pairs[cpu]
            for difference, label in moves.bugs.get(pair, ()):
                self._happen(label, node, cpu, missing)
                after = whole + difference
                self.ends[after] = self.ends.get(after, 0) + 1
                self._reach(("end", str(named(moves, self.name, after)), ""), node, (cpu, label.answer), missing)
            for difference, label in zip(going[cpu], moves.labels[pair], strict=True):
                self.transitions += 1
                self._happen(label, node, cpu, missing)
                tick += 1
                heappush(heap, (lost, switches, steps + 1, tick, whole + difference, cpu, node, label.answer, True))
            if not any(going) and not any(each in moves.bugs for each in pairs):
                self.ends[whole] = self.ends.get(whole, 0) + 1
                self._reach(("end", str(key), ""), node, None, missing)
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


def named(moves: Moves, name: Namer | None, whole: int) -> int:
    """The number of what a whole state is."""
    return whole if name is None else name(moves.state(whole), moves.locals_of(whole))


def halted(locals_: tuple[Local, ...]) -> str:
    """What a state from which nothing goes on is: ``bug``, ``end`` or ``blocked``."""
    if any(local.kind == BUG for local in locals_):
        return "bug"
    return "end" if all(local.kind == DONE for local in locals_) else "blocked"


class Clock:
    """Bounds on time and memory, and the word about progress."""

    def __init__(self, seconds: float | None, memory: int, tell: Callable[[int], None]) -> None:
        self.deadline = None if seconds is None else time.monotonic() + seconds
        self.memory = memory
        self.tell = tell

    def __call__(self, states: int) -> None:
        """``Stopped`` if a bound is reached."""
        self.tell(states)
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise Stopped("time")
        if used() > self.memory:
            raise Stopped("memory")


def used() -> int:
    """Bytes that this process has in memory now; 0 where the system does not say."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * 4096
    except (OSError, ValueError, IndexError):
        return 0
