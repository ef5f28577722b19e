# SPDX-License-Identifier: GPL-2.0-only
"""``__rmqueue_fallback`` up to 6.14: the largest block of another type, and with it what its pageblock has free.

To 6.9 the free pages change lists even if their pageblock keeps its type (and so stray).  From 6.10 on (commit series
"freelist migratetype hygiene") they only do so with the pageblock; else the block is split on its own type's lists.
"""

from __future__ import annotations

from kernelmodel.defs import MIGRATE_HIGHATOMIC, MIGRATE_MOVABLE
from kernelmodel.machine import Machine
from kernelmodel.mm.buddy import get_pageblock_migratetype
from kernelmodel.mm.freelist import Found
from kernelmodel.mm.steal import (
    alone,
    can_steal_fallback,
    counted,
    find_suitable_fallback,
    head_of,
    look_inside,
    min_order,
    pageblocks,
    together,
)


def __rmqueue_fallback(m: Machine, zone: int, order: int, start: int, flags: int) -> Found | None:
    """What a request of type ``start`` would take from the other types."""
    for current in range(m.arch.max_order, min_order(m, order, flags) - 1, -1):
        source = find_suitable_fallback(m, zone, current, start)
        if source < 0:
            continue
        whole = can_steal_fallback(m, current, start)
        if not whole and start == MIGRATE_MOVABLE and current > order:  # the smallest, if it can't be all of them
            current = order
            while (source := find_suitable_fallback(m, zone, current, start)) < 0:
                current += 1
        steal = steal_suitable_fallback_6_10 if m.release >= (6, 10) else steal_suitable_fallback
        return steal(m, zone, order, current, source, start, flags, whole)
    return None


def steal_suitable_fallback(
    m: Machine, zone: int, order: int, current: int, source: int, start: int, flags: int, whole: bool
) -> Found:
    """6.5: whatever is taken goes to the lists of type ``start`` first, and is split there."""
    block = head_of(m, zone, source, current, start)
    old = get_pageblock_migratetype(m, block.pfn)
    if old == MIGRATE_HIGHATOMIC:
        return alone(zone, flags, block)
    if current >= m.arch.pageblock_order:
        return pageblocks(m, zone, flags, block, start)
    block = block._replace(boosts=1)
    inside = look_inside(m, zone, block, start, old) if whole else None
    if inside is None:
        return alone(zone, flags, block)
    return together(zone, flags, block, start, inside, order)


def steal_suitable_fallback_6_10(
    m: Machine, zone: int, order: int, current: int, source: int, start: int, flags: int, whole: bool
) -> Found:
    """6.10: the whole pageblock with its type, or one block that is split on the lists of its own type."""
    block = head_of(m, zone, source, current, source)
    if current >= m.arch.pageblock_order:
        return pageblocks(m, zone, flags, block, start)
    block = block._replace(boosts=1)
    inside = look_inside(m, zone, block, start, source) if whole else None
    if inside is None:
        return alone(zone, flags, block)
    if not inside.half:
        return alone(zone, flags, counted(block, inside))
    return together(zone, flags, block, start, inside, order)
