# SPDX-License-Identifier: GPL-2.0-only
"""/proc/pagetypeinfo (Linux mm/vmstat.c, pagetypeinfo_show(); the same from 6.5 to 7.1).

As a kernel with CONFIG_CMA and CONFIG_MEMORY_ISOLATION shows it: a row for each of the six types.  The third table
(mixed blocks) is there only where page_owner runs, and left out.
"""

from __future__ import annotations

from kernelmodel.defs import MIGRATE_MOVABLE, MIGRATE_NAMES, MIGRATE_TYPES
from kernelmodel.machine import Machine, ZoneSpan
from kernelmodel.mm.untouched import Template
from kernelmodel.proc.buddyinfo import nodes, populated, zone_head

CAP = 100000
"""Blocks of one list after which the kernel stops counting."""


def pagetypeinfo(m: Machine) -> str:
    """Both tables, node by node."""
    order = m.arch.pageblock_order
    head = f"Page block order: {order}\nPages per block:  {1 << order}\n\n"
    heads = "".join(f"{each:6} " for each in range(m.orders))
    names = "".join(f"{name:>12} " for name in MIGRATE_NAMES)
    blocks = block_counts(m)
    found = []
    for node in nodes(m):
        found.append(f"{head}{'Free pages count per migrate type at order':<43} {heads}\n")
        found += [_free_row(m, zone, mt) for zone in populated(m, node) for mt in range(MIGRATE_TYPES)]
        found.append(f"\n{'Number of blocks type ':<23}{names}\n")
        for zone in populated(m, node):
            found.append(f"{zone_head(m, zone)} {''.join(f'{number:12} ' for number in blocks[zone])}\n")
    return "".join(found)


def _free_row(m: Machine, zone: int, migratetype: int) -> str:
    counts = (m.nr_free.get(m.list_number(zone, migratetype, order)) for order in range(m.orders))
    cells = "".join(f">{CAP:6} " if count >= CAP else f"{count:6} " for count in counts)
    span = m.zones[zone]
    return f"Node {span.node:4}, zone {span.name:>8}, type {MIGRATE_NAMES[migratetype]:>12} {cells}\n"


def block_counts(m: Machine) -> list[list[int]]:
    """Pageblocks of each type, zone by zone: those of untouched memory by their templates, no one is walked."""
    found = [_of_templates(m, zone) for zone in range(len(m.zones))]
    for block, mt in m.pageblock.items():
        zone = zone_of_block(m, block)
        if zone >= 0:
            found[zone][mt] += 1
            found[zone][MIGRATE_MOVABLE] -= 1
    return found


def nr_pageblocks(m: Machine, span: ZoneSpan) -> int:
    """How many the kernel's walk meets, which goes from the zone's first page by whole pageblocks."""
    return -((span.start - span.end) >> m.arch.pageblock_order)


def zone_of_block(m: Machine, block: int) -> int:
    """The zone that a pageblock is counted for, -1 if none."""
    for number, span in enumerate(m.zones):
        if 0 <= block - (span.start >> m.arch.pageblock_order) < nr_pageblocks(m, span):
            return number
    return -1


def _of_templates(m: Machine, zone: int) -> list[int]:
    """All movable, but for what the templates of untouched units say."""
    found = [0] * MIGRATE_TYPES
    found[MIGRATE_MOVABLE] = nr_pageblocks(m, m.zones[zone])
    for template, number in untouched(m, zone):
        for mt in template.types:
            found[mt] += number
            found[MIGRATE_MOVABLE] -= number
    return found


def untouched(m: Machine, zone: int) -> list[tuple[Template, int]]:
    """How many untouched units a zone has of each template."""
    units = m.units[zone]
    if units is None:
        return []
    found = list(units.numbers)
    for unit, _ in m.touched.items():
        if 0 <= unit - units.first < len(units.kinds):
            found[units.kinds[unit - units.first]] -= 1
    return list(zip(units.templates, found, strict=True))
