# SPDX-License-Identifier: GPL-2.0-only
"""Memory that is not fresh and that no one has touched yet: a terabyte of it costs a byte for four megabytes.

A zone is cut into *units* of the largest block (2^MAX_ORDER pages).  Each unit looks like one of a few *templates*,
which say what type its pageblocks have, which blocks are free and what the other pages are used for.  Free blocks of
untouched units are counted in ``nr_free`` and stand on their list as one node, ``Links.UNTOUCHED + list``.  A unit is
*touched* when something takes a block of it, frees a page of it or looks at its pages: then its free blocks become
nodes, ahead of that one node, and its pages get their use.  Which of the blocks that nobody has looked at is first on
a list is not known of a real machine either.
"""

from __future__ import annotations

from typing import NamedTuple

from kernelmodel.defs import MIGRATE_TYPES
from kernelmodel.lists import Links
from kernelmodel.machine import Machine


class Template(NamedTuple):
    """What a unit looks like.  Offsets are in pages from its start, ascending."""

    types: tuple[int, ...]
    """Migratetype of each pageblock."""
    blocks: tuple[tuple[int, int, int], ...]
    """(offset, order, migratetype) of each free block; no two of them could merge."""
    pages: tuple[tuple[int, int, int], ...]
    """(offset, number of pages, use) of what is not free; use is one of defs.BG_*."""

    def free(self, migratetype: int, order: int) -> int:
        """How many blocks it has for a list."""
        return sum(1 for _, o, mt in self.blocks if o == order and mt == migratetype)

    def used(self, *uses: int) -> int:
        """How many of its pages are used for one of these."""
        return sum(n for _, n, use in self.pages if use in uses)


class Units:
    """The units of one zone: ``kinds[k]`` is the template's number of the zone's unit ``k``.  Nothing of it changes."""

    def __init__(self, zone: int, first: int, kinds: bytes, templates: tuple[Template, ...]) -> None:
        self.zone = zone
        self.first = first
        """Number (pfn >> MAX_ORDER) of the first unit."""
        self.kinds = kinds
        self.templates = templates
        self.numbers = tuple(kinds.count(kind) for kind in range(len(templates)))
        """How many units look like each template."""
        self._has: dict[tuple[int, int], bytes] = {}
        self._uses: dict[int, bytes] = {}

    def has(self, migratetype: int, order: int) -> bytes:
        """A byte a unit: 1 if its template has a block for that list."""
        key = migratetype, order
        known = self._has.get(key)
        if known is None:
            table = bytes(1 if t.free(migratetype, order) else 0 for t in self.templates).ljust(256, b"\0")
            known = self._has[key] = self.kinds.translate(table)
        return known

    def uses(self, kind: int, size: int) -> bytes:
        """What each page of a template is used for; 0 (BG_NONE) for a free one."""
        known = self._uses.get(kind)
        if known is None:
            pages = bytearray(size)
            for offset, n, use in self.templates[kind].pages:
                pages[offset : offset + n] = bytes((use,)) * n
            known = self._uses[kind] = bytes(pages)
        return known

    def template(self, unit: int) -> Template | None:
        """What a unit (pfn >> MAX_ORDER) looked like at boot, None if it is not one of these."""
        k = unit - self.first
        return self.templates[self.kinds[k]] if 0 <= k < len(self.kinds) else None


def set_up(m: Machine, units: Units) -> None:
    """Put the blocks of all units on the lists, the used pages into the zone's counts.  Boot only."""
    zone = units.zone
    for mt in range(MIGRATE_TYPES):
        for order in range(m.orders):
            n = sum(many * t.free(mt, order) for many, t in zip(units.numbers, units.templates, strict=True))
            if n:
                number = m.list_number(zone, mt, order)
                m.nr_free.add(number, n)
                m.untouched_left.set(number, n)
                m.nr_free_pages.add(zone, n << order)
                m.lists.insert(Links.UNTOUCHED + number, number, tail=True, counted=False)
    m.units[zone] = units


def next_unit(m: Machine, number: int) -> int:
    """The untouched unit (pfn >> MAX_ORDER) whose block is next on a list; -1 if there is none left."""
    rest, order = divmod(number, m.orders)
    zone, mt = divmod(rest, MIGRATE_TYPES)
    units = m.units[zone]
    if units is None or not m.untouched_left.get(number):
        return -1
    has = units.has(mt, order)
    at = has.find(1, m.untouched_at.get(number))
    while m.touched.get(units.first + at):
        at = has.find(1, at + 1)
    return units.first + at


def peek_untouched(m: Machine, number: int) -> int:
    """First pfn of the block that an untouched unit has next for a list, without touching it."""
    rest, order = divmod(number, m.orders)
    zone, mt = divmod(rest, MIGRATE_TYPES)
    unit, units = next_unit(m, number), m.units[zone]
    assert units is not None
    template = units.template(unit)
    assert template is not None
    offset = next(offset for offset, o, t in template.blocks if o == order and t == mt)
    return (unit << m.arch.max_order) + offset


def touch(m: Machine, pfn: int) -> None:
    """Make the unit of a pfn known page by page, if it is one that is not yet."""
    unit = pfn >> m.arch.max_order
    zone = m.zone_of(pfn)
    units = m.units[zone] if 0 <= zone < len(m.units) else None
    if units is None or m.touched.get(unit):
        return
    template = units.template(unit)
    if template is None:
        return
    m.touched.set(unit, 1)
    start = unit << m.arch.max_order
    block = start >> m.arch.pageblock_order
    for k, mt in enumerate(template.types):
        m.pageblock.set(block + k, mt)
    for offset, n, use in template.pages:
        m.background.fill(start + offset, n, use)
    counts: dict[int, int] = {}
    for _, order, mt in template.blocks:
        number = m.list_number(zone, mt, order)
        counts[number] = counts.get(number, 0) + 1
    for number, n in counts.items():
        m.nr_free.add(number, -n)
        m.untouched_left.add(number, -n)
    for offset, order, mt in template.blocks:
        number = m.list_number(zone, mt, order)
        here = Links.UNTOUCHED + number
        m.lists.insert_between(start + offset, number, m.lists.prev.get(here), here)
    for number in counts:
        if not m.untouched_left.get(number):
            m.lists.remove(Links.UNTOUCHED + number, number, counted=False)


def touch_next(m: Machine, number: int) -> None:
    """Touch the unit that has a list's next block."""
    unit, units = next_unit(m, number), m.units[number // m.orders // MIGRATE_TYPES]
    assert units is not None
    touch(m, unit << m.arch.max_order)
    m.untouched_at.set(number, unit + 1 - units.first)
