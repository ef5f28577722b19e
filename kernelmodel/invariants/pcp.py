# SPDX-License-Identifier: GPL-2.0-only
"""Properties of the per-CPU page lists that hold at every stop; nothing is looked at where there are none."""

from __future__ import annotations

from collections.abc import Iterator

from kernelmodel.lists import Links
from kernelmodel.machine import Machine

LISTED = "on a per-CPU list"


def pcp_blocks(m: Machine) -> Iterator[tuple[int, int, int]]:
    """(place, order, first pfn) of every block on a CPU's list."""
    if not m.pcp:
        return
    from kernelmodel.mm.pcp import NR_PCP_LISTS, pindex_to_order

    heads = m.lists.next.run(Links.HEAD + Links.PCP, m.nr_cpus * len(m.zones) * NR_PCP_LISTS)
    for k, node in enumerate(heads):
        if node:
            place, pindex = divmod(k, NR_PCP_LISTS)
            order = pindex_to_order(m, pindex)
        while node:
            yield place, order, node
            node = m.lists.after(node, Links.PCP + k)


def pcp_counts_match(m: Machine) -> Iterator[str]:
    """pcp->count is the number of pages on the CPU's lists."""
    counted: dict[int, int] = {}
    for place, order, _ in pcp_blocks(m):
        counted[place] = counted.get(place, 0) + (1 << order)
    kept = dict(m.pcp_count.items())
    for place in sorted(counted.keys() | kept.keys()):
        if counted.get(place, 0) != kept.get(place, 0):
            cpu, zone = divmod(place, len(m.zones))
            have, want = kept.get(place, 0), counted.get(place, 0)
            yield f"pcp->count of cpu{cpu}, zone {m.zones[zone].name}, is {have}, its lists hold {want} pages"


def pcp_blocks_are_apart(m: Machine) -> Iterator[str]:
    """A block on a CPU's list lies in the list's zone, is neither free nor in use, and is on no other list."""
    found = [(pfn, pfn + (1 << order), LISTED) for _, order, pfn in pcp_blocks(m)]
    if not found:
        return
    for place, order, pfn in pcp_blocks(m):
        if pfn & ((1 << order) - 1) or m.zone_of(pfn) != place % len(m.zones) or is_untouched(m, pfn):
            yield f"block {pfn:#x} of order {order} is misplaced on a list of cpu{place // len(m.zones)}"
    found += [(pfn, pfn + (1 << order - 1), "free") for pfn, order in m.buddy_order.items()]
    found += [(m.frontier.get(zone), end, "free") for zone, end in enumerate(m.run_end) if m.frontier.get(zone) < end]
    found += [(pfn, pfn + (1 << m.folio_order.get(pfn)), "in use") for pfn, _ in m._refcount.items()]
    end, before = -1, ""
    for pfn, until, what in sorted(found):
        if pfn < end and LISTED in (what, before):
            yield f"block {pfn:#x} is {what}, and what begins before it is {before}"
        if until > end:
            end, before = until, what


def is_untouched(m: Machine, pfn: int) -> bool:
    """Does a page lie where no one has touched memory yet?"""
    units, unit = m.units[m.zone_of(pfn)], pfn >> m.arch.max_order
    return units is not None and not m.touched.get(unit) and units.template(unit) is not None


def pcp_bounds_hold(m: Machine) -> Iterator[str]:
    """batch is at least 1; pcp->high lies between its bounds; high_min is the larger one where the low mark is above an
    eighth of the zone."""
    if not m.pcp:
        return
    for place, high in enumerate(m.pcp_high.run(0, m.nr_cpus * len(m.zones))):
        zone = m.zones[place % len(m.zones)]
        least, most = zone.pcp_high
        if zone.pcp_batch < 1 or not min(least, most) <= high <= max(least, most):
            cpu = place // len(m.zones)
            yield f"cpu{cpu}, zone {zone.name}: pcp->high {high} not in {least}..{most}, batch {zone.pcp_batch}"
