# SPDX-License-Identifier: GPL-2.0-only
"""The last two steps of ``__rmqueue`` from 6.15 on: claim a whole pageblock, or steal one block (6.18 was read)."""

from __future__ import annotations

from kernelmodel.defs import ALLOC_NOFRAGMENT
from kernelmodel.machine import Machine
from kernelmodel.mm.freelist import Found
from kernelmodel.mm.steal import (
    alone,
    can_steal_fallback,
    find_suitable_fallback,
    head_of,
    look_inside,
    min_order,
    pageblocks,
    together,
)


def __rmqueue_claim(m: Machine, zone: int, order: int, start: int, flags: int) -> tuple[Found | None, int]:
    """From the largest block down to orders that are not worth it; beside it how many attempts boost the watermarks.

    Each attempt below pageblock_order boosts, the failing ones too.  None of them is in vain: where one was made, a
    steal will find a block at least, so that the boosts can wait until the page is taken.
    """
    boosts = 0
    for current in range(m.arch.max_order, min_order(m, order, flags) - 1, -1):
        if not can_steal_fallback(m, current, start):
            break
        source = find_suitable_fallback(m, zone, current, start)
        if source < 0:
            continue
        block = head_of(m, zone, source, current, source)
        if current >= m.arch.pageblock_order:
            return pageblocks(m, zone, flags, block, start), boosts
        boosts += 1
        inside = look_inside(m, zone, block, start, source)
        if inside is not None and inside.half:
            return together(zone, flags, block._replace(boosts=boosts), start, inside, order), boosts
    return None, boosts


def __rmqueue_steal(m: Machine, zone: int, order: int, start: int, flags: int, boosts: int) -> Found | None:
    """The smallest block of another type that will do, split on its own type's lists; not with ALLOC_NOFRAGMENT."""
    if flags & ALLOC_NOFRAGMENT:
        return None
    for current in range(order, m.orders):
        source = find_suitable_fallback(m, zone, current, start)
        if source >= 0:
            return alone(zone, flags, head_of(m, zone, source, current, source)._replace(boosts=boosts))
    return None
