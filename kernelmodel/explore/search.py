# SPDX-License-Identifier: GPL-2.0-only
"""The search itself, on numbers: a state is one int, the machine's state and a local state per CPU.

``Survey`` visits every state once, in any order; it says what there is.  ``Shortest`` visits a state once per CPU that
goes on from it, by context switches (or preemptions) and then steps; it says how one comes there.

Reduction: a step is *quiet* if it changes nothing but locks that readers share, and reads nothing that another CPU
could write just then: what nobody else ever writes, or what the others only write under a lock that this CPU holds.
No other CPU can tell when a quiet step is made, so it is made at once.  What is read and written, and under which
locks, is learnt on the way; if it turns out that a step was taken for quiet too early, the survey begins again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush
from typing import NamedTuple

from kernelmodel.explore.paths import BUG, DONE, STOP, Label, Local, Paths
from kernelmodel.explore.world import Effect, World
from kernelmodel.journal import CHUNK_SHIFT

LOCAL_BITS = 20
LOCAL_MASK = (1 << LOCAL_BITS) - 1
POLL = 1024
"""States between two looks at the clock."""

Namer = Callable[[int, tuple[Local, ...]], int]
"""(state of the machine, local states) to the number of what they are but for which page plays which part."""


class Stopped(Exception):
    """A bound was reached; ``why`` names it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Reads(NamedTuple):
    """A step that may be quiet."""

    cpu: int
    cells: frozenset[int]
    """What it reads."""
    locks: frozenset[int]
    """Shared locks of which it takes or drops its own part."""
    held: frozenset[int]
    """Locks that its CPU holds."""


class Parts(NamedTuple):
    """What an effect means to others."""

    looks: frozenset[int]
    """Shared locks that it looks at without taking its own part."""
    taken: frozenset[int]
    """Those of which it takes or drops its own part."""
    writes: frozenset[int]
    """Everything else that it writes."""


class Locks(NamedTuple):
    """Fields that are locks, by name."""

    exclusive: frozenset[str] = frozenset()
    """A cell is 1 + the CPU that holds it."""
    shared: frozenset[str] = frozenset()
    """A cell is a mask of CPUs: readers don't notice each other."""
    rw: tuple[tuple[str, str], ...] = ()
    """(exclusive, shared) fields that are the two sides of one lock, cell by cell."""


