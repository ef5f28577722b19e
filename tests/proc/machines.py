# SPDX-License-Identifier: GPL-2.0-only
"""Machines whose memory looks as templates say."""

from __future__ import annotations

from kernelmodel.machine import Machine
from kernelmodel.mm.untouched import Template, Units, set_up
from tests.build import session

START = (4 << 30) >> 12
UNIT = 1 << 10

MIXED = Template(
    types=(1, 0),
    blocks=((0, 4, 1), (64, 0, 1), (512, 9, 0)),
    pages=((16, 48, 3), (65, 447, 4)),
)
"""A movable pageblock with 16 + 1 free pages, the rest anonymous and page cache; an unmovable one, free."""
FULL = Template(types=(2, 3), blocks=(), pages=((0, 512, 2), (512, 400, 1), (912, 112, 5)))
"""A reclaimable pageblock full of slab; a highatomic one with kernel memory and pinned pages."""


def mixed_machine(kinds: bytes, *templates: Template, variant: str = "6.18") -> Machine:
    """One zone of units and nothing else; ``kinds`` has a template's number for each."""
    m = session("[memory]\nfree = { 0 = 1 }", head=f'variant = "{variant}"').m
    m.lists.remove(START, m.list_number(0, 1, 0))
    pages = len(kinds) * UNIT
    m.zones[0] = m.zones[0]._replace(end=START + pages, managed=pages, present=pages)
    m.nr_free_pages.set(0, 0)
    set_up(m, Units(0, START // UNIT, kinds, templates))
    return m
