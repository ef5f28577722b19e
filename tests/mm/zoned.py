# SPDX-License-Identifier: GPL-2.0-only
"""Machines with zones of any type on any node, and blocks of any type, for tests of the allocator."""

from __future__ import annotations

from typing import NamedTuple

from kernelmodel.defs import MIGRATE_CMA, MIGRATE_MOVABLE, ZONE_NAMES, ZONE_NORMAL
from kernelmodel.machine import Machine
from tests.build import session


class Zone(NamedTuple):
    """One zone: its free movable blocks by order, WMARK_MIN (low and high are a quarter of it higher each), reserves."""

    node: int = 0
    type: int = ZONE_NORMAL
    free: str = "{ 0 = 1 }"
    min: int = 0
    reserve: tuple[int, int, int, int] = (0, 0, 0, 0)


def zoned(variant: str, *zones: Zone) -> Machine:
    """A machine at rest with these zones of 16M."""
    text = "".join(f'[[memory.node]]\nsize = "16M"\nfree = {zone.free}\nmin = {zone.min}\n' for zone in zones)
    m = session(text, head=f'variant = "{variant}"').m
    for number, zone in enumerate(zones):
        m.zones[number] = m.zones[number]._replace(
            node=zone.node, type=zone.type, name=ZONE_NAMES[zone.type], reserve=zone.reserve, boosts=True
        )
    m.scopes.clear()
    return m


def put(m: Machine, zone: int, migratetype: int, order: int, block: int = 1) -> int:
    """One free block more, alone in the ``block``-th pageblock from the zone's end, which gets its type."""
    pfn = m.zones[zone].end - (block << m.arch.pageblock_order)
    m.mixed |= migratetype != MIGRATE_MOVABLE
    m.cma |= migratetype == MIGRATE_CMA
    m.pageblock.set(pfn >> m.arch.pageblock_order, migratetype)
    m.lists.insert(pfn, m.list_number(zone, migratetype, order), tail=True)
    m.nr_free_pages.add(zone, 1 << order)
    return pfn