class Moves:
    """The memoised transitions, and which of them no other CPU can notice."""

    def __init__(self, paths: Paths, locks: Locks, reduction: bool) -> None:
        self.paths = paths
        self.world: World = paths.world
        self.n = len(paths.programs)
        self.shifts = [LOCAL_BITS * cpu for cpu in range(self.n)]
        self.base = LOCAL_BITS * self.n
        self.locks = locks
        self.reduction = reduction and self.n > 1
        self.by_pair: dict[int, tuple[int, ...]] = {}
        """(state, local state) to differences of whole states."""
        self.labels: dict[int, tuple[Label, ...]] = {}
        self.bugs: dict[int, tuple[tuple[int, Label], ...]] = {}
        """Transitions of a pair at which the machine stops."""
        self.quiet: set[int] = set()
        """Pairs whose steps no other CPU can notice, as far as is known."""
        self._reads: dict[int, Reads] = {}
        self._writes: list[dict[int, frozenset[int]]] = [{} for _ in range(self.n)]
        """By CPU: each cell that it writes, and the locks that it always holds then."""
        self._looks: list[set[int]] = [set() for _ in range(self.n)]
        """By CPU: cells of shared locks that it looks at without taking its own part: a writer does."""
        self._held: dict[int, dict[int, dict[int, bool]]] = {}
        self._owners: dict[tuple[int, int], list[tuple[int, int, bool]]] = {}
        self._lock_chunks: list[bool] = []
        self._parts: dict[int, Parts] = {}
        self._accounted: set[tuple[int, frozenset[int]]] = set()
        self._news = False
        """Was anything learnt since it was last asked what is quiet?"""

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
        return tuple([known[whole >> shift & LOCAL_MASK] for shift in self.shifts])

    def of(self, pair: int, cpu: int) -> tuple[int, ...]:
        """Where a CPU can go on to, from (state, local state) as one number: differences of whole states."""
        found = self.by_pair.get(pair)
        return self._learn(pair, cpu) if found is None else found

    def far(self, pair: int, cpu: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The same, but on over quiet steps to the next that is none; and where the machine stops on the way."""
        found: dict[int, None] = {}
        stops: dict[int, None] = {}
        seen, work = {pair}, [pair]
        shift, state, number = self.shifts[cpu], pair >> LOCAL_BITS, pair & LOCAL_MASK
        while work:
            at = work.pop()
            here = ((at >> LOCAL_BITS) - state << self.base) + ((at & LOCAL_MASK) - number << shift)
            for difference in self.of(at, cpu):
                there = here + difference
                whole = (state << self.base) + (number << shift) + there
                after = whole >> self.base << LOCAL_BITS | whole >> shift & LOCAL_MASK
                if after not in seen:
                    seen.add(after)
                    self.of(after, cpu)
                    if after in self.quiet:
                        work.append(after)
                    else:
                        found[there] = None
            for difference, _ in self.bugs.get(at, ()):
                stops[here + difference] = None
        return tuple(found), tuple(stops)

    def _learn(self, pair: int, cpu: int) -> tuple[int, ...]:
        """The transitions of a pair that was not seen before."""
        state, number = pair >> LOCAL_BITS, pair & LOCAL_MASK
        local = self.paths.locals[number]
        found, labels = [], []
        effects = []
        for after, then, label, effect in self.paths.successors(local, state):
            if then.number >= LOCAL_MASK:
                raise Stopped("more local states than a number has room for")
            difference = (after - state << self.base) + (then.number - number << self.shifts[cpu])
            effects.append(effect)
            if label.bug:
                self.bugs[pair] = (*self.bugs.get(pair, ()), (difference, label))
            else:
                found.append(difference)
                labels.append(label)
        self.by_pair[pair] = tuple(found)
        self.labels[pair] = tuple(labels)
        if self.reduction:
            effects += [effect for effect, _ in local.asks]
            self._account(pair, cpu, effects, local.kind == STOP and bool(found) and pair not in self.bugs)
        return self.by_pair[pair]

    # -- what no other CPU notices -----------------------------------------------------------------
    def _account(self, pair: int, cpu: int, effects: list[Effect], may_be_quiet: bool) -> None:
        """Learn what a step reads and writes."""
        held = self._holds(pair >> LOCAL_BITS, cpu)
        own = frozenset([lock for lock, alone in held.items() if alone])
        cells: frozenset[int] = frozenset()
        taken: frozenset[int] = frozenset()
        for effect in effects:
            parts = self._parts.get(id(effect))
            if parts is None:
                parts = self._parts[id(effect)] = self._parts_of(effect)
            cells |= effect.cells_read
            taken |= parts.taken
            may_be_quiet = may_be_quiet and not parts.writes and not effect.whole
            if (id(effect), own) not in self._accounted:
                self._accounted.add((id(effect), own))
                self._learn_of(parts, cpu, own)
        if may_be_quiet:
            self._reads[pair] = Reads(cpu, cells, taken, frozenset(held))
            if self._is_quiet(self._reads[pair]) and not self._comes_back(pair, cpu):
                self.quiet.add(pair)

    def _comes_back(self, pair: int, cpu: int) -> bool:
        """Would it be the last step of a cycle of quiet ones?  Who is in such a cycle would never let others run."""
        shift = self.shifts[cpu]
        seen, work = set[int](), [pair]
        while work:
            at = work.pop()
            here = (at >> LOCAL_BITS << self.base) + ((at & LOCAL_MASK) << shift)
            for difference in self.by_pair[at]:
                whole = here + difference
                after = whole >> self.base << LOCAL_BITS | whole >> shift & LOCAL_MASK
                if after == pair:
                    return True
                if after in self.quiet and after not in seen:
                    seen.add(after)
                    work.append(after)
        return False

    def _parts_of(self, effect: Effect) -> Parts:
        chunks, shared = self.world.chunks, self.locks.shared
        written = effect.cells_written | effect.cells_changed
        taken = frozenset([cell for cell in written if chunks[cell >> CHUNK_SHIFT][0].name in shared])
        looks = frozenset([cell for cell in effect.cells_read if chunks[cell >> CHUNK_SHIFT][0].name in shared])
        return Parts(looks, taken, written - taken)

    def _learn_of(self, parts: Parts, cpu: int, own: frozenset[int]) -> None:
        """A CPU does this while it holds these locks alone."""
        writes, looks = self._writes[cpu], self._looks[cpu]
        self._news = self._news or not parts.looks <= looks
        looks |= parts.looks
        for cell in parts.taken | parts.writes:
            known = writes.get(cell)
            writes[cell] = own if known is None else known & own
            self._news = self._news or writes[cell] != known

    def _is_quiet(self, step: Reads) -> bool:
        for other in range(self.n):
            if other == step.cpu:
                continue
            if not self._looks[other].isdisjoint(step.locks):
                return False
            writes = self._writes[other]
            for cell in step.cells & writes.keys():
                if not writes[cell] & step.held:
                    return False
        return True

    def too_early(self) -> bool:
        """Was a step taken for quiet that is not, now that more is known?  It is not taken for it again."""
        if not self._news:
            return False
        self._news = False
        loud = [pair for pair in self.quiet if not self._is_quiet(self._reads[pair])]
        self.quiet.difference_update(loud)
        return bool(loud)

    def _holds(self, state: int, cpu: int) -> dict[int, bool]:
        """Locks that a CPU holds, by their cell; whether alone.  The sides of a rw lock go by the exclusive one."""
        known = self._held.get(state)
        if known is None:
            known = self._held[state] = self._holders(state)
        return known.get(cpu, {})

    def _holders(self, state: int) -> dict[int, dict[int, bool]]:
        found: dict[int, dict[int, bool]] = {}
        for chunk, content in enumerate(self.world.states[state]):
            if content and self._is_lock(chunk):
                key = (chunk, content)
                if key not in self._owners:
                    self._owners[key] = list(self._owners_in(chunk, content))
                for cpu, cell, alone in self._owners[key]:
                    held = found.setdefault(cpu, {})
                    held[cell] = alone or held.get(cell, False)
        return found

    def _is_lock(self, chunk: int) -> bool:
        while len(self._lock_chunks) <= chunk:
            name = self.world.chunks[len(self._lock_chunks)][0].name
            self._lock_chunks.append(name in self.locks.exclusive or any(name == shared for _, shared in self.locks.rw))
        return self._lock_chunks[chunk]

    def _owners_in(self, chunk: int, content: int) -> Iterator[tuple[int, int, bool]]:
        """(CPU, cell of the lock, whether alone) of every lock that is held in a chunk."""
        field, number, _ = self.world.chunks[chunk]
        sides = {shared: alone for alone, shared in self.locks.rw}
        for place, value in enumerate(self.world.contents[chunk][content]):
            if value and field.name in self.locks.exclusive:
                yield value - 1, chunk << CHUNK_SHIFT | place, True
            elif value:
                alone = next(f for f in self.world.journal.fields if f.name == sides[field.name])
                cell = alone.slot((number << CHUNK_SHIFT) + place)
                yield from ((cpu, cell, False) for cpu in range(self.n) if value >> cpu & 1)


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
        count, transitions, check = 0, 0, 64
        while stack:
            whole = stack.pop()
            count += 1
            if count == check:
                check += min(check, POLL)
                self.transitions = transitions
                self.poll(len(seen), 0)
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
        self._settled: set[Target] = set()
        """Target to (node, the transition from it that is the target, None if the node is)."""
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
        tick, check = 0, 64
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
                if not len(self.states) % 32:
                    self.poll(len(self.states), switches)
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


def named(moves: Moves, name: Namer | None, whole: int) -> int:
    """The number of what a whole state is."""
    return whole if name is None else name(moves.state(whole), moves.locals_of(whole))


def halted(locals_: tuple[Local, ...]) -> str:
    """What a state is from which nothing goes on: ``bug``, ``end``, ``blocked``; '' if a pattern lets nothing go on."""
    if any(local.kind == BUG for local in locals_):
        return "bug"
    if any(local.kind == STOP for local in locals_):
        return ""
    return "end" if all(local.kind == DONE for local in locals_) else "blocked"
