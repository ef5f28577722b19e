# SPDX-License-Identifier: GPL-2.0-only
"""The journal and the cells that it guards.

A ``Field`` is an array of unsigned cells of one width whose chunks come into being at the first store, so that a
terabyte costs what is touched.  Every store goes through the journal: four columns (cell, old, new, count), 24 bytes
an entry.  A run of stores to neighbouring cells is one entry; so is a list insertion or removal.  ``move`` swaps
between any two points of the journal; past the present end of what is done, a store is *checked* against what the
journal recorded instead of being appended, which is how a re-driven path proves that it did the same again.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kernelmodel.lists import Links

CHUNK_SHIFT = 9
CHUNK = 1 << CHUNK_SHIFT
PART = 32
"""Cells of a chunk that are compared with blank ones as a whole."""
MASK = CHUNK - 1
_CODE = {1: "B", 4: "I", 8: "Q"}

# The count column: flags above, the length of the run (or the list number) below.
LINK = 1 << 31
INSERT = 1 << 30
"""With LINK: an insertion (else a removal)."""
UNCOUNTED = 1 << 29
"""With LINK: the node does not count as a free block."""
NEW_RAMP = 1 << 30
OLD_RAMP = 1 << 29
LOW = (1 << 29) - 1


class Diverged(Exception):
    """A re-driven path stored something else than the first time: the model is not deterministic, which is our bug."""


class Field:
    """Cells of one width, unsigned, ``default`` where nothing was stored.

    ``stride`` is what makes a run a run: neighbours whose values grow by it are one entry (page-table entries grow by
    the page size).  ``stat`` marks statistics: no part of the key by which states are matched.  ``linear`` marks counts
    that list operations move by one: they enter the digest in proportion to their value.  ``tape`` marks what says how
    a run is steered and not what the machine is: it does not enter the digest.
    """

    __slots__ = (
        "_bases", "blank", "chunks", "default", "fid", "journal", "linear", "name", "stat", "stride", "tape", "width"
    )  # fmt: skip

    def __init__(
        self,
        journal: Journal,
        name: str,
        width: int,
        default: int = 0,
        stride: int = 0,
        stat: bool = False,
        linear: bool = False,
        tape: bool = False,
    ) -> None:
        self.journal = journal
        self.name = name
        self.width = width
        self.default = default
        self.stride = stride
        self.stat = stat
        self.linear = linear
        self.tape = tape
        self.fid = len(journal.fields)
        self.chunks: dict[int, array[int]] = {}
        self._bases: dict[int, int] = {}
        self.blank = array(_CODE[width], [default]) * CHUNK
        journal.fields.append(self)

    def get(self, i: int) -> int:
        """Cell ``i``."""
        chunk = self.chunks.get(i >> CHUNK_SHIFT)
        return self.default if chunk is None else chunk[i & MASK]

    def set(self, i: int, value: int) -> None:
        """Store; nothing is journaled where nothing changes."""
        number = i >> CHUNK_SHIFT
        chunk = self.chunks.get(number)
        if chunk is None:
            chunk = self._touch(number)
        offset = i & MASK
        old = chunk[offset]
        if old != value:
            chunk[offset] = value
            self.journal.log(self._bases[number] + offset, old, value, self.stride)

    def fill(self, i: int, n: int, value: int) -> None:
        """The same store to ``n`` cells."""
        number, offset = i >> CHUNK_SHIFT, i & MASK
        if n > 1 and offset + n <= CHUNK:
            chunk = self.chunks.get(number)
            if chunk is None:
                chunk = self._touch(number)
            old = chunk[offset]
            if chunk[offset : offset + n] == array(chunk.typecode, [old]) * n:
                if old != value:
                    chunk[offset : offset + n] = array(chunk.typecode, [value]) * n
                    self.journal.log_run(self._bases[number] + offset, old, value, n)
                return
        for each in range(i, i + n):
            self.set(each, value)

    def add(self, i: int, delta: int) -> int:
        """Add, and give the new value."""
        number = i >> CHUNK_SHIFT
        chunk = self.chunks.get(number)
        if chunk is None or self.__class__ is not Field:
            value = self.get(i) + delta
            self.set(i, value)
        else:  # the same in one, for the counts that every allocation moves
            old = chunk[i & MASK]
            value = chunk[i & MASK] = old + delta
            if delta:
                self.journal.log(self._bases[number] + (i & MASK), old, value, self.stride)
        return value

    def run(self, i: int, n: int) -> list[int]:
        """Cells ``i`` … ``i + n - 1`` as a list."""
        found: list[int] = []
        while n:
            take = min(n, CHUNK - (i & MASK))
            chunk = self.chunks.get(i >> CHUNK_SHIFT)
            if chunk is None:
                found.extend([self.default] * take)
            else:
                found.extend(chunk[i & MASK : (i & MASK) + take])
            i += take
            n -= take
        return found

    def poke(self, i: int, value: int) -> None:
        """A store that the journal does not see: for replaying what it already has."""
        number = i >> CHUNK_SHIFT
        chunk = self.chunks.get(number)
        if chunk is None:
            chunk = self._touch(number)
        chunk[i & MASK] = value

    def slot(self, i: int) -> int:
        """The journal's number of cell ``i``."""
        number = i >> CHUNK_SHIFT
        if number not in self._bases:
            self._touch(number)
        return self._bases[number] + (i & MASK)

    def items(self) -> Iterator[tuple[int, int]]:
        """(index, value) of every cell that is not the default, ascending."""
        for number in sorted(self.chunks):
            chunk = self.chunks[number]
            if chunk != self.blank:
                base = number << CHUNK_SHIFT
                blank = self.blank[:PART]
                for start in range(0, CHUNK, PART):  # most of a chunk is blank: a part is compared as a whole
                    part = chunk[start : start + PART]
                    if part != blank:
                        for offset, value in enumerate(part, base + start):
                            if value != self.default:
                                yield offset, value

    def _touch(self, number: int) -> array[int]:
        chunk = self.chunks[number] = self.blank[:]
        self._bases[number] = self.journal.new_chunk(self, number, chunk)
        return chunk


