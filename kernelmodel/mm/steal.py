# SPDX-License-Identifier: GPL-2.0-only
"""What the ways to other types' blocks have in common (mm/page_alloc.c: fallbacks[], find_suitable_fallback(),
can_steal_fallback(), and the test whether half of a pageblock is free or alike).  Nothing is stored.
"""

from __future__ import annotations

from typing import NamedTuple

from kernelmodel.defs import (
    ALLOC_NOFRAGMENT,
    ALLOC_WMARK_MASK,
    MIGRATE_MOVABLE,
    MIGRATE_RECLAIMABLE,
    MIGRATE_UNMOVABLE,
)
from kernelmodel.machine import Machine
from kernelmodel.mm.buddy import head_block
from kernelmodel.mm.freelist import Fallback, Found
from kernelmodel.mm.pageblock import Blocks, free_blocks, movable_pages, pageblock_range, smallest

FALLBACKS = {
    MIGRATE_UNMOVABLE: (MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE),
    MIGRATE_MOVABLE: (MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE),
    MIGRATE_RECLAIMABLE: (MIGRATE_UNMOVABLE, MIGRATE_MOVABLE),
}
"""Whose blocks a type takes, in this order."""


def find_suitable_fallback(m: Machine, zone: int, order: int, start: int) -> int:
    """Type of the first fallback list of an order that has a block, -1 if none has."""
    for migratetype in FALLBACKS[start]:
        if m.nr_free.get(m.list_number(zone, migratetype, order)):
            return migratetype
    return -1


def can_steal_fallback(m: Machine, order: int, start: int) -> bool:
    """May a request go for the whole pageblock of a block of this order?  (6.15: should_try_claim_block().)"""
    return order >= m.arch.pageblock_order // 2 or start in (MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE)


def min_order(m: Machine, order: int, flags: int) -> int:
    """With ALLOC_NOFRAGMENT whole pageblocks only."""
    return max(order, m.arch.pageblock_order) if flags & ALLOC_NOFRAGMENT else order


class Inside(NamedTuple):
    """What a pageblock holds for a request."""

    blocks: Blocks
    free: int
    alike: int
    """Used pages that suit the request's type."""
    half: bool
    """Are these together half of it, so that it can become the request's?"""


def look_inside(m: Machine, zone: int, block: Fallback, start: int, old: int) -> Inside | None:
    """Count in the pageblock (type ``old``) of a block for a request of type ``start``; None across a zone's end."""
    first, end = pageblock_range(m, zone, block.pfn)
    if not end:
        return None
    blocks = free_blocks(m, first, end)
    free, movable = sum(1 << order for _, order in blocks), movable_pages(m, first, end)
    if start == MIGRATE_MOVABLE:
        alike = movable
    else:
        alike = (1 << m.arch.pageblock_order) - free - movable if old == MIGRATE_MOVABLE else 0
    return Inside(blocks, free, alike, free + alike >= 1 << m.arch.pageblock_order - 1)


def head_of(m: Machine, zone: int, source: int, order: int, rest: int) -> Fallback:
    """The block at the head of a fallback's list."""
    return Fallback(source, order, head_block(m, m.list_number(zone, source, order)), rest)


def alone(zone: int, flags: int, block: Fallback) -> Found:
    """The block and nothing beside it."""
    return Found(zone, block.pfn, block.order, flags & ALLOC_WMARK_MASK, how(block), flags, block)


def pageblocks(m: Machine, zone: int, flags: int, block: Fallback, start: int) -> Found:
    """A block of pageblock_order or more: its pageblocks become the request's."""
    retyped = 1 << block.order - m.arch.pageblock_order
    return alone(zone, flags, block._replace(rest=start, retyped=retyped, moved=1 << block.order))


def together(zone: int, flags: int, block: Fallback, start: int, inside: Inside, request: int) -> Found:
    """All free blocks of the pageblock go to the request's lists; of these the smallest that will do is taken."""
    pfn, order = smallest(inside.blocks, request)
    block = counted(block, inside)._replace(rest=start, retyped=int(inside.half), whole=True, moved=inside.free)
    return Found(zone, pfn, order, flags & ALLOC_WMARK_MASK, how(block), flags, block)


def counted(block: Fallback, inside: Inside) -> Fallback:
    """With what was counted in its pageblock."""
    return block._replace(free=inside.free, alike=inside.alike)


def how(block: Fallback) -> str:
    """``claim`` if a pageblock changes its type."""
    return "claim" if block.retyped else "steal"
