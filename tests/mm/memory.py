# SPDX-License-Identifier: GPL-2.0-only
"""Machines whose memory is exactly as a test wants it."""

from __future__ import annotations

from kernelmodel.defs import BG_UNMOVABLE, ZONE_NAMES, ZONE_NORMAL
from kernelmodel.machine import Machine, ZoneSpan
from kernelmodel.mm.buddy import del_head
from kernelmodel.mm.untouched import Template, Units, set_up
from tests.build import session

PAGEBLOCK = 512
UNIT = 1024
FIRST = 1 << 10
"""Number of the first unit: the zone begins at 4G."""
START = FIRST * UNIT


def unit(types: tuple[int, int], free: dict[int, int], use: int | tuple[int, int] = BG_UNMOVABLE) -> Template:
    """A unit with free blocks {offset: order}; all other pages (of each of its pageblocks) are used for ``use``."""
    uses = (use, use) if isinstance(use, int) else use
    blocks = tuple((at, order, types[at // PAGEBLOCK]) for at, order in sorted(free.items()))
    pages, at = [], 0
    for start, order, _ in (*blocks, (UNIT, 0, 0)):
        while at < start:
            end = min(start, (at // PAGEBLOCK + 1) * PAGEBLOCK)
            pages.append((at, end - at, uses[at // PAGEBLOCK]))
            at = end
        at = start + (1 << order)
    return Template(types, blocks, tuple(pages))


def memory(variant: str, *zones: tuple[Template, ...], types: tuple[int, ...] = (), knobs: str = "") -> Machine:
    """A machine on x86-64 with these zones, each made of these units; all marks are 0."""
    m = session(f"[memory]\nfree = {{ 0 = 1 }}\n{knobs}", head=f'variant = "{variant}"').m
    del_head(m, m.list_number(0, 1, 0))
    m.nr_free_pages.set(0, 0)
    for each in (m.zones, m.run_end, m.units, m.lone_blocks):
        each.clear()
    first = FIRST
    for number, templates in enumerate(zones):
        start, end = first * UNIT, (first + len(templates)) * UNIT
        kind = types[number] if types else ZONE_NORMAL
        m.zones.append(ZoneSpan(0, ZONE_NAMES[kind], start, end, kind, managed=end - start, present=end - start))
        m.run_end.append(start)
        m.frontier.set(number, start)
        m.units.append(None)
        set_up(m, Units(number, first, bytes(range(len(templates))), templates))
        first += len(templates)
    m.mixed = m.cma = True
    m.journal.seal()
    return m


def blocks(m: Machine, migratetype: int, order: int, zone: int = 0) -> list[int]:
    """A list's blocks, from its head on, as distances from the first zone's start; -1 stands for untouched ones."""
    number, found = m.list_number(zone, migratetype, order), []
    node = m.lists.first(number)
    while node:
        found.append(node - START if node < m.lists.RUN else -1)
        node = m.lists.after(node, number)
    return found
