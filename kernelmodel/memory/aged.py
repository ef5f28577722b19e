# SPDX-License-Identifier: GPL-2.0-only
"""Memory as it is after weeks of use, out of a few numbers and a seed: ``[memory] fragment``.

What holds exactly: the number of free pages (as near as whole pages allow), the numbers of pageblocks of each type and
of polluted ones.  What is only like a real machine: units (blocks of the highest order) differ much in how full they
are, most are nearly full and few are nearly empty; free pages lie in many blocks of order 0 to 3 and few of higher
orders (compare ``/proc/buddyinfo`` of a machine that has been up for days).  Some sixty templates serve a zone of any
size; the same seed gives the same memory everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from random import Random
from typing import NamedTuple

from kernelmodel.arch import Arch
from kernelmodel.defs import (
    BG_ANON,
    BG_FILE,
    BG_SLAB,
    BG_UNMOVABLE,
    MIGRATE_MOVABLE,
    MIGRATE_RECLAIMABLE,
    MIGRATE_UNMOVABLE,
    ZONE_MOVABLE,
)
from kernelmodel.memory.blocks import Layout, between
from kernelmodel.mm.untouched import Template
from kernelmodel.scenario.types import Fragment

UNMOVABLE, RECLAIMABLE, POLLUTED, CLEAN = range(4)
"""Sorts of pageblock; the last two are of type Movable."""
TYPES = (MIGRATE_UNMOVABLE, MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE, MIGRATE_MOVABLE)
MAX_TEMPLATES = 60
MOST_BOUND = 0.7
"""Share of a unit that is free at most where large free blocks shall be rare."""
MAX_TEMPLATE_PAGES = 1 << 17
"""Pages of all templates together: with large pages there are fewer templates."""
MANY_ZONES = 16
"""Machines with more aged zones than that have fewer templates in each."""

Sorts = tuple[int, ...]
"""Sorts of a unit's pageblocks."""


class Plan(NamedTuple):
    """So many units of these pageblocks with so many free pages."""

    sorts: Sorts
    free: int
    units: int


