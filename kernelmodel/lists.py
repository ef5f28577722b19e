# SPDX-License-Identifier: GPL-2.0-only
"""Doubly linked lists in the machine's cells, the kernel's ``list_head``, whose undo restores the exact order."""

from __future__ import annotations

from kernelmodel.journal import CHUNK_SHIFT, INSERT, LINK, LOW, MASK, UNCOUNTED, Field, Journal


class Links:
    """Circular doubly linked lists over two Fields, the kernel's list_head: undo restores the exact order.

    A node is an index; list ``n``'s head is the node ``HEAD + n``.  Link 0 is "not on a list", or, at a head,
    "empty".  ``order_of`` keeps 1 + the block's order while a node is on a list, ``nr`` counts the nodes per list.
    """

    HEAD = 1 << 41
    RUN = 1 << 40
    """Node RUN + zone stands for the zone's fresh blocks of the highest order that no one has touched yet."""
    UNTOUCHED = RUN | 1 << 32
    """Node UNTOUCHED + list stands for the list's blocks in untouched units (mm/untouched.py)."""
    PCP = 1 << 20
    """Lists from this number on are the CPUs' own (mm/pcp.py); their nodes are not counted as free blocks."""

    def __init__(self, journal: Journal, orders: int, order_of: Field, nr: Field) -> None:
        self.journal = journal
        self.next = Field(journal, "list_next", 8)
        self.prev = Field(journal, "list_prev", 8)
        self.order_of = order_of
        self.nr = nr
        self.orders = orders
        journal.links = self

    def first(self, number: int) -> int:
        """First node, 0 if the list is empty."""
        return self.next.get(self.HEAD + number)

    def after(self, node: int, number: int) -> int:
        """Next node, 0 at the end."""
        following = self.next.get(node)
        return 0 if following == self.HEAD + number else following

    def insert(self, node: int, number: int, tail: bool, counted: bool = True) -> None:
        """Put a node at the head (or tail) of a list."""
        head = self.HEAD + number
        if tail:
            pred, succ = self.prev.get(head) or head, head
        else:
            pred, succ = head, self.next.get(head) or head
        flags = LINK | INSERT | number if counted else LINK | INSERT | UNCOUNTED | number
        self.journal.log_link(self._link(node, pred, succ, flags), pred, succ, flags)

    def insert_between(self, node: int, number: int, pred: int, succ: int, counted: bool = True) -> None:
        """Put a node between two neighbours."""
        flags = LINK | INSERT | number if counted else LINK | INSERT | UNCOUNTED | number
        self.journal.log_link(self._link(node, pred, succ, flags), pred, succ, flags)

    def remove(self, node: int, number: int, counted: bool = True) -> None:
        """Take a node off its list."""
        pred, succ = self.prev.get(node), self.next.get(node)
        flags = LINK | number if counted else LINK | UNCOUNTED | number
        self.journal.log_link(self._unlink(node, pred, succ, flags), pred, succ, flags)

    def stores(self, node: int, pred: int, succ: int, flags: int) -> list[tuple[Field, int, int, int]]:
        """The stores that one operation stands for, as (field, index, old, new), the count left out."""
        empty_pred = 0 if pred == succ else succ
        empty_succ = 0 if pred == succ else pred
        found = [
            (self.next, pred, empty_pred, node),
            (self.prev, succ, empty_succ, node),
            (self.next, node, 0, succ),
            (self.prev, node, 0, pred),
        ]
        if not flags & UNCOUNTED:
            found.append((self.order_of, node, 0, (flags & LOW) % self.orders + 1))
        if not flags & INSERT:
            found = [(field, index, new, old) for field, index, old, new in found]
        return found

    def replay(self, node: int, pred: int, succ: int, flags: int, forward: bool) -> None:
        """Do or undo an operation without journaling it."""
        if (flags & INSERT != 0) is forward:
            self._link(node, pred, succ, flags)
        else:
            self._unlink(node, pred, succ, flags)

    def _link(self, node: int, pred: int, succ: int, flags: int) -> int:
        """The stores of an insertion; the journal's number of the node."""
        following, preceding, order_of, nr = self.next, self.prev, self.order_of, self.nr
        number = flags & LOW
        if following.__class__ is Field:  # straight into the chunks: every allocation comes here
            at, place, chunks = node >> CHUNK_SHIFT, node & MASK, following.chunks
            (chunks.get(pred >> CHUNK_SHIFT) or following._touch(pred >> CHUNK_SHIFT))[pred & MASK] = node
            (chunks.get(at) or following._touch(at))[place] = succ
            chunks = preceding.chunks
            (chunks.get(succ >> CHUNK_SHIFT) or preceding._touch(succ >> CHUNK_SHIFT))[succ & MASK] = node
            (chunks.get(at) or preceding._touch(at))[place] = pred
            if not flags & UNCOUNTED:
                (order_of.chunks.get(at) or order_of._touch(at))[place] = number % self.orders + 1
                (nr.chunks.get(number >> CHUNK_SHIFT) or nr._touch(number >> CHUNK_SHIFT))[number & MASK] += 1
            return following._bases[at] + place
        following.poke(pred, node)
        following.poke(node, succ)
        preceding.poke(succ, node)
        preceding.poke(node, pred)
        if not flags & UNCOUNTED:
            order_of.poke(node, number % self.orders + 1)
            nr.poke(number, nr.get(number) + 1)
        return following.slot(node)

    def _unlink(self, node: int, pred: int, succ: int, flags: int) -> int:
        """The stores of a removal; the journal's number of the node."""
        following, preceding, order_of, nr = self.next, self.prev, self.order_of, self.nr
        number = flags & LOW
        to, back = (succ, pred) if pred != succ else (0, 0)
        if following.__class__ is Field:  # all of these chunks are there
            at, place = node >> CHUNK_SHIFT, node & MASK
            following.chunks[pred >> CHUNK_SHIFT][pred & MASK] = to
            following.chunks[at][place] = 0
            preceding.chunks[succ >> CHUNK_SHIFT][succ & MASK] = back
            preceding.chunks[at][place] = 0
            if not flags & UNCOUNTED:
                order_of.chunks[at][place] = 0
                nr.chunks[number >> CHUNK_SHIFT][number & MASK] -= 1
            return following._bases[at] + place
        following.poke(pred, to)
        following.poke(node, 0)
        preceding.poke(succ, back)
        preceding.poke(node, 0)
        if not flags & UNCOUNTED:
            order_of.poke(node, 0)
            nr.poke(number, nr.get(number) - 1)
        return following.slot(node)
