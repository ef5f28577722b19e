# SPDX-License-Identifier: GPL-2.0-only
"""A buddy allocator in bare Python dicts: what the modelled one is measured against.

It has what decides which page is taken: one zone, free lists by migratetype and order with the kernel's ends (a block
split off and a freed one go to the head, one whose next merge is likely to the tail), a type per pageblock, the
watermark test with its numbers, a steal of the largest block where the own lists are empty.  It can't go back, keeps
no record, and tells nobody what it found.
"""

from __future__ import annotations

from collections.abc import Iterable

TYPES = 6
MOVABLE = 1
FALLBACKS = {0: (2, 1), 1: (2, 0), 2: (0, 1)}
"""Whose blocks a type may take, in this order."""


class Buddy:
    """One zone from pfn ``start`` to ``end``; heads of lists are negative numbers in the same two dicts as blocks."""

    def __init__(self, start: int, end: int, max_order: int, pageblock_order: int, mark: int, reserve: int) -> None:
        self.start, self.end = start, end
        self.orders, self.pageblock_order = max_order + 1, pageblock_order
        self.mark, self.reserve = mark, reserve
        self.free_pages = 0
        self.types: dict[int, int] = {}
        """Migratetype by pageblock; those that are not in it are movable."""
        self.order: dict[int, int] = {}
        """Order by the first pfn of a free block."""
        self.following = {-1 - number: -1 - number for number in range(TYPES * self.orders)}
        self.preceding = self.following.copy()
        self.counts = dict.fromkeys(range(TYPES * self.orders), 0)

    def fill(self, blocks: Iterable[tuple[int, int, int]]) -> None:
        """Put (pfn, order, migratetype) on the lists."""
        for pfn, order, migratetype in blocks:
            self.insert(pfn, order, migratetype, True)
            self.free_pages += 1 << order

    def insert(self, pfn: int, order: int, migratetype: int, tail: bool) -> None:
        """Put a block at the head or the tail of its list."""
        number = migratetype * self.orders + order
        head = -1 - number
        pred, succ = (self.preceding[head], head) if tail else (head, self.following[head])
        self.following[pred] = self.preceding[succ] = pfn
        self.following[pfn], self.preceding[pfn] = succ, pred
        self.order[pfn] = order
        self.counts[number] += 1

    def remove(self, pfn: int, order: int, migratetype: int) -> None:
        """Take a block off its list."""
        pred, succ = self.preceding.pop(pfn), self.following.pop(pfn)
        self.following[pred], self.preceding[succ] = succ, pred
        del self.order[pfn]
        self.counts[migratetype * self.orders + order] -= 1

    def watermark_ok(self, order: int) -> bool:
        """Are there enough pages, and is there a block?"""
        if self.free_pages - (1 << order) + 1 <= self.mark + self.reserve:
            return False
        for migratetype in (MOVABLE, 0, 2):
            base = migratetype * self.orders
            for each in range(order, self.orders):
                if self.counts[base + each]:
                    return True
        return False

    def allocate(self, order: int, migratetype: int) -> int:
        """The first pfn of a block, -1 if there is none."""
        if not self.watermark_ok(order):
            return -1
        pfn = self.smallest(order, migratetype)
        if pfn < 0 and self.steal(order, migratetype):
            pfn = self.smallest(order, migratetype)
        if pfn >= 0:
            self.free_pages -= 1 << order
        return pfn

    def smallest(self, order: int, migratetype: int) -> int:
        """Take the head of the smallest list that will do, and split it."""
        base = migratetype * self.orders
        for each in range(order, self.orders):
            if self.counts[base + each]:
                pfn = self.following[-1 - base - each]
                self.remove(pfn, each, migratetype)
                while each > order:
                    each -= 1
                    self.insert(pfn + (1 << each), each, migratetype, False)
                return pfn
        return -1

    def steal(self, order: int, migratetype: int) -> bool:
        """Move another type's largest block to this one's list; whole pageblocks become its own."""
        for each in range(self.orders - 1, order - 1, -1):
            for other in FALLBACKS[migratetype]:
                if self.counts[other * self.orders + each]:
                    pfn = self.following[-1 - other * self.orders - each]
                    self.remove(pfn, each, other)
                    self.insert(pfn, each, migratetype, True)
                    for k in range(1 << each - self.pageblock_order if each >= self.pageblock_order else 0):
                        self.types[(pfn >> self.pageblock_order) + k] = migratetype
                    return True
        return False

    def release(self, pfn: int, order: int) -> None:
        """Give a block back, merged as far as its buddies are free."""
        migratetype = self.types.get(pfn >> self.pageblock_order, MOVABLE)
        self.free_pages += 1 << order
        while order < self.orders - 1:
            buddy = pfn ^ (1 << order)
            if not self.start <= buddy < self.end or self.order.get(buddy) != order:
                break
            other = migratetype
            if order >= self.pageblock_order:
                other = self.types.get(buddy >> self.pageblock_order, MOVABLE)
                if other != migratetype and max(other, migratetype) >= 3:
                    break
            self.remove(buddy, order, other)
            pfn &= buddy
            order += 1
        self.insert(pfn, order, migratetype, self.merge_likely(pfn, order))

    def merge_likely(self, pfn: int, order: int) -> bool:
        """Is the next larger buddy free already?"""
        if order >= self.orders - 2:
            return False
        higher = (pfn & (pfn ^ (1 << order))) ^ (1 << (order + 1))
        return self.start <= higher < self.end and self.order.get(higher) == order + 1
