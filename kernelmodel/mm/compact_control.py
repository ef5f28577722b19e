# SPDX-License-Identifier: GPL-2.0-only
"""The state of one run of compaction over one zone (struct compact_control, mm/internal.h)."""

from __future__ import annotations

from kernelmodel.machine import Machine
from kernelmodel.mm.buddy import gfp_migratetype

COMPACT_PRIO_SYNC_FULL, COMPACT_PRIO_SYNC_LIGHT, COMPACT_PRIO_ASYNC = range(3)
COMPACT_CLUSTER_MAX = 32
SCAN_BLOCKS = 1024
"""Pageblocks that the scanners of one run look at."""
MOVE_BLOCKS = 2
"""One run moves as many pages as there are in so many pageblocks."""


class Control:
    """struct compact_control: one run over one zone."""

    def __init__(self, m: Machine, zone: int, order: int, gfp: int, prio: int) -> None:
        self.m = m
        self.zone = zone
        self.order = order
        self.gfp = gfp
        self.migratetype = gfp_migratetype(gfp)
        self.sync = prio != COMPACT_PRIO_ASYNC
        self.whole_zone = self.ignore_skip_hint = self.ignore_block_suitable = prio == COMPACT_PRIO_SYNC_FULL
        self.start, self.end = m.zones[zone].start, m.zones[zone].end
        self.pageblock = 1 << m.arch.pageblock_order
        self.migrate_pfn = self.start
        self.free_pfn = self.block_of(self.end - 1)
        self.migratepages: list[int] = []
        self.nr_migratepages = 0
        self.freepages: list[list[int]] = [[] for _ in range(m.orders)]
        self.nr_freepages = 0
        self.search_order = order
        self.fast_search_fail = 0
        self.finish_pageblock = False
        self.captured = False
        self.freed: set[int] = set()
        """The request-sized windows of which pages were freed since someone looked."""
        self.moved = 0
        self.scanned = 0
        self._known: dict[tuple[int, int], bytes] = {}

    def block_of(self, pfn: int) -> int:
        """First pfn of a pageblock."""
        return pfn & -self.pageblock

    @property
    def spent(self) -> bool:
        """Has the run done all that it may do?"""
        return self.scanned >= SCAN_BLOCKS or self.moved >= MOVE_BLOCKS * self.pageblock

    @property
    def met(self) -> bool:
        """compact_scanners_met()."""
        return self.block_of(self.free_pfn) <= self.block_of(self.migrate_pfn)

    def codes(self, block: int) -> bytes:
        """A byte a page of a pageblock: at a free block's first page 16 * (1 + its order), else what the page is used
        for.  A unit that no one has touched stays so."""
        m = self.m
        unit, units = block >> m.arch.max_order, m.units[self.zone]
        template = units.template(unit) if units is not None and not m.touched.get(unit) else None
        if units is None or template is None:
            n = min(self.pageblock, self.end - block)
            uses, orders = bytes(m.background.run(block, n)), bytes(m.buddy_order.run(block, n))
            both = int.from_bytes(uses, "big") | int.from_bytes(orders, "big") << 4
            return both.to_bytes(n, "big")
        first = block & (1 << m.arch.max_order) - 1
        key = units.kinds[unit - units.first], first
        known = self._known.get(key)
        if known is None:
            all_pages = bytearray(1 << m.arch.max_order)
            for offset, n, use in template.pages:
                all_pages[offset : offset + n] = bytes((use,)) * n
            for offset, order, _ in template.blocks:
                all_pages[offset] = order + 1 << 4
            known = self._known[key] = bytes(all_pages[first : first + self.pageblock])
        return known
