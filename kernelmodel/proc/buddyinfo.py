# SPDX-License-Identifier: GPL-2.0-only
"""/proc/buddyinfo (Linux mm/vmstat.c, frag_show_print(); the same from 6.5 to 7.1)."""

from __future__ import annotations

from kernelmodel.defs import MIGRATE_TYPES
from kernelmodel.machine import Machine


def nodes(m: Machine) -> list[int]:
    """The nodes that have memory."""
    return sorted({zone.node for zone in m.zones})


def populated(m: Machine, node: int) -> list[int]:
    """Numbers of a node's populated zones, from low to high."""
    return [number for number, zone in enumerate(m.zones) if zone.node == node and zone.present]


def free_area(m: Machine, zone: int) -> tuple[int, ...]:
    """Free blocks per order, of all types: ``zone->free_area[order].nr_free``."""
    return tuple(
        sum(m.nr_free.get(m.list_number(zone, mt, order)) for mt in range(MIGRATE_TYPES)) for order in range(m.orders)
    )


def zone_head(m: Machine, zone: int) -> str:
    """``Node 0, zone   Normal``, as most of these files begin a row."""
    return f"Node {m.zones[zone].node}, zone {m.zones[zone].name:>8}"


def buddyinfo(m: Machine) -> str:
    """A row a zone; pages on the CPUs' own lists are not in it."""
    return "".join(
        zone_head(m, zone) + " " + "".join(f"{blocks:6} " for blocks in free_area(m, zone)) + "\n"
        for node in nodes(m)
        for zone in populated(m, node)
    )
