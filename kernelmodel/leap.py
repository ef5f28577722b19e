# SPDX-License-Identifier: GPL-2.0-only
"""The long jump: thousands of journal entries at once, one scatter a chunk.

NumPy is imported here and nowhere else in the model, and only when a jump is long.  The result is exactly that of
``Journal.move``.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from kernelmodel.journal import (
    CHUNK_SHIFT,
    INSERT,
    LINK,
    LOW,
    MASK,
    NEW_RAMP,
    OLD_RAMP,
    UNCOUNTED,
    Field,
    Journal,
)

Array = np.ndarray[Any, np.dtype[Any]]


def move(journal: Journal, target: int) -> None:
    """Swap old and new until exactly ``target`` entries are done."""
    forward = target > journal.pos
    low, high = sorted((journal.pos, target))
    cell = np.array(journal.cell[low:high], dtype=np.int64)
    count = np.array(journal.count[low:high], dtype=np.int64)
    old = np.array(journal.old[low:high], dtype=np.uint64)
    new = np.array(journal.new[low:high], dtype=np.uint64)
    is_link = (count & LINK) != 0
    is_length = ~is_link & _of_field(journal, cell, journal.links.nr)
    lengths = _length_deltas(journal, cell, old, new, count, is_link, is_length)
    plain = ~is_link & ~is_length
    value = new if forward else old
    _scatter(journal, *_spelled_out(journal, cell[plain], value[plain], count[plain], forward), forward)
    for slots, values in _links(journal, cell[is_link], old[is_link], new[is_link], count[is_link], forward):
        _scatter(journal, slots, values, forward)
    for number in np.flatnonzero(lengths).tolist():
        slot = journal.links.nr.slot(number)
        chunk = journal.bulk_chunks()[slot >> CHUNK_SHIFT][2]
        chunk[slot & MASK] += int(lengths[number]) if forward else -int(lengths[number])
    journal.pos = target
    journal.mark()


def _of_field(journal: Journal, cell: Array, field: Field) -> Array:
    own = np.array([each[0] is field for each in journal.bulk_chunks()], dtype=bool)
    found: Array = own[cell >> CHUNK_SHIFT]
    return found


def _length_deltas(
    journal: Journal, cell: Array, old: Array, new: Array, count: Array, is_link: Array, is_length: Array
) -> Array:
    """How each list's length changes over the whole jump, forwards; by list number."""
    counted = is_link & ((count & UNCOUNTED) == 0)
    bases = np.array([number << CHUNK_SHIFT for _, number, _ in journal.bulk_chunks()], dtype=np.int64)
    direct = bases[cell[is_length] >> CHUNK_SHIFT] + (cell[is_length] & MASK)
    by_list = count[counted] & LOW
    found = np.zeros(1 + max(direct.max(initial=0), by_list.max(initial=0)), dtype=np.int64)
    np.add.at(found, by_list, np.where((count[counted] & INSERT) != 0, 1, -1))
    np.add.at(found, direct, new[is_length].astype(np.int64) - old[is_length].astype(np.int64))
    return found


def _spelled_out(journal: Journal, cell: Array, value: Array, count: Array, forward: bool) -> tuple[Array, Array]:
    """(cells, values) of plain stores, runs spelled out."""
    length = count & LOW
    if not len(length) or length.max() == 1:
        return cell, value
    ramp = (count & (NEW_RAMP if forward else OLD_RAMP)) != 0
    strides = np.array([each[0].stride for each in journal.bulk_chunks()], dtype=np.uint64)
    stride = np.where(ramp, strides[cell >> CHUNK_SHIFT], 0).astype(np.uint64)
    starts = np.repeat(np.cumsum(length) - length, length)
    k = np.arange(len(starts), dtype=np.int64) - starts
    values = np.repeat(value, length) + k.astype(np.uint64) * np.repeat(stride, length)
    return np.repeat(cell, length) + k, values


def _links(
    journal: Journal, cell: Array, pred: Array, succ: Array, count: Array, forward: bool
) -> list[tuple[Array, Array]]:
    """List operations as the stores that they are: one group a Field, each in the order of the operations."""
    links = journal.links
    bases = np.array([number << CHUNK_SHIFT for _, number, _ in journal.bulk_chunks()], dtype=np.int64)
    node = bases[cell >> CHUNK_SHIFT] + (cell & MASK)
    before, after = pred.astype(np.int64), succ.astype(np.int64)
    insert = ((count & INSERT) != 0) == forward
    alone = before == after
    counted = (count & UNCOUNTED) == 0
    order = np.where(insert, (count & LOW) % links.orders + 1, 0)
    next_values = (np.where(insert, node, np.where(alone, 0, after)), np.where(insert, after, 0))
    prev_values = (np.where(insert, node, np.where(alone, 0, before)), np.where(insert, before, 0))
    return [
        (_slots(links.next, _zip(before, node)), _zip(*next_values)),
        (_slots(links.prev, _zip(after, node)), _zip(*prev_values)),
        (_slots(links.order_of, node[counted]), order[counted]),
    ]


def _zip(a: Array, b: Array) -> Array:
    """a0 b0 a1 b1 …"""
    return np.column_stack((a, b)).ravel()


def _slots(field: Field, index: Array) -> Array:
    """Journal cells of many indices of one field."""
    numbers, inverse = np.unique(index >> CHUNK_SHIFT, return_inverse=True)
    bases = np.array([field.slot(int(number) << CHUNK_SHIFT) for number in numbers], dtype=np.int64)
    found: Array = (bases[inverse] if len(numbers) else index) + (index & MASK)
    return found


def _scatter(journal: Journal, slots: Array, values: Array, forward: bool) -> None:
    """Store in order (backwards: in reverse); of several stores to one cell the last counts.

    Sorted by chunk only (a radix sort while chunk numbers fit 16 bits); within a chunk NumPy keeps the last of several
    values that are assigned to one place.
    """
    if not len(slots):
        return
    if not forward:
        slots, values = slots[::-1], values[::-1]
    chunks = journal.bulk_chunks()
    key = slots >> CHUNK_SHIFT
    if len(chunks) <= 1 << 16:
        key = key.astype(np.uint16)
    order = np.argsort(key, kind="stable")
    key, offsets, values = key[order], slots[order] & MASK, values[order]
    edges = [0, *(np.flatnonzero(np.diff(key)) + 1).tolist(), len(key)]
    for start, stop in pairwise(edges):
        cells = chunks[int(key[start])][2]
        view = np.frombuffer(cells, dtype=f"u{cells.itemsize}")
        view[offsets[start:stop]] = values[start:stop].astype(view.dtype)
