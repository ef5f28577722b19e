# SPDX-License-Identifier: GPL-2.0-only
"""Transitions between whole states, and which of them nobody else can notice.

A whole state is one int: the machine's state and a local state per CPU.

Reduction: a step is *quiet* if it changes nothing but locks that readers share, and reads nothing that another CPU
could write just then: what nobody else ever writes, or what the others only write under a lock that this CPU holds.
No other CPU can tell when a quiet step is made, so it is made at once.  What is read and written, and under which
locks, is learnt on the way; if it turns out that a step was taken for quiet too early, the survey begins again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from kernelmodel.explore.paths import STOP, Label, Local, Paths
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


def named(moves: Moves, name: Namer | None, whole: int) -> int:
    """The number of what a whole state is."""
    return whole if name is None else name(moves.state(whole), moves.locals_of(whole))