class Journal:
    """Columns, the position in them, and the moves."""

    def __init__(self) -> None:
        self.fields: list[Field] = []
        self.cell = array("I")
        self.old = array("Q")
        self.new = array("Q")
        self.count = array("I")
        self.pos = 0
        """Entries that are done; ``len(self) - pos`` are undone and known."""
        self.trace: Any = None
        """What notes reads and writes while a search goes on (explore/world.py)."""
        self.links: Links
        """The lists that LINK entries are about; they set it themselves."""
        self._chunks: list[tuple[Field, int, array[int]]] = []
        self._next_cell = -1
        self.cuts = 0
        """How often entries were forgotten: a position from before may mean another state now."""
        self.folded = 0
        self.folds = [0, 0]

    def __len__(self) -> int:
        return len(self.cell)

    def new_chunk(self, field: Field, number: int, chunk: array[int]) -> int:
        """Give a chunk its place among the journal's cells."""
        self._chunks.append((field, number, chunk))
        if len(self._chunks) > 1 << (32 - CHUNK_SHIFT):
            raise MemoryError("more cells than the journal can number")
        return (len(self._chunks) - 1) << CHUNK_SHIFT

    def where(self, cell: int) -> tuple[Field, int]:
        """Field and index of a journal cell."""
        field, number, _ = self._chunks[cell >> CHUNK_SHIFT]
        return field, (number << CHUNK_SHIFT) + (cell & MASK)

    def log(self, cell: int, old: int, new: int, stride: int) -> None:
        """One store, already done."""
        pos = self.pos
        if cell == self._next_cell and self._extend(cell, old, new, stride):
            return
        if pos != len(self.cell):
            self._check(pos, cell, old, new)
        else:
            self.cell.append(cell)
            self.old.append(old)
            self.new.append(new)
            self.count.append(1)
        self.pos = pos + 1
        self._next_cell = cell + 1 if (cell & MASK) != MASK else -1

    def log_run(self, cell: int, old: int, new: int, n: int) -> None:
        """``n`` equal stores to neighbours, already done; an entry of its own."""
        self._next_cell = -1
        pos = self.pos
        if pos != len(self.cell):
            self._check(pos, cell, old, new)
            if self.count[pos] != n:
                raise Diverged("a run of another length than the journal has")
        else:
            self.cell.append(cell)
            self.old.append(old)
            self.new.append(new)
            self.count.append(n)
        self.pos = pos + 1

    def _extend(self, cell: int, old: int, new: int, stride: int) -> bool:
        """Make the last entry one longer, if this store continues it."""
        at = self.pos - 1
        count = self.count[at]
        n = cell - self.cell[at]
        if n < count & LOW:
            return self._continues(at, cell, old, new, stride)
        if at + 1 != len(self.cell):
            return False
        flags = count & ~LOW
        first_old, first_new = self.old[at], self.new[at]
        if n == 1:
            flags = (NEW_RAMP if stride and new == first_new + stride else 0) | (
                OLD_RAMP if stride and old == first_old + stride else 0
            )
        if old != first_old + (n * stride if flags & OLD_RAMP else 0):
            return False
        if new != first_new + (n * stride if flags & NEW_RAMP else 0):
            return False
        self.count[at] = flags | (n + 1)
        self._next_cell = cell + 1 if (cell & MASK) != MASK else -1
        return True

    def _continues(self, at: int, cell: int, old: int, new: int, stride: int) -> bool:
        """While re-driving: the recorded run ``at`` covers this store; it must say the same."""
        count = self.count[at]
        n = cell - self.cell[at]
        if old != self.old[at] + (n * stride if count & OLD_RAMP else 0) or new != self.new[at] + (
            n * stride if count & NEW_RAMP else 0
        ):
            raise Diverged(f"cell {self.where(cell)[0].name}: stored {new:#x} inside a recorded run")
        self._next_cell = cell + 1 if (cell & MASK) != MASK else -1
        return True

    def _check(self, pos: int, cell: int, old: int, new: int) -> None:
        if self.cell[pos] != cell or self.old[pos] != old or self.new[pos] != new:
            field, index = self.where(cell)
            raise Diverged(f"{field.name}[{index:#x}]: stored {new:#x}, the journal has another store here")

    def log_link(self, cell: int, pred: int, succ: int, flags: int) -> None:
        """One list operation, already done: ``flags`` is LINK, perhaps INSERT and UNCOUNTED, and the list's number."""
        self._next_cell = -1
        pos = self.pos
        if pos != len(self.cell):
            self._check(pos, cell, pred, succ)
            if self.count[pos] != flags:
                raise Diverged("another list operation than the journal has")
        else:
            self.cell.append(cell)
            self.old.append(pred)
            self.new.append(succ)
            self.count.append(flags)
        self.pos = pos + 1

    def drop(self) -> None:
        """Forget all entries and keep the state: for a search, which remembers states and not ways."""
        for column in (self.cell, self.old, self.new, self.count):
            del column[:]
        self.pos = self.folded = 0
        self.cuts += 1
        self._next_cell = -1

    def mark(self) -> int:
        """The present position; runs never cross a mark."""
        self._next_cell = -1
        return self.pos

    def seal(self) -> None:
        """Make the present state the beginning: nothing before it can be undone."""
        for column in (self.cell, self.old, self.new, self.count):
            del column[:]
        self.folds = [0, 0]
        for field in self.fields:
            for index, value in field.items():
                low, high = mix(field, index, value)
                self.folds[0] = (self.folds[0] + low) & _M64
                self.folds[1] = (self.folds[1] + high) & _M64
        self.pos = self.folded = 0
        self.cuts += 1
        self._next_cell = -1

    def cut(self) -> None:
        """Forget everything that is undone."""
        self._fold_to(min(self.folded, self.pos))
        self.cuts += self.pos < len(self.cell)
        for column in (self.cell, self.old, self.new, self.count):
            del column[self.pos :]
        self._next_cell = -1

    def move(self, target: int) -> None:
        """Swap old and new until exactly ``target`` entries are done."""
        self._next_cell = -1
        while self.pos > target:
            self.pos -= 1
            self._swap(self.pos, False)
        while self.pos < target:
            self._swap(self.pos, True)
            self.pos += 1

    def _swap(self, at: int, forward: bool) -> None:
        count = self.count[at]
        cell = self.cell[at]
        field, number, chunk = self._chunks[cell >> CHUNK_SHIFT]
        if count & LINK:
            node = (number << CHUNK_SHIFT) + (cell & MASK)
            self.links.replay(node, self.old[at], self.new[at], count, forward)
            return
        offset = cell & MASK
        value = self.new[at] if forward else self.old[at]
        if count == 1:
            chunk[offset] = value
            return
        n = count & LOW
        if count & (NEW_RAMP if forward else OLD_RAMP):
            chunk[offset : offset + n] = array(chunk.typecode, range(value, value + n * field.stride, field.stride))
        else:
            chunk[offset : offset + n] = array(chunk.typecode, [value]) * n

    def bulk_chunks(self) -> list[tuple[Field, int, array[int]]]:
        """Every chunk by number, for the long jump."""
        return self._chunks

    # -- what the entries say ------------------------------------------------------------------------
    def entries(self, start: int, stop: int) -> Iterator[tuple[Field, int, int, int, int]]:
        """(field, index, old, new, n) of plain stores in [start, stop); a run gives its first values."""
        for at in range(start, stop):
            count = self.count[at]
            if not count & LINK:
                field, index = self.where(self.cell[at])
                yield field, index, self.old[at], self.new[at], count & LOW

    def cells(self, start: int, stop: int) -> Iterator[tuple[Field, int, int, int]]:
        """(field, index, old, new) cell by cell, runs spelled out, list operations as the stores that they are."""
        for at in range(start, stop):
            count = self.count[at]
            if count & LINK:
                yield from self.links.stores(self.where(self.cell[at])[1], self.old[at], self.new[at], count)
                continue
            field, index = self.where(self.cell[at])
            old, new, stride = self.old[at], self.new[at], field.stride
            for k in range(count & LOW):
                yield (
                    field,
                    index + k,
                    old + (k * stride if count & OLD_RAMP else 0),
                    new + (k * stride if count & NEW_RAMP else 0),
                )

    # -- digest ----------------------------------------------------------------------------------------
    def digest(self) -> str:
        """32 hex digits, a function of all cells and of nothing else.

        A sum over the cells that are not at their default, each mixed by itself, so that it can be folded in entry by
        entry; list counts are linear in their value for the same reason.
        """
        self._fold_to(self.pos)
        return f"{self.folds[0]:016x}{self.folds[1]:016x}"

    def _fold_to(self, target: int) -> None:
        while self.folded < target:
            self._fold(self.folded, 1)
            self.folded += 1
        while self.folded > target:
            self.folded -= 1
            self._fold(self.folded, -1)

    def _fold(self, at: int, sign: int) -> None:
        for field, index, old, new in self.cells(at, at + 1):
            low_old, high_old = mix(field, index, old)
            low_new, high_new = mix(field, index, new)
            self.folds[0] = (self.folds[0] + sign * (low_new - low_old)) & _M64
            self.folds[1] = (self.folds[1] + sign * (high_new - high_old)) & _M64
        count = self.count[at]
        if count & LINK and not count & UNCOUNTED:
            low, high = mix(self.links.nr, count & LOW, 1)
            step = sign if count & INSERT else -sign
            self.folds[0] = (self.folds[0] + step * low) & _M64
            self.folds[1] = (self.folds[1] + step * high) & _M64


_M64 = (1 << 64) - 1
_M128 = (1 << 128) - 1


def mix(field: Field, index: int, value: int) -> tuple[int, int]:
    """Two independent 64-bit words for one cell; (0, 0) at its default, and for what is no state of the machine."""
    if value == field.default or field.tape:
        return 0, 0
    x = (field.fid << 56 ^ index) * 0x9E3779B97F4A7C15F39CC0605CEDC835
    if not field.linear:
        x += value * 0xD6E8FEB86659FD93A0761D6478BD642F
    x &= _M128
    x ^= x >> 67
    x = x * 0xE7037ED1A0B428DB8EBC6AF09C88C6E3 & _M128
    x ^= x >> 61
    times = value if field.linear else 1
    return (x & _M64) * times & _M64, (x >> 64) * times & _M64
