# SPDX-License-Identifier: GPL-2.0-only
"""Blocks of other migratetypes."""

from __future__ import annotations

from kernelmodel.defs import ALLOC_WMARK_MASK
from kernelmodel.machine import Machine
from kernelmodel.mm.buddy import __rmqueue_smallest, peek_smallest
from kernelmodel.mm.freelist import Found


def peek(m: Machine, zone: int, order: int, migratetype: int, flags: int) -> Found | None:
    """What __rmqueue() would take."""
    pfn, block = peek_smallest(m, zone, order, migratetype)
    return Found(zone, pfn, block, flags & ALLOC_WMARK_MASK, "own", flags) if pfn >= 0 else None


def rmqueue_buddy(m: Machine, zone: int, order: int, migratetype: int, flags: int) -> int:
    """Take it: pfn, out of NR_FREE_PAGES."""
    pfn = __rmqueue_smallest(m, zone, order, migratetype)
    m.nr_free_pages.add(zone, -(1 << order))
    return pfn
