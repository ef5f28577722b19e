# SPDX-License-Identifier: GPL-2.0-only
"""The lasting state of a journaled machine as a number, and what a piece of code read and wrote of it.

A state is the tuple of its chunks' contents, each interned; statistics are no part of it.  While a world is open the
machine's Fields are ``Traced``: the first read of each cell and every written cell are noted.  What a path does between
two stops depends on those reads alone, so it need not run again where they are the same (``Effect.fits``).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

from kernelmodel.journal import CHUNK, CHUNK_SHIFT, MASK, Field, Journal

T = TypeVar("T")

UNKNOWN = -1
"""Content of a chunk that nobody has looked at since it changed."""


class Trace:
    """Cells (by the journal's number) that were read before they were written, with their values, and those written."""

    __slots__ = ("read", "runs", "said", "whole", "written")

    def __init__(self) -> None:
        self.read: dict[int, int] = {}
        self.runs: list[tuple[int, array[int]]] = []
        """Cells in a row that were read at once: the first, and the values."""
        self.written: set[int] = set()
        self.whole: dict[int, int] = {}
        """Fields that were read as a whole: number, and how many chunks they had."""
        self.said: list[Any] = []
        """What each read gave, in order."""


class Traced(Field):
    """A Field that notes what is read and written."""

    __slots__ = ()

    def get(self, i: int) -> int:
        """Cell ``i``, noted."""
        number = i >> CHUNK_SHIFT
        chunk = self.chunks.get(number)
        if chunk is None:
            chunk = self._touch(number)
        value = chunk[i & MASK]
        cell = self._bases[number] + (i & MASK)
        trace: Trace = self.journal.trace
        if cell not in trace.written:
            trace.read.setdefault(cell, value)
        trace.said.append(value)
        return value

    def run(self, i: int, n: int) -> list[int]:
        """Cells in a row, noted."""
        found: list[int] = []
        while n:
            take = min(n, CHUNK - (i & MASK))
            found.extend(self._noted(i, take))
            i += take
            n -= take
        self.journal.trace.said.append(tuple(found))
        return found

    def _noted(self, i: int, n: int) -> array[int]:
        """Cells of one chunk; noted as a run while none of them was written."""
        trace: Trace = self.journal.trace
        cell = self.slot(i)
        values = self.chunks[i >> CHUNK_SHIFT][i & MASK : (i & MASK) + n]
        if trace.written.isdisjoint(range(cell, cell + n)):
            trace.runs.append((cell, values))
        else:
            for k, value in enumerate(values, cell):
                if k not in trace.written:
                    trace.read.setdefault(k, value)
        return values

    def items(self) -> Iterator[tuple[int, int]]:
        """Every cell that is not the default; noted as all cells."""
        trace: Trace = self.journal.trace
        trace.whole.setdefault(self.fid, len(self.chunks))
        for number in self.chunks:
            self._noted(number << CHUNK_SHIFT, CHUNK)
        found = tuple(super().items())
        trace.said.append(found)
        return iter(found)

    def set(self, i: int, value: int) -> None:
        """Store: written even if nothing changes, because elsewhere it might."""
        super().set(i, value)
        self.journal.trace.written.add(self.slot(i))

    def fill(self, i: int, n: int, value: int) -> None:
        """The same store to cells in a row."""
        while n:
            take = min(n, CHUNK - (i & MASK))
            super().fill(i, take, value)
            cell = self.slot(i)
            self.journal.trace.written.update(range(cell, cell + take))
            i += take
            n -= take

    def poke(self, i: int, value: int) -> None:
        """A store of a list operation."""
        super().poke(i, value)
        self.journal.trace.written.add(self.slot(i))


class Statistic(Field):
    """A Field of statistics in an open world: it stays as it was."""

    __slots__ = ()

    def set(self, i: int, value: int) -> None:
        """Not counted."""

    def fill(self, i: int, n: int, value: int) -> None:
        """Not counted."""


class Replayed(Field):
    """A Field whose reads give what they gave before, and to which stores do nothing."""

    __slots__ = ()

    def get(self, i: int) -> int:
        """As before."""
        return next(self.journal.trace)  # type: ignore[no-any-return]

    def run(self, i: int, n: int) -> list[int]:
        """As before."""
        return list(next(self.journal.trace))

    def items(self) -> Iterator[tuple[int, int]]:
        """As before."""
        return iter(next(self.journal.trace))

    def set(self, i: int, value: int) -> None:
        """Nothing."""

    def fill(self, i: int, n: int, value: int) -> None:
        """Nothing."""

    def poke(self, i: int, value: int) -> None:
        """Nothing."""


class Watched(Field):
    """A Field that notes that it was looked at."""

    __slots__ = ()

    def get(self, i: int) -> int:
        """Cell ``i``."""
        self.journal.trace.add(self.fid)
        return super().get(i)

    def run(self, i: int, n: int) -> list[int]:
        """Cells in a row."""
        self.journal.trace.add(self.fid)
        return super().run(i, n)

    def items(self) -> Iterator[tuple[int, int]]:
        """Every cell that is not the default."""
        self.journal.trace.add(self.fid)
        return super().items()


Slices = tuple[tuple[int, "array[int]"], ...]
"""(offset, values) of runs of cells in a chunk."""


class Effect(NamedTuple):
    """What one piece of code read and wrote."""

    reads: tuple[tuple[int, int, Slices], ...]
    """(chunk, the content that it had, the cells that were read of it)."""
    writes: tuple[tuple[int, int], ...]
    """(chunk, number of the change that was made to it)."""
    cells_read: frozenset[int]
    """Cells that were read and not written."""
    cells_written: frozenset[int]
    """Cells that were written and not read before."""
    cells_changed: frozenset[int]
    """Cells that were read and then written."""
    whole: tuple[tuple[int, int], ...]
    """Fields that were read as a whole, and how many chunks they had."""
    said: tuple[Any, ...]
    """What each read gave, in order, from ``World.mark`` on: enough to run the code again without a machine."""


class World:
    """All states of one machine.  ``open`` it before paths run, ``close`` it afterwards."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.chunks = journal.bulk_chunks()
        self.contents: list[list[array[int]]] = []
        self._content_ids: list[dict[bytes, int]] = []
        self.states: list[tuple[int, ...]] = []
        self._numbers: dict[tuple[int, ...], int] = {}
        self.at: list[int] = []
        """Content of each chunk as it stands in the machine now."""
        self.varying: list[int] = []
        """Chunks that some code has written to."""
        self._writable: set[int] = set()
        self._by_field: dict[int, list[int]] = {}
        self._changes: list[Slices] = []
        self._change_ids: dict[tuple[tuple[int, str, bytes], ...], int] = {}
        self._applied: dict[tuple[int, int, int], int] = {}
        self.trace = Trace()

    def open(self) -> int:
        """Begin to trace; the number of the present state."""
        for field in self.journal.fields:
            field.__class__ = Statistic if field.stat else Traced
        self.journal.trace = self.trace
        self.journal.drop()
        self._grow()
        return self._intern([self._content(n) for n in range(len(self.chunks))])

    def close(self) -> None:
        """End tracing; the machine stands in whatever state it was last in."""
        for field in self.journal.fields:
            field.__class__ = Field

    def watch(self, looks: Iterable[Callable[[], T]]) -> list[tuple[T, set[int]]]:
        """What looks at the machine say, each with the numbers of the fields that it looked at."""
        fields = self.journal.fields
        kinds = [type(field) for field in fields]
        for field in fields:
            field.__class__ = Watched
        said = []
        for look in looks:
            seen: set[int] = set()
            self.journal.trace = seen
            said.append((look(), seen))
        for field, kind in zip(fields, kinds, strict=True):
            field.__class__ = kind
        self.journal.trace = self.trace
        return said

    def aside(self, look: Callable[[], T]) -> T:
        """What a look at the machine says of which nobody takes note."""
        traced: list[Field] = [field for field in self.journal.fields if type(field) is Traced]
        for field in traced:
            field.__class__ = Field
        said = look()
        for field in traced:
            field.__class__ = Traced
        return said

    def replay(self, effects: Iterable[Effect], run: Callable[[Effect], None]) -> None:
        """Run code once more that had these effects, one after the other; the machine is not touched."""
        traced: list[Field] = [field for field in self.journal.fields if type(field) is Traced]
        for field in traced:
            field.__class__ = Replayed
        for effect in effects:
            said = self.journal.trace = iter(effect.said)
            run(effect)
            if next(said, said) is not said:
                raise AssertionError("a path that was driven again has not read all that it had read")
        for field in traced:
            field.__class__ = Traced
        self.journal.trace = self.trace
        self.journal.drop()

    # -- states ------------------------------------------------------------------------------------
    def _grow(self) -> None:
        """Learn of chunks that have come into being."""
        while len(self.contents) < len(self.chunks):
            field = self.chunks[len(self.contents)][0]
            self._by_field.setdefault(field.fid, []).append(len(self.contents))
            self.contents.append([field.blank])
            self._content_ids.append({field.blank.tobytes(): 0})
            self.at.append(0)

    def _content(self, chunk: int) -> int:
        """Number of what stands in a chunk now."""
        field, _, cells = self.chunks[chunk]
        if field.stat:
            return 0
        data = cells.tobytes()
        ids = self._content_ids[chunk]
        number = ids.get(data)
        if number is None:
            number = ids[data] = len(self.contents[chunk])
            self.contents[chunk].append(cells[:])
        self.at[chunk] = number
        return number

    def _intern(self, contents: list[int]) -> int:
        while contents and not contents[-1]:
            contents.pop()
        state = tuple(contents)
        number = self._numbers.setdefault(state, len(self.states))
        if number == len(self.states):
            self.states.append(state)
        return number

    def _varies(self, chunk: int) -> None:
        if chunk not in self._writable:
            self._writable.add(chunk)
            self.varying.append(chunk)

    def restore(self, state: int) -> None:
        """Put the machine into a state."""
        self._grow()
        at, wanted = self.at, self.states[state]
        for cell in self.trace.written:  # by code that was broken off
            self._varies(cell >> CHUNK_SHIFT)
            at[cell >> CHUNK_SHIFT] = UNKNOWN
        self.begin()
        n = len(wanted)
        for chunk in self.varying:
            content = wanted[chunk] if chunk < n else 0
            if content != at[chunk]:
                self.chunks[chunk][2][:] = self.contents[chunk][content]
                at[chunk] = content

    # -- what code does ----------------------------------------------------------------------------
    def begin(self) -> None:
        """Code is about to run."""
        self.trace.read.clear()
        self.trace.runs.clear()
        self.trace.written.clear()
        self.trace.whole.clear()
        self.trace.said.clear()

    def mark(self) -> None:
        """From here on the code can be run again."""
        self.trace.said.clear()

    def end(self) -> Effect:
        """It has run: what it read and wrote.  The journal forgets it."""
        self._grow()
        read, written = self.trace.read, self.trace.written
        found: dict[int, list[tuple[int, array[int]]]] = {}
        for cell, values in _rows(read, lambda chunk: self.contents[chunk][self.at[chunk]]) + self.trace.runs:
            found.setdefault(cell >> CHUNK_SHIFT, []).append((cell & MASK, values))
        reads = tuple((chunk, self.at[chunk], tuple(rows)) for chunk, rows in found.items())
        changes: dict[int, list[tuple[int, array[int]]]] = {}
        for cell, values in _rows(written, lambda chunk: self.chunks[chunk][2]):
            changes.setdefault(cell >> CHUNK_SHIFT, []).append((cell & MASK, values))
        writes = tuple((chunk, self._change(tuple(rows))) for chunk, rows in changes.items())
        for chunk in changes:
            self._varies(chunk)
            self._content(chunk)
        self.journal.drop()
        seen = set(read)
        written = set(written)
        for cell, values in self.trace.runs:
            seen.update(range(cell, cell + len(values)))
        whole, said = tuple(self.trace.whole.items()), tuple(self.trace.said)
        self.begin()
        return Effect(
            reads, writes, frozenset(seen - written), frozenset(written - seen), frozenset(written & seen), whole, said
        )

    def _change(self, rows: Slices) -> int:
        """Number of a change to a chunk."""
        key = tuple((start, each.typecode, each.tobytes()) for start, each in rows)
        number = self._change_ids.setdefault(key, len(self._changes))
        if number == len(self._changes):
            self._changes.append(rows)
        return number

    def fits(self, effect: Effect, state: int) -> bool:
        """Would the same code read the same in that state?"""
        contents = self.states[state]
        for chunk, seen, slices in effect.reads:
            content = contents[chunk] if chunk < len(contents) else 0
            if content != seen:
                cells = self.contents[chunk][content]
                for start, values in slices:
                    if cells[start : start + len(values)] != values:
                        return False
        for fid, known in effect.whole:
            for chunk in self._by_field.get(fid, ())[known:]:
                if chunk < len(contents) and contents[chunk]:
                    return False
        return True

    def apply(self, effect: Effect, state: int) -> int:
        """The state after that code, which fits."""
        if not effect.writes:
            return state
        contents = list(self.states[state])
        contents += [0] * (len(self.contents) - len(contents))
        for chunk, change in effect.writes:
            key = (chunk, contents[chunk], change)
            content = self._applied.get(key)
            if content is None:
                cells = self.contents[chunk][contents[chunk]][:]
                for start, values in self._changes[change]:
                    cells[start : start + len(values)] = values
                ids, data = self._content_ids[chunk], cells.tobytes()
                content = ids.setdefault(data, len(self.contents[chunk]))
                if content == len(self.contents[chunk]):
                    self.contents[chunk].append(cells)
                self._applied[key] = content
            contents[chunk] = content
        return self._intern(contents)


def _rows(cells: Iterable[int], content: Callable[[int], array[int]]) -> list[tuple[int, array[int]]]:
    """Cells as runs of neighbours within a chunk: (the first, their values)."""
    order = sorted(cells)
    found: list[tuple[int, array[int]]] = []
    first = 0
    while first < len(order):
        cell = order[first]
        most = min(len(order) - first, CHUNK - (cell & MASK))
        if order[first + most - 1] - cell == most - 1:  # nothing is left out up to there
            n = most
        else:
            n = 1
            while n < most and order[first + n] == cell + n:
                n += 1
        found.append((cell, content(cell >> CHUNK_SHIFT)[cell & MASK : (cell & MASK) + n]))
        first += n
    return found