def aged(arch: Arch, start: int, end: int, zone_type: int, fragment: Fragment, salt: int, zones: int = 1) -> Layout:
    """Memory from pfn ``start`` to ``end``; ``salt`` makes zones of one machine differ, which has ``zones`` such."""
    if zone_type == ZONE_MOVABLE:
        fragment = fragment._replace(unmovable=0.0, reclaimable=0.0, polluted=0.0)
    rng = Random(fragment.seed << 10 | salt)
    unit = 1 << arch.max_order
    first, last = -(-start // unit) * unit, end // unit * unit
    if first > last:
        return Layout(b"", (), _part(arch, rng, start % unit, start % unit + end - start, fragment))
    head = _part(arch, rng, start % unit, unit, fragment) if start < first else None
    tail = _part(arch, rng, 0, end - last, fragment) if last < end else None
    parts = sum(1 << order for part in (head, tail) if part is not None for _, order, _ in part.blocks)
    units = (last - first) // unit
    plans = planned(arch, units, round(fragment.free * (end - start)) - parts, fragment, zones)
    templates = tuple(_unit(arch, rng, plan, fragment) for plan in plans)
    kinds = mixed(rng, [plan.units for plan in plans])
    return Layout(kinds, templates, head, tail)


# -- how many of what ------------------------------------------------------------------------------------
def planned(arch: Arch, units: int, free: int, fragment: Fragment, zones: int = 1) -> list[Plan]:
    """Which units there are; their free pages sum up to ``free``."""
    if not units:
        return []
    unit = 1 << arch.max_order
    share = min(max(free / (units * unit), 0.0), 1.0)
    curve = min(1 / share - 1, 8.0) if share else 8.0  # x^curve has the mean ``share`` on 0 … 1
    budget = max(min(MAX_TEMPLATES, MAX_TEMPLATE_PAGES // unit) // -(-zones // MANY_ZONES), 8)
    plans: list[Plan] = []
    carry = 0.0
    for sorts, many in composed(arch, units, fragment):
        levels = max(1, min(many, budget * many // units))
        spread = [many // levels + (k < many % levels) for k in range(levels)]
        shape = [((k + 0.5) / levels) ** curve for k in range(levels)]
        scale = share * unit * many / sum(n * x for n, x in zip(spread, shape, strict=True)) if share else 0.0
        top = most_free(arch, sorts)
        if fragment.order is not None:
            top = min(top, round(max(MOST_BOUND, share) * unit))
        for n, x in sorted(zip(spread, shape, strict=True), key=lambda each: -each[1]):
            wanted = n * x * scale + carry
            pages = min(max(round(wanted / n), 0), top)
            carry = wanted - n * pages
            plans.append(Plan(sorts, pages, n))
    return _to_measure(arch, plans, round(free - sum(plan.free * plan.units for plan in plans)))


def most_free(arch: Arch, sorts: Sorts) -> int:
    """All of a unit can be free; but of pageblocks of two types each keeps a page, else they would merge, and so does a
    polluted one."""
    return (1 << arch.max_order) - (len(sorts) if one_by_one(sorts) or POLLUTED in sorts else 0)


def one_by_one(sorts: Sorts) -> bool:
    """Are free pages put into each of two pageblocks, and not into the unit as a whole?"""
    return len(sorts) == 2 and (len({*sorts}) == 2 or POLLUTED in sorts)


def _to_measure(arch: Arch, plans: list[Plan], missing: int) -> list[Plan]:
    """One unit takes up what rounding has left."""
    k = max(range(len(plans)), key=lambda each: (plans[each].units, -each))
    plan = plans[k]
    pages = min(max(plan.free + missing, 0), most_free(arch, plan.sorts))
    if pages == plan.free:
        return plans
    rest = [plan._replace(units=plan.units - 1)] if plan.units > 1 else []
    return [*plans[:k], *rest, Plan(plan.sorts, pages, 1), *plans[k + 1 :]]


def composed(arch: Arch, units: int, fragment: Fragment) -> list[tuple[Sorts, int]]:
    """Which sorts of pageblock stand together in a unit, and how often."""
    per_unit = 1 << (arch.max_order - arch.pageblock_order)
    blocks = units * per_unit
    counts = [0] * 4
    counts[UNMOVABLE] = min(round(fragment.unmovable * blocks), blocks)
    counts[RECLAIMABLE] = min(round(fragment.reclaimable * blocks), blocks - counts[UNMOVABLE])
    movable = blocks - counts[UNMOVABLE] - counts[RECLAIMABLE]
    counts[POLLUTED] = round(fragment.polluted * movable)
    counts[CLEAN] = movable - counts[POLLUTED]
    if per_unit == 1:
        return [((sort,), n) for sort, n in enumerate(counts) if n]
    found: dict[Sorts, int] = {}
    odd: list[int] = []
    for sort in (UNMOVABLE, RECLAIMABLE, POLLUTED):  # half of them beside a clean one, half beside their like
        lone = min(counts[sort] // 2, counts[CLEAN])
        counts[CLEAN] -= lone
        for sorts, n in (((sort, CLEAN), lone // 2), ((CLEAN, sort), lone - lone // 2)):
            found[sorts] = n
        counts[sort] -= lone
    for sort in range(4):
        found[sort, sort] = counts[sort] // 2
        odd += [sort] * (counts[sort] % 2)
    for k in range(0, len(odd), 2):
        pair = odd[k], odd[k + 1]
        found[pair] = found.get(pair, 0) + 1
    return [(sorts, n) for sorts, n in found.items() if n]


def mixed(rng: Random, numbers: list[int]) -> bytes:
    """So many bytes of each value, in an order of chance; a million of them takes a fraction of a second."""
    total = sum(numbers)
    if not total:
        return b""
    ends = [sum(numbers[:k]) * 256 // total for k in range(len(numbers) + 1)]
    table = b"".join(bytes([k]) * (end - start) for k, (start, end) in enumerate(pairwise(ends)))
    found = bytearray(rng.randbytes(total).translate(table))
    over = [found.count(k) - n for k, n in enumerate(numbers)]
    missing = iter([k for k, n in enumerate(over) for _ in range(-n)])
    for k, n in enumerate(over):
        for _ in range(n):
            at = found.find(k, int(rng.random() * total))
            found[found.find(k) if at < 0 else at] = next(missing)
    return bytes(found)


# -- what they look like ---------------------------------------------------------------------------------
def _unit(arch: Arch, rng: Random, plan: Plan, fragment: Fragment) -> Template:
    """A unit with exactly so many free pages."""
    blocks: list[tuple[int, int, int]] = []
    order, sorts = arch.pageblock_order, plan.sorts
    bound = arch.max_order + 1 if fragment.order is None else fragment.order
    if not one_by_one(sorts):
        scatter(rng.random, 0, arch.max_order, plan.free, TYPES[sorts[0]], bound, blocks)
    else:
        most = (1 << order) - 1
        first = min(max(round(plan.free * rng.random()), plan.free - most), most)
        for k, pages in enumerate((first, plan.free - first)):
            scatter(rng.random, k << order, order, pages, TYPES[sorts[k]], bound, blocks)
    used: list[tuple[int, int, int]] = []
    gaps = between(blocks, 0, 1 << arch.max_order)
    for k, sort in enumerate(sorts):
        used += _used(rng, clipped(gaps, k << order, (k + 1) << order), sort, fragment.file)
    return Template(tuple(TYPES[sort] for sort in sorts), tuple(blocks), tuple(used))


def _part(arch: Arch, rng: Random, start: int, end: int, fragment: Fragment) -> Template:
    """A unit of which only ``start`` … ``end`` is in the zone: clean pageblocks, free by the same share."""
    blocks: list[tuple[int, int, int]] = []
    at, carry = start, 0.0
    bound = arch.max_order + 1 if fragment.order is None else fragment.order
    while at < end:
        order = min((at & -at).bit_length() - 1 if at else arch.max_order, (end - at).bit_length() - 1)
        wanted = fragment.free * (1 << order) + carry
        pages = min(round(wanted), 1 << order)
        carry = wanted - pages
        scatter(rng.random, at, order, pages, MIGRATE_MOVABLE, bound, blocks)
        at += 1 << order
    used = _used(rng, between(blocks, start, end), CLEAN, fragment.file)
    types = (MIGRATE_MOVABLE,) * (1 << (arch.max_order - arch.pageblock_order))
    return Template(types, tuple(blocks), tuple(used))


def scatter(
    rng: Callable[[], float], at: int, order: int, free: int, migratetype: int, bound: int,
    blocks: list[tuple[int, int, int]],
) -> None:  # fmt: skip
    """Put ``free`` free pages into 2^order pages: halves get unequal shares, and what is wholly free is one block.

    Halves of order ``bound`` and above get nearly equal shares, so that none of them is soon wholly free.
    """
    while 0 < free < 1 << order:
        order -= 1
        # beyond 0 and 1: one half gets all that it can hold
        share = 0.4 + 0.2 * rng() if order >= bound else 2 * rng() - 0.5
        left = min(max(round(free * share), 0, free - (1 << order)), 1 << order, free)
        scatter(rng, at, order, left, migratetype, bound, blocks)
        at += 1 << order
        free -= left
    if free:
        blocks.append((at, order, migratetype))


def clipped(gaps: list[tuple[int, int]], start: int, end: int) -> list[tuple[int, int]]:
    """The parts of the gaps in ``start`` … ``end``."""
    return [(max(first, start), min(last, end)) for first, last in gaps if first < end and last > start]


def _used(rng: Random, gaps: list[tuple[int, int]], sort: int, file: float) -> list[tuple[int, int, int]]:
    """(offset, pages, use) of what is not free in a pageblock."""
    if sort in (UNMOVABLE, RECLAIMABLE):
        use = BG_UNMOVABLE if sort == UNMOVABLE else BG_SLAB
        return [(first, last - first, use) for first, last in gaps]
    found: list[tuple[int, int, int]] = []
    random = rng.random
    for first, last in gaps:
        while first < last:
            n = min(last - first, 1 + int(random() * random() * 64))
            found.append((first, n, BG_FILE if random() < file else BG_ANON))
            first += n
    if sort == POLLUTED and found:
        for _ in range(1 + int(random() * 4)):
            k = min(range(len(found)), key=lambda each: (found[each][2] == BG_UNMOVABLE, found[each][1] + random() * 8))
            found[k] = (*found[k][:2], BG_UNMOVABLE)
    return found
