# SPDX-License-Identifier: GPL-2.0-only
"""The long jump: thousands of journal entries at once, one scatter a chunk.

NumPy is imported here and nowhere else in the model, and only when a jump is long.  The result is exactly that of
``Journal.move``.
"""

from __future__ import annotations

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
    seq = np.arange(high - low, dtype=np.int64)
    is_link = (count & LINK) != 0
    counts = _count_deltas(journal, cell, old, new, count, is_link, forward)
    plain = ~is_link & ~_of_field(journal, cell, journal.links.nr)
    stores = [
        _plain(journal, cell[plain], (new if forward else old)[plain], count[plain], seq[plain], forward),
        *_links(journal, cell[is_link], old[is_link], new[is_link], count[is_link], seq[is_link], forward),
    ]
    slots = np.concatenate([each[0] for each in stores])
    values = np.concatenate([each[1] for each in stores])
    when = np.concatenate([each[2] for each in stores])
    _scatter(journal, slots, values, when if forward else -when)
    for number, delta in counts.items():
        field = journal.links.nr
        slot = field.slot(number)
        chunk = journal.bulk_chunks()[slot >> CHUNK_SHIFT][2]
        chunk[slot & MASK] += delta
    journal.pos = target
    journal.mark()


def _of_field(journal: Journal, cell: Array, field: Field) -> Array:
    own = np.array([each[0] is field for each in journal.bulk_chunks()], dtype=bool)
    found: Array = own[cell >> CHUNK_SHIFT]
    return found


def _count_deltas(
    journal: Journal, cell: Array, old: Array, new: Array, count: Array, is_link: Array, forward: bool
) -> dict[int, int]:
    """How each list's length changes over the whole jump."""
    found: dict[int, int] = {}
    counted = is_link & ((count & UNCOUNTED) == 0)
    signs = np.where((count[counted] & INSERT) != 0, 1, -1)
    for number, sign in zip((count[counted] & LOW).tolist(), signs.tolist(), strict=True):
        found[number] = found.get(number, 0) + sign
    direct = ~is_link & _of_field(journal, cell, journal.links.nr)
    for at, before, after in zip(cell[direct].tolist(), old[direct].tolist(), new[direct].tolist(), strict=True):
        number = journal.where(at)[1]
        found[number] = found.get(number, 0) + after - before
    return found if forward else {number: -delta for number, delta in found.items()}


def _plain(
    journal: Journal, cell: Array, value: Array, count: Array, seq: Array, forward: bool
) -> tuple[Array, Array, Array]:
    """Runs spelled out."""
    length = count & LOW
    ramp = (count & (NEW_RAMP if forward else OLD_RAMP)) != 0
    strides = np.array([each[0].stride for each in journal.bulk_chunks()], dtype=np.uint64)
    stride = np.where(ramp, strides[cell >> CHUNK_SHIFT], 0).astype(np.uint64)
    total = int(length.sum())
    starts = np.repeat(np.cumsum(length) - length, length)
    k = np.arange(total, dtype=np.int64) - starts
    return (
        np.repeat(cell, length) + k,
        np.repeat(value, length) + k.astype(np.uint64) * np.repeat(stride, length),
        np.repeat(seq, length),
    )


def _links(
    journal: Journal, cell: Array, pred: Array, succ: Array, count: Array, seq: Array, forward: bool
) -> list[tuple[Array, Array, Array]]:
    """List operations as the stores that they are."""
    links = journal.links
    bases = np.array([number << CHUNK_SHIFT for _, number, _ in journal.bulk_chunks()], dtype=np.int64)
    node = bases[cell >> CHUNK_SHIFT] + (cell & MASK)
    before, after = pred.astype(np.int64), succ.astype(np.int64)
    insert = ((count & INSERT) != 0) == forward
    alone = before == after
    counted = (count & UNCOUNTED) == 0
    order = (count & LOW) % links.orders + 1
    rows = [
        (links.next, before, np.where(insert, node, np.where(alone, 0, after))),
        (links.prev, after, np.where(insert, node, np.where(alone, 0, before))),
        (links.next, node, np.where(insert, after, 0)),
        (links.prev, node, np.where(insert, before, 0)),
    ]
    found = [(_slots(field, index), value.astype(np.uint64), seq) for field, index, value in rows]
    marks = np.where(insert, order, 0)[counted].astype(np.uint64)
    found.append((_slots(links.order_of, node[counted]), marks, seq[counted]))
    return found


def _slots(field: Field, index: Array) -> Array:
    """Journal cells of many indices of one field."""
    numbers, inverse = np.unique(index >> CHUNK_SHIFT, return_inverse=True)
    bases = np.array([field.slot(int(number) << CHUNK_SHIFT) for number in numbers], dtype=np.int64)
    found: Array = (bases[inverse] if len(numbers) else index) + (index & MASK)
    return found


def _scatter(journal: Journal, slots: Array, values: Array, when: Array) -> None:
    """Store in the order of ``when``; of several stores to one cell the last counts."""
    order = np.lexsort((when, slots))
    slots, values = slots[order], values[order]
    if not len(slots):
        return
    last = np.append(slots[1:] != slots[:-1], True)
    slots, values = slots[last], values[last]
    chunk = slots >> CHUNK_SHIFT
    edges = np.flatnonzero(np.diff(chunk)) + 1
    chunks = journal.bulk_chunks()
    for part, stored in zip(np.split(slots, edges), np.split(values, edges), strict=True):
        cells = chunks[int(part[0]) >> CHUNK_SHIFT][2]
        view = np.frombuffer(cells, dtype=f"u{cells.itemsize}")
        view[part & MASK] = stored.astype(view.dtype)
